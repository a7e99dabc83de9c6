"""Bootstrap intervals drawn in figures."""

import numpy as np

N_BOOTSTRAP = 2000


def nested_interval(table, value, rng, outer="animal"):
    """Mean and central 95 % of means over resampled units, nested in groups.

    Groups are drawn with replacement and units within them, every unit weighing the same in its group.

    Parameters
    ----------
    table : pandas.DataFrame
        A row a unit (a session, seeds averaged).
    value, outer : str
        Column of values, and of groups (animals).
    rng : numpy.random.Generator

    Returns
    -------
    (float, float, float)
        Mean, low, high; the interval is nan with fewer than two units.
    """
    groups = [rows[value].dropna().to_numpy(float) for _, rows in table.groupby(outer, sort=True)]
    groups = [group for group in groups if len(group)]
    if not groups:
        return np.nan, np.nan, np.nan
    mean = float(np.mean([group.mean() for group in groups]))
    if sum(map(len, groups)) < 2:
        return mean, np.nan, np.nan
    drawn = np.array(
        [group[rng.integers(len(group), size=(N_BOOTSTRAP, len(group)))].mean(1) for group in groups]
    )
    chosen = rng.integers(len(groups), size=(len(groups), N_BOOTSTRAP))
    means = drawn[chosen, np.arange(N_BOOTSTRAP)].mean(0)
    low, high = np.quantile(means, [0.025, 0.975])
    return mean, float(low), float(high)
