"""Networks of several modules: their weights, the motifs of each module, and their accuracy."""

import numpy as np
import pandas as pd

from digimus.figures.retention import draw_distances, draw_legend, draw_profiles
from digimus.figures.rules import CHANCE, family
from digimus.figures.style import (
    GREY,
    INK,
    PRIOR,
    STRUCTURE_FREE,
    WITH_PRIOR,
    Page,
    ink_on,
    minus,
    region_colours,
    spread,
    wrap,
)

PROFILES = ("task", "model", "prior", "module", "seed", "stage", "triad", "enrichment")
DISTANCES = ("task", "model", "prior", "module", "seed", "stage", "target", "distance")
COUPLING = ("task", "model", "prior", "seed", "stage", "source", "target", "strength", "mean_weight")
WEIGHTS = ("task", "model", "prior", "seed", "post_module", "pre_module", "post", "pre", "mean_weight")
SCORES = ("benchmark", "task", "model", "prior", "seed", "metric", "value")
NONE = "no network of two or more modules was trained"
MOST_NETWORKS = 2
LABELS_TAKE = 0.35
"""Room for names left of 0, as a share of the distances' axis."""
MATRIX_MM, ROW_MM = 74, 47
LEAST_WIDE = 4
"""Tasks for which the panel of accuracy has room at least, so that one task does not fill it."""


def modules(inputs):
    """Weights as a matrix of blocks, how modules are coupled, their motifs, and test accuracy.

    A part for every model of two modules or more and every prior that it has for its modules; beyond
    `MOST_NETWORKS` parts the others are named.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``retention/profiles.csv``, ``retention/scores.csv``, ``retention/modules.csv``,
        ``retention/weights.csv`` and ``evaluation/scores.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    tables = {
        "profiles": inputs.table("retention/profiles.csv", PROFILES),
        "distances": inputs.table("retention/scores.csv", DISTANCES),
        "coupling": inputs.table("retention/modules.csv", COUPLING),
        "weights": inputs.table("retention/weights.csv", WEIGHTS),
        "scores": inputs.table("evaluation/scores.csv", SCORES),
    }
    networks = _networks(tables)
    if not networks:
        page = Page(40)
        axes = page.figure.subplots()
        page.panel(axes, "a", "networks of several modules")
        page.not_available(axes, "a", NONE, characters=60)
        return page.finish()
    shown, left_out = networks[:MOST_NETWORKS], networks[MOST_NETWORKS:]
    heights = [MATRIX_MM + ROW_MM * _n_rows(names) for _, _, names in shown]
    page = Page(14 + sum(heights))
    parts = page.figure.subfigures(len(shown), 1, squeeze=False, height_ratios=heights)[:, 0]
    letters = iter("abcdefghijklmnopqrstuvwxyz" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    for part, network in zip(parts, shown, strict=True):
        used = _draw_network(page, part, letters, tables, *network)
        if network[1] in inputs.priors:
            page.simulated(used, PRIOR, [network[1]])
    draw_legend(page, [_title(model, prior) for model, prior, _ in left_out])
    return page.finish()


def _networks(tables):
    """(model, prior for its modules or none, names of the modules) of every network with two or more."""
    coupling, profiles = tables["coupling"], tables["profiles"]
    goals = profiles[profiles["stage"].eq("target") & profiles["module"].fillna("").ne("")]
    found = []
    for model, rows in coupling.groupby("model", sort=False):
        names = list(dict.fromkeys(rows["source"]))
        if len(names) > 1:
            trained = dict.fromkeys(rows["prior"])
            own = [prior for prior in trained if prior in set(goals["prior"])]
            found += [(model, prior, names) for prior in own or ["none"]]
    return found


def _n_rows(names):
    """Rows of panels below the matrices: two in a row, and one for accuracy."""
    return len(names) // 2 + 1 + len(names) % 2


def _title(model, prior):
    return f"{model}, structure-free" if prior == "none" else f"{model}, prior {prior}"


def _draw_network(page, part, letters, tables, model, prior, names):
    """All panels of one network; returns their letters."""
    n_rows = _n_rows(names)
    top, bottom = part.subfigures(2, 1, height_ratios=[MATRIX_MM, ROW_MM * n_rows])
    used = [next(letters) for _ in range(len(names) + 4)]
    own = {name: table[table["model"].eq(model)] for name, table in tables.items()}
    left, right = top.subplots(1, 2)
    _matrix(page, top, left, used[0], own["weights"], model, prior, names)
    _coupling(page, top, right, used[1], own["coupling"], prior, names)
    grid = bottom.add_gridspec(n_rows, 2)
    panels = [bottom.add_subplot(grid[k // 2, k % 2]) for k in range(len(names) + 1)]
    goals = tables["profiles"][tables["profiles"]["stage"].eq("target")]
    profiles = pd.concat([goals, own["profiles"]])
    for axes, letter, name in zip(panels, used[2:], names, strict=False):
        free = prior != "none" and not (goals["prior"].eq(prior) & goals["module"].eq(name)).any()
        page.panel(axes, letter, f"motifs in module {name}" + ", which has no prior" * free, 22)
        draw_profiles(page, axes, letter, profiles[profiles["module"].eq(name)], prior)
    _distances(page, panels[-1], used[-2], own["distances"], prior, names)
    # Beside the distances; where those fill a row, in one below, over as much of it as its tasks need.
    few = own["scores"]["task"].nunique() <= LEAST_WIDE
    place = grid[n_rows - 1, 1] if len(names) % 2 == 0 else grid[n_rows - 1, 0 if few else slice(None)]
    _accuracy(page, bottom.add_subplot(place), used[-1], own["scores"], prior)
    return used


def _distances(page, axes, letter, distances, prior, names):
    """Of each module to its own part of the prior; the names stand in the panel, left of 0."""
    page.panel(axes, letter, "distance of each module to its own prior")
    chosen = distances[distances["target"].eq(prior) & distances["module"].isin(names)]
    draw_distances(page, axes, letter, chosen, by="module")
    labels = [label.get_text() for label in axes.get_yticklabels()]
    axes.set_yticks([])
    right = axes.get_xlim()[1]
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= right]
    axes.set_xlim(-LABELS_TAKE * right, right)
    axes.set_xticks(ticks)
    for y, label in enumerate(labels):
        axes.text(0.01, y, label, transform=axes.get_yaxis_transform(), fontsize=6, va="center")


def _matrix(page, part, axes, letter, weights, model, prior, names):
    """|W| of one trained network: rows postsynaptic, borders and colours of modules."""
    rows = weights[weights["prior"].eq(prior)]
    page.panel(axes, letter, f"|W| after training: {_title(model, prior)}", 10)
    if not len(rows):
        page.not_available(axes, letter, "no such network")
        return
    first = rows.iloc[0]
    n = int(rows["post"].max()) + 1
    size = np.full((n, n), np.nan)
    size[rows["post"].to_numpy(int), rows["pre"].to_numpy(int)] = rows["mean_weight"]
    image = axes.imshow(
        size, cmap="Greys", vmin=0, vmax=_top(size, 0.99), interpolation="none", aspect="equal"
    )
    counts = rows.groupby("post_module")["post"].nunique().reindex(names).to_numpy()
    borders = np.concatenate([[0], np.cumsum(counts)]) - 0.5
    for border in borders[1:-1]:
        axes.axhline(border, color=INK, linewidth=0.7)
        axes.axvline(border, color=INK, linewidth=0.7)
    _module_axes(axes, names, (borders[:-1] + borders[1:]) / 2)
    colours = region_colours(names)
    for name, start, stop in zip(names, borders[:-1], borders[1:], strict=True):
        style = dict(color=colours[name], linewidth=3, solid_capstyle="butt", clip_on=False)
        axes.plot([start, stop], [1.02, 1.02], transform=axes.get_xaxis_transform(), **style)
        axes.plot([-0.02, -0.02], [start, stop], transform=axes.get_yaxis_transform(), **style)
    axes.set_xlabel(f"from (presynaptic); {first['task']}, seed {first['seed']}")
    bar = part.colorbar(image, ax=axes, shrink=0.7, pad=0.02)
    bar.set_label("|w|")
    page.keep(letter, rows)


def _top(values, share):
    """The quantile of the finite values that the darkest shade stands for."""
    finite = values[np.isfinite(values)]
    return float(np.quantile(finite, share)) if len(finite) else 1.0


def _module_axes(axes, names, places):
    axes.set_xticks(places, [wrap(name, 16) for name in names], rotation=30, ha="right", fontsize=6)
    axes.set_yticks(places, [wrap(name, 16) for name in names], fontsize=6)
    axes.tick_params(length=0, pad=5)
    axes.spines[:].set_visible(True)
    axes.set_ylabel("to (postsynaptic)")


def _coupling(page, part, axes, letter, coupling, prior, names):
    """Strength of every projection in numbers; in colour the mean |w| after training."""
    rows = coupling[coupling["prior"].eq(prior) & coupling["stage"].eq("trained")]
    means = rows.groupby(["target", "source"], sort=False)[["strength", "mean_weight"]].mean()
    page.panel(axes, letter, "projection strengths, and mean |w|", 10)
    order = pd.MultiIndex.from_product([names, names], names=["target", "source"])
    means = means.reindex(order)
    strength, size = (means[key].to_numpy(float).reshape(len(names), -1) for key in means)
    image = axes.imshow(size, cmap="Greys", vmin=0, vmax=_top(size, 1.0), aspect="equal")
    for (row, column), value in np.ndenumerate(strength):
        text = "within" if row == column else minus(f"{value:.2g}")
        axes.text(
            column, row, text, ha="center", va="center", fontsize=7 if len(names) < 5 else 6,
            color=ink_on(image.cmap(image.norm(size[row, column]))),
        )  # fmt: skip
    _module_axes(axes, names, range(len(names)))
    axes.set_xlabel("from (presynaptic)")
    bar = part.colorbar(image, ax=axes, shrink=0.7, pad=0.02)
    bar.set_label("mean |w| after training")
    page.keep(letter, means.reset_index().assign(prior=prior, mark="mean over tasks and seeds"))


def _accuracy(page, axes, letter, scores, prior):
    """Test accuracy of every seed, structure-free and with the priors of its modules, joined."""
    page.panel(axes, letter, "test accuracy: a line joins the networks of a seed")
    alone = scores["benchmark"].eq("rules") & scores["metric"].eq("accuracy")
    scores = scores[alone & scores["prior"].isin(["none", prior])]
    if not len(scores):
        page.not_available(axes, letter, "no test trials of such a network")
        return
    page.keep(letter, scores[["task", "model", "prior", "seed", "value"]].assign(mark="seed"))
    tasks = list(dict.fromkeys(scores["task"]))
    places = {
        "none": (-0.18, STRUCTURE_FREE),
        prior: (0.18, WITH_PRIOR if prior != "none" else STRUCTURE_FREE),
    }
    for x, task in enumerate(tasks):
        table = scores[scores["task"].eq(task)].pivot(index="seed", columns="prior", values="value")
        chance = CHANCE.get(family(task))
        if chance is not None:
            axes.hlines(chance, x - 0.42, x + 0.42, color=GREY, linewidth=0.9, linestyle=(0, (3, 2)))
        shifts = spread(len(table), 0.1)
        if prior != "none" and {"none", prior} <= set(table):
            for shift, (_, row) in zip(shifts, table.iterrows(), strict=True):
                axes.plot(
                    [x - 0.18 + shift, x + 0.18 + shift], row[["none", prior]], color=GREY, linewidth=0.6
                )
        for name, (offset, colour) in places.items():
            if name in table:
                axes.plot(x + offset + shifts, table[name], "o", color=colour, markersize=3.2, zorder=3)
                axes.hlines(
                    table[name].mean(), x + offset - 0.1, x + offset + 0.1, color=colour, linewidth=1.6
                )
    axes.set_xticks(range(len(tasks)), tasks, rotation=0 if len(tasks) <= 6 else 60)
    axes.tick_params(axis="x", length=0)
    middle, half = (len(tasks) - 1) / 2, max(len(tasks), LEAST_WIDE) / 2 + 0.1
    axes.set_xlim(middle - half, middle + half)
    axes.set_ylim(0, 1.03)
    axes.set_ylabel("test accuracy")
