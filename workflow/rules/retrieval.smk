# Retrieval: what the configuration names and the network has; nothing else is fetched.
#
# Inputs:  none but the network; what is there and verifies is not fetched again
# Outputs: resources/retrieved/{name}/{version}/{file}  a file of resources/datasets.csv, named as dataset:{name}
#          {folder}/index.csv       neurons of a set: file, neuron, region, brain, soma, address (written last)
#          {folder}/manifest.csv    recordings: path, asset, bytes, checksums and date of every file (written last)
# Files and neurons have such a manifest beside them too. Everything runs where Snakemake itself runs: compute nodes
# have no network. No job is tried again at once: attempts and pauses are made within it, and a host that asks for more
# is left alone until the next run.

SETTINGS_OF_TRANSFER = {key: value for key, value in CONFIG.get("retrieval", {}).items() if key != "table"}
FETCHING_CODE = [f"retrieval/{name}" for name in ("connections", "contents", "fetching", "pins", "transfer")]
NEURON_CODE = [
    f"retrieval/{name}"
    for name in (
        *("brain_image_library", "choosing", "ion_projectome", "mouselight", "neuromorpho", "neurons"),
        "unpacking",
    )
]


localrules:
    retrieve,
    retrieve_file,
    retrieve_neurons,
    retrieve_recordings,


rule retrieve:
    input:
        list(ASKED.files),
        [f"{folder}/index.csv" for folder in ASKED.neurons],
        [f"{folder}/manifest.csv" for folder in ASKED.recordings],


rule retrieve_file:
    output:
        path=update("{path}"),
    log:
        log_file("retrieve_file/{path}"),
    benchmark:
        benchmark_file("retrieve_file/{path}")
    wildcard_constraints:
        path=one_name_of(ASKED.files),
    retries: 0
    conda:
        "../../envs/retrieval.yaml"
    params:
        url=lambda wildcards: ASKED.files[wildcards.path].url,
        version=lambda wildcards: ASKED.files[wildcards.path].version,
        sha256=lambda wildcards: ASKED.files[wildcards.path].sha256,
        n_bytes=lambda wildcards: ASKED.files[wildcards.path].n_bytes,
        kind=lambda wildcards: ASKED.files[wildcards.path].kind,
        transfer=SETTINGS_OF_TRANSFER,
        code=code(*FETCHING_CODE),
    script:
        "../scripts/retrieve_file.py"


rule retrieve_neurons:
    input:
        lambda wildcards: ASKED.neurons[wildcards.folder].inputs,
    output:
        index=update("{folder}/index.csv"),
    log:
        log_file("retrieve_neurons/to_{folder}"),
    benchmark:
        benchmark_file("retrieve_neurons/to_{folder}")
    wildcard_constraints:
        folder=one_name_of(ASKED.neurons),
    retries: 0
    conda:
        "../../envs/retrieval.yaml"
    params:
        dataset=lambda wildcards: ASKED.neurons[wildcards.folder].dataset,
        version=lambda wildcards: ASKED.neurons[wildcards.folder].version,
        url=lambda wildcards: ASKED.neurons[wildcards.folder].url,
        path=lambda wildcards: ASKED.neurons[wildcards.folder].path,
        settings=lambda wildcards: ASKED.neurons[wildcards.folder].settings,
        transfer=SETTINGS_OF_TRANSFER,
        code=code(*FETCHING_CODE, *NEURON_CODE),
    script:
        "../scripts/retrieve_neurons.py"


rule retrieve_recordings:
    output:
        manifest=update("{folder}/manifest.csv"),
    log:
        log_file("retrieve_recordings/to_{folder}"),
    benchmark:
        benchmark_file("retrieve_recordings/to_{folder}")
    wildcard_constraints:
        folder=one_name_of(ASKED.recordings),
    retries: 0
    conda:
        "../../envs/retrieval.yaml"
    params:
        asked=lambda wildcards: ASKED.recordings[wildcards.folder],
        transfer={key: SETTINGS_OF_TRANSFER[key] for key in ("attempts", "timeout_s") if SETTINGS_OF_TRANSFER},
        code=code("retrieval/dandi", "retrieval/dandi_files"),
    script:
        "../scripts/retrieve_recordings.py"
