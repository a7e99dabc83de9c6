"""The accuracy of every cell of the grid, task by task, over all its seeds."""

import numpy as np
import pandas as pd
from scipy.special import stdtrit

PER_TASK, TOGETHER = "per task", "together"
COLUMNS = (
    "task", "family", "training", "model", "prior", "n_seeds", "mean", "ci_low", "ci_high", "interval",
    "lowest", "highest", "chance", "n_parameters", "updates_fewest", "updates_most",
)  # fmt: skip
T_INTERVAL = "95 %, Student's t over seeds"
KEYS = ["task", "training", "model", "prior"]


def t_interval(values, level=0.95):
    """Mean of independent values and its interval by Student's t.

    The interval is not cut off at 0 and 1: where it reaches beyond, there are too few seeds to say more.

    Parameters
    ----------
    values : array
        nan does not count.
    level : float

    Returns
    -------
    (float, float, float)
        Mean, low, high. The interval is nan for fewer than two values, and for values without spread.
    """
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    error = standard_error(values)
    if not error > 0:
        return mean, np.nan, np.nan
    half = float(stdtrit(len(values) - 1, 0.5 + level / 2)) * error
    return mean, mean - half, mean + half


def standard_error(values):
    """Standard error of the mean; 0 where all values are equal but for rounding, nan for fewer than two."""
    if len(values) < 2:
        return np.nan
    spread = np.std(values, ddof=1)
    return 0.0 if spread <= 1e-12 * max(1.0, np.abs(values).max()) else float(spread / np.sqrt(len(values)))


def rule_accuracies(scores):
    """The rows of scores.csv that hold the accuracy on all test trials of a rule task."""
    return scores[scores["training"].isin([PER_TASK, TOGETHER]) & (scores["metric"] == "accuracy")]


def accuracy_table(scores, models):
    """One row for every task, model, prior and way of training.

    Parameters
    ----------
    scores, models : pandas.DataFrame
        As in scores.csv and models.csv. All seeds count.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. `n_seeds` are all networks of the row, `lowest` and `highest` the accuracies of the worst
        and the best one, `updates_fewest` and `updates_most` differ where training may stop early. A
        network that learnt all tasks together shares its updates among them.
    """
    about = models.groupby(KEYS, sort=False)
    about = about.agg(
        family=("family", "first"), chance=("chance", "first"), n_parameters=("n_parameters", "first"),
        updates_fewest=("n_updates", "min"), updates_most=("n_updates", "max"),
    )  # fmt: skip
    rows = []
    for key, seeds in rule_accuracies(scores).groupby(KEYS, sort=False):
        mean, low, high = t_interval(seeds["value"])
        rows.append(
            dict(zip(KEYS, key, strict=True))
            | dict(
                n_seeds=seeds["seed"].nunique(), mean=mean, ci_low=low, ci_high=high, interval=T_INTERVAL,
                lowest=seeds["value"].min(), highest=seeds["value"].max(),
            )
        )  # fmt: skip
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in about.columns])
    return table.join(about, on=KEYS)[list(COLUMNS)]
