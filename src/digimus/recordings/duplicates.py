"""Which sessions are one recording, so that none is counted twice."""

import hashlib
from typing import NamedTuple

import numpy as np

ENOUGH = 100  # spikes or samples that two recordings do not have in common by chance


class Duplicate(NamedTuple):
    """Positions of two sessions of one recording, trials of the shorter that overlap the other's, and why."""

    first: int
    second: int
    n_overlapping: int
    reason: str


def content(spike_times, traces):
    """A hash of the neural signal, empty where there is too little of it to tell one recording by."""
    arrays = [] if spike_times is None else spike_times
    if traces is not None:
        arrays = [traces.times_s, traces.values]
    if sum(array.size for array in arrays) < ENOUGH:
        return ""
    digest = hashlib.blake2b(digest_size=16)
    for array in arrays:
        digest.update(str(array.shape).encode())
        digest.update(np.ascontiguousarray(array))
    return digest.hexdigest()


def find_duplicates(sessions):
    """Pairs of sessions that are the same recording.

    Two sessions are if they share animal and start time, and at least half of the trials of the shorter
    overlap in time with trials of the other. (Start times are often dates alone, and every session's
    clock may start at zero; trials that merely follow each other are two recordings.) They also are if
    their neural signals are equal in every value, whatever else the files say: a copy under another name.
    The identifier of a file tells nothing, as laboratories write the same one into all. Rules of ours.

    Parameters
    ----------
    sessions : sequence of Session
        Only `animal`, `start_time`, `trials` and `content` are looked at.

    Returns
    -------
    list of Duplicate
    """
    found = []
    for first, one in enumerate(sessions):
        for second in range(first + 1, len(sessions)):
            other = sessions[second]
            shorter, longer = sorted((one.trials, other.trials), key=len)
            if _equal_content(one, other):
                reason = "equal neural signals in every value"
                found.append(Duplicate(first, second, _n_overlapping(shorter, longer), reason))
            elif one.animal == other.animal and one.start_time == other.start_time:
                n_overlapping = _n_overlapping(shorter, longer)
                if n_overlapping and n_overlapping >= 0.5 * len(shorter):
                    overlap = f"{n_overlapping} of {len(shorter)} trials overlap in time"
                    reason = f"same animal and start time, and {overlap}"
                    found.append(Duplicate(first, second, n_overlapping, reason))
    return found


def _equal_content(one, other):
    return bool(getattr(one, "content", "")) and one.content == getattr(other, "content", "")


def _n_overlapping(trials, others):
    """How many of `trials` overlap in time with any of `others`."""
    start, stop = (trials[name].to_numpy(float)[:, None] for name in ("start_time", "stop_time"))
    other_start, other_stop = (others[name].to_numpy(float) for name in ("start_time", "stop_time"))
    return int(((start < other_stop) & (other_start < stop)).any(axis=1).sum())
