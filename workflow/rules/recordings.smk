# Recordings: NWB files cut into samples with labels.
#
# Inputs:  a folder of NWB files per dataset
# Outputs: results/recordings/{dataset}/sessions.csv  every file: used or set aside, and why (written last)
#          results/recordings/{dataset}/{session}.h5  samples x time bins x units, labels, trials
#          results/recordings/{dataset}/example.csv   spikes of an example session's first trials


rule recordings:
    input:
        expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),


def recorded_files(wildcards):
    """The NWB files of a dataset; for a simulated one, the table that is written last."""
    dataset = DATASETS[wildcards.dataset]
    if wildcards.dataset in SIMULATED_DATASETS:
        return f"{SIMULATED_FOLDER}/recordings/{wildcards.dataset}/truth.csv"
    return sorted(str(path) for path in Path(dataset["folder"]).glob(dataset["pattern"]))


rule prepare_recordings:
    input:
        recorded_files,
    output:
        sessions=update(results("recordings/{dataset}/sessions.csv")),
    params:
        dataset=lambda wildcards: {k: v for k, v in DATASETS[wildcards.dataset].items() if k != "priors"},
        max_bad_share=CONFIG["recordings"]["max_bad_share"],
        code=code("recordings"),
    log:
        log_file("prepare_recordings/{dataset}"),
    benchmark:
        benchmark_file("prepare_recordings/{dataset}")
    script:
        "../scripts/prepare_recordings.py"
