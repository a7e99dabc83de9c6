# Neurons: read, checked, assigned to regions and voxelised.
#
# Inputs:  a folder of SWC files per source, its index table or an atlas
# Outputs: results/morphology/{source}/neurons.csv    one row a neuron
#          results/morphology/{source}/set_aside.csv  files left out, and why
#          results/morphology/{source}/arbors.h5      axon and dendrite length per voxel


rule morphology:
    input:
        expand(results("morphology/{source}/neurons.csv"), source=SOURCES),


rule read_neurons:
    input:
        neuron_tables,
    output:
        neurons=update(results("morphology/{source}/neurons.csv")),
        set_aside=update(results("morphology/{source}/set_aside.csv")),
        arbors=update(results("morphology/{source}/arbors.h5")),
    log:
        log_file("read_neurons/{source}"),
    benchmark:
        benchmark_file("read_neurons/{source}")
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    params:
        source=lambda wildcards: SOURCES[wildcards.source],
        files=lambda wildcards: (
            "simulated"
            if wildcards.source in SIMULATED_SOURCES
            else fingerprint(SOURCES[wildcards.source]["folder"], SOURCES[wildcards.source]["pattern"])
        ),
        voxel_um=CONFIG["morphology"]["voxel_um"],
        max_bad_share=CONFIG["morphology"]["max_bad_share"],
        code=code("morphology"),
    script:
        "../scripts/read_neurons.py"
