"""Training: killed at any moment, stopped early, its learning rates, checks, and many tasks at once."""

import logging
import multiprocessing
import time
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
import yaml

from digimus import InputError
from digimus.analysis.decoding.tables import decoding_rates
from digimus.analysis.evaluation import rule_tables
from digimus.analysis.retention.profiles import PROFILE_COLUMNS, SCORE_COLUMNS, retention_tables
from digimus.configuration import checked
from digimus.errors import TrainingError
from digimus.models import build
from digimus.storage import read_table, write_table
from digimus.training import (
    AllTasks,
    FitSettings,
    RateGrid,
    RuleTask,
    choose_device,
    engine,
    fit,
    load,
    read_checkpoint,
    train_decoders,
    train_task,
)
from digimus.training.cells import TOGETHER, Cell
from digimus.training.rates import best_rate
from trained_files import arrays_of, assert_same

torch.set_num_threads(1)

SETTINGS = FitSettings(n_updates=12, learning_rate=0.01, validate_every=2)


def a_cell(**changes):
    values = dict(
        benchmark="rules", unit="go", model="digimus", prior="none", kind="digimus",
        model_settings={"n_units": 10, "recurrent_noise": 0.1}, seeds=(1, 2),
    )  # fmt: skip
    return Cell(**{**values, **changes})


def train(path, cell=None, settings=SETTINGS, key="key", **more):
    train_task(
        path, cell or a_cell(), settings, batch_size=4, n_validation=8, n_test=8, motif_term=None,
        provenance={}, key=key, **more,
    )  # fmt: skip
    return arrays_of(path)


def a_problem(name="go"):
    return RuleTask(name, batch_size=4, n_validation=8, n_test=8)


def a_model(seed=0, **settings):
    return build("digimus", 85, 33, seed=seed, **{"n_units": 10, **settings})


# Killed


def killed_after(seconds, path, **arguments):
    """Train in a process of its own that is killed (SIGKILL) after a while; whether it had ended before."""
    process = multiprocessing.get_context("fork").Process(target=train, args=(path,), kwargs=arguments)
    process.start()
    process.join(seconds)
    ended = not process.is_alive()
    process.kill()
    process.join()
    assert not ended or process.exitcode == 0
    return ended


NOISY = {"n_units": 10, "recurrent_noise": 0.1}
STOPPING = replace(SETTINGS, n_updates=60, schedule="cosine", patience=3, least_gain=0.05)
KILLED = {
    "masked": dict(
        cell=a_cell(model_settings={**NOISY, "mask": 0.5, "delay_steps": 3}),
        settings=replace(SETTINGS, n_updates=12, schedule="cosine"),
    ),
    "together, searched": dict(
        cell=a_cell(unit=TOGETHER, model_settings=NOISY, seeds=(1,)),
        settings=replace(SETTINGS, n_updates=20),
        together=("go", "dms"),
        grid=RateGrid((0.003, 0.01), n_updates=6),
    ),
    "stopped early": dict(cell=a_cell(model_settings=NOISY), settings=STOPPING),
    "at once, searched, stopped early": dict(
        cell=a_cell(model_settings=NOISY, seeds_at_once=True),
        settings=STOPPING,
        grid=RateGrid((0.003, 0.01), n_updates=8),
    ),
}


@pytest.mark.parametrize("arguments", KILLED.values(), ids=KILLED)
def test_a_training_killed_at_random_moments_ends_with_the_same_bits(tmp_path, monkeypatch, arguments):
    monkeypatch.setattr(engine, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    expected = train(tmp_path / "compiled.h5", **arguments)
    started = time.monotonic()
    assert_same(train(tmp_path / "whole.h5", **arguments), expected)
    whole = time.monotonic() - started
    if arguments["settings"].patience:
        ends = [expected[f"seed_{seed}/curves/update"][-1] for seed in (1, 2)]
        assert min(ends) < arguments["settings"].n_updates
    rng, kills, went_on = np.random.default_rng(), 0, 0
    while kills < 3 or not went_on:
        had = (tmp_path / "cell.checkpoint.h5").exists()
        if not killed_after(rng.uniform(0.05, 0.45) * whole, tmp_path / "cell.h5", **arguments):
            kills, went_on = kills + 1, went_on + had
        elif kills:
            break
        else:  # the machine has become faster since
            (tmp_path / "cell.h5").unlink()
            whole /= 2
    assert_same(train(tmp_path / "cell.h5", **arguments), expected)
    assert not (tmp_path / "cell.checkpoint.h5").exists()


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """The checkpoint of a training that ended in an error."""
    monkeypatch.setattr(engine, "SECONDS_BETWEEN_CHECKPOINTS", -1)
    plain = RuleTask.training_batch

    def batch(problem, seed, update):
        if update == 7:
            raise KeyboardInterrupt
        return plain(problem, seed, update)

    monkeypatch.setattr(RuleTask, "training_batch", batch)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cell.h5")
    return tmp_path / "cell.checkpoint.h5"


def test_a_checkpoint_is_refused_unless_it_is_whole_and_of_this_configuration(checkpoint, tmp_path):
    assert read_checkpoint(checkpoint, "key")["state/seed_1/update"] == 6
    with pytest.raises(InputError, match="another configuration") as raised:
        read_checkpoint(checkpoint, "another")
    assert raised.value.where == str(checkpoint) and "afresh" in raised.value.hint
    whole = checkpoint.read_bytes()
    for name, content in {
        "cut": whole[: len(whole) // 2],
        "text": b"no checkpoint",
        "empty": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            read_checkpoint(tmp_path / name, "key")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["key"] = "key"
        file["something"] = 1
    with pytest.raises(InputError, match="no checkpoint"):
        read_checkpoint(tmp_path / "other.h5", "key")
    with pytest.raises(InputError):
        read_checkpoint(tmp_path / "absent.h5", "key")


# Numbers that are none


@pytest.mark.parametrize("bad", [5, 10])
def test_a_gradient_that_is_no_number_is_reported_at_its_update_with_the_last_good_state(bad):
    problem, model, kept = a_problem(), a_model(), []
    plain = problem.training_batch

    def batch(seed, update):
        if update == bad:
            model.w.register_hook(lambda grad: grad * float("nan"))
        return plain(seed, update)

    problem.training_batch = batch
    with pytest.raises(TrainingError, match="gradients") as raised:
        fit(model, problem, SETTINGS, seed=1, keep=kept.append)
    assert f"update {bad + 1} of 12" in raised.value.where
    assert raised.value.got.startswith(("loss 0.", "loss 1."))
    # No checkpoint was due yet: the only one is that of the last validation before.
    assert [int(state["update"]) for state in kept] == [bad // 2 * 2]
    assert all(np.isfinite(values).all() for name, values in kept[0].items() if "motif" not in name)
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())


def test_a_kept_state_does_not_change_when_training_goes_on():
    states = []
    problem, model = a_problem(), a_model()
    fit(model, problem, replace(SETTINGS, n_updates=2), seed=1, keep=states.append)
    assert states == []
    state = engine.state_of(model, torch.optim.Adam(model.parameters()), {}, 2)
    before = state["model/w"].copy()
    with torch.no_grad():
        model.w.add_(1)
    np.testing.assert_array_equal(state["model/w"], before)


# Gradients and activity


def test_gradients_are_measured_before_they_are_clipped():
    problem = a_problem()
    ends = {}
    for clip in (1e-9, 1e9):
        model = a_model()
        curves = fit(model, problem, replace(SETTINGS, n_updates=1, clip=clip), seed=1)
        ends[clip] = curves
    assert ends[1e-9]["gradient_norm"] == ends[1e9]["gradient_norm"] > 1e-4
    assert ends[1e9]["clipped_share"] == 0 and ends[1e-9]["clipped_share"] > 0.3
    model = a_model()
    inputs, batch = problem.training_batch(1, 0)
    problem.loss(model.train()(inputs), batch).backward()
    norm = torch.cat([p.grad.flatten() for p in model.parameters()]).norm()
    assert ends[1e9]["gradient_norm"][0] == pytest.approx(float(norm), rel=1e-5)


@pytest.mark.parametrize(("bias", "check"), [(-50.0, "silent units"), (50.0, "saturated units")])
def test_silent_and_saturated_networks_are_found_and_reported(tmp_path, monkeypatch, caplog, bias, check):
    plain = Cell.make_model

    def model_of(cell, *arguments, **settings):
        model = plain(cell, *arguments, **settings)
        with torch.no_grad():
            model.b.fill_(bias)
        return model

    monkeypatch.setattr(Cell, "make_model", model_of)
    with caplog.at_level(logging.WARNING):
        train(tmp_path / "cell.h5", a_cell(model_settings={"n_units": 10}))
    assert "100 % of the units are silent" in caplog.text or "100 % saturated" in caplog.text
    checks = rule_tables([load(tmp_path / "cell.h5")])[3]
    found = checks[checks["verdict"] == "warning"]
    assert check in set(found["check"]) and set(found["seed"]) == {1, 2}
    assert (found.loc[found["check"] == check, "value"] == 1).all()


def test_a_sound_network_passes_every_check(tmp_path):
    train(tmp_path / "cell.h5")
    train(tmp_path / "lstm.h5", a_cell(kind="lstm", model="lstm", model_settings={"n_units": 5}))
    checks = rule_tables([load(tmp_path / f"{name}.h5") for name in ("cell", "lstm")])[3]
    assert (checks["verdict"] == "passes").all()
    assert checks.groupby("model")["check"].nunique().to_dict() == {"digimus": 4, "lstm": 2}


# The schedule of learning rates


def test_a_cosine_falls_from_the_learning_rate_to_a_hundredth_of_it():
    settings = FitSettings(n_updates=100, learning_rate=0.5, schedule="cosine")
    rates = np.array([settings.rate_at(update) for update in range(101)])
    assert rates[0] == 0.5 and rates[100] == pytest.approx(0.005)
    assert rates[50] == pytest.approx((0.5 + 0.005) / 2)
    assert (np.diff(rates) < 0).all()
    assert {FitSettings(n_updates=100, learning_rate=0.5).rate_at(k) for k in (0, 50, 99)} == {0.5}


def test_the_weights_move_with_the_rate_of_their_update():
    moved = {}
    for n_updates in (1, 40):
        for schedule in ("constant", "cosine"):
            model = a_model()
            settings = FitSettings(n_updates, 0.01, validate_every=1, schedule=schedule)
            fit(model, a_problem(), settings, seed=1)
            moved[schedule, n_updates] = model.readout.bias.detach().clone()
    assert torch.equal(moved["constant", 1], moved["cosine", 1])
    assert not torch.equal(moved["constant", 40], moved["cosine", 40])


def test_an_unknown_schedule_is_refused():
    with pytest.raises(InputError) as raised:
        FitSettings(n_updates=1, schedule="cosin")
    assert "cosine" in raised.value.hint


# Early stopping


class Falling:
    """A problem whose validation losses are given."""

    def __init__(self, losses):
        self.losses, self.validated = losses, 0

    def training_batch(self, seed, update):
        return torch.ones(1, 2, 3), None

    def loss(self, outputs, answers):
        return outputs.square().mean()

    def validate(self, model):
        self.validated += 1
        return {"validation_loss": self.losses[self.validated - 1]}


@pytest.mark.parametrize(
    ("losses", "patience", "least_gain", "stops_after"),
    [
        ([5, 4, 3, 2, 1, 0.5], 2, 0.0, 6),
        ([5, 4, 4, 4, 1, 1], 2, 0.0, 4),
        ([5, 4, 4.5, 3, 3.5, 2], 2, 0.0, 6),
        ([5, 6, 1, 1, 1, 1], 1, 0.0, 2),
        ([5, 4.9, 4.8, 4, 4, 4], 2, 0.1, 3),
        ([5, 5, 5, 5, 5, 5], None, 0.0, 6),
    ],
)
def test_training_stops_when_the_validation_loss_has_not_fallen(losses, patience, least_gain, stops_after):
    model = build("lstm", 3, 1, n_units=2)
    settings = FitSettings(n_updates=12, validate_every=2, patience=patience, least_gain=least_gain)
    curves = fit(model, Falling(losses), settings, seed=1)
    assert list(curves["update"]) == [2 * k for k in range(1, stops_after + 1)]


def test_a_run_that_is_stopped_early_is_the_start_of_the_whole_run(tmp_path):
    settings = replace(SETTINGS, n_updates=40, learning_rate=0.3)
    whole = train(tmp_path / "whole.h5", settings=settings)
    early = train(tmp_path / "early.h5", settings=replace(settings, patience=2))
    for seed in (1, 2):
        n = len(early[f"seed_{seed}/curves/update"])
        assert n < 20
        for metric in ("update", "loss", "validation_loss"):
            name = f"seed_{seed}/curves/{metric}"
            np.testing.assert_array_equal(early[name], whole[name][:n])


def test_early_stopping_without_a_validation_loss_is_refused():
    problem = Falling([1])
    problem.validate = lambda model: {"training_loss": 1.0}
    with pytest.raises(InputError, match="validation loss"):
        fit(
            build("lstm", 3, 1, n_units=2),
            problem,
            FitSettings(n_updates=4, validate_every=2, patience=1),
            seed=1,
        )


# Learning rates


def test_the_rate_with_the_lowest_validation_loss_is_used_and_all_are_recorded(tmp_path):
    grid = RateGrid((1e-6, 0.02), seed=9, n_updates=8)
    found = train(tmp_path / "grid.h5", grid=grid)
    cell = load(tmp_path / "grid.h5")
    losses = [found[f"search/rate_{k}/validation_loss"][-1] for k in range(2)]
    assert losses[1] < losses[0] and cell.fit_settings["learning_rate"] == 0.02
    assert [found[f"search/rate_{k}/update"][-1] for k in range(2)] == [8, 8]
    plain = train(tmp_path / "plain.h5", settings=replace(SETTINGS, learning_rate=0.02))
    assert_same({k: v for k, v in found.items() if not k.startswith("search")}, plain)
    tables = rule_tables([cell])
    rates = tables[4]
    assert list(rates["learning_rate"]) == [1e-6, 0.02] and list(rates["chosen"]) == [False, True]
    assert list(rates["validation_loss"]) == losses and set(rates["n_updates"]) == {8}
    assert (tables[2]["learning_rate"] == 0.02).all()
    model = a_cell().make_model(85, 33, 9)
    curves = fit(model, a_problem(), replace(SETTINGS, n_updates=8, learning_rate=0.02), seed=9)
    assert curves["validation_loss"][-1] == losses[1]


def test_a_rate_that_diverges_is_recorded_and_not_taken(tmp_path, monkeypatch):
    plain = RuleTask.loss

    def loss(problem, outputs, batch):
        value = plain(problem, outputs, batch)
        return value * float("nan") if float(outputs.detach().abs().max()) > 50 else value

    monkeypatch.setattr(RuleTask, "loss", loss)
    train(tmp_path / "cell.h5", grid=RateGrid((500.0, 0.01)))
    rates = rule_tables([load(tmp_path / "cell.h5")])[4]
    assert list(rates["chosen"]) == [False, True] and np.isnan(rates["validation_loss"][0])
    with pytest.raises(TrainingError, match="No learning rate"):
        train(tmp_path / "other.h5", grid=RateGrid((500.0,)))


def test_of_two_equal_rates_the_smaller_is_taken():
    assert best_rate((0.1, 0.01, 0.3), (1.0, 1.0, 2.0)) == 0.01
    assert best_rate((0.1, 0.01), (1.0, np.nan)) == 0.1


@pytest.mark.parametrize("rates", [(), (0.1, 0.1), (0.0,), (-1.0, 0.1)])
def test_a_grid_of_no_use_is_refused(rates):
    with pytest.raises(InputError, match="grid of learning rates"):
        RateGrid(rates)


class Session:
    """What the decoders use of a prepared session."""

    classes = ("a", "b")
    session_id, bin_ms = "s1", 20.0

    def __init__(self):
        rng = np.random.default_rng(3)
        self.labels = np.arange(60) % 2
        self.values = rng.normal(size=(60, 4, 5)).astype(np.float32)
        self.values[:, :, 0] += 3 * self.labels[:, None]
        self.groups, self.start_s, self.n_units = np.arange(60) // 2, np.arange(60.0), 5
        self.observed = None


def test_decoders_choose_a_rate_by_their_own_training_trials_alone(tmp_path):
    cell = a_cell(benchmark="visual", unit="sessions", seeds=(1,), model_settings={"n_units": 8})
    settings = FitSettings(n_updates=15, validate_every=15)
    ends = []
    for changed in (False, True):
        session = Session()
        everything = np.arange(60)
        folds = [(np.setdiff1d(everything, part), part) for part in np.array_split(everything, 2)]
        if changed:
            session.labels = session.labels.copy()
            session.labels[folds[0][1]] = 1 - session.labels[folds[0][1]]
        path = tmp_path / f"{changed}.h5"
        train_decoders(
            path, cell, settings, [session], splits=lambda s, folds=folds: {"blocked": folds},
            batch_size=24, motif_term=None, provenance={}, key="k", grid=RateGrid((1e-6, 0.03)),
        )  # fmt: skip
        ends.append(decoding_rates(path))
    plain, flipped = ends
    assert len(plain) == 4 and plain["chosen"].sum() == 2
    assert (plain.loc[plain["chosen"], "learning_rate"] == 0.03).all()
    first = plain["fold"] == "0"
    np.testing.assert_array_equal(plain.loc[first, "validation_loss"], flipped.loc[first, "validation_loss"])
    assert np.any(
        plain.loc[~first, "validation_loss"].values != flipped.loc[~first, "validation_loss"].values
    )


# Several tasks


def test_tasks_come_in_rounds_each_as_often(tmp_path):
    names = ("go", "dm1", "dms", "anti", "dlydm1")
    problem = AllTasks(names, batch_size=3, n_validation=4, n_test=4)
    order = [problem.task_at(1, update) for update in range(200)]
    rounds = {tuple(order[k : k + 5]) for k in range(0, 200, 5)}
    assert all(sorted(round_) == sorted(names) for round_ in rounds) and len(rounds) > 20
    assert order != [problem.task_at(2, update) for update in range(200)]
    again = AllTasks(names, batch_size=3, n_validation=4, n_test=4)
    for update in (0, 7):
        inputs, batch = problem.training_batch(1, update)
        assert batch.name == order[update]
        assert torch.equal(inputs, again.training_batch(1, update)[0])
        assert torch.equal(
            inputs, RuleTask(batch.name, batch_size=3, n_validation=4, n_test=4).training_batch(1, update)[0]
        )


def test_one_network_for_several_tasks_is_scored_task_by_task(tmp_path):
    names = ("go", "dm1")
    cells = [a_cell(unit=TOGETHER), a_cell(unit="go")]
    train(tmp_path / "all.h5", cells[0], together=names)
    train(tmp_path / "go.h5", cells[1])
    together, alone = load(tmp_path / "all.h5"), load(tmp_path / "go.h5")
    assert together.together and together.tasks == names and not alone.together
    scores, curves, models, checks, _ = rule_tables([together, alone])
    kinds = scores.groupby(["benchmark", "training"])["task"].unique()
    assert set(kinds["rules together", "together"]) == set(names)
    assert list(kinds["rules", "per task"]) == ["go"]
    network = together.network(1)
    problem = AllTasks(names, batch_size=4, n_validation=8, n_test=8)
    for task in names:
        found = problem.tasks[task].test_trials(network)["correct"].mean()
        row = scores.query("training == 'together' and seed == 1 and metric == 'accuracy'").set_index("task")
        assert row.loc[task, "value"] == pytest.approx(found)
        line = curves.query("training == 'together' and seed == 1 and metric == 'validation_loss'")
        with torch.no_grad():
            value = problem.tasks[task].validate(network)["validation_loss"]
        assert line[line["task"] == task]["value"].iloc[-1] == pytest.approx(value)
    assert len(models) == 2 * 2 + 2 and set(checks["task"]) == {"together", "go"}
    assert set(scores.query("training == 'together'")["metric"]) >= {"accuracy", "accuracy_at_coherence_0.01"}


def test_where_no_task_is_learnt_alone_the_tables_of_retention_are_empty_and_whole(tmp_path):
    for table, columns in zip(retention_tables([], {}, 0.1), (PROFILE_COLUMNS, SCORE_COLUMNS), strict=True):
        write_table(tmp_path / "table.csv", table)
        assert len(read_table(tmp_path / "table.csv", columns)) == 0


# Devices and what is written


def test_auto_takes_a_gpu_where_there_is_one_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    with caplog.at_level(logging.INFO):
        assert choose_device("auto").type == choose_device("cuda").type == "cuda"
        assert choose_device("cpu").type == "cpu"
    assert torch.backends.cudnn.deterministic
    assert "device: cuda (asked for: auto)" in caplog.text and "device: cpu (asked for: cpu)" in caplog.text


def test_batches_are_made_for_the_device_of_the_problem():
    problem = AllTasks(("go", "dms"), batch_size=2, n_validation=4, n_test=4, device=torch.device("meta"))
    inputs, batch = problem.training_batch(1, 0)
    assert {inputs.device.type, batch.targets.device.type, batch.mask.device.type} == {"meta"}
    assert all(batch.inputs.device.type == "meta" for batch in problem.validation)


def test_a_result_tells_settings_versions_and_device(tmp_path):
    train(tmp_path / "cell.h5")
    with h5py.File(tmp_path / "cell.h5") as file:
        attributes = dict(file.attrs)
    assert f'"torch": "{torch.__version__}"' in attributes["versions"] and '"numba"' in attributes["versions"]
    assert attributes["device"] == "cpu" and not attributes["seeds_at_once"]
    assert attributes["kernel"] == a_model().kernel and attributes["threads"] == 1
    assert attributes["matmul_precision"] == torch.get_float32_matmul_precision()
    assert '"learning_rate": 0.01' in attributes["fit_settings"] and list(attributes["tasks"]) == ["go"]


def test_a_damaged_result_is_refused(tmp_path):
    train(tmp_path / "cell.h5", a_cell(model_settings={"n_units": 60}))
    whole = (tmp_path / "cell.h5").read_bytes()
    for start in range(2000, len(whole) - 4000, 4000):
        (tmp_path / "hole.h5").write_bytes(whole[:start] + b"\xff" * 3000 + whole[start + 3000 :])
        try:
            load(tmp_path / "hole.h5")
        except InputError as error:
            assert error.where == str(tmp_path / "hole.h5")


# The configuration


@pytest.fixture
def configured(root):
    """Checks the default configuration with a training part changed."""
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))

    def overlaid(base, changes):
        if isinstance(base, dict) and isinstance(changes, dict):
            return base | {key: overlaid(base.get(key), value) for key, value in changes.items()}
        return changes

    def check(training):
        default = yaml.safe_load((root / "config/config.yaml").read_text(encoding="utf-8"))
        return checked(overlaid(default, {"training": training}), schema)

    return check


@pytest.mark.parametrize("together", [True, False, "both"])
def test_networks_for_all_tasks_stopping_and_grids_can_be_configured(configured, together):
    rules = {
        "together": together,
        "early_stopping": {"patience": 3, "least_gain": 0.01},
        "learning_rate": {"digimus": [0.001, 0.01], "lstm": 0.01},
    }
    assert (
        configured({"rules": rules, "search": {"n_updates": 50}})["training"]["rules"]["together"] == together
    )


@pytest.mark.parametrize(
    ("training", "where"),
    [
        ({"rules": {"together": "sometimes"}}, "training.rules.together"),
        ({"rules": {"early_stopping": {}}}, "training.rules.early_stopping.patience"),
        ({"rules": {"early_stopping": {"patience": 0}}}, "training.rules.early_stopping.patience"),
        ({"rules": {"learning_rate": {"digimus": [], "lstm": 0.1}}}, "training.rules.learning_rate.digimus"),
        ({"rules": {"learning_rate": {"digimus": [0.1, 0.1], "lstm": 0.1}}}, "learning_rate.digimus"),
        ({"rules": {"learning_rate": {"digimus": -1, "lstm": 0.1}}}, "learning_rate.digimus"),
        (
            {"rules": {"learning_rate": {"digimus": [0.1, 0.2], "lstm": 0.1}}, "seeds": [0, 1]},
            "training.search.seed",
        ),
        ({"search": {"rate": 1}}, "training.search.rate"),
        ({"seeds_at_once": "often"}, "training.seeds_at_once"),
    ],
)
def test_training_that_makes_no_sense_is_refused(configured, training, where):
    with pytest.raises(InputError) as raised:
        configured(training)
    assert where in raised.value.where


@pytest.mark.parametrize("at_once", [True, False, "auto"])
def test_seeds_at_once_can_be_configured(configured, at_once):
    assert configured({"seeds_at_once": at_once})["training"]["seeds_at_once"] == at_once


def test_a_seed_of_0_is_fine_where_no_rate_is_chosen(configured):
    assert configured({"seeds": [0, 1]})["training"]["seeds"] == [0, 1]
