"""The first three main figures: what they show, and that grids of any size can be read."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from anatomy_tables import anatomy, assert_drawn, marks, overlapping_texts, texts
from decoding_tables import decoding_tables
from digimus.analysis.controls import CRITERION
from digimus.figures import FIGURES, draw
from digimus.figures import learning as learning_module
from digimus.figures import rules as rules_module
from digimus.registries import names
from rules_tables import CELLS, FAMILY, rule_tables

FEW = ("go", "dm1", "dlydm1")


def recorded(n_sessions=3):
    """Tables of a dataset's sessions, the last of them set aside."""
    sessions = pd.DataFrame(dict(session=[f"s{k}" for k in range(n_sessions)], animal="a", status="used"))
    sessions.loc[n_sessions - 1, "status"] = "set aside"
    return {"x/recordings/visual/sessions.csv": sessions}


# Grids of any size


@pytest.mark.parametrize("name", ["accuracy", "learning"])
@pytest.mark.parametrize(
    ("tasks", "seeds", "trainings", "cells"),
    [
        (names("tasks"), range(5), ("per task",), CELLS),
        (names("tasks")[:18], range(5), ("per task", "together"), CELLS),
        (FEW, range(2), ("together",), CELLS[:2]),
        (FEW[:1], [1], ("per task",), CELLS[:1]),
    ],
)
def test_grids_of_any_size_can_be_read(name, tasks, seeds, trainings, cells):
    figure, table = draw(name, rule_tables(tasks, seeds, trainings, cells))
    assert overlapping_texts(figure) == ([], [])
    if len(trainings) < 2:
        assert figure.get_figheight() * 25.4 <= 240
    assert set(table["panel"]) >= set("abcd")
    assert set(tasks) <= set(table["task"].dropna())


@pytest.mark.parametrize("n_regions", [2, 26])
def test_the_atlas_can_be_read_with_few_and_many_regions(n_regions):
    regions = [f"R{k}" for k in range(1, n_regions + 1)]
    figure, table = draw("atlas", anatomy(regions) | rule_tables(FEW, [1, 2]) | recorded())
    assert overlapping_texts(figure) == ([], []) and figure.get_figheight() * 25.4 <= 240
    assert set(table["panel"]) == set("abcdefgh")


# Atlas


def test_the_drawing_counts_what_the_run_has():
    figure, table = draw("atlas", anatomy() | rule_tables(FEW, [1, 2]) | recorded())
    lines = table[table["panel"] == "a"].groupby("box")["text"].agg("; ".join)
    assert "15 reconstructions; 3 regions" in lines["neurons"]
    assert "3 directed graphs" in lines["graphs"] and "9 to" in lines["graphs"]
    assert "1 of 3 beyond geometry; 1 of 3 beyond degrees" in lines["motifs"]
    assert "A, A-degree" in lines["networks"] and "2 seeds, 36 networks" in lines["networks"]
    assert "3 tasks of 3 families; 36 networks" in lines["rule tasks"]
    assert "1 dataset, 2 sessions,; 1 animal" in lines["recordings"]
    assert "15 reconstructions" in texts(figure)


def test_the_drawing_says_what_there_is_not():
    _, table = draw("atlas", anatomy())
    lines = table[table["panel"] == "a"].groupby("box")["text"].agg(" ".join)
    assert lines["networks"] == "not available: no network was trained"
    assert lines["recordings"] == "not available: no session was used"
    assert not lines["neurons"].startswith("not available")


def test_the_atlas_shows_z_reciprocity_and_verdicts():
    tables = anatomy()
    figure, table = draw("atlas", tables)
    assert_drawn(figure, table.loc[table["panel"] == "f", "z"])
    assert_drawn(figure, tables["x/connectome/s/graphs.csv"][["density", "reciprocity"]].to_numpy().ravel())
    words = texts(figure)
    assert "R3 (9)" in words and "not told apart" in words and "more" in words.split()


def test_the_atlas_marks_what_is_simulated():
    tables = anatomy() | rule_tables(FEW, [1]) | recorded()
    found = marks(draw("atlas", tables, simulated_sources=["s"], simulated_datasets=["visual"])[0])
    assert "panels a–h: neurons of source s" in found[0] and "panel a: recordings visual" in " ".join(
        found[0].split()
    )
    assert not marks(draw("atlas", tables)[0])


# Accuracy


def test_accuracy_shows_every_seed_mean_interval_and_chance():
    tables = rule_tables(FEW, [1, 2, 3])
    figure, table = draw("accuracy", tables)
    b = table[table["panel"] == "b"]
    assert b["mark"].eq("seed").sum() == len(FEW) * len(CELLS) * 3
    assert_drawn(figure, b["value"])
    assert_drawn(figure, np.clip(b[["low", "high"]].to_numpy(float), 0, 1).ravel())
    assert dict(b[b["mark"] == "chance"].set_index("task")["value"]) == {"go": 0.2, "dm1": 0.5, "dlydm1": 0.5}
    assert_drawn(figure, table.loc[table["panel"].isin(["c", "d"]), "effect"])


def test_gains_are_pairs_of_seeds():
    tables = rule_tables(["go"], [1, 2])
    figure, table = draw("accuracy", tables)
    scores = tables["x/evaluation/scores.csv"].query("model == 'digimus'")
    wide = scores.pivot(index="seed", columns="prior", values="value")
    seeds = table[(table["panel"] == "c") & (table["mark"] == "seed") & (table["prior"] == "A")]
    expected = (wide["A"] - wide["none"]).to_numpy()
    assert np.allclose(seeds["difference"], expected)
    assert_drawn(figure, expected)


def test_a_cell_without_a_score_is_named_and_a_model_not_meant_for_a_task_is_not():
    tables = rule_tables(FEW, [1])
    scores = tables["x/evaluation/scores.csv"]
    lost = (scores["task"] == "go") & (scores["prior"] == "A")
    elsewhere = (scores["task"] == "go") & (scores["model"] == "tcn")
    tables["x/evaluation/scores.csv"] = scores[~lost & ~elsewhere]
    figure, table = draw("accuracy", tables)
    named = table[(table["panel"] == "b") & table["not_available"].notna()]
    assert named[["task", "model", "prior"]].to_numpy().tolist() == [["go", "digimus", "A"]]
    assert "n/a" in texts(figure).split()


def test_coherence_is_averaged_over_the_same_tasks():
    tables = rule_tables(["dm1", "dm2"], [1, 2])
    levels = tables["x/evaluation/psychometrics.csv"]
    tables["x/evaluation/psychometrics.csv"] = levels[(levels["model"] != "tcn") | (levels["task"] == "dm1")]
    figure, table = draw("accuracy", tables)
    assert "not on all of them: TCN" in texts(figure)
    means = table[(table["panel"] == "e") & (table["mark"] == "mean over seeds")]
    assert set(means["model"]) == {"digimus", "lstm", "transformer"}
    free = levels[(levels["model"] == "lstm") & (levels["difficulty"] == 0.02)]
    shown = means[(means["model"] == "lstm") & (means["level"] == 2)]["value"].item()
    assert shown == pytest.approx(free["accuracy"].mean())
    assert_drawn(figure, means["value"])


# Learning


def test_learning_shows_seeds_by_family_and_by_task():
    tables = rule_tables(FEW, [1, 2])
    figure, table = draw("learning", tables)
    assert_drawn(figure, table.loc[table["panel"].isin(["a", "b"]), "value"])
    curves = tables["x/evaluation/curves.csv"]
    own = curves[(curves["model"] == "lstm") & (curves["task"] == "go")]
    shown = table[(table["panel"] == "a") & (table["family"] == "sensorimotor") & (table["model"] == "lstm")]
    assert sorted(shown["value"]) == pytest.approx(sorted(own["value"]))


def test_a_model_that_learnt_part_of_a_family_is_named_and_not_averaged():
    tables = rule_tables(["dm1", "dm2"], [1])
    curves = tables["x/evaluation/curves.csv"]
    tables["x/evaluation/curves.csv"] = curves[(curves["model"] != "tcn") | (curves["task"] == "dm1")]
    _, table = draw("learning", tables)
    a = table[table["panel"] == "a"]
    assert set(a.loc[a["not_available"].notna(), "model"]) == {"tcn"}
    assert "tcn" not in set(a.loc[a["value"].notna(), "model"])


def test_updates_to_the_criterion_are_the_first_and_never_is_shown_as_such():
    tables = rule_tables(["go"], [1, 2], cells=CELLS[:1])
    curves = tables["x/evaluation/curves.csv"]
    curves["value"] = [0.1, 0.8, 0.5, 0.9, 0.1, 0.2, 0.3, 0.79]
    figure, table = draw("learning", tables)
    shown = table[table["panel"] == "c"].set_index("seed")
    assert shown.loc[1, "updates"] == 100 and np.isnan(shown.loc[2, "updates"]) and shown.loc[2, "never"]
    axes = next(a for a in figure.axes if "80 %" in a.get_title(loc="left"))
    hollow = [line for line in axes.get_lines() if line.get_markerfacecolor() == "white"]
    assert [y for line in hollow for y in line.get_ydata()] == [pytest.approx(1.12 * 200)]


def test_leads_are_differences_of_means_by_family():
    tables = rule_tables(FEW, [1, 2])
    figure, table = draw("learning", tables)
    means = tables["x/evaluation/scores.csv"].groupby(["model", "prior", "task"])["value"].mean()
    d = table[(table["panel"] == "d") & (table["against_model"] == "lstm")].set_index("task")
    for task in FEW:
        expected = means["digimus", "A", task] - means["lstm", "none", task]
        assert d.loc[task, "lead"] == pytest.approx(expected) and d.loc[task, "family"] == FAMILY[task]
    assert_drawn(figure, d["lead"])
    assert set(table.loc[table["panel"] == "d", "prior"]) == {"A"}


def test_networks_of_one_task_and_of_all_tasks_have_panels_of_their_own():
    tables = rule_tables(FEW, [1, 2], ("per task", "together"))
    figure, table = draw("learning", tables)
    kept = table.dropna(subset="training").groupby("panel")["training"].agg(set).to_dict()
    assert kept["b"] == {"per task"} and kept["c"] == {"together"}
    assert "one network for all tasks" in texts(figure) and "a network for each task" in texts(figure)
    figure, table = draw("accuracy", tables)
    kept = table.dropna(subset="training").groupby("panel")["training"].agg(set).to_dict()
    assert kept["b"] == {"per task"} and kept["c"] == {"together"}
    assert_drawn(figure, table["value"].dropna().iloc[::7])


def test_learning_rates_have_a_panel_where_any_were_tried():
    figure, table = draw("learning", rule_tables(FEW, [1]))
    assert_drawn(figure, table.loc[table["panel"] == "e", "validation_accuracy"])
    _, table = draw("learning", rule_tables(FEW, [1], rates=False))
    assert "e" not in set(table["panel"])


def test_definitions_are_those_of_the_library():
    from digimus.tasks import FAMILIES, TASKS

    assert learning_module.CRITERION == CRITERION
    assert {name: set(members) for name, members in rules_module.FAMILIES.items()} == {
        name: set(members) for name, members in FAMILIES.items()
    }
    for task in TASKS.values():
        assert rules_module.CHANCE[task.family] == pytest.approx(task.chance)


# Imports


def test_drawing_loads_nothing_that_computes(tmp_path):
    tables, decoded = anatomy() | rule_tables(FEW, [1, 2]), decoding_tables(["visual"], cells=CELLS[:3])
    scores = [table.pop("x/evaluation/scores.csv") for table in (tables, decoded)]
    tables |= decoded | {"x/evaluation/scores.csv": pd.concat(scores, ignore_index=True)}
    pd.to_pickle(tables, tmp_path / "tables.pkl")
    code = (
        "import sys, pandas as pd\n"
        "from digimus.figures import FIGURES, draw, save_figure\n"
        f"tables = pd.read_pickle({str(tmp_path / 'tables.pkl')!r})\n"
        "for name in FIGURES:\n"
        "    figure, _ = draw(name, tables)\n"
        f"save_figure(figure, {str(tmp_path / 'f.pdf')!r}, {str(tmp_path / 'f.png')!r})\n"
        "heavy = {'torch', 'sklearn', 'statsmodels', 'seaborn', 'numba', 'jinja2'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(FIGURES) > 14 and (tmp_path / "f.pdf").exists()


def test_places_are_found_once(tmp_path):
    from digimus.figures import save_figure

    figure, _ = draw("accuracy", rule_tables(FEW[:1], [1]))
    engine = figure.get_layout_engine()
    calls, execute = [], engine.execute
    engine.execute = lambda drawn: (calls.append(1), execute(drawn))
    save_figure(figure, tmp_path / "f.pdf", tmp_path / "f.png")
    assert len(calls) == 1
