"""Correct and error trials of a network or session, compared at equal counts and equal difficulty."""

import numpy as np
from scipy.stats import binomtest, rankdata

from digimus.analysis.states.dimension import participation_ratio

LEVEL = 0.01
"""Of the test that a network does its task better than by chance. Our definition."""


def why_at_chance(correct, chance):
    """Why errors cannot be told from guesses; empty where accuracy is above chance (binomial test).

    Parameters
    ----------
    correct : array of bool, shape (trials,)
    chance : float
    """
    test = binomtest(int(correct.sum()), len(correct), chance, alternative="greater")
    return "because accuracy is not above chance" if test.pvalue > LEVEL else ""


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
