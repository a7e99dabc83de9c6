"""How outputs are scored: the masked squared error that training lowers, and the share of right answers."""

import torch

from digimus.errors import InputError
from digimus.tasks.trials import FIXATION, PREFERRED_RAD, RING

FIXATING_ABOVE = 0.5
TOLERANCE_RAD = 0.2 * torch.pi
# A ring whose vector is this short against its activity is flat: rounding alone would give it a direction.
FLAT_BELOW = 1e-6


def loss(outputs, batch):
    """The mean of ((targets - outputs) · mask)²; the mask lies inside the square.

    Parameters
    ----------
    outputs : Tensor (B, T, 33)
        In (0, 1): the sigmoid is already applied.
    batch : Batch

    Returns
    -------
    Tensor, a scalar

    Raises
    ------
    InputError
        If the shapes differ.
    """
    _check_shape(outputs, batch)
    return ((batch.targets - outputs) * batch.mask).square().mean()


@torch.no_grad()
def accuracy(outputs, batch):
    """Which trials were answered rightly, judged at the last step.

    A fixation output above 0.5 is fixating. Where an answer is due, the network must not fixate and its
    population vector must lie within 36° (0.2 π) of the answer; where none is due, it must fixate.
    A flat ring, or outputs that are not finite, are no answer and count as wrong.

    Parameters
    ----------
    outputs : Tensor (B, T, 33)
        In (0, 1): the sigmoid is already applied.
    batch : Batch

    Returns
    -------
    Tensor (B,)
        1 or 0.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    _check_shape(outputs, batch)
    last = outputs[:, -1].float()
    difference = population_vector(last[:, RING]) - batch.answer_rad
    distance = torch.abs(torch.remainder(difference + torch.pi, 2 * torch.pi) - torch.pi)
    answered = (last[:, FIXATION] <= FIXATING_ABOVE) & (distance < TOLERANCE_RAD)
    held = last[:, FIXATION] > FIXATING_ABOVE
    return torch.where(torch.isnan(batch.answer_rad), held, answered).float()


def population_vector(ring):
    """The direction of ring activity (..., 32) in rad, in [-π, π]; nan where the ring is flat."""
    preferred = torch.as_tensor(PREFERRED_RAD, device=ring.device)
    east = (ring * torch.cos(preferred).to(ring.dtype)).sum(-1)
    north = (ring * torch.sin(preferred).to(ring.dtype)).sum(-1)
    flat = torch.hypot(east, north) <= FLAT_BELOW * ring.abs().sum(-1)
    return torch.where(flat, torch.nan, torch.atan2(north, east))


def _check_shape(outputs, batch):
    if tuple(outputs.shape) != tuple(batch.targets.shape):
        raise InputError(
            "The outputs do not fit the batch.",
            where=f"outputs for a batch of {batch.name!r}",
            expected=f"shape {tuple(batch.targets.shape)}: trials, steps, fixation and ring",
            got=f"shape {tuple(outputs.shape)}",
            hint="Give the outputs of this very batch, batch first, one per step.",
        )
