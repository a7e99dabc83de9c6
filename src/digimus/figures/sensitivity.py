"""How far the motif profile of a region moves when voxel, blur or filling fraction change."""

import numpy as np
import pandas as pd
from matplotlib.colors import BoundaryNorm, PowerNorm

from digimus.figures.style import (
    GREY,
    INK,
    NEURONS,
    REGION_COLOURS,
    TINY,
    Page,
    ink_on,
    legend_entry,
    minus,
    region_labels,
    round_ticks,
    row_size,
    spread,
)
from digimus.figures.triads import EDGES, draw_heads

SENSITIVITY = (
    "source", "region", "voxel_um", "blur_um", "filling_fraction", "reference", "density", "triad",
    "expected_count", "enrichment", "cosine_enrichment", "cosine_frequency", "shift_se",
)  # fmt: skip
SETTING = ["voxel_um", "blur_um", "filling_fraction"]
MOST_REGIONS = 6
NUMBERS_FIT = 9
SHIFT_STEPS = (0, 0.5, 1, 2, 3, 5, 10)
MOST_LABELS = 40
LEAST_COUNT = 1.0


def sensitivity(inputs):
    """Likeness to the reference by setting, the shift in standard errors, densities, and class by class.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``motifs/*/sensitivity.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    rows = inputs.table("motifs/*/sensitivity.csv", SENSITIVITY).dropna(subset=SETTING)
    rows = rows.assign(label=region_labels(rows), reference=rows["reference"].astype(str).eq("True"))
    rows = rows.assign(setting=_settings(rows), counted_shift_se=_counted(rows))
    labels = list(dict.fromkeys(rows["label"]))
    settings = sorted(set(rows["setting"]))
    shown = _most_moved(labels, rows)
    tall, _ = row_size(len(labels))
    heights = [48 + max(20, tall * len(labels)), 30 + 30 * max(-(-len(shown) // 2), 1)]
    page = Page(sum(heights))
    above, below = page.figure.subfigures(2, 1, height_ratios=heights)
    a, b, c = above.subplots(1, 3, sharey=True, width_ratios=[1.5, 1.5, 0.8])
    names = ["source", "region", "label", "setting", *SETTING, "reference"]
    whole = rows.groupby(names, sort=False, as_index=False, dropna=False).agg(
        density=("density", "first"),
        cosine_enrichment=("cosine_enrichment", "first"),
        cosine_frequency=("cosine_frequency", "first"),
        largest_shift_se=("counted_shift_se", "max"),
    )
    _cosines(page, above, a, whole, labels, settings)
    _shifts(page, above, b, whole, labels, settings)
    _densities(page, c, whole, labels)
    _classes(page, below, rows, shown, labels)
    page.simulated("abcd", NEURONS, sorted(inputs.simulated_sources(rows)))
    return page.finish()


def _most_moved(labels, rows):
    """All regions, or those whose profile is least like its reference, in the order of the table."""
    if len(labels) <= MOST_REGIONS:
        return labels
    least = rows.groupby("label")["cosine_enrichment"].min().reindex(labels).fillna(np.inf)
    chosen = set(least.sort_values(kind="stable").index[:MOST_REGIONS])
    return [label for label in labels if label in chosen]


def _settings(rows):
    """(voxel, blur, filling fraction) of every row; nan for a fraction that is calibrated to a density."""
    each = rows.groupby(["label", "voxel_um", "blur_um"])["filling_fraction"].nunique()
    calibrated = len(each) and each.max() == 1 and rows["filling_fraction"].nunique() > 1
    filling = np.full(len(rows), np.inf) if calibrated else rows["filling_fraction"]
    return list(zip(rows["voxel_um"], rows["blur_um"], filling, strict=True))


def _counted(rows):
    """Shifts of the classes of which the reference expects `LEAST_COUNT` triads or more; else nan."""
    home = rows[rows["reference"]].groupby(["label", "triad"])["expected_count"].first()
    expected = home.reindex(pd.MultiIndex.from_frame(rows[["label", "triad"]])).to_numpy(float)
    return rows["shift_se"].where(expected >= LEAST_COUNT)


def _matrix(whole, column, labels, settings):
    """Values as regions x settings."""
    values = np.full((len(labels), len(settings)), np.nan)
    for label, setting, value in zip(whole["label"], whole["setting"], whole[column], strict=True):
        values[labels.index(label), settings.index(setting)] = value
    return values


def _heat(axes, whole, values, labels, settings, **options):
    """A heat map of regions x settings; the reference setting of each region is framed."""
    axes.set_facecolor("#E4E4E4")
    image = axes.imshow(values, aspect="auto", interpolation="nearest", **options)
    if len(settings) <= NUMBERS_FIT and len(labels) <= 20:
        for (y, x), value in np.ndenumerate(values):
            if np.isfinite(value):
                text = minus(f"{value:.2f}" if abs(value) < 9.95 else f"{value:.0f}")
                axes.text(x, y, text, ha="center", va="center", fontsize=5.5,
                          color=ink_on(image.to_rgba(value)))  # fmt: skip
    for row in whole[whole["reference"]].itertuples():
        x, y = settings.index(row.setting), labels.index(row.label)
        axes.plot(
            np.array([-0.5, 0.5, 0.5, -0.5, -0.5]) + x, np.array([-0.5, -0.5, 0.5, 0.5, -0.5]) + y, "-",
            color=INK, linewidth=0.9, clip_on=False, zorder=5,
        )  # fmt: skip
    for x in range(1, len(settings)):
        if settings[x][0] != settings[x - 1][0]:
            axes.axvline(x - 0.5, color="white", linewidth=1.4)
    step = -(-len(settings) // MOST_LABELS)
    ticks = range(0, len(settings), step)
    axes.set_xticks(
        ticks, [" · ".join(f"{v:g}" if np.isfinite(v) else "calibrated" for v in settings[x]) for x in ticks],
        rotation=90,
        fontsize=min(TINY, row_size(len(settings))[1]),
    )  # fmt: skip
    axes.set_xlabel("voxel (µm) · blur (µm) · filling fraction")
    axes.set_yticks(range(len(labels)), labels, fontsize=row_size(len(labels))[1])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _bar(part, image, axes, ticks, label):
    bar = part.colorbar(image, ax=axes, location="bottom", fraction=0.05, pad=0.02, aspect=30, shrink=0.9)
    bar.set_ticks(ticks, labels=[minus(f"{tick:g}") for tick in ticks])
    bar.ax.tick_params(labelsize=TINY, pad=1)
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(label, labelpad=2, fontsize=TINY)


def _cosines(page, part, axes, whole, labels, settings):
    page.panel(axes, "a", "likeness to the reference")
    if not len(whole):
        page.not_available(axes, "a", "no other setting was tried", 26)
        return
    page.keep("a", whole.drop(columns=["label", "setting", "density", "largest_shift_se"]))
    values = _matrix(whole, "cosine_enrichment", labels, settings)
    low = float(np.nanmin(values)) if np.isfinite(values).any() else 0.0
    low = np.floor(10 * min(low, 0.9)) / 10
    image = _heat(axes, whole, values, labels, settings, cmap="YlGnBu_r", norm=PowerNorm(2, low, 1))
    ticks = [low, 1.0] if low > 0.8 else [low, round((low + 1) / 2, 2), 1.0]
    _bar(part, image, axes, ticks, "cosine of log enrichment")


def _shifts(page, part, axes, whole, labels, settings):
    page.panel(axes, "b", "largest shift of a class")
    if not len(whole):
        page.not_available(axes, "b", "no other setting was tried", 26)
        return
    columns = ["source", "region", *SETTING, "reference", "largest_shift_se"]
    page.keep("b", whole[columns])
    values = _matrix(whole, "largest_shift_se", labels, settings)
    image = _heat(
        axes,
        whole,
        values,
        labels,
        settings,
        cmap="YlOrBr",
        norm=BoundaryNorm(SHIFT_STEPS, 256, extend="max"),
    )
    axes.tick_params(axis="y", labelleft=False)
    _bar(part, image, axes, SHIFT_STEPS, "bootstrap standard errors of the reference")


def _densities(page, axes, whole, labels):
    page.panel(axes, "c", "density")
    if not len(whole):
        page.not_available(axes, "c", "no other setting was tried", 16)
        return
    page.keep("c", whole[["source", "region", *SETTING, "reference", "density"]])
    y = whole["label"].map(labels.index).to_numpy(float)
    known = (whole["density"] > 0).to_numpy()
    axes.plot(whole["density"][known], y[known], "|", color=GREY, markersize=5, markeredgewidth=0.6)
    chosen = known & whole["reference"].to_numpy()
    axes.plot(whole["density"][chosen], y[chosen], "D", color=INK, markersize=3 if len(labels) <= 26 else 2)
    if known.any():
        axes.set_xscale("log")
        low, high = whole["density"][known].min() / 1.4, whole["density"][known].max() * 1.4
        axes.set_xlim(low, high)
        ticks = round_ticks(low, high, 3)
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    axes.set_xlabel("mean probability")
    axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0, labelleft=False)


def _classes(page, part, rows, shown, labels):
    """Enrichment of every class under every setting, coloured by voxel; the reference is black."""
    n = max(-(-len(shown) // 2), 1)
    grid = part.subplots(n, min(max(len(shown), 1), 2), squeeze=False, sharex=True, sharey=True)
    page.panel(grid[0, 0], "d", "log enrichment of each class under every setting", 22)
    if not shown:
        page.not_available(grid[0, 0], "d", "no other setting was tried")
        return
    columns = ["source", "region", *SETTING, "reference", "triad", "expected_count", "enrichment", "shift_se"]
    page.keep("d", rows[columns].assign(drawn=rows["label"].isin(shown)))
    place = {triad: x for x, triad in enumerate(EDGES)}
    voxels = sorted(rows["voxel_um"].unique())
    colours = {v: REGION_COLOURS[k % len(REGION_COLOURS)] for k, v in enumerate(voxels)}
    offsets = dict(zip(voxels, spread(len(voxels), 0.5), strict=True))
    for axes, label in zip(grid.flat, shown, strict=False):
        here = rows[rows["label"] == label]
        axes.axhline(0, color=GREY, linewidth=0.6)
        for x in range(0, len(EDGES), 2):
            axes.axvspan(x - 0.5, x + 0.5, color="#F5F5F5", linewidth=0, zorder=0)
        for voxel in voxels:
            part_rows = here[(here["voxel_um"] == voxel) & ~here["reference"]]
            x = part_rows["triad"].map(place).astype(float) + offsets[voxel]
            axes.plot(
                x, part_rows["enrichment"], "o", color=colours[voxel], markersize=1.8, markeredgewidth=0
            )
        own = here[here["reference"]]
        axes.plot(
            own["triad"].map(place).astype(float),
            own["enrichment"],
            "_",
            color=INK,
            markersize=8,
            markeredgewidth=1.2,
        )
        axes.set_xlim(-0.5, len(EDGES) - 0.5)
        axes.set_xticks(range(len(EDGES)), EDGES, rotation=90, fontsize=TINY)
        axes.tick_params(axis="x", length=0)
        axes.text(0.01, 0.96, label, transform=axes.transAxes, va="top", fontsize=TINY, fontweight="bold",
                  bbox=dict(facecolor="white", edgecolor="none", alpha=0.8, pad=0.8))  # fmt: skip
    for axes in grid.flat[len(shown) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel("log enrichment")
    for axes in grid[0]:
        if axes.axison:
            draw_heads(axes, EDGES)
    handles = [legend_entry(INK, "_", size=8), *(legend_entry(colours[v]) for v in voxels)]
    names = ["reference", *(f"voxel {v:g} µm" for v in voxels)]
    note = len(shown) < len(labels)
    part.legend(handles, names, loc="outside lower right" if note else "outside lower center", ncols=6)
    if note:
        grid[-1, 0].set_xlabel(
            f"The {len(shown)} regions of {len(labels)} that move most.", loc="left", color="#555555"
        )
