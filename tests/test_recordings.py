"""Reading NWB files, cutting them into samples, splitting these, and refusing what cannot be used."""

import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest

from digimus.errors import InputError
from digimus.recordings import (
    Label,
    Preparation,
    average_traces,
    count_spikes,
    describe,
    find_duplicates,
    offers,
    prepare,
    prepare_dataset,
    read_prepared,
    read_session,
    samples,
    splits,
    write_prepared,
)

SIDE = Label(column="contrast_right", minus="contrast_left", rule="sign")
VISUAL = Preparation(label=SIDE, window_ms=(0, 400), bin_ms=10)
GRATINGS = Preparation(label=Label(column="direction"), window_ms=(0, 2000), bin_ms=125)
SPIKES = (np.array([0.1, 1.05, 1.2, 3.3]), np.array([]), np.array([0.2, 1.1, 5.0, 21.5]))


def write_recording(
    path,
    *,
    spikes=SPIKES,
    areas=("VISp", "VISp", "MOs"),
    trials="default",
    events=None,
    traces=None,
    animal="m1",
    start=datetime(2024, 1, 1, tzinfo=UTC),
):
    """A small NWB file; None leaves a part out."""
    from hdmf.common import VectorData, VectorIndex
    from pynwb import NWBHDF5IO, NWBFile, TimeSeries
    from pynwb.epoch import TimeIntervals
    from pynwb.file import Subject
    from pynwb.misc import Units

    nwb = NWBFile("a test", path.stem, start, session_id=path.stem)
    nwb.subject = Subject(subject_id=animal, species="Mus musculus")
    if trials is not None:
        columns = default_trials() if isinstance(trials, str) else trials
        columns = [VectorData(name=k, description=k, data=list(v)) for k, v in columns.items()]
        nwb.trials = TimeIntervals(name="trials", description="trials", columns=columns)
    if spikes is not None:
        times = VectorData(name="spike_times", description="s", data=np.concatenate([*spikes, []]))
        ends = np.cumsum([len(unit) for unit in spikes])
        columns = [times, VectorIndex(name="spike_times_index", data=ends, target=times)]
        if areas:
            columns.append(VectorData(name="brain_area", description="area", data=list(areas)))
        nwb.units = Units(name="units", description="units", columns=columns)
    for name, (data, timestamps) in (events or {}).items():
        nwb.add_acquisition(TimeSeries(name=name, data=data, unit="n.a.", timestamps=timestamps))
    if traces is not None:
        add_traces(nwb, *traces)
    with NWBHDF5IO(str(path), "w") as io:
        io.write(nwb)
    return path


def default_trials():
    """Twenty trials a second apart, sides in turn."""
    start = np.arange(20) + 1.0
    return {
        "start_time": start,
        "stop_time": start + 0.8,
        "side": ["left", "right"] * 10,
        "number": [0.0, 1.0] * 10,
        "same": ["x"] * 20,
    }


def add_traces(nwb, values, rate):
    """A RoiResponseSeries sampled at `rate` from 0 s on."""
    from pynwb.ophys import Fluorescence, ImageSegmentation, OpticalChannel

    channel = OpticalChannel(name="green", description="green", emission_lambda=520.0)
    plane = nwb.create_imaging_plane(
        name="plane",
        optical_channel=channel,
        description="plane",
        device=nwb.create_device(name="scope"),
        excitation_lambda=920.0,
        indicator="GCaMP",
        location="VISp",
    )
    module = nwb.create_processing_module("ophys", "two photon")
    segmentation = ImageSegmentation()
    module.add(segmentation)
    table = segmentation.create_plane_segmentation(description="cells", imaging_plane=plane)
    for _ in range(values.shape[1]):
        table.add_roi(pixel_mask=[(0, 0, 1.0)])
    rois = table.create_roi_table_region(region=list(range(values.shape[1])), description="all")
    fluorescence = Fluorescence()
    module.add(fluorescence)
    fluorescence.create_roi_response_series(
        name="dff", data=values, rois=rois, unit="a.u.", rate=rate, starting_time=0.0
    )


def settings(**changes):
    """Settings that fit the small files."""
    given = {"label": Label(column="side"), "window_ms": (0, 400), "bin_ms": 100} | changes
    return Preparation(**given)


def fake_session(trials=None, events=None):
    """What `samples` looks at, without a file."""
    trials = pd.DataFrame(default_trials() if trials is None else trials)
    return SimpleNamespace(path="memory", trials=trials, events=events or {})


# Binning


def test_counts_equal_histogram_spikes_on_edges_included():
    rng = np.random.default_rng(0)
    ticks = rng.integers(0, 2000, (5, 300))  # hundredths of a second, so that many lie on edges
    spike_times = [np.sort(unit) / 100 for unit in ticks] + [np.empty(0)]
    edges = rng.integers(0, 1900, 40)[:, None] / 100 + np.arange(9) * 0.05
    counts = count_spikes(spike_times, edges)
    assert counts.shape == (40, 8, 6) and counts.dtype == np.float32
    for unit, times in enumerate(spike_times):
        expected = [np.histogram(times, row)[0] for row in edges]
        np.testing.assert_array_equal(counts[:, :, unit], expected)


def test_trace_bins_hold_the_mean_of_their_frames():
    times = np.arange(100) * 0.1 + 0.05
    values = np.stack([times, times**2], axis=1)
    edges = np.array([[1.0, 1.5, 2.0], [3.0, 3.5, 4.0]])
    found = average_traces(times, values, edges)
    inside = (times >= 1.0) & (times < 1.5)
    np.testing.assert_allclose(found[0, 0], values[inside].mean(axis=0), rtol=1e-6)
    assert found.shape == (2, 2, 2)


def test_trace_bins_without_a_frame_hold_the_last_one_if_it_is_near():
    times = np.array([0.0, 1.0, 2.0, 10.0, 11.0])
    edges = np.array([[1.4, 1.6], [5.9, 6.1], [20.0, 20.2], [-0.5, -0.3]])
    found = average_traces(times, times[:, None], edges)[:, 0, 0]
    assert found[0] == pytest.approx(1.0)
    assert np.isnan(found[1:]).all()


def test_no_trace_bin_knows_of_a_later_frame():
    times = np.arange(20) * 0.4
    values = np.random.default_rng(0).normal(size=(20, 2))
    edges = np.array([1.0 + 0.1 * np.arange(21)])
    before = average_traces(times, values, edges)
    later = np.where(times[:, None] >= 2.0, 100 + values, values)
    after = average_traces(times, later, edges)
    np.testing.assert_array_equal(before[0, :10], after[0, :10])
    assert (after[0, 10:] > 50).all()


def test_frames_that_are_not_finite_are_passed_over():
    times = np.arange(10.0)
    values = np.stack([times, times], axis=1)
    values[3, 0] = np.nan
    found = average_traces(times, values, np.array([[2.0, 5.0]]))
    np.testing.assert_allclose(found[0, 0], [3.0, 3.0])


# Labels and windows


def test_value_labels_are_the_sorted_distinct_values_and_missing_ones_are_dropped():
    trials = default_trials() | {"number": [3.0, 10.0] * 9 + [np.nan, 3.0]}
    found = samples(fake_session(trials), settings(label=Label(column="number")))
    assert found.classes == ["3", "10"]
    assert found.labels.tolist() == [0, 1] * 9 + [0]
    assert sum(found.dropped.values()) == 1 and 18 not in found.groups


def test_values_choose_the_classes_and_their_order():
    trials = default_trials() | {"side": ["right", "left", "none", "left"] * 5}
    label = Label(column="side", values=("left", "right"))
    found = samples(fake_session(trials), settings(label=label))
    assert found.classes == ["left", "right"]
    assert np.bincount(found.labels).tolist() == [10, 5]


def test_sign_drops_ties_and_above_compares_with_the_threshold():
    trials = default_trials() | {"a": [1.0, 0.0, 0.5, 0.25] * 5, "b": [0.0, 1.0, 0.5, 0.0] * 5}
    sign = samples(fake_session(trials), settings(label=Label(column="a", minus="b", rule="sign")))
    assert sign.labels[:3].tolist() == [1, 0, 1] and sign.dropped == {"tie": 5}
    above = settings(label=Label(column="a", rule="above", threshold=0.25))
    assert samples(fake_session(trials), above).labels[:4].tolist() == [1, 0, 1, 0]


def test_windows_cut_the_trial_and_licks_label_them():
    trials = {"start_time": [10.0, 20.0], "stop_time": [11.25, 20.8]}
    licks = np.array([10.4, 10.79, 20.1, 21.0])
    events = {"licks": licks, "rewards": np.array([10.0, 20.0])}
    chosen = Preparation(
        label=Label(events="licks"),
        split_windows_ms=400,
        bin_ms=50,
        clock_events="rewards",
        min_trials_per_class=1,
    )
    found = samples(fake_session(trials, events), chosen)
    np.testing.assert_allclose(found.start_s, [10.0, 10.4, 10.8, 20.0, 20.4])
    assert found.groups.tolist() == [0, 0, 0, 1, 1]
    assert found.labels.tolist() == [0, 1, 0, 1, 0]  # the lick at 10.4 opens the second window
    np.testing.assert_allclose(found.clock_s, [0, 0.4, 0.8, 0, 0.4], atol=1e-9)
    assert chosen.window_ms == (0.0, 400.0) and chosen.n_bins == 8


def test_samples_before_the_first_clock_event_are_dropped():
    session = fake_session(events={"rewards": np.array([3.5])})
    found = samples(session, settings(clock_events="rewards"))
    assert found.groups.min() == 3 and found.clock_s[0] == pytest.approx(0.5)
    assert found.dropped == {"no rewards before the window": 3}


def test_single_trials_without_alignment_time_are_dropped_and_counted():
    trials = default_trials() | {"cue": [np.nan] * 3 + list(range(17))}
    found = samples(fake_session(trials), settings(align="cue"))
    assert found.dropped == {"cue is not a number": 3} and found.groups.min() == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bin_ms": 0}, "bin_ms"),
        ({"bin_ms": -5}, "bin_ms"),
        ({"bin_ms": 30}, "whole number of bins"),
        ({"window_ms": (400, 0)}, "window_ms"),
        ({"window_ms": (0, 0)}, "window_ms"),
        ({"window_ms": None}, "window_ms"),
        ({"split_windows_ms": -1}, "split_windows_ms"),
        ({"label": {"colum": "side"}}, "Did you mean 'column'"),
        ({"label": {"column": "side", "rule": "sing"}}, "Did you mean 'sign'"),
        ({"label": {"column": "side", "events": "licks"}}, "either a column or events"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        settings(**changes)


def test_settings_come_from_a_configuration_and_unknown_keys_are_refused():
    mapping = {"label": {"column": "side"}, "window_ms": [0, 400], "bin_ms": 50, "regions": ["VISp"]}
    assert Preparation.from_config(mapping).regions == ("VISp",)
    with pytest.raises(InputError, match="Did you mean 'window_ms'"):
        Preparation.from_config({**mapping, "windows_ms": [0, 1]})
    with pytest.raises(InputError, match="bin_ms"):
        Preparation.from_config({"label": {"column": "side"}})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": Label(column="sied")}, "Did you mean 'side'"),
        ({"label": Label(column="same")}, "one class only"),
        ({"label": Label(column="side"), "min_trials_per_class": 11}, "too few samples"),
        ({"label": Label(column="side", rule="above")}, "not numeric"),
        ({"label": Label(events="lick")}, "Did you mean 'licks'"),
        ({"align": "go_cue"}, "no column 'go_cue'"),
        ({"align": "nothing"}, "No trial has an alignment time"),
        ({"clock_events": "rewards"}, "no events 'rewards'"),
    ],
)
def test_labels_and_events_that_cannot_be_are_refused(changes, message):
    trials = default_trials() | {"nothing": [np.nan] * 20}
    with pytest.raises(InputError, match=message):
        samples(fake_session(trials, {"licks": np.array([1.0])}), settings(**changes))


# Reading


def test_a_small_file_is_read_and_prepared(tmp_path):
    path = write_recording(tmp_path / "one.nwb")
    session = read_session(path)
    assert (session.session_id, session.animal, session.n_units) == ("one", "m1", 3)
    assert session.regions.tolist() == ["VISp", "VISp", "MOs"]
    for unit, times in zip(session.spike_times, SPIKES, strict=True):
        np.testing.assert_array_equal(unit, times)
    prepared = prepare(session, settings(regions=("VISp",)))
    assert prepared.values.shape == (20, 4, 2)
    assert prepared.values[0, :, 0].tolist() == [1, 0, 1, 0]  # 1.05 and 1.2, the latter on an edge
    assert prepared.unit_regions.tolist() == ["VISp", "VISp"]


def test_events_are_told_from_sampled_signals(tmp_path):
    licks = np.array([1.0, 1.3, 1.35, np.nan, 4.0])
    sampled = np.arange(50) * 0.1
    events = {
        "licks": (np.ones(5), licks),
        "spout": (np.array([1.0, 2.0, 1.0, 2.0, 2.0]), licks),
        "speed": (np.random.default_rng(0).normal(size=50), sampled),
        "shutter": (np.arange(50) % 2, sampled),
    }
    session = read_session(write_recording(tmp_path / "one.nwb", events=events))
    assert sorted(session.events) == ["licks", "spout"]
    assert session.events["licks"].tolist() == [1.0, 1.3, 1.35, 4.0]


def test_fluorescence_at_a_rate_is_averaged_in_bins(tmp_path):
    values = np.arange(250.0)[:, None] + [0, 1000]
    path = write_recording(tmp_path / "one.nwb", spikes=None, traces=(values, 10.0))
    session = read_session(path, signal="fluorescence")
    assert session.signals == ("fluorescence",) and session.regions.tolist() == ["VISp", "VISp"]
    prepared = prepare(session, settings(bin_ms=200))
    assert prepared.values[0].tolist() == [[10.5, 1010.5], [12.5, 1012.5]]
    with pytest.raises(InputError, match="Set the signal to fluorescence"):
        prepare(read_session(path), settings())
    with pytest.raises(InputError, match="Name one as `module`"):
        read_session(path, signal="fluorescence", module="calcium")


def test_trials_beyond_the_fluorescence_are_dropped(tmp_path):
    path = write_recording(tmp_path / "one.nwb", spikes=None, traces=(np.ones((155, 2)), 10.0))
    prepared = prepare(read_session(path, signal="fluorescence"), settings())
    assert prepared.n_trials_dropped == 5 and prepared.groups.max() == 14
    assert prepared.dropped == {"window not covered by the fluorescence": 5}
    assert len(prepared.labels) == len(prepared.start_s) == prepared.n_samples == 15


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "nothing there"),
        (b"<!DOCTYPE html><html>not found</html>", "DOCTYPE"),
        (b"", "0 bytes"),
        ("truncated", "cannot be opened as HDF5"),
        ("other hdf5", "not a recording in NWB"),
        ("false nwb", "cannot be read as NWB"),
    ],
)
def test_files_that_are_not_whole_nwb_are_refused(tmp_path, content, message):
    path = tmp_path / "bad.nwb"
    if content == "truncated":
        write_recording(path)
        path.write_bytes(path.read_bytes()[:20_000])
    elif content in ("other hdf5", "false nwb"):
        with h5py.File(path, "w") as file:
            file["x"] = 1
            if content == "false nwb":
                file.attrs["nwb_version"] = "2.0"
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read_session(path)
    assert "bad.nwb" in caught.value.where and caught.value.hint


@pytest.mark.parametrize(
    ("unit", "message"),
    [
        ([0.5, 0.2, 0.9], "not sorted"),
        ([-0.5, 0.2, 0.9], "negative"),
        ([0.5, np.nan, 0.9], "not finite"),
    ],
)
def test_spike_times_that_cannot_be_are_refused_and_the_unit_named(tmp_path, unit, message):
    spikes = (np.array([1.0, 2.0]), np.array(unit), np.array([]))
    path = write_recording(tmp_path / "bad.nwb", spikes=spikes)
    with pytest.raises(InputError, match=message) as caught:
        read_session(path)
    assert "in unit 1" in caught.value.got


def test_an_index_that_does_not_fit_the_spikes_is_refused(tmp_path):
    path = write_recording(tmp_path / "bad.nwb")
    with h5py.File(path, "r+") as file:
        file["units/spike_times_index"][-1] = 3
    with pytest.raises(InputError, match="index of the spike times"):
        read_session(path)


@pytest.mark.parametrize(
    ("parts", "changes", "message"),
    [
        ({"spikes": None}, {}, "behaviour alone"),
        ({"spikes": ()}, {}, "no units"),
        ({"trials": None}, {}, "no trials"),
        ({"trials": {"start_time": [], "stop_time": []}}, {}, "no trials"),
        ({}, {"regions": ("VISP",)}, "Did you mean 'VISp'"),
        ({}, {"min_units": 4}, "too few units"),
        ({"areas": None}, {"regions": ("VISp",)}, r"unknown \(3\)"),
    ],
)
def test_sessions_that_cannot_be_decoded_are_refused(tmp_path, parts, changes, message):
    areas = {"areas": ()} if parts.get("spikes") == () else {}
    session = read_session(write_recording(tmp_path / "one.nwb", **parts, **areas))
    with pytest.raises(InputError, match=message):
        prepare(session, settings(**changes))


def test_a_region_column_that_is_absent_is_refused(tmp_path):
    path = write_recording(tmp_path / "one.nwb")
    with pytest.raises(InputError, match="Did you mean 'brain_area'"):
        read_session(path, region_column="brain_aera")


# Many files


def test_prepared_sessions_survive_writing_and_reading(tmp_path):
    events = {"rewards": (np.ones(2), np.array([0.5, 3.0]))}
    session = read_session(write_recording(tmp_path / "one.nwb", events=events))
    prepared = prepare(session, settings(clock_events="rewards"))
    write_prepared(tmp_path / "one.h5", prepared, {"seed": 3})
    again = read_prepared(tmp_path / "one.h5")
    for name in prepared.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(again, name), getattr(prepared, name), err_msg=name)
    with h5py.File(tmp_path / "one.h5") as file:
        assert file["values"].attrs["unit"] == "spikes per bin"
        assert file["values"].attrs["shape"] == "20x4x3"
        assert '"seed": 3' in file.attrs["provenance"]
    other = tmp_path / "other.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with pytest.raises(InputError, match="not a prepared recording"):
        read_prepared(other)


def test_bad_files_are_set_aside_with_their_reason_up_to_a_share(tmp_path):
    paths = [
        write_recording(tmp_path / "a.nwb"),
        tmp_path / "missing.nwb",
        write_recording(tmp_path / "c.nwb", animal="m2", start=datetime(2024, 1, 2, tzinfo=UTC)),
        write_recording(tmp_path / "d.nwb", animal="m3", spikes=None),
    ]
    seen = []
    prepared, table = prepare_dataset(paths, settings(), progress=lambda *done: seen.append(done))
    assert [one.session_id for one in prepared] == ["a", "c"]
    assert table["status"].tolist() == ["used", "set aside", "used", "set aside"]
    assert "nothing there" in table["reason"][1] and "behaviour alone" in table["reason"][3]
    assert table["regions"][0] == "MOs:1; VISp:2" and table["n_samples"][0] == 20
    assert seen[-1] == (4, 4)
    with pytest.raises(InputError, match=r"at most 1 of 4 files[\s\S]*missing.nwb"):
        prepare_dataset(paths, settings(), max_bad_share=0.49)
    with pytest.raises(InputError, match="No recording can be used"):
        prepare_dataset(paths[1:2], settings(), max_bad_share=1.0)
    with pytest.raises(InputError, match="There are no recordings"):
        prepare_dataset([], settings())


def test_of_two_files_of_one_recording_the_shorter_is_set_aside(tmp_path):
    part = {name: values[:12] for name, values in default_trials().items()}
    later = default_trials()
    later |= {name: later[name] + 100 for name in ("start_time", "stop_time")}
    paths = [
        write_recording(tmp_path / "part.nwb", trials=part),
        write_recording(tmp_path / "whole.nwb"),
        write_recording(tmp_path / "afternoon.nwb", trials=later, spikes=[unit + 100 for unit in SPIKES]),
        write_recording(tmp_path / "another_animal.nwb", animal="m2"),
        write_recording(tmp_path / "next_day.nwb", start=datetime(2024, 1, 2, tzinfo=UTC)),
    ]
    pairs = find_duplicates([read_session(path) for path in paths])
    assert [(pair.first, pair.second, pair.n_overlapping) for pair in pairs] == [(0, 1, 12)]
    prepared, table = prepare_dataset(paths, settings())
    assert len(prepared) == 4 and table["status"][0] == "set aside"
    assert "The same recording as whole.nwb" in table["reason"][0]


def test_recordings_that_overlap_in_a_few_trials_alone_are_two():
    other = pd.DataFrame(default_trials())
    other[["start_time", "stop_time"]] += 15
    day = datetime(2024, 1, 1, tzinfo=UTC)
    trials = (pd.DataFrame(default_trials()), other)
    assert not find_duplicates([SimpleNamespace(animal="m1", start_time=day, trials=one) for one in trials])


def test_a_repeat_is_kept_when_the_longer_file_cannot_be_used(tmp_path):
    part = {name: values[:12] for name, values in default_trials().items()}
    paths = [
        write_recording(tmp_path / "whole.nwb", areas=("root",) * 3),
        write_recording(tmp_path / "part.nwb", trials=part),
    ]
    prepared, _ = prepare_dataset(paths, settings(regions=("VISp",)))
    assert [one.session_id for one in prepared] == ["part"]


def test_offers_lists_what_a_file_has_and_the_command_prints_it(tmp_path):
    events = {"licks": (np.ones(3), np.array([1.0, 2.5, 3.0]))}
    path = write_recording(tmp_path / "one.nwb", events=events, traces=(np.ones((50, 2)), 10.0))
    offered = offers(path)
    assert offered["signals"]["spikes"]["regions"] == {"MOs": 1, "VISp": 2}
    assert offered["signals"]["fluorescence"]["n_units"] == 2
    side = offered["trials"]["columns"]["side"]
    assert side["n_distinct"] == 2 and side["examples"] == ["left", "right"]
    assert offered["events"]["licks"] == {"n": 3, "span_s": (1.0, 3.0)}
    assert "side: 2 distinct, such as left, right" in describe(offered)
    command = [sys.executable, "-m", "digimus.recordings", str(path), str(tmp_path / "none.nwb")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "licks: 3" in done.stdout and "none.nwb" in done.stderr


# Splits


def test_blocked_folds_are_contiguous_and_keep_their_distance():
    rng = np.random.default_rng(1)
    order = rng.permutation(60)  # samples in any order, three to a trial, trials numbered out of time
    trial_at = rng.permutation(20)
    groups, start_s = trial_at[order // 3], order.astype(float)
    rank = np.argsort(trial_at)
    tested = []
    for train, test in splits.blocked(groups, start_s, 4, 2):
        at_test, at_train = rank[groups[test]], rank[groups[train]]
        assert np.ptp(at_test) == 4 and len(test) == 15
        assert np.abs(at_train[:, None] - at_test).min() == 3
        tested.extend(test)
    assert sorted(tested) == list(range(60))


def test_interleaved_folds_keep_trials_whole_and_classes_even():
    groups = np.repeat(np.arange(40), 3)
    labels = np.repeat(np.arange(40) < 10, 3).astype(int)
    folds = list(splits.interleaved(groups, labels, 5, 7))
    for train, test in folds:
        assert not set(groups[train]) & set(groups[test])
        assert labels[test].sum() == 6 and len(test) == 24
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(120))
    again, other = (list(splits.interleaved(groups, labels, 5, seed)) for seed in (7, 8))
    assert all((one[1] == two[1]).all() for one, two in zip(folds, again, strict=True))
    assert any((one[1] != two[1]).any() for one, two in zip(folds, other, strict=True))


@pytest.mark.parametrize(("n_folds", "gap"), [(1, 0), (11, 0), (2, 9), (3, -1)])
def test_splits_that_cannot_be_are_refused(n_folds, gap):
    groups = np.arange(10)
    with pytest.raises(InputError):
        list(splits.blocked(groups, groups, n_folds, gap))


# Real recordings


@pytest.fixture(scope="module")
def steinmetz(real_data):
    return {path.stem: path for path in sorted((real_data / "recordings" / "steinmetz").glob("*.nwb"))}


@pytest.mark.real_data
def test_real_spikes_are_read_with_their_regions(steinmetz):
    n_units = {"session1": 178, "session2": 533, "session4": 120, "test1_Cori_100trials": 734}
    for name, path in steinmetz.items():
        session = read_session(path)
        assert session.n_units == n_units[name] and session.signals == ("spikes",)
        expected = {"VIS"} if name != "test1_Cori_100trials" else {"ACA", "CA3", "DG", "LS", "MOs", "SUB"}
        assert expected <= set(session.regions) and "unknown" not in session.regions


@pytest.mark.real_data
def test_real_counts_equal_histogram(steinmetz):
    session = read_session(steinmetz["session2"])
    prepared = prepare(session, VISUAL)
    assert np.bincount(prepared.labels).tolist() == [79, 85]
    assert prepared.dropped == {"tie": 87} and prepared.n_trials_dropped == 87
    right, left = (
        session.trials[f"contrast_{side}"].to_numpy()[prepared.groups] for side in ("right", "left")
    )
    np.testing.assert_array_equal(prepared.labels, right > left)
    edges = prepared.start_s[:, None] + np.arange(41) * 10 / 1000
    for unit in range(0, prepared.n_units, 20):
        expected = [np.histogram(session.spike_times[unit], row)[0] for row in edges]
        np.testing.assert_array_equal(prepared.values[:, :, unit], expected)


@pytest.mark.real_data
def test_the_real_duplicate_is_set_aside(steinmetz):
    prepared, table = prepare_dataset(steinmetz.values(), VISUAL)
    assert {one.session_id for one in prepared} == {f"steinmetz_session{n}" for n in (1, 2, 4)}
    reason = table.set_index("session").loc["steinmetz_test1_Cori_100trials", "reason"]
    assert "session1.nwb" in reason and "100 of 100 trials" in reason


@pytest.mark.real_data
def test_real_fluorescence_is_read_and_prepared(real_data):
    paths = sorted((real_data / "recordings" / "park_gratings").glob("*.nwb"))
    prepared, table = prepare_dataset(paths, GRATINGS, signal="fluorescence")
    assert table["n_units"].tolist() == [28, 74, 56, 39] and (table["status"] == "used").all()
    assert prepared[0].classes == ["0", "45", "90", "135", "180", "225", "270", "315"]
    assert np.bincount(prepared[0].labels).tolist() == [16] * 8
    session = read_session(paths[0], signal="fluorescence")
    inside = (session.traces.times_s >= 6.125) & (session.traces.times_s < 6.25)
    expected = session.traces.values[inside].mean(axis=0)
    np.testing.assert_allclose(prepared[0].values[1, 1], expected, rtol=1e-5)


@pytest.mark.real_data
def test_real_behaviour_gives_windows_but_is_refused_for_decoding(real_data):
    paths = sorted((real_data / "recordings" / "aind_lick").glob("*.nwb"))
    sides = ("left", "right")
    chosen = Preparation(
        label=Label(events=tuple(f"{side}_lick_time" for side in sides)),
        split_windows_ms=400,
        bin_ms=50,
        clock_events=tuple(f"{side}_reward_delivery_time" for side in sides),
    )
    for path in paths:
        session = read_session(path)
        assert session.n_units == 0 and session.signals == ()
        found = samples(session, chosen)
        licks = np.concatenate([session.events[f"{side}_lick_time"] for side in sides])
        since = licks - found.start_s[:50, None]
        np.testing.assert_array_equal(found.labels[:50], ((since >= 0) & (since < 0.4)).any(axis=1))
        assert 0.05 < found.labels.mean() < 0.6 and (found.clock_s >= 0).all()
        with pytest.raises(InputError, match="behaviour alone"):
            prepare(session, chosen)
