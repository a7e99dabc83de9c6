"""States of trained networks: their dimension, their paths, and what they foretell of errors."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold

N_COMPONENTS = 10
FEWEST_TRIALS = 20


def participation_ratio(states):
    """(sum of eigenvalues)^2 / sum of squared eigenvalues of the covariance.

    Parameters
    ----------
    states : array, shape (samples, units)

    Returns
    -------
    float
        From 1 (a line) to the number of units (a sphere); nan without variance.
    """
    centred = np.asarray(states, float) - np.mean(states, axis=0)
    # Traces of the covariance and of its square, from the smaller of the two products.
    gram = centred @ centred.T if len(centred) < centred.shape[1] else centred.T @ centred
    squares = np.sum(gram**2)
    return float(np.trace(gram) ** 2 / squares) if squares > 0 else np.nan


def equal_count_ratio(states, correct, rng, n_draws=50):
    """Participation ratio of correct and of error trials, at equal numbers of trials.

    Returns
    -------
    (float, float)
        Correct, error: means over `n_draws` random choices from the larger group.
    """
    groups = [np.flatnonzero(correct), np.flatnonzero(~correct)]
    size = min(map(len, groups))
    means = []
    for group in groups:
        draws = n_draws if len(group) > size else 1
        ratios = [participation_ratio(states[rng.choice(group, size, replace=False)]) for _ in range(draws)]
        means.append(float(np.mean(ratios)))
    return tuple(means)


@dataclass(frozen=True)
class Trials:
    """Test trials of a trained network.

    Attributes
    ----------
    states : array, shape (trials, units)
        Mean state in the last steps before the response.
    correct : array of bool, shape (trials,)
    conditions : array, shape (trials, regressors)
        What the trial showed: a constant, the sines and cosines of the stimulus angles, strengths.
    stratum : array of int, shape (trials,)
        Trials of one stratum are equally difficult.
    """

    states: np.ndarray
    correct: np.ndarray
    conditions: np.ndarray
    stratum: np.ndarray


def distance_to_correct(trials, rng, n_folds=5):
    """How far each trial's state is from where correct trials of its condition are.

    States are reduced to ten principal components, and what the condition explains is taken out, by a
    regression over all trials: fitted on correct trials alone it would extrapolate to conditions that the
    network never gets right. The residual's Mahalanobis distance to those of correct trials uses a shrunk
    covariance (Ledoit and Wolf 2004). Nothing is fitted on the trial that is judged.

    Parameters
    ----------
    trials : Trials
    rng : numpy.random.Generator
        Deals the trials to folds.
    n_folds : int

    Returns
    -------
    numpy.ndarray, shape (trials,)
    """
    distance = np.empty(len(trials.correct))
    order = rng.permutation(len(trials.correct))
    for train, test in KFold(n_folds).split(order):
        train, test = order[train], order[test]
        n_components = min(N_COMPONENTS, trials.states.shape[1], len(train) - 1)
        reduce = PCA(n_components, svd_solver="full").fit(trials.states[train])
        known, judged = reduce.transform(trials.states[train]), reduce.transform(trials.states[test])
        coefficients = np.linalg.lstsq(trials.conditions[train], known, rcond=None)[0]
        residuals = known - trials.conditions[train] @ coefficients
        shrunk = LedoitWolf().fit(residuals[trials.correct[train]])
        distance[test] = np.sqrt(shrunk.mahalanobis(judged - trials.conditions[test] @ coefficients))
    return distance


def error_auroc(distance, correct, stratum, rng, n_permutations=500):
    """How well a feature tells errors from correct trials of equal difficulty.

    Parameters
    ----------
    distance : array, shape (trials,)
        Larger is taken as a sign of an error.
    correct : array of bool, shape (trials,)
    stratum : array of int, shape (trials,)
    rng : numpy.random.Generator
    n_permutations : int
        Outcomes are shuffled within strata.

    Returns
    -------
    (float, float)
        AUROC averaged over strata by their number of error-correct pairs, and its permutation p; nan
        where no stratum has both outcomes.
    """

    rank_sums = np.zeros(1 + n_permutations)
    pairs = offset = 0.0
    for label in np.unique(stratum):
        inside = stratum == label
        errors = ~correct[inside]
        n_errors, n_correct = errors.sum(), (~errors).sum()
        if not n_errors * n_correct:
            continue
        # AUROC times its number of pairs is the errors' sum of ranks less its smallest value.
        ranks = rankdata(distance[inside])
        shuffled = rng.permuted(np.tile(errors, (n_permutations, 1)), axis=1)
        rank_sums += np.concatenate([[errors @ ranks], shuffled @ ranks])
        offset += n_errors * (n_errors + 1) / 2
        pairs += n_errors * n_correct
    if not pairs:
        return np.nan, np.nan
    auroc = (rank_sums - offset) / pairs
    return float(auroc[0]), float((1 + np.sum(auroc[1:] >= auroc[0] - 1e-12)) / (1 + n_permutations))


def trajectories(states, labels, n_components=3):
    """Mean paths in the space of the first principal components.

    Parameters
    ----------
    states : array, shape (trials, time, units)
    labels : array, shape (trials,)
        Trials of one label are averaged.

    Returns
    -------
    (dict of label to array (time, components), array of explained variance ratios)
    """
    flat = states.reshape(-1, states.shape[-1])
    reduce = PCA(min(n_components, *flat.shape), svd_solver="full").fit(flat)
    paths = {label: reduce.transform(states[labels == label].mean(0)) for label in np.unique(labels)}
    return paths, reduce.explained_variance_ratio_
