"""Which windows the recording reaches, and which units were recorded during them."""

import numpy as np

from digimus.recordings.binning import average_traces, count_spikes
from digimus.recordings.trials import refused

SILENCES = 20
"""How many mean intervals between any two spikes of the session a window may lie beyond the spikes [ours]."""
TOLERANCE_S = 1e-3


def within_recording(session, begin_s, end_s, bin_s):
    """Whether each window lies within the time of the recording.

    Files seldom say when a recording of spikes began and ended, so that its first and last spike stand for
    it; silence of up to `SILENCES` mean intervals or one bin, whichever is longer, is allowed at either end.
    Fluorescence says by itself where it ends, see `binned`.

    Parameters
    ----------
    session : Session
    begin_s, end_s : array (n_samples,)
    bin_s : float

    Returns
    -------
    array of bool (n_samples,)

    Raises
    ------
    InputError
        If no window does.
    """
    span_s = None if session.spike_times is None else session.span_s
    if span_s is None or not np.isfinite(span_s).all() or len(begin_s) == 0:
        return np.ones(len(begin_s), bool)
    n_spikes = sum(len(times) for times in session.spike_times)
    tolerance_s = max(bin_s, SILENCES * (span_s[1] - span_s[0]) / max(n_spikes, 1))
    inside = (begin_s >= span_s[0] - tolerance_s) & (end_s <= span_s[1] + tolerance_s)
    if not inside.any():
        expected = f"windows within the recording, {span_s[0]:g} to {span_s[1]:g} s"
        got = f"{len(begin_s)} windows, all beyond it, from {begin_s.min():g} to {end_s.max():g} s"
        hint = "The clocks of trials and spikes differ; repair the file where it was made, or leave it out."
        raise refused(
            session, "All trials lie beyond the recording", "intervals/trials/start_time", expected, got, hint
        )
    return inside


def binned(session, units, edges_s):
    """Binned activity of some units, and whether each was observed during the whole of each window.

    Parameters
    ----------
    session : Session
    units : array of int (n_units,)
    edges_s : array (n_samples, n_bins + 1)

    Returns
    -------
    values : array (n_samples, n_bins, n_units) of float32
        0 where a unit was not observed.
    observed : array of bool (n_samples, n_units)
    """
    if session.signal == "spikes":
        values = count_spikes([session.spike_times[unit] for unit in units], edges_s)
        observed = _in_intervals(session.obs_intervals, units, edges_s[:, 0], edges_s[:, -1])
    else:
        values = _averaged(session.traces, units, edges_s)
        observed = np.isfinite(values).all(axis=1)
    if not observed.all():
        values[np.broadcast_to(~observed[:, None], values.shape)] = 0
    return values, observed


def _averaged(traces, units, edges_s):
    """Mean fluorescence, cells with the same frames missing taken together; nan where there is none."""
    chosen = traces.values[:, units]
    finite = np.isfinite(chosen)
    if (finite == finite[:, :1]).all():
        return average_traces(traces.times_s, chosen, edges_s)
    values = np.empty((len(edges_s), edges_s.shape[1] - 1, len(units)), np.float32)
    patterns, of_pattern = np.unique(np.packbits(finite, axis=0), axis=1, return_inverse=True)
    for pattern in range(patterns.shape[1]):
        cells = np.flatnonzero(of_pattern.ravel() == pattern)
        values[:, :, cells] = average_traces(traces.times_s, chosen[:, cells], edges_s)
    return values


def _in_intervals(obs_intervals, units, begin_s, end_s):
    """Whether each unit's intervals of observation hold each window; true for units without any."""
    observed = np.ones((len(begin_s), len(units)), bool)
    if obs_intervals is None:
        return observed
    known = {}  # units of one probe share their intervals
    for position, unit in enumerate(units):
        intervals = obs_intervals[unit]
        if intervals is None or len(intervals) == 0:
            continue
        intervals = np.asarray(intervals, float)
        key = intervals.tobytes()
        if key not in known:
            known[key] = _inside(_joined(intervals), begin_s, end_s)
        observed[:, position] = known[key]
    return observed


def _joined(intervals):
    """Intervals (n, 2) in their order, those that touch made one."""
    intervals = intervals[np.argsort(intervals[:, 0], kind="stable")]
    stops = np.maximum.accumulate(intervals[:, 1])
    begins = np.flatnonzero(np.append(True, intervals[1:, 0] > stops[:-1] + TOLERANCE_S))
    return np.stack([intervals[begins, 0], stops[np.append(begins[1:] - 1, len(stops) - 1)]], axis=1)


def _inside(intervals, begin_s, end_s):
    """Whether each window lies within one of the joined intervals."""
    last = np.searchsorted(intervals[:, 0], begin_s + TOLERANCE_S, side="right") - 1
    return (last >= 0) & (end_s <= intervals[last.clip(0), 1] + TOLERANCE_S)
