"""Paired tests, hierarchical bootstrap and verdicts, each over independent units of inference."""

import numpy as np
from scipy.stats import binomtest, wilcoxon

FEWEST_UNITS = 6
N_BOOTSTRAP = 2000


def signed_rank_p(differences):
    """Two-sided Wilcoxon signed-rank p of paired differences; 1 where none differs from zero."""
    differences = np.asarray(differences, float)
    if len(differences) == 0 or not np.any(differences):
        return 1.0
    return float(wilcoxon(differences).pvalue)


def sign_test_p(signs):
    """Two-sided exact p of a sign test, ties left out; 1 where all tie, nan where there is nothing.

    Parameters
    ----------
    signs : array
        Numbers above, below or at 0; nan does not count.
    """
    signs = np.asarray(signs, float)
    signs = signs[np.isfinite(signs)]
    if not len(signs):
        return np.nan
    above, below = int((signs > 0).sum()), int((signs < 0).sum())
    return float(binomtest(above, above + below).pvalue) if above + below else 1.0


def hierarchical_bootstrap(table, levels, value, rng, n_bootstrap=N_BOOTSTRAP):
    """Resampled means of a value whose observations are nested, for example animal > session > seed.

    At each level units are drawn with replacement within the unit above, and means are taken from the
    innermost level outwards, so that every unit weighs the same within its parent.

    Parameters
    ----------
    table : pandas.DataFrame
    levels : sequence of str
        Columns from the outermost to the innermost.
    value : str
        Column of values.
    rng : numpy.random.Generator
    n_bootstrap : int

    Returns
    -------
    numpy.ndarray, shape (n_bootstrap,)
    """
    return _resample(_tree(table, list(levels), value), rng, n_bootstrap)


def _tree(table, levels, value):
    """Nested lists of values, one nesting a level."""
    if not levels:
        return float(table[value].mean())
    groups = [group for _, group in table.groupby(levels[0], sort=True)]
    return [_tree(group, levels[1:], value) for group in groups]


def _resample(tree, rng, n_bootstrap):
    if isinstance(tree, float):
        return np.full(n_bootstrap, tree)
    drawn = rng.integers(len(tree), size=(len(tree), n_bootstrap))
    means = np.empty(drawn.shape)
    for k, child in enumerate(tree):
        # A unit that is drawn twice is resampled twice.
        means[drawn == k] = _resample(child, rng, np.count_nonzero(drawn == k))
    return means.mean(0)


def nested_mean(table, levels, value):
    """The mean of units' means, from the innermost level outwards."""

    def mean(tree):
        return tree if isinstance(tree, float) else float(np.mean([mean(child) for child in tree]))

    return mean(_tree(table, list(levels), value))


def verdict(*, n, effect, ci_low, ci90_high, p_corrected, smallest_effect):
    """holds, does not hold, or undetermined.

    Holds: corrected p below .05, the 95 % interval above zero and the effect at least the smallest one
    of interest. Does not hold: the 90 % interval lies below the smallest effect. With fewer than six
    units, or numbers that are not available: undetermined.
    """
    if n < FEWEST_UNITS or not np.isfinite([effect, ci_low, ci90_high, p_corrected]).all():
        return "undetermined"
    if p_corrected < 0.05 and ci_low > 0 and effect >= smallest_effect:
        return "holds"
    if ci90_high < smallest_effect:
        return "does not hold"
    return "undetermined"
