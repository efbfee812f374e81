"""Where the baselines' weights are that ship with the program."""

from __future__ import annotations

from pathlib import Path

from lcr.checkpoints import find_checkpoint

WEIGHTS = Path(__file__).parent / "weights"


def find_weights(name: str) -> Path:
    """The checkpoint that ships under `name`, else the path `name`, whether or not it is there."""
    return find_checkpoint(name, WEIGHTS)
