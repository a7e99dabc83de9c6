"""What the two rules on states share: prepared sessions of all datasets."""

from pathlib import Path

from decoding_inputs import used_sessions


def sessions_of(tables):
    """(dataset, session) for every prepared session that is used, from the datasets' tables of sessions."""
    return [(Path(path).parent.name, session) for path in tables for session in used_sessions(path)[1]]
