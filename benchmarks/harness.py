"""Times variants of one computation side by side: one process a variant, one thread, in turns.

A subject is a module of this folder with `cases(folder, quick)`, a list of `Case`, and for every variant a
function `run_<variant>(arguments)` that loads its input and returns the call to be timed, or that call
and a function from its result to the numbers on which all variants must agree, as far as both have any.
Variants named in the module's `PEERS` run in the environment of the peers, the others in that of the library.
"""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
COLUMNS = ["case", "ours", "peer", "peer_name", "unit", "ratio", "goal", "met", "ours_min", "peer_min"]
OURS = "digimus"
_SLOW_S = 2.0  # a first call as long as this needs no warming up, and counts
_ENOUGH_S = 15.0  # no further turns for a variant that took this long in all
_REPEATS = {False: 15, True: 3}
_ONE_THREAD = dict.fromkeys(
    ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "ARROW_NUM_THREADS"],
    "1",
)


@dataclass
class Case:
    """One computation and who does it.

    Attributes
    ----------
    name : str
    arguments : dict
        What the variants' functions get; plain values, arrays by the path of a file.
    peers : sequence of str
        Variants to compare with.
    goals : dict of str to float
        The ratio to reach against a peer; with a key (ours, peer), that of another variant of ours.
    rtol : float or dict of str to float
        How far the numbers that variants must agree on may lie apart; by variant where they differ.
    left_out : str
        Why the case cannot be run here, if it cannot.
    ours : sequence of str
        Our variants, each compared with every peer.
    memory_goals : dict of str to float
        Where given, further rows compare how much memory the first call took.
    environment : dict of str to str
        Variables of the processes.
    """

    name: str
    arguments: dict
    peers: tuple = ()
    goals: dict = field(default_factory=dict)
    rtol: float | dict = 1e-9
    left_out: str = ""
    ours: tuple = (OURS,)
    memory_goals: dict = field(default_factory=dict)
    environment: dict = field(default_factory=dict)


class Worker:
    """A variant in a process of its own, which makes one timed call for each line it is sent."""

    def __init__(self, subject, variant, case, python):
        command = [str(python), str(HERE / "worker.py"), subject, variant, json.dumps(case.arguments)]
        self.variant, self.seconds = variant, []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **_ONE_THREAD, **case.environment},
        )
        first = self._answer()
        self.numbers, self.peak_mib = np.array(first["numbers"], float), first["peak_mib"]
        self.slow = first["seconds"] > _SLOW_S
        if self.slow:
            self.seconds.append(first["seconds"])

    def turn(self):
        """One timed call, unless the variant has had its time."""
        if sum(self.seconds) < _ENOUGH_S or len(self.seconds) < 2:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            self.seconds.append(self._answer()["seconds"])

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"The benchmark {self.variant!r} ended early; its error stands above.")
        return json.loads(line)


def measure(subject, case, pythons, quick=False):
    """Rows of the table for one case: ours against every peer, medians in milliseconds, memory in MiB.

    Parameters
    ----------
    subject : module
    case : Case
    pythons : (this interpreter, that of the peers or None)
        Without the second, the peers that need it are left out.
    quick : bool

    Returns
    -------
    list of dict
    """
    if case.left_out:
        return [{"case": f"{case.name}: left out, {case.left_out}"}]
    here, there = pythons
    peers = [name for name in case.peers if there or name not in subject.PEERS]
    workers = []
    try:
        for name in [*case.ours, *peers]:
            python = there if name in subject.PEERS else here
            workers.append(Worker(subject.__name__, name, case, python))
        _agree(case, workers)
        for turn in range(_REPEATS[quick]):
            for worker in workers[turn % len(workers) :] + workers[: turn % len(workers)]:
                worker.turn()
    finally:
        for worker in workers:
            worker.stop()
    ours, others = workers[: len(case.ours)], workers[len(case.ours) :]
    rows = [_row(case, own, peer) for own in ours for peer in others or [None]]
    return rows + [
        _memory_row(case, own, peer) for own in ours for peer in others if peer.variant in case.memory_goals
    ]


def _agree(case, workers):
    """Stop unless all variants came to the same numbers, as far as both have any."""
    ours = workers[0]
    for worker in workers[1:]:
        n = min(len(worker.numbers), len(ours.numbers))
        rtol = case.rtol.get(worker.variant, 1e-9) if isinstance(case.rtol, dict) else case.rtol
        message = f"{case.name}: {worker.variant}"
        np.testing.assert_allclose(worker.numbers[:n], ours.numbers[:n], rtol=rtol, err_msg=message)


def _row(case, ours, peer):
    row = {"case": _name(case, ours), "ours": 1e3 * median(ours.seconds), "unit": "ms"}
    row["ours_min"] = 1e3 * min(ours.seconds)
    if peer is None:
        return row
    row |= {"peer": 1e3 * median(peer.seconds), "peer_min": 1e3 * min(peer.seconds)}
    return _judged(row, ours, peer, case.goals)


def _memory_row(case, ours, peer):
    row = {"case": f"{_name(case, ours)}, memory", "unit": "MiB"}
    row |= dict.fromkeys(["ours", "ours_min"], ours.peak_mib)
    row |= dict.fromkeys(["peer", "peer_min"], peer.peak_mib)
    return _judged(row, ours, peer, case.memory_goals)


def _name(case, ours):
    return case.name if ours.variant == OURS else f"{case.name}, {ours.variant}"


def _judged(row, ours, peer, goals):
    """A row with the ratio, and whether it reaches its goal."""
    row |= {"peer_name": peer.variant, "ratio": row["peer"] / row["ours"]}
    goal = goals.get(peer.variant if ours.variant == OURS else (ours.variant, peer.variant))
    return row if goal is None else {**row, "goal": goal, "met": row["ratio"] >= goal}


def table(rows):
    """Rows as a table with the columns of every benchmark, numbers of four digits."""
    frame = pd.DataFrame(rows).reindex(columns=COLUMNS)
    numbers = ["ours", "peer", "ratio", "goal", "ours_min", "peer_min"]
    frame[numbers] = frame[numbers].map(lambda value: float(f"{value:.4g}"))
    return frame
