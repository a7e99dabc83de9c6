"""Tables of scores: one observation a row, every seed, split and fold."""

import numpy as np
import pandas as pd

from digimus.analysis.accuracy import PER_TASK, TOGETHER
from digimus.analysis.decoding import (
    activity_decoder,
    activity_features,
    clock_decoder,
    held_out,
    permutation_null,
    permutation_p,
    scores,
)
from digimus.seeding import stream
from digimus.storage import reading

SCORE_COLUMNS = (
    "benchmark", "task", "animal", "session", "region", "n_units", "model", "prior", "seed", "split",
    "fold", "metric", "value", "training",
)  # fmt: skip
NULL_COLUMNS = (
    "benchmark", "session", "animal", "model", "split", "balanced_accuracy", "null_mean", "null_sd",
    "null_95", "p", "n_permutations", "chance", "best_accuracy", "best_accuracy_se",
)  # fmt: skip
CURVE_COLUMNS = ("benchmark", "task", "model", "prior", "seed", "update", "metric", "value", "training")
ACTIVITY = ("spikes_per_step", "silent_share", "saturated_share")
MODEL_COLUMNS = (
    "benchmark", "task", "model", "prior", "seed", "family", "n_parameters", *ACTIVITY, "training",
    "learning_rate", "n_updates", "chance",
)  # fmt: skip
CHECK_COLUMNS = (
    "benchmark", "task", "training", "model", "prior", "seed", "check", "value", "limit", "verdict",
)  # fmt: skip
RATE_COLUMNS = (
    "benchmark", "task", "training", "model", "prior", "split", "fold", "learning_rate", "n_updates",
    "validation_loss", "validation_accuracy", "chosen",
)  # fmt: skip
RULES_TOGETHER = "rules together"
"""The benchmark of networks that learnt all rule tasks; claims and figures by task read ``rules`` alone."""
TRAINING_CHECKS = (
    ("silent units", "activity/silent_share", 0.5),
    ("saturated units", "activity/saturated_share", 0.5),
    ("clipped gradient", "curves/clipped_share", 0.5),
)
"""Name, array whose last value is taken, and the largest share that passes. Our definition."""
SMALLEST_GRADIENT = 1e-6


def rule_tables(trained):
    """Scores, learning curves and sizes of cells trained on rule tasks, and what to know of their training.

    A network that learnt all tasks together has a row for each of them, under the benchmark
    ``rules together``.

    Parameters
    ----------
    trained : iterable of digimus.training.Trained

    Returns
    -------
    (pandas.DataFrame, ...)
        Rows in the form of scores.csv; of curves.csv; of models.csv, sizes and activity per cell and seed;
        of checks.csv, whether units were silent or saturated and gradients clipped or gone; of
        learning_rates.csv, every rate that was tried.
    """
    score_rows, curve_rows, model_rows, check_rows, rate_rows = [], [], [], [], []
    for cell in trained:
        rate_rows += _rate_rows(cell)
        for seed in cell.seeds:
            check_rows += _check_rows(cell, seed)
            for task in cell.tasks if cell.together else [cell.unit]:
                key = _key(cell, task) | dict(seed=seed)
                score_rows += _score_rows(cell, seed, task, key)
                curve_rows += _curve_rows(cell, seed, task, key)
                model_rows.append(key | _about(cell, seed, task) | _activity(cell, seed))
    return (
        pd.DataFrame(score_rows, columns=SCORE_COLUMNS),
        pd.DataFrame(curve_rows, columns=CURVE_COLUMNS),
        pd.DataFrame(model_rows, columns=MODEL_COLUMNS),
        pd.DataFrame(check_rows, columns=CHECK_COLUMNS),
        pd.DataFrame(rate_rows, columns=RATE_COLUMNS),
    )


def _key(cell, task):
    return dict(
        benchmark=RULES_TOGETHER if cell.together else cell.benchmark,
        task=task,
        training=TOGETHER if cell.together else PER_TASK,
        model=cell.model,
        prior=cell.prior,
    )


def _score_rows(cell, seed, task, key):
    of_task = f"{task}/" if cell.together else ""
    correct = cell.of_seed(seed, f"test/{of_task}correct")
    difficulty = cell.of_seed(seed, f"test/{of_task}difficulty")
    shared = key | dict(animal="", session="", region="", n_units=np.nan, split="test", fold="all")
    rows = [shared | dict(metric="accuracy", value=float(correct.mean()))]
    for level in np.unique(difficulty[np.isfinite(difficulty)]):
        value = float(correct[np.isclose(difficulty, level)].mean())
        rows.append(shared | dict(metric=f"accuracy_at_coherence_{level:.2g}", value=value))
    return rows


def _curve_rows(cell, seed, task, key):
    updates, rows = cell.of_seed(seed, "curves/update"), []
    for metric in ("loss", "validation_accuracy", "validation_loss", "motif_loss", "gradient_norm"):
        of_task = f"of_task/{task}/" if cell.together and metric.startswith("validation") else ""
        values = cell.of_seed(seed, f"curves/{of_task}{metric}")
        rows += [
            key | dict(update=int(update), metric=metric, value=value)
            for update, value in zip(updates, values if values is not None else [], strict=values is not None)
            if np.isfinite(value)
        ]
    return rows


def _about(cell, seed, task):
    from digimus.tasks import TASKS  # needs torch, which the reference decoders do without

    return dict(
        family=TASKS[task].family,
        n_parameters=cell.n_parameters,
        learning_rate=cell.fit_settings.get("learning_rate", np.nan),
        n_updates=int(cell.of_seed(seed, "curves/update")[-1]),
        chance=TASKS[task].chance,
    )


def _check_rows(cell, seed):
    key = _key(cell, cell.unit) | dict(seed=seed)
    rows = []
    for check, name, limit in TRAINING_CHECKS:
        values = cell.of_seed(seed, name)
        if values is not None:
            value = float(np.atleast_1d(values)[-1])
            verdict = "passes" if value <= limit else "warning"
            rows.append(key | dict(check=check, value=value, limit=limit, verdict=verdict))
    norms = cell.of_seed(seed, "curves/gradient_norm")
    if norms is not None:
        value = float(norms[-1])
        verdict = "passes" if value >= SMALLEST_GRADIENT else "warning"
        rows.append(
            key | dict(check="vanished gradient", value=value, limit=SMALLEST_GRADIENT, verdict=verdict)
        )
    return rows


def _rate_rows(cell):
    rows, k = [], 0
    while f"search/rate_{k}/learning_rate" in cell.arrays:
        found = {
            name: cell.arrays[f"search/rate_{k}/{name}"]
            for name in ("learning_rate", "update", "validation_loss", "validation_accuracy")
        }
        rate = float(found["learning_rate"])
        rows.append(
            _key(cell, cell.unit)
            | dict(
                split="validation", fold="all", learning_rate=rate, n_updates=int(found["update"][-1]),
                validation_loss=float(found["validation_loss"][-1]),
                validation_accuracy=float(found["validation_accuracy"][-1]),
                chosen=rate == cell.fit_settings.get("learning_rate"),
            )
        )  # fmt: skip
        k += 1
    return rows


def _activity(cell, seed):
    values = {name: cell.of_seed(seed, f"activity/{name}") for name in ACTIVITY}
    return {name: float(value) if value is not None else np.nan for name, value in values.items()}


def decoding_scores(path, sessions):
    """Scores of one cell trained to decode a dataset.

    Parameters
    ----------
    path : str or Path
        The cell's HDF5 file.
    sessions : pandas.DataFrame
        The dataset's `sessions.csv`.

    Returns
    -------
    pandas.DataFrame
        In the form of scores.csv: per session, seed and split, every metric over all held-out samples
        (fold ``all``), and the accuracy of every fold.
    """
    about = sessions.set_index("session")
    rows = []
    with reading(path) as file:
        cell = {name: str(file.attrs[name]) for name in ("benchmark", "model", "prior")}
        for session in [str(name) for name in file.attrs["sessions"]]:
            labels = file[f"{session}/labels"][()]
            for seed in file.attrs["seeds"]:
                for split, group in file[f"{session}/seed_{seed}"].items():
                    key = cell | session_key(about.loc[session], session) | dict(seed=int(seed), split=split)
                    rows += score_rows(key, labels, group["probabilities"][()], group["fold"][()])
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def decoding_rates(path):
    """Every learning rate that one cell's decoders were tried with.

    Parameters
    ----------
    path : str or Path
        The cell's HDF5 file.

    Returns
    -------
    pandas.DataFrame
        In the form of learning_rates.csv; empty where there was one rate only.
    """
    rows = []
    with reading(path) as file:
        cell = {name: str(file.attrs[name]) for name in ("benchmark", "model", "prior")}
        for session in [str(name) for name in file.attrs["sessions"]]:
            for split, group in file[f"{session}/search"].items() if f"{session}/search" in file else ():
                losses = group["validation_loss"][()]
                for fold, rate in np.ndindex(losses.shape):
                    tried = float(group["learning_rate"][rate])
                    rows.append(
                        cell
                        | dict(
                            task=session, training="", split=split, fold=str(fold), learning_rate=tried,
                            n_updates=int(group["n_updates"][()]),
                            validation_loss=float(losses[fold, rate]),
                            chosen=tried == float(group["chosen"][fold]),
                        )
                    )  # fmt: skip
    return pd.DataFrame(rows, columns=RATE_COLUMNS)


def session_key(about, session):
    """The columns of scores.csv that a session fills."""
    return dict(
        task=session,
        session=session,
        animal=str(about["animal"]),
        region=";".join(part.rsplit(":", 1)[0] for part in str(about["regions"]).split(";")),
        n_units=int(about["n_units"]),
    )


def score_rows(key, labels, probabilities, fold_of):
    """Rows of scores.csv for the held-out probabilities of one session."""
    rows = [key | dict(fold="all", metric=m, value=v) for m, v in scores(labels, probabilities).items()]
    right = probabilities.argmax(1) == labels
    for fold in np.unique(fold_of[fold_of >= 0]):
        value = float(right[fold_of == fold].mean())
        rows.append(key | dict(fold=str(fold), metric="accuracy", value=value))
    return rows


def reference_tables(sessions, splits, *, benchmark, about, truth, n_permutations, seed):
    """Scores of the logistic decoder (and, where there is a clock, of the clock alone) and its null.

    Parameters
    ----------
    sessions : sequence of digimus.recordings.Prepared
    splits : callable
        Maps a prepared session to {split name: list of (train, test)}.
    benchmark : str
    about : pandas.DataFrame
        The dataset's `sessions.csv`.
    truth : dict of str to (float, float)
        Known best accuracy of a session and its standard error; empty for real recordings.
    n_permutations, seed : int

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame)
        Rows of scores.csv, and of nulls.csv.
    """
    about = about.set_index("session")
    score_table, null_table = [], []
    for session in sessions:
        name, n_classes = session.session_id, len(session.classes)
        key = dict(benchmark=benchmark, prior="none", seed=0) | session_key(about.loc[name], name)
        for split, folds in splits(session).items():
            for model, decoder, features, exchanged in _references(session):
                probabilities = held_out(decoder, features, session.labels, folds, n_classes)
                fold_of = _fold_of(folds, len(session.labels))
                rows = score_rows(
                    key | dict(model=model, split=split), session.labels, probabilities, fold_of
                )
                score_table += rows
                reached = next(row["value"] for row in rows if row["metric"] == "balanced_accuracy")
                rng = stream(seed, "permutations", benchmark, name, split, model)
                null = permutation_null(
                    decoder, features, session.labels, exchanged, folds, n_classes, n_permutations, rng
                )
                best, error = truth.get(name, (np.nan, np.nan))
                null_table.append(
                    dict(
                        benchmark=benchmark, session=name, animal=session.animal, model=model, split=split,
                        balanced_accuracy=reached, null_mean=np.nanmean(null), null_sd=np.nanstd(null),
                        null_95=np.nanquantile(null, 0.95), p=permutation_p(reached, null),
                        n_permutations=n_permutations, chance=1 / n_classes,
                        best_accuracy=best, best_accuracy_se=error,
                    )
                )  # fmt: skip
    return pd.DataFrame(score_table, columns=SCORE_COLUMNS), pd.DataFrame(null_table, columns=NULL_COLUMNS)


def _references(session):
    """Decoders with their features, and what the null exchanges.

    Whole trials change places for the activity, so that what the clock within a trial tells stays in the
    null; for the clock itself every sample does.
    """
    yield "logistic", activity_decoder, activity_features(session.values), session.groups
    if session.clock_s is not None:
        every_sample = np.arange(session.n_samples)
        yield "clock", clock_decoder, np.asarray(session.clock_s, float)[:, None], every_sample


def _fold_of(folds, n_samples):
    fold_of = np.full(n_samples, -1)
    for fold, (_, test) in enumerate(folds):
        fold_of[test] = fold
    return fold_of
