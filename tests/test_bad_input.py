"""Bad input to the library's own calls: each is refused with what, where, expected, got and a hint."""

from dataclasses import replace

import numpy as np
import pytest

from digimus.errors import InputError
from digimus.models import MotifTerm, build, match
from digimus.motifs import Prior
from digimus.motifs.priors import build_prior
from digimus.training import AllTasks, FitSettings, RateGrid, RuleTask, fit

PRIOR = Prior(
    name="mine", source="here", region="A", kind="region", enrichment=np.zeros(13), weight=np.ones(13),
    frequency=np.full(13, 1 / 13), reciprocity=0.1, density=0.1, n_neurons=50,
)  # fmt: skip
TERM = dict(loss="enrichment", weight=1.0, density=0.1, reciprocity_weight=1.0, n_updates=10)
AMOUNTS = dict(batch_size=4, n_validation=4, n_test=4)


def made(**settings):
    return build_prior("mine", settings, {"A": PRIOR}, 1)


def term(**settings):
    return MotifTerm(PRIOR, **{**TERM, **settings})


def guided_lstm():
    return fit(
        build("lstm", 85, 33, n_units=4), RuleTask("go", **AMOUNTS), FitSettings(n_updates=1), seed=1,
        motif_term=term(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("call", "where", "words"),
    [
        (lambda: made(kind="regoin", region="A"), "priors.mine.kind", "Did you mean 'region'?"),
        (lambda: made(region="A"), "priors.mine.kind", "erdos-renyi"),
        (lambda: made(kind="region"), "priors.mine.region", "nothing"),
        (lambda: made(kind="mean", region="A"), "priors.mine.regions", "nothing"),
        (lambda: MotifTerm(replace(PRIOR, weight=np.full(13, np.nan)), **TERM), "priors.mine", "finite"),
        (lambda: MotifTerm(replace(PRIOR, weight=np.full(13, -1.0)), **TERM), "priors.mine", "0 or more"),
        (lambda: term(weight=-1.0), "motif_term.weight", "at least 0"),
        (lambda: term(weight=float("nan")), "motif_term.weight", "nan"),
        (lambda: term(reciprocity_weight=-1), "motif_term.reciprocity_weight", "at least 0"),
        (lambda: term(density=0), "motif_term.density", "above 0 and below 1"),
        (lambda: term(density=2), "motif_term.density", "above 0 and below 1"),
        (lambda: term(every=0), "motif_term.every", "1 or more"),
        (lambda: term(n_updates=0), "motif_term.n_updates", "1 or more"),
        (guided_lstm, "motif_term", "LSTM"),
        (lambda: match(build, "lstm", 3, 2, 0), "wanted", "1 or more"),
        (lambda: RuleTask("go", **{**AMOUNTS, "batch_size": 0}), "batch_size", "1 or more"),
        (lambda: RuleTask("go", **{**AMOUNTS, "n_validation": 0}), "n_validation", "1 or more"),
        (lambda: RuleTask("go", **{**AMOUNTS, "n_test": -5}), "n_test", "-5"),
        (lambda: AllTasks([], **AMOUNTS), "tasks", "none"),
        (lambda: RateGrid((0.1,), n_updates=0).settings(FitSettings(n_updates=3), 0.1), "n_updates", "0"),
    ],
)
def test_a_call_with_bad_input_is_refused(call, where, words):
    with pytest.raises(InputError) as raised:
        call()
    error = raised.value
    assert where in error.where and words in str(error)
    assert all((error.what, error.expected, error.got, error.hint))


@pytest.mark.parametrize(
    "settings",
    [
        {"n_updates": 0}, {"n_updates": -3}, {"n_updates": 2.5}, {"validate_every": 0}, {"patience": 0},
        {"learning_rate": 0}, {"learning_rate": -1}, {"learning_rate": float("nan")}, {"clip": 0},
        {"clip": -1}, {"weight_decay": -1}, {"least_gain": -0.1}, {"schedule": "cos"},
    ],
)  # fmt: skip
def test_fit_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError) as raised:
        FitSettings(**{"n_updates": 3, **settings})
    error = raised.value
    assert next(iter(settings)) in error.where and repr(next(iter(settings.values()))) in error.got
