"""Reading one neuron from an SWC file, and the checks that make it usable.

An SWC row is `id kind x y z radius parent`. Files in the wild have comments, tabs, CRLF, ids written as
floats, rows in any order and several roots; all of that is read. What cannot be a neuron is an InputError.
"""

import gzip
import lzma
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numba import njit

from digimus.errors import InputError
from digimus.morphology.ccf import AXES, MIDLINE_ML_UM

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4
_COLUMNS = 7
_FARTHEST_UM = 1e6
_SUFFIXES = (".swc", ".gz", ".xz")
_POWERS = 10.0 ** np.arange(23)
_ZERO, _FULL = np.uint8(48), 10**17
_OK, _NOT_A_NUMBER, _WRONG_COLUMNS = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Neuron:
    """One reconstructed neuron of n nodes.

    Attributes
    ----------
    id : str
        The name of the neuron: its file's name without suffixes unless another was given.
    xyz_um : (n, 3) float64
        Node positions, CCF micrometres, columns AP, DV, ML.
    radius_um : (n,) float64
    kind : (n,) int32
        1 soma, 2 axon, 3 basal dendrite, 4 apical dendrite; other numbers are kept as they are.
    parent : (n,) int64
        Index of the parent in these arrays, -1 for roots. A parent may come after its child.
    soma_um : (3,) float64
        Mean position of the soma nodes.
    path : Path
        The file it was read from.
    """

    id: str
    xyz_um: np.ndarray
    radius_um: np.ndarray
    kind: np.ndarray
    parent: np.ndarray
    soma_um: np.ndarray
    path: Path

    def __len__(self):
        return len(self.parent)


def read_swc(path, *, axis_order=AXES, unit_um=1.0, id=None):
    """Read and check one neuron from an SWC file, plain or compressed (.gz, .xz).

    Parameters
    ----------
    path : str or Path
    axis_order : sequence of 3 str, or "mouselight"
        What the columns x, y, z hold, by the source's own declaration; the result is AP, DV, ML in any
        case. "mouselight": AP, DV, ML where the header says CCFv3.0, else ML, DV, AP (older downloads).
    unit_um : float
        Micrometres in one unit of the file's coordinates and radii.
    id : str, optional
        The neuron's name; by default the file's name up to `.swc`.

    Raises
    ------
    InputError
        If the file is absent, empty, binary or not SWC, if a row has not seven columns or a value is not
        finite, if ids repeat, a parent is missing, parents form a cycle, or there is no soma.
    """
    path = Path(path)
    data = _read_bytes(path)
    order, scale = _axes(axis_order, data), _unit(unit_um)
    table = _parse_table(data, path)
    ids, kind, parent_ids = (_whole_numbers(table[:, column], name, path) for column, name in _INTEGERS)
    neuron = Neuron(
        id=str(id) if id is not None else _stem(path),
        xyz_um=table[:, [2 + order.index(axis) for axis in AXES]] * scale,
        radius_um=table[:, 5] * scale,
        kind=kind.astype(np.int32),
        parent=_link(ids, parent_ids, path),
        soma_um=np.full(3, np.nan),
        path=path,
    )
    check(neuron)
    return replace(neuron, soma_um=neuron.xyz_um[neuron.kind == SOMA].mean(axis=0))


def check(neuron):
    """Raise InputError unless the neuron is a forest of finite nodes with a soma.

    Raises
    ------
    InputError
        If there is no node, arrays differ in length, a coordinate is not finite or farther than a metre,
        a parent lies outside the arrays, parents form a cycle, or no node is a soma (kind 1).
    """
    n, where = len(neuron.parent), neuron.path
    shapes = {neuron.xyz_um.shape, (len(neuron.kind), 3), (len(neuron.radius_um), 3), (n, 3)}
    if n == 0 or len(shapes) != 1:
        raise _bad(where, "A neuron has no usable nodes.", "arrays of one length, not empty", sorted(shapes))
    values = np.column_stack([neuron.xyz_um, neuron.radius_um])
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise _bad(
            where, "A coordinate or radius is not finite.", "numbers", f"{values[row]}, node {row + 1}"
        )
    if np.abs(neuron.xyz_um).max() > _FARTHEST_UM:
        raise InputError(
            "A coordinate is farther than a brain can reach.",
            where=where,
            expected=f"micrometres, at most {_FARTHEST_UM:.0e} from zero",
            got=f"{np.abs(neuron.xyz_um).max():.3g}",
            hint="If the file is in nanometres or voxels, say so with unit_um.",
        )
    if neuron.parent.min() < -1 or neuron.parent.max() >= n:
        raise _bad(where, "A parent is missing.", f"indices from -1 to {n - 1}", neuron.parent.max())
    loop = _find_cycle(neuron.parent)
    if loop >= 0:
        raise _bad(
            where, "Parents form a cycle.", "every path up ends at a root", f"node {loop + 1} in a cycle"
        )
    if not (neuron.kind == SOMA).any():
        kinds = ", ".join(map(str, np.unique(neuron.kind)[:8]))
        raise _bad(where, "A neuron has no soma.", "at least one node of kind 1", f"kinds {kinds}")


def mirror(neuron):
    """The neuron in the hemisphere ML <= 5700 µm: reflected at the midline if its soma lies beyond it."""
    if neuron.soma_um[2] <= MIDLINE_ML_UM:
        return neuron
    xyz_um, soma_um = neuron.xyz_um.copy(), neuron.soma_um.copy()
    xyz_um[:, 2] = 2 * MIDLINE_ML_UM - xyz_um[:, 2]
    soma_um[2] = 2 * MIDLINE_ML_UM - soma_um[2]
    return replace(neuron, xyz_um=xyz_um, soma_um=soma_um)


def segment_lengths_um(neuron):
    """Length of the segment from each node to its parent, (n,) µm; zero at roots."""
    steps = neuron.xyz_um - neuron.xyz_um[neuron.parent]
    return np.where(neuron.parent < 0, 0.0, np.sqrt((steps * steps).sum(axis=1)))


_INTEGERS = ((0, "id"), (1, "kind"), (6, "parent"))


def _read_bytes(path):
    """The bytes of a file, decompressed by its first bytes; InputError where they cannot be had."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        elif data[:6] == b"\xfd7zXZ\x00":
            data = lzma.decompress(data)
        elif path.suffix in (".gz", ".xz"):
            raise _bad(
                path, "A file is not compressed as its name says.", f"{path.suffix} data", repr(data[:12])
            )
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        got = "nothing there" if not path.exists() else str(error) or type(error).__name__
        raise _bad(path, "A neuron cannot be read.", "a whole SWC file, plain, .gz or .xz", got) from error
    if not data.strip():
        raise _bad(path, "A file is empty.", "SWC rows", f"{len(data)} bytes")
    if b"\x00" in data:
        raise _bad(path, "A file is binary, not SWC.", "text", repr(data[:16]))
    return data.removeprefix(b"\xef\xbb\xbf")


def _axes(axis_order, data):
    """What x, y and z hold, as a list of three axis names."""
    if isinstance(axis_order, str) and axis_order.lower() == "mouselight":
        comments = (line for line in data[:4096].splitlines() if line.startswith(b"#"))
        return list(AXES if any(b"CCFv3.0" in line for line in comments) else AXES[::-1])
    try:
        order = [str(axis).upper() for axis in axis_order]
    except TypeError:
        order = []
    if sorted(order) != sorted(AXES):
        raise InputError(
            "The order of the axes is not one.",
            where="axis_order",
            expected='AP, DV and ML in the order of the columns x, y, z, or "mouselight"',
            got=axis_order,
            hint="The source's documentation or the header of its files says which column is which.",
        )
    return order


def _unit(unit_um):
    if not (isinstance(unit_um, (int, float, np.number)) and np.isfinite(unit_um) and unit_um > 0):
        raise InputError(
            "The unit of length is out of range.",
            where="unit_um",
            expected="micrometres in a unit of the file, above zero",
            got=unit_um,
            hint="1 for micrometres, 0.001 for nanometres.",
        )
    return float(unit_um)


def _parse_table(data, path):
    """The rows of an SWC file as (n, 7) float64."""
    text = np.frombuffer(data + b"\n", dtype=np.uint8)
    table = np.empty((len(data) // (2 * _COLUMNS) + 2, _COLUMNS))  # a row has at least 14 bytes
    n, status, line, columns = _parse(text, table)
    if status == _OK and n:
        return table[:n]
    if status == _OK:
        raise _bad(path, "A file is empty.", "SWC rows", "comments alone")
    shown = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[line - 1][:60]
    got = f"line {line}: {shown.decode('latin-1')!r}"
    if status == _WRONG_COLUMNS:
        raise _bad(path, "A row has the wrong number of columns.", "7 columns", f"{columns} in {got}")
    what = "A web page was saved as a neuron." if data.lstrip()[:1] == b"<" else "A file is not SWC."
    raise _bad(path, what, "rows of seven numbers: id kind x y z radius parent", got)


def _whole_numbers(values, name, path):
    """One column as int64; ids written as floats (`1.0`) are whole numbers too."""
    with np.errstate(invalid="ignore"):
        bad = ~((values == np.floor(values)) & (np.abs(values) < 2**31))
    if bad.any():
        raise _bad(path, f"A node's {name} is not a whole number.", "integers", values[bad][0])
    return values.astype(np.int64)


def _link(ids, parent_ids, path):
    """Parents as indices: -1 where the parent is negative or the node itself."""
    n = len(ids)
    if ids[0] >= 0 and (np.diff(ids) == 1).all():
        index, known = parent_ids - ids[0], (parent_ids >= ids[0]) & (parent_ids <= ids[-1])
    else:
        order = np.argsort(ids, kind="stable")
        in_order = ids[order]
        same = np.flatnonzero(np.diff(in_order) == 0)
        if len(same):
            raise _bad(path, "An id is used twice.", "one row an id", f"id {in_order[same[0]]} again")
        place = np.minimum(np.searchsorted(in_order, parent_ids), n - 1)
        index, known = order[place], in_order[place] == parent_ids
    root = ((parent_ids < 0) & ~known) | (parent_ids == -1) | (parent_ids == ids)
    if not (root | known).all():
        row = int(np.flatnonzero(~(root | known))[0])
        got = f"node {ids[row]} has parent {parent_ids[row]}"
        raise _bad(path, "A parent is missing.", "a parent among the ids, or -1 for a root", got)
    return np.where(root, -1, index)


def _stem(path):
    name = path.name
    while Path(name).suffix.lower() in _SUFFIXES and Path(name).stem:
        name = Path(name).stem
    return name


def _bad(path, what, expected, got):
    hint = "Look at the file in a text editor or fetch it again; the other neurons can be used without it."
    return InputError(what, where=path, expected=expected, got=got, hint=hint)


@njit(cache=True)
def _find_cycle(parent):
    """A node that is on a cycle, or -1."""
    walk = np.zeros(len(parent), np.int64)
    for start in range(len(parent)):
        node = start
        while node >= 0 and walk[node] == 0:
            walk[node] = start + 1
            node = parent[node]
        if node >= 0 and walk[node] == start + 1:
            return node
    return -1


@njit(cache=True)
def _parse(text, table):
    """Fill the table with the rows of the text, which ends with a line feed.

    Returns the number of rows, the status, and the line it stopped at with its number of columns.
    """
    n, i, row, line, column = len(text), 0, 0, 1, 0
    while i < n:
        c = text[i]
        if c == 10 or c == 13:
            if column != 0 and column != 7:
                return row, 2, line, column
            row += column == 7
            column = 0
            line += c == 10 or text[i + 1] != 10
            i += 1
        elif c == 32 or c == 9:
            i += 1
        elif c == 35:
            while text[i] != 10 and text[i] != 13:
                i += 1
        else:
            value, i, good = _number(text, i)
            if not good:
                return row, 1, line, column
            if column < 7:
                table[row, column] = value
            column += 1
    return row, 0, line, column


@njit(inline="always")
def _number(text, i):
    """A decimal number at text[i:], to within a unit in the last place; value, end, whether it is one."""
    start, negative = i, text[i] == 45
    if negative or text[i] == 43:
        i += 1
    mantissa, kept, exponent, first = np.int64(0), 0, 0, i
    while text[i] - _ZERO <= 9:
        if mantissa < _FULL:
            mantissa = mantissa * 10 + np.int64(text[i] - _ZERO)
        else:
            exponent += 1
        i += 1
    kept = i - first
    if text[i] == 46:
        i += 1
        first = i
        while text[i] - _ZERO <= 9:
            if mantissa < _FULL:
                mantissa = mantissa * 10 + np.int64(text[i] - _ZERO)
                exponent -= 1
            i += 1
        kept += i - first
    if kept == 0:
        return _not_finite(text, start)
    if text[i] | 32 == 101:
        power, i = _power(text, i + 1)
        if i < 0:
            return 0.0, start, False
        exponent += power
    value = _scaled(mantissa, exponent)
    return (-value if negative else value), i, _ends(text, i)


@njit(cache=True)
def _power(text, i):
    """The exponent at text[i:], at most 100,000 in size, and its end; an end of -1 where there is none."""
    negative = text[i] == 45
    if negative or text[i] == 43:
        i += 1
    first, power = i, 0
    while 48 <= text[i] <= 57:
        power = min(power * 10 + (np.int64(text[i]) - 48), 100_000)
        i += 1
    return (-power if negative else power), (i if i > first else -1)


@njit(inline="always")
def _scaled(mantissa, exponent):
    value = float(mantissa)
    if mantissa == 0 or exponent < -400:
        return 0.0
    if exponent > 400:
        return np.inf
    if -22 <= exponent <= 22:
        return value / _POWERS[-exponent] if exponent < 0 else value * _POWERS[exponent]
    return value * 10.0**exponent if exponent > 0 else value / 1e22 * 10.0 ** (exponent + 22)


@njit(cache=True)
def _not_finite(text, i):
    """`nan` or `inf` in any case and sign: a value, so that the check can name it; anything else is none."""
    if text[i] == 43 or text[i] == 45:
        i += 1
    if i + 3 <= len(text):
        a, b, c = text[i] | 32, text[i + 1] | 32, text[i + 2] | 32
        if a == 110 and b == 97 and c == 110:
            return np.nan, i + 3, _ends(text, i + 3)
        if a == 105 and b == 110 and c == 102:
            return np.inf, i + 3, _ends(text, i + 3)
    return 0.0, i, False


@njit(inline="always")
def _ends(text, i):
    """Whether a number may end before text[i]: at white space or a comment."""
    return text[i] in (9, 10, 13, 32, 35)
