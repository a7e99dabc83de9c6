"""How far a batch of downloads is: on a terminal at once, in the log at intervals."""

import logging
import sys
import threading
import time

TOLD_S, LOGGED_S = 2, 20
_log = logging.getLogger(__name__)


class Progress:
    """Counts files and bytes; safe to be called by several threads.

    Parameters
    ----------
    n_files : int
    n_bytes : int or None
        Of all of them, where every length is known.
    told : callable, optional
        Called after each file as ``told(n_done, n_all, path)``.
    """

    def __init__(self, n_files, n_bytes=None, told=None):
        self.n_files, self.n_bytes, self.told = n_files, n_bytes, told
        self._lock = threading.Lock()
        self._n_done = self._n_come = 0
        self._started = self._shown = self._logged = time.monotonic()

    def came(self, n_bytes):
        """So many bytes came from the network."""
        with self._lock:
            self._n_come += n_bytes
            self._show()

    def done(self, path):
        """A file is there."""
        with self._lock:
            self._n_done += 1
            self._show()
            if self.told is not None:
                self.told(self._n_done, self.n_files, str(path))

    def text(self):
        """Files, bytes and rate as one line."""
        seconds = max(time.monotonic() - self._started, 1e-3)
        of_all = "" if self.n_bytes is None else f" of {self.n_bytes / 1e6:,.1f}"
        files = f"{self._n_done:,} of {self.n_files:,} files"
        return (
            f"{files}, {self._n_come / 1e6:,.1f}{of_all} MB fetched, {self._n_come / 1e6 / seconds:,.1f} MB/s"
        )

    def end(self):
        """The last line: in the log, and on the terminal where others were."""
        _log.info(self.text())
        if sys.stderr.isatty() and self._shown > self._started:
            print(self.text(), file=sys.stderr)

    def _show(self):
        now = time.monotonic()
        if now - self._shown >= TOLD_S and sys.stderr.isatty():
            self._shown = now
            print(self.text(), file=sys.stderr)
        if now - self._logged >= LOGGED_S:
            self._logged = now
            _log.info(self.text())
