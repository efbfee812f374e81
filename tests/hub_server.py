"""As much of a model hub's HTTP protocol as a checkpoint needs to go up and come down, in memory.

Written by what huggingface_hub's client asks for: repositories are made, files go into commits as
base64 or, the large ones, by Git LFS, and come back by revision with their digests as ETags.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_test"


@dataclass
class Hub:
    """`files` by repository and path; `asked` holds every request's method and path."""

    address: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_Handler):
        hub_ = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub_: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, told: Any = None, status: int = 200, **headers: str) -> None:
        body = told if isinstance(told, bytes) else json.dumps(told).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _path(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.hub_.asked.append(f"{self.command} {path}")
        return path

    def do_POST(self) -> None:
        path, body = self._path(), self._body()
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._answer({"error": "Invalid user token."}, 401)
        elif path == "/api/validate-yaml":
            self._answer({"errors": [], "warnings": []})
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = "/".join(filter(None, (asked.get("organization"), asked["name"])))
            self.hub_.files.setdefault(name, {})
            self._answer({"url": f"{self.hub_.address}/{name}"})
        elif "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [
                {
                    "path": one["path"],
                    "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for one in files
            ]
            self._answer({"files": modes})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            told = [
                {**one, "actions": {"upload": {"href": f"{self.hub_.address}/lfs/{one['oid']}"}}}
                for one in objects
            ]
            self._answer({"objects": told, "transfer": "basic"})
        elif "/commit/" in path:
            name = path.removeprefix("/api/models/").partition("/commit/")[0]
            for line in body.splitlines():
                self._commit(name, json.loads(line))
            url = f"{self.hub_.address}/{name}/commit/{COMMIT}"
            self._answer({"commitUrl": url, "commitOid": COMMIT, "success": True})
        else:
            self._answer({"error": "no such thing"}, 404)

    def _commit(self, name: str, line: dict[str, Any]) -> None:
        value = line["value"]
        if line["key"] == "file":
            self.hub_.files[name][value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            self.hub_.files[name][value["path"]] = self.hub_.objects[value["oid"]]

    def do_PUT(self) -> None:
        path, body = self._path(), self._body()
        assert hashlib.sha256(body).hexdigest() == path.removeprefix("/lfs/")
        self.hub_.objects[path.removeprefix("/lfs/")] = body
        self._answer({})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = self._path()
        name = re.sub("^/api/models/|/(revision|tree)/.*$", "", path)
        if path.startswith("/api/models/") and name in self.hub_.files:
            files = self.hub_.files[name]
            if "/tree/" in path:
                entries = [
                    {"type": "file", "path": p, "size": len(b), "oid": hashlib.sha1(b).hexdigest()}
                    for p, b in files.items()
                ]
                self._answer(entries)
            else:
                siblings = [{"rfilename": file} for file in files]
                self._answer({"id": name, "sha": COMMIT, "siblings": siblings})
            return
        name, _, rest = path[1:].partition("/resolve/")
        body = self.hub_.files.get(name, {}).get(rest.partition("/")[2])
        if body is None:
            self._answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
            return
        digest = hashlib.sha256(body).hexdigest()
        self._answer(body, ETag=f'"{digest}"', X_Repo_Commit=COMMIT)
