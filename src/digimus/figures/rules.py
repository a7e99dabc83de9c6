"""What the figures of rule tasks share: their tables, families, chance, and ways of training."""

import numpy as np

from digimus.figures.style import GREY
from digimus.registries import families

SCORES = ("benchmark", "task", "model", "prior", "seed", "split", "fold", "metric", "value")
CURVES = ("benchmark", "task", "model", "prior", "seed", "update", "metric", "value")
TRAININGS = {"rules": "per task", "rules together": "together"}
"""What a benchmark of rule tasks tells of the training."""
TITLES = {"per task": "a network for each task", "together": "one network for all tasks"}
UPDATES = {"per task": "update", "together": "update, of all tasks"}
FAMILIES = families()
CHANCE = {"sensorimotor": 0.2, "perceptual decision": 0.5, "delayed decision": 0.5, "match": 0.5}
"""Share of the ring that counts as right; one of two choices."""


def family(task):
    """The family of a rule task, or None."""
    return next((name for name, members in FAMILIES.items() if task in members), None)


def chance_of(task):
    """The accuracy of a guess in a task; nan where its family is not known."""
    return CHANCE.get(family(task), np.nan)


def of_rules(table, metric):
    """Rows of one metric on rule tasks, with how the network was trained."""
    table = table[table["benchmark"].isin(TRAININGS) & (table["metric"] == metric)]
    return table.assign(training=table["benchmark"].map(TRAININGS))


def trainings_of(*tables):
    """The ways of training that tables have, in order; that of a network a task if they have none."""
    found = {name for table in tables for name in table["training"]}
    return [training for training in TITLES if training in found] or ["per task"]


def of_cell(table, task, cell):
    """Rows of a task and a (model, prior)."""
    return table[(table["task"] == task) & (table["model"] == cell[0]) & (table["prior"] == cell[1])]


def chance_line(axes, task):
    """The dashed line of chance in a panel of one task."""
    if np.isfinite(chance_of(task)):
        axes.axhline(chance_of(task), color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
