"""Lists of names in error messages, with the nearest one to what was asked for."""

from digimus import suggest
from digimus.suggest import listed

__all__ = ["listed", "nearest"]


def nearest(name, names):
    """``"Did you mean 'x'? "`` for the name closest to `name`, with a space to go on, or an empty string."""
    hint = suggest.nearest(name, names)
    return f"{hint} " if hint else ""
