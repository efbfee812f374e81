"""Open a chat page in the browser: give it a recording, say what to change, compare. Drop or record
sound, remix it turn by turn with faders and an A/B switch, set two systems side by side, and
download the result. It runs on this machine and reaches no network. With --static a page is written
instead that remixes in the browser itself, without a server."""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

EXTRA = "app,model,agents"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="address to serve (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, default=7860, help="0 takes a free one (default: 7860)")
    parser.add_argument(
        "--most-mb",
        type=int,
        default=16,
        metavar="MB",
        help="largest recording, as a file and decoded, and of all that are open (default: 16)",
    )
    parser.add_argument(
        "--most-minutes",
        type=float,
        default=10.0,
        metavar="MIN",
        help="longest recording (default: 10)",
    )
    parser.add_argument(
        "--static",
        type=Path,
        metavar="DIR",
        help="write a page of files for any static host into DIR (fetches three packages from npm "
        "and PyPI), and serve nothing",
    )


def run(options: argparse.Namespace) -> int:
    if options.static is not None:
        from agents.browser.build import write_page

        size = write_page(options.static)
        print(f"{options.static}: {size / 1e6:.1f} MB. Serve it by https or on this machine:")
        print(f"  python -m http.server --directory {options.static}")
        return 0
    from agents.app.server import ServerConfig, serve

    config = ServerConfig(
        host=options.host,
        port=options.port,
        most_mb=options.most_mb,
        most_s=60 * options.most_minutes,
    )
    stopped = threading.Event()
    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stopped.set())
    with serve(config) as address:
        print(f"The page is at {address} (Ctrl+C stops it).", flush=True)
        stopped.wait()
    return 0
