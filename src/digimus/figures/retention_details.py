"""Panels of retention: gains over start, twin and controls, thresholds, carriers, the dose-response."""

import numpy as np

from digimus.figures.intervals import nested_interval
from digimus.figures.style import (
    GREY,
    INK,
    PALE,
    PRIOR_MARKERS,
    STRUCTURE_FREE,
    TINY,
    WITH_PRIOR,
    legend_entry,
    minus,
    row_size,
    spread,
    wrap,
)

RIVALS = {"start": "its own start", "structure-free": "structure-free"}
ORDERS = {
    "size": ("largest |w| first", INK),
    "change": ("most changed first", "#882255"),
    "random": ("at random", GREY),
}
OF_TERM = (0.05, 0.3)
"""Temperatures between which the motif term trains."""
NO_PRIOR = "no network was trained with this prior"
FEW = 4
"""Rivals for whose missing gains there is room to say why; of more, the table does."""
LIGHT = dict(linewidth=0.4, alpha=0.5)


def draw_gains(page, axes, letter, gains):
    """How much nearer to the prior than each rival: points are tasks, a bar the mean with its interval."""
    page.panel(axes, letter, "gain over start, twin and controls")
    if not len(gains):
        page.not_available(axes, letter, NO_PRIOR)
        return
    rivals = list(dict.fromkeys(zip(gains["role"], gains["against"].fillna(""), strict=True)))
    rng, names = np.random.default_rng(0), []
    for y, (role, against) in enumerate(rivals):
        rows = gains[gains["role"].eq(role) & gains["against"].fillna("").eq(against)]
        names.append(wrap(RIVALS.get(role, against or "control"), 18))
        if rows["effect"].notna().any():
            _gain_row(page, axes, letter, y, rows[rows["effect"].notna()], rng)
        else:
            reason = str(rows["not_available"].fillna("").iloc[0]) if len(rivals) <= FEW else ""
            text = wrap(f"not available, {reason}".rstrip(", "), 40)
            axes.text(
                0.5, y, text, va="center", ha="center", fontsize=TINY, color="#555555",
                transform=axes.get_yaxis_transform(),
            )  # fmt: skip
            page.keep(letter, rows.head(1)[["target", "against", "role", "not_available"]])
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.set_yticks(range(len(rivals)), names, fontsize=min(row_size(len(rivals))[1], TINY))
    axes.set_ylim(len(rivals) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("nearer to the prior by (log enrichment)")


def _gain_row(page, axes, letter, y, rows, rng):
    """The gains over one rival: tasks with their seeds averaged, and the bootstrap interval of their mean."""
    by_task = rows.groupby("task", sort=False)["effect"].mean()
    mean, low, high = nested_interval(rows, "effect", rng, levels=("task", "seed"))
    colour = INK if rows["role"].eq("control").all() else WITH_PRIOR
    axes.plot(by_task, y + spread(len(by_task), 0.34), "o", color=colour, markersize=2.2, alpha=0.6)
    axes.plot([mean, mean], [y - 0.32, y + 0.32], color=colour, linewidth=1.6)
    if np.isfinite(low):
        axes.plot([low, high], [y, y], color=colour, linewidth=1)
    kind = rows.head(1)[["target", "against", "role"]]
    key = kind.iloc[0].to_dict()
    page.keep(letter, by_task.reset_index().assign(**key, mark="task, seeds averaged"))
    page.keep(letter, kind.assign(effect=mean, ci_low=low, ci_high=high, n=len(by_task), mark="mean"))


def draw_sensitivity(page, panels, letters, groups, styles):
    """Distance to the prior over densities of hard graphs, and over temperatures of soft ones.

    `groups` are the rows of each of the lines in `styles`.
    """
    titles = ("over the density of edges", "over the temperature")
    for axes, letter, title, column in zip(panels, letters, titles, ("density", "temperature"), strict=True):
        page.panel(axes, letter, title)
        method = "hard" if column == "density" else "soft"
        found = {line: rows[rows["method"].eq(method)] for line, rows in groups.items()}
        if not any(rows["distance"].notna().any() for rows in found.values()):
            page.not_available(axes, letter, "no network was compared with this prior", 24)
            continue
        places = sorted({value for rows in found.values() for value in rows[column]})
        for line, rows in found.items():
            wide = _by_task(rows, column).reindex(columns=places)
            _lines(page, axes, letter, wide, dict(line=line), **styles[line])
        axes.set_xscale("log")
        axes.set_xticks(places, [f"{place:g}" for place in places])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
    if all(axes.lines for axes in panels):
        top = max(axes.get_ylim()[1] for axes in panels)
        for axes in panels:
            axes.set_ylim(0, top)
    if panels[0].lines:
        trained_at = {
            value for rows in groups.values() for value in rows.loc[rows["method"].eq("soft"), "density"]
        }
        for value in trained_at:
            panels[0].axvline(value, color=GREY, linestyle=":", linewidth=0.8, zorder=0)
        panels[0].set_xlabel("share of weights that are edges")
        panels[0].set_ylabel("distance to the prior")
    if panels[1].lines:
        panels[1].axvspan(*OF_TERM, color=PALE, alpha=0.4, linewidth=0, zorder=0)
        panels[1].set_xlabel("temperature, sd of |w|")


def draw_carriers(page, axes, letter, carriers):
    """Distance to the prior after a share of the weights was set back, by the order in which they were."""
    page.panel(axes, letter, "weights set back to the start")
    if not len(carriers) or not carriers["distance"].notna().any():
        page.not_available(axes, letter, NO_PRIOR)
        return
    shares = sorted(carriers["share"].dropna().unique())
    handles, names = [], []
    for order, (name, colour) in ORDERS.items():
        wide = _by_task(carriers[carriers["order"].eq(order)], "share").reindex(columns=shares)
        style = dict(color=colour, marker="o", linewidth=1.2)
        _lines(page, axes, letter, wide, dict(order=order), places=range(len(shares)), **style)
        handles.append(legend_entry(colour, "o", "-"))
        names.append(name)
    axes.set_xticks(range(len(shares)), [f"{100 * share:g}" for share in shares])
    axes.set_xlabel("% of weights, not to scale")
    axes.set_ylabel("distance to the prior")
    axes.set_ylim(bottom=0)
    axes.legend(handles, names, fontsize=TINY, loc="upper left", labelspacing=0.25)


def draw_doses(page, panels, letters, doses):
    """Distance to the prior, and accuracy less that of the seed's twin, by the weight of the motif term."""
    for axes, letter, title in zip(panels, letters, ("dose: retention", "dose: accuracy"), strict=True):
        page.panel(axes, letter, title)
    known = doses[doses["accuracy"].notna() & doses["weight"].notna()] if len(doses) else doses
    if not len(known):
        reasons = doses["not_available"].dropna() if len(doses) else []
        for axes, letter in zip(panels, letters, strict=True):
            page.not_available(axes, letter, _why(reasons), 26)
        return
    known = known.assign(change=known["accuracy"] - _of_twin(known))
    tasks, weights = list(dict.fromkeys(known["task"])), sorted(known["weight"].unique())
    for axes, letter, value in zip(panels, letters, ("distance", "change"), strict=True):
        if not known[value].notna().any():
            page.not_available(axes, letter, "no distance to this prior, or no network without it", 26)
            continue
        for task, marker, shift in zip(tasks, _markers(tasks), spread(len(tasks), 0.24), strict=True):
            rows = known[known["task"].eq(task)]
            _dose_line(axes, rows, value, weights, marker, shift)
            page.keep(letter, rows[["task", "model", "prior", "weight", "seed", "accuracy", value]])
        axes.set_xticks(range(len(weights)), [_power(weight) for weight in weights])
        axes.set_xlim(-0.4, len(weights) - 0.6)
        axes.set_xlabel("weight of the motif term, not to scale")
    panels[0].set_ylim(bottom=0)
    if panels[0].lines:
        panels[0].set_ylabel("distance to the prior")
    if panels[1].lines:
        panels[1].axhline(0, color=PALE, linewidth=0.8, zorder=0)
        panels[1].set_ylabel("accuracy less the twin's")
    handles = [legend_entry(GREY, marker, "-") for marker in _markers(tasks)]
    panels[-1].legend(handles, tasks, fontsize=TINY, loc="lower left", labelspacing=0.25)


def _why(reasons):
    """The first reason why there are no doses."""
    return next(iter(reasons), "no dose-response was asked for").removeprefix("because ")


def _dose_line(axes, rows, value, weights, marker, shift):
    """Points of all seeds and the line of their mean; blue without the term, orange with it."""
    mean = rows.groupby("weight")[value].mean().reindex(weights)
    places = np.arange(len(weights)) + shift
    axes.plot(places, mean, color=GREY, linewidth=1, zorder=2)
    for x, weight in zip(places, weights, strict=True):
        seeds = rows.loc[rows["weight"].eq(weight), value].to_numpy(float)
        colour = STRUCTURE_FREE if weight == 0 else WITH_PRIOR
        axes.plot(
            x + spread(len(seeds), 0.12), seeds, marker, linestyle="none", color=colour, markersize=2.4,
            alpha=0.6,
        )  # fmt: skip
        axes.plot(x, mean[weight], marker, color=colour, markersize=4.5, zorder=3)


def _of_twin(known):
    """For every row the accuracy of the network of the same task and seed with a weight of 0."""
    keys = ["task", "seed"]
    twin = known[known["weight"].eq(0)].drop_duplicates(keys).set_index(keys)["accuracy"]
    return twin.reindex(known.set_index(keys).index).to_numpy(float)


def _markers(tasks):
    return [PRIOR_MARKERS[k % len(PRIOR_MARKERS)] for k in range(len(tasks))]


def _power(weight):
    """A weight as a few characters, powers of ten as such."""
    if weight == 0 or 0.01 <= weight < 1000:
        return f"{weight:g}"
    factor, power = f"{weight:.0e}".split("e")
    text = f"$10^{{{int(power)}}}$"
    return text if factor == "1" else minus(f"{factor}·") + text


def _by_task(rows, column):
    """Means over seeds, a row a task and a column for every value of a setting."""
    return rows.groupby(["task", column], sort=False)["distance"].mean().unstack(column)


def _lines(page, axes, letter, wide, key, places=None, **style):
    """A thin line a task and a thick one for their mean; kept in the table."""
    if not len(wide):
        return
    x = list(wide.columns if places is None else places)
    axes.plot(x, wide.T.to_numpy(float), color=style["color"], **LIGHT)
    mean = wide.mean()
    axes.plot(x, mean, markersize=3, zorder=3, **style)
    long = wide.stack(future_stack=True).rename("distance").reset_index()
    page.keep(letter, long.assign(**key, mark="task, seeds averaged"))
    page.keep(letter, mean.rename("distance").reset_index().assign(**key, mark="mean over tasks"))
