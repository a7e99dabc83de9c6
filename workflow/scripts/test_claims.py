"""The table of claims: tests, effects, intervals and verdicts."""

from job import job

with job(snakemake):
    from digimus.analysis import claims as ask
    from digimus.storage import read_table, write_table

    params, inputs = snakemake.params, snakemake.input
    smallest = params.evaluation["smallest_effect"]
    from_simulation = dict(params.simulated_priors)
    scores = read_table(inputs.scores, dtype={"session": str, "animal": str}, low_memory=False)
    claims = ask.Claims(params.seed)
    for profiles, verdicts in zip(inputs.profiles, inputs.verdicts, strict=True):
        table = read_table(profiles)
        ask.motif_claims(
            claims,
            table,
            read_table(verdicts),
            smallest=smallest["region_share"],
            simulated=bool(table["simulated"].iloc[0]),
        )
    ask.rule_claims(
        claims,
        scores,
        read_table(inputs.models).set_index("task")["family"].to_dict(),
        priors=params.rule_priors,
        models=params.rule_models,
        smallest=smallest["accuracy"],
        margin=params.evaluation["non_inferiority_margin"],
        note=f"after {params.n_updates} updates of training",
        simulated=from_simulation,
    )
    ask.decoding_claims(
        claims,
        scores,
        params.datasets,
        smallest=smallest["accuracy"],
        simulated={name: name in params.simulated_datasets for name in params.datasets},
    )
    ask.retention_claims(
        claims,
        read_table(inputs.retention, keep_default_na=False, na_values=[""]),
        smallest=smallest["retention"],
        simulated=from_simulation,
    )
    ask.state_claims(
        claims,
        read_table(inputs.states),
        priors=params.rule_priors,
        smallest=smallest["error_auroc"],
        simulated=from_simulation,
    )
    table = claims.table()
    write_table(snakemake.output.claims, table.assign(figure=table["figure"].map(params.figures)))
