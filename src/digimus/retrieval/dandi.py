"""Recordings from the DANDI archive: what is asked for, checked, and never half.

The dandi client's library lists a dandiset and streams its files; it is imported only here, since nothing
else needs it. A file is written beside its place under a name that no pattern of recordings matches, and
gets its own name once its checksums are those of the archive. Unlike the client's own download this leaves
no file under a final name that does not verify.
"""

import logging
import os
from contextlib import contextmanager
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path, PurePosixPath

import pandas as pd

from digimus.errors import InputError
from digimus.retrieval.dandi_files import ETAG, SHA256, check_space, differences, fetch
from digimus.storage import file_hash, read_table, write_table
from digimus.suggest import listed, nearest

DRAFT = "draft"
MANIFEST = "manifest.csv"
API_URL = "https://api.dandiarchive.org/api"
COLUMNS = (
    *("dandiset", "version", "asked", "path", "asset_id", "bytes", "sha256", "etag", "modified"),
    *("date", "status"),
)
LARGEST_PAGE = 2000  # paths that an error looks through for the nearest
_log = logging.getLogger(__name__)


def retrieve(
    dandiset, version, paths, folder, *, api_url=None, attempts=5, wait_s=1.0, timeout_s=30.0, progress=None
):
    """Fetch files of a dandiset into a folder, each verified; what is there and verifies stays.

    A download that broke off goes on where it ended. Without a connection the folder is taken as it is
    if its manifest answers the question and every file in it verifies.

    Parameters
    ----------
    dandiset : str
        Six digits.
    version : str
        A published version, such as ``"0.240329.1926"``, or ``"draft"``, which may change: the manifest
        holds the ids and dates of its files, and a file that changed is fetched anew and marked.
    paths : str or sequence of str
        Paths of files in the dandiset; ``*`` stands for any characters, slashes among them, ``?`` for one.
    folder : str or Path
        Gets the files under their paths and, last, ``manifest.csv``.
    api_url : str, optional
        Of another archive of the same kind.
    attempts : int
        Connections tried for a file, one after the other.
    wait_s : float
        Before the second attempt, s; doubled from one to the next.
    timeout_s : float
        After which a silent connection is given up, s.
    progress : callable, optional
        Called after each file as ``progress(n_done, n_all, path)``.

    Returns
    -------
    DataFrame
        The manifest, one row a file: dandiset, version, asked (the paths asked for that matched it,
        joined by ``"; "``), path, asset_id, bytes, sha256, etag, modified (in the archive), date (when
        it was fetched, UTC), status: ``"fetched"``, ``"found"`` (it was there already) or ``"changed"``
        (the draft held another one before).

    Raises
    ------
    InputError
        If the dandi library is absent; if the archive does not answer; if there is no such dandiset,
        version or path; if the dandiset is embargoed, or a path is a Zarr folder; if the disk is full; if
        a download breaks off each time or has other checksums than the archive says.
    """
    paths = [paths] if isinstance(paths, str) else list(paths)
    folder = Path(folder)
    before = _earlier(folder, dandiset, version)
    complete = before is not None and _answers(before, paths) and not _broken(before, folder)
    if complete and version != DRAFT:
        return before
    where = f"dandiset {dandiset}, version {version}"
    api_url = api_url or API_URL
    try:
        client = _connected(api_url, timeout_s, attempts)
    except InputError:
        if not complete:
            raise
        _log.warning("%s cannot be reached; the draft of %s is taken as it was fetched", api_url, dandiset)
        return before
    with client, _named_errors(where):
        assets = _assets(client, dandiset, version, paths)
        check_space([asset for asset, _ in assets.values()], folder)
        rows = []
        for path, (asset, asked) in assets.items():
            known = None if before is None else before.loc[before["path"] == path]
            row = _one(asset, folder, known, attempts, wait_s)
            if known is not None and len(known):  # earlier questions stay answered
                asked = dict.fromkeys([*known["asked"].iloc[0].split("; "), *asked])
            rows.append({"dandiset": dandiset, "version": version, "asked": "; ".join(asked), **row})
            if progress is not None:
                progress(len(rows), len(assets), path)
    table = pd.DataFrame(rows, columns=COLUMNS)
    if before is not None:
        table = pd.concat([table, _still_listed(before, table, paths)])
    table = table.sort_values("path", ignore_index=True)
    write_table(folder / MANIFEST, table)
    return table


def sizes(dandiset, version, paths, *, api_url=None, attempts=5, timeout_s=30.0):
    """What `retrieve` would bring, without any file being fetched.

    Returns
    -------
    dict of str to int
        Bytes, by path.

    Raises
    ------
    InputError
        As `retrieve` before its first download.
    """
    with _connected(api_url or API_URL, timeout_s, attempts) as client, _named_errors(f"dandiset {dandiset}"):
        assets = _assets(client, dandiset, version, list(paths))
        return {path: asset.size for path, (asset, _) in assets.items()}


def retrieved_files(folder, paths):
    """The files that `retrieve` brought for these paths, sorted.

    Parameters
    ----------
    folder : str or Path
    paths : sequence of str
        As for `retrieve`.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If the folder has no manifest, a file that it lists is gone or was cut, or none of them is NWB.
    """
    table = read_table(Path(folder) / MANIFEST, COLUMNS, dtype=str, keep_default_na=False)
    names = [path for path in table["path"] if any(fnmatchcase(path, wanted) for wanted in paths)]
    files = {Path(folder) / name: name for name in sorted(names) if name.endswith(".nwb")}
    n_bytes = table.set_index("path")["bytes"].astype(int)
    absent = [path.name for path, name in files.items() if not _has_length(path, n_bytes[name])]
    if absent or not files:
        raise InputError(
            "Files from the archive are no longer there, or were cut."
            if absent
            else "No file from the archive is NWB.",
            where=Path(folder) / MANIFEST,
            expected=f"the files that it lists for {listed(paths, 5)}, some of them .nwb",
            got=f"{len(absent)} of {len(files)} absent or of another length: {listed(absent, 5)}"
            if absent
            else listed(names, 5),
            hint="snakemake --forcerun retrieve_recordings fetches what is missing."
            if absent
            else "Name paths that end in .nwb.",
        )
    return sorted(files)


def _earlier(folder, dandiset, version):
    """The manifest of this version in the folder, or None."""
    if not (folder / MANIFEST).is_file():
        return None
    table = read_table(folder / MANIFEST, COLUMNS, dtype=str, keep_default_na=False)
    others = sorted({*table["dandiset"] + "/" + table["version"]} - {f"{dandiset}/{version}"})
    if others:
        raise InputError(
            "A folder holds another dandiset.",
            where=folder / MANIFEST,
            expected=f"dandiset {dandiset}, version {version}, or an empty folder",
            got=listed(others),
            hint="Give every dandiset and version a folder of its own, or leave the folder out.",
        )
    return table.astype({"bytes": int})


def _answers(table, paths):
    """Whether each of the paths was asked for when the manifest was written."""
    return set(paths) <= {path for asked in table["asked"] for path in asked.split("; ")}


def _still_listed(before, table, paths):
    """Rows of files that other questions brought; what the same ones no longer bring left the draft."""
    rest = before[~before["path"].isin(table["path"])]
    gone = [bool(set(asked.split("; ")) & set(paths)) for asked in rest["asked"]]
    for path in rest.loc[gone, "path"]:
        _log.warning("%s is no longer in the archive; the file stays, but is not listed", path)
    return rest[[not each for each in gone]]


def _broken(table, folder):
    """Files of a manifest that are not there as it says."""
    return [row.path for row in table.itertuples() if not _is_as_listed(folder / row.path, row)]


def _has_length(path, n_bytes):
    return path.is_file() and path.stat().st_size == n_bytes


def _is_as_listed(path, row):
    return _has_length(path, row.bytes) and file_hash(path) == row.sha256


def _connected(api_url, timeout_s, attempts):
    """A client of the archive, once that has answered."""
    try:
        os.environ.setdefault("DANDI_NO_ET", "1")  # no look-up of newer versions of the client
        import requests
        from dandi import dandiapi
        from dandi.consts import DandiInstance
        from dandi.dandiapi import DandiAPIClient
        from requests.adapters import HTTPAdapter
    except ImportError as error:
        raise InputError(
            "The dandi client's library is not installed.",
            where="the Python environment",
            expected="the package dandi",
            got=f"{error}",
            hint="Run `make setup-all`, or Snakemake with --software-deployment-method conda, "
            "which takes envs/retrieval.yaml.",
        ) from error

    class Impatient(HTTPAdapter):
        def send(self, request, timeout=None, **options):
            return super().send(request, timeout=timeout or timeout_s, **options)

    dandiapi.REQUEST_RETRIES = attempts  # its own twelve take minutes where the archive falls silent
    client = DandiAPIClient(dandi_instance=DandiInstance("dandi", None, api_url))
    for scheme in ("http://", "https://"):
        client.session.mount(scheme, Impatient())
    try:
        client.session.get(client.get_url("/info/")).raise_for_status()
    except requests.RequestException as error:
        client.session.close()
        raise _unreachable(api_url, error) from error
    return client


def _unreachable(where, error):
    return InputError(
        "The archive cannot be reached.",
        where=where,
        expected="an answer of a DANDI archive",
        got=f"{type(error).__name__}: {error}",
        hint="Check the connection and the proxy, and run again: what was fetched is kept.",
    )


@contextmanager
def _named_errors(where):
    """Say what the archive refused, instead of how the connection ended."""
    import requests
    from dandi.exceptions import NotFoundError

    try:
        yield
    except NotFoundError as error:
        raise _absent(where, error) from error
    except requests.HTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in (401, 403):
            raise _embargoed(where, f"status {status}") from error
        raise (_absent if status == 404 else _unreachable)(where, error) from error
    except requests.RequestException as error:
        raise _unreachable(where, error) from error


def _absent(where, error):
    return InputError(
        "The archive has no such thing.",
        where=where,
        expected="a dandiset, version and path that are there",
        got=str(error),
        hint="Look it up at https://dandiarchive.org; a draft may have changed meanwhile: run again.",
    )


def _embargoed(where, got):
    return InputError(
        "The dandiset is not public.",
        where=where,
        expected="a dandiset that is open to all",
        got=got,
        hint="Wait for its release, or fetch it by yourself with a key and name the folder, without dandi.",
    )


def _assets(client, dandiset, version, paths):
    """The files asked for, by path: each with the question's parts that it answers."""
    found = {}
    remote = _version(client, dandiset, version)
    for wanted in paths:
        prefix = wanted[: min([len(wanted), *(wanted.find(mark) for mark in "*?[" if mark in wanted)])]
        matching = [a for a in remote.get_assets_with_path_prefix(prefix) if fnmatchcase(a.path, wanted)]
        if not matching:
            every = [asset.path for asset in islice(remote.get_assets(order="path"), LARGEST_PAGE)]
            raise InputError(
                "The dandiset has no such file.",
                where=f"dandiset {dandiset}, version {version}, path {wanted}",
                expected="the path of a file, or a pattern of paths",
                got=f"nothing that matches; it has {listed(every, 5)}",
                hint=f"{nearest(wanted, every)} Patterns heed case; '*' stands for any characters.".lstrip(),
            )
        for asset in matching:
            found.setdefault(asset.path, (asset, []))[1].append(wanted)
    for path, (asset, _) in found.items():
        _check_asset(asset, path, f"dandiset {dandiset}, version {version}")
    return dict(sorted(found.items()))


def _version(client, dandiset, version):
    """The dandiset at a version, both looked up."""
    from dandi.dandiapi import RemoteDandiset
    from dandi.exceptions import NotFoundError

    remote = RemoteDandiset(client, dandiset, version)
    try:
        status = remote.embargo_status
    except NotFoundError as error:
        raise InputError(
            "The archive has no such dandiset.",
            where=f"dandiset {dandiset}",
            expected="the six digits of a public dandiset",
            got=dandiset,
            hint="Look it up at https://dandiarchive.org/dandiset; the zeros in front belong to it.",
        ) from error
    if status.value != "OPEN":
        raise _embargoed(f"dandiset {dandiset}", f"embargo status {status.value}")
    versions = [each.identifier for each in remote.get_versions()]
    if version not in versions:
        raise InputError(
            "The dandiset has no such version.",
            where=f"dandiset {dandiset}, version {version}",
            expected=f"one of {listed(versions)}",
            got=version,
            hint=f"{nearest(version, versions)} A draft may change; a published version never does.".lstrip(),
        )
    return remote


def _check_asset(asset, path, where):
    """Refuse what is no single file, or would be written elsewhere."""
    inside = PurePosixPath(path)
    if inside.is_absolute() or ".." in inside.parts:
        raise InputError(
            "A path in the archive leads out of the folder.",
            where=where,
            expected="a path below the dandiset",
            got=path,
            hint="Fetch this file by hand, and name it to the archive's maintainers.",
        )
    if asset.asset_type.name != "BLOB":
        raise InputError(
            "A path is a Zarr folder, and not a file.",
            where=f"{where}, path {path}",
            expected="a file",
            got="a Zarr folder",
            hint="Fetch it with the command dandi download, and name its folder without dandi.",
        )


def _one(asset, folder, known, attempts, wait_s):
    """Have one file in its place, and its row of the manifest without the question."""
    target = folder / asset.path
    same = known is not None and len(known) == 1 and known["asset_id"].iloc[0] == asset.identifier
    if same and _is_as_listed(target, next(known.itertuples())):
        return known.iloc[0][list(COLUMNS[3:])].to_dict()
    digests = asset.get_raw_metadata().get("digest") or {}
    if not {ETAG, SHA256} & set(digests):
        raise InputError(
            "The archive does not say the checksum of a file.",
            where=f"{asset.path}, asset {asset.identifier}",
            expected=f"{ETAG} or {SHA256}",
            got=listed(digests),
            hint="A draft gets its checksums some minutes after an upload; run again later.",
        )
    status = "fetched"
    if target.is_file() and not differences(target, asset.size, digests):
        status = "found"
    else:
        if known is not None and len(known) and not same:
            _log.warning("%s changed in the archive since %s", asset.path, known["date"].iloc[0])
            status = "changed"
        fetch(asset, target, digests, attempts, wait_s)
    return {
        "path": asset.path,
        "asset_id": asset.identifier,
        "bytes": asset.size,
        "sha256": file_hash(target),
        "etag": digests.get(ETAG, ""),
        "modified": asset.modified.isoformat(),
        "date": datetime.now(UTC).date().isoformat(),
        "status": status,
    }
