"""What the page's server refuses, before anything of it is looked at."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from agents.app.server import FILE_POLICY, POLICY, Closed, ServerConfig, _free_port
from lcr.errors import LcrError

OWN = {"host": "127.0.0.1:7860"}


def answer(
    root: Path, path: str, method: str = "GET", kind: str = "text/html", **headers: str
) -> tuple[int, dict[str, str]]:
    """Status and headers for a request, of an application that answers everything with 200."""
    sent: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told = [(b"content-type", kind.encode()), (b"content-disposition", b'inline; filename="x"')]
        await send({"type": "http.response.start", "status": 200, "headers": told})

    async def send(message: Any) -> None:
        sent.append(message)

    named = {**OWN, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    closed = Closed(app, root=root, config=ServerConfig(host="studio", most_mb=2))
    asyncio.run(closed(scope, None, send))
    return sent[0]["status"], {k.decode(): v.decode() for k, v in sent[0]["headers"]}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:7860", 200),
        ("127.0.0.1", 200),
        ("192.168.1.7:80", 200),
        ("[::1]:7860", 200),
        ("STUDIO:7860", 200),
        ("evil.example:7860", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("", 403),
    ],
)
def test_only_its_own_names_are_answered(tmp_path: Path, host: str, status: int) -> None:
    assert answer(tmp_path, "/", host=host)[0] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:7860", 200),
        ("http://127.0.0.1:9999", 403),
        ("http://evil.example", 403),
        ("https://evil.example/127.0.0.1:7860", 403),
        ("null", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
def test_only_its_own_pages_are_served(
    tmp_path: Path, origin: str, status: int, method: str
) -> None:
    told, headers = answer(tmp_path, "/x", method, origin=origin, content_length="3")
    assert told == status
    assert "access-control-allow-origin" not in headers


def test_files_are_visitors_own_and_saved_not_shown(tmp_path: Path) -> None:
    sound = tmp_path / "ab12" / "take.wav"
    sound.parent.mkdir()
    sound.write_bytes(b"RIFF")
    (tmp_path / "out").symlink_to("/etc")
    at = "/gradio_api/file="
    status, headers = answer(tmp_path, f"{at}{sound}", kind="audio/x-wav")
    assert (status, headers["content-type"]) == (200, "audio/x-wav")
    for name in ("a.html", "a.svg", "a.wav"):
        status, headers = answer(tmp_path, f"{at}{sound.with_name(name)}")
        assert status == 200
        assert headers["content-disposition"] == 'attachment; filename="x"'
        assert headers["content-type"] == "application/octet-stream"
        assert headers["content-security-policy"] == FILE_POLICY
    for path in (
        "/etc/passwd", f"{tmp_path}/../x", f"{tmp_path}/out/passwd", "http://example.org/a.wav", "",
        f"{tmp_path}x/a.wav",
    ):  # fmt: skip
        assert answer(tmp_path, at + path)[0] == 403, path
    for path in ("/gradio_api/file//etc/passwd", "/gradio_api/proxy=http://x.hf.space/"):
        assert answer(tmp_path, path)[0] == 403
    assert answer(tmp_path, "/")[1]["content-security-policy"] == POLICY


def test_what_is_sent_is_bounded_in_all(tmp_path: Path) -> None:
    upload, other = "/gradio_api/upload", "/gradio_api/queue/join"
    (tmp_path / "uploads").mkdir()
    assert answer(tmp_path, upload, "POST", content_length=str(2**21))[0] == 200
    assert answer(tmp_path, upload, "POST", content_length=str(2**22))[0] == 403
    assert answer(tmp_path, upload, "POST")[0] == 403  # chunked: nobody knows how much
    assert answer(tmp_path, other, "POST", content_length=str(2**20))[0] == 200
    assert answer(tmp_path, other, "POST", content_length=str(2**21))[0] == 403
    with (tmp_path / "uploads" / "large").open("wb") as file:
        file.truncate(30 * 2**20)
    assert answer(tmp_path, upload, "POST", content_length="3")[0] == 403


@pytest.mark.parametrize(
    ("host", "port"), [("127.0.0.1", 65_536), ("127.0.0.1", -1), ("nowhere.invalid", 0)]
)
def test_where_nothing_can_be_served_is_told(host: str, port: int) -> None:
    with pytest.raises(LcrError):
        _free_port(host, port)


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(LcrError):
        _free_port("127.0.0.1", other.getsockname()[1])
