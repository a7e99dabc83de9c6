"""What the documentation says of keys, files, targets and commands is so."""

import csv
import inspect
import re
import shlex

import pytest
import yaml
from snakemake.cli import get_argument_parser

from digimus.configuration import checked

PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "config/README.md",
    "docs/extending.md",
    "docs/cluster.md",
)
COMPUTED = ("results", "resources", ".venv", ".snakemake")
NOT_CONFIRMED = "not the authors' confirmed choice"
ENDINGS = (".md", ".yaml", ".yml", ".cff", ".toml", ".lock", ".py", ".smk", ".sh", ".csv")


@pytest.fixture(scope="module")
def schema(root):
    return yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def default(root):
    return yaml.safe_load((root / "config/config.yaml").read_text(encoding="utf-8"))


def read(root, page):
    return (root / page).read_text(encoding="utf-8")


def leaves(part, definitions, path=()):
    """Dotted paths of all keys that hold a value; a part that the user names is <name>."""
    if "$ref" in part:
        part = {**definitions[part["$ref"].rsplit("/", 1)[1]], **part}
    inner = dict(part.get("properties", {}))
    if isinstance(part.get("additionalProperties"), dict):
        inner["<name>"] = part["additionalProperties"]
    if not inner:
        yield ".".join(path)
    for key, value in inner.items():
        yield from leaves(value, definitions, (*path, key))


def rows(text):
    """Cells of every table row whose first cell is code; `|` within cells does not occur."""
    for line in text.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip().strip("|").split("|")]


def documented_keys(root):
    """Default cell by key, from the tables with five columns and a default before what reruns."""
    text = read(root, "config/README.md")
    tables = re.findall(r"^\| Key \|.*\n\| ---.*\n((?:\|.*\n)+)", text, re.M)
    cells = [row for table in tables for row in rows(table)]
    assert all(len(row) == 5 for row in cells), [row for row in cells if len(row) != 5]
    keys = [row[0].strip("`") for row in cells]
    assert len(keys) == len(set(keys))
    return {key: row[3] for key, row in zip(keys, cells, strict=True)}


def fences(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def prose(text):
    """The text without fenced and indented blocks."""
    return re.sub(r"^ {4}.*$", "", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), flags=re.M)


def code_spans(text):
    return re.findall(r"`([^`\n]+)`", prose(text))


def commands(root, program):
    """Every command of a page that starts with a program, in blocks and in code spans."""
    for page in PAGES:
        text = read(root, page)
        blocks = re.findall(r"^ {4}(.+)$", text, re.M)
        for line in blocks + code_spans(text):
            words = shlex.split(line, comments=True) if line.startswith(f"{program} ") else []
            if words:
                yield page, words[1:]


def rules(root):
    """Names of all rules, and of those that only collect (a stage's target)."""
    text = "\n".join(
        path.read_text() for path in [root / "Snakefile", *(root / "workflow/rules").glob("*.smk")]
    )
    bodies = dict(re.findall(r"^rule (\w+):\n((?:(?!^rule ).*\n?)*)", text, re.M))
    used = set(re.findall(r"^use rule \w+ as (\w+)", text, re.M))
    return set(bodies) | used, {name for name, body in bodies.items() if "script:" not in body}


def overlaid(base, overlay):
    if isinstance(base, dict) and isinstance(overlay, dict):
        return base | {key: overlaid(base.get(key), value) for key, value in overlay.items()}
    return overlay


# The configuration


def test_every_key_of_the_schema_is_explained_and_no_other(root, schema):
    wanted = set(leaves(schema, schema["$defs"]))
    assert len(wanted) > 80
    assert set(documented_keys(root)) == wanted


def test_the_defaults_given_are_those_of_the_default_configuration(root, default):
    compared = 0
    for key, cell in documented_keys(root).items():
        value = default
        for part in key.split("."):
            value = value.get(part, "absent") if isinstance(value, dict) else "absent"
        if "<name>" in key or value == "absent":
            continue
        assert yaml.safe_load(cell.strip("`")) == value, f"{key}: config/README.md says {cell}"
        compared += 1
    assert compared > 45


def test_the_defaults_of_model_settings_are_documented(root):
    from digimus.models import MODELS

    text = read(root, "config/README.md")
    defaults = {}
    for model in reversed(MODELS.values()):  # DigiMus comes first in the registry, and here last
        defaults |= inspect.signature(model).parameters
    shown = dict(re.findall(r"^\| `models\.<name>\.(\w+)` \|.*\| ([^|]+) \| [^|]+ \|$", text, re.M))
    assert len(shown) > 5
    for setting in set(shown) - {"kind", "n_units"}:
        first = yaml.safe_load(shown[setting].split(" on ")[0].strip("`"))
        assert first == defaults[setting].default, setting


def test_overlays_in_the_readme_pass_over_the_default(root, schema, default):
    overlays = [yaml.safe_load(block) for block in fences(read(root, "README.md"), "yaml")]
    assert len(overlays) >= 3
    for overlay in overlays:
        merged = checked(overlaid(default, overlay), schema)
        assert merged["results_dir"] != default["results_dir"]
        assert f"config/{overlay['name']}.yaml" in read(root, "README.md")


# Files


@pytest.mark.parametrize("page", PAGES)
def test_every_path_exists(root, page):
    text = read(root, page)
    spans = [span for span in code_spans(text) if re.fullmatch(r"[\w.*-]+(/[\w.*-]+)*/?", span)]
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    paths = [span for span in spans if "/" in span or span.endswith(ENDINGS)] + links
    for path in paths:
        if path.split("/")[0] not in COMPUTED or path == "resources/datasets.csv":
            assert list(root.glob(path.rstrip("/"))), f"{page} names {path}"


def test_names_of_the_library_exist(root):
    import importlib

    for page in PAGES:
        for span in code_spans(read(root, page)):
            name = span.split("(")[0]
            if not re.fullmatch(r"digimus(\.\w+)+", name):
                continue
            module, _, last = name.rpartition(".")
            if not hasattr(importlib.import_module(module), last):
                importlib.import_module(name)


@pytest.mark.parametrize(
    "name, file",
    [
        ("_LINES", "src/digimus/tasks/registry.py"),
        ("MODELS", "src/digimus/models/__init__.py"),
        ("PRIORS", "src/digimus/motifs/priors.py"),
        ("LOSSES", "src/digimus/models/motif_term.py"),
        ("FIGURES", "src/digimus/figures/__init__.py"),
        ("FIGURE_NUMBERS", "workflow/rules/inputs.smk"),
        ("FIGURE_INPUTS", "workflow/rules/inputs.smk"),
    ],
)
def test_registries_are_where_contributing_says(root, name, file):
    text = " ".join(read(root, "CONTRIBUTING.md").split())
    assert re.search(rf"`{name}`[^.]* `{re.escape(file)}`", text), f"{name} of {file} is not explained"
    assert re.search(rf"^{name} = ", (root / file).read_text(), re.M)


# Targets and commands


def test_make_targets_and_settings_exist(root):
    makefile = read(root, "Makefile")
    seen = set()
    for page, words in commands(root, "make"):
        for word in words:
            name, is_setting = word.split("=")[0], "=" in word
            found = re.search(rf"^{name} \?=" if is_setting else rf"^{name}:", makefile, re.M)
            assert found, f"{page}: make {' '.join(words)}"
            seen.add(name)
    assert {"figures", "test", "setup", "lock", "CONFIG", "TORCH_INDEX"} <= seen


def test_stages_and_their_rules_are_those_of_the_workflow(root):
    known, collectors = rules(root)
    text = read(root, "README.md")
    table = re.search(r"^\| Stage \|.*\n\| ---.*\n((?:\|.*\n)+)", text, re.M)[1]
    stages, workers = set(), set()
    for row in rows(table):
        stages.add(row[0].strip("`"))
        workers |= set(re.findall(r"`(\w+)`", row[1]))
    assert stages == collectors - {"all"}
    assert workers == known - collectors - {"simulate_neurons", "simulate_recordings"}


def test_figures_are_drawn_again_after_a_change_of_any_code_that_they_use(root):
    text = (root / "workflow/rules/figures.smk").read_text()
    hashed = re.findall(r'"([\w/]+)"', re.search(r"code=code\(([^)]*)\)", text).group(1))
    always = ["errors", "seeding", "storage", "suggest"]  # of every rule; and the wording of hints
    used = set()
    for file in (root / "src/digimus/figures").glob("*.py"):
        if not file.name.startswith(("report", "explorer")):  # those are of other rules
            used |= set(re.findall(r"^from digimus\.([\w.]+) import", file.read_text(), re.M))
    used = {module.replace(".", "/") for module in used}
    assert {"registries", "analysis/psychometrics"} <= used
    for module in used:
        assert module in [*hashed, *always] or module.split("/")[0] in hashed, module
    assert "registries" not in hashed or "tasks/registry" in hashed  # whose text it reads
    assert all((root / "src/digimus" / name).is_dir() or (root / f"src/digimus/{name}.py").exists()
               for name in hashed)  # fmt: skip


def test_snakemake_commands_parse_and_name_what_exists(root):
    known, _ = rules(root)
    parser = get_argument_parser()
    figures = yaml.safe_load(read(root, "workflow/schemas/config.schema.yaml"))["properties"]["figures"]
    parsed = 0
    for page, words in commands(root, "snakemake"):
        arguments, unknown = parser.parse_known_args(words)
        assert not unknown, f"{page}: {words}"
        for target in arguments.targets:
            figure = re.fullmatch(r"results/figures/figS?\d+_(\w+)\.(pdf|png|csv)", target)
            assert target in known or (figure and figure[1] in figures["items"]["enum"]), f"{page}: {target}"
        assert set(arguments.forcerun or ()) <= known
        for path in arguments.configfile or ():
            described = f"# {path}" in read(root, "README.md")
            assert described or (root / path).is_file(), f"{page}: {path}"
        parsed += 1
    assert parsed > 12


# Metadata


def test_versions_and_licences_agree(root):
    project = read(root, "pyproject.toml")
    version = re.search(r'^version = "(.+)"', project, re.M)[1]
    citation = yaml.safe_load(read(root, "CITATION.cff"))
    newest = re.search(r"^## (\S+) \((\S+)\)", read(root, "CHANGELOG.md"), re.M)
    assert str(citation["version"]) == version == newest[1]
    assert str(citation["date-released"]) == newest[2]
    assert citation["license"] == "MIT" and read(root, "LICENSE").startswith("MIT")


def test_the_catalogue_entry_has_the_keys_that_the_catalogue_reads(root):
    usage = yaml.safe_load(read(root, ".snakemake-workflow-catalog.yml"))["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    deployment = usage["software-stack-deployment"]
    assert set(deployment) == {"conda", "apptainer", "apptainer+conda", "report"}
    assert all(isinstance(value, bool) for value in deployment.values())


def test_public_data_have_whole_rows(root):
    from digimus.retrieval.register import COLUMNS, dataset, read_datasets

    table = read_datasets(root / "resources/datasets.csv")
    assert len(table) and tuple(table.columns) == COLUMNS
    for row in table.to_dict("records"):
        assert row["licence"] and row["citation"] and row["used_for"], row
        assert row["checked"].startswith("untested live") or row["checked"] == "deposit not found", row
        assert bool(row["sha256"]) == bool(row["bytes"]) == ("bytes and sha256" in row["checked"]), row
        assert row["url"].startswith("https://"), row
        if row["dandiset"]:
            assert re.fullmatch(r"\d{6}", row["dandiset"]) and row["path"] and row["kind"] == "hdf5", row
            assert re.fullmatch(r"draft|\d+\.\d+\.\d+", row["version"]), row
            address = f"/dandisets/{row['dandiset']}/versions/{row['version']}/assets/"
            assert row["url"] == f"https://api.dandiarchive.org/api{address}", row
            assert row["used_for"].startswith("recordings: ") and row["confirmed"] == NOT_CONFIRMED, row
        else:
            assert not row["path"] and row["confirmed"] != NOT_CONFIRMED, row
    annotation = dataset("allen-annotation-25um", root / "resources/datasets.csv")
    assert annotation.n_bytes == 4035363 and annotation.kind == "nrrd"


def test_the_public_overlay_names_a_listed_dandiset(root):
    with (root / "resources/datasets.csv").open(encoding="utf-8", newline="") as file:
        listed = {(row["dandiset"], row["version"]): row["path"] for row in csv.DictReader(file)}
    overlay = yaml.safe_load(read(root, "config/public.yaml"))
    for dataset in filter(None, overlay["recordings"]["datasets"].values()):
        dandi = dataset["dandi"]
        assert listed[dandi["dandiset"], dandi["version"]] in dandi["paths"]
