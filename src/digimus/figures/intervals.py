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
    rows = list(table[[*levels, value]].itertuples(index=False, name=None))
    tree = _tree(rows)
    mean = _mean(tree)
    if len({row[:-2] for row in rows}) < 2:
        return mean, np.nan, np.nan
    low, high = np.quantile(_resampled(tree, rng), [0.025, 0.975])
    return mean, float(low), float(high)


def nested_band(wide, rng):
    """Means over sessions and the central 95 % of means over resampled animals and sessions.

    Every column is resampled alike, so a band along them is one of whole courses.

    Parameters
    ----------
    wide : pandas.DataFrame
        Indexed by animal and session, a column for every point; rows with nan are left out.
    rng : numpy.random.Generator

    Returns
    -------
    (numpy.ndarray, numpy.ndarray, numpy.ndarray)
        Mean, low, high, one value a column; every animal weighs the same. The interval is nan with fewer
        than two sessions.
    """
    wide = wide.dropna()
    unknown = np.full(wide.shape[1], np.nan)
    if not len(wide):
        return unknown, unknown, unknown
    animals = [rows.to_numpy(float) for _, rows in wide.groupby(level=0, sort=True)]
    mean = np.mean([rows.mean(0) for rows in animals], axis=0)
    if len(wide) < 2:
        return mean, unknown, unknown
    resampled = np.array([_means_of_drawn(rows[:, None], rng) for rows in animals])
    low, high = np.quantile(_means_of_drawn(resampled, rng), [0.025, 0.975], axis=0)
    return mean, low, high


def _means_of_drawn(units, rng):
    """Bootstrap means, (N_BOOTSTRAP, points), of units of shape (n, 1 or N_BOOTSTRAP, points)."""
    drawn = rng.integers(len(units), size=(len(units), N_BOOTSTRAP))
    column = np.arange(N_BOOTSTRAP) % units.shape[1]
    return sum(units[chosen, column] for chosen in drawn) / len(units)


def _tree(rows):
    """Nested lists of values, one nesting a level; a row is its levels and then its value."""
    if len(rows[0]) == 1:
        return float(np.mean([value for (value,) in rows]))
    groups = {}
    for first, *others in rows:
        groups.setdefault(first, []).append(others)
    return [_tree(groups[name]) for name in sorted(groups)]


def _mean(tree):
    return tree if isinstance(tree, float) else float(np.mean([_mean(child) for child in tree]))


def _resampled(tree, rng):
    if isinstance(tree, float):
        return np.full(N_BOOTSTRAP, tree)
    children = np.array([_resampled(child, rng) for child in tree])
    drawn = rng.integers(len(children), size=(len(children), N_BOOTSTRAP))
    return children[drawn, np.arange(N_BOOTSTRAP)].mean(0)
