"""A page to look at a region: its motif profile, its neurons in the brain, and its graph.

Everything is inside the file; nothing is fetched. What a source does not have is said on the page.
"""

import base64
import json

import numpy as np

from digimus.figures.explorer_tables import GRAPH, NEURONS, TABLE, RegionTables
from digimus.figures.pages import filled
from digimus.figures.triads import EDGES
from digimus.storage import write_text

MOST_NEURONS, MOST_POINTS, MOST_EDGES = 20_000, 400_000, 200_000
"""Of all regions together, so that the page stays below 10 MB; each region with a graph has an equal part."""
REGION_NEURONS, REGION_EDGES = 2000, 6000
PROBABILITY_STEPS = 50_000
"""Connection probabilities are kept to one part in so many."""

NULL_NAMES = {
    "dyad": "density and reciprocity",
    "degree": "degrees",
    "distance": "soma distance",
    "distance-mutual": "soma distance and mutual pairs",
}


def write_explorer(path, *, tables, graphs, kinds, title="", report=None):
    """Write the explorer.

    Parameters
    ----------
    path : str or Path
        The HTML file.
    tables : dict of str to pandas.DataFrame
        By path: ``motifs/*/{profiles,verdicts,priors}.csv``, ``motifs/*/regions/*.neurons.csv``,
        ``connectome/*/{graphs.csv,sketches/*.csv}`` and ``morphology/*/{neurons,outlines}.csv``.
    graphs : dict of (str, str) to (sequence of str, scipy.sparse array or numpy.ndarray)
        By source and region: the ids of its n neurons, and the (n, n) probabilities, rows presynaptic.
    kinds : dict of str to str
        Source to what it is, in the order of the page: "neurons", "graph" (handed in) or "table" (published).
    title : str
        Name of the run.
    report : str, optional
        Name of the report's file beside the page.

    Raises
    ------
    InputError
        If a table lacks a column that the page shows.
    """
    found = RegionTables(tables, kinds)
    n = max(len(graphs), 1)
    regions = [_region(found, graphs, *key, n) for key in found.regions]
    data = dict(
        triads=[dict(name=name, edges=list(edges)) for name, edges in EDGES.items()],
        steps=PROBABILITY_STEPS,
        sources=[_source(found, name, kind) for name, kind in kinds.items()],
        regions=regions,
    )
    simulated = sorted({region["source"] for region in regions if region["simulated"]})
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    page = filled(
        "explorer.html",
        title=title,
        report=report,
        simulated=simulated,
        regions=regions,
        data=text.replace("<", "\\u003c"),
    )
    write_text(path, page)


def _source(found, name, kind):
    """A source with the outlines of the brain and of its regions, as lists of corners in 10 µm."""
    rings = [
        dict(
            structure=str(structure), view=str(view),
            points=np.round(ring[["x_um", "y_um"]].to_numpy(float) / 10).astype(int).ravel().tolist(),
        )
        for (structure, view, _), ring in found.outlines(name).groupby(
            ["structure", "view", "ring"], sort=False
        )
    ]  # fmt: skip
    return dict(name=name, kind=kind, outlines=rings)


def _region(found, graphs, source, region, n_regions):
    """Everything that the page shows of a region."""
    kind = found.kinds[source]
    ids, edges = graphs.get((source, region), ([], None))
    ids = np.asarray(ids, dtype=str)
    held = _evenly(len(ids), min(MOST_NEURONS // n_regions, REGION_NEURONS))
    sketch, drawn = _sketch(found.sketch(source, region), ids[held], MOST_POINTS // n_regions)
    profile = found.profile(source, region)
    return dict(
        source=source,
        region=region,
        simulated=found.is_simulated(source, region),
        facts=found.facts(source, region),
        summary=found.summary(source, region),
        nulls=[_null(name, rows) for name, rows in profile.groupby("null", sort=False)],
        verdicts=found.verdicts(source, region),
        frequency=_rounded(found.frequencies(source, region)),
        n=len(ids),
        neurons=_neurons(found, source, region, ids[held]),
        sketch=sketch,
        drawn=drawn,
        graph=_edges(edges, held, min(MOST_EDGES // n_regions, REGION_EDGES)),
        missing=_missing(kind, len(profile), len(ids), len(sketch["counts"]) if sketch else 0),
    )


def _missing(kind, n_profile, n_neurons, n_sketches):
    """What is not available of a region, and why."""
    missing = {}
    if not n_profile:
        missing["profile"] = (
            "because a published table holds counts alone, without null models"
            if kind == TABLE
            else "because a region of fewer than three neurons has no triads"
        )
    if not n_sketches:
        missing["brain"] = {
            NEURONS: "because no neuron of this region has a reconstructed arbor",
            GRAPH: "because a graph that was handed in has no places",
            TABLE: "because a published table holds no neurons",
        }[kind]
    if not n_neurons:
        missing["graph"] = (
            "because a published table holds no graph"
            if kind == TABLE
            else "because this region has no neurons"
        )
    return missing


def _null(name, rows):
    """One null model: z and log enrichment of the thirteen triads with their intervals, and corrected p."""
    rows = rows.set_index("triad").reindex(list(EDGES))
    return dict(
        null=name,
        name=NULL_NAMES.get(name, name),
        z=[_rounded(rows[column]) for column in ("z", "z_low", "z_high")],
        enrichment=[_rounded(rows[f"enrichment{end}"]) for end in ("", "_low", "_high")],
        expected=_rounded(rows["null_enrichment"]) if "null_enrichment" in rows else [None] * len(rows),
        p=_rounded(rows["p_corrected"]),
    )


def _neurons(found, source, region, ids):
    """What is known of each neuron: words, places, and its part in each triad against the region's mean."""
    about = found.neurons(source, ids)
    part = found.participation(source, region, ids)
    known = part[np.isfinite(part).all(axis=1)]
    mean = known.sum(axis=0) / max(len(known), 1)
    ratio = np.divide(part, mean, out=np.full(part.shape, np.nan), where=mean > 0)
    somas = about[["soma_ap_um", "soma_dv_um", "soma_ml_um"]].to_numpy(float)
    placed = np.isfinite(somas).all() and len(somas) > 0
    words = about[["brain", "hemisphere", "axon_mm", "dendrite_mm", "targets", "flags"]]
    return dict(
        ids=ids.tolist(),
        words=words.to_numpy().tolist(),
        soma=_packed(np.round(somas), "<i2") if placed else None,
        ratio=_packed(ratio, "<f4") if np.isfinite(ratio).any() else None,
    )


def _sketch(table, ids, most):
    """Points of arbors, neuron by neuron (axon, then dendrite), as long as there is room; and of how many."""
    if not len(table):
        return None, 0
    names, kinds = table["neuron"].astype(str).to_numpy(), table["kind"].astype(str).to_numpy()
    points, parents = table[["ap_um", "dv_um", "ml_um"]].to_numpy(), table["parent"].to_numpy()
    starts = np.flatnonzero([True, *((names[1:] != names[:-1]) | (kinds[1:] != kinds[:-1]))])
    keys = zip(names[starts], kinds[starts], strict=True)
    spans = dict(zip(keys, np.split(np.arange(len(names)), starts[1:]), strict=True))
    have = [k for k, name in enumerate(ids) if (name, "axon") in spans or (name, "dendrite") in spans]
    chosen = [have[k] for k in _evenly(len(have), most * len(set(names)) // len(names))]
    arbors = [(k, spans.get((ids[k], kind), starts[:0])) for k in chosen for kind in ("axon", "dendrite")]
    rows = np.concatenate([rows for _, rows in arbors])
    return dict(
        counts=[[k, len(rows)] for k, rows in arbors],
        points=_packed(points[rows], "<i2"),
        parents=_packed(parents[rows], "<i2"),
    ), len(chosen)


def _edges(matrix, held, most):
    """The most probable edges among the neurons held, and the part of all that they are."""
    if matrix is None:
        return None
    among = matrix[held][:, held]
    dense = np.asarray(among.todense() if hasattr(among, "todense") else among, dtype=float)
    pre, post = np.nonzero(dense)
    values = dense[pre, post]
    kept = np.sort(np.argsort(-values, kind="stable")[:most])
    total = float(values.sum())
    return dict(
        pre=_packed(pre[kept], "<u2"),
        post=_packed(post[kept], "<u2"),
        p=_packed(np.round(values[kept] * PROBABILITY_STEPS), "<u2"),
        n=len(values),
        share=_rounded([values[kept].sum() / total if total else 1.0])[0],
    )


def _evenly(n, most):
    """Places of at most so many of n things, at even steps."""
    return np.round(np.linspace(0, n - 1, min(n, max(most, 1)))).astype(int) if n else np.empty(0, int)


def _packed(values, kind):
    """Numbers as base64 of little-endian bytes, row by row."""
    return base64.b64encode(np.ascontiguousarray(values).astype(kind).tobytes()).decode()


def _rounded(values):
    """Numbers with four digits; None where there is none."""
    values = np.asarray(values, dtype=float)
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]
