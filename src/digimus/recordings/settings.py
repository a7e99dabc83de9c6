"""What the settings of a preparation share: their checks, and the errors that name them."""

from dataclasses import fields

import numpy as np

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest


def wrong_setting(name, expected, got, hint=""):
    """The InputError of a setting that cannot be used."""
    return InputError(
        f"The setting {name} is not right.",
        where=f"preparation of recordings, {name}",
        expected=expected,
        got=got,
        hint=hint + "Correct it in the configuration.",
    )


def known_keys(cls, mapping, where):
    """The mapping as a dict; a key that is no field of the dataclass raises InputError."""
    names = [field.name for field in fields(cls)]
    if not hasattr(mapping, "keys"):
        raise wrong_setting(where, f"a mapping with keys among {listed(names)}", repr(mapping))
    for key in mapping:
        if key not in names:
            raise wrong_setting(f"{where}.{key}", f"one of {listed(names)}", key, nearest(key, names))
    return dict(mapping)


def put(settings, name, value):
    """Set a field of a frozen dataclass while it is made."""
    object.__setattr__(settings, name, value)


def as_tuple(value):
    """None stays; one value alone becomes a tuple of one."""
    if value is None:
        return None
    return (value,) if isinstance(value, str) or not hasattr(value, "__iter__") else tuple(value)


def positive(name, value):
    """A finite number above zero, as a float."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not 0 < value < np.inf:
        raise wrong_setting(name, "a positive number", repr(value))
    return float(value)


def window(name, value):
    """Start and end in ms, the start first."""
    try:
        start, stop = (float(edge) for edge in value)
    except (TypeError, ValueError):
        raise wrong_setting(name, "start and end in ms", repr(value)) from None
    if not (np.isfinite([start, stop]).all() and start < stop):
        raise wrong_setting(name, "a start before its end, in ms", [start, stop])
    return (start, stop)
