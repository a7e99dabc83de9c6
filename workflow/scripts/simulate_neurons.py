"""Write simulated neurons as SWC files with their index and their true wiring."""

from pathlib import Path

from job import job

with job(snakemake):
    from digimus.simulation.neurons import simulate_neurons

    folder = Path(snakemake.output.index).parent
    simulate_neurons(folder, dict(snakemake.params.settings), snakemake.params.seed)
