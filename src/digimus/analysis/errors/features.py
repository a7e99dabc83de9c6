"""What a trial's activity before the response offers to foretell its error. All definitions are ours.

Five numbers a trial. Two need no fit: `speed`, how fast the state moves, and `rate`, the mean over units.
Three say where the state is, and are fitted on other trials alone: `distance`, how far it is from where
correct trials of its condition are; `error axis`, how far it lies from them towards the errors; and `margin`,
how far it leans to the right answer (of a network its own readout says that, and nothing is fitted).
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from sklearn.covariance import ledoit_wolf

N_COMPONENTS = 10
DISTANCE, AXIS, MARGIN, SPEED, RATE = "distance", "error axis", "margin", "speed", "rate"
FEATURES = (DISTANCE, AXIS, MARGIN, SPEED, RATE)


@dataclass(frozen=True)
class ErrorTrials:
    """Trials of one network, or of one recorded session, with how they ended.

    Attributes
    ----------
    states : array, shape (trials, units)
        Mean activity in the last steps, or in the bins, before the response.
    error : array of bool, shape (trials,)
    conditions : array, shape (trials, regressors)
        What the trial showed, with a constant.
    level : array, shape (trials, levels - 1)
        Indicators of the level of difficulty.
    setting : array, shape (trials, regressors)
        What else makes a trial hard: its right answer and its timing.
    covariates : dict of str to array, shape (trials,)
        The rest of the baseline, as far as it is known: ``time`` in the session, ``reaction time``.
    difficulty : array, shape (trials,)
        Smaller is harder; nan where there is none.
    stratum : array of int, shape (trials,)
        Trials of one stratum are equally hard.
    fold : array of int, shape (trials,)
        The fold in which each trial is judged, from 0.
    speed, rate : array, shape (trials,)
    margin : array, shape (trials,), optional
        Where nothing has to be fitted for it.
    labels : array of int, shape (trials,), optional
        Otherwise: the right answer, from which it is fitted; without both there is no margin.
    """

    states: np.ndarray
    error: np.ndarray
    conditions: np.ndarray
    level: np.ndarray
    setting: np.ndarray
    covariates: dict
    difficulty: np.ndarray
    stratum: np.ndarray
    fold: np.ndarray
    speed: np.ndarray
    rate: np.ndarray
    margin: np.ndarray | None = None
    labels: np.ndarray | None = None

    @property
    def hardness(self):
        """All that makes a trial hard, shape (trials, regressors)."""
        return np.concatenate([self.level, self.setting], 1)

    @property
    def n_folds(self):
        """Number of folds."""
        return int(self.fold.max()) + 1

    @property
    def names(self):
        """The features that there are."""
        has_margin = self.margin is not None or self.labels is not None
        return [name for name in FEATURES if name != MARGIN or has_margin]


def nested_features(trials):
    """Features of all trials for each fold, none of which has seen the trials of that fold.

    For fold k, a trial of k is judged by a fit to all other folds; a trial of another fold j, on which
    weights are then learnt, by a fit without j and without k. Features from one cross-validation alone would
    bring what is known of the judged trials into the weights.

    Parameters
    ----------
    trials : ErrorTrials

    Returns
    -------
    numpy.ndarray, shape (folds, trials, features)
        In the order of `ErrorTrials.names`.
    """
    found = np.empty((trials.n_folds, len(trials.error), len(trials.names)))
    for k in range(trials.n_folds):
        judged = trials.fold == k
        found[k, judged] = fitted_features(trials, ~judged, judged)
    for j, k in combinations(range(trials.n_folds), 2):
        judged = (trials.fold == j) | (trials.fold == k)
        features = fitted_features(trials, ~judged, judged)
        found[k, trials.fold == j] = features[trials.fold[judged] == j]
        found[j, trials.fold == k] = features[trials.fold[judged] == k]
    return found


def judged_features(trials, nested):
    """Each trial's features from the fit without its own fold, shape (trials, features)."""
    return nested[trials.fold, np.arange(len(trials.error))]


def fitted_features(trials, train, judged):
    """Features of the `judged` trials from a fit to the `train` trials (both masks).

    States are reduced to ten principal components. For distance and error axis what the condition explains is
    taken out, by a regression over correct and error trials together: fitted on correct ones alone it would
    extrapolate to conditions that are never answered rightly. The covariance is shrunk (Ledoit and Wolf
    2004).

    Returns
    -------
    numpy.ndarray, shape (judged, features)
    """
    centred = trials.states - trials.states[train].mean(0)
    axes = np.linalg.svd(centred[train], full_matrices=False)[2][:N_COMPONENTS].T
    known, new = centred[train] @ axes, centred[judged] @ axes
    coefficients = np.linalg.lstsq(trials.conditions[train], known, rcond=None)[0]
    residuals = known - trials.conditions[train] @ coefficients
    new_residuals = new - trials.conditions[judged] @ coefficients
    error = trials.error[train]
    found = {SPEED: trials.speed[judged], RATE: trials.rate[judged]}
    found[DISTANCE], found[AXIS] = _distance_and_axis(residuals, error, new_residuals)
    if trials.margin is not None:
        found[MARGIN] = trials.margin[judged]
    elif trials.labels is not None:
        found[MARGIN] = _margin(known, trials.labels[train], new, trials.labels[judged])
    return np.stack([found[name] for name in trials.names], 1)


def _distance_and_axis(residuals, error, new):
    """Mahalanobis distance to the correct trials, and the projection on Fisher's axis from them to errors."""
    centre = residuals[~error].mean(0)
    precision = np.linalg.pinv(ledoit_wolf(residuals[~error])[0], hermitian=True)
    new = new - centre
    distance = np.sqrt(np.einsum("ti,ij,tj->t", new, precision, new, optimize=True).clip(0))
    if not error.any():
        return distance, np.zeros(len(new))
    between = residuals[error].mean(0) - centre
    axis = precision @ between
    length = np.sqrt(between @ axis)
    return distance, new @ axis / (length if length > 0 else 1.0)


def _margin(known, labels, new, right):
    """Log odds of the right class against the likeliest other, by discriminants of a shrunk covariance."""
    classes = np.unique(labels)
    if len(classes) < 2:
        return np.zeros(len(new))
    means = np.stack([known[labels == c].mean(0) for c in classes])
    within = known - means[np.searchsorted(classes, labels)]
    precision = np.linalg.pinv(ledoit_wolf(within, assume_centered=True)[0], hermitian=True)
    weights = means @ precision
    scores = new @ weights.T - 0.5 * np.sum(weights * means, 1)
    own = right[:, None] == classes
    margin = np.where(own, scores, -np.inf).max(1) - np.where(own, -np.inf, scores).max(1)
    return np.where(own.any(1), margin, 0.0)  # a class that training lacks says nothing
