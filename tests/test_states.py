"""Tables of states: what they hold for networks and recordings, and what they say without a number."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from digimus.analysis.states import networks as states
from digimus.analysis.states import shared
from digimus.analysis.states.hidden import HiddenSettings
from digimus.analysis.states.hidden_tables import TABLES, network_hidden, session_hidden
from digimus.models import build
from digimus.tasks import N_INPUTS, N_OUTPUTS, make_batch
from digimus.training.cells import Trained
from prepared_sessions import session_of, spiking

HIDDEN = HiddenSettings(n_states=(2,), n_components=3, n_trials=20, n_restarts=2, bin_ms=80)


@pytest.fixture
def rng():
    return np.random.default_rng(9)


def cell_of(kind="digimus", task="dm1", seeds=(1, 2), n_test=160, scale=None, **settings):
    """An untrained network for each seed, as if it had been trained."""
    settings = {"n_units": 16} | settings
    arrays = {}
    for seed in seeds:
        network = build(kind, N_INPUTS, N_OUTPUTS, seed=seed, **settings)
        for name, values in network.named_parameters():
            values = values.detach().numpy()
            arrays[f"seed_{seed}/weights/{name}"] = values if scale is None else values * scale
        arrays[f"seed_{seed}/test/correct"] = np.arange(n_test) % 3 > 0
    return Trained(
        benchmark="rules", unit=task, model=kind, prior="none", kind=kind, seeds=tuple(seeds), n_parameters=1,
        n_inputs=N_INPUTS, n_outputs=N_OUTPUTS, model_settings=settings, arrays=arrays, tasks=(task,),
    )  # fmt: skip


def run_of(given, task="dm1", correct=None):
    """A run with these states (trials, steps of the batch, units) of a batch."""
    batch = make_batch(task, len(given) if hasattr(given, "__len__") else given, 3)
    n_trials, n_steps = batch.inputs.shape[:2]
    made = given if hasattr(given, "__len__") else np.zeros((n_trials, n_steps, 4))
    correct = np.arange(n_trials) % 4 > 0 if correct is None else correct
    key = dict(task=task, model="digimus", prior="none", seed=1)
    return states.Run(key, None, batch, np.asarray(made, float), correct)


def wandering(rng, task="dm1", n_trials=40, n_units=6):
    """A run whose states are random walks."""
    blank = run_of(n_trials, task)
    walk = rng.normal(size=(*blank.states.shape[:2], n_units)).cumsum(1)
    return replace(blank, states=walk)


# Networks


def test_runs_are_of_the_first_test_batch_with_its_own_outcomes():
    cell = cell_of()
    first, second = states.runs_of(cell, 160)
    assert first.states.shape == (40, first.batch.inputs.shape[1], 16)
    assert first.key == dict(task="dm1", model="digimus", prior="none", seed=1) and second.key["seed"] == 2
    assert first.batch is second.batch and not np.array_equal(first.states, second.states)
    assert np.array_equal(first.correct, cell.of_seed(1, "test/correct")[:40])
    expected = cell.network(1).run(first.batch.inputs)[1]
    assert first.states == pytest.approx(expected.detach().numpy(), abs=1e-6)


def test_conditions_are_quarters_of_the_ring_or_keeping_still():
    batch = make_batch("dms", 200, 5)
    labels, answer = states.conditions_of(batch), batch.answer_rad.numpy()
    assert ((labels == "keep fixating") == np.isnan(answer)).all()
    inside = (labels == "090-180 deg") == (
        (np.mod(answer, 2 * np.pi) >= np.pi / 2) & (np.mod(answer, 2 * np.pi) < np.pi)
    )
    assert inside[~np.isnan(answer)].all() and len(set(labels)) == 5


def test_the_summary_is_of_states_before_the_response_and_of_mean_paths(rng):
    run = wandering(rng)
    row = states.summary_table(run).iloc[0]
    assert list(states.summary_table(run).columns) == list(states.SUMMARY_COLUMNS)
    before = run.states[:, run.response - 5 : run.response].mean(1)
    values = np.linalg.eigvalsh(np.cov(before.T))
    assert row["participation_ratio"] == pytest.approx(values.sum() ** 2 / np.sum(values**2))
    assert row["participation_ratio_corrected"] > row["participation_ratio"]
    assert row["n_trials"] == 40 and row["n_units"] == 6 and row["not_available"] == ""


def test_the_speed_before_the_response_leaves_the_response_out(rng):
    run = run_of(30)
    moved = np.zeros(run.states.shape)
    moved[:, run.response :] = 100.0
    moved += 0.01 * np.arange(moved.shape[1])[:, None] * [1, 0, 0, 0] + 1e-9 * rng.normal(size=moved.shape)
    row = states.summary_table(replace(run, states=moved)).iloc[0]
    assert row["speed_before_response"] == pytest.approx(0.01 / 0.02, rel=1e-3)
    assert row["speed"] > 10 * row["speed_before_response"]


def test_states_that_do_not_vary_are_not_available():
    row = states.summary_table(run_of(30)).iloc[0]
    assert row["not_available"] == "because the states before the response do not vary"
    assert np.isnan(row["participation_ratio"]) and np.isnan(row["tangling"]) and row["n_trials"] == 30


def test_trajectories_are_means_over_trials_in_one_plane(rng):
    run = wandering(rng)
    table = states.trajectory_table(run)
    assert list(table.columns) == list(states.TRAJECTORY_COLUMNS)
    everyone = table[(table["condition"] == "all") & (table["outcome"] == "all")]
    right = table[table["outcome"] == "correct"]
    wrong = table[table["outcome"] == "error"]
    share = run.correct.mean()
    mixed = share * right["pc1"].to_numpy() + (1 - share) * wrong["pc1"].to_numpy()
    assert everyone["pc1"].to_numpy() == pytest.approx(mixed)
    assert right["n_trials"].iloc[0] == run.correct.sum() and set(table["response_step"]) == {run.response}
    by_condition = table[table["condition"] != "all"].groupby("condition")["n_trials"].first()
    assert by_condition.sum() == len(run.correct) and (table["not_available"] == "").all()


def test_an_outcome_that_no_trial_had_stays_as_a_row(rng):
    run = replace(wandering(rng), correct=np.ones(40, bool))
    table = states.trajectory_table(run)
    (row,) = table[table["outcome"] == "error"].to_dict("records")
    assert row["not_available"] == "because no trial was an error" and np.isnan(row["pc1"])
    assert row["n_trials"] == 0


def test_fixed_points_of_a_spiking_network_lie_where_its_map_rests(rng):
    (run,) = states.runs_of(cell_of(seeds=(1,), gain=0.3), 160)
    table = states.fixed_point_table(run, 6, rng)
    assert list(table.columns) == list(states.FIXED_POINT_COLUMNS)
    assert set(table["epoch"]) == {"fixation", "response"} and (table["not_available"] == "").all()
    assert (table["speed"] < 1e-6).all() and table["kind"].isin(["stable", "saddle", "unstable"]).all()
    assert (table["n_starts"] == 6).all() and table["converged"].between(0, 1).all()
    assert (table["max_abs_eigenvalue"] > 1).equals(table["n_unstable"] > 0)


def test_delays_are_searched_for_fixed_points_too(rng):
    (run,) = states.runs_of(cell_of("lstm", "dlydm1", (1,), longest_memory=3), 160)
    table = states.fixed_point_table(run, 4, rng)
    assert list(dict.fromkeys(table["epoch"])) == ["fixation", "delay1", "delay2", "response"]
    assert table["rate_agreement"].isna().all()


@pytest.mark.parametrize("kind", ["tcn", "lru", "alif"])
def test_a_model_without_a_state_map_stays_with_the_reason(kind, rng):
    cell = cell_of(kind, seeds=(1,), n_units=8)
    (run,) = states.runs_of(cell, 160)
    table = states.fixed_point_table(run, 4, rng)
    assert len(table) == 2 and table["not_available"].str.startswith("because").all()
    assert table[["point", "n_found", "max_abs_eigenvalue"]].isna().all(axis=None)


# Similarity


def test_condition_means_are_of_sides_and_thirds_of_the_levels(rng):
    side, level = rng.permutation(np.repeat([[0, 1]], 60, 0).ravel()), rng.integers(0, 4, 120)
    evidence = np.array([0.01, 0.02, 0.04, 0.08])[level]
    means, reason = shared.condition_means(np.stack([side, level], 1).astype(float), side, evidence)
    assert reason == "" and means.shape == (6, 2)
    assert means[:, 0].tolist() == [0, 0, 0, 1, 1, 1]
    # Four levels in three parts: the two hardest together.
    assert means[1:3, 1].tolist() == [2, 3] and 0 < means[0, 1] < 1


def test_conditions_without_levels_or_trials_say_why(rng):
    x, side = rng.normal(size=(12, 3)), np.arange(12) % 2
    assert "fewer than 3 levels" in shared.condition_means(x, side, np.ones(12))[1]
    assert "fewer than 3 levels" in shared.condition_means(x, side, np.full(12, np.nan))[1]
    assert "fewer than 2 trials" in shared.condition_means(x, side, np.repeat([1, 2, 3, 4], [1, 1, 5, 5]))[1]


def test_networks_without_evidence_and_sessions_without_difficulty_say_why(rng):
    assert "no graded evidence" in shared.network_conditions(wandering(rng, "go"))[1]
    assert shared.network_conditions(wandering(rng, n_trials=80))[0].shape == (6, 6)
    session = spiking(rng)
    assert "no difficulty" in shared.session_conditions(session)[1]
    assert "two classes" in shared.session_conditions(replace(session, classes=["a", "b", "c"]))[1]
    graded = replace(session, difficulty=rng.integers(1, 4, session.n_samples).astype(float))
    assert shared.session_conditions(graded)[0].shape == (6, session.n_units)


def test_activity_leaves_out_units_that_were_not_observed_throughout(rng):
    session = spiking(rng)
    observed = session.observed.copy()
    observed[3, 0] = False
    assert shared.activity_of(replace(session, observed=observed)).shape[2] == session.n_units - 1
    assert shared.activity_of(session) == pytest.approx(np.sqrt(session.values))


def key(seed):
    return dict(task="dm1", model="digimus", prior="none", seed=seed)


def test_pairs_of_networks_are_compared_once_against_shuffled_trials(rng):
    x = rng.normal(size=(40, 5))
    turned = x @ np.linalg.qr(rng.normal(size=(5, 5)))[0]
    table = shared.between_networks([key(1), key(2), key(3)], [x, turned, rng.normal(size=(40, 5))], rng, 50)
    assert table[["seed", "other_seed"]].to_numpy().tolist() == [[1, 2], [1, 3], [2, 3]]
    assert table["cka"].iloc[0] == pytest.approx(1) and table["p"].iloc[0] == pytest.approx(1 / 51)
    assert (table["cka"].iloc[1:].abs() < 0.3).all() and (table["n"] == 40).all()


def test_one_network_alone_and_too_few_trials_stay_as_rows(rng):
    alone = shared.between_networks([key(1)], [rng.normal(size=(40, 5))], rng, 5)
    assert alone["not_available"].tolist() == ["because there is no second network of this task"]
    few = shared.between_networks([key(1), key(2)], [rng.normal(size=(3, 5))] * 2, rng, 5)
    assert len(few) == 2 and few["not_available"].str.contains("fewer than 4 trials").all()
    still = shared.between_networks([key(1), key(2)], [rng.normal(size=(9, 5)), np.ones((9, 5))], rng, 5)
    assert still["cka"].isna().all() and "do not vary" in still["not_available"].iloc[0]


def test_networks_meet_recordings_where_both_have_the_conditions(rng):
    shape = rng.normal(size=(6, 4))
    networks = [(shape, ""), (None, "because the task has no graded evidence")]
    sessions = {
        ("visual", "s1"): (shape @ rng.normal(size=(4, 4)), ""),
        ("visual", "s2"): (shape.copy(), ""),
        ("licking", "s3"): (None, "because its label does not have two classes"),
    }
    table = shared.with_recordings([key(1), key(2)], networks, sessions, rng, 60)
    known = table[table["not_available"] == ""]
    assert known["session"].tolist() == ["s1", "s2"] and (known["seed"] == 1).all()
    assert known["cka"].iloc[1] == pytest.approx(1) and (known["n"] == 6).all()
    absent = table[table["not_available"] != ""].groupby(["seed", "dataset"])["not_available"].first()
    assert absent[1, "licking"] == "because its label does not have two classes"
    assert absent[2, "visual"] == absent[2, "licking"] == "because the task has no graded evidence"
    mixed = sessions | {("visual", "s9"): (None, "because it is short")}
    table = shared.with_recordings([key(1)], networks[:1], mixed, rng, 5).set_index("session")
    assert table.loc[["s1", "s9", "s2"], "not_available"].tolist() == ["", "because it is short", ""]
    alone = shared.with_recordings([key(1)], networks[:1], {}, rng, 5)
    assert alone["not_available"].tolist() == ["because there is no recording"]


# Hidden states


def test_hidden_tables_of_a_network_that_passes_two_states(rng):
    run = run_of(20)
    half = run.response // 2
    made = np.where(np.arange(run.states.shape[1])[:, None] < half, [3.0, 0, 0], [-3.0, 0, 0])
    made = made + 0.1 * rng.normal(size=(20, *made.shape))
    tables = network_hidden(replace(run, states=made), HIDDEN, rng)
    assert {name: tuple(table.columns) for name, table in tables.items()} == TABLES
    table = tables["states"]
    assert table["state"].tolist() == [1, 2] and table["converged"].all()
    assert table["occupancy"].sum() == pytest.approx(1)
    assert table["occupancy"].iloc[0] == pytest.approx(half / made.shape[1], abs=0.06)
    # Before the response every trial is in the second state.
    assert np.isnan(table["accuracy_when_occupied"].iloc[0])
    assert table["accuracy_when_occupied"].iloc[1] == pytest.approx(run.correct.mean())
    paths = tables["paths"]
    assert set(paths["outcome"]) == {"all", "correct", "error"}
    assert paths.groupby(["outcome", "step"])["occupancy"].sum().to_numpy() == pytest.approx(1)
    sums = tables["transitions"].groupby("from_state")["probability"].sum()
    assert sums.to_numpy() == pytest.approx([1, 1])


def test_hidden_tables_of_a_recording_know_outcomes_only_where_they_are_configured(rng):
    session = spiking(rng, n=60, n_bins=8)
    tables = session_hidden("visual", session, HIDDEN, rng)
    assert tables["states"]["accuracy_when_occupied"].isna().all()
    assert set(tables["paths"]["outcome"]) == {"all"} and set(tables["paths"]["session"]) == {"s1"}
    assert tables["paths"]["time_s"].max() == pytest.approx(session.time_s[-1])
    judged = replace(session, error=(np.arange(60) % 5 == 0).astype(float))
    assert set(session_hidden("visual", judged, HIDDEN, rng)["paths"]["outcome"]) >= {"all", "correct"}


def test_recordings_too_short_or_unobserved_stay_as_rows(rng):
    one_bin = session_of(rng.poisson(2, (30, 1, 5)), np.arange(30) % 2)
    unseen = spiking(rng)
    unseen = replace(unseen, observed=np.zeros_like(unseen.observed))
    for session, why in ((one_bin, "single time bin"), (unseen, "no unit was observed throughout")):
        for table in session_hidden("visual", session, HIDDEN, rng).values():
            (row,) = table.to_dict("records")
            assert why in row["not_available"] and row["session"] == "s1"
            assert pd.isna([row[name] for name in ("state", "probability", "occupancy") if name in row]).all()
