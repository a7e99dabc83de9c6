"""The training grid on a real SLURM of this machine, on one slot and on two, and what a job costs besides.

Six cells of a few seconds are trained one after the other and two at once, as jobs of a SLURM that is started
for this and as a local run. What a job costs beyond training does not depend on how long it trains, so its
share of the paper's grid follows from the time that the paper's cells will take.
"""

import sys
import time
from dataclasses import dataclass
from datetime import datetime
from statistics import mean

import yaml

import harness
from digimus.storage import write_text
from digimus.training.estimate import estimate, read_configuration
from whole import ROOT, run_workflow

sys.path.insert(0, str(ROOT / "tests"))
from slurm_cluster import SlurmCluster, missing

SLOTS = (1, 2)
TARGET = "training"
FILES = "train_task/*/*/*"
# The profile, with the state of jobs asked for early: these are short, and there is no accounting here.
SLURM = f"--profile {ROOT}/profiles/slurm --slurm-status-command squeue --slurm-no-account".split()
SLURM += "--slurm-init-seconds-before-status-checks 2".split()
WAYS = {
    "SLURM": [],
    "SLURM, as an array": ["--slurm-array-jobs", "train_task"],
    "SLURM, in groups of 3": "--groups train_task=grid --group-components grid=3 --cores 1".split(),
}
QUICK = {"tasks": ["dm1", "dm2"], "n_updates": 4, "validate_every": 2}
GOAL_SPEED_UP = 1.8  # on two slots
GOAL_SHARE = 15.0  # percent


@dataclass(frozen=True)
class Run:
    """One run of the grid, in seconds.

    Attributes
    ----------
    n_slots, n_jobs : int
    time_s : float
        From the command to the end of the last job.
    waited_s : float
        From then until Snakemake knows of it and ends.
    span_s : float
        From the start of the first job to the end of the last.
    training_s : float
        All jobs together, from the first line of a script's log to its last.
    start_s : float
        Mean from the start of a job to the first line of its script's log.
    """

    n_slots: int
    n_jobs: int
    time_s: float
    waited_s: float
    span_s: float
    training_s: float
    start_s: float

    @property
    def beyond_s(self):
        """Seconds of a slot that a job takes beyond its training, the change to the next job included."""
        return (self.n_slots * self.span_s - self.training_s) / self.n_jobs


def measure(folder, out, quick=False):
    """Every way of running the grid once; needs SLURM's programs, and to be root.

    Parameters
    ----------
    folder : Path
        For the workflow's results, removed afterwards by the caller.
    out : Path
        Not used.
    quick : bool
        Two cells of few updates, to see that it runs.

    Returns
    -------
    pandas.DataFrame
        Columns of every benchmark.
    """
    if reason := missing():
        raise SystemExit(f"The scaling of the grid cannot be measured: {reason}")
    _local(_workplace(folder / "warm", quick=True), 1)  # so that nothing is compiled while it is timed
    runs = {}
    for n_slots in SLOTS:
        runs["local", n_slots] = _local(_workplace(folder / f"local{n_slots}", quick), n_slots)
    for n_slots in SLOTS:
        with SlurmCluster(cpus=n_slots) as cluster:
            for way, options in WAYS.items() if n_slots > 1 else [("SLURM", [])]:
                workplace = _workplace(folder / f"{way.replace(' ', '_')}{n_slots}", quick)
                runs[way, n_slots] = _on_slurm(workplace, cluster, n_slots, options)
    for (way, n_slots), run in runs.items():
        print(
            f"  {way}, {n_slots} at once: {run.time_s:.1f} s, {run.training_s:.1f} s of it training",
            flush=True,
        )
    return harness.table([*rows_of(runs), *paper_rows(runs["SLURM", 1].beyond_s)])


def rows_of(runs):
    """Rows of the table from runs by way and number of slots."""
    one, two = runs["SLURM", 1], runs["SLURM", 2]
    rows = [
        _row(
            f"{one.n_jobs} cells, {way}, 2 slots",
            runs[way, 2].time_s,
            runs[way, 1].time_s,
            "1 slot",
            GOAL_SPEED_UP,
        )
        for way in ("SLURM", "local")
    ]
    for way in WAYS:
        rows.append(
            _row(f"{one.n_jobs} cells, {way}, 2 slots", runs[way, 2].time_s, runs["local", 2].time_s, "local")
        )
    rows.append(_row("training in all jobs, SLURM", one.training_s, runs["local", 1].training_s, "local"))
    rows.append(_row("a job beyond its training, SLURM", one.beyond_s, runs["local", 1].beyond_s, "local"))
    rows.append(
        _row("of that, before its script's first line", one.start_s, runs["local", 1].start_s, "local")
    )
    rows.append(_row("the command's end after the last job's, SLURM, 2 slots", two.waited_s))
    return rows


def paper_rows(beyond_s):
    """Rows of the share that `beyond_s` a job has in the paper's grid: of all jobs, and of the shortest."""
    costs = estimate(read_configuration(ROOT, [ROOT / "config/paper.yaml"]))
    seconds = [3600 * hours for cost in costs for hours in cost.job_hours]
    shares = {f"mean of {len(seconds)} jobs": mean(seconds), "shortest job": min(seconds)}
    rows = []
    for of, training_s in shares.items():
        row = _row(f"beyond training, paper's grid, {of}, {training_s:.0f} s", _percent(beyond_s, training_s))
        rows.append({**row, "unit": "%", "goal": GOAL_SHARE, "met": row["ours"] <= GOAL_SHARE})
    return rows


def _percent(beyond_s, training_s):
    return 100 * beyond_s / (beyond_s + training_s)


def _row(case, ours, peer=None, peer_name=None, goal=None):
    row = {"case": case, "ours": ours, "unit": "s", "ours_min": ours}
    if peer is not None:
        row |= {"peer": peer, "peer_name": peer_name, "peer_min": peer, "ratio": peer / ours}
    return row if goal is None else {**row, "goal": goal, "met": row["ratio"] >= goal}


def _workplace(workplace, quick):
    """A folder in which the workflow finds its configuration."""
    workplace.mkdir(parents=True)
    (workplace / "config").symlink_to(ROOT / "config")
    settings = yaml.safe_load((ROOT / "benchmarks/scaling.yaml").read_text())
    settings["training"]["rules"] |= QUICK if quick else {}
    write_text(workplace / "scaling.yaml", yaml.safe_dump(settings))
    return workplace


def _local(workplace, n_slots):
    begin = time.time()
    run_workflow(workplace, TARGET, "scaling.yaml", options=("--cores", n_slots))
    end = time.time()
    tables = list((workplace / "results/benchmarks/rules").glob(f"{FILES}.tsv"))
    starts = {table: table.stat().st_mtime - _seconds_of(table) for table in tables}
    logs = _logs(workplace)
    firsts = [start for start, _ in logs.values()]
    return Run(
        n_slots=n_slots,
        n_jobs=len(tables),
        time_s=end - begin,
        waited_s=0.0,
        span_s=max(table.stat().st_mtime for table in tables) - min(starts.values()),
        training_s=sum(last - first for first, last in logs.values()),
        start_s=mean(firsts) - mean(starts.values()),
    )


def _on_slurm(workplace, cluster, n_slots, options):
    """A run on a cluster with so many slots."""
    before = {job["JobId"] for job in _jobs(cluster)}
    begin = time.time()
    options = [*SLURM, *options]
    run_workflow(workplace, TARGET, "scaling.yaml", options=options, environment=cluster.environment)
    end = time.time()
    jobs = [job for job in _jobs(cluster) if job["JobId"] not in before]
    starts, ends = ([_seconds(job[key]) for job in jobs] for key in ("StartTime", "EndTime"))
    logs = _logs(workplace)
    return Run(
        n_slots=n_slots,
        n_jobs=len(logs),
        time_s=max(ends) - begin,
        waited_s=end - max(ends),
        span_s=max(ends) - min(starts),
        training_s=sum(last - first for first, last in logs.values()),
        start_s=mean(first for first, _ in logs.values())
        - mean(starts),  # no meaning where a job has many cells
    )


def _jobs(cluster):
    """What SLURM knows of its jobs, as {key: value}."""
    lines = cluster.scontrol("-o", "show", "job").splitlines()
    records = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in lines]
    return [record for record in records if "JobId" in record]


def _logs(workplace):
    """When the script of each cell wrote the first and the last line of its log, by the log's path."""
    found = {}
    for path in (workplace / "results/logs").glob(f"{FILES}.log"):
        lines = path.read_text().splitlines()
        found[path] = tuple(_seconds(line[:23].replace(",", ".")) for line in (lines[0], lines[-1]))
    return found


def _seconds(text):
    """Local time as SLURM and the logs write it, to seconds since 1970; SLURM writes whole seconds."""
    return datetime.fromisoformat(text).timestamp()


def _seconds_of(table):
    """Seconds of a job from the table that Snakemake writes."""
    return float(table.read_text().splitlines()[1].split("\t")[0])
