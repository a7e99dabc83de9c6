"""How far a region's profile moves over voxel size, blur and filling fraction."""

import numpy as np
import pandas as pd

from job import job

with job(snakemake):
    from digimus.morphology import read_arbors
    from digimus.motifs import MOTIFS
    from digimus.motifs.sensitivity import COLUMNS, sensitivity_table
    from digimus.storage import read_table, write_table

    settings = dict(snakemake.params.settings)
    source, region = snakemake.wildcards.source, snakemake.wildcards.region
    table = pd.DataFrame(columns=COLUMNS)
    profile = read_table(snakemake.input.profile, ["null", "triad", "enrichment_variance"])
    if settings.get("rule", "potential") == "potential" and len(profile):
        once = profile[profile["null"] == "dyad"].set_index("triad").loc[list(MOTIFS)]
        values = {name: [] for name in ("voxel_um", "blur_um", "filling_fraction")}
        table = sensitivity_table(
            read_arbors(snakemake.input.arbors, region),
            **(values | snakemake.params.values),
            reference=settings,
            enrichment_se=np.sqrt(once["enrichment_variance"]),
            source=source,
            region=region,
            simulated=snakemake.params.simulated,
        )
    write_table(snakemake.output.table, table)
