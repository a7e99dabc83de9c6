"""From neurons to directed graphs of connection probabilities.

Two rules make edges: potential synapses of voxelised arbors (Peters' rule, the default) and counted contacts
of points. Rows are presynaptic: `P[i, j]` is the probability of the edge i -> j.
"""

from digimus.connectome.coarse import coarsen
from digimus.connectome.contacts import contact_index, contact_probability, contacts, count_contacts
from digimus.connectome.graph import RegionGraph, neurons_of_region, read_graph, region_graph, write_graph
from digimus.connectome.graphml import write_graphml
from digimus.connectome.overlap import (
    calibrate_filling,
    connection_probability,
    potential_connectivity,
    potential_synapses,
)
from digimus.connectome.sketches import sketch_of_region
from digimus.connectome.views import view_of_region

__all__ = [
    "RegionGraph",
    "calibrate_filling",
    "coarsen",
    "connection_probability",
    "contact_index",
    "contact_probability",
    "contacts",
    "count_contacts",
    "neurons_of_region",
    "potential_connectivity",
    "potential_synapses",
    "read_graph",
    "region_graph",
    "sketch_of_region",
    "view_of_region",
    "write_graph",
    "write_graphml",
]
