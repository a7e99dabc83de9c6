# Directed graphs: potential connectivity between the neurons of a region.
#
# Inputs:  results/morphology/{source}/arbors.h5
# Outputs: results/connectome/{source}/{region}.h5   sparse P (presynaptic rows), soma positions, ids
#          results/connectome/{source}/graphs.csv    one row a region: neurons, density, reciprocity
#          results/connectome/{source}/distance.csv  connection probability by soma distance


rule connectome:
    input:
        expand(results("connectome/{source}/graphs.csv"), source=SOURCES),


def region_graphs(wildcards):
    """The graphs of all regions of a source."""
    regions = SOURCES[wildcards.source]["regions"]
    return expand(results("connectome/{source}/{region}.h5"), source=wildcards.source, region=regions)


rule region_graph:
    input:
        arbors=results("morphology/{source}/arbors.h5"),
    output:
        graph=update(results("connectome/{source}/{region}.h5")),
    params:
        settings=CONFIG["connectome"],
        simulated=lambda wildcards: wildcards.source in SIMULATED_SOURCES,
        code=code("connectome", "morphology"),
    log:
        log_file("region_graph/{source}/{region}"),
    benchmark:
        benchmark_file("region_graph/{source}/{region}")
    script:
        "../scripts/region_graph.py"


rule graph_tables:
    input:
        graphs=region_graphs,
    output:
        graphs=update(results("connectome/{source}/graphs.csv")),
        distance=update(results("connectome/{source}/distance.csv")),
    params:
        regions=lambda wildcards: SOURCES[wildcards.source]["regions"],
        code=code("connectome"),
    log:
        log_file("graph_tables/{source}"),
    benchmark:
        benchmark_file("graph_tables/{source}")
    script:
        "../scripts/graph_tables.py"
