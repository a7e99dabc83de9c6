"""Silencing and pushing the units of a network, against answers that are known."""

import numpy as np
import pytest
import torch

from digimus.analysis.perturbation.interventions import (
    Intervention,
    perturbed,
    push_along,
    push_unit,
    why_not,
)
from digimus.errors import InputError
from digimus.models import build
from digimus.models.spiking import lif_loop

KINDS = {
    "digimus": {"tau_m_ms": [20, 500], "learn_time_constants": True},
    "soft": {"reset": "soft"},
    "delayed": {"delay_steps": 3},
    "alif": {},
    "leaky": {},
    "lstm": {},
    "gru": {},
}
N_UNITS, N_STEPS = 12, 30


def network_of(name):
    kind = name if name in ("alif", "leaky", "lstm", "gru") else "digimus"
    return build(kind, 5, 3, seed=2, n_units=N_UNITS, **KINDS[name]).eval()


@pytest.fixture
def inputs():
    return torch.randn(4, N_STEPS, 5, generator=torch.Generator().manual_seed(1))


def steps(start, stop):
    lasts = np.zeros(N_STEPS, bool)
    lasts[start:stop] = True
    return lasts


@pytest.mark.parametrize("name", KINDS)
def test_a_dose_of_zero_is_the_plain_run_bit_for_bit(name, inputs):
    network = network_of(name)
    with torch.no_grad():
        plain = network(inputs)
    nothing = Intervention(steps(5, 20), silenced=np.zeros(N_UNITS, bool), push=np.zeros(N_UNITS))
    assert torch.equal(perturbed(network, inputs, nothing), plain)
    never = Intervention(steps(0, 0), silenced=np.ones(N_UNITS, bool))
    assert torch.equal(perturbed(network, inputs, never), plain)


@pytest.mark.parametrize("name", KINDS)
def test_a_silenced_network_says_its_bias(name, inputs):
    network = network_of(name)
    with torch.no_grad():
        network.readout.bias.copy_(torch.tensor([0.5, -1.0, 2.0]))
        plain = network(inputs)
    silent = perturbed(network, inputs, Intervention(steps(0, N_STEPS), silenced=np.ones(N_UNITS, bool)))
    torch.testing.assert_close(silent, network.readout.bias.detach().expand(4, N_STEPS, 3))
    assert not torch.allclose(plain, silent)


@pytest.mark.parametrize("name", KINDS)
def test_nothing_changes_before_an_intervention(name, inputs):
    network = network_of(name)
    with torch.no_grad():
        plain = network(inputs)
    some = np.arange(N_UNITS) < 4
    changed = perturbed(
        network, inputs, Intervention(steps(12, 20), silenced=some, push=np.full(N_UNITS, 0.7))
    )
    torch.testing.assert_close(changed[:, :12], plain[:, :12])
    assert not torch.allclose(changed[:, 12:], plain[:, 12:], atol=1e-3)


@pytest.mark.parametrize("name", ["digimus", "soft", "alif"])
def test_spikes_of_silenced_units_are_those_of_a_loop_that_clamps_them(name, inputs):
    """The kernels with further inputs, against a loop that sets the spikes themselves to 0."""
    network = network_of(name)
    silenced, lasts = np.arange(N_UNITS) % 3 == 0, steps(8, 19)
    found = perturbed(network, inputs, Intervention(lasts, silenced=silenced))
    with torch.no_grad():
        torch.testing.assert_close(found, _clamped(network, inputs, silenced, lasts), atol=2e-5, rtol=1e-4)
        assert not torch.allclose(found, network(inputs), atol=1e-3)


def _clamped(network, inputs, silenced, lasts):
    beta, rho = network.time_constants
    v = s = a = torch.zeros(len(inputs), N_UNITS)
    y, outputs = torch.zeros(len(inputs), 3), []
    for t, x in enumerate(inputs.unbind(1)):
        kept = v * (1 - s) if network.reset == "hard" else v - network.threshold * s
        v = beta * kept + (1 - beta) * (x @ network.w_in.t() + s @ network.recurrent_weight.t() + network.b)
        a = rho * a + (1 - rho) * s
        s = (v >= network.threshold + network.adaptation * a).float()
        s = torch.where(torch.as_tensor(silenced & lasts[t]), 0.0, s)
        y = network.kappa * y + (1 - network.kappa) * (s @ network.readout.weight.t())
        outputs.append(y + network.readout.bias)
    return torch.stack(outputs, 1)


@pytest.mark.parametrize("preset", ["default", "earlier"])
def test_a_push_is_a_current(preset, inputs):
    """Against the plain loop with the push added to the current."""
    network = build("digimus", 5, 3, seed=3, n_units=N_UNITS, preset=preset).eval()
    push, lasts = np.linspace(-1, 1, N_UNITS), steps(10, 25)
    found = perturbed(network, inputs, Intervention(lasts, push=push))
    with torch.no_grad():
        current = (inputs.transpose(0, 1) @ network.w_in.t() + network.b) * network.input_scale
        current[lasts] += torch.as_tensor(push, dtype=torch.float32)
        weight = network.recurrent_weight * network.input_scale
        spikes = lif_loop(current, weight, network.beta, network.threshold, network.surrogate)
        y, expected = torch.zeros(4, 3), []
        for s in spikes:
            y = network.kappa * y + (1 - network.kappa) * (s @ network.readout.weight.t())
            expected.append(y + network.readout.bias)
    torch.testing.assert_close(found, torch.stack(expected, 1), atol=2e-5, rtol=1e-4)


def test_a_push_of_one_threshold_makes_a_resting_unit_spike_and_less_does_not():
    network = build("digimus", 1, 1, seed=1, n_units=1, tau_m_ms=20.0).eval()
    with torch.no_grad():
        for weight in (network.w_in, network.w, network.b, network.readout.bias):
            weight.zero_()
        network.readout.weight.fill_(1.0)
    rest = torch.zeros(1, 60, 1)
    unit, name = push_unit(network, np.zeros((1, 1)))
    assert (unit, name) == (0.5, "threshold")
    for dose, spikes in ((0.95, False), (1.05, True)):
        push = push_along(np.ones(1), dose, unit)
        output = perturbed(network, rest, Intervention(np.ones(60, bool), push=push))
        assert bool(output.abs().sum() > 0) == spikes


def test_pushes_of_equal_dose_are_of_equal_size():
    rng = np.random.default_rng(1)
    for direction in rng.normal(size=(5, N_UNITS)) * 7:
        assert np.sqrt(np.mean(push_along(direction, 0.3, 2.0) ** 2)) == pytest.approx(0.6)


def test_models_without_units_say_so(inputs):
    network = build("tcn", 5, 3, seed=1, n_units=4, n_levels=2).eval()
    assert why_not(network).startswith("because")
    assert why_not(network_of("lstm")) == ""
    with pytest.raises(InputError, match="cannot be perturbed"):
        perturbed(network, inputs, Intervention(steps(0, 3), push=np.ones(4)))


@pytest.mark.parametrize(
    "wrong",
    [dict(steps=np.ones(3, bool)), dict(silenced=np.ones(5, bool)), dict(push=np.full(N_UNITS, np.nan))],
)
def test_an_intervention_that_does_not_fit_is_refused(wrong, inputs):
    fine = dict(steps=steps(0, 5), silenced=np.ones(N_UNITS, bool), push=np.ones(N_UNITS))
    with pytest.raises(InputError, match="does not fit"):
        perturbed(network_of("digimus"), inputs, Intervention(**(fine | wrong)))
