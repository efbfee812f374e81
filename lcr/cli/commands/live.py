"""Remix live sound, 20 ms behind. From a sound device to another, or with --pipe from a WAV (or
samples, --raw) on standard input to standard output. The prompt may change while it runs: each
line of standard input, or with --pipe of the file or named pipe --prompts, is the next one."""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Iterable
from contextlib import ExitStack
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING

from lcr.errors import LcrError, one_line
from lcr.extras import PORTAUDIO

if TYPE_CHECKING:
    from lcr.audio.pipe import PipeFormat
    from lcr.joint.live import LivePrompt, StreamingRemixer
    from lcr.remixer import Audio

EXTRA = "run,live"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", nargs="?", default="", help='such as "turn the siren down"')
    parser.add_argument("--pipe", action="store_true", help="WAV from and to standard input/output")
    parser.add_argument(
        "--raw",
        choices=("s16le", "s32le", "f32le"),
        help="with --pipe: interleaved samples instead of a WAV, of --rate and --channels",
    )
    parser.add_argument("--prompts", metavar="FILE", help="with --pipe: read further prompts here")
    parser.add_argument("--input", metavar="DEVICE", help="name or number; see --devices")
    parser.add_argument("--output", metavar="DEVICE")
    parser.add_argument("--devices", action="store_true", help="list sound devices and stop")
    parser.add_argument("--rate", type=int, default=48_000, help="Hz (default: 48000)")
    parser.add_argument("--channels", type=int, default=1, help="(default: 1)")
    parser.add_argument(
        "--chunk-ms", type=float, default=10.0, help="sound handled at a time (default: 10)"
    )
    parser.add_argument(
        "--model", default="lcr-live", metavar="FOLDER", help="another causal checkpoint"
    )


def run(options: argparse.Namespace) -> int:
    if options.devices:
        print(_sounddevice().query_devices())
        return 0
    import_module("lcr.joint.live")  # what is missing is said before any sound is waited for
    options.prompt = _timeless(options.prompt)
    if options.chunk_ms <= 0 or options.rate < 1 or options.channels < 1:
        raise LcrError("--chunk-ms, --rate and --channels must be more than 0")
    if not options.pipe and (options.raw or options.prompts):
        raise LcrError("--raw and --prompts go with --pipe")
    timer = Timer()
    if options.pipe:
        _through_pipes(options, timer)
    else:
        _through_devices(options, timer)
    print(timer.words(), file=sys.stderr)
    return 0


class Timer:
    """How long chunks of sound took, in constant memory."""

    def __init__(self) -> None:
        self.chunks = self.late = 0
        self.silenced = False
        self.sound_s = self.work_s = self.longest_s = 0.0

    def add(self, sound_s: float, work_s: float, *, silenced: bool) -> None:
        if silenced and not self.silenced:
            print("warning: samples that are no numbers are silenced", file=sys.stderr)
        self.silenced = silenced
        self.chunks += 1
        self.late += work_s > sound_s
        self.sound_s += sound_s
        self.work_s += work_s
        self.longest_s = max(self.longest_s, work_s)

    def words(self) -> str:
        if not self.chunks:
            return "no sound came"
        return (
            f"{self.sound_s:.1f} s of sound, real-time factor {self.work_s / self.sound_s:.2f}; "
            f"longest chunk {1000 * self.longest_s:.1f} ms, {self.late} of {self.chunks} "
            "took longer than they last"
        )


def _through_pipes(options: argparse.Namespace, timer: Timer) -> None:
    from lcr.audio.pipe import PipeFormat, read_chunks, read_header, write_header

    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    length = None
    if options.raw:
        format = PipeFormat(
            sample_rate=options.rate, channels=options.channels, encoding=options.raw
        )
    else:
        header = read_header(stdin)
        format, length = header.format, header.length
    remixer = _remixer(options, format)
    with ExitStack() as stack:
        if options.prompts:
            lines = stack.enter_context(open(options.prompts, encoding="utf-8"))
            _listen_for_prompts(remixer, lines)
        if not options.raw:
            write_header(stdout, format)
        early = remixer.latency  # so that every sample keeps its place in the stream
        samples = max(1, round(options.chunk_ms * format.sample_rate / 1000))
        for chunk in read_chunks(stdin, format, samples, length):
            began = time.perf_counter()
            out = remixer.push(chunk)
            sound_s, work_s = chunk.shape[1] / format.sample_rate, time.perf_counter() - began
            timer.add(sound_s, work_s, silenced=remixer.silenced)
            stdout.write(format.encode(out[:, early:]))
            early = max(0, early - out.shape[1])
            stdout.flush()
        stdout.write(format.encode(remixer.finish()[:, early:]))
        stdout.flush()


def _through_devices(options: argparse.Namespace, timer: Timer) -> None:
    from lcr.audio.pipe import PipeFormat

    sounddevice = _sounddevice()
    format = PipeFormat(sample_rate=options.rate, channels=options.channels, encoding="f32le")
    remixer = _remixer(options, format)

    def serve(given: Audio, wanted: Audio, frames: int, when: object, status: object) -> None:
        began = time.perf_counter()
        wanted[:] = remixer.push(given.T.copy()).T
        work_s = time.perf_counter() - began
        timer.add(frames / options.rate, work_s, silenced=remixer.silenced)

    try:
        stream = sounddevice.Stream(
            samplerate=options.rate,
            blocksize=max(1, round(options.chunk_ms * options.rate / 1000)),
            device=(_device(options.input), _device(options.output)),
            channels=options.channels,
            dtype="float32",
            latency="low",
            callback=serve,
        )
    except (sounddevice.PortAudioError, ValueError) as error:
        raise LcrError(f"{error}; see lcr live --devices") from error
    print(
        f"{1000 * remixer.latency_s:.0f} ms behind, besides the devices' own delay; a line of text "
        "is the next prompt, an empty one ends",
        file=sys.stderr,
    )
    with stream:
        for line in sys.stdin:
            if not line.strip():
                break
            _steer(remixer, line)


def _timeless(line: str) -> str:
    """As it is read. Raises LcrError for a prompt that cannot be read or gives a time range."""
    from lcr.prompts.request import prepared
    from lcr.prompts.time_words import parse_range

    read = prepared(line, "lcr-live")
    if parse_range(read).only is not None:
        raise LcrError("live sound has no beginning and no end; leave out when, or use lcr remix")
    if read != line.strip():
        print(f"read as: {read}", file=sys.stderr)
    return read


def _tell(said: LivePrompt) -> None:
    print(said.told, file=sys.stderr)
    for lost in said.warnings:
        print(f"warning: {lost}", file=sys.stderr)


def _steer(remixer: StreamingRemixer, line: str) -> None:
    """By the next prompt; one that cannot be read changes nothing."""
    try:
        said = remixer.read(_timeless(line))
    except LcrError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return
    remixer.steer(said.filter)
    _tell(said)


def _remixer(options: argparse.Namespace, format: PipeFormat) -> StreamingRemixer:
    from lcr.joint.live import StreamingRemixer, load_live

    model = load_live(options.model)
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)  # frames are too small to share
    try:
        remixer = StreamingRemixer(
            model, options.prompt, sample_rate=format.sample_rate, channels=format.channels
        )
    except ValueError as error:
        raise LcrError(str(error)) from error
    _tell(remixer.asked)
    return remixer


def _listen_for_prompts(remixer: StreamingRemixer, lines: Iterable[str]) -> None:
    """In a thread of its own: each line is the prompt from when it comes."""

    def follow() -> None:
        for line in lines:
            if line.strip():
                _steer(remixer, line)

    threading.Thread(target=follow, daemon=True).start()


def _sounddevice() -> ModuleType:
    try:
        return import_module("sounddevice")
    except OSError as error:  # the package is there, the library it needs is not
        raise LcrError(f"{error}: {PORTAUDIO}; --pipe needs none") from error


def _device(name: str | None) -> int | str | None:
    return int(name) if name is not None and name.isdecimal() else name
