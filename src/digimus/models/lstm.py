"""The LSTM baseline: torch's own layer and a linear readout."""

import math

import torch
from torch import nn

FORGET_BIAS = 1.0


class LSTM(nn.Module):
    """One LSTM layer and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    """

    recurrent_weight = None  # its gates have four matrices, none of which is a graph of units

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=114):
        super().__init__()
        self.layer = nn.LSTM(n_inputs, n_units, batch_first=True)
        self.readout = nn.Linear(n_units, n_outputs)
        bound = 1 / math.sqrt(n_units)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-bound, bound, generator=rng)
            # A forget gate that starts open lets gradients reach the stimulus (Gers et al. 2000).
            self.layer.bias_ih_l0[n_units : 2 * n_units] += FORGET_BIAS

    def run(self, inputs):
        """Readout (batch, time, output) and hidden states (batch, time, unit)."""
        states, _ = self.layer(inputs)
        return self.readout(states), states

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        return self.run(inputs)[0]
