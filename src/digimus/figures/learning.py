"""How fast every model learns the rule tasks, and how well it does in the end."""

import numpy as np
import pandas as pd

from digimus.figures.style import (
    GREY,
    INK,
    PRIOR,
    Page,
    cell_markers,
    dodge,
    legend_entry,
    model_colour,
    model_name,
    ordered_cells,
    spread,
)
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


def learning(inputs):
    """Validation accuracy against update by task, and test accuracy of every network.

    Networks that learnt one task each and networks that learnt all have panels of their own.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``evaluation/scores.csv`` and ``evaluation/curves.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    scores = _of_rules(inputs.table("evaluation/scores.csv", SCORES), "accuracy")
    curves = _of_rules(inputs.table("evaluation/curves.csv", CURVES), "validation_accuracy")
    tasks = list(dict.fromkeys([*scores["task"], *curves["task"]]))
    cells = ordered_cells(pd.concat([scores[["model", "prior"]], curves[["model", "prior"]]]))
    markers = cell_markers(cells)
    found = {*scores["training"], *curves["training"]}
    trainings = [training for training in TITLES if training in found] or ["per task"]

    n_columns = min(max(len(tasks), 1), 4 if len(tasks) <= 12 else 5)
    n_rows = -(-max(len(tasks), 1) // n_columns)
    named = 6 if trainings != ["per task"] else 0
    heights = [16 + named + 32 * n_rows, 62] * len(trainings)
    page = Page(sum(heights))
    parts = page.figure.subfigures(len(heights), 1, height_ratios=heights)
    for k, training in enumerate(trainings):
        top, bottom = parts[2 * k : 2 * k + 2]
        first, second = "abcd"[2 * k : 2 * k + 2]
        own_curves, own_scores = (table[table["training"] == training] for table in (curves, scores))
        if named:
            top.suptitle(TITLES[training], x=0.01, ha="left", fontsize=8, fontweight="bold")
        _curves(page, first, top, own_curves, tasks, cells, markers, (n_rows, n_columns), UPDATES[training])
        if cells:
            handles = [legend_entry(model_colour(*cell), markers[cell], "-") for cell in cells]
            names = [model_name(*cell) for cell in cells]
            top.legend(handles, names, loc="outside lower center", ncols=4)
        _final(page, second, bottom.subplots(), own_scores, tasks, cells, markers)
        page.simulated(first, PRIOR, sorted(inputs.simulated_priors(own_curves)))
        page.simulated(second, PRIOR, sorted(inputs.simulated_priors(own_scores)))
    return page.finish()


def _of_rules(table, metric):
    """Rows of one metric on rule tasks, with how the network was trained."""
    table = table[table["benchmark"].isin(TRAININGS) & (table["metric"] == metric)]
    return table.assign(training=table["benchmark"].map(TRAININGS))


def _curves(page, letter, part, curves, tasks, cells, markers, shape, updates):
    grid = part.subplots(*shape, squeeze=False, sharex=True, sharey=True)
    page.panel(grid[0, 0], letter)
    if not len(curves):
        page.not_available(grid[0, 0], letter, "no learning curve was recorded")
        for axes in grid.flat[1:]:
            axes.set_axis_off()
        return
    page.keep(
        letter,
        curves[["task", "model", "prior", "training", "seed", "update", "value"]].assign(line="seed"),
    )
    key = ["task", "model", "prior", "training", "update"]
    means = curves.groupby(key, sort=False)["value"].mean().reset_index()
    page.keep(letter, means.assign(line="mean over seeds"))
    for k, axes in enumerate(grid.flat):
        if k >= len(tasks):
            axes.set_axis_off()
            continue
        task = tasks[k]
        axes.set_title(task)
        if not (curves["task"] == task).any():
            page.not_available(axes, letter, f"{task}: no learning curve")
            continue
        chance_line(axes, task)
        for cell in cells:
            colour = model_colour(*cell)
            here = of_cell(curves, task, cell)
            for _, line in here.groupby("seed"):
                axes.plot(line["update"], line["value"], color=colour, linewidth=0.5, alpha=0.45)
            mean = of_cell(means, task, cell)
            axes.plot(mean["update"], mean["value"], color=colour, linewidth=1.5)
            axes.plot(
                mean["update"].tail(1), mean["value"].tail(1), markers[cell], color=colour, markersize=3
            )
        axes.set_ylim(0, 1.03)
        axes.set_xlim(left=0)
        if k + shape[1] >= len(tasks):
            axes.set_xlabel(updates)
            axes.tick_params(labelbottom=True)
        if k % shape[1] == 0:
            axes.set_ylabel("validation accuracy")


def of_cell(table, task, cell):
    """Rows of a task and a (model, prior)."""
    return table[(table["task"] == task) & (table["model"] == cell[0]) & (table["prior"] == cell[1])]


def chance_line(axes, task):
    """The dashed line of chance in a panel of one task."""
    chance = CHANCE.get(family(task))
    if chance is not None:
        axes.axhline(chance, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))


def _final(page, letter, axes, scores, tasks, cells, markers):
    page.panel(axes, letter, "accuracy on test trials")
    if not len(scores):
        page.not_available(axes, letter, "no network was trained on a rule task")
        return
    chances = pd.DataFrame({"task": tasks, "value": [CHANCE.get(family(task), np.nan) for task in tasks]})
    page.keep(letter, scores[["task", "model", "prior", "training", "seed", "value"]].assign(mark="seed"))
    means = scores.groupby(["task", "model", "prior", "training"], sort=False)["value"].mean().reset_index()
    page.keep(letter, means.assign(mark="mean over seeds"))
    page.keep(letter, chances.dropna().assign(mark="chance"))
    offsets, width = dodge(len(cells))
    for x, task in enumerate(tasks):
        if np.isfinite(chances["value"][x]):
            axes.hlines(
                chances["value"][x], x - 0.42, x + 0.42, color=GREY, linewidth=0.9, linestyle=(0, (3, 2))
            )
        for cell, offset in zip(cells, offsets, strict=True):
            values = of_cell(scores, task, cell).sort_values("seed")["value"].to_numpy(float)
            colour = model_colour(*cell)
            if not (scores["task"].eq(task) & scores["model"].eq(cell[0])).any():
                continue  # the model was not to be trained on this task
            if not np.isfinite(values).any():
                axes.text(
                    x + offset, 0.02, "n/a", rotation=90, ha="center", va="bottom", color=colour, fontsize=6
                )
                continue
            axes.hlines(
                np.nanmean(values),
                x + offset - width * 0.4,
                x + offset + width * 0.4,
                color=colour,
                linewidth=2,
            )
            axes.plot(
                x + offset + spread(len(values), min(0.12, 0.5 * width)), values, markers[cell], color=colour,
                markersize=2.8, markeredgecolor="white", markeredgewidth=0.3,
            )  # fmt: skip
    axes.set_xticks(range(len(tasks)), tasks, rotation=0 if len(tasks) <= 12 else 60)
    axes.set_xlim(-0.6, max(len(tasks) - 0.4, 0.6))
    axes.set_ylim(0, 1.03)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("test accuracy")
    axes.legend(
        [legend_entry(INK), legend_entry(GREY, "", (0, (3, 2)))], ["seed (bar: mean)", "chance"],
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2,
    )  # fmt: skip
