"""Devices that networks run on."""

from __future__ import annotations

from lcr.errors import LcrError, one_line


def check_device(name: str) -> None:
    """Raises LcrError where torch cannot put anything on the device `name`."""
    import torch

    try:
        torch.empty(1, device=name)
    except Exception as error:  # RuntimeError, AssertionError, whatever a driver raises
        reason = one_line(str(error).partition("\n")[0])
        raise LcrError(
            f"device {name} cannot be used here ({reason}); leave it out, or give cpu"
        ) from error
