"""The graph of one region: probabilities, who the neurons are, and how the graph was made."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from digimus.connectome.contacts import contact_probability, contacts
from digimus.connectome.overlap import calibrate_filling, connection_probability, potential_synapses
from digimus.errors import InputError
from digimus.morphology import Arbors, Points, read_arbors, read_points, stack_arbors, stack_points
from digimus.storage import reading, write_arrays
from digimus.suggest import did_you_mean

RULES = ("potential", "contact")
LEAST_NEURONS = 3
"""So many neurons make a triad; a region of fewer is reported, and has no edges."""


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
        "no axon" (an empty row), "mean field" (no dendrites of its own, under the rule `potential`) and
        "no dendrite" (an empty column, under the rule `contact`), joined by ";".
    probability : scipy.sparse.csr_array (n, n) float64
        Row presynaptic, zero diagonal. Under the rule `contact`, 0 or 1.
    synapses : scipy.sparse.csr_array (n, n) float64
        Expected potential synapses; under the rule `contact` the number of contacts, also where there are
        too few for an edge.
    filling_fraction : float
        The one used, calibrated or given; nan where the rule has none.
    density : float
        Mean probability over all ordered pairs; nan below three neurons.
    reciprocity : float
        Expected share of edges that are returned, Σ P_ij P_ji / Σ P_ij; nan without edges.
    min_neurons : int
    small : bool
        Fewer neurons than that, or than three: to be reported, not to be used as a prior.
    simulated : bool
    rule : str
        `potential` or `contact`, or how else the graph was made.
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
    rule: str = "potential"

    def __len__(self):
        return len(self.ids)

    @property
    def without_triads(self):
        """Whether there are fewer than three neurons, so that nothing can be counted."""
        return len(self) < LEAST_NEURONS


def region_graph(
    arbors,
    *,
    region=None,
    source="",
    min_neurons=50,
    simulated=False,
    rule="potential",
    blur_um=25,
    reach_um=2,
    filling_fraction=0.2,
    target_density=None,
    within_um=100,
    field_length_um=None,
    field_radius_um=None,
    contact_um=5,
    n_contacts_min=1,
):
    """The graph of the neurons of one region.

    Below three neurons no triad exists: the graph has its neurons, no edges, and nan for density,
    reciprocity and filling fraction.

    Parameters
    ----------
    arbors : Arbors, or Points for the rule `contact`
    region : str, optional
        Take the neurons of this region alone; by default all that are handed in.
    source : str
    min_neurons : int
        Below it, and always below three, the graph is marked small.
    simulated : bool
        Whether the neurons are simulated; carried to every figure.
    rule : {"potential", "contact"}
        Peters' rule on overlapping length densities, or counted close points. The second makes a 0/1
        graph: an edge is a pair with at least `n_contacts_min` contacts (our definition).
    blur_um, reach_um, filling_fraction, target_density, within_um, field_length_um, field_radius_um
        As in `potential_connectivity`; the rule `potential` alone uses them.
    contact_um : float
        Distance within which an axon point and a dendrite point are in contact.
    n_contacts_min : int

    Returns
    -------
    RegionGraph

    Raises
    ------
    InputError
        If the rule is unknown or lacks its points, or as in `potential_connectivity` and `contact_index`.
    """
    _check_rule(rule, arbors)
    if region is not None:
        arbors = arbors.take(np.flatnonzero(arbors.regions == region))
    if len(arbors) < LEAST_NEURONS:
        edges = _no_edges(len(arbors))
    elif rule == "contact":
        edges = _contact_edges(arbors, contact_um, n_contacts_min)
    else:
        fields = {"field_length_um": field_length_um, "field_radius_um": field_radius_um}
        settings = {"blur_um": blur_um, "reach_um": reach_um, **fields}
        edges = _potential_edges(arbors, settings, filling_fraction, target_density, within_um)
    synapses, probability, filling_fraction, flags = edges
    density, reciprocity = np.nan, np.nan
    if len(arbors) >= LEAST_NEURONS:
        density, reciprocity = density_and_reciprocity(probability)
    return RegionGraph(
        region=region if region is not None else _only(arbors.regions),
        source=source,
        ids=arbors.ids,
        brains=arbors.brains,
        soma_um=arbors.soma_um,
        flags=_flags(flags),
        probability=probability,
        synapses=synapses,
        filling_fraction=float(filling_fraction),
        density=density,
        reciprocity=reciprocity,
        min_neurons=int(min_neurons),
        small=len(arbors) < max(min_neurons, LEAST_NEURONS),
        simulated=bool(simulated),
        rule=rule,
    )


def neurons_of_region(path, region, rule="potential"):
    """The stored neurons of a region, as a rule takes them; none where the region has none.

    Parameters
    ----------
    path : str or Path
        `arbors.h5`, or `points.h5` for the rule `contact`.
    region : str
    rule : {"potential", "contact"}

    Returns
    -------
    Arbors or Points

    Raises
    ------
    InputError
        If the file is not the one that the rule needs.
    """
    with reading(path) as file:
        absent = "regions" in file and region not in set(file["regions"].asstr()[:])
    if rule == "contact":
        return stack_points([]) if absent else read_points(path, region)
    return stack_arbors([], [], [], _ANY_UM) if absent else read_arbors(path, region)


def write_graph(path, graph, provenance=None):
    """Write a region's graph to HDF5: the sparse matrices, the neurons, and the numbers as attributes."""
    arrays = {
        **_sparse_parts("probability", graph.probability),
        **_sparse_parts("synapses", graph.synapses),
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
        return RegionGraph(
            **{name: kind(file.attrs[name]) for name, kind in _ATTRIBUTES.items()},
            **{name: file[name].asstr()[:].astype(object) for name in ("ids", "brains", "flags")},
            soma_um=file["soma_um"][:],
            **{name: _read_sparse(file[name], n) for name in ("probability", "synapses")},
        )


_ANY_UM = 25.0  # voxels of no neurons

_ATTRIBUTES = {
    "region": str,
    "source": str,
    "filling_fraction": float,
    "density": float,
    "reciprocity": float,
    "min_neurons": int,
    "small": bool,
    "simulated": bool,
    "rule": str,
}


def density_and_reciprocity(probability):
    """Mean probability over ordered pairs, and the expected share of edges that are returned.

    Parameters
    ----------
    probability : scipy.sparse.csr_array (n, n)
        Zero diagonal.

    Returns
    -------
    density, reciprocity : float
        Σ P_ij / (n (n - 1)) and Σ P_ij P_ji / Σ P_ij, nan without edges.
    """
    n, total = probability.shape[0], probability.sum()
    returned = probability.multiply(probability.T).sum()
    return float(total / (n * (n - 1))), float(returned / total) if total else float("nan")


def _check_rule(rule, neurons):
    if rule not in RULES:
        raise InputError(
            "There is no such rule for edges.",
            where="connectome.rule",
            expected=f"one of {', '.join(RULES)}",
            got=rule,
            hint=did_you_mean(rule, RULES),
        )
    wanted = Points if rule == "contact" else Arbors
    if not isinstance(neurons, wanted):
        raise InputError(
            f"The rule {rule!r} is for other data.",
            where="connectome.rule",
            expected=f"{wanted.__name__.lower()} of neurons",
            got=type(neurons).__name__,
            hint="Contacts are counted on points, potential synapses on voxelised arbors.",
        )


def _no_edges(n):
    """No synapses and no edges, no filling fraction, and no flags."""
    none = sparse.csr_array((n, n))
    return none, none, np.nan, {"": np.zeros(n, bool)}


def _potential_edges(arbors, settings, filling_fraction, target_density, within_um):
    """Expected synapses, probability, the filling fraction used, and what is flagged."""
    synapses, has_field = potential_synapses(arbors, **settings)
    if target_density is not None:
        filling_fraction = calibrate_filling(synapses, arbors.soma_um, target_density, within_um=within_um)
    flags = {"no axon": np.diff(arbors.axon.indptr) == 0, "mean field": has_field}
    return synapses, connection_probability(synapses, filling_fraction), filling_fraction, flags


def _contact_edges(points, contact_um, n_contacts_min):
    """Contacts, 0/1 edges, no filling fraction, and what is flagged."""
    counts = contacts(points, contact_um).astype(float)
    indptrs = {"no axon": points.axon_indptr, "no dendrite": points.dendrite_indptr}
    flags = {name: np.diff(indptr) == 0 for name, indptr in indptrs.items()}
    return counts, contact_probability(counts, n_contacts_min), np.nan, flags


def _sparse_parts(name, matrix):
    return {f"{name}/{part}": getattr(matrix, part) for part in ("data", "indices", "indptr")}


def _read_sparse(group, n):
    parts = (group[part][:] for part in ("data", "indices", "indptr"))
    return sparse.csr_array(tuple(parts), shape=(n, n))


def _flags(raised):
    """The names of the flags that are raised, a text a neuron."""
    rows = zip(*raised.values(), strict=True)
    words = [";".join(name for name, on in zip(raised, row, strict=True) if on) for row in rows]
    return np.array(words, dtype=object)


def _only(regions):
    """The one region that all neurons share, else empty text."""
    found = set(regions)
    return found.pop() if len(found) == 1 else ""
