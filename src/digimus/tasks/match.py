"""Two stimuli, a delay apart: answer at the second if it matches the first (or if it does not), else hold.

The second stimulus is the go signal and stays to the end; the fixation input never goes off. The rings
of both stimuli are drawn once per batch, each by itself.
"""

import numpy as np

from digimus.tasks.trials import (
    TAIL_MS,
    Plan,
    Stimulus,
    choice_steps,
    in_one_ring,
    separated_angles,
    uniform_angles,
)

ONSETS_MS = STIMULI_MS = (200, 400, 600)
DELAYS_MS = (200, 400, 800, 1600)
NONMATCH_RAD = (np.pi / 9, 17 * np.pi / 9)
CATEGORY_ANGLES_RAD = np.arange(1, 20, 2) * np.pi / 10
CATEGORY_BOUNDARY_RAD = np.pi


def sample(rng, batch_size, answer_on_match):
    """A match is the same angle; half of the trials match."""
    first = uniform_angles(rng, batch_size)
    match = rng.integers(2, size=batch_size) == 1
    second = np.where(match, first, separated_angles(rng, first, *NONMATCH_RAD))
    return _plan(rng, first, second, match == answer_on_match, (TAIL_MS,))


def category(rng, batch_size, answer_on_match):
    """A match is an angle on the same side of the boundary: below π, or above."""
    first, second = rng.choice(CATEGORY_ANGLES_RAD, (2, batch_size))
    match = (first < CATEGORY_BOUNDARY_RAD) == (second < CATEGORY_BOUNDARY_RAD)
    return _plan(rng, first, second, match == answer_on_match, STIMULI_MS)


def _plan(rng, first, second, answered, last_stimuli_ms):
    on = choice_steps(rng, ONSETS_MS)
    off = on + choice_steps(rng, STIMULI_MS)
    response = off + choice_steps(rng, DELAYS_MS)
    n_steps = response + choice_steps(rng, last_stimuli_ms)
    ring1, ring2 = rng.integers(2, size=2)
    strength = np.ones(len(first))
    return Plan(
        boundaries={"fixation": 0, "stimulus1": on, "delay1": off, "response": response},
        n_steps=n_steps,
        stimuli=(
            Stimulus(on, off, first, in_one_ring(strength, ring1)),
            Stimulus(response, n_steps, second, in_one_ring(strength, ring2)),
        ),
        answer_rad=np.where(answered, second, np.nan),
        fixation_stays=True,
        difficulty=np.full(len(first), np.nan),
    )
