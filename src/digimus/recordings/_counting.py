"""Compiled loops of `binning`; a module of its own, since numba takes a third of a second to import."""

import numpy as np
from numba import njit

EPSILON = np.finfo(np.float64).eps


@njit(cache=True, nogil=True)
def count_windows(flat, starts, stops, edges_s, counts):
    """Add the spikes of each unit, ``flat[starts[u]:stops[u]]``, to `counts` (n_samples, n_bins, n_units)."""
    n_samples, n_bins = counts.shape[0], counts.shape[1]
    for sample in range(n_samples):
        first, last = edges_s[sample, 0], edges_s[sample, n_bins]
        for unit in range(len(starts)):
            stop = stops[unit]
            spike = starts[unit] + np.searchsorted(flat[starts[unit] : stop], first)
            edge = 0
            while spike < stop and flat[spike] <= last:
                while edge < n_bins - 1 and flat[spike] >= edges_s[sample, edge + 1]:
                    edge += 1
                counts[sample, edge, unit] += 1
                spike += 1


@njit(cache=True, nogil=True)
def count_uniform(times_s, edges_s, counts, most):
    """Add the spikes of one unit to `counts` (n_bins,), whose bins are of equal width.

    The bin is computed; only where the result lies so near an edge that rounding may have moved it over are
    the edges themselves looked at. Returns whether a count rose above `most`.
    """
    n_bins = len(counts)
    first, last = edges_s[0], edges_s[n_bins]
    per_s = n_bins / (last - first)
    near = 16 * EPSILON * (n_bins + max(abs(first), abs(last)) * per_s)
    begin, end = np.searchsorted(times_s, first), np.searchsorted(times_s, last)
    overflow = False
    for spike in range(begin, end):
        time = times_s[spike]
        place = (time - first) * per_s
        index = int(place)
        beyond = place - index
        if beyond < near or beyond > 1 - near:
            index = min(index, n_bins - 1)
            if time < edges_s[index]:
                index -= 1
            elif index < n_bins - 1 and time >= edges_s[index + 1]:
                index += 1
        count = counts[index] + 1
        counts[index] = count
        overflow |= count > most
    while end < len(times_s) and times_s[end] == last:
        count = counts[n_bins - 1] + 1
        counts[n_bins - 1] = count
        overflow |= count > most
        end += 1
    return overflow
