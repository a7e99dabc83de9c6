"""Scores of held-out predictions, against scikit-learn and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    log_loss,
    roc_auc_score,
)

from digimus.analysis.decoding.metrics import (
    CONTINUOUS_METRICS,
    METRICS,
    bits_per_spike,
    calibration,
    continuous_scores,
    scores,
)
from digimus.analysis.decoding.tables import calibration_rows, running_rows, score_rows


def test_metrics_equal_those_of_scikit_learn():
    rng = np.random.default_rng(4)
    for n_classes in (2, 4):
        labels = rng.integers(n_classes, size=200)
        probabilities = rng.dirichlet(np.ones(n_classes), 200)
        probabilities[np.arange(100), labels[:100]] += 1
        probabilities /= probabilities.sum(1, keepdims=True)
        found = scores(labels, probabilities, events=n_classes == 2)
        predicted = probabilities.argmax(1)
        assert found["accuracy"] == pytest.approx(accuracy_score(labels, predicted))
        assert found["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(labels, predicted))
        assert found["log_loss"] == pytest.approx(log_loss(labels, probabilities))
        given = probabilities[:, 1] if n_classes == 2 else probabilities
        auroc = roc_auc_score(labels, given, multi_class="ovr", average="macro")
        assert found["auroc"] == pytest.approx(auroc)
        if n_classes == 2:
            assert found["brier"] == pytest.approx(2 * brier_score_loss(labels, probabilities[:, 1]))
            assert found["event_f1"] == pytest.approx(f1_score(labels, predicted))
        else:
            assert "event_f1" not in found


def test_samples_that_no_fold_held_out_do_not_count():
    rng = np.random.default_rng(5)
    labels = rng.integers(2, size=60)
    probabilities = rng.dirichlet([1, 1], 60)
    holes = probabilities.copy()
    holes[10:30] = np.nan
    kept = np.r_[:10, 30:60]
    found, expected = scores(labels, holes), scores(labels[kept], probabilities[kept])
    assert np.isnan(found.pop("information_bits")) and np.isnan(expected.pop("information_bits"))
    assert found == expected


def test_metrics_of_one_class_are_not_available():
    found = scores(np.zeros(5, int), np.full((5, 2), 0.5), np.zeros(5, int), events=True)
    assert set(found) == {*METRICS, "event_f1"} and np.isnan(list(found.values())).all()
    assert np.isnan(list(scores(np.arange(4) % 2, np.full((4, 2), np.nan)).values())).all()


def test_single_precision_rows_need_not_add_up_exactly():
    labels = np.array([0, 1, 2, 0])
    probabilities = np.full((4, 3), 1 / 3, np.float32)
    assert scores(labels, probabilities)["log_loss"] == pytest.approx(np.log(3))


def test_a_class_that_was_held_impossible_costs_much_and_not_everything():
    found = scores(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert found["log_loss"] == pytest.approx(-np.log(1e-7) / 2)
    assert found["brier"] == 1


def test_information_is_what_the_decoder_tells_beyond_the_frequencies_outside_the_fold():
    labels, fold_of = np.array([0, 1, 1, 0, 0, 0]), np.array([0, 0, 1, 1, 2, -1])
    # Outside fold 0 are 1, 0, 0, 0: with half a sample more of each class 3.5 of 5 are of class 0.
    outside = {0: [3.5, 1.5], 1: [3.5, 1.5], 2: [3.5, 2.5]}
    base = np.array([np.array(outside[fold]) / sum(outside[fold]) for fold in (0, 0, 1, 1, 2)])
    probabilities = np.full((6, 2), np.nan)
    probabilities[:5] = base
    assert scores(labels, probabilities, fold_of)["information_bits"] == pytest.approx(0)
    probabilities[:5] = np.eye(2)[labels[:5]]
    expected = -np.log2(base[np.arange(5), labels[:5]]).mean()
    assert scores(labels, probabilities, fold_of)["information_bits"] == pytest.approx(expected)


def test_f1_of_windows_without_any_event_is_not_available_and_of_missed_ones_zero():
    probabilities = np.tile([0.9, 0.1], (4, 1))
    assert scores(np.array([0, 1, 0, 0]), probabilities, events=True)["event_f1"] == 0
    assert np.isnan(scores(np.array([0, 2, 0, 2]), np.full((4, 3), 1 / 3), events=True)["event_f1"])


def test_calibration_by_hand():
    labels = np.array([0, 1, 1, 0, 1])
    probabilities = np.array([[0.95, 0.05], [0.97, 0.03], [0.35, 0.65], [0.31, 0.69], [np.nan, np.nan]])
    rows = {row["bin"]: row for row in calibration(labels, probabilities)}
    assert len(rows) == 10 and sum(row["n"] for row in rows.values()) == 4
    assert (rows[9]["n"], rows[9]["mean_probability"], rows[9]["frequency"]) == (2, pytest.approx(0.96), 0.5)
    assert (rows[6]["mean_probability"], rows[6]["frequency"]) == (pytest.approx(0.67), 0.5)
    assert rows[0]["n"] == 0 and np.isnan(rows[0]["frequency"])
    expected = (abs(0.96 - 0.5) + abs(0.67 - 0.5)) / 2
    assert scores(labels, probabilities)["calibration_error"] == pytest.approx(expected)
    assert {row["bin"] for row in calibration([0], np.array([[1.0, 0.0]])) if row["n"]} == {9}


def test_drawn_outcomes_are_calibrated():
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.5, 1, 20_000)
    labels = (rng.random(20_000) >= sure).astype(int)
    assert scores(labels, np.stack([sure, 1 - sure], 1))["calibration_error"] < 0.015
    assert scores(labels, np.tile([0.999, 0.001], (20_000, 1)))["calibration_error"] > 0.2


def test_r2_is_against_the_mean_outside_the_fold():
    targets = np.array([1.0, 2, 3, 10, 11, 12, 50])
    fold_of = np.array([0, 0, 0, 1, 1, 1, -1])
    means = np.array([83 / 4] * 3 + [56 / 4] * 3 + [np.nan])
    assert continuous_scores(targets, means, fold_of)["r2"] == pytest.approx(0)
    predictions = np.append(targets[:6] + 0.5, np.nan)
    found = continuous_scores(targets, predictions, fold_of)
    assert found["r2"] == pytest.approx(1 - 6 * 0.25 / np.sum((targets - means)[:6] ** 2))
    assert found["correlation"] == pytest.approx(1)


def test_numbers_that_do_not_vary_have_no_score():
    fold_of = np.zeros(5, int)
    found = continuous_scores(np.ones(5), np.arange(5.0), fold_of)
    assert set(found) == set(CONTINUOUS_METRICS) and np.isnan(list(found.values())).all()
    assert np.isnan(continuous_scores(np.arange(5.0), np.ones(5), fold_of)["correlation"])
    assert np.isnan(continuous_scores(np.arange(5.0), np.full(5, np.nan), fold_of)["r2"])


def poisson_counts(rng, gain, n=400):
    labels = rng.integers(2, size=n)
    rates = np.where(labels[:, None, None] == 1, gain, 1.0) * np.ones((n, 4, 5))
    return rng.poisson(rates).astype(float), labels


def test_bits_per_spike_are_those_of_known_rates():
    rng = np.random.default_rng(2)
    values, labels = poisson_counts(rng, 3.0, 4000)
    folds = [(np.arange(2000), np.arange(2000, 4000))]
    found = bits_per_spike(values, labels, folds, np.ones((4000, 5), bool), 2)
    # Per bin: half of the samples at rate 1, half at 3, the mean 2; the log likelihood ratio per mean spike.
    expected = (0.5 * (1 * np.log(1 / 2) + 1) + 0.5 * (3 * np.log(3 / 2) - 1)) / 2 / np.log(2)
    assert found == pytest.approx(expected, rel=0.05)


def test_bits_per_spike_of_noise_are_not_above_zero_and_see_no_unobserved_units():
    rng = np.random.default_rng(3)
    values, labels = poisson_counts(rng, 1.0)
    folds = [(np.arange(300), np.arange(300, 400))]
    observed = np.ones((400, 5), bool)
    assert -0.05 < bits_per_spike(values, labels, folds, observed, 2) < 0
    observed[labels == 1, 0] = False
    hidden = values.copy()
    hidden[labels == 1, :, 0] = 0  # as the file of a prepared session has it
    assert (
        bits_per_spike(hidden, labels, folds, observed, 2)
        < 0
        < bits_per_spike(hidden, labels, folds, np.ones((400, 5), bool), 2)
    )
    assert np.isnan(bits_per_spike(0 * values, labels, folds, observed, 2))


def test_fold_rows_hold_the_accuracy_of_each_fold():
    labels = np.array([0, 1, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.9, 0.1], [np.nan, np.nan]])
    rows = pd.DataFrame(score_rows(dict(model="m"), labels, probabilities, np.array([0, 0, 1, 1, -1])))
    folds = rows[rows["fold"] != "all"].set_index("fold")["value"]
    assert folds.to_dict() == {"0": 1.0, "1": 0.0}
    whole = rows[rows["fold"] == "all"].set_index("metric")["value"]
    assert set(whole.index) == set(METRICS) and whole["accuracy"] == 0.5


def test_rows_of_numbers_hold_r2_whole_and_by_fold():
    rng = np.random.default_rng(6)
    targets, fold_of = rng.normal(size=40), np.repeat([0, 1], 20)
    predictions = targets.copy()
    predictions[fold_of == 1] = 99
    rows = pd.DataFrame(score_rows({}, targets, predictions, fold_of)).set_index(["fold", "metric"])["value"]
    assert rows["0", "r2"] == 1 and rows["1", "r2"] < -10 and ("all", "correlation") in rows.index
    assert ("0", "accuracy") not in rows.index


KEY = dict(benchmark="b", session="s", animal="a", model="m", prior="none", split="blocked", seed=1)


def test_the_answer_is_scored_after_every_time_bin():
    labels = np.array([0, 1, 1, 0])
    running = np.full((4, 2, 2), 0.5)
    running[:, 1] = np.eye(2)[labels]
    running[3] = np.nan
    rows = pd.DataFrame(running_rows(KEY, labels, running, np.array([0, 0, 0, -1]), [0.1, 0.2]))
    assert rows["value"].tolist() == [1 / 2, 1] and rows["test_time_s"].tolist() == [0.1, 0.2]
    assert rows["train_time_s"].isna().all() and set(rows["metric"]) == {"balanced_accuracy"}
    numbers = running_rows(KEY, np.arange(4.0), np.arange(4.0)[:, None, None], np.array([0, 0, 1, 1]), [0.1])
    assert (numbers[0]["metric"], numbers[0]["value"]) == ("r2", 1)


def test_numbers_have_no_calibration():
    assert calibration_rows(KEY, np.arange(3.0), np.arange(3.0)) == []
    assert len(calibration_rows(KEY, np.array([0, 1]), np.eye(2))) == 10
