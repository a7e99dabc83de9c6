"""Which neurons were met and used, what was left out and why, how long they are and where they project."""

import numpy as np
import pandas as pd
from matplotlib.colors import PowerNorm

from digimus.figures.style import (
    GREY,
    INK,
    NEURONS,
    TINY,
    Page,
    ink_on,
    legend_entry,
    region_labels,
    round_ticks,
    row_size,
    wrap,
)

CELLS = ("source", "region", "axon_length_um", "dendrite_length_um")
QUALITY = ("source", "region", "outcome", "n_neurons")
CHECKS = ("source", "check", "declared", "found", "verdict", "basis", "detail")
PROJECTIONS = ("source", "region", "target", "n_neurons", "axon_length_um", "share")
USED = {"used": "#4F6D7A", "used without dendrite": "#8FB0BC", "used without axon": "#C5D8DE"}
LEFT_OUT = ("#D55E00", "#E69F00", "#882255", "#CC6677", "#999933", "#AA4499", "#661100", "#DDAA33")
OTHER = "other region"
CHECK_VERDICTS = {
    "agrees": ("#0B6E4F", "o"),
    "differs": ("#882255", "s"),
    "undecided": ("#777777", "D"),
    "not checked": ("#AAAAAA", "_"),
}
MOST_ROWS = 60
NUMBERS_FIT = 14


def neurons(inputs):
    """Neurons by region and outcome, their lengths, what was left out, projections and source checks.

    Parameters
    ----------
    inputs : digimus.figures.Inputs
        Tables ``neurons.csv``, ``quality.csv``, ``projections.csv`` and ``checks.csv`` of
        ``morphology/*/``.

    Returns
    -------
    (matplotlib.figure.Figure, pandas.DataFrame)
    """
    quality = inputs.table("morphology/*/quality.csv", QUALITY)
    cells = inputs.table("morphology/*/neurons.csv", CELLS)
    projections = inputs.table("morphology/*/projections.csv", PROJECTIONS)
    checks = inputs.table("morphology/*/checks.csv", CHECKS)
    sources = sorted({*quality["source"], *cells["source"], *projections["source"]})
    quality = quality.assign(region=quality["region"].fillna("").astype(str))
    tables = [t.assign(label=region_labels(t, sources=sources)) for t in (quality, cells, projections)]
    quality, cells, projections = tables
    kept = quality[quality["outcome"].astype(str).str.startswith("used")]
    labels = _in_order_of_targets(kept, projections)
    hidden = labels[MOST_ROWS:]
    labels = labels[:MOST_ROWS]
    lines = _check_lines(checks)
    sets = _in_order_of_targets(projections, projections)

    tall, size = row_size(len(labels))
    top = 27 + max(18, tall * len(labels))
    left_out = _left_out_rows(quality)
    longest = projections["target"].astype(str).str.len().max() if len(projections) else 0
    deep = max(row_size(len(sets))[0] * len(sets) + 16 + 1.2 * longest, 4.2 * len(left_out) + 16, 36)
    heights = [top, deep, 15 + 2.7 * sum(len(line["detail"]) for line in lines) + 1.6 * len(lines)]
    page = Page(sum(heights))
    parts = page.figure.subfigures(3, 1, height_ratios=heights)
    a, b, c = parts[0].subplots(1, 3, sharey=True, width_ratios=[1.5, 1, 1])
    _regions(page, parts[0], a, quality, labels, hidden)
    _lengths(page, b, "b", cells, labels, "axon")
    _lengths(page, c, "c", cells, labels, "dendrite")
    if labels:
        a.set_yticks(range(len(labels)), labels, fontsize=size)
        a.set_ylim(len(labels) - 0.5, -0.5)
    own = min(4.6 * max(len(left_out), 3) + 18, deep)
    cells_of = parts[1].add_gridspec(2, 2, width_ratios=[1, 1.7], height_ratios=[own, max(deep - own, 0.01)])
    d, e = parts[1].add_subplot(cells_of[0, 0]), parts[1].add_subplot(cells_of[:, 1])
    _left_out(page, d, quality, left_out)
    _projections(page, parts[1], e, projections, sets)
    _checks(page, parts[2].subplots(), checks, lines)
    page.simulated("bc", NEURONS, sorted(inputs.simulated_sources(cells)))
    page.simulated("ad", NEURONS, sorted(inputs.simulated_sources(quality)))
    page.simulated("e", NEURONS, sorted(inputs.simulated_sources(projections)))
    page.simulated("f", NEURONS, sorted(inputs.simulated_sources(checks)))
    return page.finish()


def _in_order_of_targets(rows, projections):
    """Labels of rows; sources as they come, and within one regions in the order of the targets."""
    order = {target: k for k, target in enumerate(dict.fromkeys(projections["target"].astype(str)))}
    place = rows["region"].astype(str).map(lambda region: order.get(region, len(order))).astype(float)
    source = rows["source"].map({name: k for k, name in enumerate(dict.fromkeys(rows["source"]))})
    ranked = rows.assign(source_place=source, place=place).sort_values(
        ["source_place", "place"], kind="stable"
    )
    return list(dict.fromkeys(ranked["label"]))


def _colours(outcomes):
    """A colour for every outcome, the same for a reason in every panel."""
    others = sorted({*outcomes} - {*USED, OTHER})
    colours = {name: LEFT_OUT[k % len(LEFT_OUT)] for k, name in enumerate(others)}
    return USED | colours | {OTHER: "#BDBDBD"}


def _regions(page, part, axes, quality, labels, hidden):
    """Bars of neurons by region, stacked by outcome."""
    page.panel(axes, "a", "neurons of each region")
    if not labels:
        page.not_available(axes, "a", "no neuron of a wanted region was read")
        return
    here = quality[quality["label"].isin([*labels, *hidden]) & (quality["outcome"] != OTHER)]
    page.keep("a", here[["source", "region", "outcome", "n_neurons"]])
    colours = _colours(quality["outcome"])
    counts = here.pivot_table(index="label", columns="outcome", values="n_neurons", aggfunc="sum")
    counts = counts.reindex(index=labels, columns=[k for k in colours if k in counts.columns]).fillna(0)
    left = np.zeros(len(labels))
    for outcome, n in counts.items():
        axes.barh(range(len(labels)), n, left=left, color=colours[outcome], height=0.72, linewidth=0)
        left += n.to_numpy()
    for y, n in enumerate(left):
        axes.annotate(
            f"{n:.0f}", (n, y), xytext=(3, 0), textcoords="offset points", va="center",
            fontsize=row_size(len(labels))[1], color="#555555",
        )  # fmt: skip
    axes.set_xlim(0, 1.16 * max(left.max(), 1))
    more = f", {len(hidden)} further regions not drawn" if hidden else ""
    axes.set_xlabel(f"number of neurons{more}")
    axes.tick_params(axis="y", length=0)
    handles = [legend_entry(colours[name], "s", size=5) for name in counts.columns]
    part.legend(handles, list(counts.columns), loc="outside lower left", ncols=4)


def _lengths(page, axes, letter, cells, labels, name):
    """Median, quartiles and the central nine tenths of a length, by region."""
    page.panel(axes, letter, f"{name} length")
    column = f"{name}_length_um"
    here = cells[cells["label"].isin(labels) & (cells[column] > 0)]
    if not len(here):
        page.not_available(axes, letter, f"no neuron of a wanted region has a measured {name}", 22)
        return
    groups = here.groupby("label", sort=False)[column]
    table = groups.quantile([0.05, 0.25, 0.5, 0.75, 0.95]).unstack() / 1000
    table.columns = [f"{name}_mm_{part}" for part in ("p05", "p25", "median", "p75", "p95")]
    where = here.groupby("label", sort=False)[["source", "region"]].first()
    table = where.join(groups.size().rename("n_neurons")).join(table)
    page.keep(letter, table)
    for label, row in table.iterrows():
        y, (low, first, middle, third, high) = labels.index(label), row.iloc[3:]
        axes.plot([low, high], [y, y], "-", color=GREY, linewidth=0.7, solid_capstyle="butt")
        axes.plot([first, third], [y, y], "-", color=GREY, linewidth=2.4, solid_capstyle="butt")
        axes.plot([middle], [y], "o", color=INK, markersize=3 if len(labels) <= 26 else 2)
    _without(axes, cells, labels, table.index, name)
    _log_lengths(axes, table.iloc[:, 3:].to_numpy(float))
    axes.set_xlabel(f"{name} length (mm)")
    axes.grid(axis="y", color="#EEEEEE", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0, labelleft=False)


def _without(axes, cells, labels, shown, name):
    """Say which regions have no neuron with a length, where they have neurons."""
    for y, label in enumerate(labels):
        if label not in shown and (cells["label"] == label).any():
            axes.text(
                0.5, y, f"no {name}", transform=axes.get_yaxis_transform(), ha="center", va="center",
                fontsize=min(TINY, row_size(len(labels))[1]), color="#777777",
            )  # fmt: skip


def _log_lengths(axes, values):
    """A logarithmic axis of few round numbers."""
    low, high = values.min() / 1.25, values.max() * 1.25
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = round_ticks(low, high)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()


def _left_out_rows(quality):
    """(source, outcome, number) of what was not used."""
    out = quality[~quality["outcome"].astype(str).str.startswith("used")]
    sums = out.groupby(["source", "outcome"], sort=False)["n_neurons"].sum()
    rows = [(*key, int(n)) for key, n in sums.items() if n > 0]
    place = {source: k for k, source in enumerate(dict.fromkeys(quality["source"]))}
    return sorted(rows, key=lambda row: (place[row[0]], row[1] == OTHER, -row[2]))


def _left_out(page, axes, quality, rows):
    """How many neurons were left out, by source and reason."""
    page.panel(axes, "d", "left out, and why")
    if not len(quality):
        page.not_available(axes, "d", "no folder of neurons was read")
        return
    sources = list(dict.fromkeys(quality["source"]))
    if not rows:
        total = int(quality["n_neurons"].sum())
        page.blank(axes, f"nothing was left out:\nall {total:,} neurons are used")
        page.keep("d", pd.DataFrame({"n_neurons": [0]}))
        return
    page.keep("d", pd.DataFrame(rows, columns=["source", "outcome", "n_neurons"]))
    colours = _colours(quality["outcome"])
    most = max(n for *_, n in rows)
    names = []
    for y, (source, outcome, n) in enumerate(rows):
        axes.barh(y, n, color=colours[outcome], height=0.6, linewidth=0)
        axes.annotate(f"{n:,}", (n, y), xytext=(3, 0), textcoords="offset points", va="center", fontsize=TINY)
        name = outcome.removeprefix("set aside: ")
        names.append(f"{name} ({source})" if len(sources) > 1 else name)
    whole = [s for s in sources if s not in {source for source, *_ in rows}]
    axes.set_yticks(range(len(rows)), [wrap(name, 26) for name in names], fontsize=TINY)
    axes.set_ylim(max(len(rows), 3) - 0.5, -0.5)
    axes.set_xlim(0, 1.25 * most)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlabel("number of neurons" + (f"\n(none of {', '.join(whole)})" if whole else ""))


def _projections(page, part, axes, rows, labels):
    """Region by target: the share of the region's axon that lies there."""
    page.panel(axes, "e", "share of the axon in each target region")
    if not len(rows):
        page.not_available(axes, "e", "no source has an annotation volume")
        return
    page.keep("e", rows[["source", "region", "target", "n_neurons", "axon_length_um", "share"]])
    targets = list(dict.fromkeys(rows["target"].astype(str)))
    shares = rows.assign(target=rows["target"].astype(str)).pivot_table(
        index="label", columns="target", values="share", dropna=False
    )
    shares = shares.reindex(index=labels, columns=targets).to_numpy(float)
    top = float(np.nanmax(shares)) if np.isfinite(shares).any() and np.nanmax(shares) > 0 else 1.0
    axes.set_facecolor("#E4E4E4")
    norm = PowerNorm(0.5, 0, top)
    image = axes.imshow(shares, cmap="BuPu", norm=norm, aspect="auto", interpolation="nearest")
    if max(len(labels), len(targets)) <= NUMBERS_FIT:
        for (y, x), share in np.ndenumerate(shares):
            if np.isfinite(share):
                axes.text(
                    x, y, _percent(share), ha="center", va="center", fontsize=TINY,
                    color=ink_on(image.to_rgba(share)),
                )  # fmt: skip
    axes.set_yticks(range(len(labels)), labels, fontsize=row_size(len(labels))[1])
    axes.set_xticks(range(len(targets)), targets, fontsize=min(TINY, row_size(len(targets))[1]), rotation=90)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    bar = part.colorbar(image, ax=axes, fraction=0.03, pad=0.01, aspect=16)
    ticks, gap = [0.0], 3.4 / max(row_size(len(labels))[0] * len(labels), 16)
    for tick in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0):
        if tick <= top and norm(tick) - norm(ticks[-1]) >= gap:
            ticks.append(tick)
    bar.set_ticks(ticks, labels=[f"{100 * t:g}" for t in ticks])
    bar.minorticks_off()
    bar.outline.set_visible(False)
    bar.set_label("share of axon (%)")


def _percent(share):
    """A share as a number of per cent; small ones are not zero."""
    if 0 < share < 0.0005:
        return "<0.1"
    return f"{100 * share:.0f}" if share >= 0.0995 or share == 0 else f"{100 * share:.1f}"


COLUMNS = (("source", 0.0, 14), ("check", 0.095, 12), ("declared", 0.185, 15), ("found", 0.305, 13),
           ("verdict", 0.42, 12), ("basis", 0.535, 8), ("detail", 0.605, 57))  # fmt: skip


def _check_lines(checks):
    """The cells of the table of checks, each as a list of lines; all of a row are equally many."""
    lines = []
    for row in checks.astype(object).where(checks.notna(), "").astype(str).to_dict("records"):
        cells = {name: wrap(row[name] or "–", width).split("\n") for name, _, width in COLUMNS}
        deepest = max(map(len, cells.values()))
        lines.append({name: cell + [""] * (deepest - len(cell)) for name, cell in cells.items()})
    return lines


def _checks(page, axes, checks, lines):
    """A table in words: what was declared of a source, what its files say, and the verdict."""
    page.panel(axes, "f", "source checks: what is declared of a source against its files")
    if not lines:
        page.not_available(axes, "f", "no source was checked")
        return
    numbers = [name for name in ("n_neurons", "n_for", "n_against", "p") if name in checks]
    page.keep("f", checks[[*CHECKS[:6], *numbers, "detail"]])
    axes.set_axis_off()
    total = 1.6 + sum(len(line["detail"]) + 0.6 for line in lines)
    axes.set_xlim(0, 1)
    axes.set_ylim(total, 0)
    for name, x, _ in COLUMNS:
        words = {"detail": "what it rests on"}.get(name, name)
        axes.text(x, 0.7, words, va="center", fontsize=TINY, fontweight="bold")
    y, before = 1.6, None
    for line, source in zip(lines, checks["source"].astype(str), strict=True):
        axes.axhline(y - 0.1, xmin=0 if source != before else 0.095, color="#E4E4E4", linewidth=0.5)
        for name, x, _ in COLUMNS:
            if name == "source" and source == before:
                continue
            style = {}
            if name == "verdict":
                colour, marker = CHECK_VERDICTS.get(line[name][0], (INK, "o"))
                axes.plot([x + 0.008], [y + 0.55], marker, color=colour, markersize=3.5)
                style, x = dict(color=colour, fontweight="bold"), x + 0.02
            for k, text in enumerate(line[name]):
                axes.text(x, y + k + 0.85, text, va="baseline", fontsize=TINY, **style)
        before = source
        y += len(line["detail"]) + 0.6
