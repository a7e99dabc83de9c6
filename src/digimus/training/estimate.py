"""What a configuration's training on the rule tasks will cost, measured before it starts.

Every model is timed at three trial lengths; a parabola through them, averaged over the lengths that a
task draws, gives the time of an update and of an evaluation for each task. Early stopping is not counted,
so that an estimate is the most that training takes; neither is what is not training on rule tasks.
"""

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import yaml

from digimus import tasks
from digimus.configuration import checked
from digimus.models import MotifTerm, build, matched_settings, n_parameters
from digimus.motifs import Prior
from digimus.seeding import stream
from digimus.tasks.trials import TAIL_MS, steps
from digimus.training.engine import FitSettings, _step

LENGTHS = (40, 110, 200)
"""Trial lengths in steps at which a model is timed; real ones are 30 to 210."""
REPEATS = 5
N_PLANS = 200


@dataclass(frozen=True)
class Cost:
    """Jobs and time of one model with one prior.

    Attributes
    ----------
    model, prior : str
    n_parameters, n_jobs, n_networks : int
        Networks that only compare learning rates included.
    update_ms : float
        Mean over tasks.
    hours : float
        Of one core.
    """

    model: str
    prior: str
    n_parameters: int
    n_jobs: int
    n_networks: int
    update_ms: float
    hours: float


def merged(default, *overlays):
    """The default with overlays, as the workflow merges them: mappings are merged, all else is replaced.

    Parameters
    ----------
    default, *overlays : str or Path
        YAML files.

    Returns
    -------
    dict
    """
    configuration = {}
    for path in (default, *overlays):
        configuration = _overlaid(configuration, yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})
    return configuration


def _overlaid(base, overlay):
    if isinstance(base, dict) and isinstance(overlay, dict):
        return base | {key: _overlaid(base.get(key), value) for key, value in overlay.items()}
    return overlay


def read_configuration(root, overlays):
    """The checked configuration of a checkout.

    Parameters
    ----------
    root : Path
        Of the project.
    overlays : sequence of str or Path

    Raises
    ------
    InputError
        As the workflow would.
    """
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    return checked(merged(root / "config/config.yaml", *overlays), schema)


def trial_lengths(name, n_plans=N_PLANS):
    """Lengths in steps (n_plans,) of trials that a task draws."""
    rng = stream(0, "estimate", name)
    return np.array([tasks.TASKS[name].draw(rng, 1).n_steps for _ in range(n_plans)])


def estimate(configuration, timed=None):
    """Costs of every model and prior on the rule tasks.

    Parameters
    ----------
    configuration : dict
        Checked.
    timed : callable, optional
        Gives seconds of an update and of an evaluation for (model, batch, motif term or None); by default
        they are measured.

    Returns
    -------
    list of Cost
    """
    timed = timed or measured
    training, costs = configuration["training"], []
    for name in training["rules"]["models"]:
        kind = configuration["models"][name].get("kind", name)
        model = _model(configuration, name, kind)
        plain = _parabolas(model, training["rules"], timed, None)
        costs.append(_cost(training, name, "none", model, plain, plain))
        for prior in training["rules"]["priors"] if kind == "digimus" else ():
            term = _a_term(training["motif_term"], training["rules"]["n_updates"])
            guided = _parabolas(model, training["rules"], timed, term)
            costs.append(_cost(training, name, prior, model, guided, plain))
    return costs


def _model(configuration, name, kind):
    """The model as it will be trained; a mask that is read from a region's graph is not needed for speed."""
    rules = configuration["training"]["rules"]
    settings = {key: value for key, value in configuration["models"][name].items() if key != "kind"}
    sizes = tasks.N_INPUTS, tasks.N_OUTPUTS
    if isinstance(settings.get("mask"), str):
        settings = {k: v for k, v in settings.items() if k not in ("mask", "mask_density")}
    if kind == "digimus":
        settings = {"n_units": rules["n_units"], **settings}
    elif "n_units" not in settings:
        wanted = n_parameters(build("digimus", *sizes, n_units=rules["n_units"]))
        settings = matched_settings(build, kind, *sizes, wanted, **settings)
    return build(kind, *sizes, **settings)


def _a_term(settings, n_updates):
    """A motif term of the configured kind; its target does not change its cost."""
    prior = Prior(
        name="any", source="", region="", kind="region", enrichment=np.zeros(13), weight=np.ones(13),
        frequency=np.full(13, 1 / 13), reciprocity=0.1, density=0.1, n_neurons=50,
    )  # fmt: skip
    known = {"participation": np.ones((200, 13))} if settings["loss"] == "participation" else {}
    return MotifTerm(prior, n_updates=n_updates, **settings, **known)


def _parabolas(model, rules, timed, term):
    """Coefficients over trial length of the seconds of an update, and of an evaluation of one trial."""
    updates, evaluations = [], []
    for length in LENGTHS:
        update, evaluation = timed(model, _batch(length, rules["batch_size"]), term)
        updates.append(update)
        evaluations.append(evaluation / rules["batch_size"])
    return np.polyfit(LENGTHS, updates, 2), np.polyfit(LENGTHS, evaluations, 2)


def _batch(length, batch_size):
    """A batch of a given length: trials of `rtgo`, whose inputs are cut or repeated."""
    batch = tasks.make_batch("rtgo", batch_size, 0)
    kept = np.resize(np.arange(batch.inputs.shape[1]), length)
    go = length - steps(TAIL_MS)
    return replace(
        batch,
        inputs=batch.inputs[:, kept].contiguous(),
        targets=batch.targets[:, kept].contiguous(),
        mask=batch.mask[:, kept],
        epochs={"fixation": (0, go), "response": (go, length)},
        reaction_window=(go, length),
    )


class _OneBatch:
    """A problem of one batch, for timing; making a batch is timed with it."""

    def __init__(self, batch):
        self.batch = batch

    def training_batch(self, seed, update):
        """Noise of the batch's size is drawn, as for a fresh batch."""
        stream(seed, update).standard_normal(tuple(self.batch.inputs.shape), dtype=np.float32)
        return self.batch.inputs, self.batch

    def loss(self, outputs, batch):
        """Of a rule task."""
        return tasks.loss(torch.sigmoid(outputs), batch)


def measured(model, batch, term):
    """Processor seconds of an update and of an evaluation, each the least of a few.

    Processor time does not count the waiting for other programs, and equals the time on a free core.
    With a motif term an update is the mean over the interval in which the term is taken once.
    """
    problem, settings = _OneBatch(batch), FitSettings(n_updates=1000)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-5)
    plain = _least(lambda: _step(model, problem, settings, optimizer, 0, 1, None, watched=False))
    update = plain
    if term is not None and term.weight > 0:
        due = _least(lambda: _step(model, problem, settings, optimizer, 0, 0, term, watched=False))
        update = plain + (due - plain) / term.every
    with torch.no_grad():
        evaluation = _least(lambda: model.eval()(batch.inputs))
    return update, evaluation


def _least(function):
    function()
    seconds = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        seconds.append(time.process_time() - start)
    return min(seconds)


def _cost(training, name, prior, model, parabolas, searched):
    rules, seeds = training["rules"], len(training["seeds"])
    rates = rules["learning_rate"][name]
    n_rates = len(rates) if isinstance(rates, list) and len(rates) else 0
    n_updates = rules["n_updates"]
    n_tried = min(training.get("search", {}).get("n_updates", n_updates), n_updates)
    together = rules.get("together", False)
    per_update, seconds = [], 0.0
    for task in rules["tasks"]:
        update, evaluation = (_mean(parabola, task) for parabola in parabolas)
        tried, _ = (_mean(parabola, task) for parabola in searched)
        trials = rules["n_validation"] * -(-n_updates // rules["validate_every"]) + rules["n_test"]
        tried_trials = rules["n_validation"] * -(-n_tried // rules["validate_every"])
        seconds += seeds * (n_updates * update + trials * evaluation)
        seconds += n_rates * (n_tried * tried + tried_trials * evaluation)
        per_update.append(update)
    n_jobs = len(rules["tasks"]) * (together is not True) + bool(together)
    return Cost(
        model=name,
        prior=prior,
        n_parameters=n_parameters(model),
        n_jobs=n_jobs,
        n_networks=n_jobs * (seeds + n_rates),
        update_ms=1e3 * float(np.mean(per_update)),
        # One network for all tasks has as many updates of each as the networks of single tasks.
        hours=seconds / 3600 * (2 if together == "both" else 1),
    )


def _mean(parabola, task):
    return float(np.polyval(parabola, trial_lengths(task)).mean())


def described(costs, n_cores=None):
    """The estimate as lines of text."""
    n_cores = n_cores or os.cpu_count() or 1
    head = f"{'model':<14}{'prior':<18}{'parameters':>11}{'jobs':>6}{'networks':>10}"
    lines = [f"{head}{'ms/update':>11}{'hours':>9}"]
    for cost in costs:
        lines.append(
            f"{cost.model:<14}{cost.prior:<18}{cost.n_parameters:>11,}{cost.n_jobs:>6}{cost.n_networks:>10}"
            f"{cost.update_ms:>11.1f}{cost.hours:>9.2f}"
        )
    hours, jobs = sum(cost.hours for cost in costs), sum(cost.n_jobs for cost in costs)
    networks = sum(cost.n_networks for cost in costs)
    lines.append(f"{'all':<32}{'':>11}{jobs:>6}{networks:>10}{'':>11}{hours:>9.2f}")
    lines.append("")
    lines.append(
        f"Training on the rule tasks: {jobs} jobs, {networks} networks, {hours:.1f} core hours, "
        f"about {hours / n_cores:.1f} hours on {n_cores} cores of this machine."
    )
    lines.append(
        "Processor time, measured just now with one thread. Other work on the machine makes it longer, early "
        "stopping shorter. What else the workflow does is not in it."
    )
    return "\n".join(lines)
