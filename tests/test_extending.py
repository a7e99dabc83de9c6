"""docs/extending.md does what it says: its blocks go into a copy of the project, and what they add works."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import yaml

from digimus.recordings.prepared import write_prepared
from test_leaks import a_session
from whole_runs import LEFT_OUT, SNAKEMAKE

PAGE = "docs/extending.md"
SECTIONS = ("A model", "A kind of prior", "A motif loss", "A task", "A decoder")


def blocks(root):
    """(section, language, text) of every fenced block, in the page's order."""
    section, found = None, []
    for title, language, text in re.findall(
        r"^## ([^\n]+)$|^```(\w+)\n(.*?)^```", (root / PAGE).read_text(encoding="utf-8"), re.M | re.S
    ):
        section = title or section
        if language:
            found.append((section, language, text))
    return found


def split_block(text):
    """File and lines of a block whose first line names the file."""
    head, *lines = text.splitlines()
    return head.removeprefix("# "), lines


def inserted(text, lines):
    """A file's text with the ``+`` lines of a block, each after the line that stands before it."""
    before = text.splitlines()
    place = 0
    for line in lines:
        if line.startswith("+"):
            before.insert(place, line[1:])
        else:
            place = before.index(line[1:], place)
        place += 1
    return "\n".join(before) + "\n"


def merged(base, overlay):
    """Mappings are merged and lists joined."""
    if isinstance(base, dict) and isinstance(overlay, dict):
        return base | {key: merged(base.get(key), value) for key, value in overlay.items()}
    return base + [item for item in overlay if item not in base] if isinstance(base, list) else overlay


@pytest.fixture(scope="module")
def extended(root, tmp_path_factory):
    """A copy of the project with all that the page adds, and an overlay that names it."""
    folder = tmp_path_factory.mktemp("extended") / "project"
    shutil.copytree(root, folder, ignore=LEFT_OUT)
    overlay = {}
    for _, language, text in blocks(root):
        if language == "yaml":
            overlay = merged(overlay, yaml.safe_load(text))
            continue
        file, lines = split_block(text)
        path = folder / file
        if language == "python":
            assert not path.exists()
            path.write_text("\n".join(lines) + "\n")
        else:
            path.write_text(inserted(path.read_text(), lines))
    regions = {"regions": ["SIM-feedforward"]}
    small = {
        "results_dir": "results/extended", "figures": ["learning"],
        "recordings": {"datasets": {"visual": None}},
        "simulation": {"neurons": regions}, "morphology": {"sources": {"simulated": regions}},
        "training": {"seeds": [1], "rules": {"n_updates": 20, "validate_every": 10}},
    }  # fmt: skip
    (folder / "config/extended.yaml").write_text(yaml.safe_dump(merged(overlay, small)))
    return folder


def python(folder, code):
    """What a program that uses the copy's library prints, as JSON."""
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


USED = """
import json, sys
from dataclasses import replace
import numpy as np
import torch
import digimus
from digimus import registries, tasks
from digimus.errors import InputError
from digimus.models import MotifTerm, build, match, n_parameters
from digimus.motifs import Prior
from digimus.motifs.priors import build_prior
from digimus.tasks.page import page
from digimus.training import FitSettings, RuleTask, fit

torch.set_num_threads(1)
out = {"library": digimus.__file__, "names": {key: registries.names(key) for key in registries.REGISTRIES}}

# The model: size, order of time, its own recurrent matrix, initial weights by seed.
wanted = n_parameters(build("digimus", 86, 33, n_units=64))
found = match(build, "elman", 86, 33, wanted)
model = build("elman", 86, 33, seed=1, **found.settings)
inputs = torch.randn(3, 20, 86, generator=torch.Generator().manual_seed(0))
changed = inputs.clone()
changed[:, 12:] += 1
first, second = (model(x).detach() for x in (inputs, changed))
readout, states = model.run(inputs)
again = build("elman", 86, 33, seed=1, **found.settings)
out["model"] = {
    "ratio": found.ratio,
    "past": float((first[:, :12] - second[:, :12]).abs().max()),
    "future": float((first[:, 12:] - second[:, 12:]).abs().max()),
    "weight": list(model.recurrent_weight.shape), "states": list(states.shape),
    "same": all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters())),
}

# The kind of prior, and the loss: both pull weights to them.
rng = np.random.default_rng(0)
region = Prior(
    name="A", source="here", region="A", kind="region", enrichment=rng.normal(0, 0.4, 13), weight=np.ones(13),
    frequency=rng.dirichlet(np.ones(13)), reciprocity=0.2, density=0.1, n_neurons=50,
)
own = build_prior("plain", {"kind": "region", "region": "A"}, {"A": region}, 1)
turned = build_prior("turned", {"kind": "opposite", "region": "A"}, {"A": region}, 1)


def pulled(prior, loss):
    term = MotifTerm(prior, loss=loss, weight=1.0, density=0.2, reciprocity_weight=0.0, n_updates=60)
    w = torch.randn(30, 30, generator=torch.Generator().manual_seed(1)).requires_grad_()
    optimizer, values = torch.optim.Adam([w], lr=0.03), []
    for update in range(60):
        value = term(w, update)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        values.append(float(value.detach()))
    return values[0], values[-1]


def refused(prior, loss):
    try:
        pulled(prior, loss)
    except InputError as error:
        return error.what


out["prior"] = {
    "kind": turned.kind, "name": turned.name, "opposite": bool((turned.enrichment == -own.enrichment).all()),
    "pulled": pulled(turned, "enrichment"), "too_few": None,
}
few = replace(region, min_neurons=99)
try:
    build_prior("turned", {"kind": "opposite", "region": "A"}, {"A": few}, 1)
except InputError as error:
    out["prior"]["too_few"] = error.what
out["loss"] = {"pulled": pulled(own, "hellinger"), "refused": refused(turned, "hellinger")}

# The task: batches, answers, the page, and a network that learns it.
batch = tasks.make_batch("rotate", 6, 0)
right = batch.targets.clone()
turn = torch.remainder(batch.answer_rad - batch.angles_rad[:, 0], 2 * torch.pi)
problem = RuleTask("rotate", batch_size=32, n_validation=200, n_test=200)
network = build("lstm", problem.n_inputs, problem.n_outputs, n_units=64)
curves = fit(network, problem, FitSettings(n_updates=200, learning_rate=0.01, validate_every=100), seed=1)
out["task"] = {
    "n_inputs": tasks.N_INPUTS, "shape": list(batch.inputs.shape), "turn": turn.tolist(),
    "right": tasks.accuracy(right, batch).tolist(),
    "fixating": tasks.accuracy(torch.full_like(right, 0.8), batch).tolist(),
    "chance": tasks.TASKS["rotate"].chance, "rule": tasks.TASKS["rotate"].rule,
    "sets": [len(tasks.RULES18), len(tasks.RULES20)],
    "family": "rotate" in tasks.FAMILIES["sensorimotor"], "page": "`rotate`" in page(),
    "losses": curves["validation_loss"].tolist(),
    "accuracy": float(problem.test_trials(network)["correct"].mean()),
}
print(json.dumps(out))
"""


@pytest.fixture(scope="module")
def used(extended):
    found = python(extended, USED)
    assert Path(found["library"]).is_relative_to(extended)
    return found


def test_each_takes_one_new_file_and_one_line_of_one_registry(root):
    kinds = {section: [] for section in SECTIONS}
    for section, language, text in blocks(root):
        kinds[section].append(language)
        if language == "python":
            assert not (root / split_block(text)[0]).exists()
        if language == "diff":
            file, lines = split_block(text)
            added = [line[1:].strip() for line in lines if line.startswith("+")]
            imported, line = filter(None, added)
            assert (root / file).is_file() and imported.startswith("from ") and line.startswith(('"', "("))
    # A decoder needs no configuration, and has a program that checks it instead.
    expected = {section: ["python", "diff", "yaml"] for section in SECTIONS}
    assert kinds == expected | {"A decoder": ["python", "diff", "python"]}


def test_the_code_of_the_page_is_in_the_projects_style(extended, root):
    files = [split_block(text)[0] for _, language, text in blocks(root) if language in ("python", "diff")]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [Path(sys.executable).with_name("ruff"), *command, *files],
            cwd=extended, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout


def test_the_names_are_known_without_another_list(used):
    known = {"models": "elman", "priors": "opposite", "losses": "hellinger", "tasks": "rotate"}
    for registry, name in known.items():
        assert name in used["names"][registry]
    assert used["names"]["tasks"][-1] == "rotate"


def test_the_model_is_matched_in_size_and_does_not_see_the_future(used):
    model = used["model"]
    assert model["ratio"] == pytest.approx(1, abs=0.05)
    assert model["past"] == 0 and model["future"] > 1e-3
    units = model["states"][2]
    assert model["states"][:2] == [3, 20] and model["weight"] == [units, units] and model["same"]


def test_the_prior_is_made_pulls_on_weights_and_needs_neurons(used):
    prior = used["prior"]
    assert (prior["kind"], prior["name"]) == ("opposite", "turned") and prior["opposite"]
    assert prior["pulled"][1] < 0.5 * prior["pulled"][0]
    assert "too few neurons" in prior["too_few"]


def test_the_loss_falls_and_refuses_a_prior_without_shares(used):
    start, end = used["loss"]["pulled"]
    assert 0 < end < 0.5 * start < 0.5
    assert "no shares" in used["loss"]["refused"]


def test_the_task_makes_batches_is_scored_and_can_be_learnt(used):
    task = used["task"]
    assert task["n_inputs"] == 86 and task["shape"][2] == 86 and task["rule"] == 20
    assert np.allclose(task["turn"], np.pi / 2, atol=1e-5)
    assert set(task["right"]) == {1.0} and set(task["fixating"]) == {0.0}
    assert task["chance"] == pytest.approx(0.2) and task["sets"] == [18, 20]
    assert task["family"] and task["page"]
    assert task["losses"][-1] < 0.7 * task["losses"][0] and task["accuracy"] > 0.5


def test_the_decoder_is_found_and_passes_the_checks(extended, tmp_path):
    path = tmp_path / "session.h5"
    write_prepared(path, a_session(strength=2.0), {})
    environment = os.environ | {"PYTHONPATH": str(extended / "src"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "check_neighbours.py", str(path)]
    done = subprocess.run(command, cwd=extended, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["ok"] * 6


@pytest.mark.workflow
def test_the_workflow_trains_and_draws_all_of_it(extended):
    configs = ["config/tiny.yaml", "config/extended.yaml"]
    command = [SNAKEMAKE, "figures", "--cores", "2", "--configfile", *configs]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=extended, env=environment, capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    results = extended / "results/extended"
    trained = results / "training/rules"
    cells = {path.relative_to(trained).as_posix() for path in trained.rglob("*.h5")}
    digimus = {f"rotate/digimus/{prior}.h5" for prior in ("none", "turned", "shares")}
    assert cells == digimus | {"rotate/elman/none.h5"}
    sizes = {}
    for cell in cells:
        with h5py.File(trained / cell) as file:
            sizes[cell] = file.attrs["n_parameters"]
            assert file.attrs["n_inputs"] == 86
            if cell.endswith(("turned.h5", "shares.h5")):
                assert np.isfinite(file["seed_1/curves/motif_loss"][()]).all()
    assert max(sizes.values()) / min(sizes.values()) < 1.05
    assert len(list((results / "figures").glob("fig*_learning.png"))) == 1
