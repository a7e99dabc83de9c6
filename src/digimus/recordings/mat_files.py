"""One array of a MATLAB file, of either kind: version 5, and 7.3, which is HDF5 with the axes turned."""

from pathlib import Path

import h5py
import numpy as np

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest
from digimus.storage import check_contained, elsewhere


def read_array(path, key="array"):
    """A numeric array of a MATLAB file, its axes as MATLAB shows them.

    Parameters
    ----------
    path : str or Path
    key : str
        Name of the variable.

    Returns
    -------
    array of float64

    Raises
    ------
    InputError
        If the file is absent or no MATLAB file, has no such variable, or it is not an array of numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise _unreadable(path, "nothing there")
    try:
        values, names = _from_hdf5(path, key) if h5py.is_hdf5(path) else _from_version_5(path, key)
    except InputError:
        raise
    except Exception as error:  # scipy raises many kinds for a broken file
        raise _unreadable(path, f"{type(error).__name__}: {error}") from error
    if values is None:
        raise InputError(
            f"A MATLAB file has no variable {key!r}.",
            where=path,
            expected=key,
            got=listed(names),
            hint=nearest(key, names) + "The files of a day hold one array each.",
        )
    values = np.asarray(values)
    if values.dtype.kind not in "buif":
        raise InputError(
            f"The variable {key!r} is not an array of numbers.",
            where=f"{path}, {key}",
            expected="an array of numbers",
            got=f"{values.dtype}",
            hint="Cells, structures and text cannot be read; save the array by itself.",
        )
    return values.astype(np.float64)


def _from_version_5(path, key):
    """The array (None without one) and the names of all variables."""
    from scipy.io import loadmat, whosmat

    names = [name for name, _, _ in whosmat(path)]
    if key not in names:
        return None, names
    values = loadmat(path, variable_names=[key])[key]
    return values.toarray() if hasattr(values, "toarray") else values, names


def _from_hdf5(path, key):
    """Likewise, the axes turned back; an empty array holds its shape instead of values."""
    with h5py.File(path, "r") as file:
        check_contained(path, elsewhere(file))
        names = [name for name in file if not name.startswith("#")]
        if key not in file:
            return None, names
        node = file[key]
        if not isinstance(node, h5py.Dataset):
            return np.array("a group"), names
        if node.attrs.get("MATLAB_empty", 0):
            return np.empty(node[()].astype(int)), names
        return node[()].T, names


def _unreadable(path, got):
    return InputError(
        "A MATLAB file cannot be read.",
        where=path,
        expected="a whole file of version 5 or 7.3",
        got=got,
        hint="Copy it anew, or save it again in MATLAB.",
    )
