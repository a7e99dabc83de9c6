"""Downloads that go on where they broke off, and get their name once their checksums are right."""

import errno
import os
import shutil
import time

from digimus.errors import InputError
from digimus.storage import file_hash

ETAG, SHA256 = "dandi:dandi-etag", "dandi:sha2-256"
PIECE_BYTES = 2**16  # what a connection that breaks may lose


def check_space(assets, folder):
    """Make the folder, and refuse before the first byte what its disk cannot hold.

    Parameters
    ----------
    assets : sequence of dandi.dandiapi.RemoteBlobAsset
    folder : Path

    Raises
    ------
    InputError
    """
    needed = 0
    for asset in assets:
        target = folder / asset.path
        there = [path.stat().st_size for path in (target, _part(target, asset)) if path.is_file()]
        needed += max(0, asset.size - sum(there))
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise _full(folder, f"{needed:,} bytes for {len(assets)} files", f"{free:,} bytes free")


def _full(folder, expected, got):
    return InputError(
        "The disk is full.",
        where=folder,
        expected=expected,
        got=got,
        hint="Ask for fewer paths, or name a folder on another disk; what was fetched is kept.",
    )


def _part(target, asset):
    """Where a file grows; another asset of the same path grows elsewhere."""
    return target.with_name(f".{target.name}.{asset.identifier}.part")


def fetch(asset, target, digests, attempts, wait_s):
    """Download one file, going on where it broke off, and give it its name once it verifies.

    Parameters
    ----------
    asset : dandi.dandiapi.RemoteBlobAsset
    target : Path
    digests : dict of str to str
        The archive's, by `ETAG` and `SHA256`.
    attempts : int
    wait_s : float
        Before the second attempt; doubled from one to the next, to a minute at most.

    Raises
    ------
    InputError
        If no attempt brings it whole, its checksums are others, or the disk is full.
    requests.HTTPError
        If the archive refuses it.
    """
    import requests

    part = _part(target, asset)
    target.parent.mkdir(parents=True, exist_ok=True)
    ended = "nothing"
    for attempt in range(attempts):
        if attempt:
            time.sleep(min(wait_s * 2 ** (attempt - 1), 60))
        start = part.stat().st_size if part.exists() else 0
        try:
            if start < asset.size or not part.exists():
                with part.open("ab") as file:
                    for piece in asset.get_download_file_iter(PIECE_BYTES)(start):
                        file.write(piece)
        except requests.HTTPError as error:
            if error.response.status_code in (401, 403, 404):
                raise
            ended = str(error)
            continue
        except requests.RequestException as error:
            ended = f"{part.stat().st_size} of {asset.size} bytes: {error}"
            continue
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                expected = f"{asset.size:,} bytes for {asset.path}"
                raise _full(target.parent, expected, f"{part.stat().st_size:,}, then {error}") from error
            raise
        if part.stat().st_size < asset.size:
            ended = f"{part.stat().st_size} of {asset.size} bytes"
            continue
        found = differences(part, asset.size, digests)
        if not found:
            os.replace(part, target)
            return
        part.unlink()
        if not start:  # a download in pieces may have been spoilt at a seam; one in one piece was not
            raise _mismatch(asset, found)
    raise InputError(
        "A download breaks off.",
        where=f"{asset.path}, {asset.base_download_url}",
        expected=f"{asset.size} bytes within {attempts} attempts",
        got=ended,
        hint="Run again: the download goes on where it ended.",
    )


def _mismatch(asset, differences):
    return InputError(
        "A file does not have the checksum that the archive says.",
        where=f"{asset.path}, {asset.base_download_url}",
        expected="; ".join(f"{name} {value}" for name, value, _ in differences),
        got="; ".join(f"{name} {value}" for name, _, value in differences),
        hint="Run again; if it stays, something between here and the archive changes files: tell them.",
    )


def differences(path, size, digests):
    """What is not as the archive says.

    Parameters
    ----------
    path : Path
    size : int
        In bytes.
    digests : dict of str to str

    Returns
    -------
    list of (name, expected, got)
        Of the size, or of the checksums where that is right.
    """
    if path.stat().st_size != size:
        return [("bytes", size, path.stat().st_size)]
    found = []
    if ETAG in digests:
        from dandischema.digests.dandietag import DandiETag

        found.append((ETAG, digests[ETAG], DandiETag.from_file(path).as_str()))
    if SHA256 in digests:
        found.append((SHA256, digests[SHA256], file_hash(path)))
    return [each for each in found if each[1] != each[2]]
