"""Spikes and fluorescence in time bins, with the same edges for every unit."""

import numpy as np

from digimus.errors import InputError

GROUP = 8_000_000  # spikes that are copied together
SLACK = 1e-6  # of a bin that a span may lack for rounding


def count_spikes(spike_times, edges_s):
    """Count spikes in windows, exactly as `numpy.histogram` does with the same edges.

    A spike on an edge belongs to the bin that begins there; one on a window's last edge to the last bin.

    Parameters
    ----------
    spike_times : sequence of array
        Sorted times of each unit, seconds.
    edges_s : array (n_samples, n_bins + 1)
        Bin edges of each sample, increasing along a row, seconds. Windows may overlap.

    Returns
    -------
    array (n_samples, n_bins, n_units) of float32
    """
    from digimus.recordings._counting import count_windows

    edges_s = np.ascontiguousarray(edges_s, np.float64)
    shape = (edges_s.shape[0], edges_s.shape[1] - 1, len(spike_times))
    counts = np.zeros(shape, np.float32)
    for units, flat, starts, stops in _groups(spike_times):
        count_windows(flat, starts, stops, edges_s, counts[:, :, units])
    return counts


def bin_session(spike_times, bin_ms, start_s, stop_s, dtype=np.uint8):
    """Count the spikes of a whole session in bins of equal width, exactly as `numpy.histogram` does.

    Equal in every bin both to ``histogram(times, n_bins, (start_s, stop_s))`` and to
    ``histogram(times, numpy.linspace(start_s, stop_s, n_bins + 1))``: a spike on an edge belongs to the bin
    that begins there, one on `stop_s` to the last bin. Memory is that of the result alone.

    Parameters
    ----------
    spike_times : sequence of array
        Sorted times of each unit, seconds.
    bin_ms : float
    start_s, stop_s : float
        First and last edge; a last bin that would not be whole is left out.
    dtype : {uint8, uint16, float32}
        Of the counts: uint8 holds up to 255 spikes a bin, uint16 up to 65,535.

    Returns
    -------
    counts : array (n_bins, n_units) of `dtype`
        In memory unit after unit, which is several times faster to fill than bin after bin.
    edges_s : array (n_bins + 1,)

    Raises
    ------
    InputError
        If the span holds no whole bin, `dtype` is another, or a count does not fit it.
    """
    from digimus.recordings._counting import count_uniform

    dtype = np.dtype(dtype)
    if dtype not in (np.uint8, np.uint16, np.float32):
        raise _cannot("dtype", "uint8, uint16 or float32", dtype, "Choose one of these.")
    span_s, bin_s = float(stop_s) - float(start_s), float(bin_ms) / 1000
    n_bins = int(np.floor(span_s / bin_s + SLACK)) if 0 < bin_s and 0 < span_s < np.inf else 0
    if n_bins < 1:
        got = f"{start_s} to {stop_s} s in bins of {bin_ms} ms"
        raise _cannot("start_s, stop_s, bin_ms", "a span of one bin or more", got, "Choose another span.")
    whole = abs(span_s - n_bins * bin_s) <= SLACK * bin_s
    edges_s = np.linspace(start_s, stop_s if whole else start_s + n_bins * bin_s, n_bins + 1)
    most = np.inf if dtype.kind == "f" else np.iinfo(dtype).max
    counts = np.zeros((len(spike_times), n_bins), dtype)
    for times_s, row in zip(spike_times, counts, strict=True):
        if count_uniform(np.asarray(times_s, np.float64), edges_s, row, most):
            raise _cannot("dtype", f"at most {most} spikes a bin", "more", "Count in uint16 or float32.")
    return counts.T, edges_s


def _groups(spike_times):
    """Groups of units that follow each other, with all of their spikes in one array.

    Units that are pieces of one array, as `read_session` makes them, are one group and not copied; others
    are copied together, up to `GROUP` spikes at a time.

    Yields
    ------
    units : slice
    flat : array
    starts, stops : array of int
        Where in `flat` each unit's spikes are.
    """
    lengths = np.array([len(times) for times in spike_times], np.int64)
    flat, starts = _shared(spike_times)
    if flat is not None:
        yield slice(0, len(lengths)), flat, starts, starts + lengths
        return
    first = 0
    while first < len(lengths):
        stops = np.cumsum(lengths[first:])
        last = first + max(int(np.searchsorted(stops, GROUP, side="right")), 1)
        stops = stops[: last - first]
        flat = np.concatenate([np.asarray(times, np.float64) for times in spike_times[first:last]])
        yield slice(first, last), flat, stops - lengths[first:last], stops
        first = last


def _shared(spike_times):
    """The array of which all units are pieces, and where each begins; None twice if there is none."""
    base = getattr(spike_times[0], "base", None) if len(spike_times) else None
    plain = isinstance(base, np.ndarray) and base.dtype == np.float64 and base.ndim == 1
    if not plain or base.strides != (8,):
        return None, None
    if any(times.base is not base or times.strides != (8,) for times in spike_times):
        return None, None
    addresses = np.array([times.ctypes.data for times in spike_times], np.int64)
    return base, (addresses - base.ctypes.data) // 8


def _cannot(where, expected, got, hint):
    return InputError("Spikes cannot be counted so.", where=where, expected=expected, got=got, hint=hint)


def average_traces(times_s, values, edges_s):
    """Average sampled signals within bins.

    A bin without a sample holds the last one before it, if that is no farther from its middle than a bin
    or one and a half sampling steps; nan otherwise. Nothing after a bin's end has a part in it, so that a
    decoder sees no future. Frames in which any signal is not finite are passed over.

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
        means[empty] = _held(times_s, values, middles, width_s)
    return means.astype(np.float32)


def _held(times_s, values, at_s, width_s):
    """The last signals before given times (n, n_units), nan where there are none or they are too old."""
    before = np.searchsorted(times_s, at_s) - 1
    age_s = np.where(before < 0, np.inf, at_s - times_s[before])
    found = values[before]
    found[age_s > max(width_s, 1.5 * float(np.median(np.diff(times_s))))] = np.nan
    return found
