"""What every script shares: one thread, a log, a readable end, and a record of where results come from."""

import logging
import os
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path

# Sums on several threads end in other last bits, and jobs share the cores anyway.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

from digimus.errors import InputError  # noqa: E402
from digimus.storage import file_hash  # noqa: E402

FAILED = Path(".snakemake/digimus-failed.txt")
LARGEST_HASHED_INPUT = 64 * 2**20


@contextmanager
def job(snakemake):
    """Run a script's body: log to the rule's log, and end an error with one message on the terminal."""
    logging.basicConfig(
        filename=snakemake.log[0], filemode="w", level=logging.INFO, format="%(asctime)s %(message)s"
    )
    logging.captureWarnings(True)
    try:
        yield
    except Exception as error:
        Path(snakemake.log[0]).open("a").write(traceback.format_exc())
        _remember_failure(snakemake)
        message = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        print(f"\n{snakemake.rule}: {message}\n  log:      {snakemake.log[0]}\n", file=sys.stderr)
        sys.exit(1)


def _remember_failure(snakemake):
    """List the outputs that the next run must not take for up to date (see `expire_failed`)."""
    FAILED.parent.mkdir(exist_ok=True)
    with FAILED.open("a") as file:
        file.writelines(f"{path}\n" for path in snakemake.output)


def provenance(snakemake):
    """Rule, parameters (with the hash of the code) and hashes of the inputs."""
    inputs = {}
    for path in snakemake.input:
        if os.path.isfile(path) and os.path.getsize(path) <= LARGEST_HASHED_INPUT:
            inputs[str(path)] = file_hash(path)
    parameters = {name: _plain(value) for name, value in snakemake.params.items()}
    return {"rule": snakemake.rule, "parameters": parameters, "inputs": inputs}


def _plain(value):
    """Snakemake's own containers as lists, dicts and numbers."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return value
    return [_plain(item) for item in value]
