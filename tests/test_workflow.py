"""The whole workflow on the tiny configuration, in a copy of the project."""

import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from browsing import drawn, opened, outside, visible
from digimus.errors import InputError
from digimus.motifs.priors import build_prior, read_priors
from trained_files import arrays_of
from whole_runs import copy_of, overlay, planned, snakemake, tables

pytestmark = pytest.mark.workflow
STAGES = (
    "morphology", "connectome", "motifs", "tasks", "recordings", "training", "evaluation", "retention",
    "states", "errors", "claims", "figures", "report",
)  # fmt: skip


def test_the_tiny_run_ends_with_figures_claims_and_a_report(finished):
    folder, done = finished
    results = folder / "results/tiny"
    claims = pd.read_csv(results / "claims.csv")
    assert {"holds", "does not hold", "undetermined"} >= set(claims["verdict"]) and len(claims) >= 6
    figures = {path.name for path in (results / "figures").iterdir()}
    assert len([name for name in figures if name.endswith(".png")]) >= 5
    assert {Path(name).stem for name in figures if name.endswith(".pdf")} == {
        Path(name).stem for name in figures if name.endswith(".csv")
    }
    assert (results / "report.html").stat().st_size > 50_000
    assert 50_000 < (results / "explorer.html").stat().st_size < 10e6
    merged = yaml.safe_load((results / "config.yaml").read_text())
    assert merged["name"] == "tiny" and "licking" not in merged["recordings"]["datasets"]
    assert "steps (100%) done" in done.text


def test_the_report_and_the_explorer_of_the_run_open_in_a_browser(finished, browser):
    results = finished[0] / "results/tiny"
    page = results / "report.html"
    requests, said = opened(browser, page)
    assert not outside(requests, page) and not said
    pictures = browser.execute_script(
        "return [...document.querySelectorAll('figure img')].map((i) => [i.naturalWidth, i.clientWidth])"
    )
    drawn_figures = list((results / "figures").glob("*.png"))
    assert len(pictures) == len(drawn_figures) and all(min(size) > 300 for size in pictures)
    claims = pd.read_csv(results / "claims.csv")
    assert visible(browser, "tr[data-verdict]") == len(claims)
    rules = browser.execute_script(
        "return [...document.querySelectorAll('g[data-rule]')].map((g) => g.dataset.rule)"
    )
    logged = {path.relative_to(results / "logs").parts[0] for path in (results / "logs").rglob("*.log")}
    assert set(rules) == {name.removesuffix(".log") for name in logged}
    page = results / "explorer.html"
    requests, said = opened(browser, page)
    assert not outside(requests, page) and not said
    for k in range(browser.execute_script("return DATA.regions.length")):
        browser.execute_script("choose(arguments[0])", k)
        assert visible(browser, "#profile .point") == 52
        assert all(marks > 60 and ink > 500 for marks, ink in drawn(browser)[:3])
        assert drawn(browser)[3][1] > 200


def test_nothing_is_left_half_written(finished):
    folder, _ = finished
    assert not [path for path in folder.rglob(".writing-*")]
    assert not list((folder / "results").rglob("*.checkpoint.h5"))


def test_every_job_has_a_log_and_a_benchmark(finished):
    folder, _ = finished
    results = folder / "results/tiny"
    logs = {path.relative_to(results / "logs").with_suffix("") for path in (results / "logs").rglob("*.log")}
    times = results / "benchmarks/rules"
    assert logs == {path.relative_to(times).with_suffix("") for path in times.rglob("*.tsv")}
    assert len(logs) > 15


def test_scores_have_the_columns_that_others_rely_on(finished):
    folder, _ = finished
    scores = pd.read_csv(folder / "results/tiny/evaluation/scores.csv")
    expected = "benchmark task animal session region n_units model prior seed split fold metric value"
    assert list(scores.columns) == [*expected.split(), "training"]
    assert set(scores["benchmark"]) == {"rules", "visual"}
    assert set(scores.loc[scores["model"] == "digimus", "prior"]) == {"none", "feedforward"}
    values = scores.loc[scores["metric"].isin(["accuracy", "balanced_accuracy"]), "value"]
    assert values.between(0, 1).all()


def test_a_second_run_has_nothing_to_do(finished):
    folder, _ = finished
    assert "Nothing to be done" in snakemake(folder).text


def test_comments_rerun_nothing(finished):
    folder, _ = finished
    readme, module = folder / "README.md", folder / "src/digimus/motifs/census.py"
    before = {path: path.read_text() for path in (readme, module)}
    readme.write_text(before[readme] + "\nA remark.\n")
    module.write_text(before[module].replace('"""The triad census', '"""THE TRIAD CENSUS') + "\n# a remark\n")
    try:
        assert "Nothing to be done" in snakemake(folder, "--dry-run").text
    finally:
        for path, text in before.items():
            path.write_text(text)


def test_hashes_of_code_that_were_kept_are_those_made_anew(finished):
    folder, _ = finished
    kept = folder / ".snakemake/digimus-hashes.json"
    snakemake(folder, "--dry-run")  # other tests edit modules
    before = json.loads(kept.read_text())
    assert before and all(len(value) == 16 for value in before.values())
    kept.write_text('{"half')
    assert "Nothing to be done" in snakemake(folder, "--dry-run").text
    assert json.loads(kept.read_text()) == before


@pytest.mark.parametrize(
    "module, rerun, untouched",
    [
        (
            "motifs/census.py",
            {"region_motifs", "weight_motifs", "draw_figure"},
            {"read_neurons", "region_graph"},
        ),
        ("recordings/binning.py", {"prepare_recordings", "train_decoders"}, {"region_motifs", "train_task"}),
        ("training/decoders.py", {"train_decoders", "score_cells"}, {"prepare_recordings", "train_task"}),
        (
            "analysis/claims/table.py",
            {"test_claims", "write_report"},
            {"score_cells", "train_task", "weight_motifs"},
        ),
        ("figures/style.py", {"draw_figure", "write_report"}, {"test_claims", "score_cells"}),
    ],
)
def test_an_edit_reruns_its_stage_and_what_follows(finished, module, rerun, untouched):
    folder, _ = finished
    path = folder / "src/digimus" / module
    before = path.read_text()
    path.write_text(before + "\nEDITED = True\n")
    try:
        rules = planned(snakemake(folder, "--dry-run"))
    finally:
        path.write_text(before)
    assert rerun <= set(rules) and not untouched & set(rules)


def test_a_changed_value_reruns_just_what_uses_it(finished):
    folder, _ = finished
    config = overlay(folder, "fewer", {"evaluation": {"smallest_effect": {"accuracy": 0.02}}})
    assert set(planned(snakemake(folder, "--dry-run", config=config))) >= {"test_claims"}
    rules = planned(snakemake(folder, "--dry-run", config=config))
    assert not {"train_task", "score_cells", "region_motifs"} & set(rules)


def test_the_dose_response_trains_the_weights_that_the_grid_lacks(finished):
    folder, _ = finished
    retention = pd.read_csv(folder / "results/tiny/retention/comparisons.csv")
    assert {"start", "structure-free", "control"} == set(retention["role"])
    assert not len(pd.read_csv(folder / "results/tiny/retention/dose.csv"))
    config = overlay(folder, "dose", {"retention": {"dose": {"tasks": ["go"], "weights": [0.0003, 5]}}})
    plan = planned(snakemake(folder, "--dry-run", config=config))
    assert plan["train_dose"] == 1 and plan["weight_motifs"] == 1 and "train_task" not in plan
    cells = [f"results/tiny/training/{name}.h5" for name in ("rules/go/digimus/feedforward",
                                                              "dose/go/digimus/feedforward/5")]  # fmt: skip
    done = snakemake(folder, cells[1], config=config)
    assert done.returncode == 0, done.text[-3000:]
    grid, dosed = (arrays_of(folder / path) for path in cells)
    for seed in (1, 2):
        start, end = (f"seed_{seed}/{name}recurrent_weight" for name in ("initial_", ""))
        np.testing.assert_array_equal(grid[start], dosed[start])
        assert not np.array_equal(grid[end], dosed[end])


def test_every_training_says_on_which_device_it_ran(finished):
    logs = sorted((finished[0] / "results/tiny/logs").glob("train_*/**/*.log"))
    assert len(logs) >= 4 and {log.parts[-4] for log in logs} >= {"train_task", "train_decoders"}
    assert all("device: cpu (asked for: cpu)" in log.read_text() for log in logs)


@pytest.mark.parametrize(("device", "n_gpus"), [("cuda", 1), ("auto", 0)])
def test_a_training_on_cuda_asks_for_one_gpu_and_a_workstation_has_one(finished, device, n_gpus):
    config = overlay(finished[0], device, {"training": {"device": device}})
    text = snakemake(finished[0], "training", "--dry-run", "--forceall", config=config).text
    asked = re.findall(r"^rule (train_\w+):.*?^    resources: [^\n]*\bgpu=(\d)", text, re.M | re.S)
    assert {rule for rule, _ in asked} == {"train_task", "train_decoders"}
    assert {int(n) for _, n in asked} == {n_gpus}
    profile = yaml.safe_load((finished[0] / "profiles/default/profile.yaml").read_text())
    assert profile["resources"] == {"gpu": 1}


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_is_a_target(root, tmp_path, stage):
    folder = copy_of(root, tmp_path / "project")
    done = snakemake(folder, stage, "--dry-run")
    assert done.returncode == 0, done.text[-2000:]
    assert stage in planned(done)


def test_every_overlay_plans_a_run(root, tmp_path):
    folder = copy_of(root, tmp_path / "project")
    if (root.parent / "shared").is_dir():
        (tmp_path / "shared").symlink_to(root.parent / "shared")
    converted = folder / "resources/licking"  # what config/licking.yaml names; a plan does not read them
    converted.mkdir(parents=True)
    for region in ("M2", "VLS", "SNr"):
        (converted / f"{region}_day.nwb").touch()
    overlays = sorted(path.name for path in (folder / "config").glob("*.yaml") if path.name != "config.yaml")
    assert "tiny.yaml" in overlays
    over_real = ("controls.yaml", "licking.yaml")
    for name in [None, *overlays]:
        names = ["real.yaml", name] if name in over_real else [name] if name else []
        if "real.yaml" in names and not (tmp_path / "shared").exists():
            continue
        done = snakemake(folder, "--dry-run", config=[f"config/{part}" for part in names])
        assert done.returncode == 0, f"{name}: {done.text[-2000:]}"
        assert planned(done)["all"] == 1


# Bad configuration


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"motifs": {"n_nul": 5}}, ["motifs.n_nul", "Unknown key", "Did you mean 'n_null'?"]),
        ({"morphology": {"voxel_um": "wide"}}, ["morphology.voxel_um", "'wide'", "a number above 0"]),
        ({"training": {"rules": {"n_units": -4}}}, ["training.rules.n_units", "-4", "1 or more"]),
        ({"priors": {"feedforward": {"region": "SIM-feedforwards"}}},
         ["priors.feedforward.region", "SIM-feedforward"]),
        ({"results_dir": "../elsewhere"}, ["results_dir", "inside the project"]),
        ({"morphology": {"sources": {"mine": {"folder": "no/such", "pattern": "*.swc",
          "region_column": "region", "regions": ["CP"]}}}}, ["morphology.sources.mine.folder", "no/such"]),
    ],
)  # fmt: skip
def test_a_wrong_configuration_stops_before_any_job(finished, settings, words):
    folder, _ = finished
    before = tables(folder)
    done = snakemake(folder, config=overlay(folder, "wrong", settings))
    assert done.returncode != 0
    assert "Traceback" not in done.text and "localrule" not in done.text
    for word in [*words, "expected:", "got:", "hint:"]:
        assert word in done.text, done.text[-1500:]
    assert tables(folder) == before


# Bad input


def own_neurons(folder, name, **settings):
    """An overlay that takes the simulated neurons' files as a user's own source."""
    source = {
        "folder": f"mine/{name}", "pattern": "*.swc", "index": f"mine/{name}/index.csv",
        "region_column": "region", "brain_column": "brain", "regions": ["SIM-geometry"],
    }  # fmt: skip
    shutil.copytree(folder / "resources/simulated_tiny/neurons", folder / "mine" / name)
    priors = {"feedforward": None}
    sources = {"simulated": None, "own": source | settings}
    training = {"rules": {"priors": []}}
    datasets = {"visual": {"priors": []}}
    whole = {
        "results_dir": f"results/{name}", "morphology": {"sources": sources}, "priors": priors,
        "training": training, "recordings": {"datasets": datasets},
    }  # fmt: skip
    return folder / "mine" / name, overlay(folder, name, whole)


def failed_well(done, *words):
    """The run failed with one readable message and no wall of traceback."""
    assert done.returncode != 0
    assert "Traceback (most recent call last)" not in done.text, done.text[-3000:]
    for word in [*words, "expected:", "got:", "hint:", "log:"]:
        assert word in done.text, done.text[-3000:]
    return True


def test_one_bad_neuron_among_many_is_set_aside_and_reported(finished):
    folder, _ = finished
    mine, config = own_neurons(folder, "one_bad", regions=["SIM-geometry", "SIM-feedforward"])
    bad = sorted(mine.glob("SIM-geometry*.swc"))[0]
    bad.write_text("<html>404</html>")
    done = snakemake(folder, "morphology", config=config)
    assert done.returncode == 0, done.text[-2000:]
    aside = pd.read_csv(folder / "results/one_bad/morphology/own/set_aside.csv")
    assert list(aside["file"]) == [bad.name] and len(aside["reason"][0]) > 10
    assert len(pd.read_csv(folder / "results/one_bad/morphology/own/neurons.csv")) == 47


def test_too_many_bad_neurons_fail_and_leave_earlier_results_intact(finished):
    folder, _ = finished
    mine, config = own_neurons(folder, "many_bad")
    assert snakemake(folder, "connectome", config=config).returncode == 0
    kept = folder / "results/many_bad/morphology/own/neurons.csv"
    before = kept.read_text()
    for path in sorted(mine.glob("SIM-geometry*.swc"))[:12]:
        path.write_text("1 1 0 0 0 1 -1\n2 2 0 0\n")
    for _ in range(2):  # the second run must not take the kept results for up to date
        done = snakemake(folder, "connectome", config=config)
        assert failed_well(done, "read_neurons", "12")
        assert kept.read_text() == before


def test_a_region_with_too_few_neurons_gives_no_prior(finished):
    folder, _ = finished
    small = {"connectome": {"min_neurons": 30}, "results_dir": "results/small"}
    done = snakemake(folder, "training", config=overlay(folder, "small", small))
    assert failed_well(done, "too few neurons", "at least 30 neurons", "24 neurons")
    graphs = pd.read_csv(folder / "results/small/connectome/simulated/graphs.csv")
    assert graphs["small"].all() and (graphs["n_neurons"] == 24).all()


def test_regions_without_triads_are_reported_and_stop_nothing(finished):
    folder, _ = finished
    regions = ["SIM-distance", "SIM-geometry", "SIM-hubs"]
    mine, config = own_neurons(
        folder, "few", annotation="mine/few/annotation.nrrd", regions=regions,
        structure_tree="mine/few/structure_tree.csv",
    )  # fmt: skip
    index = pd.read_csv(mine / "index.csv")
    index.loc[index.index[index["region"] == "SIM-geometry"][:2], "region"] = "SIM-hubs"
    index.to_csv(mine / "index.csv", index=False)
    figures = {"figures": ["graphs", "motifs", "profiles", "sensitivity"]}
    (folder / config[1]).write_text((folder / config[1]).read_text() + yaml.safe_dump(figures))
    done = snakemake(folder, "figures", "sensitivity", config=config)
    assert done.returncode == 0, done.text[-3000:]
    assert "WARNING region_graph, own, region SIM-distance: n = 0" in done.text
    results = folder / "results/few"
    graphs = pd.read_csv(results / "connectome/own/graphs.csv").set_index("region")
    assert dict(graphs["n_neurons"]) == {"SIM-distance": 0, "SIM-geometry": 22, "SIM-hubs": 2}
    assert dict(graphs["small"]) == {"SIM-distance": True, "SIM-geometry": False, "SIM-hubs": True}
    assert set(graphs.index[graphs["density"].notna()]) == {"SIM-geometry"}
    for name in ("profiles", "verdicts", "clusters", "sensitivity", "sensitivity_summary"):
        assert set(pd.read_csv(results / f"motifs/own/{name}.csv")["region"]) == {"SIM-geometry"}, name
    priors = read_priors(results / "motifs/own/priors.csv")
    assert {name: prior.usable for name, prior in priors.items()} == {
        "SIM-distance": False, "SIM-geometry": True, "SIM-hubs": False
    }  # fmt: skip
    with pytest.raises(InputError, match="too few neurons"):
        build_prior("mine", {"kind": "region", "region": "SIM-hubs"}, priors, 1)


def test_a_source_without_any_triads_ends_with_a_reason(finished):
    folder, _ = finished
    mine, config = own_neurons(folder, "hardly")
    index = pd.read_csv(mine / "index.csv")
    index.loc[index.index[index["region"] == "SIM-geometry"][2:], "region"] = "SIM-hubs"
    index.to_csv(mine / "index.csv", index=False)
    done = snakemake(folder, "motifs", config=config)
    assert failed_well(done, "graph_tables", "at least 3 neurons", "SIM-geometry 2")


def test_neurons_in_an_archive_are_found_and_a_changed_archive_is_read_again(finished):
    folder, _ = finished
    mine, config = own_neurons(folder, "zipped", pattern="*.zip/*.swc")
    with zipfile.ZipFile(mine / "all.zip", "w") as archive:
        for path in sorted(mine.glob("*.swc")):
            archive.write(path, path.name)
            path.unlink()
    index = pd.read_csv(mine / "index.csv")
    index.assign(file="all.zip/" + index["file"]).to_csv(mine / "index.csv", index=False)
    done = snakemake(folder, "morphology", config=config)
    assert done.returncode == 0, done.text[-2000:]
    assert len(pd.read_csv(folder / "results/zipped/morphology/own/neurons.csv")) == 24
    assert "Nothing to be done" in snakemake(folder, "morphology", "--dry-run", config=config).text
    os.utime(mine / "all.zip", (1e9, 1e9))
    assert "read_neurons" in planned(snakemake(folder, "morphology", "--dry-run", config=config))


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"label": {"column": "contrast_rihgt", "rule": "sign"}}, ["contrast_rihgt", "contrast_right"]),
        ({"regions": ["CA1"]}, ["CA1"]),
    ],
)
def test_recordings_that_cannot_be_used_fail_with_a_reason(finished, settings, words):
    folder, _ = finished
    name = f"bad_{words[0]}"
    datasets = {"visual": {"label": None} | settings} if "label" not in settings else {"visual": settings}
    if "label" not in settings:
        datasets["visual"].pop("label")
    config = overlay(folder, name, {"results_dir": f"results/{name}", "recordings": {"datasets": datasets}})
    assert failed_well(snakemake(folder, "recordings", config=config), "prepare_recordings", *words)


def test_one_folder_serves_two_labels_and_tells_what_it_offers(finished):
    folder, _ = finished
    choice = {"like": "visual", "label": {"column": "choice"}}
    settings = {"results_dir": "results/like", "recordings": {"datasets": {"choice": choice}}}
    config = overlay(folder, "like", settings)
    done = snakemake(folder, "recordings", "offers", config=config)
    assert done.returncode == 0, done.text[-3000:]
    results = folder / "results/like/recordings"
    visual, choice = (pd.read_csv(results / name / "sessions.csv") for name in ("visual", "choice"))
    assert (visual["n_samples"] < 40).all() and (choice["n_samples"] == 40).all()  # ties have a choice too
    assert len(pd.read_csv(results / "choice/units.csv")) == 24
    assert set(pd.read_csv(results / "choice/example.csv")["kind"]) == {"trial", "sample", "spike"}
    assert "contrast_left" in (results / "choice/offers.txt").read_text()
    goals = [f"results/like/evaluation/references/{name}.scores.csv" for name in ("visual", "choice")]
    inputs = {goal: snakemake(folder, goal, "--dry-run", config=config).text for goal in goals}
    assert ["truth.csv" in text for text in inputs.values()] == [True, False]  # of the contrast alone


# The house itself


def rules_of(root):
    """Every rule's name and text, by file."""
    found = {}
    for path in sorted((root / "workflow/rules").glob("*.smk")):
        text = path.read_text()
        for match in re.finditer(r"^rule (\w+):\n((?:(?!^rule ).*\n?)*)", text, re.M):
            found[match[1]] = (path, match[2])
    return found


def test_every_rule_file_has_a_header(root):
    for path in (root / "workflow/rules").glob("*.smk"):
        text = path.read_text()
        assert text.startswith("# ") and "# Inputs:" in text and "# Outputs:" in text, path.name


def test_scripts_are_named_after_their_rules_and_thin(root):
    scripted = {name: body for name, (_, body) in rules_of(root).items() if "script:" in body}
    assert len(scripted) > 15
    for name, body in scripted.items():
        assert f'"../scripts/{name}.py"' in body and "conda:" in body and "log:" in body, name
        script = root / "workflow/scripts" / f"{name}.py"
        assert len(script.read_text().splitlines()) < 80, name


# Real neurons and recordings


@pytest.mark.real_data
def test_real_neurons_and_recordings_go_through(root, real_data, tmp_path):
    folder = copy_of(root, tmp_path / "project")
    (tmp_path / "shared").symlink_to(real_data.parent)
    quick = {
        "motifs": {"n_draws": 5, "n_null": 30, "n_bootstrap": 30},
        "training": {
            "seeds": [1],
            "rules": {"tasks": ["go"], "models": ["digimus"], "n_units": 32, "n_updates": 20},
            "decoding": {"models": ["digimus"], "n_units": 16, "n_updates": 10, "splits": ["blocked"]},
        },
        "evaluation": {"n_permutations": 50},
    }
    overlay(folder, "quick", quick)
    done = snakemake(folder, config=["config/real.yaml", "config/quick.yaml"])
    assert done.returncode == 0, done.text[-3000:]
    results = folder / "results/real"
    graphs = pd.read_csv(results / "connectome/seu_allen/graphs.csv").set_index("region")
    assert graphs.loc["CP", "n_neurons"] == 101 and 0.0035 < graphs.loc["CP", "density"] < 0.0095
    assert bool(graphs.loc["VPM", "small"]) and not bool(graphs.loc["CP", "small"])
    profiles = pd.read_csv(results / "motifs/seu_allen/profiles.csv")
    cp = profiles[(profiles["region"] == "CP") & (profiles["null"] == "dyad")]
    assert len(cp) == 13 and np.isfinite(cp["enrichment"]).all()
    published = pd.read_csv(results / "motifs/published/priors.csv")
    assert published["region"].nunique() == 50 and published["reciprocity"].isna().all()
    nulls = pd.read_csv(results / "evaluation/nulls.csv")
    nulls = nulls[(nulls["model"] == "logistic") & (nulls["null"] == "labels")]
    nulls = nulls.set_index(["benchmark", "session"])
    session2 = nulls.loc[("visual_side", "steinmetz_session2")]
    assert session2["p"] < 0.05 and session2["balanced_accuracy"] > 0.7
    sessions = pd.read_csv(results / "recordings/visual_side/sessions.csv")
    aside = sessions[sessions["status"] != "used"]
    assert len(aside) == 1 and "test1" in aside["file"].iloc[0]
    gratings = nulls.loc["grating_direction"]
    assert len(gratings) == 4 and (gratings["chance"] == 0.125).all()
    page = (results / "report.html").read_text()
    assert (
        "simulated" not in (results / "figures/fig4_decoding.csv").read_text().lower()
        and "claims" in page.lower()
    )
