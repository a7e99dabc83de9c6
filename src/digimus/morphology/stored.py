"""Reading some neurons of the HDF5 files of the morphology stage, arbors and points, without the others."""

import numpy as np

from digimus.errors import InputError


def stored_neurons(file, path, kind, expected, region=None):
    """The names of the neurons that a file holds, and the rows of those that are wanted.

    Parameters
    ----------
    file : h5py.File
    path : str or Path
        For messages.
    kind : str
        What the file must hold, such as "arbors".
    expected : str
        Which file that is, for messages.
    region : str, optional
        Only its neurons; by default all.

    Returns
    -------
    names : dict
        ids, regions, brains and soma_um of the wanted neurons.
    rows : (n,) int64
        Ascending.

    Raises
    ------
    InputError
        If the file holds something else, or has no neuron of that region.
    """
    if file.attrs.get("kind") != kind:
        raise InputError(
            f"A file holds no {kind}.",
            where=path,
            expected=expected,
            got=f"an HDF5 file with {', '.join(file) or 'nothing'}",
            hint="Run the morphology stage, and name its output here.",
        )
    names = {name: file[name].asstr()[:].astype(object) for name in ("ids", "regions", "brains")}
    rows = np.arange(len(names["ids"])) if region is None else np.flatnonzero(names["regions"] == region)
    if region is not None and not len(rows):
        raise InputError(
            f"No neuron of the region {region!r} is there.",
            where=path,
            expected=f"one of {', '.join(sorted(set(names['regions'])))}",
            got=region,
            hint="Check the region's acronym, and the index that names the regions.",
        )
    names["soma_um"] = file["soma_um"][:]
    return {name: values[rows] for name, values in names.items()}, rows


def spans(indptr, rows):
    """Where the values of some rows lie: one slice a run of neighbouring rows, so that each is one read.

    Parameters
    ----------
    indptr : (n + 1,) int
        Values of row i are `indptr[i]` to `indptr[i + 1]`.
    rows : (k,) int

    Returns
    -------
    list of slice
    """
    runs = np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1) if len(rows) else []
    return [slice(int(indptr[run[0]]), int(indptr[run[-1] + 1])) for run in runs]
