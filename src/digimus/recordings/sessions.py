"""Sessions: one NWB file, read into plain arrays.

Opening goes through pynwb, which checks the file against its schema; the large arrays are then read in
one piece each, not unit by unit.
"""

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.events import read_events
from digimus.recordings.naming import listed, nearest

SIGNALS = ("spikes", "fluorescence")
REGION_COLUMNS = ("brain_area", "brain_region", "region", "location", "area", "acronym")
UNKNOWN = "unknown"


class Traces(NamedTuple):
    """Fluorescence of all cells: `times_s` (T,), increasing, and `values` (T, n_units)."""

    times_s: np.ndarray
    values: np.ndarray


class Duplicate(NamedTuple):
    """Positions of two sessions of one recording, and how many trials of the shorter overlap the other's."""

    first: int
    second: int
    n_overlapping: int


@dataclass(frozen=True, eq=False)
class Session:
    """One recording session.

    Attributes
    ----------
    path : Path
        The file that it was read from.
    session_id, animal : str
        As in the file; the file's stem and ``"unknown"`` where it does not say.
    start_time : datetime
        To which all times, in seconds, are relative.
    regions : array of str (n_units,)
        Brain region of each unit, ``"unknown"`` where the file gives none.
    trials : DataFrame
        One row a trial, `start_time` and `stop_time` in seconds; empty if the file has none.
    events : dict of str to array
        Sorted times in seconds.
    spike_times : list of array or None
        Per unit, sorted, in seconds; None unless spikes were asked for.
    traces : Traces or None
        None unless fluorescence was asked for and the file has it.
    signal : str
        What was asked for: ``"spikes"`` or ``"fluorescence"``.
    signals : tuple of str
        What the file has of the two; empty for behaviour alone.
    simulated : bool
        Whether the file's keywords or description say so.
    """

    path: Path
    session_id: str
    animal: str
    start_time: datetime
    regions: np.ndarray
    trials: pd.DataFrame
    events: dict
    spike_times: list | None
    traces: Traces | None
    signal: str
    signals: tuple
    simulated: bool

    @property
    def n_units(self):
        """Number of units (spikes) or cells (fluorescence)."""
        return len(self.regions)


def read_session(path, *, signal="spikes", region_column=None, module=None):
    """Read one NWB file.

    Parameters
    ----------
    path : str or Path
    signal : {"spikes", "fluorescence"}
        Which neural signal to read. A file without it is read all the same, with no units, so that its
        trials and events can be used; `prepare` then refuses it.
    region_column : str, optional
        Column of the units (or of the cells' segmentation) that names the region. Without it the region
        comes through the electrode of each unit, its first if it has several, then through columns such
        as ``brain_area``; for fluorescence through the imaging plane.
    module : str, optional
        Where to look for fluorescence if there are several: a processing module, or its name, the
        container's and the series', joined by slashes.

    Returns
    -------
    Session

    Raises
    ------
    InputError
        If the file is absent, truncated or not NWB; if spike times are not a number, negative or
        unsorted; if the column is absent; if fluorescence is ambiguous or does not fit its times.
    """
    if signal not in SIGNALS:
        raise InputError(
            f"There is no signal {signal!r}.",
            where="signal",
            expected=" or ".join(SIGNALS),
            got=signal,
            hint=nearest(signal, SIGNALS) + "Name the neural signal to decode from.",
        )
    with opened(path) as nwb:
        return session_from(nwb, Path(path), signal, region_column, module)


def session_from(nwb, path, signal, region_column=None, module=None):
    """The session in an open NWB file; see `read_session`."""
    spike_times, traces, regions = None, None, np.empty(0, object)
    if signal == "spikes":
        spike_times = _spike_times(nwb.units, path)
        if spike_times:
            regions = _unit_regions(nwb.units, region_column, path)
    else:
        series = _chosen_series(nwb, module, path)
        if series is not None:
            traces = _traces(series, path)
            regions = _cell_regions(series, region_column, path)
    return Session(
        path=path,
        session_id=str(nwb.session_id or nwb.identifier or path.stem),
        animal=_animal(nwb),
        start_time=nwb.session_start_time,
        regions=regions,
        trials=_trials(nwb.trials),
        events=read_events(nwb),
        spike_times=spike_times,
        traces=traces,
        signal=signal,
        signals=_signals(nwb),
        simulated=_is_simulated(nwb),
    )


def find_duplicates(sessions):
    """Pairs of sessions that are the same recording.

    Two sessions are if they share animal and start time, and at least half of the trials of the shorter
    overlap in time with trials of the other. (Start times are often dates alone, and every session's
    clock may start at zero; trials that merely follow each other are two recordings.)

    Parameters
    ----------
    sessions : sequence of Session
        Only `animal`, `start_time` and `trials` are looked at.

    Returns
    -------
    list of Duplicate
    """
    found = []
    for first, one in enumerate(sessions):
        for second in range(first + 1, len(sessions)):
            other = sessions[second]
            if one.animal != other.animal or one.start_time != other.start_time:
                continue
            shorter, longer = sorted((one.trials, other.trials), key=len)
            n_overlapping = _n_overlapping(shorter, longer)
            if n_overlapping and n_overlapping >= 0.5 * len(shorter):
                found.append(Duplicate(first, second, n_overlapping))
    return found


def _n_overlapping(trials, others):
    """How many of `trials` overlap in time with any of `others`."""
    start, stop = (trials[name].to_numpy(float)[:, None] for name in ("start_time", "stop_time"))
    other_start, other_stop = (others[name].to_numpy(float) for name in ("start_time", "stop_time"))
    return int(((start < other_stop) & (other_start < stop)).any(axis=1).sum())


@contextmanager
def opened(path):
    """Open an NWB file with pynwb, imported only here since that takes most of a second.

    Yields
    ------
    pynwb.NWBFile

    Raises
    ------
    InputError
        If the file is absent, truncated, not HDF5, not NWB, or breaks off while it is read.
    """
    path = Path(path)
    _check_is_nwb(path)
    from pynwb import NWBHDF5IO

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that declare an older schema than pynwb's
        io = None
        try:
            io = NWBHDF5IO(str(path), "r")
            nwb = io.read()
        except Exception as error:  # pynwb and hdmf raise many kinds for a file that breaks the schema
            if io is not None:
                io.close()
            raise _unreadable(path, error) from error
        try:
            yield nwb
        except OSError as error:
            raise _unreadable(path, error) from error
        finally:
            io.close()


def _check_is_nwb(path):
    expected = "an NWB 2 file (HDF5), whole"
    if not path.is_file():
        raise InputError(
            "A recording is missing.",
            where=path,
            expected=expected,
            got="a folder" if path.is_dir() else "nothing there",
            hint="Check the path in the configuration; it is relative to the project's folder.",
        )
    try:
        with h5py.File(path, "r") as file:
            is_nwb = "nwb_version" in file.attrs
    except OSError as error:
        start = path.open("rb").read(16)
        raise InputError(
            "A recording cannot be opened as HDF5.",
            where=path,
            expected=expected,
            got=f"{path.stat().st_size} bytes that start with {start!r}: {_first_line(error)}",
            hint="The download probably broke off or saved an error page: delete the file and fetch it anew.",
        ) from error
    if not is_nwb:
        raise InputError(
            "An HDF5 file is not a recording in NWB.",
            where=f"{path}, attribute nwb_version",
            expected=expected,
            got="no such attribute",
            hint="Convert it to NWB 2, for example with neuroconv, or take the file off the list.",
        )


def _unreadable(path, error):
    return InputError(
        "A recording cannot be read as NWB.",
        where=path,
        expected="an NWB 2 file that the installed pynwb reads",
        got=f"{type(error).__name__}: {_first_line(error)}",
        hint="Run nwbinspector on it; fetch it anew if it was downloaded, or take it off the list.",
    )


def _first_line(error):
    return next(iter(str(error).splitlines()), "no message")


def _spike_times(units, path):
    """A list of sorted spike times, one array a unit; empty if the file has no units."""
    if units is None or len(units) == 0 or "spike_times" not in units.colnames:
        return []
    column = units["spike_times"]
    if not hasattr(column, "target"):
        raise _bad_spikes(path, "Spike times have no index", "a spike_times_index beside spike_times", "none")
    flat = np.asarray(column.target.data[:], np.float64)
    ends = np.asarray(column.data[:], np.int64)
    if ends[-1] != len(flat) or (np.diff(ends, prepend=0) < 0).any():
        got = f"an index that ends at {ends[-1]} for {len(flat)} spikes"
        raise _bad_spikes(
            path, "The index of the spike times does not fit them", "rising to their number", got
        )
    _check_spike_times(flat, ends, path)
    return np.split(flat, ends[:-1])


def _check_spike_times(flat, ends, path):
    """Refuse spike times that are not finite, negative, or unsorted within a unit."""
    expected = "finite times in seconds, zero or more, sorted within each unit"
    step = np.diff(flat, prepend=-np.inf)
    step[ends[:-1][ends[:-1] < len(flat)]] = 0  # the first spike of the next unit may come earlier
    if len(ends) and len(flat):
        step[0] = 0
    problems = [
        ("Spike times are not finite", ~np.isfinite(flat)),
        ("Spike times are negative", flat < 0),
        ("Spike times are not sorted", step < 0),
    ]
    for what, wrong in problems:
        if wrong.any():
            first = int(np.argmax(wrong))
            unit = int(np.searchsorted(ends, first, side="right"))
            got = f"{int(wrong.sum())} of {len(flat)}, the first {flat[first]:.6g} s in unit {unit}"
            raise _bad_spikes(path, what, expected, got)


def _bad_spikes(path, what, expected, got):
    return InputError(
        what + ".",
        where=f"{path}, units/spike_times",
        expected=expected,
        got=got,
        hint="Repair the file where it was made (sort, drop, shift to the session's start), or leave it out.",
    )


def _unit_regions(units, region_column, path):
    if region_column is not None:
        return _named_column(units, region_column, f"{path}, units")
    regions = _electrode_regions(units)
    if (regions != UNKNOWN).any():
        return regions
    column = next((name for name in REGION_COLUMNS if name in units.colnames), None)
    return regions if column is None else _names(units[column].data[:])


def _electrode_regions(units):
    """Region of each unit's first electrode, else of its electrode group, else unknown."""
    regions = np.full(len(units), UNKNOWN, object)
    if "electrodes" in units.colnames:
        column = units["electrodes"]
        ends = np.asarray(column.data[:], np.int64) if hasattr(column, "target") else None
        region = column.target if ends is not None else column
        rows = np.asarray(region.data[:], np.int64)
        starts = np.arange(len(rows)) if ends is None else np.concatenate([[0], ends[:-1]])
        stops = starts + 1 if ends is None else ends
        wired = stops > starts
        if "location" in region.table.colnames:
            regions[wired] = _names(region.table["location"].data[:])[rows[starts[wired]]]
    elif "electrode_group" in units.colnames:
        regions[:] = _names([group.location for group in units["electrode_group"].data])
    return regions


def _named_column(table, name, where):
    if name not in table.colnames:
        raise InputError(
            f"There is no region column {name!r}.",
            where=f"{where}/{name}",
            expected=f"one of {listed(table.colnames)}",
            got=name,
            hint=nearest(name, table.colnames) + "Leave it out to take regions from the electrodes.",
        )
    return _names(table[name].data[:])


def _names(values):
    """Text of each value, ``"unknown"`` for the many ways to say nothing."""
    text = (value.decode() if isinstance(value, bytes) else str(value) for value in values)
    stripped = (value.strip() for value in text)
    return np.array([UNKNOWN if v.lower() in ("", "nan", "none", UNKNOWN) else v for v in stripped], object)


def fluorescence_series(nwb):
    """Every RoiResponseSeries of the file, by ``module/container/series``."""
    found = {}
    places = {"acquisition": nwb.acquisition}
    places.update((name, module.data_interfaces) for name, module in nwb.processing.items())
    for place, contents in places.items():
        for name, thing in contents.items():
            if type(thing).__name__ == "RoiResponseSeries":
                found[f"{place}/{name}"] = thing
            for inner, series in (getattr(thing, "roi_response_series", None) or {}).items():
                found[f"{place}/{name}/{inner}"] = series
    return found


def _chosen_series(nwb, module, path):
    """The one fluorescence series that `module` leaves, or None if the file has none."""
    found = fluorescence_series(nwb)
    if not found:
        return None
    chosen = [name for name in found if module is None or f"{name}/".startswith(f"{module.strip('/')}/")]
    if len(chosen) != 1:
        raise InputError(
            "There are several fluorescence series."
            if chosen
            else f"There is no fluorescence in {module!r}.",
            where=f"{path}, RoiResponseSeries",
            expected=f"one of {listed(found)}",
            got=listed(chosen) if chosen else module,
            hint=nearest(module or "", found)
            + "Name one as `module`, for example "
            + next(iter(found))
            + ".",
        )
    return found[chosen[0]]


def _traces(series, path):
    """Times and values of a series, checked to fit each other."""
    values = np.asarray(series.data[:], np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if series.timestamps is not None:
        times_s = np.asarray(series.timestamps[:], np.float64)
    else:
        times_s = (series.starting_time or 0.0) + np.arange(len(values)) / float(series.rate)
    n_cells = len(series.rois.data)
    fits = values.ndim == 2 and values.shape == (len(times_s), n_cells)
    if not fits or not (np.diff(times_s) > 0).all():
        raise InputError(
            "A fluorescence series does not fit its times and cells."
            if not fits
            else "The times of a fluorescence series do not increase.",
            where=f"{path}, {series.name}",
            expected=f"values of shape (times, cells) = ({len(times_s)}, {n_cells}), times increasing",
            got=f"values of shape {values.shape}",
            hint="Repair the file where it was made; nwbinspector names what is wrong.",
        )
    scale, offset = float(series.conversion or 1.0), float(series.offset or 0.0)
    return Traces(times_s, values if (scale, offset) == (1.0, 0.0) else values * scale + offset)


def _cell_regions(series, region_column, path):
    table = series.rois.table
    rows = np.asarray(series.rois.data[:], np.int64)
    if region_column is not None:
        return _named_column(table, region_column, f"{path}, {table.name}")[rows]
    plane = getattr(table, "imaging_plane", None)
    return np.repeat(_names([getattr(plane, "location", None)]), len(rows))


def _animal(nwb):
    return str((nwb.subject and nwb.subject.subject_id) or UNKNOWN)


def _signals(nwb):
    units = nwb.units
    has_spikes = units is not None and len(units) > 0 and "spike_times" in units.colnames
    return ("spikes",) * has_spikes + ("fluorescence",) * bool(fluorescence_series(nwb))


def _is_simulated(nwb):
    keywords = [] if nwb.keywords is None else [str(word).lower() for word in nwb.keywords[:]]
    return "simulated" in keywords or str(nwb.session_description).lower().startswith("simulated")


def _trials(table):
    """The plain columns of the trials: one value a trial, text decoded; ragged ones are left out."""
    if table is None:
        return pd.DataFrame({"start_time": np.empty(0), "stop_time": np.empty(0)})
    columns = {}
    for name in table.colnames:
        column = table[name]
        values = None if hasattr(column, "target") else np.asarray(column.data[:])
        if values is not None and values.ndim == 1 and values.dtype.kind in "fiubSUO":
            columns[name] = _plain(values)
    return pd.DataFrame({name: values for name, values in columns.items() if values is not None})


def _plain(values):
    """Numbers as they are, text as str, None for references and other objects."""
    if values.dtype.kind in "fiub":
        return values
    decoded = [value.decode() if isinstance(value, bytes) else value for value in values.tolist()]
    return np.array(decoded, object) if all(isinstance(value, str) for value in decoded) else None
