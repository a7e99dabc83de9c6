"""Several seeds trained as one computation: each as it is alone, stopped and gone on, and what is refused.

These tests run on a CPU; the mode is meant for GPUs.
"""

import logging
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch

from digimus import InputError
from digimus.errors import TrainingError
from digimus.models import MODELS, MotifTerm, RegionTerms, build
from digimus.models.batched import FORWARDS, Batched, can_batch
from digimus.motifs import Prior
from digimus.training import (
    AllTasks,
    Decoding,
    FitSettings,
    RateGrid,
    RuleTask,
    engine,
    fit,
    fit_seeds,
    train_decoders,
    train_task,
)
from digimus.training import seeds as seeds_module
from digimus.training.cells import Cell
from digimus.training.seeds import takes_seeds
from trained_files import arrays_of, assert_same

torch.set_num_threads(1)

SEEDS = (1, 2, 3)
SETTINGS = FitSettings(
    n_updates=12, learning_rate=0.01, validate_every=3, schedule="cosine", weight_decay=1e-3
)
REGIONS = {"regions": ["a", "b"], "projections": [[0, 1.0], [2.0, 0]]}
NETWORKS = [
    ("digimus", {}),
    ("digimus", {"recurrent_noise": 0.2}),
    ("digimus", {"preset": "earlier", "surrogate": "fast_sigmoid"}),
    ("digimus", {"reset": "soft"}),
    ("digimus", {"adaptation": 1.0, "learn_time_constants": True}),
    ("digimus", {"tau_m_ms": [20, 500], "recurrent_noise": 0.1}),
    ("digimus", {"mask": 0.5, "delay_steps": 3}),
    ("digimus", {"excitatory_share": 0.8, **REGIONS}),
    ("alif", {"recurrent_noise": 0.1}),
    ("leaky", {"recurrent_noise": 0.2, "nonlinearity": "tanh"}),
    ("tcn", {}),
    ("transformer", {}),
    ("lru", {}),
]


def a_problem(name="dlydm1", **changes):
    return RuleTask(name, **{"batch_size": 4, "n_validation": 8, "n_test": 8, **changes})


def models_of(kind="digimus", seeds=SEEDS, **settings):
    return [build(kind, 85, 33, seed=seed, **{"n_units": 12, **settings}) for seed in seeds]


def a_term(n_updates=12, **changes):
    prior = Prior(
        name="wired", source="s", region="r", kind="region", enrichment=np.linspace(-1, 1, 13),
        weight=np.ones(13), frequency=np.full(13, 1 / 13), reciprocity=0.3, density=0.1, n_neurons=50,
    )  # fmt: skip
    values = dict(loss="enrichment", weight=0.01, density=0.2, reciprocity_weight=1.0, every=2)
    return MotifTerm(prior, n_updates=n_updates, **{**values, **changes})


def weights_of(model):
    return {name: values.detach().numpy() for name, values in model.named_parameters()}


def one_by_one(models, problem, settings, **more):
    return [
        fit(model, problem, settings, seed=seed, **more) for model, seed in zip(models, SEEDS, strict=True)
    ]


def assert_alike(found, expected, networks=(), references=()):
    """Curves within 1e-5 of each other; weights within 1e-3 of the largest, as Adam divides by gradients."""
    for ours, theirs in zip(found, expected, strict=True):
        assert list(ours) == list(theirs)
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-5, atol=1e-7, err_msg=name)
    for network, reference in zip(networks, references, strict=True):
        ours, theirs = weights_of(network), weights_of(reference)
        for name, values in theirs.items():
            if name.endswith("in_proj_bias"):  # softmax does not see the keys' part: its gradient is rounding
                ours[name], values = (np.delete(x, np.s_[12:24]) for x in (ours[name], values))
            np.testing.assert_allclose(
                ours[name], values, atol=1e-3 * np.abs(values).max() + 1e-6, err_msg=name
            )


# Evaluated together


@pytest.mark.parametrize(("kind", "options"), NETWORKS)
def test_outputs_and_gradients_are_those_of_each_network_alone(kind, options):
    lengths, rng = (37, 30, 21), torch.Generator().manual_seed(1)
    models = [model.double().train() for model in models_of(kind, **options)]
    for model in models:
        model.compiles = False  # one loop more for numba to compile, which tests of its own compare
    inputs = [torch.randn(4, n, 85, generator=rng, dtype=torch.float64) for n in lengths]
    weight = torch.randn(37, 33, generator=rng, dtype=torch.float64)
    padded = torch.zeros(3, 4, 37, 85, dtype=torch.float64)
    for row, own in zip(padded, inputs, strict=True):
        row[:, : own.shape[1]] = own
    networks = Batched(models)
    outputs = networks(padded, networks.noise((11, 12, 13), lengths, 4))
    sum((outputs[k, :, :n] * weight[:n]).sum() for k, n in enumerate(lengths)).backward()
    for k, (model, own) in enumerate(zip(models, inputs, strict=True)):
        torch.manual_seed(11 + k)
        alone = model(own)
        (alone * weight[: lengths[k]]).sum().backward()
        torch.testing.assert_close(outputs[k, :, : lengths[k]], alone, rtol=1e-10, atol=1e-10)
        for name, values in networks.stacked.named_parameters():
            expected = model.get_parameter(name)
            assert torch.equal(values[k], expected)
            if expected.requires_grad:
                scale = float(expected.grad.abs().max())
                torch.testing.assert_close(values.grad[k], expected.grad, rtol=1e-10, atol=1e-10 * scale)
    if models[0].recurrent_weight is not None:
        each = torch.stack([model.recurrent_weight for model in models])
        assert torch.equal(networks.recurrent_weight, each)
    with torch.no_grad():
        alone = models[1].eval()(inputs[0])
        torch.testing.assert_close(networks.only([1])(inputs[0])[0], alone, rtol=1e-10, atol=1e-10)


def test_every_model_comes_together_but_those_of_cudnn():
    assert {kind for kind in MODELS if not can_batch(build(kind, 3, 2))} == {"lstm", "gru"}
    assert set(FORWARDS) <= set(MODELS.values())


@pytest.mark.parametrize(
    "models",
    [
        lambda: models_of("lstm"),
        lambda: [*models_of(), build("digimus", 85, 33, n_units=13)],
        lambda: [*models_of(), build("digimus", 85, 33, n_units=12, mask=0.5)],
        lambda: [*models_of("alif"), *models_of()],
        lambda: [*models_of(), *models_of(tau_m_ms=50)],
        lambda: [*models_of(), *models_of(tau_readout_ms=50)],
        lambda: [*models_of(), *models_of(threshold=1.0)],
        lambda: [*models_of(), *models_of(surrogate="triangular")],
        lambda: [*models_of(), *models_of(reset="soft")],
        lambda: [*models_of(), *models_of(preset="earlier")],
        lambda: [*models_of(), *models_of(recurrent_noise=0.1)],
        lambda: [*models_of("alif"), *models_of("alif", tau_adaptation_ms=300)],
        lambda: [*models_of(excitatory_share=0.8), *models_of(excitatory_share=0.5)],
        lambda: [*models_of(**REGIONS), *models_of(**{**REGIONS, "projections": [[0, 1.0], [1.0, 0]]})],
        lambda: [*models_of(tau_m_ms=[20, 500]), *models_of(tau_m_ms=[20, 500], learn_time_constants=True)],
        lambda: [*models_of(), *(model.double() for model in models_of())],
        lambda: [*models_of("leaky"), *models_of("leaky", tau_m_ms=50)],
        lambda: [*models_of("leaky"), *models_of("leaky", nonlinearity="tanh")],
        lambda: [*models_of("transformer"), *models_of("transformer", n_heads=2)],
    ],
)
def test_networks_that_differ_in_more_than_weights_are_refused(models):
    with pytest.raises(InputError, match="together") as raised:
        Batched(models())
    assert "one by one" in raised.value.hint


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (dict(tau_m_ms=[20, 500]), dict(tau_m_ms=[50, 100])),
        (dict(learn_time_constants=True, tau_m_ms=200), dict(learn_time_constants=True, tau_m_ms=50)),
        (dict(mask=0.5, delay_steps=3), dict(mask=0.2, delay_steps=3)),
    ],
    ids=str,
)
def test_decays_and_masks_may_differ_and_each_network_keeps_its_own(ours, theirs):
    models = [*models_of(seeds=(1, 2), **ours), *models_of(seeds=(1,), **theirs)]
    name = "mask" if "mask" in ours else "beta_logit"
    networks = Batched(models)
    stacked = networks.stacked.get_parameter(name)
    assert stacked.requires_grad == ("learn_time_constants" in ours)
    each = torch.stack([model.get_parameter(name) for model in models])
    assert torch.equal(stacked, each) and not torch.equal(each[0], each[2])
    inputs = torch.randn(4, 20, 85, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    models = [model.double() for model in models]
    networks = Batched(models)
    with torch.no_grad():
        outputs = networks(inputs)
        for model, output in zip(models, outputs, strict=True):
            model.compiles = False
            torch.testing.assert_close(output, model(inputs), rtol=1e-10, atol=1e-10)
    assert not torch.allclose(outputs[0], outputs[2], atol=0.1)


# Batches of several seeds


@pytest.mark.parametrize("several", [False, True])
def test_padding_changes_no_loss_and_gets_no_gradient(several):
    sizes = dict(batch_size=4, n_validation=4, n_test=4)
    problem = AllTasks(("go", "dms", "dlydm1"), **sizes) if several else RuleTask("dlygo", **sizes)
    update = 5
    inputs, answers, lengths = problem.training_batches(SEEDS, update)
    assert len(set(lengths)) > 1 and inputs.shape[:3] == (3, 4, max(lengths))
    outputs = torch.randn(3, 4, max(lengths), 33, requires_grad=True)
    losses = problem.losses(outputs, answers)
    losses.sum().backward()
    for k, seed in enumerate(SEEDS):
        own, batch = problem.training_batch(seed, update)
        assert lengths[k] == own.shape[1]
        assert torch.equal(inputs[k, :, : lengths[k]], own) and not inputs[k, :, lengths[k] :].any()
        alone = problem.loss(outputs[k, :, : lengths[k]], batch)
        torch.testing.assert_close(losses[k], alone, rtol=1e-6, atol=0)
        assert not outputs.grad[k, :, lengths[k] :].any()


# Trained together


@pytest.mark.parametrize(("kind", "options"), NETWORKS)
def test_each_seed_is_trained_as_it_is_alone(kind, options):
    problem = a_problem()
    term = a_term() if build(kind, 3, 2).recurrent_weight is not None else None
    if "regions" in options:
        term = RegionTerms({"a": term}, models_of(kind, **options)[0].region_slices)
    alone, together = models_of(kind, **options), models_of(kind, **options)
    expected = one_by_one(alone, problem, SETTINGS, motif_term=term)
    found = fit_seeds(together, problem, SETTINGS, seeds=SEEDS, motif_term=term)
    assert_alike(found, expected, together, alone)
    assert np.isfinite(found[0]["motif_loss"]).all() == (term is not None)
    assert len({curves["validation_loss"][-1] for curves in found}) == 3


@pytest.mark.parametrize("kind", ["tcn", "transformer", "lru"])
def test_a_motif_term_is_refused_where_nothing_recurs(kind):
    for train, models in ((fit_seeds, models_of(kind)), (fit, models_of(kind)[0])):
        more = dict(seeds=SEEDS) if train is fit_seeds else dict(seed=1)
        with pytest.raises(InputError, match="recurrent matrix") as raised:
            train(models, a_problem(), SETTINGS, motif_term=a_term(), **more)
        assert raised.value.where == "motif_term"


@pytest.mark.parametrize(("kind", "n_units"), [("digimus", 1), ("digimus", 2), ("leaky", 2)])
def test_a_motif_term_is_refused_with_fewer_units_than_a_triad_has(kind, n_units):
    models, term = models_of(kind, n_units=n_units), a_term()
    for train in (
        lambda: fit_seeds(models, a_problem(), SETTINGS, seeds=SEEDS, motif_term=term),
        lambda: fit(models[0], a_problem(), SETTINGS, seed=1, motif_term=term),
    ):
        with pytest.raises(InputError, match="three units") as raised:
            train()
        assert raised.value.where == f"models.{kind}.n_units"
        assert (raised.value.expected, raised.value.got) == ("3 or more", str(n_units))
    with pytest.raises(InputError, match="three units"):
        term(models[0].recurrent_weight, 0)
    three = models_of(kind, n_units=3)
    assert torch.isfinite(term(three[0].recurrent_weight, 0))


def test_a_motif_term_is_refused_in_a_module_of_two_units():
    models = models_of(n_units=5, **REGIONS)
    for region, fine in (("a", True), ("b", False)):  # three units, and two
        term = RegionTerms({region: a_term()}, models[0].region_slices)
        if fine:
            fit(models[0], a_problem(), replace(SETTINGS, n_updates=1), seed=1, motif_term=term)
            continue
        with pytest.raises(InputError, match="three units") as raised:
            fit(models[0], a_problem(), SETTINGS, seed=1, motif_term=term)
        assert raised.value.where == "models.digimus.n_units" and "module" in raised.value.expected


def test_seeds_with_tasks_of_their_own_at_an_update_are_trained_as_alone():
    problem = AllTasks(("go", "dms"), batch_size=4, n_validation=8, n_test=8)
    assert len({problem.task_at(seed, 0) for seed in SEEDS}) == 2
    alone, together = models_of(), models_of()
    assert_alike(
        fit_seeds(together, problem, SETTINGS, seeds=SEEDS),
        one_by_one(alone, problem, SETTINGS),
        together,
        alone,
    )


def test_decoders_of_several_seeds_are_trained_as_alone():
    rng = np.random.default_rng(3)
    values, labels = rng.normal(size=(60, 7, 5)).astype(np.float32), np.arange(60) % 2
    problem = Decoding(values, labels, np.arange(40), np.arange(40, 60), n_classes=2, batch_size=16)
    alone, together = ([build("digimus", 5, 2, n_units=12, seed=seed) for seed in SEEDS] for _ in range(2))
    assert_alike(
        fit_seeds(together, problem, SETTINGS, seeds=SEEDS),
        one_by_one(alone, problem, SETTINGS),
        together,
        alone,
    )
    for network, reference in zip(together, alone, strict=True):
        ours, theirs = (problem.held_out_probabilities(model) for model in (network, reference))
        np.testing.assert_allclose(ours, theirs, atol=1e-5)


def stopping_settings():
    return replace(SETTINGS, n_updates=36, learning_rate=0.04, patience=2, least_gain=0.1)


def test_seeds_stop_early_each_at_its_own_validation():
    problem, settings = a_problem("go"), stopping_settings()
    alone, together = models_of(n_units=6), models_of(n_units=6)
    expected = one_by_one(alone, problem, settings)
    ends = [curves["update"][-1] for curves in expected]
    assert len(set(ends)) == 3 and min(ends) < 36
    found = fit_seeds(together, problem, settings, seeds=SEEDS)
    assert [curves["update"][-1] for curves in found] == ends
    assert_alike(found, expected, together, alone)
    with torch.no_grad():
        losses = [problem.validate(model.eval())["validation_loss"] for model in together]
    np.testing.assert_allclose(losses, [curves["validation_loss"][-1] for curves in found], rtol=1e-5)


@pytest.mark.parametrize(("stop", "active"), [(7, 3), (20, 2), (26, 1)])
def test_going_on_from_a_state_gives_the_same_bits_with_seeds_that_have_ended(monkeypatch, stop, active):
    monkeypatch.setattr(engine, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    problem, settings, term = a_problem("go"), stopping_settings(), a_term(36, every=7, weight=1e-4)
    more = dict(seeds=SEEDS, motif_term=term)
    whole = models_of(n_units=6, recurrent_noise=0.01)
    kept = []
    expected = fit_seeds(whole, problem, settings, keep=kept.append, **more)
    state = [state for state in kept if state["update"] <= stop][-1]
    assert len(state["active"]) == active
    again = models_of(n_units=6, recurrent_noise=0.01)
    found = fit_seeds(again, problem, settings, state=state, **more)
    for ours, theirs in zip(found, expected, strict=True):
        assert_same(ours, theirs)
    for ours, theirs in zip(again, whole, strict=True):
        assert_same(weights_of(ours), weights_of(theirs))


# Numbers that are none


@pytest.mark.parametrize(("what", "bad"), [("loss", 4), ("gradients", 4), ("gradients", 11)])
def test_the_update_and_the_seed_that_left_the_finite_numbers_are_named(what, bad):
    problem, kept = a_problem("go"), []
    plain, now = problem.training_batches, {}
    losses_of = problem.losses

    def batches(seeds, update):
        now["update"] = update
        return plain(seeds, update)

    def losses(outputs, answers):
        if now["update"] == bad:
            row = torch.tensor([1.0, float("nan"), 1.0])
            if what == "loss":
                return losses_of(outputs, answers) * row
            outputs.register_hook(lambda grad: grad * row[:, None, None, None])
        return losses_of(outputs, answers)

    problem.training_batches, problem.losses = batches, losses
    with pytest.raises(TrainingError, match=what) as raised:
        fit_seeds(models_of(), problem, SETTINGS, seeds=SEEDS, keep=kept.append)
    assert f"seed 2, update {bad + 1} of 12" in raised.value.where
    assert raised.value.got.startswith("loss nan" if what == "loss" else ("loss 0.", "loss 1."))
    # The state kept is that of the last validation before.
    assert [int(state["update"]) for state in kept] == [bad // 3 * 3]
    good = {name: values for name, values in kept[0].items() if "motif" not in name}
    assert all(np.isfinite(values).all() for values in good.values())


def test_a_rate_that_overflows_the_weights_ends_training():
    with pytest.raises(TrainingError, match="finite") as raised:
        fit_seeds(models_of("tcn"), a_problem(), replace(SETTINGS, learning_rate=1e30), seeds=SEEDS)
    assert "seed 1, update 2 of 12" in raised.value.where


# What an update asks of the device


@pytest.mark.parametrize(("kind", "options"), NETWORKS)
def test_an_update_reads_nothing_from_the_device(kind, options):
    """On the device "meta" there are shapes and no values: whatever waits for a value fails."""
    problem = a_problem(device=torch.device("meta"))
    models = models_of(kind, **{key: value for key, value in options.items() if key != "recurrent_noise"})
    group = seeds_module._Group(models, SETTINGS, SEEDS)
    stacked = group.networks.stacked.to("meta")
    group.optimizer = torch.optim.Adam([p for p in stacked.parameters() if p.requires_grad], foreach=True)
    note = seeds_module._step(group, problem, SETTINGS, 0, None, watched=True)
    assert note.found.shape == (4, 3) and note.found.device.type == note.measures.device.type == "meta"
    assert len(group.optimizer.state) == sum(p.requires_grad for p in stacked.parameters())
    with pytest.raises((RuntimeError, NotImplementedError)):
        group.read([note])


def test_validation_evaluates_all_seeds_once():
    problem = a_problem("go")
    group = seeds_module._Group(models_of(), SETTINGS, SEEDS)
    calls, plain = [], group.networks._forward
    group.networks._forward = lambda *arguments: (calls.append(1), plain(*arguments))[1]
    group.validate(problem, 3, [engine.Step(0.0, None)] * 3)
    assert len(calls) == len(problem.validation)
    for curves, model in zip(group.curves, models_of(), strict=True):
        with torch.no_grad():
            expected = problem.validate(model.eval())
        assert curves["validation_loss"] == pytest.approx([expected["validation_loss"]], rel=1e-6)
        assert curves["validation_accuracy"] == [expected["validation_accuracy"]]


# Cells


def a_cell(**changes):
    values = dict(
        benchmark="rules", unit="go", model="digimus", prior="none", kind="digimus",
        model_settings={"n_units": 10, "recurrent_noise": 0.1}, seeds=(1, 2), seeds_at_once=True,
    )  # fmt: skip
    return Cell(**{**values, **changes})


def train(path, cell=None, settings=SETTINGS, term=None, **more):
    train_task(
        path, cell or a_cell(), settings, batch_size=4, n_validation=8, n_test=8, motif_term=term,
        provenance={}, key="key", **more,
    )  # fmt: skip
    return arrays_of(path)


def attributes_of(path):
    with h5py.File(path) as file:
        return dict(file.attrs)


def test_a_cell_holds_the_same_arrays_either_way(tmp_path):
    grid = RateGrid((1e-6, 0.02), seed=9, n_updates=6)
    found = train(tmp_path / "at_once.h5", grid=grid, term=a_term())
    expected = train(tmp_path / "alone.h5", a_cell(seeds_at_once=False), grid=grid, term=a_term())
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-4, err_msg=name)
        if name.startswith("search") or "initial" in name or "difficulty" in name:
            np.testing.assert_array_equal(found[name], values)
    ours, theirs = (attributes_of(tmp_path / f"{name}.h5") for name in ("at_once", "alone"))
    assert ours["seeds_at_once"] and not theirs["seeds_at_once"]
    assert (ours["kernel"], theirs["kernel"]) == ("torch", build("digimus", 3, 2).kernel)
    assert ours["threads"] == 1 and ours["matmul_precision"] == "highest" and ours["device"] == "cpu"
    assert ours["n_parameters"] == theirs["n_parameters"]


def test_decoding_at_once_gives_the_probabilities_of_seeds_one_by_one(tmp_path):
    class Session:
        classes, session_id, bin_ms, n_units = ("a", "b"), "s1", 20.0, 5
        labels = np.arange(40) % 2
        values = np.random.default_rng(3).normal(size=(40, 4, 5)).astype(np.float32)
        groups, start_s, observed = np.arange(40), np.arange(40.0), None

    everything = np.arange(40)
    folds = [(np.setdiff1d(everything, part), part) for part in np.array_split(everything, 2)]
    for at_once in (True, False):
        cell = a_cell(
            benchmark="visual", unit="sessions", model_settings={"n_units": 8}, seeds_at_once=at_once
        )
        train_decoders(
            tmp_path / f"{at_once}.h5", cell, SETTINGS, [Session()], splits=lambda s: {"blocked": folds},
            batch_size=16, motif_term=None, provenance={}, key="k",
        )  # fmt: skip
    found, expected = (arrays_of(tmp_path / f"{at_once}.h5") for at_once in (True, False))
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-4, atol=1e-5, err_msg=name)
    assert attributes_of(tmp_path / "True.h5")["kernel"] == "torch"


class Stopped(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("stops", [[8], [2, 5, 11]])
def test_a_stopped_cell_ends_with_the_same_bits(tmp_path, monkeypatch, stops):
    monkeypatch.setattr(engine, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    expected = train(tmp_path / "whole.h5", term=a_term(every=5))
    plain = RuleTask.training_batches
    for stop in stops:

        def batches(problem, seeds, update, stop=stop):
            if update == stop:
                raise Stopped
            return plain(problem, seeds, update)

        monkeypatch.setattr(RuleTask, "training_batches", batches)
        with pytest.raises(Stopped):
            train(tmp_path / "cell.h5", term=a_term(every=5))
    seen = []
    monkeypatch.setattr(
        RuleTask,
        "training_batches",
        lambda p, seeds, update: (seen.append(update), plain(p, seeds, update))[1],
    )
    assert_same(train(tmp_path / "cell.h5", term=a_term(every=5)), expected)
    assert seen[0] == stops[-1] // 3 * 3
    assert not (tmp_path / "cell.checkpoint.h5").exists()


@pytest.mark.parametrize(
    ("wanted", "kind", "device", "at_once", "says"),
    [
        ("auto", "digimus", "cpu", False, ""),
        ("auto", "digimus", "cuda", True, "seeds at once"),
        (True, "digimus", "cpu", True, "seeds at once"),
        (False, "digimus", "cuda", False, ""),
        ("auto", "lstm", "cuda", False, "class LSTM do not come together"),
        (True, "gru", "cpu", False, "class GRU do not come together"),
    ],
)
def test_seeds_are_taken_at_once_on_a_gpu_or_if_asked_for(caplog, wanted, kind, device, at_once, says):
    with caplog.at_level(logging.INFO):
        found = takes_seeds(wanted, build(kind, 3, 2), RuleTask, torch.device(device))
    assert found == at_once and says in caplog.text and bool(says) == bool(caplog.text)


def test_a_problem_that_gives_one_batch_at_a_time_is_trained_seed_by_seed(caplog):
    with caplog.at_level(logging.INFO):
        assert not takes_seeds(True, build("digimus", 3, 2), object(), torch.device("cpu"))
    assert "one seed only" in caplog.text


def test_an_lstm_goes_one_by_one_though_asked_for(tmp_path):
    cell = a_cell(kind="lstm", model="lstm", model_settings={"n_units": 5})
    found = train(tmp_path / "asked.h5", cell)
    assert_same(found, train(tmp_path / "alone.h5", replace(cell, seeds_at_once=False)))
    assert not attributes_of(tmp_path / "asked.h5")["seeds_at_once"]
    assert attributes_of(tmp_path / "asked.h5")["kernel"] == "torch"
