"""From trials and events to samples: when each begins, what its label is, and to which trial it belongs.

Nothing here looks at neurons, so that the same samples serve a decoder of the clock or of behaviour.
"""

from dataclasses import dataclass

import numpy as np

from digimus.recordings.behaviour import Behaviour
from digimus.recordings.labels import Label, labels_of
from digimus.recordings.settings import as_tuple, known_keys, positive, put, window, wrong_setting
from digimus.recordings.trials import (
    OVERLAP_TOLERANCE_S,
    check_overlap,
    counted,
    event_times,
    refused,
    times,
    usable_trials,
)

CLOCK_TOLERANCE_S = 1e-6
MOST_WINDOWS = 100_000
"""Of one trial; more would be longer than any recording."""
LEAST_TRIALS = 2
"""Trials of every class, without which nothing can be learnt and tested."""


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
        sample whose time zero is its own start. No window reaches into the next trial.
    clock_events : str or tuple of str, optional
        The clock of a sample is the time since the last of these events when its window starts; samples
        before the first one are dropped.
    regions : tuple of str, optional
        Regions to keep, by their exact names; all if absent.
    unit_filters : mapping, optional
        Bounds that a unit's quality must keep; see `digimus.recordings.quality`.
    min_units, min_trials_per_class : int
        Fewer units, or fewer samples of a class, and the session is refused. Of a label that is a number,
        twice as many samples as `min_trials_per_class` are asked for.
    behaviour : Behaviour or mapping, optional
        How a trial is known to be an error; not with `split_windows_ms`, where a trial is many samples.
    """

    label: Label
    bin_ms: float
    window_ms: tuple | None = None
    align: str = "start_time"
    split_windows_ms: float | None = None
    clock_events: tuple | None = None
    regions: tuple | None = None
    unit_filters: dict | None = None
    min_units: int = 1
    min_trials_per_class: int = 5
    behaviour: Behaviour | None = None

    def __post_init__(self):
        if not isinstance(self.label, Label):
            put(self, "label", Label.from_config(self.label))
        if self.behaviour is not None and not isinstance(self.behaviour, Behaviour):
            put(self, "behaviour", Behaviour.from_config(self.behaviour))
        if self.behaviour is not None and self.split_windows_ms is not None:
            raise wrong_setting(
                "behaviour", "one sample a trial, that is, no split_windows_ms", "both settings"
            )
        put(self, "clock_events", as_tuple(self.clock_events))
        put(self, "regions", as_tuple(self.regions))
        put(self, "unit_filters", dict(self.unit_filters or {}))
        if self.split_windows_ms is not None:
            put(self, "split_windows_ms", positive("split_windows_ms", self.split_windows_ms))
        if self.window_ms is None and self.split_windows_ms is None:
            expected = "start and end in ms, unless split_windows_ms is given"
            raise wrong_setting("window_ms", expected, "neither")
        given = (0.0, self.split_windows_ms) if self.window_ms is None else self.window_ms
        put(self, "window_ms", window("window_ms", given))
        put(self, "bin_ms", positive("bin_ms", self.bin_ms))
        n_bins = (self.window_ms[1] - self.window_ms[0]) / self.bin_ms
        if round(n_bins) < 1 or abs(n_bins - round(n_bins)) > 1e-6:
            length = self.window_ms[1] - self.window_ms[0]
            expected = f"a whole number of bins in the window of {length:g} ms"
            raise wrong_setting("bin_ms", expected, self.bin_ms)
        for name in ("min_units", "min_trials_per_class"):
            put(self, name, int(positive(name, getattr(self, name))))

    @classmethod
    def from_config(cls, mapping):
        """From a mapping with these keys, `label` itself a mapping; another key raises InputError."""
        given = known_keys(cls, mapping, "preparation")
        for name in ("label", "bin_ms"):
            if name not in given:
                raise wrong_setting(name, "a value", "none")
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
    """Samples of a session, without the neurons, in the order of time.

    Attributes
    ----------
    start_s : array (n_samples,)
        Time zero of each sample.
    labels : array (n_samples,)
        Of int, index into `classes`; of float where the label is a number.
    classes : list of str
        Empty where the label is a number.
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

    Samples of different trials do not overlap in time: of two that do, the later one is dropped.

    Parameters
    ----------
    session : Session
        Its trials, events and sampled signals are used; it need not have any neurons.
    settings : Preparation

    Returns
    -------
    Samples

    Raises
    ------
    InputError
        If there are no trials or none is usable (see `usable_trials`); if a column, an event or a signal
        is absent; if more than a tenth of the samples overlap; if nothing is left, only one class, too few
        samples of one, or samples of one trial alone.
    """
    start_s, groups, dropped = _starts(session, settings)
    labels, classes, reason = labels_of(session, settings, start_s, groups)
    clock_s = None
    keep = np.ones(len(start_s), bool)
    if settings.clock_events:
        clock_s = _clock(session, settings, start_s)
        keep &= np.isfinite(clock_s)
        dropped[f"no {' or '.join(settings.clock_events)} before the window"] = int((~keep).sum())
    unlabelled = keep & (np.isnan(labels) if settings.label.continuous else labels < 0)
    dropped[reason] = int(unlabelled.sum())
    keep &= ~unlabelled
    overlapping = _overlapping(start_s[keep], groups[keep], settings.window_ms)
    check_overlap(
        session, overlapping, "windows begin before the window of an earlier trial ends", "window_ms",
        "Shorten window_ms until it fits between the trials, or leave this recording out.",
    )  # fmt: skip
    dropped["window overlaps one of an earlier trial"] = int(overlapping.sum())
    keep[keep] = ~overlapping
    dropped = {reason: count for reason, count in dropped.items() if count}
    check_labels(session, settings, labels[keep], groups[keep], classes, dropped)
    return Samples(
        start_s=start_s[keep],
        labels=labels[keep],
        classes=classes,
        groups=groups[keep],
        clock_s=None if clock_s is None else clock_s[keep],
        dropped=dropped,
        n_trials=len(session.trials),
    )


def _starts(session, settings):
    """Time zero and trial of every candidate sample, and what was dropped on the way."""
    groups, dropped = usable_trials(session, settings.align)
    align_s = times(session, settings.align)[groups]
    if settings.split_windows_ms is None:
        return align_s, groups, dropped
    length_s = settings.split_windows_ms / 1000
    next_s = np.append(times(session, "start_time")[groups[1:]], np.inf)
    span_s = np.minimum(times(session, "stop_time")[groups], next_s) - align_s
    n_windows = (
        np.floor(np.nan_to_num(span_s, nan=0.0) / length_s + 1e-6).clip(0, MOST_WINDOWS + 1).astype(int)
    )
    n_windows[n_windows > MOST_WINDOWS] = 0  # a stop_time in ms, or none at all
    dropped[f"no stop_time, or not 1 to {MOST_WINDOWS} windows long"] = int((n_windows == 0).sum())
    order = np.arange(n_windows.sum()) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    return np.repeat(align_s, n_windows) + order * length_s, np.repeat(groups, n_windows), dropped


def _overlapping(start_s, groups, window_ms):
    """Whether a sample's window begins before that of a kept sample of an earlier trial has ended."""
    overlapping = np.zeros(len(start_s), bool)
    begin_s, end_s = (start_s + edge / 1000 for edge in window_ms)
    others_end_s, end_of_group_s, group = -np.inf, -np.inf, None
    for sample in range(len(start_s)):
        if groups[sample] != group:
            others_end_s = max(others_end_s, end_of_group_s)
            end_of_group_s, group = -np.inf, groups[sample]
        overlapping[sample] = begin_s[sample] < others_end_s - OVERLAP_TOLERANCE_S
        if not overlapping[sample]:
            end_of_group_s = max(end_of_group_s, end_s[sample])
    return overlapping


def _clock(session, settings, start_s):
    """Seconds since the last clock event when the window starts; nan before the first."""
    found = event_times(session, settings.clock_events, "clock_events")
    window_start_s = start_s + settings.window_ms[0] / 1000
    last = np.searchsorted(found, window_start_s + CLOCK_TOLERANCE_S, side="right") - 1
    padded = np.append(found, np.nan)  # position -1, before the first event, reads the nan
    return np.maximum(window_start_s - padded[last], 0.0)


def check_labels(session, settings, labels, groups, classes, dropped):
    """Refuse a session whose labels are none, of one kind, or too few.

    Parameters
    ----------
    session : Session
    settings : Preparation
    labels, groups, classes, dropped
        Of the samples that are left, as in `Samples`.

    Raises
    ------
    InputError
    """
    where = "label " + settings.label.name
    if len(labels) == 0:
        got = f"none; dropped: {counted(dropped)}"
        raise refused(session, "No sample is left", where, "labelled trials", got)
    least = settings.min_trials_per_class
    if settings.label.continuous:
        if np.ptp(labels) == 0:
            expected, got = "a number that varies", f"{labels[0]:g} in all {len(labels)} samples"
            raise refused(session, "The label has one value only", where, expected, got)
        least, counts = 2 * least, np.array([len(labels)])
        found, n_trials = f"{len(labels)}", np.array([len(np.unique(groups))])
        expected = f"at least 2 x min_trials_per_class = {least} samples"
    else:
        counts = np.bincount(labels, minlength=len(classes))
        if (counts > 0).sum() < 2:
            found = dict(zip(classes, counts.tolist(), strict=True))
            raise refused(session, "The label has one class only", where, "two classes or more", found)
        n_trials = np.array([len(np.unique(groups[labels == code])) for code in range(len(classes))])
        found = dict(list(zip(classes, counts.tolist(), strict=True))[:10])
        expected = f"at least min_trials_per_class = {least} samples of each class"
    if counts.min() < least:
        got = f"{found}; dropped: {counted(dropped)}"
        raise refused(session, "A class has too few samples", where, expected, got)
    if n_trials.min() < LEAST_TRIALS:
        got = f"{int(n_trials.min())} for {(classes or ['all samples'])[int(n_trials.argmin())]}"
        expected = f"samples of at least {LEAST_TRIALS} trials for each class, which folds can part"
        raise refused(session, "A class has too few trials", where, expected, got)
