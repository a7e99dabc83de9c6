"""Null models of a 0/1 graph, and the censuses of graphs drawn from them.

- ``dyad``: density and reciprocity;
- ``degree``: in-, out- and mutual degree of every neuron, by edge switching (Milo et al. 2004) and the
  reversal of three-cycles, which switches alone cannot reach where all degrees are equal;
- ``distance``: every neuron keeps its number of targets in each bin of soma distance;
- ``distance-mutual``: as ``distance``, and the number of mutual pairs is kept too.

Every null graph is drawn with random numbers of its own, and counted on the bit sets it is drawn into. The
graphs of ``distance`` also hand on the order in which a neuron's possible targets are held, which leaves
every draw uniform and independent of those before; the k-th graph is then not the same when drawn alone.
"""

from dataclasses import dataclass

import numba
import numpy as np

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
STEP = np.uint64(0x9E3779B97F4A7C15)
_ONE, _SIX, _LOW, _HALF = np.uint64(1), np.uint64(6), np.uint64(63), np.uint64(32)
_LOW_HALF = np.uint64(0xFFFFFFFF)


def _distances(positions_um):
    """Distances of all pairs, shape (n, n), an axis at a time; scipy.spatial takes long to import."""
    squares = np.zeros((len(positions_um),) * 2)
    for x in positions_um.T:
        squares += np.subtract.outer(x, x) ** 2
    return np.sqrt(squares)


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
    def from_positions(cls, positions_um, n_bins=N_DISTANCE_BINS, *, n=None):
        """Bins from finite soma positions of shape (n, 3), else InputError."""
        positions = _checked_positions(positions_um, n)
        n = len(positions)
        distance = _distances(positions)
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
        For an unknown null, a graph that is not 0/1, missing positions, or positions or bins that are not
        of as many neurons as the graph has.
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
    states = rng.integers(0, 2**64, size=(n_null, 1), dtype=np.uint64)
    if null == FIXED_DYADS:
        return _fixed_dyad_censuses(n, len(mutual), len(one_way), states)
    if null == "dyad":
        pairs = max(n * (n - 1) / 2, 1)
        return _dyad_censuses(n, len(mutual) / pairs, len(one_way) / (2 * pairs), states)
    if null == "degree":
        one_way, mutual = _sorted(one_way), _sorted(np.concatenate([mutual, mutual[:, ::-1]]))
        return _degree_censuses(n, one_way, mutual, *map(float, switches_per_edge), states)
    bins = positions_um
    if not isinstance(bins, DistanceBins):
        bins = DistanceBins.from_positions(positions_um, n_bins, n=n)
    elif len(bins.starts) != n:
        raise InputError(
            "Bins of soma distance are of another graph.",
            where="positions_um",
            expected=f"bins of {n} neurons",
            got=f"bins of {len(bins.starts)}",
            hint="Make them from the positions of the neurons of this graph.",
        )
    edges = _sorted(np.concatenate([one_way, mutual, mutual[:, ::-1]]))
    if null == "distance":
        return _distance_censuses(edges, bins.of_pair, bins.order.copy(), bins.starts, states)
    return _distance_mutual_censuses(
        edges, bins.of_pair, bins.order, bins.starts, *map(float, MOVES_PER_EDGE), states
    )


def _sorted(edges):
    """Edges (edges, 2) as uint32, sorted by the presynaptic node."""
    return edges[np.lexsort((edges[:, 1], edges[:, 0]))].astype(np.uint32)


def _checked_positions(positions_um, n=None):
    positions = None if positions_um is None else np.asarray(positions_um, float)
    if n is None and positions is not None:
        n = len(np.atleast_1d(positions))
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
def _mixed(x):
    """64 random bits from a counter that grows by STEP (SplitMix64; Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@numba.njit(cache=True)
def _next(s):
    """64 random bits; the counter is s[0]."""
    s[0] += STEP
    return _mixed(s[0])


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
    i, j = np.uint64(i), np.uint64(j)
    rows[i, kind, j >> _SIX] |= _ONE << (j & _LOW)


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
def _has(bits, i, j):
    """1 if the edge i -> j is there, else 0; bits of shape (n, words), i and j uint64."""
    return (bits[i, j >> _SIX] >> (j & _LOW)) & _ONE


@numba.njit(cache=True)
def _flip(bits, i, j):
    bits[i, j >> _SIX] ^= _ONE << (j & _LOW)


@numba.njit(cache=True)
def _dyad(bits, i, j):
    """The dyad of two nodes as the first sees it: NONE, FORTH, BACK or BOTH."""
    return np.int64(_has(bits, i, j) + (_has(bits, j, i) << _ONE))


@numba.njit(cache=True)
def _set_dyad(bits, i, j, kind):
    change = kind ^ _dyad(bits, i, j)
    if change & FORTH:
        _flip(bits, i, j)
    if change & BACK:
        _flip(bits, j, i)


@numba.njit(cache=True)
def _edge_bits(n, one_way, mutual):
    """Bits (n, words) of one-way edges and mutual pairs (each pair listed both ways), shape (edges, 2)."""
    bits = np.zeros((n, (n + 63) // 64), np.uint64)
    for e in range(one_way.shape[0]):
        _flip(bits, np.uint64(one_way[e, 0]), np.uint64(one_way[e, 1]))
    for e in range(mutual.shape[0]):
        _flip(bits, np.uint64(mutual[e, 0]), np.uint64(mutual[e, 1]))
    return bits


@numba.njit(cache=True)
def _switch(bits, one_way, starts, mutual, mutual_starts, n_trials, s):
    """Try `n_trials` switches a-b, c-d -> a-d, c-b of two one-way edges or of two mutual pairs.

    In every fourth trial with one-way edges, and in every one with mutual pairs, there is more: where the
    places a-d and c-b are taken by dyads of one other kind, these change places with a-b and c-d; a path
    a -> b -> c -> d may become a -> c -> b -> d, and a three-cycle be reversed. Each step and its way back
    are met with the same probability in the same trial, so the chain is uniform over the graphs that it
    reaches. These are all with the same in-, out- and mutual degrees of four nodes (a test enumerates them).
    Of five nodes they are not for some degrees: of all graphs 4 % have such degrees, and half of these are
    not in the largest part that the chain can go through. Of larger graphs the like is not known.
    The edges that leave a node keep their places in the lists, since their number stays. Lists are uint32
    of shape (edges, 2), sorted by the first node. Nodes are unsigned, as numba would else allow for
    negative ones at every access, and the counter of the random numbers is a local variable.
    """
    n_one, n_both = np.uint64(one_way.shape[0]), np.uint64(mutual.shape[0])
    n_dyads = n_one + (n_both >> _ONE)
    targets, partners = one_way[:, 1], mutual[:, 1]
    counter = s[0]
    for trial in range(n_trials):
        counter += STEP
        random = _mixed(counter)
        e = ((random >> _HALF) * n_dyads) >> _HALF
        if e < n_one:
            f = ((random & _LOW_HALF) * n_one) >> _HALF
            a, b = np.uint64(one_way[e, 0]), np.uint64(one_way[e, 1])
            c, d = np.uint64(one_way[f, 0]), np.uint64(one_way[f, 1])
            taken = _has(bits, a, d) | _has(bits, d, a) | _has(bits, c, b) | _has(bits, b, c)
            if not taken and a != d and c != b and a != c and b != d:
                _flip(bits, a, b)
                _flip(bits, a, d)
                _flip(bits, c, d)
                _flip(bits, c, b)
                one_way[e, 1], one_way[f, 1] = d, b
                continue
            if trial & 3 or a == c or b == d or b == c:
                continue
            if a == d:
                if _dyad(bits, b, c) == FORTH:
                    _reverse_cycle(bits, targets, starts, a, b, c)
                continue
            ad, cb = _dyad(bits, a, d), _dyad(bits, c, b)
            counter += STEP
            if _mixed(counter) >> _LOW:
                changed = ad == cb and ad != FORTH and _exchange(bits, a, b, c, d)
            else:
                changed = (
                    cb == BACK and _dyad(bits, c, a) == _dyad(bits, b, d) and _turn_path(bits, a, b, c, d)
                )
        else:
            counter += STEP
            random = _mixed(counter)
            e = ((random >> _HALF) * n_both) >> _HALF
            f = ((random & _LOW_HALF) * n_both) >> _HALF
            a, b = np.uint64(mutual[e, 0]), np.uint64(mutual[e, 1])
            c, d = np.uint64(mutual[f, 0]), np.uint64(mutual[f, 1])
            if a == c or b == d or b == c or a == d:
                continue
            ad = _dyad(bits, a, d)
            changed = ad == _dyad(bits, c, b) and ad != BOTH and _exchange(bits, a, b, c, d)
        if changed:
            for v in (a, b, c, d):
                _relist(bits, targets, starts, v, FORTH, (a, b, c, d))
                _relist(bits, partners, mutual_starts, v, BOTH, (a, b, c, d))
    s[0] = counter


@numba.njit(cache=True)
def _exchange(bits, a, b, c, d):
    """Let a and c swap what they have with b and with d."""
    ab, ad, cb, cd = _dyad(bits, a, b), _dyad(bits, a, d), _dyad(bits, c, b), _dyad(bits, c, d)
    _set_dyad(bits, a, b, ad)
    _set_dyad(bits, a, d, ab)
    _set_dyad(bits, c, b, cd)
    _set_dyad(bits, c, d, cb)
    return True


@numba.njit(cache=True)
def _turn_path(bits, a, b, c, d):
    """Make a -> b -> c -> d into a -> c -> b -> d; what a-c and b-d had before comes to a-b and c-d."""
    ac, bd = _dyad(bits, a, c), _dyad(bits, b, d)
    _set_dyad(bits, b, c, BACK)
    _set_dyad(bits, a, c, FORTH)
    _set_dyad(bits, b, d, FORTH)
    _set_dyad(bits, a, b, ac)
    _set_dyad(bits, c, d, bd)
    return True


@numba.njit(cache=True)
def _reverse_cycle(bits, post, starts, a, b, c):
    """Make a -> b -> c -> a into a -> c -> b -> a."""
    _set_dyad(bits, a, b, BACK)
    _set_dyad(bits, b, c, BACK)
    _set_dyad(bits, c, a, BACK)
    for v in (a, b, c):
        _relist(bits, post, starts, v, FORTH, (a, b, c, a))


@numba.njit(cache=True)
def _relist(bits, post, starts, v, kind, nodes):
    """Bring the list of one node's edges to a few others in line with the bits; their number is the same."""
    e = starts[v]
    for k in range(len(nodes)):
        target = nodes[k]
        if target == v or _dyad(bits, v, target) != kind or (k == 3 and target == nodes[0]):
            continue
        while not (post[e] == nodes[0] or post[e] == nodes[1] or post[e] == nodes[2] or post[e] == nodes[3]):
            e += 1
        post[e] = target
        e += 1


@numba.njit(cache=True)
def _n_trials(n_edges, fewest, most, s):
    return np.int64(n_edges * (fewest + (most - fewest) * _uniform(s)))


@numba.njit(cache=True)
def _degree_censuses(n, one_way, mutual, fewest, most, states):
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    bits = _edge_bits(n, one_way, mutual)
    starts, mutual_starts = _blocks(n, one_way[:, 0]), _blocks(n, mutual[:, 0])
    n_dyads = one_way.shape[0] + mutual.shape[0] // 2
    for k in range(states.shape[0]):
        s = states[k]
        switched, partners = one_way.copy(), mutual.copy()
        if n_dyads > 1:
            n_trials = _n_trials(n_dyads, fewest, most, s)
            _switch(bits.copy(), switched, starts, partners, mutual_starts, n_trials, s)
        _rows_of_lists(rows, switched, partners)
        censuses[k] = census_of_rows(rows)
    return censuses


@numba.njit(cache=True)
def _rows_of_lists(rows, one_way, mutual):
    rows[:] = np.uint64(0)
    for e in range(one_way.shape[0]):
        _link(rows, OUT, one_way[e, 0], one_way[e, 1])
        _link(rows, INTO, one_way[e, 1], one_way[e, 0])
    for e in range(mutual.shape[0]):
        _link(rows, MUTUAL, mutual[e, 0], mutual[e, 1])


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
def _distance_censuses(edges, of_pair, order, starts, states):
    n, n_bins = starts.shape[0], starts.shape[1] - 1
    n_wanted = np.zeros((n, n_bins), np.int64)
    for e in range(edges.shape[0]):
        n_wanted[edges[e, 0], of_pair[edges[e, 0], edges[e, 1]]] += 1
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    for k in range(states.shape[0]):
        _redraw_targets(rows, n_wanted, order, starts, states[k])
        censuses[k] = census_of_rows(rows)
    return censuses


@numba.njit(cache=True)
def _with_bins(edges, of_pair, starts):
    """Every edge's nodes, and where the bin of distance of its target starts and how many it holds.

    Shape (edges, 4), uint32; a target moves within its bin, so that the last two stay.
    """
    result = np.empty((edges.shape[0], 4), np.uint32)
    for e in range(edges.shape[0]):
        i, j = edges[e]
        b = of_pair[i, j]
        result[e, 0], result[e, 1] = i, j
        result[e, 2], result[e, 3] = starts[i, b], starts[i, b + 1] - starts[i, b]
    return result


@numba.njit(cache=True)
def _move_targets(bits, edges, order, n_trials, s):
    """A chain of moves i->j to i->k, j and k in one bin of i, that leaves the number of mutual pairs alone.

    A move that makes or breaks a mutual pair is followed by a second one, and both are undone unless the
    second makes up for it. The way back is met with the same probability, so the chain is uniform over the
    graphs that it reaches.
    """
    counter = s[0]
    for _ in range(n_trials):
        counter += STEP
        e, j, change = _moved(bits, edges, order, _mixed(counter))
        if change == 0:
            continue
        counter += STEP
        f, m, further = _moved(bits, edges, order, _mixed(counter))
        if change + further != 0:
            _set_target(bits, edges, f, m)
            _set_target(bits, edges, e, j)
    s[0] = counter


@numba.njit(cache=True)
def _moved(bits, edges, order, random):
    """Move one edge to a target of the same bin that is free.

    Returns the edge, its former target, and the change in the number of mutual pairs.
    """
    e = ((random >> _HALF) * np.uint64(edges.shape[0])) >> _HALF
    i, j = np.uint64(edges[e, 0]), np.uint64(edges[e, 1])
    first, size = np.uint64(edges[e, 2]), np.uint64(edges[e, 3])
    k = np.uint64(order[i, first + (((random & _LOW_HALF) * size) >> _HALF)])
    if _has(bits, i, k):
        return e, j, np.int64(0)
    _flip(bits, i, j)
    _flip(bits, i, k)
    edges[e, 1] = k
    return e, j, np.int64(_has(bits, k, i)) - np.int64(_has(bits, j, i))


@numba.njit(cache=True)
def _set_target(bits, edges, e, k):
    i, j = np.uint64(edges[e, 0]), np.uint64(edges[e, 1])
    _flip(bits, i, j)
    _flip(bits, i, k)
    edges[e, 1] = k


@numba.njit(cache=True)
def _distance_mutual_censuses(edges, of_pair, order, starts, fewest, most, states):
    n = starts.shape[0]
    censuses = np.empty((states.shape[0], 16))
    rows = empty_rows(n)
    bits = _edge_bits(n, edges, edges[:0])
    placed = _with_bins(edges, of_pair, starts)
    for k in range(states.shape[0]):
        s = states[k]
        moved = placed.copy()
        if edges.shape[0] > 0:
            n_trials = _n_trials(edges.shape[0], fewest, most, s)
            _move_targets(bits.copy(), moved, order, n_trials, s)
        rows[:] = np.uint64(0)
        for e in range(edges.shape[0]):
            _link(rows, OUT, moved[e, 0], moved[e, 1])
            _link(rows, INTO, moved[e, 1], moved[e, 0])
        _separate(rows)
        censuses[k] = census_of_rows(rows)
    return censuses
