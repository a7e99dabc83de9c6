"""Which units of a session are good enough to decode from."""

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest

REFRACTORY_S = 0.0015  # ours
N_TENTHS = 10
COLUMNS = ["column", "keeps", "n_units", "n_left_out", "n_left_out_by_it_alone"]


def _rate_hz(times_s, intervals_s):
    """Spikes a second of the time observed."""
    return len(times_s) / max(float(np.diff(intervals_s, axis=1).sum()), 1e-9)


def _isi_violations(times_s, intervals_s):
    """Share of the intervals between spikes that are shorter than 1.5 ms; 0 for fewer than two spikes."""
    return float(np.mean(np.diff(times_s) < REFRACTORY_S)) if len(times_s) > 1 else 0.0


def _presence(times_s, intervals_s):
    """Share of the tenths of the time observed that hold a spike."""
    lengths_s = np.diff(intervals_s, axis=1)[:, 0]
    before_s = np.concatenate([[0.0], np.cumsum(lengths_s)])
    if not before_s[-1]:
        return 0.0
    row = (np.searchsorted(intervals_s[:, 0], times_s, side="right") - 1).clip(0)
    elapsed_s = before_s[row] + (times_s - intervals_s[row, 0]).clip(0, lengths_s[row])
    tenth = (N_TENTHS * elapsed_s / before_s[-1]).astype(int).clip(max=N_TENTHS - 1)
    return len(np.unique(tenth)) / N_TENTHS


MEASURES = {"rate_hz": _rate_hz, "isi_violations": _isi_violations, "presence": _presence}


def measures(session):
    """What spike times alone tell of the quality of units; all three are definitions of ours.

    Time that a unit was not observed does not count where the file says so (`obs_intervals`), nor does
    what lies outside the span of the session.

    Parameters
    ----------
    session : Session
        Its `spike_times`, `obs_intervals` and `span_s` are looked at.

    Returns
    -------
    DataFrame (n_units rows)
        ``rate_hz``: spikes a second. ``isi_violations``: share of the intervals between spikes that are
        shorter than 1.5 ms. ``presence``: share of the tenths of the time observed with a spike in them.
    """
    return pd.DataFrame({name: _measured(session, name) for name in MEASURES})


def quality_filter(session, filters):
    """The units that pass all filters, and what each filter left out.

    Parameters
    ----------
    session : Session
    filters : mapping of str to mapping
        For each column of the units what it must be: at least ``min``, at most ``max``, one of ``values``.
        A unit without a value (nan, no text) fails. ``rate_hz``, ``isi_violations`` and ``presence`` always
        mean what `measures` computes from the spikes, even where the file has columns of these names.

    Returns
    -------
    keep : array of bool (n_units,)
    table : DataFrame
        One row a filter: ``column``, ``keeps`` (as text), ``n_units``, ``n_left_out`` and, of these,
        ``n_left_out_by_it_alone``, which pass all the others.

    Raises
    ------
    InputError
        If there is no such column, a filter has other keys or none, or numbers are asked of text.
    """
    passes = {name: _passes(session, name, bounds) for name, bounds in (filters or {}).items()}
    n_failed = sum((~one for one in passes.values()), np.zeros(session.n_units, int))
    rows = [
        {
            "column": name,
            "keeps": _described(filters[name]),
            "n_units": session.n_units,
            "n_left_out": int((~one).sum()),
            "n_left_out_by_it_alone": int((~one & (n_failed == 1)).sum()),
        }
        for name, one in passes.items()
    ]
    return n_failed == 0, pd.DataFrame(rows, columns=COLUMNS)


def _passes(session, name, bounds):
    where = f"unit_filters.{name}"
    known = ("min", "max", "values")
    if not hasattr(bounds, "keys") or not bounds or set(bounds) - set(known):
        wrong = next((key for key in bounds if key not in known), "") if hasattr(bounds, "keys") else ""
        raise _error(
            "A filter of units is not one.", where, f"a mapping of {', '.join(known)}", bounds, wrong, known
        )
    values = _values(session, name)
    passed = np.ones(session.n_units, bool)
    if "values" in bounds:
        wanted = bounds["values"] if isinstance(bounds["values"], (list, tuple)) else [bounds["values"]]
        passed &= np.isin(_as_text(values), _as_text(np.array(wanted, object)))
    if "min" in bounds or "max" in bounds:
        if values.dtype.kind not in "fiub":
            raise _error(
                "A filter asks numbers of text.",
                where,
                "`values`, since the column holds text",
                f"min or max, of values such as {listed(dict.fromkeys(values.tolist()), 5)}",
            )
        numbers = values.astype(float)
        passed &= (numbers >= bounds.get("min", -np.inf)) & (numbers <= bounds.get("max", np.inf))
    return passed


def _values(session, name):
    if name in MEASURES and session.spike_times is not None:
        return _measured(session, name)
    if name in session.units:
        return session.units[name].to_numpy()
    offered = [*session.units, *(MEASURES if session.spike_times is not None else ())]
    raise _error(
        f"The units have no column {name!r}.",
        f"{session.path}, units/{name}",
        f"one of {listed(offered)}",
        "no such column",
        name,
        offered,
    )


def _measured(session, name):
    measure, times = MEASURES[name], session.spike_times
    return np.array([measure(*_observed(session, unit)) for unit in range(len(times))], float)


def _observed(session, unit):
    """Spikes of a unit, and the intervals (n, 2) in which it was observed, in order, finite."""
    times_s = session.spike_times[unit]
    first_s, last_s = session.span_s or (0.0, 0.0)
    if session.obs_intervals is None:
        return times_s, np.array([[first_s, last_s]])
    intervals_s = np.clip(session.obs_intervals[unit], first_s, last_s)
    return times_s, intervals_s[np.argsort(intervals_s[:, 0], kind="stable")]


def _as_text(values):
    """Text to compare by, so that 1, 1.0 and "1" are one, and True is "True"."""
    plain = (value.item() if isinstance(value, np.generic) else value for value in values)
    return np.array([f"{v:g}" if isinstance(v, float) else str(v) for v in plain], object).astype(str)


def _described(bounds):
    parts = [f">= {bounds['min']:g}"] if "min" in bounds else []
    parts += [f"<= {bounds['max']:g}"] if "max" in bounds else []
    parts += [f"among {bounds['values']}"] if "values" in bounds else []
    return " and ".join(parts)


def _error(what, where, expected, got, name="", names=()):
    return InputError(
        what,
        where=where,
        expected=expected,
        got=got,
        hint=(nearest(name, names) if name else "")
        + "`python -m digimus.recordings FILE` lists the columns that a file's units have.",
    )
