"""Which motifs a graph has more or less of than its null models, and how sure one can be."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp

from digimus.errors import InputError
from digimus.motifs.census import (
    bit_rows,
    checked_adjacency,
    expected_census_and_edges,
    participation,
    sparse_or_dense,
    triad_census,
    triples,
)
from digimus.motifs.dyads import DyadStatistics, dyad_null_mean, dyad_statistics
from digimus.motifs.nulls import FIXED_DYADS, NULLS, DistanceBins, sample_null_censuses
from digimus.motifs.pvalues import benjamini_hochberg, normal_tail, pearson3_tail
from digimus.motifs.triads import IS_MOTIF, MOTIFS

N_DYAD_GRAPHS = 1000  # the fewest sampled graphs behind a standard deviation of the dyad null
N_DRAWS = 20  # the fewest 0/1 graphs drawn from probabilities
ENOUGH_BEYOND = 10  # null graphs as extreme as the graph, from which their share alone is the p-value
FARTHEST_TAIL = 1e-6
LEVEL = 0.05
VERDICT_COLUMNS = ("null", "excess", "p_profile", "p_least", "n_draws", "n_null")
MOST_DENSE = 1000  # neurons up to which a graph with many edges is profiled as a dense matrix
DENSE_SHARE = 0.35  # of pairs with an edge, from which that is faster
MOST_EXACT = 1000  # neurons up to which every resample is counted; above, the bootstrap is linearised


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
        Two-sided, see `class_p`; it is there where z is not available, too.
    excess : float
        Sum of squared z, a class without spread counted as if it had the smallest that n_null counts can
        show; and `p_profile` how often graphs of the null model, each held against the others, have as
        large a sum.

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
        p=class_p(counts, reference),
        excess=float(_excess(counts, mean, sd, len(sampled))),
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
    tail = 2 * np.maximum(normal_tail(side * z), pearson3_tail(side * z, side * skewness))
    tail = np.minimum(share, np.maximum(tail, FARTHEST_TAIL))
    return np.where((beyond >= ENOUGH_BEYOND) | (sd == 0), share, tail)


def _profile_p(counts, sampled):
    """How often null graphs are as far from the others, over all classes, as the graph is from them."""
    n, mean, sd = len(sampled), sampled.mean(0), sampled.std(0, ddof=1)
    excess = _excess(counts, mean, sd, n)
    # Each null graph is standardised without itself, as the graph in question is.
    others_mean = (n * mean - sampled) / (n - 1)
    deviation = (n - 1) * sd**2 - (sampled - mean) ** 2 * n / (n - 1)
    others_sd = np.sqrt(np.maximum(deviation, 0) / max(n - 2, 1))
    null_excess = _excess(sampled, others_mean, others_sd, n - 1)
    return float((1 + np.sum(null_excess >= excess * (1 - 1e-9))) / (1 + n))


def _excess(counts, mean, sd, n):
    """Sum over classes of squared z, the standard deviation being that of n null graphs.

    Whole numbers that differ have a variance of 1/n or more, which one graph in n with one triad more has.
    A class without spread is given that one, so that a count which no null graph has weighs the more, the
    more null graphs there are and the farther it is from theirs.
    """
    sd = np.maximum(sd, np.sqrt(1 / n))
    return (((counts - mean) / sd) ** 2).sum(-1)


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
    if weights is None:
        weights = _resamples(matrix.shape[0], n_bootstrap, rng)
    dyads = sparse_or_dense(matrix)
    return np.array([_weighted_enrichment(dyads, np.asarray(w, float)) for w in weights])


def _resamples(n, n_bootstrap, rng):
    return rng.multinomial(n, np.full(n, 1 / n), size=n_bootstrap)


def _weighted_enrichment(dyads, w):
    counts, one_way, mutual = expected_census_and_edges(dyads, w)
    edges, pairs = one_way + 2 * mutual, w.sum() ** 2 - (w**2).sum()
    found = DyadStatistics(len(w), edges / pairs if pairs else 0.0, 2 * mutual / edges if edges else 0.0)
    # The pseudo-count must mean the same at every total weight.
    n_triples = triples(np.ones(len(w)))
    scale = n_triples / max(triples(w), 1e-12)
    return enrichment(counts * scale, dyad_null_mean(found, n_triples))[IS_MOTIF]


def linear_enrichment(adjacency, shares, weights):
    """Enrichment over the dyad null under node weights, to first order; our definition.

    A count is homogeneous of degree three in the weights, and its derivative is three times the neurons'
    participation; the number of edges is of degree two. So a count is taken to change with the cube of the
    mean participation of the weighted neurons, and the edges with the square of their mean degree. What is
    left out is of second order: beside `enrichment_bootstrap` standard errors came out 0 to 17 % too small
    at 300 neurons and 0 to 10 % at 600, for classes of more than one expected triad.

    Parameters
    ----------
    adjacency : array or scipy sparse matrix, shape (n, n)
    shares : array, shape (n, 16)
        From `participation`.
    weights : array, shape (n_bootstrap, n)

    Returns
    -------
    numpy.ndarray, shape (n_bootstrap, 13)
    """
    matrix, weights = checked_adjacency(adjacency), np.asarray(weights, float)
    n = matrix.shape[0]
    both = matrix.multiply(matrix.T) if sp.issparse(matrix) else matrix * matrix.T
    per_neuron = np.column_stack([matrix.sum(0) + matrix.sum(1), both.sum(0) + both.sum(1)])
    weights = weights / np.maximum(weights.sum(1, keepdims=True), 1e-12)

    def change(values):
        mean = values.mean(0)
        return weights @ np.divide(values, mean, where=mean > 0, out=np.zeros_like(values))

    counts = shares.sum(0) * change(shares) ** 3
    edges, mutual = (per_neuron.sum(0) / 2 * change(per_neuron) ** 2).T
    n_triples, n_pairs = triples(np.ones(n)), max(n * (n - 1), 1)
    expected = np.array(
        [
            dyad_null_mean(DyadStatistics(n, e / n_pairs, min(m / e, 1.0) if e else 0.0), n_triples)
            for e, m in zip(edges, mutual, strict=True)
        ]
    )
    return enrichment(counts, expected)[:, IS_MOTIF]


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
        smallest p_profile that n_draws graphs with n_null null graphs each can give. A dyad null that
        was not sampled has nan, and n_null 0.
    participation : array, shape (n, 16)
        Of every neuron in every triad; see `participation`.
    """

    table: pd.DataFrame
    verdicts: pd.DataFrame
    participation: np.ndarray


def region_profile(
    probabilities, positions_um, *, n_draws, n_null, n_bootstrap, rng, brains=None, nulls=NULLS
):
    """Profile a region's graph of edge probabilities against null models.

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
        Which brain each neuron is from, "" where that is unknown; with three or more, all known, a
        jackknife over brains is added.
    nulls : sequence of str
        Which of `NULLS` are sampled. The dyad null is in the table always; if it is not sampled with its
        mean for the probabilities, which is exact, and nan for all that needs samples. Without any no
        0/1 graph is drawn.

    Returns
    -------
    RegionProfile

    Notes
    -----
    Above `MOST_EXACT` neurons the bootstrap and the jackknife are linearised, see `linear_enrichment`.
    """
    matrix = checked_adjacency(probabilities)
    matrix = _handy(matrix)
    shares = participation(matrix)
    shared = _shared_columns(matrix, shares, n_bootstrap, rng, brains)
    nulls = [null for null in NULLS if null in nulls]
    if positions_um is None:
        nulls = [null for null in nulls if not null.startswith("distance")]
    drawn = _drawn_against_nulls(matrix, positions_um, nulls, n_draws, n_null, rng)
    tables, verdicts = [], []
    if "dyad" not in nulls:
        tables.append(_not_sampled(shared))
        verdicts.append(dict(null="dyad", n_draws=0, n_null=0))
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
    verdicts = pd.DataFrame(verdicts).reindex(columns=VERDICT_COLUMNS)
    return RegionProfile(pd.concat(tables, ignore_index=True), verdicts, shares)


def _handy(matrix):
    """A checked adjacency as a dense or as a sparse matrix, whichever is faster to count."""
    n = matrix.shape[0]
    n_edges = matrix.nnz if sp.issparse(matrix) else np.count_nonzero(matrix)
    if n <= MOST_DENSE and n_edges > DENSE_SHARE * n * n:
        return matrix.toarray() if sp.issparse(matrix) else matrix
    return sp.csr_array(matrix)


def _drawn_against_nulls(matrix, positions_um, nulls, n_draws, n_null, rng):
    """For every drawn graph its profile against each null, and "expected", its closed-form dyad null."""
    if not nulls:
        return []
    bins = None
    if any(null.startswith("distance") for null in nulls):
        bins = DistanceBins.from_positions(positions_um, n=matrix.shape[0])
    is_graph = bit_rows(matrix) is not None
    graphs = [sp.csr_array(matrix)] if is_graph else draw_graphs(matrix, n_draws, rng)
    drawn = []
    for graph in graphs:
        profiles = {null: _against_null(graph, null, n_null, bins, rng) for null in nulls}
        drawn.append(profiles | {"expected": dyad_null_mean(dyad_statistics(graph))[IS_MOTIF]})
    return drawn


def _not_sampled(shared):
    """The rows of the dyad null in closed form, for the probabilities themselves."""
    sampled = ("null_sd", "z", "z_low", "z_high", "sp", "p")
    closed = dict(null="dyad", null_mean=shared["dyad_null_mean"], null_enrichment=0.0)
    return shared.assign(**closed, **dict.fromkeys(sampled, np.nan))


def _null_enrichment(drawn, null):
    """Enrichment of a null's mean over the dyad null, both summed over the drawn graphs first.

    The region's enrichment is of expectations, too; a mean of logarithms would be less where counts are
    small.
    """
    counts, expected = ([of_graph[name] for of_graph in drawn] for name in (null, "expected"))
    return enrichment(np.mean([profile.mean for profile in counts], axis=0), np.mean(expected, axis=0))


def _shared_columns(matrix, shares, n_bootstrap, rng, brains):
    """What does not depend on the null: expected counts, and enrichment with its errors."""
    counts = shares.sum(0)
    expected = dyad_null_mean(dyad_statistics(matrix))
    exact = matrix.shape[0] <= MOST_EXACT

    def enriched(weights):
        if exact:
            return enrichment_bootstrap(matrix, len(weights), None, weights=weights)
        return linear_enrichment(matrix, shares, weights)

    resampled = enriched(_resamples(matrix.shape[0], n_bootstrap, rng))
    return pd.DataFrame(
        {
            "triad": MOTIFS,
            "expected_count": counts[IS_MOTIF],
            "dyad_null_mean": expected[IS_MOTIF],
            "enrichment": enrichment(counts, expected)[IS_MOTIF],
            "enrichment_low": np.quantile(resampled, 0.025, axis=0),
            "enrichment_high": np.quantile(resampled, 0.975, axis=0),
            "enrichment_variance": resampled.var(0, ddof=1),
            "enrichment_jackknife_se": _jackknife_error(enriched, brains),
        }
    )


def neuron_table(shares, ids, brains):
    """How much every neuron takes part in the thirteen motifs.

    Parameters
    ----------
    shares : array, shape (n, 16)
        From `participation`; `RegionProfile` holds them.
    ids, brains : sequences of str, shape (n,)

    Returns
    -------
    pandas.DataFrame
        id, brain, and a column for every motif whose sum is the region's expected count.
    """
    shares = np.asarray(shares)[:, IS_MOTIF]
    names = pd.DataFrame({"id": np.asarray(ids, str), "brain": np.asarray(brains, str)})
    return pd.concat([names, pd.DataFrame(shares, columns=MOTIFS)], axis=1)


def _quantile_where_finite(rows, q):
    return np.array(
        [
            np.quantile(column[np.isfinite(column)], q) if np.isfinite(column).any() else np.nan
            for column in rows.T
        ]
    )


def _jackknife_error(enriched, brains):
    """Standard error of the enrichment over brains left out in turn.

    nan with fewer than three brains, or if the brain of any neuron is unknown ("").
    """
    names = pd.Series([] if brains is None else list(brains), dtype=object)
    kinds = names.unique()
    if len(kinds) < 3 or names.isna().any() or (names == "").any():
        return np.full(len(MOTIFS), np.nan)
    left_out = enriched(np.array([(names != brain).to_numpy(float) for brain in kinds]))
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
    # Where no null graph has any spread there is a p and no z.
    side = table["z"].fillna(table["expected_count"] - table["null_mean"])
    return table.assign(exceeds=sure & (side > 0), falls_short=sure & (side < 0))


def corrected_within_null(table, column):
    """A table with p_corrected: a column of p-values, Benjamini-Hochberg within each null.

    All regions that were tested count, those with too few neurons for a verdict as well.
    """
    table = table.reset_index(drop=True)
    p = table.groupby("null", sort=False)[column]
    return table.assign(p_corrected=p.transform(benjamini_hochberg))
