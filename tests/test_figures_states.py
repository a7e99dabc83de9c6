"""The figure of states and errors: every number drawn, and what is missing said."""

import numpy as np
import pytest

from anatomy_tables import assert_drawn, grid, overlapping_texts, texts
from digimus.figures import draw
from error_tables import FEATURES, FEW, ONE, error_tables
from state_tables import by_condition

CELLS = (("digimus", "none"), ("digimus", "A"), ("lstm", "none"))
TASKS = ("go", "dm1")


def tables_of(cells=CELLS, tasks=TASKS, **options):
    found = error_tables(cells, tasks, **options)
    rng = np.random.default_rng(4)
    paths = grid(task=tasks, model=["digimus"], prior=["none", "A"], seed=[1], outcome=["correct", "error"],
                 step=range(8)).assign(response_step=5)  # fmt: skip
    paths[["pc1", "pc2"]] = rng.normal(size=(len(paths), 2))
    return found | {"x/states/trajectories.csv": by_condition(paths, rng)}


@pytest.fixture(scope="module")
def tables():
    return tables_of(short=[("go", 2)])


def test_every_panel_draws_its_table(tables):
    figure, table = draw("states", tables, simulated_datasets=["visual"], simulated_priors=["A"])
    networks = table[(table["panel"] == "g") & (table["mark"] == "network or session")]
    assert_drawn(figure, networks["auroc_gain"].dropna())
    sessions = table[(table["panel"] == "h") & (table["mark"] == "network or session")]
    assert len(sessions) == 3
    assert_drawn(figure, sessions["auroc_gain"])
    for panel, column in (
        ("a", "pc1"),
        ("c", "pc2"),
        ("d", "participation_ratio_error"),
        ("f", "auroc_full"),
    ):
        assert_drawn(figure, table.loc[table["panel"] == panel, column])
    assert_drawn(figure, table.loc[table["panel"] == "e", "median_error"])
    model = table[(table["panel"] == "i") & table["task"].isin(["go", "visual"])]
    assert_drawn(figure, model["coefficient"].dropna())
    assert set(table.loc[table["panel"] == "b", "prior"]) == {"A"}
    assert set(table.loc[table["panel"] == "c", "condition"]) == {"000-090 deg", "090-180 deg"}
    words = texts(figure).replace("\n", " ")
    assert "SIMULATED" in words and "recordings visual" in words


def test_what_has_no_numbers_is_listed_with_its_reason(tables):
    figure, table = draw("states", tables)
    missing = table[table["panel"] == "j"]
    assert len(missing) == len(CELLS) and set(missing["not_available"]) == {FEW}
    assert "fewer error trials than the 10 that are needed: go 3 of 6" in texts(figure)
    absent = table[(table["panel"] == "i") & table["coefficient"].isna()]
    assert set(absent["feature"]) == {"time"} and absent["not_available"].str.startswith("because").all()


def test_without_any_numbers_the_panels_say_so():
    tables = tables_of(seeds=(1,), sessions=(), short=[("go", 1), ("dm1", 1)])
    model = tables["x/states/error_model.csv"]
    model[["coefficient", "ci_low", "ci_high"]], model["not_available"] = np.nan, ONE
    figure, table = draw("states", tables)
    words = texts(figure).replace("\n", " ")
    assert words.count("not available: no network and no session has enough") == 3
    assert "no task and no dataset has two networks or sessions" in words and "no recordings" in words
    assert len(table[table["panel"] == "g"]) == len(CELLS) * len(TASKS)


def test_without_a_network_or_a_session_nothing_is_drawn_as_zero():
    empty = {path: table[:0] for path, table in tables_of().items()}
    figure, table = draw("states", empty)
    assert texts(figure).count("not available") >= 9
    assert table["not_available"].notna().all()


def test_recordings_alone_have_their_panels(tables):
    only = {path: t[t["model"] == "recording"] for path, t in tables.items()}
    figure, table = draw("states", only)
    assert "no network was trained on a single rule task" in texts(figure).replace("\n", " ")
    assert overlapping_texts(figure) == ([], [])
    assert table.loc[table["panel"] == "h", "auroc_gain"].notna().all()


def test_an_outcome_that_no_trial_had_is_said(tables):
    paths = tables["x/states/trajectories.csv"]
    never = (paths["outcome"] == "error") & (paths["prior"] == "none")
    figure, _ = draw("states", tables | {"x/states/trajectories.csv": paths[~never]})
    assert "not available: no error trial" in texts(figure)


def test_the_paths_are_of_a_task_with_numbers(tables):
    errors = tables["x/states/errors.csv"].copy()
    errors.loc[errors["task"] == "go", "auroc_gain"] = np.nan
    _, table = draw("states", tables | {"x/states/errors.csv": errors})
    assert set(table.loc[table["panel"].isin(["a", "b", "c"]), "task"]) == {"dm1"}


def test_a_large_grid_stays_on_the_page_and_legible():
    tasks = [f"ctxdlydm{k}" for k in range(18)]
    baselines = [(name, "none") for name in ("lstm", "tcn", "transformer")]
    cells = [("digimus", "none"), ("digimus", "P0"), ("digimus", "P1"), *baselines]
    tables = tables_of(cells, tasks, seeds=(1, 2, 3, 4, 5), sessions=[f"s{k}" for k in range(12)])
    figure, table = draw("states", tables)
    assert figure.get_size_inches()[1] * 25.4 <= 240
    assert "of each cell the task with the most errors: 7 of 109 in the table" in texts(figure)
    assert table.loc[table["panel"] == "i", "coefficient"].notna().sum() == 109 * len(FEATURES) - 108
    assert overlapping_texts(figure) == ([], [])
