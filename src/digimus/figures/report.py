"""One page with everything a run found, which opens without a network and reads without scripts.

Pictures, style and a small script are inside the file; nothing is fetched.
"""

import re
from pathlib import Path

import yaml

from digimus.analysis.statistics import FEWEST_UNITS
from digimus.figures.comparisons import accuracy_tables, control_rows
from digimus.figures.pages import embedded, filled, paragraphs, title_of
from digimus.figures.report_rows import (
    claim_groups,
    left_out,
    missing_panels,
    model_sizes,
    recordings,
    recovery_rows,
    rule_times,
    verdict_counts,
    versions,
)
from digimus.figures.rule_graph import rule_graph
from digimus.figures.style import VERDICT_STYLES
from digimus.storage import write_text

TOPICS = {
    "Neurons, graphs and motifs": ("neurons", "graphs", "motifs", "profiles", "sensitivity"),
    "Tasks and learning": ("tasks", "psychometric"),
    "Recordings and decoding": ("recordings", "timecourse"),
    "Trained networks": ("modules", "dynamics"),
    "Claims": ("claims",),
}
"""Headings of the supplement, and the figures below each."""


def write_report(
    path,
    *,
    figures,
    captions,
    claims,
    set_aside,
    sessions,
    models,
    configuration,
    benchmarks_dir,
    tables=None,
    rules=None,
    explorer=None,
    recovery=(),
    accuracy=None,
    controls=None,
):
    """Write the report.

    Parameters
    ----------
    path : str or Path
        The HTML file.
    figures : dict of str to str or Path
        PNG files by the name of the figure, in the order of the report. A number that starts with S stands
        in the supplement.
    captions : dict of str to str
        Captions by the name of the figure, as reStructuredText (paragraphs, emphasis, strong, literals).
    claims : pandas.DataFrame
        As in claims.csv.
    set_aside : dict of str to pandas.DataFrame
        Source to its neurons that were left out: file, reason.
    sessions : dict of str to pandas.DataFrame
        Dataset to its recordings: file, session, animal, status, reason, n_units, n_trials, ….
    models : pandas.DataFrame
        As in evaluation/models.csv.
    configuration : dict
        As it was used.
    benchmarks_dir : str or Path
        Folder with a Snakemake benchmark file a job; may be absent.
    tables : dict of str to pandas.DataFrame, optional
        The tables behind the figures, by name: what they say is not available is listed.
    rules : pandas.DataFrame, optional
        As `digimus.figures.rule_graph.rule_graph` takes it.
    explorer : str, optional
        Name of the explorer's file beside the report.
    recovery : sequence of pandas.DataFrame
        Of simulated neurons: planted wiring beside what was recovered (`digimus.analysis.recovery`).
    accuracy, controls : pandas.DataFrame, optional
        As in evaluation/accuracy.csv and evaluation/controls.csv; without them there are no such sections.

    Raises
    ------
    InputError
        If a picture is missing.
    """
    shown = [_figure(name, file, captions.get(name, "")) for name, file in figures.items()]
    times = rule_times(benchmarks_dir)
    over_tasks, by_task = control_rows(controls) if controls is not None else ([], [])
    verdicts = {name: colour for name, (colour, _) in VERDICT_STYLES.items()}
    missing = {name: missing_panels(table) for name, table in (tables or {}).items()}
    page = filled(
        "report.html",
        title=str(configuration.get("name", "run")),
        simulated=_simulated_inputs(configuration),
        groups=_by_topic(shown),
        figures=shown,
        claims=claim_groups(claims),
        counts=verdict_counts(claims, verdicts),
        verdicts=verdicts,
        fewest=FEWEST_UNITS,
        missing=[(figure, missing[figure["name"]]) for figure in shown if missing.get(figure["name"])],
        neurons=[left_out(name, table) for name, table in set_aside.items()],
        recordings=[recordings(name, table) for name, table in sessions.items()],
        models=model_sizes(models),
        recovery=[recovery_rows(table) for table in recovery],
        accuracy=None if accuracy is None else accuracy_tables(accuracy),
        controls=None if controls is None else over_tasks,
        controls_by_task=by_task,
        explorer=explorer,
        configuration=yaml.safe_dump(_plain(configuration), sort_keys=False, allow_unicode=True),
        versions=versions(),
        rules=None if rules is None else rule_graph(rules),
        times=times.to_dict("records"),
        total_s=float(times["total_s"].sum()) if len(times) else 0.0,
    )
    write_text(path, page)


def _figure(name, file, caption):
    """What the page needs of a figure; its number is that of its file (fig3_learning, figS3_motifs)."""
    stem = Path(file).stem
    source, width, height = embedded(file)
    return dict(
        name=name,
        stem=stem,
        number=stem.split("_")[0].removeprefix("fig"),
        title=title_of(caption, name.capitalize()),
        source=source,
        width=width,
        height=height,
        caption=paragraphs(caption),
    )


def _by_topic(figures):
    """(heading, anchor, figures): the main ones, then the supplement by topic, then what has no topic."""
    supplement = [figure for figure in figures if figure["number"].startswith("S")]
    topics = {name: topic for topic, names in TOPICS.items() for name in names}
    groups = [("Main figures", [figure for figure in figures if figure not in supplement])]
    for topic in (*TOPICS, "Further figures"):
        own = [f for f in supplement if topics.get(f["name"], "Further figures") == topic]
        groups.append((f"Supplement: {topic[0].lower()}{topic[1:]}", own))
    return [(title, re.sub("[^a-z]+", "-", title.lower()), own) for title, own in groups if own]


def _simulated_inputs(configuration):
    """Names of the simulated sources of neurons and datasets of recordings."""
    sources = (configuration.get("morphology") or {}).get("sources") or {}
    datasets = (configuration.get("recordings") or {}).get("datasets") or {}
    return dict(
        neurons=[name for name, entry in sources.items() if (entry or {}).get("simulated")],
        recordings=[name for name, entry in datasets.items() if (entry or {}).get("simulated")],
    )


def _plain(value):
    """Mappings and sequences of any kind as dicts and lists, so that YAML shows no Python types."""
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return [_plain(item) for item in value] if hasattr(value, "__iter__") else str(value)
