"""For tests of figures: tables of morphology, connectome and motifs of any size, and what a figure shows."""

import itertools

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.text import Text

from digimus.motifs import MOTIFS

NULLS = ("dyad", "degree", "distance", "distance-mutual")


def grid(**columns):
    """A table of all combinations of the given values."""
    return pd.MultiIndex.from_product(columns.values(), names=columns).to_frame(index=False)


def anatomy(regions=("R1", "R2", "R3"), source="s", *, seed=1, atlas=True, published=True):
    """Tables of one source by path; values are random, their structure is that of a run."""
    rng, regions = np.random.default_rng(seed), list(regions)
    tables = morphology(regions, source, rng, atlas)
    tables |= connectome(regions, source, rng)
    tables |= motif_tables(regions, source, rng)
    if published:
        tables["x/motifs/comparison.csv"] = comparison(regions, source, rng)
    return tables


def morphology(regions, source, rng, atlas):
    neurons = grid(source=[source], region=regions, id=range(5))
    for axis in ("ap", "dv", "ml"):
        neurons[f"soma_{axis}_um"] = rng.uniform(1000, 9000, len(neurons))
    for name, size in (("axon", 30_000), ("dendrite", 2500)):
        neurons[f"{name}_length_um"] = size * rng.lognormal(0, 0.8, len(neurons))
    neurons.loc[neurons["region"] == regions[0], "dendrite_length_um"] = 0.0
    outcomes = ["used", "used without dendrite", "set aside: unreadable"]
    quality = grid(source=[source], region=regions, outcome=outcomes)
    quality["n_neurons"] = rng.integers(0, 90, len(quality))
    others = [("", "set aside: no region", 31), ("", "set aside: unreadable", 4), ("X", "other region", 950)]
    others = pd.DataFrame(others, columns=["region", "outcome", "n_neurons"]).assign(source=source)
    checks = pd.DataFrame(
        [
            ("axis order", "AP, DV, ML", "ML, DV, AP", "differs", "header and pooled",
             "118 of 130 somata lie in the brain read as ML, DV, AP, 61 read as declared."),
            ("unit", "1 µm", "1 µm", "agrees", "pooled", "The extent of the somata fits a brain in µm."),
            ("outside", "", "2 of 130", "agrees", "pooled", "Two somata lie outside the annotation volume."),
            ("registration", "CCFv3", "", "undecided", "none",
             "The index table and the atlas name different regions for 12 of 25 neurons."),
        ],
        columns=["check", "declared", "found", "verdict", "basis", "detail"],
    ).assign(source=source, n_neurons=130, n_for=118, n_against=61, p=0.001)  # fmt: skip
    tables = {
        f"x/morphology/{source}/neurons.csv": neurons,
        f"x/morphology/{source}/quality.csv": pd.concat([quality, others], ignore_index=True),
        f"x/morphology/{source}/checks.csv": checks,
    }
    if atlas:
        projections = grid(source=[source], region=regions, target=regions)
        projections["n_neurons"] = 5
        projections["share"] = rng.dirichlet(np.full(len(regions) + 1, 0.4), len(regions))[:, :-1].ravel()
        projections["axon_length_um"] = 1e6 * projections["share"]
        tables[f"x/morphology/{source}/projections.csv"] = projections
        tables[f"x/morphology/{source}/outlines.csv"] = outlines(regions)
    return tables


def outlines(regions):
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    sizes = {"AP-ML": (6600, 5700, 6600, 5700), "AP-DV": (6600, 4000, 6600, 4000),
             "ML-DV": (5700, 4000, 5700, 4000)}  # fmt: skip
    rows = []
    for view, (x, y, a, b) in sizes.items():
        for structure, scale in (("brain", 0.95), (regions[0], 0.2)):
            ring = dict(x_um=x + scale * a * np.cos(angle), y_um=y + scale * b * np.sin(angle))
            rows.append(pd.DataFrame(ring).assign(structure=structure, view=view, ring=0))
    return pd.concat(rows, ignore_index=True)


def connectome(regions, source, rng):
    n = len(regions)
    graphs = grid(source=[source], region=regions).assign(
        simulated=False, n_neurons=rng.integers(50, 200, n), n_brains=3, min_neurons=50, small=False,
        density=rng.uniform(0.005, 0.2, n), reciprocity=rng.uniform(0, 0.4, n),
    )  # fmt: skip
    last = graphs.index[-1]
    graphs.loc[last, ["n_neurons", "small"]] = [9, True]
    graphs.loc[last, "reciprocity"] = np.nan
    distance = grid(source=[source], region=regions, distance_um=[25.0, 75.0, 125.0])
    distance = distance.assign(n_pairs=9, mean_probability=rng.random(len(distance)))
    tables = {
        f"x/connectome/{source}/graphs.csv": graphs,
        f"x/connectome/{source}/distance.csv": distance,
    }
    for region in regions[:2]:
        views = grid(kind=["axon", "dendrite", "contact", "soma"], neuron=["n1", "n2", "n3"], k=range(30))
        views = views[(views["kind"] != "soma") | (views["k"] == 0)].drop(columns="k")
        for axis, middle in (("ap", 6600), ("dv", 4000), ("ml", 5700)):
            wide = np.where(views["kind"] == "axon", 1800, 400)
            views[f"{axis}_um"] = middle + wide * rng.normal(size=len(views))
        voxels = views["kind"].map({"axon": 75.0, "dendrite": 25.0, "contact": 25.0, "soma": 0.0})
        views = views.assign(source=source, region=region, simulated=False, value=rng.random(len(views)))
        drawn_share = np.where(views["kind"] == "contact", 0.8, 1.0)
        totals = views.groupby("kind")["value"].transform("sum")
        views = views.assign(voxel_um=voxels, share=drawn_share * views["value"] / totals)
        tables[f"x/connectome/{source}/views/{region}.csv"] = views
    return tables


def motif_tables(regions, source, rng):
    profiles = grid(source=[source], region=regions, null=NULLS, triad=MOTIFS)
    value = rng.normal(size=len(profiles))
    profiles = profiles.assign(
        simulated=False, z=5 * value, z_low=5 * value - 1, z_high=5 * value + 1, sp=value / 9,
        p_corrected=rng.random(len(profiles)) ** 2, enrichment=value, enrichment_low=value - 0.2,
        enrichment_high=value + 0.3, enrichment_jackknife_se=0.1,
    )  # fmt: skip
    profiles.loc[profiles["triad"] == "300", "z"] = np.nan
    verdicts = grid(source=[source], region=regions, null=NULLS)
    verdicts = verdicts.assign(
        simulated=False, excess=rng.uniform(5, 500, len(verdicts)), p_profile=0.01, p_corrected=0.02,
        differs=verdicts["region"] == "R1",
    )  # fmt: skip
    answers = np.where(verdicts["differs"], "yes", "no")
    verdicts = verdicts.assign(more_than_geometry=answers, more_than_degree=answers)
    similarity = grid(
        source=[source], region_a=regions, region_b=regions, measure=["sp_dyad", "sp_distance-mutual"]
    )
    cosine = np.atleast_2d(np.corrcoef(rng.normal(size=(len(regions), 4))))
    at = [[regions.index(name) for name in similarity[end]] for end in ("region_a", "region_b")]
    similarity["cosine"] = cosine[at[0], at[1]] * np.where(similarity["measure"] == "sp_dyad", 0.5, 1)
    order = rng.permutation(len(regions))
    clusters = pd.DataFrame(dict(region=regions)).assign(
        order=np.argsort(order), cluster=1 + np.argsort(order) // 3, measure="sp_distance-mutual"
    )
    frequencies = rng.dirichlet(np.ones(13), len(regions))
    tried = grid(
        source=[source], region=regions, voxel_um=[25, 50], blur_um=[0, 25], filling_fraction=[0.1, 0.2],
        triad=MOTIFS,
    )  # fmt: skip
    moved = rng.normal(size=len(tried))
    tried = tried.assign(
        simulated=False, enrichment=moved, shift_se=np.abs(moved) * 2, cosine_frequency=0.99,
        expected_count=np.where(tried["triad"] == "300", 0.1, 20.0),
        reference=(tried["voxel_um"] == 25) & (tried["blur_um"] == 25) & (tried["filling_fraction"] == 0.2),
    )  # fmt: skip
    settings = tried.groupby(["region", "voxel_um", "blur_um", "filling_fraction"])
    tried["density"] = settings["enrichment"].transform(lambda v: np.exp(v.iloc[0]) / 20)
    tried["cosine_enrichment"] = settings["enrichment"].transform(lambda v: 1 - 0.3 * abs(np.tanh(v.iloc[1])))
    tried.loc[tried["reference"], "cosine_enrichment"] = 1.0
    tried.loc[tried["reference"], "shift_se"] = 0.0
    return {
        f"x/motifs/{source}/profiles.csv": profiles,
        f"x/motifs/{source}/verdicts.csv": verdicts,
        f"x/motifs/{source}/similarity.csv": similarity,
        f"x/motifs/{source}/clusters.csv": clusters,
        f"x/motifs/{source}/linkage.csv": chain(order, frequencies),
        f"x/motifs/{source}/sensitivity.csv": tried,
    }


def chain(order, values):
    """Merges of leaves in their order, one after the other."""
    n, rows, top = len(order), [], None
    for k in range(1, n):
        rows.append((order[0] if k == 1 else top, order[k], k / n + values[0, 0] / 9, k + 1))
        top = n + k - 1
    return pd.DataFrame(rows, columns=["left", "right", "height", "size"])


def comparison(regions, source, rng):
    rows = grid(
        source=[source], region=regions[:2], table=["published"], table_region=[*regions[:2], "T1", "T2"],
        rows=["presynaptic", "postsynaptic"],
        measure=[*(f"cosine{n} NZ, {null}" for null in NULLS for n in (12, 13)), "cosine13 shares"],
    )  # fmt: skip
    return rows.assign(
        same_region=rows["region"] == rows["table_region"],
        cosine=rng.uniform(0, 1, len(rows)),
        simulated=False,
    )


def overlapping_texts(figure):
    """Pairs of visible texts of a figure whose boxes overlap, and texts that leave the page."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    unseen = set()
    for axes in figure.findobj(Axes):
        for axis in (axes.xaxis, axes.yaxis):
            labels = {id(tick.label1) for tick in axis.get_major_ticks() + axis.get_minor_ticks()}
            unseen |= labels - {id(tick.label1) for tick in axis._update_ticks()}
            unseen |= labels if not (axes.axison and axis.get_visible()) else set()
    texts = {
        id(text): text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()
    }
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for k, t in texts.items() if k not in unseen]
    # Boxes of text hold some empty space above and below the letters; a fifth of it may be shared.
    shrunk = [(text, box.expanded(0.98, 0.8)) for text, box in boxes]
    pairs = [(one, two) for (one, a), (two, b) in itertools.combinations(shrunk, 2) if a.overlaps(b)]
    page = figure.bbox.padded(1)
    outside = [text for text, box in boxes if not (page.x0 <= box.x0 and box.x1 <= page.x1
                                                   and page.y0 <= box.y0 and box.y1 <= page.y1)]  # fmt: skip
    return pairs, outside


def marks(figure):
    return [text.get_text() for text in figure.findobj(lambda a: a.get_gid() == "simulated-mark")]


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(lambda a: hasattr(a, "get_text")))


def drawn_values(figure):
    """Every number at which a line, a marker, an interval, a square or a pixel is drawn."""
    numbers = [np.array([])]
    for axes in figure.findobj(lambda a: hasattr(a, "get_lines") and hasattr(a, "collections")):
        numbers += [np.asarray(line.get_data(), float).ravel() for line in axes.get_lines()]
        numbers += [
            np.ravel(segment) for c in axes.collections for segment in getattr(c, "get_segments", list)()
        ]
        numbers += [
            np.ravel([path.vertices[:-1].mean(axis=0) for path in c.get_paths()] or [])
            for c in axes.collections
            if isinstance(c, PolyCollection)
        ]
        numbers += [
            np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan).ravel() for image in axes.images
        ]
    return np.concatenate(numbers)


def assert_drawn(figure, values):
    drawn = drawn_values(figure)
    values = np.asarray(values, float)
    for value in values[np.isfinite(values)]:
        assert np.isclose(drawn, value, rtol=1e-6).any(), value
