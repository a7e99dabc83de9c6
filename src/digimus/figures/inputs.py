"""The tables that a figure is drawn from, found by the end of their paths."""

from dataclasses import dataclass
from pathlib import PurePosixPath

import pandas as pd

from digimus.errors import InputError


@dataclass(frozen=True)
class Inputs:
    """Tables by path, and which of the inputs behind them are simulated.

    Attributes
    ----------
    tables : dict of str to pandas.DataFrame
    sources, datasets, priors : frozenset of str
        Names of the simulated ones.
    """

    tables: dict
    sources: frozenset = frozenset()
    datasets: frozenset = frozenset()
    priors: frozenset = frozenset()

    def table(self, pattern, columns):
        """All tables whose path ends like the pattern, one below the other.

        Parameters
        ----------
        pattern : str
            For example ``motifs/*/profiles.csv``.
        columns : sequence of str
            What the figure needs.

        Returns
        -------
        pandas.DataFrame
            Without rows, but with the columns, where there is no such table or all are empty.

        Raises
        ------
        InputError
            If a table with rows lacks a column.
        """
        found = []
        for path, table in self.tables.items():
            if not PurePosixPath(str(path)).match(pattern) or not len(table):
                continue
            missing = [column for column in columns if column not in table.columns]
            if missing:
                raise InputError(
                    f"A table lacks the column {missing[0]!r} that a figure shows.",
                    where=path,
                    expected=f"columns {', '.join(columns)}",
                    got=f"columns {', '.join(map(str, table.columns))}",
                    hint="Compute the table again with this version of the library.",
                )
            found.append(table)
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(columns))

    def by_source(self, pattern, columns):
        """Tables that belong to one source each, by the folder they lie in.

        Parameters
        ----------
        pattern : str
            For example ``motifs/*/linkage.csv``; the star stands for the source.
        columns : sequence of str
            What the figure needs.

        Returns
        -------
        dict of str to pandas.DataFrame
            Without the empty ones.

        Raises
        ------
        InputError
            If a table with rows lacks a column.
        """
        place = PurePosixPath(pattern).parts[::-1].index("*")
        found = {}
        for path, table in self.tables.items():
            if PurePosixPath(str(path)).match(pattern) and len(table):
                only = Inputs({path: table}).table(pattern, columns)
                found[PurePosixPath(str(path)).parts[::-1][place]] = only
        return found

    def simulated_sources(self, table):
        """Sources of a table's rows that are simulated, by the caller's word or the table's own."""
        if not len(table):
            return set()
        said = table["simulated"].astype(str).eq("True") if "simulated" in table else False
        return set(table.loc[table["source"].isin(self.sources) | said, "source"])

    def simulated_priors(self, table):
        """Priors of a table's rows that come from simulated neurons."""
        return set(table["prior"]) & self.priors if len(table) else set()
