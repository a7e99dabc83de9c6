"""What the tables say of one region, for the explorer."""

import numpy as np
import pandas as pd

from digimus.figures.inputs import Inputs
from digimus.figures.triads import EDGES

NEURONS, GRAPH, TABLE = "neurons", "graph", "table"
PROFILES = (
    "source", "region", "triad", "null", "z", "z_low", "z_high", "enrichment", "enrichment_low",
    "enrichment_high", "p_corrected",
)  # fmt: skip
VERDICTS = ("source", "region", "null", "excess", "p_corrected", "verdict", "summary")
PRIORS = ("source", "region", "simulated", "n_neurons", "density", "reciprocity", "triad", "frequency")
GRAPHS = ("source", "region", "simulated", "rule", "n_neurons", "n_brains", "density", "reciprocity")
CELLS = (
    "id", "source", "brain", "hemisphere", "soma_ap_um", "soma_dv_um", "soma_ml_um", "axon_length_um",
    "dendrite_length_um", "flags",
)  # fmt: skip
OUTLINES = ("structure", "view", "ring", "x_um", "y_um")
PARTS = ("source", "region", "id", *EDGES)
SKETCHES = ("source", "region", "neuron", "kind", "node", "parent", "ap_um", "dv_um", "ml_um")
_IN, _UM = "axon_in_", "_um"
_MOST_TARGETS = 3


class RegionTables:
    """All tables of the explorer, asked region by region.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        As in `digimus.figures.explorer.write_explorer`.
    kinds : dict of str to str
        Source to `NEURONS`, `GRAPH` or `TABLE`.

    Attributes
    ----------
    regions : list of (str, str)
        Source and region, sources in the order of `kinds`, regions as the tables name them.
    """

    def __init__(self, tables, kinds):
        inputs = Inputs(dict(tables))
        self.kinds = dict(kinds)
        self._profiles = _named(inputs.table("motifs/*/profiles.csv", PROFILES))
        self._verdicts = _named(inputs.table("motifs/*/verdicts.csv", VERDICTS))
        self._priors = _named(inputs.table("motifs/*/priors.csv", PRIORS))
        self._graphs = _named(inputs.table("connectome/*/graphs.csv", GRAPHS))
        self._cells = inputs.table("morphology/*/neurons.csv", CELLS)
        self._parts = _named(inputs.table("motifs/*/regions/*.neurons.csv", PARTS))
        self._sketches = _named(inputs.table("connectome/*/sketches/*.csv", SKETCHES))
        self._outlines = inputs.by_source("morphology/*/outlines.csv", OUTLINES)
        known = [
            pair
            for table in (self._graphs, self._priors, self._profiles)
            for pair in zip(table["source"], table["region"], strict=True)
        ]
        self.regions = [pair for source in kinds for pair in dict.fromkeys(known) if pair[0] == source]
        self._groups = {}

    def _of(self, name, source, region):
        """The rows of a region in one of the tables."""
        if name not in self._groups:
            self._groups[name] = dict(tuple(getattr(self, name).groupby(["source", "region"], sort=False)))
        return self._groups[name].get((source, region), getattr(self, name)[:0])

    def outlines(self, source):
        """Rings of corners; without rows where the source has no annotation volume."""
        table = self._outlines.get(source, pd.DataFrame(columns=list(OUTLINES)))
        return table.dropna(subset=["x_um", "y_um"])

    def profile(self, source, region):
        """A row per null model and triad."""
        return self._of("_profiles", source, region)

    def sketch(self, source, region):
        """A row per point of an arbor."""
        return self._of("_sketches", source, region)

    def is_simulated(self, source, region):
        """Whether a table says so of the region."""
        rows = [self._of(name, source, region) for name in ("_graphs", "_priors", "_profiles")]
        return any((table["simulated"].astype(str) == "True").any() for table in rows if "simulated" in table)

    def facts(self, source, region):
        """(name, value) in words: how many neurons, how dense and reciprocal the graph is."""
        rows = self._of("_graphs", source, region)
        rows = rows if len(rows) else self._of("_priors", source, region)
        if not len(rows):
            return []
        row = rows.iloc[0]
        facts = [("neurons", _number(row["n_neurons"], "{:.0f}"))]
        if "n_brains" in row:
            facts += [("brains", _number(row["n_brains"], "{:.0f}")), ("rule of edges", str(row["rule"]))]
        return [
            *facts,
            ("density", _number(row["density"], "{:.3g}")),
            ("reciprocity", _number(row["reciprocity"], "{:.3g}")),
        ]

    def summary(self, source, region):
        """What the comparison with null models says, in words."""
        rows = self._of("_verdicts", source, region)
        return str(rows["summary"].iloc[0]) if len(rows) else ""

    def verdicts(self, source, region):
        """(null, excess, corrected p, verdict) in words."""
        return [
            [row.null, _number(row.excess, "{:.3g}"), _number(row.p_corrected, "{:.2g}"), str(row.verdict)]
            for row in self._of("_verdicts", source, region).itertuples()
        ]

    def frequencies(self, source, region):
        """Share of each of the thirteen triads in their number; (13,) float, nan where it is not known."""
        rows = self._of("_priors", source, region).drop_duplicates("triad").set_index("triad")
        return rows["frequency"].reindex(list(EDGES)).to_numpy(float)

    def neurons(self, source, ids):
        """What is known of neurons, in their order; empty words and nan where nothing is.

        Returns
        -------
        pandas.DataFrame
            brain, hemisphere, axon_mm, dendrite_mm, targets, flags as words; soma_ap_um, soma_dv_um,
            soma_ml_um.
        """
        cells = self._cells[self._cells["source"].astype(str) == source]
        cells = cells.assign(id=cells["id"].astype(str)).drop_duplicates("id").set_index("id").reindex(ids)
        lengths = {
            f"{kind}_mm": [_number(value / 1000, "{:.2f} mm") for value in cells[f"{kind}_length_um"]]
            for kind in ("axon", "dendrite")
        }
        words = {
            name: cells[name].astype(object).where(cells[name].notna(), "").astype(str)
            for name in ("brain", "hemisphere", "flags")
        }
        somas = cells[["soma_ap_um", "soma_dv_um", "soma_ml_um"]].astype(float)
        return somas.assign(**lengths, **words, targets=_targets(cells))

    def participation(self, source, region, ids):
        """Expected triads that each neuron is in; (n, 13) float, nan where it is not known."""
        rows = self._of("_parts", source, region)
        rows = rows.assign(id=rows["id"].astype(str)).drop_duplicates("id").set_index("id")
        return rows.reindex(ids)[list(EDGES)].to_numpy(float)


def _named(table):
    """Sources and regions as text."""
    return table.assign(source=table["source"].astype(str), region=table["region"].astype(str))


def _number(value, form):
    return "not available" if pd.isna(value) else form.format(value)


def _targets(cells):
    """The regions that hold most of each axon, with their shares, in words."""
    names = [name for name in cells.columns if name.startswith(_IN) and name.endswith(_UM)]
    lengths = cells[names].to_numpy(float) if names else np.zeros((len(cells), 0))
    total = cells["axon_length_um"].to_numpy(float)
    words = []
    for row, whole in zip(lengths, total, strict=True):
        order = [k for k in np.argsort(-np.nan_to_num(row), kind="stable")[:_MOST_TARGETS] if row[k] > 0]
        named = [
            f"{names[k].removeprefix(_IN).removesuffix(_UM)} {100 * row[k] / whole:.0f} %" for k in order
        ]
        words.append(", ".join(named) if whole > 0 else "")
    return words
