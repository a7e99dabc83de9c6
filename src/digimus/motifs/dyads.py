"""Dyads: density, reciprocity, and the closed-form census of the dyad null."""

from dataclasses import dataclass
from math import comb

import numpy as np
import scipy.sparse as sp

from digimus.motifs.census import checked_adjacency
from digimus.motifs.triads import N_LABELLINGS, N_MUTUAL, N_NULL, N_ONE_WAY


@dataclass(frozen=True)
class DyadStatistics:
    """Density and reciprocity of a directed graph of `n` nodes."""

    n: int
    density: float
    reciprocity: float

    @property
    def probabilities(self):
        """Of a mutual dyad, a one-way dyad in a given direction, and a null dyad."""
        mutual = self.density * self.reciprocity
        one_way = self.density - mutual
        return mutual, one_way, max(0.0, 1 - 2 * self.density + mutual)


def dyad_statistics(adjacency, weights=None):
    """Density and reciprocity of a graph of 0/1 edges or of edge probabilities.

    Density is the mean over ordered pairs of distinct nodes; reciprocity the share of edges whose
    reverse is there too, sum(a_ij a_ji) / sum(a_ij), and 0 in a graph without edges.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
    weights : array, shape (n,), optional
        Node weights of a bootstrap; a pair counts w_i w_j.
    """
    a = checked_adjacency(adjacency)
    n = a.shape[0]
    w = np.ones(n) if weights is None else np.asarray(weights, float)
    both = a.multiply(a.T) if sp.issparse(a) else a * a.T
    edges, mutual = float(w @ (a @ w)), float(w @ (both @ w))
    pairs = w.sum() ** 2 - (w**2).sum()
    return DyadStatistics(n, edges / pairs if pairs else 0.0, mutual / edges if edges else 0.0)


def dyad_null_mean(statistics, n_triples=None):
    """Expected census where every dyad is drawn independently: C(n,3) m_c mu^#M alpha^#A nu^#N.

    Parameters
    ----------
    statistics : DyadStatistics
    n_triples : float, optional
        Number of triples, for weighted nodes; C(n, 3) by default.

    Returns
    -------
    numpy.ndarray, shape (16,)
    """
    mutual, one_way, null = statistics.probabilities
    n_triples = comb(statistics.n, 3) if n_triples is None else n_triples
    return n_triples * N_LABELLINGS * mutual**N_MUTUAL * one_way**N_ONE_WAY * null**N_NULL
