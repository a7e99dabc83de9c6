"""The graph of one region as GraphML, for other programs."""

from job import job

with job(snakemake):
    from digimus.connectome import read_graph, write_graphml

    write_graphml(snakemake.output.graph, read_graph(snakemake.input.graph))
