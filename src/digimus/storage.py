"""One way to find and to write files; writing is to a temporary name in the same folder, then a rename.

A reader sees the old file or the new one, never half of either, and what was there before survives
a failed write.
"""

import hashlib
import json
import os
import re
import tempfile
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

from digimus.errors import InputError


def inside_archives(pattern):
    """A pattern of files, and that of members of zip archives in it; None where it names no members."""
    outer, *inner = re.split(r"(?i)\.zip/", pattern, maxsplit=1)
    return (outer + ".zip", inner[0]) if inner else (outer, None)


def matching_files(folder, pattern, where):
    """The files of a folder that a pattern names, sorted; of members of zip archives, the archives.

    Parameters
    ----------
    folder : str or Path
    pattern : str
        As in `digimus.morphology.neuron_files`: "*.swc", "**/*.nwb", "*.zip/*.swc".
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
    try:
        found = Path(folder).glob(inside_archives(pattern)[0])
        return sorted(path for path in found if not os.path.isdir(path))
    except (ValueError, NotImplementedError, IndexError) as error:
        raise InputError(
            "A pattern of file names is wrong.",
            where=where,
            expected="such as '*.swc*', relative to the folder",
            got=f"{pattern!r}: {error}",
            hint="A pattern is neither empty nor an absolute path; '**/' stands for all folders below.",
        ) from error


@contextmanager
def writing(path):
    """Yield a temporary path beside `path`; rename it to `path` when the block ends well.

    Parameters
    ----------
    path : str or Path
        The final name. Its folder is made if it is missing.

    Yields
    ------
    Path
        The name to write to. It has the suffix of `path`, and is removed if the block raises.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path, text):
    """Write a text file as UTF-8."""
    with writing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path, table):
    """Write a tidy table as CSV, floats with enough digits to read them back unchanged."""
    with writing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_table(path, columns=(), **options):
    """Read a CSV table and check that it has the columns that the caller needs.

    Parameters
    ----------
    path : str or Path
    columns : sequence of str
        Names that must be there; more are welcome.
    **options
        Passed to `pandas.read_csv`.

    Raises
    ------
    InputError
        If the file is absent, cannot be parsed, or lacks a column.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            "A table is missing.",
            where=path,
            expected="a CSV file",
            got="nothing there" if not path.exists() else "not a file",
            hint="Check the path in the configuration; it is relative to the project's folder.",
        )
    try:
        table = pd.read_csv(path, **options)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(
            "A table cannot be read.",
            where=path,
            expected="comma-separated values with a header line, UTF-8",
            got=str(error).splitlines()[0] if str(error) else type(error).__name__,
            hint="Open it in a text editor and check the first lines.",
        ) from error
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise InputError(
            f"A table lacks the column {missing[0]!r}.",
            where=path,
            expected=f"columns {', '.join(columns)}",
            got=f"columns {', '.join(map(str, table.columns))}",
            hint="Name the right column in the configuration or add it to the table.",
        )
    return table


def write_arrays(path, arrays, *, units=None, provenance=None, attributes=None):
    """Write named arrays to HDF5, each with its unit and shape, and the file with its provenance.

    Parameters
    ----------
    path : str or Path
    arrays : mapping of str to array
        Names may hold slashes; strings are stored as UTF-8.
    units : mapping of str to str, optional
        The unit of each array; ``"1"`` where none is given.
    provenance : mapping, optional
        Where the numbers come from: settings, seed, code version, hashes of inputs. Stored as JSON.
    attributes : mapping, optional
        Further attributes of the file.
    """
    units = units or {}
    # In memory first: HDF5 itself does not survive a disk that fills up while it writes.
    with h5py.File(path, "w", driver="core", backing_store=False) as file:
        for name, values in arrays.items():
            values = np.asarray(values)
            if values.dtype.kind in "UO":
                values = values.astype(h5py.string_dtype())
            compressed = values.ndim > 0 and values.size > 1024
            dataset = file.create_dataset(
                name,
                data=values,
                compression="gzip" if compressed else None,
                shuffle=compressed or None,
                track_times=False,
            )
            dataset.attrs["unit"] = units.get(name, "1")
            dataset.attrs["shape"] = "x".join(map(str, values.shape)) or "scalar"
        for name, value in (attributes or {}).items():
            file.attrs[name] = value
        file.attrs["provenance"] = json.dumps(
            {"digimus": code_version(), **(provenance or {})}, sort_keys=True, default=str
        )
        file.flush()
        with writing(path) as temporary:
            temporary.write_bytes(file.id.get_file_image())


@contextmanager
def reading(path):
    """Open an HDF5 file to read, or say clearly why it cannot be opened, or not read within the block.

    Nothing is read from other files: one that links to another, or whose arrays lie in another, is refused.
    """
    path = Path(path)
    try:
        file = h5py.File(path, "r")
    except (OSError, IsADirectoryError) as error:
        raise InputError(
            "A file cannot be opened as HDF5.",
            where=path,
            expected="a whole HDF5 file",
            got="nothing there" if not path.exists() else str(error).splitlines()[0],
            hint="If it was computed here, delete it and run the workflow again.",
        ) from error
    with file:
        try:
            check_contained(path, elsewhere(file))
            yield file
        except InputError:
            raise
        except (
            OSError,
            LookupError,
            RuntimeError,
            TypeError,
            ValueError,
            AttributeError,
            MemoryError,
        ) as error:
            raise InputError(
                "A file is damaged inside, or holds something else.",
                where=path,
                expected="whole arrays, as the workflow writes them",
                got=(str(error).splitlines() or [type(error).__name__])[0],
                hint="If it was computed here, delete it and run the workflow again.",
            ) from error


def elsewhere(file):
    """Names of the other files that an open HDF5 file would be read from, by links or for parts of arrays."""
    found = set()

    def follow(_, link):
        if isinstance(link, h5py.ExternalLink):
            found.add(link.filename)

    def look(_, node):
        if isinstance(node, h5py.Dataset):
            found.update(name for name, *_ in node.external or ())
            if node.is_virtual:
                found.update(source.file_name for source in node.virtual_sources() if source.file_name != ".")

    try:
        file.visititems_links(follow)
        file.visititems(look)
    except SystemError as error:  # of h5py, for names that are not UTF-8
        raise OSError("a name in the file is damaged") from error
    return sorted(found)


def check_contained(path, names):
    """Refuse an HDF5 file that would be read from others."""
    if names:
        raise InputError(
            "A file refers to another one.",
            where=path,
            expected="all arrays within the file, without links to others",
            got=", ".join(names[:3]),
            hint="It could make us read any file of this computer; copy what is wanted into it.",
        )


def arrays_in(file):
    """All arrays of an open HDF5 file, by their names with slashes."""
    arrays = {}

    def add(name, node):
        if isinstance(node, h5py.Dataset):
            arrays[name] = node[()]

    file.visititems(add)
    return arrays


def file_hash(path):
    """The sha256 of a file, as hexadecimal text."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def code_version():
    """The version of the installed library."""
    try:
        return version("digimus")
    except PackageNotFoundError:
        return "not installed"


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask
