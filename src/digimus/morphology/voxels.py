"""Length densities: how many micrometres of axon and of dendrite a neuron has in each CCF voxel."""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import sparse

from digimus.errors import InputError
from digimus.morphology.ccf import GRID_UM, grid_shape
from digimus.morphology.swc import APICAL, AXON, BASAL
from digimus.storage import reading, write_arrays


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
    axon = _lengths_by_voxel(neuron, neuron.kind == AXON, voxel_um, shape)
    dendrite = _lengths_by_voxel(neuron, (neuron.kind == BASAL) | (neuron.kind == APICAL), voxel_um, shape)
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
        if file.attrs.get("kind") != "arbors":
            raise InputError(
                "A file holds no arbors.",
                where=path,
                expected="the arbors.h5 of the morphology stage",
                got=f"an HDF5 file with {', '.join(file) or 'nothing'}",
                hint="Run the morphology stage, and name its output here.",
            )
        names = {name: _text(file[name]) for name in ("ids", "regions", "brains")}
        rows = np.arange(len(names["ids"])) if region is None else np.flatnonzero(names["regions"] == region)
        if region is not None and not len(rows):
            raise InputError(
                f"No neuron of the region {region!r} is there.",
                where=path,
                expected=f"one of {', '.join(sorted(set(names['regions'])))}",
                got=region,
                hint="Check the region's acronym, and the index that names the regions.",
            )
        shape = tuple(int(size) for size in file.attrs["grid"])
        return Arbors(
            **{name: values[rows] for name, values in names.items()},
            soma_um=file["soma_um"][:][rows],
            axon=_read_rows(file["axon"], rows, shape),
            dendrite=_read_rows(file["dendrite"], rows, shape),
            voxel_um=float(file.attrs["voxel_um"]),
            shape=shape,
        )


def _lengths_by_voxel(neuron, wanted, voxel_um, shape):
    """Voxels (ascending), lengths and the length outside of the wanted nodes' segments."""
    extents = np.array(GRID_UM)
    voxels, lengths, outside = _cut(
        neuron.xyz_um, neuron.parent, wanted, float(voxel_um), np.array(shape), extents
    )
    if not len(voxels):
        return voxels, lengths, outside
    order = np.argsort(voxels, kind="stable")
    voxels, lengths = voxels[order], lengths[order]
    starts = np.flatnonzero(np.r_[True, voxels[1:] != voxels[:-1]])
    return voxels[starts], np.add.reduceat(lengths, starts), outside


def _rows(columns, values, shape):
    """Ragged columns and values as compressed sparse rows over the grid."""
    sizes = [len(row) for row in columns]
    indptr = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    flat = np.concatenate([np.empty(0, np.int64), *columns]).astype(np.int32)
    data = np.concatenate([np.empty(0), *values]).astype(np.float32)
    return sparse.csr_array((data, flat, indptr), shape=(len(sizes), int(np.prod(shape))))


def _read_rows(group, rows, shape):
    """Some rows of a stored matrix, one read a run of neighbouring rows."""
    indptr = group["indptr"][:]
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []
    spans = [slice(indptr[run[0]], indptr[run[-1] + 1]) for run in runs]
    data = np.concatenate([np.empty(0, np.float32), *(group["data"][span] for span in spans)])
    indices = np.concatenate([np.empty(0, np.int32), *(group["indices"][span] for span in spans)])
    starts = np.concatenate([[0], np.cumsum(indptr[rows + 1] - indptr[rows])])
    return sparse.csr_array((data, indices, starts), shape=(len(rows), int(np.prod(shape))))


def _as_text(values):
    return values.astype(str) if values.dtype == object else values


def _text(dataset):
    return dataset.asstr()[:].astype(object)


@njit(cache=True)
def _cut(xyz, parent, wanted, voxel, shape, extents):
    """Voxel and length of each piece of the wanted segments, in order of nodes; the length outside."""
    voxels, lengths = np.empty(1024, np.int64), np.empty(1024)
    count, outside = 0, 0.0
    cell, ahead = np.empty(3, np.int64), np.empty(3)
    for node in range(len(parent)):
        if parent[node] < 0 or not wanted[node]:
            continue
        a, b = xyz[parent[node]], xyz[node]
        length = np.sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2 + (b[2] - a[2]) ** 2)
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
            axis = np.argmin(ahead)
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
                        voxels = np.concatenate((voxels, np.empty(count, np.int64)))
                        lengths = np.concatenate((lengths, np.empty(count)))
                    voxels[count], lengths[count] = here, (upto - at) * length
                    count += 1
            if upto >= leave:
                break
            at, cell[axis] = upto, moved
            ahead[axis] = _crossing(a[axis], b[axis], moved, voxel)
    return voxels[:count].copy(), lengths[:count].copy(), outside


@njit(cache=True)
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


@njit(cache=True)
def _crossing(a, b, cell, voxel):
    """The fraction of the way from a to b at which the segment leaves its cell along one axis."""
    if a == b:
        return np.inf
    return ((cell + (b > a)) * voxel - a) / (b - a)
