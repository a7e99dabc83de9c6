"""Counted contacts against a KD-tree pair by pair; points on disk; graphs of the contact rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from digimus.connectome import (
    contact_index,
    contact_probability,
    contacts,
    count_contacts,
    read_graph,
    region_graph,
    write_graph,
)
from digimus.errors import InputError
from digimus.morphology import (
    Neuron,
    Points,
    PointsWriter,
    read_folder,
    read_points,
    stack_points,
    voxelise_all,
    write_points,
)


def as_points(axons, dendrites, somas=None):
    """Points from lists of (k, 3) arrays, one a neuron."""
    n = len(axons)
    starts = [np.concatenate([[0], np.cumsum([len(part) for part in parts])]) for parts in (axons, dendrites)]
    flat = [np.concatenate([np.empty((0, 3)), *parts]).astype(np.float32) for parts in (axons, dendrites)]
    return Points(
        ids=np.array([f"n{k}" for k in range(n)], dtype=object),
        regions=np.full(n, "R", object),
        brains=np.array([f"b{k % 3}" for k in range(n)], dtype=object),
        soma_um=np.zeros((n, 3)) if somas is None else somas,
        axon_xyz=flat[0],
        axon_indptr=starts[0],
        dendrite_xyz=flat[1],
        dendrite_indptr=starts[1],
    )


def clouds(seed, n=12, box=60.0, size=80, low=3000.0):
    """Neurons of random points in a box; some without axon or dendrites."""
    generator = np.random.default_rng(seed)
    parts = [
        [generator.uniform(low, low + box, (generator.integers(0, size) * (k % 5 > 0), 3)) for k in range(n)]
        for _ in range(2)
    ]
    return as_points(parts[0], parts[1][::-1])


def walks(seed, n=25, box=40.0):
    """Neurons of points along random walks of 1 µm steps, as reconstructions are."""
    generator = np.random.default_rng(seed)

    def walk(k):
        return (
            5000 + generator.uniform(0, box, 3) + np.cumsum(generator.normal(scale=0.6, size=(k, 3)), axis=0)
        )

    return as_points([walk(600) for _ in range(n)], [walk(200) for _ in range(n)])


def by_trees(points, contact_um):
    """The same counts, pair by pair."""
    n = len(points)
    axons, dendrites = (
        [xyz[indptr[k] : indptr[k + 1]].astype(float) for k in range(n)]
        for xyz, indptr in (
            (points.axon_xyz, points.axon_indptr),
            (points.dendrite_xyz, points.dendrite_indptr),
        )
    )
    counts = np.zeros((n, n), int)
    for post in range(n):
        if not len(dendrites[post]):
            continue
        tree = cKDTree(dendrites[post])
        for pre in range(n):
            if pre != post and len(axons[pre]):
                counts[pre, post] = (
                    tree.query(axons[pre], distance_upper_bound=1.01 * contact_um)[0] <= contact_um
                ).sum()
    return counts


# Counts


@pytest.mark.parametrize("contact_um", [0.5, 5, 37, 400])
@pytest.mark.parametrize("seed", range(3))
def test_counts_equal_a_tree_on_random_points(seed, contact_um):
    points = clouds(seed)
    found = contacts(points, contact_um)
    np.testing.assert_array_equal(found.toarray(), by_trees(points, contact_um))
    assert found.shape == (12, 12) and (contact_um < 5 or found.nnz > 20)


def test_counts_equal_a_tree_on_hundreds_of_simulated_pairs():
    points = walks(0)
    counts = contacts(points).toarray()
    np.testing.assert_array_equal(counts, by_trees(points, 5))
    assert 60 < (counts > 0).sum() < 600


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.tuples(*[st.integers(-12, 12)] * 3), max_size=12), min_size=6, max_size=6),
    st.sampled_from([1.0, 3.0, 5.0, 13.0]),
)
def test_points_at_exactly_the_distance_count(lattice, contact_um):
    """On a lattice many distances are whole numbers: (3, 4, 0), (5, 12, 0), (2, 2, 1)."""
    parts = [np.array(part, float).reshape(-1, 3) for part in lattice]
    points = as_points(parts[:3], parts[3:])
    np.testing.assert_array_equal(contacts(points, contact_um).toarray(), by_trees(points, contact_um))


def test_a_neuron_far_from_all_others_does_not_cost_memory_or_change_counts():
    points, far = walks(1, n=6), np.array([[-9e5, 9e5, -9e5]])
    axons = [points.axon_xyz[slice(*points.axon_indptr[k : k + 2])] for k in range(6)]
    dendrites = [points.dendrite_xyz[slice(*points.dendrite_indptr[k : k + 2])] for k in range(6)]
    whole = as_points([*axons, far], [*dendrites, -far])
    index = contact_index(whole.dendrite_xyz, whole.dendrite_indptr, 5)
    assert len(index.first) < 1e7 and index.near.size < 1e8
    counts = contacts(whole).toarray()
    np.testing.assert_array_equal(counts[:6, :6], contacts(points).toarray())
    assert counts[6].sum() == 0 and counts[:, 6].sum() == 0 and counts.sum() > 0


def test_axons_can_be_streamed_in_blocks():
    points = walks(2, n=10)
    index = contact_index(points.dendrite_xyz, points.dendrite_indptr, 5)
    whole = contacts(points).toarray()
    for rows in (np.arange(4), np.array([7, 2]), np.array([9])):
        block = points.take(rows)
        found = count_contacts(index, block.axon_xyz, block.axon_indptr, rows)
        np.testing.assert_array_equal(found.toarray(), whole[rows])


# Invariances


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.tuples(*[st.integers(-400, 400)] * 3), st.permutations(range(3)))
def test_order_place_and_orientation_do_not_matter(seed, shift, axes):
    """Coordinates on a grid of 1/8 µm, so that shifts and reflections are exact in float32."""
    points = clouds(seed, n=6)
    axon, dendrite = (np.round(xyz * 8) / 8 for xyz in (points.axon_xyz, points.dendrite_xyz))
    base = Points(**{**points.__dict__, "axon_xyz": axon, "dendrite_xyz": dendrite})
    expected = contacts(base, 6).toarray()
    order = np.random.default_rng(seed).permutation(6)
    np.testing.assert_array_equal(contacts(base.take(order), 6).toarray(), expected[order][:, order])
    sign = np.array([1, 1, -1], np.float32)
    for change in (lambda xyz: xyz + np.float32(shift), lambda xyz: xyz * sign, lambda xyz: xyz[:, axes]):
        moved = Points(**{**base.__dict__, "axon_xyz": change(axon), "dendrite_xyz": change(dendrite)})
        np.testing.assert_array_equal(contacts(moved, 6).toarray(), expected)


def test_axon_points_add_up_and_dendrites_do_not_count_twice():
    generator = np.random.default_rng(5)
    none = np.empty((0, 3))
    a, b, d, e = (generator.uniform(3000, 3040, (200, 3)) for _ in range(4))

    def count(axon, dendrite):
        return contacts(as_points([axon, none], [none, dendrite]))[0, 1]

    assert count(np.vstack([a, b]), d) == count(a, d) + count(b, d)
    joined = count(a, np.vstack([d, e]))
    assert max(count(a, d), count(a, e)) <= joined < count(a, d) + count(a, e)
    assert count(a, np.vstack([d, d])) == count(a, d) > 0


@pytest.mark.real_data
def test_counts_equal_a_tree_on_hundreds_of_real_pairs(real_data):
    place = real_data / "morphology" / "seu_allen"
    options = {"index": place / "index.csv", "region_column": "published_soma_region", "regions": ["CP"]}
    reading = read_folder(place / "swc", "17302_000*.swc.xz", **options)
    points = stack_points(reading.morphologies[:22])
    counts = contacts(points).toarray()
    np.testing.assert_array_equal(counts, by_trees(points, 5))
    assert len(points) == 22 and (counts > 0).sum() >= 10


# Graphs


def test_the_contact_rule_makes_graphs_of_zeros_and_ones(tmp_path):
    points = walks(3)
    counts = contacts(points).toarray()
    graph = region_graph(points, rule="contact", region="R", source="s", n_contacts_min=20)
    np.testing.assert_array_equal(graph.probability.toarray(), counts >= 20)
    np.testing.assert_array_equal(graph.synapses.toarray(), counts)
    assert graph.synapses.nnz > graph.probability.nnz > 0
    assert graph.rule == "contact" and np.isnan(graph.filling_fraction)
    assert graph.density == pytest.approx((counts >= 20).sum() / (25 * 24))
    write_graph(tmp_path / "graph.h5", graph)
    again = read_graph(tmp_path / "graph.h5")
    assert again.rule == "contact" and again.synapses.sum() == counts.sum()
    assert (again.probability != graph.probability).nnz == 0
    looser = region_graph(points, rule="contact", n_contacts_min=1, contact_um=8)
    assert looser.density > graph.density and (looser.synapses.toarray() >= counts).all()


def test_neurons_without_dendrites_are_flagged_and_nobodys_target():
    points = clouds(4, n=10)
    graph = region_graph(points, rule="contact", contact_um=10)
    no_axon, no_dendrite = (np.diff(indptr) == 0 for indptr in (points.axon_indptr, points.dendrite_indptr))
    assert no_axon.any() and no_dendrite.any()
    for k, flag in enumerate(graph.flags):
        assert ("no axon" in flag) == no_axon[k] and ("no dendrite" in flag) == no_dendrite[k]
    assert graph.probability[:, np.flatnonzero(no_dendrite)].nnz == 0
    assert graph.probability[np.flatnonzero(no_axon)].nnz == 0 and graph.probability.nnz > 0


def test_wrong_settings_and_data_are_refused():
    points, arbors = walks(5, n=4), voxelise_all([tree("a", 50)] * 4)
    for wrong in ({"contact_um": 0}, {"contact_um": np.nan}, {"n_contacts_min": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            region_graph(points, rule="contact", **wrong)
    with pytest.raises(InputError, match="points of neurons"):
        region_graph(arbors, rule="contact")
    with pytest.raises(InputError, match="arbors of neurons"):
        region_graph(points)
    with pytest.raises(InputError, match="Did you mean 'contact'"):
        region_graph(points, rule="contacts")
    assert len(region_graph(points, rule="contact", region="elsewhere")) == 0
    assert contact_probability(contacts(points), 10**9).nnz == 0


# Points on disk


def tree(name, n, seed=0):
    """A soma with n nodes of axon, basal and apical dendrite and an unnamed kind in turn."""
    generator = np.random.default_rng(seed)
    xyz = 5000 + generator.normal(scale=50, size=(n + 1, 3))
    kind = np.r_[1, np.resize([2, 3, 4, 7], n)].astype(np.int32)
    return Neuron(name, xyz, np.ones(n + 1), kind, np.arange(-1, n), xyz[0], None)


def same(a, b):
    for name, value in a.__dict__.items():
        np.testing.assert_array_equal(value, getattr(b, name))
        assert value.dtype == getattr(b, name).dtype


def test_points_hold_axon_and_both_kinds_of_dendrite():
    points = stack_points([tree("a", 40), tree("b", 0), tree("c", 3)], ["X", "Y", "X"])
    assert list(np.diff(points.axon_indptr)) == [10, 0, 1]
    assert list(np.diff(points.dendrite_indptr)) == [20, 0, 2]
    np.testing.assert_array_equal(points.axon_xyz[:10], tree("a", 40).xyz_um[1::4].astype(np.float32))
    assert points.axon_xyz.dtype == points.dendrite_xyz.dtype == np.float32
    np.testing.assert_array_equal(points.take([2]).axon_xyz, points.axon_xyz[10:])


def test_points_survive_writing_whole_and_by_region(tmp_path, monkeypatch):
    monkeypatch.setattr("digimus.morphology.points._BUFFERED", 30)
    neurons = [tree(f"n{k}", 7 * k, k) for k in range(9)]
    regions, brains = list("XYXXYZYXX"), list("112233112")
    points = stack_points(neurons, regions, brains)
    write_points(tmp_path / "whole.h5", points, {"seed": 1})
    with PointsWriter(tmp_path / "streamed.h5") as writer:
        for neuron, region, brain in zip(neurons, regions, brains, strict=True):
            writer.add(neuron, region, brain)
    for name in ("whole.h5", "streamed.h5"):
        same(points, read_points(tmp_path / name))
        same(points.take(points.regions == "X"), read_points(tmp_path / name, "X"))
        with pytest.raises(InputError, match="'W'"):
            read_points(tmp_path / name, "W")


def test_no_points_at_all_can_be_written(tmp_path):
    with PointsWriter(tmp_path / "none.h5"):
        pass
    points = read_points(tmp_path / "none.h5")
    assert len(points) == 0 and contacts(points).shape == (0, 0)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "points.h5"
    write_points(path, stack_points([tree("a", 8)]))
    with pytest.raises(RuntimeError), PointsWriter(path) as writer:
        writer.add(tree("b", 8))
        raise RuntimeError
    assert list(read_points(path).ids) == ["a"] and list(tmp_path.iterdir()) == [path]
    write_graph_like = tmp_path / "text.h5"
    write_graph_like.write_text("no")
    for wrong in (write_graph_like, tmp_path / "absent.h5"):
        with pytest.raises(InputError):
            read_points(wrong)
