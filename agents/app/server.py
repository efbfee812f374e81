"""The page as a server that fetches nothing: neither it nor the browser that shows it reaches
beyond this machine."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
    "font-src 'self' data:; connect-src 'self' blob: data:; worker-src 'self' blob:; "
    "manifest-src 'self'; form-action 'none'; base-uri 'self'; frame-ancestors 'self'"
)
"""For the browser: nothing but this server. Gradio's own code needs inline scripts and eval."""

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """Where the page is served, on a free port for 0, and how much it takes."""

    host: str = "127.0.0.1"
    port: int = 7860
    most_mb: int = 100
    most_s: float = 600.0


class Closed:
    """Adds the policy to every answer, and refuses to fetch addresses on anybody's behalf."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:  # noqa: ANN401
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if "file=http" in scope["path"].replace(" ", "").lower():
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"nothing is fetched from elsewhere"})
            return

        async def guarded(message: Scope) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"content-security-policy", POLICY.encode()),
                    (b"x-content-type-options", b"nosniff"),
                    (b"referrer-policy", b"no-referrer"),
                ]
            await send(message)

        await self._app(scope, receive, guarded)


@contextmanager
def serve(config: ServerConfig) -> Iterator[str]:
    """Run the page and give its address; at the end every file of its users is gone.

    Raises MissingWeightsError where weights are absent, LcrError where the port is taken.
    """
    with tempfile.TemporaryDirectory(prefix="lcr-app-") as folder:
        root = Path(folder)
        (root / "uploads").mkdir()
        # Read when Gradio is imported.
        os.environ["GRADIO_TEMP_DIR"] = str(root / "uploads")
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Gradio's, of its own parts
            page = _page(root, config)
        try:
            yield _launch(page.blocks, root, config)
        finally:
            page.blocks.close(verbose=False)


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
    )
    return Page(actions)


def _launch(blocks: Any, root: Path, config: ServerConfig) -> str:  # noqa: ANN401
    import gradio as gr
    from starlette.middleware import Middleware

    from agents.app.page import SCRIPT, STYLE
    from lcr.errors import LcrError

    system = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]
    theme = gr.themes.Base(
        primary_hue="cyan",
        neutral_hue="slate",
        radius_size="md",
        font=system,
        font_mono=["ui-monospace", "Consolas", "monospace"],
    ).set(
        button_primary_background_fill="#0f6b7d",
        button_primary_background_fill_hover="#0c5866",
        button_primary_background_fill_dark="#0f6b7d",
        button_primary_background_fill_hover_dark="#0c5866",
        button_primary_text_color="#ffffff",
        body_text_color_subdued="#55657a",
        body_text_color_subdued_dark="#aab6c8",
        block_info_text_color="#55657a",
        block_info_text_color_dark="#aab6c8",
        input_placeholder_color="#5b6b80",
        input_placeholder_color_dark="#b4bfce",
        block_background_fill="transparent",
        block_background_fill_dark="transparent",
        slider_color="#0f6b7d",
        checkbox_background_color_selected="#0f6b7d",
        checkbox_border_color_selected="#0f6b7d",
        button_large_radius="8px",
        button_medium_radius="8px",
        button_small_radius="8px",
        input_radius="8px",
        block_radius="8px",
        block_border_width="0px",
        block_padding="0px",
        layout_gap="14px",
    )
    try:
        _, address, _ = blocks.queue(max_size=32).launch(
            server_name=config.host,
            server_port=config.port or _free_port(config.host),
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
            max_file_size=config.most_mb * 2**20,
            allowed_paths=[str(root)],
            app_kwargs={"middleware": [Middleware(Closed)]},
            theme=theme,
            css_paths=STYLE,
            js=SCRIPT.read_text(encoding="utf-8"),
        )
    except OSError as error:
        raise LcrError(f"port {config.port} is taken; give another with --port") from error
    return str(address)


def _free_port(host: str) -> int:
    import socket

    with socket.socket() as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])
