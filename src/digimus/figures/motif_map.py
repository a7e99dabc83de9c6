"""The map of motifs: z of every region and triad, in the order of the tree of regions beside it."""

import numpy as np
import pandas as pd
from matplotlib.colors import SymLogNorm

from digimus.figures.style import (
    GREY,
    INK,
    MINUTE,
    TINY,
    ink_on,
    minus,
    region_labels,
    row_size,
)
from digimus.figures.triads import EDGES, draw_heads

PROFILES = ("source", "region", "triad", "null", "z", "sp", "p_corrected")
CLUSTERS = ("region", "order", "cluster", "measure")
LINKAGE = ("left", "right", "height", "size")
GEOMETRY = "distance-mutual"
STRICTEST = (GEOMETRY, "distance", "degree", "dyad")
KEPT = {
    GEOMETRY: "soma distance and mutual pairs",
    "distance": "soma distance",
    "degree": "degrees",
    "dyad": "density and reciprocity",
}
NULL_NAMES = {
    "dyad": "dyads",
    "degree": "degrees",
    "distance": "distance",
    GEOMETRY: "distance and mutual pairs",
}
MANY = 20


def trees_of(inputs, sources):
    """Leaves (label, cluster) of every source in the order of its tree, and the merges above them."""
    trees = {}
    merges = inputs.by_source("motifs/*/linkage.csv", LINKAGE)
    merges = {source: table.dropna() for source, table in merges.items()}
    for source, table in inputs.by_source("motifs/*/clusters.csv", CLUSTERS).items():
        table = table.assign(
            source=source, label=region_labels(table.assign(source=source), sources=sources)
        ).reset_index(drop=True)
        trees[source] = (table, merges.get(source, pd.DataFrame(columns=list(LINKAGE))))
    return trees


def ordered_labels(labels, trees):
    """Labels with those of a tree in its order, in the place of the first of them; the rest as they came."""
    labels = list(dict.fromkeys(labels))
    ordered = []
    for label in labels:
        tree = next((table for table, _ in trees.values() if label in set(table["label"])), None)
        leaves = [] if tree is None else tree.sort_values("order")["label"]
        ordered += [leaf for leaf in leaves if leaf in labels]
        ordered += [label]
    return list(dict.fromkeys(ordered))


def dendrogram(page, axes, letter, trees, labels):
    """Merges of regions, root at the left; leaves lie at the rows of the heat map."""
    axes.set_axis_off()
    if not labels:
        return
    axes.set_ylim(len(labels) - 0.5, -0.5)
    top = max((float(merges["height"].max()) for _, merges in trees.values() if len(merges)), default=1.0)
    axes.set_xlim(1.05 * (top or 1.0), 0)
    for source, (leaves, merges) in trees.items():
        if not len(merges) or len(merges) != len(leaves) - 1 or not set(leaves["label"]) <= set(labels):
            continue
        page.keep(letter, merges.assign(source=source)[["source", *LINKAGE]])
        places = {k: (float(labels.index(label)), 0.0) for k, label in enumerate(leaves["label"])}
        for k, merge in enumerate(merges.itertuples(index=False)):
            (y0, x0), (y1, x1) = places[int(merge.left)], places[int(merge.right)]
            height = float(merge.height)
            axes.plot([x0, height, height, x1], [y0, y0, y1, y1], "-", color=GREY, linewidth=0.6)
            places[len(leaves) + k] = ((y0 + y1) / 2, height)


def heat_map(page, part, axes, letter, rows, labels, trees):
    null = strictest_null(rows)
    if null is None:
        _untested(page, part, axes, letter, rows, labels, trees)
        return
    sign = "*" if len(labels) <= MANY else "dot:"
    page.panel(axes, letter, f"z against {KEPT[null]}  ({sign} corrected p < .05)", 22)
    rows = rows[rows["null"] == null]
    kept = rows[["source", "region", "null", "triad", "z", "sp", "p_corrected"]]
    page.keep(letter, kept)
    z, p = (
        rows.pivot_table(index="label", columns="triad", values=name, dropna=False, sort=False)
        .reindex(index=labels, columns=list(EDGES))
        .to_numpy(float)
        for name in ("z", "p_corrected")
    )
    limit = max(4.0, float(np.nanmax(np.abs(z)))) if np.isfinite(z).any() else 4.0
    norm = SymLogNorm(linthresh=2, vmin=-limit, vmax=limit, base=10)
    axes.set_facecolor("#E4E4E4")
    image = axes.imshow(z, cmap="PuOr_r", norm=norm, aspect="auto", interpolation="nearest")
    compared = set(rows["label"])
    for y in (y for y, label in enumerate(labels) if label not in compared):
        axes.text(
            6, y, f"not compared with {NULL_NAMES[null]}", ha="center", va="center", fontsize=MINUTE,
            color="#666666",
        )  # fmt: skip
    for y, x in np.ndindex(z.shape):
        star = "*" if p[y, x] < 0.05 else ""
        if not np.isfinite(z[y, x]):
            if len(labels) <= MANY and labels[y] in compared:
                axes.text(x, y, "n/a" + star, ha="center", va="center", fontsize=MINUTE, color="#666666")
            continue
        if len(labels) <= MANY:
            axes.text(
                x, y, minus(short(z[y, x])) + star, ha="center", va="center", fontsize=MINUTE,
                color=ink_on(image.to_rgba(z[y, x])),
            )  # fmt: skip
        elif star:
            axes.plot(x, y, ".", color=ink_on(image.to_rgba(z[y, x])), markersize=1.5)
    _classes_and_regions(axes, trees, labels)
    ticks = [t for t in (-100, -10, -2, 0, 2, 10, 100) if abs(t) <= limit]
    colour_bar(part, image, axes, ticks, "z")


def _untested(page, part, axes, letter, rows, labels, trees):
    """Enrichment in the place of z, where no null graphs were sampled."""
    rows = rows[rows["null"] == "dyad"]
    if "enrichment" not in rows or not rows["enrichment"].notna().any():
        page.panel(axes, letter, "motifs of each region", 22)
        page.not_available(axes, letter, "no region has a profile")
        return
    page.panel(axes, letter, "log enrichment over density and reciprocity; nothing was tested", 22)
    page.keep(letter, rows[["source", "region", "null", "triad", "enrichment"]])
    values = rows.pivot_table(index="label", columns="triad", values="enrichment", dropna=False, sort=False)
    values = values.reindex(index=labels, columns=list(EDGES)).to_numpy(float)
    limit = max(0.5, float(np.nanmax(np.abs(values))))
    axes.set_facecolor("#E4E4E4")
    image = axes.imshow(
        values, cmap="PuOr_r", vmin=-limit, vmax=limit, aspect="auto", interpolation="nearest"
    )
    for (y, x), value in np.ndenumerate(values) if len(labels) <= MANY else ():
        if np.isfinite(value):
            axes.text(
                x, y, minus(short(value)), ha="center", va="center", fontsize=MINUTE,
                color=ink_on(image.to_rgba(value)),
            )  # fmt: skip
    _classes_and_regions(axes, trees, labels)
    ticks = (-4, -2, 0, 2, 4) if limit >= 2 else (-1, -0.5, 0, 0.5, 1)
    colour_bar(part, image, axes, [t for t in ticks if abs(t) <= limit], "log enrichment")


def _classes_and_regions(axes, trees, labels):
    """Names at the sides of the heat map, drawings above it, and lines between clusters."""
    _cluster_lines(axes, trees, labels)
    axes.set_xticks(range(len(EDGES)), EDGES, rotation=90, fontsize=TINY)
    axes.set_yticks(range(len(labels)), labels, fontsize=row_size(len(labels))[1])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    draw_heads(axes, EDGES)


def short(z):
    """At most two digits before or one after the point; nothing is minus zero."""
    text = f"{z:.1f}" if abs(z) < 9.95 else f"{z:.0f}"
    return "0.0" if text == "-0.0" else text


def strictest_null(rows):
    """The null model that keeps the most, of those that some region was compared with; None without any."""
    tested = set(rows.loc[rows["z"].notna(), "null"])
    return next((null for null in STRICTEST if null in tested), None)


def _cluster_lines(axes, trees, labels):
    """A line between neighbouring rows of different clusters, or of different trees."""
    clusters = {
        label: (source, cluster)
        for source, (leaves, _) in trees.items()
        for label, cluster in zip(leaves["label"], leaves["cluster"], strict=True)
    }
    for y in range(1, len(labels)):
        if clusters.get(labels[y - 1]) != clusters.get(labels[y]):
            axes.axhline(y - 0.5, color=INK, linewidth=0.8)


def colour_bar(part, image, axes, ticks, label):
    bar = part.colorbar(image, ax=axes, fraction=0.04, pad=0.02, aspect=16, shrink=0.9)
    bar.set_ticks(ticks, labels=[minus(f"{tick:g}") for tick in ticks])
    bar.ax.tick_params(labelsize=TINY)
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(label, labelpad=3, fontsize=TINY)
