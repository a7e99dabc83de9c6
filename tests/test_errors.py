"""What foretells an error: features, gain, logistic model, and the trials of sessions and networks."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import kstest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import roc_auc_score
from statsmodels.api import Logit

from digimus.analysis.errors.features import (
    AXIS,
    DISTANCE,
    MARGIN,
    ErrorTrials,
    fitted_features,
    judged_features,
    nested_features,
)
from digimus.analysis.errors.gain import auroc_gain, fold_auroc
from digimus.analysis.errors.model import NotFitted, clustered_logistic
from digimus.analysis.errors.networks import trials_of_network
from digimus.analysis.errors.outcomes import error_auroc
from digimus.analysis.errors.sessions import levels, one_hot, trials_of_session
from digimus.analysis.errors.tables import (
    DISTANCE_COLUMNS,
    ERROR_COLUMNS,
    MODEL_COLUMNS,
    NO_BEHAVIOUR,
    ErrorSettings,
    ErrorTables,
    add_cell,
    add_session,
    error_row,
)
from digimus.recordings import Preparation, prepare_files
from digimus.tasks import TASKS
from digimus.tasks.trials import PREFERRED_RAD, RING
from digimus.training import RuleTask
from prepared_sessions import session_of

QUICK = ErrorSettings(fewest_trials=10, n_folds=5, n_permutations=40)


def drawn(seed=0, n=200, link=0.0, carried=1.0, units=16):
    """Trials whose errors follow difficulty and time, and, by `link`, a number that the states carry too."""
    rng = np.random.default_rng(seed)
    right, hidden = rng.integers(0, 2, n), rng.normal(size=n)
    difficulty, time = rng.choice([0.25, 0.5, 1.0], n), np.linspace(0, 1, n)
    odds = -2.5 * (difficulty - 0.6) + time - 1 + link * hidden
    towards = rng.normal(size=(3, units))
    states = rng.normal(size=(n, units)) + np.outer(hidden, towards[0])
    states += carried * (
        np.outer((2 * right - 1) * difficulty, towards[1]) + np.outer(difficulty, towards[2])
    )
    level = levels(difficulty)
    return ErrorTrials(
        states=states,
        error=rng.random(n) < 1 / (1 + np.exp(-odds)),
        conditions=np.column_stack([np.ones(n), right, difficulty, right * difficulty]),
        level=one_hot(level),
        setting=one_hot(right),
        covariates={"time": time},
        difficulty=difficulty,
        stratum=2 * level + right,
        fold=np.arange(n) * 5 // n,
        speed=rng.normal(size=n),
        rate=states.mean(1),
        labels=right,
    )


# Features


def test_the_error_axis_finds_a_planted_shift_and_distance_an_unusual_state():
    trials = drawn(n=400)
    shifted = trials.states.copy()
    shifted[trials.error, 0] += 3
    trials = replace(trials, states=shifted)
    features = judged_features(trials, nested_features(trials))
    found = {
        name: roc_auc_score(trials.error, features[:, trials.names.index(name)]) for name in (AXIS, DISTANCE)
    }
    assert found[AXIS] > 0.85 and found[DISTANCE] > 0.6


def test_nothing_is_fitted_on_the_judged_trials():
    trials = drawn()
    before = nested_features(trials)
    turned = np.where(trials.fold == 2, ~trials.error, trials.error)
    after = nested_features(replace(trials, error=turned))
    np.testing.assert_array_equal(
        before[2], after[2]
    )  # neither the judged nor those that weights are learnt on
    assert not np.allclose(before[1], after[1])


def apart(seed, n, shift):
    """Trials of which the errors lie farther away by `shift`, to either side, and differ in nothing else."""
    trials = drawn(seed, n)
    rng = np.random.default_rng(100 + seed)
    error = rng.random(n) < 0.3
    states = trials.states + shift * error[:, None] * rng.choice([-1, 1], size=(n, 1)) * np.eye(16)[2]
    return replace(trials, states=states, error=error)


def told_apart(trials, seed=0):
    distance = judged_features(trials, nested_features(trials))[:, trials.names.index(DISTANCE)]
    return error_auroc(distance, ~trials.error, trials.stratum, np.random.default_rng(seed), 99)


def test_the_distance_sees_planted_errors_and_no_others():
    auroc, p = told_apart(apart(0, 400, 5.0))
    assert auroc > 0.75 and p == 0.01
    aurocs, p = np.array([told_apart(apart(seed, 200, 0.0), seed) for seed in range(25)]).T
    assert abs(aurocs.mean() - 0.5) < 3.5 * aurocs.std(ddof=1) / 5
    assert kstest(p, "uniform").pvalue > 0.01


def test_an_odd_trial_is_far_and_moves_no_other_of_its_fold():
    trials = apart(1, 120, 0.0)
    plain = judged_features(trials, nested_features(trials))
    odd = trials.states.copy()
    odd[7] += 1000
    moved = judged_features(trials, nested_features(replace(trials, states=odd)))
    others = (trials.fold == trials.fold[7]) & (np.arange(120) != 7)
    np.testing.assert_array_equal(moved[others], plain[others])
    assert moved[7, 0] > 10 * plain[7, 0]


def test_the_distance_is_mahalanobis_to_the_correct_trials_and_scales_with_nothing():
    trials = replace(drawn(n=3000, units=4, carried=0.0), conditions=np.ones((3000, 1)))
    train = np.arange(3000) < 2900
    distance = fitted_features(trials, train, ~train)[:, trials.names.index(DISTANCE)]
    correct = trials.states[train & ~trials.error]
    away = trials.states[~train] - correct.mean(0)
    expected = np.sqrt(np.sum(away @ np.linalg.inv(np.cov(correct.T)) * away, 1))
    np.testing.assert_allclose(distance, expected, rtol=0.02)
    larger = fitted_features(replace(trials, states=7 * trials.states), train, ~train)
    np.testing.assert_allclose(larger[:, 0], distance, rtol=1e-6)


def test_the_margin_is_the_log_odds_of_the_right_class():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 4000)
    states = rng.normal(size=(4000, 3)) + np.outer(2 * labels - 1, [0.8, 0.0, 0.0])
    trials = replace(drawn(n=4000), states=states, labels=labels)
    train = np.arange(4000) < 3500
    margin = fitted_features(trials, train, ~train)[:, trials.names.index(MARGIN)]
    np.testing.assert_allclose(margin, (1.6 * states[:, 0] * (2 * labels - 1))[~train], atol=0.5)


def test_a_trial_of_a_class_that_training_lacks_has_no_margin():
    trials = drawn()
    rare = replace(trials, labels=np.where(np.arange(200) < 3, 2, trials.labels))
    features = fitted_features(rare, rare.fold != 0, rare.fold == 0)
    margin = features[:, rare.names.index(MARGIN)]
    assert (margin[:3] == 0).all() and (margin[3:] != 0).all()


# Gain


def test_fold_auroc_counts_pairs_within_folds():
    rng = np.random.default_rng(4)
    error, fold = rng.random(60) < 0.4, np.arange(60) % 3
    scores = rng.integers(0, 6, 60).astype(float)
    won = pairs = 0.0
    for i in np.flatnonzero(error):
        for j in np.flatnonzero(~error & (fold == fold[i])):
            won += (scores[i] > scores[j]) + 0.5 * (scores[i] == scores[j])
            pairs += 1
    assert fold_auroc(scores, error, fold) == pytest.approx(won / pairs)
    assert fold_auroc(scores + 100 * fold, error, fold) == pytest.approx(won / pairs)
    assert np.isnan(fold_auroc(scores, fold == 0, fold))


def test_features_of_the_stratum_alone_gain_nothing_at_all():
    trials = drawn()
    features = np.tile(trials.stratum.astype(float) ** 2, (5, 1))[:, :, None]
    found = auroc_gain(trials, features, np.random.default_rng(5), 30)
    np.testing.assert_allclose(found.shuffled, found.full)
    assert found.gain == pytest.approx(0) and found.p == 1 and found.equal == pytest.approx(0)
    assert found.full != found.baseline


def test_the_full_model_is_least_squares_on_baseline_and_features():
    trials = drawn(link=1.0, n=300)
    features = np.random.default_rng(6).normal(size=(5, 300, 2)) + trials.error[None, :, None]
    scores = np.empty(300)
    for k in range(5):
        columns = np.column_stack([trials.hardness, trials.covariates["time"], features[k]])
        train = trials.fold != k
        scores[~train] = LinearRegression().fit(columns[train], trials.error[train]).predict(columns[~train])
    found = auroc_gain(trials, features, np.random.default_rng(7), 1)
    assert found.full == pytest.approx(float(fold_auroc(scores, trials.error, trials.fold)), abs=0.003)
    assert found.full > found.baseline > 0.5


def test_a_planted_link_is_found_and_difficulty_alone_is_none():
    linked = [error_row(drawn(s, link=1.5), QUICK, np.random.default_rng(s))[0] for s in range(5)]
    unlinked = [error_row(drawn(s), QUICK, np.random.default_rng(s))[0] for s in range(12)]
    assert np.mean([row["auroc_gain"] for row in linked]) > 0.08
    assert np.mean([row["auroc_gain_equal"] for row in linked]) > 0.06
    assert max(row["p"] for row in linked) < 0.1
    assert abs(np.mean([row["auroc_gain"] for row in unlinked])) < 0.02
    p = np.array([row["p"] for row in unlinked])
    assert (p <= 0.05).sum() <= 3 and 0.25 < p.mean() < 0.75
    assert min(row["auroc_difficulty"] for row in unlinked) > 0.5


# The logistic model


def clusters_of(rng, sizes=(150, 200, 180), slopes=(1.0, 0.0)):
    found = []
    for size in sizes:
        columns = rng.normal(size=(size, 2))
        odds = columns @ np.array(slopes) + rng.normal()
        found.append((columns, rng.random(size) < 1 / (1 + np.exp(-odds))))
    return found


def with_intercepts(clusters):
    sizes = [len(error) for _, error in clusters]
    columns = np.concatenate([columns for columns, _ in clusters])
    errors = np.concatenate([error for _, error in clusters]).astype(float)
    return errors, np.concatenate([columns, np.repeat(np.eye(len(sizes)), sizes, axis=0)], 1)


def test_coefficients_are_those_of_statsmodels_and_the_error_is_the_jackknife():
    clusters = clusters_of(np.random.default_rng(8))
    found = clustered_logistic(clusters)
    whole = Logit(*with_intercepts(clusters)).fit(disp=0).params[:2]
    np.testing.assert_allclose(found.coefficient, whole, atol=1e-6)
    without = [
        Logit(*with_intercepts([c for j, c in enumerate(clusters) if j != k])).fit(disp=0) for k in range(3)
    ]
    squares = sum((fit.params[:2] - whole) ** 2 for fit in without)
    np.testing.assert_allclose(found.standard_error, np.sqrt(2 / 3 * squares), rtol=1e-4)
    np.testing.assert_allclose(found.ci_high - found.coefficient, 4.30265 * found.standard_error, rtol=1e-5)


def test_intervals_cover_a_slope_that_differs_between_clusters():
    rng, covered = np.random.default_rng(9), []
    for _ in range(60):
        clusters = [clusters_of(rng, (120,), (1 + rng.normal(0, 0.4), 0.0))[0] for _ in range(8)]
        found = clustered_logistic(clusters)
        covered.append(found.ci_low[0] < 1 < found.ci_high[0])
    assert np.mean(covered) > 0.85


@pytest.mark.parametrize(
    ("clusters", "reason"),
    [
        (lambda rng: clusters_of(rng)[:1], "1 network or session"),
        (lambda rng: [], "no network or session"),
        (lambda rng: [(x, x[:, 0] > 0) for x, _ in clusters_of(rng)], "separate"),
        (lambda rng: [(np.column_stack([x, x[:, 0]]), e) for x, e in clusters_of(rng)], "depend|separate"),
    ],
)
def test_a_model_without_a_maximum_is_not_available(clusters, reason):
    with pytest.raises(NotFitted, match=reason):
        clustered_logistic(clusters(np.random.default_rng(10)))


# Sessions


def behaving(seed=11, n=150, link=0.0, **changes):
    """A session with errors; by `link` an error's activity leans away from the label."""
    rng = np.random.default_rng(seed)
    error = rng.random(n) < 0.3
    labels = rng.permutation(np.arange(n) % 2)
    lean = np.where(labels, 1, -1) * np.where(error, 1 - link, 1)
    gains = rng.normal(0, 0.5, 12)
    values = rng.poisson(2 * np.exp(lean[:, None, None] * gains), (n, 4, 12))
    return session_of(values, labels, error=error.astype(float), **changes)


def test_a_planted_link_in_a_recording_is_found_and_none_where_there_is_none():
    settings, tables = QUICK, ErrorTables()
    for link in (1.5, 0.0):
        for seed in range(3):
            add_session(tables, behaving(seed, link=link, name=f"s{seed} {link}"), "sound", settings, 1)
    errors, model, distances = tables.tables()
    linked, unlinked = errors[:3], errors[3:]
    assert linked["auroc_gain"].min() > 0.1 and linked["p"].max() < 0.05
    assert unlinked["auroc_gain"].abs().max() < 0.12 and unlinked["p"].min() > 0.05
    assert list(errors) == list(ERROR_COLUMNS) and list(model) == list(MODEL_COLUMNS)
    assert list(distances) == list(DISTANCE_COLUMNS) and len(distances) == 6 * 150
    assert errors["baseline"].eq("difficulty; time").all()
    row = model.set_index("feature").loc["margin"]
    assert row["n_clusters"] == 6 and row["n_errors"] == errors["n_errors"].sum() and row["coefficient"] < 0
    assert model.set_index("feature").loc["difficulty", "not_available"] == "because difficulty is not graded"
    assert (
        model.set_index("feature")
        .loc["reaction time", "not_available"]
        .startswith("because no response time")
    )


def test_bins_after_the_response_are_not_used():
    reaction = np.full(150, 0.125)  # two bins of 50 ms have ended by then
    reaction[:5] = [0.07, np.nan, 0.1, 0.3, 0.2]
    quiet = behaving(reaction_s=reaction)
    loud = replace(quiet, values=quiet.values + 50 * (np.arange(4) >= 2)[None, :, None])
    first, second = (trials_of_session(session, 5) for session in (quiet, loud))
    assert len(first.error) == 148  # one has a single bin before the response, one has no response
    np.testing.assert_allclose(first.states[0], quiet.values[2, :2].mean(0))
    np.testing.assert_array_equal(first.states[3:], second.states[3:])
    np.testing.assert_array_equal(first.speed[3:], second.speed[3:])
    assert not np.allclose(first.states[1], second.states[1])  # whose response comes after the window
    np.testing.assert_array_equal(first.covariates["reaction time"], reaction[2:])


def test_trials_of_unknown_outcome_are_left_out_and_folds_are_blocks_of_time():
    session = behaving()
    unknown = np.where(np.arange(150) % 10 == 0, np.nan, session.error)
    backwards = replace(session, error=unknown, start_s=session.start_s[::-1])
    trials = trials_of_session(backwards, 5)
    assert len(trials.error) == 135
    assert (np.diff(trials.fold) >= 0).all() and (np.diff(trials.covariates["time"]) > 0).all()
    np.testing.assert_array_equal(trials.error, unknown[np.isfinite(unknown)][::-1] > 0)
    assert trials_of_session(replace(session, error=np.full(150, np.nan)), 5) is None


def test_strata_hold_trials_of_one_level_and_answer():
    session = behaving(difficulty=np.resize([0.25, 0.5, 1.0], 150))
    trials = trials_of_session(session, 5)
    pairs = pd.DataFrame(dict(level=session.difficulty, label=session.labels, stratum=trials.stratum))
    assert pairs.groupby("stratum")[["level", "label"]].nunique().eq(1).all(axis=None)
    assert pairs["stratum"].nunique() == 6 and trials.level.shape == (150, 2)
    many = levels(np.linspace(0, 1, 100))
    assert (np.bincount(many) == 25).all()
    assert set(levels(np.array([0.1, np.nan, 0.3]))) == {0, 1, 2}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda s: replace(s, error=None), NO_BEHAVIOUR),
        (lambda s: replace(s, error=np.full(150, np.nan)), "because no trial has a known outcome"),
        (lambda s: replace(s, error=np.zeros(150)), "because there are 0 error trials, and 10 are needed"),
        (lambda s: replace(s, error=np.ones(150)), "because there are 0 correct trials"),
        (lambda s: replace(s, observed=np.arange(150)[:, None] % 12 != np.arange(12)), "because no unit was"),
        (lambda s: replace(s, values=0 * s.values), "because the activity before the response does not vary"),
    ],
)
def test_a_session_without_numbers_keeps_its_row_and_says_why(change, reason):
    tables = ErrorTables()
    add_session(tables, change(behaving()), "sound", QUICK, 1)
    errors, model, distances = tables.tables()
    assert errors["not_available"][0].startswith(reason) and np.isnan(errors["auroc_gain"][0])
    assert len(model) == 8 and model["coefficient"].isna().all()
    assert model["not_available"].str.startswith("because").all() and not len(distances)
    assert np.isnan(errors["n_errors"][0]) == (reason == NO_BEHAVIOUR)


def test_a_label_that_is_a_number_has_no_margin_and_one_session_no_interval():
    session = behaving()
    tables = ErrorTables()
    number = replace(session, labels=session.labels + 0.5, classes=[])
    add_session(tables, number, "speed", QUICK, 1)
    errors, model, _ = tables.tables()
    assert errors["feature_set"][0] == "distance; error axis; speed; rate"
    assert np.isfinite(errors["auroc_gain"][0])
    reasons = model.set_index("feature")["not_available"]
    assert (
        reasons["margin"] == "because the label has no classes" and "intervals need two" in reasons["speed"]
    )


def test_a_regressor_that_never_varies_is_named_and_moves_no_other():
    def fitted(**changes):
        tables = ErrorTables()
        for seed in range(3):
            add_session(tables, behaving(seed, link=0.5, name=f"s{seed}", **changes), "sound", QUICK, 1)
        return tables.tables()[1].set_index("feature")

    without, constant = fitted(), fitted(reaction_s=np.full(150, 9.0))
    assert constant.loc["reaction time", "not_available"] == "because it does not vary"
    pd.testing.assert_frame_equal(without.drop(index="reaction time"), constant.drop(index="reaction time"))


def test_a_unit_that_was_not_always_observed_is_left_out():
    session = behaving()
    observed = np.ones((150, 12), bool)
    observed[100:, 3] = False
    gone = replace(session, observed=observed, values=session.values * observed[:, None])
    found, without = (trials_of_session(each, 5) for each in (gone, session))
    assert found.states.shape == (150, 11)
    np.testing.assert_array_equal(found.states, np.delete(without.states, 3, 1))
    np.testing.assert_allclose(found.rate, found.states.mean(1))


def test_sessions_of_different_answers_have_one_model():
    alike = [behaving(seed, link=0.5, name=f"s{seed}") for seed in range(5)]
    third = np.where(np.arange(150) % 5 == 0, 2, alike[3].labels)
    differ = [
        *alike[:3],
        replace(alike[3], labels=third, classes=["left", "right", "both"]),
        replace(alike[4], error=np.where(alike[4].labels == 1, np.nan, alike[4].error)),
    ]
    found = []
    for sessions in (alike, differ):
        tables = ErrorTables()
        for session in sessions:
            add_session(tables, session, "sound", QUICK, 1)
        found.append(tables.tables()[1].set_index("feature"))
    assert (found[1].loc["margin", ["n_clusters", "not_available"]] == [5, ""]).all()
    gap = found[1].loc["margin", "coefficient"] - found[0].loc["margin", "coefficient"]
    assert found[0].loc["margin", "ci_high"] < 0 and abs(gap) < 3 * found[1].loc["margin", "standard_error"]


def test_the_same_seed_gives_the_same_tables():
    def made():
        tables = ErrorTables()
        add_session(tables, behaving(), "sound", QUICK, 7)
        return tables.tables()

    for first, second in zip(made(), made(), strict=True):
        pd.testing.assert_frame_equal(first, second)


# Networks


class Scripted(torch.nn.Module):
    """Runs whose states are random, and whose ring leans to the right answer by a number of each trial."""

    def __init__(self, problem, lean):
        super().__init__()
        self.lean = torch.split(
            torch.as_tensor(lean, dtype=torch.float32), [len(b.inputs) for b in problem.test]
        )
        self.batches = problem.test

    def run(self, inputs):
        number = next(k for k, batch in enumerate(self.batches) if batch.inputs is inputs)
        batch, response = self.batches[number], self.batches[number].epochs["response"][0]
        generator = torch.Generator().manual_seed(number)
        states = torch.randn(len(inputs), inputs.shape[1], 6, generator=generator)
        outputs = torch.zeros(len(inputs), inputs.shape[1], 33)
        angle = torch.nan_to_num(batch.answer_rad)[:, None] - torch.as_tensor(PREFERRED_RAD)
        outputs[:, :, RING] = (self.lean[number][:, None] * torch.cos(angle))[:, None].float()
        outputs[:, :, 0] = 2.0
        outputs[::2, response + 7 :, 0] = -2.0  # every other trial answers after seven steps
        states[:, response:] = 1e6
        return outputs, states


@pytest.fixture(scope="module")
def problem():
    return RuleTask("dlydm1", batch_size=1, n_validation=4, n_test=240)


def test_trials_of_a_network_end_before_the_response(problem):
    lean = np.linspace(-1, 1, 240)
    correct = np.arange(240) % 3 > 0
    trials = trials_of_network(Scripted(problem, lean), problem, correct, 5, np.random.default_rng(1))
    assert np.abs(trials.states).max() < 10 and np.abs(trials.speed).max() < 1e3
    assert np.corrcoef(trials.margin, lean)[0, 1] > 0.99 and np.sign(trials.margin[0]) == -1
    reaction = trials.covariates["reaction time"]
    assert (reaction[::2] == 140).all()
    windows = [20 * (b.epochs["response"][1] - b.epochs["response"][0]) for b in problem.test]
    np.testing.assert_array_equal(reaction[1::2], np.repeat(windows, 30))
    np.testing.assert_array_equal(trials.error, ~correct)
    assert sorted(np.bincount(trials.fold)) == [48] * 5
    assert "time" not in trials.covariates


def cell_of(correct, network=None):
    return SimpleNamespace(
        unit="dlydm1", model="digimus", prior="none", seeds=tuple(range(len(correct))),
        of_seed=lambda seed, name: correct[seed].astype(np.int8), network=lambda seed: network,
    )  # fmt: skip


def test_networks_are_compared_with_chance_and_with_their_own_lean(problem):
    rng = np.random.default_rng(12)
    lean = rng.normal(size=240)
    follows = rng.random((2, 240)) < 1 / (1 + np.exp(-3 * lean - 1.5))
    guesses, perfect = rng.random((1, 240)) < TASKS["dlydm1"].chance - 0.1, np.ones((1, 240), bool)
    tables = ErrorTables()
    add_cell(tables, cell_of(follows, Scripted(problem, lean)), lambda: problem, QUICK, 1)
    errors, model, _ = tables.tables()
    assert errors["p"].max() < 0.05 and errors["auroc_gain"].min() > 0.1
    rows = model.set_index("feature")
    assert rows.loc["margin", "coefficient"] < -1 and rows.loc["margin", "n_clusters"] == 2
    assert rows.loc["time", "not_available"] == "because the trials have no order in time"
    assert np.isfinite(rows.loc["difficulty", "coefficient"])
    tables = ErrorTables()
    add_cell(tables, cell_of(np.concatenate([guesses, perfect])), None, QUICK, 1)  # no network is run
    reasons = tables.tables()[0]["not_available"]
    assert reasons[0] == "because accuracy is not above chance" and "0 error trials" in reasons[1]


def test_no_rows_are_tables_all_the_same():
    errors, model, distances = ErrorTables().tables()
    assert not len(errors) and not len(model) and not len(distances)
    assert list(errors) == list(ERROR_COLUMNS)


@pytest.mark.real_data
def test_errors_of_real_sessions_are_counted_and_have_numbers(real_data):
    behaviour = dict(column="feedback_type", error=[-1], difficulty=["contrast_right", "contrast_left"])
    label = {"column": "contrast_right", "minus": "contrast_left", "rule": "sign"}
    settings = Preparation(label=label, window_ms=(0, 400), bin_ms=50, behaviour=behaviour)
    paths = [real_data / f"recordings/steinmetz/session{k}.nwb" for k in (1, 2, 4)]
    tables = ErrorTables()
    for prepared in prepare_files(paths, settings).prepared:
        add_session(tables, prepared, "visual_side", QUICK, 1)
    errors, model, _ = tables.tables()
    assert errors["n_errors"].tolist() == [53, 61, 65] and errors["not_available"].eq("").all()
    assert errors["auroc_gain"].between(-0.2, 0.4).all() and errors["p"].between(0, 1).all()
    assert errors["participation_ratio_error"].gt(1).all()
    model = model.set_index("feature")
    assert model.loc["margin", "n_clusters"] == 3 and np.isfinite(model.loc["margin", "coefficient"])
    assert model.loc["reaction time", "not_available"] == "because no response time is configured"
