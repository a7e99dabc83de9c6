"""Whether trained weights keep the motifs of the prior."""

import numpy as np
import pandas as pd

from digimus.motifs import dyad_null_mean, dyad_statistics, enrichment, triad_census
from digimus.motifs.triads import IS_MOTIF, MOTIFS

PROFILE_COLUMNS = ("task", "prior", "seed", "stage", "triad", "enrichment")
SCORE_COLUMNS = (
    "task", "prior", "seed", "stage", "target", "reciprocity", "target_reciprocity", "distance",
)  # fmt: skip


def hard_adjacency(weight, density):
    """The 0/1 graph of the strongest weights.

    Parameters
    ----------
    weight : array, shape (n, n)
        W[post, pre].
    density : float
        Share of the off-diagonal |w| that become edges.

    Returns
    -------
    numpy.ndarray, shape (n, n), float64
        Presynaptic rows, zero diagonal.
    """
    size = np.abs(np.asarray(weight, float))
    n = len(size)
    np.fill_diagonal(size, -1)
    n_edges = round(density * n * (n - 1))
    strongest = np.argsort(size, axis=None, kind="stable")[::-1][:n_edges]
    graph = np.zeros(n * n)
    graph[strongest] = 1
    return graph.reshape(n, n).T


def weight_profile(weight, density):
    """Enrichment of the thirteen motifs over the dyad null in a weight matrix, and its reciprocity.

    Parameters
    ----------
    weight : array, shape (n, n)
        W[post, pre].
    density : float

    Returns
    -------
    (numpy.ndarray of shape (13,), float)
    """
    graph = hard_adjacency(weight, density)
    statistics = dyad_statistics(graph)
    profile = enrichment(triad_census(graph), dyad_null_mean(statistics))[IS_MOTIF]
    return profile, statistics.reciprocity


def distance_to_prior(profile, prior):
    """Root mean square difference of two enrichment profiles, each class weighted as in the prior.

    Parameters
    ----------
    profile : array, shape (13,)
    prior : digimus.motifs.Prior

    Returns
    -------
    float
        In units of log enrichment; nan where the prior has no class with weight.
    """
    weight = prior.weight
    if not weight.sum() > 0:
        return np.nan
    return float(np.sqrt((weight * (profile - np.nan_to_num(prior.enrichment)) ** 2).sum() / weight.sum()))


def retention_tables(trained, priors, density):
    """Motifs of the weights of every network, before and after training.

    Parameters
    ----------
    trained : iterable of digimus.training.Trained
        Networks with recurrent weights.
    priors : dict of str to digimus.motifs.Prior
        What they are compared with.
    density : float
        Share of the weights that count as edges.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        task, prior, seed, stage, triad, enrichment, with rows of stage ``target`` for the priors; and
        task, target, prior, seed, stage, reciprocity, target_reciprocity, distance.
    """
    profile_rows, score_rows = [], []
    for name, prior in priors.items():
        target = dict(task="", prior=name, seed=-1, stage="target")
        profile_rows += _profile_rows(target, np.where(prior.weight > 0, prior.enrichment, np.nan))
    for cell in trained:
        for seed in cell.seeds:
            for stage, array in (("initial", "initial_recurrent_weight"), ("trained", "recurrent_weight")):
                profile, reciprocity = weight_profile(cell.of_seed(seed, array), density)
                key = dict(task=cell.unit, prior=cell.prior, seed=seed, stage=stage)
                profile_rows += _profile_rows(key, profile)
                for name, prior in priors.items():
                    score_rows.append(
                        key
                        | dict(
                            target=name,
                            reciprocity=reciprocity,
                            target_reciprocity=prior.reciprocity,
                            distance=distance_to_prior(profile, prior),
                        )
                    )
    return (
        pd.DataFrame(profile_rows, columns=PROFILE_COLUMNS),
        pd.DataFrame(score_rows, columns=SCORE_COLUMNS),
    )


def _profile_rows(key, profile):
    return [key | dict(triad=triad, enrichment=value) for triad, value in zip(MOTIFS, profile, strict=True)]
