# Neurons: read, checked, assigned to regions and voxelised.
#
# Inputs:  a folder of neurons per source, its index table or an atlas
# Outputs: results/morphology/{source}/neurons.csv    one row a neuron
#          results/morphology/{source}/set_aside.csv  files left out, and why
#          results/morphology/{source}/quality.csv    how many are used, by region
#          results/morphology/{source}/checks.csv     axes, unit and registration, declared and found
#          results/morphology/{source}/projections.csv  axon length from region to target
#          results/morphology/{source}/outlines.csv   silhouettes of the brain and the regions
#          results/morphology/{source}/arbors.h5      axon and dendrite length per voxel
#          results/morphology/{source}/points.h5      nodes, where connectome.rule is contact


CONTACT = CONFIG["connectome"].get("rule") == "contact"
NEURON_POINTS = {"points": update(results("morphology/{source}/points.h5"))} if CONTACT else {}


rule morphology:
    input:
        expand(results("morphology/{source}/neurons.csv"), source=SOURCES),


rule read_neurons:
    input:
        neuron_tables,
    output:
        **NEURON_POINTS,
        neurons=update(results("morphology/{source}/neurons.csv")),
        set_aside=update(results("morphology/{source}/set_aside.csv")),
        quality=update(results("morphology/{source}/quality.csv")),
        checks=update(results("morphology/{source}/checks.csv")),
        projections=update(results("morphology/{source}/projections.csv")),
        outlines=update(results("morphology/{source}/outlines.csv")),
        arbors=update(results("morphology/{source}/arbors.h5")),
    log:
        log_file("read_neurons/{source}"),
    benchmark:
        benchmark_file("read_neurons/{source}")
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    threads: 2
    resources:
        mem_mb=of_folder(2500, 0.5, neurons_mb),
        runtime=of_folder(30, 0.05, neurons_mb),
    params:
        source=lambda wildcards: {k: v for k, v in SOURCES[wildcards.source].items() if k != "retrieve"},
        files=lambda wildcards: (
            "simulated"
            if wildcards.source in SIMULATED_SOURCES
            else (
                "retrieved"
                if "retrieve" in SOURCES[wildcards.source]  # its index, an input, is written last
                else fingerprint(SOURCES[wildcards.source]["folder"], SOURCES[wildcards.source]["pattern"])
            )
        ),
        voxel_um=CONFIG["morphology"]["voxel_um"],
        max_bad_share=CONFIG["morphology"]["max_bad_share"],
        checks=CONFIG["morphology"].get("checks", {}),
        code=code("morphology"),
    script:
        "../scripts/read_neurons.py"
