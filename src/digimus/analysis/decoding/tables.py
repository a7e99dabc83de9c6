"""Tables of decoding: what every trained cell reached in every session, and how its answer grew in time."""

import numpy as np
import pandas as pd

from digimus.analysis.columns import DECODING_TABLES, OF_CELL, RATE_COLUMNS
from digimus.analysis.decoding.metrics import balanced_accuracy, calibration, continuous_scores, scores
from digimus.storage import reading


def tables(**rows):
    """Lists of rows as tables, by the names of their files."""
    return {name: pd.DataFrame(found, columns=DECODING_TABLES[name]) for name, found in rows.items()}


def cell_tables(path, sessions, folder, shown=()):
    """What one cell trained to decode a dataset reached.

    Parameters
    ----------
    path : str or Path
        The cell's HDF5 file.
    sessions : pandas.DataFrame
        The dataset's `sessions.csv`.
    folder : Path
        Of the prepared sessions.
    shown : sequence of int
        Samples of the first session whose answers are listed bin by bin.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``scores``: per session, seed and split every metric over all held-out samples (fold ``all``), and
        the accuracy (r2 for numbers) of every fold; ``timecourse``: the balanced accuracy (r2) of the answer
        after each time bin; ``calibration``; ``decoded``: the answers, mean over seeds, after each time bin
        of the samples shown. In the form of the files of their names.
    """
    about = sessions.set_index("session")
    rows = {name: [] for name in ("scores", "timecourse", "calibration", "decoded")}
    with reading(path) as file:
        cell = {name: str(file.attrs[name]) for name in ("benchmark", "model", "prior")}
        seeds = [int(seed) for seed in file.attrs["seeds"]]
        names = [str(name) for name in file.attrs["sessions"]]
        for session in names:
            facts = session_facts(folder / f"{session}.h5")
            labels, start_s = file[f"{session}/labels"][()], file[f"{session}/start_s"][()]
            groups = [file.get(f"{session}/seed_{seed}", ()) for seed in seeds]  # none without any split
            splits = list(dict.fromkeys(split for group in groups for split in group))
            for split in splits:
                key = cell | session_key(about.loc[session], session) | dict(split=split)
                running = []
                for seed in seeds:
                    group = file[f"{session}/seed_{seed}/{split}"]
                    answers = group["predictions" if facts["continuous"] else "probabilities"][()]
                    own, fold_of = key | dict(seed=seed), group["fold"][()]
                    rows["scores"] += score_rows(own, labels, answers, fold_of, facts["events"])
                    rows["calibration"] += calibration_rows(own, labels, answers)
                    running.append(group["running"][()])
                    rows["timecourse"] += running_rows(own, labels, running[-1], fold_of, facts["time_s"])
                if session == names[0] and split == shown_split(splits):
                    rows["decoded"] += decoded_rows(key, np.mean(running, axis=0), start_s, facts, shown)
    return tables(**rows)


def session_facts(path):
    """What scoring must know of a prepared session, without its activity.

    Returns
    -------
    dict
        continuous, events (bool), classes (list), time_s (centres of the time bins relative to time zero) and
        end_s (their ends).
    """
    with reading(path) as file:
        n_bins, bin_ms = file["values"].shape[1], float(file.attrs["bin_ms"])
        begin_ms = float(file.attrs["window_ms"][0])
        classes = file["classes"].asstr()[:].tolist()
        kind = str(file.attrs["label_kind"])
    return facts_of(classes, kind, begin_ms, bin_ms, n_bins)


def facts_of(classes, label_kind, begin_ms, bin_ms, n_bins):
    """As `session_facts`, from what a prepared session holds."""
    edges_s = (begin_ms + bin_ms * np.arange(n_bins + 1)) / 1000
    return dict(
        classes=list(classes), continuous=not len(classes), events=label_kind == "events",
        time_s=(edges_s[1:] + edges_s[:-1]) / 2, end_s=edges_s[1:],
    )  # fmt: skip


def shown_split(splits):
    """The split of the example session: blocked, or the first of another name."""
    return "blocked" if "blocked" in splits else next(iter(splits), None)


def session_key(about, session):
    """The columns of scores.csv that a session fills."""
    return dict(
        task=session,
        session=session,
        animal=str(about["animal"]),
        region=";".join(part.rsplit(":", 1)[0] for part in str(about["regions"]).split(";")),
        n_units=int(about["n_units"]),
    )


def score_rows(key, labels, found, fold_of, events=False):
    """Rows of scores.csv for the held-out answers of one session.

    Parameters
    ----------
    key : dict
    labels : array (samples,)
    found : array (samples, classes) or, for numbers, (samples,)
    fold_of : array of int (samples,)
    events : bool
        Whether class 1 says that an event happened.
    """
    if found.ndim == 1:
        whole, folds = continuous_scores(labels, found, fold_of), _fold_r2(labels, found, fold_of)
    else:
        whole, folds = scores(labels, found, fold_of, events), _fold_accuracy(labels, found, fold_of)
    rows = [key | dict(fold="all", metric=metric, value=value) for metric, value in whole.items()]
    metric = "r2" if found.ndim == 1 else "accuracy"
    return rows + [key | dict(fold=str(fold), metric=metric, value=value) for fold, value in folds]


def _fold_accuracy(labels, probabilities, fold_of):
    right = probabilities.argmax(1) == labels
    return [(fold, float(right[fold_of == fold].mean())) for fold in np.unique(fold_of[fold_of >= 0])]


def _fold_r2(targets, predictions, fold_of):
    for fold in np.unique(fold_of[fold_of >= 0]):
        own = np.where(fold_of == fold, predictions, np.nan)
        yield fold, continuous_scores(targets, own, fold_of)["r2"]


def calibration_rows(key, labels, found):
    """Rows of calibration.csv; none for numbers."""
    if found.ndim == 1:
        return []
    own = {name: key[name] for name in OF_CELL}
    return [own | row for row in calibration(labels, found)]


def running_rows(key, labels, running, fold_of, time_s, train_time_s=np.nan):
    """Rows of timecourse.csv of the answers after each time bin (samples, time bins, classes or 1).

    Balanced accuracy, whose chance is the same in every session, or r2.
    """
    own = {name: key[name] for name in OF_CELL}
    rows = []
    for bin_, test_time_s in enumerate(time_s):
        found = running[:, bin_]
        if found.shape[1] == 1:
            metric, value = "r2", continuous_scores(labels, found[:, 0], fold_of)["r2"]
        else:
            known = np.isfinite(found).all(1)
            value = balanced_accuracy(labels[known], found[known].argmax(1))
            metric = "balanced_accuracy"
        times = dict(train_time_s=train_time_s, test_time_s=round(float(test_time_s), 6))
        rows.append(own | times | dict(metric=metric, value=value))
    return rows


def decoded_rows(key, running, start_s, facts, shown):
    """Rows of decoded.csv: of two classes the second, of more all, and numbers with an empty class."""
    own = {name: key[name] for name in ("benchmark", "session", "model", "prior", "split")}
    classes = facts["classes"] or [""]
    columns = [1] if len(classes) == 2 else range(len(classes))
    return [
        own
        | {"sample": int(sample), "time_s": round(float(start_s[sample] + end), 6), "class": classes[column]}
        | {"probability": float(running[sample, bin_, column])}
        for sample in shown
        for bin_, end in enumerate(facts["end_s"])
        for column in columns
    ]


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
