"""What is fixed about recurrent weights: which may be other than zero, their signs, delays and regions.

All matrices are W[post, pre]. A mask and delays that are drawn are kept with the trained weights, so
that a network that is read back has them again.
"""

import logging
import math
from pathlib import Path

import numpy as np
import torch

from digimus.errors import InputError
from digimus.models.settings import check_number, check_whole
from digimus.storage import read_table

log = logging.getLogger(__name__)


def dale_signs(n_units, excitatory_share):
    """+1 for the first units, -1 for the rest, shape (n_units,): each unit's outgoing sign.

    Parameters
    ----------
    n_units : int
    excitatory_share : float
        Share of excitatory units, between 0 and 1; both kinds get at least one unit.
    """
    check_number("models.digimus.excitatory_share", excitatory_share, above=0, below=1)
    if n_units < 2:
        raise InputError(
            "One unit cannot be excitatory and inhibitory.",
            where="models.digimus.excitatory_share",
            expected="2 units or more",
            got=f"{n_units} unit",
            hint="Give the network more units, or leave excitatory_share out.",
        )
    n_excitatory = min(max(round(excitatory_share * n_units), 1), n_units - 1)
    return torch.cat([torch.ones(n_excitatory), -torch.ones(n_units - n_excitatory)])


def make_mask(mask, n_units, rng, density=None):
    """Which recurrent weights may be other than zero, shape (n_units, n_units), uint8.

    Parameters
    ----------
    mask : float, array-like or path
        A share of the weights, drawn at random; a matrix of 0 and 1, W[post, pre]; or the .h5 of a
        region's graph, see `mask_from_graph`.
    n_units : int
    rng : torch.Generator
    density : float, optional
        For a region's graph.
    """
    where = "models.digimus.mask"
    if isinstance(mask, str | Path):
        from digimus.connectome import read_graph

        graph = read_graph(mask)
        if graph.small:
            log.warning(
                "the mask from %s: %s has %d neurons, fewer than the %d that a prior needs",
                mask, graph.region, len(graph.ids), graph.min_neurons,
            )  # fmt: skip
        return mask_from_graph(graph.probability, n_units, rng, density, f"{where}: {mask}")
    if np.ndim(mask) == 0:
        check_number(where, mask, above=0, most=1)
        drawn = torch.rand(n_units, n_units, generator=rng) < mask
        return _not_empty(drawn.to(torch.uint8))
    values = torch.as_tensor(np.asarray(mask, float))
    if values.shape != (n_units, n_units) or not bool(((values == 0) | (values == 1)).all()):
        raise InputError(
            "A mask must be a matrix of 0 and 1, one row and one column a unit.",
            where=where,
            expected=f"shape ({n_units}, {n_units}), values 0 and 1",
            got=f"shape {tuple(values.shape)}, values from {float(values.min())} to {float(values.max())}",
            hint="Rows are postsynaptic; a share, or a region's graph, can be given instead.",
        )
    return _not_empty(values.to(torch.uint8))


def mask_from_graph(probability, n_units, rng, density=None, where="models.digimus.mask"):
    """A 0/1 mask drawn from a region's graph: the fixed-mask upper bound of what a prior could bring.

    Neurons are drawn without replacement, one a unit, then every edge by its probability. This is our
    definition.

    Parameters
    ----------
    probability : array or scipy sparse matrix, shape (n_neurons, n_neurons)
        Presynaptic rows.
    n_units : int
    rng : torch.Generator
    density : float, optional
        Wanted mean probability: P becomes 1 - (1 - P)^k, which is another filling fraction in
        P = 1 - exp(-f n). Without it the graph's own.
    where : str
        What the graph is from, for messages.

    Returns
    -------
    torch.Tensor, shape (n_units, n_units), uint8
        W[post, pre].
    """
    n_neurons = probability.shape[0]
    if n_neurons < n_units:
        raise InputError(
            "A region's graph has fewer neurons than the network has units.",
            where=where,
            expected=f"{n_units} neurons or more",
            got=f"{n_neurons} neurons",
            hint="Choose a larger region, or fewer units.",
        )
    dense = probability.toarray() if hasattr(probability, "toarray") else np.asarray(probability, float)
    chosen = torch.randperm(n_neurons, generator=rng)[:n_units].numpy()
    edges = torch.as_tensor(dense[np.ix_(chosen, chosen)], dtype=torch.float64).clamp(0, 1)
    edges.fill_diagonal_(0)
    if density is not None:
        edges = _at_density(edges, density)
    drawn = torch.rand(edges.shape, generator=rng, dtype=torch.float64) < edges
    return _not_empty(drawn.t().contiguous().to(torch.uint8))


def _at_density(edges, density):
    check_number("models.digimus.mask_density", density, above=0, below=1)
    n_pairs = edges.shape[0] * (edges.shape[0] - 1)
    log_none = torch.log1p(-edges.clamp(max=1 - 1e-12))

    def reached(k):
        return float(-torch.expm1(k * log_none).sum()) / n_pairs

    low, high = -12.0, 12.0
    if not reached(math.exp(low)) < density < reached(math.exp(high)):
        raise InputError(
            "No filling fraction brings a region's graph to the wanted density.",
            where="models.digimus.mask_density",
            expected=f"less than {reached(math.exp(high)):.3g}, the share of pairs with any probability",
            got=density,
            hint="Lower it, or leave it out to keep the graph's own density.",
        )
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(math.exp(middle)) < density else (low, middle)
    return -torch.expm1(math.exp(high) * log_none)


def _not_empty(mask):
    if not bool(mask.any()):
        raise InputError(
            "A mask leaves no recurrent weight.",
            where="models.digimus.mask",
            expected="at least one 1",
            got="zeros alone",
            hint="Raise the share or mask_density, or give the network more units.",
        )
    return mask


def make_delays(delay_steps, n_units, rng):
    """Delay of every synapse in steps, shape (n_units, n_units), uint8; None where all are one step.

    Parameters
    ----------
    delay_steps : int or array-like
        The longest delay, each synapse's then drawn from 1 to it with equal chances (our definition);
        or a matrix of delays, W[post, pre].
    n_units : int
    rng : torch.Generator
    """
    where = "models.digimus.delay_steps"
    if np.ndim(delay_steps) == 0:
        check_whole(where, delay_steps, hint="1 is the next step.")
        check_number(where, delay_steps, most=255)
        if delay_steps == 1:
            return None
        return torch.randint(1, delay_steps + 1, (n_units, n_units), generator=rng, dtype=torch.uint8)
    values = np.asarray(delay_steps)
    if values.shape != (n_units, n_units) or not np.isin(values, np.arange(1, 256)).all():
        raise InputError(
            "Delays must be a matrix of whole numbers of steps, one row and one column a unit.",
            where=where,
            expected=f"shape ({n_units}, {n_units}), values from 1 to 255",
            got=f"shape {values.shape}, values from {values.min()} to {values.max()}",
            hint="Rows are postsynaptic; the longest delay alone can be given instead.",
        )
    return torch.as_tensor(values.astype(np.uint8))


def region_slices(regions, n_units):
    """Which units each region has, as slices by name; equal numbers, the first ones take what is left.

    Raises
    ------
    InputError
        For names that are given twice, or more regions than units.
    """
    if len(set(regions)) != len(regions) or not 1 <= len(regions) <= n_units:
        raise InputError(
            "The regions of a network must have different names and at least one unit each.",
            where="models.digimus.regions",
            expected=f"1 to {n_units} different names",
            got=", ".join(map(str, regions)) or "none",
            hint="Give each region once, and the network enough units.",
        )
    share, left = divmod(n_units, len(regions))
    slices, start = {}, 0
    for number, name in enumerate(regions):
        stop = start + share + (number < left)
        slices[name], start = slice(start, stop), stop
    return slices


def region_coupling(slices, projections):
    """Scale of every recurrent weight: 1 within a region, the projection's strength between two.

    Parameters
    ----------
    slices : dict of str to slice
    projections : array-like, shape (regions, regions), or path
        Row projects to column: strengths of 0 or more, for example the share of a region's axon that
        lies in another; 0 is no coupling at all. The diagonal is ignored. None for a single region. A
        path is that of a table with the columns region, target and share, as the morphology stage writes.

    Returns
    -------
    torch.Tensor, shape (n_units, n_units), float32
        W[post, pre].
    """
    n_regions = len(slices)
    if isinstance(projections, str | Path):
        projections = projection_shares(projections, list(slices))
    strengths = np.ones((1, 1)) if projections is None and n_regions == 1 else projections
    strengths = np.array([[np.nan]]) if strengths is None else np.asarray(strengths, float)
    if strengths.shape != (n_regions, n_regions) or not (np.isfinite(strengths) & (strengths >= 0)).all():
        raise InputError(
            "The projections between regions must be a square matrix of strengths.",
            where="models.digimus.projections",
            expected=f"{n_regions} rows of {n_regions} numbers of 0 or more: row projects to column",
            got="none" if projections is None else repr(np.asarray(projections).tolist()),
            hint="The path of a table of projections can be given instead.",
        )
    sizes = [part.stop - part.start for part in slices.values()]
    strengths = strengths.copy()
    np.fill_diagonal(strengths, 1.0)
    blocks = np.repeat(np.repeat(strengths.T, sizes, axis=0), sizes, axis=1)
    return torch.as_tensor(blocks, dtype=torch.float32)


def projection_shares(path, regions):
    """The strengths of projections in a table of the morphology stage, as a matrix.

    Parameters
    ----------
    path : str or Path
        CSV with the columns region, target and share, one row a pair; pairs that it does not list are 0.
    regions : sequence of str

    Returns
    -------
    numpy.ndarray, shape (regions, regions)
        Row projects to column.

    Raises
    ------
    InputError
        If a region has no row, a pair two, a share is no number of 0 or more, or nothing projects from
        one of several regions to another.
    """
    table = read_table(path, ["region", "target", "share"], dtype={"region": str, "target": str},
                       keep_default_na=False, na_values=[""])  # fmt: skip
    absent = [region for region in regions if region not in set(table["region"])]
    if absent:
        raise InputError(
            "A table of projections lacks a region of the network.",
            where=path,
            expected=f"rows of {', '.join(regions)}",
            got=f"no row of {', '.join(absent)}",
            hint="Name regions that the table has, or give the matrix.",
        )
    table = table[table["region"].isin(regions) & table["target"].isin(regions)]
    doubled = table[table.duplicated(["region", "target"])]
    share = np.array([_number(value) for value in table["share"]], float)
    wrong = table[~(np.isfinite(share) & (share >= 0))]
    for rows, what, expected in (
        (doubled, "lists a projection twice", "one row for each region and target"),
        (wrong, "holds a strength that cannot be used", "a share of 0 or more for every pair"),
    ):
        if len(rows):
            row = rows.iloc[0]
            raise InputError(
                f"A table of projections {what}.",
                where=path,
                expected=expected,
                got=f"{row['region']} to {row['target']}: share {row['share']}",
                hint="Correct the table, or give the matrix.",
            )
    shares = dict(zip(zip(table["region"], table["target"], strict=True), share, strict=True))
    found = np.array([[shares.get((source, target), 0.0) for target in regions] for source in regions])
    if len(regions) > 1 and not (found * ~np.eye(len(regions), dtype=bool)).any():
        raise InputError(
            "A table of projections connects no two regions of the network.",
            where=path,
            expected=f"an axon of {', '.join(regions)} in another of them",
            got="0 for every pair",
            hint="Give the matrix itself; axons of simulated neurons stay in their region.",
        )
    return found


def _number(value):
    try:
        return float(value)
    except ValueError:
        return np.nan
