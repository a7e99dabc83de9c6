"""``python -m digimus.training --estimate --configfile config/paper.yaml`` prints what training will cost."""

import argparse
import sys
from pathlib import Path

import torch

from digimus.errors import InputError
from digimus.training.estimate import described, estimate, read_configuration


def main(words):
    """Print the estimate; return 1 where the configuration is refused."""
    parser = argparse.ArgumentParser(prog="python -m digimus.training")
    parser.add_argument("--estimate", action="store_true", required=True, help="what training will cost")
    parser.add_argument("--configfile", nargs="*", default=[], help="overlays, as for snakemake")
    parser.add_argument("--cores", type=int, default=None, help="cores to divide the work by (all)")
    given = parser.parse_args(words)
    torch.set_num_threads(1)  # as in training
    try:
        configuration = read_configuration(Path.cwd(), given.configfile)
    except (InputError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(described(estimate(configuration), given.cores))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
