"""Every claim with its effect, interval and verdict: all of them by category, and in brief."""

import numpy as np

from digimus.figures.style import (
    GREY,
    INK,
    VERDICT_STYLES,
    Page,
    legend_entry,
    minus,
    panel_letters,
    wrap,
)

CLAIMS = (
    "claim", "category", "test", "n", "effect", "ci_low", "ci_high", "p_corrected", "smallest_effect",
    "scale", "verdict", "figure", "unit", "effect_unit", "simulated", "note", "not_available",
)  # fmt: skip
CATEGORIES = {
    "abstract": "Claims of the abstract",
    "control": "Decisive controls",
    "causal": "Causal tests",
}
IN_BRIEF = ("abstract", "causal")
ROOMY_MM, DENSE_MM, PAGE_MM = 5.0, 3.2, 228
BRIEF_MM, MOST_IN_BRIEF = 3.4, 26
FRAME_MM, BRIEF_FRAME_MM = 12, 16
AXIS = "effect as a multiple of the smallest one of interest (of tests against a margin: of the margin)"


def claims(inputs):
    """Forest plot of all claims, a panel for each category, on one scale.

    Effects are shown as multiples of the smallest effect of interest, so that those in different units have
    one axis; their values in their own units stand beside them.

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
    groups = [(name, rows) for name, rows in table.groupby("category", sort=False, dropna=False)]
    room = (PAGE_MM - FRAME_MM * len(groups)) / len(table)
    row_mm = min(ROOMY_MM, max(DENSE_MM, room))
    page = Page(FRAME_MM * (len(groups) + 1) + row_mm * len(table))
    heights = [row_mm * len(rows) for _, rows in groups]
    grid = page.figure.subplots(len(groups), 1, squeeze=False, height_ratios=heights)[:, 0]
    reach = _reach(table)
    for letter, axes, (category, rows) in zip(panel_letters(len(groups)), grid, groups, strict=True):
        page.panel(axes, letter, CATEGORIES.get(category, str(category)))
        size = 5.8 if row_mm > 4 else 5
        _forest(axes, rows, reach, size=size, words=_words if row_mm > 4 else _line, characters=58)
        _record(page, letter, rows)
    grid[-1].set_xlabel(AXIS, fontsize=6)
    page.figure.legend(*_legend(), loc="outside lower center", ncols=4)
    return page.finish()


def in_brief(table):
    """The claims that the summary shows: those of the abstract and the causal tests, as many as have room."""
    return table[table["category"].isin(IN_BRIEF)].iloc[:MOST_IN_BRIEF]


def summary_height_mm(table):
    """The height that `draw_summary` wants for a table of claims, in mm."""
    return BRIEF_FRAME_MM + BRIEF_MM * max(len(in_brief(table)), 5)


def draw_summary(page, part, table, letter):
    """Draw the claims of the abstract and the causal tests, a line each.

    Parameters
    ----------
    page : digimus.figures.style.Page
    part : matplotlib.figure.SubFigure
        Of the page's width, and as high as `summary_height_mm` says.
    table : pandas.DataFrame
        As claims.csv.
    letter : str
        Of the panel.
    """
    rows = in_brief(table)
    axes = part.subplots()
    if not len(rows):
        page.panel(axes, letter, "claims")
        page.not_available(axes, letter, "no claim was tested")
        return
    left_out = int(table["category"].isin(IN_BRIEF).sum()) - len(rows)
    title = "Claims of the abstract and causal tests"
    page.panel(axes, letter, title + (f" ({left_out} more in the figure of all claims)" if left_out else ""))
    _forest(axes, rows, _reach(rows), size=5.5, words=_line, characters=90)
    axes.set_xlabel(AXIS, fontsize=6)
    part.legend(*_legend(), loc="outside lower center", ncols=4, fontsize=6)
    _record(page, letter, rows)


def _record(page, letter, rows):
    """Keep what a panel shows, and mark it where claims rest on simulated inputs."""
    page.keep(letter, rows[list(CLAIMS)])
    if rows["simulated"].astype(str).eq("True").any():
        page.simulated(letter, "claims marked S rest on simulated inputs", [""])


def _reach(table):
    """How far the axis reaches: the largest multiple shown, from 2 to 100."""
    scaled = table[["effect", "ci_low", "ci_high"]].astype(float).div(table["scale"].astype(float), axis=0)
    largest = scaled.abs().replace(np.inf, np.nan).max().max()
    return float(np.clip(1.15 * largest, 2, 100)) if np.isfinite(largest) else 2.0


def _forest(axes, rows, reach, *, size, words, characters):
    """A row a claim: its name, its interval on the common scale, its verdict and its numbers."""
    axes.axvline(0, color=GREY, linewidth=0.7)
    labels = []
    for y, row in enumerate(rows.itertuples()):
        labels.append(wrap(row.claim + (" [S]" if str(row.simulated) == "True" else ""), characters))
        colour, marker = VERDICT_STYLES.get(row.verdict, VERDICT_STYLES["undetermined"])
        beside = dict(va="center", color=colour, fontsize=size, annotation_clip=False)
        beside |= dict(xycoords=("axes fraction", "data"), textcoords="offset points")
        axes.annotate(row.verdict, (1, y), xytext=(6, 0), **beside)
        axes.annotate(words(row), (1, y), xytext=(6 + 7.8 * size, 0), **beside | dict(linespacing=1.0))
        if not np.isfinite(row.effect):
            axes.barh(y, 2 * reach, left=-reach, height=0.8, color="#EEEEEE", linewidth=0, zorder=2)
            axes.text(
                0.5, y, "not available", transform=axes.get_yaxis_transform(), ha="center", va="center",
                fontsize=min(size, 5.2), color="#555555",
            )  # fmt: skip
            continue
        low, effect, high, least = np.clip(
            np.array([row.ci_low, row.effect, row.ci_high, row.smallest_effect]) / row.scale, -reach, reach
        )
        axes.plot([low, high], [y, y], "-", color=colour, linewidth=1.2)
        axes.plot([least], [y], "|", color=INK, markersize=size, markeredgewidth=0.9)
        face = "white" if row.verdict == "undetermined" else colour
        axes.plot([effect], [y], marker, color=colour, markerfacecolor=face, markersize=3.6)
    axes.set_yticks(range(len(rows)), labels, fontsize=size, linespacing=1.0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_xscale("symlog", linthresh=2, linscale=1)
    ticks = [tick for tick in ((1, 2, 5) if reach < 10 else (1, 10, 100)) if tick <= reach]
    axes.set_xticks([-tick for tick in ticks[::-1]] + [0, *ticks], minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter(lambda value, _: minus(f"{value:g}"))
    axes.tick_params(axis="x", labelsize=6)
    axes.set_xlim(-reach, reach)


def _legend():
    """Handles and labels of the verdicts, and of the mark of the smallest effect."""
    handles = [
        legend_entry(colour, marker, filled=verdict != "undetermined")
        for verdict, (colour, marker) in VERDICT_STYLES.items()
    ]
    return [*handles, legend_entry(INK, "|", size=7)], [*VERDICT_STYLES, "smallest effect of interest"]


def _words(row):
    """Effect, interval and unit in one line, p and n in the next; or why there are none, in two."""
    if not np.isfinite(row.effect):
        return wrap(_reason(row), 46)
    return f"{_interval(row)} {row.effect_unit}\n{_tested(row)}"


def _line(row):
    """Effect and interval, p and n in one line."""
    if not np.isfinite(row.effect):
        reason = _reason(row)
        return reason if len(reason) <= 56 else reason[:54].rsplit(" ", 1)[0] + " …"
    return f"{_interval(row)}, {_tested(row)}"


def _interval(row):
    effect, low, high = (minus(f"{value:.2g}") for value in (row.effect, row.ci_low, row.ci_high))
    return f"{effect} ({low} to {high})" if np.isfinite(row.ci_low) else f"{effect} (no interval)"


def _tested(row):
    p = f"p = {row.p_corrected:.2g}" if np.isfinite(row.p_corrected) else "no p"
    return f"{p}, {row.n:.0f} {row.unit}{'s' if row.n != 1 else ''}"


def _reason(row):
    for text in (row.not_available, row.note):
        if str(text) not in ("", "nan"):
            return str(text)
    return "not available"
