"""Region graphs as rows of tables."""

import numpy as np
import pandas as pd
import scipy

from digimus.errors import InputError

BIN_UM = 50.0
_ROWS = 512
_DISTANCE = ["source", "region", "simulated", "distance_um", "n_pairs", "mean_probability"]


def describe_graph(graph):
    """One row of `graphs.csv`: who is in a region's graph and how dense it is.

    Parameters
    ----------
    graph : RegionGraph

    Returns
    -------
    dict
        Of a region below three neurons density, reciprocity and expected synapses are nan.
    """
    return dict(
        source=graph.source,
        region=graph.region,
        simulated=graph.simulated,
        rule=graph.rule,
        n_neurons=len(graph),
        n_brains=len(np.unique(graph.brains)),
        min_neurons=graph.min_neurons,
        small=graph.small,
        filling_fraction=graph.filling_fraction,
        density=graph.density,
        reciprocity=graph.reciprocity,
        expected_synapses=np.nan if graph.without_triads else float(graph.synapses.sum()),
    )


def need_triads(graphs):
    """Raise an InputError unless some graph of a source has three neurons.

    Parameters
    ----------
    graphs : sequence of RegionGraph
    """
    if all(graph.without_triads for graph in graphs):
        raise InputError(
            "No region has enough neurons for a graph of triads.",
            where=f"morphology.sources.{graphs[0].source}.regions",
            expected="at least 3 neurons in one of the regions",
            got=", ".join(f"{graph.region} {len(graph)}" for graph in graphs),
            hint="Check the regions' acronyms and the tables set_aside.csv and quality.csv, or add neurons.",
        )


def probability_by_distance(graph, bin_um=BIN_UM):
    """Mean connection probability in bins of soma distance, a block of rows at a time.

    Parameters
    ----------
    graph : RegionGraph
    bin_um : float

    Returns
    -------
    pandas.DataFrame
        source, region, distance_um (middle of the bin), n_pairs (ordered), mean_probability; without rows
        for a region below three neurons.
    """
    if graph.without_triads:
        return pd.DataFrame(columns=_DISTANCE)
    n, probability = len(graph), graph.probability
    n_bins = int(np.linalg.norm(np.ptp(graph.soma_um, axis=0)) // bin_um) + 2
    n_pairs, total = np.zeros(n_bins, np.int64), np.zeros(n_bins)
    for first in range(0, n, _ROWS):
        rows = np.arange(first, min(first + _ROWS, n))
        bins = (scipy.spatial.distance.cdist(graph.soma_um[rows], graph.soma_um) // bin_um).astype(np.int64)
        n_pairs += np.bincount(bins.ravel(), minlength=n_bins)
        spans = np.diff(probability.indptr[first : rows[-1] + 2])
        inner = slice(probability.indptr[first], probability.indptr[rows[-1] + 1])
        met = bins[np.repeat(np.arange(len(rows)), spans), probability.indices[inner]]
        total += np.bincount(met, weights=probability.data[inner], minlength=n_bins)
    n_pairs[0] -= n  # each neuron with itself
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
