"""A sample of a region's neurons and of where they meet, for drawings.

The sample is chosen without a look at the graph: neurons at even steps through the sorted ids of those
that have an axon and dendrites. Dendrites and contacts keep the voxels of the arbors, so that arbors can be
told near the somas; axons, which run far, are joined to larger voxels until the table is small enough.
"""

import numpy as np
import pandas as pd
from scipy import sparse

from digimus.connectome.coarse import coarsen
from digimus.connectome.overlap import mean_field, shared_columns
from digimus.morphology import grid_shape

N_NEURONS = 12
N_ROWS = 8000
_COARSEST = 64
_LEAST = 1e-12
_MOST = {"dendrite": 0.4, "contact": 0.25}  # of the rows; axons have the rest
_COLUMNS = [
    *("source", "region", "simulated", "kind", "neuron"),
    *("ap_um", "dv_um", "ml_um", "voxel_um", "value", "share"),
]


def view_of_region(
    arbors,
    *,
    source="",
    region="",
    simulated=False,
    blur_um=25,
    reach_um=2,
    field_length_um=None,
    field_radius_um=None,
    n_neurons=N_NEURONS,
    n_rows=N_ROWS,
):
    """Where some neurons of a region have their axons, dendrites, somata and potential synapses.

    Parameters
    ----------
    arbors : Arbors
        The neurons of the region.
    source, region : str
    simulated : bool
    blur_um, reach_um, field_length_um, field_radius_um : float
        As in `potential_synapses`.
    n_neurons, n_rows : int
        The most neurons, and the most rows. Axons are joined two by two by two voxels, three by three by
        three and so on until all fits; dendrites only where they alone would fill two fifths of the rows.
        Lengths stay the same. Contacts are never joined: beyond a quarter of the rows those with the fewest
        expected synapses are left out.

    Returns
    -------
    pandas.DataFrame
        source, region, simulated, kind (axon, dendrite, soma or contact), neuron (of a contact the
        presynaptic one), ap_um, dv_um, ml_um (middle of the voxel; of a soma its place), voxel_um (edge of
        the voxel, 0 of a soma) and value: µm of neurite in that voxel; 1 of a soma; of a contact the
        expected potential synapses in that voxel with all the other neurons of the sample. The last column,
        share, is the value over the sum of all of that kind in the sample, so that the shares of contacts
        add up to less than one where some were left out. Without neurons the table has no rows.
    """
    if not len(arbors):
        return pd.DataFrame(columns=_COLUMNS)
    chosen = arbors.take(_sample(arbors, n_neurons))
    somas = pd.DataFrame(chosen.soma_um, columns=["ap_um", "dv_um", "ml_um"])
    somas = somas.assign(kind="soma", neuron=chosen.ids, voxel_um=0.0, value=1.0)
    where = _where_they_meet(arbors, chosen, blur_um, reach_um, field_length_um, field_radius_um)
    met = _strongest(_shares(_contacts(chosen, *where)), int(_MOST["contact"] * n_rows))
    dendrite = _shares(_fitting(chosen, "dendrite", _MOST["dendrite"] * n_rows))
    rest = n_rows - len(somas) - len(met) - len(dendrite)
    parts = [_shares(_fitting(chosen, "axon", rest)), dendrite, _shares(somas), met]
    table = pd.concat([part for part in parts if len(part)], ignore_index=True)
    return table.assign(source=source, region=region, simulated=simulated)[_COLUMNS]


def _sample(arbors, n_neurons):
    """Rows at even steps through the sorted ids of whole neurons; of all neurons where none is whole."""
    whole = (np.diff(arbors.axon.indptr) > 0) & (np.diff(arbors.dendrite.indptr) > 0)
    rows = np.flatnonzero(whole if whole.any() else np.ones(len(arbors), bool))
    rows = rows[np.argsort(arbors.ids[rows].astype(str), kind="stable")]
    steps = np.linspace(0, len(rows) - 1, min(n_neurons, len(rows)))
    return rows[np.round(steps).astype(int)]


def _fitting(arbors, kind, n_rows):
    """Neurite of every neuron by voxel, at the finest grid that has no more rows than this."""
    factor = 1
    joined = getattr(arbors, kind)
    while joined.nnz > n_rows and factor < _COARSEST:
        factor += 1
        joined = getattr(coarsen(arbors, factor), kind)
    voxel_um = arbors.voxel_um * factor
    placed = _placed(joined.indices, grid_shape(voxel_um) if factor > 1 else arbors.shape, voxel_um)
    names = np.repeat(arbors.ids, np.diff(joined.indptr))
    return placed.assign(kind=kind, neuron=names, value=joined.data.astype(float))


def _shares(table):
    """The table with each value over the sum of all."""
    total = table["value"].sum()
    return table.assign(share=table["value"] / total if total > 0 else 0.0)


def _strongest(table, n_rows):
    """The rows of the largest values, in their order; ties go to the first."""
    kept = np.argsort(-table["value"].to_numpy(), kind="stable")[:n_rows]
    return table.iloc[np.sort(kept)]


def _where_they_meet(arbors, chosen, blur_um, reach_um, field_length_um, field_radius_um):
    """Expected synapses (chosen neurons, voxels) with all the others of the sample, and the voxels."""
    none = sparse.csr_array((len(chosen), 0)), np.empty(0, np.int64)
    has_field = (np.diff(arbors.dendrite.indptr) > 0).any() or (field_length_um and field_radius_um)
    if not chosen.axon.nnz or not has_field:
        return none
    field = mean_field(arbors, field_length_um, field_radius_um)
    axon, dendrite, voxels = shared_columns(chosen, blur_um, *field)
    others = np.asarray(dendrite.sum(axis=0)).ravel()
    met = (axon.multiply(others[None]) - axon.multiply(dendrite)).tocsr()
    met.data *= 0.5 * np.pi * reach_um / chosen.voxel_um**3
    met.data[met.data < _LEAST * met.data.max(initial=0.0)] = 0.0  # what the subtraction leaves
    met.eliminate_zeros()
    return met, voxels


def _contacts(arbors, met, voxels):
    """Expected synapses of every neuron by voxel."""
    names = np.repeat(arbors.ids, np.diff(met.indptr))
    placed = _placed(voxels[met.indices], arbors.shape, arbors.voxel_um)
    return placed.assign(kind="contact", neuron=names, value=met.data)


def _placed(flat, shape, voxel_um):
    """A table of the middles of voxels."""
    cells = np.stack(np.unravel_index(flat, shape), axis=1)
    table = pd.DataFrame((cells + 0.5) * voxel_um, columns=["ap_um", "dv_um", "ml_um"])
    return table.assign(voxel_um=float(voxel_um))
