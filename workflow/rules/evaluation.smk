# Evaluation: scores of every cell, reference decoders, and what chance would give.
#
# Inputs:  results/training/…, results/recordings/{dataset}/sessions.csv
# Outputs: results/evaluation/scores.csv   benchmark, task, animal, session, region, n_units, model, prior, seed, split, fold, metric, value, training
#          results/evaluation/curves.csv   learning curves of the rule tasks
#          results/evaluation/models.csv   size and activity of every trained network
#          results/evaluation/psychometrics.csv   accuracy and choices of every network by level of evidence
#          results/evaluation/checks.csv   networks with silent or saturated units, clipped or vanished gradients
#          results/evaluation/learning_rates.csv  every learning rate that was tried
#          results/evaluation/accuracy.csv   tasks x cells: mean over seeds with interval, lowest, highest, chance
#          results/evaluation/controls.csv   priors against controls and none, paired, with corrected tests
#          results/evaluation/thresholds.csv   fits of the psychometric curves
#          results/evaluation/references/{dataset}.{scores,nulls}.csv   logistic and clock decoders, permutations


rule evaluation:
    input:
        results("evaluation/scores.csv"),
        results("evaluation/accuracy.csv"),


rule reference_decoders:
    input:
        sessions=results("recordings/{dataset}/sessions.csv"),
        truth=truth_table,
    output:
        scores=update(results("evaluation/references/{dataset}.scores.csv")),
        nulls=update(results("evaluation/references/{dataset}.nulls.csv")),
    log:
        log_file("reference_decoders/{dataset}"),
    benchmark:
        benchmark_file("reference_decoders/{dataset}")
    conda:
        "../../envs/analysis.yaml"
    params:
        splits=DECODING["splits"],
        n_folds=DECODING["n_folds"],
        gap_trials=DECODING["gap_trials"],
        n_permutations=CONFIG["evaluation"]["n_permutations"],
        seed=CONFIG["seed"],
        code=code("analysis/decoding", "analysis/evaluation", "recordings", scripts=["decoding_inputs"]),
    script:
        "../scripts/reference_decoders.py"


rule score_cells:
    input:
        rules=RULE_CELLS,
        together=TOGETHER_CELLS,
        decoding=DECODING_CELLS,
        references=expand(results("evaluation/references/{dataset}.scores.csv"), dataset=DATASETS),
        nulls=expand(results("evaluation/references/{dataset}.nulls.csv"), dataset=DATASETS),
        sessions=expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),
    output:
        scores=update(results("evaluation/scores.csv")),
        curves=update(results("evaluation/curves.csv")),
        models=update(results("evaluation/models.csv")),
        psychometrics=update(results("evaluation/psychometrics.csv")),
        checks=update(results("evaluation/checks.csv")),
        rates=update(results("evaluation/learning_rates.csv")),
        nulls=update(results("evaluation/nulls.csv")),
    log:
        log_file("score_cells"),
    benchmark:
        benchmark_file("score_cells")
    conda:
        TORCH_ENVIRONMENT
    params:
        datasets=list(DATASETS),
        code=code(
            "analysis/accuracy",
            "analysis/decoding",
            "analysis/evaluation",
            "analysis/psychometrics",
            "tasks/registry",
        ),
    script:
        "../scripts/score_cells.py"


rule compare_cells:
    input:
        scores=results("evaluation/scores.csv"),
        curves=results("evaluation/curves.csv"),
        models=results("evaluation/models.csv"),
        psychometrics=results("evaluation/psychometrics.csv"),
    output:
        accuracy=update(results("evaluation/accuracy.csv")),
        controls=update(results("evaluation/controls.csv")),
        thresholds=update(results("evaluation/thresholds.csv")),
    log:
        log_file("compare_cells"),
    benchmark:
        benchmark_file("compare_cells")
    conda:
        "../../envs/analysis.yaml"
    params:
        priors=PRIORS,
        n_updates=RULES["n_updates"],
        simulated_priors=SIMULATED_PRIORS,
        smallest_effect=CONFIG["evaluation"]["smallest_effect"]["accuracy"],
        seed=CONFIG["seed"],
        code=code(
            "analysis/accuracy",
            "analysis/controls",
            "analysis/psychometrics",
            "analysis/statistics",
            "motifs/pvalues",
            "prior_roles",
        ),
    script:
        "../scripts/compare_cells.py"
