# Claims: each with its test, effect, interval and verdict.
#
# Inputs:  the tables of motifs, evaluation, retention, states and perturbation
# Outputs: results/claims.csv
#          results/planted.csv  planted effects: how often each verdict is right; asked for by name alone

PLANTED = ["scores-default", "scores-large", "neurons", "recordings", "weights"]


rule claims:
    input:
        results("claims.csv"),


rule test_claims:
    input:
        scores=results("evaluation/scores.csv"),
        models=results("evaluation/models.csv"),
        comparisons=results("retention/comparisons.csv"),
        dose=results("retention/dose.csv"),
        errors=results("states/errors.csv"),
        slopes=results("perturbation/slopes.csv"),
        teacher_scores=results("perturbation/teacher_scores.csv"),
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
    resources:
        mem_mb=memory(1500, of_input=5),
        runtime=minutes(30),
    params:
        priors={name: PRIORS[name] for name in PRIORS},
        datasets={name: list(DATASETS[name]["priors"]) for name in DATASETS},
        rule_priors=priors_of("digimus") if "digimus" in RULES["models"] else [],
        rule_models={m: kind_of(m) for m in RULES["models"] if m == "digimus" or kind_of(m) != "digimus"},
        masked_models=[m for m in RULES["models"] if kind_of(m) == "digimus" and "mask" in MODELS[m]],
        n_updates=RULES["n_updates"],
        simulated_datasets=SIMULATED_DATASETS,
        simulated_priors=SIMULATED_PRIORS,
        evaluation=CONFIG["evaluation"],
        figures={name: f"fig{number}_{name}" for name, number in FIGURE_NUMBERS.items()},
        seed=CONFIG["seed"],
        code=code(
            *["analysis/claims", "analysis/decoding/comparisons", "analysis/statistics"],
            *["motifs/pvalues", "prior_roles"],
        ),
    script:
        "../scripts/test_claims.py"


rule verdicts:
    input:
        results("planted.csv"),


rule join_planted:
    input:
        expand(results("planted/{part}.csv"), part=PLANTED),
    output:
        table=update(results("planted.csv")),
    log:
        log_file("join_planted"),
    benchmark:
        benchmark_file("join_planted")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(15),
    script:
        "../scripts/join_planted.py"


rule plant_effects:
    output:
        table=update(results("planted/{part}.csv")),
    log:
        log_file("plant_effects/{part}"),
    benchmark:
        benchmark_file("plant_effects/{part}")
    wildcard_constraints:
        part=one_name_of(PLANTED),
    conda:
        TORCH_ENVIRONMENT
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=minutes(240),
    params:
        planted=CONFIG["evaluation"]["planted"],
        seed=CONFIG["seed"],
        code=code(
            *["analysis", "connectome", "morphology", "motifs", "recordings", "simulation"],
            *["models/structure", "prior_roles", "training/cells"],
        ),
    script:
        "../scripts/plant_effects.py"
