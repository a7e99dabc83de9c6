"""What was done, on which data, and the motif atlas: every region's triads against the nulls."""

import numpy as np

from digimus.figures.brain import (
    FEW,
    LEAST_PT,
    OUTLINES,
    by_distance,
    draw_kind,
    draw_outline,
    example_region,
    near_somas,
    points_mm,
    rings_of,
    soma_map,
)
from digimus.figures.graphs import DISTANCE, GRAPHS, NEURONS, VIEWS
from digimus.figures.motif_map import PROFILES, dendrogram, heat_map, ordered_labels, trees_of
from digimus.figures.motifs import UNTESTED, VERDICTS, readings
from digimus.figures.schematic import HEIGHT, box_table, draw_schematic
from digimus.figures.sessions import RULES, counted
from digimus.figures.style import GREY, INK, MINUTE, PALE, TINY, Page, region_colours, region_labels, row_size
from digimus.figures.style import NEURONS as SIMULATED_NEURONS
from digimus.figures.style import RECORDINGS as SIMULATED_RECORDINGS

MODELS = ("benchmark", "task", "model", "prior", "seed", "family", "n_parameters")
SESSIONS = ("session", "animal", "status")
NOTHING = "not available:"
COLUMNS = (0.24, 0.76)  # of the two readings of a region
PLOTTED_PT = 105  # width of a panel of the second row, about


def atlas(inputs):
    """The workflow with this run's numbers, an example region, and the motif map with its verdicts.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``graphs.csv``, ``distance.csv`` and ``views/*.csv`` of ``connectome/*/``, ``neurons.csv`` and
        ``outlines.csv`` of ``morphology/*/``, ``profiles.csv``, ``verdicts.csv``, ``clusters.csv`` and
        ``linkage.csv`` of ``motifs/*/``, ``evaluation/models.csv`` and ``recordings/*/sessions.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    neurons = inputs.table("morphology/*/neurons.csv", NEURONS)
    regions = inputs.table("connectome/*/graphs.csv", GRAPHS)
    profiles = inputs.table("motifs/*/profiles.csv", PROFILES)
    verdicts = inputs.table("motifs/*/verdicts.csv", VERDICTS)
    sources = sorted({*profiles["source"], *verdicts["source"], *regions["source"]})
    labelled = [
        table.assign(label=region_labels(table, sources=sources)) for table in (regions, profiles, verdicts)
    ]
    regions, profiles, verdicts = labelled
    trees = trees_of(inputs, sources)
    labels = ordered_labels([*profiles["label"], *verdicts["label"]], trees)
    colours = region_colours(regions["label"])
    boxes, recorded = _boxes(inputs, neurons, regions, verdicts)

    tall, _ = row_size(len(labels))
    heights = [HEIGHT + 8, 52, 36 + max(24, tall * len(labels))]
    page = Page(sum(heights) + 6)
    top, middle, bottom = page.figure.subfigures(3, 1, height_ratios=heights)
    axes = top.subplots()
    page.panel(axes, "a", "from neurons to behaviour: what this run has")
    draw_schematic(axes, boxes)
    page.keep("a", box_table(boxes))
    page.simulated("a", SIMULATED_NEURONS, sorted(inputs.simulated_sources(neurons)))
    page.simulated("a", SIMULATED_RECORDINGS, [name for name in recorded if name in inputs.datasets])
    _anatomy(page, middle, inputs, neurons, regions, colours, sources)
    _map(page, bottom, profiles, verdicts, regions, labels, trees, colours)
    simulated = inputs.simulated_sources(profiles) | inputs.simulated_sources(verdicts)
    page.simulated("fgh", SIMULATED_NEURONS, sorted(simulated))
    return page.finish()


def _boxes(inputs, neurons, regions, verdicts):
    """Lines of text for the boxes of the drawing, and the datasets with recordings."""
    models = inputs.table("evaluation/models.csv", MODELS)
    sessions = inputs.by_source("recordings/*/sessions.csv", SESSIONS)
    on_rules = models["benchmark"].isin(RULES)
    recorded = {name: table[table["status"] == "used"] for name, table in sessions.items()}
    boxes = dict(
        neurons=_of_neurons(neurons),
        graphs=_of_graphs(regions),
        motifs=_of_motifs(verdicts),
        networks=_of_networks(models),
    )
    boxes["rule tasks"] = _of_tasks(models[on_rules])
    boxes["recordings"] = _of_recordings(recorded)
    return boxes, list(recorded)


def _of_neurons(neurons):
    if not len(neurons):
        return [NOTHING, "no neuron was read"]
    n_regions = neurons[["source", "region"]].drop_duplicates()["region"].astype(str).ne("").sum()
    return [
        f"{len(neurons):,} reconstructions",
        counted(n_regions, "region"),
        f"{counted(neurons['source'].nunique(), 'source')} of neurons",
        "in one reference atlas",
    ]


def _of_graphs(regions):
    if not len(regions):
        return [NOTHING, "no region has a graph"]
    sizes = sorted({int(regions["n_neurons"].min()), int(regions["n_neurons"].max())})
    shares = sorted({f"{regions['density'].min():.2f}", f"{regions['density'].max():.2f}"})
    return [
        "axons meeting dendrites",
        f"{counted(len(regions), 'directed graph')},",
        f"{' to '.join(map(str, sizes))} neurons each,",
        f"density {' to '.join(shares)}",
    ]


def _of_motifs(verdicts):
    if not len(verdicts):
        return [NOTHING, "no region has a verdict"]
    own = verdicts.drop_duplicates(["source", "region"])
    n_nulls = verdicts.loc[verdicts["excess"].notna(), "null"].nunique()
    more = [
        f"{own[f'more_than_{what}'].astype(str).eq('yes').sum()} of {len(own)} beyond {name}"
        for what, name in (("geometry", "geometry"), ("degree", "degrees"))
    ]
    return ["13 connected triads", f"against {counted(n_nulls, 'null model')}"] + (more if n_nulls else [])


def _of_networks(models):
    if not len(models):
        return [NOTHING, "no network was trained"]
    ours = models[models["prior"] != "none"]
    n_seeds = models["seed"].nunique()
    priors = ", ".join(dict.fromkeys(ours["prior"].astype(str))) or "none"
    others = models.loc[models["prior"] == "none", "model"].nunique()
    return [
        f"motif priors: {priors if len(priors) < 40 else counted(ours['prior'].nunique(), 'prior')}",
        f"{counted(others, 'model')} without a prior",
        f"{counted(n_seeds, 'seed')}, {counted(len(models), 'network')}",
    ]


def _of_tasks(models):
    if not len(models):
        return [NOTHING, "no task was learnt"]
    families = models["family"].dropna().nunique()
    return [
        f"{counted(models['task'].nunique(), 'task')} of {families} famil{'y' if families == 1 else 'ies'}",
        counted(len(models), "network"),
    ]


def _of_recordings(recorded):
    tables = [table for table in recorded.values() if len(table)]
    if not tables:
        return [NOTHING, "no session was used"]
    n_animals = sum(table["animal"].nunique() for table in tables)
    return [
        f"{counted(len(tables), 'dataset')}, {counted(sum(map(len, tables)), 'session')},",
        counted(n_animals, "animal"),
    ]


def _anatomy(page, part, inputs, neurons, regions, colours, sources):
    """Somas in the brain, an example region's axons and contacts, and connection by distance."""
    views = inputs.table("connectome/*/views/*.csv", VIEWS)
    outlines = inputs.by_source("morphology/*/outlines.csv", OUTLINES)
    distance = inputs.table("connectome/*/distance.csv", DISTANCE)
    b, c, d, e = part.subplots(1, 4)
    for axes in (b, c, d):
        axes.set_anchor("N")
    soma_map(page, b, "b", neurons, colours, outlines)
    b.set_title("somas, from above", pad=5)
    if len(neurons):
        b.set_xlabel("AP (mm)")
        b.set_ylabel("ML (mm)")
    example = example_region(regions, views)
    page.panel(c, "c", "axons" if example is None else f"axons, {example[1]}")
    page.panel(d, "d", "dendrites, contacts")
    if example is None:
        for letter, axes in (("c", c), ("d", d)):
            page.not_available(axes, letter, "no region has neurons to draw", 20)
    else:
        _example(page, c, d, views, outlines, example)
    by_distance(page, e, "e", distance.assign(label=region_labels(distance, sources=sources)), colours)
    e.set_title("by distance", pad=5)
    shown = views[(views["source"] == example[0]) & (views["region"] == example[1])] if example else views[:0]
    page.simulated("b", SIMULATED_NEURONS, sorted(inputs.simulated_sources(neurons)))
    page.simulated("cd", SIMULATED_NEURONS, sorted(inputs.simulated_sources(shown)))
    page.simulated("e", SIMULATED_NEURONS, sorted(inputs.simulated_sources(regions)))


def _example(page, c, d, views, outlines, example):
    source, region = example
    points, hues = points_mm(views, source, region)
    rings = rings_of(outlines, source, region)
    rings = rings[rings["view"] == "AP-ML"]
    columns = ["source", "region", "kind", "neuron", "ap_mm", "ml_mm", "voxel_um", "value", "share"]
    near, _ = near_somas(points[points["kind"].isin(["dendrite", "contact", "soma"])])
    far = points[points["kind"].isin(["axon", "soma"])]
    if len(rings):
        page.keep("c", rings.assign(source=source)[["source", *OUTLINES]])
        draw_outline(c, rings, region)
    for letter, axes, shown in (("c", c, far), ("d", d, near)):
        page.keep(letter, shown[columns])
        known = shown[["ap_mm", "ml_mm"]].dropna()
        ends = known.quantile([0.002, 0.998]).to_numpy() if len(known) else np.array([[0.0, 0.0], [1.0, 1.0]])
        if letter == "c":
            ends = _with_ring(ends, rings[rings["structure"].astype(str) == region])
        room = 0.08 * np.ptp(ends, axis=0).max() + 0.05
        left, right = ends[0] - room, ends[1] + room
        for kind in ("axon", "dendrite", "contact", "soma"):
            finest = LEAST_PT * float(right[0] - left[0]) / PLOTTED_PT
            draw_kind(axes, shown[shown["kind"] == kind], kind, "ap", "ml", hues, finest)
        axes.set_xlim(left[0], right[0])
        axes.set_ylim(right[1], left[1])
        axes.set_aspect("equal", adjustable="box")
        axes.set_xlabel("AP (mm)")
        axes.set_ylabel("ML (mm)")


def _with_ring(ends, rings):
    """The two corners of what is shown, moved out to hold that outline of the region that is nearest."""
    nearest, apart = ends, np.inf
    for _, ring in rings.groupby("ring", sort=False):
        own = ring[["x_um", "y_um"]].to_numpy(float) / 1000
        corners = np.array([own.min(0), own.max(0)])
        away = np.linalg.norm(corners.mean(0) - ends.mean(0))
        if away < apart:
            nearest, apart = corners, away
    return np.array([np.minimum(ends[0], nearest[0]), np.maximum(ends[1], nearest[1])])


def _map(page, part, profiles, verdicts, regions, labels, trees, colours):
    """The motif map, and in the same rows the reciprocity and the reading of each region."""
    tree, f, g, h = part.subplots(1, 4, width_ratios=[0.11, 2.0, 0.34, 1.0])
    dendrogram(page, tree, "f", trees, labels)
    heat_map(page, part, f, "f", profiles, labels, trees)
    f.set_title(f.get_title(loc="left").split("  (")[0], pad=22)
    _named(f, labels, regions, colours)
    _reciprocity(page, g, regions, labels, colours)
    _readings(page, h, verdicts, labels)


def _named(axes, labels, regions, colours):
    """Names of regions with their numbers of neurons, in their colours where these are few."""
    known = dict(zip(regions["label"], regions["n_neurons"], strict=True))
    if not axes.images:
        return
    axes.set_yticklabels([f"{label} ({known[label]})" if label in known else label for label in labels])
    for text, label in zip(axes.get_yticklabels(), labels, strict=True):
        if len(colours) <= FEW and label in colours:
            text.set_color(colours[label])


def _reciprocity(page, axes, regions, labels, colours):
    page.panel(axes, "g", "mutual", 22)
    known = regions[regions["label"].isin(labels)]
    if not len(known):
        page.not_available(axes, "g", "no region has a graph", 10)
        return
    page.keep("g", known[["source", "region", "n_neurons", "small", "density", "reciprocity"]])
    size = 2.5 if row_size(len(labels))[1] == MINUTE else 4
    for row in known.itertuples():
        y, colour = labels.index(row.label), colours[row.label]
        small = str(row.small) == "True"
        axes.plot([row.density], [y], "|", color=GREY, markersize=1.8 * size, zorder=1)
        axes.plot(
            [row.reciprocity],
            [y],
            "o",
            color=colour,
            markersize=size,
            markerfacecolor="white" if small else colour,
        )
        if not np.isfinite(row.reciprocity):
            axes.text(0.5, y, "n/a", transform=axes.get_yaxis_transform(), ha="center", va="center",
                      fontsize=MINUTE, color="#666666")  # fmt: skip
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_yticks([])
    top = float(np.nan_to_num(known[["density", "reciprocity"]].to_numpy(float)).max()) or 1.0
    axes.set_xlim(-0.06 * top, 1.1 * top)
    axes.locator_params(axis="x", nbins=2)
    axes.set_xlabel("share of\nedges")
    axes.grid(axis="x", color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)


def _readings(page, axes, rows, labels):
    """What the verdicts say of each region, in words."""
    page.panel(axes, "h", "more than the null?", 22)
    if not len(rows) or not rows["excess"].notna().any():
        page.not_available(axes, "h", "no region was compared with null models", 18)
        return
    rows = rows.assign(differs=rows["differs"].astype(str).eq("True"))
    page.keep("h", rows[list(VERDICTS)])
    words = readings(rows)
    size = min(row_size(len(labels))[1], TINY)
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    for x, name in zip(COLUMNS, ("geometry", "degrees"), strict=True):
        axes.annotate(name, (x, 1), xycoords="axes fraction", xytext=(0, 4), textcoords="offset points",
                      ha="center", fontsize=TINY, color="#555555", annotation_clip=False)  # fmt: skip
    for y, label in enumerate(labels):
        if y:
            axes.axhline(y - 0.5, color=PALE, linewidth=0.4)
        for x, word in zip(COLUMNS, words.get(label, UNTESTED), strict=True):
            short = _short(word)
            axes.text(x, y, short, ha="center", va="center", fontsize=size,
                      color=INK if short == "more" else "#A04000",
                      fontweight="bold" if short == "more" else "normal")  # fmt: skip


def _short(reading):
    """A reading of a verdict in a column whose head names the null."""
    starts = {"more than": "more", "not told": "not told apart", "geometry and": "reciprocity"}
    starts["not compared"] = "n/a"
    found = (short for start, short in starts.items() if reading.startswith(start))
    return next(found, "undetermined" if "undetermined" in reading else "")
