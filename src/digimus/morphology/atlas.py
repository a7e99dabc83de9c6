"""Which brain region a point lies in: the CCFv3 annotation volume and the Allen structure tree."""

from pathlib import Path

import nrrd
import numpy as np

from digimus.errors import InputError
from digimus.storage import read_table
from digimus.suggest import did_you_mean

OUTSIDE = "outside"
_TREE_COLUMNS = ("id", "acronym", "parent_structure_id")


class Atlas:
    """Regions by position and by ancestry.

    Parameters
    ----------
    annotation : str or Path, optional
        The annotation volume (.nrrd, axes AP, DV, ML, isotropic voxels, structure ids); needed for
        `region_at` alone.
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
        if self._volume is None:
            raise _bad("No annotation volume was given.", "annotation", "an .nrrd of the CCFv3", "none")
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
    return {n: acronym for n, acronym, _ in rows}, {n: parent for n, _, parent in rows if parent != n}


def _read_volume(path):
    """The annotation volume and the edge of its voxels in µm."""
    try:
        volume, header = nrrd.read(str(path))
    except (OSError, ValueError, KeyError, EOFError, nrrd.NRRDError) as error:
        got = str(error) if Path(path).exists() else "nothing there"
        raise _bad("An annotation volume cannot be read.", path, "an .nrrd file", got) from error
    edges = np.abs(np.asarray(header.get("space directions", header.get("spacings", np.nan)), dtype=float))
    edges = np.diag(edges) if edges.ndim == 2 else np.atleast_1d(edges)
    if volume.ndim != 3 or not (np.isfinite(edges).all() and (edges == edges[0]).all() and edges[0] > 0):
        got = f"shape {volume.shape}, edges {edges}"
        raise _bad("An annotation volume has no isotropic voxels.", path, "3 axes, one voxel size in µm", got)
    return volume, float(edges[0])


def _bad(what, where, expected, got):
    hint = "Take annotation_25.nrrd (axes AP, DV, ML) and the structure tree of the Allen CCFv3."
    return InputError(what, where=where, expected=expected, got=got, hint=hint)
