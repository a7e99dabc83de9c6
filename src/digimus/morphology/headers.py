"""What the comment lines at the head of a neuron's file say about its columns, axes and units.

Only statements are read; a header that says nothing is answered with None, never with a guess.
"""

import re
from dataclasses import dataclass

from digimus.morphology.ccf import AXES

_AXIS_WORDS = {
    **dict.fromkeys(("anterior", "posterior", "rostral", "caudal", "ap"), "AP"),
    **dict.fromkeys(("dorsal", "ventral", "superior", "inferior", "dv", "si"), "DV"),
    **dict.fromkeys(("medial", "lateral", "left", "right", "ml", "lr"), "ML"),
}
_AXIS = re.compile(rf"(?i)\b([xyz])\s*[:=]?\s*({'|'.join(_AXIS_WORDS)})\b")
_SPACE = re.compile(r"(?i)annotation space:([^\n]*)")
_CCF = re.compile(r"(?i)\bCCF[ _-]?v?(\d(?:\.\d+)?)?\b(?: \(ML legacy\))?")
_UNITS = {"voxel": ("voxel", "pixel", "vox", "px"), "nanometre": ("nanometre", "nanometer", "nm")}
_UNITS["micrometre"] = ("micrometre", "micrometer", "micron", "um", "µm", "μm")
_UNIT_UM = {"voxel": None, "nanometre": 1e-3, "micrometre": 1.0}
_WORDS = "|".join(word for words in _UNITS.values() for word in words)
_UNIT = re.compile(
    r"(?i)(?:\bunits?\b\s*(?:of length|are|is)?\s*[:=]?"
    r"|\b(?:coordinates|positions|CCF\S*)(?:\s+are)?(?:\s+in)?|\bin)"
    rf"\s*(?:(\d+(?:\.\d+)?)\s*-?\s*(?:{'|'.join(_UNITS['micrometre'])})s?\s+)?\b({_WORDS})s?\b"
)
_MOUSELIGHT, _PORTAL = "mouselight.janelia.org", "sample subject"
_LEGACY_AXES = AXES[::-1]
_IDS = {"n", "id", "index", "node", "inode", "pointno", "no", "sample", "sampleid"}
_PARENTS = {"parent", "p", "pid", "pn", "pa", "par", "idpar", "parent_id", "parentid", "parent_no"}
_TOKEN = re.compile(r"[^\s,;|#()]+")
_OFFSET = re.compile(r"(?im)^[ \t]*#+[ \t]*OFFSET:?[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]*$")


@dataclass(frozen=True)
class HeaderSpace:
    """What a header says of the space its neuron lies in; None where it does not say.

    Attributes
    ----------
    space : str or None
        The space by its name in the header, such as "CCFv3.0" or "CCFv2.5 (ML legacy)".
    axis_order : tuple of 3 str, or None
        What x, y and z hold: AP, DV and ML in some order.
    unit_um : float or None
        Micrometres in one unit of the coordinates.
    unit : str or None
        "micrometre", "nanometre" or "voxel"; a voxel's size may be unknown, then `unit_um` is None.
    """

    space: str | None = None
    axis_order: tuple | None = None
    unit_um: float | None = None
    unit: str | None = None


def header_space(header):
    """The space, axes and unit that a header states.

    Recognised: MouseLight's `Annotation Space: CCFv3.0 Axes> X: Anterior-Posterior; ...` and any line
    that says of x, y and z in words which axis each is; MouseLight downloads from before that line was
    written (they name mouselight.janelia.org, and are x = ML, y = DV, z = AP); CCF and its version; units in
    words. Headers that contradict themselves say nothing. A column line (`##n type x y z r parent`)
    says nothing about axes, and neither do `SCALE` lines: writers differ on what they mean.

    Parameters
    ----------
    header : str
        The comment lines, as in `Neuron.header`.

    Returns
    -------
    HeaderSpace
    """
    header = "\n".join(" ".join(line.split()) for line in header.splitlines() if line.strip())
    named = _SPACE.search(header)
    space = (re.split("(?i)axes>", named.group(1))[0].strip() or None) if named else None
    order = _stated_axes(header)
    by_mouselight = _MOUSELIGHT in header.lower()
    if space is None and order is None and by_mouselight and _PORTAL not in header.lower():
        space, order = "MouseLight before CCFv3", _LEGACY_AXES
    if order is None and space is not None and not _AXIS.search(header):
        order = AXES if space.startswith("CCFv3") else _LEGACY_AXES if "legacy" in space.lower() else None
    if space is None and (found := _CCF.search(header)):
        space = found.group(0)
    unit, unit_um = _stated_unit(header)
    if unit is None and order is not None and (by_mouselight or named):
        unit, unit_um = "micrometre", 1.0
    return HeaderSpace(space, order, unit_um, unit)


def column_names(header):
    """The names of the columns that a header lists, lower case; an empty list where it lists none.

    A line lists columns if it starts with a name for the id and holds x, y and z side by side and a
    name for the parent, as in `##n type x y z radius parent` or `# id,type,x,y,z,r,pid`.
    """
    for line in header.splitlines():
        names = _TOKEN.findall(line.lower())
        if len(names) >= 7 and names[0] in _IDS and _PARENTS & set(names) and _coordinates(names) is not None:
            return names
    return []


def coordinate_columns(names):
    """The columns, counted from 0, of x, y and z by the names of a header; None unless they are 2, 3, 4."""
    first = _coordinates(names)
    if first != 2 or names[6] not in _PARENTS:
        return None
    return tuple(first + names[first : first + 3].index(axis) for axis in "xyz")


def offset(header):
    """The vector that a header asks to add to every position (`# OFFSET dx dy dz`), or None."""
    found = _OFFSET.search(header)
    try:
        values = tuple(float(text) for text in found.groups()) if found else (0.0, 0.0, 0.0)
    except ValueError:
        return None
    return values if any(values) else None


def _coordinates(names):
    """Where x, y and z stand side by side, in any order, or None."""
    places = (k for k in range(len(names) - 2) if sorted(names[k : k + 3]) == ["x", "y", "z"])
    return next(places, None)


def _stated_axes(header):
    """What x, y and z hold by a header's words; None where it names not all, or contradicts itself."""
    stated = {(letter.lower(), _AXIS_WORDS[word.lower()]) for letter, word in _AXIS.findall(header)}
    order = tuple(axis for _, axis in sorted(stated))
    return order if len(stated) == 3 and sorted(order) == sorted(AXES) else None


def _stated_unit(header):
    """The unit that a header names and its micrometres; None, None where it names none or several."""
    stated = set()
    for size, word in _UNIT.findall(header):
        unit = next(name for name, words in _UNITS.items() if word.lower() in words)
        stated.add((unit, float(size) if size else _UNIT_UM[unit]))
    return stated.pop() if len(stated) == 1 else (None, None)
