"""Does a decoder see what it must not? Checks for decoders of one's own, which ours pass, too."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score

from digimus.errors import InputError

N_SHUFFLES = 20
N_ERRORS = 3
"""Shuffled labels may pass chance by so many standard errors. Our definition."""
CLOSE = dict(rtol=1e-5, atol=1e-6)


@dataclass(frozen=True)
class LeakReport:
    """What `check_decoder` found.

    Attributes
    ----------
    table : pandas.DataFrame
        check, passes, detail.
    """

    table: pd.DataFrame

    @property
    def passes(self):
        """Whether every check was passed."""
        return bool(self.table["passes"].all())

    @property
    def failed(self):
        """Names of the checks that were not passed."""
        return self.table.loc[~self.table["passes"], "check"].tolist()

    def __str__(self):
        lines = [
            f"{'ok  ' if row.passes else 'LEAK'} {row.check}: {row.detail}" for row in self.table.itertuples()
        ]
        return "\n".join(lines)


def check_decoder(decode, session, folds, *, rng, n_shuffles=N_SHUFFLES):
    """Run a decoder where it must not do well, and where its answers must not change.

    Parameters
    ----------
    decode : callable
        Maps (session, folds) to held-out predictions, nan where no fold holds a sample out: class
        probabilities (n_samples, n_classes), or values (n_samples,) of a continuous target. It gets
        sessions whose values and labels are not the real ones, and folds one at a time as well as together.
    session : digimus.recordings.Prepared
    folds : list of (train, test)
        Positions of samples, as the functions of `digimus.recordings.splits` give them.
    rng : numpy.random.Generator
    n_shuffles : int
        How often labels are shuffled; more find smaller leaks.

    Returns
    -------
    LeakReport
        Its checks:

        - ``trials``: no trial has samples on both sides of a fold, and no sample is held out twice;
        - ``repeatable``: the same input gives the same predictions;
        - ``test labels``: predictions of a fold do not depend on the labels that they are to predict;
        - ``other test samples``: nor on other trials that are held out, nor on later samples of their own
          trial, as they would if test samples were normalised together or the future were looked at;
        - ``gap``: nor on samples that the fold leaves out on both sides;
        - ``shuffled labels``: trained and tested on labels in another order, balanced accuracy (or, of a
          continuous target, the correlation) is not above chance by more than three standard errors of the
          binomial.

        None of them can find what was done to the files before: features made from the future, or from the
        labels, must be made inside `decode`. Our definitions.

    Raises
    ------
    InputError
        If the predictions have another shape.
    """
    folds = [(np.asarray(train), np.asarray(test)) for train, test in folds]
    # Sums depend in their last bits on how an array lies in memory, and changed ones are copies.
    session = replace(session, values=np.array(session.values, order="C"))
    base = [_predictions(decode, session, [fold]) for fold in folds]
    found = [_trials(session, folds), _repeatable(decode, session, folds, base)]
    for check, other in (
        ("test labels", _other_labels), ("other test samples", _other_samples), ("gap", _other_gap),
    ):  # fmt: skip
        found.append(_unchanged(check, decode, session, folds, base, other, rng))
    found.append(_shuffled(decode, session, folds, n_shuffles, rng))
    return LeakReport(pd.DataFrame(found, columns=["check", "passes", "detail"]))


def check_causal(run, values, *, rng):
    """Whether outputs over time depend on the past alone.

    Parameters
    ----------
    run : callable
        Maps values (n_samples, n_bins, n_units) to outputs (n_samples, n_bins, ...), output t being what is
        said after bin t.
    values : array, shape (n_samples, n_bins, n_units)
    rng : numpy.random.Generator

    Returns
    -------
    int or None
        The first bin after which other activity changes what was said at or before it; None where none does.
    """
    values = np.asarray(values)
    base = np.asarray(run(values))
    for last in range(values.shape[1] - 1):
        changed = values.copy()
        changed[:, last + 1 :] = _other_values(changed[:, last + 1 :], rng)
        if not np.allclose(
            base[:, : last + 1], np.asarray(run(changed))[:, : last + 1], equal_nan=True, **CLOSE
        ):
            return last
    return None


def _predictions(decode, session, folds):
    found = np.asarray(decode(session, folds), float)
    shape = (session.n_samples, *([len(session.classes)] if session.classes else []))
    if found.shape != shape:
        raise InputError(
            "A decoder's predictions have another shape than they should.",
            where="what decode returns",
            expected=f"{shape}: samples, and classes where the target has some",
            got=found.shape,
            hint="Return a row for every sample, nan where no fold holds it out.",
        )
    return found


def _trials(session, folds):
    for k, (train, test) in enumerate(folds):
        both = np.intersect1d(session.groups[train], session.groups[test])
        if len(both):
            return "trials", False, f"trial {both[0]} is trained on and held out in fold {k}"
    held_out = np.concatenate([test for _, test in folds])
    twice = len(held_out) - len(np.unique(held_out))
    return "trials", not twice, f"{twice} of {len(held_out)} samples held out twice"


def _repeatable(decode, session, folds, base):
    same = np.allclose(_predictions(decode, session, folds[:1]), base[0], equal_nan=True, **CLOSE)
    return "repeatable", same, "the same twice" if same else "fix its seed: the other checks need that"


def _unchanged(check, decode, session, folds, base, other, rng):
    """Whether predictions stay as they are where something else is changed."""
    n_checked = n_changed = 0
    for fold, before in zip(folds, base, strict=True):
        changed, kept = other(session, *fold, rng)
        if changed is None:
            continue
        after = _predictions(decode, changed, [fold])
        same = np.isclose(before[kept], after[kept], equal_nan=True, **CLOSE).reshape(len(kept), -1).all(1)
        n_checked, n_changed = n_checked + len(kept), n_changed + int((~same).sum())
    if not n_checked:
        return check, True, "nothing to change in these folds"
    return check, n_changed == 0, f"{n_changed} of {n_checked} predictions changed"


def _other_labels(session, train, test, rng):
    return replace(session, labels=_relabelled(session, test, rng)), test


def _other_samples(session, train, test, rng):
    """Other values and labels for half of the held-out trials, and for what is late in the other half."""
    trials = rng.permutation(np.unique(session.groups[test]))
    whole = np.isin(session.groups[test], trials[: len(trials) // 2])
    late = np.zeros(len(test), bool)
    for trial in trials[len(trials) // 2 :]:
        own = np.flatnonzero(session.groups[test] == trial)
        in_time = own[np.argsort(session.start_s[test[own]], kind="stable")]
        late[in_time[rng.integers(len(own)) + 1 :]] = True
    changed = whole | late
    if not changed.any():
        return None, None
    return _altered(session, test[changed], rng), test[~changed]


def _other_gap(session, train, test, rng):
    gap = np.setdiff1d(np.arange(session.n_samples), np.concatenate([train, test]))
    return (_altered(session, gap, rng), test) if len(gap) else (None, None)


def _altered(session, samples, rng):
    values = session.values.copy(order="C")
    values[samples] = _other_values(values[samples], rng)
    return replace(session, values=values, labels=_relabelled(session, samples, rng))


def _other_values(values, rng):
    """Values of other size and order; counts stay counts."""
    return 3 * rng.permuted(values, axis=0) + rng.integers(1, 20, values.shape).astype(values.dtype)


def _relabelled(session, samples, rng):
    labels = session.labels.copy()
    if session.classes:
        labels[samples] = (labels[samples] + rng.integers(1, len(session.classes), len(samples))) % len(
            session.classes
        )
    else:
        labels[samples] = 10 * labels.std() * rng.normal(size=len(samples))
    return labels


def _shuffled(decode, session, folds, n_shuffles, rng):
    reached = []
    for _ in range(n_shuffles):
        labels = rng.permutation(session.labels)
        predictions = _predictions(decode, replace(session, labels=labels), folds)
        known = np.isfinite(predictions).reshape(len(labels), -1).all(1)
        reached.append(_score(labels[known], predictions[known], bool(session.classes)))
    mean = float(np.mean(reached))
    if session.classes:
        name, chance = "balanced accuracy", 1 / len(session.classes)
        # Recall of a class over n samples has a variance of at most 1/4n.
        counts = np.bincount(session.labels, minlength=len(session.classes))
        error = np.sqrt(np.sum(0.25 / np.maximum(counts, 1))) / len(session.classes)
    else:
        name, chance, error = "correlation", 0.0, 1 / np.sqrt(session.n_samples)
    limit = chance + N_ERRORS * error / np.sqrt(n_shuffles)
    return "shuffled labels", mean <= limit, f"{name} {mean:.3f}, limit {limit:.3f}, chance {chance:.3f}"


def _score(labels, predictions, classes):
    if classes:
        return balanced_accuracy_score(labels, predictions.argmax(1))
    return np.corrcoef(labels, predictions)[0, 1] if predictions.std() > 0 else 0.0
