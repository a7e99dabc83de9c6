"""Test trials of trained networks, for the question what foretells an error."""

import numpy as np
import torch

from digimus.analysis.errors.features import ErrorTrials
from digimus.analysis.errors.sessions import levels, one_hot
from digimus.tasks.scoring import FIXATING_ABOVE
from digimus.tasks.trials import DT_MS, FIXATION, PREFERRED_RAD, RING

PRE_RESPONSE_STEPS = 5
N_SECTORS = 6


@torch.no_grad()
def trials_of_network(network, problem, correct, n_folds, rng):
    """The test trials of a network. Definitions are ours.

    States and readout are those of the last five steps (100 ms) before the go signal. The margin is the mean
    readout of the ring, as a vector, along the direction of the right answer; 0 where none is due. The
    reaction time runs from the go signal to the first step at which the fixation output has fallen to one
    half; a trial in which it never does has the longest possible one. Test trials have no order in time.

    Parameters
    ----------
    network : torch.nn.Module
        With `run`.
    problem : digimus.training.RuleTask
        Its test batches are shown.
    correct : array of bool, shape (trials,)
        In their order.
    n_folds : int
    rng : numpy.random.Generator
        Deals the trials to folds.

    Returns
    -------
    ErrorTrials
    """
    parts = [_of_batch(network, batch, number) for number, batch in enumerate(problem.test)]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    batch, level = found["batch"], levels(found["difficulty"])
    answer = found["answer"]
    due = np.isfinite(answer)
    angle = np.where(due, answer, 0.0)
    harmonics = [wave(k * angle) * due for k in (1, 2) for wave in (np.cos, np.sin)]
    sector = np.where(due, np.floor(np.mod(angle, 2 * np.pi) / (2 * np.pi) * N_SECTORS), -1).astype(int)
    return ErrorTrials(
        states=found["states"],
        error=~correct,
        conditions=found["conditions"],
        level=one_hot(level),
        setting=np.column_stack([one_hot(batch), due, *harmonics]),
        covariates={"reaction time": found["reaction_ms"]},
        difficulty=found["difficulty"],
        stratum=np.unique(np.stack([level, batch, sector]), axis=1, return_inverse=True)[1].ravel(),
        fold=rng.permutation(np.arange(len(correct)) % n_folds),
        speed=found["speed"],
        rate=found["states"].mean(1),
        margin=found["margin"],
    )


def _of_batch(network, batch, number):
    """Of each trial of a batch what `trials_of_network` puts together."""
    outputs, states = network.run(batch.inputs)
    response, end = batch.reaction_window
    start = max(0, response - PRE_RESPONSE_STEPS)
    before = states[:, start:response]
    steps = torch.linalg.vector_norm(before[:, 1:] - before[:, :-1], dim=2)
    ring = torch.sigmoid(outputs[:, start:response, RING]).mean(1).numpy().astype(float)
    answer = batch.answer_rad.numpy().astype(float)
    along = ring @ np.exp(1j * PREFERRED_RAD) * np.exp(-1j * np.nan_to_num(answer))
    # A sigmoid of 0 is one half.
    released = torch.logit(torch.tensor(FIXATING_ABOVE)) >= outputs[:, response:end, FIXATION]
    first = torch.where(released.any(1), released.int().argmax(1), end - response)
    return {
        "states": before.mean(1).numpy().astype(float),
        "speed": steps.mean(1).numpy() / (DT_MS / 1000),
        "margin": np.where(np.isfinite(answer), along.real, 0.0),
        "reaction_ms": first.numpy() * float(DT_MS),
        "difficulty": batch.difficulty.numpy().astype(float),
        "answer": answer,
        "batch": np.full(len(answer), number),
        "conditions": shown_conditions(batch),
    }


def shown_conditions(batch):
    """A constant, and two harmonics of each stimulus shown before the response, by strength, per ring.

    Parameters
    ----------
    batch : digimus.tasks.Batch

    Returns
    -------
    numpy.ndarray, shape (trials, regressors)
    """
    angles, strengths = batch.angles_rad.numpy(), batch.strengths.numpy()
    columns = [np.ones(len(angles))]
    for k, onset in enumerate(batch.onsets):
        if onset < batch.epochs["response"][0]:
            for ring in range(strengths.shape[2]):
                for harmonic in (1, 2):
                    angle = harmonic * angles[:, k]
                    columns += [strengths[:, k, ring] * wave(angle) for wave in (np.cos, np.sin)]
    return np.stack(columns, 1)
