"""Simulated neurons: the files are sound, and the planted wiring is found again from morphologies alone."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from digimus.connectome import region_graph
from digimus.errors import InputError
from digimus.morphology import Atlas, read_folder, read_swc
from digimus.motifs import MOTIFS, region_profile, significance_profile, triad_census
from digimus.motifs.triads import IS_MOTIF
from digimus.simulation.neurons import CENTRES_UM, REGIONS, NeuronSettings, plan_region, simulate_neurons

TINY = {"regions": ["SIM-geometry", "SIM-feedforward"], "n_neurons": 24}
READ = {"region_column": "region", "brain_column": "brain", "id_column": "id"}
TARGETED = REGIONS[1:]
WITH_MOTIFS = REGIONS[2:]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """All seven regions at their defaults, read back and made into graphs."""
    folder = tmp_path_factory.mktemp("simulated")
    index = simulate_neurons(folder, seed=1)
    reading = read_folder(folder, "*.swc", index=folder / "index.csv", **READ, voxel_um=25, keep=False)
    truth = pd.read_csv(folder / "truth.csv")
    graphs = {region: region_graph(reading.arbors, region=region, simulated=True) for region in REGIONS}
    return SimpleNamespace(folder=folder, index=index, reading=reading, truth=truth, graphs=graphs)


def planted_edges(whole, region):
    """The planted adjacency in the order of the region's graph."""
    place = {name: k for k, name in enumerate(whole.graphs[region].ids)}
    rows = whole.truth[whole.truth["region"] == region]
    planted = np.zeros((len(place), len(place)))
    planted[rows["pre"].map(place), rows["post"].map(place)] = 1
    return planted


def share_cyclic(counts):
    """Cyclic triads among transitive and cyclic ones."""
    transitive, cyclic = counts[MOTIFS.index("030T")], counts[MOTIFS.index("030C")]
    return cyclic / (transitive + cyclic)


def share_on_hubs(graph):
    """Share of edges that end on the 13 neurons (a fifth) with most of them."""
    return np.sort(graph.sum(axis=0))[-13:].sum() / graph.sum()


def recovered_order(truth, found, least=0.05):
    """Whether values that truly differ by more than `least` are found in the same order."""
    truth, found = np.subtract.outer(truth, truth), np.subtract.outer(found, found)
    clear = np.abs(truth) > least
    return (np.sign(truth) == np.sign(found))[clear].all()


# Files


def test_every_neuron_is_whole_and_in_its_region(whole):
    table = whole.reading.neurons
    assert len(table) == 7 * 64 and len(whole.reading.set_aside) == 0
    assert (table["flags"] == "").all() and (table["hemisphere"] == "left").all()
    assert (table.groupby("region").size() == 64).all() and set(table["region"]) == set(REGIONS)
    assert table["brain"].nunique() == 4
    for region, centre in CENTRES_UM.items():
        somas = table.loc[table["region"] == region, ["soma_ap_um", "soma_dv_um", "soma_ml_um"]].to_numpy()
        assert np.abs(somas - centre).max() < 600
        apart = np.linalg.norm(somas[:, None] - somas, axis=-1)[~np.eye(64, dtype=bool)]
        assert apart.min() > 150
    np.testing.assert_allclose(table["dendrite_length_um"], 2500, rtol=1e-3)


def test_the_simulated_atlas_holds_the_neurons_in_their_regions(whole):
    atlas = Atlas(whole.folder / "annotation.nrrd", whole.folder / "structure_tree.csv")
    assert b"SIMULATED" in (whole.folder / "annotation.nrrd").read_bytes()[:200]
    table = whole.reading.neurons
    somas = table[["soma_ap_um", "soma_dv_um", "soma_ml_um"]].to_numpy().copy()
    assert atlas.region_at(somas) == list(table["region"])
    somas[:, 2] = 11400 - somas[:, 2]
    assert atlas.region_at(somas) == list(table["region"])
    options = {"index": whole.folder / "index.csv", **READ, "atlas": atlas, "simulated": True}
    reading = read_folder(whole.folder, "*00[01]?.swc", **options, voxel_um=25, regions=REGIONS, keep=False)
    checks = reading.checks.set_index("check")
    assert (checks["verdict"] == "agrees").all() and checks["simulated"].all()
    assert checks.loc["registration", "n_against"] == 0
    for region, part in reading.neurons.groupby("region"):
        own = part[f"axon_in_{region}_um"].sum()
        assert own > 0.99 * part["axon_length_um"].sum()


def test_files_say_that_they_are_simulated(whole):
    first = (whole.folder / whole.index["file"][0]).read_text().splitlines()[0]
    assert first.startswith("#") and "SIMULATED" in first
    model = (whole.folder / "MODEL.md").read_text()
    assert "SIMULATED" in model and all(region in model for region in REGIONS)
    assert pd.read_csv(whole.folder / "index.csv")["simulated"].all()
    assert set(whole.truth["region"]) == set(TARGETED)


def test_the_same_seed_writes_the_same_files_and_another_does_not(tmp_path):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        simulate_neurons(tmp_path / name, TINY, seed)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(names) == 2 * 24 + 5
    made_up = {"annotation.nrrd", "structure_tree.csv"}  # of the settings alone

    def same(one, other):
        return [
            (tmp_path / one / name).read_bytes() == (tmp_path / other / name).read_bytes() for name in names
        ]

    assert (
        all(same("a", "b"))
        and {name for name, equal in zip(names, same("a", "c"), strict=True) if equal} <= made_up
    )
    neuron = read_swc(tmp_path / "a" / next(name for name in names if name.endswith(".swc")))
    assert (neuron.parent == -1).sum() == 1 and neuron.kind[0] == 1


def test_the_index_is_written_last(tmp_path, monkeypatch):
    simulate_neurons(tmp_path, TINY, 0)
    assert (tmp_path / "index.csv").exists()

    def fail(*_):
        raise RuntimeError("stopped")

    monkeypatch.setattr("digimus.simulation.neurons._model_text", fail)
    with pytest.raises(RuntimeError):
        simulate_neurons(tmp_path, TINY, 0)
    assert not (tmp_path / "index.csv").exists()


@pytest.mark.parametrize(
    "wrong, words",
    [
        ({"n_neuron": 24}, "n_neurons"),
        ({"regions": ["SIM-geometri"]}, "SIM-geometry"),
        ({"regions": []}, "wrong"),
        ({"n_neurons": 2}, "n_neurons"),
        ({"n_neurons": 900}, "spacing_um"),
        ({"density": 0.9}, "density"),
        ({"hubs": 1.5}, "hubs"),
    ],
)
def test_wrong_settings_are_named(tmp_path, wrong, words):
    with pytest.raises(InputError, match=words):
        simulate_neurons(tmp_path, wrong)


@pytest.mark.real_data
def test_simulated_neurons_lie_inside_the_brain(whole, real_data):
    atlas = Atlas(real_data / "ontology" / "annotation_25.nrrd")
    for k in range(0, 448, 16):
        assert "outside" not in atlas.region_at(read_swc(whole.folder / whole.index["file"][k]).xyz_um)


# The plan


def test_all_plans_share_density_and_distances():
    settings = NeuronSettings()
    distances = []
    for region in TARGETED:
        somas, planted = plan_region(region, settings, 5)
        assert planted.sum() == round(0.12 * 64 * 63) and not np.diag(planted).any()
        distances.append(np.linalg.norm(somas[:, None] - somas, axis=-1)[planted])
    means = [values.mean() for values in distances]
    assert max(means) / min(means) < 1.06
    assert plan_region("SIM-geometry", settings, 5)[1] is None


def test_centres_are_far_apart():
    centres = np.array(list(CENTRES_UM.values()))
    apart = np.linalg.norm(centres[:, None] - centres, axis=-1)[~np.eye(len(centres), dtype=bool)]
    assert apart.min() > 2000


def test_planted_rules_hold(whole):
    census = {region: triad_census(planted_edges(whole, region))[IS_MOTIF] for region in TARGETED}
    reciprocity = {}
    for region in TARGETED:
        planted = planted_edges(whole, region)
        reciprocity[region] = (planted * planted.T).sum() / planted.sum()
    assert reciprocity["SIM-reciprocal"] >= 0.6 and reciprocity["SIM-feedforward"] == 0
    assert census["SIM-feedforward"][MOTIFS.index("030C")] == 0
    assert census["SIM-cyclic"][MOTIFS.index("030C")] > 200
    on_hubs = {region: share_on_hubs(planted_edges(whole, region)) for region in TARGETED}
    assert on_hubs["SIM-hubs"] >= 0.5 and on_hubs["SIM-distance"] < 0.4


# Recovery


@pytest.mark.parametrize("region", TARGETED)
def test_planted_edges_are_recovered(whole, region):
    planted, probability = planted_edges(whole, region), whole.graphs[region].probability.toarray()
    pairs = ~np.eye(64, dtype=bool)
    assert roc_auc_score(planted[pairs], probability[pairs]) > 0.95
    assert roc_auc_score(planted.T[pairs], probability[pairs]) < 0.9 or region == "SIM-reciprocal"


def test_density_is_the_same_in_all_regions(whole):
    densities = [graph.density for graph in whole.graphs.values()]
    assert max(densities) / min(densities) < 1.15 and 0.1 < min(densities)


def test_regions_are_ordered_as_planted(whole):
    draws = np.random.default_rng(0)
    planted, found, back, back_found = [], [], [], []
    for region in TARGETED:
        truth, graph = planted_edges(whole, region), whole.graphs[region]
        drawn = (draws.random((64, 64)) < graph.probability.toarray()).astype(float)
        planted.append(share_cyclic(triad_census(truth)[IS_MOTIF]))
        found.append(share_cyclic(triad_census(drawn)[IS_MOTIF]))
        back.append((truth * truth.T).sum() / truth.sum())
        back_found.append(graph.reciprocity)
    assert recovered_order(back, back_found)
    extremes = [TARGETED.index(name) for name in ("SIM-feedforward", "SIM-cyclic")]
    assert [np.argmin(found), np.argmax(found)] == [np.argmin(planted), np.argmax(planted)] == extremes


def test_only_regions_with_a_rule_differ_from_geometry(whole):
    p, largest = {}, {}
    for region, graph in whole.graphs.items():
        profile = significance_profile(graph.probability, "distance", 60, graph.soma_um, seed=1)
        p[region], largest[region] = profile.p_profile, np.nanmax(np.abs(profile.z))
    assert p["SIM-geometry"] > 0.2 and largest["SIM-geometry"] < 1.5
    assert p["SIM-distance"] > 0.1 and largest["SIM-distance"] < 3
    for region in WITH_MOTIFS:
        assert p[region] < 0.05 and largest[region] > 5


def test_targeted_axons_alone_make_no_motifs_and_hubs_make_those_of_their_degrees(tmp_path):
    found = []
    for seed in range(2, 7):
        folder = tmp_path / str(seed)
        simulate_neurons(folder, {"regions": ["SIM-distance", "SIM-hubs"]}, seed)
        reading = read_folder(folder, "*.swc", index=folder / "index.csv", **READ, voxel_um=25, keep=False)
        for region in ("SIM-distance", "SIM-hubs"):
            graph = region_graph(reading.arbors, region=region)
            sizes = {"n_draws": 4, "n_null": 40, "n_bootstrap": 2}
            rng = np.random.default_rng(seed)
            profile = region_profile(graph.probability, graph.soma_um, **sizes, rng=rng)
            found.append(profile.verdicts.assign(region=region, seed=seed))
    found = pd.concat(found).set_index(["region", "null", "seed"]).sort_index()
    p, excess = found["p_profile"], found["excess"]
    for null in ("distance", "distance-mutual"):
        assert (p["SIM-distance", null] > 0.05).sum() >= 4
        assert (p["SIM-hubs", null] < 0.05).all()
        assert (excess["SIM-hubs", "degree"] < 0.3 * excess["SIM-hubs", null]).all()
    assert (p["SIM-hubs", "degree"] > 0.05).sum() >= 4


def test_a_tiny_simulation_makes_graphs(tmp_path):
    simulate_neurons(tmp_path, {**TINY, "n_neurons": 30}, 1)
    simulate_neurons(tmp_path, TINY, 2)
    reading = read_folder(tmp_path, "*.swc", index=tmp_path / "index.csv", **READ, voxel_um=25)
    assert len(reading.neurons) == 48 and len(reading.set_aside) == 0
    for region in TINY["regions"]:
        graph = region_graph(reading.arbors, region=region, min_neurons=50)
        assert graph.small and 0.09 < graph.density < 0.16
