"""The rule tasks, how well every network does them, and what the prior adds."""

import numpy as np
import pandas as pd

from digimus.figures.rules import (
    FAMILIES,
    SCORES,
    TITLES,
    chance_of,
    family,
    of_cell,
    of_rules,
    trainings_of,
)
from digimus.figures.style import (
    GREY,
    INK,
    MINUTE,
    PRIOR,
    TINY,
    VERDICT_STYLES,
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
from digimus.figures.tasks import TRIALS, trial_images

ACCURACIES = ("task", "training", "model", "prior", "n_seeds", "mean", "ci_low", "ci_high", "chance")
CONTROLS = (
    "training", "scope", "task", "model", "prior", "control", "measure", "n_pairs", "n", "unit", "effect",
    "ci_low", "ci_high", "p_corrected", "smallest_effect", "verdict",
)  # fmt: skip
LEVELS = ("task", "training", "model", "prior", "seed", "curve", "difficulty", "accuracy")
MEASURE = "accuracy gained"
DASHED = (0, (3, 2))
MOST_TASKS = 9
"""In a row of the panel of accuracies, unless there are both ways of training."""
MOST_COMPARED = 9
FEWEST_PLACES = 3
"""Tasks that there is room for, so that one alone is not as wide as the page."""


def accuracy(inputs):
    """An example of each family, the accuracy of every network, and paired differences with the prior.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``tasks/trials.csv``, and ``scores.csv``, ``accuracy.csv``, ``controls.csv`` and
        ``psychometrics.csv`` of ``evaluation/``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    scores = of_rules(inputs.table("evaluation/scores.csv", SCORES), "accuracy")
    means = inputs.table("evaluation/accuracy.csv", ACCURACIES)
    controls = inputs.table("evaluation/controls.csv", CONTROLS)
    controls = controls[controls["measure"] == MEASURE]
    levels = inputs.table("evaluation/psychometrics.csv", LEVELS)
    trials = inputs.table("tasks/trials.csv", TRIALS)
    tasks = list(dict.fromkeys(scores["task"]))
    cells = ordered_cells(scores)
    markers = cell_markers(cells)
    trainings = trainings_of(scores)
    chunks = [tasks] if len(trainings) > 1 else _chunks(tasks)

    legend = 5 * -(-max(len(cells), 1) // 4)
    heights = [42, *[12 + (26 if len(tasks) > 12 else 36) * len(chunks)] * len(trainings), legend, 42, 44]
    page = Page(sum(heights) + 8)
    parts = page.figure.subfigures(len(heights), 1, height_ratios=heights)
    _examples(page, parts[0], trials, tasks)
    letters = iter("bcdefg")
    for training, part in zip(trainings, parts[1:], strict=False):
        letter = next(letters)
        own = scores[scores["training"] == training]
        _accuracies(page, letter, part, own, means[means["training"] == training], chunks, cells, markers)
        title = "accuracy on test trials" + (f", {TITLES[training]}" if trainings != ["per task"] else "")
        part.axes[0].set_title(title)
        page.simulated(letter, PRIOR, sorted(inputs.simulated_priors(own)))
    if cells:
        handles = [legend_entry(model_colour(*cell), markers[cell]) for cell in cells]
        handles += [legend_entry(GREY, "", DASHED)]
        names = [*(model_name(*cell) for cell in cells), "chance"]
        parts[-3].legend(handles, names, loc="center", ncols=4)
    c, d, e = (next(letters) for _ in range(3))
    _gains(page, c, parts[-2].subplots(), scores, controls, tasks, markers, trainings)
    left, right = parts[-1].subplots(1, 2, width_ratios=[1.25, 1])
    _over_tasks(page, d, left, controls, markers)
    _by_coherence(page, e, right, levels, cells, markers, trainings[0])
    for letter, table in ((c, controls), (d, controls), (e, levels)):
        page.simulated(letter, PRIOR, sorted(inputs.simulated_priors(table)))
    return page.finish()


def _chunks(tasks):
    """Tasks in rows of about equal length."""
    n_rows = max(-(-len(tasks) // MOST_TASKS), 1)
    wide = max(-(-len(tasks) // n_rows), 1)
    return [tasks[k : k + wide] for k in range(0, max(len(tasks), 1), wide)]


def _examples(page, part, trials, tasks):
    """Input and target of the first task of each family."""
    drawn = [task for task in [*tasks, *trials["task"].unique()] if (trials["task"] == task).any()]
    firsts = [
        next((task for task in dict.fromkeys(drawn) if family(task) == name), None) for name in FAMILIES
    ]
    firsts = [task for task in firsts if task is not None] or list(dict.fromkeys(drawn))[:1]
    if not firsts:
        axes = part.subplots()
        page.panel(axes, "a", "example trials")
        page.not_available(axes, "a", "no task is configured", 80)
        return
    grid = part.add_gridspec(1, max(len(firsts), FEWEST_PLACES))
    for k, task in enumerate(firsts):
        place = grid[k].subgridspec(2, 1, height_ratios=[2, 1], hspace=0.03)
        rows = trials[trials["task"] == task]
        trial_images(
            page, part, place, "a", rows, first=not k, title_pt=7, signals=("input", "target"),
            mark="" if k else "a",
        )  # fmt: skip


def _accuracies(page, letter, part, scores, means, chunks, cells, markers):
    """Every seed, the mean with its interval and chance, task by task."""
    panels = part.subplots(len(chunks), 1, squeeze=False)[:, 0]
    page.panel(panels[0], letter)
    if not len(scores):
        page.not_available(panels[0], letter, "no network was trained on a rule task", 80)
        return
    keys = ["task", "model", "prior", "training"]
    page.keep(letter, scores[[*keys, "seed", "value"]].assign(mark="seed"))
    intervals = means.set_index(["task", "model", "prior"])[["mean", "ci_low", "ci_high"]]
    widest = max(map(len, chunks))
    offsets, width = dodge(len(cells), width=0.66)
    rows = []
    for axes, tasks in zip(panels, chunks, strict=True):
        for x, task in enumerate(tasks):
            chance = chance_of(task)
            axes.hlines(chance, x - 0.42, x + 0.42, color=GREY, linewidth=0.8, linestyle=DASHED)
            rows.append(dict(task=task, value=chance, mark="chance"))
            for cell, offset in zip(cells, offsets, strict=True):
                rows.append(_cell(axes, x + offset, width, scores, intervals, task, cell, markers[cell]))
        dense = widest * max(len(cells), 1) > 60
        axes.set_xticks(range(len(tasks)), tasks, fontsize=TINY if dense else 7)
        if len(chunks) == 1 and widest > 12:
            axes.tick_params(axis="x", rotation=90)
        axes.set_xlim(-0.6, max(widest - 0.4, FEWEST_PLACES - 0.4))
        axes.set_ylim(0, 1.04)
        axes.set_yticks([0, 0.5, 1])
        axes.tick_params(axis="x", length=0)
        axes.set_ylabel("test accuracy")
    page.keep(letter, pd.DataFrame([row for row in rows if row is not None]))


def _cell(axes, x, width, scores, intervals, task, cell, marker):
    """Seeds, mean and interval of a cell; returns the row of the mean, None where there was to be nothing."""
    values = of_cell(scores, task, cell).sort_values("seed")["value"].to_numpy(float)
    if not (scores["task"].eq(task) & scores["model"].eq(cell[0])).any():
        return None  # the model was not to be trained on this task
    colour = model_colour(*cell)
    row = dict(task=task, model=cell[0], prior=cell[1])
    if not np.isfinite(values).any():
        axes.text(x, 0.03, "n/a", rotation=90, ha="center", va="bottom", color=colour, fontsize=MINUTE)
        return row | dict(mark="mean over seeds", not_available="because no network of this cell was scored")
    places = x + spread(len(values), min(0.12, 0.5 * width))
    size = 2.4 if width > 0.08 else 1.6
    axes.plot(places, values, marker, color=colour, markersize=size, alpha=0.6, markeredgewidth=0)
    mean = float(np.nanmean(values))
    axes.hlines(mean, x - width * 0.4, x + width * 0.4, color=colour, linewidth=1.6)
    low = high = np.nan
    if (task, *cell) in intervals.index:
        low, high = intervals.loc[[(task, *cell)], ["ci_low", "ci_high"]].iloc[0].to_numpy(float)
        axes.vlines(x, np.clip(low, 0, 1), np.clip(high, 0, 1), color=colour, linewidth=0.7)
    return row | dict(value=mean, low=low, high=high, mark="mean over seeds")


def _gains(page, letter, axes, scores, controls, tasks, markers, trainings):
    """Prior less structure-free on every task: pairs of seeds, mean and interval."""
    page.panel(axes, letter, "with the prior less structure-free, seed by seed")
    rows = controls[(controls["scope"] == "task") & (controls["control"] == "none")]
    if not len(rows):
        page.not_available(axes, letter, "no DigiMus network with a prior has a structure-free twin", 80)
        return
    page.keep(letter, rows[list(CONTROLS)].assign(mark="mean"))
    pairs = list(dict.fromkeys(rows[["training", "model", "prior"]].itertuples(index=False, name=None)))
    offsets, width = dodge(len(pairs), step=0.25)
    smallest = rows["smallest_effect"].astype(float).max()
    if np.isfinite(smallest):
        axes.axhspan(-smallest, smallest, color="#E9EEF3", linewidth=0, zorder=0)
    axes.axhline(0, color=GREY, linewidth=0.7, zorder=0)
    for (training, model, prior), offset in zip(pairs, offsets, strict=True):
        filled = training == trainings[0]
        colour, marker = model_colour(model, prior), markers.get((model, prior), "o")
        twins = _paired(scores[scores["training"] == training], model, prior)
        page.keep(letter, twins.assign(training=training, mark="seed"))
        own = rows[(rows["training"] == training) & (rows["model"] == model) & (rows["prior"] == prior)]
        for row in own.to_dict("records"):
            x = tasks.index(row["task"]) + offset if row["task"] in tasks else np.nan
            points = twins.loc[twins["task"] == row["task"], "difference"].to_numpy(float)
            axes.plot(
                x + spread(len(points), 0.4 * width), points, marker, color=colour, markersize=2.2, alpha=0.6,
                markerfacecolor=colour if filled else "white", markeredgewidth=0.4,
            )  # fmt: skip
            axes.vlines(x, row["ci_low"], row["ci_high"], color=colour, linewidth=0.8)
            axes.plot(x, row["effect"], "_", color=colour, markersize=7, markeredgewidth=1.6)
    axes.set_xticks(range(len(tasks)), tasks, rotation=90 if len(tasks) > 12 else 0)
    axes.set_xlim(-0.6, max(len(tasks), FEWEST_PLACES) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("difference in\naccuracy")


def _paired(scores, model, prior):
    """Differences of a prior and no prior by task and seed."""
    keys = ["task", "seed"]
    own = scores[scores["model"] == model]
    with_prior, free = (
        own[own["prior"] == name].set_index(keys)["value"].astype(float) for name in (prior, "none")
    )
    found = (with_prior - free).dropna().rename("difference").reset_index()
    return found.assign(model=model, prior=prior)


def _over_tasks(page, letter, axes, controls, markers):
    """Mean over tasks of each prior less each of its controls, with interval and verdict."""
    page.panel(axes, letter, "over all tasks")
    rows = controls[controls["scope"] == "all tasks"]
    if not len(rows):
        page.not_available(axes, letter, "no prior was compared with a control on several tasks")
        return
    page.keep(letter, rows[list(CONTROLS)])
    left_out, rows = len(rows) - MOST_COMPARED, rows.head(MOST_COMPARED)
    smallest = rows["smallest_effect"].astype(float).max()
    if np.isfinite(smallest):
        axes.axvspan(-smallest, smallest, color="#E9EEF3", linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=0.7, zorder=0)
    names = []
    for y, row in enumerate(rows.to_dict("records")):
        cell = row["model"], row["prior"]
        colour, verdict = model_colour(*cell), str(row["verdict"])
        axes.hlines(y, row["ci_low"], row["ci_high"], color=colour, linewidth=1)
        axes.plot(row["effect"], y, markers.get(cell, "o"), color=colour, markersize=4)
        control = "no prior" if row["control"] == "none" else row["control"]
        names.append(f"{row['prior']} − {control}" + (", together" if row["training"] == "together" else ""))
        axes.annotate(
            f"{int(row['n'])}  {verdict}", (1, y), xycoords=("axes fraction", "data"), xytext=(2, 0),
            textcoords="offset points", va="center", fontsize=MINUTE, annotation_clip=False,
            color=VERDICT_STYLES.get(verdict, (INK,))[0],
        )  # fmt: skip
    axes.set_yticks(range(len(names)), [wrap(name, 26) for name in names], fontsize=TINY)
    axes.set_ylim(max(len(names), 3) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    more = f" ({left_out} more in the table)" if left_out > 0 else ""
    axes.set_xlabel(f"gain in accuracy{more}")
    axes.annotate(
        "tasks  verdict", (1, 1), xycoords="axes fraction", xytext=(2, 2), textcoords="offset points",
        fontsize=MINUTE, color="#666666", annotation_clip=False,
    )  # fmt: skip


def _by_coherence(page, letter, axes, levels, cells, markers, training):
    """Accuracy against the rank of the coherence, over the tasks with graded evidence."""
    page.panel(axes, letter, "by coherence of the evidence")
    rows = levels[(levels["curve"] == "accuracy") & levels["difficulty"].notna()]
    rows = rows[rows["training"] == training]
    if not len(rows):
        page.not_available(axes, letter, "no network was trained on a task with graded evidence", 26)
        return
    rows = rows.assign(level=rows.groupby("task")["difficulty"].rank(method="dense").astype(int))
    tasks = list(dict.fromkeys(rows["task"]))
    by_seed = rows.groupby(["model", "prior", "seed", "level"], sort=False)["accuracy"]
    by_seed = by_seed.agg(["mean", "size"]).reset_index()
    whole = by_seed[by_seed["size"] == len(tasks)]
    page.keep(letter, by_seed.rename(columns={"mean": "value", "size": "n_tasks"}).assign(mark="seed"))
    axes.axhline(0.5, color=GREY, linewidth=0.7, linestyle=DASHED)
    partly = []
    for cell in cells:
        own = whole[(whole["model"] == cell[0]) & (whole["prior"] == cell[1])]
        if not len(own):
            partly.append(model_name(*cell))
            continue
        colour = model_colour(*cell)
        for _, line in own.groupby("seed"):
            axes.plot(line["level"], line["mean"], "-", color=colour, linewidth=0.5, alpha=0.45)
        mean = own.groupby("level")["mean"].mean()
        axes.plot(mean.index, mean, "-", marker=markers[cell], color=colour, linewidth=1.4, markersize=3)
        kept = mean.rename("value").reset_index().assign(model=cell[0], prior=cell[1], n_tasks=len(tasks))
        page.keep(letter, kept.assign(mark="mean over seeds"))
    most = int(whole["level"].max()) if len(whole) else 1
    axes.set_xticks(range(1, most + 1))
    axes.set_ylim(0, 1.04)
    axes.set_yticks([0, 0.5, 1])
    axes.set_ylabel("test accuracy")
    n = len(tasks)
    without = "\n" + wrap(f"not on all of them: {'; '.join(partly)}", 46) if partly else ""
    axes.set_xlabel(f"coherence, 1 is hardest (mean of {n} task{'s' * (n > 1)}){without}")
