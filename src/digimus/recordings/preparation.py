"""From sessions to decodable arrays, and from a list of files to the ones that can be used."""

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.binning import average_traces, count_spikes
from digimus.recordings.naming import listed, nearest
from digimus.recordings.sessions import find_duplicates, read_session
from digimus.recordings.windows import samples
from digimus.storage import reading, write_arrays

TABLE_COLUMNS = (
    *("file", "session", "animal", "status", "reason"),
    *("n_units", "n_trials", "n_samples", "n_classes", "regions"),
)


@dataclass(frozen=True, eq=False)
class Prepared:
    """Samples of one session, ready for a decoder.

    Attributes
    ----------
    values : array (n_samples, n_bins, n_units) of float32
        Spikes per bin, or mean fluorescence.
    labels : array of int (n_samples,)
        Index into `classes`.
    classes : list of str
    groups : array of int (n_samples,)
        Row of the trial that each sample comes from; never to be divided by a split.
    start_s : array (n_samples,)
        Time zero of each sample.
    clock_s : array (n_samples,) or None
        Seconds since the last clock event at the window's start.
    unit_regions : array of str (n_units,)
    bin_ms : float
    window_ms : (float, float)
        Around time zero.
    session_id, animal, signal : str
    n_trials : int
        Trials in the file.
    n_trials_dropped : int
        Trials without a sample left.
    dropped : dict of str to int
        Trials (or windows of trials) dropped, by reason.
    simulated : bool
    """

    values: np.ndarray
    labels: np.ndarray
    classes: list
    groups: np.ndarray
    start_s: np.ndarray
    clock_s: np.ndarray | None
    unit_regions: np.ndarray
    bin_ms: float
    window_ms: tuple
    session_id: str
    animal: str
    signal: str
    n_trials: int
    n_trials_dropped: int
    dropped: dict
    simulated: bool

    @property
    def n_samples(self):
        """Number of samples."""
        return self.values.shape[0]

    @property
    def n_bins(self):
        """Number of time bins of a sample."""
        return self.values.shape[1]

    @property
    def n_units(self):
        """Number of units kept."""
        return self.values.shape[2]


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
        If the session has no units, none or too few in the regions, no trials, or no usable label; see
        `samples`.
    """
    _check_has_signal(session)
    units = _kept_units(session, settings)
    found = samples(session, settings)
    edges_s = found.start_s[:, None] + settings.edges_s
    if session.signal == "spikes":
        values = count_spikes([session.spike_times[unit] for unit in units], edges_s)
    else:
        values = average_traces(session.traces.times_s, session.traces.values[:, units], edges_s)
    keep = np.isfinite(values).all(axis=(1, 2))
    dropped = dict(found.dropped)
    if not keep.all():
        dropped["window not covered by the fluorescence"] = int((~keep).sum())
    _check_left(session, settings, found, keep, dropped)
    return Prepared(
        values=values if keep.all() else values[keep],
        labels=found.labels[keep],
        classes=found.classes,
        groups=found.groups[keep],
        start_s=found.start_s[keep],
        clock_s=None if found.clock_s is None else found.clock_s[keep],
        unit_regions=session.regions[units],
        bin_ms=settings.bin_ms,
        window_ms=settings.window_ms,
        session_id=session.session_id,
        animal=session.animal,
        signal=session.signal,
        n_trials=found.n_trials,
        n_trials_dropped=found.n_trials - len(np.unique(found.groups[keep])),
        dropped=dropped,
        simulated=session.simulated,
    )


def _check_has_signal(session):
    if session.n_units:
        return
    other = ", ".join(session.signals)
    raise InputError(
        "A session has no units to decode from.",
        where=f"{session.path}, {'units' if session.signal == 'spikes' else 'RoiResponseSeries'}",
        expected=session.signal,
        got=f"{other}, but no {session.signal}" if other else "behaviour alone (trials and events)",
        hint=f"Set the signal to {other}." if other else "Take it off the list of recordings to decode.",
    )


def _kept_units(session, settings):
    """Positions of the units in the wanted regions."""
    regions = session.regions
    keep = np.ones(len(regions), bool) if settings.regions is None else np.isin(regions, settings.regions)
    if session.traces is not None:
        keep &= np.isfinite(session.traces.values).any(axis=0)
    if keep.sum() >= settings.min_units:
        return np.flatnonzero(keep)
    names, counts = np.unique(regions.astype(str), return_counts=True)
    offered = [f"{name} ({count})" for name, count in zip(names, counts, strict=True)]
    wanted = "any region" if settings.regions is None else listed(settings.regions)
    hint = nearest(settings.regions[0], names) if settings.regions else ""
    raise InputError(
        "A session has too few units in the regions." if keep.any() else "No unit lies in the regions.",
        where=f"{session.path}, regions",
        expected=f"at least {settings.min_units} units in {wanted}",
        got=f"{int(keep.sum())}; the file has {listed(offered)}",
        hint=hint + "Change `regions` or `min_units`, or leave this recording out.",
    )


def _check_left(session, settings, found, keep, dropped):
    """Refuse a session that dropping uncovered windows has left with too little."""
    counts = np.bincount(found.labels[keep], minlength=len(found.classes))
    if keep.all() or counts.min() >= settings.min_trials_per_class:
        return
    raise InputError(
        "Too few windows are covered by the fluorescence.",
        where=f"{session.path}, RoiResponseSeries",
        expected=f"at least min_trials_per_class = {settings.min_trials_per_class} samples of each class",
        got=f"{dict(zip(found.classes, counts.tolist(), strict=True))}; dropped: {dropped}",
        hint="Choose a window that lies within the recorded frames.",
    )


def write_prepared(path, prepared, provenance):
    """Write a prepared session to HDF5, arrays with their units and shapes.

    Parameters
    ----------
    path : str or Path
    prepared : Prepared
    provenance : mapping
        Settings, seed, hashes of inputs; stored as JSON.
    """
    arrays = {name: getattr(prepared, name) for name in ("values", "labels", "groups", "start_s")}
    arrays["unit_regions"] = prepared.unit_regions.astype(str)
    arrays["classes"] = np.array(prepared.classes, str)
    if prepared.clock_s is not None:
        arrays["clock_s"] = prepared.clock_s
    measured = "spikes per bin" if prepared.signal == "spikes" else "fluorescence, as in the file"
    attributes = {
        name: getattr(prepared, name)
        for name in ("bin_ms", "session_id", "animal", "signal", "n_trials", "n_trials_dropped", "simulated")
    }
    attributes |= {"window_ms": list(prepared.window_ms), "dropped": json.dumps(prepared.dropped)}
    units = {"values": measured, "start_s": "s", "clock_s": "s"}
    write_arrays(path, arrays, units=units, provenance=provenance, attributes=attributes)


def read_prepared(path):
    """Read what `write_prepared` wrote.

    Raises
    ------
    InputError
        If the file is absent, broken, or of another kind.
    """
    with reading(path) as file:
        try:
            arrays = {name: file[name][:] for name in ("values", "labels", "groups", "start_s")}
            attributes = dict(file.attrs)
            return Prepared(
                **arrays,
                classes=file["classes"].asstr()[:].tolist(),
                clock_s=file["clock_s"][:] if "clock_s" in file else None,
                unit_regions=file["unit_regions"].asstr()[:],
                bin_ms=float(attributes["bin_ms"]),
                window_ms=tuple(map(float, attributes["window_ms"])),
                **{name: str(attributes[name]) for name in ("session_id", "animal", "signal")},
                **{name: int(attributes[name]) for name in ("n_trials", "n_trials_dropped")},
                dropped=json.loads(attributes["dropped"]),
                simulated=bool(attributes["simulated"]),
            )
        except KeyError as error:
            raise InputError(
                "A file is not a prepared recording.",
                where=path,
                expected="arrays and attributes as written by write_prepared",
                got=str(error).strip('"'),
                hint="Delete it and run the workflow again.",
            ) from error


def prepare_dataset(
    paths,
    settings,
    *,
    signal="spikes",
    region_column=None,
    module=None,
    max_bad_share=0.5,
    progress=None,
):
    """Read and prepare every file; set aside the ones that cannot be used, with the reason.

    Of two files of one recording (see `find_duplicates`) the one with fewer trials is set aside, the
    later one if they have as many.

    Parameters
    ----------
    paths : sequence of str or Path
    settings : Preparation
    signal, region_column, module
        As for `read_session`.
    max_bad_share : float
        Largest tolerated share of files set aside, 0 to 1.
    progress : callable, optional
        Called after each file as ``progress(n_done, n_all)``.

    Returns
    -------
    prepared : list of Prepared
        The sessions used, in the order of their files.
    table : DataFrame
        One row a file: file, session, animal, status ("used" or "set aside"), reason, n_units, n_trials,
        n_samples, n_classes, regions (as ``"M2:8; SNr:4"``).

    Raises
    ------
    InputError
        If there are no files, more than `max_bad_share` of them are set aside, or none is left.
    """
    paths = [Path(path) for path in paths]
    if not paths:
        raise _dataset_error("There are no recordings.", "at least one file", "an empty list", [])
    rows, sessions, prepared = [], {}, {}
    for number, path in enumerate(paths):
        row = _empty_row(path)
        rows.append(row)
        try:
            session = read_session(path, signal=signal, region_column=region_column, module=module)
            row.update(session=session.session_id, animal=session.animal, n_trials=len(session.trials))
            row.update(n_units=session.n_units, regions=_counted(session.regions))
            prepared[number] = prepare(session, settings)
            sessions[number] = replace(session, spike_times=None, traces=None)
            row.update(_used_row(prepared[number]))
        except InputError as error:
            row["reason"] = f"{error.what} Expected {error.expected}; got {error.got}."
        if progress is not None:
            progress(number + 1, len(paths))
    for number, reason in _set_aside_duplicates(sessions, paths).items():
        rows[number].update(status="set aside", reason=reason)
        del prepared[number]
    _check_share(rows, max_bad_share)
    return list(prepared.values()), pd.DataFrame(rows, columns=TABLE_COLUMNS)


def _empty_row(path):
    text = dict.fromkeys(("session", "animal", "reason", "regions"), "")
    return {"file": str(path), "status": "set aside", **text, **dict.fromkeys(TABLE_COLUMNS[5:9], 0)}


def _used_row(prepared):
    return {
        "status": "used",
        "n_units": prepared.n_units,
        "n_samples": prepared.n_samples,
        "n_classes": len(prepared.classes),
        "regions": _counted(prepared.unit_regions),
    }


def _counted(regions):
    names, counts = np.unique(regions.astype(str), return_counts=True)
    return "; ".join(f"{name}:{count}" for name, count in zip(names, counts, strict=True))


def _set_aside_duplicates(sessions, paths):
    """Reasons for the files that repeat another one, by their number."""
    numbers = list(sessions)
    reasons = {}
    for first, second, n_overlapping in find_duplicates(list(sessions.values())):
        pair = sorted((numbers[first], numbers[second]), key=lambda n: (-len(sessions[n].trials), n))
        kept, other = pair
        if kept in reasons:
            continue
        reasons[other] = (
            f"The same recording as {paths[kept].name}: same animal and start time, and {n_overlapping} of "
            f"{len(sessions[other].trials)} trials overlap in time."
        )
    return reasons


def _check_share(rows, max_bad_share):
    bad = [row for row in rows if row["status"] == "set aside"]
    if len(bad) == len(rows):
        raise _dataset_error("No recording can be used.", "at least one", f"{len(bad)} set aside", bad)
    allowed = math.floor(max_bad_share * len(rows) + 1e-9)
    if len(bad) > allowed:
        expected = f"at most {allowed} of {len(rows)} files (max_bad_share = {max_bad_share:g})"
        raise _dataset_error("Too many recordings were set aside.", expected, f"{len(bad)} set aside", bad)


def _dataset_error(what, expected, got, bad):
    """The first few reasons go into the message, so that the cause need not be searched for."""
    reasons = "; ".join(f"{Path(row['file']).name}: {row['reason']}" for row in bad[:3])
    more = f"; and {len(bad) - 3} more" if len(bad) > 3 else ""
    return InputError(
        what,
        where="the dataset's files",
        expected=expected,
        got=f"{got}. {reasons}{more}" if bad else got,
        hint="Mend or remove these files, change the preparation, or raise max_bad_share.",
    )
