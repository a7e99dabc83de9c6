"""Prepared sessions with a known relation between activity and label, for the tests of decoding."""

import numpy as np

from digimus.recordings import Prepared
from digimus.recordings.splits import blocked


def session_of(values, labels, *, name="s1", classes=("left", "right"), **changes):
    """A prepared session, a trial a sample."""
    n = len(labels)
    given = dict(
        values=np.asarray(values, np.float32), labels=np.asarray(labels), classes=list(classes),
        groups=np.arange(n), start_s=np.arange(n) * 2.0, clock_s=None,
        unit_regions=np.full(values.shape[2], "R"), bin_ms=50.0, window_ms=(0.0, 50.0 * values.shape[1]),
        session_id=name, animal="a", signal="spikes", n_trials=n, n_trials_dropped=0, dropped={},
        simulated=True,
    )  # fmt: skip
    return Prepared(**{**given, **changes})


def spiking(rng, n=120, n_units=12, n_bins=4, gain=0.4, name="s1", **changes):
    """Poisson counts of units that follow the label by gains of their own, more in later bins."""
    labels = rng.permutation(np.arange(n) % 2)
    gains = rng.normal(0, gain, n_units)
    profile = np.linspace(0, 1.5, n_bins)
    rates = np.exp(np.where(labels, 1, -1)[:, None, None] * profile[:, None] * gains)
    return session_of(rng.poisson(rates), labels, name=name, **changes)


def following_number(rng, n=150, name="n1", **changes):
    """Fluorescence of units that follow a slowly changing number."""
    targets = np.convolve(rng.normal(size=n + 20), np.ones(20) / 4, "same")[:n] + 5
    gains = rng.normal(size=9)
    values = targets[:, None, None] * gains + rng.normal(0, 3, (n, 4, 9))
    changes = dict(signal="fluorescence") | changes
    return session_of(values, targets, name=name, classes=(), **changes)


def folds_of(n, n_folds):
    return [(np.delete(np.arange(n), part), part) for part in np.array_split(np.arange(n), n_folds)]


def sharing(rng, n_sessions=3, **changes):
    """Sessions of other units, in all of which the label acts through one latent number."""
    return [spiking(rng, n_units=8 + 3 * k, name=f"s{k}", **changes) for k in range(n_sessions)]


def across(session):
    return list(blocked(session.groups, session.start_s, 4, 1))
