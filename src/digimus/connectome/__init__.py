"""From voxelised neurons to directed graphs of connection probabilities.

Rows are presynaptic: `P[i, j]` is the probability of the edge i -> j.
"""

from digimus.connectome.graph import RegionGraph, read_graph, region_graph, write_graph
from digimus.connectome.overlap import (
    calibrate_filling,
    connection_probability,
    potential_connectivity,
    potential_synapses,
)

__all__ = [
    "RegionGraph",
    "calibrate_filling",
    "connection_probability",
    "potential_connectivity",
    "potential_synapses",
    "read_graph",
    "region_graph",
    "write_graph",
]
