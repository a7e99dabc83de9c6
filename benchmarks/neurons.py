"""SIMULATED neurons of realistic size, no two alike, as many as a corpus has.

Nothing here is a reconstruction. Node counts are drawn from quantiles of real ones, region sizes follow a
published count of neurons a region, and each tree is a random walk of its own: dendrites around the soma,
a local axon, and branches in up to three places elsewhere in the brain.
"""

from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd
from numba import njit

from digimus.morphology import AXON, BASAL, SOMA
from digimus.seeding import stream
from digimus.storage import write_table

# Quantiles 0, .05, ..., 1 of the node counts of 200 whole neurons (Peng et al. 2021, Nature 598:174).
AXON_NODES = (
    *(1869, 7260, 8899, 10035, 11282, 12682, 13786, 15705, 17213, 18401, 19548),
    *(21119, 23526, 25289, 26202, 28208, 32405, 36072, 41315, 48697, 76201),
)
DENDRITE_NODES = (
    *(619, 1571, 1897, 2026, 2132, 2359, 2573, 2693, 2937, 3155, 3306),
    *(3643, 4276, 4809, 5346, 6165, 6861, 7587, 8327, 9881, 12423),
)
# Neurons in each of the 50 regions of the published table of regional motifs (34,572 in all).
REGION_SIZES = (
    *(4396, 3307, 2261, 1384, 1225, 1187, 1166, 1066, 1059, 1014, 983, 957, 928, 909, 907, 892, 879, 781),
    *(677, 677, 624, 591, 541, 444, 422, 416, 355, 349, 317, 292, 278, 275, 257, 250, 225, 222, 222, 203),
    *(199, 196, 194, 168, 153, 152, 138, 117, 108, 92, 63, 54),
)
REGIONS = tuple(f"SIM-corpus-{k:02d}" for k in range(1, len(REGION_SIZES) + 1))
_LEAST_SHARE = 1 / 110  # of the corpus, so that a region of its smallest part holds a graph
_GOLDEN = (5**0.5 - 1) / 2
_STEP_UM = 2.0
_NODES_A_BRANCH = 100
_LOW_UM, _HIGH_UM = np.array([2500.0, 1500.0, 1200.0]), np.array([10500.0, 6000.0, 5000.0])


def write_corpus(folder, n, seed=1, n_processes=2):
    """Write n neurons as SWC files, and then `index.csv`.

    Neuron k is the same for every n, and any first part of a corpus has the same shares of regions.

    Parameters
    ----------
    folder : Path
    n : int
    seed : int
    n_processes : int

    Returns
    -------
    pandas.DataFrame
        file, id, region, brain, simulated, n_nodes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shares = np.maximum(np.array(REGION_SIZES) / sum(REGION_SIZES), _LEAST_SHARE)
    upto = np.cumsum(shares / shares.sum())
    number = np.searchsorted(upto, (0.5 + np.arange(n) * _GOLDEN) % 1)
    jobs = [(folder, k, int(region), seed) for k, region in enumerate(number)]
    with ProcessPoolExecutor(n_processes) as pool:
        sizes = list(pool.map(_write_one, jobs, chunksize=16))
    table = pd.DataFrame({"file": [f"{_name(k)}.swc" for k in range(n)], "id": [_name(k) for k in range(n)]})
    table["region"] = np.array(REGIONS)[number]
    table["brain"] = [f"SIM{k % 40}" for k in range(n)]
    table["simulated"], table["n_nodes"] = True, sizes
    write_table(folder / "index.csv", table)
    return table


def _write_one(job):
    folder, k, region, seed = job
    tree = grow(region, stream(seed, "corpus", k))
    (folder / f"{_name(k)}.swc").write_bytes(swc_bytes(_name(k), tree))
    return len(tree[0])


def _name(k):
    return f"SIM-{k:05d}"


def grow(region, rng):
    """One neuron of a region.

    Parameters
    ----------
    region : int
        Its place in `REGIONS`.
    rng : numpy.random.Generator

    Returns
    -------
    xyz_um : (n, 3) float64, CCF, AP, DV, ML
    kind : (n,) int64
    parent : (n,) int64, -1 for the soma, which comes first
    """
    soma = _inside(_centre(region) + rng.normal(scale=_spread_um(region), size=3))
    n_axon, n_dendrite = (_drawn(counts, rng) for counts in (AXON_NODES, DENDRITE_NODES))
    xyz, parent = np.empty((1 + n_dendrite + n_axon, 3)), np.empty(1 + n_dendrite + n_axon, np.int64)
    xyz[0], parent[0] = soma, -1
    _walk(xyz, parent, 1, 1 + n_dendrite, 0, soma, 90.0, _NODES_A_BRANCH, rng)
    end, first = len(parent), 1 + n_dendrite
    n_targets = int(rng.integers(1, 4))
    local = first + int(n_axon * rng.uniform(0.2, 0.7))
    _walk(xyz, parent, first, local, 0, soma, rng.uniform(150.0, 450.0), _NODES_A_BRANCH, rng)
    for last in np.linspace(local, end, n_targets + 1).astype(int)[1:]:
        target = _inside(_centre(int(rng.integers(len(REGIONS)))) + rng.normal(scale=300.0, size=3))
        tract = min(int(np.linalg.norm(target - soma) / (3 * _STEP_UM)), (last - local) // 2)
        _lead(xyz, parent, local, local + tract, soma, target, rng)
        begin = local + tract
        _walk(xyz, parent, begin, last, begin - 1, target, rng.uniform(100.0, 400.0), _NODES_A_BRANCH, rng)
        local = last
    kind = np.repeat([SOMA, BASAL, AXON], [1, n_dendrite, n_axon])
    return xyz, kind, parent


def _drawn(quantiles, rng):
    """A count between the quantiles."""
    return int(np.interp(rng.random(), np.linspace(0, 1, len(quantiles)), quantiles))


def _centre(region):
    return stream(0, "corpus region", region).uniform(_LOW_UM, _HIGH_UM)


def _spread_um(region):
    """Somata of large regions lie farther apart; about 700 µm for 4,900 neurons."""
    return 150.0 * (REGION_SIZES[region] / 50) ** (1 / 3)


def _inside(point):
    return np.clip(point, _LOW_UM - 1000, _HIGH_UM + 600)


@njit(cache=True)
def _walk(xyz, parent, first, last, root, centre, radius, n_branch, rng):
    """Nodes first..last as branches of random walks that turn back beyond a radius around a centre."""
    heading, left, at = np.empty(3), 0, root
    for node in range(first, last):
        if left == 0:
            left = 1 + int(rng.standard_exponential() * n_branch)
            at = root if node < first + 4 * n_branch else first + int(rng.random() * (node - first))
            for axis in range(3):
                heading[axis] = rng.standard_normal()
        step = _STEP_UM * rng.standard_exponential()
        norm = np.sqrt((heading**2).sum())
        away = np.sqrt(((xyz[at] - centre) ** 2).sum())
        for axis in range(3):
            back = (centre[axis] - xyz[at, axis]) / radius if away > radius else 0.0
            heading[axis] = heading[axis] / norm + 0.15 * rng.standard_normal() + 0.2 * back
        norm = np.sqrt((heading**2).sum())
        for axis in range(3):
            xyz[node, axis] = xyz[at, axis] + step * heading[axis] / norm
        parent[node] = at
        at, left = node, left - 1


@njit(cache=True)
def _lead(xyz, parent, first, last, start, end, rng):
    """Nodes first..last from the soma nearly straight to a target."""
    for node in range(first, last):
        done = (node - first + 1) / (last - first)
        for axis in range(3):
            bend = 60.0 * np.sin(6.0 * done + axis) * done * (1 - done) + 0.5 * rng.standard_normal()
            xyz[node, axis] = start[axis] + done * (end[axis] - start[axis]) + bend
        parent[node] = node - 1 if node > first else 0


def swc_bytes(name, tree):
    """A neuron as the bytes of an SWC file, coordinates to a thousandth of a µm."""
    xyz, kind, parent = tree
    text = np.empty(70 * len(kind), np.uint8)
    n = _format(text, np.rint(xyz * 1000).astype(np.int64), kind, np.where(parent < 0, -1, parent + 1))
    head = f"# SIMULATED neuron {name}; not a reconstruction\n# CCFv3 micrometres: x AP, y DV, z ML\n"
    return head.encode() + text[:n].tobytes()


@njit(cache=True)
def _format(text, thousandths, kind, parent):
    at = 0
    for row in range(len(kind)):
        at = _integer(text, _integer(text, at, row + 1, 0), kind[row], 0)
        for axis in range(3):
            at = _integer(text, at, thousandths[row, axis], 3)
        at = _integer(text, _integer(text, at, 1000, 3), parent[row], 0)
        text[at - 1] = 10
    return at


@njit(cache=True)
def _integer(text, at, value, decimals):
    """A whole number, its last digits after a point, and a blank; the place behind it."""
    if value < 0:
        text[at], at, value = 45, at + 1, -value
    digits = 1
    while digits <= decimals or value >= 10**digits:
        digits += 1
    end = at + digits + (decimals > 0)
    text[end] = 32
    for place in range(digits):
        end -= 1
        if decimals > 0 and place == decimals:
            text[end] = 46
            end -= 1
        text[end] = 48 + value % 10
        value //= 10
    return at + digits + (decimals > 0) + 1
