"""Tables of scores: one observation a row, every seed, split and fold."""

import numpy as np
import pandas as pd

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
    "fold", "metric", "value",
)  # fmt: skip
NULL_COLUMNS = (
    "benchmark", "session", "animal", "model", "split", "balanced_accuracy", "null_mean", "null_sd",
    "null_95", "p", "n_permutations", "chance", "best_accuracy", "best_accuracy_se",
)  # fmt: skip
CURVE_COLUMNS = ("benchmark", "task", "model", "prior", "seed", "update", "metric", "value")
ACTIVITY = ("spikes_per_step", "silent_share", "saturated_share")
MODEL_COLUMNS = ("benchmark", "task", "model", "prior", "seed", "family", "n_parameters", *ACTIVITY)


def rule_tables(trained):
    """Scores, learning curves and sizes of cells trained on rule tasks.

    Parameters
    ----------
    trained : iterable of digimus.training.Trained

    Returns
    -------
    (pandas.DataFrame, pandas.DataFrame, pandas.DataFrame)
        Rows in the form of scores.csv; benchmark, task, model, prior, seed, update, metric, value; and
        n_parameters and activity per cell and seed.
    """
    from digimus.tasks import TASKS  # needs torch, which the reference decoders do without

    score_rows, curve_rows, model_rows = [], [], []
    for cell in trained:
        for seed in cell.seeds:
            key = dict(
                benchmark=cell.benchmark, task=cell.unit, model=cell.model, prior=cell.prior, seed=seed
            )
            correct = cell.of_seed(seed, "test/correct")
            difficulty = cell.of_seed(seed, "test/difficulty")
            shared = key | dict(animal="", session="", region="", n_units=np.nan, split="test", fold="all")
            score_rows.append(shared | dict(metric="accuracy", value=float(correct.mean())))
            for level in np.unique(difficulty[np.isfinite(difficulty)]):
                value = float(correct[np.isclose(difficulty, level)].mean())
                score_rows.append(shared | dict(metric=f"accuracy_at_coherence_{level:.2g}", value=value))
            updates = cell.of_seed(seed, "curves/update")
            for metric in ("loss", "validation_accuracy", "validation_loss", "motif_loss"):
                values = cell.of_seed(seed, f"curves/{metric}")
                curve_rows += [
                    key | dict(update=int(update), metric=metric, value=value)
                    for update, value in zip(updates, values, strict=True)
                    if np.isfinite(value)
                ]
            about = dict(family=TASKS[cell.unit].family, n_parameters=cell.n_parameters)
            model_rows.append(key | about | _activity(cell, seed))
    return (
        pd.DataFrame(score_rows, columns=SCORE_COLUMNS),
        pd.DataFrame(curve_rows, columns=CURVE_COLUMNS),
        pd.DataFrame(model_rows, columns=MODEL_COLUMNS),
    )


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
