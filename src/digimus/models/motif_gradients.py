"""The motif term and its gradient at once, for losses of the census on a CPU.

The same as `digimus.models.motif_term` with torch's automatic differentiation, which for a small network
costs more than the census itself. Here everything after the counts is a handful of numbers in numpy.
"""

import math

import numpy as np
import torch

from digimus.motifs.dense import gradient_of_sizes, scaled_sizes, size_statistics
from digimus.motifs.soft import dense_census, dense_census_gradient
from digimus.motifs.triads import IS_MOTIF, N_LABELLINGS, N_MUTUAL, N_NULL, N_ONE_WAY

LEAST_SPREAD = 1e-12
LEAST_SHARE = 1e-30
POWERS = np.stack([N_MUTUAL, N_ONE_WAY, N_NULL], 1).astype(float)
LOG_LABELLINGS = np.log(N_LABELLINGS)


class CensusTerm(torch.autograd.Function):
    """`MotifTerm.distance` of a weight's soft adjacency, a scalar of type float64."""

    @staticmethod
    def forward(ctx, weight, term, rank, temperature):
        """The loss of W[post, pre]; its gradient is found at once, and kept."""
        weight = weight.contiguous()
        edges, scale = soft_edges(weight, rank, temperature)
        counts, x, degrees = dense_census(edges)
        n, mutual = len(weight), degrees[2].sum()
        total = degrees[0].sum() + mutual
        loss, by_counts, by_sum, by_mutual = VALUES[term.loss](term, counts, total, mutual, n)
        if term.reciprocity_weight > 0:
            gap = mutual / total - term.reciprocity
            loss += term.reciprocity_weight * gap**2
            by_mutual += 2 * term.reciprocity_weight * gap / total
            by_sum -= 2 * term.reciprocity_weight * gap * mutual / total**2
        if ctx.needs_input_grad[0]:
            by_edge = dense_census_gradient(edges, x, degrees, by_counts, by_sum, by_mutual)
            by_weight = torch.empty_like(weight)
            gradient_of_sizes(by_edge.numpy(), edges.numpy(), weight.numpy(), scale, by_weight.numpy())
            ctx.save_for_backward(by_weight)
        return torch.tensor(loss, dtype=torch.float64)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        """The kept gradient, scaled."""
        return ctx.saved_tensors[0] * upstream.to(ctx.saved_tensors[0].dtype), None, None, None


def soft_edges(weight, rank, temperature):
    """`digimus.models.soft_adjacency` of a contiguous weight without gradients, and its scale."""
    threshold, spread = size_statistics(weight.numpy(), rank)
    scale = 1 / (temperature * max(spread, LEAST_SPREAD))
    edges = torch.empty_like(weight)
    scaled_sizes(weight.numpy(), threshold, scale, edges.numpy())
    return edges.sigmoid_(), scale


def _enrichment(term, counts, total, mutual, n):
    pairs = n * (n - 1)
    dyads = np.array([mutual, total - mutual, pairs - 2 * total + mutual]) / pairs
    kept = np.maximum(dyads, LEAST_SHARE)
    log_factors = LOG_LABELLINGS + math.log(pairs * (n - 2) / 6)
    expected = np.exp(POWERS @ np.log(kept) + log_factors)
    gap = np.log((counts + 0.5) / (expected + 0.5))[IS_MOTIF] - term.target.numpy()
    weighted = np.zeros(16)
    weighted[IS_MOTIF] = 2 * term.class_weight.numpy() * gap
    by_logs = POWERS.T @ (-weighted * expected / (expected + 0.5))
    both, one_way, none = np.where(dyads >= LEAST_SHARE, by_logs / kept, 0.0) / pairs
    loss = (term.class_weight.numpy() * gap**2).sum()
    return loss, weighted / (counts + 0.5), one_way - 2 * none, both - one_way + none


def _kl(term, counts, total, mutual, n):
    reached, target = _shares(counts), term.frequency.numpy()
    kept, there = np.maximum(reached, 1e-12), target > 0
    loss = (target[there] * np.log(target[there] / kept[there])).sum()
    return loss, _by_counts(counts, np.where(reached >= 1e-12, -target / kept, 0.0)), 0.0, 0.0


def _frequency(term, counts, total, mutual, n):
    gap = _shares(counts) - term.frequency.numpy()
    return (gap**2).sum(), _by_counts(counts, 2 * gap), 0.0, 0.0


def _shares(counts):
    connected = np.maximum(counts[IS_MOTIF], 0)
    return connected / connected.sum()


def _by_counts(counts, by_shares):
    """The gradient of all counts from that of the thirteen shares."""
    connected, shares = counts[IS_MOTIF], _shares(counts)
    found = np.zeros(16)
    found[IS_MOTIF] = (by_shares - by_shares @ shares) / np.maximum(connected, 0).sum() * (connected >= 0)
    return found


VALUES = {"enrichment": _enrichment, "kl": _kl, "frequency": _frequency}
"""Loss, and its gradients by the sixteen counts, the sum of edges and the sum of mutual edges."""
