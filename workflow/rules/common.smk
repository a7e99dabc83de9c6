# What all stages share. The checked configuration, paths, and hashes of the library's code.
#
# Inputs:  the merged configuration, workflow/schemas/config.schema.yaml, src/digimus/
# Outputs: none; the Snakefile writes results/config.yaml, the configuration as it was used

import ast
import hashlib
import os
import re
import sys
import time
from pathlib import Path

import yaml
from pandas import DataFrame

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "src"))
os.environ.update(PYTHONPATH=os.pathsep.join([str(ROOT / "src"), *filter(None, [os.getenv("PYTHONPATH")])]))
# Memory that is handed back and fetched again for every batch costs page faults; glibc keeps it instead.
os.environ.update(dict.fromkeys(["MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_"], str(10**10)))

from snakemake.exceptions import WorkflowError

from digimus import configuration
from digimus.errors import InputError
from digimus.recordings import Preparation, recorded_files
from digimus.simulation.recordings import truth_holds
from digimus.storage import matching_files, read_table, write_table, write_text


def or_stop(function, *arguments):
    """What the function returns; an InputError stops the workflow before any job, without a traceback."""
    try:
        return function(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
CONFIG = or_stop(configuration.checked, config, SCHEMA)
STARTED = time.time()
FAILED = Path(".snakemake/digimus-failed.txt")


RESULTS = CONFIG["results_dir"].rstrip("/")


def results(path):
    """A path under the results folder."""
    return f"{RESULTS}/{path}"


def log_file(name):
    """Where the log of a job lies."""
    return results(f"logs/{name}.log")


def benchmark_file(name):
    """Where time and memory of a job are noted."""
    return results(f"benchmarks/rules/{name}.tsv")


def code(*subpackages, scripts=()):
    """A hash of the library's code that a stage uses; comments, docstrings and layout do not count.

    Snakemake does not see an edit in an imported module. With this hash among the parameters, an edit in
    one subpackage reruns the stages that use it, and nothing else. So for modules that scripts share.
    """
    library = ROOT / "src/digimus"
    files = [library / name for name in ("errors.py", "seeding.py", "storage.py")]
    for subpackage in subpackages:
        path = library / subpackage
        files += sorted(path.rglob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    files += [ROOT / "workflow/scripts" / f"{name}.py" for name in scripts]
    digest = hashlib.sha256()
    for file in files:
        digest.update(code_of(file).encode())
    return digest.hexdigest()[:16]


def code_of(file, known={}):
    """The abstract syntax of a module without its docstrings."""
    if file not in known:
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                    node.body = body[1:] or [ast.Pass()]
        known[file] = ast.dump(tree)
    return known[file]


def fingerprint(folder, pattern):
    """A hash of the names, sizes and times of the files in a folder, so that a changed folder reruns its reader."""
    files = matching_files(folder, pattern, "pattern")
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.relative_to(folder)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return f"{len(files)} files {digest.hexdigest()[:16]}"


def existing(path, where):
    """A path that must be there before any job starts."""
    if not Path(path).exists():
        raise InputError(
            "The configuration names a file or folder that is not there.",
            where=where,
            expected="a path that exists, relative to the project's folder or absolute",
            got=path,
            hint="Correct the path, or set the whole entry to null to leave it out.",
        )
    return path


SOURCES = CONFIG["morphology"]["sources"]
TABLES = CONFIG["motifs"]["tables"]
GRAPHS = CONFIG["motifs"].get("graphs", {})
DATASETS = CONFIG["recordings"]["datasets"]
SIMULATED_SOURCES = [name for name, source in SOURCES.items() if source.get("simulated")]
SIMULATED_DATASETS = [name for name, dataset in DATASETS.items() if dataset.get("simulated")]


def simulated_as(name):
    """The simulated dataset whose files a dataset reads: licking, auditory or visual."""
    return Path(DATASETS[name]["folder"]).name


def matching(folder, pattern, where, found=matching_files):
    """A folder that must hold files of a pattern before any job starts."""
    existing(folder, f"{where}.folder")
    if not found(folder, pattern, f"{where}.pattern"):
        raise InputError(
            "A folder holds no file of the wanted pattern.",
            where=f"{where}.folder, {where}.pattern",
            expected=f"files that match {pattern} in {folder}",
            got=f"{sum(1 for _ in Path(folder).iterdir())} files and folders, none of them matching",
            hint="Correct the folder or the pattern; '**/*.swc' looks below, '*.zip/*.swc' into archives.",
        )


def preparation(name):
    """The settings by which a dataset is cut into samples, checked."""
    others = ("simulated", "folder", "pattern", "signal", "region_column", "module", "trials_table")
    others += ("priors", "dandi")
    settings = {key: value for key, value in DATASETS[name].items() if key not in others}
    try:
        return Preparation.from_config(settings)
    except InputError as error:
        error.where = f"recordings.datasets.{name}: {error.where}"
        raise


def check_inputs():
    """Stop before any job where a configured input is absent or a window does not hold whole bins."""
    for name in DATASETS:
        preparation(name)
    for name, source in SOURCES.items():
        if name not in SIMULATED_SOURCES:
            matching(source["folder"], source["pattern"], f"morphology.sources.{name}")
            for key in ("index", "annotation", "structure_tree", "soma_table"):
                if key in source:
                    existing(source[key], f"morphology.sources.{name}.{key}")
    for name, table in TABLES.items():
        for key in ("path", "nz_path"):
            if key in table:
                existing(table[key], f"motifs.tables.{name}.{key}")
    for name, graph in GRAPHS.items():
        existing(graph["path"], f"motifs.graphs.{name}.path")
    for name, prior in CONFIG["priors"].items():
        if prior.get("source") in TABLES:
            path = TABLES[prior["source"]]["path"]
            known = list(read_table(path, ["region"], dtype=str, keep_default_na=False)["region"])
            for key, region in configuration.regions_of(prior):
                configuration.one_of(region, known, f"priors.{name}.{key}", "a region of that table")
    for name in dict.fromkeys(
        m for part in ("rules", "decoding") for m in CONFIG["training"][part]["models"]
    ):
        for key in ("mask", "projections"):
            path = CONFIG["models"][name].get(key)
            if isinstance(path, str) and not path.startswith(f"{RESULTS}/"):  # those are made by the workflow
                existing(path, f"models.{name}.{key}")
    for name, dataset in DATASETS.items():
        if name not in SIMULATED_DATASETS and "dandi" not in dataset:
            where = f"recordings.datasets.{name}"
            matching(dataset["folder"], dataset["pattern"], where, found=recorded_files)


def expire_failed():
    """Make the kept outputs of failed jobs old.

    `update()` keeps what was written earlier when a job fails, but gives it a new time, and the next run
    would take it for up to date. Jobs that fail list their outputs; here they are set back to the epoch.
    """
    if FAILED.exists() and workflow.is_main_process:
        for path in set(FAILED.read_text().splitlines()):
            if os.path.exists(path):
                os.utime(path, (1, 1))
        FAILED.unlink()


def write_rule_graph(dag):
    """Write which rules a run is made of, and what each needs, from Snakemake's own graph of jobs."""
    jobs = [job for job in dag.jobs if not job.is_norun]
    if "write_report" not in {job.rule.name for job in jobs}:
        return
    found = {job.rule.name: job.rule for job in jobs}
    table = DataFrame({"rule": sorted(found)})
    table["stage"] = [Path(str(found[name].snakefile)).stem for name in table["rule"]]
    table["n_jobs"] = [sum(job.rule.name == name for job in jobs) for name in table["rule"]]
    needs = {name: set() for name in found}
    for job in jobs:
        needs[job.rule.name].update(other.rule.name for other in dag.dependencies[job])
    table["needs"] = [" ".join(sorted(needs[name])) for name in table["rule"]]
    write_table(results("benchmarks/rule_graph.csv"), table)


or_stop(check_inputs)
expire_failed()
