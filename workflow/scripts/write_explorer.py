"""Write the explorer: profile, neurons and graph of every region on one page."""

import logging
from pathlib import Path

from job import job

with job(snakemake):
    from digimus.connectome import read_graph
    from digimus.figures.explorer import write_explorer
    from digimus.motifs.graphs import read_user_graph
    from digimus.storage import read_table

    inputs, params = snakemake.input, snakemake.params
    names = dict(dtype={"region": str, "id": str, "neuron": str, "brain": str}, keep_default_na=False)
    graphs = {}
    for path in inputs.graphs:
        graph = read_graph(path)
        graphs[graph.source, graph.region] = graph.ids, graph.probability
    for name, settings in params.handed_in.items():
        options = {key: value for key, value in settings.items() if key not in ("path", "simulated")}
        graphs[name, name] = read_user_graph(settings["path"], **options)
    write_explorer(
        snakemake.output.page,
        tables={path: read_table(path, na_values=[""], **names) for path in inputs.tables},
        graphs=graphs,
        kinds=dict(params.kinds),
        title=params.title,
        report=params.report,
    )
    logging.info("%d bytes", Path(snakemake.output.page).stat().st_size)
