"""Scores of held-out predictions: class probabilities, numbers, events, spikes, and calibration."""

import numpy as np
from sklearn.metrics import roc_auc_score

METRICS = (
    "accuracy", "balanced_accuracy", "auroc", "log_loss", "brier", "calibration_error", "information_bits",
)  # fmt: skip
CONTINUOUS_METRICS = ("r2", "correlation")
SMALLEST_PROBABILITY = 1e-7
"""Of single precision; a class that was held impossible and came costs 16 nats, and not infinitely many."""
N_CALIBRATION_BINS = 10
PRIOR_SPIKES = 10


def scores(labels, probabilities, fold_of=None, events=False):
    """Metrics of held-out class probabilities.

    Parameters
    ----------
    labels : array of int, shape (samples,)
    probabilities : array, shape (samples, classes)
        Rows of nan (samples that no fold held out) are left out.
    fold_of : array of int, shape (samples,), optional
        The fold that held each sample out; -1 for none.
    events : bool
        Whether class 1 says that an event happened.

    Returns
    -------
    dict of str to float
        accuracy; balanced_accuracy; auroc (one against the rest, averaged over classes); log_loss (nats);
        brier (squared distance from the class that came, 0 to 2: Brier 1950); calibration_error (see
        `calibration`); information_bits per sample [ours]: the log loss of the class frequencies outside
        the sample's fold less that of the decoder, nan without `fold_of`; with `events` event_f1. All nan
        where fewer than two classes were held out.
    """
    known = np.isfinite(probabilities).all(1)
    names = METRICS + (("event_f1",) if events else ())
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, float)
    all_labels, labels, probabilities = labels, labels[known], probabilities[known]
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(names, np.nan)
    # Single-precision rows add up to one only nearly.
    probabilities = probabilities / probabilities.sum(1, keepdims=True)
    n_classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    log_loss = _log_loss(labels, probabilities)
    information = np.nan
    if fold_of is not None:
        base = _frequencies_outside(all_labels, np.asarray(fold_of), n_classes)[known]
        information = (_log_loss(labels, base) - log_loss) / np.log(2)
    values = (
        float(np.mean(predicted == labels)),
        balanced_accuracy(labels, predicted),
        _auroc(labels, probabilities),
        log_loss,
        float(((probabilities - np.eye(n_classes)[labels]) ** 2).sum(1).mean()),
        _calibration_error(labels, probabilities),
        float(information),
        *((_f1(labels == 1, predicted == 1),) if events else ()),
    )
    return dict(zip(names, values, strict=True))


def balanced_accuracy(labels, predicted):
    """Mean over the classes that came of the share that was predicted; nan where only one came.

    Parameters
    ----------
    labels, predicted : arrays of int, shape (samples,)
    """
    counts = np.bincount(labels)
    came = counts > 0
    if came.sum() < 2:
        return np.nan
    right = np.bincount(labels, predicted == labels)
    return float((right[came] / counts[came]).mean())


def continuous_scores(targets, predictions, fold_of):
    """Metrics of held-out predictions of a number.

    Parameters
    ----------
    targets, predictions : array of float, shape (samples,)
        Samples whose prediction is nan are left out.
    fold_of : array of int, shape (samples,)
        The fold that held each sample out; -1 for none.

    Returns
    -------
    dict of str to float
        r2: 1 less the squared error over that of the mean of the samples outside each sample's fold; and
        correlation (Pearson). nan with fewer than three samples, or where nothing varies.
    """
    known = np.isfinite(predictions) & np.isfinite(targets)
    fold_of, all_targets = np.asarray(fold_of), np.asarray(targets, float)
    targets, predictions = all_targets[known], np.asarray(predictions, float)[known]
    if len(targets) < 3 or np.ptp(targets) == 0:
        return dict.fromkeys(CONTINUOUS_METRICS, np.nan)
    means = np.full(len(all_targets), np.nan)
    for fold in np.unique(fold_of[fold_of >= 0]):
        outside = all_targets[(fold_of != fold) & np.isfinite(all_targets)]
        means[fold_of == fold] = outside.mean() if len(outside) else np.nan
    r2 = 1 - np.sum((targets - predictions) ** 2) / np.sum((targets - means[known]) ** 2)
    varies = np.ptp(predictions) > 0
    correlation = np.corrcoef(targets, predictions)[0, 1] if varies else np.nan
    return {"r2": float(r2), "correlation": float(correlation)}


def calibration(labels, probabilities):
    """How often the predicted class came, by the probability that it was given.

    Ten equal bins of the probability of the predicted class [ours].

    Parameters
    ----------
    labels : array of int, shape (samples,)
    probabilities : array, shape (samples, classes)
        Rows of nan are left out.

    Returns
    -------
    list of dict
        bin, n, mean_probability and frequency (nan in an empty bin).
    """
    known = np.isfinite(probabilities).all(1)
    labels, probabilities = np.asarray(labels)[known], np.asarray(probabilities, float)[known]
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((confidence * N_CALIBRATION_BINS).astype(int), N_CALIBRATION_BINS - 1)
    rows = []
    for number in range(N_CALIBRATION_BINS):
        inside = bins == number
        n = int(inside.sum())
        rows.append(
            dict(
                bin=number, n=n, mean_probability=float(confidence[inside].mean()) if n else np.nan,
                frequency=float(right[inside].mean()) if n else np.nan,
            )
        )  # fmt: skip
    return rows


def bits_per_spike(values, labels, folds, observed, n_classes):
    """What the class of a sample tells of the counts of its units, in bits a spike.

    The Poisson log likelihood of held-out counts under the mean counts of their class in the training
    samples, less that under the mean counts of all training samples. A class mean is drawn towards the mean
    of all as if by `PRIOR_SPIKES` more, and that one towards the unit's mean over bins as if by one more
    sample [ours]. Below zero where the class means are noise.

    Parameters
    ----------
    values : array, shape (samples, time bins, units)
        Counts.
    labels : array of int, shape (samples,)
    folds : list of (train, test) index arrays
    observed : array of bool, shape (samples, units)
    n_classes : int

    Returns
    -------
    float
        nan without held-out spikes.
    """
    gained, n_spikes = 0.0, 0.0
    for train, test in folds:
        seen = observed[train].astype(float)
        counts = values[train] * seen[:, None, :]
        total, n = counts.sum(0), seen.sum(0)
        of_unit = (total.mean(0) + 1e-3) / (n + 1)
        mean = (total + of_unit) / (n + 1)
        for label in range(n_classes):
            own, of_test = labels[train] == label, test[labels[test] == label]
            rate = (counts[own].sum(0) + PRIOR_SPIKES) / (seen[own].sum(0) + PRIOR_SPIKES / mean)
            held = observed[of_test].astype(float)
            came = (values[of_test] * held[:, None, :]).sum(0)
            gained += (came * np.log(rate / mean) - (rate - mean) * held.sum(0)).sum()
            n_spikes += came.sum()
    return float(gained / np.log(2) / n_spikes) if n_spikes else np.nan


def _log_loss(labels, probabilities):
    came = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.clip(came, SMALLEST_PROBABILITY, 1)).mean())


def _frequencies_outside(labels, fold_of, n_classes):
    """Class frequencies, for every sample, of those that its fold did not hold out, (samples, classes).

    Half a sample is added to each class, so that none is impossible.
    """
    frequencies = np.full((len(labels), n_classes), np.nan)
    for fold in np.unique(fold_of):
        counts = np.bincount(labels[fold_of != fold], minlength=n_classes) + 0.5
        frequencies[fold_of == fold] = counts / counts.sum()
    return frequencies


def _auroc(labels, probabilities):
    """Mean over the classes that occur of class against rest."""
    columns = [1] if probabilities.shape[1] == 2 else np.unique(labels)
    return float(np.mean([roc_auc_score(labels == column, probabilities[:, column]) for column in columns]))


def _calibration_error(labels, probabilities):
    rows = [row for row in calibration(labels, probabilities) if row["n"]]
    return sum(row["n"] * abs(row["mean_probability"] - row["frequency"]) for row in rows) / len(labels)


def _f1(came, predicted):
    """Of the windows with an event; nan where none came."""
    return float(2 * np.sum(came & predicted) / (came.sum() + predicted.sum())) if came.any() else np.nan
