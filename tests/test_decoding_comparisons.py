"""Comparisons of decoders over sessions: pairs, units, tests, equivalence and verdicts."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

from digimus.analysis.decoding.comparisons import (
    COLUMNS,
    REGION_COLUMNS,
    comparison_table,
    paired_effects,
    pairs_of,
    region_table,
)
from digimus.analysis.statistics import equivalence_p, rank_biserial
from digimus.motifs.pvalues import benjamini_hochberg
from digimus.storage import read_table, write_table

PRIORS = {
    "wired": {"kind": "region", "source": "here", "region": "A"},
    "dealt": {"kind": "random", "source": "here", "region": "A"},
    "worm": {"kind": "region", "source": "there", "region": "worm", "control_of": "wired"},
}
KINDS = {"digimus": "digimus", "lstm": "lstm"}


def score(name, model, value, prior="none", seed=1, **change):
    row = dict(
        benchmark="visual", task=name, animal=f"a{int(name[1:]) % 4}", session=name, region="V",
        n_units=9, model=model, prior=prior, seed=seed, split="blocked", fold="all",
        metric="balanced_accuracy", value=value, training="",
    )  # fmt: skip
    return row | change


def scored(levels, *, n_sessions=8, seeds=(1, 2, 3), noise=0.0, rng=None, **change):
    """Scores in which sessions and seeds differ by more than decoders; levels: (model, prior) to mean."""
    rng = rng or np.random.default_rng(0)
    rows = []
    for k in range(n_sessions):
        easy = rng.uniform(-0.1, 0.1)
        for seed in seeds:
            luck = rng.normal(0, 0.02)
            for (model, prior), level in levels.items():
                if model in KINDS or seed == seeds[0]:
                    value = level + easy + (luck if model in KINDS else 0) + noise * rng.normal()
                    of_seed = seed if model in KINDS else 0
                    rows.append(score(f"s{k}", model, value, prior, of_seed, **change))
    return pd.DataFrame(rows)


def nulls_of(scores, model="logistic", null_mean=0.5, null_95=0.6, name="labels", chance=0.5):
    sessions = scores[["benchmark", "session", "animal", "split"]].drop_duplicates()
    return sessions.assign(model=model, null=name, null_mean=null_mean, null_95=null_95, chance=chance)


def compared(scores, nulls=None, **change):
    settings = dict(kinds=KINDS, bound=0.02, seed=1) | change
    return comparison_table(scores, nulls_of(scores) if nulls is None else nulls, PRIORS, **settings)


def row_of(table, *key):
    return table.set_index(["role", "model", "prior", "against_model", "against_prior"]).sort_index().loc[key]


def test_rank_biserial_by_hand():
    assert rank_biserial([0.1, 0.2, 0.3]) == 1
    assert rank_biserial([-0.3, 0.1, 0.2]) == pytest.approx((1 + 2 - 3) / 6)
    assert rank_biserial([-0.1, 0.2, 0.0, 0.3]) == pytest.approx((2 + 3 - 1) / 6)
    assert rank_biserial([0.2, 0.2, -0.2]) == pytest.approx(1 / 3)
    assert rank_biserial([0.0, 0.0]) == 0 and np.isnan(rank_biserial([]))


def test_equivalence_is_the_larger_of_two_one_sided_tests():
    d = np.array([0.001, -0.004, 0.006, 0.002, -0.001, 0.003])
    assert equivalence_p(d, 0.02) == pytest.approx(1 / 2**6)  # every difference within the bound
    sides = [
        wilcoxon(d + 0.005, alternative="greater").pvalue,
        wilcoxon(d - 0.005, alternative="less").pvalue,
    ]
    assert equivalence_p(d, 0.005) == pytest.approx(max(sides)) and sides[0] != sides[1]
    assert equivalence_p(d + 0.05, 0.02) == 1
    assert equivalence_p([0.02] * 6, 0.02) == 1 and np.isnan(equivalence_p([], 0.02))


def test_every_pair_that_is_asked_for_and_no_other():
    cells = [
        ("digimus", "none"), ("digimus", "wired"), ("digimus", "dealt"), ("digimus", "worm"),
        ("lstm", "none"), ("logistic", "none"), ("clock", "none"),
    ]  # fmt: skip
    found = {(role, "/".join(cell), "/".join(other)) for role, cell, other in pairs_of(cells, KINDS, PRIORS)}
    ours = ("digimus/none", "digimus/wired")
    assert found == {
        ("prior", "digimus/wired", "digimus/none"),
        ("control", "digimus/wired", "digimus/dealt"),
        ("control", "digimus/wired", "digimus/worm"),
        *(("baseline", cell, "lstm/none") for cell in ours),
        *(("reference", cell, "logistic/none") for cell in ours),
        *(("clock", "/".join(cell), "clock/none") for cell in cells[:-1]),
    }


def test_planted_effects_are_found_with_their_sizes():
    levels = {
        ("digimus", "none"): 0.70, ("digimus", "wired"): 0.75, ("digimus", "dealt"): 0.748,
        ("lstm", "none"): 0.80, ("logistic", "none"): 0.75, ("clock", "none"): 0.6,
    }  # fmt: skip
    scores = scored(levels, noise=0.002)
    table = compared(scores)
    assert list(table.columns) == list(COLUMNS)
    for key, effect, verdict in [
        (("prior", "digimus", "wired", "digimus", "none"), 0.05, "better"),
        (("control", "digimus", "wired", "digimus", "dealt"), 0.002, "equivalent"),
        (("baseline", "digimus", "wired", "lstm", "none"), -0.05, "worse"),
        (("reference", "digimus", "none", "logistic", "none"), -0.05, "worse"),
        (("clock", "lstm", "none", "clock", "none"), 0.2, "better"),
    ]:
        row = row_of(table, *key)
        low, high = row["ci_low"], row["ci_high"]
        assert row["effect"] == pytest.approx(
            effect, abs=0.015 if "logistic" in key or "clock" in key else 2e-3
        )
        assert low <= row["ci90_low"] < row["effect"] < row["ci90_high"] <= high
        assert (row["verdict"], row["n_sessions"], row["n_animals"]) == (verdict, 8, 4), key
    strong = row_of(table, "prior", "digimus", "wired", "digimus", "none")
    assert strong["p"] == pytest.approx(2 / 2**8) and strong["rank_biserial"] == 1


def test_the_session_is_the_unit_and_seeds_are_averaged_first():
    scores = scored({("digimus", "none"): 0.7, ("digimus", "wired"): 0.71}, noise=0.02)
    row = row_of(compared(scores), "prior", "digimus", "wired", "digimus", "none")
    wide = scores.groupby(["session", "prior"])["value"].mean().unstack()
    difference = (wide["wired"] - wide["none"]).to_numpy()
    assert row["p"] == pytest.approx(wilcoxon(difference).pvalue)
    assert row["rank_biserial"] == pytest.approx(rank_biserial(difference))
    assert row["p_equivalence"] == pytest.approx(equivalence_p(difference, 0.02))
    # Animals weigh alike: here each has two sessions, so the mean over sessions is the same.
    assert row["effect"] == pytest.approx(difference.mean())


def test_pairs_are_by_seed_where_both_have_it_and_by_mean_where_not():
    first = pd.DataFrame([score("s0", "digimus", v, seed=s) for s, v in ((1, 0.7), (2, 0.9))])
    twin = pd.DataFrame([score("s0", "lstm", v, seed=s) for s, v in ((2, 0.6), (1, 0.5))])
    assert paired_effects(first, twin)["effect"].tolist() == pytest.approx([0.2, 0.3])
    alone = pd.DataFrame([score("s0", "logistic", 0.6, seed=0), score("s1", "logistic", 0.1, seed=0)])
    assert paired_effects(first, alone)["effect"].tolist() == pytest.approx([0.1, 0.3])
    missing = pd.DataFrame([score("s0", "lstm", 0.5, seed=1), score("s0", "lstm", np.nan, seed=2)])
    assert paired_effects(first, missing)["effect"].tolist() == pytest.approx([0.2, 0.4])


def test_p_values_are_corrected_within_a_role_and_split():
    rng = np.random.default_rng(3)
    levels = {("digimus", "none"): 0.70, ("digimus", "wired"): 0.705, ("lstm", "none"): 0.71}
    parts = [
        scored(levels, noise=0.01, rng=rng, benchmark=name, split=split)
        for name in ("visual", "auditory")
        for split in ("blocked", "sessions")
    ]
    table = compared(pd.concat(parts))
    assert len(table) == 4 * (1 + 2 + 3)  # prior, baselines, and each of three against chance
    for _, family in table.groupby(["role", "split"]):
        assert family["p_corrected"].tolist() == pytest.approx(benjamini_hochberg(family["p"]).tolist())
        assert family["benchmark"].nunique() == 2


def test_five_sessions_are_reported_and_settle_nothing():
    scores = scored({("digimus", "none"): 0.6, ("digimus", "wired"): 0.8}, n_sessions=5)
    row = row_of(compared(scores), "prior", "digimus", "wired", "digimus", "none")
    assert row["effect"] == pytest.approx(0.2) and np.isfinite(row["ci_low"])
    assert row["verdict"] == "undetermined" and np.isnan(row["p"]) and "fewer than 6" in row["note"]
    assert (compared(scores)["verdict"] == "undetermined").all()


def test_more_seeds_are_not_more_sessions():
    scores = scored({("digimus", "none"): 0.6, ("digimus", "wired"): 0.8}, n_sessions=5, seeds=range(10))
    row = row_of(compared(scores), "prior", "digimus", "wired", "digimus", "none")
    assert (row["n_sessions"], row["verdict"]) == (5, "undetermined")


def test_a_certain_difference_within_the_bound_counts_as_none():
    scores = scored({("digimus", "none"): 0.7, ("digimus", "wired"): 0.71}, noise=5e-4)
    row = row_of(compared(scores), "prior", "digimus", "wired", "digimus", "none")
    assert row["p_corrected"] < 0.05 and row["verdict"] == "equivalent"
    assert "by less than the bound" in row["note"]
    assert (
        row_of(compared(scores, bound=0.005), "prior", "digimus", "wired", "digimus", "none")["verdict"]
        == "better"
    )


def test_noise_is_neither_better_nor_equivalent():
    rng = np.random.default_rng(4)
    wrong, same = 0, 0
    for _ in range(40):
        scores = scored(
            {("digimus", "none"): 0.7, ("digimus", "wired"): 0.7}, noise=0.05, seeds=(1,), rng=rng
        )
        verdict = row_of(compared(scores), "prior", "digimus", "wired", "digimus", "none")["verdict"]
        wrong += verdict in ("better", "worse")
        same += verdict == "equivalent"
    assert wrong <= 4
    # The bound is below half a standard error of the mean here, so equivalence is out of reach.
    assert same <= 2


def test_effects_at_the_bound_are_seldom_called_equivalent():
    rng = np.random.default_rng(5)
    levels = {("digimus", "none"): 0.7, ("digimus", "wired"): 0.72}
    called = 0
    for _ in range(60):
        scores = scored(levels, noise=0.01, seeds=(1,), rng=rng)
        called += (
            row_of(compared(scores), "prior", "digimus", "wired", "digimus", "none")["verdict"]
            == "equivalent"
        )
    assert called <= 7  # 5 % of 60 are 3


def test_against_chance_and_against_the_nulls():
    scores = scored({("digimus", "none"): 0.8, ("logistic", "none"): 0.58}, n_sessions=6)
    own = scores[scores["model"] == "logistic"].set_index("session")["value"]
    nulls = pd.concat(
        [nulls_of(scores), nulls_of(scores, name="pseudo-session", null_mean=0.55, null_95=0.7)]
    )
    table = compared(scores, nulls)
    to_chance = row_of(table, "chance", "digimus", "none", "chance", "none")
    assert to_chance["effect"] == pytest.approx(
        scores[scores["model"] == "digimus"].groupby("session")["value"].mean().mean() - 0.5, abs=0.02
    )
    shuffles = row_of(table, "chance", "logistic", "none", "labels", "none")
    assert f"in {(own > 0.6).sum()} of 6 sessions" in shuffles["note"] and 0 < (own > 0.6).sum() < 6
    pseudo = row_of(table, "chance", "logistic", "none", "pseudo-session", "none")
    assert pseudo["effect"] == pytest.approx(shuffles["effect"] - 0.05)
    mine = table[(table["role"] == "chance") & (table["model"] == "digimus")]
    assert mine["against_model"].tolist() == ["chance"]  # it has no nulls of its own


def test_nulls_that_were_not_made_are_left_out():
    scores = scored({("boosted", "none"): 0.7})
    table = compared(scores, nulls_of(scores, "boosted", null_mean=np.nan, null_95=np.nan))
    assert table["against_model"].tolist() == ["chance"]


def test_continuous_targets_are_compared_by_r2_against_zero():
    scores = scored({("digimus", "none"): 0.3, ("digimus", "wired"): 0.35}, metric="r2")
    correlation = scores.assign(metric="correlation", value=0.9)
    table = compared(pd.concat([scores, correlation]), nulls_of(scores).iloc[:0])
    assert set(table["metric"]) == {"r2"}
    assert row_of(table, "prior", "digimus", "wired", "digimus", "none")["verdict"] == "better"
    assert row_of(table, "chance", "digimus", "none", "chance", "none")["effect"] == pytest.approx(
        0.3, abs=0.1
    )


def test_what_rests_on_simulations_is_marked():
    scores = scored({("digimus", "none"): 0.7, ("digimus", "wired"): 0.72, ("lstm", "none"): 0.7})
    whole = compared(scores, simulated_datasets=["visual"])
    assert whole["simulated"].all()
    part = compared(scores, simulated_priors=["wired"])
    assert (part["simulated"] == (part["prior"] == "wired")).all() and not part["simulated"].all()


def test_a_comparison_does_not_depend_on_what_else_is_compared():
    scores = scored({("digimus", "none"): 0.7, ("digimus", "wired"): 0.72, ("lstm", "none"): 0.7}, noise=0.01)
    columns = ["effect", "ci_low", "ci_high", "p"]
    first = row_of(compared(scores), "prior", "digimus", "wired", "digimus", "none")[columns]
    fewer = compared(scores[scores["model"] == "digimus"].sample(frac=1, random_state=1))
    assert row_of(fewer, "prior", "digimus", "wired", "digimus", "none")[columns].tolist() == pytest.approx(
        first.tolist()
    )


def test_the_table_is_the_same_after_writing_and_reading(tmp_path):
    table = compared(scored({("digimus", "none"): 0.7, ("logistic", "none"): 0.7}, noise=0.01))
    write_table(tmp_path / "table.csv", table)
    names = ["model", "prior", "against_model", "against_prior", "role", "verdict"]
    assert read_table(tmp_path / "table.csv")[names].equals(table[names])


def test_rows_of_rule_tasks_and_of_single_folds_do_not_count():
    scores = scored({("digimus", "none"): 0.7})
    others = [
        score("s0", "digimus", 0.1, benchmark="rules", session=np.nan, metric="balanced_accuracy"),
        score("s0", "digimus", 0.1, fold="0"),
    ]
    table = compared(pd.concat([scores, pd.DataFrame(others)]))
    assert table["benchmark"].unique().tolist() == ["visual"]
    assert table["effect"].tolist() == compared(scores)["effect"].tolist()
    assert list(compared(scores.iloc[:0]).columns) == list(COLUMNS)


def regions(levels, n_sessions=8, noise=0.005):
    rng = np.random.default_rng(6)
    return pd.DataFrame(
        [
            dict(
                benchmark="licking", session=f"s{k}", animal=f"a{k % 4}", region=region, n_units=8,
                n_available=20, draw=draw, model="logistic", split=split, metric="balanced_accuracy",
                value=level + 0.02 * (k % 3) + noise * rng.normal() - 0.3 * (split == "interleaved"),
                chance=0.5,
            )
            for k in range(n_sessions)
            for split in ("interleaved", "blocked")
            for region, level in levels.items()
            for draw in range(3)
        ]
    )  # fmt: skip


def test_regions_are_compared_over_sessions_at_matched_units():
    table = region_table(regions({"SNr": 0.6, "M2": 0.7, "VLS": 0.702}), bound=0.02, seed=1)
    assert list(table.columns) == list(REGION_COLUMNS)
    found = table.set_index(["region", "against_region"])
    assert set(found.index) == {
        ("M2", "SNr"), ("M2", "VLS"), ("SNr", "VLS"), ("M2", "chance"), ("SNr", "chance"), ("VLS", "chance"),
    }  # fmt: skip
    assert found.loc[("M2", "SNr"), "effect"] == pytest.approx(0.1, abs=0.005)
    assert found["verdict"].to_dict() | {} == {
        ("M2", "SNr"): "better", ("M2", "VLS"): "equivalent", ("SNr", "VLS"): "worse",
        ("M2", "chance"): "better", ("SNr", "chance"): "better", ("VLS", "chance"): "better",
    }  # fmt: skip
    assert found.loc[("M2", "SNr"), ["n_units", "n_sessions", "n_animals"]].tolist() == [8, 8, 4]
    assert found.loc[("M2", "chance"), "effect"] == pytest.approx(0.2 + 0.02 * 7 / 8, abs=0.005)


def test_regions_share_only_sessions_that_have_both():
    table = regions({"M2": 0.7, "SNr": 0.6})
    few = table[(table["region"] == "M2") | table["session"].isin(["s0", "s1"])]
    found = region_table(few, bound=0.02, seed=1).set_index(["region", "against_region"])
    assert found.loc[("M2", "SNr"), "n_sessions"] == 2 and found.loc[("M2", "chance"), "n_sessions"] == 8
    assert found.loc[("M2", "SNr"), "verdict"] == "undetermined"
    assert not len(region_table(table.iloc[:0], bound=0.02, seed=1))


def test_the_comparisons_do_without_torch():
    names = "comparisons, known_best"
    code = f"import sys; from digimus.analysis.decoding import {names}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
