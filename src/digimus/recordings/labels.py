"""What is decoded: a trial column, an event that falls into a window, or a sampled signal.

Labels are classes, or, under the rule ``number``, numbers to predict.
"""

from dataclasses import dataclass

import numpy as np

from digimus.recordings.binning import average_traces
from digimus.recordings.naming import listed, nearest
from digimus.recordings.settings import as_tuple, known_keys, put, window, wrong_setting
from digimus.recordings.trials import column, event_times, numbers, refused

RULES = ("value", "sign", "above", "number")


@dataclass(frozen=True)
class Label:
    """What is to be decoded: a trial column, whether an event falls into a window, or a sampled signal.

    Attributes
    ----------
    column : str, optional
        Trial column.
    minus : str, optional
        Trial column that is subtracted from it (rules ``sign``, ``above`` and ``number``).
    rule : {"value", "sign", "above", "number"}
        ``value``, the default of a column: each distinct value is a class. ``sign``: negative or positive,
        ties dropped. ``above``: at most `threshold`, or more. ``number``, the default of a series: the
        number itself is the target.
    threshold : float
    values : tuple or mapping, optional
        For ``value``: the values to tell apart, in the order of the classes; or the classes, each with its
        value or values. Other trials are dropped.
    events : str or tuple of str, optional
        Instead of a column: class 1 if at least one of these events falls into the window, else 0.
    series : str, optional
        Instead of a column: the mean of this sampled signal in the window; any rule but ``value``.
    window_ms : (float, float), optional
        The window of events and series, relative to the sample's time zero, its end excluded. The decoding
        window if absent.
    """

    column: str | None = None
    minus: str | None = None
    rule: str | None = None
    threshold: float = 0.0
    values: tuple | dict | None = None
    events: tuple | None = None
    series: str | None = None
    window_ms: tuple | None = None

    def __post_init__(self):
        put(self, "events", as_tuple(self.events))
        given = [name for name in ("column", "events", "series") if getattr(self, name)]
        if len(given) != 1:
            got = " and ".join(given) or "none of them"
            raise wrong_setting("label", "either a column or events or a series", got)
        if self.rule is None:
            put(self, "rule", "number" if self.series else "value")
        if self.rule not in RULES:
            raise wrong_setting("label.rule", listed(RULES), self.rule, nearest(self.rule, RULES))
        if self.minus is not None and (self.rule == "value" or not self.column):
            raise wrong_setting(
                "label.minus", "a column with the rule sign, above or number", f"{given[0]}, rule {self.rule}"
            )
        if self.series and self.rule == "value":
            raise wrong_setting("label.rule", "number, sign or above, since a series is averaged", self.rule)
        if self.values is not None:
            self._check_values()
        if self.window_ms is not None:
            put(self, "window_ms", window("label.window_ms", self.window_ms))

    def _check_values(self):
        if not self.column or self.rule != "value":
            raise wrong_setting("label.values", "a column with the rule value beside it", f"rule {self.rule}")
        put(self, "values", dict(self.values) if hasattr(self.values, "keys") else as_tuple(self.values))
        members = [name for values in self.classes.values() for name in values]
        if len(self.classes) < 2:
            raise wrong_setting("label.values", "two classes or more", repr(self.values))
        doubled = next((name for name in members if members.count(name) > 1), None)
        if doubled is not None or "" in members:
            raise wrong_setting("label.values", "every value in one class, and none missing", repr(doubled))

    @classmethod
    def from_config(cls, mapping):
        """From a mapping with these keys; another key raises InputError."""
        return cls(**known_keys(cls, mapping, "label"))

    @property
    def classes(self):
        """Each class that `values` asks for, with the names of the values in it."""
        pairs = self.values.items() if isinstance(self.values, dict) else [(v, v) for v in self.values]
        return {class_name(name): [class_name(value) for value in as_tuple(of)] for name, of in pairs}

    @property
    def kind(self):
        """Where the labels are from: ``"column"``, ``"events"`` or ``"series"``."""
        return "events" if self.events else "series" if self.series else "column"

    @property
    def continuous(self):
        """Whether the label is a number to predict."""
        return self.rule == "number"

    @property
    def name(self):
        """What the label is called in messages and classes."""
        if self.events:
            return " or ".join(self.events)
        name = self.column or self.series
        return name if self.minus is None else f"{name} - {self.minus}"


def labels_of(session, settings, start_s, groups):
    """The label of every candidate sample.

    Parameters
    ----------
    session : Session
    settings : Preparation
    start_s : array (n,)
        Time zero of each sample.
    groups : array of int (n,)
        Row of the trial that it is from.

    Returns
    -------
    labels : array (n,)
        Of int, the position in `classes`, -1 for none; of float where the label is a number, nan for none.
    classes : list of str
        Empty where the label is a number.
    reason : str
        Why a sample has no label.
    """
    label = settings.label
    reason = "label missing or not among the values"
    if label.events:
        window_s = np.array(label.window_ms or settings.window_ms) / 1000
        found = event_times(session, label.events, "label.events")
        first, last = (np.searchsorted(found, start_s + edge) for edge in window_s)
        return (last > first).astype(int), [f"no {label.name}", label.name], reason
    if label.rule == "value":
        values = column(session, label.column)
        codes, classes = _by_value(values, label)
        _check_found(session, label, codes, classes, values)
        return codes[groups], classes, reason
    if label.series:
        values = _series_means(session, settings, start_s)
        reason = f"window not covered by {label.series}"
    else:
        values = numbers(session, label.column)
        values = values if label.minus is None else values - numbers(session, label.minus)
        values = values[groups]
    if label.rule == "number":
        return np.where(np.isfinite(values), values, np.nan), [], reason
    if label.rule == "sign":
        codes = np.where(values > 0, 1, np.where(values < 0, 0, -1))
        return codes, [f"{label.name} < 0", f"{label.name} > 0"], reason if label.series else "tie"
    codes = np.where(np.isnan(values), -1, (values > label.threshold).astype(int))
    return codes, [f"{label.name} <= {label.threshold:g}", f"{label.name} > {label.threshold:g}"], reason


def _by_value(values, label):
    """Each distinct value a class: numbers in their order, text in the alphabet's, or as `values` says."""
    names = np.array([class_name(value) for value in values], object)
    if label.values is None:
        ordered = sorted(set(values[names != ""].tolist()))
        classes = list(dict.fromkeys(class_name(value) for value in ordered))
        of_value = {name: code for code, name in enumerate(classes)}
    else:
        classes = list(label.classes)
        of_value = {value: code for code, of in enumerate(label.classes.values()) for value in of}
    return np.array([of_value.get(name, -1) for name in names], int), classes


def _check_found(session, label, codes, classes, values):
    """Refuse a session of which no trial has a value of one of the classes that `values` asks for."""
    absent = sorted(set(range(len(classes))) - set(codes.tolist()))
    if label.values is None or not absent:
        return
    wanted = label.classes[classes[absent[0]]]
    known = [name for name in dict.fromkeys(map(class_name, values)) if name]
    raise refused(
        session,
        f"No trial is of the class {classes[absent[0]]!r}",
        f"intervals/trials/{label.column}",
        f"a trial with {' or '.join(map(repr, wanted))}",
        listed(known, 10),
        nearest(wanted[0], known) + "Correct `label.values`, or leave this recording out.",
    )


def class_name(value):
    """Text of a label; empty for one that is missing."""
    if value is None:
        return ""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value + 0.0:.10g}"  # no -0
    text = str(value)
    return "" if text.lower() == "nan" else text


def _series_means(session, settings, start_s):
    """Mean of the sampled signal in each sample's window; nan where the signal does not reach."""
    name, available = settings.label.series, getattr(session, "series", None) or {}
    if name not in available:
        raise refused(
            session,
            f"There is no sampled signal {name!r}",
            "label.series",
            f"one of {listed(available)}" if available else "a TimeSeries of one number a sample",
            name,
            nearest(name, available) + "`python -m digimus.recordings FILE` lists what a file offers.",
        )
    times_s, values = (np.asarray(part, float) for part in available[name])
    if values.ndim != 1:
        expected, got = "one number a sample", f"values of shape {values.shape}"
        raise refused(session, f"The signal {name!r} has several columns", "label.series", expected, got)
    edges_s = start_s[:, None] + np.array(settings.label.window_ms or settings.window_ms) / 1000
    means = average_traces(times_s, values[:, None], edges_s)[:, 0, 0].astype(float)
    if len(times_s) > 1:
        step_s = float(np.median(np.diff(times_s)))
        means[(edges_s[:, 0] < times_s[0] - step_s) | (edges_s[:, 1] > times_s[-1] + step_s)] = np.nan
    return means
