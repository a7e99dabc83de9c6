"""Arbors on a coarser grid."""

from dataclasses import replace

import numpy as np
from scipy import sparse

from digimus.errors import InputError
from digimus.morphology import grid_shape


def coarsen(arbors, factor):
    """The arbors with voxels `factor` times as wide.

    Lengths of voxels that fall together are added in float64, so this is what voxelising the neurons at
    that size gives, to the rounding of the stored float32 lengths.

    Parameters
    ----------
    arbors : Arbors
    factor : int

    Returns
    -------
    Arbors

    Raises
    ------
    InputError
        If the factor is not a whole number of at least one.
    """
    if factor != int(factor) or factor < 1:
        raise InputError(
            "Voxels can be joined by whole numbers alone.",
            where="voxel_um",
            expected=f"a multiple of {arbors.voxel_um:g} µm",
            got=f"{factor:g} times {arbors.voxel_um:g} µm",
            hint="Choose a multiple of morphology.voxel_um, or change that.",
        )
    if factor == 1:
        return arbors
    voxel_um = arbors.voxel_um * int(factor)
    shape = grid_shape(voxel_um)
    axon, dendrite = (
        _joined(matrix, arbors.shape, shape, int(factor)) for matrix in (arbors.axon, arbors.dendrite)
    )
    return replace(arbors, axon=axon, dendrite=dendrite, voxel_um=voxel_um, shape=shape)


def _joined(matrix, fine, shape, factor):
    cells = np.unravel_index(matrix.indices, fine)
    flat = np.ravel_multi_index([axis // factor for axis in cells], shape).astype(np.int32)
    data = matrix.data.astype(float)
    joined = sparse.csr_array(
        (data, flat, matrix.indptr.copy()), shape=(matrix.shape[0], int(np.prod(shape)))
    )
    joined.sum_duplicates()
    return joined.astype(np.float32)
