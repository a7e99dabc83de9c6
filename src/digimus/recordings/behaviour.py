"""What the animal did in each trial: whether it erred, how hard the trial was, and when it responded."""

from dataclasses import dataclass

import numpy as np

from digimus.recordings.labels import class_name
from digimus.recordings.naming import listed
from digimus.recordings.settings import as_tuple, known_keys, put, wrong_setting
from digimus.recordings.trials import column, numbers, refused, times


@dataclass(frozen=True)
class Behaviour:
    """How the trial table tells errors from correct trials.

    Attributes
    ----------
    column : str, optional
        Trial column that says how the trial ended, such as a feedback; with `error`.
    error : tuple, optional
        Values of it that mean an error; all other values mean a correct trial.
    choice, answer : str, optional
        Instead: the columns of the choice made and of the right one. An error is where they differ.
    difficulty : str or (str, str), optional
        Trial column of how easy the trial is, or two whose absolute difference is that: smaller is harder.
    response_time : str, optional
        Trial column, in seconds, of the response. Activity from then on is not used to foretell the error.
    """

    column: str | None = None
    error: tuple | None = None
    choice: str | None = None
    answer: str | None = None
    difficulty: tuple | None = None
    response_time: str | None = None

    def __post_init__(self):
        put(self, "error", as_tuple(self.error))
        put(self, "difficulty", as_tuple(self.difficulty))
        by_value = self.column is not None and bool(self.error)
        by_answer = self.choice is not None and self.answer is not None
        given = [name for name in ("column", "error", "choice", "answer") if getattr(self, name)]
        if by_value == by_answer or len(given) != 2:
            expected = "either column and error, or choice and answer"
            raise wrong_setting("behaviour", expected, " and ".join(given) or "none of them")
        if self.difficulty is not None and len(self.difficulty) not in (1, 2):
            raise wrong_setting("behaviour.difficulty", "one column, or two", list(self.difficulty))

    @classmethod
    def from_config(cls, mapping):
        """From a mapping with these keys; another key raises InputError."""
        return cls(**known_keys(cls, mapping, "behaviour"))


def behaviour_of(session, settings, start_s, groups):
    """What the animal did in the trial of every sample.

    Parameters
    ----------
    session : Session
    settings : Behaviour
    start_s : array (n,)
        Time zero of each sample.
    groups : array of int (n,)
        Row of the trial that it is from.

    Returns
    -------
    dict of str to array (n,) of float, or None where not configured
        ``error``: 1 or 0, nan where unknown; ``difficulty``, smaller is harder; ``reaction_s``, from time
        zero to the response.

    Raises
    ------
    InputError
        If a column is absent or not numeric where it must be; if no choice is ever among the answers.
    """
    difficulty = reaction_s = None
    if settings.difficulty is not None:
        levels = [numbers(session, name) for name in settings.difficulty]
        difficulty = (levels[0] if len(levels) == 1 else np.abs(levels[0] - levels[1]))[groups]
    if settings.response_time is not None:
        reaction_s = times(session, settings.response_time)[groups] - start_s
    return {"error": _errors(session, settings)[groups], "difficulty": difficulty, "reaction_s": reaction_s}


def _errors(session, settings):
    """1 for an error, 0 for a correct trial, nan where it is unknown (n_trials,)."""
    if settings.column is not None:
        found = np.array([class_name(value) for value in column(session, settings.column)], object)
        wrong = np.isin(found, [class_name(value) for value in settings.error])
        return np.where(found == "", np.nan, wrong.astype(float))
    choice, answer = (
        np.array([class_name(value) for value in column(session, name)], object)
        for name in (settings.choice, settings.answer)
    )
    if not set(choice) & set(answer) - {""}:
        raise refused(
            session,
            f"The columns {settings.choice!r} and {settings.answer!r} have no value in common",
            f"intervals/trials/{settings.choice}",
            f"choices among {listed(sorted(set(answer)))}",
            listed(sorted(set(choice)), 10),
            "Name the columns of the choice and of the right answer, in the same words, or use "
            "`behaviour.column` with `behaviour.error`.",
        )
    return np.where((choice == "") | (answer == ""), np.nan, (choice != answer).astype(float))
