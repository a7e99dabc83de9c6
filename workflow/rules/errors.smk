# Errors: do features of the activity before the response foretell the error?
#
# Inputs:  results/training/rules/{task}/{model}/{prior}.h5, results/recordings/{dataset}/sessions.csv
# Outputs: results/states/errors.csv       every network and session: AUROCs without and with features, permutation p
#          results/states/error_model.csv  every task and cell, every dataset: logistic coefficients over networks or sessions
#          results/states/distances.csv    per trial: distance to correct trials, outcome


rule errors:
    input:
        results("states/errors.csv"),


rule error_tables:
    input:
        cells=RULE_CELLS,
        sessions=expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),
    output:
        errors=update(results("states/errors.csv")),
        model=update(results("states/error_model.csv")),
        distances=update(results("states/distances.csv")),
    log:
        log_file("error_tables"),
    benchmark:
        benchmark_file("error_tables")
    conda:
        TORCH_ENVIRONMENT
    resources:
        mem_mb=memory(2000, of_input=2),
        runtime=minutes(60, of_input=1),
    params:
        n_test=RULES["n_test"],
        settings=CONFIG["errors"],
        seed=CONFIG["seed"],
        code=code(
            *(
                "analysis/errors",
                "analysis/states/dimension",
                "recordings/prepared",
                "models",
                "tasks",
                "training/cells",
                "training/problems",
            ),
        ),
    script:
        "../scripts/error_tables.py"
