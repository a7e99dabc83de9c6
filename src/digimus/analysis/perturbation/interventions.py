"""Running a trained network while some of its units are silenced or pushed.

A silenced unit sends nothing while the intervention lasts: its spikes, or its rate, are 0. A push is a
constant input of one size a unit. Spiking networks run on their own loop over time, compiled or not: what
is done to a unit is written as inputs of the network, whose weights prevent its spikes or push it.
"""

import copy
from dataclasses import dataclass
from functools import singledispatch

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from digimus.errors import InputError
from digimus.models import DigiMus, LeakyRNN
from digimus.models.gated import GatedLayer


@dataclass(frozen=True)
class Intervention:
    """What is done to the units of a network, and when.

    Attributes
    ----------
    steps : array of bool, shape (time,)
        While it lasts.
    silenced : array of bool, shape (unit,), optional
        Units that send nothing.
    push : array, shape (unit,), optional
        What is added: to the input current of spiking and of leaky units, to the hidden state of gated ones.
    """

    steps: np.ndarray
    silenced: np.ndarray | None = None
    push: np.ndarray | None = None

    @property
    def is_none(self):
        """Whether it does nothing."""
        nothing = [values is None or not np.any(values) for values in (self.silenced, self.push)]
        return all(nothing) or not np.any(self.steps)


def perturbed(network, inputs, intervention):
    """The raw readout of a network under one intervention; see `runner`."""
    return runner(network, inputs)(intervention)


@torch.no_grad()
def runner(network, inputs):
    """A function from interventions to the raw readout of a network for the same inputs.

    Without an intervention the readout is that of ``network(inputs)``, bit for bit. A spiking unit's
    potential goes on while it is silenced, without a reset, so that it may spike at once when the
    intervention ends (ours).

    Parameters
    ----------
    network : torch.nn.Module
        Ready to evaluate.
    inputs : torch.Tensor, shape (batch, time, input)

    Returns
    -------
    function of Intervention, to a torch.Tensor of shape (batch, time, output)

    Raises
    ------
    InputError
        If the network has no units to act on, or (when called) the intervention does not fit it.
    """
    reason = why_not(network)
    if reason:
        raise InputError(
            "This model cannot be perturbed.",
            where=type(network).__name__,
            expected="a recurrent network of spiking, leaky or gated units",
            got=reason,
            hint="Ask digimus.analysis.perturbation.interventions.why_not first.",
        )
    run = _runner(network, inputs)

    @torch.no_grad()
    def readout(intervention):
        _check(network, inputs, intervention)
        return network(inputs) if intervention.is_none else run(intervention)

    return readout


def why_not(network):
    """Why a model cannot be perturbed, beginning with "because"; empty where it can."""
    if _runner.dispatch(type(network)) is _runner.dispatch(object):
        return "because the model has no recurrent units that could be silenced or pushed"
    return ""


def n_units_of(network):
    """How many units a network that can be perturbed has."""
    return network.readout.weight.shape[1]


def push_unit(network, states):
    """The size of a push of dose 1, and what it is called.

    Ours: of a spiking network its threshold, which is the smallest constant current that makes a resting
    unit spike; of another one the standard deviation of its units' states, the root mean square over units.

    Parameters
    ----------
    network : torch.nn.Module
    states : array, shape (samples, unit)
    """
    if isinstance(network, DigiMus):
        return float(network.threshold), "threshold"
    return float(np.sqrt(np.var(states, axis=0).mean())), "state sd"


def push_along(direction, dose, unit):
    """A push along a direction whose root mean square over units is `dose` times `unit`.

    Parameters
    ----------
    direction : array, shape (unit,)
        Of any length but 0.
    dose, unit : float
    """
    direction = np.asarray(direction, float)
    return dose * unit * direction / np.sqrt(np.mean(direction**2))


@singledispatch
def _runner(network, inputs):
    """A function from interventions to the readout; one for each kind of network."""
    raise NotImplementedError(type(network).__name__)


@_runner.register
def _(network: DigiMus, inputs):
    # What the inputs add to the current is the same for all interventions; it stands in for the noise.
    current = nn.functional.linear(inputs.transpose(0, 1), network.w_in * network.input_scale)
    twin = copy.copy(network)
    twin._noise = lambda signals: current
    highest = _highest_potential(network, inputs)

    def run(intervention):
        signals, weights = _further_inputs(network, intervention, highest)
        signals = signals.expand(len(inputs), *signals.shape).contiguous()
        return functional_call(twin, {"w_in": weights}, (signals,))

    return run


def _highest_potential(network, inputs):
    """A bound on how far any potential can lie above the threshold without a push."""
    largest = inputs.abs().amax((0, 1))
    current = network.w_in.abs() @ largest + network.recurrent_weight.clamp(min=0).sum(1) + network.b.abs()
    return 1.0 + float((current * network.input_scale).max())


def _further_inputs(network, intervention, highest):
    """Signals (time, input) and their weights (unit, input): one for a push, two for what is silenced.

    A potential that is lowered by L from one step on keeps its distance if the current is lowered by L too,
    and is back where it was if beta L / (1 - beta) is given at the first step after.
    """
    like, scale = network.b, network.input_scale
    lasts = torch.as_tensor(intervention.steps).to(like.dtype)
    signals, weights = [], []
    if intervention.push is not None:
        push = torch.as_tensor(intervention.push).to(like.dtype)
        highest = highest + float(push.abs().max()) * scale
        signals, weights = [lasts], [push / scale]
    if intervention.silenced is not None:
        beta, _ = network.time_constants
        lowered = highest * torch.as_tensor(intervention.silenced).to(like.dtype) / ((1 - beta) * scale)
        signals += [lasts, torch.cat([lasts.new_zeros(1), lasts[:-1]])]
        weights += [-lowered, beta * lowered]
    return torch.stack(signals, 1), torch.stack(weights, 1)


@_runner.register
def _(network: LeakyRNN, inputs):
    drive = nn.functional.linear(inputs.transpose(0, 1), network.w_in, network.b)
    to_post = network.w.t()

    def run(intervention):
        kept, push = _masks(intervention, network.b)
        h, states = torch.zeros_like(drive[0]), []
        for step, lasts in zip(drive.unbind(0), intervention.steps, strict=True):
            argument = torch.addmm(step, h, to_post)
            h = torch.lerp(h, network.nonlinearity(argument + push if lasts else argument), network.alpha)
            h = h * kept if lasts else h
            states.append(h)
        return network.readout(torch.stack(states, 1))

    return run


@_runner.register
def _(network: GatedLayer, inputs):
    layer, before = network.layer, {}
    weights = [getattr(layer, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]

    def run(intervention):
        kept, push = _masks(intervention, network.readout.weight)
        state, states = None, []
        for start, stop, lasts in _pieces(intervention.steps):
            if lasts:
                state = _cell(layer, inputs[:, start], state, weights)
                state[0] = state[0] * kept + push
                found = state[0][:, None]
            elif start == 0:  # the same for all interventions that begin here
                found, state = before[stop] = before.get(stop) or _layer(layer, inputs[:, :stop], None)
            else:
                found, state = _layer(layer, inputs[:, start:stop], state)
            states.append(found)
        return network.readout(torch.cat(states, 1))

    return run


def _layer(layer, inputs, state):
    """Hidden states (batch, time, unit), and the last state: a list of hidden (and cell) (batch, unit)."""
    if state is not None:
        state = tuple(part[None] for part in state) if len(state) > 1 else state[0][None]
    found, last = layer(inputs, state)
    return found, [part[0] for part in last] if isinstance(last, tuple) else [last[0]]


def _cell(layer, step, state, weights):
    """The state after one step of the layer."""
    if state is None:
        n_parts = 2 if isinstance(layer, nn.LSTM) else 1
        state = [step.new_zeros(len(step), layer.hidden_size) for _ in range(n_parts)]
    if len(state) > 1:
        return list(torch.lstm_cell(step, state, *weights))
    return [torch.gru_cell(step, state[0], *weights)]


def _pieces(steps):
    """(start, stop, whether the intervention lasts): its steps one by one, those between together."""
    starts = [0] + [t for t in range(1, len(steps)) if steps[t] or steps[t - 1]]
    return [
        (start, stop, bool(steps[start]))
        for start, stop in zip(starts, [*starts[1:], len(steps)], strict=True)
    ]


def _masks(intervention, like):
    """1 for units that go on and 0 for silenced ones, and the push, each of shape (unit,)."""
    n_units = like.shape[-1]
    silenced, push = intervention.silenced, intervention.push
    kept = np.ones(n_units) if silenced is None else 1.0 - np.asarray(silenced, float)
    push = np.zeros(n_units) if push is None else push
    return torch.as_tensor(kept).to(like.dtype), torch.as_tensor(push).to(like.dtype)


def _check(network, inputs, intervention):
    expected = {"steps": inputs.shape[1], "silenced": n_units_of(network), "push": n_units_of(network)}
    for name, length in expected.items():
        values = getattr(intervention, name)
        if values is not None and (np.shape(values) != (length,) or not np.all(np.isfinite(values))):
            raise InputError(
                "An intervention does not fit the network.",
                where=f"intervention.{name}",
                expected=f"{length} finite values, one a {'step' if name == 'steps' else 'unit'}",
                got=f"shape {np.shape(values)}",
                hint="Give one value for each.",
            )
