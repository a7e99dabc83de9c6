"""Degree-preserving null graphs and their censuses: ours and igraph's, at equal numbers of switches.

Ours keeps in-, out- and mutual degrees; igraph keeps in- and out-degrees, and so has less to check.
"""

import numpy as np

from census import read_edges, read_matrix, write_graph
from harness import Case

PEERS = {"igraph"}
IGRAPH_GOAL = 30


def cases(folder, quick):
    """Tries of a switch for every edge: 10, and the mean of 100 to 200 that the profiles use."""
    n, density = (60, 0.1) if quick else (1000, 0.05)
    path = write_graph(folder, n, density)
    # Random graphs need not agree with each other: what is compared is the number of edges.
    return [
        Case(
            f"degree null and census, n {n}, density {density:g}, {tries} tries an edge",
            {"path": path, "tries": tries},
            ("igraph",),
            {"igraph": IGRAPH_GOAL},
        )
        for tries in ((2,) if quick else (10, 150))
    ]


def run_digimus(arguments):
    from digimus.motifs import sample_null_censuses

    matrix, rng = read_matrix(arguments), np.random.default_rng(1)
    tries = (arguments["tries"],) * 2

    def null_census():
        return sample_null_censuses(matrix, "degree", 1, rng, switches_per_edge=tries)[0]

    return null_census, n_edges


def run_igraph(arguments):
    import igraph

    n, pre, post = read_edges(arguments)
    graph = igraph.Graph(n, np.column_stack([pre, post]).tolist(), directed=True)

    def null_census():
        shuffled = graph.copy()
        shuffled.rewire(n=arguments["tries"] * len(pre))
        return shuffled.triad_census()

    return null_census, n_edges


def n_edges(census):
    """Edges times n - 2, from a census."""
    return [float(np.dot(list(census), [0, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 6]))]
