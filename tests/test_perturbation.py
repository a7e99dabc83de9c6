"""The causal test on networks made by hand, whose parts and errors are known."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import torch

from digimus.analysis.perturbation.networks import (
    EFFECT_COLUMNS,
    SLOPE_COLUMNS,
    Settings,
    epoch_steps,
    error_axis,
    perturbation_tables,
    slope_of,
    slope_table,
    untrained_tables,
)
from digimus.models import build
from digimus.seeding import stream
from digimus.tasks import make_batch

SETTINGS = Settings(
    epochs=("stimulus", "delay", "response"), fractions=(0.5, 1.0), doses=(0.1, 0.3), n_draws=9, n_trials=64,
    n_axis_trials=400,
)  # fmt: skip
RING, LAPSE, IDLE = slice(0, 32), 32, slice(33, 66)
UNUSED_INPUT = 84


@dataclass
class Cell:
    """What the analysis asks of a trained cell."""

    made: torch.nn.Module
    unit: str = "go"
    model: str = "leaky"
    prior: str = "none"
    seeds: tuple = (1,)
    model_settings: dict = field(default_factory=dict)

    def network(self, seed):
        return self.made


def hand_made(lapses):
    """Answers at the stimulus with its first 32 units; with lapses it fixates when an integrator is high.

    The integrator, unit 32, sums the noise of an input that means nothing; the last 33 units do nothing.
    """
    network = build("leaky", 85, 33, seed=1, n_units=66, nonlinearity="tanh").eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        for k in range(32):
            network.w_in[k, 1 + k] = network.w_in[k, 33 + k] = 1.0
            network.readout.weight[1 + k, k] = 10.0
        network.readout.bias[:] = -5.0
        network.w_in[IDLE, :] = 0.3
        if lapses:
            network.w_in[LAPSE, UNUSED_INPUT] = 3.3
            network.w[LAPSE, LAPSE] = 0.95
            network.readout.weight[0, LAPSE] = 200.0
            network.readout.bias[0] = -20.0
    return network


@pytest.fixture(scope="module")
def lapsing():
    cell = Cell(hand_made(lapses=True))
    return perturbation_tables(cell, SETTINGS, seed=3)


def test_the_axis_of_errors_harms_more_than_random_directions(lapsing):
    effects, slopes = lapsing
    baseline = effects["baseline_accuracy"].dropna().iloc[0]
    assert 0.5 < baseline < 0.9
    pushed = effects[effects["kind"].eq("error-axis") & effects["epoch"].eq("response")].set_index("dose")
    assert pushed.loc[0.3, "accuracy"] < 0.05 and pushed.loc[-0.3, "accuracy"] > 0.95
    row = slopes[slopes["kind"].eq("error-axis") & slopes["epoch"].eq("response")].iloc[0]
    assert row["effect"] > 0.2 and row["p"] == pytest.approx(0.1)
    assert row["slope"] < row["random_slope_95"]
    assert row["not_available"] == ""


def test_the_axis_of_an_integrator_is_found_where_difficulty_goes_with_errors():
    rng = stream(1, "axis")
    stimulus, lapse = rng.normal(size=(2, 2000))
    correct = stimulus + lapse + 0.5 * rng.normal(size=2000) < 1
    directions = np.eye(6)[:2]
    states = np.outer(3 * stimulus, directions[0]) + np.outer(lapse, directions[1])
    states += 0.3 * rng.normal(size=states.shape)
    axis = error_axis(states, correct, np.column_stack([np.ones(2000), stimulus]))
    assert np.linalg.norm(axis) == pytest.approx(1)
    assert axis @ directions[1] > 0.99
    without_conditions = error_axis(states, correct, np.ones((2000, 1)))
    assert without_conditions @ directions[1] < 0.6


def test_only_the_module_that_carries_the_answer_matters():
    names = dict(regions=["carrier", "idle"], n_units=66)
    effects, slopes = perturbation_tables(Cell(hand_made(False), model_settings=names), SETTINGS, seed=3)
    silenced = effects[effects["kind"].eq("module") & effects["epoch"].eq("response") & effects["dose"].eq(1)]
    change = silenced.set_index("target")["change"]
    assert change["carrier"] == pytest.approx(-1) and change["idle"] == 0
    assert (effects["baseline_accuracy"].dropna() == 1).all()
    effect = slopes[slopes["epoch"].eq("response") & slopes["kind"].eq("module")].set_index("target")[
        "effect"
    ]
    assert effect["carrier"] > 0 >= effect["idle"]
    nothing = effects[effects["epoch"].eq("stimulus") & effects["kind"].eq("silence")]
    assert (nothing["change"] == 0).all()  # the stimulus is still there when the answer is given


@pytest.mark.parametrize(
    "task, reason",
    [("go", "because no network was trained on this task alone"), ("", "because no task is to be perturbed")],
)
def test_a_task_without_networks_and_no_task_at_all_have_a_row(task, reason):
    for table, columns in zip(untrained_tables(task), (EFFECT_COLUMNS, SLOPE_COLUMNS), strict=True):
        assert list(table.columns) == list(columns) and table["not_available"].tolist() == [reason]
        assert table.drop(columns=["task", "model", "prior", "not_available"]).isna().all(axis=None)


def test_a_row_says_what_could_not_be_tried(lapsing):
    effects, slopes = lapsing
    for table in lapsing:
        reasons = table[table["epoch"].eq("delay")].set_index("kind")["not_available"]
        assert set(reasons) == {"because go has no epoch delay"} and len(reasons) == 5
        without = table[table["kind"].isin(["module", "class"]) & table["epoch"].eq("response")]
        assert (
            without["not_available"].str.startswith("because the network has no").all() and len(without) == 2
        )
    assert effects.loc[effects["not_available"].ne(""), "change"].isna().all()
    assert slopes.loc[slopes["effect"].isna(), "not_available"].ne("").all()
    perfect, _ = perturbation_tables(Cell(hand_made(False)), SETTINGS, seed=3)
    axis = perfect[perfect["kind"].eq("error-axis") & perfect["epoch"].eq("response")]
    assert list(axis["not_available"]) == ["because there are fewer than 20 error trials"]
    network = build("tcn", 85, 33, seed=1, n_units=4, n_levels=2).eval()
    effects, slopes = perturbation_tables(Cell(network, model="tcn"), SETTINGS, seed=3)
    assert effects["not_available"].str.contains("no recurrent units").all() and len(effects) == 15
    assert slopes["not_available"].str.contains("no recurrent units").all() and len(slopes) == 15


def test_tables_are_the_same_again_and_have_their_columns(lapsing):
    again = perturbation_tables(Cell(hand_made(lapses=True)), SETTINGS, seed=3)
    for first, second, columns in zip(lapsing, again, (EFFECT_COLUMNS, SLOPE_COLUMNS), strict=True):
        pd.testing.assert_frame_equal(first, second)
        assert tuple(first.columns) == columns


def test_classes_of_units_are_silenced_where_units_have_signs():
    network = build("digimus", 85, 33, seed=1, n_units=20, excitatory_share=0.8).eval()
    cell = Cell(network, model="digimus", model_settings={"n_units": 20})
    effects, slopes = perturbation_tables(cell, SETTINGS, seed=3)
    tried = effects[effects["kind"].eq("class") & effects["not_available"].eq("")]
    assert {"excitatory", "inhibitory"} < set(tried["target"])
    assert set(slopes.loc[slopes["kind"].eq("class"), "target"]) == {"excitatory", "inhibitory", ""}


def test_epochs_are_found_by_the_beginning_of_their_names():
    batch = make_batch("dlydm1", 2, stream(1, "epochs"))
    steps = epoch_steps(batch, "stimulus")
    for name, (start, stop) in batch.epochs.items():
        assert (steps[start:stop] == name.startswith("stimulus")).all()
    assert epoch_steps(batch, "all").all()
    assert epoch_steps(make_batch("rtgo", 2, stream(1, "epochs")), "stimulus") is None


def test_slopes_come_from_the_effects_and_are_compared_with_their_own_null():
    key = dict(task="go", model="m", prior="none", seed=1, epoch="response", not_available="")
    tried = [
        ("module", "A", 0.5, 0, -0.2), ("module", "A", 0.5, 1, -0.4), ("module", "A", 1.0, 0, -0.6),
        ("module", "random units for A", 0.5, 0, 0.0), ("module", "random units for A", 1.0, 0, -0.2),
        ("module", "random units for A", 0.5, 1, -0.5), ("module", "random units for A", 1.0, 1, -1.0),
    ]  # fmt: skip
    names = ("kind", "target", "dose", "draw", "change")
    effects = pd.DataFrame([key | dict(zip(names, row, strict=True)) for row in tried])
    table = slope_table(effects.reindex(columns=EFFECT_COLUMNS))
    assert len(table) == 1
    row = table.iloc[0]
    assert row["slope"] == pytest.approx((0.5 * -0.3 + 1.0 * -0.6) / 1.25)
    random = [-0.2 / 1.25, -1.0]
    assert row["random_slope_mean"] == pytest.approx(np.mean(random))
    assert row["effect"] == pytest.approx(np.mean(random) - row["slope"])
    assert row["p"] == pytest.approx(2 / 3) and row["n_draws"] == 2


def test_a_slope_goes_through_no_change_at_no_dose():
    assert slope_of([0.5, 1, 2], [-0.1, -0.2, -0.4]) == pytest.approx(-0.2)
