"""Damaged results are found, named and made anew; clocks that are wrong change nothing."""

import os
import random
import re
import shutil
import time

import h5py
import numpy as np
import pandas as pd
import pytest

from digimus import checksums
from digimus.analysis.decoding.tables import cell_tables
from digimus.connectome import read_graph
from digimus.errors import InputError
from digimus.morphology.voxels import read_arbors
from digimus.motifs.priors import read_priors
from digimus.recordings import read_prepared
from digimus.storage import read_table, write_arrays, write_table
from digimus.training import load
from whole_runs import snakemake, tables

DAY_S = 86_400


def truncated(data):
    return data[: len(data) * 2 // 3]


def zeroed(data):
    middle = len(data) // 2
    return data[:middle] + bytes(len(data) - middle)


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 0x04]) + data[middle + 1 :]


def without_a_row(data):
    return b"\n".join(data.split(b"\n")[:-2]) + b"\n"


def without_a_column(data):
    return b"\n".join(line.partition(b",")[2] for line in data.split(b"\n"))


DAMAGE = {
    "truncated": truncated,
    "zeroed": zeroed,
    "flipped": flipped,
    "empty": lambda data: b"",
    "text": lambda data: b"<html>404 Not Found</html>\n",
    "without a row": without_a_row,
    "without a column": without_a_column,
}


def damage(path, kind):
    """Damage a file as a disk would: its times stay."""
    status = path.stat()
    before = path.read_bytes()
    after = DAMAGE[kind](before)
    assert after != before
    path.write_bytes(after)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


# Checksums


@pytest.fixture
def results(tmp_path):
    """Results of two jobs: a table; a table with a file beside it that no rule names."""
    folder = tmp_path / "results/mine"
    write_table(folder / "a/table.csv", pd.DataFrame({"x": range(50), "y": "text"}))
    write_table(folder / "b/sessions.csv", pd.DataFrame({"session": ["s1"]}))
    write_arrays(folder / "b/s1.h5", {"values": np.arange(5000.0)})
    checksums.keep(folder, [folder / "a/table.csv"])
    checksums.keep(folder, [folder / "b/sessions.csv"], [folder / "b/s1.h5"])
    return folder


@pytest.mark.parametrize("kind", DAMAGE)
def test_every_damage_is_found_and_named(results, kind):
    table = results / "a/table.csv"
    checksums.check(results, [table, results / "b/sessions.csv"])
    damage(table, kind)
    with pytest.raises(InputError) as error:
        checksums.check(results, [table, results / "b/sessions.csv"])
    assert error.value.where == str(table) and f"Delete {table} and run again" in error.value.hint
    record = checksums.record_of(results, table)
    assert str(record) in error.value.hint and record.is_file()
    record.unlink()
    checksums.check(results, [table])  # changed on purpose


@pytest.mark.parametrize("kind", ["flipped", "empty"])
def test_a_file_beside_a_result_is_checked_with_it(results, kind):
    damage(results / "b/s1.h5", kind)
    checksums.check(results, [results / "a/table.csv"])
    with pytest.raises(InputError) as error:
        checksums.check(results, [results / "b/sessions.csv"])
    assert error.value.where == str(results / "b/s1.h5")
    assert f"Delete {results}/b/sessions.csv and run" in error.value.hint  # what a rule makes anew
    (results / "b/s1.h5").unlink()
    with pytest.raises(InputError, match="nothing there"):
        checksums.check(results, [results / "b/sessions.csv"])


def test_what_has_no_checksum_is_used_as_it_is(results, tmp_path):
    outside = tmp_path / "input.csv"
    outside.write_text("a\n1\n")
    checksums.keep(results, [outside])
    checksums.check(results, [outside, results / "a/absent.csv"])
    assert not list(tmp_path.glob("**/input.csv.json"))
    checksums.forget(results, [results / "a/table.csv", results / "b/never.csv"])
    damage(results / "a/table.csv", "empty")
    checksums.check(results, [results / "a/table.csv"])


@pytest.mark.parametrize(
    "record", [b"", b"{", b"[]", b'{"a/table.csv": 3}', b'{"a/table.csv": [1]}', b"\xff", b"7"]
)
def test_a_damaged_checksum_stops_nothing(results, record):
    checksums.record_of(results, results / "a/table.csv").write_bytes(record)
    checksums.check(results, [results / "a/table.csv"])


def test_of_very_large_results_the_size_is_compared(results, monkeypatch):
    monkeypatch.setattr(checksums, "LARGEST_HASHED_BYTES", 100)
    table = results / "a/table.csv"
    checksums.keep(results, [table])
    damage(table, "flipped")
    checksums.check(results, [table])
    damage(table, "truncated")
    with pytest.raises(InputError, match=r"bytes, not"):
        checksums.check(results, [table])


def test_paths_may_be_absolute_or_not(results, monkeypatch):
    monkeypatch.chdir(results.parent.parent)
    damage(results / "a/table.csv", "flipped")
    for folder, path in (("results/mine", results / "a/table.csv"), (results, "results/mine/a/table.csv")):
        with pytest.raises(InputError, match="not as it was written"):
            checksums.check(folder, [path])


# Readers, for those who use the library without the workflow


READERS = {
    "morphology/simulated/arbors.h5": read_arbors,
    "connectome/simulated/SIM-geometry.h5": read_graph,
    "recordings/visual/*.h5": read_prepared,
    "training/rules/go/digimus/feedforward.h5": load,
    "training/visual/sessions/digimus/none.h5": lambda path: cell_tables(
        path, read_table(path.parents[4] / "recordings/visual/sessions.csv", dtype={"session": str}),
        path.parents[4] / "recordings/visual", [],
    ),
    "motifs/simulated/priors.csv": read_priors,
}  # fmt: skip


@pytest.mark.workflow
@pytest.mark.parametrize("name", READERS)
def test_readers_of_damaged_files_say_so_or_read_what_is_there(finished, tmp_path, name):
    folder = tmp_path / "tiny"
    shutil.copytree(finished[0] / "results/tiny", folder)
    path = sorted(folder.glob(name))[0]
    data = path.read_bytes()
    refused = 0
    chances = random.Random(1)
    for k in range(25):
        if k < len(DAMAGE) and (kind := list(DAMAGE)[k]) in DAMAGE and not (k > 4 and path.suffix == ".h5"):
            damaged = DAMAGE[kind](data)
        else:  # some bytes anywhere
            damaged = bytearray(data)
            for _ in range(8):
                damaged[chances.randrange(len(data))] = chances.randrange(256)
        path.write_bytes(damaged)
        try:
            READERS[name](path)
        except InputError as error:
            refused += 1
            assert str(path) in str(error) and error.hint
    assert refused >= 3
    path.write_bytes(data)
    READERS[name](path)


# Whole runs


def copied(finished, tmp_path):
    """A copy of the finished run, times and all."""
    folder = tmp_path / "project"
    shutil.copytree(finished[0], folder, symlinks=True, ignore=shutil.ignore_patterns("mine"))
    return folder


@pytest.mark.workflow
def test_a_run_names_what_is_damaged_and_then_makes_it_anew(finished, tmp_path):
    folder = copied(finished, tmp_path)
    results, before = folder / "results/tiny", tables(folder)
    session = sorted((results / "recordings/visual").glob("*.h5"))[0].relative_to(results)
    damaged = {
        "training/rules/go/digimus/none.h5": "truncated",
        str(session): "flipped",
        "connectome/simulated/SIM-geometry.h5": "zeroed",
        "tasks/trials.csv": "without a row",
    }
    for name, kind in damaged.items():
        damage(results / name, kind)
    needing = ["retention/weights.csv", "evaluation/references/visual.scores.csv", "figures/figS6_tasks.csv",
               "connectome/simulated/recovery.csv"]  # fmt: skip
    targets = [f"results/tiny/{name}" for name in needing]
    for target in targets:
        (folder / target).unlink()
    done = snakemake(folder, *targets)
    assert done.returncode and "Traceback" not in done.text
    for name in damaged:
        assert f"where:    results/tiny/{name}\n" in done.text, done.text[-3000:]
    kept = tables(folder)
    assert all(kept.get(name) == text for name, text in before.items() if name not in (*needing, *damaged))
    named = re.findall(r"hint: +Delete (.+?) and run again", done.text)
    for path in {path for paths in named for path in paths.split(", ")}:
        (folder / path).unlink()
    done = snakemake(folder, *targets)
    assert done.returncode == 0, done.text[-3000:]
    assert tables(folder) == before


@pytest.mark.workflow
def test_wrong_clocks_end_in_a_message_or_in_the_same_results(finished, tmp_path):
    folder = copied(finished, tmp_path)
    before, chances = tables(folder), random.Random(1)
    given = [path for part in ("results/tiny", "resources") for path in (folder / part).rglob("*")]
    given = sorted(path for path in given if path.is_file() and "benchmarks" not in path.parts)
    for path in given:
        moved = path.stat().st_mtime + chances.choice([-DAY_S, 0, DAY_S])
        os.utime(path, (moved, moved))
    stages = ("claims", "retention", "motifs", "recordings")
    done = snakemake(folder, *stages)
    if done.returncode:  # Snakemake refuses what would be made from files of the future
        assert "clock skew" in done.text and "Traceback" not in done.text, done.text[-3000:]
        for path in given:
            if path.exists() and path.stat().st_mtime > time.time():
                os.utime(path)
        done = snakemake(folder, *stages)
    assert done.returncode == 0, done.text[-3000:]
    assert tables(folder) == before


def test_arrays_hold_no_times(tmp_path):
    for name, written in (("a", 1e9), ("b", 2e9)):
        write_arrays(
            tmp_path / f"{name}.h5", {"x": np.arange(3000), "text": np.array(["a", "b"])}, provenance={}
        )
        os.utime(tmp_path / f"{name}.h5", (written, written))
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    with h5py.File(tmp_path / "a.h5") as file:
        assert h5py.h5o.get_info(file["x"].id).mtime == 0
