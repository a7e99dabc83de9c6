"""What a full or read-only disk says, and what writing to one leaves."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from digimus.disks import check_writable, disk_error
from digimus.errors import InputError

WRITING = """
import os, sys
import numpy as np
from digimus.storage import write_arrays
arrays = {f"group/{k}": np.arange(100.0) for k in range(300)}
write_arrays("kept.h5", {"x": np.arange(3.0)})
try:
    write_arrays(sys.argv[1], arrays)
except OSError as error:
    print(error.errno, *sorted(os.listdir(".")))
"""


def test_a_full_disk_is_named(tmp_path):
    with pytest.raises(OSError) as raised, open("/dev/full", "w") as file:
        file.write("x" * 10**6)
    told = disk_error(raised.value, tmp_path / "not" / "yet" / "there")
    assert told.what == "The disk is full." and told.where.startswith(str(tmp_path))
    mount = told.got.rpartition(" on ")[2]
    assert os.path.ismount(mount) and "free of" in told.got


@pytest.mark.parametrize(
    "number, what",
    [
        (errno.EDQUOT, "The disk quota is used up."),
        (errno.EROFS, "A disk is read-only."),
        (errno.EACCES, "A file or folder may not be used."),  # an input, perhaps
    ],
)
def test_other_refusals_are_told_apart(tmp_path, number, what):
    path = tmp_path / "a.csv"
    told = disk_error(OSError(number, os.strerror(number), str(path)), "elsewhere")
    assert told.what == what and told.where == str(path)


def test_the_cause_of_an_error_is_found_and_what_hdf5_says_in_words_is_read(tmp_path):
    try:
        try:
            raise RuntimeError("Can't decrement id ref count (error message = 'No space left on device')")
        except RuntimeError as error:
            raise ValueError("no table") from error
    except ValueError as error:
        assert disk_error(error, tmp_path).what == "The disk is full."


def test_other_errors_are_not_blamed_on_the_disk(tmp_path):
    for error in (ValueError("bad"), FileNotFoundError(errno.ENOENT, "No such file", "a"), KeyError("x")):
        assert disk_error(error, tmp_path) is None


def test_a_folder_that_can_be_written_to_is_made_and_left_empty(tmp_path):
    check_writable(tmp_path / "results" / "tiny")
    assert not list((tmp_path / "results" / "tiny").iterdir())


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(InputError, match="cannot be written to"):
        check_writable(tmp_path / "results" / "tiny")


def test_arrays_that_do_not_fit_leave_no_file_and_no_noise(root, tmp_path):
    if os.geteuid() or not shutil.which("unshare"):
        pytest.skip("mounting a small disk needs root and unshare")
    (tmp_path / "disk").mkdir()
    command = f"""
        mount -t tmpfs -o size=100k tmpfs disk || exit 77
        cd disk && exec "{sys.executable}" -c '{WRITING}' new.h5
    """
    source = {"PYTHONPATH": str(Path(root) / "src")}
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-c", command],
        cwd=tmp_path, env=os.environ | source, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.split() == [str(errno.ENOSPC), "kept.h5"]
