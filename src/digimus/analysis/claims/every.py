"""All claims of a run, from its tables and what its configuration trained."""

from dataclasses import dataclass

import pandas as pd

from digimus.analysis.claims.decoding import decoding_claims
from digimus.analysis.claims.learnt import (
    dose_claims,
    error_claims,
    perturbation_claims,
    retention_claims,
    teacher_claims,
)
from digimus.analysis.claims.motifs import motif_claims
from digimus.analysis.claims.rules import rule_claims
from digimus.analysis.claims.table import Claims
from digimus.prior_roles import is_control

NEEDED = {
    "scores": ("benchmark", "metric", "task", "animal", "session", "model", "prior", "seed", "split", "fold",
               "value"),
    "comparisons": ("task", "model", "prior", "module", "seed", "target", "against", "role", "effect"),
    "dose": ("task", "prior", "weight", "seed", "distance"),
    "errors": ("benchmark", "task", "animal", "session", "model", "prior", "seed", "error_auroc",
               "auroc_gain"),
    "slopes": ("task", "model", "prior", "seed", "kind", "epoch", "effect"),
    "teacher_scores": ("teacher", "prior", "role", "seed", "correlation"),
}  # fmt: skip
"""Columns of the tables that claims rest on; a table that is not there counts as one without rows."""


@dataclass(frozen=True)
class Grid:
    """What was trained, by the configuration.

    Attributes
    ----------
    priors : dict of str to dict
        The configuration's `priors`.
    rule_models : dict of str to str
        Models of the rule tasks, and their kinds.
    trained_priors : tuple of str
        Priors that the model digimus was trained with on the rule tasks, controls among them.
    masked_models : tuple of str
        Models of the kind digimus whose mask is a region's graph.
    datasets : dict of str to list of str
        Datasets and the priors that they were decoded with.
    simulated_priors, simulated_datasets : frozenset of str
    """

    priors: dict
    rule_models: dict
    trained_priors: tuple = ()
    masked_models: tuple = ()
    datasets: dict = None
    simulated_priors: frozenset = frozenset()
    simulated_datasets: frozenset = frozenset()

    def __post_init__(self):
        object.__setattr__(self, "datasets", dict(self.datasets or {}))

    @property
    def rule_priors(self):
        """Priors of the rule tasks that are no control."""
        return tuple(name for name in self.trained_priors if not is_control(name, self.priors))

    @property
    def rule_controls(self):
        """Controls among the priors of the rule tasks."""
        return tuple(name for name in self.trained_priors if is_control(name, self.priors))

    def is_simulated(self, *names):
        """Whether one of these priors rests on simulated neurons."""
        return bool(self.simulated_priors.intersection(names))


def every_claim(tables, motifs, families, grid, *, smallest, margin, seed, note=""):
    """The table of claims.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        By the names of `NEEDED`.
    motifs : sequence of (pandas.DataFrame, pandas.DataFrame)
        Profiles and verdicts of each source of neurons.
    families : dict of str to str
        Task to family.
    grid : Grid
    smallest : dict of str to float
        The configuration's `evaluation.smallest_effect`.
    margin : float
        Of non-inferiority.
    seed : int
        Of the bootstrap.
    note : str
        Shown with claims on the rule tasks.

    Returns
    -------
    pandas.DataFrame
        Columns `digimus.analysis.claims.table.COLUMNS`, the figure by its name. What cannot be tested
        stays, with the reason in `not_available`.
    """
    given = {name: _whole(tables.get(name), columns) for name, columns in NEEDED.items()}
    claims = Claims(seed)
    rule_claims(
        claims, given["scores"], families, grid=grid, smallest=smallest["accuracy"], margin=margin, note=note
    )
    decoding_claims(claims, given["scores"], grid=grid, smallest=smallest["accuracy"])
    retention_claims(claims, given["comparisons"], grid=grid, smallest=smallest["retention"])
    error_claims(claims, given["errors"], grid=grid, smallest=smallest["error_auroc"])
    for profiles, verdicts in motifs:
        motif_claims(
            claims, profiles, verdicts, smallest=smallest["region_share"],
            simulated=bool(profiles["simulated"].iloc[0]),
        )  # fmt: skip
    dose_claims(claims, given["dose"], grid=grid, smallest=smallest["retention"])
    perturbation_claims(claims, given["slopes"], grid=grid, smallest=smallest["perturbation"])
    teacher_claims(claims, given["teacher_scores"], grid=grid, smallest=smallest["teacher"])
    return claims.table()


def _whole(table, columns):
    """A table with all columns that are needed, also where it is not there or empty."""
    table = pd.DataFrame() if table is None else table
    return table.reindex(columns=list(dict.fromkeys([*table.columns, *columns])))
