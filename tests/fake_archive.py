"""An archive on the loopback that answers as much of DANDI's API as the client asks for."""

import json
import re
from contextlib import contextmanager
from hashlib import md5, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlparse
from uuid import NAMESPACE_URL, uuid5

DATE = "2024-03-29T19:26:00Z"


class FakeArchive:
    """One dandiset, its published version and its draft; what goes wrong is set by the test.

    Attributes
    ----------
    files : dict of str to dict of str to bytes
        Content by version and path.
    breaks : dict of str to list of int
        By path: how many bytes each of the next downloads sends before it breaks off.
    served : dict of str to bytes
        By path: other content than the checksums say.
    digests : dict of str to dict
        By path: other checksums.
    status : dict of str to int
        By path: a status instead of the file.
    embargo : str
    ranges : bool
        Whether downloads heed the header Range.
    asked : list of (path, range)
        Every download asked for.
    requests : list of str
        Every path asked for.
    """

    def __init__(self, files):
        self.files = files
        self.breaks, self.served, self.digests, self.status = {}, {}, {}, {}
        self.embargo, self.ranges, self.zarr = "OPEN", True, set()
        self.asked, self.requests = [], []

    def asset(self, version, path):
        """The archive's record of a file; its id depends on what the file holds."""
        content = self.files[version][path]
        name = str(uuid5(NAMESPACE_URL, path + sha256(content).hexdigest()))
        kind = "zarr" if path in self.zarr else "blob"
        record = {"asset_id": name, "path": path, "size": len(content), "created": DATE, "modified": DATE}
        return record | {kind: name}

    def metadata(self, version, path):
        """The metadata of a file, with its checksums."""
        content = self.files[version][path]
        etag = f"{md5(md5(content).digest()).hexdigest()}-1"
        known = {"dandi:dandi-etag": etag, "dandi:sha2-256": sha256(content).hexdigest()}
        return {"path": path, "digest": self.digests.get(path, known)}

    def version(self, name):
        """The archive's record of a version."""
        record = {"version": name, "name": "fake", "asset_count": len(self.files[name]), "size": 1}
        return record | {"created": DATE, "modified": DATE, "status": "Valid"}

    def answer(self, path, query):
        """Status and JSON of a path below /api."""
        dandiset = {"identifier": "000017", "created": DATE, "modified": DATE, "contact_person": "nobody"}
        dandiset |= {"embargo_status": self.embargo, "draft_version": self.version("draft")}
        if path == "/info/":
            return 200, {}
        if not path.startswith("/dandisets/000017/"):
            return 404, {"detail": "Not found."}
        rest = path.removeprefix("/dandisets/000017/")
        if not rest:
            return 200, dandiset
        if rest == "versions/":
            return 200, _page([self.version(name) for name in self.files])
        _, version, _, *asset = rest.rstrip("/").split("/")
        if version not in self.files:
            return 404, {"detail": "Not found."}
        records = [self.asset(version, name) for name in sorted(self.files[version])]
        if not asset:
            prefix = query.get("path", [""])[0]
            return 200, _page([record for record in records if record["path"].startswith(prefix)])
        name = next(record["path"] for record in records if record["asset_id"] == asset[0])
        return 200, self.metadata(version, name)

    def content(self, asset_id):
        """Path and content of a file by its id."""
        for version, files in self.files.items():
            for path, content in files.items():
                if self.asset(version, path)["asset_id"] == asset_id:
                    return path, self.served.get(path, content)
        raise KeyError(asset_id)


def _page(results):
    return {"count": len(results), "next": None, "previous": None, "results": results}


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        archive, url = self.server.archive, urlparse(self.path)
        archive.requests.append(url.path)
        download = re.fullmatch(r"/api/assets/([0-9a-f-]+)/download/", url.path)
        if download:
            self.send_response(302)
            self.send_header("Location", f"/blobs/{download[1]}")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif url.path.startswith("/blobs/"):
            self._send_blob(archive, url.path.removeprefix("/blobs/"))
        else:
            status, body = archive.answer(url.path.removeprefix("/api"), parse_qs(url.query))
            self._send(status, json.dumps(body).encode())

    def _send_blob(self, archive, asset_id):
        path, content = archive.content(asset_id)
        wanted = self.headers.get("Range")
        archive.asked.append((path, wanted))
        if path in archive.status:
            return self._send(archive.status[path], b"")
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and archive.ranges else 0
        content = content[start:]
        n_sent = archive.breaks[path].pop(0) if archive.breaks.get(path) else len(content)
        self._send(206 if start else 200, content, n_sent)

    def _send(self, status, body, n_sent=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:n_sent])
        self.close_connection = True


@contextmanager
def serving(archive):
    """Yield the address of the API while a server answers for the archive."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.archive = archive
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/api"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
