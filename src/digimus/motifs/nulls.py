"""Null models of a 0/1 graph, and the censuses of graphs drawn from them.

- ``dyad``: density and reciprocity;
- ``degree``: in-, out- and mutual degree of every neuron, by edge switching (Milo et al. 2004);
- ``distance``: every neuron keeps its number of targets in each bin of soma distance;
- ``distance-mutual``: as ``distance``, and the number of mutual pairs is kept too.
"""

import numba
import numpy as np
import scipy.sparse as sp

from digimus.errors import InputError
from digimus.motifs._bits import census_of_edges
from digimus.motifs.census import checked_adjacency
from digimus.motifs.dyads import dyad_statistics

NULLS = ("dyad", "degree", "distance", "distance-mutual")
N_DISTANCE_BINS = 10
SWITCHES_PER_EDGE = (100, 200)  # Milo et al. 2004


def sample_null_censuses(adjacency, null, n_null, rng, positions_um=None, n_bins=N_DISTANCE_BINS):
    """Censuses of graphs drawn from a null model of a 0/1 graph.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
        0/1; the diagonal is ignored.
    null : {"dyad", "degree", "distance", "distance-mutual"}
    n_null : int
        Number of graphs to draw.
    rng : numpy.random.Generator
    positions_um : array, shape (n, 3), optional
        Soma positions; needed by the distance nulls.
    n_bins : int
        Bins of soma distance, each holding the same number of pairs.

    Returns
    -------
    numpy.ndarray, shape (n_null, 16)

    Raises
    ------
    InputError
        For an unknown null, a graph that is not 0/1, or missing positions.
    """
    matrix = checked_adjacency(adjacency)
    matrix = matrix.toarray() if sp.issparse(matrix) else matrix
    if not np.all((matrix == 0) | (matrix == 1)):
        raise InputError(
            "Null models are drawn for 0/1 graphs.",
            where="adjacency",
            expected="values 0 or 1",
            got="values between",
            hint="Draw 0/1 graphs from the probabilities first, as `region_profile` does.",
        )
    if null == "dyad":
        mutual, one_way, _ = dyad_statistics(matrix).probabilities
        return _dyad_censuses(matrix.shape[0], mutual, one_way, n_null, rng)
    graph = matrix.astype(np.uint8)
    if null == "degree":
        return _degree_censuses(graph, n_null, *SWITCHES_PER_EDGE, rng)
    if null in ("distance", "distance-mutual"):
        bins = _distance_bins(_checked_positions(positions_um, graph.shape[0]), n_bins)
        if null == "distance":
            return _distance_censuses(graph, bins, n_bins, n_null, rng)
        return _distance_mutual_censuses(graph, bins, n_null, *SWITCHES_PER_EDGE, rng)
    raise InputError(
        f"There is no null model {null!r}.",
        where="null",
        expected=f"one of {', '.join(NULLS)}",
        got=null,
        hint="Choose one of the names above.",
    )


def _checked_positions(positions_um, n):
    positions = None if positions_um is None else np.asarray(positions_um, float)
    if positions is None or positions.shape != (n, 3) or not np.isfinite(positions).all():
        raise InputError(
            "The distance null needs a soma position for every neuron.",
            where="positions_um",
            expected=f"finite values of shape ({n}, 3), in micrometres",
            got="None" if positions is None else f"shape {positions.shape}",
            hint="Hand in the soma positions, in the order of the adjacency matrix.",
        )
    return positions


def _distance_bins(positions_um, n_bins):
    """The distance bin of every ordered pair, shape (n, n); -1 on the diagonal."""
    distance = np.linalg.norm(positions_um[:, None] - positions_um[None], axis=-1)
    off = ~np.eye(len(distance), dtype=bool)
    edges = np.quantile(distance[off], np.linspace(0, 1, n_bins + 1)[1:-1]) if off.any() else []
    bins = np.searchsorted(edges, distance, side="right").astype(np.int64)
    bins[~off] = -1
    return bins


@numba.njit(cache=True)
def _census(graph):
    pre, post = np.nonzero(graph)
    return census_of_edges(graph.shape[0], pre, post)


@numba.njit(cache=True)
def _dyad_censuses(n, mutual, one_way, n_null, rng):
    censuses = np.empty((n_null, 16))
    graph = np.zeros((n, n), np.uint8)
    for k in range(n_null):
        for i in range(n):
            for j in range(i):
                u = rng.random()
                graph[i, j] = u < mutual + one_way
                graph[j, i] = u < mutual or mutual + one_way <= u < mutual + 2 * one_way
        censuses[k] = _census(graph)
    return censuses


@numba.njit(cache=True)
def _edge_lists(graph):
    """One-way edges and mutual pairs, as arrays of shape (edges, 2)."""
    n = graph.shape[0]
    one_way = np.empty((np.int64(graph.sum()), 2), np.int64)
    mutual = np.empty((one_way.shape[0] // 2 + 1, 2), np.int64)
    n_one, n_mutual = 0, 0
    for i in range(n):
        for j in range(n):
            if graph[i, j] and not graph[j, i]:
                one_way[n_one] = i, j
                n_one += 1
            elif graph[i, j] and i < j:
                mutual[n_mutual] = i, j
                n_mutual += 1
    return one_way[:n_one], mutual[:n_mutual]


@numba.njit(cache=True)
def _switch(graph, one_way, mutual, n_trials, rng):
    """Try `n_trials` switches a-b, c-d -> a-d, c-b within the one-way edges or within the mutual pairs."""
    n_one, n_mutual = one_way.shape[0], mutual.shape[0]
    for _ in range(n_trials):
        pick = np.int64(rng.random() * (n_one + n_mutual))
        is_mutual = pick >= n_one
        edges = mutual if is_mutual else one_way
        e = pick - n_one if is_mutual else pick
        f = np.int64(rng.random() * edges.shape[0])
        a, b = edges[e]
        c, d = edges[f]
        if is_mutual and rng.random() < 0.5:
            c, d = d, c
        if a == c or a == d or b == c or b == d:
            continue
        if graph[a, d] or graph[d, a] or graph[c, b] or graph[b, c]:
            continue
        graph[a, b] = graph[c, d] = 0
        graph[a, d] = graph[c, b] = 1
        if is_mutual:
            graph[b, a] = graph[d, c] = 0
            graph[d, a] = graph[b, c] = 1
        edges[e, 0], edges[e, 1] = a, d
        edges[f, 0], edges[f, 1] = c, b


@numba.njit(cache=True)
def _degree_censuses(graph, n_null, fewest, most, rng):
    censuses = np.empty((n_null, 16))
    for k in range(n_null):
        shuffled = graph.copy()
        one_way, mutual = _edge_lists(shuffled)
        n_edges = one_way.shape[0] + mutual.shape[0]
        if n_edges > 1:
            _switch(shuffled, one_way, mutual, np.int64(n_edges * rng.uniform(fewest, most)), rng)
        censuses[k] = _census(shuffled)
    return censuses


@numba.njit(cache=True)
def _redraw_targets(graph, bins, n_bins, rng):
    """Every neuron's targets drawn afresh, as many in each bin of distance as it had."""
    n = graph.shape[0]
    drawn = np.zeros_like(graph)
    members = np.empty(n, np.int64)
    for i in range(n):
        for b in range(n_bins):
            size, wanted = 0, 0
            for j in range(n):
                if bins[i, j] == b:
                    members[size] = j
                    size += 1
                    wanted += graph[i, j]
            for k in range(wanted):
                pick = k + np.int64(rng.random() * (size - k))
                members[k], members[pick] = members[pick], members[k]
                drawn[i, members[k]] = 1
    return drawn


@numba.njit(cache=True)
def _distance_censuses(graph, bins, n_bins, n_null, rng):
    censuses = np.empty((n_null, 16))
    for k in range(n_null):
        censuses[k] = _census(_redraw_targets(graph, bins, n_bins, rng))
    return censuses


@numba.njit(cache=True)
def _move_targets(graph, bins, n_trials, rng):
    """A chain of moves i->j to i->k, j and k in one bin of i, that leaves the number of mutual pairs alone.

    A move is made only where j->i and k->i are both there or both absent.
    """
    n = graph.shape[0]
    moved = graph.copy()
    pre, post = np.nonzero(moved)
    if pre.size == 0 or n < 3:
        return moved
    for _ in range(n_trials):
        e = np.int64(rng.random() * pre.size)
        i, j, k = pre[e], post[e], np.int64(rng.random() * n)
        if k == i or moved[i, k] or bins[i, j] != bins[i, k] or moved[j, i] != moved[k, i]:
            continue
        moved[i, j], moved[i, k] = 0, 1
        post[e] = k
    return moved


@numba.njit(cache=True)
def _distance_mutual_censuses(graph, bins, n_null, fewest, most, rng):
    censuses = np.empty((n_null, 16))
    n_edges = graph.sum()
    for k in range(n_null):
        censuses[k] = _census(_move_targets(graph, bins, np.int64(n_edges * rng.uniform(fewest, most)), rng))
    return censuses
