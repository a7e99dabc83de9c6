"""Where axons go: the length of each neuron's axon in each target region, and the same by region of origin.

Voxels of the arbors are looked up in the annotation by their centres, whichever hemisphere they lie in.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numba import njit

COLUMNS = (
    *("source", "simulated", "region", "target"),
    *("n_neurons", "axon_length_um", "mean_axon_length_um", "share"),
)


@dataclass(frozen=True, eq=False)
class Targets:
    """The target regions of a projection matrix.

    Attributes
    ----------
    names : tuple of str
    labels : (number of voxels,) int16
        For each voxel of the grid 0 outside the brain, 1 the first target, ..., the last for the rest.
    """

    names: tuple
    labels: np.ndarray

    @classmethod
    def of(cls, atlas, names, voxel_um):
        """Targets by an atlas, on the grid of voxels of some edge."""
        return cls(tuple(names), atlas.labels_on_grid(names, voxel_um))

    @property
    def columns(self):
        """The columns of a table of neurons: one a target, the rest of the brain, and beyond it."""
        inside = [f"axon_in_{name}_um" for name in self.names]
        return (*inside, "axon_elsewhere_um", "axon_outside_um")

    def lengths_um(self, found):
        """Axon length of one neuron in each target, in the rest of the brain, and outside.

        Parameters
        ----------
        found : VoxelLengths

        Returns
        -------
        (number of targets + 2,) float64
            Sums to the length of the axon.
        """
        sums = _by_label(self.labels, found.axon_voxels, found.axon_um, len(self.names) + 2)
        return np.append(sums[1:], sums[0] + found.axon_outside_um)


def projection_table(neurons, names, *, source, simulated=False):
    """Axon length from each region to each target.

    Parameters
    ----------
    neurons : pandas.DataFrame
        With the column region; for targets also axon_in_<target>_um and axon_elsewhere_um.
    names : sequence of str
        The targets; without any, as where there is no annotation volume, the table has no rows.
    source : str
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        Columns of COLUMNS: region of the somata, target, n_neurons, axon_length_um (sum),
        mean_axon_length_um, share (of the axon of the region's neurons inside the brain; NaN without any).
    """
    rows = []
    columns = [f"axon_in_{name}_um" for name in names]
    for region, part in neurons.groupby("region", sort=True) if columns else ():
        sums = part[columns].sum().to_numpy()
        whole = sums.sum() + part["axon_elsewhere_um"].sum()
        for name, total in zip(names, sums, strict=True):
            share = total / whole if whole else np.nan
            rows.append((source, simulated, region, name, len(part), total, total / len(part), share))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@njit(cache=True, nogil=True)
def _by_label(labels, voxels, lengths, n_labels):
    sums = np.zeros(n_labels)
    for k in range(len(voxels)):
        sums[labels[voxels[k]]] += lengths[k]
    return sums
