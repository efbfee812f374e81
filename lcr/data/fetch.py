"""Published corpora, fetched from where their makers keep them, as `lcr.data.corpora` reads them.

Only what anybody may fetch is here: other corpora are given out by hand, or are videos' sounds.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import ssl
import tarfile
import time
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path, PurePosixPath

from lcr.errors import LcrError, one_line

Tell = Callable[[str, int, int | None], object]
"""Is called with a file's name, how many bytes are here, and how many there will be (None: the
server does not say)."""

KEPT = ".fetched"
"""Folder of a corpus for unfinished downloads, and a note of each archive that is unpacked."""
_BLOCK = 1 << 20
_WAITS_S: tuple[float, ...] = (1, 4, 16)
"""Before each new try; they begin anew when more has come than ever before."""
_LATER = (408, 425, 429, 500, 502, 503, 504)
"""Statuses that may pass."""
_CUT = (
    *(urllib.error.URLError, http.client.HTTPException),
    *(ConnectionError, TimeoutError, ssl.SSLError),
)
_TORN = (tarfile.TarError, zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError)


class FetchError(LcrError):
    """`url` was not fetched."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(url, why)
        self.url, self.why = url, why

    def __str__(self) -> str:
        return f"{self.url}: {self.why}"


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file at `url`; `digest` is ALGORITHM:HEX, or "" where none is known."""

    url: str
    digest: str = ""

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Archive:
    """A zip file, in `parts` where it is split, or one tar file. It is unpacked into the folder
    `into` of its corpus, without the first folder of its names if `strip`."""

    parts: tuple[Part, ...]
    into: str = ""
    strip: bool = False

    @property
    def name(self) -> str:
        return self.parts[-1].name


_TOLD = json.loads(Path(__file__).with_name("fetch.json").read_text(encoding="utf-8"))
ARCHIVES: Mapping[str, Sequence[Archive]] = {
    name: [
        Archive(**{**archive, "parts": tuple(Part(**part) for part in archive["parts"])})
        for archive in told["archives"]
    ]
    for name, told in _TOLD.items()
    if "archives" in told
}
"""What is fetched, by the name of its corpus in `lcr.data.corpora.CORPORA`. VCTK is version 0.80,
whose paths TextrolSpeech has; no digest of it is known."""
BY_HAND: Mapping[str, str] = {n: told["by_hand"] for n, told in _TOLD.items() if "by_hand" in told}
"""What of a corpus cannot be fetched, and why."""


def fetch(archive: Archive, folder: Path, tell: Tell = lambda name, done, total: None) -> bool:
    """Download `archive` and unpack it for the corpus in `folder`; False if that was done before.

    A download that was interrupted in any way goes on where it stopped. Raises FetchError, OSError.
    """
    kept = folder / KEPT
    note = kept / f"{archive.name}.done"
    if note.exists():
        return False
    kept.mkdir(parents=True, exist_ok=True)
    files = [download(part, kept / part.name, tell) for part in archive.parts]
    try:
        _unpack(files, folder / archive.into, strip=archive.strip)
    except _TORN as error:
        for part, file in zip(archive.parts, files, strict=True):
            if not part.digest:
                file.unlink()
        why = f"what came does not unpack ({error}); what has a digest is kept in {kept}"
        raise FetchError(archive.parts[-1].url, why) from error
    note.touch()
    for file in files:
        file.unlink()
    return True


def download(part: Part, path: Path, tell: Tell = lambda name, done, total: None) -> Path:
    """Download to `path` unless it is there, going on with what PATH.part holds. Bytes of another
    digest than the part's are removed. Gives `path`; raises FetchError, OSError."""
    if path.exists():
        return path
    here = path.with_name(f"{path.name}.part")
    here.touch()
    most, waits = here.stat().st_size, [*_WAITS_S]
    while (why := _receive(part, here, tell)) is not None:
        if (size := here.stat().st_size) > most:
            most, waits = size, [*_WAITS_S]
        if not waits:
            raise FetchError(part.url, f"{why}; the same command goes on with what is here")
        time.sleep(waits.pop(0))
    algorithm, _, digest = part.digest.partition(":")
    if digest and (found := _digest(here, algorithm)) != digest:
        here.unlink()
        raise FetchError(part.url, f"its {algorithm} is {found}, not {digest}; removed")
    here.replace(path)
    return path


def _receive(part: Part, here: Path, tell: Tell) -> str | None:
    """Add to `here` what the server still has. None when it is whole, else why not more came."""
    start = done = here.stat().st_size
    # A server that does not know ranges, or has another file by now, sends the whole.
    ask = urllib.request.Request(part.url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        with urllib.request.urlopen(ask, timeout=60) as answer:
            if answer.status != 206:
                done = 0
            length = answer.headers.get("Content-Length")
            total = done + int(length) if length else None
            with here.open("ab" if done else "wb") as file:
                while block := answer.read(_BLOCK):
                    file.write(block)
                    done += len(block)
                    tell(part.name, done, total)
        if total in (None, done):
            return None
        return f"the connection ended after {done:,} of {total:,} bytes"
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # nothing after what is here: whole, or of another file
            if error.headers.get("Content-Range", "").endswith(f"/{start}"):
                return None
            here.unlink()
            here.touch()
            return "the server has another file than the one begun"
        if error.code in _LATER:
            return f"{error.code} {error.reason}"
        raise FetchError(part.url, f"{error.code} {error.reason}") from error
    except _CUT as error:
        return one_line(getattr(error, "reason", error)) or type(error).__name__


def _digest(path: Path, algorithm: str) -> str:
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _unpack(files: Sequence[Path], into: Path, *, strip: bool) -> None:
    into.mkdir(parents=True, exist_ok=True)

    def kept(name: str) -> str:
        return str(PurePosixPath(*PurePosixPath(name).parts[strip:]))

    if files[0].name.endswith(".tar.gz"):
        with tarfile.open(files[0]) as tar:
            for member in tar:
                if (name := kept(member.name)) != ".":
                    tar.extract(member.replace(name=name), into, filter="data")
        return
    starts = [0, *accumulate(file.stat().st_size for file in files)]
    with _Joined(files, starts) as joined, zipfile.ZipFile(joined) as archive:
        for info in archive.infolist():
            # Offsets count from the start of the part; zipfile took them as of the last one.
            info.header_offset += starts[info.volume] - starts[len(files) - 1]
            if hasattr(info, "_end_offset"):
                setattr(info, "_end_offset", None)  # noqa: B010 - made of the offsets as they were
            if (name := kept(info.filename)) != ".":
                info.filename = name + "/" * info.is_dir()
                archive.extract(info, into)


class _Joined(io.RawIOBase):
    """The bytes of several files, one after another; `starts` are where they begin, and the end."""

    def __init__(self, files: Sequence[Path], starts: Sequence[int]) -> None:
        self._files = [file.open("rb") for file in files]
        self._starts, self._at = starts, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at}.get(whence, self._starts[-1])
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = self._starts[-1] - self._at if size < 0 else size
        found = []
        for file, (start, end) in zip(self._files, pairwise(self._starts), strict=True):
            if left > 0 and start <= self._at < end:
                file.seek(self._at - start)
                found.append(file.read(left))
                self._at += len(found[-1])
                left -= len(found[-1])
        return b"".join(found)

    def close(self) -> None:
        for file in self._files:
            file.close()
        super().close()
