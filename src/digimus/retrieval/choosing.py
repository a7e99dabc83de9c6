"""Which neurons of a published set are wanted, by name and by region."""

import re
from fnmatch import fnmatchcase

import pandas as pd

from digimus.errors import InputError
from digimus.suggest import listed, nearest

COLUMNS = ("file", "neuron", "region", "brain", "soma_ap_um", "soma_dv_um", "soma_ml_um", "url")
"""Of the index of a set of neurons: empty where the set does not tell."""


def chosen(table, where, *, neurons=(), regions=(), limit=None):
    """The rows of a set's index that are asked for.

    Parameters
    ----------
    table : DataFrame
        The columns `COLUMNS`, one row a neuron.
    where : str
        What the set is called, for messages.
    neurons, regions : sequence of str
        Names of neurons and of regions, as the set writes them; ``*`` stands for any characters. A neuron
        has one of the names and one of the regions. Empty: all.
    limit : int, optional
        Take at most so many of each region, the first by name.

    Returns
    -------
    DataFrame
        Sorted by name.

    Raises
    ------
    InputError
        If a name or a region is not in the set, or no neuron has both.
    """
    whole = table
    for column, patterns in (("neuron", neurons), ("region", regions)):
        known = sorted(set(whole[column]) - {""})
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in known):
                raise InputError(
                    f"A set of neurons has no such {column}.",
                    where=where,
                    expected=f"one of its {len(known)}: {listed(known, 8)}",
                    got=pattern,
                    hint=f"{nearest(pattern, known)} '*' stands for any characters; case counts.".lstrip(),
                )
        if patterns:
            table = table[[any(fnmatchcase(name, p) for p in patterns) for name in table[column]]]
    table = table.sort_values(["neuron", "file"])
    if limit is not None:
        table = table.groupby("region", sort=False).head(limit)
    if table.empty:
        raise InputError(
            "No neuron of a set is what is asked for.",
            where=where,
            expected="neurons that have one of the names and one of the regions",
            got="none",
            hint="Ask for more names or regions.",
        )
    return table.reset_index(drop=True)


def file_of(entry):
    """The file that an entry of an index names; `name.json#id` is one neuron of a file of several."""
    return re.sub(r"(\.json)#.*", r"\1", entry, flags=re.I | re.S)


def index_of(rows):
    """An index as a table with the columns `COLUMNS`, empty text where a row has nothing."""
    filled = [[str(row.get(column, "")) for column in COLUMNS] for row in rows]
    return pd.DataFrame(filled, columns=COLUMNS, dtype=str)
