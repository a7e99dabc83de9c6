"""Claims on motifs: regions differ in them, and they are more than geometry and degrees."""

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from digimus.analysis.claims.table import ABSTRACT, CONTROL, Question

LEVEL = 0.05
NULLS = (("distance-mutual", "geometry"), ("degree", "degrees"))
NO_REGION = "because fewer than two regions have enough neurons"


def motif_claims(claims, profiles, verdicts, *, smallest, simulated):
    """Regions differ in their motifs, and their motifs are more than geometry, degrees and dyads.

    Parameters
    ----------
    claims : digimus.analysis.claims.table.Claims
    profiles, verdicts : pandas.DataFrame
        Tables of one source; regions with too few neurons (`small`) do not count, and regions with so few
        null graphs that no p can be below the level (`p_least`) not against these.
    smallest : float
        Smallest share of regions beyond chance.
    simulated : bool
    """
    source = str(profiles["source"].iloc[0])
    profiles, verdicts = profiles[~profiles["small"]], verdicts[~verdicts["small"]]
    once = profiles[profiles["null"] == "dyad"]
    value = once.pivot(index="region", columns="triad", values="enrichment")
    variance = once.pivot(index="region", columns="triad", values="enrichment_variance")
    shared = dict(smallest=smallest, simulated=simulated)
    _share_claim(
        claims, f"regions of {source} differ in their motifs", between_regions(value, variance),
        "profile differs from the median of the others (Simes over classes)", category=ABSTRACT,
        missing=NO_REGION, **shared,
    )  # fmt: skip
    for null, label in NULLS:
        drawn = verdicts[(verdicts["null"] == null) & verdicts["p_profile"].notna()]
        p = drawn[drawn["p_least"] < LEVEL].set_index("region")["p_profile"]
        missing = f"because the {null} null was not drawn for a region of enough neurons"
        if len(drawn):
            missing = f"because there are too few null graphs for any p below {LEVEL:g}"
        _share_claim(
            claims, f"motifs of {source} are more than {label}", p, f"profile differs from the {null} null",
            category=CONTROL, missing=missing, **shared,
        )  # fmt: skip


def _share_claim(claims, claim, p, tested, *, category, smallest, simulated, missing):
    """A claim about the share of regions with p below the level, less the share expected by chance."""
    differs = p < LEVEL
    many = binomtest(int(differs.sum()), len(p), LEVEL, alternative="greater") if len(p) else None
    question = Question(
        topic="motifs of regions", category=category, figure="atlas", levels=("region",),
        effect_unit="share of regions", test=f"binomial over regions: {tested} at p < {LEVEL:g}",
    )  # fmt: skip

    def interval(level):
        """Clopper and Pearson's: a bootstrap of shares of 0 or 1 has no width."""
        both = binomtest(int(differs.sum()), len(p)).proportion_ci(level, method="exact")
        return both.low - LEVEL, both.high - LEVEL

    claims.add(
        question, claim, pd.DataFrame({"region": p.index, "effect": differs.to_numpy() - LEVEL}),
        smallest_effect=smallest, simulated=simulated, p=many.pvalue if many else None, interval=interval,
        note="share beyond the 5 % expected by chance", missing=missing,
    )  # fmt: skip


def between_regions(value, variance):
    """For each region, the Simes p over classes that it equals the median of the other regions.

    Parameters
    ----------
    value, variance : pandas.DataFrame, regions x classes
        Enrichment and its bootstrap variance; classes without variance are left out.

    Returns
    -------
    pandas.Series
        By region; empty where there are fewer than two.
    """
    n, p = len(value), {}
    for region in value.index if n > 1 else []:
        others = value.index != region
        # One odd region must not set all others apart, hence the median; its variance is pi/2 that of a mean.
        error = variance.loc[region] + np.pi / 2 * variance[others].mean() / (n - 1)
        gap = (value.loc[region] - value[others].median())[error > 0]
        p_class = np.sort(2 * norm.sf(np.abs(gap) / np.sqrt(error[error > 0])))
        if len(p_class):
            p[region] = float((p_class * len(p_class) / np.arange(1, len(p_class) + 1)).min())
    return pd.Series(p, dtype=float)
