"""What ships, loaded once a process: for tests that change nothing of it."""

from __future__ import annotations

from functools import cache

from lcr.joint.remixer import JointRemixer, load


@cache
def shipped_model() -> JointRemixer:
    """The system `lcr`."""
    return load()
