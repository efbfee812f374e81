"""Systems that misbehave as a third party's may: each function is one way, and its factory's name.
A comparison must record each as what it is, and nothing of it may reach another system."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lcr.remixer import Remix, RemixRequest, Step, SystemCard

WAYS: dict[str, tuple[str, Callable[[], Any]]] = {}
"""Name -> the status that its first example must have, and the factory."""


class System:
    def __init__(self, name: str, answer: Callable[[Any], Any]) -> None:
        self.card = SystemCard(name=name, family="reference", sample_rate=None)
        self._answer = answer

    def remix(self, mixture: Any, sample_rate: int, prompt: str, *, oracle: object = None) -> Any:
        return self._answer(mixture)


def way(status: str) -> Callable[[Callable[[Any], Any]], Callable[[], Any]]:
    def register(answer: Callable[[Any], Any]) -> Callable[[], Any]:
        name = answer.__name__

        def factory() -> Any:
            return System(name, answer)

        WAYS[name] = status, factory
        return factory

    return register


def traced(x: Any, **step: Any) -> Remix:
    return Remix(audio=x.copy(), trace=(Step(**{"name": "step", **step}),))


# How it ends.


@way("error")
def exits_well(x: Any) -> Any:
    sys.exit(0)


@way("error")
def exits_badly(x: Any) -> Any:
    sys.exit(2)


@way("error")
def leaves(x: Any) -> Any:
    os._exit(0)


@way("error")
def crashes(x: Any) -> Any:
    ctypes.string_at(0)


@way("error")
def is_killed(x: Any) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)


@way("error")
def interrupts(x: Any) -> Any:
    raise KeyboardInterrupt


@way("error")
def cancels(x: Any) -> Any:
    raise asyncio.CancelledError


@way("error")
def recurses(x: Any) -> Any:
    return recurses_again(x)


def recurses_again(x: Any) -> Any:
    return recurses_again(x)


@way("timeout")
def never_ends(x: Any) -> Any:
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(0.01)


@way("timeout")
def hears_no_signal(x: Any) -> Any:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(600)


@way("error")
def forks(x: Any) -> Any:
    if os.fork() == 0:
        return Remix(audio=np.zeros_like(x))
    raise ValueError("the first of two answers")


# What it raises.


@way("error")
def has_no_words(x: Any) -> Any:
    class NoWordsError(Exception):
        def __str__(self) -> str:
            raise SystemExit(0)

        @property
        def trace(self) -> Any:
            raise SystemExit(0)

    raise NoWordsError


@way("error")
def speaks_in_surrogates(x: Any) -> Any:
    raise ValueError("model said \udcff \x1b[31m")


@way("error")
def says_too_much(x: Any) -> Any:
    raise ValueError("x" * 20_000_000)


# What it hands back.


@way("error")
def gives_nothing(x: Any) -> Any:
    return None


@way("error")
def gives_doubles(x: Any) -> Any:
    return Remix(audio=x.astype(np.float64))


@way("error")
def gives_less(x: Any) -> Any:
    return Remix(audio=x[:, :-1].copy())


@way("error")
def gives_nan(x: Any) -> Any:
    return Remix(audio=np.full_like(x, np.nan))


@way("error")
def gives_what_exits(x: Any) -> Any:
    class Exiting(Remix):
        def __getattribute__(self, name: str) -> Any:
            return sys.exit(0) if name == "trace" else super().__getattribute__(name)

    return Exiting(audio=x.copy())


@way("ok")
def writes_on(x: Any) -> Any:
    audio = x.copy()
    threading.Timer(0.05, audio.fill, (np.nan,)).start()
    return Remix(audio=audio)


@way("error")
def half_an_emoji(x: Any) -> Any:
    return traced(x, detail="ok \ud83d")


@way("error")
def nan_seconds(x: Any) -> Any:
    return traced(x, seconds=float("nan"))


@way("error")
def seconds_before(x: Any) -> Any:
    return traced(x, seconds=-1.0)


@way("ok")
def numpy_seconds(x: Any) -> Any:
    return traced(x, seconds=np.float32(0.5))


@way("error")
def no_detail(x: Any) -> Any:
    return traced(x, detail=None)


@way("error")
def dicts_for_steps(x: Any) -> Any:
    return Remix(audio=x.copy(), trace=({"name": "a"},))  # type: ignore[arg-type]


@way("error")
def data_in_itself(x: Any) -> Any:
    data: dict[str, Any] = {}
    data["self"] = data
    return traced(x, data=data)


@way("ok")
def objects_as_data(x: Any) -> Any:
    return traced(x, data={1: object(), "bytes": b"y", "big": 1 << 70, "none": float("nan")})


@way("error")
def tells_too_much(x: Any) -> Any:
    return traced(x, detail="x" * 20_000_000)


@way("error")
def earns_tokens(x: Any) -> Any:
    return traced(x, data={"llm_calls": -3})


# What it does to the process.


@way("ok")
def sets_everything(x: Any) -> Any:
    random.seed(0)
    np.random.seed(0)
    np.seterr(all="raise")
    warnings.simplefilter("error")
    gc.disable()
    sys.setrecursionlimit(300)
    os.environ.clear()
    os.umask(0o777)
    os.chdir("/")
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return Remix(audio=x.copy())


@way("ok")
def rewrites_the_scores(x: Any) -> Any:
    import lcr.evaluation.metrics
    import lcr.remixer

    lcr.evaluation.metrics.score = lambda **_: None  # type: ignore[assignment,misc]
    np.sqrt = np.log10 = lambda *_: 0.0  # type: ignore[assignment]
    random.random = lambda: 0.5
    return Remix(audio=x.copy())


@way("error")
def skips_the_check(x: Any) -> Any:
    import experiments.comparison.answers as answers

    answers.check_remix = lambda remix, mixture: remix  # type: ignore[assignment]
    return Remix(audio=x[:, :3])


@way("ok")
def prints(x: Any) -> Any:
    print("processing...", flush=True)
    os.write(1, b"from C\n")
    return Remix(audio=x.copy())


@way("ok")
def takes_the_streams(x: Any) -> Any:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]
    for stream in (1, 2):
        with contextlib.suppress(OSError):
            os.close(stream)
    return Remix(audio=x.copy())


@way("error")
def closes_everything(x: Any) -> Any:
    os.closerange(0, 1024)
    return Remix(audio=x.copy())


@way("error")
def reads_standard_input(x: Any) -> Any:
    return Remix(audio=x * float(input()))


@way("ok")
def leaves_a_thread(x: Any) -> Any:
    threading.Thread(target=time.sleep, args=(600,)).start()
    return Remix(audio=x.copy())


@way("error")
def changes_the_mixture(x: Any) -> Any:
    x.setflags(write=True)
    x *= 0
    return Remix(audio=x)


class Miscounting(System):
    """Batches, and gives one answer too many."""

    def remix_many(self, requests: list[RemixRequest]) -> list[Remix]:
        return [Remix(audio=np.zeros_like(r.mixture)) for r in (*requests, requests[0])]


WAYS["miscounts"] = "ok", lambda: Miscounting("miscounts", lambda x: Remix(audio=x.copy()))
globals().update({name: factory for name, (_, factory) in WAYS.items()})
