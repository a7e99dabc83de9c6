"""The motifs of initial and trained weights beside those of the priors, and how modules are coupled."""

from job import job

with job(snakemake):
    from digimus.analysis.retention import module_tables, retention_tables
    from digimus.motifs.priors import build_priors, read_priors
    from digimus.storage import write_table
    from digimus.training import load

    tables = {path.split("/")[-2]: read_priors(path) for path in snakemake.input.priors}
    priors = {
        name: build_priors(name, prior, tables, snakemake.params.seed)
        for name, prior in snakemake.params.priors.items()
    }
    profiles, scores = retention_tables(
        (load(path) for path in snakemake.input.cells), priors, snakemake.params.density
    )
    modules, weights = module_tables(load(path) for path in snakemake.params.modular)
    write_table(snakemake.output.profiles, profiles)
    write_table(snakemake.output.scores, scores)
    write_table(snakemake.output.modules, modules)
    write_table(snakemake.output.weights, weights)
