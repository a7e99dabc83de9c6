"""One file from the network: it grows under a name of its own, and gets the final one once it verifies.

Beside the target lie, while it grows, `.<hash>.part` and `.<hash>.part.state`, with the address that the
part is from and what the server said to tell its version from another. The names hold nothing of the
file's own, so that no pattern such as "*.swc*" takes a part for a file.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import time
import zlib
from urllib.parse import urlsplit

import urllib3

from digimus.retrieval.connections import BUSY, LONGEST_WAIT_S, Failure, validator
from digimus.retrieval.contents import HEAD_BYTES, wrong_contents, wrong_start
from digimus.storage import file_hash, write_text

PIECE_BYTES = 2**18
SLOWEST_BYTES = 1024  # that must come within the timeout
GZIP_WINDOW = 31  # of zlib: gzip's header and trailer are read, and the trailer's checksum compared


def fetch(download, target, connections, attempts, wait_s, *, came, noted):
    """Download one file, going on where it broke off, and give it its name once it verifies.

    Parameters
    ----------
    download : digimus.retrieval.fetching.Download
        With the length and the checksum that the file must have, where they are known.
    target : Path
    connections : Connections
    attempts : int
    wait_s : float
        Before the second attempt, s; doubled from one to the next, to a minute at most.
    came : callable
        Called with the number of bytes of each piece that came.
    noted : callable
        Called as ``noted(n_bytes, sha256)`` once the file verifies, before it gets its name.

    Raises
    ------
    Failure
        What went wrong at last.
    OSError
        If it cannot be written.
    """
    part, host, started = _Part(target, download), urlsplit(download.url).netloc, time.monotonic()
    marks = set()
    for attempt in range(1, attempts + 1):
        connections.check(host)
        try:
            if not part.whole():
                _receive(part, download, connections, came)
            sha256 = part.verified()
            connections.check()
            noted(part.path.stat().st_size, sha256)
            part.finish()
            return
        except Failure as failure:
            same = failure.mark is not None and failure.mark in marks
            marks.add(failure.mark)
            last = failure.final or same or attempt == attempts
            pause_s = max(min(wait_s * 2 ** (attempt - 1), LONGEST_WAIT_S), failure.wait_s)
            if failure.status in BUSY and not last:
                connections.hold(host, pause_s)
            if last:
                connections.after(failure, host, started)
                tried = f" ({attempt} attempts)" if attempt > 1 else ""
                raise Failure(failure.reason + tried, final=True) from failure
            connections.rest(pause_s)
    raise Failure("no attempt was allowed", final=True)


def part_bytes(target, download):
    """How much of a file is there already from a download that broke off, in bytes."""
    return _Part(target, download).n_bytes()


class _Part:
    """What came of a file so far, and which version it is of."""

    def __init__(self, target, download):
        self.target, self.download = target, download
        name = hashlib.sha256(target.name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
        self.path = target.with_name(f".{name}.part")
        self.state_path = target.with_name(f".{name}.part.state")
        self.pieced = False  # whether it came over more than one connection
        self.question = {"url": download.url, "payload": download.payload}
        self.state = self._read_state()

    def _read_state(self):
        """What the state file says of this question, where it can be read."""
        try:
            state = json.loads(self.state_path.read_text(encoding="utf-8"))
            good = {name: state[name] for name in self.question} == self.question
            good &= isinstance(state["total"], int | None) and isinstance(state["validator"], str | None)
            return state if good and not self.path.is_symlink() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def n_bytes(self):
        """Bytes that a further attempt can keep."""
        if self.state is None or self.download.payload is not None:
            return 0
        if not (self.state["validator"] or self.download.sha256):
            return 0
        n_bytes = self.path.stat().st_size if self.path.is_file() else 0
        total = self.state["total"]
        return n_bytes if total is None or n_bytes <= total else 0

    def whole(self):
        """Whether nothing is to come: all bytes were there when a run was killed."""
        kept = self.n_bytes()
        self.pieced = kept > 0
        return kept > 0 and kept == self.state["total"]

    def drop(self):
        """Forget what came."""
        self.path.unlink(missing_ok=True)
        self.state_path.unlink(missing_ok=True)
        self.state, self.pieced = None, False

    def begin(self, total, tells):
        """Start from the first byte."""
        self.drop()
        self.state = self.question | {"total": total, "validator": tells}
        write_text(self.state_path, json.dumps(self.state))

    def verified(self):
        """The sha256 of what came, if it is what was asked for; else it is dropped.

        Raises
        ------
        Failure
        """
        problem, sha256 = problem_of(self.path, self.download)
        if problem is None:
            return sha256
        mark = None if self.pieced else sha256 or problem  # a seam may have spoilt it; one piece is as sent
        self.drop()
        raise Failure(problem, mark=mark)

    def finish(self):
        """Give the file its name."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self.path, self.target)
        self.state_path.unlink(missing_ok=True)


def problem_of(path, download):
    """What is wrong with a file on the disk, and its sha256.

    Parameters
    ----------
    path : Path
    download : Download
        Length, kind and checksum are compared where they are known.

    Returns
    -------
    problem : str or None
    sha256 : str or None
        None where the length or the first bytes are wrong already.
    """
    n_bytes = path.stat().st_size
    if download.n_bytes is not None and n_bytes != download.n_bytes:
        return f"{n_bytes:,} bytes instead of {download.n_bytes:,}", None
    if not n_bytes and download.n_bytes is None:
        return "an empty file", None
    with path.open("rb") as file:
        problem = wrong_contents(file.read(HEAD_BYTES), download.kind) if n_bytes else None
    if problem:
        return problem, None
    sha256 = file_hash(path)
    if download.sha256 and sha256 != download.sha256:
        return f"sha256 {sha256} instead of {download.sha256}", sha256
    return None, sha256


def _receive(part, download, connections, came):
    """Bring what is missing of a file over one connection."""
    start = part.n_bytes()
    headers = {}
    if start:
        headers["Range"] = f"bytes={start}-"
        if part.state["validator"]:
            headers["If-Range"] = part.state["validator"]
    method = "GET" if download.payload is None else "POST"
    with connections.answer(method, download.url, headers, download.payload) as response:
        if response.status_code != 200:
            _check_rest(part, response, start)
        encoded = _is_encoded(response, download.kind)
        if response.status_code == 200:
            start = 0
            part.begin(_length(response, download, encoded), validator(response) if not encoded else None)
        part.pieced = start > 0
        total = part.state["total"]
        if total is not None and shutil.disk_usage(part.path.parent).free < total - start:
            raise OSError(errno.ENOSPC, f"{total - start:,} bytes are to come")
        with part.path.open("ab") as file:
            for piece in _pieces(response, connections, encoded):
                if not file.tell() and (problem := wrong_start(piece, download.kind)):
                    part.drop()
                    raise Failure(problem, mark=piece[:HEAD_BYTES])
                file.write(piece)
                came(len(piece))
                if total is not None and file.tell() > total:
                    part.drop()
                    raise Failure(f"more than the {total:,} bytes that the server said")
    n_bytes = part.path.stat().st_size
    if total is not None and n_bytes != total:
        raise Failure(f"broken off after {n_bytes:,} of {total:,} bytes")


def _check_rest(part, response, start):
    """Refuse a rest of a file that does not go on where, and with what, the part ends."""
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", response.headers.get("Content-Range", ""))
    numbers = [int(number) for number in found.groups()] if found else None
    state = part.state or {"total": None, "validator": None}
    total = state["total"] if state["total"] is not None else numbers and numbers[2]
    fits = start and response.status_code == 206 and numbers == [start, (total or 0) - 1, total]
    tells = state["validator"]
    if tells:
        fits = fits and tells in (response.headers.get("ETag"), response.headers.get("Last-Modified"))
    if not fits or response.headers.get("Content-Encoding", "identity") != "identity":
        part.drop()
        raise Failure(f"status {response.status_code}, but not the rest of the same file")
    state["total"] = total


def _is_encoded(response, kind):
    """Whether the body must be decoded. Servers that call an archive's own gzip an encoding do not count."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower() or "identity"
    if encoding not in ("identity", "gzip", "x-gzip"):
        raise Failure(f"content encoding {encoding}, which was not asked for", mark=encoding)
    return encoding != "identity" and kind != "gzip"


def _length(response, download, encoded):
    """The length of the file that the server announces, in bytes; None where the body tells its own end."""
    said = response.headers.get("Content-Length")
    chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
    if chunked or encoded:
        if said is None and not chunked and download.n_bytes is None and download.sha256 is None:
            raise _no_length()
        return None
    if said is None:
        if download.n_bytes is None and download.sha256 is None:
            raise _no_length()
        return download.n_bytes
    if not (said.isascii() and said.isdigit()):
        raise Failure(f"a wrong Content-Length: {said}")
    if download.n_bytes is not None and int(said) != download.n_bytes:
        raise Failure(f"{int(said):,} bytes announced instead of {download.n_bytes:,}", mark=int(said))
    return int(said)


def _no_length():
    return Failure(
        "neither the server nor the list of data says its length: half of it could not be told from all",
        final=True,
    )


def _pieces(response, connections, encoded):
    """The body, decoded; a connection that breaks, stalls or trickles as a Failure."""
    decoder = zlib.decompressobj(GZIP_WINDOW) if encoded else None
    since, n_bytes = time.monotonic(), 0
    while True:
        try:
            piece = response.raw.read1(PIECE_BYTES, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            connections.check()
            raise Failure(f"broken off: {type(error).__name__}") from error
        connections.check()
        if not piece:
            break
        yield _decoded(decoder, piece) if encoded else piece
        n_bytes += len(piece)
        if time.monotonic() - since > connections.timeout_s:
            if n_bytes < SLOWEST_BYTES:
                raise Failure(f"stalled: {n_bytes} bytes in {connections.timeout_s:g} s")
            since, n_bytes = time.monotonic(), 0
    if encoded and not decoder.eof:
        raise Failure("broken off within its content encoding")


def _decoded(decoder, piece):
    try:
        decoded = decoder.decompress(piece)
    except zlib.error as error:
        raise Failure(f"a wrong content encoding: {error}") from error
    if decoder.unused_data:
        raise Failure("bytes after the end of its content encoding")
    return decoded
