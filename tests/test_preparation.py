"""From sessions to prepared arrays: labels, trials that are not as they should be, units, many files."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from digimus.errors import InputError
from digimus.recordings import (
    Label,
    Preparation,
    Session,
    Traces,
    prepare,
    prepare_files,
    read_prepared,
    recorded_files,
    samples,
    write_prepared,
)
from digimus.recordings import datasets as many
from digimus.recordings.example import EXAMPLE_COLUMNS, example
from digimus.recordings.preparation import prepare_with_units

DAY = datetime(2024, 1, 1, tzinfo=UTC)


def trials(n=20, **columns):
    """Trials of 0.8 s, a second apart from 1 s on, sides in turn."""
    start = np.arange(n) + 1.0
    plain = {"start_time": start, "stop_time": start + 0.8, "side": np.resize(["left", "right"], n)}
    return pd.DataFrame(plain | {name: np.resize(values, n) for name, values in columns.items()})


def session(table=None, *, spikes=None, regions=("VISp", "VISp", "MOs"), traces=None, **fields):
    """A session of three units that fire every 10 ms for 22 s, unless something else is asked for."""
    if traces is None and spikes is None:
        spikes = [np.arange(0.005 + 0.001 * unit, 22, 0.01) for unit in range(len(regions))]
    ends = [edge for unit in spikes or () if len(unit) for edge in (unit[0], unit[-1])]
    given = {
        "path": Path("memory.nwb"), "session_id": "one", "animal": "m1", "start_time": DAY,
        "regions": np.array(regions, object), "trials": trials() if table is None else table, "events": {},
        "spike_times": spikes, "traces": traces, "signal": "spikes" if traces is None else "fluorescence",
        "signals": ("spikes",) if traces is None else ("fluorescence",), "simulated": False,
        "unit_ids": np.array([f"u{unit}" for unit in range(len(regions))], object),
        "span_s": (min(ends), max(ends)) if ends else None,
    }  # fmt: skip
    return Session(**(given | fields))


def settings(**changes):
    return Preparation(**({"label": {"column": "side"}, "window_ms": (0, 400), "bin_ms": 100} | changes))


def refusal(function, *arguments):
    """The error that a bad session gives, which names the file and the field."""
    with pytest.raises(InputError) as caught:
        function(*arguments)
    error = caught.value
    assert "memory.nwb, " in error.where and error.expected and error.got and error.hint
    return error


# Labels


def test_a_number_is_predicted_as_it_is_and_missing_ones_are_dropped():
    table = trials(a=np.arange(20) / 4, b=[1.0])
    table.loc[3, "a"] = np.nan
    found = prepare(session(table), settings(label={"column": "a", "minus": "b", "rule": "number"}))
    assert found.continuous and found.classes == [] and found.labels.dtype == np.float64
    np.testing.assert_array_equal(found.labels, np.delete(np.arange(20) / 4 - 1, 3))
    assert found.label_kind == "column" and found.n_trials_dropped == 1


def test_a_series_is_averaged_over_the_window_and_dropped_where_it_does_not_reach():
    times = np.arange(0, 15.5, 0.05)
    speed = {"speed": (times, times**2)}
    chosen = settings(label={"series": "speed", "window_ms": (0, 500)})
    found = prepare(session(series=speed), chosen)
    inside = (times >= 3) & (times < 3.5)
    assert found.labels[2] == pytest.approx((times[inside] ** 2).mean(), rel=1e-6)
    assert found.continuous and found.label_kind == "series"
    assert found.n_samples == 15 and found.dropped == {"window not covered by speed": 5}
    above = settings(label={"series": "speed", "rule": "above", "threshold": 100})
    found = prepare(session(series=speed), above)
    assert found.labels.tolist() == [0] * 9 + [1] * 6 and found.classes == ["speed <= 100", "speed > 100"]
    assert (
        "Did you mean 'speed'"
        in refusal(prepare, session(series=speed), settings(label={"series": "sped"})).hint
    )


def test_values_may_be_grouped_into_classes():
    table = trials(tone=[4000, 5600, 11300, 16000, 8000])
    label = {"column": "tone", "values": {"low": [4000, 5600], "high": (11300.0, "16000")}}
    found = prepare(session(table), settings(label=label))
    assert found.classes == ["low", "high"] and found.labels.tolist() == [0, 0, 1, 1] * 4
    assert found.dropped == {"label missing or not among the values": 4}
    one_each = settings(
        label={
            "column": "tone",
            "values": {"low": 4000, "high": 16000},
        },
        min_trials_per_class=2,
    )
    assert prepare(session(table), one_each).n_samples == 8


def test_large_numbers_keep_their_classes_apart():
    found = prepare(session(trials(image=[1234567.0, 1234568.0])), settings(label={"column": "image"}))
    assert found.classes == ["1234567", "1234568"] and found.labels.tolist() == [0, 1] * 10


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ({}, "none of them"),
        ({"column": "a", "series": "b"}, "column and series"),
        ({"series": "a", "rule": "value"}, "a series is averaged"),
        ({"series": "a", "minus": "b"}, "label.minus"),
        ({"column": "a", "rule": "sign", "values": ["x", "y"]}, "label.values"),
        ({"column": "a", "values": {"low": [1, 2]}}, "two classes or more"),
        ({"column": "a", "values": {"low": [1, 2], "high": [2.0, 3]}}, "every value in one class"),
    ],
)
def test_labels_that_cannot_be_are_refused(label, message):
    with pytest.raises(InputError, match=message):
        Label.from_config(label)


# Trials that are not as they should be


def test_single_bad_trials_are_dropped_and_counted_and_the_others_put_in_order():
    table = trials(30)
    table.loc[4, "start_time"] = np.nan
    table.loc[7, "stop_time"] = table.loc[7, "start_time"]
    table.loc[9, "stop_time"] = np.nan  # is no reason
    table.loc[[11, 12]] = table.loc[[12, 11]].to_numpy()
    table = pd.concat([table, table.loc[[20]]], ignore_index=True)
    table.loc[14, "stop_time"] += 0.3  # the next one starts before
    found = samples(session(table), settings())
    assert found.dropped == {
        "row repeated": 1, "start_time is not a number": 1, "stop_time is not after start_time": 1,
        "starts before the trial before it ends": 1,
    }  # fmt: skip
    assert (np.diff(found.start_s) > 0).all() and len(found.start_s) == 27
    assert not {4, 7, 15, 30} & set(found.groups.tolist()) and 9 in found.groups
    np.testing.assert_array_equal(table.loc[found.groups, "start_time"], found.start_s)


@pytest.mark.parametrize(
    ("changes", "what", "field"),
    [
        ({"start_time": np.nan}, "No trial has a start time", "intervals/trials/start_time"),
        ({"stop_time": 0.5}, "All trials are empty", "intervals/trials/stop_time"),
        ({"stop_time": 40.0}, "Trials overlap in time", "intervals/trials/stop_time"),
        ({"side": "left"}, "one class only", "label side"),
    ],
)
def test_sessions_whose_trials_are_all_bad_are_refused(changes, what, field):
    error = refusal(prepare, session(trials().assign(**changes)), settings())
    assert what in error.what and field in error.where


def test_a_class_that_no_trial_has_is_named_beside_the_values_that_there_are():
    label = {"column": "side", "values": ["left", "rihgt"]}
    error = refusal(prepare, session(), settings(label=label))
    assert "'rihgt'" in error.what and error.got == "left, right" and "'right'" in error.hint
    flags = session(trials(hit=[True, False]))
    error = refusal(prepare, flags, settings(label={"column": "hit", "values": [0, 1]}))
    assert error.where.endswith("intervals/trials/hit") and error.got == "True, False"


def test_a_session_without_any_spike_is_refused():
    silent = [np.empty(0)] * 3
    assert "no spikes" in refusal(prepare, session(spikes=silent), settings()).what
    assert prepare(session(spikes=[np.arange(0, 22, 0.01), *silent[1:]]), settings()).n_units == 3


def test_overlapping_trials_name_their_number_and_touching_ones_pass():
    touching = trials()
    touching["stop_time"] = touching["start_time"] + 1.0005
    assert prepare(session(touching), settings()).n_samples == 20
    touching.loc[:3, "stop_time"] += 0.2
    assert "4 of 20 trials" in refusal(samples, session(touching), settings()).got


def test_windows_of_different_trials_never_overlap():
    longer = settings(window_ms=(-500, 700))
    error = refusal(samples, session(), longer)
    assert "window_ms" in error.where and "10 of 20" in error.got
    table = trials()
    table.loc[5:, ["start_time", "stop_time"]] -= 0.15  # one pair alone is too near
    found = samples(session(table), settings(window_ms=(-450, 500), bin_ms=50))
    assert found.dropped == {"window overlaps one of an earlier trial": 1} and 5 not in found.groups
    begin, end = found.start_s - 0.45, found.start_s + 0.5
    assert (begin[1:] >= end[:-1]).all()


def test_windows_end_with_their_trial_and_with_the_next_one():
    table = pd.DataFrame({"start_time": [1.0, 6.0, 11.0], "stop_time": [5.1, 11.0005, 1e12]})
    licks = {"lick": np.array([1.5, 3.5, 7.5, 9.5])}
    cut = {"split_windows_ms": 1000, "window_ms": None, "min_trials_per_class": 1}
    found = samples(session(table, events=licks), settings(label={"events": "lick"}, **cut))
    assert found.start_s.tolist() == [1, 2, 3, 4, 6, 7, 8, 9, 10]
    assert found.dropped == {"no stop_time, or not 1 to 100000 windows long": 1}


def test_trials_beyond_the_recording_are_dropped_and_none_left_is_refused():
    short = [np.arange(0.005, 12, 0.01)] * 3
    found = prepare(session(spikes=short), settings())
    assert found.dropped == {"window beyond the recording": 9} and found.start_s.max() == 11.0
    late = trials().assign(start_time=trials()["start_time"] + 500, stop_time=np.nan)
    error = refusal(prepare, session(late), settings())
    assert "beyond the recording" in error.what and "0.005 to" in error.expected and "501" in error.got
    sparse = [np.array([0.9, 4.0, 9.0, 19.5])]  # silence at the end is no end of the recording
    assert prepare(session(spikes=sparse, regions=("VISp",)), settings()).n_samples == 20


def test_a_class_needs_two_trials_even_if_one_sample_would_do():
    table = trials().assign(side=["left"] * 19 + ["right"])
    one = settings(min_trials_per_class=1)
    assert "at least 2 trials" in refusal(samples, session(table), one).expected
    table = pd.DataFrame({"start_time": [1.0, 6.0, 11.0], "stop_time": [5.0, 10.0, 15.0]})
    cut = settings(label={"events": "lick"}, split_windows_ms=400, min_trials_per_class=1)
    licks = {"lick": np.array([1.1, 1.5, 2.3])}  # three windows of one trial
    error = refusal(samples, session(table, events=licks), cut)
    assert "too few trials" in error.what and "1 for lick" in error.got
    number = settings(label={"column": "x", "rule": "number"})
    assert "one value only" in refusal(samples, session(trials(x=[3.0])), number).what
    few = trials(x=np.arange(20.0)).head(9)
    assert "2 x min_trials_per_class = 10" in refusal(samples, session(few), number).expected


# Units and when they were observed


def test_units_count_only_while_they_were_observed():
    intervals = [np.array([[0.0, 100.0]]), np.array([[0.0, 10.1], [10.1, 15.2]]), np.array([[0.0, 7.0]])]
    found, units = prepare_with_units(session(obs_intervals=intervals), settings())
    assert found.unit_ids.tolist() == ["u0", "u1"] and found.region_names == ["VISp"]
    assert units["reason"].tolist() == ["", "", "observed during under half of the samples"]
    assert found.observed[:, 0].all() and found.observed[:, 1].tolist() == [True] * 14 + [False] * 6
    assert (found.values[14:, :, 1] == 0).all() and (found.values[:14, :, 1] > 0).all()
    assert (found.values[:, :, 0] > 0).all() and found.dropped == {}


def test_region_masks_follow_the_units_and_samples_without_any_are_dropped():
    intervals = [np.array([[0.0, 18.1]])] * 2 + [np.array([[5.5, 16.0]])]
    found = prepare(session(obs_intervals=intervals), settings())
    assert found.region_names == ["MOs", "VISp"] and found.n_samples == 17
    assert found.dropped == {"no unit observed during the window": 3}
    np.testing.assert_array_equal(found.region_mask[:, 0], (found.start_s > 5.5) & (found.start_s < 15.7))
    assert found.region_mask[:, 1].all()


def test_cells_with_missing_frames_do_not_cost_the_others():
    times = np.arange(0, 22, 0.05)
    values = np.stack([times, 2 * times, 3 * times], axis=1)
    values[(times > 12) & (times < 16), 2] = np.nan
    found = prepare(session(traces=Traces(times, values)), settings())
    assert found.n_samples == 20 and np.isfinite(found.values).all()
    lost = (found.start_s >= 12) & (found.start_s < 16)
    np.testing.assert_array_equal(found.observed[:, 2], ~lost)
    assert found.observed[:, :2].all() and (found.values[lost][:, :, :2] > 0).all()


def test_units_are_left_out_by_region_and_quality_with_the_reason():
    columns = pd.DataFrame({"quality": ["good", "mua", "good"], "depth": [1.0, 2.0, 3.0]})
    one = session(units=columns)
    filters = {"quality": {"values": ["good"]}, "rate_hz": {"min": 1}}
    found, units = prepare_with_units(one, settings(unit_filters=filters, regions=("VISp",)))
    assert found.unit_ids.tolist() == ["u0"] and units["kept"].tolist() == [True, False, False]
    assert units["reason"].tolist() == ["", "quality not among ['good']", "region not among those wanted"]
    error = refusal(prepare, one, settings(unit_filters={"depth": {"min": 9}}))
    assert "depth not >= 9: 3" in error.got
    assert "Did you mean 'depth'" in refusal(prepare, one, settings(unit_filters={"deph": {"min": 1}})).hint


def test_the_window_before_is_the_one_that_ends_where_this_one_begins():
    table = pd.DataFrame({"start_time": [1.0, 6.0], "stop_time": [3.0, 8.0]})
    licks = {"lick": np.array([1.1, 1.9, 6.1, 7.7]), "reward": np.array([1.3])}
    cut = settings(label={"events": "lick"}, split_windows_ms=400, min_trials_per_class=1)
    found = prepare(session(table, events=licks), cut)
    assert found.previous.tolist() == [-1, 0, 1, 2, 3, -1, 5, 6, 7, 8] and found.label_kind == "events"
    dropped_first = Preparation(**{**cut.__dict__, "clock_events": "reward"})
    found = prepare(session(table, events=licks), dropped_first)
    assert found.start_s[0] == pytest.approx(1.4) and found.previous[:4].tolist() == [-1, 0, 1, 2]
    apart = Preparation(**{**cut.__dict__, "window_ms": (0, 200)})
    assert (prepare(session(table, events=licks), apart).previous == -1).all()


def test_all_that_decoders_read_is_in_the_file(tmp_path):
    intervals = [np.array([[0.0, 100.0]]), np.array([[0.0, 15.2]]), np.array([[0.0, 100.0]])]
    one = session(trials(x=np.arange(20.0)), obs_intervals=intervals)
    found = prepare(one, settings(label={"column": "x", "rule": "number"}))
    write_prepared(tmp_path / "one.h5", found, {"seed": 1})
    again = read_prepared(tmp_path / "one.h5")
    assert again.continuous and again.labels.dtype == np.float64
    assert again.unit_ids.tolist() == ["u0", "u1", "u2"] and again.start_time == DAY.isoformat()
    np.testing.assert_array_equal(again.observed, found.observed)
    np.testing.assert_allclose(again.time_s, [0.05, 0.15, 0.25, 0.35])
    with h5py.File(tmp_path / "one.h5") as file:
        assert file["time_s"].attrs["unit"] == "s"
        np.testing.assert_array_equal(file["region_mask"][:], found.region_mask)
        assert file["region_names"].asstr()[:].tolist() == ["MOs", "VISp"]


# Many files


@pytest.fixture
def folder(monkeypatch):
    """Put sessions in the place of files: ``folder({"a.nwb": session})`` gives their paths."""
    held = {}

    def put(named):
        held.update(named)
        return list(named)

    def read(path, **_):
        if isinstance(held[path.name], InputError):
            raise held[path.name]
        return held[path.name]

    monkeypatch.setattr(many, "read_session", read)
    return put


def other(number, **fields):
    """Another animal's session."""
    return session(animal=f"m{number}", **fields)


def test_sessions_get_names_of_their_own_that_can_be_files(folder, tmp_path):
    paths = folder(
        {"a.nwb": other(1, session_id="day 1/probe"), "b.nwb": other(2, session_id="day 1/probe"),
         "c.nwb": other(2, session_id="day 1/probe", start_time=datetime(2024, 1, 2, tzinfo=UTC))}
    )  # fmt: skip
    found = prepare_files(
        paths, settings(), write=lambda one: write_prepared(tmp_path / f"{one.session_id}.h5", one, {})
    )
    names = found.sessions["session"].tolist()
    assert names == ["day_1_probe", "m2_day_1_probe", "m2_day_1_probe_c"]
    assert found.prepared == [] and sorted(path.stem for path in tmp_path.iterdir()) == sorted(names)
    assert [read_prepared(tmp_path / f"{name}.h5").animal for name in names] == ["m1", "m2", "m2"]


def test_tables_tell_of_every_file_and_unit(folder):
    lacking = trials()
    lacking.loc[2, "start_time"] = np.nan
    bad = InputError("It is broken.", where="x", expected="a", got="b", hint="c")
    paths = folder(
        {"a.nwb": other(1, table=lacking), "b.nwb": bad, "c.nwb": other(3, regions=("VISp", "SC"))}
    )
    found = prepare_files(paths, settings(regions=("VISp",)), dataset="mine")
    table = found.sessions
    assert table["status"].tolist() == ["used", "set aside", "used"] and "It is broken" in table["reason"][1]
    assert table["n_units_left_out"].tolist() == [1, 0, 1] and table["n_trials_dropped"].tolist() == [1, 0, 0]
    assert (
        table["dropped"][0] == "start_time is not a number: 1" and table["start_time"][0] == DAY.isoformat()
    )
    assert list(found.units) == ["session", "animal", "unit", "region", "kept", "reason"]
    assert len(found.units) == 5 and found.units["kept"].sum() == 3
    assert set(found.example["dataset"]) == {"mine"} and set(found.example["session"]) == {"one"}


def test_the_table_of_sessions_changes_wherever_one_is_prepared_otherwise(folder):
    paths = folder({"a.nwb": other(1)})
    first, same = (prepare_files(paths, settings()) for _ in range(2))
    pd.testing.assert_frame_equal(first.sessions, same.sessions)
    coarse = prepare_files(paths, settings(bin_ms=settings().bin_ms / 2)).sessions
    counts = ["n_units", "n_samples", "n_trials_dropped"]
    assert (coarse[counts] == first.sessions[counts]).all(axis=None)
    assert coarse["digest"][0] != first.sessions["digest"][0]
    prepared = first.prepared[0]
    later = replace(prepared, start_s=prepared.start_s + 1)
    assert prepared.digest == replace(prepared).digest != later.digest


def test_a_region_of_no_session_is_refused_and_one_that_some_lack_is_not(folder):
    paths = folder({"a.nwb": other(1), "b.nwb": other(2, regions=("MOs",))})
    assert len(prepare_files(paths, settings(regions=("VISp", "MOs"))).prepared) == 2
    with pytest.raises(InputError, match="Did you mean 'MOs'"):
        prepare_files(paths, settings(regions=("VISp", "MOp")))


def test_a_slip_that_no_recording_survives_is_named_with_what_was_perhaps_meant(folder):
    paths = folder({"a.nwb": other(1), "b.nwb": other(2)})
    for wrong, meant in (
        (dict(regions=("VISq",)), "VISp"),
        (dict(label=Label(column="sied")), "side"),
    ):
        with pytest.raises(InputError, match="No recording can be used") as caught:
            prepare_files(paths, settings(**wrong))
        assert f"Did you mean '{meant}'?" in caught.value.got
    table = prepare_files(
        [*paths, *folder({"c.nwb": other(3, regions=("MOs",))})], settings(regions=("VISp",)), max_bad_share=1
    )
    assert table.sessions["reason"].str.contains("MOs").sum() == 1


def test_a_dataset_without_a_usable_file_says_why_of_each(folder):
    paths = folder(
        {"a.nwb": other(1, table=trials().head(0)), "b.nwb": other(2, table=trials().assign(side="left")),
         "c.nwb": other(3, table=trials().head(0)), "d.nwb": other(4, spikes=[], regions=(), signals=())}
    )  # fmt: skip
    with pytest.raises(InputError, match="No recording can be used") as caught:
        prepare_files(paths, settings(), max_bad_share=1)
    for words in (
        "a.nwb, c.nwb: A session has no trials (",
        "intervals/trials)",
        "b.nwb: The label has one class",
        "d.nwb: A session has no",
    ):
        assert words in caught.value.got


def test_folders_that_are_zarr_stores_are_recordings(tmp_path):
    (tmp_path / "a.nwb").touch()
    for name, mark in (("b.nwb", ".zgroup"), ("c.nwb", "zarr.json"), ("d.nwb", "notes.txt")):
        (tmp_path / name).mkdir()
        (tmp_path / name / mark).touch()
    assert [path.name for path in recorded_files(tmp_path, "*.nwb")] == ["a.nwb", "b.nwb", "c.nwb"]


# The example


def test_the_example_holds_the_first_trials_with_spikes_events_and_samples():
    licks = {"lick": np.array([0.2, 1.1, 2.15, 15.0])}
    one = session(events=licks)
    found, units = prepare_with_units(one, settings(regions=("VISp",)))
    table = example(one, found, units, "mine")
    assert list(table) == list(EXAMPLE_COLUMNS)
    counts = table["kind"].value_counts()
    assert counts["trial"] == counts["sample"] == 10 and counts["event"] == 2
    spikes = table[table["kind"] == "spike"]
    assert set(spikes["name"]) == {"u0", "u1"} and set(spikes["region"]) == {"VISp"}
    assert len(spikes) == found.values[:10].sum()
    per_sample = spikes.groupby("sample").size()
    np.testing.assert_array_equal(per_sample, found.values[:10].sum(axis=(1, 2)))
    shown = table[table["kind"] == "sample"]
    assert shown["name"].tolist() == ["left", "right"] * 5 and shown["value"].tolist() == [0, 1] * 5
    np.testing.assert_allclose(shown["stop_s"] - shown["time_s"], 0.4)


def test_the_example_of_traces_of_many_cells_shows_some_of_them():
    times = np.arange(0, 22, 0.05)
    values = times[:, None] + np.arange(130)
    one = session(trials(x=np.arange(20.0)), traces=Traces(times, values), regions=("VISp",) * 130)
    found, units = prepare_with_units(one, settings(label={"column": "x", "rule": "number"}))
    table = example(one, found, units)
    traces = table[table["kind"] == "trace"]
    assert 30 < traces["name"].nunique() <= 60
    np.testing.assert_allclose(traces["value"], traces["time_s"] + traces["name"].str[1:].astype(int))
    assert table.loc[table["kind"] == "sample", "value"].tolist() == list(range(10))


# Real recordings


@pytest.mark.real_data
def test_real_presence_of_a_stimulus_and_running_speed_are_prepared(real_data):
    folder = real_data / "recordings"
    present = Preparation(label={"column": "contrast_right", "rule": "above"}, window_ms=(0, 400), bin_ms=50)
    found = prepare_files([folder / "steinmetz/session2.nwb"], present)
    assert found.prepared[0].n_samples == 251 and np.bincount(found.prepared[0].labels).min() > 50
    speed = Preparation(label={"series": "running_speed"}, window_ms=(0, 2000), bin_ms=250)
    paths = sorted((folder / "park_gratings").glob("*.nwb"))[:1]
    found = prepare_files(paths, speed, signal="fluorescence")
    labels = found.prepared[0].labels
    assert found.prepared[0].continuous and len(labels) == 128 and labels.min() > -1 and np.ptp(labels) > 0.5


@pytest.mark.real_data
def test_real_behaviour_alone_is_refused_with_a_reason_for_every_file(real_data):
    paths = sorted((real_data / "recordings/aind_lick").glob("*.nwb"))
    licks = {"events": ["left_lick_time", "right_lick_time"]}
    with pytest.raises(InputError, match="No recording can be used") as caught:
        prepare_files(paths, Preparation(label=licks, split_windows_ms=400, bin_ms=50), max_bad_share=1)
    assert all(path.name in caught.value.got for path in paths) and "behaviour alone" in caught.value.got
