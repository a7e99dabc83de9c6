# Retention: do trained weights keep the motifs of the prior?
#
# Inputs:  results/training/rules/{task}/{model}/{prior}.h5, results/motifs/{source}/priors.csv
# Outputs: results/retention/profiles.csv  task, prior, seed, stage, triad: enrichment in the weights
#          results/retention/scores.csv    task, target, prior, seed, stage: distance to the target's profile


rule retention:
    input:
        results("retention/scores.csv"),


rule weight_motifs:
    input:
        cells=RETENTION_CELLS,
        priors=lambda wildcards: sorted(
            {results(f"motifs/{PRIORS[p]['source']}/priors.csv") for p in RULES["priors"]}
        ),
    output:
        profiles=update(results("retention/profiles.csv")),
        scores=update(results("retention/scores.csv")),
    log:
        log_file("weight_motifs"),
    benchmark:
        benchmark_file("weight_motifs")
    conda:
        TORCH_ENVIRONMENT
    params:
        priors={name: PRIORS[name] for name in RULES["priors"]},
        density=TRAINING["motif_term"]["density"],
        seed=CONFIG["seed"],
        code=code("analysis/retention", "motifs"),
    script:
        "../scripts/weight_motifs.py"
