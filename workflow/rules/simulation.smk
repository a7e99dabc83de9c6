# Simulated neurons and recordings with a known truth, for the default configuration and the tests.
#
# Inputs:  none
# Outputs: <simulation.folder>/neurons/{*.swc, truth.csv, MODEL.md, index.csv (last)}
#          <simulation.folder>/recordings/<dataset>/{*.nwb, MODEL.md, truth.csv (last)}

SIMULATION = CONFIG.get("simulation", {})
SIMULATED_FOLDER = SIMULATION.get("folder", "resources/simulated").rstrip("/")


rule simulate_neurons:
    output:
        index=f"{SIMULATED_FOLDER}/neurons/index.csv",
        truth=f"{SIMULATED_FOLDER}/neurons/truth.csv",
    params:
        settings=SIMULATION.get("neurons"),
        seed=CONFIG["seed"],
        code=code("simulation/neurons", "morphology"),
    log:
        log_file("simulate_neurons"),
    benchmark:
        benchmark_file("simulate_neurons")
    script:
        "../scripts/simulate_neurons.py"


rule simulate_recordings:
    output:
        truth=f"{SIMULATED_FOLDER}/recordings/{{dataset}}/truth.csv",
    params:
        settings=SIMULATION.get("recordings"),
        seed=CONFIG["seed"],
        code=code("simulation/recordings"),
    log:
        log_file("simulate_recordings/{dataset}"),
    benchmark:
        benchmark_file("simulate_recordings/{dataset}")
    script:
        "../scripts/simulate_recordings.py"
