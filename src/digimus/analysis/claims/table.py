"""The table of claims: each with its test, effect, interval, corrected p and verdict, computed from tables.

What is claimed stands in the modules `motifs`, `rules`, `decoding` and `learnt` beside this one;
`digimus.analysis.claims.every` asks all of it. Every effect is signed so that the claim is positive. The unit
of inference is the task for claims on rule tasks (seeds averaged first), the session for recordings, the
region for motifs.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from digimus.analysis.statistics import (
    FEWEST_UNITS,
    bootstrap_interval,
    hierarchical_bootstrap,
    nested_mean,
    signed_rank_p,
    verdict,
    widening,
)
from digimus.motifs.pvalues import benjamini_hochberg
from digimus.seeding import stream

COLUMNS = (
    "claim", "category", "topic", "test", "n", "effect", "ci_low", "ci_high", "p_corrected",
    "smallest_effect", "verdict", "figure", "unit", "effect_unit", "p", "n_tests", "ci90_low", "ci90_high",
    "scale", "simulated", "note", "not_available",
)  # fmt: skip
ABSTRACT, CONTROL, CAUSAL = "abstract", "control", "causal"
OWN, NO_PRIOR = "digimus", "none"
NO_CELL = "because no cell of the grid holds what this claim needs"


@dataclass(frozen=True)
class Question:
    """What claims of one kind share.

    Attributes
    ----------
    topic : str
    category : str
        ``abstract``, ``control`` or ``causal``.
    figure : str
        Name of the figure that shows it.
    levels : tuple of str
        Nested units from the outermost; the unit of inference is ``session`` where it is among them, else
        the first one.
    effect_unit, test : str
    """

    topic: str
    category: str
    figure: str
    levels: tuple
    effect_unit: str
    test: str

    @property
    def unit(self):
        """The unit of inference."""
        return "session" if "session" in self.levels else self.levels[0]

    @property
    def outer(self):
        """The columns that tell units of inference apart."""
        return list(self.levels[: self.levels.index(self.unit) + 1])


class Claims:
    """Collects claims; verdicts are given at the end, once all p-values are known."""

    def __init__(self, seed):
        self.seed, self.rows = seed, []

    def add(
        self,
        question,
        claim,
        effects,
        *,
        smallest_effect,
        simulated,
        p=None,
        interval=None,
        against=None,
        scale=None,
        note="",
        missing=NO_CELL,
    ):
        """Add a claim from a table of effects.

        Parameters
        ----------
        question : Question
        claim : str
        effects : pandas.DataFrame
            Columns `question.levels` and ``effect``, one row an observation; nan is not known.
        smallest_effect : float
        simulated : bool
        p : float, optional
            If not the signed-rank test over units.
        interval : callable, optional
            Level to (low, high), if not the bootstrap over units.
        against : pandas.DataFrame, optional
            A second, independent group of units: the effect is the first group's mean less this one's.
        scale : float, optional
            What figures show effects as multiples of, if not the smallest effect.
        note : str
        missing : str
            Why nothing is known, where that is so.
        """
        groups = [effects] if against is None else [effects, against]
        groups = [_known(group, question) for group in groups]
        row = dict.fromkeys(COLUMNS, np.nan) | dict(
            claim=claim, category=question.category, topic=question.topic, test=question.test,
            n=sum(group.groupby(question.outer).ngroups for group in groups), figure=question.figure,
            smallest_effect=smallest_effect, unit=question.unit, effect_unit=question.effect_unit,
            scale=smallest_effect if scale is None else scale, simulated=bool(simulated), note=note,
            not_available="",
        )  # fmt: skip
        if all(len(group) for group in groups):
            row |= self._estimate(claim, groups, question, interval)
            row["p"] = row["p"] if p is None else p
        else:
            row["not_available"] = missing
        if 0 < row["n"] < FEWEST_UNITS:
            few = f"fewer than {FEWEST_UNITS} independent units"
            row["note"] = "; ".join(filter(None, [note, few]))
        self.rows.append(row)

    def _estimate(self, claim, groups, question, interval):
        """Effect, intervals and signed-rank p; of two groups, the first less the second."""
        levels = list(question.levels)
        signs = (1, -1)[: len(groups)]
        means = [nested_mean(group, levels, "effect") for group in groups]
        effect = float(np.dot(signs, means))
        if interval is None:
            deviations = [
                sign * (hierarchical_bootstrap(group, levels, "effect", self._stream(claim, sign)) - mean)
                for sign, group, mean in zip(signs, groups, means, strict=True)
            ]
            counts = [group.groupby(question.outer).ngroups for group in groups]

            def interval(level):
                wide = [widening(n, level) * d for n, d in zip(counts, deviations, strict=True)]
                return bootstrap_interval(sum(wide), effect, level)

        per_unit = groups[0].groupby(levels)["effect"].mean()
        for n_levels in range(len(levels) - 1, len(question.outer) - 1, -1):
            per_unit = per_unit.groupby(level=list(range(n_levels))).mean()
        (low, high), (low90, high90) = interval(0.95), interval(0.9)
        return dict(
            effect=effect, ci_low=low, ci_high=high, ci90_low=low90, ci90_high=high90,
            p=signed_rank_p(per_unit),
        )  # fmt: skip

    def _stream(self, claim, sign):
        return stream(self.seed, "claims", claim, sign)

    def table(self):
        """All claims with corrected p-values and verdicts, category by category.

        p is corrected (Benjamini and Hochberg) over the `n_tests` claims of a category that have one: those
        of the abstract are one family, whatever controls a run adds, and the controls another. Ours.
        """
        table = pd.DataFrame(self.rows, columns=COLUMNS)
        for rows in table.groupby("category").groups.values():
            p = table.loc[rows, "p"].to_numpy(float)
            table.loc[rows, "p_corrected"] = benjamini_hochberg(p)
            table.loc[rows, "n_tests"] = int(np.isfinite(p).sum())
        keys = ("n", "effect", "ci_low", "ci90_high", "p_corrected", "smallest_effect")
        table["verdict"] = [verdict(**{key: row[key] for key in keys}) for _, row in table.iterrows()]
        place = table["category"].map({ABSTRACT: 0, CONTROL: 1, CAUSAL: 2})
        return table.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _known(effects, question):
    """The rows of effects that are known; none, with the columns, of a table that has none."""
    effects = effects.reindex(columns=[*question.levels, "effect"])
    return effects[np.isfinite(effects["effect"].astype(float))].astype({"effect": float})


def reason_of(rows, otherwise):
    """Why rows hold nothing: the reason that most of them give, else the one handed in."""
    said = rows["not_available"].dropna().astype(str) if "not_available" in rows else pd.Series([], dtype=str)
    said = said[said.ne("")]
    return str(said.mode().iloc[0]) if len(said) else otherwise


def differences(scores, *, keys, model, prior, other_model, other_prior, value="value"):
    """Paired differences between two (model, prior) cells.

    Parameters
    ----------
    scores : pandas.DataFrame
        Rows of one metric and split of scores.csv, or of another table with model, prior and `value`.
    keys : list of str
        What pairs are matched by.
    model, prior, other_model, other_prior : str
    value : str

    Returns
    -------
    pandas.DataFrame
        `keys` and effect: the first cell's value minus the other's.
    """
    first, other = (
        scores[(scores["model"] == name) & (scores["prior"] == with_prior)].set_index(keys)[value]
        for name, with_prior in ((model, prior), (other_model, other_prior))
    )
    return (first - other).rename("effect").dropna().reset_index()
