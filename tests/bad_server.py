"""A server on 127.0.0.1 that misbehaves as it is told: each path has a script, one step an attempt.

The last step repeats. Requests are recorded with their times, ranges and how many ran at once.
"""

import gzip
import re
import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

PAGE = b"\xef\xbb\xbf \n<!-- down -->\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>\n"
LONGEST_STALL_S = 20


@dataclass(frozen=True)
class Step:
    """What one answer does.

    Attributes
    ----------
    content : bytes or None
        Of the file now; None is the path's own.
    status : int
        200 is the file, or its rest where a range is asked for.
    headers : dict
        Further or other headers; one that is None is not sent.
    drop_after : int or None
        Bytes of the body after which the connection ends.
    reset : bool
        Whether it ends by a reset instead of a close.
    stall_after : int or None
        Bytes of the body after which nothing more comes.
    trickle_s, trickle_bytes : float, int
        Pause after each so many bytes of the body.
    page : bool
        A web page instead of the file.
    ranges : bool
        Whether ranges are heeded.
    wrong_range : bool
        Whether a rest of the right length starts elsewhere than asked, and says so.
    blind : bool
        Whether If-Range is not heeded.
    chunked, closing : bool
        No length: the body comes in chunks, or ends with the connection.
    zipped : bool
        Sent with the content encoding gzip though nobody asked.
    etag, date : str or None
        Of this version; None sends none.
    """

    content: bytes | None = None
    status: int = 200
    headers: dict = field(default_factory=dict)
    drop_after: int | None = None
    reset: bool = False
    stall_after: int | None = None
    trickle_s: float = 0
    trickle_bytes: int = 1
    page: bool = False
    ranges: bool = True
    wrong_range: bool = False
    blind: bool = False
    chunked: bool = False
    closing: bool = False
    zipped: bool = False
    etag: str | None = '"1"'
    modified: str | None = None


@dataclass
class Request:
    """One request as it came."""

    method: str
    path: str
    at_s: float
    range: str | None
    if_range: str | None
    headers: dict
    body: bytes


class BadServer:
    """Files by path, and scripts by path; see `Step`."""

    def __init__(self):
        self.files, self.scripts, self.requests = {}, {}, []
        self.most_at_once, self.pause_s, self.address = 0, 0, None
        self._steps, self._at_once, self._lock, self.ended = {}, 0, Lock(), False

    def url(self, path):
        """The address of a path."""
        return self.address + path

    def of(self, path):
        """The requests of a path, in their order."""
        return [request for request in self.requests if request.path == path]

    def start(self, request):
        """Record a request, and the step that answers it."""
        with self._lock:
            self.requests.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            script = self.scripts.get(request.path, [Step()])
            number = self._steps.get(request.path, 0)
            if request.method != "HEAD":
                self._steps[request.path] = number + 1
            return script[min(number, len(script) - 1)]

    def end(self):
        """A request is about to be answered."""
        with self._lock:
            self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 2**16
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        headers = dict(self.headers)
        body = self.rfile.read(int(headers.get("Content-Length", 0)))
        named = (self.command, self.path, time.monotonic(), headers.get("Range"), headers.get("If-Range"))
        step = self.server.bad.start(Request(*named, headers, body))
        time.sleep(self.server.bad.pause_s)
        self.server.bad.end()  # before the last byte, after which the client may ask for more
        try:
            self._answer(step)
        except OSError:  # the client went away
            self.close_connection = True

    do_HEAD = do_POST = do_GET

    def _answer(self, step):
        content = self.server.bad.files.get(self.path) if step.content is None else step.content
        if content is None and step.status == 200 and not step.page:
            return self._send(step, 404, b"")
        if step.status != 200:
            return self._send(step, step.status, b"")
        if step.page:
            return self._send(step, 200, PAGE)
        start = self._start(step, content)
        if start is None:
            if step.zipped:
                content = gzip.compress(content)
            return self._send(step, 200, content)
        if start >= len(content):
            return self._send(step, 416, b"", {"Content-Range": f"bytes */{len(content)}"})
        shift = min(7, start) if step.wrong_range else 0
        start, end = start - shift, len(content) - shift
        span = {"Content-Range": f"bytes {start}-{end - 1}/{len(content)}"}
        self._send(step, 206, content[start:end], span)

    def _start(self, step, content):
        """Where the rest starts that is asked for, or None where the whole file is to be sent."""
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if not asked or not step.ranges:
            return None
        same = self.headers.get("If-Range") in (None, step.etag, step.modified)
        return int(asked[1]) if same or step.blind else None

    def _send(self, step, status, body, more=None):
        headers = {"ETag": step.etag, "Last-Modified": step.modified} if status in (200, 206) else {}
        if step.zipped and status == 200:
            headers["Content-Encoding"] = "gzip"
        if step.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not step.closing:
            headers["Content-Length"] = str(len(body))
        headers |= (more or {}) | step.headers
        self.send_response(status)
        for name, value in headers.items():
            if value is not None:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(step, body)
        if step.closing or step.drop_after is not None:
            self.close_connection = True

    def _send_body(self, step, body):
        sent = body[: step.drop_after if step.stall_after is None else step.stall_after]
        if step.trickle_s:
            for at in range(0, len(sent), step.trickle_bytes):
                self.wfile.write(sent[at : at + step.trickle_bytes])
                self.wfile.flush()
                time.sleep(step.trickle_s)
        elif step.chunked:
            for at in range(0, len(sent), 1000):
                piece = sent[at : at + 1000]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            if step.drop_after is None and step.stall_after is None:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(sent)
        self.wfile.flush()
        if step.stall_after is not None:
            self._stall()
        if step.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _stall(self):
        until = time.monotonic() + LONGEST_STALL_S
        while not self.server.bad.ended and time.monotonic() < until:
            time.sleep(0.01)
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_):
        pass


@contextmanager
def misbehaving():
    """Yield a `BadServer` that answers until the block ends."""
    bad, server = BadServer(), _Server(("127.0.0.1", 0), _Handler)
    server.bad = bad
    bad.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield bad
    finally:
        bad.ended = True
        server.shutdown()
        server.server_close()
        thread.join(5)
