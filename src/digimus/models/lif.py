"""DigiMus: a recurrent network of leaky integrate-and-fire neurons with a leaky readout.

v_t = beta v_{t-1} (1 - s_{t-1}) + (1 - beta) (W_in x_t + W s_{t-1} + b),  s_t = [v_t >= v_th],
beta = exp(-dt / tau_m). The time loop is one autograd function with a backward pass derived by hand:
the input product is taken for all steps at once, and so is the gradient of the weights.
"""

import math

import torch
from torch import nn

from digimus.models.surrogates import SURROGATES


class DigiMus(nn.Module):
    """One module of LIF neurons between an encoder and a leaky readout.

    Without a motif term it is the structure-free twin.

    Parameters
    ----------
    n_inputs, n_outputs, n_units : int
    dt_ms, tau_m_ms, tau_readout_ms : float
        Time step, membrane and readout time constants.
    threshold : float
        v_th.
    surrogate : str
        A key of `SURROGATES`; the derivative that stands in for that of the spike.
    recurrent_noise : float
        Standard deviation of noise on the input current while training; 0 when evaluating.
    gain : float
        Scale of the initial recurrent weights, in units of 1 / sqrt(n_units).
    """

    def __init__(
        self,
        n_inputs,
        n_outputs,
        *,
        rng,
        n_units=128,
        dt_ms=20.0,
        tau_m_ms=100.0,
        tau_readout_ms=100.0,
        threshold=0.5,
        surrogate="fast_sigmoid",
        recurrent_noise=0.0,
        gain=1.0,
    ):
        super().__init__()
        self.beta = math.exp(-dt_ms / tau_m_ms)
        self.kappa = math.exp(-dt_ms / tau_readout_ms)
        self.threshold = threshold
        self.surrogate = SURROGATES[surrogate]
        self.recurrent_noise = recurrent_noise
        self.w_in = nn.Parameter(torch.randn(n_units, n_inputs, generator=rng) * (4.0 / math.sqrt(n_inputs)))
        self.w = nn.Parameter(torch.randn(n_units, n_units, generator=rng) * (gain / math.sqrt(n_units)))
        self.b = nn.Parameter(torch.full((n_units,), 0.3))
        self.readout = nn.Linear(n_units, n_outputs)
        with torch.no_grad():
            self.readout.weight.copy_(
                torch.randn(n_outputs, n_units, generator=rng) * (3.0 / math.sqrt(n_units))
            )
            self.readout.bias.zero_()

    @property
    def recurrent_weight(self):
        """W, shape (n_units, n_units): row postsynaptic, column presynaptic."""
        return self.w

    def spikes(self, inputs):
        """Spikes (time, batch, unit) for inputs (batch, time, input)."""
        current = nn.functional.linear(inputs.transpose(0, 1), self.w_in, self.b)
        if self.training and self.recurrent_noise > 0:
            current = current + self.recurrent_noise * torch.randn_like(current)
        return LIFLoop.apply(current, self.w, self.beta, self.threshold, self.surrogate)

    def run(self, inputs):
        """Readout (batch, time, output) and states (batch, time, unit), the leakily filtered spikes."""
        spikes = self.spikes(inputs)
        filtered = leaky_filter(spikes, self.kappa)
        outputs = self.readout(filtered)
        return outputs.transpose(0, 1), filtered.transpose(0, 1)

    def forward(self, inputs):
        """Raw readout, shape (batch, time, output)."""
        # The filter and the linear readout commute; the readout has fewer channels.
        projected = nn.functional.linear(self.spikes(inputs), self.readout.weight)
        return (leaky_filter(projected, self.kappa) + self.readout.bias).transpose(0, 1)


def leaky_filter(signal, kappa):
    """y_t = kappa y_{t-1} + (1 - kappa) x_t along the first axis, as one product with a triangular matrix."""
    n_steps = signal.shape[0]
    steps = torch.arange(n_steps, device=signal.device)
    lag = steps[:, None] - steps[None, :]
    kernel = torch.where(lag >= 0, (1 - kappa) * kappa ** lag.clamp(min=0).to(signal.dtype), 0.0)
    return (kernel @ signal.reshape(n_steps, -1)).reshape(signal.shape)


class LIFLoop(torch.autograd.Function):
    """The LIF recurrence over time, with its gradient through reset and recurrence."""

    @staticmethod
    def forward(ctx, current, weight, beta, threshold, surrogate):
        """Spikes (time, batch, unit) for an input current (time, batch, unit) and W (post, pre)."""
        potentials = current * (1 - beta)
        spikes = torch.empty_like(current)
        from_spikes = (weight * (1 - beta)).t()
        # Views of the steps, taken once: indexing costs as much as the arithmetic of a small layer.
        v, s = potentials.unbind(0), spikes.unbind(0)
        kept = None
        for t in range(len(v)):
            if t:
                v[t].addmm_(s[t - 1], from_spikes)
                v[t].addcmul_(v[t - 1], kept, value=beta)
            torch.ge(v[t], threshold, out=s[t])
            kept = 1 - s[t]
        ctx.save_for_backward(potentials, spikes, weight)
        ctx.constants = beta, threshold, surrogate
        return spikes

    @staticmethod
    def backward(ctx, grad_spikes):
        """Gradients with respect to the current and W."""
        potentials, spikes, weight = ctx.saved_tensors
        beta, threshold, surrogate = ctx.constants
        scaled = weight * (1 - beta)
        slopes = surrogate(potentials - threshold).unbind(0)
        leaks = ((1 - spikes) * beta).unbind(0)
        grad_v = torch.empty_like(potentials)
        v, grad_s, grads = potentials.unbind(0), grad_spikes.unbind(0), grad_v.unbind(0)
        torch.mul(grad_s[-1], slopes[-1], out=grads[-1])
        to_spike = torch.empty_like(grads[-1])
        for t in range(len(v) - 2, -1, -1):
            later = grads[t + 1]
            torch.addmm(grad_s[t], later, scaled, out=to_spike)
            to_spike.addcmul_(v[t], later, value=-beta)
            torch.mul(to_spike, slopes[t], out=grads[t])
            grads[t].addcmul_(later, leaks[t])
        n_units = weight.shape[0]
        grad_current = grad_v.mul_(1 - beta)
        grad_weight = grad_current[1:].reshape(-1, n_units).t() @ spikes[:-1].reshape(-1, n_units)
        return grad_current, grad_weight, None, None, None
