"""A region in the brain with its neurons and contacts, and how dense and reciprocal every region is."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection
from matplotlib.legend_handler import HandlerTuple

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
OUTLINES = ("structure", "view", "ring", "x_um", "y_um")
PLANES = {
    "AP-ML": ("ap", "ml", "from above"),
    "AP-DV": ("ap", "dv", "from the side"),
    "ML-DV": ("ml", "dv", "from the front"),
}
AXES = ("ap", "dv", "ml")
HUES = (
    "#332288", "#DDAA33", "#117733", "#CC6677", "#66BBDD", "#882255", "#44AA99", "#999933", "#AA4499",
    "#0077BB", "#EE7733", "#7F5539",
)  # fmt: skip
MANY_POINTS = 1500
CUBE_MM = 1.6
PLOTTED_PT = 430  # width of three panels beside each other, about
LEAST_PT = 0.7  # smaller squares would not be seen
FEW = 8


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
    example = _example(regions, views)

    tall = row_size(len(regions))[0]
    heights = [64, 66, 66, 20 + max(24, tall * len(regions))]
    page = Page(sum(heights))
    parts = page.figure.subfigures(4, 1, height_ratios=heights)
    _projections(page, parts[0], parts[1], views, outlines, example)
    c, d = parts[2].subplots(1, 2, width_ratios=[1.15, 1])
    _somas(page, c, neurons, colours, outlines)
    _by_distance(page, d, distance.assign(label=region_labels(distance)), colours)
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


def _example(regions, views):
    """Source and name of the first region with enough neurons; of the first one at all where none has."""
    drawn = set(views[["source", "region"]].astype(str).itertuples(index=False, name=None))
    enough = regions[~regions["small"].astype(str).eq("True")] if len(regions) else regions
    wanted = [(str(row.source), str(row.region)) for table in (enough, regions) for row in table.itertuples()]
    return next((pair for pair in [*wanted, *sorted(drawn)] if pair in drawn), None)


def _projections(page, above, below, views, outlines, example):
    """The example region in the whole brain with its axons, and near by with dendrites and contacts."""
    if example is None:
        for letter, part in (("a", above), ("b", below)):
            axes = part.subplots()
            page.panel(axes, letter, "an example region in the brain" if letter == "a" else "near by")
            page.not_available(axes, letter, "no region has neurons to draw", 80)
        return
    source, region = example
    here = views[(views["source"].astype(str) == source) & (views["region"].astype(str) == region)]
    points = here.rename(columns={f"{axis}_um": f"{axis}_mm" for axis in AXES})
    points = points.assign(**{f"{axis}_mm": here[f"{axis}_um"] / 1000 for axis in AXES})
    rings = outlines.get(source, pd.DataFrame(columns=list(OUTLINES)))
    rings = rings[rings["structure"].astype(str).isin(["brain", region])].dropna(subset=["x_um", "y_um"])
    columns = ["source", "region", "kind", "neuron", "ap_mm", "dv_mm", "ml_mm", "voxel_um", "value", "share"]
    kinds = dict(a=["axon", "soma"], b=["dendrite", "contact", "soma"])
    names = sorted(points.loc[points["kind"] != "contact", "neuron"].astype(str).unique())
    hues = {name: HUES[k % len(HUES)] for k, name in enumerate(names)}
    near, edge_mm = _near(points[points["kind"].isin(kinds["b"])])
    titles = dict(
        a=f"{region}: axons of {len(names)} example neurons in the brain",
        b=f"{region}, near the somas: dendrites and potential contacts of the same neurons"
        + (f" (a cube of {edge_mm:g} mm)" if edge_mm else ""),
    )
    for letter, part in (("a", above), ("b", below)):
        shown = points[points["kind"].isin(kinds["a"])] if letter == "a" else near
        page.keep(letter, shown[columns])
        if letter == "a" and len(rings):
            page.keep("a", rings.assign(source=source)[["source", *OUTLINES]])
        limits = _limits(points if letter == "a" else near, rings if letter == "a" else rings[:0])
        wide = [np.ptp(limits[x]) for x, _, _ in PLANES.values()]
        finest = LEAST_PT * sum(wide) / PLOTTED_PT
        axes_row = part.subplots(1, 3, width_ratios=wide)
        for axes, (view, (x, y, side)) in zip(axes_row, PLANES.items(), strict=True):
            _outline(axes, rings[rings["view"] == view], region)
            for kind in kinds[letter]:
                _drawn(axes, shown[shown["kind"] == kind], kind, x, y, hues, finest)
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


def _outline(axes, rings, region):
    for (structure, _), ring in rings.groupby(["structure", "ring"], sort=False):
        closed = pd.concat([ring, ring.head(1)])
        axes.plot(
            closed["x_um"] / 1000, closed["y_um"] / 1000, "-", linewidth=0.7,
            color=INK if str(structure) == region else GREY, zorder=4 if str(structure) == region else 1,
        )  # fmt: skip


def _drawn(axes, rows, kind, x, y, hues, finest_mm):
    """Voxels of neurites as squares of a neuron's colour, somas as discs, contacts as dots on top of all."""
    if not len(rows):
        return
    x, y, many = f"{x}_mm", f"{y}_mm", len(rows) > MANY_POINTS
    if kind == "contact":
        seen = rows.groupby([x, y], as_index=False)["value"].sum()
        size = 0.1 + 5 * seen["value"] / max(seen["value"].max(), 1e-12)
        axes.scatter(seen[x], seen[y], s=size, color=INK, linewidths=0, alpha=0.75, zorder=3, rasterized=many)
    elif kind == "soma":
        axes.scatter(
            rows[x], rows[y], s=9, c=list(rows["neuron"].astype(str).map(hues)), edgecolors=INK,
            linewidths=0.5, zorder=5,
        )  # fmt: skip
    else:
        _squares(axes, rows, x, y, hues, finest_mm, many)


def _squares(axes, rows, x, y, hues, finest_mm, many):
    """Voxels as they are seen through the brain: lengths behind each other add up; the longest is on top."""
    seen = rows.assign(neuron=rows["neuron"].astype(str))
    seen = seen.groupby(["neuron", x, y, "voxel_um"], as_index=False)["value"].sum()
    seen = seen.sort_values("value", kind="stable")
    half = np.maximum(seen["voxel_um"].to_numpy(float) / 1000, finest_mm) / 2
    middles = seen[[x, y]].to_numpy(float)
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    colours = matplotlib.colors.to_rgba_array(list(seen["neuron"].map(hues)))
    most = seen.groupby("neuron")["value"].transform("max").to_numpy(float)
    colours[:, 3] = 0.3 + 0.65 * np.sqrt(seen["value"].to_numpy(float) / np.maximum(most, 1e-12))
    squares = PolyCollection(
        middles[:, None] + half[:, None, None] * corners, facecolors=colours, linewidths=0, zorder=2,
        rasterized=many,
    )  # fmt: skip
    axes.add_collection(squares)


def _near(points):
    """Points in the cube around that soma that holds the most contacts, and its edge in mm; all where close.

    Neurons that lie far apart would be too small to be told if all of them were shown. Without contacts the
    cube with the most dendrite is taken.
    """
    middles = points.loc[points["kind"] == "soma", [f"{axis}_mm" for axis in AXES]].to_numpy(float)
    sought = points[points["kind"] == ("contact" if (points["kind"] == "contact").any() else "dendrite")]
    if not len(middles) or np.ptp(middles, axis=0).max() <= CUBE_MM or not len(sought):
        return points, None
    held = [sought.loc[_inside(sought, middle), "value"].sum() for middle in middles]
    return points[_inside(points, middles[int(np.argmax(held))])], CUBE_MM


def _inside(points, middle):
    """Which points lie in the cube around a place."""
    away = np.abs(points[[f"{axis}_mm" for axis in AXES]].to_numpy(float) - middle)
    return (away <= CUBE_MM / 2).all(axis=1)


def _limits(points, rings):
    """Ends of every axis in mm: of the outlines, or without them of the somas and most of the dendrites."""
    limits = {}
    near = points[points["kind"].isin(["soma", "dendrite"])]
    near = near if len(near) else points
    for axis in AXES:
        values = near[f"{axis}_mm"].to_numpy(float)
        values = values[np.isfinite(values)]
        low, high = np.quantile(values, [0.005, 0.995]) if len(values) else (0.0, 1.0)
        margin = 0.08 * (high - low) + 0.05
        limits[axis] = np.array([low - margin, high + margin])
    for view, (x, y, _) in PLANES.items():
        here = rings[rings["view"] == view]
        for axis, column in ((x, "x_um"), (y, "y_um")):
            if len(here):
                limits[axis] = np.array(_with_margin(here[column] / 1000))
    return limits


def _somas(page, axes, neurons, colours, outlines):
    """Positions from above, in mm, on the outline of the brain."""
    page.panel(axes, "c", "somas of all regions, from above")
    if not len(neurons):
        page.not_available(axes, "c", "no neuron was read")
        return
    around = next((r for r in map(_seen_from_above, outlines.values()) if len(r)), None)
    if around is not None:
        _outline(axes, around, None)
    shown = neurons.assign(label=region_labels(neurons))
    x, y = shown["soma_ap_um"] / 1000, shown["soma_ml_um"] / 1000
    page.keep("c", shown[["source", "region", "id"]].assign(ap_mm=x, ml_mm=y))
    many = len(shown) > MANY_POINTS
    for label in [*sorted(set(shown["label"]) - set(colours)), *colours]:
        here = shown["label"] == label
        axes.plot(
            x[here], y[here], ".", color=colours.get(label, PALE), markersize=2 if many else 2.6,
            markeredgewidth=0, alpha=0.8, rasterized=many,
        )  # fmt: skip
    ends = [(x, "x_um"), (y, "y_um")]
    if around is not None:
        ends = [(np.append(values, around[column] / 1000), column) for values, column in ends]
    (left, right), (top, bottom) = (_with_margin(values) for values, _ in ends)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlabel("anterior → posterior, AP (mm)")
    axes.set_ylabel("medial–lateral, ML (mm)")


def _seen_from_above(rings):
    return rings[(rings["structure"] == "brain") & (rings["view"] == "AP-ML")].dropna(subset=["x_um", "y_um"])


def _with_margin(values):
    """Both ends of values with a little room."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    low, high = (values.min(), values.max()) if len(values) else (0.0, 1.0)
    margin = 0.03 * (high - low) + 0.05
    return low - margin, high + margin


def _by_distance(page, axes, distance, colours):
    page.panel(axes, "d", "connection and distance")
    if not len(distance):
        page.not_available(axes, "d", "no region has a graph")
        return
    columns = ["source", "region", "distance_um", "n_pairs", "mean_probability"]
    page.keep("d", distance[columns])
    few = len(colours) <= FEW
    for label, rows in distance.groupby("label", sort=False):
        rows = rows.sort_values("distance_um")
        axes.plot(
            rows["distance_um"], rows["mean_probability"], "-", color=colours.get(label, GREY),
            linewidth=0.9 if few else 0.6, marker="o" if few else "", markersize=2,
        )  # fmt: skip
    axes.set_ylim(bottom=0)
    # A long tail without connections would press the rest against the axis.
    connected = distance[distance["mean_probability"] > 0.005 * distance["mean_probability"].max()]
    axes.set_xlim(0, 1.1 * connected["distance_um"].max() if len(connected) else None)
    axes.set_xlabel("distance of somas (µm)")
    axes.set_ylabel("connection probability")


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
