"""Splits into training and test samples. No split ever divides a group, that is, a trial."""

import logging

import numpy as np

from digimus import seeding
from digimus.errors import InputError

log = logging.getLogger(__name__)
N_PARTS = 5
"""Parts of equal size that continuous targets are cut into, to be spread over interleaved folds."""


class TooFewTrials(InputError):
    """A session has too few trials for the folds that are asked for."""


def blocked(groups, start_s, n_folds, gap_groups):
    """Contiguous blocks of time, with a gap between test and training.

    Parameters
    ----------
    groups : array of int (n_samples,)
        Trial of each sample.
    start_s : array (n_samples,)
        Time of each sample; groups are ordered by their first.
    n_folds : int
    gap_groups : int
        Groups this close to the test block, on either side, are left out of training.

    Yields
    ------
    (array, array)
        Positions of the training and of the test samples, increasing.

    Raises
    ------
    TooFewTrials
        If there are fewer groups than folds, or nothing is left to train on.
    InputError
        For a negative gap, or fewer than two folds.
    """
    groups, start_s = np.asarray(groups), np.asarray(start_s)
    _check(groups, n_folds)
    if gap_groups < 0:
        raise _problem("The gap is negative.", "gap_groups", "zero or more groups", gap_groups)
    names, member = np.unique(groups, return_inverse=True)
    first_s = np.full(len(names), np.inf)
    np.minimum.at(first_s, member, start_s)
    rank = np.empty(len(names), int)
    rank[np.argsort(first_s, kind="stable")] = np.arange(len(names))
    position = rank[member]
    folds = []
    for block in np.array_split(np.arange(len(names)), n_folds):
        test = (position >= block[0]) & (position <= block[-1])
        train = (position < block[0] - gap_groups) | (position > block[-1] + gap_groups)
        if not train.any():
            got = f"{len(names)} trials in {n_folds} folds with a gap of {gap_groups}"
            what = "A fold has no training trials."
            raise _problem(what, "gap_groups", "a smaller gap", got, TooFewTrials)
        folds.append((np.flatnonzero(train), np.flatnonzero(test)))
    yield from folds


def interleaved(groups, labels, n_folds, seed):
    """Folds drawn at random over the whole session, every class spread evenly over them.

    Optimistic, since neighbours in time end up on both sides; meant to stand beside `blocked`.

    Parameters
    ----------
    groups : array of int (n_samples,)
        Trial of each sample.
    labels : array (n_samples,)
        Class of each sample; a trial counts as its commonest class. Continuous targets (floats) are spread
        by fifths of their values (ours).
    n_folds : int
    seed : int

    Yields
    ------
    (array, array)
        Positions of the training and of the test samples, increasing.

    Raises
    ------
    TooFewTrials
        If there are fewer groups than folds.
    InputError
        For fewer than two folds.
    """
    groups, labels = np.asarray(groups), np.asarray(labels)
    _check(groups, n_folds)
    if labels.dtype.kind == "f":
        labels = np.searchsorted(np.quantile(labels, np.arange(1, N_PARTS) / N_PARTS), labels)
    names, member = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), labels.max() + 1), int)
    np.add.at(counts, (member, labels), 1)
    rng = seeding.stream(seed, "recordings", "splits", "interleaved")
    shuffled = rng.permutation(len(names))
    by_class = shuffled[np.argsort(counts.argmax(axis=1)[shuffled], kind="stable")]
    fold = np.empty(len(names), int)
    fold[by_class] = np.arange(len(names)) % n_folds
    for number in range(n_folds):
        test = fold[member] == number
        yield np.flatnonzero(~test), np.flatnonzero(test)


def available(name, session_id, folds):
    """The folds of a session in a split; none, and a line in the log, where it has too few trials for them.

    Parameters
    ----------
    name, session_id : str
        Of the split and the session, for the log.
    folds : iterable of (train, test)
        As `blocked` and `interleaved` make them.

    Returns
    -------
    list of (array, array)
    """
    try:
        return list(folds)
    except TooFewTrials as error:
        why = f"{error.what} Expected {error.expected}; got {error.got}."
        log.warning("%s: the split %s is not available: %s", session_id, name, why)
        return []


def other_sessions(sessions, held):
    """The sessions that a decoder of a held-out one may learn from: all others with the same classes.

    Leave one session out (ours): what sessions can share is learnt on the others alone, and what is a
    session's own, such as the weights of its units, on its `blocked` training folds.

    Parameters
    ----------
    sessions : sequence of Prepared
        Of one dataset.
    held : int
        Position of the session that is left out.

    Returns
    -------
    (list of int, str)
        Positions of the others, and why there are none (empty where there are).
    """
    classes = list(sessions[held].classes)
    others = [k for k, other in enumerate(sessions) if k != held and list(other.classes) == classes]
    if others:
        return others, ""
    if len(sessions) == 1:
        return [], "the dataset has no other session"
    return [], "no other session has the same classes, " + ", ".join(classes)


def _check(groups, n_folds):
    n_groups = len(np.unique(groups))
    if n_folds < 2 or n_groups < n_folds:
        expected = f"from two folds to as many as there are trials ({n_groups})"
        kind = InputError if n_folds < 2 else TooFewTrials
        raise _problem("The trials cannot be split.", "n_folds", expected, n_folds, kind)


def _problem(what, where, expected, got, kind=InputError):
    return kind(what, where=where, expected=expected, got=got, hint="Change the splits in the configuration.")
