"""Graphs of a region: exact contacts against KD-trees, and the probabilities of the voxel rule."""

import numpy as np

from harness import Case

PEERS = {"kdtree_a_neuron", "kdtree_of_all"}
KDTREE_GOAL = 15
_CONTACT_UM = 5.0


def cases(folder, quick):
    """Contacts between simulated neurons of one region, and all probabilities of a larger set of them."""
    n, n_region = (3, 4) if quick else (24, 200)
    neurons = _neurons(folder, n_region)
    points = folder / "points.npz"
    _write_points(points, neurons[:n])
    goals = {"kdtree_a_neuron": KDTREE_GOAL}
    contacts = {"what": "contacts", "path": str(points)}
    arbors = folder / "arbors.h5"
    _write_arbors(arbors, neurons)
    return [
        Case(f"contacts within 5 µm, {n} simulated neurons", contacts, tuple(sorted(PEERS)), goals, rtol=0.0),
        Case(f"edge probabilities, {n_region} simulated neurons", {"path": str(arbors)}),
    ]


def _neurons(folder, n):
    """Simulated neurons of one region."""
    import neurons
    from digimus.morphology import read_swc
    from digimus.seeding import stream

    path, found = folder / "neuron.swc", []
    for k in range(n):
        path.write_bytes(neurons.swc_bytes(str(k), neurons.grow(20, stream(1, "benchmark", k))))
        found.append(read_swc(path, id=str(k)))
    return found


def _write_points(path, neurons):
    from digimus.morphology import stack_points

    points = stack_points(neurons)
    names = ("axon_xyz", "axon_indptr", "dendrite_xyz", "dendrite_indptr")
    np.savez(path, **{name: getattr(points, name) for name in names})


def _write_arbors(path, neurons):
    from digimus.morphology import voxelise_all, write_arbors

    write_arbors(path, voxelise_all(neurons))


def run_digimus(arguments):
    if "what" in arguments:
        return _contacts(arguments)
    from digimus.connectome import connection_probability, potential_synapses
    from digimus.morphology import read_arbors

    arbors = read_arbors(arguments["path"])

    def probabilities():
        return connection_probability(potential_synapses(arbors)[0], 0.2)

    return probabilities, lambda matrix: [matrix.nnz, matrix.sum()]


def _contacts(arguments):
    from digimus.connectome import contact_index, count_contacts

    points = _read_points(arguments)

    def count():
        index = contact_index(points["dendrite_xyz"], points["dendrite_indptr"], _CONTACT_UM)
        return count_contacts(index, points["axon_xyz"], points["axon_indptr"])

    return count, lambda matrix: matrix.toarray().ravel()


def _read_points(arguments):
    with np.load(arguments["path"]) as file:
        return dict(file)


def _parts(points, kind):
    return np.split(points[f"{kind}_xyz"].astype(float), points[f"{kind}_indptr"][1:-1])


def run_kdtree_a_neuron(arguments):
    """A tree for every dendrite, asked for the neighbour of every axon point, pair by pair."""
    from scipy.spatial import cKDTree

    points = _read_points(arguments)
    axons, dendrites = _parts(points, "axon"), _parts(points, "dendrite")
    bound = np.nextafter(_CONTACT_UM, np.inf)

    def count():
        counts = np.zeros((len(axons), len(dendrites)), np.int64)
        for post, dendrite in enumerate(dendrites):
            tree = cKDTree(dendrite)
            for pre, axon in enumerate(axons):
                if pre != post:
                    counts[pre, post] = (tree.query(axon, distance_upper_bound=bound)[0] < np.inf).sum()
        return counts

    return count, np.ravel


def run_kdtree_of_all(arguments):
    """One tree of all dendrite points, asked for the ball around every axon point."""
    from scipy.spatial import cKDTree

    points = _read_points(arguments)
    axons, n = _parts(points, "axon"), len(points["dendrite_indptr"]) - 1
    dendrites = points["dendrite_xyz"].astype(float)
    owner = np.repeat(np.arange(n), np.diff(points["dendrite_indptr"]))

    def count():
        counts = np.zeros((len(axons), n), np.int64)
        tree = cKDTree(dendrites)
        for pre, axon in enumerate(axons):
            balls = tree.query_ball_point(axon, _CONTACT_UM)
            sizes = [len(ball) for ball in balls]
            near = owner[np.concatenate([np.array(ball, np.int64) for ball in balls])]
            pairs = np.unique(np.repeat(np.arange(len(axon)), sizes) * n + near)
            counts[pre] = np.bincount(pairs % n, minlength=n)
            counts[pre, pre] = 0
        return counts

    return count, np.ravel
