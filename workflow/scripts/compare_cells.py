"""Compare the cells of the rule tasks: accuracies, psychometric thresholds, and priors against controls."""

from job import job

with job(snakemake):
    from digimus.analysis.accuracy import accuracy_table
    from digimus.analysis.controls import control_table
    from digimus.analysis.psychometrics import fit_table
    from digimus.storage import read_table, write_table

    inputs, params = snakemake.input, snakemake.params
    scores = read_table(inputs.scores, dtype={"session": str, "animal": str}, low_memory=False)
    write_table(snakemake.output.accuracy, accuracy_table(scores, read_table(inputs.models)))
    write_table(snakemake.output.thresholds, fit_table(read_table(inputs.psychometrics)))
    controls = control_table(
        scores,
        read_table(inputs.curves),
        params.priors,
        n_updates=params.n_updates,
        smallest=params.smallest_effect,
        seed=params.seed,
        simulated=params.simulated_priors,
    )
    write_table(snakemake.output.controls, controls)
