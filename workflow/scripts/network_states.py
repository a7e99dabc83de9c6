"""States of every trained network before the response: dimension, paths, and errors."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.analysis.errors import DISTANCE_COLUMNS, SUMMARY_COLUMNS, TRAJECTORY_COLUMNS, state_tables
    from digimus.storage import write_table
    from digimus.training import load

    parts = [
        state_tables(load(path), snakemake.params.n_test, snakemake.params.seed)
        for path in snakemake.input.cells
    ]
    columns = (SUMMARY_COLUMNS, DISTANCE_COLUMNS, TRAJECTORY_COLUMNS)
    outputs = (snakemake.output.summary, snakemake.output.distances, snakemake.output.trajectories)
    for k, (path, names) in enumerate(zip(outputs, columns, strict=True)):
        filled = [part[k] for part in parts if len(part[k])]
        table = pd.concat(filled, ignore_index=True) if filled else pd.DataFrame(columns=names)
        write_table(path, table)
