"""The table of claims: tests, effects, intervals and verdicts."""

from job import job

with job(snakemake):
    from digimus.analysis.claims.every import NEEDED, Grid, every_claim
    from digimus.storage import read_table, write_table

    params, inputs = snakemake.params, snakemake.input
    text = dict(
        dtype={"session": str, "animal": str}, keep_default_na=False, na_values=[""], low_memory=False
    )
    table = every_claim(
        {name: read_table(inputs[name], **text) for name in NEEDED},
        [
            (read_table(profiles), read_table(verdicts))
            for profiles, verdicts in zip(inputs.profiles, inputs.verdicts, strict=True)
        ],
        read_table(inputs.models).set_index("task")["family"].to_dict(),
        Grid(
            params.priors,
            params.rule_models,
            tuple(params.rule_priors),
            tuple(params.masked_models),
            params.datasets,
            frozenset(params.simulated_priors),
            frozenset(params.simulated_datasets),
        ),
        smallest=params.evaluation["smallest_effect"],
        margin=params.evaluation["non_inferiority_margin"],
        seed=params.seed,
        note=f"after {params.n_updates} updates of training",
    )
    write_table(snakemake.output.claims, table.assign(figure=table["figure"].map(params.figures)))
