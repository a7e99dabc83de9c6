"""What foretells the errors of every trained network and every recorded session."""

from functools import lru_cache
from pathlib import Path

from job import job

with job(snakemake):
    import torch

    from digimus.analysis.errors.tables import ErrorSettings, ErrorTables, add_cell, add_session
    from digimus.recordings.prepared import read_prepared
    from digimus.storage import read_table, write_table
    from digimus.training import RuleTask, load

    torch.set_num_threads(1)
    params, tables = snakemake.params, ErrorTables()
    settings = ErrorSettings(**params.settings)

    @lru_cache(maxsize=1)  # the cells of a task come one after the other
    def problem(task):
        """The task with its test trials."""
        return RuleTask(task, batch_size=1, n_validation=4, n_test=params.n_test)

    for path in snakemake.input.cells:
        cell = load(path)
        add_cell(tables, cell, lambda task=cell.unit: problem(task), settings, params.seed)
    for path in map(Path, snakemake.input.sessions):
        listed = read_table(path, ("session", "status"), dtype=str)
        for session in listed.loc[listed["status"] == "used", "session"]:
            prepared = read_prepared(path.parent / f"{session}.h5")
            add_session(tables, prepared, path.parent.name, settings, params.seed)
    outputs = (snakemake.output.errors, snakemake.output.model, snakemake.output.distances)
    for path, table in zip(outputs, tables.tables(), strict=True):
        write_table(path, table)
