"""Prepared sessions: what decoders read, in memory and in a file."""

import hashlib
import json
from dataclasses import dataclass

import numpy as np

from digimus.errors import InputError
from digimus.storage import reading, write_arrays

ARRAYS = ("values", "labels", "groups", "start_s", "observed", "previous")
BEHAVIOUR = ("error", "difficulty", "reaction_s")
TEXTS = ("session_id", "animal", "signal", "label_kind", "start_time", "file")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Samples of one session, ready for a decoder.

    Attributes
    ----------
    values : array (n_samples, n_bins, n_units) of float32
        Spikes per bin, or mean fluorescence; 0 where a unit was not observed.
    labels : array (n_samples,)
        Of int, index into `classes`; of float64, in the unit of the file, where the label is a number.
    classes : list of str
        Empty where the label is a number.
    groups : array of int (n_samples,)
        Row of the trial that each sample comes from; never to be divided by a split.
    start_s : array (n_samples,)
        Time zero of each sample.
    clock_s : array (n_samples,) or None
        Seconds since the last clock event at the window's start.
    unit_regions : array of str (n_units,)
    bin_ms : float
    window_ms : (float, float)
        Around time zero.
    session_id, animal, signal : str
    n_trials : int
        Trials in the file.
    n_trials_dropped : int
        Trials without a sample left.
    dropped : dict of str to int
        Trials (or windows of trials) dropped, by reason.
    simulated : bool
    unit_ids : array of str (n_units,)
        As in the file; their position there where it has none.
    observed : array of bool (n_samples, n_units)
        Whether the unit was recorded during the whole window; true where the file says nothing.
    previous : array of int (n_samples,)
        The sample of the same trial whose window ends where this one's begins, -1 where there is none.
    label_kind : {"column", "events", "series"}
        Where the labels are from; for ``"events"`` class 1 says that one fell into the window.
    start_time : str
        To which all times are relative, as ISO 8601; empty where unknown.
    file : str
        The recording that it was cut from; empty where unknown.
    error : array (n_samples,) or None
        1 where the animal erred, 0 where it was right, nan where that is unknown; None where the
        configuration does not say.
    difficulty : array (n_samples,) or None
        Smaller is harder.
    reaction_s : array (n_samples,) or None
        From time zero to the response, nan without one.
    """

    values: np.ndarray
    labels: np.ndarray
    classes: list
    groups: np.ndarray
    start_s: np.ndarray
    clock_s: np.ndarray | None
    unit_regions: np.ndarray
    bin_ms: float
    window_ms: tuple
    session_id: str
    animal: str
    signal: str
    n_trials: int
    n_trials_dropped: int
    dropped: dict
    simulated: bool
    unit_ids: np.ndarray | None = None
    observed: np.ndarray | None = None
    previous: np.ndarray | None = None
    label_kind: str = "column"
    start_time: str = ""
    file: str = ""
    error: np.ndarray | None = None
    difficulty: np.ndarray | None = None
    reaction_s: np.ndarray | None = None

    def __post_init__(self):
        defaults = {
            "unit_ids": np.arange(self.n_units).astype(str),
            "observed": np.ones((self.n_samples, self.n_units), bool),
            "previous": np.full(self.n_samples, -1),
        }
        for name, default in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)

    @property
    def digest(self):
        """Hash of the samples, by which sessions that were prepared otherwise are told apart.

        Behaviour counts where there is any, so that other sessions keep the hash that they had without it.
        """
        found = hashlib.sha256(
            json.dumps([self.signal, self.label_kind, self.bin_ms, *self.window_ms]).encode()
        )
        parts = [getattr(self, name) for name in ARRAYS] + [self.clock_s]
        parts += [np.array(texts, str) for texts in (self.classes, self.unit_ids, self.unit_regions)]
        parts += [getattr(self, name) for name in BEHAVIOUR if getattr(self, name) is not None]
        for part in parts:
            part = np.ascontiguousarray([] if part is None else part)
            found.update(f"{part.dtype} {part.shape}".encode())
            found.update(part.data)
        return found.hexdigest()[:16]

    @property
    def continuous(self):
        """Whether the labels are numbers to predict, in their own unit, and not classes."""
        return not self.classes

    @property
    def time_s(self):
        """Centres of the time bins relative to time zero (n_bins,), seconds."""
        return (self.window_ms[0] + self.bin_ms * (np.arange(self.n_bins) + 0.5)) / 1000

    @property
    def region_names(self):
        """The regions of the units, sorted."""
        return sorted(set(self.unit_regions.astype(str).tolist()))

    @property
    def region_mask(self):
        """Whether any unit of a region was recorded during a sample, bool (n_samples, n_regions)."""
        of_region = self.unit_regions.astype(str)[:, None] == np.array(self.region_names, str)
        return (self.observed.astype(int) @ of_region.astype(int)) > 0

    @property
    def n_samples(self):
        """Number of samples."""
        return self.values.shape[0]

    @property
    def n_bins(self):
        """Number of time bins of a sample."""
        return self.values.shape[1]

    @property
    def n_units(self):
        """Number of units kept."""
        return self.values.shape[2]


def write_prepared(path, prepared, provenance):
    """Write a prepared session to HDF5, arrays with their units and shapes.

    Parameters
    ----------
    path : str or Path
    prepared : Prepared
    provenance : mapping
        Settings, seed, hashes of inputs; stored as JSON.
    """
    arrays = {name: getattr(prepared, name) for name in (*ARRAYS, "time_s", "region_mask")}
    for name in ("unit_regions", "unit_ids", "region_names"):
        arrays[name] = np.array(getattr(prepared, name), str)
    arrays["classes"] = np.array(prepared.classes, str)
    for name in ("clock_s", *BEHAVIOUR):
        if getattr(prepared, name) is not None:
            arrays[name] = getattr(prepared, name)
    measured = "spikes per bin" if prepared.signal == "spikes" else "fluorescence, as in the file"
    attributes = {
        name: getattr(prepared, name)
        for name in ("bin_ms", *TEXTS, "n_trials", "n_trials_dropped", "simulated")
    }
    attributes |= {"window_ms": list(prepared.window_ms), "dropped": json.dumps(prepared.dropped)}
    units = {"values": measured} | dict.fromkeys(("start_s", "clock_s", "time_s", "reaction_s"), "s")
    write_arrays(path, arrays, units=units, provenance=provenance, attributes=attributes)


def read_prepared(path):
    """Read what `write_prepared` wrote.

    Raises
    ------
    InputError
        If the file is absent, broken, or of another kind.
    """
    with reading(path) as file:
        try:
            arrays = {name: file[name][:] for name in ARRAYS}
            attributes = dict(file.attrs)
            return Prepared(
                **arrays,
                classes=file["classes"].asstr()[:].tolist(),
                **{n: file[n][:] if n in file else None for n in ("clock_s", *BEHAVIOUR)},
                **{name: file[name].asstr()[:] for name in ("unit_regions", "unit_ids")},
                bin_ms=float(attributes["bin_ms"]),
                window_ms=tuple(map(float, attributes["window_ms"])),
                **{name: str(attributes[name]) for name in TEXTS},
                **{name: int(attributes[name]) for name in ("n_trials", "n_trials_dropped")},
                dropped=json.loads(attributes["dropped"]),
                simulated=bool(attributes["simulated"]),
            )
        except KeyError as error:
            raise InputError(
                "A file is not a prepared recording.",
                where=path,
                expected="arrays and attributes as written by write_prepared",
                got=str(error).strip('"'),
                hint="Delete it and run the workflow again.",
            ) from error
