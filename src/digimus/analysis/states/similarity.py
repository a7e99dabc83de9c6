"""Similarity of representations: linear CKA without its bias, against shuffled rows.

CKA (Kornblith et al. 2019) compares how two systems place the same trials or conditions relative to each
other, whatever their units. Its plain form grows with the number of units and falls with that of trials, up
to one for noise; here HSIC is estimated without bias (Song et al. 2012), as Murphy et al. (2024) advise for
recordings. The estimate lies around zero for unrelated systems and may be negative.
"""

import numpy as np

FEWEST_ROWS = 4


def centred_gram(states):
    """The U-centred Gram matrix, whose products are unbiased estimates of HSIC (Szekely & Rizzo 2014).

    Parameters
    ----------
    states : array, shape (rows, units)
        Four rows or more; rows are trials or conditions.

    Returns
    -------
    array, shape (rows, rows)
        With a diagonal of zeros and rows that sum to zero.
    """
    states = np.asarray(states, float)
    gram = (states - states.mean(0)) @ (states - states.mean(0)).T
    n = len(gram)
    np.fill_diagonal(gram, 0)
    rows = gram.sum(1)
    gram = gram - (rows[:, None] + rows) / (n - 2) + rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(gram, 0)
    return gram


def cka(first, second):
    """Debiased linear CKA of two systems on the same rows.

    Parameters
    ----------
    first, second : array, shape (rows, units)
        Four rows or more; the numbers of units may differ.

    Returns
    -------
    float
        1 for states that are equal up to rotation and scale; nan where one of them does not vary beyond
        what its rows' number allows to tell.
    """
    return float(cka_between([first], [second])[0, 0])


def cka_between(systems, others):
    """Debiased linear CKA of every system with every other one.

    Parameters
    ----------
    systems, others : sequence of array, shape (rows, units)

    Returns
    -------
    array, shape (systems, others)
    """
    return _flat(_unit_grams(systems)) @ _flat(_unit_grams(others)).T


def shuffled_cka(systems, others, rng, n_shuffles):
    """CKA of each system with each of others when its rows are shuffled.

    Parameters
    ----------
    systems, others : sequence of array, shape (rows, units)
    rng : numpy.random.Generator
    n_shuffles : int

    Returns
    -------
    array, shape (shuffles, systems, others)
        The rows are in one order within a shuffle, whatever the system.
    """
    grams, against = _unit_grams(systems), _flat(_unit_grams(others))
    n = grams.shape[1]
    null = np.empty((n_shuffles, len(grams), len(against)))
    for k in range(n_shuffles):
        order = rng.permutation(n)
        null[k] = _flat(grams[:, order[:, None], order]) @ against.T
    return null


def _unit_grams(systems):
    """U-centred Gram matrices (systems, rows, rows) of norm one; nan for a system that does not vary."""
    grams = []
    for states in systems:
        gram = centred_gram(states)
        norm = np.sqrt(np.sum(gram**2))
        size = np.sum((states - np.mean(states, axis=0)) ** 2)
        grams.append(gram / norm if norm > 1e-12 * size and norm > 0 else np.full_like(gram, np.nan))
    return np.stack(grams)


def _flat(grams):
    return grams.reshape(len(grams), -1)
