"""Simulated neurons whose wiring is known, to see what the pipeline recovers from morphologies alone.

Every region starts from a distance-dependent random graph. Its edges are moved, each to a pair of the same
distance, until the region's own rule holds; axons grow to their targets and branch there. Two controls have
no motifs beyond distance: in `SIM-distance` no edge is moved, and in `SIM-geometry` axons fill the space
around their somata and aim at nothing. In a third, `SIM-hubs`, motifs follow largely from degrees.
"""

import gzip
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist

from digimus.errors import InputError
from digimus.morphology import AXON, BASAL, MIDLINE_ML_UM, SOMA, grid_shape
from digimus.seeding import stream
from digimus.storage import write_table, write_text, writing
from digimus.suggest import did_you_mean

# Centres in CCF µm (AP, DV, ML), each at least 1.4 mm inside one hemisphere and 2 mm from the others.
CENTRES_UM = {
    "SIM-geometry": (6750.0, 4150.0, 3250.0),
    "SIM-distance": (11550.0, 3650.0, 4150.0),
    "SIM-reciprocal": (4750.0, 3750.0, 3750.0),
    "SIM-feedforward": (8150.0, 2850.0, 2650.0),
    "SIM-cyclic": (6350.0, 2350.0, 4050.0),
    "SIM-clustered": (5350.0, 5650.0, 3950.0),
    "SIM-hubs": (10750.0, 5550.0, 4250.0),
}
REGIONS = tuple(CENTRES_UM)
N_COMMUNITIES = 4
HUB_SHARE = 0.2
_TREE_CONSTANT = 0.71  # length of such a tree through N random points in a volume V: .71 N^(2/3) V^(1/3)
_MEAN_GAP = 2.26  # mean distance of two points of a Gaussian cloud, in its standard deviations
_MOST_CHANCE = 0.95
_DISTANCE_BIN_UM = 100.0
_REACH_UM = 2.0
_MARGIN_UM = 150.0
_DEPTH_UM = 1400.0
_STEP_UM = 60.0
_STUB_UM = 40.0
_ATLAS_VOXEL_UM = 100.0
_HEMISPHERE_UM = ((6900.0, 4000.0, 3300.0), (6000.0, 3400.0, 2700.0))  # centre and half-axes of an ellipsoid
_N_ROUTES = 24
_N_NEAR = 16
_BOUNDS = (
    ("n_neurons", 8, 1000),
    ("density", 0.01, 0.3),
    ("n_brains", 1, 100),
    ("spacing_um", 50, 1000),
    ("decay_um", 50, 1e5),
    ("reciprocity", 0.0, 1.0),
    ("clustering", 0.0, 1.0),
    ("cycles", 1.0, 10.0),
    ("hubs", 0.0, 1.0),
    ("dendrite_radius_um", 20, 300),
    ("dendrite_length_um", 500, 10000),
    ("terminal_length_um", 500, 50000),
    ("terminal_sd_um", 5, 100),
    ("filling_fraction", 0.01, 1.0),
)
_RULES = {
    "SIM-geometry": "no edge is planted; axons fill space, so that distance alone decides.",
    "SIM-distance": "no edge is moved; axons aim at their targets, and yet distance alone decides.",
    "SIM-reciprocal": "edges are moved until {s.reciprocity:g} of them are returned.",
    "SIM-feedforward": "a hidden order of the neurons; every edge runs down it, so no cycle is left.",
    "SIM-cyclic": "edges close three-neuron cycles, {s.cycles:g} times as many as by chance.",
    "SIM-clustered": "four hidden communities, mixed in space; {s.clustering:g} of the edges stay within.",
    "SIM-hubs": "a hidden fifth of the neurons are hubs; {s.hubs:g} of the edges end on one.",
}


@dataclass(frozen=True)
class NeuronSettings:
    """Settings of the simulated neurons.

    Attributes
    ----------
    regions : "all" or sequence of str
        Of SIM-geometry, SIM-distance, SIM-reciprocal, SIM-feedforward, SIM-cyclic, SIM-clustered, SIM-hubs.
    n_neurons : int
        Neurons in each region.
    density : float
        Planted share of ordered pairs with an edge, the same in every region.
    n_brains : int
        Simulated brains, to which neurons are dealt at random.
    spacing_um : float
        Mean distance between neighbouring somata.
    decay_um : float
        The chance of an edge falls as exp(-distance / decay).
    reciprocity : float
        Share of edges that are returned in SIM-reciprocal.
    clustering : float
        Share of edges within communities in SIM-clustered.
    cycles : float
        Cyclic triads in SIM-cyclic, as a multiple of those of the random graph it starts from.
    hubs : float
        Share of edges that end on a hub in SIM-hubs, where a fifth of the neurons are hubs.
    dendrite_radius_um, dendrite_length_um : float
        Radius of the ball that a dendrite fills, and its total length.
    terminal_length_um, terminal_sd_um : float
        Length of the branches at one target, and their standard deviation around its soma along an axis.
    filling_fraction : float
        The one for which the clouds of SIM-geometry are sized.
    """

    regions: str | tuple = "all"
    n_neurons: int = 64
    density: float = 0.12
    n_brains: int = 4
    spacing_um: float = 230.0
    decay_um: float = 500.0
    reciprocity: float = 0.6
    clustering: float = 0.75
    cycles: float = 3.0
    hubs: float = 0.5
    dendrite_radius_um: float = 85.0
    dendrite_length_um: float = 2500.0
    terminal_length_um: float = 6000.0
    terminal_sd_um: float = 30.0
    filling_fraction: float = 0.2


def simulate_neurons(folder, settings=None, seed=0):
    """Write simulated neurons as SWC files, with the truth beside them.

    Files: one `.swc` a neuron (CCF µm; x AP, y DV, z ML; all in one hemisphere), `truth.csv` (the planted
    edges: region, pre, post), `annotation.nrrd` and `structure_tree.csv` (a made-up brain that holds the
    regions), `MODEL.md`, and last `index.csv` (file, id, region, brain, simulated, n_nodes), whose presence
    says that the folder is whole.

    Parameters
    ----------
    folder : str or Path
    settings : NeuronSettings or mapping, optional
    seed : int

    Returns
    -------
    pandas.DataFrame
        The index.

    Raises
    ------
    InputError
        If a setting is unknown or out of range.
    """
    folder, settings = Path(folder), _checked(settings)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.csv").unlink(missing_ok=True)
    for left in (path for region in REGIONS for path in folder.glob(f"{region}-[0-9][0-9][0-9][0-9].swc")):
        left.unlink()  # of an earlier simulation in the same folder, perhaps of more neurons
    entries, truths, summary = [], [], []
    for region in settings.regions:
        somas, planted = plan_region(region, settings, seed)
        brains = stream(seed, "neurons", region, "brains").integers(settings.n_brains, size=len(somas))
        ids = [f"{region}-{k:04d}" for k in range(len(somas))]
        for k, name in enumerate(ids):
            tree = _grow(k, somas, planted, settings, stream(seed, "neurons", region, k))
            write_text(folder / f"{name}.swc", _swc_text(name, tree, seed))
            entries.append((f"{name}.swc", name, region, f"SIM{brains[k] + 1}", True, len(tree[0])))
        if planted is not None:
            truths += [(region, ids[i], ids[j]) for i, j in np.argwhere(planted)]
            summary.append((region, planted.mean() * len(ids) / (len(ids) - 1), _returned(planted)))
    write_table(folder / "truth.csv", pd.DataFrame(truths, columns=["region", "pre", "post"]))
    _write_atlas(folder, settings)
    write_text(folder / "MODEL.md", _model_text(settings, seed, summary))
    columns = ["file", "id", "region", "brain", "simulated", "n_nodes"]
    index = pd.DataFrame(entries, columns=columns)
    write_table(folder / "index.csv", index)
    return index


def plan_region(region, settings, seed):
    """Where a region's somata are, and its planted edges.

    Returns
    -------
    soma_um : (n, 3)
    planted : (n, n) bool or None
        Row presynaptic; None for SIM-geometry, where nothing is planted.
    """
    generator = stream(seed, "neurons", region, "plan")
    somas = np.array(CENTRES_UM[region]) + _scatter(settings, generator)
    if region == "SIM-geometry":
        return somas, None
    apart = cdist(somas, somas)
    start = _random_graph(apart, settings, generator)
    if region == "SIM-distance":
        return somas, start
    worth, holds = _rule(region, start, settings, generator)
    cyclic = region == "SIM-cyclic"
    return somas, _rewire(start, apart, worth, holds, generator, keep_returned=cyclic)


def _scatter(settings, generator):
    """Positions around zero, (n, 3) µm: evenly spread in a cube, best of many candidates for each."""
    n = settings.n_neurons
    width = settings.spacing_um * n ** (1 / 3)
    points = generator.uniform(size=(1, 3)) * width
    while len(points) < n:
        candidates = generator.uniform(size=(20 * len(points) + 20, 3)) * width
        nearest = cdist(candidates, points).min(axis=1)
        points = np.vstack([points, candidates[nearest.argmax()]])
    return points[generator.permutation(n)] - width / 2


def _edge_scale(apart, settings):
    """The factor before exp(-distance / decay) at which the mean chance of an edge is the density."""
    fall = np.exp(-apart[~np.eye(len(apart), dtype=bool)] / settings.decay_um)

    def excess(scale):
        return np.minimum(scale * fall, _MOST_CHANCE).mean() - settings.density

    return brentq(excess, 0.0, _MOST_CHANCE / fall.min())


def _random_graph(apart, settings, generator):
    """A graph with edges by distance alone, of exactly the wanted number of edges."""
    n = len(apart)
    chance = np.minimum(_edge_scale(apart, settings) * np.exp(-apart / settings.decay_um), _MOST_CHANCE)
    np.fill_diagonal(chance, 0.0)
    n_edges = round(settings.density * n * (n - 1))
    with np.errstate(divide="ignore"):
        keys = np.log(chance / (1 - chance)) + generator.logistic(size=chance.shape)
    graph = np.zeros((n, n), bool)
    graph.flat[np.argsort(keys, axis=None)[-n_edges:]] = True
    return graph


def _rule(region, start, settings, generator):
    """What an edge i -> j is worth under the region's rule, and when the rule holds."""
    n = len(start)
    if region == "SIM-reciprocal":
        return lambda graph, i, j: int(graph[j, i]), lambda graph: _returned(graph) >= settings.reciprocity
    if region == "SIM-feedforward":
        rank = generator.permutation(n)
        down = rank[:, None] < rank
        return lambda graph, i, j: int(down[i, j]), lambda graph: not (graph & ~down).any()
    if region == "SIM-clustered":
        label = generator.permutation(np.arange(n) % N_COMMUNITIES)
        same = label[:, None] == label
        return lambda graph, i, j: int(same[i, j]), lambda graph: same[graph].mean() >= settings.clustering
    if region == "SIM-hubs":
        hub = generator.permutation(n) < HUB_SHARE * n
        return lambda graph, i, j: int(hub[j]), lambda graph: hub[graph.nonzero()[1]].mean() >= settings.hubs
    wanted = settings.cycles * max(_n_cycles(start), 1)
    return _closed_cycles, lambda graph: _n_cycles(graph) >= wanted


def _closed_cycles(graph, i, j):
    """Three-neuron cycles that the edge i -> j closes."""
    return int((graph[j] & graph[:, i]).sum())


def _rewire(graph, apart, worth, holds, generator, *, keep_returned=False, tries_per_edge=300):
    """Move edges to free pairs of the same distance where they are worth more, until the rule holds.

    The number of edges and the distribution of their distances stay as they are; the number of mutual
    pairs too, if `keep_returned`.
    """
    graph = graph.copy()
    bins = (apart // _DISTANCE_BIN_UM).astype(int)
    np.fill_diagonal(bins, -1)
    pairs = {b: np.argwhere(bins == b) for b in np.unique(bins)}
    edges = np.argwhere(graph)
    for e in generator.integers(len(edges), size=tries_per_edge * len(edges)):
        i, j = edges[e]
        same = pairs[bins[i, j]]
        k, m = same[generator.integers(len(same))]
        if graph[k, m] or (keep_returned and graph[m, k] != graph[j, i]):
            continue
        graph[i, j] = False
        if worth(graph, k, m) > worth(graph, i, j):
            graph[k, m] = True
            edges[e] = k, m
            if holds(graph):
                break
        else:
            graph[i, j] = True
    return graph


def _n_cycles(graph):
    """Triads that are directed cycles and nothing else (030C)."""
    one_way = (graph & ~graph.T).astype(np.int64)
    return int(np.trace(one_way @ one_way @ one_way)) // 3


def _returned(graph):
    """Reciprocity: the share of edges whose reverse is there too."""
    return float((graph & graph.T).sum() / max(graph.sum(), 1))


def _grow(k, somas, planted, settings, generator):
    """Neuron k as positions (m, 3) µm, kinds (m,) and parents (m,): the soma first, with parent -1."""
    if planted is None:
        axon = [_cloud(k, somas, settings, generator)]
    else:
        axon = [_branch(k, target, somas, settings, generator) for target in np.flatnonzero(planted[k])]
        axon.append((_along(generator, _STUB_UM), np.array([0])))
    parts = [(BASAL, *_dendrite(settings, generator))] + [(AXON, *branch) for branch in axon]
    xyz, kinds, parents = [np.zeros((1, 3))], [np.array([SOMA])], [np.array([-1])]
    offset = 0
    for kind, points, above in parts:
        xyz.append(points)
        kinds.append(np.full(len(points), kind))
        parents.append(np.where(above == 0, 0, above + offset))
        offset += len(points)
    return np.vstack(xyz) + somas[k], np.concatenate(kinds), np.concatenate(parents)


# A part of a neuron is a pair: points relative to its soma, and parents, 0 the soma and 1 the first point.


def _dendrite(settings, generator):
    """A tree that fills a ball around the soma, of the wanted total length exactly."""
    radius, length = settings.dendrite_radius_um, settings.dendrite_length_um
    volume = 4 / 3 * np.pi * radius**3
    n_points = max(int((length / (_TREE_CONSTANT * volume ** (1 / 3))) ** 1.5), 8)
    directions = generator.normal(size=(n_points, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    points, parents = _tree(directions * radius * generator.uniform(size=(n_points, 1)) ** (1 / 3))
    whole = np.vstack([np.zeros(3), points])
    return points * (length / np.linalg.norm(points - whole[parents], axis=1).sum()), parents


def _cloud(k, somas, settings, generator):
    """A tree through all of the region, dense enough that distance alone sets the chance of an edge.

    With potential synapses n(d) = -log(1 - chance(d)) / f, the length density of axon at a distance d is
    n(d) / ((π/2) s dendritic length); points of density q give a tree of length density c q^(2/3).
    """
    low, high = somas.min(axis=0) - _MARGIN_UM, somas.max(axis=0) + _MARGIN_UM
    synapses_per_density = 0.5 * np.pi * _REACH_UM * settings.dendrite_length_um
    scale = _edge_scale(cdist(somas, somas), settings)

    def point_density(distance):
        chance = np.minimum(scale * np.exp(-distance / settings.decay_um), _MOST_CHANCE)
        length = -np.log1p(-chance) / settings.filling_fraction / synapses_per_density
        return (length / _TREE_CONSTANT) ** 1.5

    most = point_density(0.0)
    n_candidates = generator.poisson(most * (high - low).prod())
    points = generator.uniform(low, high, size=(n_candidates, 3)) - somas[k]
    kept = generator.uniform(size=n_candidates) * most < point_density(np.linalg.norm(points, axis=1))
    return _tree(points[kept])


def _branch(k, target, somas, settings, generator):
    """An axon branch that goes round other dendrites to a target and ramifies in its dendritic field."""
    route = _route(k, target, somas, settings, generator)
    sd = settings.terminal_sd_um
    n_points = max(int(settings.terminal_length_um / (_MEAN_GAP * sd)), 3)
    bush = route[-1] + generator.normal(scale=sd, size=(n_points, 3))
    above = len(route) + (generator.uniform(size=n_points) * np.arange(n_points)).astype(int)
    above[0] = len(route)
    above[1:] += 1
    return np.vstack([route, bush]), np.concatenate([np.arange(len(route)), above])


def _route(k, target, somas, settings, generator):
    """Points from soma to target along the curve, of several, that passes fewest other dendrites."""
    end = somas[target] - somas[k]
    distance = np.linalg.norm(end)
    steps = np.linspace(0, 1, int(distance / _STEP_UM) + 2)[1:, None]
    bends = 0.5 * end + generator.normal(scale=0.25 * distance, size=(_N_ROUTES, 1, 3))
    routes = 2 * steps * (1 - steps) * bends + steps**2 * end
    others = np.delete(somas, [k, target], axis=0) - somas[k]
    near = cdist(routes.reshape(-1, 3), others).reshape(_N_ROUTES, len(steps), -1)
    width = settings.dendrite_radius_um
    passed = np.exp(-0.5 * (near / width) ** 2).sum(axis=2).mean(axis=1)
    lengths = np.linalg.norm(np.diff(routes, axis=1), axis=2).sum(axis=1)
    return routes[np.argmin(lengths * passed)]


def _along(generator, length):
    """One point at this distance in a random direction."""
    direction = generator.normal(size=(1, 3))
    return direction * (length / np.linalg.norm(direction))


def _tree(points):
    """Join each point to the nearest of those closer to the soma; the points, sorted, and their parents."""
    whole = np.vstack([np.zeros(3), points])
    whole = whole[np.argsort((whole**2).sum(axis=1), kind="stable")]
    n = len(whole)
    near = cKDTree(whole).query(whole, k=min(_N_NEAR, n))[1]
    closer = near < np.arange(n)[:, None]
    first = closer.argmax(axis=1)
    parents = np.where(closer.any(axis=1), near[np.arange(n), first], 0)
    return whole[1:], parents[1:]


def _swc_text(name, tree, seed):
    """A neuron as SWC text."""
    xyz, kinds, parents = tree
    n = len(kinds)
    radius = np.where(kinds == SOMA, 8.0, np.where(kinds == AXON, 0.3, 0.6))
    columns = [np.arange(1, n + 1), kinds, *xyz.T, radius, np.where(parents < 0, -1, parents + 1)]
    values = np.column_stack(columns).ravel().tolist()
    return (
        f"# SIMULATED neuron {name}, seed {seed}; not a reconstruction\n"
        "# CCFv3 micrometres: x anterior-posterior, y dorsal-ventral, z left-right\n"
        "# id kind x y z radius parent\n" + "%d %d %.2f %.2f %.2f %.2f %d\n" * n % tuple(values)
    )


def _model_text(settings, seed, planted):
    """What MODEL.md says."""
    rules = "\n".join(f"- `{region}`: {_RULES[region].format(s=settings)}" for region in settings.regions)
    values = "\n".join(f"- {field.name}: {getattr(settings, field.name)}" for field in fields(settings))
    rows = "\n".join(f"| {region} | {density:.4f} | {back:.3f} |" for region, density, back in planted)
    return f"""# SIMULATED neurons

Nothing here was measured. The neurons were drawn by a computer to test what can be recovered from
morphologies; no figure made from them says anything about a brain.

Somata are spread evenly in a cube; dendrites fill a ball around each. An edge i -> j is drawn with a
chance that falls as exp(-distance / {settings.decay_um:g} µm), with mean {settings.density:g}.

In all regions but SIM-geometry the axon of i sends a branch that ramifies in the dendrites of each j. In all
but SIM-geometry and SIM-distance the edges are moved first, each to a pair of somata at the same distance
(bins of {_DISTANCE_BIN_UM:g} µm), until the region's rule holds. So all regions share density and distance
dependence, and differ in motifs. Three are controls: SIM-geometry and SIM-distance have no motifs beyond
distance, and those of SIM-hubs follow largely from the degrees of its neurons.

{rules}

annotation.nrrd and structure_tree.csv are a made-up brain: two ellipsoids, and in each a ball around the
somata of each region. They stand in for an atlas in checks and projections, and resemble no brain.

Planted edges (truth.csv; rows pre -> post):

| region | density | reciprocity |
| --- | --- | --- |
{rows}

Settings (seed {seed}):

{values}
"""


def _write_atlas(folder, settings):
    """A made-up brain: an ellipsoid a hemisphere, and in each a ball a region that holds its somata."""
    centres = [(np.arange(n) + 0.5) * _ATLAS_VOXEL_UM for n in grid_shape(_ATLAS_VOXEL_UM)]
    points = np.stack(np.meshgrid(*centres, indexing="ij"), axis=-1)
    points[..., 2] = np.minimum(points[..., 2], 2 * MIDLINE_ML_UM - points[..., 2])  # both hemispheres alike
    middle, half = np.array(_HEMISPHERE_UM)
    volume = ((((points - middle) / half) ** 2).sum(axis=-1) <= 1).astype("<u4")
    away = [np.linalg.norm(points - CENTRES_UM[region], axis=-1) for region in settings.regions]
    radius = np.sqrt(3) * settings.spacing_um * settings.n_neurons ** (1 / 3) / 2 + _MARGIN_UM
    nearest, apart = np.argmin(away, axis=0), np.min(away, axis=0)
    numbers = np.array([REGIONS.index(region) + 2 for region in settings.regions])
    volume[apart <= radius] = numbers[nearest[apart <= radius]]
    sizes, directions = " ".join(map(str, volume.shape)), ("({0},0,0)", "(0,{0},0)", "(0,0,{0})")
    header = (
        "NRRD0004\n# SIMULATED brain; not an atlas\ntype: uint32\ndimension: 3\nspace dimension: 3\n"
        f"sizes: {sizes}\nspace directions: {' '.join(directions).format(f'{_ATLAS_VOXEL_UM:g}')}\n"
        "endian: little\nencoding: gzip\n\n"
    )
    with writing(folder / "annotation.nrrd") as temporary:
        temporary.write_bytes(header.encode() + gzip.compress(volume.tobytes(order="F"), mtime=0))
    tree = pd.DataFrame({"id": range(1, len(REGIONS) + 2), "acronym": ["SIM-brain", *REGIONS]})
    parents = [""] + ["1"] * len(REGIONS)
    write_table(folder / "structure_tree.csv", tree.assign(parent_structure_id=parents, simulated=True))


def _checked(settings):
    """Settings with regions named, or InputError."""
    if settings is None:
        settings = NeuronSettings()
    elif not isinstance(settings, NeuronSettings):
        names = [field.name for field in fields(NeuronSettings)]
        for name in settings:
            if name not in names:
                raise _wrong(name, "a setting of the simulated neurons", name, did_you_mean(name, names))
        settings = NeuronSettings(**settings)
    regions = REGIONS if settings.regions == "all" else settings.regions
    regions = (regions,) if isinstance(regions, str) else tuple(regions)
    for region in regions:
        if region not in CENTRES_UM:
            raise _wrong("regions", f"some of {', '.join(REGIONS)}", region, did_you_mean(region, REGIONS))
    for name, least, most in _BOUNDS:
        value = getattr(settings, name)
        if not least <= value <= most:
            raise _wrong(name, f"from {least:g} to {most:g}", value, "Stay within the range tried.")
    reach = np.sqrt(3) * (settings.spacing_um * settings.n_neurons ** (1 / 3) / 2 + _MARGIN_UM)
    if not regions or reach > _DEPTH_UM:
        hint = "Take fewer neurons or a smaller spacing_um."
        raise _wrong(
            "n_neurons, spacing_um",
            f"a region within {_DEPTH_UM:g} µm of its centre",
            f"{reach:.0f} µm",
            hint,
        )
    return replace(settings, regions=regions)


def _wrong(where, expected, got, hint):
    what = "A setting of the simulated neurons is wrong."
    return InputError(what, where=where, expected=expected, got=got, hint=hint)
