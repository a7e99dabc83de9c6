# Directed graphs: potential connectivity between the neurons of a region.
#
# Inputs:  results/morphology/{source}/arbors.h5
# Outputs: results/connectome/{source}/{region}.h5   sparse P (presynaptic rows), soma positions, ids
#          results/connectome/{source}/graphs.csv    one row a region: neurons, density, reciprocity
#          results/connectome/{source}/distance.csv  connection probability by soma distance
#          results/connectome/{source}/recovery.csv  simulated neurons: planted against recovered wiring


rule connectome:
    input:
        expand(results("connectome/{source}/graphs.csv"), source=SOURCES),
        expand(results("connectome/{source}/recovery.csv"), source=SIMULATED_SOURCES),


rule region_graph:
    input:
        arbors=results("morphology/{source}/arbors.h5"),
    output:
        graph=update(results("connectome/{source}/{region}.h5")),
    log:
        log_file("region_graph/{source}/{region}"),
    benchmark:
        benchmark_file("region_graph/{source}/{region}")
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    params:
        settings=CONFIG["connectome"],
        simulated=lambda wildcards: wildcards.source in SIMULATED_SOURCES,
        code=code("connectome", "morphology"),
    script:
        "../scripts/region_graph.py"


rule graph_tables:
    input:
        graphs=region_graphs,
    output:
        graphs=update(results("connectome/{source}/graphs.csv")),
        distance=update(results("connectome/{source}/distance.csv")),
    log:
        log_file("graph_tables/{source}"),
    benchmark:
        benchmark_file("graph_tables/{source}")
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    params:
        regions=lambda wildcards: SOURCES[wildcards.source]["regions"],
        code=code("connectome"),
    script:
        "../scripts/graph_tables.py"


rule compare_truth:
    input:
        graphs=region_graphs,
        truth=f"{SIMULATED_FOLDER}/neurons/truth.csv",
    output:
        recovery=update(results("connectome/{source}/recovery.csv")),
    log:
        log_file("compare_truth/{source}"),
    benchmark:
        benchmark_file("compare_truth/{source}")
    wildcard_constraints:
        source="|".join(SIMULATED_SOURCES) or "none",
    conda:
        "../../envs/analysis.yaml"
    params:
        code=code("analysis/recovery", "connectome", "motifs"),
    script:
        "../scripts/compare_truth.py"
