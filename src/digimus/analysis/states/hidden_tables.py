"""Tables of hidden states of networks and of recordings: how long, after what, and when in the trial."""

import numpy as np
import pandas as pd

from digimus.analysis.states.hidden import hidden_states
from digimus.analysis.states.shared import activity_of
from digimus.tasks import DT_MS

KEYS = ("benchmark", "unit", "session", "model", "prior", "seed")
STATE_COLUMNS = (
    *KEYS, "n_states", "state", "occupancy", "mean_dwell_s", "accuracy_when_occupied", "n_trials",
    "log_likelihood_held_out", "converged", "not_available",
)  # fmt: skip
TRANSITION_COLUMNS = (*KEYS, "from_state", "to_state", "probability", "not_available")
PATH_COLUMNS = (*KEYS, "outcome", "step", "time_s", "state", "occupancy", "n_trials", "not_available")
TABLES = {"states": STATE_COLUMNS, "transitions": TRANSITION_COLUMNS, "paths": PATH_COLUMNS}


def network_hidden(run, settings, rng):
    """Hidden states of a network on its first test trials.

    Parameters
    ----------
    run : digimus.analysis.states.networks.Run
    settings : digimus.analysis.states.hidden.HiddenSettings
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to pandas.DataFrame
        With the columns `TABLES`; where there are no hidden states, a row of each says why.
    """
    width = max(1, round(settings.bin_ms / DT_MS))
    states = run.states[: settings.n_trials]
    n_bins = states.shape[1] // width
    binned = states[:, : n_bins * width].reshape(len(states), n_bins, width, -1).mean(2)
    key = dict(benchmark="rules", unit=run.key["task"], session="") | run.key
    asked = max(0, min(run.response // width, n_bins) - 1)
    times_s = (np.arange(n_bins) + 0.5) * width * DT_MS / 1000
    wrong = 1.0 - run.correct[: len(states)]
    return _tables(key, binned, wrong, asked, times_s, settings, rng)


def session_hidden(dataset, session, settings, rng):
    """The same of a prepared recording, on samples spread evenly over the session."""
    chosen = np.unique(np.linspace(0, session.n_samples - 1, settings.n_trials).round().astype(int))
    activity = activity_of(session)[chosen]
    key = dict(benchmark=dataset, unit=dataset, session=session.session_id)
    key |= dict(model="recording", prior="", seed="")
    wrong = np.full(len(chosen), np.nan) if session.error is None else session.error[chosen]
    return _tables(key, activity, wrong, activity.shape[1] - 1, session.time_s, settings, rng)


def _tables(key, sequences, wrong, asked, times_s, settings, rng):
    key = {name: key[name] for name in KEYS}
    if not sequences.shape[2]:
        found, reason = None, "because no unit was observed throughout"
    else:
        found, reason = hidden_states(sequences, settings, rng)
    if found is None:
        return {
            name: pd.DataFrame([key | dict(not_available=reason)], columns=columns)
            for name, columns in TABLES.items()
        }
    parts = {
        "states": _state_rows(found, wrong, asked, times_s),
        "transitions": _transition_rows(found),
        "paths": _path_rows(found, wrong, times_s),
    }
    return {name: part.assign(**key, not_available="")[list(TABLES[name])] for name, part in parts.items()}


def _state_rows(found, wrong, asked, times_s):
    """Occupancy, dwell, and accuracy of the trials that are in a state just before the response."""
    bin_s = times_s[1] - times_s[0]
    known = np.isfinite(wrong)
    accuracy = []
    for state in range(found.n_states):
        here = known & (found.paths[:, asked] == state)
        accuracy.append(1 - wrong[here].mean() if here.any() else np.nan)
    return pd.DataFrame(
        dict(
            n_states=found.n_states,
            state=np.arange(1, found.n_states + 1),
            occupancy=found.visits.mean((0, 1)),
            mean_dwell_s=found.mean_dwell() * bin_s,
            accuracy_when_occupied=accuracy,
            n_trials=len(found.paths),
            log_likelihood_held_out=found.log_likelihood_held_out,
            converged=True,
        )
    )


def _transition_rows(found):
    start, end = np.indices(found.transitions.shape) + 1
    return pd.DataFrame(
        dict(from_state=start.ravel(), to_state=end.ravel(), probability=found.transitions.ravel())
    )


def _path_rows(found, wrong, times_s):
    """Share of the trials of an outcome in each state over time."""
    groups = {"all": np.ones(len(wrong), bool), "correct": wrong == 0, "error": wrong == 1}
    parts = []
    for outcome, chosen in groups.items():
        if not chosen.any():
            continue
        share = found.visits[chosen].mean(0)
        step, state = np.indices(share.shape)
        rows = dict(step=step.ravel(), time_s=times_s[step.ravel()], state=state.ravel() + 1)
        rows |= dict(outcome=outcome, occupancy=share.ravel(), n_trials=int(chosen.sum()))
        parts.append(pd.DataFrame(rows))
    return pd.concat(parts, ignore_index=True)
