"""Coarse drawings of a region's neurons: few points an arbor, joined to a tree.

Our definition. The voxels of an arbor are joined two by two by two, three by three by three and so on until
few enough are left; each becomes a point at the middle of the length that it holds, and the points and the
soma are joined by the shortest tree (the minimum spanning tree of their distances). Lines of a sketch show
where an arbor runs, to the size of those voxels, and not how it branches.
"""

import numpy as np
import pandas as pd
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from scipy.spatial.distance import cdist

COLUMNS = (
    "source", "region", "simulated", "neuron", "kind", "node", "parent", "ap_um", "dv_um", "ml_um",
    "length_um",
)  # fmt: skip
N_ROWS = 8000
_LEAST, _MOST = 6, 300  # points of one arbor
_AXON = 0.8  # of the points of a neuron
_FACTORS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)


def sketch_of_region(arbors, *, source="", region="", simulated=False, n_rows=N_ROWS):
    """Every neuron of a region as a few joined points.

    Parameters
    ----------
    arbors : Arbors
        The neurons of the region.
    source, region : str
    simulated : bool
    n_rows : int
        The most points of all neurons together, but for six an arbor, which each may have.

    Returns
    -------
    pandas.DataFrame
        source, region, simulated, neuron, kind (axon or dendrite), node (0 of the soma, then 1, 2, … of the
        points of that kind), parent (the node that it is joined to; -1 of the soma), ap_um, dv_um, ml_um
        (whole micrometres) and length_um (of neurite that the point stands for; 0 of the soma). No rows of
        a kind that a neuron does not have.
    """
    share = n_rows / max(len(arbors), 1)
    names, kinds, counts, trees = [], [], [], []
    for kind, part in (("axon", _AXON), ("dendrite", 1 - _AXON)):
        most = int(np.clip(part * share - 1, _LEAST, _MOST))
        for k, (voxels, lengths) in enumerate(_voxels(getattr(arbors, kind), arbors.shape)):
            if len(voxels):
                trees.append(_tree(voxels, lengths, most, arbors.soma_um[k], arbors.voxel_um))
                names.append(str(arbors.ids[k]))
                kinds.append(kind)
                counts.append(len(trees[-1]))
    if not trees:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.DataFrame(np.concatenate(trees), columns=list(COLUMNS[5:]))
    table = table.astype(dict.fromkeys(COLUMNS[5:-1], int))
    table = table.assign(neuron=np.repeat(names, counts), kind=np.repeat(kinds, counts))
    return table.assign(source=source, region=region, simulated=simulated)[list(COLUMNS)]


def _voxels(matrix, shape):
    """Voxels (k, 3) and lengths (k,) of every row."""
    places = np.stack(np.unravel_index(matrix.indices, shape), axis=1)
    for start, stop in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        yield places[start:stop], matrix.data[start:stop].astype(float)


def _tree(voxels, lengths, most, soma_um, voxel_um):
    """Rows of node, parent, AP, DV, ML and length."""
    points, lengths = _joined(voxels, lengths, most)
    points = np.vstack([soma_um, (points + 0.5) * voxel_um])
    lengths = np.round([0.0, *lengths], 1)
    return np.column_stack([np.arange(len(points)), _shortest_tree(points), np.round(points), lengths])


def _joined(voxels, lengths, most):
    """Middles (in voxels) and sums of lengths, in the finest blocks that are no more than this many."""
    for factor in _FACTORS:
        blocks = voxels // factor
        flat = np.ravel_multi_index(blocks.T, blocks.max(axis=0) + 1)
        found, inverse = np.unique(flat, return_inverse=True)
        if len(found) <= most or factor == _FACTORS[-1]:
            break
    sums = np.bincount(inverse, lengths)
    middles = [np.bincount(inverse, lengths * axis) / sums for axis in voxels.T]
    return np.stack(middles, axis=1), sums


def _shortest_tree(points):
    """The node that each point is joined to on the way to the first one, in the minimum spanning tree."""
    apart = cdist(points, points) + 1e-3  # zero would mean that two points cannot be joined
    np.fill_diagonal(apart, 0.0)
    tree = minimum_spanning_tree(apart)
    _, before = breadth_first_order(tree, 0, directed=False)
    return np.where(before < 0, -1, before)
