"""From a list of files to the sessions that can be used, and the reasons why the others cannot."""

import logging
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.duplicates import find_duplicates
from digimus.recordings.example import EXAMPLE_COLUMNS, example
from digimus.recordings.naming import listed, nearest
from digimus.recordings.preparation import prepare_with_units
from digimus.recordings.sessions import read_session
from digimus.recordings.trials import counted
from digimus.storage import matching_files

log = logging.getLogger(__name__)

TABLE_COLUMNS = (
    *("file", "session", "animal", "status", "reason"),
    *("n_units", "n_trials", "n_samples", "n_classes", "regions"),
    *("start_time", "n_units_left_out", "n_trials_dropped", "dropped", "digest"),
)
NONE_LEFT = "No recording can be used."
ZARR_MARKS = (".zgroup", "zarr.json")
UNIT_COLUMNS = ("session", "animal", "unit", "region", "kept", "reason")


def recorded_files(folder, pattern, where="pattern"):
    """The recordings of a folder that a pattern names, sorted: files, and folders that are Zarr stores.

    Parameters
    ----------
    folder : str or Path
    pattern : str
        Such as "*.nwb" or "**/*.nwb.zarr".
    where : str
        The key of the pattern, for messages.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If the pattern is none.
    """
    files = matching_files(folder, pattern, where)
    stores = (path for path in Path(folder).glob(pattern) if path.is_dir())
    return sorted([*files, *(path for path in stores if any((path / name).exists() for name in ZARR_MARKS))])


class PreparedDataset(NamedTuple):
    """What `prepare_files` finds.

    Attributes
    ----------
    prepared : list of Prepared
        The sessions used, in the order of their files; empty if they were handed to `write`.
    sessions : DataFrame
        One row a file: file, session, animal, status ("used" or "set aside"), reason, n_units, n_trials,
        n_samples, n_classes, regions (as ``"M2:8; SNr:4"``), start_time, n_units_left_out,
        n_trials_dropped, dropped (trials or windows by reason, as ``"tie: 3"``), digest (of what was
        prepared, so that the table changes wherever a session does).
    units : DataFrame
        One row a unit of the sessions used: session, animal, unit, region, kept, reason.
    example : DataFrame
        The first trials of the first session used; see `digimus.recordings.example.example`.
    """

    prepared: list
    sessions: pd.DataFrame
    units: pd.DataFrame
    example: pd.DataFrame


def prepare_dataset(paths, settings, **options):
    """Prepare every file: the sessions used, and the table of all files; see `prepare_files`."""
    found = prepare_files(paths, settings, **options)
    return found.prepared, found.sessions


def prepare_files(
    paths,
    settings,
    *,
    dataset="",
    signal="spikes",
    region_column=None,
    module=None,
    trials_table=None,
    max_bad_share=0.5,
    progress=None,
    write=None,
):
    """Read and prepare every file; set aside the ones that cannot be used, with the reason.

    Of two files of one recording (see `find_duplicates`) the one with fewer trials is set aside, the
    later one if they have as many. Sessions get names that can be files' and that no other one has.

    Parameters
    ----------
    paths : sequence of str or Path
    settings : Preparation
    dataset : str
        Its name, for the example.
    signal, region_column, module, trials_table
        As for `read_session`.
    max_bad_share : float
        Largest tolerated share of files set aside, 0 to 1.
    progress : callable, optional
        Called after each file as ``progress(n_done, n_all)``.
    write : callable, optional
        Called with each prepared session, which is then let go, so that memory holds one at a time. Also
        called with those that turn out to repeat another one; the table says which are used.

    Returns
    -------
    PreparedDataset

    Raises
    ------
    InputError
        If there are no files, more than `max_bad_share` of them are set aside, or none is left; if no
        session has a unit in one of the wanted regions.
    """
    paths = [Path(path) for path in paths]
    if not paths:
        raise _dataset_error("There are no recordings.", "at least one file", "an empty list", [])
    reading = {"signal": signal, "region_column": region_column, "module": module}
    reading |= {
        "trials_table": trials_table,
        "series": [settings.label.series] if settings.label.series else (),
    }
    rows, sessions, prepared, units, examples, regions = [], {}, {}, {}, {}, set()
    for number, path in enumerate(paths):
        row = dict.fromkeys(TABLE_COLUMNS, "") | dict.fromkeys(_COUNTS, 0)
        row |= {"file": str(path), "status": "set aside"}
        rows.append(row)
        try:
            session = read_session(path, **reading)
            name = _unused_name(session, path, [other["session"] for other in rows])
            session = replace(session, session_id=name)
            regions.update(session.regions)
            row.update(session=name, animal=session.animal, start_time=session.start_time.isoformat())
            row.update(n_trials=len(session.trials))
            row.update(n_units=session.n_units, regions=_per_region(session.regions))
            found, units[number] = prepare_with_units(session, settings)
            examples[number] = example(session, found, units[number], dataset)
            row.update(_used_row(found, session))
            sessions[number] = replace(session, spike_times=None, traces=None, series={})
            prepared[number] = found if write is None else write(found)
        except InputError as error:
            row["reason"] = _reason(error, path)
        log.info("%s: %s", path, row["reason"] or f"{row['n_samples']} samples, {row['n_units']} units")
        if progress is not None:
            progress(number + 1, len(paths))
    for number, reason in _repeated(sessions, paths).items():
        rows[number].update(status="set aside", reason=reason)
        log.info("%s: %s", paths[number], reason)
        del prepared[number]
    _check_share(rows, max_bad_share)
    _check_regions(settings.regions, regions)
    return PreparedDataset(
        prepared=[found for found in prepared.values() if write is None],
        sessions=pd.DataFrame(rows, columns=TABLE_COLUMNS),
        units=pd.concat([_unit_rows(units[number], rows[number]) for number in prepared], ignore_index=True),
        example=next((examples[number] for number in prepared), pd.DataFrame(columns=EXAMPLE_COLUMNS)),
    )


LONGEST_NAME = 60
"""Letters that a file's name takes of a session's, an animal's and a recording's; file systems bear 255."""
_COUNTS = ("n_units", "n_trials", "n_samples", "n_classes", "n_units_left_out", "n_trials_dropped")


def _unused_name(session, path, taken):
    """The session's name as part of a file's name; with animal, file or number where it is taken."""
    plain, animal, file = (
        re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:LONGEST_NAME].strip("._-")
        for text in (session.session_id, session.animal, path.stem)
    )
    plain = plain or "session"
    names = [plain, f"{animal}_{plain}", f"{animal}_{plain}_{file}"]
    names += [f"{names[-1]}_{number}" for number in range(2, len(taken) + 3)]
    return next(name for name in names if name not in taken)


def _used_row(prepared, session):
    return {
        "status": "used",
        "n_units": prepared.n_units,
        "n_samples": prepared.n_samples,
        "n_classes": len(prepared.classes),
        "regions": _per_region(prepared.unit_regions),
        "n_units_left_out": session.n_units - prepared.n_units,
        "n_trials_dropped": prepared.n_trials_dropped,
        "dropped": counted(prepared.dropped) if prepared.dropped else "",
        "digest": prepared.digest,
    }


def _reason(error, path):
    """An error in one line: with the field that it is about, and the name that was perhaps meant."""
    field = str(error.where).removeprefix(str(path)).removeprefix(", ")
    what = f"{error.what.rstrip('.')} ({field})." if field else error.what
    meant = re.search(r"Did you mean .*?\?", error.hint or "")
    return f"{what} Expected {error.expected}; got {error.got}.{f' {meant[0]}' if meant else ''}"


def _unit_rows(units, row):
    return units.assign(session=row["session"], animal=row["animal"])[list(UNIT_COLUMNS)]


def _per_region(regions):
    names, counts = np.unique(regions.astype(str), return_counts=True)
    return "; ".join(f"{name}:{count}" for name, count in zip(names, counts, strict=True))


def _repeated(sessions, paths):
    """Reasons for the files that repeat another one, by their number."""
    numbers = list(sessions)
    reasons = {}
    for pair in find_duplicates(list(sessions.values())):
        both = [numbers[pair.first], numbers[pair.second]]
        kept, other = sorted(both, key=lambda n: (-len(sessions[n].trials), n))
        if kept not in reasons:
            reasons[other] = f"The same recording as {paths[kept].name}: {pair.reason}."
    return reasons


def _check_share(rows, max_bad_share):
    bad = [row for row in rows if row["status"] == "set aside"]
    if len(bad) == len(rows):
        raise _dataset_error(NONE_LEFT, "at least one", f"{len(bad)} set aside", bad)
    allowed = math.floor(max_bad_share * len(rows) + 1e-9)
    if len(bad) > allowed:
        expected = f"at most {allowed} of {len(rows)} files (max_bad_share = {max_bad_share:g})"
        raise _dataset_error("Too many recordings were set aside.", expected, f"{len(bad)} set aside", bad)


def _check_regions(wanted, found):
    """A region that no session has is a slip of the pen; some sessions may well lack one."""
    for region in wanted or ():
        if region not in found:
            raise InputError(
                f"No unit of any session lies in the region {region!r}.",
                where="the dataset's regions",
                expected=f"regions among {listed(sorted(map(str, found)))}",
                got=region,
                hint=nearest(region, sorted(map(str, found))) + "Take it off `regions`.",
            )


def _dataset_error(what, expected, got, bad):
    """Every reason goes into the message, files of one reason together, so that none need be searched for."""
    files = {}
    for row in bad:
        files.setdefault(row["reason"], []).append(Path(row["file"]).name)
    reasons = "; ".join(f"{listed(names, 5)}: {reason}" for reason, names in list(files.items())[:12])
    more = f"; and {len(files) - 12} more reasons, in the log" if len(files) > 12 else ""
    return InputError(
        what,
        where="the dataset's files",
        expected=expected,
        got=f"{got}. {reasons}{more}" if bad else got,
        hint="Mend or remove these files, "
        + (
            "or change the preparation."
            if what == NONE_LEFT
            else "change the preparation, or raise max_bad_share."
        ),
    )
