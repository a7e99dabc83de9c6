"""The estimate of costs: it counts what is trained, and times what it says."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import yaml

from digimus.models import build
from digimus.tasks import make_batch
from digimus.training.__main__ import main
from digimus.training.estimate import (
    LENGTHS,
    _batch,
    described,
    estimate,
    measured,
    merged,
    read_configuration,
    trial_lengths,
)


@pytest.fixture
def small(root, tmp_path):
    """A checked configuration of two tasks, two models and two seeds."""
    overlay = tmp_path / "small.yaml"
    overlay.write_text(
        yaml.safe_dump(
            {
                "training": {
                    "seeds": [1, 2],
                    "search": {"n_updates": 30},
                    "rules": {
                        "tasks": ["go", "dms"], "n_units": 12, "n_updates": 100, "batch_size": 8,
                        "validate_every": 50, "n_validation": 16, "n_test": 32,
                        "learning_rate": {"digimus": [0.001, 0.01, 0.02], "lstm": 0.01},
                    },
                }
            }
        )
    )  # fmt: skip
    return read_configuration(root, [overlay])


def one_second_a_step(model, batch, term):
    """An update takes a second a step, with a motif term two; an evaluation of the batch a tenth."""
    n_steps = batch.inputs.shape[1]
    return n_steps * (1.0 if term is None else 2.0), 0.1 * n_steps


def test_updates_evaluations_attempts_and_seeds_are_counted(small):
    costs = {(cost.model, cost.prior): cost for cost in estimate(small, one_second_a_step)}
    assert list(costs) == [("digimus", "none"), ("digimus", "feedforward"), ("lstm", "none")]
    steps = sum(trial_lengths(task).mean() for task in ("go", "dms"))
    trials = 2 * 16 + 32
    plain = 2 * (100 + trials * 0.1 / 8)
    attempts = 3 * (30 + 16 * 0.1 / 8)
    assert costs["lstm", "none"].hours == pytest.approx(steps * plain / 3600)
    assert costs["digimus", "none"].hours == pytest.approx(steps * (plain + attempts) / 3600)
    guided = 2 * (200 + trials * 0.1 / 8)
    assert costs["digimus", "feedforward"].hours == pytest.approx(steps * (guided + attempts) / 3600)
    assert costs["lstm", "none"].update_ms == pytest.approx(1e3 * steps / 2)
    assert [cost.n_jobs for cost in costs.values()] == [2, 2, 2]
    assert [cost.n_networks for cost in costs.values()] == [10, 10, 4]


def test_networks_for_all_tasks_cost_as_much_again(small):
    alone = sum(cost.hours for cost in estimate(small, one_second_a_step))
    small["training"]["rules"]["together"] = "both"
    both = estimate(small, one_second_a_step)
    assert sum(cost.hours for cost in both) == pytest.approx(2 * alone)
    assert [cost.n_jobs for cost in both] == [3, 3, 3]
    small["training"]["rules"]["together"] = True
    assert [cost.n_jobs for cost in estimate(small, one_second_a_step)] == [1, 1, 1]


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
    costs = estimate(paper, one_second_a_step)
    assert sum(cost.n_jobs for cost in costs) == 18 * 5 and len(paper["training"]["seeds"]) == 5
    sizes = [cost.n_parameters for cost in costs]
    assert max(sizes) / min(sizes) < 1.05
    assert len({tuple(rates) for rates in paper["training"]["rules"]["learning_rate"].values()}) == 1


def test_the_command_prints_jobs_and_hours_and_refuses_a_wrong_file(root, tmp_path, small):
    text = described(estimate(small, one_second_a_step), n_cores=2)
    assert "6 jobs, 24 networks" in text and "on 2 cores" in text
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
