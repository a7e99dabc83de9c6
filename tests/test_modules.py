"""Networks of several modules, masks and signs: from the configuration to the figure."""

import io
from copy import deepcopy

import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from digimus import InputError
from digimus.analysis.retention.profiles import MOST_BINS, hard_adjacency, module_tables, retention_tables
from digimus.configuration import checked, priors_of, tasks_of
from digimus.figures import draw
from digimus.models.structure import projection_shares
from digimus.motifs import MOTIFS, Prior
from digimus.motifs.priors import build_priors
from digimus.training import load
from whole_runs import copy_of, overlay, planned, snakemake

NAMES = ["SIM-feedforward", "SIM-reciprocal", "SIM-cyclic"]
STRENGTHS = [[0, 0.5, 0.25], [0.25, 0, 0.5], [0.0, 0.25, 0]]


# Configuration


def changed(configuration, **values):
    """A copy with values set; keys are written with two underscores, `modular` stands for its entry."""
    copy = deepcopy(configuration)
    for key, value in values.items():
        *path, last = key.split("__")
        part = copy
        for name in path:
            part = part[name]
        part[last] = value
    return copy


def complaint(configuration, schema):
    with pytest.raises(InputError) as raised:
        checked(configuration, schema)
    error = raised.value
    assert all((error.what, error.where, error.expected, error.got, error.hint))
    return error


@pytest.mark.parametrize(
    ("entry", "where"),
    [
        ({"modules": {"SIM-hubs": "feedforward"}}, "priors.by-module.modules"),
        ({"modules": {"SIM-cyclic": "cyclix"}}, "priors.by-module.modules.SIM-cyclic"),
        ({"modules": {"SIM-cyclic": "by-module"}}, "priors.by-module.modules.SIM-cyclic"),
        ({"modules": {}}, "priors.by-module.modules"),
        ({}, "priors.by-module.modules"),
        ({"modules": {"SIM-cyclic": "cyclic"}, "source": "simulated"}, "priors.by-module.source"),
        ({"modules": {"SIM-cyclic": "cyclic"}, "weight": 1}, "priors.by-module.weight"),
    ],
)
def test_a_prior_for_modules_is_refused_where_it_cannot_be_made(default, schema, entry, where):
    wrong = deepcopy(default)
    wrong["priors"]["by-module"] = {"kind": "modules", **entry}
    assert complaint(wrong, schema).where == where


def test_other_priors_take_a_source_and_no_modules(default, schema):
    wrong = deepcopy(default)
    del wrong["priors"]["cyclic"]["source"]
    assert complaint(wrong, schema).where == "priors.cyclic.source"
    wrong = deepcopy(default)
    wrong["priors"]["cyclic"]["modules"] = {"SIM-cyclic": "reciprocal"}
    assert complaint(wrong, schema).where == "priors.cyclic.modules"


def test_a_prior_for_modules_needs_a_model_that_has_them(default, schema):
    rules = changed(default, training__rules__priors=["feedforward", "by-module"])
    error = complaint(rules, schema)
    assert error.where == "training.rules.priors" and "'digimus'" in error.what
    assert "priors_of.digimus" in error.hint
    alone = changed(rules, training__rules__models=["modular"])
    checked(alone, schema)
    dataset = changed(default, recordings__datasets__visual__priors=["by-module"])
    assert complaint(dataset, schema).where == "recordings.datasets.visual.priors"
    few = deepcopy(default)
    few["models"]["modular"]["n_units"] = 8
    error = complaint(few, schema)
    assert error.where == "models.modular.n_units" and "9 units" in error.expected
    few["models"]["modular"]["n_units"] = 9
    checked(few, schema)


def test_a_plain_prior_serves_a_model_of_several_modules(default, schema):
    checked(changed(default, training__rules__priors_of={"modular": ["feedforward"]}), schema)


def test_some_models_have_tasks_and_priors_of_their_own(default, schema):
    rules = checked(default, schema)["training"]["rules"]
    assert priors_of(rules, "digimus") == rules["priors"] and priors_of(rules, "modular") == ["by-module"]
    assert tasks_of(rules, "digimus") == rules["tasks"] and set(tasks_of(rules, "modular")) < set(
        rules["tasks"]
    )
    own = {**rules, "tasks": ["dm1", "go"], "tasks_of": {"modular": ["go", "dms"]}}
    assert tasks_of(own, "modular") == ["go"] and tasks_of(own, "lstm") == ["dm1", "go"]
    for key in ("tasks_of", "priors_of"):
        error = complaint(changed(default, **{f"training__rules__{key}": {"modulor": []}}), schema)
        assert error.where == f"training.rules.{key}" and "modular" in error.hint
    error = complaint(changed(default, training__rules__priors_of={"modular": ["by-modul"]}), schema)
    assert error.where == "training.rules.priors_of.modular" and "by-module" in error.hint


@pytest.mark.parametrize(
    ("settings", "where"),
    [
        ({"projections": None}, "models.modular.projections"),
        ({"projections": STRENGTHS[:2]}, "models.modular.projections"),
        ({"projections": [row[:2] for row in STRENGTHS]}, "models.modular.projections"),
        ({"projections": {"source": "simulate"}}, "models.modular.projections.source"),
        ({"projections": {}}, "models.modular.projections"),
        ({"regions": ["A", "B", "C"], "projections": {"source": "simulated"}}, "models.modular.regions"),
        ({"mask": {"source": "simulate", "region": "SIM-hubs"}}, "models.modular.mask.source"),
        ({"mask": {"source": "simulated", "region": "SIM-hub"}}, "models.modular.mask.region"),
        ({"mask": {"source": "simulated"}}, "models.modular.mask"),
        (
            {"mask": {"source": "simulated", "region": "SIM-hubs"}, "n_units": 65},
            "models.modular.mask.region",
        ),
    ],
)
def test_regions_projections_and_masks_are_checked_before_any_job(default, schema, settings, where):
    wrong = changed(default, training__rules__priors_of={"modular": []})
    wrong["models"]["modular"] = {**wrong["models"]["modular"], **settings}
    assert complaint(wrong, schema).where == where


def test_projections_of_a_source_need_an_atlas_and_every_target(default, schema):
    good = deepcopy(default)
    good["models"]["modular"]["projections"] = {"source": "simulated"}
    checked(good, schema)
    wrong = deepcopy(good)
    del wrong["morphology"]["sources"]["simulated"]["annotation"]
    assert complaint(wrong, schema).where == "morphology.sources.simulated.projections"
    wrong = changed(good, morphology__sources__simulated__targets=NAMES[:2])
    error = complaint(wrong, schema)
    assert error.where == "morphology.sources.simulated.targets" and "SIM-cyclic" in error.got


def test_a_mask_from_a_region_and_dale_signs_can_be_configured(default, schema):
    good = deepcopy(default)
    good["models"] |= {
        "masked": {
            "kind": "digimus",
            "mask": {"source": "simulated", "region": "SIM-hubs"},
            "mask_density": 0.2,
        },
        "dale": {"kind": "digimus", "excitatory_share": 0.8},
    }
    good["training"]["rules"]["models"] = ["digimus", "masked", "dale"]
    good["training"]["rules"]["learning_rate"] |= {"masked": 0.01, "dale": 0.01}
    checked(good, schema)
    for share in (0, 1, 1.5):
        wrong = changed(good, models__dale__excitatory_share=share)
        assert complaint(wrong, schema).where == "models.dale.excitatory_share"


# Tables of projections


def a_table(folder, text):
    path = folder / "projections.csv"
    path.write_text("region,target,share\n" + text)
    return path


def test_projections_are_read_by_row_and_column(tmp_path):
    path = a_table(tmp_path, "A,A,0.9\nA,NA,0.5\nNA,NA,0.1\nNA,X,0.3\nX,A,1\n")
    found = projection_shares(path, ["NA", "A", "X"])
    np.testing.assert_array_equal(found, [[0.1, 0, 0.3], [0.5, 0.9, 0], [0, 1, 0]])
    np.testing.assert_array_equal(projection_shares(path, ["A"]), [[0.9]])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("A,B,0.5\n", "lacks a region"),
        ("A,B,0.5\nB,A,0.1\nA,B,0.4\n", "twice"),
        ("A,B,0.5\nB,A,\n", "cannot be used"),
        ("A,B,0.5\nB,A,-1\n", "cannot be used"),
        ("A,B,0.5\nB,A,much\n", "cannot be used"),
        ("A,A,1\nA,B,0\nB,A,0\nB,B,1\n", "connects no two"),
    ],
)
def test_tables_of_projections_that_cannot_be_used_are_refused(tmp_path, rows, words):
    path = a_table(tmp_path, rows)
    with pytest.raises(InputError, match=words) as raised:
        projection_shares(path, ["A", "B"])
    assert str(path) in str(raised.value.where)


# Priors


def a_prior(region, **values):
    given = dict(
        name=region, source="s", region=region, kind="region", enrichment=np.zeros(13), weight=np.ones(13),
        frequency=np.full(13, 1 / 13), reciprocity=0.1, density=0.1, n_neurons=50,
    )  # fmt: skip
    return Prior(**(given | values))


def test_each_module_gets_its_own_prior_from_its_own_source():
    tables = {"s": {"R": a_prior("R")}, "t": {"Q": a_prior("Q", source="t"), "P": a_prior("P", source="t")}}
    modules = {
        "one": {"name": "mine", "kind": "region", "source": "s", "region": "R"},
        "two": {"name": "yours", "kind": "shuffled", "source": "t", "region": "Q"},
    }
    found = build_priors("both", {"kind": "modules", "modules": modules}, tables, 1)
    assert {module: (p.name, p.kind, p.source, p.region) for module, p in found.items()} == {
        "one": ("mine", "region", "s", "R"), "two": ("yours", "shuffled", "t", "P"),
    }  # fmt: skip
    plain = build_priors("mine", modules["one"], tables, 1)
    assert list(plain) == [""] and plain[""].name == "mine"
    tables["s"]["R"] = a_prior("R", min_neurons=60)
    with pytest.raises(InputError, match="too few neurons") as raised:
        build_priors("both", {"kind": "modules", "modules": modules}, tables, 1)
    assert "priors.mine" in raised.value.where


# Retention


class Network:
    """Stands for a trained cell; before training all modules are alike."""

    model, seeds = "modular", (4,)

    def __init__(self, task, prior, weight, regions, strengths):
        self.unit, self.prior, self.weight = task, prior, weight
        self.model_settings = {"regions": regions, "n_units": len(weight), "projections": strengths}

    def of_seed(self, seed, name):
        return np.ones_like(self.weight) if name == "initial_recurrent_weight" else self.weight


def blocks(*parts, between):
    """A weight matrix with these blocks on its diagonal, and one size of weight between them."""
    size = sum(map(len, parts))
    weight, start = np.full((size, size), float(between)), 0
    for part in parts:
        weight[start : start + len(part), start : start + len(part)] = part
        start += len(part)
    return weight


def chain(n):
    """W[post, pre] of i -> i + 1."""
    return np.eye(n, k=-1) + 0.01


def star(n):
    """W[post, pre] of 0 -> all others."""
    weight = np.full((n, n), 0.01)
    weight[1:, 0] = 1
    return weight


def test_the_motifs_of_a_module_are_those_of_its_own_weights():
    # Between modules everything is stronger than within, and must not count.
    weight = blocks(chain(10), star(10), between=5.0)
    density = 9 / 90
    goal = {"chain": "021C", "star": "021D"}
    assert (
        hard_adjacency(weight[:10, :10], density).sum()
        == hard_adjacency(weight[10:, 10:], density).sum()
        == 9
    )
    priors = {"both": {"chain": a_prior("R"), "star": a_prior("Q")}, "whole": {"": a_prior("R")}}
    cells = [Network("go", "none", weight, ["chain", "star"], [[0, 1], [1, 0]])]
    profiles, scores = retention_tables(cells, priors, density)
    trained = profiles[(profiles["stage"] == "trained") & profiles["model"].eq("modular")]
    assert set(trained["module"]) == {"", "chain", "star"} and len(trained) == 3 * 13
    for module, triad in goal.items():
        own = trained[trained["module"] == module].set_index("triad")["enrichment"]
        assert own.idxmax() == triad and own[triad] > 0
        assert own[goal["star" if module == "chain" else "chain"]] < 0
    targets = profiles[profiles["stage"] == "target"]
    assert set(zip(targets["prior"], targets["module"], strict=True)) == {
        ("both", "chain"), ("both", "star"), ("whole", ""),
    }  # fmt: skip
    compared = scores[scores["stage"] == "trained"].set_index(["target", "module"])
    assert sorted(compared.index) == [("both", "chain"), ("both", "star"), ("whole", "")]
    # The distance to a prior of no enrichment is the root mean square of the profile.
    own = trained[trained["module"] == "star"]["enrichment"]
    assert compared.loc[("both", "star"), "distance"] == pytest.approx(np.sqrt((own**2).mean()))


def test_coupling_is_the_strength_and_the_mean_weight_of_every_pair():
    weight = blocks(np.full((4, 4), -2.0), np.full((3, 3), 3.0), between=0.5)
    weight[4:, :4] = -0.25  # from the first module to the second
    np.fill_diagonal(weight, 100)
    cells = [Network("go", "none", weight, ["A", "B"], [[7, 0.3], [0.6, 7]])]
    table, shown = module_tables(cells)
    table = table[table["stage"] == "trained"].set_index(["source", "target"])
    found = table[["strength", "mean_weight", "n_source", "n_target"]].T.to_dict("list")
    assert found == {
        ("A", "A"): [1, 2, 4, 4], ("A", "B"): [0.3, 0.25, 4, 3], ("B", "A"): [0.6, 0.5, 3, 4],
        ("B", "B"): [1, 3, 3, 3],
    }  # fmt: skip
    image = shown.pivot(index="post", columns="pre", values="mean_weight").to_numpy()
    np.testing.assert_array_equal(image, np.abs(weight))
    names = shown.drop_duplicates("post").set_index("post")["post_module"]
    assert "".join(names) == "AAAABBB"


def test_weights_of_large_networks_are_averaged_within_modules():
    n = 2 * MOST_BINS + 2
    weight = np.random.default_rng(0).normal(size=(n, n))
    _, shown = module_tables([Network("go", "none", weight, ["A", "B"], [[0, 1], [1, 0]])])
    assert 30 < shown["post"].nunique() <= MOST_BINS
    sizes = shown.groupby(["post_module", "pre_module"])["mean_weight"].mean()
    half = n // 2
    assert sizes["A", "B"] == pytest.approx(np.abs(weight[:half, half:]).mean(), rel=0.01)


def test_one_network_is_shown_for_each_prior_and_none_where_there_is_none():
    cells = [
        Network(task, prior, blocks(chain(4), star(4), between=1), ["A", "B"], [[0, 1], [1, 0]])
        for task in ("go", "dm1")
        for prior in ("none", "both")
    ]
    _, shown = module_tables(cells)
    assert list(shown.groupby("prior")["task"].unique().map(list)) == [["go"], ["go"]]
    for table in module_tables([]):
        assert not len(table) and {"model", "prior", "mean_weight"} <= set(table)


# The figure


def figure_tables(names, tasks=("go", "dm1"), n_units=24):
    """Tables as the workflow writes and reads them, of networks with random weights."""
    rng = np.random.default_rng(len(names))
    n = len(names)
    strengths = rng.uniform(0, 1, (n, n)).tolist()
    cells = [
        Network(task, prior, rng.normal(size=(n_units, n_units)), names, strengths)
        for task in tasks
        for prior in ("none", "each")
    ]
    priors = {"each": {name: a_prior(name, enrichment=rng.normal(size=13)) for name in names}}
    profiles, scores = retention_tables(cells, priors, 0.1)
    modules, weights = module_tables(cells)
    accuracy = pd.DataFrame(
        [
            dict(benchmark="rules", task=cell.unit, model="modular", prior=cell.prior, seed=4,
                 metric="accuracy", value=rng.uniform(0.3, 0.9))
            for cell in cells
        ]
    )  # fmt: skip
    tables = dict(profiles=profiles, scores=scores, modules=modules, weights=weights)
    tables = {f"retention/{name}.csv": table for name, table in tables.items()}
    tables["evaluation/scores.csv"] = accuracy

    def read_back(table):
        text = io.StringIO(table.to_csv(index=False))
        return pd.read_csv(text, keep_default_na=False, na_values=[""])

    return {f"x/{name}": read_back(table) for name, table in tables.items()}


def words_of(figure):
    from anatomy_tables import texts

    return texts(figure)


@pytest.mark.parametrize("names", [["A", "NA"], ["A", "B", "C"], ["A", "B", "C", "D", "E"]])
def test_every_module_has_a_panel_and_every_seed_a_point(names):
    tables = figure_tables(names, n_units=5 * len(names))
    figure, shown = draw("modules", tables, simulated_priors=["each"])
    words = words_of(figure)
    for name in names:
        assert f"motifs in module {name}" in words
    assert "SIMULATED DATA" in words and "prior from simulated neurons: each" in words
    n_panels = len(names) + 4
    assert shown["panel"].nunique() == n_panels
    last = shown[shown["panel"] == sorted(shown["panel"])[-1]]
    accuracy = tables["x/evaluation/scores.csv"]
    assert sorted(last["value"]) == pytest.approx(sorted(accuracy["value"]))
    for k, name in enumerate(names):
        panel = shown[(shown["panel"] == "cdefg"[k]) & (shown["line"] == "prior")]
        goal = tables["x/retention/profiles.csv"]
        goal = goal[(goal["stage"] == "target") & (goal["module"] == name)]
        np.testing.assert_allclose(panel["enrichment"], goal["enrichment"])
    image = figure_image(figure)
    weights = tables["x/retention/weights.csv"]
    weights = weights[weights["prior"] == "each"]
    np.testing.assert_allclose(image[weights["post"], weights["pre"]], weights["mean_weight"])


def figure_image(figure):
    """The first picture drawn: |W|."""
    for axes in figure.findobj(lambda item: hasattr(item, "get_images")):
        for image in axes.get_images():
            return np.asarray(image.get_array())
    raise AssertionError("no picture")


def test_without_several_modules_the_figure_says_so():
    for tables in ({}, figure_tables(["A"])):
        figure, shown = draw("modules", tables)
        assert "no network of two or more modules was trained" in " ".join(words_of(figure).split())
        assert len(shown) == 1


def test_modules_without_priors_of_their_own_are_shown_without():
    tables = figure_tables(["A", "B"])
    for path in tables:
        table = tables[path]
        tables[path] = table[table["prior"].eq("none")]
    figure, _ = draw("modules", tables)
    assert "modular, structure-free" in words_of(figure) and "motifs in module B" in words_of(figure)
    figure.canvas.draw()


def test_the_figure_of_retention_leaves_modules_to_their_own():
    tables = figure_tables(["A", "B"])
    _, shown = draw("retention", tables)
    assert shown["not_available"].notna().all()


# The workflow


@pytest.fixture(scope="module")
def finished(root, tmp_path_factory):
    """A copy of the project in which networks of three modules, with a mask, and with signs were trained."""
    folder = copy_of(root, tmp_path_factory.mktemp("modules") / "project")
    (folder / "resources").mkdir(exist_ok=True)
    rows = [
        f"{source},{target},{STRENGTHS[k][m]}\n"
        for k, source in enumerate(NAMES)
        for m, target in enumerate(NAMES)
    ]
    (folder / "resources/mine.csv").write_text("region,target,share\n" + "".join(rows))
    source = {
        "folder": "resources/three/neurons", "index": "resources/three/neurons/index.csv",
        "annotation": "resources/three/neurons/annotation.nrrd",
        "structure_tree": "resources/three/neurons/structure_tree.csv", "regions": NAMES,
    }  # fmt: skip
    region = dict(kind="region", source="simulated")
    config = overlay(
        folder,
        "three",
        {
            "simulation": {"folder": "resources/three", "neurons": {"regions": NAMES}},
            "morphology": {"sources": {"simulated": source}},
            "priors": {
                "reciprocal": {**region, "region": NAMES[1]},
                "cyclic": {**region, "region": NAMES[2], "loss": "participation", "weight": 0.01},
                "two": {"kind": "modules", "modules": {NAMES[0]: "feedforward", NAMES[2]: "cyclic"}},
            },
            "models": {
                "modular": {"kind": "digimus", "regions": NAMES, "projections": "resources/mine.csv"},
                "masked": {"kind": "digimus", "mask": {"source": "simulated", "region": NAMES[1]},
                           "mask_density": 0.1},
                "dale": {"kind": "digimus", "excitatory_share": 0.75},
            },
            "training": {
                "rules": {
                    "models": ["modular", "masked", "dale"], "n_updates": 10, "validate_every": 5,
                    "tasks_of": {"modular": ["go"]},
                    "priors_of": {"modular": ["two"], "masked": [], "dale": []},
                    "learning_rate": {"modular": 0.02, "masked": 0.02, "dale": 0.02},
                },
            },
            "recordings": {"datasets": {"visual": None}},
            "figures": ["retention", "modules"],
        },
    )  # fmt: skip
    done = snakemake(folder, "figures", config=config)
    assert done.returncode == 0, done.text[-3000:]
    return folder, config


def weights_of(folder, model, prior="none", array="recurrent_weight"):
    with h5py.File(folder / f"results/tiny/training/rules/go/{model}/{prior}.h5") as file:
        return [file[f"seed_{seed}/{array}"][()] for seed in (1, 2)]


@pytest.mark.workflow
def test_projections_scale_the_weights_between_modules(finished):
    folder, _ = finished
    for prior in ("none", "two"):
        for weight in weights_of(folder, "modular", prior):
            parts = dict(zip(NAMES, (slice(0, 8), slice(8, 16), slice(16, 24)), strict=True))
            assert not weight[parts[NAMES[0]], parts[NAMES[2]]].any()  # of strength 0: the third to the first
            assert (weight[parts[NAMES[2]], parts[NAMES[0]]] != 0).all()
    with h5py.File(folder / "results/tiny/training/rules/go/modular/none.h5") as file:
        settings = yaml.safe_load(file.attrs["model_settings"])
    assert settings["projections"] == STRENGTHS  # the matrix itself, whatever becomes of the table
    coupling = pd.read_csv(folder / "results/tiny/retention/modules.csv")
    coupling = coupling[coupling["source"] != coupling["target"]].drop_duplicates(["source", "target"])
    found = coupling.set_index(["source", "target"])["strength"]
    assert found[NAMES[0], NAMES[1]] == 0.5 and found[NAMES[2], NAMES[0]] == 0


@pytest.mark.workflow
def test_each_module_is_compared_with_its_own_prior(finished):
    folder, _ = finished
    results = folder / "results/tiny"
    log = (results / "logs/train_task/go/modular/two.log").read_text()
    for module, prior in ((NAMES[0], "feedforward"), (NAMES[2], "cyclic")):
        assert f"module {module}, prior {prior}: region of simulated" in log
    scores = pd.read_csv(results / "retention/scores.csv")
    own = scores[scores["target"] == "two"]
    assert set(own["module"]) == {NAMES[0], NAMES[2]} and set(own["model"]) == {"modular"}
    assert own.groupby(["prior", "stage", "module"]).size().eq(2).all()
    profiles = pd.read_csv(results / "retention/profiles.csv")
    blocks_of = profiles[(profiles["model"] == "modular") & (profiles["prior"] == "two")]
    assert set(blocks_of["module"].dropna()) == set(NAMES) and blocks_of["module"].isna().any()
    # A term on a module's own weights changes them; twins start equal.
    twins = [weights_of(folder, "modular", prior) for prior in ("none", "two")]
    assert all(not np.array_equal(a, b) for a, b in zip(*twins, strict=True))
    starts = [weights_of(folder, "modular", prior, "initial_recurrent_weight") for prior in ("none", "two")]
    assert all(np.array_equal(a, b) for a, b in zip(*starts, strict=True))


@pytest.mark.workflow
def test_a_mask_and_signs_hold_after_training(finished):
    folder, _ = finished
    for weight, mask in zip(
        weights_of(folder, "masked"), weights_of(folder, "masked", array="weights/mask"), strict=True
    ):
        assert 0.02 < mask.mean() < 0.25 and not weight[mask == 0].any() and weight[mask == 1].all()
    # Read from another folder, where the path of the graph leads nowhere.
    network = load(folder / "results/tiny/training/rules/go/masked/none.h5").network(2)
    np.testing.assert_array_equal(network.recurrent_weight.detach().numpy(), weights_of(folder, "masked")[1])
    for weight in weights_of(folder, "dale"):
        assert (weight[:, :18] >= 0).all() and (weight[:, 18:] <= 0).all()
        assert weight[:, :18].any() and weight[:, 18:].any()


@pytest.mark.workflow
def test_the_figure_of_modules_is_drawn_and_simulated_priors_are_marked(finished):
    folder, _ = finished
    figures = folder / "results/tiny/figures"
    (table,) = figures.glob("fig*_modules.csv")
    shown = pd.read_csv(table)
    assert set(MOTIFS) <= set(shown["triad"].dropna()) and shown["panel"].nunique() == 7
    assert set(shown.loc[shown["panel"] == "g", "prior"]) == {"none", "two"}
    assert table.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.workflow
def test_a_changed_table_or_graph_trains_the_networks_that_rest_on_it_again(finished):
    folder, config = finished
    assert "Nothing to be done" in snakemake(folder, "training", "--dry-run", config=config).text
    table = folder / "resources/mine.csv"
    before = table.read_text()
    table.write_text(before.replace("0.5", "0.75"))
    try:
        plan = snakemake(folder, "training", "--dry-run", config=config)
        assert planned(plan)["train_task"] == 2 and "go/masked/none.h5" not in outputs_of(plan)
    finally:
        table.write_text(before)
    plan = snakemake(folder, "training", "--dry-run", "--forcerun", "region_graph", config=config)
    assert "go/masked/none.h5" in outputs_of(plan) and "go/dale/none.h5" not in outputs_of(plan)


def outputs_of(plan):
    """The outputs that a dry run would write, as one text."""
    return "\n".join(line for line in plan.stdout.splitlines() if line.strip().startswith("output:"))


@pytest.mark.workflow
def test_a_path_that_is_not_there_stops_before_any_job(finished):
    folder, _ = finished
    for key in ("mask", "projections"):
        model = {"kind": "digimus", "regions": NAMES, "projections": STRENGTHS} | {key: "resources/no.file"}
        rules = {"models": ["modular"], "learning_rate": {"modular": 0.02}, "priors_of": {"modular": []}}
        settings = {"models": {"modular": model}, "training": {"rules": rules}}
        done = snakemake(folder, "--dry-run", config=overlay(folder, "absent", settings))
        assert done.returncode != 0 and f"models.modular.{key}" in done.text and "no.file" in done.text
