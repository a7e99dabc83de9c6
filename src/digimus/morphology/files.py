"""Which neurons lie in a folder, and reading any one of them, whatever its format.

A neuron is named by a file, by a member of a zip archive (`archive.zip/inner/AA0001.swc`) or by its id in
a JSON file that holds several (`bulk.json#AA0001`, also in an archive).
"""

import fnmatch
import os
import re
import threading
from functools import lru_cache
from pathlib import Path

from digimus.errors import InputError
from digimus.morphology.ccf import AXES
from digimus.morphology.contents import contents, neuron_members, stem
from digimus.morphology.mouselight import find_neurons, parse_mouselight
from digimus.morphology.swc import parse_swc
from digimus.storage import inside_archives, matching_files

LARGEST_BULK_BYTES = 2**30
"""What a JSON file with many neurons may hold, unpacked."""
_JSON = re.compile(r"(?i)^(.*?\.json(?:\.gz|\.xz)?)(?:#(.+))?$", re.S)
_BULK_LOCK = threading.Lock()


def read_neuron(path, *, axis_order=AXES, unit_um=1.0, id=None):
    """Read and check one neuron: SWC or MouseLight JSON, plain, .gz, .xz or in a zip archive.

    Parameters
    ----------
    path : str or Path
        A file; `archive.zip/inner/name.swc` for a member of an archive (the archive alone if it holds one
        neuron); `bulk.json#id` for one of several neurons.
    axis_order : sequence of 3 str, or "header"
        What x, y and z hold; "header": what the file says itself.
    unit_um : float or "header"
        Micrometres in one unit of the file.
    id : str, optional
        The neuron's name; by default `neuron_id(path)`.

    Returns
    -------
    Neuron

    Raises
    ------
    InputError
        If the file cannot be read or is not one neuron; see `read_swc` and `parse_mouselight`.
    """
    path = Path(path)
    options = {"axis_order": axis_order, "unit_um": unit_um, "id": id}
    place, which = split_id(path)
    if which is not None:
        return parse_mouselight(_bulk(place), path, which=which, **options)
    data = contents(path, LARGEST_BULK_BYTES if _JSON.match(path.name) else None)
    if data.lstrip()[:1] == b"{":
        return parse_mouselight(find_neurons(data, path), path, **options)
    return parse_swc(data, path, **options)


def neuron_files(folder, pattern="*.swc*"):
    """Names, relative to a folder, of the neurons in it, sorted.

    Zip archives are replaced by their members and JSON files of several neurons by their ids. What cannot be
    opened stays in the list under its own name, so that reading it gives the reason.

    Parameters
    ----------
    folder : str or Path
    pattern : str
        Which files are neurons, such as "*.swc*" or "**/*.json"; `*.zip/*.swc` picks members of archives.

    Returns
    -------
    list of str
        Empty where nothing matches.

    Raises
    ------
    InputError
        If the pattern is none.
    """
    folder = Path(folder)
    inner = inside_archives(pattern)[1] or "*"
    names = []
    for path in matching_files(folder, pattern, "pattern"):
        name = path.relative_to(folder).as_posix()
        members = _members(path, inner)
        for member in members:
            names += _with_ids(folder, f"{name}/{member}" if member else name)
    return sorted(names)


def neuron_id(name):
    """The name of a neuron by that of its file, without folders and suffixes, or by its id in the file."""
    which = split_id(name)[1]
    return stem(name) if which is None else which


def split_id(path):
    """A path and the id after `.json#` in it; None where there is no id, or a file has that very name."""
    found = _JSON.match(str(path))
    if not found or found.group(2) is None or os.path.lexists(path):
        return Path(path), None
    return Path(found.group(1)), found.group(2)


def _members(path, inner):
    """The members of an archive that match; the empty name for a file that is none or cannot be opened."""
    if path.suffix.lower() != ".zip":
        return [""]
    try:
        members = neuron_members(path)
    except InputError:
        return [""]
    return [name for name in members if fnmatch.fnmatchcase(name, inner)] if members else [""]


def _with_ids(folder, name):
    """The names of a file's neurons: the file's own, but for JSON with several."""
    if not _JSON.match(name):
        return [name]
    try:
        place = folder / name
        ids = find_neurons(contents(place, LARGEST_BULK_BYTES), place).names
    except InputError:
        return [name]
    return [f"{name}#{id}" for id in ids] if len(ids) > 1 else [name]


def _bulk(place):
    """The neurons of a file, loaded once while one after another is read, on one thread or several."""
    with _BULK_LOCK:
        return _loaded(str(place), *_signature(place))


@lru_cache(maxsize=2)
def _loaded(place, *signature):
    place = Path(place)
    return find_neurons(contents(place, LARGEST_BULK_BYTES), place)


def _signature(place):
    """What tells a changed file: time and size, of the archive for a member of one."""
    for path in (place, *place.parents):
        try:
            status = os.stat(path)
        except (OSError, ValueError):
            continue
        return status.st_mtime_ns, status.st_size
    return ()
