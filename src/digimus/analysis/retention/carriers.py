"""Which weights carry the motifs that a network retains: few strong or changed ones, or all of them."""

import numpy as np
import pandas as pd

from digimus.analysis.retention.profiles import NO_CLASSES, distance_to_prior, modules_of, weight_profile
from digimus.seeding import stream

CARRIER_COLUMNS = (
    "task", "model", "prior", "module", "seed", "target", "order", "share", "distance", "not_available",
)  # fmt: skip
ORDERS = ("size", "change", "random")
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
N_DRAWS = 5
"""Random orders, over which the distance is averaged."""


def carriers_table(trained, priors, *, density, seed):
    """Distance to the prior once a share of the weights is set back to what it was before training.

    Our definition: weights are set back in an order, those with the largest |w| after training first
    (``size``), those that training changed most (``change``), or at random, and the graph of the strongest
    weights is counted anew. With a share of 0 it is the trained network, with 1 the start. If few weights
    carry the motifs, the distance rises at small shares already, and faster than in a random order.

    Parameters
    ----------
    trained : iterable of digimus.training.Trained
    priors : dict of str to dict of str to digimus.motifs.Prior
        By name and module, those of which networks are asked; cells with another prior, or none, are left
        out. Each network, or module, is compared with its own prior.
    density : float
        Share of the weights that count as edges.
    seed : int
        Of the configuration; the random orders depend on it.

    Returns
    -------
    pandas.DataFrame
        Columns `CARRIER_COLUMNS`.
    """
    rows = []
    for cell in trained:
        parts = modules_of(cell)
        for module, prior in priors.get(cell.prior, {}).items():
            for network in cell.seeds:
                block = (parts[module], parts[module])
                weight = cell.of_seed(network, "recurrent_weight")[block]
                start = cell.of_seed(network, "initial_recurrent_weight")[block]
                key = dict(task=cell.unit, model=cell.model, prior=cell.prior, module=module, seed=network)
                rng = stream(seed, "retention", "carriers", *map(str, key.values()))
                rows += [
                    key | dict(target=cell.prior) | row
                    for row in _of_network(weight, start, prior, density, rng)
                ]
    return pd.DataFrame(rows, columns=CARRIER_COLUMNS)


def _of_network(weight, start, prior, density, rng):
    """Rows of one network: order, share, distance."""
    if not prior.weight.sum() > 0:
        reason = NO_CLASSES.format(name=prior.name)
        return [dict(order=order, not_available=reason) for order in ORDERS]
    rows = []
    for order in ORDERS:
        orders = [_order(weight, start, order, rng) for _ in range(N_DRAWS if order == "random" else 1)]
        for share in SHARES:
            found = [_distance(set_back(weight, start, each, share), prior, density) for each in orders]
            rows.append(dict(order=order, share=share, distance=float(np.mean(found)), not_available=""))
    return rows


def _distance(weight, prior, density):
    return distance_to_prior(weight_profile(weight, density)[0], prior)


def _order(weight, start, order, rng):
    """Flat places of all weights off the diagonal, in the order in which they are set back."""
    n = len(weight)
    places = np.flatnonzero(~np.eye(n, dtype=bool))
    if order == "random":
        return rng.permutation(places)
    size = np.abs(weight) if order == "size" else np.abs(weight - start)
    return places[np.argsort(-size.ravel()[places], kind="stable")]


def set_back(weight, start, order, share):
    """A copy of weights of which a share, the first ones of an order, is what it was before.

    Parameters
    ----------
    weight, start : array, shape (n, n)
    order : array of int
        Flat places of weights.
    share : float
        Of the places in the order.

    Returns
    -------
    numpy.ndarray, shape (n, n)
    """
    first = order[: round(share * len(order))]
    mixed = weight.copy()
    mixed.flat[first] = start.flat[first]
    return mixed
