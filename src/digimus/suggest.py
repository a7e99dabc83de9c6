"""Hints for mistyped names."""

from difflib import get_close_matches


def did_you_mean(name, known):
    """A hint that names the closest of the known names, or all of them where none is close."""
    known = [str(candidate) for candidate in known]
    close = get_close_matches(str(name), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Known names: {', '.join(sorted(known)) or 'none'}."
