"""Plant effects, or none, in one kind of data, and write how often the verdicts on claims are right."""

from job import job

with job(snakemake):
    from digimus.storage import write_table

    part, params = snakemake.wildcards.part, snakemake.params
    if part.startswith("scores-"):
        from digimus.simulation.planted_scores import score_level

        table = score_level(part.removeprefix("scores-"), params.planted["n_scores"], params.seed)
    else:
        from digimus.simulation.planted_runs import end_to_end

        table = end_to_end(part, params.planted["n_runs"], params.seed)
    write_table(snakemake.output.table, table)
