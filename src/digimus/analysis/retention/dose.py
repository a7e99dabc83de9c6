"""Retention along the weight of the motif term, and what it costs in accuracy."""

import numpy as np
import pandas as pd

from digimus.analysis.retention.profiles import score, weight_profile

DOSE_COLUMNS = (
    "task", "model", "prior", "weight", "seed", "accuracy", "validation_loss", "distance", "reciprocity",
    "not_available",
)  # fmt: skip


def dose_table(trained, target, density, missing=()):
    """Accuracy and distance to the prior of networks trained with different weights of the motif term.

    Parameters
    ----------
    trained : iterable of (float, digimus.training.Trained)
        Networks with recurrent weights, each with its weight of the term; 0 for networks without one. The
        task's loss has a weight of 1, and the term's reciprocity part grows with the whole term.
    target : digimus.motifs.Prior
        What all are compared with.
    density : float
        Share of the weights that count as edges.
    missing : sequence of (dict, str)
        What is not there: values of the columns, such as the task, and the reason.

    Returns
    -------
    pandas.DataFrame
        Columns `DOSE_COLUMNS`: accuracy on the test trials; the task's own loss on the validation trials
        after the last update, without the term.
    """
    rows = [known | dict(not_available=reason) for known, reason in missing]
    for weight, cell in trained:
        for seed in cell.seeds:
            key = dict(task=cell.unit, model=cell.model, prior=target.name, weight=weight, seed=seed)
            rows.append(key | _outcome(cell, seed, target, density))
    return pd.DataFrame(rows, columns=DOSE_COLUMNS).astype({"seed": "Int64"})


def _outcome(cell, seed, target, density):
    """Accuracy, loss and distance of one network."""
    losses = cell.of_seed(seed, "curves/validation_loss")
    found = dict(
        accuracy=float(np.mean(cell.of_seed(seed, "test/correct"))),
        validation_loss=np.nan if losses is None or not len(losses) else float(losses[-1]),
    )
    profile, reciprocity = weight_profile(cell.of_seed(seed, "recurrent_weight"), density)
    own = score(target.name, target, profile, reciprocity)
    return found | {name: own[name] for name in ("distance", "reciprocity", "not_available")}
