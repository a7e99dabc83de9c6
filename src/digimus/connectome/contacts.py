"""Contacts: how many points of an axon come close to a dendrite, for all pairs of neurons at once.

The count of a pair is the number of axon points within `contact_um` of any point of the dendrite. It goes
by the points of the reconstruction, so it grows with how densely an axon was traced: reconstructions that
are compared should have like spacing (about 1 µm in one public set, tens of µm in another).

All dendrite points are binned once into columns along the third axis, sorted within a column; axons are
streamed past them. Time grows with the axon points and with the pairs of points that are close, memory with
the dendrite points and the pairs that are reported.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy import sparse

from digimus.errors import InputError

_MOST_COLUMNS = 1 << 22
_MOST_BLOCKS = 1 << 25


@dataclass(frozen=True, eq=False)
class ContactIndex:
    """The dendrite points of n neurons, binned.

    Attributes
    ----------
    n : int
    contact_um : float
    xyz : (k, 3) float32
        Points by column, ascending along ML within one.
    owner : (k,) int32
        The neuron of each.
    first : (number of columns + 1,) int64
        Where each column begins; columns are squares of AP and DV in C order.
    low, edge : (2,) float64
        Corner and edges of the columns, µm.
    shape : (2,) int64
    near : (a, b, c) bool
        Blocks that some dendrite point may reach.
    near_low, near_edge : (3,) float64
    """

    n: int
    contact_um: float
    xyz: np.ndarray
    owner: np.ndarray
    first: np.ndarray
    low: np.ndarray
    edge: np.ndarray
    shape: np.ndarray
    near: np.ndarray
    near_low: np.ndarray
    near_edge: np.ndarray


def contact_index(dendrite_xyz, dendrite_indptr, contact_um=5):
    """Bin the dendrite points of all neurons.

    Parameters
    ----------
    dendrite_xyz : (k, 3) float32
        µm; points of neuron j are the rows `indptr[j]` to `indptr[j + 1]`.
    dendrite_indptr : (n + 1,) int
    contact_um : float

    Returns
    -------
    ContactIndex

    Raises
    ------
    InputError
        If the distance is not above zero.
    """
    if not (np.isfinite(contact_um) and contact_um > 0):
        raise InputError(
            "contact_um is out of range.",
            where="contact_um",
            expected="a number above 0, usually 5",
            got=contact_um,
            hint="Correct it in the configuration.",
        )
    xyz = np.ascontiguousarray(dendrite_xyz, np.float32)
    owner = np.repeat(np.arange(len(dendrite_indptr) - 1, dtype=np.int32), np.diff(dendrite_indptr))
    low, extent = (np.zeros(3), np.zeros(3)) if not len(xyz) else (xyz.min(axis=0), np.ptp(xyz, axis=0))
    low, extent, reach = low.astype(float), extent.astype(float), float(contact_um)
    edge = np.maximum(reach, extent[:2] / np.sqrt(_MOST_COLUMNS))
    shape = (extent[:2] / edge).astype(np.int64) + 1
    column = ((xyz[:, :2] - low[:2]) / edge).astype(np.int64) @ np.array([shape[1], 1])
    first = np.concatenate([[0], np.cumsum(np.bincount(column, minlength=shape.prod()))]).astype(np.int64)
    order = _in_columns(column, xyz[:, 2].copy(), first)
    near_low = low - reach
    near_edge = np.maximum(2 * reach, (extent + 2 * reach) / np.cbrt(_MOST_BLOCKS))
    near = np.zeros(((extent + 2 * reach) / near_edge).astype(np.int64) + 1, bool)
    _mark(xyz, near, near_low, near_edge, reach)
    return ContactIndex(
        n=len(dendrite_indptr) - 1,
        contact_um=reach,
        xyz=xyz[order],
        owner=owner[order],
        first=first,
        low=low[:2],
        edge=edge,
        shape=shape,
        near=near,
        near_low=near_low,
        near_edge=near_edge,
    )


def count_contacts(index, axon_xyz, axon_indptr, rows=None):
    """Contacts of some axons with all dendrites of an index.

    Parameters
    ----------
    index : ContactIndex
    axon_xyz : (k, 3) float32
    axon_indptr : (m + 1,) int
    rows : (m,) int, optional
        Which neuron of the index each axon is of; its own dendrite is left out. By default the first m.

    Returns
    -------
    scipy.sparse.csr_array (m, n) int64
        Number of axon points within `contact_um` of any point of the dendrite; the distance itself counts.
    """
    indptr = np.asarray(axon_indptr, np.int64)
    rows = np.arange(len(indptr) - 1) if rows is None else np.asarray(rows)
    counts, columns, starts = _count(
        np.ascontiguousarray(axon_xyz, np.float32),
        indptr,
        rows.astype(np.int64),
        *(index.xyz, index.owner, index.first, index.low, index.edge, index.shape),
        *(index.near, index.near_low, index.near_edge),
        *(index.contact_um, index.n),
    )
    matrix = sparse.csr_array((counts, columns, starts), shape=(len(rows), index.n))
    matrix.sort_indices()
    return matrix


def contacts(points, contact_um=5):
    """Contacts of every ordered pair of neurons.

    Parameters
    ----------
    points : Points
    contact_um : float

    Returns
    -------
    scipy.sparse.csr_array (n, n) int64
        Row presynaptic, zero diagonal. A neuron without axon has an empty row, one without dendrites an
        empty column.

    Raises
    ------
    InputError
        As `contact_index`.
    """
    index = contact_index(points.dendrite_xyz, points.dendrite_indptr, contact_um)
    return count_contacts(index, points.axon_xyz, points.axon_indptr)


def contact_probability(counts, n_contacts_min=1):
    """1 where a pair has at least so many contacts, 0 elsewhere: the edges of the contact rule.

    Parameters
    ----------
    counts : sparse (n, n)
    n_contacts_min : int

    Returns
    -------
    scipy.sparse.csr_array (n, n) float64

    Raises
    ------
    InputError
        If the smallest number is below one.
    """
    if not n_contacts_min >= 1:
        raise InputError(
            "n_contacts_min is out of range.",
            where="n_contacts_min",
            expected="1 or more",
            got=n_contacts_min,
            hint="With 1, every pair with a contact is an edge.",
        )
    probability = sparse.csr_array(counts, dtype=float, copy=True)
    probability.data = (probability.data >= n_contacts_min).astype(float)
    probability.eliminate_zeros()
    return probability


@njit(cache=True)
def _in_columns(column, height, first):
    """The order of the points by column, and by height within a column; equal ones stay in order."""
    order, free = np.empty(len(column), np.int64), first[:-1].copy()
    for k in range(len(column)):
        order[free[column[k]]] = k
        free[column[k]] += 1
    for c in range(len(first) - 1):
        begin, end = first[c], first[c + 1]
        if end - begin > 64:
            part = order[begin:end].copy()
            order[begin:end] = part[np.argsort(height[part], kind="mergesort")]
            continue
        for k in range(begin + 1, end):
            moved, at = order[k], k
            while at > begin and height[order[at - 1]] > height[moved]:
                order[at] = order[at - 1]
                at -= 1
            order[at] = moved
    return order


@njit(cache=True)
def _mark(xyz, near, low, edge, reach):
    """Mark the blocks that lie within reach of a point along each axis."""
    first, last = np.empty(3, np.int64), np.empty(3, np.int64)
    for k in range(len(xyz)):
        for axis in range(3):
            at = np.float64(xyz[k, axis]) - low[axis]
            first[axis] = max(int((at - reach) / edge[axis] - 1e-6), 0)
            last[axis] = min(int((at + reach) / edge[axis] + 1e-6), near.shape[axis] - 1)
        for a in range(first[0], last[0] + 1):
            for b in range(first[1], last[1] + 1):
                for c in range(first[2], last[2] + 1):
                    near[a, b, c] = True


@njit(cache=True)
def _count(axons, indptr, rows, xyz, owner, first, low, edge, shape, near, near_low, near_edge, reach, n):
    """Counts, columns and row starts of the contacts of each axon."""
    squared = reach * reach
    tally, seen = np.zeros(n, np.int64), np.full(n, -1, np.int64)
    touched = np.empty(n, np.int64)
    counts, columns = np.empty(1024, np.int64), np.empty(1024, np.int64)
    starts = np.zeros(len(rows) + 1, np.int64)
    filled = 0
    for row in range(len(rows)):
        own, n_touched = rows[row], 0
        for k in range(indptr[row], indptr[row + 1]):
            x, y, z = np.float64(axons[k, 0]), np.float64(axons[k, 1]), np.float64(axons[k, 2])
            a, b, c = (
                (x - near_low[0]) / near_edge[0],
                (y - near_low[1]) / near_edge[1],
                (z - near_low[2]) / near_edge[2],
            )
            if not (0 <= a < near.shape[0] and 0 <= b < near.shape[1] and 0 <= c < near.shape[2]):
                continue
            if not near[int(a), int(b), int(c)]:
                continue
            i0, i1 = _columns_within(x - low[0], reach, edge[0], shape[0])
            j0, j1 = _columns_within(y - low[1], reach, edge[1], shape[1])
            for i in range(i0, i1 + 1):
                for j in range(j0, j1 + 1):
                    column = i * shape[1] + j
                    at, end = first[column], first[column + 1]
                    bottom, top = at, end
                    while bottom < top:
                        middle = (bottom + top) >> 1
                        if np.float64(xyz[middle, 2]) < z - reach:
                            bottom = middle + 1
                        else:
                            top = middle
                    for p in range(bottom, end):
                        up = np.float64(xyz[p, 2]) - z
                        if up > reach:
                            break
                        other = owner[p]
                        if seen[other] == k or other == own:
                            continue
                        across, along = np.float64(xyz[p, 0]) - x, np.float64(xyz[p, 1]) - y
                        if across * across + along * along + up * up <= squared:
                            seen[other] = k
                            if tally[other] == 0:
                                touched[n_touched] = other
                                n_touched += 1
                            tally[other] += 1
        if filled + n_touched > len(counts):
            more = max(len(counts), n_touched)
            counts = np.concatenate((counts, np.empty(more, np.int64)))
            columns = np.concatenate((columns, np.empty(more, np.int64)))
        for t in range(n_touched):
            counts[filled], columns[filled] = tally[touched[t]], touched[t]
            tally[touched[t]] = 0
            filled += 1
        starts[row + 1] = filled
    return counts[:filled].copy(), columns[:filled].copy(), starts


@njit(inline="always")
def _columns_within(at, reach, edge, n):
    """First and last of the n columns along an axis that a point reaches; last below first where none."""
    first, last = np.floor((at - reach) / edge - 1e-6), np.floor((at + reach) / edge + 1e-6)
    return int(max(first, 0.0)), int(min(last, n - 1.0))
