"""Known best accuracies: they are right, and decoders come near them without passing their bounds."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from threadpoolctl import threadpool_limits

from digimus.analysis.decoding.decoders import decoders_of, held_out
from digimus.analysis.decoding.known_best import (
    ALL,
    CHOSEN,
    COLUMNS,
    N_ERRORS,
    WITHIN,
    known_best_table,
    upper_bound,
)
from digimus.analysis.decoding.metrics import scores as metrics_of
from digimus.recordings import Preparation, prepare, read_session, splits
from digimus.simulation.recordings import (
    DATASETS,
    N_WINDOWS,
    PREPARATION,
    RecordingSimulation,
    best_accuracy,
    lick_probability,
    simulate_recordings,
    simulate_session,
)

SMALL = RecordingSimulation(n_animals=1, n_sessions=1, n_trials=10, n_units=12, n_monte_carlo=100)
PARTICLES = norm.ppf((np.arange(120) + 0.5) / 120)
"""Equally probable values of the evidence around its mean."""


def population_of(dataset):
    return simulate_session(dataset, 0, SMALL, 5)[0]


def drawn(population, condition, rng):
    """Counts of conditions (n_samples,), by the stated model, and not by the simulation's own functions."""
    evidence = rng.normal(population.mean[condition], 1.0)
    log_rate = np.log(population.baseline_hz) + np.multiply.outer(
        evidence, np.multiply.outer(population.profile, population.gain)
    )
    log_rate += np.multiply.outer(population.clock[condition], population.ramp)[:, None, :]
    return rng.poisson(0.05 * np.exp(log_rate))


def likelihoods(population, counts):
    """Likelihood of every count under every condition (n_samples, n_conditions), up to a factor a sample.

    The Poisson likelihood of each single count, averaged over particles of the evidence.
    """
    log_given = []
    for mean, clock in zip(population.mean, population.clock, strict=True):
        log_rate = np.log(0.05 * population.baseline_hz) + clock * population.ramp
        log_rate = log_rate + np.multiply.outer(
            mean + PARTICLES, np.multiply.outer(population.profile, population.gain)
        )
        flat = log_rate.reshape(len(PARTICLES), -1)
        log_given.append(counts.reshape(len(counts), -1) @ flat.T - np.exp(flat).sum(1))
    log_given = np.stack(log_given, axis=1)
    return np.exp(log_given - log_given.max((1, 2), keepdims=True)).mean(2)


def posterior(population, joint):
    """Probability of each label from weights of the conditions (n_samples, n_conditions)."""
    found = np.stack([joint[:, population.label == label].sum(1) for label in (0, 1)], axis=1)
    return found / found.sum(1, keepdims=True)


def estimate(values):
    return values.mean(), values.std() / np.sqrt(len(values))


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_best_accuracy_is_what_another_computation_gives(dataset):
    rng = np.random.default_rng(1)
    population = population_of(dataset)
    condition = rng.choice(len(population.weight), 2000, p=population.weight)
    joint = population.weight * likelihoods(population, drawn(population, condition, rng))
    own = posterior(population, joint)
    stated = best_accuracy(population, 20_000, np.random.default_rng(2))
    mean, error = estimate(own.max(1))
    assert abs(mean - stated["best_accuracy"]) < 3.5 * np.hypot(error, stated["standard_error"])
    # What is stated is reached by whoever answers so: probabilities are not only large, but right.
    labels = population.label[condition]
    assert abs((own.argmax(1) == labels).mean() - stated["best_accuracy"]) < 3.5 * np.sqrt(0.25 / len(labels))
    if dataset == "licking":
        known = np.isclose(population.clock, population.clock[condition][:, None])
        mean, error = estimate(posterior(population, joint * known).max(1))
        assert abs(mean - stated["best_accuracy_with_clock"]) < 3.5 * np.hypot(
            error, stated["standard_error"]
        )


@cache
def two_windows(n_samples=4000):
    """Best accuracies of licking (means, standard errors) from one window, two, and one with the clock."""
    rng = np.random.default_rng(3)
    population = population_of("licking")
    p = lick_probability(np.arange(N_WINDOWS))
    position = rng.integers(0, N_WINDOWS, n_samples)
    condition, before = (
        2 * k + (rng.random(n_samples) < p[k]) for k in (position, np.maximum(position - 1, 0))
    )
    joint = population.weight * likelihoods(population, drawn(population, condition, rng))
    earlier = population.weight * likelihoods(population, drawn(population, before, rng))
    by_position = earlier.reshape(n_samples, N_WINDOWS, 2).sum(2)
    # What the window before says of this one's position; the first window is known by having none before.
    told = np.zeros_like(by_position)
    told[:, 1:] = by_position[:, :-1]
    told[position == 0] = np.eye(N_WINDOWS)[0]
    told[position > 0, 0] = 0
    both = joint * np.repeat(told, 2, axis=1)
    known = joint * np.repeat(np.eye(N_WINDOWS)[position], 2, axis=1)
    return [posterior(population, table).max(1) for table in (joint, both, known)]


def test_the_window_before_tells_more_than_one_and_less_than_the_clock():
    one, two, clock = two_windows()
    gain, error = estimate(two - one)
    assert gain > 3 * error  # a decoder with history may pass the best accuracy of single windows
    left, error = estimate(clock - two)
    assert left > -2 * error  # and never the one with the clock known


def truth_row(**change):
    row = dict(
        session="s0", animal="a0", n_samples=400, best_accuracy=0.8, standard_error=0.003, clock_accuracy=0.7,
        best_accuracy_with_clock=0.84,
    )  # fmt: skip
    return row | change


def test_each_decoder_has_the_bound_of_what_it_sees():
    truth = pd.Series(truth_row())
    assert upper_bound("logistic", truth) == ("one window", 0.8, 0.003)
    assert upper_bound("digimus", truth) == ("one window", 0.8, 0.003)
    assert upper_bound("logistic-history", truth) == ("clock known", 0.84, 0.003)
    assert upper_bound("clock", truth) == ("clock alone", 0.7, 0.0)
    no_clock = pd.Series(truth_row(best_accuracy_with_clock=np.nan, clock_accuracy=np.nan))
    assert upper_bound("logistic-history", no_clock) == ("one window", 0.8, 0.003)


def scored(values, split="blocked", metric="accuracy", seed=1):
    """Rows of scores.csv from {model: {session: value}}."""
    return pd.DataFrame(
        [
            dict(
                benchmark="licking", session=session, animal="a0", model=model, prior="none", seed=seed,
                split=split, fold="all", metric=metric, value=value,
            )
            for model, sessions in values.items()
            for session, value in sessions.items()
        ]
    )  # fmt: skip


def test_differences_and_errors_by_hand():
    truth = pd.DataFrame([truth_row(), truth_row(session="s1", best_accuracy=0.9)])
    scores = pd.concat(
        [
            scored({"logistic": {"s0": 0.76, "s1": 0.88}}, seed=1),
            scored({"logistic": {"s0": 0.78, "s1": 0.88}}, seed=2),
            scored({"logistic": {"s0": 0.1}}, metric="auroc"),
        ]
    )
    table = known_best_table(scores, {"licking": truth})
    assert list(table.columns) == list(COLUMNS)
    rows = table[table["model"] == "logistic"].set_index("session")
    error = np.sqrt(0.003**2 + 0.8 * 0.2 / 400)
    assert rows.loc["s0", ["accuracy", "difference", "se"]].tolist() == pytest.approx([0.77, -0.03, error])
    other = np.sqrt(0.003**2 + 0.9 * 0.1 / 400)
    assert rows.loc[ALL, ["accuracy", "difference", "se", "n_samples"]].tolist() == pytest.approx(
        [0.825, -0.025, np.hypot(error, other) / 2, 800]
    )
    assert rows.loc[["s1", ALL], "within"].all() and not rows["passes"].any()
    assert rows["best_decoder"].all() and not table.loc[table["model"] == CHOSEN, "best_decoder"].any()


@pytest.mark.parametrize(
    ("model", "accuracy", "within", "passes"),
    [
        ("logistic", 0.76, False, False),
        ("logistic", 0.83, True, False),
        ("logistic", 0.85, True, True),
        ("logistic-history", 0.85, True, False),
        ("logistic-history", 0.89, True, True),
        ("clock", 0.75, False, True),
    ],
)
def test_verdicts_on_one_accuracy(model, accuracy, within, passes):
    table = known_best_table(scored({model: {"s0": accuracy}}), {"licking": pd.DataFrame([truth_row()])})
    assert table["within"].tolist() == [within] * 2 and table["passes"].tolist() == [passes] * 2


def test_the_chosen_decoder_was_best_elsewhere():
    names = [f"s{k}" for k in range(4)]
    truth = pd.DataFrame([truth_row(session=name) for name in names])
    accuracy = {"a": dict.fromkeys(names, 0.7), "b": dict.fromkeys(names, 0.6) | {"s3": 0.95},
                "clock": dict.fromkeys(names, 0.99)}  # fmt: skip
    loss = {
        "a": dict.fromkeys(names, 0.5),
        "b": dict.fromkeys(names, 0.7) | {"s3": 0.01},
        "clock": dict.fromkeys(names, 0.01),
    }
    table = known_best_table(
        pd.concat([scored(accuracy), scored(loss, metric="log_loss")]), {"licking": truth}
    )
    chosen = table[table["model"] == CHOSEN].set_index("session")["accuracy"]
    # b is best only by what happened in the last session, and there it may not be judged by that.
    assert chosen.drop(ALL).to_dict() == {"s0": 0.6, "s1": 0.6, "s2": 0.6, "s3": 0.7}
    assert chosen[ALL] == pytest.approx(0.625)
    best = table[table["best_decoder"]]
    assert best["model"].unique().tolist() == ["a"]
    only = known_best_table(scored({"a": {"s0": 0.8}}), {"licking": truth})
    assert CHOSEN not in only["model"].tolist()


def test_datasets_without_a_truth_have_no_rows():
    assert not len(known_best_table(scored({"logistic": {"s0": 0.8}}), {}))
    assert not len(
        known_best_table(scored({"logistic": {"other": 0.8}}), {"licking": pd.DataFrame([truth_row()])})
    )


SIZES = {"licking": 60, "auditory": 300, "visual": 400}


@pytest.fixture(scope="module")
def reached(tmp_path_factory):
    """known_best.csv of the three simulated datasets, from files, by every decoder that needs no network."""
    rows, truths = [], {}
    for dataset, n_trials in SIZES.items():
        folder = tmp_path_factory.mktemp(dataset)
        size = RecordingSimulation(
            n_animals=3, n_sessions=6, n_trials=n_trials, n_units=24, n_monte_carlo=4000
        )
        truths[dataset] = simulate_recordings(folder, dataset, size, seed=7)
        for file in truths[dataset]["file"]:
            session = prepare(read_session(folder / file), Preparation.from_config(PREPARATION[dataset]))
            folds = list(splits.blocked(session.groups, session.start_s, 5, 1))
            for model, decoder in decoders_of(session).items():
                with threadpool_limits(1):
                    found = held_out(decoder, decoder.features(session), session.labels, folds, 2)
                values = metrics_of(session.labels, found)
                rows += [
                    dict(
                        benchmark=dataset, session=session.session_id, animal=session.animal, model=model,
                        prior="none", seed=0, split="blocked", fold="all", metric=metric,
                        value=values[metric],
                    )
                    for metric in ("accuracy", "log_loss")
                ]  # fmt: skip
    return known_best_table(pd.DataFrame(rows), truths)


@pytest.mark.parametrize("dataset", DATASETS)
def test_the_best_decoder_comes_within_three_points_and_none_passes_the_bound(reached, dataset):
    table = reached[(reached["benchmark"] == dataset) & (reached["session"] == ALL)].set_index("model")
    assert (WITHIN, N_ERRORS) == (0.03, 2)
    best = table[table["best_decoder"]].iloc[0]
    assert best["within"] and table.loc[CHOSEN, "within"], table["difference"]
    assert not table["passes"].any(), table[["accuracy", "upper_bound", "se"]]
    # The bound is near enough for passing it to be noticed.
    assert best["se"] < 0.015
    if dataset == "licking":
        assert abs(table.loc["clock", "accuracy"] - table.loc["clock", "upper_bound"]) < 0.02
