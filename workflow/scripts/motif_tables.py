"""All regions of a source together: corrected p-values, verdicts, priors, similarity and clusters."""

import logging

import pandas as pd

from job import job

with job(snakemake):
    from digimus.motifs import MOTIFS
    from digimus.motifs.priors import prior_table, write_priors
    from digimus.motifs.profiles import correct_profiles
    from digimus.motifs.similarity import cluster_tables, similarity_table
    from digimus.motifs.verdicts import correct_verdicts
    from digimus.storage import read_table, write_table

    # A region called NA is a region.
    as_text = dict(dtype={"region": str}, keep_default_na=False, na_values=[""])
    graphs = read_table(snakemake.input.graphs, **as_text).set_index("region")
    profiles, verdicts = (
        pd.concat([table for table in (read_table(path, **as_text) for path in paths) if len(table)])
        for paths in (snakemake.input.profiles, snakemake.input.verdicts)
    )
    profiles, verdicts = (t.assign(small=t["region"].map(graphs["small"])) for t in (profiles, verdicts))
    profiles = correct_profiles(profiles)
    verdicts = correct_verdicts(verdicts, profiles)
    for summary in dict.fromkeys(verdicts["summary"]):
        logging.info(summary)
    counted = dict(iter(profiles.groupby("region", sort=False)))
    # A region without triads has a row a class too, so that a prior on it is refused for its neurons.
    unknown = pd.DataFrame({"null": "dyad", "triad": MOTIFS}).reindex(columns=profiles.columns)
    tables = [
        prior_table(
            counted.get(region, unknown),
            source=snakemake.wildcards.source,
            region=region,
            simulated=bool(graphs.loc[region, "simulated"]),
            n_neurons=int(graphs.loc[region, "n_neurons"]),
            min_neurons=max(3, snakemake.params.min_neurons),
            density=float(graphs.loc[region, "density"]),
            reciprocity=float(graphs.loc[region, "reciprocity"]),
            kind=snakemake.params.kind,
        )
        for region in graphs.index
    ]
    similarity = similarity_table(profiles)
    clusters, linkage = cluster_tables(similarity)
    write_table(snakemake.output.profiles, profiles)
    write_table(snakemake.output.verdicts, verdicts)
    write_priors(snakemake.output.priors, pd.concat(tables, ignore_index=True))
    write_table(snakemake.output.similarity, similarity)
    write_table(snakemake.output.clusters, clusters)
    write_table(snakemake.output.linkage, linkage)
