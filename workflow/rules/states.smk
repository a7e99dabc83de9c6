# States: the dimension and paths of trained networks, and what they foretell of errors.
#
# Inputs:  results/training/rules/{task}/{model}/{prior}.h5
# Outputs: results/states/summary.csv       task, model, prior, seed: participation ratios, error AUROC
#          results/states/distances.csv     per test trial: distance to correct trials, outcome
#          results/states/trajectories.csv  principal components over time, correct and error trials


rule states:
    input:
        results("states/summary.csv"),


rule network_states:
    input:
        cells=RULE_CELLS,
    output:
        summary=update(results("states/summary.csv")),
        distances=update(results("states/distances.csv")),
        trajectories=update(results("states/trajectories.csv")),
    log:
        log_file("network_states"),
    benchmark:
        benchmark_file("network_states")
    conda:
        TORCH_ENVIRONMENT
    params:
        n_test=RULES["n_test"],
        seed=CONFIG["seed"],
        code=code("analysis/states", "analysis/errors", "models", "tasks"),
    script:
        "../scripts/network_states.py"
