"""The licking set's own MATLAB files, made into NWB.

The layout, that of a loader: ``<region>_segmented_data/<day>/{behavior_trial,spike_trial}/*.mat``,
one file a trial in each of the two folders, named ``trial_N.mat`` or ``sample_N.mat``, with the key
``array``: spikes per sample, time x 32 channels, and behaviour, time, or time x several columns. What no
source says is ours: that a sample is 1 ms, which column holds the licks, and when a trial began.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from digimus.errors import InputError
from digimus.recordings.licking_nwb import write_day
from digimus.recordings.mat_files import read_array
from digimus.recordings.naming import listed
from digimus.storage import write_table

SUFFIX = "_segmented_data"
BEHAVIOUR, SPIKES = "behavior_trial", "spike_trial"
COLUMNS = (
    *("file", "region", "day", "animal", "status", "reason"),
    *("n_trials", "n_samples", "n_units", "n_spikes", "n_licks"),
)
_TRIAL = re.compile(r"(?:trial|sample)_(\d+)\.mat")
_DATE = re.compile(r"(?<!\d)(20\d\d)[-_.]?([01]\d)[-_.]?([0-3]\d)(?!\d)")


@dataclass(frozen=True)
class LickingLayout:
    """What the files do not say; the defaults are ours.

    Attributes
    ----------
    sample_ms : float
        Width of a sample.
    gap_s : float
        Between two trials, which are laid end to end.
    n_channels : int
        Of the spike arrays; each becomes a unit.
    lick_column : int
        Of the behaviour, from 0; a sample with a number above 0 is a lick.
    animal_pattern : str, optional
        Regular expression whose first group in the day's path, ``<region>_segmented_data/<day>``, is the
        animal. Without it the animals of a region are taken for one, which is cautious.
    simulated : bool
        Marks the files, and everything drawn from them, as simulated.
    """

    sample_ms: float = 1.0
    gap_s: float = 10.0
    n_channels: int = 32
    lick_column: int = 0
    animal_pattern: str | None = None
    simulated: bool = False

    def __post_init__(self):
        for name, least in (("sample_ms", 0), ("gap_s", 0), ("n_channels", 0), ("lick_column", -1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not least < value < np.inf:
                raise _setting(name, f"a number above {least}", value)
        try:
            groups = re.compile(self.animal_pattern or "()").groups
        except re.error as error:
            raise _setting(
                "animal_pattern", "a regular expression", f"{self.animal_pattern}: {error}"
            ) from error
        if groups < 1:
            raise _setting("animal_pattern", "the animal in parentheses", self.animal_pattern)


class Trial(NamedTuple):
    """One trial: `spikes` (n_samples, n_channels) and `licks` (n_samples,), whole numbers a sample."""

    file: str
    spikes: np.ndarray
    licks: np.ndarray


class Day(NamedTuple):
    """A folder of a day: its region, animal, and a start that tells it from every other day."""

    folder: Path
    region: str
    animal: str
    start: datetime
    is_dated: bool

    @property
    def session(self):
        """The name of its session and file."""
        return f"{self.region}_{self.folder.name}"


def find_days(folder, layout=None):
    """The days of all regions in a folder.

    Parameters
    ----------
    folder : str or Path
        Holds ``<region>_segmented_data`` folders, or is one.
    layout : LickingLayout, optional

    Returns
    -------
    list of Day
        By region and name. A day whose name has no date of the form 20YYMMDD (dashes may divide it) starts at
        a made-up one, so that no two days of an animal share theirs.

    Raises
    ------
    InputError
        If there is none, or the pattern of animals does not match a day.
    """
    layout, folder = layout or LickingLayout(), Path(folder)
    regions = [folder] if folder.name.endswith(SUFFIX) else sorted(folder.glob(f"*{SUFFIX}"))
    days = []
    for region_folder in (path for path in regions if path.is_dir()):
        region = region_folder.name.removesuffix(SUFFIX)
        taken = set()
        for number, path in enumerate(sorted(path for path in region_folder.iterdir() if path.is_dir())):
            date = _date(path.name)
            start = date or datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=number)
            while start in taken:
                start += timedelta(hours=1)
            taken.add(start)
            days.append(Day(path, region, _animal(path, region, layout), start, date is not None))
    if not days:
        raise InputError(
            "There are no days of the licking set.",
            where=folder,
            expected=f"<region>{SUFFIX}/<day>/{{{BEHAVIOUR},{SPIKES}}}/*.mat",
            got=listed(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else "no folder",
            hint=f"Name the folder that holds M2{SUFFIX} and its like.",
        )
    return days


def read_day(folder, layout=None):
    """The trials of one day, behaviour and spikes of the same number together.

    Parameters
    ----------
    folder : str or Path
        With the folders ``behavior_trial`` and ``spike_trial``.
    layout : LickingLayout, optional

    Returns
    -------
    list of Trial
        By their numbers.

    Raises
    ------
    InputError
        If a folder is absent or empty; if a trial has no pair, another name, two files of one number, or an
        array of another key, shape or length, or one with nan, fractions or negative numbers.
    """
    layout, folder = layout or LickingLayout(), Path(folder)
    behaviour, spikes = (_numbered(folder / name) for name in (BEHAVIOUR, SPIKES))
    for here, there, name in ((spikes, behaviour, BEHAVIOUR), (behaviour, spikes, SPIKES)):
        alone = sorted(set(here) - set(there))
        if alone:
            raise InputError(
                "A trial has no pair.",
                where=here[alone[0]],
                expected=f"a file of the same number in {name}",
                got=f"none for {len(alone)} of {len(here)}, the first number {alone[0]}",
                hint="Copy the day anew, or move the lone files out of it.",
            )
    return [_trial(behaviour[number], spikes[number], layout) for number in sorted(spikes)]


def convert(folder, out, layout=None, *, progress=None):
    """Write one NWB file a day and region; days that cannot be read are set aside with the reason.

    Parameters
    ----------
    folder : str or Path
        As for `find_days`.
    out : str or Path
        Gets ``<region>_<day>.nwb``, and ``conversion.csv`` last.
    layout : LickingLayout, optional
    progress : callable, optional
        Called after each day as ``progress(n_done, n_all)``.

    Returns
    -------
    DataFrame
        As in conversion.csv, one row a day: file, region, day, animal, status (``"converted"`` or ``"set
        aside"``), reason, n_trials, n_samples, n_units, n_spikes, n_licks.

    Raises
    ------
    InputError
        If there are no days, or none of them can be read.
    """
    layout, out = layout or LickingLayout(), Path(out)
    days, rows = find_days(folder, layout), []
    for number, day in enumerate(days, start=1):
        target = out / f"{day.session}.nwb"
        row = {"file": target.name, "region": day.region, "day": day.folder.name, "animal": day.animal}
        try:
            trials = read_day(day.folder, layout)
        except InputError as error:
            target.unlink(missing_ok=True)  # an earlier conversion of what is now refused
            reason = f"{error.what} {error.where}: expected {error.expected}; got {error.got}."
            rows.append({**row, **dict.fromkeys(COLUMNS[6:], 0), "status": "set aside", "reason": reason})
        else:
            write_day(target, day, trials, layout)
            counts = {"n_trials": len(trials), "n_samples": sum(len(trial.licks) for trial in trials)}
            counts["n_units"] = layout.n_channels
            counts["n_spikes"] = sum(int(trial.spikes.sum()) for trial in trials)
            counts["n_licks"] = sum(int((trial.licks > 0).sum()) for trial in trials)
            rows.append({**row, **counts, "status": "converted", "reason": ""})
        if progress is not None:
            progress(number, len(days))
    table = pd.DataFrame(rows, columns=COLUMNS)
    if (table["status"] != "converted").all():
        raise InputError(
            "No day of the licking set can be read.",
            where=folder,
            expected="at least one",
            got="; ".join(table["reason"].head(3)),
            hint="Mend the files, or correct the settings of the conversion.",
        )
    write_table(out / "conversion.csv", table)
    return table


def _numbered(folder):
    """The files of a folder by the number of their trial."""
    found = {}
    for path in sorted(folder.glob("*.mat")) if folder.is_dir() else ():
        match = _TRIAL.fullmatch(path.name)
        if match is None or int(match[1]) in found:
            raise InputError(
                "A trial has a name that tells no number."
                if match is None
                else "Two trials have one number.",
                where=path,
                expected="trial_N.mat or sample_N.mat, every number once",
                got=path.name if match is None else f"{found[int(match[1])].name} and {path.name}",
                hint="Move other files out of the day.",
            )
        found[int(match[1])] = path
    if not found:
        raise InputError(
            "A day has no trials.",
            where=folder,
            expected="files trial_N.mat or sample_N.mat",
            got="an empty folder" if folder.is_dir() else "no such folder",
            hint="Copy the day anew, or move it out of the region's folder.",
        )
    return found


def _trial(behaviour, spikes, layout):
    counts, moves = _counts(spikes), _counts(behaviour)
    if counts.ndim != 2 or counts.shape[1] != layout.n_channels:
        turned = counts.ndim == 2 and counts.shape[0] == layout.n_channels
        raise InputError(
            "A trial has another number of channels.",
            where=f"{spikes}, array",
            expected=f"time x {layout.n_channels} channels",
            got=" x ".join(map(str, counts.shape)),
            hint="The array is turned: time comes first." if turned else "Set the number of channels.",
        )
    moves = moves.reshape(-1, 1) if moves.ndim == 1 or moves.shape[0] == 1 else moves
    if not 0 <= layout.lick_column < moves.shape[1]:
        raise InputError(
            "The behaviour has no such column.",
            where=f"{behaviour}, array",
            expected=f"more than {layout.lick_column} columns",
            got=" x ".join(map(str, moves.shape)),
            hint="Set the column of the licks, from 0.",
        )
    if len(moves) != len(counts):
        raise InputError(
            "Behaviour and spikes of a trial differ in length.",
            where=f"{behaviour}, {spikes}",
            expected="as many samples of both",
            got=f"{len(moves)} of behaviour, {len(counts)} of spikes",
            hint="The two files are of different trials, or one is cut off: copy the day anew.",
        )
    return Trial(spikes.name, counts, moves[:, layout.lick_column])


def _counts(path):
    """Whole numbers of 0 or more, from a file's array."""
    values = read_array(path)
    problems = [
        ("nan or infinite numbers", ~np.isfinite(values)),
        ("negative numbers", values < 0),
        ("fractions", values != np.round(values)),
    ]
    for what, wrong in problems:
        if wrong.any():
            raise InputError(
                f"A trial has {what}.",
                where=f"{path}, array",
                expected="counts: whole numbers of 0 or more",
                got=f"{int(wrong.sum())} of {wrong.size}, the first {values[wrong][0]:g}",
                hint="The array holds something else than counts a sample, or is broken; copy it anew.",
            )
    if not values.size:
        raise InputError(
            "A trial has no samples.",
            where=f"{path}, array",
            expected="one sample or more",
            got=" x ".join(map(str, values.shape)),
            hint="Move both files of this number out of the day.",
        )
    return values.astype(np.int64)


def _date(name):
    """The date in a day's name, or None."""
    match = _DATE.search(name)
    try:
        return datetime(*map(int, match.groups()), tzinfo=UTC) if match else None
    except ValueError:
        return None


def _animal(path, region, layout):
    """The animal in a day's path; one for the whole region without a pattern."""
    if layout.animal_pattern is None:
        return f"unknown-{region}"
    place = f"{region}{SUFFIX}/{path.name}"
    match = re.search(layout.animal_pattern, place)
    if match is None or not match[1]:
        raise InputError(
            "The pattern of animals does not match a day.",
            where=path,
            expected=layout.animal_pattern,
            got=place,
            hint="Correct the pattern, or leave it out to take a region's animals for one.",
        )
    return match[1]


def _setting(name, expected, got):
    return InputError(
        "A setting of the conversion is not right.",
        where=name,
        expected=expected,
        got=got,
        hint="python -m digimus.recordings.convert --help explains every setting.",
    )
