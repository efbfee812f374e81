"""Twenty visitors doing their worst, over HTTP and without a browser: memory is bounded, nothing is
shown inline, and other pages are not listened to."""

from __future__ import annotations

import http.client
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import soundfile

from agents.app.server import ServerConfig
from tests.agents.app.serving import served_page

pytest.importorskip("gradio", reason="gradio is not installed")
pytestmark = pytest.mark.rehearsal

RATE = 16_000
MOST_MB = ServerConfig().most_mb
MOST_BYTES = 1_400 * 2**20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("server")
    with served_page(folder, end=signal.SIGHUP) as found:
        yield found


class Visitor:
    """What a browser sends, and what it might."""

    def __init__(self, address: str, number: int) -> None:
        self.host = address.removeprefix("http://")
        self.session = f"visitor{number}"
        told = json.loads(self.ask("GET", "/config")[2])
        self.recording = next(
            one["id"] for one in told["components"] if one["props"].get("elem_id") == "recording"
        )
        self.listened = told["dependencies"]

    def ask(
        self, method: str, path: str, content: bytes | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        link = http.client.HTTPConnection(self.host, timeout=300)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            link.request(method, path, content, named)
            answer = link.getresponse()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
        finally:
            link.close()

    def upload(self, name: str, content: bytes, **headers: str) -> tuple[int, str]:
        """Status, and where it lies."""
        head = f'--x\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        status, _, told = self.ask(
            "POST",
            "/gradio_api/upload",
            head.encode() + content + b"\r\n--x--\r\n",
            **{"content_type": "multipart/form-data; boundary=x", **headers},
        )
        return status, json.loads(told)[0] if status == 200 else ""

    def opens(self, path: str) -> str:
        """What the page says of a recording that was uploaded."""
        number, _ = next(
            (n, one)
            for n, one in enumerate(self.listened)
            if [self.recording, "upload"] in [list(target) for target in one["targets"]]
        )
        file = {"path": path, "orig_name": Path(path).name, "meta": {"_type": "gradio.FileData"}}
        body: dict[str, Any] = {"fn_index": number, "session_hash": self.session}
        body["data"] = [None, file, False]
        status, _, told = self.ask(
            "POST", "/gradio_api/queue/join", json.dumps(body).encode(),
            content_type="application/json",
        )  # fmt: skip
        assert status == 200, told
        return self.ask("GET", f"/gradio_api/queue/data?session_hash={self.session}")[2].decode()


def wav(path: Path, channels: int, seconds: float, rate: int = RATE) -> bytes:
    rng = np.random.default_rng(0)
    soundfile.write(path, 0.1 * rng.standard_normal((round(seconds * rate), channels)), rate)
    return path.read_bytes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
def test_twenty_visitors_doing_their_worst_fit_into_memory(
    server: tuple[str, int], tmp_path: Path
) -> None:
    address, process = server
    largest = wav(tmp_path / "largest.wav", 2, 0.97 * MOST_MB * 2**20 / (8 * RATE))
    soundfile.write(tmp_path / "wide.flac", np.zeros((2_000_000, 8)), 655_350)  # 61 MB decoded
    wide = (tmp_path / "wide.flac").read_bytes()
    said: list[str] = []
    for number in range(20):
        visitor = Visitor(address, number)
        status, path = visitor.upload("take.wav", largest if number % 8 == 0 else wide)
        assert status in (200, 403)  # there is no room for more recordings at last
        if status == 200:
            said.append(visitor.opens(path))
        assert visitor.ask("POST", "/gradio_api/queue/join", b" " * 2**21)[0] == 403
        assert visitor.upload("huge.wav", bytes((MOST_MB + 2) * 2**20))[0] == 403
    assert sum("sources are heard" in one for one in said) >= 3
    assert sum(f"this page takes {MOST_MB}" in one for one in said) >= 10
    status = Path(f"/proc/{process}/status").read_text()
    highest = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    assert int(highest) * 1024 <= MOST_BYTES


def test_nothing_is_shown_inline_and_other_pages_are_refused(
    server: tuple[str, int], tmp_path: Path
) -> None:
    visitor = Visitor(server[0], 99)
    script = b"<script>document.title = 'taken'</script>"
    for name in ("a.html", "a.svg", "a.xhtml", "a.pdf"):
        status, path = visitor.upload(name, script)
        assert status == 200
        status, headers, _ = visitor.ask("GET", f"/gradio_api/file={quote(path)}")
        assert status == 200
        assert headers["content-disposition"].startswith("attachment")
        assert headers["content-type"] == "application/octet-stream"
        assert "sandbox" in headers["content-security-policy"]
    foreign = {"origin": "http://evil.example"}
    assert visitor.upload("take.wav", b"x", **foreign)[0] == 403
    for path, headers in (
        ("/", {"host": "evil.example"}),
        ("/config", {"host": "evil.example", "origin": "http://evil.example"}),
        ("/gradio_api/file=/etc/passwd", {}),
        ("/gradio_api/file=http://127.0.0.1:1/a.wav", {}),
    ):
        status, told, body = visitor.ask("GET", path, **headers)
        assert len(body) < 200
        assert status == 403, path
        assert not [name for name in told if name.startswith("access-control")]
    status, told, _ = visitor.ask(
        "OPTIONS", "/gradio_api/upload", origin="http://evil.example",
        access_control_request_method="POST",
    )  # fmt: skip
    assert status == 403
    assert not [name for name in told if name.startswith("access-control")]
