"""Train all seeds of one model with one prior on one rule task."""

from job import job, provenance

with job(snakemake):
    from cell import key_of, make_cell, make_motif_term
    from digimus.training import FitSettings, RuleTask, train_task

    rules = snakemake.params.rules
    task = snakemake.wildcards.task
    train_task(
        snakemake.output.cell,
        make_cell(
            snakemake, "rules", task,
            n_units=rules["n_units"], n_inputs=RuleTask.n_inputs, n_outputs=RuleTask.n_outputs,
        ),
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
    )  # fmt: skip
