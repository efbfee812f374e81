"""What libsndfile cannot read (m4a, mp4, webm, wma, BW64), through the program ffmpeg."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from lcr.audio.pipe import PipeError, PipeFormat, read_chunks, read_header
from lcr.errors import AudioFileError
from lcr.remixer import Audio

SUFFIXES = frozenset([".m4a", ".m4b", ".mp4", ".mov", ".webm", ".mka", ".mkv", ".wma"])
"""Of files that can be read and not written."""

_DEMUXERS = {"mp4": "mov", "BW64": "wav"}


def format_of(path: Path) -> str | None:
    """The format of a file that ffmpeg is needed for; None for others. Raises OSError."""
    with path.open("rb") as file:
        magic = file.read(8)
    known = {b"\x1aE\xdf\xa3": "matroska", b"0&\xb2u": "asf", b"BW64": "BW64"}
    return "mp4" if magic[4:] == b"ftyp" else known.get(magic[:4])


def look(path: Path, format: str) -> tuple[PipeFormat, int]:
    """How the samples come and how many a channel there are, from decoding all of it. Raises
    AudioFileError, OSError."""
    with _decoded(path, format) as stream:
        found = read_header(stream).format
        count = sum(block.shape[1] for block in read_chunks(stream, found, 2**16))
    return found, count


def blocks(path: Path, format: str, length: int) -> Iterator[Audio]:
    """All samples, (channels, `length` or what is left). Raises AudioFileError, OSError."""
    with _decoded(path, format) as stream:
        yield from read_chunks(stream, read_header(stream).format, length)


@contextmanager
def _decoded(path: Path, format: str) -> Iterator[IO[bytes]]:
    """A WAV of floats from ffmpeg, which must have nothing to complain of."""
    program = shutil.which("ffmpeg")
    if program is None:
        problem = "needs the program ffmpeg to be read; install it, or make a .wav or .flac of it"
        raise AudioFileError(path, problem)
    # Only the file itself: playlists and references in it must not reach elsewhere.
    read = ["-protocol_whitelist", "file", "-f", _DEMUXERS.get(format, format)]
    write = ["-map", "0:a", "-c:a", "pcm_f32le", "-bitexact", "-f", "wav", "pipe:1"]
    command = [program, "-nostdin", "-v", "error", *read, "-i", f"file:{path}", *write]
    with tempfile.TemporaryFile() as told:
        words = ""
        try:
            with subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told
            ) as process:
                assert process.stdout is not None
                yield process.stdout
        except PipeError as error:  # no sound came
            words = str(error)
        told.seek(0)
        said = told.read(2000).decode(errors="replace").partition("\n")[0]
        words = re.sub(r"^\[[^]]*\] ", "", said) or words
        if process.returncode != 0 or words:
            raise AudioFileError(path, f"cannot be read whole; ffmpeg says: {words}")
