"""What the page's worker asks of Python: the default model's answer to a recording and a prompt."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from lcr.api import LoadedRemixer
from lcr.cli.outcomes import sentence
from lcr.errors import LcrError
from lcr.joint.load import load

MODEL = LoadedRemixer(load())


def remix(samples: Any, channels: int, sample_rate: int, prompt: str) -> tuple[Any, str]:  # noqa: ANN401
    """Of JavaScript's Float32Array `samples`, channel after channel, the same remixed, and what
    the page says as JSON: `did`, `warnings`, `seconds` and, where nothing could be done, `error`.
    """
    audio = np.frombuffer(samples.to_bytes(), np.float32).reshape(channels, -1)
    start = time.perf_counter()
    try:
        done = MODEL.remix(audio, sample_rate, prompt)
    except (LcrError, ValueError) as error:
        return None, json.dumps({"error": str(error)})
    told = {
        "did": sentence(done.understood),
        "warnings": done.warnings,
        "seconds": time.perf_counter() - start,
    }
    return np.ascontiguousarray(done.audio).reshape(-1), json.dumps(told)
