"""Exact census of a 0/1 graph on bit sets, compiled with numba.

Each node's one-way successors, one-way predecessors and mutual partners are rows of 64-bit words, so
that common neighbours are population counts of ANDs.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

_N_CLOSED = 7  # 030T, 030C, 120D, 120U, 120C, 210, 300, in this order


@intrinsic
def _popcount(typing_context, word):
    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@numba.njit(cache=True)
def pack(n, pre, post):
    """Bit rows (n, words) of one-way successors, one-way predecessors and mutual partners."""
    words = (n + 63) // 64
    out = np.zeros((n, words), np.uint64)
    into = np.zeros((n, words), np.uint64)
    one = np.uint64(1)
    for e in range(pre.size):
        i, j = pre[e], post[e]
        out[i, j >> 6] |= one << np.uint64(j & 63)
        into[j, i >> 6] |= one << np.uint64(i & 63)
    mutual = out & into
    return out & ~mutual, into & ~mutual, mutual


@numba.njit(cache=True)
def _common(x, y):
    total = np.uint64(0)
    for k in range(x.size):
        total += _popcount(x[k] & y[k])
    return np.int64(total)


@numba.njit(cache=True)
def _size(x):
    total = np.uint64(0)
    for k in range(x.size):
        total += _popcount(x[k])
    return np.int64(total)


@numba.njit(cache=True)
def census_of_edges(n, pre, post):
    """Counts of the 16 triads, as float64 in the order of TRIADS."""
    out, into, mutual = pack(n, pre, post)
    closed = np.zeros(_N_CLOSED)
    n_one_way, n_mutual = 0, 0
    for e in range(pre.size):
        i, j = pre[e], post[e]
        if (mutual[i, j >> 6] >> np.uint64(j & 63)) & np.uint64(1):
            if i < j:
                n_mutual += 1
                closed[6] += _common(mutual[i], mutual[j])
            continue
        n_one_way += 1
        closed[0] += _common(out[i], into[j])
        closed[1] += _common(out[j], into[i])
        closed[2] += _common(out[i], mutual[j])
        closed[3] += _common(into[j], mutual[i])
        closed[4] += _common(out[j], mutual[i])
        closed[5] += _common(mutual[i], mutual[j])
    # A 030C is met once from each of its edges, 120D and 120U from two, 300 from three pairs.
    closed[1] /= 3
    closed[2] /= 2
    closed[3] /= 2
    closed[6] /= 3
    return _complete(n, out, into, mutual, closed, n_one_way, n_mutual)


@numba.njit(cache=True)
def _complete(n, out, into, mutual, closed, n_one_way, n_mutual):
    """`digimus.motifs.census.complete` for counts, where compiled code needs it."""
    d = u = c = md = mu = mm = 0.0
    for v in range(n):
        o, i, m = _size(out[v]), _size(into[v]), _size(mutual[v])
        d += o * (o - 1) / 2
        u += i * (i - 1) / 2
        c += i * o
        md += m * i
        mu += m * o
        mm += m * (m - 1) / 2
    t030, c030, d120, u120, c120, t210, t300 = closed
    d -= t030 + d120
    u -= t030 + u120
    c -= t030 + 3 * c030 + c120
    md -= 2 * d120 + c120 + t210
    mu -= 2 * u120 + c120 + t210
    mm -= t210 + 3 * t300
    two_way = d120 + u120 + c120
    t012 = n_one_way * (n - 2.0) - 2 * (d + u + c) - md - mu - 3 * (t030 + c030) - 2 * two_way - t210
    t102 = n_mutual * (n - 2.0) - md - mu - 2 * mm - two_way - 2 * t210 - 3 * t300
    result = np.array([0.0, t012, t102, d, u, c, md, mu, t030, c030, mm, d120, u120, c120, t210, t300])
    result[0] = n * (n - 1.0) * (n - 2.0) / 6 - result.sum()
    return result


def census(n, pre, post):
    """Counts of the 16 triads of the graph with these edges; fewer than three nodes hold none."""
    return census_of_edges(n, pre, post) if n >= 3 else np.zeros(16)
