"""Sensitivity of all regions of a source, and one reading a region."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.motifs.sensitivity import sensitivity_summary
    from digimus.storage import read_table, write_table

    table = pd.concat([read_table(path) for path in snakemake.input.tables], ignore_index=True)
    write_table(snakemake.output.table, table)
    write_table(snakemake.output.summary, sensitivity_summary(table))
