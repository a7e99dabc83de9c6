"""What files offer, the guess at a mapping, and the real files."""

import json
from datetime import UTC, datetime

import h5py
import numpy as np
import pytest
import yaml
from pynwb import NWBFile

from digimus.errors import InputError
from digimus.recordings import Preparation, offers, prepare, read_session
from digimus.recordings.__main__ import main
from digimus.recordings.files import opened
from digimus.recordings.mapping import as_yaml, guessed_mapping
from nwb_files import add_units, new_file, written

# The listing


def as_dataset(schema, mapping):
    """The one dataset of a mapping, once the schema has found nothing wrong with it."""
    from jsonschema import Draft202012Validator

    ((name, dataset),) = mapping.items()
    datasets = schema["properties"]["recordings"]["properties"]["datasets"]
    Draft202012Validator(datasets | {"$defs": schema["$defs"]}).validate({name: dataset})
    return dataset


def columns(**distinct):
    return {name: {"n_distinct": n, "examples": []} for name, n in distinct.items()}


def offered(trials=None, n=4, tables=None, events=(), series=(), signals=("spikes",)):
    """What `offers` would say of a file."""
    return {
        "file": "data/my mice/one.nwb",
        "signals": dict.fromkeys(signals),
        "trials": {"n": n, "columns": trials or {}},
        "tables": {name: {"n": 9, "columns": found} for name, found in (tables or {}).items()},
        "events": {name: {"n": 5} for name in events},
        "series": dict.fromkeys(series),
    }


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            offered(columns(start_time=4, contrast_right=4, contrast_left=4)),
            {"label": {"column": "contrast_right", "minus": "contrast_left", "rule": "sign"}},
        ),
        (
            offered(columns(trial_number=4, correct=2, choice=2, go_cue_time=4)),
            {"label": {"column": "choice"}, "align": "go_cue_time", "window_ms": [0, 400]},
        ),
        (
            offered(events=("left_licks", "right_licks", "rewards")),
            {
                "label": {"events": ["left_licks", "right_licks"]},
                "clock_events": "rewards",
                "split_windows_ms": 400,
            },
        ),
        (
            offered(n=0, tables={"epochs": columns(tags=2), "gratings": columns(orientation=8)}),
            {"trials_table": "gratings", "label": {"column": "orientation"}},
        ),
        (
            offered(columns(direction=8), signals=("fluorescence ophys/dff/a", "fluorescence ophys/dff/b")),
            {"signal": "fluorescence", "module": "ophys/dff/a", "label": {"column": "direction"}},
        ),
        (offered(series=("speed",)), {"label": {"series": "speed"}}),
        (offered(columns(file=4), events=("licks",)), {"label": {"events": "licks"}}),
        (offered(columns(file=4, rule=2)), {"label": {"column": "rule"}}),
    ],
)
def test_the_guess_fits_the_schema_and_what_the_file_has(schema, found, expected):
    mapping = guessed_mapping(found)
    assert list(mapping) == ["my_mice"] and yaml.safe_load(as_yaml(mapping)) == mapping
    dataset = as_dataset(schema, mapping)
    assert {key: dataset.get(key) for key in expected} == expected


def test_the_guessed_window_is_no_longer_than_trials_are_apart():
    found = offered(columns(choice=2), n=20, signals=("fluorescence",))
    found["trials"]["span_s"] = (0.0, 19.8)
    assert guessed_mapping(found)["my_mice"]["window_ms"] == [0, 750]
    found["trials"]["span_s"] = (0.0, 198.0)
    assert guessed_mapping(found)["my_mice"]["window_ms"] == [0, 2000]


def test_the_command_prints_json_and_a_mapping_of_the_schema(tmp_path, capsys):
    nwb = new_file()
    nwb.trials.add_column(name="choice", description="c", data=["left", "right"] * 2)
    add_units(nwb)
    path = written(nwb, tmp_path / "one.nwb")
    assert main(["--json", str(path)]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["signals"]["spikes"]["columns"]["rate_hz"]["computed"] is True
    (dataset,) = found["dataset"].values()
    assert dataset["label"] == {"column": "choice"} and dataset["folder"] == str(tmp_path)
    assert main(["--help"]) == 0 and main([]) == 2 and main([str(path), str(tmp_path / "none.nwb")]) == 1
    assert "a guess at a dataset" in capsys.readouterr().out


def test_a_file_with_nothing_to_decode_gets_no_mapping(tmp_path):
    path = written(NWBFile("a test", "x", datetime(2024, 1, 1, tzinfo=UTC)), tmp_path / "one.nwb")
    assert main([str(path)]) == 0
    with opened(path) as nwb:
        assert nwb.trials is None


# Real recordings

FOLDERS = {"aind_lick": ("spikes", 4), "park_gratings": ("fluorescence", 4), "steinmetz": ("spikes", 4)}


@pytest.mark.real_data
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_real_file_is_read_listed_and_mapped(real_data, schema, folder):
    signal, n_files = FOLDERS[folder]
    paths = sorted((real_data / "recordings" / folder).glob("*.nwb"))
    assert len(paths) == n_files
    for path in paths:
        found = offers(path)
        dataset = as_dataset(schema, guessed_mapping(found))
        settings = {k: v for k, v in dataset.items() if k not in ("folder", "pattern", "signal", "priors")}
        session = read_session(path, signal=signal)
        if folder == "aind_lick":
            assert session.n_units == 0 and session.span_s is None and not found["signals"]
            assert set(dataset["label"]["events"]) == {"left_lick_time", "right_lick_time"}
            with pytest.raises(InputError, match="behaviour alone"):
                prepare(session, Preparation.from_config(settings))
        else:
            assert len(session.unit_ids) == len(session.units) == session.n_units > 20
            assert session.content and session.span_s == found["signals"][signal]["span_s"]
            if path.stem != "test1_Cori_100trials":
                assert prepare(session, Preparation.from_config(settings)).n_samples > 50


@pytest.mark.real_data
def test_real_running_speed_is_offered_and_read(real_data):
    path = sorted((real_data / "recordings" / "park_gratings").glob("*.nwb"))[0]
    session = read_session(path, signal="fluorescence", series=("running_speed",))
    times_s, values = session.series["running_speed"]
    assert times_s.shape == values.shape == (6272,) and np.isfinite(values).all()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(values, file["acquisition/running_speed/data"])
