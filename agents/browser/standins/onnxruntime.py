"""onnxruntime in the page's worker: onnxruntime-web behind the few names that `lcr.runtime` uses.

Python waits for JavaScript's promises, which takes a browser that can switch WebAssembly's stack.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import graphs  # what worker.js registers
import numpy as np
from numpy.typing import NDArray
from pyodide.ffi import run_sync

GraphOptimizationLevel = SimpleNamespace(ORT_ENABLE_BASIC=None)


class SessionOptions:
    def add_session_config_entry(self, name: str, value: str) -> None:
        """There are no threads here that could wait."""


class InferenceSession:
    """The graph of a file of the page."""

    def __init__(self, path: str, options: SessionOptions, *, providers: Sequence[str]) -> None:
        self._session = run_sync(graphs.open(path.rsplit("/", 1)[-1]))

    def run(self, names: None, given: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float32]]:
        """All outputs, in the order of the file."""
        rows = [
            (name, str(array.dtype), list(array.shape), np.ascontiguousarray(array).reshape(-1))
            for name, array in given.items()
        ]
        found = run_sync(graphs.run(self._session, rows))
        return [
            np.frombuffer(one.data.to_bytes(), np.float32).reshape(one.dims.to_py())
            for one in found
        ]
