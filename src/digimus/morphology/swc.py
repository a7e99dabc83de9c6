"""Reading one neuron from an SWC file, and the checks that make it usable.

An SWC row is `id kind x y z radius parent`. Files in the wild have comments anywhere, tabs, CRLF, ids
written as floats, rows in any order, several roots, further columns; all of that is read. What cannot be a
neuron, or could be read in two ways, is an InputError. Numbers are exactly those that Python's `float` makes.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numba import njit

from digimus.errors import InputError
from digimus.morphology.ccf import AXES, MIDLINE_ML_UM
from digimus.morphology.contents import contents, stem, unusable
from digimus.morphology.headers import column_names, coordinate_columns, header_space, offset

SOMA, AXON, BASAL, APICAL = 1, 2, 3, 4
_COLUMNS = 7
_FARTHEST_UM = 1e6
_WIDEST_SOMA_UM, _SOMA_ROOTS_UM = 100.0, 30.0
_LEADING = re.compile(rb"(?:[ \t]*+(?:#[^\r\n]*+)?+(?:\r\n|\r|\n))*+(?:[ \t]*+#[^\r\n]*+)?+")
_POWERS = 10.0 ** np.arange(23)
_SPLIT = 134217729.0  # 2^27 + 1: halves a float64's digits
_ZERO, _ONE, _TEN, _EXACT = np.uint8(48), np.uint64(1), np.uint64(10), 2**53
_LARGEST_KIND = 2**31
LONGEST_HEADER = 2**20
"""How many bytes of leading comments are kept and looked at."""
_OK, _NOT_A_NUMBER, _WRONG_COLUMNS, _NOT_WHOLE, _MORE_HARD = range(5)
_NO, _YES, _HARD = 0, 1, 2
_INTEGERS = {0: "id", 1: "kind", 6: "parent"}


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
    header : str
        The comment lines before the first row, as they are in the file.
    """

    id: str
    xyz_um: np.ndarray
    radius_um: np.ndarray
    kind: np.ndarray
    parent: np.ndarray
    soma_um: np.ndarray
    path: Path
    header: str = ""

    def __len__(self):
        return len(self.parent)


def read_swc(path, *, axis_order=AXES, unit_um=1.0, id=None):
    """Read and check one neuron from an SWC file: plain, .gz, .xz, or a member of a zip archive.

    Parameters
    ----------
    path : str or Path
        A file, or `archive.zip/inner/name.swc`.
    axis_order : sequence of 3 str, or "header"
        What the columns x, y, z hold, by the source's own declaration; the result is AP, DV, ML in any
        case. "header": what the file's header says (`header_space`).
    unit_um : float or "header"
        Micrometres in one unit of the file's coordinates and radii.
    id : str, optional
        The neuron's name; by default the file's name up to `.swc`.

    Raises
    ------
    InputError
        If the file cannot be read (`contents`) or is not SWC, if a row has not as many columns as it
        should or a value is not finite, if ids repeat or are negative, a parent is missing, parents form a
        cycle, there is no soma or more than one, or the header was to tell the axes or the unit and does not.

    Notes
    -----
    More than seven columns are read if the header lists them or the name ends in .eswc, and every row has as
    many. `# OFFSET dx dy dz` in a header is added to the positions, as its writers mean it. Columns that the
    header lists as z, y, x are taken by their names. A cut at the end of a row cannot be told from a
    smaller neuron.
    """
    path = Path(path)
    return parse_swc(contents(path), path, axis_order=axis_order, unit_um=unit_um, id=id)


def parse_swc(data, path, *, axis_order=AXES, unit_um=1.0, id=None):
    """One neuron from the bytes of an SWC file; as `read_swc`, with `path` naming where they come from."""
    leading = _LEADING.match(data).end()
    header = data[: min(leading, LONGEST_HEADER)].decode("utf-8", "replace").strip()
    order, scale = axes_of(axis_order, header, path), unit_of(unit_um, header, path)
    names = column_names(header) if header else []
    columns = _coordinate_order(names, path)
    widths = len(names) > _COLUMNS or ".eswc" in path.name.lower()
    table = _rows(data, path, [order.index(axis) for axis in AXES], columns, widths)
    moved = offset(header) if header else None
    if moved is not None:
        table[0][:] += [moved[order.index(axis)] for axis in AXES]
    return assemble(*table, scale=scale, id=stem(path) if id is None else id, path=path, header=header)


def assemble(xyz, radius, kind, ids, parent_ids, *, scale, id, path, header):
    """A checked neuron from its columns; positions AP, DV, ML in the file's unit, parents by their ids.

    Raises
    ------
    InputError
        As `read_swc`, for everything but the text itself.
    """
    parent = np.empty(len(ids), np.int64)
    if not _link_in_order(ids, parent_ids, parent):
        parent = link(ids, parent_ids, path)
    if scale != 1.0:
        xyz, radius = xyz * scale, radius * scale
    neuron = Neuron(str(id), xyz, radius, kind, parent, np.full(3, np.nan), path, header)
    return replace(neuron, soma_um=_checked(neuron))


def check(neuron):
    """Raise InputError unless the neuron is a forest of finite nodes with one soma.

    Raises
    ------
    InputError
        If there is no node, arrays differ in length, a coordinate is not finite or farther than a metre,
        a parent lies outside the arrays, parents form a cycle, no node is a soma (kind 1), or there are two
        somata [D]: a soma node more than 100 µm from the mean of all, or two that are roots and more than
        30 µm apart.
    """
    _checked(neuron)


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


def axes_of(axis_order, header, path):
    """What x, y and z hold, as a list of three axis names; InputError where neither says."""
    if isinstance(axis_order, str) and axis_order.lower() == "header":
        order = header_space(header).axis_order
        if order is None:
            raise InputError(
                "A header does not say which axes the columns hold.",
                where=path,
                expected="a header that names the axes of x, y and z, such as MouseLight's",
                got=header.replace("\n", " ")[:120] or "no header",
                hint="Declare axis_order for the source: AP, DV and ML in the order of x, y, z.",
            )
        return list(order)
    try:
        order = [str(axis).upper() for axis in axis_order]
    except TypeError:
        order = []
    if sorted(order) != sorted(AXES):
        raise InputError(
            "The order of the axes is not one.",
            where="axis_order",
            expected='AP, DV and ML in the order of the columns x, y, z, or "header"',
            got=axis_order,
            hint="The source's documentation or the header of its files says which column is which.",
        )
    return order


def unit_of(unit_um, header, path):
    """Micrometres in a unit of the file; InputError where neither the declaration nor the header says."""
    if isinstance(unit_um, str) and unit_um.lower() == "header":
        stated = header_space(header)
        if stated.unit_um is None:
            raise InputError(
                "A header does not say the unit of length.",
                where=path,
                expected="a header that names micrometres, nanometres or a voxel's size",
                got=stated.unit or header.replace("\n", " ")[:120] or "no header",
                hint="Declare unit_um for the source: micrometres in one unit of its files.",
            )
        return stated.unit_um
    number = isinstance(unit_um, (int, float, np.number)) and not isinstance(unit_um, bool)
    if not (number and np.isfinite(unit_um) and unit_um > 0):
        raise InputError(
            "The unit of length is out of range.",
            where="unit_um",
            expected='micrometres in a unit of the file, above zero, or "header"',
            got=unit_um,
            hint="1 for micrometres, 0.001 for nanometres.",
        )
    return float(unit_um)


def _coordinate_order(names, path):
    """The columns of x, y and z: 2, 3, 4, or as the header's names of columns have them."""
    if not names:
        return (2, 3, 4)
    columns = coordinate_columns(names)
    if columns is None:
        expected, got = "id, kind, x, y, z, radius, parent", ", ".join(names[:9])
        raise unusable(path, "The header lists the columns in another order.", expected, got)
    return columns


def _rows(data, path, axes, coordinates, wide):
    """The rows of an SWC file: (n, 3) positions with columns as `axes` asks, radius, kind, id, parent's id.

    Parameters
    ----------
    axes : list of 3 int
        For AP, DV and ML, which of x, y, z holds it.
    coordinates : sequence of 3 int
        The columns of x, y and z.
    wide : bool
        Whether rows may have more than seven columns.
    """
    text = np.frombuffer(data + b"\n", dtype=np.uint8)
    most = min(_n_lines(text), len(text) // (2 * _COLUMNS) + 1)  # a row has at least 14 bytes
    place = np.empty(3, np.int64)
    for axis, letter in enumerate(axes):
        place[coordinates[letter] - 2] = axis
    kind, ids, parents = np.empty(most, np.int32), np.empty(most, np.int64), np.empty(most, np.int64)
    xyz, radius, hard = np.empty((most, 3)), np.empty(most), np.empty((256, 4), np.int64)
    status = _MORE_HARD
    while status == _MORE_HARD:
        n, status, line, column, n_hard, width = _parse(
            text, 0 if wide else _COLUMNS, place, xyz, radius, kind, ids, parents, hard
        )
        if status == _MORE_HARD:
            hard = np.empty((8 * len(hard), 4), np.int64)
    if status != _OK or n == 0:
        raise _unparsed(data, path, status, line, column, width)
    for row, column, start, end in hard[:n_hard].tolist():
        value = float(data[start:end])
        if column in _INTEGERS:
            value = whole_numbers([value], _INTEGERS[column], path)[0]
        target = {0: ids, 1: kind, 5: radius, 6: parents}.get(column)
        if target is None:
            xyz[row, place[column - 2]] = value
        else:
            target[row] = value
    return xyz[:n], radius[:n], kind[:n], ids[:n], parents[:n]


def whole_numbers(values, name, path):
    """A column of "id", "kind" or "parent" as int64; InputError where a value is not whole, or too large."""
    values = np.asarray(values, dtype=np.float64)
    limit = _LARGEST_KIND if name == "kind" else _EXACT
    with np.errstate(invalid="ignore"):
        bad = ~((values == np.floor(values)) & (np.abs(values) < limit))
    if bad.any():
        got = values[bad][0]
        raise unusable(path, f"A node's {name} is not a whole number.", f"whole, below {limit:g}", got)
    return values.astype(np.int64)


def _unparsed(data, path, status, line, column, width):
    """The error of a text whose rows could not be read."""
    if status == _OK:
        return unusable(path, "A file is empty.", "SWC rows", "comments alone")
    shown = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[line - 1][:60]
    got = f"line {line}: {shown.decode('latin-1')!r}"
    if status == _WRONG_COLUMNS:
        expected = f"{width} columns" + (", or a header that lists more" if width == _COLUMNS else "")
        return unusable(path, "A row has the wrong number of columns.", expected, f"{column} in {got}")
    if status == _NOT_WHOLE:
        limit = "whole numbers, kinds below 2^31 and others below 2^53 in size"
        return unusable(path, f"A node's {_INTEGERS[column]} is not a whole number.", limit, got)
    first = data.lstrip()[:1]
    kinds = {b"<": "A web page was saved as a neuron.", b"{": "A JSON file is named as SWC."}
    what = kinds.get(first, "A file is not SWC.")
    return unusable(path, what, "rows of seven numbers: id kind x y z radius parent", got)


def link(ids, parent_ids, path):
    """Parents as indices: -1 where the parent is negative or the node itself. Ids in any order."""
    if (ids < 0).any():
        raise unusable(path, "A node's id is negative.", "ids from 0", f"id {ids.min()}")
    order = np.argsort(ids, kind="stable")
    in_order = ids[order]
    same = np.flatnonzero(in_order[1:] == in_order[:-1])
    if len(same):
        raise unusable(path, "An id is used twice.", "one row an id", f"id {in_order[same[0]]} again")
    place = np.minimum(np.searchsorted(in_order, parent_ids), len(ids) - 1)
    root, known = (parent_ids < 0) | (parent_ids == ids), in_order[place] == parent_ids
    if not (root | known).all():
        row = int(np.flatnonzero(~(root | known))[0])
        got = f"node {ids[row]} has parent {parent_ids[row]}"
        raise unusable(path, "A parent is missing.", "a parent among the ids, or -1 for a root", got)
    return np.where(root, -1, order[place])


def _checked(neuron):
    """The soma's position, (3,), of a neuron that is one; see `check`."""
    n, where = len(neuron.parent), neuron.path
    shapes = {neuron.xyz_um.shape, (len(neuron.kind), 3), (len(neuron.radius_um), 3), (n, 3)}
    if n == 0 or len(shapes) != 1:
        got = sorted(shapes)
        raise unusable(where, "A neuron has no usable nodes.", "arrays of one length, not empty", got)
    status, node, value, soma = _survey(neuron.xyz_um, neuron.radius_um, neuron.kind, neuron.parent)
    if status == _SOUND:
        return soma
    if status == _TOO_FAR:
        raise InputError(
            "A coordinate is farther than a brain can reach.",
            where=where,
            expected=f"micrometres, at most {_FARTHEST_UM:.0e} from zero",
            got=f"{value:.3g}, node {node + 1}",
            hint="If the file is in nanometres or voxels, say so with unit_um.",
        )
    xyz, kinds = neuron.xyz_um[node], ", ".join(map(str, np.unique(neuron.kind)[:8]))
    apart = f"soma nodes within {_WIDEST_SOMA_UM:g} µm of their mean, roots within {_SOMA_ROOTS_UM:g} µm"
    what, expected, got = {
        _NOT_FINITE: ("A coordinate or radius is not finite.", "numbers", f"{xyz}, {neuron.radius_um[node]}"),
        _NO_PARENT: ("A parent is missing.", f"indices from -1 to {n - 1}", neuron.parent[node]),
        _CYCLE: ("Parents form a cycle.", "every path up ends at a root", "a cycle through it"),
        _NO_SOMA: ("A neuron has no soma.", "at least one node of kind 1", f"kinds {kinds}"),
        _TWO_SOMATA: ("A file holds more than one soma.", apart, f"{value:.4g} µm"),
    }[status]
    raise unusable(where, what, expected, got if status == _NO_SOMA else f"{got}, node {node + 1}")


_SOUND, _NOT_FINITE, _TOO_FAR, _NO_PARENT, _CYCLE, _NO_SOMA, _TWO_SOMATA = range(7)


@njit(cache=True, nogil=True)
def _survey(xyz, radius, kind, parent):
    """Whether nodes make a neuron, in one pass: status, the node that does not, a size, the mean soma."""
    n, n_soma, in_order = len(parent), 0, True
    soma = np.zeros(3)
    for node in range(n):
        a, b, c = xyz[node, 0], xyz[node, 1], xyz[node, 2]
        if not (np.isfinite(a) and np.isfinite(b) and np.isfinite(c) and np.isfinite(radius[node])):
            return _NOT_FINITE, node, 0.0, soma
        farthest = max(abs(a), abs(b), abs(c))
        if farthest > _FARTHEST_UM:
            return _TOO_FAR, node, farthest, soma
        if not -1 <= parent[node] < n:
            return _NO_PARENT, node, 0.0, soma
        in_order &= parent[node] < node
        if kind[node] == SOMA:
            n_soma += 1
            soma[0] += a
            soma[1] += b
            soma[2] += c
    loop = -1 if in_order else _find_cycle(parent)
    if loop >= 0:
        return _CYCLE, loop, 0.0, soma
    if n_soma == 0:
        return _NO_SOMA, 0, 0.0, soma
    soma /= n_soma
    first_root = -1
    for node in range(n if n_soma > 1 else 0):
        if kind[node] == SOMA:
            away = _distance(xyz, node, soma)
            if away > _WIDEST_SOMA_UM:
                return _TWO_SOMATA, node, away, soma
            if parent[node] < 0:
                first_root = node if first_root < 0 else first_root
                away = _distance(xyz, node, xyz[first_root])
                if away > _SOMA_ROOTS_UM:
                    return _TWO_SOMATA, node, away, soma
    return _SOUND, 0, 0.0, soma


@njit(cache=True, nogil=True)
def _distance(xyz, node, place):
    a, b, c = xyz[node, 0] - place[0], xyz[node, 1] - place[1], xyz[node, 2] - place[2]
    return np.sqrt(a * a + b * b + c * c)


@njit(cache=True, nogil=True)
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


@njit(cache=True, nogil=True)
def _link_in_order(ids, parent_ids, parent):
    """Fill in parents as indices where ids count up by one and every parent is there; else False."""
    first, n = ids[0], len(ids)
    if first < 0:
        return False
    for row in range(n):
        up = parent_ids[row] - first
        if ids[row] != first + row:
            return False
        if parent_ids[row] < 0 or up == row:
            parent[row] = -1
        elif 0 <= up < n:
            parent[row] = up
        else:
            return False
    return True


@njit(cache=True, nogil=True)
def _n_lines(text):
    """At least the number of lines."""
    n_feeds, n_returns = 0, 0
    for c in text:
        n_feeds += c == 10
        n_returns += c == 13
    return n_feeds + n_returns


@njit(cache=True, nogil=True, error_model="numpy")
def _parse(text, width, place, xyz, radius, kind, ids, parents, hard):
    """Fill the columns with the rows of the text, which ends with a line feed.

    `width` is the number of columns, 0 for that of the first row (at least seven). Numbers that need more
    than float64 to be made exactly are left to the caller: row, column, start and end go into `hard`.

    Returns the number of rows, the status, the line it stopped at, the number of columns there (the column,
    where it is not whole), the number of hard numbers, and the width.
    """
    n, i, row, line, column, n_hard = len(text), 0, 0, 1, 0, 0
    while i < n:
        c = text[i]
        if c == 10 or c == 13:
            if column != 0:
                if width == 0:
                    width = max(column, _COLUMNS)
                if column != width:
                    return row, _WRONG_COLUMNS, line, column, n_hard, width
                row += 1
                column = 0
            line += c == 10 or text[i + 1] != 10
            i += 1
        elif c == 32 or c == 9:
            i += 1
        elif c == 35:
            while text[i] != 10 and text[i] != 13:
                i += 1
        else:
            start = i
            value, i, good = _number(text, i)
            if good == _NO:
                return row, _NOT_A_NUMBER, line, column, n_hard, width
            if good == _HARD and column < _COLUMNS:
                if n_hard == len(hard):
                    return row, _MORE_HARD, line, column, n_hard, width
                hard[n_hard, 0], hard[n_hard, 1], hard[n_hard, 2], hard[n_hard, 3] = row, column, start, i
                n_hard += 1
            elif column < 2 or column == 6:
                if value != np.floor(value) or not abs(value) < (_LARGEST_KIND if column == 1 else _EXACT):
                    return row, _NOT_WHOLE, line, column, n_hard, width
                if column == 0:
                    ids[row] = np.int64(value)
                elif column == 1:
                    kind[row] = np.int32(value)
                else:
                    parents[row] = np.int64(value)
            elif column < 5:
                xyz[row, place[column - 2]] = value
            elif column == 5:
                radius[row] = value
            column += 1
    return row, _OK, line, column, n_hard, width


@njit(inline="always")
def _number(text, i):
    """The decimal number at text[i:] as float64, its end, and whether it is one (_NO, _YES, _HARD)."""
    start, negative = i, text[i] == 45
    if negative or text[i] == 43:
        i += 1
    mantissa, at = np.uint64(0), np.uint64(i)  # unsigned: no test for places from the end
    first = at
    digit = text[at] - _ZERO
    while digit <= 9:
        mantissa = mantissa * _TEN + digit
        at += _ONE
        digit = text[at] - _ZERO
    exponent, kept = 0, np.int64(at - first)
    if text[at] == 46:
        at += _ONE
        first = at
        digit = text[at] - _ZERO
        while digit <= 9:
            mantissa = mantissa * _TEN + digit
            at += _ONE
            digit = text[at] - _ZERO
        exponent = -np.int64(at - first)
        kept -= exponent
    i = np.int64(at)
    if kept == 0:
        return _not_finite(text, start)
    if text[i] | 32 == 101:
        power, i = _power(text, i + 1)
        if i < 0:
            return 0.0, start, _NO
        exponent += power
    if not _ends(text, i):
        return 0.0, start, _NO
    value, exact = _scaled(np.int64(mantissa), exponent)
    return (-value if negative else value), i, (_YES if exact and kept <= 18 else _HARD)


@njit(cache=True, nogil=True)
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
    """mantissa · 10^exponent for 0 <= mantissa < 10^18, and whether it is the float64 nearest to that."""
    value = float(mantissa)
    if mantissa < _EXACT and -22 <= exponent <= 22:  # both exact: one rounding (Clinger 1990)
        return (value / _POWERS[-exponent] if exponent < 0 else value * _POWERS[exponent]), True
    if -19 <= exponent < 0:
        return _divided(value, float(mantissa - np.int64(value)), _POWERS[-exponent]), True
    return value, mantissa == 0 or exponent == 0


@njit(cache=True, nogil=True, error_model="numpy")
def _divided(high, low, divisor):
    """(high + low) / divisor, rounded once.

    The quotient's rest is exact by Dekker's product (1971), so the sum's error is below 2^-103 of it; a
    quotient of an integer below 2^60 and 10^k, k <= 19, lies on a midpoint of two float64 or 2^-99 away.
    """
    first = high / divisor
    t = _SPLIT * first
    a = t - (t - first)
    t = _SPLIT * divisor
    b = t - (t - divisor)
    product = first * divisor
    below = ((a * b - product) + a * (divisor - b) + (first - a) * b) + (first - a) * (divisor - b)
    return first + (((high - product) - below) + low) / divisor


@njit(cache=True, nogil=True)
def _not_finite(text, i):
    """`nan` or `inf` in any case and sign: a value, so that the check can name it; anything else is none."""
    if text[i] == 43 or text[i] == 45:
        i += 1
    if i + 3 < len(text):
        a, b, c = text[i] | 32, text[i + 1] | 32, text[i + 2] | 32
        if a == 110 and b == 97 and c == 110 and _ends(text, i + 3):
            return np.nan, i + 3, _YES
        if a == 105 and b == 110 and c == 102 and _ends(text, i + 3):
            return np.inf, i + 3, _YES
    return 0.0, i, _NO


@njit(inline="always")
def _ends(text, i):
    """Whether a number may end before text[i]: at white space or a comment."""
    return text[i] == 32 or text[i] in (9, 10, 13, 35)
