"""A cell of the grid: one model with one prior on one benchmark, all seeds, in one file."""

import json
import logging
import platform
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from digimus.errors import InputError
from digimus.models import build, matched_settings, n_parameters
from digimus.models.batched import Batched, kernel_of
from digimus.seeding import number
from digimus.storage import arrays_in, code_version, reading, write_arrays
from digimus.training.checkpoints import Checkpoint
from digimus.training.engine import choose_device, fit
from digimus.training.problems import AllTasks, RuleTask
from digimus.training.rates import attempt, best_rate
from digimus.training.seeds import fit_seeds, takes_seeds

log = logging.getLogger(__name__)
TOGETHER = "together"
MOST_SILENT = MOST_SATURATED = 0.5
SATURATED_ABOVE = 0.95
"""A unit that spikes at more than this share of the steps is saturated; beyond the others a line warns."""


@dataclass(frozen=True)
class Cell:
    """What is trained.

    Attributes
    ----------
    benchmark, unit : str
        ``rules`` and the task or ``together``, or the dataset and ``sessions``.
    model, prior : str
        Names in the configuration; the prior is ``none`` for a model without motif term.
    kind : str
        A key of `digimus.models.MODELS`.
    model_settings : dict
        For `digimus.models.build`.
    seeds : tuple of int
    device : str
    seeds_at_once : bool or "auto"
        Whether all seeds are trained as one computation; ``auto``: on a GPU. See `digimus.training.seeds`.
    matched_to : int, optional
        Units of a DigiMus network; the model's width is then chosen to have as many parameters, for every
        number of inputs and outputs anew.
    """

    benchmark: str
    unit: str
    model: str
    prior: str
    kind: str
    model_settings: dict
    seeds: tuple
    device: str = "cpu"
    seeds_at_once: bool | str = "auto"
    matched_to: int | None = None

    def attributes(self, n_inputs, n_outputs):
        """For the file."""
        return {
            "benchmark": self.benchmark,
            "unit": self.unit,
            "model": self.model,
            "prior": self.prior,
            "kind": self.kind,
            "model_settings": json.dumps(self.settings_for(n_inputs, n_outputs), sort_keys=True),
            "seeds": np.array(self.seeds),
            "versions": json.dumps(versions(), sort_keys=True),
            "device": self.device,
        }

    def settings_for(self, n_inputs, n_outputs):
        """The model's settings, with its widths where they are matched."""
        if self.matched_to is None:
            return self.model_settings
        return dict(_matched(self.kind, n_inputs, n_outputs, self.matched_to, *self.model_settings.items()))

    def make_model(self, n_inputs, n_outputs, seed, *names, **settings):
        """The model with the initial weights of a seed; priors share them, so that twins start equal.

        `settings` come before those of the configuration only where that has none.
        """
        start = number(seed, "weights", self.benchmark, self.unit, *names) % 2**63
        settings = {**settings, **self.settings_for(n_inputs, n_outputs)}
        return build(self.kind, n_inputs, n_outputs, seed=start, **settings)


@cache
def _matched(kind, n_inputs, n_outputs, matched_to, *settings):
    """Settings of a model with as many parameters as a DigiMus network; every fold and seed asks for them."""
    reference = n_parameters(build("digimus", n_inputs, n_outputs, n_units=matched_to))
    return matched_settings(build, kind, n_inputs, n_outputs, reference, **dict(settings))


def versions():
    """Versions of the programs that a result depends on."""
    return {
        "digimus": code_version(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "numba": version("numba"),
    }


def train_task(
    path,
    cell,
    settings,
    *,
    batch_size,
    n_validation,
    n_test,
    motif_term,
    provenance,
    key,
    together=(),
    grid=None,
):
    """Train all seeds of a cell on one rule task, or on several at once, and write what came of it.

    Parameters
    ----------
    path : str or Path
        The HDF5 file to write: weights, curves, test trials, settings and versions. While training, a
        checkpoint lies beside it.
    cell : Cell
    settings : FitSettings
    batch_size, n_validation, n_test : int
    motif_term : digimus.models.MotifTerm or None
    provenance : dict
    key : str
        Of everything that the result depends on.
    together : sequence of str
        Tasks that each network learns all of, instead of the cell's one task.
    grid : RateGrid, optional
        Learning rates of which the best is taken, in place of the one in `settings`.
    """
    device = choose_device(cell.device)
    amounts = dict(batch_size=batch_size, n_validation=n_validation, n_test=n_test, device=device)
    problem = AllTasks(together, **amounts) if together else RuleTask(cell.unit, **amounts)
    checkpoint = Checkpoint(checkpoint_path(path), key)
    if grid is not None:
        rate = _search(cell, problem, settings, grid, checkpoint, device)
        settings = replace(settings, learning_rate=rate)
    some = cell.make_model(problem.n_inputs, problem.n_outputs, cell.seeds[0])
    at_once = takes_seeds(cell.seeds_at_once, some.to(device), problem, device)
    for seeds in [cell.seeds] if at_once else [(seed,) for seed in cell.seeds]:
        if not all(checkpoint.parts(f"seed_{seed}/") for seed in seeds):
            checkpoint.finish(_train_seeds(cell, problem, settings, seeds, motif_term, checkpoint, at_once))
    attributes = cell.attributes(problem.n_inputs, problem.n_outputs) | {
        "n_parameters": n_parameters(some), "n_inputs": problem.n_inputs, "n_outputs": problem.n_outputs,
        "fit_settings": json.dumps(settings.as_dict(), sort_keys=True),
        "tasks": list(together) or [cell.unit],
    }  # fmt: skip
    attributes |= how_computed(some, device, at_once)
    write_arrays(path, checkpoint.finished, provenance=provenance, attributes=attributes)
    checkpoint.remove()


def _train_seeds(cell, problem, settings, seeds, motif_term, checkpoint, at_once):
    """Everything that is kept of one seed, or of all of them trained at once."""
    part = "seeds" if at_once else f"seed_{seeds[0]}"
    models = [cell.make_model(problem.n_inputs, problem.n_outputs, seed) for seed in seeds]
    initial = [_recurrent(model) for model in models]
    models = [model.to(problem.device) for model in models]
    curves = fit_all(
        models,
        problem,
        settings,
        seeds,
        at_once,
        motif_term=motif_term,
        state=checkpoint.state_of(part),
        keep=lambda state: checkpoint.keep_state(part, state),
    )
    kept = {}
    for seed, model, own, start in zip(seeds, models, curves, initial, strict=True):
        arrays = {f"curves/{name}": values for name, values in own.items()}
        arrays |= {f"test/{name}": values for name, values in problem.test_trials(model).items()}
        arrays |= {f"weights/{n}": p.detach().cpu().numpy() for n, p in model.named_parameters()}
        arrays |= {f"activity/{name}": value for name, value in _activity(model, problem).items()}
        if start is not None:
            arrays["initial_recurrent_weight"] = start
            arrays["recurrent_weight"] = _recurrent(model)
        kept |= {f"seed_{seed}/{name}": values for name, values in arrays.items()}
        right = np.concatenate([values for name, values in arrays.items() if name.endswith("correct")])
        log.info("seed_%s: test accuracy %.3f", seed, right.mean())
    return kept


def fit_all(models, problem, settings, seeds, at_once, **more):
    """The curves of each seed."""
    if at_once:
        return fit_seeds(models, problem, settings, seeds=seeds, **more)
    return [
        fit(model, problem, settings, seed=seed, **more) for model, seed in zip(models, seeds, strict=True)
    ]


def how_computed(model, device, at_once):
    """What a network was computed with, for the file."""
    return {
        "device": str(device),
        "seeds_at_once": at_once,
        "kernel": Batched([model]).kernel if at_once else kernel_of(model),
        "threads": torch.get_num_threads(),
        "matmul_precision": torch.get_float32_matmul_precision(),
    }


def _search(cell, problem, settings, grid, checkpoint, device):
    """The learning rate with the lowest validation loss; every attempt is kept in the checkpoint."""
    losses = []
    for k, rate in enumerate(grid.rates):
        part = f"search/rate_{k}"
        if not checkpoint.parts(f"{part}/"):
            model = cell.make_model(problem.n_inputs, problem.n_outputs, grid.seed).to(device)
            curves = attempt(
                model,
                problem,
                grid.settings(settings, rate),
                seed=grid.seed,
                state=checkpoint.state_of(part),
                keep=lambda state, part=part: checkpoint.keep_state(part, state),
            )
            kept = {"learning_rate": np.array(rate), "update": curves.get("update", np.zeros(1))}
            for metric in ("validation_loss", "validation_accuracy"):
                kept[metric] = curves.get(metric, np.full(1, np.nan))
            checkpoint.finish({f"{part}/{name}": values for name, values in kept.items()})
        losses.append(float(checkpoint.finished[f"{part}/validation_loss"][-1]))
        log.info("learning rate %g: validation loss %.4g", rate, losses[-1])
    return best_rate(grid.rates, losses)


@dataclass(frozen=True)
class Trained:
    """A cell that was trained on a rule task.

    Attributes
    ----------
    benchmark, unit, model, prior, kind : str
    seeds : tuple of int
    n_parameters : int
    arrays : dict of str to numpy.ndarray
        Flat names such as ``seed_1/curves/loss`` or ``seed_1/recurrent_weight``.
    tasks : tuple of str
        More than one where a network learnt several tasks; arrays of test trials are then
        ``seed_1/test/<task>/correct``.
    fit_settings : dict
        Of `FitSettings`, with the learning rate that was used.
    """

    benchmark: str
    unit: str
    model: str
    prior: str
    kind: str
    seeds: tuple
    n_parameters: int
    n_inputs: int
    n_outputs: int
    model_settings: dict
    arrays: dict
    tasks: tuple = ()
    fit_settings: dict = field(default_factory=dict)

    @property
    def together(self):
        """Whether one network learnt several tasks."""
        return self.unit == TOGETHER

    def of_seed(self, seed, name):
        """An array of one seed, or None where the model has none of that name."""
        return self.arrays.get(f"seed_{seed}/{name}")

    def network(self, seed):
        """The trained network of a seed, ready to evaluate."""
        settings, mask = dict(self.model_settings), self.of_seed(seed, "weights/mask")
        if mask is not None:  # as it was drawn: the graph that it came from may be elsewhere
            settings["mask"] = mask
        network = build(self.kind, self.n_inputs, self.n_outputs, **settings)
        weights = {
            name: torch.as_tensor(self.of_seed(seed, f"weights/{name}"))
            for name, _ in network.named_parameters()
        }
        network.load_state_dict(weights)
        return network.eval()


def load(path):
    """Read what `train_task` wrote.

    Returns
    -------
    Trained

    Raises
    ------
    InputError
        If the file is absent, truncated or of another kind.
    """
    with reading(path) as file:
        try:
            settings = json.loads(file.attrs["model_settings"])
            fixed = {name: str(file.attrs[name]) for name in ("benchmark", "unit", "model", "prior", "kind")}
            sizes = {name: int(file.attrs[name]) for name in ("n_parameters", "n_inputs", "n_outputs")}
            seeds = tuple(int(seed) for seed in file.attrs["seeds"])
            tasks = tuple(str(task) for task in file.attrs["tasks"])
            fit_settings = json.loads(file.attrs["fit_settings"])
            arrays = arrays_in(file)
        except (KeyError, ValueError, OSError, RuntimeError) as error:  # the last two: damaged inside
            raise InputError(
                "This file does not hold a trained network.",
                where=path,
                expected="a whole HDF5 file written by the training stage for a rule task",
                got=str(error).splitlines()[0],
                hint="Hand in results/training/rules/<task>/<model>/<prior>.h5; if it is one, delete it.",
            ) from error
    return Trained(
        **fixed, seeds=seeds, **sizes, model_settings=settings, arrays=arrays, tasks=tasks,
        fit_settings=fit_settings,
    )  # fmt: skip


def checkpoint_path(path):
    """Where the checkpoint of a cell lies: beside its file."""
    path = Path(path)
    return path.with_name(f"{path.stem}.checkpoint.h5")


def _recurrent(model):
    weight = model.recurrent_weight
    return None if weight is None else weight.detach().cpu().numpy().copy()


@torch.no_grad()
def _activity(model, problem):
    """Share of units that never spike and that always spike on the validation trials, and the mean rate."""
    if not hasattr(model, "spikes"):
        return {}
    rates = torch.stack([model.spikes(batch.inputs).mean((0, 1)) for batch in problem.validation]).mean(0)
    silent, saturated = (float(x.float().mean()) for x in (rates == 0, rates > SATURATED_ABOVE))
    if silent > MOST_SILENT or saturated > MOST_SATURATED:
        log.warning("%.0f %% of the units are silent and %.0f %% saturated", 100 * silent, 100 * saturated)
    values = {"spikes_per_step": float(rates.mean()), "silent_share": silent, "saturated_share": saturated}
    return {name: np.array(value) for name, value in values.items()}
