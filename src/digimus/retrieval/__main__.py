"""``python -m digimus.retrieval --sizes --configfile config/public.yaml`` asks the servers for sizes."""

import argparse
import sys
from pathlib import Path

import yaml

from digimus.configuration import checked, merged
from digimus.errors import InputError
from digimus.retrieval.asked import asked_of
from digimus.retrieval.inventory import described, inventory


def main(words):
    """Print what the configuration asks for; return 1 where it is refused or a server does not answer."""
    parser = argparse.ArgumentParser(prog="python -m digimus.retrieval")
    parser.add_argument("--sizes", action="store_true", required=True, help="list sizes; fetch nothing")
    parser.add_argument("--configfile", nargs="*", default=[], help="overlays, as for snakemake")
    given = parser.parse_args(words)
    try:
        schema = Path("workflow/schemas/config.schema.yaml").read_text(encoding="utf-8")
        configuration = checked(merged(Path("config/config.yaml"), *given.configfile), yaml.safe_load(schema))
        asked = asked_of(configuration)
        keys = {key: value for key, value in configuration["retrieval"].items() if key != "table"}
        table = inventory(asked, ask_servers=True, **keys)
    except (InputError, FileNotFoundError) as error:
        print(error, file=sys.stderr)
        return 1
    print(described(table) if len(table) else "The configuration asks for nothing from the network.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
