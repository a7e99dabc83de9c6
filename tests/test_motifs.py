"""Motifs: the census against other programs and against definitions, nulls, profiles and priors."""

from itertools import combinations, permutations, product
from math import comb

import igraph
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, kstest, norm, pearson3

from digimus import InputError
from digimus.motifs import (
    MOTIFS,
    NULLS,
    TRIADS,
    dyad_null_mean,
    dyad_statistics,
    enrichment,
    enrichment_bootstrap,
    participation,
    region_profile,
    sample_null_censuses,
    significance_profile,
    soft_triad_census,
    triad_census,
)
from digimus.motifs import census as census_module
from digimus.motifs import nulls as null_models
from digimus.motifs import profiles as profiles_module
from digimus.motifs._bits import empty_rows
from digimus.motifs.profiles import (
    _profile_p,
    class_p,
    combined_p,
    correct_profiles,
    draw_graphs,
    least_p,
    linear_enrichment,
    neuron_table,
)
from digimus.motifs.pvalues import benjamini_hochberg, normal_tail, pearson3_tail
from digimus.motifs.triads import IS_MOTIF, N_EDGES, N_LABELLINGS, N_MUTUAL, N_ONE_WAY
from digimus.motifs.verdicts import correct_verdicts
from random_graphs import random_graph, random_probabilities

NAMES = ["003", "012", "102", "021D", "021U", "021C", "111D", "111U"]
NAMES += ["030T", "030C", "201", "120D", "120U", "120C", "210", "300"]
ALIKE = {"D": "U", "U": "D"}
TURNED = [NAMES.index(name[:-1] + ALIKE.get(name[-1], name[-1])) for name in NAMES]
POSITION = {name: k for k, name in enumerate(MOTIFS)}


def by_networkx(graph):
    counted = nx.triadic_census(nx.from_numpy_array(graph, create_using=nx.DiGraph))
    return np.array([counted[name] for name in NAMES], float)


def by_igraph(graph):
    n = len(graph)
    counted = igraph.Graph(n=n, edges=np.argwhere(graph).tolist(), directed=True).triad_census()
    return np.array([counted[name] for name in NAMES], float)


def by_traces(a):
    """The sixteen trace formulas, as published with the convention a[i, j] = i -> j."""
    m, o, e = a * a.T, a * (1 - a).T, (1 - a) * (1 - a).T
    for matrix in (m, o, e):
        np.fill_diagonal(matrix, 0)
    t = o.T
    factors = [
        (e, e, e, 6), (o, e, e, 1), (m, e, e, 2), (t, o, e, 2), (o, t, e, 2), (o, o, e, 1), (m, t, e, 1),
        (m, o, e, 1), (o, o, t, 1), (o, o, o, 3), (m, m, e, 2), (t, o, m, 2), (o, t, m, 2), (o, o, m, 1),
        (m, m, o, 1), (m, m, m, 6),
    ]  # fmt: skip
    return np.array([np.trace(x @ y @ z) / times for x, y, z, times in factors])


KIND_OF_THREE = {}
for bits in product((0, 1), repeat=6):
    small = np.zeros((3, 3))
    small[~np.eye(3, dtype=bool)] = bits
    KIND_OF_THREE[bits] = int(by_networkx(small).argmax())


def by_hand(a, weights):
    """Every triple, every one of its 64 graphs."""
    total = np.zeros(16)
    for triple in combinations(range(len(a)), 3):
        p = a[np.ix_(triple, triple)][~np.eye(3, dtype=bool)]
        for bits, kind in KIND_OF_THREE.items():
            total[kind] += np.prod(np.where(bits, p, 1 - p)) * np.prod(weights[list(triple)])
    return total


def bipartite(n):
    graph = np.zeros((n, n))
    graph[: n // 2, n // 2 :] = 1
    return graph


SPECIAL = {
    "empty": np.zeros((7, 7)),
    "complete": 1 - np.eye(7),
    "one-way bipartite": bipartite(9),
    "two-way bipartite": bipartite(9) + bipartite(9).T,
    "isolated nodes": np.pad(random_graph(np.random.default_rng(0), 5, 0.5), (0, 4)),
    "cycle": np.roll(np.eye(8), 1, axis=1),
    "tournament": np.triu(np.ones((8, 8)), 1),
    "across a 64-bit word": random_graph(np.random.default_rng(1), 67, 0.1),
}


# The census


def test_names_come_in_the_agreed_order():
    assert list(TRIADS) == NAMES
    assert list(MOTIFS) == NAMES[3:]


def test_census_equals_networkx_and_igraph_on_hundreds_of_random_graphs():
    rng = np.random.default_rng(2)
    for k in range(300):
        graph = random_graph(rng, int(rng.integers(3, 24)), rng.random() ** 2)
        if k % 3 == 0:
            graph = np.maximum(graph, graph.T * (rng.random(graph.shape) < rng.random()))
        counted = triad_census(graph)
        np.testing.assert_array_equal(counted, by_networkx(graph))
        np.testing.assert_array_equal(counted, by_igraph(graph))
        np.testing.assert_array_equal(triad_census(sp.csr_array(graph)), counted)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.int8, np.int32, np.int64, np.uint64, np.float32, float])
def test_every_kind_of_number_and_matrix_gives_the_same_census(kind):
    graph = random_graph(np.random.default_rng(40), 70, 0.1)
    counted = by_igraph(graph)
    as_kind = graph.astype(kind)
    twice = sp.coo_array(graph / 2)
    halves = (np.tile(twice.data, 2), (np.tile(twice.row, 2), np.tile(twice.col, 2)))
    shuffled = sp.csr_array(as_kind)
    for row in range(70):
        part = slice(shuffled.indptr[row], shuffled.indptr[row + 1])
        shuffled.indices[part] = shuffled.indices[part][::-1].copy()
    shuffled.has_sorted_indices = False
    forms = [as_kind, np.asfortranarray(as_kind), as_kind[::-1][::-1], sp.csr_array(as_kind)]
    forms += [sp.csc_array(as_kind), sp.coo_array(as_kind), sp.csr_matrix(as_kind), shuffled]
    forms += [as_kind.tolist(), sp.coo_array(halves, shape=graph.shape)]
    for form in forms:
        np.testing.assert_array_equal(triad_census(form), counted)


def test_an_entry_that_is_there_twice_is_a_sum_and_an_explicit_zero_is_no_edge():
    indices, indptr = np.array([1, 1, 2, 0]), np.array([0, 3, 4, 4])
    with pytest.raises(InputError, match="probabilities"):
        triad_census(sp.csr_array((np.ones(4), indices, indptr), shape=(3, 3)))
    halves = sp.csr_array((np.array([0.5, 0.5, 0.0, 1.0]), indices, indptr), shape=(3, 3))
    assert TRIADS[triad_census(halves).argmax()] == "102"


def test_a_graph_too_large_for_bit_sets_is_counted_by_products(monkeypatch):
    graph = sp.csr_array(random_graph(np.random.default_rng(41), 90, 0.08))
    counted = triad_census(graph)
    monkeypatch.setattr(census_module, "MOST_BIT_BYTES", 1000)
    assert census_module.bit_rows(graph) is None
    np.testing.assert_allclose(triad_census(graph), counted, atol=1e-6)


def test_census_of_a_large_sparse_graph_equals_igraph():
    rng = np.random.default_rng(3)
    graph = sp.random_array((1500, 1500), density=0.004, rng=rng, format="csr")
    graph.data[:] = 1
    graph.setdiag(0)
    counted = by_igraph(graph.toarray())
    np.testing.assert_array_equal(triad_census(graph), counted)
    np.testing.assert_allclose(triad_census(graph, weights=np.ones(1500)), counted, rtol=1e-9, atol=1e-3)


@pytest.mark.parametrize("name", SPECIAL)
def test_census_of_special_graphs(name):
    graph = SPECIAL[name]
    np.testing.assert_array_equal(triad_census(graph), by_networkx(graph))
    np.testing.assert_array_equal(triad_census(sp.coo_array(graph)), by_networkx(graph))
    np.testing.assert_allclose(
        triad_census(graph, weights=np.ones(len(graph))), by_networkx(graph), atol=1e-9
    )


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_nodes_hold_no_triad(n):
    full = np.ones((n, n))
    np.testing.assert_array_equal(triad_census(full), np.zeros(16))
    np.testing.assert_array_equal(triad_census(full / 2), np.zeros(16))
    np.testing.assert_array_equal(soft_triad_census(torch.full((n, n), 0.5)), np.zeros(16))


def test_census_ignores_the_diagonal_and_leaves_its_input_alone():
    graph = random_graph(np.random.default_rng(4), 9, 0.3)
    looped = graph + np.eye(9)
    np.testing.assert_array_equal(triad_census(looped), triad_census(graph))
    np.testing.assert_array_equal(triad_census(sp.csr_array(looped)), triad_census(graph))
    assert np.trace(looped) == 9


def test_transposing_exchanges_down_and_up():
    rng = np.random.default_rng(5)
    for matrix in (random_graph(rng, 15, 0.3), random_probabilities(rng, 15)):
        counted = triad_census(matrix)
        np.testing.assert_allclose(triad_census(matrix.T), counted[TURNED], rtol=1e-10)
        assert abs(counted[3] - counted[4]) > 1e-6


def test_one_neuron_with_two_targets_is_021d():
    graph = np.zeros((3, 3))
    graph[0, 1] = graph[0, 2] = 1
    assert TRIADS[triad_census(graph).argmax()] == "021D"


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 12), st.floats(0, 1), st.integers(0, 10**6))
def test_census_sums_to_all_triples_and_counts_edges(n, density, seed):
    graph = random_graph(np.random.default_rng(seed), n, density)
    counted = triad_census(graph)
    assert counted.sum() == comb(n, 3)
    assert counted @ N_EDGES == graph.sum() * (n - 2)
    assert counted @ N_MUTUAL == (graph * graph.T).sum() / 2 * (n - 2)


@pytest.mark.parametrize("n", [3, 4])
def test_expected_census_is_the_mean_over_all_graphs(n):
    p = random_probabilities(np.random.default_rng(6), n)
    off = ~np.eye(n, dtype=bool)
    mean = np.zeros(16)
    for bits in product((0, 1), repeat=n * (n - 1)):
        graph = np.zeros((n, n))
        graph[off] = bits
        mean += np.prod(np.where(bits, p[off], 1 - p[off])) * triad_census(graph)
    np.testing.assert_allclose(triad_census(p), mean, rtol=1e-10)


def test_expected_census_is_the_mean_over_drawn_graphs():
    rng = np.random.default_rng(42)
    p = random_probabilities(rng, 18)
    sampled = np.array([triad_census(graph) for graph in draw_graphs(p, 4000, rng)])
    error = sampled.std(0) / np.sqrt(len(sampled))
    assert np.all(np.abs(sampled.mean(0) - triad_census(p)) < 4.5 * error)


def test_expected_census_equals_the_sixteen_trace_formulas():
    rng = np.random.default_rng(7)
    for n in (3, 6, 20, 41):
        p = random_probabilities(rng, n)
        np.testing.assert_allclose(triad_census(p), by_traces(p), rtol=1e-9)
        np.testing.assert_allclose(triad_census(sp.csr_array(p)), by_traces(p), rtol=1e-9)


def test_weighted_census_counts_every_triple_by_its_three_weights():
    rng = np.random.default_rng(8)
    weights = rng.multinomial(7, np.full(7, 1 / 7)).astype(float)
    for matrix in (random_graph(rng, 7, 0.4), random_probabilities(rng, 7)):
        for kind in (np.array, sp.csr_array):
            counted = triad_census(kind(matrix), weights=weights)
            np.testing.assert_allclose(counted, by_hand(matrix, weights), atol=1e-9)


def test_soft_census_has_the_exact_values_also_in_batches():
    rng = np.random.default_rng(9)
    p = np.stack([random_probabilities(rng, 9), random_graph(rng, 9, 0.3)])
    counted = soft_triad_census(torch.tensor(p + np.eye(9))).numpy()
    np.testing.assert_allclose(counted, [by_traces(p[0]), by_networkx(p[1])], atol=1e-10)
    single = soft_triad_census(torch.tensor(p[0], dtype=torch.float32))
    assert single.dtype == torch.float64
    np.testing.assert_allclose(single.numpy(), by_traces(p[0]), rtol=1e-4)


def test_gradients_of_the_soft_census_are_right():
    rng = np.random.default_rng(10)
    p = torch.tensor(random_probabilities(rng, 5) + 0.3 * np.eye(5), requires_grad=True)
    assert torch.autograd.gradcheck(soft_triad_census, p)
    stacked = np.stack([[random_probabilities(rng, 4) for _ in range(3)] for _ in range(2)])
    batch = torch.tensor(stacked, requires_grad=True)
    assert soft_triad_census(batch).shape == (2, 3, 16)
    assert torch.autograd.gradcheck(soft_triad_census, batch)


def test_gradients_of_a_batch_are_those_of_its_parts():
    rng = np.random.default_rng(43)
    parts = [torch.tensor(random_probabilities(rng, 12), dtype=torch.float32) for _ in range(3)]
    factors = torch.tensor(rng.normal(size=16))

    def gradient(matrix):
        matrix = matrix.clone().requires_grad_()
        (soft_triad_census(matrix) @ factors).sum().backward()
        assert matrix.grad.dtype == torch.float32
        return matrix.grad

    together = gradient(torch.stack(parts))
    for whole, part in zip(together, parts, strict=True):
        torch.testing.assert_close(whole, gradient(part), rtol=1e-5, atol=1e-4)


def test_participation_adds_up_to_the_census_and_equals_the_triples_of_a_neuron():
    rng = np.random.default_rng(11)
    for matrix in (random_graph(rng, 12, 0.3), random_probabilities(rng, 12)):
        shares = participation(matrix)
        assert shares.shape == (12, 16)
        np.testing.assert_allclose(shares.sum(0), triad_census(matrix), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(participation(sp.csr_array(matrix)), shares)
        # A triple counts for each of its three neurons by a third.
        for neuron in (0, 5):
            without = np.delete(np.delete(matrix, neuron, 0), neuron, 1)
            np.testing.assert_allclose(
                3 * shares[neuron], triad_census(matrix) - triad_census(without), atol=1e-9
            )


def test_participation_is_the_mean_over_the_three_rotations_of_each_product():
    a = random_probabilities(np.random.default_rng(44), 9)
    m, o, e = a * a.T, a * (1 - a).T, (1 - a) * (1 - a).T
    np.fill_diagonal(e, 0)
    shares = participation(a)
    triples = {"021D": (o.T, o, e, 2), "111U": (m, o, e, 1), "120C": (o, o, m, 1), "030C": (o, o, o, 3)}
    for name, (x, y, z, times) in triples.items():
        turned = ((x @ y) * z.T, (y @ z) * x.T, (z @ x) * y.T)
        expected = sum(product.sum(1) for product in turned) / (3 * times)
        np.testing.assert_allclose(shares[:, TRIADS.index(name)], expected, rtol=1e-9)


def test_participation_of_a_large_sparse_graph_adds_up():
    graph = sp.random_array((3000, 3000), density=0.002, rng=np.random.default_rng(45), format="csr")
    graph.data[:] = 1
    shares = participation(graph)
    np.testing.assert_allclose(shares.sum(0), triad_census(graph), rtol=1e-9)
    np.testing.assert_allclose(shares.sum(1), 2999 * 2998 / 6)
    np.testing.assert_array_equal(participation(np.zeros((2, 2))), np.zeros((2, 16)))


def test_the_table_of_neurons_adds_up_to_the_expected_counts():
    p = random_probabilities(np.random.default_rng(46), 15)
    table = neuron_table(participation(p), [f"n{k}" for k in range(15)], ["b"] * 15)
    assert list(table) == ["id", "brain", *MOTIFS]
    np.testing.assert_allclose(table[list(MOTIFS)].sum(), triad_census(p)[IS_MOTIF])


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        (np.zeros((3, 4)), "square"),
        (np.zeros(3), "square"),
        (np.full((3, 3), 2.0), "probabilities"),
        (np.full((3, 3), -0.1), "probabilities"),
        (np.full((3, 3), np.nan), "probabilities"),
    ],
)
def test_a_matrix_that_is_no_adjacency_is_refused(matrix, expected):
    with pytest.raises(InputError, match=expected):
        triad_census(matrix)


# Dyads and null models


def test_dyad_null_agrees_with_its_samples_and_sums_to_all_triples():
    graph = random_graph(np.random.default_rng(12), 14, 0.3)
    graph = np.maximum(graph, (np.random.default_rng(13).random((14, 14)) < 0.3) * graph.T)
    statistics = dyad_statistics(graph)
    mean = dyad_null_mean(statistics)
    assert mean.sum() == pytest.approx(comb(14, 3))
    sampled = sample_null_censuses(graph, "dyad", 6000, np.random.default_rng(14))
    error = sampled.std(0) / np.sqrt(len(sampled))
    assert np.all(np.abs(sampled.mean(0) - mean) < 4.5 * error + 1e-12)


def test_dyad_statistics_by_hand():
    graph = np.zeros((4, 4))
    graph[0, 1] = graph[1, 0] = graph[0, 2] = graph[3, 2] = 1
    statistics = dyad_statistics(graph)
    assert (statistics.n, statistics.density, statistics.reciprocity) == (4, 4 / 12, 0.5)
    assert statistics.probabilities == pytest.approx((1 / 6, 1 / 6, 1 - 3 / 6))
    assert dyad_statistics(np.zeros((4, 4))).reciprocity == 0
    weighted = dyad_statistics(graph, np.array([2.0, 1, 0, 3]))
    assert weighted.density == pytest.approx((2 + 2) / (36 - 14))
    assert weighted.reciprocity == 1


def test_labellings_are_the_numbers_of_graphs_on_three_nodes():
    kinds = np.bincount(list(KIND_OF_THREE.values()), minlength=16)
    np.testing.assert_array_equal(N_LABELLINGS, kinds)
    assert all(3 - N_MUTUAL - N_ONE_WAY == [int(name[2]) for name in TRIADS])


def degrees(graph):
    both = graph * graph.T
    return np.concatenate([graph.sum(0), graph.sum(1), both.sum(1)]).astype(int)


def switched(graph, n_trials, rng):
    """A graph after so many switches; the lists and the matrix that the chain keeps must agree."""
    both = graph & graph.T
    one_way, mutual = (np.argwhere(kind).astype(np.uint32) for kind in (graph & (1 - both), both))
    n = len(graph)
    bits = null_models._edge_bits(n, one_way, mutual)
    starts, mutual_starts = (null_models._blocks(n, edges[:, 0]) for edges in (one_way, mutual))
    state = rng.integers(0, 2**64, size=1, dtype=np.uint64)
    null_models._switch(bits, one_way, starts, mutual, mutual_starts, n_trials, state)
    kept = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, :n]
    for edges, kind in ((one_way, kept & (1 - kept.T)), (mutual, kept & kept.T)):
        listed = np.zeros_like(graph)
        np.add.at(listed, tuple(edges.T), 1)
        np.testing.assert_array_equal(listed, kind)
    return kept


def test_edge_switching_keeps_in_out_and_mutual_degree_and_moves_edges():
    rng = np.random.default_rng(15)
    for n, density in ((12, 0.2), (30, 0.1), (40, 0.4), (9, 0.7)):
        graph = random_graph(rng, n, density).astype(np.uint8)
        shuffled = switched(graph, 150 * int(graph.sum()), rng)
        np.testing.assert_array_equal(degrees(shuffled), degrees(graph))
        assert np.trace(shuffled) == 0
        assert np.mean(shuffled != graph) > 0.05


def test_edge_switching_reaches_every_graph_of_four_nodes_with_the_same_degrees():
    graphs = all_graphs(4)
    both = graphs & graphs.transpose(0, 2, 1)
    keys = np.concatenate([graphs.sum(1), graphs.sum(2), both.sum(2)], axis=1)
    kinds, kind = np.unique(keys, axis=0, return_inverse=True)
    rng = np.random.default_rng(160)
    for k in np.flatnonzero(np.bincount(kind.ravel()) > 1)[::3]:
        allowed = {graph.tobytes() for graph in graphs[kind.ravel() == k]}
        graph, seen = graphs[kind.ravel() == k][0], set()
        for _ in range(40 * len(allowed)):
            graph = switched(graph, 60, rng)
            seen.add(graph.tobytes())
        assert seen == allowed, f"degrees {kinds[k]}"


def cyclic_permutation(n):
    return np.roll(np.eye(n, dtype=np.uint8), 1, axis=1)


def test_a_lone_three_cycle_is_reversed():
    drawn = [switched(cyclic_permutation(3), 50 + k, np.random.default_rng(k)) for k in range(200)]
    assert_uniform(drawn, [cyclic_permutation(3), cyclic_permutation(3).T])


def all_graphs(n):
    """Every directed graph of n nodes, shape (2^(n(n-1)), n, n)."""
    off = np.argwhere(~np.eye(n, dtype=bool))
    codes = np.arange(2 ** len(off))
    graphs = np.zeros((len(codes), n, n), np.uint8)
    for bit, (i, j) in enumerate(off):
        graphs[:, i, j] = codes >> bit & 1
    return graphs


def assert_uniform(drawn, allowed):
    """Graphs drawn from a chain are each of the allowed ones, and all about equally often."""
    seen = {}
    for graph in drawn:
        seen[graph.tobytes()] = seen.get(graph.tobytes(), 0) + 1
    assert set(seen) == {graph.tobytes() for graph in allowed}
    expected = len(drawn) / len(allowed)
    assert max(abs(count - expected) for count in seen.values()) < 4.5 * np.sqrt(expected)


def test_edge_switching_draws_every_graph_of_equal_degrees_equally_often():
    graph = np.zeros((5, 5), np.uint8)
    for pre, post in ((0, 1), (1, 0), (2, 3), (3, 2), (0, 4), (2, 1)):
        graph[pre, post] = 1
    graphs = all_graphs(5)
    both = graphs & graphs.transpose(0, 2, 1)
    key = np.concatenate([graphs.sum(1), graphs.sum(2), both.sum(2)], axis=1)
    allowed = graphs[(key == degrees(graph)).all(1)]
    assert len(allowed) > 2
    rng = np.random.default_rng(16)
    assert_uniform([switched(graph, 600, rng) for _ in range(1500)], allowed)


def out_degrees_by_bin(graph, bins):
    return np.stack([(graph * (bins == k)).sum(1) for k in range(bins.max() + 1)])


def distance_bins(positions):
    return null_models.DistanceBins.from_positions(positions)


def test_distance_bins_hold_equally_many_pairs_and_leave_out_the_diagonal():
    positions = np.random.default_rng(17).random((20, 3))
    found = distance_bins(positions)
    bins = found.of_pair
    assert np.all(np.diag(bins) == -1)
    np.testing.assert_array_equal(bins, bins.T)
    assert np.all(np.abs(np.bincount(bins[bins >= 0]) - 38) <= 2)
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
    assert distance[bins == 3].max() <= distance[bins == 4].min()
    for i in range(20):
        for b in range(10):
            members = found.order[i, found.starts[i, b] : found.starts[i, b + 1]]
            assert sorted(members) == list(np.flatnonzero(bins[i] == b))


def graph_of_rows(rows):
    """The 0/1 matrix of bit rows."""
    n = len(rows)
    bits = np.unpackbits(rows.view(np.uint8).reshape(n, 3, -1), axis=-1, bitorder="little")[:, :, :n]
    np.testing.assert_array_equal(bits[:, 0], bits[:, 1].T)
    return bits[:, 0] | bits[:, 2]


def redrawn(graph, bins, rng):
    wanted = np.stack([(graph * (bins.of_pair == b)).sum(1) for b in range(bins.starts.shape[1] - 1)], 1)
    rows = empty_rows(len(graph))
    state = rng.integers(0, 2**64, size=1, dtype=np.uint64)
    null_models._redraw_targets(rows, wanted.astype(np.int64), bins.order, bins.starts, state)
    return graph_of_rows(rows)


def moved(graph, bins, n_trials, rng):
    edges = np.argwhere(graph).astype(np.uint32)
    bits = null_models._edge_bits(len(graph), edges, edges[:0])
    placed = null_models._with_bins(edges, bins.of_pair, bins.starts)
    state = rng.integers(0, 2**64, size=1, dtype=np.uint64)
    null_models._move_targets(bits, placed, bins.order, n_trials, state)
    listed = np.zeros_like(graph)
    np.add.at(listed, tuple(placed[:, :2].T), 1)
    np.testing.assert_array_equal(
        listed, np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, : len(graph)]
    )
    return listed


def test_distance_null_keeps_the_number_of_targets_in_every_bin():
    rng = np.random.default_rng(18)
    graph = random_graph(rng, 40, 0.2).astype(np.uint8)
    bins = distance_bins(rng.random((40, 3)))
    drawn = redrawn(graph, bins, rng)
    expected = out_degrees_by_bin(graph, bins.of_pair)
    np.testing.assert_array_equal(out_degrees_by_bin(drawn, bins.of_pair), expected)
    assert np.trace(drawn) == 0 and np.mean(drawn != graph) > 0.1


def test_distance_null_draws_every_set_of_targets_equally_often():
    rng = np.random.default_rng(180)
    graph = np.zeros((5, 5), np.uint8)
    graph[0, 1] = graph[0, 3] = 1
    bins = null_models.DistanceBins.from_positions(rng.random((5, 3)), 1)
    allowed = []
    for pair in combinations(range(1, 5), 2):
        allowed.append(np.zeros_like(graph))
        allowed[-1][0, list(pair)] = 1
    assert_uniform([redrawn(graph, bins, rng) for _ in range(1200)], allowed)


def test_distance_mutual_null_also_keeps_the_number_of_mutual_pairs():
    rng = np.random.default_rng(19)
    graph = random_graph(rng, 40, 0.2).astype(np.uint8)
    bins = distance_bins(rng.random((40, 3)))
    drawn = moved(graph, bins, 10_000, rng)
    expected = out_degrees_by_bin(graph, bins.of_pair)
    np.testing.assert_array_equal(out_degrees_by_bin(drawn, bins.of_pair), expected)
    assert (drawn * drawn.T).sum() == (graph * graph.T).sum()
    assert np.trace(drawn) == 0 and np.mean(drawn != graph) > 0.1
    counted = sample_null_censuses(graph, "distance-mutual", 5, rng, rng.random((40, 3)))
    np.testing.assert_allclose(counted @ N_MUTUAL, (graph * graph.T).sum() / 2 * 38)


def test_distance_mutual_chain_draws_every_allowed_graph_equally_often():
    graph = np.zeros((4, 4), np.uint8)
    for pre, post in ((0, 1), (1, 0), (2, 3), (3, 1)):
        graph[pre, post] = 1
    bins = null_models.DistanceBins.from_positions(np.eye(4, 3), 1)
    graphs = all_graphs(4)
    mutual = (graphs & graphs.transpose(0, 2, 1)).sum((1, 2))
    allowed = graphs[(graphs.sum(2) == graph.sum(1)).all(1) & (mutual == 2)]
    rng = np.random.default_rng(20)
    assert_uniform([moved(graph, bins, 500, rng) for _ in range(3000)], allowed)


def test_fixed_dyads_draws_every_graph_of_these_numbers_equally_often():
    graphs = all_graphs(4)
    mutual = (graphs & graphs.transpose(0, 2, 1)).sum((1, 2)) // 2
    rng = np.random.default_rng(200)
    for n_mutual, n_one_way in ((1, 1), (0, 2), (2, 3), (6, 0)):
        chosen = graphs[(mutual == n_mutual) & (graphs.sum((1, 2)) == 2 * n_mutual + n_one_way)]
        exact = np.mean([triad_census(graph) for graph in chosen], axis=0)
        sampled = sample_null_censuses(chosen[0], "fixed-dyad", 4000, rng)
        error = sampled.std(0) / np.sqrt(len(sampled))
        assert np.all(np.abs(sampled.mean(0) - exact) <= 4.5 * error + 1e-12)
        np.testing.assert_array_equal(sampled @ N_MUTUAL, np.full(4000, 2 * n_mutual))


@pytest.mark.parametrize("null", NULLS)
def test_null_models_keep_the_number_of_edges_on_average(null):
    rng = np.random.default_rng(21)
    graph = random_graph(rng, 25, 0.2)
    counted = sample_null_censuses(graph, null, 400, rng, rng.random((25, 3)))
    edges = counted @ N_EDGES / 23
    if null == "dyad":
        assert edges.mean() == pytest.approx(graph.sum(), rel=0.03)
    else:
        np.testing.assert_allclose(edges, graph.sum())


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (dict(null="gravity"), "no null model"),
        (dict(null="distance"), "soma position"),
        (dict(null="distance", positions_um=np.full((8, 3), np.nan)), "soma position"),
        (dict(null="distance-mutual", positions_um=np.zeros((7, 3))), "soma position"),
        (dict(null="distance", positions_um=np.arange(8.0)), "soma position"),
        (
            dict(null="distance", positions_um=null_models.DistanceBins.from_positions(np.eye(7, 3))),
            "another",
        ),
        (dict(null="degree", n_null=1), "two null graphs"),
        (dict(null="dyad", n_null=0), "two null graphs"),
    ],
)
def test_bad_requests_of_a_profile_are_refused(change, expected):
    graph = random_graph(np.random.default_rng(22), 8, 0.3)
    with pytest.raises(InputError, match=expected):
        significance_profile(graph, **change)


@pytest.mark.parametrize("positions", [np.zeros((50, 3)), np.zeros((60, 2)), np.full((60, 3), np.inf)])
def test_a_region_profile_refuses_positions_of_other_neurons(positions):
    graph = random_graph(np.random.default_rng(220), 60, 0.1)
    settings = dict(n_draws=1, n_null=3, n_bootstrap=2, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="soma position"):
        region_profile(graph, positions, **settings, nulls=["distance"])
    with pytest.raises(InputError, match="soma position"):
        null_models.DistanceBins.from_positions(positions[:, :2])


def test_nulls_of_probabilities_are_refused():
    with pytest.raises(InputError, match="0/1"):
        sample_null_censuses(np.full((4, 4), 0.5), "degree", 5, np.random.default_rng(0))


# Profiles


@pytest.mark.parametrize("null", NULLS)
def test_a_profile_has_thirteen_values_that_fit_together(null):
    rng = np.random.default_rng(23)
    graph = random_graph(rng, 20, 0.25)
    profile = significance_profile(graph, null, n_null=60, positions_um=rng.random((20, 3)), seed=1)
    for name in ("counts", "mean", "sd", "z", "sp"):
        assert getattr(profile, name).shape == (13,)
    np.testing.assert_array_equal(profile.counts, by_networkx(graph)[3:])
    known = profile.sd > 0
    np.testing.assert_allclose((profile.z * profile.sd)[known], (profile.counts - profile.mean)[known])
    assert np.nansum(profile.sp**2) == pytest.approx(1)
    np.testing.assert_allclose(profile.sp[known] * np.sqrt(profile.excess), profile.z[known])
    assert 0 < profile.p_profile <= 1
    again = significance_profile(graph, null, n_null=60, positions_um=np.zeros((20, 3)), seed=2)
    if null == "dyad":
        np.testing.assert_allclose(profile.mean, dyad_null_mean(dyad_statistics(graph))[IS_MOTIF])
        np.testing.assert_array_equal(profile.mean, again.mean)
    else:
        assert np.any(profile.mean != again.mean)


def test_a_profile_is_the_same_for_the_same_seed_and_for_sparse_input():
    graph = random_graph(np.random.default_rng(24), 15, 0.2)
    first = significance_profile(graph, "degree", n_null=20, seed=3)
    again = significance_profile(sp.csr_array(graph), "degree", n_null=20, seed=3)
    np.testing.assert_array_equal(first.z, again.z)
    assert first.p_profile == again.p_profile


def test_a_class_whose_null_does_not_vary_is_not_available():
    one_way = np.triu(random_graph(np.random.default_rng(25), 20, 0.2), 1)
    profile = significance_profile(one_way, "degree", n_null=40)
    with_mutual = [POSITION[name] for name in ("111D", "111U", "201", "120D", "120U", "120C", "210", "300")]
    assert np.all(np.isnan(profile.z[with_mutual])) and np.all(np.isnan(profile.sp[with_mutual]))
    assert np.isfinite(profile.z[POSITION["021C"]])
    empty = significance_profile(np.zeros((6, 6)), "dyad", n_null=5)
    assert np.all(np.isnan(empty.z)) and empty.excess == 0 and empty.p_profile == 1


def test_a_class_that_no_null_graph_has_is_found():
    graph = random_graph(np.random.default_rng(250), 280, 0.002)
    for k in range(6):
        graph[3 * k : 3 * k + 3, 3 * k : 3 * k + 3] = 1 - np.eye(3)
    profile = significance_profile(graph, "dyad", n_null=100)
    assert profile.p[POSITION["300"]] < 0.03 and profile.p_profile < 0.02
    # A class of which no null graph has any at all: no z, but a p, an excess and a verdict.
    sampled = np.zeros((99, 13))
    sampled[:, 0] = np.arange(99)
    sampled[::9, 1] = 1
    counts = np.zeros(13)
    counts[0] = 50
    assert _profile_p(counts, sampled) > 0.5 and class_p(counts, sampled)[-1] == 1
    counts[-1] = 6
    assert _profile_p(counts, sampled) == 0.01 and class_p(counts, sampled)[-1] == 0.02
    # A null graph that is the only one with a class ranks as high.
    counts[-1], sampled[3, -2] = 1, 1
    assert _profile_p(counts, sampled) == 0.02


@pytest.mark.parametrize("null", ["degree", "distance"])
def test_a_constant_class_has_no_z_and_yet_a_p_and_a_side(monkeypatch, null):
    constant = np.zeros((60, 16))
    constant[:, 3] = 7
    monkeypatch.setattr(profiles_module, "sample_null_censuses", lambda *_: constant)
    graph = np.zeros((12, 12))
    graph[0, 1:6] = 1  # ten of 021D
    made = region_profile(
        graph, np.eye(12, 3), n_draws=1, n_null=60, n_bootstrap=5, rng=np.random.default_rng(0), nulls=[null]
    )
    rows = made.table[made.table["null"] == null].set_index("triad")
    assert np.isnan(rows["z"]["021D"]) and rows["p"]["021D"] == pytest.approx(2 / 61)
    assert (rows["p"].drop("021D") == 1).all()
    found = made.verdicts.set_index("null").loc[null]
    assert found["p_profile"] == 1 / 61 and found["excess"] == pytest.approx(9 * 60)
    repeated = pd.concat([made.table.assign(region="R", p=made.table["p"] / 100)])
    corrected = correct_profiles(repeated)
    corrected = corrected[corrected["null"] == null].set_index("triad")
    assert corrected["exceeds"]["021D"] and corrected["exceeds"].sum() == 1
    assert not corrected["falls_short"].any()


def test_a_degree_null_of_a_degree_model_has_its_enrichment():
    # With odds x_i y_j all graphs of equal degrees are equally likely, so that the null's mean is the mean.
    rng = np.random.default_rng(5)
    odds = 0.05 * np.outer(rng.gamma(1.0, 1.0, 60), rng.gamma(1.0, 1.0, 60))
    p = odds / (1 + odds) * (1 - np.eye(60))
    made = region_profile(p, None, n_draws=200, n_null=10, n_bootstrap=200, rng=rng, nulls=["degree"]).table
    rows = made[(made["null"] == "degree") & (made["expected_count"] > 1)]
    assert len(rows) > 5
    gap = (rows["null_enrichment"] - rows["enrichment"]) / np.sqrt(rows["enrichment_variance"])
    assert gap.abs().max() < 0.6


def planted(rng, triad, n=70, n_copies=30):
    """A sparse random graph with copies of a triad added."""
    edges = {"030T": ((0, 1), (1, 2), (0, 2)), "030C": ((0, 1), (1, 2), (2, 0))}[triad]
    graph = random_graph(rng, n, 0.01)
    for _ in range(n_copies):
        nodes = rng.choice(n, 3, replace=False)
        for pre, post in edges:
            graph[nodes[pre], nodes[post]] = 1
    return graph


@pytest.mark.parametrize("triad", ["030T", "030C"])
@pytest.mark.parametrize("null", ["dyad", "degree"])
def test_planted_triads_are_found(triad, null):
    profile = significance_profile(planted(np.random.default_rng(26), triad), null, n_null=100)
    assert profile.z[POSITION[triad]] > 4
    assert profile.z[POSITION[triad]] == np.nanmax(profile.z[[POSITION["030T"], POSITION["030C"]]])
    assert profile.p_profile < 0.05


def test_geometry_is_more_than_dyads_and_not_more_than_distance():
    rng = np.random.default_rng(27)
    positions = rng.random((70, 3))
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
    graph = (rng.random((70, 70)) < 0.9 * np.exp(-((distance / 0.3) ** 2))).astype(float)
    np.fill_diagonal(graph, 0)
    dyad = significance_profile(graph, "dyad", n_null=100)
    distances = significance_profile(graph, "distance", n_null=100, positions_um=positions)
    assert dyad.z[POSITION["300"]] > 4 and dyad.p_profile < 0.01
    assert distances.excess < dyad.excess / 5


def drawn_from(null, rng, k):
    """A graph and soma positions, the graph drawn from the null model itself."""
    n = 25
    positions = rng.random((n, 3))
    graph = random_graph(rng, n, 0.12).astype(np.uint8)
    if null == "degree":
        heavy = np.sqrt(np.outer(rng.gamma(2, 0.5, n), rng.gamma(2, 0.5, n)))
        graph = (rng.random((n, n)) < np.clip(0.2 * heavy, 0, 1) * (1 - np.eye(n))).astype(np.uint8)
        return switched(graph, 100 * int(graph.sum()), rng), positions
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
    near = (rng.random((n, n)) < 0.5 * np.exp(-((distance / 0.4) ** 2)) * (1 - np.eye(n))).astype(np.uint8)
    if null == "distance":
        return redrawn(near, distance_bins(positions), rng), positions
    if null == "distance-mutual":
        return moved(near, distance_bins(positions), 60 * int(near.sum()), rng), positions
    return graph, positions


@pytest.mark.parametrize("null", NULLS)
def test_graphs_of_a_null_model_are_found_to_differ_from_it_as_often_as_announced(null):
    rng = np.random.default_rng(28)
    n_graphs = 150
    profiles = []
    for k in range(n_graphs):
        graph, positions = drawn_from(null, rng, k)
        profiles.append(significance_profile(graph, null, n_null=99, positions_um=positions, seed=k))
    p = np.array([profile.p_profile for profile in profiles])
    # At a rate of .05 more than 15 of 150 happen once in 200 times, at .2 fewer than 18 once in 500.
    assert np.sum(p <= 0.05) <= 15
    assert 18 <= np.sum(p <= 0.2) <= 46
    assert kstest(p, "uniform").pvalue > 0.005
    # Single classes: counts are whole numbers, so p-values may be larger than uniform, but not smaller.
    by_class = np.concatenate([profile.p[np.isfinite(profile.z)] for profile in profiles])
    assert np.mean(by_class <= 0.05) <= 0.07
    assert np.mean(by_class <= 0.01) <= 0.02
    assert np.mean(by_class <= 0.2) > 0.08


def test_class_p_is_the_share_of_null_graphs_and_beyond_them_a_tail():
    rng = np.random.default_rng(280)
    sampled = rng.normal(100, 10, (999, 3))
    p = class_p(np.array([100.0, 115.0, 160.0]), sampled)
    assert p[0] > 0.9
    assert p[1] == pytest.approx(2 * 0.0668, rel=0.25)
    assert 1e-6 <= p[2] < 1e-4
    # A skewed count is not held for as rare as a normal one.
    skewed = rng.gamma(0.5, 1.0, (999, 1))
    far = skewed.mean() + 6 * skewed.std()
    assert class_p(np.array([far]), skewed)[0] > 1e-5
    # No null graph differs, nor does the graph.
    assert class_p(np.array([4.0]), np.full((50, 1), 4.0))[0] == 1


def test_probabilities_are_profiled_through_drawn_graphs():
    rng = np.random.default_rng(29)
    p = random_probabilities(rng, 14) * 0.5
    profile = significance_profile(p, "dyad", n_null=10, seed=4)
    spread = np.sqrt(triad_census(p)[IS_MOTIF] + 1)
    assert np.all(np.abs(profile.counts - triad_census(p)[IS_MOTIF]) < 2 * spread)
    assert np.nansum(profile.sp**2) == pytest.approx(1)
    drawn = np.mean([graph.toarray() for graph in draw_graphs(p, 3000, rng)], axis=0)
    assert np.abs(drawn - p).max() < 0.05


def test_dependent_p_values_are_joined_by_twice_their_median():
    assert combined_p([0.01, 0.02, 0.5]) == pytest.approx(0.04)
    assert combined_p([0.7, 0.9]) == 1
    assert combined_p([0.03]) == 0.03
    assert least_p(1, 19) == 0.05 and least_p(20, 19) == 0.1


# The bootstrap


def test_bootstrap_over_neurons_does_not_inflate_reciprocal_chains():
    rng = np.random.default_rng(30)
    graph = random_graph(rng, 80, 0.1)
    weights = rng.multinomial(80, np.full(80, 1 / 80), size=150).astype(float)
    scale = 80**2 / (79 * 78)  # the expected weight of a triple of distinct neurons is (n-1)(n-2)/n^2
    resampled = np.mean([triad_census(graph, weights=w) for w in weights], axis=0) * scale
    counted = triad_census(graph)
    position = TRIADS.index("201")
    assert resampled[position] == pytest.approx(counted[position], rel=0.25)
    # Two copies of a neuron and its mutual partner, in contrast, are a reciprocal chain out of nothing.
    copies = [rng.integers(80, size=80) for _ in range(150)]
    copied = np.mean([triad_census(graph[np.ix_(c, c)])[position] for c in copies])
    assert copied > 1.5 * counted[position]


def test_bootstrapped_enrichment_surrounds_the_graphs_own():
    rng = np.random.default_rng(31)
    graph = random_graph(rng, 60, 0.15)
    own = enrichment_bootstrap(graph, 1, rng, weights=np.ones((1, 60)))[0]
    counts, expected = triad_census(graph)[IS_MOTIF], dyad_null_mean(dyad_statistics(graph))[IS_MOTIF]
    np.testing.assert_allclose(own, np.log((counts + 0.5) / (expected + 0.5)), atol=1e-9)
    resampled = enrichment_bootstrap(graph, 200, rng)
    assert resampled.shape == (200, 13)
    likely = expected > 20
    low, high = np.quantile(resampled, [0.005, 0.995], axis=0)
    assert np.all((low < own) & (own < high) | ~likely)


def test_bootstrap_variance_is_that_of_fresh_graphs():
    rng = np.random.default_rng(32)
    position = POSITION["021C"]
    fresh = []
    for _ in range(60):
        fast = rng.gamma(2.0, 0.5, 50)  # neurons differ, so that resampling them matters
        p = np.clip(0.1 * fast[:, None] * fast, 0, 1)
        fresh.append((p, enrichment_bootstrap(p, 1, rng, weights=np.ones((1, 50)))[0, position]))
    truth = np.var([value for _, value in fresh])
    estimated = np.mean([enrichment_bootstrap(p, 60, rng)[:, position].var(ddof=1) for p, _ in fresh[:20]])
    assert 0.4 < estimated / truth < 2.5


def test_a_region_profile_has_a_row_for_every_null_and_triad():
    rng = np.random.default_rng(33)
    p = random_probabilities(rng, 24) * 0.4
    brains = np.array(["a", "b", "c", "d"]).repeat(6)
    made = region_profile(p, rng.random((24, 3)), n_draws=3, n_null=8, n_bootstrap=30, rng=rng, brains=brains)
    table = made.table
    assert len(table) == 13 * len(NULLS) and list(made.verdicts["null"]) == list(NULLS)
    assert set(table["triad"]) == set(MOTIFS)
    np.testing.assert_allclose(table["expected_count"][:13], triad_census(p)[IS_MOTIF])
    assert (table["enrichment_low"] <= table["enrichment_high"]).all()
    assert (table["enrichment_jackknife_se"] > 0).all()
    assert table["p"].between(0, 1).all()
    two = region_profile(
        p, rng.random((24, 3)), n_draws=1, n_null=5, n_bootstrap=5, rng=rng, brains=brains[:2]
    )
    assert two.table["enrichment_jackknife_se"].isna().all()
    corrected = correct_profiles(pd.concat([table.assign(region=r) for r in "AB"]))
    assert (corrected["p_corrected"] >= corrected["p"] - 1e-12).all()
    assert not (corrected["exceeds"] & corrected["falls_short"]).any()
    sure = corrected["p_corrected"] < 0.05
    np.testing.assert_array_equal(corrected["exceeds"] | corrected["falls_short"], sure)
    verdicts = correct_verdicts(pd.concat([made.verdicts.assign(region=r) for r in "AB"]))
    assert (verdicts["differs"] == (verdicts["p_corrected"] < 0.05)).all()
    assert set(verdicts["verdict"]) == {"cannot be told with n_null = 8"}


def test_the_jackknife_over_brains_is_that_of_a_mean_and_needs_all_brains_known():
    values = np.random.default_rng(331).normal(size=(9, 13))

    def mean(weights):
        return weights @ values / weights.sum(1, keepdims=True)

    brains = np.array(list("abcdefghi"))
    # For a mean the jackknife gives the usual standard error.
    expected = values.std(0, ddof=1) / 3
    np.testing.assert_allclose(profiles_module._jackknife_error(mean, brains), expected)
    for unknown in ("", None):
        some = brains.astype(object)
        some[4] = unknown
        assert np.isnan(profiles_module._jackknife_error(mean, some)).all()


def test_a_graph_is_not_drawn_again_and_needs_no_positions():
    graph = random_graph(np.random.default_rng(330), 20, 0.2)
    made = region_profile(graph, None, n_draws=7, n_null=20, n_bootstrap=5, rng=np.random.default_rng(0))
    assert list(made.verdicts["null"]) == ["dyad", "degree"] and set(made.verdicts["n_draws"]) == {1}
    assert set(made.verdicts["p_least"]) == {1 / 21}
    np.testing.assert_array_equal(made.table["z"], made.table["z_low"])


def test_without_sampled_nulls_the_dyad_null_is_there_in_closed_form():
    rng = np.random.default_rng(331)
    p = random_probabilities(rng, 20) * 0.4
    made = region_profile(p, None, n_draws=3, n_null=9, n_bootstrap=9, rng=rng, nulls=[])
    table = correct_profiles(made.table.assign(region="R"))
    assert len(table) == 13 and set(table["null"]) == {"dyad"}
    np.testing.assert_allclose(table["null_mean"], dyad_null_mean(dyad_statistics(p))[IS_MOTIF])
    assert table[["null_sd", "z", "z_low", "z_high", "sp", "p", "p_corrected"]].isna().all(axis=None)
    assert table[["enrichment", "enrichment_low", "enrichment_variance"]].notna().all(axis=None)
    assert not table[["exceeds", "falls_short"]].any(axis=None)
    verdicts = correct_verdicts(made.verdicts.assign(region="R"), table)
    assert list(verdicts["verdict"]) == ["not tested"] and not verdicts["differs"].any()
    assert verdicts["summary"][0] == "R: geometry and degree were not tested."
    np.testing.assert_allclose(made.participation, participation(p))


def test_nulls_that_are_left_out_are_not_sampled():
    rng = np.random.default_rng(332)
    graph = random_graph(rng, 20, 0.2)
    made = region_profile(graph, None, n_draws=1, n_null=9, n_bootstrap=5, rng=rng, nulls=["degree"])
    assert list(made.verdicts["null"]) == ["dyad", "degree"] and list(made.verdicts["n_null"]) == [0, 9]
    degree = made.table[made.table["null"] == "degree"]
    expected = enrichment(degree["null_mean"], degree["dyad_null_mean"])
    np.testing.assert_allclose(degree["null_enrichment"], expected)


def test_the_linear_bootstrap_follows_the_exact_one():
    rng = np.random.default_rng(333)
    n = 250
    x, (sending, taking) = rng.random((n, 3)), np.exp(0.4 * rng.normal(size=(2, n)))
    distance = np.linalg.norm(x[:, None] - x, axis=2)
    p = np.clip(0.4 * sending[:, None] * taking * np.exp(-distance / 0.15), 0, 0.9)
    p[p < 0.02] = 0
    np.fill_diagonal(p, 0)
    p = sp.csr_array(p)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=300)
    exact, shares = enrichment_bootstrap(p, 0, None, weights=weights), participation(p)
    linear = linear_enrichment(p, shares, weights)
    likely = shares.sum(0)[IS_MOTIF] > 5
    assert likely.sum() > 6
    ratio = (linear.std(0) / exact.std(0))[likely]
    assert ratio.min() > 0.75 and ratio.max() < 1.15
    for column in np.flatnonzero(likely):
        assert np.corrcoef(linear[:, column], exact[:, column])[0, 1] > 0.75
    whole = linear_enrichment(p, shares, np.ones((1, n)))
    np.testing.assert_allclose(whole, enrichment_bootstrap(p, 0, None, weights=np.ones((1, n))), atol=1e-9)


def test_a_large_region_takes_the_linear_bootstrap(monkeypatch):
    rng = np.random.default_rng(334)
    p = random_probabilities(rng, 40) * 0.3
    sizes = dict(n_draws=1, n_null=5, n_bootstrap=50, nulls=[])
    exact = region_profile(p, None, rng=np.random.default_rng(1), **sizes).table
    monkeypatch.setattr(profiles_module, "MOST_EXACT", 39)
    linear = region_profile(p, None, rng=np.random.default_rng(1), **sizes).table
    np.testing.assert_array_equal(linear["enrichment"], exact["enrichment"])
    assert (linear["enrichment_variance"] != exact["enrichment_variance"]).all()


def test_tails_and_corrections_are_those_of_scipy():
    z, skewness = np.meshgrid(np.linspace(-4, 8, 25), [-2.5, -0.3, -1e-7, 0.0, 0.01, 0.8, 3.0])
    np.testing.assert_allclose(pearson3_tail(z, skewness), pearson3.sf(z, skewness), rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(normal_tail(z), norm.sf(z))
    p = np.random.default_rng(335).random(40) ** 3
    np.testing.assert_allclose(benjamini_hochberg(p), false_discovery_control(p))
    some = benjamini_hochberg([0.01, np.nan, 0.04])
    np.testing.assert_allclose(some, [0.02, np.nan, 0.04])


# Verdicts


def verdict_rows(region="R", small=False, n_null=200, p_least=0.01, **p):
    return pd.DataFrame(
        [
            dict(region=region, null=null, p_profile=value, p_least=p_least, n_null=n_null, small=small)
            for null, value in p.items()
        ]
    ).replace({"null": {"distance_mutual": "distance-mutual"}})


def test_a_verdict_says_whether_there_is_more_than_geometry_and_more_than_degree():
    rows = verdict_rows(dyad=0.01, degree=0.6, distance=0.01, distance_mutual=0.02)
    table = correct_verdicts(rows).set_index("null")
    assert list(table["verdict"]) == ["differs", "no difference found", "differs", "differs"]
    assert set(table["more_than_geometry"]) == {"yes"} and set(table["more_than_degree"]) == {"no"}
    assert set(table["summary"]) == {"R: more than geometry; nothing beyond degree was found."}


def test_what_differs_from_distance_alone_is_geometry_and_reciprocity():
    rows = verdict_rows(dyad=0.01, degree=0.01, distance=0.01, distance_mutual=0.5)
    table = correct_verdicts(rows)
    assert set(table["more_than_geometry"]) == {"no"}
    assert "nothing beyond geometry and reciprocity" in table["summary"][0]


def test_too_few_null_graphs_or_neurons_leave_a_verdict_open():
    few = correct_verdicts(verdict_rows(n_null=20, p_least=2 / 21, degree=0.7, distance=2 / 21))
    assert set(few["verdict"]) == {"cannot be told with n_null = 20"}
    assert set(few["more_than_degree"]) == {"undetermined"}
    # At the smallest p that there is, and yet not under .05 once corrected over regions.
    others = [verdict_rows(region=r, degree=0.9) for r in "BCDEFG"]
    limit = correct_verdicts(pd.concat([verdict_rows(region="A", degree=0.01), *others]))
    assert limit["verdict"][0] == "cannot be told with n_null = 200"
    assert set(limit["verdict"][1:]) == {"no difference found"}
    # A small region was tested, so it is corrected for.
    beside = pd.concat(
        [verdict_rows(region="A", degree=0.04), verdict_rows(region="B", small=True, degree=1.0)]
    )
    assert list(correct_verdicts(beside)["p_corrected"]) == [0.08, 1.0]
    small = correct_verdicts(verdict_rows(small=True, degree=0.01, distance=0.9))
    assert set(small["verdict"]) == {"undetermined: too few neurons"}
    assert set(small["more_than_degree"]) == {"undetermined"} and "too few neurons" in small["summary"][0]


def test_a_verdict_names_the_classes_and_says_what_was_not_tested():
    p = {"021D": 1e-5, "300": 1e-5}
    profiles = pd.DataFrame(
        [
            dict(region="R", null="degree", triad=t, p=p.get(t, 0.5), z=-3.0 if t == "021D" else 3.0)
            for t in MOTIFS
        ]
    ).assign(expected_count=5.0, null_mean=4.0)
    table = correct_verdicts(verdict_rows(degree=0.01), correct_profiles(profiles))
    assert table["verdict"][0] == "differs: more 300, less 021D"
    assert table["more_than_geometry"][0] == "not tested" and "geometry was not tested" in table["summary"][0]


def class_rows(**p):
    rows = [dict(region="R", null="degree", triad=t, p=p.get(t, 0.5), z=3.0) for t in MOTIFS]
    return correct_profiles(pd.DataFrame(rows).assign(expected_count=5.0, null_mean=4.0))


def test_single_classes_that_differ_where_the_profile_does_not_leave_the_answer_open():
    rows = verdict_rows(n_null=40, degree=0.3, distance=0.5, distance_mutual=0.5)
    table = correct_verdicts(rows, class_rows(**{"021D": 1e-5})).set_index("null")
    words = "whole profile not told apart with n_null = 40; single classes: more 021D"
    assert table["verdict"]["degree"] == words
    assert table["verdict"]["distance"] == "no difference found"
    assert set(table["more_than_degree"]) == {"undetermined"} and set(table["more_than_geometry"]) == {"no"}
    assert not table["differs"].any()
    summary = table["summary"].iloc[0]
    assert summary.endswith(
        "; whether there is more than degree cannot be told (single classes: more 021D against degree)."
    )
    # Without such a class the answer is no, and it is still open at the smallest p that there is.
    assert set(correct_verdicts(rows, class_rows())["more_than_degree"]) == {"no"}
    few = verdict_rows(n_null=20, p_least=2 / 21, degree=2 / 21)
    found = correct_verdicts(few, class_rows(**{"300": 1e-5}))["verdict"][0]
    assert found == "whole profile not told apart with n_null = 20; single classes: more 300"
    small = verdict_rows(small=True, degree=0.3)
    assert correct_verdicts(small, class_rows(**{"300": 1e-5}))["verdict"][0].startswith("undetermined: too")


def test_the_census_does_not_depend_on_the_order_of_neurons():
    rng = np.random.default_rng(38)
    p = random_probabilities(rng, 5)
    expected = triad_census(p)
    for order in list(permutations(range(5)))[::17]:
        np.testing.assert_allclose(triad_census(p[np.ix_(order, order)]), expected, rtol=1e-10)
