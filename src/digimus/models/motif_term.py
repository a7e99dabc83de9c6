"""The motif term: how far the motifs of trained weights are from a prior, as a loss.

Soft adjacency of a weight W[post, pre]: a = sigmoid((|w| - theta) / T) transposed, theta the |w|
quantile at the target density (without gradient), T annealed relative to the spread of |w|.
"""

import numpy as np
import torch

from digimus.errors import InputError
from digimus.motifs.soft import soft_triad_census
from digimus.motifs.triads import IS_MOTIF, N_LABELLINGS, N_MUTUAL, N_NULL, N_ONE_WAY

TEMPERATURES = (0.3, 0.05)


class MotifTerm:
    """A penalty on recurrent weights whose motifs differ from a prior's.

    Parameters
    ----------
    prior : digimus.motifs.Prior
    loss : {"enrichment", "kl", "frequency"}
    weight : float
        Multiplies the loss.
    density : float
        Share of the weights that count as edges; independent of the region's own density.
    reciprocity_weight : float
        Of the term (r - r*)^2 beside `enrichment` and `kl`.
    n_updates : int
        Over which the temperature falls.
    every : int
        The term is taken every so many updates, times as many.

    Raises
    ------
    InputError
        If the prior does not hold what the loss needs.
    """

    def __init__(self, prior, *, loss, weight, density, reciprocity_weight, n_updates, every=1):
        if loss not in LOSSES:
            raise InputError(
                f"There is no motif loss {loss!r}.",
                where="training.motif_term.loss",
                expected=f"one of {', '.join(LOSSES)}",
                got=loss,
                hint="Choose one of these.",
            )
        if loss == "enrichment" and not np.isfinite(prior.enrichment).any():
            raise InputError(
                f"The prior {prior.name!r} has no enrichment over a dyad null.",
                where="training.motif_term.loss",
                expected="kl or frequency for this prior",
                got="enrichment",
                hint="A published table without the triads 012 and 102 does not tell its reciprocity.",
            )
        if loss in ("kl", "frequency") and not np.isfinite(prior.frequency).any():
            raise InputError(
                f"The prior {prior.name!r} has no shares of the motif classes.",
                where="training.motif_term.loss",
                expected="enrichment for this prior",
                got=loss,
                hint="A control of reciprocity alone, or a region without triads, leaves every class out.",
            )
        if loss in ("enrichment", "kl") and reciprocity_weight > 0 and not np.isfinite(prior.reciprocity):
            raise InputError(
                f"The prior {prior.name!r} does not tell its reciprocity.",
                where=f"priors.{prior.name}.reciprocity_weight",
                expected="0 for this prior",
                got=reciprocity_weight,
                hint="A published table without the triads 012 and 102 does not tell its reciprocity.",
            )
        self.loss, self.weight, self.density = loss, weight, density
        self.reciprocity_weight = reciprocity_weight if loss in ("enrichment", "kl") else 0.0
        self.n_updates, self.every = n_updates, every
        self.target = torch.tensor(np.nan_to_num(prior.enrichment))
        self.class_weight = torch.tensor(prior.weight)
        self.frequency = torch.tensor(np.nan_to_num(prior.frequency))
        self.reciprocity = float(np.nan_to_num(prior.reciprocity))

    def is_due(self, update):
        """Whether the term is taken at this update."""
        return self.weight > 0 and update % self.every == 0

    def __call__(self, weight, update):
        """The weighted loss of W[post, pre] at an update, a scalar tensor; times `every`."""
        start, end = TEMPERATURES
        progress = min(1.0, update / max(1, self.n_updates - 1))
        edges = soft_adjacency(weight, self.density, start + (end - start) * progress)
        return self.weight * self.every * self.distance(edges)

    def distance(self, edges):
        """The unweighted loss of an adjacency (n, n) of edge probabilities."""
        counts = soft_triad_census(edges)
        reciprocity, density = _dyads(edges)
        loss = LOSSES[self.loss](self, counts, density, reciprocity, edges.shape[-1])
        if self.reciprocity_weight > 0:
            loss = loss + self.reciprocity_weight * (reciprocity - self.reciprocity) ** 2
        return loss


def soft_adjacency(weight, density, temperature):
    """Edge probabilities of a weight matrix at a target density.

    Parameters
    ----------
    weight : torch.Tensor, shape (n, n)
        W[post, pre].
    density : float
        Share of the off-diagonal |w| above the threshold theta.
    temperature : float
        In units of the standard deviation of |w|.

    Returns
    -------
    torch.Tensor, shape (n, n)
        Presynaptic rows, zero diagonal.
    """
    n = weight.shape[0]
    size = weight.abs()
    off = ~torch.eye(n, dtype=torch.bool, device=weight.device)
    with torch.no_grad():
        values = size[off]
        rank = min(max(round((1 - density) * values.numel()), 1), values.numel())
        threshold = values.kthvalue(rank).values
        spread = values.std().clamp(min=1e-12)
    return (torch.sigmoid((size - threshold) / (temperature * spread)) * off).t()


def _dyads(edges):
    """Reciprocity and density of an adjacency, differentiable."""
    n = edges.shape[-1]
    total = edges.sum(dtype=torch.float64)
    return (edges * edges.t()).sum(dtype=torch.float64) / total, total / (n * (n - 1))


def _dyad_null(density, reciprocity, n):
    """`digimus.motifs.dyad_null_mean` in torch."""
    mutual = density * reciprocity
    one_way = density - mutual
    null = (1 - 2 * density + mutual).clamp(min=0)
    powers = [torch.as_tensor(k, device=density.device) for k in (N_LABELLINGS, N_MUTUAL, N_ONE_WAY, N_NULL)]
    triples = n * (n - 1) * (n - 2) / 6
    return triples * powers[0] * mutual ** powers[1] * one_way ** powers[2] * null ** powers[3]


def _enrichment(term, counts, density, reciprocity, n):
    expected = _dyad_null(density, reciprocity, n)
    reached = torch.log((counts + 0.5) / (expected + 0.5))[..., IS_MOTIF]
    weight, target = (values.to(counts.device) for values in (term.class_weight, term.target))
    return (weight * (reached - target) ** 2).sum()


def _shares(counts):
    connected = counts[..., IS_MOTIF].clamp(min=0)
    return connected / connected.sum()


def _kl(term, counts, density, reciprocity, n):
    reached = _shares(counts).clamp(min=1e-12)
    # Not xlogy(p, p / q), whose gradient is nan where p is 0.
    target = term.frequency.to(counts.device)
    return (torch.special.xlogy(target, target) - target * reached.log()).sum()


def _frequency(term, counts, density, reciprocity, n):
    return ((_shares(counts) - term.frequency.to(counts.device)) ** 2).sum()


LOSSES = {"enrichment": _enrichment, "kl": _kl, "frequency": _frequency}
