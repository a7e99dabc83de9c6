"""The differentiable census: expected triad counts of a matrix of edge probabilities, in torch."""

import torch

from digimus.motifs.census import complete


def soft_triad_census(adjacency):
    """Expected census of independent edges, with gradients.

    Four matrix products do (see `digimus.motifs.census`), taken as one product of stacked matrices.

    Parameters
    ----------
    adjacency : torch.Tensor, shape (..., n, n)
        Probability of the edge i -> j at `[..., i, j]`; the diagonal is ignored. A torch weight
        `W[post, pre]` must be transposed first, or the D and U classes change places.

    Returns
    -------
    torch.Tensor, shape (..., 16), float64
        In the order of `digimus.motifs.TRIADS`.
    """
    n = adjacency.shape[-1]
    off_diagonal = 1 - torch.eye(n, dtype=adjacency.dtype, device=adjacency.device)
    edge = adjacency * off_diagonal
    back = edge.transpose(-1, -2)
    m = edge * back
    a = edge - m
    a_back = a.transpose(-1, -2)
    product = torch.cat([a, m], -2) @ torch.cat([a, m], -1)
    aa, am = product[..., :n, :n], product[..., :n, n:]
    ma, mm = product[..., n:, :n], product[..., n:, n:]
    closed = {
        "030T": _inner(aa, a),
        "030C": _inner(aa, a_back) / 3,
        "120D": _inner(am, a) / 2,
        "120U": _inner(ma, a) / 2,
        "120C": _inner(am, a_back),
        "210": _inner(mm, a),
        "300": _inner(mm, m) / 6,
    }
    out, into, both = (_degrees(x) for x in (a, a_back, m))
    wedges = {
        "021D": _meeting(out, out, _inner(a, a)) / 2,
        "021U": _meeting(into, into, _inner(a, a)) / 2,
        "021C": _meeting(into, out, _inner(a_back, a)),
        "111D": _meeting(both, into, _inner(m, a_back)),
        "111U": _meeting(both, out, _inner(m, a)),
        "201": _meeting(both, both, _inner(m, m)) / 2,
    }
    n_triples = torch.full_like(closed["300"], n * (n - 1) * (n - 2) / 6)
    counts = complete(closed, wedges, out.sum(-1) * (n - 2), both.sum(-1) * (n - 2) / 2, n_triples)
    return torch.stack(counts, -1)


def _inner(x, y):
    return (x * y).sum((-1, -2), dtype=torch.float64)


def _degrees(x):
    return x.sum(-1, dtype=torch.float64)


def _meeting(x, y, same_partner):
    return (x * y).sum(-1) - same_partner
