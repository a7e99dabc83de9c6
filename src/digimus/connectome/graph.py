"""The graph of one region: probabilities, who the neurons are, and how the graph was made."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from digimus.connectome.overlap import calibrate_filling, connection_probability, potential_synapses
from digimus.errors import InputError
from digimus.storage import reading, write_arrays


@dataclass(frozen=True, eq=False)
class RegionGraph:
    """A directed graph of n neurons of one region.

    Attributes
    ----------
    region, source : str
    ids, brains : (n,) arrays of str
    soma_um : (n, 3) float64
        Columns AP, DV, ML.
    flags : (n,) array of str
        "no axon" (an empty row) and "mean field" (no dendrites of its own), joined by ";".
    probability : scipy.sparse.csr_array (n, n) float64
        Row presynaptic, zero diagonal.
    synapses : scipy.sparse.csr_array (n, n) float64
        Expected potential synapses, where the probability is.
    filling_fraction : float
        The one used, calibrated or given.
    density : float
        Mean probability over all ordered pairs.
    reciprocity : float
        Expected share of edges that are returned, Σ P_ij P_ji / Σ P_ij; nan without edges.
    min_neurons : int
    small : bool
        Fewer neurons than that: to be reported, not to be used as a prior.
    simulated : bool
    """

    region: str
    source: str
    ids: np.ndarray
    brains: np.ndarray
    soma_um: np.ndarray
    flags: np.ndarray
    probability: sparse.csr_array
    synapses: sparse.csr_array
    filling_fraction: float
    density: float
    reciprocity: float
    min_neurons: int
    small: bool
    simulated: bool

    def __len__(self):
        return len(self.ids)


def region_graph(
    arbors,
    *,
    region=None,
    source="",
    min_neurons=50,
    simulated=False,
    blur_um=25,
    reach_um=2,
    filling_fraction=0.2,
    target_density=None,
    within_um=100,
    field_length_um=None,
    field_radius_um=None,
):
    """The graph of the neurons of one region.

    Parameters
    ----------
    arbors : Arbors
    region : str, optional
        Take the neurons of this region alone; by default all that are handed in.
    source : str
    min_neurons : int
        Below it the graph is marked small.
    simulated : bool
        Whether the neurons are simulated; carried to every figure.
    blur_um, reach_um, filling_fraction, target_density, within_um, field_length_um, field_radius_um
        As in `potential_connectivity`.

    Returns
    -------
    RegionGraph

    Raises
    ------
    InputError
        If fewer than three neurons are there, or as in `potential_connectivity`.
    """
    if region is not None:
        arbors = arbors.take(np.flatnonzero(arbors.regions == region))
    if len(arbors) < 3:
        raise InputError(
            "A region has too few neurons for a graph of triads.",
            where=f"region {region}" if region else "arbors",
            expected="at least 3 neurons",
            got=len(arbors),
            hint="Check the region's acronym, or add neurons.",
        )
    fields = {"field_length_um": field_length_um, "field_radius_um": field_radius_um}
    synapses, has_field = potential_synapses(arbors, blur_um=blur_um, reach_um=reach_um, **fields)
    if target_density is not None:
        filling_fraction = calibrate_filling(synapses, arbors.soma_um, target_density, within_um=within_um)
    probability = connection_probability(synapses, filling_fraction)
    density, reciprocity = _density_and_reciprocity(probability)
    return RegionGraph(
        region=region if region is not None else _only(arbors.regions),
        source=source,
        ids=arbors.ids,
        brains=arbors.brains,
        soma_um=arbors.soma_um,
        flags=_flags(np.diff(arbors.axon.indptr) == 0, has_field),
        probability=probability,
        synapses=synapses,
        filling_fraction=float(filling_fraction),
        density=density,
        reciprocity=reciprocity,
        min_neurons=int(min_neurons),
        small=len(arbors) < min_neurons,
        simulated=bool(simulated),
    )


def write_graph(path, graph, provenance=None):
    """Write a region's graph to HDF5: the sparse matrix, the neurons, and the numbers as attributes."""
    arrays = {
        "data": graph.probability.data,
        "indices": graph.probability.indices,
        "indptr": graph.probability.indptr,
        "synapses": graph.synapses.data,
        "soma_um": graph.soma_um,
        "ids": graph.ids.astype(str),
        "brains": graph.brains.astype(str),
        "flags": graph.flags.astype(str),
    }
    attributes = {name: getattr(graph, name) for name in _ATTRIBUTES}
    attributes |= {"kind": "region graph", "n_neurons": len(graph)}
    write_arrays(path, arrays, units={"soma_um": "um"}, provenance=provenance, attributes=attributes)


def read_graph(path):
    """Read a graph written by `write_graph`.

    Raises
    ------
    InputError
        If the file is not one.
    """
    with reading(path) as file:
        if file.attrs.get("kind") != "region graph":
            raise InputError(
                "A file holds no region graph.",
                where=path,
                expected="an .h5 of the connectome stage",
                got=f"an HDF5 file with {', '.join(file) or 'nothing'}",
                hint="Run the connectome stage, and name its output here.",
            )
        n = int(file.attrs["n_neurons"])
        pattern = (file["indices"][:], file["indptr"][:])
        return RegionGraph(
            **{name: kind(file.attrs[name]) for name, kind in _ATTRIBUTES.items()},
            **{name: file[name].asstr()[:].astype(object) for name in ("ids", "brains", "flags")},
            soma_um=file["soma_um"][:],
            probability=sparse.csr_array((file["data"][:], *pattern), shape=(n, n)),
            synapses=sparse.csr_array((file["synapses"][:], *pattern), shape=(n, n)),
        )


_ATTRIBUTES = {
    "region": str,
    "source": str,
    "filling_fraction": float,
    "density": float,
    "reciprocity": float,
    "min_neurons": int,
    "small": bool,
    "simulated": bool,
}


def _density_and_reciprocity(probability):
    n, total = probability.shape[0], probability.sum()
    returned = probability.multiply(probability.T).sum()
    return float(total / (n * (n - 1))), float(returned / total) if total else float("nan")


def _flags(no_axon, has_field):
    both = zip(no_axon, has_field, strict=True)
    words = [[word for word, on in zip(("no axon", "mean field"), pair, strict=True) if on] for pair in both]
    return np.array([";".join(found) for found in words], dtype=object)


def _only(regions):
    """The one region that all neurons share, else empty text."""
    found = set(regions)
    return found.pop() if len(found) == 1 else ""
