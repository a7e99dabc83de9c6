"""The rule tasks written out once more, element by element and slowly, from the angles and strengths drawn.

Nothing here is vectorised and nothing is taken from `digimus.tasks` but the batches themselves.
"""

import math
from collections import Counter
from dataclasses import fields

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from digimus import tasks
from digimus.tasks import TASKS, make_batch
from digimus.tasks.page import BATCH, page
from digimus.tasks.trials import uniform_steps

ORDER = (
    "go rtgo dlygo anti rtanti dlyanti dm1 dm2 ctxdm1 ctxdm2 multidm "
    "dlydm1 dlydm2 ctxdlydm1 ctxdlydm2 multidlydm dms dnms dmc dnmc"
).split()


def bump(angle, unit):
    """Activity of one unit of a ring."""
    apart = abs(angle - 2 * math.pi * unit / 32) % (2 * math.pi)
    apart = min(apart, 2 * math.pi - apart)
    return 0.8 * math.exp(-0.5 * (apart / (math.pi / 8)) ** 2)


def right_answer(name, angles, strengths):
    """Where to answer in one trial, or None where to hold, by the published rules."""
    if name in ("go", "rtgo", "dlygo"):
        return angles[0]
    if name in ("anti", "rtanti", "dlyanti"):
        return (angles[0] + math.pi) % (2 * math.pi)
    if "dm" in name and name[:3] not in ("dms", "dmc"):
        if "multi" in name:
            first, second = sum(strengths[0]), sum(strengths[1])
        else:
            first, second = (strengths[k][int(name[-1]) - 1] for k in range(2))
        return angles[0] if first > second else angles[1]
    if name in ("dms", "dnms"):
        match = angles[0] == angles[1]
    else:
        match = (angles[0] < math.pi) == (angles[1] < math.pi)
    return angles[1] if match == (name in ("dms", "dmc")) else None


def shown(name, step, stimulus, epochs, n_steps):
    """Whether a stimulus is on at a step."""
    go = epochs["response"][0]
    if name in ("go", "anti"):
        return step >= epochs["stimulus1"][0]
    if name in ("rtgo", "rtanti"):
        return step >= go
    if stimulus == 0 or "delay1" not in epochs:
        on, off = epochs["stimulus1"]
        return on <= step < off
    if name in ("dms", "dnms", "dmc", "dnmc"):
        return go <= step < n_steps
    on, off = epochs["stimulus2"]
    return on <= step < off


def by_hand(name, angles, strengths, epochs, n_steps):
    """Inputs without noise, targets and mask of one trial, as lists of rows."""
    go = epochs["response"][0]
    answer = right_answer(name, angles, strengths)
    stays = name in ("rtgo", "rtanti", "dms", "dnms", "dmc", "dnmc")
    inputs, targets, mask = [], [], []
    for step in range(n_steps):
        row = [1.0 if stays or step < go else 0.0]
        for ring in range(2):
            for unit in range(32):
                here = [
                    strengths[k][ring] * bump(angles[k], unit)
                    for k in range(len(angles))
                    if shown(name, step, k, epochs, n_steps)
                ]
                row.append(sum(here))
        inputs.append(row + [1.0 if ORDER[k] == name else 0.0 for k in range(20)])
        answering = step >= go and answer is not None
        ring = [0.05 + (bump(answer, unit) if answering else 0.0) for unit in range(32)]
        targets.append([0.05 if answering else 0.8, *ring])
        weight = (
            0.0 if step * 20 < 100 or go * 20 <= step * 20 < go * 20 + 100 else 5.0 if step >= go else 1.0
        )
        mask.append([2 * weight] + [weight] * 32)
    return inputs, targets, mask, answer


@pytest.mark.parametrize("name", ORDER)
def test_every_element_of_a_batch_is_as_written_out_by_hand(name):
    rng = np.random.default_rng(ORDER.index(name))
    for _ in range(2):
        batch = make_batch(name, 3, rng)
        n_steps = batch.inputs.shape[1]
        for k in range(3):
            angles = [float(x) for x in batch.angles_rad[k]]
            strengths = [[float(x) for x in row] for row in batch.strengths[k]]
            inputs, targets, mask, answer = by_hand(name, angles, strengths, batch.epochs, n_steps)
            noise = batch.inputs[k].numpy() - np.array(inputs)
            assert np.abs(noise).max() < 0.19 and noise.std() == pytest.approx(0.0316, rel=0.08)
            np.testing.assert_allclose(batch.targets[k], targets, atol=1e-5)
            np.testing.assert_array_equal(batch.mask[k], mask)
            given = float(batch.answer_rad[k])
            assert math.isnan(given) if answer is None else given == pytest.approx(answer, abs=1e-6)


@pytest.mark.parametrize("name", ORDER)
def test_durations_angles_and_sides_have_their_distributions(name):
    rng, lengths, angles, apart = np.random.default_rng(3), {}, [], []
    for _ in range(600):
        batch = make_batch(name, 2, rng)
        for epoch, (start, stop) in batch.epochs.items():
            lengths.setdefault(epoch, []).append(stop - start)
        angles += batch.angles_rad[:, 0].tolist()
        if batch.angles_rad.shape[1] == 2:
            apart += np.diff(batch.angles_rad.numpy(), axis=1).ravel().tolist()
    for epoch, values in lengths.items():
        counts = Counter(values)
        if len(counts) > 1:
            expected = len(values) / len(counts)
            # Six standard deviations of a binomial count; U bounds give whole steps of equal chance.
            assert all(abs(n - expected) < 6 * math.sqrt(expected) for n in counts.values()), (epoch, counts)
    if name not in ("dmc", "dnmc"):
        assert kstest(np.array(angles) / (2 * np.pi), "uniform").pvalue > 1e-4
    turn = np.mod(apart, 2 * np.pi)
    if "dm" in name and name[:3] not in ("dms", "dmc"):
        assert kstest((turn - 0.5 * np.pi) / np.pi, "uniform").pvalue > 1e-4
    if name in ("dms", "dnms"):
        other = turn[(turn > 1e-6) & (turn < 2 * np.pi - 1e-6)]
        assert kstest((other - np.pi / 9) / (16 * np.pi / 9), "uniform").pvalue > 1e-4


def test_uniform_durations_are_cut_to_whole_steps():
    rng = np.random.default_rng(0)
    assert Counter(uniform_steps(rng, 100, 140) for _ in range(2000)).keys() == {5, 6}


def test_no_trial_is_longer_than_210_steps():
    rng = np.random.default_rng(0)
    longest = max(make_batch("dlydm1", 1, rng).inputs.shape[1] for _ in range(3000))
    assert 195 < longest <= 210


@pytest.mark.parametrize("name", ["go", "multidlydm", "dnmc"])
def test_a_batch_is_one_whatever_the_number_of_threads(name):
    threads = torch.get_num_threads()
    try:
        batches = []
        for n in (1, 4):
            torch.set_num_threads(n)
            batches.append(make_batch(name, 64, 9))
    finally:
        torch.set_num_threads(threads)
    for field in ("inputs", "targets", "mask", "strengths"):
        assert torch.equal(getattr(batches[0], field), getattr(batches[1], field))


def test_a_batch_can_be_made_for_another_device():
    batch = make_batch("dms", 4, 0, device="meta")
    for values in vars(batch).values():
        assert not isinstance(values, torch.Tensor) or values.device.type == "meta"
    assert batch.mask.shape == batch.targets.shape


# The page


def test_the_page_is_the_one_that_the_code_writes(root):
    assert (root / "docs/tasks.md").read_text(encoding="utf-8") == page()


def test_the_page_tells_what_a_batch_carries_as_it_is():
    batch = make_batch("dm1", 3, 0)
    assert list(BATCH) == [field.name for field in fields(batch)]
    sizes = {"B": 3, "T": batch.inputs.shape[1], "S": 2, "85": 85, "33": 33, "2": 2}
    for field, (shape, _) in BATCH.items():
        values = getattr(batch, field)
        if isinstance(values, torch.Tensor):
            named = shape.format(n_inputs=85, n_outputs=33).strip("(),").split(", ")
            assert tuple(values.shape) == tuple(sizes[name] for name in named), field
            assert f"| `{field}` | {shape.format(n_inputs=85, n_outputs=33)} |" in page()


def test_the_page_names_the_sets_and_the_families():
    text = " ".join(page().split())
    for name in ("RULES18", "RULES20", "FAMILIES"):
        assert f"`digimus.tasks.{name}`" in text and hasattr(tasks, name)
    assert "sensorimotor (6); perceptual decision (5); delayed decision (5); match (4)" in text


def test_the_page_names_every_task_with_its_rule_family_and_chance():
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    for name in ORDER:
        task = TASKS[name]
        row = next(row for row in rows if row.startswith(f"| `{name}` |"))
        assert f"| {task.family} | {task.rule} | {task.chance:.0%} |" in row and task.description in row
        assert sum(f"`{name}`" in row for row in rows) == 2, "once among the tasks, once among the timings"


@pytest.mark.parametrize("name", ORDER)
def test_the_page_gives_the_epochs_and_durations_that_are_drawn(name):
    row = next(
        line for line in page().splitlines() if f"`{name}`" in line.split(" | ")[0] and "; response" in line
    )
    stays, parts = row.rstrip(" |").split(" | ")[-1], row.split(" | ")[1].split("; ")
    rng, drawn = np.random.default_rng(1), {}
    for _ in range(150):
        batch = make_batch(name, 1, rng)
        for epoch, (start, stop) in batch.epochs.items():
            drawn.setdefault(epoch, set()).add(20 * (stop - start))
    assert [part.split()[0] for part in parts] == list(drawn)
    for part, lengths in zip(parts, drawn.values(), strict=True):
        numbers = {int(word.strip("U(),")) for word in part.split()[1:] if word.strip("U(),").isdigit()}
        if "U(" in part:
            assert min(numbers) - 20 <= min(lengths) and max(lengths) <= max(numbers)
        else:
            assert {20 * (number // 20) for number in numbers} == lengths
    assert (stays == "stays on") == (float(batch.inputs[0, -1, 0]) > 0.5)
