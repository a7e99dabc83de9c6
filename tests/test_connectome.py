"""Potential connectivity against closed forms, brute force and chance; graphs on disk."""

import itertools
from dataclasses import replace

import igraph
import networkx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, sparse
from scipy.spatial import cKDTree

from digimus.connectome import (
    calibrate_filling,
    coarsen,
    neurons_of_region,
    overlap,
    potential_connectivity,
    potential_synapses,
    read_graph,
    region_graph,
    summary,
    view_of_region,
    write_graph,
    write_graphml,
)
from digimus.errors import InputError
from digimus.morphology import (
    Arbors,
    Neuron,
    read_folder,
    stack_arbors,
    stack_points,
    voxelise_all,
    write_arbors,
    write_points,
)
from digimus.morphology.voxels import VoxelLengths

SHAPE = (528, 320, 456)
V_UM3 = 25.0**3


def by_cells(neurons, somas=None):
    """Arbors from (axon, dendrite) pairs of {(i, j, k): µm}."""

    def part(lengths):
        flat = [np.ravel_multi_index(cell, SHAPE) for cell in lengths]
        order = np.argsort(flat)
        return np.array(flat, int)[order], np.array(list(lengths.values()), float)[order]

    lengths = [VoxelLengths(*part(axon), *part(dendrite), 0.0, 0.0) for axon, dendrite in neurons]
    somas = np.full((len(neurons), 3), 5000.0) if somas is None else somas
    return stack_arbors([f"n{k}" for k in range(len(neurons))], somas, lengths, 25)


def block(low, high, um):
    """The same length in every voxel of a box."""
    spans = (range(*span) for span in zip(low, high, strict=True))
    return dict.fromkeys(itertools.product(*spans), um)


def random_arbors(seed, n=8, shift=(0, 0, 0), spread=8):
    """Neurons of random voxels in a small box."""
    generator = np.random.default_rng(seed)

    def cloud(k):
        cells = np.unique(generator.integers(0, spread, size=(k, 3)), axis=0) + 100 + np.array(shift)
        return dict(zip(map(tuple, cells.tolist()), generator.uniform(1, 40, len(cells)), strict=True))

    neurons = [(cloud(60), cloud(20)) for _ in range(n)]
    return by_cells(neurons, 2500 + 25.0 * np.array(shift) + generator.uniform(0, 200, size=(n, 3)))


def dense(matrix, row, low=80, size=48):
    """One row of the arbors as a dense box."""
    return matrix[[row]].toarray().reshape(SHAPE)[tuple([slice(low, low + size)] * 3)]


# Values


def test_parallel_densities_give_the_closed_form():
    """Without blur, k shared voxels of a µm axon and b µm dendrite hold (π/2) s k a b / V synapses."""
    axon, dendrite = (
        block((100, 100, 100), (104, 105, 106), 30.0),
        block((102, 100, 100), (110, 105, 106), 7.0),
    )
    arbors = by_cells([(axon, {}), ({}, dendrite), ({}, {(300, 100, 100): 9.0})])
    synapses, has_field = potential_synapses(
        arbors, blur_um=0, reach_um=2, field_length_um=1, field_radius_um=1
    )
    expected = np.pi / 2 * 2 * (2 * 5 * 6) * 30.0 * 7.0 / V_UM3
    assert synapses[0, 1] == pytest.approx(expected, rel=1e-6)
    assert synapses[0, 2] == 0 and list(has_field) == [True, False, False]
    probability = potential_connectivity(
        arbors, blur_um=0, filling_fraction=0.3, field_length_um=1, field_radius_um=1
    )
    assert probability[0, 1] == pytest.approx(1 - np.exp(-0.3 * expected), rel=1e-6)


@pytest.mark.parametrize("blur_um", [0, 25, 60])
def test_a_uniform_axon_meets_every_dendrite_in_proportion_to_its_length(blur_um):
    """In a uniform axon of density ρ, n = (π/2) s ρ L whatever the blur: it conserves length."""
    axon = block((80, 80, 80), (130, 130, 130), 20.0)
    dendrites = [{(105, 105, 105): 100.0, (107, 104, 106): 50.0}, {(103, 103, 103): 1000.0}, {}]
    arbors = by_cells(
        [(axon, {(105, 105, 105): 60.0}), *[({}, d) for d in dendrites]], np.full((4, 3), 2630.0)
    )
    synapses, has_field = potential_synapses(arbors, blur_um=blur_um, reach_um=3)
    mean_field = (60 + 150 + 1000) / 3
    expected = np.pi / 2 * 3 * 20.0 / V_UM3 * np.array([0, 150.0, 1000.0, mean_field])
    np.testing.assert_allclose(synapses.toarray()[0], expected, rtol=1e-6)
    assert list(has_field) == [False, False, False, True]


def test_crossings_of_random_straight_neurites_are_counted():
    """Random isotropic segments approach each other within s as often as the formula says."""
    generator = np.random.default_rng(3)
    n, length, box, reach = 1400, 60.0, 300.0, 3.0

    def segments():
        direction = generator.normal(size=(n, 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        return generator.uniform(0, box, size=(n, 3)) + 5000 - direction * length / 2, direction

    (a, u), (b, w) = segments(), segments()
    close = 0
    for start, along in zip(a, u, strict=True):
        normal = np.cross(along, w)
        squared = (normal**2).sum(axis=1)
        gap = b - start
        t = (np.cross(gap, w) * normal).sum(axis=1) / squared
        v = (np.cross(gap, along) * normal).sum(axis=1) / squared
        apart = np.abs((gap * normal).sum(axis=1)) / np.sqrt(squared)
        close += ((t > 0) & (t < length) & (v > 0) & (v < length) & (apart < reach)).sum()

    def neuron(name, start, along, kind):
        ends = np.stack([start, start + along * length], axis=1).reshape(-1, 3)
        xyz = np.vstack([np.full((1, 3), 5150.0), ends])
        parent = np.r_[-1, np.where(np.arange(2 * n) % 2, np.arange(2 * n), -1)]
        kinds = np.r_[1, np.full(2 * n, kind)]
        return Neuron(name, xyz, np.ones(len(xyz)), kinds, parent, xyz[0], None)

    arbors = voxelise_all([neuron("axon", a, u, 2), neuron("dendrite", b, w, 3)])
    expected = potential_synapses(arbors, blur_um=0, reach_um=reach, field_length_um=1, field_radius_um=1)[0][
        0, 1
    ]
    assert 0.9 < close / expected < 1.1
    assert expected > 700


def closest(a, b):
    """The smallest distance of segment pairs from their ends; arrays (k, 2, 3)."""
    u, v, w = a[:, 1] - a[:, 0], b[:, 1] - b[:, 0], a[:, 0] - b[:, 0]
    uu, uv, vv = ((x * y).sum(1) for x, y in ((u, u), (u, v), (v, v)))
    uw, vw = (u * w).sum(1), (v * w).sum(1)
    s = np.clip((uv * vw - vv * uw) / (uu * vv - uv * uv), 0, 1)
    t = np.clip((uv * s + vw) / vv, 0, 1)
    s = np.clip((uv * t - uw) / uu, 0, 1)
    return np.linalg.norm(w + s[:, None] * u - t[:, None] * v, axis=1)


@pytest.mark.parametrize("length", [40.0, 130.0])
def test_the_ends_of_straight_segments_are_what_the_formula_leaves_out(length):
    """Isotropic segments of lengths a, b come within s in a volume (π/2) s a b + π s² (a + b) + 4π s³/3.

    Peters' rule is the first term. Segments of 130 µm at s = 2 µm give a ratio of 1.06; for neurites, whose
    pieces join, the other terms are there at true ends alone.
    """
    generator = np.random.default_rng(4)
    n, s, box = 1_000_000, 2.0, length + 10.0
    direction = generator.normal(size=(2, n, 3))
    half = 0.5 * length * direction / np.linalg.norm(direction, axis=2, keepdims=True)
    middle = generator.uniform(-box, box, size=(n, 3))
    a = np.stack([middle - half[0], middle + half[0]], axis=1)
    b = np.stack([-half[1], half[1]], axis=1)
    hits = (closest(a, b) < s).sum() * (2 * box) ** 3 / n
    peters = np.pi / 2 * s * length**2
    whole = peters + 2 * np.pi * s**2 * length + 4 / 3 * np.pi * s**3
    error = np.sqrt(whole * (2 * box) ** 3 / n)
    assert abs(hits - whole) < 4 * error and hits - peters > 2 * error
    assert whole / peters == pytest.approx({40.0: 1.21, 130.0: 1.06}[length], abs=0.01)


def fine_points(neuron, kinds, step=0.5):
    """Middles and lengths of the equal pieces, of at most a step, that a neurite is cut into."""
    nodes = np.flatnonzero(np.isin(neuron.kind, kinds) & (neuron.parent >= 0))
    start, along = (
        neuron.xyz_um[neuron.parent[nodes]],
        neuron.xyz_um[nodes] - neuron.xyz_um[neuron.parent[nodes]],
    )
    length = np.linalg.norm(along, axis=1)
    pieces = np.maximum(np.ceil(length / step).astype(int), 1)
    segment = np.repeat(np.arange(len(nodes)), pieces)
    place = (np.arange(pieces.sum()) - np.repeat(np.cumsum(pieces) - pieces, pieces) + 0.5) / pieces[segment]
    return start[segment] + along[segment] * place[:, None], (length / pieces)[segment]


@pytest.mark.real_data
def test_real_axons_come_close_to_real_dendrites_as_often_as_expected(real_data):
    """Counted on the points of a few hundred pairs, against Peters' rule on the voxels, without blur.

    The axon within s of a dendrite has an expected length of π s² Σ La Ld / V, and comes close
    (π/2) s Σ La Ld / V times.
    """
    place = real_data / "morphology" / "seu_allen"
    options = {"index": place / "index.csv", "region_column": "published_soma_region", "regions": ["CP"]}
    reading = read_folder(place / "swc", "*.swc.xz", **options, brain_pattern=r"^(\d+)_", voxel_um=25)
    s, arbors = 2.0, reading.arbors
    expected = potential_synapses(arbors, blur_um=0, reach_um=s)[0].tocoo()
    pairs = [
        (i, j, n)
        for i, j, n in zip(*expected.coords, expected.data, strict=True)
        if n > 1e-3 and arbors.brains[i] != arbors.brains[j]
    ]
    axons = {i: fine_points(reading.morphologies[i], [2]) for i, _, _ in pairs}
    trees = {j: cKDTree(fine_points(reading.morphologies[j], [3, 4])[0]) for _, j, _ in pairs}
    length, approaches, rule = 0.0, 0, 0.0
    for i, j, n in pairs:
        xyz, um = axons[i]
        near = ((xyz > trees[j].mins - s) & (xyz < trees[j].maxes + s)).all(axis=1)
        close = np.zeros(len(xyz), bool)
        close[near] = trees[j].query(xyz[near], distance_upper_bound=1.01 * s)[0] <= s
        length += um[close].sum()
        approaches += (np.diff(close.astype(int)) == 1).sum()
        rule += n
    assert len(pairs) > 200
    assert 0.8 < length / (2 * s * rule) < 1.25
    assert 0.75 < approaches / rule < 1.2


def test_overlap_equals_brute_force():
    arbors = random_arbors(0)
    synapses = potential_synapses(arbors, blur_um=25, reach_um=2)[0].toarray()
    once = [
        ndimage.gaussian_filter(dense(arbors.dendrite, j), np.sqrt(2), mode="constant", truncate=3)
        for j in range(8)
    ]
    axons = [dense(arbors.axon, i) for i in range(8)]
    factor = np.pi / 2 * 2 / V_UM3
    brute = factor * np.array([[(axon * field).sum() for field in once] for axon in axons])
    np.fill_diagonal(brute, 0)
    np.testing.assert_allclose(synapses, brute, rtol=1e-5)
    both = [
        ndimage.gaussian_filter(dense(arbors.dendrite, j), 1.0, mode="constant", truncate=8) for j in range(8)
    ]
    axons = [ndimage.gaussian_filter(axon, 1.0, mode="constant", truncate=8) for axon in axons]
    brute = factor * np.array([[(axon * field).sum() for field in both] for axon in axons])
    np.fill_diagonal(brute, 0)
    np.testing.assert_allclose(synapses, brute, rtol=0.05)


# Invariances and bounds


def test_order_of_neurons_and_place_in_the_grid_do_not_matter():
    arbors = random_arbors(1)
    probability = potential_connectivity(arbors).toarray()
    order = np.random.default_rng(0).permutation(8)
    np.testing.assert_allclose(
        potential_connectivity(arbors.take(order)).toarray(), probability[order][:, order]
    )
    moved = potential_connectivity(random_arbors(1, shift=(60, -30, 11))).toarray()
    np.testing.assert_allclose(moved, probability, rtol=1e-9)


def test_mirrored_neurons_meet_as_often():
    arbors = random_arbors(8)

    def mirrored(matrix):
        ap, dv, ml = np.unravel_index(matrix.indices, SHAPE)
        flat = np.ravel_multi_index((ap, dv, SHAPE[2] - 1 - ml), SHAPE).astype(np.int32)
        return sparse.csr_array((matrix.data, flat, matrix.indptr), shape=matrix.shape)

    other = replace(arbors, axon=mirrored(arbors.axon), dendrite=mirrored(arbors.dendrite))
    np.testing.assert_allclose(
        potential_synapses(other)[0].toarray(), potential_synapses(arbors)[0].toarray(), rtol=1e-12
    )


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from([0.0, 15.0, 40.0]))
def test_axons_and_dendrites_add_up(seed, blur_um):
    """Synapses are linear in the axon and in the dendrite."""
    generator = np.random.default_rng(seed)

    def cloud():
        cells = np.unique(generator.integers(0, 9, size=(15, 3)), axis=0) + 50
        lengths = generator.integers(1, 50, len(cells)).tolist()
        return dict(zip(map(tuple, cells.tolist()), lengths, strict=True))

    a, b, d = cloud(), cloud(), cloud()
    both = {cell: a.get(cell, 0) + b.get(cell, 0) for cell in {**a, **b}}
    axons = potential_synapses(by_cells([(a, d), (b, d), (both, d), ({}, d)]), blur_um=blur_um)[0]
    np.testing.assert_allclose(axons[2, 3], axons[0, 3] + axons[1, 3], rtol=1e-9)
    dendrites = potential_synapses(
        by_cells([(d, a), (d, b), (d, both), (d, {(0, 0, 0): 1})]), blur_um=blur_um
    )[0]
    np.testing.assert_allclose(dendrites[3, 2], dendrites[3, 0] + dendrites[3, 1], rtol=1e-9)
    assert blur_um == 0 or axons[2, 3] > 0


def test_a_far_flung_dendrite_is_blurred_in_parts(monkeypatch):
    axon = block((90, 90, 90), (110, 110, 110), 5.0)
    far = {(10, 10, 10): 30.0, (100, 100, 100): 20.0, (103, 100, 101): 9.0, (500, 300, 450): 40.0}
    arbors = by_cells([(axon, {(95, 95, 95): 5.0}), (axon, far)])
    apart = potential_synapses(arbors)[0]
    monkeypatch.setattr(overlap, "_BLOCK", 1000)
    near = by_cells(
        [(axon, {(95, 95, 95): 5.0}), (axon, {k: um for k, um in far.items() if k[0] in (100, 103)})]
    )
    assert apart[0, 1] == pytest.approx(potential_synapses(near)[0][0, 1], rel=1e-12)
    monkeypatch.setattr(overlap, "_BLOCK", 3)
    cut = potential_synapses(random_arbors(9))[0].toarray()
    monkeypatch.setattr(overlap, "_BLOCK", 64)
    np.testing.assert_allclose(cut, potential_synapses(random_arbors(9))[0].toarray(), rtol=1e-12)


def test_coarser_voxels_are_those_of_neurons_voxelised_so():
    generator = np.random.default_rng(2)
    n = 400
    xyz = 4000 + np.cumsum(generator.normal(scale=15, size=(n, 3)), axis=0)
    kind = np.r_[1, np.resize([2, 3], n - 1)]
    neurons = [Neuron(name, xyz + 40 * k, np.ones(n), kind, np.arange(-1, n - 1), xyz[0], None)
               for k, name in enumerate("abc")]  # fmt: skip
    arbors = voxelise_all(neurons, 25)
    for factor in (2, 3, 7):
        joined, direct = coarsen(arbors, factor), voxelise_all(neurons, 25 * factor)
        assert joined.shape == direct.shape and joined.voxel_um == direct.voxel_um == 25 * factor
        for name in ("axon", "dendrite"):
            ours, theirs = getattr(joined, name), getattr(direct, name)
            assert ours.nnz == theirs.nnz and ours.dtype == np.float32
            np.testing.assert_array_equal(ours.indices, theirs.indices)
            np.testing.assert_allclose(ours.data, theirs.data, rtol=1e-5, atol=1e-4)
    assert coarsen(arbors, 1) is arbors
    for wrong in (0, 0.5, 1.5):
        with pytest.raises(InputError, match="whole numbers"):
            coarsen(arbors, wrong)


def test_values_are_probabilities_and_nobody_meets_itself():
    probability = potential_connectivity(random_arbors(2), filling_fraction=50.0)
    values = probability.toarray()
    assert values.min() >= 0 and values.max() <= 1 and values.max() > 0.99
    assert (np.diag(values) == 0).all() and probability.shape == (8, 8)


def test_at_the_edge_of_the_grid_nothing_wraps_around():
    corner, far = {(0, 0, 0): 100.0}, {(527, 319, 455): 100.0}
    synapses, _ = potential_synapses(by_cells([(corner, far), (far, corner)]), blur_um=25)
    assert synapses[0, 1] > 0 and synapses.nnz == 2


def test_neurons_without_axon_or_dendrite_are_flagged():
    whole = random_arbors(3, n=3)
    empty = by_cells([({}, {(100, 100, 100): 30.0}), ({(101, 101, 101): 30.0}, {})], whole.soma_um[:2])
    stacked = Arbors(
        ids=np.r_[whole.ids, ["no axon", "no dendrite"]].astype(object),
        regions=np.full(5, "CP", object),
        brains=np.full(5, "1", object),
        soma_um=np.vstack([whole.soma_um, empty.soma_um]),
        axon=sparse.vstack([whole.axon, empty.axon], format="csr"),
        dendrite=sparse.vstack([whole.dendrite, empty.dendrite], format="csr"),
        voxel_um=25.0,
        shape=SHAPE,
    )
    graph = region_graph(stacked)
    assert list(graph.flags) == ["", "", "", "no axon", "mean field"]
    assert graph.probability[[3]].nnz == 0 and graph.probability[:, [4]].nnz >= 3
    assert graph.region == "CP" and graph.small and len(graph) == 5


def test_axons_alone_need_a_field_to_be_given():
    arbors = by_cells([(block((100, 100, 100), (110, 110, 110), 20.0), {})] * 3, np.full((3, 3), 2625.0))
    with pytest.raises(InputError, match="mean field"):
        potential_connectivity(arbors)
    probability = potential_connectivity(arbors, field_length_um=3000, field_radius_um=80)
    expected = 1 - np.exp(-0.2 * np.pi / 2 * 2 * 20 / V_UM3 * 3000)
    assert probability[0, 1] == pytest.approx(expected, rel=0.05)


# Density


@pytest.mark.parametrize("within_um", [None, 100])
@pytest.mark.parametrize("target", [0.01, 0.3])
def test_the_filling_fraction_meets_the_target_density(within_um, target):
    arbors = random_arbors(4, n=20)
    probability = potential_connectivity(arbors, target_density=target, within_um=within_um).toarray()
    apart = np.linalg.norm(arbors.soma_um[:, None] - arbors.soma_um, axis=-1)
    pairs = ~np.eye(20, dtype=bool) & (apart <= (within_um or np.inf))
    assert 0 < pairs.sum() and (within_um is None or pairs.sum() < 380)
    assert probability[pairs].mean() == pytest.approx(target, rel=1e-8)
    graph = region_graph(arbors, target_density=target, within_um=within_um)
    assert graph.filling_fraction == pytest.approx(
        calibrate_filling(graph.synapses, arbors.soma_um, target, within_um=within_um)
    )


def test_settings_that_cannot_be_met_are_refused():
    arbors = random_arbors(5)
    for wrong in (
        {"target_density": 1.5},
        {"target_density": 0.2, "within_um": 0.001},
        {"filling_fraction": 0},
        {"filling_fraction": np.nan},
        {"blur_um": -1},
        {"reach_um": 0},
    ):
        with pytest.raises(InputError, match=next(iter(wrong))):
            potential_connectivity(arbors, **wrong)
    apart = by_cells([({(100, 100, 100): 9.0}, {(300, 100, 100): 9.0})] * 4)
    with pytest.raises(InputError, match="cannot be reached"):
        potential_connectivity(apart, target_density=0.1, within_um=None)
    assert potential_connectivity(apart).nnz == 0


# Graphs


def test_graphs_survive_writing(tmp_path):
    graph = region_graph(random_arbors(6), region="", source="test", min_neurons=8, simulated=True)
    write_graph(tmp_path / "graph.h5", graph, {"seed": 3})
    again = read_graph(tmp_path / "graph.h5")
    assert again.probability.shape == (8, 8)
    for name, value in graph.__dict__.items():
        other = getattr(again, name)
        if name in ("probability", "synapses"):
            assert (value != other).nnz == 0
        else:
            np.testing.assert_array_equal(value, other)
    assert again.simulated and not again.small
    values = graph.probability.toarray()
    assert again.density == pytest.approx(values.sum() / 56)
    assert again.reciprocity == pytest.approx((values * values.T).sum() / values.sum())


def test_files_and_regions_that_are_not_there(tmp_path):
    arbors = random_arbors(7)
    write_arbors(tmp_path / "arbors.h5", arbors)
    for name in ("arbors.h5", "none.h5"):
        with pytest.raises(InputError):
            read_graph(tmp_path / name)
    with pytest.raises(InputError, match="no arbors"):
        write_graph(tmp_path / "graph.h5", region_graph(arbors))
        neurons_of_region(tmp_path / "graph.h5", "CP")
    assert region_graph(arbors).small and not region_graph(arbors, min_neurons=8).small


def fork(k):
    """A soma with one node of axon and one of dendrite."""
    xyz = 5000.0 + 10 * k + np.array([[0.0, 0, 0], [30, 0, 0], [0, 30, 0]])
    return Neuron(f"n{k}", xyz, np.ones(3), np.array([1, 2, 3]), np.array([-1, 0, 0]), xyz[0], None)


@pytest.mark.parametrize("rule", ["potential", "contact"])
@pytest.mark.parametrize("n", [0, 1, 2])
def test_a_region_below_three_neurons_is_reported_and_has_no_edges(tmp_path, rule, n):
    regions, region = np.array(["AId"] * n + ["CP"] * (8 - n), dtype=object), "AId"
    path, arbors = tmp_path / f"{rule}.h5", replace(random_arbors(7), regions=regions)
    if rule == "contact":
        write_points(path, stack_points([fork(k) for k in range(8)], regions=regions))
    else:
        write_arbors(path, arbors)
    neurons = neurons_of_region(path, region, rule)
    # A mean field cannot be had from, or a density calibrated on, so few neurons; neither is tried.
    graph = region_graph(neurons, region=region, rule=rule, source="s", min_neurons=1, target_density=0.1)
    write_graph(tmp_path / "graph.h5", graph)
    write_graphml(tmp_path / "graph.graphml", graph)
    again = read_graph(tmp_path / "graph.h5")
    assert len(again) == n and again.without_triads and again.small and again.probability.shape == (n, n)
    row = summary.describe_graph(again)
    assert (row["region"], row["n_neurons"], row["small"]) == (region, n, True)
    assert all(np.isnan(row[name]) for name in ("density", "reciprocity", "expected_synapses"))
    distance = summary.probability_by_distance(again)
    assert not len(distance) and list(distance) == list(summary.probability_by_distance(region_graph(arbors)))
    assert networkx.read_graphml(tmp_path / "graph.graphml").number_of_nodes() == n
    with pytest.raises(InputError, match=f"AId {n}"):
        summary.need_triads([again])
    summary.need_triads([again, region_graph(arbors)])
    if rule == "potential":
        view = view_of_region(neurons, region=region)
        assert view["neuron"].nunique() == n and "share" in view.columns


def test_probability_by_distance_is_the_mean_over_pairs(monkeypatch):
    graph = region_graph(random_arbors(12, n=40))
    monkeypatch.setattr(summary, "_ROWS", 7)
    table = summary.probability_by_distance(graph, bin_um=30)
    apart = np.linalg.norm(graph.soma_um[:, None] - graph.soma_um, axis=-1)
    values, pairs = graph.probability.toarray(), ~np.eye(40, dtype=bool)
    assert table["n_pairs"].sum() == 40 * 39 and len(table) > 5
    for row in table.itertuples():
        here = pairs & (apart >= row.distance_um - 15) & (apart < row.distance_um + 15)
        assert row.n_pairs == here.sum()
        assert row.mean_probability == pytest.approx(values[here].mean(), abs=1e-12)


# For drawings and for other programs


def test_a_view_keeps_lengths_and_synapses_in_a_bounded_table():
    arbors = random_arbors(10, n=30, spread=20)
    view = view_of_region(arbors, source="s", region="R", simulated=True, n_neurons=7, n_rows=250)
    assert 100 < len(view) <= 250 and view["simulated"].all() and set(view["region"]) == {"R"}
    chosen = view.loc[view["kind"] == "soma", "neuron"]
    rows = [list(arbors.ids).index(id) for id in chosen]
    assert len(rows) == 7 and len(set(rows)) == 7
    sample = arbors.take(np.array(rows))
    for kind in ("axon", "dendrite"):
        part = view[view["kind"] == kind].groupby("neuron")["value"].sum()
        np.testing.assert_allclose(part[chosen], getattr(sample, kind).sum(axis=1), rtol=1e-5)
    met = view[view["kind"] == "contact"]
    whole = view_of_region(arbors, n_neurons=7)
    every, expected = whole[whole["kind"] == "contact"], potential_synapses(sample)[0].sum(axis=1)
    np.testing.assert_allclose(every.groupby("neuron")["value"].sum()[chosen], expected, rtol=1e-9)
    assert every["share"].sum() == pytest.approx(1)
    # Of the contacts the strongest are kept, in their own voxels.
    np.testing.assert_allclose(np.sort(met["value"]), np.sort(every["value"])[-len(met) :])
    assert len(met) == 62 < len(every) and set(met["voxel_um"]) == {25.0}
    assert met["share"].sum() == pytest.approx(met["value"].sum() / expected.sum())
    places = view.loc[view["kind"] == "axon", ["ap_um", "dv_um", "ml_um"]]
    assert (places.min() > 2400).all() and (places.max() < 3200).all()
    again = view_of_region(arbors.take(np.arange(30)[::-1]), n_neurons=7, n_rows=250)
    assert set(again.loc[again["kind"] == "soma", "neuron"]) == set(chosen)


def test_a_view_joins_the_voxels_of_axons_before_those_of_dendrites():
    far, near = block((20, 20, 20), (50, 50, 50), 20.0), block((20, 20, 20), (26, 26, 26), 20.0)
    arbors = by_cells([(far, near)] * 3, np.full((3, 3), 575.0))
    voxels = view_of_region(arbors, n_rows=3000).groupby("kind")["voxel_um"].unique()
    assert voxels["dendrite"] == [25.0] and voxels["axon"] > 25.0
    voxels = view_of_region(arbors, n_rows=400).groupby("kind")["voxel_um"].unique()
    assert voxels["axon"] > voxels["dendrite"] > 25.0


def test_a_view_of_axons_alone_has_no_contacts_unless_a_field_is_given():
    arbors = by_cells([(block((100, 100, 100), (104, 104, 104), 20.0), {})] * 3, np.full((3, 3), 2550.0))
    assert set(view_of_region(arbors)["kind"]) == {"axon", "soma"}
    view = view_of_region(arbors, field_length_um=3000, field_radius_um=80)
    assert (view.loc[view["kind"] == "contact", "value"] > 0).all()
    assert set(view["kind"]) == {"axon", "soma", "contact"}


def test_graphml_says_the_same_to_other_programs(tmp_path):
    graph = region_graph(random_arbors(11, n=40), source="a & b", region="", simulated=True)
    graph = replace(
        graph, ids=np.array([f'n<{k}>"\x01' for k in range(40)], object), reciprocity=float("nan")
    )
    graph.probability.data[:5] = 0.0
    write_graphml(tmp_path / "graph.graphml", graph)
    expected, synapses = graph.probability.toarray(), graph.synapses.toarray()

    theirs = networkx.read_graphml(tmp_path / "graph.graphml")
    graph = replace(graph, ids=np.array([id.replace("\x01", "\ufffd") for id in graph.ids], object))
    assert theirs.is_directed() and list(theirs) == list(graph.ids)
    found = networkx.to_numpy_array(theirs, nodelist=list(graph.ids), weight="probability")
    np.testing.assert_array_equal(found, expected)
    found = networkx.to_numpy_array(theirs, nodelist=list(graph.ids), weight="expected_synapses")
    np.testing.assert_array_equal(found, np.where(expected > 0, synapses, 0))
    assert theirs.number_of_edges() == (expected > 0).sum() < graph.probability.nnz
    assert theirs.graph["source"] == "a & b" and theirs.graph["simulated"] is True
    assert theirs.graph["density"] == graph.density and np.isnan(theirs.graph["reciprocity"])
    for k, id in enumerate(graph.ids):
        node = theirs.nodes[id]
        assert [node[f"soma_{axis}_um"] for axis in ("ap", "dv", "ml")] == graph.soma_um[k].tolist()
        assert node["brain"] == graph.brains[k] and node["flags"] == graph.flags[k]

    theirs = igraph.Graph.Read_GraphML(str(tmp_path / "graph.graphml"))
    assert theirs.is_directed() and theirs.vs["id"] == list(graph.ids)
    found = np.zeros((40, 40))
    for edge in theirs.es:
        found[edge.tuple] = edge["probability"]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.real_data
def test_real_striatal_neurons_are_sparsely_connected(real_data):
    place = real_data / "morphology" / "seu_allen"
    options = {"index": place / "index.csv", "region_column": "published_soma_region", "regions": ["CP"]}
    reading = read_folder(place / "swc", "17302_*.swc.xz", **options, voxel_um=25, keep=False)
    graphs = [region_graph(reading.arbors, filling_fraction=f) for f in (0.1, 0.2, 0.3)]
    assert 35 <= len(graphs[0]) <= 66 and graphs[0].region == "CP"
    assert 0.002 < graphs[0].density < graphs[1].density < graphs[2].density < 0.03
    apart = np.linalg.norm(graphs[1].soma_um[:, None] - graphs[1].soma_um, axis=-1)
    values, near = graphs[1].probability.toarray(), (apart < 300) & (apart > 0)
    assert values[near].mean() > 5 * values[apart >= 300].mean()
