"""Paired tests, hierarchical bootstrap and verdicts, each over independent units of inference."""

import numpy as np
from scipy.special import ndtri, stdtrit
from scipy.stats import binomtest, rankdata, wilcoxon

FEWEST_UNITS = 6
N_BOOTSTRAP = 2000
MOST_EXACT = 50


def signed_rank_p(differences):
    """Two-sided Wilcoxon signed-rank p of paired differences; 1 where none differs from zero.

    Zeros are left out. Up to `MOST_EXACT` others it is exact, with ties at their mean rank: of a few tied
    differences the normal approximation gives p-values that no arrangement of their signs can reach.
    """
    differences = np.asarray(differences, float)
    differences = differences[differences != 0]
    if not len(differences):
        return 1.0
    if len(differences) > MOST_EXACT:
        return float(wilcoxon(differences).pvalue)
    doubled = np.rint(2 * rankdata(np.abs(differences))).astype(int)
    ways = np.ones(1)  # of the signs, by the doubled rank sum of the positive ones
    for rank in doubled:
        ways = np.pad(ways, (0, rank)) + np.pad(ways, (rank, 0))
    positive, total = int(doubled[differences > 0].sum()), int(doubled.sum())
    tail = ways[: min(positive, total - positive) + 1].sum() / 2.0 ** len(doubled)
    return float(min(1.0, 2 * tail))


def rank_biserial(differences):
    """Matched-pairs rank-biserial correlation (Kerby 2014), from -1 to 1.

    Parameters
    ----------
    differences : array
        Of pairs; those of 0 are left out.

    Returns
    -------
    float
        (rank sum of the positive differences less that of the negative ones) / (their sum), ranks by size;
        0 where none differs from zero, nan where there is nothing.
    """
    differences = np.asarray(differences, float)
    if not len(differences):
        return np.nan
    differences = differences[differences != 0]
    if not len(differences):
        return 0.0
    ranks = rankdata(np.abs(differences))
    return float(np.sum(np.sign(differences) * ranks) / ranks.sum())


def equivalence_p(differences, bound):
    """p of two one-sided Wilcoxon signed-rank tests that paired differences lie within -bound and bound.

    The larger of the two (Schuirmann 1987; by ranks). Small values mean equivalence.

    Parameters
    ----------
    differences : array
    bound : float
        Above 0.
    """
    differences = np.asarray(differences, float)
    if not len(differences):
        return np.nan
    above = _one_sided_p(differences + bound)
    below = _one_sided_p(bound - differences)
    return max(above, below)


def _one_sided_p(differences):
    """Signed-rank p of differences being above zero; 1 where none differs from it."""
    return float(wilcoxon(differences, alternative="greater").pvalue) if np.any(differences) else 1.0


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
    """Nested lists of values, one nesting a level; rows without a name at some level do not count."""
    if not levels:
        return _means(table[value].tolist())
    known = table.dropna(subset=levels)
    tree = {}
    for *names, number in zip(*(known[column].tolist() for column in [*levels, value]), strict=True):
        branch = tree
        for name in names[:-1]:
            branch = branch.setdefault(name, {})
        branch.setdefault(names[-1], []).append(number)
    return _means(tree)


def _means(tree):
    """Lists in the order of the names in the place of dicts, and means in that of numbers."""
    if isinstance(tree, dict):
        return [_means(tree[name]) for name in sorted(tree)]
    known = [number for number in tree if number == number]
    return float(np.mean(known)) if known else np.nan


def _resample(tree, rng, n_bootstrap):
    if isinstance(tree, float):
        return np.full(n_bootstrap, tree)
    drawn = rng.integers(len(tree), size=(len(tree), n_bootstrap))
    means = np.empty(drawn.shape)
    for k, child in enumerate(tree):
        # A unit that is drawn twice is resampled twice.
        means[drawn == k] = _resample(child, rng, np.count_nonzero(drawn == k))
    return means.mean(0)


def bootstrap_interval(deviations, effect, level):
    """Percentile interval of an effect from bootstrap deviations of it.

    Parameters
    ----------
    deviations : array
        Resampled means less the mean; widened for few units by `widening`.
    effect : float
    level : float
        For example 0.95.

    Returns
    -------
    (float, float)
        nan where a deviation is not known.
    """
    low, high = np.quantile(deviations, [(1 - level) / 2, (1 + level) / 2])
    return float(effect + low), float(effect + high)


def widening(n, level):
    """By how much a bootstrap interval of a mean over few units is too narrow.

    sqrt(n / (n-1)) t / z: resampling n units divides their variance by n where n-1 is unbiased, and takes
    normal in the place of Student's quantiles (Hesterberg 2015, The American Statistician 69:371).

    Parameters
    ----------
    n : int
        Units of inference; of one, no width is known: nan.
    level : float
        Of the interval, for example 0.95.
    """
    if n < 2:
        return np.nan
    tail = (1 + level) / 2
    return float(np.sqrt(n / (n - 1)) * stdtrit(n - 1, tail) / ndtri(tail))


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
