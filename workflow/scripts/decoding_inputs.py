"""What the two rules that decode share: prepared sessions and their splits."""

from pathlib import Path

from digimus.recordings import read_prepared
from digimus.recordings import splits as splitting
from digimus.storage import read_table


def used_sessions(path):
    """The dataset's table of sessions, and the prepared sessions that are used."""
    table = read_table(path, ["session", "animal", "status"], dtype={"session": str, "animal": str})
    used = table[table["status"] == "used"]
    return used, [read_prepared(Path(path).parent / f"{name}.h5") for name in used["session"]]


def splits_of(names, n_folds, gap_trials, seed):
    """A function from a prepared session to {split name: list of (train, test)}."""

    def splits(session):
        made = {}
        for name in names:
            if name == "blocked":
                made[name] = list(splitting.blocked(session.groups, session.start_s, n_folds, gap_trials))
            else:
                made[name] = list(splitting.interleaved(session.groups, session.labels, n_folds, seed))
        return made

    return splits
