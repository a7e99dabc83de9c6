"""Triad censuses of random directed graphs: ours, and by igraph, networkx and products of matrices."""

import numpy as np

from harness import Case

PEERS = {"igraph", "networkx", "scipy_sparse", "dense_products"}
SIZES = ((200, 0.05), (1000, 0.01), (1000, 0.05), (1000, 0.2), (5000, 0.01))
IGRAPH_GOALS = {(1000, 0.01): 8, (1000, 0.05): 150, (1000, 0.2): 1000}
BEST_PEER_GOAL = 3
_NETWORKX_EDGES = 20_000
_RTOL = 1e-6  # the dense products are sums of float32


def cases(folder, quick):
    """One graph of every size; networkx takes part while it needs seconds."""
    found = []
    for n, density in ((60, 0.1),) if quick else SIZES:
        path = write_graph(folder, n, density)
        peers = ["igraph", "scipy_sparse", "dense_products"]
        if n * n * density < _NETWORKX_EDGES:
            peers.append("networkx")
        goals = dict.fromkeys(peers, BEST_PEER_GOAL)
        goals["igraph"] = IGRAPH_GOALS.get((n, density), BEST_PEER_GOAL)
        found.append(Case(f"census, n {n}, density {density:g}", {"path": path}, tuple(peers), goals, _RTOL))
    return found


def write_graph(folder, n, density):
    """The edges of a random directed graph in an .npz file; its path."""
    adjacency = np.random.default_rng([n, int(1000 * density)]).random((n, n)) < density
    np.fill_diagonal(adjacency, False)
    path = folder / f"graph_{n}_{density:g}.npz"
    pre, post = np.nonzero(adjacency)
    np.savez(path, n=n, pre=pre, post=post)
    return str(path)


def read_edges(arguments):
    with np.load(arguments["path"]) as file:
        return int(file["n"]), file["pre"], file["post"]


def read_matrix(arguments):
    """The graph as a scipy CSR matrix of zeros and ones."""
    from scipy import sparse

    n, pre, post = read_edges(arguments)
    return sparse.csr_array((np.ones(len(pre)), (pre, post)), shape=(n, n))


def run_digimus(arguments):
    from digimus.motifs import triad_census

    matrix = read_matrix(arguments)
    return lambda: triad_census(matrix)


def run_igraph(arguments):
    import igraph

    n, pre, post = read_edges(arguments)
    graph = igraph.Graph(n, np.column_stack([pre, post]).tolist(), directed=True)
    return graph.triad_census


def run_networkx(arguments):
    import networkx

    n, pre, post = read_edges(arguments)
    graph = networkx.DiGraph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(zip(pre.tolist(), post.tolist(), strict=True))
    return lambda: networkx.triadic_census(graph), by_name


def by_name(census):
    names = "003 012 102 021D 021U 021C 111D 111U 030T 030C 201 120D 120U 120C 210 300"
    return [census[name] for name in names.split()]


def run_scipy_sparse(arguments):
    """Four sparse products for the closed triads; wedges from degrees for the others."""
    edges = read_matrix(arguments)

    def census():
        mutual = edges.multiply(edges.T).tocsr()
        one_way = (edges - mutual).tocsr()
        mutual.eliminate_zeros()
        one_way.eliminate_zeros()
        back = one_way.T.tocsr()
        aa, mm, am, ma = one_way @ one_way, mutual @ mutual, one_way @ mutual, mutual @ one_way
        pairs = ((aa, one_way, 1), (aa, back, 3), (am, one_way, 2), (ma, one_way, 2), (am, back, 1))
        pairs += ((mm, one_way, 1), (mm, mutual, 6))
        closed = [product.multiply(third).sum() / symmetry for product, third, symmetry in pairs]
        out, into, both = one_way.sum(1), one_way.sum(0), mutual.sum(1)
        return from_wedges(edges.shape[0], closed, out, into, both)

    return census


def from_wedges(n, closed, out, into, both):
    """All sixteen classes from the seven without a null dyad and the three degrees of every node."""
    t030, c030, d120, u120, c120, t210, t300 = closed
    d = (out * (out - 1)).sum() / 2 - t030 - d120
    u = (into * (into - 1)).sum() / 2 - t030 - u120
    c = (into * out).sum() - t030 - 3 * c030 - c120
    md = (both * into).sum() - 2 * d120 - c120 - t210
    mu = (both * out).sum() - 2 * u120 - c120 - t210
    mm = (both * (both - 1)).sum() / 2 - t210 - 3 * t300
    two = d120 + u120 + c120
    one = out.sum() * (n - 2) - 2 * (d + u + c) - md - mu - 3 * (t030 + c030) - 2 * two - t210
    pair = both.sum() / 2 * (n - 2) - md - mu - 2 * mm - two - 2 * t210 - 3 * t300
    rest = [one, pair, d, u, c, md, mu, t030, c030, mm, d120, u120, c120, t210, t300]
    return [n * (n - 1) * (n - 2) / 6 - sum(rest), *rest]


def run_dense_products(arguments):
    """Four float32 products of dense matrices for the closed triads; wedges from degrees for the others."""
    edges = read_matrix(arguments).toarray().astype(np.float32)

    def inner(x, y):
        return np.einsum("ij,ij->i", x, y).astype(float).sum()

    def census():
        m = edges * edges.T
        a = edges - m
        back = np.ascontiguousarray(a.T)
        aa, am = a @ a, a @ m
        closed = [inner(aa, a), inner(aa, back) / 3, inner(am, a) / 2, 0.0, inner(am, back)]
        closed[3] = inner(m @ a, a) / 2
        mm = m @ m
        closed += [inner(mm, a), inner(mm, m) / 6]
        degrees = (x.sum(axis, dtype=float) for x, axis in ((a, 1), (a, 0), (m, 1)))
        return from_wedges(len(edges), closed, *degrees)

    return census
