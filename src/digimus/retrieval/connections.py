"""Connections: never more at once than a host bears, none while it asks to wait, no unsafe redirect."""

import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from digimus.storage import code_version

MOST_REDIRECTS = 5
MOST_PER_HOST = 4
LONGEST_WAIT_S = 60.0  # between attempts
LONGEST_ASKED_WAIT_S = 300.0  # that a host may ask for before its files are left to the next run
FINAL = (400, 401, 402, 403, 404, 405, 406, 410, 411, 413, 414, 451, 501, 505)
BUSY = (429, 503)


class Failure(Exception):
    """An attempt that failed.

    Parameters
    ----------
    reason : str
    final : bool
        Whether another attempt would end the same way.
    busy : bool
        Whether it says something of the whole host: it is silent, or asks for fewer requests.
    wait_s : float
        For how long the host asks to be left alone, s.
    mark : object
        What was wrong in what came; the same again is final.
    status : int or None
        Of the answer, if that is what failed.
    """

    def __init__(self, reason, *, final=False, busy=False, wait_s=0.0, mark=None, status=None):
        reason = _plain(reason)
        super().__init__(reason)
        self.reason, self.final, self.busy = reason, final, busy
        self.wait_s, self.mark, self.status = wait_s, mark, status


class Connections:
    """Sessions, one a thread, and what is known of each host.

    Parameters
    ----------
    n_at_once : int
        Connections at the same time; to one host at most `MOST_PER_HOST` of them.
    timeout_s : float
        After which a silent connection is given up, s.
    """

    def __init__(self, n_at_once, timeout_s):
        self.timeout_s = timeout_s
        self.ended = None
        self._n_per_host = min(n_at_once, MOST_PER_HOST)
        self._stop, self._lock, self._local = threading.Event(), threading.Lock(), threading.local()
        self._sessions, self._open = [], set()
        self._places, self._free_at, self._well_at, self._given_up = {}, {}, {}, {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for session in self._sessions:
            session.close()

    def end(self, reason):
        """Break off every transfer, and start no other; the first reason stays."""
        with self._lock:
            self.ended = self.ended or reason
            self._stop.set()
            for response in self._open:
                _shut(response)

    def check(self, host=None):
        """Raise where all transfers were ended, or this host was given up.

        Raises
        ------
        Failure
        """
        if self._stop.is_set():
            raise Failure(f"not tried to the end: {self.ended}", final=True)
        if host in self._given_up:
            raise Failure(f"not tried: {self._given_up[host]}", final=True)

    def rest(self, seconds):
        """Wait, unless all transfers are ended meanwhile."""
        self._stop.wait(seconds)
        self.check()

    def hold(self, host, seconds):
        """Ask a host nothing for so long."""
        with self._lock:
            self._free_at[host] = max(self._free_at.get(host, 0), time.monotonic() + seconds)

    def after(self, failure, host, since):
        """Leave the other files of a host to the next run, if the last failure of one file tells to.

        That is where the host asks for a wait that is too long, or was silent or busy and gave nobody
        another answer since then (a time of the monotonic clock).
        """
        alone = failure.busy and self._well_at.get(host, -1) < since
        if alone or failure.wait_s > LONGEST_ASKED_WAIT_S:
            self._given_up.setdefault(host, failure.reason)

    @contextmanager
    def answer(self, method, url, headers=None, payload=None):
        """Yield the answer to a question, its body not yet read.

        Parameters
        ----------
        method, url : str
        headers : dict, optional
        payload : dict, optional
            Sent as JSON.

        Yields
        ------
        requests.Response
            Of status 200, 206 or 416.

        Raises
        ------
        Failure
        """
        host = urlsplit(url).netloc
        with self._lock:
            places = self._places.setdefault(host, threading.Semaphore(self._n_per_host))
        with places:
            while (left := self._free_at.get(host, 0) - time.monotonic()) > 0:
                self.rest(left)
            self.check(host)
            response = self._sent(method, url, headers or {}, payload)
            with self._lock:
                self._open.add(response)
            try:
                if response.status_code not in BUSY:
                    self._well_at[host] = time.monotonic()
                _check_status(response)
                yield response
            finally:
                with self._lock:
                    self._open.discard(response)
                response.close()

    def _sent(self, method, url, headers, payload):
        """The answer after redirects; how a connection ended as a Failure."""
        try:
            for _ in range(MOST_REDIRECTS + 1):
                response = self._session().request(
                    method,
                    url,
                    headers=headers,
                    json=payload,
                    stream=True,
                    timeout=self.timeout_s,
                    allow_redirects=False,
                )
                if not response.is_redirect:
                    return response
                further = urljoin(url, response.headers["Location"])
                response.close()
                _check_redirect(url, further, method, response.status_code)
                url = further
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise Failure(f"not an address: {error}", final=True) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, ValueError) as error:
            raise Failure(f"no answer: {type(error).__name__}: {error}", busy=True) from error
        raise Failure(f"redirected more than {MOST_REDIRECTS} times")

    def _session(self):
        if not hasattr(self._local, "session"):
            session = requests.Session()
            session.auth = lambda request: request  # nothing of ~/.netrc is sent anywhere
            session.headers["Accept-Encoding"] = "identity"  # lengths and ranges are those of the file
            session.headers["User-Agent"] = f"digimus/{code_version()}"
            self._local.session = session
            with self._lock:
                self._sessions.append(session)
        return self._local.session


def _shut(response):
    try:
        response.raw.shutdown()
    except (ValueError, OSError):  # it came to its end by itself
        pass


def _check_redirect(url, further, method, status):
    schemes = urlsplit(url).scheme, urlsplit(further).scheme
    if schemes[1] not in ("http", "https") or schemes == ("https", "http"):
        raise Failure(f"redirected from {schemes[0]} to {schemes[1]}: {further}", final=True)
    if method == "POST" and status not in (307, 308):
        raise Failure(f"status {status}: the question was redirected to {further}", final=True)


def _check_status(response):
    status = response.status_code
    if status in (200, 206, 416):
        return
    wait_s = _asked_wait_s(response) if status in BUSY else 0.0
    reason, final = f"status {status} {response.reason or ''}".strip(), status in FINAL or status < 400
    if wait_s > LONGEST_ASKED_WAIT_S:
        reason, final = f"{reason}, and asks to wait for {wait_s:,.0f} s", True
    raise Failure(reason, final=final, busy=status in BUSY, wait_s=wait_s, status=status)


def _asked_wait_s(response):
    """The header Retry-After in seconds: it is a number of them, or a date."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdigit():
        return float(asked)
    try:
        return max(0.0, (_date(asked) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _date(text):
    date = parsedate_to_datetime(text)
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def validator(response):
    """What tells this version of a file from another: a strong ETag, an old date, or None.

    A date counts if it is a minute older than the answer, since a file may change twice in a second
    (RFC 9110, 8.8.2.2).
    """
    etag = response.headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    modified = response.headers.get("Last-Modified", "")
    try:
        age_s = (_date(response.headers.get("Date", "")) - _date(modified)).total_seconds()
    except (TypeError, ValueError):
        return None
    return modified if age_s >= 60 else None


def _plain(text, most=300):
    """Text of which a server may have written a part, as one line that a terminal can show."""
    text = "".join(mark if mark.isprintable() else " " for mark in text)
    return text if len(text) <= most else text[:most] + "…"
