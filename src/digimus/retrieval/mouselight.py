"""MouseLight: one archive of all neurons as JSON, unpacked; or some of them by name from the export service.

A neuron is {idString, annotationSpace, soma {x, y, z, allenId}, allenInformation [{allenId, acronym}], axon,
dendrite}; a file has one or several of them under `neurons`. Untested live.
"""

import json
import shutil
from pathlib import Path

from digimus.errors import InputError
from digimus.retrieval.choosing import chosen, file_of, index_of
from digimus.retrieval.fetching import Download
from digimus.retrieval.unpacking import clear_left, safe_name, unpack

PATTERN = "**/*.json"
SETTINGS = ("neurons", "regions", "limit")
LARGEST_FILE_BYTES = 2**30
_AXES = ("ap", "dv", "ml")
_CCF_VERSION = 3  # from which on x, y and z are AP, DV and ML


def has_regions(settings):
    """The files tell the region of each soma."""
    return True


def unpacked(archive, folder, where, *, url="", **choice):
    """Unpack the archive, keep the neurons asked for, and list them.

    Parameters
    ----------
    archive : str or Path
    folder : str or Path
        Replaced whole.
    where : str
        What the set is called, for messages.
    url : str
        Where the archive came from.
    **choice
        Of `digimus.retrieval.choosing.chosen`.

    Returns
    -------
    DataFrame
        As `digimus.retrieval.choosing.COLUMNS`; somata in µm, where the file says that it is in CCFv3.
        `file` is `name.json#id` in a file of several neurons.

    Raises
    ------
    InputError
        As `digimus.retrieval.unpacking.unpack`; if a file is no JSON of neurons, or none is as asked for.
    """
    folder = Path(folder)
    waiting = folder.with_name(f".{folder.name}.all")
    clear_left(folder.parent)
    try:
        files = [name for name in unpack(archive, waiting) if name.lower().endswith(".json")]
        rows = [row for name in files for row in rows_of(waiting / name, name, url)]
        if not rows:
            raise _strange(archive, f"{len(files)} files of JSON")
        table = chosen(index_of(rows), where, **choice)
        kept = set(map(file_of, table["file"]))
        for path in [path for path in waiting.rglob("*") if path.is_file()]:
            if path.relative_to(waiting).as_posix() not in kept:
                path.unlink()
        if folder.exists():
            shutil.rmtree(folder)
        waiting.replace(folder)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    return table


def exports(url, names):
    """The downloads of some neurons from the export service, one file each.

    Parameters
    ----------
    url : str
        Of the service.
    names : sequence of str
        Ids such as AA0001.

    Returns
    -------
    list of Download

    Raises
    ------
    InputError
        If a name is a pattern, or none at all.
    """
    if not names or any(set(name) & set("*?[") for name in names):
        raise InputError(
            "The export service takes ids alone.",
            where=url,
            expected="neurons: ids such as AA0001, one or more",
            got=", ".join(names) or "none",
            hint="For patterns and regions take the set mouselight, which is fetched whole.",
        )
    payload = {"ccfVersion": _CCF_VERSION, "format": 1}
    return [
        Download(url, Path(f"{safe_name(name, url)}.json"), kind="json", payload={"ids": [name], **payload})
        for name in names
    ]


def rows_of(path, name, url):
    """The neurons of a file, as rows of an index.

    Parameters
    ----------
    path : Path
    name : str
        What the index calls the file.
    url : str

    Raises
    ------
    InputError
        If it is too large, no JSON, or holds no neurons.
    """
    if path.stat().st_size > LARGEST_FILE_BYTES:
        raise _strange(path, f"{path.stat().st_size:,} bytes")
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise _strange(path, f"{type(error).__name__}: {str(error)[:200]}") from error
    entries = found.get("neurons", [found.get("neuron", found)]) if isinstance(found, dict) else found
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("idString"), str) for entry in entries
    ):
        raise _strange(path, str(found)[:200])
    alone = len(entries) == 1
    return [
        {
            "file": name if alone else f"{name}#{entry['idString']}",
            "neuron": entry["idString"],
            "region": _region(entry),
            "brain": _text(entry.get("sample"), "subject"),
            **_soma(entry),
            "url": url,
        }
        for entry in entries
    ]


def _text(entry, key):
    return str(entry.get(key) or "") if isinstance(entry, dict) else ""


def _region(entry):
    """The acronym of the soma's structure, by the file's own list of structures."""
    number = _text(entry.get("soma"), "allenId")
    listed = entry.get("allenInformation")
    for structure in listed if isinstance(listed, list) else []:
        if number and _text(structure, "allenId") == number:
            return _text(structure, "acronym")
    return ""


def _soma(entry):
    """The soma in µm, where the file is of a CCF whose axes are AP, DV, ML."""
    space, soma = entry.get("annotationSpace"), entry.get("soma")
    version = space.get("version") if isinstance(space, dict) else None
    if not isinstance(version, int | float) or version < _CCF_VERSION or not isinstance(soma, dict):
        return {}
    return {f"soma_{axis}_um": soma.get(key, "") for axis, key in zip(_AXES, "xyz", strict=True)}


def _strange(where, got):
    return InputError(
        "A file of MouseLight is not as expected.",
        where=where,
        expected="JSON with neurons, each with an idString",
        got=got,
        hint="Look at the file; if the archive has changed for good, tell us.",
    )
