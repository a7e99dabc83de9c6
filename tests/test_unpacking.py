"""Archives: what is whole is unpacked, and nothing that is hostile gets out of its folder."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digimus.errors import InputError
from digimus.retrieval import unpacking
from digimus.retrieval.unpacking import safe_name, unpack

PLAIN = {"json/AA0001.json": b"{}", "json/AA0002.json": b'{"neurons": []}', "read.me": b"x" * 100_000}


class Kind(bytes):
    """The type of a member of a tar that is no file, in place of its content."""


def tar(path, members, mode="w:gz", **change):
    """A tar of (name, content or a type); `change` sets fields of the last member."""
    with tarfile.open(path, mode) as file:
        for k, (name, content) in enumerate(members):
            info = tarfile.TarInfo(name)
            if isinstance(content, Kind):
                info.type = bytes(content)
            else:
                info.size = len(content)
            if k == len(members) - 1:
                for key, value in change.items():
                    setattr(info, key, value)
            file.addfile(info, None if isinstance(content, Kind) else io.BytesIO(content))
    return path


def packed_zip(path, members, attributes=0):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = attributes << 16
            file.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def below(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}


def refused(archive, tmp_path, match, **options):
    """The archive is refused, the folder is as it was, and nothing else was written anywhere near."""
    folder = tmp_path / "place/folder"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "earlier").write_text("kept")
    before = below(tmp_path)
    with pytest.raises(InputError, match=match) as error:
        unpack(archive, folder, **options)
    assert below(tmp_path) == before and (folder / "earlier").read_text() == "kept"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["folder"]
    return error.value


@pytest.mark.parametrize("kind", ["tar.gz", "tar", "zip"])
def test_a_whole_archive_is_unpacked_and_replaces_what_was_there(tmp_path, kind):
    archive = tmp_path / f"a.{kind}"
    if kind == "zip":
        packed_zip(archive, PLAIN.items())
    else:
        tar(archive, [("json", Kind(tarfile.DIRTYPE)), *PLAIN.items()], "w:gz" if kind == "tar.gz" else "w")
    folder = tmp_path / "new/folder"
    for _ in range(2):
        assert unpack(archive, folder) == sorted(PLAIN)
        assert {name: (folder / name).read_bytes() for name in PLAIN} == PLAIN
        assert below(folder) == set(PLAIN)
        (folder / "of an earlier archive").write_text("x")
    assert [path.name for path in folder.parent.iterdir()] == ["folder"]


OUTSIDE = [
    "/etc/passwd",
    "../up.json",
    "a/../../up.json",
    "a/..",
    "C:\\up.json",
    "C:/up",
    "a\\..\\..\\up",
    "x\ny",
]


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_name_that_leads_out_is_refused(tmp_path, name):
    refused(tar(tmp_path / "a.tar.gz", [("ok", b"x"), (name, b"x")]), tmp_path, "leads out")
    refused(packed_zip(tmp_path / "a.zip", [("ok", b"x"), (name, b"x")]), tmp_path, "leads out")


def test_a_name_with_nul_in_a_zip_is_refused(tmp_path):
    archive = packed_zip(tmp_path / "a.zip", [("okay.json#evil", b"x")])
    archive.write_bytes(archive.read_bytes().replace(b"okay.json#evil", b"okay.json\0evil"))
    refused(archive, tmp_path, "leads out")


@pytest.mark.parametrize("name", ["n" * 300, "/".join(["abcdefgh"] * 200)])
def test_a_name_that_is_too_long_is_refused(tmp_path, name):
    refused(tar(tmp_path / "a.tar.gz", [(name, b"x")]), tmp_path, "leads out")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(tmp_path, kind):
    archive = tar(tmp_path / "a.tar.gz", [("ok", b"x"), ("bad", Kind(kind))], linkname="/etc/passwd")
    assert "link" in refused(archive, tmp_path, "no file").got


def test_a_link_that_a_later_member_goes_through_is_refused(tmp_path):
    members = [("d", Kind(tarfile.SYMTYPE)), ("d/passwd", b"x")]
    archive = tar(tmp_path / "a.tar", members, "w")
    data = bytearray(archive.read_bytes())
    data[157:161] = b"/tmp"  # the link's target
    header = data[:148] + b" " * 8 + data[156:512]
    data[148:156] = b"%06o\0 " % sum(header)
    archive.write_bytes(data)
    refused(archive, tmp_path, "no file")


def test_a_link_in_a_zip_and_an_encrypted_member_are_refused(tmp_path):
    archive = packed_zip(tmp_path / "a.zip", [("bad", b"/etc/passwd")], stat.S_IFLNK | 0o777)
    refused(archive, tmp_path, "no file")
    archive = packed_zip(tmp_path / "b.zip", [("bad", b"x")])
    data = bytearray(archive.read_bytes())
    for mark, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + at] |= 1
    archive.write_bytes(data)
    refused(archive, tmp_path, "encrypted")


@pytest.mark.parametrize(
    "names", [("a", "a"), ("a", "./a"), ("a", "a/b"), ("a/b", "a"), ("AA.json", "aa.json"), ("é", "e\u0301")]
)
def test_two_members_of_one_name_are_refused(tmp_path, names):
    refused(tar(tmp_path / "a.tar.gz", [(name, b"x") for name in names]), tmp_path, "two members")


def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path):
    zeros = bytes(5_000_000)
    for archive in (
        tar(tmp_path / "a.tar.gz", [("z", zeros)]),
        packed_zip(tmp_path / "a.zip", [("z", zeros)]),
    ):
        assert archive.stat().st_size < 10_000
        refused(archive, tmp_path, "more than it may", largest_bytes=4_000_000)
    refused(
        tar(tmp_path / "b.tar.gz", [(f"{k}", b"") for k in range(30)]), tmp_path, "more than", most_files=20
    )


def test_a_zip_that_holds_more_than_it_says_is_refused(tmp_path):
    archive = packed_zip(tmp_path / "a.zip", [("z", bytes(1_000_000))])
    data = bytearray(archive.read_bytes())
    for mark, at in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        start = data.index(mark) + at
        data[start : start + 4] = struct.pack("<I", 10)
    archive.write_bytes(data)
    refused(archive, tmp_path, "damaged|more than it may")


def test_a_header_that_asks_for_gigabytes_is_refused(tmp_path):
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 2**32
    archive = tmp_path / "a.tar.gz"
    with gzip.open(archive, "wb", compresslevel=1) as file:
        file.write(info.tobuf() + bytes(4_000_000))
    refused(archive, tmp_path, "more than it may")


def test_a_sparse_member_is_refused(tmp_path):
    archive = tar(tmp_path / "a.tar", [("ok", b"x"), ("sparse", Kind(tarfile.GNUTYPE_SPARSE))], "w")
    refused(archive, tmp_path, "no file|damaged")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
def test_a_cut_archive_and_one_of_another_kind_are_refused(tmp_path, kind):
    archive = tmp_path / f"a.{kind}"
    content = [("noise", bytes(range(256)) * 500), ("b", b"y" * 5000)]
    (packed_zip if kind == "zip" else tar)(archive, content)
    whole = archive.read_bytes()
    for n_bytes in (len(whole) // 2, len(whole) - 30, 30):
        archive.write_bytes(whole[:n_bytes])
        refused(archive, tmp_path, "damaged|cut")
    archive.write_bytes(b"<!DOCTYPE html><html></html>")
    refused(archive, tmp_path, "damaged")
    with pytest.raises(InputError, match="cannot be read"):
        unpack(tmp_path / "absent", tmp_path / "place/folder")


def test_what_systems_put_beside_files_is_left_out(tmp_path):
    members = [
        ("./", Kind(tarfile.DIRTYPE)),
        ("./._AA1.json", b"x"),
        ("__MACOSX/a", b"x"),
        ("./AA1.json", b"{}"),
    ]
    assert unpack(tar(tmp_path / "a.tar.gz", members), tmp_path / "folder") == ["AA1.json"]


def test_a_full_disk_is_no_damaged_archive(tmp_path, monkeypatch):
    archive = tar(tmp_path / "a.tar.gz", [("z", bytes(100_000))])
    usage = unpacking.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: usage._replace(free=1000))
    assert "1,000 bytes" in refused(archive, tmp_path, "more than it may").expected


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=40)
    | st.lists(st.sampled_from(["..", ".", "", "a", "b.swc", "\0", "\\", ".hid"])).map("/".join)
)
def test_a_safe_name_stays_below_any_folder(name):
    try:
        safe = safe_name(name, "a test")
    except InputError:
        return
    root = Path("/root/folder")
    assert (root / safe).is_relative_to(root) and ".." not in safe.split("/") and not safe.startswith("/")
    assert safe_name(safe, "a test") == safe
