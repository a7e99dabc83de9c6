"""An NWB session: what it offers, its samples, and how well a decoder reads the stimulus side from spikes.

The session is simulated, so that the best possible accuracy is known. The decoder is scored on blocks of
trials that it was not fitted on.
"""

import tempfile
from pathlib import Path

import numpy as np

from digimus.analysis.decoding.decoders import CLASSIFIERS, held_out
from digimus.analysis.decoding.metrics import balanced_accuracy
from digimus.recordings import Preparation, prepare, read_session, splits
from digimus.simulation.recordings import RecordingSimulation, simulate_recordings

with tempfile.TemporaryDirectory() as name:
    settings = RecordingSimulation(n_animals=1, n_sessions=1, n_trials=200, n_monte_carlo=4000)
    truth = simulate_recordings(Path(name), "visual", settings, seed=1).iloc[0]
    session = read_session(Path(name) / truth["file"])

print(f"simulated session {session.session_id}: {session.n_units} units, {len(session.trials)} trials")
print(f"trial columns: {', '.join(session.trials.columns)}")

label = {"column": "contrast_right", "minus": "contrast_left", "rule": "sign"}
wanted = Preparation.from_config({"bin_ms": 50, "window_ms": [0, 400], "label": label})
samples = prepare(session, wanted)
print(f"samples, time bins, units: {samples.values.shape}")

folds = list(splits.blocked(samples.groups, samples.start_s, n_folds=5, gap_groups=1))
decoder = CLASSIFIERS["logistic"]
found = held_out(decoder, decoder.features(samples), samples.labels, folds, n_classes=2)
reached = balanced_accuracy(samples.labels, np.argmax(found, axis=1))
best = truth["best_balanced_accuracy"]
print(f"balanced accuracy on simulated data: {reached:.2f}; the best possible: {best:.2f}")
