"""The planted wiring of simulated neurons beside what their morphologies give."""

from job import job

with job(snakemake):
    from digimus.analysis.recovery import recovery_table
    from digimus.connectome import read_graph
    from digimus.storage import read_table, write_table

    truth = read_table(snakemake.input.truth, ["region", "pre", "post"], dtype=str)
    table = recovery_table([read_graph(path) for path in snakemake.input.graphs], truth)
    write_table(snakemake.output.recovery, table)
