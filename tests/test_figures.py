"""Figures: every panel shows its table, nothing missing is dropped, simulated data are marked."""

import numpy as np
import pandas as pd
import pytest

from anatomy_tables import anatomy, assert_drawn, grid, marks, overlapping_texts, texts
from decoding_tables import decoding_tables
from digimus.analysis.psychometrics import ABOVE, BELOW, CONSTANT
from digimus.errors import InputError
from digimus.figures import FIGURES, draw, save_figure
from digimus.figures.claims import draw_summary, summary_height_mm
from digimus.figures.intervals import nested_interval
from digimus.figures.style import Page, model_colour, ordered_cells
from digimus.figures.triads import EDGES
from digimus.motifs import MOTIFS, TRIADS, triad_census
from error_tables import error_tables
from perturbation_tables import perturbation_tables
from state_tables import by_condition, dynamics_tables, with_dynamics

TASKS = ("go", "dm1")
CELLS = (("digimus", "none"), ("digimus", "A"), ("lstm", "none"))
MODULES = ("M1", "M2")
SIMULATED = dict(simulated_sources=["s"], simulated_datasets=["visual"], simulated_priors=["A"])


def cells(table):
    """The table once for every model and prior."""
    parts = [table.assign(model=model, prior=prior) for model, prior in CELLS]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def tables():
    """Small tables of every stage; whether neurons are simulated is left to the caller."""
    rng = np.random.default_rng(1)
    trials = pd.concat(
        grid(task=TASKS, signal=[signal], step=range(10), channel=range(n))
        for signal, n in (("input", 85), ("target", 33), ("mask", 33))
    ).assign(family="sensorimotor", value=lambda t: rng.random(len(t)), response_step=6)
    rules = cells(grid(task=TASKS, seed=[1, 2])).assign(
        benchmark="rules", animal="", session="", split="test", fold="all", metric="accuracy"
    )
    decoded = decoding_tables(["visual"], cells=CELLS)
    rules["value"] = rng.uniform(0.3, 0.95, len(rules))
    scores = pd.concat([rules, decoded.pop("x/evaluation/scores.csv")], ignore_index=True)
    curves = cells(
        grid(benchmark=["rules"], task=TASKS, seed=[1, 2], update=[10, 20], metric=["validation_accuracy"])
    )
    curves["value"] = rng.random(len(curves))
    levels = cells(grid(task=["dm1"], seed=[1, 2], difficulty=[0.01, 0.02, 0.04, 0.08])).assign(
        training="per task", curve="accuracy", n_trials=64
    )
    levels["accuracy"] = rng.uniform(0.5, 1, len(levels))
    thresholds = cells(grid(task=["dm1"], seed=[1, 2])).assign(
        training="per task", curve="accuracy", outcome="fitted"
    )
    thresholds["threshold"] = rng.uniform(0.01, 0.08, len(thresholds))
    retained = pd.concat(
        grid(task=TASKS, prior=[prior], seed=[1, 2], stage=["initial", "trained"], triad=MOTIFS,
             model=[model], module=modules)
        for model, modules in (("digimus", [""]), ("modular", ["", *MODULES]))
        for prior in ("none", "A")
    )  # fmt: skip
    goal = grid(task=[""], model=[""], module=["", *MODULES], prior=["A"], seed=[-1], stage=["target"],
                triad=MOTIFS)  # fmt: skip
    retained = pd.concat([goal, retained], ignore_index=True)
    retained["enrichment"] = rng.normal(size=len(retained))
    retained.loc[retained["stage"].eq("target") & retained["triad"].eq("300"), "enrichment"] = np.nan
    kept = pd.concat(
        grid(task=TASKS, prior=["none", "A"], seed=[1, 2], stage=["initial", "trained"], target=["A"],
             model=[model], module=modules)
        for model, modules in (("digimus", [""]), ("modular", MODULES))
    )  # fmt: skip
    kept["distance"] = rng.random(len(kept))
    modular = dict(model=["modular"], prior=["none", "A"])
    coupled = grid(
        task=TASKS, seed=[1, 2], stage=["initial", "trained"], source=MODULES, target=MODULES, **modular
    )
    coupled["strength"] = np.where(coupled["source"] == coupled["target"], 1.0, 0.25)
    coupled["mean_weight"] = rng.random(len(coupled))
    weights = grid(task=["go"], seed=[1], post=range(8), pre=range(8), **modular)
    weights["mean_weight"] = rng.random(len(weights))
    for side in ("post", "pre"):
        weights[f"{side}_module"] = np.where(weights[side] < 4, *MODULES)
    dynamic = np.random.default_rng(2)
    summary = cells(grid(task=TASKS, seed=[1, 2])).assign(n_trials=100, not_available="")
    summary = with_dynamics(summary, dynamic)
    paths = cells(grid(task=TASKS, seed=[1], outcome=["correct", "error"], step=range(8))).assign(
        response_step=5
    )
    paths[["pc1", "pc2"]] = rng.normal(size=(len(paths), 2))
    claims = pd.DataFrame(
        dict(
            claim=["one claim", "another claim of the same unit", "a claim without data"], test="signed rank",
            n=[8, 8, 0], effect=[0.2, -0.01, np.nan], ci_low=[0.1, -0.03, np.nan],
            ci_high=[0.3, 0.01, np.nan],
            p_corrected=[0.01, 0.6, np.nan], smallest_effect=[0.02, 0.02, 0.1],
            verdict=["holds", "does not hold", "undetermined"], figure="fig4_learning", unit="task",
            effect_unit=["accuracy", "accuracy", "AUROC above one half"], simulated=False,
            note=["", "", "not available: no cell"], not_available=["", "", "because no cell"],
            category=["abstract", "control", "causal"],
            scale=[0.02, 0.02, 0.1],
        )
    )  # fmt: skip
    return {
        **anatomy(),
        **decoded,
        "x/tasks/trials.csv": trials,
        "x/evaluation/scores.csv": scores,
        "x/evaluation/curves.csv": curves,
        "x/evaluation/psychometrics.csv": levels,
        "x/evaluation/thresholds.csv": thresholds,
        "x/retention/profiles.csv": retained,
        "x/retention/scores.csv": kept,
        "x/retention/modules.csv": coupled,
        "x/retention/weights.csv": weights,
        "x/states/summary.csv": summary,
        "x/states/trajectories.csv": by_condition(paths, dynamic),
        **dynamics_tables(summary, dynamic),
        **error_tables(CELLS, TASKS, short=[("go", 2)]),
        **perturbation_tables(CELLS, TASKS),
        "x/claims.csv": claims,
    }


# Every figure


@pytest.mark.parametrize("name", FIGURES)
def test_is_drawn_with_its_table_and_written_whole(name, tables, tmp_path):
    figure, table = draw(name, tables)
    assert table.columns[0] == "panel" and len(table) and table["panel"].notna().all()
    assert figure.get_figwidth() == pytest.approx(180 / 25.4)
    assert not marks(figure)
    save_figure(figure, tmp_path / "f.pdf", tmp_path / "f.png")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f.pdf", "f.png"]
    assert b"CreationDate" not in (tmp_path / "f.pdf").read_bytes()


@pytest.mark.parametrize("name", FIGURES)
def test_marks_simulated_inputs_where_it_shows_them(name, tables):
    marked = {path: table.copy() for path, table in tables.items()}
    marked["x/claims.csv"]["simulated"] = [True, False, False]
    found = marks(draw(name, marked, **SIMULATED)[0])
    if name == "tasks":
        assert not found
    else:
        assert len(found) == 1 and found[0].startswith("SIMULATED DATA – panel")


def test_names_only_the_simulated_panels(tables):
    figure, _ = draw("decoding", tables, simulated_datasets=["visual", "elsewhere"])
    assert marks(figure) == ["SIMULATED DATA – panels a–b: recordings visual"]
    figure, _ = draw(
        "claims", tables | {"x/claims.csv": tables["x/claims.csv"].assign(simulated=[True, False, False])}
    )
    assert "panel a" in marks(figure)[0] and "one claim [S]" in texts(figure)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("kind", ["no tables", "no rows"])
def test_says_what_is_missing(name, kind, tables):
    empty = {path: table.iloc[:0] for path, table in tables.items()} if kind == "no rows" else {}
    figure, table = draw(name, empty, **SIMULATED)
    assert "not available" in texts(figure) and not marks(figure)
    assert table["not_available"].notna().any()
    figure.canvas.draw()


@pytest.mark.parametrize("name", FIGURES)
def test_survives_one_row_of_each_and_nan(name, tables):
    single = {path: table.head(1) for path, table in tables.items()}
    draw(name, single)[0].canvas.draw()
    lost = {}
    for path, table in tables.items():
        numbers = table.select_dtypes("float").columns
        lost[path] = table.assign(**dict.fromkeys(numbers, np.nan))
    draw(name, lost)[0].canvas.draw()


def test_refuses_an_unknown_figure_and_a_table_without_a_column(tables):
    with pytest.raises(InputError, match="Did you mean 'motifs'"):
        draw("motif", tables)
    with pytest.raises(InputError, match="enrichment_low"):
        draw(
            "profiles",
            {"motifs/s/profiles.csv": tables["x/motifs/s/profiles.csv"].drop(columns="enrichment_low")},
        )


def test_same_tables_give_the_same_files(tables, tmp_path):
    for k in (1, 2):
        figure, table = draw("decoding", tables)
        save_figure(figure, tmp_path / f"{k}.pdf", tmp_path / f"{k}.png")
        table.to_csv(tmp_path / f"{k}.csv")
    for kind in ("pdf", "png", "csv"):
        assert (tmp_path / f"1.{kind}").read_bytes() == (tmp_path / f"2.{kind}").read_bytes()


# What single figures show


def test_triads_are_drawn_as_they_are_counted():
    assert tuple(EDGES) == MOTIFS
    for name, edges in EDGES.items():
        adjacency = np.zeros((3, 3))
        for start, stop in edges:
            adjacency["ABC".index(start), "ABC".index(stop)] = 1
        assert TRIADS[int(np.argmax(triad_census(adjacency)))] == name


def test_tasks_show_every_pixel(tables):
    figure, table = draw("tasks", tables)
    assert_drawn(figure, table.loc[table["signal"] != "mask", "value"].iloc[::37])
    assert set(table["task"]) == set(TASKS) and table.groupby("panel")["task"].nunique().eq(1).all()


def many_levels(tasks, cells, seeds, trainings=("per task",)):
    """Psychometric tables of many tasks and cells."""
    rng = np.random.default_rng(3)
    parts, fits = [], []
    for task in tasks:
        difficulty = (
            [0.08, 0.16, 0.32] if task.startswith(("dly", "ctxdly", "multidly")) else [0.01, 0.02, 0.04]
        )
        for model, prior in cells:
            key = dict(task=[task], training=trainings, model=[model], prior=[prior], seed=seeds)
            parts.append(grid(**key, difficulty=difficulty, curve=["accuracy"], n_trials=[64]))
            fits.append(grid(**key, curve=["accuracy"]).assign(low=difficulty[0], high=difficulty[-1]))
    levels, fits = pd.concat(parts, ignore_index=True), pd.concat(fits, ignore_index=True)
    levels["accuracy"] = rng.uniform(0.5, 1, len(levels))
    fits["threshold"], fits["outcome"] = rng.uniform(fits["low"], fits["high"]), "fitted"
    return {"x/evaluation/psychometrics.csv": levels, "x/evaluation/thresholds.csv": fits}


FIVE = [*CELLS, ("tcn", "none"), ("transformer", "none")]
DECISIONS = (
    "dm1",
    "dm2",
    "ctxdm1",
    "ctxdm2",
    "multidm",
    "dlydm1",
    "dlydm2",
    "ctxdlydm1",
    "ctxdlydm2",
    "multidlydm",
)


@pytest.mark.parametrize(
    ("tasks", "cells_", "trainings"),
    [
        (DECISIONS[:1], CELLS[:2], ("per task",)),
        (DECISIONS, FIVE, ("per task",)),
        (DECISIONS[:6], FIVE, ("per task", "together")),
        (DECISIONS[:2], CELLS, ("together",)),
    ],
)
def test_psychometric_curves_can_be_read_with_few_and_with_many_tasks(tasks, cells_, trainings):
    figure, table = draw("psychometric", many_levels(tasks, cells_, [1, 2, 3], trainings))
    assert overlapping_texts(figure) == ([], [])
    assert_drawn(figure, table.loc[table["panel"].isin(["a", "c"]), "value"])
    assert_drawn(figure, table["threshold"])
    # A bar of an interval ends at 0 and 1, where no share lies beyond.
    assert_drawn(figure, np.clip(table[["low", "high"]].to_numpy(), 0, 1).ravel())
    assert set(table["panel"]) == set("abcd"[: 2 * len(trainings)])
    curves = table[table["mark"].eq("seed") & table["panel"].isin(["a", "c"])]
    n_levels = sum(3 for _ in tasks)
    assert len(curves) == n_levels * len(cells_) * 3 * len(trainings)


def test_thresholds_beyond_what_was_tested_are_shown_as_such():
    tables = many_levels(["dm1"], CELLS[:1], [1, 2, 3])
    fits = tables["x/evaluation/thresholds.csv"]
    fits["outcome"] = [BELOW, "fitted", CONSTANT]
    fits.loc[[0, 2], "threshold"] = np.nan
    figure, table = draw("psychometric", tables)
    found = [line for line in figure.axes[-1].get_lines() if line.get_marker() in ("v", "^", "o")]
    assert sorted(line.get_marker() for line in found) == ["^", "o", "v"]
    at = {line.get_marker(): line.get_ydata()[0] for line in found}
    assert at["v"] < 0.01 and at["^"] > 0.04 and 0.01 < at["o"] < 0.04
    # The middle one of the three is the median.
    median = table.loc[table["mark"] == "median over seeds", "threshold"]
    assert median.tolist() == fits["threshold"].dropna().tolist()
    fits.loc[1, ["threshold", "outcome"]] = np.nan, ABOVE
    _, table = draw("psychometric", tables)
    assert table.loc[table["mark"] == "median over seeds", "threshold"].isna().all()


def test_without_a_decision_task_one_sentence_says_so():
    tables = many_levels(["go"], CELLS, [1, 2])
    tables["x/evaluation/psychometrics.csv"]["difficulty"] = np.nan
    figure, table = draw("psychometric", tables)
    assert "no network was trained on a task with graded evidence" in texts(figure)
    assert len(table) == 1 and len(figure.axes) == 1 and figure.get_figheight() < 30 / 25.4


def test_intervals_weigh_animals_equally_and_are_honest_about_one_session():
    table = pd.DataFrame(dict(animal=list("aab"), session=list("xyz"), seed=1, value=[0.0, 1.0, 0.0]))
    mean, low, high = nested_interval(table, "value", np.random.default_rng(0))
    assert mean == 0.25 and low == 0 and 0.5 <= high <= 1
    mean, low, high = nested_interval(table.head(1), "value", np.random.default_rng(0))
    assert mean == 0 and np.isnan([low, high]).all()


def test_retention_shows_profiles_and_distances(tables):
    figure, table = draw("retention", tables)
    assert_drawn(figure, table.loc[table["panel"] == "a", "enrichment"])
    assert_drawn(figure, table.loc[table["panel"] == "b", "distance"])
    assert "not in\nprior" in texts(figure)
    free = tables["x/retention/scores.csv"]
    figure, _ = draw("retention", tables | {"x/retention/scores.csv": free[free["prior"] == "none"]})
    assert "with the prior: not available" in texts(figure)


def test_claims_of_a_category_share_a_panel_and_a_scale(tables):
    figure, table = draw("claims", tables)
    assert table["panel"].tolist() == ["a", "b", "c"]
    known = table[table["effect"].notna()]
    values = known[["effect", "ci_low", "ci_high", "smallest_effect"]].div(known["scale"], axis=0)
    assert_drawn(figure, values.to_numpy().ravel())
    words = texts(figure)
    assert "does not hold" in words and "because no cell" in words and "8 tasks" in words


def test_claims_in_brief_are_those_of_the_abstract_and_the_causal_ones(tables):
    claims = tables["x/claims.csv"]
    page = Page(summary_height_mm(claims))
    draw_summary(page, page.figure.subfigures(), claims, "d")
    figure, table = page.finish()
    assert table["category"].tolist() == ["abstract", "causal"] and set(table["panel"]) == {"d"}
    assert "another claim" not in texts(figure) and "because no cell" in texts(figure)
    many = pd.concat([claims] * 30)
    assert summary_height_mm(many) < 120
    draw_summary(page := Page(120), page.figure.subfigures(), many, "d")
    assert "34 more in the figure of all claims" in texts(page.finish()[0])


def test_a_model_has_one_colour_and_one_place():
    assert model_colour("digimus") != model_colour("digimus", "A") == model_colour("digimus", "B")
    assert model_colour("mine") == model_colour("mine", "A")
    table = pd.DataFrame([("logistic", "none"), ("lstm", "none"), ("digimus", "A"), ("digimus", "none")])
    order = ordered_cells(table.set_axis(["model", "prior"], axis=1))
    assert [model for model, _ in order] == ["digimus", "digimus", "lstm", "logistic"] and order[0][
        1
    ] == "none"
