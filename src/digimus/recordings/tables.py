"""Tables of an NWB file as DataFrames: trials, other intervals, and the columns of units."""

import h5py
import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest

TRIALS = "trials"


def plain_columns(table, skip=()):
    """The columns of a table that hold one value a row.

    Numbers and booleans stay as they are, text is decoded, codes of an enumeration become their names, and
    columns of mixed text, numbers and nothing become text, ``""`` where there is nothing.

    Parameters
    ----------
    table : hdmf.common.DynamicTable
    skip : collection of str
        Columns that are not even looked at.

    Returns
    -------
    columns : DataFrame
        One row a row of the table.
    left_out : dict of str to str
        Why the other columns are not in it, by name.
    """
    columns, left_out = {}, {}
    for name in table.colnames:
        if name in skip:
            continue
        reason = _reason(table[name])
        values = None if reason else plain_values(table[name])
        if values is None:
            left_out[name] = reason or "objects"
        else:
            columns[name] = values
    return pd.DataFrame(columns, index=pd.RangeIndex(len(table))), left_out


def _reason(column):
    """Why a column is not plain, empty if it may be; nothing is read."""
    if hasattr(column, "target"):
        return "several values a row"
    if hasattr(column, "table"):
        return "rows of another table"
    if "ReferenceDataset" in type(column.data).__name__:
        return "references to other objects"
    n_dimensions = np.ndim(column.data)
    return "" if n_dimensions == 1 else f"{n_dimensions} dimensions"


def plain_values(column):
    """Values of a column with one a row, as `plain_columns` has them; None if they are other objects."""
    values = np.asarray(column.data[:])
    elements = getattr(column, "elements", None)
    if elements is not None:
        return np.array([_text(name) for name in elements.data[:]], object)[values]
    names = h5py.check_enum_dtype(getattr(column.data, "dtype", np.dtype(float)))
    if names and values.dtype.kind in "iu":
        by_code = {code: name for name, code in names.items()}
        return np.array([by_code.get(code, "") for code in values.tolist()], object)
    if values.dtype.kind in "fiub":
        return values
    if values.dtype.kind not in "SUO":
        return None
    plain = values.tolist()
    if not all(value is None or isinstance(value, _SCALARS) for value in plain):
        return None
    if plain and all(isinstance(value, _NUMBERS) for value in plain):
        return np.array(plain, float)
    return np.array(["" if value is None else _text(value) for value in plain], object)


_NUMBERS = (bool, int, float, np.number, np.bool_)
_SCALARS = (str, bytes, *_NUMBERS)


def _text(value):
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def interval_tables(nwb):
    """Every table of intervals of a file, by name: trials, epochs, and those that a laboratory added.

    Tables in acquisition and processing have their place before the name: ``behavior/licks``.
    """
    found = {name: getattr(nwb, name) for name in (TRIALS, "epochs", "invalid_times")}
    found |= dict(nwb.intervals or {})
    places = {"acquisition": nwb.acquisition}
    places.update((name, module.data_interfaces) for name, module in nwb.processing.items())
    for place, contents in places.items():
        found.update((f"{place}/{name}", thing) for name, thing in contents.items() if _is_intervals(thing))
    return {name: table for name, table in found.items() if table is not None}


def _is_intervals(thing):
    return {"start_time", "stop_time"} <= set(getattr(thing, "colnames", None) or ())


def read_trials(nwb, name, path):
    """The trials, or another table of intervals in their stead.

    Parameters
    ----------
    nwb : pynwb.NWBFile
    name : str or None
        Which table; the trials if None, and then an empty DataFrame if the file has none.
    path : Path
        For messages.

    Returns
    -------
    DataFrame
        The plain columns, `start_time` and `stop_time` among them, seconds.

    Raises
    ------
    InputError
        If there is no table of that name, or its times are not numbers.
    """
    tables = interval_tables(nwb)
    if name is not None and name not in tables:
        raise InputError(
            f"There is no table of intervals {name!r}.",
            where=f"{path}, intervals/{name}",
            expected=f"one of {listed(tables)}",
            got=name,
            hint=nearest(name, tables) + "`python -m digimus.recordings FILE` lists what a file offers.",
        )
    table = tables.get(name or TRIALS)
    if table is None:
        return pd.DataFrame({"start_time": np.empty(0), "stop_time": np.empty(0)})
    columns, _ = plain_columns(table)
    for edge in ("start_time", "stop_time"):
        if edge not in columns or columns[edge].dtype.kind not in "fiu":
            raise InputError(
                "The times of trials are not numbers.",
                where=f"{path}, intervals/{name or TRIALS}/{edge}",
                expected="one number a trial, seconds",
                got=f"a column of {columns[edge].dtype}" if edge in columns else "no such plain column",
                hint="Repair the file where it was made; nwbinspector names what is wrong.",
            )
    return columns
