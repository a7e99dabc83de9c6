"""Sequence models with one interface: (batch, time, input) to (batch, time, output).

Every model is a `torch.nn.Module` whose call gives the raw readout, whose `run` gives readout and
states, and whose `recurrent_weight` is the (post, pre) matrix between its units, or None. A new model
is one module and one line in `MODELS`.
"""

import inspect

import torch

from digimus.errors import InputError
from digimus.models.lif import DigiMus
from digimus.models.lstm import LSTM
from digimus.models.motif_term import LOSSES, MotifTerm, soft_adjacency
from digimus.models.size import matched_settings, n_parameters
from digimus.models.surrogates import SURROGATES
from digimus.suggest import did_you_mean

MODELS = {"digimus": DigiMus, "lstm": LSTM}


def build(name, n_inputs, n_outputs, *, seed=0, **settings):
    """Make a model with its initial weights.

    Parameters
    ----------
    name : str
        A key of `MODELS`.
    n_inputs, n_outputs : int
    seed : int
        Of the initial weights.
    **settings
        Of the model; see its class.

    Returns
    -------
    torch.nn.Module

    Raises
    ------
    InputError
        For an unknown model, setting or surrogate, or a size below one.
    """
    if name not in MODELS:
        raise InputError(
            f"There is no model {name!r}.",
            where="models",
            expected=f"one of {', '.join(MODELS)}",
            got=name,
            hint=did_you_mean(name, MODELS),
        )
    known = [
        key
        for key in inspect.signature(MODELS[name]).parameters
        if key not in ("n_inputs", "n_outputs", "rng")
    ]
    for key, value in {"n_inputs": n_inputs, "n_outputs": n_outputs, **settings}.items():
        if key in settings and key not in known:
            raise InputError(
                f"The model {name!r} has no setting {key!r}.",
                where=f"models.{name}.{key}",
                expected=f"one of {', '.join(known)}",
                got=key,
                hint=did_you_mean(key, known),
            )
        if key in ("n_inputs", "n_outputs", "n_units") and not (isinstance(value, int) and value >= 1):
            raise InputError(
                "A model's size must be a whole number of one or more.",
                where=f"models.{name}.{key}",
                expected="an integer of 1 or more",
                got=repr(value),
                hint="128 or 256 units are usual.",
            )
    surrogate = settings.get("surrogate")
    if surrogate is not None and surrogate not in SURROGATES:
        raise InputError(
            f"There is no surrogate derivative {surrogate!r}.",
            where=f"models.{name}.surrogate",
            expected=f"one of {', '.join(SURROGATES)}",
            got=repr(surrogate),
            hint=did_you_mean(surrogate, SURROGATES),
        )
    return MODELS[name](n_inputs, n_outputs, rng=torch.Generator().manual_seed(seed), **settings)


__all__ = [
    "LOSSES",
    "LSTM",
    "MODELS",
    "DigiMus",
    "MotifTerm",
    "build",
    "matched_settings",
    "n_parameters",
    "soft_adjacency",
]
