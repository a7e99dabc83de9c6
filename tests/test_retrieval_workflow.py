"""From downloads to motifs in one run, against servers on the loopback, and the same again without them."""

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from digimus.configuration import checked, merged
from digimus.retrieval.asked import asked_of
from digimus.retrieval.inventory import described, inventory, missing
from digimus.retrieval.register import COLUMNS
from digimus.simulation.neurons import simulate_neurons
from fake_archive import FakeArchive
from fake_archive import serving as serving_archive
from file_server import serving
from published_layout import write_published_layout
from whole_runs import copy_of, planned, snakemake, tables

REGIONS = ["SIM-feedforward", "SIM-geometry"]
VERSION = "0.240329.1926"
FOLDER = "mouseID_100001-10001"
SET = "resources/retrieved/brain-image-library/whole_neurons"


def served_neurons(folder, url):
    """Simulated neurons as the Brain Image Library has them: a list, files, and a table of somata."""
    index = simulate_neurons(folder, {"regions": REGIONS, "n_neurons": 16}, 1)
    files, links, somata = {}, [], []
    for k, row in enumerate(index.itertuples()):
        tile = f"{k:04d}-X{k}-Y{k}"
        name, path = f"11197{k:05d}_10001_{tile}_reg.swc", f"/bil/{FOLDER}/11197{k:05d}_10001_{tile}_reg.swc"
        files[path] = (folder / row.file).read_bytes()
        links.append((k, url + path, name))
        soma = np.loadtxt(folder / row.file)[0, 2:5]
        somata.append((f"100001_{tile}", *soma, row.region, 10001))
    columns = ["formatted name", "Soma_x", "Soma_y", "Soma_z", "Manually_corrected_soma_region", "Brain_id"]
    files["/BIL_doi.csv"] = pd.DataFrame(links, columns=["", "link", "fname"]).to_csv(index=False).encode()
    files["/somata.csv"] = pd.DataFrame(somata, columns=columns).to_csv(index=False).encode()
    for name in ("annotation.nrrd", "structure_tree.csv"):
        files[f"/{name}"] = (folder / name).read_bytes()
    return files


def served_tables():
    """A table of motif counts and one of scores, in the published form."""
    shared = {"region": ["VISp", "CP"], "node": [300, 70], "sparsity": [0.01, 0.02]}
    counts = {f"M{k:02d}_motif_count": [1000 + k, 50 + k] for k in range(1, 14)}
    scores = {f"M{k:02d}_NZ": [0.1 * k, -0.1 * k] for k in range(1, 14)}
    return {
        "/counts.csv": pd.DataFrame(shared | counts).to_csv(index=False).encode(),
        "/scores.csv": pd.DataFrame({"region": shared["region"], **scores}).to_csv(index=False).encode(),
    }


def register_of(url):
    """A register of the served files, without checksums: they are learnt."""
    files = {
        "allen-annotation-25um": ("annotation.nrrd", "nrrd"),
        "allen-structure-tree": ("structure_tree.csv", "csv"),
        "brain-image-library": ("BIL_doi.csv", "csv"),
        "brain-image-library-somata": ("somata.csv", "csv"),
        "motif-counts": ("counts.csv", "csv"),
        "motif-scores": ("scores.csv", "csv"),
    }
    rows = [
        {"name": name, "version": "1", "url": f"{url}/{file}", "kind": kind, "licence": "none: simulated"}
        for name, (file, kind) in files.items()
    ]
    return pd.DataFrame(rows, columns=COLUMNS, dtype=object).fillna("")


SMALL = {
    "name": "small",
    "results_dir": "results/small",
    "retrieval": {"table": "register.csv", "attempts": 2, "timeout_s": 5},
    "morphology": {
        "sources": {
            "whole_neurons": {
                "retrieve": {"regions": ["SIM-*"], "limit": 14},
                "structure_tree": "dataset:allen-structure-tree",
                "regions": REGIONS,
                "targets": REGIONS,
            }
        }
    },
    "connectome": {"min_neurons": 10},
    "motifs": {"n_draws": 3, "n_null": 10, "n_bootstrap": 10},
    "priors": {"CP": {"region": "SIM-feedforward"}},
}


@pytest.fixture(scope="module")
def place(root, tmp_path_factory):
    """A copy of the project, what the servers hold, and a function that runs Snakemake in the copy."""
    folder = copy_of(root, tmp_path_factory.mktemp("public") / "project")
    for name in ("retrieved", "dandi"):
        shutil.rmtree(folder / "resources" / name, ignore_errors=True)
    for compiled in (root / "src").rglob("__pycache__"):  # else this run spends a minute on compiling anew
        shutil.copytree(compiled, folder / compiled.relative_to(root), dirs_exist_ok=True)
    write_published_layout(folder.parent / "session.nwb")
    files = {"sub-Cori/session.nwb": (folder.parent / "session.nwb").read_bytes()}
    archive = FakeArchive({VERSION: files, "draft": files})

    def run(*arguments):
        return snakemake(folder, *arguments, config=["config/public.yaml", "small.yaml"])

    return folder, archive, run


def write_overlay(folder, api_url):
    dandi = {"recordings": {"datasets": {"visual_side": {"dandi": {"api_url": api_url}}}}}
    (folder / "small.yaml").write_text(yaml.safe_dump(SMALL | dandi))


@pytest.mark.workflow
def test_a_run_fetches_what_it_needs_and_needs_no_network_after_that(place, tmp_path):
    folder, archive, run = place
    files = {}
    with serving(files) as (url, asked), serving_archive(archive) as api_url:
        files.update(served_neurons(tmp_path, url), **served_tables())
        register_of(url).to_csv(folder / "register.csv", index=False)
        write_overlay(folder, api_url)

        plan = run("-n")
        assert plan.returncode == 0, plan.text
        jobs = planned(plan)
        assert jobs["retrieve_file"] == 6 and jobs["retrieve_neurons"] == jobs["retrieve_recordings"] == 1
        assert jobs["draw_figure"] >= 15 and jobs["write_report"] == 1 and "simulate_neurons" not in jobs
        assert "What the configuration asks for" in plan.stdout and "none: simulated" in plan.stdout
        assert asked == [] and archive.requests == []  # a plan asks nobody

        first = run("retrieve", "motifs", "recordings")
        assert first.returncode == 0, first.text[-3000:]
        assert set(asked) <= set(files) and len(asked) == len(set(asked))
        brought = [path for path in asked if path.startswith("/bil/")]
        assert len(brought) == 28  # fourteen of each region, of sixteen
    index = pd.read_csv(folder / SET / "index.csv")
    assert index.groupby("region").size().to_dict() == dict.fromkeys(REGIONS, 14)
    assert sorted(path.name for path in (folder / SET).glob("*.swc")) == sorted(index["file"])
    before = tables(folder, "small")
    assert {"motifs/whole_neurons/priors.csv", "motifs/comparison.csv"} <= set(before)
    neurons = pd.read_csv(folder / "results/small/morphology/whole_neurons/neurons.csv")
    assert len(neurons) == 28 and not neurons["simulated"].any()

    shutil.rmtree(folder / "results/small")
    rules = ["retrieve_file", "retrieve_neurons"]
    again = run("motifs", "recordings", "--forcerun", *rules, "--rerun-triggers", "mtime")
    assert again.returncode == 0, again.text[-3000:]
    assert tables(folder, "small") == before

    listed = run("retrieve", "-n")
    assert re.search(r"brain-image-library, neurons +1 +28 +28 ", listed.stdout), listed.stdout
    assert "?" not in listed.stdout.split("asks for from the network:")[1]


@pytest.mark.workflow
def test_what_was_changed_since_it_was_fetched_is_not_used(place):
    folder, _, run = place
    if not (folder / SET / "index.csv").is_file():
        pytest.skip("needs the run before it")
    counts = next(folder.glob("resources/retrieved/motif-counts/1/*s.csv"))
    neuron = next((folder / SET).glob("*.swc"))
    before = {path: path.read_bytes() for path in (counts, neuron)}
    for path, data in before.items():
        path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
    done = run("morphology", "results/small/motifs/published/priors.csv", "--forcerun", "read_neurons")
    assert done.returncode != 0 and done.text.count("not as it was fetched") == 2, done.text[-3000:]
    for path, data in before.items():
        assert f"where:    {path.relative_to(folder)}\n" in done.text
        path.write_bytes(data)


@pytest.mark.workflow
def test_without_a_network_everything_that_is_missing_is_in_one_list(place):
    folder, _, run = place
    if not (folder / SET / "index.csv").is_file():
        pytest.skip("needs the run before it")
    neuron = next((folder / SET).glob("*.swc"))
    for path in (neuron, *folder.glob("resources/retrieved/motif-*/1/*s.csv")):
        path.unlink()
    done = run("retrieve")
    assert done.returncode != 0
    text = done.text.split("Not there yet, ")[1]
    assert text.startswith("3 in all") and "motif-counts" in text and "motif-scores" in text
    assert SET in text and "annotation" not in text and "dandi" not in text
    assert done.text.count("1 of 28 files could not be fetched") == 1 and neuron.name in done.text


def small_configuration(root, tmp_path, schema):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL))
    found = merged(root / "config/config.yaml", root / "config/public.yaml", tmp_path / "small.yaml")
    return checked(found, schema)


def test_what_is_asked_for_is_listed_without_a_network(root, tmp_path, schema, monkeypatch):
    monkeypatch.chdir(tmp_path)
    register_of("http://127.0.0.1:9").to_csv("register.csv", index=False)
    asked = asked_of(small_configuration(root, tmp_path, schema))
    source = asked.configuration["morphology"]["sources"]["whole_neurons"]
    assert source["annotation"] == "resources/retrieved/allen-annotation-25um/1/annotation.nrrd"
    assert source["index"] == f"{SET}/index.csv" and source["pattern"] == "*.swc"
    assert len(asked.files) == 6 and list(asked.neurons) == [SET]
    assert asked.neurons[SET].inputs == (
        "resources/retrieved/brain-image-library/1/BIL_doi.csv",
        "resources/retrieved/brain-image-library-somata/1/somata.csv",
    )
    table = inventory(asked)
    assert table["files_there"].sum() == 0 and table["bytes"].isna().all() and len(table) == 8
    assert "asks the servers" in described(table) and len(missing(asked)) == 8


def test_the_servers_are_asked_for_sizes_on_demand(root, tmp_path, schema, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, recordings = {}, {"sub-A/x.nwb": b"12345"}
    archive = FakeArchive({VERSION: recordings, "draft": recordings})
    with serving(files) as (url, _), serving_archive(archive) as api:
        files.update(served_neurons(tmp_path / "simulated", url), **served_tables())
        register_of(url).to_csv("register.csv", index=False)
        configuration = small_configuration(root, tmp_path, schema)
        configuration["recordings"]["datasets"]["visual_side"]["dandi"]["api_url"] = api
        asked = asked_of(configuration)
        for path in asked.neurons[SET].inputs:
            Path(path).parent.mkdir(parents=True)
            Path(path).write_bytes(files[f"/{Path(path).name}"])
        table = inventory(asked, ask_servers=True).set_index("dataset")
    assert table.loc["motif-counts", "bytes"] == len(files["/counts.csv"])
    assert table.loc["dandi-000017", ["files", "bytes"]].tolist() == [1, 5]
    neurons = table.loc["brain-image-library, neurons"]
    assert neurons["files"] == 28 and 0 < neurons["bytes"] < sum(map(len, files.values()))
    assert not list(tmp_path.rglob("*_reg.swc"))
