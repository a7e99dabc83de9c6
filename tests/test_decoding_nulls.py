"""Shuffled labels and pseudo-sessions: what they keep, and what they tell."""

import numpy as np
import pytest
from scipy.stats import kstest

from digimus.analysis.decoding.decoders import CLASSIFIERS, activity, held_out
from digimus.analysis.decoding.metrics import scores
from digimus.analysis.decoding.nulls import (
    fold_numbers,
    null_labels,
    null_values,
    permutation_p,
    pseudo_labels,
    reached,
    shuffle_trials,
    surrogate_series,
)
from digimus.recordings.splits import interleaved
from prepared_sessions import folds_of, session_of, spiking

LOGISTIC = CLASSIFIERS["logistic"]


def test_shuffles_keep_the_samples_of_a_trial_together_and_in_order():
    rng = np.random.default_rng(8)
    sizes = [3, 3, 3, 3, 3, 5, 5, 2]
    groups = np.repeat(np.arange(8), sizes)
    labels = np.arange(len(groups))  # every sample its own label, so that each can be followed
    shuffled = shuffle_trials(labels, groups, rng)
    assert sorted(shuffled) == sorted(labels)
    sequences = {tuple(labels[groups == g]) for g in range(8)}
    for g in range(8):
        assert tuple(shuffled[groups == g]) in sequences
    assert np.any(shuffled != labels)
    places = [shuffle_trials(labels, groups, rng)[0] // 3 for _ in range(500)]
    assert set(places) == set(range(5)) and max(np.bincount(places)) < 150


def test_shuffles_find_trials_whose_samples_are_scattered():
    groups = np.array([5, 9, 5, 9])
    seen = {
        tuple(shuffle_trials(np.array([0, 1, 2, 3]), groups, np.random.default_rng(k))) for k in range(20)
    }
    assert seen == {(0, 1, 2, 3), (1, 0, 3, 2)}


def test_shuffles_deal_out_trials_that_are_alone_with_their_length():
    groups = np.repeat([0, 1, 2], [2, 3, 4])
    shuffled = shuffle_trials(np.arange(9), groups, np.random.default_rng(3))
    assert sorted(shuffled) == list(range(9)) and np.any(shuffled != np.arange(9))


def chain(rng, n, stay):
    """Classes 0 and 1 that stay with a probability."""
    return np.cumsum(rng.random(n) > stay) % 2


def test_pseudo_sessions_are_as_autocorrelated_as_the_session():
    rng = np.random.default_rng(11)
    labels, order = chain(rng, 4000, 0.9), rng.permutation(4000)
    start_s = np.empty(4000)
    start_s[order] = np.arange(4000)  # samples need not be in the order of time
    scattered = np.empty(4000, int)
    scattered[order] = labels
    drawn = pseudo_labels(scattered, np.arange(4000), start_s, 30, rng)[:, order]
    assert drawn.shape == (30, 4000) and set(np.unique(drawn)) == {0, 1}
    stays = (drawn[:, 1:] == drawn[:, :-1]).mean()
    assert stays == pytest.approx((labels[1:] == labels[:-1]).mean(), abs=0.01)
    assert abs(np.mean([np.corrcoef(one, labels)[0, 1] for one in drawn])) < 0.05


def test_pseudo_sessions_keep_what_the_place_in_the_trial_tells():
    rng = np.random.default_rng(12)
    groups, place = np.repeat(np.arange(300), 3), np.tile([0, 1, 2], 300)
    labels = (rng.random(900) < np.array([0.1, 0.5, 0.95])[place]).astype(int)
    drawn = pseudo_labels(labels, groups, np.arange(900), 40, rng)
    for k in range(3):
        assert drawn[:, place == k].mean() == pytest.approx(labels[place == k].mean(), abs=0.03)
    alone = pseudo_labels(labels, np.arange(900), np.arange(900), 40, rng)
    assert alone[:, place == 0].mean() == pytest.approx(alone[:, place == 2].mean(), abs=0.05)


def test_surrogates_have_the_values_and_the_autocorrelation_of_the_series():
    rng = np.random.default_rng(13)
    targets = np.exp(np.convolve(rng.normal(size=1020), np.ones(20) / 5, "valid")[:1000])
    drawn = surrogate_series(targets, np.arange(1000), 20, rng)
    np.testing.assert_allclose(np.sort(drawn, axis=1), np.tile(np.sort(targets), (20, 1)))

    def memory(x):
        return np.corrcoef(x[5:], x[:-5])[0, 1]

    assert np.mean([memory(one) for one in drawn]) == pytest.approx(memory(targets), abs=0.1)
    assert np.abs(np.mean([np.corrcoef(one, targets)[0, 1] for one in drawn])) < 0.1


def test_permutation_p_counts_the_draws_that_do_as_well():
    assert permutation_p(0.9, [0.5] * 99) == 0.01
    assert permutation_p(0.5, [0.5] * 9) == 1
    assert permutation_p(0.6, [0.5, 0.7, np.nan, 0.6]) == 3 / 4
    assert np.isnan(permutation_p(np.nan, [0.5])) and np.isnan(permutation_p(0.9, []))


def p_values(session, kind, folds, rng, n_draws=19, remade=None):
    features = activity(session)
    value = reached(session.labels, held_out(LOGISTIC, features, session.labels, folds, 2), folds, 2)
    draws = null_labels(kind, session, "trials", n_draws, rng)
    return permutation_p(value, null_values(LOGISTIC, features, draws, folds, 2, remade))


def test_permutation_p_is_uniform_without_a_signal_and_small_with_one():
    rng = np.random.default_rng(9)
    p = np.array([
        p_values(spiking(rng, n=40, gain=0.0), kind, folds_of(40, 2), rng)
        for _ in range(30) for kind in ("labels", "pseudo-session")
    ])  # fmt: skip
    # Ties make p a little too large: it is at least uniform.
    assert kstest(p, "uniform", alternative="greater").pvalue > 0.01
    assert np.mean(p) < 0.75
    assert p_values(spiking(rng, gain=0.6), "pseudo-session", folds_of(120, 2), rng) == 0.05


def test_slow_drift_misleads_shuffled_labels_and_not_pseudo_sessions():
    rng = np.random.default_rng(14)
    found = {"labels": [], "pseudo-session": []}
    for _ in range(40):
        labels = chain(rng, 100, 0.95)
        drift = np.cumsum(rng.normal(size=(100, 1, 6)), axis=0)
        session = session_of(drift - drift.min() + np.zeros((1, 2, 1)), labels, signal="fluorescence")
        if len(np.unique(labels)) < 2:
            continue
        for kind, values in found.items():
            values.append(p_values(session, kind, list(interleaved(session.groups, labels, 4, 0)), rng))
    rejected = {kind: np.mean(np.array(values) <= 0.05) for kind, values in found.items()}
    assert rejected["labels"] > 0.35 > 0.2 > rejected["pseudo-session"]


def test_folds_that_depend_on_labels_are_made_anew_for_every_draw():
    rng = np.random.default_rng(15)
    session = spiking(rng, n=30, gain=0.0)
    draws = null_labels("labels", session, "trials", 6, rng)
    seen = []

    def remade(labels):
        seen.append(labels)
        return list(interleaved(session.groups, labels, 3, 0))

    found = null_values(LOGISTIC, activity(session), draws, None, 2, remade)
    np.testing.assert_array_equal(seen, draws)
    for draw, value in zip(draws, found, strict=True):
        folds = list(interleaved(session.groups, draw, 3, 0))
        assert value == reached(draw, held_out(LOGISTIC, activity(session), draw, folds, 2), folds, 2)


def test_reached_is_the_balanced_accuracy_or_r2():
    rng = np.random.default_rng(16)
    labels, folds = rng.integers(3, size=60), folds_of(60, 3)
    found = rng.dirichlet(np.ones(3), 60)
    assert reached(labels, found, folds, 3) == pytest.approx(scores(labels, found)["balanced_accuracy"])
    assert np.isnan(reached(np.zeros(60, int), found, folds, 3))
    assert reached(labels.astype(float), labels.astype(float), folds, 0) == 1
    assert fold_numbers([(np.array([0]), np.array([2, 1]))], 4).tolist() == [-1, 0, 0, -1]
