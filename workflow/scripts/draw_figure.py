"""Draw one figure from its tables, and write the table behind it."""

from job import job

# A region called NA is one, a class called 0 is a name, and what is not known is left empty.
TEXT = dict(dtype=dict.fromkeys(["session", "animal", "region", "name", "class"], str))

with job(snakemake):
    from digimus.figures import draw, save_figure
    from digimus.storage import read_table, write_table

    tables = {
        path: read_table(path, **TEXT, keep_default_na=False, na_values=[""], low_memory=False)
        for path in snakemake.input
    }
    params = snakemake.params
    figure, table = draw(
        snakemake.wildcards.figure,
        tables,
        simulated_sources=tuple(params.simulated_sources),
        simulated_datasets=tuple(params.simulated_datasets),
        simulated_priors=tuple(params.simulated_priors),
    )
    write_table(snakemake.output.table, table)
    save_figure(figure, snakemake.output.pdf, snakemake.output.png)
