# Training: every model with every prior on the rule tasks and on the recordings, all seeds of a cell in one job.
#
# Inputs:  results/motifs/{source}/priors.csv, results/recordings/{dataset}/sessions.csv,
#          files that a model's mask or projections come from
# Outputs: results/training/rules/{task}/{model}/{prior}.h5          weights, curves, test trials
#          results/training/together/{model}/{prior}.h5              the same of one network for all tasks
#          results/training/dose/{task}/{model}/{prior}/{weight}.h5  with another weight of the motif term
#          results/training/{dataset}/sessions/{model}/{prior}.h5    held-out class probabilities or
#                                                                    predictions, and those after every bin


# What a trained network depends on; the estimate of costs and the page of tasks do not change one.
TRAINING_CODE = ["models", "motifs", "connectome/graph"] + [
    f"training/{name}" for name in ("adam", "cells", "checkpoints", "engine", "problems", "rates", "seeds")
]
DECODING_CODE = ["training/decoders", "training/decoding_problem"]


# Keys that say which networks are trained, and not how.
WHAT_IS_TRAINED = ("tasks", "tasks_of", "models", "priors", "priors_of", "learning_rate", "together")


rule training:
    input:
        RULE_CELLS,
        TOGETHER_CELLS,
        [path for _, _, path in DOSE_CELLS],
        DECODING_CELLS,


rule train_task:
    input:
        priors=prior_table,
        participation=participation_table,
        structure=structure_files,
    output:
        cell=update(results("training/rules/{task}/{model}/{prior}.h5")),
    log:
        log_file("train_task/{task}/{model}/{prior}"),
    benchmark:
        benchmark_file("train_task/{task}/{model}/{prior}")
    conda:
        TORCH_ENVIRONMENT
    threads: 1
    resources:
        gpu=int(TRAINING["device"] == "cuda"),
        mem_mb=memory(TRAINING_MB),
        runtime=RULE_MINUTES,
    params:
        rules=lambda wildcards: {k: v for k, v in RULES.items() if k not in WHAT_IS_TRAINED},
        learning_rate=lambda wildcards: RULES["learning_rate"][wildcards.model],
        search=TRAINING.get("search", {}),
        together=[],
        model=model_settings,
        prior=prior_settings,
        motif_term=motif_settings,
        seeds=TRAINING["seeds"],
        device=TRAINING["device"],
        matmul_precision=TRAINING.get("matmul_precision", "highest"),
        seeds_at_once=TRAINING.get("seeds_at_once", "auto"),
        code=code(*TRAINING_CODE, "tasks", scripts=["cell"]),
    script:
        "../scripts/train_task.py"


use rule train_task as train_together with:
    output:
        cell=update(results("training/together/{model}/{prior}.h5")),
    log:
        log_file("train_together/{model}/{prior}"),
    benchmark:
        benchmark_file("train_together/{model}/{prior}")
    params:
        rules=lambda wildcards: {k: v for k, v in RULES.items() if k not in WHAT_IS_TRAINED},
        learning_rate=lambda wildcards: RULES["learning_rate"][wildcards.model],
        search=TRAINING.get("search", {}),
        together=lambda wildcards: tasks_of(wildcards.model),
        model=model_settings,
        prior=prior_settings,
        motif_term=motif_settings,
        seeds=TRAINING["seeds"],
        device=TRAINING["device"],
        matmul_precision=TRAINING.get("matmul_precision", "highest"),
        seeds_at_once=TRAINING.get("seeds_at_once", "auto"),
        code=code(*TRAINING_CODE, "tasks", scripts=["cell"]),


use rule train_task as train_dose with:
    output:
        cell=update(results("training/dose/{task}/{model}/{prior}/{weight}.h5")),
    log:
        log_file("train_dose/{task}/{model}/{prior}/{weight}"),
    benchmark:
        benchmark_file("train_dose/{task}/{model}/{prior}/{weight}")
    params:
        rules=lambda wildcards: {k: v for k, v in RULES.items() if k not in WHAT_IS_TRAINED},
        learning_rate=lambda wildcards: RULES["learning_rate"][wildcards.model],
        search=TRAINING.get("search", {}),
        together=[],
        model=model_settings,
        prior=lambda wildcards: prior_settings(wildcards) | {"weight": float(wildcards.weight)},
        motif_term=motif_settings,
        seeds=TRAINING["seeds"],
        device=TRAINING["device"],
        matmul_precision=TRAINING.get("matmul_precision", "highest"),
        seeds_at_once=TRAINING.get("seeds_at_once", "auto"),
        code=code(*TRAINING_CODE, "tasks", scripts=["cell"]),


rule train_decoders:
    input:
        sessions=results("recordings/{dataset}/sessions.csv"),
        priors=prior_table,
        participation=participation_table,
        structure=structure_files,
    output:
        cell=update(results("training/{dataset}/sessions/{model}/{prior}.h5")),
    log:
        log_file("train_decoders/{dataset}/{model}/{prior}"),
    benchmark:
        benchmark_file("train_decoders/{dataset}/{model}/{prior}")
    conda:
        TORCH_ENVIRONMENT
    threads: 1
    resources:
        gpu=int(TRAINING["device"] == "cuda"),
        mem_mb=memory(TRAINING_MB),
        runtime=DECODING_MINUTES,
    params:
        decoding=lambda wildcards: {k: v for k, v in DECODING.items() if k not in ("models", "learning_rate")},
        learning_rate=lambda wildcards: DECODING["learning_rate"][wildcards.model],
        search=TRAINING.get("search", {}),
        model=model_settings,
        prior=prior_settings,
        motif_term=motif_settings,
        seeds=TRAINING["seeds"],
        seed=CONFIG["seed"],
        device=TRAINING["device"],
        matmul_precision=TRAINING.get("matmul_precision", "highest"),
        seeds_at_once=TRAINING.get("seeds_at_once", "auto"),
        code=code(*TRAINING_CODE, *DECODING_CODE, "recordings", scripts=["cell", "decoding_inputs"]),
    script:
        "../scripts/train_decoders.py"
