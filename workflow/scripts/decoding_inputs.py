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
    """A function from a session to {split name: list of (train, test)}, for splits within sessions."""

    def splits(session):
        made = {}
        for name in names:
            if name == "blocked":
                made[name] = list(splitting.blocked(session.groups, session.start_s, n_folds, gap_trials))
            elif name == "interleaved":
                made[name] = list(splitting.interleaved(session.groups, session.labels, n_folds, seed))
        return made

    return splits


def across_of(names, n_folds, gap_trials):
    """A function from a session to its folds in the split ``sessions``, or None where that is not wanted."""
    if "sessions" not in names:
        return None
    return lambda session: list(splitting.blocked(session.groups, session.start_s, n_folds, gap_trials))


def shown_samples(path):
    """Samples of the dataset's example session that are drawn."""
    table = read_table(path, ["kind", "sample"])
    return table.loc[table["kind"] == "sample", "sample"].astype(int).tolist()
