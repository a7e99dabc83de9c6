"""Hints for mistyped names."""

from difflib import get_close_matches


def nearest(name, known):
    """``"Did you mean 'x'?"`` for the known name closest to `name` in any case, or an empty string."""
    by_lower = {str(candidate).lower(): str(candidate) for candidate in known}
    close = get_close_matches(str(name).lower(), by_lower, n=1)
    return f"Did you mean {by_lower[close[0]]!r}?" if close else ""


def did_you_mean(name, known):
    """A hint that names the closest of the known names, or all of them where none is close."""
    known = [str(candidate) for candidate in known]
    return nearest(name, known) or f"Known names: {', '.join(sorted(known)) or 'none'}."


def listed(names, most=20):
    """Names as one line, cut after `most` of them."""
    names = [str(name) for name in names]
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) + more) or "none"
