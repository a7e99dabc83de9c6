"""Score every trained cell and join the tables of the reference decoders."""

import logging
from pathlib import Path

import pandas as pd

from job import job

with job(snakemake):
    from decoding_inputs import shown_samples
    from digimus.analysis.columns import DECODING_TABLES
    from digimus.analysis.decoding.tables import cell_tables, decoding_rates
    from digimus.analysis.evaluation import rule_tables
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

    def joined(parts):
        """Tables one below the other; empty ones would turn numbers into text."""
        filled = [part for part in parts if len(part)]
        return pd.concat(filled, ignore_index=True) if filled else parts[0]

    scores, curves, models, checks, rates = rule_tables(cells())
    write_table(snakemake.output.psychometrics, pd.DataFrame(levels, columns=COLUMNS))
    parts = {name: [pd.DataFrame(columns=columns)] for name, columns in DECODING_TABLES.items()}
    parts["scores"], parts["rates"] = [scores], [rates]
    text = {"session": str, "animal": str}
    folders = {Path(path).parent.name: Path(path).parent for path in snakemake.input.sessions}
    for path in snakemake.input.decoding:
        folder = folders[Path(path).parts[-4]]
        found = cell_tables(
            path,
            read_table(folder / "sessions.csv", dtype=text),
            folder,
            shown_samples(folder / "example.csv"),
        )
        for name, table in found.items():
            parts[name].append(table)
        parts["rates"].append(decoding_rates(path))
    for path in snakemake.input.references:
        parts[Path(path).stem.rsplit(".", 1)[1]].append(read_table(path, dtype=text | {"class": str}))
    for name in (*DECODING_TABLES, "rates"):
        write_table(snakemake.output[name], joined(parts[name]))
    write_table(snakemake.output.curves, curves)
    write_table(snakemake.output.models, models)
    write_table(snakemake.output.checks, checks)
    for check, group in checks[checks["verdict"] == "warning"].groupby("check"):
        logging.getLogger(__name__).warning("%d networks: %s; see checks.csv", len(group), check)
