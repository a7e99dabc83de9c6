"""Runs that are killed, disks that fill up, two runs at once: nothing is lost, and the same command finishes.

DIGIMUS_KILLS           how many moments are tried (3; `make faults`: 20)
DIGIMUS_KILLS_PER_RUN   how many of them strike one run and its restarts (3; `make faults`: 1)
DIGIMUS_KILLS_SEED      the seed of the moments; drawn and printed without it
DIGIMUS_KILLS_TABLE     a CSV file to which moments and outcomes are added
"""

import os
import random
import re
import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import pytest

from fault_runs import A_JOB, COMMAND, Course, Run, differences, half_written, jobs_done, project
from whole_runs import overlay, tables

pytestmark = pytest.mark.workflow
N_KILLS = int(os.environ.get("DIGIMUS_KILLS", 3))
PER_RUN = int(os.environ.get("DIGIMUS_KILLS_PER_RUN", 3))
SEED = int(os.environ.get("DIGIMUS_KILLS_SEED") or random.SystemRandom().randrange(10**6))
N_RUNS = -(-N_KILLS // PER_RUN)
BY_HAND = ["snakemake", "--cores", "2", "--configfile", "config/tiny.yaml"]


@pytest.fixture(autouse=True)
def none_left():
    """End what a test has started and not ended."""
    yield
    while Run.started:
        Run.started.pop().kill()


@pytest.fixture(scope="module")
def both(root, tmp_path_factory):
    """A copy of the project with the results of one run, and the others that were tried while it ran."""
    folder = project(root, tmp_path_factory.mktemp("whole") / "project")
    run = Run(folder, folder.parent / "whole.log")
    assert run.wait_for(run.jobs), run.text[-3000:]
    other = overlay(folder, "other", {"results_dir": "results/other"})
    tried = {
        "the same": COMMAND,
        "another configuration": [*COMMAND, f"CONFIG={' '.join(other)}"],
        "snakemake": BY_HAND,
    }
    tried = {name: Run(folder, folder.parent / f"{name}.log", command) for name, command in tried.items()}
    ends = {name: (second.finish(), second.text, run.over()) for name, second in tried.items()}
    assert run.finish() == 0, run.text[-3000:]
    assert "Setting up" not in run.text
    return folder, ends


@pytest.fixture(scope="module")
def whole(both):
    """A copy of the project with the results of one run that nothing interrupted."""
    return both[0]


def moments(course):
    """Where each run is struck: once in every stage, the rest evenly over the time of a whole run.

    Returns for each run a mapping from stage, or number of jobs done, to a share of the stage's longest job,
    or a number of seconds.
    """
    drawn, stages = random.Random(SEED), list(course.rules)
    found = [(stage, drawn.random()) for stage in drawn.sample(stages, min(N_KILLS, len(stages)))]
    n_even = N_KILLS - len(found)
    for k in range(n_even):
        at_s = course.lasting_s * (k + drawn.random()) / n_even
        n_done = sum(end_s <= at_s for end_s in course.ends_s)
        found.append((n_done, at_s - max([0, *course.ends_s[:n_done]])))
    return [dict(found[k::N_RUNS]) for k in range(N_RUNS)]


def reached(run, wanted, course):
    """The moment that a run has come to, None if to none. Restarts need not take stages in the same order."""
    running = set(run.jobs().values())
    for where in wanted:
        if jobs_done(run.folder) >= where if isinstance(where, int) else running & set(course.rules[where]):
            return where
    return None


def strike(run, wanted, course):
    """Kill a run at the first moment that it comes to.

    Returns the moment (None if the run was over before), how much later it was in s, and what was running.
    """
    seen = []
    run.wait_for(lambda: seen.append(reached(run, wanted, course)) or seen[-1] is not None)
    if (where := seen[-1]) is None:
        return None, 0, []
    later_s = wanted[where]
    if isinstance(where, str):
        later_s *= max(course.rule_s[rule] for rule in course.rules[where])
    until = time.monotonic() + later_s
    run.wait_for(lambda: time.monotonic() >= until)
    return (None, 0, []) if run.over() else (where, later_s, run.kill())


@pytest.mark.parametrize("number", range(N_RUNS))
def test_a_run_that_was_killed_is_finished_by_the_same_command(whole, root, tmp_path, number):
    course = Course(whole)
    print(f"DIGIMUS_KILLS_SEED={SEED} DIGIMUS_KILLS={N_KILLS} DIGIMUS_KILLS_PER_RUN={PER_RUN}")
    copy = project(root, tmp_path / "project")
    rows, wanted = [], moments(course)[number]
    while wanted:
        run = Run(copy, tmp_path / f"run{len(rows)}.log")
        where, later_s, running = strike(run, wanted, course)
        if where is None:
            break  # it was faster than we could look
        del wanted[where]
        left = half_written(copy)
        rows.append({
            "seed": SEED, "run": number, "kill": len(rows), "jobs_done": jobs_done(copy),
            "wanted": where if isinstance(where, str) else f"{where} jobs done", "later_s": f"{later_s:.1f}",
            "running": " ".join(running) or "no job",
            "temporary_files": sum(isinstance(item, Path) for item in left),
        })  # fmt: skip
        print(rows[-1])
        assert not [item for item in left if isinstance(item, str)]
    last = Run(copy, tmp_path / "last.log")
    status = last.finish()
    lacking = differences(whole, copy)
    outcome = f"exit {status}, {'the same tables' if not lacking else f'{len(lacking)} differ'}"
    keep([{**row, "restart_s": round(last.seconds, 1), "outcome": outcome} for row in rows])
    assert status == 0, last.text[-3000:]
    assert not lacking
    assert rows and len(wanted) < PER_RUN / 2, f"never seen: {', '.join(map(str, wanted))}"


@pytest.mark.parametrize(
    "name, words",
    [
        ("the same", "Another 'make figures' is running in this folder"),
        ("another configuration", "Another 'make figures' is running in this folder"),
        ("snakemake", "Directory cannot be locked"),
    ],
)
def test_a_second_run_is_refused_while_the_first_goes_on(both, name, words):
    status, text, over = both[1][name]
    assert status != 0 and words in text and not over
    assert "Traceback" not in text and not A_JOB.search(text)


def test_make_figures_is_refused_beside_a_snakemake_that_was_started_by_hand(root, tmp_path):
    copy = project(root, tmp_path / "project")
    first = Run(copy, tmp_path / "first.log", BY_HAND)
    assert first.wait_for(first.jobs)
    (tmp_path / "link").symlink_to(copy)
    second = Run(tmp_path / "link", tmp_path / "second.log")
    assert second.finish() != 0 and not first.over()
    assert f"snakemake is running in this folder (process {first.process.pid})" in second.text
    first.kill()


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_ends_in_order(root, tmp_path, sent):
    copy = project(root, tmp_path / "project")
    run = Run(copy, tmp_path / "run.log")
    assert run.wait_for(lambda: jobs_done(copy) and run.jobs())
    if sent == signal.SIGINT:
        os.killpg(run.process.pid, sent)  # as a terminal does
    else:
        run.process.terminate()
        until = time.monotonic() + 120  # Snakemake's own handler takes a lock that its thread may hold
        run.wait_for(lambda: time.monotonic() > until)
        if not run.over():
            run.kill()
    assert run.finish() != 0
    assert run.gone() and "Traceback" not in run.text
    assert not half_written(copy)
    done = jobs_done(copy)
    again = Run(copy, tmp_path / "again.log")
    assert again.wait_for(again.jobs), again.text[-3000:]
    assert jobs_done(copy) >= done
    assert not re.search("^rule simulate_recordings:", again.text, re.M)  # what was done is not done again
    again.kill()


def test_jobs_that_outlive_snakemake_are_stopped_before_the_next_run(root, tmp_path):
    copy = project(root, tmp_path / "project")
    run = Run(copy, tmp_path / "run.log")
    assert run.wait_for(run.jobs)
    orphans = set(run.jobs())
    for number in orphans:
        os.kill(number, signal.SIGSTOP)  # one that does not even heed SIGTERM
    os.kill(run.snakemake(), signal.SIGKILL)
    run.process.wait()
    assert orphans <= set(run.members())
    again = Run(copy, tmp_path / "again.log")
    assert again.wait_for(again.jobs), again.text[-3000:]
    assert not run.members()
    for number in orphans:
        assert f"Stopping a job that outlived its run (process {number})" in again.text
    assert "Clearing the lock of a run that was killed" in again.text
    again.kill()


def test_a_job_that_was_killed_alone_is_run_again(whole, tmp_path):
    copy = tmp_path / "project"
    shutil.copytree(whole, copy, symlinks=True)
    evaluation = copy / "results/tiny/evaluation"
    scores = (evaluation / "scores.csv").read_text().splitlines(keepends=True)
    (evaluation / "scores.csv").write_text("".join(scores[:-1]))  # new input
    shutil.rmtree(copy / "results/tiny/.checksums")
    command = [BY_HAND[0], "compare_cells", *BY_HAND[1:]]
    before = (evaluation / "controls.csv").read_bytes()
    run = Run(copy, tmp_path / "run.log", command)
    assert run.wait_for(lambda: list((copy / ".snakemake/digimus-begun").glob("[!.]*"))), run.text[-3000:]
    os.kill(next(iter(run.jobs())), signal.SIGKILL)
    assert run.finish() != 0 and "compare_cells" in run.text
    assert (evaluation / "controls.csv").read_bytes() == before
    plan = Run(copy, tmp_path / "plan.log", [*command, "--dry-run"])
    assert plan.finish() == 0
    assert "compare_cells" in re.findall(r"^rule (\w+):", plan.text, re.M)  # what is kept is not up to date


def in_a_small_disk(copy, script):
    """Run a script of the shell where results/ is a disk of its own that nobody else sees."""
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("mounting a small disk needs root and unshare")
    stage = "bash workflow/run.sh --cores 2 motifs tasks --configfile config/tiny.yaml"
    script = f"stage='{stage}'\nmkdir -p results\n{script}"
    done = Run(copy, copy.parent / "script.log", ["unshare", "--mount", "bash", "-c", script])
    done.finish()
    if "permission denied" in done.text or "not permitted" in done.text:
        pytest.skip(f"no disk can be mounted here: {done.text.strip()}")
    assert done.process.returncode == 0, done.text


def test_a_disk_that_fills_up_is_named_and_loses_nothing(whole, root, tmp_path):
    copy = project(root, tmp_path / "project")
    parts = [whole / "results/tiny" / name for name in ("morphology", "motifs")]
    n_bytes = sum(path.stat().st_size for part in parts for path in part.rglob("*") if path.is_file())
    # Enough for the first jobs; the graphs, the logs and whole pages come on top.
    script = f"""
        mount -t tmpfs -o size={n_bytes} tmpfs results || exit 1
        $stage >../full.log 2>&1; echo $? >../full.status
        cp -a results ../kept
        mount -o remount,size=200m results
        $stage >../again.log 2>&1; echo $? >../again.status
        cp -a results ../after
    """
    in_a_small_disk(copy, script)
    full, again = ((tmp_path / f"{name}.log").read_text() for name in ("full", "again"))
    assert (tmp_path / "full.status").read_text() != "0\n"
    assert "The disk is full." in full and f"on {copy / 'results'}" in full and "hint:" in full
    assert "Traceback" not in full, full
    (tmp_path / "kept" / "results").symlink_to(tmp_path / "kept")
    (tmp_path / "after" / "results").symlink_to(tmp_path / "after")
    assert not half_written(tmp_path / "kept")
    assert (tmp_path / "again.status").read_text() == "0\n", again[-3000:]
    kept, after, mine = (tables(place) for place in (tmp_path / "kept", tmp_path / "after", whole))
    assert kept and len(after) > 10
    assert all(mine[name] == text for found in (kept, after) for name, text in found.items())
    assert not half_written(tmp_path / "after")


def test_results_that_may_only_be_read_are_named_before_any_job(root, tmp_path):
    copy = project(root, tmp_path / "project")
    script = """
        mount -t tmpfs tmpfs results || exit 1
        echo kept >results/mine
        mount -o remount,ro results
        $stage >../run.log 2>&1; echo $? >../run.status
        cp -a results ../kept
    """
    in_a_small_disk(copy, script)
    text = (tmp_path / "run.log").read_text()
    assert (tmp_path / "run.status").read_text() != "0\n"
    assert "A disk is read-only." in text and "results/tiny" in text and "hint:" in text
    assert "Traceback" not in text and not re.search(r"^rule \w+:", text, re.M), text
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["mine"]


def keep(rows):
    """Add rows to the table of moments and outcomes, if one is wanted."""
    if path := os.environ.get("DIGIMUS_KILLS_TABLE"):
        path = Path(path)
        pd.DataFrame(rows).to_csv(path, mode="a", header=not path.exists(), index=False)
