"""One variant of a benchmark in a process of its own: `worker.py SUBJECT VARIANT ARGUMENTS`.

Seconds are those of the processor: what else the machine does matters little, and a second thread counts.
It answers with one line of JSON: first the numbers that variants must agree on, the seconds of the first
call and the memory that the process grew by in it at most, then, for every line that it reads, the
seconds of one call more.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from time import process_time

_LEAST_S = 0.05  # shorter calls are repeated within a turn
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    subject, variant, arguments = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    answers, sys.stdout = sys.stdout, sys.stderr
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    made = getattr(importlib.import_module(subject), f"run_{variant}")(arguments)
    call, numbers = made if isinstance(made, tuple) else (made, list)
    before = _restarted_peak_mib()
    begin = process_time()
    result = call()
    first = process_time() - begin
    peak = max(_status_mib("VmHWM") - before, _PAGE_MIB)  # a small case may fit into pages that are there
    again = _seconds(call, 1) if first < 2.0 else first  # the first call may have compiled
    n_calls = max(1, int(_LEAST_S / again))
    _say(answers, numbers=[float(value) for value in numbers(result)], seconds=first, peak_mib=peak)
    for _ in sys.stdin:
        _say(answers, seconds=_seconds(call, n_calls))


def _seconds(call, n_calls):
    begin = process_time()
    for _ in range(n_calls):
        call()
    return (process_time() - begin) / n_calls


def _restarted_peak_mib():
    """The memory that the process has now, from which on its peak is noted anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mib("VmHWM")


def _status_mib(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def _say(stream, **values):
    stream.write(json.dumps(values) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
