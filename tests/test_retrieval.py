"""Retrieval from an archive, against a fake one on the loopback: nothing here leaves the machine."""

import errno
import shutil
import socket
import subprocess
import sys
from copy import deepcopy
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from digimus.configuration import checked
from digimus.errors import InputError
from digimus.recordings import Preparation, prepare_dataset
from digimus.retrieval import dandi, dandi_files
from digimus.retrieval.dandi import retrieve, retrieved_files
from fake_archive import FakeArchive, serving
from published_layout import write_published_layout

VERSION = "0.240329.1926"
CORI = "sub-Cori/sub-Cori_ses-20161214.nwb"
HENCH = "sub-Hench/sub-Hench_ses-20170615.nwb"
CONTENT = {
    CORI: np.random.default_rng(1).bytes(300_000),
    HENCH: b"a second file",
    "dandiset.yaml": b"name: fake",
}


@pytest.fixture
def archive():
    return FakeArchive({VERSION: dict(CONTENT), "draft": dict(CONTENT)})


@pytest.fixture
def fetch(archive, tmp_path):
    """`retrieve` from the fake archive into a folder of the test."""
    with serving(archive) as url:

        def call(paths=("sub-*/*.nwb",), version=VERSION, dandiset="000017", **options):
            options = {"api_url": url, "wait_s": 0.0, "timeout_s": 5.0} | options
            return retrieve(dandiset, version, paths, tmp_path / "files", **options)

        yield call


def unused_url():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/api"


def leftovers(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_files_come_whole_with_a_manifest(fetch, archive, tmp_path):
    seen = []
    table = fetch(progress=lambda *step: seen.append(step))
    assert leftovers(tmp_path / "files") == ["manifest.csv", CORI, HENCH]
    assert (tmp_path / "files" / CORI).read_bytes() == CONTENT[CORI]
    assert table["path"].tolist() == [CORI, HENCH] and set(table["status"]) == {"fetched"}
    assert table["sha256"].tolist() == [sha256(CONTENT[path]).hexdigest() for path in (CORI, HENCH)]
    assert table["bytes"].tolist() == [300_000, 13]
    assert table["asset_id"].tolist() == [archive.asset(VERSION, path)["asset_id"] for path in (CORI, HENCH)]
    assert (table["etag"].str.len() == 34).all() and (table["modified"].str[:10] == "2024-03-29").all()
    assert seen == [(1, 2, CORI), (2, 2, HENCH)]
    written = pd.read_csv(tmp_path / "files/manifest.csv", dtype=str, keep_default_na=False)
    assert written.columns.tolist() == list(dandi.COLUMNS)
    assert written["version"].tolist() == [VERSION] * 2 and written["dandiset"].tolist() == ["000017"] * 2


def test_nothing_that_verifies_is_fetched_again(fetch, archive, tmp_path):
    first = fetch()
    text = (tmp_path / "files/manifest.csv").read_text()
    n_requests = len(archive.requests)
    pd.testing.assert_frame_equal(fetch(), first)
    assert len(archive.requests) == n_requests  # a published version need not even be asked for
    assert (tmp_path / "files/manifest.csv").read_text() == text
    (tmp_path / "files/manifest.csv").unlink()
    assert set(fetch()["status"]) == {"found"}
    assert len(archive.asked) == 2


def test_a_file_that_was_changed_or_lost_is_fetched_anew(fetch, archive, tmp_path):
    fetch()
    (tmp_path / "files" / CORI).write_bytes(b"x" * 300_000)
    (tmp_path / "files" / HENCH).unlink()
    fetch()
    assert (tmp_path / "files" / CORI).read_bytes() == CONTENT[CORI]
    assert (tmp_path / "files" / HENCH).read_bytes() == CONTENT[HENCH]


def test_a_download_goes_on_where_it_broke_off(fetch, archive, tmp_path):
    archive.breaks[CORI] = [150_000]
    fetch()
    ranges = [wanted for path, wanted in archive.asked if path == CORI]
    assert ranges[0] is None and 0 < int(ranges[1].removeprefix("bytes=").rstrip("-")) <= 150_000
    assert len(ranges) == 2 and (tmp_path / "files" / CORI).read_bytes() == CONTENT[CORI]


def test_a_later_run_goes_on_too_and_no_half_file_has_a_final_name(fetch, archive, tmp_path):
    archive.breaks[CORI] = [100_000, 100_000]
    with pytest.raises(InputError, match="A download breaks off") as error:
        fetch(attempts=2)
    assert "of 300000 bytes" in error.value.got and "Run again" in error.value.hint
    files = leftovers(tmp_path / "files")
    assert len(files) == 1 and files[0].endswith(".part")
    assert not list((tmp_path / "files").glob("**/*.nwb"))
    n_asked = len(archive.asked)
    fetch()
    assert archive.asked[n_asked][1] is not None
    assert leftovers(tmp_path / "files") == ["manifest.csv", CORI, HENCH]


def test_a_server_without_ranges_spoils_nothing(fetch, archive, tmp_path):
    archive.breaks[CORI], archive.ranges = [150_000], False
    fetch()
    assert (tmp_path / "files" / CORI).read_bytes() == CONTENT[CORI]


def test_a_wrong_checksum_is_refused_and_leaves_nothing(fetch, archive, tmp_path):
    archive.served[CORI] = b"y" * 300_000
    with pytest.raises(InputError, match="checksum that the archive says") as error:
        fetch()
    assert CORI in error.value.where and "dandi-etag" in error.value.got
    assert leftovers(tmp_path / "files") == []


def test_either_checksum_suffices_and_none_does_not(fetch, archive, tmp_path):
    whole = archive.metadata(VERSION, CORI)["digest"]
    for name, value in whole.items():
        archive.digests[CORI] = {name: value}
        fetch(CORI)
        assert (tmp_path / "files" / CORI).is_file()
        archive.digests[CORI] = {name: "0" * len(value)}
        (tmp_path / "files" / CORI).unlink()
        with pytest.raises(InputError, match="checksum that the archive says"):
            fetch(CORI)
    archive.digests[CORI] = {}
    with pytest.raises(InputError, match="does not say the checksum"):
        fetch(CORI)


def test_an_archive_that_falls_silent_is_given_up_after_as_many_attempts(fetch, archive, monkeypatch):
    answer = archive.answer
    monkeypatch.setattr(
        archive, "answer", lambda path, query: answer(path, query) if path == "/info/" else (503, {})
    )
    with pytest.raises(InputError, match="cannot be reached"):
        fetch(attempts=2)
    assert len(archive.requests) == 3


def test_a_server_error_is_tried_again_and_then_named(fetch, archive):
    archive.status[CORI] = 503
    with pytest.raises(InputError, match="breaks off") as error:
        fetch(attempts=3)
    assert "503" in error.value.got
    assert len([path for path, _ in archive.asked if path == CORI]) == 3


@pytest.mark.parametrize(
    "asked, message, hint",
    [
        ({"dandiset": "000018"}, "no such dandiset", "dandiarchive.org"),
        ({"version": "0.240329.1927"}, "no such version", f"Did you mean '{VERSION}'"),
        ({"paths": [CORI.replace("Cori_ses", "Corri_ses")]}, "no such file", f"Did you mean '{CORI}'"),
        ({"paths": ["sub-Cori/*", "*.zarr"]}, "no such file", "Patterns heed case"),
    ],
)
def test_what_is_not_there_is_named_with_the_nearest(fetch, tmp_path, asked, message, hint):
    with pytest.raises(InputError, match=message) as error:
        fetch(**asked)
    assert hint in error.value.hint
    assert not (tmp_path / "files/manifest.csv").exists()


def test_a_file_that_vanished_meanwhile_is_named(fetch, archive):
    archive.status[HENCH] = 404
    with pytest.raises(InputError, match="no such thing"):
        fetch()


def test_what_is_not_public_is_refused(fetch, archive):
    archive.embargo = "EMBARGOED"
    with pytest.raises(InputError, match="not public") as error:
        fetch()
    assert "EMBARGOED" in error.value.got
    archive.embargo = "OPEN"
    archive.status[CORI] = 403
    with pytest.raises(InputError, match="not public"):
        fetch()


def test_a_zarr_folder_and_a_path_that_leads_out_are_refused(fetch, archive, tmp_path):
    archive.zarr = {HENCH}
    with pytest.raises(InputError, match="Zarr folder"):
        fetch()
    archive.files[VERSION]["../outside.nwb"] = b"x"
    with pytest.raises(InputError, match="out of the folder"):
        fetch("*outside.nwb")
    assert not (tmp_path / "outside.nwb").exists()


def test_without_a_connection_what_is_there_serves(fetch, tmp_path):
    for version in (VERSION, "draft"):
        folder = tmp_path / version
        with pytest.raises(InputError, match="cannot be reached"):
            retrieve("000017", version, [CORI], folder, api_url=unused_url(), timeout_s=1)
        assert not (folder / "manifest.csv").exists()
    for version in (VERSION, "draft"):
        table = fetch(version=version)
        again = fetch(version=version, api_url=unused_url(), timeout_s=1)
        pd.testing.assert_frame_equal(again, table)
        with pytest.raises(InputError, match="cannot be reached"):  # another question
            fetch("dandiset.yaml", version=version, api_url=unused_url(), timeout_s=1)
        (tmp_path / "files" / CORI).write_bytes(b"spoilt")
        with pytest.raises(InputError, match="cannot be reached"):
            fetch(version=version, api_url=unused_url(), timeout_s=1)
        (tmp_path / "files/manifest.csv").unlink()


def test_a_change_of_a_draft_is_fetched_and_marked(fetch, archive, tmp_path, caplog):
    before = fetch(version="draft")
    archive.files["draft"][HENCH] = b"another file of the same name"
    after = fetch(version="draft")
    assert after["status"].tolist() == ["fetched", "changed"]
    assert (before["asset_id"] != after["asset_id"]).tolist() == [False, True]
    assert (tmp_path / "files" / HENCH).read_bytes() == b"another file of the same name"
    assert "changed in the archive" in caplog.text
    del archive.files["draft"][CORI]
    assert fetch(version="draft")["path"].tolist() == [HENCH]
    assert "no longer in the archive" in caplog.text and (tmp_path / "files" / CORI).is_file()


def test_two_questions_share_a_folder(fetch, archive, tmp_path):
    fetch("sub-Cori/*")
    table = fetch("sub-Hench/*")
    assert table["path"].tolist() == [CORI, HENCH]
    n_requests = len(archive.requests)
    fetch(["sub-Cori/*", "sub-Hench/*"])
    assert len(archive.requests) == n_requests
    folder = tmp_path / "files"
    assert retrieved_files(folder, ["sub-Hench/*"]) == [folder / HENCH]
    assert retrieved_files(folder, ["*"]) == [folder / CORI, folder / HENCH]
    for damage in (lambda path: path.write_bytes(CONTENT[HENCH][:-1]), Path.unlink):
        damage(folder / HENCH)
        with pytest.raises(InputError, match="no longer there, or were cut") as error:
            retrieved_files(folder, ["*"])
        assert "forcerun" in error.value.hint and "1 of 2" in error.value.got
    assert retrieved_files(folder, ["sub-Cori/*"]) == [folder / CORI]
    fetch("dandiset.yaml")
    with pytest.raises(InputError, match="is NWB"):
        retrieved_files(folder, ["dandiset.yaml"])
    with pytest.raises(InputError, match="another dandiset"):
        fetch(version="draft")


def test_a_full_disk_is_named_before_and_while_fetching(fetch, archive, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        usage = dandi_files.shutil.disk_usage(tmp_path)
        patch.setattr(dandi_files.shutil, "disk_usage", lambda _: usage._replace(free=10))
        with pytest.raises(InputError, match="disk is full") as error:
            fetch()
    assert "300,013 bytes" in error.value.expected and archive.asked == []
    opened = Path.open

    class Full:
        def __init__(self, file):
            self.file = file

        def __enter__(self):
            self.file.__enter__()
            return self

        def __exit__(self, *ended):
            return self.file.__exit__(*ended)

        def write(self, piece):
            raise OSError(errno.ENOSPC, "No space left on device")

    def full(path, mode="r", *rest, **options):
        file = opened(path, mode, *rest, **options)
        return Full(file) if mode == "ab" else file

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(InputError, match="disk is full"):
        fetch()
    assert not list((tmp_path / "files").glob("**/*.nwb"))


def test_without_the_client_the_message_says_how_to_install_it(fetch, monkeypatch):
    monkeypatch.setitem(sys.modules, "dandi.dandiapi", None)
    with pytest.raises(InputError, match="not installed") as error:
        fetch()
    assert "make setup-all" in error.value.hint


# In the configuration and the workflow


def with_archive(default, **change):
    """The default with a dataset `public` from the archive."""
    configuration = deepcopy(default)
    visual = configuration["recordings"]["datasets"]["visual"]
    dataset = {key: value for key, value in visual.items() if key not in ("folder", "pattern", "simulated")}
    dandi = {"dandiset": "000017", "version": VERSION, "paths": ["sub-*/*.nwb"]} | change.pop("dandi", {})
    configuration["recordings"]["datasets"]["public"] = {**dataset, "dandi": dandi, **change}
    return configuration


def test_a_dataset_from_an_archive_needs_no_folder_and_gets_one(default, schema):
    found = checked(with_archive(default), schema)["recordings"]["datasets"]["public"]
    assert found["folder"] == f"resources/dandi/000017/{VERSION}"
    found = checked(with_archive(default, folder="not/yet/there/"), schema)["recordings"]["datasets"][
        "public"
    ]
    assert found["folder"] == "not/yet/there"


@pytest.mark.parametrize(
    "change, where",
    [
        ({"dandi": {"dandiset": "17"}}, "dandi.dandiset"),
        ({"dandi": {"dandiset": 17}}, "dandi.dandiset"),
        ({"dandi": {"version": 0.24}}, "dandi.version"),
        ({"dandi": {"version": "newest"}}, "dandi.version"),
        ({"dandi": {"paths": []}}, "dandi.paths"),
        ({"dandi": {"api_url": "file:///x"}}, "dandi.api_url"),
        ({"dandi": {"path": ["x"]}}, "dandi.path"),
        ({"pattern": "*.nwb"}, "pattern"),
        ({"simulated": True}, "simulated"),
    ],
)
def test_a_wrong_archive_is_refused(default, schema, change, where):
    with pytest.raises(InputError) as error:
        checked(with_archive(default, **change), schema)
    assert error.value.where == f"recordings.datasets.public.{where}"


def test_a_dataset_without_an_archive_needs_folder_and_pattern(default, schema):
    for key in ("folder", "pattern"):
        configuration = deepcopy(default)
        del configuration["recordings"]["datasets"]["visual"][key]
        with pytest.raises(InputError, match=f"{key!r} is missing") as error:
            checked(configuration, schema)
        assert error.value.where == f"recordings.datasets.visual.{key}"


def test_two_versions_do_not_share_a_folder(default, schema):
    configuration = with_archive(default, folder="x")
    public = configuration["recordings"]["datasets"]["public"]
    configuration["recordings"]["datasets"]["more"] = {**public, "label": {"column": "choice"}}
    checked(configuration, schema)  # another label of the same files
    draft = {**public, "dandi": {**public["dandi"], "version": "draft"}}
    configuration["recordings"]["datasets"]["draft"] = draft
    with pytest.raises(InputError, match="one name"):
        checked(configuration, schema)


@pytest.mark.workflow
def test_the_workflow_retrieves_what_the_configuration_names_and_no_more(root, archive, tmp_path):
    for name in ("src", "workflow", "config", "envs", "profiles"):
        shutil.copytree(root / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", tmp_path)
    overlay = yaml.safe_load((root / "config/public.yaml").read_text())
    overlay = {key: overlay[key] for key in ("name", "results_dir", "recordings")}  # no neurons, no tables
    dataset = overlay["recordings"]["datasets"]["visual_side"]
    dataset["priors"], dataset["dandi"]["paths"] = ["feedforward"], ["sub-Hench/*.nwb"]

    def snakemake(*arguments):
        (tmp_path / "overlay.yaml").write_text(yaml.safe_dump(overlay))
        command = [sys.executable, "-m", "snakemake", *arguments, "--configfile", "overlay.yaml"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    dataset["dandi"]["api_url"] = unused_url()
    code, text = snakemake("recordings", "-n")
    assert code == 0 and "retrieve_recordings" in text and "prepare_recordings" in text, text
    folder = tmp_path / "resources/dandi/000017" / VERSION
    with serving(archive) as dataset["dandi"]["api_url"]:
        code, text = snakemake("retrieve", "--cores", "1")
        assert code == 0, text
        assert leftovers(folder) == ["manifest.csv", HENCH]
        code, text = snakemake("retrieve", "--cores", "1")
        assert code == 0 and "Nothing to be done" in text, text


def test_the_public_mapping_reads_files_of_the_published_layout(root, tmp_path):
    left, right = write_published_layout(tmp_path / "sub-Cori.nwb")
    dataset = yaml.safe_load((root / "config/public.yaml").read_text())["recordings"]["datasets"][
        "visual_side"
    ]
    others = ("dandi", "priors", "signal")
    settings = Preparation.from_config({key: value for key, value in dataset.items() if key not in others})
    (session,), table = prepare_dataset([tmp_path / "sub-Cori.nwb"], settings, signal=dataset["signal"])
    assert table["status"].tolist() == ["used"]
    kept = [unit for unit in range(24) if unit % 3 != 2 and unit > 3]  # VISp, and good
    assert session.unit_ids.tolist() == [str(unit) for unit in kept]
    sides = (right > left)[left != right]
    np.testing.assert_array_equal(session.labels, sides.astype(int))
    np.testing.assert_array_equal(session.error, (np.arange(40) % 3 == 0)[left != right])
    np.testing.assert_array_equal(session.difficulty, np.abs(right - left)[left != right])
    np.testing.assert_allclose(session.reaction_s, 0.7)
    counts = session.values.sum((1, 2))
    assert counts[sides].min() > counts[~sides].max()  # the windows lie at the stimulus
