"""Dynamics of states: dimension, speed and tangling, fixed points, hidden states, and similarity."""

import numpy as np
import pandas as pd

from digimus.figures.style import (
    GREY,
    INK,
    MINUTE,
    PRIOR,
    RECORDINGS,
    REGION_COLOURS,
    TINY,
    Page,
    cell_markers,
    dodge,
    ink_on,
    legend_entry,
    minus,
    model_colour,
    model_name,
    ordered_cells,
    round_ticks,
    spread,
    wrap,
)

KEYS = ["task", "model", "prior", "seed"]
SUMMARY = (
    *KEYS, "n_trials", "participation_ratio_corrected", "speed", "state_rms", "tangling", "not_available",
)  # fmt: skip
POINTS = (*KEYS, "epoch", "point", "kind", "max_abs_eigenvalue", "pc1", "pc2", "n_found", "not_available")
PATHS = (*KEYS, "condition", "outcome", "step", "pc1", "pc2", "not_available")
SIMILAR = (
    "kind", *KEYS, "other_model", "other_prior", "dataset", "session", "cka", "null_95", "not_available",
)  # fmt: skip
HIDDEN = ("benchmark", "unit", "session", "model", "prior", "seed")
HIDDEN_PATHS = (*HIDDEN, "outcome", "time_s", "state", "occupancy", "n_trials", "not_available")
TRANSITIONS = (*HIDDEN, "from_state", "to_state", "probability", "not_available")
EPOCH_MARKERS = {"fixation": "o", "delay1": "s", "delay2": "D", "response": "^"}
NO_NETWORK = "no network was trained on a single rule task"
WIDEST_MATRIX = 8


def dynamics(inputs):
    """How states move, where they rest, which hidden states they pass, and how alike networks are.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``states/summary.csv``, ``trajectories.csv``, ``fixed_points.csv``, ``hidden_paths.csv``,
        ``hidden_transitions.csv`` and ``similarity.csv`` of the same folder.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    summary = inputs.table("states/summary.csv", SUMMARY)
    paths = inputs.table("states/trajectories.csv", PATHS)
    points = inputs.table("states/fixed_points.csv", POINTS)
    hidden = _named(inputs.table("states/hidden_paths.csv", HIDDEN_PATHS))
    moves = _named(inputs.table("states/hidden_transitions.csv", TRANSITIONS))
    similar = inputs.table("states/similarity.csv", SIMILAR)
    missing = _missing(points, hidden, similar)
    cells = ordered_cells(summary)
    look = {cell: (model_colour(*cell), marker) for cell, marker in cell_markers(cells).items()}
    heights = [52, 50, 48, 48, 9 + 2.8 * max(1, sum(map(len, missing["lines"])))]
    page = Page(sum(heights))
    first, second, third, fourth, last = page.figure.subfigures(5, 1, height_ratios=heights)
    _by_task(page, first.subplots(1, 3), summary, look)
    if cells:
        handles = [legend_entry(*look[cell]) for cell in cells]
        names = [model_name(*cell) for cell in cells]
        first.legend(handles, names, loc="outside lower center", ncols=5, fontsize=TINY)
    d, e = second.subplots(1, 2, width_ratios=[1, 2])
    _plane(page, d, points, paths)
    _eigenvalues(page, e, points, look)
    _hidden(page, third.subplots(1, 3, width_ratios=[1.25, 1, 1.25]), hidden, moves)
    i, j = fourth.subplots(1, 2, width_ratios=[1, 1.3])
    _matrix(page, i, similar, cells)
    _recorded(page, j, similar, look)
    _list_missing(page, last.subplots(), missing)
    page.simulated("abc", PRIOR, sorted(inputs.simulated_priors(summary)))
    page.simulated("de", PRIOR, sorted(inputs.simulated_priors(points)))
    page.simulated("fg", PRIOR, sorted(inputs.simulated_priors(hidden)))
    page.simulated("i", PRIOR, sorted(inputs.simulated_priors(similar)))
    page.simulated("h", RECORDINGS, sorted(set(hidden["benchmark"]) & inputs.datasets))
    page.simulated("j", RECORDINGS, sorted(set(similar["dataset"].dropna()) & inputs.datasets))
    return page.finish()


def _named(table):
    """A table of hidden states; a network has no session, and a recording no prior and no seed."""
    return table.assign(**{name: table[name].astype(object).fillna("") for name in HIDDEN})


def _by_task(page, panels, summary, look):
    """Dimension, speed and tangling: a point a network, by task."""
    rows = summary.assign(relative_speed=summary["speed"] / summary["state_rms"])
    shown = (
        ("a", "participation_ratio_corrected", "dimension before the response", "participation ratio"),
        ("b", "relative_speed", "speed", "speed / spread (1/s)"),
        ("c", "tangling", "tangling", "Q, 90th percentile (1/s²)"),
    )
    for axes, (letter, column, title, label) in zip(panels, shown, strict=True):
        page.panel(axes, letter, title)
        if not rows[column].notna().any():
            page.not_available(
                axes, letter, NO_NETWORK if not len(rows) else "no network has states that vary"
            )
            continue
        page.keep(letter, rows[[*KEYS, "n_trials", column, "not_available"]])
        _points_by_task(axes, rows, column, look)
        axes.set_ylabel(label)
        if column == "tangling":
            axes.set_yscale("log")
            ticks = round_ticks(*axes.get_ylim())
            if ticks:
                axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
                axes.set_yticks([], minor=True)
        else:
            axes.set_ylim(0, 1.06 * rows[column].max())


def _points_by_task(axes, rows, column, look, marker_of=None):
    """Points side by side by cell above every task; what has no number is missing here and listed below."""
    tasks = list(dict.fromkeys(rows["task"]))
    offsets, width = dodge(len(look))
    points = {}
    for x, task in enumerate(tasks):
        for (cell, (colour, marker)), offset in zip(look.items(), offsets, strict=True):
            mine = rows[(rows["task"] == task) & (rows["model"] == cell[0]) & (rows["prior"] == cell[1])]
            places = x + offset + spread(len(mine), 0.6 * width)
            markers = [marker_of[name] for name in mine["epoch"]] if marker_of else [marker] * len(mine)
            for place, value, shape in zip(places, mine[column], markers, strict=True):
                points.setdefault((colour, shape), []).append((place, value))
    for (colour, shape), places in points.items():
        axes.plot(*np.transpose(places), shape, color=colour, markersize=2.3, markeredgewidth=0.4)
    many = len(tasks) > 9
    turned = dict(rotation=90 if many else 45, ha="right", va="center" if many else "top")
    axes.set_xticks(
        range(len(tasks)), tasks, fontsize=MINUTE if many else TINY, rotation_mode="anchor",
        **(turned if len(tasks) > 4 else {}),
    )  # fmt: skip
    axes.set_xlim(-0.6, len(tasks) - 0.4)
    axes.tick_params(axis="x", length=0, pad=1 if len(tasks) <= 4 else 2)


def _plane(page, axes, points, paths):
    """Fixed points among the mean paths of one network, that with most of them."""
    paths = paths[(paths["outcome"] == "all") & (paths["condition"] != "all")]
    known = points[points["point"].notna()].merge(paths[KEYS].drop_duplicates(), on=KEYS)
    if not len(known):
        page.panel(axes, "d", "fixed points")
        page.not_available(axes, "d", "no network has fixed points and paths", 24)
        return
    spiking = known[known["model"] == "digimus"]
    sizes = (spiking if len(spiking) else known).groupby(KEYS, sort=False).size()
    chosen = dict(zip(KEYS, sizes.idxmax(), strict=True))
    mine = _rows_of(known, chosen)
    page.panel(axes, "d", f"fixed points: {chosen['task']}, {model_name(chosen['model'], chosen['prior'])}")
    page.keep("d", mine[list(POINTS)])
    around = _rows_of(paths, chosen)
    page.keep("d", around[[*KEYS, "condition", "step", "pc1", "pc2"]])
    for _, path in around.groupby("condition"):
        axes.plot(path["pc1"], path["pc2"], color="#BBBBBB", linewidth=0.7, zorder=1)
    for row in mine.itertuples():
        axes.plot(
            row.pc1, row.pc2, EPOCH_MARKERS[row.epoch], color=INK, markersize=4.2, markeredgewidth=0.8,
            markerfacecolor=INK if row.kind == "stable" else "white",
        )  # fmt: skip
    axes.set(xlabel="PC1", ylabel="PC2", xticks=[], yticks=[])
    epochs = [epoch for epoch in EPOCH_MARKERS if (mine["epoch"] == epoch).any()]
    handles = [legend_entry(GREY, EPOCH_MARKERS[epoch]) for epoch in epochs]
    handles += [legend_entry(INK, "o"), legend_entry(INK, "o", filled=False)]
    axes.legend(
        handles, [*epochs, "stable", "saddle"], fontsize=5.5, loc="upper center", handletextpad=0.2,
        bbox_to_anchor=(0.5, -0.1), ncols=len(handles), columnspacing=0.7,
    )  # fmt: skip


def _eigenvalues(page, axes, points, look):
    page.panel(axes, "e", "the slowest direction at each fixed point")
    known = points[points["point"].notna()]
    if not len(known):
        page.not_available(axes, "e", "no network has fixed points" if len(points) else NO_NETWORK)
        return
    page.keep("e", known[[*KEYS, "epoch", "kind", "max_abs_eigenvalue", "n_found"]])
    _points_by_task(axes, known, "max_abs_eigenvalue", look, EPOCH_MARKERS)
    axes.axhline(1, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
    low, high = axes.get_ylim()
    axes.set_ylim(low, max(high, 1 + 0.12 * (1 - low)))
    axes.set_ylabel("largest |eigenvalue|")
    axes.text(
        0.995, 1, "unstable above", transform=axes.get_yaxis_transform(), ha="right", va="bottom",
        fontsize=5.5, color="#555555",
    )  # fmt: skip
    epochs = [epoch for epoch in EPOCH_MARKERS if (known["epoch"] == epoch).any()]
    handles = [legend_entry(GREY, EPOCH_MARKERS[epoch]) for epoch in epochs]
    axes.legend(
        handles, epochs, fontsize=5.5, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, handletextpad=0.2
    )


def _hidden(page, panels, hidden, moves):
    """An example network over time and its transitions, and an example recording."""
    networks = hidden[(hidden["benchmark"] == "rules") & hidden["state"].notna()]
    example = _example(networks)
    page.panel(panels[1], "g", "\ntransitions")
    if example is None:
        page.panel(panels[0], "f", "hidden states")
        for letter, axes in zip("fg", panels, strict=False):
            page.not_available(axes, letter, _why(hidden[hidden["benchmark"] == "rules"], NO_NETWORK), 24)
    else:
        name = model_name(example["model"], example["prior"])
        page.panel(panels[0], "f", f"hidden states:\n{example['unit']}, {name}")
        _occupancy(page, panels[0], "f", _rows_of(networks, example), ("correct", "error"))
        _transitions(page, panels[1], _rows_of(moves, example))
    recorded = hidden[(hidden["benchmark"] != "rules") & hidden["state"].notna()]
    example = _example(recorded)
    if example is None:
        page.panel(panels[2], "h", "hidden states of a recording")
        reason = _why(hidden[hidden["benchmark"] != "rules"], "there is no recording")
        page.not_available(panels[2], "h", reason, 24)
        return
    page.panel(panels[2], "h", f"hidden states:\n{wrap(example['session'], 30)}")
    _occupancy(page, panels[2], "h", _rows_of(recorded, example), ("correct", "error"))


def _example(hidden):
    """The first network or session with both outcomes, else the first; None without any."""
    if not len(hidden):
        return None
    counts = hidden.groupby(list(HIDDEN), sort=False)["outcome"].nunique()
    return dict(zip(HIDDEN, counts.idxmax(), strict=True))


def _rows_of(table, key):
    """The rows with these values."""
    chosen = [(table[name] == value).to_numpy() for name, value in key.items()]
    return table[np.all(chosen, axis=0)]


def _why(rows, otherwise):
    reasons = rows["not_available"].dropna()
    return str(reasons.iloc[0]) if len(reasons) else otherwise


def _occupancy(page, axes, letter, rows, outcomes):
    """Share of trials in each state; solid: correct trials, dashed: errors, or all where neither is known."""
    split = [outcome for outcome in outcomes if (rows["outcome"] == outcome).any()] or ["all"]
    rows = rows[rows["outcome"].isin(split)]
    page.keep(letter, rows[[*HIDDEN, "outcome", "time_s", "state", "occupancy", "n_trials"]])
    for outcome in split:
        for state, line in rows[rows["outcome"] == outcome].groupby("state"):
            colour = REGION_COLOURS[(int(state) - 1) % len(REGION_COLOURS)]
            dashes = (0, (3, 1.5)) if outcome == "error" else "-"
            axes.plot(line["time_s"], line["occupancy"], color=colour, linestyle=dashes, linewidth=1)
    axes.set(xlabel="time (s)", ylabel="share of trials", ylim=(-0.03, 1.03), yticks=(0, 0.5, 1))
    counts = rows.groupby("outcome")["n_trials"].first()
    states = sorted(rows["state"].unique())
    handles = [legend_entry(REGION_COLOURS[(int(k) - 1) % len(REGION_COLOURS)], "", "-") for k in states]
    handles += [legend_entry(INK, "", (0, (3, 1.5)) if name == "error" else "-") for name in split]
    names = [f"state {k:g}" for k in states] + [f"{name}, n = {counts[name]:g}" for name in split]
    axes.legend(
        handles, names, fontsize=5.5, loc="upper center", bbox_to_anchor=(0.5, -0.3), ncols=3,
        handlelength=1.4, columnspacing=0.8,
    )  # fmt: skip


def _transitions(page, axes, rows):
    page.keep("g", rows[[*HIDDEN, "from_state", "to_state", "probability"]])
    table = rows.pivot(index="from_state", columns="to_state", values="probability")
    _heat(axes, table.to_numpy(float), 0, 1, "Greys")
    names = [f"{state:g}" for state in table.index]
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel="to state", ylabel="from state")


def _heat(axes, values, low, high, colours):
    picture = axes.imshow(values, vmin=low, vmax=high, cmap=colours, aspect="equal")
    for (i, j), value in np.ndenumerate(values):
        text = "–" if np.isnan(value) else minus(f"{value:.2f}" if len(values) < 6 else f"{value:.1f}")
        colour = INK if np.isnan(value) else ink_on(picture.cmap(picture.norm(value)))
        axes.text(j, i, text, ha="center", va="center", fontsize=5.5, color=colour)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def _matrix(page, axes, similar, cells):
    """Mean CKA over tasks and pairs of networks, by cell."""
    page.panel(axes, "i", "similarity between networks (CKA)")
    pairs = similar[(similar["kind"] == "models") & similar["cka"].notna()]
    if not len(pairs):
        page.not_available(axes, "i", _why(similar[similar["kind"] == "models"], "no two networks of a task"))
        return
    other = pairs.rename(
        columns=dict(model="other_model", prior="other_prior", other_model="model", other_prior="prior")
    )
    both = pd.concat([pairs, other], ignore_index=True)
    by_task = both.groupby(["model", "prior", "other_model", "other_prior", "task"])["cka"].mean()
    means = by_task.groupby(level=[0, 1, 2, 3]).agg(["mean", "size"])
    page.keep("i", means.rename(columns=dict(mean="cka", size="n_tasks")).reset_index())
    if len(cells) > WIDEST_MATRIX:
        axes.set_xlabel(f"{WIDEST_MATRIX} of {len(cells)} cells; all are in the table", fontsize=TINY)
    cells = cells[:WIDEST_MATRIX]
    values = [[means["mean"].get((*one, *two), np.nan) for two in cells] for one in cells]
    _heat(axes, np.array(values, float), 0, 1, "Blues")
    names = [wrap(f"{k}  {model_name(*cell)}", 30) for k, cell in enumerate(cells, start=1)]
    axes.set_xticks(range(len(cells)), range(1, len(cells) + 1), fontsize=MINUTE)
    axes.set_yticks(range(len(cells)), names, fontsize=MINUTE)


def _recorded(page, axes, similar, look):
    """CKA of networks with recorded sessions, over six conditions."""
    page.panel(axes, "j", "similarity to recordings, matched conditions")
    pairs = similar[(similar["kind"] == "recordings")]
    known = pairs[pairs["cka"].notna()]
    if not len(known):
        page.not_available(axes, "j", _why(pairs, NO_NETWORK), 40)
        return
    means = known.groupby([*KEYS, "dataset"], sort=False)[["cka", "null_95"]].mean().reset_index()
    n_sessions = known.groupby([*KEYS, "dataset"], sort=False).size().to_numpy()
    page.keep("j", means.assign(n_sessions=n_sessions))
    several = means["dataset"].nunique() > 1
    means["task"] = means["task"] + ("\n" + means["dataset"] if several else "")
    axes.axhline(0, color=GREY, linewidth=0.6)
    for x, (_, rows) in enumerate(means.groupby("task", sort=False)):
        axes.hlines(
            rows["null_95"].mean(), x - 0.42, x + 0.42, color=INK, linewidth=0.8, linestyle=(0, (2, 1))
        )
    _points_by_task(axes, means, "cka", look)
    axes.set_ylabel(f"mean CKA with {'recordings' if several else means['dataset'].iloc[0]}")
    handle = legend_entry(INK, "", (0, (2, 1)))
    axes.legend([handle], ["95 % of shuffled ones"], fontsize=5.5, loc="lower right", bbox_to_anchor=(1, 1))


def _missing(points, hidden, similar):
    """What has no number, by panel and reason."""
    networks = hidden.rename(columns=dict(unit="task")).assign(dataset="")
    parts = [
        ("fixed points", points.assign(dataset="")),
        ("hidden states", networks),
        ("similarity", similar),
    ]
    rows = []
    for what, table in parts:
        absent = table[table["not_available"].fillna("") != ""]
        for reason, group in absent.groupby("not_available", sort=False):
            names = {_name(row, what) for row in group.itertuples()}
            rows.append(dict(what=what, reason=reason, rows=len(group), where="; ".join(sorted(names))))
    table = pd.DataFrame(rows, columns=["what", "reason", "rows", "where"])
    lines = []
    for row in table.itertuples():
        text = wrap(f"{row.what} ({row.rows}) – {row.reason}: {row.where}", 150).split("\n")
        lines.append(text if len(text) <= 2 else [text[0], text[1][:140] + " … (all in the table)"])
    return {"table": table, "lines": lines}


def _name(row, what):
    """Which network or recording a row without numbers stands for, as short as it can be told."""
    model = "" if row.model == "recording" else f" {model_name(row.model, row.prior)}"
    if what == "similarity" and isinstance(row.dataset, str) and row.dataset:
        return f"{row.task} with {row.dataset}"
    return f"{row.task}{model}"


def _list_missing(page, axes, missing):
    page.panel(axes, "k", "what has no number, and why")
    axes.set_axis_off()
    page.keep("k", missing["table"])
    lines = [line for entry in missing["lines"] for line in entry]
    axes.text(
        0, 1, "\n".join(lines) if lines else "nothing: every network and recording has all numbers",
        va="top", fontsize=5.8, linespacing=1.3,
    )  # fmt: skip
