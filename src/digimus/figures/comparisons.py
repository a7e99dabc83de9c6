"""Rows of the report's tables of accuracies, and of priors against their controls."""

import pandas as pd

from digimus.figures.style import model_name, ordered_cells

TRAININGS = {"per task": "A network for each task", "together": "One network for all tasks"}


def number(value):
    """Three digits, with a true minus sign."""
    return "not available" if pd.isna(value) else f"{value:.3g}".replace("-", "−")


def percent(value):
    """A share in percent."""
    return "–" if pd.isna(value) else f"{100 * value:.1f}".replace("-", "−")


def accuracy_tables(accuracy):
    """Tasks x cells for each way of training.

    Parameters
    ----------
    accuracy : pandas.DataFrame
        As in accuracy.csv.

    Returns
    -------
    list of dict
        title, interval, cells (name and size) and rows (task, chance, values in the order of the cells).
    """
    tables = []
    for training, title in TRAININGS.items():
        own = accuracy[accuracy["training"] == training]
        if not len(own):
            continue
        cells = ordered_cells(own)
        by_cell = {cell: own[(own["model"] == cell[0]) & (own["prior"] == cell[1])] for cell in cells}
        rows = []
        for task, rows_of_task in own.groupby("task", sort=False):
            values = [_value(by_cell[cell][by_cell[cell]["task"] == task]) for cell in cells]
            rows.append(dict(task=task, chance=percent(rows_of_task["chance"].iloc[0]), values=values))
        heads = [dict(name=model_name(*cell), size=_size(by_cell[cell])) for cell in cells]
        tables.append(dict(title=title, interval=own["interval"].iloc[0], cells=heads, rows=rows))
    return tables


def _value(row):
    """Mean, interval and range of one cell on one task."""
    if not len(row):
        return dict(mean="–", interval="", range="")
    row = row.iloc[0]
    known = pd.notna(row["ci_low"])
    return dict(
        mean=percent(row["mean"]),
        interval=f"{percent(row['ci_low'])} to {percent(row['ci_high'])}" if known else "no interval",
        range=f"{percent(row['lowest'])} to {percent(row['highest'])}",
    )


def _size(rows):
    """Seeds, parameters and updates of a cell."""
    parts = []
    for low, high, what in (
        ("n_seeds", "n_seeds", "seed"),
        ("n_parameters", "n_parameters", "parameter"),
        ("updates_fewest", "updates_most", "update"),
    ):
        ends = rows[low].min(), rows[high].max()
        if pd.isna(ends[0]):
            continue
        shown = " to ".join(f"{int(end):,}" for end in dict.fromkeys(ends))
        parts.append(f"{shown} {what}{'' if ends == (1, 1) else 's'}")
    return ", ".join(parts)


def control_rows(controls):
    """Comparisons over tasks, and those of single tasks.

    Parameters
    ----------
    controls : pandas.DataFrame
        As in controls.csv.

    Returns
    -------
    (list of dict, list of dict)
    """
    rows = {"all tasks": [], "task": []}
    for row in controls.to_dict("records"):
        known = pd.notna(row["ci_low"])
        interval = f"({number(row['ci_low'])} to {number(row['ci_high'])})" if known else "(no interval)"
        effect, never = number(row["effect"]), ""
        if pd.notna(row.get("n_sooner")):
            effect = f"sooner in {int(row['n_sooner'])}, later in {int(row['n_later'])}"
        if pd.notna(row["prior_never"]):
            left_out = int(row.get("n_left_out", 0))
            n_pairs = row["n_pairs"] + left_out
            never = f"{int(row['prior_never'])} and {int(row['control_never'])} of {n_pairs}"
            never += f", {left_out} left out" if left_out else ""
        rows[row["scope"]].append(
            dict(
                prior=_named(row, "prior"), control=_named(row, "control"),
                training=TRAININGS.get(row["training"], row["training"]).lower(),
                task="" if pd.isna(row["task"]) else row["task"], measure=row["measure"],
                effect=effect, interval=interval, p=number(row["p_corrected"]),
                units=f"{row['n']} {row['unit']}{'' if row['n'] == 1 else 's'}", pairs=row["n_pairs"],
                smallest="" if pd.isna(row["smallest_effect"]) else number(row["smallest_effect"]),
                verdict="" if pd.isna(row["verdict"]) else row["verdict"], never=never, test=row["test"],
                simulated=str(row["simulated"]) == "True",
            )
        )  # fmt: skip
    return rows["all tasks"], rows["task"]


def _named(row, which):
    """A prior with its model, if that is not called digimus, and the kind of a control."""
    name = row[which]
    if which == "control" and name != "none":
        name = f"{name} ({row['control_kind']})"
    if which == "control" and name == "none":
        name = "no prior"
    return name if row["model"] == "digimus" or which == "control" else f"{row['model']}, {name}"
