"""A system in a process of its own: what it does to seeds, threads, folders and streams, and how
it dies, stays there."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from experiments.comparison.answers import Answer, again, ask
from experiments.comparison.environment import MemoryMeter
from lcr.errors import LcrError, words_of
from lcr.remixer import RemixRequest

if TYPE_CHECKING:
    from experiments.comparison.systems import ReadySystem

_SERVE = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve()"
_HEARTBEAT_S = 2.0
_DYING_S = 2.0


class BuildError(LcrError):
    """A system could not be built in a process of its own."""


class IsolatedSystem:
    """Stands for a system that runs in another process, which is started again after its death."""

    def __init__(self, *asked: object) -> None:
        self._asked = asked
        self._process: subprocess.Popen[bytes] | None = None
        self._memory: tuple[int, int | None] = (0, None)
        self.batches = False

    @classmethod
    def build(
        cls, name: str, options: Mapping[str, object], *, device: str, front_door: bool
    ) -> ReadySystem:
        """Build a registered system in a process of its own. Raises BuildError, with the system's
        own words, when that fails."""
        stand_in = cls(name, dict(options), device, front_door)
        ready, stand_in.batches = stand_in._start()
        system: ReadySystem = replace(ready, remixer=stand_in)
        return system

    def wake(self) -> None:
        """Start the process again if it has died: before the clock of the next requests starts."""
        if self._process is None:
            with contextlib.suppress(BuildError):  # `ask` meets it, and tells
                self._start()

    def ask(self, requests: Sequence[RemixRequest]) -> list[Answer]:
        """As `experiments.comparison.answers.ask`. An interruption of this process, by a time limit
        or by Ctrl-C, ends the system's."""
        try:
            return self._ask(requests)
        except BaseException:
            self.close()
            raise

    def _ask(self, requests: Sequence[RemixRequest]) -> list[Answer]:
        try:
            if self._process is None:
                self._start()
            answers, self._memory = self._exchange(list(requests))
            # Once more: a plug-in may have meddled with what checked it there.
            return [again(a, r.mixture) for a, r in zip(answers, requests, strict=True)]
        except BuildError as error:
            return [_error("BuildError", str(error))] * len(requests)
        except Exception:  # whatever is read from a broken pipe
            return [_error("ProcessEnded", self._obituary())] * len(requests)

    def growth_bytes(self) -> int:
        """How much memory the last requests took."""
        return self._memory[0]

    def device_bytes(self) -> int | None:
        """The same on an accelerator; None without one."""
        return self._memory[1]

    def close(self) -> int | None:
        """End the process and what it started; its exit status, None if it did not run."""
        process, self._process = self._process, None
        if process is None:
            return None
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not sent is not needed
                assert pipe is not None
                pipe.close()
        return process.wait()

    def _start(self) -> Any:  # noqa: ANN401
        code = _SERVE.format(path=sys.path, module=__name__)
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # the terminal's Ctrl-C is for this process alone
        )
        try:
            built = self._exchange(self._asked)
        except Exception:
            raise BuildError(f"{self._asked[0]}: {self._obituary()}") from None
        if isinstance(built, str):
            self.close()
            raise BuildError(built)
        return built

    def _exchange(self, message: object) -> Any:  # noqa: ANN401
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        _send(self._process.stdin, message)
        return pickle.load(self._process.stdout)

    def _obituary(self) -> str:
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=_DYING_S)
        status = self.close()
        how = f"exit status {status}"
        if status is not None and status < 0:
            with contextlib.suppress(ValueError):
                how = signal.Signals(-status).name
        return f"its process ended ({how})"


def _error(kind: str, message: str) -> Answer:
    return Answer(status="error", error={"type": kind, "message": message})


def _send(file: IO[bytes], message: object) -> None:
    file.write(pickle.dumps(message))
    file.flush()


def serve() -> None:
    """Be the other process: build the system that is asked for, and answer until there is no more
    to answer."""
    from experiments.comparison.systems import build_here

    own = os.getpid()
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what a system prints is no answer
    threading.Thread(target=_outlive_nobody, args=(os.getppid(),), daemon=True).start()
    name, options, device, front_door = pickle.load(incoming)
    try:
        system = build_here(name, options, device=device, front_door=front_door)
    except BaseException as error:
        known = isinstance(error, LcrError)
        _send(outgoing, words_of(error) if known else f"{type(error).__name__}: {words_of(error)}")
        return
    meter = MemoryMeter(system.device)
    remixer: Any = system.remixer
    _send(outgoing, (replace(system, remixer=IsolatedSystem()), system.batches))
    while True:
        try:
            requests = pickle.load(incoming)
        except EOFError:
            return
        for request in requests:
            _freeze(request)
        meter.start()
        answers = ask(remixer, requests, front_door=system.front_door, passing=())
        if os.getpid() != own:  # the system has forked, and this is the copy
            os._exit(1)
        _send(outgoing, (answers, (meter.growth_bytes(), meter.device_bytes())))


def _freeze(request: RemixRequest) -> None:
    """What comes out of a pickle can be written to; what a system is given cannot."""
    truth = request.oracle
    for array in (request.mixture, *((truth.sources, truth.target) if truth else ())):
        if array is not None:
            array.setflags(write=False)


def _outlive_nobody(parent: int) -> None:
    """A system may be busy for ever when the comparison is killed."""
    while os.getppid() == parent:
        time.sleep(_HEARTBEAT_S)
    os._exit(1)
