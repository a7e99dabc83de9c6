"""Every claim with its effect, interval and verdict."""

import numpy as np

from digimus.figures.style import GREY, INK, VERDICT_STYLES, Page, legend_entry, wrap

CLAIMS = (
    "claim", "test", "n", "effect", "ci_low", "ci_high", "p_corrected", "smallest_effect", "verdict",
    "figure", "unit", "effect_unit", "simulated", "note",
)  # fmt: skip
ROW_MM = 8.5


def claims(inputs):
    """Forest plot of the claims, one axis for each unit of effect.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Table ``claims.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    table = inputs.table("claims.csv", CLAIMS)
    if not len(table):
        page = Page(40)
        axes = page.figure.subplots()
        page.panel(axes, "a", "claims")
        page.not_available(axes, "a", "no claim was tested")
        return page.finish()
    table = table.assign(order=range(len(table)))
    groups = list(table.groupby("effect_unit", sort=False, dropna=False))
    heights = [11 + ROW_MM * len(rows) for _, rows in groups]
    page = Page(12 + sum(heights))
    grid = page.figure.subplots(
        len(groups),
        1,
        squeeze=False,
        gridspec_kw=dict(height_ratios=[ROW_MM * len(rows) for _, rows in groups]),
    )[:, 0]
    for k, (axes, (unit, rows)) in enumerate(zip(grid, groups, strict=True)):
        letter = chr(ord("a") + k)
        _forest(page, axes, letter, str(unit), rows)
        simulated = rows["simulated"].astype(str).eq("True")
        if simulated.any():
            page.simulated(letter, "claims marked S rest on simulated inputs", [""])
    handles = [
        legend_entry(colour, marker, filled=verdict != "undetermined")
        for verdict, (colour, marker) in VERDICT_STYLES.items()
    ]
    handles.append(legend_entry(INK, "|", size=7))
    page.figure.legend(
        handles, [*VERDICT_STYLES, "smallest effect of interest"], loc="outside lower center", ncols=4
    )
    return page.finish()


def _forest(page, axes, letter, unit, rows):
    """Claims whose effects share a unit."""
    page.keep(letter, rows[list(CLAIMS)])
    page.panel(axes, letter)
    axes.axvline(0, color=GREY, linewidth=0.7)
    labels = []
    for y, row in enumerate(rows.itertuples()):
        colour, marker = VERDICT_STYLES.get(row.verdict, VERDICT_STYLES["undetermined"])
        simulated = str(row.simulated) == "True"
        labels.append(wrap(row.claim + (" [S]" if simulated else ""), 50).replace("\n[S]", " [S]"))
        known = np.isfinite(row.effect)
        if known:
            if np.isfinite([row.ci_low, row.ci_high]).all():
                axes.plot([row.ci_low, row.ci_high], [y, y], "-", color=colour, linewidth=1.4)
            face = "white" if row.verdict == "undetermined" else colour
            axes.plot([row.effect], [y], marker, color=colour, markerfacecolor=face, markersize=5)
        if np.isfinite(row.smallest_effect):
            axes.plot([row.smallest_effect], [y], "|", color=INK, markersize=9, markeredgewidth=1)
        axes.annotate(
            _words(row) if known else f"{row.verdict}\n{_reason(row)}", (1, y),
            xycoords=("axes fraction", "data"), xytext=(8, 0), textcoords="offset points", va="center",
            color=colour, fontsize=6.3, annotation_clip=False,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), labels)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=6)
    axes.margins(x=0.08)
    axes.set_xlabel(unit)


def _words(row):
    p = f"{row.p_corrected:.2g}" if np.isfinite(row.p_corrected) else "not available"
    values = [f"{value:.3g}".replace("-", "−") for value in (row.effect, row.ci_low, row.ci_high)]
    unit = f"{row.unit}s" if row.n != 1 else row.unit
    return f"{row.verdict}\n{values[0]} ({values[1]} to {values[2]}), p = {p}, {row.n} {unit}"


def _reason(row):
    note = str(row.note)
    return wrap(note if note not in ("", "nan") else "not available", 44)
