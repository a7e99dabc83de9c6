"""A sample of a region's neurons and of where they meet, for drawings.

The sample is chosen without a look at the graph: neurons at even steps through the sorted ids of those
that have an axon and dendrites.
"""

import numpy as np
import pandas as pd
from scipy import sparse

from digimus.connectome.coarse import coarsen
from digimus.connectome.overlap import mean_field, shared_columns

N_NEURONS = 12
N_ROWS = 6000
_COARSEST = 64
_LEAST = 1e-12
_NEURITE_SHARE = 2 / 3  # of the rows; contacts have the rest
_COLUMNS = ["source", "region", "simulated", "kind", "neuron", "ap_um", "dv_um", "ml_um", "voxel_um", "value"]


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
        The most neurons, and the most rows. Voxels are joined two by two by two, three by three by three
        and so on until the table is small enough, those of neurites until they fill two thirds of the rows
        and those of contacts until they fit into the rest. Sums over voxels stay the same.

    Returns
    -------
    pandas.DataFrame
        source, region, simulated, kind (axon, dendrite, soma or contact), neuron (of a contact the
        presynaptic one), ap_um, dv_um, ml_um (middle of the voxel; of a soma its place), voxel_um (edge of
        the voxel, 0 of a soma) and value: µm of neurite in that voxel; 1 of a soma; of a contact the
        expected potential synapses in that voxel with all the other neurons of the sample.
    """
    chosen = arbors.take(_sample(arbors, n_neurons))
    somas = pd.DataFrame(chosen.soma_um, columns=["ap_um", "dv_um", "ml_um"])
    somas = somas.assign(kind="soma", neuron=chosen.ids, voxel_um=0.0, value=1.0)
    neurites = _fitting(_neurites, chosen, _NEURITE_SHARE * n_rows)
    where = _where_they_meet(arbors, chosen, blur_um, reach_um, field_length_um, field_radius_um)
    met = _fitting(_contacts, (chosen, *where), n_rows - len(somas) - _NEURITE_SHARE * n_rows)
    parts = [part for part in (neurites, somas, met) if len(part)]
    table = pd.concat(parts, ignore_index=True)
    return table.assign(source=source, region=region, simulated=simulated)[_COLUMNS]


def _sample(arbors, n_neurons):
    """Rows at even steps through the sorted ids of whole neurons; of all neurons where none is whole."""
    whole = (np.diff(arbors.axon.indptr) > 0) & (np.diff(arbors.dendrite.indptr) > 0)
    rows = np.flatnonzero(whole if whole.any() else np.ones(len(arbors), bool))
    rows = rows[np.argsort(arbors.ids[rows].astype(str), kind="stable")]
    steps = np.linspace(0, len(rows) - 1, min(n_neurons, len(rows)))
    return rows[np.round(steps).astype(int)]


def _fitting(table_of, what, n_rows):
    """The table at the finest grid that has no more rows than this."""
    factor, table = 1, table_of(what, 1)
    while len(table) > n_rows and factor < _COARSEST:
        factor += 1
        table = table_of(what, factor)
    return table


def _neurites(arbors, factor):
    """Axon and dendrite of every neuron by joined voxel."""
    joined, parts = coarsen(arbors, factor), []
    for kind in ("axon", "dendrite"):
        matrix = getattr(joined, kind)
        names = np.repeat(arbors.ids, np.diff(matrix.indptr))
        placed = _placed(matrix.indices, joined.shape, joined.voxel_um)
        parts.append(placed.assign(kind=kind, neuron=names, value=matrix.data.astype(float)))
    return pd.concat(parts, ignore_index=True)


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


def _contacts(what, factor):
    """Expected synapses of every neuron by joined voxel."""
    arbors, met, voxels = what
    shape = tuple(-(-size // factor) for size in arbors.shape)
    cells = [axis // factor for axis in np.unravel_index(voxels, arbors.shape)]
    flat, column = np.unique(np.ravel_multi_index(cells, shape), return_inverse=True)
    joined = sparse.csr_array(
        (met.data.copy(), column[met.indices], met.indptr.copy()), shape=(len(arbors), len(flat))
    )
    joined.sum_duplicates()
    joined.eliminate_zeros()
    names = np.repeat(arbors.ids, np.diff(joined.indptr))
    placed = _placed(flat[joined.indices], shape, arbors.voxel_um * factor)
    return placed.assign(kind="contact", neuron=names, value=joined.data)


def _placed(flat, shape, voxel_um):
    """A table of the middles of voxels."""
    cells = np.stack(np.unravel_index(flat, shape), axis=1)
    table = pd.DataFrame((cells + 0.5) * voxel_um, columns=["ap_um", "dv_um", "ml_um"])
    return table.assign(voxel_um=float(voxel_um))
