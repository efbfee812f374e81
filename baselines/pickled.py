"""Files of torch.save, read without running what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.serialization import get_unsafe_globals_in_checkpoint, safe_globals

from lcr.joint.remixer import WeightsError

_SCALAR = np.float64(0).__reduce__()[0]
_HARMLESS: list[Any] = [
    # Training notes of laion-clap hold numpy's numbers, under the name that numpy 1 gave them.
    (_SCALAR, "numpy.core.multiarray.scalar"),
    (_SCALAR, "numpy._core.multiarray.scalar"),
    np.dtype,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    type(np.dtype(np.int64)),
    # Text with a class of its own: asteroid notes the version of torch that wrote a file.
    torch.torch_version.TorchVersion,
]


def read_pickled(path: Path) -> Any:  # noqa: ANN401
    """Tensors, plain values, numpy's numbers and torch's version. Raises WeightsError for
    anything else and for a damaged file."""
    try:
        with safe_globals(_HARMLESS):
            # Mapped: laion-clap's files hold twice as much for the optimiser as for the model.
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception as error:  # torch raises a dozen types for broken files
        code = _code_in(path)
        if code:
            raise WeightsError(
                f"{path} holds code ({', '.join(code)}), which is not run; a checkpoint of "
                "tensors and plain values is needed"
            ) from error
        raise WeightsError(
            f"{path} is no checkpoint of torch, or is damaged or cut short"
        ) from error


def _code_in(path: Path) -> list[str]:
    """What a file would import beyond tensors and numbers, looked up without running it."""
    try:
        with safe_globals(_HARMLESS):
            return sorted(get_unsafe_globals_in_checkpoint(path))
    except Exception:  # an older format or no checkpoint at all: nothing can be said
        return []
