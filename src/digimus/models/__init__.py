"""Sequence models with one interface: (batch, time, input) to (batch, time, output).

Every model is a `torch.nn.Module` whose call gives the raw readout, whose `run` gives readout and
states, and whose `recurrent_weight` is the (post, pre) matrix between its units, or None. A new model
is one module and one line in `MODELS`.
"""

import inspect

import torch

from digimus.errors import InputError
from digimus.models.alif import ALIF
from digimus.models.gru import GRU
from digimus.models.leaky import LeakyRNN
from digimus.models.lif import DigiMus
from digimus.models.lru import LRU
from digimus.models.lstm import LSTM
from digimus.models.motif_term import LOSSES, MotifTerm, RegionTerms, soft_adjacency
from digimus.models.settings import check_whole
from digimus.models.size import match, matched_settings, n_parameters
from digimus.models.tcn import TCN
from digimus.models.transformer import Transformer
from digimus.suggest import did_you_mean

MODELS = {
    "digimus": DigiMus,
    "lstm": LSTM,
    "gru": GRU,
    "tcn": TCN,
    "transformer": Transformer,
    "leaky": LeakyRNN,
    "alif": ALIF,
    "lru": LRU,
}


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
        For an unknown model or setting, a size below one, or a value that the model refuses.
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
        if key in ("n_inputs", "n_outputs", "n_units"):
            check_whole(f"models.{name}.{key}", value)
    return MODELS[name](n_inputs, n_outputs, rng=torch.Generator().manual_seed(seed), **settings)


__all__ = [
    "ALIF",
    "GRU",
    "LOSSES",
    "LRU",
    "LSTM",
    "MODELS",
    "TCN",
    "DigiMus",
    "LeakyRNN",
    "MotifTerm",
    "RegionTerms",
    "Transformer",
    "build",
    "match",
    "matched_settings",
    "n_parameters",
    "soft_adjacency",
]
