"""Whether a source's files are in the axes, unit and registration that are declared for them.

One neuron can fit the brain in several axis orders; many together cannot. For every neuron and candidate the
share of its nodes inside the brain is taken, and candidates are compared by sign tests over neurons, which
are the independent units [D]. What headers say comes first. Too few neurons, or ties, are "undecided".
Without an annotated brain positions do not tell the unit: whatever is shrunk fits the box of the CCF.
"""

from dataclasses import dataclass, field, replace
from itertools import permutations

import numpy as np
import pandas as pd
from numba import njit
from scipy.special import bdtr, bdtrc

from digimus.morphology.ccf import AXES, GRID_UM, MIDLINE_ML_UM

AGREES, DIFFERS, UNDECIDED, NOT_CHECKED = "agrees", "differs", "undecided", "not checked"
HEADER, POOLED, BOTH, NONE = "header", "pooled", "header and pooled", "none"
ORDERS = tuple(permutations(AXES))
UNITS_UM = (1.0, 0.001, 10.0, 25.0, 50.0, 1000.0)  # µm, nm, voxels of three atlases, mm
COLUMNS = (
    *("source", "check", "declared", "found", "verdict", "basis"),
    *("n_neurons", "n_for", "n_against", "p", "detail"),
)
MIN_AGREEMENT = 0.8
MIN_SHIFT_UM = 100.0
MIN_STEP_UM = 25.0  # one voxel
_N_NODES = 512
_N_TESTS = 3  # of registration: share of equal regions, common shift, published somata
_N_DIRECTIONS = 8  # two along AP, DV, ML and away from the midline
_N_SHIFTED = 2000
_REACH_UM, _COARSE_UM, _FINE_UM = 600.0, 100.0, 25.0


@dataclass(frozen=True, eq=False)
class Brain:
    """Where the brain is.

    Attributes
    ----------
    inside : (i, j, k) bool
    edges_um : (3,) float64
        Edges of its voxels.
    annotated : bool
        Whether it is an annotated brain, or only the box of the CCF.
    """

    inside: np.ndarray
    edges_um: np.ndarray
    annotated: bool

    @classmethod
    def of(cls, atlas):
        """The annotated brain of an atlas; the box of the CCF without a volume."""
        if atlas is None or not atlas.has_volume:
            return cls(np.ones((1, 1, 1), bool), np.array(GRID_UM), False)
        return cls(atlas.labels([]) > 0, np.full(3, atlas.voxel_um), True)

    def holds(self, xyz_um):
        """Which points are inside, (n,) bool."""
        cells = np.floor(np.atleast_2d(xyz_um) / self.edges_um)
        known = ((cells >= 0) & (cells < self.inside.shape)).all(axis=1)
        known[known] = self.inside[tuple(cells[known].astype(int).T)]
        return known


@dataclass(eq=False)
class Evidence:
    """What each of n neurons says about its source; lists grow neuron by neuron.

    Attributes
    ----------
    stated_order, stated_unit_um : lists
        What the header says; None where it does not.
    order, unit_um : lists
        The axis order and unit that the neuron was read in.
    shares : list of (6, 1 + number of UNITS_UM) float32
        Share of its nodes inside the brain for each of ORDERS; in the unit it was read in, and in each other.
    soma_um : list of (3,)
        As in the file, not mirrored; NaN where the axis order is undecided.
    listed, looked_up : lists of str
        Region by index and by atlas; empty where there is none.
    listed_soma_um : list of (3,)
        Soma by index; NaN where there is none.
    """

    stated_order: list = field(default_factory=list)
    stated_unit_um: list = field(default_factory=list)
    order: list = field(default_factory=list)
    unit_um: list = field(default_factory=list)
    shares: list = field(default_factory=list)
    soma_um: list = field(default_factory=list)
    listed: list = field(default_factory=list)
    looked_up: list = field(default_factory=list)
    listed_soma_um: list = field(default_factory=list)

    def __len__(self):
        return len(self.shares)

    def add(self, **values):
        """Append one neuron; a value for every list."""
        for name in self.__dataclass_fields__:
            getattr(self, name).append(values[name])


@dataclass(frozen=True)
class Contest:
    """Candidates compared over neurons.

    Attributes
    ----------
    best : int or None
        The candidate that beats every other; None where it is undecided.
    leading : int
        The candidate with the largest mean share, decided or not.
    p : float
        Largest one-sided p of the sign tests between the leading one and each rival, times the rivals.
    wins : (k, k) int
        Neurons that fit the row's candidate better than the column's.
    alpha : float
    min_neurons : int
    """

    best: int | None
    leading: int
    p: float
    wins: np.ndarray
    alpha: float = 0.05
    min_neurons: int = 5

    def refuted(self, candidate):
        """Smallest corrected p with which a rival beats a candidate, and whether that is at most alpha.

        Several rivals may beat a candidate, none of them all others: it is wrong, and what is right is open.
        """
        told = self.wins[:, candidate] + self.wins[candidate]
        p = [
            (len(told) - 1) * sign_test(self.wins[rival, candidate], self.wins[candidate, rival])
            for rival in range(len(told))
            if rival != candidate and told[rival] >= self.min_neurons
        ]
        least = min(p, default=1.0)
        return least, least <= self.alpha

    def against(self, candidate):
        """Neurons for and against a candidate, beside its strongest rival; and that rival."""
        net = (self.wins[:, candidate] - self.wins[candidate]).astype(float)
        net[candidate] = -np.inf
        rival = int(net.argmax())
        return int(self.wins[candidate, rival]), int(self.wins[rival, candidate]), rival


def fit_shares(neuron, order, unit_um, brain):
    """Share of a neuron's nodes inside the brain for every axis order and unit.

    Parameters
    ----------
    neuron : Neuron
    order : sequence of 3 str
        The axis order in which it was read.
    unit_um : float
        The unit in which it was read.
    brain : Brain

    Returns
    -------
    (6, 1 + number of UNITS_UM) float32
        Rows ORDERS; columns the unit as read, then UNITS_UM. At most 512 nodes, evenly spaced in the file.
    """
    nodes = np.linspace(0, len(neuron) - 1, min(_N_NODES, len(neuron))).astype(np.int64)
    columns = np.array([_columns(order, candidate) for candidate in ORDERS])
    factors = np.array([1.0, *(unit / unit_um for unit in UNITS_UM)])
    return _shares(neuron.xyz_um, nodes, columns, factors, brain.inside, brain.edges_um)


def contest(shares, alpha=0.05, min_neurons=5):
    """Which candidate neurons fit best, by sign tests over neurons.

    The leading candidate must beat every rival: a one-sided sign test over the neurons that tell the two
    apart, times the number of rivals, must give p <= alpha, with at least `min_neurons` such neurons. A wrong
    candidate is thus decided with a chance of at most alpha.

    Parameters
    ----------
    shares : (n, k)
    alpha : float
    min_neurons : int

    Returns
    -------
    Contest
    """
    shares = np.asarray(shares, dtype=float)
    n, k = shares.shape
    wins = np.array([[(shares[:, a] > shares[:, b]).sum() for b in range(k)] for a in range(k)], dtype=int)
    leading = int(shares.mean(axis=0).argmax()) if n else 0
    rivals = [rival for rival in range(k) if rival != leading]
    p = [(k - 1) * sign_test(wins[leading, rival], wins[rival, leading]) for rival in rivals]
    told = [wins[leading, rival] + wins[rival, leading] for rival in rivals]
    worst = min(max(p, default=1.0), 1.0)
    decided = n > 0 and worst <= alpha and min(told, default=0) >= min_neurons
    return Contest(leading if decided else None, leading, worst, wins, alpha, min_neurons)


def sign_test(n_for, n_against):
    """One-sided p of a sign test: the chance of at least `n_for` of all, were both equally likely."""
    return float(bdtrc(n_for - 1, n_for + n_against, 0.5))


def source_checks(source, evidence, brain, *, axis_order, unit_um, atlas, max_bad_share, alpha, min_neurons):
    """All checks of a source.

    Parameters
    ----------
    source : str
    evidence : Evidence
    brain : Brain
    axis_order : sequence of 3 str, or "header"
    unit_um : float or "header"
    atlas : Atlas or None
    max_bad_share : float
        The share of somata outside the brain above which that is no accident.
    alpha : float
    min_neurons : int
        As in `contest`.

    Returns
    -------
    pandas.DataFrame
        The columns of COLUMNS; checks "unit", "axis order" (a row for each statement of headers where the
        order is taken from them), "outside" and "registration".
    """
    rules = {"alpha": alpha, "min_neurons": min_neurons}
    unit, column = _unit_row(evidence, unit_um, brain, rules)
    rows = [unit, *_order_rows(evidence, axis_order, column, brain, atlas, rules)]
    rows += [_outside_row(evidence, brain, max_bad_share), _registration_row(evidence, atlas, rules)]
    return pd.DataFrame([{"source": source, **row} for row in rows], columns=list(COLUMNS))


def headerless_order(stated, shares, alpha, min_neurons):
    """The axis order of files whose headers do not say, pooled over them.

    Where headers of the same source state two orders or more, those are the candidates; else all six are.

    Parameters
    ----------
    stated : sequence of tuple of 3 str
        The orders that headers of the source state.
    shares : (n, 6)
        Of the files without a statement.

    Returns
    -------
    order : tuple of 3 str or None
        None where it is undecided.
    contest : Contest
        Over the candidates.
    candidates : list of tuple
    """
    candidates = sorted(set(stated), key=ORDERS.index)
    candidates = candidates if len(candidates) > 1 else list(ORDERS)
    places = [ORDERS.index(order) for order in candidates]
    found = contest(np.reshape(shares, (-1, len(ORDERS)))[:, places], alpha, min_neurons)
    return (None if found.best is None else candidates[found.best]), found, candidates


def _unit_row(evidence, declared, brain, rules):
    """The row of the check of units, and the column of the shares that holds the unit it ends with."""
    shares = np.array([share[ORDERS.index(tuple(o))] for share, o in _zip(evidence, "shares", "order")])
    read = sorted(set(evidence.unit_um))
    row = _row("unit", "header" if declared == "header" else f"{declared:g} µm", len(evidence))
    if len(read) != 1:
        detail = (
            "No neuron was read." if not read else "Headers state several units; each file follows its own."
        )
        return {**row, "detail": detail}, 0
    units = [read[0], *(unit for unit in UNITS_UM if unit != read[0])]
    columns = [0, *(1 + UNITS_UM.index(unit) for unit in units[1:])]
    names = [f"{unit:g} µm" for unit in units]
    stated = [None if unit is None else f"{unit:g} µm" for unit in evidence.stated_unit_um]
    if not brain.annotated:
        return _by_headers(row, names[0], stated, "without an annotation volume positions tell no unit"), 0
    row, best = _judged(row, contest(shares[:, columns], **rules), names, 0, stated, _places(brain))
    return row, columns[best if row["verdict"] == DIFFERS and best is not None else 0]


def _by_headers(row, declared, stated, why_not):
    """A row with its verdict from headers alone; `why_not` says why positions do not tell."""
    said = [name for name in stated if name is not None]
    n_other = sum(name != declared for name in said)
    if not said:
        return row | {"detail": _sentence(["headers state none", why_not])}
    return row | {
        "found": "; ".join(sorted(set(said))),
        "verdict": DIFFERS if n_other else AGREES if len(said) == len(stated) else UNDECIDED,
        "basis": HEADER,
        "n_for": len(said) - n_other,
        "n_against": n_other,
        "detail": _sentence([_told_by_headers(said, declared), why_not]),
    }


def _told_by_headers(said, declared):
    others = sorted(set(said) - {declared})
    if not others:
        return f"headers of {len(said)} files say {declared}"
    n_other = sum(name != declared for name in said)
    return f"headers of {n_other} of the {len(said)} files that say so name {', '.join(others)}"


def _order_rows(evidence, declared, column, brain, atlas, rules):
    """The row of the check of axis orders; one for each statement of headers where they are followed."""
    shares = np.array([share[:, column] for share in evidence.shares]).reshape(len(evidence), len(ORDERS))
    names = [_name(order) for order in ORDERS]
    stated = [None if order is None else _name(order) for order in evidence.stated_order]
    if declared != "header":
        row = _row("axis order", _name(declared), len(evidence))
        if not len(evidence):
            return [{**row, "detail": "No neuron was read."}]
        place, found = _places(brain), contest(shares, **rules)
        if found.best is None and atlas is not None and atlas.has_volume and any(evidence.listed):
            by_region = contest(_region_matches(evidence, atlas), rules["alpha"] / 2, rules["min_neurons"])
            if by_region.best is not None:
                place, found = "the regions of the index", replace(by_region, p=2 * by_region.p)
        return [_judged(row, found, names, ORDERS.index(tuple(declared)), stated, place)[0]]
    rows = []
    for order in ORDERS:
        mine = [k for k, name in enumerate(stated) if name == _name(order)]
        if mine:
            row = _row("axis order", f"header ({_name(order)})", len(mine))
            found = contest(shares[mine], **rules)
            said = [stated[k] for k in mine]
            rows.append(_judged(row, found, names, ORDERS.index(order), said, _places(brain))[0])
    silent = [k for k, name in enumerate(stated) if name is None]
    if silent:
        rows.append(_silent_row(evidence, shares[silent], len(silent), rules))
    return rows or [_row("axis order", "header", 0)]


def _region_matches(evidence, atlas):
    """Whether each soma lies in its listed region, for each of ORDERS, (n, 6); further evidence on axes."""
    somas, matches, known = np.array(evidence.soma_um), np.zeros((len(evidence), len(ORDERS))), {}
    for k, candidate in enumerate(ORDERS):
        columns = [_columns(order, candidate) for order in evidence.order]
        found = atlas.region_at(np.take_along_axis(somas, np.array(columns), axis=1))
        for n, pair in enumerate(zip(evidence.listed, found, strict=True)):
            if pair not in known:
                known[pair] = bool(pair[0]) and atlas.related(*pair)
            matches[n, k] = known[pair]
    return matches


def _columns(order, candidate):
    """Where AP, DV and ML by a candidate order lie in positions that were read in some order."""
    return [AXES.index(order[candidate.index(axis)]) for axis in AXES]


def _places(brain):
    return "the annotated brain" if brain.annotated else "the box of the CCF"


def _silent_row(evidence, shares, n, rules):
    """The row of the files whose headers do not state an axis order."""
    stated = [order for order in evidence.stated_order if order is not None]
    order, found, candidates = headerless_order(stated, shares, **rules)
    n_for, n_against, rival = found.against(found.leading)
    among = "the orders that other headers state" if len(candidates) < len(ORDERS) else "all six orders"
    told = (
        f"Of {n} neurons {n_for} fit the brain better in {_name(candidates[found.leading])} than in"
        f" {_name(candidates[rival])}, {n_against} the other way round (among {among})"
    )
    end = "these files are set aside" if order is None else "these files are read so"
    row = _row("axis order", "header (not stated)", n)
    return row | {
        "found": "" if order is None else _name(order),
        "verdict": UNDECIDED if order is None else AGREES,
        "basis": POOLED,
        "n_for": n_for,
        "n_against": n_against,
        "p": found.p,
        "detail": f"{told}; {end}.",
    }


def _judged(row, found, names, declared, stated, place):
    """A row with its verdict from headers and from the pooled fit, and the candidate that was found."""
    said = [name for name in stated if name is not None]
    n_other = sum(name != names[declared] for name in said)
    n_for, n_against, rival = found.against(declared)
    p_refuted, refuted = found.refuted(declared)
    refuted = refuted and found.best is None
    decided = refuted or found.best is not None
    parts = [_told_by_headers(said, names[declared])] if said else []
    parts.append(
        f"of {row['n_neurons']} neurons {n_for} fit {place} better in {names[declared]} than in"
        f" {names[rival]}, {n_against} the other way round"
        + ("" if decided else ", which decides nothing")
        + (f", so it is not {names[declared]}; what it is stays undecided" if refuted else "")
    )
    differs = n_other > 0 or refuted or found.best not in (None, declared)
    known = decided or (bool(said) and len(said) == len(stated))
    basis = BOTH if said and decided else HEADER if said else POOLED
    by_header = basis == HEADER
    if said and (names[declared] in said if refuted else decided and names[found.best] not in said):
        parts.append("headers and positions contradict each other")
    pooled = "" if found.best is None else names[found.best]
    row = row | {
        "found": "; ".join(sorted({*said, *filter(None, [pooled])})),
        "verdict": DIFFERS if differs else AGREES if known else UNDECIDED,
        "basis": basis,
        "n_for": len(said) - n_other if by_header else n_for,
        "n_against": n_other if by_header else n_against,
        "p": np.nan if by_header else p_refuted if refuted else found.p,
        "detail": _sentence(parts),
    }
    return row, found.best


def _outside_row(evidence, brain, max_bad_share):
    """The row of the somata outside the brain."""
    somas = np.array(evidence.soma_um).reshape(-1, 3)
    somas = somas[np.isfinite(somas).all(axis=1)]
    n = len(somas)
    row = _row("outside", "somata inside the brain", n)
    if not n:
        return {**row, "detail": "No neuron was read."}
    inside = int(brain.holds(somas).sum())
    where = _places(brain) + ("" if brain.annotated else " (no annotation volume is given)")
    return row | {
        "found": f"{n - inside} outside",
        "verdict": DIFFERS if n - inside > max_bad_share * n else AGREES,
        "basis": POOLED,
        "n_for": inside,
        "n_against": n - inside,
        "detail": f"{n - inside} of {n} somata lie outside {where}; {max_bad_share:.0%} is allowed.",
    }


def _registration_row(evidence, atlas, rules):
    """The row that compares the index table's regions and somata with the files and the atlas.

    [D] It differs where a common shift of at least 100 µm, fitted on one half of the neurons, gives the other
    half more of its listed regions; or where significantly more than half of the published somata lie over
    25 µm (one voxel) off in one direction; or where significantly fewer than 80 % of the somata lie in their
    listed regions. p counts these three tests.
    """
    row = _row("registration", "regions of the index", len(evidence))
    found = [_by_region(evidence, atlas, rules), _by_soma(evidence, rules)]
    found = [part for part in found if part is not None]
    if not found:
        why = "No annotation volume is given."
        if atlas is not None and atlas.has_volume:
            named = any(evidence.listed)
            why = "The index names no region that the tree has." if named else "No index names regions."
        return {**row, "detail": why}
    parts = [part["detail"] for part in found]
    verdicts = [part["verdict"] for part in found]
    if DIFFERS in verdicts:
        parts.append("the files are in another registration than the index")
    return row | {
        "found": "; ".join(part["found"] for part in found),
        "verdict": DIFFERS if DIFFERS in verdicts else verdicts[0],
        "basis": POOLED,
        "n_for": found[0]["n_for"],
        "n_against": found[0]["n_against"],
        "p": min(part["p"] for part in found),
        "detail": _sentence(parts),
    }


def _by_region(evidence, atlas, rules):
    """What regions say of the registration; None where there are none to compare."""
    if atlas is None or not atlas.has_volume:
        return None
    somas, listed = np.array(evidence.soma_um).reshape(-1, 3), evidence.listed
    known = [k for k in np.flatnonzero(np.isfinite(somas).all(axis=1)) if listed[k] and listed[k] in atlas]
    if not known:
        return None
    n, n_for = len(known), sum(atlas.related(listed[k], evidence.looked_up[k]) for k in known)
    low = min(1.0, _N_TESTS * float(bdtr(n_for, n, MIN_AGREEMENT)))
    shift, p_shift, gained, lost = best_shift(atlas, somas[known], [listed[k] for k in known])
    p_shift = min(1.0, _N_TESTS * p_shift)
    shifted = np.linalg.norm(shift) >= MIN_SHIFT_UM and p_shift <= rules["alpha"]
    why = f"moving all by {_vector(shift)} µm puts {gained} more (held out) into theirs and {lost} out"
    if not shifted:
        why = "no common shift explains the rest" if n_for < n else "all agree"
    verdict = DIFFERS if shifted or low <= rules["alpha"] else AGREES
    if n < rules["min_neurons"] or (verdict == AGREES and n_for < MIN_AGREEMENT * n):
        verdict = UNDECIDED
    return {
        "found": f"{n_for / n:.0%} equal",
        "verdict": verdict,
        "n_for": n_for,
        "n_against": n - n_for,
        "p": min(low, p_shift) if shifted else low,
        "detail": f"{n_for} of {n} somata lie in the region that the index gives ({n_for / n:.0%}); {why}",
    }


def _by_soma(evidence, rules):
    """What published somata say of the registration; None where there are none.

    For each direction along AP, DV, ML and away from the midline a sign test asks whether the median neuron
    lies more than 25 µm off that way, so that size and significance are those of one statement.
    """
    steps, n_mirrored = _steps(evidence)
    n = len(steps)
    if not n:
        return None
    n_off = int(max((steps > MIN_STEP_UM).sum(axis=0).max(), (steps < -MIN_STEP_UM).sum(axis=0).max()))
    p = min(1.0, _N_TESTS * _N_DIRECTIONS * sign_test(n_off, n - n_off))
    median = np.median(steps, axis=0)
    spread = np.median(np.abs(steps - median), axis=0)
    verdict = DIFFERS if p <= rules["alpha"] else UNDECIDED if 2 * n_off > n else AGREES
    n_far = int((np.linalg.norm(steps[:, :3], axis=1) > MIN_STEP_UM).sum())
    told = (
        f"{n} published somata lie {_vector(-median[:3])} µm from those in the files (median; deviation"
        f" {_vector(spread[:3], '')}), {abs(round(median[3]))} µm"
        f" {'nearer to' if median[3] > 0 else 'farther from'} the midline"
    )
    return {
        "found": f"moved by {max(np.linalg.norm(median[:3]), abs(median[3])):.0f} µm",
        "verdict": UNDECIDED if n < rules["min_neurons"] else verdict,
        "n_for": n - n_far,
        "n_against": n_far,
        "p": p,
        "detail": told + (f"; {n_mirrored} of them are in the other hemisphere" if n_mirrored else ""),
    }


def _steps(evidence):
    """From published somata to those in the files, and how many are mirrored for that.

    A published soma in the other hemisphere than the file's is mirrored first [D]: tables often hold one
    hemisphere alone. The steps are (n, 4) µm: along AP, DV, ML, and away from the midline, for between two
    registrations of bilateral neurons a shift shows in the third column, a stretch in the fourth.
    """
    listed, somas = (
        np.array(values).reshape(-1, 3) for values in (evidence.listed_soma_um, evidence.soma_um)
    )
    known = np.isfinite(listed + somas).all(axis=1)
    listed, somas = listed[known], somas[known]
    right = somas[:, 2] > MIDLINE_ML_UM
    other = right != (listed[:, 2] > MIDLINE_ML_UM)
    listed[other, 2] = 2 * MIDLINE_ML_UM - listed[other, 2]
    steps = somas - listed
    return np.column_stack([steps, np.where(right, 1, -1) * steps[:, 2]]), int(other.sum())


def best_shift(atlas, soma_um, listed):
    """The common shift under which most somata lie in their listed regions, and whether it holds on others.

    Shifts up to 600 µm along each axis are tried on a grid of 100 µm, then of 25 µm around the best; of equal
    ones the shortest is taken. For the test, the shift is fitted to every second neuron and judged on the
    others, and the other way round. At most 2,000 neurons, evenly spaced, are used.

    Parameters
    ----------
    atlas : Atlas
    soma_um : (n, 3)
    listed : sequence of str
        Acronyms in the tree.

    Returns
    -------
    shift_um : (3,)
    p : float
        One-sided sign test over held-out neurons that are gained or lost.
    n_gained, n_lost : int
    """
    rows = np.unique(np.linspace(0, len(listed) - 1, min(len(listed), _N_SHIFTED)).astype(int))
    soma_um, listed = soma_um[rows], [listed[row] for row in rows]
    regions = sorted(set(listed))
    labels = atlas.labels(regions)
    allowed = np.zeros((len(regions), len(regions) + 2), bool)
    for a, one in enumerate(regions):
        allowed[a, 1:-1] = [atlas.related(one, other) for other in regions]
    wanted = np.array([regions.index(region) for region in listed])

    def hits(shift):
        cells = np.floor((soma_um + shift) / atlas.voxel_um).astype(int)
        inside = ((cells >= 0) & (cells < labels.shape)).all(axis=1)
        found = np.zeros(len(cells), int)
        found[inside] = labels[tuple(cells[inside].T)]
        return allowed[wanted, found]

    def fitted(rows):
        shift = np.zeros(3)
        for step, reach in ((_COARSE_UM, _REACH_UM), (_FINE_UM, _COARSE_UM)):
            around = np.arange(-reach, reach + 1, step)
            tried = shift + np.stack(np.meshgrid(*[around] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
            counts = _count_hits(soma_um[rows], wanted[rows], tried, labels, allowed, atlas.voxel_um)
            best = tried[counts == counts.max()]
            shift = best[np.linalg.norm(best, axis=1).argmin()]
        return shift

    even = np.arange(len(listed)) % 2 == 0
    still, held = hits(np.zeros(3)), np.zeros(len(listed), bool)
    for fold in (even, ~even):
        if fold.any() and (~fold).any():
            held[~fold] = hits(fitted(fold))[~fold]
    gained, lost = int((held & ~still).sum()), int((still & ~held).sum())
    return fitted(np.ones(len(listed), bool)), sign_test(gained, lost), gained, lost


def _row(check, declared, n):
    """A row that says that nothing was checked."""
    return {
        **{"check": check, "declared": declared, "found": "", "verdict": NOT_CHECKED, "basis": NONE},
        **{"n_neurons": n, "n_for": 0, "n_against": 0, "p": np.nan, "detail": "Nothing to check."},
    }


def _zip(evidence, *names):
    return zip(*(getattr(evidence, name) for name in names), strict=True)


def _name(order):
    return " ".join(order)


def _vector(values, sign="+"):
    return "(" + ", ".join(f"{round(value):{sign}d}" for value in values) + ")"


def _sentence(parts):
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "."


@njit(cache=True, nogil=True)
def _shares(xyz, nodes, columns, factors, inside, edges):
    """Share of the nodes inside the brain for each permutation of columns and each factor."""
    shares = np.zeros((len(columns), len(factors)), np.float32)
    for node in nodes:
        for f in range(len(factors)):
            for c in range(len(columns)):
                i = np.floor(xyz[node, columns[c, 0]] * factors[f] / edges[0])
                j = np.floor(xyz[node, columns[c, 1]] * factors[f] / edges[1])
                k = np.floor(xyz[node, columns[c, 2]] * factors[f] / edges[2])
                if 0 <= i < inside.shape[0] and 0 <= j < inside.shape[1] and 0 <= k < inside.shape[2]:
                    shares[c, f] += inside[int(i), int(j), int(k)]
    return shares / np.float32(len(nodes))


@njit(cache=True, nogil=True)
def _count_hits(soma, wanted, shifts, labels, allowed, voxel):
    """Somata in an allowed region for each shift."""
    counts = np.zeros(len(shifts), np.int64)
    for s in range(len(shifts)):
        for n in range(len(soma)):
            i = np.floor((soma[n, 0] + shifts[s, 0]) / voxel)
            j = np.floor((soma[n, 1] + shifts[s, 1]) / voxel)
            k = np.floor((soma[n, 2] + shifts[s, 2]) / voxel)
            if 0 <= i < labels.shape[0] and 0 <= j < labels.shape[1] and 0 <= k < labels.shape[2]:
                counts[s] += allowed[wanted[n], labels[int(i), int(j), int(k)]]
    return counts
