"""Checksums of results, by which a result that was damaged since it was written is found before it is used.

Beside the tables and arrays of a results folder lies a folder `.checksums` with a small file for each of
them. A result without one, such as one from an earlier version, is used as it is.
"""

import json
import os
from pathlib import Path

from digimus.errors import InputError
from digimus.storage import file_hash, write_text

FOLDER = ".checksums"
LARGEST_HASHED_BYTES = 2**28
"""Of larger files the size alone is compared; each job that reads one would hash all of it again."""
_SHOWN = 5


def record_of(results, path):
    """Where the checksum of a result lies."""
    inner = Path(os.path.relpath(path, results))
    return Path(results) / FOLDER / inner.with_name(f"{inner.name}.json")


def forget(results, paths):
    """Remove the checksums of results that are about to be written anew."""
    for path in _within(results, paths):
        record_of(results, path).unlink(missing_ok=True)


def keep(results, paths, companions=()):
    """Write the checksums of results.

    Parameters
    ----------
    results : str or Path
        The folder of results; paths outside it are left out.
    paths : sequence of str or Path
    companions : sequence of str or Path
        Files that belong to each of them and are read with it, though no rule names them.
    """
    own = {os.path.relpath(other, results): _state(other) for other in companions}
    for path in _within(results, paths):
        states = {os.path.relpath(path, results): _state(path), **own}
        write_text(record_of(results, path), json.dumps(states, sort_keys=True))


def check(results, paths):
    """Refuse results that are not as they were written, all in one message.

    Raises
    ------
    InputError
    """
    changed, read, owners = {}, {}, {}
    for path in _within(results, paths):
        for inner, state in _kept(results, path).items():
            if inner not in read:
                read[inner] = _state(Path(results) / inner)
            if read[inner] != state:
                changed[str(Path(results) / inner)] = _difference(state, read[inner])
                owners[str(path)] = True
    if changed:
        raise InputError(
            "A result is not as it was written.",
            where=_listed(changed),
            expected="the bytes that the workflow wrote",
            got=", ".join(dict.fromkeys(changed.values())),
            hint=f"Delete {_listed(owners)} and run again: it is made anew, and all else is kept. "
            f"Was it changed on purpose? Then delete its checksum, {record_of(results, next(iter(owners)))}.",
        )


def _listed(paths):
    more = len(paths) - _SHOWN
    return ", ".join([*list(paths)[:_SHOWN], *([f"and {more} more"] if more > 0 else [])])


def _within(results, paths):
    """Paths of existing or planned files inside the results."""
    folder = Path(os.path.abspath(results))
    return [path for path in paths if Path(os.path.abspath(path)).is_relative_to(folder)]


def _kept(results, path):
    """The checksums that stand for a result; none if there are none that can be read."""
    try:
        found = json.loads(record_of(results, path).read_text(encoding="utf-8"))
        return {str(name): (int(size), digest) for name, (size, digest) in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _state(path):
    """Size and hash of a file, (None, None) if there is none."""
    try:
        size = os.path.getsize(path)
        return size, file_hash(path) if size <= LARGEST_HASHED_BYTES else None
    except OSError:
        return None, None


def _difference(expected, found):
    if found[0] is None:
        return "nothing there"
    return f"{found[0]} bytes, not {expected[0]}" if found[0] != expected[0] else "other bytes"
