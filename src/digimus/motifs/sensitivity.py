"""How far a region's motif profile moves with the settings of its graph (our definition).

Voxel size, blur and filling fraction of the rule `potential` are not known well. The expected census of a
region is taken at every combination of some values of each and set against the configured one, the
reference: the cosine of whole profiles, and how far each class's enrichment moves in units of its
bootstrap standard error.
"""

import itertools

import numpy as np
import pandas as pd

from digimus.connectome import calibrate_filling, coarsen, connection_probability, potential_synapses
from digimus.connectome.graph import density_and_reciprocity
from digimus.motifs.census import triad_census
from digimus.motifs.dyads import dyad_null_mean, dyad_statistics
from digimus.motifs.profiles import enrichment
from digimus.motifs.triads import IS_MOTIF, MOTIFS

SETTINGS = ["voxel_um", "blur_um", "filling_fraction"]
LEAST_COUNT = 1.0  # classes of which the reference expects fewer triads do not count in the summary
COLUMNS = [
    *("source", "region", "simulated", *SETTINGS, "reference", "density", "reciprocity", "triad"),
    *("expected_count", "frequency", "enrichment", "cosine_enrichment", "cosine_frequency", "shift_se"),
]


def sensitivity_table(
    arbors,
    *,
    voxel_um,
    blur_um,
    filling_fraction,
    reference,
    enrichment_se,
    source="",
    region="",
    simulated=False,
):
    """The expected census of a region at every combination of settings.

    Parameters
    ----------
    arbors : Arbors
        The neurons of the region, at the reference's voxel size.
    voxel_um, blur_um, filling_fraction : sequence of float
        The values of each; those of the reference are added where they are missing. Voxels are multiples
        of the arbors'.
    reference : mapping
        The configured settings, as `region_graph` takes them. With a `target_density`, the filling
        fraction is calibrated anew at each voxel size and blur, and the values in `filling_fraction` are
        not used.
    enrichment_se : (13,) array
        Bootstrap standard errors of the reference's enrichment, in the order of `MOTIFS`; `region_profile`
        has them.
    source, region : str
    simulated : bool

    Returns
    -------
    pandas.DataFrame
        Thirteen rows a combination: source, region, simulated, voxel_um, blur_um, filling_fraction,
        reference, density, reciprocity, triad, expected_count, frequency (share of the connected triads),
        enrichment (over the dyad null), cosine_enrichment and cosine_frequency (of the whole profile with
        the reference's; the same in its thirteen rows), and shift_se (distance of the enrichment from the
        reference's, in bootstrap standard errors of that; nan where they are 0).

    Raises
    ------
    InputError
        If a voxel size is not a multiple of the arbors', or as `potential_synapses`.
    """
    reference = _Reference(arbors, reference, enrichment_se)
    rows = []
    for voxel, blur in itertools.product(
        _with(voxel_um, arbors.voxel_um), _with(blur_um, reference.settings["blur_um"])
    ):
        synapses = reference.synapses(arbors, voxel, blur)
        for filling in reference.fillings(synapses, arbors.soma_um, filling_fraction):
            place = dict(voxel_um=voxel, blur_um=blur, filling_fraction=filling)
            at_home = (voxel, blur, filling) == reference.place
            rows.append(
                reference.compare(connection_probability(synapses, filling)).assign(
                    **place, reference=at_home
                )
            )
    table = pd.concat(rows, ignore_index=True)
    return table.assign(source=source, region=region, simulated=simulated)[COLUMNS]


def sensitivity_summary(table):
    """One row a region: the largest shift and the smallest cosines, and the same as a sentence.

    Parameters
    ----------
    table : pandas.DataFrame
        As `sensitivity_table` gives it, one region or several.

    Returns
    -------
    pandas.DataFrame
        source, region, simulated, n_settings (combinations besides the reference), largest_shift_se with
        shift_triad, shift_voxel_um, shift_blur_um and shift_filling_fraction (over classes of which the
        reference expects one triad or more), smallest_cosine_enrichment, smallest_cosine_frequency,
        density_low, density_high, reading.
    """
    names = ["source", "region", "simulated"]
    groups = table.groupby(names, sort=False)
    columns = [
        *(*names, "n_settings", "largest_shift_se", "shift_triad", "shift_voxel_um", "shift_blur_um"),
        *("shift_filling_fraction", "smallest_cosine_enrichment", "smallest_cosine_frequency"),
        *("density_low", "density_high", "reading"),
    ]
    rows = [dict(zip(names, key, strict=True), **_summary(rows)) for key, rows in groups]
    return pd.DataFrame(rows, columns=columns)


class _Reference:
    """The configured settings, and the profile that they give."""

    def __init__(self, arbors, settings, enrichment_se):
        defaults = dict(blur_um=25, reach_um=2, filling_fraction=0.2, target_density=None, within_um=100)
        self.settings = defaults | {key: value for key, value in settings.items() if value is not None}
        synapses = self.synapses(arbors, arbors.voxel_um, self.settings["blur_um"])
        filling = self.settings["filling_fraction"]
        if self.settings["target_density"] is not None:
            filling = self.calibrated(synapses, arbors.soma_um)
        self.place = (arbors.voxel_um, float(self.settings["blur_um"]), float(filling))
        probability = connection_probability(synapses, filling)
        self.counts, self.enriched = _profile(probability)
        self.error = np.asarray(enrichment_se, float)

    def synapses(self, arbors, voxel_um, blur_um):
        others = {key: self.settings.get(key) for key in ("reach_um", "field_length_um", "field_radius_um")}
        joined = coarsen(arbors, voxel_um / arbors.voxel_um)
        return potential_synapses(joined, blur_um=blur_um, **others)[0]

    def calibrated(self, synapses, soma_um):
        density, within_um = self.settings["target_density"], self.settings["within_um"]
        return calibrate_filling(synapses, soma_um, density, within_um=within_um)

    def fillings(self, synapses, soma_um, values):
        """The filling fractions to try with these potential synapses."""
        if self.settings["target_density"] is not None:
            return [self.calibrated(synapses, soma_um)]
        return _with(values, self.place[2])

    def compare(self, probability):
        """Thirteen rows: a profile beside the reference's."""
        counts, enriched = _profile(probability)
        density, reciprocity = density_and_reciprocity(probability)
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.where(self.error > 0, np.abs(enriched - self.enriched) / self.error, np.nan)
        return pd.DataFrame(
            dict(
                density=density,
                reciprocity=reciprocity,
                triad=MOTIFS,
                expected_count=counts,
                frequency=_shares(counts),
                enrichment=enriched,
                cosine_enrichment=_cosine(enriched, self.enriched),
                cosine_frequency=_cosine(_shares(counts), _shares(self.counts)),
                shift_se=shift,
            )
        )


def _profile(probability):
    """Expected counts of the connected classes, and their enrichment over the dyad null."""
    counts = triad_census(probability)
    expected = dyad_null_mean(dyad_statistics(probability))
    return counts[IS_MOTIF], enrichment(counts, expected)[IS_MOTIF]


def _shares(counts):
    return counts / counts.sum() if counts.sum() > 0 else np.full(len(counts), np.nan)


def _cosine(a, b):
    size = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / size) if size > 0 else float("nan")


def _with(values, own):
    """The values with the reference's own, ascending."""
    return sorted({float(value) for value in values} | {float(own)})


def _summary(rows):
    home = rows[rows["reference"]].set_index("triad")
    others = rows[~rows["reference"]]
    counted = others[others["triad"].map(home["expected_count"]) >= LEAST_COUNT]
    values = dict(
        n_settings=len(others) // len(home),
        smallest_cosine_enrichment=others["cosine_enrichment"].min(),
        smallest_cosine_frequency=others["cosine_frequency"].min(),
        density_low=rows["density"].min(),
        density_high=rows["density"].max(),
    )
    if counted["shift_se"].notna().any():
        worst = counted.loc[counted["shift_se"].idxmax()]
        values |= dict(largest_shift_se=worst["shift_se"], shift_triad=worst["triad"])
        values |= {f"shift_{name}": worst[name] for name in SETTINGS}
    return values | dict(reading=_reading(values))


def _reading(values):
    if "largest_shift_se" not in values:
        return "No class has a triad expected, or there is no other setting: nothing to compare."
    at = "voxel {shift_voxel_um:g} µm, blur {shift_blur_um:g} µm, f {shift_filling_fraction:.3g}"
    text = (
        "Over {n_settings} other settings the density runs from {density_low:.2g} to {density_high:.2g}; "
        "the largest shift is {largest_shift_se:.1f} standard errors ({shift_triad}; " + at + "); the "
        "smallest cosine with the reference is {smallest_cosine_enrichment:.2f} of enrichments and "
        "{smallest_cosine_frequency:.2f} of frequencies."
    )
    return text.format(**values)
