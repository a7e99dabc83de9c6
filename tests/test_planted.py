"""Planted effects: the verdicts on them are right as often as they should be, and wrong seldom."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from digimus.seeding import stream
from digimus.simulation.planted_runs import claims_from_weights, end_to_end
from digimus.simulation.planted_scores import (
    COLUMNS,
    SIZES,
    SPREAD,
    claims_on_planted,
    error_rates,
    kind_of,
    score_level,
)

N = 12


def most(n, rate):
    """The most times that something of this rate comes in n, but for one chance in 10,000."""
    return int(binom.isf(1e-4, n, rate))


@pytest.fixture(scope="module")
def rates():
    return score_level("default", N, 3)


def test_claims_hold_falsely_no_more_often_than_the_level(rates):
    scores = rates[rates["level"] == "score"]
    assert list(rates.columns) == list(COLUMNS) and (scores["n_without"] == N).all()
    once = scores.drop_duplicates("what")
    assert (once["false_holds"] * N).max() <= most(N, 0.05)
    assert (once["false_holds"] * N).sum() <= most(N * len(once), 0.05)
    tables = rates[rates["level"] == "table"].set_index("what")
    assert tables.loc["any claim of a table without effects", "false_holds"] * N <= most(N, 0.1)


def test_large_effects_hold_and_are_never_denied(rates):
    scores = rates[rates["level"] == "score"].set_index(["what", "multiple"])
    large = scores.xs(5, level="multiple")
    sure = large[~large.index.str.contains("complex decisions")]
    assert (sure["right_with"] * N).min() >= N - most(N, 0.2) and sure["right_with"].mean() > 0.95
    assert (scores["wrong_with"] * N).max() <= most(N, 0.05)
    assert set(large.index) == set(scores.xs(1, level="multiple").index) and len(large) >= 15


def test_every_claim_on_planted_tables_knows_its_effect():
    rng = stream(1, "test")
    counter = iter(range(1, 100))
    table = claims_on_planted(SIZES["large"], lambda: next(counter) % 3, rng, 1)
    assert table["multiple"].isin([0, 1, 2]).all() and table["n"].min() >= 12
    assert kind_of("motifs of s are more than degrees") == "degrees"


def test_rates_count_verdicts():
    sure = dict(claim="c", unit="task", scale=0.01, n=8, effect=0.05, ci_low=0.04, ci90_high=0.06,
                smallest_effect=0.01, p=0.01)  # fmt: skip
    none = sure | dict(effect=0.0, ci_low=-0.004, ci90_high=0.004, p=0.9)
    row = error_rates(pd.DataFrame([sure, sure, none]), pd.DataFrame([none] * 19 + [sure])).iloc[0]
    assert (row["n_with"], row["right_with"], row["wrong_with"]) == (
        3,
        pytest.approx(2 / 3),
        pytest.approx(1 / 3),
    )
    assert row["false_holds"] == 1 / 20 and row["right_without"] == 19 / 20
    assert binom.cdf(1, 20, row["false_holds_limit"]) == pytest.approx(0.05)


def test_planted_weights_are_told_from_random_ones():
    found = {planted: claims_from_weights(planted, 2).iloc[0] for planted in (True, False)}
    assert found[True]["verdict"] == "holds" and found[True]["n"] == 7
    assert found[False]["verdict"] == "does not hold"
    assert "beyond structure-free" in found[True]["claim"]


@pytest.mark.parametrize("planted_in, claims", [("recordings", 3), ("neurons", 3)])
def test_what_is_planted_is_found_end_to_end(planted_in, claims):
    table = end_to_end(planted_in, 1, 4)
    assert (
        len(table) == claims and (table["false_holds"] == 0).all() and (table["level"] == "end to end").all()
    )
    assert (table["n_units"] >= 6).all() and table["right_with"].sum() >= 2
    assert np.isfinite(table["smallest_effect"]).all() and SPREAD["network"] > 0
