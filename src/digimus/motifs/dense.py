"""Passes over dense matrices for the differentiable census and the motif term, in numba.

Each does in one or two passes what would be a dozen operations of torch, whose overhead is most of the
cost of a small network.
"""

import numpy as np
from numba import njit

_N_BINS = 2048
_TILE = 16  # of a matrix that is read along rows and columns at once, for the cache


@njit(cache=True)
def split_dyads(edge, dyads):
    """Write one-way, mutual and transposed one-way dyads of edge probabilities, and sum them.

    Parameters
    ----------
    edge : array, shape (n, n)
        The diagonal is ignored.
    dyads : array, shape (3, n, n)
        To write to.

    Returns
    -------
    array, shape (3, n), float64
        Sums of one-way edges that leave and that reach each node, and of mutual ones.
    """
    n = edge.shape[0]
    degrees = np.zeros((3, n))
    for top in range(0, n, _TILE):
        for left in range(0, n, _TILE):
            for i in range(top, min(top + _TILE, n)):
                for j in range(left, min(left + _TILE, n)):
                    there, back = edge[i, j], edge[j, i]
                    both = there * back
                    dyads[0, i, j], dyads[1, i, j], dyads[2, i, j] = there - both, both, back - both
    for i in range(n):
        out = into = mutual = 0.0
        for k in range(3):
            dyads[k, i, i] = 0
        for j in range(n):
            out += dyads[0, i, j]
            mutual += dyads[1, i, j]
            into += dyads[2, i, j]
        degrees[0, i], degrees[1, i], degrees[2, i] = out, into, mutual
    return degrees


@njit(cache=True)
def join_gradients(parts, by_degree, edge, by_edge):
    """Write the gradient of edges e from those of their dyads, m = e e' and a = e - m.

    Parameters
    ----------
    parts : array, shape (3, n, n)
        Of a, of a transposed, and of m less both.
    by_degree : array, shape (3, n), float64
        Of a by its row and by its column, of m by its row.
    edge, by_edge : array, shape (n, n)
        Edges, and the gradient to write; its diagonal is 0.
    """
    n = edge.shape[0]
    row, column = by_degree[0].astype(edge.dtype), by_degree[1].astype(edge.dtype)
    end = (by_degree[2] - by_degree[0] - by_degree[1]).astype(edge.dtype)
    for top in range(0, n, _TILE):
        for left in range(0, n, _TILE):
            for i in range(top, min(top + _TILE, n)):
                for j in range(left, min(left + _TILE, n)):
                    both = parts[2, i, j] + parts[2, j, i] + end[i] + end[j]
                    own = parts[0, i, j] + parts[1, j, i] + row[i] + column[j]
                    by_edge[i, j] = own + both * edge[j, i]
    for i in range(n):
        by_edge[i, i] = 0


@njit(cache=True)
def size_statistics(weight, rank):
    """The rank-th smallest |w| off the diagonal, counted from 1, and their standard deviation.

    The values are counted in bins, and only those of one bin are sorted, so that the rank is exact.

    Parameters
    ----------
    weight : array, shape (n, n)
    rank : int

    Returns
    -------
    tuple of float
    """
    n = weight.shape[0]
    total = squares = most = 0.0
    for i in range(n):
        for j in range(n):
            size = abs(weight[i, j])
            if i != j:
                total += size
                most = max(most, size)
    n_values = n * (n - 1)
    mean, per_size = total / n_values, (_N_BINS - 1) / most if most > 0 else 0.0
    counts = np.zeros(_N_BINS, np.int64)
    for i in range(n):
        for j in range(n):
            if i != j:
                size = abs(weight[i, j])
                squares += (size - mean) ** 2
                counts[_bin(size, per_size)] += 1
    below = k = 0
    while below + counts[k] < rank:
        below += counts[k]
        k += 1
    inside = np.empty(counts[k], weight.dtype)
    found = 0
    for i in range(n):
        for j in range(n):
            if i != j:
                size = abs(weight[i, j])
                if _bin(size, per_size) == k:
                    inside[found] = size
                    found += 1
    inside.sort()
    return inside[rank - below - 1], np.sqrt(squares / (n_values - 1))


@njit(cache=True, inline="always")
def _bin(size, per_size):
    """The bin of a size; numbers that are not finite go to the last."""
    place = size * per_size
    return int(place) if place < _N_BINS - 1 else _N_BINS - 1


@njit(cache=True)
def scaled_sizes(weight, threshold, scale, scaled):
    """Write (|w| - threshold) scale, transposed; minus infinity on the diagonal."""
    n = weight.shape[0]
    threshold, scale = weight.dtype.type(threshold), weight.dtype.type(scale)
    for top in range(0, n, _TILE):
        for left in range(0, n, _TILE):
            for i in range(top, min(top + _TILE, n)):
                for j in range(left, min(left + _TILE, n)):
                    scaled[i, j] = (abs(weight[j, i]) - threshold) * scale
    for i in range(n):
        scaled[i, i] = -np.inf


@njit(cache=True)
def gradient_of_sizes(by_edge, edges, weight, scale, by_weight):
    """Write the gradient of w from that of edges, the sigmoid of `scaled_sizes`."""
    n = weight.shape[0]
    scale = weight.dtype.type(scale)
    for top in range(0, n, _TILE):
        for left in range(0, n, _TILE):
            for i in range(top, min(top + _TILE, n)):
                for j in range(left, min(left + _TILE, n)):
                    edge = edges[j, i]
                    slope = by_edge[j, i] * edge * (1 - edge) * scale
                    sign = weight.dtype.type(0) + (weight[i, j] > 0) - (weight[i, j] < 0)
                    by_weight[i, j] = slope * sign
