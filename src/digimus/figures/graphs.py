"""A region in the brain with its neurons and contacts, and how dense and reciprocal every region is."""

import numpy as np
from matplotlib.legend_handler import HandlerTuple

from digimus.figures.brain import (
    FEW,
    HUES,
    LEAST_PT,
    OUTLINES,
    PLANES,
    PLOTTED_PT,
    by_distance,
    draw_kind,
    draw_outline,
    example_region,
    limits_mm,
    near_somas,
    points_mm,
    rings_of,
    soma_map,
)
from digimus.figures.style import (
    GREY,
    INK,
    MINUTE,
    PALE,
    TINY,
    Page,
    legend_entry,
    region_colours,
    region_labels,
    row_size,
)
from digimus.figures.style import NEURONS as SIMULATED_NEURONS

GRAPHS = ("source", "region", "n_neurons", "n_brains", "min_neurons", "small", "density", "reciprocity")
DISTANCE = ("source", "region", "distance_um", "n_pairs", "mean_probability")
NEURONS = ("id", "source", "region", "soma_ap_um", "soma_dv_um", "soma_ml_um")
VIEWS = (
    "source", "region", "kind", "neuron", "ap_um", "dv_um", "ml_um", "voxel_um", "value", "share",
)  # fmt: skip


def graphs(inputs):
    """An example region in three projections, somas, connection by distance, density and reciprocity.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``connectome/*/graphs.csv``, ``connectome/*/distance.csv``, ``connectome/*/views/*.csv``,
        ``morphology/*/neurons.csv`` and ``morphology/*/outlines.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    regions = inputs.table("connectome/*/graphs.csv", GRAPHS)
    distance = inputs.table("connectome/*/distance.csv", DISTANCE)
    neurons = inputs.table("morphology/*/neurons.csv", NEURONS)
    views = inputs.table("connectome/*/views/*.csv", VIEWS)
    outlines = inputs.by_source("morphology/*/outlines.csv", OUTLINES)
    regions = regions.assign(label=region_labels(regions))
    colours = region_colours(regions["label"])
    example = example_region(regions, views)

    tall = row_size(len(regions))[0]
    heights = [64, 66, 66, 20 + max(24, tall * len(regions))]
    page = Page(sum(heights))
    parts = page.figure.subfigures(4, 1, height_ratios=heights)
    _projections(page, parts[0], parts[1], views, outlines, example)
    c, d = parts[2].subplots(1, 2, width_ratios=[1.15, 1])
    soma_map(page, c, "c", neurons, colours, outlines)
    by_distance(page, d, "d", distance.assign(label=region_labels(distance)), colours)
    if 0 < len(colours) <= FEW:
        handles, names = [legend_entry(colour) for colour in colours.values()], list(colours)
        if set(region_labels(neurons)) - set(colours):
            handles, names = [*handles, legend_entry(PALE)], [*names, "other regions"]
        parts[2].legend(handles, names, loc="outside lower center", ncols=5)
    e, f = parts[3].subplots(1, 2, sharey=True)
    _dots(page, e, "e", regions, colours, "density", "density (mean connection probability)")
    _dots(page, f, "f", regions, colours, "reciprocity", "reciprocity")
    if len(regions):
        f.plot(regions["density"], range(len(regions)), "|", color=GREY, markersize=0.9 * tall, zorder=1)
        handles = [legend_entry(GREY, "|", size=8), legend_entry(GREY), legend_entry(GREY, filled=False)]
        labels = ["independent edges of that density", "region", "region with too few neurons"]
        keep = [0, 1, 2] if regions["small"].astype(bool).any() else [0]
        parts[3].legend(
            [handles[k] for k in keep], [labels[k] for k in keep], loc="outside lower right", ncols=3
        )
    shown = views[(views["source"] == example[0]) & (views["region"] == example[1])] if example else views[:0]
    page.simulated("ab", SIMULATED_NEURONS, sorted(inputs.simulated_sources(shown)))
    page.simulated("c", SIMULATED_NEURONS, sorted(inputs.simulated_sources(neurons)))
    page.simulated("def", SIMULATED_NEURONS, sorted(inputs.simulated_sources(regions)))
    return page.finish()


def _projections(page, above, below, views, outlines, example):
    """The example region in the whole brain with its axons, and near by with dendrites and contacts."""
    if example is None:
        for letter, part in (("a", above), ("b", below)):
            axes = part.subplots()
            page.panel(axes, letter, "an example region in the brain" if letter == "a" else "near by")
            page.not_available(axes, letter, "no region has neurons to draw", 80)
        return
    source, region = example
    points, hues = points_mm(views, source, region)
    rings = rings_of(outlines, source, region)
    columns = ["source", "region", "kind", "neuron", "ap_mm", "dv_mm", "ml_mm", "voxel_um", "value", "share"]
    kinds = dict(a=["axon", "soma"], b=["dendrite", "contact", "soma"])
    near, edge_mm = near_somas(points[points["kind"].isin(kinds["b"])])
    titles = dict(
        a=f"{region}: axons of {len(hues)} example neurons in the brain",
        b=f"{region}, near the somas: dendrites and potential contacts of the same neurons"
        + (f" (a cube of {edge_mm:g} mm)" if edge_mm else ""),
    )
    for letter, part in (("a", above), ("b", below)):
        shown = points[points["kind"].isin(kinds["a"])] if letter == "a" else near
        page.keep(letter, shown[columns])
        if letter == "a" and len(rings):
            page.keep("a", rings.assign(source=source)[["source", *OUTLINES]])
        limits = limits_mm(points if letter == "a" else near, rings if letter == "a" else rings[:0])
        wide = [np.ptp(limits[x]) for x, _, _ in PLANES.values()]
        finest = LEAST_PT * sum(wide) / PLOTTED_PT
        axes_row = part.subplots(1, 3, width_ratios=wide)
        for axes, (view, (x, y, side)) in zip(axes_row, PLANES.items(), strict=True):
            draw_outline(axes, rings[rings["view"] == view], region)
            for kind in kinds[letter]:
                draw_kind(axes, shown[shown["kind"] == kind], kind, x, y, hues, finest)
            axes.set_xlim(limits[x])
            axes.set_ylim(limits[y][::-1])
            axes.set_aspect("equal", adjustable="box")
            axes.set_xlabel(f"{x.upper()} (mm)")
            axes.set_ylabel(f"{y.upper()} (mm)")
            side_text = axes.annotate(
                side, (1, 1), xycoords="axes fraction", xytext=(0, 3), textcoords="offset points",
                ha="right", fontsize=TINY, color="#555555", annotation_clip=False,
            )  # fmt: skip
            side_text.set_in_layout(False)
        page.panel(axes_row[0], letter, titles[letter], 13, wide=True)
    _legend(below, points, rings, region)


def _legend(part, points, rings, region):
    """What squares, dots and lines are; a colour is a neuron."""
    neurites = [kind for kind in ("axon", "dendrite") if (points["kind"] == kind).any()]
    handles = [tuple(legend_entry(hue, "s", size=4) for hue in HUES[:3])]
    names = [f"{' or '.join(neurites)}: a colour is a neuron"]
    if (points["kind"] == "soma").any():
        handles, names = [*handles, legend_entry(INK, filled=False, size=4)], [*names, "soma"]
    contacts = points[points["kind"] == "contact"]
    if len(contacts):
        share = contacts["share"].sum()
        part_of = f", the largest {100 * share:.0f} %" if share < 0.995 else ""
        handles, names = [*handles, legend_entry(INK, size=2)], [*names, f"potential contact{part_of}"]
    if len(rings):
        handles += [legend_entry(INK, "", "-"), legend_entry(GREY, "", "-")]
        names += [f"outline of {region}", "outline of the brain"]
    if not neurites:
        handles, names = handles[1:], names[1:]
    part.legend(
        handles, names, loc="outside lower center", ncols=3, handler_map={tuple: HandlerTuple(None, 0)}
    )


def _dots(page, axes, letter, regions, colours, column, name):
    page.panel(axes, letter, f"{column} of each region")
    if not len(regions):
        page.not_available(axes, letter, "no region has a graph")
        return
    page.keep(letter, regions[["source", "region", "n_neurons", "n_brains", "min_neurons", "small", column]])
    _, size = row_size(len(regions))
    for y, row in enumerate(regions.itertuples()):
        colour, small = colours[row.label], str(row.small) == "True"
        value = getattr(row, column)
        axes.plot(
            [value], [y], "o", color=colour, markerfacecolor="white" if small else colour,
            markersize=3 if size == MINUTE else 5,
        )  # fmt: skip
        if not np.isfinite(value):
            axes.text(0, y, "not available", va="center", color="#555555", fontsize=size)
    axes.set_yticks(
        range(len(regions)),
        [
            f"{row.label}  (n = {row.n_neurons}{f' < {row.min_neurons}' if str(row.small) == 'True' else ''})"
            for row in regions.itertuples()
        ],
        fontsize=size,
    )
    axes.set_ylim(len(regions) - 0.5, -0.5)
    top = float(np.nan_to_num(regions[column].max(), nan=1.0)) or 1.0
    axes.set_xlim(-0.02 * top, 1.1 * top)
    axes.locator_params(axis="x", nbins=6)
    axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(name)
    axes.tick_params(axis="y", length=0, labelleft=letter == "e")
