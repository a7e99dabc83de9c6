"""The motif profile of one region against its null models."""

import logging

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
    profile = region_profile(
        graph.probability,
        graph.soma_um,
        n_draws=snakemake.params.n_draws,
        n_null=snakemake.params.n_null,
        n_bootstrap=snakemake.params.n_bootstrap,
        rng=stream(snakemake.params.seed, "motifs", *names.values()),
        brains=graph.brains,
    )
    logging.info("%d neurons; %s", len(graph.ids), profile.verdicts.to_dict("records"))
    for path, table in (
        (snakemake.output.profile, profile.table),
        (snakemake.output.verdict, profile.verdicts),
        (snakemake.output.neurons, neuron_table(graph.probability, graph.ids, graph.brains)),
    ):
        for position, (name, value) in enumerate(names.items()):
            table.insert(position, name, value)
        write_table(path, table)
