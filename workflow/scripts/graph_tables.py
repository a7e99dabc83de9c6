"""One row a region, and connection probability by soma distance."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.connectome import read_graph
    from digimus.connectome.summary import describe_graph, probability_by_distance
    from digimus.storage import write_table

    graphs = [read_graph(path) for path in snakemake.input.graphs]
    write_table(snakemake.output.graphs, pd.DataFrame([describe_graph(graph) for graph in graphs]))
    distance = pd.concat([probability_by_distance(graph) for graph in graphs], ignore_index=True)
    write_table(snakemake.output.distance, distance)
