"""For tests of figures: tables of the rule tasks for a grid of tasks, cells and seeds."""

import numpy as np
import pandas as pd

from anatomy_tables import grid
from digimus.registries import families

CELLS = (
    ("digimus", "none"), ("digimus", "A"), ("digimus", "A-degree"), ("lstm", "none"), ("tcn", "none"),
    ("transformer", "none"),
)  # fmt: skip
BENCHMARKS = {"per task": "rules", "together": "rules together"}
FAMILY = {task: family for family, members in families().items() for task in members}


def rule_tables(tasks, seeds, trainings=("per task",), cells=CELLS, rates=True):
    """Tables by path; values are random, their structure is that of a run."""
    rng = np.random.default_rng(0)
    tasks, seeds = list(tasks), list(seeds)

    def of_cells(**columns):
        table = grid(training=trainings, task=tasks, cell=range(len(cells)), seed=seeds, **columns)
        table["benchmark"] = table["training"].map(BENCHMARKS)
        for k, name in enumerate(("model", "prior")):
            table[name] = [cells[cell][k] for cell in table["cell"]]
        return table.drop(columns="cell")

    scores = of_cells().assign(animal="", session="", split="test", fold="all", metric="accuracy")
    scores["value"] = rng.uniform(0.2, 1, len(scores))
    curves = of_cells(update=[50, 100, 150, 200], metric=["validation_accuracy"])
    curves["value"] = rng.random(len(curves))
    levels = of_cells(difficulty=[0.01, 0.02, 0.04, 0.08], curve=["accuracy"])
    levels = levels[levels["task"].str.contains("dm[12]?$")].assign(n_trials=64)
    levels["accuracy"] = rng.uniform(0.4, 1, len(levels))
    tables = {
        "x/evaluation/scores.csv": scores,
        "x/evaluation/curves.csv": curves,
        "x/evaluation/psychometrics.csv": levels,
        "x/evaluation/accuracy.csv": accuracies(scores),
        "x/evaluation/controls.csv": controls(tasks, trainings, cells, rng),
        "x/evaluation/models.csv": scores.assign(n_parameters=1000, family=scores["task"].map(FAMILY)),
        "x/tasks/trials.csv": trials(tasks, rng),
    }
    if rates:
        tried = of_cells(learning_rate=[0.001, 0.003, 0.01])
        tried["validation_accuracy"] = rng.random(len(tried))
        tables["x/evaluation/learning_rates.csv"] = tried.assign(chosen=tried["learning_rate"] == 0.003)
    return tables


def accuracies(scores):
    keys = ["task", "training", "model", "prior"]
    table = scores.groupby(keys, sort=False)["value"].agg(["mean", "std", "size"]).reset_index()
    return table.assign(
        n_seeds=table["size"], ci_low=table["mean"] - table["std"], ci_high=table["mean"] + table["std"],
        chance=0.5,
    )  # fmt: skip


def controls(tasks, trainings, cells, rng):
    priors = [prior for model, prior in cells if model == "digimus" and prior != "none"]
    pairs = [(prior, control) for prior in priors for control in ("none", *priors) if control != prior]
    scopes = [("task", task) for task in tasks] + ([("all tasks", np.nan)] if len(tasks) > 1 else [])
    rows = [
        dict(training=training, prior=prior, control=control, scope=scope, task=task,
             n=len(tasks) if scope == "all tasks" else 5)
        for training in trainings for prior, control in pairs for scope, task in scopes
    ]  # fmt: skip
    columns = ["training", "prior", "control", "scope", "task", "n"]
    table = pd.DataFrame(rows, columns=columns).assign(model="digimus", measure="accuracy gained", n_pairs=5)
    effect = rng.normal(0, 0.03, len(table))
    return table.assign(
        unit="seed", effect=effect, ci_low=effect - 0.05, ci_high=effect + 0.05, p_corrected=0.2,
        smallest_effect=0.01, verdict="undetermined",
    )  # fmt: skip


def trials(tasks, rng):
    signals = (("input", 85), ("target", 33), ("mask", 33))
    parts = [grid(task=tasks, signal=[name], step=range(6), channel=range(n)) for name, n in signals]
    table = pd.concat(parts, ignore_index=True).assign(response_step=4)
    return table.assign(value=rng.random(len(table)), family=table["task"].map(FAMILY))
