# Retrieval: recordings from the DANDI archive, which the configuration names by dandiset, version and path.
#
# Inputs:  none but the network; what is there and verifies is not fetched again
# Outputs: {folder}/{path}.nwb      the recordings, checksums verified
#          {folder}/manifest.csv    path, asset, bytes, checksums and date of every file (written last)


rule retrieve:
    input:
        [f"{folder}/manifest.csv" for folder in RETRIEVALS],


rule retrieve_recordings:
    output:
        manifest=update("{folder}/manifest.csv"),
    log:
        log_file("retrieve_recordings/to_{folder}"),
    benchmark:
        benchmark_file("retrieve_recordings/to_{folder}")
    wildcard_constraints:
        folder="|".join(re.escape(folder) for folder in RETRIEVALS) or "none",
    conda:
        "../../envs/retrieval.yaml"
    params:
        asked=lambda wildcards: RETRIEVALS[wildcards.folder],
        code=code("recordings/archives", "recordings/downloads"),
    script:
        "../scripts/retrieve_recordings.py"
