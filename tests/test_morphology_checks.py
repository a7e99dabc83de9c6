"""What is said of a source: axes, unit, registration, truncation, projections, outlines, quality."""

import re

import nrrd
import numpy as np
import pandas as pd
import pytest

from digimus.errors import InputError
from digimus.morphology import (
    Atlas,
    Neuron,
    PointsWriter,
    is_truncated,
    outline_table,
    projection_table,
    read_folder,
    read_neuron,
    read_points,
    segment_lengths_um,
)
from digimus.morphology.checks import (
    ORDERS,
    UNITS_UM,
    Brain,
    Evidence,
    best_shift,
    contest,
    fit_shares,
    headerless_order,
    sign_test,
    source_checks,
)
from digimus.morphology.folder import _told
from digimus.morphology.measures import measure
from digimus.morphology.outlines import trace

CCF, LEGACY = ("AP", "DV", "ML"), ("ML", "DV", "AP")


def neuron(xyz, kinds, parents, name="n", header=""):
    """A neuron from lists; the first node is the soma."""
    xyz = np.array(xyz, dtype=float)
    kinds, parents = np.array(kinds, np.int32), np.array(parents)
    return Neuron(name, xyz, np.ones(len(xyz)), kinds, parents, xyz[0], name, header)


def walk(generator, start, n=120, step_um=60.0, kind=2):
    """A neuron that wanders from its soma, half of it axon and half dendrite."""
    parents = np.array([-1] + [generator.integers(max(0, k - 4), k) for k in range(1, n)])
    steps = generator.normal(scale=step_um, size=(n, 3))
    xyz = np.zeros((n, 3))
    for k in range(1, n):
        xyz[k] = xyz[parents[k]] + steps[k]
    kinds = np.r_[1, np.where(np.arange(n - 1) % 2, 3, kind)]
    return neuron(xyz + start, kinds, parents)


def swc_text(one, order=CCF, unit_um=1.0, header=""):
    """A neuron as SWC with its columns in some order and unit."""
    columns = [one.xyz_um[:, CCF.index(axis)] / unit_um for axis in order]
    rows = zip(*columns, one.kind, one.parent, strict=True)
    lines = [
        f"{k + 1} {t} {x:.4f} {y:.4f} {z:.4f} 1 {p + 1 if p >= 0 else -1}"
        for k, (x, y, z, t, p) in enumerate(rows)
    ]
    return header + "\n".join(lines) + "\n"


@pytest.fixture(scope="module")
def atlas(tmp_path_factory):
    """A brain of 200 µm voxels without two equal axes: A in front, B behind, C on the floor of both."""
    volume = np.zeros((66, 40, 57), np.uint32)
    volume[6:60, 8:30, 12:45] = 1
    volume[6:30, 8:22, 12:45] = 2
    volume[30:60, 8:22, 12:45] = 3
    volume[30:60, 8:14, 12:45] = 4
    folder = tmp_path_factory.mktemp("atlas")
    nrrd.write(str(folder / "a.nrrd"), volume, {"space directions": np.eye(3) * 200, "space dimension": 3})
    rows = [(1, "brain", ""), (2, "A", 1), (3, "B", 1), (4, "B1", 3)]
    pd.DataFrame(rows, columns=["id", "acronym", "parent_structure_id"]).to_csv(folder / "t.csv", index=False)
    return Atlas(folder / "a.nrrd", folder / "t.csv")


@pytest.fixture
def source(tmp_path, atlas):
    """Write neurons of the small brain as files, with an index of their regions; give the folder."""

    def write(n=12, order=CCF, unit_um=1.0, headers=("",), shift_um=(0, 0, 0), orders=None, seed=0):
        generator, rows = np.random.default_rng(seed), []
        for k in range(n):
            low, high = ((1300, 1700, 2500), (11900, 4300, 8900))
            one = walk(generator, generator.uniform(low, high))
            listed = atlas.roll_up(atlas.region_at(one.soma_um), ["A", "B"])[0]
            moved = one.soma_um.copy()
            one.xyz_um[:] += shift_um
            mine = order if orders is None else orders[k % len(orders)]
            text = swc_text(one, mine, unit_um, headers[k % len(headers)])
            (tmp_path / f"n{k:02d}.swc").write_text(text)
            rows.append((f"n{k:02d}.swc", listed, *moved))
        columns = ["file", "region", "ap", "dv", "ml"]
        pd.DataFrame(rows, columns=columns).to_csv(tmp_path / "index.csv", index=False)
        return tmp_path

    return write


def read(folder, atlas, **options):
    """A folder of the fixture, read with its index."""
    options = {"index": folder / "index.csv", "region_column": "region", "atlas": atlas} | options
    return read_folder(folder, "*.swc", **options)


def checks_of(atlas, somas, listed=None, listed_somas=None):
    """The checks of neurons that fit every axis order and unit alike, by name."""
    evidence = Evidence()
    for k, soma in enumerate(somas):
        evidence.add(
            stated_order=None,
            stated_unit_um=None,
            order=CCF,
            unit_um=1.0,
            shares=np.ones((len(ORDERS), 1 + len(UNITS_UM)), np.float32),
            soma_um=np.array(soma, float),
            listed="" if listed is None else listed[k],
            looked_up="" if atlas is None else atlas.region_at(np.array(soma, float))[0],
            listed_soma_um=np.full(3, np.nan) if listed_somas is None else np.array(listed_somas[k], float),
        )
    options = {"axis_order": CCF, "unit_um": 1.0, "atlas": atlas, "max_bad_share": 0.1}
    table = source_checks("s", evidence, Brain.of(atlas), **options, alpha=0.05, min_neurons=5)
    return {row.check: row for row in table.itertuples()}


def row_of(reading, check):
    """The only row of a check."""
    (row,) = reading.checks[reading.checks["check"] == check].itertuples()
    return row


# The sign tests


def test_a_sign_test_is_the_binomial_tail():
    assert sign_test(5, 0) == pytest.approx(1 / 32)
    assert sign_test(3, 1) == pytest.approx(5 / 16)
    assert sign_test(0, 0) == 1.0


def test_a_contest_decides_only_with_enough_neurons_and_no_ties():
    shares = np.tile([1.0, 0.5, 0.4], (6, 1))
    found = contest(shares)
    assert found.best == 0 and found.p == pytest.approx(2 / 64)
    assert contest(shares[:5]).best is None  # 2/32 > .05
    assert contest(shares, min_neurons=7).best is None
    assert contest(np.ones((50, 3))).best is None
    assert contest(np.empty((0, 3))).best is None
    mixed = np.vstack([shares, shares[:, [1, 0, 2]]])
    assert contest(mixed).best is None and contest(mixed).against(0) == (6, 6, 1)


def test_a_wrong_candidate_is_decided_no_more_often_than_alpha_says():
    generator = np.random.default_rng(1)
    decided = [contest(generator.random((30, 6))).best is not None for _ in range(400)]
    assert np.mean(decided) < 0.05


def test_headers_of_a_source_narrow_the_candidates_for_files_without():
    shares = np.zeros((5, 6))
    shares[:, ORDERS.index(LEGACY)] = 1.0
    assert headerless_order([], shares, 0.05, 5)[0] is None  # 5 of 5 against five rivals: .16
    assert headerless_order([CCF, CCF], shares, 0.05, 5)[0] is None
    order, found, candidates = headerless_order([CCF, LEGACY], shares, 0.05, 5)
    assert order == LEGACY and found.p == pytest.approx(1 / 32) and len(candidates) == 2


def test_shares_follow_axis_and_unit(atlas):
    one = walk(np.random.default_rng(2), (2500, 2000, 8500), n=60, step_um=20)
    brain = Brain.of(atlas)
    shares = fit_shares(one, CCF, 1.0, brain)
    for k, order in enumerate(ORDERS):
        turned = one.xyz_um[:, [order.index(axis) for axis in CCF]]
        assert shares[k, 0] == pytest.approx(brain.holds(turned).mean())
    assert shares[0, 0] == 1 and shares[0, 1] == 1 and shares[0, 2] == 0
    turned = neuron(one.xyz_um[:, ::-1], one.kind, one.parent)  # as read in the order of older files
    np.testing.assert_array_equal(fit_shares(turned, LEGACY, 1.0, brain)[0], shares[0])
    assert Brain.of(None).holds([[1, 1, 1], [13300, 1, 1], [-1, 1, 1]]).tolist() == [True, False, False]


# Sources


def test_a_sound_source_agrees(source, atlas):
    reading = read(source(n=40), atlas, regions=["A", "B"], soma_columns=["ap", "dv", "ml"])
    assert list(reading.checks["verdict"]) == ["agrees"] * 4
    assert row_of(reading, "registration").n_for == 40 and row_of(reading, "outside").n_against == 0


@pytest.mark.parametrize("truth", ORDERS[1:])
def test_a_swapped_axis_is_found(source, atlas, truth):
    folder = source(n=30, order=truth)
    reading = read(folder, atlas, max_bad_share=1)
    row = row_of(reading, "axis order")
    assert (row.verdict, row.found, row.basis) == ("differs", " ".join(truth), "pooled")
    assert row.n_against > row.n_for and row.p < 0.05 and row.n_neurons == 30
    assert row_of(read(folder, atlas, axis_order=truth), "axis order").verdict == "agrees"


def test_too_few_neurons_are_undecided(source, atlas):
    reading = read(source(n=3, order=LEGACY), atlas, max_bad_share=1)
    assert row_of(reading, "axis order").verdict == "undecided"


@pytest.mark.parametrize("unit_um", [25.0, 10.0, 0.001])
def test_another_unit_is_found_and_stops_the_stage(source, atlas, unit_um):
    folder = source(n=10, unit_um=unit_um)
    if unit_um == 0.001:  # a millimetre-sized brain in nanometres is farther than files in µm may reach
        with pytest.raises(InputError, match="Too many neurons"):
            read(folder, atlas)
        return
    with pytest.raises(InputError, match=rf"(?s)outside the brain.*in {unit_um:g} µm"):
        read(folder, atlas)
    row = row_of(read(folder, atlas, max_bad_share=1), "unit")
    assert row.verdict == "differs" and row.found == f"{unit_um:g} µm"
    assert row_of(read(folder, atlas, unit_um=unit_um), "unit").verdict == "agrees"


def test_an_axis_swapped_in_another_unit_is_found_too(source, atlas):
    reading = read(source(n=30, order=LEGACY, unit_um=10.0), atlas, max_bad_share=1)
    assert row_of(reading, "unit").found == "10 µm"
    assert row_of(reading, "axis order").found == " ".join(LEGACY)


def test_without_a_volume_the_box_decides_less(source):
    folder = source(n=30, order=LEGACY)
    reading = read(folder, None)
    assert row_of(reading, "registration").verdict == "not checked"
    assert row_of(reading, "axis order").verdict in ("undecided", "differs")
    assert "axon_outside_um" not in reading.neurons.columns


def test_without_a_volume_positions_tell_no_unit(source):
    folder = source(n=40)  # twelve have an axon beyond the box: in nanometres they fit it better
    for path in sorted(folder.glob("*.swc"))[:12]:
        path.write_text(path.read_text() + "121 2 13900 4000 6000 1 1\n")
    reading = read(folder, None, max_bad_share=1)
    row = row_of(reading, "unit")
    assert (row.verdict, row.found, row.basis) == ("not checked", "", "none")
    assert row.detail == "Headers state none; without an annotation volume positions tell no unit."
    assert row_of(reading, "axis order").verdict != "differs"


def test_without_a_volume_headers_tell_the_unit(source):
    folder = source(n=8, unit_um=0.001, headers=("# coordinates in nanometers\n",))
    row = row_of(read(folder, None, unit_um=0.001), "unit")
    assert (row.verdict, row.found, row.basis, row.n_for) == ("agrees", "0.001 µm", "header", 8)
    row = row_of(read(folder, None, unit_um=0.0011), "unit")
    assert (row.verdict, row.n_for, row.n_against) == ("differs", 0, 8)
    (folder / "n00.swc").write_text("1 1 5000000 3000000 4000000 1 -1\n")
    assert row_of(read(folder, None, unit_um=0.001), "unit").verdict == "undecided"


def test_regions_decide_the_axes_where_positions_do_not_and_that_is_a_second_test(atlas):
    soma = (9000, 2000, 7000)  # in B1 in one order of the axes alone
    for n, verdict in ((7, "undecided"), (8, "agrees")):  # five rivals: p is 5 / 2^7, 5 / 2^8
        row = checks_of(atlas, [soma] * n, ["B1"] * n)["axis order"]
        assert row.verdict == verdict
    assert row.p == pytest.approx(2 * 5 / 2**8) and "the regions of the index" in row.detail


STATED = {
    CCF: "# Annotation Space: CCFv3.0 Axes> X: Anterior-Posterior; Y: Inferior-Superior; Z:Left-Right\n",
    LEGACY: "# Annotation Space: CCFv2.5 (ML legacy) "
    "Axes> Z: Anterior-Posterior; Y: Inferior-Superior; X:Left-Right\n",
}


def test_a_header_that_contradicts_the_declaration_differs(source, atlas):
    folder = source(n=4, headers=(STATED[CCF], STATED[CCF], STATED[CCF], STATED[LEGACY]))
    row = row_of(read(folder, atlas), "axis order")
    assert (row.verdict, row.basis, row.n_for, row.n_against) == ("differs", "header", 3, 1)


def test_a_header_that_contradicts_the_positions_differs_and_both_are_said(source, atlas):
    folder = source(n=30, headers=(STATED[LEGACY],))
    row = row_of(read(folder, atlas, axis_order="header", max_bad_share=1), "axis order")
    assert (row.verdict, row.basis) == ("differs", "header and pooled")
    assert "contradict" in row.detail and "AP DV ML" in row.found and "ML DV AP" in row.found


def test_files_follow_their_own_headers(source, atlas):
    folder = source(n=12, orders=(CCF, LEGACY), headers=(STATED[CCF], STATED[LEGACY]))
    reading, plain = read(folder, atlas, axis_order="header"), read(folder, atlas, max_bad_share=1)
    rows = reading.checks[reading.checks["check"] == "axis order"]
    assert list(rows["verdict"]) == ["agrees", "agrees"] and list(rows["n_neurons"]) == [6, 6]
    expected = pd.read_csv(folder / "index.csv")["ap"]
    np.testing.assert_allclose(reading.neurons["soma_ap_um"], expected, atol=1e-3)
    assert not np.allclose(plain.neurons["soma_ap_um"], expected, atol=1e-3)


def test_files_without_a_statement_are_read_as_they_decide_or_set_aside(source, atlas):
    folder = source(n=120, orders=(CCF, LEGACY, LEGACY), headers=(STATED[CCF], STATED[LEGACY], ""))
    reading = read(folder, atlas, axis_order="header")
    row = reading.checks[reading.checks["declared"] == "header (not stated)"].iloc[0]
    assert (row["verdict"], row["found"], row["n_neurons"]) == ("agrees", "ML DV AP", 40)
    np.testing.assert_allclose(
        reading.neurons["soma_ap_um"], pd.read_csv(folder / "index.csv")["ap"], atol=1e-3
    )
    for path in sorted(folder.glob("*.swc"))[9:]:
        path.unlink()
    few = read(folder, atlas, axis_order="header", max_bad_share=0.5)
    assert list(few.set_aside["kind"]).count("axis undecided") == 3 and len(few.neurons) == 6
    row = few.checks[few.checks["declared"] == "header (not stated)"].iloc[0]
    assert row["verdict"] == "undecided" and row["n_neurons"] == 3
    with pytest.raises(InputError, match="Too many neurons"):
        read(folder, atlas, axis_order="header")


def test_units_of_headers_are_followed_and_files_without_one_set_aside(source, atlas):
    folder = source(n=8, unit_um=0.001, headers=("# coordinates in nanometers\n",))
    (folder / "n00.swc").write_text("1 1 5000 3000 4000 1 -1\n")
    reading = read(folder, atlas, unit_um="header", max_bad_share=0.2)
    np.testing.assert_allclose(
        reading.neurons["soma_ap_um"], pd.read_csv(folder / "index.csv")["ap"][1:], atol=1e-3
    )
    assert reading.set_aside[["file", "kind"]].values.tolist() == [["n00.swc", "unit undecided"]]
    row = row_of(reading, "unit")
    assert (row.declared, row.found, row.verdict, row.basis) == (
        "header",
        "0.001 µm",
        "agrees",
        "header and pooled",
    )


def test_another_registration_is_found_by_regions_alone(source, atlas):
    row = row_of(read(source(n=60, shift_um=(0, 0, 0)), atlas), "registration")
    assert row.verdict == "agrees"
    row = row_of(read(source(n=150, shift_um=(400, 0, 0), seed=3), atlas, max_bad_share=1), "registration")
    assert row.verdict == "differs" and row.p < 0.05 and "moving all by (-" in row.detail


def test_another_registration_is_found_by_listed_somata(source, atlas):
    folder = source(n=60, shift_um=(500, 0, 0))
    reading = read(folder, atlas, soma_columns=["ap", "dv", "ml"], max_bad_share=1)
    row = row_of(reading, "registration")
    assert row.verdict == "differs" and "(-500, +0, +0)" in row.detail and row.p < 1e-6
    with pytest.raises(InputError, match="'up'"):
        read(folder, atlas, soma_columns=["ap", "up", "ml"])


SOMAS = np.random.default_rng(6).uniform((3000, 2000, 3000), (9000, 4000, 8400), (100, 3))


def test_rounded_somata_with_some_in_the_other_hemisphere_agree():
    listed = np.floor(SOMAS)
    listed[:2, 2] = 11400 - listed[:2, 2]
    row = checks_of(None, SOMAS, listed_somas=listed)["registration"]
    assert (row.verdict, row.n_for, row.n_against, row.p) == ("agrees", 100, 0, 1)
    assert row.found == "moved by 1 µm" and "2 of them are in the other hemisphere" in row.detail
    listed[:2] += (2000, 0, 0)  # nor do a few strays move a source
    assert checks_of(None, SOMAS, listed_somas=listed)["registration"].verdict == "agrees"


@pytest.mark.parametrize("far_um, verdict", [(24, "agrees"), (26, "differs")])
@pytest.mark.parametrize("way", [*np.eye(3), *-np.eye(3)])
def test_a_step_of_somata_counts_above_a_voxel_in_any_direction(way, far_um, verdict):
    row = checks_of(None, SOMAS, listed_somas=SOMAS + far_um * way)["registration"]
    assert row.verdict == verdict and (row.p < 1e-20) == (verdict == "differs")


@pytest.mark.parametrize("factor, way", [(0.95, "nearer to"), (1.05, "farther from")])
def test_somata_of_both_hemispheres_nearer_to_or_farther_from_the_midline_are_moved(factor, way):
    listed = SOMAS.copy()
    listed[:, 2] = 5700 + factor * (SOMAS[:, 2] - 5700)
    row = checks_of(None, SOMAS, listed_somas=listed)["registration"]
    assert row.verdict == "differs"
    moved = round(0.05 * np.median(np.abs(SOMAS[:, 2] - 5700)))
    assert f"{moved} µm {way} the midline" in row.detail


def test_somata_are_tested_in_all_directions_and_beside_the_regions():
    for n, verdict in ((8, "undecided"), (9, "differs")):
        row = checks_of(None, SOMAS[:n], listed_somas=SOMAS[:n] + (40, 0, 0))["registration"]
        assert row.verdict == verdict and row.p == pytest.approx(3 * 8 / 2**n)


def test_a_shift_must_hold_on_neurons_that_it_was_not_fitted_to(atlas):
    ahead = np.arange(40) % 2 == 0
    generator = np.random.default_rng(7)
    somas = generator.uniform((0, 2900, 4000), (0, 4000, 7000), (40, 3))
    somas[:, 0] = np.where(ahead, 6000 + 150, 6000 - 150)  # A ends at 6000
    listed = ["A" if one else "B" for one in ahead]
    assert best_shift(atlas, somas, listed)[1:] == (1.0, 0, 0)  # each half says the contrary of the other
    shift, p, gained, lost = best_shift(atlas, somas[ahead], ["A"] * 20)
    assert shift.tolist() == [-175, 0, 0] and (gained, lost) == (20, 0) and p == 2**-20


@pytest.fixture
def published(source):
    """Neurons with a table of published somata; a function that reads them beside changed rows of it."""
    folder = source(n=20)
    table = pd.read_csv(folder / "index.csv", dtype=str)

    def write(*more):
        rows = [table, pd.DataFrame(more, columns=table.columns)]
        pd.concat(rows).to_csv(folder / "somata.csv", index=False)
        return dict(folder=folder, soma_table=folder / "somata.csv", soma_columns=["ap", "dv", "ml"])

    return write


def test_a_neuron_with_two_published_somata_is_refused(published, atlas):
    with pytest.raises(InputError, match=r"(?s)two different somata.*n03\.swc"):
        read(atlas=atlas, **published(("n03.swc", "A", 1000, 2000, 3000)))
    with pytest.raises(InputError, match=r"(?s)two different somata.*n03"):
        read(atlas=atlas, **published(("n03", "A", 1, 2, 3), ("n03", "A", 1, 2, 4)))


def test_repeated_empty_and_foreign_rows_of_published_somata_are_no_conflict(published, atlas):
    plain = row_of(read(atlas=atlas, **published()), "registration")
    _, _, *soma = pd.read_csv(published()["soma_table"], dtype=str).iloc[3]
    more = [("n03.swc", "A", *soma), ("n03.swc", "A", "", "", ""), ("other", "A", 1, 2, 3)]
    row = row_of(read(atlas=atlas, **published(*more, ("other", "A", 4, 5, 6))), "registration")
    assert row == plain and "20 published somata" in row.detail


def test_regions_that_do_not_fit_at_all_differ(source, atlas):
    folder = source(n=30)
    table = pd.read_csv(folder / "index.csv")
    table["region"] = table["region"].map({"A": "B", "B": "A"})
    table.to_csv(folder / "index.csv", index=False)
    row = row_of(read(folder, atlas), "registration")
    assert row.verdict == "differs" and row.n_for == 0


# Truncation


def bush(generator, n=60, reach_um=100.0):
    """A soma with straight dendrites to random points of a ball."""
    ends = generator.normal(size=(n, 3))
    ends *= reach_um * generator.uniform(size=(n, 1)) ** (1 / 3) / np.linalg.norm(ends, axis=1, keepdims=True)
    return neuron(
        np.vstack([np.zeros((1, 3)), ends]) + (6000.0, 4000.0, 3000.0), [1] + [3] * n, [-1] + [0] * n
    )


@pytest.mark.parametrize("axis", range(3))
def test_a_bush_cut_by_a_section_is_truncated_and_a_whole_one_is_not(axis):
    generator = np.random.default_rng(axis)
    whole = [bush(generator) for _ in range(60)]
    assert sum(map(is_truncated, whole)) <= 1
    for sign in (1, -1):
        for one in whole[:20]:
            xyz, soma = one.xyz_um.copy(), one.xyz_um[0]
            past = sign * (xyz[:, axis] - soma[axis]) > 30
            share = 30 / np.abs(xyz[past, axis] - soma[axis])
            xyz[past] = soma + share[:, None] * (xyz[past] - soma)
            assert is_truncated(neuron(xyz, one.kind, one.parent))


def test_tips_at_the_border_of_the_volume_are_truncated():
    edge = neuron([[100, 100, 100]] + [[0, 50 * k, 90] for k in range(3)], [1, 2, 2, 2], [-1, 0, 0, 0])
    inner = neuron(edge.xyz_um + 50, edge.kind, edge.parent)
    assert is_truncated(edge) and not is_truncated(inner)


@pytest.mark.real_data
def test_published_whole_neurons_are_not_truncated(real_data):
    files = sorted((real_data / "morphology" / "seu_allen" / "swc").glob("*.swc.xz"))
    assert not any(is_truncated(read_neuron(path)) for path in files[::4])


# Measures, projections, outlines, quality


def test_measures_are_those_of_the_arrays():
    one = walk(np.random.default_rng(4), (30, 4000, 3000))
    lengths, found = segment_lengths_um(one), measure(one)
    assert (found.n_axon_nodes, found.n_dendrite_nodes) == ((one.kind == 2).sum(), (one.kind == 3).sum())
    assert found.axon_length_um == pytest.approx(lengths[one.kind == 2].sum())
    assert found.dendrite_length_um == pytest.approx(lengths[one.kind == 3].sum())
    assert found.beyond == bool((one.xyz_um < 0).any())


def test_projections_of_nested_targets_add_up(source, atlas):
    reading = read(source(shift_um=(0, 600, 0)), atlas, targets=["A", "B", "B1"], voxel_um=25, simulated=True)
    columns = ["axon_in_A_um", "axon_in_B_um", "axon_in_B1_um", "axon_elsewhere_um", "axon_outside_um"]
    table = reading.neurons
    np.testing.assert_allclose(table[columns].sum(axis=1), table["axon_length_um"], rtol=1e-9)
    assert (table[columns].sum() > 0).all()
    made = projection_table(table, ["A", "B", "B1"], source="s", simulated=True)
    inside = table[table["region"] == "B"][columns[:4]].to_numpy().sum()
    row = made[(made["region"] == "B") & (made["target"] == "B1")].iloc[0]
    assert row["axon_length_um"] == pytest.approx(table.loc[table["region"] == "B", "axon_in_B1_um"].sum())
    assert row["share"] == pytest.approx(row["axon_length_um"] / inside) and row["simulated"]
    assert row["mean_axon_length_um"] == pytest.approx(row["axon_length_um"] / row["n_neurons"])


def test_all_tables_are_made_without_an_annotation(source):
    folder = source()
    reading = read(folder, None, voxel_um=100)
    assert len(reading.neurons) and len(reading.arbors) == len(reading.neurons)
    assert not any(name.startswith("axon_in_") for name in reading.neurons)
    assert projection_table(reading.neurons, [], source="s", simulated=True).empty
    assert outline_table(None, ["A"]).empty
    assert reading.quality["n_neurons"].sum() == len(reading.neurons) + len(reading.set_aside)
    assert set(reading.checks["check"]) == {"axis order", "unit", "outside", "registration"}


def test_axon_length_by_target_is_that_of_the_pieces(atlas, tmp_path):
    (tmp_path / "one.swc").write_text(
        "1 1 5000 2600 3000 1 -1\n2 2 7000 2600 3000 1 1\n3 2 7000 3000 3000 1 2\n"
    )
    options = {"atlas": atlas, "targets": ["A", "B", "B1"], "voxel_um": 25}
    table = read_folder(tmp_path, regions=["A", "B"], **options).neurons
    # 1000 µm in A (AP below 6000), then 1000 of B1 (DV below 2800), then 200 of B1 and 200 of B
    found = table[["axon_in_A_um", "axon_in_B1_um", "axon_in_B_um"]].to_numpy()
    np.testing.assert_allclose(found, [[1000, 1200, 200]])
    assert table["flags"].tolist() == ["no dendrite;region by lookup"]


def test_labels_are_those_of_single_lookups(atlas):
    labels = atlas.labels(["B", "A"])
    cells = np.argwhere(labels >= 0)[::97]
    rolled = atlas.roll_up(atlas.region_at((cells + 0.5) * 200), ["B", "A"])
    names = {"B": 1, "A": 2}
    inside = atlas.labels([])[tuple(cells.T)] > 0
    expected = [names.get(name, 3 if there else 0) for name, there in zip(rolled, inside, strict=True)]
    assert labels[tuple(cells.T)].tolist() == expected
    fine = atlas.labels_on_grid(["B", "A"], 100).reshape(132, 80, 114)
    np.testing.assert_array_equal(fine[::2, ::2, ::2], labels[:66, :40, :57])
    np.testing.assert_array_equal(fine[1::2, 1::2, 1::2], labels)


def area(ring):
    """Signed area of a closed ring."""
    x, y = ring[:-1].T
    return 0.5 * (x * np.roll(y, -1) - y * np.roll(x, -1)).sum()


def test_rings_enclose_what_they_are_traced_from():
    generator = np.random.default_rng(5)
    for _ in range(30):
        mask = generator.random((9, 7)) < 0.5
        rings = trace(mask)
        assert abs(sum(area(ring) for ring in rings)) == mask.sum()  # holes turn the other way round
        for ring in rings:
            assert (ring[0] == ring[-1]).all() and (np.abs(np.diff(ring, axis=0)) > 0).sum(axis=1).max() == 1
    assert trace(np.zeros((3, 3), bool)) == []


def test_outlines_are_silhouettes(atlas):
    table = outline_table(atlas, ["A"])
    assert set(table["structure"]) == {"brain", "A"} and set(table["view"]) == {"AP-ML", "AP-DV", "ML-DV"}
    part = table[(table["structure"] == "A") & (table["view"] == "ML-DV")]
    assert (part["x_um"].min(), part["x_um"].max()) == (2400, 9000)
    assert (part["y_um"].min(), part["y_um"].max()) == (1600, 4400)
    assert outline_table(None, ["A"]).empty and list(outline_table(None, [])) == list(table)


def test_the_quality_table_counts_every_file(source, atlas):
    folder = source(n=12)
    (folder / "n00.swc").write_text("nonsense")
    (folder / "n01.swc").unlink()
    (folder / "extra.swc").write_text("1 1 5000 3000 4000 1 -1\n")
    (folder / "n02.swc").write_text("1 1 5000 3000 4000 1 -1\n2 2 5010 3000 4000 1 1\n")
    table = pd.read_csv(folder / "index.csv")
    table.loc[3, "region"] = None
    table.to_csv(folder / "index.csv", index=False)
    reading = read(folder, atlas, regions=["A"], max_bad_share=0.3)
    counts = reading.quality.groupby("outcome")["n_neurons"].sum()
    assert counts.sum() == 13 and counts["used"] + counts.get("used without dendrite", 0) == len(
        reading.neurons
    )
    assert counts["set aside: unlisted"] == 1 and counts["set aside: no region"] == 1
    assert counts["other region"] == reading.n_elsewhere
    kinds = dict(zip(reading.set_aside["file"], reading.set_aside["kind"], strict=True))
    assert kinds["extra.swc"] == "unlisted" and kinds["n03.swc"] == "no region"


def test_what_cannot_be_made_is_refused(source, atlas):
    folder = source(n=3)
    with pytest.raises(InputError, match="Targets"):
        read(folder, None, targets=["A"])
    with pytest.raises(InputError, match="somata"):
        read_folder(folder, atlas=atlas, soma_columns=["ap", "dv", "ml"])
    with pytest.raises(InputError, match="axes"):
        read(folder, atlas, axis_order=("AP", "AP", "ML"))
    with pytest.raises(InputError, match="unit"):
        read(folder, atlas, unit_um=-1)
    with pytest.raises(InputError, match="volume"):
        Atlas().labels(["CP"])


def test_progress_goes_to_the_log_with_counts_and_rate(monkeypatch, caplog):
    clock = iter(range(0, 1000, 7))
    monkeypatch.setattr("digimus.morphology.folder.time.monotonic", lambda: float(next(clock)))
    with caplog.at_level("INFO"):
        assert list(_told(iter("abcdef"), 6, "neurons read")) == list("abcdef")
    assert caplog.messages == [
        "neurons read: 3 done, 3 left, 0.1 a second",
        "neurons read: 6 done, 0 left, 0.1 a second",
    ]


def test_neurons_of_other_regions_serve_the_checks_alone(source, atlas):
    reading = read(source(n=20), atlas, regions=["A"])
    assert row_of(reading, "axis order").n_neurons == 20 > len(reading.neurons)
    assert set(reading.neurons["region"]) == {"A"}


# Threads


def test_threads_change_nothing(source, atlas, tmp_path):
    folder = source(n=40)
    found = []
    for threads in (1, 2, 3):
        with PointsWriter(tmp_path / f"{threads}.h5") as points:
            options = {"voxel_um": 25, "targets": ["A", "B"], "points": points, "threads": threads}
            found.append(read(folder, atlas, **options))
    for other in found[1:]:
        for table in ("neurons", "checks", "quality", "set_aside"):
            pd.testing.assert_frame_equal(getattr(found[0], table), getattr(other, table))
        assert (found[0].arbors.axon != other.arbors.axon).nnz == 0
        assert [one.id for one in other.morphologies] == list(found[0].neurons["id"])
    one, two = (read_points(tmp_path / f"{threads}.h5") for threads in (1, 2))
    np.testing.assert_array_equal(one.axon_xyz, two.axon_xyz)
    assert list(one.ids) == list(found[0].neurons["id"]) and list(one.regions) == list(
        found[0].neurons["region"]
    )


# Real neurons


@pytest.fixture(scope="module")
def ccf(real_data):
    """The Allen annotation volume with the structure tree."""
    return Atlas(real_data / "ontology" / "annotation_25.nrrd")


@pytest.mark.real_data
def test_the_older_registration_of_the_published_set_is_found(real_data, ccf):
    place = real_data / "morphology" / "seu_allen"
    options = {
        **{
            "index": place / "index.csv",
            "region_column": "published_soma_region",
            "atlas": ccf,
            "keep": False,
        },
        **{"soma_table": place / "soma_table_1741.csv", "soma_key": "Cell name", "regions": ["CP", "VPM"]},
        **{"soma_columns": ["Soma_x", "Soma_y", "Soma_z"], "threads": 2},
    }
    reading = read_folder(place / "swc", "*.swc.xz", **options)
    checks = reading.checks.set_index("check")
    assert checks.loc["registration", "verdict"] == "differs"
    assert checks.loc["registration", "n_for"] < 0.3 * checks.loc["registration", "n_neurons"]
    assert "another registration" in checks.loc["registration", "detail"]
    assert list(checks.loc[["unit", "axis order", "outside"], "verdict"]) == ["agrees"] * 3
    moved = float(re.search(r"moved by (\d+) µm", checks.loc["registration", "found"]).group(1))
    assert 300 < moved < 600
    assert reading.quality["n_neurons"].sum() == 200


@pytest.mark.real_data
def test_swapped_axes_of_the_published_set_are_found(real_data, ccf):
    place = real_data / "morphology" / "seu_allen"
    options = {"index": place / "index.csv", "region_column": "published_soma_region", "atlas": ccf}
    reading = read_folder(
        place / "swc", "*1.swc.xz", **options, axis_order=LEGACY, keep=False, max_bad_share=1, threads=2
    )
    row = row_of(reading, "axis order")
    assert (row.verdict == "differs" and row.found == "AP DV ML") or row.verdict == "undecided"
    assert row.n_against > 5 * max(row.n_for, 1)


@pytest.mark.real_data
def test_mouselight_files_of_both_conventions_are_told_apart(real_data, ccf, tmp_path):
    place = real_data / "morphology" / "mouselight"
    reading = read_folder(place, "AA*.swc", atlas=ccf, axis_order="header", regions=["Isocortex", "HPF"])
    rows = reading.checks[reading.checks["check"] == "axis order"].set_index("found")
    assert rows["n_neurons"].to_dict() == {"AP DV ML": 3, "ML DV AP": 6}
    assert set(rows["verdict"]) == {"agrees"} and set(rows["basis"]) == {"header"}
    declared = read_folder(place, "AA*.swc", atlas=ccf, regions=["Isocortex", "HPF"])
    row = row_of(declared, "axis order")
    assert (row.verdict, row.n_for, row.n_against) == ("differs", 3, 6)

    for path in place.glob(
        "AA*.swc"
    ):  # without the headers of the older files, five fit one way, none the other
        text = path.read_text()
        stripped = re.sub(r"(?m)^#.*\n", "", text)
        (tmp_path / path.name).write_text(text if "CCFv3" in text else stripped)
    bare = read_folder(tmp_path, atlas=ccf, axis_order="header", regions=["Isocortex"], max_bad_share=1)
    row = bare.checks[bare.checks["declared"] == "header (not stated)"].iloc[0]
    assert (row["verdict"], row["n_for"], row["n_against"]) == ("undecided", 5, 0)
    assert list(bare.set_aside["kind"]) == ["axis undecided"] * 6 and "ML DV AP" in row["detail"]


@pytest.mark.real_data
def test_the_fifty_published_regions_serve_as_regions_and_targets(real_data, ccf):
    (path,) = (real_data / "motif_priors").glob("fig2_region_NZ_matrix.csv")
    regions = list(pd.read_csv(path)["region"])
    counts = np.bincount(ccf.labels(regions).ravel(), minlength=52)
    assert len(regions) == 50 and (counts[1:51] > 0).all()
    grid = ccf.labels_on_grid(regions, 25).reshape(528, 320, 456)
    np.testing.assert_array_equal(np.bincount(grid.ravel(), minlength=52), counts)
    layers = ccf.roll_up(["VISp5", "MOs2/3", "AUDd1", "CA1", "CP"], regions)
    assert layers == ["VISp", "MOs", "AUDd", "CA1", None]


def test_an_order_that_others_beat_is_refuted_though_none_of_them_wins():
    shares = np.full((12, 3), 0.9)
    shares[:, 0] = 0.2
    shares[:6, 1] = shares[6:, 2] = 1.0  # the other two fit equally often better
    found = contest(shares)
    assert found.best is None
    p, refuted = found.refuted(0)
    assert refuted and p == pytest.approx(2 * 0.5**12)
    assert not found.refuted(1)[1] and not found.refuted(2)[1]
    assert not contest(shares[:4]).refuted(0)[1]  # too few neurons


def test_no_order_is_refuted_by_chance_more_often_than_stated():
    generator = np.random.default_rng(5)
    refuted = [contest(generator.random((30, 6))).refuted(0)[1] for _ in range(400)]
    assert np.mean(refuted) < 0.08
