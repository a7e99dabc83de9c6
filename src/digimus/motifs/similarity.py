"""How alike the motif profiles of regions are, their clusters, and how they compare with published ones.

The authors of the published table compare regions by the cosine of normalised z-scores over the first
twelve of their classes, all but 300. Ours beside it are named in `MEASURES`.
"""

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from digimus.motifs.nulls import NULLS
from digimus.motifs.priors import published_table
from digimus.motifs.triads import MOTIFS

TWELVE = np.array([name != "300" for name in MOTIFS])
MEASURES = {
    **{f"sp_{null}": f"cosine of the significance profiles against the null {null}" for null in NULLS},
    "enrichment": "cosine of the log enrichments over the dyad null",
    "frequency": "cosine of the square roots of the shares of the thirteen classes",
}
CLUSTERED_BY = ("sp_distance-mutual", "sp_degree", "sp_dyad", "sp_distance", "enrichment")
CUT = 0.5  # clusters are cut at this mean 1 - cosine; ours
SIMILARITY = ("source", "simulated", "region_a", "region_b", "measure", "cosine")
CLUSTERS = ("source", "simulated", "region", "order", "cluster", "measure")
LINKAGE = ("source", "simulated", "left", "right", "height", "size")
COMPARISON = (
    "source", "region", "simulated", "table", "table_region", "same_region", "rows", "measure", "cosine",
    "n_classes",
)  # fmt: skip


def cosine(x, y):
    """The cosine of two vectors, unknown classes left out; nan where one of them is zero."""
    known = _known(x, y)
    x, y = np.asarray(x)[known], np.asarray(y)[known]
    size = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / size) if size > 0 else np.nan


def _known(x, y):
    return np.isfinite(x) & np.isfinite(y)


def profile_vectors(profiles):
    """The thirteen numbers of every region that each measure compares.

    Parameters
    ----------
    profiles : pandas.DataFrame
        ``profiles.csv`` of one source.

    Returns
    -------
    dict of str to dict of str to array of shape (13,)
        By measure and region.
    """

    def by_region(rows, column):
        wide = rows.pivot(index="region", columns="triad", values=column).reindex(columns=MOTIFS)
        return {region: wide.loc[region].to_numpy(float) for region in dict.fromkeys(rows["region"])}

    once = profiles[profiles["null"] == "dyad"]
    vectors = {
        f"sp_{null}": by_region(profiles[profiles["null"] == null], "sp")
        for null in NULLS
        if profiles.loc[profiles["null"] == null, "sp"].notna().any()
    }
    vectors["enrichment"] = by_region(once, "enrichment")
    counts = by_region(once, "expected_count")
    vectors["frequency"] = {region: _root_shares(values) for region, values in counts.items()}
    return vectors


def _root_shares(counts):
    total = np.nansum(counts)
    return np.sqrt(counts / total) if total > 0 else np.full(len(counts), np.nan)


def similarity_table(profiles):
    """Cosines of all ordered pairs of a source's regions, by every measure.

    Parameters
    ----------
    profiles : pandas.DataFrame
        ``profiles.csv`` of one source.

    Returns
    -------
    pandas.DataFrame
        source, simulated, region_a, region_b, measure, cosine; a region with itself included.
    """
    first = profiles.iloc[0]
    rows = [
        (first["source"], first["simulated"], a, b, measure, cosine(x, y))
        for measure, of_region in profile_vectors(profiles).items()
        for a, x in of_region.items()
        for b, y in of_region.items()
    ]
    return pd.DataFrame(rows, columns=SIMILARITY)


def cluster_tables(similarity):
    """Regions in the order of a dendrogram, their clusters, and the dendrogram itself.

    Average linkage of 1 - cosine, leaves in the optimal order, cut at `CUT`. The first measure of
    `CLUSTERED_BY` that the table has is taken; an unknown cosine counts as 0.

    Parameters
    ----------
    similarity : pandas.DataFrame
        From `similarity_table`.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        Clusters: source, simulated, region, order (from 0), cluster (from 1, in that order), measure.
        Linkage: source, simulated, left, right, height, size; a row a merger, in the numbering of scipy:
        leaves are the regions in the order in which the first table lists them, from 0, then the mergers.
    """
    measure = next(m for m in CLUSTERED_BY if (similarity["measure"] == m).any())
    rows = similarity[similarity["measure"] == measure]
    regions = list(dict.fromkeys(rows["region_a"]))
    matrix = rows.pivot(index="region_a", columns="region_b", values="cosine").loc[regions, regions]
    tree, order, cluster = _tree(matrix.to_numpy(float))
    shared = {name: rows[name].iloc[0] for name in ("source", "simulated")}
    place = np.empty(len(regions), int)
    place[order] = np.arange(len(regions))
    # Clusters are numbered as they come along the leaves.
    number = {label: k + 1 for k, label in enumerate(dict.fromkeys(cluster[order]))}
    clusters = pd.DataFrame(
        dict(
            **shared,
            region=regions,
            order=place,
            cluster=[number[label] for label in cluster],
            measure=measure,
        )
    )
    mergers = pd.DataFrame(tree, columns=["left", "right", "height", "size"])
    mergers = mergers.astype({"left": int, "right": int, "size": int}).assign(**shared)
    return clusters[list(CLUSTERS)], mergers[list(LINKAGE)]


def _tree(cosines):
    """Linkage, the order of the leaves and a cluster for each, from a matrix of cosines."""
    n = len(cosines)
    if n < 2:
        return np.empty((0, 4)), np.arange(n), np.ones(n, int)
    distance = np.clip(1 - np.nan_to_num(cosines), 0, 2)
    np.fill_diagonal(distance, 0)
    # Equal but for rounding, so that the same regions always give the same tree.
    pairs = squareform(np.round((distance + distance.T) / 2, 12), checks=False)
    tree = linkage(pairs, "average", optimal_ordering=True)
    return tree, leaves_list(tree), fcluster(tree, CUT, "distance")


def comparison_table(profiles, path, *, table, nz_path=None):
    """Our profiles beside those of a published table, with its rows read both ways.

    Measures: ``cosine12 NZ, <null>`` is the authors' own, the cosine over all classes but 300 of their
    normalised z-scores and our significance profile against a null; ``cosine13 NZ, <null>`` takes all
    thirteen; ``cosine13 shares`` is that of the square roots of the classes' shares, which needs no null.
    The last two are ours. What null model the authors used is not said.

    Parameters
    ----------
    profiles : pandas.DataFrame
        ``profiles.csv`` of one source.
    path, nz_path : str or Path
        The published counts, and their z-scores if they are in a table of their own.
    table : str
        Its name in the configuration.

    Returns
    -------
    pandas.DataFrame
        A row for each of our regions, theirs, both directions of their rows and every measure; n_classes
        says how many classes are known to both, and so are in the cosine.
    """
    vectors = profile_vectors(profiles)
    shares = vectors.pop("frequency")
    first, rows = profiles.iloc[0], []
    for direction in ("presynaptic", "postsynaptic"):
        counts, scores = published_table(path, rows=direction, nz_path=nz_path)
        for region in shares:
            for other in counts:
                key = (first["source"], region, first["simulated"], table, other, region == other, direction)
                found = _compared(vectors, region, scores.get(other))
                found["cosine13 shares"] = shares[region], _root_shares(counts[other])
                rows += [
                    (*key, measure, cosine(*pair), int(_known(*pair).sum()))
                    for measure, pair in found.items()
                ]
    return pd.DataFrame(rows, columns=COMPARISON)


def _compared(vectors, region, scores):
    """Our values and theirs by measure of the published scores."""
    if scores is None:
        return {}
    found = {}
    for null in NULLS:
        if f"sp_{null}" in vectors:
            ours = vectors[f"sp_{null}"][region]
            found[f"cosine12 NZ, {null}"] = ours[TWELVE], scores[TWELVE]
            found[f"cosine13 NZ, {null}"] = ours, scores
    return found
