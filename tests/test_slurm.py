"""The workflow on a real SLURM, which the tests start on this machine, through profiles/slurm."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slurm_cluster import SlurmCluster, members, missing
from trained_files import arrays_of, assert_same
from whole_runs import SNAKEMAKE, copy_of, overlay, tables

pytestmark = pytest.mark.workflow
with_slurm = pytest.mark.skipif(bool(missing()), reason=missing() or "SLURM is there")
POLLING = ("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "2")
LIMIT_S = 1200
DECODERS = "rule_train_decoders_wildcards_visual_digimus_"


def started(cluster, folder, *arguments, config=("config/tiny.yaml",)):
    """Snakemake on a cluster, in a copy of the project; it ends with the cluster."""
    command = [SNAKEMAKE, *arguments, "--profile", "profiles/slurm", "--latency-wait", "10", *POLLING]
    environment = {key: value for key, value in cluster.environment.items() if key != "PYTHONPATH"}
    return subprocess.Popen(
        [*command, "--configfile", *config],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def until(found, what, run=None):
    """What `found` returns once that is something; the run that it depends on must not have ended."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        if value := found():
            return value
        assert run is None or run.poll() is None, f"the run ended before {what}"
        time.sleep(0.2)
    raise AssertionError(f"waited {LIMIT_S} s for {what}")


def script_of(cluster, comment):
    """(job, process) of the script that a running job has come to, or None."""
    for job in cluster.squeue("RUNNING"):
        if job["comment"] == comment:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    inside = f"SLURM_JOB_ID={job['id']}\0".encode() in (process / "environ").read_bytes()
                    scripts = b".snakemake/scripts/" in (process / "cmdline").read_bytes()
                    ours = str(cluster.folder).encode() in (process / "environ").read_bytes()
                except OSError:
                    continue
                if inside and scripts and ours:
                    return job["id"], int(process.name)
    return None


def strike(cluster, struck):
    """Cancel one job and stop another's script, each once it is there: they are short. Whether both were."""
    for prior, hit in (
        ("none", lambda job, _: cluster.scancel(job)),
        ("feedforward", lambda _, process: os.kill(process, signal.SIGSTOP)),  # it hangs beyond its minute
    ):
        if prior not in struck and (found := script_of(cluster, DECODERS + prior)):
            hit(*found)
            struck.add(prior)
    return len(struck) == 2


def asked(cluster, job, key):
    """What a job asked for, as `scontrol show job` has it."""
    return re.search(rf"\b{key}=(\S+)", cluster.scontrol("show", "job", job))[1]


def test_every_rule_that_goes_to_slurm_says_what_it_asks_for(root):
    text = "\n".join(path.read_text() for path in sorted((root / "workflow/rules").glob("*.smk")))
    local = " ".join(re.findall(r"^localrules:\n((?: +\w+,\n)+)", text, re.M))
    rules = re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)*)", text, re.M)
    working = [(name, body) for name, body in rules if "script:" in body]
    assert len(working) > 30
    for name, body in working:
        asks = "mem_mb=" in body and "runtime=" in body
        assert asks or f" {name}," in local, name
        if name.startswith("retrieve"):
            assert f" {name}," in local, f"{name} needs the network, which compute nodes may lack"


@with_slurm
def test_a_whole_run_on_slurm_has_the_tables_of_a_local_run(root, finished, tmp_path):
    folder = copy_of(root, tmp_path / "project")
    with SlurmCluster(cpus=4, memory_mb=16000) as cluster:
        run = started(cluster, folder, "--slurm-array-jobs", "region_graph,region_view")
        text, _ = run.communicate(timeout=LIMIT_S)
        jobs = cluster.squeue()
    assert run.returncode == 0, text[-3000:]
    assert {job["state"] for job in jobs} == {"COMPLETED"}
    local, here = tables(finished[0]), tables(folder)
    assert len(local) > 60 and here.keys() == local.keys()
    assert [name for name in local if here[name] != local[name]] == []
    arrays = [job for job in jobs if "_" in job["id"]]
    assert len(arrays) == 4, "two regions of each of two rules"
    assert len([job for job in jobs if job["comment"].startswith("rule_ends_")]) < 3, "figures go together"


@with_slurm
def test_slurm_jobs_that_are_killed_are_tried_again_and_nothing_is_lost(finished, tmp_path):
    """scancel, too little memory and time, a drained node and a controller started again, in one run."""
    folder = tmp_path / "project"
    shutil.copytree(finished[0], folder, symlinks=True)
    shutil.rmtree(folder / "results/tiny/training")
    (folder / "results/tiny/evaluation/scores.csv").unlink()
    rules = folder / "workflow/rules/training.smk"
    text = rules.read_text()
    text = text.replace(
        "memory(TRAINING_MB),\n        runtime=RULE_MINUTES", "memory(350),\n        runtime=9"
    )
    rules.write_text(text.replace("runtime=DECODING_MINUTES", "runtime=minutes(1)"))
    with SlurmCluster(n_nodes=2, cpus=4, memory_mb=16000) as cluster:
        run = started(cluster, folder, "results/tiny/evaluation/scores.csv")
        struck = set()
        until(lambda: strike(cluster, struck), "jobs to cancel and to stop", run)
        cluster.drain("node1")
        last = max(int(job["id"]) for job in cluster.squeue())
        later = until(
            lambda: [job for job in cluster.squeue() if int(job["id"]) > last and job["nodes"]],
            "a retry",
            run,
        )
        assert {job["nodes"] for job in later} == {"node2"}
        cluster.resume("node1")
        cluster.restart_controller(pause_s=3)
        text, _ = run.communicate(timeout=LIMIT_S)
        if run.returncode:
            again = started(cluster, folder, "results/tiny/evaluation/scores.csv")
            text += again.communicate(timeout=LIMIT_S)[0]
            assert again.returncode == 0, text[-3000:]
        jobs = cluster.squeue()
        of = {comment: [] for comment in sorted({job["comment"] for job in jobs})}
        for job in sorted(jobs, key=lambda job: int(job["id"])):
            of[job["comment"]].append(job)
        states = {comment: [job["state"] for job in tries] for comment, tries in of.items()}
        trainings = [tries for comment, tries in of.items() if "train_task" in comment]
        memory = [[asked(cluster, job["id"], "MinMemoryNode") for job in tries] for tries in trainings]
        limits = [asked(cluster, job["id"], "TimeLimit") for job in of[f"{DECODERS}feedforward"]]
    assert all(tries.count("COMPLETED") == 1 and tries[-1] == "COMPLETED" for tries in states.values()), (
        states
    )
    assert len(states) == 5, "two trainings, two of decoders, and the scores; nothing else is computed again"
    assert states[f"{DECODERS}none"][0] == "CANCELLED" and states[f"{DECODERS}feedforward"][0] == "TIMEOUT"
    assert limits[:2] == ["00:01:00", "00:02:00"]
    assert all(tries[0]["state"] in ("FAILED", "OUT_OF_MEMORY") for tries in trainings)
    assert [asked_mb[:2] for asked_mb in memory] == [["350M", "700M"]] * 2
    assert tables(folder) == tables(finished[0])
    for path in (finished[0] / "results/tiny/training").rglob("*.h5"):
        assert_same(arrays_of(folder / path.relative_to(finished[0])), arrays_of(path))


@with_slurm
def test_a_failed_slurm_job_shows_its_message_and_gpus_have_the_flavour_of_the_profile(root, tmp_path):
    folder = copy_of(root, tmp_path / "project")
    rules = {"tasks": ["go", "dm1"], "learning_rate": {"digimus": 0.02}}
    config = overlay(folder, "gpus", {"training": {"device": "cuda", "rules": rules}})
    cells = [f"results/tiny/training/rules/{task}/digimus/none.h5" for task in ("go", "dm1")]
    with SlurmCluster(cpus=4, memory_mb=16000, gpus="a100:2") as cluster:
        options = ("--slurm-array-jobs", "train_task", "--set-resources", "train_task:gpu_model=a100")
        run = started(cluster, folder, *cells, *options, "--retries", "0", config=config)
        text, _ = run.communicate(timeout=LIMIT_S)
        jobs = {job["id"]: job["state"] for job in cluster.squeue()}
        flavours = {asked(cluster, job, "TresPerJob") for job in jobs}
        starts, ends = ([asked(cluster, job, key) for job in jobs] for key in ("StartTime", "EndTime"))
    assert run.returncode
    assert jobs == {"1_1": "FAILED", "1_2": "FAILED"}, "an array of two"
    assert flavours == {"gres:gpu:a100:1"}
    assert max(starts) < min(ends), "two at once, whatever the cap of a workstation"
    assert "InputError" in text and "training.device" in text, text[-3000:]


@with_slurm
def test_a_slurm_stops_by_itself_when_who_started_it_is_killed():
    code = "from slurm_cluster import *; cluster = SlurmCluster().start(); cluster.sbatch('sleep 300')"
    child = subprocess.Popen(
        [sys.executable, "-c", f"{code}; print(cluster.folder, flush=True); time.sleep(300)"],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        text=True,
    )
    folder = Path(child.stdout.readline().strip())
    assert len(members(folder)) >= 3, "munged, slurmctld, slurmd"
    child.kill()
    child.wait()
    until(lambda: not members(folder) and not folder.exists(), "the cluster to stop")
