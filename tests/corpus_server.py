"""A server that has the miniature corpora as their makers publish them, and fails in many ways."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from threading import Event, Thread

from lcr.data.fetch import ARCHIVES, Archive, Part


@dataclass
class Files:
    """What the server has and how it fails: `cuts` ends an answer after so many bytes, `statuses`
    come first, with `stalls` it goes silent halfway until the event."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    ranges: bool = True
    stalls: Event | None = None


@contextmanager
def serving() -> Iterator[Files]:
    served = Files()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            name, wanted = self.path[1:], self.headers.get("Range")
            served.asked.append((name, wanted))
            body = served.files.get(name)
            if served.statuses or body is None:
                self.send_error(served.statuses.pop(0) if served.statuses else 404)
                return
            start = int(wanted.removeprefix("bytes=")[:-1]) if wanted and served.ranges else 0
            if start and start >= len(body):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(body)}")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            cut = served.cuts.pop(0) if served.cuts else len(body)
            if served.stalls is not None:
                self.wfile.write(body[start : len(body) // 2])
                served.stalls.wait(60)
                return
            self.wfile.write(body[start : start + cut])

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()


def sha(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def zipped(root: Path, first: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, f"{first}/{path.relative_to(root).as_posix()}")
    return packed.getvalue()


def split(whole: bytes, count: int) -> list[bytes]:
    """A zip file in parts, as Info-ZIP splits it: a mark, and offsets from the start of a part."""
    end = whole.rindex(b"PK\5\6")
    size, at = struct.unpack_from("<II", whole, end + 12)
    body, last = b"PK\7\x08" + whole[:at], count - 1
    cuts = [*range(0, len(body), -(-len(body) // last)), len(body)]
    listing, entry = bytearray(whole[at : at + size]), 0
    while entry < size:
        offset = struct.unpack_from("<I", listing, entry + 42)[0] + 4
        disk = max(n for n in range(last) if cuts[n] <= offset)
        struct.pack_into("<H", listing, entry + 34, disk)
        struct.pack_into("<I", listing, entry + 42, offset - cuts[disk])
        entry += 46 + sum(struct.unpack_from("<HHH", listing, entry + 28))
    tail = bytearray(whole[end:])
    struct.pack_into("<HH", tail, 4, last, last)
    struct.pack_into("<I", tail, 16, 0)
    return [body[a:b] for a, b in pairwise(cuts)] + [bytes(listing + tail)]


def tarred(root: Path, first: str) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.add(root, first)
    return packed.getvalue()


def publish(served: Files, made: Path) -> dict[str, Sequence[Archive]]:
    """Serve the miniature trees in `made` under the published names of their archives, packed as
    those are. Gives `ARCHIVES` with these addresses and digests."""
    speech, sounds = made / "TextrolSpeech", made / "FSD50K"
    (sounds / "FSD50K.doc").mkdir()
    (speech / "libritts" / "train-clean-360").mkdir()
    files = {
        "33c8ce9eb2cf0b1c2f8bcf322eb349b6be34dbb6.zip": zipped(made / "ESC-50", "ESC-50-33c8ce9"),
        "FUSS_ssdata.tar.gz": tarred(made / "FUSS", "ssdata"),
        "VCTK-Corpus.tar.gz": tarred(speech / "VCTK-Corpus", "VCTK-Corpus"),
    }
    for name in ("train-clean-100", "train-clean-360"):
        files[f"{name}.tar.gz"] = tarred(speech / "libritts" / name, f"LibriTTS/{name}")
    for archive in ARCHIVES["FSD50K"]:
        folder = archive.name.removesuffix(".zip")
        whole = zipped(sounds / folder, folder)
        parts = split(whole, len(archive.parts)) if archive.parts[1:] else [whole]
        files |= zip((part.name for part in archive.parts), parts, strict=True)
    served.files |= files
    return {
        corpus: [
            replace(
                archive,
                parts=tuple(
                    Part(
                        url=f"{served.address}/{part.name}",
                        digest=part.digest and sha(files[part.name]),
                    )
                    for part in archive.parts
                ),
            )
            for archive in archives
        ]
        for corpus, archives in ARCHIVES.items()
    }


def hand_out(made: Path, root: Path) -> None:
    """Put into `root` what of the trees in `made` is not fetched."""
    for part in ("VGGSound", "AudioSet", "TextrolSpeech/caption", "TextrolSpeech/emotion_dataset"):
        (root / part).parent.mkdir(parents=True, exist_ok=True)
        (made / part).rename(root / part)
