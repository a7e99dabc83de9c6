"""Baselines of equal size: the width that gives a wanted number of parameters."""

from digimus.errors import InputError

TOLERANCE = 0.05


def n_parameters(model):
    """Number of trained parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def matched_settings(build, name, n_inputs, n_outputs, wanted, **settings):
    """Settings whose `n_units` brings a model nearest to a wanted number of parameters.

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
    dict
        `settings` with `n_units`.

    Raises
    ------
    InputError
        If no width comes within 5 %.
    """
    low, high = 1, 2

    def size(width):
        return n_parameters(build(name, n_inputs, n_outputs, n_units=width, **settings))

    while size(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if size(middle) < wanted else (low, middle)
    width = min((low, high), key=lambda candidate: abs(size(candidate) - wanted))
    if abs(size(width) / wanted - 1) > TOLERANCE:
        raise InputError(
            f"No width of {name!r} comes within {TOLERANCE:.0%} of the wanted size.",
            where=f"models.{name}",
            expected=f"about {wanted} parameters",
            got=f"{size(width)} at width {width}",
            hint="Give the reference model more units.",
        )
    return {**settings, "n_units": width}
