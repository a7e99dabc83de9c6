"""Trials, events and sampled signals of NWB files, wherever they are kept."""

import h5py
import numpy as np
import pytest
from hdmf.common import DynamicTable, EnumData
from pynwb import TimeSeries
from pynwb.behavior import (
    BehavioralEpochs,
    BehavioralEvents,
    BehavioralTimeSeries,
    IntervalSeries,
    Position,
    SpatialSeries,
)
from pynwb.epoch import TimeIntervals
from pynwb.misc import AnnotationSeries

from digimus.errors import InputError
from digimus.recordings import offers, read_session
from digimus.recordings.trials import column, event_times
from nwb_files import new_file, written

# Trials


def test_columns_of_any_kind_are_read_or_listed_as_left_out(tmp_path):
    nwb = new_file()
    nwb.trials.add_column(name="correct", description="c", data=[True, False, True, True])
    nwb.trials.add_column(name="image", description="i", data=["im1", "im2", "", "im1"])
    nwb.trials.add_column(name="position", description="p", data=np.ones((4, 3)))
    nwb.trials.add_column(name="licks", description="l", data=[1.0, 2.0, 3.0], index=[1, 1, 2, 3])
    path = written(nwb, tmp_path / "one.nwb")
    with h5py.File(path, "r+") as file:
        table = file["intervals/trials"]
        for name, like, data in (("go", "start_time", np.arange(4)), ("code", "start_time", [1, 0, 1, 0])):
            dtype = h5py.enum_dtype({"low": 0, "high": 1}, "i1") if name == "code" else None
            table.create_dataset(name, data=data, dtype=dtype)
            for key, value in table[like].attrs.items():
                table[name].attrs[key] = value
        table.attrs["colnames"] = [*table.attrs["colnames"], "go", "code"]
    session = read_session(path)
    trials = session.trials
    assert trials["correct"].dtype == bool and trials["image"].tolist() == ["im1", "im2", "", "im1"]
    assert trials["go"].tolist() == [0, 1, 2, 3] and trials["code"].tolist() == ["high", "low"] * 2
    found = offers(path)["trials"]
    assert found["left_out"] == {"position": "2 dimensions", "licks": "several values a row"}
    assert found["columns"]["image"]["missing"] == 0.25
    assert found["columns"]["start_time"]["range"] == (0.0, 3.0)


@pytest.mark.filterwarnings("ignore:EnumData is experimental")
def test_codes_of_a_category_become_their_names(tmp_path):
    nwb = new_file()
    nwb.add_trial_column("side", "side", col_cls=EnumData, data=[0, 1, 1, 0], enum=["left", "right"])
    session = read_session(written(nwb, tmp_path / "one.nwb"))
    assert session.trials["side"].tolist() == ["left", "right", "right", "left"]


def test_a_column_of_several_values_a_trial_is_no_label(tmp_path):
    nwb = new_file()
    nwb.trials.add_column(name="licks", description="l", data=[1.0, 2.0, 3.0], index=[1, 1, 2, 3])
    session = read_session(written(nwb, tmp_path / "one.nwb"))
    with pytest.raises(InputError, match="no column of that name with one value a trial"):
        column(session, "licks")


def test_another_table_can_stand_for_the_trials(tmp_path):
    nwb = new_file()
    images = TimeIntervals(name="image_presentations", description="images")
    images.add_column("image", "which")
    for number in range(3):
        images.add_interval(start_time=10.0 + number, stop_time=10.5 + number, image=f"im{number}")
    nwb.add_time_intervals(images)
    path = written(nwb, tmp_path / "one.nwb")
    session = read_session(path, trials_table="image_presentations")
    assert session.trials["image"].tolist() == ["im0", "im1", "im2"]
    assert read_session(path).events["image_presentations"].tolist() == [10.0, 11.0, 12.0]
    assert offers(path)["tables"]["image_presentations"]["columns"]["image"]["n_distinct"] == 3
    with pytest.raises(InputError, match="Did you mean 'image_presentations'"):
        read_session(path, trials_table="image_presentation")


# Events and signals


@pytest.mark.filterwarnings("ignore:BehavioralEvents is deprecated")
def test_events_are_told_by_their_container_or_by_values_that_are_times(tmp_path):
    nwb = new_file()
    behaviour = nwb.create_processing_module("behavior", "b")
    times, steady = [1.0, 2.5, 2.7, 6.0, 7.1], np.arange(5) / 10
    amounts = [2.0, 4.0, 3.0, 2.0, 4.0]
    kept = BehavioralEvents()
    kept.create_timeseries(name="drops", data=amounts, unit="ul", timestamps=times)
    kept.create_timeseries(name="speed", data=amounts, unit="cm/s", timestamps=steady)
    behaviour.add(kept)
    nwb.add_acquisition(TimeSeries(name="lick_times", data=times, unit="s", timestamps=times))
    nwb.add_acquisition(TimeSeries(name="pupil", data=amounts, unit="mm", timestamps=times))
    path = written(nwb, tmp_path / "one.nwb")
    events = read_session(path).events
    assert {name: found.tolist() for name, found in events.items()} == {"drops": times, "lick_times": times}
    assert list(offers(path)["series"]) == ["pupil", "speed"]


def test_a_file_without_events_or_signals_says_so(tmp_path):
    path = written(new_file(), tmp_path / "one.nwb")
    with pytest.raises(InputError, match="expected: a file with events"):
        event_times(read_session(path), ["licks"], "label.events")
    with pytest.raises(InputError, match="expected: a file with sampled signals"):
        read_session(path, series=["speed"])


@pytest.mark.filterwarnings("ignore:AnnotationSeries is deprecated")
def test_events_are_found_wherever_they_are_kept(tmp_path):
    nwb = new_file()
    behaviour = nwb.create_processing_module("behavior", "b")
    licks = TimeSeries(name="licks", data=np.ones(3), unit="n", timestamps=[1.0, 2.0, np.nan])
    behaviour.add(BehavioralTimeSeries(time_series=licks))
    epochs = BehavioralEpochs()
    epochs.add_interval_series(
        IntervalSeries(name="runs", data=[1, -1, 1, -1], timestamps=[1.0, 2.0, 5.0, 6.0])
    )
    behaviour.add(epochs)
    rewards = DynamicTable(name="rewards", description="r")
    rewards.add_column("timestamp", "s")
    rewards.add_column("event_type", "kind")
    for time, kind in ((3.0, "water"), (1.0, "air"), (2.0, "water")):
        rewards.add_row(timestamp=time, event_type=kind)
    behaviour.add(rewards)
    nwb.add_acquisition(AnnotationSeries(name="notes", data=["a", "b"], timestamps=[1.0, 4.0]))
    nwb.add_stimulus(TimeSeries(name="tones", data=[4000, 4000], unit="Hz", timestamps=[0.5, 2.5]))
    nwb.add_acquisition(
        TimeSeries(
            name="states", data=["run", "rest", "run", "sit"], unit="n", timestamps=[1.0, 2.0, 3.0, 4.0]
        )
    )
    nwb.add_acquisition(TimeSeries(name="puffs", data=np.ones((2, 1)), unit="n", timestamps=[1.0, 9.0]))
    table = nwb.create_events_table(name="pokes", description="p")
    for time in (2.0, 1.0):
        table.add_event(timestamp=time)
    events = read_session(written(nwb, tmp_path / "one.nwb")).events
    assert {name: times.tolist() for name, times in events.items()} == {
        "licks": [1.0, 2.0],
        "runs": [1.0, 5.0],
        "rewards:air": [1.0],
        "rewards:water": [2.0, 3.0],
        "notes:a": [1.0],
        "notes:b": [4.0],
        "tones": [0.5, 2.5],
        "states:rest": [2.0],
        "states:run": [1.0, 3.0],
        "states:sit": [4.0],
        "puffs": [1.0, 9.0],
        "pokes": [1.0, 2.0],
    }


def test_a_switch_sampled_by_a_clock_gives_its_rises_and_other_signals_do_not(tmp_path):
    nwb = new_file()
    level = np.array([1, 1, 0, 0, 1, 0, 1, 1, 0, 1])
    for name in ("lick_sensor", "shutter"):
        nwb.add_acquisition(TimeSeries(name=name, data=level * 5.0, unit="V", rate=10.0, starting_time=1.0))
    nwb.add_acquisition(TimeSeries(name="lick_force", data=np.arange(10.0), unit="g", rate=10.0))
    path = written(nwb, tmp_path / "one.nwb")
    session = read_session(path)
    assert list(session.events) == ["lick_sensor"]
    np.testing.assert_allclose(session.events["lick_sensor"], [1.4, 1.6, 1.9])
    assert set(offers(path)["series"]) == {"shutter", "lick_force"}


def test_sampled_signals_are_read_on_request(tmp_path):
    nwb = new_file()
    behaviour = nwb.create_processing_module("behavior", "b")
    speed = TimeSeries(
        name="speed",
        data=np.array([1.0, np.nan, 3.0]),
        unit="cm/s",
        rate=2.0,
        starting_time=4.0,
        conversion=0.1,
    )
    xy = np.arange(6.0).reshape(3, 2)
    position = SpatialSeries(name="xy", data=xy, timestamps=[0.0, 1.0, 2.0], reference_frame="corner")
    behaviour.add(speed)
    behaviour.add(Position(spatial_series=position))
    nwb.add_acquisition(TimeSeries(name="back", data=np.arange(3.0), unit="n", timestamps=[0.0, 2.0, 1.0]))
    path = written(nwb, tmp_path / "one.nwb")
    session = read_session(path, series=("speed", "xy:1"))
    np.testing.assert_allclose(session.series["speed"][0], [4.0, 4.5, 5.0])
    np.testing.assert_allclose(session.series["speed"][1], [0.1, np.nan, 0.3])
    assert session.series["xy:1"][1].tolist() == [1.0, 3.0, 5.0]
    assert read_session(path).series == {}
    assert offers(path)["series"]["speed"] == {"n": 3, "span_s": (4.0, 5.0), "rate_hz": 2.0}
    with pytest.raises(InputError, match="Did you mean 'speed'"):
        read_session(path, series=("sped",))
    with pytest.raises(InputError, match="do not fit"):
        read_session(path, series=("back",))
