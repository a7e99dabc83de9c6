"""The bytes of one neuron's file: plain, compressed (.gz, .xz), or a member of a zip archive.

Nothing here waits (a pipe is refused, not read), fills the memory (a file that unpacks to more than
`LARGEST_BYTES` is refused before it does) or writes to the disk: members of archives are read in place.
"""

import lzma
import os
import stat
import zipfile
import zlib
from collections import Counter
from functools import lru_cache
from pathlib import Path

from digimus.errors import InputError

LARGEST_BYTES = 2**28
"""What one neuron may hold, unpacked: sixty times the largest published one that we met (4 MB)."""
LARGEST_DICTIONARY = 2**29
"""The memory in bytes that unpacking .xz may ask for; `xz -9` asks for 65 MiB."""

NEURON_SUFFIXES = (".swc", ".eswc", ".json")
_PACKED_SUFFIXES = (".gz", ".xz")
_ZIP = ".zip"
_ZIP_ERRORS = (
    *(OSError, EOFError, MemoryError, NotImplementedError, RuntimeError, ValueError, LookupError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def contents(path, largest=None):
    """The text of a neuron's file as bytes, unpacked, without a byte order mark.

    Parameters
    ----------
    path : str or Path
        A file, plain or compressed (told by its first bytes), or a member of a zip archive, written
        `archive.zip/inner/name.swc`. An archive alone stands for the only neuron in it.
    largest : int, optional
        Refuse what unpacks to more bytes than this; `LARGEST_BYTES` by default.

    Raises
    ------
    InputError
        If it is absent, not a regular file, not to be read, cut, damaged, encrypted, too large, empty,
        binary or UTF-16, or if an archive holds no such member, or several neurons and none was named.
    """
    path, largest = Path(path), LARGEST_BYTES if largest is None else largest
    archive, member = split_archive(path)
    data = _file(path, largest) if archive is None else _member(archive, member, path, largest)
    data = _unpacked(data, path, member or path.name, largest)
    if data[:2] in _UTF_16:
        raise unusable(path, "A file is UTF-16 text.", "UTF-8 or ASCII", repr(data[:12]))
    if not data[:4096].strip() and not data.strip():
        raise unusable(path, "A file is empty.", "rows of nodes", f"{len(data)} bytes of white space")
    if b"\x00" in data:
        raise unusable(path, "A file is binary, not a neuron.", "text", repr(data[:16]))
    return data.removeprefix(b"\xef\xbb\xbf")


def split_archive(path):
    """The zip archive in a path and the member's name in it; None, "" where there is no archive."""
    path = Path(path)
    if _ZIP not in str(path).lower():
        return None, ""
    for place in (path, *path.parents):
        if place.suffix.lower() == _ZIP and not os.path.isdir(place) and os.path.lexists(place):
            return place, path.relative_to(place).as_posix() if place != path else ""
    return None, ""


def neuron_members(archive):
    """Names of the members of a zip archive that are neurons by their suffix, sorted.

    Raises
    ------
    InputError
        If the archive cannot be read.
    """
    names = _open(Path(archive), archive)[1]
    return sorted(name for name in names if _is_neuron_name(name))


def stem(name):
    """A file's name without folders and without the suffixes of neurons and of packing."""
    name = str(name).replace("\\", "/").rsplit("/", 1)[-1]
    suffixes = (*NEURON_SUFFIXES, *_PACKED_SUFFIXES, _ZIP)
    while (cut := name.rfind(".")) > 0 and name[cut:].lower() in suffixes:
        name = name[:cut]
    return name


def unusable(where, what, expected, got):
    """The error of a neuron that cannot be used."""
    hint = "Look at the file in a text editor or fetch it again; the other neurons can be used without it."
    return InputError(what, where=where, expected=expected, got=got, hint=hint)


def _is_neuron_name(name):
    *folders, last = name.lower().split("/")
    while last.endswith(_PACKED_SUFFIXES):
        last = last[:-3]
    return last.endswith(NEURON_SUFFIXES) and not last.startswith(".") and "__macosx" not in folders


def _file(path, largest):
    """The bytes of a regular file."""
    try:
        with open(path, "rb", 0, opener=_open_file) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise _no_file(path, _kind(status.st_mode))
            if status.st_size > largest:
                raise too_large(path, largest)
            return file.read(largest + 1 if status.st_size == 0 else status.st_size)
    except (OSError, ValueError, MemoryError) as error:
        if isinstance(error, InputError):
            raise
        raise _no_file(path, _kind_at(path) or str(error) or type(error).__name__) from error


def _unpacked(data, path, name, largest):
    """Bytes decompressed by their first bytes, or as they are; every stream must be whole."""
    if data[:2] == b"\x1f\x8b":
        magic, start = b"\x1f\x8b", lambda: zlib.decompressobj(wbits=31)
    elif data[:6] == b"\xfd7zXZ\x00":
        magic, start = data[:6], lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LARGEST_DICTIONARY)
    elif data[:4] == b"PK\x03\x04":
        raise unusable(path, "A zip archive is not used as one.", "a name that ends in .zip", name)
    elif name.lower().endswith(_PACKED_SUFFIXES):
        what = "A file is not compressed as its name says."
        raise unusable(path, what, f"{name[-3:]} data", repr(data[:12]))
    else:
        return data
    parts, left = [], largest + 1
    while data:
        if not data.startswith(magic):
            raise _damaged(path, f"{len(data)} bytes after the end of the compressed data")
        stream = start()
        try:
            part = stream.decompress(data, left)
        except (zlib.error, lzma.LZMAError, MemoryError) as error:
            raise _damaged(path, str(error) or type(error).__name__) from error
        parts.append(part)
        left -= len(part)
        if left <= 0:
            raise too_large(path, largest)
        if not stream.eof:
            raise _damaged(path, "the data end before the compressed stream does")
        data = stream.unused_data.lstrip(b"\x00")
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _member(archive, member, path, largest):
    """The bytes of a member of a zip archive."""
    if _ZIP + "/" in member.lower():
        raise unusable(path, "An archive lies in an archive.", "neurons in one archive", member)
    if ".." in member.split("/"):
        raise unusable(path, "A member's name leads out of its archive.", "a name without '..'", member)
    opened, times = _open(archive, path)
    if not member:
        member = _only(neuron_members(archive), path)
    if times[member] != 1 or member.endswith("/"):
        got = "a folder" if times[member] == 1 else f"{times[member]} entries of the name {member!r}"
        raise unusable(path, "A neuron is not in its archive.", "one member of that name", got)
    info = opened.getinfo(member)
    if info.flag_bits & 1:
        raise unusable(
            path, "A member of an archive is encrypted.", "one that opens without a password", member
        )
    if info.file_size > largest:
        raise too_large(path, largest)
    try:
        with opened.open(info) as file:
            data = file.read(largest + 1)
    except _ZIP_ERRORS as error:
        raise _damaged(path, str(error) or type(error).__name__) from error
    if len(data) > largest:
        raise too_large(path, largest)
    return data


def _only(members, path):
    if len(members) != 1:
        got = f"{len(members)} neurons" + (f", the first {members[0]}" if members else "")
        expected = f"one neuron, or a member named as {path.name}/inner/name.swc"
        raise unusable(path, "An archive alone does not say which neuron is meant.", expected, got)
    return members[0]


def _open(archive, where):
    """An open archive and how often it has each name; read once, and again when the file has changed."""
    try:
        status = os.stat(archive)
        if not stat.S_ISREG(status.st_mode):
            raise _no_file(where, _kind(status.st_mode))
        return _opened(str(archive), os.getpid(), status.st_mtime_ns, status.st_size, status.st_ino)
    except _ZIP_ERRORS as error:
        if isinstance(error, InputError):
            raise
        raise _damaged(where, str(error) or type(error).__name__, "a whole zip archive") from error


@lru_cache(maxsize=8)
def _opened(archive, *signature):
    opened = zipfile.ZipFile(archive)
    return opened, Counter(opened.namelist())


def _no_file(path, got):
    return unusable(path, "A neuron cannot be read.", "a regular file that may be read", got)


def _damaged(path, got, expected="whole compressed data"):
    return unusable(path, "A neuron cannot be read.", expected, got)


def too_large(path, largest):
    """The error of a file that unpacks to more than it may."""
    what, expected = "A file is too large for a neuron.", f"at most {largest:,} bytes, unpacked"
    return unusable(path, what, expected, "more")


def _open_file(path, flags):
    """Open without waiting for the other end of a pipe."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _kind_at(path):
    """What lies at a path if that alone explains why it cannot be read, else None."""
    if not os.path.lexists(path):
        return "nothing there"
    return "a folder" if os.path.isdir(path) else None


def _kind(mode):
    """What lies at a path, in words."""
    kinds = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((word for is_kind, word in kinds if is_kind(mode)), "a device")
