"""What every script shares: one thread, a log, a readable end, and a record of where results come from."""

import logging
import os
import sys
import traceback
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

# Sums on several threads end in other last bits, and jobs share the cores anyway.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[name] = "1"

from digimus import checksums  # noqa: E402
from digimus.disks import disk_error  # noqa: E402
from digimus.errors import InputError  # noqa: E402
from digimus.retrieval.pins import check_fetched  # noqa: E402
from digimus.storage import file_hash, write_text  # noqa: E402

FETCHED = "resources/retrieved/"
BEGUN = Path(".snakemake/digimus-begun")
LARGEST_HASHED_INPUT = 64 * 2**20


@contextmanager
def job(snakemake):
    """Run a script's body: log to the rule's log, and end an error with one message on the terminal.

    Yields a list, to which a script adds the files that it writes and no rule names.
    """
    results, unnamed = snakemake.config["results_dir"], []
    try:
        mark = _mark_begun(snakemake)
        logging.basicConfig(
            filename=snakemake.log[0], filemode="w", level=logging.INFO, format="%(asctime)s %(message)s"
        )
        logging.captureWarnings(True)
        logging.raiseExceptions = False  # a full disk is reported below, once
        checksums.check(results, snakemake.input)
        check_fetched([path for path in snakemake.input if path.startswith(FETCHED)])
        checksums.forget(results, snakemake.output)
        yield unnamed
        checksums.keep(results, snakemake.output, unnamed)
        mark.unlink(missing_ok=True)  # a dry run in the meantime takes it away
    except KeyboardInterrupt:
        sys.exit(f"{snakemake.rule}: stopped")
    except Exception as error:
        with suppress(OSError):
            _mark_begun(snakemake)
            Path(snakemake.log[0]).open("a").write(traceback.format_exc())
        message = f"{type(error).__name__}: {error}"
        if not isinstance(error, InputError):
            error = disk_error(error, Path(snakemake.output[0]).parent)
        message = error or message
        print(f"\n{snakemake.rule}: {message}\n  log:      {snakemake.log[0]}\n", file=sys.stderr)
        sys.exit(1)


def _mark_begun(snakemake):
    """List the outputs in a file that a good end removes (see `expire_unfinished` in common.smk).

    It is there from the start, because a job that is killed can write nothing any more.
    """
    outputs = "".join(f"{path}\n" for path in snakemake.output)
    mark = BEGUN / f"{sha256(outputs.encode()).hexdigest()[:16]}.txt"
    write_text(mark, outputs)
    return mark


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
