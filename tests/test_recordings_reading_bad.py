"""Files that cannot be used: nothing but InputError comes out, with the file and what is wrong."""

import json
import os

import h5py
import numpy as np
import pytest
from pynwb import TimeSeries

from digimus.errors import InputError
from digimus.recordings import offers, read_session
from nwb_files import add_units, new_file, written

EXTENSION = "ndx-mylab"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The bytes of a good file with spikes, trials, events and a sampled signal."""
    nwb = new_file()
    rng = np.random.default_rng(0)
    add_units(nwb, [np.sort(rng.random(40)) * 9 for _ in range(5)], brain_area=["M2"] * 5)
    nwb.trials.add_column(name="side", description="s", data=["left", "right"] * 2)
    nwb.add_acquisition(TimeSeries(name="licks", data=np.ones(3), unit="n", timestamps=[1.0, 2.0, 3.0]))
    nwb.add_acquisition(TimeSeries(name="speed", data=rng.random(50), unit="cm/s", rate=5.0))
    return written(nwb, tmp_path_factory.mktemp("whole") / "whole.nwb").read_bytes()


def read_or_refuse(path, expected):
    """Read a file: either it is refused as it should be, or nothing of its content differs."""
    try:
        session = read_session(path, series=("speed",))
    except InputError as error:
        assert path.name in error.where and error.hint and error.got
        return None
    return session.content == expected


def test_a_file_cut_anywhere_is_refused(tmp_path, whole):
    path = tmp_path / "cut.nwb"
    path.write_bytes(whole)
    expected = read_session(path).content
    cuts = np.random.default_rng(1).integers(1, len(whole), 10)
    for cut in cuts:
        path.write_bytes(whole[:cut])
        assert read_or_refuse(path, expected) in (None, True)


def test_parts_of_another_kind_give_an_input_error_or_a_session(tmp_path, whole):
    rng = np.random.default_rng(2)
    path = tmp_path / "spoilt.nwb"
    names = []
    path.write_bytes(whole)
    with h5py.File(path) as file:
        file.visititems(lambda name, thing: names.append(name) if isinstance(thing, h5py.Dataset) else None)
    names = [name for name in names if not name.startswith("specifications")]
    others = ["text", 3.0, np.ones((3, 2)), np.empty(0), np.array([b"a", b"b", b"c"], object), [np.nan] * 4]
    outcomes = []
    for name in rng.permutation(names)[:16]:
        path.write_bytes(whole)
        with h5py.File(path, "r+") as file:
            attributes = dict(file[name].attrs)
            del file[name]
            file[name] = others[len(outcomes) % len(others)]
            file[name].attrs.update(attributes)
        outcomes.append(read_or_refuse(path, ""))
    assert None in outcomes


@pytest.mark.parametrize(
    "broken",
    [
        "units/spike_times_index",
        "units/id",
        "intervals/trials/start_time",
        "intervals/trials/side",
        "session_start_time",
        "acquisition/licks/timestamps",
        "acquisition/speed/data",
        "acquisition/speed/starting_time",
    ],
)
def test_a_file_without_one_of_its_parts_gives_an_input_error_or_a_session(tmp_path, whole, broken):
    path = tmp_path / "part.nwb"
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        del file[broken]
    read_or_refuse(path, "")
    try:
        offers(path)
    except InputError as error:
        assert "part.nwb" in error.where


def test_columns_of_unequal_length_are_refused(tmp_path, whole):
    path = tmp_path / "unequal.nwb"
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        table = file["intervals/trials"]
        attributes = dict(table["side"].attrs)
        del table["side"]
        table.create_dataset("side", data=[b"left"] * 3).attrs.update(attributes)
    with pytest.raises(InputError, match="unequal"):
        read_session(path)


@pytest.mark.parametrize(("version", "as_dataset"), [("NWB-1.0.6", True), ("1.0.6", False), ("3.1.0", False)])
def test_other_versions_are_named(tmp_path, version, as_dataset):
    path = tmp_path / "other.nwb"
    with h5py.File(path, "w") as file:
        if as_dataset:
            file["nwb_version"] = version
        else:
            file.attrs["nwb_version"] = version
    with pytest.raises(InputError, match="another version") as caught:
        read_session(path)
    assert caught.value.got == version and "nwb_version" in caught.value.where


def test_a_folder_and_a_zip_archive_are_refused(tmp_path):
    with pytest.raises(InputError, match="not a recording"):
        read_session(tmp_path)
    (tmp_path / "one.nwb").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(InputError, match="unpack it"):
        read_session(tmp_path / "one.nwb")


def test_a_file_that_may_not_be_read_is_refused(tmp_path, whole, monkeypatch):
    path = tmp_path / "secret.nwb"
    path.write_bytes(whole)
    if os.geteuid() == 0:  # who may read everything

        def refuse(*_, **__):
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(h5py, "File", refuse)
    else:
        path.chmod(0)
    with pytest.raises(InputError, match="no permission"):
        read_session(path)


def test_a_path_that_cannot_be_is_refused():
    with pytest.raises(InputError, match="missing"):
        read_session("a\0b.nwb")
    with pytest.raises(InputError, match="missing"):
        read_session("a" * 5000)


# Extensions


def extend(path, bytes_, cached):
    """Make the licks of a file of an extension's type, with or without the specification of it."""
    path.write_bytes(bytes_)
    with h5py.File(path, "r+") as file:
        file["acquisition/licks"].attrs.update({"namespace": EXTENSION, "neurodata_type": "LickSeries"})
        if cached:
            types = {
                "neurodata_type_def": "LickSeries",
                "neurodata_type_inc": "TimeSeries",
                "doc": "licks",
            }
            cache(file, EXTENSION, [types], {"namespace": "core", "neurodata_types": ["TimeSeries"]})
    return path


def cache(file, name, groups, includes):
    """Write the specification of an extension into a file."""
    space = {"name": name, "version": "0.1.0", "doc": "d", "author": ["a"], "contact": ["c"]}
    space["schema"] = [includes, {"source": "types"}]
    group = file.create_group(f"specifications/{name}/0.1.0")
    group["namespace"] = json.dumps({"namespaces": [space]})
    group["types"] = json.dumps({"groups": groups})


def test_an_extension_that_the_file_carries_is_read(tmp_path, whole):
    session = read_session(extend(tmp_path / "one.nwb", whole, cached=True))
    assert session.events["licks"].tolist() == [1.0, 2.0, 3.0]


def test_a_missing_extension_is_named_with_what_uses_it(tmp_path, whole):
    path = extend(tmp_path / "one.nwb", whole, cached=False)
    with pytest.raises(InputError, match="needs the extension 'ndx-mylab'") as caught:
        read_session(path)
    assert caught.value.where == f"{path}, acquisition/licks"
    assert "pip install ndx-mylab" in caught.value.hint


def test_an_extension_whose_package_is_installed_is_tried(tmp_path, whole, monkeypatch):
    path = extend(tmp_path / "one.nwb", whole, cached=False)
    (tmp_path / "ndx_mylab.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match="needs the extension"):
        read_session(path)


def test_labelled_events_of_an_extension_are_read_by_label(tmp_path, whole):
    path = tmp_path / "one.nwb"
    path.write_bytes(whole)
    number = {"dtype": "float", "doc": "s", "shape": [None]}
    labels = {"name": "labels", "dtype": "text", "shape": [None], "doc": "names"}
    codes = {"name": "data", "dtype": "uint8", "shape": [None], "doc": "codes", "attributes": [labels]}
    events = {"neurodata_type_def": "Events", "neurodata_type_inc": "NWBDataInterface", "doc": "e"}
    events["datasets"] = [{"name": "timestamps", **number}]
    labelled = {"neurodata_type_def": "LabeledEvents", "neurodata_type_inc": "Events", "doc": "l"}
    labelled["datasets"] = [codes]
    with h5py.File(path, "r+") as file:
        includes = {"namespace": "core", "neurodata_types": ["NWBDataInterface"]}
        cache(file, "ndx-events", [events, labelled], includes)
        for name, kind in (("beeps", "Events"), ("states", "LabeledEvents")):
            group = file.create_group(f"acquisition/{name}")
            group.attrs.update({"namespace": "ndx-events", "neurodata_type": kind, "object_id": name})
            group["timestamps"] = [1.0, 2.0, 4.0]
        group["data"] = np.array([0, 1, 0], np.uint8)
        group["data"].attrs["labels"] = ["go", "stop"]
    found = read_session(path).events
    assert found["beeps"].tolist() == [1.0, 2.0, 4.0]
    assert found["states:go"].tolist() == [1.0, 4.0] and found["states:stop"].tolist() == [2.0]
