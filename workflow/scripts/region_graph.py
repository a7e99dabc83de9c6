"""The graph of one region: potential connectivity, or counted contacts."""

import sys

from job import job, provenance

with job(snakemake):
    from digimus.connectome import neurons_of_region, region_graph, write_graph

    source, region = snakemake.wildcards.source, snakemake.wildcards.region
    settings = snakemake.params.settings
    graph = region_graph(
        neurons_of_region(snakemake.input.neurons, region, settings.get("rule", "potential")),
        source=source,
        region=region,
        simulated=snakemake.params.simulated,
        **settings,
    )
    if graph.without_triads:
        found = f"{source}, region {region}: n = {len(graph)}, and triads need 3 neurons."
        print(f"\nWARNING {snakemake.rule}, {found} It is left out of the motifs.\n", file=sys.stderr)
    write_graph(snakemake.output.graph, graph, provenance(snakemake))
