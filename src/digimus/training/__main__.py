"""``python -m digimus.training --estimate --configfile config/paper.yaml`` prints what training will cost."""

import argparse
import json
import sys
from pathlib import Path

import torch

from digimus.errors import InputError
from digimus.training.estimate import (
    CALIBRATION_S,
    calibrated,
    described,
    estimate,
    kept_timings,
    planned_cells,
    read_configuration,
)


def main(words):
    """Print the estimate; return 1 where the configuration is refused."""
    parser = argparse.ArgumentParser(prog="python -m digimus.training")
    parser.add_argument("--estimate", action="store_true", required=True, help="what training will cost")
    parser.add_argument("--configfile", nargs="*", default=[], help="overlays, as for snakemake")
    parser.add_argument("--cores", type=int, default=None, help="cores to divide the work by (all)")
    parser.add_argument("--seconds", type=float, default=CALIBRATION_S, help="how long models are timed")
    parser.add_argument("--planned", action="store_true", help="take jobs and configuration from stdin")
    given = parser.parse_args(words)
    torch.set_num_threads(1)  # as in training
    try:
        print(of_plan(json.load(sys.stdin), given) if given.planned else of_configuration(given))
    except (InputError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def of_configuration(given):
    """The estimate of a whole configuration."""
    configuration = read_configuration(Path.cwd(), given.configfile)
    cells = planned_cells(configuration)
    _set_precision(configuration)
    timings = calibrated(configuration, cells, seconds=given.seconds)
    return described(estimate(configuration, cells, timings), given.cores, not_counted=["decoding"])


def of_plan(plan, given):
    """The estimate of what a run of the workflow has left to do.

    Parameters
    ----------
    plan : dict
        configuration, cells (task, model, prior), n_decoding (jobs that train decoders), code (a hash),
        kept (path of timings).
    """
    configuration, cells = plan["configuration"], [tuple(cell) for cell in plan["cells"]]
    _set_precision(configuration)
    timings, day = kept_timings(plan["kept"], configuration, cells, plan["code"], given.seconds)
    not_counted = [f"{plan['n_decoding']} jobs of decoding"] if plan["n_decoding"] else []
    costs = estimate(configuration, cells, timings)
    return described(costs, given.cores, measured_on=day, not_counted=not_counted)


def _set_precision(configuration):
    torch.set_float32_matmul_precision(configuration["training"].get("matmul_precision", "highest"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
