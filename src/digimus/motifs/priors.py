"""Priors on recurrent weights: what a region's motifs say about how a network should be wired."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.motifs.dyads import DyadStatistics, dyad_null_mean
from digimus.motifs.triads import IS_MOTIF, MOTIFS
from digimus.seeding import stream
from digimus.storage import read_table, write_table
from digimus.suggest import did_you_mean

LEAST_EXPECTED_TRIADS = 1.0
_COLUMNS = (
    "source", "region", "kind", "simulated", "n_neurons", "min_neurons", "density", "reciprocity",
    "triad", "expected_count", "enrichment", "weight", "frequency", "degree_enrichment", "degree_frequency",
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
        How it came about: ``region`` (our own graphs), ``table`` (published counts) or ``graph`` (a graph
        that was handed in), or a control.
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
    degree_enrichment, degree_frequency : array, shape (13,)
        The same for graphs of the region's degrees (the null ``degree``); nan where that is not known.
    settings : dict
        What a control was made from: the region that it stands in for, the regions of a mean.
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
    degree_enrichment: np.ndarray = field(default_factory=lambda: np.full(len(MOTIFS), np.nan))
    degree_frequency: np.ndarray = field(default_factory=lambda: np.full(len(MOTIFS), np.nan))
    settings: dict = field(default_factory=dict)

    @property
    def usable(self):
        """Whether enough neurons stand behind it."""
        return self.n_neurons >= self.min_neurons


def prior_table(
    profile, *, source, region, simulated, n_neurons, min_neurons, density, reciprocity, kind="region"
):
    """The rows that a region adds to `priors.csv`.

    A class is left out (weight 0) where neither the region nor its dyad null expects a whole triad.

    Parameters
    ----------
    profile : pandas.DataFrame
        Rows of `RegionProfile.table` with null, triad, expected_count, dyad_null_mean, null_mean,
        null_enrichment, enrichment, enrichment_variance. Without rows of the null ``degree`` what that null
        expects is nan.
    """
    own = profile[profile["null"] == "dyad"].set_index("triad").loc[list(MOTIFS)]
    degree = profile[profile["null"] == "degree"].set_index("triad").reindex(MOTIFS)
    counts, expected = own["expected_count"].to_numpy(), own["dyad_null_mean"].to_numpy()
    likely = np.maximum(counts, expected) >= LEAST_EXPECTED_TRIADS
    variance = own["enrichment_variance"].to_numpy()
    with np.errstate(divide="ignore"):
        weight = np.where(likely & (variance > 0), 1 / variance, 0.0)
    return pd.DataFrame(
        {
            "source": source,
            "region": region,
            "kind": kind,
            "simulated": simulated,
            "n_neurons": n_neurons,
            "min_neurons": min_neurons,
            "density": density,
            "reciprocity": reciprocity,
            "triad": MOTIFS,
            "expected_count": counts,
            "enrichment": own["enrichment"].to_numpy(),
            "weight": weight,
            "frequency": _frequency(counts),
            "degree_enrichment": degree["null_enrichment"].to_numpy(),
            "degree_frequency": _frequency(degree["null_mean"].to_numpy()),
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
    counts, _ = published_table(path, rows=rows)
    known = read_table(path, ["region", "node", "sparsity"], **_REGIONS_AS_TEXT).set_index("region")
    tables = [
        pd.DataFrame(
            {
                "source": source,
                "region": region,
                "kind": "table",
                "simulated": False,
                "n_neurons": known.loc[region, "node"],
                "min_neurons": 0,
                "density": known.loc[region, "sparsity"],
                "reciprocity": np.nan,
                "triad": MOTIFS,
                "expected_count": values,
                "enrichment": np.nan,
                "weight": 0.0,
                "frequency": _frequency(values),
                "degree_enrichment": np.nan,
                "degree_frequency": np.nan,
            }
        )
        for region, values in counts.items()
    ]
    return pd.concat(tables, ignore_index=True)


def published_table(path, *, rows="presynaptic", nz_path=None):
    """Counts and normalised z-scores of a published table, in the order of `MOTIFS`.

    Parameters
    ----------
    path : str or Path
        CSV with the columns region and M01_motif_count to M13_motif_count.
    rows : {"presynaptic", "postsynaptic"}
        As in `published_priors`.
    nz_path : str or Path, optional
        CSV with the columns region and M01_NZ to M13_NZ.

    Returns
    -------
    (dict, dict)
        By region, arrays of shape (13,). The second is empty without `nz_path`.
    """
    names = [_TRANSPOSED.get(name, name) if rows == "postsynaptic" else name for name in PUBLISHED_CLASSES]
    order = [names.index(name) for name in MOTIFS]

    def by_region(file, columns):
        table = read_table(file, ["region", *columns], **_REGIONS_AS_TEXT)
        if table["region"].duplicated().any():
            raise InputError(
                "A published table names a region twice.",
                where=file,
                expected="one row a region",
                got=table["region"][table["region"].duplicated()].iloc[0],
                hint="Keep one of the rows.",
            )
        values = table[columns].to_numpy(float)[:, order]
        return dict(zip(table["region"], values, strict=True))

    counts = by_region(path, [f"M{number:02d}_motif_count" for number in range(1, 14)])
    if nz_path is None:
        return counts, {}
    return counts, by_region(nz_path, [f"M{number:02d}_NZ" for number in range(1, 14)])


def write_priors(path, table):
    """Write a table of priors, one row per region and triad."""
    write_table(path, table)


def read_priors(path):
    """Read `priors.csv`.

    Returns
    -------
    dict of str to Prior
        By region.

    Raises
    ------
    InputError
        If it is absent, lacks a column or holds something else than numbers.
    """
    table = read_table(path, _COLUMNS, **_REGIONS_AS_TEXT)
    priors = {}
    for region, rows in table.groupby("region", sort=False):
        try:
            priors[region] = _prior_of(region, rows)
        except (ValueError, TypeError) as error:
            raise InputError(
                "A table of priors is damaged.",
                where=path,
                expected="numbers, a row for each region and triad",
                got=f"region {region}: {str(error).splitlines()[0]}",
                hint="Delete it and run the workflow again.",
            ) from error
    return priors


def _prior_of(region, rows):
    rows = rows.set_index("triad").reindex(MOTIFS)
    first = rows.iloc[0]
    return Prior(
        name=region,
        source=str(first["source"]),
        region=region,
        kind=str(first["kind"]),
        enrichment=rows["enrichment"].to_numpy(float),
        weight=rows["weight"].to_numpy(float),
        frequency=rows["frequency"].to_numpy(float),
        degree_enrichment=rows["degree_enrichment"].to_numpy(float),
        degree_frequency=rows["degree_frequency"].to_numpy(float),
        reciprocity=float(first["reciprocity"]),
        density=float(first["density"]),
        n_neurons=int(first["n_neurons"]),
        min_neurons=int(first["min_neurons"]),
        simulated=str(first["simulated"]) == "True",
    )


@dataclass(frozen=True)
class Request:
    """What a prior is made from: name and settings in the configuration, its source's priors, the seed."""

    name: str
    settings: dict
    priors: dict
    seed: int

    def named(self, key):
        """A setting that the kind needs; an InputError where it is not there."""
        if key not in self.settings:
            raise InputError(
                f"The prior {self.name!r} needs {key}.",
                where=f"priors.{self.name}.{key}",
                expected="one region" if key == "region" else "a list of regions",
                got="nothing",
                hint="The kind mean takes a list, regions; the others take one region.",
            )
        return self.settings[key]

    def region(self, region=None):
        """The prior of a region, by default the configured one; an InputError where it cannot be used."""
        region = self.named("region") if region is None else region
        where = f"priors.{self.name}.{'regions' if 'regions' in self.settings else 'region'}"
        if region not in self.priors:
            raise InputError(
                f"The prior {self.name!r} names a region that its source does not have.",
                where=where,
                expected=f"one of {', '.join(sorted(self.priors))}",
                got=region,
                hint="Name one of these, or add the region to the source.",
            )
        prior = self.priors[region]
        if not prior.usable:
            raise InputError(
                f"The prior {self.name!r} rests on too few neurons.",
                where=f"{where}, region {region} of source {prior.source}",
                expected=f"at least {prior.min_neurons} neurons",
                got=f"{prior.n_neurons} neurons",
                hint="Add neurons, choose another region, or lower connectome.min_neurons knowingly.",
            )
        return prior


def _region(request):
    """The region's own motifs."""
    return request.region()


def _mean(request):
    """The mean of several regions, each counting the same.

    A class is left out where one of them leaves it out; the weight is one over the variance of the mean.
    """
    priors = [request.region(region) for region in request.named("regions")]
    weights = np.array([prior.weight for prior in priors])
    known = (weights > 0).all(0)
    variance = np.divide(1, weights, where=weights > 0, out=np.ones_like(weights)).sum(0) / len(priors) ** 2

    def mean(name):
        return np.mean([getattr(prior, name) for prior in priors], axis=0)

    return replace(
        priors[0],
        region="+".join(prior.region for prior in priors),
        enrichment=mean("enrichment"),
        weight=np.where(known, 1 / variance, 0.0),
        frequency=mean("frequency"),
        reciprocity=float(mean("reciprocity")),
        density=float(mean("density")),
        n_neurons=sum(prior.n_neurons for prior in priors),
        degree_enrichment=mean("degree_enrichment"),
        degree_frequency=mean("degree_frequency"),
        settings={"regions": [prior.region for prior in priors]},
    )


def _reciprocity(request):
    """Control: the region's reciprocity alone, every motif class left out."""
    unknown = np.full(len(MOTIFS), np.nan)
    return replace(request.region(), weight=np.zeros(len(MOTIFS)), frequency=unknown)


def _erdos_renyi(request):
    """Control: motifs as in a random graph; no class over its dyad null, reciprocity equal to density."""
    prior = request.region()
    chance = DyadStatistics(prior.n_neurons, prior.density, reciprocity=prior.density)
    return replace(
        prior,
        enrichment=np.zeros(len(MOTIFS)),
        reciprocity=prior.density,
        frequency=_frequency(dyad_null_mean(chance)[IS_MOTIF]),
    )


def _degree(request):
    """Control: motifs as in graphs that have the in-, out- and mutual degrees of the region's neurons."""
    prior = request.region()
    if not np.isfinite(prior.degree_frequency).any():
        raise InputError(
            f"The prior {request.name!r} needs the degrees of a graph.",
            where=f"priors.{request.name}.kind",
            expected="a source of neurons or a graph, compared with the null degree",
            got=f"region {prior.region} of {prior.source}, which was not compared with it",
            hint="List degree in motifs.nulls, or choose another kind; a published table holds counts alone.",
        )
    return replace(prior, enrichment=prior.degree_enrichment, frequency=prior.degree_frequency)


def _shuffled(request):
    """Control: another region of the same source, with enough neurons.

    The regions are set into a circle whose order depends on the seed and the source alone, and each
    stands in for the one before it; so none stands in for itself, and no two for the same.
    """
    own = request.region()
    circle = sorted(region for region, prior in request.priors.items() if prior.usable)
    if len(circle) < 2:
        raise InputError(
            f"The prior {request.name!r} needs another region.",
            where=f"priors.{request.name}.kind",
            expected="a source with two regions or more of enough neurons",
            got=f"{own.region} alone in {own.source}",
            hint="Add a region to the source, or lower connectome.min_neurons knowingly.",
        )
    circle = list(stream(request.seed, "priors", "shuffled", own.source).permutation(circle))
    other = str(circle[(circle.index(own.region) + 1) % len(circle)])
    return replace(request.priors[other], settings={"instead_of": own.region})


def _random(request):
    """Control: the region's own values dealt to other classes at random; none keeps its own.

    Our definition of a random target of equal entropy: the shares are the same numbers, so their entropy
    is the region's, and so are the sizes of the enrichments, each with its weight. Classes that are left
    out stay out. Density and reciprocity are kept.
    """
    prior = request.region()
    rng = stream(request.seed, "priors", "random", prior.source, prior.region)
    weighted = np.flatnonzero(prior.weight > 0)
    dealt = _dealt(weighted, rng)
    shares = _dealt(np.arange(len(MOTIFS)), rng)
    return replace(
        prior,
        enrichment=prior.enrichment[dealt],
        weight=prior.weight[dealt],
        frequency=prior.frequency[shares],
    )


def _dealt(places, rng):
    """For each of the thirteen classes the one whose values it gets: a cycle through `places`."""
    order = rng.permutation(places)
    source = np.arange(len(MOTIFS))
    source[order] = np.roll(order, 1)
    return source


PRIORS = {
    "region": _region,
    "mean": _mean,
    "reciprocity": _reciprocity,
    "erdos-renyi": _erdos_renyi,
    "degree": _degree,
    "shuffled": _shuffled,
    "random": _random,
}
"""How a configured prior is made from the motifs of a source's regions, by kind."""


def build_prior(name, settings, priors, seed):
    """A configured prior: a region's motifs, or a control made from them.

    Parameters
    ----------
    name : str
        The prior's name in the configuration.
    settings : dict
        Its entry there: kind, a key of `PRIORS`, and region, or regions for a mean.
    priors : dict of str to Prior
        The source's, by region, as `read_priors` gives them.
    seed : int
        Of the configuration; which region stands in for another depends on it.

    Raises
    ------
    InputError
        If a region is not there, or too few neurons stand behind it, or the kind asks for more than the
        source has.
    """
    kind = settings.get("kind")
    if kind not in PRIORS:
        raise InputError(
            f"There is no kind of prior {kind!r}.",
            where=f"priors.{name}.kind",
            expected=f"one of {', '.join(PRIORS)}",
            got=repr(kind),
            hint=did_you_mean(kind, PRIORS),
        )
    prior = PRIORS[kind](Request(name, settings, priors, seed))
    return replace(prior, name=name, kind=prior.kind if kind == "region" else kind)


def build_priors(name, settings, tables, seed):
    """The priors that a configured prior is made of.

    Parameters
    ----------
    name, settings, seed
        As for `build_prior`; of the kind ``modules`` also modules: for each module the settings of its own
        prior, with its name.
    tables : dict of str to dict of str to Prior
        By source, as `read_priors` gives them.

    Returns
    -------
    dict of str to Prior
        By module; under ``""`` a prior of another kind, which is for a whole network.
    """
    if settings["kind"] != "modules":
        return {"": build_prior(name, settings, tables[settings["source"]], seed)}
    return {
        module: build_prior(part["name"], part, tables[part["source"]], seed)
        for module, part in settings["modules"].items()
    }
