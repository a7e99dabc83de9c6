"""How far a region's profile moves with the settings of its graph: the table, its reference, its reading."""

import runpy
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from digimus.connectome import coarsen, region_graph
from digimus.errors import InputError
from digimus.morphology import Neuron, voxelise_all
from digimus.motifs import MOTIFS, triad_census
from digimus.motifs.sensitivity import COLUMNS, sensitivity_summary, sensitivity_table
from digimus.motifs.triads import IS_MOTIF

REFERENCE = {"blur_um": 25, "reach_um": 2, "filling_fraction": 0.2, "min_neurons": 3, "within_um": 100}
VALUES = {"voxel_um": [25, 50], "blur_um": [0, 50], "filling_fraction": [0.1, 0.4]}


SE = np.array([*np.linspace(0.05, 0.6, 12), 0.0])


@pytest.fixture(scope="module")
def arbors():
    """Thirty neurons of random walks in a small box."""
    generator = np.random.default_rng(1)

    def neuron(k):
        n = 900
        xyz = 5000 + generator.uniform(0, 150, 3) + np.cumsum(generator.normal(scale=9, size=(n, 3)), axis=0)
        kind = np.r_[1, np.full(600, 2), np.full(299, 3)].astype(np.int32)
        parent = np.arange(-1, n - 1)
        parent[601] = 0
        return Neuron(f"n{k}", xyz, np.ones(n), kind, parent, xyz[0], None)

    return voxelise_all([neuron(k) for k in range(30)])


def table_of(arbors, values=VALUES, reference=REFERENCE, region="R"):
    return sensitivity_table(
        arbors,
        **values,
        reference=reference,
        enrichment_se=SE,
        source="s",
        region=region,
        simulated=True,
    )


def test_every_combination_is_there_and_the_reference_is_the_configured_graph(arbors):
    table = table_of(arbors)
    assert list(table.columns) == COLUMNS and len(table) == 2 * 3 * 3 * 13
    places = table.groupby(["voxel_um", "blur_um", "filling_fraction"], sort=False)
    assert len(places) == 18 and all(list(rows["triad"]) == list(MOTIFS) for _, rows in places)
    home = table[table["reference"]]
    assert len(home) == 13
    assert home[["voxel_um", "blur_um", "filling_fraction"]].drop_duplicates().values.tolist() == [
        [25, 25, 0.2]
    ]
    np.testing.assert_allclose(home[["cosine_enrichment", "cosine_frequency"]], 1, rtol=1e-12)
    assert (home["shift_se"].iloc[:12] == 0).all() and np.isnan(home["shift_se"].iloc[12])
    graph = region_graph(arbors)
    assert home["density"].iloc[0] == pytest.approx(graph.density)
    assert home["reciprocity"].iloc[0] == pytest.approx(graph.reciprocity)
    np.testing.assert_allclose(home["expected_count"], triad_census(graph.probability)[IS_MOTIF], rtol=1e-9)


def test_other_settings_are_the_graphs_that_they_name(arbors):
    table = table_of(arbors)
    for voxel, blur, filling in ((50, 0, 0.4), (25, 50, 0.1)):
        graph = region_graph(coarsen(arbors, voxel // 25), blur_um=blur, filling_fraction=filling)
        chosen = (
            (table["voxel_um"] == voxel) & (table["blur_um"] == blur) & (table["filling_fraction"] == filling)
        )
        rows = table[chosen]
        assert len(rows) == 13 and rows["density"].iloc[0] == pytest.approx(graph.density)
        counts = triad_census(graph.probability)[IS_MOTIF]
        np.testing.assert_allclose(rows["expected_count"], counts, rtol=1e-9)
        np.testing.assert_allclose(rows["frequency"], counts / counts.sum(), rtol=1e-9)


def test_shifts_and_cosines_are_what_they_are_called(arbors):
    table = table_of(arbors)
    home = table[table["reference"]].reset_index(drop=True)
    rows = table[(table["voxel_um"] == 50) & (table["blur_um"] == 50) & (table["filling_fraction"] == 0.4)]
    moved = rows["enrichment"].to_numpy() - home["enrichment"].to_numpy()
    np.testing.assert_allclose(
        rows["shift_se"], np.where(SE > 0, np.abs(moved) / SE.clip(1e-9), np.nan), rtol=1e-6
    )
    for name in ("enrichment", "frequency"):
        a, b = rows[name].to_numpy(), home[name].to_numpy()
        cosine = a @ b / np.sqrt((a @ a) * (b @ b))
        np.testing.assert_allclose(rows[f"cosine_{name}"], cosine, rtol=1e-9)
        assert (table[f"cosine_{name}"] <= 1 + 1e-12).all() and cosine < 1


def test_a_target_density_is_met_at_every_setting(arbors):
    reference = {"blur_um": 25, "target_density": 0.05, "within_um": 150}
    table = table_of(arbors, reference=reference)
    places = table.drop_duplicates(["voxel_um", "blur_um", "filling_fraction"])
    assert len(places) == 6 and places["filling_fraction"].nunique() == 6 and table["reference"].sum() == 13
    assert places["density"].max() < 1.6 * places["density"].min()


def test_without_values_there_is_the_reference_alone(arbors):
    alone = table_of(arbors, {name: [] for name in VALUES})
    assert len(alone) == 13 and alone["reference"].all()
    summary = sensitivity_summary(alone)
    assert summary.loc[0, "n_settings"] == 0 and "nothing to compare" in summary.loc[0, "reading"]


def test_the_summary_names_the_largest_shift_and_the_smallest_cosine(arbors):
    table = pd.concat([table_of(arbors), table_of(arbors, VALUES | {"blur_um": [25]}, region="Q")])
    summary = sensitivity_summary(table)
    assert list(summary["region"]) == ["R", "Q"] and list(summary["n_settings"]) == [17, 5]
    row, rows = summary.iloc[0], table[(table["region"] == "R") & ~table["reference"]]
    home = table[(table["region"] == "R") & table["reference"]].set_index("triad")["expected_count"]
    counted = rows[rows["triad"].map(home) >= 1]
    assert 0 < len(counted) < len(rows)
    assert row["largest_shift_se"] == counted["shift_se"].max()
    at = counted[counted["shift_se"] == row["largest_shift_se"]].iloc[0]
    assert (row["shift_triad"], row["shift_blur_um"]) == (at["triad"], at["blur_um"])
    assert row["smallest_cosine_enrichment"] == rows["cosine_enrichment"].min()
    assert row["density_low"] <= rows["density"].min() and row["density_high"] >= rows["density"].max()
    assert f"{row['largest_shift_se']:.1f} standard errors ({row['shift_triad']};" in row["reading"]


def test_a_table_without_rows_gives_a_summary_without_rows():
    summary = sensitivity_summary(pd.DataFrame(columns=COLUMNS))
    assert len(summary) == 0 and "reading" in summary.columns


def test_voxels_that_are_no_multiple_are_refused(arbors):
    for wrong in (30, 12.5):
        with pytest.raises(InputError, match="multiple of 25"):
            table_of(arbors, VALUES | {"voxel_um": [wrong]})


def test_a_region_named_like_a_missing_value_stays_in_the_joined_tables(arbors, root, tmp_path, monkeypatch):
    paths = [tmp_path / f"{region}.csv" for region in ("CP", "NA")]
    for path in paths:
        table_of(arbors, {name: [] for name in VALUES}, region=path.stem).to_csv(path, index=False)
    output = SimpleNamespace(table=tmp_path / "joined.csv", summary=tmp_path / "summary.csv")
    monkeypatch.setitem(sys.modules, "job", SimpleNamespace(job=nullcontext))
    job = SimpleNamespace(input=SimpleNamespace(tables=paths), output=output)
    runpy.run_path(str(root / "workflow/scripts/sensitivity_tables.py"), {"snakemake": job})
    for path, n in ((output.table, 13), (output.summary, 1)):
        assert [line.split(",")[1] for line in path.read_text().splitlines()[1:]] == ["CP"] * n + ["NA"] * n
