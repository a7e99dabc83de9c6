"""Figures and report: every panel shows its table, nothing missing is dropped, simulated data are marked."""

import importlib
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from anatomy_tables import anatomy, assert_drawn, grid, marks, overlapping_texts, texts
from decoding_tables import decoding_tables
from digimus.analysis.psychometrics import ABOVE, BELOW, CONSTANT
from digimus.errors import InputError
from digimus.figures import FIGURES, draw, save_figure, write_report
from digimus.figures.intervals import nested_interval
from digimus.figures.report import rule_times
from digimus.figures.style import model_colour, ordered_cells
from digimus.figures.triads import EDGES
from digimus.motifs import MOTIFS, TRIADS, triad_census

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
    summary = cells(grid(task=TASKS, seed=[1, 2])).assign(
        n_trials=100, n_errors=30, participation_ratio_correct=4.0, participation_ratio_error=5.0, p=0.01,
        not_available="",
    )  # fmt: skip
    summary["error_auroc"] = rng.uniform(0.45, 1, len(summary))
    short = (summary["task"] == "go") & (summary["seed"] == 2)
    summary.loc[short, "error_auroc"] = np.nan
    summary.loc[short, "not_available"] = "fewer than 20 error trials"
    paths = cells(grid(task=TASKS, seed=[1], outcome=["correct", "error"], step=range(8))).assign(
        response_step=5
    )
    paths[["pc1", "pc2"]] = rng.normal(size=(len(paths), 2))
    apart = cells(grid(task=TASKS, seed=[1, 2], correct=[True, False], trial=range(3)))
    apart["distance"] = rng.random(len(apart))
    claims = pd.DataFrame(
        dict(
            claim=["one claim", "another claim of the same unit", "a claim without data"], test="signed rank",
            n=[8, 8, 0], effect=[0.2, -0.01, np.nan], ci_low=[0.1, -0.03, np.nan],
            ci_high=[0.3, 0.01, np.nan],
            p_corrected=[0.01, 0.6, np.nan], smallest_effect=[0.02, 0.02, 0.1],
            verdict=["holds", "does not hold", "undetermined"], figure="fig4_learning", unit="task",
            effect_unit=["accuracy", "accuracy", "AUROC above one half"], simulated=False,
            note=["", "", "not available: no cell"],
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
        "x/states/trajectories.csv": paths,
        "x/states/distances.csv": apart,
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


def test_torch_is_not_loaded():
    code = "import sys, digimus.figures; sys.exit('torch' in sys.modules or 'seaborn' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


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


def test_learning_shows_every_seed_and_chance(tables):
    figure, table = draw("learning", tables)
    final = table[table["panel"] == "b"]
    assert_drawn(figure, table["value"])
    assert final["mark"].eq("seed").sum() == len(CELLS) * len(TASKS) * 2
    assert dict(final[final["mark"] == "chance"].set_index("task")["value"]) == {"go": 0.2, "dm1": 0.5}


def test_learning_shows_networks_of_one_task_and_of_all_tasks_apart(tables):
    both = dict(tables)
    for name in ("scores", "curves"):
        table = tables[f"x/evaluation/{name}.csv"]
        rules = table[table["benchmark"] == "rules"].assign(benchmark="rules together")
        both[f"x/evaluation/{name}.csv"] = pd.concat([table, rules.assign(value=rules["value"] / 2)])
    figure, table = draw("learning", both)
    assert_drawn(figure, table["value"])
    assert table.groupby("panel")["training"].unique().map(lambda t: set(t) - {np.nan}).to_dict() == {
        "a": {"per task"}, "b": {"per task"}, "c": {"together"}, "d": {"together"},
    }  # fmt: skip
    assert "one network for all tasks" in texts(figure) and "a network for each task" in texts(figure)
    assert overlapping_texts(figure) == ([], [])
    alone = {
        path: t[t["benchmark"] == "rules together"] if path.endswith(("scores.csv", "curves.csv")) else t
        for path, t in both.items()
        if "retention" not in path
    }
    figure, table = draw("learning", alone)
    assert_drawn(figure, table["value"])
    assert "not available" not in texts(figure) and set(table["panel"]) == {"a", "b"}
    assert "one network for all tasks" in texts(figure)


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


def test_states_list_what_is_not_available(tables):
    figure, table = draw("states", tables)
    assert_drawn(figure, table.loc[table["panel"] == "e", "error_auroc"])
    assert_drawn(figure, table.loc[table["panel"] == "a", "pc1"])
    missing = table[table["panel"] == "f"]
    assert len(missing) == len(CELLS) and set(missing["reason"]) == {"fewer than 20 error trials"}
    assert "structure-free – fewer than 20 error trials: go (seed 2)" in texts(figure)


def test_claims_keep_units_apart(tables):
    figure, table = draw("claims", tables)
    assert set(table["panel"]) == {"a", "b"}
    assert_drawn(figure, table[["effect", "ci_low", "ci_high", "smallest_effect"]].to_numpy().ravel())
    words = texts(figure)
    assert "does not hold" in words and "not available: no cell" in words and "8 tasks" in words


def test_a_model_has_one_colour_and_one_place():
    assert model_colour("digimus") != model_colour("digimus", "A") == model_colour("digimus", "B")
    assert model_colour("mine") == model_colour("mine", "A")
    table = pd.DataFrame([("logistic", "none"), ("lstm", "none"), ("digimus", "A"), ("digimus", "none")])
    order = ordered_cells(table.set_axis(["model", "prior"], axis=1))
    assert [model for model, _ in order] == ["digimus", "digimus", "lstm", "logistic"] and order[0][
        1
    ] == "none"


# The report


@pytest.fixture
def report(tables, tmp_path):
    figure, _ = draw("claims", tables)
    save_figure(figure, tmp_path / "f.pdf", tmp_path / "fig1_all.png")
    times = tmp_path / "rules" / "train"
    times.mkdir(parents=True)
    for name, seconds in (("a", 2.0), ("b", 5.0)):
        (times / f"{name}.tsv").write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:02\t100.5\n")
    (tmp_path / "rules" / "read.tsv").write_text("s\th:m:s\tmax_rss\n0.1\t0:00:00\t-\n")
    (tmp_path / "rules" / "broken.tsv").write_text("")
    sessions = pd.DataFrame(
        dict(file=["x.nwb", "y.nwb"], session=["x", np.nan], animal=["a", np.nan],
             status=["used", "set aside"], reason=[np.nan, "no <trials> table"], n_units=[5, np.nan])
    )  # fmt: skip
    models = cells(grid(benchmark=["rules"], task=TASKS, seed=[1])).assign(
        n_parameters=96033, spikes_per_step=0.1
    )

    def write(**changes):
        parts = dict(
            figures=dict.fromkeys(FIGURES, tmp_path / "fig1_all.png"),
            captions=dict.fromkeys(FIGURES, "**Shown.** n is *small* & ``ours``.\n\nSecond."),
            claims=tables["x/claims.csv"],
            set_aside={"s": pd.DataFrame(dict(file=["bad.swc"], reason=["a cycle"]))},
            sessions={"visual": sessions},
            models=models,
            configuration={"name": "test", "morphology": {"sources": {"s": {"simulated": True}}}},
            benchmarks_dir=tmp_path / "rules",
        )
        write_report(tmp_path / "report.html", **(parts | changes))
        return (tmp_path / "report.html").read_text()

    return write


def test_report_is_whole_and_refers_to_nothing_outside(report):
    page = report()
    assert page.count('src="data:image/png;base64,') == len(FIGURES)
    assert not re.search(r'(src|href)\s*=\s*"(?!data:|#)', page)
    assert "<script" not in page and "url(" not in page and "http" not in page.split("<pre>")[0]
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{target}"' in page
    assert page.index('id="simulated"') < page.index('id="claims"')
    assert "<strong>Shown.</strong> n is <em>small</em> &amp; <code>ours</code>." in page
    assert "does not hold" in page and "not available: no cell" in page
    assert "a cycle" in page and "no &lt;trials&gt; table" in page and "1 sessions of 1 animals used" in page
    assert "96,033" in page and "numpy" in page
    assert report() == page


def test_report_without_data_says_so(report, tables):
    page = report(
        claims=tables["x/claims.csv"].iloc[:0], models=pd.DataFrame(), set_aside={}, sessions={},
        configuration={"name": "none"}, benchmarks_dir="nowhere",
    )  # fmt: skip
    assert page.count("Not available") == 3 and 'id="simulated"' not in page
    with pytest.raises(InputError, match="picture"):
        report(figures={"graphs": "fig1_nowhere.png"})


def test_the_report_shows_accuracies_and_controls(report):
    key = dict(training="per task", model=["digimus", "digimus", "lstm"], prior=["none", "A", "none"])
    accuracy = pd.DataFrame(
        dict(
            task="dm1", **key, n_seeds=3, mean=[0.9, 0.8765, 0.5], ci_low=[0.85, np.nan, 0.4],
            ci_high=[0.95, np.nan, 0.6], interval="95 %, t", lowest=0.3, highest=0.97, chance=0.5,
            n_parameters=1234, updates_fewest=100, updates_most=[100, 200, 100],
        )
    )  # fmt: skip
    controls = pd.DataFrame(
        dict(
            training="per task", scope=["task", "task", "all tasks"], task=["dm1", "dm1", np.nan],
            model="digimus", prior="A", control=["none", "A-degree", "none"],
            control_kind=["none", "degree", "none"],
            measure=["accuracy gained", "updates saved", "accuracy gained"],
            n_pairs=[3, 3, 18], n=[3, 3, 6], unit=["seed", "seed", "task"], effect=[-0.012, 40.0, 0.034],
            ci_low=[-0.02, np.nan, 0.01], ci_high=[0.001, np.nan, 0.05], p_corrected=[0.2, np.nan, 0.03],
            smallest_effect=[0.01, np.nan, 0.01], verdict=["undetermined", np.nan, "holds"],
            prior_never=[np.nan, 1, np.nan], control_never=[np.nan, 2, np.nan], test="t", simulated=True,
        )
    )  # fmt: skip
    page = report(accuracy=accuracy, controls=controls)
    for shown in (
        "87.6", "85.0 to 95.0", "no interval", "[30.0 to 97.0]", "1,234 parameters, 100 to 200 updates",
        "3 seeds", "A-degree (degree)", "no prior", "−0.012", "(−0.02 to 0.001)", "(no interval)",
        "1 and 2 of 3", "0.034", "6 tasks", "Task by task (2 comparisons)",
    ):  # fmt: skip
        assert shown in page, shown
    for target in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{target}"' in page
    section = page[page.index('id="controls"') : page.index('id="left-out"')]
    assert section.index("0.034") < section.index("<details>") < section.index("−0.012")
    assert "nan" not in section.lower().replace("unan", "")
    empty = report(accuracy=accuracy.iloc[:0], controls=controls.iloc[:0])
    assert "no DigiMus network with a prior was trained" in empty and 'id="accuracy"' in empty
    assert 'id="accuracy"' not in report() and 'id="controls"' not in report()


def test_times_are_summed_by_rule(report, tmp_path):
    report()
    times = rule_times(tmp_path / "rules").set_index("rule")
    assert times.loc["train", ["n_jobs", "total_s", "longest_s"]].tolist() == [2, 7, 5]
    assert times.index.tolist() == ["train", "read"] and np.isnan(times.loc["read", "largest_mb"])


def test_families_and_chance_are_those_of_the_tasks():
    module = importlib.import_module("digimus.figures.learning")
    from digimus.tasks import FAMILIES as families
    from digimus.tasks import TASKS

    assert {name: set(members) for name, members in module.FAMILIES.items()} == {
        name: set(members) for name, members in families.items()
    }
    for task in TASKS.values():
        assert module.CHANCE[task.family] == pytest.approx(task.chance)
