"""From trained networks to tables of states: correct against error trials."""

import numpy as np
import pandas as pd
import torch
from scipy.stats import binomtest

from digimus.analysis.states import (
    FEWEST_TRIALS,
    Trials,
    distance_to_correct,
    equal_count_ratio,
    error_auroc,
    participation_ratio,
    trajectories,
)
from digimus.seeding import stream
from digimus.tasks import TASKS
from digimus.training import RuleTask

PRE_RESPONSE_STEPS = 5
N_SECTORS = 6
LEVEL = 0.01  # of the test that a network does its task better than by chance
SUMMARY_COLUMNS = (
    "task", "model", "prior", "seed", "n_trials", "n_errors", "participation_ratio",
    "participation_ratio_correct", "participation_ratio_error", "error_auroc", "p", "not_available",
)  # fmt: skip
DISTANCE_COLUMNS = ("distance", "correct", "difficulty", "task", "model", "prior", "seed")
TRAJECTORY_COLUMNS = (
    "task", "model", "prior", "seed", "outcome", "step", "pc1", "pc2", "pc3", "response_step",
    "explained_pc1", "explained_pc2", "explained_pc3",
)  # fmt: skip


def state_tables(cell, n_test, seed):
    """States of a cell's networks on its test trials.

    Parameters
    ----------
    cell : digimus.training.Trained
    n_test : int
        Test trials, as in training.
    seed : int
        Of folds and permutations.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame, pandas.DataFrame)
        One row a seed (`SUMMARY_COLUMNS`), one row a test trial, and mean trajectories of correct and
        error trials of the first test batch and first seed.
    """
    problem = RuleTask(cell.unit, batch_size=1, n_validation=4, n_test=n_test)
    summaries, distances, paths = [], [], []
    for network_seed in cell.seeds:
        key = dict(task=cell.unit, model=cell.model, prior=cell.prior, seed=network_seed)
        network = cell.network(network_seed)
        correct = cell.of_seed(network_seed, "test/correct").astype(bool)
        trials, first = _pre_response(network, problem, correct)
        rng = stream(seed, "states", cell.unit, cell.model, cell.prior, network_seed)
        summary, distance = _summary(trials, TASKS[cell.unit].chance, rng)
        summaries.append(key | summary)
        if distance is not None:
            table = pd.DataFrame(
                dict(distance=distance, correct=trials.correct, difficulty=problem_difficulty(problem))
            )
            distances.append(table.assign(**key))
        if network_seed == cell.seeds[0]:
            paths.append(_paths(first, correct[: len(first)], problem.test[0], key))
    frames = [pd.DataFrame(summaries, columns=SUMMARY_COLUMNS)]
    return *frames, *(
        pd.concat(part, ignore_index=True) if part else pd.DataFrame() for part in (distances, paths)
    )


def problem_difficulty(problem):
    """Difficulty of every test trial; nan where the task has none."""
    return torch.cat([batch.difficulty for batch in problem.test]).numpy()


@torch.no_grad()
def _pre_response(network, problem, correct):
    """Mean states in the last steps before the response, and all states of the first batch."""
    states, conditions, strata, first = [], [], [], None
    for number, batch in enumerate(problem.test):
        run = network.run(batch.inputs)[1].numpy()
        first = run if first is None else first
        response = batch.epochs["response"][0]
        states.append(run[:, max(0, response - PRE_RESPONSE_STEPS) : response].mean(1))
        conditions.append(_conditions(batch))
        strata += [f"{number} {label}" for label in _strata(batch)]
    strata = np.unique(strata, return_inverse=True)[1]
    return Trials(np.concatenate(states), correct, np.concatenate(conditions), strata), first


def _strata(batch):
    """Difficulty and sector of the right answer: a network that cannot do a task is right where it leans."""
    sector = np.floor(np.mod(batch.answer_rad.numpy(), 2 * np.pi) / (2 * np.pi) * N_SECTORS)
    return [f"{level:.3g} {where:g}" for level, where in zip(batch.difficulty.numpy(), sector, strict=True)]


def _conditions(batch):
    """A constant, and two harmonics of each stimulus shown before the response, by strength, per ring."""
    angles, strengths = batch.angles_rad.numpy(), batch.strengths.numpy()
    columns = [np.ones(len(angles))]
    for k, onset in enumerate(batch.onsets):
        if onset < batch.epochs["response"][0]:
            for ring in range(strengths.shape[2]):
                for harmonic in (1, 2):
                    angle = harmonic * angles[:, k]
                    columns += [strengths[:, k, ring] * wave(angle) for wave in (np.cos, np.sin)]
    return np.stack(columns, 1)


def _summary(trials, chance, rng):
    """The row of a network, and each trial's distance, or None where errors cannot be told from guesses."""
    n_errors = int((~trials.correct).sum())
    row = dict.fromkeys(SUMMARY_COLUMNS[4:], np.nan)
    row |= dict(n_trials=len(trials.correct), n_errors=n_errors, not_available="")
    row["participation_ratio"] = participation_ratio(trials.states)
    if min(n_errors, len(trials.correct) - n_errors) < FEWEST_TRIALS:
        short = "error" if n_errors < FEWEST_TRIALS else "correct"
        row["not_available"] = f"fewer than {FEWEST_TRIALS} {short} trials"
        return row, None
    above_chance = binomtest(
        len(trials.correct) - n_errors, len(trials.correct), chance, alternative="greater"
    )
    if above_chance.pvalue > LEVEL:
        row["not_available"] = "accuracy is not above chance"
        return row, None
    if not np.isfinite(row["participation_ratio"]):
        row["not_available"] = "the states before the response do not vary"
        return row, None
    ratios = equal_count_ratio(trials.states, trials.correct, rng)
    row["participation_ratio_correct"], row["participation_ratio_error"] = ratios
    distance = distance_to_correct(trials, rng)
    row["error_auroc"], row["p"] = error_auroc(distance, trials.correct, trials.stratum, rng)
    if not np.isfinite(row["error_auroc"]):
        row["not_available"] = "no errors and correct trials of equal difficulty and answer"
    return row, distance


def _paths(states, correct, batch, key):
    labels = np.where(correct, "correct", "error")
    paths, explained = trajectories(states, labels)
    rows = []
    for label, path in paths.items():
        for step, point in enumerate(path):
            rows.append(
                key | dict(outcome=label, step=step, **{f"pc{k + 1}": x for k, x in enumerate(point)})
            )
    table = pd.DataFrame(rows)
    table["response_step"] = batch.epochs["response"][0]
    for k, share in enumerate(explained):
        table[f"explained_pc{k + 1}"] = share
    return table
