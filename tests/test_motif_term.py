"""The motif term's fast parts against plain torch, and how often it must be taken."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from digimus.models import LOSSES, MotifTerm, build, soft_adjacency
from digimus.models.motif_term import _dyad_null, _dyads, _DyadSums
from digimus.motifs import MOTIFS, Prior, dyad_null_mean, dyad_statistics, participation, triad_census
from digimus.motifs.dense import size_statistics
from digimus.motifs.soft import _Censuses, soft_triad_census
from digimus.motifs.triads import IS_MOTIF
from digimus.training import FitSettings, fit
from digimus.training.problems import RuleTask

CONFIGURATION = Path(__file__).parents[1] / "config/config.yaml"
WEIGHTS = {"enrichment": 3e-4, "kl": 0.03, "frequency": 1.0, "participation": 0.1}


def a_graph(seed, n=60, density=0.1, reciprocal=0.6):
    rng = np.random.default_rng(seed)
    graph = (rng.random((n, n)) < density).astype(float)
    graph = np.maximum(graph, graph.T * (rng.random((n, n)) < reciprocal))
    np.fill_diagonal(graph, 0)
    return graph


def a_term(graph, loss, **settings):
    counts, statistics = triad_census(graph)[IS_MOTIF], dyad_statistics(graph)
    prior = Prior(
        name="own", source="s", region="r", kind="region",
        enrichment=np.log((counts + 0.5) / (dyad_null_mean(statistics)[IS_MOTIF] + 0.5)),
        weight=np.ones(len(MOTIFS)), frequency=counts / counts.sum(), reciprocity=statistics.reciprocity,
        density=statistics.density, n_neurons=len(graph),
    )  # fmt: skip
    shares = participation(graph)[:, IS_MOTIF]
    common = dict(density=0.1, reciprocity_weight=10.0, participation=shares)
    return MotifTerm(prior, loss=loss, **{**common, **settings})


def plain_soft_adjacency(weight, density, temperature):
    """As documented, of torch operations alone."""
    n = len(weight)
    off = ~torch.eye(n, dtype=torch.bool)
    values = weight.detach().abs()[off]
    rank = min(max(round((1 - density) * values.numel()), 1), values.numel())
    threshold, spread = values.kthvalue(rank).values, values.std().clamp(min=1e-12)
    return (torch.sigmoid((weight.abs() - threshold) / (temperature * spread)) * off).t()


@pytest.mark.parametrize("n", [2, 3, 16, 17, 50])
def test_the_soft_adjacency_and_its_gradient_are_those_of_plain_torch(n):
    generator = torch.Generator().manual_seed(n)
    weight = torch.randn(n, n, generator=generator, dtype=torch.float64)
    weight[0, -1] = 0.0
    upstream = torch.randn(n, n, generator=generator, dtype=torch.float64)
    for given in (weight, weight.t()):
        found = []
        for function in (soft_adjacency, plain_soft_adjacency):
            leaf = given.clone(memory_format=torch.preserve_format).requires_grad_()
            edges = function(leaf, 0.3, 0.2)
            edges.backward(upstream)
            found.append((edges.detach(), leaf.grad))
        torch.testing.assert_close(*(values for values, _ in found), rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(*(gradient for _, gradient in found), rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("kind", ["normal", "equal", "zero", "one large", "many equal"])
def test_the_rank_among_sizes_is_exact(kind):
    rng = np.random.default_rng(3)
    weight = rng.normal(size=(23, 23)).astype(np.float32)
    if kind in ("equal", "zero"):
        weight[:] = -0.7 if kind == "equal" else 0
    if kind == "one large":
        weight[3, 4] = 1e6
    if kind == "many equal":
        weight = np.round(weight)
    np.fill_diagonal(weight, 99.0)
    sizes = np.sort(np.abs(weight[~np.eye(23, dtype=bool)]))
    for rank in (1, 2, 100, 455, len(sizes)):
        value, spread = size_statistics(weight, rank)
        assert value == sizes[rank - 1]
        assert spread == pytest.approx(sizes.astype(float).std(ddof=1), rel=1e-6, abs=1e-12)


def test_weights_that_are_no_numbers_give_a_loss_that_is_none():
    term = a_term(a_graph(0), "enrichment", weight=1.0, n_updates=10)
    for bad in (float("nan"), float("inf")):
        weight = torch.randn(20, 20)
        weight[3, 7] = bad
        assert not math.isfinite(float(term(weight, 0)))


@pytest.mark.parametrize("n", [3, 16, 33])
def test_the_census_of_one_matrix_is_that_of_a_batch(n):
    generator = torch.Generator().manual_seed(n)
    edges = torch.rand(n, n, generator=generator, dtype=torch.float64)
    upstream = torch.randn(16, generator=generator, dtype=torch.float64)
    found = []
    for function in (soft_triad_census, lambda x: _Censuses.apply(x[None])[0]):
        leaf = edges.clone().requires_grad_()
        counts = function(leaf)
        counts.backward(upstream)
        found.append((counts.detach(), leaf.grad))
    torch.testing.assert_close(*(counts for counts, _ in found), rtol=1e-11, atol=1e-10)
    torch.testing.assert_close(*(gradient for _, gradient in found), rtol=1e-10, atol=1e-10)


def test_dyads_and_their_null_have_the_exact_values_and_gradients():
    graph = a_graph(1)
    reciprocity, density = _dyads(torch.tensor(graph))
    statistics = dyad_statistics(graph)
    assert float(reciprocity) == pytest.approx(statistics.reciprocity)
    expected = _dyad_null(density, reciprocity, len(graph)).numpy()
    np.testing.assert_allclose(expected, dyad_null_mean(statistics), rtol=1e-9)
    edges = torch.rand(6, 6, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(_DyadSums.apply, edges)
    without = _dyad_null(torch.tensor(0.1).double(), torch.tensor(0.0).double(), 30)
    assert torch.isfinite(without).all() and without[3] > 0 and without[2] < 1e-9  # one-way alone


@pytest.mark.parametrize("loss", ["enrichment", "kl", "frequency"])
@pytest.mark.parametrize("n", [3, 20, 37])
def test_the_gradient_that_is_written_out_is_that_of_torch(loss, n):
    term = a_term(a_graph(0), loss, weight=0.7, n_updates=11, every=3)
    weight = torch.randn(n, n, generator=torch.Generator().manual_seed(n), dtype=torch.float64)
    quick, plain = (weight.clone().requires_grad_() for _ in range(2))
    value = term(quick, 5)
    expected = 3 * 0.7 * term.distance(soft_adjacency(plain, term.density, 0.175))
    assert float(value.detach()) == pytest.approx(float(expected.detach()), rel=1e-9)
    (2 * value).backward()
    (2 * expected).backward()
    torch.testing.assert_close(quick.grad, plain.grad, rtol=1e-7, atol=1e-9)
    single = weight.float().requires_grad_()
    term(single, 5).backward()
    if n > 3:  # three units are one triad, of which float32 leaves few digits
        largest = float(plain.grad.abs().max()) / 2
        torch.testing.assert_close(single.grad.double(), plain.grad / 2, rtol=0, atol=1e-4 * largest)


def trained_distance(loss, every, seed):
    """The unweighted motif loss that a real training ends with; every 0 is without the term."""
    n_updates = 240
    network = build("digimus", RuleTask.n_inputs, RuleTask.n_outputs, n_units=32, seed=seed)
    settings = dict(weight=WEIGHTS[loss], n_updates=n_updates, every=max(every, 1))
    term = a_term(a_graph(6), loss, **settings)
    problem = RuleTask("go", batch_size=8, n_validation=8, n_test=8)
    fit(
        network,
        problem,
        FitSettings(n_updates, learning_rate=0.02, validate_every=n_updates, schedule="cosine"),
        seed=seed,
        motif_term=term if every else None,
    )
    weight = network.recurrent_weight.detach()
    return float(term.distance(soft_adjacency(weight, term.density, 0.05)))


@pytest.mark.parametrize("loss", LOSSES)
def test_taken_at_intervals_the_term_falls_as_far_as_taken_always(loss):
    # A tenth above what is reached by taking it always; losses that end near zero: a fortieth of the fall.
    # At a constant learning rate it ends higher: what is left then is the last steps' size, and a cosine
    # takes that away.
    every = yaml.safe_load(CONFIGURATION.read_text())["training"]["motif_term"]["every"]
    assert every > 1
    without, always, seldom = (trained_distance(loss, k, seed=0) for k in (0, 1, every))
    assert always < 0.5 * without
    slack = 0 if loss == "enrichment" else (without - always) / 40
    assert seldom < 1.1 * always + slack
