"""Tables of reference decoders and of trained cells."""

import numpy as np
import pandas as pd
import pytest

from digimus.analysis.columns import DECODING_TABLES
from digimus.analysis.decoding.decoders import REGRESSIONS
from digimus.analysis.decoding.reference_tables import reference_tables
from digimus.analysis.decoding.tables import cell_tables
from digimus.recordings.splits import available, blocked, interleaved
from digimus.storage import write_arrays
from prepared_sessions import across, following_number, session_of, sharing, spiking


def about_of(sessions):
    return pd.DataFrame(
        [dict(session=s.session_id, animal=s.animal, regions="R:12", n_units=s.n_units) for s in sessions]
    )


def made(sessions, splits=("blocked",), with_across=False, **changes):
    def splits_of(session):
        ways = {
            "blocked": lambda: blocked(session.groups, session.start_s, 4, 1),
            "interleaved": lambda: interleaved(session.groups, session.labels, 4, 0),
        }
        return {name: list(ways[name]()) for name in splits}

    given = dict(
        across=across if with_across else None, benchmark="b", about=about_of(sessions), truth={},
        n_permutations=5, regions=dict(n_units=4, n_draws=2), seed=1, shown=[0, 5],
    )  # fmt: skip
    return reference_tables(sessions, splits_of, **{**given, **changes})


def test_tables_of_references_have_their_columns_and_every_decoder():
    rng = np.random.default_rng(20)
    sessions = sharing(rng, 2, clock_s=rng.random(120), label_kind="events")
    found = made(sessions, ("blocked", "interleaved"), with_across=True, truth={"s0": (0.9, 0.01)})
    assert {name: tuple(table.columns) for name, table in found.items()} == DECODING_TABLES
    whole = found["scores"][found["scores"]["fold"] == "all"]
    names = whole.groupby("split")["model"].unique().map(set).to_dict()
    every = {"logistic", "logistic-history", "boosted", "clock"}
    assert names == {s: every | {"class-rates"} for s in ("blocked", "interleaved")} | {"sessions": every}
    assert {"event_f1", "brier", "information_bits", "bits_per_spike"} <= set(whole["metric"])
    assert whole["value"].notna().all()
    nulls = found["nulls"].set_index(["session", "split", "model", "null"])
    assert nulls.loc[("s0", "blocked", "logistic", "pseudo-session"), "n_permutations"] == 5
    none = nulls.loc[("s0", "sessions", "boosted", "labels")]
    assert none["n_permutations"] == 0 and np.isnan(none["p"]) and none["balanced_accuracy"] > 0.5
    assert nulls.loc["s0", "best_accuracy"].eq(0.9).all() and nulls.loc["s1", "best_accuracy"].isna().all()
    assert (nulls["chance"] == 0.5).all()
    times = found["timecourse"]
    assert times.groupby(["session", "split"]).size().eq(4 * 4).all()
    np.testing.assert_allclose(np.unique(times["test_time_s"]), [0.025, 0.075, 0.125, 0.175])
    decoded = found["decoded"]
    assert set(decoded["session"]) == {"s0"} and len(decoded) == 2 * 4 and set(decoded["class"]) == {"right"}
    np.testing.assert_allclose(decoded["time_s"][:4], [0.05, 0.1, 0.15, 0.2])


def test_references_of_numbers():
    rng = np.random.default_rng(21)
    found = made([following_number(rng), following_number(rng, name="n2")], with_across=True)
    whole = found["scores"][found["scores"]["fold"] == "all"]
    whole = whole.set_index(["session", "split", "model", "metric"])
    assert set(whole.index.get_level_values("model")) == set(REGRESSIONS)
    assert (whole["value"].xs("correlation", level="metric") > 0.4).all()
    nulls = found["nulls"]
    assert set(nulls["metric"]) == {"r2"} and nulls["balanced_accuracy"].isna().all()
    assert (nulls["chance"] == 0).all() and len(found["calibration"]) == 0
    assert set(found["regions"]["metric"]) == {"r2"} and set(found["timecourse"]["metric"]) == {"r2"}
    assert set(found["decoded"]["class"]) == {""}


def test_activity_is_told_from_noise_only_where_it_comes():
    rng = np.random.default_rng(22)
    session = spiking(rng, gain=1.0)  # the label does nothing to the first bin
    times = made([session])["timecourse"].set_index(["train_time_s", "test_time_s"])["value"]
    assert times[0.175, 0.175] > 0.9 and times[0.175, 0.125] > 0.8
    assert abs(times[0.025, 0.025] - 0.5) < 0.15


def test_long_windows_are_generalised_between_stretches():
    rng = np.random.default_rng(23)
    times = made([spiking(rng, n=40, n_bins=50)])["timecourse"]
    assert len(times) == 20 * 20 and times["test_time_s"].min() == pytest.approx(0.075)


def test_regions_are_compared_at_equal_numbers_of_units():
    rng = np.random.default_rng(24)
    regions = np.repeat(["big", "four", "small"], [7, 4, 1])
    found = made([spiking(rng, unit_regions=regions)])["regions"]
    counts = found[found["metric"] == "accuracy"].groupby("region")["draw"].nunique().to_dict()
    assert counts == {"big": 2, "four": 1}
    assert (found["n_units"] == 4).all()
    assert found.set_index("region")["n_available"].to_dict() == {"big": 7, "four": 4}
    values = found[(found["region"] == "big") & (found["metric"] == "accuracy")]["value"]
    assert values.nunique() == 2


def test_a_session_without_others_of_its_classes_is_not_available_across(caplog):
    rng = np.random.default_rng(25)
    odd = spiking(rng, name="odd", classes=("up", "down"))
    with caplog.at_level("WARNING"):
        found = made([*sharing(rng, 2), odd], with_across=True)["scores"]
    assert set(found.loc[found["split"] == "sessions", "session"]) == {"s0", "s1"}
    assert "odd" in caplog.text and "sessions is not available" in caplog.text
    assert "odd" in set(found["session"])


def test_a_session_with_too_few_trials_has_no_folds_and_stops_nothing(caplog):
    rng = np.random.default_rng(27)
    few = spiking(rng, n=3, name="few")

    def some(session):
        return available("sessions", session.session_id, blocked(session.groups, session.start_s, 4, 1))

    def within(session):
        folds = some(session)
        return dict(blocked=folds) if folds else {}

    sessions = [few, *sharing(rng, 2)]
    given = dict(across=some, benchmark="b", about=about_of(sessions), truth={}, n_permutations=2, seed=1)
    given["regions"] = dict(n_units=4, n_draws=1)
    with caplog.at_level("WARNING"):
        found = reference_tables(sessions, within, shown=[0], **given)
    assert "few: the split sessions is not available" in caplog.text
    assert found["scores"].groupby("split")["session"].unique().map(list).to_dict() == {
        "blocked": ["s0", "s1"], "sessions": ["s0", "s1"],
    }  # fmt: skip
    alone = reference_tables([few, sessions[1]], lambda session: {}, **given)
    assert not len(alone["scores"]) and "no other session has trials enough" in caplog.text


def test_what_is_chance_does_not_hang_on_how_often_a_class_comes():
    rng = np.random.default_rng(28)
    labels = (rng.random(200) < 0.2).astype(int)
    found = made([session_of(rng.poisson(1.0, (200, 4, 8)), labels)])
    regions = found["regions"].groupby("metric")[["value", "chance"]].mean()
    assert regions.loc["accuracy", "chance"] == pytest.approx(1 - labels.mean())
    assert regions.loc["balanced_accuracy", "chance"] == 0.5
    assert (regions["value"] < regions["chance"] + 0.07).all()
    assert set(found["timecourse"]["metric"]) == {"balanced_accuracy"}
    assert found["timecourse"]["value"].mean() == pytest.approx(0.5, abs=0.05)


def test_the_same_seed_gives_the_same_tables_and_sessions_do_not_depend_on_each_other():
    rng = np.random.default_rng(26)
    sessions = sharing(rng, 2)
    first, second = made(sessions), made(sessions)
    for name, table in first.items():
        pd.testing.assert_frame_equal(table, second[name])
    alone = made(sessions[1:])["nulls"]
    beside = first["nulls"]
    pd.testing.assert_frame_equal(beside[beside["session"] == "s1"].reset_index(drop=True), alone)


# Trained cells


def a_cell(path, folder, continuous=False):
    """The file of a cell trained to decode two sessions, and the prepared sessions beside it."""
    labels = np.array([0.5, 1.5, 2.5, 0.1]) if continuous else np.array([0, 1, 1, 0])
    classes = [] if continuous else ["no", "yes"]
    arrays = {}
    for name in ("s0", "s1"):
        facts = dict(bin_ms=100.0, window_ms=[-100.0, 100.0], label_kind="column")
        known = {"values": np.zeros((4, 2, 3)), "classes": np.array(classes, "U9")}
        write_arrays(folder / f"{name}.h5", known, units={}, provenance={}, attributes=facts)
        arrays |= {f"{name}/labels": labels, f"{name}/start_s": np.arange(4.0)}
        for seed in (1, 2):
            running = np.full((4, 2, 1 if continuous else 2), 0.5, np.float32)
            running[:, 1] = labels[:, None] if continuous else np.eye(2)[labels]
            if seed == 2 and not continuous:
                running[3, 1] = [0.25, 0.75]
            last = {"predictions": running[:, 1, 0]} if continuous else {"probabilities": running[:, 1]}
            for split in ("blocked", "sessions"):
                own = {"running": running, "fold": np.array([0, 0, 1, 1]), **last}
                arrays |= {f"{name}/seed_{seed}/{split}/{key}": value for key, value in own.items()}
    attributes = dict(benchmark="b", model="digimus", prior="p", seeds=np.array([1, 2]))
    attributes["sessions"] = ["s0", "s1"]
    write_arrays(path, arrays, units={}, provenance={}, attributes=attributes)
    regions = ["M2:3", "M2:2; X:1"]
    return pd.DataFrame(dict(session=["s0", "s1"], animal=["a", "b"], regions=regions, n_units=3))


def test_cells_are_scored_by_session_seed_and_split(tmp_path):
    about = a_cell(tmp_path / "cell.h5", tmp_path)
    found = cell_tables(tmp_path / "cell.h5", about, tmp_path, shown=[3])
    whole = found["scores"][found["scores"]["fold"] == "all"]
    values = whole.set_index(["session", "seed", "split", "metric"])["value"]
    assert values["s0", 1, "sessions", "accuracy"] == 1 and values["s1", 2, "blocked", "accuracy"] == 0.75
    assert set(whole.loc[whole["session"] == "s1", "region"]) == {"M2; X"}
    times = found["timecourse"].set_index(["session", "seed", "split", "test_time_s"])["value"]
    assert times["s0", 1, "blocked", 0.05] == 1 and times["s0", 1, "blocked", -0.05] == 0.5
    assert len(found["calibration"]) == 2 * 2 * 2 * 10
    decoded = found["decoded"]
    assert decoded["time_s"].tolist() == [3.0, 3.1] and set(decoded["split"]) == {"blocked"}
    np.testing.assert_allclose(decoded["probability"], [0.5, (0 + 0.75) / 2])


def test_cells_trained_on_numbers_are_scored(tmp_path):
    about = a_cell(tmp_path / "cell.h5", tmp_path, continuous=True)
    found = cell_tables(tmp_path / "cell.h5", about, tmp_path, shown=[0])
    assert set(found["scores"]["metric"]) == {"r2", "correlation"}
    whole = found["scores"][found["scores"]["fold"] == "all"]
    assert whole["value"].tolist() == pytest.approx([1, 1] * 8)
    assert len(found["calibration"]) == 0 and found["decoded"]["probability"].tolist() == [0.5, 0.5]


def test_a_session_without_any_split_has_no_rows(tmp_path):
    import h5py

    about = a_cell(tmp_path / "cell.h5", tmp_path)
    with h5py.File(tmp_path / "cell.h5", "a") as file:
        for seed in (1, 2):
            del file[f"s0/seed_{seed}"]
    found = cell_tables(tmp_path / "cell.h5", about, tmp_path)
    assert all(set(found[name]["session"]) == {"s1"} for name in ("scores", "timecourse", "calibration"))


def test_a_session_without_a_split_has_no_rows_in_it(tmp_path):
    import h5py

    about = a_cell(tmp_path / "cell.h5", tmp_path)
    with h5py.File(tmp_path / "cell.h5", "a") as file:
        for seed in (1, 2):
            del file[f"s1/seed_{seed}/sessions"]
    found = cell_tables(tmp_path / "cell.h5", about, tmp_path)["scores"]
    assert set(found.loc[found["session"] == "s1", "split"]) == {"blocked"}
