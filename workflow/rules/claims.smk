# Claims: each with its test, effect, interval and verdict.
#
# Inputs:  the tables of motifs, evaluation, retention and states
# Outputs: results/claims.csv


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
        datasets={name: DATASETS[name]["priors"] for name in DATASETS},
        rule_priors=RULES["priors"],
        rule_models=RULES["models"],
        n_updates=RULES["n_updates"],
        simulated_datasets=SIMULATED_DATASETS,
        simulated_sources=SIMULATED_SOURCES,
        prior_sources={name: prior["source"] for name, prior in PRIORS.items()},
        evaluation=CONFIG["evaluation"],
        figures={name: f"fig{number}_{name}" for name, number in FIGURE_NUMBERS.items()},
        seed=CONFIG["seed"],
        code=code("analysis/claims", "analysis/statistics"),
    script:
        "../scripts/test_claims.py"
