# What all stages share. The checked configuration, paths, and hashes of the library's code.
#
# Inputs:  the merged configuration, workflow/schemas/config.schema.yaml, src/digimus/
# Outputs: none; the Snakefile writes results/config.yaml, the configuration as it was used

import ast
import hashlib
import json
import os
import re
import sys
import time
from functools import cache
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
from digimus.disks import check_writable
from digimus.errors import InputError
from digimus.recordings import Preparation, recorded_files
from digimus.retrieval.asked import asked_of
from digimus.simulation.recordings import truth_holds
from digimus.storage import matching_files, read_table, write_table, write_text


def or_stop(function, *arguments):
    """What the function returns; an InputError stops the workflow before any job, without a traceback."""
    try:
        return function(*arguments)
    except InputError as error:
        raise WorkflowError(str(error)) from None


SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
ASKED = or_stop(asked_of, or_stop(configuration.checked, config, SCHEMA))
CONFIG = ASKED.configuration
or_stop(configuration.check_place, CONFIG["results_dir"], "results_dir", ROOT)
if "simulation" in CONFIG:
    or_stop(
        configuration.check_place, CONFIG["simulation"]["folder"], "simulation.folder", ROOT, ["resources"]
    )
for folder in [*ASKED.neurons, *ASKED.recordings]:
    or_stop(configuration.check_place, folder, "folder of what is fetched", ROOT, ["resources"])
STARTED = time.time()
BEGUN = Path(".snakemake/digimus-begun")
HASHES = Path(".snakemake/digimus-hashes.json")


RESULTS = CONFIG["results_dir"].rstrip("/")


def results(path):
    """A path under the results folder."""
    return f"{RESULTS}/{path}"


def one_name_of(names):
    """A wildcard's constraint: one of these names, and nothing else."""
    return "|".join(map(re.escape, names)) or "none"


def log_file(name):
    """Where the log of a job lies."""
    return results(f"logs/{name}.log")


def benchmark_file(name):
    """Where time and memory of a job are noted."""
    return results(f"benchmarks/rules/{name}.tsv")


hashes_used = {}


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
    text = hashlib.sha256(sys.version.encode() + b"".join(map(text_hash, files))).hexdigest()
    if text not in hashes_used:
        hashes_used[text] = hashes_kept().get(text) or hash_of(files)
    return hashes_used[text]


def hash_of(files):
    """The hash of the code in some files, made anew."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(code_of(file).encode())
    return digest.hexdigest()[:16]


@cache
def text_hash(file):
    """The hash of a file as it is, comments included."""
    return hashlib.sha256(file.read_bytes()).digest()


@cache
def code_of(file):
    """The abstract syntax of a module without its docstrings."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            if isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
                node.body = body[1:] or [ast.Pass()]
    return ast.dump(tree)


@cache
def hashes_kept():
    """Hashes of code that an earlier run made, by the hash of the text; to make them all takes a second."""
    try:
        return dict(json.loads(HASHES.read_text()))
    except (OSError, ValueError, TypeError):
        return {}


def keep_hashes():
    """Keep the hashes of this run for the next, and for its jobs on other nodes, which read all rules again."""
    if workflow.is_main_process and hashes_used != hashes_kept():
        try:
            write_text(HASHES, json.dumps(hashes_used))
        except OSError:
            pass  # a folder that may only be read: the next run makes them again


def fingerprint(folder, pattern):
    """A hash of the names, sizes and times of the files in a folder, so that a changed folder reruns its reader."""
    files = matching_files(folder, pattern, "pattern")
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(f"{file.relative_to(folder)} {status.st_size} {status.st_mtime_ns}\n".encode())
    return f"{len(files)} files {digest.hexdigest()[:16]}"


def existing(path, where):
    """A path that must be there before any job starts, unless a job fetches it."""
    if not Path(path).exists() and path not in ASKED.files:
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
            if "retrieve" not in source:
                matching(source["folder"], source["pattern"], f"morphology.sources.{name}")
            for key in ("index", "annotation", "structure_tree", "soma_table"):
                if key in source and not ("retrieve" in source and key == "index"):
                    existing(source[key], f"morphology.sources.{name}.{key}")
            if "somata" in source.get("retrieve", {}):
                existing(source["retrieve"]["somata"], f"morphology.sources.{name}.retrieve.somata")
    for name, table in TABLES.items():
        for key in ("path", "nz_path"):
            if key in table:
                existing(table[key], f"motifs.tables.{name}.{key}")
    for name, graph in GRAPHS.items():
        existing(graph["path"], f"motifs.graphs.{name}.path")
    for name, prior in CONFIG["priors"].items():
        path = TABLES.get(prior.get("source"), {}).get("path")
        if path and Path(path).exists():  # else it is still to be fetched
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


def expire_unfinished():
    """Make the kept outputs of jobs that began and did not end well old.

    `update()` keeps what was written earlier when a job fails or is killed, but gives it a new time, and the
    next run would take it for up to date. Jobs list their outputs while they run (workflow/scripts/job.py);
    what is still listed when a run starts is set back to the epoch.
    """
    if not workflow.is_main_process:
        return
    for mark in BEGUN.glob("[!.]*.txt"):
        for path in mark.read_text().splitlines():
            if os.path.exists(path):
                os.utime(path, (1, 1))
        mark.unlink()


def expire_incomplete():
    """Make the index of a set of neurons old where one of them is gone: it stands for all, and is what rules name."""
    for folder in ASKED.neurons if workflow.is_main_process else ():
        from digimus.retrieval.neurons import is_complete  # not at every start: it brings a client of HTTP

        index = f"{folder}/index.csv"
        if os.path.exists(index) and not is_complete(folder):
            os.utime(index, (1, 1))


def clear_half_written():
    """Remove the temporary files of killed jobs; only when workflow/run.sh knows that no other run is alive."""
    if workflow.is_main_process and os.getenv("DIGIMUS_ALONE"):
        for folder in (RESULTS, SIMULATED_FOLDER, BEGUN):
            for path in Path(folder).rglob(".writing-*"):
                path.unlink(missing_ok=True)


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
expire_unfinished()
expire_incomplete()
