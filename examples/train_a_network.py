"""A rule task and a network that learns it: simulated trials, training, and the share that is right then."""

import torch

from digimus.models import build, n_parameters
from digimus.tasks import N_INPUTS, N_OUTPUTS, accuracy, make_batch
from digimus.training import FitSettings, RuleTask, fit

TASK, SEED = "go", 1

torch.set_num_threads(1)
batch = make_batch(TASK, batch_size=4, seed=SEED)
print(f"simulated trials of {TASK}: inputs {tuple(batch.inputs.shape)}, targets {tuple(batch.targets.shape)}")
print(
    "epochs in steps: " + ", ".join(f"{name} {start}-{stop}" for name, (start, stop) in batch.epochs.items())
)

model = build("gru", N_INPUTS, N_OUTPUTS, n_units=48, seed=SEED)
problem = RuleTask(TASK, batch_size=32, n_validation=128, n_test=256)


def share_right():
    """Over the trials of the test set, which no training has seen."""
    with torch.no_grad():
        return float(torch.cat([accuracy(model(trials.inputs), trials) for trials in problem.test]).mean())


before = share_right()
settings = FitSettings(n_updates=150, learning_rate=4e-3, validate_every=50, schedule="cosine")
curves = fit(model, problem, settings, seed=SEED)
print(f"gru of {n_parameters(model)} parameters: loss {curves['loss'][0]:.3f} to {curves['loss'][-1]:.3f}")
print(f"right in fresh simulated trials: {before:.2f} before training, {share_right():.2f} after")
