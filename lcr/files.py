"""Files that are whole or not there, their SHA-256, and folders that one process writes to."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from lcr.errors import LcrError

if TYPE_CHECKING:
    from filelock import AcquireReturnProxy

_ABANDONED_S = 86_400
"""A temporary file of this age was left by a process that was killed."""


class FolderInUseError(LcrError):
    """Another process is writing to the folder; `holder` is its number, "unknown" if not known."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(folder, holder)
        self.folder, self.holder = folder, holder

    def __str__(self) -> str:
        return f"another run (process {self.holder}) is writing to {self.folder}"


def write_whole(
    path: Path, content: bytes | str | Callable[[IO[bytes]], object], *, sync: bool = True
) -> None:
    """Write `content`, or what `content(file)` writes, to `path`; its folder is made if need be.

    It is written to a temporary file beside `path` and then renamed, so that a kill, a power cut
    (with `sync`) or an error leaves the previous file unharmed. A link at `path` is replaced, never
    followed. Raises OSError on a full disk, whatever error a library called by `content` made of
    it, and for a `path` that is a folder, a pipe or a device; other errors of `content` pass
    through.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a folder, a pipe or a device, not a file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(path)
    temporary = path.with_name(f"{_start(path)}{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            if callable(content):
                content(file)
            else:
                file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        # torch.save turns what the file said into "unexpected pos 704 vs 598".
        if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise


def _start(path: Path) -> str:
    """How the names of its temporary files begin; the longest name has 255 bytes."""
    return f".{path.name[:32]}."


def _remove_abandoned(path: Path) -> None:
    start = _start(path)
    oldest = time.time() - _ABANDONED_S
    with os.scandir(path.parent) as found:
        for entry in found:
            if entry.name.startswith(start) and entry.name.endswith(".part"):
                with suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_mtime < oldest:
                        os.unlink(entry.path)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for one process, making it if need be. Raises FolderInUseError if another
    process holds it, OSError.

    The operating system lets go of the lock when its process ends, however it ends. A folder made
    here in which nothing was put is removed again.
    """
    path = folder / ".lock"
    made = [parent for parent in (folder, *folder.parents) if not parent.exists()]
    try:
        with _acquire(path):
            with suppress(PermissionError):  # Windows locks what is in the file as well
                path.write_text(f"{os.getpid()}\n")
            try:
                yield
            finally:
                with suppress(OSError):  # Windows keeps open files
                    path.unlink()
    finally:
        with suppress(OSError):  # only empty folders go
            for empty in made:
                empty.rmdir()


def _acquire(path: Path) -> AcquireReturnProxy[Any]:
    """Raises FolderInUseError as soon as the holder's number can be read."""
    from filelock import FileLock, Timeout

    patience = time.monotonic() + 2  # a holder writes its number, and takes it away, at once
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return FileLock(path).acquire(timeout=0)
        except (Timeout, FileNotFoundError):  # the latter: a holder that ends removes the folder
            holder = ""
            with suppress(OSError):
                holder = path.read_text().strip()
            if time.monotonic() > patience or (holder.isdecimal() and _is_running(int(holder))):
                raise FolderInUseError(path.parent, holder or "unknown") from None
            time.sleep(0.02)


def _is_running(process: int) -> bool:
    """Not so where the number is that of a holder which was killed."""
    if os.name == "nt":
        return True
    with suppress(PermissionError):  # of another user
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return False
    return True


def sha256_of(*paths: Path) -> str:
    """Hex SHA-256 over the files' content, one after the other. A file that has not changed since
    (by its size and time) is not read again by this process. Raises OSError."""
    return _sha256(tuple((path.resolve(), *_state(path)) for path in paths))


def _state(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@lru_cache(maxsize=256)
def _sha256(files: tuple[tuple[Path | int, ...], ...]) -> str:
    digest = hashlib.sha256()
    for path, *_ in files:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
