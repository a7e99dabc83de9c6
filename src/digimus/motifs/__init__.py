"""Three-node motifs: exact and expected censuses, null models, regional profiles and priors.

`soft_triad_census` needs torch and is imported on first use, so that the motif stage starts fast.
"""

from digimus.motifs.census import participation, triad_census
from digimus.motifs.dyads import DyadStatistics, dyad_null_mean, dyad_statistics
from digimus.motifs.graphs import read_user_graph
from digimus.motifs.nulls import NULLS, sample_null_censuses
from digimus.motifs.priors import PRIORS, Prior, read_priors, write_priors
from digimus.motifs.profiles import (
    RegionProfile,
    SignificanceProfile,
    enrichment,
    enrichment_bootstrap,
    region_profile,
    significance_profile,
)
from digimus.motifs.triads import MOTIFS, TRIADS

__all__ = [
    "MOTIFS",
    "NULLS",
    "PRIORS",
    "TRIADS",
    "DyadStatistics",
    "Prior",
    "RegionProfile",
    "SignificanceProfile",
    "dyad_null_mean",
    "dyad_statistics",
    "enrichment",
    "enrichment_bootstrap",
    "participation",
    "read_priors",
    "read_user_graph",
    "region_profile",
    "sample_null_censuses",
    "significance_profile",
    "soft_triad_census",
    "triad_census",
    "write_priors",
]


def __getattr__(name):
    if name == "soft_triad_census":
        from digimus.motifs.soft import soft_triad_census

        return soft_triad_census
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
