"""The differentiable census: expected triad counts of a matrix of edge probabilities, in torch and numba."""

import numpy as np
import torch

from digimus.motifs.census import complete
from digimus.motifs.dense import join_gradients, split_dyads

_CLOSED = ("030T", "030C", "120D", "120U", "120C", "210", "300")
_WEDGES = ("021D", "021U", "021C", "111D", "111U", "201")


def _classes_of_features():
    """The linear map (16, 16) from closed triads, wedges, dyads and triples to the classes."""
    columns = []
    for unit in np.eye(16):
        closed, wedges = (
            dict(zip(_CLOSED, unit[:7], strict=True)),
            dict(zip(_WEDGES, unit[7:13], strict=True)),
        )
        columns.append(complete(closed, wedges, *unit[13:]))
    return torch.tensor(np.array(columns).T)


_CLASSES = _classes_of_features()


_AA, _MA, _AM, _MM, _A, _M, _BACK, _AtA, _AAt = range(9)
"""Matrices that the census and its gradient are made of: products of the one-way and mutual dyads, the dyads
themselves, the one-way dyads transposed, and the numbers of shared targets and sources."""
_OUT, _INTO, _BOTH = range(3)


def _features_of_moments():
    """The linear map (15, 29) from inner products, of matrices and of degrees, and degree sums to features.

    The moments are <A, X>, <M, X> and <A', X> for the first six matrices X, the nine inner products of the
    degrees out, into and both, and the sums of out and both times n - 2.
    """
    rows = {name: np.zeros(29) for name in (*_CLOSED, *_WEDGES, "pairs", "both pairs")}

    def add(name, value, *, inner=None, degrees=None):
        place = 6 * inner[0] + inner[1] if inner else 18 + 3 * degrees[0] + degrees[1]
        rows[name][place] += value

    a, m, back = range(3)
    add("030T", 1, inner=(a, _AA))
    add("030C", 1 / 3, inner=(back, _AA))
    add("120D", 1 / 2, inner=(a, _AM))
    add("120U", 1 / 2, inner=(a, _MA))
    add("120C", 1, inner=(back, _AM))
    add("210", 1, inner=(a, _MM))
    add("300", 1 / 6, inner=(m, _MM))
    for name, first, second, value, returned in (
        ("021D", _OUT, _OUT, 1 / 2, (a, _A)),
        ("021U", _INTO, _INTO, 1 / 2, (a, _A)),
        ("021C", _INTO, _OUT, 1, (back, _A)),
        ("111D", _BOTH, _INTO, 1, (a, _M)),
        ("111U", _BOTH, _OUT, 1, (a, _M)),
        ("201", _BOTH, _BOTH, 1 / 2, (m, _M)),
    ):
        # A wedge's two ends are distinct.
        add(name, value, degrees=(first, second))
        add(name, -value, inner=returned)
    rows["pairs"][27], rows["both pairs"][28] = 1, 1 / 2
    return torch.tensor(np.array(list(rows.values())))


def _matrices_of_features():
    """What each feature's gradient is made of: the nine matrices (15, 3, 9), and degrees (15, 3, 4).

    The three parts are the gradient of the one-way dyads, that of the transposed one-way dyads, and that
    of the mutual ones less both; mutual dyads and their transposed ones are one. Degrees are those of
    the row (added to every element of it) in a first part, of the column in a second, and of the row for
    the mutual dyads in a third; the last number is that of n - 2.
    """
    names = (*_CLOSED, *_WEDGES, "pairs", "both pairs")
    matrices, degrees = np.zeros((15, 4, 9)), np.zeros((15, 3, 4))
    one_way, turned, mutual, mutual_turned = range(4)
    for name, part, value, which in (
        ("030T", one_way, 1, (_AtA, _AAt, _AA)),
        ("120D", one_way, 1, (_AM,)),
        ("120U", one_way, 1, (_MA,)),
        ("210", one_way, 1, (_MM,)),
        ("021D", one_way, -1, (_A,)),
        ("021U", one_way, -1, (_A,)),
        ("111D", one_way, -1, (_M,)),
        ("111U", one_way, -1, (_M,)),
        ("030C", turned, 1, (_AA,)),
        ("120C", turned, 1, (_AM, _MA)),
        ("021C", turned, -2, (_A,)),
        ("120D", mutual, 1 / 2, (_AtA,)),
        ("120U", mutual, 1 / 2, (_AAt,)),
        ("210", mutual, 1, (_AM, _MA)),
        ("300", mutual, 1 / 2, (_MM,)),
        ("111U", mutual, -1, (_A,)),
        ("201", mutual, -1, (_M,)),
        ("120C", mutual_turned, 1, (_AA,)),
        ("111D", mutual_turned, -1, (_A,)),
    ):
        for matrix in which:
            matrices[names.index(name), part, matrix] += value
    row, column, end, more = 0, 1, 2, 3
    for name, part, value, degree in (
        ("021D", row, 1, _OUT),
        ("021C", row, 1, _INTO),
        ("111U", row, 1, _BOTH),
        ("pairs", row, 1, more),
        ("021U", column, 1, _INTO),
        ("021C", column, 1, _OUT),
        ("111D", column, 1, _BOTH),
        ("111D", end, 1, _INTO),
        ("111U", end, 1, _OUT),
        ("201", end, 1, _BOTH),
        ("both pairs", end, 1 / 2, more),
    ):
        degrees[names.index(name), part, degree] += value
    rest = matrices[:, mutual] + matrices[:, mutual_turned] - matrices[:, one_way] - matrices[:, turned]
    parts = np.stack([matrices[:, one_way], matrices[:, turned], rest], 1)
    return torch.tensor(parts), torch.tensor(degrees)


_COUNTS = _CLASSES[:, :15] @ _features_of_moments()
_OF_TRIPLES = _CLASSES[:, 15]
_OF_MATRICES, _OF_DEGREES = (
    torch.einsum("cf,fpx->cpx", _CLASSES[:, :15], parts) for parts in _matrices_of_features()
)
# Small arrays are faster in numpy.
_COUNTS_ARRAY, _OF_TRIPLES_ARRAY = _COUNTS.numpy(), _OF_TRIPLES.numpy()
_OF_MATRICES_ARRAY, _OF_DEGREES_ARRAY = (
    maps.flatten(1).T.contiguous().numpy() for maps in (_OF_MATRICES, _OF_DEGREES)
)


def soft_triad_census(adjacency):
    """Expected census of independent edges, with gradients.

    Four matrix products do (see `digimus.motifs.census`). The census is a cubic form of the dyads, so its
    gradient needs the same four products and two more, A'A and AA'; it is written out here instead of
    being left to automatic differentiation, which would take eight more. All sums of elementwise products
    are one matrix product too, and so are all weighted sums of matrices in the gradient.

    Parameters
    ----------
    adjacency : torch.Tensor, shape (..., n, n)
        Probability of the edge i -> j at `[..., i, j]`; the diagonal is ignored. A torch weight
        `W[post, pre]` must be transposed first, or the D and U classes change places.

    Returns
    -------
    torch.Tensor, shape (..., 16), float64
        In the order of `digimus.motifs.TRIADS`. It can be differentiated once.
    """
    if adjacency.dim() == 2 and adjacency.device.type == "cpu":
        return _Census.apply(adjacency)
    return _Censuses.apply(adjacency.reshape(-1, *adjacency.shape[-2:])).view(*adjacency.shape[:-2], 16)


class _Census(torch.autograd.Function):
    """The counts of one matrix (n, n) in the memory of a CPU."""

    @staticmethod
    def forward(ctx, adjacency):
        edge = adjacency.contiguous()
        counts, ctx.x, ctx.degrees = dense_census(edge)
        ctx.save_for_backward(edge)
        return torch.from_numpy(counts)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        return dense_census_gradient(*ctx.saved_tensors, ctx.x, ctx.degrees, upstream.numpy())


def dense_census(edge):
    """The census of one matrix without gradients, and what its gradient needs.

    Parameters
    ----------
    edge : torch.Tensor, shape (n, n)
        Contiguous and on the CPU; the diagonal is ignored.

    Returns
    -------
    tuple
        Counts (16,), the nine matrices as a tensor, the last two still to be filled, and the degrees out,
        into and both (3, n).
    """
    n = len(edge)
    x = edge.new_empty(9, n, n)
    degrees = split_dyads(edge.numpy(), x[_A : _BACK + 1].numpy())
    flat = x.view(9 * n, n)
    dyads = flat[_A * n : _BACK * n]
    torch.mm(dyads, x[_A], out=flat[: _AM * n])
    torch.mm(dyads, x[_M], out=flat[_AM * n : _A * n])
    rows = x.view(9, n * n)
    inner = torch.mm(rows[_A : _BACK + 1], rows[: _M + 1].t()).numpy()
    sums = degrees[[_OUT, _BOTH]].sum(1) * (n - 2)
    moments = np.concatenate([inner.ravel(), (degrees @ degrees.T).ravel(), sums])
    counts = _COUNTS_ARRAY @ moments + _OF_TRIPLES_ARRAY * (n * (n - 1) * (n - 2) / 6)
    return counts, x, degrees


def dense_census_gradient(edge, x, degrees, by_counts, by_sum=0.0, by_mutual=0.0):
    """The gradient of edges from that of their counts, and from those of the sums of edges and mutual edges.

    Parameters
    ----------
    edge, x, degrees
        As `dense_census` has them.
    by_counts : array, shape (16,)
    by_sum, by_mutual : float

    Returns
    -------
    torch.Tensor, shape (n, n)
    """
    n, a = len(edge), x[_A]
    torch.mm(a.t(), a, out=x[_AtA])
    torch.mm(a, a.t(), out=x[_AAt])
    of_matrices = torch.from_numpy((_OF_MATRICES_ARRAY @ by_counts).reshape(3, 9)).to(x.dtype)
    parts = torch.mm(of_matrices, x.view(9, n * n)).view(3, n, n)
    of_degrees = (_OF_DEGREES_ARRAY @ by_counts).reshape(3, 4)
    by_degree = of_degrees[:, :3] @ degrees + (n - 2) * of_degrees[:, 3:]
    by_degree += np.array([[by_sum], [0.0], [by_sum + by_mutual]])
    by_edge = torch.empty_like(edge)
    join_gradients(parts.numpy(), by_degree, edge.numpy(), by_edge.numpy())
    return by_edge


class _Censuses(torch.autograd.Function):
    """The counts of a batch (batch, n, n) anywhere; `_Census` is the same, faster, of one."""

    @staticmethod
    def forward(ctx, adjacency):
        n = adjacency.shape[-1]
        edge = adjacency.clone()
        edge.diagonal(dim1=-2, dim2=-1).zero_()
        m = edge * edge.transpose(-1, -2)
        a = edge - m
        back = a.transpose(-1, -2)
        x = torch.stack([a @ a, m @ a, a @ m, m @ m, a, m, back, back @ a, a @ back], 1)
        degrees = torch.stack([a.sum(-1), a.sum(-2), m.sum(-1)], 1)
        flat, wide = x.flatten(2), degrees.double()
        inner = flat[:, _A : _BACK + 1] @ flat[:, : _M + 1].transpose(1, 2)
        products = wide @ wide.transpose(1, 2)
        sums = wide[:, [_OUT, _BOTH]].sum(-1) * (n - 2)
        moments = torch.cat([inner.double().flatten(1), products.flatten(1), sums], 1)
        ctx.save_for_backward(edge, x, degrees)
        constant = _OF_TRIPLES.to(x.device) * (n * (n - 1) * (n - 2) / 6)
        return moments @ _COUNTS.to(x.device).T + constant

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        edge, x, degrees = ctx.saved_tensors
        n, maps = edge.shape[-1], (_OF_MATRICES, _OF_DEGREES)
        of_matrices, of_degrees = (
            torch.einsum("bc,cpx->bpx", upstream, each.to(upstream.device)).to(x.dtype) for each in maps
        )
        one_way, turned, rest = (of_matrices @ x.flatten(2)).view(-1, 3, n, n).unbind(1)
        by_degree = of_degrees[..., :3] @ degrees + (n - 2) * of_degrees[..., 3:]
        by_row, by_column, by_end = by_degree.unbind(1)
        # m = e e' and a = e - m: what m brings counts once for e and once for e'.
        by_end = by_end - by_row - by_column
        both = rest + rest.transpose(-1, -2) + by_end[:, :, None] + by_end[:, None, :]
        by_edge = one_way + turned.transpose(-1, -2) + both * edge.transpose(-1, -2)
        by_edge += by_row[:, :, None] + by_column[:, None, :]
        by_edge.diagonal(dim1=-2, dim2=-1).zero_()
        return by_edge
