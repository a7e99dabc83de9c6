"""The differentiable census: expected triad counts of a matrix of edge probabilities, in torch."""

import numpy as np
import torch

from digimus.motifs.census import complete

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


def soft_triad_census(adjacency):
    """Expected census of independent edges, with gradients.

    Four matrix products do (see `digimus.motifs.census`). The census is a cubic form of the dyads, so its
    gradient needs the same four products and two more, A'A and AA'; it is written out here instead of
    being left to automatic differentiation, which would take eight more.

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
    features = _Features.apply(adjacency)
    return features @ _CLASSES.to(features.device).T


class _Features(torch.autograd.Function):
    """Closed triads, wedges, one-way and mutual dyads times their third nodes, and triples; (..., 16)."""

    @staticmethod
    def forward(ctx, adjacency):
        n = adjacency.shape[-1]
        edge = adjacency.clone()
        edge.diagonal(dim1=-2, dim2=-1).zero_()
        m = edge * edge.transpose(-1, -2)
        a = edge - m
        back = a.transpose(-1, -2)
        aa, am, ma, mm = a @ a, a @ m, m @ a, m @ m
        out, into, both = a.sum(-1), a.sum(-2), m.sum(-1)
        values = [
            _inner(aa, a),
            _inner(aa, back) / 3,
            _inner(am, a) / 2,
            _inner(ma, a) / 2,
            _inner(am, back),
            _inner(mm, a),
            _inner(mm, m) / 6,
            (_dot(out, out) - _inner(a, a)) / 2,
            (_dot(into, into) - _inner(a, a)) / 2,
            _dot(into, out) - _inner(a, back),
            _dot(both, into) - _inner(m, back),
            _dot(both, out) - _inner(m, a),
            (_dot(both, both) - _inner(m, m)) / 2,
            out.sum(-1, dtype=torch.float64) * (n - 2),
            both.sum(-1, dtype=torch.float64) * ((n - 2) / 2),
        ]
        values.append(torch.full_like(values[-1], n * (n - 1) * (n - 2) / 6))
        ctx.save_for_backward(edge, m, a, aa, am, ma, mm, out, into, both)
        return torch.stack(values, -1)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        edge, m, a, aa, am, ma, mm, out, into, both = ctx.saved_tensors
        back, n = a.transpose(-1, -2), edge.shape[-1]
        g = upstream.to(edge.dtype)[..., None, None].unbind(-3)
        t030, c030, d120, u120, c120, t210, t300, d021, u021, c021, d111, u111, m201, pairs, both_pairs, _ = g
        shared_source, shared_target = back @ a, a @ back
        # Each class by its one-way dyads, then by its mutual ones.
        by_a = t030 * (shared_source + shared_target + aa)
        by_a += d120 * am + u120 * ma + t210 * mm - (d021 + u021) * a - (d111 + u111) * m
        by_a += (c030 * aa + c120 * (am + ma) - 2 * c021 * a).transpose(-1, -2)
        by_source = d021[..., 0] * out + c021[..., 0] * into + u111[..., 0] * both
        by_target = u021[..., 0] * into + c021[..., 0] * out + d111[..., 0] * both
        by_a += (by_source + pairs[..., 0] * (n - 2))[..., :, None] + by_target[..., None, :]
        by_m = (d120 / 2) * shared_source + (u120 / 2) * shared_target + t210 * (am + ma)
        by_m += (c120 * aa - d111 * a).transpose(-1, -2)
        by_m += (t300 / 2) * mm - u111 * a - m201 * m
        by_end = d111[..., 0] * into + u111[..., 0] * out + m201[..., 0] * both
        by_m += (by_end + both_pairs[..., 0] * ((n - 2) / 2))[..., :, None]
        # m = e e' and a = e - m.
        by_m -= by_a
        by_edge = by_a + (by_m + by_m.transpose(-1, -2)) * edge.transpose(-1, -2)
        by_edge.diagonal(dim1=-2, dim2=-1).zero_()
        return by_edge


def _inner(x, y):
    return (x * y).sum(-1).sum(-1, dtype=torch.float64)


def _dot(x, y):
    return (x.double() * y.double()).sum(-1)
