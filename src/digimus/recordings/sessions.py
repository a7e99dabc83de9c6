"""Sessions: one NWB file, read into plain arrays.

`files` opens the file; the large arrays are then read in one piece each, not unit by unit.
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.duplicates import content
from digimus.recordings.events import is_event_like, read_events
from digimus.recordings.files import opened
from digimus.recordings.fluorescence import (
    Traces,
    chosen_series,
    fluorescence_series,
    read_cells,
    read_traces,
)
from digimus.recordings.naming import nearest
from digimus.recordings.series import kinds, read_series, span
from digimus.recordings.tables import read_trials
from digimus.recordings.units import UNKNOWN, has_spikes, read_units

SIGNALS = ("spikes", "fluorescence")


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
    unit_ids : array of str (n_units,)
        As in the file.
    units : DataFrame (n_units rows)
        The plain columns of the units, or of the cells: quality, depth, and whatever else the file has.
    obs_intervals : list of array (n, 2), or None
        Per unit, starts and stops of the intervals in which it was observed, seconds; from minus to plus
        infinity for a unit of which the file says nothing. None if it says nothing of any.
    series : dict of str to (array (T,), array (T,))
        Times and values of the sampled signals that were asked for.
    span_s : (float, float) or None
        First and last time at which the neural signal is known: from `obs_intervals`, else from the
        frames, else from raw voltages and spikes together, of which spikes alone tell only the least that
        was recorded. None without a neural signal.
    content : str
        Hash of the neural signal, by which copies are found; see `find_duplicates`.
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
    unit_ids: np.ndarray | None = None
    units: pd.DataFrame = field(default_factory=pd.DataFrame)
    obs_intervals: list | None = None
    series: dict = field(default_factory=dict)
    span_s: tuple | None = None
    content: str = ""

    @property
    def n_units(self):
        """Number of units (spikes) or cells (fluorescence)."""
        return len(self.regions)


def read_session(path, *, signal="spikes", region_column=None, module=None, trials_table=None, series=()):
    """Read one NWB file.

    Parameters
    ----------
    path : str or Path
        An HDF5 file, or a Zarr folder if hdmf-zarr is installed.
    signal : {"spikes", "fluorescence"}
        Which neural signal to read. A file without it is read all the same, with no units, so that its
        trials and events can be used; `prepare` then refuses it.
    region_column : str, optional
        Column of the units (or of the cells' segmentation) that names the region. Without it the region
        comes from the first of these that knows any: the first electrode of each unit, the electrode whose
        id a column such as ``peak_channel_id`` gives, the electrode group, a column such as
        ``brain_area``; for fluorescence the imaging plane, then such a column.
    module : str, optional
        Where to look for fluorescence if there are several: a processing module, or its name, the
        container's and the series', joined by slashes.
    trials_table : str, optional
        A table of intervals to take instead of the trials, for example one of stimulus presentations.
    series : sequence of str
        Sampled signals to read too, such as ``"running_speed"``.

    Returns
    -------
    Session

    Raises
    ------
    InputError
        If the file is absent, truncated, of another version or not NWB, or needs an extension that is not
        there; if spike times are not a number, negative or unsorted; if a column, a table or a signal that
        is named is absent; if fluorescence is ambiguous or does not fit its times.
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
        return session_from(nwb, Path(path), signal, region_column, module, trials_table, series)


def session_from(nwb, path, signal, region_column=None, module=None, trials_table=None, series=()):
    """The session in an open NWB file; see `read_session`."""
    if signal == "spikes":
        neural = _spikes(nwb, region_column, path)
    else:
        neural = _fluorescence(nwb, region_column, module, path)
    return Session(
        path=path,
        session_id=str(nwb.session_id or nwb.identifier or path.stem),
        animal=str((nwb.subject and nwb.subject.subject_id) or UNKNOWN),
        start_time=nwb.session_start_time,
        trials=read_trials(nwb, trials_table, path),
        events=read_events(nwb),
        signal=signal,
        signals=("spikes",) * has_spikes(nwb) + ("fluorescence",) * bool(fluorescence_series(nwb)),
        simulated=_is_simulated(nwb),
        series=read_series(nwb, series, is_event_like, path),
        content=content(neural["spike_times"], neural["traces"]),
        **neural,
    )


def _spikes(nwb, region_column, path):
    units = read_units(nwb, region_column, path)
    return {
        "unit_ids": units.ids,
        "regions": units.regions,
        "units": units.columns,
        "spike_times": units.spike_times,
        "traces": None,
        "obs_intervals": units.obs_intervals,
        "span_s": _span_of_spikes(nwb, units),
    }


def _fluorescence(nwb, region_column, module, path):
    nothing = np.empty(0, object)
    neural = {"unit_ids": nothing, "regions": nothing, "units": pd.DataFrame(), "spike_times": None}
    neural |= {"traces": None, "obs_intervals": None, "span_s": None}
    series = chosen_series(nwb, module, path)
    if series is not None:
        traces = read_traces(series, path)
        ids, regions, columns = read_cells(series, region_column, path)
        neural |= {"unit_ids": ids, "regions": regions, "units": columns, "traces": traces}
        if len(traces.times_s):
            neural["span_s"] = (float(traces.times_s[0]), float(traces.times_s[-1]))
    return neural


def _span_of_spikes(nwb, units):
    """When spikes could have been seen: intervals of observation, else raw voltages and spikes together."""
    if units.obs_intervals is not None:
        edges = np.concatenate([part.ravel() for part in units.obs_intervals])
        edges = edges[np.isfinite(edges)]
        if len(edges):
            return float(edges.min()), float(edges.max())
    spans = [(float(times[0]), float(times[-1])) for times in units.spike_times if len(times)]
    if units.spike_times:
        spans += [span(thing) for thing in nwb.acquisition.values() if "ElectricalSeries" in kinds(thing)]
    spans = [edges for edges in spans if edges is not None]
    return (min(first for first, _ in spans), max(last for _, last in spans)) if spans else None


def _is_simulated(nwb):
    keywords = [] if nwb.keywords is None else [str(word).lower() for word in nwb.keywords[:]]
    return "simulated" in keywords or str(nwb.session_description).lower().startswith("simulated")
