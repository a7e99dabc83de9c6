"""Simulated recordings: the known best accuracy is right, and the files hold what it was computed for."""

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from digimus.errors import InputError
from digimus.recordings import Preparation, offers, prepare_dataset, read_session, splits
from digimus.simulation.recordings import (
    BIN_S,
    DATASETS,
    PREPARATION,
    Population,
    RecordingSimulation,
    best_accuracy,
    label_posterior,
    simulate_recordings,
    simulate_session,
    truth_holds,
)

N_TRIALS = {"licking": 40, "auditory": 240, "visual": 320}
SMALL = RecordingSimulation(n_animals=1, n_sessions=1, n_trials=12, n_units=5, n_monte_carlo=500)


@pytest.fixture(scope="module", params=DATASETS)
def simulated(request, tmp_path_factory):
    """Four sessions of a dataset, prepared: its name, its folder, truth and prepared sessions."""
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    settings = RecordingSimulation(n_animals=2, n_sessions=4, n_trials=N_TRIALS[name], n_monte_carlo=4000)
    truth = simulate_recordings(folder, name, settings, seed=3)
    paths = [folder / file for file in truth["file"]]
    prepared, _ = prepare_dataset(
        paths, Preparation.from_config(PREPARATION[name]), region_column="brain_area", max_bad_share=0
    )
    return name, folder, truth, prepared


def cross_validated(features, labels, groups):
    """Accuracy of a logistic regression over five interleaved folds."""
    right = []
    for train, test in splits.interleaved(groups, labels, 5, 0):
        decoder = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
        right.append(decoder.fit(features[train], labels[train]).predict(features[test]) == labels[test])
    return np.concatenate(right).mean()


def test_a_decoder_comes_near_the_known_best_and_does_not_pass_it(simulated):
    _, _, truth, prepared = simulated
    assert truth["best_accuracy"].between(0.75, 0.9).all()
    assert truth["n_samples"].tolist() == [one.n_samples for one in prepared]
    found = [cross_validated(one.values.sum(axis=1), one.labels, one.groups) for one in prepared]
    best = truth["best_accuracy"].to_numpy()
    variance = best * (1 - best) / truth["n_samples"] + truth["standard_error"] ** 2
    standard_error = np.sqrt(variance.sum()) / len(best)
    assert -0.07 < np.mean(found - best) < 2 * standard_error
    assert abs((truth["accuracy_on_samples"] - best).mean()) < 3 * standard_error


def test_shuffled_labels_are_decoded_at_chance(simulated):
    _, _, _, prepared = simulated
    rng = np.random.default_rng(0)
    found = [
        cross_validated(one.values.sum(axis=1), rng.permutation(one.labels), one.groups) for one in prepared
    ]
    assert abs(np.mean(found) - 0.5) < 0.06


def test_the_clock_predicts_licks_above_chance_and_below_the_spikes(simulated):
    name, _, truth, prepared = simulated
    if name != "licking":
        assert all(one.clock_s is None for one in prepared) and truth["clock_accuracy"].isna().all()
        return
    found = [cross_validated(one.clock_s[:, None], one.labels, one.groups) for one in prepared]
    assert 0.64 < np.mean(found) < 0.76
    assert truth["clock_accuracy"].iloc[0] == pytest.approx(0.699, abs=0.001)
    assert (truth["clock_accuracy"] < truth["best_accuracy"]).all()
    assert (truth["best_accuracy"] < truth["best_accuracy_with_clock"]).all()


def test_regions_trials_and_behaviour_are_as_stated(simulated):
    name, folder, truth, prepared = simulated
    session = read_session(folder / truth["file"][0])
    assert session.simulated and prepared[0].simulated
    columns = {
        "licking": [],
        "auditory": ["tone_category", "choice", "correct"],
        "visual": ["contrast_left", "contrast_right", "choice", "feedback"],
    }[name]
    assert sorted(session.trials.columns) == sorted(["start_time", "stop_time", *columns])
    areas = {"licking": ["M2", "SNr", "VLS"], "auditory": ["AUDp"], "visual": ["VISp"]}[name]
    assert sorted(set(prepared[0].unit_regions)) == areas
    if name == "licking":
        assert set(session.regions) == {"MOs", "CP", "SNr"}
        assert prepared[0].n_samples == 12 * N_TRIALS[name] and prepared[0].dropped == {}
        np.testing.assert_allclose(prepared[0].clock_s[:12], np.arange(12) * 0.4, atol=1e-6)
    else:
        assert 0.7 < truth["behaviour_accuracy"].mean() < 0.9  # errors, but not at random


def test_prepared_samples_hold_the_labels_that_were_drawn(simulated):
    name, _, _, prepared = simulated
    settings = RecordingSimulation(n_animals=2, n_sessions=4, n_trials=N_TRIALS[name], n_monte_carlo=4000)
    for number, one in enumerate(prepared):
        population, session = simulate_session(name, number, settings, 3)
        np.testing.assert_array_equal(one.labels, session.labels[session.labels >= 0])
        guesses = label_posterior(population, *population.statistics(one.values)).argmax(axis=1)
        np.testing.assert_array_equal(guesses, session.guesses[session.labels >= 0])


def test_truth_and_model_lie_beside_the_files_and_say_simulated(simulated):
    name, folder, truth, _ = simulated
    pd.testing.assert_frame_equal(pd.read_csv(folder / "truth.csv"), truth)
    assert "SIMULATED" in (folder / "MODEL.md").read_text()
    assert not list(folder.glob(".writing-*"))
    assert truth["animal"].nunique() == 2 and offers(folder / truth["file"][0])["simulated"]
    newest = max(folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert newest.name == "truth.csv", name


def test_nwbinspector_finds_nothing_but_names_that_must_not_be_invented(simulated):
    from nwbinspector import inspect_nwbfile

    _, folder, truth, _ = simulated
    messages = list(inspect_nwbfile(nwbfile_path=folder / truth["file"][0]))
    allowed = {"check_experimenter_exists", "check_institution"}
    assert {message.check_function_name for message in messages} <= allowed, messages
    with h5py.File(folder / truth["file"][0]) as file:
        assert not {"experimenter", "lab", "institution"} & set(file["general"])


def test_the_best_accuracy_of_one_unit_equals_the_sum_over_its_counts():
    one = Population(
        baseline_hz=np.array([100.0]),
        gain=np.array([0.5]),
        ramp=np.zeros(1),
        profile=np.array([1.0]),
        weight=np.array([0.3, 0.7]),
        label=np.array([0, 1]),
        mean=np.array([-1.0, 1.0]),
        clock=np.zeros(2),
    )

    def probability(count, mean):
        def joint(x):
            return stats.norm.pdf(x, mean) * stats.poisson.pmf(count, 100 * BIN_S * np.exp(0.5 * x))

        return integrate.quad(joint, mean - 8, mean + 8)[0]

    counts = np.arange(80)
    joint = np.array([[0.3 * probability(n, -1.0), 0.7 * probability(n, 1.0)] for n in counts])
    assert joint.sum() == pytest.approx(1, abs=1e-4)
    posterior = label_posterior(one, 0.5 * counts, np.zeros(len(counts)))
    np.testing.assert_allclose(posterior[:30], (joint / joint.sum(axis=1, keepdims=True))[:30], atol=1e-6)
    found = best_accuracy(one, 40_000, np.random.default_rng(0))
    assert abs(found["best_accuracy"] - joint.max(axis=1).sum()) < 4 * found["standard_error"]
    balanced = (joint / [0.3, 0.7]).max(axis=1).sum() / 2
    assert abs(found["best_balanced_accuracy"] - balanced) < 4 * found["balanced_standard_error"]


def test_with_ever_more_spikes_only_the_evidence_limits_the_accuracy():
    many = Population(
        baseline_hz=np.full(40, 200.0),
        gain=np.tile([0.5, -0.5], 20),
        ramp=np.zeros(40),
        profile=np.ones(8),
        weight=np.array([0.5, 0.5]),
        label=np.array([0, 1]),
        mean=np.array([-1.0, 1.0]),
        clock=np.zeros(2),
    )
    found = best_accuracy(many, 20_000, np.random.default_rng(0))
    assert found["best_accuracy"] == pytest.approx(stats.norm.cdf(1.0), abs=0.006)


def test_the_same_seed_gives_the_same_content_and_another_does_not(tmp_path):
    contents = []
    for folder, seed in (("one", 5), ("two", 5), ("three", 6)):
        simulate_recordings(tmp_path / folder, "licking", SMALL, seed)
        contents.append(content(tmp_path / folder / "sim-licking-a01-s01.nwb"))
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
    truths = [(tmp_path / folder / "truth.csv").read_bytes() for folder in ("one", "two")]
    assert truths[0] == truths[1]


def content(path):
    """Every value and attribute of an HDF5 file, as text."""
    found = {}
    with h5py.File(path) as file:

        def note(place, thing):
            values = thing[()] if isinstance(thing, h5py.Dataset) else None
            values = values.tolist() if isinstance(values, np.ndarray) else values
            attributes = {name: str(value) for name, value in thing.attrs.items()}
            found[place] = (str(values) if "HDF5" not in str(values) else "reference", attributes)

        file.visititems(note)
        found["/"] = {name: str(value) for name, value in file.attrs.items() if name != ".specloc"}
    return found


def test_a_smaller_simulation_removes_the_sessions_of_a_larger_one_and_nothing_else(tmp_path):
    (tmp_path / "mine.nwb").write_text("kept")
    larger = RecordingSimulation(n_animals=1, n_sessions=2, n_trials=12, n_units=5, n_monte_carlo=500)
    simulate_recordings(tmp_path, "auditory", larger, 0)
    assert len(list(tmp_path.glob("sim-*.nwb"))) == 2
    simulate_recordings(tmp_path, "auditory", SMALL, 0)
    assert sorted(path.name for path in tmp_path.glob("*.nwb")) == ["mine.nwb", "sim-auditory-a01-s01.nwb"]


def test_an_interrupted_simulation_leaves_no_truth(tmp_path, monkeypatch):
    simulate_recordings(tmp_path, "visual", SMALL, 0)

    def fail(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("digimus.simulation.recordings._fix_object_ids", fail)
    with pytest.raises(KeyboardInterrupt):
        simulate_recordings(tmp_path, "visual", SMALL, 1)
    assert not (tmp_path / "truth.csv").exists() and not list(tmp_path.glob(".writing-*"))


@pytest.mark.parametrize(
    "mapping", [{"n_trials": 0}, {"n_units": 2.5}, {"n_animals": 9}, {"sessions": 3}, {"n_sessions": True}]
)
def test_settings_that_cannot_be_are_refused(mapping):
    with pytest.raises(InputError):
        RecordingSimulation.from_config(mapping)


def test_an_unknown_dataset_is_refused(tmp_path):
    with pytest.raises(InputError, match="licking, auditory, visual"):
        simulate_recordings(tmp_path, "olfactory", SMALL)


def test_the_known_best_holds_for_the_label_and_units_that_it_was_computed_for(default):
    others = ("simulated", "folder", "pattern", "signal", "region_column", "priors")
    changes = {
        "licking": {"regions": ["M2"]},
        "auditory": {"label": {"column": "choice"}},
        "visual": {"window_ms": [0, 200]},
    }
    for name, dataset in default["recordings"]["datasets"].items():
        mapping = {key: value for key, value in dataset.items() if key not in others}
        assert truth_holds(name, Preparation.from_config(mapping))
        assert truth_holds(name, Preparation.from_config(mapping | {"bin_ms": 100}))
        assert not truth_holds(name, Preparation.from_config(mapping | changes[name]))
        filtered = mapping | {"unit_filters": {"rate_hz": {"min": 5}}}
        assert not truth_holds(name, Preparation.from_config(filtered))
