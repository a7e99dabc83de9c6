"""Similarity of networks with each other on the same trials, and with recordings over matched conditions.

Networks of one task saw the same test trials. Networks and recordings share no stimulus; what both may have
is a choice between two sides by graded evidence. Conditions are then a side and a third of the evidence
(ours): of networks, the half of the ring in which the answer lies and the coherence; of recordings, the class
and the difficulty that the configuration names. Which half goes with which class is a convention. Mean states
of the six conditions are compared.
"""

import numpy as np
import pandas as pd

from digimus.analysis.states.similarity import FEWEST_ROWS, cka_between, shuffled_cka

COLUMNS = (
    "kind", "task", "model", "prior", "seed", "other_kind", "other_model", "other_prior", "other_seed",
    "dataset", "session", "cka", "null_mean", "null_95", "p", "n", "not_available",
)  # fmt: skip
N_LEVELS = 3
FEWEST_TRIALS = 2
"""Of every condition."""


def condition_means(states, side, evidence):
    """Mean states of the two sides at each third of the levels of evidence.

    Parameters
    ----------
    states : array, shape (trials, units)
    side : array of int, shape (trials,)
        0 or 1.
    evidence : array, shape (trials,)
        Smaller is harder; nan where there is none.

    Returns
    -------
    (array (6, units) or None, str)
        None with the reason where a condition has too few trials.
    """
    levels, level = np.unique(np.round(evidence, 6), return_inverse=True)
    n_levels = int(np.isfinite(levels).sum())
    if n_levels < N_LEVELS:
        return None, f"because the evidence has fewer than {N_LEVELS} levels"
    place = np.where(np.isfinite(evidence), level * N_LEVELS // n_levels, -1)
    groups = [(side == s) & (place == k) for s in (0, 1) for k in range(N_LEVELS)]
    if min(group.sum() for group in groups) < FEWEST_TRIALS:
        return None, f"because a side and level of evidence has fewer than {FEWEST_TRIALS} trials"
    return np.stack([states[group].mean(0) for group in groups]), ""


def network_conditions(run):
    """Condition means of a network before the response, or None with the reason."""
    evidence = run.batch.difficulty.numpy().astype(float)
    if not np.isfinite(evidence).any():
        return None, "because the task has no graded evidence"
    side = (np.mod(run.batch.answer_rad.numpy(), 2 * np.pi) >= np.pi).astype(int)
    return condition_means(run.before_response, side, evidence)


def session_conditions(session):
    """Condition means of a recording over its window (roots of counts), or None with the reason."""
    if len(session.classes) != 2:
        return None, "because its label does not have two classes"
    if session.difficulty is None:
        return None, "because the configuration names no difficulty of its trials"
    return condition_means(activity_of(session).mean(1), session.labels, session.difficulty)


def activity_of(session):
    """Activity (samples, bins, units) of units that were observed throughout; spikes as roots of counts."""
    values = np.asarray(session.values, float)[..., session.observed.all(0)]
    return np.sqrt(values) if session.signal == "spikes" else values


def between_networks(keys, systems, rng, n_shuffles):
    """CKA of every pair of networks of a task.

    Parameters
    ----------
    keys : sequence of dict
        Task, model, prior and seed of each.
    systems : sequence of array, shape (trials, units)
        The same trials for all.
    rng : numpy.random.Generator
    n_shuffles : int

    Returns
    -------
    pandas.DataFrame
        With `COLUMNS`; each pair once. One network alone is a row without numbers.
    """
    if len(systems) < 2:
        reason = "because there is no second network of this task"
        return _frame([_row("models", key, other_kind="network", not_available=reason) for key in keys])
    if len(systems[0]) < FEWEST_ROWS:
        reason = f"because there are fewer than {FEWEST_ROWS} trials"
        return _frame([_row("models", key, other_kind="network", not_available=reason) for key in keys])
    observed = cka_between(systems, systems)
    null = shuffled_cka(systems, systems, rng, n_shuffles)
    rows = []
    for i, key in enumerate(keys):
        for j in range(i + 1, len(keys)):
            other = {f"other_{name}": keys[j][name] for name in ("model", "prior", "seed")}
            numbers = _numbers(observed[i, j], null[:, i, j], len(systems[0]))
            rows.append(_row("models", key, other_kind="network", **other, **numbers))
    return _frame(rows)


def with_recordings(keys, networks, sessions, rng, n_shuffles):
    """CKA of networks with recorded sessions over matched conditions.

    Parameters
    ----------
    keys : sequence of dict
        Task, model, prior and seed of each network.
    networks : sequence of (array or None, str)
        From `network_conditions`.
    sessions : dict of (dataset, session) to (array or None, str)
        From `session_conditions`.
    rng : numpy.random.Generator
    n_shuffles : int

    Returns
    -------
    pandas.DataFrame
        With `COLUMNS`: a row a network and session, with the reason where the session lacks the conditions;
        where the network or no session of a dataset has them, a row a network and dataset with the reason.
    """
    rows = []
    if not sessions:
        reason = "because there is no recording"
        return _frame([_row("recordings", key, other_kind="session", not_available=reason) for key in keys])
    has = [k for k, (means, _) in enumerate(networks) if means is not None]
    able = [name for name, (means, _) in sessions.items() if means is not None]
    if has and able:
        systems, others = [networks[k][0] for k in has], [sessions[name][0] for name in able]
        observed, null = cka_between(systems, others), shuffled_cka(systems, others, rng, n_shuffles)
        for i, k in enumerate(has):
            for j, (dataset, session) in enumerate(able):
                numbers = _numbers(observed[i, j], null[:, i, j], len(systems[i]))
                place = dict(other_kind="session", dataset=dataset, session=session)
                rows.append(_row("recordings", keys[k], **place, **numbers))
    for dataset in dict.fromkeys(name for name, _ in sessions):
        own = {session: part for (name, session), part in sessions.items() if name == dataset}
        lacking = {session: why for session, (means, why) in own.items() if means is None}
        if len(lacking) == len(own):
            lacking = {"": next(iter(lacking.values()))}
        for key, (means, why) in zip(keys, networks, strict=True):
            for session, reason in (lacking if means is not None else {"": why}).items():
                place = dict(other_kind="session", dataset=dataset, session=session)
                rows.append(_row("recordings", key, **place, not_available=reason))
    return _frame(rows)


def _numbers(observed, null, n):
    if not np.isfinite(observed):
        return dict(n=n, not_available="because the states do not vary beyond noise")
    p = (1 + np.sum(null >= observed)) / (1 + len(null))
    return dict(cka=observed, null_mean=null.mean(), null_95=np.percentile(null, 95), p=p, n=n)


def _row(kind, key, **values):
    return dict(kind=kind, not_available="") | key | values


def _frame(rows):
    return pd.DataFrame(rows, columns=COLUMNS)
