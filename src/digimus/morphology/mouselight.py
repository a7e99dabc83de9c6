"""Neurons in MouseLight's JSON: one file with one neuron or many, each as an axon and a dendrite.

Both parts are lists of nodes that begin with the same soma; here they become one tree, in the order of
MouseLight's own SWC files: soma, axon, dendrite.
"""

import json
import re
from dataclasses import dataclass
from itertools import chain, takewhile
from operator import itemgetter

import numpy as np
from numba import njit

from digimus.morphology.ccf import AXES
from digimus.morphology.contents import LARGEST_BYTES, stem, too_large, unusable
from digimus.morphology.swc import APICAL, AXON, BASAL, SOMA, assemble, axes_of, link, unit_of, whole_numbers

_SAME_PLACE = 0.01  # of the file's unit: parts are exported with the same digits
_PLACEHOLDER, _MARK = b'"\\u0000"', "\0"
_SOMA_FIELD_UM = 10.0
_UNTYPED = (0, 5, 6)  # undefined, fork, end: the list says what they are
_PARTS = {"axon": (AXON,), "dendrite": (BASAL, APICAL)}
_FIELDS = ("sampleNumber", "structureIdentifier", "x", "y", "z", "radius", "parentNumber")
_EXPECTED = "MouseLight's JSON: neurons, each with idString, axon and dendrite"
_BROKEN = (ValueError, RecursionError, OverflowError, MemoryError)


@dataclass(frozen=True, eq=False)
class Bulk:
    """The text of a JSON file and where its neurons lie.

    Attributes
    ----------
    data : bytes
    comment : str
    spans : dict of str to list of (int, int)
        By idString (a neuron's number, from 1, where it has none) in the order of the file: the first byte
        and one past the last of each neuron of that id.
    """

    data: bytes
    comment: str
    spans: dict

    @property
    def names(self):
        """The ids, one a neuron."""
        return [name for name, spans in self.spans.items() for _ in spans]


def find_neurons(data, path):
    """Where the neurons of a JSON text lie, without reading their nodes.

    Raises
    ------
    InputError
        If the text is not JSON, or holds no list of neurons.
    """
    spans = [(int(start), int(end)) for start, end in _objects(np.frombuffer(data, dtype=np.uint8))]
    ends = [0, *chain.from_iterable(spans), len(data)]
    frame = _loads(_PLACEHOLDER.join(data[ends[k] : ends[k + 1]] for k in range(0, len(ends), 2)), path)
    if not isinstance(frame, dict):
        raise unusable(path, "A JSON file holds no neurons.", _EXPECTED, f"a {type(frame).__name__}")
    if "neurons" not in frame and isinstance(frame.get("neuron"), dict):
        spans = [_span_of_one(data, path)]
    else:
        spans = _listed(frame, spans, path)
    by_id = {}
    for k, (start, end) in enumerate(spans):
        by_id.setdefault(_id_in(data[start:end]) or str(k + 1), []).append((start, end))
    return Bulk(data, str(frame.get("comment") or ""), by_id)


def parse_mouselight(bulk, path, *, which=None, axis_order=AXES, unit_um=1.0, id=None):
    """One neuron of a JSON text.

    Parameters
    ----------
    bulk : Bulk
    path : Path
        Where it comes from.
    which : str, optional
        Its idString; needed where there are several.
    axis_order, unit_um, id
        As in `digimus.morphology.read_swc`.

    Raises
    ------
    InputError
        As `read_swc`; and if the file holds several neurons and `which` names none or two of them, a node
        lacks a field or a field is no number, axon and dendrite begin at different somata, a node's
        structure contradicts its list, or the soma noted beside the lists is not theirs.
    """
    start, end = _choose(bulk, which, path)
    if end - start > LARGEST_BYTES:
        raise too_large(path, LARGEST_BYTES)
    entry = _loads(bulk.data[start:end], path)
    if which is not None and isinstance(entry, dict) and str(entry.get("idString") or which) != which:
        raise unusable(path, "A neuron is not where its name says.", which, entry.get("idString"))
    header = _header(entry, bulk.comment)
    order, scale = axes_of(axis_order, header, path), unit_of(unit_um, header, path)
    parts = [_part(entry, name, path) for name in _PARTS if entry.get(name)]
    if not parts:
        raise unusable(path, "A neuron has no usable nodes.", "an axon or a dendrite", "neither")
    xyz, radius, kind, parent = _joined(parts, path)
    columns = [order.index(axis) for axis in AXES]
    name = stem(path) if id is None and which is None else which if id is None else id
    ids = np.arange(len(parent))
    neuron = assemble(
        *(np.ascontiguousarray(xyz[:, columns]), radius, kind.astype(np.int32), ids, parent),
        **dict(scale=scale, id=name, path=path, header=header),
    )
    _compare_soma(entry.get("soma"), neuron, columns, scale, path)
    return neuron


def _choose(bulk, which, path):
    """The span of the wanted neuron."""
    names = bulk.names if which is None else [which] * len(bulk.spans.get(which, ()))
    if len(names) == 1:
        return bulk.spans[names[0]][0]
    got = f"{len(names)} of {len(bulk.names)} neurons"
    expected = f"one neuron, named as {path.name.split('#')[0]}#{bulk.names[0]}"
    raise unusable(path, "A JSON file does not say which neuron is meant.", expected, got)


def _listed(frame, spans, path):
    """The spans of the neurons among those of all listed objects."""
    marks = {key: value.count(_MARK) for key, value in frame.items() if isinstance(value, list)}
    n, n_all = marks.get("neurons", 0), sum(marks.values())
    if n == 0 or n != len(frame["neurons"]) or n_all != len(spans):
        got = f"fields {', '.join(map(repr, list(frame)[:6]))}" if frame else "nothing"
        raise unusable(path, "A JSON file holds no neurons.", _EXPECTED, got)
    first = sum(count for _, count in takewhile(lambda item: item[0] != "neurons", marks.items()))
    return spans[first : first + n]


def _loads(data, path):
    """JSON text as Python values."""
    try:
        return json.loads(data.decode("utf-8"))
    except _BROKEN as error:
        got = f"{type(error).__name__}: {str(error)[:120]}"
        raise unusable(path, "A file is not JSON.", _EXPECTED, got) from error


def _id_in(data):
    """The first idString in a neuron's text, or None; checked against the neuron's own when it is read."""
    found = re.search(rb'"idString"\s*:\s*("(?:[^"\\]|\\.)*+")', data)
    try:
        return str(json.loads(found.group(1))) if found else None
    except _BROKEN:
        return None


def _span_of_one(data, path):
    """The span of the object under the key "neuron"."""
    found = re.search(rb'"neuron"\s*:\s*\{', data)
    try:
        text = data.decode("utf-8")
        start = len(data[: found.end() - 1].decode("utf-8"))
        end = json.JSONDecoder().raw_decode(text, start)[1]
    except (AttributeError, *_BROKEN) as error:
        raise unusable(path, "A JSON file holds no neurons.", _EXPECTED, "a neuron that is cut") from error
    return found.end() - 1, len(text[:end].encode("utf-8"))


def _part(entry, name, path):
    """One list of nodes as positions (n, 3) in the file's order, radius, kind and parents as indices."""
    nodes = entry[name]
    try:
        rows = list(map(itemgetter(*_FIELDS), nodes))
    except (TypeError, KeyError) as error:
        what = f"A node of the {name} lacks a field."
        raise unusable(path, what, ", ".join(_FIELDS), f"{type(error).__name__}: {error}") from error
    strange = set(map(type, chain.from_iterable(rows))) - {int, float}
    if strange:
        got = ", ".join(sorted(kind.__name__ for kind in strange))
        raise unusable(path, f"A node of the {name} has a field that is no number.", "numbers", got)
    try:
        table = np.array(rows, dtype=np.float64)
    except OverflowError as error:
        raise unusable(path, f"A number in the {name} is out of range.", "float64", error) from error
    ids, kind, parents = (
        whole_numbers(table[:, column], label, path)
        for column, label in ((0, "id"), (1, "kind"), (6, "parent"))
    )
    kind[np.isin(kind, _UNTYPED)] = _PARTS[name][0]
    odd = kind[~np.isin(kind, (SOMA, *_PARTS[name]))]
    if len(odd):
        expected = f"structureIdentifier {', '.join(map(str, (SOMA, *_PARTS[name])))}"
        raise unusable(path, f"A node of the {name} is something else.", expected, odd[0])
    return table[:, 2:5], table[:, 5], kind, link(ids, parents, path)


def _joined(parts, path):
    """Axon and dendrite as one tree: the second one's soma is the first one's."""
    if len(parts) == 1:
        return parts[0]
    (xyz, radius, kind, parent), (more_xyz, more_radius, more_kind, more_parent) = parts
    somata, again = np.flatnonzero(kind == SOMA), np.flatnonzero(more_kind == SOMA)
    place = np.full(len(more_kind), -1)
    for node in again:
        away = np.abs(xyz[somata] - more_xyz[node]).max(axis=1)
        if not len(somata) or not away.min() <= _SAME_PLACE:
            got = f"{more_xyz[node]}, not {xyz[somata[0]] if len(somata) else 'any node of the axon'}"
            raise unusable(path, "Axon and dendrite begin at different somata.", "one soma", got)
        place[node] = somata[away.argmin()]
    own = place < 0
    place[own] = len(xyz) + np.arange(own.sum())
    parents = np.where(more_parent < 0, -1, place[more_parent])
    return (
        np.concatenate([xyz, more_xyz[own]]),
        np.concatenate([radius, more_radius[own]]),
        np.concatenate([kind, more_kind[own]]),
        np.concatenate([parent, parents[own]]),
    )


def _compare_soma(noted, neuron, columns, scale, path):
    """Refuse a neuron whose noted soma lies more than 10 µm [D] from its soma nodes."""
    if not isinstance(noted, dict):
        return
    values = [noted.get(axis) for axis in "xyz"]
    if not all(type(value) in (int, float) and abs(value) < 1e300 for value in values):
        return
    apart = np.linalg.norm(np.array(values, float)[columns] * scale - neuron.soma_um)
    if apart > _SOMA_FIELD_UM:
        what = "The noted soma is not that of the nodes."
        raise unusable(path, what, f"within {_SOMA_FIELD_UM:g} µm", f"{apart:.4g} µm apart")


def _header(entry, comment):
    """The fields of a neuron as comment lines, as MouseLight writes them into SWC files."""
    if not isinstance(entry, dict):
        return ""
    space = entry.get("annotationSpace")
    stated = ""
    if isinstance(space, dict):
        stated = str(space.get("description") or f"CCFv{space.get('version')}")
        stated = re.sub(r"(?i)^\s*annotation space:\s*", "", stated)
    sample, label = (
        entry.get(name) if isinstance(entry.get(name), dict) else {} for name in ("sample", "label")
    )
    fields = {
        "DOI": entry.get("DOI"),
        "Neuron Id": entry.get("idString"),
        "Sample Date": sample.get("date"),
        "Sample Subject": sample.get("subject"),
        "Sample Strain": sample.get("strain"),
        "Label Virus": label.get("virus"),
        "Label Fluorophore": label.get("fluorophore"),
        "Annotation Space": stated,
    }
    lines = [*comment.splitlines(), *(f"{name}: {value}" for name, value in fields.items() if value)]
    return "\n".join(f"# {' '.join(line.split())}" for line in lines)


@njit(cache=True, nogil=True)
def _objects(text):
    """First byte and one past the last of each object that lies in a list in the outermost object."""
    spans = [(0, 0) for _ in range(0)]
    depth, start, i, n = 0, -1, 0, len(text)
    in_list = False
    while i < n:
        c = text[i]
        if c == 34:
            i += 1
            while i < n and text[i] != 34:
                i += 2 if text[i] == 92 else 1
        elif c == 123 or c == 91:
            depth += 1
            if depth == 2:
                in_list = c == 91
            elif depth == 3 and c == 123 and in_list:
                start = i
        elif c == 125 or c == 93:
            if depth == 3 and start >= 0 and c == 125:
                spans.append((start, i + 1))
                start = -1
            depth -= 1
        i += 1
    return spans
