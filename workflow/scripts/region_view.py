"""A sample of a region's neurons and of where they meet, for projections; and a sketch of every neuron."""

from job import job

with job(snakemake):
    from digimus.connectome import neurons_of_region, sketch_of_region, view_of_region
    from digimus.storage import write_table

    settings_of_view = ("blur_um", "reach_um", "field_length_um", "field_radius_um")
    settings, params = snakemake.params.settings, snakemake.params
    arbors = neurons_of_region(snakemake.input.arbors, snakemake.wildcards.region)
    names = dict(
        source=snakemake.wildcards.source, region=snakemake.wildcards.region, simulated=params.simulated
    )
    view = view_of_region(
        arbors, **names, **{name: settings[name] for name in settings_of_view if name in settings}
    )
    write_table(snakemake.output.view, view)
    write_table(snakemake.output.sketch, sketch_of_region(arbors, **names))
