"""Read the NWB files of a dataset, set bad ones aside, and cut the rest into labelled samples."""

import logging
from pathlib import Path

from job import job, provenance

with job(snakemake):
    from digimus.recordings import Preparation, prepare_dataset, write_prepared
    from digimus.storage import write_table

    dataset = dict(snakemake.params.dataset)
    folder, pattern = Path(dataset.pop("folder")), dataset.pop("pattern")
    dataset.pop("simulated", None)
    reading = {key: dataset.pop(key) for key in ("signal", "region_column", "module") if key in dataset}
    prepared, table = prepare_dataset(
        sorted(folder.glob(pattern)),
        Preparation.from_config(dataset),
        max_bad_share=snakemake.params.max_bad_share,
        **reading,
    )
    logging.info("%d of %d files used", len(prepared), len(table))
    results = Path(snakemake.output.sessions).parent
    for session in prepared:
        write_prepared(results / f"{session.session_id}.h5", session, provenance(snakemake))
    write_table(snakemake.output.sessions, table)
