"""Accuracies, psychometric curves and priors against controls, where the answer is planted."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import norm, t, ttest_1samp

from digimus import tasks
from digimus.analysis import controls as compare
from digimus.analysis.accuracy import COLUMNS as ACCURACY_COLUMNS
from digimus.analysis.accuracy import accuracy_table, t_interval
from digimus.analysis.controls import (
    ACCURACY,
    ALL_TASKS,
    LOSS,
    ONE_TASK,
    UPDATES,
    control_table,
    paired_t_p,
    updates_to_criterion,
)
from digimus.analysis.evaluation import MODEL_COLUMNS, rule_tables
from digimus.analysis.psychometrics import (
    ABOVE,
    BELOW,
    COLUMNS,
    CONSTANT,
    FIT_COLUMNS,
    FITTED,
    LAPSES,
    curve_at,
    fit_curve,
    fit_table,
    level_rows,
    psychometric_rows,
)
from digimus.analysis.statistics import sign_test_p
from digimus.figures.comparisons import control_rows
from digimus.prior_roles import is_control, is_control_of
from digimus.storage import read_table, write_table
from digimus.tasks.perceptual_decision import COHERENCES
from digimus.training import FitSettings, RuleTask, load, train_task
from digimus.training.cells import TOGETHER, Cell
from digimus.training.problems import choices

torch.set_num_threads(1)

C = np.array(COHERENCES)

# Intervals over seeds


def test_t_intervals_are_those_of_the_textbook():
    values = np.array([0.8, 0.9, 0.85, 0.7])
    half = t.ppf(0.975, 3) * values.std(ddof=1) / 2
    assert t_interval(values) == pytest.approx((0.8125, 0.8125 - half, 0.8125 + half))
    half = t.ppf(0.95, 3) * values.std(ddof=1) / 2
    assert t_interval([*values, np.nan], 0.9)[1:] == pytest.approx((0.8125 - half, 0.8125 + half))
    for few in ([0.5], [0.7, 0.7, 0.7], [0.1 + 0.2, 0.3]):
        mean, *interval = t_interval(few)
        assert mean == pytest.approx(few[0]) and np.isnan(interval).all()
    assert np.isnan(t_interval([])).all()


# Choices, as they are stored with the test trials


class Answers(torch.nn.Module):
    """Answers each trial at its first stimulus, at its second, or at the place between them, or fixates."""

    def __init__(self, problem, at):
        super().__init__()
        self.known = {id(batch.inputs): (batch, part) for batch, part in zip(problem.test, at, strict=True)}

    def forward(self, inputs):
        batch, at = self.known[id(inputs)]
        angle = torch.where(at == 2, batch.angles_rad[:, 1], batch.angles_rad[:, 0])
        apart = (
            torch.remainder(batch.angles_rad[:, 1] - batch.angles_rad[:, 0] + torch.pi, 2 * torch.pi)
            - torch.pi
        )
        angle = torch.where(at == 3, batch.angles_rad[:, 0] - torch.sign(apart) * torch.pi / 4, angle)
        outputs = torch.full((*inputs.shape[:2], 33), -6.0)
        outputs[:, :, 1:] = 6 * torch.cos(torch.arange(32) * 2 * torch.pi / 32 - angle[:, None])[:, None]
        outputs[at == 0, :, 0] = 6.0
        return outputs


@pytest.mark.parametrize("name", ["dm1", "ctxdm2", "multidm", "dlydm2", "ctxdlydm1"])
def test_choices_and_signed_evidence_of_test_trials_are_those_that_were_made(name):
    problem = RuleTask(name, batch_size=1, n_validation=4, n_test=96)
    rng = np.random.default_rng(0)
    at = [torch.from_numpy(rng.integers(0, 4, len(batch.inputs))) for batch in problem.test]
    found = problem.test_trials(Answers(problem, at))
    planted = torch.cat(at).numpy()
    np.testing.assert_array_equal(found["choice"], np.where(planted == 3, 0, planted))
    np.testing.assert_array_equal(np.abs(found["evidence"]), found["difficulty"])
    first_is_right = torch.cat([(b.answer_rad == b.angles_rad[:, 0]) for b in problem.test]).numpy()
    np.testing.assert_array_equal(found["evidence"] > 0, first_is_right)
    right = np.where(first_is_right, planted == 1, planted == 2)
    np.testing.assert_array_equal(found["correct"].astype(bool), right)
    assert 0.15 < right.mean() < 0.4 and 0.3 < first_is_right.mean() < 0.7


def test_the_sign_of_the_evidence_is_that_of_the_shown_strengths():
    problem = RuleTask("dm2", batch_size=1, n_validation=4, n_test=64)
    found = problem.test_trials(Answers(problem, [torch.ones(16)] * 4))
    strengths = torch.cat([batch.strengths for batch in problem.test]).numpy()[:, :, 1]
    np.testing.assert_allclose(found["evidence"], (strengths[:, 0] - strengths[:, 1]) / 2, atol=1e-6)


def test_tasks_without_graded_evidence_store_no_choice():
    for name in ("go", "dms"):
        problem = RuleTask(name, batch_size=1, n_validation=4, n_test=8)
        network = torch.nn.Linear(tasks.N_INPUTS, 33)
        assert set(problem.test_trials(network)) == {"correct", "difficulty"}


def test_outputs_that_are_not_finite_choose_nothing():
    batch = tasks.make_batch("dm1", 5, 1)
    assert choices(torch.full(batch.targets.shape, torch.nan), batch).tolist() == [0] * 5
    assert choices(torch.full(batch.targets.shape, 0.3), batch).tolist() == [0] * 5


# Levels


def test_levels_count_trials_right_answers_and_choices():
    difficulty = np.float32([0.01, 0.01, 0.02, 0.02, 0.02, 0.02])
    evidence = difficulty * np.float32([1, -1, 1, 1, -1, -1])
    correct, choice = [1, 0, 1, 0, 0, 1], np.array([1, 0, 1, 2, 1, 2])
    rows = pd.DataFrame(level_rows(correct, difficulty, evidence, choice))
    accuracy = rows[rows["curve"] == "accuracy"].set_index("difficulty")
    assert accuracy.index.tolist() == [0.01, 0.02]
    assert accuracy["accuracy"].tolist() == [0.5, 0.5]
    assert accuracy["n_trials"].tolist() == [2, 4] and accuracy["n_answered"].tolist() == [1, 4]
    choice = rows[rows["curve"] == "choice"].set_index("evidence")
    assert choice.index.tolist() == [-0.02, -0.01, 0.01, 0.02]
    assert choice["n_trials"].tolist() == [2, 1, 1, 2] and choice["n_answered"].tolist() == [2, 0, 1, 2]
    np.testing.assert_array_equal(choice["first_share"], [0.5, np.nan, 1.0, 0.5])
    assert choice["accuracy"].tolist() == [0.5, 0, 1, 0.5]


def test_a_task_without_levels_has_one_row_and_older_files_have_no_choices():
    rows = level_rows([1, 0, 1, 1], np.full(4, np.nan))
    assert len(rows) == 1 and np.isnan(rows[0]["difficulty"]) and rows[0]["accuracy"] == 0.75
    rows = level_rows([1, 0], np.float32([0.08, 0.16]))
    assert [row["curve"] for row in rows] == ["accuracy", "accuracy"] and "n_answered" not in rows[0]


# Fits


@pytest.mark.parametrize(("spread", "lapse"), [(0.04, 0.0), (0.04, 0.1), (0.07, 0.02), (0.02, 0.25)])
def test_planted_thresholds_of_accuracy_are_found(spread, lapse):
    # As many trials as it takes for the expected counts to speak for themselves.
    n = np.full(4, 1e6)
    found = fit_curve("accuracy", C, n, np.round(n * (1 - lapse) * norm.cdf(C / spread)))
    assert found["outcome"] == FITTED and found["n_levels"] == 4 and found["n_trials"] == 4e6
    assert found["threshold"] == pytest.approx(spread * norm.ppf(0.75), rel=0.01)
    assert found["spread"] == pytest.approx(spread, rel=0.01) and np.isnan(found["bias"])
    assert found["lapse"] == pytest.approx(lapse, abs=0.003)


@pytest.mark.parametrize(
    ("spread", "lapse", "bias"), [(0.03, 0.0, 0.0), (0.05, 0.1, 0.02), (0.02, 0.2, -0.03)]
)
def test_planted_thresholds_and_biases_of_choices_are_found(spread, lapse, bias):
    x, n = np.r_[-C[::-1], C], np.full(8, 1e6)
    k = np.round(n * (lapse / 2 + (1 - lapse) * norm.cdf((x - bias) / spread)))
    found = fit_curve("choice", x, n, k)
    assert found["outcome"] == FITTED
    assert found["threshold"] == pytest.approx(spread * norm.ppf(0.75), rel=0.01)
    assert found["bias"] == pytest.approx(bias, abs=3e-4) and found["lapse"] == pytest.approx(
        lapse, abs=0.003
    )
    np.testing.assert_allclose(curve_at("choice", x, spread, lapse, bias), k / n, atol=1e-6)


def test_thresholds_of_few_trials_scatter_about_the_truth():
    rng = np.random.default_rng(1)
    n = np.full(4, 256)
    fits = [fit_curve("accuracy", C, n, rng.binomial(n, 0.97 * norm.cdf(C / 0.05))) for _ in range(60)]
    found = np.array([fit["threshold"] for fit in fits if fit["outcome"] == FITTED])
    assert len(found) >= 57
    assert np.median(found) == pytest.approx(0.05 * norm.ppf(0.75), rel=0.12)


@pytest.mark.parametrize(
    ("share", "outcome"),
    [
        (np.full(4, 0.5), CONSTANT),
        (np.full(4, 0.2), CONSTANT),
        (np.zeros(4), CONSTANT),
        (np.full(4, 0.97), BELOW),
        (np.ones(4), BELOW),
        (norm.cdf(C / 0.005), BELOW),
        (norm.cdf(C / 0.3), ABOVE),
        (0.95 - 4 * C, BELOW),  # falls, but stays high
        (0.6 - 4 * C, CONSTANT),
        (0.3 * norm.cdf(C / 0.04), LAPSES),
    ],
)
def test_what_cannot_be_fitted_has_no_threshold_and_says_why(share, outcome):
    n = np.full(4, 4000)
    found = fit_curve("accuracy", C, n, np.round(n * share))
    assert found["outcome"] == outcome and np.isnan(found["threshold"]) and np.isnan(found["spread"])


@pytest.mark.parametrize(("lapse", "bias"), [(0.6, 0.0), (0.8, 0.0), (0.8, 0.02)])
@pytest.mark.parametrize("n_trials", [1e4, 1e6])
def test_curves_that_are_lapses_for_the_most_part_have_no_threshold(lapse, bias, n_trials):
    x, n = np.r_[-C[::-1], C], np.full(8, n_trials)
    for curve, levels in (("choice", x), ("accuracy", C)):
        trials = n[: len(levels)]
        shift = bias if curve == "choice" else 0.0
        k = np.round(trials * curve_at(curve, levels, 0.03, lapse, shift))
        found = fit_curve(curve, levels, trials, k)
        assert found["outcome"] == LAPSES and np.isnan(found["threshold"]) and np.isnan(found["spread"])
        assert found["lapse"] == pytest.approx(lapse, abs=0.02)


def test_a_curve_needs_levels_with_answers():
    found = fit_curve("accuracy", C, [100, 0, 0, 0], [70, 0, 0, 0])
    assert found["outcome"].startswith("fewer than 2") and np.isnan(found["threshold"])
    found = fit_curve("choice", np.r_[-C, C], np.zeros(8), np.zeros(8))
    assert found["outcome"].startswith("fewer than 3") and found["n_trials"] == 0
    x = np.r_[-C, C]
    assert fit_curve("choice", x, np.full(8, 500), np.full(8, 250))["outcome"] == CONSTANT
    assert fit_curve("choice", x, np.full(8, 500), 500 * (x > 0))["outcome"] == BELOW


def test_chance_alone_rises_about_as_often_as_the_test_says():
    rng = np.random.default_rng(2)
    n = np.full(4, 200)
    outcomes = [fit_curve("accuracy", C, n, rng.binomial(n, 0.45))["outcome"] for _ in range(150)]
    assert 0 < sum(outcome != CONSTANT for outcome in outcomes) <= 15


def decision_levels(spread, lapse=0.0, n=200_000, **key):
    """Rows of one network with a planted threshold."""
    rng = np.random.default_rng(5)
    difficulty = rng.choice(C, n)
    evidence = difficulty * rng.choice([-1, 1], n)
    answered = rng.random(n) >= lapse
    right = answered & (rng.random(n) < norm.cdf(difficulty / spread))
    choice = np.where(answered, np.where(right == (evidence > 0), 1, 2), 0)
    rows = level_rows(right, difficulty.astype(np.float32), evidence.astype(np.float32), choice)
    return [dict(task="dm1", training="per task", prior="none", seed=1) | key | row for row in rows]


def test_every_network_and_curve_has_its_own_fit(tmp_path):
    rows = decision_levels(0.05, model="a") + decision_levels(0.03, 0.2, model="b")
    rows += [dict(task="go", training="per task", model="a", prior="none", seed=1) | row
             for row in level_rows(np.ones(5), np.full(5, np.nan))]  # fmt: skip
    write_table(tmp_path / "levels.csv", pd.DataFrame(rows, columns=COLUMNS))
    fits = fit_table(read_table(tmp_path / "levels.csv", COLUMNS))
    assert list(fits.columns) == list(FIT_COLUMNS) and len(fits) == 4
    fits = fits.set_index(["model", "curve"])
    for model, spread in (("a", 0.05), ("b", 0.03)):
        for curve in ("accuracy", "choice"):
            assert fits.loc[(model, curve), "threshold"] == pytest.approx(spread * norm.ppf(0.75), rel=0.05)
    # A trial that is answered at neither stimulus lowers accuracy, and is no choice.
    assert fits.loc[("b", "accuracy"), "lapse"] == pytest.approx(0.2, abs=0.01)
    assert fits.loc[("b", "choice"), "lapse"] < 0.01
    assert fits.loc[("b", "choice"), "n_trials"] < fits.loc[("b", "accuracy"), "n_trials"]
    assert len(fit_table(pd.DataFrame(columns=COLUMNS))) == 0


# Trained cells


def a_cell(path, unit, names=(), model="digimus"):
    """A cell that was trained for a moment."""
    cell = Cell(
        benchmark="rules", unit=unit, model=model, prior="none", kind=model, model_settings={"n_units": 6},
        seeds=(1, 2),
    )  # fmt: skip
    train_task(
        path, cell, FitSettings(n_updates=4, learning_rate=0.01, validate_every=2), batch_size=4,
        n_validation=8, n_test=160, motif_term=None, provenance={}, key="key", together=names,
    )  # fmt: skip
    return load(path)


def test_tables_of_trained_cells_agree_with_each_other(tmp_path):
    cells = [a_cell(tmp_path / "dm1.h5", "dm1"), a_cell(tmp_path / "all.h5", TOGETHER, ("go", "dlydm1"))]
    levels = pd.DataFrame([row for cell in cells for row in psychometric_rows(cell)], columns=COLUMNS)
    scores, _, models, *_ = rule_tables(cells)
    assert set(zip(levels["training"], levels["task"], strict=True)) == {
        ("per task", "dm1"), ("together", "go"), ("together", "dlydm1"),
    }  # fmt: skip
    key = ["training", "task", "model", "prior", "seed"]
    whole = scores[scores["metric"] == "accuracy"].set_index(key)["value"]
    for curve in ("accuracy", "choice"):
        own = levels[levels["curve"] == curve]
        right = (own["accuracy"] * own["n_trials"]).groupby([own[name] for name in key]).sum()
        n = own.groupby(key)["n_trials"].sum()
        assert (n == 160).all()
        np.testing.assert_allclose(right / n, whole.loc[n.index])
    go = levels[levels["task"] == "go"]
    assert go["difficulty"].isna().all() and (go["curve"] == "accuracy").all()
    table = accuracy_table(scores, models).set_index(["training", "task"])
    assert len(table) == 3 and (table["n_seeds"] == 2).all()
    assert table.loc[("together", "go"), "chance"] == 0.2 and table.loc[("per task", "dm1"), "chance"] == 0.5
    # Four updates each, and a network of two tasks was trained for as many as it was told.
    assert (table["updates_most"] == 4).all() and (table["n_parameters"] == cells[0].n_parameters).all()


# Accuracy


def score(task, model, prior, seed, value, training="per task", metric="accuracy"):
    benchmark = "rules" if training == "per task" else "rules together"
    return dict(benchmark=benchmark, task=task, model=model, prior=prior, seed=seed, metric=metric,
                value=value, training=training)  # fmt: skip


def model_row(task, model, prior, seed, n_updates, training="per task"):
    return dict(task=task, model=model, prior=prior, seed=seed, training=training, family="match", chance=0.5,
                n_parameters=1000, n_updates=n_updates)  # fmt: skip


def test_accuracies_are_means_over_all_seeds_with_their_extremes():
    values = [0.9, 0.4, 0.8, 0.7]
    rows = [score("dms", "lstm", "none", k, value) for k, value in enumerate(values)]
    rows += [score("dms", "lstm", "none", 0, 0.1, metric="accuracy_at_coherence_0.1")]
    rows += [score("dms", "lstm", "none", k, 0.6 + 0.1 * k, training="together") for k in range(2)]
    rows += [dict(rows[0], benchmark="visual", training=np.nan, value=0.0)]
    models = [model_row("dms", "lstm", "none", k, 100 * (k + 1)) for k in range(4)]
    models += [model_row("dms", "lstm", "none", k, 900, "together") for k in range(2)]
    table = accuracy_table(pd.DataFrame(rows), pd.DataFrame(models))
    assert list(table.columns) == list(ACCURACY_COLUMNS) and len(table) == 2
    alone, together = (row for _, row in table.iterrows())
    mean, low, high = t_interval(values)
    assert (alone["mean"], alone["ci_low"], alone["ci_high"]) == (mean, low, high) and mean == pytest.approx(
        0.7
    )
    assert (alone["lowest"], alone["highest"], alone["n_seeds"]) == (0.4, 0.9, 4)
    assert (alone["updates_fewest"], alone["updates_most"], alone["n_parameters"]) == (100, 400, 1000)
    assert together["training"] == "together" and together["mean"] == pytest.approx(0.65)
    assert together["updates_fewest"] == together["updates_most"] == 900


def test_without_a_rule_task_the_tables_are_empty_and_whole(tmp_path):
    empty = rule_tables([])
    for name, table in zip(("scores", "curves", "models"), empty, strict=False):
        write_table(tmp_path / f"{name}.csv", table)
    scores, curves, models = (read_table(tmp_path / f"{n}.csv") for n in ("scores", "curves", "models"))
    assert list(models.columns) == list(MODEL_COLUMNS)
    assert list(accuracy_table(scores, models).columns) == list(ACCURACY_COLUMNS)
    found = control_table(scores, curves, PRIORS, n_updates=20, smallest=0.01, seed=1)
    assert list(found.columns) == list(compare.COLUMNS) and len(found) == 0


# Priors against controls

PRIORS = {
    "CP": dict(kind="region", source="s", region="CP"),
    "several": dict(kind="mean", source="s", regions=["CP", "VPM"]),
    "CP-random": dict(kind="random", source="s", region="CP"),
    "CP-reciprocity": dict(kind="reciprocity", source="s", region="CP"),
    "two": dict(kind="modules", modules={"a": "CP", "b": "CP-random"}),
    "two-random": dict(kind="modules", modules={"a": "CP-random", "b": "CP-reciprocity"}),
    "VPM": dict(kind="region", source="s", region="VPM"),
    "VPM-degree": dict(kind="degree", source="s", region="VPM"),
    "of a table": dict(kind="region", source="table", region="CP"),
    "worm": dict(kind="region", source="worm", region="worm", control_of="CP"),
    "several-random": dict(kind="random", source="s", region="CP", control_of="several"),
    "two-CP": dict(kind="modules", modules={"b": "CP", "c": "CP"}),
    "two-worms": dict(kind="modules", modules={"c": "worm", "b": "CP-random"}),
}


def test_controls_are_told_by_their_kind():
    kinds = {"region", "mean", "erdos-renyi", "degree", "shuffled", "random", "reciprocity"}
    priors = {kind: dict(kind=kind) for kind in kinds}
    assert {name for name in priors if not is_control(name, priors)} == {"region", "mean"}
    assert is_control("two-random", PRIORS) and not is_control("two", PRIORS)
    assert is_control("worm", PRIORS) and not is_control("of a table", PRIORS)


def test_a_control_is_compared_with_priors_of_its_own_source_and_region_or_with_the_one_it_names():
    pairs = {(one, other) for one in PRIORS for other in PRIORS if is_control_of(one, other, PRIORS)}
    assert pairs == {
        ("CP-random", "CP"), ("CP-reciprocity", "CP"), ("VPM-degree", "VPM"), ("worm", "CP"),
        ("several-random", "several"), ("two-random", "two"), ("two-worms", "two-CP"),
    }  # fmt: skip


def test_pairs_of_other_regions_do_not_enlarge_the_family_of_tests():
    effects = {"none": 0.0, "CP": 0.02, "VPM": 0.01, "CP-random": 0.01, "VPM-degree": 0.0, "worm": 0.015}
    table = compared(effects, noise=1e-3)
    assert set(zip(table["prior"], table["control"], table["control_kind"], strict=True)) == {
        ("CP", "none", "none"), ("CP", "CP-random", "random"), ("CP", "worm", "region"),
        ("VPM", "none", "none"), ("VPM", "VPM-degree", "degree"),
    }  # fmt: skip
    whole = table[(table["scope"] == ALL_TASKS) & (table["measure"] == ACCURACY)]
    assert len(whole) == 5 and (whole["n_tests"] == 5).all()
    assert whole.set_index("control").loc["worm", "effect"] == pytest.approx(0.005, abs=1e-3)


def grid_of(effects, *, n_tasks=8, n_seeds=4, training="per task", noise=0.0, seed=0):
    """Scores and curves in which each prior adds its effect to accuracy, and takes it from the loss.

    Seeds and tasks have levels of their own, which a comparison that is not paired would take for noise.
    """
    rng = np.random.default_rng(seed)
    scores, curves = [], []
    for k in range(n_tasks):
        for s in range(n_seeds):
            level = rng.uniform(0.3, 0.8)
            for prior, effect in effects.items():
                value = level + effect + noise * rng.normal()
                scores.append(score(f"t{k}", "digimus", prior, s, value, training))
                for update in (10, 20):
                    for metric, v in (
                        ("validation_loss", 9 - value * update / 20),
                        ("validation_accuracy", value),
                    ):
                        row = score(f"t{k}", "digimus", prior, s, v, training, metric)
                        curves.append(dict(row, update=update))
    order = rng.permutation(len(curves))  # a table need not be in the order of its updates
    return pd.DataFrame(scores), pd.DataFrame(curves).iloc[order]


def compared(effects, **settings):
    scores, curves = grid_of(effects, **settings)
    return control_table(scores, curves, PRIORS, n_updates=20, smallest=0.01, seed=3)


def test_planted_differences_are_found_for_every_pair():
    table = compared(
        {"none": 0.0, "CP": 0.05, "several": 0.02, "CP-random": 0.03, "several-random": 0.03}, noise=1e-3
    )
    assert list(table.columns) == list(compare.COLUMNS)
    pairs = {("CP", "none"), ("CP", "CP-random"), ("several", "none"), ("several", "several-random")}
    assert set(zip(table["prior"], table["control"], strict=True)) == pairs
    assert set(table["measure"]) == {ACCURACY, LOSS, UPDATES}
    assert (
        table.groupby(["prior", "control", "measure"])["scope"]
        .value_counts()
        .unstack()
        .eq([1, 8])
        .all(axis=None)
    )
    whole = table[table["scope"] == ALL_TASKS].set_index(["measure", "prior", "control"]).sort_index()
    for (prior, control), gain in {("CP", "none"): 0.05, ("CP", "CP-random"): 0.02, ("several", "none"): 0.02,
                                   ("several", "several-random"): -0.01}.items():  # fmt: skip
        for measure in (ACCURACY, LOSS):
            row = whole.loc[(measure, prior, control)]
            assert row["effect"] == pytest.approx(gain, abs=6e-4)
            assert row["ci_low"] < row["effect"] < row["ci_high"] < row["effect"] + 2e-3
            assert (row["n"], row["unit"], row["n_pairs"]) == (8, "task", 32)
            assert row["p"] == pytest.approx(2 / 2**8)
    verdicts = whole.loc[ACCURACY, "verdict"]
    assert verdicts["CP", "none"] == "holds" and verdicts["several", "several-random"] == "does not hold"
    assert (whole.loc[[LOSS, UPDATES], "verdict"] == "").all()
    assert whole.loc[[LOSS, UPDATES], "smallest_effect"].isna().all()
    assert set(table.loc[table["measure"] == ACCURACY, "smallest_effect"]) == {0.01}
    assert whole.loc[(ACCURACY, "CP", "CP-random"), "control_kind"] == "random"


def test_single_tasks_are_tested_over_their_paired_seeds():
    scores, curves = grid_of({"none": 0.0, "CP": 0.01}, n_tasks=3, n_seeds=5, noise=0.01)
    table = control_table(scores, curves, PRIORS, n_updates=20, smallest=0.01, seed=3)
    own = table[(table["scope"] == ONE_TASK) & (table["measure"] == ACCURACY)].set_index("task")
    wide = scores.pivot(index=["task", "seed"], columns="prior", values="value")
    gains = wide["CP"] - wide["none"]
    p = []
    for task in ("t0", "t1", "t2"):
        row, mine = own.loc[task], gains[task]
        test = ttest_1samp(mine, 0)
        assert row["p"] == pytest.approx(test.pvalue)
        interval = test.confidence_interval()
        assert (row["ci_low"], row["ci_high"]) == pytest.approx((interval.low, interval.high))
        narrow = test.confidence_interval(0.9)
        assert (row["ci90_low"], row["ci90_high"]) == pytest.approx((narrow.low, narrow.high))
        assert (row["n"], row["unit"], row["n_pairs"], row["verdict"]) == (5, "seed", 5, "undetermined")
        assert row["prior_mean"] == pytest.approx(wide.loc[task, "CP"].mean())
        assert row["control_mean"] == pytest.approx(wide.loc[task, "none"].mean())
        p.append(test.pvalue)
    # Benjamini and Hochberg over the three tasks, and not with the comparison over tasks.
    order = np.sort(p)
    smallest = min(order[0] * 3, order[1] * 3 / 2, order[2])
    assert own["p_corrected"].min() == pytest.approx(smallest) and set(own["n_tests"]) == {3}


def test_networks_of_all_tasks_are_as_many_units_as_seeds():
    effects = {"none": 0.0, "CP": 0.02}
    table = compared(effects, training="together", n_tasks=9, n_seeds=3, noise=0.01)
    whole = table[(table["scope"] == ALL_TASKS) & (table["measure"] == ACCURACY)].iloc[0]
    assert (whole["n"], whole["unit"], whole["n_pairs"], whole["training"]) == (3, "seed", 27, "together")
    scores, _ = grid_of(effects, training="together", n_tasks=9, n_seeds=3, noise=0.01)
    means = scores.groupby(["seed", "prior"])["value"].mean().unstack()
    assert whole["p"] == pytest.approx(ttest_1samp(means["CP"] - means["none"], 0).pvalue)


def test_no_difference_holds_about_as_seldom_as_it_should():
    held, low = 0, 0
    for k in range(30):
        scores, curves = grid_of({"none": 0.0, "CP": 0.0}, noise=0.02, seed=k, n_seeds=3)
        table = control_table(scores, curves.iloc[:0], PRIORS, n_updates=20, smallest=0.01, seed=3)
        whole = table[(table["scope"] == ALL_TASKS) & (table["measure"] == ACCURACY)].iloc[0]
        held += whole["verdict"] == "holds"
        low += whole["p"] < 0.05
    assert held <= 2 and low <= 5


def test_what_one_cell_lacks_is_left_out_of_the_pairs_and_nothing_else():
    scores, curves = grid_of({"none": 0.0, "CP": 0.02}, n_tasks=3, n_seeds=3)
    keep = ~((scores["task"] == "t1") & (scores["prior"] == "CP") & (scores["seed"] == 2))
    table = control_table(scores[keep], curves, PRIORS, n_updates=20, smallest=0.01, seed=3)
    own = table[table["measure"] == ACCURACY].set_index(["scope", "task"])["n_pairs"]
    assert own.to_dict() == {("task", "t0"): 3, ("task", "t1"): 2, ("task", "t2"): 3, ("all tasks", ""): 8}


def test_equal_differences_have_no_test_and_no_interval():
    assert paired_t_p([0.0, 0.0, 0.0]) == 1
    assert np.isnan(paired_t_p([0.1, 0.1, 0.1])) and np.isnan(paired_t_p([0.1]))
    assert paired_t_p([0.1, 0.2, 0.4]) == pytest.approx(ttest_1samp([0.1, 0.2, 0.4], 0).pvalue)
    table = compared({"none": 0.0, "CP": 0.0}, n_tasks=1, n_seeds=3)
    assert set(table["scope"]) == {ONE_TASK}
    row = table[table["measure"] == ACCURACY].iloc[0]
    assert row["p"] == 1 and np.isnan(row[["ci_low", "ci_high"]].astype(float)).all()


def a_curve(prior, seed, values, task="t", last=None):
    rows = [
        dict(score(task, "digimus", prior, seed, value, metric="validation_accuracy"), update=10 * (k + 1))
        for k, value in enumerate(values)
    ]
    return rows[:last]


def updates_row(curves, scope=ONE_TASK, n_updates=40):
    """The comparison in updates of a table of curves; scores are there because every table has some."""
    scores = pd.DataFrame([score("t", "digimus", prior, 1, 0.5) for prior in ("CP", "none")])
    curves = pd.DataFrame(curves).sample(frac=1, random_state=0)
    table = control_table(scores, curves, PRIORS, n_updates=n_updates, smallest=0.01, seed=1)
    return table[(table["measure"] == UPDATES) & (table["scope"] == scope)].iloc[0]


NEVER = [0.1, 0.1, 0.1, 0.1]


def reached(update):
    """Validations at 10, 20, 30 and 40, the criterion reached at one of them."""
    return [0.9 if 10 * (k + 1) >= update else 0.1 for k in range(4)]


def test_updates_to_the_criterion_and_networks_that_never_get_there():
    curves = [
        *a_curve("CP", 1, [0.1, 0.8, 0.7, 0.9]),  # at 20: the first one counts
        *a_curve("none", 1, [0.1, 0.2, 0.79, 0.8]),  # at 40
        *a_curve("CP", 2, [0.1, 0.9, 0.9, 0.9], last=3),  # at 20, and stopped early after that
        *a_curve("none", 2, NEVER),  # never: 40
        *a_curve("CP", 3, NEVER, last=2),  # stopped early: not known
        *a_curve("none", 3, reached(10)),
    ]
    shuffled = pd.DataFrame(curves).sample(frac=1, random_state=0)
    found = updates_to_criterion(shuffled, 40).set_index(["prior", "seed"])
    known = found["value"].drop(("CP", 3)).to_dict()
    assert known == {("CP", 1): 20, ("none", 1): 40, ("CP", 2): 20, ("none", 2): 40, ("none", 3): 10}
    assert np.isnan(found.loc[("CP", 3), "value"])
    assert set(found.index[found["never"]]) == {("none", 2), ("CP", 3)}
    row = updates_row(curves)
    assert (row["prior_never"], row["control_never"]) == (1, 1)
    assert (row["n_pairs"], row["n_left_out"], row["n"]) == (2, 1, 2)
    assert (row["n_sooner"], row["n_later"], row["p"]) == (2, 0, 0.5)
    assert row[["effect", "ci_low", "ci_high", "prior_mean", "control_mean"]].isna().all()


def test_updates_have_a_mean_and_a_t_test_where_every_network_got_there():
    curves = []
    for seed, (one, other) in enumerate([(10, 40), (20, 30), (20, 40)]):
        curves += a_curve("CP", seed, reached(one)) + a_curve("none", seed, reached(other))
    row = updates_row(curves)
    assert row["effect"] == pytest.approx(20)
    assert row["p"] == pytest.approx(ttest_1samp([30, 10, 20], 0).pvalue)
    assert (row["prior_never"], row["control_never"], row["n_left_out"]) == (0, 0, 0)
    assert (row["prior_mean"], row["control_mean"]) == pytest.approx((50 / 3, 110 / 3))
    assert np.isnan(row["n_sooner"]) and row["test"] == compare.T_TEST[1]


def test_a_network_that_never_got_there_makes_a_sign_test_with_ties():
    # Seven sooner, one later, one tie of two that never got there, and one at the very last update.
    pairs = [(10, 20)] * 6 + [(10, None), (30, 20), (None, None), (40, None)]
    curves = [
        row
        for seed, pair in enumerate(pairs)
        for prior, update in zip(("CP", "none"), pair, strict=True)
        for row in a_curve(prior, seed, NEVER if update is None else reached(update))
    ]
    row = updates_row(curves)
    assert (row["n"], row["n_sooner"], row["n_later"], row["n_left_out"]) == (10, 8, 1, 0)
    assert row["p"] == pytest.approx(2 * (1 + 9) / 2**9) and row["test"] == compare.SIGNS["seed"]
    assert (row["prior_never"], row["control_never"]) == (1, 3)
    shown = control_rows(pd.DataFrame([row]))[1][0]
    assert shown["effect"] == "sooner in 8, later in 1" and shown["never"] == "1 and 3 of 10"
    # Trained for longer by configuration, so all stopped early: what never got there is not known.
    row = updates_row(curves, n_updates=50)
    assert (row["n_pairs"], row["n_left_out"], row["n_sooner"], row["n_later"]) == (7, 3, 6, 1)
    assert control_rows(pd.DataFrame([row]))[1][0]["never"] == "1 and 3 of 10, 3 left out"


def test_over_tasks_each_task_counts_by_the_majority_of_its_seeds():
    curves = []
    for task, updates in {"a": (10, 10, 40), "b": (10, 10, 10), "c": (40, 40, 10), "d": (20, 40, 10)}.items():
        for seed, update in enumerate(updates):
            curves += a_curve("CP", seed, reached(update), task)
            curves += a_curve("none", seed, NEVER if (task, seed) == ("b", 0) else reached(20), task)
    row = updates_row(curves, ALL_TASKS)
    # a and b are sooner, c is later, d ties.
    assert (row["n"], row["unit"], row["n_sooner"], row["n_later"], row["p"]) == (4, "task", 2, 1, 1)
    assert (row["control_never"], row["n_pairs"], row["test"]) == (1, 12, compare.SIGNS["task"])


def test_where_every_pair_is_left_out_nothing_is_tested():
    curves = [
        row for task in "ab" for row in a_curve("CP", 1, NEVER, task, 2) + a_curve("none", 1, NEVER, task)
    ]
    for scope in (ONE_TASK, ALL_TASKS):
        row = updates_row(curves, scope)
        assert (row["n_pairs"], row["n"], row["n_sooner"], row["n_later"]) == (0, 0, 0, 0) and np.isnan(
            row["p"]
        )


def test_a_network_of_all_tasks_has_the_updates_of_each():
    curves = pd.DataFrame([row for task in "abcd" for row in a_curve("CP", 1, NEVER, task)])
    found = updates_to_criterion(curves.assign(training="together"), 10)
    assert found["value"].tolist() == [40] * 4
    assert updates_to_criterion(curves.assign(training="together"), 11)["value"].isna().all()


def test_sign_tests_by_counting():
    assert sign_test_p([1, 2, 3, -1, 0, np.nan]) == pytest.approx(2 * (1 + 4) / 2**4)
    assert sign_test_p([1] * 6) == pytest.approx(2 / 2**6)
    assert sign_test_p([0, 0]) == 1 and np.isnan(sign_test_p([])) and np.isnan(sign_test_p([np.nan]))


def test_networks_of_different_kinds_are_not_compared_and_simulated_priors_are_marked():
    scores, curves = grid_of({"none": 0.0, "CP": 0.02, "CP-random": 0.01}, n_tasks=2, n_seeds=2)
    lstm, lstm_curves = (table[table["prior"] == "none"].assign(model="lstm") for table in (scores, curves))
    table = control_table(
        pd.concat([scores, lstm]), pd.concat([curves, lstm_curves]), PRIORS, n_updates=20, smallest=0.01,
        seed=3, simulated=["CP-random"],
    )  # fmt: skip
    assert set(table["model"]) == {"digimus"}
    marked = table.groupby("control")["simulated"].unique().map(list).to_dict()
    assert marked == {"none": [False], "CP-random": [True]}
    assert not len(control_table(lstm, lstm_curves, PRIORS, n_updates=20, smallest=0.01, seed=3))


def test_a_comparison_does_not_depend_on_what_else_is_compared():
    scores, curves = grid_of({"none": 0.0, "CP": 0.02, "CP-random": 0.01}, noise=0.01, n_tasks=4)
    first = control_table(scores, curves, PRIORS, n_updates=20, smallest=0.01, seed=3)
    again = control_table(scores, curves, PRIORS, n_updates=20, smallest=0.01, seed=3)
    pd.testing.assert_frame_equal(first, again)
    fewer = control_table(
        *(table[table["prior"] != "CP-random"] for table in (scores, curves)),
        PRIORS,
        n_updates=20,
        smallest=0.01,
        seed=3,
    )
    columns = ["measure", "scope", "task", "effect", "ci_low", "ci_high", "p"]
    own = first[first["control"] == "none"][columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, fewer[columns])


def test_the_comparisons_do_without_torch():
    names = "accuracy, controls, psychometrics"
    code = f"import sys; from digimus.analysis import {names}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
