"""Fetch the recordings that the configuration names in the DANDI archive, and list them."""

import logging
from pathlib import Path

from job import job

with job(snakemake):
    from digimus.retrieval.dandi import retrieve

    def report(n_done, n_all, path):
        logging.info("%d of %d files: %s", n_done, n_all, path)

    folder = Path(snakemake.output.manifest).parent
    retrieve(**snakemake.params.asked, **snakemake.params.transfer, folder=folder, progress=report)
