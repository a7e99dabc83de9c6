"""Which triads each region has more or less of than geometry gives, which regions are alike, and verdicts.

Without null graphs (``motifs.nulls: []``) the panels that need them say so.
"""

import numpy as np
from matplotlib.ticker import LogLocator, NullFormatter

from digimus.figures.motif_map import (
    GEOMETRY,
    MANY,
    NULL_NAMES,
    PROFILES,
    colour_bar,
    dendrogram,
    heat_map,
    ordered_labels,
    trees_of,
)
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

VERDICTS = (
    "source", "region", "null", "excess", "p_profile", "p_corrected", "differs", "more_than_geometry",
    "more_than_degree",
)  # fmt: skip
SIMILARITY = ("source", "region_a", "region_b", "measure", "cosine")
COMPARISON = ("source", "region", "table", "table_region", "same_region", "rows", "measure", "cosine")
UNTESTED = "not compared with null models", ""
NOT_TESTED = "no null graphs were sampled (motifs.nulls), so nothing was tested"
NULLS = {"dyad": "o", "degree": "s", "distance": "^", GEOMETRY: "D"}
DRAWN_MEASURES = (
    "cosine12 NZ, distance-mutual", "cosine12 NZ, distance", "cosine12 NZ, degree", "cosine12 NZ, dyad",
    "cosine13 shares",
)  # fmt: skip


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
    trees = trees_of(inputs, sources)
    labels = ordered_labels([*profiles["label"], *verdicts["label"]], trees)

    tall, _ = row_size(len(labels))
    high = tall * len(labels)
    compared = _overlaps(comparison)
    heights = [38 + max(24, high), 34 + max(24, high) if verdicts["excess"].notna().any() else 26]
    heights += [22 + max(16, row_size(len(compared))[0] * len(compared))] if compared else []
    page = Page(sum(heights))
    parts = page.figure.subfigures(len(heights), 1, height_ratios=heights)
    tree, a, b = parts[0].subplots(1, 3, width_ratios=[0.16, 1.9, 1])
    dendrogram(page, tree, "a", trees, labels)
    heat_map(page, parts[0], a, "a", profiles, labels, trees)
    _similarity(page, parts[0], b, similarity, sources, labels, trees)
    _excess(page, parts[1], verdicts, labels)
    if compared:
        _comparison(page, parts[2], comparison, compared)
    simulated = inputs.simulated_sources(profiles) | inputs.simulated_sources(verdicts)
    page.simulated("abc", NEURONS, sorted(simulated))
    if compared:
        page.simulated("d", NEURONS, sorted(inputs.simulated_sources(comparison)))
    return page.finish()


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
    colour_bar(part, image, axes, [-1, 0, 1], f"cosine of {kind}")


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
