"""Claims on what networks learnt: motifs kept, errors foretold, errors caused, and a teacher predicted."""

import numpy as np
import pandas as pd

from digimus.analysis.claims.table import ABSTRACT, CAUSAL, CONTROL, NO_PRIOR, OWN, Question, reason_of

TASKS, SESSIONS = ("task", "seed"), ("animal", "session")
OWN_AIM = "the motif term trains this distance down; whose motifs are kept, only controls tell"
"""Note of retention against what is trained without the term."""
RIVALS = {"structure-free": "structure-free", "start": "the start", "control": "control"}
FORETELL = {
    "error_auroc": (ABSTRACT, "at equal difficulty", "AUROC within strata of difficulty", 0.5),
    "auroc_gain": (
        CONTROL,
        "beyond difficulty and time",
        "cross-validated AUROC gained over difficulty, time in session and reaction time",
        0.0,
    ),
}
"""Columns of errors.csv: category, words for claim and test, and what no link gives."""


def retention_claims(claims, comparisons, *, grid, smallest):
    """Trained weights of DigiMus are nearer to the prior's motifs than those of twin, start and controls.

    Parameters
    ----------
    claims : digimus.analysis.claims.table.Claims
    comparisons : pandas.DataFrame
        As in retention/comparisons.csv; whole networks of the model digimus count.
    grid : digimus.analysis.claims.every.Grid
    smallest : float
        In log enrichment.
    """
    whole = comparisons[comparisons["model"].eq(OWN) & comparisons["module"].isin([np.nan, ""])]
    for prior in grid.rule_priors or ("",):
        rows = whole[whole["prior"].eq(prior) & whole["target"].eq(prior)]
        pairs = [("structure-free", NO_PRIOR), ("start", "initial")]
        controls = rows.loc[rows["role"].eq("control"), "against"].fillna("").unique()
        pairs += [("control", name) for name in controls if name] or [("control", "")]
        for role, against in pairs:
            chosen = rows[rows["role"].eq(role)]
            if role == "control":
                chosen = chosen[chosen["against"].fillna("").eq(against)]
            rival = RIVALS[role] + (f" {against}" if role == "control" and against else "")
            question = Question(
                "retained motifs", ABSTRACT if role == "structure-free" else CONTROL, "retention", TASKS,
                "log enrichment", f"signed rank over tasks, distance of {rival} less the own",
            )  # fmt: skip
            named = f"the motifs of prior {prior}" if prior else "the motifs of a prior"
            none = (
                "because no network was trained with a prior" if not prior else "because it was not compared"
            )
            claims.add(
                question, f"weights keep {named} beyond {_short(rival)}", chosen,
                smallest_effect=smallest, simulated=grid.is_simulated(prior, against),
                note="" if role == "control" else OWN_AIM, missing=reason_of(chosen, none),
            )  # fmt: skip


def _named(prior):
    return "structure-free" if prior == NO_PRIOR else f"prior {prior}"


def _short(rival):
    return "a control" if rival == "control" else rival


def dose_claims(claims, dose, *, grid, smallest):
    """More weight of the motif term, more retention: the distance without the term less that at its largest.

    Parameters
    ----------
    dose : pandas.DataFrame
        As in retention/dose.csv.
    """
    known = dose[np.isfinite(dose["distance"].astype(float))]
    priors = list(dict.fromkeys(dose["prior"].dropna()))
    for prior in priors or [""]:
        rows = known[known["prior"].eq(prior)]
        wide = rows.pivot_table(index=["task", "seed"], columns="weight", values="distance")
        effects = pd.DataFrame(columns=[*TASKS, "effect"])
        if wide.shape[1] > 1:
            effects = (wide[min(wide)] - wide[max(wide)]).rename("effect").reset_index()
        question = Question(
            "dose-response", CAUSAL, "retention", TASKS, "log enrichment",
            "signed rank over tasks, distance at the smallest weight less that at the largest",
        )  # fmt: skip
        claims.add(
            question, f"retention grows with the weight of the motif term{f', prior {prior}' * bool(prior)}",
            effects, smallest_effect=smallest, simulated=grid.is_simulated(prior), note=OWN_AIM,
            missing=reason_of(dose, "because fewer than two weights of the term were trained"),
        )  # fmt: skip


def error_claims(claims, errors, *, grid, smallest):
    """States before the response foretell errors, of networks and in recordings.

    Parameters
    ----------
    errors : pandas.DataFrame
        As in states/errors.csv.
    smallest : float
        In AUROC.
    """
    networks = errors[errors["benchmark"].eq("rules") & errors["model"].eq(OWN)]
    groups = [
        (f"states foretell errors {{}}, {_named(prior)}", networks[networks["prior"].eq(prior)], TASKS,
         grid.is_simulated(prior))
        for prior in grid.rule_priors or (NO_PRIOR,)
    ]  # fmt: skip
    groups += [
        (f"activity in {dataset} foretells errors {{}}", errors[errors["benchmark"].eq(dataset)],
         SESSIONS, dataset in grid.simulated_datasets)
        for dataset in grid.datasets
    ]  # fmt: skip
    for column, (category, words, test, nothing) in FORETELL.items():
        for name, rows, levels, simulated in groups:
            unit = "tasks" if levels is TASKS else "sessions"
            question = Question(
                "states and errors", category, "states", levels, "AUROC", f"signed rank over {unit}: {test}"
            )
            claims.add(
                question, name.format(words), rows.assign(effect=rows[column].astype(float) - nothing),
                smallest_effect=smallest, simulated=simulated,
                missing=reason_of(rows, "because there is no table of its errors"),
            )  # fmt: skip


def perturbation_claims(claims, slopes, *, grid, smallest):
    """A push along the error axis harms more than one of equal size along random directions.

    Parameters
    ----------
    slopes : pandas.DataFrame
        As in perturbation/slopes.csv; epochs of a task are averaged.
    smallest : float
        In accuracy per unit dose.
    """
    pushed = slopes[slopes["kind"].eq("error-axis") & slopes["model"].eq(OWN)]
    for prior in grid.rule_priors or (NO_PRIOR,):
        rows = pushed[pushed["prior"].eq(prior)]
        for column, rival, short in (
            ("effect", "random directions", "random ones"),
            ("shuffled_effect", "axes of shuffled errors", "shuffled ones"),
        ):
            if column not in rows:
                continue
            question = Question(
                "perturbation", CAUSAL, "perturbation", TASKS, "accuracy per unit dose",
                f"signed rank over tasks, mean slope of {rival} less that of the error axis",
            )  # fmt: skip
            claims.add(
                question, f"a push along the error axis harms more than {short}, {_named(prior)}",
                rows.assign(effect=rows[column].astype(float)), smallest_effect=smallest,
                simulated=grid.is_simulated(prior),
                missing=reason_of(rows, "because no network was perturbed along an error axis"),
            )  # fmt: skip


def teacher_claims(claims, scores, *, grid, smallest):
    """Which student predicts the effect of perturbations in its teacher better.

    A prior is compared with none and with its controls. Students that are given weights of the teacher (role
    ``bound``) are compared with none too: where they are no better, the test could not have told.

    Parameters
    ----------
    scores : pandas.DataFrame
        As in perturbation/teacher_scores.csv; without a role, whatever is not none is a prior.
    smallest : float
        In correlation over perturbations.
    """
    question = Question(
        "teacher and student", CAUSAL, "perturbation", ("teacher", "seed"), "correlation",
        "signed rank over teachers",
    )  # fmt: skip
    known = scores[scores["prior"].notna()]
    roles = known.drop_duplicates("prior").set_index("prior")["role"].astype(object)
    roles = roles.where(roles.isin(["none", "control", "bound"]), "prior").to_dict()
    wide = known.pivot_table(index=["teacher", "seed"], columns="prior", values="correlation", dropna=False)
    controls = [name for name, role in roles.items() if role == "control"]
    pairs = [
        (name, other)
        for name, role in roles.items()
        if name != NO_PRIOR and role != "control"
        for other in [NO_PRIOR, *(controls if role == "prior" else [])]
    ]
    for name, other in pairs or [("", NO_PRIOR)]:
        effects = pd.DataFrame(columns=["teacher", "seed", "effect"])
        if name in wide and other in wide:
            effects = (wide[name] - wide[other]).rename("effect").reset_index()
        helped = name if roles.get(name) == "bound" else f"prior {name}" if name else "a prior"
        claims.add(
            question, f"{helped} predicts a teacher's perturbations better than {other}", effects,
            smallest_effect=smallest, simulated=bool(name),
            missing=reason_of(scores, "because no teacher was simulated"),
        )  # fmt: skip
