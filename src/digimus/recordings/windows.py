"""From trials and events to samples: when each begins, what its label is, and to which trial it belongs.

Nothing here looks at neurons, so that the same samples serve a decoder of the clock or of behaviour.
"""

from dataclasses import dataclass, fields

import numpy as np

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest

RULES = ("value", "sign", "above")
CLOCK_TOLERANCE_S = 1e-6


@dataclass(frozen=True)
class Label:
    """What is to be decoded: a trial column, or whether an event falls into a window.

    Attributes
    ----------
    column : str, optional
        Trial column.
    minus : str, optional
        Trial column that is subtracted from it (rules ``sign`` and ``above``).
    rule : {"value", "sign", "above"}
        ``value``: each distinct value is a class. ``sign``: negative or positive, ties dropped.
        ``above``: at most `threshold`, or more.
    threshold : float
    values : tuple, optional
        For ``value``: the values to tell apart, in the order of the classes; other trials are dropped.
    events : str or tuple of str, optional
        Instead of a column: class 1 if at least one of these events falls into the window, else 0.
    window_ms : (float, float), optional
        That window, relative to the sample's time zero, its end excluded. The decoding window if absent.
    """

    column: str | None = None
    minus: str | None = None
    rule: str = "value"
    threshold: float = 0.0
    values: tuple | None = None
    events: tuple | None = None
    window_ms: tuple | None = None

    def __post_init__(self):
        _set(self, "events", _tuple(self.events))
        _set(self, "values", _tuple(self.values))
        if (self.column is None) == (not self.events):
            raise _setting(
                "label", "either a column or events", f"column {self.column}, events {self.events}"
            )
        if self.rule not in RULES:
            raise _setting("label.rule", listed(RULES), self.rule, nearest(self.rule, RULES))
        if self.minus is not None and self.rule == "value":
            raise _setting("label.rule", "sign or above, since a column is subtracted", self.rule)
        if self.window_ms is not None:
            _set(self, "window_ms", _window("label.window_ms", self.window_ms))

    @classmethod
    def from_config(cls, mapping):
        """From a mapping with these keys; another key raises InputError."""
        return cls(**_known(cls, mapping, "label"))


@dataclass(frozen=True)
class Preparation:
    """How a session is cut into samples of shape (bins, units).

    Attributes
    ----------
    label : Label or mapping
    bin_ms : float
        Width of a time bin; the window must hold a whole number of them.
    window_ms : (float, float), optional
        Start and end of the decoding window around time zero; needed unless `split_windows_ms` is given,
        then from zero to that.
    align : str
        Trial column, in seconds, that is time zero.
    split_windows_ms : float, optional
        Cuts each trial from `align` to its `stop_time` into consecutive windows of this length, each a
        sample whose time zero is its own start.
    clock_events : str or tuple of str, optional
        The clock of a sample is the time since the last of these events when its window starts; samples
        before the first one are dropped.
    regions : tuple of str, optional
        Regions to keep; all if absent.
    min_units, min_trials_per_class : int
        Fewer units, or fewer samples of a class, and the session is refused.
    """

    label: Label
    bin_ms: float
    window_ms: tuple | None = None
    align: str = "start_time"
    split_windows_ms: float | None = None
    clock_events: tuple | None = None
    regions: tuple | None = None
    min_units: int = 1
    min_trials_per_class: int = 5

    def __post_init__(self):
        if not isinstance(self.label, Label):
            _set(self, "label", Label.from_config(self.label))
        _set(self, "clock_events", _tuple(self.clock_events))
        _set(self, "regions", _tuple(self.regions))
        if self.split_windows_ms is not None:
            _set(self, "split_windows_ms", _positive("split_windows_ms", self.split_windows_ms))
        if self.window_ms is None and self.split_windows_ms is None:
            raise _setting("window_ms", "start and end in ms, unless split_windows_ms is given", "neither")
        window = (0.0, self.split_windows_ms) if self.window_ms is None else self.window_ms
        _set(self, "window_ms", _window("window_ms", window))
        _set(self, "bin_ms", _positive("bin_ms", self.bin_ms))
        n_bins = (self.window_ms[1] - self.window_ms[0]) / self.bin_ms
        if round(n_bins) < 1 or abs(n_bins - round(n_bins)) > 1e-6:
            length = self.window_ms[1] - self.window_ms[0]
            raise _setting("bin_ms", f"a whole number of bins in the window of {length:g} ms", self.bin_ms)
        for name in ("min_units", "min_trials_per_class"):
            _set(self, name, int(_positive(name, getattr(self, name))))

    @classmethod
    def from_config(cls, mapping):
        """From a mapping with these keys, `label` itself a mapping; another key raises InputError."""
        given = _known(cls, mapping, "preparation")
        for name in ("label", "bin_ms"):
            if name not in given:
                raise _setting(name, "a value", "none")
        return cls(**given)

    @property
    def n_bins(self):
        """Number of time bins in the window."""
        return round((self.window_ms[1] - self.window_ms[0]) / self.bin_ms)

    @property
    def edges_s(self):
        """Bin edges relative to time zero (n_bins + 1,), seconds."""
        return (self.window_ms[0] + self.bin_ms * np.arange(self.n_bins + 1)) / 1000


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of a session, without the neurons.

    Attributes
    ----------
    start_s : array (n_samples,)
        Time zero of each sample.
    labels : array of int (n_samples,)
        Index into `classes`.
    classes : list of str
    groups : array of int (n_samples,)
        Row of the trial that the sample comes from.
    clock_s : array (n_samples,) or None
        Seconds since the last clock event at the window's start.
    dropped : dict of str to int
        How many candidate samples (trials, or windows of trials) were dropped, by reason.
    n_trials : int
        Trials in the session.
    """

    start_s: np.ndarray
    labels: np.ndarray
    classes: list
    groups: np.ndarray
    clock_s: np.ndarray | None
    dropped: dict
    n_trials: int


def samples(session, settings):
    """Cut a session into labelled samples.

    Parameters
    ----------
    session : Session
        Its trials and events are used; it need not have any neurons.
    settings : Preparation

    Returns
    -------
    Samples

    Raises
    ------
    InputError
        If there are no trials; if a column or an event is absent; if no trial has an alignment time; if
        nothing is left, only one class, or too few samples of one.
    """
    if len(session.trials) == 0:
        raise _refused(session, "A session has no trials", "intervals/trials", "at least one trial", "none")
    start_s, groups, dropped = _starts(session, settings)
    codes, classes = _labels(session, settings, start_s, groups)
    clock_s = None
    keep = np.ones(len(start_s), bool)
    if settings.clock_events:
        clock_s = _clock(session, settings, start_s)
        keep &= np.isfinite(clock_s)
        dropped[f"no {' or '.join(settings.clock_events)} before the window"] = int((~keep).sum())
    unlabelled = keep & (codes < 0)
    reason = "tie" if settings.label.rule == "sign" else "label missing or not among the values"
    dropped[reason] = int(unlabelled.sum())
    keep &= ~unlabelled
    dropped = {reason: count for reason, count in dropped.items() if count}
    _check_classes(session, settings, codes[keep], classes, dropped)
    return Samples(
        start_s=start_s[keep],
        labels=codes[keep],
        classes=classes,
        groups=groups[keep],
        clock_s=None if clock_s is None else clock_s[keep],
        dropped=dropped,
        n_trials=len(session.trials),
    )


def _starts(session, settings):
    """Time zero and trial of every candidate sample, and what was dropped on the way."""
    align_s = _times(session, settings.align)
    groups = np.flatnonzero(np.isfinite(align_s))
    dropped = {f"{settings.align} is not a number": len(align_s) - len(groups)}
    if len(groups) == 0:
        where = f"intervals/trials/{settings.align}"
        got = f"none among {len(align_s)} trials"
        raise _refused(session, "No trial has an alignment time", where, "times in seconds", got)
    if settings.split_windows_ms is None:
        return align_s[groups], groups, dropped
    length_s = settings.split_windows_ms / 1000
    span_s = _times(session, "stop_time")[groups] - align_s[groups]
    n_windows = np.floor(np.nan_to_num(span_s, nan=0.0) / length_s + 1e-6).clip(min=0).astype(int)
    dropped["trial shorter than a window, or without a stop_time"] = int((n_windows == 0).sum())
    groups = np.repeat(groups, n_windows)
    order = np.arange(len(groups)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    return align_s[groups] + order * length_s, groups, dropped


def _labels(session, settings, start_s, groups):
    """Class of every sample (-1 for none) and the names of the classes."""
    label = settings.label
    if label.events:
        window_s = np.array(label.window_ms or settings.window_ms) / 1000
        times = _event_times(session, label.events, "label.events")
        first, last = (np.searchsorted(times, start_s + edge) for edge in window_s)
        name = " or ".join(label.events)
        return (last > first).astype(int), [f"no {name}", name]
    column = _column(session, label.column)
    if label.rule == "value":
        codes, classes = _by_value(column, label.values)
        return codes[groups], classes
    difference = _numbers(session, label.column)
    if label.minus is not None:
        difference = difference - _numbers(session, label.minus)
    name = label.column if label.minus is None else f"{label.column} - {label.minus}"
    if label.rule == "sign":
        codes = np.where(difference > 0, 1, np.where(difference < 0, 0, -1))
        return codes[groups], [f"{name} < 0", f"{name} > 0"]
    codes = np.where(np.isnan(difference), -1, (difference > label.threshold).astype(int))
    return codes[groups], [f"{name} <= {label.threshold:g}", f"{name} > {label.threshold:g}"]


def _by_value(column, values):
    """Each distinct value a class: numbers in their order, text in the alphabet's, or as `values` says."""
    names = np.array([_class_name(value) for value in column], object)
    if values is None:
        ordered = sorted(set(column[names != ""].tolist()))
        classes = list(dict.fromkeys(_class_name(value) for value in ordered))
    else:
        classes = [_class_name(value) for value in values]
    position = {name: code for code, name in enumerate(classes)}
    return np.array([position.get(name, -1) for name in names], int), classes


def _class_name(value):
    """Text of a label; empty for one that is missing."""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:g}"
    return str(value)


def _clock(session, settings, start_s):
    """Seconds since the last clock event when the window starts; nan before the first."""
    times = _event_times(session, settings.clock_events, "clock_events")
    window_start_s = start_s + settings.window_ms[0] / 1000
    last = np.searchsorted(times, window_start_s + CLOCK_TOLERANCE_S, side="right") - 1
    padded = np.append(times, np.nan)  # position -1, before the first event, reads the nan
    return np.maximum(window_start_s - padded[last], 0.0)


def _check_classes(session, settings, labels, classes, dropped):
    where = "label " + str(settings.label.column or listed(settings.label.events))
    if len(labels) == 0:
        got = f"none; dropped: {dropped}"
        raise _refused(session, "No sample is left", where, "labelled trials", got)
    counts = np.bincount(labels, minlength=len(classes))
    found = {name: int(count) for name, count in zip(classes, counts, strict=True)}
    if (counts > 0).sum() < 2:
        raise _refused(session, "The label has one class only", where, "two classes or more", found)
    if counts.min() < settings.min_trials_per_class:
        shown = dict(list(found.items())[:10])
        expected = f"at least min_trials_per_class = {settings.min_trials_per_class} samples of each class"
        raise _refused(session, "A class has too few samples", where, expected, shown)


def _column(session, name):
    if name not in session.trials.columns:
        raise _refused(
            session,
            f"The trials have no column {name!r}",
            f"intervals/trials/{name}",
            f"one of {listed(session.trials.columns)}",
            "no such column",
            nearest(name, session.trials.columns) + "Name a column of the trials in the configuration.",
        )
    return session.trials[name].to_numpy()


def _numbers(session, name):
    values = _column(session, name)
    try:
        return values.astype(float)
    except ValueError:
        where, expected = f"intervals/trials/{name}", "numbers, since they are compared or subtracted"
        got = f"text such as {values[0]!r}"
        raise _refused(session, f"The column {name!r} is not numeric", where, expected, got) from None


def _times(session, name):
    times_s = _numbers(session, name)
    return np.where(np.isfinite(times_s), times_s, np.nan)


def _event_times(session, names, setting):
    """All times of these events together, sorted."""
    for name in names:
        if name not in session.events:
            raise _refused(
                session,
                f"There are no events {name!r}",
                setting,
                f"one of {listed(session.events)}",
                name,
                nearest(name, session.events)
                + "`python -m digimus.recordings FILE` lists what a file offers.",
            )
    return np.sort(np.concatenate([session.events[name] for name in names]))


def _refused(session, what, where, expected, got, hint=None):
    return InputError(
        f"{what}.",
        where=f"{session.path}, {where}",
        expected=expected,
        got=got,
        hint=hint
        or "Change the setting, or leave this recording out; "
        "`python -m digimus.recordings FILE` lists what a file offers.",
    )


def _setting(name, expected, got, hint=""):
    return InputError(
        f"The setting {name} is not right.",
        where=f"preparation of recordings, {name}",
        expected=expected,
        got=got,
        hint=hint + "Correct it in the configuration.",
    )


def _known(cls, mapping, where):
    names = [field.name for field in fields(cls)]
    if not hasattr(mapping, "keys"):
        raise _setting(where, f"a mapping with keys among {listed(names)}", repr(mapping))
    for key in mapping:
        if key not in names:
            raise _setting(f"{where}.{key}", f"one of {listed(names)}", key, nearest(key, names))
    return dict(mapping)


def _set(settings, name, value):
    object.__setattr__(settings, name, value)


def _tuple(value):
    """None stays; one value alone becomes a tuple of one."""
    if value is None:
        return None
    return (value,) if isinstance(value, str) or not hasattr(value, "__iter__") else tuple(value)


def _positive(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < np.inf:
        raise _setting(name, "a positive number", repr(value))
    return float(value)


def _window(name, value):
    try:
        start, stop = (float(edge) for edge in value)
    except (TypeError, ValueError):
        raise _setting(name, "start and end in ms", repr(value)) from None
    if not (np.isfinite([start, stop]).all() and start < stop):
        raise _setting(name, "a start before its end, in ms", [start, stop])
    return (start, stop)
