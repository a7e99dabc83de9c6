"""States and errors: paths, dimension and distance, and what activity before the response foretells."""

import re

import numpy as np

from digimus.figures.state_paths import TRAJECTORIES, draw_trajectories
from digimus.figures.style import (
    GREY,
    PRIOR,
    RECORDINGS,
    TINY,
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

ERRORS = (
    "benchmark", "task", "session", "model", "prior", "seed", "n_trials", "n_errors", "auroc_shuffled",
    "auroc_full", "auroc_gain", "null_95", "p", "error_auroc", "participation_ratio_correct",
    "participation_ratio_error", "not_available",
)  # fmt: skip
MODEL = (
    "benchmark", "task", "model", "prior", "feature", "coefficient", "ci_low", "ci_high", "n_clusters",
    "n_errors", "not_available",
)  # fmt: skip
DISTANCES = ("benchmark", "task", "session", "model", "prior", "seed", "distance", "correct")
KEYS = ["benchmark", "task", "session", "model", "prior", "seed"]
RULES, RECORDING = "rules", "recording"
DATASET_COLOURS = ("#117733", "#661100", "#332288", "#999933", "#AA4499")
MOST_GROUPS = 8
"""So many cells and datasets have their coefficients drawn; all of them are in the table behind."""
NO_NUMBERS = "no network and no session has enough errors and correct trials"


def states(inputs):
    """Trajectories, dimension, distance, and how well activity before the response foretells errors.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``states/errors.csv``, ``states/error_model.csv``, ``states/trajectories.csv`` and
        ``states/distances.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    errors = _named(inputs.table("states/errors.csv", ERRORS))
    model = _named(inputs.table("states/error_model.csv", MODEL))
    paths = inputs.table("states/trajectories.csv", TRAJECTORIES)
    distances = _named(inputs.table("states/distances.csv", DISTANCES))
    looks = _Looks(errors)
    missing = _lines(errors)
    heights = [54, 50, 60, 50, 8 + 2.9 * max(len(missing), 1)]
    page = Page(min(sum(heights), 240))
    parts = page.figure.subfigures(5, 1, height_ratios=heights)
    draw_trajectories(page, parts[0], paths, set(errors.loc[errors["auroc_gain"].notna(), "task"]))
    d, e, f = parts[1].subplots(1, 3)
    _dimension(page, d, errors, looks)
    _distance(page, e, distances, looks)
    _shuffled(page, f, errors, looks)
    _gain(page, parts[2], errors, looks)
    looks.legend(parts[2])
    _coefficients(page, parts[3], model, looks)
    _list_missing(page, parts[4].subplots(), missing, errors)
    page.simulated("abc", PRIOR, sorted(inputs.simulated_priors(paths)))
    page.simulated("defgi", PRIOR, sorted(inputs.simulated_priors(errors)))
    recorded = set(errors.loc[errors["model"] == RECORDING, "benchmark"]) & inputs.datasets
    page.simulated("defhi", RECORDINGS, sorted(recorded))
    return page.finish()


def _named(table):
    """Text columns without holes: what is left empty in a file is read as missing."""
    text = [name for name in ("session", "not_available") if name in table]
    return table.assign(**{name: table[name].fillna("").astype(str) for name in text})


class _Looks:
    """Colour, marker and name of every cell and every dataset."""

    def __init__(self, errors):
        networks = errors[errors["model"] != RECORDING]
        self.cells = ordered_cells(networks)
        self.datasets = list(dict.fromkeys(errors.loc[errors["model"] == RECORDING, "benchmark"]))
        self._markers = cell_markers(self.cells)

    def of(self, row):
        """Colour and marker of a row that has a benchmark, a model and a prior."""
        if row["model"] != RECORDING:
            cell = (row["model"], row["prior"])
            return model_colour(*cell), self._markers.get(cell, "o")
        place = self.datasets.index(row["benchmark"]) if row["benchmark"] in self.datasets else 0
        return DATASET_COLOURS[place % len(DATASET_COLOURS)], "d"

    def points(self, axes, table, x, y, size=3.2):
        """A point a row."""
        for _, rows in table.groupby(["benchmark", "model", "prior"], sort=False):
            colour, marker = self.of(rows.iloc[0])
            axes.plot(
                rows[x], rows[y], marker, color=colour, markersize=size, alpha=0.85, markeredgecolor="white",
                markeredgewidth=0.3,
            )  # fmt: skip

    def legend(self, part):
        """Names of all of them under a part of the figure."""
        rows = [dict(benchmark=RULES, model=model, prior=prior) for model, prior in self.cells]
        names = [model_name(*cell) for cell in self.cells]
        rows += [dict(benchmark=name, model=RECORDING, prior="none") for name in self.datasets]
        names += [f"recordings: {name}" for name in self.datasets]
        if rows:
            handles = [legend_entry(*self.of(row)) for row in rows]
            part.legend(handles, names, loc="outside lower center", ncols=4, fontsize=TINY)


def _dimension(page, axes, errors, looks):
    page.panel(axes, "d", "participation ratio")
    columns = ["participation_ratio_correct", "participation_ratio_error"]
    known = errors.dropna(subset=columns)
    if not len(known):
        page.not_available(axes, "d", NO_NUMBERS, 24)
        return
    page.keep("d", known[[*KEYS, *columns]])
    _paired(axes, known, *columns, looks)
    axes.set(xlabel="correct trials", ylabel="as many error trials")


def _distance(page, axes, distances, looks):
    page.panel(axes, "e", "distance to correct trials")
    outcome = np.where(distances["correct"].astype(str).eq("True"), "correct", "error")
    keyed = distances.assign(outcome=outcome, seed=distances["seed"].fillna(-1))
    medians = keyed.groupby([*KEYS, "outcome"])["distance"].median().unstack()
    medians = medians.reindex(columns=["correct", "error"]).dropna().reset_index()
    if not len(medians):
        page.not_available(axes, "e", NO_NUMBERS, 24)
        return
    page.keep("e", medians.rename(columns=dict(correct="median_correct", error="median_error")))
    _paired(axes, medians, "correct", "error", looks)
    axes.set(xlabel="correct trials (median)", ylabel="error trials (median)")


def _shuffled(page, axes, errors, looks):
    page.panel(axes, "f", "AUROC of error")
    known = errors.dropna(subset=["auroc_shuffled", "auroc_full"])
    if not len(known):
        page.not_available(axes, "f", NO_NUMBERS, 24)
        return
    page.keep("f", known[[*KEYS, "auroc_shuffled", "auroc_full"]])
    _paired(axes, known, "auroc_shuffled", "auroc_full", looks)
    axes.set(xlabel="features shuffled at equal difficulty", ylabel="features as they were")


def _paired(axes, table, x, y, looks):
    """A point a network or session, and the line on which both are equal."""
    values = table[[x, y]].to_numpy(float)
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, "-", color=GREY, linewidth=0.6, zorder=1)
    looks.points(axes, table, x, y)
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.locator_params(nbins=4)


def _gain(page, part, errors, looks):
    """What is gained by task, and by dataset: each on a scale of its own."""
    recorded = errors["model"] == RECORDING
    halves = (
        (
            "g",
            "networks: what features before the response add",
            errors[~recorded],
            "no network was trained on a single rule task",
        ),
        ("h", "recordings: likewise", errors[recorded], "no recordings"),
    )
    n_tasks, n_datasets = (half[2]["task"].nunique() for half in halves)
    share = np.clip(n_tasks / max(n_tasks + 1.4 * n_datasets, 1), 0.45, 0.72)
    panels = part.subplots(1, 2, width_ratios=[share, 1 - share])
    for axes, (letter, title, rows, reason) in zip(panels, halves, strict=True):
        page.panel(axes, letter, title)
        if len(rows):
            _gains(page, axes, letter, rows, looks)
        else:
            page.not_available(axes, letter, reason, 24)


def _gains(page, axes, letter, errors, looks):
    columns = ["n_trials", "n_errors", "auroc_gain", "null_95", "p", "not_available"]
    page.keep(letter, errors[[*KEYS, *columns]].assign(mark="network or session"))
    tasks = list(dict.fromkeys(errors["task"]))
    values = errors[["auroc_gain", "null_95"]].to_numpy(float)
    values = values[np.isfinite(values)]
    low, high = min(values.min(initial=0.0), -0.01), max(values.max(initial=0.0), 0.02)
    strip, height = low - 0.14 * (high - low), high - low
    axes.axhline(0, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
    axes.axhspan(strip - 0.05 * height, strip + 0.05 * height, color="#F0F0F0", linewidth=0)
    offsets, width = dodge(max(len(looks.cells), 1))
    for x, task in enumerate(tasks):
        for (model, prior), group in errors[errors["task"] == task].groupby(["model", "prior"], sort=False):
            recorded = model == RECORDING
            place = 0.0 if recorded else offsets[looks.cells.index((model, prior))]
            span = 0.6 if recorded else min(0.14, 0.6 * width)
            _strip(axes, group, x + place, span, strip, *looks.of(group.iloc[0]))
    means = errors.groupby(["benchmark", "task", "model", "prior"], sort=False)["auroc_gain"].mean().dropna()
    page.keep(letter, means.reset_index().assign(mark="mean"))
    axes.set_xticks(range(len(tasks)), tasks, rotation=0 if len(tasks) <= 8 else 90)
    axes.set(xlim=(-0.6, len(tasks) - 0.4), ylim=(strip - 0.06 * height, high + 0.06 * height))
    axes.locator_params(axis="y", nbins=6)
    ticks = [tick for tick in axes.get_yticks() if low <= tick <= high]
    axes.set_yticks([strip, *ticks], ["not available", *(minus(f"{tick:.3g}") for tick in ticks)])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("AUROC gained")


def _strip(axes, group, x, span, floor, colour, marker):
    """Networks or sessions side by side, filled where p < .05, and their mean; without numbers a cross."""
    places = x + spread(len(group), span)
    gains, p = group["auroc_gain"].to_numpy(float), group["p"].to_numpy(float)
    known = np.isfinite(gains)
    axes.plot(places[known], group["null_95"].to_numpy(float)[known], "_", color=GREY, markersize=4)
    for chosen, inside in ((known & (p < 0.05), colour), (known & ~(p < 0.05), "white")):
        axes.plot(
            places[chosen], gains[chosen], marker, color=colour, markersize=3.2, markeredgewidth=0.7,
            markerfacecolor=inside,
        )  # fmt: skip
    axes.plot(
        places[~known], np.full((~known).sum(), floor), "x", color=colour, markersize=2.6, markeredgewidth=0.8
    )
    if known.any():
        half = max(0.6 * span, 0.04)
        axes.hlines(gains[known].mean(), x - half, x + half, color=colour, linewidth=1.5, zorder=1)


def _coefficients(page, part, model, looks):
    axes = part.subplots()
    page.panel(axes, "i", "logistic model of error: intervals over seeds or sessions")
    if len(model):
        page.keep("i", model[list(MODEL)])
    known = model[model["coefficient"].notna()]
    groups = list(known.groupby(["benchmark", "task", "model", "prior"], sort=False))
    if not groups:
        page.not_available(axes, "i", "no task and no dataset has two networks or sessions with numbers", 60)
        return
    shown = _shown(groups)
    features = list(dict.fromkeys(model["feature"]))
    bounds = np.abs(known[["ci_low", "ci_high"]].to_numpy(float))
    largest = float(known["coefficient"].abs().max())
    reach = 1.1 * max(1.0, largest, min(4 * largest, float(np.quantile(bounds, 0.9))))
    axes.axhspan(-1.3 * reach, -1.1 * reach, color="#F0F0F0", linewidth=0)
    offsets, _ = dodge(len(shown), step=0.16, width=0.72)
    handles = []
    for (key, group), offset in zip(shown, offsets, strict=True):
        row = dict(zip(("benchmark", "task", "model", "prior"), key, strict=True))
        found = group.set_index("feature").reindex(features)
        _intervals(axes, np.arange(len(features)) + offset, found, reach, *looks.of(row))
        handles.append((legend_entry(*looks.of(row)), _group_name(row, int(group["n_clusters"].max()))))
    axes.axhline(0, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
    axes.set_xticks(range(len(features)), features)
    axes.set(xlim=(-0.6, len(features) - 0.4), ylim=(-1.3 * reach, reach), ylabel="log odds per s.d.")
    ticks = [tick for tick in axes.get_yticks() if -reach <= tick <= reach]
    axes.set_yticks([-1.2 * reach, *ticks], ["not available", *(minus(f"{tick:g}") for tick in ticks)])
    axes.tick_params(axis="x", length=0)
    part.legend(*zip(*handles, strict=True), loc="outside lower center", ncols=3, fontsize=TINY)
    if len(groups) > len(shown):
        text = f"of each cell the task with the most errors: {len(shown)} of {len(groups)} in the table"
        axes.text(1, 1.03, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=TINY)


def _shown(groups):
    """Every dataset, and of every cell the task with the most errors, so that no two look the same."""
    ordered = sorted(groups, key=lambda item: (item[0][2] != RECORDING, -item[1]["n_errors"].max()))
    first = {}
    for key, group in ordered:
        benchmark, _, model, prior = key
        first.setdefault((benchmark, model, prior), (key, group))
    return list(first.values())[:MOST_GROUPS]


def _intervals(axes, places, found, reach, colour, marker):
    """A coefficient with its interval, cut off at `reach`; filled where it leaves out zero."""
    for x, (_, row) in zip(places, found.iterrows(), strict=True):
        if not np.isfinite(row["coefficient"]):
            axes.plot(x, -1.2 * reach, "x", color=colour, markersize=2.6, markeredgewidth=0.8)
            continue
        low, high = np.clip((row["ci_low"], row["ci_high"]), -reach, reach)
        axes.vlines(x, low, high, color=colour, linewidth=0.9)
        clear = row["ci_low"] > 0 or row["ci_high"] < 0
        axes.plot(
            x, row["coefficient"], marker, color=colour, markersize=3.4, markeredgewidth=0.7,
            markerfacecolor=colour if clear else "white",
        )  # fmt: skip


def _group_name(row, n_clusters):
    if row["model"] == RECORDING:
        return f"{row['task']} (n = {n_clusters} sessions)"
    return f"{row['task']}, {model_name(row['model'], row['prior'])} (n = {n_clusters} seeds)"


def _lines(errors):
    """Why networks and sessions have no numbers: a line a reason, its tasks with how many of how many."""
    reasons = errors["not_available"].str.removeprefix("because ")
    reasons = reasons.map(
        lambda text: re.sub(
            r"there are \d+ (\w+) trials, and (\d+)", r"fewer \1 trials than the \2 that", text
        )
    )
    reasons = reasons.mask((reasons == "") & errors["auroc_gain"].isna(), "no reason was given")
    rows = errors.assign(reason=reasons)
    n = rows.groupby("task", sort=False).size()
    entries = []
    for reason, group in rows[rows["reason"] != ""].groupby("reason", sort=True):
        counts = group.groupby("task", sort=False).size()
        entries.append(f"{reason}: " + ", ".join(f"{task} {k} of {n[task]}" for task, k in counts.items()))
    return [line for entry in entries for line in wrap(entry, 150).split("\n")]


def _list_missing(page, axes, missing, errors):
    page.panel(axes, "j", "networks and sessions without numbers, and why")
    axes.set_axis_off()
    page.keep("j", errors.loc[errors["not_available"] != "", [*KEYS, "not_available"]])
    if not len(errors):
        missing = ["not available: no network was trained on one rule task, and no dataset has behaviour"]
    axes.text(
        0, 1, "\n".join(missing) if missing else "none: all have enough errors and correct trials", va="top",
        fontsize=TINY, linespacing=1.35,
    )  # fmt: skip
