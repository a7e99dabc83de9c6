"""Retention against what it has to beat: the start, the network without a prior, controls of the prior."""

import numpy as np
import pandas as pd

COMPARISON_COLUMNS = (
    "task", "model", "prior", "module", "seed", "target", "against", "role", "distance", "against_distance",
    "effect", "not_available",
)  # fmt: skip
KEYS = ["task", "model", "module", "seed", "target"]
NO_CONTROL = "because no control of this prior is configured"


def comparisons_table(scores, controls):
    """How much nearer to its prior each trained network is than its start, its twin and its controls.

    The start is the same network before training; the twin the one without a prior that starts from the
    same weights; a control one that was trained with a control of the prior (`digimus.prior_roles`). The
    target is always the motifs of the prior, and so the effect is the gain of one distance over another
    (our definition).

    Parameters
    ----------
    scores : pandas.DataFrame
        Of `digimus.analysis.retention.profiles.retention_tables`.
    controls : dict of str to sequence of str
        For every prior that is none itself, its controls in the configuration.

    Returns
    -------
    pandas.DataFrame
        Columns `COMPARISON_COLUMNS`, whole networks with an empty module. What cannot be compared stays
        with its reason.
    """
    scores = scores.assign(module=scores["module"].astype(object).where(scores["module"].notna(), ""))
    tables = []
    for prior, others in controls.items():
        aimed = scores[scores["target"].eq(prior)]
        own = aimed[aimed["prior"].eq(prior)]
        trained = own[own["stage"].eq("trained")].set_index(KEYS)
        if not len(trained):
            continue
        ends = aimed[aimed["stage"].eq("trained")]
        rivals = [("initial", "start", own[own["stage"].eq("initial")])]
        rivals += [("none", "structure-free", ends[ends["prior"].eq("none")])]
        rivals += [(other, "control", ends[ends["prior"].eq(other)]) for other in others]
        tables += [_compared(trained, prior, *rival) for rival in rivals]
        if not others:
            nothing = _compared(trained, prior, "", "control", ends.iloc[:0])
            tables.append(nothing.assign(not_available=NO_CONTROL))
    if not tables:
        return pd.DataFrame(columns=list(COMPARISON_COLUMNS))
    return pd.concat(tables, ignore_index=True)


def _compared(trained, prior, against, role, rival):
    """One comparison of every trained network; nan with the reason where there is nothing to compare with."""
    table = trained[["distance", "not_available"]].assign(prior=prior, against=against, role=role)
    rival = rival.set_index(KEYS).reindex(table.index)
    table["against_distance"] = rival["distance"].astype(float)
    table["effect"] = table["against_distance"] - table["distance"].astype(float)
    name = "without a prior" if role == "structure-free" else f"with the prior {against}"
    reason = f"because no network of this task and model was trained {name}"
    own, others = (part["not_available"].astype(object) for part in (table, rival))
    own, others = own.where(own.notna(), ""), others.where(others.notna(), reason)
    table["not_available"] = np.where(own.ne(""), own, others)
    return table.reset_index()[list(COMPARISON_COLUMNS)]
