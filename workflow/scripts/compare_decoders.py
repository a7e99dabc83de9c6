"""Compare decoders over sessions, regions at matched units, and all with the known best of simulated data."""

from job import job

with job(snakemake):
    from digimus.analysis.decoding.comparisons import comparison_table, region_table
    from digimus.analysis.decoding.known_best import known_best_table
    from digimus.storage import read_table, write_table

    inputs, params = snakemake.input, snakemake.params
    text = {"session": str, "animal": str}
    scores = read_table(inputs.scores, dtype=text, low_memory=False)
    comparisons = comparison_table(
        scores,
        read_table(inputs.nulls, dtype=text),
        params.priors,
        kinds=params.kinds,
        bound=params.bound,
        seed=params.seed,
        simulated_datasets=params.simulated_datasets,
        simulated_priors=params.simulated_priors,
    )
    write_table(snakemake.output.comparisons, comparisons)
    truths = {
        name: read_table(path, dtype=text) for name, path in zip(params.truths, inputs.truths, strict=True)
    }
    write_table(snakemake.output.known_best, known_best_table(scores, truths))
    regions = region_table(read_table(inputs.regions, dtype=text), bound=params.bound, seed=params.seed)
    write_table(snakemake.output.regions, regions)
