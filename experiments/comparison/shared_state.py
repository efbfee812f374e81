"""What all systems in one process share, put back after each has run: otherwise the score of one
depends on which ran before it."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import locale
import os
import random
import sys
from collections.abc import Iterator

import numpy as np


@contextlib.contextmanager
def kept() -> Iterator[None]:
    """Leave the process as it was, whatever the body does: working folder, environment variables,
    locale, standard streams, random generators, numpy's handling of errors, and torch's number of
    threads, default type and device, gradients and determinism."""
    folder, variables, words = os.getcwd(), dict(os.environ), locale.setlocale(locale.LC_ALL)
    streams = sys.stdin, sys.stdout, sys.stderr
    python, numpy_state, errors = random.getstate(), np.random.get_state(), np.geterr()
    with contextlib.ExitStack() as torch_state:
        if importlib.util.find_spec("torch") is not None:
            torch_state.enter_context(_torch_kept())
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # it may be gone
                os.chdir(folder)
            os.environ.clear()
            os.environ.update(variables)
            locale.setlocale(locale.LC_ALL, words)
            sys.stdin, sys.stdout, sys.stderr = streams
            random.setstate(python)
            np.random.set_state(numpy_state)
            np.seterr(**errors)


@contextlib.contextmanager
def _torch_kept() -> Iterator[None]:
    torch = importlib.import_module("torch")
    threads, dtype, device = (
        torch.get_num_threads(), torch.get_default_dtype(), torch.get_default_device()
    )  # fmt: skip
    gradients, exact = torch.is_grad_enabled(), torch.get_deterministic_debug_mode()
    try:
        with torch.random.fork_rng():
            yield
    finally:
        torch.set_num_threads(threads)
        torch.set_default_dtype(dtype)
        torch.set_default_device(device)
        torch.set_grad_enabled(gradients)
        torch.set_deterministic_debug_mode(exact)
