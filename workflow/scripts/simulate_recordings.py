"""Write the simulated sessions of one dataset as NWB files, with their known best accuracies."""

from pathlib import Path

from job import job

with job(snakemake):
    from digimus.simulation.recordings import RecordingSimulation, simulate_recordings

    folder = Path(snakemake.output.truth).parent
    settings = RecordingSimulation(**snakemake.params.settings)
    simulate_recordings(folder, snakemake.wildcards.dataset, settings, snakemake.params.seed)
