"""Go and Anti: answer at one stimulus, or opposite to it; at once, on a go signal, or from memory.

The ring that carries the stimulus is drawn once per batch.
"""

import numpy as np

from digimus.tasks.trials import (
    TAIL_MS,
    Plan,
    Stimulus,
    choice_steps,
    in_one_ring,
    steps,
    uniform_angles,
    uniform_steps,
)

GO_ONSET_MS = (300, 700)
GO_WAIT_MS = (500, 1500)
REACTION_ONSET_MS = (500, 2500)
DELAY_ONSETS_MS = (300, 500, 700)
DELAY_STIMULI_MS = (200, 400, 600)
DELAYS_MS = (200, 400, 800, 1600)


def go(rng, batch_size, anti=False):
    """The stimulus stays; the fixation input going off is the go signal."""
    on = uniform_steps(rng, *GO_ONSET_MS)
    response = on + uniform_steps(rng, *GO_WAIT_MS)
    boundaries = {"fixation": 0, "stimulus1": on, "response": response}
    return _plan(rng, batch_size, boundaries, anti)


def reaction_time(rng, batch_size, anti=False):
    """The stimulus is the go signal; the fixation input never goes off."""
    boundaries = {"fixation": 0, "response": uniform_steps(rng, *REACTION_ONSET_MS)}
    return _plan(rng, batch_size, boundaries, anti, on="response", fixation_stays=True)


def delayed(rng, batch_size, anti=False):
    """The stimulus goes off, and the answer is given from memory when the fixation input goes off."""
    on = choice_steps(rng, DELAY_ONSETS_MS)
    off = on + choice_steps(rng, DELAY_STIMULI_MS)
    response = off + choice_steps(rng, DELAYS_MS)
    boundaries = {"fixation": 0, "stimulus1": on, "delay1": off, "response": response}
    return _plan(rng, batch_size, boundaries, anti, off="delay1")


def _plan(rng, batch_size, boundaries, anti, on="stimulus1", off=None, fixation_stays=False):
    n_steps = boundaries["response"] + steps(TAIL_MS)
    angle = uniform_angles(rng, batch_size)
    strength = in_one_ring(np.ones(batch_size), rng.integers(2))
    return Plan(
        boundaries=boundaries,
        n_steps=n_steps,
        stimuli=(Stimulus(boundaries[on], boundaries.get(off, n_steps), angle, strength),),
        answer_rad=(angle + np.pi) % (2 * np.pi) if anti else angle,
        fixation_stays=fixation_stays,
        difficulty=np.full(batch_size, np.nan),
    )
