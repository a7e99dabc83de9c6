"""Claims: units, signs, intervals, verdicts, and a row for what cannot be tested."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, wilcoxon

from digimus.analysis.claims.decoding import decoding_claims
from digimus.analysis.claims.every import Grid, every_claim
from digimus.analysis.claims.learnt import (
    dose_claims,
    error_claims,
    perturbation_claims,
    retention_claims,
    teacher_claims,
)
from digimus.analysis.claims.motifs import between_regions, motif_claims
from digimus.analysis.claims.rules import CHALLENGING, CONTROL_NAMES, controls_of, rule_claims
from digimus.analysis.claims.table import COLUMNS, Claims, Question, differences, reason_of
from digimus.analysis.statistics import bootstrap_interval, signed_rank_p, widening
from digimus.motifs import MOTIFS
from digimus.motifs.pvalues import benjamini_hochberg

FAMILIES = {f"simple{k}": "sensorimotor" for k in range(6)}
FAMILIES |= {f"complex{k}": CHALLENGING[k % len(CHALLENGING)] for k in range(10)}
COMPLEX = [task for task in FAMILIES if task.startswith("complex")]
PRIORS = {
    "wired": {"kind": "region", "source": "here", "region": "A"},
    "dealt": {"kind": "random", "source": "here", "region": "A"},
    "worm": {"kind": "region", "source": "there", "region": "worm", "control_of": "wired"},
}
GRID = Grid(PRIORS, {"digimus": "digimus", "lstm": "lstm"}, ("wired",), datasets={"visual": ["wired"]})
SMALLEST = dict(
    accuracy=0.01, retention=0.1, error_auroc=0.02, region_share=0.5, perturbation=0.01, teacher=0.05
)


def asked(function, *args, grid=GRID, seed=0, **settings):
    """The table of what one function claims, by claim."""
    claims = Claims(seed)
    function(claims, *args, **settings | ({} if grid is None else dict(grid=grid)))
    return claims.table().set_index("claim")


# Statistics


def test_tied_differences_have_the_p_of_counting_their_signs():
    assert signed_rank_p([0.1] * 7) == 2 / 2**7
    assert signed_rank_p([0.1] * 6 + [-0.1]) == 16 / 2**7
    assert signed_rank_p([0.0, 0.0, 0.2, 0.2, 0.2]) == 2 / 2**3
    rng = np.random.default_rng(3)
    for n in (6, 9, 30, 60):
        values = rng.normal(0.3, 1, n)
        assert signed_rank_p(values) == pytest.approx(wilcoxon(values).pvalue)


def test_widened_intervals_of_few_units_cover_what_they_should():
    rng, covered, plain = np.random.default_rng(4), 0, 0
    for _ in range(1000):
        values = rng.normal(size=7)
        deviations = rng.choice(values, (500, 7)).mean(1) - values.mean()
        for wide in (1.0, widening(7, 0.9)):
            low, high = bootstrap_interval(wide * deviations, values.mean(), 0.9)
            covered += wide > 1 and low <= 0 <= high
            plain += wide == 1 and low <= 0 <= high
    assert binomtest(covered, 1000, 0.9).pvalue > 0.001
    assert plain < 860
    assert widening(2000, 0.95) == pytest.approx(1, abs=0.002) and np.isnan(widening(1, 0.95))


# The table


def one_claim(effects, **settings):
    question = Question("topic", settings.pop("category", "abstract"), "f", ("task", "seed"), "accuracy", "t")
    claims = Claims(1)
    claims.add(question, "a claim", effects, smallest_effect=0.01, simulated=False, **settings)
    return claims.table().iloc[0]


def effects_of(values, n_seeds=2):
    rows = [
        dict(task=f"t{k}", seed=s, effect=value) for k, value in enumerate(values) for s in range(n_seeds)
    ]
    return pd.DataFrame(rows, columns=["task", "seed", "effect"])


def test_what_is_not_known_neither_counts_nor_becomes_zero():
    values = [0.1, 0.2, 0.15, 0.12, 0.18, 0.11, np.nan]
    row = one_claim(effects_of(values))
    assert row["n"] == 6 and row["effect"] == pytest.approx(np.nanmean(values)) and row["verdict"] == "holds"
    row = one_claim(effects_of([np.nan] * 8), missing="because of this")
    assert (row["n"], row["verdict"], row["not_available"]) == (0, "undetermined", "because of this")
    assert np.isnan([row["effect"], row["ci_low"], row["p"], row["p_corrected"]]).all()
    row = one_claim(pd.DataFrame(), missing="because of that")
    assert row["not_available"] == "because of that" and row["n"] == 0


@pytest.mark.parametrize("n, verdict", [(1, "undetermined"), (5, "undetermined"), (6, "holds")])
def test_fewer_than_six_units_settle_nothing(n, verdict):
    row = one_claim(effects_of(0.3 + 0.01 * np.arange(n)))
    assert row["verdict"] == verdict and row["n"] == n
    assert ("fewer than 6" in row["note"]) == (n < 6)
    assert np.isnan(row["ci_low"]) == (n == 1)


def test_every_category_is_corrected_by_itself():
    claims = Claims(1)
    rng = np.random.default_rng(6)
    for k, category in enumerate(["control", "abstract"] * 4):
        question = Question("topic", category, "f", ("task", "seed"), "accuracy", "t")
        values = effects_of(rng.normal(0.02 * k, 0.03, 8))
        claims.add(question, f"claim {k}", values, smallest_effect=0.01, simulated=False)
    claims.add(question, "nothing", effects_of([]), smallest_effect=0.01, simulated=False)
    table = claims.table()
    assert table["category"].tolist() == ["abstract"] * 5 + ["control"] * 4
    for _, rows in table.groupby("category"):
        np.testing.assert_array_equal(rows["p_corrected"], benjamini_hochberg(rows["p"]))
        assert (rows["n_tests"] == 4).all()


def test_the_most_frequent_reason_is_given():
    rows = pd.DataFrame({"not_available": ["because a", "", "because b", "because b", np.nan]})
    assert reason_of(rows, "else") == "because b"
    assert reason_of(rows.iloc[1:2], "else") == reason_of(pd.DataFrame(), "else") == "else"


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


# Rule tasks


def rule_scores(rng, gain, *, tasks=tuple(FAMILIES), noise=0.02, extra=0.0, lead=0.0, restless=0.0):
    """Scores of DigiMus with a prior, its twin and an LSTM; the prior adds `gain`."""
    rows = []
    for task in tasks:
        level = rng.uniform(0.6, 0.9)
        more = extra if task in COMPLEX else 0.0
        for seed in range(3):
            values = {
                ("digimus", "wired"): level + gain + more + restless * (seed - 1),
                ("digimus", "none"): level,
                ("lstm", "none"): level + gain - lead,
            }
            for (model, prior), value in values.items():
                rows.append(
                    dict(benchmark="rules", metric="accuracy", task=task, model=model, prior=prior, seed=seed,
                         value=value + rng.normal(0, noise))
                )  # fmt: skip
    return pd.DataFrame(rows)


def rule_verdicts(scores, seed=0, grid=GRID):
    return asked(rule_claims, scores, FAMILIES, smallest=0.01, margin=0.03, seed=seed, grid=grid)


IMPROVES = "prior wired improves the rule tasks over no prior (structure-free)"
STABLE = "DigiMus with prior wired is not inferior to lstm"
SPREAD = "DigiMus with prior wired varies over seeds no more than lstm"
LEADS = "DigiMus with prior wired leads lstm more in complex decisions"


def test_a_note_says_in_how_many_tasks_nothing_was_learnt():
    scores = rule_scores(np.random.default_rng(9), 0.0)
    for n, note in ((0, ""), (1, "no network has 80 % right in 1 of 16 tasks")):
        learnt = scores.assign(value=0.9 + scores["value"] / 100 - 0.4 * scores["task"].isin(COMPLEX[:n]))
        learnt.loc[scores["model"].eq("lstm"), "value"] = 0.1
        found = rule_verdicts(learnt)
        assert found.loc[STABLE, "note"] == found.loc[IMPROVES, "note"] == note
    learnt.loc[scores["model"].eq("lstm") & scores["seed"].eq(2), "value"] = 0.95
    found = rule_verdicts(learnt)["note"]
    assert found[STABLE] == "" and found[IMPROVES] == note


def test_effects_are_signed_so_that_the_claim_is_positive():
    rng = np.random.default_rng(22)
    table = rule_verdicts(rule_scores(rng, 0.05, noise=1e-4, extra=0.1, lead=0.02))
    assert table.loc[IMPROVES, "effect"] == pytest.approx(0.05 + 0.1 * 10 / 16, abs=0.001)
    assert table.loc[STABLE, "effect"] == pytest.approx(0.02 + 0.1 * 10 / 16 + 0.03, abs=0.001)
    assert table.loc[LEADS, "effect"] == pytest.approx(0.1, abs=0.001)
    assert table.loc[SPREAD, "effect"] == pytest.approx(0.01, abs=0.001)
    tested = table.loc[[IMPROVES, STABLE, LEADS, SPREAD]]
    assert (tested["verdict"] == "holds").all() and (tested["n"] == 16).all()
    assert (tested["ci_low"] <= tested["ci90_low"]).all() and (tested["ci90_high"] <= tested["ci_high"]).all()
    assert (tested["p_corrected"] >= tested["p"]).all()


def test_inferior_by_more_than_the_margin_does_not_hold():
    rng = np.random.default_rng(23)
    assert rule_verdicts(rule_scores(rng, 0.0, lead=-0.1)).loc[STABLE, "verdict"] == "does not hold"
    assert rule_verdicts(rule_scores(rng, 0.0, lead=0.0)).loc[STABLE, "verdict"] == "holds"


def test_a_wider_spread_over_seeds_is_not_stable():
    rng = np.random.default_rng(33)
    row = rule_verdicts(rule_scores(rng, 0.0, noise=0.002, restless=0.05)).loc[SPREAD]
    assert row["verdict"] == "does not hold" and row["effect"] == pytest.approx(-0.04, abs=0.005)
    once = rule_scores(rng, 0.0)
    row = rule_verdicts(once[once["seed"] == 0]).loc[SPREAD]
    assert row["not_available"] == "because a spread needs two seeds"


def test_more_seeds_are_not_more_units():
    rng = np.random.default_rng(25)
    few = rule_scores(rng, 0.3, tasks=["simple0", "complex0"])
    many = pd.concat([few.assign(seed=few["seed"] + 3 * k) for k in range(5)])
    assert rule_verdicts(many).loc[IMPROVES, "n"] == 2


def test_what_was_not_trained_keeps_its_row_with_the_reason():
    rng = np.random.default_rng(26)
    table = rule_verdicts(rule_scores(rng, 0.1))
    for model in ("tcn", "transformer"):
        row = table.loc[STABLE.replace("lstm", model)]
        assert (
            row["verdict"] == "undetermined" and f"of the model {model} was trained" in row["not_available"]
        )
    for name in CONTROL_NAMES.values():
        row = table.loc[f"the prior improves the rule tasks over {name}"]
        assert row["not_available"] == "because no network was trained with such a control"
    assert "fixed mask" in table.loc["a fixed mask does as well as the prior", "not_available"]
    alone = rule_verdicts(rule_scores(rng, 0.1, tasks=COMPLEX)).loc[LEADS]
    assert "not both in the grid" in alone["not_available"] and alone["verdict"] == "undetermined"


def test_without_a_prior_the_structure_free_network_is_judged():
    rng = np.random.default_rng(34)
    scores = rule_scores(rng, 0.0)
    table = rule_verdicts(scores[scores["prior"] == "none"], grid=Grid({}, GRID.rule_models))
    assert table.loc["structure-free DigiMus is not inferior to lstm", "verdict"] == "holds"
    row = table.loc["the prior improves the rule tasks over no prior (structure-free)"]
    assert row["not_available"] == "because no network was trained with a prior"


def test_controls_of_a_prior_are_told_by_their_kind():
    grid = Grid(PRIORS, {"digimus": "digimus"}, ("wired", "dealt", "worm"))
    assert controls_of("wired", grid) == {"dealt": "random", "worm": "species"}
    rng = np.random.default_rng(35)
    scores = rule_scores(rng, 0.05)
    wired = scores[scores["prior"] == "wired"]
    others = [wired.assign(prior=name, value=wired["value"] - 0.04) for name in ("dealt", "worm")]
    table = rule_verdicts(pd.concat([scores, *others]), grid=grid)
    for claim in ("a random target (dealt)", "another source's motifs (worm)"):
        row = table.loc[f"prior wired improves the rule tasks over {claim}"]
        assert row["effect"] == pytest.approx(0.04) and row["category"] == "control"
    assert not table.index.str.startswith("DigiMus with prior dealt").any()


def test_a_fixed_mask_is_judged_against_the_prior():
    rng = np.random.default_rng(36)
    scores = rule_scores(rng, 0.05)
    twin = scores[(scores["model"] == "digimus") & (scores["prior"] == "wired")]
    scores = pd.concat([scores, twin.assign(model="masked", prior="none", value=twin["value"] + 0.02)])
    grid = Grid(PRIORS, {"digimus": "digimus"}, ("wired",), masked_models=("masked",))
    row = rule_verdicts(scores, grid=grid).loc["a fixed mask (masked) does as well as prior wired"]
    assert row["effect"] == pytest.approx(0.05) and row["verdict"] == "holds"


def test_claims_are_the_same_for_the_same_seed():
    table = rule_scores(np.random.default_rng(30), 0.05)
    pd.testing.assert_frame_equal(rule_verdicts(table, 1), rule_verdicts(table, 1))


# Decoding


def decoding_table(rng, gain, n_animals=5, n_sessions=3, split="blocked", **change):
    rows = []
    for animal in range(n_animals):
        for session in range(n_sessions):
            level = rng.uniform(0.6, 0.8)
            for seed in range(2):
                for prior in ("wired", "none"):
                    value = level + (gain if prior == "wired" else 0) + rng.normal(0, 0.01)
                    rows.append(
                        dict(benchmark="visual", metric="balanced_accuracy", fold="all", split=split,
                             animal=f"m{animal}", session=f"s{session}", model="digimus",
                             prior=prior, seed=seed, value=value) | change
                    )  # fmt: skip
    return pd.DataFrame(rows)


def decoded(table, grid=GRID):
    return asked(decoding_claims, table, smallest=0.01, grid=grid)


DECODES = "prior wired improves decoding of visual over structure-free"


def test_the_session_is_the_unit_of_decoding():
    rng = np.random.default_rng(27)
    found = decoded(decoding_table(rng, 0.06)).loc[DECODES]
    assert (found["n"], found["unit"], found["verdict"]) == (15, "session", "holds")
    assert "blocked" in found["test"]
    assert "interleaved" in decoded(decoding_table(rng, 0.0, split="interleaved")).loc[DECODES, "test"]


def test_recordings_that_are_not_there_keep_their_rows():
    table = decoded(decoding_table(np.random.default_rng(37), 0.06))
    for kind in ("licking", "auditory"):
        row = table.loc[f"a prior improves decoding of {kind} over structure-free"]
        assert row["verdict"] == "undetermined" and f"named after {kind}" in row["not_available"]
    assert "control" in table.loc["a prior improves decoding over its controls", "not_available"]
    bare = decoded(decoding_table(np.random.default_rng(37), 0.06), Grid({}, {}, datasets={"visual": []}))
    row = bare.loc["a prior improves decoding of visual over structure-free"]
    assert row["not_available"] == "because no prior was trained on this dataset"


def test_a_prior_is_decoded_against_its_controls():
    rng = np.random.default_rng(38)
    table = decoding_table(rng, 0.06)
    wired = table[table["prior"] == "wired"]
    table = pd.concat([table, wired.assign(prior="dealt", value=wired["value"] - 0.03)])
    found = decoded(table, Grid(PRIORS, {}, datasets={"visual": ["wired", "dealt"]}))
    row = found.loc["prior wired improves decoding of visual over control dealt"]
    assert row["effect"] == pytest.approx(0.03) and row["category"] == "control"
    assert "a prior improves decoding over its controls" not in found.index


def test_decoding_keeps_to_blocked_folds_and_to_the_clock():
    rng = np.random.default_rng(39)
    strict = decoding_table(rng, 0.05)
    clock = strict[strict["prior"] == "none"].assign(model="clock", seed=0, value=lambda t: t["value"] - 0.1)
    easy = strict.assign(split="interleaved", value=0.95)
    table = decoded(pd.concat([strict, clock, easy, easy.assign(split="sessions")]))
    above = "decoding of visual by DigiMus with prior wired is above the clock"
    assert table.loc[[DECODES, above], "effect"].tolist() == pytest.approx([0.05, 0.15], abs=0.01)
    assert (table.loc[[DECODES, above], "verdict"] == "holds").all()
    bare = decoded(pd.concat([strict, clock]), Grid({}, {}, datasets={"visual": []}))
    assert "decoding of visual by structure-free DigiMus is above the clock" in bare.index
    assert above not in decoded(strict).index


def test_sessions_of_one_name_in_two_animals_count_twice():
    few = decoding_table(np.random.default_rng(40), 0.05, n_animals=2, n_sessions=2)
    assert decoded(few).loc[DECODES, "n"] == 4


def test_claims_of_continuous_targets_are_about_r2():
    row = decoded(decoding_table(np.random.default_rng(41), 0.05, metric="r2")).loc[DECODES]
    assert row["effect_unit"] == "R²" and row["effect"] == pytest.approx(0.05, abs=0.01)


# What networks learnt


def comparison_rows(effects, n_tasks=8, model="digimus", module=np.nan):
    return pd.DataFrame(
        [
            dict(task=f"t{k}", model=model, prior="wired", module=module, seed=s, target="wired",
                 against=against, role=role, effect=effect + 0.01 * k, not_available="")
            for k in range(n_tasks)
            for s in range(2)
            for (role, against), effect in effects.items()
        ]
    )  # fmt: skip


def test_retention_is_claimed_against_twin_start_and_controls_of_whole_networks():
    effects = {
        ("structure-free", "none"): 0.7,
        ("start", "initial"): 0.4,
        ("control", "dealt"): -0.3,
        ("control", "worm"): 0.2,
    }
    rows = pd.concat(
        [
            comparison_rows(effects),
            comparison_rows({key: 5.0 for key in effects}, model="modular"),
            comparison_rows({key: 5.0 for key in effects}, module="A"),
        ]
    )
    table = asked(retention_claims, rows, smallest=0.1)
    assert table["effect"].tolist() == pytest.approx([0.735, 0.435, -0.265, 0.235])
    assert table["verdict"].tolist() == ["holds", "holds", "does not hold", "holds"]
    assert table["category"].tolist() == ["abstract", "control", "control", "control"]
    assert (table["n"] == 8).all() and "control dealt" in table.index[2]
    assert table["note"].str.contains("trains this distance down").tolist() == [True, True, False, False]


def test_retention_without_rows_says_why():
    absent = comparison_rows({("control", ""): np.nan}).assign(not_available="because there is no control")
    table = asked(retention_claims, absent, smallest=0.1)
    row = table.loc["weights keep the motifs of prior wired beyond a control"]
    assert row["not_available"] == "because there is no control"
    none = asked(retention_claims, absent.iloc[:0], smallest=0.1, grid=Grid({}, {}))
    assert len(none) == 3 and none["not_available"].str.contains("trained with a prior").all()


def test_the_dose_response_compares_its_ends():
    dose = pd.DataFrame(
        [
            dict(task=f"t{k}", prior="wired", weight=weight, seed=s, distance=distance + 0.01 * k)
            for k in range(7)
            for s in range(2)
            for weight, distance in ((0, 1.0), (0.001, 0.2), (1.0, 0.5 - 0.02 * k))
        ]
    )
    row = asked(dose_claims, dose, smallest=0.1).iloc[0]
    assert row["effect"] == pytest.approx(0.5 + 0.02 * 3) and row["verdict"] == "holds"
    assert "only controls tell" in row["note"]
    single = asked(dose_claims, dose[dose["weight"] == 0], smallest=0.1).iloc[0]
    assert "fewer than two weights" in single["not_available"]


def error_rows(rng):
    rows = [
        dict(benchmark="rules", task=f"t{k}", animal="", session="", model="digimus", prior="wired", seed=s,
             error_auroc=0.6 + rng.normal(0, 0.02), auroc_gain=0.05 + rng.normal(0, 0.01), not_available="")
        for k in range(8)
        for s in range(2)
    ]  # fmt: skip
    rows += [
        dict(benchmark="visual", task="visual", animal=f"m{k % 3}", session=f"s{k}", model="recording",
             prior="none", seed="", error_auroc=np.nan, auroc_gain=np.nan, not_available="because no errors")
        for k in range(6)
    ]  # fmt: skip
    rows.append(rows[0] | dict(seed=9, error_auroc=np.nan, auroc_gain=np.nan))
    rows.append(rows[0] | dict(prior="none", error_auroc=0.1))
    return pd.DataFrame(rows)


def test_errors_are_claimed_by_task_and_by_session():
    table = asked(error_claims, error_rows(np.random.default_rng(28)), smallest=0.02)
    own = table[table.index.str.startswith("states foretell")]
    assert own["effect"].tolist() == pytest.approx([0.1, 0.05], abs=0.02) and (own["n"] == 8).all()
    assert own["verdict"].tolist() == ["holds", "holds"]
    recorded = table[table.index.str.startswith("activity in visual")]
    assert (recorded["not_available"] == "because no errors").all() and (recorded["unit"] == "session").all()


def test_pushes_and_teachers_are_claimed():
    rng = np.random.default_rng(42)
    slopes = pd.DataFrame(
        [
            dict(task=f"t{k}", model="digimus", prior="wired", seed=s, kind=kind, epoch=epoch,
                 effect=(0.05 if kind == "error-axis" else 9) + rng.normal(0, 0.01), not_available="")
            for k in range(7)
            for s in range(2)
            for kind in ("error-axis", "module")
            for epoch in ("stimulus", "all")
        ]
    )  # fmt: skip
    row = asked(perturbation_claims, slopes, smallest=0.01).iloc[0]
    assert row["effect"] == pytest.approx(0.05, abs=0.01) and row["verdict"] == "holds" and row["n"] == 7
    students = (
        ("none", "none", 0.5),
        ("wired", "prior", 0.7),
        ("dealt", "control", 0.4),
        ("own", "bound", 0.4),
    )
    scores = pd.DataFrame(
        [
            dict(teacher=f"t{k}", prior=prior, role=role, seed=1, correlation=value + rng.normal(0, 0.01))
            for k in range(8)
            for prior, role, value in students
        ]
    )
    table = asked(teacher_claims, scores, smallest=0.05)
    found = table.set_axis(table.index.str.replace("predicts a teacher's perturbations better than ", ""))
    assert found["verdict"].to_dict() == {
        "prior wired none": "holds",
        "prior wired dealt": "holds",
        "own none": "does not hold",
    }


# Motifs


def motif_tables(rng, spread, differing, n=10):
    """Profiles of regions whose enrichment differs by `spread`, measured with an error of known variance."""
    rows, verdicts = [], []
    for region in range(n):
        for triad in MOTIFS:
            value = rng.normal(0, spread) + rng.normal(0, 0.1)
            rows.append(
                dict(source="s", region=f"r{region}", triad=triad, null="dyad", enrichment=value,
                     enrichment_variance=0.01, small=False, simulated=True)
            )  # fmt: skip
        p = rng.random() * 0.04 if region < differing else rng.uniform(0.06, 1)
        verdicts += [
            dict(region=f"r{region}", null=null, p_profile=p, p_least=0.001, small=False)
            for null in ("distance-mutual", "degree")
        ]
    return pd.DataFrame(rows), pd.DataFrame(verdicts)


def motif_verdicts(profiles, verdicts):
    return asked(motif_claims, profiles, verdicts, smallest=0.5, simulated=False, grid=None)


def test_regions_that_differ_are_told_from_sampling_error():
    rng = np.random.default_rng(29)
    assert motif_verdicts(*motif_tables(rng, 0.5, 10))["verdict"].tolist() == ["holds"] * 3
    same = [motif_verdicts(*motif_tables(rng, 0.0, 0))["verdict"].tolist() for _ in range(20)]
    assert sum(first == "holds" for first, *_ in same) <= 1
    assert all(rest == ["does not hold", "does not hold"] for _, *rest in same)


def test_too_few_null_graphs_deny_nothing():
    profiles, verdicts = motif_tables(np.random.default_rng(30), 0.5, 10)
    few = motif_verdicts(profiles, verdicts.assign(p_profile=0.6, p_least=2 / 21)).iloc[1:]
    assert (few["verdict"] == "undetermined").all() and few["effect"].isna().all() and (few["n"] == 0).all()
    assert set(few["not_available"]) == {"because there are too few null graphs for any p below 0.05"}


def test_shares_have_exact_intervals():
    table = motif_verdicts(*motif_tables(np.random.default_rng(43), 0.0, 10))
    row = table.loc["motifs of s are more than degrees"]
    assert row["effect"] == pytest.approx(0.95)
    assert row["ci_low"] == pytest.approx(0.025 ** (1 / 10) - 0.05) and row["ci_high"] == pytest.approx(0.95)


def test_one_odd_region_does_not_set_the_others_apart():
    rng = np.random.default_rng(32)
    found = []
    for _ in range(20):
        profiles, verdicts = motif_tables(rng, 0.0, 0, n=7)
        odd = (profiles["region"] == "r6") & (profiles["triad"] == "030C")
        profiles.loc[odd, "enrichment"] = -5.0
        first = motif_verdicts(profiles, verdicts).iloc[0]
        found.append(first["verdict"])
        assert first["effect"] >= 1 / 7 - 0.06  # the odd one itself is found
    assert "holds" not in found


def test_regions_with_too_few_neurons_do_not_count():
    rng = np.random.default_rng(31)
    profiles, verdicts = motif_tables(rng, 0.5, 10)
    for table in (profiles, verdicts):
        table.loc[table["region"] > "r4", "small"] = True
    table = motif_verdicts(profiles, verdicts)
    assert (table["n"] == 5).all() and (table["verdict"] == "undetermined").all()


def test_one_region_and_a_null_that_was_not_drawn_are_not_available():
    profiles, verdicts = motif_tables(np.random.default_rng(44), 0.5, 10, n=1)
    table = motif_verdicts(profiles, verdicts[verdicts["null"] == "degree"])
    assert "fewer than two regions" in table["not_available"].iloc[0]
    assert "distance-mutual null" in table.loc["motifs of s are more than geometry", "not_available"]
    assert between_regions(pd.DataFrame({"030T": [1.0]}), pd.DataFrame({"030T": [0.1]})).empty


# All of them


def test_a_run_without_tables_has_a_row_for_every_claim():
    table = every_claim({}, [], FAMILIES, GRID, smallest=SMALLEST, margin=0.03, seed=1)
    assert list(table.columns) == list(COLUMNS) and table["claim"].is_unique
    assert (table["verdict"] == "undetermined").all() and table["effect"].isna().all()
    assert table["not_available"].str.startswith("because ").all() and (table["n"] == 0).all()
    assert set(table["topic"]) >= {"stable performance", "complex decisions", "decoding of recordings",
                                   "retained motifs", "states and errors", "perturbation",
                                   "teacher and student"}  # fmt: skip


def test_all_claims_together_are_whole():
    rng = np.random.default_rng(45)
    grid = Grid(
        PRIORS, GRID.rule_models, ("wired",), datasets={"visual": ["wired"]},
        simulated_priors=frozenset({"wired"}),
    )  # fmt: skip
    tables = dict(
        scores=pd.concat([rule_scores(rng, 0.05), decoding_table(rng, 0.0)]),
        comparisons=comparison_rows({("structure-free", "none"): 0.7}),
        errors=error_rows(rng),
    )
    motifs = [motif_tables(rng, 0.5, 10)]
    table = every_claim(tables, motifs, FAMILIES, grid, smallest=SMALLEST, margin=0.03, seed=1, note="n")
    table = table.set_index("claim")
    assert table.index.is_unique
    assert table.loc[IMPROVES, "note"].startswith("n") and table.loc[STABLE, "simulated"]
    assert table.loc["regions of s differ in their motifs", "verdict"] == "holds"
    known = table["effect"].notna()
    assert (table.loc[known, "not_available"] == "").all()
    assert (table.loc[~known, "not_available"] != "").all()
    assert (table["scale"] > 0).all()
