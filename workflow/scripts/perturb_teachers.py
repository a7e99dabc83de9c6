"""Simulated teachers, their students, and what the same perturbations do to all of them."""

import pandas as pd

from job import job

with job(snakemake):
    import torch

    from digimus.analysis.perturbation.teacher import FEW_MODULES, NO_TEACHER, missing_tables, teacher_tables
    from digimus.analysis.perturbation.teacher_networks import Settings
    from digimus.connectome import read_graph
    from digimus.motifs.priors import build_priors, read_priors
    from digimus.storage import write_table

    torch.set_num_threads(1)
    params = snakemake.params
    name, seed = params.name, params.seed
    if params.prior is None:
        tables = [missing_tables(0, name, seed, FEW_MODULES if name else NO_TEACHER)]
    else:
        sources = {path.split("/")[-2]: read_priors(path) for path in snakemake.input.priors}
        priors = build_priors(name, params.prior, sources, seed)
        graphs = {
            module: read_graph(path).probability
            for module, path in zip(priors, snakemake.input.graphs, strict=True)
        }
        settings = Settings(**params.settings)
        teachers = range(1, settings.n_teachers + 1)
        tables = [teacher_tables(number, graphs, priors, name, settings, seed) for number in teachers]
    outputs = (snakemake.output.changes, snakemake.output.scores)
    for path, parts in zip(outputs, zip(*tables, strict=True), strict=True):
        write_table(path, pd.concat(parts, ignore_index=True))
