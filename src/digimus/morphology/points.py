"""The nodes of axons and dendrites, for rules that count close points instead of shared voxels.

Points are float32 micrometres in the CCF, AP, DV, ML, as they stand in the reconstructions: nothing is
resampled. Neighbouring values are at most 0.001 µm apart there.
"""

import json
from dataclasses import dataclass

import h5py
import numpy as np

from digimus.morphology.stored import spans, stored_neurons
from digimus.morphology.swc import APICAL, AXON, BASAL
from digimus.storage import code_version, reading, writing

_BUFFERED = 1 << 18
_CHUNK = 1 << 13


@dataclass(frozen=True, eq=False)
class Points:
    """The axon and dendrite points of n neurons.

    Attributes
    ----------
    ids, regions, brains : (n,) arrays of str
        Empty text where a region or brain is not known.
    soma_um : (n, 3) float64
        Columns AP, DV, ML.
    axon_xyz, dendrite_xyz : (k, 3) float32
        Points of neuron i are the rows `indptr[i]` to `indptr[i + 1]`, µm, AP, DV, ML.
    axon_indptr, dendrite_indptr : (n + 1,) int64
    """

    ids: np.ndarray
    regions: np.ndarray
    brains: np.ndarray
    soma_um: np.ndarray
    axon_xyz: np.ndarray
    axon_indptr: np.ndarray
    dendrite_xyz: np.ndarray
    dendrite_indptr: np.ndarray

    def __len__(self):
        return len(self.ids)

    def take(self, rows):
        """The points of some neurons, by index or boolean mask."""
        rows = np.arange(len(self))[rows]
        axon, dendrite = (
            _gather(getattr(self, f"{kind}_xyz"), getattr(self, f"{kind}_indptr"), rows)
            for kind in ("axon", "dendrite")
        )
        names = (self.ids[rows], self.regions[rows], self.brains[rows], self.soma_um[rows])
        return Points(*names, *axon, *dendrite)


def neuron_points(neuron):
    """The axon points and the dendrite points of one neuron.

    Parameters
    ----------
    neuron : Neuron

    Returns
    -------
    axon, dendrite : (k, 3) float32
        µm; nodes of kind 2, and of kinds 3 and 4.
    """
    xyz = neuron.xyz_um.astype(np.float32)
    return xyz[neuron.kind == AXON], xyz[(neuron.kind == BASAL) | (neuron.kind == APICAL)]


def stack_points(neurons, regions=None, brains=None):
    """Put the points of neurons together in memory.

    Parameters
    ----------
    neurons : sequence of Neuron
    regions, brains : sequence of str, optional
        One a neuron.

    Returns
    -------
    Points
    """
    neurons, n = list(neurons), len(neurons)
    parts = [neuron_points(neuron) for neuron in neurons]
    return Points(
        ids=np.array([neuron.id for neuron in neurons], dtype=object),
        regions=np.array([""] * n if regions is None else regions, dtype=object),
        brains=np.array([""] * n if brains is None else brains, dtype=object),
        soma_um=np.array([neuron.soma_um for neuron in neurons], dtype=float).reshape(n, 3),
        axon_xyz=np.concatenate([np.empty((0, 3), np.float32), *(axon for axon, _ in parts)]),
        axon_indptr=_starts([len(axon) for axon, _ in parts]),
        dendrite_xyz=np.concatenate([np.empty((0, 3), np.float32), *(dendrite for _, dendrite in parts)]),
        dendrite_indptr=_starts([len(dendrite) for _, dendrite in parts]),
    )


class PointsWriter:
    """Write points to HDF5 neuron by neuron, so that memory does not grow with their number.

    Use as a context: the file gets its name when the block ends well, and is removed when it raises.

    Parameters
    ----------
    path : str or Path
    provenance : mapping, optional
        As in `digimus.storage.write_arrays`.
    """

    def __init__(self, path, provenance=None):
        self._context, self._provenance = writing(path), provenance
        self._names = {"ids": [], "regions": [], "brains": []}
        self._somas = []

    def __enter__(self):
        self._file = h5py.File(self._context.__enter__(), "w")
        self._columns = {kind: _Column(self._file, kind) for kind in ("axon", "dendrite")}
        return self

    def add(self, neuron, region="", brain=""):
        """Append one neuron.

        Parameters
        ----------
        neuron : Neuron
        region, brain : str
        """
        axon, dendrite = neuron_points(neuron)
        self._append(neuron.id, region, brain, neuron.soma_um, axon, dendrite)

    def _append(self, id, region, brain, soma_um, axon, dendrite):
        for name, value in zip(self._names, (id, region, brain), strict=True):
            self._names[name].append(str(value))
        self._somas.append(soma_um)
        self._columns["axon"].append(axon)
        self._columns["dendrite"].append(dendrite)

    def __exit__(self, kind, error, trace):
        try:
            if kind is None:
                self._finish()
        except BaseException as late:
            self._file.close()
            self._context.__exit__(type(late), late, late.__traceback__)
            raise
        self._file.close()
        return self._context.__exit__(kind, error, trace)

    def _finish(self):
        for column in self._columns.values():
            column.finish()
        for name, values in self._names.items():
            _put(self._file, name, np.array(values, dtype=h5py.string_dtype()))
        _put(self._file, "soma_um", np.array(self._somas, dtype=float).reshape(-1, 3), "um")
        provenance = {"digimus": code_version(), **(self._provenance or {})}
        self._file.attrs["kind"] = "points"
        self._file.attrs["provenance"] = json.dumps(provenance, sort_keys=True, default=str)


class _Column:
    """The points of one kind of neurite, held back until there are enough to write."""

    def __init__(self, file, kind):
        self.data = file.create_dataset(
            f"{kind}/xyz", (0, 3), np.float32, maxshape=(None, 3), chunks=(_CHUNK, 3), track_times=False
        )
        self.file, self.kind, self.held, self.n_held, self.sizes = file, kind, [], 0, []

    def append(self, xyz):
        self.sizes.append(len(xyz))
        self.held.append(xyz)
        self.n_held += len(xyz)
        if self.n_held >= _BUFFERED:
            self.flush()

    def flush(self):
        if self.n_held:
            first = len(self.data)
            self.data.resize(first + self.n_held, axis=0)
            self.data[first:] = np.concatenate(self.held)
        self.held, self.n_held = [], 0

    def finish(self):
        self.flush()
        self.data.attrs["unit"] = "um"
        self.data.attrs["shape"] = "x".join(map(str, self.data.shape))
        _put(self.file, f"{self.kind}/indptr", _starts(self.sizes))


def write_points(path, points, provenance=None):
    """Write points to HDF5.

    Parameters
    ----------
    path : str or Path
    points : Points
    provenance : mapping, optional
        As in `digimus.storage.write_arrays`.
    """
    with PointsWriter(path, provenance) as writer:
        for row in range(len(points)):
            axon = points.axon_xyz[slice(*points.axon_indptr[row : row + 2])]
            dendrite = points.dendrite_xyz[slice(*points.dendrite_indptr[row : row + 2])]
            names = (points.ids[row], points.regions[row], points.brains[row], points.soma_um[row])
            writer._append(*names, axon, dendrite)


def read_points(path, region=None):
    """Read points written by `PointsWriter` or `write_points`: all, or the neurons of one region alone.

    Raises
    ------
    InputError
        If the file is not one of points, or has no neuron of that region.
    """
    with reading(path) as file:
        expected = "the points.h5 of the morphology stage, written where connectome.rule is contact"
        names, rows = stored_neurons(file, path, "points", expected, region)
        axon, dendrite = (
            _gather(file[kind]["xyz"], file[kind]["indptr"][:], rows) for kind in ("axon", "dendrite")
        )
        return Points(
            **names,
            axon_xyz=axon[0],
            axon_indptr=axon[1],
            dendrite_xyz=dendrite[0],
            dendrite_indptr=dendrite[1],
        )


def _gather(xyz, indptr, rows):
    """Points of some neurons and where each begins, one read a run of neighbouring neurons."""
    indptr = np.asarray(indptr, np.int64)
    parts = [xyz[span] for span in spans(indptr, rows)]
    return np.concatenate([np.empty((0, 3), np.float32), *parts]), _starts(np.diff(indptr)[rows])


def _starts(sizes):
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)


def _put(file, name, values, unit="1"):
    dataset = file.create_dataset(name, data=values, track_times=False)
    dataset.attrs["unit"] = unit
    dataset.attrs["shape"] = "x".join(map(str, values.shape))
