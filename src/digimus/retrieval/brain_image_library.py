"""Whole neurons in the Brain Image Library: a list of addresses, one SWC file each.

The list has the columns link and fname, and names every neuron twice: as it was traced, and registered to
the CCF (`_reg.swc`). Names are `{number}_{brain}_{tile}`; the folder of an address holds both numbers of the
brain (`mouseID_{long}-{short}`), and the published table of somata uses the one or the other. Untested live.
"""

import re
from urllib.parse import urlsplit

from digimus.errors import InputError
from digimus.retrieval.choosing import chosen, index_of
from digimus.retrieval.unpacking import safe_name
from digimus.storage import read_table

PATTERN = "*.swc"
SETTINGS = ("neurons", "regions", "limit", "form", "somata")
REGISTERED = "_reg.swc"
_SOMATA = {
    "region": "Manually_corrected_soma_region",
    "brain": "Brain_id",
    "soma_ap_um": "Soma_x",
    "soma_dv_um": "Soma_y",
    "soma_ml_um": "Soma_z",
}
_BRAIN = re.compile(r"mouseID_(\d+)-(\d+)$")


def has_regions(settings):
    """Whether the index will tell regions."""
    return "somata" in settings


def neurons(addresses, where, *, form="registered", somata=None, **choice):
    """The index of the neurons asked for.

    Parameters
    ----------
    addresses : str or Path
        The list, CSV.
    where : str
        What the set is called, for messages.
    form : {"registered", "raw"}
        Files in the CCF, or as they were traced.
    somata : str or Path, optional
        The published table of somata: formatted name, and the columns of region, brain and position.
    **choice
        Of `digimus.retrieval.choosing.chosen`. Without somata no region is known.

    Returns
    -------
    DataFrame
        As `digimus.retrieval.choosing.COLUMNS`; µm.

    Raises
    ------
    InputError
        If the list or the table is not what it should be, or has no such neuron.
    """
    listing = read_table(addresses, ["link", "fname"], dtype=str, keep_default_na=False)
    known = {} if somata is None else _somata(somata)
    rows = []
    for link, name in zip(listing["link"], listing["fname"], strict=True):
        if name.endswith(REGISTERED) != (form == "registered"):
            continue
        file = safe_name(name, addresses)
        if "/" in file or not file.endswith(".swc") or urlsplit(link).path.rsplit("/", 1)[-1] != name:
            raise InputError(
                "A list of addresses names a file that is not the address's.",
                where=addresses,
                expected="in fname the last part of link, a name that ends in .swc",
                got=f"{link}, {name}",
                hint="Fetch the list anew.",
            )
        neuron, soma = _match(file, link, known)
        rows.append({"file": file, "neuron": neuron, "url": link, **soma})
    return chosen(index_of(rows), where, **choice)


def _somata(path):
    """What is published of each soma, by the name of the neuron in small letters."""
    columns = ["formatted name", *_SOMATA.values()]
    table = read_table(path, columns, dtype=str, keep_default_na=False)
    renamed = table[list(_SOMATA.values())].set_axis(list(_SOMATA), axis=1)
    names = table["formatted name"].str.strip()
    found = zip(names, renamed.to_dict("records"), strict=True)
    return {name.lower(): (name, row) for name, row in found}


def _match(file, link, somata):
    """A neuron's name, and what the table says of its soma."""
    name = file.removesuffix(REGISTERED).removesuffix(".swc").split("_", 1)[-1]
    brain, _, tile = name.partition("_")
    numbers = _BRAIN.search(link.rsplit("/", 2)[-2] if "/" in link else "")
    for number in (brain, *(numbers.groups() if numbers else ())):
        if f"{number}_{tile}".lower() in somata:
            return somata[f"{number}_{tile}".lower()]
    return name, {"brain": brain}
