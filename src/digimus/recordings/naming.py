"""Lists of names in error messages, with the nearest one to what was asked for."""

from difflib import get_close_matches


def listed(names, most=20):
    """Names as one line, cut after `most` of them."""
    names = [str(name) for name in names]
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"


def nearest(name, names):
    """``"Did you mean 'x'? "`` for the name closest to `name`, or an empty string."""
    by_lower = {str(candidate).lower(): str(candidate) for candidate in names}
    found = get_close_matches(str(name).lower(), by_lower, n=1, cutoff=0.6)
    return f"Did you mean {by_lower[found[0]]!r}? " if found else ""
