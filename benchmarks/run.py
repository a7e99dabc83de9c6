"""Run the benchmarks: `python benchmarks/run.py [--only SUBJECT] [--quick]`; see benchmarks/README.md."""

import argparse
import importlib
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import pandas as pd

import harness
from digimus.storage import write_table, write_text

SUBJECTS = ("census", "nulls", "soft", "morphology", "connectome", "step", "costs", "recordings")
ALONE = ("corpus", "session", "scaling")  # on demand: whole workflows, up to gigabytes and tens of minutes
ROOT = Path(__file__).parents[1]


def main():
    arguments = _arguments()
    arguments.out.mkdir(parents=True, exist_ok=True)
    peers = None if arguments.quick or arguments.only in ALONE else _peers(arguments.peers)
    for name in [arguments.only] if arguments.only else SUBJECTS:
        subject = importlib.import_module(name)
        print(f"{name} ...", flush=True)
        with tempfile.TemporaryDirectory(prefix=".inputs-", dir=arguments.out) as folder:
            if name in ALONE:
                rows = subject.measure(Path(folder), arguments.out, arguments.quick)
            else:
                rows = _side_by_side(subject, Path(folder), peers, arguments.quick)
        write_table(arguments.out / f"{name}.csv", rows)
        write_text(arguments.out / "summary.md", summary(arguments.out))


def _arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=[*SUBJECTS, *ALONE])
    parser.add_argument("--quick", action="store_true", help="tiny inputs, without the peers' environment")
    parser.add_argument("--out", type=Path, default=ROOT / "results/benchmarks")
    parser.add_argument("--peers", type=Path, default=ROOT / ".peers/bin/python")
    return parser.parse_args()


def _peers(python):
    if not python.exists():
        raise SystemExit(f"There is no environment of the peers at {python}; run: make benchmark")
    return python


def _side_by_side(subject, folder, peers, quick):
    rows = []
    for case in subject.cases(folder, quick):
        for row in harness.measure(subject, case, (sys.executable, peers), quick):
            rows.append(row)
            print(_LINE.format(**_NO_PEER | row), flush=True)
    return harness.table(rows)


_LINE = "  {case}: {ours:.3g} {unit}, {peer_name} {ratio:.3g}x"
_NO_PEER = {"unit": "ms", "ours": float("nan"), "peer_name": "no peer", "ratio": float("nan")}


def summary(out):
    """All tables that are there, as one page of markdown, headed by the machine's facts."""
    parts = ["# Benchmarks", "", *_machine(), ""]
    for name in (*SUBJECTS, *ALONE):
        if (out / f"{name}.csv").exists():
            parts += [f"## {name}", "", *_markdown(pd.read_csv(out / f"{name}.csv")), ""]
    return "\n".join(parts)


def _machine():
    names = [
        line.split(":")[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if "model name" in line
    ]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    versions = ", ".join(f"{name} {version(name)}" for name in ("numpy", "scipy", "numba", "torch"))
    return [
        f"{names[0]}, {len(names)} cores, {memory:.0f} GiB, {platform.system()} {platform.release()};"
        f" Python {platform.python_version()}, {versions}.",
        "Medians; one thread and one process a variant, in turns. Ratio: the peer's time over ours.",
    ]


_WORDS = {True: "yes", False: "no"}


def _markdown(frame):
    shown = [
        ["" if value != value else _WORDS.get(value, str(value)) for value in row]
        for row in frame.to_numpy(object)
    ]
    lines = [list(frame.columns), ["---"] * len(frame.columns), *shown]
    return ["| " + " | ".join(line) + " |" for line in lines]


if __name__ == "__main__":
    main()
