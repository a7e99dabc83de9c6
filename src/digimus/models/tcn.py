"""The temporal convolutional network: residual blocks of causal convolutions whose dilation doubles.

A block is relu(x + conv(relu(conv(x)))) with two convolutions of one dilation, each padded on the left
alone; a pointwise convolution brings the inputs to the channels of the first block (Bai et al. 2018,
without dropout and weight normalisation). A step sees 1 + 2 (k - 1) (2^L - 1) steps, itself and earlier
ones: by default as many levels L as the longest rule task of 210 steps needs.
"""

import math

import torch
from torch import nn

from digimus.models.settings import check_whole

LONGEST_TRIAL = 210


class TCN(nn.Module):
    """Residual blocks of causal convolutions and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
        The units are the channels between blocks.
    kernel_size : int
    n_levels : int, optional
        Blocks, with dilation 1, 2, 4 and so on; by default the fewest that see 210 steps.
    n_hidden : int, optional
        Channels inside a block; by default those between blocks.
    """

    recurrent_weight = None  # nothing recurs
    widths = ("n_units", "n_hidden")

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=48, kernel_size=3, n_levels=None, n_hidden=None):
        super().__init__()
        check_whole("models.tcn.kernel_size", kernel_size, least=2, hint="3 or 5 are usual.")
        if n_levels is None:
            n_levels = levels_for(LONGEST_TRIAL, kernel_size)
        n_hidden = n_units if n_hidden is None else n_hidden
        check_whole("models.tcn.n_levels", n_levels, hint="6 levels of kernels of 3 see 253 steps.")
        check_whole("models.tcn.n_hidden", n_hidden)
        self.receptive_field = 1 + 2 * (kernel_size - 1) * (2**n_levels - 1)
        self.reach = [(kernel_size - 1) * 2**level for level in range(n_levels)]
        first, second = [], []
        for level in range(n_levels):
            channels = n_inputs if level == 0 else n_units
            first.append(nn.Conv1d(channels, n_hidden, kernel_size, dilation=2**level))
            second.append(nn.Conv1d(n_hidden, n_units, kernel_size, dilation=2**level))
        self.first, self.second = nn.ModuleList(first), nn.ModuleList(second)
        self.entry = nn.Conv1d(n_inputs, n_units, 1)
        self.readout = nn.Linear(n_units, n_outputs)
        self._initialise(rng)

    @torch.no_grad()
    def _initialise(self, rng):
        """Normal weights that keep the variance through a rectifier; a block's last ones are smaller."""
        quiet = 1 / math.sqrt(len(self.second))
        layers = [(layer, math.sqrt(2)) for layer in self.first] + [(layer, quiet) for layer in self.second]
        for layer, scale in [*layers, (self.entry, 1.0), (self.readout, 1.0)]:
            layer.weight.normal_(0, scale / math.sqrt(layer.weight[0].numel()), generator=rng)
            layer.bias.zero_()

    def run(self, inputs):
        """Readout (batch, time, output) and the last block's outputs (batch, time, unit)."""
        x = inputs.transpose(1, 2)
        through = self.entry(x)
        for reach, first, second in zip(self.reach, self.first, self.second, strict=True):
            inner = torch.relu(first(nn.functional.pad(x, (reach, 0))))
            x = torch.relu(through + second(nn.functional.pad(inner, (reach, 0))))
            through = x
        states = x.transpose(1, 2)
        return self.readout(states), states

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        return self.run(inputs)[0]


def levels_for(n_steps, kernel_size):
    """The fewest levels whose receptive field covers a number of steps."""
    n_levels = 1
    while 1 + 2 * (kernel_size - 1) * (2**n_levels - 1) < n_steps:
        n_levels += 1
    return n_levels
