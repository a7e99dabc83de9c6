"""States of trained networks on correct and on error trials."""

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
    wrap,
)

SUMMARY = (
    "task", "model", "prior", "seed", "n_trials", "n_errors", "participation_ratio_correct",
    "participation_ratio_error", "error_auroc", "p", "not_available",
)  # fmt: skip
TRAJECTORIES = ("task", "model", "prior", "seed", "outcome", "step", "pc1", "pc2", "response_step")
DISTANCES = ("distance", "correct", "task", "model", "prior", "seed")
OUTCOMES = {"correct": (INK, "-"), "error": ("#E69F00", "-")}


def states(inputs):
    """Trajectories, dimension, and how well states before the response foretell errors.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``states/summary.csv``, ``states/trajectories.csv`` and ``states/distances.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    summary = inputs.table("states/summary.csv", SUMMARY)
    paths = inputs.table("states/trajectories.csv", TRAJECTORIES)
    distances = inputs.table("states/distances.csv", DISTANCES)
    cells = ordered_cells(summary)
    markers = cell_markers(cells)
    missing = _missing(summary)
    heights = [58, 56, 9 + 3.1 * max(len(_lines(missing)), 1)]
    page = Page(sum(heights))
    top, middle, bottom = page.figure.subfigures(3, 1, height_ratios=heights)
    a, b, c, d = top.subplots(1, 4)
    _trajectories(page, (a, b), paths)
    _dimension(page, c, summary, cells, markers)
    _distance(page, d, distances, cells, markers)
    _auroc(page, middle.subplots(), summary, cells, markers)
    if cells:
        handles = [legend_entry(model_colour(*cell), markers[cell]) for cell in cells]
        middle.legend(handles, [model_name(*cell) for cell in cells], loc="outside lower center", ncols=4)
    _list_missing(page, bottom.subplots(), missing, len(summary))
    page.simulated("ab", PRIOR, sorted(inputs.simulated_priors(paths)))
    page.simulated("cef", PRIOR, sorted(inputs.simulated_priors(summary)))
    page.simulated("d", PRIOR, sorted(inputs.simulated_priors(distances)))
    return page.finish()


def _example(paths):
    """The task with both outcomes in most cells (the first of these)."""
    both = paths.groupby(["task", "model", "prior"], sort=False)["outcome"].nunique().eq(2)
    if not both.any():
        return paths["task"].iloc[0]
    return both.groupby(level="task", sort=False).sum().idxmax()


def _trajectories(page, panels, paths):
    if not len(paths):
        for letter, axes in zip("ab", panels, strict=True):
            page.panel(axes, letter, "mean trajectories")
            page.not_available(axes, letter, "no network was trained on a rule task", 18)
        return
    task = _example(paths)
    paths = paths[paths["task"] == task]
    cells = [cell for cell in ordered_cells(paths) if cell[0] == "digimus"] or ordered_cells(paths)
    free = [cell for cell in cells if cell[1] == "none"][:1]
    guided = [cell for cell in cells if cell[1] != "none"][:1]
    chosen = (free + guided + [cell for cell in cells if cell not in free + guided])[:2]
    for k, (letter, axes) in enumerate(zip("ab", panels, strict=True)):
        if k >= len(chosen):
            page.panel(axes, letter, task)
            page.not_available(axes, letter, f"{task}: no further network", 18)
            continue
        cell = chosen[k]
        page.panel(axes, letter, f"{task}\n{wrap(model_name(*cell), 26)}")
        rows = paths[(paths["model"] == cell[0]) & (paths["prior"] == cell[1])]
        page.keep(letter, rows[list(TRAJECTORIES)])
        for outcome, (colour, line) in OUTCOMES.items():
            path = rows[rows["outcome"] == outcome].sort_values("step")
            if not len(path):
                axes.text(
                    0.02, 0.02, f"no {outcome} trial", transform=axes.transAxes, color=colour, fontsize=6
                )
                continue
            axes.plot(path["pc1"], path["pc2"], line, color=colour, linewidth=0.9)
            axes.plot(path["pc1"].iloc[:1], path["pc2"].iloc[:1], "s", color=colour, markersize=3.5)
            response = path[path["step"] == path["response_step"]]
            axes.plot(response["pc1"], response["pc2"], "^", color=colour, markersize=4.5)
        shares = [f"explained_pc{i}" for i in (1, 2)]
        known = all(share in rows for share in shares)
        for i, setter in enumerate((axes.set_xlabel, axes.set_ylabel)):
            setter(f"PC{i + 1} ({rows[shares[i]].iloc[0]:.0%})" if known else f"PC{i + 1}")
        axes.set_xticks([])
        axes.set_yticks([])
        if k == 0:
            handles = [legend_entry(colour, "", "-") for colour, _ in OUTCOMES.values()]
            handles += [legend_entry(GREY, "s"), legend_entry(GREY, "^", size=4.5)]
            panels[0].figure.legend(
                handles, [*OUTCOMES, "start of the trial", "response"], loc="outside lower left", ncols=4
            )


def _dimension(page, axes, summary, cells, markers):
    page.panel(axes, "c", "participation\nratio")
    columns = ["participation_ratio_correct", "participation_ratio_error"]
    known = summary.dropna(subset=columns)
    if not len(known):
        page.not_available(axes, "c", "no network with enough correct and error trials", 18)
        return
    page.keep("c", known[["task", "model", "prior", "seed", *columns]])
    _paired(axes, known, *columns, cells, markers)
    axes.set_xlabel("correct trials")
    axes.set_ylabel("error trials")


def _distance(page, axes, distances, cells, markers):
    page.panel(axes, "d", "distance to\ncorrect trials")
    if not len(distances):
        page.not_available(axes, "d", "no network with enough correct and error trials", 18)
        return
    keys = ["task", "model", "prior", "seed"]
    outcome = np.where(distances["correct"].astype(str).eq("True"), "correct", "error")
    medians = distances.assign(outcome=outcome).groupby([*keys, "outcome"])["distance"].median().unstack()
    medians = medians.reindex(columns=["correct", "error"]).dropna().reset_index()
    if not len(medians):
        page.not_available(axes, "d", "no network with distances of both outcomes", 18)
        return
    page.keep("d", medians.rename(columns=dict(correct="median_correct", error="median_error")))
    _paired(axes, medians, "correct", "error", cells, markers)
    axes.set_xlabel("correct trials (median)")
    axes.set_ylabel("error trials (median)")


def _paired(axes, table, x, y, cells, markers):
    """A point a network, and the line on which both are equal."""
    values = table[[x, y]].to_numpy(float)
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
    limits = (low - margin, high + margin)
    axes.plot(limits, limits, "-", color=GREY, linewidth=0.6, zorder=1)
    for cell in cells:
        rows = table[(table["model"] == cell[0]) & (table["prior"] == cell[1])]
        axes.plot(
            rows[x], rows[y], markers[cell], color=model_colour(*cell), markersize=3, alpha=0.8,
            markeredgecolor="white", markeredgewidth=0.3,
        )  # fmt: skip
    axes.set(xlim=limits, ylim=limits, aspect="equal")
    axes.locator_params(nbins=4)


def _auroc(page, axes, summary, cells, markers):
    page.panel(axes, "e", "do states before the response foretell errors, at equal difficulty?")
    if not len(summary):
        page.not_available(axes, "e", "no network was trained on a rule task")
        return
    keys = ["task", "model", "prior", "seed"]
    page.keep(
        "e", summary[[*keys, "n_trials", "n_errors", "error_auroc", "p", "not_available"]].assign(mark="seed")
    )
    tasks = list(dict.fromkeys(summary["task"]))
    offsets, width = dodge(len(cells))
    means = summary.groupby(keys[:3], sort=False)["error_auroc"].mean().dropna()
    page.keep("e", means.reset_index().assign(mark="mean over seeds"))
    floor = min(0.4, 0.95 * float(np.nan_to_num(summary["error_auroc"].min(), nan=1.0)))
    axes.axhline(0.5, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
    axes.axhspan(floor - 0.1, floor - 0.02, color="#F0F0F0", linewidth=0)
    for x, task in enumerate(tasks):
        for cell, offset in zip(cells, offsets, strict=True):
            mine = (summary["task"] == task) & (summary["model"] == cell[0]) & (summary["prior"] == cell[1])
            values = summary.loc[mine].sort_values("seed")["error_auroc"].to_numpy(float)
            colour = model_colour(*cell)
            places = x + offset + spread(len(values), min(0.12, 0.5 * width))
            known = np.isfinite(values)
            style = dict(color=colour, markersize=2.8)
            axes.plot(places[known], values[known], markers[cell], **style)
            axes.plot(
                places[~known], np.full((~known).sum(), floor - 0.06), "x", **style, markeredgewidth=0.9
            )
            if known.any():
                half = width * 0.4
                axes.hlines(
                    values[known].mean(), x + offset - half, x + offset + half, color=colour, linewidth=1.6
                )
    axes.set_xticks(range(len(tasks)), tasks, rotation=0 if len(tasks) <= 12 else 60)
    axes.set_xlim(-0.6, max(len(tasks) - 0.4, 0.6))
    axes.set_ylim(floor - 0.1, 1.02)
    ticks = [tick for tick in (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0) if tick >= floor]
    axes.set_yticks([floor - 0.06, *ticks], ["not available", *(f"{tick:g}" for tick in ticks)])
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("AUROC of error")


def _missing(summary):
    """Networks without numbers, gathered by model and reason."""
    if not len(summary):
        return pd.DataFrame(columns=["model", "prior", "reason", "networks"])
    reason = summary["not_available"].fillna("").astype(str)
    reason = reason.mask((reason == "") & summary["error_auroc"].isna(), "no reason was given")
    rows = summary.assign(reason=reason)[reason != ""]
    lines = []
    for (model, prior, reason), group in rows.groupby(["model", "prior", "reason"], sort=True):
        tasks = [
            f"{task} (seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))})"
            for task, seeds in group.groupby("task", sort=False)["seed"].apply(list).items()
        ]
        lines.append(dict(model=model, prior=prior, reason=reason, networks="; ".join(tasks)))
    return pd.DataFrame(lines, columns=["model", "prior", "reason", "networks"])


def _lines(missing):
    """What the last panel says, in lines that fit the page."""
    entries = [
        f"{model_name(row.model, row.prior)} – {row.reason}: {row.networks}" for row in missing.itertuples()
    ]
    return [line for entry in entries for line in wrap(entry, 128).split("\n")]


def _list_missing(page, axes, missing, n_networks):
    page.panel(axes, "f", "networks without numbers, and why")
    axes.set_axis_off()
    page.keep("f", missing)
    if not n_networks:
        axes.text(0, 1, "not available: no network was trained on a rule task", va="top", color="#555555")
        return
    lines = _lines(missing)
    axes.text(
        0, 1, "\n".join(lines) if lines else "none: every network has enough correct and error trials",
        va="top", fontsize=6.3, linespacing=1.35, wrap=False,
    )  # fmt: skip
