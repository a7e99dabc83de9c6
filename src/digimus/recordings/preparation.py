"""From a session to decodable arrays."""

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.behaviour import behaviour_of
from digimus.recordings.coverage import binned, within_recording
from digimus.recordings.naming import listed, nearest
from digimus.recordings.prepared import Prepared
from digimus.recordings.quality import quality_filter
from digimus.recordings.windows import check_labels, samples

LEAST_OBSERVED_SHARE = 0.5
"""Share of the samples during which a unit must have been observed to be kept [ours]."""


def prepare(session, settings):
    """Cut a session into samples of binned activity with their labels.

    Parameters
    ----------
    session : Session
    settings : Preparation

    Returns
    -------
    Prepared

    Raises
    ------
    InputError
        If the session has no units, none or too few that are wanted, no trials, no window within the
        recording, or no usable label; see `samples`.
    """
    return prepare_with_units(session, settings)[0]


def prepare_with_units(session, settings):
    """As `prepare`, with a table of all the session's units.

    Returns
    -------
    prepared : Prepared
    units : DataFrame
        One row a unit: unit, region, kept, reason (why it was left out, else empty).
    """
    _check_has_signal(session)
    units = _wanted_units(session, settings)
    found = samples(session, settings)
    begin_s, end_s = found.start_s + settings.edges_s[0], found.start_s + settings.edges_s[-1]
    keep = within_recording(session, begin_s, end_s, settings.bin_ms / 1000)
    dropped = dict(found.dropped)
    dropped["window beyond the recording"] = int((~keep).sum())
    rows = np.flatnonzero(units["kept"])
    values, observed = binned(session, rows, found.start_s[keep, None] + settings.edges_s)
    often = observed.any(axis=1)  # samples during which something was observed
    often = observed[often].mean(axis=0) >= LEAST_OBSERVED_SHARE if often.any() else np.ones(len(rows), bool)
    _leave_out(units, rows[~often], "observed during under half of the samples")
    _check_enough(session, settings, units)
    values, observed = values[:, :, often], observed[:, often]
    seen = observed.any(axis=1)
    missed = "no unit observed during the window"
    missed = missed if session.signal == "spikes" else "window not covered by the fluorescence"
    dropped[missed] = int((~seen).sum())
    keep[keep] = seen
    dropped = {reason: count for reason, count in dropped.items() if count}
    check_labels(session, settings, found.labels[keep], found.groups[keep], found.classes, dropped)
    start_s, groups = found.start_s[keep], found.groups[keep]
    behaviour = (
        {} if settings.behaviour is None else behaviour_of(session, settings.behaviour, start_s, groups)
    )
    prepared = Prepared(
        values=values if seen.all() else values[seen],
        labels=found.labels[keep],
        classes=found.classes,
        groups=groups,
        start_s=start_s,
        clock_s=None if found.clock_s is None else found.clock_s[keep],
        unit_regions=units.loc[units["kept"], "region"].to_numpy(object),
        bin_ms=settings.bin_ms,
        window_ms=settings.window_ms,
        session_id=session.session_id,
        animal=session.animal,
        signal=session.signal,
        n_trials=found.n_trials,
        n_trials_dropped=found.n_trials - len(np.unique(groups)),
        dropped=dropped,
        simulated=session.simulated,
        unit_ids=units.loc[units["kept"], "unit"].to_numpy(object),
        observed=observed[seen],
        previous=_previous(groups, start_s, settings.window_ms),
        label_kind=settings.label.kind,
        start_time=session.start_time.isoformat(),
        file=str(session.path),
        **behaviour,
    )
    return prepared, units


def _check_has_signal(session):
    if session.n_units:
        if session.spike_times is not None and not any(len(times) for times in session.spike_times):
            raise InputError(
                "A session has no spikes.",
                where=f"{session.path}, units/spike_times",
                expected="spikes of at least one unit",
                got=f"{session.n_units} units, none with a spike",
                hint="Repair the file where it was made, or leave it out.",
            )
        return
    other = ", ".join(session.signals)
    raise InputError(
        "A session has no units to decode from.",
        where=f"{session.path}, {'units' if session.signal == 'spikes' else 'RoiResponseSeries'}",
        expected=session.signal,
        got=f"{other}, but no {session.signal}" if other else "behaviour alone (trials and events)",
        hint=f"Set the signal to {other}." if other else "Take it off the list of recordings to decode.",
    )


def _wanted_units(session, settings):
    """Table of all units, those of other regions, without a signal or of poor quality left out."""
    regions = session.regions.astype(str)
    ids = np.asarray(session.unit_ids).astype(str)
    units = pd.DataFrame({"unit": ids, "region": regions, "kept": True, "reason": ""})
    if settings.regions is not None:
        _leave_out(units, ~np.isin(regions, settings.regions), "region not among those wanted")
    if session.traces is not None:
        _leave_out(units, ~np.isfinite(session.traces.values).any(axis=0), "no finite value")
    _check_enough(session, settings, units)
    for name, bounds in settings.unit_filters.items():
        passed, table = quality_filter(session, {name: bounds})
        _leave_out(units, ~passed, f"{name} not {table['keeps'][0]}")
    _check_enough(session, settings, units)
    return units


def _leave_out(units, which, reason):
    """Mark units (a mask or positions) as left out for a reason, unless they are already."""
    mask = np.zeros(len(units), bool)
    mask[which] = True
    mask &= units["kept"].to_numpy()
    units.loc[mask, "reason"] = reason
    units.loc[mask, "kept"] = False


def _check_enough(session, settings, units):
    """Refuse a session with too few units left."""
    n_kept = int(units["kept"].sum())
    if n_kept >= settings.min_units:
        return
    names, counts = np.unique(session.regions.astype(str), return_counts=True)
    offered = [f"{name} ({count})" for name, count in zip(names, counts, strict=True)]
    reasons = units.loc[~units["kept"], "reason"].value_counts()
    left_out = "; ".join(f"{reason}: {count}" for reason, count in reasons.items())
    wanted = "any region" if settings.regions is None else listed(settings.regions)
    hint = nearest(settings.regions[0], names) if settings.regions else ""
    nowhere = settings.regions is not None and not np.isin(names, settings.regions).any()
    raise InputError(
        "No unit lies in the regions." if nowhere else "A session has too few units in the regions.",
        where=f"{session.path}, regions",
        expected=f"at least {settings.min_units} units in {wanted}",
        got=f"{n_kept}; the file has {listed(offered)}; left out: {left_out}",
        hint=hint + "Change `regions`, `unit_filters` or `min_units`, or leave this recording out.",
    )


def _previous(groups, start_s, window_ms):
    """The sample of the same trial whose window ends where each one's begins, else -1."""
    previous = np.full(len(groups), -1)
    order = np.lexsort((start_s, groups))
    step_ms = np.diff(start_s[order]) * 1000
    follows = (np.diff(groups[order]) == 0) & (np.abs(step_ms - (window_ms[1] - window_ms[0])) < 0.5)
    previous[order[1:][follows]] = order[:-1][follows]
    return previous
