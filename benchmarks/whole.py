"""The workflow as a whole, run in a folder of its own: how long it takes and how much memory it holds."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
CORES = 2


def run_workflow(workplace, target, *configurations, options=("--cores", CORES), environment=None):
    """What the workflow takes for a target.

    Parameters
    ----------
    workplace : Path
        Where it runs; its output goes to `log.txt` there.
    target : str
        A file or the name of a rule.
    *configurations : str or Path
        Overlays, relative to the workplace.
    options : sequence of str or int
        What else the command line says; by default the number of cores.
    environment : dict of str to str, optional
        Variables besides those of this process.

    Returns
    -------
    dict of str to float
        wall_s, cpu_s, and peak_gib: the most that all its processes held together.
    """
    workplace = workplace.resolve()
    command = f"-m snakemake --snakefile {ROOT}/Snakefile --directory {workplace}"
    overlays = [workplace / overlay for overlay in configurations]
    command = [sys.executable, *command.split(), *options, "--configfile", *overlays, "--", target]
    variables = {**os.environ, **(environment or {})}
    variables["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), variables["PATH"]])
    begin, spent, most = time.perf_counter(), _spent(), 0
    with open(workplace / "log.txt", "a") as log:
        process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log, env=variables, cwd=ROOT)
        while process.poll() is None:
            most = max(most, _held(process.pid))
            time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"The workflow failed; its log ends:\n{(workplace / 'log.txt').read_text()[-3000:]}")
    wall_s = time.perf_counter() - begin
    return {"wall_s": wall_s, "cpu_s": _spent() - spent, "peak_gib": most / 2**30}


def _spent():
    """Processor seconds of all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _held(pid):
    """Bytes held by a process and all that it started; what they share counts for each."""
    total = 0
    try:
        root = psutil.Process(pid)
        for process in [root, *root.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total
