"""Trials of recorded sessions, for the question what foretells an error."""

import numpy as np

from digimus.analysis.errors.features import ErrorTrials

FEWEST_BINS = 2  # before the response: speed is a difference
MOST_LEVELS = 6
N_LEVELS = 4


def trials_of_session(prepared, n_folds):
    """The trials of a prepared session whose outcome is known. Definitions are ours.

    Bins that end after the response are not used; without a response time the whole window is, and without a
    response in a session that has them the trial is left out. So are units that were not observed in all
    trials: they would tell when a trial was. Folds are blocks of time of equally many trials.

    Parameters
    ----------
    prepared : digimus.recordings.Prepared
        With `error`.
    n_folds : int

    Returns
    -------
    ErrorTrials, or None if no trial is left
    """
    ends_s = (prepared.window_ms[0] + prepared.bin_ms * (1 + np.arange(prepared.n_bins))) / 1000
    before = np.ones((prepared.n_samples, prepared.n_bins), bool)
    if prepared.reaction_s is not None:
        before = ends_s <= prepared.reaction_s[:, None] + 1e-9
    kept = np.isfinite(prepared.error) & (before.sum(1) >= FEWEST_BINS)
    if not kept.any():
        return None
    kept = np.flatnonzero(kept)[np.argsort(prepared.start_s[kept], kind="stable")]
    values, before = prepared.values[kept].astype(float), before[kept]
    values = values[..., prepared.observed[kept].all(0)]
    states = np.einsum("tbu,tb->tu", values, before) / before.sum(1)[:, None]
    steps = np.linalg.norm(np.diff(values, axis=1), axis=2)
    both = before[:, 1:]
    speed = np.sum(steps * both, 1) / both.sum(1) / (prepared.bin_ms / 1000)
    difficulty = np.full(len(kept), np.nan) if prepared.difficulty is None else prepared.difficulty[kept]
    labels = None if prepared.continuous else prepared.labels[kept].astype(int)
    level = levels(difficulty)
    answer = np.zeros(len(kept), int) if labels is None else labels
    covariates = {"time": prepared.start_s[kept]}
    if prepared.reaction_s is not None:
        covariates["reaction time"] = prepared.reaction_s[kept]
    return ErrorTrials(
        states=states,
        error=prepared.error[kept] > 0,
        conditions=_conditions(prepared.labels[kept] if labels is None else one_hot(labels), difficulty),
        level=one_hot(level),
        setting=one_hot(answer, np.arange(max(1, len(prepared.classes)))),
        covariates=covariates,
        difficulty=difficulty,
        stratum=np.unique(np.stack([level, answer]), axis=1, return_inverse=True)[1].ravel(),
        fold=np.repeat(np.arange(n_folds), [len(part) for part in np.array_split(kept, n_folds)]),
        speed=speed,
        rate=states.sum(1) / max(1, states.shape[1]),
        labels=labels,
    )


def levels(difficulty):
    """Difficulties as few numbered levels: their values, or quarters of the trials where there are many."""
    known = np.unique(difficulty[np.isfinite(difficulty)])
    if len(known) > MOST_LEVELS:
        edges = np.unique(np.quantile(difficulty[np.isfinite(difficulty)], np.arange(1, N_LEVELS) / N_LEVELS))
        found = np.searchsorted(edges, difficulty, side="right")
    else:
        found = np.searchsorted(known, difficulty)
    return np.where(np.isfinite(difficulty), found, len(known))


def one_hot(codes, known=None):
    """A column for each `known` code, or each that is here, but the first: (trials, codes - 1)."""
    known = np.unique(codes) if known is None else known
    return (codes[:, None] == known[None, 1:]).astype(float)


def _conditions(answer, difficulty):
    """A constant, the right answer, the difficulty, and their product."""
    answer = answer.reshape(len(difficulty), -1)
    level = np.nan_to_num(
        difficulty - np.nanmean(difficulty) if np.isfinite(difficulty).any() else difficulty
    )
    return np.column_stack([np.ones(len(level)), answer, level, answer * level[:, None]])
