"""Potential synapses from overlapping length densities (Peters' rule), and the probability of an edge.

For isotropic thin neurites that come within the reach s of each other, the expected number of potential
synapses of axon i and dendrite j is n_ij = (π/2) s Σ_v La_i(v) Ld_j(v) / V_v (Stepanyants & Chklovskii
2005); a fraction f of them being filled at random gives P_ij = 1 - exp(-f n_ij).
"""

import numpy as np
import scipy  # loads spatial, ndimage and optimize on first use: few jobs need all of them
from scipy import sparse

from digimus.errors import InputError
from digimus.morphology import Arbors, voxelise_all

_TRUNCATE_SD = 3.0
_BLOCK = 64  # voxels; wider than any ordinary dendrite at 25 µm


def potential_connectivity(
    neurons,
    *,
    voxel_um=25,
    blur_um=25,
    reach_um=2,
    filling_fraction=0.2,
    target_density=None,
    within_um=100,
    field_length_um=None,
    field_radius_um=None,
):
    """Connection probability of every pair of neurons.

    Parameters
    ----------
    neurons : sequence of Neuron, or Arbors
        Arbors bring their own voxel size.
    voxel_um : float
        Edge of a voxel, used where neurons are not voxelised yet.
    blur_um : float
        Standard deviation of the Gaussian blur of each axon and each dendrite; registration between
        brains errs by tens of micrometres.
    reach_um : float
        Distance s at which axon and dendrite can form a synapse.
    filling_fraction : float
        f, the share of potential synapses that are synapses.
    target_density : float, optional
        Choose f so that the mean of P over pairs of somata closer than `within_um` equals this.
    within_um : float or None
        None: all pairs.
    field_length_um, field_radius_um : float, optional
        Total length and root-mean-square radius of the field given to neurons without dendrites; by
        default the means over the neurons that have dendrites.

    Returns
    -------
    scipy.sparse.csr_array (n, n) float64
        Row presynaptic, zero diagonal, values in [0, 1]. A neuron without axon has an empty row.

    Raises
    ------
    InputError
        If a setting is out of range, no neuron has dendrites and no field is given, or the target
        density cannot be reached.
    """
    arbors = neurons if isinstance(neurons, Arbors) else voxelise_all(list(neurons), voxel_um)
    fields = {"field_length_um": field_length_um, "field_radius_um": field_radius_um}
    synapses, _ = potential_synapses(arbors, blur_um=blur_um, reach_um=reach_um, **fields)
    if target_density is not None:
        filling_fraction = calibrate_filling(synapses, arbors.soma_um, target_density, within_um=within_um)
    return connection_probability(synapses, filling_fraction)


def potential_synapses(arbors, *, blur_um=25, reach_um=2, field_length_um=None, field_radius_um=None):
    """Expected potential synapses n_ij of every ordered pair.

    Blurring axons and dendrites by `blur_um` each equals blurring the dendrites alone by √2 times as
    much, which is what is done, truncated at three standard deviations, the length conserved.

    Returns
    -------
    synapses : scipy.sparse.csr_array (n, n) float64
        Row presynaptic, zero diagonal.
    has_field : (n,) bool
        Neurons without dendrites, which got an isotropic field around the soma.

    Raises
    ------
    InputError
        As in `potential_connectivity`.
    """
    _at_least("blur_um", blur_um, 0)
    _above("reach_um", reach_um, 0)
    n = len(arbors)
    has_field = np.diff(arbors.dendrite.indptr) == 0
    if n == 0 or not arbors.axon.nnz:
        return sparse.csr_array((n, n)), has_field
    field = mean_field(arbors, field_length_um, field_radius_um)
    axon, dendrite, _ = shared_columns(arbors, blur_um, *field)
    overlap = (axon @ dendrite.T).tocsr()
    overlap.setdiag(0.0)
    overlap.eliminate_zeros()
    overlap.sort_indices()
    return sparse.csr_array(overlap * (0.5 * np.pi * reach_um / arbors.voxel_um**3)), has_field


def connection_probability(synapses, filling_fraction):
    """P = 1 - exp(-f n), with the sparsity of n."""
    if not (np.isfinite(filling_fraction) and filling_fraction > 0):
        raise _out_of_range("filling_fraction", "a number above 0, usually .1 to .3", filling_fraction)
    probability = synapses.copy()
    probability.data = -np.expm1(-filling_fraction * synapses.data)
    return probability


def calibrate_filling(synapses, soma_um, target_density, *, within_um=100):
    """The filling fraction f at which near pairs are connected with a mean probability.

    Parameters
    ----------
    synapses : sparse (n, n)
        Potential synapses.
    soma_um : (n, 3)
    target_density : float
        In (0, 1).
    within_um : float or None
        Pairs count whose somata are closer than this; None: all pairs.

    Returns
    -------
    float
        May exceed one where reconstructions miss synapses that the density asks for.

    Raises
    ------
    InputError
        If no pair is that close, or too few of them overlap for that density.
    """
    if not 0 < target_density < 1:
        raise _out_of_range("target_density", "a share between 0 and 1", target_density)
    n = len(soma_um)
    if within_um is None:
        n_pairs, near = n * (n - 1), synapses.data
    else:
        _above("within_um", within_um, 0)
        tree = scipy.spatial.cKDTree(soma_um)
        n_pairs = int(tree.count_neighbors(tree, within_um)) - n
        rows = np.repeat(np.arange(n), np.diff(synapses.indptr))
        apart = np.linalg.norm(soma_um[rows] - soma_um[synapses.indices], axis=1)
        near = synapses.data[apart <= within_um]
    near = near[near > 0]
    if len(near) <= target_density * n_pairs:
        raise InputError(
            "The target density cannot be reached.",
            where="target_density",
            expected=f"less than {len(near) / max(n_pairs, 1):.3g}, the share of such pairs that overlap",
            got=f"{target_density:g} over {n_pairs} pairs",
            hint="Lower it, widen within_um, or give a filling_fraction instead.",
        )

    def excess(log_filling):
        return -np.expm1(-np.exp(log_filling) * near).sum() / n_pairs - target_density

    low = np.log(target_density * n_pairs / near.sum())  # P <= f n, so the density is still too low here
    high = low + 1.0
    while excess(high) < 0:
        high += 1.0
    return float(np.exp(scipy.optimize.brentq(excess, low - 1e-9, high, xtol=1e-14)))


def shared_columns(arbors, blur_um, field_length_um, field_radius_um):
    """Axons and blurred dendrites as sparse rows over the voxels where both can be.

    Parameters
    ----------
    arbors : Arbors
    blur_um : float
    field_length_um, field_radius_um : float
        Of the field for neurons without dendrites, as `mean_field` gives them.

    Returns
    -------
    axon, dendrite : scipy.sparse.csr_array (n, m) float64
        Length in µm.
    voxels : (m,) int64
        The flat voxel of each column, ascending.
    """
    sd_um = np.sqrt(2.0) * blur_um
    field_sd_um = np.hypot(field_radius_um / np.sqrt(3.0), sd_um)

    def boxes(row):
        if arbors.dendrite.indptr[row] == arbors.dendrite.indptr[row + 1]:
            return [_field_box(arbors, row, field_length_um, field_sd_um)]
        return _blurred_boxes(arbors, row, sd_um)

    return _common_columns(arbors, boxes, *_dendrite_span(arbors, sd_um, field_sd_um))


def _dendrite_span(arbors, sd_um, field_sd_um):
    """First and one past the last voxel along each axis that a blurred dendrite or a field can reach."""
    cells = np.stack(np.unravel_index(arbors.dendrite.indices, arbors.shape), axis=1)
    reach = len(_kernel(sd_um / arbors.voxel_um)) // 2
    lows, highs = [cells - reach], [cells + reach + 1]
    somas = arbors.soma_um[np.diff(arbors.dendrite.indptr) == 0] / arbors.voxel_um
    if len(somas):
        reach = _TRUNCATE_SD * field_sd_um / arbors.voxel_um
        lows.append(np.floor(somas - reach).astype(np.int64))
        highs.append(np.floor(somas + reach).astype(np.int64) + 1)
    low = np.maximum(np.concatenate(lows).min(axis=0), 0)
    return low, np.minimum(np.concatenate(highs).max(axis=0), arbors.shape)


def _blurred_boxes(arbors, row, sd_um):
    """A neuron's dendrite, blurred, as dense boxes, each with the grid position of its first corner.

    A box covers a block of the dendrite's voxels; what is blurred out of it overlaps with other boxes and
    adds up, so that a far-flung dendrite needs no box of its whole extent.
    """
    begin, end = arbors.dendrite.indptr[row : row + 2]
    cells = np.stack(np.unravel_index(arbors.dendrite.indices[begin:end], arbors.shape), axis=1)
    um = arbors.dendrite.data[begin:end].astype(float)
    kernel = _kernel(sd_um / arbors.voxel_um)
    blocks = (cells - cells.min(axis=0)) // _BLOCK
    _, block = np.unique(blocks, axis=0, return_inverse=True) if blocks.any() else (None, blocks[:, 0])
    for number in range(block.max() + 1):
        here = block == number
        yield _blurred_box(cells[here], um[here], kernel)


def _blurred_box(cells, um, kernel):
    """Lengths in some voxels, blurred along each axis, as a dense box and its first corner."""
    corner = cells.min(axis=0) - len(kernel) // 2
    box = np.zeros(cells.max(axis=0) - corner + len(kernel) // 2 + 1)
    box[tuple((cells - corner).T)] = um
    if len(kernel) > 1:
        for axis in range(3):
            box = scipy.ndimage.convolve1d(box, kernel, axis=axis, mode="constant")
    return corner, box


def _kernel(sd):
    """A Gaussian of this standard deviation in voxels, truncated and of sum one."""
    reach = int(_TRUNCATE_SD * sd + 0.5)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(sd, 1e-9)) ** 2)
    return weights / weights.sum()


def _field_box(arbors, row, length_um, sd_um):
    """An isotropic Gaussian field around the soma, integrated over each voxel, of this total length."""
    soma = arbors.soma_um[row] / arbors.voxel_um
    reach = _TRUNCATE_SD * sd_um / arbors.voxel_um
    corner = np.floor(soma - reach).astype(np.int64)
    weights = []
    for axis in range(3):
        edges = np.arange(corner[axis], np.floor(soma[axis] + reach) + 2)
        steps = np.clip(edges - soma[axis], -reach, reach) * arbors.voxel_um / sd_um
        weights.append(np.diff(scipy.special.ndtr(steps)))
    box = weights[0][:, None, None] * weights[1][:, None] * weights[2]
    return corner, box * (length_um / box.sum())


def mean_field(arbors, length_um=None, radius_um=None):
    """Mean dendritic length and root-mean-square distance from the soma, over neurons that have dendrites.

    Parameters
    ----------
    arbors : Arbors
    length_um, radius_um : float, optional
        Taken as they are where given.

    Returns
    -------
    length_um, radius_um : float
        Both nan where every neuron has dendrites, and no field is needed.

    Raises
    ------
    InputError
        If a field is needed, and neither given nor to be had.
    """
    if (np.diff(arbors.dendrite.indptr) > 0).all():
        return float("nan"), float("nan")
    if length_um is None or radius_um is None:
        rows = np.flatnonzero(np.diff(arbors.dendrite.indptr))
        if not len(rows):
            raise InputError(
                "No neuron has dendrites to take a mean field from.",
                where="field_length_um, field_radius_um",
                expected="both given where all reconstructions are axons alone",
                got=f"length {length_um}, radius {radius_um}",
                hint="Take them from reconstructions of the same region that have dendrites.",
            )
        measured = np.array([_extent(arbors, row) for row in rows]).mean(axis=0)
        length_um, radius_um = (
            mean if given is None else given
            for mean, given in zip(measured, (length_um, radius_um), strict=True)
        )
    _above("field_length_um", length_um, 0)
    _above("field_radius_um", radius_um, 0)
    return float(length_um), float(radius_um)


def _extent(arbors, row):
    """A neuron's dendritic length and its root-mean-square distance from the soma, µm."""
    begin, end = arbors.dendrite.indptr[row : row + 2]
    cells = np.stack(np.unravel_index(arbors.dendrite.indices[begin:end], arbors.shape), axis=1)
    lengths = arbors.dendrite.data[begin:end].astype(float)
    squares = (((cells + 0.5) * arbors.voxel_um - arbors.soma_um[row]) ** 2).sum(axis=1)
    return lengths.sum(), np.sqrt((lengths * squares).sum() / lengths.sum())


def _common_columns(arbors, boxes, low, high):
    """Axons, blurred dendrites and the flat voxels of the columns, over the box that holds all dendrites.

    What a blur moves beyond the grid is dropped: no axon is there.
    """
    size = np.maximum(high - low, 0)
    axon_rows = np.repeat(np.arange(len(arbors)), np.diff(arbors.axon.indptr))
    cells = np.unravel_index(arbors.axon.indices, arbors.shape)
    inside = np.all([(low[k] <= cells[k]) & (cells[k] < high[k]) for k in range(3)], axis=0)
    axon_flat = np.ravel_multi_index([cells[k][inside] - low[k] for k in range(3)], size)
    axon_um = arbors.axon.data[inside].astype(float)

    column = np.full(int(size.prod()), -1, np.int32)
    column[axon_flat] = 0
    used = np.flatnonzero(column == 0)
    column[used] = np.arange(len(used))
    shape = (len(arbors), len(used))
    axon = sparse.csr_array((axon_um, (axon_rows[inside], column[axon_flat])), shape=shape)
    indices, data, indptr = [np.empty(0, np.int32)], [np.empty(0)], np.zeros(len(arbors) + 1, np.int64)
    for row in range(len(arbors)):
        parts = [_dense_row(corner, box, low, high, column, size) for corner, box in boxes(row)]
        indices += [columns for columns, _ in parts]
        data += [um for _, um in parts]
        indptr[row + 1] = indptr[row] + sum(len(columns) for columns, _ in parts)
    dendrite = sparse.csr_array((np.concatenate(data), np.concatenate(indices), indptr), shape=shape)
    at = np.unravel_index(used, np.maximum(size, 1)) if len(used) else np.empty((3, 0), np.int64)
    return axon, dendrite, np.ravel_multi_index([at[k] + low[k] for k in range(3)], arbors.shape)


def _dense_row(corner, box, low, high, column, size):
    """Columns and values of a box where some axon is."""
    first, last = np.maximum(corner, low), np.minimum(corner + box.shape, high)
    if (first >= last).any():
        return np.empty(0, np.int32), np.empty(0)
    inner = box[tuple(slice(*span) for span in zip(first - corner, last - corner, strict=True))]
    region = tuple(slice(*span) for span in zip(first - low, last - low, strict=True))
    columns = column.reshape(size)[region]
    kept = (columns >= 0) & (inner > 0)
    return columns[kept], inner[kept]


def _above(name, value, bound):
    if not (np.isfinite(value) and value > bound):
        raise _out_of_range(name, f"a number above {bound}", value)


def _at_least(name, value, bound):
    if not (np.isfinite(value) and value >= bound):
        raise _out_of_range(name, f"a number of at least {bound}", value)


def _out_of_range(name, expected, got):
    hint = "Correct it in the configuration; the defaults suit CCF-registered neurons."
    return InputError(f"{name} is out of range.", where=name, expected=expected, got=got, hint=hint)
