"""Checks of the settings that models take, each an `InputError` that names the setting."""

import math
from numbers import Integral, Real

from digimus.errors import InputError
from digimus.suggest import did_you_mean


def check_whole(where, value, least=1, hint="128 or 256 units are usual."):
    """Raise an InputError unless the value is a whole number, `least` or more."""
    if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
        raise InputError(
            "A size must be a whole number of one or more."
            if least == 1
            else "A setting must be a whole number.",
            where=where,
            expected=f"an integer of {least} or more",
            got=repr(value),
            hint=hint,
        )


def check_number(where, value, *, above=None, least=None, most=None, below=None):
    """Raise an InputError unless the value is a finite number within its bounds."""
    bounds = {"above": above, "at least": least, "at most": most, "below": below}
    fine = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    fine = fine and (above is None or value > above) and (least is None or value >= least)
    fine = fine and (most is None or value <= most) and (below is None or value < below)
    if not fine:
        words = " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None)
        raise InputError(
            "A setting is out of range.",
            where=where,
            expected=f"a number {words}".strip(),
            got=repr(value),
            hint="config/README.md gives every setting with its range.",
        )


def check_choice(where, value, known, what):
    """Raise an InputError unless the value is one of the known names."""
    if value not in known:
        raise InputError(
            f"There is no {what} {value!r}.",
            where=where,
            expected=f"one of {', '.join(known)}",
            got=repr(value),
            hint=did_you_mean(value, known),
        )
