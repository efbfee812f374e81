"""The page as a server that fetches nothing: neither it nor the browser that shows it reaches
beyond this machine."""

from __future__ import annotations

import ctypes
import json
import os
import socket
import sys
import tempfile
import warnings
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
)
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lcr.errors import LcrError, cause_of

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; worker-src 'self' blob:; "
    "manifest-src 'self'; form-action 'none'; base-uri 'self'; frame-ancestors 'self'"
)
"""For the browser: nothing but this server. Gradio's own code needs inline scripts and eval."""

FILE_POLICY = "default-src 'none'; sandbox"
"""For files: nothing in one may run, should a browser show it after all."""
_FILE = "/file="
_UPLOADS = "uploads"
_MB = 2**20
_LARGE = 2**20
_ROOM = 10
"""Times the largest recording: what all uploads may take on the disk."""

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Where the page is served, on a free port for 0, and how much it takes: `most_mb` of one
    recording, as a file and decoded, and of all recordings that are open; `most_s` of its length.
    """

    host: str = "127.0.0.1"
    port: int = 7860
    most_mb: int = 16
    most_s: float = 600.0

    @property
    def most_bytes(self) -> int:
        return self.most_mb * _MB


class Closed:
    """Takes requests from its own pages alone, and gives files of its visitors alone, to be saved
    and not shown; adds the policies to every answer.

    A page elsewhere can make a browser send requests here (their `Origin` tells), and call itself
    by this address (`Host` tells, as no address is a name of somebody else's).
    """

    def __init__(self, app: App, *, root: Path, config: ServerConfig) -> None:
        self._app, self._root, self._config = app, root.resolve(), config
        machine = socket.gethostname().lower()
        self._names = {"localhost", machine, f"{machine}.local", config.host.lower()}

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        path = str(scope["path"])
        problem = self._problem(str(scope.get("method", "")), path, headers)
        if problem:
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": problem.encode()})
            return

        async def guarded(message: Scope) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _closed(message.get("headers", ()), is_file=_FILE in path)
            await send(message)

        await self._app(scope, receive, guarded)

    def _problem(self, method: str, path: str, headers: Mapping[str, str]) -> str:
        """Why a request is refused; "" for one that is not."""
        host = headers.get("host", "").lower()
        if not self._is_own(urlsplit(f"//{host}").hostname or ""):
            return "this page is at another address"
        if headers.get("origin", f"//{host}").partition("//")[2].lower() != host:
            return "requests of other pages are not taken"
        if _FILE in path or "/file/" in path or "/proxy=" in path:
            file = Path(path.partition(_FILE)[2].replace("\0", "")).resolve()
            return "" if file.is_relative_to(self._root) else "no file of a visitor"
        if method not in ("GET", "HEAD"):
            length = headers.get("content-length", "")
            upload = path.rstrip("/").endswith("/upload")
            most = self._config.most_bytes + _MB if upload else _MB
            if not length.isdecimal() or int(length) > most:
                return f"what is sent has {length or 'no'} bytes; {most} are the most"
            if upload and _size(self._root / _UPLOADS) + int(length) > _ROOM * most:
                return "there is no room for further recordings now"
        return ""

    def _is_own(self, name: str) -> bool:
        try:
            ip_address(name)
        except ValueError:
            return name in self._names
        return True


def _closed(headers: Iterable[tuple[bytes, bytes]], *, is_file: bool) -> list[tuple[bytes, bytes]]:
    """With the policies; those of a file make it one to be saved, and plain data unless sound."""
    kept = []
    for name, value in headers:
        if is_file and name.lower() == b"content-disposition":
            value = value.replace(b"inline", b"attachment", 1)
        elif is_file and name.lower() == b"content-type" and not value.startswith(b"audio/"):
            value = b"application/octet-stream"
        kept.append((name, value))
    return [
        *kept,
        (b"content-security-policy", (FILE_POLICY if is_file else POLICY).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (b"cross-origin-resource-policy", b"same-origin"),
    ]


def _size(folder: Path) -> int:
    """Bytes of all files in it."""
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())


@contextmanager
def serve(config: ServerConfig) -> Iterator[str]:
    """Run the page and give its address; at the end every file of its users is gone.

    Raises MissingWeightsError where weights are absent, LcrError where the port is taken.
    """
    _free_at_once()
    with tempfile.TemporaryDirectory(prefix="lcr-app-") as folder:
        root = Path(folder)
        (root / _UPLOADS).mkdir()
        # Read when Gradio is imported.
        os.environ["GRADIO_TEMP_DIR"] = str(root / _UPLOADS)
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Gradio's, of its own parts
            page = _page(root, config)
        try:
            yield _launch(page.blocks, root, config)
        finally:
            page.blocks.close(verbose=False)


def _free_at_once() -> None:
    """Make the C library return freed blocks of `_LARGE` bytes to the system at once, and let all
    threads share one pool of smaller ones. By default glibc keeps up to half a gigabyte."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another library of C
            ctypes.CDLL(None).mallopt(-3, _LARGE)  # M_MMAP_THRESHOLD
            ctypes.CDLL(None).mallopt(-8, 1)  # M_ARENA_MAX


def _page(root: Path, config: ServerConfig) -> Any:  # noqa: ANN401
    from agents.app.actions import Actions
    from agents.app.contest import Systems
    from agents.app.page import Page
    from agents.listening.listener import load_listener
    from agents.planners.choose import load_planner

    actions = Actions(
        root=root,
        listener=load_listener(),
        planner=load_planner(),
        systems=Systems(),
        most_s=config.most_s,
        most_bytes=config.most_bytes,
    )
    return Page(actions)


def _launch(blocks: Any, root: Path, config: ServerConfig) -> str:  # noqa: ANN401
    import gradio as gr

    from agents.app.page import SCRIPT, STYLES

    look = json.loads(Path(__file__).with_name("theme.json").read_text(encoding="utf-8"))
    theme = gr.themes.Base(**look["base"]).set(**look["set"])

    @asynccontextmanager
    async def guarded(app: Any) -> AsyncIterator[None]:  # noqa: ANN401 (Starlette's)
        """Put the guard around all of Gradio, which adds headers for other pages to any answer."""
        app.middleware_stack = Closed(app.middleware_stack, root=root, config=config)
        yield

    port = _free_port(config.host, config.port)
    # Gradio asks its own address whether it is there, which must not go through a proxy.
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY", "")
    os.environ["no_proxy"] = f"{direct},{config.host},localhost"
    try:
        _, address, _ = blocks.queue(max_size=32).launch(
            server_name=config.host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            inbrowser=False,
            show_error=False,
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            mcp_server=False,
            pwa=False,
            ssr_mode=False,
            max_file_size=config.most_bytes,
            allowed_paths=[str(root)],
            app_kwargs={"lifespan": guarded},
            theme=theme,
            css_paths=list(STYLES),
            js=SCRIPT.read_text(encoding="utf-8"),
        )
    except OSError as error:
        raise LcrError(f"port {port} cannot be served: {cause_of(error)}") from error
    return str(address)


def _free_port(host: str, port: int) -> int:
    """`port`, or a free one for 0. Raises LcrError where the page cannot be served there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    if not 0 <= port <= 65_535:
        raise LcrError(f"--port {port}: ports go from 0 to 65535")
    try:
        with socket.create_server((host, port), family=family) as one:
            return int(one.getsockname()[1])
    except OSError as error:
        problem = f"{cause_of(error)}; give another --host or --port"
        raise LcrError(f"cannot serve at {host}, port {port}: {problem}") from error
