"""Read and check the neurons of a source, set bad files aside, voxelise the rest, and say where they go."""

import sys
from contextlib import nullcontext

from job import job, provenance

with job(snakemake):
    from digimus.morphology import (
        Atlas,
        PointsWriter,
        outline_table,
        projection_table,
        read_folder,
        write_arbors,
    )
    from digimus.retrieval.choosing import file_of
    from digimus.retrieval.pins import check_fetched
    from digimus.storage import read_table, write_table

    name, output, params = snakemake.wildcards.source, snakemake.output, snakemake.params
    source = {
        key: value for key, value in params.source.items() if key not in ("annotation", "structure_tree")
    }
    if params.files == "retrieved":
        files = read_table(source["index"], ["file"], dtype=str)["file"]
        check_fetched(sorted(set(map(file_of, files))), source["folder"])
    annotation, tree = (params.source.get(key) for key in ("annotation", "structure_tree"))
    atlas = Atlas(annotation, tree) if annotation else None
    points = (
        PointsWriter(output.points, provenance(snakemake)) if "points" in output.keys() else nullcontext()
    )
    with points as writer:
        reading = read_folder(
            **source,
            **params.checks,
            source=name,
            atlas=atlas,
            max_bad_share=params.max_bad_share,
            voxel_um=params.voxel_um,
            keep=False,
            points=writer,
            threads=snakemake.threads,
        )
    for row in reading.checks[reading.checks["verdict"] == "differs"].itertuples():
        print(f"\nWARNING {snakemake.rule}, {name}: {row.check} differs. {row.detail}\n", file=sys.stderr)
    simulated = bool(source.get("simulated"))
    targets = (source.get("targets") or source["regions"]) if atlas else []
    projections = projection_table(reading.neurons, targets, source=name, simulated=simulated)
    write_table(output.set_aside, reading.set_aside)
    write_table(output.quality, reading.quality)
    write_table(output.checks, reading.checks)
    write_table(output.projections, projections)
    write_table(output.outlines, outline_table(atlas, source["regions"]))
    write_arbors(output.arbors, reading.arbors, provenance(snakemake))
    write_table(output.neurons, reading.neurons)
