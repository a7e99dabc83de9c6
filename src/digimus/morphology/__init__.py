"""Neurons: SWC files read and checked, a folder of them with regions, and their voxelised arbors.

Coordinates are micrometres in the Allen common coordinate framework (CCFv3), in the order AP, DV, ML.
"""

from digimus.morphology.atlas import Atlas
from digimus.morphology.ccf import GRID_UM, MIDLINE_ML_UM, grid_shape
from digimus.morphology.folder import Reading, read_folder
from digimus.morphology.swc import (
    APICAL,
    AXON,
    BASAL,
    SOMA,
    Neuron,
    check,
    mirror,
    read_swc,
    segment_lengths_um,
)
from digimus.morphology.voxels import (
    Arbors,
    VoxelLengths,
    read_arbors,
    stack_arbors,
    voxelise,
    voxelise_all,
    write_arbors,
)

__all__ = [
    "APICAL",
    "AXON",
    "BASAL",
    "GRID_UM",
    "MIDLINE_ML_UM",
    "SOMA",
    "Arbors",
    "Atlas",
    "Neuron",
    "Reading",
    "VoxelLengths",
    "check",
    "grid_shape",
    "mirror",
    "read_arbors",
    "read_folder",
    "read_swc",
    "segment_lengths_um",
    "stack_arbors",
    "voxelise",
    "voxelise_all",
    "write_arbors",
]
