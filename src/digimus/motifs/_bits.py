"""Exact census of a 0/1 graph on bit sets, compiled with numba.

Each node's one-way successors, one-way predecessors and mutual partners are rows of 64-bit words that
lie one behind the other, so that common neighbours are population counts of ANDs.
"""

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

OUT, INTO, MUTUAL = 0, 1, 2
FINE, REPEATED, NO_PROBABILITY, BETWEEN = 0, 1, 2, 3


@intrinsic
def _popcount(typing_context, word):
    def generate(context, builder, signature, arguments):
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@numba.njit(cache=True)
def empty_rows(n):
    """Bit rows (n, 3, words) of a graph without edges."""
    return np.zeros((n, 3, (n + 63) // 64), np.uint64)


@numba.njit(cache=True)
def rows_of_csr(indptr, indices, data):
    """Bit rows (n, 3, words) of a CSR matrix without its diagonal, and whether it is 0/1.

    The second value is FINE, or what was met first: a value outside [0, 1], one between, or the same
    entry twice.
    """
    n = indptr.size - 1
    rows = empty_rows(n)
    one = np.uint64(1)
    for i in range(n):
        for e in range(indptr[i], indptr[i + 1]):
            value, j = data[e], indices[e]
            if not (value == 0 or value == 1):
                return rows, BETWEEN if 0 <= value <= 1 else NO_PROBABILITY
            bit = one << np.uint64(j & 63)
            if rows[i, OUT, j >> 6] & bit:
                return rows, REPEATED
            if value and i != j:
                rows[i, OUT, j >> 6] |= bit
                rows[j, INTO, i >> 6] |= one << np.uint64(i & 63)
    _separate(rows)
    return rows, FINE


@numba.njit(cache=True)
def rows_of_dense(matrix):
    """As `rows_of_csr`, of a C-contiguous dense matrix."""
    n = matrix.shape[0]
    rows = empty_rows(n)
    one = np.uint64(1)
    for i in range(n):
        for j in range(n):
            value = matrix[i, j]
            if value == 0:
                continue
            if value != 1:
                return rows, BETWEEN if 0 <= value <= 1 else NO_PROBABILITY
            if i != j:
                rows[i, OUT, j >> 6] |= one << np.uint64(j & 63)
                rows[j, INTO, i >> 6] |= one << np.uint64(i & 63)
    _separate(rows)
    return rows, FINE


@numba.njit(cache=True)
def _separate(rows):
    """Move pairs that are linked both ways from the one-way rows to the mutual ones."""
    n, _, words = rows.shape
    for i in range(n):
        for k in range(words):
            both = rows[i, OUT, k] & rows[i, INTO, k]
            rows[i, MUTUAL, k] = both
            rows[i, OUT, k] ^= both
            rows[i, INTO, k] ^= both


@numba.njit(cache=True)
def _size(x):
    total = np.uint64(0)
    for k in range(x.size):
        total += _popcount(x[k])
    return np.int64(total)


@numba.njit(cache=True)
def _common_one_way(a, b):
    """What the one-way edge a -> b closes: 030T, 030C, 120D, 120U, 120C, 210, by the third node's dyads."""
    t030 = c030 = d120 = u120 = c120 = t210 = np.uint64(0)
    for k in range(a.shape[1]):
        a_out, a_into, a_mutual = a[OUT, k], a[INTO, k], a[MUTUAL, k]
        b_out, b_into, b_mutual = b[OUT, k], b[INTO, k], b[MUTUAL, k]
        t030 += _popcount(a_out & b_into)
        c030 += _popcount(a_into & b_out)
        d120 += _popcount(a_out & b_mutual)
        u120 += _popcount(a_mutual & b_into)
        c120 += _popcount(a_mutual & b_out)
        t210 += _popcount(a_mutual & b_mutual)
    return t030, c030, d120, u120, c120, t210


@numba.njit(cache=True)
def _common_mutual(a, b):
    total = np.uint64(0)
    for k in range(a.size):
        total += _popcount(a[k] & b[k])
    return total


@numba.njit(cache=True)
def census_of_rows(rows):
    """Counts of the 16 triads, as float64 in the order of TRIADS."""
    n, _, words = rows.shape
    if n < 3:
        return np.zeros(16)
    t030 = c030 = d120 = u120 = c120 = t210 = t300 = np.uint64(0)
    n_one_way, n_mutual = 0, 0
    one = np.uint64(1)
    for i in range(n):
        a = rows[i]
        for k in range(words):
            word = rows[i, OUT, k]
            while word:
                low = word & (~word + one)
                j = (k << 6) + np.int64(_popcount(low - one))
                word ^= low
                n_one_way += 1
                found = _common_one_way(a, rows[j])
                t030 += found[0]
                c030 += found[1]
                d120 += found[2]
                u120 += found[3]
                c120 += found[4]
                t210 += found[5]
            word = rows[i, MUTUAL, k]
            while word:
                low = word & (~word + one)
                j = (k << 6) + np.int64(_popcount(low - one))
                word ^= low
                if i < j:
                    n_mutual += 1
                    t300 += _common_mutual(rows[i, MUTUAL], rows[j, MUTUAL])
    # A 030C is met once from each of its edges, 120D and 120U from two, 300 from three pairs.
    closed = (t030 / 1, c030 / 3, d120 / 2, u120 / 2, c120 / 1, t210 / 1, t300 / 3)
    return _complete(rows, closed, n_one_way, n_mutual)


@numba.njit(cache=True)
def _complete(rows, closed, n_one_way, n_mutual):
    """`digimus.motifs.census.complete` for counts, where compiled code needs it."""
    n = rows.shape[0]
    d = u = c = md = mu = mm = 0.0
    for v in range(n):
        o, i, m = _size(rows[v, OUT]), _size(rows[v, INTO]), _size(rows[v, MUTUAL])
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


@numba.njit(cache=True)
def dyads_of_rows(rows):
    """One-way edges and mutual pairs (the smaller node first), as int32 arrays of shape (edges, 2)."""
    n = rows.shape[0]
    n_one_way, n_mutual = 0, 0
    for i in range(n):
        n_one_way += _size(rows[i, OUT])
        n_mutual += _size(rows[i, MUTUAL])
    one_way = np.empty((n_one_way, 2), np.int32)
    mutual = np.empty((n_mutual // 2, 2), np.int32)
    a, b = 0, 0
    one = np.uint64(1)
    for i in range(n):
        for j in range(n):
            bit = one << np.uint64(j & 63)
            if rows[i, OUT, j >> 6] & bit:
                one_way[a] = i, j
                a += 1
            elif i < j and rows[i, MUTUAL, j >> 6] & bit:
                mutual[b] = i, j
                b += 1
    return one_way, mutual
