"""Does a prior beat its controls: DigiMus networks with the prior against those with each control, paired.

Networks are paired by task and seed: they start from the same weights and see the same trials. Effects are
signed so that a positive one is in favour of the prior.
"""

import numpy as np
import pandas as pd
from scipy.special import stdtr

from digimus.analysis.accuracy import PER_TASK, TOGETHER, rule_accuracies, standard_error, t_interval
from digimus.analysis.statistics import (
    hierarchical_bootstrap,
    nested_mean,
    sign_test_p,
    signed_rank_p,
    verdict,
)
from digimus.motifs.pvalues import benjamini_hochberg
from digimus.prior_roles import is_control, is_control_of
from digimus.seeding import stream

COLUMNS = (
    "training", "scope", "task", "model", "prior", "control", "control_kind", "measure", "n_pairs", "n",
    "unit", "effect", "ci_low", "ci_high", "p", "p_corrected", "n_tests", "smallest_effect", "verdict",
    "prior_mean", "control_mean", "prior_never", "control_never", "n_sooner", "n_later", "n_left_out",
    "ci90_low", "ci90_high", "interval", "test", "simulated",
)  # fmt: skip
NO_PRIOR = "none"
ACCURACY, LOSS, UPDATES = "accuracy gained", "validation loss saved", "updates saved"
CRITERION = 0.8
"""Validation accuracy to be reached; the first validated update that has it counts. Our definition."""
ONE_TASK, ALL_TASKS = "task", "all tasks"
KEYS = ["training", "task", "model", "prior", "seed"]
PAIRED_BY = ["task", "seed"]
T_TEST = ("95 %, Student's t over seeds", "paired t-test over seeds")
SIGNED_RANK = ("95 %, bootstrap over tasks, then seeds", "signed rank over tasks, seeds averaged first")
SIGNS = {
    "seed": "sign test over seeds, ties left out",
    "task": "sign test over tasks, each by the majority of its seeds, ties left out",
}


def control_table(scores, curves, priors, *, n_updates, smallest, seed, simulated=()):
    """Every prior against its controls and against no prior, task by task and over tasks.

    Parameters
    ----------
    scores, curves : pandas.DataFrame
        As in scores.csv and curves.csv.
    priors : dict of str to dict
        The configuration's `priors`, which tell the controls and of which priors they are some; see
        `digimus.prior_roles.is_control_of`. No prior at all is compared with every prior.
    n_updates : int
        Updates that training is configured for, of each task.
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
        updates until validation accuracy is `CRITERION` or more.

        A network that never gets there has no number of updates: if it was trained to the last configured
        update it is known to be later than one that did get there, and ties with another that did not. If
        it stopped early not even that is known, so its pair is left out and counted in `n_left_out`; what
        this does to the remaining pairs is not known either. Where any network of a comparison never got
        there (`prior_never` and `control_never` count them, pairs left out included), there is no mean, no
        effect and no interval of updates, but a sign test: `n_sooner` and `n_later` units are in favour of
        the prior and of the control, and the others of the `n` tie.

        Of single tasks the unit is the seed (t-interval, paired t-test). Over tasks it is the task, with
        seeds averaged first (bootstrap over tasks and seeds, signed rank), but the seed for networks that
        learnt all tasks together, with tasks averaged first. p-values are corrected (Benjamini and
        Hochberg) over the `n_tests` tests of a measure and scope. Verdicts are those of
        `digimus.analysis.statistics.verdict`, on accuracy alone.
    """
    values = measured(scores, curves, n_updates)
    rows = []
    for (training, model, measure), cells in values.groupby(["training", "model", "measure"], sort=False):
        names = list(dict.fromkeys(cells["prior"]))
        for prior in (name for name in names if name != NO_PRIOR and not is_control(name, priors)):
            for control in names:
                if control != NO_PRIOR and not is_control_of(control, prior, priors):
                    continue
                key = dict(
                    training=training, model=model, measure=measure, prior=prior, control=control,
                    control_kind=NO_PRIOR if control == NO_PRIOR else priors[control]["kind"],
                    simulated=bool({prior, control} & set(simulated)),
                )  # fmt: skip
                pairs = paired(cells, prior, control)
                rows += _rows(key, pairs, stream(seed, "controls", training, model, measure, prior, control))
    return _judged(pd.DataFrame(rows, columns=COLUMNS), smallest)


def measured(scores, curves, n_updates):
    """The three measures of every network on every rule task.

    Returns
    -------
    pandas.DataFrame
        training, task, model, prior, seed, measure, value, and never: whether the criterion was not reached.
        The value is nan for updates of networks that stopped early without having reached it.
    """
    accuracy = rule_accuracies(scores)[[*KEYS, "value"]].assign(measure=ACCURACY)
    curves = curves[curves["training"].isin([PER_TASK, TOGETHER])].sort_values("update", kind="stable")
    losses = curves[curves["metric"] == "validation_loss"]
    loss = losses.groupby(KEYS, sort=False)["value"].last().reset_index().assign(measure=LOSS)
    parts = [accuracy, loss, updates_to_criterion(curves, n_updates).assign(measure=UPDATES)]
    table = pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)
    return table.assign(never=table["never"].eq(True) if "never" in table else False)


def updates_to_criterion(curves, n_updates, criterion=CRITERION):
    """Updates until validation accuracy reaches the criterion, and who never reached it.

    Parameters
    ----------
    curves : pandas.DataFrame
        As in curves.csv.
    n_updates : int
        Updates that training is configured for. A network of all tasks gets as many for each of them.
    criterion : float

    Returns
    -------
    pandas.DataFrame
        `KEYS`, value and never. A network that never gets there has the last configured update, or nan if it
        stopped earlier than that.
    """
    here = curves[curves["metric"] == "validation_accuracy"]
    table = here.groupby(KEYS, sort=False)["update"].max().rename("stop").reset_index()
    there = here[here["value"] >= criterion].groupby(KEYS)["update"].min().rename("value")
    table = table.join(there, on=KEYS)
    n_tasks = table.groupby(["training", "model", "prior", "seed"])["task"].transform("nunique")
    last = n_updates * n_tasks.where(table["training"] == TOGETHER, 1)
    never = table["value"].isna()
    known = table["value"].where(~never, last.where(table["stop"] >= last))
    return table[KEYS].assign(value=known.astype(float), never=never)


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
        task, seed, effect, and value and never of both. The effect is nan where that of either is not known.
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
        key | dict(scope=ONE_TASK, task=task) | _compared(own, "seed", rng) | _counts(own, key["measure"])
        for task, own in pairs.groupby("task", sort=False)
    ]
    if pairs["task"].nunique() > 1:
        unit = "seed" if key["training"] == TOGETHER else "task"
        found = _compared(pairs, unit, rng)
        rows.append(key | dict(scope=ALL_TASKS, task="") | found | _counts(pairs, key["measure"]))
    return rows


def _compared(pairs, unit, rng):
    """Effect and test with seeds or tasks as the units."""
    if _censored(pairs):
        return _by_signs(pairs, unit)
    if unit == "task":
        return _over_tasks(pairs, rng)
    return _over_seeds(pairs.groupby("seed")["effect"].mean())


def _censored(pairs):
    """Whether a network of the pairs never reached the criterion."""
    return bool((pairs["never"] | pairs["never_control"]).any())


def _counts(pairs, measure):
    known = pairs["effect"].notna()
    counted = dict(n_pairs=int(known.sum()), prior_mean=np.nan, control_mean=np.nan)
    if not _censored(pairs):
        counted |= dict(
            prior_mean=nested_mean(pairs, PAIRED_BY, "value"),
            control_mean=nested_mean(pairs, PAIRED_BY, "value_control"),
        )
    if measure == UPDATES:
        counted |= dict(
            prior_never=int(pairs["never"].sum()), control_never=int(pairs["never_control"].sum()),
            n_left_out=int((~known).sum()),
        )  # fmt: skip
    return counted


def _by_signs(pairs, unit):
    """Sign test over units, each by which way more of its pairs go; no effect and no interval."""
    known = pairs[pairs["effect"].notna()]
    # One that got there with the very last update was still sooner than one that never did.
    at_last = known["never_control"].astype(int) - known["never"].astype(int)
    ways = np.sign(known["effect"]).where(known["effect"] != 0, at_last)
    signs = np.sign(ways.groupby(known[unit]).sum())
    return dict(
        n=len(signs), unit=unit, effect=np.nan, ci_low=np.nan, ci_high=np.nan, ci90_low=np.nan,
        ci90_high=np.nan, p=sign_test_p(signs), interval="none", test=SIGNS[unit],
        n_sooner=int((signs > 0).sum()), n_later=int((signs < 0).sum()),
    )  # fmt: skip


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
