"""The triad census: exact for 0/1 graphs, expected for independent edge probabilities.

Write M for mutual, A for one-way and N for null dyads. Only triads without a null dyad need a product
of matrices. Every other class follows from the number of wedges (two dyads that meet in a node), which
is a matter of degrees, less the wedges inside closed triads. So four products do for probabilities,
and six population counts per edge for 0/1 graphs.
"""

import numpy as np
import scipy.sparse as sp

from digimus.errors import InputError
from digimus.motifs import _bits, _sparse
from digimus.motifs.triads import TRIADS

MOST_BIT_BYTES = 4 * 2**30  # about 100,000 nodes; larger 0/1 graphs are counted by sparse products


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
    if weights is None:
        rows = bit_rows(adjacency)
        if rows is not None:
            return _bits.census_of_rows(rows)
    adjacency = checked_adjacency(adjacency)
    weights = np.ones(adjacency.shape[0]) if weights is None else np.asarray(weights, float)
    return expected_census_and_edges(sparse_or_dense(adjacency), weights)[0]


def bit_rows(adjacency):
    """The bit sets of a 0/1 matrix, straight from what was handed in; None for any other matrix.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)

    Returns
    -------
    numpy.ndarray, shape (n, 3, words), uint64, or None
        None too where the bit sets would take more than `MOST_BIT_BYTES`, and for matrices that
        `checked_adjacency` refuses or has to bring into order.
    """
    sparse = sp.issparse(adjacency)
    if not sparse:
        adjacency = np.asarray(adjacency)
    if adjacency.ndim != 2 or adjacency.shape[0] != adjacency.shape[1]:
        return None
    if 3 * adjacency.shape[0] * (adjacency.shape[0] + 63) // 8 > MOST_BIT_BYTES:
        return None
    if sparse:
        csr = adjacency if adjacency.format == "csr" else adjacency.tocsr()
        rows, found = _bits.rows_of_csr(csr.indptr, csr.indices, _plain(csr.data))
    else:
        rows, found = _bits.rows_of_dense(_plain(np.ascontiguousarray(adjacency)))
    return rows if found == _bits.FINE else None


def _plain(values):
    """Values in one of the four kinds that the compiled code is built for."""
    if values.dtype == bool:
        return values.view(np.uint8)
    if values.dtype in (np.uint8, np.int64, np.float32, np.float64):
        return values
    if values.dtype == np.int8:
        # -1 becomes 255, which is refused all the same.
        return values.view(np.uint8)
    return values.astype(np.int64 if values.dtype.kind in "iu" else np.float64)


def checked_adjacency(adjacency):
    """A square float64 matrix with zero diagonal (dense, or CSR if it came sparse), or an InputError."""
    sparse = sp.issparse(adjacency)
    if sparse:
        matrix = sp.csr_array(adjacency, dtype=float, copy=True)
        matrix.sum_duplicates()
    else:
        matrix = np.array(adjacency, dtype=float)
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
        matrix.data[np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr)) == matrix.indices] = 0
        matrix.eliminate_zeros()
    else:
        np.fill_diagonal(matrix, 0)
    return matrix


def participation(adjacency):
    """How much each neuron takes part in each triad class.

    The value is the mean of the row sums of the three cyclic rotations of a class's matrix product, so
    that the sum over neurons is the class's count: a third of the (expected) triads that hold the neuron.
    As in the census, only closed triads need products; the others follow from each neuron's wedges.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
        A sparse matrix is never made dense.

    Returns
    -------
    numpy.ndarray, shape (n, 16)
    """
    adjacency = checked_adjacency(adjacency)
    n = adjacency.shape[0]
    if n < 3:
        return np.zeros((n, len(TRIADS)))
    m, a = _dyads(adjacency)
    back = a.T.tocsr() if sp.issparse(a) else a.T
    row, column = (lambda x, y: _product_sum(x, y, 1)), (lambda x, y: _product_sum(x, y, 0))
    closed = SparseDyads(adjacency).closed() if sp.issparse(adjacency) else _closed_of_neurons(m, a)
    out, into, both = a.sum(1), a.sum(0), m.sum(1)
    out_squares, into_squares, mutual_squares = row(a, a), column(a, a), row(m, m)
    mutual_into, mutual_out, returned = row(m, back), row(m, a), row(a, back)
    wedges = {
        # A neuron is the middle of a wedge, or one of its ends.
        "021D": (out**2 - out_squares) / 2 + back @ out - into_squares,
        "021U": (into**2 - into_squares) / 2 + a @ into - out_squares,
        "021C": into * out + a @ out + back @ into - 3 * returned,
        "111D": both * into + m @ into + a @ both - mutual_into - 2 * mutual_out,
        "111U": both * out + m @ out + back @ both - mutual_out - 2 * mutual_into,
        "201": (both**2 - mutual_squares) / 2 + m @ both - mutual_squares,
    }
    one_way_pairs = (out + into) * (n - 2) + out.sum() - out - into
    mutual_pairs = both * (n - 2) + both.sum() / 2 - both
    n_triples = np.full(n, (n - 1) * (n - 2) / 2)
    counts = complete(closed, wedges, one_way_pairs, mutual_pairs, n_triples)
    return np.maximum(np.stack(counts, 1), 0.0) / 3


def _closed_of_neurons(m, a):
    """Closed triads that hold each neuron, by class, each of shape (n,); of dense matrices."""
    back = a.T
    aa, am, ma, mm, shared = a @ a, a @ m, m @ a, m @ m, back @ a
    row, column = (lambda x, y: _product_sum(x, y, 1)), (lambda x, y: _product_sum(x, y, 0))
    return {
        "030T": row(aa, a) + column(aa, a) + row(shared, a),
        "030C": row(aa, back),
        "120D": row(am, a) / 2 + column(am, a),
        "120U": row(ma, a) + column(ma, a) / 2,
        "120C": row(am, back) + column(am, back) + column(aa, m),
        "210": row(mm, a) + column(mm, a) + row(ma, m),
        "300": row(mm, m) / 2,
    }


def _product_sum(x, y, axis):
    """The elementwise product, summed over an axis."""
    return np.asarray((x.multiply(y) if sp.issparse(x) else x * y).sum(axis))


def sparse_or_dense(adjacency):
    """What `expected_census_and_edges` takes, from a checked adjacency; made once for many weights."""
    return SparseDyads(adjacency) if sp.issparse(adjacency) else _DenseDyads(adjacency)


def expected_census_and_edges(dyads, w):
    """The weighted expected census, and the weighted sums of one-way edges and of mutual pairs.

    Parameters
    ----------
    dyads : from `sparse_or_dense`
    w : array, shape (n,), float
        A triple counts w_i w_j w_k and a pair w_i w_j.

    Returns
    -------
    (array of shape (16,), float, float)
    """
    closed, (out, into, both), products = dyads.weighted(w)
    out_out, in_in, out_in, mutual_in, mutual_out, mutual_mutual = products
    # Pairs of dyads that meet in a node, the two outer nodes distinct.
    wedges = {
        "021D": w @ (out * out - out_out) / 2,
        "021U": w @ (into * into - in_in) / 2,
        "021C": w @ (into * out - out_in),
        "111D": w @ (both * into - mutual_in),
        "111U": w @ (both * out - mutual_out),
        "201": w @ (both * both - mutual_mutual) / 2,
    }
    squares, total, n_one_way, n_mutual = w**2, w.sum(), float(w @ out), float(w @ both) / 2
    # Dyads, each times the weight of the third nodes that it can be seen with.
    one_way_pairs = n_one_way * total - squares @ out - squares @ into
    mutual_pairs = n_mutual * total - squares @ both
    counts = complete(closed, wedges, one_way_pairs, mutual_pairs, triples(w))
    # Differences of large sums can end a rounding error below zero.
    return np.maximum(np.array(counts, float), 0.0), n_one_way, n_mutual


class SparseDyads:
    """One-way and mutual probabilities of a checked CSR matrix."""

    def __init__(self, adjacency):
        back = adjacency.T.tocsr()
        forth, back = ((x.indptr, x.indices, x.data) for x in (adjacency, back))
        self.arrays = (*forth, *_sparse.dyads_of_csr(*forth, *back), *back)
        self.n = adjacency.shape[0]

    def closed(self):
        """Closed triads that hold each neuron, by class, each of shape (n,)."""
        closed = _sparse.closed_and_degrees(*self.arrays, np.ones(self.n))[0]
        return dict(zip(_sparse.CLOSED, closed.T, strict=True))

    def weighted(self, w):
        """Closed triads by class, degrees (3, n), and products of dyads (6, n), all weighted."""
        closed, degrees, products = _sparse.closed_and_degrees(*self.arrays, w)
        return dict(zip(_sparse.CLOSED, closed.sum(0) / 3, strict=True)), degrees.T, products.T


class _DenseDyads:
    """The same of a dense matrix, by matrix products."""

    def __init__(self, adjacency):
        self.mutual, self.one_way = _dyads(adjacency)
        m, a = self.mutual, self.one_way
        pairs = ((a, a), (a.T, a.T), (a, a.T), (m, a.T), (m, a), (m, m))
        self.products = [x * y for x, y in pairs]

    def weighted(self, w):
        # Dyads scaled by sqrt(w) on both sides weigh triples by w_i w_j w_k.
        root = np.sqrt(w)
        m, a = (root[:, None] * x * root for x in (self.mutual, self.one_way))
        aa, mm, am, ma = a @ a, m @ m, a @ m, m @ a
        closed = {
            "030T": np.vdot(aa, a),
            "030C": np.vdot(aa, a.T) / 3,
            "120D": np.vdot(am, a) / 2,
            "120U": np.vdot(ma, a) / 2,
            "120C": np.vdot(am, a.T),
            "210": np.vdot(mm, a),
            "300": np.vdot(mm, m) / 6,
        }
        degrees = self.one_way @ w, w @ self.one_way, self.mutual @ w
        return closed, degrees, [x @ w**2 for x in self.products]


def _dyads(adjacency):
    if sp.issparse(adjacency):
        mutual = sp.csr_array(adjacency.multiply(adjacency.T))
        return mutual, sp.csr_array(adjacency - mutual)
    mutual = adjacency * adjacency.T
    return mutual, adjacency - mutual


def triples(w):
    """The summed weight of all triples of distinct nodes; C(n, 3) for unit weights."""
    total, squares, cubes = w.sum(), (w**2).sum(), (w**3).sum()
    return float(total**3 - 3 * total * squares + 2 * cubes) / 6


def complete(closed, wedges, one_way_pairs, mutual_pairs, n_triples):
    """All sixteen classes from the closed triads, the wedges, the dyads and the number of triples.

    Works on floats, arrays and torch tensors alike, and gives a list in the order of TRIADS.
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
    return [c[name] for name in TRIADS]
