"""A cell that decodes recordings: every session of a dataset, split by split, fold by fold, all seeds.

Within a session a network is trained for each fold. In the split ``sessions`` (ours) the core of a network,
its recurrent and readout weights, is trained on all other sessions, each with an input layer of its own; it
is then frozen, and for the held-out session an input layer alone is fitted on the training trials of each
of its blocked folds and scored on the trials held out.
"""

import inspect
import json
import logging
from dataclasses import dataclass, replace

import numpy as np

from digimus.models import MODELS, n_parameters
from digimus.recordings.splits import other_sessions
from digimus.seeding import number
from digimus.storage import write_arrays
from digimus.training.cells import checkpoint_path, fit_all, how_computed
from digimus.training.checkpoints import Checkpoint
from digimus.training.decoding_problem import (
    Decoding,
    SeveralSessions,
    WithInputLayers,
    behind_fresh_inputs,
    input_layer,
)
from digimus.training.engine import choose_device, fit
from digimus.training.rates import attempt, best_rate
from digimus.training.seeds import takes_seeds

log = logging.getLogger(__name__)
SESSIONS = "sessions"
"""The split that leaves one session out."""
INNER_SHARE = 0.2
"""Of the training trials of a fold, the last ones, on which learning rates and lengths are compared."""
INNER_SEED = 0
"""Of the networks that a length is chosen with, where there is no grid of rates with a seed of its own."""


@dataclass(frozen=True)
class _Job:
    """What is the same for every session of a cell."""

    cell: object
    settings: object
    batch_size: int
    input_dropout: float
    motif_term: object
    device: object
    grid: object
    at_once: bool

    def problem(self, session, train, test, **more):
        """The problem of a fold."""
        return Decoding(
            session.values, session.labels, train, test, n_classes=len(session.classes),
            batch_size=self.batch_size, input_dropout=self.input_dropout, observed=session.observed,
            device=self.device, **more,
        )  # fmt: skip


def train_decoders(
    path,
    cell,
    settings,
    sessions,
    *,
    splits,
    batch_size,
    motif_term,
    provenance,
    key,
    grid=None,
    input_dropout=0.0,
    across=None,
    input_width=32,
    across_weight_decay=None,
):
    """Train all seeds of a cell to decode every session of a dataset, fold by fold.

    Writes, per session, labels and sample times, and per seed and split the held-out class
    probabilities (samples x classes; nan for samples that no fold held out) or, where targets are
    continuous, predictions (samples), the same after every bin (``running``, samples x bins x classes or 1),
    and each sample's fold.

    With a grid of learning rates, each fold takes the one that does best on the last fifth of its
    training trials, after training on the others. With early stopping, each fold trains so until the loss on
    that fifth falls no longer, and then afresh on all its training trials, for the number of updates that had
    the lowest. The held-out samples have no part in either.

    Parameters
    ----------
    path, cell, settings, batch_size, motif_term, provenance, key
        As for `train_task`.
    sessions : sequence of digimus.recordings.Prepared
    splits : callable
        Maps a prepared session to {split name: list of (train, test) index arrays}.
    grid : RateGrid, optional
    input_dropout : float
        See `Decoding`.
    across : callable, optional
        Maps a prepared session to the list of (train, test) that its input layer is fitted on and scored on
        in the split ``sessions``; without it that split is left out. A session without folds, or without
        another one of equal classes, has no arrays in it; the log says so.
    input_width : int
        Inputs of the core in the split ``sessions``.
    across_weight_decay : float, optional
        Of the split ``sessions``; by default that of the settings. Input layer and core lie one behind the
        other, so that their penalties add up to more than that of one.
    """
    device = choose_device(cell.device)
    checkpoint = Checkpoint(checkpoint_path(path), key)
    largest, n_outputs = max(session.n_units for session in sessions), len(sessions[0].classes) or 1
    some = cell.make_model(largest, n_outputs, cell.seeds[0]).to(device)
    at_once = takes_seeds(cell.seeds_at_once, some, Decoding, device)
    job = _Job(cell, settings, batch_size, input_dropout, motif_term, device, grid, at_once)
    for n_done, session in enumerate(sessions, start=1):
        part = f"{session.session_id}"
        if not checkpoint.parts(f"{part}/labels"):
            arrays = _decode_session(job, session, splits(session))
            checkpoint.finish({f"{part}/{name}": values for name, values in arrays.items()})
            log.info("%s is decoded (%d of %d)", part, n_done, len(sessions))
    if across is not None:
        if across_weight_decay is not None:
            job = replace(job, settings=replace(settings, weight_decay=across_weight_decay))
        for held in range(len(sessions)):
            _decode_across(job, sessions, held, across, input_width, checkpoint)
    attributes = cell.attributes(largest, n_outputs) | how_computed(some, device, at_once)
    attributes["sessions"] = [session.session_id for session in sessions]
    attributes["fit_settings"] = json.dumps(settings.as_dict(), sort_keys=True)
    write_arrays(path, checkpoint.finished, provenance=provenance, attributes=attributes)
    checkpoint.remove()


def _decode_session(job, session, splits):
    cell = job.cell
    arrays = {"labels": session.labels, "start_s": session.start_s}
    for split, folds in splits.items():
        chosen = [_chosen_in(job, session, train) for train, _ in folds]
        arrays |= _search_arrays(job, split, chosen)
        kept = {seed: _HeldOut(session) for seed in cell.seeds}
        for fold, (train, test) in enumerate(folds):
            problem = job.problem(session, train, test)
            models = _fresh(job, session, problem, cell.seeds)
            found = fit_all(
                models, problem, chosen[fold].settings, cell.seeds, job.at_once, motif_term=job.motif_term
            )
            for seed, model, curve in zip(cell.seeds, models, found, strict=True):
                kept[seed].add(fold, test, problem, model, curve)
        for seed in cell.seeds:
            arrays |= {f"seed_{seed}/{split}/{name}": v for name, v in kept[seed].arrays().items()}
        arrays["n_parameters"] = np.array(n_parameters(models[0]))
    return arrays


class _HeldOut:
    """What one seed's networks say of the samples held out, gathered fold by fold."""

    def __init__(self, session):
        n_samples, n_bins = session.values.shape[:2]
        self.continuous = not len(session.classes)
        self.running = np.full((n_samples, n_bins, len(session.classes) or 1), np.nan, np.float32)
        self.fold_of, self.curves = np.full(n_samples, -1), []

    def add(self, fold, test, problem, model, curves):
        """The answers of a fold's network."""
        self.running[test] = problem.running(model)
        self.fold_of[test] = fold
        self.curves.append(curves)

    def arrays(self):
        """For the file; the training loss is the mean over folds, as far as all of them were trained."""
        last = self.running[:, -1]
        answers = {"predictions": last[:, 0]} if self.continuous else {"probabilities": last}
        n_points = min(len(curves["update"]) for curves in self.curves)
        losses = [curves["training_loss"][:n_points] for curves in self.curves]
        return answers | {
            "running": self.running,
            "fold": self.fold_of,
            "update": self.curves[0]["update"][:n_points],
            "training_loss": np.mean(losses, axis=0),
        }


def _fresh(job, session, problem, seeds):
    """A fresh network of each seed for a fold."""
    sizes = problem.n_inputs, problem.n_outputs
    return [
        job.cell.make_model(*sizes, seed, session.session_id, **_from_recording(job.cell, session)).to(
            job.device
        )
        for seed in seeds
    ]


def _from_recording(cell, session):
    """What a network takes from the recording, unless the configuration says otherwise.

    A spiking network's time step is the bin; the memories that an LSTM starts with are up to as long as a
    sample (ours).
    """
    known = inspect.signature(MODELS[cell.kind]).parameters
    found = {"dt_ms": session.bin_ms, "longest_memory": max(2, session.values.shape[1])}
    return {name: value for name, value in found.items() if name in known}


# Learning rate and length, by the last training trials


@dataclass(frozen=True)
class _Chosen:
    """The fit settings of a fold, and the losses of the rates that they were chosen from."""

    settings: object
    losses: list


def _searches(job):
    """Whether there is anything to choose."""
    return job.grid is not None or job.settings.patience is not None


def _chosen_in(job, session, train):
    """Learning rate and number of updates of a fold, from its training trials alone."""
    if not _searches(job):
        return _Chosen(job.settings, [])
    early, late = _inner(session, train)
    problem = job.problem(session, early, late, validates=True)
    return _chosen(job, problem, lambda seed: _fresh(job, session, problem, [seed])[0])


def _inner(session, train):
    """Training samples without those of the last trials in time, and those; a lone trial is both."""
    in_time = train[np.argsort(session.start_s[train], kind="stable")]
    trials = list(dict.fromkeys(session.groups[in_time].tolist()))
    if len(trials) == 1:
        return train, train
    last = trials[-max(1, round(INNER_SHARE * len(trials))) :]
    held = np.isin(session.groups[train], last)
    return train[~held], train[held]


def _chosen(job, problem, fresh):
    """Learning rate and number of updates with the lowest loss on a problem's held-out samples.

    `fresh` gives a network of a seed.
    """
    settings, losses = replace(job.settings, patience=None), []
    seed = INNER_SEED if job.grid is None else job.grid.seed
    if job.grid is not None:
        for rate in job.grid.rates:
            model = fresh(seed)
            ended = attempt(model, problem, job.grid.settings(job.settings, rate), seed=seed)
            losses.append(problem.held_out_loss(model) if ended else np.nan)
        settings = replace(settings, learning_rate=best_rate(job.grid.rates, losses))
    if job.settings.patience is not None:
        curves = fit(fresh(seed), problem, replace(settings, patience=job.settings.patience), seed=seed)
        best = int(np.argmin(curves["validation_loss"]))
        settings = replace(settings, n_updates=int(curves["update"][best]))
    return _Chosen(settings, losses)


def _search_arrays(job, split, chosen):
    """What was chosen in a split, per fold."""
    arrays = {}
    if job.grid is not None:
        arrays[f"search/{split}/learning_rate"] = np.array(job.grid.rates)
        arrays[f"search/{split}/validation_loss"] = np.array([fold.losses for fold in chosen])
        arrays[f"search/{split}/chosen"] = np.array([fold.settings.learning_rate for fold in chosen])
        n_updates = job.grid.settings(job.settings, 1.0).n_updates
        arrays[f"search/{split}/n_updates"] = np.array(n_updates)
    if job.settings.patience is not None:
        arrays[f"lengths/{split}"] = np.array([fold.settings.n_updates for fold in chosen])
    return arrays


# One session left out


def _decode_across(job, sessions, held, across, width, checkpoint):
    """Train cores on the other sessions and fit the held-out one's input layer, each seed a part."""
    session, name = sessions[held], sessions[held].session_id
    folds = across(session)
    if not folds:
        return
    others, reason = other_sessions(sessions, held)
    if not others:
        log.warning("%s: the split %s is not available: %s", name, SESSIONS, reason)
        return
    others = [sessions[k] for k in others]
    missing = [s for s in job.cell.seeds if not checkpoint.parts(f"{name}/seed_{s}/{SESSIONS}/")]
    if not missing:
        return
    chosen = _chosen_across(job, others, name, width)
    shared = SeveralSessions(_problems(job, others), batch_size=job.batch_size)
    of_folds = [(test, job.problem(session, train, test)) for train, test in folds]
    for seed in missing:
        part = f"{name}/seed_{seed}/{SESSIONS}"
        model = _joined(job, others, name, seed, width)
        fit(
            model,
            shared,
            chosen.settings,
            seed=seed,
            motif_term=job.motif_term,
            state=checkpoint.state_of(part),
            keep=lambda state, part=part: checkpoint.keep_state(part, state),
        )
        kept = _HeldOut(session)
        for fold, (test, problem) in enumerate(of_folds):
            start = number(seed, name, "input") % 2**63
            own = behind_fresh_inputs(model.core, problem.n_inputs, width, start).to(job.device)
            curves = fit(own, problem, chosen.settings, seed=seed)
            kept.add(fold, test, problem, own, curves)
        arrays = {f"seed_{seed}/{SESSIONS}/{key}": values for key, values in kept.arrays().items()}
        arrays |= _search_arrays(job, SESSIONS, [chosen])
        checkpoint.finish({f"{name}/{key}": values for key, values in arrays.items()})
        log.info("%s is decoded with seed %d by a network of %d other sessions", name, seed, len(others))


def _joined(job, others, name, seed, width):
    """A fresh core behind an input layer of each of the other sessions."""
    n_outputs = len(others[0].classes) or 1
    core = job.cell.make_model(width, n_outputs, seed, SESSIONS, name, **_from_recording(job.cell, others[0]))
    layers = [
        input_layer(other.n_units, width, number(seed, name, other.session_id) % 2**63) for other in others
    ]
    return WithInputLayers(core, layers).to(job.device)


def _problems(job, others):
    """Of each of the other sessions, all of whose samples are trained on."""
    everything = [np.arange(len(other.labels)) for other in others]
    return [job.problem(other, all_, all_[:0]) for other, all_ in zip(others, everything, strict=True)]


def _chosen_across(job, others, name, width):
    """Learning rate and number of updates, from the other sessions alone: by the last trials of each."""
    if not _searches(job):
        return _Chosen(job.settings, [])
    inner = [_inner(other, np.arange(len(other.labels))) for other in others]
    problems = [
        job.problem(other, early, late, validates=True)
        for other, (early, late) in zip(others, inner, strict=True)
    ]
    problem = SeveralSessions(problems, batch_size=job.batch_size)
    return _chosen(job, problem, lambda seed: _joined(job, others, name, seed, width))
