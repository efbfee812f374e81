"""safetensors in the page's worker: reading a file, in numpy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"F32": np.float32, "F16": np.float16, "I8": np.int8, "I64": np.int64}


class safe_open:  # noqa: N801 (the package's name)
    """A file opened to read single tensors. Raises ValueError or KeyError for a damaged one."""

    def __init__(self, path: Path, framework: str) -> None:
        content = path.read_bytes()
        begin = 8 + int.from_bytes(content[:8], "little")
        self._head, self._data = json.loads(content[8:begin]), content[begin:]

    def __enter__(self) -> safe_open:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def metadata(self) -> dict[str, str]:
        found: dict[str, str] = self._head["__metadata__"]
        return found

    def get_tensor(self, name: str) -> NDArray[Any]:
        told = self._head[name]
        start, stop = told["data_offsets"]
        return np.frombuffer(self._data[start:stop], _TYPES[told["dtype"]]).reshape(told["shape"])
