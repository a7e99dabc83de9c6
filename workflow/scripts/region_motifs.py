"""The motif profile of one region against its null models; tables without rows below three neurons."""

import logging

from scipy import sparse

from job import job

with job(snakemake):
    from digimus.connectome import read_graph
    from digimus.motifs import region_profile
    from digimus.motifs.profiles import neuron_table
    from digimus.seeding import stream
    from digimus.storage import write_table

    graph = read_graph(snakemake.input.graph)
    names = dict(
        source=snakemake.wildcards.source, region=snakemake.wildcards.region, simulated=graph.simulated
    )
    counted = not graph.without_triads
    profile = region_profile(
        graph.probability if counted else sparse.csr_array((3, 3)),  # for the names of its columns
        graph.soma_um if counted else None,
        n_draws=snakemake.params.n_draws,
        n_null=snakemake.params.n_null,
        nulls=snakemake.params.nulls if counted else (),
        n_bootstrap=snakemake.params.n_bootstrap,
        rng=stream(snakemake.params.seed, "motifs", *names.values()),
        brains=graph.brains if counted else None,
    )
    tables = dict(profile=profile.table, verdict=profile.verdicts)
    if counted:
        tables["neurons"] = neuron_table(profile.participation, graph.ids, graph.brains)
    else:
        tables["neurons"] = neuron_table(profile.participation[:0], [], [])
        tables = {kind: table.iloc[:0].copy() for kind, table in tables.items()}
    logging.info("%d neurons; %s", len(graph.ids), tables["verdict"].to_dict("records"))
    for kind, table in tables.items():
        for position, (name, value) in enumerate(names.items()):
            table.insert(position, name, value)
        write_table(snakemake.output[kind], table)
