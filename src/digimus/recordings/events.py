"""Times of events in an NWB file: licks, rewards, cues, and whatever else happened at an instant.

NWB has no single place for them, so the rule is: a bare TimeSeries with explicit timestamps counts as
events when its data are absent, constant, or two-valued and irregular in time; annotations, labelled
events and event tables count always; sampled signals such as running speed never.
"""

import numpy as np

TABLE_TIMES = ("timestamp", "timestamps", "event_time", "time")
TABLE_LABELS = ("event_type", "event_name", "label", "labels", "annotation")


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
    for place, thing in _things(nwb):
        for name, times in _occurrences(thing).items():
            times = np.asarray(times, float)
            name = name if name not in events else f"{place}/{name}"
            events[name] = np.sort(times[np.isfinite(times)])
    return events


def _things(nwb):
    """Pairs of place and object, containers such as BehavioralEvents opened up."""
    places = {"acquisition": nwb.acquisition}
    places.update((name, module.data_interfaces) for name, module in nwb.processing.items())
    places["events"] = getattr(nwb, "events", None) or {}
    for place, contents in places.items():
        for thing in contents.values():
            inner = getattr(thing, "time_series", None)
            yield from ((place, item) for item in (inner.values() if inner else [thing]))


def _occurrences(thing):
    """The events that one NWB object holds, as a mapping of name to times; empty if it holds none."""
    kind = type(thing).__name__
    if kind == "AnnotationSeries":
        return _by_label(thing.name, thing.timestamps[:], thing.data[:])
    if kind == "IntervalSeries":
        return {thing.name: np.asarray(thing.timestamps[:])[np.asarray(thing.data[:]) > 0]}
    if kind == "TimeSeries":
        return {thing.name: thing.timestamps[:]} if _is_event_like(thing) else {}
    if kind == "LabeledEvents":
        kinds = np.asarray(thing.labels[:], object)[np.asarray(thing.data[:], int)]
        return _by_label(thing.name, thing.timestamps[:], kinds)
    if hasattr(thing, "colnames"):
        return _from_table(thing)
    return {}


def _from_table(table):
    times = next((name for name in TABLE_TIMES if name in table.colnames), None)
    if times is None or len(table) == 0:
        return {}
    label = next((name for name in TABLE_LABELS if name in table.colnames), None)
    values = np.asarray(table[times].data[:])
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        return {}
    return {table.name: values} if label is None else _by_label(table.name, values, table[label].data[:])


def _by_label(name, times, labels):
    """All of them under one name when they carry a single label, else each label by itself."""
    times = np.asarray(times, float)
    labels = np.asarray([_text(label) for label in labels], object)
    distinct = sorted(set(labels))
    if len(distinct) < 2 or len(distinct) > 50:
        return {name: times}
    return {f"{name}:{label}": times[labels == label] for label in distinct}


def _is_event_like(series):
    if series.timestamps is None or series.data is None:
        return series.timestamps is not None
    if np.ndim(series.data) > 1 or len(series.timestamps) == 0:
        return False
    values = np.asarray(series.data[:10_000])
    if values.size == 0:
        return True
    n_distinct = len(np.unique(values)) if values.dtype.kind in "fiub" else len(set(values.tolist()))
    return n_distinct == 1 or (n_distinct == 2 and not _is_sampled(series.timestamps[:10_000]))


def _is_sampled(times_s):
    """Whether nine steps of ten equal the median step, as in a signal sampled by a clock."""
    steps = np.diff(np.asarray(times_s, float))
    if len(steps) < 3:
        return False
    middle = np.median(steps)
    return np.mean(np.abs(steps - middle) <= 0.01 * abs(middle)) > 0.9


def _text(value):
    return value.decode() if isinstance(value, bytes) else str(value)
