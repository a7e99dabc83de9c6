"""The training loop: Adam on batches that depend on the seed and the update alone.

Because no random state is carried from one update to the next, a run that goes on from a checkpoint
ends with the same bits as one that was never stopped. Early stopping looks at the curves alone, so it
does not change that.
"""

import logging
import math
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch

from digimus.errors import InputError, TrainingError
from digimus.models import MODELS
from digimus.models.settings import check_number, check_whole
from digimus.seeding import number
from digimus.suggest import did_you_mean
from digimus.training.adam import Adam

log = logging.getLogger(__name__)
SECONDS_BETWEEN_CHECKPOINTS = 20
SECONDS_BETWEEN_LINES = 10
SCHEDULES = ("constant", "cosine")
FINAL_SHARE = 0.01
"""Of the learning rate, where a cosine ends."""


@dataclass(frozen=True)
class FitSettings:
    """How to train.

    Attributes
    ----------
    n_updates : int
    learning_rate, weight_decay : float
        Of Adam.
    clip : float
        Gradients are clipped to this size, element by element.
    validate_every : int
        Updates between validations; the last update is always validated.
    patience : int, optional
        Training stops after so many validations in a row without a lower validation loss; by default it
        never does. The weights at the stop are kept, not earlier ones.
    least_gain : float
        A loss counts as lower if it is below the lowest so far by more than this share of it.
    schedule : {"constant", "cosine"}
        The learning rate of an update: always the same, or falling over the updates from `learning_rate`
        to `FINAL_SHARE` of it along half a cosine (Loshchilov & Hutter 2017, without restarts).

    Raises
    ------
    InputError
        For an unknown schedule, or a number out of range.
    """

    n_updates: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip: float = 1.0
    validate_every: int = 50
    patience: int | None = None
    least_gain: float = 0.0
    schedule: str = "constant"

    def __post_init__(self):
        for name in ("n_updates", "validate_every"):
            check_whole(name, getattr(self, name), hint="See training.rules in config/README.md.")
        for name in ("learning_rate", "clip"):
            check_number(name, getattr(self, name), above=0)
        for name in ("weight_decay", "least_gain"):
            check_number(name, getattr(self, name), least=0)
        if self.patience is not None:
            check_whole("patience", self.patience, hint="None never stops early.")
        if self.schedule not in SCHEDULES:
            raise InputError(
                f"There is no schedule {self.schedule!r} of learning rates.",
                where="schedule",
                expected=f"one of {', '.join(SCHEDULES)}",
                got=repr(self.schedule),
                hint=did_you_mean(self.schedule, SCHEDULES),
            )

    def rate_at(self, update):
        """The learning rate of an update, counted from 0."""
        if self.schedule == "constant":
            return self.learning_rate
        fallen = (1 - math.cos(math.pi * update / self.n_updates)) / 2
        return self.learning_rate * (1 - (1 - FINAL_SHARE) * fallen)

    def as_dict(self):
        """Plain values, for provenance."""
        return asdict(self)


def choose_device(wanted):
    """The torch device for ``cpu``, ``cuda`` or ``auto``; convolutions on a GPU are made repeatable.

    Raises
    ------
    InputError
        If ``cuda`` is asked for and there is none.
    """
    if wanted == "cuda" and not torch.cuda.is_available():
        raise InputError(
            "No CUDA device can be used.",
            where="training.device",
            expected="a GPU that this build of torch can use",
            got="none",
            hint="Use device: cpu, or auto (a GPU where there is one), or a CUDA build of torch.",
        )
    chosen = "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"
    if chosen == "cuda":
        torch.backends.cudnn.deterministic = True
    log.info("device: %s (asked for: %s)", chosen, wanted)
    return torch.device(chosen)


def fit(model, problem, settings, *, seed, motif_term=None, state=None, keep=None):
    """Train a model in place.

    Parameters
    ----------
    model : torch.nn.Module
        Maps (batch, time, input) to (batch, time, output).
    problem : object
        Has ``training_batch(seed, update) -> (inputs, answers)``, ``loss(outputs, answers)`` and
        ``validate(model) -> dict of metric to value``.
    settings : FitSettings
    seed : int
    motif_term : digimus.models.MotifTerm, optional
        Added to the loss on `model.recurrent_weight`.
    state : dict of str to array, optional
        A state handed to `keep` earlier; training goes on from there.
    keep : callable, optional
        Called with the state now and then, and before training ends in an error.

    Returns
    -------
    dict of str to numpy.ndarray
        Curves: update, loss, motif_loss (the last one taken), gradient_norm and clipped_share (of that
        update's gradient: its norm before clipping, and the share of elements that were clipped), and
        one array per validation metric.

    Raises
    ------
    TrainingError
        If the loss, a gradient or a weight is no longer finite; `keep` is then given the state of the last
        validation before, which is still good.
    InputError
        If `settings.patience` is set and the problem has no ``validation_loss``.
    """
    check_motif_term(model, motif_term)
    optimizer = adam(model, settings)
    curves = {"update": [], "loss": [], "motif_loss": []}
    start = restored(model, optimizer, curves, state) if state else 0
    clock = Clock()
    motif_loss = curves["motif_loss"][-1] if start else float("nan")
    good = None
    for update in range(start, settings.n_updates):
        last = update + 1 == settings.n_updates
        validates = last or (update + 1) % settings.validate_every == 0
        try:
            step = _step(model, problem, settings, optimizer, seed, update, motif_term, watched=validates)
            if validates:
                _check_weights(model, settings, seed, update)
        except TrainingError:
            if keep and good:
                keep(good)
            raise
        motif_loss = motif_loss if step.motif_loss is None else step.motif_loss
        if not validates:
            continue
        validate(model, problem, curves, update + 1, step, motif_loss)
        if clock.is_time_to_tell():
            log.info("seed %s: update %d of %d, loss %.4g", seed, update + 1, settings.n_updates, step.loss)
        if not last and has_stalled(curves, settings):
            log.info("seed %s: stopped at update %d, the validation loss no longer falls", seed, update + 1)
            break
        if keep and not last:
            good = state_of(model, optimizer, curves, update + 1)
            if clock.is_time_to_keep():
                keep(good)
    return {name: np.array(values, dtype=float) for name, values in curves.items()}


class Clock:
    """When it is time for a line in the log, and for a checkpoint."""

    def __init__(self):
        self.told = self.kept = time.monotonic()

    def is_time_to_tell(self):
        now = time.monotonic()
        due = now - self.told > SECONDS_BETWEEN_LINES
        self.told = now if due else self.told
        return due

    def is_time_to_keep(self):
        now = time.monotonic()
        due = now - self.kept > SECONDS_BETWEEN_CHECKPOINTS
        self.kept = now if due else self.kept
        return due


def check_motif_term(model, motif_term):
    """Raise an InputError where a motif term has no recurrent weight to act on, or too few units."""
    if motif_term is None:
        return
    if model.recurrent_weight is None:
        raise InputError(
            "A motif term needs a network with a recurrent matrix between its units.",
            where="motif_term",
            expected="a model whose recurrent_weight is W[post, pre], such as digimus",
            got=f"{type(model).__name__}, whose recurrent_weight is None",
            hint="Train this model without a prior.",
        )
    kinds = (kind for kind, entry in MODELS.items() if entry is type(model))
    motif_term.check_units(len(model.recurrent_weight), next(kinds, type(model).__name__))


def adam(model, settings):
    """Adam on the parameters that are learnt, in torch's fused form: one pass over each.

    It gives the same bits whenever it is given the same state, and within rounding what the plain form does.
    """
    learnt = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return Adam(learnt, lr=settings.learning_rate, weight_decay=settings.weight_decay)


def noise_seed(seed, update):
    """The seed of the noise that a network draws in an update."""
    return number(seed, "noise", update) % 2**63


def _seed_noise(seed, update, device):
    # torch.manual_seed would ask every kind of device, which takes 0.2 ms.
    torch.default_generator.manual_seed(noise_seed(seed, update))
    if device.type == "cuda":
        torch.cuda.manual_seed(noise_seed(seed, update))


def has_stalled(curves, settings):
    """Whether the validation loss has not fallen for as many validations as `settings.patience`."""
    if settings.patience is None:
        return False
    if "validation_loss" not in curves:
        raise InputError(
            "Early stopping needs a validation loss, which this problem does not have.",
            where="training.rules.early_stopping",
            expected="a problem whose validate() gives validation_loss",
            got=f"{', '.join(curves)}",
            hint="Leave early stopping out.",
        )
    lowest, since = float("inf"), 0
    for loss in curves["validation_loss"]:
        if loss < lowest * (1 - settings.least_gain):
            lowest, since = loss, 0
        else:
            since += 1
    return since >= settings.patience


@dataclass(frozen=True)
class Step:
    """What one update found; the gradient's measures only where they were asked for."""

    loss: float
    motif_loss: float | None
    gradient_norm: float = float("nan")
    clipped_share: float = float("nan")


def _step(model, problem, settings, optimizer, seed, update, motif_term, watched):
    """One update; the motif loss is None where the motif term was not taken."""
    model.train()
    inputs, answers = problem.training_batch(seed, update)
    _seed_noise(seed, update, inputs.device)
    loss = problem.loss(model(inputs), answers)
    total, motif_loss = loss, None
    if motif_term is not None and motif_term.is_due(update):
        penalty = motif_term(model.recurrent_weight, update)
        total = loss + penalty.to(loss.dtype)
        motif_loss = float(penalty.detach())
    optimizer.zero_grad()
    total.backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    measures = _gradient_measures(gradients, settings.clip) if watched else {}
    torch.nn.utils.clip_grad_value_(model.parameters(), settings.clip)
    # Clipped gradients cannot overflow in a sum, so it is finite if and only if all of them are numbers.
    if not torch.isfinite(torch.stack([total.detach(), *(gradient.sum() for gradient in gradients)])).all():
        raise no_numbers(settings, seed, update, float(loss.detach()), motif_loss, float(total.detach()))
    for group in optimizer.param_groups:
        group["lr"] = settings.rate_at(update)
    optimizer.step()
    return Step(float(loss.detach()), motif_loss, **measures)


def _gradient_measures(gradients, clip):
    """Norm before clipping, and the share of elements beyond the clip."""
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in gradients]))
    clipped = sum((grad.abs() > clip).sum() for grad in gradients)
    return dict(
        gradient_norm=float(norm), clipped_share=float(clipped) / sum(grad.numel() for grad in gradients)
    )


def _check_weights(model, settings, seed, update):
    """Stop before weights that are no numbers are kept: a potential that is nan gives no spike and hides."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise no_finite_weights(settings, seed, update, name)


def no_finite_weights(settings, seed, update, name):
    """The error for a weight that is not finite."""
    return _not_finite("weights", settings, seed, update, f"{name} with infinite or missing values")


def no_numbers(settings, seed, update, loss, motif_loss, total):
    """The error for an update whose loss, or else its gradients, is not finite."""
    if not math.isfinite(total):
        return _not_finite("loss", settings, seed, update, f"loss {loss}, motif term {motif_loss}")
    return _not_finite("gradients", settings, seed, update, f"loss {loss}, gradients that are no numbers")


def _not_finite(what, settings, seed, update, got):
    return TrainingError(
        f"Training has left the finite numbers: {what}.",
        where=f"seed {seed}, update {update + 1} of {settings.n_updates}",
        expected=f"finite {what}",
        got=got,
        hint="Lower the learning rate or the weight of the motif term; the last good state, if any, is kept.",
    )


def validate(model, problem, curves, update, step, motif_loss):
    """Add a point to the curves."""
    model.eval()
    with torch.no_grad():
        metrics = problem.validate(model)
    about = {**asdict(step), "motif_loss": motif_loss}
    for name, value in {"update": update, **about, **metrics}.items():
        curves.setdefault(name, []).append(value)


def state_of(model, optimizer, curves, update):
    """Everything that the next update needs, as copied flat arrays."""
    state = {"update": np.array(update)}
    for name, values in curves.items():
        state[f"curves/{name}"] = np.array(values, dtype=float)
    for name, parameter in model.named_parameters():
        state[f"model/{name}"] = _copied(parameter)
        for key, value in optimizer.state.get(parameter, {}).items():
            state[f"adam/{key}/{name}"] = _copied(torch.as_tensor(value))
    return state


def _copied(tensor):
    return np.array(tensor.detach().cpu().numpy())


def restored(model, optimizer, curves, state):
    """Set model, optimiser and curves to a state of `state_of`; returns the next update's number."""
    for key in [key for key in state if key.startswith("curves/")]:
        curves[key.removeprefix("curves/")] = list(state[key])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.as_tensor(state[f"model/{name}"]))
            if f"adam/step/{name}" not in state:
                continue  # fixed, such as a mask
            optimizer.state[parameter] = {
                key: torch.as_tensor(state[f"adam/{key}/{name}"]).to(parameter.device, copy=True)
                for key in ("step", "exp_avg", "exp_avg_sq")
            }
    return int(state["update"])
