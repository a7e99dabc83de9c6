"""When in the window the label can be read, how well probabilities are calibrated, and regions compared."""

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from digimus.figures.intervals import nested_band
from digimus.figures.sessions import FREE, METRICS, datasets_of, main_metric, main_split, of_cell, titled
from digimus.figures.style import (
    GREY,
    INK,
    PALE,
    PRIOR,
    RECORDINGS,
    REFERENCES,
    TINY,
    Page,
    cell_markers,
    legend_entry,
    model_colour,
    model_name,
    ordered_cells,
    panel_letters,
    region_colours,
    spread,
    wrap,
)

COURSES = (
    "benchmark", "session", "animal", "model", "prior", "split", "seed", "train_time_s", "test_time_s",
    "metric", "value",
)  # fmt: skip
CALIBRATION = (
    "benchmark", "session", "animal", "model", "prior", "split", "seed", "bin", "n", "mean_probability",
    "frequency",
)  # fmt: skip
REGIONS = (
    "benchmark", "session", "animal", "region", "n_units", "draw", "model", "split", "metric", "value",
    "chance",
)  # fmt: skip
COMPARED = ("benchmark", "region", "against_region", "n_sessions", "effect", "p_corrected", "verdict")
NULLS = ("benchmark", "split", "chance")
CHANCE = "chance"
"""What single regions are compared with, in the place of another region."""
MOST_BANDS = 4
ROW_MM = 48


def timecourse(inputs):
    """Accuracy over time, temporal generalisation, calibration, and regions at matched numbers of units.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``timecourse.csv``, ``calibration.csv``, ``regions.csv``, ``regions_compared.csv`` and
        ``nulls.csv`` of ``evaluation/``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    courses = inputs.table("evaluation/timecourse.csv", COURSES)
    calibration = inputs.table("evaluation/calibration.csv", CALIBRATION)
    regions = inputs.table("evaluation/regions.csv", REGIONS)
    compared = inputs.table("evaluation/regions_compared.csv", COMPARED)
    nulls = inputs.table("evaluation/nulls.csv", NULLS)
    datasets = datasets_of(courses, calibration, regions)
    page = Page(14 + ROW_MM * max(len(datasets), 1))
    grid = page.figure.subplots(
        max(len(datasets), 1), 4, squeeze=False, gridspec_kw=dict(width_ratios=[1.15, 1, 1, 1.15])
    )
    if not datasets:
        for letter, axes in zip("abcd", grid[0], strict=True):
            page.panel(axes, letter)
            page.not_available(axes, letter, "no dataset was decoded", 16)
        return page.finish()
    cells = ordered_cells(pd.concat([courses, calibration])[["model", "prior"]])
    markers = cell_markers(cells)
    letters = iter(panel_letters(4 * len(datasets)))
    for row, dataset in zip(grid, datasets, strict=True):
        named = [next(letters) for _ in row]
        simulated = dataset in inputs.datasets
        own = [_of_main_split(table, dataset) for table in (courses, calibration, regions)]
        pairs = compared[compared["benchmark"] == dataset]
        chance = nulls.loc[nulls["benchmark"] == dataset, "chance"].dropna()
        page.panel(row[0], named[0], wrap(titled(dataset, simulated), 26))
        for axes, letter, title in zip(row[1:], named[1:], TITLES, strict=True):
            page.panel(axes, letter, title)
        _over_time(page, row[0], named[0], dataset, own[0], chance, markers)
        _generalisation(page, row[1], named[1], dataset, own[0], chance)
        _calibration(page, row[2], named[2], dataset, own[1], markers)
        _regions(page, row[3], named[3], dataset, own[2], pairs)
        if simulated:
            page.simulated(named, RECORDINGS, [dataset])
        page.simulated(named[0], PRIOR, sorted(inputs.simulated_priors(own[0])))
        page.simulated(named[2], PRIOR, sorted(inputs.simulated_priors(own[1])))
    if cells:
        handles = [legend_entry(model_colour(*cell), markers[cell], _line(cell)) for cell in cells]
        names = [model_name(*cell) for cell in cells]
        page.figure.legend(
            handles, names, loc="outside lower center", ncols=4, fontsize=TINY, handlelength=2.4
        )
    return page.finish()


TITLES = ("temporal generalisation", "calibration", "regions, equal numbers")


def _of_main_split(table, dataset):
    table = table[table["benchmark"] == dataset]
    return table[table["split"] == main_split(table)]


def _line(cell):
    """Networks are drawn solid, decoders of single bins dashed."""
    return (0, (4, 1.2)) if cell[0] in REFERENCES else "-"


def _over_time(page, axes, letter, dataset, rows, chance, markers):
    """The mean over sessions after each bin; networks know all bins so far, other decoders the bin alone."""
    metric, rows = main_metric(rows)
    same = rows["train_time_s"].isna() | np.isclose(
        rows["train_time_s"].astype(float), rows["test_time_s"].astype(float)
    )
    rows = rows[same].assign(time_s=rows.loc[same, "test_time_s"].astype(float).round(9))
    if not len(rows):
        page.not_available(axes, letter, f"{dataset}: no output over time", 18)
        return
    cells = ordered_cells(rows)
    banded = cells if len(cells) <= MOST_BANDS else [cell for cell in cells if cell[0] == "digimus"]
    rng = np.random.default_rng(0)
    for cell in cells:
        wide = of_cell(rows, *cell).pivot_table(
            index=["animal", "session"], columns="time_s", values="value", aggfunc="mean"
        )
        mean, low, high = nested_band(wide, rng)
        colour = model_colour(*cell)
        few = len(wide.columns) <= 12
        axes.plot(
            wide.columns, mean, markers[cell] if few else "", linestyle=_line(cell), color=colour,
            linewidth=1.1 if cell != FREE else 2.2, markersize=2.4 if cell != FREE else 3.6,
        )  # fmt: skip
        if cell in banded:
            axes.fill_between(wide.columns, low, high, color=colour, alpha=0.16, linewidth=0)
        shown = dict(dataset=dataset, model=cell[0], prior=cell[1], metric=metric, time_s=wide.columns)
        ends = dict(low=low, high=high) if cell in banded else {}
        page.keep(letter, pd.DataFrame(shown | dict(value=mean, n_sessions=len(wide)) | ends))
    floor = _floor(metric, chance)
    if np.isfinite(floor):
        axes.axhline(floor, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    if rows["time_s"].min() < 0:
        axes.axvline(0, color=GREY, linewidth=0.7, zorder=0)
    axes.set_xlabel("time from the event (s)")
    axes.set_ylabel(METRICS[metric])
    axes.locator_params(nbins=5)


def _floor(metric, chance):
    """What a decoder without knowledge reaches; nan where that is not known."""
    return 0.0 if metric == "r2" else chance.min() if len(chance) else np.nan


def _generalisation(page, axes, letter, dataset, rows, chance):
    """Trained in one bin and tested in another: the mean over sessions (seeds averaged first)."""
    metric, rows = main_metric(rows[rows["train_time_s"].notna()])
    if not len(rows):
        page.not_available(axes, letter, f"{dataset}: no decoder of single bins", 16)
        return
    model, prior = ordered_cells(rows)[0]
    rows = of_cell(rows, model, prior)
    times = rows[["train_time_s", "test_time_s"]].astype(float).round(9)
    keys = [times["train_time_s"], times["test_time_s"]]
    by_session = rows.groupby([*keys, "session"])["value"].mean()
    table = by_session.groupby(level=[0, 1]).agg(["mean", "count"]).reset_index()
    table.columns = ["train_time_s", "test_time_s", "value", "n_sessions"]
    page.keep(letter, table.assign(dataset=dataset, model=model, prior=prior, metric=metric))
    square = table.pivot(index="train_time_s", columns="test_time_s", values="value")
    axes.set_facecolor("#E4E4E4")
    half = [np.diff(ticks).min() / 2 if len(ticks) > 1 else 0.5 for ticks in (square.columns, square.index)]
    extent = [
        square.columns[0] - half[0], square.columns[-1] + half[0],
        square.index[0] - half[1], square.index[-1] + half[1],
    ]  # fmt: skip
    # The scale begins at chance, so that small differences look small.
    values = square.to_numpy(float)
    lowest = np.nanmin([_floor(metric, chance), np.nanmin(values)]) if np.isfinite(values).any() else 0.0
    image = axes.imshow(
        values, origin="lower", extent=extent, cmap="BuPu", aspect="auto", vmin=lowest,
        interpolation="nearest",
    )  # fmt: skip
    axes.plot(extent[:2], extent[2:], "-", color=INK, linewidth=0.5)
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    axes.locator_params(nbins=4)
    axes.set_xlabel("tested at (s)")
    axes.set_ylabel("trained at (s)")
    bar = page.figure.colorbar(image, ax=axes, fraction=0.06, pad=0.05, aspect=18)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=TINY, length=0)
    low, high = image.get_clim()
    bar.set_ticks([tick for tick in MaxNLocator(4).tick_values(low, high) if low <= tick <= high])
    bar.set_label(f"{METRICS[metric]}, {model_name(model, prior)}", fontsize=TINY)


def _calibration(page, axes, letter, dataset, rows, markers):
    """How often the predicted class is the true one, against how sure the decoder is of it."""
    rows = rows[rows["n"].astype(float) > 0]
    if not len(rows):
        page.not_available(axes, letter, f"{dataset}: no probabilities of classes", 16)
        return
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=0.8, dashes=(3, 2), zorder=0)
    tables = []
    for cell in ordered_cells(rows):
        own = of_cell(rows, *cell)
        n = own["n"].astype(float)
        sums = pd.DataFrame(
            dict(bin=own["bin"], n=n, p=n * own["mean_probability"], f=n * own["frequency"])
        ).groupby("bin")[["n", "p", "f"]].sum()  # fmt: skip
        table = pd.DataFrame(
            dict(bin=sums.index, n=sums["n"], probability=sums["p"] / sums["n"], value=sums["f"] / sums["n"])
        )
        colour = model_colour(*cell)
        axes.plot(
            table["probability"], table["value"], linestyle=_line(cell), color=colour, linewidth=0.8, zorder=1
        )
        share = table["n"] / table["n"].sum()
        axes.scatter(
            table["probability"], table["value"], s=2 + 40 * share, marker=markers[cell], color=colour,
            linewidth=0, zorder=2,
        )  # fmt: skip
        tables.append(table.assign(model=cell[0], prior=cell[1], share=share))
    shown = pd.concat(tables)
    page.keep(letter, shown.assign(dataset=dataset))
    low = min(shown["probability"].min(), shown["value"].min())
    low = max(0.0, np.floor(10 * low) / 10) if np.isfinite(low) else 0.0
    axes.set_xlim(low, 1.03)
    axes.set_ylim(low, 1.03)
    axes.locator_params(nbins=4)
    axes.set_xlabel("probability of the prediction")
    axes.set_ylabel("share right")


def _regions(page, axes, letter, dataset, rows, compared):
    """Sessions as lines across regions, each with the same number of units, draws averaged."""
    metric, rows = main_metric(rows)
    if not len(rows):
        page.not_available(axes, letter, f"{dataset}: no region has enough units", 16)
        return
    by_session = rows.groupby(["animal", "session", "region"])["value"].mean()
    wide = by_session.unstack()
    names = list(wide.columns)
    colours = region_colours(names)
    offsets = spread(len(wide), 0.24) - 0.12
    for line, offset in zip(wide.to_numpy(float), offsets, strict=True):
        seen = np.flatnonzero(np.isfinite(line))
        axes.plot(seen + offset, line[seen], "-", color=PALE, linewidth=0.6, zorder=1)
    n_units = int(rows["n_units"].max())
    kept = by_session.rename("value").reset_index()
    page.keep(letter, kept.assign(dataset=dataset, metric=metric, mark="session", n_units=n_units))
    rng = np.random.default_rng(0)
    for x, region in enumerate(names):
        axes.plot(x + offsets, wide[region], "o", color=colours[region], markersize=2.4, alpha=0.75, zorder=2)
        mean, low, high = (part[0] for part in nested_band(wide[[region]], rng))
        axes.vlines(x + 0.24, low, high, color=colours[region], linewidth=1.2)
        axes.plot(x + 0.24, mean, "o", color=colours[region], markersize=4)
        interval = dict(dataset=dataset, region=region, value=mean, low=low, high=high, mark="mean")
        page.keep(letter, pd.DataFrame([interval | dict(n_sessions=int(wide[region].notna().sum()))]))
    for chance in rows["chance"].dropna().unique():
        axes.axhline(chance, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    known = wide.notna().sum()
    labels = [f"{region} ({known[region]})" for region in names]
    crowded = len(names) > 3 or max(map(len, labels)) > 8
    axes.set_xticks(range(len(names)), labels, rotation=90 if crowded else 0, fontsize=TINY)
    axes.set_xlim(-0.6, max(len(names), 2) - 0.3)
    axes.tick_params(axis="x", length=0)
    axes.locator_params(axis="y", nbins=5)
    axes.set_ylabel(METRICS[metric])
    axes.set_title(f"regions, {n_units} units each")
    axes.set_xlabel(_verdict(compared, len(names)), fontsize=TINY)


def _verdict(compared, n_regions):
    """What the comparisons of regions with chance and with each other found, in words."""
    with_chance = compared[compared["against_region"] == CHANCE]
    pairs = compared[compared["against_region"] != CHANCE]
    lines = [f"above chance: {_share(with_chance, ['better'])}"] if len(with_chance) else []
    if n_regions < 2:
        return "\n".join(["one region alone", *lines])
    if not len(pairs):
        return "\n".join([*lines, "no regions were compared"])
    text = f"pairs that differ: {_share(pairs, ['better', 'worse'])}"
    found = pairs[pairs["verdict"].isin(["better", "worse"])]
    if len(found):
        first = found.sort_values("p_corrected", kind="stable").iloc[0]
        sign = ">" if first["effect"] > 0 else "<"
        text += f", as {first['region']} {sign} {first['against_region']}"
    return "\n".join([*lines, wrap(text, 34)])


def _share(rows, verdicts):
    """How many rows have one of the verdicts, and how many none for want of data."""
    undetermined = int((rows["verdict"] == "undetermined").sum())
    text = f"{rows['verdict'].isin(verdicts).sum()} of {len(rows)}"
    return f"{text} ({undetermined} open)" if undetermined else text
