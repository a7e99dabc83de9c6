"""The projectome of the Institute of Neuroscience: metadata as JSON, then one SWC file a neuron.

The metadata (`.../mouse/{part}/mouse.neuron.info.json`) hold `neuron_data`, a list of id, file, acronym,
hemisphere, reconstruction_type and class. Only the addresses of the part `cortex` were ever seen whole; those
of `hipp` and `hy` follow what was seen of them. Untested live.
"""

import json
from pathlib import Path
from urllib.parse import quote, urljoin

from digimus.errors import InputError
from digimus.retrieval.choosing import COLUMNS, chosen, index_of
from digimus.retrieval.unpacking import safe_name
from digimus.suggest import did_you_mean

PATTERN = "*.swc"
SETTINGS = ("neurons", "regions", "limit", "hemisphere", "types")
_FOLDERS = {"cortex": "neuron_download", "hipp": "hipp_neuron_download", "hy": "hy_neuron_download"}


def has_regions(settings):
    """The metadata tell the acronym of each soma's region."""
    return True


def neurons(metadata, where, *, url, hemisphere=None, types=(), **choice):
    """The index of the neurons asked for.

    Parameters
    ----------
    metadata : str or Path
        The file of metadata.
    where : str
        What the set is called, for messages.
    url : str
        Where it came from; the neurons lie beside it.
    hemisphere : str, optional
    types : sequence of str
        Of `class`. Empty: all.
    **choice
        Of `digimus.retrieval.choosing.chosen`.

    Returns
    -------
    DataFrame
        As `digimus.retrieval.choosing.COLUMNS`; positions of somata are not in the metadata.

    Raises
    ------
    InputError
        If the metadata are not what they should be, or no neuron is as asked for.
    """
    entries, base = _entries(metadata), _base(url)
    rows = []
    for entry in entries:
        name = safe_name(str(entry["file"]).removesuffix(".swc"), metadata)
        if "/" in name:
            raise _strange(metadata, "file names without folders", entry["file"])
        text = {key: str(entry.get(key) or "") for key in ("id", "acronym", "hemisphere", "class", "sample")}
        rows.append(
            {
                "file": f"{name}.swc",
                "neuron": text["id"] or name,
                "region": text["acronym"],
                "brain": text["sample"] or name.split("_")[0],
                "url": f"{base}{quote(name)}.swc",
                "hemisphere": text["hemisphere"],
                "class": text["class"],
            }
        )
    table = index_of(rows).assign(**{key: [row[key] for row in rows] for key in ("hemisphere", "class")})
    for key, values in (("hemisphere", [hemisphere] if hemisphere else []), ("class", types)):
        for value in values:
            if value not in set(table[key]):
                raise _strange(where, f"one of {', '.join(sorted(set(table[key])))} as {key}", value,
                               did_you_mean(value, set(table[key])))  # fmt: skip
        table = table[table[key].isin(values)] if values else table
    return chosen(table[list(COLUMNS)], where, **choice)


def _base(url):
    """The address of the folder of SWC files, with a slash at its end."""
    part = url.rsplit("/", 2)[-2]
    if part not in _FOLDERS:
        raise _strange(url, f"metadata in a folder {', '.join(_FOLDERS)}", part,
                       "Only for these is it known where the neurons lie.")  # fmt: skip
    return urljoin(url, f"{_FOLDERS[part]}/")


def _entries(path):
    """The neurons of the metadata, each a dict with a file at least."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8-sig"))
        entries = found["neuron_data"]
        if isinstance(entries, dict):
            entries = list(entries.values())
        if not entries or not all(isinstance(entry, dict) and entry.get("file") for entry in entries):
            raise TypeError("an entry of neuron_data without a file")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        got = f"{type(error).__name__}: {str(error)[:200]}"
        raise _strange(path, "JSON with neuron_data, a list of neurons with a file each", got) from error
    return entries


def _strange(where, expected, got, hint="Fetch the metadata anew; if they changed for good, tell us."):
    return InputError("Metadata of neurons are not as expected.", where=where, expected=expected,
                      got=str(got)[:300], hint=hint)  # fmt: skip
