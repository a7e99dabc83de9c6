"""Units of an NWB file: spike times, when each was observed, their regions and their other columns."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest
from digimus.recordings.tables import plain_columns, plain_values

REGION_COLUMNS = ("brain_area", "brain_region", "region", "location", "area", "acronym", "structure")
PEAK_COLUMNS = ("peak_channel_id", "peak_electrode_id", "max_electrode")  # ids of rows of the electrodes
UNKNOWN = "unknown"
_HINT = "Repair the file where it was made (sort, drop, shift to the session's start), or leave it out."


class Units(NamedTuple):
    """What the units table says, one entry a unit; `obs_intervals` None where it has no such column."""

    ids: np.ndarray
    regions: np.ndarray
    spike_times: list
    obs_intervals: list | None
    columns: pd.DataFrame


def has_spikes(nwb):
    """Whether a file has units with a column of spike times."""
    return nwb.units is not None and len(nwb.units) > 0 and "spike_times" in nwb.units.colnames


def read_units(nwb, region_column, path):
    """The units of a file.

    Parameters
    ----------
    nwb : pynwb.NWBFile
    region_column : str or None
        See `read_session`.
    path : Path
        For messages.

    Returns
    -------
    Units

    Raises
    ------
    InputError
        If spike times are not finite, negative or unsorted, an index does not fit its column, intervals of
        observation end before they start, or there is no such region column.
    """
    units = nwb.units
    if not has_spikes(nwb):
        return Units(np.empty(0, object), np.empty(0, object), [], None, pd.DataFrame())
    return Units(
        ids=np.array([str(number) for number in units.id[:]], object),
        regions=_regions(nwb, region_column, path),
        spike_times=_spike_times(units, path),
        obs_intervals=_observed(units, path),
        columns=plain_columns(units)[0],
    )


def _ragged(units, name, path):
    """The flat values of a column with several values a unit, and where each unit's end."""
    column = units[name]
    if not hasattr(column, "target"):
        what = f"The column {name} has no index"
        raise _bad_units(path, name, what, f"a {name}_index beside {name}", "none")
    flat = np.asarray(column.target.data[:], np.float64)
    ends = np.asarray(column.data[:], np.int64)
    if len(ends) != len(units) or ends[-1] != len(flat) or (np.diff(ends, prepend=0) < 0).any():
        what = f"The index of the {name.replace('_', ' ')} does not fit them"
        got = f"{len(ends)} entries that end at {ends[-1] if len(ends) else 0} for {len(flat)} values"
        raise _bad_units(path, name, what, f"{len(units)} entries, rising to the number of values", got)
    return flat, ends


def _spike_times(units, path):
    """Sorted spike times, one array a unit: pieces of one array, not copies."""
    flat, ends = _ragged(units, "spike_times", path)
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
            raise _bad_units(path, "spike_times", what, expected, got)


def _observed(units, path):
    """Starts and stops of the intervals in which a unit was observed (n, 2); all of time if it has none."""
    if "obs_intervals" not in units.colnames:
        return None
    flat, ends = _ragged(units, "obs_intervals", path)
    flat = flat.reshape(-1, 2) if flat.size == 0 else flat
    if flat.ndim != 2 or flat.shape[1] != 2 or not (flat[:, 0] <= flat[:, 1]).all():
        got = f"an array of shape {flat.shape}"
        expected = "starts and stops in seconds, no stop before its start"
        what = "Intervals of observation are not intervals"
        raise _bad_units(path, "obs_intervals", what, expected, got)
    always = np.array([[-np.inf, np.inf]])
    return [part if len(part) else always for part in np.split(flat, ends[:-1])]


def _bad_units(path, name, what, expected, got):
    return InputError(what + ".", where=f"{path}, units/{name}", expected=expected, got=got, hint=_HINT)


def _regions(nwb, region_column, path):
    """Region of each unit, from the first place that knows any."""
    units = nwb.units
    if region_column is not None:
        return named_column(units, region_column, f"{path}, units")
    for place in (_of_electrodes, _of_peaks, _of_groups, column_regions):
        regions = place(units) if place is not _of_peaks else _of_peaks(units, nwb.electrodes)
        if regions is not None and (regions != UNKNOWN).any():
            return regions
    return np.full(len(units), UNKNOWN, object)


def _of_electrodes(units):
    """Region of each unit's first electrode."""
    if "electrodes" not in units.colnames:
        return None
    column = units["electrodes"]
    ends = np.asarray(column.data[:], np.int64) if hasattr(column, "target") else None
    region = column.target if ends is not None else column
    if getattr(region, "table", None) is None:
        return None
    at_electrodes = column_regions(region.table)
    rows = np.asarray(region.data[:], np.int64)
    starts = np.arange(len(rows)) if ends is None else np.concatenate([[0], ends[:-1]])
    wired = np.ones(len(starts), bool) if ends is None else ends > starts
    regions = np.full(len(units), UNKNOWN, object)
    if at_electrodes is not None:
        regions[wired] = at_electrodes[rows[starts[wired]]]
    return regions


def _of_peaks(units, electrodes):
    """Region of the electrode on which each unit is largest, where a column gives its id."""
    name = next((name for name in PEAK_COLUMNS if name in units.colnames), None)
    if name is None or electrodes is None:
        return None
    at_electrodes = column_regions(electrodes)
    if at_electrodes is None:
        return None
    by_id = dict(zip(np.asarray(electrodes.id[:]).tolist(), at_electrodes, strict=True))
    peaks = np.asarray(units[name].data[:]).tolist()
    return np.array([by_id.get(peak, UNKNOWN) for peak in peaks], object)


def _of_groups(units):
    """Region of the probe, or part of one, that a unit was recorded with."""
    if "electrode_group" not in units.colnames:
        return None
    return names([getattr(group, "location", None) for group in units["electrode_group"].data[:]])


def column_regions(table):
    """Regions from the first column of a table that is named like one and knows any; None without one."""
    for name in ("location", *REGION_COLUMNS):
        if name in table.colnames and not hasattr(table[name], "target"):
            regions = _names_in(table[name])
            if (regions != UNKNOWN).any():
                return regions
    return None


def named_column(table, name, where):
    """The regions in a column of that name; InputError if there is none."""
    if name not in table.colnames or hasattr(table[name], "target"):
        raise InputError(
            f"There is no region column {name!r}.",
            where=f"{where}/{name}",
            expected=f"one of {listed(table.colnames)}, with one value a row",
            got=name,
            hint=nearest(name, table.colnames) + "Leave it out to take regions from the electrodes.",
        )
    return _names_in(table[name])


def _names_in(column):
    values = plain_values(column)
    return names(np.full(len(column), UNKNOWN) if values is None else values)


def names(values):
    """Text of each value, ``"unknown"`` for the many ways to say nothing."""
    text = (value.decode(errors="replace") if isinstance(value, bytes) else str(value) for value in values)
    stripped = (value.strip() for value in text)
    nothing = ("", "nan", "none", "null", UNKNOWN)
    return np.array([UNKNOWN if value.lower() in nothing else value for value in stripped], object)
