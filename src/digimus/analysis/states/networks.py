"""From trained networks to tables of their states: dimension, paths, fixed points.

All are taken on the first batch of test trials, which have one timing, so that steps can be compared.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
import torch

from digimus.analysis.states.dimension import (
    corrected_participation_ratio,
    n_components_for,
    participation_ratio,
)
from digimus.analysis.states.fixed_points import fixed_points
from digimus.analysis.states.geometry import mean_paths, principal_plane, speed, tangling
from digimus.analysis.states.maps import RateMap, state_map_of
from digimus.tasks import DT_MS
from digimus.tasks.trials import RINGS
from digimus.training import RuleTask

KEYS = ("task", "model", "prior", "seed")
SUMMARY_COLUMNS = (
    *KEYS, "n_trials", "n_units", "participation_ratio", "participation_ratio_corrected", "n_components_90",
    "n_conditions", "speed", "speed_before_response", "state_rms", "tangling", "not_available",
)  # fmt: skip
TRAJECTORY_COLUMNS = (
    *KEYS, "condition", "outcome", "step", "time_s", "pc1", "pc2", "pc3", "n_trials", "response_step",
    "explained_pc1", "explained_pc2", "explained_pc3", "not_available",
)  # fmt: skip
FIXED_POINT_COLUMNS = (
    *KEYS, "epoch", "point", "kind", "max_abs_eigenvalue", "n_unstable", "speed", "pc1", "pc2", "distance",
    "rate_agreement", "n_found", "n_starts", "converged", "not_available",
)  # fmt: skip
N_SECTORS = 4
PRE_RESPONSE_STEPS = 5
TANGLING_PERCENTILE = 90
DT_S = DT_MS / 1000
NO_TRIAL = {"correct": "because no trial was correct", "error": "because no trial was an error"}
EPOCHS = ("fixation", "delay1", "delay2", "response")
"""Where fixed points are sought, as far as a task has them: with their fixation and rule inputs alone."""


@dataclass(frozen=True)
class Run:
    """A network's states on test trials of equal timing.

    Attributes
    ----------
    key : dict
        Task, model, prior, seed.
    network : torch.nn.Module
    batch : digimus.tasks.Batch
    states : array, shape (trials, time, units)
    correct : array of bool, shape (trials,)
    """

    key: dict
    network: torch.nn.Module
    batch: object
    states: np.ndarray
    correct: np.ndarray

    @property
    def response(self):
        """The step at which the answer is asked for."""
        return self.batch.epochs["response"][0]

    @property
    def before_response(self):
        """Mean states in the last steps before the response, (trials, units)."""
        return self.states[:, max(0, self.response - PRE_RESPONSE_STEPS) : self.response].mean(1)

    @property
    def by_epoch(self):
        """Mean states of every epoch side by side, (trials, epochs x units)."""
        parts = [self.states[:, start:stop].mean(1) for start, stop in self.batch.epochs.values()]
        return np.concatenate(parts, axis=1)


def runs_of(cell, n_test):
    """The networks of a cell on its first batch of test trials, one a seed.

    Parameters
    ----------
    cell : digimus.training.Trained
        Of one rule task.
    n_test : int
        Test trials, as in training.

    Yields
    ------
    Run
    """
    batch = _first_batch(cell.unit, n_test)
    for seed in cell.seeds:
        network = cell.network(seed)
        with torch.no_grad():
            states = network.run(batch.inputs)[1].numpy().astype(float)
        correct = cell.of_seed(seed, "test/correct")[: len(states)].astype(bool)
        key = dict(task=cell.unit, model=cell.model, prior=cell.prior, seed=seed)
        yield Run(key, network, batch, states, correct)


@cache
def _first_batch(task, n_test):
    return RuleTask(task, batch_size=1, n_validation=4, n_test=n_test).test[0]


def conditions_of(batch):
    """The quarter of the ring in which the answer lies, or that none is due, for every trial."""
    answer = batch.answer_rad.numpy()
    sector = np.floor(np.mod(answer, 2 * np.pi) / (2 * np.pi) * N_SECTORS)
    width = 360 // N_SECTORS
    names = {k: f"{k * width:03d}-{(k + 1) * width:03d} deg" for k in range(N_SECTORS)}
    return np.array(["keep fixating" if np.isnan(k) else names[int(k) % N_SECTORS] for k in sector])


def summary_table(run):
    """Dimension, speed and tangling of a network: a row with `SUMMARY_COLUMNS`."""
    return pd.DataFrame([_summary(run)], columns=SUMMARY_COLUMNS)


def _summary(run):
    before = run.before_response
    row = run.key | dict.fromkeys(SUMMARY_COLUMNS[len(KEYS) :], np.nan)
    row |= dict(n_trials=len(before), n_units=before.shape[1], not_available="")
    if not np.ptp(before, axis=0).any():
        return row | dict(not_available="because the states before the response do not vary")
    paths = np.stack(list(mean_paths(run.states, conditions_of(run.batch)).values()))
    along = speed(paths, DT_S)
    row |= dict(
        participation_ratio=participation_ratio(before),
        participation_ratio_corrected=corrected_participation_ratio(before),
        n_components_90=n_components_for(before),
        n_conditions=len(paths),
        speed=along.mean(),
        speed_before_response=along[:, max(0, run.response - PRE_RESPONSE_STEPS) : run.response - 1].mean(),
        state_rms=np.sqrt(np.mean(np.sum((paths - paths.mean((0, 1))) ** 2, axis=-1))),
        tangling=np.percentile(tangling(paths, DT_S), TANGLING_PERCENTILE),
    )
    if not np.isfinite(row["participation_ratio_corrected"]):
        row["not_available"] = "because there are too few trials to correct the participation ratio"
    return row


def trajectory_table(run):
    """Mean paths in the principal plane: of all trials, of each outcome, of each condition.

    Returns
    -------
    pandas.DataFrame
        `TRAJECTORY_COLUMNS`. An outcome that no trial had is a single row without numbers.
    """
    plane = principal_plane(run.states)
    everyone = np.ones(len(run.states), bool)
    groups = {("all", "all"): everyone, ("all", "correct"): run.correct, ("all", "error"): ~run.correct}
    labels = conditions_of(run.batch)
    groups |= {(label, "all"): labels == label for label in np.unique(labels).tolist()}
    parts = []
    for (condition, outcome), chosen in groups.items():
        path = plane.project(run.states[chosen].mean(0)) if chosen.any() else np.full((1, 3), np.nan)
        path = np.pad(path, ((0, 0), (0, 3 - path.shape[1])), constant_values=np.nan)
        part = pd.DataFrame(path, columns=["pc1", "pc2", "pc3"])
        part = part.assign(condition=condition, outcome=outcome, step=np.arange(len(path)))
        part["n_trials"] = int(chosen.sum())
        part["not_available"] = "" if chosen.any() else NO_TRIAL[outcome]
        parts.append(part)
    table = pd.concat(parts, ignore_index=True).assign(**run.key, response_step=run.response)
    table["time_s"] = table["step"] * DT_S
    explained = np.pad(plane.explained, (0, 3 - len(plane.explained)), constant_values=np.nan)
    table = table.assign(**{f"explained_pc{k + 1}": share for k, share in enumerate(explained)})
    return table[list(TRAJECTORY_COLUMNS)]


def fixed_point_table(run, n_starts, rng):
    """Fixed points under the fixation and rule inputs of the epochs `EPOCHS`, without a stimulus.

    Parameters
    ----------
    run : Run
    n_starts : int
        Trials, from whose last state of the epoch Newton's method starts.
    rng : numpy.random.Generator
        Draws them.

    Returns
    -------
    pandas.DataFrame
        With `FIXED_POINT_COLUMNS`: a row a fixed point, or one without numbers that says why there is none.
        `distance` is that to the nearest start, relative to the mean norm of the starts; `rate_agreement`
        correlates, over units, observed rates with those that the rate map gives for them.
    """
    plane = principal_plane(run.states, 2)
    rows = []
    for epoch in (name for name in EPOCHS if name in run.batch.epochs):
        start, stop = run.batch.epochs[epoch]
        blank = run.key | dict.fromkeys(FIXED_POINT_COLUMNS[len(KEYS) :], np.nan) | dict(epoch=epoch)
        rates = run.states[:, start:stop].mean((0, 1))
        state_map, reason = state_map_of(run.network, _input(run.batch, start, stop), rates)
        if state_map is None:
            rows.append(blank | dict(not_available=reason))
            continue
        trials = rng.choice(len(run.states), min(n_starts, len(run.states)), replace=False)
        starts = run.states[trials, stop - 1]
        found = fixed_points(state_map, state_map.starts(starts, run.batch.inputs[trials, :stop]))
        shared = dict(
            n_found=len(found.points), n_starts=len(starts), converged=found.n_converged / len(starts),
            rate_agreement=_agreement(state_map, run, start, stop), not_available="",
        )  # fmt: skip
        if not len(found.points):
            rows.append(blank | shared | dict(not_available="because no start led to a fixed point"))
            continue
        units = state_map.units(found.points)
        gaps = np.linalg.norm(units[:, None] - starts, axis=-1).min(1)
        size = np.linalg.norm(starts, axis=1).mean()
        growth = np.abs(found.eigenvalues)
        for k, place in enumerate(plane.project(units)):
            point = dict(
                point=k, kind=found.kinds[k], max_abs_eigenvalue=growth[k].max(),
                n_unstable=int((growth[k] > 1).sum()), speed=found.speeds[k] / DT_S, pc1=place[0],
                pc2=place[1], distance=gaps[k] / size if size > 0 else np.nan,
            )  # fmt: skip
            rows.append(blank | shared | point)
    return pd.DataFrame(rows, columns=FIXED_POINT_COLUMNS)


def _input(batch, start, stop):
    """The fixation and rule inputs of an epoch, without noise; the rings silent."""
    mean = batch.inputs[:, start:stop].mean((0, 1)).numpy().astype(float).round()
    mean[RINGS] = 0
    return mean


def _agreement(state_map, run, start, stop):
    """Correlation over units of observed with predicted rates late in an epoch, stimuli included."""
    if not isinstance(state_map, RateMap):
        return np.nan  # the map is exact
    late = slice(max(start, stop - PRE_RESPONSE_STEPS), stop)
    observed = run.states[:, late].mean((0, 1))
    shown = run.batch.inputs[:, late].mean((0, 1)).numpy().astype(float)
    with_stimuli, _ = state_map_of(run.network, shown, observed)
    predicted = with_stimuli.units(with_stimuli.starts(observed, None))
    if not (np.ptp(observed) > 0 and np.ptp(predicted) > 0):
        return np.nan
    return float(np.corrcoef(observed, predicted)[0, 1])
