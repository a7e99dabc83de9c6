"""Decoders that need no network: fits, history, held-out predictions, other sessions."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from digimus.analysis.decoding.across_sessions import as_session, latents, predicted, trained_on_others
from digimus.analysis.decoding.decoders import (
    CLASSIFIERS,
    REGRESSIONS,
    RIDGE_PENALTIES,
    Decoder,
    activity,
    bin_activity,
    boosted,
    decoders_of,
    held_out,
    history,
    logistic,
    principal_axes,
    ridge,
    standardised,
)
from digimus.analysis.decoding.metrics import scores
from digimus.analysis.decoding.nulls import (
    fold_numbers,
)
from digimus.recordings.splits import blocked
from prepared_sessions import across, folds_of, following_number, session_of, sharing, spiking

LOGISTIC, CLOCK = CLASSIFIERS["logistic"], CLASSIFIERS["clock"]


# Fits


@pytest.mark.parametrize(("n", "n_features", "n_classes"), [(90, 5, 2), (60, 150, 2), (120, 30, 4)])
def test_logistic_equals_that_of_scikit_learn(n, n_features, n_classes):
    rng = np.random.default_rng(0)
    labels = rng.integers(n_classes, size=n)
    features = 3 + 2 * rng.normal(size=(n, n_features))
    features[:, :4] += labels[:, None]
    train, test = features[:-20], features[-20:]
    z, t = standardised(train, test)
    expected = LogisticRegression(C=0.02, max_iter=10_000, tol=1e-9).fit(z, labels[:-20]).predict_proba(t)
    found = logistic(train, labels[:-20], test, n_classes, 0.02)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_draws_are_fitted_as_if_one_by_one():
    rng = np.random.default_rng(1)
    features, test = rng.normal(size=(80, 6)), rng.normal(size=(10, 6))
    draws = rng.integers(3, size=(5, 80))
    draws[2][draws[2] == 1] = 0  # a class that this draw lacks
    together = logistic(features, draws, test, 3)
    for draw, found in zip(draws, together, strict=True):
        np.testing.assert_allclose(logistic(features, draw, test, 3), found, atol=2e-4)
    assert (together[2, :, 1] == 0).all() and together.shape == (5, 10, 3)
    numbers = rng.normal(size=(4, 80))
    for draw, found in zip(numbers, ridge(features, numbers, test), strict=True):
        np.testing.assert_allclose(ridge(features, draw, test), found)


def test_ridge_takes_the_penalty_with_the_least_cross_validation_error():
    rng = np.random.default_rng(2)
    features, test = rng.normal(size=(50, 20)), rng.normal(size=(8, 20))
    targets = features[:, 0] + rng.normal(0, 2, 50)
    z, t = standardised(features, test)
    errors = []
    for penalty in RIDGE_PENALTIES:
        hat = z @ np.linalg.solve(z.T @ z + penalty * np.eye(20), z.T) + 1 / 50
        errors.append(np.sum((targets - hat @ targets) ** 2) / (50 - np.trace(hat)) ** 2)
    best = RIDGE_PENALTIES[np.argmin(errors)]
    expected = Ridge(alpha=best).fit(z, targets).predict(t)
    np.testing.assert_allclose(ridge(features, targets, test), expected)
    assert RIDGE_PENALTIES[0] < best < RIDGE_PENALTIES[-1]


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (12, 12)])
def test_principal_axes_are_the_singular_value_decomposition(shape):
    z = np.random.default_rng(1).normal(size=shape)
    z[:, -1] = z[:, 0]  # of lower rank than features
    axes, spread, directions = principal_axes(z)
    np.testing.assert_allclose(axes * spread @ directions, z, atol=1e-10)
    np.testing.assert_allclose(axes.T @ axes, np.eye(len(spread)), atol=1e-8)
    singular = np.linalg.svd(z, compute_uv=False)
    np.testing.assert_allclose(spread, singular[singular > 1e-9], rtol=1e-9)
    assert [part.size for part in principal_axes(np.zeros((5, 3)))] == [0, 0, 0]


def test_a_feature_that_does_not_vary_or_is_not_known_tells_nothing():
    train, test = np.array([[1.0, 7.0, np.nan], [3.0, 7.0, 2.0], [np.nan, 7.0, 4.0]]), np.array([[3.0, 9, 3]])
    z, t = standardised(train, test)
    np.testing.assert_allclose(z, [[-1, 0, 0], [1, 0, -1], [0, 0, 1]])
    np.testing.assert_allclose(t, [[1, 0, 0]])
    assert np.isfinite(standardised(np.full((3, 2), np.nan), np.ones((1, 2)))[1]).all()


def test_trees_see_what_a_line_does_not():
    rng = np.random.default_rng(3)
    features = rng.normal(size=(400, 3)) * [3, 1, 1]
    labels = (np.abs(features[:, 0]) > 2).astype(int)
    folds = folds_of(400, 4)
    curved = scores(labels, held_out(Decoder(activity, boosted), features, labels, folds, 2))
    straight = scores(labels, held_out(LOGISTIC, features, labels, folds, 2))
    assert curved["balanced_accuracy"] > 0.9 > 0.65 > straight["balanced_accuracy"]


@pytest.mark.parametrize("n_classes", [2, 0])
def test_many_units_that_are_all_silent_tell_nothing(n_classes):
    rng = np.random.default_rng(3)
    known = CLASSIFIERS if n_classes else REGRESSIONS
    labels = np.arange(30) % 3 > 0 if n_classes else rng.normal(size=30)
    for name in ("boosted", *(("logistic",) if n_classes else ("ridge",))):
        found = known[name].predict(np.zeros((30, 12)), labels.astype(float if not n_classes else int),
                                    rng.poisson(1.0, (5, 12)), n_classes)  # fmt: skip
        expected = [1 / 3, 2 / 3] if n_classes else labels.mean()
        np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), atol=1e-3)


def test_few_trials_of_many_units_can_be_decoded():
    rng = np.random.default_rng(4)
    session = spiking(rng, n=24, n_units=300)
    for decoder in decoders_of(session).values():
        found = held_out(decoder, decoder.features(session), session.labels, folds_of(24, 3), 2)
        assert np.isfinite(found).all() and np.allclose(found.sum(1), 1)


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_a_fold_trained_on_one_class_predicts_that_class(name):
    labels = np.array([1, 1, 1, 1, 0, 0])
    folds = [(np.arange(4), np.array([4, 5]))]
    found = held_out(CLASSIFIERS[name], np.arange(6.0)[:, None], labels, folds, 2)
    np.testing.assert_array_equal(found[4:], [[0, 1], [0, 1]])
    assert np.isnan(found[:4]).all()


@pytest.mark.parametrize("name", list(CLASSIFIERS))
def test_a_class_that_training_lacks_gets_no_probability(name):
    labels = np.array([0, 2, 0, 2, 1])
    found = held_out(CLASSIFIERS[name], np.arange(5.0)[:, None], labels, [(np.arange(4), np.array([4]))], 3)
    assert found[4, 1] == 0 and found[4].sum() == pytest.approx(1)


def test_a_clock_that_stands_still_tells_nothing():
    labels = np.arange(20) % 2
    found = held_out(CLOCK, np.zeros((20, 1)), labels, folds_of(20, 2), 2)
    np.testing.assert_allclose(found, 0.5, atol=1e-6)


def test_held_out_predictions_never_come_from_the_sample_itself():
    rng = np.random.default_rng(6)
    labels = rng.integers(2, size=80)
    features = rng.normal(size=(80, 3)) + labels[:, None]
    folds = folds_of(80, 4)
    for decoder in (LOGISTIC, CLASSIFIERS["boosted"]):
        before = held_out(decoder, features, labels, folds, 2)
        assert np.isfinite(before).all() and scores(labels, before)["auroc"] > 0.75
        wrong = labels.copy()
        test = folds[1][1]
        wrong[test] = 1 - wrong[test]
        moved = features.copy()
        moved[test[0]] += 100
        after = held_out(decoder, features, wrong, folds, 2)
        np.testing.assert_array_equal(after[test], before[test])
        after = held_out(decoder, moved, labels, folds, 2)
        np.testing.assert_allclose(after[test[1:]], before[test[1:]], atol=1e-12)


def test_the_clock_decoder_learns_a_rate_that_rises_and_falls():
    rng = np.random.default_rng(7)
    clock = rng.random(600) * 10
    labels = (np.abs(clock - 5) < 2).astype(int)
    found = held_out(CLOCK, clock[:, None], labels, folds_of(600, 5), 2)
    assert scores(labels, found)["balanced_accuracy"] > 0.9


# Features


def test_activity_is_the_root_of_the_count_and_fluorescence_as_it_is():
    values = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    session = session_of(values, [0, 1])
    np.testing.assert_allclose(activity(session), np.sqrt(values.sum(1) + 0.375))
    np.testing.assert_allclose(bin_activity(session), np.sqrt(values + 0.375))
    np.testing.assert_allclose(activity(replace(session, signal="fluorescence")), values.sum(1))


def test_units_that_were_not_observed_are_not_taken_for_silent():
    rng = np.random.default_rng(8)
    session = spiking(rng, n_units=3, gain=0.0)
    observed = np.ones((120, 3), bool)
    observed[session.labels == 1, 0] = False
    values = np.where(observed[:, None, :], session.values, 0)
    values[:, :, 0] *= 3
    known = replace(session, values=values, observed=observed)
    assert np.isnan(activity(known)[~observed]).all() and np.isnan(bin_activity(known)).sum() == 60 * 4
    reached_by = {}
    silent = replace(known, observed=np.ones_like(observed))
    for name, own in {"known": known, "taken for silent": silent}.items():
        found = held_out(LOGISTIC, activity(own), own.labels, folds_of(120, 4), 2)
        reached_by[name] = scores(own.labels, found)["balanced_accuracy"]
    assert reached_by["taken for silent"] > 0.9 and reached_by["known"] < 0.7


def test_history_is_the_previous_window_of_the_trial():
    rng = np.random.default_rng(9)
    values = rng.poisson(2.0, (6, 8, 2))
    previous = np.array([-1, 0, 1, -1, 3, 4])
    session = session_of(values, np.arange(6) % 2, previous=previous)
    found, whole = history(session), activity(session)
    assert found.shape == (6, 2 * (1 + 4 + 1))
    np.testing.assert_array_equal(found[:, :2], whole)
    np.testing.assert_allclose(found[:, 2:4], np.sqrt(values[:, :2].sum(1) + 0.375))
    np.testing.assert_array_equal(found[[1, 2, 4, 5], -2:], whole[[0, 1, 3, 4]])
    assert np.isnan(found[[0, 3], -2:]).all()
    alone = history(replace(session, previous=np.full(6, -1)))
    assert alone.shape == (6, 2 * 5) and history(replace(session, values=values[:, :1])).shape == (6, 2 * 3)


def test_history_helps_where_the_answer_lies_in_the_window_before():
    rng = np.random.default_rng(10)
    n = 300
    cue = rng.integers(2, size=n)
    values = rng.poisson(np.exp(np.where(cue, 0.7, -0.7))[:, None, None] * np.ones((n, 4, 6)))
    groups, previous = np.arange(n) // 2, np.where(np.arange(n) % 2, np.arange(n) - 1, -1)
    labels = np.where(previous >= 0, cue[previous], cue)
    session = session_of(values, labels, groups=groups, previous=previous)
    folds = list(blocked(groups, session.start_s, 4, 1))
    second = previous >= 0
    accuracy = {}
    for name in ("logistic", "logistic-history"):
        decoder = CLASSIFIERS[name]
        found = held_out(decoder, decoder.features(session), labels, folds, 2)
        accuracy[name] = np.mean(found[second].argmax(1) == labels[second])
    assert accuracy["logistic-history"] > 0.75 and accuracy["logistic"] < 0.65


# Other sessions


def test_latents_of_a_sample_come_from_other_samples():
    rng = np.random.default_rng(17)
    (session,) = sharing(rng, 1)
    folds = across(session)
    before = latents(session, folds)
    assert before.shape == (120, 4, 2) and np.isfinite(before).all()
    test = folds[1][1]
    labels = session.labels.copy()
    labels[test] = 1 - labels[test]
    wrong = replace(session, labels=labels)
    np.testing.assert_allclose(latents(wrong, folds)[test], before[test])
    assert not np.allclose(latents(wrong, folds)[folds[2][1]], before[folds[2][1]])
    draws = np.stack([session.labels, wrong.labels])
    np.testing.assert_allclose(latents(session, folds, draws)[0], before)
    np.testing.assert_allclose(latents(session, folds, draws)[1], latents(wrong, folds))


def test_what_is_learnt_on_other_sessions_holds_on_the_one_left_out():
    rng = np.random.default_rng(18)
    sessions = sharing(rng, gain=0.6)
    seen = [as_session(session, latents(session, across(session))) for session in sessions]
    for name in ("logistic", "logistic-history", "boosted"):
        train = trained_on_others(CLASSIFIERS[name], seen[1:])
        assert len(train[0]) == len(train[1]) == 240
        found = predicted(CLASSIFIERS[name], *train, sessions[0], seen[0].values[None])[0]
        assert scores(sessions[0].labels, found)["balanced_accuracy"] > 0.8
        # The other way round it is wrong: nothing of the decoder proper is fitted on the one left out.
        found = predicted(CLASSIFIERS[name], train[0], 1 - train[1], sessions[0], seen[0].values[None])[0]
        assert scores(sessions[0].labels, found)["balanced_accuracy"] < 0.2


def test_shares_of_classes_in_training_do_not_tell_those_of_the_fold():
    reached = []
    for k in range(20):
        rng = np.random.default_rng(k)
        sessions = [
            session_of(rng.poisson(1.0, (60, 3, 10)), rng.permutation(np.arange(60) % 2)) for _ in "abc"
        ]
        seen = [as_session(session, latents(session, across(session))) for session in sessions]
        learnt = trained_on_others(LOGISTIC, seen[1:])
        found = predicted(LOGISTIC, *learnt, sessions[0], seen[0].values[None])[0]
        reached.append((found.argmax(1) == sessions[0].labels).mean())
    assert np.mean(reached) < 0.53  # 0.56 where they do


def test_numbers_and_samples_that_no_fold_held_out_pass_between_sessions():
    rng = np.random.default_rng(19)
    sessions = [following_number(rng, name=f"n{k}") for k in range(3)]
    folds = [across(session)[:2] for session in sessions]
    seen = [as_session(s, latents(s, own)) for s, own in zip(sessions, folds, strict=True)]
    train = trained_on_others(REGRESSIONS["ridge"], seen[1:])
    assert len(train[0]) == 2 * 76
    found = predicted(REGRESSIONS["ridge"], *train, sessions[0], seen[0].values[None])[0]
    held = fold_numbers(folds[0], 150) >= 0
    np.testing.assert_array_equal(np.isfinite(found), held)
    assert np.corrcoef(found[held], sessions[0].labels[held])[0, 1] > 0.5
