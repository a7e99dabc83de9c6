"""Train all seeds of one model with one prior on one rule task, or on all of them at once."""

from job import job, provenance

with job(snakemake):
    from cell import key_of, make_cell, make_fit, make_motif_term
    from digimus.training import train_task
    from digimus.training.cells import TOGETHER

    rules, together = dict(snakemake.params.rules), list(snakemake.params.together)
    unit = TOGETHER if together else snakemake.wildcards.task
    for key in ("n_updates", "validate_every"):
        rules[key] *= len(together) or 1  # each task gets as many updates as it has in a network of its own
    settings, grid = make_fit(snakemake, rules)
    cell = make_cell(snakemake, "rules", unit, rules["n_units"])
    train_task(
        snakemake.output.cell,
        cell,
        settings,
        batch_size=rules["batch_size"],
        n_validation=rules["n_validation"],
        n_test=rules["n_test"],
        motif_term=make_motif_term(snakemake, rules["n_updates"], cell),
        provenance=provenance(snakemake),
        key=key_of(snakemake),
        together=together,
        grid=grid,
    )
