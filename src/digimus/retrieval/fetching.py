"""Many files from the network into a folder: whole and verified, or named in one error with the reason.

Files grow under names of their own and get their final one once length, first bytes and checksum are
right. What a folder holds stands in its `manifest.csv`, written last: a checksum that nobody published is
learnt on the first fetch, and holds from then on.
"""

import errno
import logging
import math
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pandas as pd

from digimus.errors import InputError
from digimus.retrieval.connections import Connections, Failure
from digimus.retrieval.contents import check_kind
from digimus.retrieval.pins import RESERVED, Pins, alone, as_table, inside, payload_text
from digimus.retrieval.progress import Progress
from digimus.retrieval.transfer import fetch, part_bytes, problem_of

LONGEST_NAME = 255
MOST_NAMED = 20  # failures that an error names; the log has all
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Download:
    """A file and where it comes from.

    Attributes
    ----------
    url : str
        http or https.
    path : Path
        Below the folder.
    n_bytes : int or None
        Its length, where it is known.
    sha256 : str or None
        Its checksum, where it is known.
    kind : str
        What its first bytes must be: "swc", "json", "csv", "nrrd", "gzip", "zip", "hdf5", or "any" that is
        no web page.
    payload : dict or None
        Sent as JSON by POST; None asks by GET.
    """

    url: str
    path: Path
    n_bytes: int | None = None
    sha256: str | None = None
    kind: str = "any"
    payload: dict | None = None


def fetch_all(downloads, folder, *, n_at_once=4, attempts=5, wait_s=1.0, timeout_s=30.0, progress=None):
    """Have files in a folder, each whole and verified; what is there and verifies is not fetched again.

    A file that broke off goes on where it ended, if the server can tell that it is the same one still. A
    file that was changed since it was fetched is fetched anew beside, and replaced once that verifies. Two
    runs into one folder wait for each other.

    Parameters
    ----------
    downloads : iterable of Download
    folder : str or Path
        Gets the files and, last, ``manifest.csv``, which also keeps the rows of files that earlier runs
        brought.
    n_at_once : int
        Connections at the same time, at most four of them to one host.
    attempts : int
        For each file.
    wait_s : float
        Before the second attempt, s; doubled from one to the next, to a minute at most. A host that asks
        for a longer wait gets it, up to five minutes.
    timeout_s : float
        After which a silent connection is given up, s.
    progress : callable, optional
        Called after each file as ``progress(n_done, n_all, path)``; files, bytes and rate are told on a
        terminal and in the log anyway.

    Returns
    -------
    DataFrame
        One row a file asked for, sorted by path: url, path, bytes, sha256, date (when it came or was found,
        UTC), status ("fetched", or "found" if it was there already when first asked for), payload (JSON).

    Raises
    ------
    InputError
        One for all files that are missing, each with the reason; before any request if a path leads out of
        the folder or is asked for twice, an address is none, or the disk cannot hold what is to come.
    """
    folder = Path(folder)
    downloads = _checked(downloads, folder)
    with alone(folder, lambda: _log.warning("another run fetches into %s; this one waits", folder)):
        pins = Pins(folder)
        downloads = [_pinned(download, pins) for download in downloads]
        _check_space(downloads, folder)
        n_bytes = [download.n_bytes for download in downloads]
        told = Progress(len(downloads), None if None in n_bytes else sum(n_bytes), progress)
        try:
            rows, failures = _each(downloads, folder, pins, told, n_at_once, attempts, wait_s, timeout_s)
        finally:
            told.end()
            pins.close()
        if failures:
            raise _missing(failures, len(downloads), folder)
        pins.finish(rows)
    return as_table(rows)


def sizes(downloads, folder, *, n_at_once=4, attempts=2, wait_s=1.0, timeout_s=30.0):
    """What `fetch_all` would bring, without any file being fetched.

    Parameters
    ----------
    downloads : iterable of Download
    folder : str or Path
        Need not exist.
    n_at_once, attempts, wait_s, timeout_s
        As for `fetch_all`.

    Returns
    -------
    DataFrame
        One row a file, in the order of their paths: url, path, bytes (of the file there, as known, or as
        the server says; nan if it does not say or cannot be reached), there (whether a file is in its
        place; its checksum is not compared).

    Raises
    ------
    InputError
        If a path leads out of the folder or is asked for twice, or an address is none.
    """
    folder = Path(folder)
    downloads = _checked(downloads, folder)
    pins = Pins(folder)

    def size(download):
        known, target = _pinned(download, pins), folder / download.path
        there = target.is_file()
        n_bytes = known.n_bytes
        if n_bytes is None:
            n_bytes = target.stat().st_size if there else _said(known, connections, attempts, wait_s)
        return {"url": download.url, "path": str(download.path), "bytes": n_bytes, "there": there}

    with Connections(n_at_once, timeout_s) as connections, ThreadPoolExecutor(n_at_once) as pool:
        try:
            rows = list(pool.map(size, downloads))
        except BaseException:
            connections.end("the run was ended")
            raise
    table = pd.DataFrame(rows, columns=["url", "path", "bytes", "there"]).astype({"bytes": float})
    return table.sort_values("path", ignore_index=True)


def _checked(downloads, folder):
    """Refuse what can be refused before the first request; the same download twice is one."""
    by_path = {}
    for download in downloads:
        download = replace(download, path=Path(download.path))
        where = f"{download.path!s} from {download.url}"
        _check_path(download.path, folder, where)
        _check_address(download.url, where)
        check_kind(download.kind, where)
        if by_path.setdefault(download.path, download) != download:
            raise InputError(
                "Two files would get one name.",
                where=folder / download.path,
                expected="one address for each path",
                got=f"{by_path[download.path].url} and {download.url}",
                hint="Give one of them another path.",
            )
    for path in by_path:
        if above := next((parent for parent in path.parents if parent in by_path), None):
            raise InputError(
                "A file has the name of another one's folder.",
                where=folder / above,
                expected="a file or a folder",
                got=f"both, since {path} is asked for",
                hint="Give one of them another path.",
            )
    return list(by_path.values())


def _check_path(path, folder, where):
    reason = None
    if not inside(path):
        reason = "leads out of the folder"
    elif any(len(os.fsencode(part)) > LONGEST_NAME for part in path.parts):
        reason = f"is longer than the {LONGEST_NAME} bytes that disks allow"
    elif path.name.startswith(".") or str(path) in RESERVED:
        reason = "is kept for what the retrieval notes"
    elif not (folder / path).parent.resolve().is_relative_to(folder.resolve()):
        reason = "leads out of the folder by a link"
    elif (folder / path).is_dir():
        reason = "is a folder already"
    if reason:
        raise InputError(
            "A file cannot get its name.",
            where=where,
            expected=f"a path below {folder}",
            got=f"{str(path)!r}, which {reason}",
            hint="If the path comes from a list of the data's archive, tell its maintainers.",
        )


def _check_address(url, where):
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise InputError(
            "An address is none.",
            where=where,
            expected="http:// or https://, a host and a path",
            got=url,
            hint="Check the list of the data that it comes from.",
        )


def _pinned(download, pins):
    """The download with what an earlier run learnt of it, where nothing else is known."""
    row = pins.of(download)
    if row is None or download.sha256 not in (None, row["sha256"]):
        return download
    return replace(download, sha256=row["sha256"], n_bytes=row["bytes"])


def _check_space(downloads, folder):
    needed = 0
    for download in downloads:
        target = folder / download.path
        if download.n_bytes is not None and not target.is_file():
            needed += download.n_bytes - part_bytes(target, download)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            "The disk cannot hold the downloads.",
            where=folder,
            expected=f"{needed:,} bytes for {len(downloads):,} files",
            got=f"{free:,} bytes free",
            hint="Ask for less, or name a folder on another disk; what was fetched is kept.",
        )


def _each(downloads, folder, pins, told, n_at_once, attempts, wait_s, timeout_s):
    """Rows of the files that are there, and the others with the reason."""
    rows, failures = [], []
    with Connections(n_at_once, timeout_s) as connections, ThreadPoolExecutor(n_at_once) as pool:

        def one(download):
            return _one(download, folder, pins, connections, attempts, wait_s, told.came)

        futures = {pool.submit(one, download): download for download in downloads}
        try:
            for future in as_completed(futures):
                download = futures[future]
                try:
                    rows.append(future.result())
                    told.done(download.path)
                except Failure as failure:
                    failures.append((download, failure.reason))
                    _log.warning("%s from %s: %s", download.path, download.url, failure.reason)
        except BaseException:
            connections.end("the run was ended")
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return rows, failures


def _one(download, folder, pins, connections, attempts, wait_s, came):
    """Have one file in its place, and its row."""
    target, problem = folder / download.path, None
    try:
        if target.is_file():
            row, problem = _found(download, target, pins)
            if row is not None:
                return row
            _log.warning("%s is there, but %s: it is fetched anew", target, problem)
        target.parent.mkdir(parents=True, exist_ok=True)
        brought = []

        def noted(n_bytes, sha256):
            brought.append(_row(download, n_bytes, sha256, "fetched"))
            pins.add(brought[0])

        fetch(download, target, connections, attempts, wait_s, came=came, noted=noted)
        return brought[0]
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            connections.end("the disk is full")
        raise Failure(f"cannot be written: {error}", final=True) from error
    except Failure as failure:
        if problem is None:
            raise
        raise Failure(f"{failure.reason}; the file that is there stays, but {problem}") from failure


def _found(download, target, pins):
    """The row of a file that was there, or what is wrong with it."""
    known, row = pins.rows.get(str(download.path)), pins.of(download)
    if known is not None and row is None and download.sha256 is None:
        return None, f"came from {known['url']}"
    problem, sha256 = problem_of(target, download)
    if problem is not None:
        return None, f"is not what was fetched or asked for: {problem}"
    if row is not None and row["sha256"] == sha256:
        return row, None
    if download.sha256 is None:
        _log.warning("%s was there, and nothing tells what it must be: it is taken as it is", target)
    return _row(download, target.stat().st_size, sha256, "found"), None


def _row(download, n_bytes, sha256, status):
    return {
        "url": download.url,
        "path": str(download.path),
        "bytes": n_bytes,
        "sha256": sha256,
        "date": datetime.now(UTC).date().isoformat(),
        "status": status,
        "payload": payload_text(download),
    }


def _missing(failures, n_all, folder):
    """One error for all that is missing."""
    failures = sorted(failures, key=lambda failure: str(failure[0].path))
    lines = [f"{download.path} from {download.url}: {reason}" for download, reason in failures]
    more = [f"and {len(lines) - MOST_NAMED:,} more; the log names all"] if len(lines) > MOST_NAMED else []
    return InputError(
        f"{len(failures):,} of {n_all:,} files could not be fetched.",
        where=folder,
        expected="each of them whole, and with the contents that it had or is listed with",
        got="\n    " + "\n    ".join(lines[:MOST_NAMED] + more),
        hint="Run again: what came is kept, and what broke off goes on where it ended. Where a file was "
        "replaced at its source on purpose, delete its row in manifest.csv, or correct its checksum in the "
        "register of data, to take the new one.",
    )


def _said(download, connections, attempts, wait_s):
    """The length that the server says, in bytes, or nan."""
    method, host, started = "HEAD", urlsplit(download.url).netloc, time.monotonic()
    for attempt in range(1, attempts + 1) if download.payload is None else ():
        try:
            with connections.answer(method, download.url) as response:
                encoded = response.headers.get("Content-Encoding", "identity") != "identity"
                said = "" if encoded else response.headers.get("Content-Length", "")
                return int(said) if said.isascii() and said.isdigit() else math.nan
        except Failure as failure:
            _log.info("%s does not say its length: %s", download.url, failure.reason)
            if failure.status in (405, 501):
                method = "GET"  # the connection is closed before the body
            elif failure.final or attempt == attempts:
                connections.after(failure, host, started)
                break
            else:
                connections.rest(max(wait_s * 2 ** (attempt - 1), failure.wait_s))
    return math.nan
