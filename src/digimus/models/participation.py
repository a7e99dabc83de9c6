"""How much each neuron takes part in each motif, with gradients, and how far two such tables are apart.

`digimus.motifs.participation` is the exact reference in numpy.
"""

import torch

from digimus.motifs.triads import MOTIFS


def soft_participation(edges):
    """Expected participation of every neuron in the thirteen motif classes.

    A neuron's participation in a class is a third of the expected number of its triads that hold the
    neuron, so that the sum over neurons is the class's expected count. Closed triads need five matrix
    products; all other classes follow from wedges, two dyads that meet in a node.

    Parameters
    ----------
    edges : torch.Tensor, shape (n, n)
        Probability of the edge i -> j at [i, j]; the diagonal must be 0.

    Returns
    -------
    torch.Tensor, shape (n, 13)
        In the order of `digimus.motifs.MOTIFS`.
    """
    back = edges.t()
    m = edges * back
    a = edges - m
    c = _closed(a, m)
    w = _wedges(a, m)
    c["021D"] = w["021D"] - c["030T"] - c["120D"]
    c["021U"] = w["021U"] - c["030T"] - c["120U"]
    c["021C"] = w["021C"] - c["030T"] - 3 * c["030C"] - c["120C"]
    c["111D"] = w["111D"] - 2 * c["120D"] - c["120C"] - c["210"]
    c["111U"] = w["111U"] - 2 * c["120U"] - c["120C"] - c["210"]
    c["201"] = w["201"] - c["210"] - 3 * c["300"]
    # Differences of large sums can end a rounding error below zero.
    return torch.stack([c[name] for name in MOTIFS], 1).clamp(min=0) / 3


def _closed(a, m):
    """Triads without a null dyad that hold each node: as first, as last and as middle node of the product."""
    aa, am, ma, mm = a @ a, a @ m, m @ a, m @ m
    transitive, out_pair, in_pair = aa * a, am * a, ma * a
    cycle, two_mutual = am * a.t(), mm * a
    return {
        "030T": transitive.sum(1) + transitive.sum(0) + ((a.t() @ a) * a).sum(1),
        "030C": (aa * a.t()).sum(1),
        "120D": out_pair.sum(1) / 2 + out_pair.sum(0),
        "120U": in_pair.sum(1) + in_pair.sum(0) / 2,
        "120C": cycle.sum(1) + cycle.sum(0) + (aa * m).sum(0),
        "210": two_mutual.sum(1) + two_mutual.sum(0) + (am * m).sum(0),
        "300": (mm * m).sum(1) / 2,
    }


def _wedges(a, m):
    """Wedges that hold each node, in their centre or at an end; the two ends are distinct."""
    out, into, both = a.sum(1), a.sum(0), m.sum(1)
    squares, returned = a * a, a * a.t()
    mutual_out, mutual_both = m * a, m * m
    from_one_way = mutual_out.sum(1)  # of the node, with edges that leave it
    to_one_way = mutual_out.sum(0)  # with edges that reach it
    return {
        "021D": (out * out - squares.sum(1)) / 2 + a.t() @ out - squares.sum(0),
        "021U": (into * into - squares.sum(0)) / 2 + a @ into - squares.sum(1),
        "021C": into * out - returned.sum(1) + a @ out - returned.sum(1) + a.t() @ into - returned.sum(1),
        "111D": both * into - to_one_way + m @ into - from_one_way + a @ both - from_one_way,
        "111U": both * out - from_one_way + m @ out - to_one_way + a.t() @ both - to_one_way,
        "201": (both * both - mutual_both.sum(1)) / 2 + m @ both - mutual_both.sum(1),
    }


def standardised(network, region):
    """Two tables of participation in one scale that depends neither on size nor on density.

    Each is divided by its neurons' mean participation over all classes; then every class is divided by
    its standard deviation over both, each table counting half. This is our definition.

    Parameters
    ----------
    network, region : torch.Tensor, shapes (n, 13) and (m, 13)

    Returns
    -------
    tuple of torch.Tensor
        In the same shapes; the scale has no gradient.
    """
    x, y = (values / values.sum(1).mean().clamp(min=1e-12) for values in (network, region))
    with torch.no_grad():
        within = (x.var(0, correction=0) + y.var(0, correction=0)) / 2
        spread = (within + (x.mean(0) - y.mean(0)) ** 2 / 4).sqrt()
        scale = torch.where(spread > 1e-9, 1 / spread.clamp(min=1e-9), 0.0)
    return x * scale, y * scale


def energy_distance(x, y):
    """2 E|X - Y| - E|X - X'| - E|Y - Y'| of two samples (rows), over all pairs: 0 for equal ones.

    See Székely and Rizzo 2013. Never below 0 but for rounding.
    """
    return 2 * _distances(x, y).mean() - _distances(x, x).mean() - _distances(y, y).mean()


def _distances(x, y):
    # Not by a matrix product, which loses half the digits of small distances.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
