"""What a decoder reaches where activity tells nothing of labels: shuffled labels and pseudo-sessions.

Shuffled labels keep how often each class comes. They do not keep that neighbouring trials have similar
labels; where activity drifts as slowly, that alone lets a decoder do better than on shuffles. The labels of
pseudo-sessions (Harris 2020, doi 10.1101/2020.11.29.402719) are as autocorrelated as the real ones, and the
activity was recorded without them. Here they come from a chain of first order: of labels with a longer
memory they are too lively, and the null too narrow.
"""

import numpy as np
from scipy.stats import norm, rankdata

from digimus.analysis.decoding.decoders import held_out
from digimus.analysis.decoding.metrics import balanced_accuracy, continuous_scores

LABELS, PSEUDO = "labels", "pseudo-session"
NULLS = (LABELS, PSEUDO)


def null_labels(kind, session, exchanged, n_draws, rng):
    """Labels without a relation to the activity.

    Where a decoder exchanges trials, what the place of a sample within its trial tells of its label stays in
    the null; where it exchanges samples, it does not.

    Parameters
    ----------
    kind : {"labels", "pseudo-session"}
    session : digimus.recordings.Prepared
    exchanged : {"trials", "samples"}
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (n_draws, samples)
    """
    groups = session.groups if exchanged == "trials" else np.arange(session.n_samples)
    if kind == LABELS:
        return np.stack([shuffle_trials(session.labels, groups, rng) for _ in range(n_draws)])
    if session.continuous:
        return surrogate_series(session.labels, session.start_s, n_draws, rng)
    return pseudo_labels(session.labels, groups, session.start_s, n_draws, rng)


def null_values(decoder, features, draws, folds, n_classes, remade=None):
    """What the decoder reaches on each draw of labels, fitted afresh: balanced accuracy, or r2 for numbers.

    Parameters
    ----------
    decoder : Decoder
        Of those that have nulls.
    features : array (samples, features)
    draws : array (draws, samples)
    folds : list of (train, test) index arrays
    n_classes : int
        0 for numbers.
    remade : callable, optional
        Gives the folds of a draw, for splits that depend on the labels.

    Returns
    -------
    numpy.ndarray, shape (draws,)
        nan where it cannot be computed.
    """
    if remade is None:
        found = held_out(decoder, features, draws, folds, n_classes)
        all_folds = [folds] * len(draws)
    else:
        all_folds = [remade(draw) for draw in draws]
        found = [
            held_out(decoder, features, draw, own, n_classes)
            for draw, own in zip(draws, all_folds, strict=True)
        ]
    return np.array([reached(*parts, n_classes) for parts in zip(draws, found, all_folds, strict=True)])


def reached(labels, found, folds, n_classes):
    """Balanced accuracy of class probabilities, or r2 of predictions."""
    if not n_classes:
        return continuous_scores(labels, found, fold_numbers(folds, len(labels)))["r2"]
    known = np.isfinite(found).all(1)
    return balanced_accuracy(labels[known], found[known].argmax(1))


def fold_numbers(folds, n_samples):
    """The fold that held each sample out, int (n_samples,); -1 for none."""
    fold_of = np.full(n_samples, -1)
    for fold, (_, test) in enumerate(folds):
        fold_of[test] = fold
    return fold_of


def shuffle_trials(labels, groups, rng):
    """Labels with the trials in another order: each trial gets the label sequence of another one.

    Trials are exchanged with trials of as many samples. Trials that are alone with their number of samples
    are strung together in a new order, and their labels dealt out along that string.
    """
    labels, groups = np.asarray(labels), np.asarray(groups)
    shuffled = labels.copy()
    order = np.argsort(groups, kind="stable")
    _, firsts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    alone = []
    for size in np.unique(sizes):
        alike = order[firsts[sizes == size][:, None] + np.arange(size)]
        if len(alike) == 1:
            alone.append(alike[0])
            continue
        shuffled[alike] = labels[alike[rng.permutation(len(alike))]]
    if len(alone) > 1:
        dealt = rng.permutation(len(alone))
        shuffled[np.concatenate(alone)] = np.concatenate([labels[alone[k]] for k in dealt])
    return shuffled


def pseudo_labels(labels, groups, start_s, n_draws, rng):
    """Classes of sessions that might have been: a Markov chain of first order, fitted to the real labels.

    In the order of time, the class of a sample depends on the class of the one before and on the sample's
    place within its trial [ours]. Every probability is drawn towards the one that knows less (the place
    alone, and then neither) as if by one sample.

    Parameters
    ----------
    labels, groups : array of int, shape (samples,)
    start_s : array, shape (samples,)
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray of int, shape (n_draws, samples)
    """
    labels, n_classes = np.asarray(labels), int(np.max(labels)) + 1
    order = np.argsort(start_s, kind="stable")
    series, place = labels[order], _place(np.asarray(groups)[order])
    counts = np.zeros((place.max() + 1, n_classes, n_classes))
    np.add.at(counts, (place[1:], series[:-1], series[1:]), 1)
    of_place = np.zeros((len(counts), n_classes))
    np.add.at(of_place, (place, series), 1)
    overall = np.bincount(series, minlength=n_classes) / len(series)
    of_place = (of_place + overall) / (of_place.sum(1, keepdims=True) + 1)
    following = (counts + of_place[:, None, :]) / (counts.sum(2, keepdims=True) + 1)
    limits, first = following.cumsum(2), of_place.cumsum(1)
    drawn = np.empty((n_draws, len(series)), int)
    uniform = rng.random((len(series), n_draws))
    for k in range(len(series)):
        limit = limits[place[k], drawn[:, k - 1]] if k else np.tile(first[place[0]], (n_draws, 1))
        drawn[:, k] = (uniform[k][:, None] >= limit[:, :-1]).sum(1)
    pseudo = np.empty_like(drawn)
    pseudo[:, order] = drawn
    return pseudo


def _place(groups):
    """Number of each sample within its trial, for samples in the order of time."""
    order = np.argsort(groups, kind="stable")
    _, firsts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    place = np.empty(len(groups), int)
    place[order] = np.arange(len(groups)) - np.repeat(firsts, sizes)
    return place


def surrogate_series(targets, start_s, n_draws, rng):
    """Numbers of sessions that might have been: the same values with the same autocorrelation.

    Amplitude-adjusted surrogates (Theiler et al. 1992): the ranks of a normal series whose spectrum is that
    of the real one and whose phases are random.

    Parameters
    ----------
    targets, start_s : array, shape (samples,)
    n_draws : int
    rng : numpy.random.Generator

    Returns
    -------
    numpy.ndarray, shape (n_draws, samples)
    """
    order = np.argsort(start_s, kind="stable")
    n = len(order)
    normal = norm.ppf(rankdata(np.asarray(targets)[order]) / (n + 1))
    spectrum = np.abs(np.fft.rfft(normal))
    phases = np.exp(2j * np.pi * rng.random((n_draws, len(spectrum))))
    ranks = np.fft.irfft(spectrum * phases, n, axis=1).argsort(1).argsort(1)
    surrogates = np.empty((n_draws, n))
    surrogates[:, order] = np.sort(targets)[ranks]
    return surrogates


def permutation_p(value, null):
    """(1 + number of draws that do as well) / (1 + number of draws); nan without a value or a draw."""
    null = np.asarray(null)[np.isfinite(null)]
    if not np.isfinite(value) or not len(null):
        return np.nan
    return float((1 + np.sum(null >= value)) / (1 + len(null)))
