"""Closed triads and degrees of every neuron of a sparse graph of probabilities, compiled with numba.

The work grows with the paths of two edges, and the memory with the edges; no product of matrices is kept.
"""

import numba
import numpy as np

CLOSED = ("030T", "030C", "120D", "120U", "120C", "210", "300")
"""The columns of the closed triads."""
FORTH, BACK, BOTH = 0, 1, 2


@numba.njit(cache=True)
def dyads_of_csr(indptr, indices, data, t_indptr, t_indices, t_data):
    """One-way and mutual probability of every stored edge, from a CSR matrix and its transpose in CSR."""
    n = indptr.size - 1
    one_way, mutual, back = np.empty(data.size), np.empty(data.size), np.zeros(n)
    for i in range(n):
        for e in range(t_indptr[i], t_indptr[i + 1]):
            back[t_indices[e]] = t_data[e]
        for e in range(indptr[i], indptr[i + 1]):
            mutual[e] = data[e] * back[indices[e]]
            one_way[e] = data[e] - mutual[e]
        for e in range(t_indptr[i], t_indptr[i + 1]):
            back[t_indices[e]] = 0.0
    return one_way, mutual


@numba.njit(cache=True)
def closed_and_degrees(indptr, indices, data, one_way, mutual, t_indptr, t_indices, t_data, w):
    """Closed triads that hold each neuron, and its degrees; a triple counts w_i w_j w_k.

    Parameters
    ----------
    indptr, indices, data : arrays
        A CSR matrix of probabilities without diagonal; `one_way` and `mutual` from `dyads_of_csr`.
    t_indptr, t_indices, t_data : arrays
        Its transpose, in CSR.
    w : array, shape (n,)

    Returns
    -------
    closed : array, shape (n, 7)
        In the order of CLOSED. The sum over neurons is three times the count.
    degrees : array, shape (n, 3)
        Weighted one-way out-degree, in-degree, and mutual degree.
    products : array, shape (n, 6)
        Sums over partners of the squared weight times the products of two dyads: out-out, in-in, out-in,
        mutual-in, mutual-out, mutual-mutual.
    """
    n = indptr.size - 1
    closed, degrees, products = np.zeros((n, 7)), np.zeros((n, 3)), np.zeros((n, 6))
    near = np.zeros((n, 4))  # of each partner of i: one way from i, one way to i, mutual; times its weight
    partners = np.empty(n, np.int64)
    for i in range(n):
        n_partners = 0
        for e in range(indptr[i], indptr[i + 1]):
            near[indices[e], FORTH] = data[e]
            partners[n_partners] = indices[e]
            n_partners += 1
        for e in range(t_indptr[i], t_indptr[i + 1]):
            k = t_indices[e]
            near[k, BACK] = t_data[e]
            if near[k, FORTH] == 0.0:
                partners[n_partners] = k
                n_partners += 1
        for p in range(n_partners):
            k = partners[p]
            both = near[k, FORTH] * near[k, BACK] * w[k]
            forth, back = near[k, FORTH] * w[k] - both, near[k, BACK] * w[k] - both
            near[k, FORTH], near[k, BACK], near[k, BOTH] = forth, back, both
            degrees[i, FORTH] += forth
            degrees[i, BACK] += back
            degrees[i, BOTH] += both
            products[i, 0] += forth * forth
            products[i, 1] += back * back
            products[i, 2] += forth * back
            products[i, 3] += both * back
            products[i, 4] += both * forth
            products[i, 5] += both * both
        if w[i] != 0.0:
            for p in range(n_partners):
                k = partners[p]
                if w[k] == 0.0:
                    continue
                # Third nodes l, by the dyads k-l and i-l.
                a_forth = a_back = a_both = m_forth = m_back = m_both = 0.0
                for e in range(indptr[k], indptr[k + 1]):
                    third = indices[e]
                    a, m = one_way[e], mutual[e]
                    a_forth += a * near[third, FORTH]
                    a_back += a * near[third, BACK]
                    a_both += a * near[third, BOTH]
                    m_forth += m * near[third, FORTH]
                    m_back += m * near[third, BACK]
                    m_both += m * near[third, BOTH]
                forth, back, both = near[k, FORTH], near[k, BACK], near[k, BOTH]
                closed[i, 0] += (forth + back) * a_forth + back * a_back
                closed[i, 1] += forth * a_back
                closed[i, 2] += forth * m_forth / 2 + back * a_both
                closed[i, 3] += back * m_back / 2 + both * a_forth
                closed[i, 4] += forth * a_both + back * m_forth + both * a_back
                closed[i, 5] += (forth + back) * m_both + both * a_both
                closed[i, 6] += both * m_both / 2
            closed[i] *= w[i]
        for p in range(n_partners):
            near[partners[p]] = 0.0
    return closed, degrees, products
