"""One trial of every task: what goes in, what is to come out, and which errors count."""

import numpy as np
from matplotlib.colors import Normalize

from digimus.figures.style import INK, TINY, Page

TRIALS = ("task", "family", "signal", "step", "channel", "value", "response_step")
STEP_S = 0.02  # one step of the rule tasks
LINES = {"input": (0.5, 32.5, 64.5), "target": (0.5,)}
TICKS = {
    "input": {0: "fixation", 16.5: "ring 1", 48.5: "ring 2", 74.5: "rule"},
    "target": {0: "fixation", 16.5: "ring"},
    "mask": {0: "weight"},
}
SCALES = {
    "input": ("viridis", Normalize(0, 1), "input"),
    "target": ("magma", Normalize(0, 0.9), "target output"),
    "mask": ("Greys", Normalize(0, 6), "weight of errors in the ring; dashed: response"),
}


def tasks(inputs):
    """Input, target and weight of errors of an example trial per task, over time.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Table ``tasks/trials.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    trials = inputs.table("tasks/trials.csv", TRIALS)
    names = list(dict.fromkeys(trials["task"]))
    if not names:
        page = Page(40)
        axes = page.figure.subplots()
        page.panel(axes, "a", "example trials")
        page.not_available(axes, "a", "no task is configured")
        return page.finish()
    n_columns = min(len(names), 4) if len(names) <= 12 else 5
    n_rows = -(-len(names) // n_columns)
    page = Page(14 + 52 * n_rows)
    page.figure.get_layout_engine().set(h_pad=0.02, hspace=0)
    top, bottom = page.figure.subfigures(2, 1, height_ratios=[52 * n_rows, 14])
    grid = top.add_gridspec(n_rows, n_columns)
    images = {}
    for k, task in enumerate(names):
        rows = trials[trials["task"] == task]
        place = grid[k // n_columns, k % n_columns].subgridspec(3, 1, height_ratios=[85, 40, 7], hspace=0.02)
        images |= trial_images(
            page, top, place, _letter(k), rows, first=k % n_columns == 0, title_pt=7 if n_columns < 5 else 6
        )
    for axes, (signal, (_, _, name)) in zip(bottom.subplots(1, 3), SCALES.items(), strict=True):
        if signal in images:
            bar = bottom.colorbar(images[signal], cax=axes, orientation="horizontal")
            bar.outline.set_visible(signal == "mask")
            if signal == "mask":
                bar.set_ticks([0, 1, 5])
        axes.set_box_aspect(0.06)
        axes.set_xlabel(name)
    return page.finish()


def _letter(k):
    return chr(ord("a") + k) if k < 26 else f"z{k - 25}"


def trial_images(page, part, place, letter, rows, first, title_pt, signals=tuple(SCALES), mark=None):
    """Images of a task, one below the other; returns them by signal.

    Parameters
    ----------
    page : digimus.figures.style.Page
    part : matplotlib.figure.SubFigure
    place : matplotlib.gridspec.GridSpecFromSubplotSpec
        A row for every signal.
    letter : str
        Panel that the numbers are kept for.
    rows : pandas.DataFrame
        Of one task, as in tasks/trials.csv.
    first : bool
        Whether channels are named at the left.
    title_pt : float
    signals : sequence of str
        Keys of `SCALES`.
    mark : str, optional
        What stands at the corner in the place of the letter.
    """
    page.keep(letter, rows.loc[rows["signal"].isin(signals), list(TRIALS)])
    response_s = float(rows["response_step"].iloc[0]) * STEP_S
    images, above = {}, None
    for k, signal in enumerate(signals):
        colours, norm, _ = SCALES[signal]
        axes = part.add_subplot(place[k], sharex=above)
        above = axes
        if k == 0:
            page.panel(
                axes, letter if mark is None else mark, f"{rows['task'].iloc[0]}\n{rows['family'].iloc[0]}"
            )
            axes.set_title(axes.get_title(loc="left"), fontsize=title_pt)
        values = _image(rows, signal)
        if values is None:
            page.not_available(axes, letter, f"no {signal} in the table")
            continue
        if signal == "mask":
            values = values[1:].mean(0, keepdims=True)
        end_s = values.shape[1] * STEP_S
        images[signal] = axes.imshow(
            values, cmap=colours, norm=norm, aspect="auto", interpolation="nearest",
            extent=(0, end_s, values.shape[0] - 0.5, -0.5),
        )  # fmt: skip
        axes.axvline(
            response_s, color=INK if signal == "mask" else "white", linewidth=0.9, linestyle=(0, (2, 1.5))
        )
        for line in LINES.get(signal, ()):
            axes.axhline(line, color="white", linewidth=0.4)
        ticks = TICKS[signal]
        axes.set_yticks(list(ticks), list(ticks.values()) if first else [])
        axes.tick_params(axis="y", length=0, labelsize=TINY)
        axes.tick_params(
            axis="x", labelbottom=k + 1 == len(signals), length=2 if k + 1 == len(signals) else 0
        )
        axes.spines[:].set_visible(signal == "mask")
        axes.spines[:].set_linewidth(0.4)
    above.set_xlabel("time (s)")
    return images


def _image(rows, signal):
    """Channels x steps, or None where the table lacks the signal."""
    here = rows[rows["signal"] == signal]
    if not len(here):
        return None
    image = np.full((int(here["channel"].max()) + 1, int(here["step"].max()) + 1), np.nan)
    image[here["channel"].astype(int), here["step"].astype(int)] = here["value"]
    return image
