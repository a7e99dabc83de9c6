"""Train all seeds of one model with one prior on one rule task."""

from job import job, provenance

with job(snakemake):
    from cell import key_of, make_cell, make_motif_term
    from digimus.training import FitSettings, train_task

    rules = snakemake.params.rules
    train_task(
        snakemake.output.cell,
        make_cell(snakemake, "rules", snakemake.wildcards.task, rules["n_units"]),
        FitSettings(
            n_updates=rules["n_updates"],
            learning_rate=snakemake.params.learning_rate,
            validate_every=rules["validate_every"],
        ),
        batch_size=rules["batch_size"],
        n_validation=rules["n_validation"],
        n_test=rules["n_test"],
        motif_term=make_motif_term(snakemake, rules["n_updates"]),
        provenance=provenance(snakemake),
        key=key_of(snakemake),
    )
