"""Does the right verdict come, end to end? Effects planted in neurons, recordings and weights, then analysed.

What is planted goes through the same functions as data: neurons are written, read, overlapped and counted;
sessions are written, read, cut into samples and decoded; weights are compared with a prior. All is ours.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from digimus.analysis.claims.decoding import decoding_claims
from digimus.analysis.claims.every import Grid
from digimus.analysis.claims.learnt import error_claims, retention_claims
from digimus.analysis.claims.motifs import motif_claims
from digimus.analysis.claims.table import Claims
from digimus.analysis.decoding.decoders import CLASSIFIERS, held_out
from digimus.analysis.decoding.metrics import balanced_accuracy
from digimus.analysis.errors.tables import ErrorSettings, ErrorTables, add_session
from digimus.analysis.retention.comparisons import comparisons_table
from digimus.analysis.retention.profiles import retention_tables, weight_profile
from digimus.connectome import region_graph
from digimus.morphology import read_folder
from digimus.motifs import Prior, region_profile
from digimus.recordings import Preparation, prepare_files
from digimus.recordings.splits import blocked
from digimus.seeding import stream
from digimus.simulation.neurons import simulate_neurons
from digimus.simulation.planted_scores import PRIOR, SMALLEST, error_rates
from digimus.simulation.recordings import PREPARATION, RecordingSimulation, simulate_recordings
from digimus.training import Trained

WIRED = ("SIM-reciprocal", "SIM-feedforward", "SIM-cyclic", "SIM-clustered", "SIM-hubs", "SIM-geometry")
UNWIRED = ("SIM-geometry",) * len(WIRED)
WIRING = dict(n_neurons=48, reciprocity=0.9, clustering=0.95, cycles=6.0, hubs=0.8)
COUNTING = dict(n_draws=4, n_null=50, nulls=("dyad", "degree", "distance-mutual"), n_bootstrap=50)
"""Fewer neurons and draws than a run has, so that many runs take minutes, and stronger rules in return."""
N_UNITS, N_FOLDS = 12, 3
N_TRIALS = {"licking": 40, "auditory": 120}
BEHAVIOUR = {"choice": "choice", "answer": "tone_category"}
N_TASKS, N_SEEDS, N_WEIGHTS, DENSITY = 7, 3, 48, 0.1
BOOST = 2.0  # by which planted edges are stronger, in standard deviations of the weights


def claims_from_neurons(planted, seed):
    """Claims on the motifs of six regions, each wired by a rule of its own, or none by any.

    Parameters
    ----------
    planted : bool
    seed : int

    Returns
    -------
    pandas.DataFrame
        As claims.csv.
    """
    profiles, verdicts = [], []
    for k, kind in enumerate(WIRED if planted else UNWIRED):
        with tempfile.TemporaryDirectory() as folder:
            simulate_neurons(folder, dict(regions=[kind]) | WIRING, seed=1000 * seed + k)
            read = read_folder(
                folder, "*.swc", source="planted", simulated=True, index=Path(folder) / "index.csv",
                region_column="region", brain_column="brain", regions=[kind], voxel_um=25, keep=False,
            )  # fmt: skip
        graph = region_graph(read.arbors, source="planted", region=kind, simulated=True, min_neurons=30)
        rng = stream(seed, "planted", "neurons", k)
        found = region_profile(graph.probability, graph.soma_um, rng=rng, brains=graph.brains, **COUNTING)
        key = dict(source="planted", region=f"region {k}", small=False, simulated=True)
        profiles.append(found.table.assign(**key))
        verdicts.append(found.verdicts.assign(**key))
    claims = Claims(seed)
    motif_claims(
        claims, pd.concat(profiles, ignore_index=True), pd.concat(verdicts, ignore_index=True),
        smallest=SMALLEST["region_share"], simulated=True,
    )  # fmt: skip
    return claims.table()


def claims_from_recordings(planted, seed):
    """Claims on eight licking and eight auditory sessions of four animals, written and read as NWB files.

    Planted: as simulated, where activity tells licks beyond the clock, and where errors of choice follow
    evidence that the activity carries. Not planted: labels exchanged between samples of the same time since
    the reward, and errors between trials of the same tone. The decoder is logistic, not a network.

    Returns
    -------
    pandas.DataFrame
        As claims.csv.
    """
    rng = stream(seed, "planted", "recordings")
    sessions = {name: _sessions_of(name, seed) for name in N_TRIALS}
    if not planted:
        sessions["licking"] = [_exchanged(s, "labels", s.clock_s.round(1), rng) for s in sessions["licking"]]
        sessions["auditory"] = [_exchanged(s, "error", s.labels, rng) for s in sessions["auditory"]]
    scores = [row for session in sessions["licking"] for row in _decoded(session)]
    tables = ErrorTables()
    for session in sessions["auditory"]:
        add_session(tables, session, "auditory", ErrorSettings(n_folds=N_FOLDS, n_permutations=20), seed)
    claims, grid = Claims(seed), Grid({}, {}, datasets={"licking": [], "auditory": []})
    decoding_claims(claims, pd.DataFrame(scores), grid=grid, smallest=SMALLEST["accuracy"])
    error_claims(claims, tables.tables()[0], grid=grid, smallest=SMALLEST["error_auroc"])
    table = claims.table()
    return table[table["not_available"].eq("")]


def _sessions_of(name, seed):
    """Prepared sessions of a simulated dataset, by way of its files."""
    settings = PREPARATION[name] | ({"behaviour": BEHAVIOUR} if name == "auditory" else {})
    found = []
    with tempfile.TemporaryDirectory() as folder:
        amount = RecordingSimulation(4, 8, N_TRIALS[name], N_UNITS, n_monte_carlo=100)
        simulate_recordings(folder, name, amount, seed=seed)
        prepare_files(
            sorted(Path(folder).glob("*.nwb")), Preparation.from_config(settings), dataset=name,
            write=found.append,
        )  # fmt: skip
    return found


def _exchanged(session, array, stratum, rng):
    """A session in which an array's values are exchanged between samples of one stratum."""
    values = getattr(session, array).copy()
    for level in np.unique(stratum):
        at = np.flatnonzero(stratum == level)
        values[at] = values[rng.permutation(at)]
    return replace(session, **{array: values})


def _decoded(session):
    """Rows as in scores.csv: balanced accuracy of the activity and of the clock, in blocked folds."""
    folds = list(blocked(session.groups, session.start_s, N_FOLDS, 1))
    for model, name in (("digimus", "logistic"), ("clock", "clock")):
        decoder = CLASSIFIERS[name]
        said = held_out(decoder, decoder.features(session), session.labels, folds, len(session.classes))
        known = np.isfinite(said).all(1)
        value = balanced_accuracy(session.labels[known], said[known].argmax(1))
        yield dict(
            benchmark="licking", metric="balanced_accuracy", split="blocked", fold="all",
            animal=session.animal, session=session.session_id, model=model, prior="none", seed=0, value=value,
        )  # fmt: skip


def claims_from_weights(planted, seed):
    """Claims on the retention of a feedforward prior in weights: of seven tasks and three seeds.

    Planted: the weights after training are stronger along the edges of a feedforward graph, a new one for
    every network. Else they are as random as those of the twin and of the start.

    Returns
    -------
    pandas.DataFrame
        As claims.csv.
    """
    rng = stream(seed, "planted", "weights")
    prior = _feedforward_prior(rng)
    cells = [
        _cell(f"task {k}", name, planted and name == PRIOR, rng)
        for k in range(N_TASKS)
        for name in ("none", PRIOR)
    ]
    _, scores = retention_tables(cells, {PRIOR: {"": prior}}, DENSITY)
    claims, grid = Claims(seed), Grid({PRIOR: {"kind": "region"}}, {"digimus": "digimus"}, (PRIOR,))
    comparisons = comparisons_table(scores, {PRIOR: []})
    retention_claims(claims, comparisons, grid=grid, smallest=SMALLEST["retention"])
    table = claims.table()
    return table[table["not_available"].eq("")]


def _feedforward(rng):
    """The edges of a random graph that run down a hidden order, [post, pre]."""
    place = rng.permutation(N_WEIGHTS)
    return (rng.random((N_WEIGHTS, N_WEIGHTS)) < 2 * DENSITY) & (place[:, None] > place[None, :])


def _feedforward_prior(rng, n_graphs=20):
    """A prior from graphs of that rule; the weight of a class is one over its variance among them."""
    found = [weight_profile(_feedforward(rng).astype(float), DENSITY) for _ in range(n_graphs)]
    enrichments = np.array([enrichment for enrichment, _ in found])
    variance = enrichments.var(0, ddof=1)
    weight = np.divide(1, variance, out=np.zeros_like(variance), where=variance > 1e-9)
    frequency = np.full(len(variance), 1 / len(variance))
    reciprocity = float(np.mean([value for _, value in found]))
    return Prior(
        PRIOR, "planted", "feedforward", "region", enrichments.mean(0), weight, frequency, reciprocity,
        DENSITY, N_WEIGHTS,
    )  # fmt: skip


def _cell(task, prior, planted, rng):
    """A trained cell of random weights, with or without stronger ones along a feedforward graph."""
    arrays = {}
    for seed in range(N_SEEDS):
        start = rng.normal(size=(N_WEIGHTS, N_WEIGHTS))
        after = start + rng.normal(0, 0.5, start.shape)
        if planted:
            after = after + BOOST * np.sign(after) * _feedforward(rng)
        arrays[f"seed_{seed}/initial_recurrent_weight"] = start
        arrays[f"seed_{seed}/recurrent_weight"] = after
    return Trained(
        "rules", task, "digimus", prior, "digimus", tuple(range(N_SEEDS)), 0, 1, 1,
        dict(n_units=N_WEIGHTS), arrays,
    )  # fmt: skip


PLANTS = {
    "neurons": claims_from_neurons,
    "recordings": claims_from_recordings,
    "weights": claims_from_weights,
}


def end_to_end(planted_in, n, seed):
    """How often the claims are right when effects are planted in neurons, recordings or weights.

    Parameters
    ----------
    planted_in : str
        Of `PLANTS`.
    n : int
        Runs with the effect, and as many without.
    seed : int

    Returns
    -------
    pandas.DataFrame
        Columns `digimus.simulation.planted_scores.COLUMNS`; each claim is judged by its own p.
    """
    runs = {
        planted: pd.concat(
            [PLANTS[planted_in](planted, seed + draw).assign(draw=draw) for draw in range(n)],
            ignore_index=True,
        )
        for planted in (True, False)
    }
    return error_rates(runs[True], runs[False], level="end to end", planted_in=planted_in)
