# Recordings: NWB files cut into samples with labels.
#
# Inputs:  a folder of NWB files per dataset
# Outputs: results/recordings/{dataset}/sessions.csv  every file: used or set aside, and why (written last)
#          results/recordings/{dataset}/{session}.h5  samples x time bins x units, labels, trials
#          results/recordings/{dataset}/units.csv     every unit of the sessions used: kept or left out, and why
#          results/recordings/{dataset}/example.csv   spikes or traces, events and samples of a session's first trials
#          results/recordings/{dataset}/offers.txt    what the files offer; not part of a whole run


rule recordings:
    input:
        expand(results("recordings/{dataset}/sessions.csv"), dataset=DATASETS),


rule prepare_recordings:
    input:
        recordings_of_dataset,
    output:
        sessions=update(results("recordings/{dataset}/sessions.csv")),
        units=update(results("recordings/{dataset}/units.csv")),
        example=update(results("recordings/{dataset}/example.csv")),
    log:
        log_file("prepare_recordings/{dataset}"),
    benchmark:
        benchmark_file("prepare_recordings/{dataset}")
    conda:
        "../../envs/recordings.yaml"
    resources:
        mem_mb=of_folder(1500, 0.5, largest_recording_mb),
        runtime=of_folder(30, 0.05, recordings_mb),
    params:
        dataset=lambda wildcards: {k: v for k, v in DATASETS[wildcards.dataset].items() if k != "priors"},
        max_bad_share=CONFIG["recordings"]["max_bad_share"],
        code=code("recordings", "retrieval/dandi", scripts=["recording_inputs"]),
    script:
        "../scripts/prepare_recordings.py"


rule offers:
    input:
        expand(results("recordings/{dataset}/offers.txt"), dataset=DATASETS),


rule list_offers:
    input:
        recordings_of_dataset,
    output:
        offers=results("recordings/{dataset}/offers.txt"),
    log:
        log_file("list_offers/{dataset}"),
    benchmark:
        benchmark_file("list_offers/{dataset}")
    conda:
        "../../envs/recordings.yaml"
    resources:
        mem_mb=of_folder(1500, 0.5, largest_recording_mb),
        runtime=of_folder(15, 0.05, recordings_mb),
    params:
        dataset=lambda wildcards: {
            k: DATASETS[wildcards.dataset][k]
            for k in ("folder", "pattern", "dandi")
            if k in DATASETS[wildcards.dataset]
        },
        code=code("recordings", "retrieval/dandi", scripts=["recording_inputs"]),
    script:
        "../scripts/list_offers.py"
