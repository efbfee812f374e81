"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import IO


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write `path` by `write(file)`: aside first, then renamed; its folder is made if need be.

    A kill, a power cut or an error leaves the previous file unharmed; an error leaves no fragment
    beside it either. Raises OSError on a full disk, whatever error the library in `write` made of
    it; other errors of `write` pass through.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # One fixed name: what a kill has left is overwritten by the next write.
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # torch.save turns what the file said into "unexpected pos 704 vs 598".
        if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise
