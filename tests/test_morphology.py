"""Reading, checking, locating and voxelising neurons."""

import gzip

import nrrd
import numpy as np
import pandas as pd
import pytest

from digimus.errors import InputError
from digimus.morphology import (
    Atlas,
    grid_shape,
    mirror,
    read_arbors,
    read_folder,
    read_swc,
    segment_lengths_um,
    voxelise,
    voxelise_all,
    write_arbors,
)
from digimus.morphology.folder import ABSENT, NO_REGION, REASONS, REPEATED, UNLISTED

ROWS = """1 1 5000 3000 4000 8 -1
2 2 5010 3000 4000 0.5 1
3 2 5010 3020 4000 0.5 2
4 3 5000 3000 4030 0.5 1
5 4 5000 3000 4070 0.5 4
"""


@pytest.fixture
def swc(tmp_path):
    """Write text or bytes as an SWC file and give its path."""

    def write(content=ROWS, name="one.swc"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def grown(seed, n=400, step_um=12.0, start=(5000.0, 3000.0, 4000.0)):
    """A random tree as SWC text; nodes 2, 3 and 4 by turns along random walks."""
    generator = np.random.default_rng(seed)
    parents = np.array([0] + [generator.integers(max(0, k - 5), k) for k in range(1, n)])
    xyz = np.zeros((n, 3))
    for k in range(1, n):
        xyz[k] = xyz[parents[k]] + generator.normal(scale=step_um, size=3)
    kinds = np.r_[1, generator.choice([2, 3, 4], size=n - 1)]
    xyz += np.array(start)
    rows = (
        f"{k + 1} {kinds[k]} {xyz[k, 0]!r} {xyz[k, 1]!r} {xyz[k, 2]!r} 0.5 {parents[k] + 1 if k else -1}"
        for k in range(n)
    )
    return "\n".join(rows).replace("np.float64(", "").replace(")", "") + "\n"


# Voxels


def dense_sampling(neuron, wanted, voxel_um, pieces=400):
    """Lengths by voxel from many short pieces of every segment."""
    lengths = {}
    for node in np.flatnonzero(wanted & (neuron.parent >= 0)):
        a, b = neuron.xyz_um[neuron.parent[node]], neuron.xyz_um[node]
        middles = a + (np.arange(pieces)[:, None] + 0.5) / pieces * (b - a)
        for cell in map(tuple, np.floor(middles / voxel_um).astype(int)):
            lengths[cell] = lengths.get(cell, 0) + np.linalg.norm(b - a) / pieces
    return lengths


def test_lengths_land_in_the_right_voxels(swc):
    neuron = read_swc(swc(grown(0, n=60, step_um=40)))
    found = voxelise(neuron, 25)
    expected = dense_sampling(neuron, neuron.kind == 2, 25)
    cells = map(tuple, np.stack(np.unravel_index(found.axon_voxels, grid_shape(25)), 1).tolist())
    found = dict(zip(cells, found.axon_um, strict=True))
    slack = 0.7  # µm: a voxel is met by a few segments, each sampled to a quarter of a micrometre
    for cell in set(found) | set(expected):
        assert abs(found.get(cell, 0) - expected.get(cell, 0)) < slack


@pytest.mark.parametrize("start", [(5000, 3000, 4000), (5, 5, 5), (13195, 7995, 11395), (-300, 0, 0)])
@pytest.mark.parametrize("voxel_um", [10, 25, 33.3])
def test_length_is_conserved_inside_and_outside(swc, start, voxel_um):
    neuron = read_swc(swc(grown(1, start=start)))
    lengths = segment_lengths_um(neuron)
    found = voxelise(neuron, voxel_um)
    axon, dendrite = lengths[neuron.kind == 2].sum(), lengths[neuron.kind > 2].sum()
    assert found.axon_um.sum() + found.axon_outside_um == pytest.approx(axon, rel=1e-9)
    assert found.dendrite_um.sum() + found.dendrite_outside_um == pytest.approx(dendrite, rel=1e-9)
    assert (found.axon_outside_um > 0) == (start != (5000, 3000, 4000))
    for voxels in (found.axon_voxels, found.dendrite_voxels):
        assert (np.diff(voxels) > 0).all()
        assert ((voxels >= 0) & (voxels < np.prod(grid_shape(voxel_um)))).all()


def test_a_segment_along_a_grid_line_and_one_through_the_whole_grid(swc):
    along = voxelise(read_swc(swc("1 1 100 100 100 1 -1\n2 2 200 100 100 1 1\n")), 25)
    np.testing.assert_allclose(along.axon_um, [25, 25, 25, 25])
    through = read_swc(swc("1 1 -9e5 4010 5010 1 -1\n2 2 9e5 4010 5010 1 1\n", "far.swc"))
    found = voxelise(through, 25)
    assert found.axon_um.sum() == pytest.approx(13200) and len(found.axon_um) == 528
    assert found.axon_outside_um == pytest.approx(1.8e6 - 13200)


def test_arbors_survive_writing_and_one_region_reads_alone(swc, tmp_path):
    neurons = [read_swc(swc(grown(k, n=80), f"n{k}.swc")) for k in range(5)]
    arbors = voxelise_all(neurons, regions=["CP", "VISp", "CP", "CP", "ACB"], brains=list("aabbc"))
    write_arbors(tmp_path / "arbors.h5", arbors, {"seed": 1})
    whole, part = read_arbors(tmp_path / "arbors.h5"), read_arbors(tmp_path / "arbors.h5", "CP")
    assert list(whole.ids) == [f"n{k}" for k in range(5)] and whole.shape == (528, 320, 456)
    assert abs(whole.axon - arbors.axon).max() == 0 and abs(whole.dendrite - arbors.dendrite).max() == 0
    assert list(part.ids) == ["n0", "n2", "n3"] and list(part.brains) == ["a", "b", "b"]
    assert abs(part.axon - arbors.axon[[0, 2, 3]]).max() == 0
    np.testing.assert_array_equal(part.soma_um, arbors.soma_um[[0, 2, 3]])
    with pytest.raises(InputError, match="XX"):
        read_arbors(tmp_path / "arbors.h5", "XX")
    with pytest.raises(InputError):
        read_arbors(tmp_path / "none.h5")
    with pytest.raises(InputError, match="voxel"):
        voxelise(neurons[0], 0)


def test_mirroring_keeps_lengths_and_turns_only_the_far_hemisphere(swc):
    near, far = read_swc(swc()), read_swc(swc(ROWS.replace("4000", "9000"), "far.swc"))
    assert mirror(near) is near
    assert mirror(far).soma_um[2] == 2400
    np.testing.assert_allclose(segment_lengths_um(mirror(far)), segment_lengths_um(far))


# The atlas


@pytest.fixture
def small_atlas(tmp_path):
    """A corner of voxels of 200 µm: CP (672) for AP below 1 mm, VISp5 (778) from there to 2 mm."""
    volume = np.zeros((66, 40, 57), np.uint32)
    volume[:10, :10, :9] = 672
    volume[5:10, :10, :9] = 778
    path = tmp_path / "annotation.nrrd"
    nrrd.write(str(path), volume, {"space directions": np.eye(3) * 200, "space": "left-posterior-superior"})
    return Atlas(path)


def test_the_atlas_looks_up_and_rolls_up(small_atlas):
    found = small_atlas.region_at([[80, 80, 80], [1040, 0, 1799.9], [80, 80, 1801], [-1, 5, 5], [9e9, 5, 5]])
    assert found == ["CP", "VISp5", "outside", "outside", "outside"]
    assert small_atlas.roll_up(["VISp5", "CP", "CH", "outside"], ["VISp", "STR"]) == [
        "VISp",
        "STR",
        None,
        None,
    ]
    assert small_atlas.roll_up(["VISp5"], ["Isocortex", "VISp"]) == ["VISp"]
    with pytest.raises(InputError, match="VISp"):
        small_atlas.roll_up(["CP"], ["VISpp"])


def test_atlas_files_that_are_not_right(tmp_path, swc):
    for path in (tmp_path / "none.nrrd", swc("not nrrd", "bad.nrrd")):
        with pytest.raises(InputError, match="annotation"):
            Atlas(path)
    with pytest.raises(InputError, match="annotation"):
        Atlas().region_at([1, 1, 1])
    for shape, words in (
        ((57, 40, 66), "in another order, by their lengths ML, DV, AP"),
        ((57, 66, 40), "in another order, by their lengths ML, AP, DV"),
        ((60, 40, 57), "does not have the size"),
        ((10, 10, 10), "does not have the size"),
    ):
        path = tmp_path / "turned.nrrd"
        nrrd.write(str(path), np.ones(shape, np.uint32), {"space directions": np.eye(3) * 200})
        with pytest.raises(InputError, match=words) as raised:
            Atlas(path)
        assert "13200 x 8000 x 11400" in raised.value.expected and "200 µm" in raised.value.got
    for shape in ((66, 40, 57), (67, 40, 57)):  # a voxel more or less is a matter of rounding
        nrrd.write(str(path), np.ones(shape, np.uint32), {"space directions": np.eye(3) * 200})
        assert Atlas(path).voxel_um == 200
    tree = swc("id,acronym,parent_structure_id\n1,root,\n2,A,1\n3,A1,2\n", "tree.csv")
    assert Atlas(tree=tree).roll_up(["A1", "root"], ["A"]) == ["A", None]
    with pytest.raises(InputError, match="cycle"):
        Atlas(tree=swc("id,acronym,parent_structure_id\n1,A,2\n2,B,1\n", "loop.csv"))
    with pytest.raises(InputError, match="acronym"):
        Atlas(tree=swc("id,name\n1,root\n", "worse.csv"))


# Folders


@pytest.fixture
def folder(swc, tmp_path):
    """Six neurons and an index: one bad, one absent, one without a region, one not listed."""
    swc(name="7_a.swc")
    swc(ROWS.replace("4000", "9000"), "7_b.swc")
    swc("1 1 5000 3000 4000 8 -1\n", "8_c.swc")
    swc("garbage", "8_d.swc")
    swc(name="9_e.swc")
    swc(name="9_extra.swc")
    table = pd.DataFrame(
        {
            "file": ["7_a.swc", "7_b.swc", "8_c.swc", "8_d.swc", "9_e.swc", "9_f.swc"],
            "area": ["CP", "CP", "VISp5", "CP", "", "CP"],
            "line": ["x-7", "x-7", "x-8", "x-8", "x-9", "x-9"],
        }
    )
    table.to_csv(tmp_path / "index.csv", index=False)
    return tmp_path


def test_a_folder_with_an_index(folder):
    options = {"index": folder / "index.csv", "region_column": "area", "max_bad_share": 0.3}
    reading = read_folder(folder, "*.swc", **options, brain_pattern=r"^(\d+)_", voxel_um=25, source="test")
    table = reading.neurons.set_index("id")
    assert list(table.index) == ["7_a", "7_b", "8_c"]
    assert list(table["brain"]) == ["7", "7", "8"] and set(table["source"]) == {"test"}
    assert list(table["hemisphere"]) == ["left", "right", "left"]
    assert list(table["soma_ml_um"]) == [4000, 2400, 4000]
    assert table.loc["7_a", ["n_nodes", "n_axon_nodes", "n_dendrite_nodes"]].tolist() == [5, 2, 2]
    assert table.loc["7_a", ["axon_length_um", "dendrite_length_um"]].tolist() == [30, 70]
    assert table["flags"].tolist() == ["", "", "no axon;no dendrite"]
    reasons = reading.set_aside.set_index("file")["reason"]
    assert reasons["9_f.swc"] == REASONS[ABSENT] and reasons["9_extra.swc"] == REASONS[UNLISTED]
    assert reasons["9_e.swc"] == REASONS[NO_REGION] and "not SWC" in reasons["8_d.swc"]
    assert (reading.n_bad, reading.n_absent, reading.n_elsewhere) == (1, 1, 0)
    assert [neuron.id for neuron in reading.morphologies] == list(reading.arbors.ids) == list(table.index)
    assert list(reading.arbors.regions) == ["CP", "CP", "VISp5"]
    assert reading.morphologies[1].soma_um[2] == 2400


def test_brains_from_a_column_and_regions_rolled_up(folder):
    options = {"index": folder / "index.csv", "region_column": "area", "brain_column": "line", "keep": False}
    reading = read_folder(
        folder, "*.swc", **options, brain_pattern=r"-(\d+)$", atlas=Atlas(), regions=["VISp"]
    )
    assert reading.neurons[["id", "region", "brain"]].values.tolist() == [["8_c", "VISp", "8"]]
    assert reading.n_elsewhere == 3 and reading.morphologies == [] and reading.arbors is None


def test_regions_by_lookup(folder, small_atlas, swc):
    swc("1 1 80 80 80 1 -1\n2 2 160 80 80 1 1\n", "s1.swc")
    swc("1 1 1040 80 80 1 -1\n2 2 1080 80 80 1 1\n", "s2.swc")
    swc("1 1 1040 80 1920 1 -1\n2 2 1080 80 80 1 1\n", "s3.swc")
    reading = read_folder(folder, "s?.swc", atlas=small_atlas, max_bad_share=0.5)
    assert list(reading.neurons["region"]) == ["CP", "VISp5", "outside"]
    assert list(reading.neurons["flags"]) == [
        "no dendrite;region by lookup",
        "no dendrite;region by lookup",
        "no dendrite;outside;region by lookup",
    ]
    chosen = read_folder(folder, "s?.swc", atlas=small_atlas, max_bad_share=0.5, regions=["VISp"])
    assert list(chosen.neurons["id"]) == ["s2"] and chosen.n_elsewhere == 2
    with pytest.raises(InputError, match="VISp"):
        read_folder(folder, "s?.swc", atlas=small_atlas, max_bad_share=0.5, regions=["VISpp"])


def test_folders_and_indices_that_are_refused(folder, tmp_path):
    index = folder / "index.csv"
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(InputError, match="no neurons"):
            read_folder(place, index=index, region_column="area")
    with pytest.raises(InputError, match="Did you mean 'area'"):
        read_folder(folder, index=index, region_column="arae")
    with pytest.raises(InputError, match="Too many"):
        read_folder(folder, index=index, region_column="area", max_bad_share=0.1)
    with pytest.raises(InputError, match="chosen regions"):
        read_folder(folder, index=index, region_column="area", regions=["XX"])
    with pytest.raises(InputError, match="tell regions"):
        read_folder(folder)
    with pytest.raises(InputError, match="No neuron is left"):
        read_folder(folder, "8_d.swc", index=index, region_column="area", max_bad_share=1)
    with pytest.raises(InputError, match="no group"):
        read_folder(folder, index=index, region_column="area", brain_pattern="x")
    twice = pd.read_csv(index)
    pd.concat([twice, twice[:1]]).to_csv(tmp_path / "twice.csv", index=False)
    with pytest.raises(InputError, match="listed twice"):
        read_folder(folder, index=tmp_path / "twice.csv", region_column="area")


def test_a_neuron_that_comes_twice_is_used_once(swc, tmp_path):
    swc()
    (tmp_path / "one.swc.gz").write_bytes(gzip.compress(ROWS.encode()))  # the same id
    swc("# under another name\n" + ROWS, "copy.swc")
    swc(ROWS.replace("4070", "4071"), "two.swc")
    (tmp_path / "index.csv").write_text("file,area\none.swc,CP\ntwo.swc,CP\ncopy.swc,CP\none.swc.gz,CP\n")
    with pytest.raises(InputError, match=r"one for one.swc, one.swc.gz"):
        read_folder(tmp_path, "*.swc*", index=tmp_path / "index.csv", region_column="area")
    (tmp_path / "index.csv").write_text("file,area\none.swc,CP\ntwo.swc,CP\ncopy.swc,CP\n")
    listed = read_folder(tmp_path, "*.swc", index=tmp_path / "index.csv", region_column="area")
    assert list(listed.neurons["id"]) == ["one", "two"]
    assert listed.set_aside.values.tolist() == [
        ["copy.swc", REPEATED, REASONS[REPEATED], "the nodes of one.swc"]
    ]


def test_files_without_an_index_that_share_an_id_or_nodes(swc, tmp_path, small_atlas):
    one = "1 1 10 10 10 1 -1\n2 2 20 10 10 1 1\n"
    swc(one, "a.swc")
    (tmp_path / "a.swc.gz").write_bytes(gzip.compress(one.replace("20", "30").encode()))
    swc(one, "b.swc")
    reading = read_folder(tmp_path, "?.swc*", atlas=small_atlas)
    assert list(reading.neurons["file"]) == ["a.swc"]
    assert reading.set_aside[["file", "got"]].values.tolist() == [
        ["a.swc.gz", "id a, as a.swc"], ["b.swc", "the nodes of a.swc"],
    ]  # fmt: skip
    assert reading.quality["n_neurons"].sum() == 3 and reading.n_bad == 0


# Real neurons


@pytest.mark.real_data
def test_published_neurons_match_their_index(real_data):
    place = real_data / "morphology" / "seu_allen"
    index = pd.read_csv(place / "index.csv").set_index("file")
    options = {"index": place / "index.csv", "region_column": "published_soma_region", "voxel_um": 25}
    reading = read_folder(place / "swc", "17302_0000*.swc.xz", **options, brain_pattern=r"^(\d+)_")
    table = reading.neurons.set_index("file")
    expected = index.loc[table.index]
    assert len(table) >= 5 and set(table["brain"]) == {"17302"} and set(table["region"]) == {"CP"}
    np.testing.assert_array_equal(table["n_nodes"], expected["n_nodes"])
    np.testing.assert_array_equal(table["n_axon_nodes"], expected["n_axon_t2"])
    np.testing.assert_array_equal(table["n_dendrite_nodes"], expected["n_dend_t3_t4"])
    np.testing.assert_allclose(table["soma_ap_um"], expected["soma_x_ap_um"], atol=0.6)
    np.testing.assert_allclose(table["soma_ml_um"], expected["soma_z_ml_um"], atol=0.6)
    assert (table["flags"] == "").all()
    np.testing.assert_allclose(reading.arbors.axon.sum(axis=1), table["axon_length_um"], rtol=1e-6)


@pytest.mark.real_data
def test_mouselight_axes_put_somata_into_the_cortex(real_data):
    atlas = Atlas(real_data / "ontology" / "annotation_25.nrrd")
    place = real_data / "morphology" / "mouselight"
    reading = read_folder(place, "AA0*.swc", atlas=atlas, axis_order="header", regions=["Isocortex"])
    assert len(reading.neurons) == 8 and set(reading.neurons["region"]) == {"Isocortex"}
    bare = reading.neurons.set_index("id")["flags"].str.contains("no axon")
    assert bare["AA0001"] and not bare["AA0245"]
    swapped = read_folder(place, "AA0*.swc", atlas=atlas, regions=["Isocortex"], max_bad_share=0)
    assert len(swapped.neurons) < 8
