"""What a folder of downloads is known to hold: a manifest, and a journal while it is being filled.

A line goes into the journal before a file gets its name, so that a run that was killed knows at its next
start what it had verified. The manifest is written last, once everything is there; the journal ends then.
"""

import fcntl
import json
import re
import threading
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pandas as pd

from digimus.errors import InputError
from digimus.storage import file_hash, read_table, write_table
from digimus.suggest import listed

MANIFEST, JOURNAL, LOCK = "manifest.csv", ".fetched.jsonl", ".fetching.lock"
COLUMNS = ("url", "path", "bytes", "sha256", "date", "status", "payload")
RESERVED = (MANIFEST, JOURNAL, LOCK)


@contextmanager
def alone(folder, waiting):
    """Make a folder and hold it for this process; another one that fetches into it is waited for.

    Parameters
    ----------
    folder : Path
    waiting : callable
        Called once if another process has it.

    Raises
    ------
    InputError
        If the folder cannot be written to or its disk knows no locks.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / LOCK).open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(lock, fcntl.LOCK_EX)
    except OSError as error:
        raise InputError(
            "A folder for downloads cannot be used.",
            where=folder,
            expected="a folder that can be written to, on a disk with file locks",
            got=str(error),
            hint="Check its permissions and its place, or name another folder.",
        ) from error
    with lock:  # closing it, or the end of the process, lets the next one in
        yield


class Pins:
    """Rows of the manifest and the journal of a folder, by path."""

    def __init__(self, folder):
        self.folder = folder
        self.rows = _manifest(folder) | _journal(folder)
        self._file, self._lock = None, threading.Lock()

    def of(self, download):
        """The row of the same address and question at this path, or None."""
        row = self.rows.get(str(download.path))
        same = row and (row["url"], row["payload"]) == (download.url, payload_text(download))
        return row if same else None

    def add(self, row):
        """Write a row into the journal."""
        with self._lock:
            if self._file is None:
                self._file = (self.folder / JOURNAL).open("a", encoding="utf-8")
            self._file.write("\n" + json.dumps(row))  # the line before may be torn
            self._file.flush()

    def close(self):
        """Close the journal; what is in it stays for the next run."""
        if self._file is not None:
            self._file.close()

    def finish(self, rows):
        """Write the manifest of these rows and of all others whose files are still there; end the journal."""
        rows = {row["path"]: row for row in rows}
        for path, row in self.rows.items():
            if path not in rows and (self.folder / path).is_file():
                rows[path] = row
        write_table(self.folder / MANIFEST, as_table(rows.values()))
        self.close()
        (self.folder / JOURNAL).unlink(missing_ok=True)


def check_fetched(paths, folder=None):
    """Refuse files that are gone or changed since they were fetched, all of them in one message.

    Parameters
    ----------
    paths : iterable of str or Path
        Those that no manifest lists must only be there.
    folder : str or Path, optional
        With the manifest, and what the paths are relative to. None: each has it in its own folder.

    Raises
    ------
    InputError
    """
    problems, manifests = {}, {}
    for path in map(Path, paths):
        base = path.parent if folder is None else Path(folder)
        name = path.name if folder is None else str(path)
        if base not in manifests:
            manifests[base] = _own_manifest(base)
        row, file = manifests[base].get(name), base / name
        if not file.is_file():
            problems[str(file)] = "nothing there"
        elif row and file.stat().st_size != row["bytes"]:
            problems[str(file)] = f"{file.stat().st_size:,} bytes instead of {row['bytes']:,}"
        elif row and file_hash(file) != row["sha256"]:
            problems[str(file)] = "other bytes"
    if problems:
        raise InputError(
            "A file is not as it was fetched.",
            where=listed(problems, 5),
            expected="what the manifest beside it says",
            got=listed(dict.fromkeys(problems.values()), 5),
            hint="Delete it and run again: it is fetched anew. Was it changed on purpose? Then copy it "
            "elsewhere, and name the copy.",
        )


def _own_manifest(folder):
    """Rows of the manifest; none where it is absent, or a file of that name that is not ours."""
    try:
        return _manifest(folder)
    except InputError:
        return {}


def as_table(rows):
    """Rows as a table with the columns of the manifest, sorted by path."""
    return pd.DataFrame(list(rows), columns=COLUMNS).sort_values("path", ignore_index=True)


def payload_text(download):
    """The question of a POST as sorted JSON; empty for a GET."""
    return "" if download.payload is None else json.dumps(download.payload, sort_keys=True)


def inside(path):
    """Whether a path stays below its folder, on any system."""
    text, parts = str(path), PurePosixPath(path).parts
    return bool(parts) and not (
        PurePosixPath(path).is_absolute() or ".." in parts or re.search(r"[\x00-\x1f\\]|^[A-Za-z]:", text)
    )


def _manifest(folder):
    path = folder / MANIFEST
    if not path.is_file():
        return {}
    table = read_table(path, COLUMNS, dtype=str, keep_default_na=False)
    for row in table.to_dict("records"):
        if not _is_row(row):
            raise InputError(
                "The list of a folder of downloads is damaged.",
                where=path,
                expected="a path below the folder, a number of bytes and a sha256 in every row",
                got=f"path {row['path']!r}, bytes {row['bytes']!r}, sha256 {row['sha256']!r}",
                hint="Delete the list and run again: the files stay, and are listed anew.",
            )
    return {
        row["path"]: row | {"bytes": int(row["bytes"])} for row in table[list(COLUMNS)].to_dict("records")
    }


def _journal(folder):
    """Rows of a run that did not end; a line that was being written when it was killed is left out."""
    path, rows = folder / JOURNAL, {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                row = {name: json.loads(line)[name] for name in COLUMNS}
            except (ValueError, KeyError, TypeError):
                continue
            if _is_row(row):
                rows[row["path"]] = row
    return rows


def _is_row(row):
    return (
        inside(row["path"])
        and re.fullmatch(r"\d+", str(row["bytes"])) is not None
        and re.fullmatch(r"[0-9a-f]{64}", str(row["sha256"])) is not None
    )
