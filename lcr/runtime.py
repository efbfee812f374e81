"""Exported checkpoints: the same networks as ONNX, run by onnxruntime, without torch.

`experiments/export.py` writes them into the folder `onnx` of a checkpoint. They are used wherever
they and onnxruntime are there; torch runs what is not exported, and everything where the
environment says LCR_RUNTIME=torch.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcr.checkpoints import WEIGHTS_FILE, WeightsError, read_config
from lcr.errors import LcrError
from lcr.extras import install_command
from lcr.files import sha256_of

FOLDER, MADE_OF = "onnx", "made_of.json"
VARIABLE = "LCR_RUNTIME"
_CODE = (
    *("joint/query.py", "nn/film.py", "nn/grounded/bands.py", "nn/query/remixer.py"),
    *("nn/reader/light_bert.py", "nn/reader/tagger.py"),
    *("prompts/reading/pieces.py", "prompts/reading/word_pieces.py"),
)
_LIVE_CODE = (
    *("audio/low_delay.py", "joint/live.py", "nn/film.py", "nn/grounded/bands.py"),
    *("nn/grounded/causal.py", "nn/grounded/causal_bands.py", "nn/grounded/packed_bands.py"),
    "nn/grounded/remixer.py",
)
"""What the graphs are made of besides weights, and what runs them."""


class RuntimeChoiceError(LcrError):
    """LCR_RUNTIME names no runtime, or one that cannot run here."""


def exported(checkpoint: Path) -> Path | None:
    """The folder of what was exported from `checkpoint`, where it is to be used; None where torch
    is to run the checkpoint itself: there is no onnxruntime or no export, that export is of other
    weights, or torch is asked for.

    Raises RuntimeChoiceError where LCR_RUNTIME asks for onnx and that cannot be."""
    wanted = os.environ.get(VARIABLE) or None
    if wanted not in (None, "onnx", "torch"):
        raise RuntimeChoiceError(f"{VARIABLE} is onnx or torch; got {wanted!r}")
    if wanted == "torch":
        return None
    problem = _problem(checkpoint)
    if problem is None:
        return checkpoint / FOLDER
    if wanted == "onnx" or importlib.util.find_spec("torch") is None:
        raise RuntimeChoiceError(f"{checkpoint.name} cannot run without torch: {problem}")
    return None


@contextmanager
def torch_only() -> Iterator[None]:
    """Run everything in torch, as who counts operations must."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = "torch"
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


def _problem(checkpoint: Path) -> str | None:
    for name in ("onnxruntime", "safetensors"):
        if importlib.util.find_spec(name) is None:
            return f"{name} is not installed; run: {install_command('run')}"
    if not (checkpoint / FOLDER / MADE_OF).is_file():
        return f"it is not exported (python experiments/export.py {checkpoint.name})"
    try:
        told = read_made_of(checkpoint / FOLDER)
    except WeightsError as error:
        return str(error)
    weights = checkpoint / WEIGHTS_FILE
    if told["code"] != code_digest(checkpoint):
        return "it was exported by another version of lcr; export it again"
    if told["config"] != config_digest(checkpoint):
        return "it was exported with other settings; export it again"
    if weights.is_file() and sha256_of(weights) != told["weights"].get(checkpoint.name):
        return "it was exported from other weights; export it again"
    return None


def code_digest(checkpoint: Path) -> str:
    """SHA-256 of the code that an export of `checkpoint` belongs to; comments and docstrings do not
    count."""
    is_live = read_config(checkpoint).get("remixer", {}).get("kind") == "causal"
    return _digest_of(_LIVE_CODE if is_live else _CODE)


@cache  # the code that runs is the one that was there at first
def _digest_of(names: tuple[str, ...]) -> str:
    texts = ((Path(__file__).parent / name).read_text(encoding="utf-8") for name in names)
    return hashlib.sha256("\n".join(map(statements, texts)).encode()).hexdigest()


def statements(source: str) -> str:
    """The lines of a Python source that are no docstring, no comment and not blank. (`ast.dump`
    would differ from one version of Python to the next.)"""
    lines = source.split("\n")
    bodies = [ast.parse(source).body]
    while bodies:
        for node in bodies.pop():
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                for number in range(node.lineno, (node.end_lineno or 0) + 1):
                    lines[number - 1] = ""
            bodies.append(getattr(node, "body", []))
    return "\n".join(line for line in lines if line.strip() and line.lstrip()[0] != "#")


def config_digest(checkpoint: Path) -> str:
    """SHA-256 of the settings of a checkpoint, but for calibrations, which are read anew."""
    config = read_config(checkpoint)
    calibrated = ("thresholds", "naming")
    names = {k: v for k, v in config.get("names", {}).items() if k not in calibrated}
    plain = json.dumps({**config, "names": names}, sort_keys=True)
    return hashlib.sha256(plain.encode()).hexdigest()


def read_made_of(folder: Path) -> dict[str, Any]:
    """What an export was made of: the digests of its `code` and of the checkpoint's `config`, and
    name and SHA-256 of each of the `weights`. Raises WeightsError for a damaged file."""
    try:
        told = json.loads((folder / MADE_OF).read_text(encoding="utf-8"))
        return {
            "code": str(told["code"]),
            "config": str(told["config"]),
            "weights": dict(told["weights"]),
        }
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise WeightsError(f"{folder / MADE_OF} is damaged: {error}") from error


class Graph:
    """One ONNX file, loaded when it is first run. Raises WeightsError where it is absent or
    damaged."""

    def __init__(self, path: Path, *, threads: int | None = None) -> None:
        self._path = path
        self._threads = threads or int(os.environ.get("OMP_NUM_THREADS", "0") or 0)

    def __call__(self, given: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[np.float32]]:
        """The outputs, in the order of the file."""
        found: Sequence[NDArray[np.float32]] = self._session.run(None, dict(given))
        return found

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 (onnxruntime has no types)
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.log_severity_level = 3
        # Further rewriting costs more of a short recording's time than it saves of a long one's.
        level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.graph_optimization_level = level
        # Threads that wait do not take the processor from other work.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(
                str(self._path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises types of its own
            raise WeightsError(f"{self._path} cannot be loaded: {error}") from error
