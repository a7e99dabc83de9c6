"""The motif term: how far the motifs of trained weights are from a prior, as a loss.

Soft adjacency of a weight W[post, pre]: a = sigmoid((|w| - theta) / T) transposed, theta the |w|
quantile at the target density (without gradient), T annealed relative to the spread of |w|.
"""

import math

import numpy as np
import torch

from digimus.errors import InputError
from digimus.models.motif_gradients import (
    LEAST_SHARE,
    LEAST_SPREAD,
    LOG_LABELLINGS,
    POWERS,
    VALUES,
    CensusTerm,
    soft_edges,
)
from digimus.models.participation import energy_distance, soft_participation, standardised
from digimus.models.settings import check_number, check_whole
from digimus.motifs.dense import gradient_of_sizes
from digimus.motifs.soft import soft_triad_census
from digimus.motifs.triads import IS_MOTIF, MOTIFS
from digimus.suggest import did_you_mean

TEMPERATURES = (0.3, 0.05)
MOST_NEURONS = 256
"""Neurons of a region that `participation` is compared with; of more, as many are taken."""
FEWEST_UNITS = 3
"""Of a network or module with a motif term: a motif class is one of three units."""


class MotifTerm:
    """A penalty on recurrent weights whose motifs differ from a prior's.

    Parameters
    ----------
    prior : digimus.motifs.Prior
    loss : {"enrichment", "kl", "frequency", "participation"}
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
    warm_up : float
        Share of the updates over which the weight rises from 0, in a line.
    anneal : float
        Share of the updates, the last ones, over which it falls to 0 again.
    participation : array, shape (n_neurons, 13), optional
        How much each neuron of the region takes part in each class; `participation` alone needs it.

    Raises
    ------
    InputError
        If the prior does not hold what the loss needs, or is not one of thirteen classes.
    """

    def __init__(
        self,
        prior,
        *,
        loss,
        weight,
        density,
        reciprocity_weight,
        n_updates,
        every=1,
        warm_up=0.0,
        anneal=0.0,
        participation=None,
    ):
        _check_length(prior)
        for name, share in (("warm_up", warm_up), ("anneal", anneal)):
            check_number(f"training.motif_term.{name}", share, least=0, most=1)
        for name, value in (("weight", weight), ("reciprocity_weight", reciprocity_weight)):
            check_number(f"training.motif_term.{name}", value, least=0)
        check_number("training.motif_term.density", density, above=0, below=1)
        for name, value in (("every", every), ("n_updates", n_updates)):
            check_whole(f"training.motif_term.{name}", value, hint="5 is the default of every.")
        if not (np.isfinite(prior.weight).all() and (prior.weight >= 0).all()):
            raise InputError(
                f"The weights of the prior {prior.name!r} are no weights.",
                where=f"priors.{prior.name}, weight",
                expected="finite numbers of 0 or more; 0 leaves a class out",
                got=repr(np.asarray(prior.weight).tolist()),
                hint="Read priors with digimus.motifs.read_priors.",
            )
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
        self.warm_up, self.anneal = warm_up, anneal
        self.participation = _region_participation(participation, prior) if loss == "participation" else None
        self.target = torch.tensor(np.nan_to_num(prior.enrichment))
        self.class_weight = torch.tensor(prior.weight)
        self.frequency = torch.tensor(np.nan_to_num(prior.frequency))
        self.reciprocity = float(np.nan_to_num(prior.reciprocity))

    @staticmethod
    def check_units(n_units, model="digimus"):
        """Raise an InputError for fewer units than a triad has, with the name of the model."""
        if n_units < FEWEST_UNITS:
            _too_few(f"models.{model}.n_units", f"{FEWEST_UNITS} or more", n_units)

    def is_due(self, update):
        """Whether the term is taken at this update."""
        return self.weight > 0 and update % self.every == 0

    def __call__(self, weight, update):
        """The weighted loss of W[post, pre] at an update, a scalar tensor; times `every`."""
        self.check_units(len(weight))
        start, end = TEMPERATURES
        progress = min(1.0, update / max(1, self.n_updates - 1))
        temperature = start + (end - start) * progress
        if self.loss in VALUES and weight.device.type == "cpu":
            distance = CensusTerm.apply(weight, self, _threshold_rank(len(weight), self.density), temperature)
        else:
            distance = self.distance(soft_adjacency(weight, self.density, temperature))
        return self.weight * self._strength(update) * self.every * distance

    def _strength(self, update):
        """From 0 to 1: the part of the weight that counts at an update."""
        risen = (update + 1) / (self.warm_up * self.n_updates) if self.warm_up else 1.0
        left = (self.n_updates - update) / (self.anneal * self.n_updates) if self.anneal else 1.0
        return max(0.0, min(1.0, risen, left))

    def distance(self, edges):
        """The unweighted loss of an adjacency (n, n) of edge probabilities."""
        reciprocity, density = _dyads(edges)
        loss = LOSSES[self.loss](self, edges, density, reciprocity)
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
    rank = _threshold_rank(n, density)
    if weight.device.type == "cpu":
        return _SoftAdjacency.apply(weight, rank, temperature)
    size = weight.abs()
    off = ~torch.eye(n, dtype=torch.bool, device=weight.device)
    with torch.no_grad():
        values = size[off]
        threshold = values.kthvalue(rank).values
        spread = values.std().clamp(min=LEAST_SPREAD)
    return (torch.sigmoid((size - threshold) / (temperature * spread)) * off).t()


def _threshold_rank(n, density):
    """The place of the threshold among the off-diagonal sizes of n x n weights, from 1 on."""
    n_values = n * (n - 1)
    return min(max(round((1 - density) * n_values), 1), n_values)


class _SoftAdjacency(torch.autograd.Function):
    """`soft_adjacency` in the memory of a CPU."""

    @staticmethod
    def forward(ctx, weight, rank, temperature):
        weight = weight.contiguous()
        edges, ctx.scale = soft_edges(weight, rank, temperature)
        ctx.save_for_backward(weight, edges)
        return edges

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, by_edge):
        weight, edges = ctx.saved_tensors
        by_weight = torch.empty_like(weight)
        gradient_of_sizes(
            by_edge.contiguous().numpy(), edges.numpy(), weight.numpy(), ctx.scale, by_weight.numpy()
        )
        return by_weight, None, None


class _DyadSums(torch.autograd.Function):
    """The sums of edges and of mutual edges, float64, shape (2,)."""

    @staticmethod
    def forward(ctx, edges):
        ctx.save_for_backward(edges)
        mutual = (edges * edges.t()).sum(dtype=torch.float64)
        return torch.stack([edges.sum(dtype=torch.float64), mutual])

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, upstream):
        (edges,) = ctx.saved_tensors
        by_sum, by_mutual = upstream.to(edges.dtype).unbind()
        return torch.addcmul(by_sum, edges.t(), by_mutual, value=2)


def _dyads(edges):
    """Reciprocity and density of an adjacency, differentiable."""
    n = edges.shape[-1]
    total, mutual = _DyadSums.apply(edges).unbind()
    return mutual / total, total / (n * (n - 1))


def _dyad_null(density, reciprocity, n):
    """`digimus.motifs.dyad_null_mean` in torch."""
    mutual = density * reciprocity
    one_way = density - mutual
    none = 1 - density - one_way
    # Of a power of 0 the logarithm has no gradient.
    logs = torch.stack([mutual, one_way, none]).clamp(min=LEAST_SHARE).log()
    log_factors = torch.tensor(LOG_LABELLINGS + math.log(n * (n - 1) * (n - 2) / 6), device=logs.device)
    return torch.exp(torch.tensor(POWERS, device=logs.device) @ logs + log_factors)


def _too_few(where, expected, got):
    raise InputError(
        "A motif term needs three units, of which a motif class is made.",
        where=where,
        expected=expected,
        got=got,
        hint="Give the model more units, or train it without a prior.",
    )


def _check_length(prior):
    for name in ("enrichment", "weight", "frequency"):
        if np.shape(getattr(prior, name)) != (len(MOTIFS),):
            raise InputError(
                f"The prior {prior.name!r} is not one of the thirteen motif classes.",
                where=f"priors.{prior.name}, {name}",
                expected=f"{len(MOTIFS)} values, in the order of digimus.motifs.MOTIFS",
                got=f"shape {np.shape(getattr(prior, name))}",
                hint="Read priors with digimus.motifs.read_priors.",
            )


def _region_participation(values, prior):
    """Participation of at most `MOST_NEURONS` neurons, evenly spaced in the order of their sums."""
    found = np.zeros((0, 0)) if values is None else np.asarray(values, float)
    fine = found.ndim == 2 and found.shape[1] == len(MOTIFS) and np.isfinite(found).all()
    if not (fine and (found >= 0).all() and found.sum() > 0):
        raise InputError(
            f"The prior {prior.name!r} does not tell how its neurons take part in motifs.",
            where="training.motif_term.loss",
            expected=f"participation of its neurons, shape (neurons, {len(MOTIFS)}), 0 or more, not all 0",
            got="none" if values is None else f"shape {np.shape(values)}",
            hint="Use a prior of kind region from a source of neurons, or another loss.",
        )
    if len(found) > MOST_NEURONS:
        order = np.argsort(found.sum(1), kind="stable")
        found = found[order[np.linspace(0, len(found) - 1, MOST_NEURONS).round().astype(int)]]
    return torch.tensor(found)


def _enrichment(term, edges, density, reciprocity):
    counts = soft_triad_census(edges)
    expected = _dyad_null(density, reciprocity, edges.shape[-1])
    reached = torch.log((counts + 0.5) / (expected + 0.5))[..., IS_MOTIF]
    weight, target = (values.to(counts.device) for values in (term.class_weight, term.target))
    return (weight * (reached - target) ** 2).sum()


def _shares(edges):
    connected = soft_triad_census(edges)[..., IS_MOTIF].clamp(min=0)
    return connected / connected.sum()


def _kl(term, edges, density, reciprocity):
    reached = _shares(edges).clamp(min=1e-12)
    # Not xlogy(p, p / q), whose gradient is nan where p is 0.
    target = term.frequency.to(reached.device)
    return (torch.special.xlogy(target, target) - target * reached.log()).sum()


def _frequency(term, edges, density, reciprocity):
    return ((_shares(edges) - term.frequency.to(edges.device)) ** 2).sum()


def _participation(term, edges, density, reciprocity):
    reached = soft_participation(edges).to(torch.float64)
    return energy_distance(*standardised(reached, term.participation.to(edges.device)))


LOSSES = {
    "enrichment": _enrichment,
    "kl": _kl,
    "frequency": _frequency,
    "participation": _participation,
}
"""Each maps a term, an adjacency (n, n), its density and its reciprocity to a scalar."""


class RegionTerms:
    """A motif term for each module of a network with regions, taken on its block of the weights.

    Parameters
    ----------
    terms : dict of str to MotifTerm
        By region; regions without one are free.
    slices : dict of str to slice
        `DigiMus.region_slices`.

    Raises
    ------
    InputError
        If a term names a region that the network does not have.
    """

    def __init__(self, terms, slices):
        for region in terms:
            if region not in slices:
                raise InputError(
                    f"A motif term is for a region {region!r} that the network does not have.",
                    where="models.digimus.regions",
                    expected=f"one of {', '.join(slices) or 'none'}",
                    got=repr(region),
                    hint=did_you_mean(region, slices),
                )
        self.parts = [(slices[region], term) for region, term in terms.items()]

    def check_units(self, n_units, model="digimus"):
        """Raise an InputError for a module of fewer units than a triad has, with the name of the model."""
        fewest = min((part.stop - part.start for part, _ in self.parts), default=FEWEST_UNITS)
        if fewest < FEWEST_UNITS:
            _too_few(f"models.{model}.n_units", f"{FEWEST_UNITS} or more in each module", fewest)

    def is_due(self, update):
        """Whether any term is taken at this update."""
        return any(term.is_due(update) for _, term in self.parts)

    def __call__(self, weight, update):
        """The sum of the terms that are due, each of its own block of W[post, pre]."""
        return sum(term(weight[part, part], update) for part, term in self.parts if term.is_due(update))
