"""Text-guided sound remixing. `load` gives a trained model; `lcr.registry` knows every system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lcr.joint import JointRemixer

__all__ = ["load"]


def load(folder: str | Path, *, base: str | None = None, device: str = "cpu") -> JointRemixer:
    """The joint model in a folder: a checkpoint of lcr, or one that the paper's authors released
    (SpeechBrain's `.ckpt` files), for which `base` names another language model or folder than
    LLaMA-2-7B-chat on the hub.

    Raises `lcr.errors.LcrError` when files are missing, damaged or do not fit.
    """
    # torch takes seconds to import, and `import lcr` must not.
    from lcr.authors import load_any

    return load_any(Path(folder), base=base, device=device)
