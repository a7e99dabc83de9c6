"""Two stimuli shown together: answer at the stronger one, in one ring, the attended ring, or both summed."""

import numpy as np

from digimus.tasks.trials import (
    TAIL_MS,
    Plan,
    Stimulus,
    choice_steps,
    in_one_ring,
    random_signs,
    separated_angles,
    steps,
    uniform_angles,
    uniform_steps,
)

ONSET_MS = (100, 400)
STIMULI_MS = (400, 800, 1600)
COHERENCES = (0.01, 0.02, 0.04, 0.08)
MEAN_STRENGTH = (0.8, 1.2)
RING_DIFFERENCE = (0.2, 0.8)  # between the two rings, as a share of a stimulus' strength
SEPARATION_RAD = (0.5 * np.pi, 1.5 * np.pi)


def simultaneous(rng, batch_size, evidence):
    """Both stimuli come on and go off together; the go signal is their end."""
    on = uniform_steps(rng, *ONSET_MS)
    off = on + choice_steps(rng, STIMULI_MS)
    boundaries = {"fixation": 0, "stimulus1": on, "response": off}
    return decision(rng, batch_size, boundaries, ((on, off), (on, off)), evidence, COHERENCES)


def decision(rng, batch_size, boundaries, shown, evidence, coherences):
    """Two stimuli of which the stronger is the answer.

    Parameters
    ----------
    rng : numpy.random.Generator
    batch_size : int
    boundaries : dict of str to int
        The step at which each epoch starts.
    shown : ((int, int), (int, int))
        Steps [on, off) of the two stimuli.
    evidence : function of (rng, batch_size, coherences)
        Gives the strengths (B, 2 stimuli, 2 rings) and the signed coherence (B,), positive where
        the first stimulus is the stronger.
    coherences : tuple of float

    Returns
    -------
    Plan
    """
    first = uniform_angles(rng, batch_size)
    second = separated_angles(rng, first, *SEPARATION_RAD)
    strengths, coherence = evidence(rng, batch_size, coherences)
    return Plan(
        boundaries=boundaries,
        n_steps=boundaries["response"] + steps(TAIL_MS),
        stimuli=(
            Stimulus(*shown[0], first, strengths[:, 0]),
            Stimulus(*shown[1], second, strengths[:, 1]),
        ),
        answer_rad=np.where(coherence > 0, first, second),
        fixation_stays=False,
        difficulty=np.abs(coherence),
    )


def ring1(rng, batch_size, coherences):
    """Evidence in ring 1 alone."""
    return _one_ring(rng, batch_size, coherences, 0)


def ring2(rng, batch_size, coherences):
    """Evidence in ring 2 alone."""
    return _one_ring(rng, batch_size, coherences, 1)


def attend1(rng, batch_size, coherences):
    """Independent evidence in both rings at the same two places; ring 1 decides."""
    return _both_rings(rng, batch_size, coherences, 0)


def attend2(rng, batch_size, coherences):
    """Independent evidence in both rings at the same two places; ring 2 decides."""
    return _both_rings(rng, batch_size, coherences, 1)


def summed(rng, batch_size, coherences):
    """Both rings carry both stimuli, each unevenly; their sum decides.

    A stimulus of strength s is shown with s + d in one ring and s - d in the other, d = s U(.2, .8) / 2,
    the ring with more drawn per stimulus, so that neither ring alone gives the answer.
    """
    strength, coherence = _pair(rng, batch_size, coherences)
    both = np.repeat(strength[:, :, None], 2, axis=2)
    for stimulus in range(2):
        share = rng.uniform(*RING_DIFFERENCE, batch_size) * random_signs(rng, batch_size)
        half = strength[:, stimulus] * share / 2
        both[:, stimulus] += np.stack([half, -half], axis=1)
    return both, coherence


def _one_ring(rng, batch_size, coherences, ring):
    strength, coherence = _pair(rng, batch_size, coherences)
    return np.stack([in_one_ring(strength[:, 0], ring), in_one_ring(strength[:, 1], ring)], axis=1), coherence


def _both_rings(rng, batch_size, coherences, attended):
    pairs = [_pair(rng, batch_size, coherences) for _ in range(2)]
    return np.stack([strength for strength, _ in pairs], axis=2), pairs[attended][1]


def _pair(rng, batch_size, coherences):
    """Strengths (B, 2) m + c and m - c, and the signed coherence c (B,)."""
    mean = rng.uniform(*MEAN_STRENGTH, batch_size)
    coherence = rng.choice(coherences, batch_size) * random_signs(rng, batch_size)
    return np.stack([mean + coherence, mean - coherence], axis=1), coherence
