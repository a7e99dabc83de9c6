"""Tables of errors as the workflow writes them, with numbers of chance, for the tests of figures."""

import numpy as np
import pandas as pd

FEATURES = ("difficulty", "time", "reaction time", "distance", "error axis", "margin", "speed", "rate")
FEW = "because there are 3 error trials, and 10 are needed"
ONE = "because 1 network or session has numbers, and intervals need two"


def error_tables(cells, tasks, seeds=(1, 2), sessions=("s1", "s2", "s3"), *, short=()):
    """Errors of networks and of one recorded dataset; (task, seed) pairs in `short` have no numbers."""
    rng = np.random.default_rng(3)
    rows = [
        dict(benchmark="rules", task=task, animal="", session="", model=model, prior=prior, seed=seed)
        for task in tasks
        for model, prior in cells
        for seed in seeds
    ]
    recorded = dict(
        benchmark="visual", task="visual", animal="m", model="recording", prior="none", seed=np.nan
    )
    rows += [recorded | dict(session=session, seed=np.nan) for session in sessions]
    errors = pd.DataFrame(rows).assign(n_trials=100, n_errors=30, not_available="")
    for name in ("auroc_shuffled", "auroc_full", "participation_ratio_correct", "participation_ratio_error"):
        errors[name] = rng.uniform(0.5, 1, len(errors))
    errors["auroc_gain"] = rng.normal(0.02, 0.02, len(errors))
    errors = errors.assign(null_95=0.03, p=rng.uniform(0, 0.2, len(errors)), error_auroc=0.6)
    gone = [pair in short for pair in zip(errors["task"], errors["seed"], strict=True)]
    numbers = [name for name in errors if name.startswith(("auroc", "participation", "null", "error_"))]
    errors.loc[gone, [*numbers, "p"]] = np.nan
    errors.loc[gone, "not_available"] = FEW
    groups = errors[["benchmark", "task", "model", "prior"]].drop_duplicates()
    model = groups.merge(pd.DataFrame(dict(feature=FEATURES)), how="cross")
    model = model.assign(coefficient=rng.normal(size=len(model)), n_clusters=2, n_errors=60, not_available="")
    model = model.assign(ci_low=model["coefficient"] - 0.5, ci_high=model["coefficient"] + 0.5)
    untimed = (model["feature"] == "time") & (model["model"] != "recording")
    model.loc[untimed, ["coefficient", "ci_low", "ci_high"]] = np.nan
    model.loc[untimed, "not_available"] = "because the trials have no order in time"
    known = errors[errors["not_available"] == ""]
    keys = ["benchmark", "task", "session", "model", "prior", "seed"]
    trials = pd.DataFrame(dict(correct=[True, True, False, False]))
    distances = known[keys].merge(trials, how="cross")
    distances["distance"] = rng.random(len(distances)) + 1
    return {
        "x/states/errors.csv": errors,
        "x/states/error_model.csv": model,
        "x/states/distances.csv": distances,
    }
