"""Models: the spiking network against a plain loop, sizes, causality, seeds; and the motif term."""

import math

import numpy as np
import pytest
import torch

from digimus import InputError
from digimus.models import (
    LOSSES,
    MODELS,
    MotifTerm,
    build,
    matched_settings,
    n_parameters,
    soft_adjacency,
)
from digimus.models.lif import LIFLoop, leaky_filter
from digimus.models.surrogates import SURROGATES
from digimus.motifs import MOTIFS, Prior, dyad_null_mean, dyad_statistics, soft_triad_census, triad_census
from digimus.motifs.triads import IS_MOTIF

torch.set_num_threads(1)  # small arrays; two threads wait for each other

# The spiking network


class StandIn(torch.autograd.Function):
    """A spike whose derivative is a surrogate's."""

    @staticmethod
    def forward(ctx, x, surrogate):
        ctx.save_for_backward(x)
        ctx.surrogate = surrogate
        return (x >= 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * ctx.surrogate(x), None


def plain_loop(current, weight, beta, threshold, surrogate):
    """The recurrence as it is written, left to automatic differentiation."""
    v = torch.zeros_like(current[0])
    s = torch.zeros_like(current[0])
    spikes = []
    for step in current:
        v = beta * v * (1 - s) + (1 - beta) * (step + s @ weight.T)
        s = StandIn.apply(v - threshold, surrogate)
        spikes.append(s)
    return torch.stack(spikes)


def loop_inputs(seed=0, n_steps=40, batch=3, n_units=7):
    generator = torch.Generator().manual_seed(seed)
    current = 0.6 + torch.randn(n_steps, batch, n_units, generator=generator, dtype=torch.float64)
    weight = torch.randn(n_units, n_units, generator=generator, dtype=torch.float64)
    return current.requires_grad_(), weight.requires_grad_()


@pytest.mark.parametrize("name", SURROGATES)
def test_spikes_and_gradients_equal_those_of_a_plain_loop(name):
    found, expected = [], []
    for function, results in ((LIFLoop.apply, found), (plain_loop, expected)):
        current, weight = loop_inputs()
        spikes = function(current, weight, 0.8, 0.5, SURROGATES[name])
        mix = torch.randn(spikes.shape, generator=torch.Generator().manual_seed(9), dtype=torch.float64)
        (spikes * mix + spikes.cumsum(0) * mix.flip(0)).sum().backward()
        results += [spikes.detach(), current.grad, weight.grad]
    assert 0.05 < found[0].mean() < 0.95
    torch.testing.assert_close(found[0], expected[0], rtol=0, atol=0)
    for ours, plain in zip(found[1:], expected[1:], strict=True):
        assert plain.abs().max() > 0.1
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("n_steps", [1, 2])
def test_very_short_inputs_have_gradients_too(n_steps):
    found = []
    for function in (LIFLoop.apply, plain_loop):
        current, weight = loop_inputs(n_steps=n_steps)
        function(current, weight, 0.8, 0.5, SURROGATES["fast_sigmoid"]).sum().backward()
        found.append((current.grad, weight.grad))
    torch.testing.assert_close(found[0], found[1], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("fast_sigmoid", {0.0: 1, 0.2: 0.25, -0.2: 0.25, 1.0: 1 / 36}),
        ("triangular", {0.0: 1, 0.25: 0.5, -0.25: 0.5, 0.5: 0, 2.0: 0}),
        ("rectangular", {0.0: 1, 0.49: 1, -0.49: 1, 0.5: 0, -0.6: 0}),
    ],
)
def test_surrogates_have_their_published_shapes(name, values):
    x = torch.tensor(list(values), dtype=torch.float64)
    before = x.clone()
    np.testing.assert_allclose(SURROGATES[name](x), list(values.values()), atol=1e-12)
    assert torch.equal(x, before)


def test_leaky_filter_equals_its_recursion():
    signal = torch.rand(30, 4, 3, dtype=torch.float64)
    y, steps = torch.zeros(4, 3, dtype=torch.float64), []
    for x in signal:
        y = 0.7 * y + 0.3 * x
        steps.append(y)
    torch.testing.assert_close(leaky_filter(signal, 0.7), torch.stack(steps))


def test_the_whole_network_equals_its_equations():
    network = build(
        "digimus", 4, 3, n_units=9, seed=1, dt_ms=10.0, tau_m_ms=50.0, tau_readout_ms=20.0
    ).double()
    inputs = torch.randn(2, 25, 4, dtype=torch.float64)
    beta, kappa = math.exp(-10 / 50), math.exp(-10 / 20)
    current = (inputs @ network.w_in.T + network.b).transpose(0, 1)
    spikes = plain_loop(current, network.w, beta, 0.5, SURROGATES["fast_sigmoid"])
    r, states = torch.zeros(2, 9, dtype=torch.float64), []
    for s in spikes:
        r = kappa * r + (1 - kappa) * s
        states.append(r)
    states = torch.stack(states, 1)
    outputs = states @ network.readout.weight.T + network.readout.bias
    found, found_states = network.eval().run(inputs)
    assert spikes.mean() > 0.02
    torch.testing.assert_close(found_states, states)
    torch.testing.assert_close(found, outputs)
    torch.testing.assert_close(network(inputs), outputs)


def test_noise_is_for_training_alone():
    network = build("digimus", 3, 2, n_units=20, recurrent_noise=0.5)
    inputs = torch.ones(2, 30, 3)
    network.train()
    torch.manual_seed(0)
    first = network(inputs)
    assert not torch.equal(first, network(inputs))
    network.eval()
    assert torch.equal(network(inputs), network(inputs))


# Every model


@pytest.mark.parametrize("name", MODELS)
def test_models_map_batch_time_input_to_batch_time_output(name):
    network = build(name, 5, 3, n_units=8)
    outputs = network(torch.randn(2, 11, 5))
    run_outputs, states = network.run(torch.randn(2, 11, 5))
    assert outputs.shape == run_outputs.shape == (2, 11, 3) and states.shape == (2, 11, 8)
    weight = network.recurrent_weight
    assert weight is None or weight.shape == (8, 8)
    inputs = torch.randn(2, 11, 5)
    torch.testing.assert_close(network(inputs), network.run(inputs)[0])
    outputs.sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.parametrize("name", MODELS)
def test_models_do_not_see_the_future(name):
    network = build(name, 5, 3, n_units=32).eval()
    inputs = torch.randn(2, 20, 5)
    later = inputs.clone()
    later[:, 12:] += 10
    before, after = network(inputs), network(later)
    torch.testing.assert_close(after[:, :12], before[:, :12], rtol=0, atol=1e-6)
    assert (after[:, 12:] - before[:, 12:]).abs().max() > 0.01


@pytest.mark.parametrize("name", MODELS)
def test_the_seed_decides_the_weights_and_nothing_else_does(name):
    torch.manual_seed(1)
    first = build(name, 5, 3, n_units=8, seed=4).state_dict()
    torch.manual_seed(2)
    again = build(name, 5, 3, n_units=8, seed=4).state_dict()
    other = build(name, 5, 3, n_units=8, seed=5).state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_sizes_are_the_published_ones():
    assert n_parameters(build("digimus", 85, 33, n_units=256)) == 96_033
    lstm = matched_settings(build, "lstm", 85, 33, 96_033)
    assert lstm == {"n_units": 114}


@pytest.mark.parametrize("name", [name for name in MODELS if name != "digimus"])
@pytest.mark.parametrize(("n_inputs", "n_outputs", "n_units"), [(85, 33, 96), (85, 33, 256), (24, 2, 48)])
def test_baselines_are_matched_within_five_per_cent(name, n_inputs, n_outputs, n_units):
    wanted = n_parameters(build("digimus", n_inputs, n_outputs, n_units=n_units))
    found = n_parameters(
        build(name, n_inputs, n_outputs, **matched_settings(build, name, n_inputs, n_outputs, wanted))
    )
    assert abs(found / wanted - 1) <= 0.05


def test_matching_takes_the_nearest_width_and_keeps_other_settings():
    wanted = n_parameters(build("digimus", 10, 2, n_units=37))
    found = matched_settings(build, "digimus", 10, 2, wanted + 20, gain=2.0)
    assert found == {"n_units": 37, "gain": 2.0}


def test_a_size_that_no_width_reaches_is_refused():
    with pytest.raises(InputError, match="comes within"):
        matched_settings(build, "lstm", 500, 30, 1000)


@pytest.mark.parametrize(
    ("name", "sizes", "settings", "got", "hint"),
    [
        ("digimos", (5, 3), {}, "digimos", "Did you mean 'digimus'?"),
        ("digimus", (5, 3), {"n_unit": 3}, "n_unit", "Did you mean 'n_units'?"),
        ("lstm", (5, 3), {"tau_m_ms": 3}, "tau_m_ms", "n_units"),
        ("digimus", (5, 3), {"rng": 3}, "rng", "n_units"),
        ("digimus", (0, 3), {}, "0", "usual"),
        ("digimus", (5, -1), {}, "-1", "usual"),
        ("lstm", (5, 3), {"n_units": 0}, "0", "usual"),
        ("lstm", (5, 3), {"n_units": 3.5}, "3.5", "usual"),
        ("digimus", (5, 3), {"surrogate": "triangle"}, "triangle", "Did you mean 'triangular'?"),
    ],
)
def test_unknown_models_settings_and_sizes_are_refused(name, sizes, settings, got, hint):
    with pytest.raises(InputError) as raised:
        build(name, *sizes, **settings)
    assert got in raised.value.got and hint in raised.value.hint


# The motif term


def a_graph(seed=0, n=30, density=0.1, reciprocal=0.3):
    rng = np.random.default_rng(seed)
    graph = (rng.random((n, n)) < density).astype(float)
    graph = np.maximum(graph, graph.T * (rng.random((n, n)) < reciprocal))
    np.fill_diagonal(graph, 0)
    return graph


def prior_of(graph, **changes):
    """A prior that is fulfilled by a graph."""
    counts, statistics = triad_census(graph)[IS_MOTIF], dyad_statistics(graph)
    expected = dyad_null_mean(statistics)[IS_MOTIF]
    values = dict(
        name="own", source="s", region="r", kind="region",
        enrichment=np.log((counts + 0.5) / (expected + 0.5)), weight=np.ones(13),
        frequency=counts / counts.sum(), reciprocity=statistics.reciprocity, density=statistics.density,
        n_neurons=len(graph),
    )  # fmt: skip
    return Prior(**{**values, **changes})


def a_term(prior, loss="enrichment", **changes):
    values = dict(weight=1.0, density=0.1, reciprocity_weight=10.0, n_updates=100)
    return MotifTerm(prior, loss=loss, **{**values, **changes})


@pytest.mark.parametrize("loss", LOSSES)
def test_the_term_is_zero_at_its_own_target_and_nowhere_near(loss):
    graph = a_graph()
    term = a_term(prior_of(graph), loss)
    assert float(term.distance(torch.tensor(graph))) == pytest.approx(0, abs=1e-12)
    assert float(term.distance(torch.tensor(a_graph(1, density=0.3)))) > 1e-4
    order = np.random.default_rng(2).permutation(30)
    assert float(term.distance(torch.tensor(graph[np.ix_(order, order)]))) == pytest.approx(0, abs=1e-12)


def test_losses_are_those_of_their_definitions():
    graph, target = a_graph(3), prior_of(a_graph(4, reciprocal=0.6))
    own = prior_of(graph)
    edges = torch.tensor(graph)
    reciprocity = 10 * (own.reciprocity - target.reciprocity) ** 2
    squares = ((own.enrichment - target.enrichment) ** 2).sum()
    assert float(a_term(target).distance(edges)) == pytest.approx(squares + reciprocity)
    p, q = target.frequency, own.frequency
    divergence = sum(a * np.log(a / max(b, 1e-12)) for a, b in zip(p, q, strict=True) if a > 0)
    assert float(a_term(target, "kl").distance(edges)) == pytest.approx(divergence + reciprocity)
    assert float(a_term(target, "frequency").distance(edges)) == pytest.approx(((p - q) ** 2).sum())


def test_classes_without_weight_do_not_count():
    graph = a_graph(5)
    prior = prior_of(graph)
    wrong = prior.enrichment.copy()
    wrong[MOTIFS.index("300")] = np.nan
    wrong[MOTIFS.index("030C")] += 3
    weight = np.ones(13)
    weight[[MOTIFS.index("300"), MOTIFS.index("030C")]] = 0
    term = a_term(prior_of(graph, enrichment=wrong, weight=weight))
    assert float(term.distance(torch.tensor(graph))) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_adam_brings_weights_to_the_prior(loss):
    term = a_term(prior_of(a_graph(6, reciprocal=0.8)), loss)
    weight = torch.randn(30, 30, generator=torch.Generator().manual_seed(7)).requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=0.02)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        term(weight, 99).backward()
        assert torch.isfinite(weight.grad).all()
        optimizer.step()
        losses.append(float(term(weight.detach(), 99)))
    assert losses[-1] < 0.2 * losses[0]


def test_the_rows_of_a_weight_are_postsynaptic():
    weight = 0.1 * torch.rand(12, 12)
    weight[1:6, 0] = 1.0  # from neuron 0 to five others
    edges = soft_adjacency(weight, 5 / 132, 0.05)
    assert edges[0, 1:6].min() > 0.9 and edges[1:6, 0].max() < 0.6
    counts = soft_triad_census(edges)[torch.tensor(IS_MOTIF)]
    assert MOTIFS[int(counts.argmax())] == "021D"


@pytest.mark.parametrize("density", [0.05, 0.1, 0.5])
def test_the_soft_adjacency_has_the_wanted_density(density):
    weight = torch.randn(80, 80, generator=torch.Generator().manual_seed(8))
    weight.fill_diagonal_(50)
    edges = soft_adjacency(weight, density, 1e-6)
    assert float(edges.diagonal().abs().max()) == 0
    off = 80 * 79
    assert float((edges > 0.5).sum()) / off == pytest.approx(density, abs=1.5 / off)
    soft = soft_adjacency(weight, density, 0.05)
    assert float(soft.sum()) / off == pytest.approx(density, rel=0.1)
    assert 0 <= float(soft.min()) and float(soft.max()) <= 1


def test_the_sign_of_a_weight_does_not_matter_and_neither_does_its_scale():
    weight = torch.randn(20, 20, dtype=torch.float64)
    torch.testing.assert_close(soft_adjacency(-weight, 0.1, 0.1), soft_adjacency(weight, 0.1, 0.1))
    torch.testing.assert_close(soft_adjacency(7 * weight, 0.1, 0.1), soft_adjacency(weight, 0.1, 0.1))


@pytest.mark.parametrize("loss", LOSSES)
def test_a_prior_without_some_class_has_finite_gradients(loss):
    chain = np.diag(np.ones(29), 1)
    prior = prior_of(chain)
    assert np.sum(prior.frequency == 0) == 12
    weight = torch.randn(30, 30).requires_grad_()
    a_term(prior, loss)(weight, 50).backward()
    assert torch.isfinite(weight.grad).all() and weight.grad.abs().max() > 0


def test_equal_weights_make_no_infinities():
    weight = torch.full((10, 10), 0.3, requires_grad=True)
    loss = a_term(prior_of(a_graph()))(weight, 0)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(weight.grad).all()


def test_the_temperature_falls_over_the_updates():
    weight = torch.randn(30, 30, generator=torch.Generator().manual_seed(9))
    term = a_term(prior_of(a_graph(1)), n_updates=11)
    for update, temperature in ((0, 0.3), (5, 0.175), (10, 0.05), (500, 0.05)):
        edges = soft_adjacency(weight, 0.1, temperature)
        assert float(term(weight, update)) == pytest.approx(float(term.distance(edges)), rel=1e-6)


def test_a_term_that_is_taken_seldom_counts_as_often():
    weight = torch.randn(30, 30)
    prior = prior_of(a_graph(1))
    always, seldom = a_term(prior, weight=0.5), a_term(prior, weight=0.5, every=4)
    assert [u for u in range(9) if seldom.is_due(u)] == [0, 4, 8]
    assert float(seldom(weight, 4)) == pytest.approx(4 * float(always(weight, 4)))
    assert not a_term(prior, weight=0.0).is_due(0)


def test_a_prior_that_lacks_what_a_loss_needs_is_refused():
    unknown = prior_of(a_graph(), enrichment=np.full(13, np.nan), reciprocity=np.nan, weight=np.zeros(13))
    with pytest.raises(InputError, match="012 and 102"):
        a_term(unknown, "enrichment")
    with pytest.raises(InputError, match="reciprocity"):
        a_term(unknown, "kl")
    shares = a_term(unknown, "kl", reciprocity_weight=0)
    assert math.isfinite(float(shares.distance(torch.tensor(a_graph()))))
    without_classes = prior_of(a_graph(), frequency=np.full(13, np.nan), weight=np.zeros(13))
    for loss in ("kl", "frequency"):
        with pytest.raises(InputError, match="enrichment"):
            a_term(without_classes, loss)
    assert a_term(without_classes, "enrichment")
    with pytest.raises(InputError, match="no motif loss"):
        a_term(prior_of(a_graph()), "likelihood")


def test_reciprocity_alone_pulls_on_reciprocity_alone():
    control = prior_of(a_graph(6, reciprocal=0.8), weight=np.zeros(13))
    term = a_term(control)
    graph = a_graph(1)
    gap = dyad_statistics(graph).reciprocity - control.reciprocity
    assert float(term.distance(torch.tensor(graph))) == pytest.approx(10 * gap**2)
