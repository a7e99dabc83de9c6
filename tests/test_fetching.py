"""Downloads from a server that misbehaves: the file is right, or absent and named; never a wrong byte."""

import csv
import gzip
import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bad_server import PAGE, Step, misbehaving
from digimus.errors import InputError
from digimus.retrieval import connections, fetching
from digimus.retrieval.contents import KINDS, MAGIC, wrong_contents, wrong_start
from digimus.retrieval.fetching import Download, fetch_all, sizes
from digimus.retrieval.pins import check_fetched

OLD = "Mon, 02 Mar 2020 10:00:00 GMT"


def swc(n_points=4000, seed=0):
    """A neuron of some 100 kB, another one for each seed."""
    lines = [f"{n} 2 {seed}.5 {n / 7:.3f} 3.25 1 {n - 1 if n > 1 else -1}" for n in range(1, n_points + 1)]
    return ("# made up\n" + "\n".join(lines) + "\n").encode()


RIGHT, OTHER = swc(), swc(seed=1)


def digest(content):
    return sha256(content).hexdigest()


@pytest.fixture
def server():
    with misbehaving() as server:
        server.files["/n.swc"] = RIGHT
        yield server


def fetch(server, folder, *, path="/n.swc", name="n.swc", attempts=5, timeout_s=10, **known):
    """Fetch one file with short waits."""
    download = Download(server.url(path), Path(name), **{"kind": "swc"} | known)
    return fetch_all([download], folder, attempts=attempts, wait_s=0.01, timeout_s=timeout_s)


def left(folder):
    """Names of what lies in a folder, the lock aside."""
    return sorted(path.name for path in Path(folder).rglob("*") if path.name != ".fetching.lock")


DONE = ["manifest.csv", "n.swc"]


# What goes well


def test_files_and_their_manifest(server, tmp_path):
    server.files["/b"] = OTHER
    wanted = [
        Download(server.url("/n.swc"), Path("a/n.swc"), kind="swc"),
        Download(server.url("/b"), Path("b.swc"), len(OTHER), digest(OTHER), "swc"),
    ]
    calls = []
    table = fetch_all(wanted, tmp_path, progress=lambda *call: calls.append(call))
    assert (tmp_path / "a/n.swc").read_bytes() == RIGHT and (tmp_path / "b.swc").read_bytes() == OTHER
    assert list(table["path"]) == ["a/n.swc", "b.swc"] and set(table["status"]) == {"fetched"}
    assert list(table["bytes"]) == [len(RIGHT), len(OTHER)]
    assert list(table["sha256"]) == [digest(RIGHT), digest(OTHER)]
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "manifest.csv", keep_default_na=False), table)
    assert left(tmp_path) == ["a", "b.swc", "manifest.csv", "n.swc"]
    assert sorted(call[0] for call in calls) == [1, 2] and {call[1] for call in calls} == {2}


def test_nothing_is_asked_twice(server, tmp_path):
    fetch(server, tmp_path)
    before = (tmp_path / "manifest.csv").read_bytes()
    fetch(server, tmp_path)
    assert len(server.requests) == 1 and (tmp_path / "manifest.csv").read_bytes() == before


def test_a_question_is_posted(server, tmp_path):
    server.files["/export"] = b'{"contents": []}'
    wanted = Download(server.url("/export"), Path("a.json"), kind="json", payload={"ids": ["AA0001"]})
    table = fetch_all([wanted], tmp_path)
    assert server.requests[0].method == "POST"
    assert json.loads(server.requests[0].body) == json.loads(table["payload"][0]) == {"ids": ["AA0001"]}
    other = Download(wanted.url, wanted.path, kind="json", payload={"ids": ["AA0002"]})
    fetch_all([other], tmp_path)
    assert len(server.requests) == 2  # another question: what is there does not answer it


def test_the_identity_is_asked_for_and_no_password_is_sent(server, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    fetch(server, tmp_path / "out")
    assert server.requests[0].headers["Accept-Encoding"] == "identity"
    assert "Authorization" not in server.requests[0].headers


# One misbehaviour, then the truth


ONCE = {
    "drops": Step(drop_after=50_000),
    "drops at once": Step(drop_after=0),
    "resets": Step(drop_after=50_000, reset=True),
    "stalls": Step(stall_after=50_000),
    "stalls at once": Step(stall_after=0),
    "trickles": Step(trickle_s=0.03),
    "too many requests": Step(status=429),
    "too many, wait": Step(status=429, headers={"Retry-After": "0"}),
    "broken": Step(status=500),
    "away": Step(status=503),
    "gateway": Step(status=502),
    "redirects in a circle": Step(status=302, headers={"Location": "/n.swc"}),
    "a page": Step(page=True),
    "redirects to nowhere": Step(status=302, headers={"Location": "http://["}),
    "redirects to a page": Step(status=302, headers={"Location": "/login"}),
    "says more than it sends": Step(headers={"Content-Length": str(len(RIGHT) + 10)}, closing=True),
    "says nonsense": Step(headers={"Content-Length": "12 apples"}, closing=True),
    "chunked, cut": Step(chunked=True, drop_after=50_000),
    "chunked, cut at once": Step(chunked=True, drop_after=0),
    "an unknown encoding": Step(headers={"Content-Encoding": "br"}),
    "a wrong encoding": Step(headers={"Content-Encoding": "gzip"}),
    "an encoding cut short": Step(zipped=True, drop_after=5_000),
    "an encoding without its end": Step(gzip.compress(RIGHT)[:5000], headers={"Content-Encoding": "gzip"}),
    "a rest nobody asked for": Step(status=206, headers={"Content-Range": "bytes 0-9/10"}),
    "an empty file": Step(content=b""),
    "text": Step(content=b"Rate limit exceeded.\n"),
}


def patience_s(name):
    """After which a silent connection is given up: soon where the server is silent on purpose."""
    return 0.5 if "stalls" in name or "trickles" in name else 10


SAME_TWICE = ("page", "encoding", "text", "empty", "says more")  # is given up


@pytest.mark.parametrize(
    "known", [{}, {"sha256": digest(RIGHT), "n_bytes": len(RIGHT)}], ids=["new", "pinned"]
)
@pytest.mark.parametrize("name", ONCE)
def test_it_gets_over(server, tmp_path, name, known):
    server.files["/login"] = PAGE
    n_times = 7 if "circle" in name else 1 if any(word in name for word in SAME_TWICE) else 2
    server.scripts["/n.swc"] = [ONCE[name]] * n_times + [Step()]
    fetch(server, tmp_path, timeout_s=patience_s(name), **known)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT and left(tmp_path) == DONE


@pytest.mark.parametrize("name", ONCE)
def test_what_stays_is_named_and_leaves_nothing(server, tmp_path, name):
    server.files["/login"] = PAGE
    server.scripts["/n.swc"] = [replace(ONCE[name], ranges=False)]  # with ranges, each attempt brings some
    with pytest.raises(InputError) as caught:
        fetch(server, tmp_path, attempts=2, timeout_s=patience_s(name))
    assert server.url("/n.swc") in caught.value.got and caught.value.what.startswith("1 of 1 files")
    assert not (tmp_path / "n.swc").exists() and not (tmp_path / "manifest.csv").exists()
    server.scripts.clear()
    fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT and left(tmp_path) == DONE


@pytest.mark.parametrize(
    "step, reason",
    [
        (Step(status=404), "status 404"),
        (Step(status=403), "status 403"),
        (Step(status=304), "status 304"),
        (Step(status=302, headers={"Location": "ftp://127.0.0.1/n.swc"}), "redirected from http to ftp"),
        (Step(closing=True, headers={"Content-Length": None}), "says its length"),
        (Step(status=429, headers={"Retry-After": "86400"}), "asks to wait for 86,400 s"),
        (Step(status=503, headers={"Retry-After": "9" * 40}), "asks to wait"),
    ],
)
def test_no_further_attempt(server, tmp_path, step, reason):
    server.scripts["/n.swc"] = [step]
    with pytest.raises(InputError, match=reason):
        fetch(server, tmp_path)
    assert len(server.requests) == 1 and left(tmp_path) == []


def test_a_page_is_called_a_page_and_given_up_early(server, tmp_path):
    server.scripts["/n.swc"] = [Step(page=True)]
    with pytest.raises(InputError, match="a web page instead of the file"):
        fetch(server, tmp_path)
    assert len(server.requests) == 2


@pytest.mark.parametrize("known", [{"n_bytes": len(OTHER) + 1}, {"sha256": digest(RIGHT)}])
def test_the_same_wrong_file_twice_is_given_up(server, tmp_path, known):
    server.files["/n.swc"] = OTHER
    with pytest.raises(InputError, match="instead of"):
        fetch(server, tmp_path, **known)
    assert len(server.requests) == 2 and left(tmp_path) == []


def test_what_a_server_says_cannot_steer_a_terminal(server, tmp_path):
    server.scripts["/n.swc"] = [Step(status=302, headers={"Location": "ftp://a/\x1b[2J" + "b" * 1000})]
    with pytest.raises(InputError) as caught:
        fetch(server, tmp_path)
    assert "ftp" in caught.value.got and "\x1b" not in str(caught.value) and len(caught.value.got) < 500


def test_https_never_becomes_http():
    with pytest.raises(connections.Failure, match="from https to http"):
        connections._check_redirect("https://a/n", "http://a/n", "GET", 302)
    connections._check_redirect("http://a/n", "https://a/n", "GET", 302)


def test_a_post_is_not_redirected_into_a_get(server, tmp_path):
    server.files["/elsewhere"] = RIGHT
    wanted = Download(server.url("/n.swc"), Path("n.swc"), kind="swc", payload={"ids": []})
    server.scripts["/n.swc"] = [Step(status=302, headers={"Location": "/elsewhere"})]
    with pytest.raises(InputError, match="was redirected to"):
        fetch_all([wanted], tmp_path)
    server.scripts["/n.swc"] = [Step(status=307, headers={"Location": "/elsewhere"})]
    fetch_all([wanted], tmp_path)
    assert [request.method for request in server.requests] == ["POST"] * 3


def test_a_redirect_is_followed(server, tmp_path):
    server.scripts["/moved"] = [Step(status=302, headers={"Location": "/n.swc"})]
    fetch(server, tmp_path, path="/moved")
    assert (tmp_path / "n.swc").read_bytes() == RIGHT


# Going on where it broke off


def test_only_the_rest_is_asked_for(server, tmp_path):
    server.scripts["/n.swc"] = [Step(drop_after=50_000), Step(drop_after=20_000), Step()]
    fetch(server, tmp_path)
    asked = [(request.range, request.if_range) for request in server.requests]
    assert asked == [(None, None), ("bytes=50000-", '"1"'), ("bytes=70000-", '"1"')]
    assert (tmp_path / "n.swc").read_bytes() == RIGHT


def test_a_date_tells_versions_apart_if_it_is_old(server, tmp_path):
    dated = {"etag": None, "modified": OLD}
    server.scripts["/n.swc"] = [Step(drop_after=50_000, **dated), Step(**dated)]
    fetch(server, tmp_path)
    assert server.requests[1].if_range == OLD
    fresh = {"etag": None, "modified": format_datetime(datetime.now(UTC), usegmt=True)}
    server.scripts["/m.swc"] = [Step(RIGHT, drop_after=50_000, **fresh), Step(RIGHT, **fresh)]
    fetch(server, tmp_path, path="/m.swc", name="m.swc")
    assert server.of("/m.swc")[1].range is None


@pytest.mark.parametrize("etag", [None, 'W/"1"'])
def test_without_a_sure_mark_it_starts_anew_unless_the_checksum_is_known(server, tmp_path, etag):
    server.scripts["/n.swc"] = [Step(drop_after=50_000, etag=etag), Step(etag=etag)]
    fetch(server, tmp_path)
    assert server.requests[1].range is None
    server.scripts["/m.swc"] = [Step(RIGHT, drop_after=50_000, etag=etag), Step(RIGHT, etag=etag)]
    fetch(server, tmp_path, path="/m.swc", name="m.swc", sha256=digest(RIGHT))
    assert server.of("/m.swc")[1].range == "bytes=50000-"
    assert (tmp_path / "m.swc").read_bytes() == (tmp_path / "n.swc").read_bytes() == RIGHT


CHANGES = {
    "a new mark": Step(OTHER, etag='"2"'),
    "a new mark, range not heeded": Step(OTHER, etag='"2"', ranges=False),
    "a new mark, condition not heeded": Step(OTHER, etag='"2"', blind=True),
    "no mark, condition not heeded": Step(OTHER, etag=None, blind=True),
    "shorter, condition not heeded": Step(swc(10, seed=1), etag='"2"', blind=True),
    "another length": Step(swc(5000, seed=1), etag='"1"'),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_file_that_changes_meanwhile_starts_anew(server, tmp_path, name):
    server.scripts["/n.swc"] = [Step(drop_after=50_000), CHANGES[name]]
    table = fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == CHANGES[name].content
    assert table["sha256"][0] == digest(CHANGES[name].content) and left(tmp_path) == DONE


def test_a_seam_that_the_mark_hides_is_found_by_the_checksum(server, tmp_path):
    server.scripts["/n.swc"] = [Step(OTHER, drop_after=50_000), Step()] * 2 + [Step()]  # the same ETag
    fetch(server, tmp_path, sha256=digest(RIGHT))
    assert (tmp_path / "n.swc").read_bytes() == RIGHT
    assert [request.range for request in server.requests] == [None, "bytes=50000-"] * 2 + [None]


CUT_REST = Step(headers={"Content-Length": "100"}, closing=True)  # and says that it is the whole rest


@pytest.mark.parametrize("step", [Step(wrong_range=True), Step(ranges=False), Step(status=416), CUT_REST])
def test_a_wrong_answer_to_a_range(server, tmp_path, step):
    server.scripts["/n.swc"] = [Step(drop_after=50_000), step, Step()]
    fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT and left(tmp_path) == DONE


@pytest.mark.parametrize("step", [Step(chunked=True), Step(zipped=True), Step(zipped=True, chunked=True)])
def test_no_length_but_a_sure_end(server, tmp_path, step):
    server.scripts["/n.swc"] = [step]
    fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT


def test_an_end_with_the_connection_is_enough_where_the_length_is_known(server, tmp_path):
    server.scripts["/n.swc"] = [Step(closing=True, drop_after=50_000), Step(closing=True)]
    fetch(server, tmp_path, n_bytes=len(RIGHT))
    assert (tmp_path / "n.swc").read_bytes() == RIGHT


def test_an_archive_called_encoded_stays_an_archive(server, tmp_path):
    archive = gzip.compress(RIGHT)
    server.scripts["/a.gz"] = [Step(archive, headers={"Content-Encoding": "x-gzip"})]
    fetch(server, tmp_path, path="/a.gz", name="a.gz", kind="gzip")
    assert (tmp_path / "a.gz").read_bytes() == archive


FETCH = """
    import sys
    from pathlib import Path
    from digimus.retrieval.fetching import Download, fetch_all
    fetch_all([Download(sys.argv[1], Path("n.swc"), kind="swc")], sys.argv[2], wait_s=0.01, timeout_s=15)
"""


def started(server, folder):
    """Another process that fetches; its first bytes are there."""
    command = [sys.executable, "-c", textwrap.dedent(FETCH), server.url("/n.swc"), str(folder)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def part_of(folder):
    parts = list(Path(folder).glob(".*.part"))
    return parts[0].stat().st_size if parts else 0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_ended_goes_on_later(server, tmp_path, how):
    server.scripts["/n.swc"] = [Step(stall_after=50_000), Step()]
    process = started(server, tmp_path)
    wait_for(lambda: part_of(tmp_path) == 50_000)
    began = time.monotonic()
    process.send_signal(how)
    message = process.communicate(timeout=60)[1]
    assert time.monotonic() - began < 12  # and not the 15 s of the silent connection
    assert process.returncode and ("KeyboardInterrupt" in message) == (how == signal.SIGINT)
    assert not (tmp_path / "n.swc").exists() and part_of(tmp_path) == 50_000
    fetch(server, tmp_path)
    assert server.requests[-1].range == "bytes=50000-" and (tmp_path / "n.swc").read_bytes() == RIGHT
    assert left(tmp_path) == DONE


FETCH_MANY = """
    import sys
    from pathlib import Path
    from digimus.retrieval.fetching import Download, fetch_all
    wanted = [Download(f"{sys.argv[1]}/{n}", Path(f"{n}.swc"), kind="swc") for n in range(12)]
    print("starts", flush=True)
    fetch_all(wanted, sys.argv[2], n_at_once=2)
"""


def test_kill_9_at_any_moment(server, tmp_path):
    server.files = {f"/{n}": swc(1000, seed=n) for n in range(12)}
    server.scripts = {path: [Step(trickle_s=0.01, trickle_bytes=1500)] for path in server.files}
    draw, command = random.Random(1), [sys.executable, "-c", textwrap.dedent(FETCH_MANY)]
    for n_further in (4, 1, 2, 0):
        n_before = len(server.requests)
        process = subprocess.Popen([*command, server.address, tmp_path], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "starts\n"
        wait_for(lambda n=n_before + n_further: len(server.requests) >= n)
        time.sleep(draw.uniform(0, 0.2))
        process.kill()
        process.communicate(timeout=60)
        for path in tmp_path.glob("*.swc"):
            assert path.read_bytes() == swc(1000, seed=int(path.stem))
    n_before = len(server.requests)
    wanted = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(12)]
    table = fetch_all(wanted, tmp_path)
    assert [digest(server.files[f"/{n}"]) for n in range(12)] == list(
        table.set_index("path")["sha256"][[f"{n}.swc" for n in range(12)]]
    )
    assert set(table["status"]) == {"fetched"}  # also of those that a killed run had verified
    assert len(server.requests) - n_before < 12 and len(left(tmp_path)) == 13


def test_a_run_killed_before_the_rename_needs_no_request(server, tmp_path, monkeypatch):
    from digimus.retrieval import transfer

    with monkeypatch.context() as patch:
        patch.setattr(transfer._Part, "finish", lambda self: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            fetch(server, tmp_path)
    assert not (tmp_path / "n.swc").exists()
    fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT and len(server.requests) == 1


def test_a_run_killed_before_the_manifest_knows_what_it_had(server, tmp_path, monkeypatch):
    from digimus.retrieval.pins import Pins

    with monkeypatch.context() as patch:
        patch.setattr(Pins, "finish", lambda self, rows: (_ for _ in ()).throw(MemoryError()))
        with pytest.raises(MemoryError):
            fetch(server, tmp_path)
    journal = tmp_path / ".fetched.jsonl"
    journal.write_text(journal.read_text() + '\n{"url": "http://torn')
    (tmp_path / "n.swc").write_bytes(OTHER)  # and was changed since
    table = fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT and table["sha256"][0] == digest(RIGHT)
    assert left(tmp_path) == DONE


def test_a_part_of_another_address_is_not_gone_on_with(server, tmp_path):
    server.files["/other"] = OTHER
    server.scripts["/n.swc"] = [Step(drop_after=50_000), Step(status=404)]
    with pytest.raises(InputError):
        fetch(server, tmp_path)
    fetch(server, tmp_path, path="/other")
    assert server.requests[-1].range is None and (tmp_path / "n.swc").read_bytes() == OTHER


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"url": 1}', '{"total": "many"}'])
def test_a_damaged_state_starts_anew(server, tmp_path, text):
    server.scripts["/n.swc"] = [Step(drop_after=50_000), Step(status=404), Step()]
    with pytest.raises(InputError):
        fetch(server, tmp_path)
    (state,) = tmp_path.glob(".*.part.state")
    state.write_text(text)
    fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT and server.requests[-1].range is None


def test_two_runs_into_one_folder(server, tmp_path):
    server.scripts["/n.swc"] = [Step(stall_after=50_000), Step()]
    first = started(server, tmp_path)
    wait_for(lambda: part_of(tmp_path) == 50_000)
    second = started(server, tmp_path)
    time.sleep(1.0)
    assert len(server.requests) == 1 and second.poll() is None  # it waits
    first.kill()
    first.communicate(timeout=60)
    said = second.communicate(timeout=60)[1]
    assert second.returncode == 0, said
    assert (tmp_path / "n.swc").read_bytes() == RIGHT
    assert [request.range for request in server.requests] == [None, "bytes=50000-"]


# What is there already


@pytest.fixture
def asked(monkeypatch):
    """The addresses of all requests."""
    urls, sent = [], connections.Connections._sent
    monkeypatch.setattr(
        connections.Connections, "_sent", lambda self, *args: (urls.append(args[1]), sent(self, *args))[1]
    )
    return urls


def test_offline_what_is_there_is_used_and_what_is_missing_is_one_error(tmp_path, asked):
    with misbehaving() as server:
        server.files |= {f"/{n}": swc(seed=n) for n in range(3)}
        there = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(3)]
        fetch_all(there, tmp_path)
    assert len(fetch_all(there, tmp_path)) == 3
    more = there + [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(3, 40)]
    asked.clear()
    with pytest.raises(InputError) as caught:
        fetch_all(more, tmp_path, wait_s=0.05)
    assert len(asked) <= 4 * 5  # a host that is away is not asked for every file
    assert caught.value.what == "37 of 40 files could not be fetched."
    assert "no answer" in caught.value.got and "3.swc from" in caught.value.got
    assert "and 17 more" in caught.value.got
    assert len(fetch_all(there, tmp_path)) == 3


def test_a_file_that_was_changed_here_is_replaced_once_the_new_one_verifies(server, tmp_path, caplog):
    fetch(server, tmp_path)
    (tmp_path / "n.swc").write_bytes(OTHER)
    server.scripts["/n.swc"] = [Step(status=404)]
    with pytest.raises(
        InputError, match="status 404 Not Found; the file that is there stays, but is not what"
    ):
        fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == OTHER
    server.scripts.clear()
    caplog.clear()
    fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == RIGHT
    assert "it is fetched anew" in caplog.text and digest(OTHER) in caplog.text


def test_what_was_learnt_on_the_first_fetch_holds(server, tmp_path):
    fetch(server, tmp_path)
    (tmp_path / "n.swc").unlink()
    server.files["/n.swc"] = OTHER
    with pytest.raises(InputError, match=f"instead of {digest(RIGHT)}"):
        fetch(server, tmp_path)
    assert left(tmp_path) == ["manifest.csv"]
    (tmp_path / "manifest.csv").unlink()
    fetch(server, tmp_path)
    assert (tmp_path / "n.swc").read_bytes() == OTHER


@pytest.mark.parametrize("kind", ["gone", "cut", "changed"])
def test_a_file_that_is_not_as_it_was_fetched_is_not_used(server, tmp_path, kind):
    server.files["/m.swc"] = OTHER
    fetch(server, tmp_path)
    fetch(server, tmp_path, path="/m.swc", name="a/m.swc")
    target = tmp_path / "a/m.swc"
    check_fetched([tmp_path / "n.swc", target])
    check_fetched(["n.swc", "a/m.swc"], tmp_path)
    target.unlink()
    if kind != "gone":
        target.write_bytes(OTHER[:-9] if kind == "cut" else OTHER.replace(b"3.25", b"3.26", 1))
    with pytest.raises(InputError, match="not as it was fetched") as caught:
        check_fetched(["n.swc", "a/m.swc"], tmp_path)
    assert caught.value.where == str(target) and "n.swc" not in caught.value.got
    target.unlink(missing_ok=True)
    fetch(server, tmp_path, path="/m.swc", name="a/m.swc")  # as the hint says
    check_fetched(["n.swc", "a/m.swc"], tmp_path)


def test_files_beside_a_manifest_that_is_not_ours_are_used(tmp_path):
    (tmp_path / "manifest.csv").write_text("file,made by\nn.swc,hand\n")
    (tmp_path / "n.swc").write_bytes(RIGHT)
    check_fetched([tmp_path / "n.swc", tmp_path / "manifest.csv"])
    with pytest.raises(InputError, match="nothing there"):
        check_fetched([tmp_path / "m.swc"])


def test_a_file_put_there_by_hand_is_taken_if_it_can_be_it(server, tmp_path, caplog):
    (tmp_path / "n.swc").write_bytes(RIGHT)
    table = fetch(server, tmp_path)
    assert list(table["status"]) == ["found"] and not server.requests
    assert "taken as it is" in caplog.text
    (tmp_path / "m.swc").write_bytes(PAGE)
    server.files["/m.swc"] = OTHER
    fetch(server, tmp_path, path="/m.swc", name="m.swc")
    assert (tmp_path / "m.swc").read_bytes() == OTHER


def test_another_address_for_a_path_is_fetched(server, tmp_path):
    fetch(server, tmp_path)
    server.files["/new.swc"] = OTHER
    fetch(server, tmp_path, path="/new.swc")
    assert (tmp_path / "n.swc").read_bytes() == OTHER
    server.files["/mirror.swc"] = OTHER
    fetch(server, tmp_path, path="/mirror.swc", sha256=digest(OTHER))  # the checksum says that it is the same
    assert len(server.requests) == 2


def test_the_manifest_keeps_what_earlier_questions_brought(server, tmp_path):
    fetch(server, tmp_path)
    server.files["/m.swc"] = OTHER
    table = fetch(server, tmp_path, path="/m.swc", name="m.swc")
    assert list(table["path"]) == ["m.swc"]
    with (tmp_path / "manifest.csv").open() as file:
        assert [row["path"] for row in csv.DictReader(file)] == ["m.swc", "n.swc"]


@pytest.mark.parametrize(
    "line", ["http://a,../n.swc,1,{s},,,", "http://a,n.swc,many,{s},,,", "http://a,n.swc,1,abc,,,"]
)
def test_a_damaged_manifest(server, tmp_path, line):
    header = "url,path,bytes,sha256,date,status,payload\n"
    (tmp_path / "manifest.csv").write_text(header + line.format(s=digest(b"")) + "\n")
    with pytest.raises(InputError, match="is damaged"):
        fetch(server, tmp_path)
    (tmp_path / "manifest.csv").write_text("dandiset,path\n000017,a.nwb\n")
    with pytest.raises(InputError, match="lacks the column 'url'"):
        fetch(server, tmp_path)


# Names


@pytest.mark.parametrize(
    "name",
    ["/etc/n.swc", "../n.swc", "a/../../n.swc", "C:n.swc", "C:/n.swc", "a\\..\\n.swc", "n\0.swc", "n\n.swc"]
    + ["", ".", ".n.swc", "a/.n.swc", "manifest.csv", ".fetching.lock", "n" * 300, "n" * 300 + "/n.swc"],
)
def test_a_name_that_leads_out_or_is_taken(server, tmp_path, name):
    with pytest.raises(InputError, match="cannot get its name"):
        fetch(server, tmp_path / "out", name=name)
    assert not server.requests and left(tmp_path) == []


def test_a_link_leads_nowhere(server, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a").symlink_to(tmp_path / "outside")
    with pytest.raises(InputError, match="by a link"):
        fetch(server, tmp_path / "out", name="a/n.swc")
    (tmp_path / "outside/n.swc").write_bytes(OTHER)
    (tmp_path / "out/n.swc").symlink_to(tmp_path / "outside/n.swc")
    fetch(server, tmp_path / "out", sha256=digest(RIGHT))
    assert (tmp_path / "outside/n.swc").read_bytes() == OTHER  # the link was replaced, not what it names
    assert not (tmp_path / "out/n.swc").is_symlink()


def test_a_part_that_is_a_link_is_not_written_through(server, tmp_path):
    server.scripts["/n.swc"] = [Step(drop_after=50_000), Step(status=404), Step()]
    with pytest.raises(InputError):
        fetch(server, tmp_path / "out")
    (part,) = (tmp_path / "out").glob(".*.part")
    (tmp_path / "precious").write_bytes(part.read_bytes())
    part.unlink()
    part.symlink_to(tmp_path / "precious")
    fetch(server, tmp_path / "out")
    assert (tmp_path / "precious").read_bytes() == RIGHT[:50_000]
    assert (tmp_path / "out/n.swc").read_bytes() == RIGHT


def test_a_folder_of_that_name(server, tmp_path):
    (tmp_path / "n.swc").mkdir()
    with pytest.raises(InputError, match="is a folder already"):
        fetch(server, tmp_path)


def test_one_path_for_two_files(server, tmp_path):
    one, two = (Download(server.url(f"/{n}"), Path("n.swc")) for n in "ab")
    with pytest.raises(InputError, match="Two files would get one name"):
        fetch_all([one, two], tmp_path)
    with pytest.raises(InputError, match="another one's folder"):
        fetch_all([one, Download(two.url, Path("n.swc/a"))], tmp_path)
    same = Download(server.url("/n.swc"), Path("n.swc"), kind="swc")
    assert len(fetch_all([same, same], tmp_path)) == 1 and len(server.requests) == 1


@pytest.mark.parametrize(
    "url", ["", "n.swc", "file:///etc/passwd", "ftp://a/b", "http://", "http://a:b/", "http://["]
)
def test_an_address_that_is_none(tmp_path, url):
    with pytest.raises(InputError, match="An address is none"):
        fetch_all([Download(url, Path("n.swc"))], tmp_path)


def test_an_unknown_kind(tmp_path):
    with pytest.raises(InputError, match="Did you mean 'json'"):
        fetch_all([Download("http://127.0.0.1:9/a", Path("a"), kind="jsn")], tmp_path)


@pytest.mark.parametrize("pattern", ["*.swc*", "**/*.swc*", "*.json", "**/*.csv", "*.nwb"])
def test_no_pattern_takes_a_part_for_a_file(server, tmp_path, pattern):
    server.scripts["/n.swc"] = [Step(drop_after=50_000), Step(status=404)]
    with pytest.raises(InputError):
        fetch(server, tmp_path)
    assert len(left(tmp_path)) == 2 and not list(tmp_path.glob(pattern))


# The disk


def test_too_little_space_is_said_before_the_first_request(server, tmp_path):
    with pytest.raises(InputError, match="cannot hold"):
        fetch(server, tmp_path, n_bytes=10**18)
    assert not server.requests


def test_a_disk_that_gets_full_ends_the_batch(server, tmp_path, monkeypatch):
    server.files |= {f"/{n}": swc(seed=n) for n in range(20)}
    wanted = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(20)]
    usage = fetching.shutil.disk_usage
    free = iter([10**9] * 6)
    lying = lambda path: usage(path)._replace(free=next(free, 0))  # noqa: E731
    monkeypatch.setattr(fetching.shutil, "disk_usage", lying)
    with pytest.raises(InputError, match="the disk is full"):
        fetch_all(wanted, tmp_path, n_at_once=2)
    assert len(server.requests) < 12
    for path in tmp_path.glob("*.swc"):
        assert path.read_bytes() == swc(seed=int(path.stem))
    monkeypatch.undo()
    assert len(fetch_all(wanted, tmp_path)) == 20


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_small_disk(server, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted here")
    try:
        server.files |= {f"/{n}": swc(seed=n) for n in range(6)}
        server.scripts |= {f"/{n}": [Step(chunked=True)] for n in range(6)}  # lengths are not told
        wanted = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(6)]
        with pytest.raises(InputError, match=r"the disk is full|No space left"):
            fetch_all(wanted, small, n_at_once=2, wait_s=0.01)
        for path in small.glob("*.swc"):
            assert path.read_bytes() == swc(seed=int(path.stem))
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        assert len(fetch_all(wanted, small)) == 6
    finally:
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InputError, match="cannot be used"):
        fetch_all([Download("http://127.0.0.1:9/a", Path("a"))], tmp_path / "out")


# Politeness


def test_never_more_at_once_than_allowed(server, tmp_path):
    server.pause_s = 0.03
    server.files |= {f"/{n}": swc(50, seed=n) for n in range(24)}
    wanted = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(24)]
    fetch_all(wanted, tmp_path / "2", n_at_once=2)
    assert server.most_at_once == 2
    fetch_all(wanted, tmp_path / "16", n_at_once=16)
    assert server.most_at_once == connections.MOST_PER_HOST == 4


def test_waits_double(server, tmp_path):
    server.scripts["/n.swc"] = [Step(status=500)] * 4 + [Step()]
    wanted = [Download(server.url("/n.swc"), Path("n.swc"), kind="swc")]
    fetch_all(wanted, tmp_path, wait_s=0.1)
    times = [request.at_s for request in server.requests]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    for gap, wanted_s in zip(gaps, [0.1, 0.2, 0.4, 0.8], strict=True):
        assert wanted_s <= gap < wanted_s + 10


def test_no_wait_is_longer_than_a_minute(server, tmp_path, monkeypatch):
    rests = []
    monkeypatch.setattr(connections.Connections, "rest", lambda self, seconds: rests.append(seconds))
    server.scripts["/n.swc"] = [Step(status=500)]
    with pytest.raises(InputError, match=r"status 500 .*\(9 attempts\)"):
        fetch_all([Download(server.url("/n.swc"), Path("n.swc"))], tmp_path, attempts=9)
    assert rests == [1, 2, 4, 8, 16, 32, 60, 60]


def test_a_host_that_asks_for_a_day_is_left_to_the_next_run(server, tmp_path):
    server.files |= {f"/{n}": swc(50, seed=n) for n in range(20)}
    server.scripts["/3"] = [Step(status=429, headers={"Retry-After": "86400"})]
    wanted = [Download(server.url(f"/{n}"), Path(f"{n:02}.swc"), kind="swc") for n in range(20)]
    with pytest.raises(InputError, match="17 of 20 files") as caught:
        fetch_all(wanted, tmp_path, n_at_once=1, wait_s=0.01)
    assert len(server.requests) == 4 and "not tried: status 429" in caught.value.got


def test_a_busy_host_that_says_no_time_is_left_alone_too(server, tmp_path):
    server.files |= {f"/{n}": swc(50, seed=n) for n in range(6)}
    server.scripts["/0"] = [Step(status=429), Step()]
    wanted = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(6)]
    fetch_all(wanted, tmp_path, n_at_once=1, wait_s=0.3)
    times = [request.at_s for request in server.requests]
    assert times[1] - times[0] > 0.25 and len(times) == 7


@pytest.mark.parametrize("as_date", [False, True])
def test_a_host_that_asks_to_wait_is_left_alone_by_all(server, tmp_path, as_date):
    server.files |= {f"/{n}": swc(50, seed=n) for n in range(8)}
    wait = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True) if as_date else "1"
    server.scripts["/0"] = [Step(status=429, headers={"Retry-After": wait}), Step()]
    server.pause_s = 0.05
    wanted = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in range(8)]
    fetch_all(wanted, tmp_path, n_at_once=2, wait_s=0.01)
    times = sorted(request.at_s for request in server.requests)
    silence = max(later - earlier for earlier, later in pairwise(times))
    assert silence > 0.8 and len(times) == 9


def test_one_broken_file_does_not_stop_the_others(server, tmp_path):
    server.files |= {f"/{n}": swc(50, seed=n) for n in range(12)}
    server.scripts |= {f"/{n}": [Step(status=500)] for n in range(5)}
    wanted = [Download(server.url(f"/{n}"), Path(f"{n:02}.swc"), kind="swc") for n in range(12)]
    with pytest.raises(InputError, match="5 of 12 files"):
        fetch_all(wanted, tmp_path, wait_s=0.01)
    assert len(list(tmp_path.glob("*.swc"))) == 7


def test_a_host_that_is_too_busy_is_left_to_the_next_run(server, tmp_path):
    server.scripts = {f"/{n}": [Step(status=503)] for n in range(30)}
    wanted = [Download(server.url(f"/{n}"), Path(f"{n:02}.swc"), kind="swc") for n in range(30)]
    with pytest.raises(InputError, match="30 of 30 files"):
        fetch_all(wanted, tmp_path, wait_s=0.01)
    assert len(server.requests) <= 4 * 5 + 4


# Sizes


def test_sizes_without_a_download(server, tmp_path):
    server.files |= {"/a": RIGHT, "/b": OTHER, "/c": OTHER}
    server.scripts |= {"/d": [Step(RIGHT, chunked=True)], "/e": [Step(status=500)]}
    server.scripts["/f"] = [Step(status=405)]
    wanted = [Download(server.url(f"/{n}"), Path(f"{n}.swc"), kind="swc") for n in "abcdef"]
    wanted[2] = Download(wanted[2].url, wanted[2].path, n_bytes=77)
    fetch_all(wanted[:1], tmp_path)
    server.requests.clear()
    table = sizes(wanted, tmp_path, wait_s=0.01)
    assert list(table["path"]) == [f"{n}.swc" for n in "abcdef"]
    assert list(table["there"]) == [True] + [False] * 5
    assert list(table["bytes"][:3]) == [len(RIGHT), len(OTHER), 77] and table["bytes"][3:].isna().all()
    assert {request.path for request in server.requests} == {"/b", "/d", "/e", "/f"}
    assert {request.method for request in server.of("/b")} == {"HEAD"}
    assert sizes([], tmp_path).empty


def test_sizes_offline(tmp_path, asked):
    wanted = [Download(f"http://127.0.0.1:9/{n}", Path(str(n))) for n in range(50)]
    table = sizes(wanted, tmp_path / "absent", wait_s=0.05)
    assert table["bytes"].isna().all() and not table["there"].any()
    assert len(asked) <= 4 * 2 and not (tmp_path / "absent").exists()


# First bytes


GOOD = {
    "swc": [b"# c\n1 1 0 0 0 1 -1\n", b"\xef\xbb\xbf1 1 0 0 0 1 -1", b" 1,1,0,0,0,1,-1\r\n", b"#" * 70_000],
    "json": [b'{"a": 1}', b" \n[1]", b"\xef\xbb\xbf{}"],
    "csv": [b"a,b\n1,2\n", b",link\n0,x\n", b"a;b\r\n1;2\r\n"],
    "any": [b"\0\1", b"a < b", b"<x/>", b"text"],
}
BAD = {
    "swc": [b"Not found\n", b"# only comments\n", b"1 2 3\n", b"\0\0", b'{"error": "no"}'],
    "json": [b"oops", b"", b"\0{}"],
    "csv": [b"a,b\n", b"Rate limit exceeded, try later", b"no\nfields\n", b"<a,b>\n1\n", b"\0,\n\n"],
    "gzip": [b"PK\x03\x04", b"\x1f"],
    "any": [],
}
PAGES = [
    PAGE,
    b"<HTML>",
    b"\n\t <!DoCtYpE HTML PUBLIC>",
    b'<?xml version="1.0"?><!DOCTYPE html>',
    b"<head><meta charset=utf-8>",
    "\ufeff<html>".encode("utf-16-le"),
    "\ufeff <!doctype html>".encode("utf-16-be"),
]


@pytest.mark.parametrize("kind", KINDS)
def test_first_bytes(kind):
    for head in GOOD.get(kind, [magic + b"more" for magic in MAGIC.get(kind, ())]):
        assert wrong_contents(head[: 2**16], kind) is None
        assert all(wrong_start(head[:n], kind) is None for n in range(20))
    for head in BAD.get(kind, [b"something else"]):
        assert wrong_contents(head, kind)
    for head in PAGES:
        assert "web page" in wrong_contents(head, kind) and "web page" in wrong_start(head, kind)


# Whatever comes


def steps():
    """Any misbehaviour, with contents of any version."""
    return st.builds(
        Step,
        content=st.sampled_from([None, None, None, OTHER, RIGHT[:60_000], b"", PAGE, b"error, sorry\n1\n"]),
        status=st.sampled_from([200] * 9 + [206, 302, 404, 416, 429, 500, 503]),
        headers=st.sampled_from(
            [{}] * 6
            + [{"Content-Length": str(n)} for n in (10, 60_000, len(RIGHT) + 9)]
            + [
                {"Content-Encoding": "gzip"},
                {"Content-Range": "bytes 50000-60000/60001"},
                {"Location": "/n.swc"},
                {"Location": "http://["},
                {"Content-Length": "-1"},
                {"ETag": "\xff"},
                {"Last-Modified": "yesterday"},
            ]
        ),
        drop_after=st.sampled_from([None, None, None, 0, 1, 50_000, 90_000]),
        reset=st.booleans(),
        page=st.sampled_from([False] * 6 + [True]),
        ranges=st.booleans(),
        wrong_range=st.sampled_from([False] * 4 + [True]),
        blind=st.sampled_from([False] * 4 + [True]),
        chunked=st.sampled_from([False] * 4 + [True]),
        closing=st.sampled_from([False] * 4 + [True]),
        zipped=st.sampled_from([False] * 6 + [True]),
    )


def honest(step):
    """Each version of the file has an ETag of its own, and a step that lies in another way has none."""
    return Step(
        **{**step.__dict__, "etag": f'"{digest(step.content)[:8] if step.content is not None else "1"}"'}
    )


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    script=st.lists(steps().map(honest), min_size=1, max_size=6), pinned=st.booleans(), runs=st.integers(1, 3)
)
def test_any_sequence_of_misbehaviours(tmp_path_factory, script, pinned, runs):
    folder = tmp_path_factory.mktemp("any")
    known = {"sha256": digest(RIGHT)} if pinned else {}
    with misbehaving() as server:
        server.files["/n.swc"] = RIGHT
        server.scripts["/n.swc"] = script + [Step()]
        for _ in range(runs):
            target = folder / "n.swc"
            try:
                table = fetch_all(
                    [Download(server.url("/n.swc"), Path("n.swc"), kind="swc", **known)],
                    folder,
                    attempts=3,
                    wait_s=0,
                    timeout_s=1,
                )
            except InputError as error:
                assert "n.swc" in error.got and not target.exists() and not (folder / "manifest.csv").exists()
                continue
            whole = [RIGHT] if pinned else [RIGHT, OTHER, *lengths(script)]
            assert target.read_bytes() in whole and table["sha256"][0] == digest(target.read_bytes())
            assert left(folder) == DONE


def lengths(script):
    """Versions that an unpinned file may be, since the server sent them whole and said so."""
    sent = {step.content for step in script if step.content}
    said = {step.headers["Content-Length"] for step in script if "Content-Length" in step.headers}
    return sent | {(content)[: int(n)] for content in (RIGHT, OTHER) for n in said if int(n) < len(content)}


def test_many_files_over_a_bad_line(server, tmp_path):
    draw = random.Random(0)
    kinds = [Step(drop_after=n) for n in (0, 1000, 50_000)]
    kinds += [
        Step(status=500),
        Step(status=429),
        Step(page=True),
        Step(chunked=True),
        Step(reset=True, drop_after=9),
    ]
    server.files = {f"/{n}": swc(2000, seed=n) for n in range(60)}
    server.scripts = {
        path: [draw.choice(kinds) for _ in range(draw.randint(0, 3))] + [Step()] for path in server.files
    }
    wanted = [Download(server.url(f"/{n}"), Path(f"{n // 10}/{n}.swc"), kind="swc") for n in range(60)]
    for _ in range(6):  # a file that came as the same page twice is left to the next run
        try:
            fetch_all(wanted, tmp_path, wait_s=0.005, n_at_once=4)
            break
        except InputError:
            pass
    for n in range(60):
        assert (tmp_path / f"{n // 10}/{n}.swc").read_bytes() == swc(2000, seed=n)
    assert not list(tmp_path.rglob("*.part*"))


def test_the_rate_is_told_on_a_terminal_only(server, tmp_path, monkeypatch, capsys):
    from digimus.retrieval import progress

    fetch(server, tmp_path / "quiet")
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "TOLD_S", 0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    fetch(server, tmp_path / "told")
    assert "1 of 1 files" in (text := capsys.readouterr().err) and "MB/s" in text
