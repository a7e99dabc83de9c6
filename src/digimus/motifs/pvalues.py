"""Tails of distributions and the correction of many p-values, without the import of scipy.stats."""

import numpy as np
from scipy.special import gammainc, gammaincc, ndtr

SYMMETRIC = 1e-5  # below this skewness the Pearson III distribution is the normal one


def normal_tail(z):
    """The probability that a standard normal number exceeds z."""
    return ndtr(-np.asarray(z, float))


def pearson3_tail(z, skewness):
    """The probability that a Pearson III number of mean 0, variance 1 and this skewness exceeds z.

    It is a gamma distribution of shape 4/skewness^2, moved and scaled, and turned about where the skewness
    is negative.
    """
    z, skewness = np.broadcast_arrays(np.asarray(z, float), np.asarray(skewness, float))
    symmetric = np.abs(skewness) < SYMMETRIC
    size = np.where(symmetric, 1.0, skewness)
    shape = 4 / size**2
    place = np.maximum(2 / size * z + shape, 0.0)
    tail = np.where(size > 0, gammaincc(shape, place), gammainc(shape, place))
    return np.where(symmetric, normal_tail(z), tail)


def benjamini_hochberg(p):
    """Adjusted p-values (Benjamini and Hochberg 1995); nan stays nan and does not count as a test."""
    p = np.asarray(p, float)
    result = np.full(p.shape, np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known])]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    result[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return result
