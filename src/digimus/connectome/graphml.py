"""Graphs for other programs: a region's graph as GraphML, written edge by edge."""

from xml.sax.saxutils import escape, quoteattr

import numpy as np

from digimus.storage import writing

_GRAPH = {
    "region": "string",
    "source": "string",
    "simulated": "boolean",
    "rule": "string",
    "filling_fraction": "double",
    "density": "double",
    "reciprocity": "double",
}
_NODE = {
    "brain": "string",
    "soma_ap_um": "double",
    "soma_dv_um": "double",
    "soma_ml_um": "double",
    "flags": "string",
}
_EDGE = {"probability": "double", "expected_synapses": "double"}
_NOT_XML = dict.fromkeys([c for c in range(32) if chr(c) not in "\t\n\r"], "\ufffd")
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'


def write_graphml(path, graph):
    """Write a region's graph as GraphML.

    A node's id is the neuron's; nodes carry brain, soma_ap_um, soma_dv_um, soma_ml_um and flags, edges
    (presynaptic to postsynaptic) probability and expected_synapses, the graph region, source, simulated,
    rule, filling_fraction, density and reciprocity. Pairs of probability zero are no edges. Numbers
    are written with the digits that give them back unchanged.

    Parameters
    ----------
    path : str or Path
    graph : RegionGraph
    """
    with writing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="\n") as file:
        file.write(_HEAD)
        for target, keys in (("graph", _GRAPH), ("node", _NODE), ("edge", _EDGE)):
            for name, kind in keys.items():
                file.write(
                    f'  <key id="{target}_{name}" for="{target}" attr.name="{name}" attr.type="{kind}"/>\n'
                )
        file.write('  <graph edgedefault="directed">\n')
        file.write(_data("graph", {name: getattr(graph, name) for name in _GRAPH}, "    "))
        file.writelines(_nodes(graph))
        file.writelines(_edges(graph))
        file.write("  </graph>\n</graphml>\n")


def _nodes(graph):
    for row, id in enumerate(graph.ids):
        values = (graph.brains[row], *graph.soma_um[row].tolist(), graph.flags[row])
        data = _data("node", dict(zip(_NODE, values, strict=True)), "      ")
        yield f"    <node id={_quoted(id)}>\n{data}    </node>\n"


def _edges(graph):
    """Every edge as text, row by row."""
    names = [_quoted(id) for id in graph.ids]
    probability, synapses = graph.probability, graph.synapses
    row_of_synapses = np.zeros(len(graph))
    for pre in range(len(graph)):
        span = slice(synapses.indptr[pre], synapses.indptr[pre + 1])
        row_of_synapses[synapses.indices[span]] = synapses.data[span]
        here = slice(probability.indptr[pre], probability.indptr[pre + 1])
        for post, p in zip(probability.indices[here].tolist(), probability.data[here].tolist(), strict=True):
            if p > 0:
                yield (
                    f"    <edge source={names[pre]} target={names[post]}>"
                    f'<data key="edge_probability">{p!r}</data>'
                    f'<data key="edge_expected_synapses">{float(row_of_synapses[post])!r}</data></edge>\n'
                )
        row_of_synapses[synapses.indices[span]] = 0.0


def _data(target, values, indent):
    return "".join(
        f'{indent}<data key="{target}_{name}">{_text(value)}</data>\n' for name, value in values.items()
    )


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else escape(str(value).translate(_NOT_XML))


def _quoted(id):
    return quoteattr(str(id).translate(_NOT_XML))
