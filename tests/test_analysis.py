"""Analysis: statistics and verdicts, retention, states, and claims with a known answer."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest

from digimus.analysis.claims import (
    CHALLENGING,
    COLUMNS,
    Claims,
    decoding_claims,
    differences,
    motif_claims,
    retention_claims,
    rule_claims,
    state_claims,
)
from digimus.analysis.retention import distance_to_prior, hard_adjacency, retention_tables, weight_profile
from digimus.analysis.states import (
    Trials,
    distance_to_correct,
    equal_count_ratio,
    error_auroc,
    participation_ratio,
    trajectories,
)
from digimus.analysis.statistics import (
    hierarchical_bootstrap,
    nested_mean,
    signed_rank_p,
    verdict,
)
from digimus.motifs import MOTIFS, Prior, triad_census
from digimus.motifs.pvalues import benjamini_hochberg
from digimus.motifs.triads import IS_MOTIF

# Statistics


def test_adjusted_p_values_follow_benjamini_and_hochberg():
    p = np.array([0.01, 0.04, 0.03, 0.5])
    np.testing.assert_allclose(benjamini_hochberg(p), [0.04, 0.16 / 3, 0.16 / 3, 0.5])


def test_a_p_value_that_is_not_available_is_no_test():
    result = benjamini_hochberg([0.01, np.nan, 0.04])
    np.testing.assert_allclose(result, [0.02, np.nan, 0.04])
    assert np.isnan(benjamini_hochberg([np.nan, np.nan])).all()


def test_signed_rank_p_by_counting_signs():
    assert signed_rank_p([1.0, 2, 3, 4, 5, 6]) == pytest.approx(2 / 64)
    assert signed_rank_p([1.0, 2, 3, 4, 5, -6]) == pytest.approx(2 * 14 / 64)
    assert signed_rank_p([0.0, 0, 0]) == 1
    assert signed_rank_p([]) == 1


HOLDING = dict(n=8, effect=0.05, ci_low=0.01, ci90_high=0.09, p_corrected=0.01, smallest_effect=0.02)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "holds"),
        (dict(effect=0.02), "holds"),
        (dict(n=6), "holds"),
        (dict(n=5), "undetermined"),
        (dict(p_corrected=0.05), "undetermined"),
        (dict(ci_low=0.0), "undetermined"),
        (dict(effect=0.019), "undetermined"),
        (dict(effect=0.01, ci90_high=0.019), "does not hold"),
        (dict(effect=0.01, ci90_high=0.02), "undetermined"),
        (dict(effect=-0.1, ci_low=-0.2, ci90_high=-0.05, p_corrected=0.001), "does not hold"),
        (dict(n=5, effect=-0.1, ci_low=-0.2, ci90_high=-0.05), "undetermined"),
        (dict(effect=np.nan), "undetermined"),
        (dict(ci_low=np.nan), "undetermined"),
        (dict(p_corrected=np.nan, ci90_high=-1.0), "undetermined"),
    ],
)
def test_verdicts_follow_the_stated_rules(change, expected):
    assert verdict(**{**HOLDING, **change}) == expected


def nested_table(rng, n_outer, n_inner, sd_outer, sd_inner):
    outer = rng.normal(0, sd_outer, n_outer).repeat(n_inner)
    return pd.DataFrame(
        {
            "task": np.arange(n_outer).repeat(n_inner),
            "seed": np.tile(np.arange(n_inner), n_outer),
            "effect": outer + rng.normal(0, sd_inner, n_outer * n_inner),
        }
    )


@pytest.mark.parametrize(("sd_outer", "sd_inner"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
def test_hierarchical_bootstrap_has_the_variance_of_its_closed_form(sd_outer, sd_inner):
    table = nested_table(np.random.default_rng(0), 8, 5, sd_outer, sd_inner)
    means = hierarchical_bootstrap(table, ["task", "seed"], "effect", np.random.default_rng(1), 40_000)
    per_task = table.groupby("task")["effect"]
    # Tasks drawn with replacement, and seeds with replacement within every drawn task.
    variance = per_task.mean().var(ddof=0) / 8 + per_task.var(ddof=0).mean() / (8 * 5)
    assert means.mean() == pytest.approx(table["effect"].mean(), abs=4 * np.sqrt(variance / 40_000))
    assert means.var() == pytest.approx(variance, rel=0.04)


def test_hierarchical_bootstrap_of_three_levels_gives_every_parent_equal_weight():
    table = pd.DataFrame(
        {
            "animal": ["a", "a", "a", "b"],
            "session": ["a1", "a1", "a2", "b1"],
            "seed": [1, 2, 1, 1],
            "effect": [0.0, 2.0, 5.0, 11.0],
        }
    )
    assert nested_mean(table, ["animal", "session", "seed"], "effect") == ((1 + 5) / 2 + 11) / 2
    means = hierarchical_bootstrap(table, ["animal", "session", "seed"], "effect", np.random.default_rng(2))
    assert means.mean() == pytest.approx(7, abs=0.3)
    assert means.max() == 11 and 0 <= means.min() < 2


def test_bootstrap_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(150):
        table = nested_table(rng, 12, 3, 1.0, 1.0)
        low, high = np.quantile(
            hierarchical_bootstrap(table, ["task", "seed"], "effect", rng, 400), [0.025, 0.975]
        )
        covered.append(low < 0 < high)
    assert 0.86 < np.mean(covered) <= 0.99


# Retention


def test_hard_adjacency_takes_the_strongest_weights_and_turns_them():
    weight = np.array([[9.0, 3, -5], [0.1, 9, 2], [-4, 1, 9]])
    graph = hard_adjacency(weight, 0.5)
    expected = np.zeros((3, 3))
    for post, pre in ((0, 2), (2, 0), (0, 1)):
        expected[pre, post] = 1
    np.testing.assert_array_equal(graph, expected)
    assert weight[0, 0] == 9


def test_weights_of_a_divergent_neuron_are_down_and_not_up():
    rng = np.random.default_rng(10)
    weight = 0.01 * rng.random((20, 20))
    weight[1:6, 0] = 1  # from neuron 0 to five others
    counted = triad_census(hard_adjacency(weight, 5 / 380))[IS_MOTIF]
    assert counted[MOTIFS.index("021D")] == len(list(combinations(range(5), 2))) and counted.sum() == 10


def a_prior(**changes):
    values = dict(
        name="target", source="s", region="r", kind="region", enrichment=np.linspace(-1, 1, 13),
        weight=np.arange(13.0), frequency=np.full(13, 1 / 13), reciprocity=0.2, density=0.1, n_neurons=50,
    )  # fmt: skip
    return Prior(**{**values, **changes})


def test_distance_is_zero_at_the_target_and_in_units_of_log_enrichment():
    prior = a_prior()
    assert distance_to_prior(prior.enrichment, prior) == 0
    assert distance_to_prior(prior.enrichment + 0.3, prior) == pytest.approx(0.3)
    off = prior.enrichment.copy()
    off[0] += 5  # a class without weight
    assert distance_to_prior(off, prior) == 0
    off[12] += 2
    assert distance_to_prior(off, prior) == pytest.approx(np.sqrt(12 * 4 / 78))
    assert np.isnan(distance_to_prior(off, a_prior(weight=np.zeros(13))))
    unknown = prior.enrichment.copy()
    unknown[0] = np.nan
    assert distance_to_prior(prior.enrichment, a_prior(enrichment=unknown)) == 0


class OneNetwork:
    """Stands for a trained cell."""

    unit, model, prior, seeds = "go", "digimus", "target", (3,)

    def __init__(self, weight):
        self.weight, self.model_settings = weight, {}

    def of_seed(self, seed, name):
        return np.eye(12) if name == "initial_recurrent_weight" else self.weight


def test_retention_tables_hold_the_distance_before_and_after_training():
    weight = np.random.default_rng(11).normal(size=(12, 12))
    profile, reciprocity = weight_profile(weight, 0.2)
    prior = a_prior(enrichment=profile, weight=np.ones(13))
    profiles, found = retention_tables([OneNetwork(weight)], {"target": {"": prior}}, 0.2)
    found = found.set_index("stage")
    assert found.loc["trained", "distance"] == 0 and found.loc["trained", "reciprocity"] == reciprocity
    assert found.loc["initial", "distance"] > 0
    assert set(profiles["stage"]) == {"target", "initial", "trained"}


# States


def test_participation_ratio_of_independent_normal_states_is_their_number():
    states = np.random.default_rng(12).normal(size=(60_000, 10))
    assert participation_ratio(states) == pytest.approx(10, rel=0.01)
    assert participation_ratio(7 + 3 * states) == pytest.approx(10, rel=0.01)


def test_participation_ratio_by_its_definition():
    rng = np.random.default_rng(13)
    for shape in ((50, 6), (6, 50)):
        states = rng.normal(size=shape) * rng.random(shape[1])
        eigenvalues = np.linalg.eigvalsh(np.cov(states.T))
        assert participation_ratio(states) == pytest.approx(eigenvalues.sum() ** 2 / (eigenvalues**2).sum())
    line = np.outer(rng.normal(size=30), rng.normal(size=8))
    assert participation_ratio(line) == pytest.approx(1)
    assert np.isnan(participation_ratio(np.ones((5, 3))))


def test_groups_are_compared_at_equal_numbers_of_trials():
    rng = np.random.default_rng(14)
    states = rng.normal(size=(420, 40))
    correct = np.arange(420) >= 20
    right, wrong = equal_count_ratio(states, correct, rng)
    assert right == pytest.approx(wrong, rel=0.12)
    assert participation_ratio(states[correct]) > 1.4 * wrong


def labelled_trials(rng, n, shift):
    """Trials of two stimulus directions; the states of errors lie farther away by `shift`."""
    angle = rng.random(n) * 2 * np.pi
    correct = rng.random(n) < 0.7
    conditions = np.stack([np.ones(n), np.cos(angle), np.sin(angle)], 1)
    states = conditions @ rng.normal(size=(3, 12)) * 3 + rng.normal(size=(n, 12))
    states[~correct] += shift * rng.choice([-1, 1], size=(np.sum(~correct), 1)) * np.eye(12)[2]
    return Trials(states, correct, conditions, rng.integers(4, size=n))


def test_distance_to_correct_sees_planted_errors_and_no_others():
    rng = np.random.default_rng(15)
    planted = labelled_trials(rng, 400, 4.0)
    auroc, p = error_auroc(
        distance_to_correct(planted, rng), planted.correct, planted.stratum, rng, n_permutations=99
    )
    assert auroc > 0.8 and p == 0.01
    nothing = [labelled_trials(rng, 200, 0.0) for _ in range(25)]
    found = [
        error_auroc(distance_to_correct(t, rng), t.correct, t.stratum, rng, n_permutations=99)
        for t in nothing
    ]
    aurocs, p = np.array(found).T
    assert abs(aurocs.mean() - 0.5) < 3.5 * aurocs.std(ddof=1) / 5
    assert kstest(p, "uniform").pvalue > 0.01


def test_distance_to_correct_is_cross_validated():
    rng = np.random.default_rng(16)
    trials = labelled_trials(rng, 120, 0.0)
    plain = distance_to_correct(trials, np.random.default_rng(1))
    far = trials.states.copy()
    far[7] += 1000
    moved = distance_to_correct(replace(trials, states=far), np.random.default_rng(1))
    order = np.random.default_rng(1).permutation(120)
    fold = next(part for part in np.array_split(order, 5) if 7 in part)
    others = fold[fold != 7]
    np.testing.assert_allclose(moved[others], plain[others])
    assert moved[7] > 10 * plain[7]


def test_error_auroc_compares_only_trials_of_equal_difficulty():
    # Hard trials are far away and often wrong; within a difficulty, distance tells nothing.
    distance = np.array([0.0, 0, 0, 0, 1, 1, 1, 1])
    correct = np.array([True, True, True, False, True, False, False, False])
    stratum = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    auroc, p = error_auroc(distance, correct, stratum, np.random.default_rng(17), n_permutations=20)
    assert auroc == 0.5 and p == 1
    unequal = np.array([0.0, 0, 0, 1, 2, 1, 1, 1])
    assert error_auroc(unequal, correct, stratum, np.random.default_rng(18), 20)[0] == 0.5
    assert np.isnan(error_auroc(distance, np.ones(8, bool), stratum, np.random.default_rng(19))).all()


def test_trajectories_are_the_projected_means():
    rng = np.random.default_rng(20)
    states = rng.normal(size=(6, 5, 4))
    labels = np.array(["a", "b"] * 3)
    paths, explained = trajectories(states, labels, n_components=4)
    assert set(paths) == {"a", "b"} and paths["a"].shape == (5, 4)
    assert explained.sum() == pytest.approx(1)
    # With all components, distances between paths are those between the mean states.
    gap = states[labels == "a"].mean(0) - states[labels == "b"].mean(0)
    np.testing.assert_allclose(
        np.linalg.norm(paths["a"] - paths["b"], axis=1), np.linalg.norm(gap, axis=1), rtol=1e-10
    )


# Claims

FAMILIES = {f"simple{k}": "sensorimotor" for k in range(6)}
FAMILIES |= {f"complex{k}": CHALLENGING[k % len(CHALLENGING)] for k in range(10)}
COMPLEX = [task for task in FAMILIES if task.startswith("complex")]


def rule_scores(rng, gain, *, tasks=tuple(FAMILIES), noise=0.02, extra=0.0, lead=0.0):
    """Scores of DigiMus with a prior, its twin and an LSTM; the prior adds `gain`."""
    rows = []
    for task in tasks:
        level = rng.uniform(0.6, 0.9)
        more = extra if task in COMPLEX else 0.0
        for seed in range(3):
            values = {
                ("digimus", "wired"): level + gain + more,
                ("digimus", "none"): level,
                ("lstm", "none"): level + gain - lead,
            }
            for (model, prior), value in values.items():
                rows.append(
                    dict(benchmark="rules", metric="accuracy", task=task, model=model, prior=prior, seed=seed,
                         value=value + rng.normal(0, noise))
                )  # fmt: skip
    return pd.DataFrame(rows)


def rule_verdicts(scores_, seed=0):
    claims = Claims(seed)
    rule_claims(
        claims, scores_, FAMILIES, priors=["wired"], models=["digimus", "lstm"], smallest=0.01, margin=0.03,
        simulated={"wired": False},
    )  # fmt: skip
    table = claims.table()
    assert list(table.columns) == list(COLUMNS) and len(table) == 3
    table["about"] = ["improves", "not inferior", "complex"]
    return table.set_index("about")


def test_pairs_are_matched_by_their_keys():
    table = pd.DataFrame(
        {
            "task": ["a", "b", "a", "b", "c"],
            "model": ["x", "x", "y", "y", "x"],
            "prior": "none",
            "value": [1.0, 2, 0.25, 0.5, 9],
        }
    )
    found = differences(table, keys=["task"], model="x", prior="none", other_model="y", other_prior="none")
    assert found.set_index("task")["effect"].to_dict() == {"a": 0.75, "b": 1.5}


def test_planted_benefits_hold_and_absent_ones_do_not():
    rng = np.random.default_rng(21)
    planted = [rule_verdicts(rule_scores(rng, 0.05), k).loc["improves", "verdict"] for k in range(40)]
    assert planted.count("holds") >= 38
    absent = [rule_verdicts(rule_scores(rng, 0.0), k).loc["improves", "verdict"] for k in range(50)]
    assert absent.count("holds") <= 2
    harmful = [rule_verdicts(rule_scores(rng, -0.05), k).loc["improves", "verdict"] for k in range(10)]
    assert set(harmful) == {"does not hold"}


def test_effects_are_signed_so_that_the_claim_is_positive():
    rng = np.random.default_rng(22)
    table = rule_verdicts(rule_scores(rng, 0.05, noise=1e-4, extra=0.1, lead=0.02))
    assert table.loc["improves", "effect"] == pytest.approx(0.05 + 0.1 * 10 / 16, abs=0.001)
    assert table.loc["not inferior", "effect"] == pytest.approx(0.02 + 0.1 * 10 / 16 + 0.03, abs=0.001)
    assert table.loc["complex", "effect"] == pytest.approx(0.1, abs=0.001)
    assert (table["verdict"] == "holds").all()
    assert (table["ci_low"] <= table["ci90_low"]).all() and (table["ci90_high"] <= table["ci_high"]).all()
    assert (table["n"] == [16, 16, 16]).all() and (table["p_corrected"] >= table["p"]).all()


def test_inferior_by_more_than_the_margin_does_not_hold():
    rng = np.random.default_rng(23)
    assert rule_verdicts(rule_scores(rng, 0.0, lead=-0.1)).loc["not inferior", "verdict"] == "does not hold"
    assert rule_verdicts(rule_scores(rng, 0.0, lead=0.0)).loc["not inferior", "verdict"] == "holds"


def test_five_tasks_settle_nothing():
    rng = np.random.default_rng(24)
    table = rule_verdicts(rule_scores(rng, 0.3, tasks=list(FAMILIES)[4:9]))
    assert (table["verdict"] == "undetermined").all()
    assert "fewer than 6" in table.loc["improves", "note"]


def test_more_seeds_are_not_more_units():
    rng = np.random.default_rng(25)
    few = rule_scores(rng, 0.3, tasks=["simple0", "complex0"])
    many = pd.concat([few.assign(seed=few["seed"] + 3 * k) for k in range(5)])
    assert rule_verdicts(many).loc["improves", "n"] == 2


def test_a_grid_without_the_needed_cells_is_not_available():
    rng = np.random.default_rng(26)
    scores_ = rule_scores(rng, 0.1)
    table = rule_verdicts(scores_[scores_["prior"] == "none"])
    assert (table["verdict"] == "undetermined").all() and table["effect"].isna().all()
    assert table["note"].str.contains("not available|fixed").all() and (table["n"] == 0).all()


def decoding_table(rng, gain, n_animals=5, n_sessions=3, split="blocked"):
    rows = []
    for animal in range(n_animals):
        for session in range(n_sessions):
            level = rng.uniform(0.6, 0.8)
            for seed in range(2):
                for prior in ("wired", "none"):
                    value = level + (gain if prior == "wired" else 0) + rng.normal(0, 0.02)
                    rows.append(
                        dict(benchmark="visual", metric="balanced_accuracy", fold="all", split=split,
                             animal=f"m{animal}", session=f"m{animal}s{session}", model="digimus",
                             prior=prior, seed=seed, value=value)
                    )  # fmt: skip
    return pd.DataFrame(rows)


def decoding_verdict(table):
    claims = Claims(1)
    decoding_claims(claims, table, {"visual": ["wired"]}, smallest=0.01, simulated={"visual": True})
    return claims.table().iloc[0]


def test_the_session_is_the_unit_of_decoding():
    rng = np.random.default_rng(27)
    found = decoding_verdict(decoding_table(rng, 0.06))
    assert (found["n"], found["unit"], found["verdict"]) == (15, "session", "holds")
    assert found["simulated"] and "blocked" in found["test"]
    absent = [decoding_verdict(decoding_table(rng, 0.0))["verdict"] for _ in range(30)]
    assert absent.count("holds") <= 2
    assert "interleaved" in decoding_verdict(decoding_table(rng, 0.0, split="interleaved"))["test"]


def test_retention_is_the_twins_distance_less_the_own():
    rows = [
        dict(task=f"t{k}", seed=s, prior=prior, target="wired", stage="trained", distance=d + 0.01 * k)
        for k in range(8)
        for s in range(2)
        for prior, d in (("wired", 0.2), ("none", 0.9))
    ]
    rows += [{**row, "stage": "initial", "distance": 5.0} for row in rows]
    claims = Claims(0)
    retention_claims(claims, pd.DataFrame(rows), smallest=0.1, simulated={"wired": False})
    found = claims.table().iloc[0]
    assert found["effect"] == pytest.approx(0.7) and found["verdict"] == "holds" and found["n"] == 8


def test_states_claim_is_the_auroc_above_one_half():
    rng = np.random.default_rng(28)
    states = pd.DataFrame(
        [
            dict(task=f"t{k}", seed=s, model="digimus", prior="wired", error_auroc=0.6 + rng.normal(0, 0.02))
            for k in range(8)
            for s in range(2)
        ]
        + [dict(task="t0", seed=9, model="digimus", prior="wired", error_auroc=np.nan)]
        + [dict(task="t0", seed=0, model="digimus", prior="none", error_auroc=0.1)]
    )
    claims = Claims(0)
    state_claims(claims, states, priors=["wired"], smallest=0.02, simulated={"wired": False})
    found = claims.table().iloc[0]
    assert found["effect"] == pytest.approx(0.1, abs=0.02) and found["verdict"] == "holds"


def motif_tables(rng, spread, differing, n=10):
    """Profiles of regions whose enrichment differs by `spread`, measured with an error of known variance."""
    rows, verdicts = [], []
    for region in range(n):
        for triad in MOTIFS:
            value = rng.normal(0, spread) + rng.normal(0, 0.1)
            rows.append(
                dict(source="s", region=f"r{region}", triad=triad, null="dyad", enrichment=value,
                     enrichment_variance=0.01, small=False)
            )  # fmt: skip
        p = rng.random() * 0.04 if region < differing else rng.uniform(0.06, 1)
        verdicts += [
            dict(region=f"r{region}", null=null, p_profile=p, small=False)
            for null in ("distance-mutual", "degree")
        ]
    return pd.DataFrame(rows), pd.DataFrame(verdicts)


def motif_verdicts(rng, spread, differing):
    claims = Claims(0)
    motif_claims(claims, *motif_tables(rng, spread, differing), smallest=0.5, simulated=False)
    return claims.table()


def test_regions_that_differ_are_told_from_sampling_error():
    rng = np.random.default_rng(29)
    assert motif_verdicts(rng, 0.5, 10)["verdict"].tolist() == ["holds"] * 3
    same = [motif_verdicts(rng, 0.0, 0)["verdict"].tolist() for _ in range(20)]
    assert sum(first == "holds" for first, *_ in same) <= 1
    assert all(rest == ["does not hold", "does not hold"] for _, *rest in same)


def test_one_odd_region_does_not_set_the_others_apart():
    rng = np.random.default_rng(32)
    found = []
    for _ in range(20):
        profiles, verdicts = motif_tables(rng, 0.0, 0, n=7)
        odd = (profiles["region"] == "r6") & (profiles["triad"] == "030C")
        profiles.loc[odd, "enrichment"] = -5.0
        claims = Claims(0)
        motif_claims(claims, profiles, verdicts, smallest=0.5, simulated=False)
        first = claims.table().iloc[0]
        found.append(first["verdict"])
        assert first["effect"] >= 1 / 7 - 0.06  # the odd one itself is found
    assert "holds" not in found


def test_regions_with_too_few_neurons_do_not_count():
    rng = np.random.default_rng(31)
    profiles, verdicts = motif_tables(rng, 0.5, 10)
    for table in (profiles, verdicts):
        table.loc[table["region"] > "r4", "small"] = True
    claims = Claims(0)
    motif_claims(claims, profiles, verdicts, smallest=0.5, simulated=False)
    table = claims.table()
    assert (table["n"] == 5).all() and (table["verdict"] == "undetermined").all()


def test_claims_are_the_same_for_the_same_seed():
    table = rule_scores(np.random.default_rng(30), 0.05)
    pd.testing.assert_frame_equal(rule_verdicts(table, 1), rule_verdicts(table, 1))
