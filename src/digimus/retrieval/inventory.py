"""How much a configuration asks for from the network, how much of it is there, and under which licence."""

import math
from pathlib import Path

import pandas as pd

from digimus.retrieval import dandi, neurons
from digimus.retrieval.asked import is_there
from digimus.retrieval.choosing import file_of
from digimus.retrieval.fetching import Download, sizes
from digimus.storage import read_table

COLUMNS = ("dataset", "version", "goes_to", "files", "bytes", "files_there", "bytes_there", "licence")
UNKNOWN = "?"


def inventory(asked, *, ask_servers=False, **transfer):
    """One row for each file, set of neurons and dandiset that is asked for.

    Parameters
    ----------
    asked : digimus.retrieval.asked.Asked
    ask_servers : bool
        Ask for sizes that nothing here tells. Without it no network is used.
    **transfer
        Of `digimus.retrieval.fetching.sizes`: n_at_once, attempts, timeout_s.

    Returns
    -------
    DataFrame
        dataset, version, goes_to (file or folder), files and bytes in all (nan: not known), files_there and
        bytes_there (what is there already; its checksum is not compared), licence.
    """
    rows = [_of_file(file, ask_servers, transfer) for file in asked.files.values()]
    rows += [_of_set(needed, ask_servers, transfer) for needed in asked.neurons.values()]
    rows += [_of_recordings(*item, ask_servers, transfer) for item in asked.recordings.items()]
    return pd.DataFrame(rows, columns=COLUMNS).sort_values(["dataset", "goes_to"], ignore_index=True)


def missing(asked):
    """What is asked for and not there, as far as that can be told here.

    Parameters
    ----------
    asked : digimus.retrieval.asked.Asked

    Returns
    -------
    list of str
        A line for each file or folder, with its address.
    """
    lines = [f"{file.path} from {file.url}" for file in asked.files.values() if not is_there(file.path)]
    for needed in asked.neurons.values():
        index = neurons.known_index(needed.dataset, needed.url, needed.path, needed.settings, needed.folder)
        if index is None or not is_there(f"{needed.folder}/{neurons.INDEX}"):
            lines.append(f"{needed.folder}, neurons of {needed.dataset}, {needed.url}")
            continue
        absent = [file for file in index["file"] if not is_there(_place(needed, file))]
        if absent:
            lines.append(f"{needed.folder}, {len(absent)} of {len(index)} neurons of {needed.dataset}")
    for folder, archive in asked.recordings.items():
        table = _manifest(folder)
        wanted = f"dandiset {archive['dandiset']}, version {archive['version']}"
        if table is None:
            lines.append(f"{folder}, {wanted}")
        elif absent := [path for path in table["path"] if not is_there(f"{folder}/{path}")]:
            lines.append(f"{folder}, {len(absent)} of {len(table)} files of {wanted}")
    return lines


def described(table):
    """The inventory as text.

    Parameters
    ----------
    table : DataFrame
        Of `inventory`.

    Returns
    -------
    str
    """
    shown = pd.DataFrame(
        {
            "dataset": table["dataset"],
            "version": table["version"],
            "files": table["files"].map(_number),
            "there": table["files_there"].map(_number),
            "size": table["bytes"].map(_size),
            "to fetch": (table["bytes"] - table["bytes_there"]).clip(lower=0).map(_size),
            "licence": table["licence"],
        }
    )
    lines = ["What the configuration asks for from the network:", shown.to_string(index=False)]
    if table["bytes"].isna().any():
        lines.append(f"{UNKNOWN}: not known here; python -m digimus.retrieval --sizes asks the servers.")
    return "\n".join(lines)


def _of_file(file, ask_servers, transfer):
    there = is_there(file.path)
    n_bytes = Path(file.path).stat().st_size if there else math.nan
    total = n_bytes if there else math.nan if file.n_bytes is None else file.n_bytes
    if math.isnan(total) and ask_servers:
        place = Path(file.path)
        total = sizes([Download(file.url, Path(place.name), kind=file.kind)], place.parent, **transfer)[
            "bytes"
        ].iloc[0]
    return (
        file.dataset,
        file.version,
        file.path,
        1,
        total,
        int(there),
        n_bytes if there else 0,
        file.licence,
    )


def _of_set(needed, ask_servers, transfer):
    index = neurons.known_index(needed.dataset, needed.url, needed.path, needed.settings, needed.folder)
    known = neurons.fetched_bytes(needed.folder)
    if index is None:
        wanted, n_files, total = [], math.nan, math.nan
    else:
        wanted = sorted(set(map(file_of, index["file"])))
        n_files, total = len(wanted), math.nan
    there = {
        file: Path(needed.folder, file).stat().st_size
        for file in wanted
        if is_there(Path(needed.folder, file))
    }
    if index is not None and len(there) == n_files:
        total = sum(there.values())
    elif index is not None and ask_servers and set(wanted) == set(index["file"]):
        total = sizes(neurons.downloads_of(index), needed.folder, **transfer)["bytes"].sum(skipna=False)
    n_there, bytes_there = (
        (len(there), sum(there.values())) if index is not None else (len(known), known.sum())
    )
    return (
        *(f"{needed.dataset}, neurons", needed.version, needed.folder, n_files, total),
        *(n_there, bytes_there, needed.licence),
    )


def _of_recordings(folder, archive, ask_servers, transfer):
    n_files = total = math.nan
    table = _manifest(folder)
    n_there, bytes_there = 0, 0
    if table is not None:
        there = table[[is_there(f"{folder}/{path}") for path in table["path"]]]
        n_there, bytes_there = len(there), int(there["bytes"].astype(int).sum())
        asked = {path for each in table["asked"] for path in each.split("; ")}
        if set(archive["paths"]) <= asked:
            n_files, total = len(table), int(table["bytes"].astype(int).sum())
    if math.isnan(total) and ask_servers:
        limits = {key: transfer[key] for key in ("attempts", "timeout_s") if key in transfer}
        found = dandi.sizes(**archive, **limits)
        n_files, total = len(found), sum(found.values())
    name = f"dandi-{archive['dandiset']}"
    return (name, archive["version"], folder, n_files, total, n_there, bytes_there, "per dandiset")


def _place(needed, file):
    return f"{needed.folder}/{file_of(file)}"


def _manifest(folder):
    path = Path(folder) / dandi.MANIFEST
    return read_table(path, dandi.COLUMNS, dtype=str, keep_default_na=False) if path.is_file() else None


def _number(value):
    return UNKNOWN if math.isnan(value) else f"{int(value):,}"


def _size(n_bytes):
    """Bytes in words, with three digits."""
    if math.isnan(n_bytes):
        return UNKNOWN
    for unit in ("B", "kB", "MB"):
        if n_bytes < 999.5:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:,.3g} GB"
