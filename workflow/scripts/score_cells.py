"""Score every trained cell and join the scores of the reference decoders."""

import logging

import pandas as pd

from job import job

with job(snakemake):
    from digimus.analysis.evaluation import NULL_COLUMNS, decoding_rates, decoding_scores, rule_tables
    from digimus.analysis.psychometrics import COLUMNS, psychometric_rows
    from digimus.storage import read_table, write_table
    from digimus.training import load

    levels = []

    def cells():
        """One after the other, since together they may fill the memory."""
        for path in [*snakemake.input.rules, *snakemake.input.together]:
            cell = load(path)
            levels.extend(psychometric_rows(cell))
            yield cell

    scores, curves, models, checks, rates = rule_tables(cells())
    write_table(snakemake.output.psychometrics, pd.DataFrame(levels, columns=COLUMNS))
    text = {"session": str, "animal": str}
    tables = {
        dataset: read_table(path, dtype=text)
        for dataset, path in zip(snakemake.params.datasets, snakemake.input.sessions, strict=True)
    }
    parts = [scores]
    for path in snakemake.input.decoding:
        parts.append(decoding_scores(path, tables[path.split("/")[-4]]))
    parts += [read_table(path, dtype=text) for path in snakemake.input.references]
    filled = [part for part in parts if len(part)]
    write_table(snakemake.output.scores, pd.concat(filled or parts, ignore_index=True))
    write_table(snakemake.output.curves, curves)
    write_table(snakemake.output.models, models)
    write_table(snakemake.output.checks, checks)
    tried = [part for part in [rates, *map(decoding_rates, snakemake.input.decoding)] if len(part)]
    write_table(snakemake.output.rates, pd.concat(tried, ignore_index=True) if tried else rates)
    for check, group in checks[checks["verdict"] == "warning"].groupby("check"):
        logging.getLogger(__name__).warning("%d networks: %s; see checks.csv", len(group), check)
    nulls = [read_table(path, dtype=text) for path in snakemake.input.nulls]
    write_table(
        snakemake.output.nulls,
        pd.concat(nulls, ignore_index=True) if nulls else pd.DataFrame(columns=NULL_COLUMNS),
    )
