"""One SIMULATED session of realistic size from its NWB file to the scores of every decoder, on two cores."""

import pandas as pd
import yaml

from digimus.storage import write_text
from whole import ROOT, run_workflow

SIZE = {"n_trials": 300, "n_units": 500}
QUICK_SIZE = {"n_trials": 40, "n_units": 10}
GOAL_S = 120.0
SCORES = "results/evaluation/scores.csv"


def measure(folder, out, quick=False):
    """Each decoder once, one seed, five blocked folds.

    Parameters
    ----------
    folder : Path
        For the recording and the workflow's results, removed afterwards by the caller.
    out : Path
        Not used.
    quick : bool
        A small session, to see that it runs.

    Returns
    -------
    pandas.DataFrame
        case, n_trials, n_units, n_decoders, wall_s, cpu_s, peak_gib, goal_s, met.
    """
    rows = []
    for case, size in (("warm", QUICK_SIZE), ("session", QUICK_SIZE if quick else SIZE)):
        workplace = _workplace(folder / case, size)
        overlays = ("config/decoding.yaml", "session.yaml")
        run_workflow(workplace, "resources/session/recordings/visual/truth.csv", *overlays)
        spent = run_workflow(workplace, SCORES, *overlays)
        scores = pd.read_csv(workplace / SCORES)
        decoders = scores[["model", "prior"]].drop_duplicates()
        print("  {wall_s:.1f} s, {peak_gib:.2f} GiB".format(**spent), flush=True)
        rows.append({"case": case, **size, "n_decoders": len(decoders), **spent, "goal_s": GOAL_S})
    table = pd.DataFrame(rows[1:])  # the first run compiles
    return table.assign(met=table["wall_s"] <= GOAL_S)


def _workplace(workplace, size):
    """A folder in which the workflow finds its configuration, and simulates one session."""
    workplace.mkdir(parents=True)
    (workplace / "config").symlink_to(ROOT / "config")
    settings = yaml.safe_load((ROOT / "benchmarks/session.yaml").read_text())
    settings["simulation"]["recordings"] |= size
    write_text(workplace / "session.yaml", yaml.safe_dump(settings))
    return workplace
