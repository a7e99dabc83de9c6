"""Figures of neurons, graphs and motifs: what they show, of few and of many regions and sources."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from anatomy_tables import NULLS, anatomy, assert_drawn, grid, marks, overlapping_texts, texts
from digimus.errors import InputError
from digimus.figures import draw
from digimus.figures.inputs import Inputs
from digimus.figures.style import INK, round_ticks

ANATOMY = ("neurons", "graphs", "motifs", "profiles", "sensitivity")
MANY = [f"REG{k}a" for k in range(50)]


@pytest.fixture(scope="module")
def tables():
    return anatomy()


@pytest.mark.parametrize("name", ANATOMY)
@pytest.mark.parametrize(
    "case",
    [
        lambda: anatomy(["CP", "VPM"], atlas=False, published=False),
        lambda: anatomy(MANY),
        lambda: (
            anatomy(["CP", "VPM"], "seu_allen") | anatomy(["CP", "SUB"], "mouselight") | anatomy(["VISp"])
        ),
    ],
    ids=["two regions", "fifty regions", "three sources"],
)
def test_no_text_covers_another_or_leaves_the_page(name, case):
    figure, _ = draw(name, case(), simulated_sources=["s"])
    pairs, outside = overlapping_texts(figure)
    assert not pairs and not outside
    assert figure.get_figheight() * 25.4 < 350


def test_covered_and_lost_texts_are_found(tables):
    figure, _ = draw("neurons", tables)
    axes = figure.subfigs[0].axes[0]
    axes.text(0.5, 0.5, "one", transform=axes.transAxes)
    axes.text(0.5, 0.5, "two", transform=axes.transAxes)
    axes.text(-2, 0.5, "away", transform=axes.transAxes).set_in_layout(False)
    pairs, outside = overlapping_texts(figure)
    assert ("one", "two") in pairs and outside == ["away"]


def test_tables_of_a_source_are_kept_apart(tables):
    more = Inputs(tables | {"y/motifs/t/linkage.csv": tables["x/motifs/s/linkage.csv"].head(1)})
    found = more.by_source("motifs/*/linkage.csv", ["left", "right"])
    assert {name: len(table) for name, table in found.items()} == {"s": 2, "t": 1}
    with pytest.raises(InputError, match="weight"):
        more.by_source("motifs/*/linkage.csv", ["weight"])


def test_neurons_show_outcomes_lengths_projections_and_checks(tables):
    figure, table = draw("neurons", tables)
    quality = tables["x/morphology/s/quality.csv"]
    bars = table[table["panel"] == "a"]
    here = quality[quality["region"].isin(["R1", "R2", "R3"])]
    assert bars["n_neurons"].sum() == here["n_neurons"].sum()
    out = table[table["panel"] == "d"].set_index("outcome")["n_neurons"]
    assert out["other region"] == 950 and out["set aside: no region"] == 31
    unreadable = quality.loc[quality["outcome"] == "set aside: unreadable", "n_neurons"].sum()
    assert out["set aside: unreadable"] == unreadable
    assert_drawn(figure, table.loc[table["panel"] == "e", "share"])
    assert_drawn(figure, table.loc[table["panel"] == "b", "axon_mm_median"])
    words = texts(figure)
    for sentence in ("no dendrite", "ML, DV, AP", "differs", "undecided", "950"):
        assert sentence in words
    # The first region has dendrites of length zero alone, which are none.
    assert set(table.loc[table["panel"] == "c", "region"]) == {"R2", "R3"}


def test_regions_are_listed_in_the_order_of_the_targets(tables):
    projections = tables["x/morphology/s/projections.csv"]
    backwards = projections.sort_values("target", ascending=False, kind="stable")
    figure, _ = draw("neurons", tables | {"x/morphology/s/projections.csv": backwards})
    for axes in (figure.subfigs[0].axes[0], figure.subfigs[1].axes[1]):
        assert [label.get_text() for label in axes.get_yticklabels()] == ["R3", "R2", "R1"]


def test_neurons_without_an_atlas_or_anything_left_out(tables):
    plain = {path: table for path, table in tables.items() if "projections" not in path}
    whole = grid(source=["s"], region=["R1", "R2"], outcome=["used"]).assign(n_neurons=7)
    figure, table = draw("neurons", plain | {"x/morphology/s/quality.csv": whole})
    words = texts(figure)
    assert "no source has an annotation volume" in words and "all 14 neurons are used" in words
    assert table.loc[table["panel"] == "e", "not_available"].notna().all()
    nothing = table[table["panel"] == "d"]
    assert nothing["n_neurons"].tolist() == [0] and nothing["not_available"].isna().all()


def test_neurons_of_many_regions_end_with_a_count(tables):
    regions = [f"R{k:02d}" for k in range(75)]
    quality = grid(source=["s"], region=regions, outcome=["used"]).assign(n_neurons=7)
    figure, table = draw("neurons", tables | {"x/morphology/s/quality.csv": quality})
    assert "15 further regions not drawn" in texts(figure)
    assert table.loc[table["panel"] == "a", "region"].nunique() == 75


def test_graphs_show_an_example_region_density_and_small_regions(tables):
    figure, table = draw("graphs", tables)
    assert_drawn(figure, table.loc[table["panel"] == "e", "density"])
    assert_drawn(figure, table.loc[table["panel"] == "c", "ml_mm"])
    assert_drawn(figure, table.loc[table["panel"] == "d", "mean_probability"])
    assert "R3  (n = 9 < 50)" in texts(figure)
    views = table[table["panel"].isin(["a", "b"]) & table["kind"].notna()]
    assert set(views["region"]) == {"R1"} and set(views["kind"]) == {"axon", "dendrite", "contact", "soma"}
    assert_drawn(figure, views.loc[views["kind"].isin(["axon", "dendrite"]), "dv_mm"])
    assert "potential contact, the largest 80 %" in texts(figure)
    assert {"brain", "R1"} == set(table["structure"].dropna())
    assert_drawn(figure, table["x_um"].dropna() / 1000)


def test_the_example_region_is_the_first_with_enough_neurons(tables):
    graphs = tables["x/connectome/s/graphs.csv"].assign(small=[True, False, True])
    figure, table = draw("graphs", tables | {"x/connectome/s/graphs.csv": graphs})
    assert "R2: axons of 3 example neurons" in texts(figure)
    assert set(table.loc[table["panel"] == "a", "region"].dropna()) == {"R2"}
    views = {path: table for path, table in tables.items() if "R2" not in path}
    figure, _ = draw("graphs", views | {"x/connectome/s/graphs.csv": graphs})
    assert "R1: axons of 3 example neurons" in texts(figure)


def test_neurons_far_apart_are_shown_in_a_cube_with_the_most_contacts(tables):
    path = "x/connectome/s/views/R1.csv"
    views = tables[path]
    apart = views["neuron"].map({"n1": 0.0, "n2": 3000.0, "n3": 6000.0})
    views = views.assign(ap_um=4000 + apart + 100 * np.sin(np.arange(len(views))), dv_um=4000.0, ml_um=5000.0)
    views.loc[views["kind"] == "contact", "value"] = np.where(views["neuron"] == "n2", 2.0, 1.0)[
        views["kind"] == "contact"
    ]
    figure, table = draw("graphs", tables | {path: views})
    near = table[table["panel"] == "b"]
    assert set(near["neuron"]) == {"n2"} and set(near["kind"]) == {"dendrite", "contact", "soma"}
    assert near["ap_mm"].between(6.2, 7.8).all() and "a cube of 1.6 mm" in texts(figure)
    assert set(table.loc[table["panel"] == "a", "neuron"].dropna()) == {"n1", "n2", "n3"}
    figure, table = draw("graphs", tables | {path: views.assign(ap_um=views["ap_um"] - apart)})
    assert set(table.loc[table["panel"] == "b", "neuron"]) == {"n1", "n2", "n3"}
    assert "cube" not in texts(figure)


def test_a_neuron_has_one_colour_and_the_map_of_somas_ends_with_the_brain(tables):
    figure, _ = draw("graphs", tables)
    colours = {
        tuple(colour[:3])
        for part in figure.subfigs[:2]
        for axes in part.axes
        for squares in axes.collections
        if hasattr(squares, "get_paths") and len(squares.get_facecolor()) > 3
        for colour in squares.get_facecolor()
    }
    assert len(colours - {to_rgb(INK)}) == 3
    axes = figure.subfigs[2].axes[0]
    brain = tables["x/morphology/s/outlines.csv"]
    brain = brain[(brain["structure"] == "brain") & (brain["view"] == "AP-ML")]
    figure.canvas.draw()
    for limits, column in ((axes.get_xlim(), "x_um"), (sorted(axes.get_ylim()), "y_um")):
        ends = np.array([brain[column].min(), brain[column].max()]) / 1000
        assert (np.abs(limits - ends) < 0.05 * np.ptp(ends)).all()


def test_motifs_without_a_published_region_have_no_such_panel(tables):
    whole, _ = draw("motifs", tables)
    path = "x/motifs/comparison.csv"
    elsewhere = tables[path].assign(table_region="T1", same_region=False)
    for rows in (elsewhere, elsewhere.head(0)):
        figure, table = draw("motifs", tables | {path: rows})
        assert set(table["panel"]) == {"a", "b", "c"} and "published" not in texts(figure)
        assert figure.get_figheight() < whole.get_figheight() - 20 / 25.4


def without_nulls(tables):
    """What a run without null graphs gives: the closed dyad null alone, and nothing tested."""
    profiles, verdicts = tables["x/motifs/s/profiles.csv"], tables["x/motifs/s/verdicts.csv"]
    nothing = dict.fromkeys(["z", "z_low", "z_high", "sp", "p_corrected"], np.nan)
    profiles = profiles[profiles["null"] == "dyad"].assign(**nothing)
    verdicts = verdicts[verdicts["null"] == "dyad"].assign(
        n_null=0, excess=np.nan, p_profile=np.nan, p_corrected=np.nan, differs=False,
        more_than_geometry="not tested", more_than_degree="not tested",
    )  # fmt: skip
    similarity = tables["x/motifs/s/similarity.csv"].assign(measure="frequency")
    return tables | {
        "x/motifs/s/profiles.csv": profiles,
        "x/motifs/s/verdicts.csv": verdicts,
        "x/motifs/s/similarity.csv": similarity,
        "x/motifs/s/clusters.csv": tables["x/motifs/s/clusters.csv"].head(0),
        "x/motifs/s/linkage.csv": tables["x/motifs/s/linkage.csv"].head(0),
    }


@pytest.mark.parametrize("regions", [["R1", "R2", "R3"], MANY], ids=["few", "many"])
def test_without_null_graphs_figures_say_so(regions):
    tables = without_nulls(anatomy(regions))
    for name, times in (("motifs", 1), ("profiles", min(len(regions), 8))):
        figure, table = draw(name, tables)
        words = " ".join(texts(figure).split())
        assert words.count("so nothing was tested") == times and "more than" not in words
        assert "excess over the distance null" not in words
        assert not any(overlapping_texts(figure))
        at = table["panel"].eq("a") if name == "motifs" else table["panel"].eq("b") & table["drawn"].eq(True)
        assert_drawn(figure, table.loc[at, "enrichment"])
    for header_only in ({}, {"x/motifs/s/verdicts.csv": tables["x/motifs/s/verdicts.csv"].head(0)}):
        draw("motifs", tables | header_only)
        draw("profiles", tables | header_only)


def test_the_heat_map_shows_the_strictest_null_that_was_sampled(tables):
    path = "x/motifs/s/profiles.csv"
    profiles = tables[path][tables[path]["null"].isin(["dyad", "degree"])]
    figure, table = draw("motifs", tables | {path: profiles})
    assert set(table.loc[table["panel"] == "a", "null"].dropna()) == {"degree"}
    assert "z against degrees" in texts(figure)


def test_motifs_show_z_similarity_and_verdicts(tables):
    figure, table = draw("motifs", tables)
    for panel, column in (("a", "z"), ("b", "cosine"), ("c", "excess"), ("a", "height")):
        assert_drawn(figure, table.loc[table["panel"] == panel, column])
    compared = table[table["panel"] == "d"]
    assert_drawn(figure, compared.loc[compared["drawn"].eq(True), "cosine"])
    assert compared.groupby("drawn")["measure"].nunique().to_dict() == {False: 4, True: 5}
    assert set(table.loc[table["panel"] == "b", "measure"]) == {"sp_distance-mutual"}
    assert set(table.loc[table["panel"] == "a", "null"].dropna()) == {"distance-mutual"}
    words = texts(figure)
    assert words.count("not told from geometry") == 2 and words.count("more than geometry") == 1
    assert words.count("not told from degrees") == 2 and words.count("more than degrees") == 1
    assert words.count("n/a") == 3


def test_verdicts_are_read_on_geometry_and_on_degrees(tables):
    verdicts = tables["x/motifs/s/verdicts.csv"]
    at = verdicts["region"].eq("R2")
    verdicts = verdicts.assign(
        differs=verdicts["differs"] | (at & verdicts["null"].eq("distance")),
        more_than_degree=np.where(at, "undetermined", verdicts["more_than_degree"]),
        more_than_geometry=np.where(
            verdicts["region"].eq("R3"), "not available", verdicts["more_than_geometry"]
        ),
    )
    for name in ("motifs", "profiles"):
        words = texts(draw(name, tables | {"x/motifs/s/verdicts.csv": verdicts})[0])
        assert "geometry and reciprocity" in words and "degrees: undetermined" in words
        assert "not compared with geometry" in words


def test_a_class_without_z_may_differ_all_the_same(tables):
    profiles = tables["x/motifs/s/profiles.csv"]
    at = profiles["region"].eq("R2") & profiles["triad"].isin(["300", "210"])
    sure = at & profiles["triad"].eq("300")
    profiles = profiles.assign(
        z=profiles["z"].fillna(1.0).mask(at),
        p_corrected=profiles["p_corrected"].mask(at, 0.5).mask(sure, 0.01),
    )
    figure, _ = draw("motifs", tables | {"x/motifs/s/profiles.csv": profiles})
    cells = [text.get_text() for axes in figure.subfigs[0].axes for text in axes.texts]
    assert cells.count("n/a*") == cells.count("n/a") == 1


def test_rows_of_the_heat_map_follow_the_tree(tables):
    clusters = pd.DataFrame(
        dict(region=["R1", "R2", "R3"], order=[2, 0, 1], cluster=[2, 1, 1], measure="sp_dyad")
    )
    merges = pd.DataFrame([(1, 2, 0.1, 2), (3, 0, 0.9, 3)], columns=["left", "right", "height", "size"])
    changed = {"x/motifs/s/clusters.csv": clusters, "x/motifs/s/linkage.csv": merges}
    figure, _ = draw("motifs", tables | changed)
    tree, heat = figure.subfigs[0].axes[:2]
    assert [label.get_text() for label in heat.get_yticklabels()] == ["R2", "R3", "R1"]
    merged = [line.get_xydata().tolist() for line in tree.get_lines()]
    assert merged == [
        [[0, 0], [0.1, 0], [0.1, 1], [0, 1]],
        [[0.1, 0.5], [0.9, 0.5], [0.9, 2], [0, 2]],
    ]
    z = tables["x/motifs/s/profiles.csv"]
    first = z[(z["region"] == "R2") & (z["null"] == "distance-mutual")]["z"]
    np.testing.assert_allclose(np.ma.filled(heat.images[0].get_array(), np.nan)[0], first)


def test_similarity_is_symmetric_and_between_sources_unknown(tables):
    both = anatomy(["R1", "R2"]) | anatomy(["R2", "R4"], "t", published=False)
    figure, _ = draw("motifs", both)
    cosine = np.ma.filled(figure.subfigs[0].axes[2].images[0].get_array(), np.nan)
    assert cosine.shape == (4, 4)
    assert np.isfinite(cosine[:2, :2]).all() and np.isnan(cosine[:2, 2:]).all()
    np.testing.assert_allclose(cosine, cosine.T)


def test_two_sources_may_share_the_name_of_a_region(tables):
    both = tables | {
        f"x/motifs/t/{kind}.csv": tables[f"x/motifs/s/{kind}.csv"].assign(source="t")
        for kind in ("profiles", "verdicts")
    }
    figure, table = draw("motifs", both, simulated_sources=["t"])
    assert set(table["source"].dropna()) == {"s", "t"} and "R1 (t)" in texts(figure)
    assert marks(figure) == ["SIMULATED DATA – panels a–c: neurons of source t"]


def test_profiles_show_every_null_with_intervals(tables):
    figure, table = draw("profiles", tables)
    left, right = table[table["panel"] == "a"], table[table["panel"] == "b"]
    assert len(left) == 3 * len(NULLS) * 13 and len(right) == 3 * 13
    for column in ("z", "z_low", "z_high"):
        assert_drawn(figure, left[column])
    for column in ("enrichment", "enrichment_low", "enrichment_high"):
        assert_drawn(figure, right[column])
    assert_drawn(figure, right["enrichment"] + right["enrichment_jackknife_se"])
    assert "R1 – more than geometry; more than degrees" in texts(figure)
    assert "R2 – not told from geometry; not told from degrees" in texts(figure)


def test_profiles_of_many_regions_show_the_most_deviant_and_keep_all():
    tables = anatomy(MANY)
    figure, table = draw("profiles", tables)
    verdicts = tables["x/motifs/s/verdicts.csv"]
    excess = verdicts[verdicts["null"] == "distance-mutual"].set_index("region")["excess"]
    drawn = table[table["drawn"].eq(True)]
    assert set(drawn["region"]) == set(excess.nlargest(8).index)
    assert set(table["region"]) == set(MANY) and "The 8 regions of 50" in texts(figure)


def test_sensitivity_shows_every_setting_and_marks_the_reference(tables):
    figure, table = draw("sensitivity", tables)
    assert len(table[table["panel"] == "a"]) == 3 * 8
    assert_drawn(figure, table.loc[table["panel"] == "a", "cosine_enrichment"])
    assert_drawn(figure, table.loc[table["panel"] == "c", "density"])
    assert_drawn(figure, table.loc[table["panel"] == "d", "enrichment"])
    shifts = table[table["panel"] == "b"]
    assert_drawn(figure, shifts["largest_shift_se"])
    tried = tables["x/motifs/s/sensitivity.csv"]
    counted = tried[tried["expected_count"] >= 1].groupby("region")["shift_se"].max()
    assert shifts.groupby("region")["largest_shift_se"].max().to_dict() == pytest.approx(counted.to_dict())
    assert "25 · 25 · 0.2" in texts(figure)


def test_calibrated_filling_fractions_are_one_setting(tables):
    tried = tables["x/motifs/s/sensitivity.csv"]
    tried = tried[tried["filling_fraction"] == 0.2]
    place = tried["region"].map({"R1": 1, "R2": 2, "R3": 3}) + tried["voxel_um"] / 100
    figure, _ = draw(
        "sensitivity", tables | {"x/motifs/s/sensitivity.csv": tried.assign(filling_fraction=place)}
    )
    assert "25 · 25 · calibrated" in texts(figure)
    assert figure.subfigs[0].axes[0].images[0].get_array().shape == (3, 4)


@pytest.mark.parametrize("low, high", [(0.9, 120), (2.1, 3.9), (5, 9e4), (0.003, 0.012), (31, 33)])
def test_ticks_are_few_round_and_inside(low, high):
    ticks = round_ticks(low, high)
    assert len(ticks) <= 4 and all(low <= tick <= high for tick in ticks) and ticks == sorted(ticks)
    assert all(float(f"{tick:.0e}") == pytest.approx(tick) for tick in ticks)
    assert ticks or (low, high) == (31, 33)
