"""Length densities: how many micrometres of axon and of dendrite a neuron has in each CCF voxel."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import sparse

from digimus.morphology.ccf import GRID_UM, grid_shape
from digimus.morphology.stored import spans, stored_neurons
from digimus.morphology.swc import APICAL, AXON, BASAL
from digimus.storage import reading, write_arrays

_SCATTER, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)  # of a multiplicative hash


@dataclass(frozen=True, eq=False)
class VoxelLengths:
    """One neuron's lengths by voxel.

    Attributes
    ----------
    axon_voxels, dendrite_voxels : (k,) int64
        Flat indices into the grid (C order: AP, DV, ML), ascending, each once.
    axon_um, dendrite_um : (k,) float64
        Length in that voxel.
    axon_outside_um, dendrite_outside_um : float
        Length beyond the grid, left out of the above.
    """

    axon_voxels: np.ndarray
    axon_um: np.ndarray
    dendrite_voxels: np.ndarray
    dendrite_um: np.ndarray
    axon_outside_um: float
    dendrite_outside_um: float


@dataclass(frozen=True, eq=False)
class Arbors:
    """The voxelised axons and dendrites of n neurons.

    Attributes
    ----------
    ids, regions, brains : (n,) arrays of str
        Empty text where a region or brain is not known.
    soma_um : (n, 3) float64
        Columns AP, DV, ML.
    axon, dendrite : scipy.sparse.csr_array (n, number of voxels) float32
        Length in µm; columns are flat voxel indices (C order: AP, DV, ML).
    voxel_um : float
    shape : tuple of 3 int
        Voxels along AP, DV, ML.
    """

    ids: np.ndarray
    regions: np.ndarray
    brains: np.ndarray
    soma_um: np.ndarray
    axon: sparse.csr_array
    dendrite: sparse.csr_array
    voxel_um: float
    shape: tuple

    def __len__(self):
        return len(self.ids)

    def take(self, rows):
        """The arbors of some neurons, by index or boolean mask."""
        names = (self.ids[rows], self.regions[rows], self.brains[rows], self.soma_um[rows])
        return Arbors(*names, self.axon[rows], self.dendrite[rows], self.voxel_um, self.shape)


def voxelise(neuron, voxel_um=25):
    """Lengths of one neuron by voxel, each segment cut exactly where it crosses from voxel to voxel.

    A segment belongs to the kind of its lower node: 2 is axon, 3 and 4 are dendrite. Inside and outside
    lengths together equal the neuron's lengths to rounding.

    Parameters
    ----------
    neuron : Neuron
    voxel_um : float
        Edge of a voxel; the grid covers 13200 x 8000 x 11400 µm from the origin.

    Returns
    -------
    VoxelLengths
    """
    shape = grid_shape(voxel_um)
    grid = (float(voxel_um), np.array(shape), np.array(GRID_UM))
    axon = _cut(neuron.xyz_um, neuron.parent, neuron.kind, AXON, AXON, *grid)
    dendrite = _cut(neuron.xyz_um, neuron.parent, neuron.kind, BASAL, APICAL, *grid)
    return VoxelLengths(*axon[:2], *dendrite[:2], axon[2], dendrite[2])


def voxelise_all(neurons, voxel_um=25, *, regions=None, brains=None):
    """Voxelise neurons and stack them.

    Parameters
    ----------
    neurons : sequence of Neuron
    voxel_um : float
    regions, brains : sequence of str, optional
        One a neuron.

    Returns
    -------
    Arbors
    """
    return stack_arbors(
        [neuron.id for neuron in neurons],
        [neuron.soma_um for neuron in neurons],
        [voxelise(neuron, voxel_um) for neuron in neurons],
        voxel_um,
        regions=regions,
        brains=brains,
    )


def stack_arbors(ids, soma_um, lengths, voxel_um, *, regions=None, brains=None):
    """Put the voxel lengths of single neurons together.

    Parameters
    ----------
    ids : sequence of str
    soma_um : sequence of (3,)
    lengths : sequence of VoxelLengths
    voxel_um : float
    regions, brains : sequence of str, optional

    Returns
    -------
    Arbors
    """
    n, shape = len(ids), grid_shape(voxel_um)
    return Arbors(
        ids=np.array(ids, dtype=object),
        regions=np.array([""] * n if regions is None else regions, dtype=object),
        brains=np.array([""] * n if brains is None else brains, dtype=object),
        soma_um=np.array(soma_um, dtype=float).reshape(n, 3),
        axon=_rows([item.axon_voxels for item in lengths], [item.axon_um for item in lengths], shape),
        dendrite=_rows(
            [item.dendrite_voxels for item in lengths], [item.dendrite_um for item in lengths], shape
        ),
        voxel_um=float(voxel_um),
        shape=shape,
    )


def write_arbors(path, arbors, provenance=None):
    """Write arbors to HDF5, lengths as float32 µm in compressed sparse rows."""
    arrays = {
        "ids": arbors.ids,
        "regions": arbors.regions,
        "brains": arbors.brains,
        "soma_um": arbors.soma_um,
    }
    arrays = {name: _as_text(values) for name, values in arrays.items()}
    units = {"soma_um": "um"}
    for name in ("axon", "dendrite"):
        matrix = getattr(arbors, name)
        arrays |= {f"{name}/{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}
        units[f"{name}/data"] = "um"
    attributes = {"kind": "arbors", "voxel_um": arbors.voxel_um, "grid": list(arbors.shape)}
    write_arrays(path, arrays, units=units, provenance=provenance, attributes=attributes)


def read_arbors(path, region=None):
    """Read arbors written by `write_arbors`, all of them or the rows of one region alone.

    Raises
    ------
    InputError
        If the file is not one of arbors, or has no neuron of that region.
    """
    with reading(path) as file:
        expected = "the arbors.h5 of the morphology stage"
        names, rows = stored_neurons(file, path, "arbors", expected, region)
        shape = tuple(int(size) for size in file.attrs["grid"])
        return Arbors(
            **names,
            axon=_read_rows(file["axon"], rows, shape),
            dendrite=_read_rows(file["dendrite"], rows, shape),
            voxel_um=float(file.attrs["voxel_um"]),
            shape=shape,
        )


def _rows(columns, values, shape):
    """Ragged columns and values as compressed sparse rows over the grid."""
    indptr = np.concatenate([[0], np.cumsum([len(row) for row in columns], dtype=np.int64)])
    flat, data = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)
    for k, (row, lengths) in enumerate(zip(columns, values, strict=True)):
        flat[indptr[k] : indptr[k + 1]], data[indptr[k] : indptr[k + 1]] = row, lengths
    return sparse.csr_array((data, flat, _narrow(indptr)), shape=(len(columns), int(np.prod(shape))))


def _narrow(indptr):
    """As int32 where that holds it: scipy widens the indices to the type of the pointers."""
    return indptr.astype(np.int32) if indptr[-1] < 2**31 else indptr


def _read_rows(group, rows, shape):
    """Some rows of a stored matrix, one read a run of neighbouring rows."""
    indptr = group["indptr"][:]
    places = spans(indptr, rows)
    data = np.concatenate([np.empty(0, np.float32), *(group["data"][span] for span in places)])
    indices = np.concatenate([np.empty(0, np.int32), *(group["indices"][span] for span in places)])
    starts = np.concatenate([[0], np.cumsum(indptr[rows + 1] - indptr[rows])])
    return sparse.csr_array((data, indices, _narrow(starts)), shape=(len(rows), int(np.prod(shape))))


def _as_text(values):
    return values.astype(str) if values.dtype == object else values


@njit(cache=True, nogil=True)
def _cut(xyz, parent, kind, first, last, voxel, shape, extents):
    """Voxels, each once and ascending, and lengths of the segments of some kinds; the length outside."""
    voxels, lengths = np.empty(4096, np.int64), np.empty(4096)
    count, outside = 0, 0.0
    cell, ahead, a, b = np.empty(3, np.int64), np.empty(3), np.empty(3), np.empty(3)
    for node in range(len(parent)):
        if parent[node] < 0 or kind[node] < first or kind[node] > last:
            continue
        for axis in range(3):
            a[axis], b[axis] = xyz[parent[node], axis], xyz[node, axis]
        length = np.sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2 + (b[2] - a[2]) ** 2)
        within = True
        for axis in range(3):
            cell[axis] = int(np.floor(a[axis] / voxel))
            within = within and cell[axis] == int(np.floor(b[axis] / voxel))
            within = within and min(a[axis], b[axis]) >= 0.0 and max(a[axis], b[axis]) < extents[axis]
        if within:  # as most segments are: nothing to cut
            here = (cell[0] * shape[1] + cell[1]) * shape[2] + cell[2]
            if count and voxels[count - 1] == here:
                lengths[count - 1] += length
                continue
            if count == len(voxels):
                voxels, lengths = _doubled(voxels), _doubled(lengths)
            voxels[count], lengths[count] = here, length
            count += 1
            continue
        enter, leave = _inside(a, b, extents)
        if leave <= enter:
            outside += length
            continue
        outside += length * (1.0 - (leave - enter))
        for axis in range(3):
            start = a[axis] + enter * (b[axis] - a[axis])
            cell[axis] = min(max(int(np.floor(start / voxel)), 0), shape[axis] - 1)
            ahead[axis] = _crossing(a[axis], b[axis], cell[axis], voxel)
        at = enter
        while at < leave:
            axis = 0 if ahead[0] <= ahead[1] and ahead[0] <= ahead[2] else (1 if ahead[1] <= ahead[2] else 2)
            upto = min(max(ahead[axis], at), leave)
            here = (cell[0] * shape[1] + cell[1]) * shape[2] + cell[2]
            moved = cell[axis] + (1 if b[axis] > a[axis] else -1)
            if moved < 0 or moved >= shape[axis]:
                upto = leave
            if upto > at:
                if count and voxels[count - 1] == here:
                    lengths[count - 1] += (upto - at) * length
                else:
                    if count == len(voxels):
                        voxels, lengths = _doubled(voxels), _doubled(lengths)
                    voxels[count], lengths[count] = here, (upto - at) * length
                    count += 1
            if upto >= leave:
                break
            at, cell[axis] = upto, moved
            ahead[axis] = _crossing(a[axis], b[axis], moved, voxel)
    voxels, lengths = _merged(voxels[:count], lengths[:count])
    return voxels, lengths, outside


@njit(cache=True, nogil=True)
def _doubled(values):
    return np.concatenate((values, np.empty_like(values)))


@njit(cache=True, nogil=True)
def _merged(voxels, lengths):
    """Each voxel once, ascending, with its summed length; sums run in the order of the pieces."""
    size = 16
    while size < 2 * len(voxels):
        size *= 2
    place, count = np.full(size, -1, np.int32), 0
    keys, sums = np.empty(len(voxels), np.int64), np.zeros(len(voxels))
    for k in range(len(voxels)):
        slot = np.int64((np.uint64(voxels[k]) * _SCATTER) >> _SHIFT) & (size - 1)
        while place[slot] >= 0 and keys[place[slot]] != voxels[k]:
            slot = (slot + 1) & (size - 1)
        if place[slot] < 0:
            place[slot] = count
            keys[count] = voxels[k]
            count += 1
        sums[place[slot]] += lengths[k]
    order = np.argsort(keys[:count])
    return keys[order], sums[order]


@njit(cache=True, nogil=True)
def _inside(a, b, extents):
    """The part of the segment from a to b that lies in the grid, as fractions; empty if leave <= enter."""
    enter, leave = 0.0, 1.0
    for axis in range(3):
        step = b[axis] - a[axis]
        if step == 0.0:
            if a[axis] < 0.0 or a[axis] >= extents[axis]:
                return 1.0, 0.0
            continue
        first, last = -a[axis] / step, (extents[axis] - a[axis]) / step
        enter, leave = max(enter, min(first, last)), min(leave, max(first, last))
    return enter, leave


@njit(cache=True, nogil=True)
def _crossing(a, b, cell, voxel):
    """The fraction of the way from a to b at which the segment leaves its cell along one axis."""
    if a == b:
        return np.inf
    return ((cell + (b > a)) * voxel - a) / (b - a)
