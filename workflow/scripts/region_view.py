"""A sample of a region's neurons and of where they meet, for projections."""

from job import job

with job(snakemake):
    from digimus.connectome import neurons_of_region, view_of_region
    from digimus.storage import write_table

    names = ("blur_um", "reach_um", "field_length_um", "field_radius_um")
    settings = snakemake.params.settings
    view = view_of_region(
        neurons_of_region(snakemake.input.arbors, snakemake.wildcards.region),
        source=snakemake.wildcards.source,
        region=snakemake.wildcards.region,
        simulated=snakemake.params.simulated,
        **{name: settings[name] for name in names if name in settings},
    )
    write_table(snakemake.output.view, view)
