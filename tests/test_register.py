"""The register of public data: rows by name, and rows that are wrong."""

import pytest

from digimus.errors import InputError
from digimus.retrieval.register import COLUMNS, dataset, read_datasets

GOOD = {"name": "set", "version": "1", "url": "https://a/b", "bytes": "7", "sha256": "0" * 64, "kind": "csv"}


def register(folder, *rows):
    path = folder / "datasets.csv"
    lines = [",".join((GOOD | row).get(column, "") for column in COLUMNS) for row in rows]
    path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    return path


def test_a_row_by_its_name(tmp_path):
    path = register(tmp_path, {}, {"name": "other", "bytes": "", "sha256": "", "version": "", "url": ""})
    row = dataset("set", path)
    assert (row.n_bytes, row.sha256, row.version, row.kind) == (7, "0" * 64, "1", "csv")
    other = dataset("other", path)
    assert (other.n_bytes, other.sha256, other.version, other.url) == (None, None, "", "")
    assert list(read_datasets(path)["name"]) == ["set", "other"]


def test_a_name_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'set'"):
        dataset("sett", register(tmp_path, {}))


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"name": "../set"}, "column 'name'"),
        ({"name": ""}, "column 'name'"),
        ({"version": "1/2"}, "column 'version'"),
        ({"version": ".."}, "column 'version'"),
        ({"url": "file:///etc/passwd"}, "column 'url'"),
        ({"bytes": "-7"}, "column 'bytes'"),
        ({"sha256": "abc"}, "column 'sha256'"),
        ({"kind": "cvs"}, "Did you mean 'csv'"),
    ],
)
def test_a_row_that_is_wrong(tmp_path, wrong, message):
    with pytest.raises(InputError, match=message):
        read_datasets(register(tmp_path, wrong))


def test_a_name_that_stands_twice(tmp_path):
    with pytest.raises(InputError, match="stands twice"):
        read_datasets(register(tmp_path, {}, {"version": "2"}))


def test_a_register_that_lacks_a_column(tmp_path):
    path = tmp_path / "datasets.csv"
    path.write_text("name,version\nset,1\n")
    with pytest.raises(InputError, match="lacks the column 'url'"):
        dataset("set", path)
