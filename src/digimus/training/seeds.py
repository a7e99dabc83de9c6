"""Several seeds of a model trained as one computation, as `digimus.training.engine.fit` trains one.

This is for GPUs, where a small recurrent network takes as long as its kernels need to be started; on a CPU
a spiking network is slower so than one seed after the other. Each seed has the batches, the noise, the
clipping, Adam and the curves that it has alone, up to the order of sums: batches of fewer steps are padded
at the end, where the loss does not look and a causal model's past does not either. Over some tens of updates
curves agree within 1e-5; in a long training rounding may carry a potential over the threshold, and the two
then part as two machines do. Going on from a checkpoint gives the same bits as never having stopped.

The device is waited for at validations alone: whether losses and gradients were finite is noted on it and
read there, so that an error names the update at which it arose, up to `validate_every` updates late. The
motif term waits too, where it is taken. Batches are drawn on the CPU, seed by seed, while the
device works. All of this was tested on a CPU and has not been run on a GPU.
"""

import logging

import numpy as np
import torch

from digimus.errors import TrainingError
from digimus.models.batched import Batched, can_batch
from digimus.training.engine import (
    Clock,
    Step,
    adam,
    check_motif_term,
    has_stalled,
    no_finite_weights,
    no_numbers,
    noise_seed,
    restored,
    state_of,
    validate,
)

log = logging.getLogger(__name__)


def takes_seeds(wanted, model, problem, device):
    """Whether the seeds of a cell are trained at once; a line in the log says why they are not.

    Parameters
    ----------
    wanted : bool or "auto"
        ``auto``: on a GPU.
    model : torch.nn.Module
    problem : object or type
    device : torch.device
    """
    if wanted is False or (wanted == "auto" and device.type != "cuda"):
        return False
    if not can_batch(model):
        log.info("seeds one by one: networks of class %s do not come together", type(model).__name__)
        return False
    if not (hasattr(problem, "training_batches") and hasattr(problem, "losses")):
        log.info("seeds one by one: the problem gives the batches of one seed only")
        return False
    log.info("seeds at once")
    return True


def fit_seeds(models, problem, settings, *, seeds, motif_term=None, state=None, keep=None):
    """Train the networks of several seeds in place.

    Parameters
    ----------
    models : sequence of torch.nn.Module
        One for each seed, of one class and shape; see `digimus.models.batched`.
    problem : object
        As for `fit`, and with ``training_batches(seeds, update) -> (inputs (seed, batch, time, input),
        answers, steps of each seed)`` and ``losses(outputs, answers)``, one for each seed.
    settings : FitSettings
        A seed that stops early is taken out; the others go on.
    seeds : sequence of int
    motif_term, state, keep
        As for `fit`. A state is of all seeds, and no state of `fit`.

    Returns
    -------
    list of dict of str to numpy.ndarray
        The curves of each seed, as `fit` gives them.

    Raises
    ------
    TrainingError
        If the loss, a gradient or a weight of any seed is no longer finite.
    InputError
        As `fit`, or for networks that cannot be evaluated together.
    """
    group = _Group(models, settings, seeds)
    check_motif_term(models[0], motif_term)
    start = group.restore(state) if state else 0
    clock, good, notes = Clock(), None, []
    for update in range(start, settings.n_updates):
        if not group.active:
            break
        last = update + 1 == settings.n_updates
        validates = last or (update + 1) % settings.validate_every == 0
        note = _step(group, problem, settings, update, motif_term, watched=validates)
        notes.append(note)
        if not validates:
            continue
        try:
            steps = group.read(notes)
        except TrainingError:
            if keep and good:
                keep(good)
            raise
        notes = []
        group.validate(problem, update + 1, steps)
        if clock.is_time_to_tell():
            losses = ", ".join(f"{step.loss:.4g}" for step in steps)
            log.info(
                "seeds %s: update %d of %d, losses %s", group.names(), update + 1, settings.n_updates, losses
            )
        if last:
            break
        group.end_stalled(update + 1)
        if keep and group.active:
            good = group.state(update + 1)
            if clock.is_time_to_keep():
                keep(good)
    return group.finish()


class _Group:
    """The seeds that are still trained, their optimiser, and the curves of all."""

    def __init__(self, models, settings, seeds):
        self.models, self.settings, self.seeds = list(models), settings, list(seeds)
        self.active = list(range(len(self.seeds)))
        self.curves = [{"update": [], "loss": [], "motif_loss": []} for _ in self.seeds]
        self.networks = Batched(self.models)
        self.optimizer = adam(self.networks.stacked, settings)

    def names(self):
        return ", ".join(str(self.seeds[k]) for k in self.active)

    def active_seeds(self):
        return [self.seeds[k] for k in self.active]

    def read(self, notes):
        """What the updates since the last validation found; the last one as a `Step` of each active seed."""
        values = torch.stack([note.found for note in notes]).cpu().numpy().astype(float)
        for note, (losses, penalties, totals, sums) in zip(notes, values, strict=True):
            for row, k in enumerate(self.active):
                if not np.isfinite([totals[row], sums[row]]).all():
                    motif_loss = float(penalties[row]) if note.took_motif_term else None
                    raise no_numbers(
                        self.settings, self.seeds[k], note.update, losses[row], motif_loss, totals[row]
                    )
        self._check_weights(notes[-1].update)
        taken = [found[1] for note, found in zip(notes, values, strict=True) if note.took_motif_term]
        norms, shares = notes[-1].measures.cpu().numpy().astype(float)
        steps = []
        for row, k in enumerate(self.active):
            before = self.curves[k]["motif_loss"][-1] if self.curves[k]["motif_loss"] else float("nan")
            motif_loss = float(taken[-1][row]) if taken else before
            steps.append(Step(float(values[-1][0][row]), motif_loss, float(norms[row]), float(shares[row])))
        return steps

    def _check_weights(self, update):
        parameters = dict(self.networks.stacked.named_parameters())
        fine = torch.stack([torch.isfinite(values).flatten(1).all(1) for values in parameters.values()])
        for name, of_row in zip(parameters, fine.cpu().numpy(), strict=True):
            for row, k in enumerate(self.active):
                if not of_row[row]:
                    raise no_finite_weights(self.settings, self.seeds[k], update, name)

    def validate(self, problem, update, steps):
        outputs = {}
        for row, (k, step) in enumerate(zip(self.active, steps, strict=True)):
            network = _Row(self.networks, row, outputs)
            validate(network, problem, self.curves[k], update, step, step.motif_loss)

    def end_stalled(self, update):
        """Take out the seeds whose validation loss no longer falls; their networks keep their weights."""
        on = []
        for row, k in enumerate(self.active):
            if has_stalled(self.curves[k], self.settings):
                log.info(
                    "seed %s: stopped at update %d, the validation loss no longer falls",
                    self.seeds[k],
                    update,
                )
                self.networks.write_to(self.models[k], row)
            else:
                on.append(row)
        if on and len(on) < len(self.active):
            self._keep_rows(on)
        self.active = [self.active[row] for row in on]

    def _keep_rows(self, rows):
        before, optimizer = self.networks, self.optimizer
        self.networks = before.only(rows)
        self.optimizer = adam(self.networks.stacked, self.settings)
        pairs = zip(before.stacked.parameters(), self.networks.stacked.parameters(), strict=True)
        for old, new in pairs:
            if old in optimizer.state:
                self.optimizer.state[new] = {
                    name: values.clone() if values.ndim == 0 else values[rows]
                    for name, values in optimizer.state[old].items()
                }

    def state(self, update):
        """As `engine.state_of`, with stacked parameters, and the networks of seeds that have ended."""
        state = state_of(self.networks.stacked, self.optimizer, {}, update)
        state["active"] = np.array(self.active)
        for k, curves in enumerate(self.curves):
            for name, values in curves.items():
                state[f"of/{k}/curves/{name}"] = np.array(values, dtype=float)
            if k not in self.active:
                for name, values in self.models[k].named_parameters():
                    state[f"of/{k}/model/{name}"] = np.array(values.detach().cpu().numpy())
        return state

    def restore(self, state):
        """Set everything to a state; returns the next update's number."""
        for k, model in enumerate(self.models):
            start = f"of/{k}/curves/"
            self.curves[k] = {
                name.removeprefix(start): list(values)
                for name, values in state.items()
                if name.startswith(start)
            }
            with torch.no_grad():
                for name, values in model.named_parameters():
                    if f"of/{k}/model/{name}" in state:
                        values.copy_(torch.as_tensor(state[f"of/{k}/model/{name}"]))
        active = [int(k) for k in state["active"]]
        if active != self.active:
            self._keep_rows(active)
            self.active = active
        return restored(self.networks.stacked, self.optimizer, {}, state)

    def finish(self):
        """Write the weights to the networks; the curves of all seeds."""
        for row, k in enumerate(self.active):
            self.networks.write_to(self.models[k], row)
        return [
            {name: np.array(values, dtype=float) for name, values in curves.items()} for curves in self.curves
        ]


class _Row:
    """One network of several, as a validation calls it; all are evaluated at the first call with an input."""

    def __init__(self, networks, row, outputs):
        self.networks, self.row, self.outputs = networks, row, outputs

    def eval(self):
        return self

    def __call__(self, inputs):
        if id(inputs) not in self.outputs:
            # The inputs are kept too, so that no others get their id.
            self.outputs[id(inputs)] = inputs, self.networks(inputs)
        return self.outputs[id(inputs)][1][self.row]


class _Note:
    """What an update found, still on the device.

    Attributes
    ----------
    update : int
    found : torch.Tensor, shape (4, seed)
        Loss, motif loss, their sum, and the sum of the clipped gradients.
    took_motif_term : bool
    measures : torch.Tensor, shape (2, seed), or None
        Norm of the gradient before clipping, and the share of its elements that were clipped.
    """

    def __init__(self, update, found, took_motif_term, measures):
        self.update, self.found, self.measures = update, found, measures
        self.took_motif_term = took_motif_term


def _step(group, problem, settings, update, motif_term, watched):
    """One update of all active seeds."""
    networks, seeds = group.networks, group.active_seeds()
    inputs, answers, lengths = problem.training_batches(seeds, update)
    noise = networks.noise([noise_seed(seed, update) for seed in seeds], lengths, inputs.shape[1])
    losses = problem.losses(networks(inputs, noise), answers)
    totals, penalties, due = losses, torch.zeros_like(losses), False
    if motif_term is not None and motif_term.is_due(update):
        weights = networks.recurrent_weight
        penalties = torch.stack([motif_term(weight, update) for weight in weights]).to(losses.dtype)
        totals, due = losses + penalties, True
    group.optimizer.zero_grad()
    totals.sum().backward()
    gradients = [values.grad for values in networks.stacked.parameters() if values.grad is not None]
    measures = _measures(gradients, settings.clip) if watched else None
    torch.nn.utils.clip_grad_value_(networks.stacked.parameters(), settings.clip)
    sums = torch.stack([gradient.flatten(1).sum(1) for gradient in gradients]).sum(0)
    for parameters in group.optimizer.param_groups:
        parameters["lr"] = settings.rate_at(update)
    group.optimizer.step()
    found = torch.stack([losses.detach(), penalties.detach(), totals.detach(), sums.to(losses.dtype)])
    return _Note(update, found, due, measures)


def _measures(gradients, clip):
    """Norm before clipping and the share of elements beyond the clip of each seed, shape (2, seed)."""
    rows = [gradient.flatten(1) for gradient in gradients]
    norms = torch.stack([torch.linalg.vector_norm(row, dim=1) for row in rows])
    clipped = torch.stack([(row.abs() > clip).sum(1) for row in rows]).sum(0)
    share = clipped / sum(row.shape[1] for row in rows)
    return torch.stack([torch.linalg.vector_norm(norms, dim=0), share.to(norms.dtype)])
