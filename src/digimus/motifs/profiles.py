"""Which motifs a graph has more or less of than its null models, and how sure one can be."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.stats import false_discovery_control, norm

from digimus.errors import InputError
from digimus.motifs.census import checked_adjacency, triad_census, triples
from digimus.motifs.dyads import dyad_null_mean, dyad_statistics
from digimus.motifs.nulls import NULLS, sample_null_censuses
from digimus.motifs.triads import IS_MOTIF, MOTIFS

N_DYAD_GRAPHS = 1000  # the fewest sampled graphs behind a standard deviation of the dyad null
N_DRAWS = 20  # the fewest 0/1 graphs drawn from probabilities


@dataclass(frozen=True)
class SignificanceProfile:
    """A graph's motif counts beside a null model; every array has shape (13,), in the order of `MOTIFS`.

    Attributes
    ----------
    counts, mean, sd : array
        The graph's counts, and the null model's mean and standard deviation.
    z : array
        (counts - mean) / sd; nan ("not available") where sd is 0.
    sp : array
        z over its Euclidean norm (Milo et al. 2004), unavailable classes left out.
    excess : float
        Sum of squared z, and `p_profile` how often graphs of the null model, each held against the
        others, have as large a sum.
    """

    counts: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    z: np.ndarray
    sp: np.ndarray
    excess: float
    p_profile: float


def significance_profile(adjacency, null="dyad", n_null=100, positions_um=None, seed=0):
    """Compare a graph's connected triads with those of a null model.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
        0/1, or probabilities; of these, 20 graphs are drawn, each is compared with nulls of its own,
        and the arrays are means over the draws.
    null : {"dyad", "degree", "distance", "distance-mutual"}
    n_null : int
        Graphs drawn from the null model (at least 1,000 for ``dyad``, whose mean is exact).
    positions_um : array, shape (n, 3), optional
        Soma positions, for the distance nulls.
    seed : int or numpy.random.Generator

    Returns
    -------
    SignificanceProfile

    Raises
    ------
    InputError
        If `n_null` is below 2, or see `sample_null_censuses`.
    """
    rng = np.random.default_rng(seed)
    matrix = checked_adjacency(adjacency)
    matrix = matrix.toarray() if sp.issparse(matrix) else matrix
    if n_null < 2:
        raise InputError(
            "A standard deviation needs two null graphs or more.",
            where="n_null",
            expected="2 or more",
            got=n_null,
            hint="100 or more give usable z-scores.",
        )
    if np.all((matrix == 0) | (matrix == 1)):
        return _against_null(matrix, null, n_null, positions_um, rng)
    drawn = [
        _against_null(graph, null, n_null, positions_um, rng) for graph in draw_graphs(matrix, N_DRAWS, rng)
    ]
    return _mean_profile(drawn)


def draw_graphs(probabilities, n_draws, rng):
    """Yield `n_draws` 0/1 graphs, every edge drawn by its own probability; float64 (n, n)."""
    for _ in range(n_draws):
        yield (rng.random(probabilities.shape) < probabilities).astype(float)


def _against_null(graph, null, n_null, positions_um, rng):
    counts = triad_census(graph)[IS_MOTIF]
    n_graphs = max(n_null, N_DYAD_GRAPHS) if null == "dyad" else n_null
    sampled = sample_null_censuses(graph, null, n_graphs, rng, positions_um)[:, IS_MOTIF]
    mean, sd = sampled.mean(0), sampled.std(0, ddof=1)
    if null == "dyad":
        mean = dyad_null_mean(dyad_statistics(graph))[IS_MOTIF]
    z = _z(counts, mean, sd)
    excess = float(np.nansum(z**2))
    # Each null graph is standardised without itself, as the graph in question is.
    n = len(sampled)
    others_mean = (n * sampled.mean(0) - sampled) / (n - 1)
    deviation = (n - 1) * sd**2 - (sampled - sampled.mean(0)) ** 2 * n / (n - 1)
    others_sd = np.sqrt(np.maximum(deviation, 0) / max(n - 2, 1))
    null_excess = np.nansum(_z(sampled, others_mean, np.where(sd > 0, others_sd, 0)) ** 2, axis=1)
    p_profile = (1 + np.sum(null_excess >= excess)) / (1 + n)
    return SignificanceProfile(counts, mean, sd, z, _normalised(z), excess, float(p_profile))


def _z(counts, mean, sd):
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(sd > 0, (counts - mean) / sd, np.nan)


def _normalised(z):
    size = np.sqrt(np.nansum(z**2))
    return z / size if size > 0 else np.zeros_like(z)


def _mean_profile(profiles):
    counts, mean, sd, z = (
        _mean_where_finite([getattr(profile, name) for profile in profiles])
        for name in ("counts", "mean", "sd", "z")
    )
    excess = float(np.median([profile.excess for profile in profiles]))
    p_profile = combined_p([profile.p_profile for profile in profiles])
    return SignificanceProfile(counts, mean, sd, z, _normalised(z), excess, p_profile)


def _mean_where_finite(rows):
    rows = np.array(rows)
    known = np.isfinite(rows)
    n = known.sum(0)
    return np.where(n > 0, np.where(known, rows, 0).sum(0) / np.maximum(n, 1), np.nan)


def combined_p(p):
    """One p-value from dependent ones: twice the median (Vovk and Wang 2020)."""
    return float(min(1.0, 2 * np.median(p)))


def enrichment(counts, expected):
    """log((T + 1/2) / (E + 1/2)): a class's count over its expectation under the dyad null."""
    return np.log((np.asarray(counts) + 0.5) / (np.asarray(expected) + 0.5))


def enrichment_bootstrap(adjacency, n_bootstrap, rng, weights=None):
    """Enrichment over the dyad null under resampled neurons.

    Neurons get multinomial weights and a triple of distinct neurons counts w_i w_j w_k; resampling with
    copies would create reciprocal triads out of nothing.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
    n_bootstrap : int
    rng : numpy.random.Generator
    weights : array, shape (n_bootstrap, n), optional
        Use these node weights instead of drawing them (for a jackknife over brains, say).

    Returns
    -------
    numpy.ndarray, shape (n_bootstrap, 13)
    """
    matrix = checked_adjacency(adjacency)
    n = matrix.shape[0]
    if weights is None:
        weights = rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap)
    return np.array([_weighted_enrichment(matrix, w.astype(float)) for w in weights])


def _weighted_enrichment(matrix, w):
    counts = triad_census(matrix, weights=w)
    expected = dyad_null_mean(dyad_statistics(matrix, w), triples(w))
    # The pseudo-count must mean the same at every total weight.
    scale = triples(np.ones(len(w))) / max(triples(w), 1e-12)
    return enrichment(counts * scale, expected * scale)[IS_MOTIF]


@dataclass(frozen=True)
class RegionProfile:
    """A region's motifs against every null model.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per null and triad: expected_count, null_mean, null_sd, z, z_low and z_high (central 95 %
        over the drawn graphs), sp, p, enrichment with enrichment_low, enrichment_high,
        enrichment_variance.
    verdicts : pandas.DataFrame
        A row per null: excess (median over draws of the summed squared z), p_profile.
    """

    table: pd.DataFrame
    verdicts: pd.DataFrame


def region_profile(probabilities, positions_um, *, n_draws, n_null, n_bootstrap, rng, brains=None):
    """Profile a region's graph of edge probabilities against all null models.

    Parameters
    ----------
    probabilities : array or scipy sparse matrix, shape (n, n)
    positions_um : array, shape (n, 3)
        Soma positions.
    n_draws, n_null, n_bootstrap : int
        0/1 graphs drawn, null graphs for each of them and null, and resamplings of the neurons.
    rng : numpy.random.Generator
    brains : sequence of str, optional
        Which brain each neuron is from; with three or more, a jackknife over brains is added.

    Returns
    -------
    RegionProfile
    """
    matrix = checked_adjacency(probabilities)
    dense = matrix.toarray() if sp.issparse(matrix) else matrix
    counts = triad_census(matrix)
    expected = dyad_null_mean(dyad_statistics(matrix))
    resampled = enrichment_bootstrap(matrix, n_bootstrap, rng)
    shared = pd.DataFrame(
        {
            "triad": MOTIFS,
            "expected_count": counts[IS_MOTIF],
            "dyad_null_mean": expected[IS_MOTIF],
            "enrichment": enrichment(counts, expected)[IS_MOTIF],
            "enrichment_low": np.quantile(resampled, 0.025, axis=0),
            "enrichment_high": np.quantile(resampled, 0.975, axis=0),
            "enrichment_variance": resampled.var(0, ddof=1),
            "enrichment_jackknife_se": _jackknife_error(matrix, brains),
        }
    )
    graphs = list(draw_graphs(dense, n_draws, rng))
    tables, verdicts = [], []
    for null in NULLS:
        drawn = [_against_null(graph, null, n_null, positions_um, rng) for graph in graphs]
        summary = _mean_profile(drawn)
        z = np.array([profile.z for profile in drawn])
        tables.append(
            shared.assign(
                null=null,
                null_mean=summary.mean,
                null_sd=summary.sd,
                z=summary.z,
                z_low=_quantile_where_finite(z, 0.025),
                z_high=_quantile_where_finite(z, 0.975),
                sp=summary.sp,
                p=[combined_p(2 * norm.sf(np.abs(column))) for column in np.nan_to_num(z).T],
            )
        )
        verdicts.append({"null": null, "excess": summary.excess, "p_profile": summary.p_profile})
    return RegionProfile(pd.concat(tables, ignore_index=True), pd.DataFrame(verdicts))


def _quantile_where_finite(rows, q):
    return np.array(
        [
            np.quantile(column[np.isfinite(column)], q) if np.isfinite(column).any() else np.nan
            for column in rows.T
        ]
    )


def _jackknife_error(matrix, brains):
    """Standard error of the enrichment over brains left out in turn; nan with fewer than three brains."""
    names = np.asarray(brains if brains is not None else [])
    kinds = np.unique(names)
    if len(kinds) < 3:
        return np.full(len(MOTIFS), np.nan)
    kept = [(names != brain).astype(float) for brain in kinds]
    left_out = enrichment_bootstrap(matrix, len(kept), None, weights=np.array(kept))
    n = len(kinds)
    return np.sqrt((n - 1) / n * ((left_out - left_out.mean(0)) ** 2).sum(0))


def correct_profiles(profiles):
    """Profiles of all regions with p corrected over classes and regions, within each null.

    Parameters
    ----------
    profiles : pandas.DataFrame
        Concatenated tables of `RegionProfile`.

    Returns
    -------
    pandas.DataFrame
        With p_corrected (Benjamini-Hochberg).
    """
    return _corrected_within_null(profiles, "p")


def correct_verdicts(verdicts):
    """Verdicts of all regions with p corrected over regions, within each null, and whether they differ."""
    table = _corrected_within_null(verdicts, "p_profile")
    return table.assign(differs=table["p_corrected"] < 0.05)


def _corrected_within_null(table, column):
    table = table.reset_index(drop=True)
    p = table.groupby("null", sort=False)[column]
    return table.assign(p_corrected=p.transform(lambda values: false_discovery_control(values)))
