"""What others hand in is data: no configuration and no file runs code, leaves its folder or reads another."""

import ast
import gzip
import json
import lzma
import pickle
import re
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from digimus.analysis.decoding.tables import cell_tables
from digimus.configuration import check_place, checked
from digimus.configuration_files import read_configuration
from digimus.connectome import read_graph
from digimus.errors import InputError
from digimus.morphology import atlas, contents
from digimus.morphology.points import read_points
from digimus.morphology.voxels import read_arbors
from digimus.motifs.graphs import read_user_graph
from digimus.recordings import Preparation, prepare_files, read_prepared
from digimus.recordings.mat_files import read_array
from digimus.recordings.sessions import read_session
from digimus.storage import read_table, reading, write_arrays
from digimus.training import load
from digimus.training.checkpoints import Checkpoint, read_checkpoint
from nwb_files import add_units, new_file, written
from whole_runs import copy_of, snakemake

SECRET = "a secret of this computer"


class Payload:
    """Unpickling one makes a file."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


# Configurations


def complaint(tmp_path, text):
    path = tmp_path / "given.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError) as error:
        read_configuration(path)
    assert str(path) in error.value.where
    return f"{error.value.what} {error.value.got}"


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 10)}]\n" for k in range(1, 30)
)


@pytest.mark.parametrize(
    "text, words",
    [
        ('name: !!python/object/apply:os.system ["touch {mark}"]', "python/object/apply"),
        ('name: !!python/object/new:os.system ["touch {mark}"]', "python/object/new"),
        ("name: !!python/name:os.system", "python/name"),
        ("name: !!python/module:os", "python/module"),
        ('__use_yte__: true\n__definitions__:\n  - open("{mark}", "w")\n', "__use_yte__"),
        ('__use_yte__: true\n?open("{mark}", "w"): 1\n', "__use_yte__"),
        ('{"__use_yte__": true, "name": "?open(\'{mark}\', \'w\')"}', "__use_yte__"),
        (LAUGHS, "too much"),
        ("a: &a [*a]", "holds itself"),
        ("a: &a\n  b: *a", "holds itself"),
        ("a: " + "[" * 200 + "]" * 200, "too deep"),
        ("a: " + "[" * 100_000, "too deep"),
        ("name: one\nname: two", "'name' is given twice"),
        ('{"seed": 1, "seed": 2}', "'seed' is given twice"),
        ("models:\n  lstm: {n_units: 1, n_units: 2}", "'n_units' is given twice"),
        ("1: one", "not text"),
        ("? [a, b]\n: 1", "not text"),
        ("a: " + "9" * 5000, "cannot be read"),
        (b"name: \xff\xfe", "not text"),
        (b"name: a\x00b", "not YAML"),
        ("name: [", "not YAML"),
        ("- a list", "no settings"),
        ("", "no settings"),
        ("a: b\n---\nc: d", "not YAML"),
        ("#" * (2**20 + 1), "too large"),
    ],
)
def test_a_configuration_file_is_data_or_is_refused(tmp_path, text, words):
    mark = tmp_path / "it-ran"
    if isinstance(text, str):
        text = text.replace("{mark}", str(mark))
    assert words in complaint(tmp_path, text)
    assert not mark.exists()


def test_what_yaml_and_json_offer_otherwise_is_read_as_by_a_safe_reader(tmp_path, root):
    for path in sorted((root / "config").glob("*.yaml")):
        assert read_configuration(path) == yaml.safe_load(path.read_text()), path
    path = tmp_path / "a.yaml"
    path.write_text("base: &b {x: 1}\nmore:\n  <<: *b\n  y: [~, true, 1.0e-3]\n")
    assert read_configuration(path) == {"base": {"x": 1}, "more": {"x": 1, "y": [None, True, 1e-3]}}
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"a": [1e-5, {"b": None}]}, indent="\t").encode())
    assert read_configuration(path) == {"a": [1e-5, {"b": None}]}
    with pytest.raises(InputError, match="cannot be read"):
        read_configuration(tmp_path / "absent.yaml")


def changed(configuration, path, value):
    copy = json.loads(json.dumps(configuration))
    inner = copy
    *keys, last = path
    for key in keys:
        inner = inner.setdefault(key, {})
    inner[last] = value
    return copy


BAD_NAMES = [
    "../x", "a/b", "SSp-ll/2", "a b", ";rm", "$(touch x)", "`x`", "{region}", "{wildcards.source}", "a\nb",
    "a\n", "'", '"', "-n", ".", "..", ".hidden", "a\x00b", "ä", "x" * 101, "", "a*", "~", "%s", "<script>",
    "C:\\x", "a|b",
]  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_name_that_could_be_more_than_one_is_refused(default, schema, name):
    source = {"folder": "x", "pattern": "*.swc", "annotation": "x.nrrd", "regions": ["CP"]}
    places = [
        (["name"], name),
        (["results_dir"], name if "/" not in name or ".." in name else f"{name}\n"),
        (["simulation", "folder"], f"../{name}"),
        (["morphology", "sources"], default["morphology"]["sources"] | {name: source}),
        (["morphology", "sources", "mine"], source | {"regions": [name]}),
        (["motifs", "tables"], {name: {"path": "x.csv"}}),
        (["motifs", "graphs"], {name: {"path": "x.csv"}}),
        (["priors"], default["priors"] | {name: {"kind": "region", "source": "simulated", "region": "CP"}}),
        (["models"], default["models"] | {name: {"kind": "lstm"}}),
        (["recordings", "datasets"], default["recordings"]["datasets"] | {name: {"like": "visual"}}),
    ]
    for path, value in places:
        if path == ["results_dir"] and re.fullmatch(r"[A-Za-z0-9_.-]{1,200}", value) and value[0] not in ".-":
            continue
        with pytest.raises(InputError):
            checked(changed(default, path, value), schema)


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), 10**400, -(10**30), {"n": 10**20}, [float("nan")], "1; rm", b"x", {1, 2}],
)
def test_numbers_that_are_none_are_refused(default, schema, value):
    configuration = changed(default, ["name"], "x") | {"seed": value}
    with pytest.raises(InputError, match="seed"):
        checked(configuration, schema)


@pytest.mark.parametrize(
    "folder",
    ["/tmp/x", "../x", "results/../../x", "results/./x", "results//x", "~/x", "$HOME", "results/{x}", ""],
)
def test_results_stay_in_the_project(default, schema, folder):
    for path in (["results_dir"], ["simulation", "folder"]):
        with pytest.raises(InputError, match="inside the project"):
            checked(changed(default, path, folder), schema)


def test_results_are_not_written_over_the_project(root, tmp_path):
    own = [path.name for path in root.iterdir() if path.name not in ("results", "results_of_mine")]
    (tmp_path / "src/digimus").mkdir(parents=True)
    (tmp_path / "link").symlink_to("src")
    (tmp_path / "up").symlink_to("..")
    (tmp_path / "elsewhere").symlink_to(tmp_path.parent / "a-large-disk")
    tracked = {"src", "config", "workflow", "tests", "resources", "docs", "envs", "profiles", "benchmarks"}
    assert tracked <= set(own)
    for folder in [*tracked, "src/digimus/x", "link/x", "up", "up/", "Makefile"]:
        with pytest.raises(InputError, match="over the project"):
            check_place(folder, "results_dir", tmp_path)
    for folder in ("results/mine", "output", "elsewhere/x"):  # the last: a user's own link to another disk
        check_place(folder, "results_dir", tmp_path)
    check_place("resources/simulated", "simulation.folder", tmp_path, ["resources"])


def test_paths_cannot_be_taken_for_names_of_wildcards(default, schema):
    source = {"folder": "x", "pattern": "*.swc", "annotation": "x.nrrd", "regions": ["CP"]}
    for key, value in (("folder", "{region}"), ("index", "a\nb"), ("annotation", "x\x00.nrrd")):
        with pytest.raises(InputError, match="without braces"):
            checked(changed(default, ["morphology", "sources", "mine"], source | {key: value}), schema)
    fine = source | {
        "brain_pattern": r"^(\d{3})_",
        "brain_column": "a b",
        "region_column": "{x}",
        "index": "ä b.csv",
    }
    checked(changed(default, ["morphology", "sources", "mine"], fine), schema)


@pytest.mark.workflow
def test_snakemake_itself_runs_nothing_of_a_configuration(root, tmp_path):
    folder = copy_of(root, tmp_path / "project")
    mark = tmp_path / "it-ran"
    evil = {
        "template": f'__use_yte__: true\n__definitions__:\n  - open("{mark}", "w")\nname: tiny\n',
        "expression": f'__use_yte__: true\nname: ?str(open("{mark}", "w"))\n',
        "object": f'name: !!python/object/apply:os.system ["touch {mark}"]\n',
    }
    for name, text in evil.items():
        (folder / f"config/{name}.yaml").write_text(text)
        done = snakemake(folder, "--dry-run", config=["config/tiny.yaml", f"config/{name}.yaml"])
        assert done.returncode and not mark.exists(), done.text
        assert "Traceback" not in done.text and "hint:" in done.text and f"{name}.yaml" in done.text
    command = f'name=__import__("os").system("touch {mark}")'
    done = snakemake(folder, "--dry-run", "--config", command)
    assert done.returncode and not mark.exists() and "a name of letters" in done.text
    original = (folder / "config/config.yaml").read_text()
    (folder / "config/config.yaml").write_text(evil["template"] + original)
    assert snakemake(folder, "--dry-run").returncode and not mark.exists()


def test_rules_hand_nothing_to_a_shell(root):
    files = [root / "Snakefile", *sorted((root / "workflow/rules").glob("*.smk"))]
    for path in files:
        text = path.read_text()
        assert not re.search(r"^\s+(shell|run|notebook|wrapper|cwl):", text, re.M), path
        assert not re.search(r'"\|"\.join\((?!map\(re\.escape)', text), (
            f"{path}: names in a pattern unescaped"
        )


# The code itself

ALLOWED = {
    # A fixed program of our own with numbers on standard input; no shell.
    ("workflow/rules/estimate.smk", "subprocess"),
    # Extensions of NWB are Python packages that the user installed; only names that begin with ndx-.
    ("src/digimus/recordings/files.py", "importlib.import_module"),
    # Names of figures from a table in the module itself.
    ("src/digimus/figures/__init__.py", "importlib.import_module"),
    # Members are checked one by one, and written by that module itself.
    ("src/digimus/retrieval/unpacking.py", "tarfile.open"),
}
MODULES = {
    "pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "subprocess",
    "runpy", "code", "pty", "xmlrpc",
}  # fmt: skip
CALLS = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.spawnv", "yaml.load",
    "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "pd.read_pickle", "pandas.read_pickle", "np.load",
    "numpy.load", "torch.load", "torch.hub.load", "import_module", "importlib.import_module", "os.startfile",
    "shutil.unpack_archive", "tarfile.open",
}  # fmt: skip


def dangerous(tree):
    """What of a module could run what it reads: imports of such modules, calls of such functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (item.name.split(".")[0] for item in node.names if item.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            if node.module.split(".")[0] in MODULES:
                yield node.module.split(".")[0]
            yield from (
                f"{node.module}.{item.name}" for item in node.names if item.name in ("system", "popen")
            )
        elif isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name in CALLS and not (name == "torch.load" and given.get("weights_only") == "True"):
                yield "importlib.import_module" if name.endswith("import_module") else name
            if given.get("allow_pickle", "False") != "False" or given.get("shell", "False") != "False":
                yield f"{name} with allow_pickle or shell"


def python_of(path):
    """The Python in a file; of a rule file the functions above and between the rules."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return ast.parse(text)
    lines = [line for line in text.splitlines() if re.match(r"\s*(import|from) |.*\w\(", line)]
    statements = []
    for line in lines:
        try:
            statements += ast.parse(line.strip().rstrip(",")).body
        except SyntaxError:
            statements += ast.parse(" ; ".join(re.findall(r"\b[\w.]+\(", line)).replace("(", "()")).body
    return ast.Module(statements, [])


def test_no_module_of_ours_could_run_what_it_reads(root):
    files = [
        *(root / "src").rglob("*.py"),
        *(root / "workflow").rglob("*.py"),
        *(root / "workflow").rglob("*.smk"),
    ]
    assert len(files) > 150
    found = {(str(path.relative_to(root)), what) for path in files for what in dangerous(python_of(path))}
    assert found == ALLOWED


@pytest.mark.parametrize(
    "text",
    ["import pickle", "from joblib import load", "np.load(x, allow_pickle=True)", "torch.load(x)", "eval(x)",
     "yaml.load(x, Loader=y)", "os.system(x)", "f(x, shell=True)", "from os import system"],
)  # fmt: skip
def test_the_search_finds_each_kind(text):
    assert list(dangerous(ast.parse(text)))


# HDF5 and other arrays


def with_payload(path, mark, kind):
    """A file with something of another kind in it, under the name that readers look for."""
    data = np.frombuffer(pickle.dumps(Payload(mark)), np.uint8)
    if kind == "torch":
        torch.save({"recurrent_weight": Payload(mark)}, path)
    elif kind == "pickle":
        path.write_bytes(data.tobytes())
    elif kind == "npz":
        np.savez(path.with_suffix(".npz"), ids=np.array([Payload(mark)], object), allow_pickle=True)
        path.with_suffix(".npz").rename(path)
    else:
        with h5py.File(path, "w") as file:
            file.attrs.update(kind="arbors", grid=[2, 2, 2], voxel_um=25.0, key="k", n_neurons=1)
            for name in (
                "ids",
                "regions",
                "brains",
                "values",
                "finished/x",
                "probability/data",
                "seed_1/loss",
            ):
                if kind == "opaque":
                    file[name] = np.void(data.tobytes())
                elif kind == "str":
                    file.create_dataset(name, data=data.tobytes().decode("latin-1").replace("\0", "."))
                else:
                    file.create_dataset(name, (1,), h5py.vlen_dtype(np.uint8))[0] = data


READERS = {
    "arbors": read_arbors,
    "points": read_points,
    "graph": read_graph,
    "prepared": read_prepared,
    "cell": load,
    "decoders": lambda path: cell_tables(path, pd.DataFrame({"session": []}), path.parent, []),
    "session": read_session,
    "mat": read_array,
    "annotation": lambda path: atlas._read_volume(path),
    "graph of a user": read_user_graph,
    "table": lambda path: read_table(path, ["region"]),
}


@pytest.mark.parametrize("kind", ["torch", "pickle", "npz", "opaque", "str", "vlen"])
@pytest.mark.parametrize("reader", READERS)
def test_nothing_is_unpickled(tmp_path, reader, kind):
    mark = tmp_path / "it-ran"
    path = tmp_path / ("file.mat" if reader == "mat" else "file.h5")
    with_payload(path, mark, kind)
    with pytest.raises(InputError, match="file"):
        READERS[reader](path)
    assert not mark.exists()


@pytest.mark.parametrize("kind", ["torch", "pickle", "npz", "vlen"])
def test_checkpoints_are_not_unpickled_and_training_starts_afresh(tmp_path, kind):
    mark, path = tmp_path / "it-ran", tmp_path / "cell.checkpoint.h5"
    with_payload(path, mark, kind)
    if kind != "vlen":  # which is arrays, though odd ones
        with pytest.raises(InputError):
            read_checkpoint(path, "k")
    found = Checkpoint(path, "another")
    assert found.finished == {} and found.state == {} and not mark.exists()


def refer(path, secret, kind):
    """An HDF5 file whose array `data` lies in another file, or is a link to one."""
    with h5py.File(secret.with_suffix(".h5"), "w") as file:
        file["data"] = np.arange(4)
    with h5py.File(path, "w") as file:
        file.attrs["namespace"] = "core"
        if kind == "link":
            file["data"] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "/data")
        elif kind == "deep link":
            file["a/b/data"] = h5py.ExternalLink("../../" + secret.with_suffix(".h5").name, "/")
        elif kind == "storage":
            file.create_dataset("data", (len(SECRET),), np.uint8, external=[(str(secret), 0, len(SECRET))])
        else:
            layout = h5py.VirtualLayout((4,), int)
            layout[:] = h5py.VirtualSource(str(secret.with_suffix(".h5")), "data", (4,))
            file.create_virtual_dataset("data", layout)


@pytest.mark.parametrize("kind", ["link", "deep link", "storage", "virtual"])
def test_no_array_is_read_from_another_file(tmp_path, kind):
    secret, path = tmp_path / "secret.txt", tmp_path / "given.h5"
    secret.write_text(SECRET)
    refer(path, secret, kind)
    with pytest.raises(InputError, match="refers to another"), reading(path):
        raise AssertionError("it was handed out")
    mat = path.rename(tmp_path / "given.mat")
    with pytest.raises(InputError, match="refers to another"):
        read_array(mat, "data")


@pytest.mark.parametrize("kind", ["link", "storage", "virtual"])
def test_no_recording_reads_another_file(tmp_path, kind):
    secret, other = tmp_path / "secret.txt", tmp_path / "other.h5"
    secret.write_text(SECRET)
    refer(other, secret, kind)
    nwb = new_file()
    add_units(nwb)
    path = written(nwb, tmp_path / "given.nwb")
    read_session(path)
    with h5py.File(path, "r+") as file, h5py.File(other) as parts:
        if kind == "link":
            file["scratch/data"] = h5py.ExternalLink(str(secret.with_suffix(".h5")), "/data")
        else:
            parts.copy("data", file.require_group("scratch"))
            if file["scratch/data"].external is None and not file["scratch/data"].is_virtual:
                pytest.skip("this HDF5 copies the values themselves")
    with pytest.raises(InputError, match="refers to another"):
        read_session(path)


def test_links_within_a_file_are_no_other_file(tmp_path):
    path = tmp_path / "given.h5"
    write_arrays(path, {"data": np.arange(3)})
    with h5py.File(path, "r+") as file:
        file["same"] = h5py.SoftLink("/data")
        file["nowhere"] = h5py.SoftLink("/absent")
        file["a/circle"] = file["/"]
    with reading(path) as file:
        assert file["same"][:].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="damaged inside"), reading(path) as file:
        file["nowhere"][:]


def test_an_array_that_says_it_is_endless_is_refused(tmp_path):
    path = tmp_path / "given.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("ids", (10**15,), np.float64, chunks=(1000,))
    with pytest.raises(InputError, match="damaged inside"), reading(path) as file:
        file["ids"][:]


def test_a_volume_whose_voxels_lie_in_another_file_is_refused(tmp_path):
    (tmp_path / "secret.txt").write_text(SECRET)
    header = "NRRD0004\ntype: uint8\ndimension: 3\nsizes: 2 2 2\nencoding: raw\ndata file: secret.txt\n\n"
    (tmp_path / "given.nrrd").write_text(header)
    with pytest.raises(InputError, match="annotation volume"):
        atlas._read_volume(tmp_path / "given.nrrd")


def test_a_graph_in_xml_neither_grows_nor_reads_another_file(tmp_path):
    (tmp_path / "secret.txt").write_text(SECRET)
    grown = "".join(f'<!ENTITY a{k} "{f"&a{k - 1};" * 10}">' for k in range(1, 12))
    end = '<graphml><graph edgedefault="directed"><node id="&{};"/></graph></graphml>'
    given = {
        "laughs": f'<!DOCTYPE g [<!ENTITY a0 "laugh">{grown}]>' + end.format("a11"),
        "outside": f'<!DOCTYPE g [<!ENTITY a SYSTEM "file://{tmp_path}/secret.txt">]>' + end.format("a"),
    }
    for name, text in given.items():
        path = tmp_path / f"{name}.graphml"
        path.write_text(text)
        with pytest.raises(InputError) as error:
            read_user_graph(path)
        assert SECRET not in str(error.value)


# Archives that are read


@pytest.mark.parametrize("suffix", [".swc.gz", ".swc.xz", ".zip"])
def test_what_unpacks_to_far_more_is_refused_before_it_does(tmp_path, suffix, monkeypatch):
    monkeypatch.setattr(contents, "LARGEST_BYTES", 2**20)
    path, bomb = tmp_path / f"bomb{suffix}", b"0" * 2**25
    if suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("bomb.swc", bomb)
        path = path / "bomb.swc"
    else:
        path.write_bytes(gzip.compress(bomb) if suffix.endswith("gz") else lzma.compress(bomb))
    with pytest.raises(InputError, match="too large for a neuron"):
        contents.contents(path)


@pytest.mark.parametrize("member", ["../out.swc", "/etc/out.swc", "a/../../out.swc"])
def test_a_member_that_leads_out_of_its_archive_is_read_by_nobody(tmp_path, member):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(member, "1 1 0 0 0 1 -1\n")
    (tmp_path / "out.swc").write_text(SECRET)
    with pytest.raises(InputError):
        contents.contents(tmp_path / "a.zip" / "../out.swc")
    for name in contents.neuron_members(tmp_path / "a.zip"):
        if ".." in name:
            with pytest.raises(InputError, match="leads out"):
                contents.contents(f"{tmp_path}/a.zip/{name}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "out.swc"]


# Names that files bring

NAMES = [
    "../../out", "/etc/passwd", "..", ".", "", "a b", ";touch x", "$(touch x)", "{wildcards}", "a\nb",
    "a\x07b", "'", '"', "x" * 2000, "Ünïcode-猫", "-n", "%s%n", "a" * 60 + "1", "a" * 60 + "2", "con",
    "~root", "<b>",
]  # fmt: skip


def test_no_name_of_a_session_or_animal_leads_out_of_its_folder(tmp_path):
    results, paths = tmp_path / "results", []
    results.mkdir()
    for number, name in enumerate(NAMES):
        nwb = new_file()
        nwb.add_trial_column("side", "left or right", data=["l", "r", "l", "r"])
        add_units(nwb, [[0.1 + number / 100, 1.05, 1.2, 3.3], [0.2, 2.1, 3.1 + number / 100]])
        path = written(nwb, tmp_path / f"{number}.nwb")
        with h5py.File(path, "r+") as file:
            del file["general/session_id"]
            file["general/session_id"] = name
            del file["general/subject/subject_id"]
            file["general/subject/subject_id"] = name
        paths.append(path)
    settings = dict(bin_ms=100, window_ms=[0, 400], align="start_time",
                    label={"column": "side"}, min_trials_per_class=1)  # fmt: skip
    made = []

    def write(session):
        path = results / f"{session.session_id}.h5"
        write_arrays(path, {"values": session.values})
        made.append(path)

    found = prepare_files(paths, Preparation.from_config(settings), dataset="d", max_bad_share=1, write=write)
    assert (found.sessions["status"] == "used").sum() == len(NAMES) == len(set(made))
    assert all(
        path.resolve().parent == results.resolve() and not path.name.startswith((".", "-")) for path in made
    )
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".nwb") == ["results"]
