"""Which motifs a graph has more or less of than its null models, and how sure one can be."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.stats import false_discovery_control, norm, pearson3

from digimus.errors import InputError
from digimus.motifs.census import bit_rows, checked_adjacency, participation, triad_census, triples
from digimus.motifs.dyads import dyad_null_mean, dyad_statistics
from digimus.motifs.nulls import FIXED_DYADS, NULLS, DistanceBins, sample_null_censuses
from digimus.motifs.triads import IS_MOTIF, MOTIFS

N_DYAD_GRAPHS = 1000  # the fewest sampled graphs behind a standard deviation of the dyad null
N_DRAWS = 20  # the fewest 0/1 graphs drawn from probabilities
ENOUGH_BEYOND = 10  # null graphs as extreme as the graph, from which their share alone is the p-value
FARTHEST_TAIL = 1e-6
LEVEL = 0.05
MOST_DENSE = 1000  # neurons up to which dense products are faster than sparse ones


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
    p : array
        Two-sided, see `class_p`; 1 where z is not available.
    excess : float
        Sum of squared z, and `p_profile` how often graphs of the null model, each held against the
        others, have as large a sum.

    The p-values of the null ``dyad`` are from graphs with exactly the graph's numbers of mutual and of
    one-way pairs. Its mean and sd are those of independent dyads, as is usual; but these are fitted to
    the graph, and p-values from them would be too large.
    """

    counts: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    z: np.ndarray
    sp: np.ndarray
    p: np.ndarray
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
    if n_null < 2:
        raise InputError(
            "A standard deviation needs two null graphs or more.",
            where="n_null",
            expected="2 or more",
            got=n_null,
            hint="100 or more give usable z-scores.",
        )
    if bit_rows(adjacency) is not None:
        return _against_null(adjacency, null, n_null, positions_um, rng)
    graphs = draw_graphs(checked_adjacency(adjacency), N_DRAWS, rng)
    return _mean_profile([_against_null(graph, null, n_null, positions_um, rng) for graph in graphs])


def draw_graphs(probabilities, n_draws, rng):
    """Yield `n_draws` 0/1 graphs, every edge drawn by its own probability; uint8 CSR arrays (n, n)."""
    p = sp.csr_array(probabilities)
    p.sort_indices()
    for _ in range(n_draws):
        kept = rng.random(p.nnz) < p.data
        indptr = np.concatenate([[0], np.cumsum(kept)])[p.indptr]
        yield sp.csr_array((np.ones(indptr[-1], np.uint8), p.indices[kept], indptr), shape=p.shape)


def _against_null(graph, null, n_null, positions_um, rng):
    counts = triad_census(graph)[IS_MOTIF]
    n_graphs = max(n_null, N_DYAD_GRAPHS) if null == "dyad" else n_null
    sampled = sample_null_censuses(graph, null, n_graphs, rng, positions_um)[:, IS_MOTIF]
    mean, sd = sampled.mean(0), sampled.std(0, ddof=1)
    reference = sampled
    if null == "dyad":
        mean = dyad_null_mean(dyad_statistics(graph))[IS_MOTIF]
        reference = sample_null_censuses(graph, FIXED_DYADS, n_null, rng)[:, IS_MOTIF]
    z = _z(counts, mean, sd)
    return SignificanceProfile(
        counts=counts,
        mean=mean,
        sd=sd,
        z=z,
        sp=_normalised(z),
        p=np.where(np.isfinite(z), class_p(counts, reference), 1.0),
        excess=float(np.nansum(z**2)),
        p_profile=_profile_p(counts, reference),
    )


def class_p(counts, sampled):
    """Two-sided p-value of each count among those of null graphs.

    Our definition: the share of null graphs at least as extreme, the graph counted in, where ten of them
    are. Where fewer are, that share tells little, and the tail of a distribution fitted to the null counts
    takes its place, the larger of the normal's and of the Pearson III's (which has their skewness too),
    but at most the share, and at least `FARTHEST_TAIL`: nothing is known of tails farther out.

    Parameters
    ----------
    counts : array, shape (k,)
    sampled : array, shape (n_null, k)

    Returns
    -------
    numpy.ndarray, shape (k,)
    """
    n = len(sampled)
    above, below = (sampled >= counts).sum(0), (sampled <= counts).sum(0)
    beyond = np.minimum(above, below)
    share = np.minimum(1.0, 2 * (1 + beyond) / (1 + n))
    sd = sampled.std(0, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(sd > 0, (counts - sampled.mean(0)) / sd, 0.0)
        skewness = np.where(sd > 0, ((sampled - sampled.mean(0)) ** 3).mean(0) / sd**3, 0.0)
    # Turned about, so that the tail in question is always the upper one.
    side = np.where(above <= below, 1.0, -1.0)
    tail = 2 * np.maximum(norm.sf(side * z), pearson3.sf(side * z, side * skewness))
    tail = np.minimum(share, np.maximum(tail, FARTHEST_TAIL))
    return np.where((beyond >= ENOUGH_BEYOND) | (sd == 0), share, tail)


def _profile_p(counts, sampled):
    """How often null graphs are as far from the others, over all classes, as the graph is from them."""
    n, mean, sd = len(sampled), sampled.mean(0), sampled.std(0, ddof=1)
    excess = np.nansum(_z(counts, mean, sd) ** 2)
    # Each null graph is standardised without itself, as the graph in question is.
    others_mean = (n * mean - sampled) / (n - 1)
    deviation = (n - 1) * sd**2 - (sampled - mean) ** 2 * n / (n - 1)
    others_sd = np.sqrt(np.maximum(deviation, 0) / max(n - 2, 1))
    null_excess = np.nansum(_z(sampled, others_mean, np.where(sd > 0, others_sd, 0)) ** 2, axis=1)
    return float((1 + np.sum(null_excess >= excess)) / (1 + n))


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
    p = np.array([combined_p(column) for column in np.array([profile.p for profile in profiles]).T])
    excess = float(np.median([profile.excess for profile in profiles]))
    p_profile = combined_p([profile.p_profile for profile in profiles])
    return SignificanceProfile(counts, mean, sd, z, _normalised(z), p, excess, p_profile)


def _mean_where_finite(rows):
    rows = np.array(rows)
    known = np.isfinite(rows)
    n = known.sum(0)
    return np.where(n > 0, np.where(known, rows, 0).sum(0) / np.maximum(n, 1), np.nan)


def combined_p(p):
    """One p-value from dependent ones: twice the median (Vovk and Wang 2020); a single one as it is."""
    return float(p[0]) if len(p) == 1 else float(min(1.0, 2 * np.median(p)))


def least_p(n_draws, n_null):
    """The smallest p-value of a profile that so many drawn graphs and null graphs can give."""
    return min(1.0, (2 if n_draws > 1 else 1) / (1 + n_null))


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
        A row per null and triad: expected_count, null_mean, null_sd, null_enrichment (of the null's mean
        over the dyad null), z, z_low and z_high (central 95 % over the drawn graphs), sp, p, enrichment
        with enrichment_low, enrichment_high, enrichment_variance.
    verdicts : pandas.DataFrame
        A row per null: excess (median over draws of the summed squared z), p_profile, and p_least, the
        smallest p_profile that n_draws graphs with n_null null graphs each can give.
    """

    table: pd.DataFrame
    verdicts: pd.DataFrame


def region_profile(probabilities, positions_um, *, n_draws, n_null, n_bootstrap, rng, brains=None):
    """Profile a region's graph of edge probabilities against all null models.

    Parameters
    ----------
    probabilities : array or scipy sparse matrix, shape (n, n)
        Of a 0/1 matrix no graphs are drawn: it is the graph.
    positions_um : array, shape (n, 3), or None
        Soma positions; without them the distance nulls are left out.
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
    if sp.issparse(matrix) and matrix.shape[0] <= MOST_DENSE:
        matrix = matrix.toarray()
    shared = _shared_columns(matrix, n_bootstrap, rng, brains)
    is_graph = bit_rows(matrix) is not None
    graphs = [sp.csr_array(matrix)] if is_graph else draw_graphs(matrix, n_draws, rng)
    bins = None if positions_um is None else DistanceBins.from_positions(np.asarray(positions_um, float))
    nulls = [null for null in NULLS if bins is not None or not null.startswith("distance")]
    drawn = [{null: _against_null(graph, null, n_null, bins, rng) for null in nulls} for graph in graphs]
    tables, verdicts = [], []
    for null in nulls:
        profiles = [of_graph[null] for of_graph in drawn]
        summary = _mean_profile(profiles)
        z = np.array([profile.z for profile in profiles])
        tables.append(
            shared.assign(
                null=null,
                null_mean=summary.mean,
                null_sd=summary.sd,
                null_enrichment=_null_enrichment(drawn, null),
                z=summary.z,
                z_low=_quantile_where_finite(z, 0.025),
                z_high=_quantile_where_finite(z, 0.975),
                sp=summary.sp,
                p=summary.p,
            )
        )
        verdicts.append(
            dict(
                null=null,
                excess=summary.excess,
                p_profile=summary.p_profile,
                p_least=least_p(len(drawn), n_null),
                n_draws=len(drawn),
                n_null=n_null,
            )
        )
    return RegionProfile(pd.concat(tables, ignore_index=True), pd.DataFrame(verdicts))


def _null_enrichment(drawn, null):
    """Enrichment of a null's mean over the dyad null of the same drawn graph, mean over the graphs."""
    return np.mean([enrichment(of_graph[null].mean, of_graph["dyad"].mean) for of_graph in drawn], axis=0)


def _shared_columns(matrix, n_bootstrap, rng, brains):
    """What does not depend on the null: expected counts, and enrichment with its errors."""
    counts = triad_census(matrix)
    expected = dyad_null_mean(dyad_statistics(matrix))
    resampled = enrichment_bootstrap(matrix, n_bootstrap, rng)
    return pd.DataFrame(
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


def neuron_table(probabilities, ids, brains):
    """How much every neuron takes part in the thirteen motifs.

    Parameters
    ----------
    probabilities : array or scipy sparse matrix, shape (n, n)
    ids, brains : sequences of str, shape (n,)

    Returns
    -------
    pandas.DataFrame
        id, brain, and a column for every motif whose sum is the region's expected count.
    """
    shares = participation(probabilities)[:, IS_MOTIF]
    names = pd.DataFrame({"id": np.asarray(ids, str), "brain": np.asarray(brains, str)})
    return pd.concat([names, pd.DataFrame(shares, columns=MOTIFS)], axis=1)


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
        With p_corrected (Benjamini-Hochberg), and whether the class exceeds the null or falls_short of it.
    """
    table = corrected_within_null(profiles, "p")
    sure = table["p_corrected"] < LEVEL
    return table.assign(exceeds=sure & (table["z"] > 0), falls_short=sure & (table["z"] < 0))


def corrected_within_null(table, column):
    """A table with p_corrected: a column of p-values, Benjamini-Hochberg within each null.

    All regions that were tested count, those with too few neurons for a verdict as well.
    """
    table = table.reset_index(drop=True)
    p = table.groupby("null", sort=False)[column]
    return table.assign(p_corrected=p.transform(lambda values: false_discovery_control(values)))
