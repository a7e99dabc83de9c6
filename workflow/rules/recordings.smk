# Recordings: NWB files cut into samples with labels.
#
# Inputs:  a folder of NWB files per dataset
# Outputs: results/recordings/{dataset}/sessions.csv  every file: used or set aside, and why (written last)
#          results/recordings/{dataset}/{session}.h5  samples x time bins x units, labels, trials
#          results/recordings/{dataset}/example.csv   spikes of an example session's first trials


rule recordings:
    input:
        expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),


rule prepare_recordings:
    input:
        recorded_files,
    output:
        sessions=update(results("recordings/{dataset}/sessions.csv")),
    log:
        log_file("prepare_recordings/{dataset}"),
    benchmark:
        benchmark_file("prepare_recordings/{dataset}")
    conda:
        "../../envs/recordings.yaml"
    params:
        dataset=lambda wildcards: {k: v for k, v in DATASETS[wildcards.dataset].items() if k != "priors"},
        max_bad_share=CONFIG["recordings"]["max_bad_share"],
        code=code("recordings"),
    script:
        "../scripts/prepare_recordings.py"
