"""Checkpoints: what a killed job had done, so that the next one goes on from there.

A checkpoint is an HDF5 file of plain arrays beside the final result. It carries a key made of all
settings. One from another configuration, or a damaged one, is refused: `read_checkpoint` raises, and a
job says why in its log and starts afresh.
"""

import logging
from pathlib import Path

from digimus.errors import InputError
from digimus.storage import arrays_in, reading, write_arrays

log = logging.getLogger(__name__)


def read_checkpoint(path, key):
    """The arrays of a checkpoint.

    Parameters
    ----------
    path : str or Path
    key : str
        Of the run that wants to go on.

    Returns
    -------
    dict of str to numpy.ndarray

    Raises
    ------
    InputError
        If the file is of another configuration, truncated, damaged or no checkpoint.
    """
    with reading(path) as file:
        try:
            found, arrays = file.attrs.get("key"), arrays_in(file)
        except OSError as error:  # it opens, and an array in it is damaged
            raise _refused(path, "The checkpoint is damaged.", "whole arrays", error) from error
    if found != key:
        raise _refused(path, "The checkpoint is of another configuration.", f"key {key}", f"key {found}")
    if any(name.split("/", 1)[0] not in ("finished", "state") for name in arrays):
        raise _refused(path, "The file is no checkpoint.", "finished parts and a state", ", ".join(arrays))
    return arrays


def _refused(path, what, expected, got):
    return InputError(
        what, where=path, expected=expected, got=got, hint="Delete it; the training then starts afresh."
    )


class Checkpoint:
    """Finished parts and the state of the unfinished one.

    Parameters
    ----------
    path : str or Path
    key : str
        Two runs may share a checkpoint only if their keys are equal.
    """

    def __init__(self, path, key):
        self.path, self.key = Path(path), key
        self.finished, self.state = {}, {}
        if self.path.exists():
            self._read()

    def _read(self):
        try:
            arrays = read_checkpoint(self.path, self.key)
        except InputError as error:
            log.warning("%s: %s; starting afresh", error.what.rstrip("."), self.path.name)
            return
        for name, values in arrays.items():
            part, rest = name.split("/", 1)
            (self.finished if part == "finished" else self.state)[rest] = values
        log.info("going on from the checkpoint %s", self.path.name)

    def parts(self, prefix):
        """The finished arrays whose names begin with `prefix`, or an empty dict."""
        return {name: values for name, values in self.finished.items() if name.startswith(prefix)}

    def keep_state(self, part, state):
        """Store the state of an unfinished part, for example a seed."""
        self.state = {f"{part}/{name}": values for name, values in state.items()}
        self._write()

    def state_of(self, part):
        """The stored state of a part, or an empty dict."""
        prefix = f"{part}/"
        return {k.removeprefix(prefix): v for k, v in self.state.items() if k.startswith(prefix)}

    def finish(self, arrays):
        """Store the arrays of a finished part and forget its state."""
        self.finished.update(arrays)
        self.state = {}
        self._write()

    def remove(self):
        """Delete the file, once the final result stands."""
        self.path.unlink(missing_ok=True)

    def _write(self):
        arrays = {f"finished/{name}": values for name, values in self.finished.items()}
        arrays |= {f"state/{name}": values for name, values in self.state.items()}
        write_arrays(self.path, arrays, attributes={"key": self.key})
