"""Reading a folder of neurons: which file is which neuron, in which region, from which brain.

Regions come from an index table where there is one (registrations differ, and published regions are
better than a lookup of a shifted soma), else from the atlas. A bad file is set aside with its reason.
"""

import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from digimus.errors import InputError
from digimus.morphology.atlas import OUTSIDE
from digimus.morphology.ccf import AXES, GRID_UM, MIDLINE_ML_UM
from digimus.morphology.swc import APICAL, AXON, BASAL, mirror, read_swc, segment_lengths_um
from digimus.morphology.voxels import Arbors, stack_arbors, voxelise
from digimus.storage import read_table
from digimus.suggest import did_you_mean

ABSENT = "listed in the index, not in the folder"
UNLISTED = "not listed in the index"
NO_REGION = "no region known"
_COLUMNS = (
    *("id", "source", "file", "brain", "region", "hemisphere"),
    *("soma_ap_um", "soma_dv_um", "soma_ml_um", "n_nodes", "n_axon_nodes", "n_dendrite_nodes"),
    *("axon_length_um", "dendrite_length_um", "flags"),
)


@dataclass(frozen=True, eq=False)
class Reading:
    """What a folder of neurons held.

    Attributes
    ----------
    neurons : pandas.DataFrame
        One row a neuron that was read: id, source, file, brain, region, hemisphere (of the soma in the
        file), soma_ap_um, soma_dv_um, soma_ml_um (mirrored to ML <= 5700 µm unless told not to), n_nodes,
        n_axon_nodes, n_dendrite_nodes, axon_length_um, dendrite_length_um, flags ("no axon",
        "no dendrite", "outside": some of it beyond the grid, or its soma beyond the brain; joined by ";").
    set_aside : pandas.DataFrame
        Columns file, reason: bad files, files without a known region, files that the index does not
        list, and neurons that it lists and the folder lacks.
    morphologies : list of Neuron
        In the order of the table; empty where they were not to be kept.
    arbors : Arbors or None
        In the order of the table; None where no voxel size was given.
    n_bad, n_absent, n_elsewhere : int
        Files that could not be read, neurons listed but absent, neurons outside the chosen regions.
    """

    neurons: pd.DataFrame
    set_aside: pd.DataFrame
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
    index=None,
    file_column="file",
    id_column=None,
    region_column=None,
    brain_column=None,
    brain_pattern=None,
    atlas=None,
    regions=None,
    axis_order=AXES,
    unit_um=1.0,
    mirrored=True,
    max_bad_share=0.1,
    voxel_um=None,
    keep=True,
):
    """Read the neurons of a folder, with their regions and brains.

    Parameters
    ----------
    folder : str or Path
    pattern : str
        Which files of the folder are neurons.
    source : str
        Name of the data set; the folder's name by default.
    index : str or Path, optional
        A CSV table with one row a file.
    file_column, id_column, region_column, brain_column : str, optional
        Its columns: the file's name, the neuron's id (default: from the file's name), the region's
        acronym (default: by atlas lookup of the soma) and the brain.
    brain_pattern : str, optional
        A regular expression whose first group is the brain, searched in the brain column or, without
        one, in the file's name; `r"^(\\d+)_"` takes the number before an underscore.
    atlas : Atlas, optional
        Needed where the index gives no regions; rolls fine structures up to the chosen regions.
    regions : sequence of str, optional
        The regions wanted; by default every one. Neurons of others are counted and left out.
    axis_order, unit_um
        As in `read_swc`.
    mirrored : bool
        Whether neurons of the far hemisphere are reflected at the midline.
    max_bad_share : float
        The share of unreadable files, in [0, 1], above which the folder is refused.
    voxel_um : float, optional
        Also voxelise each neuron as it is read.
    keep : bool
        Whether to hold the nodes of all neurons (about 50 bytes a node); off for large sets.

    Returns
    -------
    Reading

    Raises
    ------
    InputError
        If the folder is absent or has no such file, the index lacks a column or names a neuron twice,
        more files are bad than allowed, or no neuron is left.
    """
    folder = Path(folder)
    region_column = None if index is None else region_column
    if region_column is None and atlas is None:
        raise _refuse(
            "No way to tell regions.", "region_column", "a column of the index, or an atlas", "neither"
        )
    present = _files(folder, pattern)
    listing = _listing(index, present, file_column, id_column, region_column, brain_column)
    listing["brain"] = _brains(listing, brain_pattern)
    aside = [(name, UNLISTED) for name in sorted(set(present) - set(listing["file"]))]
    absent = ~listing["file"].isin(present)
    aside += [(name, ABSENT) for name in listing.loc[absent, "file"]]
    listing, n_elsewhere = _choose(listing[~absent], region_column, atlas, regions)

    rows, kept, lengths, somas, n_bad = [], [], [], [], 0
    for entry in _progress(list(listing.itertuples(index=False)), "neurons read"):
        try:
            neuron = read_swc(folder / entry.file, axis_order=axis_order, unit_um=unit_um, id=entry.id)
        except InputError as error:
            aside.append((entry.file, f"{error.what} Got: {error.got}"))
            n_bad += 1
            continue
        looked_up = None if atlas is None or region_column else atlas.region_at(neuron.soma_um)[0]
        region = entry.region or _chosen(looked_up, atlas, regions)
        if region is None and looked_up is not None:
            n_elsewhere += 1
            continue
        if region is None:
            aside.append((entry.file, NO_REGION))
            continue
        row, neuron = _describe(neuron, entry, region, looked_up, source or folder.name, mirrored)
        rows.append(row)
        if keep:
            kept.append(neuron)
        if voxel_um is not None:
            somas.append(neuron.soma_um)
            lengths.append(voxelise(neuron, voxel_um))
    _accept(rows, aside, n_bad, len(listing), max_bad_share, folder)
    table = pd.DataFrame(rows, columns=list(_COLUMNS))
    arbors = None if voxel_um is None else _stacked(table, somas, lengths, voxel_um)
    set_aside = pd.DataFrame(aside, columns=["file", "reason"])
    return Reading(table, set_aside, kept, arbors, n_bad, int(absent.sum()), n_elsewhere)


def _stacked(table, somas, lengths, voxel_um):
    ids, regions, brains = (table[name].to_numpy(object) for name in ("id", "region", "brain"))
    return stack_arbors(ids, somas, lengths, voxel_um, regions=regions, brains=brains)


def _files(folder, pattern):
    """Names, relative to the folder, of the files that match; InputError where there are none."""
    try:
        names = sorted(str(path.relative_to(folder)) for path in folder.glob(pattern) if path.is_file())
    except (ValueError, NotImplementedError) as error:
        raise _refuse("A pattern of file names is wrong.", "pattern", "such as '*.swc*'", error) from error
    if not names:
        got = "no such folder" if not folder.is_dir() else f"{sum(1 for _ in folder.iterdir())} other entries"
        raise _refuse("A folder has no neurons.", folder, f"files that match {pattern!r}", got)
    return names


def _listing(index, present, file_column, id_column, region_column, brain_column):
    """A table of file, id, region and brain (empty text where unknown), one row a neuron."""
    if index is None:
        table = pd.DataFrame({file_column: present})
        id_column = region_column = brain_column = None
    else:
        table = read_table(index, dtype=str, keep_default_na=False)
    for column in (file_column, id_column, region_column, brain_column):
        if column is not None and column not in table.columns:
            raise InputError(
                f"The index has no column {column!r}.",
                where=index,
                expected=f"one of {', '.join(table.columns)}",
                got=column,
                hint=did_you_mean(column, table.columns),
            )
    files = table[file_column].str.strip()
    stems = files.str.replace(r"(\.swc)?(\.gz|\.xz)?$", "", regex=True).str.replace(r"^.*/", "", regex=True)
    empty = pd.Series([""] * len(table), index=table.index)
    listing = pd.DataFrame(
        {
            "file": files,
            "id": table[id_column].str.strip() if id_column else stems,
            "region": table[region_column].str.strip() if region_column else empty,
            "brain": table[brain_column].str.strip() if brain_column else empty,
        }
    )
    for column in ("file", "id"):
        twice = listing.loc[listing[column].duplicated(), column]
        if len(twice):
            raise _refuse(
                "A neuron is listed twice.", index or "file names", f"each {column} once", twice.iloc[0]
            )
    return listing


def _brains(listing, pattern):
    """The brain of each neuron, empty where it is not known."""
    if pattern is None:
        return listing["brain"]
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise _refuse(
            "A pattern is not a regular expression.", "brain_pattern", "a pattern", error
        ) from error
    if found.groups < 1:
        raise _refuse("A pattern has no group.", "brain_pattern", "the brain in parentheses", pattern)
    texts = listing["brain"].where(listing["brain"] != "", listing["file"])
    matches = (found.search(text) for text in texts)
    return [match.group(1) if match else "" for match in matches]


def _choose(listing, region_column, atlas, regions):
    """The rows whose region is wanted, rolled up to it; the number of others."""
    if region_column is None or regions is None:
        if atlas is not None and regions is not None:
            atlas.roll_up([], regions)
        return listing, 0
    known = listing["region"] != ""
    rolled = [_chosen(region, atlas, regions) for region in listing["region"]]
    wanted = ~known | pd.Series([region is not None for region in rolled], index=listing.index)
    if known.any() and not wanted[known].any():
        there = sorted(set(listing.loc[known, "region"]))
        raise InputError(
            "No neuron of the chosen regions is listed.",
            where="regions",
            expected=f"some of {', '.join(there[:20])}",
            got=", ".join(regions),
            hint=did_you_mean(next(iter(regions), ""), there[:200]),
        )
    listing = listing.assign(region=[region or "" for region in rolled])[wanted]
    return listing, int((~wanted).sum())


def _chosen(region, atlas, regions):
    """The wanted region that a structure belongs to, or None."""
    if not region or regions is None:
        return region or None
    if region in regions:
        return region
    return None if atlas is None or region == OUTSIDE else atlas.roll_up([region], regions)[0]


def _describe(neuron, entry, region, looked_up, source, mirrored):
    """A neuron's row of the table, and the neuron in its final hemisphere."""
    lengths = segment_lengths_um(neuron)
    is_axon, is_dendrite = neuron.kind == AXON, (neuron.kind == BASAL) | (neuron.kind == APICAL)
    neurites = neuron.xyz_um[is_axon | is_dendrite]
    beyond = looked_up == OUTSIDE or any(
        ((points < 0) | (points >= GRID_UM)).any() for points in (neurites, neuron.soma_um)
    )
    flags = {"no axon": not is_axon.any(), "no dendrite": not is_dendrite.any(), "outside": beyond}
    hemisphere = "left" if neuron.soma_um[2] <= MIDLINE_ML_UM else "right"
    neuron = mirror(neuron) if mirrored else neuron
    values = (
        *(neuron.id, source, entry.file, entry.brain, region, hemisphere),
        *neuron.soma_um.tolist(),
        *(len(neuron), int(is_axon.sum()), int(is_dendrite.sum())),
        *(float(lengths[is_axon].sum()), float(lengths[is_dendrite].sum())),
        ";".join(name for name, raised in flags.items() if raised),
    )
    return values, neuron


def _accept(rows, aside, n_bad, n_tried, max_bad_share, folder):
    """Raise InputError where too many files were bad or nothing is left."""
    bad = [item for item in aside if item[1] not in (ABSENT, UNLISTED)]
    first = "".join(f"; {name}: {reason}" for name, reason in bad[:3])
    if n_bad > max_bad_share * n_tried:
        got = f"{n_bad} of {n_tried} files bad{first}"
        raise _refuse(
            "Too many neurons cannot be read.", folder, f"a share of at most {max_bad_share:g}", got
        )
    if not rows:
        got = f"{len(aside)} set aside{first or (': ' + aside[0][1] if aside else '')}"
        raise _refuse("No neuron is left.", folder, "at least one neuron in the wanted regions", got)


def _progress(items, what):
    """Pass items on; on a terminal, say every two seconds how far it is, once ten seconds have passed."""
    started = told = time.monotonic()
    for done, item in enumerate(items):
        now = time.monotonic()
        if sys.stderr.isatty() and now - started > 10 and now - told > 2:
            rate, told = done / (now - started), now
            print(f"{what}: {done} done, {len(items) - done} left, {rate:.1f} a second", file=sys.stderr)
        yield item


def _refuse(what, where, expected, got):
    hint = "Check the folder, the pattern and the index in the configuration, and the files named here."
    return InputError(what, where=where, expected=expected, got=got, hint=hint)
