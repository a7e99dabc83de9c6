"""Region graphs as rows of tables."""

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform

BIN_UM = 50.0


def describe_graph(graph):
    """One row of `graphs.csv`: who is in a region's graph and how dense it is.

    Parameters
    ----------
    graph : RegionGraph

    Returns
    -------
    dict
    """
    return dict(
        source=graph.source,
        region=graph.region,
        simulated=graph.simulated,
        n_neurons=len(graph),
        n_brains=len(np.unique(graph.brains)),
        min_neurons=graph.min_neurons,
        small=graph.small,
        filling_fraction=graph.filling_fraction,
        density=graph.density,
        reciprocity=graph.reciprocity,
        expected_synapses=float(graph.synapses.sum()),
    )


def probability_by_distance(graph, bin_um=BIN_UM):
    """Mean connection probability in bins of soma distance.

    Parameters
    ----------
    graph : RegionGraph
    bin_um : float

    Returns
    -------
    pandas.DataFrame
        source, region, distance_um (middle of the bin), n_pairs (ordered), mean_probability.
    """
    off_diagonal = ~np.eye(len(graph), dtype=bool)
    distance = squareform(pdist(graph.soma_um))[off_diagonal]
    probability = graph.probability.toarray()[off_diagonal]
    bins = (distance // bin_um).astype(int)
    n_pairs = np.bincount(bins)
    total = np.bincount(bins, weights=probability)
    held = np.flatnonzero(n_pairs)
    return pd.DataFrame(
        dict(
            source=graph.source,
            region=graph.region,
            simulated=graph.simulated,
            distance_um=(held + 0.5) * bin_um,
            n_pairs=n_pairs[held],
            mean_probability=total[held] / n_pairs[held],
        )
    )
