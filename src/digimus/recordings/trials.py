"""The trials of a session: which of them can be used, and their columns.

Single bad trials are dropped and counted, so that a slip of the rig costs a trial and not the session. A
session is refused where no trial is left, and where more than a tenth of them overlap in time [ours]: its
table is broken then, and its samples would share neural activity across folds.
"""

import numpy as np

from digimus.errors import InputError
from digimus.recordings.naming import listed, nearest

LARGEST_OVERLAPPING_SHARE = 0.1
OVERLAP_TOLERANCE_S = 1e-3  # what clocks of different devices differ by


def usable_trials(session, align):
    """Trials that have a time and a length, in the order of their time zero.

    Dropped and counted are repeated rows, trials without a start or an alignment time, trials that do not
    end after they start, and trials that start before the one before them ends. A missing stop time is no
    reason; windows that need one are dropped when they are cut.

    Parameters
    ----------
    session : Session
        Only `path` and `trials` are looked at.
    align : str
        Trial column, in seconds, that is time zero.

    Returns
    -------
    rows : array of int (n_usable,)
        Rows of `session.trials`.
    dropped : dict of str to int
        By reason.

    Raises
    ------
    InputError
        If there are no trials, none is left, or more than a tenth of them overlap.
    """
    trials = session.trials
    if len(trials) == 0:
        hint = (
            "Name the table of intervals that holds the trials as `trials_table`, or leave this recording "
            "out; `python -m digimus.recordings FILE` lists what a file offers."
        )
        expected = "at least one trial"
        raise refused(session, "A session has no trials", "intervals/trials", expected, "none", hint)
    start_s, stop_s, zero_s = (times(session, name) for name in ("start_time", "stop_time", align))
    checks = [  # whether each trial is bad; and what it means where all are, with the column to look at
        ("row repeated", trials.duplicated().to_numpy(), "", ""),
        ("start_time is not a number", np.isnan(start_s), "No trial has a start time", "start_time"),
        (f"{align} is not a number", np.isnan(zero_s), "No trial has an alignment time", align),
        ("stop_time is not after start_time", stop_s <= start_s, "All trials are empty", "stop_time"),
    ]
    rows, dropped = np.arange(len(trials)), {}
    for reason, bad, what, name in checks:
        dropped[reason] = dropped.get(reason, 0) + int(bad[rows].sum())
        rows = rows[~bad[rows]]
        if len(rows) == 0:
            got = f"none of {len(trials)} trials; dropped: {counted(dropped)}"
            expected = "trials that end after they start" if name == "stop_time" else "times in seconds"
            raise refused(session, what, f"intervals/trials/{name}", expected, got)
    rows = rows[np.argsort(start_s[rows], kind="stable")]
    overlapping = np.zeros(len(rows), bool)
    overlapping[1:] = start_s[rows[1:]] < stop_s[rows[:-1]] - OVERLAP_TOLERANCE_S
    check_overlap(
        session, overlapping, "trials start before the trial before them ends",
        "intervals/trials/stop_time", "Repair the times of the trials, or leave this recording out.",
    )  # fmt: skip
    dropped["starts before the trial before it ends"] = int(overlapping.sum())
    rows = rows[~overlapping]
    return rows[np.argsort(zero_s[rows], kind="stable")], dropped


def check_overlap(session, overlapping, what, where, hint):
    """Refuse a session of which more than a tenth of the trials or samples overlap in time."""
    if overlapping.sum() <= LARGEST_OVERLAPPING_SHARE * len(overlapping):
        return
    expected = f"at most {LARGEST_OVERLAPPING_SHARE:.0%}, since they would share neural activity across folds"
    got = f"{int(overlapping.sum())} of {len(overlapping)} {what}"
    raise refused(session, "Trials overlap in time", where, expected, got, hint)


def counted(dropped):
    """Reasons and their counts in one line, those that occurred alone."""
    return "; ".join(f"{reason}: {count}" for reason, count in dropped.items() if count) or "none"


def column(session, name):
    """The values of a trial column; an absent one raises InputError with the nearest name."""
    if name not in session.trials.columns:
        raise refused(
            session,
            f"The trials have no column {name!r}",
            f"intervals/trials/{name}",
            f"one of {listed(session.trials.columns)}",
            "no column of that name with one value a trial",
            nearest(name, session.trials.columns) + "Name a column of the trials in the configuration.",
        )
    return session.trials[name].to_numpy()


def numbers(session, name):
    """A trial column as floats."""
    values = column(session, name)
    try:
        return values.astype(float)
    except (TypeError, ValueError):
        where, expected = f"intervals/trials/{name}", "numbers, since they are compared or subtracted"
        got = f"text such as {values[0]!r}"
        raise refused(session, f"The column {name!r} is not numeric", where, expected, got) from None


def times(session, name):
    """A trial column as times, nan where one is not finite."""
    found_s = numbers(session, name)
    return np.where(np.isfinite(found_s), found_s, np.nan)


def event_times(session, names, setting):
    """All times of these events together, sorted."""
    for name in names:
        if name not in session.events:
            raise refused(
                session,
                f"There are no events {name!r}",
                setting,
                f"one of {listed(session.events)}" if session.events else "a file with events",
                name if session.events else "no events",
                nearest(name, session.events)
                + "`python -m digimus.recordings FILE` lists what a file offers.",
            )
    return np.sort(np.concatenate([session.events[name] for name in names]))


def refused(session, what, where, expected, got, hint=None):
    """The InputError of a session that cannot be used."""
    return InputError(
        f"{what}.",
        where=f"{session.path}, {where}",
        expected=expected,
        got=got,
        hint=hint
        or "Change the setting, or leave this recording out; "
        "`python -m digimus.recordings FILE` lists what a file offers.",
    )
