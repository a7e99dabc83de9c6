"""What a configuration asks for from the network, and nothing else is ever fetched.

A path that is written `dataset:<name>` is a file of the register; `morphology.sources.<name>.retrieve` is a
set of neurons; `recordings.datasets.<name>.dandi` are recordings.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from digimus.errors import InputError
from digimus.retrieval.unpacking import safe_name

FOLDER = "resources/retrieved"
MARK = "dataset:"
TABLE = "resources/datasets.csv"
SOURCE_KEYS = ("index", "annotation", "structure_tree", "soma_table")
_OF_SET = ("dataset",)


@dataclass(frozen=True)
class File:
    """A file of the register, and where it goes."""

    dataset: str
    version: str
    url: str
    path: str
    n_bytes: int | None
    sha256: str | None
    kind: str
    licence: str


@dataclass(frozen=True)
class NeuronSet:
    """Neurons of a set, and the folder that they go to.

    Attributes
    ----------
    source : str
        The source of neurons that they are for.
    path : str or None
        Where the file at the set's address lies, which is fetched first.
    inputs : tuple of str
        That file, and others of the register that are needed.
    """

    source: str
    dataset: str
    version: str
    url: str
    folder: str
    licence: str
    settings: dict
    path: str | None
    inputs: tuple


@dataclass(frozen=True)
class Asked:
    """All that a configuration asks for.

    Attributes
    ----------
    configuration : dict
        With the paths of files in place of ``dataset:<name>``.
    files : dict of str to File
        By path.
    neurons : dict of str to NeuronSet
        By folder.
    recordings : dict of str to dict
        By folder: dandiset, version, paths, and api_url where it is not DANDI's own.
    """

    configuration: dict
    files: dict = field(default_factory=dict)
    neurons: dict = field(default_factory=dict)
    recordings: dict = field(default_factory=dict)


def asked_of(configuration):
    """What a configuration asks for.

    Parameters
    ----------
    configuration : dict
        Checked.

    Returns
    -------
    Asked

    Raises
    ------
    InputError
        If a dataset is not in the register, has no address, or serves something else.
    """
    found = Asked(deepcopy(configuration))
    table = configuration.get("retrieval", {}).get("table", TABLE)
    for entry, key, where in _paths(found.configuration):
        if entry[key].startswith(MARK):
            entry[key] = _file(entry[key].removeprefix(MARK), table, where, found).path
    for name, source in found.configuration["morphology"]["sources"].items():
        if "retrieve" in source:
            _add_set(name, source, table, found)
    for name, dataset in found.configuration["recordings"]["datasets"].items():
        if "dandi" in dataset:
            _add_recordings(name, dataset, found)
    return found


def _paths(configuration):
    """Every entry and key of the configuration that may name a file of the register, and where it stands."""
    for name, source in configuration["morphology"]["sources"].items():
        where = f"morphology.sources.{name}"
        yield from ((source, key, f"{where}.{key}") for key in SOURCE_KEYS if key in source)
        if "somata" in source.get("retrieve", {}):
            yield source["retrieve"], "somata", f"{where}.retrieve.somata"
    for name, entry in configuration["motifs"]["tables"].items():
        yield from (
            (entry, key, f"motifs.tables.{name}.{key}") for key in ("path", "nz_path") if key in entry
        )
    for name, entry in configuration["motifs"].get("graphs", {}).items():
        yield entry, "path", f"motifs.graphs.{name}.path"


def _file(name, table, where, found):
    """A file of the register, noted among what is asked for."""
    row = _row(name, table, where)
    parts = [name, row.version or "unversioned", unquote(urlsplit(row.url).path.rsplit("/", 1)[-1])]
    parts = [safe_name(part, f"{table}, {name}") for part in parts]
    if any("/" in part for part in parts):
        raise _wrong(where, name, "a row whose name, version and file are plain names")
    path = f"{FOLDER}/{'/'.join(parts)}"
    file = File(name, row.version, row.url, path, row.n_bytes, row.sha256, row.kind, row.licence)
    return found.files.setdefault(path, file)


def _row(name, table, where):
    from digimus.retrieval import register

    try:
        row = register.dataset(name, table)
    except InputError as error:
        error.where = f"{where}: {error.where}"
        raise
    if not row.url:
        raise _wrong(where, name, "a row with an address")
    return row


def _wrong(where, name, expected):
    return InputError(
        "A dataset cannot be fetched.",
        where=where,
        expected=expected,
        got=name,
        hint="Correct the row in the register, or choose another dataset.",
    )


def _add_set(name, source, table, found):
    from digimus.retrieval import neurons

    where = f"morphology.sources.{name}.retrieve"
    settings = {key: value for key, value in source["retrieve"].items() if key not in _OF_SET}
    dataset = source["retrieve"]["dataset"]
    row = _row(dataset, table, f"{where}.dataset")
    path = _file(dataset, table, where, found).path if neurons.needs_file(dataset) else None
    fetched = [each for each in (path, settings.get("somata")) if each is not None]
    needed = NeuronSet(
        *(name, dataset, row.version, row.url, source["folder"], row.licence, settings, path),
        inputs=tuple(dict.fromkeys(fetched)),
    )
    other = found.neurons.setdefault(source["folder"], needed)
    if (other.dataset, other.settings) != (dataset, settings):
        raise _shared("Two sets of neurons", f"morphology.sources.{name}.folder", source["folder"])


def _add_recordings(name, dataset, found):
    if dataset["folder"].rstrip("/") in found.neurons:
        raise _shared("Neurons and recordings", f"recordings.datasets.{name}.folder", dataset["folder"])
    asked = found.recordings.setdefault(dataset["folder"], {**dataset["dandi"], "paths": []})
    asked["paths"] = list(dict.fromkeys([*asked["paths"], *dataset["dandi"]["paths"]]))


def _shared(what, where, folder):
    return InputError(
        f"{what} go to one folder.",
        where=where,
        expected="a folder for each",
        got=folder,
        hint="Leave the folder out.",
    )


def is_there(path):
    """Whether a file was fetched, and is not empty."""
    return Path(path).is_file() and Path(path).stat().st_size > 0
