"""Neurons: SWC and JSON files read and checked, a folder of them with regions, and their voxelised arbors.

Coordinates are micrometres in the Allen common coordinate framework (CCFv3), in the order AP, DV, ML.
"""

from digimus.morphology.atlas import Atlas
from digimus.morphology.ccf import GRID_UM, MIDLINE_ML_UM, grid_shape
from digimus.morphology.files import neuron_files, neuron_id, read_neuron
from digimus.morphology.folder import Reading, read_folder
from digimus.morphology.headers import HeaderSpace, header_space
from digimus.morphology.outlines import outline_table
from digimus.morphology.points import Points, PointsWriter, read_points, stack_points, write_points
from digimus.morphology.projections import projection_table
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
from digimus.morphology.truncation import is_truncated
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
    "HeaderSpace",
    "Neuron",
    "Points",
    "PointsWriter",
    "Reading",
    "VoxelLengths",
    "check",
    "grid_shape",
    "header_space",
    "is_truncated",
    "mirror",
    "neuron_files",
    "neuron_id",
    "outline_table",
    "projection_table",
    "read_arbors",
    "read_folder",
    "read_neuron",
    "read_points",
    "read_swc",
    "segment_lengths_um",
    "stack_arbors",
    "stack_points",
    "voxelise",
    "voxelise_all",
    "write_arbors",
    "write_points",
]
