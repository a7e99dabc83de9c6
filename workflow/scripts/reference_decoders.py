"""Decoders of one dataset that need no network, and what they reach where there is nothing to decode."""

from job import job

with job(snakemake):
    from decoding_inputs import across_of, check_splits, shown_samples, splits_of, used_sessions
    from digimus.analysis.decoding.reference_tables import reference_tables
    from digimus.storage import read_table, write_table

    about, sessions = used_sessions(snakemake.input.sessions)
    truth = {}
    if snakemake.input.truth:
        known = read_table(snakemake.input.truth, ["session", "best_accuracy", "standard_error"])
        truth = {row.session: (row.best_accuracy, row.standard_error) for row in known.itertuples()}
    params = snakemake.params
    splits = splits_of(params.splits, params.n_folds, params.gap_trials, params.seed)
    across = across_of(params.splits, params.n_folds, params.gap_trials)
    check_splits(sessions, splits, across)
    tables = reference_tables(
        sessions,
        splits,
        across=across,
        benchmark=snakemake.wildcards.dataset,
        about=about,
        truth=truth,
        n_permutations=params.n_permutations,
        regions=params.regions,
        seed=params.seed,
        shown=shown_samples(snakemake.input.example),
    )
    for name, table in tables.items():
        write_table(snakemake.output[name], table)
