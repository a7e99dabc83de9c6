"""Sets of neurons that can be fetched: which module serves which, and one way to fetch any of them."""

import logging
from pathlib import Path

import pandas as pd

from digimus.errors import InputError
from digimus.retrieval import brain_image_library, ion_projectome, mouselight, neuromorpho
from digimus.retrieval.choosing import COLUMNS, chosen, file_of, index_of
from digimus.retrieval.fetching import Download, fetch_all
from digimus.retrieval.pins import MANIFEST
from digimus.storage import read_table, write_table
from digimus.suggest import did_you_mean

SETS = {
    "brain-image-library": brain_image_library,
    "mouselight": mouselight,
    "mouselight-export": mouselight,
    "ion-projectome-cortex": ion_projectome,
    "ion-projectome-hipp": ion_projectome,
    "ion-projectome-hy": ion_projectome,
    "neuromorpho": neuromorpho,
}
"""Modules by the name of the set in the register."""
NEEDED = {"mouselight-export": "neurons", "neuromorpho": "query"}
"""The setting that a set cannot be asked without."""
INDEX, UNPACKED, PAGES = "index.csv", "json", "pages"
_log = logging.getLogger(__name__)


def module_of(dataset, where):
    """The module that serves a set.

    Parameters
    ----------
    dataset : str
        Its name in the register.
    where : str
        For messages.

    Raises
    ------
    InputError
        If no module serves it.
    """
    if dataset in SETS:
        return SETS[dataset]
    raise InputError(
        "A dataset is no set of neurons that can be fetched.",
        where=where,
        expected=f"one of {', '.join(SETS)}",
        got=dataset,
        hint=did_you_mean(dataset, SETS),
    )


def needs_file(dataset):
    """Whether the address of a set is that of a file that is fetched first: a list, metadata, an archive."""
    return dataset not in ("mouselight-export", "neuromorpho")


def has_regions(dataset, settings):
    """Whether the index of a set will tell regions by acronyms."""
    return module_of(dataset, "").has_regions(settings)


def pattern_of(dataset):
    """The pattern of the files of a set."""
    return module_of(dataset, "").PATTERN


def known_index(dataset, url, path, settings, folder):
    """The index of the neurons that are asked for, as far as it is known without a network.

    Parameters
    ----------
    dataset : str
    url : str
        Of the register.
    path : str or Path, or None
        Where the file at that address lies, once it was fetched.
    settings : dict
        What the configuration asks for: neurons, regions, limit, and what the set's module takes.
    folder : str or Path
        Of the set.

    Returns
    -------
    DataFrame or None
        As `digimus.retrieval.choosing.COLUMNS`; None: not known yet.
    """
    module, ready = module_of(dataset, dataset), path is not None and Path(path).is_file()
    if module is brain_image_library and ready and Path(settings.get("somata", path)).is_file():
        return brain_image_library.neurons(path, dataset, **settings)
    if module is ion_projectome and ready:
        return ion_projectome.neurons(path, dataset, url=url, **settings)
    if (Path(folder) / INDEX).is_file():
        return read_table(Path(folder) / INDEX, COLUMNS, dtype=str, keep_default_na=False)
    return None


def is_complete(folder):
    """Whether a folder has every file that its index lists.

    Parameters
    ----------
    folder : str or Path
    """
    try:
        files = read_table(Path(folder) / INDEX, ["file"], dtype=str, keep_default_na=False)["file"]
    except InputError:
        return False
    return all((Path(folder) / file_of(file)).is_file() for file in files)


def downloads_of(index):
    """The downloads of an index of SWC files."""
    files = zip(index["url"], index["file"], strict=True)
    return [Download(url, Path(file), kind="swc") for url, file in files]


def retrieve_neurons(dataset, url, folder, *, path=None, settings=None, **transfer):
    """Have the neurons of a set in a folder, and list them.

    Parameters
    ----------
    dataset : str
        Its name in the register.
    url : str
        Its address there.
    folder : str or Path
        Gets the files and, last, ``index.csv``.
    path : str or Path, optional
        Where the file at that address lies, where the set begins with one.
    settings : dict, optional
        As for `known_index`.
    **transfer
        Of `digimus.retrieval.fetching.fetch_all`: n_at_once, attempts, wait_s, timeout_s, progress.

    Returns
    -------
    DataFrame
        The index, with the columns `digimus.retrieval.choosing.COLUMNS`. `url` is the address of the file,
        or of the archive that it was unpacked from.

    Raises
    ------
    InputError
        If the set does not serve what is asked for; if files cannot be fetched, one error for all of them.
    """
    settings, folder = settings or {}, Path(folder)
    module = module_of(dataset, dataset)
    if module is neuromorpho:
        settings = dict(settings)
        pages = neuromorpho.fetch_pages(url, settings.pop("query"), folder / PAGES, **transfer)
        index = neuromorpho.neurons(pages, dataset, base=url, **settings)
        fetch_all(downloads_of(index), folder, **transfer)
    elif dataset == "mouselight-export":
        index = _exported(url, folder, settings, transfer)
    elif module is mouselight:
        index = mouselight.unpacked(path, folder / UNPACKED, dataset, url=url, **settings)
        index["file"] = f"{UNPACKED}/" + index["file"]
    else:
        index = known_index(dataset, url, path, settings, folder)
        fetch_all(downloads_of(index), folder, **transfer)
    _log.info("%d neurons of %s in %s", len(index), dataset, folder)
    write_table(folder / INDEX, index)
    return index


def _exported(url, folder, settings, transfer):
    """Neurons of MouseLight by name."""
    downloads = mouselight.exports(url, settings.get("neurons", ()))
    fetch_all(downloads, folder, **transfer)
    rows = [row for d in downloads for row in mouselight.rows_of(folder / d.path, str(d.path), url)]
    return chosen(index_of(rows), "mouselight-export", **settings)


def fetched_bytes(folder):
    """Length of every file that a folder's manifest lists and that is there.

    Returns
    -------
    Series
        Bytes, by path.
    """
    manifest = Path(folder) / MANIFEST
    if not manifest.is_file():
        return pd.Series(dtype=float)
    table = read_table(manifest, ["path", "bytes"])
    there = [(Path(folder) / str(path)).is_file() for path in table["path"]]
    return table[there].set_index("path")["bytes"].astype(float)
