"""Whether a reconstruction was cut off: by the surface of a tissue section, or at the border of the volume.

[D] A neuron is truncated if, among the tips of its axon or of its dendrite, at least six and a tenth of all
lie within 2 µm of the farthest one along AP, DV or ML, twice as many as in the 2 µm behind; or if at least
three lie within 2 µm of a face of the CCF grid. Of 200 published whole neurons none is. A cut is seen only
where it runs along the axes and severs many branches: most cuts through a dendrite within 50 µm of its soma,
few through axons alone.
"""

import numpy as np
from numba import njit

from digimus.morphology.ccf import GRID_UM
from digimus.morphology.swc import APICAL, AXON, BASAL

SLAB_UM = 2.0
MIN_TIPS, MIN_SHARE = 6, 0.1
MIN_RATIO = 2.0
MIN_BORDER_TIPS = 3


def is_truncated(neuron):
    """Whether a neuron's axon or dendrite ends in a plane or at the border of the grid.

    Parameters
    ----------
    neuron : Neuron

    Returns
    -------
    bool
    """
    extents = np.array(GRID_UM)
    arrays = (neuron.xyz_um, neuron.kind, neuron.parent)
    return any(
        in_slab >= max(MIN_TIPS, MIN_SHARE * n_tips) or at_border >= MIN_BORDER_TIPS
        for n_tips, in_slab, at_border in (
            _count_tips(*arrays, AXON, AXON, SLAB_UM, MIN_RATIO, extents),
            _count_tips(*arrays, BASAL, APICAL, SLAB_UM, MIN_RATIO, extents),
        )
    )


@njit(cache=True, nogil=True)
def _count_tips(xyz, kind, parent, first, last, slab, ratio, extents):
    """Tips of some kinds; the most of them in a crowded slab at an end; those at the grid's border."""
    is_tip = np.ones(len(parent), np.bool_)
    for node in range(len(parent)):
        if parent[node] >= 0:
            is_tip[parent[node]] = False
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    n_tips, at_border = 0, 0
    for node in range(len(parent)):
        is_tip[node] = is_tip[node] and first <= kind[node] <= last
        if is_tip[node]:
            n_tips += 1
            near = False
            for axis in range(3):
                at = xyz[node, axis]
                low[axis], high[axis] = min(low[axis], at), max(high[axis], at)
                near = near or abs(at) <= slab or abs(at - extents[axis]) <= slab
            at_border += near
    most = 0
    for axis in range(3):
        counts = np.zeros((2, 2), np.int64)  # by end, and slab: the outer and the one behind it
        for node in range(len(parent)):
            if is_tip[node]:
                depths = xyz[node, axis] - low[axis], high[axis] - xyz[node, axis]
                for end in range(2):
                    if depths[end] <= 2 * slab:
                        counts[end, int(depths[end] > slab)] += 1
        for end in range(2):
            if counts[end, 0] >= ratio * counts[end, 1]:
                most = max(most, counts[end, 0])
    return n_tips, most, at_border
