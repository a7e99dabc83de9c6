# Claims: each with its test, effect, interval and verdict.
#
# Inputs:  the tables of motifs, evaluation, retention and states
# Outputs: results/claims.csv

from digimus.prior_roles import is_control


rule claims:
    input:
        results("claims.csv"),


rule test_claims:
    input:
        scores=results("evaluation/scores.csv"),
        models=results("evaluation/models.csv"),
        retention=results("retention/scores.csv"),
        states=results("states/summary.csv"),
        profiles=expand(results("motifs/{source}/profiles.csv"), source=SOURCES),
        verdicts=expand(results("motifs/{source}/verdicts.csv"), source=SOURCES),
    output:
        claims=update(results("claims.csv")),
    log:
        log_file("test_claims"),
    benchmark:
        benchmark_file("test_claims")
    conda:
        "../../envs/analysis.yaml"
    params:
        # A control is there to be compared with; that it helps is no claim.
        datasets={
            name: [prior for prior in DATASETS[name]["priors"] if not is_control(prior, PRIORS)]
            for name in DATASETS
        },
        rule_priors=priors_of("digimus"),
        rule_models=[m for m in RULES["models"] if m == "digimus" or kind_of(m) != "digimus"],
        n_updates=RULES["n_updates"],
        simulated_datasets=SIMULATED_DATASETS,
        simulated_priors={name: name in SIMULATED_PRIORS for name in PRIORS},
        evaluation=CONFIG["evaluation"],
        figures={name: f"fig{number}_{name}" for name, number in FIGURE_NUMBERS.items()},
        seed=CONFIG["seed"],
        code=code(
            "analysis/claims",
            "analysis/decoding_comparisons",
            "analysis/statistics",
            "motifs/pvalues",
            "prior_roles",
        ),
    script:
        "../scripts/test_claims.py"
