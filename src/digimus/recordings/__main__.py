"""``python -m digimus.recordings [--json] FILE...`` prints what each recording offers."""

import json
import sys

from digimus.errors import InputError
from digimus.recordings.mapping import guessed_mapping
from digimus.recordings.overview import describe, offers

USAGE = "usage: python -m digimus.recordings [--json] FILE...\nFILE: an NWB file, or a folder in Zarr"


def main(arguments):
    """Print an overview of every file; return 1 if one could not be read, 2 without any file.

    With ``--json`` a list of what `offers` returns, each with the guessed mapping under ``dataset``.
    """
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0
    as_json = "--json" in arguments
    paths = [argument for argument in arguments if argument != "--json"]
    if not paths or any(path.startswith("-") for path in paths):
        print(USAGE, file=sys.stderr)
        return 2
    found, failed = [], False
    for path in paths:
        try:
            offered = offers(path)
        except InputError as error:
            failed = True
            print(error, file=sys.stderr, end="\n\n")
            continue
        if not as_json:
            print(describe(offered), end="\n\n")
        found.append(offered | {"dataset": guessed_mapping(offered)})
    if as_json:
        print(json.dumps(found, indent=2, default=str))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
