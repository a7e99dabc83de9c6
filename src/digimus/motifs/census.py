"""The triad census: exact for 0/1 graphs, expected for independent edge probabilities.

Write M for mutual, A for one-way and N for null dyads. Only triads without a null dyad need a product
of matrices. Every other class follows from the number of wedges (two dyads that meet in a node), which
is a matter of degrees, less the wedges inside closed triads. So four products do for probabilities,
and six population counts per edge for 0/1 graphs.
"""

import numpy as np
import scipy.sparse as sp

from digimus.errors import InputError
from digimus.motifs import _bits
from digimus.motifs.triads import TRIADS


def triad_census(adjacency, weights=None):
    """Count the sixteen triads of a directed graph.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
        `adjacency[i, j]` is the edge i -> j: 0 or 1, or the probability of an independent edge.
        The diagonal is ignored.
    weights : array, shape (n,), optional
        Non-negative node weights; a triple of distinct nodes then counts w_i w_j w_k. Multinomial
        weights give the bootstrap over neurons.

    Returns
    -------
    numpy.ndarray, shape (16,), float64
        Counts in the order of `TRIADS`. For probabilities, their expectation.

    Raises
    ------
    InputError
        If the matrix is not square or holds values outside [0, 1].
    """
    adjacency = checked_adjacency(adjacency)
    if weights is None and _is_binary(adjacency):
        return _bits.census(*_edges(adjacency))
    weights = np.ones(adjacency.shape[0]) if weights is None else np.asarray(weights, float)
    return _expected_census(adjacency, weights)


def checked_adjacency(adjacency):
    """A square float64 matrix with zero diagonal (dense, or CSR if it came sparse), or an InputError."""
    sparse = sp.issparse(adjacency)
    matrix = sp.csr_array(adjacency, dtype=float) if sparse else np.array(adjacency, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(
            "An adjacency matrix must be square.",
            where="adjacency",
            expected="shape (n, n)",
            got=f"shape {matrix.shape}",
            hint="Rows are presynaptic neurons and columns postsynaptic ones, in the same order.",
        )
    values = matrix.data if sparse else matrix
    if values.size and not (np.min(values) >= 0 and np.max(values) <= 1):
        raise InputError(
            "An adjacency matrix holds values that are no probabilities.",
            where="adjacency",
            expected="finite values from 0 to 1",
            got=f"values from {np.min(values)} to {np.max(values)}",
            hint="Binarise counts or weights first, or turn them into probabilities.",
        )
    if sparse:
        matrix = sp.csr_array(matrix - sp.diags_array(matrix.diagonal(), format="csr"))
        matrix.eliminate_zeros()
    else:
        np.fill_diagonal(matrix, 0)
    return matrix


def participation(adjacency):
    """How much each neuron takes part in each triad class.

    The value is the mean of the row sums of the three cyclic rotations of a class's matrix product, so
    that the sum over neurons is the class's count.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)

    Returns
    -------
    numpy.ndarray, shape (n, 16)
    """
    adjacency = checked_adjacency(adjacency)
    edge = adjacency.toarray() if sp.issparse(adjacency) else adjacency
    mutual, one_way, none = edge * edge.T, edge * (1 - edge.T), (1 - edge) * (1 - edge.T)
    np.fill_diagonal(none, 0)
    back = one_way.T
    factors = {
        "003": (none, none, none, 6), "012": (one_way, none, none, 1), "102": (mutual, none, none, 2),
        "021D": (back, one_way, none, 2), "021U": (one_way, back, none, 2),
        "021C": (one_way, one_way, none, 1), "111D": (mutual, back, none, 1),
        "111U": (mutual, one_way, none, 1), "030T": (one_way, one_way, back, 1),
        "030C": (one_way, one_way, one_way, 3), "201": (mutual, mutual, none, 2),
        "120D": (back, one_way, mutual, 2), "120U": (one_way, back, mutual, 2),
        "120C": (one_way, one_way, mutual, 1), "210": (mutual, mutual, one_way, 1),
        "300": (mutual, mutual, mutual, 6),
    }  # fmt: skip
    shares = np.empty((edge.shape[0], len(TRIADS)))
    for column, name in enumerate(TRIADS):
        x, y, z, symmetry = factors[name]
        rotations = (((x @ y) * z.T), ((y @ z) * x.T), ((z @ x) * y.T))
        shares[:, column] = sum(rotation.sum(1) for rotation in rotations) / (3 * symmetry)
    return shares


def _is_binary(adjacency):
    values = adjacency.data if sp.issparse(adjacency) else adjacency
    return bool(np.all((values == 0) | (values == 1)))


def _edges(adjacency):
    """Number of nodes, and the presynaptic and postsynaptic node of every edge."""
    pre, post = adjacency.nonzero()
    return adjacency.shape[0], pre.astype(np.int64), post.astype(np.int64)


def _expected_census(adjacency, w):
    """The weighted expected census: dyads scaled by sqrt(w) on both sides weigh triples by w_i w_j w_k."""
    mutual, one_way = _dyads(adjacency)
    root = np.sqrt(w)
    m, a = _scaled(mutual, root), _scaled(one_way, root)
    aa, mm, am, ma = a @ a, m @ m, a @ m, m @ a
    closed = {
        "030T": _inner(aa, a),
        "030C": _inner(aa, a.T) / 3,
        "120D": _inner(am, a) / 2,
        "120U": _inner(ma, a) / 2,
        "120C": _inner(am, a.T),
        "210": _inner(mm, a),
        "300": _inner(mm, m) / 6,
    }
    return complete(closed, _wedges(mutual, one_way, w), *_pairs(mutual, one_way, w), triples(w))


def _dyads(adjacency):
    if sp.issparse(adjacency):
        mutual = sp.csr_array(adjacency.multiply(adjacency.T))
        return mutual, sp.csr_array(adjacency - mutual)
    mutual = adjacency * adjacency.T
    return mutual, adjacency - mutual


def _scaled(matrix, root):
    if sp.issparse(matrix):
        scale = sp.diags_array(root, format="csr")
        return sp.csr_array(scale @ matrix @ scale)
    return root[:, None] * matrix * root


def _inner(x, y):
    """The sum of the elementwise product."""
    return float(x.multiply(y).sum()) if sp.issparse(x) else float(np.vdot(x, y))


def _wedges(mutual, one_way, w):
    """Expected pairs of dyads that meet in a node, by kind; the two outer nodes are distinct."""

    def meeting(x, y):
        # x and y list the dyads of the middle node: row j holds its partners.
        squares = (x.multiply(y) if sp.issparse(x) else x * y) @ w**2
        return float(w @ ((x @ w) * (y @ w) - squares))

    out, into = one_way, one_way.T
    return {
        "021D": meeting(out, out) / 2,
        "021U": meeting(into, into) / 2,
        "021C": meeting(into, out),
        "111D": meeting(mutual, into),
        "111U": meeting(mutual, out),
        "201": meeting(mutual, mutual) / 2,
    }


def _pairs(mutual, one_way, w):
    """One-way and mutual dyads, each times the weight of the third nodes that it can be seen with."""

    def with_third(matrix):
        return float(w @ (matrix @ w)) * w.sum() - float(w**2 @ (matrix @ w)) - float(w @ (matrix @ w**2))

    return with_third(one_way), with_third(mutual) / 2


def triples(w):
    """The summed weight of all triples of distinct nodes; C(n, 3) for unit weights."""
    total, squares, cubes = w.sum(), (w**2).sum(), (w**3).sum()
    return float(total**3 - 3 * total * squares + 2 * cubes) / 6


def complete(closed, wedges, one_way_pairs, mutual_pairs, n_triples):
    """All sixteen classes from the closed triads, the wedges, the dyads and the number of triples.

    Works on floats and on torch tensors alike.
    """
    c = dict(closed)
    c["021D"] = wedges["021D"] - c["030T"] - c["120D"]
    c["021U"] = wedges["021U"] - c["030T"] - c["120U"]
    c["021C"] = wedges["021C"] - c["030T"] - 3 * c["030C"] - c["120C"]
    c["111D"] = wedges["111D"] - 2 * c["120D"] - c["120C"] - c["210"]
    c["111U"] = wedges["111U"] - 2 * c["120U"] - c["120C"] - c["210"]
    c["201"] = wedges["201"] - c["210"] - 3 * c["300"]
    two_way = c["120D"] + c["120U"] + c["120C"]
    one_mutual = c["111D"] + c["111U"]
    open_chains = c["021D"] + c["021U"] + c["021C"]
    loops = c["030T"] + c["030C"]
    c["012"] = one_way_pairs - 2 * open_chains - one_mutual - 3 * loops - 2 * two_way - c["210"]
    c["102"] = mutual_pairs - one_mutual - 2 * c["201"] - two_way - 2 * c["210"] - 3 * c["300"]
    rest = sum(c[name] for name in TRIADS[1:])
    c["003"] = n_triples - rest
    values = [c[name] for name in TRIADS]
    if isinstance(values[0], float):
        # Differences of large sums can end a rounding error below zero.
        return np.maximum(np.array(values), 0.0)
    return values
