"""``python -m digimus.recordings FILE...`` prints what each recording offers."""

import sys

from digimus.errors import InputError
from digimus.recordings.overview import describe, offers


def main(paths):
    """Print an overview of every file; return 1 if one could not be read, 2 without any file."""
    if not paths:
        print("usage: python -m digimus.recordings FILE...", file=sys.stderr)
        return 2
    failed = False
    for path in paths:
        try:
            print(describe(offers(path)), end="\n\n")
        except InputError as error:
            failed = True
            print(error, file=sys.stderr, end="\n\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
