"""The graph of one region: potential connectivity, or counted contacts."""

from job import job, provenance

with job(snakemake):
    from digimus.connectome import region_graph, write_graph
    from digimus.morphology import read_arbors, read_points

    region = snakemake.wildcards.region
    read = read_points if snakemake.params.settings.get("rule") == "contact" else read_arbors
    graph = region_graph(
        read(snakemake.input.neurons, region),
        source=snakemake.wildcards.source,
        region=region,
        simulated=snakemake.params.simulated,
        **snakemake.params.settings,
    )
    write_graph(snakemake.output.graph, graph, provenance(snakemake))
