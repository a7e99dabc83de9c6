"""Scores of held-out predictions, reference decoders, and the label-permutation null."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

METRICS = ("accuracy", "balanced_accuracy", "auroc", "log_loss")
INVERSE_PENALTY = 0.01


def scores(labels, probabilities):
    """Metrics of held-out class probabilities.

    Parameters
    ----------
    labels : array of int, shape (samples,)
    probabilities : array, shape (samples, classes)
        Rows of nan (samples that no fold held out) are left out.

    Returns
    -------
    dict of str to float
        accuracy, balanced_accuracy, auroc (one against the rest, averaged over classes) and log_loss
        (nats); nan where fewer than two classes were held out.
    """
    known = np.isfinite(probabilities).all(1)
    labels, probabilities = np.asarray(labels)[known], np.asarray(probabilities, float)[known]
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(METRICS, np.nan)
    predicted = probabilities.argmax(1)
    # Single-precision rows add up to one only nearly.
    probabilities = probabilities / probabilities.sum(1, keepdims=True)
    n_classes = probabilities.shape[1]
    return {
        "accuracy": float(np.mean(predicted == labels)),
        "balanced_accuracy": float(balanced_accuracy_score(labels, predicted)),
        "auroc": _auroc(labels, probabilities),
        "log_loss": float(log_loss(labels, probabilities, labels=np.arange(n_classes))),
    }


def _auroc(labels, probabilities):
    """Mean over the classes that occur of class against rest."""
    columns = [1] if probabilities.shape[1] == 2 else np.unique(labels)
    return float(np.mean([roc_auc_score(labels == column, probabilities[:, column]) for column in columns]))


def activity_features(values):
    """Summed activity of every unit, shape (samples, units), from (samples, time bins, units)."""
    return np.asarray(values, float).sum(1)


def activity_decoder():
    """Logistic regression on standardised summed activity; everything is fitted on training samples."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=INVERSE_PENALTY, max_iter=500))


def clock_decoder():
    """Logistic regression on a spline of the time since the last reward: what the clock alone tells."""
    return make_pipeline(
        SplineTransformer(n_knots=6, degree=3), StandardScaler(), LogisticRegression(max_iter=500)
    )


def held_out(make_decoder, features, labels, folds, n_classes):
    """Class probabilities of every sample from the decoder that did not see it.

    Parameters
    ----------
    make_decoder : callable
        Gives a fresh scikit-learn classifier.
    features : array, shape (samples, features)
    labels : array of int, shape (samples,)
    folds : list of (train, test) index arrays
    n_classes : int

    Returns
    -------
    numpy.ndarray, shape (samples, classes)
        nan for samples that no fold held out.
    """
    probabilities = np.full((len(labels), n_classes), np.nan)
    for train, test in folds:
        seen = np.unique(labels[train])
        if len(seen) == 1:
            probabilities[test] = np.eye(n_classes)[seen[0]]
            continue
        decoder = make_decoder().fit(features[train], labels[train])
        probabilities[test] = 0
        probabilities[np.ix_(test, decoder[-1].classes_)] = decoder.predict_proba(features[test])
    return probabilities


def permutation_null(make_decoder, features, labels, groups, folds, n_classes, n_permutations, rng):
    """Balanced accuracies after the labels were shuffled and the decoder fitted afresh.

    Where several samples share a trial, whole trials change places, so that labels keep their order
    inside trials of equal length.

    Parameters
    ----------
    make_decoder, features, labels, folds, n_classes
        As for `held_out`.
    groups : array of int, shape (samples,)
        The trial of every sample.
    n_permutations : int
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (n_permutations,)
    """
    null = np.empty(n_permutations)
    for k in range(n_permutations):
        shuffled = shuffle_trials(labels, groups, rng)
        null[k] = scores(shuffled, held_out(make_decoder, features, shuffled, folds, n_classes))[
            "balanced_accuracy"
        ]
    return null


def shuffle_trials(labels, groups, rng):
    """Labels with the trials in another order: each trial gets the label sequence of another one.

    Trials are exchanged with trials of as many samples. Trials that are alone with their number of samples
    are strung together in a new order, and their labels dealt out along that string.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    shuffled = labels.copy()
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    sizes = np.array([len(samples) for samples in members])
    alone = []
    for size in np.unique(sizes):
        alike = [members[k] for k in np.flatnonzero(sizes == size)]
        if len(alike) == 1:
            alone += alike
            continue
        for target, origin in zip(alike, rng.permutation(len(alike)), strict=True):
            shuffled[target] = labels[alike[origin]]
    if len(alone) > 1:
        order = rng.permutation(len(alone))
        shuffled[np.concatenate(alone)] = np.concatenate([labels[alone[k]] for k in order])
    return shuffled


def permutation_p(value, null):
    """(1 + number of permutations that do as well) / (1 + number of permutations)."""
    null = np.asarray(null)[np.isfinite(null)]
    return float((1 + np.sum(null >= value)) / (1 + len(null))) if np.isfinite(value) else np.nan
