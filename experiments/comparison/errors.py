"""What can go wrong in a run; each message is one line saying what came and what to do."""

from __future__ import annotations

import errno
from pathlib import Path

from lcr.errors import LcrError

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class ConfigError(LcrError):
    """A suite file, an override or an option is wrong."""


class RecordsError(LcrError):
    """A records file holds something that is not a record."""


class OutputError(LcrError):
    """The output folder cannot be written to."""

    @classmethod
    def of(cls, path: Path, error: OSError) -> OutputError:
        """The error in words, with what to do about it."""
        if error.errno in _FULL:
            return cls(f"no space left for {path}; free some and start the same command again")
        return cls(f"cannot write {path}: {error.strerror or error}; choose another --out")
