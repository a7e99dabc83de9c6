# States: the dimension, paths and fixed points of trained networks, hidden states, and similarity.
#
# Inputs:  results/training/rules/{task}/{model}/{prior}.h5, results/recordings/{dataset}/sessions.csv
# Outputs: results/states/summary.csv             task, model, prior, seed: dimension, speed, tangling
#          results/states/trajectories.csv        principal components over time, by outcome and condition
#          results/states/fixed_points.csv        under the inputs of each epoch: place, eigenvalue, kind
#          results/states/similarity.csv          CKA of networks with each other and with recordings
#          results/states/hidden_states.csv       hidden Markov models: occupancy and dwell of each state
#          results/states/hidden_transitions.csv  from each state to each
#          results/states/hidden_paths.csv        occupancy over time, by outcome


rule states:
    input:
        results("states/summary.csv"),


rule network_states:
    input:
        cells=RULE_CELLS,
        sessions=expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),
    output:
        summary=update(results("states/summary.csv")),
        trajectories=update(results("states/trajectories.csv")),
        fixed_points=update(results("states/fixed_points.csv")),
        similarity=update(results("states/similarity.csv")),
        hidden_states=update(results("states/hidden_states.csv")),
        hidden_transitions=update(results("states/hidden_transitions.csv")),
        hidden_paths=update(results("states/hidden_paths.csv")),
    log:
        log_file("network_states"),
    benchmark:
        benchmark_file("network_states")
    conda:
        TORCH_ENVIRONMENT
    resources:
        mem_mb=memory(2500, of_input=4),
        runtime=minutes(120, of_input=2),
    params:
        **CONFIG["states"]["similarity"],
        n_test=RULES["n_test"],
        n_starts=CONFIG["states"]["fixed_points"]["n_starts"],
        hidden=CONFIG["states"]["hidden"],
        seed=CONFIG["seed"],
        code=code(
            "analysis/states",
            "models",
            "tasks",
            "recordings/prepared",
            *("training/cells", "training/problems"),
            scripts=["decoding_inputs", "state_inputs"],
        ),
    script:
        "../scripts/network_states.py"
