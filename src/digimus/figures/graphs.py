"""Where the neurons are, how connection falls with distance, and how dense and reciprocal each region is."""

import numpy as np

from digimus.figures.style import GREY, PALE, Page, legend_entry, region_colours, region_labels
from digimus.figures.style import NEURONS as SIMULATED_NEURONS

GRAPHS = ("source", "region", "n_neurons", "n_brains", "min_neurons", "small", "density", "reciprocity")
DISTANCE = ("source", "region", "distance_um", "n_pairs", "mean_probability")
NEURONS = ("id", "source", "region", "soma_ap_um", "soma_dv_um", "soma_ml_um")
MANY_POINTS = 2000


def graphs(inputs):
    """Soma positions (two projections), connection probability by distance, density and reciprocity.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``connectome/*/graphs.csv``, ``connectome/*/distance.csv``, ``morphology/*/neurons.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    regions = inputs.table("connectome/*/graphs.csv", GRAPHS)
    distance = inputs.table("connectome/*/distance.csv", DISTANCE)
    neurons = inputs.table("morphology/*/neurons.csv", NEURONS)
    regions = regions.assign(label=region_labels(regions))
    colours = region_colours(regions["label"])
    few = len(colours) <= 8

    page = Page(62 + max(38, 14 + 4.2 * len(regions)))
    top, bottom = page.figure.subfigures(2, 1, height_ratios=[62, max(38, 14 + 4.2 * len(regions))])
    a, b, c = top.subplots(1, 3)
    _somas(page, a, b, neurons, colours)
    _by_distance(page, c, distance.assign(label=region_labels(distance)), colours)
    if few and colours:
        handles, names = [legend_entry(colour) for colour in colours.values()], list(colours)
        if set(region_labels(neurons)) - set(colours):
            handles, names = [*handles, legend_entry(PALE)], [*names, "other regions"]
        top.legend(handles, names, loc="outside lower center", ncols=5)
    d, e = bottom.subplots(1, 2, sharey=True)
    _dots(page, d, "d", regions, colours, "density", "density (mean connection probability)")
    _dots(page, e, "e", regions, colours, "reciprocity", "reciprocity")
    if len(regions):
        e.plot(regions["density"], range(len(regions)), "|", color=GREY, markersize=8, zorder=1)
        handles = [legend_entry(GREY, "|", size=8), legend_entry(GREY), legend_entry(GREY, filled=False)]
        labels = ["independent edges of that density", "region", "region with too few neurons"]
        keep = [0, 1, 2] if regions["small"].astype(bool).any() else [0]
        bottom.legend(
            [handles[k] for k in keep], [labels[k] for k in keep], loc="outside lower right", ncols=3
        )
    page.simulated("ab", SIMULATED_NEURONS, sorted(inputs.simulated_sources(neurons)))
    page.simulated("cde", SIMULATED_NEURONS, sorted(inputs.simulated_sources(regions)))
    return page.finish()


def _somas(page, a, b, neurons, colours):
    """Positions from above and from the side, in mm."""
    page.panel(a, "a", "somas from above")
    page.panel(b, "b", "somas from the side")
    if not len(neurons):
        for axes, letter in ((a, "a"), (b, "b")):
            page.not_available(axes, letter, "no neuron was read")
        return
    shown = neurons.assign(label=region_labels(neurons))
    for letter, axes, other in (("a", a, "ml"), ("b", b, "dv")):
        x, y = shown["soma_ap_um"] / 1000, shown[f"soma_{other}_um"] / 1000
        page.keep(letter, shown[["source", "region", "id"]].assign(ap_mm=x, **{f"{other}_mm": y}))
        many = len(shown) > MANY_POINTS
        for label in [*sorted(set(shown["label"]) - set(colours)), *colours]:
            here = shown["label"] == label
            axes.plot(
                x[here], y[here], ".", color=colours.get(label, PALE), markersize=2 if many else 2.6,
                markeredgewidth=0, alpha=0.8, rasterized=many,
            )  # fmt: skip
        axes.set_aspect("equal", adjustable="datalim")
        axes.invert_yaxis()
        axes.set_xlabel("anterior → posterior, AP (mm)")
    a.set_ylabel("medial–lateral, ML (mm)")
    b.set_ylabel("ventral ← dorsal, DV (mm)")


def _by_distance(page, axes, distance, colours):
    page.panel(axes, "c", "connection and distance")
    if not len(distance):
        page.not_available(axes, "c", "no region has a graph")
        return
    columns = ["source", "region", "distance_um", "n_pairs", "mean_probability"]
    page.keep("c", distance[columns])
    for label, rows in distance.groupby("label", sort=False):
        rows = rows.sort_values("distance_um")
        axes.plot(
            rows["distance_um"], rows["mean_probability"], "-", color=colours.get(label, GREY), linewidth=0.9,
            marker="o", markersize=2,
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
    for y, row in enumerate(regions.itertuples()):
        colour, small = colours[row.label], bool(row.small)
        value = getattr(row, column)
        axes.plot([value], [y], "o", color=colour, markerfacecolor="white" if small else colour, markersize=5)
        if not np.isfinite(value):
            axes.text(0, y, "not available", va="center", color="#555555")
    axes.set_yticks(
        range(len(regions)),
        [
            f"{row.label}  (n = {row.n_neurons}{f' < {row.min_neurons}' if row.small else ''})"
            for row in regions.itertuples()
        ],
    )
    axes.set_ylim(len(regions) - 0.5, -0.5)
    top = float(np.nan_to_num(regions[column].max(), nan=1.0)) or 1.0
    axes.set_xlim(-0.02 * top, 1.1 * top)
    axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.set_xlabel(name)
    axes.tick_params(axis="y", length=0, labelleft=letter == "d")
