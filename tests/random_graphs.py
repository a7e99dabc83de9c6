"""Random graphs and edge probabilities, without self loops."""

import numpy as np


def random_graph(rng, n, density):
    graph = (rng.random((n, n)) < density).astype(float)
    np.fill_diagonal(graph, 0)
    return graph


def random_probabilities(rng, n):
    matrix = rng.random((n, n)) ** 2
    np.fill_diagonal(matrix, 0)
    return matrix
