"""Archives unpacked without trust: nothing is written outside the folder, and nothing grows without bound.

Every member is looked at before it is written. One that is no plain file or folder, has a name that leads
elsewhere, or comes twice refuses the whole archive. All is written to a folder beside the wanted one, which
gets its name when the last byte is there.
"""

import contextlib
import gzip
import os
import shutil
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from pathlib import Path

from digimus.errors import InputError

LARGEST_BYTES = 64 * 2**30
"""What an archive may hold, unpacked: the bulk archive of MouseLight is a few GB."""
MOST_FILES = 1_000_000
LONGEST_NAME_BYTES = 200  # of one part; file systems take 255, and temporary names are longer
LONGEST_PATH_BYTES = 1000
UNPACKING, REPLACED = ".unpacking-", ".replaced-"
_PIECE_BYTES = 2**20
_BROKEN = (
    *(EOFError, MemoryError, NotImplementedError, RuntimeError, ValueError, LookupError, OverflowError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, gzip.BadGzipFile),
)


def unpack(archive, folder, *, largest_bytes=LARGEST_BYTES, most_files=MOST_FILES):
    """Unpack a tar.gz, tar or zip archive into a folder, which is replaced whole when all went well.

    Parameters
    ----------
    archive : str or Path
        Told by its first bytes, not by its name.
    folder : str or Path
        Gets the members under their names.
    largest_bytes : int
        What all members may hold together; what the disk has left counts too.
    most_files : int

    Returns
    -------
    list of str
        Paths of the files in the folder, sorted.

    Raises
    ------
    InputError
        If the archive is damaged or of another kind, holds more than it may or than it says, or has a
        member that is a link, a device or the like, is encrypted, comes twice, or whose name leads out of
        the folder. The folder is then as it was.
    """
    archive, folder = Path(archive), Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=UNPACKING))
    try:
        opened = _open_zip if _is_zip(archive) else _open_tar
        room = min(largest_bytes, shutil.disk_usage(temporary).free)
        with opened(archive, room) as members:
            names = _write_all(members, temporary, archive, room, most_files)
        os.chmod(temporary, 0o755)
        _put(temporary, folder)
    except _BROKEN as error:
        if isinstance(error, InputError):
            raise
        raise _refused(archive, "An archive is damaged.", "a whole tar.gz or zip archive",
                       f"{type(error).__name__}: {error}") from error  # fmt: skip
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return sorted(names)


def clear_left(parent):
    """Remove what a run left in a folder that was killed while it unpacked; only where no other one unpacks.

    Parameters
    ----------
    parent : Path
        Of the folders that archives were unpacked into.
    """
    for prefix in (UNPACKING, REPLACED):
        for left in parent.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)


def safe_name(name, where):
    """A path from elsewhere, as one that stays below the folder that it is put into.

    Parameters
    ----------
    name : str
        With slashes between its parts.
    where : str or Path
        What gave the name, for messages.

    Returns
    -------
    str
        The same path without ``.`` and doubled slashes.

    Raises
    ------
    InputError
        If it is absolute, empty or too long, has ``..``, a backslash, a colon or a control character in it,
        or if one of its parts begins with a dot.
    """
    parts = [part for part in str(name).split("/") if part not in ("", ".")]
    strange = any(unicodedata.category(c) in ("Cc", "Cs") or c in "\\:" for c in str(name))
    hidden = any(part.startswith(".") for part in parts)  # `..`, and names of files that are being written
    long = len(os.fsencode("/".join(parts))) > LONGEST_PATH_BYTES if not strange else True
    long = long or any(len(os.fsencode(part)) > LONGEST_NAME_BYTES for part in parts)
    if not parts or str(name).startswith("/") or strange or hidden or long:
        raise _refused(where, "A name leads out of its folder, or is none.",
                       "a path below the folder, of plain names", repr(str(name)[:200]))  # fmt: skip
    return "/".join(parts)


def _refused(where, what, expected, got):
    hint = "Nothing of it was used. Fetch it anew; if it stays so, tell those who published it."
    return InputError(what, where=where, expected=expected, got=got, hint=hint)


def _is_zip(archive):
    try:
        with archive.open("rb") as file:
            return file.read(2) == b"PK"
    except OSError as error:
        raise _refused(archive, "An archive cannot be read.", "a file", str(error)) from error


@contextlib.contextmanager
def _open_zip(archive, room):
    """Yield (name, bytes, open) of every file of a zip archive; folders have no bytes and no open."""
    with zipfile.ZipFile(archive) as opened:
        yield (_zip_member(opened, info, archive) for info in opened.infolist())


def _zip_member(opened, info, archive):
    # An archive made on Unix has the kind of the file here; others leave it out.
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _no_file(archive, info.filename)
    if info.flag_bits & 1:
        raise _refused(
            archive, "A member of an archive is encrypted.", "one without a password", info.filename
        )
    if info.is_dir() or kind == stat.S_IFDIR:
        return info.filename, 0, None
    # zipfile cuts names at NUL; what was written there is looked at instead.
    return getattr(info, "orig_filename", info.filename), info.file_size, lambda: opened.open(info)


@contextlib.contextmanager
def _open_tar(archive, room):
    """The same of a tar archive, plain or in gzip."""
    with archive.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with _Limited(gzip.GzipFile(fileobj=raw) if packed else raw, archive, room) as file:
            with tarfile.open(fileobj=file, mode="r:") as opened:
                yield (_tar_member(opened, info, archive) for info in opened)


def _tar_member(opened, info, archive):
    if not (info.isdir() or info.isreg()) or info.issparse():
        raise _no_file(archive, info.name)
    return info.name, info.size, None if info.isdir() else lambda: opened.extractfile(info)


def _no_file(archive, name):
    got = f"{name[:200]!r}, a link, a device or the like"
    return _refused(archive, "A member of an archive is no file.", "files and folders alone", got)


class _Limited:
    """A stream that a header cannot ask for more of than a header has, nor the whole for more than may be."""

    def __init__(self, file, archive, room):
        self._file, self._archive = file, archive
        self._largest = room + 2**30  # headers and padding of a million members

    def read(self, size=-1):
        if size < 0 or size > 2 * _PIECE_BYTES:
            raise _too_large(self._archive, f"a header of {2 * _PIECE_BYTES:,} bytes at most")
        if self._file.tell() > self._largest:
            raise _too_large(self._archive, f"{self._largest:,} bytes at most")
        return self._file.read(size)

    def seek(self, place, whence=0):
        if place > self._largest:
            raise _too_large(self._archive, f"{self._largest:,} bytes at most")
        return self._file.seek(place, whence)

    def tell(self):
        return self._file.tell()

    def seekable(self):
        return True

    def __enter__(self):
        return self

    def __exit__(self, *ended):
        if isinstance(self._file, gzip.GzipFile):
            self._file.close()


def _too_large(archive, expected):
    return _refused(archive, "An archive unpacks to more than it may.", expected, "more")


def _write_all(members, folder, archive, room, most_files):
    """Write the members below a new folder; the names of the files."""
    names, seen, n_bytes = [], {}, 0
    for name, size, start in members:
        if (name.strip("/") in ("", ".") and start is None) or _is_hidden(name):
            continue
        name = safe_name(name.removesuffix("/"), archive)
        _remember(name, start is None, seen, archive)
        n_bytes += size
        if n_bytes > room or len(seen) > most_files:
            raise _too_large(archive, f"{room:,} bytes and {most_files:,} files at most")
        place = folder / name
        if start is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        _write(start, place, size, name, archive)
        names.append(name)
    return names


def _is_hidden(name):
    """Whether a member is one of those that some systems put beside the files, such as ``._name``."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    return ".." not in parts and any(part.startswith(".") or part == "__MACOSX" for part in parts)


def _remember(name, is_folder, seen, archive):
    """Refuse a name that came already, also one that differs in case or in how letters are composed."""
    parts = name.split("/")
    for n in range(1, len(parts) + 1):
        key = unicodedata.normalize("NFC", "/".join(parts[:n])).casefold()
        is_file = n == len(parts) and not is_folder
        if key in seen and (is_file or seen[key] == "file"):
            raise _refused(archive, "An archive has two members of one name.", "each name once", repr(name))
        seen[key] = "file" if is_file else "folder"


def _write(start, place, size, name, archive):
    """One member; exactly as many bytes as it says."""
    n_left = size
    with start() as source, place.open("xb") as target:
        while piece := source.read(min(_PIECE_BYTES, n_left + 1)):
            n_left -= len(piece)
            if n_left < 0:
                raise _too_large(archive, f"{size:,} bytes of {name}")
            target.write(piece)
    if n_left:
        got = f"{size - n_left:,} bytes"
        raise _refused(archive, "A member of an archive is cut.", f"{size:,} bytes of {name}", got)


def _put(temporary, folder):
    """Give the new folder its name; an older one goes when the new one is in its place."""
    if not folder.exists():
        os.replace(temporary, folder)
        return
    old = Path(tempfile.mkdtemp(dir=folder.parent, prefix=REPLACED))
    os.replace(folder, old / "folder")
    os.replace(temporary, folder)
    shutil.rmtree(old, ignore_errors=True)
