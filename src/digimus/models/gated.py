"""What the LSTM and the GRU share: torch's own layer, a linear readout, and uniform initial weights."""

import math

import torch
from torch import nn


class GatedLayer(nn.Module):
    """One recurrent layer of torch and a linear readout.

    Parameters
    ----------
    layer : type
        `torch.nn.LSTM` or `torch.nn.GRU`.
    n_inputs, n_outputs, n_units : int
    rng : torch.Generator
    """

    recurrent_weight = None  # its gates have several matrices, none of which is a graph of units

    def __init__(self, layer, n_inputs, n_outputs, n_units, rng):
        super().__init__()
        self.layer = layer(n_inputs, n_units, batch_first=True)
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
