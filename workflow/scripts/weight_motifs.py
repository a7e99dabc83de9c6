"""The motifs of initial and trained weights beside those of the priors, and how modules are coupled."""

from job import job

with job(snakemake):
    import torch

    from digimus.analysis.retention.carriers import carriers_table
    from digimus.analysis.retention.comparisons import comparisons_table
    from digimus.analysis.retention.dose import dose_table
    from digimus.analysis.retention.profiles import module_tables, retention_tables, weights_alone
    from digimus.analysis.retention.sensitivity import sensitivity_table
    from digimus.motifs.priors import build_priors, read_priors
    from digimus.storage import write_table
    from digimus.training import load

    torch.set_num_threads(1)
    params = snakemake.params
    sources = {path.split("/")[-2]: read_priors(path) for path in snakemake.input.priors}
    priors = {name: build_priors(name, prior, sources, params.seed) for name, prior in params.priors.items()}
    cells = [weights_alone(load(path)) for path in snakemake.input.cells]
    profiles, scores = retention_tables(cells, priors, params.density)
    modules, weights = module_tables(
        cell for cell, path in zip(cells, snakemake.input.cells, strict=True) if path in params.modular
    )
    dosed, loaded = params.dose_of, (load(path) for path in snakemake.input.dose)
    tables = {
        "profiles": profiles,
        "scores": scores,
        "comparisons": comparisons_table(scores, params.controls),
        "sensitivity": sensitivity_table(
            cells,
            priors,
            densities=params.densities,
            temperatures=params.temperatures,
            density=params.density,
        ),
        "carriers": carriers_table(
            cells,
            {name: priors[name] for name in params.controls},
            density=params.density,
            seed=params.seed,
        ),
        "dose": dose_table(
            zip(params.dose_weights, loaded, strict=True),
            priors.get(dosed["prior"], {}).get(""),
            params.density,
            missing=[(dict(task=task, **dosed), reason) for task, reason in params.no_dose.items()],
        ),
        "modules": modules,
        "weights": weights,
    }
    for name, table in tables.items():
        write_table(snakemake.output[name], table)
