"""How a trial is known to be an error, from the configuration to the prepared file."""

from dataclasses import replace

import numpy as np
import pytest

from digimus.errors import InputError
from digimus.recordings import prepare, read_prepared, write_prepared
from test_preparation import refusal, session, settings, trials

SIDES = np.resize(["left", "right"], 20)


def test_a_value_means_an_error_and_a_missing_one_nothing():
    feedback = np.where(np.arange(20) % 5 == 0, -1.0, 1.0)
    feedback[3] = np.nan
    table = trials(20, feedback=feedback, right=np.tile([0.25, 1.0], 10), left=np.full(20, 0.5))
    made = dict(column="feedback", error=[-1], difficulty=["right", "left"])
    prepared = prepare(session(table), settings(behaviour=made))
    np.testing.assert_array_equal(prepared.error, np.where(np.isnan(feedback), np.nan, feedback < 0))
    np.testing.assert_array_equal(prepared.difficulty, np.tile([0.25, 0.5], 10))
    assert prepared.reaction_s is None


def test_a_choice_unlike_the_answer_is_an_error_and_reactions_run_from_time_zero():
    choice = np.where(np.arange(20) < 4, np.roll(SIDES, 1), SIDES)
    times = np.arange(20) + 1.0 + 0.3
    times[7] = np.nan
    table = trials(20, choice=choice, responded=times, cue=np.arange(20) + 1.1)
    made = dict(choice="choice", answer="side", response_time="responded")
    prepared = prepare(session(table), settings(behaviour=made, align="cue"))
    np.testing.assert_array_equal(prepared.error, np.arange(20) < 4)
    np.testing.assert_allclose(prepared.reaction_s, np.where(np.arange(20) == 7, np.nan, 0.2))


def test_behaviour_follows_the_samples_that_are_kept():
    feedback = np.arange(20) % 2 * 2 - 1
    table = trials(20, feedback=feedback, which=np.resize(["a", "b", "c"], 20))
    label = {"column": "which", "values": ["a", "b"]}
    prepared = prepare(session(table), settings(label=label, behaviour=dict(column="feedback", error=[-1])))
    np.testing.assert_array_equal(prepared.error, feedback[prepared.groups] < 0)
    assert prepared.n_samples == 14


@pytest.mark.parametrize(
    ("behaviour", "part"),
    [
        (dict(column="side"), "either column and error, or choice and answer"),
        (dict(choice="side"), "either column and error, or choice and answer"),
        (dict(column="a", error=[1], choice="side", answer="b"), "either column and error"),
        (dict(column="a", error=[1], difficulty=["a", "b", "c"]), "one column, or two"),
        (dict(column="a", eror=[1]), "Did you mean 'error'"),
    ],
)
def test_settings_that_cannot_be_are_refused(behaviour, part):
    with pytest.raises(InputError) as caught:
        settings(behaviour=behaviour)
    assert part in str(caught.value)


def test_windows_of_a_trial_have_no_error_of_their_own():
    with pytest.raises(InputError, match="one sample a trial"):
        settings(behaviour=dict(column="a", error=[1]), window_ms=None, split_windows_ms=400)


@pytest.mark.parametrize(
    ("behaviour", "parts"),
    [
        (dict(column="feedbak", error=[-1]), ["feedbak", "'feedback'"]),
        (dict(choice="side", answer="anser"), ["anser", "'answer'"]),
        (dict(choice="side", answer="answer"), ["no value in common", "1, 2", "left, right"]),
        (dict(column="feedback", error=[-1], difficulty="side"), ["not numeric", "text such as"]),
        (dict(column="feedback", error=[-1], response_time="gone"), ["no column 'gone'"]),
    ],
)
def test_a_wrong_column_is_named_with_the_nearest(behaviour, parts):
    table = trials(20, feedback=[1, -1], answer=[1, 2])
    found = str(refusal(prepare, session(table), settings(behaviour=behaviour)))
    for part in parts:
        assert part in found, found


def test_behaviour_is_kept_in_the_file_and_the_hash_of_other_sessions_is_not_changed(tmp_path):
    table = trials(20, feedback=[1, -1, 1, 1], easy=[0.1, 0.2])
    plain = prepare(session(table), settings())
    made = dict(column="feedback", error=[-1], difficulty="easy")
    told = prepare(session(table), settings(behaviour=made))
    assert replace(told, error=None, difficulty=None).digest == plain.digest != told.digest
    assert replace(told, error=1 - told.error).digest != told.digest
    write_prepared(tmp_path / "a.h5", told, {})
    again = read_prepared(tmp_path / "a.h5")
    np.testing.assert_array_equal(again.error, told.error)
    np.testing.assert_array_equal(again.difficulty, told.difficulty)
    assert again.reaction_s is None and again.digest == told.digest
    write_prepared(tmp_path / "b.h5", plain, {})
    assert read_prepared(tmp_path / "b.h5").error is None
