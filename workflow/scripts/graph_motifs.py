"""The motif profile of a graph that was handed in, against the null models that need no soma positions."""

import pandas as pd

from job import job

with job(snakemake):
    from digimus.motifs import dyad_statistics, region_profile
    from digimus.motifs.graphs import read_user_graph
    from digimus.motifs.profiles import neuron_table
    from digimus.seeding import stream
    from digimus.storage import write_table

    settings = {k: v for k, v in snakemake.params.graph.items() if k not in ("path", "simulated")}
    nodes, graph = read_user_graph(snakemake.input.graph, **settings)
    source, region = snakemake.wildcards.source, snakemake.wildcards.region
    names = dict(source=source, region=region, simulated=bool(snakemake.params.graph.get("simulated")))
    profile = region_profile(
        graph,
        None,
        n_draws=1,
        n_null=snakemake.params.n_null,
        nulls=snakemake.params.nulls,
        n_bootstrap=snakemake.params.n_bootstrap,
        rng=stream(snakemake.params.seed, "motifs", source, region),
    )
    found = dyad_statistics(graph)
    described = dict(
        n_neurons=len(nodes),
        min_neurons=snakemake.params.min_neurons,
        small=len(nodes) < snakemake.params.min_neurons,
        density=found.density,
        reciprocity=found.reciprocity,
    )
    tables = dict(
        profile=profile.table,
        verdict=profile.verdicts,
        neurons=neuron_table(profile.participation, nodes, [""] * len(nodes)),
        graphs=pd.DataFrame([described]),
    )
    for name, table in tables.items():
        write_table(snakemake.output[name], pd.concat([pd.DataFrame([names] * len(table)), table], axis=1))
