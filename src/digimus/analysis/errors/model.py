"""A logistic model of error over several networks or sessions, with intervals that respect them."""

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import t

MOST_STEPS = 50
TOLERANCE = 1e-8
LARGEST = 15.0
"""A standardised coefficient beyond this is on its way to infinity: the classes are separated [ours]."""


class NotFitted(Exception):
    """The likelihood has no maximum that could be found."""


@dataclass(frozen=True)
class LogisticFit:
    """Coefficients with their cluster jackknife; see `clustered_logistic`.

    Attributes
    ----------
    coefficient, standard_error, ci_low, ci_high, p : array, shape (columns,)
        Without those of no interest.
    n_clusters : int
    """

    coefficient: np.ndarray
    standard_error: np.ndarray
    ci_low: np.ndarray
    ci_high: np.ndarray
    p: np.ndarray
    n_clusters: int


def clustered_logistic(clusters, n_others=0):
    """Logistic regression with an intercept of each cluster, and standard errors over clusters.

    The variance is the cluster jackknife: the model is fitted again without each of the G clusters, and the
    squared distances from the whole fit add up to (G - 1) / G times their sum; intervals and p use t with G -
    1 degrees of freedom. With few clusters this errs less than the usual sandwich (MacKinnon, Nielsen and
    Webb 2025, on logistic models; with three seeds the intervals are wide, and rightly so).

    Parameters
    ----------
    clusters : list of (array of shape (trials, columns), array of bool of shape (trials,))
        Regressors, standardised within the cluster, and errors.
    n_others : int
        The last columns, which are there to be accounted for; such a one may be 0 in all that is fitted.

    Returns
    -------
    LogisticFit

    Raises
    ------
    NotFitted
        With the reason: fewer than two clusters, separated classes, or no convergence.
    """
    if len(clusters) < 2:
        raise NotFitted(f"{len(clusters) or 'no'} network or session has numbers, and intervals need two")
    whole = _fit(clusters, n_others)
    n = len(clusters)
    without = np.stack([_fit(clusters[:k] + clusters[k + 1 :], n_others) for k in range(n)])
    error = np.sqrt((n - 1) / n * np.sum((without - whole) ** 2, 0))
    reach = t.ppf(0.975, n - 1) * error
    ratio = np.divide(np.abs(whole), error, out=np.full_like(error, np.inf), where=error > 0)
    return LogisticFit(whole, error, whole - reach, whole + reach, 2 * t.sf(ratio, n - 1), n)


def _fit(clusters, n_others):
    """Coefficients by Newton's method, without those of the other columns and of the clusters' intercepts."""
    sizes = [len(error) for _, error in clusters]
    intercepts = np.repeat(np.eye(len(clusters)), sizes, axis=0)
    columns = np.concatenate([x for x, _ in clusters])
    n_asked = columns.shape[1] - n_others
    used = columns.any(0) | (np.arange(columns.shape[1]) < n_asked)
    columns = np.concatenate([columns[:, used], intercepts], 1)
    error = np.concatenate([error for _, error in clusters]).astype(float)
    weights = np.zeros(columns.shape[1])
    for _ in range(MOST_STEPS):
        probability = expit(columns @ weights)
        slope = columns.T @ (error - probability)
        curvature = (columns * (probability * (1 - probability))[:, None]).T @ columns
        try:
            step = np.linalg.solve(curvature, slope)
        except np.linalg.LinAlgError:
            raise NotFitted("the regressors depend on each other, or separate errors from correct") from None
        weights = weights + step
        if not np.isfinite(weights).all() or np.abs(weights).max() > LARGEST:
            raise NotFitted("the regressors separate errors from correct trials")
        if np.abs(step).max() < TOLERANCE:
            return weights[:n_asked]
    raise NotFitted(f"no convergence in {MOST_STEPS} steps of Newton's method")
