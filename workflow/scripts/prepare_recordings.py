"""Read the NWB files of a dataset, set bad ones aside, and cut the rest into labelled samples."""

import logging
import sys
from pathlib import Path

from job import job, provenance
from recording_inputs import recordings_of

with job(snakemake) as unnamed:
    from digimus.recordings import Preparation, prepare_files, write_prepared
    from digimus.storage import write_table

    name, dataset = snakemake.wildcards.dataset, dict(snakemake.params.dataset)
    for key in ("folder", "pattern", "dandi", "simulated"):
        dataset.pop(key, None)
    keys = ("signal", "region_column", "module", "trials_table")
    reading = {key: dataset.pop(key) for key in keys if key in dataset}
    results, origin = Path(snakemake.output.sessions).parent, provenance(snakemake)
    found = prepare_files(
        recordings_of(snakemake),
        Preparation.from_config(dataset),
        dataset=name,
        max_bad_share=snakemake.params.max_bad_share,
        write=lambda session: write_prepared(results / f"{session.session_id}.h5", session, origin),
        **reading,
    )
    aside = found.sessions[found.sessions["status"] != "used"]
    used = found.sessions[found.sessions["status"] == "used"]
    for row in aside.itertuples():
        print(f"\nWARNING {snakemake.rule}, {name}: {row.file} is set aside. {row.reason}\n", file=sys.stderr)
    logging.info(
        "%d of %d files used: %d animals, %d samples, %d units (%d left out), %d of %d trials dropped",
        *(len(used), len(found.sessions), used["animal"].nunique()),
        *(used[column].sum() for column in ("n_samples", "n_units", "n_units_left_out")),
        *(used[column].sum() for column in ("n_trials_dropped", "n_trials")),
    )
    unnamed += [results / f"{session}.h5" for session in used["session"]]
    for path in set(results.glob("*.h5")) - set(unnamed):
        path.unlink()  # of files that repeat another one, or that were used by an earlier run
    write_table(snakemake.output.units, found.units)
    write_table(snakemake.output.example, found.example)
    write_table(snakemake.output.sessions, found.sessions)
