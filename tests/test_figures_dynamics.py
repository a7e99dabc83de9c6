"""The figure of dynamics: what its panels say is what the tables say, also where there is little or much."""

import numpy as np
import pandas as pd
import pytest

from anatomy_tables import overlapping_texts, texts
from digimus.figures import draw
from state_tables import KEYS, by_condition, dynamics_tables, with_dynamics

CELLS = (("digimus", "none"), ("digimus", "A"), ("lstm", "none"), ("tcn", "none"))


def tables_of(tasks, seeds, cells=CELLS):
    rng = np.random.default_rng(2)
    rows = [(task, *cell, seed) for task in tasks for cell in cells for seed in seeds]
    summary = pd.DataFrame(rows, columns=KEYS).assign(n_trials=256, not_available="")
    steps = pd.DataFrame(
        [(o, step) for o in ("correct", "error") for step in range(8)], columns=["outcome", "step"]
    )
    paths = summary[summary["seed"] == seeds[0]][KEYS].merge(steps, how="cross").assign(response_step=5)
    paths[["pc1", "pc2"]] = rng.normal(size=(len(paths), 2))
    summary = with_dynamics(summary, rng)
    return {
        "x/states/summary.csv": summary,
        "x/states/trajectories.csv": by_condition(paths, rng),
        **dynamics_tables(summary, rng),
    }


@pytest.fixture(scope="module")
def tables():
    return tables_of(("go", "dm1"), (1, 2))


def test_similarities_are_means_over_tasks_and_over_sessions(tables):
    _, shown = draw("dynamics", tables)
    similar = tables["x/states/similarity.csv"]
    matrix = shown[shown["panel"] == "i"].set_index(["model", "prior", "other_model", "other_prior"])["cka"]
    pairs = similar[similar["kind"] == "models"]
    mine = pairs[(pairs["model"] == "lstm") & (pairs["other_model"] == "lstm")]
    assert matrix["lstm", "none", "lstm", "none"] == pytest.approx(mine.groupby("task")["cka"].mean().mean())
    assert matrix["lstm", "none", "tcn", "none"] == pytest.approx(matrix["tcn", "none", "lstm", "none"])
    recorded = shown[shown["panel"] == "j"]
    assert len(recorded) == 16 and (recorded["n_sessions"] == 1).all()


def test_what_has_no_number_is_listed_with_the_reason_and_not_drawn(tables):
    figure, shown = draw("dynamics", tables)
    listed = shown[shown["panel"] == "k"]
    assert listed["reason"].tolist() == ["because the model has no recurrent units with a state map"]
    assert "fixed points" in texts(figure) and "go TCN" in listed["where"].iloc[0]
    assert not (shown.loc[shown["panel"] == "e", "model"] == "tcn").any()


def test_panels_without_any_number_say_why(tables):
    absent = {}
    for path, table in tables.items():
        blank = [c for c in ("point", "cka", "state", "occupancy", "probability") if c in table]
        reason = table.assign(**dict.fromkeys(blank, np.nan), not_available="because of a test")
        absent[path] = table if "summary" in path or "trajectories" in path else reason
    figure, shown = draw("dynamics", absent)
    missing = shown[shown["not_available"].fillna("").str.contains("because of a test")]
    assert {"f", "g", "h", "i", "j"} <= set(missing["panel"])
    assert texts(figure).count("because of a test") >= 5


def test_many_tasks_and_models_stay_legible():
    tasks = [f"{name}{k}" for name in ("go", "dly", "ctxdlydm") for k in range(6)]
    cells = [("digimus", "none"), ("digimus", "CP-degree-matched"), ("digimus", "CP")]
    figure, shown = draw("dynamics", tables_of(tasks, (1, 2, 3, 4, 5), [*cells, *CELLS[2:], ("gru", "none")]))
    assert figure.get_figheight() * 25.4 <= 240
    figure.canvas.draw()
    assert overlapping_texts(figure) == ([], [])
    assert set(shown["task"].dropna()) >= set(tasks)
