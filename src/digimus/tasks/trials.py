"""The grammar that all rule tasks share: rings, bumps, epochs, targets and the cost mask.

A task draws a `Plan`: when each stimulus is shown, where and how strongly, and what the answer is.
`assemble` turns a plan into the tensors that a network is trained on. All trials of a batch have one
timing, so that a batch is a plain array. After Yang et al., Nature Neuroscience 22, 297 (2019).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit

DT_MS = 20
ALPHA = 0.2  # DT_MS over the published time constant of 100 ms
N_RING = 32
N_OUTPUTS = 1 + N_RING
FIXATION = 0
RINGS = slice(1, 1 + 2 * N_RING)  # of the input: ring 1, then ring 2
RING = slice(1, 1 + N_RING)  # of the output
RULE_START = 1 + 2 * N_RING

BUMP_HEIGHT = 0.8
BUMP_WIDTH_RAD = np.pi / 8
PREFERRED_RAD = 2 * np.pi * np.arange(N_RING) / N_RING
INPUT_NOISE_SD = 0.01 * np.sqrt(2 / ALPHA)

TARGET_LOW = 0.05
TARGET_FIXATING = 0.8
TAIL_MS = 500

GRACE_MS = 100  # unscored, at the start of the trial and again after the go signal
WEIGHT_BEFORE_GO = 1.0
WEIGHT_AFTER_GO = 5.0
WEIGHT_FIXATION = 2.0


@dataclass(frozen=True)
class Stimulus:
    """One stimulus of a batch: shown in steps [on, off), at angle_rad (B,), with strength (B, 2) per ring."""

    on: int
    off: int
    angle_rad: np.ndarray
    strength: np.ndarray


@dataclass(frozen=True)
class Plan:
    """What happens in a batch of B trials, before it is written on units.

    Attributes
    ----------
    boundaries : dict of str to int
        The step at which each epoch starts, in order; the first is "fixation", the last "response".
    n_steps : int
    stimuli : tuple of Stimulus
    answer_rad : ndarray (B,)
        Where to answer; nan where the answer is to keep fixating.
    fixation_stays : bool
        Whether the fixation input stays on to the end, rather than going off as the go signal.
    difficulty : ndarray (B,)
        |coherence| of the strengths that decide; nan where the task has none.
    """

    boundaries: dict
    n_steps: int
    stimuli: tuple
    answer_rad: np.ndarray
    fixation_stays: bool
    difficulty: np.ndarray

    @property
    def go(self):
        return self.boundaries["response"]


@dataclass(frozen=True)
class Batch:
    """B trials of one task, T steps of `DT_MS` each, with S stimuli (one or two). Tensors are float32.

    Attributes
    ----------
    name : str
        The task.
    inputs : Tensor (B, T, 85)
        Fixation, ring 1, ring 2, one-hot rule; noise included.
    targets, mask : Tensor (B, T, 33)
        Fixation, ring. The mask weighs the error before it is squared. It is one for all trials, an
        expanded view that cannot be written to.
    epochs : dict of str to (int, int)
        Steps [start, stop) of "fixation", then of those of "stimulus1", "delay1", "stimulus2",
        "delay2" that the task has, then "response". They follow each other without gaps. A stimulus
        that is itself the go signal is shown during "response".
    reaction_window : (int, int)
        Steps [start, stop) in which an answer may be given: from the go signal to the end.
    answer_rad : Tensor (B,)
        nan where the answer is to keep fixating.
    angles_rad : Tensor (B, S)
    strengths : Tensor (B, S, 2)
        Of each stimulus in ring 1 and ring 2; 0 where it is not shown.
    onsets : tuple of int (S)
        The step at which each stimulus appears.
    difficulty : Tensor (B,)
        In decision tasks |coherence|, half the difference of the two strengths that decide: in the
        attended ring, or between the means over rings where both count. Smaller is harder. nan in
        the sensorimotor and match families, which have no graded evidence.
    """

    name: str
    inputs: torch.Tensor
    targets: torch.Tensor
    mask: torch.Tensor
    epochs: dict
    reaction_window: tuple
    answer_rad: torch.Tensor
    angles_rad: torch.Tensor
    strengths: torch.Tensor
    onsets: tuple
    difficulty: torch.Tensor


def steps(duration_ms):
    """A duration in whole steps, the rest cut off."""
    return int(duration_ms / DT_MS)


def uniform_steps(rng, low_ms, high_ms):
    """A duration from U(low, high), in steps."""
    return steps(rng.uniform(low_ms, high_ms))


def choice_steps(rng, options_ms):
    """One of the durations, in steps."""
    return steps(rng.choice(options_ms))


def uniform_angles(rng, batch_size):
    """Angles (B,) in rad from U(0, 2π)."""
    return rng.uniform(0, 2 * np.pi, batch_size)


def separated_angles(rng, angle_rad, low_rad, high_rad):
    """Angles (B,) at U(low, high) from the given ones, clockwise or counter-clockwise at random."""
    separation = rng.uniform(low_rad, high_rad, len(angle_rad)) * random_signs(rng, len(angle_rad))
    return (angle_rad + separation) % (2 * np.pi)


def random_signs(rng, batch_size):
    """Plus or minus one (B,)."""
    return rng.choice((-1.0, 1.0), batch_size)


def in_one_ring(strength, ring):
    """Strengths (B, 2) of stimuli with strength (B,) in ring 0 or 1, and 0 in the other."""
    both = np.zeros((len(strength), 2))
    both[:, ring] = strength
    return both


def bump(angle_rad):
    """Activity (B, 32) of a ring for angles (B,): 0.8 exp(-½ (d / (π/8))²), d the distance on the circle."""
    difference = np.abs(angle_rad[:, None] - PREFERRED_RAD)
    distance = np.minimum(difference, 2 * np.pi - difference)
    return BUMP_HEIGHT * np.exp(-0.5 * (distance / BUMP_WIDTH_RAD) ** 2)


def assemble(name, plan, rule, n_rules, rng, device):
    """Write a plan on the units of a network.

    Parameters
    ----------
    name : str
    plan : Plan
    rule, n_rules : int
        Which of how many rule inputs is on.
    rng : numpy.random.Generator
        For the input noise.
    device : str or torch.device

    Returns
    -------
    Batch
    """

    def tensor(values):
        return torch.from_numpy(np.asarray(values, dtype=np.float32)).to(device)

    starts = list(plan.boundaries.values())
    epochs = dict(zip(plan.boundaries, zip(starts, starts[1:] + [plan.n_steps], strict=True), strict=True))
    return Batch(
        name=name,
        inputs=tensor(_inputs(plan, rule, n_rules, rng)),
        targets=tensor(_targets(plan)),
        mask=tensor(_mask(plan)).expand(len(plan.answer_rad), -1, -1),
        epochs=epochs,
        reaction_window=epochs["response"],
        answer_rad=tensor(plan.answer_rad),
        angles_rad=tensor(np.stack([stimulus.angle_rad for stimulus in plan.stimuli], axis=1)),
        strengths=tensor(np.stack([stimulus.strength for stimulus in plan.stimuli], axis=1)),
        onsets=tuple(stimulus.on for stimulus in plan.stimuli),
        difficulty=tensor(plan.difficulty),
    )


def _inputs(plan, rule, n_rules, rng):
    noise = rng.standard_normal((len(plan.answer_rad), plan.n_steps, RULE_START + n_rules), dtype=np.float32)
    fixation_ends = plan.n_steps if plan.fixation_stays else plan.go
    changes = {0, fixation_ends, *(step for shown in plan.stimuli for step in (shown.on, shown.off))}
    changes = sorted(changes - {plan.n_steps})
    # What is added to the noise stays the same from one change to the next.
    added = np.zeros((len(noise), len(changes), noise.shape[2]), dtype=np.float32)
    added[:, :, RULE_START + rule] = 1
    added[:, : sum(step < fixation_ends for step in changes), FIXATION] = 1
    for stimulus in plan.stimuli:
        activity = stimulus.strength[:, :, None] * bump(stimulus.angle_rad)[:, None, :]
        shown = [stimulus.on <= step < stimulus.off for step in changes]
        added[:, shown, RINGS] += activity.reshape(len(noise), 1, 2 * N_RING).astype(np.float32)
    _scale_and_add(noise, np.float32(INPUT_NOISE_SD), added, np.array([*changes, plan.n_steps]))
    return noise


@njit(cache=True, nogil=True)
def _scale_and_add(values, scale, added, changes):
    """values[i, t] = scale values[i, t] + added[i, k] for all steps t from changes[k] to changes[k + 1]."""
    for i in range(len(values)):
        for k in range(added.shape[1]):
            for t in range(changes[k], changes[k + 1]):
                for unit in range(values.shape[2]):
                    values[i, t, unit] = scale * values[i, t, unit] + added[i, k, unit]


def _targets(plan):
    answered = ~np.isnan(plan.answer_rad)
    before = np.full(N_OUTPUTS, TARGET_LOW, dtype=np.float32)
    before[FIXATION] = TARGET_FIXATING
    after = np.full((len(answered), N_OUTPUTS), TARGET_LOW, dtype=np.float32)
    after[~answered, FIXATION] = TARGET_FIXATING
    after[:, RING] += np.where(answered[:, None], bump(plan.answer_rad), 0).astype(np.float32)
    targets = np.empty((len(answered), plan.n_steps, N_OUTPUTS), dtype=np.float32)
    targets[:, : plan.go] = before
    targets[:, plan.go :] = after[:, None]
    return targets


def _mask(plan):
    """The mask (T, 33) that all trials of the batch share."""
    grace = steps(GRACE_MS)
    weight = np.zeros((plan.n_steps, N_OUTPUTS), dtype=np.float32)
    weight[grace : plan.go] = WEIGHT_BEFORE_GO
    weight[plan.go + grace :] = WEIGHT_AFTER_GO
    weight[:, FIXATION] *= WEIGHT_FIXATION
    return weight
