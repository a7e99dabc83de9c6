"""Fetch a file of the register of public data, verified."""

from pathlib import Path

from job import job

with job(snakemake):
    from digimus.retrieval.fetching import Download, fetch_all

    params, path = snakemake.params, Path(snakemake.output.path)
    wanted = Download(params.url, Path(path.name), params.n_bytes, params.sha256, params.kind)
    fetch_all([wanted], path.parent, **params.transfer)
