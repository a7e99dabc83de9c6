"""The motif profile of every region: z against each null model, and enrichment, with their intervals."""

import numpy as np

from digimus.figures.motifs import GEOMETRY, NOT_TESTED, NULL_NAMES, NULLS, VERDICTS, readings
from digimus.figures.style import (
    GREY,
    INK,
    NEURONS,
    TINY,
    Page,
    dodge,
    legend_entry,
    minus,
    region_labels,
    wrap,
)
from digimus.figures.triads import EDGES, draw_heads

PROFILES = (
    "source", "region", "triad", "null", "z", "z_low", "z_high", "p_corrected", "enrichment",
    "enrichment_low", "enrichment_high", "enrichment_jackknife_se",
)  # fmt: skip
COLOURS = {"dyad": "#888888", "degree": "#DDAA33", "distance": "#66BBDD", GEOMETRY: "#332288"}
FURTHER = "#AA4499"
MOST_REGIONS = 8
Z_TICKS = (-1000, -100, -10, -2, 0, 2, 10, 100, 1000)


def profiles(inputs):
    """A row a region: z against every null model on the left, enrichment on the right.

    Beyond `MOST_REGIONS` regions those with the largest excess over the distance null are drawn, and the
    table behind the figure still holds all.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``motifs/*/profiles.csv`` and ``motifs/*/verdicts.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    rows = inputs.table("motifs/*/profiles.csv", PROFILES)
    verdicts = inputs.table("motifs/*/verdicts.csv", VERDICTS)
    sources = sorted({*rows["source"]})
    rows = rows.assign(label=region_labels(rows, sources=sources))
    verdicts = verdicts.assign(label=region_labels(verdicts, sources=sources))
    labels = list(dict.fromkeys(rows["label"]))
    shown = _most_deviant(labels, verdicts)
    note = len(shown) < len(labels)

    page = Page(34 + 27 * max(len(shown), 1) + 5 * note)
    grid = page.figure.subplots(max(len(shown), 1), 2, squeeze=False, sharex=True, sharey="col")
    page.panel(grid[0, 0], "a", "z against each null model", 32)
    page.panel(grid[0, 1], "b", "log enrichment over the dyad null", 32)
    if not shown:
        for axes, letter in zip(grid[0], "ab", strict=True):
            page.not_available(axes, letter, "no region has a profile")
        return page.finish()
    columns = ["source", "region", "triad", "null", "z", "z_low", "z_high", "p_corrected"]
    page.keep("a", rows[columns].assign(drawn=rows["label"].isin(shown)))
    dyad = rows[rows["null"] == "dyad"]
    columns = ["source", "region", "triad", *PROFILES[8:]]
    page.keep("b", dyad[columns].assign(drawn=dyad["label"].isin(shown)))
    words = readings(verdicts.assign(differs=verdicts["differs"].astype(str).eq("True")))
    tested = set(rows.loc[rows["z"].notna(), "null"])
    kinds = [*(k for k in NULLS if k in tested), *sorted(tested - set(NULLS))]
    for (left, right), label in zip(grid, shown, strict=True):
        here = rows[rows["label"] == label]
        _z(left, here, kinds)
        if not here["z"].notna().any():
            left.text(
                0.5, 0.5, wrap(NOT_TESTED, 42), transform=left.transAxes, ha="center", va="center",
                color="#555555", fontsize=TINY, bbox=dict(facecolor="white", edgecolor="none", pad=2),
            )  # fmt: skip
        _enrichment(right, here[here["null"] == "dyad"])
        _name(left, label, words.get(label), label == shown[0])
    _finish_axes(grid, rows[rows["label"].isin(shown)])
    _legend(page.figure, kinds)
    if note:
        grid[-1, 0].set_xlabel(
            f"The {len(shown)} regions of {len(labels)} "
            + ("with the largest excess over the distance null; " if kinds else "that come first; ")
            + "the table behind the figure holds all.", loc="left", color="#555555",
        )  # fmt: skip
    page.simulated("ab", NEURONS, sorted(inputs.simulated_sources(rows)))
    return page.finish()


def _most_deviant(labels, verdicts):
    """All regions, or those with the largest excess over the distance null, in the order of the tables."""
    if len(labels) <= MOST_REGIONS:
        return labels
    stricter = verdicts[verdicts["null"] == GEOMETRY]
    excess = (stricter if len(stricter) else verdicts).groupby("label")["excess"].max()
    excess = excess.reindex(labels).fillna(-np.inf)
    chosen = set(excess.sort_values(ascending=False, kind="stable").index[:MOST_REGIONS])
    return [label for label in labels if label in chosen]


def _z(axes, rows, kinds):
    """z with the spread over draws, a colour and a place within the class for every null."""
    place = {triad: x for x, triad in enumerate(EDGES)}
    offsets, _ = dodge(len(kinds), 0.2, 0.62)
    for kind, offset in zip(kinds, offsets, strict=True):
        here = rows[rows["null"] == kind]
        x = here["triad"].map(place).astype(float) + offset
        colour = COLOURS.get(kind, FURTHER)
        axes.vlines(x, here["z_low"], here["z_high"], color=colour, linewidth=0.8)
        clear = here["p_corrected"] < 0.05
        for chosen, face in ((clear, colour), (~clear, "white")):
            axes.plot(
                x[chosen], here.loc[chosen, "z"], NULLS.get(kind, "v"), color=colour, markerfacecolor=face,
                markersize=2.6, markeredgewidth=0.6,
            )  # fmt: skip


def _enrichment(axes, rows):
    """Log enrichment with its bootstrap interval; beside it plus and minus one jackknife standard error."""
    place = {triad: x for x, triad in enumerate(EDGES)}
    x = rows["triad"].map(place).astype(float)
    axes.vlines(x - 0.1, rows["enrichment_low"], rows["enrichment_high"], color=INK, linewidth=0.9)
    error = rows["enrichment_jackknife_se"]
    axes.vlines(
        x + 0.18, rows["enrichment"] - error, rows["enrichment"] + error, color="#CC6677", linewidth=1.6
    )
    axes.plot(x - 0.1, rows["enrichment"], "o", color=INK, markersize=2.6)


def _name(axes, label, words, first):
    """The region and what its verdicts say, above its row."""
    text = " – ".join([label, "; ".join(filter(None, words))] if words else [label])
    name = axes.annotate(
        text, (0, 1), xycoords="axes fraction", xytext=(0, 2), textcoords="offset points", fontsize=TINY,
        fontweight="bold", annotation_clip=False,
    )  # fmt: skip
    name.set_in_layout(False)
    if not first:
        axes.set_title(" ", fontsize=TINY, pad=1)


def _finish_axes(grid, rows):
    """Shared scales, bands behind the classes, names below and drawings above."""
    for axes in grid.flat:
        axes.axhline(0, color=GREY, linewidth=0.6, zorder=1)
        for x in range(0, len(EDGES), 2):
            axes.axvspan(x - 0.5, x + 0.5, color="#F5F5F5", linewidth=0, zorder=0)
        axes.set_xlim(-0.5, len(EDGES) - 0.5)
        axes.set_xticks(range(len(EDGES)), EDGES, fontsize=TINY, rotation=90)
        axes.tick_params(axis="x", length=0)
    numbers = rows[["z", "z_low", "z_high"]].to_numpy(float)
    limit = float(np.nanmax(np.abs(numbers))) if np.isfinite(numbers).any() else 1.0
    limit = max(limit, 4.0)
    ticks = [t for t in Z_TICKS if abs(t) <= limit]
    for axes in grid[:, 0]:
        axes.set_yscale("symlog", linthresh=2, linscale=0.6)
        axes.set_ylim(-1.3 * limit, 1.3 * limit)
        axes.set_yticks(ticks, [minus(str(t)) for t in ticks])
        axes.minorticks_off()
        axes.set_ylabel("z")
    numbers = rows.loc[rows["null"] == "dyad", ["enrichment", "enrichment_low", "enrichment_high"]]
    numbers = numbers.to_numpy(float)
    if np.isfinite(numbers).any():
        low, high = min(0, np.nanmin(numbers)), max(0, np.nanmax(numbers))
        margin = 0.06 * max(high - low, 0.1)
        grid[0, 1].set_ylim(low - margin, high + margin)
    for axes in grid[:, 1]:
        axes.set_ylabel("log enrichment")
    for axes in grid[0]:
        draw_heads(axes, EDGES, 12)


def _legend(figure, kinds):
    handles = [legend_entry(COLOURS.get(kind, FURTHER), NULLS.get(kind, "v")) for kind in kinds]
    names = [f"null: {NULL_NAMES.get(kind, kind)}" for kind in kinds]
    if kinds:
        handles, names = [*handles, legend_entry(INK, filled=False)], [*names, "hollow: corrected p ≥ .05"]
    handles += [legend_entry(INK, "o", "-"), legend_entry("#CC6677", "", "-")]
    names += ["enrichment, bootstrap 95 %", "± one jackknife error over brains"]
    figure.legend(handles, names, loc="outside lower center", ncols=4)
