"""The GRU baseline: torch's own layer and a linear readout (Cho et al. 2014)."""

import math

import torch
from torch import nn


class GRU(nn.Module):
    """One GRU layer and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    """

    recurrent_weight = None  # its gates have three matrices, none of which is a graph of units

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=136):
        super().__init__()
        self.layer = nn.GRU(n_inputs, n_units, batch_first=True)
        self.readout = nn.Linear(n_units, n_outputs)
        bound = 1 / math.sqrt(n_units)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=rng)

    def run(self, inputs):
        """Readout (batch, time, output) and hidden states (batch, time, unit)."""
        states, _ = self.layer(inputs)
        return self.readout(states), states

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        return self.run(inputs)[0]
