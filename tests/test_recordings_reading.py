"""NWB files as different laboratories write them: formats, units, cells, copies."""

from datetime import UTC, datetime

import h5py
import numpy as np
import pandas as pd
import pytest
from hdmf.common import EnumData
from pynwb import NWBHDF5IO, NWBFile, TimeSeries
from pynwb.file import Subject

from digimus.errors import InputError
from digimus.recordings import find_duplicates, offers, read_session
from nwb_files import SPIKES, add_probe, add_series, add_units, new_file, written

# Units


def test_ids_columns_and_spikes_of_units_are_read(tmp_path):
    nwb = new_file()
    add_units(nwb, quality=["good", "mua", "good"], depth=[10.0, np.nan, 30.0], KSLabel=[b"a", b"b", b"c"])
    session = read_session(written(nwb, tmp_path / "one.nwb"))
    assert session.unit_ids.tolist() == ["0", "1", "2"]
    assert list(session.units) == ["quality", "depth", "KSLabel"]
    assert session.units["quality"].tolist() == ["good", "mua", "good"]
    assert [times.tolist() for times in session.spike_times] == [list(unit) for unit in SPIKES]
    assert session.span_s == (0.1, 5.0) and session.obs_intervals is None


@pytest.mark.filterwarnings("ignore:Column .electrodes. is predefined")
@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("electrodes", ["MOs", "unknown", "CP"]),
        ("other column", ["ACA", "unknown", "STR"]),
        ("peak", ["CP", "MOs", "unknown"]),
        ("group", ["SNr", "SNr", "SNr"]),
        ("column", ["VISp", "VISl", "unknown"]),
        ("nothing", ["unknown"] * 3),
    ],
)
def test_regions_come_from_the_first_place_that_knows_any(tmp_path, place, expected):
    nwb = new_file()
    columns = {"structure": ["VISp", "VISl", "nan"]} if place == "column" else {}
    if place in ("electrodes", "other column", "peak"):
        known = ["MOs", "CP"] if place != "other column" else ["unknown", "unknown"]
        more = {"brain_area": ["ACA", "STR"]} if place == "other column" else {}
        group = add_probe(nwb, known, **more)
    if place == "peak":
        columns["peak_channel_id"] = [1, 0, 7]
    if place == "group":
        group = add_probe(nwb, ["unknown"], group_location="SNr")
    add_units(nwb, **columns)
    if place in ("electrodes", "other column"):
        nwb.units.add_column(
            name="electrodes", description="e", data=[[0, 1], [], [1]], index=True, table=nwb.electrodes
        )
    if place == "group":
        nwb.units.add_column(name="electrode_group", description="g", data=[group] * 3)
    session = read_session(written(nwb, tmp_path / "one.nwb"))
    assert session.regions.tolist() == expected


@pytest.mark.filterwarnings("ignore:EnumData is experimental")
def test_a_region_column_may_be_a_category(tmp_path):
    nwb = new_file()
    add_units(nwb)
    nwb.units.add_column("region", "r", col_cls=EnumData, data=[1, 0, 1], enum=["M2", "SNr"])
    session = read_session(written(nwb, tmp_path / "one.nwb"))
    assert session.regions.tolist() == ["SNr", "M2", "SNr"]


def test_intervals_of_observation_are_read_and_give_the_span(tmp_path):
    nwb = new_file()
    for times, observed in (([1.0, 2.0], [[0.0, 4.0], [6.0, 9.0]]), ([7.0], [[5.0, 8.0]])):
        nwb.add_unit(spike_times=times, obs_intervals=observed)
    path = written(nwb, tmp_path / "one.nwb")
    session = read_session(path)
    assert [part.tolist() for part in session.obs_intervals] == [[[0.0, 4.0], [6.0, 9.0]], [[5.0, 8.0]]]
    assert session.span_s == (0.0, 9.0)
    with h5py.File(path, "r+") as file:
        file["units/obs_intervals_index"][:] = [3, 3]
    session = read_session(path)
    assert session.obs_intervals[1].tolist() == [[-np.inf, np.inf]]
    with h5py.File(path, "r+") as file:
        file["units/obs_intervals"][0] = [4.0, 0.0]
    with pytest.raises(InputError, match="not intervals"):
        read_session(path)


def test_raw_voltages_widen_the_span(tmp_path):
    from pynwb.ecephys import ElectricalSeries

    nwb = new_file()
    add_probe(nwb, ["MOs", "MOs"])
    electrodes = nwb.create_electrode_table_region([0, 1], "both")
    raw = ElectricalSeries(
        name="raw", data=np.zeros((101, 2)), electrodes=electrodes, rate=10.0, starting_time=0.0
    )
    nwb.add_acquisition(raw)
    add_units(nwb)
    session = read_session(written(nwb, tmp_path / "one.nwb"))
    assert session.span_s == (0.0, 10.0) and "raw:0" not in offers(session.path)["series"]


# Cells


def test_cells_by_time_are_turned_round_and_rates_become_times(tmp_path):
    nwb = new_file()
    values = np.arange(60.0).reshape(20, 3)
    add_series(nwb, "dff", values.T, cells=3, rate=10.0, starting_time=2.0, conversion=2.0, offset=1.0)
    session = read_session(written(nwb, tmp_path / "one.nwb"), signal="fluorescence")
    np.testing.assert_allclose(session.traces.values, 2 * values + 1)
    np.testing.assert_allclose(session.traces.times_s, 2 + np.arange(20) / 10)
    assert session.unit_ids.tolist() == ["0", "1", "2"] and session.span_s == (2.0, pytest.approx(3.9))


def test_one_of_several_series_is_chosen_by_its_place(tmp_path):
    nwb = new_file()
    rng = np.random.default_rng(0)
    for number, (name, module) in enumerate(
        [("raw", "ophys"), ("deconvolved", "ophys"), ("raw", "ophys2"), ("live", None)]
    ):
        add_series(nwb, f"{name}{number}", rng.normal(size=(9, 2)), module=module, rate=1.0)
    path = written(nwb, tmp_path / "one.nwb")
    names = [name for name in offers(path)["signals"]]
    assert len(names) == 4 and any(name.startswith("fluorescence acquisition/live") for name in names)
    module = "ophys/traces of deconvolved1/deconvolved1"
    assert read_session(path, signal="fluorescence", module=module).n_units == 2
    assert read_session(path, signal="fluorescence", module="ophys2").n_units == 2
    with pytest.raises(InputError, match="several fluorescence series"):
        read_session(path, signal="fluorescence", module="ophys")
    with pytest.raises(InputError, match="several fluorescence series"):
        read_session(path, signal="fluorescence")


def test_regions_of_cells_come_from_a_column_where_the_plane_has_none(tmp_path):
    nwb = new_file()
    times = np.array([0.0, 0.5, 1.5])
    add_series(nwb, "dff", np.ones((3, 2)), location="unknown", area=["RSP", "M2"], timestamps=times)
    session = read_session(written(nwb, tmp_path / "one.nwb"), signal="fluorescence")
    assert session.regions.tolist() == ["RSP", "M2"] and list(session.units) == ["area"]
    np.testing.assert_array_equal(session.traces.times_s, times)


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([0.0, 1, 2, 3], "does not fit"),
        ([0.0, 1, np.nan, 3, 4], "do not increase"),
        ([0.0, 1, 1, 3, 4], "do not increase"),
    ],
)
def test_fluorescence_that_does_not_fit_is_refused(tmp_path, times, message):
    nwb = new_file()
    add_series(nwb, "dff", np.ones((5, 2)), timestamps=np.arange(5.0))
    path = written(nwb, tmp_path / "bad.nwb")
    with h5py.File(path, "r+") as file:
        series = file["processing/ophys/traces of dff/dff"]
        attributes = dict(series["timestamps"].attrs)
        del series["timestamps"]
        series.create_dataset("timestamps", data=times).attrs.update(attributes)
    with pytest.raises(InputError, match=message) as caught:
        read_session(path, signal="fluorescence")
    assert "dff" in caught.value.where


# Zarr


@pytest.fixture(scope="module")
def in_zarr(tmp_path_factory):
    hdmf_zarr = pytest.importorskip("hdmf_zarr")
    folder = tmp_path_factory.mktemp("zarr")
    nwb = new_file()
    group = add_probe(nwb, ["MOs", "CP"], group_location="MOs")
    nwb.trials.add_column(name="side", description="s", data=["left", "right"] * 2)
    nwb.trials.add_column(name="correct", description="c", data=[True, False] * 2)
    add_units(nwb, quality=["good", "mua", "good"])
    nwb.units.add_column(name="electrode_group", description="g", data=[group] * 3)
    nwb.add_acquisition(TimeSeries(name="licks", data=np.ones(2), unit="n", timestamps=[1.0, 2.0]))
    path = written(nwb, folder / "one.nwb")
    with NWBHDF5IO(str(path), "r") as source, hdmf_zarr.NWBZarrIO(str(folder / "one.nwb.zarr"), "w") as io:
        io.export(src_io=source, write_args={"link_data": False})
    return path, folder / "one.nwb.zarr"


def test_a_folder_in_zarr_is_read_like_the_file_in_hdf5(in_zarr):
    one, other = (read_session(path, region_column="quality") for path in in_zarr)
    assert one.content == other.content and one.regions.tolist() == other.regions.tolist()
    pd.testing.assert_frame_equal(one.trials, other.trials)
    pd.testing.assert_frame_equal(one.units, other.units)
    assert one.events.keys() == other.events.keys() and one.span_s == other.span_s
    assert one.start_time == other.start_time
    for mine, theirs in zip(one.spike_times, other.spike_times, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_folder_in_zarr_without_all_chunks_is_refused(in_zarr, tmp_path):
    import shutil

    broken = tmp_path / "broken.nwb.zarr"
    shutil.copytree(in_zarr[1], broken)
    (broken / "units/spike_times/0").unlink()
    with pytest.raises(InputError, match="chunks are missing") as caught:
        read_session(broken)
    assert "units/spike_times" in caught.value.where
    (broken / ".zgroup").unlink()
    (broken / ".zmetadata").unlink(missing_ok=True)
    with pytest.raises(InputError, match="folder"):
        read_session(broken)


def test_pickled_references_of_zarr_are_left_alone_where_a_column_names_the_region(in_zarr):
    with pytest.raises(InputError, match="pickled"):
        read_session(in_zarr[1])
    found = read_session(in_zarr[1], region_column="quality")
    assert found.regions.tolist() == ["good", "mua", "good"]


def test_without_hdmf_zarr_the_message_says_how_to_get_it(in_zarr, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "hdmf_zarr", None)
    with pytest.raises(InputError, match="make setup-all"):
        read_session(in_zarr[1])


# Copies


def test_a_copy_under_another_name_is_found_by_its_spikes(tmp_path):
    rng = np.random.default_rng(0)
    paths = []
    spikes = [np.sort(rng.random(80)) * 50 for _ in range(3)]
    for number, shift in enumerate((0, 0, 1e-3)):
        nwb = NWBFile("a test", "same in all files", datetime(2024, 1, 1 + number, tzinfo=UTC))
        nwb.subject = Subject(subject_id=f"m{number}", species="Mus musculus")
        add_units(nwb, [unit + shift for unit in spikes])
        paths.append(written(nwb, tmp_path / f"{number}.nwb"))
    found = find_duplicates([read_session(path) for path in paths])
    assert [(pair.first, pair.second) for pair in found] == [(0, 1)]
    assert "equal neural signals" in found[0].reason
