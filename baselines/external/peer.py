"""The protocol: a line of JSON each way, sound in it as a WAV file in base64 (docs/peers.md).

The peer's first line tells who it is (`Hello`); from then on it answers each request with one line.
A peer that dies, hangs or writes what is no answer is ended, and started anew for the next request.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import select
import shlex
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from typing import IO, Annotated, Literal

import numpy as np
import soundfile
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lcr.errors import LcrError
from lcr.remixer import Audio

PROTOCOL = 1
Role = Literal["remix", "extract", "separate"]
_MOST_BYTES = 1 << 30
_LOOK_S = 0.2
_TOLD = 300
"""Characters of what a peer wrote that an error repeats."""


class PeerError(LcrError):
    """A peer gave no answer, or one that is none."""


class MissingPeerError(PeerError):
    """No program was named."""


class PeerTimeoutError(PeerError, TimeoutError):
    """A peer took too long."""


class Hello(BaseModel):
    """Who a peer is. `role` says what it is asked for: to `remix` by a prompt, to `extract` what a
    few words name, or to `separate` a mixture into `sources` sounds; the planner and the mixer are
    then ours. `sample_rate` is its own, or None for any: what it gets is at the mixture's rate."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    lcr_peer: Literal[1]
    name: Annotated[str, Field(min_length=1)]
    role: Role
    versions: dict[str, str]
    sample_rate: Annotated[int, Field(gt=0)] | None = None
    sources: Annotated[int, Field(ge=1, le=32)] | None = None
    weights: dict[str, str] = {}
    trained_on: list[str] = []
    reference: str = ""
    licence: str = ""


class _Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: int
    wav: str | None = None
    error: str | None = None


class Peer:
    """A program that answers requests; started when it is first needed. Use `close` to end it."""

    def __init__(self, command: str, *, seconds: float, start_seconds: float) -> None:
        """`command` is split as a shell does, and no shell runs it. Each answer may take `seconds`,
        its start `start_seconds`. Raises PeerError for a command that is none."""
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        try:
            self._command = shlex.split(command)
        except ValueError as error:
            raise PeerError(f"command {command!r}: {error}") from error
        if not self._command:
            raise MissingPeerError("a peer needs command='PROGRAM ARGUMENTS' (see docs/peers.md)")
        self._seconds, self._start_seconds = seconds, start_seconds
        self._left = b""
        self._count = 0
        self.hello = self._start()

    def ask(
        self, audio: Audio, sample_rate: int, *, channels: int, fields: Mapping[str, object]
    ) -> Audio:
        """What the peer makes of (channels, samples): `channels` rows of as many samples. `fields`
        go with the request. Raises PeerError, PeerTimeoutError."""
        if self._process is None and self._start() != self.hello:
            self.close()
            raise PeerError(f"{self.hello.name} is another one than before: its hello has changed")
        self._count += 1
        request = {"id": self._count, **fields, "wav": _encoded(audio, sample_rate)}
        deadline = time.monotonic() + self._seconds
        try:
            self._check_silent()
            self._send(request, deadline)
            return self._read_answer(deadline, sample_rate, (channels, audio.shape[1]))
        except _ToldError as error:  # it is well, and says what it could not do
            raise PeerError(str(error)) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> int | None:
        """End the peer and what it started; its exit status, None where it does not run."""
        process, self._process = self._process, None
        if self._log is not None:
            self._log.close()
        if process is None:
            return None
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()
        self._left = b""
        return process.wait()

    def __del__(self) -> None:
        self.close()

    def _start(self) -> Hello:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the peer's end)
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                start_new_session=True,
            )
        except OSError as error:
            raise PeerError(f"cannot start {self._command[0]}: {error.strerror}") from error
        assert self._process.stdin is not None
        os.set_blocking(self._process.stdin.fileno(), False)
        try:
            line = self._line(time.monotonic() + self._start_seconds)
            return Hello.model_validate_json(line)
        except ValidationError as error:
            self.close()
            raise PeerError(f"the peer's first line is no hello: {_problem(error, line)}") from None
        except BaseException:
            self.close()
            raise

    def _check_silent(self) -> None:
        """Nothing may wait to be read: it would pass for the answer to what is asked next."""
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        if self._left or (select.select([pipe], [], [], 0)[0] and os.read(pipe, 1)):
            raise PeerError("it wrote more than an answer to each request")

    def _send(self, request: Mapping[str, object], deadline: float) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        left = memoryview(json.dumps(request).encode() + b"\n")
        pipe = self._process.stdin.fileno()
        while left:
            _, ready, _ = select.select([], [pipe], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise PeerTimeoutError(f"did not take its request within {self._seconds:g} s")
            try:
                left = left[os.write(pipe, left[: 1 << 16]) :]
            except OSError:
                raise PeerError(f"ended before it took its request{self._last_words()}") from None

    def _read_answer(self, deadline: float, sample_rate: int, shape: tuple[int, int]) -> Audio:
        line = self._line(deadline)
        try:
            answer = _Answer.model_validate_json(line)
        except ValidationError as error:
            raise PeerError(f"its line is no answer: {_problem(error, line)}") from None
        if answer.id != self._count:
            raise PeerError(f"it answered request {answer.id}, and was asked {self._count}")
        if answer.error is not None:
            raise _ToldError(answer.error[:_TOLD])
        return _decoded(answer.wav, sample_rate, shape)

    def _line(self, deadline: float) -> bytes:
        """The next line, without its end."""
        assert self._process is not None
        assert self._process.stdout is not None
        pipe = self._process.stdout.fileno()
        parts, self._left = [self._left], b""
        size = len(parts[0])
        while b"\n" not in parts[-1]:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([pipe], [], [], max(0.0, min(left, _LOOK_S)))
            if not ready:
                if self._process.poll() is not None:  # what it started may hold the pipe
                    raise PeerError(f"ended without an answer{self._last_words()}")
                if left <= 0:
                    raise PeerTimeoutError(f"no answer in time{self._last_words()}")
                continue
            part = os.read(pipe, 1 << 16)
            if not part:
                raise PeerError(f"ended without an answer{self._last_words()}")
            size += len(part)
            if size > _MOST_BYTES:
                raise PeerError(f"an answer has at most {_MOST_BYTES} bytes")
            parts.append(part)
        last, _, self._left = parts.pop().partition(b"\n")
        return b"".join([*parts, last])

    def _last_words(self) -> str:
        """What it last wrote to standard error."""
        assert self._log is not None
        with contextlib.suppress(OSError, ValueError):
            end = self._log.seek(0, os.SEEK_END)
            self._log.seek(max(0, end - _TOLD))
            words = " ".join(self._log.read().decode("utf-8", "replace").split())
            if words:
                return f": {words}"
        return ""


class _ToldError(PeerError):
    """The peer's own words."""


def _problem(error: ValidationError, line: bytes) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg']}; it begins {line[:60].decode('utf-8', 'replace')!r}"


def _encoded(audio: Audio, sample_rate: int) -> str:
    buffer = io.BytesIO()
    soundfile.write(buffer, audio.T, sample_rate, format="WAV", subtype="FLOAT")
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _decoded(wav: str | None, sample_rate: int, shape: tuple[int, int]) -> Audio:
    """(channels, samples) of exactly that shape, all of it finite. Raises PeerError."""
    if wav is None:
        raise PeerError("its answer has neither wav nor error")
    try:
        content = base64.b64decode(wav, validate=True)
        samples, rate = soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)
    except (ValueError, soundfile.LibsndfileError) as error:
        raise PeerError(f"its wav cannot be read: {str(error)[:_TOLD]}") from None
    if rate != sample_rate:
        raise PeerError(f"its wav has {rate} Hz, and was asked for {sample_rate}")
    if samples.T.shape != shape:
        raise PeerError(
            f"its wav has (channels, samples) = {samples.T.shape}; {shape} were expected"
        )
    if bad := int(np.count_nonzero(~np.isfinite(samples))):
        raise PeerError(f"its wav has {bad} samples that are not finite")
    return np.ascontiguousarray(samples.T)
