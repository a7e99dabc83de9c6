"""Psychometric curves of networks on decision tasks: accuracy and choice by evidence, and thresholds.

Evidence is the signed coherence: half of what the strength of stimulus 1 exceeds that of stimulus 2, where
both count. Its size is the difficulty of a trial (small is hard). The curves that are fitted are cumulative
normals with lapses; what lapses mean here is our definition.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import ndtr, ndtri, xlogy

from digimus.analysis.accuracy import PER_TASK, TOGETHER

COLUMNS = (
    "task", "training", "model", "prior", "seed", "curve", "difficulty", "evidence", "n_trials", "accuracy",
    "n_answered", "first_share",
)  # fmt: skip
FIT_COLUMNS = (
    "task", "training", "model", "prior", "seed", "curve", "n_trials", "n_levels", "threshold", "spread",
    "bias", "lapse", "outcome",
)  # fmt: skip
CURVES = ("accuracy", "choice")
KEYS = ["task", "training", "model", "prior", "seed", "curve"]
AT_THRESHOLD = 0.75
"""Share of right answers, lapses aside, that the threshold is read at."""
FITTED, CONSTANT, NOT_CONVERGED = "fitted", "does not change with the evidence", "the fit did not converge"
BELOW, ABOVE = "threshold below the tested levels", "threshold above the tested levels"
LAPSES = "more than half of the trials are lapses"
MOST_LAPSES = 0.95
"""Upper bound of the lapses that are fitted: well above the half from which a curve has no threshold."""
SIGNIFICANT = {"accuracy": 3.841, "choice": 5.991}
"""Twice the gain in log likelihood over a constant that is beyond chance at 5 % (1 and 2 degrees)."""
SMALLEST_P = 1e-9


def psychometric_rows(cell):
    """Trials, right answers and choices at every level of difficulty and of evidence.

    Parameters
    ----------
    cell : digimus.training.Trained

    Returns
    -------
    list of dict
        With the keys `COLUMNS`. Rows of the curve ``accuracy`` are one a difficulty (one with difficulty nan
        for a task without levels); rows of the curve ``choice`` are one a level of the signed evidence.
        `n_answered` counts the trials answered at one of the two stimuli, `first_share` is the share of
        stimulus 1 among them.
    """
    rows = []
    for seed in cell.seeds:
        for task in cell.tasks if cell.together else [cell.unit]:
            of_task = f"{task}/" if cell.together else ""
            trials = {
                name: cell.of_seed(seed, f"test/{of_task}{name}")
                for name in ("correct", "difficulty", "evidence", "choice")
            }
            key = dict(
                task=task, training=TOGETHER if cell.together else PER_TASK, model=cell.model,
                prior=cell.prior, seed=seed,
            )  # fmt: skip
            rows += [key | row for row in level_rows(**trials)]
    return rows


def level_rows(correct, difficulty, evidence=None, choice=None):
    """Rows of one network on one task.

    Parameters
    ----------
    correct : array (trials,)
    difficulty : array (trials,)
        nan where the task has no levels.
    evidence, choice : array (trials,), optional
        Signed evidence, and 1 or 2 for the stimulus answered at, 0 for neither.

    Returns
    -------
    list of dict
    """
    correct = np.asarray(correct, float)
    answered = None if choice is None else np.asarray(choice) > 0

    def row(curve, chosen, **level):
        values = dict(
            curve=curve, **level, n_trials=int(chosen.sum()), accuracy=float(correct[chosen].mean())
        )
        if answered is not None:
            values["n_answered"] = int((chosen & answered).sum())
        return values

    difficulty = _levels(difficulty)
    known = np.isfinite(difficulty)
    if not known.any():
        return [row("accuracy", np.ones(len(correct), bool), difficulty=np.nan)]
    rows = [row("accuracy", difficulty == level, difficulty=level) for level in np.unique(difficulty[known])]
    if evidence is not None and choice is not None:
        evidence, first = _levels(evidence), np.asarray(choice) == 1
        for level in np.unique(evidence):
            here = evidence == level
            share = float(first[here & answered].mean()) if (here & answered).any() else np.nan
            rows.append(row("choice", here, difficulty=abs(level), evidence=level) | dict(first_share=share))
    return rows


def _levels(values):
    """Stored as float32: equal levels are equal again, and are the decimal numbers that were meant."""
    return np.round(np.asarray(values, float), 6)


def fit_table(table):
    """Fit every curve of a table of psychometric rows.

    Parameters
    ----------
    table : pandas.DataFrame
        With `COLUMNS`.

    Returns
    -------
    pandas.DataFrame
        `FIT_COLUMNS`, one row for each network, task and curve that has levels; see `fit_curve`.
    """
    rows = []
    levelled = table[table["difficulty"].notna()]
    for key, levels in levelled.groupby(KEYS, sort=False):
        named = dict(zip(KEYS, key, strict=True))
        if named["curve"] == "accuracy":
            x, n = levels["difficulty"], levels["n_trials"]
            share = levels["accuracy"]
        else:
            x, n = levels["evidence"], levels["n_answered"]
            share = levels["first_share"]
        k = np.round(share.fillna(0) * n)
        rows.append(named | fit_curve(named["curve"], x.to_numpy(), n.to_numpy(), k.to_numpy()))
    return pd.DataFrame(rows, columns=FIT_COLUMNS)


def fit_curve(curve, x, n, k):
    """Fit a cumulative normal with lapses by maximum likelihood (binomial).

    Of the curve ``accuracy`` the share right at difficulty x is (1 - lapse) Φ(x / spread): with no evidence
    one of two answers is right half of the time, and a lapse is a trial answered at neither. Of the
    curve ``choice`` the share of stimulus 1 at evidence x is lapse / 2 + (1 - lapse) Φ((x - bias) / spread):
    a lapse is a trial answered at random. The threshold is the evidence (from the bias on) at which 75 % are
    right, lapses aside: spread Φ⁻¹(.75).

    Parameters
    ----------
    curve : {"accuracy", "choice"}
    x : array (levels,)
        Difficulty, or signed evidence.
    n, k : array (levels,)
        Trials, and those that were right or answered at stimulus 1.

    Returns
    -------
    dict
        n_trials, n_levels, threshold, spread, bias, lapse and outcome. Threshold and spread are nan wherever
        the outcome is not ``fitted``: where the curve does not rise beyond chance (likelihood ratio against
        a constant at 5 %), more than half of the trials are lapses, the threshold is outside the levels that
        were tested, or levels are too few.
    """
    x, n, k = (np.asarray(values, float) for values in (x, n, k))
    x, n, k = x[n > 0], n[n > 0], k[n > 0]
    row = dict.fromkeys(("threshold", "spread", "bias", "lapse"), np.nan)
    row |= dict(n_trials=int(n.sum()), n_levels=len(x))
    n_needed = 2 if curve == "accuracy" else 3
    if len(x) < n_needed:
        return row | dict(outcome=f"fewer than {n_needed} levels with answers")
    constant = _loss(np.full(len(x), k.sum() / n.sum()), n, k)
    fitted = _most_likely(curve, x, n, k)
    if fitted is None:
        return row | dict(outcome=NOT_CONVERGED)
    spread, lapse, bias, loss = fitted
    if 2 * (constant - loss) < SIGNIFICANT[curve]:
        good = curve == "accuracy" and k.sum() / n.sum() > AT_THRESHOLD
        return row | dict(outcome=BELOW if good else CONSTANT)
    if lapse > 0.5:
        return row | dict(lapse=lapse, outcome=LAPSES)
    row |= dict(lapse=lapse) if curve == "accuracy" else dict(lapse=lapse, bias=bias)
    threshold = spread * ndtri(AT_THRESHOLD)
    if threshold < np.abs(x).min():
        return row | dict(outcome=BELOW)
    if threshold > np.abs(x).max():
        return row | dict(outcome=ABOVE)
    return row | dict(threshold=float(threshold), spread=spread, outcome=FITTED)


def curve_at(curve, x, spread, lapse, bias=0.0):
    """The fitted share at x."""
    if curve == "accuracy":
        return (1 - lapse) * ndtr(x / spread)
    return lapse / 2 + (1 - lapse) * ndtr((x - bias) / spread)


def _loss(p, n, k):
    """Negative binomial log likelihood, without the constant; p (..., levels)."""
    p = np.clip(p, SMALLEST_P, 1 - SMALLEST_P)
    return -(xlogy(k, p) + xlogy(n - k, 1 - p)).sum(-1)


def _most_likely(curve, x, n, k):
    """(spread, lapse, bias, loss): the best point of a coarse grid, improved; None if that fails."""
    size = np.abs(x)
    smallest, largest = size[size > 0].min() / 30, size.max() * 30
    spreads = np.geomspace(smallest, largest, 48)
    lapses = np.linspace(0, MOST_LAPSES, 24)
    biases = np.linspace(-1, 1, 9) * size.max() if curve == "choice" else np.zeros(1)
    grid = np.stack(np.meshgrid(np.log(spreads), lapses, biases, indexing="ij"), -1).reshape(-1, 3)

    def losses(points):
        log_spread, lapse, bias = (points[..., j, None] for j in range(3))
        return _loss(curve_at(curve, x, np.exp(log_spread), lapse, bias), n, k)

    start = grid[np.argmin(losses(grid))]
    reach = 2 * size.max() if curve == "choice" else 0.0
    bounds = [(np.log(smallest), np.log(largest)), (0, MOST_LAPSES), (-reach, reach)]
    found = minimize(losses, start, method="Nelder-Mead", bounds=bounds, options=dict(maxiter=2000))
    if not found.success or not np.isfinite(found.fun):
        return None
    log_spread, lapse, bias = found.x
    return float(np.exp(log_spread)), float(lapse), float(bias), float(found.fun)
