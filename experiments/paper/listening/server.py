"""A small server for a survey: it gives the page, takes each rater's result once, and no more."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from experiments.comparison.errors import OutputError
from experiments.paper.listening.results import MAX_BYTES, ResultError, parse_result
from lcr.files import write_whole

MAX_RESULTS = 10_000
"""Files the server writes at most, so that nobody fills the disk under made-up names."""
_TIMEOUT_S = 20.0


class SurveyServer(ThreadingHTTPServer):
    """Serves `page`; writes well-formed results into `folder` as RATER.json and nowhere else."""

    daemon_threads = True
    request_queue_size = 256
    """A class of raters submits at once; more would be turned away by the system itself."""

    def __init__(
        self, address: tuple[str, int], *, page: bytes, key: Mapping[str, Any], folder: Path
    ) -> None:
        """Raises OSError when the address is taken, OutputError when the folder cannot be made."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for draft in folder.glob(".*.part"):  # of a server that was killed
                draft.unlink()
        except OSError as error:
            raise OutputError.of(folder, error) from error
        self.page, self.key, self.folder = page, key, folder
        self.saving = threading.Lock()
        super().__init__(address, _Handler)

    def save(self, rater: str, content: bytes) -> bool:
        """Write a rater's file, whole or not at all; False if there is one. Raises OSError."""
        path = self.folder / f"{rater}.json"
        with self.saving:
            # Names that differ by case only are one file on some disks: compare them so.
            names = {p.name.lower() for p in self.folder.glob("*.json")}
            if path.name.lower() in names or len(names) >= MAX_RESULTS:
                return False
            write_whole(path, content)
        return True


class _Handler(BaseHTTPRequestHandler):
    server: SurveyServer
    timeout = _TIMEOUT_S
    server_version, sys_version = "lcr-listening", ""

    def do_GET(self) -> None:
        if urlsplit(self.path).path != "/":
            self._answer(404, b"no such page")
            return
        self._answer(200, self.server.page, kind="text/html; charset=utf-8")

    def do_POST(self) -> None:
        self.close_connection = True  # a body that was refused is not read on
        if urlsplit(self.path).path != "/results":
            self._answer(404, b"no such page")
            return
        if self.headers.get_content_type() != "application/json" or not self._own_page():
            self._answer(403, b"results come as JSON from the survey's own page")
            return
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(411, b"say the length of the result")
            return
        if len(length) > 9 or int(length) > MAX_BYTES:
            self._answer(413, f"a result has at most {MAX_BYTES} bytes".encode())
            return
        content = self.rfile.read(int(length))
        try:
            result = parse_result(content, self.server.key)
            clean = json.dumps(json.loads(content), ensure_ascii=True).encode() + b"\n"
            saved = self.server.save(result.rater, clean)
        except ResultError as error:
            self._answer(400, str(error).encode())
        except OSError as error:
            self.log_error("cannot save a result: %s", error)
            self._answer(507, b"the server cannot save results now; download them instead")
        else:
            if saved:
                self._answer(201, b"saved")
            else:
                self._answer(409, b"this rater has answered, or the survey is full")

    def _own_page(self) -> bool:
        """Browsers name the page that posts; another site's page is refused."""
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def _answer(self, status: int, body: bytes, *, kind: str = "text/plain; charset=utf-8") -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        if not args or not str(args[0]).startswith("GET"):
            super().log_message(format, *args)
