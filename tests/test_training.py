"""Training: the same result however often it is stopped, no leak of held-out samples, and above chance."""

import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from digimus import InputError
from digimus.errors import TrainingError
from digimus.models import MODELS, MotifTerm, build, n_parameters
from digimus.motifs import Prior
from digimus.seeding import number, stream
from digimus.storage import write_arrays
from digimus.training import (
    Decoding,
    FitSettings,
    RuleTask,
    choose_device,
    engine,
    fit,
    load,
    train_decoders,
    train_task,
)
from digimus.training.cells import Cell
from digimus.training.checkpoints import Checkpoint
from trained_files import arrays_of, assert_same

torch.set_num_threads(1)  # as in the workflow; sums on two threads differ in the last bit

SETTINGS = FitSettings(n_updates=12, learning_rate=0.01, validate_every=2)


def a_cell(**changes):
    values = dict(
        benchmark="rules", unit="go", model="digimus", prior="none", kind="digimus",
        model_settings={"n_units": 10, "recurrent_noise": 0.1}, seeds=(1, 2),
    )  # fmt: skip
    return Cell(**{**values, **changes})


def a_term(n_updates, **changes):
    prior = Prior(
        name="wired", source="s", region="r", kind="region", enrichment=np.linspace(-1, 1, 13),
        weight=np.ones(13), frequency=np.full(13, 1 / 13), reciprocity=0.3, density=0.1, n_neurons=50,
    )  # fmt: skip
    values = dict(loss="enrichment", weight=0.01, density=0.2, reciprocity_weight=1.0, every=1)
    return MotifTerm(prior, n_updates=n_updates, **{**values, **changes})


def train(path, cell=None, settings=SETTINGS, key="key", term=None):
    train_task(
        path, cell or a_cell(), settings, batch_size=4, n_validation=8, n_test=8, motif_term=term,
        provenance={}, key=key,
    )  # fmt: skip
    return arrays_of(path)


class Stopped(Exception):
    """Stands for a kill."""


@pytest.fixture
def stopping(monkeypatch):
    """A function that lets training stop at an update of a seed, with a checkpoint at every validation."""
    monkeypatch.setattr(engine, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    plain = RuleTask.training_batch

    def stop_at(seed, update):
        def batch(problem, now_seed, now_update):
            if (now_seed, now_update) == (seed, update):
                raise Stopped
            return plain(problem, now_seed, now_update)

        monkeypatch.setattr(RuleTask, "training_batch", batch)

    stop_at(None, None)
    return stop_at


# Stopped and gone on


@pytest.mark.parametrize("stops", [[(1, 7)], [(2, 5)], [(1, 3), (1, 9), (2, 0), (2, 11)]])
def test_a_stopped_training_ends_with_the_same_bits(tmp_path, stopping, stops):
    expected = train(tmp_path / "whole.h5")
    for seed, update in stops:
        stopping(seed, update)
        with pytest.raises(Stopped):
            train(tmp_path / "cell.h5")
        assert not (tmp_path / "cell.h5").exists()
    assert (tmp_path / "cell.checkpoint.h5").exists()
    stopping(None, None)
    assert_same(train(tmp_path / "cell.h5"), expected)
    assert [path.name for path in tmp_path.glob("*")].count("cell.checkpoint.h5") == 0


def test_going_on_really_starts_where_it_stopped(tmp_path, stopping, monkeypatch):
    stopping(1, 7)
    with pytest.raises(Stopped):
        train(tmp_path / "cell.h5")
    seen = []
    stopping(None, None)
    inner = RuleTask.training_batch
    monkeypatch.setattr(RuleTask, "training_batch", lambda p, s, u: (seen.append((s, u)), inner(p, s, u))[1])
    train(tmp_path / "cell.h5")
    assert seen[0] == (1, 6) and seen.count((2, 0)) == 1 and len(seen) == 6 + 12


def test_a_stopped_training_with_a_rare_motif_term_ends_with_the_same_bits(tmp_path, stopping):
    expected = train(tmp_path / "whole.h5", term=a_term(12, every=7))
    assert np.isfinite(expected["seed_1/curves/motif_loss"]).all()
    stopping(1, 5)
    with pytest.raises(Stopped):
        train(tmp_path / "cell.h5", term=a_term(12, every=7))
    stopping(None, None)
    assert_same(train(tmp_path / "cell.h5", term=a_term(12, every=7)), expected)


def test_a_checkpoint_of_other_settings_is_not_used(tmp_path, stopping, caplog):
    stopping(2, 5)
    with pytest.raises(Stopped):
        train(tmp_path / "cell.h5", key="old")
    stopping(None, None)
    other = replace(SETTINGS, learning_rate=0.02)
    with caplog.at_level(logging.INFO):
        found = train(tmp_path / "cell.h5", settings=other, key="new")
    assert "starting afresh" in caplog.text
    assert_same(found, train(tmp_path / "whole.h5", settings=other))


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "middle"])
def test_a_damaged_checkpoint_is_put_aside(tmp_path, stopping, caplog, damage):
    stopping(2, 5)
    with pytest.raises(Stopped):
        train(tmp_path / "cell.h5", a_cell(model_settings={"n_units": 40}))
    path = tmp_path / "cell.checkpoint.h5"
    whole = path.read_bytes()
    damaged = {
        "cut": whole[: len(whole) // 2],
        "text": b"<html>404</html>",
        "empty": b"",
        "middle": bytes(3000).join((whole[:4096], whole[7096:])),
    }[damage]
    path.write_bytes(damaged)
    stopping(None, None)
    with caplog.at_level(logging.INFO):
        found = train(tmp_path / "cell.h5", a_cell(model_settings={"n_units": 40}))
    assert "starting afresh" in caplog.text
    assert_same(found, train(tmp_path / "whole.h5", a_cell(model_settings={"n_units": 40})))


def test_a_checkpoint_keeps_parts_and_state_apart(tmp_path):
    first = Checkpoint(tmp_path / "c.h5", "key")
    first.finish({"seed_1/a": np.arange(3)})
    first.keep_state("seed_10", {"update": np.array(4)})
    again = Checkpoint(tmp_path / "c.h5", "key")
    assert list(again.parts("seed_1/")) == ["seed_1/a"]
    assert again.state_of("seed_1") == {} and again.state_of("seed_10")["update"] == 4
    again.finish({"seed_10/a": np.arange(2)})
    assert Checkpoint(tmp_path / "c.h5", "key").state_of("seed_10") == {}
    assert Checkpoint(tmp_path / "c.h5", "other").finished == {}


# Numbers that are none


def test_a_loss_that_is_no_number_ends_training_and_keeps_the_checkpoint(tmp_path, stopping, monkeypatch):
    plain = RuleTask.loss
    calls = []

    def loss(problem, outputs, batch):
        if problem_is_training():
            calls.append(1)
            return plain(problem, outputs, batch) * (float("nan") if len(calls) == 8 else 1)
        return plain(problem, outputs, batch)

    def problem_is_training():
        return torch.is_grad_enabled()

    monkeypatch.setattr(RuleTask, "loss", loss)
    with pytest.raises(TrainingError, match="finite") as raised:
        train(tmp_path / "cell.h5")
    assert "seed 1, update 8 of 12" in raised.value.where and "learning rate" in raised.value.hint
    kept = Checkpoint(tmp_path / "cell.checkpoint.h5", "key").state_of("seed_1")
    assert kept["update"] == 6
    assert all(np.isfinite(kept[name]).all() for name in kept if not name.startswith("curves"))
    monkeypatch.setattr(RuleTask, "loss", plain)
    assert_same(train(tmp_path / "cell.h5"), train(tmp_path / "whole.h5"))


@pytest.mark.parametrize("update", [3, 11])
def test_weights_that_are_no_numbers_end_training_though_spikes_hide_them(update):
    """Of a potential that is nan there is no spike, so the loss stays finite."""
    problem = RuleTask("go", batch_size=4, n_validation=4, n_test=4)
    plain = problem.training_batch

    def batch(seed, now):
        model.w.register_hook(lambda grad: grad * float("nan")) if now == update else None
        return plain(seed, now)

    problem.training_batch = batch
    model = build("digimus", problem.n_inputs, problem.n_outputs, n_units=6)
    states = []
    with pytest.raises(TrainingError, match="finite"):
        fit(model, problem, SETTINGS, seed=1, keep=states.append)
    assert all(np.isfinite(state["model/w"]).all() for state in states)


# Reading and writing


def test_a_loaded_network_gives_the_same_outputs(tmp_path):
    train(tmp_path / "cell.h5", a_cell(kind="lstm", model="lstm", model_settings={"n_units": 5}))
    train(tmp_path / "lif.h5")
    problem = RuleTask("go", batch_size=4, n_validation=8, n_test=8)
    for name in ("cell", "lif"):
        trained = load(tmp_path / f"{name}.h5")
        assert trained.unit == "go" and trained.seeds == (1, 2) and trained.prior == "none"
        for seed in trained.seeds:
            network = trained.network(seed)
            found = problem.test_trials(network)
            np.testing.assert_array_equal(found["correct"], trained.of_seed(seed, "test/correct"))
            np.testing.assert_array_equal(found["difficulty"], trained.of_seed(seed, "test/difficulty"))
            weights = {n: p.detach().numpy() for n, p in network.named_parameters()}
            for key, values in weights.items():
                np.testing.assert_array_equal(values, trained.of_seed(seed, f"weights/{key}"))
            with torch.no_grad():
                metrics = problem.validate(network)
            assert metrics["validation_loss"] == trained.of_seed(seed, "curves/validation_loss")[-1]
        assert trained.of_seed(1, "nothing") is None
    assert load(tmp_path / "cell.h5").of_seed(1, "recurrent_weight") is None
    lif = load(tmp_path / "lif.h5")
    assert np.any(lif.of_seed(1, "recurrent_weight") != lif.of_seed(1, "initial_recurrent_weight"))


def test_files_that_hold_no_network_are_refused(tmp_path):
    train(tmp_path / "cell.h5")
    whole = (tmp_path / "cell.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.h5").write_text("not a network")
    write_arrays(tmp_path / "other.h5", {"a": np.arange(3)})
    for name in ("cut.h5", "text.h5", "other.h5", "absent.h5", "."):
        with pytest.raises(InputError) as raised:
            load(tmp_path / name)
        assert str(tmp_path) in raised.value.where and raised.value.hint


def test_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="CUDA"):
        choose_device("cuda")
    assert choose_device("auto").type == choose_device("cpu").type == "cpu"


# Learning


def test_the_go_task_is_learnt_above_chance():
    problem = RuleTask("go", batch_size=32, n_validation=64, n_test=200)
    model = build("digimus", problem.n_inputs, problem.n_outputs, n_units=48, seed=1)
    before = problem.test_trials(model)["correct"].mean()
    curves = fit(model, problem, FitSettings(n_updates=120, learning_rate=0.01, validate_every=60), seed=1)
    after = problem.test_trials(model)["correct"].mean()
    assert before < 0.3 and after > 0.5
    assert curves["validation_loss"][-1] < curves["validation_loss"][0]
    assert list(curves["update"]) == [60, 120]


def test_the_last_update_is_always_validated():
    problem = RuleTask("go", batch_size=2, n_validation=4, n_test=4)
    model = build("digimus", problem.n_inputs, problem.n_outputs, n_units=4)
    curves = fit(model, problem, FitSettings(n_updates=5, validate_every=2), seed=1)
    assert list(curves["update"]) == [2, 4, 5]


def test_training_trials_differ_between_updates_and_seeds_and_test_trials_do_not():
    one, other = (RuleTask("dm1", batch_size=4, n_validation=8, n_test=12) for _ in range(2))
    first = one.training_batch(1, 0)[0]
    assert torch.equal(first, other.training_batch(1, 0)[0])
    for seed, update in ((1, 1), (2, 0)):
        different = one.training_batch(seed, update)[0]
        assert different.shape != first.shape or not torch.equal(different, first)
    for k in range(4):
        assert torch.equal(one.test[k].inputs, other.test[k].inputs)
    assert not any(
        batch.inputs.shape == first.shape and torch.equal(batch.inputs, first) for batch in one.test
    )


def test_gradients_are_clipped_element_by_element():
    class Steep:
        def training_batch(self, seed, update):
            return torch.ones(1, 3, 2), None

        def loss(self, outputs, answers):
            return 1e6 * outputs.sum()

        def validate(self, model):
            return {}

    model = build("lstm", 2, 1, n_units=3)
    fit(model, Steep(), FitSettings(n_updates=1, clip=0.25), seed=1)
    grads = torch.cat([p.grad.flatten() for p in model.parameters()])
    assert grads.abs().max() == 0.25


def test_the_motif_term_changes_the_recurrent_weights_alone_at_first():
    problem = RuleTask("go", batch_size=4, n_validation=4, n_test=4)
    ends = []
    for term in (None, a_term(1, weight=10.0)):
        model = build("digimus", problem.n_inputs, problem.n_outputs, n_units=10, seed=3)
        fit(model, problem, FitSettings(n_updates=1), seed=1, motif_term=term)
        ends.append(model)
    plain, guided = ends
    assert not torch.equal(plain.w, guided.w)
    assert torch.equal(plain.w_in, guided.w_in) and torch.equal(plain.readout.weight, guided.readout.weight)


def test_twins_start_from_equal_weights_and_other_seeds_and_tasks_do_not(tmp_path):
    plain = train(tmp_path / "none.h5")
    guided = train(tmp_path / "wired.h5", a_cell(prior="wired"), term=a_term(12))
    other = train(tmp_path / "other.h5", a_cell(unit="anti"))
    start = "initial_recurrent_weight"
    for seed in (1, 2):
        np.testing.assert_array_equal(plain[f"seed_{seed}/{start}"], guided[f"seed_{seed}/{start}"])
        assert np.any(plain[f"seed_{seed}/recurrent_weight"] != guided[f"seed_{seed}/recurrent_weight"])
        assert np.any(plain[f"seed_{seed}/{start}"] != other[f"seed_{seed}/{start}"])
    assert np.any(plain[f"seed_1/{start}"] != plain[f"seed_2/{start}"])


def test_streams_depend_on_seed_and_names_alone():
    assert stream(1, "a", 2).random() == stream(1, "a", 2).random()
    values = [stream(*key).random() for key in ((1, "a"), (2, "a"), (1, "b"), (1, "a", 0), (1, "a", 1))]
    assert len(set(values)) == 5
    assert number("ab", "c") != number("a", "bc")
    assert number("rules", 3) == 7283589174607071696  # the same on every machine and in every run


# Decoders


class Session(SimpleNamespace):
    """What the decoders use of a prepared session; like that, one session equals only itself."""

    __eq__ = object.__eq__


def a_session(seed=0, n_samples=60, signal=1.0, name="s1"):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n_samples) % 2)
    values = rng.normal(size=(n_samples, 4, 6)) * 3 + 20
    values[:, :, 0] += signal * 6 * (labels[:, None] - 0.5)
    return Session(
        values=values.astype(np.float32), labels=labels, classes=["a", "b"], groups=np.arange(n_samples),
        start_s=np.arange(n_samples, dtype=float), session_id=name, bin_ms=20.0, n_units=values.shape[2],
        observed=None,
    )  # fmt: skip


def folds_of(session, n_folds=3):
    everything = np.arange(len(session.labels))
    parts = np.array_split(everything, n_folds)
    return {"blocked": [(np.setdiff1d(everything, part), part) for part in parts]}


DECODER = FitSettings(n_updates=25, learning_rate=0.02, weight_decay=1e-3, validate_every=25)


def decode(path, sessions, splits=folds_of, **changes):
    cell = a_cell(benchmark="visual", unit="sessions", model_settings={"n_units": 10}, seeds=(1,), **changes)
    train_decoders(
        path, cell, DECODER, sessions, splits=splits, batch_size=24, motif_term=None, provenance={}, key="k"
    )
    return arrays_of(path)


def test_activity_is_normalised_by_the_training_samples_alone():
    session = a_session()
    train_, test = np.arange(40), np.arange(40, 60)
    problem = Decoding(session.values, session.labels, train_, test, n_classes=2, batch_size=8)
    known = session.values[train_].astype(float)
    expected = (session.values[test] - known.mean((0, 1))) / known.std((0, 1))
    np.testing.assert_allclose(problem.test_values.numpy(), expected, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(problem.train_values.mean((0, 1)), 0, atol=1e-4)
    inputs, labels = problem.training_batch(1, 0)
    assert inputs.shape == (8, 4, 6) and labels.shape == (8,)
    assert len({tuple(sample.flatten().tolist()) for sample in inputs}) == 8


def test_a_silent_unit_makes_no_infinities():
    session = a_session()
    session.values[:, :, 3] = 0
    problem = Decoding(
        session.values, session.labels, np.arange(40), np.arange(40, 60), n_classes=2, batch_size=8
    )
    assert torch.isfinite(problem.train_values).all() and torch.isfinite(problem.test_values).all()


def test_held_out_samples_do_not_touch_the_training():
    session = a_session()
    train_, test = np.arange(40), np.arange(40, 60)
    changed, labels = session.values.copy(), session.labels.copy()
    changed[test] = changed[test] * 100 - 5
    labels[test] = 1 - labels[test]
    ends = []
    for values, answers in ((session.values, session.labels), (changed, labels)):
        problem = Decoding(values, answers, train_, test, n_classes=2, batch_size=16)
        model = build("digimus", 6, 2, n_units=10, seed=2)
        curves = fit(model, problem, DECODER, seed=1)
        ends.append((model.state_dict(), curves))
    (first, curves), (second, other_curves) = ends
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert_same(curves, other_curves)


def test_decoders_find_a_signal_and_shuffled_labels_give_chance(tmp_path):
    sessions = [a_session(k, signal=2.0, name=f"s{k}") for k in range(3)]
    found = decode(tmp_path / "cell.h5", sessions)
    rng = np.random.default_rng(1)
    shuffled = []
    for session in sessions:
        session = Session(**vars(session))
        session.labels = rng.permutation(session.labels)
        shuffled.append(session)
    chance = decode(tmp_path / "shuffled.h5", shuffled)

    def accuracy(arrays, given):
        right = [arrays[f"{s.session_id}/seed_1/blocked/probabilities"].argmax(1) == s.labels for s in given]
        return np.mean(right)

    assert accuracy(found, sessions) > 0.85
    assert abs(accuracy(chance, shuffled) - 0.5) < 4 * 0.5 / np.sqrt(180)
    assert_rows_are_probabilities(found, sessions)


def assert_rows_are_probabilities(arrays, sessions):
    for session in sessions:
        rows = arrays[f"{session.session_id}/seed_1/blocked/probabilities"]
        np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-5)
        np.testing.assert_array_equal(arrays[f"{session.session_id}/labels"], session.labels)
        np.testing.assert_array_equal(
            arrays[f"{session.session_id}/seed_1/blocked/fold"], np.repeat([0, 1, 2], 20)
        )


def test_samples_that_no_fold_holds_out_have_no_probability(tmp_path):
    session = a_session(n_samples=30)
    found = decode(tmp_path / "cell.h5", [session], lambda s: {"once": [(np.arange(15), np.arange(20, 30))]})
    rows = found["s1/seed_1/once/probabilities"]
    assert np.isnan(rows[:20]).all() and np.isfinite(rows[20:]).all()
    np.testing.assert_array_equal(found["s1/seed_1/once/fold"], [-1] * 20 + [0] * 10)


def test_decoding_goes_on_after_the_last_finished_session(tmp_path):
    sessions = [a_session(k, name=f"s{k}") for k in range(2)]
    expected = decode(tmp_path / "whole.h5", sessions)

    def splits(session):
        if session.session_id == "s1":
            raise Stopped
        return folds_of(session)

    with pytest.raises(Stopped):
        decode(tmp_path / "cell.h5", sessions, splits)
    seen = []
    found = decode(tmp_path / "cell.h5", sessions, lambda s: (seen.append(s.session_id), folds_of(s))[1])
    assert seen == ["s1"]
    assert_same(found, expected)
    assert not (tmp_path / "cell.checkpoint.h5").exists()


@pytest.mark.parametrize("kind", [kind for kind in MODELS if kind != "digimus"])
def test_a_baseline_in_a_cell_has_the_parameters_of_digimus(kind):
    cell = a_cell(model=kind, kind=kind, model_settings={}, matched_to=48)
    wanted = n_parameters(build("digimus", 85, 33, n_units=48))
    assert n_parameters(cell.make_model(85, 33, 1)) == pytest.approx(wanted, rel=0.05)
