# Simulated neurons and recordings with a known truth, for the default configuration and the tests.
#
# Inputs:  none
# Outputs: <simulation.folder>/neurons/{*.swc, truth.csv, annotation.nrrd, structure_tree.csv, MODEL.md,
#          index.csv (last)}
#          <simulation.folder>/recordings/<dataset>/{*.nwb, MODEL.md, truth.csv (last)}


rule simulate_neurons:
    output:
        index=f"{SIMULATED_FOLDER}/neurons/index.csv",
        truth=f"{SIMULATED_FOLDER}/neurons/truth.csv",
        annotation=f"{SIMULATED_FOLDER}/neurons/annotation.nrrd",
        tree=f"{SIMULATED_FOLDER}/neurons/structure_tree.csv",
    log:
        log_file("simulate_neurons"),
    benchmark:
        benchmark_file("simulate_neurons")
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        settings=SIMULATION.get("neurons"),
        seed=CONFIG["seed"],
        code=code("simulation/neurons", "morphology"),
    script:
        "../scripts/simulate_neurons.py"


rule simulate_recordings:
    output:
        truth=f"{SIMULATED_FOLDER}/recordings/{{dataset}}/truth.csv",
    log:
        log_file("simulate_recordings/{dataset}"),
    benchmark:
        benchmark_file("simulate_recordings/{dataset}")
    wildcard_constraints:
        dataset=one_name_of(map(simulated_as, SIMULATED_DATASETS)),
    conda:
        "../../envs/recordings.yaml"
    resources:
        mem_mb=memory(1500),
        runtime=minutes(30),
    params:
        settings=SIMULATION.get("recordings"),
        seed=CONFIG["seed"],
        code=code("simulation/recordings"),
    script:
        "../scripts/simulate_recordings.py"
