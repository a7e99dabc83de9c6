"""Baselines of equal size: the widths that give a wanted number of parameters."""

import logging
from dataclasses import dataclass

from digimus.errors import InputError
from digimus.models.settings import check_whole

log = logging.getLogger(__name__)
TOLERANCE = 0.05
CLOSE_ENOUGH = 0.01


@dataclass(frozen=True)
class Match:
    """Settings of a model of about a wanted size.

    Attributes
    ----------
    settings : dict
        With `n_units`, and with `n_hidden` where the units alone do not come close.
    n_parameters : int
    ratio : float
        Of the wanted number of parameters.
    """

    settings: dict
    n_parameters: int
    ratio: float


def n_parameters(model):
    """Number of trained parameters; weights that a mask or an absent projection keeps at 0 are none."""
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return trained - getattr(model, "n_fixed", 0)


def matched_settings(build, name, n_inputs, n_outputs, wanted, **settings):
    """Settings whose widths bring a model nearest to a wanted number of parameters; see `match`."""
    return match(build, name, n_inputs, n_outputs, wanted, **settings).settings


def match(build, name, n_inputs, n_outputs, wanted, **settings):
    """Find the widths of a model that bring it to a wanted number of parameters.

    The units come first, in the multiples that the model asks for. Where they end more than 1 % away and
    the model has a second width inside its blocks that is not given, that one is chosen too, for this
    number of units or one nearby.

    Parameters
    ----------
    build : callable
        `digimus.models.build`.
    name, n_inputs, n_outputs, **settings
        As for `build`, without `n_units`.
    wanted : int
        Number of parameters.

    Returns
    -------
    Match

    Raises
    ------
    InputError
        If no width comes within 5 %, or the wanted number is none.
    """
    from digimus.models import MODELS

    check_whole("wanted", wanted, hint="Take it from another model with digimus.models.n_parameters.")

    def size(**widths):
        return n_parameters(build(name, n_inputs, n_outputs, **settings, **widths))

    kind = MODELS.get(name)
    step = kind.unit_step(settings) if hasattr(kind, "unit_step") else 1
    units = step * _nearest(lambda k: size(n_units=k * step), wanted)
    best = {"n_units": units}
    two_widths = "n_hidden" in getattr(kind, "widths", ()) and "n_hidden" not in settings
    if two_widths and _gap(size(**best), wanted) > CLOSE_ENOUGH:
        best = _with_hidden(size, wanted, units, step)
    reached = size(**best)
    if _gap(reached, wanted) > TOLERANCE:
        raise InputError(
            f"No width of {name!r} comes within {TOLERANCE:.0%} of the wanted size.",
            where=f"models.{name}",
            expected=f"about {wanted} parameters",
            got=f"{reached} at width {best['n_units']}",
            hint="Give the reference model more units.",
        )
    log.info("%s: %s gives %d parameters, %.3f of %d", name, best, reached, reached / wanted, wanted)
    return Match({**settings, **best}, reached, reached / wanted)


def _with_hidden(size, wanted, units, step):
    """The best pair of widths among those near the units that came nearest alone."""
    pairs = []
    for near in (0, -1, 1, -2, 2):
        n_units = units + near * step
        if n_units < 1:
            continue
        hidden = _nearest(lambda k, n_units=n_units: size(n_units=n_units, n_hidden=k), wanted)
        widths = {"n_units": n_units, "n_hidden": hidden}
        pairs.append((_gap(size(**widths), wanted), len(pairs), widths))
        if pairs[-1][0] <= CLOSE_ENOUGH:
            break
    return min(pairs)[2]


def _nearest(size, wanted):
    """The whole number from 1 on whose size, which grows with it, is nearest to the wanted one."""
    low, high = 1, 2
    while size(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) < wanted else (low, middle)
    return min((low, high), key=lambda candidate: abs(size(candidate) - wanted))


def _gap(reached, wanted):
    return abs(reached / wanted - 1)
