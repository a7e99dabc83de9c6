"""An example session of every dataset with labels, events and decoded probability; units of all sessions."""

import matplotlib
import numpy as np
import pandas as pd

from digimus.figures.session_time import SessionTime
from digimus.figures.sessions import FREE, counted, datasets_of, main_split, titled
from digimus.figures.style import (
    GREY,
    INK,
    MINUTE,
    PALE,
    PRIOR,
    RECORDINGS,
    TINY,
    Page,
    legend_entry,
    model_colour,
    model_name,
    ordered_cells,
    panel_letters,
    region_colours,
    row_size,
    spread,
    wrap,
)

EXAMPLE = (
    "dataset", "session", "animal", "kind", "name", "region", "time_s", "stop_s", "value", "sample",
)  # fmt: skip
DECODED = ("benchmark", "session", "model", "prior", "split", "sample", "time_s", "class", "probability")
SESSIONS = (
    "file", "session", "animal", "status", "reason", "n_units", "regions", "n_units_left_out",
    "n_trials_dropped",
)  # fmt: skip
SHOWN_MODELS = ("digimus", "lstm", "logistic", "ridge")
MOST_TRACES = 30
MOST_REGIONS = 12
EVENT_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#882255", "#DDAA33")
RASTER_MM, PROBABILITY_MM, FRAME_MM = 34, 15, 19
STRIP_MM, LETTER_MM = 95, 1.2
"""How long the row of samples is, and a letter in it; near enough to tell whether names fit."""
NO_REGION = "no region"


def recordings(inputs):
    """Activity, samples, events and decoded probability of an example session; units of all sessions.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``recordings/*/example.csv``, ``recordings/*/sessions.csv`` and ``evaluation/decoded.csv``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    examples = inputs.by_source("recordings/*/example.csv", EXAMPLE)
    sessions = inputs.by_source("recordings/*/sessions.csv", SESSIONS)
    decoded = inputs.table("evaluation/decoded.csv", DECODED)
    datasets = list(dict.fromkeys([*sessions, *examples, *datasets_of(decoded)]))
    if not datasets:
        page = Page(40)
        for letter, axes in zip("ab", page.figure.subplots(1, 2), strict=True):
            page.panel(axes, letter, "recordings")
            page.not_available(axes, letter, "no dataset of recordings was read")
        return page.finish()
    decoded = _of_shown_models(decoded)
    parts = [_Part(name, examples.get(name), sessions.get(name), decoded) for name in datasets]
    heights = [part.height_mm for part in parts]
    page = Page(sum(heights) + 14)
    grid = page.figure.add_gridspec(len(parts), 2, width_ratios=[3.6, 1], height_ratios=heights)
    letters = iter(panel_letters(2 * len(parts)))
    for k, part in enumerate(parts):
        left, right = next(letters), next(letters)
        simulated = part.dataset in inputs.datasets
        _draw_example(page, grid[k, 0], left, part, simulated)
        _draw_sessions(page, grid[k, 1], right, part)
        if simulated:
            page.simulated([left, right], RECORDINGS, [part.dataset])
        page.simulated(left, PRIOR, sorted(inputs.simulated_priors(part.decoded)))
    cells = ordered_cells(decoded)
    if cells:
        handles = [legend_entry(model_colour(*cell), "", "-") for cell in cells]
        names = [f"decoded by {model_name(*cell)}" for cell in cells]
        page.figure.legend(handles, names, loc="outside lower center", ncols=3)
    return page.finish()


def _of_shown_models(decoded):
    """DigiMus with no and with its first prior, LSTM and the linear decoder: more lines hide each other."""
    decoded = decoded[decoded["model"].isin(SHOWN_MODELS)]
    priors = decoded.loc[decoded["prior"] != "none"].groupby("benchmark", sort=False)["prior"].first()
    first = decoded["benchmark"].map(priors)
    return decoded[(decoded["prior"] == "none") | (decoded["prior"] == first)]


class _Part:
    """One dataset: the example session by kind of row, its axis of time, and what was decoded of it."""

    def __init__(self, dataset, example, sessions, decoded):
        self.dataset, self.sessions = dataset, sessions
        example = example if example is not None else pd.DataFrame(columns=list(EXAMPLE))
        example = example.assign(name=example["name"].fillna("").astype(str))
        example["region"] = example["region"].fillna("").astype(str).replace("", NO_REGION)
        rows = {kind: example[example["kind"] == kind] for kind in ("sample", "trial", "event")}
        self.samples, self.trials, self.events = (
            rows[kind].sort_values("time_s", kind="stable") for kind in ("sample", "trial", "event")
        )
        self.samples = self.samples.dropna(subset=["time_s", "stop_s"])
        self.activity = example[example["kind"].isin(("spike", "trace"))]
        self.session = str(example["session"].iloc[0]) if len(example) else ""
        self.time = SessionTime(self.samples, self.trials) if len(self.samples) else None
        own = decoded[(decoded["benchmark"] == dataset) & (decoded["session"].astype(str) == self.session)]
        own = own[own["split"] == main_split(own)]
        self.decoded = own[own["sample"].isin(self.samples["sample"])]
        self.is_number = len(self.samples) > 0 and not self.samples["name"].any()
        ordered = self.samples.sort_values(["value", "name"], kind="stable")["name"]
        self.classes = [] if self.is_number else list(dict.fromkeys(ordered))
        self.event_names = list(dict.fromkeys(self.events["name"]))
        self.strip_mm = 3.6 * (1 + len(self.event_names))
        self.height_mm = self.strip_mm + RASTER_MM + PROBABILITY_MM + FRAME_MM
        self.counts = _units_by_region(sessions)


def _draw_example(page, where, letter, part, simulated):
    """Samples and events above, activity in the middle, what was decoded below."""
    if part.time is None or not len(part.activity):
        axes = page.figure.add_subplot(where)
        page.panel(axes, letter, titled(part.dataset, simulated))
        page.not_available(axes, letter, f"{part.dataset}: no session can be shown", 40)
        return
    heights = [part.strip_mm, RASTER_MM, PROBABILITY_MM]
    inner = where.subgridspec(3, 1, height_ratios=heights)
    strip, raster, below = (page.figure.add_subplot(inner[k]) for k in range(3))
    title = titled(part.dataset, simulated, f", session {part.session}")
    # A legend of long classes has a line of its own, between title and samples.
    crowded = not _names_fit(part) and len(title) + sum(map(len, part.classes)) > 62
    page.panel(strip, letter, wrap(title, 80), 13 if crowded else 5)
    _strip(page, strip, letter, part)
    _activity(page, raster, letter, part)
    _probability(page, below, letter, part)
    for axes in (strip, raster, below):
        part.time.dress(axes, gaps=axes is not below or len(part.decoded) > 0)
    places, labels = part.time.ticks()
    for axes in (strip, raster):
        axes.tick_params(axis="x", bottom=False, labelbottom=False)
    below.set_xticks(places, labels)
    more = " (grey: time between trials, left out)" if len(part.time.starts) > 1 else ""
    below.set_xlabel(f"time in the session (s){more}")


def _class_colours(part):
    """A shade for every class."""
    if len(part.classes) == 2:
        return dict(zip(part.classes, (PALE, "#555555"), strict=True))
    shades = matplotlib.colormaps["magma"](np.linspace(0.1, 0.8, len(part.classes)))
    return dict(zip(part.classes, map(tuple, shades), strict=True))


def _strip(page, axes, letter, part):
    """A bar for every sample with its class or target, and a row of ticks for every kind of event."""
    samples, time = part.samples, part.time
    left = time(samples["time_s"])
    width = (samples["stop_s"] - samples["time_s"]).to_numpy(float)
    if part.is_number:
        values = samples["value"].to_numpy(float)
        top = np.nanmax(np.abs(values)) or 1.0
        colours = [str(0.92 - 0.7 * abs(value) / top) for value in values]
    else:
        shades = _class_colours(part)
        colours = [shades[name] for name in samples["name"]]
    axes.bar(
        left, 0.8, width, bottom=-0.4, align="edge", color=colours, edgecolor="white", linewidth=0.3, zorder=2
    )
    kept = samples[["sample", "name", "time_s", "stop_s", "value"]]
    page.keep(letter, kept.assign(dataset=part.dataset, kind="sample", place=left))
    _class_names(axes, part, left, width)
    names = ["target" if part.is_number else "samples", *part.event_names]
    for y, name in enumerate(part.event_names, start=1):
        own = part.events[part.events["name"] == name]
        places = time(own["time_s"])
        seen = np.isfinite(places)
        colour = EVENT_COLOURS[(y - 1) % len(EVENT_COLOURS)]
        axes.vlines(places[seen], y - 0.4, y + 0.4, color=colour, linewidth=0.8)
        shown = own.loc[seen, ["name", "time_s"]].assign(place=places[seen])
        page.keep(letter, shown.assign(dataset=part.dataset, kind="event"))
    axes.set_yticks(range(len(names)), names, fontsize=TINY)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set_visible(False)


def _names_fit(part):
    """Whether the names of the classes fit into the bars of the samples; there may be none."""
    width = (part.samples["stop_s"] - part.samples["time_s"]).median()
    longest = max(map(len, part.classes), default=0)
    return longest * LETTER_MM <= STRIP_MM * width / part.time.end


def _class_names(axes, part, left, width):
    """Classes in their bars where they fit, and else as a legend."""
    if part.is_number:
        return
    shades = _class_colours(part)
    if _names_fit(part):
        for place, long, name in zip(left, width, part.samples["name"], strict=True):
            colour = "white" if name != part.classes[0] or len(part.classes) > 2 else INK
            axes.text(place + long / 2, 0, name, ha="center", va="center", fontsize=MINUTE, color=colour)
        return
    handles = [legend_entry(shades[name], "s", size=4) for name in part.classes]
    axes.legend(
        handles, part.classes, loc="lower right", bbox_to_anchor=(1, 1), ncols=8, fontsize=MINUTE,
        handletextpad=0.1, columnspacing=0.7,
    )  # fmt: skip


def _activity(page, axes, letter, part):
    """Spikes or traces, a row a unit, units of a region together."""
    activity = part.activity
    units = activity[["name", "region"]].drop_duplicates()
    traces = bool((activity["kind"] == "trace").any())
    if traces and len(units) > MOST_TRACES:
        units = units.sort_values("region", kind="stable")
        units = units.iloc[np.linspace(0, len(units) - 1, MOST_TRACES).round().astype(int)]
    n_all = len(activity[["name", "region"]].drop_duplicates())
    units = units.sort_values("region", kind="stable").reset_index(drop=True)
    row_of = {key: k for k, key in enumerate(units.itertuples(index=False, name=None))}
    colours = region_colours(dict.fromkeys(units["region"]))
    keys = pd.Series(list(zip(activity["name"], activity["region"], strict=True)), index=activity.index)
    activity = activity.assign(row=keys.map(row_of), place=part.time(activity["time_s"]))
    activity = activity[activity["row"].notna() & activity["place"].notna()]
    for region, own in activity.groupby("region", sort=True):
        if traces:
            _traces(axes, own, part.time, colours[region])
        else:
            axes.vlines(
                own["place"], own["row"] - 0.42, own["row"] + 0.42, color=colours[region], linewidth=0.5
            )
    kept = activity[["kind", "name", "region", "time_s", "place", "row", "value"]]
    page.keep(letter, kept.assign(dataset=part.dataset))
    _region_bars(axes, units, colours)
    axes.set_ylim(len(units) - 0.4, -0.6)
    what = "traces" if traces else "units"
    some = f"{len(units)} of {n_all} {what}" if len(units) < n_all else f"{n_all} {what}"
    axes.annotate(
        some, (1, 0.5), xycoords="axes fraction", xytext=(3, 0), textcoords="offset points", rotation=90,
        va="center", fontsize=TINY, color="#666666",
    )  # fmt: skip
    axes.spines[:].set_visible(False)


def _traces(axes, own, time, colour):
    """Every trace about its row, from its 2nd to its 98th percentile over one row and a half."""
    for row, trace in own.groupby("row"):
        trace = trace.sort_values("time_s")
        values = trace["value"].to_numpy(float)
        low, high = np.nanpercentile(values, [2, 98]) if np.isfinite(values).any() else (0.0, 1.0)
        height = row + 0.5 - 1.5 * np.clip((values - low) / max(high - low, 1e-12), -0.3, 1.3)
        places = trace["place"].to_numpy(float)
        breaks = np.flatnonzero(np.diff(time.piece(trace["time_s"]))) + 1
        axes.plot(
            np.insert(places, breaks, np.nan), np.insert(height, breaks, np.nan), "-", color=colour,
            linewidth=0.45,
        )  # fmt: skip


def _region_bars(axes, units, colours):
    """A bar of the region's colour along its units, with its name beside it."""
    spans = units.reset_index().groupby("region", sort=True)["index"].agg(["min", "max"])
    centres = spans.mean(axis=1).to_numpy()
    small = RASTER_MM / max(len(units), 1)
    apart = _apart(centres, 2.3 / small, -0.5, len(units) - 0.5)
    for region, span in spans.iterrows():
        axes.plot(
            [-0.008] * 2, [span["min"] - 0.4, span["max"] + 0.4], color=colours[region], linewidth=2.5,
            transform=axes.get_yaxis_transform(), clip_on=False, solid_capstyle="butt",
        )  # fmt: skip
    axes.set_yticks(apart, [str(region)[:16] for region in spans.index], fontsize=TINY)
    for label, region in zip(axes.get_yticklabels(), spans.index, strict=True):
        label.set_color(colours[region])
    axes.tick_params(axis="y", length=0, pad=6)
    axes.tick_params(axis="x", length=0)


def _apart(centres, least, low, high):
    """Places near the centres (sorted) with `least` between them, within the ends where there is room."""
    places = np.array(centres, float)
    least = min(least, (high - low) / max(len(places), 1))
    for k in range(1, len(places)):
        places[k] = max(places[k], places[k - 1] + least)
    overhang = places[-1] - (high - least / 2)
    if overhang > 0:
        places[-1] -= overhang
        for k in range(len(places) - 2, -1, -1):
            places[k] = min(places[k], places[k + 1] - least)
    return places


def _probability(page, axes, letter, part):
    """What each decoder says at the end of every bin, from activity up to then within the sample."""
    rows = part.decoded
    if not len(rows):
        page.not_available(axes, letter, "no decoder was trained on this session", 60)
        return
    truth = part.samples.set_index("sample")["name"]
    told = sorted(set(rows["class"].fillna("").astype(str)))
    if part.is_number:
        label = "prediction"
        _targets(axes, part)
    elif len(told) == 1:
        label = f"p({told[0]})" if len(told[0]) <= 12 else "p(second class)"
        _shade(axes, part, told[0])
        axes.axhline(0.5, color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
    else:
        rows = rows[rows["class"].astype(str) == rows["sample"].map(truth)]
        label = "p(true class)"
        axes.axhline(1 / len(told), color=GREY, linewidth=0.7, linestyle=(0, (3, 2)))
    rows = rows.assign(place=part.time(rows["time_s"]))
    for cell in ordered_cells(rows):
        own = rows[(rows["model"] == cell[0]) & (rows["prior"] == cell[1])].sort_values(["sample", "time_s"])
        breaks = np.flatnonzero(np.diff(own["sample"].to_numpy(float))) + 1
        x, y = own["place"].to_numpy(float), own["probability"].to_numpy(float)
        one_bin = not (own["sample"].value_counts() > 1).any()
        axes.plot(
            np.insert(x, breaks, np.nan), np.insert(y, breaks, np.nan), "." if one_bin else "-",
            color=model_colour(*cell), linewidth=0.9 if cell != FREE else 1.8, markersize=2.5,
        )  # fmt: skip
    page.keep(letter, rows[["model", "prior", "split", "sample", "time_s", "place", "class", "probability"]]
              .assign(dataset=part.dataset, kind="decoded"))  # fmt: skip
    if not part.is_number:
        axes.set_ylim(-0.04, 1.04)
        axes.set_yticks([0, 0.5, 1], ["0", "", "1"])
    axes.set_ylabel(wrap(label, 14), fontsize=TINY)


def _shade(axes, part, told):
    """A pale ground under the samples that are truly of the class whose probability is drawn."""
    for sample in part.samples[part.samples["name"] == told].itertuples():
        start, stop = part.time([sample.time_s, sample.stop_s])
        axes.axvspan(start, stop, color="#D6E3EC", linewidth=0, zorder=0)


def _targets(axes, part):
    """The true target of every sample as a bar."""
    start, stop = part.time(part.samples["time_s"]), part.time(part.samples["stop_s"])
    axes.hlines(part.samples["value"].to_numpy(float), start, stop, color=INK, linewidth=1.4)


def _units_by_region(sessions):
    """session, region and n_units of every used session, from a table of sessions."""
    columns = ["session", "region", "n_units"]
    if sessions is None or not len(sessions):
        return pd.DataFrame(columns=columns)
    used = sessions[sessions["status"] == "used"]
    rows = [
        (session, name or NO_REGION, int(n))
        for session, regions in zip(used["session"], used["regions"].fillna("").astype(str), strict=True)
        for name, n in (entry.strip().rsplit(":", 1) for entry in regions.split(";") if ":" in entry)
    ]
    return pd.DataFrame(rows, columns=columns)


def _draw_sessions(page, where, letter, part):
    """How many units of each region every used session has, and what was set aside and why."""
    counts = part.counts
    n_rows = min(counts["region"].nunique(), MOST_REGIONS)
    tall = min(part.height_mm - 1, 24 + 5 * n_rows) if n_rows else part.height_mm - 1
    inner = where.subgridspec(2, 1, height_ratios=[tall, part.height_mm - tall])
    axes = page.figure.add_subplot(inner[0])
    page.panel(axes, letter, "units by region")
    table = part.sessions
    if table is None or not len(table):
        page.not_available(axes, letter, f"{part.dataset}: no session was read", 16)
        return
    used = table[table["status"] == "used"]
    page.keep(letter, table[list(SESSIONS)].assign(dataset=part.dataset, kind="session"))
    aside = table[table["status"] != "used"]["reason"].fillna("no reason").astype(str)
    lines = [
        f"{counted(len(used), 'session')}, {counted(used['animal'].nunique(), 'animal')}",
        *(wrap(line, 30) for line in _reasons(aside)),
        *_left_out(used),
    ]
    if not len(counts):
        page.not_available(axes, letter, "; ".join(lines) if len(aside) else "no units", 20)
        return
    regions = counts.groupby("region")["n_units"].sum().sort_values(ascending=False, kind="stable")
    shown = sorted(regions.index[:MOST_REGIONS])
    colours = region_colours(sorted(regions.index))
    n_sessions = []
    for y, region in enumerate(shown):
        n = counts.loc[counts["region"] == region, "n_units"]
        n_sessions.append(len(n))
        axes.plot(n, y + spread(len(n), 0.4), "o", color=colours[region], markersize=2.6, alpha=0.8)
    page.keep(letter, counts.assign(dataset=part.dataset, kind="units"))
    size = TINY if len(shown) <= 12 else row_size(len(shown))[1]
    names = [f"{region[:14]} ({n})" for region, n in zip(shown, n_sessions, strict=True)]
    axes.set_yticks(range(len(shown)), names, fontsize=size)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(0, 1.08 * counts["n_units"].max())
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4, integer=True)
    if len(regions) > MOST_REGIONS:
        lines.insert(1, f"{len(regions) - MOST_REGIONS} further regions not drawn")
    axes.set_xlabel("units of a session (a point)\n" + "\n".join(lines), fontsize=TINY, loc="right")


def _left_out(used):
    """Units and trials of the used sessions that were left out, in words."""
    lines = []
    for column, what, how in (
        ("n_units_left_out", "unit", "left out"),
        ("n_trials_dropped", "trial", "dropped"),
    ):
        n = int(used[column].fillna(0).sum())
        lines += [f"{counted(n, what)} {how}"] if n else []
    return lines


def _reasons(aside, most=1):
    """The commonest reason for setting files aside, in short, and how many there are."""
    if not len(aside):
        return ["none set aside"]
    first = aside.value_counts().index[0].split(". ")[0].rstrip(".")
    first = first if len(first) <= 48 else first[:47] + "…"
    return [f"{len(aside)} set aside: {first}{' …' if aside.nunique() > most else ''}"]
