"""Which brain region a point lies in: the CCFv3 annotation volume and the Allen structure tree.

Regions of several levels may be chosen at once; a structure then belongs to the nearest of them above it.
"""

from itertools import permutations
from pathlib import Path

import nrrd
import numpy as np
from numba import njit

from digimus.errors import InputError
from digimus.morphology.ccf import AXES, GRID_UM, grid_shape
from digimus.storage import read_table
from digimus.suggest import did_you_mean

OUTSIDE = "outside"
_TREE_COLUMNS = ("id", "acronym", "parent_structure_id")


class Atlas:
    """Regions by position and by ancestry.

    Parameters
    ----------
    annotation : str or Path, optional
        The annotation volume (.nrrd, axes AP, DV, ML, isotropic voxels, structure ids, of the size of the
        CCF grid); needed for `region_at` alone.
    tree : str or Path, optional
        A structure tree with the columns id, acronym, parent_structure_id; by default the Allen tree
        that iblatlas carries.

    Raises
    ------
    InputError
        If a file is absent or is not what it should be.
    """

    def __init__(self, annotation=None, tree=None):
        self._acronym, self._parent = _read_tree(tree)
        self._id = {acronym: number for number, acronym in self._acronym.items()}
        self._where = annotation
        self._volume, self.voxel_um = (None, None) if annotation is None else _read_volume(annotation)

    @property
    def has_volume(self):
        """Whether an annotation volume was given."""
        return self._volume is not None

    def __contains__(self, acronym):
        return acronym in self._id

    def related(self, one, other):
        """Whether two structures are one, or one of them lies in the other."""
        return one in self._path_up(other) or other in self._path_up(one)

    def labels(self, regions):
        """Which of the chosen regions each voxel of the annotation belongs to.

        Parameters
        ----------
        regions : sequence of str

        Returns
        -------
        (i, j, k) int16
            0 outside the brain, 1 the first region, 2 the second, ...; one more than there are regions in
            the rest of the brain.

        Raises
        ------
        InputError
            If there is no annotation volume, or a region is not in the tree.
        """
        self._need_volume()
        regions = list(regions)
        place = {region: k + 1 for k, region in enumerate(regions)} | {None: len(regions) + 1}
        numbers = np.array(sorted(self._acronym), np.int64)
        rolled = self.roll_up([self._acronym[number] for number in numbers.tolist()], regions)
        return _labelled(self._volume, numbers, np.array([place[region] for region in rolled], np.int16))

    def labels_on_grid(self, regions, voxel_um):
        """As `labels`, for the voxels of the CCF grid of `grid_shape`, by their centres, as a flat array."""
        labels = self.labels(regions)
        if voxel_um == self.voxel_um and labels.shape == grid_shape(voxel_um):
            return labels.ravel()
        grid = np.zeros(grid_shape(voxel_um), np.int16)
        centres = [((np.arange(n) + 0.5) * voxel_um / self.voxel_um).astype(int) for n in grid.shape]
        centres = [cells[cells < n] for cells, n in zip(centres, labels.shape, strict=True)]
        grid[tuple(slice(len(cells)) for cells in centres)] = labels[np.ix_(*centres)]
        return grid.ravel()

    def region_at(self, xyz_um):
        """Acronym of the structure at each point, "outside" beyond the brain.

        Parameters
        ----------
        xyz_um : (n, 3) or (3,)
            CCF micrometres, AP, DV, ML.

        Returns
        -------
        list of str
        """
        self._need_volume()
        cells = np.floor(np.atleast_2d(xyz_um) / self.voxel_um).astype(np.int64)
        inside = ((cells >= 0) & (cells < self._volume.shape)).all(axis=1)
        numbers = np.zeros(len(cells), np.int64)
        numbers[inside] = self._volume[tuple(cells[inside].T)]
        return [self._acronym.get(number, OUTSIDE) if number else OUTSIDE for number in numbers.tolist()]

    def roll_up(self, acronyms, regions):
        """The nearest of the chosen regions that each structure is or lies in; None where there is none.

        Raises
        ------
        InputError
            If a chosen region is not in the tree.
        """
        for region in regions:
            if region not in self._id:
                raise InputError(
                    f"The region {region!r} is not in the structure tree.",
                    where="regions",
                    expected="acronyms of the Allen structure tree, such as CP or VISp",
                    got=region,
                    hint=self._closest(region),
                )
        chosen = {self._id[region] for region in regions}
        return [self._nearest(acronym, chosen) for acronym in acronyms]

    def _closest(self, region):
        hint = did_you_mean(region, self._id)
        return hint if hint.startswith("Did") else "Acronyms are case-sensitive; see the structure tree."

    def _need_volume(self):
        if self._volume is None:
            raise _bad("No annotation volume was given.", "annotation", "an .nrrd of the CCFv3", "none")

    def _path_up(self, acronym):
        """The structure and all that it lies in; empty if it is not in the tree."""
        number, path = self._id.get(acronym), []
        while number is not None:
            path.append(self._acronym.get(number))
            number = self._parent.get(number)
        return path

    def _nearest(self, acronym, chosen):
        number = self._id.get(acronym)
        while number is not None and number not in chosen:
            number = self._parent.get(number)
        return None if number is None else self._acronym[number]


def _read_tree(tree):
    """Acronym and parent id of each structure id."""
    if tree is None:
        from iblatlas.regions import BrainRegions  # takes half a second, and most runs need no atlas

        regions = BrainRegions()
        numbers, acronyms, parents = regions.id, regions.acronym, regions.parent
    else:
        table = read_table(tree, _TREE_COLUMNS)
        numbers, acronyms, parents = (table[name].to_numpy() for name in _TREE_COLUMNS)
    entries = zip(numbers, acronyms, parents, strict=True)
    try:
        rows = [(int(n), str(acronym), None if p != p else int(p)) for n, acronym, p in entries]
    except ValueError as error:
        raise _bad(
            "A structure tree has an id that is not a number.", tree, "whole numbers", error
        ) from error
    rows = [row for row in rows if row[0] > 0]
    parent_of = {n: parent for n, _, parent in rows if parent != n}
    for number in parent_of:
        above, steps = parent_of.get(number), 0
        while above is not None and steps <= len(parent_of):
            above, steps = parent_of.get(above), steps + 1
        if above is not None:
            raise _bad("A structure tree has a cycle.", tree, "every path up ends", f"a cycle above {number}")
    return {n: acronym for n, acronym, _ in rows}, parent_of


def _read_volume(path):
    """The annotation volume and the edge of its voxels in µm."""
    try:
        volume, header = nrrd.read(str(path))
    except (OSError, ValueError, KeyError, EOFError, MemoryError, nrrd.NRRDError) as error:
        got = str(error) if Path(path).exists() else "nothing there"
        raise _bad("An annotation volume cannot be read.", path, "an .nrrd file", got) from error
    if {"data file", "datafile"} & set(header):
        raise _bad("An annotation volume lies in another file.", path, "header and voxels in one file", "two")
    volume = np.ascontiguousarray(volume)
    edges = np.abs(np.asarray(header.get("space directions", header.get("spacings", np.nan)), dtype=float))
    edges = np.diag(edges) if edges.ndim == 2 else np.atleast_1d(edges)
    if volume.ndim != 3 or not (np.isfinite(edges).all() and (edges == edges[0]).all() and edges[0] > 0):
        got = f"shape {volume.shape}, edges {edges}"
        raise _bad("An annotation volume has no isotropic voxels.", path, "3 axes, one voxel size in µm", got)
    _check_extent(volume.shape, float(edges[0]), path)
    return volume, float(edges[0])


def _check_extent(shape, voxel_um, path):
    """Refuse a volume that differs from the CCF grid by more than a voxel, along any axis."""

    def fits(order):
        return all(abs(shape[k] * voxel_um - um) <= voxel_um for k, um in zip(order, GRID_UM, strict=True))

    if fits(range(3)):
        return
    what = "An annotation volume does not have the size of the CCFv3."
    order = next((order for order in permutations(range(3)) if fits(order)), None)
    if order is not None:
        found = ", ".join(AXES[order.index(k)] for k in range(3))
        what = f"The axes of an annotation volume are in another order, by their lengths {found}."
    expected = "AP, DV, ML of {:g} x {:g} x {:g} µm, within a voxel".format(*GRID_UM)
    got = "{} x {} x {} voxels".format(*shape) + f" of {voxel_um:g} µm: "
    got += "{:g} x {:g} x {:g} µm".format(*(n * voxel_um for n in shape))
    raise _bad(what, path, expected, got)


@njit(cache=True, nogil=True)
def _labelled(volume, numbers, labels):
    """The label of each voxel's structure id; 0 for ids that are not among the numbers (ascending)."""
    flat, found = volume.ravel(), np.zeros(volume.size, np.int16)
    last, label = np.int64(0), np.int16(0)
    for k in range(len(flat)):
        number = np.int64(flat[k])
        if number != last:  # neighbours mostly share their structure
            place = np.searchsorted(numbers, number)
            known = number != 0 and place < len(numbers) and numbers[place] == number
            last, label = number, (labels[place] if known else np.int16(0))
        found[k] = label
    return found.reshape(volume.shape)


def _bad(what, where, expected, got):
    hint = "Take annotation_25.nrrd (axes AP, DV, ML) and the structure tree of the Allen CCFv3."
    return InputError(what, where=where, expected=expected, got=got, hint=hint)
