"""Priors from a published table of motif counts."""

from job import job

with job(snakemake):
    from digimus.motifs.priors import published_priors, write_priors

    table = published_priors(
        snakemake.input.table, source=snakemake.wildcards.source, rows=snakemake.params.rows
    )
    write_priors(snakemake.output.priors, table)
