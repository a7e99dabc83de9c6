"""All regions of a source together: corrected p-values, verdicts and priors."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.motifs.priors import prior_table, write_priors
    from digimus.motifs.profiles import correct_profiles, correct_verdicts
    from digimus.storage import read_table, write_table

    profiles = correct_profiles(pd.concat([read_table(path) for path in snakemake.input.profiles]))
    verdicts = correct_verdicts(pd.concat([read_table(path) for path in snakemake.input.verdicts]))
    graphs = read_table(snakemake.input.graphs).set_index("region")
    profiles["small"] = profiles["region"].map(graphs["small"])
    verdicts["small"] = verdicts["region"].map(graphs["small"])
    write_table(snakemake.output.profiles, profiles)
    write_table(snakemake.output.verdicts, verdicts)
    once = profiles[profiles["null"] == "dyad"]
    tables = [
        prior_table(
            rows,
            source=snakemake.wildcards.source,
            region=region,
            simulated=bool(rows["simulated"].iloc[0]),
            n_neurons=int(graphs.loc[region, "n_neurons"]),
            min_neurons=snakemake.params.min_neurons,
            density=float(graphs.loc[region, "density"]),
            reciprocity=float(graphs.loc[region, "reciprocity"]),
        )
        for region, rows in once.groupby("region", sort=False)
    ]
    write_priors(snakemake.output.priors, pd.concat(tables, ignore_index=True))
