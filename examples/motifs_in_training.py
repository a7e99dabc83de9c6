"""A prior in training: the motif term draws the motifs of a network's weights towards those of a graph.

The graph is simulated, with a hidden order down which all edges run. Two networks start from the same weights
and learn the same task, one of them with the term. The model "digimus" is the spiking one; it takes the same
lines, and half a minute more the first time, while it is compiled.
"""

import tempfile
from pathlib import Path

import numpy as np
import torch

from digimus.analysis.retention.profiles import distance_to_prior, weight_profile
from digimus.models import MotifTerm, build
from digimus.motifs import read_priors, region_profile, write_priors
from digimus.motifs.dyads import dyad_statistics
from digimus.motifs.priors import prior_table
from digimus.tasks import N_INPUTS, N_OUTPUTS
from digimus.training import FitSettings, RuleTask, fit

N_NEURONS, N_UPDATES, DENSITY, SEED = 60, 60, 0.1, 1
torch.set_num_threads(1)


def simulated_prior():
    """The prior of a graph in which every edge runs down a hidden order."""
    rng = np.random.default_rng(SEED)
    order = rng.permutation(N_NEURONS)
    down = order[:, None] < order[None, :]
    graph = (down & (rng.random(down.shape) < 0.24)).astype(float)
    statistics = dyad_statistics(graph)
    profile = region_profile(graph, None, n_draws=1, n_null=50, n_bootstrap=100, rng=rng, nulls=["dyad"])
    table = prior_table(
        profile.table,
        source="example",
        region="ordered",
        kind="graph",
        simulated=True,
        n_neurons=N_NEURONS,
        min_neurons=3,
        density=statistics.density,
        reciprocity=statistics.reciprocity,
    )
    with tempfile.TemporaryDirectory() as folder:
        write_priors(Path(folder) / "priors.csv", table)
        return read_priors(Path(folder) / "priors.csv")["ordered"]


def distance(model, prior):
    """Of the strongest weights' motifs to the prior, in log enrichment."""
    weight = model.recurrent_weight.detach().double().numpy()
    return distance_to_prior(weight_profile(weight, DENSITY)[0], prior)


prior = simulated_prior()
settings = FitSettings(n_updates=N_UPDATES, learning_rate=3e-3, validate_every=20)
for weight, name in ((0.0, "without the term"), (0.003, "with the term")):
    model = build("leaky", N_INPUTS, N_OUTPUTS, n_units=48, seed=SEED)
    term = MotifTerm(
        prior, loss="enrichment", weight=weight, density=DENSITY, reciprocity_weight=10, n_updates=N_UPDATES
    )
    problem = RuleTask("go", batch_size=16, n_validation=32, n_test=32)
    start = distance(model, prior)
    curves = fit(model, problem, settings, seed=SEED, motif_term=term)
    print(
        f"{name}: distance to the simulated prior {start:.2f} to {distance(model, prior):.2f}, "
        f"loss of the task {curves['loss'][0]:.3f} to {curves['loss'][-1]:.3f}"
    )
