"""Disks that are full or read-only: said in one message, and asked about before work starts."""

import errno
import os
import shutil
import tempfile
from pathlib import Path

from digimus.errors import InputError

NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
FAULTS = (*NO_SPACE, errno.EROFS, errno.EACCES, errno.EPERM)


def disk_error(error, folder):
    """What to tell the user if an error, or one that led to it, came from the disk or its permissions.

    Parameters
    ----------
    error : BaseException
        HDF5 reports a full disk in errors of several types, so their text is read as well.
    folder : str or Path
        Where was written, if the error does not say.

    Returns
    -------
    InputError or None
        None if the disk is not to blame.
    """
    while error is not None:
        number = getattr(error, "errno", None)
        if number not in FAULTS:
            texts = {code: os.strerror(code) for code in (*NO_SPACE, errno.EROFS)}
            number = next((code for code, text in texts.items() if text in str(error)), None)
        if number in FAULTS:
            return _message(number, Path(getattr(error, "filename", None) or folder))
        error = error.__cause__ or error.__context__
    return None


def check_writable(folder):
    """Make a folder and see that a file can be written there.

    Raises
    ------
    InputError
        If it cannot.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 4096)
    except OSError as error:
        raise disk_error(error, folder) or InputError(
            "A folder cannot be written to.",
            where=folder,
            expected="a folder for results",
            got=error.strerror or error,
            hint="Name another results_dir, or make room for this one.",
        ) from error


def _message(number, path):
    folder = _existing(path)
    if number in NO_SPACE:
        usage = shutil.disk_usage(folder)
        return InputError(
            "The disk is full." if number == errno.ENOSPC else "The disk quota is used up.",
            where=path,
            expected="space for what is to be written",
            got=f"{_size(usage.free)} free of {_size(usage.total)} on {_mount_of(folder)}",
            hint="Make room and give the same command again; what was finished is kept.",
        )
    return InputError(
        "A disk is read-only." if number == errno.EROFS else "A file or folder may not be used.",
        where=path,
        expected="files that this user can read, and a folder for results that it can write to",
        got=f"{os.strerror(number)}, on {_mount_of(folder)}",
        hint="Change that, or name another results_dir, and give the same command again.",
    )


def _existing(path):
    """The path, or the nearest folder above it that is there."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


def _mount_of(folder):
    folder = folder.resolve()
    return next(place for place in (folder, *folder.parents) if os.path.ismount(place))


def _size(n_bytes):
    """Bytes with a unit; a disk that is nearly full still shows what is left."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.3g} TB"
