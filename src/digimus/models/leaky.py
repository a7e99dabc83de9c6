"""The leaky rate network: the recurrent network that the rule tasks were published with, as a baseline.

h_t = (1 - alpha) h_{t-1} + alpha f(W h_{t-1} + W_in x_t + b),  alpha = dt / tau (Yang et al. 2019), with
f rectifying by default, and noise on the argument of f while training where it is asked for.
"""

import math

import torch
from torch import nn

from digimus.models.settings import check_choice, check_number

NONLINEARITIES = {"relu": torch.relu, "softplus": nn.functional.softplus, "tanh": torch.tanh}


class LeakyRNN(nn.Module):
    """One layer of leaky rate units and a linear readout.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    dt_ms, tau_m_ms : float
        Time step and time constant of the units; a step longer than the time constant counts as one.
    nonlinearity : {"relu", "softplus", "tanh"}
    recurrent_noise : float
        Standard deviation of noise on the argument of f while training; 0 when evaluating.
    gain : float
        Scale of the initial recurrent weights, in units of 1 / sqrt(n_units).
    """

    def __init__(
        self,
        n_inputs,
        n_outputs,
        *,
        rng,
        n_units=256,
        dt_ms=20.0,
        tau_m_ms=100.0,
        nonlinearity="relu",
        recurrent_noise=0.0,
        gain=1.0,
    ):
        super().__init__()
        for name, value in dict(dt_ms=dt_ms, tau_m_ms=tau_m_ms, gain=gain).items():
            check_number(f"models.leaky.{name}", value, above=0)
        check_number("models.leaky.recurrent_noise", recurrent_noise, least=0)
        check_choice("models.leaky.nonlinearity", nonlinearity, NONLINEARITIES, "nonlinearity")
        self.alpha = min(1.0, dt_ms / tau_m_ms)
        self.nonlinearity = NONLINEARITIES[nonlinearity]
        self.recurrent_noise = recurrent_noise
        self.w_in = nn.Parameter(torch.randn(n_units, n_inputs, generator=rng) / math.sqrt(n_inputs))
        self.w = nn.Parameter(torch.randn(n_units, n_units, generator=rng) * (gain / math.sqrt(n_units)))
        self.b = nn.Parameter(torch.zeros(n_units))
        self.readout = nn.Linear(n_units, n_outputs)
        with torch.no_grad():
            self.readout.weight.copy_(torch.randn(n_outputs, n_units, generator=rng) / math.sqrt(n_units))
            self.readout.bias.zero_()

    @property
    def recurrent_weight(self):
        """W, shape (n_units, n_units): row postsynaptic, column presynaptic."""
        return self.w

    def run(self, inputs):
        """Readout (batch, time, output) and rates (batch, time, unit)."""
        drive = nn.functional.linear(inputs.transpose(0, 1), self.w_in, self.b)
        if self.training and self.recurrent_noise > 0:
            drive = drive + self.recurrent_noise * torch.randn_like(drive)
        to_post = self.w.t()
        h, states = torch.zeros_like(drive[0]), []
        for step in drive.unbind(0):
            h = torch.lerp(h, self.nonlinearity(torch.addmm(step, h, to_post)), self.alpha)
            states.append(h)
        states = torch.stack(states, 1)
        return self.readout(states), states

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        return self.run(inputs)[0]
