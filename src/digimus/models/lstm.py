"""The LSTM baseline: torch's own layer and a linear readout."""

import torch
from torch import nn

from digimus.models.gated import GatedLayer
from digimus.models.settings import check_whole

LONGEST_MEMORY = 100
"""Steps; 2 s of a rule task, which is as long as its longest delay and response."""


class LSTM(GatedLayer):
    """One LSTM layer and a linear readout.

    Its units start with memories of 1 to `longest_memory` steps: forget bias b = log U(1, longest), input
    bias -b (Tallec & Ollivier 2018, "chrono initialisation"). With forget biases of 1 alone it learnt none
    of the tasks with a delay within 600 updates.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    longest_memory : int
        In steps, 2 or more; of the time constants that the forget gates start with.

    Raises
    ------
    InputError
        For a longest memory below 2 steps.
    """

    def __init__(self, n_inputs, n_outputs, *, rng, n_units=114, longest_memory=LONGEST_MEMORY):
        super().__init__(nn.LSTM, n_inputs, n_outputs, n_units, rng)
        check_whole("models.lstm.longest_memory", longest_memory, least=2, hint="100 is the default.")
        with torch.no_grad():
            # Gates in torch's order: input, forget, cell, output; two biases add up.
            memory = torch.empty(n_units).uniform_(1, longest_memory, generator=rng).log()
            self.layer.bias_ih_l0[:n_units] = -memory
            self.layer.bias_ih_l0[n_units : 2 * n_units] = memory
