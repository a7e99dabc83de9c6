"""Sets of neurons from lists, metadata, pages and archives, against a plain server on the loopback."""

import io
import json
import tarfile

import pandas as pd
import pytest

from digimus.errors import InputError
from digimus.morphology import read_folder
from digimus.retrieval import brain_image_library, ion_projectome, mouselight, neuromorpho
from digimus.retrieval.choosing import COLUMNS, chosen, index_of
from digimus.retrieval.neurons import SETS, is_complete, known_index, module_of, retrieve_neurons
from file_server import serving

QUICK = {"n_at_once": 2, "attempts": 2, "wait_s": 0.0, "timeout_s": 5.0}


def swc(n=20):
    """An SWC file with soma, axon and dendrite."""
    lines = ["1 1 6000 3000 4000 1 -1"]
    lines += [f"{k} {2 + k % 2} {6000 + k} 3000 4000 1 {max(1, k - 2)}" for k in range(2, n)]
    return ("\n".join(lines) + "\n").encode()


@pytest.fixture
def server():
    """A dict of files, the address that serves them, and what was asked for."""
    files = {}
    with serving(files) as (url, asked):
        yield files, url, asked


# The Brain Image Library


PLACE = "/0f/cd/0fcde5fdd6f7ccb2"
NEURONS = [  # folder, number, brain, tile
    ("mouseID_210254-15257", "1119752895", "15257", "2226-X16029-Y23953"),
    ("mouseID_236174-16124", "1119752913", "16124", "2657-X11930-Y12250"),
    ("mouseID_321237-17302", "1119750001", "17302", "3000-X1-Y2"),
]
SOMATA = """,formatted name,Soma_x,Soma_y,Soma_z,Manually_corrected_soma_region,Brain_id
0,15257_2226-X16029-Y23953,2723.0,3720.1,3799.05,CP,15257
1,236174_2657-X11930-Y12250,2840.9,3417.85,3868.175,VPM,236174
"""


def address_list(path, url):
    """The published form of the list: every neuron raw and registered."""
    rows = []
    for folder, number, brain, tile in NEURONS:
        for name in (f"{number}_{brain}_{tile}_reg.swc", f"9{number}_{brain}_{tile}.swc"):
            rows.append(f"{len(rows)},{url}{PLACE}/{folder}/{name},{name}")
    path.write_text("\n".join([",link,fname", *rows]) + "\n")
    return path


@pytest.fixture
def library(server, tmp_path):
    files, url, _ = server
    listing = address_list(tmp_path / "list.csv", url)
    for k, link in enumerate(pd.read_csv(listing)["link"]):
        files[link.removeprefix(url)] = swc(20 + k)
    (tmp_path / "somata.csv").write_text(SOMATA)
    return listing, tmp_path / "somata.csv"


def test_registered_neurons_come_with_the_published_regions(library, server, tmp_path):
    listing, somata = library
    asked = {"somata": somata, "regions": ["CP", "VPM"]}
    index = retrieve_neurons(
        "brain-image-library", "http://x", tmp_path / "n", path=listing, settings=asked, **QUICK
    )
    assert index["neuron"].tolist() == ["15257_2226-X16029-Y23953", "236174_2657-X11930-Y12250"]
    assert index["region"].tolist() == ["CP", "VPM"] and index["brain"].tolist() == ["15257", "236174"]
    assert index["soma_ap_um"].tolist() == ["2723.0", "2840.9"]
    assert index["file"].str.endswith("_reg.swc").all() and len(server[2]) == 2
    written = pd.read_csv(tmp_path / "n/index.csv", dtype=str, keep_default_na=False)
    assert list(written.columns) == list(COLUMNS)
    pd.testing.assert_frame_equal(written, index)
    assert sorted(path.name for path in (tmp_path / "n").glob("*.swc")) == sorted(index["file"])
    columns = {"file_column": "file", "id_column": "neuron", "region_column": "region"}
    reading = read_folder(tmp_path / "n", "*.swc", index=tmp_path / "n/index.csv", regions=["CP", "VPM"],
                          source="x", **columns)  # fmt: skip
    assert reading.neurons["region"].tolist() == ["CP", "VPM"]


def test_what_is_there_needs_no_network_and_what_is_missing_is_named_once(library, server, tmp_path):
    files, url, asked = server
    listing, somata = library
    some = {"neurons": ["15257*"], "somata": somata}
    options = dict(path=listing, **QUICK)
    first = retrieve_neurons("brain-image-library", url, tmp_path / "n", settings=some, **options)
    files.clear()
    n_asked = len(asked)
    again = retrieve_neurons("brain-image-library", url, tmp_path / "n", settings=some, **options)
    pd.testing.assert_frame_equal(first, again)
    assert len(asked) == n_asked
    with pytest.raises(InputError, match="2 of 3 files could not be fetched") as error:
        retrieve_neurons("brain-image-library", url, tmp_path / "n", settings={}, **options)
    assert "16124" in error.value.got and "17302" in error.value.got and "15257" not in error.value.got


def test_raw_files_patterns_and_limits_choose(library):
    listing, somata = library
    index = brain_image_library.neurons(listing, "x", form="raw")
    assert len(index) == 3 and not index["file"].str.contains("_reg").any() and set(index["region"]) == {""}
    index = brain_image_library.neurons(listing, "x", somata=somata, limit=1)
    assert len(index) == 3  # one of each of CP, VPM and no region
    assert len(brain_image_library.neurons(listing, "x", limit=2)) == 2
    with pytest.raises(InputError, match="no such region") as error:
        brain_image_library.neurons(listing, "x", somata=somata, regions=["cp"])
    assert "Did you mean 'CP'" in error.value.hint
    with pytest.raises(InputError, match="no such neuron"):
        brain_image_library.neurons(listing, "x", neurons=["99999*"])
    with pytest.raises(InputError, match="No neuron of a set"):
        brain_image_library.neurons(listing, "x", somata=somata, neurons=["15257*"], regions=["VPM"])


@pytest.mark.parametrize("name", ["../evil_reg.swc", "/etc/x_reg.swc", "a/b_reg.swc", "evil_reg.swc"])
def test_a_list_cannot_name_files_elsewhere(tmp_path, name):
    (tmp_path / "list.csv").write_text(f",link,fname\n0,http://x/y/other_reg.swc,{name}\n")
    with pytest.raises(InputError):
        brain_image_library.neurons(tmp_path / "list.csv", "x")


def test_a_page_in_place_of_a_list_is_refused(tmp_path):
    (tmp_path / "list.csv").write_text("<html><body>Not found</body></html>")
    with pytest.raises(InputError, match="column"):
        brain_image_library.neurons(tmp_path / "list.csv", "x")


# The projectome


METADATA = {
    "neuron_data": [
        {"id": "n1", "file": "191812_001.swc", "acronym": "MOp5", "hemisphere": "left", "class": "ET"},
        {"id": "n2", "file": "191812_002", "acronym": "MOp2/3", "hemisphere": "right", "class": "IT"},
        {"id": "n3", "file": "191813_001", "acronym": "CP", "hemisphere": "left", "class": "IT"},
    ]
}


@pytest.fixture
def projectome(server, tmp_path):
    files, url, _ = server
    (tmp_path / "mouse.neuron.info.json").write_text(json.dumps(METADATA))
    for entry in METADATA["neuron_data"]:
        files[f"/mouse/cortex/neuron_download/{entry['file'].removesuffix('.swc')}.swc"] = swc()
    return tmp_path / "mouse.neuron.info.json", f"{url}/mouse/cortex/mouse.neuron.info.json"


def test_the_projectome_is_chosen_by_its_metadata(projectome, server, tmp_path):
    path, url = projectome
    asked = {"regions": ["MOp*"], "hemisphere": "left"}
    index = retrieve_neurons("ion-projectome-cortex", url, tmp_path / "n", path=path, settings=asked, **QUICK)
    assert index["neuron"].tolist() == ["n1"] and index["region"].tolist() == ["MOp5"]
    assert (tmp_path / "n/191812_001.swc").read_bytes() == swc() and len(server[2]) == 1
    assert ion_projectome.neurons(path, "x", url=url, types=["IT"])["neuron"].tolist() == ["n2", "n3"]
    for wrong in ({"hemisphere": "middle"}, {"types": ["XT"]}):
        with pytest.raises(InputError, match="not as expected"):
            ion_projectome.neurons(path, "x", url=url, **wrong)


@pytest.mark.parametrize("file", ["../x", "/etc/passwd", "a/b", "a\0b", "x" * 300, ".hidden"])
def test_metadata_cannot_name_files_elsewhere(projectome, file):
    path, url = projectome
    path.write_text(json.dumps({"neuron_data": [{"id": "n", "file": file}]}))
    with pytest.raises(InputError):
        ion_projectome.neurons(path, "x", url=url)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"neuron_data": []}', '{"neuron_data": [1]}', "[" * 100_000]
)
def test_strange_metadata_are_refused(projectome, text):
    path, url = projectome
    path.write_text(text)
    with pytest.raises(InputError, match="not as expected"):
        ion_projectome.neurons(path, "x", url=url)
    path.write_text(json.dumps(METADATA))
    with pytest.raises(InputError, match="not as expected"):
        ion_projectome.neurons(path, "x", url="http://x/mouse/elsewhere/mouse.neuron.info.json")


# NeuroMorpho.Org


def morpho(server, entries, page_size=2):
    files, url, _ = server
    pages = [entries[k : k + page_size] for k in range(0, len(entries), page_size)] or [[]]
    query = {"species": "mouse", "brain_region": ["neocortex", "basal ganglia"]}
    for number, page in enumerate(pages):
        address = neuromorpho.query_url(url, query, number)
        body = {"_embedded": {"neuronResources": page}} if page else {}
        body["page"] = {"totalPages": len(pages) if entries else 0, "totalElements": len(entries)}
        files[address.removeprefix(url)] = json.dumps(body).encode()
    for entry in entries:
        place = f"/dableFiles/{entry['archive'].lower()}/CNG%20version/{entry['neuron_name']}.CNG.swc"
        files[place] = swc()
    return query


ENTRIES = [
    {"archive": "Svoboda", "neuron_name": "AA0001", "brain_region": ["neocortex", "layer 5"]},
    {"archive": "Svoboda", "neuron_name": "AA0002", "brain_region": None},
    {"archive": "Other", "neuron_name": "AA0002", "brain_region": "striatum"},
]


def test_a_query_of_several_pages_brings_every_neuron(server, tmp_path):
    query = morpho(server, ENTRIES)
    index = retrieve_neurons("neuromorpho", server[1], tmp_path / "n", settings={"query": query}, **QUICK)
    assert index["neuron"].tolist() == ["AA0001", "other/AA0002", "svoboda/AA0002"]
    assert index["region"].tolist() == ["neocortex, layer 5", "striatum", ""]
    assert {path.relative_to(tmp_path / "n").as_posix() for path in (tmp_path / "n").glob("*/*.swc")} == set(
        index["file"]
    )
    assert "brain_region%3Aneocortex%2Cbasal+ganglia" in server[2][0] and len(server[2]) == 5
    server[0].clear()
    again = retrieve_neurons("neuromorpho", server[1], tmp_path / "n", settings={"query": query}, **QUICK)
    pd.testing.assert_frame_equal(index, again)
    assert len(server[2]) == 5
    some = {"query": query, "neurons": ["AA0001"]}
    assert len(retrieve_neurons("neuromorpho", server[1], tmp_path / "n", settings=some, **QUICK)) == 1


def test_a_query_without_an_answer_or_with_too_many_is_named(server, tmp_path):
    query = morpho(server, [])
    with pytest.raises(InputError, match="No neuron of a set"):
        retrieve_neurons("neuromorpho", server[1], tmp_path / "n", settings={"query": query}, **QUICK)
    address = neuromorpho.query_url(server[1], query, 0).removeprefix(server[1])
    server[0][address] = json.dumps({"page": {"totalPages": 400, "totalElements": 190_000}}).encode()
    with pytest.raises(InputError, match="too many answers"):
        retrieve_neurons("neuromorpho", server[1], tmp_path / "m", settings={"query": query}, **QUICK)
    server[0][address] = b'{"page": {"totalPages": "2"}}'
    with pytest.raises(InputError, match="not as expected"):
        retrieve_neurons("neuromorpho", server[1], tmp_path / "l", settings={"query": query}, **QUICK)


@pytest.mark.parametrize(
    "change", [{"archive": "../.."}, {"neuron_name": "../x"}, {"neuron_name": "a/b"}, {"archive": ""}]
)
def test_an_answer_cannot_name_files_elsewhere(tmp_path, change):
    page = tmp_path / "0000.json"
    page.write_text(json.dumps({"_embedded": {"neuronResources": [{**ENTRIES[0], **change}]}}))
    with pytest.raises(InputError):
        neuromorpho.neurons([page], "x", base="http://x")


# MouseLight


SPACE = "Annotation Space: CCFv3.0 Axes> X: Anterior-Posterior; Y: Inferior-Superior; Z:Left-Right"


def neuron(name, region_id=672, version=3.0):
    """A neuron as the archive has it."""
    nodes = [
        {"sampleNumber": k, "structureIdentifier": 2 - (k == 1), "radius": 1.0}
        | {
            "x": 6000.0 + k,
            "y": 3000.0 + k * int(name[2:]),
            "z": 4000.0,
            "parentNumber": k - 1 if k > 1 else -1,
        }
        for k in range(1, 6)
    ]
    return {
        "idString": name,
        "annotationSpace": {"version": version, "description": SPACE},
        "soma": {"x": 6001.0, "y": 3000.0 + int(name[2:]), "z": 4000.0, "allenId": region_id},
        "allenInformation": [{"allenId": 672, "acronym": "CP"}, {"allenId": 382, "acronym": "CA1"}],
        "sample": {"subject": "mouse 1"},
        "axon": nodes,
        "dendrite": [],
    }  # fmt: skip


def bulk(path, members):
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return path


BULK = {
    "json/AA0001.json": {"neurons": [neuron("AA0001")]},
    "json/AA0002.json": {"neurons": [neuron("AA0002", 382, 2.5)]},
    "json/more.json": {"neurons": [neuron("AA0003"), neuron("AA0004")]},
    "json/notes.txt": b"not a neuron",
}


def test_the_bulk_archive_is_unpacked_and_only_what_is_asked_for_kept(tmp_path):
    archive = bulk(tmp_path / "a.tar.gz", BULK)
    asked = {"regions": ["CP"]}
    (tmp_path / "n/.unpacking-killed/json").mkdir(parents=True)
    index = retrieve_neurons("mouselight", "http://x", tmp_path / "n", path=archive, settings=asked)
    assert index["neuron"].tolist() == ["AA0001", "AA0003", "AA0004"] and set(index["region"]) == {"CP"}
    assert index["soma_ap_um"].tolist() == ["6001.0"] * 3 and set(index["brain"]) == {"mouse 1"}
    found = {
        path.relative_to(tmp_path / "n").as_posix() for path in (tmp_path / "n").rglob("*") if path.is_file()
    }
    assert found == {"index.csv", "json/json/AA0001.json", "json/json/more.json"}
    assert not (tmp_path / "n/.unpacking-killed").exists()
    assert is_complete(tmp_path / "n")
    columns = {"file_column": "file", "id_column": "neuron", "region_column": "region"}
    reading = read_folder(tmp_path / "n", mouselight.PATTERN, index=tmp_path / "n/index.csv", regions=["CP"],
                          source="x", **columns)  # fmt: skip
    assert sorted(reading.neurons["id"]) == ["AA0001", "AA0003", "AA0004"]
    everything = retrieve_neurons("mouselight", "http://x", tmp_path / "n", path=archive)
    assert len(everything) == 4 and everything["soma_ap_um"][1] == ""  # an older CCF has other axes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar.gz", "n"]
    assert not (tmp_path / "n/json/json/notes.txt").exists()


@pytest.mark.parametrize(
    "members",
    [
        {"x.txt": b"no neuron"},
        {"x.json": b"{"},
        {"x.json": {"neurons": [{"axon": []}]}},
        {"../x.json": b"{}"},
    ],
)
def test_a_strange_archive_leaves_what_was_there(tmp_path, members):
    retrieve_neurons("mouselight", "http://x", tmp_path / "n", path=bulk(tmp_path / "a.tar.gz", BULK))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError):
        retrieve_neurons("mouselight", "http://x", tmp_path / "n", path=bulk(tmp_path / "a.tar.gz", members))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_set_is_complete_if_every_file_of_its_index_is_there(tmp_path):
    names = ["cell#1.swc", "all.json#AA1", "all.json#a.json"]
    (tmp_path / "index.csv").write_text("file\n" + "\n".join(names) + "\n")
    for name in ("cell#1.swc", "all.json"):
        assert not is_complete(tmp_path)
        (tmp_path / name).write_text("x")
    assert is_complete(tmp_path)
    (tmp_path / "index.csv").write_text("")
    assert not is_complete(tmp_path)


def test_single_neurons_come_from_the_export_service(server, tmp_path):
    files, url, asked = server
    files["/export"] = lambda body: json.dumps({"neurons": [neuron(body["ids"][0])]}).encode()
    settings = {"neurons": ["AA0001", "AA0007"]}
    index = retrieve_neurons("mouselight-export", f"{url}/export", tmp_path / "n", settings=settings, **QUICK)
    assert index["file"].tolist() == ["AA0001.json", "AA0007.json"] and len(asked) == 2
    for names in ([], ["AA*"], ["../x"]):
        with pytest.raises(InputError):
            mouselight.exports(url, names)


# Whatever the set


def test_sets_are_found_by_name():
    assert module_of("ion-projectome-cortex", "x") is ion_projectome
    assert module_of("mouselight-export", "x") is mouselight
    with pytest.raises(InputError, match="no set of neurons") as error:
        module_of("brain-image-libary", "x")
    assert "brain-image-library" in error.value.hint
    for module in SETS.values():
        assert {"neurons", "limit"} <= set(module.SETTINGS) and module.PATTERN


def test_an_index_that_is_not_known_yet_is_none(tmp_path):
    assert known_index("brain-image-library", "x", tmp_path / "absent", {}, tmp_path) is None
    assert known_index("neuromorpho", "x", None, {"query": {"a": "b"}}, tmp_path) is None


def test_a_limit_counts_each_region():
    rows = [{"file": f"{k}.swc", "neuron": f"{k}", "region": "AB"[k % 2]} for k in range(6)]
    assert chosen(index_of(rows), "x", limit=2)["neuron"].tolist() == ["0", "1", "2", "3"]
    assert chosen(index_of(rows), "x", neurons=["[45]"])["neuron"].tolist() == ["4", "5"]
