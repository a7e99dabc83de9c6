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
    RegionTerms,
    build,
    matched_settings,
    n_parameters,
    soft_adjacency,
)
from digimus.models.lif import LIFLoop, leaky_filter
from digimus.models.participation import energy_distance, soft_participation, standardised
from digimus.models.spiking import lif_loop
from digimus.models.structure import mask_from_graph
from digimus.models.surrogates import SURROGATES
from digimus.motifs import (
    MOTIFS,
    Prior,
    dyad_null_mean,
    dyad_statistics,
    participation,
    soft_triad_census,
    triad_census,
)
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


# Its options


def written_out(current, weight, beta, threshold, *, soft=False, adaptation=0.0, rho=0.0, delays=None):
    """Spikes by the equations, synapse by synapse, without gradients."""
    n_steps, batch, n_units = current.shape
    delays = np.ones((n_units, n_units), int) if delays is None else delays
    beta, rho = np.broadcast_to(beta, n_units), np.broadcast_to(rho, n_units)
    spikes = np.zeros(current.shape)
    v, a = np.zeros((batch, n_units)), np.zeros((batch, n_units))
    for t in range(n_steps):
        last = spikes[t - 1] if t else np.zeros((batch, n_units))
        for trial in range(batch):
            for post in range(n_units):
                drive = current[t, trial, post]
                for pre in range(n_units):
                    if t >= delays[post, pre]:
                        drive += weight[post, pre] * spikes[t - delays[post, pre], trial, pre]
                before, spiked = v[trial, post], last[trial, post]
                kept = before - threshold * spiked if soft else before * (1 - spiked)
                v[trial, post] = beta[post] * kept + (1 - beta[post]) * drive
                a[trial, post] = rho[post] * a[trial, post] + (1 - rho[post]) * spiked
                spikes[t, trial, post] = v[trial, post] >= threshold + adaptation * a[trial, post]
    return spikes


OPTIONS = {
    "default": {},
    "soft reset": {"reset": "soft"},
    "adaptation": {"adaptation": 1.5, "tau_adaptation_ms": 200.0},
    "learnt": {"learn_time_constants": True},
    "spread": {"tau_m_ms": [20, 500]},
    "learnt spread with adaptation": {"tau_m_ms": [20, 500], "learn_time_constants": True, "adaptation": 1.5},
    "learnt adaptation": {"learn_time_constants": True, "adaptation": 1.5},
    "Dale": {"excitatory_share": 0.75},
    "mask": {"mask": 0.5},
    "delays": {"delay_steps": 4},
    "regions": {"regions": ["A", "B"], "projections": [[1, 0.5], [0, 1]]},
    "earlier": {"preset": "earlier"},
    "all": {
        "reset": "soft", "adaptation": 0.5, "excitatory_share": 0.5, "mask": 0.7, "delay_steps": 3,
        "regions": ["A", "B", "C"], "projections": [[0, 0.5, 1], [1, 0, 1], [0, 2, 0]],
        "learn_time_constants": True,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_options_spike_as_their_equations_say(name):
    settings = OPTIONS[name]
    network = build("digimus", 4, 2, n_units=8, seed=3, gain=2.0, **settings).double()
    if network.by_unit:
        with torch.no_grad():
            network.beta_logit += torch.linspace(-1, 1, 8)
    inputs = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    values = {key: value.detach().numpy() for key, value in network.state_dict().items()}
    current = (inputs.numpy() @ values["w_in"].T + values["b"]).transpose(1, 0, 2)
    weight = values["w"].copy()
    if "excitatory_share" in settings:
        n_excitatory = int(8 * settings["excitatory_share"])
        weight = np.abs(weight) * np.where(np.arange(8) < n_excitatory, 1, -1)
    if "regions" in settings:
        names = np.array_split(np.arange(8), len(settings["regions"]))
        for target, rows in enumerate(names):
            for source, columns in enumerate(names):
                if source != target:
                    weight[np.ix_(rows, columns)] *= settings["projections"][source][target]
    weight = weight * values.get("mask", 1)
    beta = 1 / (1 + np.exp(-values["beta_logit"])) if network.by_unit else math.exp(-20 / 100)
    if name == "earlier":
        beta, current, weight = 0.2, current / 0.8, weight / 0.8
    expected = written_out(
        current, weight, beta, 0.5, soft=settings.get("reset") == "soft",
        adaptation=settings.get("adaptation", 0.0),
        rho=math.exp(-20 / settings.get("tau_adaptation_ms", 700.0)), delays=values.get("delays"),
    )  # fmt: skip
    found = network.spikes(inputs).detach().numpy()
    assert 0.02 < found.mean() < 0.9
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
@pytest.mark.parametrize("name", SURROGATES)
def test_the_loop_of_the_options_and_the_fast_one_have_the_same_gradients(name, dtype, tolerance):
    found = []
    for function in (LIFLoop.apply, lif_loop):
        current, weight = (x.detach().to(dtype).requires_grad_() for x in loop_inputs(n_units=20))
        spikes = function(current, weight, 0.8, 0.5, SURROGATES[name])
        (spikes * torch.randn(spikes.shape, generator=torch.Generator().manual_seed(9))).sum().backward()
        found.append((spikes.detach(), current.grad, weight.grad))
    assert torch.equal(found[0][0], found[1][0])
    for ours, plain in zip(found[0][1:], found[1][1:], strict=True):
        assert float((ours - plain).abs().max() / plain.abs().max()) < tolerance


@pytest.mark.parametrize("name", OPTIONS)
def test_every_option_is_causal_and_has_finite_gradients(name):
    network = build("digimus", 5, 3, n_units=16, seed=1, **OPTIONS[name])
    inputs = torch.randn(3, 60, 5, generator=torch.Generator().manual_seed(2))
    later = inputs.clone()
    later[:, 35:] += 5
    first, second = network.eval()(inputs), network(later)
    torch.testing.assert_close(second[:, :35], first[:, :35], rtol=0, atol=1e-6)
    assert (second[:, 35:] - first[:, 35:]).abs().max() > 0.01
    first.square().sum().backward()
    for key, parameter in network.named_parameters():
        if parameter.requires_grad:
            assert torch.isfinite(parameter.grad).all() and parameter.grad.abs().max() > 0, key


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "default"])
def test_options_change_what_the_network_does_and_not_the_weights_that_it_starts_from(name):
    inputs = torch.randn(3, 60, 5, generator=torch.Generator().manual_seed(2))
    plain, other = (build("digimus", 5, 3, n_units=16, seed=1, **s).eval() for s in ({}, OPTIONS[name]))
    assert torch.equal(plain.w_in, other.w_in) and torch.equal(plain.readout.weight, other.readout.weight)
    if name != "learnt":  # which starts as the plain network, to rounding
        assert not torch.equal(plain(inputs), other(inputs))


def test_networks_are_read_back_with_what_was_drawn_for_them():
    settings = dict(n_units=16, mask=0.5, delay_steps=3, excitatory_share=0.75)
    trained, read = (build("digimus", 5, 3, seed=seed, **settings).eval() for seed in (1, 2))
    inputs = torch.randn(3, 40, 5)
    assert not torch.equal(trained(inputs), read(inputs))
    named = {name: values.detach().numpy() for name, values in trained.named_parameters()}
    read.load_state_dict({name: torch.as_tensor(values) for name, values in named.items()})
    assert torch.equal(trained(inputs), read(inputs))


def test_only_the_chosen_kind_of_unit_excites_however_the_weights_are_trained():
    network = build("digimus", 5, 3, n_units=20, excitatory_share=0.8)
    start = network.recurrent_weight.detach()
    assert float(start[:, :16].mean(1).sum() * 16) == pytest.approx(
        float(-start[:, 16:].mean(1).sum() * 4), rel=0.3
    )
    with torch.no_grad():
        network.w += torch.randn(20, 20)
    weight = network.recurrent_weight
    assert (weight[:, :16] >= 0).all() and (weight[:, 16:] <= 0).all() and (weight != 0).all()


@pytest.mark.parametrize("mask", [0.3, (np.arange(400).reshape(20, 20) % 3 == 0).astype(int)])
def test_masked_weights_stay_zero_and_have_no_gradient(mask):
    network = build("digimus", 5, 3, n_units=20, mask=mask)
    kept = network.mask.bool()
    if np.ndim(mask):
        assert torch.equal(kept, torch.as_tensor(mask).bool())
    assert 0.2 < float(kept.float().mean()) < 0.45
    optimizer = torch.optim.Adam(network.parameters(), lr=0.1)
    before = network.w.detach().clone()
    for _ in range(3):
        optimizer.zero_grad()
        network(torch.randn(4, 30, 5)).square().sum().backward()
        optimizer.step()
    assert (network.recurrent_weight[~kept] == 0).all()
    assert (
        torch.equal(network.w[~kept], before[~kept])
        and (network.w[kept] != before[kept]).float().mean() > 0.5
    )
    plain = build("digimus", 5, 3, n_units=20)
    assert n_parameters(network) == n_parameters(plain) - int((~kept).sum())


def test_the_mask_of_a_graph_has_its_edges_transposed_and_its_density():
    rng = np.random.default_rng(0)
    probability = np.triu(rng.random((60, 60)) * 0.3, 1)
    generator = torch.Generator().manual_seed(0)
    whole = np.triu(np.ones((6, 6)), 1)
    mask = mask_from_graph(whole, 6, generator).numpy()
    assert mask.sum() == 15 and ((mask + mask.T) == 1 - np.eye(6)).all()
    ring = mask_from_graph(np.roll(np.eye(6), 1, 1), 6, generator)
    star = np.zeros((6, 6))
    star[2] = 1
    into = mask_from_graph(star, 6, generator)
    assert into.sum() == 5 and (into.sum(0) == 5).sum() == 1  # one column: a presynaptic unit
    assert (ring.sum(0) == 1).all()
    for density in (None, 0.02, 0.3):
        drawn = torch.stack(
            [mask_from_graph(probability, 50, generator, density) for _ in range(20)]
        ).double()
        wanted = probability.sum() / (60 * 59) if density is None else density
        assert float(drawn.sum()) / (20 * 50 * 49) == pytest.approx(wanted, rel=0.1)


def test_a_mask_can_be_a_region_graph_of_the_connectome_stage(tmp_path):
    import scipy.sparse as sp

    from digimus.connectome import RegionGraph, write_graph

    probability = sp.csr_array(np.triu(np.ones((9, 9)), 1))
    names = np.array([f"n{k}" for k in range(9)], object)
    graph = RegionGraph(
        region="R", source="s", ids=names, brains=names, soma_um=np.zeros((9, 3)), flags=names,
        probability=probability, synapses=probability, filling_fraction=0.2, density=0.5, reciprocity=0.0,
        min_neurons=1, small=False, simulated=True,
    )  # fmt: skip
    write_graph(tmp_path / "R.h5", graph)
    network = build("digimus", 3, 2, n_units=7, mask=str(tmp_path / "R.h5"))
    assert int(network.mask.sum()) == 21 and not network.mask.diagonal().any()
    with pytest.raises(InputError, match="fewer neurons"):
        build("digimus", 3, 2, n_units=10, mask=str(tmp_path / "R.h5"))


def test_regions_project_only_where_they_may_and_rows_project_to_columns():
    network = build(
        "digimus", 5, 3, n_units=11, regions=["A", "B", "C"], projections=[[1, 0.25, 0], [0, 9, 2], [0, 0, 0]]
    )
    parts = network.region_slices
    assert [part.stop - part.start for part in parts.values()] == [4, 4, 3]
    weight, raw = network.recurrent_weight, network.w
    expected = {("A", "B"): 0.25, ("B", "C"): 2.0}
    for source, columns in parts.items():
        assert torch.equal(network.region_weight(source), raw[columns, columns])
        for target, rows in parts.items():
            scale = 1.0 if source == target else expected.get((source, target), 0.0)
            torch.testing.assert_close(weight[rows, columns], scale * raw[rows, columns])


def test_projections_can_be_a_table(tmp_path):
    table = tmp_path / "projections.csv"
    table.write_text("region,target,share\nNA,B,0.25\nNA,NA,0.5\nB,X,0.9\nB,B,0.1\n")
    settings = dict(n_units=10, seed=1)
    found = build("digimus", 5, 3, regions=["NA", "B"], projections=str(table), **settings)
    given = build("digimus", 5, 3, regions=["NA", "B"], projections=[[1, 0.25], [0, 1]], **settings)
    assert torch.equal(found.recurrent_weight, given.recurrent_weight)
    assert n_parameters(found) == n_parameters(build("digimus", 5, 3, **settings)) - 25
    with pytest.raises(InputError, match="lacks a region") as raised:
        build("digimus", 5, 3, regions=["NA", "X"], projections=str(table), **settings)
    assert "X" in raised.value.got


def test_a_silent_projection_keeps_activity_in_its_region():
    network = build(
        "digimus", 2, 1, n_units=20, regions=["A", "B"], projections=[[0, 1], [0, 0]], gain=3.0
    ).eval()
    a, b = network.region_slices.values()
    with torch.no_grad():
        network.b.zero_()
        network.w_in.zero_()
        network.w.abs_()
        network.w_in[a, 0] = 5.0
        network.w_in[b, 1] = 5.0
    for channel, reached in ((0, True), (1, False)):
        inputs = torch.zeros(1, 30, 2)
        inputs[..., channel] = 1.0
        spikes = network.spikes(inputs)
        driven, other = (a, b) if channel == 0 else (b, a)
        assert spikes[..., driven].sum() > 0 and bool(spikes[..., other].sum() > 0) == reached


def test_terms_of_regions_pull_each_on_its_own_block():
    settings = dict(regions=["A", "B"], projections=[[0, 1], [1, 0]])
    network = build("digimus", 5, 3, n_units=40, **settings)
    term = a_term(prior_of(a_graph()), every=3)
    both = RegionTerms({"A": term, "B": a_term(prior_of(a_graph(1)))}, network.region_slices)
    assert [both.is_due(u) for u in range(4)] == [True] * 4
    weight = network.recurrent_weight.detach()
    blocks = [(weight[:20, :20], both.parts[0][1]), (weight[20:, 20:], both.parts[1][1])]
    values = [float(one(block, 1)) for block, one in blocks]
    assert float(both(weight, 1)) == pytest.approx(values[1])  # the first is due at updates 0, 3, 6
    assert float(both(weight, 3)) == pytest.approx(sum(float(one(block, 3)) for block, one in blocks))
    alone = RegionTerms({"A": term}, network.region_slices)
    assert [alone.is_due(u) for u in range(4)] == [True, False, False, True]
    loss = alone(network.recurrent_weight, 3)
    assert float(loss.detach()) == pytest.approx(float(term(network.region_weight("A").detach(), 3)))
    loss.backward()
    assert network.w.grad[:20, :20].abs().max() > 0
    assert network.w.grad[20:].abs().max() == 0 and network.w.grad[:, 20:].abs().max() == 0
    with pytest.raises(InputError, match="does not have"):
        RegionTerms({"C": term}, network.region_slices)


def test_a_soft_reset_keeps_what_is_above_the_threshold():
    # One unit under a constant current: the hard reset forgets the overshoot, so it spikes less often.
    rates = []
    for reset in ("hard", "soft"):
        current = torch.full((200, 1, 1), 4.0)
        rates.append(
            float(
                lif_loop(current, torch.zeros(1, 1), 0.9, 0.5, SURROGATES["triangular"], reset=reset).mean()
            )
        )
    assert rates[1] > 1.2 * rates[0]


def test_adaptation_slows_a_unit_down_and_recovers():
    current = torch.full((300, 1, 1), 1.2)
    current[150:250] = 0
    spikes = lif_loop(
        current,
        torch.zeros(1, 1),
        0.8,
        0.5,
        SURROGATES["triangular"],
        adaptation=2.0,
        rho=math.exp(-20 / 300),
    )
    first, late, again = spikes[:20].sum(), spikes[130:150].sum(), spikes[250:270].sum()
    assert first > 1.3 * late and again > 1.2 * late


def test_time_constants_are_learnt_unit_by_unit_and_stay_decays():
    network = build("digimus", 5, 3, n_units=8, learn_time_constants=True, adaptation=1.0)
    beta, rho = network.time_constants
    torch.testing.assert_close(beta, torch.full((8,), math.exp(-20 / 100)))
    torch.testing.assert_close(rho, torch.full((8,), math.exp(-20 / 700)))
    optimizer = torch.optim.Adam(network.parameters(), lr=1.0)
    for _ in range(5):
        optimizer.zero_grad()
        network(torch.randn(4, 30, 5)).square().sum().backward()
        optimizer.step()
    for values in network.time_constants:
        assert len(values.unique()) > 4 and (values > 0).all() and (values < 1).all()
    assert n_parameters(network) == n_parameters(build("digimus", 5, 3, n_units=8)) + 16


def test_time_constants_are_spread_evenly_on_a_logarithmic_scale_and_fixed_unless_learnt():
    network = build("digimus", 3, 2, n_units=1000, tau_m_ms=[20, 500], dt_ms=10.0, seed=3)
    beta, _ = network.time_constants
    logarithms = np.log(-10 / np.log(beta.detach().numpy().astype(float)))
    low, high = np.log(20), np.log(500)
    assert low <= logarithms.min() and logarithms.max() <= high
    assert abs(logarithms.mean() - (low + high) / 2) < 4 * (high - low) / math.sqrt(12 * 1000)
    quarters = np.histogram(logarithms, np.linspace(low, high, 5))[0]
    assert (abs(quarters - 250) < 60).all()
    assert not network.beta_logit.requires_grad
    learnt = build(
        "digimus", 3, 2, n_units=1000, tau_m_ms=[20, 500], dt_ms=10.0, seed=3, learn_time_constants=True
    )
    assert learnt.beta_logit.requires_grad and torch.equal(learnt.beta_logit, network.beta_logit)
    plain = build("digimus", 3, 2, n_units=1000, seed=3)
    assert torch.equal(plain.w, network.w) and torch.equal(plain.readout.weight, network.readout.weight)


@pytest.mark.parametrize(
    "bounds", [[500, 20], [20], [20, 100, 500], [0, 100], [20, "x"], "100", [20, math.inf]]
)
def test_bounds_of_time_constants_that_make_no_sense_are_refused(bounds):
    with pytest.raises(InputError) as raised:
        build("digimus", 3, 2, tau_m_ms=bounds)
    assert raised.value.where == "models.digimus.tau_m_ms"


def test_the_preset_is_the_published_recurrence():
    # v_t = .2 v_{t-1} (1 - s_{t-1}) + I_t, threshold .5, derivative 1 where |v - .5| < .5.
    network = build("digimus", 3, 2, n_units=6, seed=2, preset="earlier").double()
    inputs = torch.randn(2, 20, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    found = network.spikes(inputs)
    v = s = torch.zeros(2, 6, dtype=torch.float64)
    steps = []
    for x in inputs.transpose(0, 1):
        v = 0.2 * v * (1 - s) + x @ network.w_in.T + s @ network.w.T + network.b
        s = StandIn.apply(v - 0.5, lambda x: (x.abs() < 0.5).to(x.dtype))
        steps.append(s)
    expected = torch.stack(steps)
    assert torch.equal(found, expected) and 0.05 < float(found.detach().mean()) < 0.95
    mix = torch.randn(found.shape, dtype=torch.float64)
    grads = [
        torch.autograd.grad((spikes * mix).sum(), [network.w_in, network.w, network.b])
        for spikes in (found, expected)
    ]
    for ours, plain in zip(*grads, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"preset": "earliest"}, "preset"),
        ({"preset": "earlier", "threshold": 1.0}, "threshold"),
        ({"preset": "earlier", "surrogate": "triangular"}, "surrogate"),
        ({"preset": "earlier", "learn_time_constants": True}, "learn_time_constants"),
        ({"reset": "none"}, "reset"),
        ({"adaptation": -1.0}, "adaptation"),
        ({"tau_m_ms": 0}, "tau_m_ms"),
        ({"tau_adaptation_ms": float("nan")}, "tau_adaptation_ms"),
        ({"threshold": "high"}, "threshold"),
        ({"excitatory_share": 1.0}, "excitatory_share"),
        ({"excitatory_share": 0.5, "n_units": 1}, "excitatory_share"),
        ({"mask": 0.0}, "mask"),
        ({"mask": 1e-9}, "mask"),
        ({"mask": [[0, 1], [1, 0]]}, "mask"),
        ({"mask": np.full((6, 6), 2)}, "mask"),
        ({"delay_steps": 0}, "delay_steps"),
        ({"delay_steps": 2.5}, "delay_steps"),
        ({"delay_steps": np.zeros((6, 6))}, "delay_steps"),
        ({"regions": ["A", "A"], "projections": [[1, 1], [1, 1]]}, "regions"),
        ({"regions": list("ABCDEFG")}, "regions"),
        ({"regions": ["A", "B"]}, "projections"),
        ({"regions": ["A", "B"], "projections": [[1, 1]]}, "projections"),
        ({"regions": ["A", "B"], "projections": [[1, -1], [1, 1]]}, "projections"),
        ({"projections": [[1]]}, "projections"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(settings, key):
    with pytest.raises(InputError) as raised:
        build("digimus", 3, 2, **{"n_units": 6, **settings})
    assert raised.value.where == f"models.digimus.{key}"


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


def term_of(graph, loss):
    """A term whose prior is fulfilled by a graph, whatever the loss."""
    return a_term(prior_of(graph), loss, participation=motif_participation(graph))


def motif_participation(graph):
    return participation(graph)[:, IS_MOTIF]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_term_is_zero_at_its_own_target_and_nowhere_near(loss):
    graph = a_graph()
    term = term_of(graph, loss)
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
    term = term_of(a_graph(6, reciprocal=0.8), loss)
    weight = torch.randn(30, 30, generator=torch.Generator().manual_seed(7)).requires_grad_()
    optimizer = torch.optim.Adam([weight], lr=0.02)
    losses = []
    for _ in range(100):
        optimizer.zero_grad()
        term(weight, 99).backward()
        assert torch.isfinite(weight.grad).all()
        optimizer.step()
        losses.append(float(term(weight.detach(), 99)))
    assert losses[-1] < (0.3 if loss == "participation" else 0.2) * losses[0]


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
    a_term(prior, loss, participation=motif_participation(chain))(weight, 50).backward()
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


def test_the_weight_of_a_term_warms_up_and_is_annealed():
    weight = torch.randn(30, 30, dtype=torch.float64)
    prior = prior_of(a_graph(1))
    plain = a_term(prior, n_updates=100, loss="kl")
    for settings, expected in (
        ({"warm_up": 0.2}, {0: 0.05, 9: 0.5, 19: 1, 99: 1}),
        ({"anneal": 0.5}, {0: 1, 50: 1, 75: 0.5, 99: 0.02, 100: 0, 150: 0}),
        ({"warm_up": 1.0, "anneal": 1.0}, {0: 0.01, 24: 0.25, 75: 0.25}),
    ):
        term = a_term(prior, n_updates=100, loss="kl", **settings)
        for update, share in expected.items():
            assert float(term(weight, update)) == pytest.approx(share * float(plain(weight, update)))
    for bad in ({"warm_up": -0.1}, {"anneal": 1.5}):
        with pytest.raises(InputError, match="out of range"):
            a_term(prior, **bad)


def test_soft_participation_is_the_exact_one_and_sums_to_the_census():
    rng = np.random.default_rng(0)
    for graph in (a_graph(2), a_graph(3, density=0.4), rng.random((25, 25)) * (1 - np.eye(25))):
        found = soft_participation(torch.tensor(graph))
        np.testing.assert_allclose(found, motif_participation(graph), atol=1e-10)
        np.testing.assert_allclose(found.sum(0), triad_census(graph)[IS_MOTIF], rtol=1e-10, atol=1e-9)


def test_gradients_of_participation_are_those_of_differences():
    rng = np.random.default_rng(1)
    edges = torch.tensor(rng.uniform(0.1, 0.9, (6, 6)) * (1 - np.eye(6))).requires_grad_()
    assert torch.autograd.gradcheck(lambda e: soft_participation(e * (1 - torch.eye(6))), edges)


def test_the_energy_distance_has_its_known_values():
    x = torch.randn(40, 3, dtype=torch.float64)
    assert float(energy_distance(x, x)) == pytest.approx(0, abs=1e-12)
    points = torch.zeros(5, 1, dtype=torch.float64)
    assert float(energy_distance(points, points + 3)) == pytest.approx(6)  # 2 x 3 - 0 - 0
    assert float(energy_distance(x, x + 1)) > float(energy_distance(x, x + 0.5)) > 0


def test_participation_does_not_depend_on_how_many_triads_there_are():
    graph = a_graph(4, n=40)
    shares = motif_participation(graph)
    for factor in (0.01, 1, 100):
        term = a_term(prior_of(graph), "participation", participation=factor * shares)
        assert float(term.distance(torch.tensor(graph))) == pytest.approx(0, abs=1e-10)
    x, y = (torch.tensor(motif_participation(a_graph(seed, n=40))) for seed in (4, 5))
    for found, expected in zip(standardised(7 * x, y), standardised(x, 0.3 * y), strict=True):
        torch.testing.assert_close(found, expected)


def test_participation_does_not_depend_on_size_and_sees_what_the_census_cannot():
    graph = a_graph(4, n=40)
    twice = np.kron(np.eye(2), graph)  # two copies side by side: every neuron keeps its triads
    term = term_of(graph, "participation")
    assert float(term.distance(torch.tensor(twice))) == pytest.approx(0, abs=1e-10)
    x, y = standardised(*(torch.tensor(motif_participation(g)) for g in (graph, a_graph(5, n=40))))
    assert x.shape == y.shape == (40, 13)
    pooled = (x.var(0, correction=0) + y.var(0, correction=0)) / 2 + (x.mean(0) - y.mean(0)) ** 2 / 4
    torch.testing.assert_close(pooled[x.std(0) > 0], torch.ones(int((x.std(0) > 0).sum()), dtype=x.dtype))
    # The same census, told apart by who takes part: a hub, or everyone alike.
    shares = torch.zeros(30, 13, dtype=torch.float64)
    hub, even = shares.clone(), shares.clone()
    hub[0], even[:] = 30.0, 1.0
    assert torch.equal(hub.sum(0), even.sum(0)) and float(energy_distance(*standardised(hub, even))) > 0.1


def test_many_neurons_are_thinned_without_losing_their_spread():
    values = np.random.default_rng(0).gamma(1.0, size=(3000, 13))
    term = a_term(prior_of(a_graph()), "participation", participation=values)
    kept = term.participation
    assert kept.shape == (256, 13)
    np.testing.assert_allclose(
        np.quantile(kept.sum(1), [0, 0.5, 1]), np.quantile(values.sum(1), [0, 0.5, 1]), rtol=0.01
    )
    again = a_term(prior_of(a_graph()), "participation", participation=values)
    assert torch.equal(kept, again.participation)


@pytest.mark.parametrize(
    "values", [None, np.ones((5, 12)), np.full((5, 13), np.nan), np.zeros((5, 13)), -np.ones((5, 13))]
)
def test_a_prior_without_participation_is_refused_for_that_loss(values):
    with pytest.raises(InputError, match="take part"):
        a_term(prior_of(a_graph()), "participation", participation=values)


@pytest.mark.parametrize("name", ["enrichment", "weight", "frequency"])
def test_a_prior_of_another_length_is_refused(name):
    with pytest.raises(InputError, match="thirteen") as raised:
        a_term(prior_of(a_graph(), **{name: np.ones(12)}))
    assert "(12,)" in raised.value.got
