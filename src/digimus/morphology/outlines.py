"""Silhouettes of the brain and of regions, as seen along each axis, to draw neurons in."""

import numpy as np
import pandas as pd

from digimus.morphology.ccf import AXES

VIEWS = (("AP", "ML"), ("AP", "DV"), ("ML", "DV"))
COLUMNS = ("structure", "view", "ring", "x_um", "y_um")
BRAIN = "brain"
_STEP_UM = 100.0


def outline_table(atlas, regions):
    """The silhouettes of the brain and of some regions as rings of corners.

    Parameters
    ----------
    atlas : Atlas or None
    regions : sequence of str

    Returns
    -------
    pandas.DataFrame
        structure ("brain" or an acronym), view (such as "AP-ML": x is AP, y is ML), ring (0, 1, ... within a
        structure and view; holes are rings too), x_um, y_um (corners in order, along edges of squares of
        about 100 µm). No row without an annotation volume.
    """
    parts = []
    if atlas is not None and atlas.has_volume:
        labels = atlas.labels(regions)
        for k, name in enumerate([BRAIN, *regions]):
            mask = labels > 0 if k == 0 else labels == k
            for x, y in VIEWS:
                corners, edge_um = _silhouette(mask, AXES.index(x), AXES.index(y), atlas.voxel_um)
                for ring, points in enumerate(trace(corners)):
                    table = pd.DataFrame(points * edge_um, columns=["x_um", "y_um"])
                    parts.append(table.assign(structure=name, view=f"{x}-{y}", ring=ring))
    return pd.concat(parts)[list(COLUMNS)] if parts else pd.DataFrame(columns=list(COLUMNS))


def trace(mask):
    """The closed lines between the true and the false squares of a mask.

    Parameters
    ----------
    mask : (i, j) bool

    Returns
    -------
    list of (n, 2) int arrays
        Corners where a line turns, the first repeated at the end; true squares lie on one side throughout.
        Square (i, j) spans i to i + 1 and j to j + 1. Longest ring first.
    """
    padded = np.pad(np.asarray(mask, dtype=bool), 1)
    onward = {}
    for axis in (0, 1):
        change = np.diff(padded.astype(np.int8), axis=axis)
        for i, j in np.argwhere(change).tolist():
            ends = [(i, j - 1), (i, j)] if axis == 0 else [(i - 1, j), (i, j)]
            forward = (change[i, j] > 0) == (axis == 0)  # so that the true square is always on one side
            start, end = ends if forward else ends[::-1]
            onward.setdefault(start, []).append(end)
    rings = []
    while onward:
        start = at = next(iter(onward))
        before, ring = None, []
        while True:
            ends = onward[at]
            heading = None if before is None else (at[0] - before[0], at[1] - before[1])
            turn = [end for end in ends if heading != (end[0] - at[0], end[1] - at[1])]
            end = turn[0] if len(ends) > 1 and turn else ends[0]  # squares that meet at a corner stay apart
            ends.remove(end)
            if not ends:
                del onward[at]
            ring.append(at)
            before, at = at, end
            if at == start:
                break
        rings.append(_corners(np.array([*ring, start])))
    return sorted(rings, key=len, reverse=True)


def _corners(ring):
    """A closed ring without the points on straight stretches."""
    steps = np.diff(ring, axis=0)
    turns = (steps != np.roll(steps, 1, axis=0)).any(axis=1)
    kept = ring[:-1][turns]
    return np.vstack([kept, kept[:1]])


def _silhouette(mask, x, y, voxel_um):
    """Where a line of sight meets the mask, (along x, along y) bool, and the edge of its squares in µm."""
    seen = mask.any(axis=3 - x - y)
    seen = seen if x < y else seen.T
    step = max(int(_STEP_UM // voxel_um), 1)
    pad = [(0, -n % step) for n in seen.shape]
    seen = np.pad(seen, pad)
    blocks = seen.reshape(seen.shape[0] // step, step, seen.shape[1] // step, step)
    return blocks.mean(axis=(1, 3)) >= 0.5, step * voxel_um
