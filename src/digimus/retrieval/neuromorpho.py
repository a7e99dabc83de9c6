"""NeuroMorpho.Org: a query, page by page, then the standardised SWC file of each neuron that answers it.

The pages are kept beside the neurons: a query answered once is not asked again, and what was answered can be
read. Files of this archive are seldom registered to the CCF: look at their paper first. Untested live.
"""

import json
from pathlib import Path
from urllib.parse import quote, urlencode

from digimus.errors import InputError
from digimus.retrieval.choosing import chosen, index_of
from digimus.retrieval.fetching import Download, fetch_all
from digimus.retrieval.unpacking import safe_name

PATTERN = "*/*.swc"
SETTINGS = ("neurons", "limit", "query")
PAGE = 500  # neurons; the most that the archive gives at once
MOST_NEURONS = 50_000


def has_regions(settings):
    """Regions of this archive are words, not acronyms of an atlas."""
    return False


def query_url(base, query, page):
    """The address of a page of a query.

    Parameters
    ----------
    base : str
        Of the archive.
    query : dict of str to (str or list of str)
        Fields and their values; a neuron has one of the values in each field.
    page : int
        From 0.
    """
    parts = []
    for field, values in query.items():
        values = [values] if isinstance(values, str) else values
        parts.append(f"{field}:{','.join(values)}")
    asked = [("q", parts[0]), *(("fq", part) for part in parts[1:]), ("size", PAGE), ("page", page)]
    return f"{base.rstrip('/')}/api/neuron/select?{urlencode(asked)}"


def fetch_pages(base, query, folder, **transfer):
    """Have all pages of a query in a folder.

    Parameters
    ----------
    base : str
    query : dict
    folder : str or Path
    **transfer
        Of `digimus.retrieval.fetching.fetch_all`.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        If a page does not come or is no answer, or the query has too many answers.
    """
    folder = Path(folder)

    def pages(numbers):
        wanted = [Download(query_url(base, query, k), Path(f"{k:04d}.json"), kind="json") for k in numbers]
        fetch_all(wanted, folder, **transfer)
        return [folder / download.path for download in wanted]

    (first,) = pages([0])
    n_pages, n_neurons = _numbers(first)
    if n_neurons > MOST_NEURONS:
        raise InputError(
            "A query has too many answers.",
            where=query_url(base, query, 0),
            expected=f"{MOST_NEURONS:,} neurons at most",
            got=f"{n_neurons:,}",
            hint="Ask for one more field, such as archive or brain_region.",
        )
    return [first, *(pages(range(1, n_pages)) if n_pages > 1 else [])]


def neurons(pages, where, *, base, **choice):
    """The index of the neurons that pages of a query name.

    Parameters
    ----------
    pages : sequence of str or Path
    where : str
        What the set is called, for messages.
    base : str
        The archive's address.
    **choice
        Of `digimus.retrieval.choosing.chosen`.

    Returns
    -------
    DataFrame
        As `digimus.retrieval.choosing.COLUMNS`; the region is words of the archive, positions are not known.

    Raises
    ------
    InputError
        If a page is no answer of the archive.
    """
    rows = {}
    for page in pages:
        for entry in _entries(page):
            archive, name = (safe_name(str(entry[key]), page) for key in ("archive", "neuron_name"))
            if "/" in archive or "/" in name:
                raise _strange(page, f"{archive}, {name}")
            folder = archive.lower()
            region = entry.get("brain_region") or []
            rows[folder, name] = {
                "file": f"{folder}/{name}.CNG.swc",
                "neuron": name,
                "region": region if isinstance(region, str) else ", ".join(map(str, region)),
                "brain": "",
                "url": f"{base.rstrip('/')}/dableFiles/{quote(folder)}/CNG%20version/{quote(name)}.CNG.swc",
            }
    table = index_of(list(rows.values()))
    twice = table["neuron"].duplicated(keep=False)  # two archives may use one name
    table.loc[twice, "neuron"] = table.loc[twice, "file"].str.removesuffix(".CNG.swc")
    return chosen(table, where, **choice)


def _loaded(page):
    try:
        found = json.loads(Path(page).read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise _strange(page, f"{type(error).__name__}: {error}") from error
    if not isinstance(found, dict):
        raise _strange(page, f"a {type(found).__name__}")
    return found


def _numbers(page):
    """Numbers of pages and of neurons of the whole answer."""
    said = _loaded(page).get("page")
    numbers = [said.get(key) if isinstance(said, dict) else None for key in ("totalPages", "totalElements")]
    if not all(type(number) is int and 0 <= number < 10**9 for number in numbers):
        raise _strange(page, f"page: {said!r}")
    return numbers


def _entries(page):
    """The neurons of a page, each a dict with archive and neuron_name."""
    entries = (_loaded(page).get("_embedded") or {}).get("neuronResources") or []
    good = isinstance(entries, list) and all(
        isinstance(entry, dict) and entry.get("archive") and entry.get("neuron_name") for entry in entries
    )
    if not good:
        raise _strange(page, f"neuronResources: {str(entries)[:200]}")
    return entries


def _strange(where, got):
    return InputError(
        "A page of NeuroMorpho.Org is not as expected.",
        where=where,
        expected="page {totalPages, totalElements} and _embedded.neuronResources [{archive, neuron_name}]",
        got=got[:300],
        hint="Delete the page and run again; if it stays so, the archive's answers have changed: tell us.",
    )
