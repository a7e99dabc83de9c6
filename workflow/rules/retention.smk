# Retention: do trained weights keep the motifs of the prior?
#
# Inputs:  results/training/rules/{task}/{model}/{prior}.h5, results/training/dose/{task}/{model}/{prior}/{weight}.h5,
#          results/motifs/{source}/priors.csv
# Outputs: results/retention/profiles.csv     task, model, prior, module, seed, stage, triad: enrichment in the weights
#          results/retention/scores.csv       the same with target: distance to the target's profile
#          results/retention/comparisons.csv  against the start, the network without a prior, and each control
#          results/retention/sensitivity.csv  the scores over densities and temperatures
#          results/retention/carriers.csv     distance after a share of the weights was set back to the start
#          results/retention/dose.csv         weight of the motif term: accuracy, loss, distance
#          results/retention/modules.csv      networks of several modules, source, target: strength, mean |w|
#          results/retention/weights.csv      |w| of one of them for each model and prior
#          An empty module is the whole network.

from digimus.prior_roles import is_control, is_control_of


rule retention:
    input:
        results("retention/scores.csv"),


rule weight_motifs:
    input:
        cells=RULE_CELLS,
        dose=[path for _, _, path in DOSE_CELLS],
        priors=lambda wildcards: prior_tables(*RULE_PRIORS),
    output:
        profiles=update(results("retention/profiles.csv")),
        scores=update(results("retention/scores.csv")),
        comparisons=update(results("retention/comparisons.csv")),
        sensitivity=update(results("retention/sensitivity.csv")),
        carriers=update(results("retention/carriers.csv")),
        dose=update(results("retention/dose.csv")),
        modules=update(results("retention/modules.csv")),
        weights=update(results("retention/weights.csv")),
    log:
        log_file("weight_motifs"),
    benchmark:
        benchmark_file("weight_motifs")
    conda:
        TORCH_ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000, of_input=2),
        runtime=minutes(60, of_input=1),
    params:
        priors={name: whole_prior(name) for name in RULE_PRIORS},
        # A prior that is no control, and its controls.
        controls={
            name: [other for other in PRIORS if is_control_of(other, name, PRIORS)]
            for name in RULE_PRIORS
            if not is_control(name, PRIORS)
        },
        modular=MODULAR_CELLS,
        density=TRAINING["motif_term"]["density"],
        densities=CONFIG["retention"]["densities"],
        temperatures=CONFIG["retention"]["temperatures"],
        dose_weights=[weight for _, weight, _ in DOSE_CELLS],
        dose_of={key: DOSE[key] for key in ("model", "prior")},
        no_dose=DOSE["missing"],
        seed=CONFIG["seed"],
        code=code(
            "analysis/retention",
            *["models/structure", "models/motif_term", "models/motif_gradients", "motifs", "training/cells"],
        ),
    script:
        "../scripts/weight_motifs.py"
