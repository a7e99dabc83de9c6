# Training: every model with every prior on the rule tasks and on the recordings, all seeds of a cell in one job.
#
# Inputs:  results/motifs/{source}/priors.csv, results/recordings/{dataset}/sessions.csv
# Outputs: results/training/rules/{task}/{model}/{prior}.h5          weights, curves, test trials
#          results/training/{dataset}/sessions/{model}/{prior}.h5    held-out class probabilities

PRIORS = CONFIG["priors"]
TRAINING = CONFIG["training"]
DECODING = TRAINING["decoding"]
MODELS = CONFIG["models"]


def kind_of(model):
    """The kind of a configured model; its name unless it says otherwise."""
    return MODELS[model].get("kind", model)


def cells(models, priors):
    """(model, prior) pairs: every model without a motif term, and DigiMus with each prior too."""
    plain = [(model, "none") for model in models]
    return plain + [(m, prior) for m in models if kind_of(m) == "digimus" for prior in priors]


RULE_CELLS = [
    results(f"training/rules/{task}/{model}/{prior}.h5")
    for task in RULES["tasks"]
    for model, prior in cells(RULES["models"], RULES["priors"])
]
DECODING_CELLS = [
    results(f"training/{dataset}/sessions/{model}/{prior}.h5")
    for dataset in DATASETS
    for model, prior in cells(DECODING["models"], DATASETS[dataset]["priors"])
]


def prior_table(wildcards):
    """The table that a cell's prior is read from."""
    if wildcards.prior == "none":
        return []
    return results(f"motifs/{PRIORS[wildcards.prior]['source']}/priors.csv")


def prior_settings(wildcards):
    """The configured prior of a cell."""
    return None if wildcards.prior == "none" else {"name": wildcards.prior, **PRIORS[wildcards.prior]}


def motif_settings(wildcards):
    """The motif term, where the cell has one."""
    return None if wildcards.prior == "none" else TRAINING["motif_term"]


def model_settings(wildcards):
    """Kind and settings of a cell's model."""
    return {"kind": kind_of(wildcards.model), **MODELS[wildcards.model]}


rule training:
    input:
        RULE_CELLS,
        DECODING_CELLS,


rule train_task:
    input:
        priors=prior_table,
    output:
        cell=update(results("training/rules/{task}/{model}/{prior}.h5")),
    params:
        rules=lambda wildcards: {k: v for k, v in RULES.items() if k not in ("tasks", "models", "priors", "learning_rate")},
        learning_rate=lambda wildcards: RULES["learning_rate"][wildcards.model],
        model=model_settings,
        prior=prior_settings,
        motif_term=motif_settings,
        seeds=TRAINING["seeds"],
        seed=CONFIG["seed"],
        device=TRAINING["device"],
        code=code("training", "models", "tasks", "motifs"),
    threads: 1
    resources:
        gpu=int(TRAINING["device"] == "cuda"),
        mem_mb=2000,
    log:
        log_file("train_task/{task}/{model}/{prior}"),
    benchmark:
        benchmark_file("train_task/{task}/{model}/{prior}")
    script:
        "../scripts/train_task.py"


rule train_decoders:
    input:
        sessions=results("recordings/{dataset}/sessions.csv"),
        priors=prior_table,
    output:
        cell=update(results("training/{dataset}/sessions/{model}/{prior}.h5")),
    params:
        decoding=lambda wildcards: {k: v for k, v in DECODING.items() if k not in ("models", "learning_rate")},
        learning_rate=lambda wildcards: DECODING["learning_rate"][wildcards.model],
        model=model_settings,
        prior=prior_settings,
        motif_term=motif_settings,
        seeds=TRAINING["seeds"],
        seed=CONFIG["seed"],
        device=TRAINING["device"],
        code=code("training", "models", "recordings", "motifs"),
    threads: 1
    resources:
        gpu=int(TRAINING["device"] == "cuda"),
        mem_mb=2000,
    log:
        log_file("train_decoders/{dataset}/{model}/{prior}"),
    benchmark:
        benchmark_file("train_decoders/{dataset}/{model}/{prior}")
    script:
        "../scripts/train_decoders.py"
