"""Runs of `make figures` in copies of the project that are killed at chosen moments, and what they leave."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import h5py
import pandas as pd
from matplotlib.image import imread

from whole_runs import copy_of, tables

COMMAND = ["make", "--no-print-directory", "figures", "CONFIG=config/tiny.yaml", "CORES=2", "READY=.ready"]
A_JOB = re.compile(r"\.snakemake/scripts/tmp\w+\.(\w+)\.py")
LONGEST_RUN_S = 1200
BENCHMARKS = "results/tiny/benchmarks/rules"


def project(root, folder):
    """A copy of the project that uses this environment and is set up already."""
    copy_of(root, folder)
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / ".ready").touch()
    return folder


def environment():
    """The variables of a shell in which the set-up's programs are found."""
    own = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return own | {"PATH": f"{sys.prefix}/bin:{own['PATH']}"}


class Run:
    """A command, `make figures` if none is given, in a session of its own with all that it starts."""

    started: ClassVar[list] = []  # so that a test that fails leaves none behind

    def __init__(self, folder, log, command=COMMAND):
        self.folder, self.log, self.began = Path(folder), Path(log), time.monotonic()
        with self.log.open("w") as file:
            self.process = subprocess.Popen(
                command, cwd=folder, stdout=file, stderr=subprocess.STDOUT,
                env=environment() | {"PWD": str(folder)},  # as a shell has it: with symbolic links
                start_new_session=True,
            )  # fmt: skip
        self.started.append(self)

    @property
    def seconds(self):
        return time.monotonic() - self.began

    @property
    def text(self):
        return self.log.read_text(errors="replace")

    def over(self):
        """Whether it has ended by itself."""
        return self.process.poll() is not None

    def members(self):
        """Command lines of the living processes of the session, by number."""
        found = {}
        for place in Path("/proc").glob("[0-9]*"):
            try:
                state, _, _, session = place.joinpath("stat").read_text().rpartition(")")[2].split()[:4]
                if int(session) == self.process.pid and state != "Z":
                    words = place.joinpath("cmdline").read_bytes().split(b"\0")
                    found[int(place.name)] = " ".join(word.decode(errors="replace") for word in words)
            except (OSError, ValueError):
                continue  # it ended meanwhile
        return found

    def jobs(self):
        """Rules of the running jobs, by process."""
        rules = {number: A_JOB.search(command) for number, command in self.members().items()}
        return {number: match[1] for number, match in rules.items() if match}

    def snakemake(self):
        """The process of Snakemake itself, None before it started."""
        for number, command in self.members().items():
            if "bin/snakemake " in command and "--unlock" not in command:
                return number
        return None

    def wait_for(self, true):
        """Wait until `true()` or the end of the run; returns whether it was true first."""
        while self.seconds < LONGEST_RUN_S:
            if true():
                return True
            if self.over():
                return False
            time.sleep(0.02)
        raise TimeoutError(f"{self.folder} took more than {LONGEST_RUN_S} s")

    def finish(self):
        """Wait for the end; returns the exit status."""
        self.wait_for(self.over)
        return self.process.wait()

    def gone(self, within_s=30):
        """Whether nothing of the session is left, or soon is: who was told to stop takes a moment."""
        until = time.monotonic() + within_s
        while (left := self.members()) and time.monotonic() < until:
            time.sleep(0.05)
        return not left

    def kill(self):
        """Kill -9 everything at once: make, the shell, Snakemake and every job. Returns the jobs' rules."""
        running = sorted(self.jobs().values())
        if not self.over():
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        while left := self.members():
            for number in left:
                with suppress(ProcessLookupError):
                    os.kill(number, signal.SIGKILL)
            time.sleep(0.01)
        return running


def jobs_done(folder):
    """How many jobs of a tiny run have ended well: each leaves a note of its time and memory."""
    return len(list((folder / BENCHMARKS).rglob("*.tsv")))


class Course:
    """When what happened in a tiny run that nothing interrupted.

    Attributes
    ----------
    ends_s : list of float
        When each job ended, in s after the start.
    lasting_s : float
        How long the whole took.
    rules : dict
        By stage, in the order in which the run reached them.
    rule_s : dict
        How long the longest job of each rule took.
    """

    def __init__(self, folder):
        began = (folder / ".make-figures.lock").stat().st_mtime
        ended = max(path.stat().st_mtime for path in (folder / ".snakemake/log").glob("*.log"))
        self.lasting_s, self.ends_s, self.rule_s, starts_s = ended - began, [], {}, {}
        for path in (folder / BENCHMARKS).rglob("*.tsv"):
            rule = path.relative_to(folder / BENCHMARKS).with_suffix("").parts[0]
            took_s, end_s = pd.read_csv(path, sep="\t")["s"].max(), path.stat().st_mtime - began
            self.ends_s.append(end_s)
            self.rule_s[rule] = max(self.rule_s.get(rule, 0), took_s)
            starts_s[rule] = min(starts_s.get(rule, end_s), end_s - took_s)
        self.ends_s.sort()
        graph = pd.read_csv(folder / "results/tiny/benchmarks/rule_graph.csv")
        graph = graph[graph["rule"].isin(starts_s)].assign(starts_s=graph["rule"].map(starts_s))
        graph = graph.sort_values("starts_s")
        self.rules = {stage: list(rules["rule"]) for stage, rules in graph.groupby("stage", sort=False)}


def half_written(folder):
    """Temporary files, and files under a final name that do not open."""
    bad = []
    for place in (folder / "results", folder / "resources"):
        bad += place.rglob(".writing-*")
        for path in place.rglob("*"):
            if path.is_file() and path.suffix in CHECKS and not path.name.startswith(".writing-"):
                try:
                    assert CHECKS[path.suffix](path)
                except Exception as error:
                    bad.append(f"{path}: {type(error).__name__} {error}")
    return bad


def _table(path):
    return path.read_bytes().endswith(b"\n") and list(pd.read_csv(path).columns)


def _arrays(path):
    with h5py.File(path) as file:
        file.visititems(lambda _, node: node[()] if isinstance(node, h5py.Dataset) else None)
    return True


CHECKS = {
    ".csv": _table,
    ".h5": _arrays,
    ".nwb": _arrays,
    ".png": lambda path: imread(path).size,
    ".pdf": lambda path: path.read_bytes().rstrip().endswith(b"%%EOF"),
    ".html": lambda path: path.read_text().rstrip().endswith("</html>"),
}


def differences(whole, other):
    """What the results of a run that was killed lack of those of a whole one; empty if they are the same."""
    mine, theirs = tables(whole), tables(other)
    assert len(mine) > 40 and not half_written(whole)
    found = [f"no {name}" for name in sorted(set(mine) - set(theirs))]
    found += [f"new: {name}" for name in sorted(set(theirs) - set(mine))]
    found += [name for name in sorted(set(mine) & set(theirs)) if mine[name] != theirs[name]]
    figures = {path.name for path in (whole / "results/tiny/figures").iterdir()}
    found += sorted(figures - {path.name for path in (other / "results/tiny/figures").iterdir()})
    found += [
        name for name in ("report.html", "explorer.html") if not (other / "results/tiny" / name).exists()
    ]
    return found + [f"half: {item}" for item in half_written(other)]
