"""How accuracy on decision tasks rises with the coherence of the evidence, and thresholds read from it."""

import numpy as np
import pandas as pd
from matplotlib.ticker import FixedLocator, NullLocator

from digimus.analysis.accuracy import t_interval
from digimus.analysis.psychometrics import ABOVE, BELOW, CONSTANT, LAPSES
from digimus.figures.rules import TITLES, chance_line, of_cell
from digimus.figures.style import (
    INK,
    PALE,
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

LEVELS = ("task", "training", "model", "prior", "seed", "curve", "difficulty", "accuracy", "n_trials")
FITS = ("task", "training", "model", "prior", "seed", "curve", "threshold", "outcome")
KEY = ["task", "training", "model", "prior"]
FEWEST_COLUMNS, MOST_COLUMNS = 3, 5
BEYOND = {BELOW: "v", ABOVE: "^", CONSTANT: "^", LAPSES: "^"}
"""Markers of thresholds outside the tested coherences; that of a network with none stands above them."""
ASIDE = 1.18
"""How far beyond the tested coherences these are drawn, as a factor."""
KEYS_OF_THRESHOLDS = {
    "seed (bar: median)": legend_entry(INK),
    "below what was tested": legend_entry(INK, "v", filled=False),
    "above, or none": legend_entry(INK, "^", filled=False),
    "no fit": legend_entry(INK, "x"),
    "lowest and highest tested": legend_entry(PALE, "", "-"),
}
NO_LEVELS = "no network was trained on a task with graded evidence (a decision task), so there is no curve"


def psychometric(inputs):
    """Accuracy against coherence for every decision task, and the thresholds of all networks.

    Networks that learnt one task each and networks that learnt all have panels of their own.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``evaluation/psychometrics.csv`` and ``evaluation/thresholds.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    levels = inputs.table("evaluation/psychometrics.csv", LEVELS)
    levels = levels[(levels["curve"] == "accuracy") & levels["difficulty"].notna()]
    fits = inputs.table("evaluation/thresholds.csv", FITS)
    fits = fits[fits["curve"] == "accuracy"]
    if not len(levels):
        page = Page(24)
        page.not_available(page.figure.subplots(), "a", NO_LEVELS, 100)
        return page.finish()
    tasks, cells = list(dict.fromkeys(levels["task"])), ordered_cells(levels)
    markers = cell_markers(cells)
    trainings = [training for training in TITLES if (levels["training"] == training).any()]
    n_columns = min(max(len(tasks), FEWEST_COLUMNS), MOST_COLUMNS)
    n_rows = -(-len(tasks) // n_columns)
    named = 6 if trainings != ["per task"] else 0
    heights = [10 + 5 * -(-len(cells) // 4) + named + 36 * n_rows, 56] * len(trainings)
    page = Page(sum(heights))
    parts = page.figure.subfigures(len(heights), 1, height_ratios=heights)
    for k, training in enumerate(trainings):
        top, bottom = parts[2 * k : 2 * k + 2]
        first, second = "abcd"[2 * k : 2 * k + 2]
        own = levels[levels["training"] == training]
        if named:
            top.suptitle(TITLES[training], x=0.01, ha="left", fontsize=8, fontweight="bold")
        _curves(page, first, top, own, tasks, cells, markers, (n_rows, n_columns))
        handles = [legend_entry(model_colour(*cell), markers[cell], "-") for cell in cells]
        top.legend(handles, [model_name(*cell) for cell in cells], loc="outside lower center", ncols=4)
        read = fits[fits["training"] == training]
        _thresholds(page, second, bottom.subplots(), own, read, tasks, cells, markers)
        if len(read):
            bottom.legend(
                list(KEYS_OF_THRESHOLDS.values()),
                list(KEYS_OF_THRESHOLDS),
                loc="outside lower center",
                ncols=5,
            )
        page.simulated([first, second], PRIOR, sorted(inputs.simulated_priors(own)))
    return page.finish()


def _curves(page, letter, part, levels, tasks, cells, markers, shape):
    grid = part.subplots(*shape, squeeze=False, sharey=True)
    page.panel(grid[0, 0], letter)
    columns = [*KEY, "seed", "difficulty", "accuracy", "n_trials"]
    page.keep(letter, levels[columns].rename(columns={"accuracy": "value"}).assign(mark="seed"))
    means = _means(levels)
    page.keep(letter, means.assign(mark="mean over seeds, 95 % t-interval"))
    bottom = min(0.4, np.nanmin([levels["accuracy"].min(), 1.0]) - 0.03)
    for k, axes in enumerate(grid.flat):
        if k >= len(tasks):
            axes.set_axis_off()
            continue
        task = tasks[k]
        axes.set_title(task)
        here = np.unique(levels.loc[levels["task"] == task, "difficulty"])
        if not len(here):
            page.not_available(axes, letter, f"{task}: no such network", 20)
            continue
        axes.set_xscale("log")
        chance_line(axes, task)
        # Models stand beside each other at every coherence, within a third of the way to the next.
        step = np.diff(np.log(here)).min() if len(here) > 1 else 0.7
        beside = np.exp(spread(len(cells), 0.33 * step))
        for cell, aside in zip(cells, beside, strict=True):
            _curve(axes, of_cell(levels, task, cell), of_cell(means, task, cell), cell, markers, aside)
        axes.xaxis.set_major_locator(FixedLocator(here))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xticks(here, [f"{level:g}".lstrip("0") for level in here])
        axes.set_xlim(here.min() * np.exp(-0.45 * step), here.max() * np.exp(0.45 * step))
        axes.set_ylim(max(bottom, 0), 1.03)
        if k + shape[1] >= len(tasks):
            axes.set_xlabel("coherence")
        if k % shape[1] == 0:
            axes.set_ylabel("share of trials right")


def _means(levels):
    """Mean over seeds at every coherence, with its interval."""
    rows = []
    for key, seeds in levels.groupby([*KEY, "difficulty"], sort=False):
        mean, low, high = t_interval(seeds["accuracy"])
        rows.append(
            dict(zip([*KEY, "difficulty"], key, strict=True))
            | dict(value=mean, low=low, high=high, n_seeds=seeds["seed"].nunique())
        )
    return pd.DataFrame(rows)


def _curve(axes, seeds, means, cell, markers, aside):
    """Every seed as a small point, the mean as a line, the interval as a bar, cut off at 0 and 1."""
    colour = model_colour(*cell)
    axes.plot(
        seeds["difficulty"] * aside * 1.035, seeds["accuracy"], ".", color=colour, markersize=3.2, alpha=0.7,
        markeredgewidth=0,
    )  # fmt: skip
    x = means["difficulty"].to_numpy(float) * aside
    low, high = means["low"].clip(0, 1), means["high"].clip(0, 1)
    known = low.notna().to_numpy()
    axes.vlines(x[known], low[known], high[known], color=colour, linewidth=0.7)
    axes.plot(x, means["value"], markers[cell], linestyle="-", color=colour, linewidth=1.2, markersize=2.8)


def _thresholds(page, letter, axes, levels, fits, tasks, cells, markers):
    page.panel(axes, letter, "coherence at which 75 % are right, lapses aside")
    if not len(fits):
        page.not_available(axes, letter, "no curve was fitted", 60)
        return
    page.keep(letter, fits[[*KEY, "seed", "threshold", "outcome"]].assign(mark="seed"))
    offsets, width = dodge(len(cells))
    medians = []
    for x, task in enumerate(tasks):
        tested = levels.loc[levels["task"] == task, "difficulty"]
        if not len(tested):
            continue
        ends = tested.min(), tested.max()
        axes.hlines(ends, x - 0.42, x + 0.42, color=PALE, linewidth=0.9)
        for cell, offset in zip(cells, offsets, strict=True):
            own = of_cell(fits, task, cell).sort_values("seed")
            if len(own):
                median = _of_seeds(axes, own, x + offset, width, ends, model_colour(*cell), markers[cell])
                key = dict(zip(KEY, [task, own["training"].iloc[0], *cell], strict=True))
                medians.append(key | dict(threshold=median))
    page.keep(letter, pd.DataFrame(medians).assign(mark="median over seeds"))
    axes.set_yscale("log")
    low, high = levels["difficulty"].min(), levels["difficulty"].max()
    ticks = np.unique(levels["difficulty"])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticks(ticks, [f"{tick:g}".lstrip("0") for tick in ticks])
    axes.set_ylim(low / 1.45, high * 1.45)
    axes.set_xticks(range(len(tasks)), tasks, rotation=0 if len(tasks) <= 12 else 60)
    axes.set_xlim(-0.6, max(len(tasks), FEWEST_COLUMNS) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("threshold (coherence)")


def _of_seeds(axes, own, x, width, ends, colour, marker):
    """A point a seed, beyond the ends of what was tested if its threshold is, and a bar; gives the median."""
    places = x + spread(len(own), min(0.12, 0.5 * width))
    for place, threshold, outcome in zip(places, own["threshold"], own["outcome"], strict=True):
        if np.isfinite(threshold):
            style = dict(marker=marker, markersize=2.8, markeredgecolor="white", markeredgewidth=0.3)
        else:
            threshold = ends[0] / ASIDE if outcome == BELOW else ends[1] * ASIDE
            style = dict(marker=BEYOND.get(outcome, "x"), markersize=3, markerfacecolor="white")
            style |= dict(markeredgewidth=0.7)
        axes.plot(place, threshold, color=colour, **style)
    median = _median(own)
    if np.isfinite(median):
        axes.hlines(median, x - width * 0.4, x + width * 0.4, color=colour, linewidth=2)
    return median


def _median(own):
    """Median over all seeds, with thresholds outside the tested levels below or above all others.

    nan where the median is such a one, or a seed has no fit.
    """
    values = own["threshold"].to_numpy(float).copy()
    outcome = own["outcome"].to_numpy()
    values[outcome == BELOW] = -np.inf
    values[np.isin(outcome, [ABOVE, CONSTANT, LAPSES])] = np.inf
    if np.isnan(values).any():
        return np.nan
    middle = np.sort(values)[[(len(values) - 1) // 2, len(values) // 2]]
    return float(middle.mean()) if np.isfinite(middle).all() else np.nan
