"""What an update costs beside the step itself: the motif term, and drawing a batch of trials.

The term is timed forward and backward; it is taken every so many updates (`training.motif_term.every` of
config/config.yaml), and goals are for its share of training time at that interval. A batch is timed
without the draw of its noise, which any program would need. Both beside one training step (forward,
backward, Adam) of the network on a batch of about 100 steps.
"""

from pathlib import Path

import numpy as np
import yaml

from harness import Case

PEERS = set()
SIZES = ((64, 32), (128, 32), (256, 64))
LOSSES = ("enrichment", "kl", "frequency", "participation")
TASKS = ("anti", "dm1", "multidlydm", "dmc")
MOST_OF_TERM, MOST_OF_BATCH = 0.02, 0.05
N_STEPS = 100
CONFIGURATION = Path(__file__).parents[1] / "config/config.yaml"


def cases(folder, quick):
    """Every loss and size of network, then every kind of task."""
    term = yaml.safe_load(CONFIGURATION.read_text())["training"]["motif_term"]
    every, found = term["every"], []
    for n_units, batch in ((12, 3),) if quick else SIZES:
        sizes = {"n_units": n_units, "batch": batch}
        for loss in LOSSES[:1] if quick else LOSSES:
            found.append(
                Case(
                    f"motif term {loss}, every {every}, {n_units} units x batch {batch}",
                    {**sizes, "loss": loss, "density": term["density"], "task": "dm1", "seed": _seed("dm1")},
                    ("training_step",),
                    {"training_step": 1 / (MOST_OF_TERM * every)},
                )
            )
        for task in TASKS[:1] if quick else TASKS:
            found.append(
                Case(
                    f"batch of {task} without its noise, {n_units} units x batch {batch}",
                    {**sizes, "task": task, "seed": _seed(task)},
                    ("training_step",),
                    {"training_step": 1 / MOST_OF_BATCH},
                )
            )
    return found


def _seed(task):
    """The seed whose batch comes nearest to the wanted number of steps."""
    from digimus.tasks import make_batch

    def distance(seed):
        return abs(make_batch(task, 1, np.random.default_rng(seed)).inputs.shape[1] - N_STEPS)

    return min(range(50), key=distance)


def run_digimus(arguments):
    import torch

    torch.set_num_threads(1)
    return _term(arguments) if "loss" in arguments else _batch(arguments)


def _term(arguments):
    import torch

    from digimus.models import MotifTerm
    from digimus.motifs import Prior

    rng = np.random.default_rng(0)
    frequency = rng.dirichlet(np.ones(13))
    prior = Prior(
        name="random", source="benchmark", region="none", kind="region", enrichment=rng.normal(size=13),
        weight=np.ones(13), frequency=frequency, reciprocity=0.2, density=0.1, n_neurons=200,
    )  # fmt: skip
    term = MotifTerm(
        prior, loss=arguments["loss"], weight=1.0, density=arguments["density"], reciprocity_weight=10.0,
        n_updates=100, participation=rng.gamma(1.0, size=(200, 13)),
    )  # fmt: skip
    n = arguments["n_units"]
    weight = torch.randn(n, n, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def call():
        weight.grad = None
        term(weight, 50).backward()

    return call, lambda result: []


class _Quiet(np.random.Generator):
    """Draws as any generator, but gives the same array for all noise."""

    noise = np.zeros((0, 0, 0), np.float32)

    def standard_normal(self, size=None, dtype=np.float64, out=None):
        if self.noise.shape != size:
            self.noise = super().standard_normal(size, dtype=dtype)
        return self.noise


def _batch(arguments):
    from digimus.tasks import make_batch

    # The generator is set back before every batch: all have the same number of steps.
    rng = _Quiet(np.random.default_rng(arguments["seed"]).bit_generator)
    start = rng.bit_generator.state

    def call():
        rng.bit_generator.state = start
        return make_batch(arguments["task"], arguments["batch"], rng)

    return call, lambda result: []


def run_training_step(arguments):
    import torch

    from digimus.models import build
    from digimus.tasks import N_INPUTS, N_OUTPUTS, loss, make_batch

    torch.set_num_threads(1)
    rng = np.random.default_rng(arguments["seed"])
    batch = make_batch(arguments["task"], arguments["batch"], rng)
    model = build("digimus", N_INPUTS, N_OUTPUTS, n_units=arguments["n_units"])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.0)

    def step():
        optimizer.zero_grad()
        loss(torch.sigmoid(model(batch.inputs)), batch).backward()
        optimizer.step()

    return step, lambda result: []
