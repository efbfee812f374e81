"""eSpeak NG through ctypes: text in, (samples,) float32 out, the same samples every time.

The library keeps running state between utterances (flutter and oscillator phases, noise
generators), so a clip would depend on what was spoken before it. Each utterance therefore gets a
freshly loaded copy of the library, unloaded afterwards: about 1 ms, and nothing is left over to
share between threads or across a fork.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lcr.errors import LcrError

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_SSML = 0x10
_RATE, _VOLUME, _PITCH, _RANGE = 1, 2, 3, 4
_BUFFER_MS = 200
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


class EspeakError(LcrError):
    """eSpeak NG is missing, or refused a voice or a text."""


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """What to say and how.

    `voice` is an eSpeak name such as "en-us+f2". `pitch` 0-99 and `pitch_range` 0-99 are relative
    to the voice (50 is its own); `rate_wpm` is 80-450 words a minute; `text` is SSML.
    """

    text: str
    voice: str
    rate_wpm: int = 175
    pitch: int = 50
    pitch_range: int = 50
    seed: int = 1

    def __post_init__(self) -> None:
        limits = {"rate_wpm": (80, 450), "pitch": (0, 99), "pitch_range": (0, 99)}
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} must be {low} to {high}; got {value}")
        if not self.text.strip():
            raise ValueError("nothing to say: the text is empty")


@dataclass(frozen=True, kw_only=True)
class Speech:
    """(samples,) float32 in [-1, 1) at `sample_rate` Hz."""

    samples: NDArray[np.float32]
    sample_rate: int


@dataclass(frozen=True)
class _Paths:
    library: Path
    data: Path


_lock = threading.Lock()
_paths: _Paths | None = None
_version: str | None = None


def _after_fork() -> None:
    # Another thread of the parent may have held the lock; the child has no such thread.
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def find_library() -> _Paths:
    """Where the eSpeak NG library and its data lie. Raises EspeakError when they are missing."""
    global _paths
    if _paths is None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise EspeakError(
                "the studio bank speaks through eSpeak NG, which is not installed; "
                "run: pip install espeakng-loader"
            ) from error
        folder = Path(espeakng_loader.__file__).parent
        paths = _Paths(Path(espeakng_loader.get_library_path()), folder / "espeak-ng-data")
        for path in (paths.library, paths.data):
            if not path.exists():
                raise EspeakError(
                    f"espeakng-loader is installed without {path}; "
                    "run: pip install --force-reinstall espeakng-loader"
                )
        _paths = paths
    return _paths


def _unload(library: ctypes.CDLL) -> None:
    if sys.platform == "win32":
        import _ctypes

        _ctypes.FreeLibrary(library._handle)
    else:
        import _ctypes

        _ctypes.dlclose(library._handle)


@dataclass(frozen=True)
class _Engine:
    library: ctypes.CDLL
    sample_rate: int


@contextmanager
def _fresh_engine() -> Iterator[_Engine]:
    """A newly loaded, initialised library. Call with the lock held."""
    paths = find_library()
    try:
        library = ctypes.CDLL(str(paths.library))
    except OSError as error:
        raise EspeakError(f"cannot load {paths.library}: {error}") from error
    try:
        sample_rate = library.espeak_Initialize(
            _AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, os.fsencode(paths.data), _INITIALIZE_DONT_EXIT
        )
        if sample_rate <= 0:
            raise EspeakError(f"eSpeak NG cannot start with the data in {paths.data}")
        yield _Engine(library, int(sample_rate))
        library.espeak_Terminate()
    finally:
        _unload(library)


def version() -> str:
    """The version of the library, such as "1.52.0". Raises EspeakError when it is missing."""
    global _version
    with _lock:
        if _version is None:
            with _fresh_engine() as engine:
                library = engine.library
                library.espeak_Info.restype = ctypes.c_char_p
                data_path = ctypes.c_char_p()
                _version = library.espeak_Info(ctypes.byref(data_path)).decode()
        return _version


def synthesize(utterance: Utterance) -> Speech:
    """Speak. Thread-safe (one utterance at a time) and deterministic.

    Raises EspeakError when the library is missing, the voice unknown or nothing was spoken.
    """
    chunks: list[bytes] = []

    def collect(wave: int | None, count: int, _events: int | None) -> int:
        if wave is not None and count > 0:
            chunks.append(ctypes.string_at(wave, 2 * count))
        return 0

    callback = _CALLBACK(collect)
    with _lock, _fresh_engine() as engine:
        library = engine.library
        library.espeak_SetSynthCallback(callback)
        library.espeak_ng_SetRandSeed(ctypes.c_long(utterance.seed))
        if library.espeak_SetVoiceByName(utterance.voice.encode()) != 0:
            raise EspeakError(f"eSpeak NG knows no voice {utterance.voice!r}")
        for parameter, value in (
            (_RATE, utterance.rate_wpm),
            (_VOLUME, 80),  # below the default 100: some voices clip there
            (_PITCH, utterance.pitch),
            (_RANGE, utterance.pitch_range),
        ):
            library.espeak_SetParameter(parameter, value, 0)
        text = utterance.text.encode() + b"\0"
        status = library.espeak_Synth(
            text, ctypes.c_size_t(len(text)), 0, 0, 0, _CHARS_UTF8 | _SSML, None, None
        )
        library.espeak_Synchronize()
    samples = np.frombuffer(b"".join(chunks), dtype="<i2").astype(np.float32)
    samples *= np.float32(1 / 32768)
    if status != 0 or not samples.size:
        raise EspeakError(f"eSpeak NG did not speak {utterance.text!r} (status {status})")
    return Speech(samples=samples, sample_rate=engine.sample_rate)
