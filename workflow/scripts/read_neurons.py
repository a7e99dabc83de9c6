"""Read the neurons of a source, set bad files aside, and voxelise the rest."""

import logging

from job import job, provenance

with job(snakemake):
    from digimus.morphology import Atlas, read_folder, write_arbors
    from digimus.storage import write_table

    source = dict(snakemake.params.source)
    source.pop("simulated", None)
    annotation, tree = source.pop("annotation", None), source.pop("structure_tree", None)
    atlas = Atlas(annotation, tree) if annotation else None
    reading = read_folder(
        **source,
        source=snakemake.wildcards.source,
        atlas=atlas,
        max_bad_share=snakemake.params.max_bad_share,
        voxel_um=snakemake.params.voxel_um,
        keep=False,
    )
    logging.info("%d neurons read, %d files set aside", len(reading.neurons), len(reading.set_aside))
    write_table(snakemake.output.set_aside, reading.set_aside)
    write_arbors(snakemake.output.arbors, reading.arbors, provenance(snakemake))
    write_table(snakemake.output.neurons, reading.neurons)
