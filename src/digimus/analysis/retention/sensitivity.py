"""Whether what is found of motifs in weights depends on how weights become a graph.

A graph of the strongest weights needs a density, and a soft one a temperature too. Both are varied here.
"""

import numpy as np
import pandas as pd
import torch

from digimus.analysis.retention.profiles import (
    graph_profile,
    hard_adjacency,
    has_weights,
    score,
    unavailable_rows,
    weights_of,
)
from digimus.models.motif_term import soft_adjacency

SENSITIVITY_COLUMNS = (
    "task", "model", "prior", "module", "seed", "stage", "target", "method", "density", "temperature",
    "distance", "reciprocity", "not_available",
)  # fmt: skip
NO_EDGES = "because no weight is an edge at this density"


def soft_graph(weight, density, temperature):
    """Edge probabilities of a weight matrix: `digimus.models.motif_term.soft_adjacency` in numpy.

    sigmoid((|w| - theta) / T), theta the quantile of |w| at the density and T in standard deviations of |w|
    (our definition); a weight of 0, as a mask leaves it, is no edge.

    Parameters
    ----------
    weight : array, shape (n, n)
        W[post, pre].
    density, temperature : float

    Returns
    -------
    numpy.ndarray, shape (n, n), float64
        Presynaptic rows, zero diagonal.
    """
    weight = np.ascontiguousarray(weight, np.float64)
    with torch.no_grad():
        edges = soft_adjacency(torch.from_numpy(weight), density, temperature).numpy()
    return edges * (weight.T != 0)


def sensitivity_table(trained, priors, *, densities, temperatures, density):
    """Distance to every prior over a range of densities, and over one of temperatures.

    Parameters
    ----------
    trained, priors
        As for `digimus.analysis.retention.profiles.retention_tables`.
    densities : sequence of float
        Of graphs of the strongest weights (method ``hard``).
    temperatures : sequence of float
        Of soft graphs, in standard deviations of |w| (method ``soft``).
    density : float
        That the threshold of the soft graphs is set to.

    Returns
    -------
    pandas.DataFrame
        Columns `SENSITIVITY_COLUMNS`; the temperature of a hard graph is nan.
    """
    settings = [dict(method="hard", density=each, temperature=np.nan) for each in densities]
    settings += [dict(method="soft", density=density, temperature=each) for each in temperatures]
    rows = []
    for cell in trained:
        if not has_weights(cell):
            rows += [row | setting for setting in settings for row in unavailable_rows(cell, priors)]
            continue
        for key, weight in weights_of(cell):
            targets = {name: parts[key["module"]] for name, parts in priors.items() if key["module"] in parts}
            for setting in settings if targets else ():
                found = _distances(weight, setting, targets)
                rows += [key | setting | one for one in found]
    return pd.DataFrame(rows, columns=SENSITIVITY_COLUMNS)


def _distances(weight, setting, targets):
    """The scores of a weight matrix by one way to make a graph of it."""
    if setting["method"] == "hard":
        graph = hard_adjacency(weight, setting["density"])
    else:
        graph = soft_graph(weight, setting["density"], setting["temperature"])
    if not graph.any():
        return [dict(target=name, not_available=NO_EDGES) for name in targets]
    profile, reciprocity = graph_profile(graph)
    return [score(name, prior, profile, reciprocity) for name, prior in targets.items()]
