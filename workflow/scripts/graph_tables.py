"""One row a region, and connection probability by soma distance."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.connectome import read_graph
    from digimus.connectome.summary import describe_graph, need_triads, probability_by_distance
    from digimus.storage import write_table

    graphs = [read_graph(path) for path in snakemake.input.graphs]
    need_triads(graphs)
    write_table(snakemake.output.graphs, pd.DataFrame([describe_graph(graph) for graph in graphs]))
    distance = [probability_by_distance(graph) for graph in graphs if not graph.without_triads]
    write_table(snakemake.output.distance, pd.concat(distance, ignore_index=True))
