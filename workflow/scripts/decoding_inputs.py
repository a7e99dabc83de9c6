"""What the two rules that decode share: prepared sessions and their splits."""

from pathlib import Path

from digimus.errors import InputError
from digimus.recordings import read_prepared
from digimus.recordings import splits as splitting
from digimus.storage import read_table


def used_sessions(path):
    """The dataset's table of sessions, and the prepared sessions that are used."""
    table = read_table(path, ["session", "animal", "status"], dtype={"session": str, "animal": str})
    used = table[table["status"] == "used"]
    return used, [read_prepared(Path(path).parent / f"{name}.h5") for name in used["session"]]


def splits_of(names, n_folds, gap_trials, seed):
    """A function from a session to {split name: list of (train, test)}, for splits within sessions.

    A split that a session has too few trials for is left out.
    """

    def splits(session):
        ways = {
            "blocked": splitting.blocked(session.groups, session.start_s, n_folds, gap_trials),
            "interleaved": splitting.interleaved(session.groups, session.labels, n_folds, seed),
        }
        made = {
            name: splitting.available(name, session.session_id, ways[name]) for name in names if name in ways
        }
        return {name: folds for name, folds in made.items() if folds}

    return splits


def across_of(names, n_folds, gap_trials):
    """A function from a session to its folds in the split ``sessions``, or None where that is not wanted.

    A session with too few trials has none.
    """
    if "sessions" not in names:
        return None

    def folds(session):
        made = splitting.blocked(session.groups, session.start_s, n_folds, gap_trials)
        return splitting.available("sessions", session.session_id, made)

    return folds


def check_splits(sessions, splits, across):
    """Refuse settings by which no session can be split; single ones with too few trials do without."""
    if not any(splits(session) or (across and across(session)) for session in sessions):
        raise InputError(
            "No session can be split.",
            where="training.decoding, n_folds and gap_trials",
            expected="trials for each fold, and others to train on, in one session at least",
            got="too few in every session; the log says how many",
            hint="Take fewer folds, or a smaller gap.",
        )


def shown_samples(path):
    """Samples of the dataset's example session that are drawn."""
    table = read_table(path, ["kind", "sample"])
    return table.loc[table["kind"] == "sample", "sample"].astype(int).tolist()
