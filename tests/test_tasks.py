"""The rule tasks against their published definitions, written out again here and not taken from the code."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from digimus import InputError, tasks
from digimus.tasks import accuracy, loss, make_batch, population_vector

PUBLISHED_ORDER = (
    *("go", "rtgo", "dlygo", "anti", "rtanti", "dlyanti"),
    *("dm1", "dm2", "ctxdm1", "ctxdm2", "multidm"),
    *("dlydm1", "dlydm2", "ctxdlydm1", "ctxdlydm2", "multidlydm"),
    *("dms", "dnms", "dmc", "dnmc"),
)
SENSORIMOTOR, PERCEPTUAL = PUBLISHED_ORDER[:6], PUBLISHED_ORDER[6:11]
DELAYED, MATCH = PUBLISHED_ORDER[11:16], PUBLISHED_ORDER[16:]
DECISION = PERCEPTUAL + DELAYED
FIXATION_STAYS = ("rtgo", "rtanti", *MATCH)
PREFERRED = 2 * np.pi * np.arange(32) / 32
NOISE_SD = 0.01 * np.sqrt(2 / 0.2)


def between(low_ms, high_ms):
    """The steps of 20 ms that U(low, high) can give, the rest cut off."""
    return set(range(low_ms // 20, high_ms // 20))


def among(*options_ms):
    return {option // 20 for option in options_ms}


SHORT, DELAYS = among(200, 400, 600), among(200, 400, 800, 1600)
TIMING = {
    "go": {"fixation": between(300, 700), "stimulus1": between(500, 1500), "response": {25}},
    "rtgo": {"fixation": between(500, 2500), "response": {25}},
    "dlygo": {"fixation": among(300, 500, 700), "stimulus1": SHORT, "delay1": DELAYS, "response": {25}},
    "dm": {"fixation": between(100, 400), "stimulus1": among(400, 800, 1600), "response": {25}},
    "dlydm": {
        "fixation": SHORT,
        "stimulus1": SHORT,
        "delay1": DELAYS,
        "stimulus2": SHORT,
        "delay2": between(100, 300),
        "response": {25},
    },
    "dms": {"fixation": SHORT, "stimulus1": SHORT, "delay1": DELAYS, "response": {25}},
    "dmc": {"fixation": SHORT, "stimulus1": SHORT, "delay1": DELAYS, "response": SHORT},
}


def timing_of(name):
    if name in DECISION:
        return TIMING["dlydm" if name in DELAYED else "dm"]
    return TIMING[name.replace("anti", "go").replace("dn", "d") if name != "anti" else "go"]


def shown(batch):
    """Steps [on, off) of each stimulus, from the task's name and the epochs alone."""
    epochs, end = batch.epochs, batch.inputs.shape[1]
    if batch.name in ("go", "anti"):
        return [(epochs["stimulus1"][0], end)]
    if batch.name in ("rtgo", "rtanti"):
        return [(epochs["response"][0], end)]
    if batch.name in ("dlygo", "dlyanti"):
        return [epochs["stimulus1"]]
    if batch.name in PERCEPTUAL:
        return [epochs["stimulus1"]] * 2
    return [epochs["stimulus1"], epochs["stimulus2"] if batch.name in DELAYED else epochs["response"]]


def bump(angle_rad):
    difference = np.angle(np.exp(1j * (np.asarray(angle_rad)[:, None] - PREFERRED)))
    return 0.8 * np.exp(-0.5 * (difference / (np.pi / 8)) ** 2)


def apart(a, b):
    return np.abs(np.angle(np.exp(1j * (np.asarray(a) - np.asarray(b)))))


def arrays(batch):
    return batch.angles_rad.numpy(), batch.strengths.numpy(), batch.answer_rad.numpy()


def answering(batch, angle_rad, fixation=0.05):
    """Outputs that give the answer angle_rad (B,), everywhere in the trial."""
    outputs = torch.full_like(batch.targets, 0.05)
    outputs[..., 0] = fixation
    outputs[..., 1:] += torch.from_numpy(bump(angle_rad)).float()[:, None]
    return outputs


def test_names_families_and_rule_inputs():
    assert tuple(tasks.TASKS) == tasks.RULES20 == PUBLISHED_ORDER
    assert tasks.RULES18 == PUBLISHED_ORDER[:18]
    assert dict(tasks.FAMILIES) == {
        "sensorimotor": SENSORIMOTOR,
        "perceptual decision": PERCEPTUAL,
        "delayed decision": DELAYED,
        "match": MATCH,
    }
    assert [task.rule for task in tasks.TASKS.values()] == list(range(20))
    assert (tasks.N_INPUTS, tasks.N_OUTPUTS, tasks.DT_MS) == (85, 33, 20)
    for name, task in tasks.TASKS.items():
        assert task.name == name and name in tasks.FAMILIES[task.family] and task.description
        assert task.chance == pytest.approx(0.2 if name in SENSORIMOTOR else 0.5)
        assert task.n_choices == (None if name in SENSORIMOTOR else 2)


@pytest.mark.parametrize("name", PUBLISHED_ORDER)
def test_shapes_and_epochs(name):
    batch = make_batch(name, 7, seed=3)
    n_steps, n_stimuli = batch.inputs.shape[1], 1 if name in SENSORIMOTOR else 2
    assert batch.name == name
    assert batch.inputs.shape == (7, n_steps, 85)
    assert batch.targets.shape == batch.mask.shape == (7, n_steps, 33)
    assert batch.answer_rad.shape == batch.difficulty.shape == (7,)
    assert batch.angles_rad.shape == (7, n_stimuli) and batch.strengths.shape == (7, n_stimuli, 2)
    for tensor in vars(batch).values():
        assert not isinstance(tensor, torch.Tensor) or tensor.dtype == torch.float32
    edges = list(batch.epochs.values())
    assert edges[0][0] == 0 and edges[-1][1] == n_steps
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert batch.reaction_window == batch.epochs["response"]


@pytest.mark.parametrize("name", PUBLISHED_ORDER)
def test_timings_are_the_allowed_ones_and_all_of_them(name):
    rng, seen = np.random.default_rng(5), {}
    for _ in range(120):
        batch = make_batch(name, 1, rng)
        assert batch.inputs.shape[1] <= 210
        for epoch, (start, stop) in batch.epochs.items():
            seen.setdefault(epoch, set()).add(stop - start)
    allowed = timing_of(name)
    assert list(seen) == list(allowed)
    for epoch, lengths in seen.items():
        assert lengths <= allowed[epoch], epoch
        if len(allowed[epoch]) <= 4:
            assert lengths == allowed[epoch], epoch
        else:
            low, high = min(allowed[epoch]), max(allowed[epoch])
            assert min(lengths) <= low + 0.1 * (high - low) and max(lengths) >= high - 0.1 * (high - low)


@pytest.mark.parametrize("name", PUBLISHED_ORDER)
def test_inputs_are_fixation_bumps_and_rule_under_noise(name):
    batch = make_batch(name, 16, seed=11)
    angles, strengths, _ = arrays(batch)
    n_steps, go = batch.inputs.shape[1], batch.reaction_window[0]
    expected = np.zeros((16, n_steps, 85))
    expected[:, : n_steps if name in FIXATION_STAYS else go, 0] = 1
    expected[:, :, 65 + PUBLISHED_ORDER.index(name)] = 1
    for stimulus, (on, off) in enumerate(shown(batch)):
        for ring in range(2):
            activity = strengths[:, stimulus, ring, None] * bump(angles[:, stimulus])
            expected[:, on:off, 1 + 32 * ring : 33 + 32 * ring] += activity[:, None]
    noise = batch.inputs.numpy() - expected
    assert np.abs(noise).max() < 6 * NOISE_SD
    assert noise.std() == pytest.approx(NOISE_SD, rel=0.02)
    assert np.abs(noise.std(axis=(0, 1)) / NOISE_SD - 1).max() < 0.15, "noise is on all 85 inputs alike"
    assert abs(noise.mean()) < 5 * NOISE_SD / np.sqrt(noise.size)
    assert abs(np.mean(noise[:, 1:] * noise[:, :-1])) < 5 * NOISE_SD**2 / np.sqrt(noise.size)


@pytest.mark.parametrize("name", PUBLISHED_ORDER)
def test_targets_and_mask(name):
    batch = make_batch(name, 32, seed=4)
    answer, go = batch.answer_rad.numpy(), batch.reaction_window[0]
    held = np.isnan(answer)
    assert held.any() == (name in MATCH) and not held.all()
    targets = np.full(batch.targets.shape, 0.05)
    targets[:, :go, 0] = 0.8
    targets[held, go:, 0] = 0.8
    targets[~held, go:, 1:] += bump(answer[~held])[:, None]
    np.testing.assert_allclose(batch.targets.numpy(), targets, atol=1e-5)
    mask = np.zeros(batch.mask.shape)
    mask[:, 5:go] = 1
    mask[:, go + 5 :] = 5
    mask[:, :, 0] *= 2
    np.testing.assert_array_equal(batch.mask.numpy(), mask)


@pytest.mark.parametrize("name", SENSORIMOTOR)
def test_go_and_anti_answers_and_rings(name):
    rings, rng = set(), np.random.default_rng(2)
    for _ in range(12):
        angles, strengths, answer = arrays(make_batch(name, 50, rng))
        expected = angles[:, 0] + (np.pi if "anti" in name else 0)
        assert apart(answer, expected).max() < 1e-5
        assert (strengths == strengths[:1]).all(), "one ring a batch"
        assert sorted(strengths[0, 0]) == [0, 1]
        rings.add(int(strengths[0, 0].argmax()))
    assert rings == {0, 1}
    assert angles.min() < 0.5 and angles.max() > 2 * np.pi - 0.5


@pytest.mark.parametrize("name", DECISION)
def test_the_stronger_stimulus_wins(name):
    batch = make_batch(name, 800, seed=8)
    angles, strengths, answer = arrays(batch)
    deciding = strengths.sum(axis=2) / (2 if "multi" in name else 1)
    if "ctx" in name:
        deciding = strengths[:, :, int(name[-1]) - 1]
    first_wins = deciding[:, 0] > deciding[:, 1]
    assert apart(answer, np.where(first_wins, angles[:, 0], angles[:, 1])).max() < 1e-6
    assert 0.44 < first_wins.mean() < 0.56

    coherences = (0.08, 0.16, 0.32) if name in DELAYED else (0.01, 0.02, 0.04, 0.08)
    difficulty = batch.difficulty.numpy()
    np.testing.assert_allclose(difficulty, np.abs(deciding[:, 0] - deciding[:, 1]) / 2, atol=1e-6)
    np.testing.assert_allclose(sorted(set(difficulty)), coherences, rtol=1e-6)
    for coherence in coherences:
        share = np.isclose(difficulty, coherence).mean()
        assert share == pytest.approx(1 / len(coherences), abs=0.06)
    mean = deciding.mean(axis=1)
    assert 0.8 <= mean.min() < 0.82 and 1.18 < mean.max() <= 1.2

    turn = np.angle(np.exp(1j * (angles[:, 1] - angles[:, 0])))
    assert np.abs(turn).min() >= np.pi / 2 - 1e-5 and np.abs(turn).min() < np.pi / 2 + 0.05
    assert 0.44 < (turn > 0).mean() < 0.55


@pytest.mark.parametrize("name", DECISION)
def test_what_each_ring_carries(name):
    strengths = make_batch(name, 700, seed=9).strengths.numpy()
    if name in ("dm1", "dm2", "dlydm1", "dlydm2"):
        ring = int(name[-1]) - 1
        assert (strengths[:, :, ring] > 0).all() and (strengths[:, :, 1 - ring] == 0).all()
        return
    if "multi" in name:
        share = (strengths[:, :, 0] - strengths[:, :, 1]) / strengths.mean(axis=2)
        assert 0.2 <= np.abs(share).min() + 1e-6 and np.abs(share).max() <= 0.8 + 1e-6
        assert np.abs(share).mean() == pytest.approx(0.5, abs=0.03)
        assert np.abs(np.sign(share).mean(axis=0)).max() < 0.12
        assert abs(np.corrcoef(share.T)[0, 1]) < 0.12, "the sign is drawn per stimulus"
        return
    difference, mean = strengths[:, 0] - strengths[:, 1], strengths.mean(axis=1)
    for independent in (difference, mean):
        assert abs(np.corrcoef(independent.T)[0, 1]) < 0.12
    assert set(np.round(np.abs(difference) / 2, 4).ravel()) == set(
        np.round((0.08, 0.16, 0.32) if name in DELAYED else (0.01, 0.02, 0.04, 0.08), 4).astype(np.float32)
    )


@pytest.mark.parametrize("name", MATCH)
def test_matches_and_their_answers(name):
    batch = make_batch(name, 2000, seed=6)
    angles, _, answer = arrays(batch)
    if name in ("dms", "dnms"):
        match = apart(angles[:, 0], angles[:, 1]) == 0
        different = apart(angles[~match, 0], angles[~match, 1])
        assert np.pi / 9 - 1e-5 <= different.min() < np.pi / 9 + 0.08
        turn = np.angle(np.exp(1j * (angles[~match, 1] - angles[~match, 0])))
        assert 0.44 < (turn > 0).mean() < 0.55
    else:
        match = (angles[:, 0] < np.pi) == (angles[:, 1] < np.pi)
        allowed = np.arange(0.1, 2, 0.2) * np.pi
        np.testing.assert_allclose(np.unique(angles), allowed, rtol=1e-6)
        counts = np.unique(np.round(angles, 3), return_counts=True)[1]
        assert counts.min() > 310 and counts.max() < 490
        assert (angles[match, 0] != angles[match, 1]).any(), "a category is more than one angle"
    assert match.mean() == pytest.approx(0.5, abs=0.04)
    answered = match if name in ("dms", "dmc") else ~match
    np.testing.assert_array_equal(np.isnan(answer), ~answered)
    np.testing.assert_array_equal(answer[answered], angles[answered, 1])
    assert torch.isnan(batch.difficulty).all()


@pytest.mark.parametrize("name", MATCH)
def test_the_two_rings_of_a_match_trial_are_drawn_apart_and_per_batch(name):
    rng, pairs = np.random.default_rng(0), set()
    for _ in range(40):
        strengths = make_batch(name, 3, rng).strengths.numpy()
        assert (strengths == strengths[:1]).all() and (np.sort(strengths, axis=2) == [0, 1]).all()
        pairs.add(tuple(strengths[0].argmax(axis=1)))
    assert pairs == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("name", PUBLISHED_ORDER)
def test_a_seed_is_a_batch(name):
    one, two, other = (make_batch(name, 3, seed) for seed in (21, np.int64(21), 22))
    for field in ("inputs", "targets", "mask", "answer_rad", "angles_rad", "strengths", "difficulty"):
        torch.testing.assert_close(getattr(one, field), getattr(two, field), rtol=0, atol=0, equal_nan=True)
    assert one.epochs == two.epochs
    assert one.inputs.shape != other.inputs.shape or not torch.equal(one.inputs, other.inputs)


def test_a_seed_is_the_same_batch_on_any_machine():
    batch = make_batch("multidlydm", 2, 0)
    assert [stop for _, stop in batch.epochs.values()] == [10, 40, 50, 60, 73, 98]
    np.testing.assert_allclose(batch.answer_rad, [6.165648, 0.230033], atol=1e-6)
    np.testing.assert_allclose(batch.strengths[0], [[0.932809, 1.240962], [0.783649, 1.070121]], atol=1e-6)
    np.testing.assert_allclose(batch.inputs[0, 0, :3], [1.030469, 0.008773, 0.006253], atol=1e-6)


def test_a_generator_goes_on_and_global_state_is_left_alone():
    before = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    one, two = np.random.default_rng(1), np.random.default_rng(1)
    first, second = make_batch("multidm", 3, one), make_batch("multidm", 3, one)
    torch.testing.assert_close(make_batch("multidm", 3, two).inputs, first.inputs, rtol=0, atol=0)
    torch.testing.assert_close(make_batch("multidm", 3, two).inputs, second.inputs, rtol=0, atol=0)
    assert not torch.equal(first.angles_rad, second.angles_rad)
    assert (np.random.get_state()[1] == before[0]).all()  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[1])


def test_tasks_with_one_seed_do_not_share_their_numbers():
    assert not torch.equal(make_batch("dm1", 4, 0).angles_rad, make_batch("dm2", 4, 0).angles_rad)


@pytest.mark.parametrize("name", PUBLISHED_ORDER)
def test_perfect_outputs_are_right_and_fixating_is_not(name):
    batch = make_batch(name, 20, seed=12)
    assert accuracy(batch.targets, batch).tolist() == [1.0] * 20
    assert loss(batch.targets, batch).item() == 0
    held = torch.isnan(batch.answer_rad)
    fixating = batch.targets.clone()
    fixating[..., 0] = 0.8
    assert torch.equal(accuracy(fixating, batch), held.float())
    if name in MATCH:
        never_fixating = answering(batch, batch.angles_rad[:, 1])
        assert torch.equal(accuracy(never_fixating, batch), (~held).float())
    only_late = torch.rand_like(batch.targets)
    only_late[:, -1] = batch.targets[:, -1]
    assert accuracy(only_late, batch).all(), "only the last step is judged"


@pytest.mark.parametrize("name", ["go", "dlydm2", "dms"])
def test_random_answers_are_right_at_chance(name):
    batch = make_batch(name, 900, seed=13)
    rng = np.random.default_rng(14)
    anywhere = accuracy(answering(batch, rng.uniform(0, 2 * np.pi, 900)), batch)
    due = ~torch.isnan(batch.answer_rad)
    assert anywhere[due].mean().item() == pytest.approx(0.2, abs=0.05)
    if name == "dlydm2":
        guess = batch.angles_rad.numpy()[np.arange(900), rng.integers(2, size=900)]
        assert accuracy(answering(batch, guess), batch).mean().item() == pytest.approx(0.5, abs=0.05)
    if name == "dms":
        fixation = torch.from_numpy(rng.choice([0.05, 0.8], (900, 1))).float()
        guess = answering(batch, batch.angles_rad[:, 1], fixation)
        assert accuracy(guess, batch).mean().item() == pytest.approx(0.5, abs=0.05)


def test_an_answer_within_36_degrees_is_right():
    batch = make_batch("go", 500, seed=15)
    answer = batch.answer_rad.numpy()
    for degrees, right in ((35.5, True), (-35.5, True), (36.5, False), (-36.5, False), (180, False)):
        scores = accuracy(answering(batch, answer + np.deg2rad(degrees)), batch)
        assert (scores == float(right)).all(), degrees
    for fixation, right in ((0.5, True), (0.51, False)):
        assert (accuracy(answering(batch, answer, fixation), batch) == float(right)).all(), fixation


def test_no_direction_is_no_answer():
    batch = make_batch("dms", 64, seed=16)
    flat = torch.full_like(batch.targets, 0.05)
    assert torch.isnan(population_vector(flat[:, -1, 1:])).all()
    for nothing in (flat, torch.zeros_like(flat), torch.full_like(flat, torch.nan)):
        assert accuracy(nothing, batch).sum() == 0
    directions = torch.arange(-3.1, 3.1, 0.1)
    rings = torch.from_numpy(bump(directions.numpy()))
    torch.testing.assert_close(population_vector(rings).float(), directions, atol=1e-3, rtol=0)


def test_the_mask_lies_inside_the_square():
    batch = make_batch("go", 5, seed=17)
    go, n_steps = batch.reaction_window
    outputs = (batch.targets + 0.1).requires_grad_()
    value = loss(outputs, batch)
    units = 32 + 2**2
    squares = (go - 5) * units + (n_steps - go - 5) * units * 5**2
    assert value.item() == pytest.approx(0.1**2 * squares / (n_steps * 33), rel=1e-4)
    value.backward()
    assert (outputs.grad[:, :5] == 0).all() and (outputs.grad[:, go : go + 5] == 0).all()
    assert (outputs.grad[:, 5] > 0).all() and (outputs.grad[:, -1] > 0).all()


@pytest.mark.parametrize(
    ("arguments", "where", "hint"),
    [
        (("dlygoo", 4, 0), "task name", "dlygo"),
        (("Ctx-DM1", 4, 0), "task name", "ctxdm1"),
        (("%", 4, 0), "task name", "TASKS"),
        ((["go"], 4, 0), "task name", "go"),
        (("go", 0, 0), "batch_size", "64"),
        (("go", 2.5, 0), "batch_size", "64"),
        (("go", True, 0), "batch_size", "64"),
        (("go", 4, -1), "seed", "number"),
        (("go", 4, None), "seed", "number"),
        (("go", 4, 0, "abacus"), "device", "cpu"),
    ],
)
def test_wrong_arguments_are_explained(arguments, where, hint):
    with pytest.raises(InputError) as caught:
        make_batch(*arguments)
    assert caught.value.where == where and hint in caught.value.hint


def test_a_failed_call_leaves_the_generator_where_it_was():
    rng = np.random.default_rng(1)
    state = rng.bit_generator.state
    with pytest.raises(InputError):
        make_batch("go", 4, rng, device="abacus")
    assert rng.bit_generator.state == state


@pytest.mark.parametrize("score", [accuracy, loss])
def test_outputs_of_another_shape_are_refused(score):
    batch = make_batch("go", 4, seed=0)
    for outputs in (batch.targets[:3], batch.targets[:, :-1], batch.targets[..., 1:], batch.targets[0]):
        with pytest.raises(InputError, match="do not fit"):
            score(outputs, batch)


def test_tasks_and_the_registry_cannot_be_changed_by_accident():
    with pytest.raises(AttributeError):
        tasks.TASKS["go"].rule = 3
    with pytest.raises(TypeError):
        tasks.TASKS["go"] = None
