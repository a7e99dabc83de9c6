"""Analysis: statistics and verdicts, retention and states with a known answer."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from digimus.analysis.errors.outcomes import equal_count_ratio, error_auroc
from digimus.analysis.retention.profiles import (
    distance_to_prior,
    hard_adjacency,
    retention_tables,
    weight_profile,
)
from digimus.analysis.states.dimension import participation_ratio
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
