"""Logistic and clock decoders of one dataset, and what shuffled labels give."""

from job import job

with job(snakemake):
    from decoding_inputs import splits_of, used_sessions
    from digimus.analysis.evaluation import reference_tables
    from digimus.storage import read_table, write_table

    about, sessions = used_sessions(snakemake.input.sessions)
    truth = {}
    if snakemake.input.truth:
        known = read_table(snakemake.input.truth, ["session", "best_accuracy", "standard_error"])
        truth = {row.session: (row.best_accuracy, row.standard_error) for row in known.itertuples()}
    params = snakemake.params
    scores, nulls = reference_tables(
        sessions,
        splits_of(params.splits, params.n_folds, params.gap_trials, params.seed),
        benchmark=snakemake.wildcards.dataset,
        about=about,
        truth=truth,
        n_permutations=params.n_permutations,
        seed=params.seed,
    )
    write_table(snakemake.output.scores, scores)
    write_table(snakemake.output.nulls, nulls)
