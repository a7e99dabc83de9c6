"""Potential connectivity against closed forms, brute force and chance; graphs on disk."""

import itertools

import numpy as np
import pytest
from scipy import ndimage, sparse

from digimus.connectome import (
    calibrate_filling,
    potential_connectivity,
    potential_synapses,
    read_graph,
    region_graph,
    write_graph,
)
from digimus.errors import InputError
from digimus.morphology import Arbors, Neuron, read_folder, stack_arbors, voxelise_all, write_arbors
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
    with pytest.raises(InputError, match="too few"):
        region_graph(arbors, region="CP")
    assert region_graph(arbors).small and not region_graph(arbors, min_neurons=8).small


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
