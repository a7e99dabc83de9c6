"""The error rates of verdicts on planted effects, of all kinds of data."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.storage import read_table, write_table

    write_table(snakemake.output.table, pd.concat([read_table(path) for path in snakemake.input]))
