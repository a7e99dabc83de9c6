# Retention: do trained weights keep the motifs of the prior?
#
# Inputs:  results/training/rules/{task}/{model}/{prior}.h5, results/motifs/{source}/priors.csv
# Outputs: results/retention/profiles.csv  task, model, prior, module, seed, stage, triad: enrichment in the weights
#          results/retention/scores.csv    the same with target: distance to the target's profile
#          results/retention/modules.csv   networks of several modules, source, target: strength, mean |w|
#          results/retention/weights.csv   |w| of one of them for each model and prior
#          An empty module is the whole network.


rule retention:
    input:
        results("retention/scores.csv"),


rule weight_motifs:
    input:
        cells=RETENTION_CELLS,
        priors=lambda wildcards: prior_tables(*RULE_PRIORS),
    output:
        profiles=update(results("retention/profiles.csv")),
        scores=update(results("retention/scores.csv")),
        modules=update(results("retention/modules.csv")),
        weights=update(results("retention/weights.csv")),
    log:
        log_file("weight_motifs"),
    benchmark:
        benchmark_file("weight_motifs")
    conda:
        TORCH_ENVIRONMENT
    params:
        priors={name: whole_prior(name) for name in RULE_PRIORS},
        modular=MODULAR_CELLS,
        density=TRAINING["motif_term"]["density"],
        seed=CONFIG["seed"],
        code=code("analysis/retention", "models/structure", "motifs"),
    script:
        "../scripts/weight_motifs.py"
