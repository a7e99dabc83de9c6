"""The licking set's MATLAB layout, on generated files of both kinds, to NWB and to decodable samples."""

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.io import savemat
from scipy.sparse import csc_matrix

from digimus.dataset_mappings import with_likes
from digimus.errors import InputError
from digimus.recordings import Preparation, prepare_dataset, read_session
from digimus.recordings.convert import main
from digimus.recordings.licking_mat import SUFFIX, LickingLayout, convert, find_days, read_day
from digimus.recordings.mat_files import read_array

N_CHANNELS = 32


def save_v5(path, array):
    savemat(path, {"array": array})


def save_v73(path, array, key="array"):
    """As MATLAB does: HDF5 after a block of its own, axes turned, empty arrays as their shape."""
    array = np.atleast_2d(array)
    with h5py.File(path, "w", userblock_size=512) as file:
        if array.size:
            file[key] = array.T
        else:
            file[key] = np.array(array.shape, np.uint64)
            file[key].attrs["MATLAB_empty"] = 1
        file[key].attrs["MATLAB_class"] = np.bytes_("double")
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")


SAVE = {"v5": save_v5, "v7.3": save_v73}


def draw_trial(rng, n_samples=2000, window=400):
    """Spikes that rise in windows with a lick, and the behaviour; licks in about half of the windows."""
    licks = np.zeros(n_samples, int)
    for start in range(0, n_samples - window + 1, window):
        if rng.random() < 0.5:
            licks[start + rng.integers(window, size=rng.integers(1, 4))] = 1
    has_lick = np.repeat(licks[: n_samples // window * window].reshape(-1, window).sum(1) > 0, window)
    rate = np.full((n_samples, N_CHANNELS), 0.01)
    rate[: len(has_lick)][has_lick, :8] = 0.04
    return rng.poisson(rate), licks


def write_trial(day, number, spikes, licks, kind="v5", name="trial", column=False):
    for folder, array in (("spike_trial", spikes), ("behavior_trial", licks[:, None] if column else licks)):
        (day / folder).mkdir(parents=True, exist_ok=True)
        SAVE[kind](day / folder / f"{name}_{number}.mat", array)


def write_day(day, n_trials=3, seed=1, **options):
    rng = np.random.default_rng(seed)
    trials = [draw_trial(rng) for _ in range(n_trials)]
    for number, trial in enumerate(trials, start=1):
        write_trial(day, number, *trial, **options)
    return trials


@pytest.fixture
def day(tmp_path):
    return tmp_path / "set" / "M2_segmented_data" / "20230105"


# Arrays


@pytest.mark.parametrize("kind", SAVE)
@pytest.mark.parametrize("shape", [(50, 32), (50, 1), (1, 50), (3, 7), (0, 32)])
def test_both_kinds_of_file_give_what_was_saved(tmp_path, kind, shape):
    array = np.arange(np.prod(shape), dtype=float).reshape(shape)
    SAVE[kind](tmp_path / "x.mat", array)
    found = read_array(tmp_path / "x.mat")
    assert found.dtype == float and found.shape == shape
    np.testing.assert_array_equal(found, array)


def test_logical_and_sparse_arrays_are_read(tmp_path):
    save_v5(tmp_path / "a.mat", np.eye(3, dtype=bool))
    save_v5(tmp_path / "b.mat", csc_matrix(np.eye(3)))
    for name in "ab":
        np.testing.assert_array_equal(read_array(tmp_path / f"{name}.mat"), np.eye(3))


def test_what_is_no_array_is_named(tmp_path):
    savemat(tmp_path / "key.mat", {"arry": np.eye(3), "other": 1.0})
    save_v73(tmp_path / "key73.mat", np.eye(3), key="arry")
    for name in ("key", "key73"):
        with pytest.raises(InputError, match="no variable 'array'") as error:
            read_array(tmp_path / f"{name}.mat")
        assert "arry" in error.value.got and "Did you mean 'arry'?" in error.value.hint
    savemat(tmp_path / "text.mat", {"array": "hello"})
    savemat(tmp_path / "cell.mat", {"array": np.array([1, "a", None], object)[:2]})
    with h5py.File(tmp_path / "group.mat", "w") as file:
        file.create_group("array")
    for name in ("text", "cell", "group"):
        with pytest.raises(InputError, match="not an array of numbers"):
            read_array(tmp_path / f"{name}.mat")
    (tmp_path / "broken.mat").write_bytes(b"MATLAB 5.0 MAT-file, but not for long")
    (tmp_path / "empty.mat").touch()
    save_v73(tmp_path / "cut.mat", np.ones((500, 32)))
    (tmp_path / "cut.mat").write_bytes((tmp_path / "cut.mat").read_bytes()[:2000])
    for name in ("broken", "empty", "cut", "absent"):
        with pytest.raises(InputError, match="cannot be read") as error:
            read_array(tmp_path / f"{name}.mat")
        assert f"{name}.mat" in error.value.where


# Days


@pytest.mark.parametrize("kind", SAVE)
@pytest.mark.parametrize("options", [{}, {"name": "sample"}, {"column": True}])
def test_a_day_is_read_as_it_was_written(day, kind, options):
    written = write_day(day, n_trials=11, kind=kind, **options)
    found = read_day(day)
    assert [trial.file for trial in found][-2:] == [
        f"{options.get('name', 'trial')}_{n}.mat" for n in (10, 11)
    ]
    for trial, (spikes, licks) in zip(found, written, strict=True):
        np.testing.assert_array_equal(trial.spikes, spikes)
        np.testing.assert_array_equal(trial.licks, licks)


def test_licks_may_stand_in_another_column(day):
    spikes, licks = draw_trial(np.random.default_rng(1))
    write_trial(day, 1, spikes, licks)
    save_v5(day / "behavior_trial/trial_1.mat", np.column_stack([np.zeros_like(licks), licks]))
    assert read_day(day)[0].licks.sum() == 0
    np.testing.assert_array_equal(read_day(day, LickingLayout(lick_column=1))[0].licks, licks)
    with pytest.raises(InputError, match="no such column"):
        read_day(day, LickingLayout(lick_column=2))


def changed(array, index, value):
    array = array.astype(float)
    array[index] = value
    return array


@pytest.mark.parametrize(
    "folder, change, message",
    [
        ("spike_trial", lambda a: changed(a, (3, 4), np.nan), "nan"),
        ("spike_trial", lambda a: changed(a, (3, 4), -1), "negative"),
        ("spike_trial", lambda a: changed(a, (3, 4), 0.5), "fractions"),
        ("behavior_trial", lambda a: changed(a, 7, np.inf), "infinite"),
        ("behavior_trial", lambda a: changed(a, 7, -2), "negative"),
        ("spike_trial", lambda a: a[:, :31], "number of channels"),
        ("spike_trial", lambda a: a.T, "number of channels"),
        ("spike_trial", lambda a: a[:-1], "differ in length"),
        ("behavior_trial", lambda a: a[:-1], "differ in length"),
        ("behavior_trial", lambda a: a[:0], "no samples"),
    ],
)
def test_a_trial_that_cannot_be_right_is_refused(day, folder, change, message):
    (spikes, licks), *_ = write_day(day)
    array = spikes if folder == "spike_trial" else licks
    save_v5(day / folder / "trial_1.mat", change(array))
    with pytest.raises(InputError, match=message) as error:
        read_day(day)
    assert "trial_1.mat" in error.value.where
    if message == "number of channels":
        assert ("turned" in error.value.hint) == (change(array).shape[0] == 32)


def test_trials_without_a_pair_or_a_number_are_refused(day):
    write_day(day)
    for lone, other in (("behavior_trial", "spike_trial"), ("spike_trial", "behavior_trial")):
        save_v5(day / lone / "trial_9.mat", np.ones((10, 32)))
        with pytest.raises(InputError, match="has no pair") as error:
            read_day(day)
        assert other in error.value.expected and "number 9" in error.value.got
        (day / lone / "trial_9.mat").unlink()
    save_v5(day / "spike_trial/sample_2.mat", np.ones((10, 32)))
    with pytest.raises(InputError, match="one number"):
        read_day(day)
    (day / "spike_trial/sample_2.mat").rename(day / "spike_trial/notes.mat")
    with pytest.raises(InputError, match="no number"):
        read_day(day)


def test_an_empty_day_and_an_empty_set_are_refused(day, tmp_path):
    (day / "spike_trial").mkdir(parents=True)
    with pytest.raises(InputError, match="no trials") as error:
        read_day(day)
    assert "no such folder" in error.value.got
    (day / "behavior_trial").mkdir()
    with pytest.raises(InputError, match="no trials"):
        read_day(day)
    for folder in (tmp_path / "nowhere", day):
        with pytest.raises(InputError, match="no days"):
            find_days(folder)


def test_days_know_region_animal_and_a_start_of_their_own(tmp_path):
    m2 = ("m7_2023-01-05", "m7_20230105_b", "day3", "day4")
    for place in (
        *(f"M2{SUFFIX}/{name}" for name in m2),
        f"SNr{SUFFIX}/20239999",
        f"VLS{SUFFIX}/m12_20230105",
    ):
        (tmp_path / place).mkdir(parents=True)
    days = find_days(tmp_path)
    assert [day.region for day in days] == ["M2"] * 4 + ["SNr", "VLS"]
    assert [day.is_dated for day in days] == [False, False, True, True, False, True]
    assert len({day.start for day in days[:4]}) == 4 and days[2].start.date() == days[3].start.date()
    assert {day.animal for day in days} == {"unknown-M2", "unknown-SNr", "unknown-VLS"}
    assert find_days(tmp_path / "M2_segmented_data") == days[:4]
    layout = LickingLayout(animal_pattern=r"/(m\d+)_")
    assert [day.animal for day in find_days(tmp_path / "VLS_segmented_data", layout)] == ["m12"]
    with pytest.raises(InputError, match="does not match"):
        find_days(tmp_path, layout)


@pytest.mark.parametrize(
    "settings",
    [{"sample_ms": 0}, {"gap_s": -1}, {"n_channels": 0}, {"lick_column": -1}, {"animal_pattern": "m.*"},
     {"animal_pattern": "("}, {"sample_ms": "1"}, {"gap_s": np.nan}],
)  # fmt: skip
def test_wrong_settings_are_refused(settings):
    with pytest.raises(InputError, match="setting of the conversion") as error:
        LickingLayout(**settings)
    assert error.value.where == next(iter(settings))


# To NWB and on


def test_the_nwb_file_holds_every_spike_and_lick_in_its_sample(day, tmp_path):
    rng = np.random.default_rng(2)
    written = [draw_trial(rng, n) for n in (2000, 1200, 850)]
    written[0][0][5, 3] = 4  # several spikes of one sample
    for number, trial in enumerate(written, start=1):
        write_trial(day, number, *trial, kind=("v5", "v7.3", "v5")[number - 1])
    table = convert(tmp_path / "set", tmp_path / "out", LickingLayout(gap_s=7.0))
    session = read_session(tmp_path / "out/M2_20230105.nwb")
    starts = [0.0, 2.0 + 7.0, 3.2 + 14.0]
    np.testing.assert_allclose(session.trials["start_time"], starts)
    np.testing.assert_allclose(session.trials["stop_time"] - session.trials["start_time"], [2.0, 1.2, 0.85])
    assert session.trials["file"].tolist() == ["trial_1.mat", "trial_2.mat", "trial_3.mat"]
    assert set(session.regions) == {"M2"} and session.n_units == N_CHANNELS
    assert session.animal == "unknown-M2" and session.start_time.date().isoformat() == "2023-01-05"
    assert not session.simulated
    lengths = np.array([len(licks) for _, licks in written])
    edges = np.concatenate(
        [start + np.arange(n + 1) / 1000 for start, n in zip(starts, lengths, strict=True)]
    )
    between = np.cumsum(lengths + 1)[:-1] - 1
    for channel in range(N_CHANNELS):
        counts = np.delete(np.histogram(session.spike_times[channel], edges)[0], between)
        np.testing.assert_array_equal(counts, np.concatenate([spikes[:, channel] for spikes, _ in written]))
    licks = np.delete(np.histogram(session.events["licks"], edges)[0], between)
    np.testing.assert_array_equal(licks, np.concatenate([licks for _, licks in written]))
    row = table.iloc[0]
    assert (row["status"], row["n_trials"], row["n_samples"]) == ("converted", 3, 4050)
    assert row["n_spikes"] == sum(spikes.sum() for spikes, _ in written)
    assert row["n_licks"] == sum((licks > 0).sum() for _, licks in written)


def object_ids(path):
    """What is unique in a file: its identifier and the id of every object."""
    with h5py.File(path) as file:
        found = {"identifier": file["identifier"][()]}
        file.visititems(lambda name, node: found.update({name: node.attrs.get("object_id")}))
    return found


def test_the_file_says_what_is_not_known_and_is_the_same_twice(day, tmp_path):
    from pynwb import NWBHDF5IO, validate

    write_day(day)
    for out in ("one", "two"):
        convert(tmp_path / "set", tmp_path / out)
    path = tmp_path / "one/M2_20230105.nwb"
    ids = [object_ids(tmp_path / out / "M2_20230105.nwb") for out in ("one", "two")]
    assert len(ids[0]) > 10 and ids[0] == ids[1]
    with NWBHDF5IO(str(path), "r") as io:
        nwb = io.read()
        assert (
            "end to end with a gap of 10 s" in nwb.notes and "1 ms, which the files do not say" in nwb.notes
        )
        assert nwb.units["obs_intervals"][0].shape == (3, 2)
        assert nwb.units.resolution == 0.001
    assert validate(path=str(path)) == []
    convert(tmp_path / "set", tmp_path / "three", LickingLayout(simulated=True))
    assert read_session(tmp_path / "three/M2_20230105.nwb").simulated


def test_one_bad_day_is_set_aside_and_all_of_them_stop(tmp_path):
    folder, out = tmp_path / "set", tmp_path / "out"
    good, bad = (folder / "VLS_segmented_data" / name for name in ("20230105", "20230106"))
    write_day(good)
    write_day(bad)
    convert(folder, out)
    assert (out / "VLS_20230106.nwb").exists()
    (bad / "spike_trial/trial_2.mat").unlink()
    steps = []
    table = convert(folder, out, progress=lambda *step: steps.append(step))
    assert table["status"].tolist() == ["converted", "set aside"] and steps == [(1, 2), (2, 2)]
    assert "no pair" in table["reason"][1] and "trial_2.mat" in table["reason"][1]
    assert not (out / "VLS_20230106.nwb").exists()
    written = pd.read_csv(out / "conversion.csv", keep_default_na=False, dtype={"day": str})
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
    (good / "spike_trial/trial_2.mat").unlink()
    with pytest.raises(InputError, match="No day"):
        convert(folder, out)


def test_the_command_converts_and_tells(tmp_path, capsys):
    folder, out = tmp_path / "set", tmp_path / "out"
    write_day(folder / "SNr_segmented_data/20230105")
    assert main([str(folder), str(out), "--sample-ms", "2", "--gap-s", "3"]) == 0
    assert "SNr_20230105.nwb: 3 trials" in capsys.readouterr().out
    trials = read_session(out / "SNr_20230105.nwb").trials
    np.testing.assert_allclose(trials["start_time"], [0, 7, 14])
    (folder / "SNr_segmented_data/20230106").mkdir()
    assert main([str(folder), str(out)]) == 1 and "no trials" in capsys.readouterr().out
    assert main([str(tmp_path / "nowhere"), str(out)]) == 1 and "no days" in capsys.readouterr().err
    assert main([str(folder), str(out), "--animal-pattern", "("]) == 1


@pytest.fixture(scope="module")
def three_regions(tmp_path_factory):
    """Two days of each region, converted, and what was written."""
    folder, written = tmp_path_factory.mktemp("licking"), {}
    for name in ("M2", "VLS", "SNr"):
        for number in (5, 6):
            day = folder / f"set/{name}{SUFFIX}/2023010{number}"
            written[name, number] = write_day(day, n_trials=6, seed=number, kind=("v5", "v7.3")[number % 2])
    convert(folder / "set", folder / "out")
    return folder / "out", written


@pytest.mark.parametrize("region", ["M2", "VLS", "SNr"])
def test_windows_of_400_ms_have_the_labels_of_the_published_loader(root, three_regions, region):
    out, written = three_regions
    overlay = yaml.safe_load((root / "config/licking.yaml").read_text())["recordings"]["datasets"]
    dataset = with_likes({"recordings": {"datasets": overlay}})["recordings"]["datasets"][f"licks_{region}"]
    settings = {key: dataset[key] for key in ("label", "bin_ms", "split_windows_ms", "regions")}
    paths = sorted(out.glob(dataset["pattern"]))
    assert [path.name for path in paths] == [f"{region}_20230105.nwb", f"{region}_20230106.nwb"]
    prepared, table = prepare_dataset(paths, Preparation.from_config(settings))
    assert table["status"].tolist() == ["used", "used"]
    for session, number in zip(prepared, (5, 6), strict=True):
        trials = written[region, number]
        assert session.values.shape == (6 * 5, 20, N_CHANNELS)
        windows = np.concatenate([spikes.reshape(5, 20, 20, N_CHANNELS).sum(2) for spikes, _ in trials])
        labels = np.concatenate([licks.reshape(5, 400).sum(1) >= 1 for _, licks in trials])
        np.testing.assert_array_equal(session.values, windows)
        np.testing.assert_array_equal(session.labels, labels.astype(int))
        np.testing.assert_array_equal(session.groups, np.repeat(np.arange(6), 5))
        assert session.observed.all() and set(session.unit_regions) == {region}
