"""One lock: environments and container are made from it, and an environment has what its scripts import."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from import_graph import Sources

# Imports inside functions that one environment alone serves: {(module, imported): (environment, why)}.
ELSEWHERE = {
    ("digimus.motifs", "digimus.motifs.soft"): ("torch", "a census of tensors, for whoever has tensors"),
    ("digimus.morphology.atlas", "iblatlas"): ("neurons", "somata are looked up where neurons are read"),
    ("digimus.recordings.files", "pynwb"): ("recordings", "others read prepared samples, and no NWB file"),
    ("digimus.recordings.files", "zarr"): ("recordings", "others read prepared samples, and no NWB file"),
    ("digimus.recordings.files", "hdmf_zarr"): (
        "recordings",
        "others read prepared samples, and no NWB file",
    ),
    ("digimus.retrieval.dandi", "dandi"): ("retrieval", "others read its manifest, and ask no archive"),
    ("digimus.retrieval.dandi_files", "dandischema"): ("retrieval", "others verify no download"),
    ("digimus.retrieval.dandi", "requests"): ("retrieval", "others read its manifest, and ask no archive"),
    ("digimus.retrieval.dandi_files", "requests"): ("retrieval", "others verify no download"),
}
LIST_RULES = """
import json, sys
from pathlib import Path
from snakemake.api import (
    ConfigSettings, DeploymentSettings, OutputSettings, ResourceSettings, SnakemakeApi, StorageSettings,
    WorkflowSettings,
)
with SnakemakeApi(OutputSettings()) as api:
    workflow = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(config={"training": {"device": sys.argv[1]}}),
        storage_settings=StorageSettings(),
        workflow_settings=WorkflowSettings(),
        deployment_settings=DeploymentSettings(),
        snakefile=Path("Snakefile"),
    )._workflow
    print(json.dumps({
        rule.name: {
            "script": rule.script, "works": not rule.norun,
            "environment": rule.conda_env and str(rule.conda_env),
        }
        for rule in workflow.rules
    }))
"""


@pytest.fixture(scope="module")
def renderer(root):
    """envs/render.py as a module."""
    spec = importlib.util.spec_from_file_location("render", root / "envs/render.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def lock(renderer, root):
    """{normal name of a package: version} of the lock."""
    return {name: pin.split("==")[1] for name, pin in renderer.read_lock(root).items()}


@pytest.fixture(scope="module")
def project(root):
    """pyproject.toml."""
    with open(root / "pyproject.toml", "rb") as file:
        return tomllib.load(file)


@pytest.fixture(scope="module", params=["cpu", "cuda"])
def rules(request, root):
    """Every rule as Snakemake knows it, those of `use rule` too: script, environment, whether it works."""
    command = [sys.executable, "-c", LIST_RULES, request.param]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr[-2000:]
    return {"device": request.param} | {"rules": json.loads(ended.stdout)}


# The lock


def test_the_environments_are_what_the_lock_gives(renderer, root):
    files = {path.name: path.read_text(encoding="utf-8") for path in (root / "envs").glob("*.yaml")}
    assert files == renderer.render(root), "run: make lock"


def test_another_pin_or_package_gives_other_environments(renderer, root, tmp_path):
    (tmp_path / "requirements.lock").write_text(
        (root / "requirements.lock")
        .read_text()
        .replace("\nscipy==", "\nscipy==9.")
        .replace("\ntorch==", "\ntorch==9.")
    )
    text = (root / "pyproject.toml").read_text()
    (tmp_path / "pyproject.toml").write_text(text.replace('"iblatlas", "pynrrd"', '"pynrrd", "h5py"'))
    before, after = renderer.render(root), renderer.render(tmp_path)
    assert all("scipy==9." in text for text in after.values()) and "scipy==9." not in "".join(before.values())
    assert "pytorch=9." in after["torch-cpu.yaml"] and "=cuda*" in after["torch-cuda.yaml"]
    assert "iblatlas" in before["neurons.yaml"] and "boto3" in before["neurons.yaml"]
    assert "iblatlas" not in after["neurons.yaml"] and "boto3" not in after["neurons.yaml"]
    (tmp_path / "requirements.lock").write_text("numpy==2.4.6\n")
    with pytest.raises(SystemExit, match=r"lacks .*scipy"):
        renderer.render(tmp_path)


def test_every_pin_is_the_locks(renderer, lock, project, root):
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    pins = [pin.split("==") for group in groups for pin in group]
    assert len(pins) > 30
    for name, version in pins:
        assert lock[renderer.normal(name)] == version, name
    for path in (root / "envs").glob("*.yaml"):
        first, *others = yaml.safe_load(path.read_text())["dependencies"]
        assert first == "python=3.11", path.name
        conda = [item.split("=") for item in others if isinstance(item, str) and item != "pip"]
        assert [item[:2] for item in conda] == [["pytorch", lock["torch"]]] * path.name.startswith("torch")
        for pin in others[-1]["pip"]:
            name, version = pin.split("==")
            assert lock[renderer.normal(name)] == version, f"{path.name}: {name}"


def test_cpu_and_cuda_differ_by_the_build_of_torch_alone(root):
    cpu, cuda = ((root / f"envs/torch-{build}.yaml").read_text().splitlines() for build in ("cpu", "cuda"))
    different = [(a, b) for a, b in zip(cpu, cuda, strict=True) if a != b]
    assert [a for a, _ in different][1:] == [line for line in cpu if "pytorch=" in line]
    assert [b.replace("cuda*", "cpu*").replace("CUDA", "CPU") for _, b in different] == [
        a for a, _ in different
    ]


def test_the_lock_has_all_that_it_needs_itself_and_nothing_local(renderer, lock, project, root):
    assert renderer.with_needs(lock) - set(lock) == set()
    lines = [
        line for line in (root / "requirements.lock").read_text().splitlines() if not line.startswith("#")
    ]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)


def test_the_lock_is_what_is_installed(lock):
    installed = {name: metadata.version(name).split("+")[0] for name in lock}
    assert installed == lock, "run: make lock"


# What is imported


def owners():
    """{module: normal names of the packages that bring it} of all that is installed."""
    pairs = metadata.packages_distributions().items()
    return {module: {re.sub(r"[-_.]+", "-", name).lower() for name in of} for module, of in pairs}


def packages_of(path):
    """Normal names of the packages that an environment file lists."""
    items = yaml.safe_load(path.read_text())["dependencies"]
    names = {"torch" for item in items if isinstance(item, str) and item.startswith("pytorch=")}
    return names | {re.sub(r"[-_.]+", "-", pin.split("==")[0]).lower() for pin in items[-1]["pip"]}


def spared_in(environment):
    """The imports that no script of an environment comes to, since another environment is there for them."""
    return {edge for edge, (which, _) in ELSEWHERE.items() if not environment.startswith(which)}


def test_every_rule_that_works_has_an_environment(rules, root):
    for name, rule in rules["rules"].items():
        if rule["works"]:
            assert rule["script"] and rule["environment"], f"{name} has no script, or no environment"
            assert (root / "workflow/rules" / rule["environment"]).is_file(), name
    used = {Path(rule["environment"]).name for rule in rules["rules"].values() if rule["environment"]}
    other = {"cpu": "cuda", "cuda": "cpu"}[rules["device"]]
    assert used == {path.name for path in (root / "envs").glob("*.yaml")} - {f"torch-{other}.yaml"}
    assert len(rules["rules"]) > 40


def test_an_environment_covers_all_that_its_scripts_can_import(rules, root):
    sources, known, lacking = Sources(root), owners(), []
    has = {path.stem: packages_of(path) for path in (root / "envs").glob("*.yaml")}
    for name, rule in rules["rules"].items():
        if rule["works"]:
            environment = root / "workflow/rules" / rule["environment"]
            wanted = sources.packages(Path(rule["script"]).stem, spared_in(environment.stem))
            assert wanted, name
            for package, modules in wanted.items():
                if not known.get(package, set()) & has[environment.stem]:
                    lacking.append(f"{name}: {environment.name} lacks {package} for {sorted(modules)}")
    assert not lacking, "\n".join(lacking)


def test_every_exemption_is_of_an_import_inside_a_function(root):
    sources = Sources(root)
    for module, imported in ELSEWHERE:
        found = [one for one in sources.imports(module) if one.is_of(imported)]
        assert found and all(one.in_function for one in found), f"{module}: {imported}"


def test_imports_are_found_through_packages_functions_and_names(tmp_path):
    library, scripts = tmp_path / "src/digimus", tmp_path / "workflow/scripts"
    for folder in (library / "figures", library / "graphs", scripts):
        folder.mkdir(parents=True)
    (library / "__init__.py").write_text("")
    (library / "figures/__init__.py").write_text("")
    (library / "figures/one.py").write_text("import matplotlib.pyplot as plt\n")
    (library / "graphs/__init__.py").write_text("import above\n")
    (library / "graphs/deep.py").write_text("def f():\n    from scipy.sparse import csr_array\n")
    (scripts / "shared.py").write_text("from digimus.graphs import deep\nimport json\n")
    (scripts / "draw.py").write_text("import shared\n")
    (scripts / "page.py").write_text("import digimus.figures\n")
    sources = Sources(tmp_path)
    assert sources.packages("draw") == {"above": {"digimus.graphs"}, "scipy": {"digimus.graphs.deep"}}
    assert sources.packages("draw", {("digimus.graphs.deep", "scipy")}) == {"above": {"digimus.graphs"}}
    assert sources.packages("draw", {("shared", "digimus.graphs.deep")}) == {"above": {"digimus.graphs"}}
    assert sources.packages("page") == {"matplotlib": {"digimus.figures.one"}}


def test_what_the_library_imports_is_pinned(renderer, project, root):
    groups = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    declared = {renderer.normal(pin.split("==")[0]) for group in groups for pin in group}
    sources, known = Sources(root), owners()
    for path in (root / "src/digimus").rglob("*.py"):
        name = ".".join(path.relative_to(root / "src").with_suffix("").parts).removesuffix(".__init__")
        for one in sources.imports(name):
            if one.package not in {*sys.stdlib_module_names, "digimus"}:
                assert known[one.package] & declared, f"{name} imports {one.of}"


IMPORTING = """
import sys
sys.path[:0] = {paths}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
for script, statements in {scripts}.items():
    try:
        exec(statements, {{}})
    except ModuleNotFoundError as error:
        print(script, "lacks", error)
"""


@pytest.mark.parametrize("rules", ["cpu"], indirect=True)
def test_scripts_import_where_all_else_is_absent(rules, renderer, root):
    """Their own imports, made for real: this also sees what the packages need when they are loaded."""
    known = owners()
    by_environment = {}
    for rule in rules["rules"].values():
        if rule["works"]:
            by_environment.setdefault(Path(rule["environment"]).name, set()).add(Path(rule["script"]).stem)
    for name, stems in by_environment.items():
        scripts = {}
        for stem in sorted(stems):
            tree = ast.parse((root / f"workflow/scripts/{stem}.py").read_text())
            lines = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
            scripts[stem] = "\n".join(map(ast.unparse, lines))
        has = renderer.with_needs(packages_of(root / "envs" / name), left_alone=())
        absent = {module for module, of in known.items() if not of & has} - {"digimus"}
        paths = [str(root / "src"), str(root / "workflow/scripts")]
        code = IMPORTING.format(paths=paths, absent=absent, scripts=scripts)
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == "", name
