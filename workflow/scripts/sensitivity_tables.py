"""Sensitivity of all regions of a source, and one reading a region."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.motifs.sensitivity import sensitivity_summary
    from digimus.storage import read_table, write_table

    as_text = dict(dtype={"source": str, "region": str}, keep_default_na=False, na_values=[""])
    tables = [read_table(path, **as_text) for path in snakemake.input.tables]
    # Regions below three neurons have none, and with the rule contact no region has.
    table = pd.concat([table for table in tables if len(table)] or tables, ignore_index=True)
    write_table(snakemake.output.table, table)
    write_table(snakemake.output.summary, sensitivity_summary(table))
