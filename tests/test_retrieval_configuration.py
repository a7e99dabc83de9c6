"""What a configuration may ask for from the network, and where it goes."""

from copy import deepcopy

import pandas as pd
import pytest

from digimus.configuration import checked
from digimus.errors import InputError
from digimus.retrieval.asked import asked_of
from digimus.retrieval.register import COLUMNS

URL = "http://127.0.0.1:9"


@pytest.fixture
def register(tmp_path):
    """A register of every set, and of files with whatever address a test gives them."""

    def write(**urls):
        rows = {
            "brain-image-library": f"{URL}/list.csv",
            "ion-projectome-cortex": f"{URL}/mouse/cortex/mouse.neuron.info.json",
            "neuromorpho": URL,
            "mouselight": f"{URL}/json.tar.gz",
            "mouselight-export": f"{URL}/export",
            "table": f"{URL}/a%20table.csv?x=1",
        }
        rows = [{"name": name, "url": url, "kind": "any"} for name, url in (rows | urls).items()]
        pd.DataFrame(rows, columns=COLUMNS, dtype=object).fillna("").to_csv(tmp_path / "r.csv", index=False)
        return str(tmp_path / "r.csv")

    return write


def fetching(default, table="resources/datasets.csv", **source):
    """The default with a source that is fetched."""
    configuration = deepcopy(default)
    source = {"regions": ["CP"], "annotation": "dataset:table"} | source
    configuration["morphology"]["sources"]["fetched"] = source
    configuration["retrieval"]["table"] = table
    return configuration


def test_the_default_asks_for_nothing(default, schema):
    asked = asked_of(checked(default, schema))
    assert not asked.files and not asked.neurons and not asked.recordings
    assert asked.configuration == checked(default, schema)


@pytest.mark.parametrize(
    "retrieve, pattern, told, needs",
    [
        ({"dataset": "brain-image-library"}, "*.swc", False, ["list.csv"]),
        (
            {"dataset": "brain-image-library", "somata": "dataset:table"},
            "*.swc",
            True,
            ["list.csv", "a table.csv"],
        ),
        ({"dataset": "ion-projectome-cortex"}, "*.swc", True, ["mouse.neuron.info.json"]),
        ({"dataset": "mouselight"}, "**/*.json", True, ["json.tar.gz"]),
        ({"dataset": "mouselight-export", "neurons": ["AA0001"]}, "**/*.json", True, []),
        ({"dataset": "neuromorpho", "query": {"archive": "x"}}, "*/*.swc", False, []),
    ],
)
def test_folder_pattern_and_index_come_by_themselves(
    default, schema, register, retrieve, pattern, told, needs
):
    asked = asked_of(checked(fetching(default, register(), retrieve=retrieve), schema))
    source = asked.configuration["morphology"]["sources"]["fetched"]
    folder = f"resources/retrieved/{retrieve['dataset']}/fetched"
    assert (source["folder"], source["pattern"]) == (folder, pattern)
    assert source["index"] == f"{folder}/index.csv" and source["id_column"] == "neuron"
    assert source.get("region_column") == ("region" if told else None)
    (needed,) = asked.neurons.values()
    assert [path.rsplit("/", 1)[1] for path in needed.inputs] == needs
    assert source["annotation"] == "resources/retrieved/table/unversioned/a table.csv"
    assert set(needed.inputs) <= set(asked.files)


def test_what_stands_in_the_configuration_holds(default, schema, register):
    own = {"folder": "here/", "pattern": "*_reg.swc", "region_column": "brain"}
    given = fetching(default, register(), retrieve={"dataset": "brain-image-library"}, **own)
    source = checked(given, schema)["morphology"]["sources"]["fetched"]
    assert (source["folder"], source["pattern"], source["region_column"]) == ("here", "*_reg.swc", "brain")


@pytest.mark.parametrize(
    "source, where",
    [
        ({"retrieve": {}}, "retrieve.dataset"),
        ({"retrieve": {"dataset": "brain-image-libary"}}, "retrieve.dataset"),
        ({"retrieve": {"dataset": "../x"}}, "retrieve.dataset"),
        ({"retrieve": {"dataset": "mouselight", "form": "raw"}}, "retrieve.form"),
        ({"retrieve": {"dataset": "mouselight", "limit": 0}}, "retrieve.limit"),
        ({"retrieve": {"dataset": "mouselight", "neurons": []}}, "retrieve.neurons"),
        ({"retrieve": {"dataset": "brain-image-library", "regions": ["CP"]}}, "retrieve.regions"),
        ({"retrieve": {"dataset": "neuromorpho"}}, "retrieve.query"),
        ({"retrieve": {"dataset": "neuromorpho", "query": {}}}, "retrieve.query"),
        ({"retrieve": {"dataset": "neuromorpho", "query": {"a&b": "c"}}}, "retrieve.query"),
        ({"retrieve": {"dataset": "mouselight-export"}}, "retrieve.neurons"),
        ({"retrieve": {"dataset": "mouselight"}, "simulated": True}, "simulated"),
        ({"retrieve": {"dataset": "mouselight"}, "index": "x.csv"}, "index"),
        ({"pattern": "*.swc"}, "folder"),
    ],
)
def test_what_cannot_be_fetched_is_refused(default, schema, source, where):
    with pytest.raises(InputError) as error:
        checked(fetching(default, **source), schema)
    assert error.value.where.startswith(f"morphology.sources.fetched.{where}")


@pytest.mark.parametrize(
    "urls, words",
    [
        ({"table": ""}, "A dataset cannot be fetched"),
        ({"table": f"{URL}/"}, "leads out"),
        ({"table": f"{URL}/..%2F..%2Fpasswd"}, "leads out"),
        ({"table": f"{URL}/.hidden"}, "leads out"),
        ({"table": f"{URL}/a%00b"}, "leads out"),
        ({"table": "file:///etc/passwd"}, "wrong"),
    ],
)
def test_an_address_without_a_plain_name_is_refused(default, schema, register, urls, words):
    given = fetching(default, register(**urls), retrieve={"dataset": "mouselight"})
    with pytest.raises(InputError, match=words):
        asked_of(checked(given, schema))


def test_an_unknown_dataset_is_named_with_its_key_and_the_nearest(default, schema, register):
    given = fetching(default, register(), retrieve={"dataset": "mouselight"}, annotation="dataset:tabel")
    with pytest.raises(InputError, match="not in the register") as error:
        asked_of(checked(given, schema))
    assert error.value.where.startswith("morphology.sources.fetched.annotation")
    assert "Did you mean 'table'" in error.value.hint


def test_recordings_share_no_folder_with_others(default, schema, register):
    given = fetching(default, register(), retrieve={"dataset": "mouselight"}, folder="x")
    dandi = {"dandiset": "000017", "version": "draft", "paths": ["a.nwb"]}
    datasets = given["recordings"]["datasets"]
    datasets["one"] = datasets["visual"] | {"dandi": dandi, "folder": "y"}
    datasets["two"] = datasets["visual"] | {"dandi": dandi | {"paths": ["b.nwb"]}, "folder": "y"}
    for dataset in (datasets["one"], datasets["two"]):
        del dataset["simulated"], dataset["pattern"]
    assert asked_of(checked(given, schema)).recordings["y"]["paths"] == ["a.nwb", "b.nwb"]
    datasets["two"]["folder"] = "x"
    with pytest.raises(InputError, match="Neurons and recordings go to one folder"):
        asked_of(checked(given, schema))


def test_two_sets_do_not_share_a_folder(default, schema, register):
    given = fetching(default, register(), retrieve={"dataset": "mouselight"}, folder="x")
    again = deepcopy(given["morphology"]["sources"]["fetched"])
    given["morphology"]["sources"]["again"] = again
    assert len(asked_of(checked(given, schema)).neurons) == 1  # the same neurons, read in two ways
    again["retrieve"] = {"dataset": "mouselight", "limit": 3}
    with pytest.raises(InputError, match="one folder"):
        asked_of(checked(given, schema))
