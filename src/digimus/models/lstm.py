"""The LSTM baseline: torch's own layer and a linear readout."""

import torch
from torch import nn

from digimus.models.gated import GatedLayer

FORGET_BIAS = 1.0


class LSTM(GatedLayer):
    """One LSTM layer and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    """

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=114):
        super().__init__(nn.LSTM, n_inputs, n_outputs, n_units, rng)
        with torch.no_grad():
            # A forget gate that starts open lets gradients reach the stimulus (Gers et al. 2000).
            self.layer.bias_ih_l0[n_units : 2 * n_units] += FORGET_BIAS
