# Directed graphs: potential connectivity, or contacts, between the neurons of a region.
#
# Inputs:  results/morphology/{source}/arbors.h5; points.h5 where connectome.rule is contact
# Outputs: results/connectome/{source}/{region}.h5         sparse P (presynaptic rows), soma positions, ids
#          results/connectome/{source}/{region}.graphml    the same for other programs, on request
#          results/connectome/{source}/views/{region}.csv  a few neurons and where they meet
#          results/connectome/{source}/sketches/{region}.csv  every neuron as a few joined points
#          results/connectome/{source}/graphs.csv          one row a region: neurons, density, reciprocity
#          results/connectome/{source}/distance.csv        connection probability by soma distance
#          results/connectome/{source}/recovery.csv        simulated neurons: planted against recovered wiring
#          results/motifs/{source}/sensitivity.csv         expected motifs over voxel, blur and filling fraction
#          results/motifs/{source}/sensitivity_summary.csv one row a region: how far its profile moves

GRAPH_SETTINGS = {key: value for key, value in CONFIG["connectome"].items() if key != "sensitivity"}


rule connectome:
    input:
        expand(results("connectome/{source}/graphs.csv"), source=SOURCES),
        expand(results("connectome/{source}/recovery.csv"), source=SIMULATED_SOURCES),
        REGION_VIEWS,


rule sensitivity:
    input:
        expand(results("motifs/{source}/sensitivity_summary.csv"), source=SOURCES),


rule graphs_as_graphml:
    input:
        every_region("connectome/{source}/{region}.graphml"),


rule region_graph:
    input:
        neurons=graph_input,
    output:
        graph=update(results("connectome/{source}/{region}.h5")),
    log:
        log_file("region_graph/{source}/{region}"),
    benchmark:
        benchmark_file("region_graph/{source}/{region}")
    priority: 10  # priors hold up half of the training
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1500, of_input=20),
        runtime=minutes(30, of_input=1),
    params:
        settings=GRAPH_SETTINGS,
        simulated=lambda wildcards: wildcards.source in SIMULATED_SOURCES,
        code=code("connectome", "morphology"),
    script:
        "../scripts/region_graph.py"


rule export_graph:
    input:
        graph=results("connectome/{source}/{region}.h5"),
    output:
        graph=update(results("connectome/{source}/{region}.graphml")),
    log:
        log_file("export_graph/{source}/{region}"),
    benchmark:
        benchmark_file("export_graph/{source}/{region}")
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1000, of_input=20),
        runtime=minutes(15, of_input=1),
    params:
        code=code("connectome"),
    script:
        "../scripts/export_graph.py"


rule region_view:
    input:
        arbors=results("morphology/{source}/arbors.h5"),
    output:
        view=update(results("connectome/{source}/views/{region}.csv")),
        sketch=update(results("connectome/{source}/sketches/{region}.csv")),
    log:
        log_file("region_view/{source}/{region}"),
    benchmark:
        benchmark_file("region_view/{source}/{region}")
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1500, of_input=10),
        runtime=minutes(15, of_input=0.5),
    params:
        settings=GRAPH_SETTINGS,
        simulated=lambda wildcards: wildcards.source in SIMULATED_SOURCES,
        code=code("connectome", "morphology"),
    script:
        "../scripts/region_view.py"


rule region_sensitivity:
    input:
        arbors=results("morphology/{source}/arbors.h5"),
        profile=results("motifs/{source}/regions/{region}.profile.csv"),
    output:
        table=update(results("motifs/{source}/regions/{region}.sensitivity.csv")),
    log:
        log_file("region_sensitivity/{source}/{region}"),
    benchmark:
        benchmark_file("region_sensitivity/{source}/{region}")
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1500, of_input=20),
        runtime=minutes(60, of_input=5),
    params:
        settings=GRAPH_SETTINGS,
        values=CONFIG["connectome"].get("sensitivity", {}),
        simulated=lambda wildcards: wildcards.source in SIMULATED_SOURCES,
        code=code("motifs", "connectome", "morphology"),
    script:
        "../scripts/region_sensitivity.py"


rule sensitivity_tables:
    input:
        tables=region_tables("sensitivity"),
    output:
        table=update(results("motifs/{source}/sensitivity.csv")),
        summary=update(results("motifs/{source}/sensitivity_summary.csv")),
    log:
        log_file("sensitivity_tables/{source}"),
    benchmark:
        benchmark_file("sensitivity_tables/{source}")
    wildcard_constraints:
        source=one_name_of(SOURCES),
    conda:
        "../../envs/neurons.yaml"
    resources:
        mem_mb=memory(1000),
        runtime=minutes(15),
    params:
        code=code("motifs/sensitivity"),
    script:
        "../scripts/sensitivity_tables.py"


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
    resources:
        mem_mb=memory(1000, of_input=10),
        runtime=minutes(20, of_input=1),
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
        source=one_name_of(SIMULATED_SOURCES),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=memory(1500, of_input=10),
        runtime=minutes(20, of_input=1),
    params:
        code=code("analysis/recovery", "connectome", "motifs"),
    script:
        "../scripts/compare_truth.py"
