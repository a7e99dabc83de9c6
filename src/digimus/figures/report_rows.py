"""Rows of the tables of the report, with numbers as text: claims, what is missing, models, times."""

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pandas as pd

from digimus.analysis.statistics import FEWEST_UNITS
from digimus.figures.comparisons import number
from digimus.storage import code_version

CATEGORIES = {
    "abstract": "What the abstract claims",
    "control": "Decisive controls",
    "causal": "Causal tests",
}
"""Headings of the claims, by the column category of claims.csv."""
PACKAGES = (
    "torch", "snakemake", "numpy", "scipy", "pandas", "h5py", "numba", "pynwb", "scikit-learn", "statsmodels",
    "hmmlearn", "matplotlib",
)  # fmt: skip


def text_of(value):
    """A cell as text; "" where it is missing."""
    return "" if value is None or pd.isna(value) else str(value)


def claim_groups(claims):
    """Claims by category, in the order of `CATEGORIES`; those of other categories come last.

    Parameters
    ----------
    claims : pandas.DataFrame
        As in claims.csv; category and not_available may be absent.

    Returns
    -------
    list of dict
        title and rows; no group without rows.
    """
    groups = {}
    for row in claims.to_dict("records"):
        groups.setdefault(text_of(row.get("category")), []).append(_claim_row(row))
    order = [*(name for name in CATEGORIES if name in groups), *(n for n in groups if n not in CATEGORIES)]
    return [
        dict(title=CATEGORIES.get(name, name.capitalize() or "Claims"), rows=groups[name]) for name in order
    ]


def _claim_row(row):
    known = pd.notna(row["effect"])
    return row | dict(
        values=f"{number(row['effect'])} ({_interval(row)})" if known else "not available",
        p=number(row["p_corrected"]),
        smallest=number(row["smallest_effect"]),
        units=f"{row['n']} {row['unit']}{'' if row['n'] == 1 else 's'}",
        note=text_of(row["note"]),
        why=text_of(row.get("not_available")),
        simulated=str(row["simulated"]) == "True",
        sentence=_sentence(row),
    )


def _interval(row):
    ends = (row["ci_low"], row["ci_high"])
    return "no interval" if any(map(pd.isna, ends)) else " to ".join(map(number, ends))


def _sentence(row):
    """Why a verdict is undetermined, in words; what the others rest on is the same for all."""
    if row["verdict"] in ("holds", "does not hold"):
        return ""
    if pd.isna(row["effect"]):
        return "Not available."
    if row["n"] < FEWEST_UNITS:
        return f"Fewer than {FEWEST_UNITS} independent units."
    return "The data allow neither verdict."


def verdict_counts(claims, verdicts):
    """How many claims have each verdict, in the order of `verdicts`."""
    counts = claims["verdict"].value_counts() if len(claims) else {}
    return {name: int(counts.get(name, 0)) for name in verdicts}


def missing_panels(table):
    """What a figure says is not available.

    Parameters
    ----------
    table : pandas.DataFrame
        The table behind a figure, with the columns panel and not_available, where it has the latter.

    Returns
    -------
    list of dict
        panel, reason and n (rows of the table), in the order of the table.
    """
    if "not_available" not in table:
        return []
    said = table[table["not_available"].notna() & (table["not_available"].astype(str) != "")]
    counts = said.groupby(["panel", "not_available"], sort=False).size()
    return [dict(panel=panel, reason=reason, n=int(n)) for (panel, reason), n in counts.items()]


def left_out(name, table):
    """Neurons of a source that were set aside, with the reason."""
    reasons = [] if not len(table) else table[["file", "reason"]].astype(str).to_dict("records")
    return dict(name=name, rows=reasons)


def recordings(name, table):
    """How many recordings of a dataset were used, and which were set aside, with the reason."""
    if not len(table):
        return dict(name=name, n_used=0, n_animals=0, rows=[])
    used = table[table["status"] == "used"]
    others = table[table["status"] != "used"]
    rows = others[["file", "session", "reason"]].fillna("").astype(str).to_dict("records")
    return dict(name=name, n_used=len(used), n_animals=used["animal"].nunique(), rows=rows)


def recovery_rows(table):
    """Rows of a recovery table with numbers as text; a dash where nothing was planted."""
    numbers = table.select_dtypes("number").columns
    shown = table.astype({name: object for name in numbers})
    for name in numbers:
        shown[name] = ["–" if pd.isna(value) else f"{value:.3g}" for value in table[name]]
    return dict(columns=[name.replace("_", " ") for name in table.columns], rows=shown.to_numpy().tolist())


def model_sizes(models):
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


def versions():
    """(name, version) of this library, of Python and of the packages that results depend on."""
    rows = [("digimus", code_version()), ("python", platform.python_version())]
    for package in PACKAGES:
        try:
            rows.append((package, version(package)))
        except PackageNotFoundError:
            rows.append((package, "not installed"))
    return rows


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
            head, *records = [line.split("\t") for line in file.read_text().splitlines()]
            records = [dict(zip(head, record, strict=True)) for record in records]
            seconds = [float(record["s"]) for record in records]
            memory = [float(record["max_rss"]) for record in records if record["max_rss"] != "-"]
        except (ValueError, KeyError, OSError):  # a job that is being written, or was killed while it was
            continue
        if seconds:
            rule = file.relative_to(folder).parts[0].removesuffix(".tsv")
            mb = max(memory, default=float("nan"))
            rows.append(dict(rule=rule, s=sum(seconds) / len(seconds), mb=mb))
    if not rows:
        return pd.DataFrame(columns=["rule", "n_jobs", "total_s", "longest_s", "largest_mb"])
    groups = pd.DataFrame(rows).groupby("rule")
    times = groups.agg(
        n_jobs=("s", "size"), total_s=("s", "sum"), longest_s=("s", "max"), largest_mb=("mb", "max")
    )
    return times.sort_values("total_s", ascending=False).reset_index()
