"""Mean paths of a network's states, for the figure of states and errors."""

import numpy as np

from digimus.figures.style import GREY, INK, TINY, legend_entry, model_name, ordered_cells

TRAJECTORIES = (
    "task", "model", "prior", "seed", "condition", "outcome", "step", "pc1", "pc2", "n_trials",
    "response_step", "explained_pc1", "explained_pc2",
)  # fmt: skip
OUTCOMES = {"correct": INK, "error": "#E69F00"}
CONDITION_COLOURS = (
    "#332288", "#44AA99", "#DDAA33", "#CC6677", "#888888", "#882255", "#117733", "#66BBDD",
)  # fmt: skip


def draw_trajectories(page, part, paths, foretold):
    """Panels a to c: correct and error trials of two networks, and the conditions of one of them.

    Of a task in `foretold`, those with numbers on errors, if there is one.
    """
    panels = part.subplots(1, 3)
    titles = ("correct and error trials", "correct and error trials", "by right answer")
    if not len(paths):
        for letter, axes, title in zip("abc", panels, titles, strict=True):
            page.panel(axes, letter, title)
            page.not_available(axes, letter, "no network was trained on a single rule task", 24)
        return
    preferred = paths[paths["task"].isin(foretold)]
    task = _example(preferred if len(preferred) else paths)
    of_task = paths[paths["task"] == task]
    cells = [cell for cell in ordered_cells(of_task) if cell[0] == "digimus"] or ordered_cells(of_task)
    free = [cell for cell in cells if cell[1] == "none"][:1]
    chosen = (free + [cell for cell in cells if cell not in free])[:2]
    for k, (letter, axes) in enumerate(zip("ab", panels[:2], strict=True)):
        if k >= len(chosen):
            page.panel(axes, letter, f"{task}: {titles[k]}")
            page.not_available(axes, letter, f"{task} was learnt by one kind of network alone", 24)
            continue
        rows = _of(of_task, chosen[k])
        page.panel(axes, letter, f"{task}: {model_name(*chosen[k])}")
        both = rows[(rows["condition"] == "all") & rows["outcome"].isin(list(OUTCOMES))]
        _draw_paths(page, axes, letter, both, "outcome", OUTCOMES)
    page.panel(panels[2], "c", f"{task}: {model_name(*chosen[-1])}")
    rows = _of(of_task, chosen[-1])
    rows = rows[(rows["condition"] != "all") & (rows["outcome"] == "all")]
    names = sorted(rows["condition"].unique())
    colours = {name: CONDITION_COLOURS[k % len(CONDITION_COLOURS)] for k, name in enumerate(names)}
    if names:
        _draw_paths(page, panels[2], "c", rows, "condition", colours)
    else:
        page.not_available(panels[2], "c", "no trajectories by condition", 24)
    marks = [legend_entry(GREY, "s", size=3), legend_entry(GREY, "^", size=4.5)]
    lines = [legend_entry(colour, "", "-") for colour in (*OUTCOMES.values(), *colours.values())]
    text = [*OUTCOMES, *(name.replace(" deg", "°").replace("-", "–") for name in colours)]
    part.legend(
        lines + marks, [*text, "start", "response"], loc="outside lower center", ncols=len(lines) + 2,
        fontsize=TINY, columnspacing=0.9,
    )  # fmt: skip


def _of(paths, cell):
    return paths[(paths["model"] == cell[0]) & (paths["prior"] == cell[1])]


def _example(paths):
    """The task in most of whose cells both outcomes are common enough for a mean path."""
    few = paths[(paths["condition"] == "all") & paths["outcome"].isin(list(OUTCOMES))]
    fewest = few.groupby(["task", "model", "prior", "outcome"], sort=False)["n_trials"].max().unstack()
    fewest = fewest.reindex(columns=list(OUTCOMES)).fillna(0).min(axis=1).clip(upper=20)
    scores = fewest.groupby(level="task", sort=False).sum()
    return scores.idxmax() if len(scores) else paths["task"].iloc[0]


def _draw_paths(page, axes, letter, rows, by, colours):
    page.keep(letter, rows[list(TRAJECTORIES)])
    absent = []
    for name, colour in colours.items():
        path = rows[rows[by] == name].dropna(subset=["pc1", "pc2"]).sort_values("step")
        if not len(path):
            absent.append(name)
            continue
        axes.plot(path["pc1"], path["pc2"], "-", color=colour, linewidth=0.9)
        axes.plot(path["pc1"].iloc[:1], path["pc2"].iloc[:1], "s", color=colour, markersize=3)
        response = path[path["step"] == path["response_step"]]
        axes.plot(response["pc1"], response["pc2"], "^", color=colour, markersize=4.5)
    if absent:
        text = "not available: no " + ", ".join(absent) + " trial"
        axes.text(0.02, 0.02, text, transform=axes.transAxes, color="#555555", fontsize=TINY)
    for k, setter in ((1, axes.set_xlabel), (2, axes.set_ylabel)):
        share = rows[f"explained_pc{k}"].iloc[0] if len(rows) else np.nan
        setter(f"PC{k} ({share:.0%})" if np.isfinite(share) else f"PC{k}")
    axes.set_xticks([])
    axes.set_yticks([])
