"""The explorer: everything a region has is on the page, what it has not is said, and it stays small."""

import base64
import json
import re

import numpy as np
import pandas as pd
import pytest

from digimus.connectome import sketch_of_region
from digimus.errors import InputError
from digimus.figures import explorer
from digimus.figures.explorer import PROBABILITY_STEPS, write_explorer
from digimus.figures.triads import EDGES
from explorer_inputs import KINDS, arbors, explorer_inputs


def written(path, tables, graphs, kinds=KINDS, **more):
    """The page and what is in it."""
    write_explorer(path / "explorer.html", tables=tables, graphs=graphs, kinds=kinds, **more)
    page = (path / "explorer.html").read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)
    return page, json.loads(found[1]) if found else None


def numbers(text, kind):
    return np.frombuffer(base64.b64decode(text), dtype=kind)


@pytest.fixture
def inputs():
    return explorer_inputs()


def test_the_page_holds_every_region_and_nothing_from_outside(inputs, tmp_path):
    page, data = written(tmp_path, *inputs, title="a <run>", report="report.html")
    assert [(r["source"], r["region"]) for r in data["regions"]] == [
        ("s", "A"), ("s", "B"), ("worm", "worm"), ("published", "P0"), ("published", "P1"),
    ]  # fmt: skip
    assert set(re.findall(r'(?:src|href)\s*=\s*"(?!data:|#)([^"]*)"', page)) == {"report.html"}
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "") and "url(" not in page
    assert "a &lt;run&gt;" in page and "<geometry>" not in page
    assert data["regions"][0]["summary"] == "A: more than <geometry>."
    assert written(tmp_path, *inputs, title="a <run>", report="report.html")[0] == page


def test_numbers_are_those_of_the_tables(inputs, tmp_path):
    tables, graphs = inputs
    region = written(tmp_path, tables, graphs)[1]["regions"][0]
    profiles = (
        tables["x/motifs/s/profiles.csv"].query("region == 'A' and null == 'degree'").set_index("triad")
    )
    null = next(null for null in region["nulls"] if null["null"] == "degree")
    for k, column in enumerate(("z", "z_low", "z_high")):
        wanted = profiles[column].reindex(list(EDGES)).to_numpy()
        shown = np.array([np.nan if v is None else v for v in null["z"][k]])
        np.testing.assert_allclose(shown, wanted, rtol=1e-3)
    assert null["z"][0][-1] is None and null["enrichment"][0][-1] is not None
    ids, probability = graphs["s", "A"]
    assert region["neurons"]["ids"] == ids
    dense = np.zeros((12, 12))
    edges = {name: numbers(region["graph"][name], "<u2") for name in ("pre", "post", "p")}
    dense[edges["pre"], edges["post"]] = edges["p"] / PROBABILITY_STEPS
    np.testing.assert_allclose(dense, probability.toarray(), atol=1 / PROBABILITY_STEPS)
    cells = tables["x/morphology/s/neurons.csv"].query("region == 'A'")
    somas = numbers(region["neurons"]["soma"], "<i2").reshape(-1, 3)
    np.testing.assert_allclose(somas, cells[["soma_ap_um", "soma_dv_um", "soma_ml_um"]], atol=0.51)
    assert region["neurons"]["words"][0] == ["b1", "left", "3.00 mm", "0.90 mm", "A 67 %, B 33 %", ""]
    part = tables["x/motifs/s/regions/A.neurons.csv"][list(EDGES)]
    ratio = numbers(region["neurons"]["ratio"], "<f4").reshape(-1, 13)
    np.testing.assert_allclose(ratio[:, :-1], (part / part.mean()).to_numpy()[:, :-1], rtol=1e-5)
    assert np.isnan(ratio[:, -1]).all()  # no neuron is in a 300
    assert dict(region["facts"])["density"] == "0.123" and dict(region["facts"])["reciprocity"] == "0.456"


def test_arbors_are_those_of_the_sketch(inputs, tmp_path):
    tables, graphs = inputs
    region = written(tmp_path, tables, graphs)[1]["regions"][1]
    sketch = tables["x/connectome/s/sketches/B.csv"]
    points = numbers(region["sketch"]["points"], "<i2").reshape(-1, 3)
    parents = numbers(region["sketch"]["parents"], "<i2")
    assert region["drawn"] == 12 and len(points) == len(sketch) == len(parents)
    start = 0
    for j, (neuron, n) in enumerate(region["sketch"]["counts"]):
        name, kind = region["neurons"]["ids"][neuron], ("axon", "dendrite")[j % 2]
        own = sketch[(sketch["neuron"] == name) & (sketch["kind"] == kind)]
        assert points[start : start + n].tolist() == own[["ap_um", "dv_um", "ml_um"]].to_numpy().tolist()
        assert parents[start : start + n].tolist() == own["parent"].tolist()
        start += n


def test_what_a_source_does_not_have_is_said(inputs, tmp_path):
    page, data = written(tmp_path, *inputs)
    _, _, worm, published, _ = data["regions"]
    assert set(worm["missing"]) == {"brain"} and "no places" in worm["missing"]["brain"]
    assert worm["graph"]["n"] > 0 and worm["neurons"]["soma"] is None and worm["neurons"]["ratio"]
    assert set(published["missing"]) == {"profile", "brain", "graph"} and published["graph"] is None
    assert published["frequency"] == [0.07692] * 13
    assert [region["simulated"] for region in data["regions"]] == [True, False, False, False, False]
    assert 'id="simulated"' in page and "neurons of s are" in page


def test_a_region_of_two_neurons_and_a_run_without_any(inputs, tmp_path):
    tables, graphs = inputs
    for name in ("profiles", "verdicts", "priors"):
        table = tables[f"x/motifs/s/{name}.csv"]
        tables[f"x/motifs/s/{name}.csv"] = table[table["region"] != "A"]
    tables["x/motifs/s/regions/A.neurons.csv"] = tables["x/motifs/s/regions/A.neurons.csv"].iloc[:0]
    region = written(tmp_path, tables, graphs)[1]["regions"][0]
    assert region["nulls"] == [] and "three neurons" in region["missing"]["profile"]
    assert region["neurons"]["ratio"] is None and region["neurons"]["soma"]
    page, data = written(tmp_path, {}, {}, {})
    assert data is None and "Not available, because this run has no region" in page


def test_neurons_without_arbors_or_numbers_stay(inputs, tmp_path):
    tables, graphs = inputs
    del tables["x/connectome/s/sketches/A.csv"], tables["x/morphology/s/outlines.csv"]
    cells = tables["x/morphology/s/neurons.csv"]
    tables["x/morphology/s/neurons.csv"] = cells.assign(axon_length_um=np.nan, brain=np.nan)
    page, data = written(tmp_path, tables, graphs)
    region = data["regions"][0]
    assert region["sketch"] is None and "no neuron" in region["missing"]["brain"]
    assert region["neurons"]["words"][0] == ["", "left", "not available", "0.90 mm", "", ""]
    assert data["sources"][0]["outlines"] == [] and "NaN" not in page.split("<script>")[0]
    with pytest.raises(InputError, match="z_low"):
        profiles = tables["x/motifs/s/profiles.csv"].drop(columns="z_low")
        written(tmp_path, tables | {"x/motifs/s/profiles.csv": profiles}, graphs)


def test_fifty_regions_and_large_ones_stay_below_ten_megabytes(tmp_path, monkeypatch):
    tables, graphs = explorer_inputs(regions=("A",), n=101, n_published=50)
    names = [f"R{k}" for k in range(50)]
    for path in [path for path in tables if "/s/" in path or "/s." in path]:
        table = tables[path]
        if path.endswith("outlines.csv"):
            continue
        tables[path] = pd.concat(
            [table.assign(region=name) if "region" in table else table for name in names], ignore_index=True
        )
    ids, _ = graphs.pop(("s", "A"))
    full = np.random.default_rng(2).random((101, 101))
    graphs |= {("s", name): (ids, full) for name in names}
    page, data = written(tmp_path, tables, graphs)
    assert sum(region["source"] == "s" for region in data["regions"]) == 50
    assert 1e6 < len(page.encode()) < 10e6
    region = data["regions"][0]
    assert region["graph"]["n"] == 101**2 and len(numbers(region["graph"]["p"], "<u2")) == 200_000 // 51
    assert 0.3 < region["graph"]["share"] < 0.8
    monkeypatch.setattr(explorer, "MOST_NEURONS", 500)
    monkeypatch.setattr(explorer, "MOST_POINTS", 20_000)
    region = written(tmp_path, tables, graphs)[1]["regions"][0]
    assert region["n"] == 101 and len(region["neurons"]["ids"]) == 500 // 51 and 0 < region["drawn"] <= 9
    held = [ids.index(name) for name in region["neurons"]["ids"]]
    edges = {name: numbers(region["graph"][name], "<u2") for name in ("pre", "post", "p")}
    wanted = full[np.ix_(held, held)][edges["pre"], edges["post"]]
    np.testing.assert_allclose(edges["p"] / PROBABILITY_STEPS, wanted, atol=1 / PROBABILITY_STEPS)


# Sketches


@pytest.fixture
def sketch():
    tree = arbors(["a", "b", "c"], "A", np.random.default_rng(3), n_voxels=400, without_dendrite=[1])
    return tree, lambda n: sketch_of_region(tree, source="s", region="A", simulated=True, n_rows=n)


def test_a_sketch_keeps_the_length_and_is_a_tree_from_the_soma(sketch):
    tree, of = sketch
    table = of(300)
    assert set(zip(table["neuron"], table["kind"], strict=True)) == {
        (name, kind) for name in "abc" for kind in ("axon", "dendrite")
    } - {("b", "dendrite")}
    for (name, kind), rows in table.groupby(["neuron", "kind"]):
        k = "abc".index(name)
        whole = getattr(tree, kind)[[k]].sum()
        assert rows["length_um"].sum() == pytest.approx(whole, rel=0.01)
        assert rows.iloc[0][["node", "parent"]].tolist() == [0, -1]
        assert rows.iloc[0][["ap_um", "dv_um", "ml_um"]].tolist() == np.round(tree.soma_um[k]).tolist()
        parents = dict(zip(rows["node"], rows["parent"], strict=True))
        assert list(parents) == list(range(len(rows))) and sum(v == -1 for v in parents.values()) == 1
        for node in parents:
            steps = 0
            while node != 0:
                node, steps = parents[node], steps + 1
                assert steps <= len(rows)
        cells = np.stack(np.unravel_index(getattr(tree, kind)[[k]].indices, tree.shape), axis=1)
        middles = (cells + 0.5) * 25
        points = rows[["ap_um", "dv_um", "ml_um"]].to_numpy()[1:]
        assert (points >= middles.min(axis=0) - 1).all() and (points <= middles.max(axis=0) + 1).all()


def test_a_sketch_is_as_small_as_asked(sketch):
    tree, of = sketch
    sizes = [len(of(n)) for n in (60, 300, 1000)]
    assert sizes[0] <= 60 + 6 * 6 and sizes == sorted(sizes) and sizes[-1] <= 1000 and sizes[0] < sizes[-1]
    assert of(300).equals(of(300))
    none = sketch_of_region(tree.take([]), source="s", region="A")
    assert not len(none) and list(none.columns) == list(of(60).columns)


def test_points_join_to_the_nearest():
    from digimus.connectome.sketches import _shortest_tree

    line = np.array([[0, 0, 0], [30, 0, 0], [10, 0, 0], [20, 0, 0], [20, 5, 0], [0, 0, 0]], float)
    assert _shortest_tree(line).tolist()[:5] == [-1, 3, 0, 2, 3] or _shortest_tree(line).tolist()[2] == 5
    assert _shortest_tree(line[:5]).tolist() == [-1, 3, 0, 2, 3]
