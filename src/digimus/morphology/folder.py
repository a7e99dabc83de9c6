"""Reading a folder of neurons: which file is which neuron, in which region, from which brain.

Regions come from an index table where there is one (registrations differ, and published regions are
better than a lookup of a shifted soma), else from the atlas. A bad file is set aside with its reason. What is
declared of axes, unit and registration is checked over all neurons and never changed in silence.
"""

import logging
import sys
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.morphology.atlas import OUTSIDE
from digimus.morphology.ccf import AXES, MIDLINE_ML_UM
from digimus.morphology.checks import (
    DIFFERS,
    NOT_CHECKED,
    Brain,
    Evidence,
    fit_shares,
    headerless_order,
    source_checks,
)
from digimus.morphology.files import neuron_files, read_neuron
from digimus.morphology.headers import header_space
from digimus.morphology.listing import Choice, brains_of, choose, listing_of, refuse, somas_of
from digimus.morphology.measures import measure
from digimus.morphology.projections import Targets
from digimus.morphology.quality import ASIDE, ELSEWHERE, outcome_of, quality_table
from digimus.morphology.swc import Neuron, axes_of, mirror, unit_of
from digimus.morphology.truncation import is_truncated
from digimus.morphology.voxels import Arbors, VoxelLengths, stack_arbors, voxelise

ABSENT, UNLISTED, NO_REGION, UNREADABLE = "absent", "unlisted", "no region", "unreadable"
NO_AXES, NO_UNIT, REPEATED = "axis undecided", "unit undecided", "repeated"
REASONS = {
    ABSENT: "listed in the index, not in the folder",
    UNLISTED: "not listed in the index",
    NO_REGION: "no region known",
    REPEATED: "another file has the same neuron",
    NO_AXES: "The header does not say the axis order, and the files like it do not decide it together.",
    NO_UNIT: "The header does not say the unit of length.",
}
COLUMNS = (
    *("id", "source", "simulated", "file", "brain", "region", "hemisphere"),
    *("soma_ap_um", "soma_dv_um", "soma_ml_um", "n_nodes", "n_axon_nodes", "n_dendrite_nodes"),
    *("axon_length_um", "dendrite_length_um", "flags"),
)
N_OTHERS = 500
"""So many neurons of regions that are not wanted are read too, for the checks of the source alone."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Reading:
    """What a folder of neurons held.

    Attributes
    ----------
    neurons : pandas.DataFrame
        One row a neuron that was read: id, source, simulated, file, brain, region, hemisphere (of the soma in
        the file), soma_ap_um, soma_dv_um, soma_ml_um (mirrored to ML <= 5700 µm unless told not to), n_nodes,
        n_axon_nodes, n_dendrite_nodes, axon_length_um, dendrite_length_um, flags ("no axon", "no dendrite",
        "truncated": see `is_truncated`, "outside": some of it beyond the grid, or its soma beyond the brain,
        "region by lookup"; joined by ";"). With targets also axon_in_<target>_um for each,
        axon_elsewhere_um (the rest of the brain) and axon_outside_um; these sum to axon_length_um.
    set_aside : pandas.DataFrame
        Columns file, kind, reason, got: bad files, files without a known region, files that the index does
        not list, neurons that it lists and the folder lacks, files whose axes or unit nothing tells.
    checks : pandas.DataFrame
        As `digimus.morphology.checks.source_checks`.
    quality : pandas.DataFrame
        As `digimus.morphology.quality.quality_table`.
    morphologies : list of Neuron
        In the order of the table; empty where they were not to be kept.
    arbors : Arbors or None
        In the order of the table; None where no voxel size was given.
    n_bad, n_absent, n_elsewhere : int
        Files that could not be read, neurons listed but absent, neurons outside the chosen regions.
    """

    neurons: pd.DataFrame
    set_aside: pd.DataFrame
    checks: pd.DataFrame
    quality: pd.DataFrame
    morphologies: list
    arbors: Arbors | None
    n_bad: int
    n_absent: int
    n_elsewhere: int


def read_folder(
    folder,
    pattern="*.swc*",
    *,
    source="",
    simulated=False,
    index=None,
    file_column="file",
    id_column=None,
    region_column=None,
    brain_column=None,
    brain_pattern=None,
    soma_table=None,
    soma_key=None,
    soma_columns=None,
    atlas=None,
    regions=None,
    targets=None,
    axis_order=AXES,
    unit_um=1.0,
    mirrored=True,
    max_bad_share=0.1,
    alpha=0.05,
    min_neurons=5,
    voxel_um=None,
    keep=True,
    points=None,
    threads=1,
):
    """Read the neurons of a folder, with their regions and brains.

    Parameters
    ----------
    folder : str or Path
    pattern : str
        Which files of the folder are neurons, as in `neuron_files`.
    source : str
        Name of the data set; the folder's name by default.
    simulated : bool
        Whether the neurons are; it stands in every table.
    index : str or Path, optional
        A CSV table with one row a file.
    file_column, id_column, region_column, brain_column : str, optional
        Its columns: the file's name, the neuron's id (default: from the file's name), the region's
        acronym (default: by atlas lookup of the soma) and the brain.
    brain_pattern : str, optional
        A regular expression whose first group is the brain, searched in the brain column or, without
        one, in the file's name; `r"^(\\d+)_"` takes the number before an underscore.
    soma_table, soma_key, soma_columns : optional
        A CSV table of published somata (default: the index), its column with the neuron's id or file
        (default: `file_column`), and its columns with AP, DV, ML in µm; for the check of registration alone.
    atlas : Atlas, optional
        Needed where the index gives no regions; rolls fine structures up to the chosen regions. With its
        volume, checks and projections are made.
    regions : sequence of str, optional
        The regions wanted; by default every one. Neurons of others are counted and left out.
    targets : sequence of str, optional
        Target regions of the projection columns; by default the regions. They need the atlas's volume and
        `voxel_um`.
    axis_order, unit_um
        As in `read_neuron`. With the order "header", files whose headers do not say are read in the order
        that they decide together (`headerless_order`), or set aside.
    mirrored : bool
        Whether neurons of the far hemisphere are reflected at the midline.
    max_bad_share : float
        The share of unreadable files, and of somata outside the brain, above which the folder is refused.
    alpha, min_neurons
        As in `digimus.morphology.checks.contest`.
    voxel_um : float, optional
        Also voxelise each neuron as it is read.
    keep : bool
        Whether to hold the nodes of all neurons (about 50 bytes a node); off for large sets.
    points : PointsWriter, optional
        Takes the nodes of each neuron that is used.
    threads : int
        Neurons read at a time. The result does not depend on it.

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        If the folder is absent or has no such file, the index lacks a column or names a neuron twice,
        more files are bad or more somata outside the brain than allowed, or no neuron is left.
    """
    folder = Path(folder)
    source = source or folder.name
    region_column = None if index is None else region_column
    axis_order, unit_um = _declared(axis_order, unit_um)
    _check_atlas(atlas, region_column, targets)
    present = _files(folder, pattern)
    listing = listing_of(index, present, file_column, id_column, region_column, brain_column)
    listing["brain"] = brains_of(listing, brain_pattern)
    somas = somas_of(listing, soma_table or index, soma_key or file_column, soma_columns)
    listing["soma_um"] = list(somas)
    tally, choice, brain = _Tally(), Choice(regions, atlas), Brain.of(atlas)
    entries, others = _entries(listing, present, region_column, choice, regions, tally)
    reader = _Reader(
        folder=folder,
        source=source,
        simulated=simulated,
        atlas=atlas,
        lookup=region_column is None,
        choice=choice,
        targets=_targets(atlas, targets or regions, voxel_um),
        orders=_orders(folder, entries + others, axis_order, unit_um, brain, threads, alpha, min_neurons),
        unit_um=unit_um,
        mirrored=mirrored,
        voxel_um=voxel_um,
        brain=brain,
    )
    for found in _told(_in_order(reader, entries, threads), len(entries), f"{source}: neurons read"):
        tally.add(found, keep, points)
    for found in _in_order(reader.inspect, others, threads):
        tally.inspect(found)
    rules = {"alpha": alpha, "min_neurons": min_neurons, "max_bad_share": max_bad_share}
    checks = source_checks(
        source, tally.evidence, brain, axis_order=axis_order, unit_um=unit_um, atlas=atlas, **rules
    )
    checks.insert(1, "simulated", simulated)
    _warn(checks)
    _refuse_outside(checks, max_bad_share, folder)
    _accept(tally, len(entries), max_bad_share, folder)
    return _reading(tally, checks, reader)


def _once(listing, tally):
    """The first of the files of one id, in the order of their names; an index was held to one row an id."""
    first = listing.drop_duplicates("id").set_index("id")["file"]
    repeated = listing["id"].duplicated()
    for name, neuron in listing.loc[repeated, ["file", "id"]].itertuples(index=False):
        tally.set_aside(name, "", REPEATED, got=f"id {neuron}, as {first[neuron]}")
    return listing[~repeated]


def _entries(listing, present, region_column, choice, regions, tally):
    """The neurons to read, and neurons of other regions for the checks; the tally takes all the rest."""
    for name in sorted(set(present) - set(listing["file"])):
        tally.set_aside(name, "", UNLISTED)
    listing = _once(listing, tally)
    absent = ~listing["file"].isin(present)
    for name, region in listing.loc[absent, ["file", "region"]].itertuples(index=False):
        tally.set_aside(name, region, ABSENT)
    wanted, others = choose(listing[~absent], region_column, choice, regions)
    for region in others["region"]:
        tally.leave_out(region)
    return list(wanted.itertuples(index=False)), _spread(others, N_OTHERS)


def _reading(tally, checks, reader):
    """The tables of what was tallied."""
    columns = list(COLUMNS) + list(reader.targets.columns if reader.targets else ())
    table = pd.DataFrame(tally.rows, columns=columns)
    return Reading(
        neurons=table,
        set_aside=pd.DataFrame(tally.aside, columns=["file", "kind", "reason", "got"]),
        checks=checks,
        quality=quality_table(tally.outcomes, source=reader.source, simulated=reader.simulated),
        morphologies=tally.kept,
        arbors=None if reader.voxel_um is None else _stacked(table, tally, reader.voxel_um),
        n_bad=tally.n_bad,
        n_absent=sum(kind == ABSENT for _, kind, _, _ in tally.aside),
        n_elsewhere=tally.n_elsewhere,
    )


class _Found(NamedTuple):
    """What one file held."""

    entry: tuple
    region: str | None = None
    row: tuple | None = None
    neuron: Neuron | None = None
    lengths: VoxelLengths | None = None
    evidence: dict | None = None
    kind: str = ""
    reason: str = ""
    got: str = ""
    fingerprint: tuple | None = None


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads one entry of the listing; safe to call from several threads at a time."""

    folder: Path
    source: str
    simulated: bool
    atlas: object
    lookup: bool
    choice: Choice
    targets: Targets | None
    orders: dict
    unit_um: float | str
    mirrored: bool
    voxel_um: float | None
    brain: Brain

    def __call__(self, entry):
        found, neuron = self._read(entry)
        if neuron is None:
            return found
        looked_up = found.evidence["looked_up"] or None
        region = self.choice(looked_up) if self.lookup else entry.region or None
        if region is None:
            if self.lookup and looked_up is not None:
                return found._replace(region=looked_up)
            return found._replace(kind=NO_REGION, reason=REASONS[NO_REGION])
        return self._described(found, neuron, region, looked_up)

    def inspect(self, entry):
        """What a neuron says about its source, without using it."""
        return self._read(entry)[0]

    def _read(self, entry):
        """What the file says about its source, or why it cannot be read; and the neuron."""
        order = self.orders[entry.file]
        try:
            neuron = read_neuron(
                self.folder / entry.file, axis_order=order or AXES, unit_um=self.unit_um, id=entry.id
            )
        except InputError as error:
            silent = self.unit_um == "header" and error.what.startswith("A header does not say the unit")
            kind = NO_UNIT if silent else UNREADABLE
            return _Found(entry, kind=kind, reason=error.what, got=str(error.got)), None
        if order is None:
            evidence = self._evidence(neuron, entry, AXES, "") | {"soma_um": np.full(3, np.nan)}
            return _Found(entry, kind=NO_AXES, reason=REASONS[NO_AXES], evidence=evidence), None
        there = self.atlas is not None and self.atlas.has_volume
        looked_up = self.atlas.region_at(neuron.soma_um)[0] if there else ""
        return _Found(entry, evidence=self._evidence(neuron, entry, order, looked_up)), neuron

    def _evidence(self, neuron, entry, order, looked_up):
        space = _space(neuron.header)
        unit_um = space.unit_um if self.unit_um == "header" else self.unit_um
        return {
            "stated_order": space.axis_order,
            "stated_unit_um": space.unit_um,
            "order": order,
            "unit_um": unit_um,
            "shares": fit_shares(neuron, order, unit_um, self.brain),
            "soma_um": neuron.soma_um,
            "listed": entry.region,
            "looked_up": looked_up,
            "listed_soma_um": entry.soma_um,
        }

    def _described(self, found, neuron, region, looked_up):
        """The neuron in its final hemisphere, voxelised, with its row of the table."""
        measures, entry = measure(neuron), found.entry
        stated, order = (found.evidence[name] for name in ("stated_order", "order"))
        flags = {
            "no axon": not measures.n_axon_nodes,
            "no dendrite": not measures.n_dendrite_nodes,
            "truncated": is_truncated(neuron),
            "outside": looked_up == OUTSIDE or measures.beyond,
            "region by lookup": self.lookup,
            "header says other axes": stated is not None and tuple(stated) != tuple(order),
        }
        fingerprint = (len(neuron), *neuron.soma_um.tolist(), crc32(np.ascontiguousarray(neuron.xyz_um)))
        hemisphere = "left" if neuron.soma_um[2] <= MIDLINE_ML_UM else "right"
        neuron = mirror(neuron) if self.mirrored else neuron
        lengths = None if self.voxel_um is None else voxelise(neuron, self.voxel_um)
        row = (
            *(neuron.id, self.source, self.simulated, entry.file, entry.brain, region, hemisphere),
            *neuron.soma_um.tolist(),
            *(len(neuron), *measures[:4]),
            ";".join(name for name, raised in flags.items() if raised),
            *(() if self.targets is None else self.targets.lengths_um(lengths).tolist()),
        )
        lengths = None if lengths is None else _small(lengths)
        return found._replace(region=region, row=row, neuron=neuron, lengths=lengths, fingerprint=fingerprint)


class _Tally:
    """What was found so far, in the order of the listing."""

    def __init__(self):
        self.rows, self.kept, self.lengths, self.somas = [], [], [], []
        self.aside, self.outcomes, self.evidence = [], [], Evidence()
        self.n_bad = self.n_elsewhere = 0
        self.first_of = {}

    def set_aside(self, file, region, kind, reason=None, got=""):
        self.aside.append((file, kind, reason or REASONS[kind], got))
        self.outcomes.append((region or "", ASIDE + kind))

    def leave_out(self, region):
        self.outcomes.append((region or "", ELSEWHERE))
        self.n_elsewhere += 1

    def inspect(self, found):
        """Take what one file says about the source."""
        if found.evidence is not None:
            self.evidence.add(**found.evidence)

    def add(self, found, keep, points):
        """Take what one file held."""
        self.inspect(found)
        if found.kind:
            self.set_aside(found.entry.file, found.entry.region, found.kind, found.reason, found.got)
            self.n_bad += found.kind != NO_REGION  # whose axes or unit is undecided cannot be read either
        elif found.row is None:
            self.leave_out(found.region)
        elif self.first_of.setdefault(found.fingerprint, found.entry.file) != found.entry.file:
            got = f"the nodes of {self.first_of[found.fingerprint]}"
            self.set_aside(found.entry.file, found.region, REPEATED, got=got)
        else:
            self.rows.append(found.row)
            self.outcomes.append((found.region, outcome_of(found.row[COLUMNS.index("flags")])))
            if keep:
                self.kept.append(found.neuron)
            if points is not None:
                points.add(found.neuron, found.region, found.entry.brain)
            if found.lengths is not None:
                self.lengths.append(found.lengths)
                self.somas.append(found.neuron.soma_um)


@lru_cache(maxsize=256)
def _space(header):
    return header_space(header)


def _small(lengths):
    """Voxel lengths in the types that arbors are stored in, a third of the memory."""
    return VoxelLengths(
        lengths.axon_voxels.astype(np.int32),
        lengths.axon_um.astype(np.float32),
        lengths.dendrite_voxels.astype(np.int32),
        lengths.dendrite_um.astype(np.float32),
        lengths.axon_outside_um,
        lengths.dendrite_outside_um,
    )


def _targets(atlas, names, voxel_um):
    """The targets of the projection columns; None where there is no annotation volume or no voxel size."""
    if atlas is None or not atlas.has_volume or voxel_um is None or not names:
        return None
    return Targets.of(atlas, names, voxel_um)


def _check_atlas(atlas, region_column, targets):
    """Raise InputError where an atlas is needed and is not there."""
    if region_column is None and atlas is None:
        expected = "a column of the index, or an atlas"
        raise refuse("No way to tell regions.", "region_column", expected, "neither")
    if targets and (atlas is None or not atlas.has_volume):
        what = "Targets need an annotation volume."
        raise refuse(what, "targets", "an annotation volume beside them", ", ".join(targets))


def _orders(folder, entries, axis_order, unit_um, brain, threads, alpha, min_neurons):
    """The axis order of each file; None where neither its header nor its like decides it."""
    if axis_order != "header":
        return {entry.file: axis_order for entry in entries}

    def told(entry):
        try:
            neuron = read_neuron(folder / entry.file, unit_um=unit_um)
        except InputError:
            return None, None
        space = _space(neuron.header)
        unit = space.unit_um if unit_um == "header" else unit_um
        return space.axis_order, None if space.axis_order else fit_shares(neuron, AXES, unit, brain)[:, 0]

    found = list(_told(_in_order(told, entries, threads), len(entries), "headers read"))
    stated = [order for order, _ in found if order is not None]
    silent = [shares for _, shares in found if shares is not None]
    pooled = headerless_order(stated, silent, alpha, min_neurons)[0] if silent else None
    orders = {}
    for entry, (order, shares) in zip(entries, found, strict=True):
        unread = order is None and shares is None  # reading it again gives the reason
        orders[entry.file] = AXES if unread else order or pooled
    return orders


def _declared(axis_order, unit_um):
    """The declared axis order as a tuple and unit as a number, or "header"; else InputError."""
    by_header = isinstance(axis_order, str) and axis_order.lower() == "header"
    order = "header" if by_header else tuple(axes_of(axis_order, "", "axis_order"))
    by_header = isinstance(unit_um, str) and unit_um.lower() == "header"
    return order, "header" if by_header else unit_of(unit_um, "", "unit_um")


def _stacked(table, tally, voxel_um):
    ids, regions, brains = (table[name].to_numpy(object) for name in ("id", "region", "brain"))
    return stack_arbors(ids, tally.somas, tally.lengths, voxel_um, regions=regions, brains=brains)


def _spread(table, most):
    """The rows of a table as tuples; of many, so many of them, evenly spaced."""
    rows = np.unique(np.linspace(0, len(table) - 1, min(len(table), most)).astype(int))
    return list(table.iloc[rows].itertuples(index=False))


def _files(folder, pattern):
    """Names, relative to the folder, of the neurons that match; InputError where there are none."""
    names = neuron_files(folder, pattern)
    if not names:
        got = "no such folder" if not folder.is_dir() else f"{sum(1 for _ in folder.iterdir())} other entries"
        raise refuse("A folder has no neurons.", folder, f"files that match {pattern!r}", got)
    return names


def _warn(checks):
    """Log what was checked: a warning for what differs, a plain line for the rest."""
    for row in checks[checks["verdict"] != NOT_CHECKED].itertuples(index=False):
        level = logging.WARNING if row.verdict == DIFFERS else logging.INFO
        what = f"{row.source}: {row.check}, declared {row.declared}, {row.verdict}. {row.detail}"
        log.log(level, what)


def _refuse_outside(checks, max_bad_share, folder):
    """Raise InputError where more somata lie outside the brain than allowed; say what would fit."""
    rows = checks.set_index("check")
    outside = rows.loc["outside"]
    if outside["verdict"] != DIFFERS:
        return
    others = checks[checks["check"].isin(["unit", "axis order"]) & (checks["verdict"] == DIFFERS)]
    told = " ".join(f"{row.check}: {row.detail}" for row in others.itertuples())
    raise InputError(
        "Too many somata lie outside the brain.",
        where=folder,
        expected=f"a share of at most {max_bad_share:g}",
        got=outside["detail"],
        hint=told or "No other axis order or unit is known to fit; compare the files' space with the CCF.",
    )


def _accept(tally, n_tried, max_bad_share, folder):
    """Raise InputError where too many files were bad or nothing is left."""
    bad = [item for item in tally.aside if item[1] not in (ABSENT, UNLISTED, REPEATED)]
    first = "".join(f"; {name}: {reason} {got}".rstrip() for name, _, reason, got in bad[:3])
    if tally.n_bad > max_bad_share * n_tried:
        got = f"{tally.n_bad} of {n_tried} files bad{first}"
        raise refuse("Too many neurons cannot be read.", folder, f"a share of at most {max_bad_share:g}", got)
    if not tally.rows:
        aside = tally.aside
        got = f"{len(aside)} set aside{first or (': ' + aside[0][2] if aside else '')}"
        raise refuse("No neuron is left.", folder, "at least one neuron in the wanted regions", got)


def _in_order(function, items, threads):
    """Results of a function in the order of the items, computed by several threads, few of them ahead."""
    if threads <= 1:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque()
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) > 8 * threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _told(items, n, what):
    """Pass items on; say how far it is every two seconds on a terminal, every twenty in the log."""
    started = told = logged = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - logged < 20 and not (sys.stderr.isatty() and now - told > 2 and now - started > 10):
            continue
        text = f"{what}: {done} done, {n - done} left, {done / (now - started):.1f} a second"
        if sys.stderr.isatty():
            told = now
            print(text, file=sys.stderr)
        if now - logged >= 20:
            logged = now
            log.info(text)
