"""Times of events in an NWB file: licks, rewards, cues, and whatever else happened at an instant.

NWB has no single place for them, so the rule is ours. A TimeSeries with explicit timestamps counts as
events when its data are absent, constant, its times once more, or two-valued and irregular in time, and in
a BehavioralEvents container whenever it is irregular; when its data are words, each word is a kind of
event. Annotations, labelled events, event tables and the starts of interval tables other than trials count
always. A signal that is sampled by a clock counts only when it is two-valued throughout and its name says
that it is a detector or a switch (lick, reward, valve, TTL, ...): then each rise from the lower to the upper
value is an event. Other sampled signals, such as running speed or a shutter, never.
"""

import re

import numpy as np

from digimus.recordings.series import is_plain_series, kinds, sample_times, things

TABLE_TIMES = ("timestamp", "timestamps", "event_time", "time", "start_time")
TABLE_LABELS = ("event_type", "event_name", "label", "labels", "annotation")
MOST_LABELS = 50
_SWITCHES = re.compile(r"lick|reward|valve|solenoid|ttl|tone|cue|poke|lever|beam|puff", re.IGNORECASE)
_LOOK_AT = 10_000  # samples that tell what kind a series is
_NOT_EVENTS = ("trials", "epochs", "invalid_times")


def read_events(nwb):
    """Every kind of event of a file.

    Parameters
    ----------
    nwb : pynwb.NWBFile

    Returns
    -------
    dict of str to array (n,)
        Sorted times in seconds; times that are not finite are left out, so that a name may have none.
        A name that occurs in two places gets its place put before it: ``"behavior/licks"``.
    """
    events = {}
    found = [(place, _occurrences(thing)) for place, thing in things(nwb)]
    tables = nwb.intervals or {}
    found += [("intervals", _from_table(table)) for name, table in tables.items() if name not in _NOT_EVENTS]
    for place, occurrences in found:
        for name, times in occurrences.items():
            times = np.asarray(times, float)
            name = name if name not in events else f"{place}/{name}"
            events[name] = np.sort(times[np.isfinite(times)])
    return events


def is_event_like(thing):
    """Whether a TimeSeries stands for events rather than for a sampled signal; see above."""
    return _is_instants(thing) or _is_switch(thing)


def _occurrences(thing):
    """The events that one NWB object holds, as a mapping of name to times; empty if it holds none."""
    found = kinds(thing)
    if "AnnotationSeries" in found:
        return _by_label(thing.name, sample_times(thing, len(thing.data)), thing.data[:])
    if "IntervalSeries" in found:
        return {thing.name: np.asarray(thing.timestamps[:])[np.asarray(thing.data[:]) > 0]}
    if "LabeledEvents" in found:
        known = getattr(thing, "labels", None)  # by the extension's package; below by what the file carries
        known = getattr(thing, "data__labels", ()) if known is None else known
        labels = np.asarray(known[:], object)[np.asarray(thing.data[:], int)]
        return _by_label(thing.name, thing.timestamps[:], labels)
    if "Events" in found:
        return {thing.name: thing.timestamps[:]}
    if "AnnotatedEventsTable" in found:
        return _from_rows(thing)
    if hasattr(thing, "colnames"):
        return _from_table(thing)
    if not is_plain_series(thing):
        return {}
    if _is_text(thing):
        return _by_label(thing.name, thing.timestamps[:], thing.data[:])
    if _is_instants(thing):
        return {thing.name: thing.timestamps[:]}
    return {thing.name: _rises(thing)} if _is_switch(thing) else {}


def _from_table(table):
    times = next((name for name in TABLE_TIMES if name in table.colnames), None)
    if times is None or len(table) == 0 or hasattr(table[times], "target"):
        return {}
    values = np.asarray(table[times].data[:])
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        return {}
    label = next((name for name in TABLE_LABELS if name in table.colnames), None)
    if label is None or hasattr(table[label], "target"):
        return {table.name: values}
    labels = np.asarray(table[label].data[:])
    elements = getattr(table[label], "elements", None)
    return _by_label(table.name, values, labels if elements is None else np.asarray(elements.data[:])[labels])


def _from_rows(table):
    """Each row a kind of event with all of its times."""
    ends = np.asarray(table["event_times"].data[:], np.int64)
    times = np.split(np.asarray(table["event_times"].target.data[:], float), ends[:-1])
    labels = [_text(label) for label in table["label"].data[:]]
    return {f"{table.name}:{label}": part for label, part in zip(labels, times, strict=True)}


def _by_label(name, times, labels):
    """All of them under one name when they carry a single label, else each label by itself."""
    times = np.asarray(times, float)
    labels = np.asarray([_text(label) for label in labels], object)
    distinct = sorted(set(labels))
    if len(distinct) < 2 or len(distinct) > MOST_LABELS:
        return {name: times}
    return {f"{name}:{label}": times[labels == label] for label in distinct}


def _is_text(series):
    """Whether a series holds a word for each of its times."""
    if series.timestamps is None or np.ndim(series.data) != 1 or len(series.data) == 0:
        return False
    return isinstance(series.data[0], (str, bytes))


def _is_instants(series):
    """Whether each sample of a series is an event of its own."""
    if series.timestamps is None or "SpatialSeries" in kinds(series):
        return False
    if series.data is None:
        return True
    times = np.asarray(series.timestamps[:_LOOK_AT], float)
    if len(times) and "BehavioralEvents" in kinds(series.parent) and not _is_clocked(times):
        return True
    if np.shape(series.data)[1:] not in ((), (1,)) or len(times) == 0:
        return False
    values = np.asarray(series.data[:_LOOK_AT])
    if values.size == 0:
        return True
    numeric = values.dtype.kind in "fiu"
    if numeric and values.size == times.size and np.allclose(values.ravel(), times, equal_nan=True):
        return True
    n_distinct = len(np.unique(values)) if values.dtype.kind in "fiub" else len(set(values.tolist()))
    return n_distinct == 1 or (n_distinct == 2 and not _is_clocked(times))


def _is_switch(series):
    """Whether a series sampled by a clock is two-valued and named like a detector."""
    if series.data is None or np.ndim(series.data) != 1 or len(series.data) < 2:
        return False
    if not _SWITCHES.search(f"{series.name} {series.description}"):
        return False
    first = np.asarray(series.data[:_LOOK_AT])
    if first.dtype.kind not in "fiub" or len(np.unique(first)) > 2:
        return False
    return len(np.unique(np.asarray(series.data[:]))) == 2


def _rises(series):
    values = np.asarray(series.data[:])
    upper = values == values.max()
    return sample_times(series, len(values))[1:][upper[1:] & ~upper[:-1]]


def _is_clocked(times_s):
    """Whether nine steps of ten equal the median step, as in a signal sampled by a clock."""
    steps = np.diff(np.asarray(times_s, float))
    if len(steps) < 3:
        return False
    middle = np.median(steps)
    return np.mean(np.abs(steps - middle) <= 0.01 * abs(middle)) > 0.9


def _text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
