"""Bootstrap intervals drawn in figures."""

import numpy as np

N_BOOTSTRAP = 2000


def nested_interval(table, value, rng, levels=("animal", "session", "seed")):
    """Mean and central 95 % of means over resampled units, one nested in the other.

    At each level units are drawn with replacement within the unit above; every unit weighs the same there.

    Parameters
    ----------
    table : pandas.DataFrame
    value : str
        Column of values; rows of nan are left out.
    rng : numpy.random.Generator
    levels : sequence of str
        Columns from the outermost to the innermost.

    Returns
    -------
    (float, float, float)
        Mean, low, high; the interval is nan with fewer than two units above the innermost level.
    """
    table = table[table[value].notna()]
    if not len(table):
        return np.nan, np.nan, np.nan
    tree = _tree(table, list(levels), value)
    mean = _mean(tree)
    if len(table.groupby(list(levels[:-1]))) < 2:
        return mean, np.nan, np.nan
    low, high = np.quantile(_resampled(tree, rng), [0.025, 0.975])
    return mean, float(low), float(high)


def _tree(table, levels, value):
    """Nested lists of values, one nesting a level."""
    if not levels:
        return float(table[value].mean())
    return [_tree(rows, levels[1:], value) for _, rows in table.groupby(levels[0], sort=True)]


def _mean(tree):
    return tree if isinstance(tree, float) else float(np.mean([_mean(child) for child in tree]))


def _resampled(tree, rng):
    if isinstance(tree, float):
        return np.full(N_BOOTSTRAP, tree)
    children = np.array([_resampled(child, rng) for child in tree])
    drawn = rng.integers(len(children), size=(len(children), N_BOOTSTRAP))
    return children[drawn, np.arange(N_BOOTSTRAP)].mean(0)
