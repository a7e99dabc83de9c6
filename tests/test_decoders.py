"""Decoders: answers after every bin, continuous targets, choices inside a fold, one session left out."""

import logging
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from digimus import InputError
from digimus.models import build, n_parameters
from digimus.recordings.splits import available, blocked, interleaved, other_sessions
from digimus.storage import reading
from digimus.training import Decoding, FitSettings, RateGrid, fit, train_decoders
from digimus.training import decoders as training
from digimus.training.cells import Cell
from digimus.training.decoding_problem import (
    SeveralSessions,
    WithInputLayers,
    behind_fresh_inputs,
    normalised,
)
from trained_files import arrays_of, assert_same

torch.set_num_threads(1)  # as in the workflow; sums on two threads differ in the last bit

KINDS = ("digimus", "lstm", "gru", "tcn", "transformer", "lru")
QUICK = FitSettings(n_updates=10, learning_rate=0.02, validate_every=2)


class Session(SimpleNamespace):
    """What the decoders use of a prepared session; like that, one session equals only itself."""

    __eq__ = object.__eq__


def a_session(seed=0, n_samples=60, n_units=6, classes=("a", "b"), signal=3.0, **changes):
    rng = np.random.default_rng(seed)
    n_classes = len(classes)
    labels = rng.permutation(np.arange(n_samples) % n_classes) if n_classes else rng.normal(size=n_samples)
    values = rng.normal(size=(n_samples, 4, n_units)) * 3 + 20
    values[:, :, 0] += signal * (labels - labels.mean())[:, None] * 3
    known = dict(
        values=values.astype(np.float32), labels=labels, classes=list(classes), groups=np.arange(n_samples),
        start_s=np.arange(n_samples, dtype=float), session_id=f"s{seed}", bin_ms=20.0, n_units=n_units,
        observed=None,
    )  # fmt: skip
    return Session(**{**known, **changes})


def a_cell(kind="digimus", seeds=(1,), **settings):
    widths = settings or {"n_units": 10}
    return Cell("visual", "sessions", kind, "none", kind, widths, tuple(seeds))


def folds_of(session, n_folds=3):
    return list(blocked(session.groups, session.start_s, n_folds, 0))


def within(session):
    return {"blocked": folds_of(session)}


def decode(path, sessions, settings=QUICK, cell=None, splits=within, **more):
    known = dict(batch_size=24, motif_term=None, provenance={}, key="k", input_width=5)
    train_decoders(path, cell or a_cell(), settings, sessions, splits=splits, **{**known, **more})
    return arrays_of(path)


def a_problem(session, train=slice(0, 40), test=slice(40, 60), **changes):
    everything = np.arange(len(session.labels))
    known = dict(n_classes=len(session.classes), batch_size=16)
    return Decoding(
        session.values, session.labels, everything[train], everything[test], **{**known, **changes}
    )


# After every bin


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_uses_activity_up_to_its_bin_alone(kind):
    session = a_session()
    problem = a_problem(session)
    model = build(kind, problem.n_inputs, 2, seed=1, n_units=8)
    whole = problem.running(model)
    assert whole.shape == (20, 4, 2) and whole.dtype == np.float32
    np.testing.assert_allclose(whole.sum(2), 1, rtol=1e-5)
    problem.test_values[:, 2:] = 100.0
    changed = problem.running(model)
    np.testing.assert_allclose(changed[:, :2], whole[:, :2], rtol=1e-4, atol=1e-6)
    assert np.abs(changed[:, 3] - whole[:, 3]).max() > 1e-3


def test_the_answer_after_the_last_bin_is_that_of_the_averaged_readout():
    problem = a_problem(a_session())
    model = build("gru", 6, 2, seed=1, n_units=8)
    with torch.no_grad():
        expected = torch.softmax(model(problem.test_values).mean(1), -1).numpy()
    np.testing.assert_allclose(problem.running(model)[:, -1], expected, rtol=1e-5)
    np.testing.assert_array_equal(problem.held_out_probabilities(model), problem.running(model)[:, -1])


def test_running_answers_end_in_the_probabilities_of_the_file(tmp_path):
    session = a_session()
    found = decode(tmp_path / "cell.h5", [session], splits=lambda s: {"once": folds_of(s)[:2]})
    running = found["s0/seed_1/once/running"]
    assert running.shape == (60, 4, 2) and running.dtype == np.float32
    np.testing.assert_array_equal(running[:, -1], found["s0/seed_1/once/probabilities"])
    assert np.isfinite(running[:40]).all() and np.isnan(running[40:]).all()


# Continuous targets


def test_continuous_targets_are_predicted_in_their_own_unit(tmp_path):
    session = a_session(classes=(), signal=4.0)
    session.labels = session.labels * 7 + 300
    settings = FitSettings(n_updates=60, learning_rate=0.02, validate_every=60)
    found = decode(tmp_path / "cell.h5", [session], settings, a_cell("gru", n_units=10))
    predictions = found["s0/seed_1/blocked/predictions"]
    assert predictions.shape == (60,) and "s0/seed_1/blocked/probabilities" not in found
    unexplained = np.mean((predictions - session.labels) ** 2) / session.labels.var()
    assert unexplained < 0.5
    running = found["s0/seed_1/blocked/running"]
    assert running.shape == (60, 4, 1)
    np.testing.assert_array_equal(running[:, -1, 0], predictions)
    np.testing.assert_array_equal(found["s0/labels"], session.labels)


def test_continuous_targets_are_standardised_by_the_training_samples_alone():
    session = a_session(classes=())
    session.labels[40:] = 1e6
    problem = a_problem(session)
    np.testing.assert_allclose(problem.train_labels.mean(), 0, atol=1e-6)
    np.testing.assert_allclose(problem.train_labels.std(correction=0), 1, rtol=1e-5)
    assert problem.target_mean == pytest.approx(session.labels[:40].mean())
    assert problem.n_outputs == 1
    outputs = torch.zeros(16, 4, 1)
    _, answers = problem.training_batch(1, 0)
    assert float(problem.loss(outputs, answers)) == pytest.approx(float(answers.square().mean()))
    together = problem.losses(outputs[None], answers[None])
    assert together.shape == (1,) and float(together) == pytest.approx(float(problem.loss(outputs, answers)))


def test_a_target_that_is_no_number_is_refused():
    session = a_session(classes=())
    session.labels[:40] = np.nan
    with pytest.raises(InputError, match="cannot be learnt"):
        a_problem(session)


def test_of_a_target_with_one_value_in_training_that_value_is_learnt(tmp_path):
    session = a_session(classes=())
    session.labels[:40] = 300.0
    found = decode(
        tmp_path / "cell.h5", [session], FitSettings(n_updates=60, learning_rate=0.02, validate_every=60),
        splits=lambda s: {"once": [(np.arange(40), np.arange(40, 60))]},
    )["s0/seed_1/once/predictions"]  # fmt: skip
    np.testing.assert_allclose(found[40:], 300, atol=1)


# Units that say nothing


def test_a_unit_that_does_not_vary_in_training_is_zero_whatever_it_does_later():
    values = np.full((40, 8, 3), 0.1, np.float32)
    values[30:, :, 1] = 0.3
    values[:, :, 2] = 1e-9 * np.arange(40)[:, None]
    scaled = normalised(values, np.arange(30))
    assert (scaled[:, :, :2] == 0).all()
    assert scaled[:30, :, 2].std() == pytest.approx(1)  # small numbers vary, too


def test_a_unit_that_was_not_observed_counts_as_average_and_has_no_part_in_the_average():
    session = a_session()
    observed = np.ones((60, 6), bool)
    observed[20:30, 2] = observed[50:, 2] = observed[:, 5] = False
    values = session.values * observed[:, None]
    scaled = normalised(values, np.arange(40), observed)
    assert (
        (scaled[20:30, :, 2] == 0).all() and (scaled[50:, :, 2] == 0).all() and (scaled[:, :, 5] == 0).all()
    )
    seen = np.r_[0:20, 30:40]
    own = session.values[:, :, 2].astype(float)
    expected = (own - own[seen].mean()) / own[seen].std()
    np.testing.assert_allclose(scaled[seen, :, 2], expected[seen], rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(scaled[:, :, :2], normalised(session.values, np.arange(40))[:, :, :2])
    problem = a_problem(session, observed=observed)
    np.testing.assert_array_equal(problem.test_values[10:, :, 2], 0)


# Few trials


def test_a_session_with_too_few_trials_does_without_the_split_and_stops_nothing(tmp_path, caplog):
    sessions = [a_session(0, n_samples=4), a_session(1), a_session(2)]

    def split(session):
        return available("blocked", session.session_id, blocked(session.groups, session.start_s, 5, 1))

    def within(session):
        return {name: folds for name, folds in [("blocked", split(session))] if folds}

    with caplog.at_level(logging.WARNING):
        found = decode(tmp_path / "cell.h5", sessions, splits=within, across=split)
    assert "s0: the split blocked is not available" in caplog.text
    assert {name.split("/seed")[0] for name in found if "probabilities" in name} == {"s1", "s2"}
    assert "s0/labels" in found and "s1/seed_1/sessions/probabilities" in found


def test_settings_that_fit_no_session_are_not_taken_for_few_trials():
    for n_folds, gap in ((1, 0), (3, -1)):
        with pytest.raises(InputError):
            available("blocked", "s", blocked(np.arange(9), np.arange(9.0), n_folds, gap))


def test_the_last_trials_are_the_last_in_time_and_a_lone_trial_is_both():
    session = a_session(n_samples=10, groups=np.repeat(np.arange(5)[::-1], 2))
    early, late = training._inner(session, np.arange(10))
    assert early.tolist() == list(range(8)) and late.tolist() == [8, 9]
    early, late = training._inner(session, np.array([2, 3]))
    assert early.tolist() == late.tolist() == [2, 3]


def test_interleaved_folds_spread_continuous_targets():
    rng = np.random.default_rng(0)
    labels = np.sort(rng.normal(size=100)) ** 3
    folds = list(interleaved(np.arange(100), labels, 5, seed=1))
    low = labels <= np.median(labels)
    assert all(np.sum(low[test]) in (9, 10, 11) for _, test in folds)
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(100))


# Units left out at random


def test_a_dropped_unit_is_silent_in_the_whole_sample_and_the_mean_stays():
    session = a_session(n_samples=400, n_units=50)
    plain = a_problem(session, train=slice(0, 400), batch_size=400)
    problem = a_problem(session, train=slice(0, 400), batch_size=400, input_dropout=0.6)
    before, labels = plain.training_batch(3, 5)
    values, same_labels = problem.training_batch(3, 5)
    assert torch.equal(labels, same_labels)
    dropped = (values == 0).all(1)
    assert float(dropped.float().mean()) == pytest.approx(0.6, abs=0.02)
    kept = ~dropped[:, None].expand_as(values)
    torch.testing.assert_close(values[kept], before[kept] / 0.4)
    again, _ = problem.training_batch(3, 5)
    other, _ = problem.training_batch(3, 6)
    assert torch.equal(values, again) and not torch.equal(values == 0, other == 0)
    together, _, _ = problem.training_batches([3, 4], 5)
    assert torch.equal(together[0], values) and not torch.equal(together[1] == 0, values == 0)
    torch.testing.assert_close(problem.test_values, plain.test_values)


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_a_share_of_dropped_units_that_leaves_none_is_refused(share):
    with pytest.raises(InputError, match="out of range"):
        a_problem(a_session(), input_dropout=share)


# Chosen inside a fold


def test_early_stopping_trains_afresh_for_the_best_number_of_updates(tmp_path):
    session = a_session(n_samples=30, signal=0.0)  # nothing to be learnt: the validation loss soon rises
    settings = FitSettings(n_updates=60, learning_rate=0.05, validate_every=2, patience=3)
    found = decode(tmp_path / "cell.h5", [session], settings)
    lengths = found["s0/lengths/blocked"]
    assert lengths.shape == (3,) and lengths[1] < 60 and (lengths % 2 == 0).all()
    train, test = folds_of(session)[1]
    plain = FitSettings(n_updates=int(lengths[1]), learning_rate=0.05, validate_every=2)
    problem = a_problem(session, train, test, batch_size=24)
    model = a_cell().make_model(6, 2, 1, "s0", dt_ms=20.0)
    fit(model, problem, plain, seed=1)
    expected = problem.held_out_probabilities(model)
    np.testing.assert_array_equal(found["s0/seed_1/blocked/probabilities"][test], expected)


@pytest.mark.parametrize("across", [False, True])
def test_held_out_samples_have_no_part_in_what_is_chosen(tmp_path, across):
    settings = FitSettings(n_updates=12, validate_every=3, patience=1)
    ends = []
    for changed in (False, True):
        sessions = [a_session(k, signal=1.0) for k in range(2)]
        test = folds_of(sessions[0])[0][1]
        if changed:
            sessions[0].labels[test] = 1 - sessions[0].labels[test]
            sessions[0].values[test] = 1e3
        more = dict(splits=lambda s: {}, across=folds_of) if across else {}
        path = tmp_path / f"{changed}.h5"
        ends.append(decode(path, sessions, settings, grid=RateGrid((1e-4, 0.03), seed=9), **more))
    split, rows = ("sessions", slice(None)) if across else ("blocked", 0)
    for name in (f"search/{split}/validation_loss", f"search/{split}/chosen", f"lengths/{split}"):
        first, second = (end[f"s0/{name}"][rows] for end in ends)
        np.testing.assert_array_equal(first, second)


# One session left out


def a_code(k, n_samples=100, n_units=12, noise=0.7):
    """A session of a code that all share: an early and a late sign, whose product is the class."""
    rng = np.random.default_rng(100 + k)
    early, late = rng.choice([-1, 1], n_samples), rng.choice([-1, 1], n_samples)
    hidden = np.zeros((n_samples, 6, 2))
    hidden[:, :3, 0], hidden[:, 3:, 1] = early[:, None], late[:, None]
    mixed = hidden @ rng.normal(size=(2, n_units)) / np.sqrt(2)
    values = mixed + noise * rng.normal(size=mixed.shape)
    labels = (early * late > 0).astype(int)
    return a_session(k, n_samples, n_units, values=values.astype(np.float32), labels=labels)


def accuracy_across(path, sessions, settings, cell):
    found = decode(
        path, sessions, settings, cell, splits=lambda s: {}, across=folds_of, input_width=8, batch_size=96
    )
    right = [found[f"{s.session_id}/seed_1/sessions/probabilities"].argmax(1) == s.labels for s in sessions]
    return np.mean(right)


def test_a_code_that_sessions_share_is_carried_over(tmp_path, monkeypatch):
    sessions = [a_code(k) for k in range(3)]
    settings = FitSettings(n_updates=80, learning_rate=0.02, validate_every=80, schedule="cosine")
    cell = a_cell("gru", n_units=16)
    carried = accuracy_across(tmp_path / "learnt.h5", sessions, settings, cell)
    plain = training.fit

    def without_core(model, problem, *given, **more):
        return {} if isinstance(problem, SeveralSessions) else plain(model, problem, *given, **more)

    monkeypatch.setattr(training, "fit", without_core)
    untrained = accuracy_across(tmp_path / "untrained.h5", sessions, settings, cell)
    assert carried > 0.9
    assert carried > untrained + 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_held_out_trials_is_used(tmp_path, monkeypatch, kind):
    """With noise or nan in their place, every weight of every network that is fitted stays the same."""
    fitted = []
    plain = training._HeldOut.add

    def add(self, fold, test, problem, model, curves):
        fitted.append({name: values.clone() for name, values in model.state_dict().items()})
        plain(self, fold, test, problem, model, curves)

    def only_the_first(sessions, held):  # the other one may learn from these trials
        return other_sessions(sessions, held) if held == 0 else ([], "")

    monkeypatch.setattr(training._HeldOut, "add", add)
    monkeypatch.setattr(training, "other_sessions", only_the_first)
    ends = []
    for change in (None, "noise", "nan"):
        fitted.clear()
        sessions = [a_session(k, n_units=5 + k) for k in range(2)]
        test = folds_of(sessions[0])[1][1]
        if change:
            sessions[0].labels[test] = 1 - sessions[0].labels[test]
            sessions[0].values[test] = np.nan if change == "nan" else 1e6
        decode(
            tmp_path / f"{change}.h5", sessions, cell=a_cell(kind, n_units=8), splits=lambda s: {},
            across=lambda session: folds_of(session)[1:2],
        )  # fmt: skip
        (weights,) = fitted
        ends.append(weights)
    first, *others = ends
    assert any(name.startswith("layers.0") for name in first)
    for other in others:
        assert all(torch.equal(first[name], other[name]) for name in first)


def test_a_core_is_frozen_and_only_the_input_layer_is_fitted():
    core = build("digimus", 5, 2, seed=1, n_units=8)
    before = {name: values.clone() for name, values in core.state_dict().items()}
    model = behind_fresh_inputs(core, 6, 5, seed=2)
    start = model.layers[0].weight.clone()
    fit(model, a_problem(a_session()), QUICK, seed=1)
    assert all(torch.equal(values, before[name]) for name, values in core.state_dict().items())
    assert not torch.equal(model.layers[0].weight, start)
    assert n_parameters(model) == 6 * 5 + 5


def test_a_batch_mixes_sessions_each_normalised_by_itself():
    sessions = [a_session(0, n_units=4), a_session(1, n_units=7)]
    sessions[1].values *= 50
    problems = [a_problem(s, train=slice(0, 60), test=slice(0, 0)) for s in sessions]
    for problem in problems:
        np.testing.assert_allclose(problem.train_values.mean((0, 1)), 0, atol=1e-4)
    problem = SeveralSessions(problems, batch_size=20)
    inputs, labels = problem.training_batch(1, 0)
    assert [(k, tuple(values.shape)) for k, values in inputs.parts] == [(0, (10, 4, 4)), (1, (10, 4, 7))]
    assert labels.shape == (20,)
    layers = [torch.nn.Linear(4, 3), torch.nn.Linear(7, 3)]
    model = WithInputLayers(build("gru", 3, 2, n_units=4), layers)
    with torch.no_grad():
        expected = [
            model.core(layer(values)) for layer, (_, values) in zip(layers, inputs.parts, strict=True)
        ]
        torch.testing.assert_close(model(inputs), torch.cat(expected))
        assert set(problem.validate(model)) == {"training_loss"}


@pytest.mark.parametrize(
    "classes, reason",
    [
        ([("a", "b")], "no other session"),
        ([("a", "b"), ("a", "c")], "the same classes, a, b"),
    ],
)
def test_without_another_session_of_the_classes_the_split_is_not_available(tmp_path, caplog, classes, reason):
    sessions = [a_session(k, classes=names) for k, names in enumerate(classes)]
    assert other_sessions(sessions, 0)[0] == []
    with caplog.at_level(logging.WARNING):
        found = decode(tmp_path / "cell.h5", sessions, across=folds_of)
    assert "not available" in caplog.text and reason in caplog.text
    assert not any("/sessions/" in name for name in found) and "s0/seed_1/blocked/fold" in found


def test_sessions_of_other_classes_are_left_aside():
    sessions = [a_session(k, classes=names) for k, names in enumerate(["ab", "abc", "ab"])]
    assert other_sessions(sessions, 0) == ([2], "")
    assert other_sessions(sessions, 1)[0] == []


def test_continuous_targets_are_carried_over_too(tmp_path):
    sessions = [a_session(k, classes=()) for k in range(2)]
    found = decode(tmp_path / "cell.h5", sessions, splits=lambda s: {}, across=folds_of)
    assert found["s1/seed_1/sessions/predictions"].shape == (60,)
    assert np.isfinite(found["s1/seed_1/sessions/predictions"]).all()


def test_the_split_has_a_penalty_of_its_own(tmp_path):
    sessions = [a_session(k) for k in range(2)]
    heavy = FitSettings(n_updates=10, learning_rate=0.02, validate_every=5, weight_decay=0.5)
    light = FitSettings(n_updates=10, learning_rate=0.02, validate_every=5, weight_decay=0.001)
    own = decode(tmp_path / "own.h5", sessions, heavy, across=folds_of, across_weight_decay=0.001)
    for name, settings in (("blocked", heavy), ("sessions", light)):
        found = decode(tmp_path / f"{name}.h5", sessions, settings, across=folds_of)
        parts = [key for key in own if f"/{name}/" in key]
        assert parts
        assert_same({key: own[key] for key in parts}, {key: found[key] for key in parts})


class Stopped(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("stop", [("s0", 1, 3), ("s1", 2, 7)])
def test_a_stopped_training_across_sessions_ends_with_the_same_bits(tmp_path, monkeypatch, stop):
    monkeypatch.setattr("digimus.training.engine.SECONDS_BETWEEN_CHECKPOINTS", -1)
    given = dict(cell=a_cell(seeds=(1, 2), n_units=8, recurrent_noise=0.1), splits=lambda s: {})
    expected = decode(tmp_path / "whole.h5", [a_session(k) for k in range(2)], across=folds_of, **given)
    plain, seen = SeveralSessions.training_batch, []
    stop_at = [stop]

    def batch(problem, seed, update):
        # The held-out session is the one that the problem has not.
        held = "s1" if np.allclose(problem.problems[0].train_values[0, 0, 0], first) else "s0"
        seen.append((held, seed, update))
        if stop_at and (held, seed, update) == stop_at[0]:
            raise Stopped
        return plain(problem, seed, update)

    first = a_problem(a_session(0), slice(0, 60), slice(0, 0)).train_values[0, 0, 0]
    monkeypatch.setattr(SeveralSessions, "training_batch", batch)
    with pytest.raises(Stopped):
        decode(tmp_path / "cell.h5", [a_session(k) for k in range(2)], across=folds_of, **given)
    stop_at.clear()
    seen.clear()
    found = decode(tmp_path / "cell.h5", [a_session(k) for k in range(2)], across=folds_of, **given)
    held, seed, update = stop
    assert seen[0] == (held, seed, update - update % 2)
    assert_same(found, expected)


# Sizes


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("n_units", [1, 734])
def test_baselines_are_matched_for_few_units_and_for_many(kind, n_units):
    cell = Cell("v", "sessions", kind, "none", kind, {}, (1,), matched_to=48)
    wanted = n_parameters(build("digimus", n_units, 2, n_units=48))
    assert n_parameters(cell.make_model(n_units, 2, 1)) == pytest.approx(wanted, rel=0.05)


def test_the_cell_says_which_sessions_it_holds(tmp_path):
    decode(tmp_path / "cell.h5", [a_session(k) for k in range(2)], across=folds_of)
    with reading(tmp_path / "cell.h5") as file:
        assert [str(name) for name in file.attrs["sessions"]] == ["s0", "s1"]
        assert sorted(file["s0/seed_1"]) == ["blocked", "sessions"]


def test_splits_of_the_workflow_leave_out_sessions_with_too_few_trials_but_not_all(monkeypatch, caplog):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "workflow/scripts")
    from decoding_inputs import across_of, check_splits, splits_of

    names = ["blocked", "interleaved", "sessions"]
    splits, across = splits_of(names, 5, 1, 0), across_of(names, 5, 1)
    few, enough = a_session(0, n_samples=4), a_session(1)
    assert set(splits(enough)) == {"blocked", "interleaved"} and len(across(enough)) == 5
    assert splits(few) == {} and across(few) == [] and "4" in caplog.text
    assert across_of(names[:2], 5, 1) is None
    check_splits([few, enough], splits, None)
    with pytest.raises(InputError, match="No session can be split"):
        check_splits([few], splits, across)
