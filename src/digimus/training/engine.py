"""The training loop: Adam on batches that depend on the seed and the update alone.

Because no random state is carried from one update to the next, a run that goes on from a checkpoint
ends with the same bits as one that was never stopped.
"""

import logging
import time
from dataclasses import asdict, dataclass

import numpy as np
import torch

from digimus.errors import InputError, TrainingError
from digimus.seeding import number

log = logging.getLogger(__name__)
SECONDS_BETWEEN_CHECKPOINTS = 20
SECONDS_BETWEEN_LINES = 10


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
    """

    n_updates: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    clip: float = 1.0
    validate_every: int = 50

    def as_dict(self):
        """Plain values, for provenance."""
        return asdict(self)


def choose_device(wanted):
    """The torch device for ``cpu``, ``cuda`` or ``auto``.

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
        Called with the state now and then.

    Returns
    -------
    dict of str to numpy.ndarray
        Curves: update, loss, motif_loss (the last one taken), and one array per validation metric.

    Raises
    ------
    TrainingError
        If the loss or a weight is no longer finite; what `keep` was given last is still good.
    """
    optimizer = torch.optim.Adam(
        model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    curves = {"update": [], "loss": [], "motif_loss": []}
    start = _restore(model, optimizer, curves, state) if state else 0
    kept_at = told_at = time.monotonic()
    motif_loss = curves["motif_loss"][-1] if start else float("nan")
    for update in range(start, settings.n_updates):
        loss, taken = _step(model, problem, settings, optimizer, seed, update, motif_term)
        motif_loss = motif_loss if taken is None else taken
        if (update + 1) % settings.validate_every == 0 or update + 1 == settings.n_updates:
            _check_weights(model, settings, seed, update)
            _validate(model, problem, curves, update + 1, loss, motif_loss)
            now = time.monotonic()
            if now - told_at > SECONDS_BETWEEN_LINES:
                told_at = now
                log.info("seed %s: update %d of %d, loss %.4g", seed, update + 1, settings.n_updates, loss)
            if keep and now - kept_at > SECONDS_BETWEEN_CHECKPOINTS and update + 1 < settings.n_updates:
                kept_at = now
                keep(_state(model, optimizer, curves, update + 1))
    return {name: np.array(values, dtype=float) for name, values in curves.items()}


def _step(model, problem, settings, optimizer, seed, update, motif_term):
    """One update; returns the loss and the motif loss, or None where the motif term was not taken."""
    model.train()
    torch.manual_seed(number(seed, "noise", update) % 2**63)
    inputs, answers = problem.training_batch(seed, update)
    loss = problem.loss(model(inputs), answers)
    total, motif_loss = loss, None
    if motif_term is not None and motif_term.is_due(update):
        penalty = motif_term(model.recurrent_weight, update)
        total = loss + penalty.to(loss.dtype)
        motif_loss = float(penalty.detach())
    optimizer.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_value_(model.parameters(), settings.clip)
    if not torch.isfinite(total):
        got = f"loss {float(loss.detach())}, motif term {motif_loss}"
        raise _not_finite("loss", settings, seed, update, got)
    optimizer.step()
    return float(loss.detach()), motif_loss


def _check_weights(model, settings, seed, update):
    """Stop before weights that are no numbers are kept: a potential that is nan gives no spike and hides."""
    for name, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise _not_finite("weights", settings, seed, update, f"{name} with infinite or missing values")


def _not_finite(what, settings, seed, update, got):
    return TrainingError(
        f"Training has left the finite numbers: {what}.",
        where=f"seed {seed}, update {update + 1} of {settings.n_updates}",
        expected=f"finite {what}",
        got=got,
        hint="Lower the learning rate or the weight of the motif term; the last checkpoint is kept.",
    )


def _validate(model, problem, curves, update, loss, motif_loss):
    model.eval()
    with torch.no_grad():
        metrics = problem.validate(model)
    for name, value in {"update": update, "loss": loss, "motif_loss": motif_loss, **metrics}.items():
        curves.setdefault(name, []).append(value)


def _state(model, optimizer, curves, update):
    """Everything that the next update needs, as flat arrays."""
    state = {"update": np.array(update)}
    for name, values in curves.items():
        state[f"curves/{name}"] = np.array(values, dtype=float)
    for name, parameter in model.named_parameters():
        state[f"model/{name}"] = parameter.detach().cpu().numpy()
        for key, value in optimizer.state[parameter].items():
            state[f"adam/{key}/{name}"] = torch.as_tensor(value).detach().cpu().numpy()
    return state


def _restore(model, optimizer, curves, state):
    """Set model, optimiser and curves to a state of `_state`; returns the next update's number."""
    for key in [key for key in state if key.startswith("curves/")]:
        curves[key.removeprefix("curves/")] = list(state[key])
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.as_tensor(state[f"model/{name}"]))
            optimizer.state[parameter] = {
                "step": torch.as_tensor(state[f"adam/step/{name}"]).clone(),
                **{
                    key: torch.as_tensor(state[f"adam/{key}/{name}"]).to(parameter.device, copy=True)
                    for key in ("exp_avg", "exp_avg_sq")
                },
            }
    return int(state["update"])
