"""How well the planted wiring of simulated neurons is recovered from their morphologies."""

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from digimus.motifs import dyad_null_mean, dyad_statistics, enrichment, triad_census
from digimus.motifs.triads import IS_MOTIF, MOTIFS

COLUMNS = (
    "source", "region", "n_planted_edges", "auroc", "planted_density", "density", "planted_reciprocity",
    "reciprocity", "planted_030T_over_030C", "recovered_030T_over_030C",
)  # fmt: skip


def recovery_row(graph, truth):
    """One region: its planted graph beside the graph of probabilities.

    Parameters
    ----------
    graph : digimus.connectome.RegionGraph
    truth : pandas.DataFrame
        Planted edges: region, pre, post (neuron ids). A region without any has none planted.

    Returns
    -------
    dict
        `COLUMNS`; AUROC of probabilities against planted edges, and the log enrichment of 030T less that
        of 030C. nan where nothing is planted, and of a graph below three neurons.
    """
    if graph.without_triads:
        return dict.fromkeys(COLUMNS, np.nan) | dict(source=graph.source, region=graph.region)
    probability = graph.probability.toarray()
    off = ~np.eye(len(graph), dtype=bool)
    row = dict.fromkeys(COLUMNS, np.nan) | dict(
        source=graph.source,
        region=graph.region,
        density=graph.density,
        reciprocity=graph.reciprocity,
        recovered_030T_over_030C=_order(probability),
    )
    edges = truth[truth["region"] == graph.region]
    row["n_planted_edges"] = len(edges)
    if len(edges):
        position = {name: k for k, name in enumerate(graph.ids)}
        planted = np.zeros(probability.shape)
        planted[edges["pre"].map(position), edges["post"].map(position)] = 1
        dyads = dyad_statistics(planted)
        row |= dict(
            auroc=float(roc_auc_score(planted[off], probability[off])),
            planted_density=dyads.density,
            planted_reciprocity=dyads.reciprocity,
            planted_030T_over_030C=_order(planted),
        )
    return row


def recovery_table(graphs, truth):
    """`recovery_row` of every region."""
    return pd.DataFrame([recovery_row(graph, truth) for graph in graphs], columns=COLUMNS)


def _order(adjacency):
    profile = enrichment(triad_census(adjacency), dyad_null_mean(dyad_statistics(adjacency)))[IS_MOTIF]
    return float(profile[MOTIFS.index("030T")] - profile[MOTIFS.index("030C")])
