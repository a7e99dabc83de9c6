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
#          results/evaluation/decoding.csv   decoders compared over sessions: effects, intervals, corrected tests, equivalence
#          results/evaluation/known_best.csv   reached accuracies beside the known best of simulated recordings
#          results/evaluation/regions_compared.csv   regions at matched numbers of units, compared over sessions
#          results/evaluation/thresholds.csv   fits of the psychometric curves
#          results/evaluation/nulls.csv   reference decoders on shuffled labels and on labels of pseudo-sessions
#          results/evaluation/timecourse.csv   balanced accuracy of the answer after each time bin, and between pairs of bins
#          results/evaluation/calibration.csv   how often the predicted class came, by its probability
#          results/evaluation/regions.csv   regions at matched numbers of units
#          results/evaluation/decoded.csv   answers of every decoder along the example session
#          results/evaluation/references/{dataset}.{table}.csv   decoders that need no network: their part of these tables

from types import SimpleNamespace

from digimus.analysis.columns import DECODING_TABLES

# What decoding without a network depends on.
REFERENCE_CODE = [
    f"analysis/{name}"
    for name in (
        "columns",
        "decoding/across_sessions",
        "decoding/decoders",
        "decoding/metrics",
        "decoding/nulls",
        "decoding/reference_tables",
        "decoding/tables",
    )
]


rule evaluation:
    input:
        results("evaluation/scores.csv"),
        results("evaluation/accuracy.csv"),
        results("evaluation/decoding.csv"),


rule reference_decoders:
    input:
        sessions=results("recordings/{dataset}/sessions.csv"),
        example=results("recordings/{dataset}/example.csv"),
        truth=truth_table,
    output:
        **{name: update(results(f"evaluation/references/{{dataset}}.{name}.csv")) for name in DECODING_TABLES},
    log:
        log_file("reference_decoders/{dataset}"),
    benchmark:
        benchmark_file("reference_decoders/{dataset}")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(1500, of_input=5),
        runtime=minutes(90, of_input=5),
    params:
        splits=DECODING["splits"],
        n_folds=DECODING["n_folds"],
        gap_trials=DECODING["gap_trials"],
        n_permutations=CONFIG["evaluation"]["n_permutations"],
        regions=CONFIG["evaluation"]["regions"],
        seed=CONFIG["seed"],
        code=code(*REFERENCE_CODE, "recordings", scripts=["decoding_inputs"]),
    script:
        "../scripts/reference_decoders.py"


rule score_cells:
    input:
        rules=RULE_CELLS,
        together=TOGETHER_CELLS,
        decoding=DECODING_CELLS,
        references=expand(
            results("evaluation/references/{dataset}.{name}.csv"), dataset=DATASETS, name=DECODING_TABLES
        ),
        sessions=expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),
        examples=expand(results("recordings/{dataset}/example.csv"), dataset=DATASETS),
    output:
        **{name: update(results(f"evaluation/{name}.csv")) for name in DECODING_TABLES},
        curves=update(results("evaluation/curves.csv")),
        models=update(results("evaluation/models.csv")),
        psychometrics=update(results("evaluation/psychometrics.csv")),
        checks=update(results("evaluation/checks.csv")),
        rates=update(results("evaluation/learning_rates.csv")),
    log:
        log_file("score_cells"),
    benchmark:
        benchmark_file("score_cells")
    conda:
        TORCH_ENVIRONMENT
    resources:
        mem_mb=memory(2000, of_input=2),
        runtime=minutes(30, of_input=0.1),
    params:
        code=code(
            "analysis/accuracy",
            "analysis/columns",
            "analysis/decoding/metrics",
            "analysis/decoding/tables",
            "analysis/evaluation",
            "analysis/psychometrics",
            "tasks/registry",
            scripts=["decoding_inputs"],
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
    resources:
        mem_mb=memory(1000, of_input=10),
        runtime=minutes(30),
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


TRUTHS = {name: truth_table(SimpleNamespace(dataset=name)) for name in DATASETS}


rule compare_decoders:
    input:
        scores=results("evaluation/scores.csv"),
        nulls=results("evaluation/nulls.csv"),
        regions=results("evaluation/regions.csv"),
        truths=[path for path in TRUTHS.values() if path],
    output:
        comparisons=update(results("evaluation/decoding.csv")),
        known_best=update(results("evaluation/known_best.csv")),
        regions=update(results("evaluation/regions_compared.csv")),
    log:
        log_file("compare_decoders"),
    benchmark:
        benchmark_file("compare_decoders")
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(1000, of_input=10),
        runtime=minutes(60),
    params:
        priors=PRIORS,
        kinds={model: kind_of(model) for model in DECODING["models"]},
        truths=[name for name, path in TRUTHS.items() if path],
        bound=CONFIG["evaluation"]["equivalence_bound"],
        simulated_datasets=SIMULATED_DATASETS,
        simulated_priors=SIMULATED_PRIORS,
        seed=CONFIG["seed"],
        code=code(
            "analysis/decoding/comparisons",
            "analysis/decoding/known_best",
            "analysis/statistics",
            "motifs/pvalues",
            "prior_roles",
        ),
    script:
        "../scripts/compare_decoders.py"
