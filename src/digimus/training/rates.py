"""The learning rate, chosen from a grid on a validation seed.

Every rate trains the same network on the same batches, with a seed that no reported network uses and
without the motif term, so that a network with a prior and its twin without one get the same rate. The
rate with the lowest validation loss at the end is taken. Every attempt is kept and reported.
"""

import logging
from dataclasses import dataclass, replace

import numpy as np

from digimus.errors import InputError, TrainingError
from digimus.training.engine import fit

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RateGrid:
    """What is tried.

    Attributes
    ----------
    rates : tuple of float
    seed : int
        Of weights and batches.
    n_updates : int, optional
        Of each attempt; by default as many as in the training itself.
    """

    rates: tuple
    seed: int = 0
    n_updates: int | None = None

    def __post_init__(self):
        if not self.rates or len(set(self.rates)) < len(self.rates) or min(self.rates) <= 0:
            raise InputError(
                "A grid of learning rates needs different numbers above 0.",
                where="learning_rate",
                expected="one or more different numbers above 0",
                got=repr(list(self.rates)),
                hint="For example [0.001, 0.003, 0.01].",
            )

    def settings(self, settings, rate):
        """The fit settings of an attempt: its rate, its length, no early stopping."""
        n_updates = settings.n_updates if self.n_updates is None else self.n_updates
        return replace(
            settings, learning_rate=rate, n_updates=min(n_updates, settings.n_updates), patience=None
        )


def attempt(model, problem, settings, *, seed, state=None, keep=None):
    """Train with one rate; a rate that leaves the finite numbers is recorded as that.

    Returns
    -------
    dict of str to numpy.ndarray
        The curves of `fit`, empty where training left the finite numbers.
    """
    try:
        return fit(model, problem, settings, seed=seed, state=state, keep=keep)
    except TrainingError as error:
        log.warning("learning rate %g: %s", settings.learning_rate, error.what)
        return {}


def best_rate(rates, losses):
    """The rate with the lowest finite loss, the smaller one of two that are equal.

    Raises
    ------
    TrainingError
        If no rate ended with a finite loss.
    """
    ends = [(loss, rate) for rate, loss in zip(rates, losses, strict=True) if np.isfinite(loss)]
    if not ends:
        raise TrainingError(
            "No learning rate of the grid trains this network.",
            where="learning_rate",
            expected="a finite validation loss with at least one rate",
            got=f"none with {', '.join(f'{rate:g}' for rate in rates)}",
            hint="Add smaller learning rates.",
        )
    return min(ends)[1]
