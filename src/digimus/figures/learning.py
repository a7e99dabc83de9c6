"""How fast every model learns the rule tasks, and where DigiMus leads the other models."""

import numpy as np
import pandas as pd

from digimus.figures.rules import (
    CURVES,
    FAMILIES,
    SCORES,
    TITLES,
    UPDATES,
    chance_line,
    family,
    of_cell,
    of_rules,
    trainings_of,
)
from digimus.figures.style import (
    GREY,
    PRIOR,
    TINY,
    Page,
    cell_markers,
    dodge,
    legend_entry,
    model_colour,
    model_name,
    ordered_cells,
    spread,
    wrap,
)

RATES = (
    "benchmark", "task", "training", "model", "prior", "learning_rate", "validation_accuracy", "chosen",
)  # fmt: skip
CRITERION = 0.8
"""Validation accuracy that counts as learnt, as in the table of controls."""
OURS = "digimus"
LEAST_RANGE = 0.02
"""Of leads: smaller ones are drawn as small."""


def learning(inputs):
    """Learning curves by family and by task, updates to the criterion, and leads over the other models.

    Panels of tried learning rates are there where any were tried. Networks that learnt all tasks together
    have panels of their own.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``scores.csv``, ``curves.csv`` and ``learning_rates.csv`` of ``evaluation/``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    scores = of_rules(inputs.table("evaluation/scores.csv", SCORES), "accuracy")
    curves = of_rules(inputs.table("evaluation/curves.csv", CURVES), "validation_accuracy")
    rates = inputs.table("evaluation/learning_rates.csv", RATES)
    rates = rates[rates["training"].isin(TITLES)] if len(rates) else rates
    tasks = list(dict.fromkeys([*scores["task"], *curves["task"]]))
    cells = ordered_cells(pd.concat([scores[["model", "prior"]], curves[["model", "prior"]]]))
    markers = cell_markers(cells)
    trainings = trainings_of(scores, curves)

    n_columns = min(max(len(tasks), 1), 4 if len(tasks) <= 8 else 6)
    n_rows = -(-max(len(tasks), 1) // n_columns)
    legend = 2 + 4.5 * -(-max(len(cells), 1) // 4)
    tall = (26 if n_rows < 3 else 19) if len(trainings) == 1 else 13
    heights = [38, legend, *[11 + tall * n_rows] * len(trainings), 46] + [32] * (len(rates) > 0)
    page = Page(sum(heights) + 8)
    parts = list(page.figure.subfigures(len(heights), 1, height_ratios=heights))
    letters = iter("abcdefg")
    first = curves[curves["training"] == trainings[0]]
    _by_family(page, next(letters), parts.pop(0), first, cells, markers, UPDATES[trainings[0]])
    page.simulated("a", PRIOR, sorted(inputs.simulated_priors(first)))
    key = parts.pop(0)
    if cells:
        handles = [legend_entry(model_colour(*cell), markers[cell], "-") for cell in cells]
        key.legend([*handles, legend_entry(GREY, "", (0, (3, 2)))],
                   [*(model_name(*cell) for cell in cells), "chance"], loc="center", ncols=4)  # fmt: skip
    for training in trainings:
        letter, part = next(letters), parts.pop(0)
        own = curves[curves["training"] == training]
        title = TITLES[training] if trainings != ["per task"] else ""
        _curves(page, letter, part, own, tasks, cells, markers, (n_rows, n_columns), UPDATES[training], title)
        page.simulated(letter, PRIOR, sorted(inputs.simulated_priors(own)))
    row = parts.pop(0)
    left, right = row.subplots(1, 2, width_ratios=[1.3, 1])
    c, d = next(letters), next(letters)
    _to_criterion(page, c, left, first, tasks, cells, markers)
    own = scores[scores["training"] == trainings[0]]
    _leads(page, d, right, own, cells, markers)
    page.simulated(c, PRIOR, sorted(inputs.simulated_priors(first)))
    page.simulated(d, PRIOR, sorted(inputs.simulated_priors(own)))
    if len(rates):
        _rates(page, next(letters), parts.pop(0), rates, markers)
    return page.finish()


def _by_family(page, letter, part, curves, cells, markers, updates):
    """Means over the tasks of a family: a line a seed, and their mean."""
    names = [name for name in FAMILIES if curves["task"].map(family).eq(name).any()]
    grid = part.subplots(1, max(len(names), 1), squeeze=False, sharey=True)[0]
    page.panel(grid[0], letter)
    if not len(curves):
        page.not_available(grid[0], letter, "no learning curve was recorded", 80)
        return
    curves = curves.assign(family=curves["task"].map(family).fillna("other"))
    if not names:
        page.not_available(grid[0], letter, "no task is of a known family", 80)
        return
    for axes, name in zip(grid, names, strict=True):
        own = curves[curves["family"] == name]
        tasks = list(dict.fromkeys(own["task"]))
        axes.set_title(f"{name} ({len(tasks)})")
        chance_line(axes, tasks[0])
        for cell in cells:
            here = own[(own["model"] == cell[0]) & (own["prior"] == cell[1])]
            if 0 < here["task"].nunique() < len(tasks):
                reason = "because the model was not trained on every task of the family"
                left_out = dict(family=name, model=cell[0], prior=cell[1], not_available=reason)
                page.keep(letter, pd.DataFrame([left_out]))
            if here["task"].nunique() < len(tasks):
                continue
            lines = here.groupby(["seed", "update"])["value"].mean().reset_index()
            page.keep(letter, lines.assign(family=name, model=cell[0], prior=cell[1], line="seed"))
            _lines(axes, lines, cell, markers)
        axes.set_ylim(0, 1.03)
        axes.set_xlim(left=0)
        axes.set_yticks([0, 0.5, 1])
        axes.locator_params(axis="x", nbins=4)
        axes.set_xlabel(updates)
    grid[0].set_ylabel("validation accuracy")


def _lines(axes, lines, cell, markers):
    """Thin lines for seeds and a thick one for their mean, with a marker at its end."""
    colour = model_colour(*cell)
    for _, line in lines.groupby("seed"):
        axes.plot(line["update"], line["value"], color=colour, linewidth=0.5, alpha=0.4)
    mean = lines.groupby("update")["value"].mean()
    axes.plot(mean.index, mean, color=colour, linewidth=1.3)
    axes.plot(mean.index[-1:], mean.tail(1), markers[cell], color=colour, markersize=3)


def _curves(page, letter, part, curves, tasks, cells, markers, shape, updates, title):
    grid = part.subplots(*shape, squeeze=False, sharex=True, sharey=True)
    if not len(curves):
        page.panel(grid[0, 0], letter)
        page.not_available(grid[0, 0], letter, "no learning curve was recorded", 60)
        for axes in grid.flat[1:]:
            axes.set_axis_off()
        return
    if title:
        part.suptitle(title, x=0.06, ha="left", fontsize=7.5)
    page.panel(grid[0, 0], letter)
    columns = ["task", "model", "prior", "training", "seed", "update", "value"]
    page.keep(letter, curves[columns].assign(line="seed"))
    size = 7 if shape[1] < 5 else TINY
    for k, axes in enumerate(grid.flat):
        if k >= len(tasks):
            axes.set_axis_off()
            continue
        task = tasks[k]
        axes.set_title(task, fontsize=size, pad=2)
        if not (curves["task"] == task).any():
            page.not_available(axes, letter, f"{task}: no learning curve", 16)
            continue
        chance_line(axes, task)
        for cell in cells:
            here = of_cell(curves, task, cell)
            if len(here):
                _lines(axes, here, cell, markers)
        axes.set_ylim(0, 1.06)
        axes.set_xlim(left=0)
        axes.set_yticks([0, 0.5, 1])
        axes.locator_params(axis="x", nbins=3)
        axes.tick_params(labelsize=size)
        if k + shape[1] >= len(tasks):
            axes.tick_params(labelbottom=True)
    part.supylabel("validation accuracy", fontsize=7)
    part.supxlabel(updates, fontsize=7)


def _to_criterion(page, letter, axes, curves, tasks, cells, markers):
    """The first update at which a network had learnt each task; hollow and above all if it never had."""
    page.panel(axes, letter, f"updates until {100 * CRITERION:.0f} % of validation trials are right")
    if not len(curves):
        page.not_available(axes, letter, "no learning curve was recorded")
        return
    keys = ["task", "model", "prior", "seed"]
    there = curves[curves["value"] >= CRITERION].groupby(keys)["update"].min().rename("updates")
    table = curves.groupby(keys, sort=False)["update"].max().rename("last").reset_index().join(there, on=keys)
    page.keep(letter, table.assign(never=table["updates"].isna()))
    top = 1.12 * float(table["last"].max())
    offsets, width = dodge(len(cells), width=0.66)
    for x, task in enumerate(tasks):
        for cell, offset in zip(cells, offsets, strict=True):
            own = of_cell(table, task, cell).sort_values("seed")
            colour, places = model_colour(*cell), x + offset + spread(len(own), 0.6 * width)
            never = own["updates"].isna().to_numpy()
            size = 2.6 if width > 0.14 else 1.6
            axes.plot(places[~never], own["updates"][~never], markers[cell], color=colour, markersize=size)
            axes.plot(
                places[never], np.full(never.sum(), top), markers[cell], color=colour, markersize=size,
                markerfacecolor="white", markeredgewidth=0.5,
            )  # fmt: skip
    axes.axhline(0.5 * (top + float(table["last"].max())), color=GREY, linewidth=0.5)
    axes.annotate(
        "never", (0, top), xycoords=("axes fraction", "data"), xytext=(-4, 0), textcoords="offset points",
        ha="right", va="center", fontsize=TINY, color="#555555",
    )  # fmt: skip
    axes.set_ylim(0, 1.06 * top)
    axes.set_xlim(-0.6, max(len(tasks) - 0.4, 0.6))
    few = len(tasks) <= 8
    axes.set_xticks(range(len(tasks)), tasks, rotation=0 if few else 90, fontsize=TINY)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("update")


def _leads(page, letter, axes, scores, cells, markers):
    """Accuracy of DigiMus less that of each other model, by family: tasks as points, their mean as a bar."""
    page.panel(axes, letter, "lead of DigiMus by family of tasks")
    priors = [cell for cell in cells if cell[0] == OURS and cell[1] != "none"]
    ours = priors[0] if priors else (OURS, "none") if (OURS, "none") in cells else None
    others = [cell for cell in cells if cell != ours and (cell[0] != OURS or cell[1] == "none")]
    means = scores.groupby(["model", "prior", "task"], sort=False)["value"].mean()
    wide = means.unstack(["model", "prior"]) if len(means) else pd.DataFrame()
    if ours is None or ours not in wide or not others:
        reason = "there is no DigiMus network and another model with scores on the rule tasks"
        page.not_available(axes, letter, reason, 30)
        return
    leads = {cell: (wide[ours] - wide[cell]).dropna() for cell in others if cell in wide}
    leads = {cell: values for cell, values in leads.items() if len(values)}
    found = {family(task) for values in leads.values() for task in values.index}
    names = [name for name in FAMILIES if name in found] or sorted({name or "other" for name in found})
    if not leads:
        page.not_available(axes, letter, "DigiMus and the other models learnt no task in common", 30)
        return
    axes.axhline(0, color=GREY, linewidth=0.7, zorder=0)
    offsets, width = dodge(len(leads), width=0.6)
    rows = []
    for (cell, values), offset in zip(leads.items(), offsets, strict=True):
        colour = model_colour(*cell)
        for x, name in enumerate(names):
            own = values[[(family(task) or "other") == name for task in values.index]]
            axes.plot(
                x + offset + spread(len(own), 0.5 * width), own, markers[cell], color=colour, markersize=2.6,
                alpha=0.7, markeredgewidth=0,
            )  # fmt: skip
            if len(own):
                ends = x + offset - 0.4 * width, x + offset + 0.4 * width
                axes.hlines(own.mean(), *ends, color=colour, linewidth=1.8)
            kept = own.rename("lead").reset_index()
            rows.append(kept.assign(family=name, model=ours[0], prior=ours[1], against_model=cell[0],
                                    against_prior=cell[1]))  # fmt: skip
    page.keep(letter, pd.concat(rows, ignore_index=True))
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, -LEAST_RANGE), max(high, LEAST_RANGE))
    axes.set_xticks(range(len(names)), [wrap(name, 12) for name in names], fontsize=TINY)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("difference in accuracy")
    axes.set_xlabel(f"{model_name(*ours)}, less the model of that colour", fontsize=TINY)


def _rates(page, letter, part, rates, markers):
    """Validation accuracy at every learning rate that was tried; filled where it was chosen."""
    cells = ordered_cells(rates)
    axes = part.subplots()
    page.panel(axes, letter, "learning rates that were tried")
    page.keep(letter, rates[list(RATES)])
    for cell in cells:
        own = rates[(rates["model"] == cell[0]) & (rates["prior"] == cell[1])]
        colour = model_colour(*cell)
        for _, line in own.groupby(["training", "task"], sort=False):
            line = line.sort_values("learning_rate")
            tried, reached = line["learning_rate"], line["validation_accuracy"]
            axes.plot(tried, reached, "-", color=colour, linewidth=0.5, alpha=0.35)
            chosen = line.index[line["chosen"].astype(str) == "True"]
            axes.plot(tried[chosen], reached[chosen], ".", color=colour, markersize=2.5)
        mean = own.groupby("learning_rate")["validation_accuracy"].mean()
        axes.plot(mean.index, mean, "-", marker=markers.get(cell, "o"), color=colour, linewidth=1.4)
    axes.set_xscale("log")
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("learning rate (thin: a task, with a dot where it was chosen; thick: mean over tasks)")
    axes.set_ylabel("validation accuracy")
