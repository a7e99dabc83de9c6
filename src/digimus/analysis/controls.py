"""Does a prior beat its controls: DigiMus networks with the prior against those with each control, paired.

Networks are paired by task and seed: they start from the same weights and see the same trials. Effects are
signed so that a positive one is in favour of the prior.
"""

import numpy as np
import pandas as pd
from scipy.special import stdtr

from digimus.analysis.accuracy import PER_TASK, TOGETHER, rule_accuracies, standard_error, t_interval
from digimus.analysis.statistics import hierarchical_bootstrap, nested_mean, signed_rank_p, verdict
from digimus.motifs.pvalues import benjamini_hochberg
from digimus.seeding import stream

COLUMNS = (
    "training", "scope", "task", "model", "prior", "control", "control_kind", "measure", "n_pairs", "n",
    "unit", "effect", "ci_low", "ci_high", "p", "p_corrected", "n_tests", "smallest_effect", "verdict",
    "prior_mean", "control_mean", "prior_never", "control_never", "ci90_low", "ci90_high", "interval", "test",
    "simulated",
)  # fmt: skip
CONTROL_KINDS = ("reciprocity", "erdos-renyi", "degree", "shuffled", "random")
NO_PRIOR = "none"
ACCURACY, LOSS, UPDATES = "accuracy gained", "validation loss saved", "updates saved"
CRITERION = 0.8
"""Validation accuracy to be reached; the first validated update that has it counts. Our definition."""
ONE_TASK, ALL_TASKS = "task", "all tasks"
KEYS = ["training", "task", "model", "prior", "seed"]
PAIRED_BY = ["task", "seed"]
T_TEST = ("95 %, Student's t over seeds", "paired t-test over seeds")
SIGNED_RANK = ("95 %, bootstrap over tasks, then seeds", "signed rank over tasks, seeds averaged first")


def is_control(name, priors):
    """Whether a configured prior is a control: by its kind; one of modules if those of all of them are.

    Parameters
    ----------
    name : str
    priors : dict of str to dict
        The configuration's `priors`.
    """
    settings = priors.get(name, {})
    if settings.get("kind") == "modules":
        return all(is_control(inner, priors) for inner in settings["modules"].values())
    return settings.get("kind") in CONTROL_KINDS


def control_table(scores, curves, priors, *, smallest, seed, simulated=()):
    """Every prior against every control and against no prior, task by task and over tasks.

    Parameters
    ----------
    scores, curves : pandas.DataFrame
        As in scores.csv and curves.csv.
    priors : dict of str to dict
        The configuration's `priors`, which tell the controls by their kind.
    smallest : float
        Smallest effect of interest, in accuracy.
    seed : int
        Of the bootstrap.
    simulated : sequence of str
        Priors that rest on simulated neurons.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`. Three measures: accuracy on test trials, validation loss at the last validation, and
        updates until validation accuracy is `CRITERION` or more. A network that never gets there counts with
        the last update of any network of its task, so that no pair is dropped and a difference is, if
        anything, too small; `prior_never` and `control_never` tell how many there are.

        Of single tasks the unit is the seed (t-interval, paired t-test). Over tasks it is the task, with
        seeds averaged first (bootstrap over tasks and seeds, signed rank), but the seed for networks that
        learnt all tasks together, with tasks averaged first. p-values are corrected (Benjamini and
        Hochberg) over the `n_tests` tests of a measure and scope. Verdicts are those of
        `digimus.analysis.statistics.verdict`, on accuracy alone.
    """
    values = measured(scores, curves)
    rows = []
    for (training, model, measure), cells in values.groupby(["training", "model", "measure"], sort=False):
        names = list(dict.fromkeys(cells["prior"]))
        controls = [name for name in names if name == NO_PRIOR or is_control(name, priors)]
        for prior in (name for name in names if name not in controls):
            for control in controls:
                key = dict(
                    training=training, model=model, measure=measure, prior=prior, control=control,
                    control_kind=NO_PRIOR if control == NO_PRIOR else priors[control]["kind"],
                    simulated=bool({prior, control} & set(simulated)),
                )  # fmt: skip
                pairs = paired(cells, prior, control)
                rows += _rows(key, pairs, stream(seed, "controls", training, model, measure, prior, control))
    return _judged(pd.DataFrame(rows, columns=COLUMNS), smallest)


def measured(scores, curves):
    """The three measures of every network on every rule task.

    Returns
    -------
    pandas.DataFrame
        training, task, model, prior, seed, measure, value, and never: whether the criterion was not reached.
    """
    accuracy = rule_accuracies(scores)[[*KEYS, "value"]].assign(measure=ACCURACY)
    curves = curves[curves["training"].isin([PER_TASK, TOGETHER])].sort_values("update", kind="stable")
    losses = curves[curves["metric"] == "validation_loss"]
    loss = losses.groupby(KEYS, sort=False)["value"].last().reset_index().assign(measure=LOSS)
    parts = [accuracy, loss, updates_to_criterion(curves).assign(measure=UPDATES)]
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return table.assign(never=table["never"].eq(True) if "never" in table else False)


def updates_to_criterion(curves, criterion=CRITERION):
    """Updates until validation accuracy reaches the criterion, and who never reached it.

    Parameters
    ----------
    curves : pandas.DataFrame
        As in curves.csv.
    criterion : float

    Returns
    -------
    pandas.DataFrame
        `KEYS`, value and never. A network that never gets there has the last update of any network of the
        same task and way of training.
    """
    here = curves[curves["metric"] == "validation_accuracy"]
    last = here.groupby(["training", "task"])["update"].max()
    networks = here[KEYS].drop_duplicates()
    there = here[here["value"] >= criterion].groupby(KEYS)["update"].min().rename("value")
    table = networks.join(there, on=KEYS)
    never = table["value"].isna()
    most = table.join(last.rename("most"), on=["training", "task"])["most"]
    return table.assign(value=table["value"].where(~never, most).astype(float), never=never)


def paired(cells, prior, control):
    """Effects of one measure in favour of a prior, paired by task and seed.

    Parameters
    ----------
    cells : pandas.DataFrame
        Rows of `measured`, of one measure, model and way of training.
    prior, control : str

    Returns
    -------
    pandas.DataFrame
        task, seed, effect, and value and never of both.
    """
    first, other = (
        cells[cells["prior"] == name].set_index(PAIRED_BY)[["measure", "value", "never"]]
        for name in (prior, control)
    )
    other = other[["value", "never"]].add_suffix("_control")
    pairs = first.join(other, how="inner").reset_index()
    sign = np.where(pairs["measure"] == ACCURACY, 1.0, -1.0)
    return pairs.assign(effect=sign * (pairs["value"] - pairs["value_control"]))


def _rows(key, pairs, rng):
    """One row a task, and one over tasks."""
    rows = [
        key | dict(scope=ONE_TASK, task=task) | _over_seeds(own["effect"]) | _counts(own, key["measure"])
        for task, own in pairs.groupby("task", sort=False)
    ]
    if key["training"] == TOGETHER:
        found = _over_seeds(pairs.groupby("seed")["effect"].mean())
    else:
        found = _over_tasks(pairs, rng)
    if pairs["task"].nunique() > 1:
        rows.append(key | dict(scope=ALL_TASKS, task="") | found | _counts(pairs, key["measure"]))
    return rows


def _counts(pairs, measure):
    counted = dict(
        n_pairs=len(pairs),
        prior_mean=nested_mean(pairs, PAIRED_BY, "value"),
        control_mean=nested_mean(pairs, PAIRED_BY, "value_control"),
    )
    if measure == UPDATES:
        counted |= dict(
            prior_never=int(pairs["never"].sum()), control_never=int(pairs["never_control"].sum())
        )
    return counted


def _over_seeds(effects):
    """Mean, t-intervals and paired t-test; p is 1 where no pair differs, and nan where all differ alike."""
    effects = np.asarray(effects, float)
    mean, low, high = t_interval(effects)
    _, low90, high90 = t_interval(effects, 0.9)
    return dict(
        n=len(effects), unit="seed", effect=mean, ci_low=low, ci_high=high, ci90_low=low90, ci90_high=high90,
        p=paired_t_p(effects), interval=T_TEST[0], test=T_TEST[1],
    )  # fmt: skip


def paired_t_p(effects):
    """Two-sided p of a paired t-test; 1 where no pair differs, nan where all differ alike or there is one."""
    effects = np.asarray(effects, float)
    error = standard_error(effects)
    if len(effects) > 1 and not effects.any():
        return 1.0
    if not error > 0:
        return np.nan
    return float(2 * stdtr(len(effects) - 1, -abs(effects.mean()) / error))


def _over_tasks(pairs, rng):
    """Mean over tasks, bootstrap intervals and signed-rank test, with the task as the unit."""
    means = hierarchical_bootstrap(pairs, PAIRED_BY, "effect", rng)
    low, low90, high90, high = np.quantile(means, [0.025, 0.05, 0.95, 0.975])
    per_task = pairs.groupby("task")["effect"].mean()
    return dict(
        n=len(per_task), unit="task", effect=nested_mean(pairs, PAIRED_BY, "effect"), ci_low=low,
        ci_high=high, ci90_low=low90, ci90_high=high90, p=signed_rank_p(per_task), interval=SIGNED_RANK[0],
        test=SIGNED_RANK[1],
    )  # fmt: skip


def _judged(table, smallest):
    """Corrected p-values, the smallest effect of interest and verdicts."""
    table["p_corrected"] = np.nan
    table["n_tests"] = 0
    for _, rows in table.groupby(["measure", "scope"]).groups.items():
        table.loc[rows, "p_corrected"] = benjamini_hochberg(table.loc[rows, "p"].to_numpy(float))
        table.loc[rows, "n_tests"] = int(table.loc[rows, "p"].notna().sum())
    on_accuracy = table["measure"] == ACCURACY
    table["smallest_effect"] = np.where(on_accuracy, smallest, np.nan)
    keys = ("n", "effect", "ci_low", "ci90_high", "p_corrected", "smallest_effect")
    table["verdict"] = [
        verdict(**{key: row[key] for key in keys}) if row["measure"] == ACCURACY else ""
        for _, row in table.iterrows()
    ]
    return table
