"""Which triads each region has more or less of than geometry gives, which regions are alike, and verdicts.

Without null graphs (``motifs.nulls: []``) the panels that need them say so.
"""

import numpy as np
import pandas as pd
from matplotlib.colors import SymLogNorm
from matplotlib.ticker import LogLocator, NullFormatter

from digimus.figures.style import (
    GREY,
    INK,
    MINUTE,
    NEURONS,
    PALE,
    TINY,
    Page,
    ink_on,
    legend_entry,
    minus,
    region_labels,
    row_size,
    spread,
)
from digimus.figures.triads import EDGES, draw_heads

PROFILES = ("source", "region", "triad", "null", "z", "sp", "p_corrected")
VERDICTS = (
    "source", "region", "null", "excess", "p_profile", "p_corrected", "differs", "more_than_geometry",
    "more_than_degree",
)  # fmt: skip
SIMILARITY = ("source", "region_a", "region_b", "measure", "cosine")
CLUSTERS = ("region", "order", "cluster", "measure")
LINKAGE = ("left", "right", "height", "size")
COMPARISON = ("source", "region", "table", "table_region", "same_region", "rows", "measure", "cosine")
GEOMETRY = "distance-mutual"
STRICTEST = (GEOMETRY, "distance", "degree", "dyad")
KEPT = {
    GEOMETRY: "soma distance and mutual pairs",
    "distance": "soma distance",
    "degree": "degrees",
    "dyad": "density and reciprocity",
}
UNTESTED = "not compared with null models", ""
NOT_TESTED = "no null graphs were sampled (motifs.nulls), so nothing was tested"
NULLS = {"dyad": "o", "degree": "s", "distance": "^", GEOMETRY: "D"}
NULL_NAMES = {
    "dyad": "dyads",
    "degree": "degrees",
    "distance": "distance",
    GEOMETRY: "distance and mutual pairs",
}
DRAWN_MEASURES = (
    "cosine12 NZ, distance-mutual", "cosine12 NZ, distance", "cosine12 NZ, degree", "cosine12 NZ, dyad",
    "cosine13 shares",
)  # fmt: skip
MANY = 20


def motifs(inputs):
    """z by region and triad with clusters, similarity of regions, verdicts, and the published table.

    The panel of the published table is left out where that has none of the regions.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``profiles.csv``, ``verdicts.csv``, ``similarity.csv``, ``clusters.csv`` and ``linkage.csv``
        of ``motifs/*/``, and ``motifs/comparison.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    profiles = inputs.table("motifs/*/profiles.csv", PROFILES)
    verdicts = inputs.table("motifs/*/verdicts.csv", VERDICTS)
    similarity = inputs.table("motifs/*/similarity.csv", SIMILARITY)
    comparison = inputs.table("motifs/comparison.csv", COMPARISON)
    sources = sorted({*profiles["source"], *verdicts["source"]})
    profiles = profiles.assign(label=region_labels(profiles, sources=sources))
    verdicts = verdicts.assign(label=region_labels(verdicts, sources=sources))
    comparison = comparison.assign(label=region_labels(comparison, sources=sources))
    trees = _trees(inputs, sources)
    labels = _ordered([*profiles["label"], *verdicts["label"]], trees)

    tall, _ = row_size(len(labels))
    high = tall * len(labels)
    compared = _overlaps(comparison)
    heights = [38 + max(24, high), 34 + max(24, high) if verdicts["excess"].notna().any() else 26]
    heights += [22 + max(16, row_size(len(compared))[0] * len(compared))] if compared else []
    page = Page(sum(heights))
    parts = page.figure.subfigures(len(heights), 1, height_ratios=heights)
    tree, a, b = parts[0].subplots(1, 3, width_ratios=[0.16, 1.9, 1])
    _dendrogram(page, tree, trees, labels)
    _heat_map(page, parts[0], a, profiles, labels, trees)
    _similarity(page, parts[0], b, similarity, sources, labels, trees)
    _excess(page, parts[1], verdicts, labels)
    if compared:
        _comparison(page, parts[2], comparison, compared)
    simulated = inputs.simulated_sources(profiles) | inputs.simulated_sources(verdicts)
    page.simulated("abc", NEURONS, sorted(simulated))
    if compared:
        page.simulated("d", NEURONS, sorted(inputs.simulated_sources(comparison)))
    return page.finish()


def _trees(inputs, sources):
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


def _ordered(labels, trees):
    """Labels with those of a tree in its order, in the place of the first of them; the rest as they came."""
    labels = list(dict.fromkeys(labels))
    ordered = []
    for label in labels:
        tree = next((table for table, _ in trees.values() if label in set(table["label"])), None)
        leaves = [] if tree is None else tree.sort_values("order")["label"]
        ordered += [leaf for leaf in leaves if leaf in labels]
        ordered += [label]
    return list(dict.fromkeys(ordered))


def _dendrogram(page, axes, trees, labels):
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
        page.keep("a", merges.assign(source=source)[["source", *LINKAGE]])
        places = {k: (float(labels.index(label)), 0.0) for k, label in enumerate(leaves["label"])}
        for k, merge in enumerate(merges.itertuples(index=False)):
            (y0, x0), (y1, x1) = places[int(merge.left)], places[int(merge.right)]
            height = float(merge.height)
            axes.plot([x0, height, height, x1], [y0, y0, y1, y1], "-", color=GREY, linewidth=0.6)
            places[len(leaves) + k] = ((y0 + y1) / 2, height)


def _heat_map(page, part, axes, rows, labels, trees):
    null = strictest_null(rows)
    if null is None:
        _untested(page, part, axes, rows, labels, trees)
        return
    sign = "*" if len(labels) <= MANY else "dot:"
    page.panel(axes, "a", f"z against {KEPT[null]}  ({sign} corrected p < .05)", 22)
    rows = rows[rows["null"] == null]
    kept = rows[["source", "region", "null", "triad", "z", "sp", "p_corrected"]]
    page.keep("a", kept)
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
                x, y, minus(_short(z[y, x])) + star, ha="center", va="center", fontsize=MINUTE,
                color=ink_on(image.to_rgba(z[y, x])),
            )  # fmt: skip
        elif star:
            axes.plot(x, y, ".", color=ink_on(image.to_rgba(z[y, x])), markersize=1.5)
    _classes_and_regions(axes, trees, labels)
    ticks = [t for t in (-100, -10, -2, 0, 2, 10, 100) if abs(t) <= limit]
    _bar(part, image, axes, ticks, "z")


def _untested(page, part, axes, rows, labels, trees):
    """Enrichment in the place of z, where no null graphs were sampled."""
    rows = rows[rows["null"] == "dyad"]
    if "enrichment" not in rows or not rows["enrichment"].notna().any():
        page.panel(axes, "a", "motifs of each region", 22)
        page.not_available(axes, "a", "no region has a profile")
        return
    page.panel(axes, "a", "log enrichment over density and reciprocity; nothing was tested", 22)
    page.keep("a", rows[["source", "region", "null", "triad", "enrichment"]])
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
                x, y, minus(_short(value)), ha="center", va="center", fontsize=MINUTE,
                color=ink_on(image.to_rgba(value)),
            )  # fmt: skip
    _classes_and_regions(axes, trees, labels)
    ticks = (-4, -2, 0, 2, 4) if limit >= 2 else (-1, -0.5, 0, 0.5, 1)
    _bar(part, image, axes, [t for t in ticks if abs(t) <= limit], "log enrichment")


def _classes_and_regions(axes, trees, labels):
    """Names at the sides of the heat map, drawings above it, and lines between clusters."""
    _cluster_lines(axes, trees, labels)
    axes.set_xticks(range(len(EDGES)), EDGES, rotation=90, fontsize=TINY)
    axes.set_yticks(range(len(labels)), labels, fontsize=row_size(len(labels))[1])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    draw_heads(axes, EDGES)


def _short(z):
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


def _bar(part, image, axes, ticks, label):
    bar = part.colorbar(image, ax=axes, fraction=0.04, pad=0.02, aspect=16, shrink=0.9)
    bar.set_ticks(ticks, labels=[minus(f"{tick:g}") for tick in ticks])
    bar.ax.tick_params(labelsize=TINY)
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label(label, labelpad=3, fontsize=TINY)


def _similarity(page, part, axes, rows, sources, labels, trees):
    """Cosine of the profiles of every two regions of a source, in the order of the heat map."""
    page.panel(axes, "b", "similarity of regions", 22)
    measures = {source: leaves["measure"].iloc[0] for source, (leaves, _) in trees.items()}
    rows = rows[rows["measure"] == rows["source"].map(measures)]
    if not len(rows) or not labels:
        page.not_available(axes, "b", "no two regions have comparable profiles", 20)
        return
    page.keep("b", rows[list(SIMILARITY)])
    place = {label: k for k, label in enumerate(labels)}
    cosine = np.full((len(labels), len(labels)), np.nan)
    ends = [
        region_labels(rows.rename(columns={name: "region"}), sources=sources).map(place)
        for name in ("region_a", "region_b")
    ]
    known = ends[0].notna() & ends[1].notna()
    first, second = (end[known].astype(int) for end in ends)
    cosine[first, second] = cosine[second, first] = rows.loc[known, "cosine"]
    axes.set_facecolor("#E4E4E4")
    image = axes.imshow(cosine, cmap="PuOr_r", vmin=-1, vmax=1, aspect="auto", interpolation="nearest")
    if len(labels) <= 8:
        for (y, x), value in np.ndenumerate(cosine):
            if np.isfinite(value):
                text = minus(f"{value:.1f}".replace("-0.0", "0.0").replace("0.", "."))
                axes.text(x, y, text, ha="center", va="center", fontsize=MINUTE,
                          color=ink_on(image.to_rgba(value)))  # fmt: skip
    few = len(labels) <= MANY
    axes.set_xticks(range(len(labels)) if few else [], labels if few else [], rotation=90, fontsize=TINY)
    if not few:
        axes.set_xlabel("columns in the order of the rows")
    axes.set_yticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    kind = "significance profiles" if rows["measure"].str.startswith("sp_").all() else "enrichments"
    _bar(part, image, axes, [-1, 0, 1], f"cosine of {kind}")


def _excess(page, part, rows, labels):
    axes = part.subplots()
    page.panel(axes, "c", "does the whole profile differ from a null model?")
    if not len(rows):
        page.not_available(axes, "c", "no region was compared with null models", 80)
        return
    if not rows["excess"].notna().any():
        page.not_available(axes, "c", NOT_TESTED, 80)
        return
    differs = rows["differs"].astype(str).eq("True")
    rows = rows.assign(differs=differs)
    page.keep("c", rows[list(VERDICTS)])
    words = readings(rows)
    if "n_null" in rows:
        rows = rows[rows["n_null"] != 0]  # a null that was not sampled is not missing
    kinds = [*(k for k in NULLS if k in set(rows["null"])), *sorted(set(rows["null"]) - set(NULLS))]
    offsets = dict(zip(kinds, spread(len(kinds), 0.46), strict=True))
    _, size = row_size(len(labels))
    marker = {7: 4, 6: 3, 5: 2.4}[size]
    missing = {}
    for row in rows.itertuples():
        y = labels.index(row.label) + offsets[row.null]
        face = INK if row.differs else "white"
        if np.isfinite(row.excess) and row.excess > 0:
            axes.plot(
                [row.excess], [y], NULLS.get(row.null, "v"), color=INK if row.differs else GREY,
                markerfacecolor=face, markersize=marker, markeredgewidth=0.7,
            )  # fmt: skip
        else:
            missing.setdefault(row.label, []).append(NULL_NAMES.get(row.null, row.null))
    for label, nulls in missing.items():
        axes.text(
            0.99, labels.index(label), f"not available: {', '.join(nulls)}", va="center", ha="right",
            fontsize=min(TINY, size), color="#555555", transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(labels)), labels, fontsize=size)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    for y in range(1, len(labels)):
        axes.axhline(y - 0.5, color=PALE, linewidth=0.4)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("excess: sum of squared z over the thirteen classes")
    for y, label in enumerate(labels):
        for x, word in zip((6, 112), words.get(label, UNTESTED), strict=True):
            more = word.startswith("more than")
            axes.annotate(
                word, (1, y), xycoords=("axes fraction", "data"), xytext=(x, 0), textcoords="offset points",
                va="center", color=INK if more else "#A04000", fontweight="bold" if more else "normal",
                annotation_clip=False, fontsize=size,
            )  # fmt: skip
    handles = [legend_entry(GREY, NULLS.get(k, "v")) for k in kinds]
    handles += [legend_entry(INK, "o"), legend_entry(GREY, "o", filled=False)]
    names = [f"null: {NULL_NAMES.get(k, k)}" for k in kinds]
    part.legend(
        handles, [*names, "differs (corrected p < .05)", "not told apart"],
        loc="outside lower center", ncols=3,
    )  # fmt: skip


def readings(rows):
    """What the verdicts say of each region, on geometry and on degrees.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns of VERDICTS and label; `differs` is boolean.

    Returns
    -------
    dict of str to (str, str)
    """
    words = {}
    for label, part in rows.groupby("label", sort=False):
        differs = dict(zip(part["null"], part["differs"], strict=True))
        geometry, degree = (str(part[f"more_than_{what}"].iloc[0]) for what in ("geometry", "degree"))
        if not {geometry, degree} & {"yes", "no", "undetermined"}:
            words[label] = UNTESTED
            continue
        reciprocity = geometry == "no" and differs.get("distance") and not differs.get(GEOMETRY)
        words[label] = (
            "geometry and reciprocity" if reciprocity else _word(geometry, "geometry"),
            _word(degree, "degrees"),
        )
    return words


def _word(answer, what):
    if answer == "undetermined":
        return f"{what}: undetermined"
    start = {"yes": "more than", "no": "not told from"}.get(answer, "not compared with")
    return f"{start} {what}"


def _overlaps(rows):
    """Labels of the regions that are compared; none where no published table has any of them."""
    own = rows["same_region"].astype(str).eq("True")
    return list(dict.fromkeys(rows["label"])) if own.any() else []


def _comparison(page, part, rows, labels):
    """Cosine of each region with the regions of a published table; the region of the same name stands out."""
    measures = [name for name in DRAWN_MEASURES if name in set(rows["measure"])]
    measures = measures or list(dict.fromkeys(rows["measure"]))[: len(DRAWN_MEASURES)]
    page.keep("d", rows[list(COMPARISON)].assign(drawn=rows["measure"].isin(measures)))
    _, size = row_size(len(labels))
    panels = np.atleast_1d(part.subplots(1, len(measures), sharey=True))
    own = rows["same_region"].astype(str).eq("True")
    for axes, measure in zip(panels, measures, strict=True):
        for orientation, offset in (("presynaptic", -0.2), ("postsynaptic", 0.2)):
            chosen = (rows["measure"] == measure) & (rows["rows"] == orientation)
            y = rows["label"].map(labels.index) + offset
            axes.plot(
                rows["cosine"][chosen & ~own], y[chosen & ~own], "|", color=GREY, markersize=3,
                markeredgewidth=0.4,
            )  # fmt: skip
            axes.plot(
                rows["cosine"][chosen & own], y[chosen & own], "D", color=INK, markersize=3,
                markeredgewidth=0.7, markerfacecolor=INK if orientation == "presynaptic" else "white",
            )  # fmt: skip
        low = rows.loc[rows["measure"] == measure, "cosine"].min()
        axes.set_xlim(-1.05 if low < 0 else -0.05, 1.05)
        words = axes.annotate(
            measure, (0, 1), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points",
            fontsize=MINUTE, annotation_clip=False,
        )  # fmt: skip
        words.set_in_layout(False)
        axes.set_yticks(range(len(labels)), labels, fontsize=size)
        axes.set_ylim(len(labels) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.set_xlabel("cosine")
    tables = ", ".join(dict.fromkeys(rows["table"].astype(str)))
    page.panel(panels[0], "d", f"comparison with the published table ({tables})", 15, wide=True)
    handles = [legend_entry(INK, "D"), legend_entry(INK, "D", filled=False), legend_entry(GREY, "|", size=7)]
    names = [
        "the same region, rows of the table presynaptic",
        "the same, rows postsynaptic",
        "another region of the table",
    ]
    part.legend(handles, names, loc="outside lower right", ncols=3)
