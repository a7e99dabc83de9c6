"""Reading neurons: dialects of SWC, MouseLight JSON, packed files, headers, and everything malformed."""

import copy
import gzip
import json
import lzma
import math
import os
import re
import socket
import struct
import threading
import time
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from digimus.errors import InputError
from digimus.morphology import (
    HeaderSpace,
    Neuron,
    check,
    header_space,
    neuron_files,
    neuron_id,
    read_neuron,
    read_swc,
    segment_lengths_um,
)
from digimus.morphology import contents as contents_module
from digimus.morphology import files as files_module
from digimus.morphology import mouselight as mouselight_module
from digimus.morphology.contents import LARGEST_BYTES, contents

ROWS = """1 1 5000 3000 4000 8 -1
2 2 5010 3000 4000 0.5 1
3 2 5010 3020 4000 0.5 2
4 3 5000 3000 4030 0.5 1
5 4 5000 3000 4070 0.5 4
"""
WORDS = "Axes> {}: Anterior-Posterior; Y: Inferior-Superior; {}:Left-Right\n"
NEW = "# Annotation Space:\t\tCCFv3.0             " + WORDS.format("X", "Z")
OLD = "# Annotation Space: CCFv2.5 (ML legacy) " + WORDS.format("Z", "X")
OLDEST = "# Please consult Terms-of-Use at https://mouselight.janelia.org when referencing this.\n# DOI: x\n"
ESWC = "##n,type,x,y,z,radius,parent,seg_id,level,mode,timestamp,TFresindex\n"


@pytest.fixture
def swc(tmp_path):
    """Write text or bytes as a file and give its path."""

    def write(content=ROWS, name="one.swc"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def zipped(path, members, **options):
    """A zip archive of named contents."""
    with zipfile.ZipFile(path, "w", compression=options.pop("compression", zipfile.ZIP_DEFLATED)) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def node(number, kind, x, y, z, parent, radius=1):
    fields = ("sampleNumber", "structureIdentifier", "x", "y", "z", "radius", "parentNumber")
    return dict(zip(fields, (number, kind, x, y, z, radius, parent), strict=True)) | {"allenId": 1}


def mouselight(name="AA0001", **fields):
    """A neuron as MouseLight writes it: five nodes, the soma in both lists."""
    soma = node(1, 1, 5000, 3000, 4000, -1, radius=8)
    return {
        "idString": name,
        "DOI": "n/a",
        "sample": {"date": "2020-01-13", "strain": "C57"},
        "label": {"virus": "AAV", "fluorophore": "eGFP"},
        "annotationSpace": {"version": 3, "description": NEW[2:].strip()},
        "soma": {"x": 5000, "y": 3000, "z": 4000, "allenId": 1},
        "axon": [dict(soma), node(2, 2, 5010, 3000, 4000, 1, 0.5), node(3, 2, 5010, 3020, 4000, 2, 0.5)],
        "dendrite": [soma, node(2, 3, 5000, 3000, 4030, 1, 0.5), node(3, 4, 5000, 3000, 4070, 2, 0.5)],
        "allenInformation": [{"allenId": 1, "name": 'a "quoted" {name} ['}],
    } | fields


def as_json(*neurons, comment="Generated 2021/11/27."):
    return json.dumps({"comment": comment, "neurons": list(neurons)}, indent=1)


def same(neuron, other):
    """Whether two neurons have the same nodes in the same order."""
    pairs = (
        (getattr(neuron, name), getattr(other, name)) for name in ("xyz_um", "radius_um", "kind", "parent")
    )
    return all(np.array_equal(a, b) for a, b in pairs) and np.array_equal(neuron.soma_um, other.soma_um)


# Dialects of SWC


def test_a_plain_file_gives_positions_kinds_parents_and_header(swc):
    neuron = read_swc(swc("# one\n# two µ\n" + ROWS + "# three\n"))
    assert (neuron.id, neuron.header) == ("one", "# one\n# two µ")
    assert neuron.xyz_um.shape == (5, 3) and neuron.xyz_um.dtype == np.float64
    np.testing.assert_array_equal(neuron.xyz_um[2], [5010, 3020, 4000])
    np.testing.assert_array_equal(neuron.kind, [1, 2, 2, 3, 4])
    np.testing.assert_array_equal(neuron.parent, [-1, 0, 1, 0, 3])
    np.testing.assert_array_equal(neuron.radius_um, [8, 0.5, 0.5, 0.5, 0.5])
    np.testing.assert_array_equal(neuron.soma_um, [5000, 3000, 4000])
    np.testing.assert_array_equal(segment_lengths_um(neuron), [0, 10, 20, 30, 40])
    assert read_swc(swc()).header == ""


@pytest.mark.parametrize(
    "text",
    [
        "# a comment, µ\n\n" + ROWS,
        ROWS.replace("4 3", "# here too\n\n  # and here\n4 3"),
        ROWS.replace(" ", "\t"),
        ROWS.replace(" ", " \t  "),
        ROWS.replace("\n", "\r\n"),
        ROWS.replace("\n", "\r"),
        "# mixed\r" + ROWS.replace("\n", "\r\n", 2),
        ROWS.rstrip("\n"),
        ROWS.replace("5000", "5e3").replace("0.5", "+.5"),
        ROWS.replace("5000", "50000000000000000000000e-19").replace("4000", "4000.00000000000000000000"),
        ROWS.replace(" 8 ", " 8.0 ").replace("1 1 ", "1.0 1.0 ").replace(" -1", " -1.0"),
        "".join(f"  {line}  # why\n" for line in ROWS.splitlines()),
        "".join(f"{line}#why\n" for line in ROWS.splitlines()),
        "\ufeff" + ROWS,
        "\ufeff# comment\n" + ROWS,
        "\n".join(sorted(ROWS.splitlines(), reverse=True)),
        ROWS.replace("8 -1", "8 1"),
        ROWS.replace("8 -1", "8 -2"),
        ESWC + ROWS.replace("\n", " 0 1 2 1.5e9 7\n"),
    ],
    ids="comment midfile tabs blanks crlf cr mixed no-newline exponents long floats inline glued bom "
    "bom-comment unsorted self-parent other-negative eswc".split(),
)
def test_variants_of_the_format_read_the_same(swc, text):
    neuron, plain = read_swc(swc(text)), read_swc(swc(name="plain.swc"))
    order = np.lexsort(neuron.xyz_um.T), np.lexsort(plain.xyz_um.T)
    for name in ("xyz_um", "kind", "radius_um"):
        np.testing.assert_array_equal(getattr(neuron, name)[order[0]], getattr(plain, name)[order[1]])
    assert segment_lengths_um(neuron).sum() == segment_lengths_um(plain).sum() == 100
    assert (neuron.parent == -1).sum() == 1


def test_several_roots_self_parents_gaps_in_ids_and_unknown_kinds_are_kept(swc):
    neuron = read_swc(swc("7 1 0 0 0 1 7\n100 9 5 0 0 1 7\n50 2 9 0 0 1 -1\n51 2 9 3 0 1 50\n"))
    np.testing.assert_array_equal(neuron.parent, [-1, 0, -1, 2])
    np.testing.assert_array_equal(neuron.kind, [1, 9, 2, 2])
    large = read_swc(swc("9007199254740991 1 0 0 0 1 -1\n3 0 5 0 0 1 9007199254740991\n"))
    np.testing.assert_array_equal(large.parent, [-1, 0])


def test_a_soma_of_three_points_or_a_contour_lies_in_its_middle(swc):
    three = "1 1 100 200 300 8 -1\n2 1 100 192 300 8 1\n3 1 100 208 300 8 1\n4 2 130 200 300 1 1\n"
    np.testing.assert_allclose(read_swc(swc(three)).soma_um, [100, 200, 300])
    angles = 2 * np.pi * np.arange(12) / 12
    rows = [
        f"{k + 1} 1 {50 + 9 * np.cos(a)} {60 + 9 * np.sin(a)} 70 1 {k or -1}" for k, a in enumerate(angles)
    ]
    np.testing.assert_allclose(read_swc(swc("\n".join(rows))).soma_um, [50, 60, 70])
    loose = read_swc(swc(ROWS + "6 1 5000 3000 4029 8 -1\n7 1 5000 3000 4098 8 1\n"))
    np.testing.assert_allclose(loose.soma_um, [5000, 3000, 4000 + (29 + 98) / 3])


def test_further_columns_need_a_header_or_a_name_that_explains_them(swc):
    rows = ROWS.replace("\n", " 0 1\n")
    for path in (swc(rows, "a.eswc"), swc("#n type x y z radius parent seg_id level\n" + rows, "b.swc")):
        assert same(read_neuron(path), read_swc(swc()))
    for text in (rows, "# n type x y z radius parent\n" + rows, ESWC + rows.replace("8 -1 0 1", "8 -1 0")):
        with pytest.raises(InputError, match="columns"):
            read_swc(swc(text, "c.swc"))


def test_columns_are_taken_by_their_names_or_refused(swc):
    swapped = read_swc(swc("##n type z y x r parent\n1 1 3 2 1 1 -1\n"))
    np.testing.assert_array_equal(swapped.xyz_um, [[1, 2, 3]])
    prose = read_swc(swc("# positions (x,y,z) were scaled\n# then n and x y z and parent\n1 1 3 2 1 1 -1\n"))
    np.testing.assert_array_equal(prose.xyz_um, [[3, 2, 1]])
    for names in ("# id x y z r type parent", "# n,type,parent,x,y,z,radius", "# n parent x y z radius type"):
        with pytest.raises(InputError, match="another order"):
            read_swc(swc(names + "\n" + ROWS))


def test_an_offset_in_the_header_is_added_in_the_unit_of_the_file(swc):
    text = "# ORIGINAL_SOURCE Janelia\n# OFFSET 10.5 20 -30\n1 1 1 2 3 1 -1\n"
    np.testing.assert_array_equal(read_swc(swc(text)).xyz_um, [[11.5, 22, -27]])
    turned = read_swc(swc(text), axis_order=("ML", "DV", "AP"), unit_um=2)
    np.testing.assert_array_equal(turned.xyz_um, [[-54, 44, 23]])
    none = read_swc(swc("# OFFSET 0 0 0\n# SCALE 1.0 1.0 1.0\n1 1 1 2 3 1 -1\n"))
    np.testing.assert_array_equal(none.xyz_um, [[1, 2, 3]])


# Numbers


@pytest.mark.parametrize(
    "text",
    ["2317.8250000000007", "-0.1", "1e-3", "12345678901234567890e-16", ".000000000000000000012", "4E+2", "7."]
    + ["9007199254740993", "0.9007199254740993", "900719925474099.35", "123456789012345678", "1e-400"]
    + [
        "0.30000000000000004",
        "179769.31348623157",
        "2.2250738585072011e-308",
        "5e-324",
        "00000000000000000000012",
    ],
)
def test_numbers_are_those_of_python(swc, text):
    got = read_swc(swc(f"1 1 {text} 0 0 {text} -1\n"), unit_um=1e-12).radius_um[0]
    assert got == float(text) * 1e-12


@given(
    st.lists(
        st.one_of(
            st.floats(-1e6, 1e6).map(repr),
            st.decimals(-(10**6), 10**6, places=12).map(str),
            st.from_regex(r"\A-?[0-9]{1,6}\.[0-9]{0,14}\Z"),
            st.from_regex(r"\A[+-]?(0{0,20}[0-9]{0,5}\.[0-9]{1,25})(e[+-]?[0-9]{1,2})?\Z"),
        ).filter(lambda text: abs(float(text)) <= 1e6),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=150, deadline=None)
def test_any_number_is_read_exactly(tmp_path_factory, texts):
    path = tmp_path_factory.getbasetemp() / "numbers.swc"
    path.write_text("".join(f"{k} {k == 0:d} {text} 0 {text} 0 {k - 1}\n" for k, text in enumerate(texts)))
    xyz_um = read_swc(path).xyz_um
    assert xyz_um[:, 0].tolist() == xyz_um[:, 2].tolist() == [float(text) for text in texts]


# Axes, units and headers


def test_axes_and_units_follow_the_source_or_the_header(swc):
    path = swc(NEW + "1 1 1 2 3 1 -1\n")
    np.testing.assert_array_equal(read_swc(path, axis_order=("ML", "DV", "AP")).xyz_um, [[3, 2, 1]])
    np.testing.assert_array_equal(read_swc(path, axis_order=("ml", "ap", "dv")).xyz_um, [[2, 3, 1]])
    np.testing.assert_array_equal(read_swc(path, axis_order="header", unit_um=10).xyz_um, [[10, 20, 30]])
    for header in (OLD, OLDEST):
        older = swc(header + "1 1 1 2 3 1 -1\n", "older.swc")
        np.testing.assert_array_equal(
            read_swc(older, axis_order="header", unit_um="header").xyz_um, [[3, 2, 1]]
        )
    voxels = read_swc(swc("# coordinates in 25 µm voxels\n1 1 1 2 3 1 -1\n"), unit_um="header")
    np.testing.assert_array_equal(voxels.xyz_um, [[25, 50, 75]])
    assert voxels.radius_um[0] == 25
    for wrong in ({"axis_order": ("AP", "AP", "ML")}, {"axis_order": 3}, {"unit_um": 0}, {"unit_um": "um"}):
        with pytest.raises(InputError):
            read_swc(path, **wrong)
    for silent in ({"axis_order": "header"}, {"unit_um": "header"}):
        with pytest.raises(InputError, match="header does not say"):
            read_swc(swc(), **silent)
    with pytest.raises(InputError, match="voxel"):
        read_swc(swc("# unit: voxels\n" + ROWS), unit_um="header")


LEGACY = ("ML", "DV", "AP")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", HeaderSpace()),
        (NEW, HeaderSpace("CCFv3.0", ("AP", "DV", "ML"), 1.0, "micrometre")),
        (OLD, HeaderSpace("CCFv2.5 (ML legacy)", LEGACY, 1.0, "micrometre")),
        (OLDEST, HeaderSpace("MouseLight before CCFv3", LEGACY, 1.0, "micrometre")),
        (OLDEST + "# Sample Subject: 7\n", HeaderSpace()),
        ("# Annotation Space: CCFv3.0", HeaderSpace("CCFv3.0", ("AP", "DV", "ML"), 1.0, "micrometre")),
        ("# Annotation Space: other", HeaderSpace("other")),
        (NEW + OLD, HeaderSpace("CCFv3.0")),
        ("##n type x y z r parent", HeaderSpace()),
        ("# id,type,x,y,z,r,pid", HeaderSpace()),
        ("# ORIGINAL_SOURCE NeuronStudio\n# CREATURE mouse\n# SCALE 0.5 0.5 1.0", HeaderSpace()),
        ("#name vaa3d_traced_neuron\n#comment \n" + ESWC, HeaderSpace()),
        ("# imaged at 561 nm\n# 40 px borders", HeaderSpace()),
        ("# Units: voxels", HeaderSpace(unit="voxel")),
        ("# unit = nm", HeaderSpace(unit_um=1e-3, unit="nanometre")),
        ("# coordinates are in microns", HeaderSpace(unit_um=1.0, unit="micrometre")),
        ("# in nm\n# in um", HeaderSpace()),
        (
            "# CCFv3 micrometres: x anterior-posterior, y dorsal-ventral, z left-right",
            HeaderSpace("CCFv3", ("AP", "DV", "ML"), 1.0, "micrometre"),
        ),
        ("# x: AP, y: DV", HeaderSpace()),
        ("# x: AP, y: DV, z: DV", HeaderSpace()),
    ],
)
def test_headers_say_only_what_they_say(header, expected):
    assert header_space(header) == expected


@pytest.mark.parametrize(
    "filler",
    [
        "\n",
        " ",
        "#",
        "# OFFSET :",
        "# in unit   of ",
        "# x   :",
        "# annotation space:  ",
        "# n type x y z\n",
        "1",
    ],
)
def test_long_headers_are_read_in_time_that_grows_with_their_length(swc, filler):
    text = "#" + filler * 100_000 + "\n" + ROWS
    neuron = read_swc(swc(text))
    assert header_space(neuron.header).axis_order is None and len(neuron) == 5


# Packed files and archives


def test_compressed_files_and_their_ids(swc):
    plain = read_swc(swc())
    for suffix, compress in ((".gz", gzip.compress), (".xz", lzma.compress)):
        path = swc(compress(ROWS.encode()), f"17302_00001.swc{suffix}")
        assert read_neuron(path).id == read_swc(path).id == "17302_00001"
        assert same(read_neuron(path), plain)
        assert same(read_neuron(swc(compress(as_json(mouselight()).encode()), f"a.json{suffix}")), plain)
    half = len(ROWS) // 2
    for compress in (gzip.compress, lzma.compress):
        joined = b"".join(compress(part.encode()) for part in (ROWS[:half], ROWS[half:]))
        assert same(read_neuron(swc(joined, "two_streams.swc")), plain)


def test_members_of_archives_read_as_files_do(swc, tmp_path):
    members = [
        ("deep/er/AA1.swc", ROWS),
        ("AA2.swc.xz", lzma.compress(ROWS.encode())),
        ("AA3.json", as_json(mouselight("AA3"))),
        ("bulk.json.gz", gzip.compress(as_json(mouselight("B1"), mouselight("B2")).encode())),
        ("README.txt", "not a neuron"),
        ("__MACOSX/._AA1.swc", b"\x00\x05"),
        ("folder/", ""),
    ]
    archive = zipped(tmp_path / "all.zip", members)
    names = ["AA2.swc.xz", "AA3.json", "bulk.json.gz#B1", "bulk.json.gz#B2", "deep/er/AA1.swc"]
    assert neuron_files(tmp_path, "*.zip") == [f"all.zip/{name}" for name in names]
    assert neuron_files(tmp_path, "*.zip/*.swc") == ["all.zip/deep/er/AA1.swc"]
    plain = read_swc(swc(name="plain.swc"))
    for name in neuron_files(tmp_path, "*.zip"):
        neuron = read_neuron(tmp_path / name)
        assert same(neuron, plain) and neuron.id == neuron_id(name)
        assert str(neuron.path) == str(tmp_path / name)
    zipped(archive, [("only.swc", ROWS.replace("4070", "4080"))])
    later = read_neuron(archive)
    assert later.id == "all" and segment_lengths_um(later).sum() == 110
    os.mkdir(tmp_path / "folder.zip")
    assert same(read_neuron(swc(name="folder.zip/inner.swc")), plain)


def test_files_are_listed_whatever_is_wrong_with_them(swc, tmp_path):
    swc(name="a/one.swc")
    swc("junk", "a/broken.zip")
    swc("{", "a/broken.json")
    zipped(tmp_path / "a" / "empty.zip", [])
    swc(as_json(mouselight("x")), "a/single.json")
    swc(as_json(mouselight("x"), mouselight("y", idString=""), mouselight("z/#1")), "a/several.json")
    os.symlink("nowhere", tmp_path / "a" / "dangling.swc")
    found = neuron_files(tmp_path, "a/*")
    several = [f"a/several.json#{name}" for name in ("2", "x", "z/#1")]
    assert found == [
        "a/broken.json",
        "a/broken.zip",
        "a/dangling.swc",
        "a/empty.zip",
        "a/one.swc",
        *several,
    ] + ["a/single.json"]
    readable = [*several, "a/one.swc", "a/single.json"]
    assert [read_neuron(tmp_path / name).id for name in readable] == ["2", "x", "z/#1", "one", "single"]
    for name in set(found) - set(readable):
        with pytest.raises(InputError):
            read_neuron(tmp_path / name)
    assert neuron_files(tmp_path / "a", "*.none") == [] == neuron_files(tmp_path / "b", "*")
    with pytest.raises(InputError, match="pattern"):
        neuron_files(tmp_path, "/*.swc")


def test_names_without_folders_and_suffixes():
    names = [
        "a/b/AA1.swc",
        "AA1.SWC.gz",
        "x.zip/in/AA1.json.xz",
        "bulk.json#AA1",
        "AA1",
        "AA1.eswc",
        "AA1.zip",
    ]
    assert {neuron_id(name) for name in names} == {"AA1"}
    assert neuron_id("brain.7_x.swc.xz") == "brain.7_x" and neuron_id(".swc") == ".swc"


def test_a_file_may_have_a_number_sign_in_its_name(swc):
    assert read_neuron(swc(as_json(mouselight()), "a.json#b")).id == "a.json#b"


def test_threads_read_what_one_reader_reads(swc, tmp_path):
    texts = [ROWS.replace("4070", str(4070 + k)) for k in range(40)]
    zipped(tmp_path / "a.zip", [(f"{k}.swc", text) for k, text in enumerate(texts)])
    entries = [mouselight(f"N{k}", axon=[], soma=None) for k in range(40)]
    for k, entry in enumerate(entries):
        entry["dendrite"][2]["z"] = 4070 + k
    swc(as_json(*entries), "b.json")
    names = [*(f"a.zip/{k}.swc" for k in range(40)), *(f"b.json#N{k}" for k in range(40))] * 3
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: read_neuron(tmp_path / name).xyz_um[-1, 2], names))
    assert found == [4070 + k for k in range(40)] * 6


# MouseLight JSON


def test_json_and_swc_of_one_neuron_agree(swc):
    plain = read_swc(swc())
    path = swc(as_json(mouselight()), "AA0001.json")
    neuron = read_neuron(path, axis_order="header", unit_um="header")
    assert same(neuron, plain) and neuron.id == "AA0001"
    assert header_space(neuron.header) == header_space(NEW) and "# Neuron Id: AA0001" in neuron.header
    old = mouselight(annotationSpace={"version": 2.5, "description": OLD[len("# Annotation Space: ") :]})
    turned = read_neuron(swc(as_json(old), "old.json"), axis_order="header")
    np.testing.assert_array_equal(turned.xyz_um, plain.xyz_um[:, ::-1])
    bare = {
        key: value for key, value in mouselight().items() if key not in ("annotationSpace", "soma", "label")
    }
    oldest = as_json(bare, comment=OLDEST[2:])
    np.testing.assert_array_equal(
        read_neuron(swc(oldest, "oldest.json"), axis_order="header").soma_um[0], 4000
    )
    with pytest.raises(InputError, match="header does not say"):
        read_neuron(swc(as_json(bare), "silent.json"), axis_order="header")
    more = json.dumps({"samples": [{}, {"a": [{}]}], "neurons": [mouselight()], "also": [{"b": 1}]})
    assert same(read_neuron(swc(more, "more.json")), plain)
    alone = json.dumps({"neuron": mouselight(), "comment": "µ"}, ensure_ascii=False)
    assert same(read_neuron(swc(alone, "alone.json")), plain)


def test_json_with_one_part_or_untyped_nodes_or_roots_in_any_order(swc):
    whole = mouselight()
    axon = read_neuron(swc(as_json(whole | {"dendrite": []}), "a.json"))
    np.testing.assert_array_equal(axon.kind, [1, 2, 2])
    dendrite = read_neuron(swc(as_json(whole | {"axon": None}), "d.json"))
    np.testing.assert_array_equal(dendrite.kind, [1, 3, 4])
    untyped = copy.deepcopy(whole)
    untyped["axon"][2]["structureIdentifier"] = 6
    untyped["dendrite"][1]["structureIdentifier"] = 5
    assert same(read_neuron(swc(as_json(untyped), "u.json")), read_swc(swc()))
    shuffled = copy.deepcopy(whole)
    shuffled["dendrite"].reverse()
    turned = read_neuron(swc(as_json(shuffled), "s.json"))
    np.testing.assert_array_equal(turned.kind, [1, 2, 2, 4, 3])
    np.testing.assert_array_equal(turned.parent, [-1, 0, 1, 4, 0])


def test_one_of_several_is_read_by_its_id_from_a_file_that_changes(swc):
    neurons = [mouselight(f"N{k}") for k in range(5)]
    for k, entry in enumerate(neurons):
        entry["axon"][2]["y"] = 3020 + k
    path = swc(as_json(*neurons), "bulk.json")
    for k in (3, 0, 4):
        neuron = read_neuron(f"{path}#N{k}")
        assert neuron.id == f"N{k}" and segment_lengths_um(neuron).sum() == 100 + k
    swc(as_json(*neurons[::-1], comment="again, longer"), "bulk.json")
    assert segment_lengths_um(read_neuron(f"{path}#N3", id="mine")).sum() == 103
    for name in ("bulk.json", "bulk.json#N9"):
        with pytest.raises(InputError, match="which neuron"):
            read_neuron(path.parent / name)


def test_several_threads_load_a_file_of_many_neurons_once(swc, monkeypatch):
    path = swc(as_json(*(mouselight(f"N{k}") for k in range(8))), "bulk.json")
    loaded, together = [], threading.Barrier(8)

    def find(data, place):
        loaded.append(place)
        time.sleep(0.05)  # the others come meanwhile
        return find_neurons(data, place)

    find_neurons = files_module.find_neurons
    monkeypatch.setattr(files_module, "find_neurons", find)

    def one(k):
        together.wait(timeout=30)
        return read_neuron(f"{path}#N{k}").id

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == [f"N{k}" for k in range(8)]
    assert len(loaded) == 1


@pytest.mark.real_data
def test_published_json_agrees_with_published_swc(real_data):
    place = real_data / "morphology" / "mouselight"
    swc, json_ = (read_neuron(place / f"AA1506.{kind}", axis_order="header") for kind in ("swc", "json"))
    np.testing.assert_array_equal(swc.parent, json_.parent)
    np.testing.assert_array_equal(swc.kind, json_.kind)
    np.testing.assert_allclose(swc.xyz_um, json_.xyz_um, atol=1e-6)
    assert header_space(swc.header) == header_space(json_.header)
    spaces = {name: header_space(read_neuron(place / name).header) for name in neuron_files(place, "AA*")}
    new = {name for name, said in spaces.items() if said.axis_order == ("AP", "DV", "ML")}
    assert new == {"AA0001.swc", "AA0002.swc", "AA0004.swc"}
    assert all(said.axis_order == LEGACY for name, said in spaces.items() if name not in new)


# Malformed files


def json_with(**changes):
    return as_json(mouselight() | changes)


def nodes_with(part, place, **fields):
    """JSON with some fields of one node changed; None removes a field."""
    entry = copy.deepcopy(mouselight())
    target = entry[part][place]
    target.update(fields)
    for name in [name for name, value in fields.items() if value is None]:
        del target[name]
    return as_json(entry)


def chain_of(n):
    """A soma and a ring of n nodes."""
    return "1 1 0 0 0 1 -1\n" + "".join(f"{k + 2} 2 {k} 0 0 1 {(k + 1) % n + 2}\n" for k in range(n))


def encrypted(path):
    """An archive whose member is flagged as encrypted."""
    data = bytearray(zipped(path, [("a.swc", ROWS)]).read_bytes())
    for signature, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + place] |= 1
    path.write_bytes(data)
    return path


def nameless(path):
    """An archive whose member has an empty name: names end at a zero byte."""
    path.write_bytes(zipped(path, [("QQ.swc", ROWS)]).read_bytes().replace(b"QQ", b"\0Q"))
    return path


def flipped(path):
    """An archive with a bit of its member flipped."""
    data = bytearray(zipped(path, [("a.swc", ROWS * 3)], compression=zipfile.ZIP_STORED).read_bytes())
    data[60] ^= 1
    path.write_bytes(data)
    return path


def cut(path):
    """A file without its last bytes."""
    path.write_bytes(path.read_bytes()[:-30])
    return path


def link_to_itself(path):
    os.symlink(path, path)
    return path


def pipe(path):
    os.mkfifo(path)
    return path


def listening(path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))
    return path


def sparse(path):
    with open(path, "wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    return path


def with_a_large_dictionary():
    """xz data that ask for four gigabytes to be unpacked."""
    data = bytearray(lzma.compress(ROWS.encode()))
    end = 12 + 4 * data[12]
    data[16] = 40
    data[end : end + 4] = struct.pack("<I", zlib.crc32(data[12:end]))
    return bytes(data)


TEXTS = {
    "not SWC": ("hello world, this is\nnot a neuron\n", "not SWC"),
    "web page": ("<!DOCTYPE html>\n<html>404</html>\n", "web page"),
    "web page after a space": ("\n <html>404</html>\n", "web page"),
    "XML": ('<?xml version="1.0"?>\n<neuron/>\n', "web page"),
    "a CSV table": ("id,kind,x,y,z,radius,parent\n1,1,0,0,0,1,-1\n", "not SWC"),
    "commas between numbers": (ROWS.replace(" ", ","), "not SWC"),
    "decimal commas": (ROWS.replace("0.5", "0,5"), "not SWC"),
    "semicolons": (ROWS.replace(" ", ";"), "not SWC"),
    "binary": (bytes(range(256)) * 4, "binary"),
    "a zero byte": (ROWS.replace(" ", "\0", 1), "binary"),
    "UTF-16": (ROWS.encode("utf-16"), "UTF-16"),
    "UTF-16 big-endian": (b"\xfe\xff" + ROWS.encode("utf-16-be"), "UTF-16"),
    "UTF-16 without a mark": (ROWS.encode("utf-16-le"), "binary"),
    "not UTF-8 in a row": (ROWS.encode().replace(b"3020", b"30\xff0"), "not SWC"),
    "a mark in the middle": (ROWS + "\ufeff" + ROWS, "not SWC"),
    "empty": ("", "empty"),
    "white space": ("\n\n \t\r\n" * 2000, "empty"),
    "comments alone": ("# nothing\n# here\n", "empty"),
    "comments alone, no line end": ("# nothing", "empty"),
    "no soma": (ROWS.replace("1 1 5000", "1 2 5000"), "no soma"),
    "root of kind 0": (ROWS.replace("1 1 5000", "1 0 5000"), "no soma"),
    "two somata": (ROWS + "6 1 5000 3000 5000 8 -1\n", "more than one soma"),
    "two somata side by side": (ROWS + "6 1 5000 3000 4031 8 -1\n", "more than one soma"),
    "cycle of two": (chain_of(2), "cycle"),
    "cycle of three": (chain_of(3), "cycle"),
    "cycle of many": (chain_of(5000), "cycle"),
    "cycle, rows unsorted": ("\n".join(reversed(chain_of(7).splitlines())), "cycle"),
    "cycle without a root": ("1 1 0 0 0 1 2\n2 2 1 0 0 1 1\n", "cycle"),
    "nan": (ROWS.replace("3020", "NaN"), "finite"),
    "inf": (ROWS.replace("3020", "-inf"), "finite"),
    "nan radius": (ROWS.replace(" 8 ", " nan "), "finite"),
    "exponent out of range": (ROWS.replace("3020", "3e999"), "finite"),
    "exponent far out of range": (ROWS.replace("3020", "3e99999999999999999999"), "finite"),
    "exponent missing": (ROWS.replace("3020", "3e"), "not SWC"),
    "exponent of Fortran": (ROWS.replace("3020", "3.02d3"), "not SWC"),
    "infinity in full": (ROWS.replace("3020", "infinity"), "not SWC"),
    "two signs": (ROWS.replace("3020", "--3020"), "not SWC"),
    "two points": (ROWS.replace("3020", "30.2.0"), "not SWC"),
    "a point alone": (ROWS.replace("3020", "."), "not SWC"),
    "a minus of typography": (ROWS.replace("-1", "\u22121"), "not SWC"),
    "hexadecimal": (ROWS.replace("3020", "0x1F"), "not SWC"),
    "underscores": (ROWS.replace("3020", "3_020"), "not SWC"),
    "duplicate ids": (ROWS.replace("3 2 5010", "2 2 5010"), "used twice"),
    "the file twice": (ROWS + ROWS, "used twice"),
    "six columns": (ROWS.replace("0.5 2", "2"), "columns"),
    "eight columns": (ROWS.replace("0.5 2", "0.5 2 7"), "columns"),
    "eight columns everywhere": (ROWS.replace("\n", " 7\n"), "columns"),
    "columns that grow": (ESWC + ROWS.replace("0.5 4", "0.5 4 5"), "columns"),
    "cut in a row": (ROWS[:-12], "columns"),
    "one line": (ROWS.replace("\n", " "), "columns"),
    "missing parent": (ROWS.replace("0.5 4", "0.5 77"), "parent is missing"),
    "parent 0": (ROWS.replace("8 -1", "8 0"), "parent is missing"),
    "parent is a gap in the ids": ("9 1 0 0 0 1 -1\n3 2 0 0 1 1 4\n", "parent is missing"),
    "first row cut off": (ROWS.split("\n", 1)[1], "parent is missing"),
    "fractional id": (ROWS.replace("3 2 5010", "3.5 2 5010"), "whole"),
    "fractional parent": (ROWS.replace("0.5 2", "0.5 2.5"), "whole"),
    "fractional kind": (ROWS.replace("3 2 5010", "3 2.2 5010"), "whole"),
    "nan id": (ROWS.replace("3 2 5010", "nan 2 5010"), "whole"),
    "huge id": (ROWS.replace("3 2 5010", "9007199254740992 2 5010"), "whole"),
    "huge id, many digits": (ROWS.replace("3 2 5010", "3" * 40 + " 2 5010"), "whole"),
    "huge kind": (ROWS.replace("3 2 5010", "3 4294967298 5010"), "whole"),
    "negative ids": (ROWS.replace("3 2 5010", "-3 2 5010"), "negative"),
    "ids from -1": ("-1 1 0 0 0 1 -1\n0 2 1 0 0 1 -1\n", "negative"),
    "too far": (ROWS.replace("3020", "3e9"), "farther"),
    "nanometres": (ROWS.replace("000 ", "000000 ").replace("010 ", "010000 "), "farther"),
    "digits and letters": (ROWS.replace("3020", "30x20"), "not SWC"),
    "offset of infinity": ("# OFFSET inf 0 0\n" + ROWS, "finite"),
    "columns in another order": ("# id x y z r type parent\n" + ROWS, "another order"),
    "JSON in pretence": (as_json(mouselight())[1:], "not SWC"),
}
JSON_TEXTS = {
    "JSON, an empty object": ("{}", "no neurons"),
    "JSON, nothing listed": ('{"neurons": []}', "no neurons"),
    "JSON, no list": ('{"neurons": {"a": 1}}', "no neurons"),
    "JSON, a list of numbers": ('{"neurons": [1, 2]}', "no neurons"),
    "JSON, of something else": ('{"type": "FeatureCollection", "features": [{}, {}]}', "no neurons"),
    "JSON, a message": ('{"message": "Not Found"}', "no neurons"),
    "JSON, cut in a node": (as_json(mouselight())[:400], "not JSON"),
    "JSON, cut before the end": (as_json(mouselight())[:-2], "not JSON"),
    "JSON, cut in a word": ('{"neurons": [{"idString": "a', "not JSON"),
    "JSON, a comma too many": (as_json(mouselight()).replace("}\n", "},\n", 1), "not JSON|no neurons"),
    "JSON, single quotes": (as_json(mouselight()).replace('"', "'"), "not JSON"),
    "JSON, text after the end": (as_json(mouselight()) + "{}", "not JSON"),
    "JSON, brackets mixed up": ('{"neurons": [{"axon": [}]]}', "not JSON|no neurons"),
    "JSON, not UTF-8": (as_json(mouselight()).encode().replace(b"C57", b"C\xff7"), "not JSON"),
    "JSON, deeper than any stack": ('{"neurons":' + "[" * 200_000, "not JSON|no neurons"),
    "JSON, deep in a neuron": ('{"neurons": [{"axon":' + "[" * 200_000 + "]" * 200_000 + "}]}", "not JSON"),
    "JSON, a number of many digits": (
        nodes_with("axon", 1, x=654321).replace("654321", "7" * 5000),
        "not JSON",
    ),
    "JSON, a field is missing": (nodes_with("axon", 1, y=None), "lacks a field"),
    "JSON, text for a number": (nodes_with("axon", 1, x="5010"), "no number"),
    "JSON, null for a number": (nodes_with("axon", 1, x=654321).replace("654321", "null"), "no number"),
    "JSON, true for a number": (nodes_with("dendrite", 1, sampleNumber=True), "no number"),
    "JSON, NaN": (nodes_with("dendrite", 1, z=math.nan), "finite"),
    "JSON, Infinity": (nodes_with("dendrite", 1, z=math.inf), "finite"),
    "JSON, a number beyond float64": (nodes_with("dendrite", 1, z=10**400), "range"),
    "JSON, a fractional parent": (nodes_with("axon", 1, parentNumber=1.5), "whole"),
    "JSON, a missing parent": (nodes_with("axon", 2, parentNumber=9), "parent is missing"),
    "JSON, a cycle": (nodes_with("axon", 1, parentNumber=3), "cycle"),
    "JSON, duplicate ids": (nodes_with("axon", 2, sampleNumber=2), "used twice"),
    "JSON, two somata": (nodes_with("dendrite", 0, x=5300), "different somata"),
    "JSON, the noted soma elsewhere": (json_with(soma={"x": 4000, "y": 3000, "z": 5000}), "noted soma"),
    "JSON, an axon in the dendrite": (nodes_with("dendrite", 1, structureIdentifier=2), "something else"),
    "JSON, neither axon nor dendrite": (json_with(axon=[], dendrite=[]), "no usable nodes"),
    "JSON, an axon of numbers": (json_with(axon=[1, 2]), "lacks a field"),
    "JSON, an axon that is a text": (json_with(axon="abc"), "lacks a field"),
    "JSON, an axon that is a number": (json_with(axon=7), "lacks a field"),
    "JSON, no soma": (
        as_json({"axon": [node(1, 2, 0, 0, 0, -1), node(2, 2, 1, 0, 0, 1)], "dendrite": []}),
        "no soma",
    ),
    "JSON, too far": (nodes_with("axon", 1, x=3e9), "farther"),
    "JSON, two neurons of one id": (as_json(mouselight(), mouselight()), "which neuron"),
}
PACKED = {
    "cut gzip": ("a.swc.gz", gzip.compress(ROWS.encode())[:-12], "cannot be read"),
    "gzip without its last byte": ("a.swc.gz", gzip.compress(ROWS.encode())[:-1], "cannot be read"),
    "gzip, a header alone": ("a.swc.gz", gzip.compress(ROWS.encode())[:10], "cannot be read"),
    "gzip, a wrong sum": ("a.swc.gz", gzip.compress(ROWS.encode())[:-8] + b"12345678", "cannot be read"),
    "gzip, junk behind": ("a.swc.gz", gzip.compress(ROWS.encode()) + b"junk", "cannot be read"),
    "gzip twice": ("a.swc.gz", gzip.compress(gzip.compress(ROWS.encode())), "binary"),
    "cut xz": ("a.swc.xz", lzma.compress(ROWS.encode())[:-12], "cannot be read"),
    "xz, a byte changed": (
        "a.swc.xz",
        lzma.compress(ROWS.encode())[:40] + b"\x00" + lzma.compress(ROWS.encode())[41:],
        "cannot be read",
    ),
    "xz that asks for all memory": ("a.swc.xz", with_a_large_dictionary(), "cannot be read"),
    "xz, a header alone": ("a.swc.xz", lzma.compress(ROWS.encode())[:12], "cannot be read"),
    "named .gz": ("a.swc.gz", ROWS.encode(), "not compressed"),
    "named .xz": ("a.swc.xz", ROWS.encode(), "not compressed"),
    "gzip of nothing": ("a.swc.gz", gzip.compress(b""), "empty"),
    "JSON cut in gzip": ("a.json.gz", gzip.compress(as_json(mouselight()).encode())[:-20], "cannot be read"),
    "zip that is none": ("a.zip", ROWS.encode(), "cannot be read"),
}
PLACES = {
    "nothing there": (lambda path: path, "cannot be read"),
    "a folder": (lambda path: path.mkdir() or path, "a folder"),
    "a folder in a file's place": (
        lambda path: path.write_text(ROWS) and path / "deeper.swc",
        "cannot be read",
    ),
    "a link to itself": (link_to_itself, "cannot be read"),
    "a link to nothing": (lambda path: os.symlink("nowhere", path) or path, "cannot be read"),
    "a pipe": (pipe, "a pipe"),
    "a pipe named as an archive": (lambda path: pipe(path.with_suffix(".zip")) / "a.swc", "a pipe"),
    "a socket": (listening, "cannot be read"),
    "an endless device": (lambda path: os.symlink("/dev/zero", path) or path, "a device"),
    "a file beyond all size": (sparse, "too large"),
    "a name too long": (lambda path: path.with_name("x" * 5000), "cannot be read"),
    "a zero byte in the name": (lambda path: path.with_name("a\0b.swc"), "cannot be read"),
    "zip, encrypted": (lambda path: encrypted(path.with_suffix(".zip")) / "a.swc", "encrypted"),
    "zip, a wrong sum": (lambda path: flipped(path.with_suffix(".zip")) / "a.swc", "cannot be read"),
    "zip, no members": (lambda path: zipped(path.with_suffix(".zip"), []), "which neuron"),
    "zip, several and none named": (
        lambda path: zipped(path.with_suffix(".zip"), [("a.swc", ROWS), ("b.swc", ROWS)]),
        "which neuron",
    ),
    "zip, no such member": (
        lambda path: zipped(path.with_suffix(".zip"), [("a.swc", ROWS)]) / "b.swc",
        "archive",
    ),
    "zip, a folder": (lambda path: zipped(path.with_suffix(".zip"), [("b/", "")]) / "b", "archive"),
    "zip, a way out": (
        lambda path: zipped(path.with_suffix(".zip"), [("../b.swc", ROWS)]) / ".." / "b.swc",
        "out of its archive",
    ),
    "zip, an absolute name": (
        lambda path: zipped(path.with_suffix(".zip"), [("/b.swc", ROWS)]) / "b.swc",
        "not in its archive",
    ),
    "zip, a member without a name": (lambda path: nameless(path.with_suffix(".zip")), "which neuron"),
    "zip, one name twice": (
        lambda path: zipped(path.with_suffix(".zip"), [("b.swc", ROWS), ("b.swc", ROWS)]) / "b.swc",
        "2 entries",
    ),
    "zip in a zip": (
        lambda path: zipped(path.with_suffix(".zip"), [("b.zip", "")]) / "b.zip" / "c.swc",
        "in an arch",
    ),
    "zip under another name": (lambda path: zipped(path, [("b.swc", ROWS)]), "zip archive"),
    "zip cut": (
        lambda path: cut(zipped(path.with_suffix(".zip"), [("b.swc", ROWS)])) / "b.swc",
        "cannot be read",
    ),
}


def refused(path, words):
    """Check that reading is an InputError that says everything."""
    with pytest.raises(InputError) as caught:
        read_neuron(path)
    error = caught.value
    assert re.search(words, f"{error.what} {error.got}"), error
    assert str(path) in error.where and all((error.what, error.expected, error.got, error.hint))
    assert len(str(error)) < 12_000


@pytest.mark.parametrize("case", TEXTS)
def test_a_malformed_text_is_an_input_error_that_says_why(swc, case):
    content, words = TEXTS[case]
    refused(swc(content), words)


@pytest.mark.parametrize("case", JSON_TEXTS)
def test_a_malformed_json_file_is_an_input_error_that_says_why(swc, case):
    content, words = JSON_TEXTS[case]
    refused(swc(content, "one.json"), words)


@pytest.mark.parametrize("case", PACKED)
def test_damaged_packing_is_an_input_error_that_says_why(swc, case):
    name, content, words = PACKED[case]
    refused(swc(content, name), words)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("case", PLACES)
def test_what_is_no_file_is_an_input_error_and_never_waits(tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    make, words = PLACES[case]
    refused(make(tmp_path / "one.swc"), words)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(swc):
    path = swc()
    path.chmod(0)
    refused(path, "cannot be read")


@pytest.mark.parametrize("name", ["a.swc.gz", "a.swc.xz", "a.zip/a.swc", "a.swc"])
def test_what_unpacks_to_too_much_is_refused(swc, tmp_path, monkeypatch, name):
    monkeypatch.setattr(contents_module, "LARGEST_BYTES", 10_000)
    pack = {"a.swc.gz": gzip.compress, "a.swc.xz": lzma.compress, "a.swc": bytes}
    small, large = (b"# " + b"x" * n + b"\n" + ROWS.encode() for n in (9_000, 10_000))
    for text in (small, large):
        if name in pack:
            swc(pack[name](text), name)
        else:
            zipped(tmp_path / "a.zip", [("a.swc", text)])
        if text is small:
            assert len(read_neuron(tmp_path / name)) == 5
    refused(tmp_path / name, "too large")
    assert contents(tmp_path / name, 20_000) == large


def test_a_neuron_in_json_has_the_limit_of_a_file(swc, monkeypatch):
    path = swc(as_json(mouselight("a"), mouselight("b", comment="x" * 2000)), "b.json")
    monkeypatch.setattr(mouselight_module, "LARGEST_BYTES", 3000)
    assert len(read_neuron(f"{path}#a")) == 5
    refused(f"{path}#b", "too large")


def test_more_rows_than_lines_may_hold_and_many_long_numbers(swc):
    shortest = "1 1 0 0 0 1 1\n" + "".join(f"{k} 2 0 0 0 1 1\n" for k in range(2, 10))
    assert len(read_swc(swc(shortest))) == 9
    long = "".join(f"{k} 1 1.{'0' * 30} 1e-30 0 1 -1\n" for k in range(3000))
    assert (read_swc(swc(long)).xyz_um == [1, 1e-30, 0]).all()


def test_the_error_names_the_line(swc):
    with pytest.raises(InputError, match=r"line 4: '3 2 oops"):
        read_swc(swc("# first\r\n" + ROWS.replace("3 2 5010", "3 2 oops").replace("\n", "\r\n")))
    with pytest.raises(InputError, match=r"line 3: '3 2.5"):
        read_swc(swc(ROWS.replace("3 2 5010", "3 2.5 5010").replace("\n", "\r")))


def test_check_finds_what_reading_cannot_have_made(swc):
    good = read_swc(swc())
    check(good)
    for change in (
        {"parent": np.array([1, 2, 0, 0, 3])},
        {"parent": np.array([-1, 0, 1, 0, 9])},
        {"parent": np.array([-1, 0, 1, 0, -2])},
        {"parent": np.array([-1, 0, 1])},
        {"xyz_um": good.xyz_um * np.nan},
        {"kind": good.kind + 1},
        {"kind": np.ones(5, np.int32), "xyz_um": good.xyz_um * 9},
    ):
        with pytest.raises(InputError):
            check(Neuron(**{**good.__dict__, **change}))


# Fuzzing, against slow readers that share nothing with the library's

DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\Z|[+-]?(nan|inf)\Z", re.I | re.A)


def whole(value, limit=2**53):
    """A whole number, or ValueError."""
    if not (math.isfinite(value) and value == int(value) and abs(value) < limit):
        raise ValueError(value)
    return int(value)


def forest(rows):
    """Positions, radii, kinds and parents of rows of seven numbers; ValueError if they are no neuron."""
    ids = [whole(row[0]) for row in rows]
    kinds = [whole(row[1], 2**31) for row in rows]
    index = {number: k for k, number in enumerate(ids)}
    if not rows or len(index) < len(rows) or min(ids) < 0 or 1 not in kinds:
        raise ValueError("ids or kinds")
    parents = [whole(row[6]) for row in rows]
    if any(parent >= 0 and parent not in index for parent in parents):
        raise ValueError("a parent is missing")
    above = [-1 if up < 0 or up == own else index[up] for up, own in zip(parents, ids, strict=True)]
    for node in range(len(rows)):
        steps = 0
        while node >= 0:
            node, steps = above[node], steps + 1
            if steps > len(rows):
                raise ValueError("a cycle")
    values = np.array([[float(value) for value in row[2:6]] for row in rows])
    if not (np.isfinite(values).all() and np.abs(values[:, :3]).max() <= 1e6):
        raise ValueError("out of range")
    somata = values[np.array(kinds) == 1, :3]
    roots = values[(np.array(kinds) == 1) & (np.array(above) < 0), :3]
    if len(roots) and np.linalg.norm(roots - roots[0], axis=1).max() > 30:
        raise ValueError("two somata")
    if np.linalg.norm(somata - somata.mean(axis=0), axis=1).max() > 100:
        raise ValueError("two somata")
    return values[:, :3], values[:, 3], kinds, above


def slow_swc(data):
    """The forest in the bytes of an SWC file without a header of consequence; ValueError if there is none."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in data:
        raise ValueError("no text")
    rows = []
    for line in re.split(rb"\r\n|\r|\n", data.removeprefix(b"\xef\xbb\xbf")):
        words = [word for word in re.split(r"[ \t]+", line.split(b"#")[0].decode("latin-1")) if word]
        if words and (len(words) != 7 or not all(map(DECIMAL.match, words))):
            raise ValueError(words)
        if words:
            rows.append([float(word) for word in words])
    return forest(rows)


def slow_json(data):
    """The forest in the bytes of a JSON file with one neuron of one or two parts."""
    (entry,) = json.loads(data.decode())["neurons"]
    rows, numbers = [], {}
    for part, own in (("axon", [2]), ("dendrite", [3, 4])):
        for item in entry.get(part) or []:
            values = [item[name] for name in list(node(0, 0, 0, 0, 0, 0))[:7]]
            if not all(type(value) in (int, float) for value in values):
                raise ValueError("no number")
            number, kind, x, y, z, radius, parent = map(float, values)
            number, kind, parent = whole(number), whole(kind, 2**31), whole(parent)
            kind = own[0] if kind in (0, 5, 6) else kind
            if kind not in (1, *own) or (part, number) in numbers or number < 0:
                raise ValueError("kind or id")
            place = len(rows) + 1
            if part == "dendrite" and kind == 1:
                same_place = [
                    row[0] for row in rows if row[1] == 1 and np.allclose(row[2:5], (x, y, z), 0, 0.01)
                ]
                if not same_place and any(row[7] == "axon" for row in rows):
                    raise ValueError("somata")
                place = same_place[0] if same_place else place
            numbers[part, number] = place
            if place == len(rows) + 1:
                rows.append([place, kind, x, y, z, radius, -1 if parent == number else parent, part])
    for row in rows:
        if row[6] >= 0:
            row[6] = numbers[row[7], row[6]]
    found = forest([row[:7] for row in rows])
    soma = entry.get("soma")
    if isinstance(soma, dict) and all(type(soma.get(axis)) in (int, float) for axis in "xyz"):
        away = found[0][np.array(found[2]) == 1].mean(axis=0) - [soma[axis] for axis in "xyz"]
        if 10 < np.linalg.norm(away) < math.inf:
            raise ValueError("soma")
    return found


def agree(path, slow):
    """Reading a file gives what the slow reader gives, or an InputError where that finds nothing."""
    try:
        expected = slow(path.read_bytes())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        with pytest.raises(InputError):
            read_neuron(path)
        return False
    neuron = read_neuron(path)
    check(neuron)
    for found, wanted in zip(
        (neuron.xyz_um, neuron.radius_um, neuron.kind, neuron.parent), expected, strict=True
    ):
        np.testing.assert_array_equal(found, wanted)
    return True


NUMBER = st.sampled_from(
    [
        "1",
        "2",
        "-1",
        "0",
        "3.0",
        "nan",
        "1e400",
        "-.5",
        "x",
        "",
        "1e",
        "--1",
        "5" * 40,
        "1.5e2",
        "2.",
        "+1",
        "1#",
    ]
)
LINE = st.lists(NUMBER, max_size=8).map(" ".join)
BITS = [
    b"1",
    b"2",
    b"-1",
    b" ",
    b"\n",
    b"\r",
    b"\t",
    b"#",
    b".",
    b"e9",
    b"-",
    b"nan",
    b",",
    b"\x00",
    b"\xff",
    b"\xef\xbb\xbf",
]


@st.composite
def mutated(draw, data, bits):
    """Bytes with some pieces cut, doubled, swapped or replaced."""
    for _ in range(draw(st.integers(0, 4))):
        start, size = draw(st.integers(0, len(data))), draw(st.sampled_from([0, 1, 1, 2, 5, 30]))
        end = min(start + size, len(data))
        what = draw(st.sampled_from(["replace", "insert", "delete", "double", "cut", "move"]))
        if what == "cut":
            data = data[:start]
        elif what == "move":
            goal = draw(st.integers(0, len(data)))
            rest = data[:start] + data[end:]
            data = rest[:goal] + data[start:end] + rest[goal:]
        else:
            put = {"delete": b"", "double": data[start:end] * 2}.get(what)
            put = draw(st.sampled_from(bits)) if put is None else put
            data = data[:start] + put + data[start if what == "insert" else end :]
    return data


CONTENT = st.one_of(
    st.binary(max_size=200),
    st.lists(LINE, max_size=6).map("\n".join).map(str.encode),
    mutated(ROWS.encode(), BITS),
    mutated(("# two\n" + ROWS.replace("\n", "\r\n")).encode(), BITS),
)
FUZZ = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(CONTENT)
@example(ROWS.encode())
@FUZZ
def test_any_swc_bytes_give_the_right_neuron_or_an_input_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.swc"
    path.write_bytes(content)
    agree(path, slow_swc)


SMALL_JSON = json.dumps(
    {"neurons": [{key: mouselight()[key] for key in ("soma", "axon", "dendrite")}]}
).encode()
JSON_BITS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b'"',
    b"\\",
    b"null",
    b"true",
    b"1",
    b"-1",
    b"NaN",
    b"1e999",
    b"\xff",
    b'"x"',
]


@given(mutated(SMALL_JSON, JSON_BITS))
@example(SMALL_JSON)
@FUZZ
def test_any_json_bytes_give_the_right_neuron_or_an_input_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.json"
    path.write_bytes(content)
    if content.lstrip()[:1] == b"{":
        agree(path, slow_json)


@given(st.sampled_from(["gz", "xz", "zip"]), st.data())
@FUZZ
def test_any_packed_bytes_give_the_right_neuron_or_an_input_error(tmp_path_factory, kind, data):
    folder = tmp_path_factory.getbasetemp()
    path = folder / f"fuzz.swc.{kind}"
    if kind == "zip":
        packed = zipped(path, [("a.swc", ROWS)]).read_bytes()
    else:
        packed = {"gz": gzip, "xz": lzma}[kind].compress(ROWS.encode())
    path.write_bytes(data.draw(mutated(packed, [b"\x00", b"\x01", b"\xff", b"PK", b"\x80"])))
    plain = folder / "plain.swc"
    plain.write_text(ROWS)
    try:
        neuron = read_neuron(path)
    except InputError:
        return
    assert same(neuron, read_neuron(plain))


@st.composite
def forests(draw):
    """A random forest with one soma: positions, radii, kinds, parents as places, and ids in any order."""
    n = draw(st.integers(1, 30))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    parents = np.array([-1] + [int(rng.integers(-1, k)) for k in range(1, n)])
    shuffle = rng.permutation(n) if draw(st.booleans()) else np.arange(n)
    place = np.argsort(shuffle)
    parents = np.array([-1 if parents[k] < 0 else place[parents[k]] for k in shuffle])
    kinds = np.where(shuffle == 0, 1, rng.choice([0, 2, 3, 4, 5, 77], size=n))
    xyz = rng.normal(size=(n, 3)) * 10.0 ** rng.integers(-6, 5)
    ids = (
        rng.choice(5 * n, size=n, replace=False) if draw(st.booleans()) else np.arange(n) + rng.integers(0, 3)
    )
    return xyz, rng.random(n), kinds, parents, ids


@given(forests(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_random_forest_in_a_random_dialect_is_read_back_exactly(tmp_path_factory, made, data):
    xyz, radius, kinds, parents, ids = made

    def pick(*choices):
        return data.draw(st.sampled_from(choices))

    gap, end, own_root = pick(" ", "\t", "  ", " \t"), pick("\n", "\r\n", "\r"), pick(True, False)
    number, integer = pick(repr, "{:.17g}".format, "{:.20e}".format), pick("{:d}", "{:d}.0", "{:d}.", "+{:d}")
    lines = [pick("", "# a comment", "##n type x y z r parent", OLDEST.strip().replace("\n", end))]
    for k, (number_id, kind) in enumerate(zip(ids.tolist(), kinds.tolist(), strict=True)):
        up = (number_id if own_root else -1) if parents[k] < 0 else ids[parents[k]]
        up = integer.format(up) if up >= 0 else "-1"
        values = [number(float(value)) for value in (*xyz[k], radius[k])]
        words = [integer.format(number_id), integer.format(kind), *values, up]
        lines.append(pick("", " ") + gap.join(words) + pick("", " ", " # why", "#1 2"))
    text = (pick("", "\ufeff") + end.join(lines) + pick("", end)).encode()
    name, packed = pick(
        ("trip.swc", text),
        ("trip.SWC.gz", gzip.compress(text)),
        ("trip.swc.xz", lzma.compress(text)),
        ("trip.zip/in/trip.swc", None),
    )
    path = tmp_path_factory.getbasetemp() / name
    if packed is None:
        zipped(path.parents[1], [("in/trip.swc", text)])
    else:
        path.write_bytes(packed)
    order = pick(("AP", "DV", "ML"), ("ML", "DV", "AP"), ("DV", "ML", "AP"))
    neuron = read_neuron(path, axis_order=order)
    assert neuron.id == "trip"
    np.testing.assert_array_equal(neuron.xyz_um, xyz[:, [order.index(axis) for axis in ("AP", "DV", "ML")]])
    np.testing.assert_array_equal(neuron.radius_um, radius)
    np.testing.assert_array_equal(neuron.kind, kinds)
    np.testing.assert_array_equal(neuron.parent, parents)
