"""Two-photon and one-photon signals of an NWB file: RoiResponseSeries, wherever they are."""

from typing import NamedTuple

import numpy as np

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest
from digimus.recordings.series import sample_times
from digimus.recordings.tables import plain_columns
from digimus.recordings.units import UNKNOWN, column_regions, named_column, names


class Traces(NamedTuple):
    """Fluorescence of all cells: `times_s` (T,), increasing, and `values` (T, n_units)."""

    times_s: np.ndarray
    values: np.ndarray


def fluorescence_series(nwb):
    """Every RoiResponseSeries of the file, by ``module/container/series``.

    Fluorescence, dF/F, neuropil and deconvolved activity are different series of the same cells; NWB tells
    them by their names alone, so that one has to be chosen where there are several.
    """
    found = {}
    places = {"acquisition": nwb.acquisition}
    places.update((name, module.data_interfaces) for name, module in nwb.processing.items())
    for place, contents in places.items():
        for name, thing in contents.items():
            if any(kind.__name__ == "RoiResponseSeries" for kind in type(thing).__mro__):
                found[f"{place}/{name}"] = thing
            for inner, series in (getattr(thing, "roi_response_series", None) or {}).items():
                found[f"{place}/{name}/{inner}"] = series
    return found


def chosen_series(nwb, module, path):
    """The one fluorescence series that `module` leaves, or None if the file has none; see `read_session`."""
    found = fluorescence_series(nwb)
    if not found:
        return None
    chosen = [name for name in found if module is None or f"{name}/".startswith(f"{module.strip('/')}/")]
    if len(chosen) != 1:
        raise InputError(
            "There are several fluorescence series."
            if chosen
            else f"There is no fluorescence in {module!r}.",
            where=f"{path}, RoiResponseSeries",
            expected=f"one of {listed(found)}",
            got=listed(chosen) if chosen else module,
            hint=nearest(module or "", found)
            + "Name one as `module`, for example "
            + next(iter(found))
            + ".",
        )
    return found[chosen[0]]


def read_traces(series, path):
    """Times and values of a series, checked to fit each other.

    Values stored as (cells, times), as some programs write them, are turned round: that is known where the
    numbers of cells and of times differ. A square is taken as NWB has it, (times, cells).

    Returns
    -------
    Traces
        Values in the unit of the file, its conversion and offset applied.

    Raises
    ------
    InputError
        If they do not fit, or times do not increase.
    """
    values = np.asarray(series.data[:], np.float64)
    values = values[:, None] if values.ndim == 1 else values
    n_cells = len(series.rois.data)
    if values.ndim == 2 and values.shape[1] != n_cells and values.shape[0] == n_cells:
        values = values.T
    times_s = sample_times(series, len(values))
    fits = values.shape == (len(times_s), n_cells)
    if not fits or not (np.diff(times_s) > 0).all():
        raise InputError(
            "A fluorescence series does not fit its times and cells."
            if not fits
            else "The times of a fluorescence series do not increase.",
            where=f"{path}, {series.name}",
            expected=f"values of shape (times, cells) = ({len(times_s)}, {n_cells}), times increasing",
            got=f"values of shape {values.shape}",
            hint="Repair the file where it was made; nwbinspector names what is wrong.",
        )
    scale, offset = float(series.conversion or 1.0), float(series.offset or 0.0)
    return Traces(times_s, values if (scale, offset) == (1.0, 0.0) else values * scale + offset)


def read_cells(series, region_column, path):
    """Ids, regions and plain columns of the cells of a series.

    The region is that of the imaging plane, else that of a column named like one, or of `region_column`.
    """
    table = series.rois.table
    rows = np.asarray(series.rois.data[:], np.int64)
    if rows.size and not 0 <= rows.min() <= rows.max() < len(table):
        raise InputError(
            "A fluorescence series points to cells that are not there.",
            where=f"{path}, {series.name}/rois",
            expected=f"rows of {table.name}, 0 to {len(table) - 1}",
            got=f"rows {rows.min()} to {rows.max()}",
            hint="Repair the file where it was made; nwbinspector names what is wrong.",
        )
    ids = np.array([str(number) for number in np.asarray(table.id[:])[rows]], object)
    columns = plain_columns(table, skip=("pixel_mask", "image_mask", "voxel_mask"))[0]
    if region_column is not None:
        regions = named_column(table, region_column, f"{path}, {table.name}")[rows]
    else:
        plane = getattr(table, "imaging_plane", None)
        regions = np.repeat(names([getattr(plane, "location", None)]), len(rows))
        by_column = column_regions(table) if (regions == UNKNOWN).all() else None
        regions = regions if by_column is None else by_column[rows]
    return ids, regions, columns.iloc[rows].reset_index(drop=True)
