"""Spikes and fluorescence in time bins, with the same edges for every unit."""

import numpy as np


def count_spikes(spike_times, edges_s):
    """Count spikes in bins, exactly as `numpy.histogram` does with the same edges.

    A spike on an edge belongs to the bin that begins there; one on a window's last edge to the last bin.

    Parameters
    ----------
    spike_times : sequence of array
        Sorted times of each unit, seconds.
    edges_s : array (n_samples, n_bins + 1)
        Bin edges of each sample, increasing along a row, seconds.

    Returns
    -------
    array (n_samples, n_bins, n_units) of float32
    """
    n_samples, n_bins = edges_s.shape[0], edges_s.shape[1] - 1
    counts = np.zeros((len(spike_times), n_samples, n_bins), np.float32)
    for unit, times in enumerate(spike_times):
        before = np.searchsorted(times, edges_s, side="left")
        before[:, -1] = np.searchsorted(times, edges_s[:, -1], side="right")
        np.subtract(before[:, 1:], before[:, :-1], out=counts[unit], casting="unsafe")
    return np.ascontiguousarray(np.moveaxis(counts, 0, -1))


def average_traces(times_s, values, edges_s):
    """Average sampled signals within bins.

    A bin without a sample takes the signal interpolated at its middle, if the nearest sample is no
    farther than a bin or one and a half sampling steps; nan otherwise. Frames in which any signal is not
    finite are passed over.

    Parameters
    ----------
    times_s : array (T,)
        Increasing.
    values : array (T, n_units)
    edges_s : array (n_samples, n_bins + 1)

    Returns
    -------
    array (n_samples, n_bins, n_units) of float32
    """
    finite = np.isfinite(values).all(axis=1)
    times_s, values = times_s[finite], values[finite]
    shape = (edges_s.shape[0], edges_s.shape[1] - 1, values.shape[1])
    if len(times_s) < 2:
        return np.full(shape, np.nan, np.float32)
    first = np.searchsorted(times_s, edges_s[:, :-1])
    last = np.searchsorted(times_s, edges_s[:, 1:])
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    n_frames = last - first
    means = (total[last] - total[first]) / np.maximum(n_frames, 1)[..., None]
    empty = n_frames == 0
    if empty.any():
        middles = (edges_s[:, :-1] + edges_s[:, 1:])[empty] / 2
        width_s = float(np.median(np.diff(edges_s, axis=1)))
        means[empty] = _interpolated(times_s, values, middles, width_s)
    return means.astype(np.float32)


def _interpolated(times_s, values, at_s, width_s):
    """Signals at given times (n, n_units), nan where no sample is near."""
    after = np.searchsorted(times_s, at_s).clip(1, len(times_s) - 1)
    left, right = times_s[after - 1], times_s[after]
    share = ((at_s - left) / (right - left)).clip(0, 1)[:, None]
    found = (1 - share) * values[after - 1] + share * values[after]
    nearest_s = np.minimum(np.abs(at_s - left), np.abs(at_s - right))
    found[nearest_s > max(width_s, 1.5 * float(np.median(np.diff(times_s))))] = np.nan
    return found
