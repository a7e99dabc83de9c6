"""Datasets of recordings that take over the mapping of another one, so that one folder serves many labels."""

from copy import deepcopy

from digimus.errors import InputError
from digimus.suggest import did_you_mean

REPLACED = ("label", "behaviour")
"""Keys that are replaced whole, since what they hold belongs together."""


def with_likes(configuration):
    """The configuration with every dataset's ``like`` written out.

    A dataset with ``like: other`` has all keys of the other one but those that it names itself. Mappings in
    them are merged, lists, the label and the behaviour are replaced, and null takes a key away.

    Parameters
    ----------
    configuration : dict
        Not changed; need not have passed the schema, and entries may still be null.

    Returns
    -------
    dict

    Raises
    ------
    InputError
        If the other dataset is not there, or is made like this one.
    """
    recordings = configuration.get("recordings") if isinstance(configuration, dict) else None
    datasets = recordings.get("datasets") if isinstance(recordings, dict) else None
    if not isinstance(datasets, dict):
        return configuration
    whole = {name: _whole(name, datasets, ()) for name in datasets}
    return {**configuration, "recordings": {**recordings, "datasets": whole}}


def _whole(name, datasets, followed):
    """One dataset, written out; `followed` are the datasets that led here."""
    dataset = datasets[name]
    if not isinstance(dataset, dict) or dataset.get("like") is None:
        return dataset
    other, where = dataset["like"], f"recordings.datasets.{name}.like"
    if isinstance(other, str) and other in (*followed, name):
        raise InputError(
            "A dataset is like itself.",
            where=where,
            expected="a dataset that is not made like this one",
            got=" like ".join([*followed, name, other]),
            hint="Write one of them out.",
        )
    if not isinstance(other, str) or datasets.get(other) is None:
        known = [key for key, value in datasets.items() if value is not None and key != name]
        raise InputError(
            f"The dataset {name!r} is like one that the configuration does not have.",
            where=where,
            expected=f"one of {', '.join(known) or 'the other datasets, of which there is none'}",
            got=repr(other),
            hint=f"{other} is set to null; set {name} to null too, or write it out."
            if isinstance(other, str) and other in datasets
            else did_you_mean(str(other), known),
        )
    own = {key: value for key, value in dataset.items() if key != "like"}
    base = _whole(other, datasets, (*followed, name))
    return _merged(base, own) if isinstance(base, dict) else dataset


def _merged(base, own):
    merged = deepcopy(base)
    for key, value in own.items():
        both = isinstance(value, dict) and isinstance(base.get(key), dict) and key not in REPLACED
        merged[key] = _merged(base[key], value) if both else deepcopy(value)
    return merged
