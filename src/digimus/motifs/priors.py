"""Priors on recurrent weights: what a region's motifs say about how a network should be wired."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.motifs.dyads import DyadStatistics, dyad_null_mean
from digimus.motifs.triads import IS_MOTIF, MOTIFS
from digimus.storage import read_table, write_table

LEAST_EXPECTED_TRIADS = 1.0
_COLUMNS = (
    "source", "region", "kind", "simulated", "n_neurons", "min_neurons", "density", "reciprocity",
    "triad", "expected_count", "enrichment", "weight", "frequency",
)  # fmt: skip
# A region called NA is a region.
_REGIONS_AS_TEXT = dict(dtype={"region": str}, keep_default_na=False, na_values=[""])


@dataclass(frozen=True)
class Prior:
    """A target for the motifs of a network.

    Attributes
    ----------
    name, source, region : str
    kind : str
        How it came about: ``region`` (our own graphs) or ``table`` (published counts), or a control.
    enrichment : array, shape (13,)
        log((T + 1/2) / (E + 1/2)) over the dyad null; nan where it is not known.
    weight : array, shape (13,)
        One over the enrichment's bootstrap variance; 0 for classes that are left out.
    frequency : array, shape (13,)
        Share of each class among the connected triads; sums to 1, or nan where classes are left out.
    reciprocity, density : float
        nan where they cannot be known.
    n_neurons, min_neurons : int
        Neurons behind the prior, and the fewest that make it usable.
    simulated : bool
    """

    name: str
    source: str
    region: str
    kind: str
    enrichment: np.ndarray
    weight: np.ndarray
    frequency: np.ndarray
    reciprocity: float
    density: float
    n_neurons: int
    min_neurons: int = 0
    simulated: bool = False
    settings: dict = field(default_factory=dict)

    @property
    def usable(self):
        """Whether enough neurons stand behind it."""
        return self.n_neurons >= self.min_neurons


def prior_table(profile, *, source, region, simulated, n_neurons, min_neurons, density, reciprocity):
    """The rows that a region adds to `priors.csv`.

    A class is left out (weight 0) where neither the region nor its dyad null expects a whole triad.

    Parameters
    ----------
    profile : pandas.DataFrame
        One row per triad with expected_count, dyad_null_mean, enrichment, enrichment_variance
        (the rows of one null in `RegionProfile.table`).
    """
    counts = profile["expected_count"].to_numpy()
    likely = np.maximum(counts, profile["dyad_null_mean"].to_numpy()) >= LEAST_EXPECTED_TRIADS
    variance = profile["enrichment_variance"].to_numpy()
    with np.errstate(divide="ignore"):
        weight = np.where(likely & (variance > 0), 1 / variance, 0.0)
    return pd.DataFrame(
        {
            "source": source,
            "region": region,
            "kind": "region",
            "simulated": simulated,
            "n_neurons": n_neurons,
            "min_neurons": min_neurons,
            "density": density,
            "reciprocity": reciprocity,
            "triad": profile["triad"].to_numpy(),
            "expected_count": counts,
            "enrichment": profile["enrichment"].to_numpy(),
            "weight": weight,
            "frequency": _frequency(counts),
        }
    )


def _frequency(counts):
    total = np.sum(counts)
    return counts / total if total > 0 else np.full(len(counts), np.nan)


# The published table's classes M01..M13, for a matrix with presynaptic rows (found by counting random
# graphs with both naming schemes).
PUBLISHED_CLASSES = (
    "021D", "021U", "021C", "030T", "111U", "111D", "120U", "120D", "201", "030C", "120C", "210", "300",
)  # fmt: skip
_TRANSPOSED = {"021D": "021U", "021U": "021D", "111D": "111U", "111U": "111D", "120D": "120U", "120U": "120D"}


def published_priors(path, *, source, rows="presynaptic"):
    """Priors from a published table of motif counts per region.

    The table has no 012 and 102 triads, so its reciprocity and its enrichment over a dyad null cannot
    be identified; only the shares of the thirteen classes are known.

    Parameters
    ----------
    path : str or Path
        CSV with the columns region, node, sparsity and M01_motif_count to M13_motif_count.
    source : str
        The name of the source in the configuration.
    rows : {"presynaptic", "postsynaptic"}
        What the rows of the authors' matrices were; nothing published settles it. With postsynaptic
        rows the D and U classes change places.

    Returns
    -------
    pandas.DataFrame
        In the form of `priors.csv`.
    """
    columns = [f"M{number:02d}_motif_count" for number in range(1, 14)]
    published = read_table(path, ["region", "node", "sparsity", *columns], **_REGIONS_AS_TEXT)
    names = [_TRANSPOSED.get(name, name) if rows == "postsynaptic" else name for name in PUBLISHED_CLASSES]
    order = [names.index(name) for name in MOTIFS]
    tables = []
    for row in published.itertuples(index=False):
        counts = np.array([getattr(row, column) for column in columns], float)[order]
        tables.append(
            pd.DataFrame(
                {
                    "source": source,
                    "region": row.region,
                    "kind": "table",
                    "simulated": False,
                    "n_neurons": row.node,
                    "min_neurons": 0,
                    "density": row.sparsity,
                    "reciprocity": np.nan,
                    "triad": MOTIFS,
                    "expected_count": counts,
                    "enrichment": np.nan,
                    "weight": 0.0,
                    "frequency": _frequency(counts),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def write_priors(path, table):
    """Write a table of priors, one row per region and triad."""
    write_table(path, table)


def read_priors(path):
    """Read `priors.csv`.

    Returns
    -------
    dict of str to Prior
        By region.
    """
    table = read_table(path, _COLUMNS, **_REGIONS_AS_TEXT)
    priors = {}
    for region, rows in table.groupby("region", sort=False):
        rows = rows.set_index("triad").reindex(MOTIFS)
        first = rows.iloc[0]
        priors[region] = Prior(
            name=region,
            source=str(first["source"]),
            region=region,
            kind=str(first["kind"]),
            enrichment=rows["enrichment"].to_numpy(float),
            weight=rows["weight"].to_numpy(float),
            frequency=rows["frequency"].to_numpy(float),
            reciprocity=float(first["reciprocity"]),
            density=float(first["density"]),
            n_neurons=int(first["n_neurons"]),
            min_neurons=int(first["min_neurons"]),
            simulated=str(first["simulated"]) == "True",
        )
    return priors


def _region(prior):
    """The region's own motifs."""
    return prior


def _reciprocity(prior):
    """Control: the region's reciprocity alone, every motif class left out."""
    return replace(prior, weight=np.zeros(len(MOTIFS)), frequency=np.full(len(MOTIFS), np.nan))


def _erdos_renyi(prior):
    """Control: motifs as in a random graph; no class over its dyad null, reciprocity equal to density."""
    chance = DyadStatistics(prior.n_neurons, prior.density, reciprocity=prior.density)
    return replace(
        prior,
        enrichment=np.zeros(len(MOTIFS)),
        reciprocity=prior.density,
        frequency=_frequency(dyad_null_mean(chance)[IS_MOTIF]),
    )


PRIORS = {"region": _region, "reciprocity": _reciprocity, "erdos-renyi": _erdos_renyi}
"""How a configured prior is made from a region's motifs, by kind."""


def build_prior(name, kind, priors, region):
    """The prior of a region, or a control made from it.

    Parameters
    ----------
    name : str
        The prior's name in the configuration.
    kind : str
        A key of `PRIORS`.
    priors : dict of str to Prior
        By region, as `read_priors` gives them.
    region : str

    Raises
    ------
    InputError
        If the region is not there, or too few neurons stand behind it.
    """
    if region not in priors:
        raise InputError(
            f"The prior {name!r} names a region that its source does not have.",
            where=f"priors.{name}.region",
            expected=f"one of {', '.join(sorted(priors))}",
            got=region,
            hint="Name one of these, or add the region to the source.",
        )
    prior = priors[region]
    if not prior.usable:
        raise InputError(
            f"The prior {name!r} rests on too few neurons.",
            where=f"priors.{name}, region {region} of source {prior.source}",
            expected=f"at least {prior.min_neurons} neurons",
            got=f"{prior.n_neurons} neurons",
            hint="Add neurons, choose another region, or lower connectome.min_neurons knowingly.",
        )
    return replace(PRIORS[kind](prior), name=name, kind=prior.kind if kind == "region" else kind)
