"""Sampled signals of an NWB file, such as running speed and pupil size, and where such things are kept."""

import numpy as np

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest

MOST_COLUMNS = 16  # of a signal with several values a sample; more are pictures or raw channels
_CONTAINED = ("time_series", "spatial_series", "interval_series")
# Of these kinds, and of all that extend them, none is an event nor a signal to be decoded.
_OTHER_KINDS = {
    *("ElectricalSeries", "ImageSeries", "IndexSeries", "RoiResponseSeries", "PatchClampSeries"),
    *("AnnotationSeries", "IntervalSeries", "DecompositionSeries", "AbstractFeatureSeries"),
    *("OptogeneticSeries", "LabeledEvents", "Events"),
}


def kinds(thing):
    """Names of the type of an NWB object and of all that it extends."""
    return {kind.__name__ for kind in type(thing).__mro__}


def things(nwb):
    """Pairs of place and object in acquisition, processing, stimulus and events, containers opened up."""
    places = {"acquisition": nwb.acquisition}
    places.update((name, module.data_interfaces) for name, module in nwb.processing.items())
    places["stimulus"] = nwb.stimulus or {}
    places["events"] = getattr(nwb, "events", None) or {}
    for place, contents in places.items():
        for thing in contents.values():
            inner = [item for name in _CONTAINED for item in (getattr(thing, name, None) or {}).values()]
            yield from ((place, item) for item in inner or [thing])


def is_plain_series(thing):
    """Whether an object is a TimeSeries that could be events or a sampled signal."""
    found = kinds(thing)
    return "TimeSeries" in found and not found & _OTHER_KINDS


def sample_times(series, n_samples):
    """Times of a series in seconds: its timestamps, or from its rate and starting time."""
    if series.timestamps is not None:
        return np.asarray(series.timestamps[:], np.float64)
    return (series.starting_time or 0.0) + np.arange(n_samples) / float(series.rate)


def span(series):
    """First and last time of a series, read without its other samples; None without any."""
    if series.timestamps is not None:
        times_s = series.timestamps
        return (float(times_s[0]), float(times_s[len(times_s) - 1])) if len(times_s) else None
    n_samples = 0 if series.data is None else len(series.data)
    if not n_samples or not series.rate:
        return None
    first_s = float(series.starting_time or 0.0)
    return first_s, first_s + (n_samples - 1) / float(series.rate)


def sampled_series(nwb, is_event_like):
    """The sampled signals of a file.

    Parameters
    ----------
    nwb : pynwb.NWBFile
    is_event_like : callable
        Tells of a series whether it stands for events instead.

    Returns
    -------
    dict of str to (series, int or None)
        The NWB object, and which of its columns; signals with several values a sample are named
        ``"position:0"``, ``"position:1"``. A name that occurs in two places gets its place before it.
    """
    found = {}
    for place, thing in things(nwb):
        if not is_plain_series(thing) or thing.data is None or is_event_like(thing):
            continue
        shape = np.shape(thing.data)
        numeric = getattr(thing.data, "dtype", np.asarray(thing.data[:1]).dtype).kind in "fiub"
        if not numeric or not shape or not shape[0] or len(shape) > 2:
            continue
        columns = [None] if len(shape) == 1 else list(range(shape[1]))
        if len(columns) > MOST_COLUMNS:
            continue
        for column in columns:
            name = thing.name if column is None or len(columns) == 1 else f"{thing.name}:{column}"
            found[name if name not in found else f"{place}/{name}"] = (thing, column)
    return found


def read_series(nwb, names, is_event_like, path):
    """Sampled signals by name.

    Returns
    -------
    dict of str to (array (T,), array (T,))
        Times in seconds, increasing, and values in the unit of the file, conversion and offset applied;
        values may be nan.

    Raises
    ------
    InputError
        If the file has no signal of that name, or its times do not fit or do not increase.
    """
    offered = sampled_series(nwb, is_event_like)
    read = {}
    for name in names:
        if name not in offered:
            raise InputError(
                f"There is no sampled signal {name!r}.",
                where=f"{path}, {name}",
                expected=f"one of {listed(offered)}" if offered else "a file with sampled signals",
                got=name if offered else "none",
                hint=nearest(name, offered) + "`python -m digimus.recordings FILE` lists what a file offers.",
            )
        read[name] = _signal(*offered[name], path)
    return read


def _signal(series, column, path):
    values = np.asarray(series.data[:] if column is None else series.data[:, column], np.float64)
    times_s = sample_times(series, len(values))
    if len(times_s) != len(values) or not (np.diff(times_s) > 0).all():
        raise InputError(
            "The times of a sampled signal do not fit it.",
            where=f"{path}, {series.name}/timestamps",
            expected=f"{len(values)} increasing times in seconds",
            got=f"{len(times_s)} times"
            + ("" if len(times_s) != len(values) else ", some not after the one before"),
            hint="Repair the file where it was made; nwbinspector names what is wrong.",
        )
    return times_s, values * float(series.conversion or 1.0) + float(series.offset or 0.0)
