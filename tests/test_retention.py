"""Retention: planted motifs are found, over thresholds, against rivals, by weight and along the dose."""

import io
from copy import deepcopy

import numpy as np
import pandas as pd
import pytest
import yaml

from anatomy_tables import assert_drawn, marks, overlapping_texts, texts
from digimus.analysis.retention.carriers import ORDERS, SHARES, carriers_table, set_back
from digimus.analysis.retention.comparisons import comparisons_table
from digimus.analysis.retention.dose import dose_table
from digimus.analysis.retention.profiles import (
    hard_adjacency,
    retention_tables,
    weight_profile,
    weights_alone,
)
from digimus.analysis.retention.sensitivity import sensitivity_table, soft_graph
from digimus.configuration import checked, dose_plan, without_null
from digimus.errors import InputError
from digimus.figures import draw
from digimus.motifs import MOTIFS, Prior
from digimus.training import Trained
from digimus.training.estimate import planned_cells

N, DENSITY = 30, 0.1


def noise(rng):
    """Weights without motifs."""
    return rng.normal(0, 0.1, (N, N))


def feedforward(rng):
    """Weights whose strongest tenth, about 2 each, runs from units to later ones: W[post, pre]."""
    weight = noise(rng)
    later = [(post, pre) for post in range(N) for pre in range(post)]
    chosen = rng.choice(len(later), round(DENSITY * N * (N - 1)), replace=False)
    for post, pre in (later[k] for k in chosen):
        weight[post, pre] = 2 * rng.choice([-1, 1]) + rng.normal(0, 0.01)
    return weight


def planted_prior(**values):
    """The motifs of graphs such as `feedforward` plants."""
    profiles = [weight_profile(feedforward(np.random.default_rng(100 + k)), DENSITY)[0] for k in range(40)]
    given = dict(
        name="planted", source="s", region="R", kind="region", enrichment=np.mean(profiles, 0),
        weight=1 / np.var(profiles, 0).clip(0.01), frequency=np.full(13, 1 / 13), reciprocity=0.0,
        density=DENSITY, n_neurons=N,
    )  # fmt: skip
    return Prior(**(given | values))


PRIORS = {"planted": {"": planted_prior()}}


def cell(task, prior, start, end, *, model="digimus", kind="digimus", seed=1, accuracy=0.75, settings=None):
    """A trained cell of one seed in memory; without weights where `end` is None."""
    arrays = {
        f"seed_{seed}/test/correct": np.arange(8) < 8 * accuracy,
        f"seed_{seed}/curves/validation_loss": np.array([0.9, 0.4]),
    }
    if end is not None:
        arrays |= {f"seed_{seed}/initial_recurrent_weight": start, f"seed_{seed}/recurrent_weight": end}
    return Trained(
        benchmark="rules", unit=task, model=model, prior=prior, kind=kind, seeds=(seed,), n_parameters=1,
        n_inputs=1, n_outputs=1, model_settings=settings or {"n_units": N}, arrays=arrays, tasks=(task,),
    )  # fmt: skip


def grid(tasks=("go", "dm1", "dms"), *, planted=True):
    """Networks with the prior that have its motifs, or do not, and twins that start alike and never do."""
    cells = []
    for k, task in enumerate(tasks):
        rng = np.random.default_rng(k)
        start = noise(rng)
        cells.append(cell(task, "planted", start, feedforward(rng) if planted else noise(rng)))
        cells.append(cell(task, "none", start, noise(rng)))
    return cells


def scores_of(cells, priors=None):
    return retention_tables(cells, priors or PRIORS, DENSITY)[1]


# Planted weights, end to end


def gains(cells):
    """Gain over the twin and over the start, by task."""
    table = comparisons_table(scores_of(cells), {"planted": []})
    return table[table["role"].ne("control")].pivot(index="task", columns="role", values="effect")


def test_planted_motifs_are_found_retained_and_random_weights_are_not():
    tasks = [f"t{k}" for k in range(12)]
    found = gains(grid(tasks))
    assert found.shape == (12, 2) and (found > 0.5).all(axis=None)
    nothing = gains(grid(tasks, planted=False))
    assert (nothing.abs() < 0.45).all(axis=None) and (nothing.mean().abs() < 0.1).all()


def test_transposed_weights_are_other_motifs():
    rng = np.random.default_rng(3)
    out_star = np.full((N, N), 0.01)
    out_star[1:, 0] = 1 + rng.random(N - 1)  # from one unit to all others
    n_edges = (N - 1) / (N * (N - 1))
    for weight, triad in ((out_star, "021D"), (out_star.T, "021U")):
        profile, _ = weight_profile(weight, n_edges)
        assert MOTIFS[int(profile.argmax())] == triad


def test_what_retention_needs_of_a_cell_is_its_weights():
    whole = grid()[0]
    light = weights_alone(whole)
    assert sorted(light.arrays) == ["seed_1/initial_recurrent_weight", "seed_1/recurrent_weight"]
    pd.testing.assert_frame_equal(scores_of([light]), scores_of([whole]))


def test_a_masked_weight_is_no_edge():
    weight = np.zeros((6, 6))
    weight[1, 0] = weight[2, 1] = 0.5
    weight[3, 3] = 9  # of a unit to itself
    for graph in (hard_adjacency(weight, 0.5), soft_graph(weight, 0.5, 0.1) > 0):
        assert [tuple(edge) for edge in np.argwhere(graph)] == [(0, 1), (1, 2)]


# Thresholds


def test_the_distance_is_least_at_the_density_that_was_planted():
    table = sensitivity_table(
        grid(), PRIORS, densities=[0.02, DENSITY, 0.4], temperatures=[0.01, 3.0], density=DENSITY
    )
    assert table["not_available"].eq("").all()
    trained = table[table["stage"].eq("trained") & table["prior"].eq("planted")]
    hard = trained[trained["method"].eq("hard")].pivot(index="task", columns="density", values="distance")
    assert (hard[DENSITY] < hard[0.02]).all() and (hard[DENSITY] < hard[0.4]).all()
    soft = trained[trained["method"].eq("soft")].pivot(index="task", columns="temperature", values="distance")
    assert (soft[0.01] < soft[3.0]).all() and soft.index.equals(hard.index)
    # A graph of the density of the scores is theirs.
    scores = scores_of(grid()).query("stage == 'trained' and prior == 'planted'").set_index("task")
    np.testing.assert_allclose(hard[DENSITY], scores["distance"].loc[hard.index])


def test_a_cold_soft_graph_is_the_hard_one():
    weight = feedforward(np.random.default_rng(4))
    soft = soft_graph(weight, DENSITY, 1e-4)
    hard = hard_adjacency(weight, DENSITY)
    # The quantile itself, one weight, is an edge by half.
    assert np.sum(np.abs(soft - hard) > 0.01) <= 1 and np.trace(soft) == 0


def test_modules_are_compared_with_their_own_prior_over_thresholds():
    rng = np.random.default_rng(5)
    weight = noise(rng)
    whole = np.zeros((2 * N, 2 * N))
    whole[:N, :N], whole[N:, N:] = feedforward(rng), weight
    settings = {"n_units": 2 * N, "regions": ["A", "B"], "projections": [[0, 1], [1, 0]]}
    network = cell("go", "both", rng.normal(size=whole.shape), whole, model="modular", settings=settings)
    priors = {"both": {"A": planted_prior(), "B": planted_prior()}}
    table = sensitivity_table([network], priors, densities=[DENSITY], temperatures=[], density=DENSITY)
    found = table[table["stage"].eq("trained")].set_index("module")["distance"]
    assert sorted(found.index) == ["A", "B"] and found["A"] < 0.5 * found["B"]
    rivals = comparisons_table(scores_of([network], priors), {"both": []})
    assert set(rivals["module"]) == {"A", "B"}
    carried = carriers_table([network], priors, density=DENSITY, seed=1)
    assert set(carried["module"]) == {"A", "B"}


# Rivals


def test_each_rival_is_measured_by_its_distance_to_the_prior():
    scores = pd.DataFrame(
        [
            dict(task="go", model="digimus", prior=prior, module="", seed=1, stage=stage, target="planted",
                 distance=distance, not_available="")
            for prior, stage, distance in (
                ("planted", "initial", 0.9), ("planted", "trained", 0.2), ("none", "initial", 0.9),
                ("none", "trained", 0.7), ("degree", "trained", 0.25), ("degree", "initial", 0.9),
            )
        ]
    )  # fmt: skip
    table = comparisons_table(scores, {"planted": ["degree", "random"]}).set_index("against")
    assert table["role"].to_dict() == {
        "initial": "start", "none": "structure-free", "degree": "control", "random": "control",
    }  # fmt: skip
    assert table["effect"].round(9).to_dict() == pytest.approx(
        {"initial": 0.7, "none": 0.5, "degree": 0.05, "random": np.nan}, nan_ok=True
    )
    assert table["distance"].eq(0.2).all()
    assert (
        "no network of this task and model was trained with the prior random"
        in table.loc["random", "not_available"]
    )
    assert table["not_available"].drop("random").eq("").all()


def test_missing_twins_and_controls_stay_with_their_reason():
    cells = [one for one in grid() if not (one.prior == "none" and one.unit == "dm1")]
    table = comparisons_table(scores_of(cells), {"planted": []})
    twins = table[table["role"].eq("structure-free")].set_index("task")
    assert "was trained without a prior" in twins.loc["dm1", "not_available"]
    assert np.isnan(twins.loc["dm1", "effect"]) and twins["effect"].notna().sum() == 2
    controls = table[table["role"].eq("control")]
    assert len(controls) == 3 and controls["effect"].isna().all()
    assert set(controls["not_available"]) == {"because no control of this prior is configured"}
    assert not len(comparisons_table(scores_of(cells), {}))


# What is not available


def test_models_without_recurrent_weights_stay_in_the_tables():
    cells = [*grid(["go"]), cell("go", "none", None, None, model="lstm", kind="lstm")]
    profiles, scores = retention_tables(cells, PRIORS, DENSITY)
    thresholds = sensitivity_table(cells, PRIORS, densities=[0.1, 0.2], temperatures=[0.1], density=DENSITY)
    for table, n_rows in ((scores, 1), (thresholds, 3)):
        row = table[table["model"].eq("lstm")]
        assert len(row) == n_rows and row["distance"].isna().all()
        assert set(row["not_available"]) == {
            "because a model of kind lstm has no matrix of weights between units"
        }
    assert "lstm" not in set(profiles["model"])


def test_a_prior_that_weighs_no_class_has_no_distance():
    none = {"planted": {"": planted_prior(weight=np.zeros(13))}}
    reason = "because the prior planted gives no class of triads a weight"
    _, scores = retention_tables(grid(), none, DENSITY)
    carried = carriers_table(grid(), none, density=DENSITY, seed=1)
    rivals = comparisons_table(scores, {"planted": []})
    rivals = rivals[rivals["role"].ne("control")]
    for table in (scores, carried, rivals):
        assert len(table) and table["distance"].isna().all() and set(table["not_available"]) == {reason}


def test_a_density_without_edges_is_no_distance():
    table = sensitivity_table(grid(["go"]), PRIORS, densities=[1e-6], temperatures=[], density=DENSITY)
    assert table["distance"].isna().all()
    assert set(table["not_available"]) == {"because no weight is an edge at this density"}


# Which weights carry the motifs


def test_planted_edges_carry_the_motifs_and_random_weights_do_not():
    rng = np.random.default_rng(6)
    start = noise(rng)
    end = start.copy()
    strong = np.abs(feedforward(rng)) > 1
    end[strong] = 2 + rng.normal(0, 0.01, strong.sum())  # a tenth of the weights: the edges
    table = carriers_table([cell("go", "planted", start, end)], PRIORS, density=DENSITY, seed=1)
    found = table.pivot(index="order", columns="share", values="distance")
    assert list(found.columns) == list(SHARES) and set(found.index) == set(ORDERS)
    first, last = (weight_profile(weight, DENSITY)[0] for weight in (end, start))
    prior = PRIORS["planted"][""]
    distance = [np.sqrt((prior.weight * (p - prior.enrichment) ** 2).sum() / prior.weight.sum())
                for p in (first, last)]  # fmt: skip
    np.testing.assert_allclose(found[0.0], distance[0])
    np.testing.assert_allclose(found[1.0], distance[1])
    # All edges set back is the start; at random most of them stay.
    np.testing.assert_allclose(found.loc[["size", "change"], 0.1], distance[1])
    assert found.loc["random", 0.1] < distance[0] + 0.5 * (distance[1] - distance[0])


def test_random_orders_depend_on_the_seed_and_the_network_alone():
    cells = grid(["go", "dm1"])
    both = carriers_table(cells, PRIORS, density=DENSITY, seed=1)
    alone = carriers_table(cells[2:], PRIORS, density=DENSITY, seed=1)
    again = both[both["task"].eq("dm1")].reset_index(drop=True)
    pd.testing.assert_frame_equal(again, alone)
    other = carriers_table(cells[2:], PRIORS, density=DENSITY, seed=2)
    same = alone["distance"].eq(other["distance"])
    assert same[alone["order"].ne("random")].all() and not same[alone["order"].eq("random")].all()
    assert set(both["prior"]) == {"planted"}  # twins have no prior of their own


def test_setting_back_leaves_the_others_as_they_are():
    weight, start = np.arange(9.0).reshape(3, 3), -np.ones((3, 3))
    mixed = set_back(weight, start, np.array([5, 1, 2, 3, 6, 7]), 0.34)
    np.testing.assert_array_equal(mixed, [[0, -1, 2], [3, 4, -1], [6, 7, 8]])
    assert weight[0, 1] == 1


# Dose


def test_doses_hold_accuracy_loss_and_distance_of_every_seed():
    rng = np.random.default_rng(7)
    start = noise(rng)
    trained = [
        (0.0, cell("go", "none", start, noise(rng), accuracy=0.75)),
        (3.0, cell("go", "planted", start, feedforward(rng), accuracy=0.5)),
    ]
    missing = [(dict(task="dm1", model="digimus", prior="planted"), "because of this")]
    table = dose_table(trained, PRIORS["planted"][""], DENSITY, missing).set_index("weight")
    assert table["accuracy"].dropna().to_dict() == {0.0: 0.75, 3.0: 0.5}
    assert table["validation_loss"].dropna().eq(0.4).all() and set(table["prior"]) == {"planted"}
    assert table.loc[3.0, "distance"] < 0.5 * table.loc[0.0, "distance"]
    lost = table[table["task"].eq("dm1")]
    assert lost["not_available"].tolist() == ["because of this"] and lost["accuracy"].isna().all()
    assert len(dose_table([], None, DENSITY)) == 0


@pytest.fixture(scope="module")
def default(root):
    return without_null(yaml.safe_load((root / "config/config.yaml").read_text()))


@pytest.fixture(scope="module")
def schema(root):
    return yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())


def with_dose(default, *, rules=None, **dose):
    copy = deepcopy(default)
    copy["retention"]["dose"] = {"tasks": ["go"], "weights": [0.5, 2], **dose}
    copy["training"]["rules"] |= rules or {}
    return copy


def test_the_dose_response_is_the_grid_and_the_weights_that_it_lacks(default):
    plan = dose_plan(with_dose(default, weights=[2, 0.0003, 0.5]))
    assert plan["weights"] == [0, 0.0003, 0.5, 2] and plan["own"] == 0.0003
    assert (plan["model"], plan["prior"], plan["tasks"], plan["missing"]) == (
        "digimus", "feedforward", ["go"], {},
    )  # fmt: skip
    own = with_dose(default)
    own["priors"]["feedforward"]["weight"] = 0.5
    assert dose_plan(own)["weights"] == [0, 0.5, 2]
    none = deepcopy(default)
    del none["retention"]["dose"]
    assert dose_plan(none)["tasks"] == [] and not dose_plan(none)["missing"]


def test_the_estimate_counts_the_networks_of_the_dose_response(default):
    plain, doses = deepcopy(default), with_dose(default, tasks=["go", "dms"], weights=[0.0003, 0.5, 2])
    del plain["retention"]["dose"]
    extra = planned_cells(doses)[len(planned_cells(plain)) :]
    assert extra == [("go", "digimus", "feedforward")] * 2 + [("dms", "digimus", "feedforward")] * 2


@pytest.mark.parametrize(
    ("rules", "dose", "words"),
    [
        ({"tasks": ["dms"]}, {}, "not trained on this task"),
        ({"models": ["lstm"]}, {}, "the model digimus is not trained on rule tasks"),
        ({"priors": []}, {}, "with no prior for whole networks"),
        ({"priors": ["by-module"]}, {}, "with no prior for whole networks"),
        ({}, {"prior": "cyclic"}, "not trained with the prior cyclic"),
        ({"together": True}, {}, "no task has a network of its own"),
    ],
)
def test_doses_that_the_grid_has_no_ends_for_are_listed_with_the_reason(default, rules, dose, words):
    plan = dose_plan(with_dose(default, rules=rules, **dose))
    assert plan["tasks"] == [] and words in plan["missing"]["go"]
    assert plan["missing"]["go"].startswith("because ")


def test_a_control_is_not_the_prior_of_the_dose_response(default):
    given = with_dose(default, rules={"priors": ["random", "cyclic"]})
    given["priors"]["random"] = {"kind": "random", "source": "simulated", "region": "SIM-cyclic"}
    assert dose_plan(given)["prior"] == "cyclic"


@pytest.mark.parametrize(
    ("dose", "where"),
    [
        ({"model": "digimuss"}, "retention.dose.model"),
        ({"model": "lstm"}, "retention.dose.model"),
        ({"prior": "feedforwards"}, "retention.dose.prior"),
        ({"prior": "by-module"}, "retention.dose.prior"),
        ({"weights": [0]}, "retention.dose.weights.0"),
        ({"tasks": ["goo"]}, "retention.dose.tasks.0"),
    ],
)
def test_a_dose_response_that_makes_no_sense_is_refused(default, schema, dose, where):
    checked(with_dose(default), schema)
    with pytest.raises(InputError) as raised:
        checked(with_dose(default, **dose), schema)
    assert raised.value.where == where


# Figure


def read_back(table):
    """As a figure reads it."""
    text = io.StringIO(table.to_csv(index=False))
    return pd.read_csv(text, keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def tables():
    """Tables of planted networks by path."""
    cells = grid()
    profiles, scores = retention_tables(cells, PRIORS, DENSITY)
    doses = [
        (weight, one if weight else cells[1])
        for weight, one in ((0.0, None), (1e-6, cells[0]), (3.0, cell("go", "planted", *start_and_end())))
    ]
    made = dict(
        profiles=profiles, scores=scores,
        comparisons=comparisons_table(scores, {"planted": ["untrained"]}),
        sensitivity=sensitivity_table(
            cells, PRIORS, densities=[0.05, 0.1, 0.2], temperatures=[0.1, 1.0], density=DENSITY
        ),
        carriers=carriers_table(cells, PRIORS, density=DENSITY, seed=1),
        dose=dose_table(doses, PRIORS["planted"][""], DENSITY),
    )  # fmt: skip
    return {f"x/retention/{name}.csv": read_back(table) for name, table in made.items()}


def start_and_end():
    rng = np.random.default_rng(8)
    return noise(rng), feedforward(rng)


def test_the_figure_shows_its_tables(tables):
    figure, shown = draw("retention", tables, simulated_priors=["planted"])
    assert sorted(shown["panel"].unique()) == list("abcdefgh")
    assert marks(figure) == ["SIMULATED DATA – panels a–h: prior from simulated neurons: planted"]
    assert overlapping_texts(figure) == ([], [])
    for panel, column in zip("bcdefg", ["distance", "effect", *["distance"] * 4], strict=True):
        values = shown.loc[shown["panel"].eq(panel), column].dropna()
        assert len(values)
        assert_drawn(figure, values)
    gains = tables["x/retention/comparisons.csv"]
    means = shown[shown["panel"].eq("c") & shown["mark"].eq("mean")].set_index("role")
    own = gains[gains["role"].eq("start")]["effect"]
    assert means.loc["start", "effect"] == pytest.approx(own.mean()) and means.loc["start", "n"] == 3
    assert means.loc["start", "ci_low"] <= own.mean() <= means.loc["start", "ci_high"]
    assert "not available, because no network" in texts(figure).replace("\n", " ")
    change = shown[shown["panel"].eq("h")].set_index("weight")["change"]
    doses = tables["x/retention/dose.csv"].set_index("weight")["accuracy"]
    np.testing.assert_allclose(change, doses - doses[0.0])


@pytest.mark.parametrize("name", ["comparisons", "sensitivity", "carriers", "dose"])
@pytest.mark.parametrize("how", ["absent", "empty", "nan", "one row"])
def test_the_figure_survives_what_is_missing_and_says_so(tables, name, how):
    path = f"x/retention/{name}.csv"
    table = tables[path]
    numbers = table.select_dtypes("float").columns
    given = {
        "empty": table.iloc[:0],
        "nan": table.assign(**dict.fromkeys(numbers, np.nan)).assign(not_available="because it is gone"),
        "one row": table.head(1),
    }
    others = {key: value for key, value in tables.items() if key != path}
    figure, shown = draw("retention", others | ({path: given[how]} if how in given else {}))
    figure.canvas.draw()
    if how != "one row":
        assert "not available" in texts(figure)
        assert shown["not_available"].notna().any()


def test_doses_that_were_not_trained_give_their_reason(tables):
    reason = "because the model digimus is not trained on this task"
    missing = dose_table([], None, DENSITY, [(dict(task="go", model="digimus", prior=""), reason)])
    figure, _ = draw("retention", tables | {"x/retention/dose.csv": read_back(missing)})
    assert reason.removeprefix("because ") in texts(figure).replace("\n", " ")


def test_further_priors_and_many_controls_find_room(tables):
    scores = tables["x/retention/scores.csv"].assign(module="", not_available="")
    controls = [f"planted-control-{k}" for k in range(8)]
    own = scores[scores["prior"].eq("planted")]
    with_controls = pd.concat([scores, *(own.assign(prior=name) for name in controls)])
    others = []
    for name in ("second", "third"):
        renamed = with_controls.replace({"planted": name})
        others.append(renamed)
    every = pd.concat([with_controls, *others])
    compared = comparisons_table(every, {name: controls for name in ("planted", "second", "third")})
    figure, shown = draw(
        "retention",
        tables | {"x/retention/scores.csv": every, "x/retention/comparisons.csv": read_back(compared)},
    )
    assert figure.get_figheight() * 25.4 <= 240
    assert "not drawn, and in results/retention: digimus with prior third" in texts(figure)
    assert overlapping_texts(figure) == ([], [])
    rivals = shown[shown["panel"].eq("e") & shown["mark"].eq("mean")]
    assert set(rivals["against"]) == {"initial", "none", *controls}


@pytest.mark.parametrize("cells", [[], [cell("go", "none", None, None, model="lstm", kind="lstm")]])
def test_a_grid_without_recurrent_weights_gives_tables_and_a_figure(cells):
    profiles, scores = retention_tables(cells, PRIORS, DENSITY)
    made = dict(
        profiles=profiles, scores=scores, comparisons=comparisons_table(scores, {"planted": []}),
        sensitivity=sensitivity_table(cells, PRIORS, densities=[0.1], temperatures=[0.1], density=DENSITY),
        carriers=carriers_table(cells, PRIORS, density=DENSITY, seed=1),
        dose=dose_table([], PRIORS["planted"][""], DENSITY),
    )  # fmt: skip
    figure, shown = draw("retention", {f"x/retention/{k}.csv": read_back(t) for k, t in made.items()})
    figure.canvas.draw()
    assert "not available" in texts(figure) and len(shown) > 13  # the prior itself is shown
