"""Opening NWB files, and saying what is wrong with those that cannot be opened.

HDF5 files go through pynwb, Zarr folders through hdmf-zarr where that is installed; both are imported
only here, since that takes most of a second. Nothing but `InputError` leaves: pynwb and hdmf raise many
kinds of error for a file that breaks off or breaks its schema, so each becomes one, with its cause kept.
"""

import importlib
import re
import warnings
from contextlib import contextmanager
from pathlib import Path

import h5py

from digimus.errors import InputError
from digimus.recordings.naming import listed
from digimus.storage import check_contained, elsewhere

EXPECTED = "an NWB 2 file, whole (HDF5, or a Zarr folder)"
_OWN_NAMESPACES = ("core", "hdmf-common", "hdmf-experimental")
# Whole arrays are needed of these; a missing chunk elsewhere may stand for zeros.
_NEEDED_CHUNKS = re.compile(r"^(units|intervals)/|/timestamps$|^processing/.*/data$")


@contextmanager
def opened(path):
    """Open an NWB file.

    A file that uses an extension whose specification it does not carry is tried once more with the Python
    package of that name (``ndx-events`` and the like), if it is installed.

    Parameters
    ----------
    path : str or Path
        An HDF5 file or a Zarr folder.

    Yields
    ------
    pynwb.NWBFile

    Raises
    ------
    InputError
        If the file is absent, may not be read, is truncated, neither HDF5 nor Zarr, not NWB or of another
        version; if it needs an extension that is not there; or if it breaks off while it is read.
    """
    path = Path(path)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
    except (OSError, ValueError) as error:  # a folder on the way may not be looked into
        raise _missing(path, _first_line(error)) from error
    if not is_folder and not is_file:
        raise _missing(path, "nothing there")
    io_class = _zarr_io(path) if is_folder else _hdf5_io(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of files that declare an older schema than pynwb's
        io, nwb = _read(path, io_class)
        try:
            yield nwb
        except InputError:
            raise
        except Exception as error:
            raise _unreadable(path, error) from error
        finally:
            io.close()


def _read(path, io_class, may_import=True):
    """The open file and its contents."""
    io = None
    try:
        io = io_class(str(path), "r")
        return io, io.read()
    except Exception as error:
        if io is not None:
            io.close()
        missing = _missing_namespace(error)
        if missing is None:
            raise _unreadable(path, error) from error
        if may_import and _imported(missing):
            return _read(path, io_class, may_import=False)
        raise _extension_error(path, missing) from error


def _hdf5_io(path):
    """The reader of HDF5 files, once the file has been found to be NWB 2."""
    try:
        with h5py.File(path, "r") as file:
            _check_version(path, file)
            check_contained(path, elsewhere(file))
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise _not_hdf5(path, error) from error
    from pynwb import NWBHDF5IO

    return NWBHDF5IO


def _zarr_io(path):
    """The reader of Zarr folders, once the folder has been found to be whole NWB 2."""
    if not any((path / name).exists() for name in (".zgroup", ".zmetadata", "zarr.json")):
        raise InputError(
            "A folder is not a recording.",
            where=path,
            expected=EXPECTED,
            got="a folder without .zgroup, .zmetadata or zarr.json",
            hint="Name the file, not its folder; a list of files comes from a pattern such as '*.nwb'.",
        )
    try:
        import zarr
        from hdmf_zarr import NWBZarrIO
    except ImportError as error:
        raise InputError(
            "A recording is in Zarr, which needs hdmf-zarr.",
            where=path,
            expected="the package hdmf-zarr beside pynwb",
            got=str(error),
            hint="Run `make setup-all`, or install the hdmf-zarr pinned in pyproject.toml.",
        ) from error
    try:
        root = zarr.open_group(str(path), mode="r")
        _check_version(path, root)
        _check_chunks(path, root)
    except InputError:
        raise
    except Exception as error:  # zarr raises as many kinds as there are stores and codecs
        raise _unreadable(path, error) from error
    return NWBZarrIO


def _check_version(path, root):
    """Refuse what has no nwb_version, and versions before and after 2."""
    version = root.attrs.get("nwb_version")
    if version is None and isinstance(root.get("nwb_version"), h5py.Dataset):
        version = root["nwb_version"][()]  # where version 1 keeps it
    if version is None:
        raise InputError(
            "A file is not a recording in NWB.",
            where=f"{path}, attribute nwb_version",
            expected=EXPECTED,
            got="no such attribute",
            hint="Convert it to NWB 2, for example with neuroconv, or take the file off the list.",
        )
    version = version.decode(errors="replace") if isinstance(version, bytes) else str(version)
    major = re.search(r"\d+", version)
    if major is None or int(major.group()) != 2:
        raise InputError(
            "A recording is of another version of NWB.",
            where=f"{path}, nwb_version",
            expected="version 2",
            got=version,
            hint="Convert it to NWB 2, for example with neuroconv; a version after 2 needs a newer pynwb.",
        )


def _check_chunks(path, root):
    """Refuse a Zarr folder of whose arrays chunks are missing, which would read as zeros."""
    broken = []

    def look(name, thing):
        if not hasattr(thing, "nchunks_initialized") or not _NEEDED_CHUNKS.search(name):
            return
        if thing.size and thing.nchunks_initialized < thing.nchunks:
            broken.append(f"{name} ({thing.nchunks_initialized} of {thing.nchunks})")

    root.visititems(look)
    if broken:
        raise InputError(
            "A recording in Zarr is not whole.",
            where=f"{path}, {broken[0].split(' ')[0]}",
            expected="all chunks of each array",
            got=f"chunks are missing of {listed(broken, 5)}",
            hint="The copy probably broke off: delete the folder and fetch it anew.",
        )


def _missing(path, got):
    return InputError(
        "A recording is missing.",
        where=path,
        expected=EXPECTED,
        got=got,
        hint="Check the path in the configuration; it is relative to the project's folder.",
    )


def _not_hdf5(path, error):
    if isinstance(error, PermissionError):
        got, start = "no permission to read it", b""
    else:
        with path.open("rb") as file:
            start = file.read(16)
        got = f"{path.stat().st_size} bytes that start with {start!r}: {_first_line(error)}"
    zipped = start[:2] == b"PK"
    return InputError(
        "A recording cannot be opened as HDF5.",
        where=path,
        expected=EXPECTED,
        got=got,
        hint="It is a zip archive: unpack it and name the folder."
        if zipped
        else "The download probably broke off or saved an error page: delete the file and fetch it anew.",
    )


def _missing_namespace(error):
    """The extension that hdmf did not find, None if that was not the reason."""
    found = re.match(r"'([\w.-]+)' not a namespace", str(error.args[0]) if error.args else "")
    return found.group(1) if isinstance(error, KeyError) and found else None


def _imported(namespace):
    """Whether the Python package of an extension (by the name that all of them have) could be imported."""
    if not namespace.startswith("ndx-"):
        return False
    try:
        importlib.import_module(namespace.replace("-", "_"))
    except Exception:  # whatever someone else's package raises
        return False
    return True


def _extension_error(path, namespace):
    users = _users(path, namespace)
    return InputError(
        f"A recording needs the extension {namespace!r}, which it does not carry.",
        where=f"{path}, {users[0] if users else 'specifications'}",
        expected=f"the specification of {namespace} in the file, or its Python package installed",
        got=f"neither; it is used by {listed(users, 3)}",
        hint=f"Install it (pip install {namespace}), or have the file written anew with its specifications.",
    )


def _users(path, namespace):
    """Names of the objects of a file that are of an extension's types."""
    users = []

    def look(name, thing):
        found = thing.attrs.get("namespace")
        if (found.decode() if isinstance(found, bytes) else found) == namespace:
            users.append(name)

    try:
        if path.is_file():
            with h5py.File(path, "r") as file:
                file.visititems(look)
        else:
            import zarr

            zarr.open_group(str(path), mode="r").visititems(look)
    except Exception:  # only to make the message better
        pass
    return users


def _unreadable(path, error):
    if type(error).__name__ == "UnsafeDecodeError":
        return InputError(
            "A recording in Zarr holds pickled references, which could run any code.",
            where=path,
            expected="regions in the electrodes or in a column, which are not pickled",
            got="regions in the electrode groups of the units alone",
            hint="Name a `region_column`; or, if you trust the file, set the environment variable "
            "NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE=1.",
        )
    return InputError(
        "A recording cannot be read as NWB.",
        where=path,
        expected="an NWB 2 file that the installed pynwb reads",
        got=f"{type(error).__name__}: {_first_line(error)}",
        hint="Run nwbinspector on it; fetch it anew if it was downloaded, or take it off the list.",
    )


def _first_line(error):
    return next(iter(str(error).splitlines()), "no message")
