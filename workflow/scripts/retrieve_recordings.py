"""Fetch the recordings that the configuration names in the DANDI archive, and list them."""

import logging
from pathlib import Path

from job import job

with job(snakemake):
    from digimus.recordings.archives import retrieve

    def report(n_done, n_all, path):
        logging.info("%d of %d files: %s", n_done, n_all, path)

    retrieve(**snakemake.params.asked, folder=Path(snakemake.output.manifest).parent, progress=report)
