"""Null models of a 0/1 graph, and the censuses of graphs drawn from them.

- ``dyad``: density and reciprocity;
- ``degree``: in-, out- and mutual degree of every neuron, by edge switching (Milo et al. 2004) and the
  reversal of three-cycles, which switches alone cannot reach where all degrees are equal;
- ``distance``: every neuron keeps its number of targets in each bin of soma distance;
- ``distance-mutual``: as ``distance``, and the number of mutual pairs is kept too.

Every null graph is drawn from a random stream of its own, and counted on the bit sets it is drawn into.
"""

from dataclasses import dataclass

import numba
import numpy as np
from scipy.spatial.distance import cdist

from digimus.errors import InputError
from digimus.motifs._bits import (
    INTO,
    MUTUAL,
    OUT,
    _separate,
    census_of_rows,
    dyads_of_rows,
    empty_rows,
)
from digimus.motifs.census import bit_rows, checked_adjacency

NULLS = ("dyad", "degree", "distance", "distance-mutual")
FIXED_DYADS = "fixed-dyad"
N_DISTANCE_BINS = 10
SWITCHES_PER_EDGE = (100, 200)  # Milo et al. 2004
MOVES_PER_EDGE = (50, 100)  # of a target within its bin of distance; ours
NONE, FORTH, BACK, BOTH = 0, 1, 2, 3  # the dyad of two nodes, as the first sees it
_TURNED = (NONE, BACK, FORTH, BOTH)


@dataclass(frozen=True)
class DistanceBins:
    """The ordered pairs of n neurons, sorted by soma distance into bins of equally many pairs.

    Attributes
    ----------
    of_pair : (n, n) int16
        The bin of every pair; -1 on the diagonal.
    order : (n, n - 1) int32
        Every neuron's possible targets, bin after bin.
    starts : (n, n_bins + 1) int64
        Where each bin of a neuron starts in its row of `order`.
    """

    of_pair: np.ndarray
    order: np.ndarray
    starts: np.ndarray

    @classmethod
    def from_positions(cls, positions_um, n_bins=N_DISTANCE_BINS):
        """Bins from soma positions of shape (n, 3)."""
        n = len(positions_um)
        distance = cdist(positions_um, positions_um)
        off = ~np.eye(n, dtype=bool)
        edges = np.quantile(distance[off], np.linspace(0, 1, n_bins + 1)[1:-1]) if n > 1 else []
        of_pair = np.searchsorted(edges, distance, side="right").astype(np.int16)
        of_pair[~off] = -1
        # The neuron itself, in bin -1, comes first and is left out.
        order = np.argsort(of_pair, axis=1, kind="stable")[:, 1:].astype(np.int32)
        sizes = np.stack([(of_pair == b).sum(1) for b in range(n_bins)], 1)
        starts = np.concatenate([np.zeros((n, 1), np.int64), np.cumsum(sizes, 1)], 1)
        return cls(of_pair, order, starts)


def sample_null_censuses(
    adjacency,
    null,
    n_null,
    rng,
    positions_um=None,
    n_bins=N_DISTANCE_BINS,
    switches_per_edge=SWITCHES_PER_EDGE,
):
    """Censuses of graphs drawn from a null model of a 0/1 graph.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
        0/1; the diagonal is ignored.
    null : {"dyad", "degree", "distance", "distance-mutual", "fixed-dyad"}
        The last is the dyad null under the condition that the numbers of mutual and of one-way pairs
        are those of the graph, not merely their expectations.
    n_null : int
        Number of graphs to draw.
    rng : numpy.random.Generator
    positions_um : array, shape (n, 3), or DistanceBins, optional
        Soma positions; needed by the distance nulls. Bins that were made before save time.
    n_bins : int
        Bins of soma distance, each holding the same number of pairs.
    switches_per_edge : (float, float)
        For ``degree``: the number of switches tried, a draw between the two for each null graph.

    Returns
    -------
    numpy.ndarray, shape (n_null, 16)

    Raises
    ------
    InputError
        For an unknown null, a graph that is not 0/1, or missing positions.
    """
    rows = bit_rows(adjacency)
    if rows is None:
        rows = bit_rows(checked_adjacency(adjacency))
    if rows is None:
        raise InputError(
            "Null models are drawn for 0/1 graphs.",
            where="adjacency",
            expected="values 0 or 1",
            got="values between",
            hint="Draw 0/1 graphs from the probabilities first, as `region_profile` does.",
        )
    n = rows.shape[0]
    if null not in (*NULLS, FIXED_DYADS):
        raise InputError(
            f"There is no null model {null!r}.",
            where="null",
            expected=f"one of {', '.join(NULLS)}",
            got=null,
            hint="Choose one of the names above.",
        )
    one_way, mutual = dyads_of_rows(rows)
    states = rng.integers(0, 2**64, size=(n_null, 4), dtype=np.uint64)
    if null == FIXED_DYADS:
        return _fixed_dyad_censuses(n, len(mutual), len(one_way), states)
    if null == "dyad":
        pairs = max(n * (n - 1) / 2, 1)
        return _dyad_censuses(n, len(mutual) / pairs, len(one_way) / (2 * pairs), states)
    if null == "degree":
        one_way, mutual = _sorted(one_way), _sorted(np.concatenate([mutual, mutual[:, ::-1]]))
        return _degree_censuses(n, *one_way, *mutual, *map(float, switches_per_edge), states)
    bins = positions_um
    if not isinstance(bins, DistanceBins):
        bins = DistanceBins.from_positions(_checked_positions(positions_um, n), n_bins)
    pre, post = _sorted(np.concatenate([one_way, mutual, mutual[:, ::-1]]))
    if null == "distance":
        return _distance_censuses(pre, post, bins.of_pair, bins.order.copy(), bins.starts, states)
    return _distance_mutual_censuses(
        pre, post, bins.of_pair, bins.order, bins.starts, *map(float, MOVES_PER_EDGE), states
    )


def _sorted(edges):
    """Presynaptic and postsynaptic node of every edge, sorted by the former."""
    edges = edges[np.lexsort((edges[:, 1], edges[:, 0]))]
    return np.ascontiguousarray(edges[:, 0]), np.ascontiguousarray(edges[:, 1])


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


@numba.njit(cache=True)
def _next(s):
    """64 random bits from the state (4,) of a xoshiro256++ generator (Blackman and Vigna 2021)."""
    total = s[0] + s[3]
    result = ((total << np.uint64(23)) | (total >> np.uint64(41))) + s[0]
    t = s[1] << np.uint64(17)
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << np.uint64(45)) | (s[3] >> np.uint64(19))
    return result


@numba.njit(cache=True)
def _uniform(s):
    """A number in [0, 1)."""
    return (_next(s) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@numba.njit(cache=True)
def _below(n, s):
    """A whole number from 0 to n - 1."""
    return np.int64(_uniform(s) * n)


@numba.njit(cache=True)
def _two_below(m, n, s):
    """Whole numbers below m and below n, both under 2^32, from the two halves of one draw."""
    bits, half = _next(s), np.uint64(32)
    high, low = bits >> half, bits & np.uint64(0xFFFFFFFF)
    return np.int64((high * np.uint64(m)) >> half), np.int64((low * np.uint64(n)) >> half)


@numba.njit(cache=True)
def _link(rows, kind, i, j):
    rows[i, kind, j >> 6] |= np.uint64(1) << np.uint64(j & 63)


@numba.njit(cache=True)
def _dyad_censuses(n, mutual, one_way, states):
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    linked = mutual + 2 * one_way
    for k in range(states.shape[0]):
        s = states[k]
        rows[:] = np.uint64(0)
        for i in range(n):
            for j in range(i):
                u = _uniform(s)
                if u >= linked:
                    continue
                if u < mutual:
                    _link(rows, MUTUAL, i, j)
                    _link(rows, MUTUAL, j, i)
                elif u < mutual + one_way:
                    _link(rows, OUT, i, j)
                    _link(rows, INTO, j, i)
                else:
                    _link(rows, OUT, j, i)
                    _link(rows, INTO, i, j)
        censuses[k] = census_of_rows(rows)
    return censuses


@numba.njit(cache=True)
def _fixed_dyad_censuses(n, n_mutual, n_one_way, states):
    """Censuses of graphs that are uniform among those with these numbers of mutual and one-way pairs."""
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    one = np.uint64(1)
    for k in range(states.shape[0]):
        s = states[k]
        rows[:] = np.uint64(0)
        placed = 0
        while placed < n_mutual + n_one_way:
            i, j = _two_below(n, n, s)
            bit = one << np.uint64(j & 63)
            word = j >> 6
            if i == j or (rows[i, OUT, word] | rows[i, INTO, word] | rows[i, MUTUAL, word]) & bit:
                continue
            if placed < n_mutual:
                _link(rows, MUTUAL, i, j)
                _link(rows, MUTUAL, j, i)
            else:
                _link(rows, OUT, i, j)
                _link(rows, INTO, j, i)
            placed += 1
        censuses[k] = census_of_rows(rows)
    return censuses


@numba.njit(cache=True)
def _blocks(n, pre):
    """Where each node's edges start in a list that is sorted by the presynaptic node, shape (n + 1,)."""
    starts = np.zeros(n + 1, np.int64)
    for e in range(pre.size):
        starts[pre[e] + 1] += 1
    return np.cumsum(starts)


@numba.njit(cache=True)
def _set_dyad(dyads, i, j, kind):
    dyads[i, j] = kind
    dyads[j, i] = _TURNED[kind]


@numba.njit(cache=True)
def _dyad_matrix(dyads, pre, post, mutual_pre, mutual_post):
    """Write every pair's dyad as its first node sees it: NONE, FORTH, BACK or BOTH."""
    dyads[:] = NONE
    for e in range(pre.size):
        _set_dyad(dyads, pre[e], post[e], FORTH)
    for e in range(mutual_pre.size):
        dyads[mutual_pre[e], mutual_post[e]] = BOTH


@numba.njit(cache=True)
def _switch(dyads, pre, post, starts, mutual_pre, mutual_post, mutual_starts, n_trials, s):
    """Try `n_trials` switches a-b, c-d -> a-d, c-b of two one-way edges or of two mutual pairs.

    Where the places a-d and c-b are taken by dyads of one other kind, these change places with a-b and
    c-d. A path a -> b -> c -> d may become a -> c -> b -> d, and a three-cycle be reversed. Each step and
    its way back are met with the same probability, so the chain is uniform; together the steps connect
    all graphs of four nodes that have the same in-, out- and mutual degrees (a test enumerates them).
    The edges that leave a node keep their places in the lists, since their number stays.
    """
    n_one, n_both = pre.size, mutual_pre.size
    n_dyads = n_one + n_both // 2
    for _ in range(n_trials):
        e, f = _two_below(n_dyads, n_one, s)
        if e < n_one:
            a, b, c, d = pre[e], post[e], pre[f], post[f]
            if a == c or b == d or b == c:
                continue
            if a == d:
                if dyads[b, c] == FORTH:
                    _reverse_cycle(dyads, post, starts, a, b, c)
                continue
            ad, cb = dyads[a, d], dyads[c, b]
            if ad == NONE and cb == NONE:
                dyads[a, b] = dyads[b, a] = dyads[c, d] = dyads[d, c] = NONE
                dyads[a, d] = dyads[c, b] = FORTH
                dyads[d, a] = dyads[b, c] = BACK
                post[e], post[f] = d, b
                continue
            if _uniform(s) < 0.5:
                changed = ad == cb and ad != FORTH and _exchange(dyads, a, b, c, d)
            else:
                changed = cb == BACK and dyads[c, a] == dyads[b, d] and _turn_path(dyads, a, b, c, d)
        else:
            e, f = _two_below(n_both, n_both, s)
            a, b, c, d = mutual_pre[e], mutual_post[e], mutual_pre[f], mutual_post[f]
            if a == c or b == d or b == c or a == d:
                continue
            ad = dyads[a, d]
            changed = ad == dyads[c, b] and ad != BOTH and _exchange(dyads, a, b, c, d)
        if changed:
            for v in (a, b, c, d):
                _relist(dyads, post, starts, v, FORTH, (a, b, c, d))
                _relist(dyads, mutual_post, mutual_starts, v, BOTH, (a, b, c, d))


@numba.njit(cache=True)
def _exchange(dyads, a, b, c, d):
    """Let a and c swap what they have with b and with d."""
    ab, ad, cb, cd = dyads[a, b], dyads[a, d], dyads[c, b], dyads[c, d]
    _set_dyad(dyads, a, b, ad)
    _set_dyad(dyads, a, d, ab)
    _set_dyad(dyads, c, b, cd)
    _set_dyad(dyads, c, d, cb)
    return True


@numba.njit(cache=True)
def _turn_path(dyads, a, b, c, d):
    """Make a -> b -> c -> d into a -> c -> b -> d; what a-c and b-d had before comes to a-b and c-d."""
    ac, bd = dyads[a, c], dyads[b, d]
    _set_dyad(dyads, b, c, BACK)
    _set_dyad(dyads, a, c, FORTH)
    _set_dyad(dyads, b, d, FORTH)
    _set_dyad(dyads, a, b, ac)
    _set_dyad(dyads, c, d, bd)
    return True


@numba.njit(cache=True)
def _reverse_cycle(dyads, post, starts, a, b, c):
    """Make a -> b -> c -> a into a -> c -> b -> a."""
    _set_dyad(dyads, a, b, BACK)
    _set_dyad(dyads, b, c, BACK)
    _set_dyad(dyads, c, a, BACK)
    for v in (a, b, c):
        _relist(dyads, post, starts, v, FORTH, (a, b, c, a))


@numba.njit(cache=True)
def _relist(dyads, post, starts, v, kind, nodes):
    """Bring the list of one node's edges to a few others in line with the dyads; their number is the same."""
    e = starts[v]
    for k in range(len(nodes)):
        target = nodes[k]
        if target == v or dyads[v, target] != kind or (k == 3 and target == nodes[0]):
            continue
        while not (post[e] == nodes[0] or post[e] == nodes[1] or post[e] == nodes[2] or post[e] == nodes[3]):
            e += 1
        post[e] = target
        e += 1


@numba.njit(cache=True)
def _n_trials(n_edges, fewest, most, s):
    return np.int64(n_edges * (fewest + (most - fewest) * _uniform(s)))


@numba.njit(cache=True)
def _degree_censuses(n, pre, post, mutual_pre, mutual_post, fewest, most, states):
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    dyads = np.zeros((n, n), np.uint8)
    starts, mutual_starts = _blocks(n, pre), _blocks(n, mutual_pre)
    n_dyads = pre.size + mutual_pre.size // 2
    for k in range(states.shape[0]):
        s = states[k]
        targets, partners = post.copy(), mutual_post.copy()
        if n_dyads > 1:
            _dyad_matrix(dyads, pre, targets, mutual_pre, partners)
            n_trials = _n_trials(n_dyads, fewest, most, s)
            _switch(dyads, pre, targets, starts, mutual_pre, partners, mutual_starts, n_trials, s)
        rows[:] = np.uint64(0)
        for e in range(pre.size):
            _link(rows, OUT, pre[e], targets[e])
            _link(rows, INTO, targets[e], pre[e])
        for e in range(mutual_pre.size):
            _link(rows, MUTUAL, mutual_pre[e], partners[e])
        censuses[k] = census_of_rows(rows)
    return censuses


@numba.njit(cache=True)
def _redraw_targets(rows, n_wanted, order, starts, s):
    """Every neuron's targets drawn afresh, as many in each bin of distance as it had, into bit rows.

    `order` is shuffled within bins; a uniform choice from it stays one.
    """
    rows[:] = np.uint64(0)
    for i in range(n_wanted.shape[0]):
        for b in range(n_wanted.shape[1]):
            start, size = starts[i, b], starts[i, b + 1] - starts[i, b]
            for k in range(n_wanted[i, b]):
                pick = start + k + _below(size - k, s)
                j = order[i, pick]
                order[i, pick] = order[i, start + k]
                order[i, start + k] = j
                _link(rows, OUT, i, j)
                _link(rows, INTO, j, i)
    _separate(rows)


@numba.njit(cache=True)
def _distance_censuses(pre, post, of_pair, order, starts, states):
    n, n_bins = starts.shape[0], starts.shape[1] - 1
    n_wanted = np.zeros((n, n_bins), np.int64)
    for e in range(pre.size):
        n_wanted[pre[e], of_pair[pre[e], post[e]]] += 1
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    for k in range(states.shape[0]):
        _redraw_targets(rows, n_wanted, order, starts, states[k])
        censuses[k] = census_of_rows(rows)
    return censuses


@numba.njit(cache=True)
def _move_targets(graph, post, pre, of_pair, order, starts, n_trials, s):
    """A chain of moves i->j to i->k, j and k in one bin of i, that leaves the number of mutual pairs alone.

    A move that makes or breaks a mutual pair is followed by a second one, and both are undone unless the
    second makes up for it. The way back is met with the same probability, so the chain is uniform.
    """
    for _ in range(n_trials):
        e = _below(pre.size, s)
        j = post[e]
        change = _moved(graph, post, pre, of_pair, order, starts, e, s)
        if change == 0:
            continue
        f = _below(pre.size, s)
        m = post[f]
        if change + _moved(graph, post, pre, of_pair, order, starts, f, s) != 0:
            _set_target(graph, post, pre, f, m)
            _set_target(graph, post, pre, e, j)


@numba.njit(cache=True)
def _moved(graph, post, pre, of_pair, order, starts, e, s):
    """Move one edge to a target of the same bin that is free; the change in the number of mutual pairs."""
    i, j = pre[e], post[e]
    b = of_pair[i, j]
    k = order[i, starts[i, b] + _below(starts[i, b + 1] - starts[i, b], s)]
    if graph[i, k]:
        return 0
    _set_target(graph, post, pre, e, k)
    return np.int64(graph[k, i]) - np.int64(graph[j, i])


@numba.njit(cache=True)
def _set_target(graph, post, pre, e, k):
    i = pre[e]
    graph[i, post[e]] = 0
    graph[i, k] = 1
    post[e] = k


@numba.njit(cache=True)
def _distance_mutual_censuses(pre, post, of_pair, order, starts, fewest, most, states):
    n = starts.shape[0]
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    graph = np.zeros((n, n), np.uint8)
    for k in range(states.shape[0]):
        s = states[k]
        targets = post.copy()
        graph[:] = 0
        for e in range(pre.size):
            graph[pre[e], targets[e]] = 1
        if pre.size > 0:
            n_trials = _n_trials(pre.size, fewest, most, s)
            _move_targets(graph, targets, pre, of_pair, order, starts, n_trials, s)
        rows[:] = np.uint64(0)
        for e in range(pre.size):
            _link(rows, OUT, pre[e], targets[e])
            _link(rows, INTO, targets[e], pre[e])
        _separate(rows)
        censuses[k] = census_of_rows(rows)
    return censuses
