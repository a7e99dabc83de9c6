"""What a configuration's training on the rule tasks will cost, measured before it starts.

Every model is timed at a few trial lengths; a polynomial through them, averaged over the lengths that a
task draws, gives the time of an update and of an evaluation for each task. Early stopping is not counted,
so that an estimate is the most that training takes; neither is what is not training on rule tasks.

The workflow prints this at the end of a dry run and at the start of a run, for the jobs that are left
(workflow/rules/estimate.smk); ``python -m digimus.training --estimate`` prints it for a whole configuration.
"""

import hashlib
import heapq
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import torch
import yaml

from digimus import tasks
from digimus.configuration import checked, dose_plan, merged, priors_of, tasks_of
from digimus.models import MotifTerm, build, matched_settings, n_parameters
from digimus.motifs import Prior
from digimus.seeding import stream
from digimus.storage import write_text
from digimus.tasks.trials import TAIL_MS, steps
from digimus.training.cells import TOGETHER
from digimus.training.engine import FitSettings, _step, adam

LENGTHS = (40, 200, 110)
"""Trial lengths in steps at which a model is timed, in this order; real ones are 30 to 210."""
CALIBRATION_S = 10.0
"""Seconds of the wall clock after which no further timing is begun, once every model has run."""
MOST_ROUNDS = 5
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
    job_hours : tuple of float
        Of one core, for each job.
    """

    model: str
    prior: str
    n_parameters: int
    n_jobs: int
    n_networks: int
    update_ms: float
    job_hours: tuple

    @property
    def hours(self):
        """Of one core."""
        return sum(self.job_hours)


@dataclass(frozen=True)
class Timing:
    """Seconds of one model: of an update and of evaluating one trial, by length; of each motif loss once.

    Attributes
    ----------
    n_parameters : int
    update, evaluation : dict of int to float
        By trial length in steps, without a motif term.
    term : dict of str to float
        What a motif term adds to an update in which it is taken, by loss.
    """

    n_parameters: int
    update: dict = field(default_factory=dict)
    evaluation: dict = field(default_factory=dict)
    term: dict = field(default_factory=dict)

    def mean(self, what, task):
        """Mean seconds of `update` or `evaluation` over the trial lengths that a task draws."""
        seconds = getattr(self, what)
        lengths = sorted(seconds)
        # With one length alone, time is taken to be in proportion to it.
        points = lengths if len(lengths) > 1 else [0, *lengths]
        values = [seconds.get(length, 0.0) for length in points]
        return float(np.polyval(np.polyfit(points, values, len(points) - 1), trial_lengths(task)).mean())


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


@cache
def trial_lengths(name, n_plans=N_PLANS):
    """Lengths in steps (n_plans,) of trials that a task draws."""
    rng = stream(0, "estimate", name)
    return np.array([tasks.TASKS[name].draw(rng, 1).n_steps for _ in range(n_plans)])


def planned_cells(configuration):
    """(task or ``together``, model, prior) of every job that trains on the rule tasks.

    Parameters
    ----------
    configuration : dict
        Checked.
    """
    rules = configuration["training"]["rules"]
    together, cells = rules.get("together", False), []
    for model in rules["models"]:
        priors = priors_of(rules, model) if _kind(configuration, model) == "digimus" else []
        learnt = tasks_of(rules, model)
        units = [*(learnt if together is not True else []), *([TOGETHER] if together and learnt else [])]
        cells += [(unit, model, prior) for prior in ("none", *priors) for unit in units]
    plan = dose_plan(configuration)
    others = [weight for weight in plan["weights"] if weight not in (0, plan["own"])]
    return cells + [(task, plan["model"], plan["prior"]) for task in plan["tasks"] for _ in others]


def estimate(configuration, cells=None, timings=None):
    """Costs of training on the rule tasks.

    Parameters
    ----------
    configuration : dict
        Checked.
    cells : sequence of (str, str, str), optional
        Task or ``together``, model and prior of each job; by default `planned_cells`.
    timings : dict of str to Timing, optional
        By model; by default they are measured.

    Returns
    -------
    list of Cost
        One for each model and prior that a cell has, in the order of the configuration.
    """
    planned = planned_cells(configuration)
    cells = planned if cells is None else sorted(cells, key=planned.index)
    timings = calibrated(configuration, cells) if timings is None else timings
    costs = []
    for model, prior in dict.fromkeys((model, prior) for _, model, prior in cells):
        units = [unit for unit, *cell in cells if cell == [model, prior]]
        costs.append(_cost(configuration, model, prior, units, timings[model]))
    return costs


def calibrated(configuration, cells, *, timed=None, seconds=CALIBRATION_S):
    """Time the models and motif losses of some cells until time is over.

    Parameters
    ----------
    configuration, cells
        As for `estimate`.
    timed : callable, optional
        Gives seconds of an update and of an evaluation for (model, batch, motif term or None); by default
        they are measured.
    seconds : float
        Every model is timed once at the shortest length, however long that takes. Of what is timed
        several times the least counts.

    Returns
    -------
    dict of str to Timing
    """
    timed = timed or measured
    rules = configuration["training"]["rules"]
    models = {name: _model(configuration, name) for name in dict.fromkeys(name for _, name, _ in cells)}
    losses = _losses(configuration, cells)
    timings = {name: Timing(n_parameters(model)) for name, model in models.items()}
    for name, model in models.items():  # the first call compiles and allocates
        for loss in (None, *losses[name]):
            timed(model, _batch(LENGTHS[0], rules["batch_size"]), _a_term(configuration, loss))
    start = time.monotonic()
    for round_, length, name in product(range(MOST_ROUNDS), LENGTHS, models):
        timing, first = timings[name], round_ == 0 and length == LENGTHS[0]
        expected = timing.update.get(LENGTHS[0], 0.0) * length / LENGTHS[0]
        if not first and time.monotonic() - start + expected > seconds:
            break
        batch = _batch(length, rules["batch_size"])
        update, evaluation = timed(models[name], batch, None)
        _keep_least(timing.update, length, update)
        _keep_least(timing.evaluation, length, evaluation / rules["batch_size"])
        for loss in losses[name] if length == LENGTHS[0] else ():
            guided, _ = timed(models[name], batch, _a_term(configuration, loss))
            _keep_least(timing.term, loss, max(0.0, guided - timing.update[length]))
    return timings


def _keep_least(seconds, key, found):
    seconds[key] = min(found, seconds.get(key, found))


def _losses(configuration, cells):
    """The motif losses that each model is trained with."""
    losses = {name: {} for _, name, _ in cells}
    for _, name, prior in cells:
        if prior != "none":
            losses[name][_loss(configuration, prior)] = True
    return losses


def _loss(configuration, prior):
    """The motif loss of a prior; one that is made of others counts as the configured one."""
    return configuration["priors"].get(prior, {}).get("loss", configuration["training"]["motif_term"]["loss"])


def _kind(configuration, name):
    return configuration["models"][name].get("kind", name)


def _model(configuration, name):
    """The model as it will be trained; what is read from files, such as a region's graph, is left out."""
    rules, kind = configuration["training"]["rules"], _kind(configuration, name)
    sizes = tasks.N_INPUTS, tasks.N_OUTPUTS
    settings = {key: value for key, value in configuration["models"][name].items() if key != "kind"}
    for key, others in (("mask", ["mask_density"]), ("projections", ["regions"])):
        if isinstance(settings.get(key), str | dict):
            settings = {k: v for k, v in settings.items() if k not in (key, *others)}
    if kind == "digimus":
        settings = {"n_units": rules["n_units"], **settings}
    elif "n_units" not in settings:
        wanted = n_parameters(build("digimus", *sizes, n_units=rules["n_units"]))
        settings = matched_settings(build, kind, *sizes, wanted, **settings)
    return build(kind, *sizes, **settings)


def _a_term(configuration, loss):
    """A motif term of a loss, taken at every update; its target does not change its cost. Of None, None."""
    if loss is None:
        return None
    prior = Prior(
        name="any", source="", region="", kind="region", enrichment=np.zeros(13), weight=np.ones(13),
        frequency=np.full(13, 1 / 13), reciprocity=0.1, density=0.1, n_neurons=50,
    )  # fmt: skip
    known = {"participation": np.ones((200, 13))} if loss == "participation" else {}
    settings = {**configuration["training"]["motif_term"], "loss": loss, "every": 1, **known}
    return MotifTerm(prior, n_updates=1000, **settings)


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
    """Processor seconds of one update and of one evaluation.

    Processor time does not count the waiting for other programs, and equals the time on a free core.
    """
    problem, settings = _OneBatch(batch), FitSettings(n_updates=1000, learning_rate=1e-5)
    optimizer = adam(model, settings)
    start = time.process_time()
    _step(model, problem, settings, optimizer, 0, 1, term, watched=False)
    updated = time.process_time()
    with torch.no_grad():
        model.eval()(batch.inputs)
    return updated - start, time.process_time() - updated


def _cost(configuration, model, prior, units, timing):
    training = configuration["training"]
    rules, rates = training["rules"], training["rules"]["learning_rate"][model]
    n_rates = len(rates) if isinstance(rates, list | tuple) else 0
    added = 0.0
    if prior != "none":
        added = timing.term.get(_loss(configuration, prior), 0.0) / training["motif_term"]["every"]
    seconds, updates = [], []
    for unit in units:
        learnt = tasks_of(rules, model) if unit == TOGETHER else [unit]
        updates.append(np.mean([timing.mean("update", task) for task in learnt]))
        seconds.append(_job_seconds(training, learnt, updates[-1], added, n_rates, timing))
    return Cost(
        model=model,
        prior=prior,
        n_parameters=timing.n_parameters,
        n_jobs=len(units),
        n_networks=len(units) * (len(training["seeds"]) + n_rates),
        update_ms=1e3 * float(np.mean(updates) + added),
        job_hours=tuple(second / 3600 for second in seconds),
    )


def _job_seconds(training, learnt, update, added, n_rates, timing):
    """Of all seeds and learning rates of a job; each of several tasks has as many updates as one alone."""
    rules = training["rules"]
    n_updates, every = (rules[key] * len(learnt) for key in ("n_updates", "validate_every"))
    n_tried = min(training.get("search", {}).get("n_updates", n_updates), n_updates)
    trial = sum(timing.mean("evaluation", task) for task in learnt)
    validation = rules["n_validation"] * trial
    network = n_updates * (update + added) + -(-n_updates // every) * validation + rules["n_test"] * trial
    tried = n_tried * update + -(-n_tried // every) * validation
    return len(training["seeds"]) * network + n_rates * tried


def longest_hours(job_hours, n_cores):
    """Hours until all jobs are done on some cores, each on one, the longest first (Graham 1969)."""
    cores = [0.0] * n_cores
    for hours in sorted(job_hours, reverse=True):
        heapq.heapreplace(cores, cores[0] + hours)
    return max(cores)


def described(costs, n_cores=None, *, measured_on="just now", not_counted=()):
    """The estimate as lines of text.

    Parameters
    ----------
    costs : list of Cost
    n_cores : int, optional
        By default all of the machine.
    measured_on : str
    not_counted : sequence of str
        What else takes time.
    """
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
    until_done = longest_hours([hour for cost in costs for hour in cost.job_hours], n_cores)
    cores = "one core" if n_cores == 1 else f"{n_cores} cores"
    lines.append(f"{'all':<32}{'':>11}{jobs:>6}{networks:>10}{'':>11}{hours:>9.2f}")
    lines.append("")
    lines.append(
        f"Training on the rule tasks: {jobs} jobs, {networks} networks, {hours:.1f} core hours, "
        f"about {until_done:.1f} hours on {cores} of this machine."
    )
    lines.append(f"Processor time of the CPU with one thread, measured {measured_on}.")
    lines.append("Other work on the machine makes it longer, early stopping shorter. Not counted:")
    lines.append(f"{', '.join([*not_counted, 'all that is not training on rule tasks'])}.")
    return "\n".join(lines)


def kept_timings(path, configuration, cells, code, seconds=CALIBRATION_S):
    """Timings of some cells' models, from a file where it has them for this machine, code and settings.

    Parameters
    ----------
    path : str or Path
        JSON; what is measured anew is added to it.
    configuration, cells, seconds
        As for `calibrated`.
    code : str
        A hash of the code that is timed.

    Returns
    -------
    (dict of str to Timing, str)
        And the day of the oldest of them, or ``just now``.
    """
    try:
        kept = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        kept = {}
    losses = _losses(configuration, cells)
    keys = {name: _key(configuration, name, code) for name in losses}
    known = {
        name for name, key in keys.items() if key in kept and set(losses[name]) <= set(kept[key]["term"])
    }
    missing = [cell for cell in cells if cell[1] not in known]
    found = calibrated(configuration, missing, seconds=seconds) if missing else {}
    timings, days = {}, {"just now"} if missing else set()
    for name, key in keys.items():
        if name in found:
            timings[name] = found[name]
            if len(found[name].update) > 1:  # else time was over too soon: the next estimate tries again
                kept[key] = {"day": date.today().isoformat(), **asdict(found[name])}
            continue
        entry = kept[key]
        by_length = {
            what: {int(length): value for length, value in entry[what].items()}
            for what in ("update", "evaluation")
        }
        timings[name] = Timing(entry["n_parameters"], **by_length, term=entry["term"])
        days.add(f"on {entry['day']}")
    if missing:
        write_text(path, json.dumps(kept))
    return timings, min(days, key=lambda day: (day == "just now", day))


def _key(configuration, name, code):
    """What the timing of a model depends on."""
    training = configuration["training"]
    known = {
        "machine": [platform.node(), platform.processor(), os.cpu_count(), torch.__version__, code],
        "model": [name, configuration["models"][name], training.get("matmul_precision")],
        "sizes": [training["rules"]["n_units"], training["rules"]["batch_size"]],
    }
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()[:16]
