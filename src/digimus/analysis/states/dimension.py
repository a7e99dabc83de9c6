"""How many dimensions states fill, corrected for the number of samples that they are judged by."""

import numpy as np


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


def unbiased_traces(samples):
    """Unbiased estimates of (tr C)^2 and of tr C^2 for the covariance C that the samples are drawn from.

    They are averages over four different samples, so that no sample meets itself: of
    |x_i - x_j|^2 |x_k - x_l|^2 / 4 and of ((x_i - x_j) (x_k - x_l))^2 / 4 (Chen, Zhang & Zhong 2010), here in
    their closed form (Himeno & Yamada 2014). No distribution is assumed.

    Parameters
    ----------
    samples : array, shape (samples, units)
        Independent samples, four or more.

    Returns
    -------
    (float, float)
        nan with fewer than four samples.
    """
    samples = np.asarray(samples, float)
    n = len(samples)
    if n < 4:
        return np.nan, np.nan
    centred = samples - samples.mean(0)
    gram = centred @ centred.T if n < centred.shape[1] else centred.T @ centred
    trace, of_square = np.trace(gram) / (n - 1), np.sum(gram**2) / (n - 1) ** 2
    fourth = np.sum(np.sum(centred**2, axis=1) ** 2) / (n - 1)
    scale = (n - 1) / (n * (n - 2) * (n - 3))
    squared = scale * (2 * of_square + (n * n - 3 * n + 1) * trace**2 - n * fourth)
    return float(squared), float(scale * ((n - 1) * (n - 2) * of_square + trace**2 - n * fourth))


def corrected_participation_ratio(samples):
    """(tr C)^2 / tr C^2, each estimated without bias.

    The plain ratio cannot exceed the number of samples and falls short wherever that is not far above the
    dimension; this is the correction for finite samples of Chun, Canatar, Chung & Lee (2026).

    Parameters
    ----------
    samples : array, shape (samples, units)
        Independent samples, such as one state a trial; steps of one trial are not.

    Returns
    -------
    float
        nan with fewer than four samples, or where they do not suffice to tell tr C^2 from zero.
    """
    squared, of_square = unbiased_traces(samples)
    return squared / of_square if of_square > 1e-12 * abs(squared) else np.nan


def n_components_for(samples, share=0.9):
    """How many principal components explain a share of the variance; 0 without variance.

    Parameters
    ----------
    samples : array, shape (samples, units)
    share : float

    Returns
    -------
    int
    """
    centred = np.asarray(samples, float) - np.mean(samples, axis=0)
    variances = np.linalg.svd(centred, compute_uv=False) ** 2
    if not variances.sum() > 0:
        return 0
    return int(np.searchsorted(np.cumsum(variances) / variances.sum(), share - 1e-9) + 1)
