"""Tables of the decoders that need no network: scores, nulls, time, calibration, regions, answers."""

import logging
from dataclasses import replace
from functools import partial

import numpy as np

from digimus.analysis.decoding.across_sessions import as_session, latents, predicted, trained_on_others
from digimus.analysis.decoding.decoders import decoders_of, held_out
from digimus.analysis.decoding.metrics import bits_per_spike, continuous_scores, scores
from digimus.analysis.decoding.nulls import (
    NULLS,
    fold_numbers,
    null_labels,
    null_values,
    permutation_p,
    reached,
)
from digimus.analysis.decoding.tables import (
    calibration_rows,
    decoded_rows,
    facts_of,
    running_rows,
    score_rows,
    session_key,
    shown_split,
    tables,
)
from digimus.recordings.splits import other_sessions
from digimus.seeding import stream

log = logging.getLogger(__name__)
ACROSS = "sessions"
"""The split that leaves one session out."""
REMADE = "interleaved"
"""The split whose folds depend on the labels, so that a null makes them anew."""
MOST_TIMES = 20
"""Stretches of the window between which the decoder is generalised in time."""


def reference_tables(
    sessions, splits, *, across=None, benchmark, about, truth, n_permutations, regions, seed, shown=()
):
    """Scores of the decoders that need no network, and their nulls.

    Parameters
    ----------
    sessions : sequence of digimus.recordings.Prepared
    splits : callable
        Maps a prepared session to {split name: list of (train, test)}, for splits within sessions.
    across : callable, optional
        Maps a prepared session to the folds of its input layer in the split ``sessions``; without it that
        split is left out. A session without folds has no part in it.
    benchmark : str
    about : pandas.DataFrame
        The dataset's `sessions.csv`.
    truth : dict of str to (float, float)
        Known best accuracy of a session and its standard error; empty for real recordings.
    n_permutations : int
        Draws of each null.
    regions : dict
        ``n_units`` drawn from every region that has as many, ``n_draws`` times.
    seed : int
    shown : sequence of int
        Samples of the first session whose answers are listed bin by bin.

    Returns
    -------
    dict of str to pandas.DataFrame
        scores, nulls, timecourse, calibration, regions and decoded, in the form of the files of their names.
        What is not available has no rows, and the log says why.
    """
    about = about.set_index("session")
    rows = {name: [] for name in ("scores", "nulls", "timecourse", "calibration", "regions", "decoded")}
    across_sessions = None if across is None else _Across(sessions, across)
    for number, session in enumerate(sessions):
        name = session.session_id
        key = dict(benchmark=benchmark, prior="none", seed=0) | session_key(about.loc[name], name)
        job = _Session(session, key, truth.get(name, (np.nan, np.nan)), n_permutations, seed, rows)
        own = splits(session)
        for split, folds in own.items():
            _within(job, split, folds, partial(_folds_of, splits, session, split))
        if across_sessions is not None:
            across_sessions.score(job, number)
        main = shown_split(own)
        if main is not None:
            rows["regions"] += _region_rows(job, main, own[main], regions)
            if number == 0 and len(shown):
                rows["decoded"] += _running_answers(job, main, own[main], shown)
    return tables(**rows)


def _folds_of(splits, session, split, labels):
    """The folds of a session with other labels."""
    return splits(replace(session, labels=labels))[split]


class _Session:
    """One session whose rows are being gathered."""

    def __init__(self, session, key, best, n_permutations, seed, rows):
        self.session, self.key, self.best, self.rows = session, key, best, rows
        self.n_permutations, self.seed = n_permutations, seed
        self.n_classes = len(session.classes)
        window = session.window_ms[0], session.bin_ms, session.n_bins
        self.facts = facts_of(session.classes, session.label_kind, *window)

    def add(self, model, split, found, folds):
        """Scores and calibration of one decoder."""
        key, labels = self.key | dict(model=model, split=split), self.session.labels
        fold_of = fold_numbers(folds, len(labels))
        self.rows["scores"] += score_rows(key, labels, found, fold_of, self.facts["events"])
        self.rows["calibration"] += calibration_rows(key, labels, found)

    def draws(self, kind, split, model, exchanged):
        """Labels of a null."""
        names = self.key["benchmark"], self.session.session_id, split, model
        rng = stream(self.seed, "permutations", kind, *names)
        return null_labels(kind, self.session, exchanged, self.n_permutations, rng)

    def add_null(self, model, split, kind, value, null):
        """One row of nulls.csv; `null` is empty where none was made."""
        known = null[np.isfinite(null)]
        if not len(known):
            known = np.array([np.nan])
        self.rows["nulls"].append(
            dict(
                benchmark=self.key["benchmark"], session=self.session.session_id, animal=self.session.animal,
                model=model, split=split, null=kind, balanced_accuracy=value if self.n_classes else np.nan,
                null_mean=known.mean(), null_sd=known.std(), null_95=np.quantile(known, 0.95),
                p=permutation_p(value, null), n_permutations=len(null),
                chance=1 / self.n_classes if self.n_classes else 0.0,
                best_accuracy=self.best[0], best_accuracy_se=self.best[1],
                metric="balanced_accuracy" if self.n_classes else "r2", value=value,
            )
        )  # fmt: skip


def _within(job, split, folds, remade):
    """Every decoder on one split within a session, and its nulls."""
    session, n_classes = job.session, job.n_classes
    for model, decoder in decoders_of(session).items():
        features = decoder.features(session)
        found = held_out(decoder, features, session.labels, folds, n_classes)
        job.add(model, split, found, folds)
        value = reached(session.labels, found, folds, n_classes)
        if decoder.exchanged is None:
            job.add_null(model, split, NULLS[0], value, np.empty(0))
            continue
        for kind in NULLS:
            draws = job.draws(kind, split, model, decoder.exchanged)
            own = remade if split == REMADE else None
            null = null_values(decoder, features, draws, folds, n_classes, own)
            job.add_null(model, split, kind, value, null)
    job.rows["timecourse"] += _generalisation(job, split, folds)
    if session.signal == "spikes" and n_classes:
        value = bits_per_spike(session.values, session.labels, folds, session.observed, n_classes)
        key = job.key | dict(model="class-rates", split=split, fold="all")
        job.rows["scores"].append(key | dict(metric="bits_per_spike", value=value))


class _Across:
    """The split that leaves one session out."""

    def __init__(self, sessions, folds_of):
        self.sessions = sessions
        self.folds = [folds_of(session) for session in sessions]
        self.seen = [
            as_session(session, latents(session, folds)) if folds else None
            for session, folds in zip(sessions, self.folds, strict=True)
        ]

    def score(self, job, number):
        """Every decoder of the other sessions on this one; without others nothing, and a line in the log."""
        session, folds, own = self.sessions[number], self.folds[number], self.seen[number]
        if not folds:
            return
        others, reason = other_sessions(self.sessions, number)
        others = [k for k in others if self.folds[k]]
        if not others:
            reason = reason or "no other session has trials enough"
            log.warning("%s: the split %s is not available: %s", session.session_id, ACROSS, reason)
            return
        for model, decoder in decoders_of(session).items():
            train = trained_on_others(decoder, [self.seen[k] for k in others])
            found = predicted(decoder, *train, session, own.values[None])[0]
            job.add(model, ACROSS, found, folds)
            value = reached(session.labels, found, folds, job.n_classes)
            if decoder.exchanged is None:
                job.add_null(model, ACROSS, NULLS[0], value, np.empty(0))
                continue
            for kind in NULLS:
                draws = job.draws(kind, ACROSS, model, decoder.exchanged)
                told = predicted(decoder, *train, session, latents(session, folds, draws))
                pairs = zip(draws, told, strict=True)
                null = np.array([reached(draw, one, folds, job.n_classes) for draw, one in pairs])
                job.add_null(model, ACROSS, kind, value, null)


def _main_decoder(session):
    """The first decoder, of whole-window activity: logistic or ridge."""
    return next(iter(decoders_of(session).items()))


def _generalisation(job, split, folds):
    """Trained on one stretch of the window and tested on another, each with each."""
    session = job.session
    model, decoder = _main_decoder(session)
    stretches = np.array_split(np.arange(session.n_bins), min(MOST_TIMES, session.n_bins))
    times_s = [float(job.facts["time_s"][part].mean()) for part in stretches]
    parts = np.stack(
        [decoder.features(replace(session, values=session.values[:, part])) for part in stretches]
    )
    n_samples, width = session.n_samples, job.n_classes or 1
    key = job.key | dict(model=model, split=split)
    fold_of, rows = fold_numbers(folds, n_samples), []
    for own, train_time_s in zip(parts, times_s, strict=True):
        found = np.full((n_samples, len(stretches), width), np.nan)
        for train, test in folds:
            told = decoder.predict(
                own[train], session.labels[train], np.concatenate(parts[:, test]), job.n_classes
            )
            found[test] = told.reshape(len(stretches), len(test), width).swapaxes(0, 1)
        rows += running_rows(key, session.labels, found, fold_of, times_s, round(train_time_s, 6))
    return rows


def _running_answers(job, split, folds, shown):
    """What the main decoder says of the samples shown after each bin, fitted on the activity so far."""
    session = job.session
    model, decoder = _main_decoder(session)
    running = np.full((session.n_samples, session.n_bins, job.n_classes or 1), np.nan)
    for bin_ in range(session.n_bins):
        features = decoder.features(replace(session, values=session.values[:, : bin_ + 1]))
        found = held_out(decoder, features, session.labels, folds, job.n_classes)
        running[:, bin_] = found.reshape(session.n_samples, -1)
    return decoded_rows(job.key | dict(model=model, split=split), running, session.start_s, job.facts, shown)


def _region_rows(job, split, folds, settings):
    """Regions at equal numbers of units: every region that has as many, several draws of them."""
    session, rows = job.session, []
    model, decoder = _main_decoder(session)
    features, fold_of = decoder.features(session), fold_numbers(folds, session.n_samples)
    of_unit = session.unit_regions.astype(str)
    own = {name: job.key[name] for name in ("benchmark", "session", "animal")}
    chance = {"r2": 0.0}
    if job.n_classes:
        commonest = np.bincount(session.labels).max() / session.n_samples
        chance = {"accuracy": commonest, "balanced_accuracy": 1 / job.n_classes}
    for region in session.region_names:
        units = np.flatnonzero(of_unit == region)
        if len(units) < settings["n_units"]:
            continue
        # All draws of just as many units are the same.
        for draw in range(settings["n_draws"] if len(units) > settings["n_units"] else 1):
            rng = stream(job.seed, "regions", own["benchmark"], own["session"], region, draw)
            drawn = np.sort(rng.choice(units, settings["n_units"], replace=False))
            found = held_out(decoder, features[:, drawn], session.labels, folds, job.n_classes)
            if job.n_classes:
                whole = scores(session.labels, found)
            else:
                whole = continuous_scores(session.labels, found, fold_of)
            about = dict(region=region, n_units=settings["n_units"], n_available=len(units), draw=draw)
            about |= dict(model=model, split=split)
            rows += [
                own | about | dict(metric=metric, value=whole[metric], chance=by_guess)
                for metric, by_guess in chance.items()
            ]
    return rows
