"""The register of public data: what there is, where, how long, with which checksum, and under which terms."""

import re
from dataclasses import dataclass

from digimus.errors import InputError
from digimus.retrieval.contents import check_kind
from digimus.storage import read_table
from digimus.suggest import did_you_mean

COLUMNS = (
    *("name", "version", "url", "bytes", "sha256", "kind", "licence", "citation", "used_for", "checked"),
    *("dandiset", "path", "confirmed"),
)


@dataclass(frozen=True)
class Dataset:
    """A row of the register.

    Attributes
    ----------
    name, version : str
    url : str
        Empty where no address is known.
    n_bytes : int or None
    sha256 : str or None
        None where it is learnt on the first fetch.
    kind : str
        One of `digimus.retrieval.contents.KINDS`.
    licence, citation, used_for : str
    checked : str
        How the row is known; "untested live" where nobody fetched it through this register yet.
    dandiset, path : str
        Of recordings in the DANDI archive.
    confirmed : str
        Whether published results were made from it.
    """

    name: str
    version: str
    url: str
    n_bytes: int | None
    sha256: str | None
    kind: str
    licence: str
    citation: str
    used_for: str
    checked: str
    dandiset: str
    path: str
    confirmed: str


def read_datasets(path):
    """The register as a table of text, one row a dataset, with `COLUMNS`.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame

    Raises
    ------
    InputError
        If a column is absent, a name stands twice, or a value is not what its column holds.
    """
    table = read_table(path, COLUMNS, dtype=str, keep_default_na=False)
    for row in table.to_dict("records"):
        where = f"{path}, {row['name']}"
        check_kind(row["kind"], where)
        _check(row, "name", r"[A-Za-z0-9][\w.-]*", "letters, digits, '-', '.' and '_'", where)
        _check(
            row, "version", r"([A-Za-z0-9][\w.-]*)?", "letters, digits, '-', '.' and '_', or nothing", where
        )
        _check(row, "url", r"(https?://\S+)?", "an address with http:// or https://, or nothing", where)
        _check(row, "bytes", r"\d*", "a number, or nothing", where)
        _check(row, "sha256", r"([0-9a-f]{64})?", "64 hexadecimal digits, or nothing", where)
    twice = table.loc[table["name"].duplicated(), "name"]
    if len(twice):
        raise InputError(
            "A dataset stands twice in the register.",
            where=path,
            expected="one row for each name",
            got=twice.iloc[0],
            hint="Give one of the rows another name.",
        )
    return table


def dataset(name, path):
    """A dataset by its name.

    Parameters
    ----------
    name : str
    path : str or Path
        Of the register.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If there is none of that name, or the register is wrong.
    """
    table = read_datasets(path)
    rows = table.loc[table["name"] == name, list(COLUMNS)].to_dict("records")
    if not rows:
        raise InputError(
            "A dataset is not in the register.",
            where=path,
            expected="a name that is in its first column",
            got=name,
            hint=did_you_mean(name, table["name"]),
        )
    row = rows[0]
    n_bytes, sha256 = row.pop("bytes"), row.pop("sha256")
    return Dataset(n_bytes=int(n_bytes) if n_bytes else None, sha256=sha256 or None, **row)


def _check(row, column, form, expected, where):
    if not re.fullmatch(form, row[column]):
        raise InputError(
            f"A value in the register's column {column!r} is wrong.",
            where=where,
            expected=expected,
            got=row[column],
            hint="Correct the row.",
        )
