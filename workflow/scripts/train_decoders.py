"""Train all seeds of one model with one prior to decode every session of one dataset."""

from job import job, provenance

with job(snakemake):
    from cell import key_of, make_cell, make_fit, make_motif_term
    from decoding_inputs import across_of, check_splits, splits_of, used_sessions
    from digimus.training import train_decoders

    decoding = snakemake.params.decoding
    settings, grid = make_fit(snakemake, decoding)
    _, sessions = used_sessions(snakemake.input.sessions)
    cell = make_cell(snakemake, snakemake.wildcards.dataset, "sessions", decoding["n_units"])
    folds = decoding["n_folds"], decoding["gap_trials"]
    splits = splits_of(decoding["splits"], *folds, snakemake.params.seed)
    across = across_of(decoding["splits"], *folds)
    check_splits(sessions, splits, across)
    train_decoders(
        snakemake.output.cell,
        cell,
        settings,
        sessions,
        splits=splits,
        across=across,
        batch_size=decoding["batch_size"],
        input_dropout=decoding.get("input_dropout", 0.0),
        input_width=decoding.get("input_width", 32),
        across_weight_decay=decoding.get("sessions_weight_decay"),
        motif_term=make_motif_term(snakemake, decoding["n_updates"], cell),
        provenance=provenance(snakemake),
        key=key_of(snakemake),
        grid=grid,
    )
