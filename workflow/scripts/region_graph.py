"""The potential connectivity between the neurons of one region."""

from job import job, provenance

with job(snakemake):
    from digimus.connectome import region_graph, write_graph
    from digimus.morphology import read_arbors

    region = snakemake.wildcards.region
    graph = region_graph(
        read_arbors(snakemake.input.arbors, region),
        source=snakemake.wildcards.source,
        region=region,
        simulated=snakemake.params.simulated,
        **snakemake.params.settings,
    )
    write_graph(snakemake.output.graph, graph, provenance(snakemake))
