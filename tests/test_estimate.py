"""The estimate of costs: it counts what is trained, and times what it says."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

import digimus.training.estimate as module
from digimus.models import build
from digimus.tasks import make_batch
from digimus.training.__main__ import main
from digimus.training.estimate import (
    LENGTHS,
    _batch,
    calibrated,
    described,
    estimate,
    kept_timings,
    longest_hours,
    measured,
    merged,
    planned_cells,
    read_configuration,
    trial_lengths,
)
from whole_runs import LEFT_OUT, SNAKEMAKE


@pytest.fixture
def small(root, tmp_path):
    """A checked configuration of two tasks, two models and two seeds."""
    overlay = tmp_path / "small.yaml"
    overlay.write_text(
        yaml.safe_dump(
            {
                "retention": {"dose": None},
                "training": {
                    "seeds": [1, 2],
                    "search": {"n_updates": 30},
                    "rules": {
                        "models": ["digimus", "lstm"], "tasks": ["go", "dms"],
                        "n_units": 12, "n_updates": 100, "batch_size": 8,
                        "validate_every": 50, "n_validation": 16, "n_test": 32,
                        "learning_rate": {"digimus": [0.001, 0.01, 0.02], "lstm": 0.01},
                    },
                }
            }
        )
    )  # fmt: skip
    return read_configuration(root, [overlay])


def one_second_a_step(model, batch, term):
    """An update takes a second a step, and ten more with a motif term; an evaluation of the batch a tenth."""
    n_steps = batch.inputs.shape[1]
    return n_steps + (0.0 if term is None else 10.0), 0.1 * n_steps


def costs_of(configuration, cells=None):
    """The estimate for a machine that takes one second a step."""
    planned = planned_cells(configuration) if cells is None else cells
    return estimate(configuration, cells, calibrated(configuration, planned, timed=one_second_a_step))


def test_updates_evaluations_attempts_and_seeds_are_counted(small):
    costs = {(cost.model, cost.prior): cost for cost in costs_of(small)}
    assert list(costs) == [("digimus", "none"), ("digimus", "feedforward"), ("lstm", "none")]
    steps = sum(trial_lengths(task).mean() for task in ("go", "dms"))
    trials = 2 * 16 + 32
    plain = 2 * (100 + trials * 0.1 / 8)
    attempts = 3 * (30 + 16 * 0.1 / 8)
    assert costs["lstm", "none"].hours == pytest.approx(steps * plain / 3600)
    assert costs["digimus", "none"].hours == pytest.approx(steps * (plain + attempts) / 3600)
    guided = 2 * 2 * 100 * 10 / small["training"]["motif_term"]["every"]
    assert costs["digimus", "feedforward"].hours == pytest.approx(
        (steps * (plain + attempts) + guided) / 3600
    )
    assert costs["lstm", "none"].update_ms == pytest.approx(1e3 * steps / 2)
    assert [cost.n_jobs for cost in costs.values()] == [2, 2, 2]
    assert [cost.n_networks for cost in costs.values()] == [10, 10, 4]


def test_networks_for_all_tasks_cost_as_much_again(small):
    small["training"]["rules"]["learning_rate"]["digimus"] = 0.01  # attempts do not grow with the tasks
    alone = sum(cost.hours for cost in costs_of(small))
    small["training"]["rules"]["together"] = "both"
    both = costs_of(small)
    assert sum(cost.hours for cost in both) == pytest.approx(2 * alone)
    assert [cost.n_jobs for cost in both] == [3, 3, 3]
    small["training"]["rules"]["together"] = True
    assert [cost.n_jobs for cost in costs_of(small)] == [1, 1, 1]


def test_models_may_have_tasks_and_priors_of_their_own(small):
    small["training"]["rules"] |= {"tasks_of": {"lstm": ["dms"]}, "priors_of": {"digimus": []}}
    assert planned_cells(small) == [
        ("go", "digimus", "none"), ("dms", "digimus", "none"), ("dms", "lstm", "none")
    ]  # fmt: skip


def test_only_the_jobs_that_are_left_are_counted(small):
    cells = [("dms", "lstm", "none"), ("go", "digimus", "feedforward")]
    left = costs_of(small, cells)
    whole = {(cost.model, cost.prior): cost for cost in costs_of(small)}
    assert [(cost.model, cost.prior, cost.n_jobs) for cost in left] == [
        ("digimus", "feedforward", 1), ("lstm", "none", 1)
    ]  # fmt: skip
    for cost in left:
        assert 0 < cost.hours < whole[cost.model, cost.prior].hours


def test_a_prior_counts_with_the_loss_of_its_own(small):
    small["priors"]["feedforward"]["loss"] = "frequency"
    timings = calibrated(small, planned_cells(small), timed=one_second_a_step)
    assert set(timings["digimus"].term) == {"frequency"} and not timings["lstm"].term


def test_time_that_is_over_leaves_fewer_lengths_and_never_none(small):
    calls = []

    def timed(model, batch, term):
        calls.append(batch.inputs.shape[1])
        return one_second_a_step(model, batch, term)

    timings = calibrated(small, planned_cells(small), timed=timed, seconds=0)
    assert set(calls) == {LENGTHS[0]} and set(timings) == {"digimus", "lstm"}
    for timing in timings.values():
        assert timing.update == {LENGTHS[0]: LENGTHS[0]}
        # In proportion to length, which for one second a step is exact.
        assert timing.mean("update", "go") == pytest.approx(trial_lengths("go").mean())
    whole = calibrated(small, planned_cells(small), timed=timed, seconds=1e6)
    assert all(set(timing.update) == set(LENGTHS) for timing in whole.values())


def test_of_several_timings_the_least_counts_and_the_first_call_does_not(small):
    found = {length: [] for length in LENGTHS}

    def timed(model, batch, term):
        seconds = abs(5 - sum(map(len, found.values())) / 2)  # the least is neither the first nor the last
        found[batch.inputs.shape[1]].append(seconds)
        return seconds, 2 * seconds

    timings = calibrated(small, [("go", "lstm", "none")], timed=timed, seconds=1e6)
    found[LENGTHS[0]].pop(0)
    assert timings["lstm"].update == {length: min(seconds) for length, seconds in found.items()}
    assert all(1 < len(seconds) and min(seconds) < seconds[0] for seconds in found.values())
    assert timings["lstm"].evaluation[40] == pytest.approx(2 * min(found[40]) / 8)


def test_jobs_are_dealt_to_cores_the_longest_first():
    assert longest_hours([1, 1, 1, 1], 2) == 2
    assert longest_hours([5, 1, 1, 1], 4) == 5  # a job is on one core
    assert longest_hours([3, 3, 2, 2, 2], 2) == 7
    assert longest_hours([], 3) == 0


def test_timings_are_kept_for_the_machine_the_code_and_the_settings(small, tmp_path, monkeypatch):
    times = []

    def measuring(model, batch, term):
        times.append(1)
        return one_second_a_step(model, batch, term)

    monkeypatch.setattr(module, "measured", measuring)
    path, cells = tmp_path / "kept.json", planned_cells(small)
    first, when = kept_timings(path, small, cells, "a", 1e6)
    assert when == "just now" and times
    times.clear()
    again, when = kept_timings(path, small, cells, "a", 1e6)
    assert again == first and not times and re.fullmatch(r"on \d{4}-\d\d-\d\d", when)
    assert kept_timings(path, small, cells[:1], "a", 1e6)[0] == {"digimus": first["digimus"]} and not times
    small["priors"]["feedforward"]["loss"] = "kl"
    assert set(kept_timings(path, small, cells, "a", 1e6)[0]["digimus"].term) == {"kl"} and times
    small["training"]["rules"]["batch_size"] = 4
    assert kept_timings(path, small, cells, "a", 1e6)[1] == "just now" and times
    times.clear()
    assert kept_timings(path, small, cells, "b", 1e6)[1] == "just now" and times
    times.clear()
    hasty = tmp_path / "hasty.json"
    for _ in range(2):  # a timing at one length alone is not kept
        assert kept_timings(hasty, small, cells, "a", 0)[1] == "just now"
    times.clear()
    path.write_text("{")
    assert kept_timings(path, small, cells, "a", 1e6)[1] == "just now" and times


def test_trial_lengths_are_those_of_the_batches():
    rng = np.random.default_rng(0)
    drawn = np.mean([make_batch("dlydm1", 1, rng).inputs.shape[1] for _ in range(300)])
    assert trial_lengths("dlydm1").mean() == pytest.approx(drawn, rel=0.1)


def test_batches_have_the_lengths_and_a_model_is_timed_without_being_changed_much():
    model = build("digimus", 85, 33, n_units=8)
    for length in LENGTHS:
        batch = _batch(length, 3)
        assert batch.inputs.shape == (3, length, 85) and batch.mask.shape == batch.targets.shape
        assert batch.reaction_window == (length - 25, length)
    update, evaluation = measured(model, batch, None)
    assert 0 < evaluation < update < 60
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_overlays_are_merged_as_the_workflow_does(tmp_path):
    (tmp_path / "a.yaml").write_text("x: {y: 1, z: [1, 2]}\nv: 3\n")
    (tmp_path / "b.yaml").write_text("x: {z: [5], w: null}\n")
    (tmp_path / "c.yaml").write_text("")
    found = merged(tmp_path / "a.yaml", tmp_path / "b.yaml", tmp_path / "c.yaml")
    assert found == {"x": {"y": 1, "z": [5], "w": None}, "v": 3}


def test_the_grid_of_the_paper_is_the_wanted_one(root):
    paper = read_configuration(root, [root / "config/paper.yaml"])
    costs = costs_of(paper)
    doses = paper["retention"]["dose"]
    others = len(doses["tasks"]) * len(doses["weights"])
    assert sum(cost.n_jobs for cost in costs) == 18 * 5 + others and len(paper["training"]["seeds"]) == 5
    sizes = [cost.n_parameters for cost in costs]
    assert max(sizes) / min(sizes) < 1.05
    rules = paper["training"]["rules"]
    assert len({tuple(rules["learning_rate"][model]) for model in rules["models"]}) == 1


def test_the_command_prints_jobs_and_hours_and_refuses_a_wrong_file(root, tmp_path, small):
    text = described(costs_of(small), n_cores=2, not_counted=["9 jobs of decoding"])
    assert "6 jobs, 24 networks" in text and "on 2 cores" in text and "9 jobs of decoding" in text
    (tmp_path / "wrong.yaml").write_text("trainin: {}\n")
    command = [sys.executable, "-m", "digimus.training", "--estimate", "--configfile"]
    done = subprocess.run(
        [*command, str(tmp_path / "wrong.yaml")], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "trainin" in done.stderr and "Traceback" not in done.stderr


def test_the_command_without_a_task_is_explained(capsys):
    with pytest.raises(SystemExit):
        main([])
    assert "--estimate" in capsys.readouterr().err


# In the workflow

LARGE = {
    "results_dir": "results/large",
    "recordings": {"datasets": {"visual": None}},
    "training": {
        "seeds": [1],
        # It would take days, and stops at the second validation.
        "rules": {
            "models": ["lstm"], "n_updates": 10**8, "validate_every": 4,
            "early_stopping": {"patience": 1, "least_gain": 1},
        },
    },
}  # fmt: skip
PRINTED = "Training on the rule tasks: 1 jobs, 1 networks"


@pytest.fixture(scope="module")
def project(root, tmp_path_factory):
    """A copy of the project with a small configuration of very many updates."""
    folder = tmp_path_factory.mktemp("estimate") / "project"
    shutil.copytree(root, folder, ignore=LEFT_OUT)
    (folder / "config/large.yaml").write_text(yaml.safe_dump(LARGE))
    return folder


def run(folder, *words, large=True):
    """Snakemake on the tiny configuration, with many updates or as it is."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    configs = ["config/tiny.yaml", *(["config/large.yaml"] if large else [])]
    command = [SNAKEMAKE, *words, "--configfile", *configs]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done


@pytest.mark.workflow
def test_a_dry_run_of_much_training_ends_with_its_cost_and_measures_once(project):
    done = run(project, "-n", "training")
    assert done.stdout.count(PRINTED) == 1 and PRINTED not in done.stderr
    plan, printed = done.stdout.split("This was a dry-run")
    assert "core hours" in printed and "core hours" not in plan
    assert "measured just now" in printed and "of this machine" in printed
    again = run(project, "-n", "training", "--cores", "7")
    assert again.stdout.count(PRINTED) == 1 and "on 7 cores" in again.stdout
    assert "measured just now" not in again.stdout and re.search(r"measured on \d{4}-", again.stdout)


@pytest.mark.workflow
@pytest.mark.parametrize(
    ("words", "large"),
    [
        (["-n"], False),
        (["-n", "tasks"], True),  # no training is planned
        (["--lint"], True),
        (["-n", "--summary", "training"], True),
    ],
)
def test_nothing_is_printed_where_little_or_nothing_is_trained(project, words, large):
    done = run(project, *words, large=large)
    for word in ("core hours", "Timing the models", "not known"):
        assert word not in done.stdout + done.stderr


@pytest.mark.workflow
def test_a_run_prints_it_once_before_its_first_job(project):
    done = run(project, "training", "--cores", "1")
    assert done.stderr.count(PRINTED) == 1 and PRINTED not in done.stdout
    assert done.stderr.index(PRINTED) < done.stderr.index("rule train_task:")
    assert (project / "results/large/training/rules/go/lstm/none.h5").is_file()
    after = run(project, "-n", "training")
    assert "Nothing to be done" in after.stdout and "core hours" not in after.stdout


@pytest.mark.workflow
def test_an_estimate_that_fails_stops_nothing(project):
    path = project / "src/digimus/training/estimate.py"
    before = path.read_text()
    path.write_text(before + "\nraise RuntimeError('broken on purpose')\n")
    try:
        done = run(project, "-n", "training", "--forceall")
    finally:
        path.write_text(before)
    assert "What training will cost is not known: RuntimeError: broken on purpose" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
