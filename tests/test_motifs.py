"""Motifs: the census against other programs and against definitions, nulls, profiles and priors."""

from dataclasses import replace
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
from scipy.stats import kstest

from digimus import InputError
from digimus.motifs import (
    MOTIFS,
    NULLS,
    TRIADS,
    dyad_null_mean,
    dyad_statistics,
    enrichment_bootstrap,
    participation,
    read_priors,
    region_profile,
    sample_null_censuses,
    significance_profile,
    soft_triad_census,
    triad_census,
    write_priors,
)
from digimus.motifs import nulls as null_models
from digimus.motifs.priors import build_prior, prior_table, published_priors
from digimus.motifs.profiles import combined_p, correct_profiles, correct_verdicts, draw_graphs
from digimus.motifs.triads import IS_MOTIF, N_EDGES, N_LABELLINGS, N_MUTUAL, N_ONE_WAY

NAMES = ["003", "012", "102", "021D", "021U", "021C", "111D", "111U"]
NAMES += ["030T", "030C", "201", "120D", "120U", "120C", "210", "300"]
ALIKE = {"D": "U", "U": "D"}
TURNED = [NAMES.index(name[:-1] + ALIKE.get(name[-1], name[-1])) for name in NAMES]
POSITION = {name: k for k, name in enumerate(MOTIFS)}


def random_graph(rng, n, density):
    graph = (rng.random((n, n)) < density).astype(float)
    np.fill_diagonal(graph, 0)
    return graph


def random_probabilities(rng, n):
    matrix = rng.random((n, n)) ** 2
    np.fill_diagonal(matrix, 0)
    return matrix


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


def test_census_equals_networkx_and_igraph_on_random_graphs():
    rng = np.random.default_rng(2)
    for _ in range(60):
        graph = random_graph(rng, int(rng.integers(3, 30)), rng.random() ** 2)
        counted = triad_census(graph)
        np.testing.assert_array_equal(counted, by_networkx(graph))
        np.testing.assert_array_equal(counted, by_igraph(graph))
        np.testing.assert_array_equal(triad_census(sp.csr_array(graph)), counted)


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
    p = torch.tensor(random_probabilities(np.random.default_rng(10), 5), requires_grad=True)
    assert torch.autograd.gradcheck(soft_triad_census, p)


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


def test_edge_switching_keeps_in_out_and_mutual_degree_and_moves_edges():
    rng = np.random.default_rng(15)
    for n, density in ((12, 0.2), (30, 0.1), (40, 0.4)):
        graph = random_graph(rng, n, density).astype(np.uint8)
        shuffled = graph.copy()
        one_way, mutual = null_models._edge_lists(shuffled)
        assert len(one_way) + 2 * len(mutual) == graph.sum()
        null_models._switch(shuffled, one_way, mutual, 150 * len(one_way), rng)
        np.testing.assert_array_equal(degrees(shuffled), degrees(graph))
        assert set(np.unique(shuffled)) <= {0, 1} and np.trace(shuffled) == 0
        assert np.mean(shuffled != graph) > 0.05
        listed = np.zeros_like(graph)
        listed[tuple(one_way.T)] = 1
        listed[tuple(mutual.T)] = listed[tuple(mutual.T[::-1])] = 1
        np.testing.assert_array_equal(listed, shuffled)


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
    rng, drawn = np.random.default_rng(16), []
    for _ in range(1500):
        shuffled = graph.copy()
        null_models._switch(shuffled, *null_models._edge_lists(shuffled), 600, rng)
        drawn.append(shuffled)
    assert_uniform(drawn, allowed)


def out_degrees_by_bin(graph, bins):
    return np.stack([(graph * (bins == k)).sum(1) for k in range(bins.max() + 1)])


def test_distance_bins_hold_equally_many_pairs_and_leave_out_the_diagonal():
    positions = np.random.default_rng(17).random((20, 3))
    bins = null_models._distance_bins(positions, 10)
    assert np.all(np.diag(bins) == -1)
    np.testing.assert_array_equal(bins, bins.T)
    assert np.all(np.abs(np.bincount(bins[bins >= 0]) - 38) <= 2)
    distance = np.linalg.norm(positions[:, None] - positions, axis=-1)
    assert distance[bins == 3].max() <= distance[bins == 4].min()


def test_distance_null_keeps_the_number_of_targets_in_every_bin():
    rng = np.random.default_rng(18)
    graph = random_graph(rng, 40, 0.2).astype(np.uint8)
    bins = null_models._distance_bins(rng.random((40, 3)), 10)
    drawn = null_models._redraw_targets(graph, bins, 10, rng)
    np.testing.assert_array_equal(out_degrees_by_bin(drawn, bins), out_degrees_by_bin(graph, bins))
    assert np.trace(drawn) == 0 and np.mean(drawn != graph) > 0.1


def test_distance_mutual_null_also_keeps_the_number_of_mutual_pairs():
    rng = np.random.default_rng(19)
    graph = random_graph(rng, 40, 0.2).astype(np.uint8)
    bins = null_models._distance_bins(rng.random((40, 3)), 10)
    drawn = null_models._move_targets(graph, bins, 40_000, rng)
    np.testing.assert_array_equal(out_degrees_by_bin(drawn, bins), out_degrees_by_bin(graph, bins))
    assert (drawn * drawn.T).sum() == (graph * graph.T).sum()
    assert np.trace(drawn) == 0 and np.mean(drawn != graph) > 0.1
    counted = sample_null_censuses(graph, "distance-mutual", 5, rng, rng.random((40, 3)))
    np.testing.assert_allclose(counted @ N_MUTUAL, (graph * graph.T).sum() / 2 * 38)


def test_distance_mutual_chain_draws_every_allowed_graph_equally_often():
    graph = np.zeros((4, 4), np.uint8)
    for pre, post in ((0, 1), (1, 0), (2, 3), (3, 1)):
        graph[pre, post] = 1
    bins = np.where(np.eye(4, dtype=bool), -1, 0)
    graphs = all_graphs(4)
    mutual = (graphs & graphs.transpose(0, 2, 1)).sum((1, 2))
    allowed = graphs[(graphs.sum(2) == graph.sum(1)).all(1) & (mutual == 2)]
    rng = np.random.default_rng(20)
    drawn = [null_models._move_targets(graph, bins, 500, rng) for _ in range(3000)]
    assert_uniform(drawn, allowed)


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
        (dict(null="degree", n_null=1), "two null graphs"),
        (dict(null="dyad", n_null=0), "two null graphs"),
    ],
)
def test_bad_requests_of_a_profile_are_refused(change, expected):
    graph = random_graph(np.random.default_rng(22), 8, 0.3)
    with pytest.raises(InputError, match=expected):
        significance_profile(graph, **change)


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


@pytest.mark.parametrize("null", NULLS)
def test_random_graphs_are_found_significant_no_more_often_than_announced(null):
    rng = np.random.default_rng(28)
    p = np.array(
        [
            significance_profile(
                random_graph(rng, 25, 0.12), null, n_null=60, positions_um=rng.random((25, 3)), seed=k
            ).p_profile
            for k in range(60)
        ]
    )
    # More than 12 of 60 at a rate of .1 happen once in 200; the dyad null, fitted to each graph, is cautious.
    assert np.sum(p <= 0.1) <= 12
    if null == "dyad":
        assert np.mean(p <= 0.1) <= 0.1
    else:
        assert kstest(p, "uniform").pvalue > 0.01


def test_probabilities_are_profiled_through_drawn_graphs():
    rng = np.random.default_rng(29)
    p = random_probabilities(rng, 14) * 0.5
    profile = significance_profile(p, "dyad", n_null=10, seed=4)
    spread = np.sqrt(triad_census(p)[IS_MOTIF] + 1)
    assert np.all(np.abs(profile.counts - triad_census(p)[IS_MOTIF]) < 2 * spread)
    assert np.nansum(profile.sp**2) == pytest.approx(1)
    drawn = np.mean(list(draw_graphs(p, 3000, rng)), axis=0)
    assert np.abs(drawn - p).max() < 0.05


def test_dependent_p_values_are_joined_by_twice_their_median():
    assert combined_p([0.01, 0.02, 0.5]) == pytest.approx(0.04)
    assert combined_p([0.7, 0.9]) == 1


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
    verdicts = correct_verdicts(pd.concat([made.verdicts.assign(region=r) for r in "AB"]))
    assert (verdicts["differs"] == (verdicts["p_corrected"] < 0.05)).all()


# Priors


def table_of(rng, region="R1", n=40, **changes):
    p = random_probabilities(rng, n) * 0.3
    profile = region_profile(p, rng.random((n, 3)), n_draws=1, n_null=5, n_bootstrap=20, rng=rng).table
    settings = dict(
        source="here",
        region=region,
        simulated=True,
        n_neurons=n,
        min_neurons=30,
        density=0.1,
        reciprocity=0.2,
    )
    return prior_table(profile[profile["null"] == "dyad"], **{**settings, **changes})


def test_priors_survive_being_written_and_read(tmp_path):
    rng = np.random.default_rng(34)
    table = pd.concat([table_of(rng, "R1"), table_of(rng, "NA", simulated=False)], ignore_index=True)
    write_priors(tmp_path / "priors.csv", table)
    priors = read_priors(tmp_path / "priors.csv")
    assert list(priors) == ["R1", "NA"]
    first = priors["R1"]
    own = table[table["region"] == "R1"]
    for name in ("enrichment", "weight", "frequency"):
        np.testing.assert_array_equal(getattr(first, name), own[name])
    assert first.frequency.sum() == pytest.approx(1)
    assert (first.reciprocity, first.density, first.n_neurons) == (0.2, 0.1, 40)
    assert first.simulated and not priors["NA"].simulated
    shuffled = table.sample(frac=1, random_state=1)
    write_priors(tmp_path / "shuffled.csv", shuffled)
    np.testing.assert_array_equal(read_priors(tmp_path / "shuffled.csv")["R1"].weight, first.weight)


def test_classes_that_are_too_rare_to_be_seen_have_no_weight():
    rng = np.random.default_rng(35)
    p = random_probabilities(rng, 40) * 0.02
    profile = region_profile(p, rng.random((40, 3)), n_draws=1, n_null=5, n_bootstrap=20, rng=rng).table
    profile = profile[profile["null"] == "dyad"]
    table = prior_table(
        profile,
        source="s",
        region="r",
        simulated=True,
        n_neurons=40,
        min_neurons=1,
        density=0.1,
        reciprocity=0.1,
    )
    rare = np.maximum(profile["expected_count"], profile["dyad_null_mean"]).to_numpy() < 1
    assert rare.any() and not rare.all()
    assert np.all(table["weight"][rare] == 0) and np.all(table["weight"][~rare] > 0)


@pytest.fixture
def priors(tmp_path):
    rng = np.random.default_rng(36)
    table = pd.concat([table_of(rng, "large"), table_of(rng, "small", n_neurons=12)], ignore_index=True)
    write_priors(tmp_path / "priors.csv", table)
    return read_priors(tmp_path / "priors.csv")


def test_a_region_of_too_few_neurons_is_refused(priors):
    with pytest.raises(InputError, match="too few neurons") as raised:
        build_prior("mine", "region", priors, "small")
    assert "12 neurons" in str(raised.value) and "30" in str(raised.value)


def test_a_region_that_is_not_there_is_refused(priors):
    with pytest.raises(InputError, match="large"):
        build_prior("mine", "region", priors, "larg")


def test_controls_keep_only_what_they_claim(priors):
    region = build_prior("mine", "region", priors, "large")
    assert (region.name, region.kind, region.region) == ("mine", "region", "large")
    reciprocity = build_prior("control", "reciprocity", priors, "large")
    assert reciprocity.kind == "reciprocity" and reciprocity.reciprocity == region.reciprocity
    assert not reciprocity.weight.any() and np.isnan(reciprocity.frequency).all()
    random = build_prior("control", "erdos-renyi", priors, "large")
    assert not random.enrichment.any() and random.reciprocity == random.density
    rng = np.random.default_rng(37)
    sampled = [triad_census(random_graph(rng, 40, region.density))[IS_MOTIF] for _ in range(300)]
    mean = np.mean(sampled, axis=0)
    np.testing.assert_allclose(random.frequency, mean / mean.sum(), atol=0.005)
    assert random.frequency.sum() == pytest.approx(1)


def published_class_names():
    """The names of M01..M13 that science settled on by counting random graphs."""
    return "021D 021U 021C 030T 111U 111D 120U 120D 201 030C 120C 210 300".split()


def synthetic_table(path):
    columns = {f"M{k:02d}_motif_count": [1000 + k, k] for k in range(1, 14)}
    pd.DataFrame({"region": ["CP", "NA"], "node": [300, 70], "sparsity": [0.01, 0.02], **columns}).to_csv(
        path, index=False
    )


def test_the_published_table_is_mapped_class_by_class(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    table = published_priors(tmp_path / "table.csv", source="paper")
    write_priors(tmp_path / "priors.csv", table)
    prior = read_priors(tmp_path / "priors.csv")["CP"]
    counts = {name: 1001 + k for k, name in enumerate(published_class_names())}
    for name in MOTIFS:
        assert prior.frequency[POSITION[name]] == pytest.approx(counts[name] / sum(counts.values()))
    assert np.isnan(prior.reciprocity) and np.isnan(prior.enrichment).all() and not prior.weight.any()
    assert (prior.density, prior.n_neurons, prior.kind) == (0.01, 300, "table")


def test_postsynaptic_rows_exchange_down_and_up(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    one = published_priors(tmp_path / "table.csv", source="paper")
    other = published_priors(tmp_path / "table.csv", source="paper", rows="postsynaptic")
    motifs_turned = [TURNED[k] - 3 for k in range(3, 16)]
    for region in ("CP", "NA"):
        values = one[one["region"] == region]["expected_count"].to_numpy()
        turned = other[other["region"] == region]["expected_count"].to_numpy()
        np.testing.assert_array_equal(turned, values[motifs_turned])


def test_controls_of_a_published_table_say_that_they_are_controls(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    write_priors(tmp_path / "priors.csv", published_priors(tmp_path / "table.csv", source="paper"))
    published = read_priors(tmp_path / "priors.csv")
    assert build_prior("p", "region", published, "CP").kind == "table"
    control = build_prior("p", "erdos-renyi", published, "CP")
    assert control.kind == "erdos-renyi"
    assert np.abs(control.frequency - published["CP"].frequency).max() > 0.01
    assert np.isnan(build_prior("p", "reciprocity", published, "CP").frequency).all()


def test_a_published_table_without_a_class_is_refused(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    pd.read_csv(tmp_path / "table.csv").drop(columns="M07_motif_count").to_csv(tmp_path / "short.csv")
    with pytest.raises(InputError, match="M07_motif_count"):
        published_priors(tmp_path / "short.csv", source="paper")


@pytest.mark.real_data
def test_the_real_published_table_is_read_whole(real_data):
    path = next((real_data / "motif_priors").glob("*motif_counts*.csv"))
    raw = pd.read_csv(path, dtype={"region": str}, keep_default_na=False).set_index("region")
    table = published_priors(path, source="paper")
    assert table["region"].nunique() == 50 and len(table) == 50 * 13
    shares = table.groupby("region")["frequency"].sum()
    np.testing.assert_allclose(shares, 1)
    vis = table[table["region"] == "VISp"].set_index("triad")["expected_count"]
    for number, name in enumerate(published_class_names(), start=1):
        assert vis[name] == raw.loc["VISp", f"M{number:02d}_motif_count"]


def test_a_prior_can_be_changed_only_by_making_another(priors):
    with pytest.raises(AttributeError):
        priors["large"].density = 0.5
    assert replace(priors["large"], density=0.5).density == 0.5


def test_the_census_does_not_depend_on_the_order_of_neurons():
    rng = np.random.default_rng(38)
    p = random_probabilities(rng, 5)
    expected = triad_census(p)
    for order in list(permutations(range(5)))[::17]:
        np.testing.assert_allclose(triad_census(p[np.ix_(order, order)]), expected, rtol=1e-10)
