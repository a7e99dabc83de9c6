"""Figures of recordings and of decoding: what they show, of few and of many datasets, models and regions."""

import numpy as np
import pandas as pd
import pytest

from anatomy_tables import assert_drawn, marks, overlapping_texts, texts
from decoding_tables import (
    CELLS,
    MANY_CELLS,
    MANY_REFERENCES,
    decoding_tables,
    sessions_of,
)
from digimus.figures import draw
from digimus.figures.intervals import nested_band
from digimus.figures.recordings import _apart
from digimus.figures.session_time import SessionTime

NAMES = ("recordings", "decoding", "timecourse")
DIRECTIONS = tuple("0 45 90 135 180 225 270 315".split())
REGIONS = ("VISp", "VISl", "CA1", "DG", "LP", "LGd", "MOs", "ACA", "SUB", "root")
SMALL = dict(datasets=["visual"])
MIXED = dict(
    datasets=["licking", "auditory", "running"], continuous=["running"], clock=["licking"],
    traces=["running"], gaps=["auditory", "running"], splits=("blocked", "interleaved", "sessions"),
    references=("logistic", "clock"),
)  # fmt: skip
WIDE = dict(
    datasets=["visual_side", "grating_direction"], classes=DIRECTIONS, regions=REGIONS, n_units=60,
    cells=MANY_CELLS, references=MANY_REFERENCES, splits=("blocked", "sessions"), clock=["visual_side"],
    traces=["grating_direction"], gaps=["grating_direction"], sessions=sessions_of("m", 4, (3, 2)),
)  # fmt: skip


# All of them


@pytest.mark.parametrize("kind", [SMALL, MIXED, WIDE], ids=["small", "mixed", "wide"])
@pytest.mark.parametrize("name", NAMES)
def test_nothing_lies_on_anything_else(name, kind):
    figure, table = draw(name, decoding_tables(**kind), simulated_datasets=kind["datasets"][:1])
    assert overlapping_texts(figure) == ([], [])
    assert len(table) and "not available: no" not in texts(figure)
    (mark,) = marks(figure)
    assert mark.endswith(f"recordings {kind['datasets'][0]}")


@pytest.mark.parametrize(
    ("name", "lost", "gone"),
    [
        ("recordings", "example", True), ("recordings", "decoded", True), ("recordings", "sessions", True),
        ("decoding", "decoding", True), ("decoding", "known_best", False), ("decoding", "nulls", False),
        ("timecourse", "timecourse", True), ("timecourse", "calibration", True),
        ("timecourse", "regions", True), ("timecourse", "regions_compared", False),
    ],
)  # fmt: skip
def test_one_missing_table_leaves_the_rest(name, lost, gone):
    tables = decoding_tables(**SMALL)
    fewer = {path: t.iloc[:0] if path.endswith(f"/{lost}.csv") else t for path, t in tables.items()}
    figure, table = draw(name, fewer)
    assert ("not available" in texts(figure)) == gone
    assert table["not_available"].notna().any() == gone if gone else len(table) > 0
    assert set(table["panel"]) == set("abcd" if name == "timecourse" else "ab")


def test_datasets_beyond_the_alphabet_have_letters():
    tables = decoding_tables([f"d{k}" for k in range(7)], cells=CELLS[:1], n_samples=2, n_units=4)
    _, table = draw("timecourse", tables)
    assert table["panel"].nunique() == 28 and {"a", "z", "A", "B"} <= set(table["panel"])


# Recordings


def panel(figure, table, letter, kind):
    rows = table[(table["panel"] == letter) & (table["kind"] == kind)]
    assert len(rows)
    return rows


def test_the_example_shows_spikes_events_samples_and_probabilities_at_their_times():
    tables = decoding_tables(["licking"], clock=["licking"], references=("logistic", "clock"))
    figure, table = draw("recordings", tables)
    example = tables["x/recordings/licking/example.csv"]
    spikes = panel(figure, table, "a", "spike")
    assert_drawn(figure, spikes["place"])
    # Trials touch, so places are seconds from the first.
    first = example.loc[example["kind"] == "trial", "time_s"].min()
    np.testing.assert_allclose(spikes["place"], spikes["time_s"] - first)
    assert len(spikes) == (example["kind"] == "spike").sum()
    assert_drawn(figure, panel(figure, table, "a", "event")["place"])
    decoded = panel(figure, table, "a", "decoded")
    assert_drawn(figure, decoded["probability"])
    assert set(decoded["model"]) == {"digimus", "lstm", "logistic"} and "p(right)" in texts(figure)
    rows = spikes.drop_duplicates("name").sort_values("row")
    assert rows["region"].is_monotonic_increasing
    assert {"licks", "rewards", "left", "right", "V1", "V2"} <= set(texts(figure).split())


def test_time_between_trials_is_cut_out_and_marked():
    tables = decoding_tables(["auditory"], gaps=["auditory"], n_samples=4)
    figure, table = draw("recordings", tables)
    spikes = panel(figure, table, "a", "spike")
    samples = panel(figure, table, "a", "sample")
    example = tables["x/recordings/auditory/example.csv"]
    trials = example[example["kind"] == "trial"]
    kept = [
        ((trials["time_s"] <= t) & (t <= trials["stop_s"])).any()
        for t in example.loc[example["kind"] == "spike", "time_s"]
    ]
    assert len(spikes) == sum(kept) < len(kept)
    step = np.diff(samples["place"])
    # A trial lasts 0.5 s and a gap takes a quarter of that, whatever its length.
    np.testing.assert_allclose(step, 0.5 + 0.125)
    below = next(axes for axes in figure.axes if axes.get_xlabel().startswith("time in the session"))
    assert "left out" in below.get_xlabel()
    assert [t.get_text() for t in below.get_xticklabels()] == ["100", "102", "104", "106"]


def test_the_time_axis_maps_both_ways_and_leaves_gaps_out():
    samples = pd.DataFrame(dict(time_s=[1.0, 1.5, 10.0], stop_s=[1.4, 2.0, 11.0]))
    time = SessionTime(samples, samples.iloc[:0])
    assert time.starts.tolist() == [1.0, 1.5, 10.0] or time.starts.tolist() == [1.0, 10.0]
    places = time([1.0, 1.9, 2.5, 10.0, 11.0])
    assert np.isnan(places[2]) and places[0] == 0 and np.all(np.diff(places[[0, 1, 3, 4]]) > 0)
    assert places[4] - places[3] == pytest.approx(1) and places[4] == time.end
    touching = SessionTime(pd.DataFrame(dict(time_s=[1.0, 2.0], stop_s=[2.0, 3.0])), samples.iloc[:0])
    assert touching.starts.tolist() == [1.0] and touching.end == 2


def test_of_many_classes_the_probability_of_the_true_one_is_drawn():
    tables = decoding_tables(["grating"], classes=DIRECTIONS, traces=["grating"], gaps=["grating"])
    figure, table = draw("recordings", tables)
    example = tables["x/recordings/grating/example.csv"]
    truth = example[example["kind"] == "sample"].set_index("sample")["name"]
    decoded = panel(figure, table, "a", "decoded")
    assert (decoded["class"] == decoded["sample"].map(truth)).all() and "p(true class)" in texts(figure)
    n_bins, n_cells = 8, 4
    assert len(decoded) == 10 * n_bins * n_cells


def test_a_target_that_is_a_number_is_drawn_beside_its_predictions():
    tables = decoding_tables(["running"], continuous=["running"], traces=["running"])
    figure, table = draw("recordings", tables)
    samples = panel(figure, table, "a", "sample")
    assert_drawn(figure, samples["value"])
    assert "prediction" in texts(figure) and "p(" not in texts(figure)


def test_sessions_used_and_set_aside_are_counted():
    tables = decoding_tables(["visual"], sessions=sessions_of("m", 2, (3, 1)))
    figure, table = draw("recordings", tables)
    words = texts(figure)
    assert "4 sessions, 2 animals" in words and "1 set aside: There are no" in words
    assert "4 units left out" in words and "8 trials dropped" in words
    units = panel(figure, table, "b", "units")
    assert len(units) == 8 and units["n_units"].eq(6).all()


def test_labels_of_regions_keep_their_distance():
    apart = _apart([0.0, 0.1, 0.2, 9.0], 1.0, -0.5, 9.5)
    assert np.all(np.diff(apart) >= 1 - 1e-9) and apart[0] == 0 and apart[-1] == 9
    crowded = _apart([8.8, 8.9, 9.0], 1.0, -0.5, 9.5)
    assert np.all(np.diff(crowded) >= 1 - 1e-9) and crowded[-1] <= 9


# Decoding


def test_decoding_pairs_sessions_and_keeps_the_nulls_and_the_best():
    tables = decoding_tables(**SMALL)
    figure, table = draw("decoding", tables)
    assert_drawn(figure, table["value"])
    assert_drawn(figure, table["low"].dropna())
    gains = table[(table["mark"] == "difference") & (table["against_prior"] == "none")]
    gains = gains[gains["against_model"] == "digimus"].set_index("session")["value"]
    scores = tables["x/evaluation/scores.csv"]
    means = scores[scores["model"] == "digimus"].pivot_table(index="session", columns="prior", values="value")
    np.testing.assert_allclose(gains, (means["A"] - means["none"]).loc[gains.index])
    assert set(table["mark"]) >= {"chance", "best possible", "95 % of the null", "mean", "best decoder"}
    assert set(table["null"].dropna()) == {"labels", "pseudo-session"}
    words = texts(figure).replace("\n", " ")
    assert "3 sessions, 2 animals" in words and "chosen on the other sessions" in words


def test_effects_have_their_interval_bound_and_verdict():
    tables = decoding_tables(["visual"], cells=MANY_CELLS, references=MANY_REFERENCES)
    comparisons = tables["x/evaluation/decoding.csv"]
    figure, table = draw("decoding", tables)
    shown = table[table["mark"] == "difference of means"]
    assert_drawn(figure, shown[["effect", "ci_low", "ci_high", "ci90_low", "ci90_high"]].to_numpy().ravel())
    assert list(dict.fromkeys(shown["role"])) == ["prior", "control", "baseline", "reference"]
    # All priors and controls; the rest of the network with the first prior alone, and no null.
    assert (shown["prior"] == "A").all() and len(shown) == 1 + 2 + 5 + 3
    (axes,) = [axes for axes in figure.axes if axes.get_title(loc="left") == "paired differences"]
    words = [text.get_text() for text in axes.texts]
    for verdict, n in zip(shown["verdict"], shown["n_sessions"].astype(int), strict=True):
        assert f"{n}  {verdict}" in words
    ends = [patch.get_x() for patch in axes.patches], [p.get_x() + p.get_width() for p in axes.patches]
    assert ends[0] == [-0.02] and ends[1] == [pytest.approx(0.02)]
    assert len(comparisons) > len(shown)


def test_without_a_prior_the_structure_free_network_is_compared():
    cells = [cell for cell in CELLS if cell[1] == "none"]
    _, table = draw("decoding", decoding_tables(["visual"], cells=cells))
    shown = table[table["mark"] == "difference of means"]
    assert set(shown["prior"]) == {"none"} and set(shown["role"]) == {"baseline", "reference"}


def test_numbers_as_targets_have_r2_and_an_axis_of_their_own():
    tables = decoding_tables(["visual", "running"], continuous=["running"])
    figure, table = draw("decoding", tables)
    labels = [axes.get_xlabel().split(" (")[0] for axes in figure.axes]
    assert "R²" in labels and "balanced accuracy" in labels and "difference in R²" in labels
    assert table.loc[(table["dataset"] == "running") & (table["mark"] == "chance"), "value"].eq(0).all()
    assert not ((table["dataset"] == "running") & (table["mark"] == "best possible")).any()


def test_splits_stand_side_by_side():
    tables = decoding_tables(["visual"], splits=("blocked", "interleaved", "sessions"))
    figure, table = draw("decoding", tables)
    shown = table[table["mark"] == "mean by split"]
    assert len(shown) == 4 * 3 and set(table["panel"]) == set("abc")
    assert_drawn(figure, shown[["value", "low", "high"]].to_numpy().ravel())
    scores = tables["x/evaluation/scores.csv"]
    one = scores[(scores["split"] == "sessions") & (scores["model"] == "lstm")]
    by_animal = one.groupby(["animal", "session"])["value"].mean().groupby("animal").mean()
    value = shown[(shown["split"] == "sessions") & (shown["model"] == "lstm")]["value"].item()
    assert value == pytest.approx(by_animal.mean())


# Over time


def test_courses_are_means_over_sessions_with_a_band():
    tables = decoding_tables(**SMALL)
    figure, table = draw("timecourse", tables)
    shown = table[table["panel"] == "a"]
    assert_drawn(figure, shown["value"])
    assert set(shown["model"]) == {"digimus", "lstm", "logistic"} and shown["low"].notna().all()
    raw = tables["x/evaluation/timecourse.csv"]
    one = raw[(raw["model"] == "logistic") & (raw["train_time_s"] == raw["test_time_s"])]
    means = one.groupby(["animal", "test_time_s"])["value"].mean().groupby("test_time_s").mean()
    found = shown[shown["model"] == "logistic"].set_index("time_s")["value"]
    np.testing.assert_allclose(found, means)
    many = decoding_tables(["visual"], cells=MANY_CELLS)
    _, table = draw("timecourse", many)
    banded = table[(table["panel"] == "a") & table["low"].notna()]
    assert set(banded["model"]) == {"digimus"}


def test_generalisation_shows_every_pair_of_bins_the_right_way_round():
    tables = decoding_tables(**SMALL)
    course = tables["x/evaluation/timecourse.csv"]
    late = (course["train_time_s"] > 0.2) & (course["test_time_s"] < 0.2)
    course["value"] = np.where(late, 0.9, 0.6)
    figure, table = draw("timecourse", tables)
    shown = table[table["panel"] == "b"]
    assert len(shown) == 64 and set(shown["n_sessions"]) == {3}
    (image,) = [image for axes in figure.axes for image in axes.images if image.get_array().shape == (8, 8)]
    # The origin is below: rows are trained at, columns tested at.
    assert image.origin == "lower"
    np.testing.assert_allclose(image.get_array()[4:, :4], 0.9)
    np.testing.assert_allclose(image.get_array()[:4, :], 0.6)


def test_calibration_pools_samples_and_drops_empty_bins():
    tables = decoding_tables(**SMALL)
    figure, table = draw("timecourse", tables)
    shown = table[table["panel"] == "c"]
    assert_drawn(figure, shown["value"])
    assert shown["bin"].min() == 5 and len(shown) == 5 * 4
    raw = tables["x/evaluation/calibration.csv"]
    one = raw[(raw["model"] == "lstm") & (raw["bin"] == 7) & (raw["n"] > 0)]
    value = shown[(shown["model"] == "lstm") & (shown["bin"] == 7)]["value"].item()
    assert value == pytest.approx((one["n"] * one["frequency"]).sum() / one["n"].sum())
    tables = decoding_tables(["running"], continuous=["running"])
    assert "no probabilities" in texts(draw("timecourse", tables)[0]).replace("\n", " ")


def test_regions_are_joined_by_session_and_compared_in_words():
    tables = decoding_tables(["licking"], regions=("M2", "VLS", "SNr"))
    figure, table = draw("timecourse", tables)
    shown = table[(table["panel"] == "d") & (table["mark"] == "session")]
    assert_drawn(figure, shown["value"])
    assert len(shown) == 9 and set(shown["n_units"]) == {4} and "regions, 4 units each" in texts(figure)
    words = texts(figure).replace("\n", " ")
    assert "above chance: 2 of 3 (1 open) pairs that differ: 0 of 3 (3 open)" in words
    compared = tables["x/evaluation/regions_compared.csv"]
    compared.loc[0, ["verdict", "effect"]] = "better", 0.1
    assert compared.loc[0, "region"] == "M2" and compared.loc[0, "against_region"] == "VLS"
    words = texts(draw("timecourse", tables)[0]).replace("\n", " ")
    assert "pairs that differ: 1 of 3 (2 open), as M2 > VLS" in words
    tables = decoding_tables(["visual"], regions=("VISp",))
    assert "one region alone" in texts(draw("timecourse", tables)[0])


def test_bands_weigh_animals_equally_and_need_two_sessions():
    index = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "z")], names=["animal", "session"])
    wide = pd.DataFrame({0.1: [0.0, 1.0, 0.0], 0.2: [1.0, 1.0, 1.0]}, index=index)
    mean, low, high = nested_band(wide, np.random.default_rng(0))
    assert mean.tolist() == [0.25, 1] and low.tolist() == [0, 1] and 0.5 <= high[0] <= 1 == high[1]
    mean, low, high = nested_band(wide.head(1), np.random.default_rng(0))
    assert mean.tolist() == [0, 1] and np.isnan([low, high]).all()
    mean, *_ = nested_band(wide.iloc[:0], np.random.default_rng(0))
    assert np.isnan(mean).all()
