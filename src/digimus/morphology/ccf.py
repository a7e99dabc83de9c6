"""The frame that all neurons share: the Allen common coordinate framework, version 3 (Wang et al. 2020)."""

import numpy as np

from digimus.errors import InputError

AXES = ("AP", "DV", "ML")
GRID_UM = (13200.0, 8000.0, 11400.0)
MIDLINE_ML_UM = GRID_UM[2] / 2


def grid_shape(voxel_um):
    """Number of voxels along AP, DV and ML; (528, 320, 456) at 25 µm.

    Raises
    ------
    InputError
        If the edge of a voxel is not a positive length of at least 1 µm.
    """
    if not (np.isscalar(voxel_um) and np.isfinite(voxel_um) and voxel_um >= 1):
        raise InputError(
            "The edge of a voxel is out of range.",
            where="voxel_um",
            expected="a number of at least 1 (µm)",
            got=voxel_um,
            hint="25 µm is usual: registration between brains errs by tens of micrometres.",
        )
    return tuple(int(np.ceil(extent / voxel_um - 1e-9)) for extent in GRID_UM)
