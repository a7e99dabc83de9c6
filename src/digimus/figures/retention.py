"""Whether the weights of trained networks keep the motifs of the prior, and what that costs."""

import numpy as np
import pandas as pd

from digimus.figures.retention_details import (
    draw_carriers,
    draw_doses,
    draw_gains,
    draw_sensitivity,
)
from digimus.figures.style import (
    GREY,
    INK,
    PALE,
    PRIOR,
    STRUCTURE_FREE,
    TINY,
    WITH_PRIOR,
    Page,
    legend_entry,
    spread,
    wrap,
)
from digimus.figures.triads import EDGES, draw_heads

PROFILES = ("task", "model", "prior", "module", "seed", "stage", "triad", "enrichment")
SCORES = ("task", "model", "prior", "module", "seed", "stage", "target", "distance")
COMPARISONS = (
    "task", "model", "prior", "module", "seed", "target", "against", "role", "effect", "not_available",
)  # fmt: skip
SENSITIVITY = (*SCORES, "method", "density", "temperature")
DOSES = ("task", "model", "prior", "weight", "seed", "accuracy", "distance", "not_available")
CARRIERS = ("task", "model", "prior", "module", "seed", "target", "order", "share", "distance")
LINES = {
    "structure-free, initial": dict(color=GREY, marker="o", linestyle=(0, (2, 1)), linewidth=0.9),
    "structure-free, trained": dict(color=STRUCTURE_FREE, marker="o", linewidth=1.2),
    "with the prior, trained": dict(color=WITH_PRIOR, marker="o", linewidth=1.2),
}
MOST_ROWS = 2
ROW_MM, DETAIL_MM = 58, 45


def retention(inputs):
    """Motifs of weights beside the prior's; against start, twin and controls; by threshold; by dose.

    A row of profiles and distances for each model and prior, up to `MOST_ROWS`; the panels below are of the
    first of them, and the dose-response of the prior that it was made with.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables profiles, scores, comparisons, sensitivity, dose and carriers of ``retention``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    profiles = whole_networks(inputs.table("retention/profiles.csv", PROFILES))
    scores = whole_networks(inputs.table("retention/scores.csv", SCORES))
    gains = whole_networks(inputs.table("retention/comparisons.csv", COMPARISONS))
    rows = _rows(profiles, scores, gains)
    shown, left_out = rows[:MOST_ROWS], rows[MOST_ROWS:]
    page = Page(14 + ROW_MM * len(shown) + 2 * DETAIL_MM)
    heights = [ROW_MM * len(shown), DETAIL_MM, DETAIL_MM]
    top, middle, bottom = page.figure.subfigures(3, 1, height_ratios=heights)
    grid = top.subplots(len(shown), 2, squeeze=False, gridspec_kw=dict(width_ratios=[1.35, 1]))
    letters = iter("abcdefghijklmnop")
    several = len({model for model, _ in rows}) > 1
    for panels, (model, target) in zip(grid, shown, strict=True):
        name, used = f"{model}: " if several else "", (next(letters), next(letters))
        _draw_row(page, panels, used, profiles, scores, model, target, name)
        page.simulated(used, PRIOR, [target] if target in inputs.priors else [])
    details = [*middle.subplots(1, 3, width_ratios=[1.15, 1, 0.85]), *bottom.subplots(1, 3)]
    _draw_details(page, details, letters, inputs, gains, *shown[0])
    if any(target for _, target in rows):
        draw_legend(page, [f"{model} with prior {target}" for model, target in left_out])
    return page.finish()


def _draw_row(page, panels, letters, profiles, scores, model, target, name):
    """Profiles and distances of one model and prior."""
    left, right = letters
    page.panel(panels[0], left, f"{name}motifs of the weights and of prior {target}".rstrip(), 22)
    page.panel(panels[1], right, f"{name}distance to prior {target}".rstrip())
    own = profiles["model"].eq(model) | profiles["stage"].eq("target")
    draw_profiles(page, panels[0], left, profiles[own], target)
    own = scores["model"].eq(model) & scores["target"].eq(target)
    draw_distances(page, panels[1], right, scores[own])


def _draw_details(page, panels, letters, inputs, gains, model, target):
    """The six smaller panels, of one model and prior; the last two of those of the dose-response."""
    used = [next(letters) for _ in panels]
    own = gains["model"].eq(model) & gains["target"].eq(target)
    draw_gains(page, panels[0], used[0], gains[own])
    table = whole_networks(inputs.table("retention/sensitivity.csv", SENSITIVITY))
    table = table[table["model"].eq(model) & table["target"].eq(target)]
    groups = {line: _group(table, target, line) for line in LINES}
    draw_sensitivity(page, panels[1:3], used[1:3], groups, LINES)
    table = whole_networks(inputs.table("retention/carriers.csv", CARRIERS))
    own = table["model"].eq(model) & table["target"].eq(target)
    draw_carriers(page, panels[3], used[3], table[own])
    doses = inputs.table("retention/dose.csv", DOSES)
    draw_doses(page, panels[4:], used[4:], doses)
    page.simulated(used[:4], PRIOR, [target] if target in inputs.priors else [])
    page.simulated(used[4:], PRIOR, sorted(inputs.simulated_priors(doses)))


def whole_networks(table):
    """Rows of whole networks, without those of their modules."""
    return table[table["module"].isna() | table["module"].astype(str).eq("")]


def _rows(profiles, scores, gains):
    """A row of panels for each prior that is no control and the models trained with it; or for digimus."""
    goals = profiles.loc[profiles["stage"] == "target", "prior"]
    targets = next((found for found in (gains["target"], scores["target"], goals) if len(found)), [])
    rows = []
    for target in dict.fromkeys(targets):
        models = list(dict.fromkeys(scores.loc[scores["prior"] == target, "model"]))
        rows += [(model, target) for model in models or ["digimus"]]
    return rows or [("digimus", "")]


def draw_legend(page, left_out=()):
    """The legend of profiles and distances, below everything, and what else there is no room for."""
    handles = [legend_entry(INK, "_", size=9)]
    handles += [legend_entry(line["color"], "o", "-") for line in LINES.values()]
    legend = page.figure.legend(handles, ["prior", *LINES], loc="outside lower center", ncols=4)
    if left_out:
        note = f"not drawn, and in results/retention: {', '.join(left_out)}"
        legend.set_title(wrap(note, 120), prop=dict(size=TINY))


def _group(table, target, line):
    """Rows of one of `LINES`."""
    prior = target if line.startswith("with") else "none"
    return table[(table["prior"] == prior) & (table["stage"] == line.rsplit(", ", 1)[1])]


def draw_profiles(page, axes, letter, profiles, target):
    """The prior, and means over tasks (seeds averaged first) with a thin line a task.

    `profiles` are of one model, as a whole or a module of it.
    """
    goal = profiles[(profiles["prior"] == target) & (profiles["stage"] == "target")]
    groups = {line: _group(profiles, target, line) for line in LINES}
    groups = {line: rows for line, rows in groups.items() if rows["enrichment"].notna().any()}
    if not goal["enrichment"].notna().any() and not groups:
        page.not_available(axes, letter, "no network with recurrent weights was trained")
        return
    axes.axhline(0, color=PALE, linewidth=0.6)
    order = list(EDGES)
    for line, rows in groups.items():
        by_task = rows.groupby(["task", "triad"])["enrichment"].mean().unstack("triad").reindex(columns=order)
        style = LINES[line]
        axes.plot(np.arange(13), by_task.T.to_numpy(float), color=style["color"], linewidth=0.4, alpha=0.5)
        mean = by_task.mean()
        axes.plot(np.arange(13), mean, markersize=3, zorder=3, **style)
        long = by_task.stack(future_stack=True).rename("enrichment").reset_index()
        page.keep(letter, long.assign(target=target, line=line, mark="task, seeds averaged"))
        mean = mean.rename("enrichment").reset_index()
        page.keep(letter, mean.assign(target=target, line=line, mark="mean over tasks"))
    value = goal.set_index("triad")["enrichment"].reindex(order)
    axes.plot(range(13), value, "_", color=INK, markersize=9, markeredgewidth=1.8, zorder=4)
    page.keep(letter, value.reset_index().assign(target=target, line="prior", mark="prior"))
    low = axes.get_ylim()[0]
    left_out = value.isna() & bool(len(goal))  # a module without a prior leaves nothing out
    for x in np.flatnonzero(left_out):
        axes.annotate(
            "not in\nprior", (x, 0), xycoords=("data", "axes fraction"), xytext=(0, 2),
            textcoords="offset points", ha="center", va="bottom", fontsize=4.6, color="#777777",
        )  # fmt: skip
    axes.set_ylim(bottom=low - 0.12 * (axes.get_ylim()[1] - low) if left_out.any() else low)
    axes.set_xticks(range(13), order, rotation=60)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.6, 12.6)
    axes.set_ylabel("log enrichment")
    draw_heads(axes, order)
    missing = [line for line in LINES if line not in groups]
    if missing:
        axes.text(
            0.99, 0.97, "\n".join(f"not available: {line}" for line in missing), transform=axes.transAxes,
            ha="right", va="top", color="#555555", fontsize=6,
        )  # fmt: skip
        page.keep(
            letter, pd.DataFrame({"target": target, "line": missing, "not_available": "no such network"})
        )


def draw_distances(page, axes, letter, scores, by="task"):
    """Structure-free and with the prior, joined by task: means over seeds, small points for seeds.

    `scores` are of one model and one target. By another column, such as ``module``, tasks are points too.
    """
    if not scores["distance"].notna().any():
        page.not_available(axes, letter, "no network was compared with this prior")
        return
    target = str(scores["target"].iloc[0])
    tasks = list(dict.fromkeys(scores[by]))
    shifts = dict(zip(LINES, (-0.26, 0.0, 0.26), strict=True))
    means = {}
    for line, shift in shifts.items():
        rows = _group(scores, target, line)
        columns = list(dict.fromkeys(["task", by, "target", "prior", "seed", "stage", "distance"]))
        page.keep(letter, rows[columns].assign(mark="seed"))
        mean = rows.groupby(by, sort=False)["distance"].mean().reindex(tasks)
        shown = mean.rename("distance").reset_index()
        page.keep(letter, shown.assign(target=target, line=line, mark="mean over seeds"))
        means[line] = mean
        colour = LINES[line]["color"]
        for x, task in enumerate(tasks):
            seeds = rows.loc[rows[by] == task, "distance"].to_numpy(float)
            axes.plot(
                seeds, x + shift + spread(len(seeds), 0.1), "o", color=colour, markersize=1.8, alpha=0.6
            )
        axes.plot(
            mean, np.arange(len(tasks)) + shift, "o", color=colour, markersize=4.5, zorder=3,
            markerfacecolor="white" if line.endswith("initial") else colour,
        )  # fmt: skip
    free, prior = means["structure-free, trained"], means["with the prior, trained"]
    for x, (first, second) in enumerate(zip(free, prior, strict=True)):
        axes.plot([first, second], [x, x + 0.26], "-", color=GREY, linewidth=0.8, zorder=1)
        if not np.isfinite(second):
            axes.text(
                0, x + 0.26, "  with the prior: not available", va="center", fontsize=6, color="#555555"
            )
    axes.set_yticks(range(len(tasks)), tasks)
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("weighted RMS difference of log enrichment")
