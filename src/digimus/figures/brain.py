"""The brain in outlines, its somas, and an example region with neurites and potential contacts."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.collections import PolyCollection

from digimus.figures.style import (
    GREY,
    INK,
    PALE,
    region_labels,
)

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


def example_region(regions, views):
    """Source and name of the first region with enough neurons; of the first one at all where none has."""
    drawn = set(views[["source", "region"]].astype(str).itertuples(index=False, name=None))
    enough = regions[~regions["small"].astype(str).eq("True")] if len(regions) else regions
    wanted = [(str(row.source), str(row.region)) for table in (enough, regions) for row in table.itertuples()]
    return next((pair for pair in [*wanted, *sorted(drawn)] if pair in drawn), None)


def points_mm(views, source, region):
    """The points of a region in mm, and a colour for each of its neurons by name."""
    here = views[(views["source"].astype(str) == source) & (views["region"].astype(str) == region)]
    points = here.drop(columns=[f"{axis}_um" for axis in AXES])
    points = points.assign(**{f"{axis}_mm": here[f"{axis}_um"] / 1000 for axis in AXES})
    names = sorted(points.loc[points["kind"] != "contact", "neuron"].astype(str).unique())
    return points, {name: HUES[k % len(HUES)] for k, name in enumerate(names)}


def rings_of(outlines, source, region):
    """Outlines of the brain and of a region; no rows where the source has none."""
    rings = outlines.get(source, pd.DataFrame(columns=list(OUTLINES)))
    return rings[rings["structure"].astype(str).isin(["brain", region])].dropna(subset=["x_um", "y_um"])


def draw_outline(axes, rings, region):
    """Closed rings in mm; that of the region is dark."""
    for (structure, _), ring in rings.groupby(["structure", "ring"], sort=False):
        closed = pd.concat([ring, ring.head(1)])
        axes.plot(
            closed["x_um"] / 1000, closed["y_um"] / 1000, "-", linewidth=0.7,
            color=INK if str(structure) == region else GREY, zorder=4 if str(structure) == region else 1,
        )  # fmt: skip


def draw_kind(axes, rows, kind, x, y, hues, finest_mm):
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


def near_somas(points):
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


def limits_mm(points, rings):
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


def soma_map(page, axes, letter, neurons, colours, outlines):
    """Positions from above, in mm, on the outline of the brain."""
    page.panel(axes, letter, "somas of all regions, from above")
    if not len(neurons):
        page.not_available(axes, letter, "no neuron was read")
        return
    around = next((r for r in map(_seen_from_above, outlines.values()) if len(r)), None)
    if around is not None:
        draw_outline(axes, around, None)
    shown = neurons.assign(label=region_labels(neurons))
    x, y = shown["soma_ap_um"] / 1000, shown["soma_ml_um"] / 1000
    page.keep(letter, shown[["source", "region", "id"]].assign(ap_mm=x, ml_mm=y))
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


def by_distance(page, axes, letter, distance, colours):
    page.panel(axes, letter, "connection and distance")
    if not len(distance):
        page.not_available(axes, letter, "no region has a graph")
        return
    columns = ["source", "region", "distance_um", "n_pairs", "mean_probability"]
    page.keep(letter, distance[columns])
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
