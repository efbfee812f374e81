"""A real HTTP server on loopback that speaks OpenAI's protocol as a script tells it to, and a
stage made of tones."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from agents.llm.tools import Listened, Preview
from agents.plan import HeardSource, PlanError, RemixPlan, resolve_plan
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.remixer import Remix, Step

RATE = 8_000
DESCRIPTIONS: tuple[Description, ...] = (
    SpeechDescription(gender="M", pitch="low"),
    SpeechDescription(gender="F", pitch="high"),
    AudioDescription(label="dog barking"),
    AudioDescription(label="playing piano"),
)


class MadeStage:
    """Sources that are known exactly: tones whose sum is the mixture."""

    steps: tuple[Step, ...] = ()

    def __init__(self, descriptions: Sequence[Description] = DESCRIPTIONS) -> None:
        t = np.arange(RATE // 4) / RATE
        tones = [0.1 * (n + 1) * np.sin(2 * np.pi * 200 * (n + 1) * t) for n in range(9)]
        self.audio = np.stack(tones[: len(descriptions)]).astype(np.float32)[:, None]
        self.mixture = self.audio.sum(0)
        self.mixture.setflags(write=False)
        self.sources = [
            HeardSource(id=f"s{n}", description=one, confidence=0.9)
            for n, one in enumerate(descriptions, start=1)
        ]
        self.extracted: list[str] = []

    def listen_to(self, source: HeardSource) -> Listened:
        return Listened(level_db=-20.04, heard_s=((0.0, 0.25),))

    def extract(self, words: str) -> HeardSource:
        self.extracted.append(words)
        if "silence" in words:
            raise PlanError("there is no such sound")
        found = HeardSource(id="q1", description=AudioDescription(label=words), confidence=0.5)
        self.sources.append(found)
        return found

    def preview(self, plan: RemixPlan) -> list[Preview]:
        gains = resolve_plan(plan, self.sources).gains
        return [
            Preview(source=one.id, before_db=-20.0, after_db=-20.0 if gain else None)
            for one, gain in zip(self.sources, gains, strict=True)
        ]

    def remix(self, plan: RemixPlan) -> Remix:
        gains = np.float32(resolve_plan(plan, self.sources).gains[: len(self.audio)])
        return Remix(audio=np.einsum("s,sct->ct", gains, self.audio))


Answer = Callable[[BaseHTTPRequestHandler], None]


class Script:
    """What the server does, request by request; the last thing for ever. It keeps what came."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.times: list[float] = []
        self.lock = threading.Lock()
        self.stopped = threading.Event()
        self.url = ""

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def served(*answers: Answer) -> Iterator[Script]:
    script = Script(*answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        stopped = script.stopped

        def do_GET(self) -> None:
            send_json(self, {"object": "list", "data": []})

        def do_POST(self) -> None:
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
            self.body = body
            with script.lock:
                script.bodies.append(body)
                script.keys.append(self.headers.get("authorization"))
                script.times.append(time.monotonic())
                answer = script.next()
            try:
                answer(self)
            except OSError:  # the client has hung up, as it should
                self.close_connection = True

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    script.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield script
    finally:
        script.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def send_json(
    handler: BaseHTTPRequestHandler, data: object, status: int = 200, **headers: str
) -> None:
    content = data.encode() if isinstance(data, str) else json.dumps(data).encode()
    handler.send_response(status)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(content)))
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(content)


def completion(
    content: str | None = None,
    calls: Sequence[tuple[str, str]] = (),
    *,
    finish: str = "stop",
    refusal: str | None = None,
    tokens: tuple[int, int, int] = (100, 10, 0),
) -> dict[str, Any]:
    """OpenAI's answer: `calls` are names and arguments, which are text as they come."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{n}",
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for n, (name, arguments) in enumerate(calls)
        ]
    read, written, cached = tokens
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": cached},
        },
    }


def says(content: str | None = None, **options: Any) -> Answer:
    return lambda handler: send_json(handler, completion(content, **options))


def calls(*made: tuple[str, object], **options: Any) -> Answer:
    """Calls of tools; arguments that are text go out as they are."""
    written = [(n, a if isinstance(a, str) else json.dumps(a)) for n, a in made]
    return lambda handler: send_json(
        handler, completion(None, written, finish="tool_calls", **options)
    )


def fails(status: int, message: str = "it failed", **headers: str) -> Answer:
    error = {"error": {"message": message, "type": "error", "code": None}}
    return lambda handler: send_json(handler, error, status, **headers)


def raw(content: str) -> Answer:
    return lambda handler: send_json(handler, content)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Half an answer, and the connection is gone."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "chatcmpl-1", "choices": [')
    handler.wfile.flush()
    handler.close_connection = True


def _drip(handler: BaseHTTPRequestHandler, part: bytes) -> None:
    stopped: threading.Event = handler.stopped  # type: ignore[attr-defined]
    while not stopped.wait(0.02):
        handler.wfile.write(part)
        handler.wfile.flush()


def dripping(handler: BaseHTTPRequestHandler) -> None:
    """An answer that comes byte by byte and never ends."""
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", "10000000")
    handler.end_headers()
    _drip(handler, b" ")


def dripping_head(handler: BaseHTTPRequestHandler) -> None:
    """Headers that never end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
    _drip(handler, b"a")


def silent(handler: BaseHTTPRequestHandler) -> None:
    """No answer at all."""
    handler.stopped.wait(30)  # type: ignore[attr-defined]
    handler.close_connection = True


def events(handler: BaseHTTPRequestHandler, chunks: Sequence[dict[str, Any]]) -> None:
    """The head of a stream of events, and `chunks` of it."""
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    handler.close_connection = True
    for chunk in chunks:
        handler.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    handler.wfile.flush()


def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def streams(*made: tuple[str, object]) -> Answer:
    """Calls of tools as a whole stream of events, with its usage."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        parts = [
            {
                "index": n,
                "id": f"call_{n}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for n, (name, arguments) in enumerate(made)
        ]
        usage = {"prompt_tokens": 70, "completion_tokens": 7, "total_tokens": 77}
        last = {**chunk({}), "choices": [], "usage": usage}
        chunks = [chunk({"role": "assistant", "content": None}), chunk({"tool_calls": parts})]
        events(handler, [*chunks, chunk({}, "tool_calls"), last])
        handler.wfile.write(b"data: [DONE]\n\n")

    return answer


def stalling_stream(handler: BaseHTTPRequestHandler) -> None:
    """A stream that begins well, and then only keeps the connection alive."""
    events(handler, [chunk({"role": "assistant", "content": "Let me"})])
    _drip(handler, b": still here\n\n")


def cut_stream(handler: BaseHTTPRequestHandler) -> None:
    """A stream that breaks off in the middle of an event."""
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("transfer-encoding", "chunked")
    handler.end_headers()
    part = b"data: " + json.dumps(chunk({"role": "assistant", "content": "Let"})).encode()
    handler.wfile.write(b"%x\r\n" % (len(part) + 100) + part)
    handler.wfile.flush()
    handler.close_connection = True
