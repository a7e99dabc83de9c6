"""How well every model decodes held-out samples of each session, and what the prior adds."""

import numpy as np
import pandas as pd

from digimus.figures.intervals import nested_interval
from digimus.figures.sessions import (
    METRICS,
    counted,
    datasets_of,
    main_metric,
    main_split,
    of_cell,
    seed_means,
    titled,
)
from digimus.figures.style import (
    GREY,
    INK,
    MINUTE,
    PALE,
    PRIOR,
    RECORDINGS,
    TINY,
    Page,
    cell_markers,
    legend_entry,
    minus,
    model_colour,
    model_name,
    ordered_cells,
    panel_letters,
    row_size,
    spread,
    wrap,
)

SCORES = (
    "benchmark", "animal", "session", "model", "prior", "seed", "split", "fold", "metric", "value",
)  # fmt: skip
NULLS = ("benchmark", "session", "animal", "model", "split", "null", "null_95", "chance", "best_accuracy")
COMPARISONS = (
    "benchmark", "split", "metric", "model", "prior", "against_model", "against_prior", "role", "n_sessions",
    "n_animals", "effect", "ci_low", "ci_high", "ci90_low", "ci90_high", "p_corrected", "equivalence_bound",
    "verdict",
)  # fmt: skip
KNOWN = ("benchmark", "session", "model", "prior", "split", "difference", "within", "passes", "best_decoder")
ROLES = ("prior", "control", "baseline", "reference", "clock")
VERDICTS = {"better": "#0B6E4F", "worse": "#882255", "equivalent": "#0072B2", "undetermined": "#777777"}
NULL_COLOURS = {"labels": INK, "pseudo-session": "#B8860B"}
SPLIT_MARKERS = {"blocked": "o", "interleaved": "D", "sessions": "s"}
BEST, CHOSEN = "best possible", "chosen"
FEWEST_ROWS = 6


def decoding(inputs):
    """Every model by session, its means under each split, and paired differences with their verdicts.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``scores.csv``, ``nulls.csv``, ``decoding.csv`` and ``known_best.csv`` of ``evaluation/``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    scores = inputs.table("evaluation/scores.csv", SCORES)
    scores = scores[scores["fold"].astype(str) == "all"]
    nulls = inputs.table("evaluation/nulls.csv", NULLS)
    comparisons = inputs.table("evaluation/decoding.csv", COMPARISONS)
    known = inputs.table("evaluation/known_best.csv", KNOWN)
    datasets = datasets_of(scores, nulls)
    if not datasets:
        page = Page(40)
        for letter, axes in zip("ab", page.figure.subplots(1, 2), strict=True):
            page.panel(axes, letter, "decoding")
            page.not_available(axes, letter, "no dataset was decoded")
        return page.finish()
    markers = cell_markers(ordered_cells(scores))
    parts = [_Part(name, scores, nulls, comparisons, known) for name in datasets]
    n_columns = 3 if any(len(part.splits) > 1 for part in parts) else 2
    heights = [part.height_mm for part in parts]
    page = Page(sum(heights) + 14)
    widths = [2.1, 1, 1.3] if n_columns == 3 else [2.1, 1.3]
    grid = page.figure.subplots(
        len(parts), n_columns, squeeze=False, gridspec_kw=dict(width_ratios=widths, height_ratios=heights)
    )
    letters = iter(panel_letters(n_columns * len(parts)))
    for part, row in zip(parts, grid, strict=True):
        named = [next(letters) for _ in row]
        simulated = part.dataset in inputs.datasets
        page.panel(row[0], named[0], titled(part.dataset, simulated, f", {part.split} folds"))
        page.panel(row[-1], named[-1], "paired differences")
        _points(page, row[0], named[0], part, markers)
        if n_columns == 3:
            page.panel(row[1], named[1], "by split")
            _splits(page, row[1], named[1], part)
        _effects(page, row[-1], named[-1], part, markers)
        if simulated:
            page.simulated(named, RECORDINGS, [part.dataset])
        page.simulated(named, PRIOR, sorted(inputs.simulated_priors(part.scores)))
    _legend(page, parts)
    return page.finish()


class _Part:
    """The rows of one dataset: its main metric and split, its cells in order, and what is compared."""

    def __init__(self, dataset, scores, nulls, comparisons, known):
        self.dataset = dataset
        self.metric, rows = main_metric(scores[scores["benchmark"] == dataset])
        self.all_splits, self.split = rows, main_split(rows)
        self.splits = [s for s in SPLIT_MARKERS if s in set(rows["split"])]
        self.scores = rows[rows["split"] == self.split]
        self.nulls = nulls[(nulls["benchmark"] == dataset) & (nulls["split"] == self.split)]
        self.cells = ordered_cells(self.scores)
        means = seed_means(self.scores).reset_index()
        self.wide = means.pivot(index=["animal", "session"], columns=["model", "prior"], values="value")
        best = self.nulls.groupby(["animal", "session"])["best_accuracy"].first().dropna()
        self.best = best.astype(float) if self.metric != "r2" else best.iloc[:0]
        of_it = known[(known["benchmark"] == dataset) & (known["split"] == self.split)]
        of_it = of_it[of_it["session"].astype(str) == "all"]
        self.known = of_it[of_it["best_decoder"].astype(str).eq("True") | (of_it["model"] == CHOSEN)]
        own = comparisons[(comparisons["benchmark"] == dataset) & (comparisons["split"] == self.split)]
        self.comparisons = _shown(own[own["metric"] == self.metric])
        self.n_rows = len(self.cells) + (len(self.best) > 0)
        tall, _ = row_size(max(self.n_rows, len(self.comparisons)))
        self.height_mm = (
            15
            + (8 if len(self.splits) > 1 else 5) * (len(self.known) > 0)
            + tall * max(self.n_rows, len(self.comparisons), FEWEST_ROWS)
        )


def _shown(table):
    """Comparisons that are drawn: every prior's and control's; the rest of one DigiMus network alone.

    That is the one with the first prior, or the structure-free one where there is no prior.
    """
    ours = table[table["model"] == "digimus"]
    priors = ours.loc[ours["role"] == "prior", "prior"]
    first = priors.iloc[0] if len(priors) else "none"
    chosen = ours[ours["role"].isin(ROLES[:2]) | (ours["role"].isin(ROLES[2:]) & (ours["prior"] == first))]
    return chosen.assign(place=chosen["role"].map(ROLES.index)).sort_values("place", kind="stable")


def _points(page, axes, letter, part, markers):
    """Sessions as lines across models (a row each), each model's mean and interval below its points."""
    if not part.cells:
        page.not_available(axes, letter, f"{part.dataset}: no session was decoded")
        return
    wide, cells, dataset = part.wide, part.cells, part.dataset
    columns = [wide[cell] for cell in cells]
    if len(part.best):
        columns.append(part.best.reindex(wide.index))
    offsets = spread(len(wide), 0.3) - 0.15
    for row, offset in zip(np.array(columns).T, offsets, strict=True):
        axes.plot(row, np.arange(len(row)) + offset, "-", color=PALE, linewidth=0.5, zorder=1)
    values = wide.stack(list(wide.columns.names), future_stack=True).dropna().rename("value").reset_index()
    page.keep(letter, values.assign(dataset=dataset, metric=part.metric, split=part.split, mark="session"))
    rng = np.random.default_rng(0)
    for y, cell in enumerate(cells):
        colour, marker = model_colour(*cell), markers[cell]
        axes.plot(wide[cell], y + offsets, marker, color=colour, markersize=2.2, alpha=0.75, zorder=2)
        mean, low, high = nested_interval(of_cell(part.scores, *cell), "value", rng)
        axes.hlines(y + 0.26, low, high, color=colour, linewidth=1.1)
        axes.plot(mean, y + 0.26, marker, color=colour, markersize=3.8)
        interval = dict(dataset=dataset, model=cell[0], prior=cell[1], value=mean, low=low, high=high)
        page.keep(letter, pd.DataFrame([interval | dict(mark="mean", n_sessions=wide[cell].notna().sum())]))
    if len(part.best):
        axes.plot(columns[-1], len(cells) + offsets, "*", color=INK, markersize=3.2, zorder=2)
        known = part.best.rename("value").reset_index()
        page.keep(letter, known.assign(dataset=dataset, mark=BEST))
    _null_marks(page, axes, letter, part, offsets)
    _rows(axes, part, labels=True)
    n_animals = len(set(wide.index.get_level_values("animal")))
    count = f"{counted(len(wide), 'session')}, {counted(n_animals, 'animal')}"
    axes.set_xlabel(f"{METRICS[part.metric]} ({count}){_reached(page, letter, part)}")


def _rows(axes, part, labels):
    """A row for every model, with its name."""
    names = [model_name(*cell).removeprefix("DigiMus, ") for cell in part.cells]
    known = [int(part.wide[cell].notna().sum()) for cell in part.cells]
    short = [
        f"{name} (n = {n})" if n < len(part.wide) else name for name, n in zip(names, known, strict=True)
    ]
    short += [BEST] * (len(part.best) > 0)
    size = min(row_size(part.n_rows)[1], TINY)
    axes.set_yticks(range(part.n_rows), [wrap(name, 24) for name in short] if labels else [], fontsize=size)
    axes.set_ylim(max(part.n_rows, 3) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=5)


def _reached(page, letter, part):
    """The best decoder, and how far the one chosen on other sessions is from the best possible, in words."""
    known = part.known
    best, chosen = known[known["model"] != CHOSEN], known[known["model"] == CHOSEN]
    if not len(best):
        return ""
    page.keep(letter, known[list(KNOWN[1:])].assign(dataset=part.dataset, mark="best decoder"))
    row = (chosen if len(chosen) else best).iloc[0]
    points = minus(f"{100 * row['difference']:+.1f}")
    within = "within" if str(row["within"]) == "True" else "not within"
    passes = ", and passes it" if str(row["passes"]) == "True" else ""
    name = _short(*best.iloc[0][["model", "prior"]])
    how = ", chosen on the other sessions" if len(chosen) else ""
    text = f"{points} points from the best possible ({within} 3{passes})"
    width = 46 if len(part.splits) > 1 else 64
    return "\n" + wrap(f"best decoder ({name}{how}): {text}", width)


def _null_marks(page, axes, letter, part, offsets):
    """Chance, and where 95 % of decoders of shuffled labels stay below, session by session."""
    chances = part.nulls["chance"].dropna().unique()
    for chance in chances if part.metric != "r2" else [0.0]:
        axes.axvline(chance, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
        page.keep(letter, pd.DataFrame([dict(dataset=part.dataset, mark="chance", value=chance)]))
    sessions = part.wide.index
    for y, cell in enumerate(part.cells):
        rows = part.nulls[(part.nulls["model"] == cell[0]) & (cell[1] == "none")]
        for null, own in rows.groupby("null", sort=True):
            line = own.groupby(["animal", "session"])["null_95"].mean().reindex(sessions).astype(float)
            if not line.notna().any():
                continue
            style = dict(color=NULL_COLOURS.get(null, GREY), markersize=3, markeredgewidth=0.7)
            axes.plot(line, y + offsets, "|", zorder=3, **style)
            shown = line.rename("value").reset_index().dropna(subset="value")
            shown = shown.assign(dataset=part.dataset, model=cell[0], prior="none", null=null)
            page.keep(letter, shown.assign(mark="95 % of the null"))


def _splits(page, axes, letter, part):
    """Means with intervals of every model under each split, in the rows of the panel beside it."""
    if len(part.splits) < 2:
        page.not_available(axes, letter, f"{part.dataset}: one split alone", 16)
        return
    rng = np.random.default_rng(0)
    rows = []
    places = dict(zip(part.splits, spread(len(part.splits), 0.5), strict=True))
    for y, cell in enumerate(part.cells):
        own = of_cell(part.all_splits, *cell)
        for split, offset in places.items():
            mean, low, high = nested_interval(own[own["split"] == split], "value", rng)
            colour = model_colour(*cell)
            axes.hlines(y + offset, low, high, color=colour, linewidth=0.8)
            axes.plot(
                mean, y + offset, SPLIT_MARKERS[split], color=colour, markersize=2.8, markeredgewidth=0.7,
                markerfacecolor=colour if split == part.split else "white",
            )  # fmt: skip
            rows.append(dict(model=cell[0], prior=cell[1], split=split, value=mean, low=low, high=high))
    page.keep(letter, pd.DataFrame(rows).assign(dataset=part.dataset, mark="mean by split"))
    chance = 0.0 if part.metric == "r2" else part.nulls["chance"].dropna().min()
    if np.isfinite(chance):
        axes.axvline(chance, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=0)
    _rows(axes, part, labels=False)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel(METRICS[part.metric])


def _effects(page, axes, letter, part, markers):
    """Differences over sessions: points, 95 % interval (thick: 90 %), bound of equivalence, verdict."""
    table, dataset = part.comparisons, part.dataset
    if not len(table):
        reason = f"{dataset}: nothing was compared with a DigiMus network"
        page.not_available(axes, letter, reason, 24)
        return
    bound = float(table["equivalence_bound"].astype(float).max())
    if np.isfinite(bound):
        axes.axvspan(-bound, bound, color="#E9EEF3", linewidth=0, zorder=0)
    axes.axvline(0, color=GREY, linewidth=0.7, zorder=0)
    names = []
    for y, row in enumerate(table.to_dict("records")):
        one, other = (row["model"], row["prior"]), (row["against_model"], row["against_prior"])
        names.append(f"{_short(*one)} − {_short(*other)}")
        colour, marker = model_colour(*one), markers.get(one, "o")
        _session_points(page, axes, letter, part, one, other, y, colour, marker)
        axes.hlines(y + 0.22, row["ci_low"], row["ci_high"], color=colour, linewidth=0.8)
        axes.hlines(y + 0.22, row["ci90_low"], row["ci90_high"], color=colour, linewidth=1.8)
        axes.plot(row["effect"], y + 0.22, marker, color=colour, markersize=3.4)
        axes.annotate(
            f"{row['n_sessions']}  {row['verdict']}", (1, y), xycoords=("axes fraction", "data"),
            xytext=(2, 0), textcoords="offset points", va="center", fontsize=MINUTE,
            color=VERDICTS.get(row["verdict"], INK), annotation_clip=False,
        )  # fmt: skip
    page.keep(letter, table[list(COMPARISONS[1:])].assign(dataset=dataset, mark="difference of means"))
    size = MINUTE if max(map(len, names)) > 22 or len(names) > 12 else TINY
    axes.set_yticks(range(len(names)), [wrap(name, 30) for name in names], fontsize=size)
    axes.set_ylim(max(len(names), 3) - 0.4, -0.6)
    _set_off_priors(axes, table)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    axes.margins(x=0.08)
    what = {"r2": "R²"}.get(part.metric, "balanced accuracy")
    axes.set_xlabel(f"difference in {what}")
    axes.annotate(
        "n  verdict", (1, 1), xycoords="axes fraction", xytext=(2, 1), textcoords="offset points",
        va="bottom", fontsize=MINUTE, color="#666666", annotation_clip=False,
    )  # fmt: skip


def _set_off_priors(axes, table):
    """Bold names for what the priors add, and a line below them."""
    is_prior = (table["role"] == "prior").to_numpy()
    for text, bold in zip(axes.get_yticklabels(), is_prior, strict=True):
        text.set_fontweight("bold" if bold else "normal")
    if is_prior.any() and not is_prior.all():
        axes.axhline(is_prior.sum() - 0.42, color=PALE, linewidth=0.6, zorder=0)


def _session_points(page, axes, letter, part, one, other, y, colour, marker):
    if one not in part.wide or other not in part.wide:
        return
    gains = (part.wide[one] - part.wide[other]).dropna()
    axes.plot(
        gains, y - 0.15 + spread(len(gains), 0.3), marker, color=colour, markersize=1.9, alpha=0.6,
        markeredgewidth=0,
    )  # fmt: skip
    pair = dict(model=one[0], prior=one[1], against_model=other[0], against_prior=other[1])
    page.keep(
        letter, gains.rename("value").reset_index().assign(dataset=part.dataset, mark="difference", **pair)
    )


def _short(model, prior):
    """A network's name where space is short: DigiMus goes by its prior."""
    return prior if model == "digimus" and prior != "none" else model_name(model, prior)


def _legend(page, parts):
    shown = pd.concat([part.nulls for part in parts])
    handles = {
        "session, seeds averaged (large: mean, 95 % interval)": legend_entry(INK),
        "chance, or no better than the mean": legend_entry(GREY, "", (0, (3, 2))),
    }
    for null, name in (("labels", "95 % of shuffled labels"), ("pseudo-session", "95 % of pseudo-sessions")):
        if shown.loc[shown["null"] == null, "null_95"].notna().any():
            handles[name] = legend_entry(NULL_COLOURS[null], "|", size=5)
    if any(len(part.best) for part in parts):
        handles["best possible accuracy (simulated)"] = legend_entry(INK, "*", size=5)
    splits = list(dict.fromkeys(split for part in parts if len(part.splits) > 1 for split in part.splits))
    for split in splits:
        handles[f"split: {split}"] = legend_entry(INK, SPLIT_MARKERS[split], filled=split == "blocked")
    if any(len(part.comparisons) for part in parts):
        handles["bound of equivalence"] = legend_entry("#D3DCE5", "s", size=6)
    page.figure.legend(handles.values(), handles, loc="outside lower center", ncols=3, fontsize=TINY)
