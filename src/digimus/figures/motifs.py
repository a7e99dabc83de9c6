"""Which triads each region has more or less of than its null models, and whether geometry explains it."""

import numpy as np
from matplotlib.colors import SymLogNorm
from matplotlib.ticker import LogLocator, NullFormatter

from digimus.figures.style import (
    GREY,
    INK,
    NEURONS,
    PALE,
    TINY,
    Page,
    legend_entry,
    region_colours,
    region_labels,
    spread,
)
from digimus.figures.triads import EDGES, draw_heads

PROFILES = (
    "source", "region", "triad", "null", "z", "sp", "p_corrected", "enrichment", "enrichment_low",
    "enrichment_high",
)  # fmt: skip
VERDICTS = ("source", "region", "null", "excess", "p_profile", "p_corrected", "differs")
GEOMETRY = "distance-mutual"
NULLS = {"dyad": "o", "degree": "s", "distance": "^", GEOMETRY: "D"}
NULL_NAMES = {
    "dyad": "dyads",
    "degree": "degrees",
    "distance": "distance",
    GEOMETRY: "distance and mutual pairs",
}
FEW = 8
LUMINANCE = (0.299, 0.587, 0.114)


def motifs(inputs):
    """z by region and triad, enrichment with intervals, and each region's excess over every null model.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``motifs/*/profiles.csv`` and ``motifs/*/verdicts.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    profiles = inputs.table("motifs/*/profiles.csv", PROFILES)
    verdicts = inputs.table("motifs/*/verdicts.csv", VERDICTS)
    profiles = profiles.assign(label=region_labels(profiles))
    verdicts = verdicts.assign(label=region_labels(verdicts))
    labels = list(dict.fromkeys([*profiles["label"], *verdicts["label"]]))
    colours = region_colours(labels)
    heights = [20 + max(22, 5.2 * len(labels)), 55, 22 + max(20, 5.2 * len(labels))]
    page = Page(sum(heights))
    parts = page.figure.subfigures(3, 1, height_ratios=heights)
    _heat_map(page, parts[0], profiles[profiles["null"] == GEOMETRY], labels)
    _enrichment(page, parts[1], profiles[profiles["null"] == "dyad"], colours)
    _excess(page, parts[2], verdicts, labels)
    simulated = inputs.simulated_sources(profiles) | inputs.simulated_sources(verdicts)
    page.simulated("abc", NEURONS, sorted(simulated))
    return page.finish()


def _heat_map(page, part, rows, labels):
    axes = part.subplots()
    page.panel(
        axes, "a", "z of each triad, null of soma distance and mutual pairs  (* corrected p < .05)", 22
    )
    if not len(rows):
        page.not_available(axes, "a", "no region was compared with the distance null")
        return
    page.keep("a", rows[["source", "region", "null", "triad", "z", "sp", "p_corrected"]])
    z = rows.pivot_table(index="label", columns="triad", values="z", dropna=False, sort=False)
    z = z.reindex(index=labels, columns=list(EDGES)).to_numpy(float)
    p = rows.pivot_table(index="label", columns="triad", values="p_corrected", dropna=False, sort=False)
    p = p.reindex(index=labels, columns=list(EDGES)).to_numpy(float)
    limit = max(4.0, float(np.nanmax(np.abs(z)))) if np.isfinite(z).any() else 4.0
    norm = SymLogNorm(linthresh=2, vmin=-limit, vmax=limit, base=10)
    axes.set_facecolor("#E4E4E4")
    image = axes.imshow(z, cmap="PuOr_r", norm=norm, aspect="auto", interpolation="nearest")
    for y, x in np.ndindex(z.shape):
        if not np.isfinite(z[y, x]):
            axes.text(x, y, "n/a", ha="center", va="center", fontsize=TINY, color="#666666")
            continue
        star = "*" if p[y, x] < 0.05 else ""
        if len(labels) <= 20:
            axes.text(
                x, y, f"{z[y, x]:.1f}{star}".replace("-", "−"), ha="center", va="center", fontsize=TINY,
                color="white" if np.dot(image.to_rgba(z[y, x])[:3], LUMINANCE) < 0.45 else INK,
            )  # fmt: skip
        elif star:
            axes.plot(x, y, ".", color=INK, markersize=1.5)
    axes.set_xticks(range(len(EDGES)), EDGES)
    axes.set_yticks(range(len(labels)), labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    draw_heads(axes, EDGES)
    ticks = [t for t in (-100, -10, -2, 0, 2, 10, 100) if abs(t) <= limit]
    bar = part.colorbar(image, ax=axes, fraction=0.03, pad=0.01, aspect=14)
    bar.set_ticks(ticks, labels=[f"{t:g}".replace("-", "−") for t in ticks])
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label("z")


def _enrichment(page, part, rows, colours):
    axes = part.subplots()
    page.panel(axes, "b", "enrichment over the dyad null")
    if not len(rows):
        page.not_available(axes, "b", "no region has a profile")
        return
    columns = ["source", "region", "triad", "enrichment", "enrichment_low", "enrichment_high"]
    page.keep("b", rows[columns])
    place = {triad: x for x, triad in enumerate(EDGES)}
    axes.axhline(0, color=GREY, linewidth=0.6)
    for x in range(0, len(EDGES), 2):
        axes.axvspan(x - 0.5, x + 0.5, color="#F5F5F5", linewidth=0, zorder=0)
    names = list(dict.fromkeys(rows["label"]))
    offsets = spread(len(names), 0.64)
    few = len(names) <= FEW
    for name, offset in zip(names, offsets, strict=True):
        here = rows[rows["label"] == name]
        x = here["triad"].map(place) + offset
        if few:
            axes.vlines(
                x, here["enrichment_low"], here["enrichment_high"], color=colours[name], linewidth=0.9
            )
        axes.plot(x, here["enrichment"], "o", color=colours[name], markersize=3 if few else 1.6)
    axes.set_xticks(range(len(EDGES)), EDGES)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, len(EDGES) - 0.5)
    axes.set_ylabel("log enrichment")
    if few:
        handles = [legend_entry(colours[name]) for name in names]
        part.legend(handles, names, loc="outside lower center", ncols=min(len(names), 5))


def _excess(page, part, rows, labels):
    axes = part.subplots()
    page.panel(axes, "c", "does the whole profile differ from a null model?")
    if not len(rows):
        page.not_available(axes, "c", "no region was compared with null models")
        return
    differs = rows["differs"].astype(str).eq("True")
    rows = rows.assign(differs=differs, verdict=_verdicts(rows.assign(differs=differs)))
    columns = ["source", "region", "null", "excess", "p_profile", "p_corrected", "differs", "verdict"]
    page.keep("c", rows[columns])
    kinds = [*(k for k in NULLS if k in set(rows["null"])), *sorted(set(rows["null"]) - set(NULLS))]
    offsets = dict(zip(kinds, spread(len(kinds), 0.46), strict=True))
    missing = {}
    for row in rows.itertuples():
        y = labels.index(row.label) + offsets[row.null]
        face = INK if row.differs else "white"
        if np.isfinite(row.excess) and row.excess > 0:
            axes.plot(
                [row.excess], [y], NULLS.get(row.null, "v"), color=INK if row.differs else GREY,
                markerfacecolor=face, markersize=4,
            )  # fmt: skip
        else:
            missing.setdefault(row.label, []).append(NULL_NAMES.get(row.null, row.null))
    for label, nulls in missing.items():
        axes.text(
            0.99, labels.index(label), f"not available: {', '.join(nulls)}", va="center", ha="right",
            fontsize=TINY, color="#555555", transform=axes.get_yaxis_transform(),
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    for y in range(1, len(labels)):
        axes.axhline(y - 0.5, color=PALE, linewidth=0.4)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("excess: sum of squared z over the thirteen classes")
    words = rows[rows["null"] == GEOMETRY].set_index("label")["verdict"]
    for y, label in enumerate(labels):
        word = words.get(label, "not compared with geometry")
        more = word == "more than geometry"
        axes.annotate(
            word, (1, y), xycoords=("axes fraction", "data"), xytext=(6, 0), textcoords="offset points",
            va="center", color=INK if more else "#A04000", fontweight="bold" if more else "normal",
            annotation_clip=False,
        )  # fmt: skip
    handles = [legend_entry(GREY, NULLS.get(k, "v")) for k in kinds]
    handles += [legend_entry(INK, "o"), legend_entry(GREY, "o", filled=False)]
    names = [f"null: {NULL_NAMES.get(k, k)}" for k in kinds]
    part.legend(
        handles, [*names, "differs (corrected p < .05)", "not told apart"],
        loc="outside lower center", ncols=3,
    )  # fmt: skip


def _verdicts(rows):
    """What the two nulls of geometry say of a region, on the row of the stricter one; elsewhere nothing."""
    plain = rows[(rows["null"] == "distance") & rows["differs"]]["label"]
    less = np.where(rows["label"].isin(plain), "geometry and reciprocity", "not told from geometry")
    words = np.where(rows["differs"], "more than geometry", less)
    return np.where(rows["null"] == GEOMETRY, words, "")
