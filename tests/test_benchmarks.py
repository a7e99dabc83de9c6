"""The benchmark programs run, agree among themselves and write whole tables; nothing here is timed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import corpus  # noqa: E402
import harness  # noqa: E402
import neurons  # noqa: E402
import scaling  # noqa: E402
from digimus.morphology import read_swc  # noqa: E402

SUBJECTS = ("census", "nulls", "soft", "morphology", "connectome", "step", "costs", "recordings")
AWAY = {"igraph", "morphio", "pandas_numpy", "kdtree_a_neuron", "norse", "snntorch", "spikingjelly"}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The tables of a quick run without the peers."""
    folder = tmp_path_factory.mktemp("benchmarks")
    command = [sys.executable, str(BENCHMARKS / "run.py"), "--quick", "--out", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_quick_run_writes_a_whole_table(out, subject):
    table = pd.read_csv(out / f"{subject}.csv")
    assert list(table.columns) == harness.COLUMNS
    ran = table[~table["case"].str.contains("left out")]
    assert len(ran) and (ran["ours"] > 0).all() and (ran["ours_min"] <= ran["ours"]).all()
    assert not set(ran["peer_name"].dropna()) & AWAY
    compared = ran[ran["peer"].notna()]
    np.testing.assert_allclose(compared["ratio"], compared["peer"] / compared["ours"], rtol=2e-3)
    judged = compared[compared["goal"].notna()]
    assert (judged["met"].astype(bool) == (judged["ratio"] >= judged["goal"])).all()
    assert f"## {subject}" in (out / "summary.md").read_text()


def test_variants_that_disagree_are_not_timed():
    class Answer:
        def __init__(self, variant, numbers):
            self.variant, self.numbers = variant, np.array(numbers)

    case = harness.Case("sums", {}, ("other",))
    harness._agree(case, [Answer("digimus", [1.0, 2.0]), Answer("other", [1.0, 2.0])])
    with pytest.raises(AssertionError, match="sums: other"):
        harness._agree(case, [Answer("digimus", [1.0, 2.0]), Answer("other", [1.0, 2.1])])


def test_the_corpus_is_simulated_neurons_of_which_no_two_are_alike(tmp_path):
    table = neurons.write_corpus(tmp_path, 6, n_processes=1)
    assert table["simulated"].all() and table["id"].is_unique
    read = [read_swc(tmp_path / file) for file in table["file"]]
    assert [len(neuron) for neuron in read] == table["n_nodes"].tolist()
    assert len({neuron.xyz_um.tobytes() for neuron in read}) == 6
    for neuron, file in zip(read, table["file"], strict=True):
        assert "SIMULATED" in (tmp_path / file).read_text().splitlines()[0]
        axon, dendrite = (neuron.kind == 2).sum(), (neuron.kind == 3).sum()
        assert neurons.AXON_NODES[0] <= axon <= neurons.AXON_NODES[-1]
        assert neurons.DENDRITE_NODES[0] <= dendrite <= neurons.DENDRITE_NODES[-1]
        assert (neuron.parent < np.arange(len(neuron))).all()


def test_a_corpus_is_the_first_part_of_a_larger_one(tmp_path):
    small = neurons.write_corpus(tmp_path / "small", 2, n_processes=1)
    large = neurons.write_corpus(tmp_path / "large", 4, n_processes=1)
    pd.testing.assert_frame_equal(small, large.iloc[:2])
    for file in small["file"]:
        assert (tmp_path / "small" / file).read_bytes() == (tmp_path / "large" / file).read_bytes()


def test_numbers_are_written_as_they_are(tmp_path):
    xyz = np.array([[0.0, 1.0, 10.0], [999.9995, 1234.5, 0.001], [9999.999, 0.5, 100.25]])
    tree = (xyz, np.array([1, 2, 2]), np.array([-1, 0, 1]))
    path = tmp_path / "numbers.swc"
    path.write_bytes(neurons.swc_bytes("numbers", tree))
    neuron = read_swc(path)
    np.testing.assert_allclose(neuron.xyz_um, xyz, atol=5.01e-4)
    assert neuron.parent.tolist() == [-1, 0, 1] and neuron.kind.tolist() == [1, 2, 2]


def test_the_sizes_of_regions_follow_the_published_ones():
    shares = np.maximum(np.array(neurons.REGION_SIZES) / sum(neurons.REGION_SIZES), neurons._LEAST_SHARE)
    assert sum(neurons.REGION_SIZES) == 34572 and len(neurons.REGIONS) == 50
    place = np.searchsorted(np.cumsum(shares / shares.sum()), (0.5 + np.arange(481) * neurons._GOLDEN) % 1)
    assert np.bincount(place, minlength=50).min() >= 3  # the fewest that make a graph of triads


def test_growth_is_extrapolated_by_stage_and_added_up():
    n = np.array(corpus.SIZES, float)
    reading = {"wall_s": 5 + 1e-3 * n, "cpu_s": 1e-3 * n, "peak_gib": 0.5}
    pairs = {"wall_s": 10 + 2e-6 * n**2, "cpu_s": 2e-6 * n**2, "peak_gib": 0.4 + 1e-5 * n}
    both = {name: reading[name] + pairs[name] for name in ("wall_s", "cpu_s")} | {"peak_gib": 0.5}
    parts = {"reading": reading, "pairs": pairs, "all": both}
    measured = pd.concat(
        [pd.DataFrame({"stage": k, "n_neurons": n.astype(int), **v}) for k, v in parts.items()]
    )
    table = corpus.extrapolate(measured)
    assert (table["basis"] == "measured").sum() == 3 * len(n)
    whole = table[table["n_neurons"] == corpus.WHOLE].set_index(["stage", "basis"])
    size = corpus.WHOLE
    assert whole.loc[("pairs", "polynomial"), "wall_s"] == pytest.approx(10 + 2e-6 * size**2, rel=5e-3)
    cpu_s = {"reading": 1e-3 * size, "pairs": 2e-6 * size**2}
    for stage, expected in (*cpu_s.items(), ("all", sum(cpu_s.values()))):
        assert whole.loc[(stage, "power law"), "cpu_s"] == pytest.approx(expected, rel=5e-3)
    assert whole.loc[("reading", "power law"), "growth_cpu_s"] == 1.0
    assert whole.loc[("pairs", "power law"), "growth_cpu_s"] == 2.0
    assert whole.loc[("all", "polynomial"), "peak_gib"] == pytest.approx(0.4 + 1e-5 * size, rel=5e-3)
    assert not whole.loc[("all", "polynomial"), "met"]  # the time is over the goal, the memory is not


def a_run(n_slots, span_s, **others):
    """A run of six jobs that train for 60 s in all."""
    known = {"n_jobs": 6, "time_s": span_s + 4, "waited_s": 5.0, "training_s": 60.0, "start_s": 2.0}
    return scaling.Run(n_slots=n_slots, span_s=span_s, **known | others)


def test_what_a_job_costs_beyond_training_is_the_time_of_its_slot():
    assert a_run(1, 60 + 6 * 7.0).beyond_s == pytest.approx(7)
    assert a_run(2, (60 + 6 * 7.0) / 2).beyond_s == pytest.approx(7)


def test_the_grid_is_judged_by_its_speed_up_and_its_share_beyond_training(monkeypatch):
    runs = {("SLURM", 1): a_run(1, 102), ("SLURM", 2): a_run(2, 51), ("local", 1): a_run(1, 76)}
    runs |= {("local", 2): a_run(2, 66)} | {(way, 2): a_run(2, 50) for way in scaling.WAYS if way != "SLURM"}
    rows = scaling.rows_of(runs)
    assert rows[0]["ratio"] == pytest.approx(106 / 55) and rows[0]["met"]
    assert rows[1]["ratio"] == pytest.approx(80 / 70) and not rows[1]["met"]
    beyond = next(row for row in rows if row["case"] == "a job beyond its training, SLURM")
    assert beyond["ours"] == pytest.approx(7) and beyond["peer"] == pytest.approx(16 / 6)
    cost = type("Cost", (), {"job_hours": (30 / 3600, 90 / 3600)})
    monkeypatch.setattr(scaling, "estimate", lambda configuration: [cost])
    mean, shortest = scaling.paper_rows(7.0)
    assert mean["ours"] == pytest.approx(100 * 7 / 67) and mean["met"]
    assert shortest["ours"] == pytest.approx(100 * 7 / 37) and not shortest["met"]
    assert list(harness.table([*rows, mean, shortest])["case"])[-1].endswith("shortest job, 30 s")


def test_training_lasts_from_the_first_line_of_a_log_to_the_last(tmp_path):
    path = tmp_path / "results/logs/train_task/dm1/digimus/none.log"
    path.parent.mkdir(parents=True)
    path.write_text(
        "2026-11-22 02:05:09,500 device: cpu\n2026-11-22 02:05:10,000 seed\n2026-11-22 02:05:12,250 end\n"
    )
    first, last = scaling._logs(tmp_path)[path]
    assert last - first == pytest.approx(2.75)
    assert first - scaling._seconds("2026-11-22T02:05:07") == pytest.approx(2.5)
