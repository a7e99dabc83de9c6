"""Reached accuracies beside the known best ones of simulated recordings.

What may be known of a sample bounds its decoder. From the spikes of one window that is `best_accuracy` of
truth.csv. A decoder that also sees the window before can tell where in the interval it is, and of what came
before nothing else matters; so its bound is the best with the clock known beside the spikes. The decoder of
the clock alone has a bound of its own. Our definitions.
"""

import numpy as np
import pandas as pd

COLUMNS = (
    "benchmark", "session", "animal", "model", "prior", "split", "accuracy", "n_samples", "best_accuracy",
    "best_accuracy_se", "bound", "upper_bound", "difference", "se", "within", "passes", "best_decoder",
)  # fmt: skip
WITHIN = 0.03
"""How far below the known best a decoder may stay. Our definition."""
N_ERRORS = 2
"""By how many standard errors a decoder may pass its bound. Our definition."""
CLOCK, HISTORY = "clock", "-history"
CHOSEN, ALL = "chosen", "all"
ONE_WINDOW, CLOCK_KNOWN, CLOCK_ALONE = "one window", "clock known", "clock alone"


def known_best_table(scores, truths):
    """Every decoder of every simulated session, beside what is possible.

    Parameters
    ----------
    scores : pandas.DataFrame
        As in scores.csv.
    truths : dict of str to pandas.DataFrame
        Dataset to its truth.csv.

    Returns
    -------
    pandas.DataFrame
        `COLUMNS`, seeds averaged; `difference` is accuracy less `best_accuracy`, `within` that it is not
        below -`WITHIN`, and `passes` that accuracy less `upper_bound` is above `N_ERRORS` standard errors.
        `se` holds the error of the bound (Monte Carlo) and of an accuracy over so many samples (binomial, at
        the bound) together. Rows of the session ``all`` are means over sessions.

        `best_decoder` marks the highest mean of a dataset and split; the clock alone is no candidate. The
        highest of several is optimistic, being picked with the scores that it is then reported with. So the
        model ``chosen`` takes in each session the decoder with the lowest mean log loss (which tells near
        equals apart better than accuracy does) on the other sessions, which is free of that and stands
        beside. With one session there is none.
    """
    rows = []
    whole = scores[scores["fold"].astype(str).eq("all") & scores["value"].notna()]
    for benchmark, truth in truths.items():
        known = truth.assign(session=truth["session"].astype(str)).set_index("session")
        here = whole[(whole["benchmark"] == benchmark) & whole["session"].isin(known.index)]
        for split, of_split in here.groupby("split", sort=False):
            accuracy, loss = (
                _wide(of_split[of_split["metric"] == name]) for name in ("accuracy", "log_loss")
            )
            if len(accuracy):
                rows += _of_split(accuracy, loss, known, dict(benchmark=benchmark, split=split))
    return pd.DataFrame(rows, columns=COLUMNS)


def _wide(scores):
    """Sessions x decoders, seeds averaged."""
    return scores.groupby(["session", "model", "prior"])["value"].mean().unstack(["model", "prior"])


def _of_split(wide, loss, known, key):
    """Rows of one dataset and split, from accuracies and log losses (sessions x decoders)."""
    rows, totals = [], []
    candidates = [cell for cell in wide.columns if cell[0] != CLOCK]
    best = wide[candidates].mean().idxmax() if candidates else None
    decoders = {cell: [(name, cell, wide.loc[name, cell]) for name in wide.index] for cell in wide.columns}
    if best and len(wide) > 1:
        better = -loss[candidates] if set(candidates) <= set(loss.columns) else wide[candidates]
        picks = {name: better[better.index != name].mean().idxmax() for name in wide.index}
        decoders[(CHOSEN, "none")] = [(name, pick, wide.loc[name, pick]) for name, pick in picks.items()]
    for (model, prior), values in decoders.items():
        about = key | dict(model=model, prior=prior, best_decoder=(model, prior) == best)
        own = [
            about
            | dict(session=name, animal=str(known.loc[name, "animal"]))
            | _beside(cell, value, known.loc[name])
            for name, cell, value in values
            if np.isfinite(value)
        ]
        rows += [row | _verdict(row) for row in own]
        if own:
            totals.append(about | dict(session=ALL, animal="") | _mean(own))
    return rows + [row | _verdict(row) for row in totals]


def _beside(cell, accuracy, truth):
    """One accuracy, its bound, and the standard error of their difference."""
    bound, upper, error = upper_bound(cell[0], truth)
    n_samples = int(truth["n_samples"])
    return dict(
        accuracy=float(accuracy), n_samples=n_samples, best_accuracy=float(truth["best_accuracy"]),
        best_accuracy_se=float(truth["standard_error"]), bound=bound, upper_bound=upper,
        se=float(np.sqrt(error**2 + upper * (1 - upper) / n_samples)),
    )  # fmt: skip


def upper_bound(model, truth):
    """What a decoder can reach at most on average.

    Parameters
    ----------
    model : str
        A name that ends in ``-history`` is of a decoder that sees the window before, too.
    truth : pandas.Series
        A row of truth.csv.

    Returns
    -------
    (str, float, float)
        What is known, the best accuracy with it, and its standard error. That of the best accuracy with the
        clock is taken to be that of the one without: both are means over the same simulated samples.
    """
    error = float(truth["standard_error"])
    if model == CLOCK:
        return CLOCK_ALONE, float(truth["clock_accuracy"]), 0.0
    if model.endswith(HISTORY) and np.isfinite(truth["best_accuracy_with_clock"]):
        return CLOCK_KNOWN, float(truth["best_accuracy_with_clock"]), error
    return ONE_WINDOW, float(truth["best_accuracy"]), error


def _mean(rows):
    """The mean over sessions, with the standard error of a mean of independent ones."""
    names = ("accuracy", "best_accuracy", "upper_bound")
    bounds = dict.fromkeys(row["bound"] for row in rows)
    return {name: float(np.mean([row[name] for row in rows])) for name in names} | dict(
        n_samples=sum(row["n_samples"] for row in rows),
        best_accuracy_se=_error_of_mean(row["best_accuracy_se"] for row in rows),
        se=_error_of_mean(row["se"] for row in rows),
        bound=" or ".join(bounds),
    )


def _error_of_mean(errors):
    errors = np.array(list(errors))
    return float(np.sqrt(np.sum(errors**2)) / len(errors))


def _verdict(row):
    difference = row["accuracy"] - row["best_accuracy"]
    passes = row["accuracy"] - row["upper_bound"] > N_ERRORS * row["se"]
    return dict(difference=difference, within=bool(difference >= -WITHIN), passes=bool(passes))
