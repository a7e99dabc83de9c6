"""Priors and their controls, published tables, graphs of other origin, and how alike profiles are."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import entropy

from digimus import InputError
from digimus.configuration import checked
from digimus.motifs import (
    MOTIFS,
    read_priors,
    read_user_graph,
    region_profile,
    triad_census,
    write_priors,
)
from digimus.motifs.priors import PRIORS, build_prior, prior_table, published_priors, published_table
from digimus.motifs.profiles import correct_profiles
from digimus.motifs.similarity import (
    CLUSTERS,
    COMPARISON,
    LINKAGE,
    SIMILARITY,
    cluster_tables,
    comparison_table,
    cosine,
    similarity_table,
)
from digimus.motifs.triads import IS_MOTIF, TRIADS
from random_graphs import random_graph, random_probabilities

ALIKE = {"D": "U", "U": "D"}
TURNED = [TRIADS.index(name[:-1] + ALIKE.get(name[-1], name[-1])) for name in TRIADS]
POSITION = {name: k for k, name in enumerate(MOTIFS)}


def made(name, priors, *, seed=1, **settings):
    return build_prior(name, {"source": "here", **settings}, priors, seed)


def table_of(rng, region="R1", n=40, **changes):
    p = random_probabilities(rng, n) * 0.3
    profile = region_profile(p, rng.random((n, 3)), n_draws=1, n_null=5, n_bootstrap=20, rng=rng).table
    settings = dict(
        source="here",
        region=region,
        simulated=True,
        n_neurons=n,
        min_neurons=30,
        density=0.1,
        reciprocity=0.2,
    )
    return prior_table(profile, **{**settings, **changes})


def test_priors_survive_being_written_and_read(tmp_path):
    rng = np.random.default_rng(34)
    table = pd.concat([table_of(rng, "R1"), table_of(rng, "NA", simulated=False)], ignore_index=True)
    write_priors(tmp_path / "priors.csv", table)
    priors = read_priors(tmp_path / "priors.csv")
    assert list(priors) == ["R1", "NA"]
    first = priors["R1"]
    own = table[table["region"] == "R1"]
    for name in ("enrichment", "weight", "frequency", "degree_enrichment", "degree_frequency"):
        np.testing.assert_array_equal(getattr(first, name), own[name])
    assert first.frequency.sum() == pytest.approx(1)
    assert (first.reciprocity, first.density, first.n_neurons) == (0.2, 0.1, 40)
    assert first.simulated and not priors["NA"].simulated
    shuffled = table.sample(frac=1, random_state=1)
    write_priors(tmp_path / "shuffled.csv", shuffled)
    np.testing.assert_array_equal(read_priors(tmp_path / "shuffled.csv")["R1"].weight, first.weight)


def test_classes_that_are_too_rare_to_be_seen_have_no_weight():
    rng = np.random.default_rng(35)
    p = random_probabilities(rng, 40) * 0.02
    profile = region_profile(p, rng.random((40, 3)), n_draws=1, n_null=5, n_bootstrap=20, rng=rng).table
    table = prior_table(
        profile,
        source="s",
        region="r",
        simulated=True,
        n_neurons=40,
        min_neurons=1,
        density=0.1,
        reciprocity=0.1,
    )
    profile = profile[profile["null"] == "dyad"]
    rare = np.maximum(profile["expected_count"], profile["dyad_null_mean"]).to_numpy() < 1
    assert rare.any() and not rare.all()
    assert np.all(table["weight"][rare] == 0) and np.all(table["weight"][~rare] > 0)


@pytest.fixture
def priors(tmp_path):
    rng = np.random.default_rng(36)
    table = pd.concat([table_of(rng, "large"), table_of(rng, "small", n_neurons=12)], ignore_index=True)
    write_priors(tmp_path / "priors.csv", table)
    return read_priors(tmp_path / "priors.csv")


def test_a_region_of_too_few_neurons_is_refused(priors):
    with pytest.raises(InputError, match="too few neurons") as raised:
        made("mine", priors, kind="region", region="small")
    assert "12 neurons" in str(raised.value) and "30" in str(raised.value)


def test_a_region_that_is_not_there_is_refused(priors):
    with pytest.raises(InputError, match="large"):
        made("mine", priors, kind="region", region="larg")


def test_controls_keep_only_what_they_claim(priors):
    region = made("mine", priors, kind="region", region="large")
    assert (region.name, region.kind, region.region) == ("mine", "region", "large")
    reciprocity = made("control", priors, kind="reciprocity", region="large")
    assert reciprocity.kind == "reciprocity" and reciprocity.reciprocity == region.reciprocity
    assert not reciprocity.weight.any() and np.isnan(reciprocity.frequency).all()
    random = made("control", priors, kind="erdos-renyi", region="large")
    assert not random.enrichment.any() and random.reciprocity == random.density
    rng = np.random.default_rng(37)
    sampled = [triad_census(random_graph(rng, 40, region.density))[IS_MOTIF] for _ in range(300)]
    mean = np.mean(sampled, axis=0)
    np.testing.assert_allclose(random.frequency, mean / mean.sum(), atol=0.005)
    assert random.frequency.sum() == pytest.approx(1)


def published_class_names():
    """The names of M01..M13 that science settled on by counting random graphs."""
    return "021D 021U 021C 030T 111U 111D 120U 120D 201 030C 120C 210 300".split()


def synthetic_table(path):
    columns = {f"M{k:02d}_motif_count": [1000 + k, k] for k in range(1, 14)}
    pd.DataFrame({"region": ["CP", "NA"], "node": [300, 70], "sparsity": [0.01, 0.02], **columns}).to_csv(
        path, index=False
    )


def test_the_published_table_is_mapped_class_by_class(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    table = published_priors(tmp_path / "table.csv", source="paper")
    write_priors(tmp_path / "priors.csv", table)
    prior = read_priors(tmp_path / "priors.csv")["CP"]
    counts = {name: 1001 + k for k, name in enumerate(published_class_names())}
    for name in MOTIFS:
        assert prior.frequency[POSITION[name]] == pytest.approx(counts[name] / sum(counts.values()))
    assert np.isnan(prior.reciprocity) and np.isnan(prior.enrichment).all() and not prior.weight.any()
    assert (prior.density, prior.n_neurons, prior.kind) == (0.01, 300, "table")


def test_postsynaptic_rows_exchange_down_and_up(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    one = published_priors(tmp_path / "table.csv", source="paper")
    other = published_priors(tmp_path / "table.csv", source="paper", rows="postsynaptic")
    motifs_turned = [TURNED[k] - 3 for k in range(3, 16)]
    for region in ("CP", "NA"):
        values = one[one["region"] == region]["expected_count"].to_numpy()
        turned = other[other["region"] == region]["expected_count"].to_numpy()
        np.testing.assert_array_equal(turned, values[motifs_turned])


def test_controls_of_a_published_table_say_that_they_are_controls(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    write_priors(tmp_path / "priors.csv", published_priors(tmp_path / "table.csv", source="paper"))
    published = read_priors(tmp_path / "priors.csv")
    assert made("p", published, kind="region", region="CP").kind == "table"
    control = made("p", published, kind="erdos-renyi", region="CP")
    assert control.kind == "erdos-renyi"
    assert np.abs(control.frequency - published["CP"].frequency).max() > 0.01
    assert np.isnan(made("p", published, kind="reciprocity", region="CP").frequency).all()


def test_a_published_table_without_a_class_is_refused(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    pd.read_csv(tmp_path / "table.csv").drop(columns="M07_motif_count").to_csv(tmp_path / "short.csv")
    with pytest.raises(InputError, match="M07_motif_count"):
        published_priors(tmp_path / "short.csv", source="paper")


@pytest.mark.real_data
def test_the_real_published_table_is_read_whole(real_data):
    path = next((real_data / "motif_priors").glob("*motif_counts*.csv"))
    raw = pd.read_csv(path, dtype={"region": str}, keep_default_na=False).set_index("region")
    table = published_priors(path, source="paper")
    assert table["region"].nunique() == 50 and len(table) == 50 * 13
    shares = table.groupby("region")["frequency"].sum()
    np.testing.assert_allclose(shares, 1)
    vis = table[table["region"] == "VISp"].set_index("triad")["expected_count"]
    for number, name in enumerate(published_class_names(), start=1):
        assert vis[name] == raw.loc["VISp", f"M{number:02d}_motif_count"]


def test_a_prior_can_be_changed_only_by_making_another(priors):
    with pytest.raises(AttributeError):
        priors["large"].density = 0.5
    assert replace(priors["large"], density=0.5).density == 0.5


# More controls


@pytest.fixture(scope="module")
def five(tmp_path_factory):
    """Four regions of enough neurons and a small one."""
    rng = np.random.default_rng(50)
    tables = [table_of(rng, name, density=0.1 + 0.01 * k) for k, name in enumerate("ABCD")]
    tables.append(table_of(rng, "small", n_neurons=12))
    path = tmp_path_factory.mktemp("priors") / "priors.csv"
    write_priors(path, pd.concat(tables, ignore_index=True))
    return read_priors(path)


def test_every_kind_is_made_and_named(five):
    for kind in PRIORS:
        settings = {"regions": ["A", "B"]} if kind == "mean" else {"region": "A"}
        prior = made("mine", five, kind=kind, **settings)
        assert (prior.name, prior.kind, prior.source) == ("mine", kind, "here")
        for values in (prior.enrichment, prior.weight, prior.frequency):
            assert values.shape == (13,)


def test_a_mean_counts_every_region_the_same(five):
    prior = made("mine", five, kind="mean", regions=["A", "C", "D"])
    parts = [five[region] for region in "ACD"]
    np.testing.assert_allclose(prior.enrichment, np.mean([part.enrichment for part in parts], axis=0))
    np.testing.assert_allclose(prior.frequency, np.mean([part.frequency for part in parts], axis=0))
    assert prior.frequency.sum() == pytest.approx(1)
    known = np.all([part.weight > 0 for part in parts], axis=0)
    variance = np.sum([1 / part.weight[known] for part in parts], axis=0) / 9
    np.testing.assert_allclose(prior.weight[known], 1 / variance)
    assert not prior.weight[~known].any()
    assert prior.density == pytest.approx(0.11 + 0.01 * (0 + 2 + 3) / 3 - 0.01)
    assert prior.region == "A+C+D" and prior.settings == {"regions": ["A", "C", "D"]}


@pytest.mark.parametrize("kind", [kind for kind in PRIORS if kind != "mean"])
def test_no_kind_takes_a_small_region(five, kind):
    with pytest.raises(InputError, match="too few neurons"):
        made("mine", five, kind=kind, region="small")


def test_a_mean_with_a_small_or_unknown_region_is_refused(five):
    with pytest.raises(InputError, match="too few neurons"):
        made("mine", five, kind="mean", regions=["A", "small"])
    with pytest.raises(InputError, match="does not have") as raised:
        made("mine", five, kind="mean", regions=["A", "Z"])
    assert "priors.mine.regions" in raised.value.where


def test_shuffled_regions_are_a_circle_of_the_usable_ones_that_depends_on_the_seed(five):
    orders = set()
    for seed in range(12):
        stands_in = {region: made("s", five, seed=seed, kind="shuffled", region=region) for region in "ABCD"}
        names = {region: prior.region for region, prior in stands_in.items()}
        assert sorted(names.values()) == list("ABCD") and all(a != b for a, b in names.items())
        assert all(stands_in[a].settings == {"instead_of": a} for a in names)
        assert all(np.array_equal(stands_in[a].enrichment, five[b].enrichment) for a, b in names.items())
        orders.add(tuple(names.values()))
    assert len(orders) > 1
    again = made("s", five, seed=3, kind="shuffled", region="A")
    assert again.region == made("other", five, seed=3, kind="shuffled", region="A").region


def test_a_lone_region_has_none_to_be_shuffled_with(five):
    with pytest.raises(InputError, match="another region"):
        made("s", {"A": five["A"], "small": five["small"]}, kind="shuffled", region="A")


def test_a_random_prior_has_the_entropy_and_sizes_of_the_region_and_no_class_its_own(five):
    own = five["A"]
    drawn = [made("r", five, seed=seed, kind="random", region="A") for seed in range(5)]
    for prior in drawn:
        assert entropy(prior.frequency) == pytest.approx(entropy(own.frequency))
        np.testing.assert_allclose(np.sort(prior.frequency), np.sort(own.frequency))
        assert not np.any(prior.frequency == own.frequency)
        assert (prior.weight * prior.enrichment**2).sum() == pytest.approx(
            (own.weight * own.enrichment**2).sum()
        )
        weighted = own.weight > 0
        np.testing.assert_array_equal(prior.weight > 0, weighted)
        assert not np.any(prior.enrichment[weighted] == own.enrichment[weighted])
    assert np.any(drawn[0].frequency != drawn[1].frequency)
    np.testing.assert_array_equal(
        drawn[0].frequency, made("else", five, seed=0, kind="random", region="A").frequency
    )


def test_a_degree_prior_is_what_the_degree_null_expects():
    rng = np.random.default_rng(51)
    heavy = rng.gamma(1.0, 1.0, 50)
    p = np.clip(0.12 * np.outer(heavy, heavy), 0, 1)
    np.fill_diagonal(p, 0)
    profile = region_profile(p, rng.random((50, 3)), n_draws=20, n_null=20, n_bootstrap=20, rng=rng).table
    table = prior_table(
        profile,
        source="s",
        region="R",
        simulated=True,
        n_neurons=50,
        min_neurons=1,
        density=0.1,
        reciprocity=0.1,
    )
    own = profile[profile["null"] == "degree"]
    np.testing.assert_array_equal(table["degree_enrichment"], own["null_enrichment"])
    assert not profile.loc[profile["null"] == "dyad", "null_enrichment"].any()
    assert table["degree_frequency"].sum() == pytest.approx(1)
    # Here edges depend on degrees alone, so that the degree null has the region's own enrichment.
    table = table[table["expected_count"] > 50]
    assert len(table) > 6 and np.abs(table["enrichment"]).max() > 0.5
    np.testing.assert_allclose(table["degree_enrichment"], table["enrichment"], atol=0.25)


def test_a_table_has_no_degrees(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    write_priors(tmp_path / "priors.csv", published_priors(tmp_path / "table.csv", source="paper"))
    published = read_priors(tmp_path / "priors.csv")
    with pytest.raises(InputError, match="degrees"):
        made("d", published, kind="degree", region="CP")
    assert made("s", published, kind="shuffled", region="CP").region == "NA"


# The configuration of priors and graphs


@pytest.fixture(scope="module")
def shipped(root):
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text())
    return yaml.safe_load((root / "config/config.yaml").read_text()), schema


def configured(shipped, *, graphs=None, tables=None, **prior):
    default, schema = shipped
    own = {**default["priors"], "mine": prior} if prior else default["priors"]
    motifs = {**default["motifs"], "graphs": graphs or {}, "tables": tables or {}}
    return checked({**default, "priors": own, "motifs": motifs}, schema)


def test_priors_of_every_kind_can_be_configured(shipped):
    worm = {"worm": {"path": "edges.csv", "weight_column": "n", "min_weight": 2}}
    for kind in PRIORS:
        regions = ["SIM-cyclic", "SIM-hubs"]
        own = {"regions": regions} if kind == "mean" else {"region": regions[0]}
        assert configured(shipped, kind=kind, source="simulated", **own)["priors"]["mine"]["kind"] == kind
    assert configured(shipped, graphs=worm, kind="region", source="worm", region="worm")
    assert configured(shipped, graphs=worm, kind="degree", source="worm", region="worm")


@pytest.mark.parametrize(
    ("prior", "where"),
    [
        (dict(kind="mean", source="simulated", region="SIM-hubs"), "priors.mine.regions"),
        (dict(kind="mean", source="simulated", regions=["SIM-hubs"]), "priors.mine.regions"),
        (dict(kind="mean", source="simulated", regions=["SIM-hubs", "SIM-hub"]), "priors.mine.regions"),
        (dict(kind="random", source="simulated"), "priors.mine.region"),
        (dict(kind="random", source="simulated", regions=["SIM-hubs", "SIM-cyclic"]), "priors.mine.region"),
        (dict(kind="region", source="worm", region="fly"), "priors.mine.region"),
        (dict(kind="shuffled", source="worm", region="worm"), "priors.mine.source"),
        (dict(kind="degree", source="paper", region="CP"), "priors.mine.source"),
        (dict(kind="region", source="fly", region="fly"), "priors.mine.source"),
    ],
)
def test_a_prior_that_cannot_be_made_stops_before_any_job(shipped, prior, where):
    others = dict(graphs={"worm": {"path": "edges.csv"}}, tables={"paper": {"path": "table.csv"}})
    with pytest.raises(InputError) as raised:
        configured(shipped, **others, **prior)
    assert raised.value.where == where


def test_a_graph_may_not_have_the_name_of_a_source_or_table(shipped):
    for graphs, tables in (({"simulated": {"path": "a"}}, {}), ({"t": {"path": "a"}}, {"t": {"path": "b"}})):
        with pytest.raises(InputError, match="one name"):
            configured(shipped, graphs=graphs, tables=tables)


# Graphs of other origin


EDGES = (("a", "b"), ("b", "c"), ("c", "a"), ("a", "c"))


def as_text(separator, header=None, weights=None):
    lines = [] if header is None else [separator.join(header)]
    for k, edge in enumerate(EDGES):
        lines.append(separator.join([*edge, *([str(weights[k])] if weights else [])]))
    return "\n".join(lines) + "\n"


def assert_is_the_small_graph(read):
    nodes, graph = read
    assert list(nodes) == ["a", "b", "c"]
    found = {(nodes[i], nodes[j]) for i, j in zip(*graph.nonzero(), strict=True)}
    assert found == set(EDGES) and graph.dtype == np.uint8 and set(graph.data) == {1}


@pytest.mark.parametrize(
    "text",
    [
        as_text(","),
        as_text("\t"),
        as_text(" "),
        as_text("  "),
        as_text(";"),
        as_text(", "),
        as_text(",", ("source", "target")),
        as_text("\t", ("Pre", "Post")),
        as_text(" ", ("from", "to")),
        "# made by hand\n% and another\n\n" + as_text(","),
        as_text(",").replace("\n", "\r\n"),
        "\ufeff" + as_text(",", ("pre", "post")),
        as_text(",") + "a,a\n" + "a,b\n",
        as_text(" ", weights=[1, 2, 3, 4]),
    ],
)
def test_edge_lists_of_many_forms_are_one_graph(tmp_path, text):
    (tmp_path / "edges.txt").write_text(text, encoding="utf-8", newline="")
    assert_is_the_small_graph(read_user_graph(tmp_path / "edges.txt"))


def test_quoted_cells_may_hold_the_separator_and_marks(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text('"a, 1","b"\n"b","c ""two"""\n')
    nodes, graph = read_user_graph(path)
    assert list(nodes) == ["a, 1", "b", 'c "two"'] and graph.nnz == 2


def test_columns_and_weights_of_an_edge_list(tmp_path):
    path = tmp_path / "edges.csv"
    path.write_text("kind,to,from,n\nx,b,a,1\nx,c,b,5\nx,b,a,2\nx,a,c,0\nx,b,c,2.5\n")
    nodes, graph = read_user_graph(path, pre_column="from", post_column="to", weight_column="n", min_weight=3)
    assert list(nodes) == ["a", "b", "c"]
    # The two lines of a -> b have 3 together.
    np.testing.assert_array_equal(graph.toarray(), [[0, 1, 0], [0, 0, 1], [0, 0, 0]])
    _, above_zero = read_user_graph(path, pre_column="from", post_column="to", weight_column="n")
    np.testing.assert_array_equal(above_zero.toarray(), [[0, 1, 0], [0, 0, 1], [0, 1, 0]])


@pytest.mark.parametrize(
    ("text", "settings", "expected"),
    [
        ("", {}, "no edges"),
        ("# nothing\n", {}, "no edges"),
        ("a,a\n", {}, "no edges"),
        ("a,b\nc\n", {}, "line 2"),
        ("a,b\nc,\n", {}, "line 2"),
        ('a,"b\nc,d\ne,f\n', {}, "line 1"),
        ('a,b\nc,"d\ne,"f\n', {}, "line 2"),
        ('a,b\nc,"d"e\n', {}, "quotation mark"),
        ("pre,post\na,b\n", {"pre_column": "source"}, "lacks the column 'source'"),
        ("pre,post,n\na,b,many\n", {"weight_column": "n"}, "not a number"),
        ("pre,post,n\na,b,nan\n", {"weight_column": "n"}, "no number"),
        ("pre,post,n\na,b,inf\n", {"weight_column": "n"}, "no number"),
        ("pre,post,n\na,b\n", {"weight_column": "n"}, "line 2"),
        ("pre,post,n\na,b,2\n", {"weight_column": "n", "min_weight": 3}, "no edges"),
        ("a,b\n", {"min_weight": 3}, "smallest weight"),
        ("a,b\n", {"format": "graphml"}, "GraphML"),
        (b"\xff\xfe\x00a,b", {}, "not text"),
        (None, {}, "missing"),
    ],
)
def test_what_is_no_edge_list_is_refused(tmp_path, text, settings, expected):
    path = tmp_path / "edges.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=expected):
        read_user_graph(path, **settings)


def test_graphml_as_networkx_writes_it(tmp_path):
    graph = nx.DiGraph()
    graph.add_nodes_from(["a", "b", "c", "alone"])
    graph.add_weighted_edges_from([("a", "b", 2.0), ("b", "c", 0.5), ("c", "a", 0.0), ("a", "a", 4.0)])
    nx.write_graphml(graph, tmp_path / "g.graphml")
    nodes, every = read_user_graph(tmp_path / "g.graphml")
    assert list(nodes) == ["a", "b", "c", "alone"]
    np.testing.assert_array_equal(every.toarray()[:3, :3], [[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    assert not every.toarray()[3].any() and every.shape == (4, 4)
    _, strong = read_user_graph(tmp_path / "g.graphml", weight_column="weight", min_weight=1)
    assert strong.nnz == 1
    with pytest.raises(InputError, match="attribute 'count'"):
        read_user_graph(tmp_path / "g.graphml", weight_column="count")


def test_a_random_graph_survives_graphml_and_edge_list_with_its_census(tmp_path):
    adjacency = random_graph(np.random.default_rng(52), 30, 0.15)
    graph = nx.from_numpy_array(adjacency, create_using=nx.DiGraph)
    nx.write_graphml(graph, tmp_path / "g.xml")
    nx.write_edgelist(graph, tmp_path / "g.edges", data=False)
    for name in ("g.xml", "g.edges"):
        np.testing.assert_array_equal(
            triad_census(read_user_graph(tmp_path / name)[1]), triad_census(adjacency)
        )


GRAPHML = '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">{}</graphml>'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<graphml", "well-formed"),
        ("a,b", "well-formed"),
        (GRAPHML.format(""), "one graph"),
        (GRAPHML.format('<graph edgedefault="directed"/><graph edgedefault="directed"/>'), "one graph"),
        (GRAPHML.format('<graph edgedefault="undirected"><node id="a"/><node id="b"/>'
                        '<edge source="a" target="b"/></graph>'), "without direction"),
        (GRAPHML.format('<graph edgedefault="directed"><node id="a"/><edge source="a" target="b"/></graph>'),
         "node that is not there"),
        (GRAPHML.format('<graph edgedefault="directed"><node id="a"/></graph>'), "no edges"),
    ],
)  # fmt: skip
def test_what_is_no_directed_graphml_is_refused(tmp_path, text, expected):
    (tmp_path / "g.graphml").write_text(text)
    with pytest.raises(InputError, match=expected):
        read_user_graph(tmp_path / "g.graphml")


@pytest.mark.real_data
def test_the_worm_is_read_whole_and_is_more_than_its_degrees(real_data):
    nodes, graph = read_user_graph(real_data / "connectome/celegans_chemical_edges.csv")
    assert len(nodes) == 298 and graph.nnz == 4037
    rng = np.random.default_rng(53)
    made = region_profile(graph, None, n_draws=1, n_null=20, n_bootstrap=10, rng=rng)
    assert (made.verdicts["p_profile"] == 1 / 21).all()
    z = made.table[made.table["null"] == "degree"].set_index("triad")["z"]
    assert z["030T"] > 5 and z["030C"] < -2


# Similarity


def profiles_of(rng, regions, *, like=None):
    tables = []
    for region in regions:
        p = random_probabilities(rng, 20) * 0.4
        profile = region_profile(p, rng.random((20, 3)), n_draws=1, n_null=8, n_bootstrap=5, rng=rng).table
        tables.append(profile.assign(source="here", region=region, simulated=True))
    return correct_profiles(pd.concat(tables))


def test_similarity_is_the_cosine_of_every_pair_by_every_measure():
    profiles = profiles_of(np.random.default_rng(54), "ABC")
    table = similarity_table(profiles)
    assert tuple(table) == SIMILARITY and len(table) == 6 * 9
    alone = table[table["region_a"] == table["region_b"]]
    np.testing.assert_allclose(alone["cosine"], 1)
    wide = table[table["measure"] == "enrichment"].pivot(
        index="region_a", columns="region_b", values="cosine"
    )
    np.testing.assert_allclose(wide, wide.T)
    a, b = (
        profiles[(profiles["null"] == "dyad") & (profiles["region"] == region)]["enrichment"]
        for region in "AB"
    )
    expected = (a.to_numpy() * b.to_numpy()).sum() / np.linalg.norm(a) / np.linalg.norm(b)
    assert wide.loc["A", "B"] == pytest.approx(expected)


def test_a_cosine_leaves_unknown_classes_out():
    assert cosine(np.array([1.0, np.nan, 2.0]), np.array([2.0, 5.0, 4.0])) == pytest.approx(1)
    assert np.isnan(cosine(np.zeros(3), np.ones(3)))


def similarity_of(cosines, regions):
    rows = [
        ("here", True, a, b, "sp_distance-mutual", cosines[i, j])
        for i, a in enumerate(regions)
        for j, b in enumerate(regions)
    ]
    return pd.DataFrame(rows, columns=SIMILARITY)


def test_clusters_are_those_that_were_planted_and_lie_together():
    rng = np.random.default_rng(55)
    centres = rng.normal(size=(3, 13))
    kinds = np.array([0, 1, 2, 0, 1, 2, 0, 0])
    vectors = centres[kinds] + 0.15 * rng.normal(size=(8, 13))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    regions = [f"R{k}" for k in range(8)]
    clusters, tree = cluster_tables(similarity_of(vectors @ vectors.T, regions))
    assert tuple(clusters) == CLUSTERS and tuple(tree) == LINKAGE
    assert sorted(clusters["order"]) == list(range(8)) and len(tree) == 7
    by_kind = clusters.assign(kind=kinds).groupby("kind")["cluster"]
    assert (by_kind.nunique() == 1).all() and clusters["cluster"].nunique() == 3
    along = clusters.sort_values("order")["cluster"]
    assert along.is_monotonic_increasing and along.iloc[0] == 1
    assert tree["height"].is_monotonic_increasing and tree["size"].iloc[-1] == 8


def test_one_region_is_a_cluster_and_no_tree():
    clusters, tree = cluster_tables(similarity_of(np.ones((1, 1)), ["A"]))
    assert clusters[["order", "cluster"]].values.tolist() == [[0, 1]]
    assert len(tree) == 0 and tuple(tree) == LINKAGE


def table_with_scores(tmp_path, rng):
    columns = [f"M{k:02d}" for k in range(1, 14)]
    counts, scores = rng.integers(1, 100, (2, 13)), rng.normal(size=(2, 13))
    shared = {"region": ["A", "elsewhere"], "node": [300, 70], "sparsity": [0.01, 0.02]}
    pd.DataFrame(
        {**shared, **dict(zip([f"{c}_motif_count" for c in columns], counts.T, strict=True))}
    ).to_csv(tmp_path / "counts.csv", index=False)
    pd.DataFrame(
        {"region": shared["region"], **dict(zip([f"{c}_NZ" for c in columns], scores.T, strict=True))}
    ).to_csv(tmp_path / "nz.csv", index=False)
    return dict(path=tmp_path / "counts.csv", nz_path=tmp_path / "nz.csv"), counts, scores


def test_our_profiles_are_compared_with_published_ones_both_ways(tmp_path):
    rng = np.random.default_rng(56)
    files, counts, scores = table_with_scores(tmp_path, rng)
    profiles = profiles_of(rng, "AB")
    table = comparison_table(profiles, **files, table="paper")
    assert tuple(table) == COMPARISON
    assert len(table) == 2 * 2 * 2 * (2 * 4 + 1)
    assert set(table.loc[table["same_region"], "region"]) == {"A"}
    row = table[(table["region"] == "A") & (table["table_region"] == "A")].set_index(["rows", "measure"])[
        "cosine"
    ]
    for null in ("dyad", "degree"):
        rows = profiles[(profiles["null"] == null) & (profiles["region"] == "A")].set_index("triad")
        ours = rows.loc[published_class_names(), "sp"].to_numpy()[:12]
        known = np.isfinite(ours)
        expected = ours[known] @ scores[0, :12][known]
        expected /= np.linalg.norm(ours[known]) * np.linalg.norm(scores[0, :12][known])
        assert row["presynaptic", f"cosine12 NZ, {null}"] == pytest.approx(expected)
        assert row["postsynaptic", f"cosine12 NZ, {null}"] != pytest.approx(expected)
    shares = profiles[(profiles["null"] == "dyad") & (profiles["region"] == "A")].set_index("triad")
    shares = shares.loc[published_class_names(), "expected_count"].to_numpy()
    expected = (np.sqrt(shares) * np.sqrt(counts[0])).sum() / np.sqrt(shares.sum() * counts[0].sum())
    assert row["presynaptic", "cosine13 shares"] == pytest.approx(expected)
    by_measure = table[table["region"] == "A"].groupby("measure")["n_classes"]
    for null in ("dyad", "degree"):
        rows = profiles[(profiles["null"] == null) & (profiles["region"] == "A")]
        known = rows.loc[rows["triad"] != "300", "sp"].notna().sum()
        assert set(by_measure.get_group(f"cosine12 NZ, {null}")) == {known}
    assert set(by_measure.get_group("cosine13 shares")) == {13}
    lacking = profiles.assign(sp=profiles["sp"].mask(profiles["triad"].isin(["021D", "021U", "300"])))
    fewer = comparison_table(lacking, **files, table="paper").set_index("measure")["n_classes"]
    was = table.set_index("measure")["n_classes"]
    assert (fewer["cosine12 NZ, dyad"] <= 10).all() and (was["cosine12 NZ, dyad"] > 10).all()
    without = comparison_table(profiles, files["path"], table="paper")
    assert set(without["measure"]) == {"cosine13 shares"}


def test_a_published_table_that_names_a_region_twice_is_refused(tmp_path):
    synthetic_table(tmp_path / "table.csv")
    table = pd.read_csv(tmp_path / "table.csv", keep_default_na=False)
    pd.concat([table, table]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(InputError, match="twice"):
        published_table(tmp_path / "twice.csv")


@pytest.mark.real_data
def test_the_published_scores_are_unit_vectors_of_the_fifty_regions(real_data):
    folder = real_data / "motif_priors"
    counts, scores = published_table(
        next(folder.glob("*motif_counts*.csv")), nz_path=folder / "fig2_region_NZ_matrix.csv"
    )
    assert list(counts) == list(scores) and len(counts) == 50
    np.testing.assert_allclose([np.linalg.norm(values) for values in scores.values()], 1, atol=1e-6)
