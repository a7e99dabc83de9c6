"""Counts, lengths and extent of one neuron, in one pass."""

from typing import NamedTuple

import numpy as np
from numba import njit

from digimus.morphology.ccf import GRID_UM
from digimus.morphology.swc import APICAL, AXON, BASAL, SOMA


class Measures(NamedTuple):
    """What a neuron consists of.

    Attributes
    ----------
    n_axon_nodes, n_dendrite_nodes : int
        Nodes of kind 2, and of kinds 3 and 4.
    axon_length_um, dendrite_length_um : float
        A segment belongs to the kind of its lower node.
    beyond : bool
        Whether a node of axon, dendrite or soma lies beyond the CCF grid.
    """

    n_axon_nodes: int
    n_dendrite_nodes: int
    axon_length_um: float
    dendrite_length_um: float
    beyond: bool


def measure(neuron):
    """Counts, lengths and extent of a neuron.

    Parameters
    ----------
    neuron : Neuron

    Returns
    -------
    Measures
    """
    return Measures(*_measured(neuron.xyz_um, neuron.kind, neuron.parent, np.array(GRID_UM)))


@njit(cache=True, nogil=True)
def _measured(xyz, kind, parent, extents):
    counts, lengths, beyond = np.zeros(2, np.int64), np.zeros(2), False
    for node in range(len(parent)):
        if kind[node] < SOMA or kind[node] > APICAL:
            continue
        for axis in range(3):
            beyond = beyond or xyz[node, axis] < 0.0 or xyz[node, axis] >= extents[axis]
        if kind[node] == AXON or kind[node] >= BASAL:
            part, above = int(kind[node] >= BASAL), parent[node]
            counts[part] += 1
            if above >= 0:
                squares = 0.0
                for axis in range(3):
                    squares += (xyz[node, axis] - xyz[above, axis]) ** 2
                lengths[part] += np.sqrt(squares)
    return counts[0], counts[1], lengths[0], lengths[1], beyond
