"""The models that DigiMus is compared with: their equations, their sizes, and that none sees the future."""

import math

import numpy as np
import pytest
import torch

from digimus import InputError
from digimus.models import MODELS, build, match, matched_settings, n_parameters
from digimus.models.lru import CHUNK, diagonal_recurrence
from digimus.models.tcn import levels_for
from digimus.models.transformer import sinusoids

torch.set_num_threads(1)

BASELINES = [name for name in MODELS if name != "digimus"]
LONGEST = 210


def inputs_of(batch, n_steps, n_inputs, seed=0, dtype=torch.float32):
    return torch.randn(batch, n_steps, n_inputs, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def matched(name, n_inputs=85, n_outputs=33, n_units=64, seed=0):
    """A baseline of the size of a DigiMus network."""
    wanted = n_parameters(build("digimus", n_inputs, n_outputs, n_units=n_units))
    settings = matched_settings(build, name, n_inputs, n_outputs, wanted)
    return build(name, n_inputs, n_outputs, seed=seed, **settings)


# Sizes


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("lstm", {"n_units": 114}),
        ("gru", {"n_units": 136}),
        ("transformer", {"n_units": 64}),
        ("leaky", {"n_units": 256}),
        ("alif", {"n_units": 256}),
    ],
)
def test_the_widths_beside_256_spiking_units_are_the_published_ones(name, settings):
    found = match(build, name, 85, 33, 96_033)
    assert found.settings == settings and abs(found.ratio - 1) < 0.01
    assert found.n_parameters == n_parameters(build(name, 85, 33, **settings))


def test_the_transformer_of_that_size_has_the_published_shape():
    network = build("transformer", 85, 33, n_units=64)
    assert len(network.layers) == 2
    for layer in network.layers:
        assert layer.self_attn.num_heads == 4 and layer.linear1.out_features == 210 and layer.norm_first


@pytest.mark.parametrize(("kernel_size", "n_units", "field"), [(3, 48, 253), (5, 40, 249)])
def test_the_convolutions_of_that_size_have_the_published_shapes(kernel_size, n_units, field):
    network = build("tcn", 85, 33, n_units=n_units, kernel_size=kernel_size)
    assert network.receptive_field == field
    assert abs(n_parameters(network) / 96_033 - 1) < 0.025


@pytest.mark.parametrize("name", BASELINES)
@pytest.mark.parametrize(
    ("n_inputs", "n_outputs", "n_units"),
    [(85, 33, 64), (85, 33, 128), (85, 33, 256), (24, 2, 48), (60, 2, 96)],
)
def test_baselines_of_every_size_are_within_five_per_cent(name, n_inputs, n_outputs, n_units):
    wanted = n_parameters(build("digimus", n_inputs, n_outputs, n_units=n_units))
    found = match(build, name, n_inputs, n_outputs, wanted)
    assert n_parameters(build(name, n_inputs, n_outputs, **found.settings)) == found.n_parameters
    assert found.ratio == found.n_parameters / wanted and abs(found.ratio - 1) <= 0.05


def test_matching_keeps_the_settings_that_are_given():
    wanted = n_parameters(build("digimus", 85, 33, n_units=96))
    for given in ({"n_heads": 5, "n_layers": 3}, {"n_hidden": 100}):
        found = matched_settings(build, "transformer", 85, 33, wanted, **given)
        assert given.items() <= found.items()
        assert found["n_units"] % found.get("n_heads", 4) == 0
    with pytest.raises(InputError, match="comes within"):
        matched_settings(build, "transformer", 85, 33, 500)


# What holds for all


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("gradients", [True, False])
def test_no_model_sees_the_future_on_long_trials(name, gradients):
    network = matched(name).eval()
    inputs = inputs_of(2, LONGEST, 85)
    with torch.set_grad_enabled(gradients):
        before, states = network.run(inputs)
        for t in (1, 16, 105, 209):
            later = inputs.clone()
            later[:, t:] = 10 * inputs_of(2, LONGEST - t, 85, seed=t)
            after, states_after = network.run(later)
            torch.testing.assert_close(after[:, :t], before[:, :t], rtol=0, atol=1e-5)
            torch.testing.assert_close(states_after[:, :t], states[:, :t], rtol=0, atol=1e-5)
            assert (after[:, t:] - before[:, t:]).abs().max() > 1e-2
            shorter = network(inputs[:, :t])
            torch.testing.assert_close(shorter, before[:, :t], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_trials_of_a_batch_do_not_act_on_each_other(name):
    network = matched(name).eval()
    inputs = inputs_of(5, 60, 85)
    together = network(inputs)
    torch.testing.assert_close(network(inputs[2:3]), together[2:3], rtol=0, atol=1e-5)
    order = torch.tensor([3, 1, 4, 0, 2])
    torch.testing.assert_close(network(inputs[order]), together[order], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_gradients_over_the_longest_trial_are_finite_and_reach_every_weight(name):
    network = matched(name)
    for parameter in network.parameters():
        assert torch.isfinite(parameter).all()
    outputs = network(inputs_of(4, LONGEST, 85))
    assert torch.isfinite(outputs).all() and float(outputs.detach().abs().max()) < 100
    outputs.square().mean().backward()
    for key, parameter in network.named_parameters():
        assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_bits_forward_and_backward(name):
    results = []
    for noise in (1, 2):  # of torch's own generator, which must not matter
        torch.manual_seed(noise)
        network = matched(name, seed=4)
        outputs = network(inputs_of(4, 60, 85))
        outputs.square().mean().backward()
        results.append([outputs.detach(), *(p.grad for p in network.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("name", MODELS)
def test_every_model_learns_to_remember_the_sign_of_a_pulse(name):
    def batch(seed):
        signs = torch.randint(0, 2, (32,), generator=torch.Generator().manual_seed(seed)) * 2.0 - 1
        inputs = 0.1 * inputs_of(32, 25, 4, seed=seed)
        inputs[:, 2:5, 0] += signs[:, None]
        inputs[:, -4:, 1] += 1
        return inputs, signs

    network = build(name, 4, 1, n_units=32, seed=1)
    optimizer = torch.optim.Adam(network.parameters(), lr=5e-3)
    for update in range(100):
        inputs, signs = batch(update)
        loss = (network(inputs)[:, -4:, 0] - signs[:, None]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    inputs, signs = batch(10_000)
    right = (network.eval()(inputs)[:, -1, 0].sign() == signs).float().mean()
    assert float(right) > 0.9


# Each one's own


def test_the_leaky_network_equals_its_equation():
    network = build(
        "leaky", 4, 3, n_units=6, seed=1, dt_ms=10.0, tau_m_ms=40.0, nonlinearity="softplus"
    ).double()
    inputs = inputs_of(2, 15, 4, dtype=torch.float64)
    h, states = torch.zeros(2, 6, dtype=torch.float64), []
    for x in inputs.transpose(0, 1):
        drive = x @ network.w_in.T + h @ network.w.T + network.b
        h = 0.75 * h + 0.25 * torch.log1p(drive.exp())
        states.append(h)
    outputs, found = network.run(inputs)
    torch.testing.assert_close(found, torch.stack(states, 1))
    torch.testing.assert_close(outputs, found @ network.readout.weight.T + network.readout.bias)
    assert network.recurrent_weight is network.w


def test_noise_of_the_leaky_network_is_for_training_alone():
    network = build("leaky", 3, 2, n_units=20, recurrent_noise=0.5)
    inputs = torch.ones(2, 30, 3)
    assert not torch.equal(network.train()(inputs), network(inputs))
    assert torch.equal(network.eval()(inputs), network(inputs))


def test_alif_is_the_spiking_network_with_adaptation_and_nothing_else():
    inputs = inputs_of(3, 80, 5)
    alif, digimus = (
        build("alif", 5, 3, n_units=16, seed=2),
        build("digimus", 5, 3, n_units=16, seed=2, adaptation=1.8),
    )
    assert torch.equal(alif(inputs), digimus(inputs))
    without = build("alif", 5, 3, n_units=16, seed=2, adaptation=0.0)
    assert torch.equal(without(inputs), build("digimus", 5, 3, n_units=16, seed=2)(inputs))
    assert alif.spikes(inputs).mean() < 0.9 * without.spikes(inputs).mean()


@pytest.mark.parametrize(("kernel_size", "n_levels"), [(2, 3), (3, 4), (5, 2)])
def test_the_receptive_field_of_the_convolutions_is_what_the_gradient_sees(kernel_size, n_levels):
    network = build("tcn", 2, 1, n_units=12, kernel_size=kernel_size, n_levels=n_levels, seed=3).double()
    seen = torch.zeros(100)
    for seed in range(5):
        inputs = inputs_of(4, 100, 2, seed=seed, dtype=torch.float64).requires_grad_()
        network(inputs)[:, -1].sum().backward()
        seen += inputs.grad.abs().sum((0, 2)).float()
    field = 1 + 2 * (kernel_size - 1) * (2**n_levels - 1)
    assert network.receptive_field == field
    assert (seen[-field:] > 0).all() and (seen[:-field] == 0).all()


@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5, 9])
def test_the_default_levels_are_the_fewest_that_cover_the_longest_trial(kernel_size):
    n_levels = levels_for(LONGEST, kernel_size)
    fields = [1 + 2 * (kernel_size - 1) * (2**n - 1) for n in (n_levels - 1, n_levels)]
    assert fields[0] < LONGEST <= fields[1]
    assert build("tcn", 3, 2, n_units=4, kernel_size=kernel_size).receptive_field == fields[1]


def test_positions_are_told_apart_and_follow_their_formula():
    found = sinusoids(LONGEST, 6)
    for column, rate in ((0, 1.0), (2, 10_000 ** (-2 / 6)), (4, 10_000 ** (-4 / 6))):
        steps = np.arange(LONGEST) * rate
        np.testing.assert_allclose(found[:, column], np.sin(steps), atol=1e-10)
        np.testing.assert_allclose(found[:, column + 1], np.cos(steps), atol=1e-10)
    assert sinusoids(5, 7).shape == (5, 7)
    network = build("transformer", 3, 2, n_units=8).eval()
    constant = network(torch.ones(1, 40, 3))[0]
    assert (constant[1:] - constant[:-1]).abs().amax(1).min() > 1e-3


def test_the_transformer_attends_to_the_past():
    network = build("transformer", 3, 2, n_units=16).double()
    inputs = inputs_of(2, 50, 3, dtype=torch.float64).requires_grad_()
    network(inputs)[:, 30].sum().backward()
    reached = inputs.grad.abs().sum((0, 2))
    assert (reached[:31] > 0).all() and (reached[31:] == 0).all()


@pytest.mark.parametrize("n_steps", [1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 3])
def test_the_chunked_recurrence_is_the_recurrence(n_steps):
    n = 5
    generator = torch.Generator().manual_seed(0)
    decay = torch.rand(n, generator=generator, dtype=torch.float64).requires_grad_()
    angle = (3 * torch.rand(n, generator=generator, dtype=torch.float64)).requires_grad_()
    driven = inputs_of(3, n_steps, 2 * n, dtype=torch.float64).requires_grad_()
    eigenvalues = torch.polar(torch.exp(-decay), angle)
    h, steps = torch.zeros(3, n, dtype=torch.complex128), []
    for x in torch.complex(driven[..., :n], driven[..., n:]).unbind(1):
        h = eigenvalues * h + x
        steps.append(h)
    h = torch.stack(steps, 1)
    expected, found = torch.cat([h.real, h.imag], -1), diagonal_recurrence(driven, decay, angle)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    mix = inputs_of(3, n_steps, 2 * n, seed=1, dtype=torch.float64)
    grads = [
        torch.autograd.grad((y * mix).sum(), [driven, decay, angle], allow_unused=True)
        for y in (found, expected)
    ]
    for ours, plain in zip(*grads, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9)


def test_the_state_space_model_stays_stable_whatever_is_learnt():
    network = build("lru", 3, 2, n_units=8)
    for layer in network.layers:
        size = torch.exp(-torch.exp(layer.nu.detach()))
        assert float(size.min()) > 0.85 and float(size.max()) < 1
    with torch.no_grad():
        for layer in network.layers:
            layer.nu += torch.linspace(-8, 4, len(layer.nu))
            layer.theta += torch.linspace(-3, 3, len(layer.theta))
    inputs = inputs_of(2, 4000, 3).requires_grad_()
    outputs = network(inputs)
    outputs.square().mean().backward()
    assert float(outputs.detach().abs().max()) < 100
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_states_of_the_state_space_model_keep_their_size():
    network = build("lru", 4, 2, n_units=32, seed=1)
    layer = network.layers[0]
    gamma = torch.sqrt(-torch.expm1(-2 * layer.nu.exp()))
    u = inputs_of(8, 3000, 32)
    driven = u @ (layer.b * torch.cat([gamma, gamma])[:, None]).T
    states = diagonal_recurrence(driven, layer.nu.exp(), layer.theta.exp())[:, 1500:].detach()
    # White unit input through normalised rows: real and imaginary parts together have variance 1.
    n = len(gamma)
    power = (states[..., :n] ** 2 + states[..., n:] ** 2).mean()
    assert float(power) == pytest.approx(1.0, rel=0.3)


@pytest.mark.parametrize(
    ("name", "settings", "key"),
    [
        ("transformer", {"n_units": 30, "n_heads": 4}, "n_heads"),
        ("transformer", {"n_heads": 0}, "n_heads"),
        ("transformer", {"n_layers": 0}, "n_layers"),
        ("transformer", {"n_hidden": -3}, "n_hidden"),
        ("tcn", {"kernel_size": 1}, "kernel_size"),
        ("tcn", {"n_levels": 0}, "n_levels"),
        ("tcn", {"n_hidden": 2.5}, "n_hidden"),
        ("lru", {"n_layers": 0}, "n_layers"),
        ("lru", {"n_hidden": 0}, "n_hidden"),
        ("leaky", {"nonlinearity": "rleu"}, "nonlinearity"),
        ("leaky", {"tau_m_ms": 0}, "tau_m_ms"),
        ("leaky", {"recurrent_noise": math.inf}, "recurrent_noise"),
        ("gru", {"n_units": 0}, "n_units"),
        ("alif", {"mask": 0.5}, "mask"),
        ("alif", {"adaptation": -1.0}, "adaptation"),
        ("alif", {"reset": "none"}, "reset"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name, settings, key):
    with pytest.raises(InputError) as raised:
        build(name, 3, 2, **settings)
    assert raised.value.where == f"models.{name}.{key}" and raised.value.hint


def test_units_of_the_lstm_start_with_memories_up_to_the_longest():
    model = build("lstm", 3, 2, n_units=400, longest_memory=50, seed=1)
    input_bias, forget_bias = model.layer.bias_ih_l0.detach().split(400)[:2]
    assert torch.equal(input_bias, -forget_bias)
    # A gate of sigmoid(b) forgets with a time constant of 1 + exp(b) steps.
    steps = forget_bias.exp()
    assert 1 <= steps.min() < 2 and 48 < steps.max() <= 50
    assert abs(float(steps.mean()) - 25.5) < 2
