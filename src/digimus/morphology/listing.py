"""Which neuron of a folder is which: its file, id, region, brain and soma by an index table."""

import re

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.morphology.atlas import OUTSIDE
from digimus.morphology.files import neuron_id
from digimus.storage import read_table
from digimus.suggest import did_you_mean


def listing_of(index, present, file_column, id_column, region_column, brain_column):
    """A table of file, id, region and brain (empty text where unknown), one row a neuron.

    Raises
    ------
    InputError
        If the index lacks a column, or lists a file or an id twice. (Files without an index may share an id.)
    """
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
    stems = files.map(neuron_id)
    empty = pd.Series([""] * len(table), index=table.index)
    listing = pd.DataFrame(
        {
            "file": files,
            "id": table[id_column].str.strip() if id_column else stems,
            "region": table[region_column].str.strip() if region_column else empty,
            "brain": table[brain_column].str.strip() if brain_column else empty,
        }
    )
    for column in ("file", "id") if index is not None else ():
        twice = listing.loc[listing[column].duplicated(), column]
        if len(twice):
            files = ", ".join(listing.loc[listing[column] == twice.iloc[0], "file"])
            got = twice.iloc[0] if column == "file" else f"{twice.iloc[0]} for {files}"
            raise refuse("A neuron is listed twice.", index, f"each {column} once", got)
    return listing


def brains_of(listing, pattern):
    """The brain of each neuron, empty where it is not known."""
    if pattern is None:
        return listing["brain"]
    try:
        found = re.compile(pattern)
    except re.error as error:
        raise refuse("A pattern is not a regular expression.", "brain_pattern", "a pattern", error) from error
    if found.groups < 1:
        raise refuse("A pattern has no group.", "brain_pattern", "the brain in parentheses", pattern)
    texts = listing["brain"].where(listing["brain"] != "", listing["file"])
    matches = (found.search(text) for text in texts)
    return [match.group(1) if match else "" for match in matches]


def somas_of(listing, table, key_column, columns):
    """The soma that a table gives for each neuron, (n, 3) µm AP, DV, ML; NaN where it gives none.

    Parameters
    ----------
    listing : pandas.DataFrame
    table : str or Path, or None
        A CSV table; none: nothing is known.
    key_column : str
        Its column with the id of the neuron, or its file.
    columns : sequence of 3 str, or None
        Its columns with AP, DV and ML.

    Raises
    ------
    InputError
        If there is no table, it lacks a column, or it gives two different somata for a neuron of the listing.
    """
    if columns is None:
        return np.full((len(listing), 3), np.nan)
    if table is None:
        raise refuse("No table holds the somata.", "soma_columns", "soma_table, or an index", "neither")
    given = read_table(table, [key_column, *columns], dtype=str, keep_default_na=False)
    keys = given[key_column].str.strip().rename("neuron")
    numbers = given[list(columns)].apply(pd.to_numeric, errors="coerce").set_index(keys)
    numbers = numbers[np.isfinite(numbers).all(axis=1)].reset_index().drop_duplicates().set_index("neuron")
    twice = numbers.index[numbers.index.duplicated()]
    twice = twice[twice.isin(listing["id"]) | twice.isin(listing["file"])]
    if len(twice):
        what = "A table gives two different somata for one neuron."
        raise refuse(what, table, "one soma a neuron", f"{twice[0]}, and {twice.nunique() - 1} others")
    numbers = numbers[~numbers.index.duplicated()]  # what is left of these is not in the listing
    by_id, by_file = (numbers.reindex(listing[name]).to_numpy(float) for name in ("id", "file"))
    return np.where(np.isfinite(by_id), by_id, by_file)


class Choice:
    """Which of the wanted regions a structure belongs to; each structure is looked up once.

    Parameters
    ----------
    regions : sequence of str, or None
        None: every structure is wanted as it is.
    atlas : Atlas or None
        Rolls finer structures up to the wanted ones.
    """

    def __init__(self, regions, atlas):
        self._regions, self._atlas, self._known = regions, atlas, {}
        if regions is not None:
            self._known = {region: region for region in regions}
            if atlas is not None:
                atlas.roll_up([], regions)

    def __call__(self, structure):
        """The wanted region, or None."""
        if self._regions is None or not structure:
            return structure or None
        if structure not in self._known:
            known = self._atlas is not None and structure != OUTSIDE
            self._known[structure] = self._atlas.roll_up([structure], self._regions)[0] if known else None
        return self._known[structure]


def choose(listing, region_column, choice, regions):
    """The rows of the wanted regions, rolled up to them, and the rows of other regions."""
    if region_column is None or regions is None:
        return listing, listing[:0]
    known = listing["region"] != ""
    rolled = [choice(region) for region in listing["region"]]
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
    others = listing[~wanted]
    return listing.assign(region=[region or "" for region in rolled])[wanted], others


def refuse(what, where, expected, got):
    """An InputError about a folder and its index."""
    hint = "Check the folder, the pattern and the index in the configuration, and the files named here."
    return InputError(what, where=where, expected=expected, got=got, hint=hint)
