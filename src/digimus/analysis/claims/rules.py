"""Claims on the rule tasks: stable performance, complex decisions, and the prior against its controls."""

import numpy as np
import pandas as pd
from scipy.stats import ttest_ind

from digimus.analysis.claims.table import ABSTRACT, CONTROL, NO_PRIOR, OWN, Question, differences
from digimus.prior_roles import CONTROL_KINDS, is_control_of

BASELINES = ("tcn", "lstm", "transformer")
CHALLENGING = ("perceptual decision", "delayed decision", "match")
KEYS = ["task", "seed"]
LEARNT = 0.8
"""Share of right test trials below which a note says that a task was not learnt. Our definition."""
CONTROL_NAMES = {
    "reciprocity": "its reciprocity alone",
    "erdos-renyi": "an Erdős–Rényi target",
    "degree": "a degree-matched target",
    "shuffled": "another region's motifs",
    "random": "a random target",
    "species": "another source's motifs",
    "l2": "a matched L2 penalty",
}
"""The controls that decide a claim about a prior; ``species`` is a prior of another source of neurons."""


def rule_claims(claims, scores, families, *, grid, smallest, margin, note=""):
    """Not inferior to the baselines and as stable, the lead in complex decisions, and the prior's controls.

    Parameters
    ----------
    claims : digimus.analysis.claims.table.Claims
    scores : pandas.DataFrame
        As in scores.csv.
    families : dict of str to str
        Task to family.
    grid : digimus.analysis.claims.every.Grid
        What was trained.
    smallest, margin : float
        Smallest effect of interest and margin of non-inferiority, in accuracy.
    note : str
        Shown with every claim, for example how long was trained.
    """
    rules = scores[(scores["benchmark"] == "rules") & (scores["metric"] == "accuracy")]
    shared = dict(smallest=smallest, note=note)
    for prior in grid.rule_priors or (NO_PRIOR,):
        own = dict(keys=KEYS, model=OWN, prior=prior)
        for kind, model in _baselines(grid):
            about = Baseline(rules, own, kind, model, grid.is_simulated(prior), note)
            _not_inferior(claims, about, margin)
            _spread(claims, about, smallest)
            _complex(claims, about, families, smallest)
    for prior in grid.rule_priors:
        _over(claims, rules, grid, prior, NO_PRIOR, "no prior (structure-free)", **shared)
        for control, kind in controls_of(prior, grid).items():
            _over(claims, rules, grid, prior, control, f"{CONTROL_NAMES[kind]} ({control})", **shared)
    _fixed_masks(claims, rules, grid, margin, note)
    _missing_controls(claims, grid, smallest)


def controls_of(prior, grid):
    """The controls of a prior that were trained on the rule tasks, each with its kind of `CONTROL_NAMES`.

    Parameters
    ----------
    prior : str
    grid : digimus.analysis.claims.every.Grid

    Returns
    -------
    dict of str to str
    """
    found = {}
    for control in grid.rule_controls:
        if is_control_of(control, prior, grid.priors):
            settings = grid.priors[control]
            kind = settings["kind"]
            if kind == "modules":
                kind = grid.priors[next(iter(settings["modules"].values()))]["kind"]
            found[control] = kind if kind in CONTROL_KINDS else "species"
    return found


class Baseline:
    """Paired leads of DigiMus over one other model, and how both are called."""

    def __init__(self, rules, own, kind, model, simulated, note):
        self.rules, self.own, self.kind, self.model = rules, own, kind, model
        self.name = whose(own["prior"])
        self.category = ABSTRACT if kind in BASELINES else CONTROL
        self.leads = differences(rules, **own, other_model=model, other_prior=NO_PRIOR)
        note = "; ".join(filter(None, [note, not_learnt(rules, self.leads, (own["model"], model))]))
        self.add = dict(simulated=simulated, note=note, missing=self._missing())

    def _missing(self):
        trained = set(self.rules["model"])
        lacking = OWN if OWN not in trained else self.model
        if lacking not in trained:
            return f"because no network of the model {lacking} was trained on single rule tasks"
        return "because no task has both networks for the same seed"

    def question(self, topic, test, effect_unit, levels=("task", "seed"), figure="accuracy"):
        """A question about the two models."""
        return Question(topic, self.category, figure, levels, effect_unit, test)


def not_learnt(rules, leads, models):
    """In how many of the tasks compared no network of these models has `LEARNT` of the test trials right.

    Parameters
    ----------
    rules : pandas.DataFrame
        Accuracies, as in scores.csv.
    leads : pandas.DataFrame
        With the column task: what is compared.
    models : sequence of str

    Returns
    -------
    str
        "" where there is none.
    """
    tasks = set(leads["task"])
    best = rules[rules["model"].isin(models) & rules["task"].isin(tasks)].groupby("task")["value"].max()
    n = int((best < LEARNT).sum())
    return f"no network has {100 * LEARNT:g} % right in {n} of {len(tasks)} tasks" if n else ""


def whose(prior):
    """How DigiMus with or without a prior is called."""
    return "structure-free DigiMus" if prior == NO_PRIOR else f"DigiMus with prior {prior}"


def _baselines(grid):
    """(kind, model) of every other model: the abstract's three, trained or not, then the others."""
    others = [(kind, model) for model, kind in grid.rule_models.items() if kind != OWN]
    named = [pair for kind in BASELINES for pair in ([p for p in others if p[0] == kind] or [(kind, kind)])]
    return named + [pair for pair in others if pair[0] not in BASELINES]


def _not_inferior(claims, about, margin):
    question = about.question(
        "stable performance", f"signed rank over tasks of the lead plus the margin, {margin:g}", "accuracy"
    )
    claims.add(
        question, f"{about.name} is not inferior to {about.model}",
        about.leads.assign(effect=about.leads["effect"] + margin), smallest_effect=0.0, scale=margin,
        **about.add,
    )  # fmt: skip


def _spread(claims, about, smallest):
    """Standard deviations over the seeds that both have, the other's less the own."""
    spreads = []
    for model, prior in ((about.model, NO_PRIOR), (OWN, about.own["prior"])):
        cells = about.rules[(about.rules["model"] == model) & (about.rules["prior"] == prior)]
        cells = cells.merge(about.leads[KEYS], on=KEYS)
        spreads.append(cells.groupby("task")["value"].std())
    effects = (spreads[0] - spreads[1] + smallest).rename("effect").reset_index()
    question = about.question(
        "stable performance",
        f"signed rank over tasks of the SDs over seeds, the other's less the own plus the margin, "
        f"{smallest:g}",
        "SD of accuracy",
        levels=("task",),
    )
    missing = "because a spread needs two seeds" if len(about.leads) else about.add["missing"]
    claims.add(
        question, f"{about.name} varies over seeds no more than {about.model}", effects,
        smallest_effect=0.0, scale=smallest, **about.add | dict(missing=missing),
    )  # fmt: skip


def _complex(claims, about, families, smallest):
    """The interaction of family and model: leads in complex tasks against those in sensorimotor ones."""
    family = about.leads["task"].map(families)
    complex_, simple = about.leads[family.isin(CHALLENGING)], about.leads[family.eq("sensorimotor")]
    tasks = [group.groupby("task")["effect"].mean() for group in (complex_, simple)]
    p = ttest_ind(*tasks, equal_var=False).pvalue if min(map(len, tasks)) > 1 else np.nan
    question = about.question(
        "complex decisions", "Welch's t over tasks: family x model", "accuracy", figure="learning"
    )
    missing = about.add["missing"]
    if len(about.leads):
        missing = "because complex and sensorimotor tasks are not both in the grid"
    claims.add(
        question, f"{about.name} leads {about.model} more in complex decisions", complex_, against=simple,
        smallest_effect=smallest, p=float(p), **about.add | dict(missing=missing),
    )  # fmt: skip


def _over(claims, rules, grid, prior, control, label, *, smallest, note):
    """A prior against none or against a control, on the same tasks and seeds."""
    effects = differences(rules, keys=KEYS, model=OWN, prior=prior, other_model=OWN, other_prior=control)
    note = "; ".join(filter(None, [note, not_learnt(rules, effects, (OWN,))]))
    claims.add(
        _prior_question(), f"prior {prior} improves the rule tasks over {label}", effects,
        smallest_effect=smallest, simulated=grid.is_simulated(prior, control), note=note,
        missing="because no task has both networks for the same seed",
    )  # fmt: skip


def _prior_question(test="signed rank over tasks"):
    return Question("prior against its controls", CONTROL, "learning", ("task", "seed"), "accuracy", test)


def _missing_controls(claims, grid, smallest):
    """A row for every kind of control that no prior was compared with, and for no prior at all."""
    nothing = pd.DataFrame(columns=[*KEYS, "effect"])
    known = {kind for prior in grid.rule_priors for kind in controls_of(prior, grid).values()}
    absent = {
        name: "no network was trained with such a control" for name in CONTROL_NAMES if name not in known
    }
    labels = dict(CONTROL_NAMES)
    if not grid.rule_priors:
        labels["none"], absent["none"] = "no prior (structure-free)", "no network was trained with a prior"
    for name, reason in absent.items():
        claims.add(
            _prior_question(), f"the prior improves the rule tasks over {labels[name]}", nothing,
            smallest_effect=smallest, simulated=False, missing=f"because {reason}",
        )  # fmt: skip


def _fixed_masks(claims, rules, grid, margin, note):
    """The region's own graph as a fixed mask, the upper bound: does it do as well as the prior?"""
    test = f"signed rank over tasks of the mask's lead plus the margin, {margin:g}"
    pairs = [(mask, prior) for mask in grid.masked_models for prior in grid.rule_priors]
    for mask, prior in pairs or [(None, None)]:
        effects, named = pd.DataFrame(columns=[*KEYS, "effect"]), "the prior"
        if mask:
            named = f"prior {prior}"
            effects = differences(
                rules, keys=KEYS, model=mask, prior=NO_PRIOR, other_model=OWN, other_prior=prior
            )
        claims.add(
            _prior_question(test), f"a fixed mask{f' ({mask})' if mask else ''} does as well as {named}",
            effects.assign(effect=effects["effect"].astype(float) + margin), smallest_effect=0.0,
            scale=margin, simulated=bool(mask) and grid.is_simulated(prior), note=note,
            missing="because no model with a fixed mask was trained on the tasks of a prior",
        )  # fmt: skip
