"""From SWC files to the prior of a region: read, voxelise, connect where axon meets dendrite, count triads.

The neurons are simulated, with a wiring of many mutual pairs. They are written into a folder that is removed
in the end; for neurons of your own, `read_folder` takes their folder and index.
"""

import tempfile
from pathlib import Path

import numpy as np

from digimus.connectome import region_graph
from digimus.morphology import read_folder, read_swc
from digimus.motifs import read_priors, region_profile, write_priors
from digimus.motifs.priors import prior_table
from digimus.simulation.neurons import simulate_neurons

REGION = "SIM-reciprocal"

with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    simulate_neurons(folder, {"regions": [REGION], "n_neurons": 40}, seed=1)
    first = read_swc(folder / f"{REGION}-0000.swc")
    print(f"simulated neuron {first.id}: {len(first.xyz_um)} nodes, soma at {np.round(first.soma_um)} um")

    reading = read_folder(
        folder, "*.swc", simulated=True, index=folder / "index.csv", region_column="region", voxel_um=25
    )
    graph = region_graph(reading.arbors, region=REGION, source="example", simulated=True, min_neurons=20)
    print(f"{len(graph)} simulated neurons: density {graph.density:.3f}, reciprocity {graph.reciprocity:.2f}")

    profile = region_profile(
        graph.probability,
        graph.soma_um,
        n_draws=5,
        n_null=50,
        n_bootstrap=50,
        rng=np.random.default_rng(1),
        nulls=["dyad"],
    )
    table = prior_table(
        profile.table,
        source="example",
        region=REGION,
        simulated=True,
        n_neurons=len(graph),
        min_neurons=20,
        density=graph.density,
        reciprocity=graph.reciprocity,
    )
    write_priors(folder / "priors.csv", table)
    prior = read_priors(folder / "priors.csv")[REGION]

strongest = table.loc[np.nanargmax(np.where(prior.weight > 0, prior.enrichment, np.nan)), "triad"]
print(
    f"prior of {prior.region}: usable {prior.usable}, simulated {prior.simulated}, most enriched {strongest}"
)
