"""A system in a process of its own: what it does to seeds, threads, folders and streams, and how
it dies, stays there."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import IO, Any

from experiments.comparison.answers import Answer, again
from lcr.errors import LcrError
from lcr.remixer import RemixRequest

_SERVE = "import sys; sys.path[:] = {path!r}; from {module} import serve; serve()"
_SERVED = "experiments.comparison.served"
_DYING_S = 2.0


class BuildError(LcrError):
    """A system could not be built in a process of its own."""


class StandIn:
    """Stands for a system that is built and runs elsewhere; `batches` says whether that one takes
    several examples at once."""

    batches = False

    def close(self) -> object:
        """End it."""
        return None


class IsolatedSystem(StandIn):
    """Stands for a system that runs in another process, which is started again after its death."""

    def __init__(self, *asked: object) -> None:
        self._asked = asked
        self._process: subprocess.Popen[bytes] | None = None
        self._memory: tuple[int, int | None] = (0, None)

    def wake(self) -> None:
        """Start the process again if it has died: before the clock of the next requests starts."""
        if self._process is None:
            with contextlib.suppress(BuildError):  # `ask` meets it, and tells
                self.start()

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
                self.start()
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
        """How much accelerator memory the last requests took; None without an accelerator."""
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

    def start(self) -> Any:  # noqa: ANN401 - a ReadySystem, whose module builds on this one
        """Build the system in a process of its own: what is ready there, and whether it takes
        batches. Raises BuildError, with the system's own words, when that fails."""
        code = _SERVE.format(path=sys.path, module=_SERVED)
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
        send(self._process.stdin, message)
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


def send(file: IO[bytes], message: object) -> None:
    file.write(pickle.dumps(message))
    file.flush()
