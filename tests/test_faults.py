"""Runs that are killed, disks that fill up, two runs at once: nothing is lost, and the same command finishes.

DIGIMUS_KILLS           how many moments are tried (3; `make faults`: 20)
DIGIMUS_KILLS_PER_RUN   how many of them strike one run and its restarts (3; `make faults`: 1)
DIGIMUS_KILLS_SEED      the seed of the moments; drawn and printed without it
DIGIMUS_KILLS_TABLE     a CSV file to which moments and outcomes are added
"""

import os
import random
import time
from pathlib import Path

import pandas as pd
import pytest

from fault_runs import Run, differences, durations_s, half_written, project, stages, steps_done

pytestmark = pytest.mark.workflow
N_KILLS = int(os.environ.get("DIGIMUS_KILLS", 3))
PER_RUN = int(os.environ.get("DIGIMUS_KILLS_PER_RUN", 3))
SEED = int(os.environ.get("DIGIMUS_KILLS_SEED") or random.SystemRandom().randrange(10**6))
N_RUNS = -(-N_KILLS // PER_RUN)


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory):
    """A copy of the project with the results of one run that nothing interrupted, and how long it took in s."""
    folder = project(root, tmp_path_factory.mktemp("whole") / "project")
    run = Run(folder, folder.parent / "whole.log")
    assert run.finish() == 0, run.text[-3000:]
    assert "Setting up" not in run.text
    return folder, run.seconds


def moments(folder, duration_s):
    """Where each run is struck: by stage, every stage before one comes twice, and then evenly over the time.

    Returns a list for each run, in the order in which a whole run comes past.
    """
    drawn, reached = random.Random(SEED), stages(folder)
    names = list(reached)
    chosen = drawn.sample(names, min(N_KILLS, len(names)))
    chosen = [("stage", name) for name in sorted(chosen, key=names.index)]
    n_even = N_KILLS - len(chosen)
    even = [("time", duration_s * (k + drawn.random()) / n_even) for k in range(n_even)]
    runs = [chosen[k::N_RUNS] for k in range(N_RUNS)]
    for k, moment in enumerate(even):
        runs[min(range(N_RUNS), key=lambda run: (len(runs[run]), run))].insert(0, moment)
    return [[(*moment, drawn.random()) for moment in moments_of_run] for moments_of_run in runs]


def strike(run, kind, value, share, rules, lasting_s):
    """Kill a run at its moment; returns the rules that were running, None if the run was over before."""
    if kind == "time":
        reached = run.wait_for(lambda: run.seconds >= value)
    else:
        reached = run.wait_for(lambda: set(run.jobs().values()) & set(rules[value]))
        if reached:
            rule = next(rule for rule in run.jobs().values() if rule in rules[value])
            until = time.monotonic() + share * lasting_s[rule]
            run.wait_for(lambda: time.monotonic() >= until)
    return None if run.over() else run.kill()


@pytest.mark.parametrize("number", range(N_RUNS))
def test_a_run_that_was_killed_is_finished_by_the_same_command(whole, root, tmp_path, number):
    folder, duration_s = whole
    rules, lasting_s = stages(folder), durations_s(folder)
    print(f"DIGIMUS_KILLS_SEED={SEED} DIGIMUS_KILLS={N_KILLS} DIGIMUS_KILLS_PER_RUN={PER_RUN}")
    copy = project(root, tmp_path / "project")
    rows = []
    for k, (kind, value, share) in enumerate(moments(folder, duration_s)[number]):
        run = Run(copy, tmp_path / f"run{k}.log")
        running = strike(run, kind, value, share, rules, lasting_s)
        wanted = value if kind == "stage" else f"after {value:.0f} s of {duration_s:.0f}"
        rows.append({
            "seed": SEED, "run": number, "kill": k, "wanted": wanted, "after_s": round(run.seconds, 1),
            "running": "over already" if running is None else " ".join(running) or "no job",
            "steps_done": steps_done(run.text), "left_half": len(list(copy.rglob(".writing-*"))),
            "half_under_final_name": len([x for x in half_written(copy) if isinstance(x, str)]),
        })  # fmt: skip
        print(rows[-1])
        assert rows[-1]["half_under_final_name"] == 0, half_written(copy)
    last = Run(copy, tmp_path / "last.log")
    status = last.finish()
    lacking = differences(folder, copy)
    outcome = f"exit {status}, {'the same tables' if not lacking else f'{len(lacking)} differ'}"
    keep([{**row, "restart_s": round(last.seconds, 1), "outcome": outcome} for row in rows])
    assert status == 0, last.text[-3000:]
    assert not lacking
    assert any(row["running"] != "over already" for row in rows)


def keep(rows):
    """Add rows to the table of moments and outcomes, if one is wanted."""
    if path := os.environ.get("DIGIMUS_KILLS_TABLE"):
        path = Path(path)
        pd.DataFrame(rows).to_csv(path, mode="a", header=not path.exists(), index=False)
