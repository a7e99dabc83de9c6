"""Graphs of other origin, as edge lists or GraphML: a source of motifs and priors of its own.

GraphML: http://graphml.graphdrawing.org. Only directed graphs without hyperedges are read.
"""

import csv
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import scipy.sparse as sp

from digimus.errors import InputError

FORMATS = ("edges", "graphml")
# First lines of edge lists that name their columns, as far as they can be told from nodes.
_PRE_NAMES = ("pre", "presynaptic", "source", "from", "src", "u", "i")
_POST_NAMES = ("post", "postsynaptic", "target", "to", "dst", "v", "j")
_COMMENTS = ("#", "%", "//")


def read_user_graph(
    path, *, format=None, pre_column=None, post_column=None, weight_column=None, min_weight=None
):
    """A directed 0/1 graph from a file.

    Edges that are listed several times are one edge, their weights summed. Loops are left out; nodes that
    an edge list does not name do not exist for it.

    Parameters
    ----------
    path : str or Path
    format : {"edges", "graphml"}, optional
        By default what the suffix says: GraphML for .graphml and .xml, else an edge list.
    pre_column, post_column : str, optional
        Columns of an edge list with a header; by default the first two.
    weight_column : str, optional
        A column, or an edge attribute of a GraphML file.
    min_weight : float, optional
        The smallest weight of an edge; by default any above zero. Needs `weight_column`.

    Returns
    -------
    (numpy.ndarray, scipy.sparse.csr_array)
        Names of the nodes (n,), in the order in which the file names them, and the graph (n, n), uint8,
        rows presynaptic.

    Raises
    ------
    InputError
        If the file cannot be read as such a graph, or holds no edge.
    """
    path = Path(path)
    if format is None:
        format = "graphml" if path.suffix.lower() in (".graphml", ".xml") else "edges"
    if min_weight is not None and weight_column is None:
        raise _error(
            path, "A smallest weight needs a column of weights.", "weight_column", "min_weight alone",
            "Name the column, or leave min_weight out.",
        )  # fmt: skip
    if not path.is_file():
        raise _error(path, "The file of a graph is missing.", "a file", "nothing there", "Check the path.")
    if format == "graphml":
        nodes, edges = _graphml(path, weight_column)
    else:
        nodes, edges = _edge_list(path, pre_column, post_column, weight_column)
    number = {name: k for k, name in enumerate(dict.fromkeys(nodes))}
    pre = np.array([number[edge[0]] for edge in edges], np.int64)
    post = np.array([number[edge[1]] for edge in edges], np.int64)
    weight = np.array([edge[2] for edge in edges], float)
    if not np.isfinite(weight).all():
        raise _error(path, "An edge has a weight that is no number.", "finite weights", "nan or infinity",
                     "Correct the file.")  # fmt: skip
    proper = pre != post
    edges = (weight[proper], (pre[proper], post[proper]))
    summed = sp.csr_array(edges, shape=(len(number), len(number)))
    kept = summed.data > 0 if min_weight is None else (summed.data >= min_weight) & (summed.data > 0)
    graph = sp.csr_array((kept.astype(np.uint8), summed.indices, summed.indptr), shape=summed.shape)
    graph.eliminate_zeros()
    if graph.nnz == 0:
        raise _error(path, "A graph has no edges.", "at least one edge between two nodes",
                     f"{len(pre)} edges, none kept", "Check the file, and min_weight.")  # fmt: skip
    return np.array(list(number), dtype=str), graph


def _error(path, what, expected, got, hint):
    return InputError(what, where=path, expected=expected, got=got, hint=hint)


def _edge_list(path, pre_column, post_column, weight_column):
    """Names of nodes and (pre, post, weight) of every line."""
    lines = list(_lines(path))
    if not lines:
        raise _error(path, "A graph has no edges.", "lines of edges", "an empty file", "Check the file.")
    cells = _cells(path, lines)
    wanted = [column for column in (pre_column, post_column, weight_column) if column is not None]
    header = cells[0][1] if wanted or _is_header(cells[0][1]) else None
    for column in wanted:
        if column not in header:
            raise _error(path, f"An edge list lacks the column {column!r}.", f"a header with {column}",
                         ", ".join(header), "Name one of these columns.")  # fmt: skip
    places = [
        default if column is None else header.index(column)
        for column, default in ((pre_column, 0), (post_column, 1), (weight_column, None))
    ]
    edges = [_edge(path, line, row, *places) for line, row in cells[1 if header else 0 :]]
    return [name for edge in edges for name in edge[:2]], edges


def _lines(path):
    """Numbers and texts of the lines that are neither empty nor comments."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise _error(path, "An edge list is not text.", "UTF-8 text", str(error), "Check the file.") from None
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if line and not line.startswith(_COMMENTS):
            yield number, line


def _cells(path, lines):
    """Lines cut at the first of comma, tab and semicolon that the first line has, else at white space.

    Every line on its own, so that a quotation mark that is not closed cannot take in those below it.
    """
    separator = next((mark for mark in (",", "\t", ";") if mark in lines[0][1]), None)
    if separator is None:
        return [(number, line.split()) for number, line in lines]
    return [
        (number, [cell.strip() for cell in _cut(f"{path}, line {number}", line, separator)])
        for number, line in lines
    ]


def _cut(where, line, separator):
    if '"' not in line:
        return line.split(separator)
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        raise InputError(
            "A line of an edge list has a quotation mark that is not closed.",
            where=where,
            expected='quotation marks around whole cells, such as "a, b"',
            got=line,
            hint="Remove the mark, close it on the same line, or double it within a quoted cell.",
        ) from None


def _is_header(row):
    return len(row) > 1 and row[0].lower() in _PRE_NAMES and row[1].lower() in _POST_NAMES


def _edge(path, line, row, pre, post, weight):
    if len(row) <= max(pre, post, weight or 0) or not row[pre] or not row[post]:
        raise InputError(
            "A line of an edge list holds no edge.",
            where=f"{path}, line {line}",
            expected="two nodes" + (" and a weight" if weight is not None else ""),
            got=" ".join(row) or "nothing",
            hint="Columns are set apart by commas, tabs, semicolons or white space, the same all through.",
        )
    return row[pre], row[post], 1.0 if weight is None else _number(f"{path}, line {line}", row[weight])


def _number(where, text):
    try:
        return float(text)
    except (TypeError, ValueError):
        raise _error(where, "A weight is not a number.", "a number", repr(text), "Correct it.") from None


def _graphml(path, weight_attribute):
    """Names of nodes and (pre, post, weight) of every edge."""
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, UnicodeDecodeError, LookupError) as error:
        raise _error(path, "A GraphML file cannot be read.", "well-formed XML", str(error),
                     "Check the file, or name its format in the configuration.") from None  # fmt: skip
    graphs = [node for node in root.iter() if _tag(node) == "graph"]
    if len(graphs) != 1:
        raise _error(path, "A GraphML file must hold one graph.", "one graph element", len(graphs),
                     "Write each graph to a file of its own.")  # fmt: skip
    directed = graphs[0].get("edgedefault") == "directed"
    key = _weight_key(path, root, weight_attribute)
    nodes, edges = [], []
    for element in graphs[0]:
        if _tag(element) == "node":
            nodes.append(element.get("id"))
        elif _tag(element) == "edge":
            own = element.get("directed")
            if not (directed if own is None else own == "true"):
                raise _error(path, "A GraphML file holds edges without direction.",
                             'edgedefault="directed"', f"an edge between {element.get('source')} and "
                             f"{element.get('target')}", "Motifs are of directed graphs.")  # fmt: skip
            edges.append((element.get("source"), element.get("target"), _graphml_weight(path, element, key)))
    unknown = {name for edge in edges for name in edge[:2]} - set(nodes)
    if unknown:
        raise _error(path, "An edge of a GraphML file names a node that is not there.", "nodes of the file",
                     str(sorted(map(str, unknown))[0]), "Add the node, or correct the edge.")  # fmt: skip
    return nodes, edges


def _tag(element):
    """The name of an XML element without its namespace."""
    return element.tag.rsplit("}", 1)[-1] if isinstance(element.tag, str) else ""


def _weight_key(path, root, name):
    """The id and the default of an edge attribute, or None."""
    if name is None:
        return None
    keys = [key for key in root.iter() if _tag(key) == "key" and key.get("for") in ("edge", "all")]
    found = [key for key in keys if name in (key.get("attr.name"), key.get("id"))]
    if not found:
        known = ", ".join(key.get("attr.name") or key.get("id") or "?" for key in keys) or "none"
        raise _error(path, f"The edges of a GraphML file have no attribute {name!r}.",
                     "an attribute of edges", known, "Name one of these as weight_column.")  # fmt: skip
    default = next((child.text for child in found[0] if _tag(child) == "default"), None)
    return found[0].get("id"), default


def _graphml_weight(path, element, key):
    if key is None:
        return 1.0
    own = (child.text for child in element if _tag(child) == "data" and child.get("key") == key[0])
    return _number(f"{path}, edge {element.get('source')} -> {element.get('target')}", next(own, key[1]))
