"""What perturbations do to trained networks, to a teacher and its students; and the claims in brief."""

import numpy as np
import pandas as pd

from digimus.figures.claims import CLAIMS, draw_summary, summary_height_mm
from digimus.figures.style import (
    GREY,
    INK,
    PRIOR,
    STRUCTURE_FREE,
    WITH_PRIOR,
    Page,
    cell_markers,
    dodge,
    legend_entry,
    minus,
    model_colour,
    model_name,
    ordered_cells,
    spread,
    wrap,
)

EFFECTS = (
    "task", "model", "prior", "seed", "kind", "target", "epoch", "dose", "dose_unit", "draw", "change",
    "n_trials", "not_available",
)  # fmt: skip
SLOPES = (
    "task", "model", "prior", "seed", "kind", "target", "epoch", "slope", "random_slope_mean", "effect",
    "shuffled_effect", "n_draws", "not_available",
)  # fmt: skip
CHANGES = (
    "teacher", "prior", "role", "kind", "target", "epoch", "dose", "teacher_change", "student_change",
    "not_available",
)  # fmt: skip
SCORES = ("teacher", "prior", "role", "correlation", "rmse", "n_perturbations", "not_available")
AXIS, RANDOM, SHUFFLED = "error axis", "all directions", "shuffled outcomes"
LINES = {AXIS: "-", RANDOM: (0, (4, 2)), SHUFFLED: (0, (1, 1.2))}
EPOCH_LINES = {"response": "-", "delay": (0, (4, 2)), "stimulus": (0, (1, 1.2))}
STUDENT_COLOURS = {"none": STRUCTURE_FREE, "prior": WITH_PRIOR, "control": GREY, "bound": "#117733"}
MOST_PANELS, NO_NETWORK = 3, "no network of a rule task was perturbed"
DROP = "change of accuracy"


def perturbation(inputs):
    """Dose-responses of pushes and of silencing, modules, a teacher with its students, and claims in brief.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``effects.csv``, ``slopes.csv``, ``teacher.csv`` and ``teacher_scores.csv`` of
        ``perturbation/``, and ``claims.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    effects = _text(inputs.table("perturbation/effects.csv", EFFECTS))
    slopes = _text(inputs.table("perturbation/slopes.csv", SLOPES))
    changes = _text(inputs.table("perturbation/teacher.csv", CHANGES))
    scores = _text(inputs.table("perturbation/teacher_scores.csv", SCORES))
    verdicts = inputs.table("claims.csv", CLAIMS)
    cells = ordered_cells(slopes[slopes["model"].notna() & slopes["model"].ne("")])
    looks = {cell: (model_colour(*cell), marker) for cell, marker in cell_markers(cells).items()}
    heights = [39, 44, 41, summary_height_mm(verdicts)]
    page = Page(sum(heights) + 8)
    top, middle, students, bottom = page.figure.subfigures(4, 1, height_ratios=heights)
    row = top.subplots(1, 4, width_ratios=[1, 1, 1, 1.25])
    _pushes(page, row[:3], effects, looks)
    _tasks(page, row[3], slopes, looks)
    row = middle.subplots(1, 4, width_ratios=[1, 1, 1, 1.25])
    _silencing(page, row[:3], effects, looks)
    _modules(page, row[3], slopes, looks)
    _legend(middle, looks)
    row = students.subplots(1, 5)
    _students(page, row[:3], changes)
    _scores(page, row[3:], scores)
    draw_summary(page, bottom, verdicts, "h")
    page.simulated("abcd", PRIOR, sorted(inputs.simulated_priors(slopes)))
    if scores["correlation"].notna().any():
        page.simulated("efg", "teachers and students", [""])
    return page.finish()


def _text(table):
    """What is left empty in a file is read as missing; here it is empty text."""
    return table.assign(not_available=table["not_available"].fillna("").astype(str))


def _legend(part, looks):
    handles = [legend_entry(*look, "-") for look in looks.values()]
    names = [model_name(*cell) for cell in looks]
    handles += [legend_entry(INK, "", line) for line in LINES.values()]
    names += ["a: error axis", "a: random directions", "a: axes of shuffled outcomes"]
    handles += [legend_entry(INK, "", line) for line in EPOCH_LINES.values()]
    names += [f"c: {epoch}" for epoch in EPOCH_LINES]
    part.legend(handles, names, loc="outside lower center", ncols=6, fontsize=5.5, columnspacing=0.9)


def _pushes(page, panels, effects, looks):
    """Change of accuracy by the dose of a push along the error axis and along others, by epoch."""
    pushed = effects[effects["kind"].isin(["error-axis", "random-direction"]) & effects["change"].notna()]
    page.panel(panels[0], "a")
    if not len(pushed):
        told = effects.loc[
            effects["kind"].eq("error-axis") & effects["not_available"].ne(""), "not_available"
        ]
        _none(
            page, panels, "a", "push along the error axis", told.mode().iloc[0] if len(told) else NO_NETWORK
        )
        return
    task = pushed["task"].value_counts().idxmax()
    pushed = pushed[pushed["task"].eq(task)]
    keys = ["task", "model", "prior", "seed", "kind", "target", "epoch", "dose", "dose_unit", "n_trials"]
    means = pushed.groupby(keys, sort=False)["change"].mean().reset_index()
    page.keep("a", means)
    epochs = list(dict.fromkeys(means["epoch"]))[:MOST_PANELS]
    for k, axes in enumerate(panels):
        if k >= len(epochs):
            axes.set_axis_off()
            continue
        axes.set_title(f"{task}: push in {epochs[k]}")
        rows = means[means["epoch"].eq(epochs[k])]
        for cell, (colour, marker) in looks.items():
            for target, line in LINES.items():
                own = _of(rows, cell)
                own = own[own["target"].eq(target)]
                mean = own.groupby("dose")["change"].mean()
                if not len(mean):
                    continue
                mean = pd.concat([mean, pd.Series({0.0: 0.0})]).sort_index()
                axes.plot(mean.index, mean, linestyle=line, color=colour, linewidth=1.1)
                if target == AXIS:
                    axes.plot(own["dose"], own["change"], marker, color=colour, markersize=2.2, alpha=0.6)
        _zero(axes)
        axes.axvline(0, color=GREY, linewidth=0.5)
        axes.set_xlabel("dose")
    _same_height(panels[: len(epochs)])
    panels[0].set_ylabel(DROP)


def _tasks(page, axes, slopes, looks):
    """How much more the error axis harms than random directions and than axes of shuffled outcomes."""
    page.panel(axes, "b", "harm beyond random")
    rows = slopes[slopes["kind"].eq("error-axis")]
    known = rows[rows["effect"].notna()]
    tasks = list(dict.fromkeys(rows["task"]))
    if not len(known):
        page.not_available(axes, "b", rows["not_available"].mode().iloc[0] if len(rows) else NO_NETWORK, 26)
        return
    page.keep("b", rows[list(SLOPES)])
    by_network = known.groupby(["task", "model", "prior", "seed"])[["effect", "shuffled_effect"]].mean()
    offsets, width = dodge(len(looks), width=0.8)
    for x, task in enumerate(tasks):
        for (cell, (colour, marker)), offset in zip(looks.items(), offsets, strict=True):
            own = _of(by_network.reset_index(), cell)
            own = own[own["task"].eq(task)]
            for values, fill, shift in (("effect", colour, -0.22), ("shuffled_effect", "white", 0.22)):
                places = x + offset + shift * width + spread(len(own), 0.3 * width)
                axes.plot(
                    places, own[values], marker, color=colour, markerfacecolor=fill, markersize=2.8,
                    markeredgewidth=0.6,
                )  # fmt: skip
        if not known["task"].eq(task).any():
            _absent(axes, x)
    _zero(axes)
    axes.set_xticks(range(len(tasks)), tasks)
    axes.set_xlim(-0.6, len(tasks) - 0.4)
    axes.set_ylabel("per unit dose")


def _silencing(page, panels, effects, looks):
    """Change of accuracy by the share of random units that are silenced, by task and epoch."""
    rows = effects[effects["kind"].eq("silence") & effects["change"].notna()]
    page.panel(panels[0], "c")
    if not len(rows):
        _none(page, panels, "c", "silenced units", NO_NETWORK)
        return
    keys = ["task", "model", "prior", "seed", "epoch", "dose", "n_trials"]
    means = rows.groupby(keys, sort=False)["change"].mean().reset_index()
    page.keep("c", means)
    tasks = list(dict.fromkeys(means["task"]))[:MOST_PANELS]
    for k, axes in enumerate(panels):
        if k >= len(tasks):
            axes.set_axis_off()
            continue
        axes.set_title(f"{tasks[k]}: silenced units")
        of_task = means[means["task"].eq(tasks[k])]
        for cell, (colour, marker) in looks.items():
            for epoch, line in EPOCH_LINES.items():
                own = _of(of_task, cell)
                own = own[own["epoch"].str.startswith(epoch)]
                mean = own.groupby("dose")["change"].mean()
                if len(mean):
                    start = ([0, *mean.index], [0, *mean])
                    axes.plot(*start, linestyle=line, color=colour, linewidth=0.9)
                if len(mean) and epoch == "response":
                    axes.plot(own["dose"], own["change"], marker, color=colour, markersize=2.2, alpha=0.6)
        _zero(axes)
        axes.set_xlabel("share of units")
    _same_height(panels[: len(tasks)])
    panels[0].set_ylabel(DROP)


def _modules(page, axes, slopes, looks):
    """The slope of silencing each module, filled, and as many random units, hollow, where it harms most."""
    rows = slopes[slopes["kind"].eq("module")]
    known = rows[rows["slope"].notna()]
    if not len(known):
        reason = rows["not_available"].mode().iloc[0] if len(rows) else NO_NETWORK
        page.panel(axes, "d", "silenced modules")
        page.not_available(axes, "d", reason, 26)
        return
    page.keep("d", known[[column for column in SLOPES if not column.startswith("shuffled")]])
    telling = known.groupby(["task", "epoch"])["slope"].mean().idxmin()
    known = known[known["task"].eq(telling[0]) & known["epoch"].eq(telling[1])]
    page.panel(axes, "d", f"{telling[0]}: silenced modules")
    modules = list(dict.fromkeys(known["target"]))
    offsets, width = dodge(len(looks), width=0.8)
    for x, module in enumerate(modules):
        for (cell, (colour, marker)), offset in zip(looks.items(), offsets, strict=True):
            own = _of(known, cell)
            own = own[own["target"].eq(module)]
            for (_, row), shift in zip(own.iterrows(), spread(len(own), 0.8 * width), strict=True):
                place = x + offset + shift
                axes.plot([place] * 2, [row["random_slope_mean"], row["slope"]], color=colour, linewidth=0.6)
                axes.plot(
                    place, row["random_slope_mean"], marker, color=colour, markerfacecolor="white",
                    markersize=2.8, markeredgewidth=0.6,
                )  # fmt: skip
                axes.plot(place, row["slope"], marker, color=colour, markersize=2.8)
    _zero(axes)
    axes.set_xticks(
        range(len(modules)), [wrap(name.removeprefix("SIM-"), 11) for name in modules], fontsize=5.5
    )
    axes.set_xlim(-0.6, len(modules) - 0.4)
    axes.set_ylabel(f"slope in {telling[1]}")


def _students(page, panels, changes):
    """What the same perturbation changes in a student and in its teacher, a point a perturbation."""
    known = changes[changes["student_change"].notna()]
    page.panel(panels[0], "e")
    if not len(known):
        reason = changes["not_available"].mode().iloc[0] if len(changes) else "no teacher was simulated"
        _none(page, panels, "e", "teacher and student", reason)
        return
    page.keep("e", known[list(CHANGES)])
    students = list(dict.fromkeys(zip(known["role"], known["prior"], strict=True)))
    wanted = [next((s for s in students if s[0] == role), None) for role in ("none", "prior", "bound")]
    low = known[["teacher_change", "student_change"]].to_numpy(float).min() - 0.02
    high = known[["teacher_change", "student_change"]].to_numpy(float).max() + 0.02
    for axes, student in zip(panels, wanted, strict=True):
        if student is None:
            axes.set_axis_off()
            continue
        rows = known[known["prior"].eq(student[1])]
        axes.set_title(_student_name(*student))
        axes.plot([low, high], [low, high], color=GREY, linewidth=0.5)
        axes.plot(
            rows["teacher_change"], rows["student_change"], "o", color=STUDENT_COLOURS[student[0]],
            markersize=1.8, alpha=0.45, markeredgewidth=0,
        )  # fmt: skip
        axes.set(xlim=(low, high), ylim=(low, high), xlabel="change in teacher")
        axes.locator_params(nbins=4)
    panels[0].set_ylabel("change in student")


def _scores(page, panels, scores):
    """Correlation and rmse of every student, joined for those of one teacher."""
    known = scores[scores["correlation"].notna() | scores["rmse"].notna()]
    students = list(dict.fromkeys(zip(scores["role"], scores["prior"], strict=True)))
    for letter, axes, column in zip("fg", panels, ("correlation", "rmse"), strict=True):
        page.panel(axes, letter, {"correlation": "correlation", "rmse": "error (rmse)"}[column])
        if not len(known):
            reason = scores["not_available"].mode().iloc[0] if len(scores) else "no teacher was simulated"
            page.not_available(axes, letter, reason, 18)
            continue
        page.keep(letter, scores[["teacher", "prior", "role", column, "n_perturbations", "not_available"]])
        wide = scores.pivot_table(index="teacher", columns="prior", values=column, dropna=False)
        for _, row in wide.iterrows():
            axes.plot(range(len(students)), [row.get(name, np.nan) for _, name in students], color="#CCCCCC",
                      linewidth=0.5, zorder=0)  # fmt: skip
        for x, (role, name) in enumerate(students):
            values = scores.loc[scores["prior"].eq(name), column].dropna()
            axes.plot([x - 0.25, x + 0.25], [values.mean()] * 2, color=INK, linewidth=1)
            axes.plot([x] * len(values), values, "o", color=STUDENT_COLOURS[role], markersize=2.6)
        names = [_student_name(*student) for student in students]
        axes.set_xticks(
            range(len(students)), names, rotation=40, ha="right", rotation_mode="anchor", fontsize=5.5
        )


def _student_name(role, prior):
    """How a student is called."""
    named = {"none": "no prior", "prior": "prior", "control": f"{prior} priors", "bound": prior}
    return named.get(role, prior)


def _of(table, cell):
    return table[table["model"].eq(cell[0]) & table["prior"].eq(cell[1])]


def _zero(axes):
    axes.axhline(0, color=GREY, linewidth=0.5, zorder=0)
    axes.yaxis.set_major_formatter(lambda value, _: minus(f"{value:.2g}"))


def _same_height(panels):
    low, high = min(axes.get_ylim()[0] for axes in panels), max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(low, high)


def _absent(axes, x):
    axes.text(
        x, 0.5, "not available", transform=axes.get_xaxis_transform(), color=GREY, fontsize=6, rotation=90,
        ha="center", va="center",
    )  # fmt: skip


def _none(page, panels, letter, title, reason):
    """A row of panels of which the first says why there is nothing."""
    panels[0].set_title(title)
    page.not_available(panels[0], letter, reason, 18)
    for axes in panels[1:]:
        axes.set_axis_off()
