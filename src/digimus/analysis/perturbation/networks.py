"""The causal test: what silencing, driving and pushing do to the behaviour of trained networks.

Every kind of perturbation is given at several doses in an epoch of the trial; behaviour is the share of right
answers, on the same fresh trials for all doses. A slope is the change of accuracy per unit dose, through no
change at dose 0. What is aimed (a module, a class of units, the error axis) is compared with as much that is
not (as many random units, random directions of equal size). All definitions are ours.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from digimus import tasks
from digimus.analysis.errors.networks import PRE_RESPONSE_STEPS, shown_conditions
from digimus.analysis.errors.outcomes import why_at_chance
from digimus.analysis.perturbation.interventions import (
    Intervention,
    n_units_of,
    push_along,
    push_unit,
    runner,
    why_not,
)
from digimus.models.structure import region_slices
from digimus.seeding import stream
from digimus.training import RuleTask

EFFECT_COLUMNS = (
    "task", "model", "prior", "seed", "kind", "target", "epoch", "dose", "dose_unit", "draw", "accuracy",
    "baseline_accuracy", "change", "n_trials", "not_available",
)  # fmt: skip
SLOPE_COLUMNS = (
    "task", "model", "prior", "seed", "kind", "target", "epoch", "slope", "random_slope_mean",
    "random_slope_95", "effect", "p", "shuffled_slope_mean", "shuffled_effect", "shuffled_p", "n_draws",
    "not_available",
)  # fmt: skip
KINDS = ("silence", "drive", "module", "class", "error-axis")
RANDOM, SHUFFLED, UNITS = "all directions", "shuffled outcomes", "random units"
DRIVEN_SHARE = 0.25
N_BATCHES = 2
N_AXIS_BATCHES = 4
FEWEST_TRIALS = 20
"""Errors, and correct trials, that the error axis of a network takes."""
OWN_NULL = "because random units are what the others are compared with"


@dataclass(frozen=True)
class Settings:
    """What is tried.

    Attributes
    ----------
    epochs : sequence of str
        ``all``, or the beginning of names of epochs of a task: ``stimulus`` takes stimulus1 and stimulus2.
    fractions : sequence of float
        Shares of the units, of a module's or of a class's units, that are silenced.
    doses : sequence of float
        Of pushes, in units of `push_unit`; the error axis is pushed along with the negative doses too.
    n_draws : int
        Of random units and of random directions.
    n_trials, n_axis_trials : int
        Trials that each dose is tried on, and others that the error axis is found from.
    """

    epochs: tuple
    fractions: tuple
    doses: tuple
    n_draws: int
    n_trials: int
    n_axis_trials: int


@dataclass(frozen=True)
class _Try:
    """One dose of one perturbation; `acts` are the silenced units and the push."""

    kind: str
    target: str
    dose: float
    dose_unit: str
    draw: int
    acts: dict


@dataclass(frozen=True)
class _Trials:
    """Of every trial: its state before the response, outcome, what was shown, and its batch."""

    states: np.ndarray
    correct: np.ndarray
    conditions: np.ndarray
    batch: np.ndarray


def epoch_steps(batch, epoch):
    """Which steps of a batch belong to an epoch.

    Parameters
    ----------
    batch : digimus.tasks.Batch
    epoch : str
        ``all``, or the beginning of the names of the batch's epochs.

    Returns
    -------
    numpy.ndarray of bool, shape (time,), or None where the task has no such epoch
    """
    lasts = np.zeros(batch.inputs.shape[1], bool)
    if epoch == "all":
        return ~lasts
    for name, (start, stop) in batch.epochs.items():
        if name.startswith(epoch):
            lasts[start:stop] = True
    return lasts if lasts.any() else None


def error_axis(states, correct, conditions):
    """The direction from the states of correct to those of error trials.

    What the trials showed is taken out of the states first, by a regression over all of them, so that the
    axis is not that of the stimuli which are harder.

    Parameters
    ----------
    states : array, shape (trials, unit)
    correct : array of bool, shape (trials,)
    conditions : array, shape (trials, regressors)
        With a constant.

    Returns
    -------
    numpy.ndarray, shape (unit,), of length 1; nan where the means do not differ
    """
    residuals = states - conditions @ np.linalg.lstsq(conditions, states, rcond=None)[0]
    axis = residuals[~correct].mean(0) - residuals[correct].mean(0)
    length = np.linalg.norm(axis)
    return axis / length if length > 0 else np.full(len(axis), np.nan)


def slope_of(doses, changes):
    """Change per unit dose: the least-squares line through no change at dose 0.

    Parameters
    ----------
    doses, changes : array, shape (points,)
    """
    doses, changes = np.asarray(doses, float), np.asarray(changes, float)
    return float(doses @ changes / (doses @ doses))


def perturbation_tables(cell, settings, seed):
    """Effects and slopes of every seed of a trained cell.

    Parameters
    ----------
    cell : digimus.training.Trained
    settings : Settings
    seed : int
        Of trials, draws and directions.

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        `EFFECT_COLUMNS`, a row a dose and draw; `SLOPE_COLUMNS`, a row a perturbation. What cannot be tried
        has a row with the reason in `not_available`, and nan.
    """
    effects, slopes = [], []
    for network_seed in cell.seeds:
        key = dict(task=cell.unit, model=cell.model, prior=cell.prior, seed=network_seed)
        own = pd.DataFrame(_effects(cell, network_seed, settings, seed)).assign(**key)
        effects.append(own.reindex(columns=EFFECT_COLUMNS))
        slopes.append(slope_table(effects[-1]))
    return pd.concat(effects, ignore_index=True), pd.concat(slopes, ignore_index=True)


def untrained_tables(task):
    """Tables for a task that no network was trained on alone, or for none: a row in each, with the reason."""
    reason = "no network was trained on this task alone" if task else "no task is to be perturbed"
    row = dict(task=task, model="", prior="", not_available=f"because {reason}")
    return tuple(pd.DataFrame([row]).reindex(columns=columns) for columns in (EFFECT_COLUMNS, SLOPE_COLUMNS))


def _effects(cell, network_seed, settings, seed):
    """Rows of one network."""
    network = cell.network(network_seed)
    reason = why_not(network)
    if reason:
        return [_missing(kind, epoch, reason) for epoch in settings.epochs for kind in KINDS]
    size = max(1, settings.n_trials // N_BATCHES)
    batches = [
        tasks.make_batch(cell.unit, size, stream(seed, "perturbation", cell.unit, k))
        for k in range(N_BATCHES)
    ]
    rng = stream(seed, "perturbation", cell.unit, cell.model, cell.prior, network_seed)
    plan, missing = _plan(cell, network, settings, rng)
    runs = [runner(network, batch.inputs) for batch in batches]
    with torch.no_grad():
        baseline = accuracy([network(batch.inputs) for batch in batches], batches)
    rows = []
    for epoch in settings.epochs:
        steps = [epoch_steps(batch, epoch) for batch in batches]
        if any(lasts is None for lasts in steps):
            rows += [_missing(kind, epoch, f"because {cell.unit} has no epoch {epoch}") for kind in KINDS]
            continue
        rows += [_missing(kind, epoch, why) for kind, why in missing.items()]
        for part in plan:
            raw = [run(Intervention(lasts, **part.acts)) for run, lasts in zip(runs, steps, strict=True)]
            found = accuracy(raw, batches)
            rows.append(
                dict(
                    kind=part.kind, target=part.target, epoch=epoch, dose=part.dose, dose_unit=part.dose_unit,
                    draw=part.draw, accuracy=found, baseline_accuracy=baseline, change=found - baseline,
                    n_trials=size * N_BATCHES, not_available="",
                )
            )  # fmt: skip
    return rows


def _missing(kind, epoch, reason):
    return dict(kind=kind, target="", epoch=epoch, dose_unit="", not_available=reason)


def accuracy(outputs, batches):
    """Share of right answers over batches of equal size, of their raw readouts."""
    pairs = zip(outputs, batches, strict=True)
    return float(np.mean([float(tasks.accuracy(torch.sigmoid(raw), batch).mean()) for raw, batch in pairs]))


def _plan(cell, network, settings, rng):
    """Everything that is tried in each epoch, and why kinds are left out."""
    n_units = n_units_of(network)
    trials = _before_response(cell, network, settings.n_axis_trials)
    unit, unit_name = push_unit(network, trials.states)
    plan, missing = [], {}
    for draw in range(settings.n_draws):
        order = rng.permutation(n_units)
        for fraction in settings.fractions:
            silenced = _among(order, fraction, n_units)
            plan.append(_Try("silence", UNITS, fraction, "share of units", draw, dict(silenced=silenced)))
        driven = _among(order, DRIVEN_SHARE, n_units).astype(float)
        for dose in settings.doses:
            push = dict(push=dose * unit * driven)
            plan.append(_Try("drive", f"{DRIVEN_SHARE:.0%} of units", dose, unit_name, draw, push))
    for kind, groups, why in (
        ("module", _modules(cell), "because the network has no modules"),
        ("class", _classes(network), "because the network has no classes of units"),
    ):
        for name, members in groups.items():
            plan += _groups(kind, name, members, n_units, settings, rng)
        if not groups:
            missing[kind] = why
    why = _why_no_axis(cell, trials.correct)
    axes = {} if why else _axes(trials, settings.n_draws, rng)
    if not why and not all(np.isfinite(axis).all() for axis in axes.values()):
        why, axes = "because the states before the response do not vary", {}
    if why:
        missing["error-axis"] = why
    for (kind, target, draw), axis in axes.items():
        signs = (1, -1) if kind == "error-axis" else (1,)
        for dose in (sign * dose for dose in settings.doses for sign in signs):
            push = dict(push=push_along(axis, dose, unit))
            plan.append(_Try(kind, target, dose, unit_name, draw, push))
    return plan, missing


def _axes(trials, n_draws, rng):
    """Directions by (kind, target, draw): the error axis, random ones, those of shuffled outcomes."""
    axes = {("error-axis", "error axis", 0): error_axis(trials.states, trials.correct, trials.conditions)}
    for draw in range(n_draws):
        axes["random-direction", RANDOM, draw] = rng.normal(size=trials.states.shape[1])
        shuffled = trials.correct.copy()
        for k in np.unique(trials.batch):
            inside = trials.batch == k
            shuffled[inside] = rng.permutation(trials.correct[inside])
        axes["random-direction", SHUFFLED, draw] = error_axis(trials.states, shuffled, trials.conditions)
    return axes


def _among(order, fraction, n_units):
    """The first units of an order, as a mask over all of them."""
    chosen = np.zeros(n_units, bool)
    chosen[order[: round(fraction * len(order))]] = True
    return chosen


def _groups(kind, name, members, n_units, settings, rng):
    """Shares of a group silenced, and as many units anywhere; the whole group is one draw alone."""
    parts = []
    for draw in range(settings.n_draws):
        own, anywhere = rng.permutation(members), rng.permutation(n_units)[: len(members)]
        for fraction in settings.fractions:
            unit = f"share of a {kind}"
            if fraction < 1 or draw == 0:
                acts = dict(silenced=_among(own, fraction, n_units))
                parts.append(_Try(kind, name, fraction, unit, draw, acts))
            acts = dict(silenced=_among(anywhere, fraction, n_units))
            parts.append(_Try(kind, f"{UNITS} for {name}", fraction, unit, draw, acts))
    return parts


def _modules(cell):
    """The units of each module, by name; of a network of several."""
    regions = cell.model_settings.get("regions") or []
    if len(regions) < 2:
        return {}
    slices = region_slices(regions, cell.model_settings["n_units"])
    return {name: np.arange(part.start, part.stop) for name, part in slices.items()}


def _classes(network):
    """The excitatory and the inhibitory units, where units have signs."""
    signs = getattr(network, "signs", None)
    if signs is None:
        return {}
    return {
        name: np.flatnonzero(signs.numpy() * sign > 0)
        for name, sign in (("excitatory", 1), ("inhibitory", -1))
    }


def _why_no_axis(cell, correct):
    n_errors = int((~correct).sum())
    for name, n_trials in (("error", n_errors), ("correct", len(correct) - n_errors)):
        if n_trials < FEWEST_TRIALS:
            return f"because there are fewer than {FEWEST_TRIALS} {name} trials"
    return why_at_chance(correct, tasks.TASKS[cell.unit].chance)


@torch.no_grad()
def _before_response(cell, network, n_trials):
    """The test trials of a network; states are means over the last steps before the response."""
    states, correct, conditions, batch_of = [], [], [], []
    problem = RuleTask(cell.unit, batch_size=1, n_validation=N_AXIS_BATCHES, n_test=n_trials)
    for k, batch in enumerate(problem.test):
        outputs, run = network.run(batch.inputs)
        response = batch.epochs["response"][0]
        states.append(run[:, max(0, response - PRE_RESPONSE_STEPS) : response].mean(1).double().numpy())
        correct.append(tasks.accuracy(torch.sigmoid(outputs), batch).numpy() > 0)
        conditions.append(shown_conditions(batch))
        batch_of += [k] * len(correct[-1])
    batch_of = np.array(batch_of)
    # Batches differ in their durations: each has a constant of its own.
    constants = (batch_of[:, None] == np.arange(1, N_AXIS_BATCHES)).astype(float)
    conditions = np.hstack([np.concatenate(conditions), constants])
    return _Trials(np.concatenate(states), np.concatenate(correct), conditions, batch_of)


def slope_table(effects):
    """The slope of each perturbation over its doses above 0, beside those of its random counterparts.

    Parameters
    ----------
    effects : pandas.DataFrame
        `EFFECT_COLUMNS` of one network.

    Returns
    -------
    pandas.DataFrame
        `SLOPE_COLUMNS`. `effect` is the mean random slope less the own one: above 0 where what is aimed
        harms more. `p` is the share of random slopes, the own one among them, that are as low.
    """
    names = ["task", "model", "prior", "seed", "kind", "target", "epoch"]
    known = effects[effects["not_available"].eq("") & effects["dose"].gt(0)]
    groups = dict(list(known.groupby(names, sort=False)))
    drawn = {
        key: np.array([slope_of(rows["dose"], rows["change"]) for _, rows in group.groupby("draw")])
        for key, group in groups.items()
    }
    rows = []
    for key, group in groups.items():
        if key[4] == "random-direction" or str(key[5]).startswith(f"{UNITS} for"):
            continue
        mean = group.groupby("dose")["change"].mean()  # a whole module can be drawn in one way alone
        own = dict(slope=slope_of(mean.index, mean), n_draws=len(drawn[key]), not_available="")
        rows.append(dict(zip(names, key, strict=True)) | own | _compared(key, own["slope"], drawn))
    absent = effects.loc[effects["not_available"].ne(""), [*names, "not_available"]]
    return pd.concat([pd.DataFrame(rows), absent], ignore_index=True).reindex(columns=SLOPE_COLUMNS)


def _compared(key, slope, drawn):
    """How a slope lies among those of random units or directions."""
    *network, kind, target, epoch = key
    if kind in ("silence", "drive"):
        return dict(not_available=OWN_NULL)
    if kind != "error-axis":
        return _against(slope, drawn[(*network, kind, f"{UNITS} for {target}", epoch)])
    shuffled = _against(slope, drawn[(*network, "random-direction", SHUFFLED, epoch)])
    told = dict(slope_mean="random_slope_mean", effect="effect", p="p")
    return {f"shuffled_{name}": shuffled[at] for name, at in told.items()} | _against(
        slope, drawn[(*network, "random-direction", RANDOM, epoch)]
    )


def _against(own, random):
    as_low = np.sum(random <= own + 1e-12)
    return dict(
        random_slope_mean=float(random.mean()),
        random_slope_95=float(np.quantile(random, 0.05)),
        effect=float(random.mean() - own),
        p=float((1 + as_low) / (1 + len(random))),
        n_draws=len(random),
    )
