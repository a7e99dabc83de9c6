"""Maps of a network's state to the next one under a constant input, with their Jacobians.

The rate map, ours for spiking networks: u_i is the input current of unit i, filtered by its own membrane,

    u(t+1) = d u(t) + (1 - d) (W f(u(t)) + W_in x + b),

with d_i the decay of the membrane in a step and f_i(u) the expected number of spikes in a step. A unit with a
hard reset and constant current I spikes at every k-th step, where k is the least number for which
I (1 - d^k) reaches the threshold; the current scatters around its mean as if the spikes that enter it were
independent, so that f is a sum of normal distribution functions. For the leaky rate network the map is exact,
with u its argument of f; so are the maps of the LSTM and the GRU.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.special import expit, ndtr

from digimus.models import GRU, LSTM, DigiMus, LeakyRNN
from digimus.tasks.trials import INPUT_NOISE_SD

N_INTERVALS = 80
"""Interspike intervals in steps that are told apart; longer ones count as the threshold current itself."""


@dataclass(frozen=True)
class RateMap:
    """u -> decay u + (1 - decay) (weight f(u) + drive).

    Attributes
    ----------
    weight : array, shape (units, units)
        W[post, pre].
    drive : array, shape (units,)
    decay : array, shape (units,), or float
    rates : function of array (..., units)
        Gives f(u) and its derivative.
    """

    weight: np.ndarray
    drive: np.ndarray
    decay: np.ndarray | float
    rates: Callable

    def step(self, u):
        """The next currents (..., units)."""
        return self.decay * u + (1 - self.decay) * (self.rates(u)[0] @ self.weight.T + self.drive)

    def jacobian(self, u):
        """Derivatives of the next currents by these, (..., units, units)."""
        gain = (1 - self.decay) * np.ones(len(self.drive))
        by_rate = gain[:, None] * self.weight * self.rates(u)[1][..., None, :]
        return by_rate + np.diag(self.decay * np.ones(len(self.drive)))

    def units(self, u):
        """Spikes in a step, or rates, of every unit (..., units)."""
        return self.rates(u)[0]

    def starts(self, states, inputs):
        """Currents that go with states (..., units) of the network; how it came there is not used."""
        return states @ self.weight.T + self.drive


@dataclass(frozen=True)
class GRUMap:
    """The GRU's hidden state to the next.

    Attributes
    ----------
    weight : array, shape (3 units, units)
        Of reset, update and candidate, in torch's order.
    drive, bias : array, shape (3 units,)
        From the input with its bias, and the bias beside `weight`.
    """

    weight: np.ndarray
    drive: np.ndarray
    bias: np.ndarray

    def step(self, h):
        """The next states (..., units)."""
        _, z, n, _ = self._gates(h)
        return (1 - z) * n + z * h

    def jacobian(self, h):
        """Derivatives (..., units, units)."""
        r, z, n, candidate = self._gates(h)
        w_r, w_z, w_n = np.split(self.weight, 3)
        by_n = r[..., None] * w_n + (candidate * r * (1 - r))[..., None] * w_r
        moved = ((h - n) * z * (1 - z))[..., None] * w_z + ((1 - z) * (1 - n**2))[..., None] * by_n
        return moved + z[..., None] * np.eye(len(w_n))

    def units(self, h):
        """The hidden state itself."""
        return h

    def starts(self, states, inputs):
        """The states themselves."""
        return states

    def _gates(self, h):
        """Reset, update, candidate, and what the reset multiplies."""
        r, z, n = np.split(h @ self.weight.T + self.bias, 3, axis=-1)
        to_r, to_z, to_n = np.split(self.drive, 3)
        reset = expit(r + to_r)
        return reset, expit(z + to_z), np.tanh(to_n + reset * n), n


@dataclass(frozen=True)
class LSTMMap:
    """The LSTM's hidden and cell state, side by side, to the next.

    Attributes
    ----------
    weight : array, shape (4 units, units)
        Of input, forget, cell and output, in torch's order.
    drive : array, shape (4 units,)
        From the input, with both biases.
    layer : torch.nn.LSTM
        By which cell states are found that go with hidden ones.
    """

    weight: np.ndarray
    drive: np.ndarray
    layer: torch.nn.LSTM

    def step(self, state):
        """The next states (..., 2 units)."""
        i, f, g, o, c = self._gates(state)
        cell = f * c + i * g
        return np.concatenate([o * np.tanh(cell), cell], axis=-1)

    def jacobian(self, state):
        """Derivatives (..., 2 units, 2 units)."""
        i, f, g, o, c = self._gates(state)
        w_i, w_f, w_g, w_o = np.split(self.weight, 4)
        cell_by_h = (
            (c * f * (1 - f))[..., None] * w_f
            + (g * i * (1 - i))[..., None] * w_i
            + (i * (1 - g**2))[..., None] * w_g
        )
        cell_by_c = f[..., None] * np.eye(len(w_i))
        squashed = np.tanh(f * c + i * g)
        slope = (o * (1 - squashed**2))[..., None]
        h_by_h = (squashed * o * (1 - o))[..., None] * w_o + slope * cell_by_h
        top = np.concatenate([h_by_h, slope * cell_by_c], axis=-1)
        return np.concatenate([top, np.concatenate([cell_by_h, cell_by_c], axis=-1)], axis=-2)

    def units(self, state):
        """The hidden state."""
        return state[..., : self.weight.shape[1]]

    def starts(self, states, inputs):
        """Hidden and cell states after the inputs (trials, time, inputs), of which hidden ones are known."""
        with torch.no_grad():
            _, (_, cell) = self.layer(inputs)
        return np.concatenate([states, cell[0].numpy().astype(float)], axis=1)

    def _gates(self, state):
        h, c = np.split(state, 2, axis=-1)
        i, f, g, o = np.split(h @ self.weight.T + self.drive, 4, axis=-1)
        return expit(i), expit(f), np.tanh(g), expit(o), c


def state_map_of(network, inputs, rates):
    """The map of a network's state under a constant input, or the reason why it has none.

    Parameters
    ----------
    network : torch.nn.Module
    inputs : array, shape (inputs,)
        The constant input.
    rates : array, shape (units,)
        Mean spikes in a step, from which the scatter of a spiking network's currents is taken.

    Returns
    -------
    (RateMap, GRUMap, LSTMMap or None, str)
        The reason is empty where there is a map.
    """
    if isinstance(network, LeakyRNN):
        w_in, w, b = (_array(x) for x in (network.w_in, network.w, network.b))
        return RateMap(w, w_in @ inputs + b, 1 - network.alpha, _pointwise(network.nonlinearity)), ""
    if isinstance(network, GRU | LSTM):
        return _gated_map(network.layer, inputs), ""
    if not isinstance(network, DigiMus):
        return None, "because the model has no recurrent units with a state map"
    for unmet, why in (
        (network.adaptation, "its threshold adapts"),
        (network.reset != "hard", "its reset is soft"),
        (network.delays is not None, "its synapses have delays"),
    ):
        if unmet:
            return None, f"because {why}, which the rate map leaves out"
    scale, decay = network.input_scale, network.time_constants[0]
    w_in, w, b = (_array(x) * scale for x in (network.w_in, network.recurrent_weight, network.b))
    decay = np.broadcast_to(_array(torch.as_tensor(decay)), b.shape)
    rates = np.clip(rates, 0, 1)
    scatter = w**2 @ (rates * (1 - rates)) + INPUT_NOISE_SD**2 * np.sum(w_in**2, axis=1)
    scatter = np.sqrt(scatter * (1 - decay) / (1 + decay)).clip(1e-3 * network.threshold)
    return RateMap(w, w_in @ inputs + b, decay, spiking_rates(decay, network.threshold, scatter)), ""


def spiking_rates(decay, threshold, scatter):
    """Expected spikes in a step of LIF units with a hard reset, by their mean current.

    Parameters
    ----------
    decay : array, shape (units,)
        Of the membrane in a step.
    threshold : float
    scatter : array, shape (units,)
        Standard deviation of the filtered current.

    Returns
    -------
    function of array (..., units)
        Gives f and its derivative; see the module.
    """
    interval = np.arange(1, N_INTERVALS + 1)
    needed = threshold / (1 - np.asarray(decay, float)[:, None] ** interval)
    needed[:, -1] = threshold
    gained = 1 / interval - 1 / (interval + 1)
    gained[-1] = 1 / interval[-1]

    def rates(u):
        z = (np.asarray(u, float)[..., None] - needed) / scatter[:, None]
        density = np.exp(-0.5 * z**2) / (np.sqrt(2 * np.pi) * scatter[:, None])
        return ndtr(z) @ gained, density @ gained

    return rates


def _pointwise(nonlinearity):
    """Values and derivatives of a function of torch, for arrays of numpy."""

    def rates(u):
        x = torch.tensor(np.asarray(u, float), requires_grad=True)
        with torch.enable_grad():
            y = nonlinearity(x)
            (slope,) = torch.autograd.grad(y.sum(), x)
        return y.detach().numpy(), slope.numpy()

    return rates


def _gated_map(layer, inputs):
    w_in, w, b_in, b = (
        _array(getattr(layer, name)) for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    )
    driven = w_in @ inputs + b_in
    return GRUMap(w, driven, b) if isinstance(layer, torch.nn.GRU) else LSTMMap(w, driven + b, layer)


def _array(tensor):
    return tensor.detach().cpu().numpy().astype(float)
