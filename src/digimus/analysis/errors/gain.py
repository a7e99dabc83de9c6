"""How much better errors are foretold with features of the activity than without. Definitions are ours.

The gain is taken over the same model with the features shuffled among trials of equal difficulty: shuffled
they still say all that they know of the difficulty, and cost as many weights, but know nothing of the single
trial. Baseline and full model are linear discriminants by least squares, which for two classes is Fisher's.
They rank trials much as a logistic model does (that one is in `digimus.analysis.errors.model`), and can be
fitted anew to every permutation. Everything is cross-validated; AUROCs compare trials of the same fold
alone, so that folds with more errors do not count as foretold.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

RIDGE = 1e-3  # of standardised features, as a share of the training trials
N_EQUAL_DRAWS = 20
AT_ONCE = 25  # permutations in memory


@dataclass(frozen=True)
class Gain:
    """AUROCs of error, cross-validated.

    Attributes
    ----------
    difficulty, baseline, full : float
        Of difficulty alone; with time and reaction time; and with the features of the activity.
    shuffled : array, shape (permutations,)
        As `full`, the features shuffled among trials of one stratum.
    equal : float
        The gain where correct and error trials are equally many, mean over draws.
    """

    difficulty: float
    baseline: float
    full: float
    shuffled: np.ndarray
    equal: float

    @property
    def gain(self):
        """Full less the mean of the shuffled."""
        return self.full - float(self.shuffled.mean())

    @property
    def p(self):
        """Share of the shuffles, and the observed, that reach the observed."""
        return float((1 + np.sum(self.shuffled >= self.full - 1e-12)) / (1 + len(self.shuffled)))


def auroc_gain(trials, features, rng, n_permutations):
    """How much the features add to what difficulty, time and reaction time say of the error.

    Parameters
    ----------
    trials : digimus.analysis.errors.features.ErrorTrials
    features : array, shape (folds, trials, features)
        As from `nested_features`.
    rng : numpy.random.Generator
    n_permutations : int
        At least 1.

    Returns
    -------
    Gain
    """
    everyone = np.arange(len(trials.error))
    covariates = [trials.hardness, *(values[:, None] for values in trials.covariates.values())]
    base = np.concatenate(covariates, 1)
    scores = _scores(trials, base, features, everyone[None])
    difficulty = _scores(trials, trials.hardness, features[..., :0], everyone[None])
    before, after = (fold_auroc(x, trials.error, trials.fold)[0] for x in scores)
    shuffled = []
    for start in range(0, n_permutations, AT_ONCE):
        orders = np.stack([_within(trials.stratum, rng) for _ in range(min(AT_ONCE, n_permutations - start))])
        scores = _scores(trials, base, features, orders)[1]
        shuffled.append(fold_auroc(scores, trials.error, trials.fold))
    return Gain(
        difficulty=float(fold_auroc(difficulty[0], trials.error, trials.fold)[0]),
        baseline=float(before),
        full=float(after),
        shuffled=np.concatenate(shuffled),
        equal=_equal_gain(trials, base, features, rng),
    )


def fold_auroc(scores, error, fold):
    """AUROC of error trials against correct ones of their own fold, by number of pairs.

    Parameters
    ----------
    scores : array, shape (..., trials)
        Larger is taken as a sign of an error.
    error : array of bool, shape (trials,)
    fold : array of int, shape (trials,)

    Returns
    -------
    numpy.ndarray, shape (...)
        nan where no fold has both.
    """
    total, pairs = 0.0, 0
    for k in np.unique(fold):
        here = error[fold == k]
        n_errors, n_correct = here.sum(), (~here).sum()
        if n_errors and n_correct:
            ranks = rankdata(scores[..., fold == k], axis=-1)
            total = total + ranks[..., here].sum(-1) - n_errors * (n_errors + 1) / 2
            pairs += int(n_errors * n_correct)
    return total / pairs if pairs else np.full(np.shape(scores)[:-1], np.nan)


def _within(stratum, rng):
    """A permutation of the trials within their strata."""
    order, places = np.empty(len(stratum), int), np.argsort(stratum, kind="stable")
    order[places] = np.lexsort((rng.random(len(stratum)), stratum))
    return order


def _scores(trials, base, features, orders):
    """Judged scores (orders, trials) of the baseline, and of the baseline with features in these orders.

    The features' share is fitted to what the baseline leaves (Frisch, Waugh and Lovell), so that the baseline
    is solved once a fold.
    """
    n = len(trials.error)
    without, full = np.zeros((1, n)), np.zeros((len(orders), n))
    for k in range(trials.n_folds):
        train, judged = trials.fold != k, trials.fold == k
        target = trials.error - trials.error[train].mean()
        columns = np.column_stack([np.ones(n), _standardised(base, train)])
        solve = np.linalg.pinv(columns[train])
        known = columns @ (solve @ target[train])
        without[:, judged] = known[judged]
        moved = _standardised(features[k], train)[orders]
        moved = moved - columns @ (solve @ moved[:, train])
        inside = moved[:, train]
        gram = np.swapaxes(inside, 1, 2) @ inside + RIDGE * train.sum() * np.eye(moved.shape[2])
        pull = np.swapaxes(inside, 1, 2) @ (target - known)[train]
        weights = np.linalg.solve(gram, pull[..., None])
        full[:, judged] = known[judged] + (moved[:, judged] @ weights)[..., 0]
    return without, full


def _standardised(columns, train):
    centred = columns - columns[train].mean(0)
    scale = centred[train].std(0)
    return np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 1e-12)


def _equal_gain(trials, base, features, rng):
    """Mean gain over draws of as many correct as error trials."""
    groups = [np.flatnonzero(trials.error), np.flatnonzero(~trials.error)]
    size, gains = min(map(len, groups)), []
    for _ in range(N_EQUAL_DRAWS):
        drawn = np.sort(np.concatenate([rng.choice(group, size, replace=False) for group in groups]))
        part = _Part(trials.error[drawn], trials.fold[drawn], trials.n_folds)
        orders = np.stack([np.arange(len(drawn)), _within(trials.stratum[drawn], rng)])
        scores = _scores(part, base[drawn], features[:, drawn], orders)[1]
        as_found, shuffled = fold_auroc(scores, part.error, part.fold)
        gains.append(as_found - shuffled)
    return float(np.mean(gains))


@dataclass(frozen=True)
class _Part:
    """Some of the trials."""

    error: np.ndarray
    fold: np.ndarray
    n_folds: int
