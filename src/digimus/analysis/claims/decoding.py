"""Claims on recordings: a prior improves decoding, by more than its controls, and above the clock."""

import pandas as pd

from digimus.analysis.claims.table import ABSTRACT, CONTROL, NO_PRIOR, OWN, Question, differences
from digimus.analysis.decoding.comparisons import paired_effects
from digimus.prior_roles import is_control, is_control_of

LEVELS = ("animal", "session", "seed")
KINDS = {"licking": "lick", "auditory": "audit", "visual": "visu"}
"""The abstract's kinds of recordings, and by which part of a dataset's name each is known."""


def decoding_claims(claims, scores, *, grid, smallest):
    """In each kind of recording: the prior helps, and DigiMus tells more than the clock.

    Of one split, the strictest within sessions that there is: blocked, else interleaved. Sessions are the
    units; files of one session under two names must have been set aside before.

    Parameters
    ----------
    claims : digimus.analysis.claims.table.Claims
    scores : pandas.DataFrame
        As in scores.csv. Balanced accuracy counts, of continuous targets R².
    grid : digimus.analysis.claims.every.Grid
    smallest : float
        Smallest effect of interest.
    """
    split = "blocked" if (scores["split"] == "blocked").any() else "interleaved"
    chosen = scores[(scores["split"] == split) & (scores["fold"].astype(str) == "all")]
    for dataset, priors in grid.datasets.items():
        here = chosen[chosen["benchmark"] == dataset]
        metric = "r2" if (here["metric"] == "r2").any() else "balanced_accuracy"
        here = here[here["metric"] == metric]
        about = _Recordings(claims, dataset, here, split, metric, smallest, grid)
        own = [prior for prior in priors if not is_control(prior, grid.priors)]
        for prior in own:
            about.prior_claims(prior, [name for name in priors if is_control_of(name, prior, grid.priors)])
        if not own:
            about.without_prior()
        about.clock_claims(own or [NO_PRIOR])
    for kind, part in KINDS.items():
        if not any(part in name.lower() for name in grid.datasets):
            reason = f"because no dataset of the configuration is named after {kind} recordings"
            _nothing(
                claims, f"a prior improves decoding of {kind} over structure-free", ABSTRACT, smallest, reason
            )
    if not any(is_control(prior, grid.priors) for priors in grid.datasets.values() for prior in priors):
        reason = "because no control of a prior was trained on recordings"
        _nothing(claims, "a prior improves decoding over its controls", CONTROL, smallest, reason)


class _Recordings:
    """The claims on one dataset."""

    def __init__(self, claims, dataset, scores, split, metric, smallest, grid):
        self.claims, self.dataset, self.scores, self.grid = claims, dataset, scores, grid
        self.smallest, self.unit = smallest, metric.replace("_", " ").replace("r2", "R²")
        self.test = f"signed rank over sessions, {split} folds"

    def _add(self, claim, effects, category, *priors, missing):
        question = Question("decoding of recordings", category, "decoding", LEVELS, self.unit, self.test)
        simulated = self.dataset in self.grid.simulated_datasets or self.grid.is_simulated(*priors)
        self.claims.add(
            question, claim, effects, smallest_effect=self.smallest, simulated=simulated, missing=missing
        )

    def prior_claims(self, prior, controls):
        """A prior against none, and against each of its controls."""
        for other in (NO_PRIOR, *controls):
            pairs = differences(
                self.scores, keys=list(LEVELS), model=OWN, prior=prior, other_model=OWN, other_prior=other
            )
            rival = "structure-free" if other == NO_PRIOR else f"control {other}"
            self._add(
                f"prior {prior} improves decoding of {self.dataset} over {rival}", pairs,
                ABSTRACT if other == NO_PRIOR else CONTROL, prior, other,
                missing="because no session was decoded by both",
            )  # fmt: skip

    def without_prior(self):
        """A row that says that no prior was trained."""
        self._add(
            f"a prior improves decoding of {self.dataset} over structure-free",
            pd.DataFrame(columns=[*LEVELS, "effect"]), ABSTRACT,
            missing="because no prior was trained on this dataset",
        )  # fmt: skip

    def clock_claims(self, priors):
        """DigiMus against the time since the last clock event, where a decoder of that is there."""
        clock = self.scores[self.scores["model"] == "clock"]
        for prior in priors if len(clock) else []:
            own = self.scores[(self.scores["model"] == OWN) & (self.scores["prior"] == prior)]
            name = "structure-free DigiMus" if prior == NO_PRIOR else f"DigiMus with prior {prior}"
            self._add(
                f"decoding of {self.dataset} by {name} is above the clock", paired_effects(own, clock),
                CONTROL, prior, missing="because no session was decoded by both",
            )  # fmt: skip


def _nothing(claims, claim, category, smallest, reason):
    question = Question(
        "decoding of recordings",
        category,
        "decoding",
        LEVELS,
        "balanced accuracy",
        "signed rank over sessions",
    )
    nothing = pd.DataFrame(columns=[*LEVELS, "effect"])
    claims.add(question, claim, nothing, smallest_effect=smallest, simulated=False, missing=reason)
