"""What silencing, driving and pushing do to the accuracy of trained networks."""

import pandas as pd

from job import job

with job(snakemake):
    import torch

    from digimus.analysis.perturbation.networks import Settings, perturbation_tables, untrained_tables
    from digimus.storage import write_table
    from digimus.training import load

    torch.set_num_threads(1)
    settings = Settings(**snakemake.params.settings)
    tables = [perturbation_tables(load(path), settings, snakemake.params.seed) for path in snakemake.input]
    tables += [untrained_tables(task) for task in snakemake.params.untrained]
    for path, parts in zip(snakemake.output, zip(*tables, strict=True), strict=True):
        write_table(path, pd.concat(parts, ignore_index=True))
