"""The library as a package: its wheel, in an environment of its own, without the project's sources.

The environment has the third-party packages of the one that runs the tests, by a path file; path files inside
that folder, such as the one of the library installed editable, are not read there. So nothing is downloaded.
"""

import email
import importlib.util
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

from container_file import copies

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("setuptools") is None,
    reason="setuptools, which builds the wheel, is not installed",
)
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
BUILD = [*PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
EXAMPLES = sorted(path.name for path in (Path(__file__).parent.parent / "examples").glob("*.py"))
EVERY_MODULE = """
import importlib, pkgutil, sys
import digimus
for module in pkgutil.walk_packages(digimus.__path__, "digimus."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
ours = [module for name, module in sys.modules.items() if name.split(".")[0] == "digimus"]
files = {module.__file__ for module in ours}
print(len(files), *sorted(file for file in files if not file.startswith(sys.prefix)))
"""


def without_sources():
    """The environment of a process that cannot find the project's sources."""
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}


def run(command, folder, limit_s=180):
    """Run a command in a folder; returns what it printed."""
    ended = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=without_sources(),
        capture_output=True,
        text=True,
        timeout=limit_s,
    )
    assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr[-3000:]
    return ended.stdout


@pytest.fixture(scope="module")
def sources(root, tmp_path_factory):
    """What a container has of the project: enough to build a package from, and nothing else."""
    return copies(root, tmp_path_factory.mktemp("sources") / "project")


@pytest.fixture(scope="module")
def wheel(sources, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    run([*BUILD, "--wheel-dir", folder, sources], folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory):
    """The interpreter of an environment with the wheel."""
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, symlinks=True)
    python = folder / "bin/python"
    own = Path(
        run([python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"], folder).strip()
    )
    (own / "third_party.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    looking = (
        "from importlib.util import find_spec; print([bool(find_spec(n)) for n in ('torch', 'digimus')])"
    )
    assert run([python, "-c", looking], folder).strip() == "[True, False]"
    run([*PIP, "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel], folder)
    return python


def library_files(names):
    """Files of the library among the members of an archive."""
    return {name[name.index("digimus/") :] for name in names if "digimus/" in name and "-info/" not in name}


def test_the_wheel_has_every_file_of_the_library_and_nothing_else(wheel, root):
    source = root / "src"
    wanted = {
        str(path.relative_to(source))
        for path in (source / "digimus").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert library_files(names) == wanted and any(name.endswith(".html") for name in wanted)
    info = {name.split("/", 1)[1] for name in names - library_files(names)}
    assert {"METADATA", "RECORD", "WHEEL", "licenses/LICENSE"} <= info
    assert all(".dist-info/" in name for name in names - library_files(names))
    assert wheel.name.endswith("-py3-none-any.whl")


def test_a_source_archive_gives_the_same_wheel(sources, wheel, tmp_path):
    code = "import sys; from setuptools import build_meta; print(build_meta.build_sdist(sys.argv[1]))"
    name = run([sys.executable, "-c", code, tmp_path], sources).splitlines()[-1]
    with tarfile.open(tmp_path / name) as archive:
        names = {member.split("/", 1)[1] for member in archive.getnames() if "/" in member}
        archive.extractall(tmp_path, filter="data")
    assert {"LICENSE", "README.md", "pyproject.toml"} <= names
    run([*BUILD, "--wheel-dir", tmp_path / "again", tmp_path / name.removesuffix(".tar.gz")], tmp_path)
    (again,) = (tmp_path / "again").glob("*.whl")
    with zipfile.ZipFile(wheel) as first, zipfile.ZipFile(again) as second:
        members = [{one.filename: one.CRC for one in archive.infolist()} for archive in (first, second)]
    assert members[0] == members[1]


def test_the_metadata_are_those_of_the_project(wheel, root):
    with zipfile.ZipFile(wheel) as archive:
        (path,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        found = email.message_from_bytes(archive.read(path))
    with open(root / "pyproject.toml", "rb") as file:
        project = tomllib.load(file)["project"]
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    assert found["Name"] == "digimus" and found["Version"] == str(citation["version"])
    assert found["License-Expression"] == citation["license"] and found["License-File"] == "LICENSE"
    assert found["Requires-Python"] == project["requires-python"]
    assert found["Description-Content-Type"] == "text/markdown"
    assert found.get_payload().strip().startswith("# DigiMus")
    assert set(found["Keywords"].split(",")) == set(citation["keywords"])
    assert [found["Author"]] == [author["name"] for author in citation["authors"]]
    needs = [need for need in found.get_all("Requires-Dist") if "extra ==" not in need]
    assert sorted(needs) == sorted(project["dependencies"])
    assert "Programming Language :: Python :: 3.11" in found.get_all("Classifier")
    links = [link.split(", ")[1] for link in found.get_all("Project-URL") or []]
    assert set(links) == {citation[key] for key in ("url", "repository-code") if key in citation}


def test_every_module_of_the_wheel_imports_and_comes_from_it(python, root, tmp_path):
    n_files, *elsewhere = run([python, "-c", EVERY_MODULE], tmp_path).split()
    assert not elsewhere and int(n_files) > 100
    assert run([*PIP, "--python", python, "check"], tmp_path).startswith("No broken requirements")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_runs_with_the_wheel_alone(python, root, tmp_path, name):
    (tmp_path / name).write_bytes((root / "examples" / name).read_bytes())
    said = run([python, name], tmp_path)
    assert "simulated" in said and len(said.splitlines()) >= 2
    assert {path.name for path in tmp_path.iterdir()} == {name}, "an example leaves files behind"
    CHECKS[name](said)


def between(said, before, after):
    """The number between two texts."""
    return float(said.split(before, 1)[1].split(after, 1)[0])


def check_motifs(said):
    assert "cycles (030C): 0" in said and between(said, "triangles (030T):", ";") > 100


def check_neurons(said):
    assert between(said, "density", ",") == pytest.approx(0.12, abs=0.03)
    assert between(said, "reciprocity", "\n") == pytest.approx(0.6, abs=0.1)
    assert "usable True, simulated True" in said


def check_training(said):
    assert between(said, "trials:", "before") < 0.5 and between(said, "training,", "after") > 0.9


def check_decoding(said):
    reached, best = between(said, "simulated data:", ";"), between(said, "best possible:", "\n")
    assert 0.65 < reached < best + 0.05 and best < 1


def check_term(said):
    without, term = (line.split("prior ", 1)[1] for line in said.splitlines())
    assert float(without.split(" to ")[1].split(",")[0]) > 1 > 2 * float(term.split(" to ")[1].split(",")[0])


CHECKS = {
    "motifs_of_a_graph.py": check_motifs,
    "neurons_to_prior.py": check_neurons,
    "train_a_network.py": check_training,
    "decode_a_session.py": check_decoding,
    "motifs_in_training.py": check_term,
}


def test_the_commands_of_the_package_work(python, root, tmp_path):
    assert run([python, "-m", "digimus.tasks"], tmp_path) == (root / "docs/tasks.md").read_text()
    write = (
        "from digimus.simulation.recordings import RecordingSimulation, simulate_recordings\n"
        "simulate_recordings('.', 'visual', RecordingSimulation(1, 1, 40, 6, 100), 1)"
    )
    run([python, "-c", write], tmp_path)
    (file,) = tmp_path.glob("*.nwb")
    assert "contrast_left" in run([python, "-m", "digimus.recordings", file.name], tmp_path)
    assert "--estimate" in run([python, "-m", "digimus.training", "--help"], tmp_path)
    command = [python, "-m", "digimus.training", "--estimate", "--configfile", "nowhere.yaml"]
    ended = subprocess.run(command, cwd=root, env=without_sources(), capture_output=True, text=True)
    assert ended.returncode == 1 and "nowhere.yaml" in ended.stderr and "Traceback" not in ended.stderr


def test_every_example_is_in_the_readme_and_has_its_check(root):
    table = {
        line.split("`")[1] for line in (root / "README.md").read_text().splitlines() if "| `examples/" in line
    }
    assert table == {f"examples/{name}" for name in EXAMPLES} == {f"examples/{name}" for name in CHECKS}
    for name in EXAMPLES:
        text = (root / "examples" / name).read_text()
        assert "simulated" in text.split('"""')[1] and "sys.path" not in text, name
