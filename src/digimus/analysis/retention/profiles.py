"""Whether trained weights keep the motifs of the prior, in a whole network and in each of its modules."""

from dataclasses import replace

import numpy as np
import pandas as pd

from digimus.models.structure import region_slices
from digimus.motifs import dyad_null_mean, dyad_statistics, enrichment, triad_census
from digimus.motifs.triads import IS_MOTIF, MOTIFS

PROFILE_COLUMNS = ("task", "model", "prior", "module", "seed", "stage", "triad", "enrichment")
SCORE_COLUMNS = (
    "task", "model", "prior", "module", "seed", "stage", "target", "reciprocity", "target_reciprocity",
    "distance", "not_available",
)  # fmt: skip
MODULE_COLUMNS = (
    "task", "model", "prior", "seed", "stage", "source", "target", "n_source", "n_target", "strength",
    "mean_weight",
)  # fmt: skip
WEIGHT_COLUMNS = (
    "task", "model", "prior", "seed", "post_module", "pre_module", "post", "pre", "mean_weight",
)  # fmt: skip
STAGES = (("initial", "initial_recurrent_weight"), ("trained", "recurrent_weight"))
NO_WEIGHTS = "because a model of kind {kind} has no matrix of weights between units"
NO_CLASSES = "because the prior {name} gives no class of triads a weight"
MOST_BINS = 128
"""Rows of the matrix of weights that is kept for drawing; of larger networks, means over some units."""


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
        Presynaptic rows, zero diagonal. A weight of 0, as a mask leaves it, is no edge.
    """
    size = np.abs(np.asarray(weight, float))
    n = len(size)
    np.fill_diagonal(size, 0)
    n_edges = min(round(density * n * (n - 1)), np.count_nonzero(size))
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
    return graph_profile(hard_adjacency(weight, density))


def graph_profile(graph):
    """Enrichment of the thirteen motifs over the dyad null in a graph, and its reciprocity.

    Parameters
    ----------
    graph : array, shape (n, n)
        Of edges or of their probabilities, presynaptic rows.

    Returns
    -------
    (numpy.ndarray of shape (13,), float)
    """
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


def has_weights(cell):
    """Whether the networks of a cell have a matrix of recurrent weights.

    Parameters
    ----------
    cell : digimus.training.Trained
    """
    return all(cell.of_seed(seed, array) is not None for seed in cell.seeds for _, array in STAGES)


def weights_alone(cell):
    """A trained cell without all that retention does not need, so that a whole grid fits into memory.

    Parameters
    ----------
    cell : digimus.training.Trained

    Returns
    -------
    digimus.training.Trained
        With recurrent weights alone among its arrays.
    """
    kept = {name: values for name, values in cell.arrays.items() if name.endswith("recurrent_weight")}
    return replace(cell, arrays=kept)


def modules_of(cell):
    """The units of every part whose motifs are counted: the whole network under ``""``, then its modules.

    Parameters
    ----------
    cell : digimus.training.Trained

    Returns
    -------
    dict of str to slice
    """
    regions = cell.model_settings.get("regions") or []
    own = region_slices(regions, cell.model_settings["n_units"]) if regions else {}
    return {"": slice(None), **own}


def retention_tables(trained, priors, density):
    """Motifs of the weights of every network and of its modules, before and after training.

    Parameters
    ----------
    trained : iterable of digimus.training.Trained
    priors : dict of str to dict of str to digimus.motifs.Prior
        What they are compared with, by name and module, as `digimus.motifs.priors.build_priors` gives them:
        a whole network with a prior for whole networks, each module with its own part of a prior for
        modules.
    density : float
        Share of the weights that count as edges, in a module of those within it.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        Columns `PROFILE_COLUMNS`, with rows of stage ``target`` for the priors, and `SCORE_COLUMNS`. The
        module is empty for a whole network. A model without recurrent weights, and a prior without a class
        that counts, have scores with their reason in ``not_available``.
    """
    profile_rows, score_rows = [], []
    for name, parts in priors.items():
        for module, prior in parts.items():
            target = dict(task="", model="", prior=name, module=module, seed=-1, stage="target")
            profile_rows += _profile_rows(target, np.where(prior.weight > 0, prior.enrichment, np.nan))
    for cell in trained:
        if not has_weights(cell):
            score_rows += unavailable_rows(cell, priors)
            continue
        for key, weight in weights_of(cell):
            profile, reciprocity = weight_profile(weight, density)
            profile_rows += _profile_rows(key, profile)
            for name, parts in priors.items():
                if key["module"] in parts:
                    score_rows.append(key | score(name, parts[key["module"]], profile, reciprocity))
    return (
        pd.DataFrame(profile_rows, columns=PROFILE_COLUMNS),
        pd.DataFrame(score_rows, columns=SCORE_COLUMNS),
    )


def weights_of(cell):
    """(key, W[post, pre]) of the whole of every network and of its modules, before and after training.

    Parameters
    ----------
    cell : digimus.training.Trained
        With recurrent weights.

    Yields
    ------
    (dict, numpy.ndarray of shape (n, n))
        The key: task, model, prior, module, seed, stage.
    """
    for seed in cell.seeds:
        for stage, array in STAGES:
            weight = cell.of_seed(seed, array)
            for module, part in modules_of(cell).items():
                key = dict(task=cell.unit, model=cell.model, prior=cell.prior)
                yield key | dict(module=module, seed=seed, stage=stage), weight[part, part]


def unavailable_rows(cell, priors):
    """The rows of a cell without recurrent weights, for every target of a whole network.

    Parameters
    ----------
    cell : digimus.training.Trained
    priors : dict of str to dict of str to digimus.motifs.Prior
        As for `retention_tables`.

    Returns
    -------
    list of dict
    """
    return [
        dict(
            task=cell.unit,
            model=cell.model,
            prior=cell.prior,
            module="",
            seed=seed,
            stage="trained",
            target=name,
            not_available=NO_WEIGHTS.format(kind=cell.kind),
        )
        for seed in cell.seeds
        for name, parts in priors.items()
        if "" in parts
    ]


def score(name, prior, profile, reciprocity):
    """How near a profile is to a prior, as a part of a row of `SCORE_COLUMNS`.

    Parameters
    ----------
    name : str
        Of the prior in the configuration.
    prior : digimus.motifs.Prior
    profile : array, shape (13,)
    reciprocity : float

    Returns
    -------
    dict
    """
    distance = distance_to_prior(profile, prior)
    return dict(
        target=name,
        reciprocity=reciprocity,
        target_reciprocity=prior.reciprocity,
        distance=distance,
        not_available="" if np.isfinite(distance) else NO_CLASSES.format(name=name),
    )


def module_tables(trained):
    """How strongly the modules of networks are coupled, and the weights of one network of each kind.

    Parameters
    ----------
    trained : iterable of digimus.training.Trained
        Networks with several modules.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        Columns `MODULE_COLUMNS`, a row for each pair of modules: the strength of the projection, which
        scales its weights (1 within a module), and the mean |w|; and `WEIGHT_COLUMNS`, the |w| of the first
        task's first seed after training, for every model and prior. Above `MOST_BINS` units, means over
        neighbouring units of a module.
    """
    module_rows, weights, shown = [], [], set()
    for cell in trained:
        modules = modules_of(cell)
        modules.pop("")
        strengths = np.array(cell.model_settings["projections"], float)
        np.fill_diagonal(strengths, 1.0)
        key = dict(task=cell.unit, model=cell.model, prior=cell.prior)
        for seed in cell.seeds:
            for stage, array in STAGES:
                weight = np.abs(cell.of_seed(seed, array))
                for (k, source), (m, target) in _pairs(modules):
                    columns, rows = modules[source], modules[target]
                    module_rows.append(
                        key
                        | dict(
                            seed=seed,
                            stage=stage,
                            source=source,
                            target=target,
                            n_source=columns.stop - columns.start,
                            n_target=rows.stop - rows.start,
                            strength=strengths[k, m],
                            mean_weight=_mean_weight(weight, rows, columns),
                        )
                    )
        if (cell.model, cell.prior) not in shown and cell.seeds:
            shown.add((cell.model, cell.prior))
            weight = np.abs(cell.of_seed(cell.seeds[0], "recurrent_weight"))
            weights.append(_weight_table(key | dict(seed=cell.seeds[0]), weight, modules))
    return (
        pd.DataFrame(module_rows, columns=MODULE_COLUMNS),
        pd.concat(weights, ignore_index=True) if weights else pd.DataFrame(columns=list(WEIGHT_COLUMNS)),
    )


def _pairs(modules):
    return [(source, target) for source in enumerate(modules) for target in enumerate(modules)]


def _mean_weight(weight, rows, columns):
    """Mean of |w| (n, n) over a block, without the diagonal of the matrix."""
    block = weight[rows, columns]
    if rows != columns:
        return float(block.mean())
    n = len(block)
    return float((block.sum() - np.trace(block)) / (n * (n - 1))) if n > 1 else np.nan


def _weight_table(key, weight, modules):
    """|w| (n, n) as rows of a table, over bins of units."""
    width = -(-len(weight) // MOST_BINS)
    bins, names = [], []
    for name, part in modules.items():
        units = np.arange(part.start, part.stop)
        own = np.array_split(units, -(-len(units) // width))
        bins += own
        names += [name] * len(own)
    sums = np.add.reduceat(weight, [units[0] for units in bins], axis=0)
    sums = np.add.reduceat(sums, [units[0] for units in bins], axis=1)
    sizes = np.array([len(units) for units in bins])
    post, pre = np.indices(sums.shape)
    names = np.array(names, object)
    table = pd.DataFrame(
        {
            "post_module": names[post.ravel()],
            "pre_module": names[pre.ravel()],
            "post": post.ravel(),
            "pre": pre.ravel(),
            "mean_weight": (sums / np.outer(sizes, sizes)).ravel(),
        }
    )
    return table.assign(**key)[list(WEIGHT_COLUMNS)]


def _profile_rows(key, profile):
    return [key | dict(triad=triad, enrichment=value) for triad, value in zip(MOTIFS, profile, strict=True)]
