"""The profiles of our regions beside those of published tables."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.motifs.similarity import COMPARISON, comparison_table
    from digimus.storage import read_table, write_table

    parts = [
        comparison_table(
            read_table(path, dtype={"region": str}, keep_default_na=False, na_values=[""]),
            table["path"],
            table=name,
            nz_path=table.get("nz_path"),
        )
        for path in snakemake.input.profiles
        for name, table in snakemake.params.tables.items()
    ]
    write_table(snakemake.output.comparison, pd.concat([pd.DataFrame(columns=COMPARISON), *parts]))
