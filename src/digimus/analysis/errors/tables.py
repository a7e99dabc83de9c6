"""Do features before the response foretell the error? Tables of trained networks and recorded sessions."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from digimus.analysis.errors.features import (
    DISTANCE,
    FEATURES,
    MARGIN,
    judged_features,
    nested_features,
)
from digimus.analysis.errors.gain import auroc_gain
from digimus.analysis.errors.model import NotFitted, clustered_logistic
from digimus.analysis.errors.outcomes import equal_count_ratio, error_auroc, why_at_chance
from digimus.analysis.errors.sessions import trials_of_session
from digimus.analysis.states.dimension import participation_ratio
from digimus.seeding import stream
from digimus.tasks import TASKS

KEY = ("benchmark", "task", "animal", "session", "model", "prior", "seed")
ERROR_COLUMNS = (
    *KEY, "n_trials", "n_errors", "feature_set", "baseline", "auroc_difficulty", "auroc_baseline",
    "auroc_full", "auroc_shuffled", "auroc_gain", "auroc_gain_equal", "null_95", "p", "error_auroc",
    "p_distance", "participation_ratio_correct", "participation_ratio_error", "not_available",
)  # fmt: skip
MODEL_COLUMNS = (
    "benchmark", "task", "model", "prior", "feature", "coefficient", "standard_error", "ci_low", "ci_high",
    "p", "n_clusters", "n_trials", "n_errors", "not_available",
)  # fmt: skip
DISTANCE_COLUMNS = (*KEY, "distance", "correct", "difficulty")
RULES, RECORDING = "rules", "recording"
DIFFICULTY, TIME, REACTION = "difficulty", "time", "reaction time"
NO_BEHAVIOUR = "because no behaviour is configured for this dataset"


@dataclass(frozen=True)
class ErrorSettings:
    """As configured.

    Attributes
    ----------
    fewest_trials : int
        Errors, and correct trials, without which there are no numbers.
    n_folds, n_permutations : int
    """

    fewest_trials: int = 10
    n_folds: int = 5
    n_permutations: int = 200


@dataclass
class ErrorTables:
    """What was found so far; a network or a session at a time is added.

    Attributes
    ----------
    rows, distances : list
        Of ``errors.csv`` (dicts) and ``distances.csv`` (tables).
    clusters : dict
        For ``error_model.csv``: (benchmark, task, model, prior) to the trials and features of each cluster.
    """

    rows: list = field(default_factory=list)
    distances: list = field(default_factory=list)
    clusters: dict = field(default_factory=dict)

    def add(self, key, row, trials=None, features=None):
        """A network or a session: its row and, if it has numbers, its trials and their features."""
        self.rows.append(key | row)
        group = self.clusters.setdefault(
            tuple(key[name] for name in ("benchmark", "task", "model", "prior")), []
        )
        if trials is None:
            return
        group.append((trials, features))
        distance = features[:, trials.names.index(DISTANCE)]
        found = dict(distance=distance, correct=~trials.error, difficulty=trials.difficulty)
        self.distances.append(pd.DataFrame({name: key[name] for name in KEY} | found))

    def tables(self):
        """``errors.csv``, ``error_model.csv`` and ``distances.csv``."""
        model = [row for group, clusters in self.clusters.items() for row in model_rows(group, clusters)]
        distances = pd.DataFrame(columns=DISTANCE_COLUMNS)
        if self.distances:
            distances = pd.concat(self.distances, ignore_index=True)[list(DISTANCE_COLUMNS)]
        rows = pd.DataFrame(self.rows, columns=ERROR_COLUMNS)
        return rows, pd.DataFrame(model, columns=MODEL_COLUMNS), distances


def add_cell(tables, cell, problem, settings, seed):
    """Add the networks of a cell that was trained on a rule task.

    Parameters
    ----------
    tables : ErrorTables
    cell : digimus.training.Trained
    problem : callable
        Gives the task's `digimus.training.RuleTask`; called only if a network has errors to look at.
    settings : ErrorSettings
    seed : int
    """
    from digimus.analysis.errors.networks import trials_of_network  # torch, which recordings do without

    for network_seed in cell.seeds:
        key = dict.fromkeys(KEY, "") | dict(
            benchmark=RULES, task=cell.unit, model=cell.model, prior=cell.prior
        )
        key["seed"] = network_seed
        correct = cell.of_seed(network_seed, "test/correct").astype(bool)
        reason = too_few(correct, settings) or why_at_chance(correct, TASKS[cell.unit].chance)
        if reason:
            tables.add(key, _without_numbers(correct, reason))
            continue
        rng = stream(seed, "errors", cell.unit, cell.model, cell.prior, network_seed)
        trials = trials_of_network(cell.network(network_seed), problem(), correct, settings.n_folds, rng)
        tables.add(key, *error_row(trials, settings, rng))


def add_session(tables, prepared, dataset, settings, seed):
    """Add a recorded session.

    Parameters
    ----------
    tables : ErrorTables
    prepared : digimus.recordings.Prepared
    dataset : str
    settings : ErrorSettings
    seed : int
    """
    key = dict(benchmark=dataset, task=dataset, animal=prepared.animal, session=prepared.session_id)
    key |= dict(model=RECORDING, prior="none", seed="")
    tables.add(
        key, *error_row_of_session(prepared, settings, stream(seed, "errors", dataset, prepared.session_id))
    )


def error_row_of_session(prepared, settings, rng):
    """What `error_row` gives for a prepared session, or its reason why there is nothing to give."""
    if prepared.error is None:
        row = _without_numbers(np.array([], bool), NO_BEHAVIOUR)
        return (row | {"n_trials": prepared.n_samples, "n_errors": np.nan},)
    trials = trials_of_session(prepared, settings.n_folds)
    if trials is None:
        reason = "because no trial has a known outcome and two bins before the response"
        return (_without_numbers(np.array([], bool), reason),)
    reason = too_few(~trials.error, settings)
    if not trials.states.shape[1]:
        reason = "because no unit was observed in all trials"
    if reason:
        return (_without_numbers(~trials.error, reason),)
    return error_row(trials, settings, rng)


def too_few(correct, settings):
    """Why these outcomes are too few of a kind; empty where they are not."""
    n_errors = int((~correct).sum())
    for kind, n in (("error", n_errors), ("correct", len(correct) - n_errors)):
        if n < settings.fewest_trials:
            return f"because there are {n} {kind} trials, and {settings.fewest_trials} are needed"
    return ""


def _without_numbers(correct, reason):
    row = dict.fromkeys(ERROR_COLUMNS[len(KEY) :], np.nan) | dict(feature_set="", baseline="")
    return row | dict(n_trials=len(correct), n_errors=int((~correct).sum()), not_available=reason)


def error_row(trials, settings, rng):
    """A network's or a session's row of ``errors.csv``.

    Parameters
    ----------
    trials : ErrorTrials
    settings : ErrorSettings
    rng : numpy.random.Generator

    Returns
    -------
    (dict,) or (dict, ErrorTrials, array of shape (trials, features))
        Without the others where the row has a reason instead of numbers.
    """
    if not np.isfinite(participation_ratio(trials.states)):
        return (_without_numbers(~trials.error, "because the activity before the response does not vary"),)
    nested = nested_features(trials)
    features = judged_features(trials, nested)
    gain = auroc_gain(trials, nested, rng, settings.n_permutations)
    if not np.isfinite(gain.full):
        return (_without_numbers(~trials.error, "because no fold has both errors and correct trials"),)
    row = _without_numbers(~trials.error, "")
    row |= dict(feature_set="; ".join(trials.names), baseline="; ".join([DIFFICULTY, *trials.covariates]))
    row |= dict(
        auroc_difficulty=gain.difficulty, auroc_baseline=gain.baseline, auroc_full=gain.full, p=gain.p
    )
    row |= dict(auroc_shuffled=gain.shuffled.mean(), auroc_gain=gain.gain, auroc_gain_equal=gain.equal)
    row["null_95"] = np.quantile(gain.shuffled, 0.95) - gain.shuffled.mean()
    distance = features[:, trials.names.index(DISTANCE)]
    row["error_auroc"], row["p_distance"] = error_auroc(distance, ~trials.error, trials.stratum, rng)
    row["participation_ratio_correct"], row["participation_ratio_error"] = equal_count_ratio(
        trials.states, ~trials.error, rng
    )
    return row, trials, features


def model_rows(group, clusters):
    """Rows of ``error_model.csv`` of one task and cell, or one dataset; a row for every regressor.

    Parameters
    ----------
    group : (str, str, str, str)
        Benchmark, task, model, prior.
    clusters : list of (ErrorTrials, array of shape (trials, features))
        Of the networks or sessions that have numbers.
    """
    absent = _absent(clusters)
    names = [name for name in (DIFFICULTY, TIME, REACTION, *FEATURES) if name not in absent]
    key = dict(zip(("benchmark", "task", "model", "prior"), group, strict=True))
    key |= dict(n_clusters=len(clusters), n_trials=sum(len(trials.error) for trials, _ in clusters))
    key["n_errors"] = sum(int(trials.error.sum()) for trials, _ in clusters)
    fit, why = None, ""
    try:
        regressors = _regressors(clusters, names)
        n_others = regressors[0][0].shape[1] - len(names) if regressors else 0
        fit = clustered_logistic(regressors, n_others)
    except NotFitted as reason:
        why = f"because {reason}"
    rows = []
    for name in (DIFFICULTY, TIME, REACTION, *FEATURES):
        row = dict.fromkeys(MODEL_COLUMNS, np.nan) | key | dict(feature=name)
        row["not_available"] = absent.get(name, why)
        if fit is not None and name in names:
            k = names.index(name)
            numbers = ("coefficient", "standard_error", "ci_low", "ci_high", "p")
            row |= {column: float(getattr(fit, column)[k]) for column in numbers}
        rows.append(row)
    return rows


REASONS = {
    DIFFICULTY: "because difficulty is not graded",
    TIME: "because the trials have no order in time",
    REACTION: "because no response time is configured",
    MARGIN: "because the label has no classes",
}
"""Why a regressor may be unknown."""


def _absent(clusters):
    """The regressors that are not in the model, each with its reason."""
    known = [_known(*cluster) for cluster in clusters]
    found = {}
    for name in (DIFFICULTY, TIME, REACTION, *FEATURES):
        if not all(name in values for values in known):
            found[name] = REASONS[name]
        elif known and not any(np.ptp(values[name]) > 0 for values in known):
            found[name] = "because it does not vary"
    return found


def _known(trials, features):
    """The regressors of a cluster by name."""
    known = dict(zip(trials.names, features.T, strict=True)) | trials.covariates
    graded = np.isfinite(trials.difficulty).all() and np.ptp(trials.difficulty) > 0
    return known | ({DIFFICULTY: trials.difficulty} if graded else {})


def _regressors(clusters, names):
    """Columns of each cluster, standardised (`names`, then what else makes a trial hard), and its errors.

    Sessions may differ in the answers that they have: columns that one lacks are 0 there.
    """
    found, width = [], max((trials.setting.shape[1] for trials, _ in clusters), default=0)
    for trials, features in clusters:
        known = _known(trials, features)
        setting = np.pad(trials.setting, ((0, 0), (0, width - trials.setting.shape[1])))
        columns = np.column_stack([*(known[name] for name in names), setting]).astype(float)
        scale = columns.std(0)
        centred = columns - columns.mean(0)
        columns = np.divide(centred, scale, out=np.zeros_like(centred), where=scale > 1e-12)
        found.append((columns, trials.error))
    return found
