"""Where the baselines' weights are that ship with the program."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


def find_weights(name: str) -> Path:
    """The checkpoint that ships under `name`, else the path `name`, whether or not it is there.

    What ships comes first: a folder of the same name beside the caller must not take its place.
    """
    shipped = WEIGHTS / name
    return shipped if shipped.is_dir() else Path(name)
