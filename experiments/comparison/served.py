"""The other process of an isolated system: it builds the system and answers for it."""

from __future__ import annotations

import os
import pickle
import threading
import time
from dataclasses import replace
from typing import Any

from experiments.comparison.answers import ask
from experiments.comparison.environment import MemoryMeter
from experiments.comparison.isolation import IsolatedSystem, send
from experiments.comparison.systems import build_here
from lcr.errors import LcrError, words_of
from lcr.remixer import RemixRequest

_HEARTBEAT_S = 2.0


def serve() -> None:
    """Be the other process: build the system that is asked for, and answer until there is no more
    to answer."""
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
        send(outgoing, words_of(error) if known else f"{type(error).__name__}: {words_of(error)}")
        return
    meter = MemoryMeter(system.device)
    remixer: Any = system.remixer
    send(outgoing, (replace(system, remixer=IsolatedSystem()), system.batches))
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
        send(outgoing, (answers, (meter.growth_bytes(), meter.device_bytes())))


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
