"""The figure of perturbations: every panel shows its numbers, and says what is missing."""

import numpy as np
import pandas as pd
import pytest

from anatomy_tables import marks, overlapping_texts, texts
from digimus.figures import draw
from perturbation_tables import NO_ERRORS, perturbation_tables

CELLS = (("digimus", "none"), ("digimus", "A"), ("lstm", "none"))
TASKS = ("dlyanti", "go")


@pytest.fixture(scope="module")
def tables():
    return perturbation_tables(CELLS, TASKS, teachers=6)


def test_panels_show_their_numbers(tables):
    figure, table = draw("perturbation", tables)
    panels = {letter: rows.dropna(axis=1, how="all") for letter, rows in table.groupby("panel")}
    assert set(panels) == set("abcdefgh")
    effects, scores = tables["x/perturbation/effects.csv"], tables["x/perturbation/teacher_scores.csv"]
    pushed = effects[
        effects["kind"].eq("error-axis") & effects["epoch"].eq("response") & effects["dose"].eq(1)
    ]
    shown = panels["a"]
    shown = shown[shown["kind"].eq("error-axis") & shown["epoch"].eq("response") & shown["dose"].eq(1)]
    np.testing.assert_allclose(np.sort(shown["change"]), np.sort(pushed["change"]))
    assert set(panels["a"]["task"]) == {"dlyanti"}
    np.testing.assert_allclose(panels["f"]["correlation"], scores["correlation"])
    np.testing.assert_allclose(panels["g"]["rmse"], scores["rmse"])
    assert len(panels["e"]) == 6 * 5 * 2
    axes = {axes.get_title(loc="left"): axes for axes in _axes(figure)}
    cloud = axes["own wiring"].lines[-1]
    own = tables["x/perturbation/teacher.csv"].query("prior == 'own wiring'")
    np.testing.assert_allclose(cloud.get_ydata(), own["student_change"])


def _axes(figure):
    return [axes for part in figure.subfigs for axes in part.axes]


def test_missing_numbers_are_said_and_not_drawn_as_zero(tables):
    figure, table = draw("perturbation", tables)
    told = table[table["panel"].eq("b") & table["task"].eq("go")]
    assert set(told["not_available"]) == {NO_ERRORS} and told["effect"].isna().all()
    figure, table = draw("perturbation", perturbation_tables(CELLS, TASKS))
    assert table.loc[table["panel"].eq("e"), "not_available"].tolist() == ["because of no modules"]
    assert "because of no modules" in texts(figure).replace("\n", " ")


@pytest.mark.parametrize("alone", [False, True])
def test_a_task_that_no_network_was_trained_on_is_no_network(tables, alone):
    with_row = dict(tables)
    for name in ("effects", "slopes"):
        path = f"x/perturbation/{name}.csv"
        row = tables[path].iloc[:1].assign(
            task="dm2", model=np.nan, prior=np.nan, seed=np.nan, kind=np.nan, not_available="because of this",
            **dict.fromkeys(tables[path].columns.intersection(["change", "slope", "effect"]), np.nan),
        )  # fmt: skip
        with_row[path] = row if alone else pd.concat([tables[path], row], ignore_index=True)
    figure, _ = draw("perturbation", with_row)
    assert "nan" not in texts(figure).replace("unan", "")


def test_teachers_are_always_marked_as_simulated(tables):
    assert not marks(draw("perturbation", perturbation_tables(CELLS, TASKS))[0])
    assert "panels e–g: teachers and students" in marks(draw("perturbation", tables)[0])[0]
    both = marks(draw("perturbation", tables, simulated_priors=["A"])[0])[0]
    assert "panels a–d: prior from simulated neurons: A" in " ".join(both.split())


def test_labels_do_not_overlap(tables):
    figure, _ = draw("perturbation", tables)
    figure.canvas.draw()
    together, outside = overlapping_texts(figure)
    turned = {
        "no prior",
        "prior",
        "exchanged priors",
        "own wiring",
        "shuffled wiring",
    }  # boxes overlap, words do not
    assert not [pair for pair in together if not set(pair) <= turned] and not outside


def test_a_push_of_no_size_changes_nothing_in_every_curve(tables):
    figure, _ = draw("perturbation", tables)
    curves = [
        line
        for axes in _axes(figure)
        if "push in" in axes.get_title(loc="left")
        for line in axes.lines
        if len(line.get_xdata()) > 2 and line.get_linestyle() != "None"
    ]
    assert curves
    for line in curves:
        places = dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
        assert places[0.0] == 0
