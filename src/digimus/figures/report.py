"""One page with everything a run found, which opens without a network.

Pictures are embedded, there is no script and nothing is fetched.
"""

import base64
import html
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup

from digimus.analysis.statistics import FEWEST_UNITS
from digimus.errors import InputError
from digimus.figures.comparisons import accuracy_tables, control_rows
from digimus.figures.comparisons import number as _number
from digimus.figures.style import VERDICT_STYLES
from digimus.storage import code_version, write_text

PACKAGES = (
    "torch", "snakemake", "numpy", "scipy", "pandas", "h5py", "numba", "pynwb", "scikit-learn", "matplotlib",
)  # fmt: skip


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
        PNG files by the name of the figure, in the order of the report.
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
    recovery : sequence of pandas.DataFrame
        Of simulated neurons: planted wiring beside what was recovered (`digimus.analysis.recovery`).
    accuracy, controls : pandas.DataFrame, optional
        As in evaluation/accuracy.csv and evaluation/controls.csv; without them there are no such sections.

    Raises
    ------
    InputError
        If a picture is missing.
    """
    pictures = [
        dict(
            name=name,
            number=_figure_number(file),
            source=_embedded(file),
            caption=_paragraphs(captions.get(name, "")),
        )
        for name, file in figures.items()
    ]
    times = rule_times(benchmarks_dir)
    over_tasks, by_task = control_rows(controls) if controls is not None else ([], [])
    page = _PAGE.render(
        title=str(configuration.get("name", "run")),
        simulated=_simulated_inputs(configuration),
        figures=pictures,
        claims=_claim_rows(claims),
        verdicts={name: colour for name, (colour, _) in VERDICT_STYLES.items()},
        fewest=FEWEST_UNITS,
        neurons=[_left_out(name, table) for name, table in set_aside.items()],
        recordings=[_recordings(name, table) for name, table in sessions.items()],
        models=_model_sizes(models),
        recovery=[_recovery_rows(table) for table in recovery],
        accuracy=None if accuracy is None else accuracy_tables(accuracy),
        controls=None if controls is None else over_tasks,
        controls_by_task=by_task,
        configuration=yaml.safe_dump(_plain(configuration), sort_keys=False, allow_unicode=True),
        versions=_versions(),
        times=times.to_dict("records"),
        total_s=float(times["total_s"].sum()) if len(times) else 0.0,
    )
    write_text(path, page)


def rule_times(folder):
    """Time and memory of every rule, from the benchmark files below a folder.

    Parameters
    ----------
    folder : str or Path
        Files are named after the rule, or lie in a folder named after it.

    Returns
    -------
    pandas.DataFrame
        rule, n_jobs, total_s, longest_s, largest_mb, sorted by total_s.
    """
    folder, rows = Path(folder), []
    for file in sorted(folder.rglob("*.tsv")):
        try:
            table = pd.read_csv(file, sep="\t", na_values="-")
        except (ValueError, OSError):  # a job that is being written, or was killed while it was
            continue
        if {"s", "max_rss"} <= set(table.columns) and len(table):
            rule = file.relative_to(folder).parts[0].removesuffix(".tsv")
            rows.append(dict(rule=rule, s=table["s"].mean(), mb=table["max_rss"].max()))
    if not rows:
        return pd.DataFrame(columns=["rule", "n_jobs", "total_s", "longest_s", "largest_mb"])
    groups = pd.DataFrame(rows).groupby("rule")
    times = groups.agg(
        n_jobs=("s", "size"), total_s=("s", "sum"), longest_s=("s", "max"), largest_mb=("mb", "max")
    )
    return times.sort_values("total_s", ascending=False).reset_index()


def _embedded(file):
    file = Path(file)
    if not file.is_file():
        raise InputError(
            "A picture for the report is missing.",
            where=file,
            expected="a PNG file",
            got="nothing there",
            hint="Draw the figure first.",
        )
    return "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()


def _paragraphs(text):
    """A caption as HTML: paragraphs with emphasis, strong and literals; comments and directives left out."""
    blocks = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text.strip())]
    shown = [html.escape(block) for block in blocks if block and not block.startswith("..")]
    for pattern, tag in ((r"``(.+?)``", "code"), (r"\*\*(.+?)\*\*", "strong"), (r"\*(.+?)\*", "em")):
        shown = [re.sub(pattern, rf"<{tag}>\1</{tag}>", block) for block in shown]
    return [Markup(block) for block in shown]


def _simulated_inputs(configuration):
    """Names of the simulated sources of neurons and datasets of recordings."""
    sources = (configuration.get("morphology") or {}).get("sources") or {}
    datasets = (configuration.get("recordings") or {}).get("datasets") or {}
    return dict(
        neurons=[name for name, entry in sources.items() if (entry or {}).get("simulated")],
        recordings=[name for name, entry in datasets.items() if (entry or {}).get("simulated")],
    )


def _claim_rows(claims):
    rows = []
    for row in claims.to_dict("records"):
        known = pd.notna(row["effect"])
        rows.append(
            row
            | dict(
                values=f"{_number(row['effect'])} ({_number(row['ci_low'])} to {_number(row['ci_high'])})"
                if known
                else "not available",
                p=_number(row["p_corrected"]),
                smallest=_number(row["smallest_effect"]),
                units=f"{row['n']} {row['unit']}{'' if row['n'] == 1 else 's'}",
                note="" if pd.isna(row["note"]) else row["note"],
                simulated=str(row["simulated"]) == "True",
                sentence=_sentence(row),
            )
        )
    return rows


def _sentence(row):
    """The verdict and what it rests on, in words."""
    if row["verdict"] == "holds":
        return (
            "Above zero with 95 % confidence, significant after correction, and at least the smallest effect "
            "of interest."
        )
    if row["verdict"] == "does not hold":
        return "The 90 % interval lies below the smallest effect of interest."
    if pd.isna(row["effect"]):
        return "Not available."
    if row["n"] < FEWEST_UNITS:
        return f"Fewer than {FEWEST_UNITS} independent units."
    return "The data allow neither verdict."


def _left_out(name, table):
    reasons = [] if not len(table) else table[["file", "reason"]].astype(str).to_dict("records")
    return dict(name=name, rows=reasons)


def _figure_number(file):
    """The figure's number, from a name such as fig3_motifs.png."""
    return int("".join(filter(str.isdigit, Path(file).name.split("_")[0])))


def _recovery_rows(table):
    """Rows of a recovery table with numbers as text; a dash where nothing was planted."""
    numbers = table.select_dtypes("number").columns
    shown = table.astype({name: object for name in numbers})
    for name in numbers:
        shown[name] = ["–" if pd.isna(value) else f"{value:.3g}" for value in table[name]]
    return dict(columns=[name.replace("_", " ") for name in table.columns], rows=shown.to_numpy().tolist())


def _recordings(name, table):
    if not len(table):
        return dict(name=name, n_used=0, n_animals=0, rows=[])
    used = table[table["status"] == "used"]
    others = table[table["status"] != "used"]
    rows = others[["file", "session", "reason"]].fillna("").astype(str).to_dict("records")
    return dict(name=name, n_used=len(used), n_animals=used["animal"].nunique(), rows=rows)


def _model_sizes(models):
    """Parameters, networks and activity of every model and prior."""
    if not len(models):
        return []
    rows = []
    for (benchmark, model, prior), group in models.groupby(["benchmark", "model", "prior"], sort=False):
        sizes = sorted(set(group["n_parameters"].dropna().astype(int)))
        rate = group["spikes_per_step"].mean() if "spikes_per_step" in group else float("nan")
        rows.append(
            dict(
                benchmark=benchmark, model=model, prior=prior, n_networks=len(group),
                n_parameters=" to ".join(f"{size:,}" for size in dict.fromkeys((sizes[0], sizes[-1])))
                if sizes else "not available",
                spikes="–" if pd.isna(rate) else f"{rate:.2g}",
            )
        )  # fmt: skip
    return rows


def _versions():
    rows = [("digimus", code_version()), ("python", platform.python_version())]
    for package in PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "not installed"))
    return rows


def _plain(value):
    """Mappings and sequences of any kind as dicts and lists, so that YAML shows no Python types."""
    if hasattr(value, "items"):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return [_plain(item) for item in value] if hasattr(value, "__iter__") else str(value)


_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
{% macro comparison(rows, by_task) %}
<div class="wide"><table class="claims"><thead><tr><th>prior</th><th>against</th>
{% if by_task %}
<th>task</th>
{% endif %}
<th>measure</th><th class="n">effect</th><th class="n">corrected p</th><th>n</th>
<th>never</th><th class="n">smallest effect</th><th>verdict</th></tr></thead><tbody>
{% for row in rows %}
<tr><td>{{ row.prior }}{% if row.simulated %} <span class="tag">simulated</span>{% endif %}
<br><span class="small">{{ row.training }}</span></td><td>{{ row.control }}</td>
{% if by_task %}
<td>{{ row.task }}</td>
{% endif %}
<td>{{ row.measure }}</td><td class="n">{{ row.effect }}<br><span class="small">{{ row.interval }}</span></td>
<td class="n">{{ row.p }}</td><td>{{ row.units }}<br><span class="small">{{ row.test }}</span></td>
<td>{{ row.never }}</td><td class="n">{{ row.smallest }}</td>
<td><span style="color: {{ verdicts.get(row.verdict, "#555") }}">{{ row.verdict }}</span></td></tr>
{% endfor %}
</tbody></table></div>
{% endmacro %}
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>DigiMus – {{ title }}</title>
<style>
:root { color-scheme: light; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 64rem; color: #222; background: #fff;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif;
  overflow-wrap: break-word; }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; } h2 { font-size: 1.25rem; margin: 2.6rem 0 .6rem;
  padding-top: .6rem; border-top: 1px solid #ddd; } h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .5rem 0; } a { color: #0a5a8a; }
nav ul { columns: 2 16rem; padding-left: 1.2rem; margin: .5rem 0; }
.notice { margin: 1rem 0; padding: .7rem 1rem; background: #ffe9a8; border: 1px solid #b8860b;
  border-radius: 4px; color: #4a3000; }
figure { margin: 1.2rem 0 2.2rem; } img { width: 100%; height: auto; display: block; }
figcaption { margin-top: .5rem; font-size: .92rem; color: #333; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .88rem; }
th, td { text-align: left; vertical-align: top; padding: .35rem .7rem .35rem 0;
  border-bottom: 1px solid #e4e4e4; }
th { font-weight: 600; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.claims { min-width: 56rem; } .claims td:first-child { width: 16rem; }
.claims td:nth-child(2) { width: 12rem; } .small { font-size: .85rem; color: #555; }
.verdict { font-weight: 600; white-space: nowrap; } .tag { font-size: .75rem; color: #4a3000;
  background: #ffe9a8; border-radius: 3px; padding: 0 .3rem; white-space: nowrap; }
pre { background: #f6f6f6; padding: .8rem 1rem; overflow-x: auto; font-size: .8rem; line-height: 1.4; }
@media print { body { max-width: none; } figure { break-inside: avoid; } }
</style>
</head>
<body>
<header>
<h1>DigiMus: {{ title }}</h1>
<p class="small">Does the wiring of the mouse brain help a network learn the brain's tasks?
What this run found.</p>
</header>
{% if simulated.neurons or simulated.recordings %}
<p class="notice" id="simulated"><strong>Simulated data.</strong>
{% for kind, names in simulated.items() if names %}
{{ kind | capitalize }} of {{ names | join(", ") }} are simulated.
{% endfor %}
They show that the methods work; they say nothing about the brain.
Figures and claims that rest on them are marked.</p>
{% endif %}
<nav aria-label="Contents">
<h3>Contents</h3>
<ul>
<li><a href="#claims">Claims and verdicts</a></li>
{% for figure in figures %}
<li><a href="#figure-{{ figure.name }}">Figure {{ figure.number }}: {{ figure.name }}</a></li>
{% endfor %}
{% if accuracy is not none %}
<li><a href="#accuracy">Accuracy on the rule tasks</a></li>
{% endif %}
{% if controls is not none %}
<li><a href="#controls">Priors against their controls</a></li>
{% endif %}
<li><a href="#left-out">What was left out, and why</a></li>
<li><a href="#models">Models</a></li>
<li><a href="#configuration">Configuration</a></li>
<li><a href="#versions">Versions</a></li>
<li><a href="#times">Time and memory</a></li>
</ul>
</nav>

<h2 id="claims">Claims and verdicts</h2>
<p>Effects are signed so that the claim is positive. A claim holds if its corrected p is below .05, its 95 %
interval lies above zero, and the effect is at least the smallest one of interest; it does not hold if its
90 % interval lies below that. Otherwise, and always with fewer than {{ fewest }} independent units, it is
undetermined.</p>
{% if claims %}
<div class="wide"><table class="claims">
<thead><tr><th>claim</th><th>verdict</th><th>effect (95 % interval)</th><th>smallest effect</th>
<th>corrected p</th><th>n</th><th>test</th></tr></thead>
<tbody>
{% for row in claims %}
<tr><td>{{ row.claim }}{% if row.simulated %} <span class="tag">simulated</span>{% endif %}
{% if row.note %}<br><span class="small">{{ row.note }}</span>{% endif %}</td>
<td><span class="verdict" style="color: {{ verdicts.get(row.verdict, "#555") }}">{{ row.verdict }}</span><br>
<span class="small">{{ row.sentence }}</span></td>
<td>{{ row["values"] }}<br><span class="small">{{ row.effect_unit }}</span></td><td>{{ row.smallest }}</td>
<td>{{ row.p }}</td><td>{{ row.units }}</td><td>{{ row.test }}</td></tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p>Not available: no claim was tested.</p>
{% endif %}

{% for figure in figures %}
<h2 id="figure-{{ figure.name }}">Figure {{ figure.number }}: {{ figure.name }}</h2>
<figure>
<img alt="Figure {{ figure.number }}: {{ figure.name }}" src="{{ figure.source }}">
<figcaption>
{% for paragraph in figure.caption %}
<p>{{ paragraph }}</p>
{% endfor %}
</figcaption>
</figure>
{% endfor %}

{% if accuracy is not none %}
<h2 id="accuracy">Accuracy on the rule tasks</h2>
{% if accuracy %}
<p>Share of test trials right, in %: the mean over all seeds, its interval, and in square brackets the
worst and the best seed. The interval is not cut off at 100: where it reaches beyond, there are too few seeds
to say more.</p>
{% for table in accuracy %}
<h3>{{ table.title }}</h3>
<div class="wide"><table><thead><tr><th>task</th><th class="n">chance</th>
{% for cell in table.cells %}
<th class="n">{{ cell.name }}<br><span class="small">{{ cell.size }}</span></th>
{% endfor %}
</tr></thead><tbody>
{% for row in table.rows %}
<tr><td>{{ row.task }}</td><td class="n">{{ row.chance }}</td>
{% for value in row["values"] %}
<td class="n">{{ value.mean }}<br><span class="small">{{ value.interval }}
{% if value.range %}<br>[{{ value.range }}]{% endif %}</span></td>
{% endfor %}
</tr>
{% endfor %}
</tbody></table></div>
<p class="small">Interval: {{ table.interval }}.</p>
{% endfor %}
{% else %}
<p>Not available: no network was trained on a rule task.</p>
{% endif %}
{% endif %}

{% if controls is not none %}
<h2 id="controls">Priors against their controls</h2>
{% if controls or controls_by_task %}
<p>DigiMus networks with a prior against those with a control, or without a prior, paired by task and seed.
Effects are signed so that a positive one is in favour of the prior. <em>Updates saved</em> are those until
80 % of the validation trials are right. The column <em>never</em> counts the networks that never got there
(with the prior, and with the control). Where there are any, there is no mean, but a sign test of who got
there sooner, and pairs are left out of which a network stopped early without getting there. p-values are
corrected over all comparisons of a measure (Benjamini-Hochberg), those over tasks and those of single tasks
apart. All seeds count. These comparisons are definitions of this project.</p>
{% if controls %}
{{ comparison(controls, false) }}
{% else %}
<p>There is one task alone, so there is no comparison over tasks.</p>
{% endif %}
{% if controls_by_task %}
<details><summary>Task by task ({{ controls_by_task | length }} comparisons)</summary>
{{ comparison(controls_by_task, true) }}
</details>
{% endif %}
{% else %}
<p>Not available: no DigiMus network with a prior was trained on a rule task.</p>
{% endif %}
{% endif %}

{% for table in recovery %}
<h2 id="recovery">Simulated neurons: planted wiring and what was recovered</h2>
<p>AUROC of the connection probabilities against the planted edges. The last two columns are the log
enrichment of the transitive triad 030T less that of the cyclic 030C.</p>
<div class="wide"><table>
<thead><tr>{% for name in table.columns %}<th>{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in table.rows %}
<tr>{% for value in row %}<td>{{ value }}</td>{% endfor %}</tr>{% endfor %}
</tbody></table></div>
{% endfor %}

<h2 id="left-out">What was left out, and why</h2>
{% for source in neurons %}
<h3>Neurons of {{ source.name }}</h3>
{% if source.rows %}
<p>{{ source.rows | length }} set aside.</p>
<div class="wide"><table><thead><tr><th>file</th><th>reason</th></tr></thead><tbody>
{% for row in source.rows %}
<tr><td>{{ row.file }}</td><td>{{ row.reason }}</td></tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p>None set aside.</p>
{% endif %}
{% endfor %}
{% for dataset in recordings %}
<h3>Recordings of {{ dataset.name }}</h3>
<p>{{ dataset.n_used }} sessions of {{ dataset.n_animals }} animals used,
{{ dataset.rows | length or "none" }} set aside.</p>
{% if dataset.rows %}
<div class="wide"><table><thead><tr><th>file</th><th>session</th><th>reason</th></tr></thead><tbody>
{% for row in dataset.rows %}
<tr><td>{{ row.file }}</td><td>{{ row.session }}</td><td>{{ row.reason }}</td></tr>
{% endfor %}
</tbody></table></div>
{% endif %}
{% endfor %}

<h2 id="models">Models</h2>
{% if models %}
<div class="wide"><table><thead><tr><th>benchmark</th><th>model</th><th>prior</th>
<th class="n">parameters</th>
<th class="n">networks</th><th class="n">spikes per unit and step</th></tr></thead><tbody>
{% for row in models %}
<tr><td>{{ row.benchmark }}</td><td>{{ row.model }}</td><td>{{ row.prior }}</td>
<td class="n">{{ row.n_parameters }}</td><td class="n">{{ row.n_networks }}</td>
<td class="n">{{ row.spikes }}</td></tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p>Not available: no network was trained on a rule task.</p>
{% endif %}

<h2 id="configuration">Configuration</h2>
<pre>{{ configuration }}</pre>

<h2 id="versions">Versions</h2>
<div class="wide"><table><tbody>
{% for name, number in versions %}
<tr><td>{{ name }}</td><td>{{ number }}</td></tr>
{% endfor %}
</tbody></table></div>

<h2 id="times">Time and memory</h2>
{% if times %}
<p>All jobs together: {{ "%.0f" | format(total_s) }} s.
Jobs run side by side, so the run itself took less.</p>
<div class="wide"><table><thead><tr><th>rule</th><th class="n">jobs</th><th class="n">time of all (s)</th>
<th class="n">longest (s)</th><th class="n">most memory (MB)</th></tr></thead><tbody>
{% for row in times %}
<tr><td>{{ row.rule }}</td><td class="n">{{ row.n_jobs }}</td>
<td class="n">{{ "%.1f" | format(row.total_s) }}</td>
<td class="n">{{ "%.1f" | format(row.longest_s) }}</td>
<td class="n">{{ "%.0f" | format(row.largest_mb) }}</td></tr>
{% endfor %}
</tbody></table></div>
{% else %}
<p>Not available: no job left a record.</p>
{% endif %}
</body>
</html>
""")
