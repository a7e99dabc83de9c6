"""Lists of names in error messages, with the nearest one to what was asked for."""

from digimus import suggest


def listed(names, most=20):
    """Names as one line, cut after `most` of them."""
    names = [str(name) for name in names]
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"


def nearest(name, names):
    """``"Did you mean 'x'? "`` for the name closest to `name`, with a space to go on, or an empty string."""
    hint = suggest.nearest(name, names)
    return f"{hint} " if hint else ""
