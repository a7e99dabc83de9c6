"""How well every model decodes held-out samples of each session, and what the prior adds."""

import numpy as np
import pandas as pd

from digimus.figures.intervals import nested_interval
from digimus.figures.style import (
    GREY,
    INK,
    PALE,
    PRIOR,
    RECORDINGS,
    Page,
    cell_markers,
    legend_entry,
    model_colour,
    model_name,
    ordered_cells,
    spread,
)

SCORES = (
    "benchmark", "animal", "session", "model", "prior", "seed", "split", "fold", "metric", "value",
)  # fmt: skip
NULLS = ("benchmark", "session", "animal", "model", "split", "null_95", "chance", "best_accuracy")


def decoding(inputs):
    """Balanced accuracy of every model by session, and the difference that the prior makes.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``evaluation/scores.csv`` and ``evaluation/nulls.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    scores = inputs.table("evaluation/scores.csv", SCORES)
    nulls = inputs.table("evaluation/nulls.csv", NULLS)
    scores = scores[(scores["metric"] == "balanced_accuracy") & (scores["fold"].astype(str) == "all")]
    scores = scores[~scores["benchmark"].isin(("rules", "rules together"))]
    datasets = list(dict.fromkeys([*scores["benchmark"], *nulls["benchmark"]]))
    page = Page(12 + 58 * max(len(datasets), 1))
    grid = page.figure.subplots(
        max(len(datasets), 1), 2, squeeze=False, gridspec_kw=dict(width_ratios=[3.2, 1])
    )
    if not datasets:
        for letter, axes in zip("ab", grid[0], strict=True):
            page.panel(axes, letter, "decoding")
            page.not_available(axes, letter, "no dataset was decoded")
        return page.finish()
    cells = ordered_cells(scores)
    markers = cell_markers(cells)
    for k, dataset in enumerate(datasets):
        left, right = chr(ord("a") + 2 * k), chr(ord("b") + 2 * k)
        here, split = _one_split(scores[scores["benchmark"] == dataset])
        null = nulls[(nulls["benchmark"] == dataset) & (nulls["split"] == split)]
        simulated = dataset in inputs.datasets
        title = f"{dataset}{' (simulated)' if simulated else ''}, {split} folds"
        page.panel(grid[k, 0], left, title)
        page.panel(grid[k, 1], right, "what the prior adds")
        _models(page, grid[k, 0], left, dataset, here, null, markers)
        _gain(page, grid[k, 1], right, dataset, here, markers)
        if simulated:
            page.simulated(left + right, RECORDINGS, [dataset])
        page.simulated(left + right, PRIOR, sorted(inputs.simulated_priors(here)))
    handles = [
        legend_entry(INK, "o"), legend_entry(GREY, "", (0, (3, 2))), legend_entry(INK, "_", size=7),
        legend_entry(INK, "*", size=5),
    ]  # fmt: skip
    names = [
        "session, seeds averaged (large: mean, 95 % interval)", "chance", "95 % of shuffled labels",
        "best possible (simulated)",
    ]  # fmt: skip
    keep = range(4) if nulls["best_accuracy"].notna().any() else range(3)
    page.figure.legend(
        [handles[i] for i in keep], [names[i] for i in keep], loc="outside lower center", ncols=4
    )
    return page.finish()


def _one_split(scores):
    """Rows of the split that verdicts rest on (blocked, where there is one), and its name."""
    splits = list(dict.fromkeys(scores["split"]))
    split = "blocked" if "blocked" in splits or not splits else splits[0]
    return scores[scores["split"] == split], split


def _seed_means(scores):
    keys = ["animal", "session", "model", "prior"]
    means = scores.assign(value=scores["value"].astype(float)).groupby(keys, sort=True)["value"]
    return means.agg(["mean", "count"]).reset_index().rename(columns={"mean": "value", "count": "n_seeds"})


def _models(page, axes, letter, dataset, scores, nulls, markers):
    """Sessions as lines across models, each model's mean and interval beside its points."""
    cells = ordered_cells(scores)
    values = _seed_means(scores)
    if not cells:
        page.not_available(axes, letter, f"{dataset}: no session was decoded")
        return
    best = nulls.groupby(["animal", "session"])["best_accuracy"].first().dropna()
    best = best.rename("value").reset_index()
    wide = values.pivot(index=["animal", "session"], columns=["model", "prior"], values="value")
    columns = [wide[cell] for cell in cells]
    if len(best):
        columns.append(best.set_index(["animal", "session"])["value"].reindex(wide.index))
    offsets = spread(len(wide), 0.16)
    for row, offset in zip(np.array(columns).T, offsets, strict=True):
        axes.plot(np.arange(len(row)) + offset, row, "-", color=PALE, linewidth=0.6, zorder=1)
    page.keep(letter, values.assign(dataset=dataset, mark="session"))
    rng = np.random.default_rng(0)
    for x, cell in enumerate(cells):
        colour, marker = model_colour(*cell), markers[cell]
        axes.plot(x + offsets, wide[cell], marker, color=colour, markersize=2.6, alpha=0.75, zorder=2)
        mean, low, high = nested_interval(_of_cell(scores, *cell), "value", rng)
        axes.vlines(x + 0.24, low, high, color=colour, linewidth=1.2)
        axes.plot(x + 0.24, mean, marker, color=colour, markersize=5)
        interval = dict(dataset=dataset, model=cell[0], prior=cell[1], value=mean, low=low, high=high)
        page.keep(letter, pd.DataFrame([interval | dict(mark="mean", n_sessions=wide[cell].notna().sum())]))
    if len(best):
        axes.plot(len(cells) + offsets, columns[-1], "*", color=INK, markersize=4, zorder=2)
        page.keep(letter, best.assign(dataset=dataset, mark="best possible"))
    _null_marks(page, axes, letter, dataset, nulls, cells, wide.index, offsets)
    names = [model_name(*cell).replace(", ", ",\n").replace(" only", "\nonly") for cell in cells]
    known = [int(wide[cell].notna().sum()) for cell in cells]
    names = [f"{name}\n(n = {n})" if n < len(wide) else name for name, n in zip(names, known, strict=True)]
    names += ["best\npossible"] * (len(best) > 0)
    axes.set_xticks(range(len(names)), names, rotation=0 if len(names) <= 7 else 60)
    axes.set_xlim(-0.5, len(names) - 0.4)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("balanced accuracy")
    n_animals = len(set(wide.index.get_level_values("animal")))
    axes.set_title(f"{len(wide)} sessions, {n_animals} animals", loc="right", fontsize=6.5, color="#666666")


def _null_marks(page, axes, letter, dataset, nulls, cells, sessions, offsets):
    """Chance, and where 95 % of decoders of shuffled labels stay below, session by session."""
    for chance in nulls["chance"].dropna().unique():
        axes.axhline(chance, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
        page.keep(letter, pd.DataFrame([dict(dataset=dataset, mark="chance", value=chance)]))
    for x, cell in enumerate(cells):
        rows = nulls[(nulls["model"] == cell[0]) & (cell[1] == "none")]
        if not len(rows):
            continue
        line = rows.groupby(["animal", "session"])["null_95"].mean().reindex(sessions)
        axes.plot(x + offsets, line, "_", color=INK, markersize=4, markeredgewidth=0.8, zorder=3)
        shown = line.rename("value").reset_index()
        page.keep(letter, shown.assign(dataset=dataset, model=cell[0], prior="none", mark="95 % of shuffles"))


def _of_cell(scores, model, prior):
    return scores[(scores["model"] == model) & (scores["prior"] == prior)]


def _gain(page, axes, letter, dataset, scores, markers):
    """With the prior less structure-free, seed by seed; a point is a session."""
    ours = scores[scores["model"] == "digimus"]
    wide = ours.pivot_table(index=["animal", "session", "seed"], columns="prior", values="value")
    priors = [prior for prior in wide.columns if prior != "none"]
    pairs = {p: (wide[p] - wide["none"]).dropna() for p in priors} if "none" in wide else {}
    pairs = {prior: gain for prior, gain in pairs.items() if len(gain)}
    if not pairs:
        page.not_available(axes, letter, f"{dataset}: no session was decoded both with and without a prior")
        return
    axes.axhline(0, color=GREY, linewidth=0.7)
    rng = np.random.default_rng(0)
    reach = 0.01
    for x, (prior, gain) in enumerate(pairs.items()):
        by_seed = gain.rename("value").reset_index()
        table = by_seed.groupby(["animal", "session"])["value"].mean().reset_index()
        gains = table["value"].to_numpy()
        cell = ("digimus", prior)
        colour, marker = model_colour(*cell), markers[cell]
        mean, low, high = nested_interval(by_seed, "value", rng)
        page.keep(letter, table.assign(dataset=dataset, model="digimus", prior=prior, mark="difference"))
        interval = dict(value=mean, low=low, high=high, n_sessions=len(table), mark="mean difference")
        page.keep(letter, pd.DataFrame([dict(dataset=dataset, model="digimus", prior=prior) | interval]))
        axes.plot(x + spread(len(gains), 0.3), gains, marker, color=colour, markersize=2.6, alpha=0.75)
        axes.vlines(x + 0.32, low, high, color=colour, linewidth=1.2)
        axes.plot(x + 0.32, mean, marker, color=colour, markersize=5)
        reach = max(reach, 1.15 * float(np.nanmax(np.abs([*gains, low, high]))))
    axes.set_ylim(-reach, reach)
    axes.set_xticks(range(len(pairs)), pairs)
    axes.set_xlim(-0.6, len(pairs) - 0.3)
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("prior − structure-free")
