"""Tables of networks trained on rule tasks: one observation a row, every seed."""

import numpy as np
import pandas as pd

from digimus.analysis.accuracy import PER_TASK, TOGETHER
from digimus.analysis.columns import RATE_COLUMNS, SCORE_COLUMNS

CURVE_COLUMNS = ("benchmark", "task", "model", "prior", "seed", "update", "metric", "value", "training")
ACTIVITY = ("spikes_per_step", "silent_share", "saturated_share")
MODEL_COLUMNS = (
    "benchmark", "task", "model", "prior", "seed", "family", "n_parameters", *ACTIVITY, "training",
    "learning_rate", "n_updates", "chance",
)  # fmt: skip
CHECK_COLUMNS = (
    "benchmark", "task", "training", "model", "prior", "seed", "check", "value", "limit", "verdict",
)  # fmt: skip
RULES_TOGETHER = "rules together"
"""The benchmark of networks that learnt all rule tasks; claims and figures by task read ``rules`` alone."""
TRAINING_CHECKS = (
    ("silent units", "activity/silent_share", 0.5),
    ("saturated units", "activity/saturated_share", 0.5),
    ("clipped gradient", "curves/clipped_share", 0.5),
)
"""Name, array whose last value is taken, and the largest share that passes. Our definition."""
SMALLEST_GRADIENT = 1e-6


def rule_tables(trained):
    """Scores, learning curves and sizes of cells trained on rule tasks, and what to know of their training.

    A network that learnt all tasks together has a row for each of them, under the benchmark
    ``rules together``.

    Parameters
    ----------
    trained : iterable of digimus.training.Trained

    Returns
    -------
    (pandas.DataFrame, ...)
        Rows in the form of scores.csv; of curves.csv; of models.csv, sizes and activity per cell and seed;
        of checks.csv, whether units were silent or saturated and gradients clipped or gone; of
        learning_rates.csv, every rate that was tried.
    """
    score_rows, curve_rows, model_rows, check_rows, rate_rows = [], [], [], [], []
    for cell in trained:
        rate_rows += _rate_rows(cell)
        for seed in cell.seeds:
            check_rows += _check_rows(cell, seed)
            for task in cell.tasks if cell.together else [cell.unit]:
                key = _key(cell, task) | dict(seed=seed)
                score_rows += _score_rows(cell, seed, task, key)
                curve_rows += _curve_rows(cell, seed, task, key)
                model_rows.append(key | _about(cell, seed, task) | _activity(cell, seed))
    return (
        pd.DataFrame(score_rows, columns=SCORE_COLUMNS),
        pd.DataFrame(curve_rows, columns=CURVE_COLUMNS),
        pd.DataFrame(model_rows, columns=MODEL_COLUMNS),
        pd.DataFrame(check_rows, columns=CHECK_COLUMNS),
        pd.DataFrame(rate_rows, columns=RATE_COLUMNS),
    )


def _key(cell, task):
    return dict(
        benchmark=RULES_TOGETHER if cell.together else cell.benchmark,
        task=task,
        training=TOGETHER if cell.together else PER_TASK,
        model=cell.model,
        prior=cell.prior,
    )


def _score_rows(cell, seed, task, key):
    of_task = f"{task}/" if cell.together else ""
    correct = cell.of_seed(seed, f"test/{of_task}correct")
    difficulty = cell.of_seed(seed, f"test/{of_task}difficulty")
    shared = key | dict(animal="", session="", region="", n_units=np.nan, split="test", fold="all")
    rows = [shared | dict(metric="accuracy", value=float(correct.mean()))]
    for level in np.unique(difficulty[np.isfinite(difficulty)]):
        value = float(correct[np.isclose(difficulty, level)].mean())
        rows.append(shared | dict(metric=f"accuracy_at_coherence_{level:.2g}", value=value))
    return rows


def _curve_rows(cell, seed, task, key):
    updates, rows = cell.of_seed(seed, "curves/update"), []
    for metric in ("loss", "validation_accuracy", "validation_loss", "motif_loss", "gradient_norm"):
        of_task = f"of_task/{task}/" if cell.together and metric.startswith("validation") else ""
        values = cell.of_seed(seed, f"curves/{of_task}{metric}")
        rows += [
            key | dict(update=int(update), metric=metric, value=value)
            for update, value in zip(updates, values if values is not None else [], strict=values is not None)
            if np.isfinite(value)
        ]
    return rows


def _about(cell, seed, task):
    from digimus.tasks import TASKS  # needs torch, which the comparisons do without

    return dict(
        family=TASKS[task].family,
        n_parameters=cell.n_parameters,
        learning_rate=cell.fit_settings.get("learning_rate", np.nan),
        n_updates=int(cell.of_seed(seed, "curves/update")[-1]),
        chance=TASKS[task].chance,
    )


def _check_rows(cell, seed):
    key = _key(cell, cell.unit) | dict(seed=seed)
    rows = []
    for check, name, limit in TRAINING_CHECKS:
        values = cell.of_seed(seed, name)
        if values is not None:
            value = float(np.atleast_1d(values)[-1])
            verdict = "passes" if value <= limit else "warning"
            rows.append(key | dict(check=check, value=value, limit=limit, verdict=verdict))
    norms = cell.of_seed(seed, "curves/gradient_norm")
    if norms is not None:
        value = float(norms[-1])
        verdict = "passes" if value >= SMALLEST_GRADIENT else "warning"
        rows.append(
            key | dict(check="vanished gradient", value=value, limit=SMALLEST_GRADIENT, verdict=verdict)
        )
    return rows


def _rate_rows(cell):
    rows, k = [], 0
    while f"search/rate_{k}/learning_rate" in cell.arrays:
        found = {
            name: cell.arrays[f"search/rate_{k}/{name}"]
            for name in ("learning_rate", "update", "validation_loss", "validation_accuracy")
        }
        rate = float(found["learning_rate"])
        rows.append(
            _key(cell, cell.unit)
            | dict(
                split="validation", fold="all", learning_rate=rate, n_updates=int(found["update"][-1]),
                validation_loss=float(found["validation_loss"][-1]),
                validation_accuracy=float(found["validation_accuracy"][-1]),
                chosen=rate == cell.fit_settings.get("learning_rate"),
            )
        )  # fmt: skip
        k += 1
    return rows


def _activity(cell, seed):
    values = {name: cell.of_seed(seed, f"activity/{name}") for name in ACTIVITY}
    return {name: float(value) if value is not None else np.nan for name, value in values.items()}
