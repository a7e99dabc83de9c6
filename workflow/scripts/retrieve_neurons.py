"""Fetch the neurons of a set that the configuration asks for, and list them in an index."""

from pathlib import Path

from job import job

with job(snakemake):
    from digimus.retrieval.neurons import retrieve_neurons

    params = snakemake.params
    retrieve_neurons(
        params.dataset,
        params.url,
        Path(snakemake.output.index).parent,
        path=params.path,
        settings=params.settings,
        **params.transfer,
    )
