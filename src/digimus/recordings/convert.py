"""``python -m digimus.recordings.convert FOLDER OUT`` makes NWB of the licking set's MATLAB files."""

import argparse
import sys
from dataclasses import fields

from digimus.errors import InputError
from digimus.recordings.licking_mat import SUFFIX, LickingLayout, convert


def main(arguments=None):
    """Convert a folder and print a line a day; return 1 if a day was set aside or nothing can be read."""
    parser = argparse.ArgumentParser(prog="python -m digimus.recordings.convert", description=__doc__)
    parser.add_argument("folder", help=f"holds <region>{SUFFIX}/<day>/{{behavior_trial,spike_trial}}/*.mat")
    parser.add_argument("out", help="gets one NWB file a region and day, and conversion.csv")
    parser.add_argument("--sample-ms", type=float, help="width of a sample (default: 1; not published)")
    parser.add_argument("--gap-s", type=float, help="gap laid between trials (default: 10)")
    parser.add_argument("--n-channels", type=int, help="channels of the spike arrays (default: 32)")
    parser.add_argument("--lick-column", type=int, help="column of the behaviour, from 0 (default: 0)")
    parser.add_argument("--animal-pattern", help="expression whose first group in the path is the animal")
    parser.add_argument("--simulated", action="store_true", help="mark the files as simulated")
    given = vars(parser.parse_args(arguments))
    settings = {field.name: given[field.name] for field in fields(LickingLayout)}
    try:
        layout = LickingLayout(**{name: value for name, value in settings.items() if value is not None})
        table = convert(given["folder"], given["out"], layout)
    except InputError as error:
        print(error, file=sys.stderr)
        return 1
    for row in table.itertuples():
        counts = f"{row.n_trials} trials, {row.n_spikes} spikes, {row.n_licks} licks"
        print(f"{row.file}: {row.reason if row.reason else counts}")
    return int((table["status"] != "converted").any())


if __name__ == "__main__":
    sys.exit(main())
