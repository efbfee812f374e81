"""What frozen language models made of prompts, kept on disk: one SQLite file for all readers.

Keys are digests of the weights, the settings and the text, so an entry is never out of date.
SQLite's write-ahead log makes every `put` whole or absent, with any number of writing processes
and whenever one is killed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lcr.errors import LcrError

Rows = NDArray[np.float32]
_AT_ONCE = 500
"""Keys asked for in one query; SQLite allows 999 in its oldest builds."""
_PATIENCE_S = 60.0
"""How long to wait for others that use the file."""


class CacheError(LcrError):
    """The cache's file cannot be used; the message says why and what to do."""


def default_cache_path() -> Path | None:
    """`embeddings.sqlite` in $LCR_CACHE, else in the user's cache folder; None when LCR_CACHE is
    set to nothing, which turns caching off."""
    given = os.environ.get("LCR_CACHE")
    if given is not None:
        return Path(given) / "embeddings.sqlite" if given else None
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "lcr" / "embeddings.sqlite"


class EmbeddingCache:
    """Float32 matrices by digest; above `max_bytes` the oldest go.

    Threads may share one, forked processes open the file for themselves, and copies and pickles
    refer to the same file.
    """

    def __init__(self, path: Path, *, max_bytes: int = 1 << 30) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes is {max_bytes}; a cache needs room")
        self.path, self.max_bytes = path, max_bytes
        # By process: a fork may use neither its parent's connection nor close it, and would wait
        # for ever on a lock that another thread of the parent held.
        self._handles: dict[int, _Handle] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.path, self.max_bytes)

    def get(self, keys: Sequence[bytes]) -> list[Rows | None]:
        """The matrix of each key, (rows, width) and read-only; None where there is none."""
        found: dict[bytes, Rows] = {}
        with self._open() as db:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT key, width, data FROM embeddings WHERE key IN ({marks})"
                for key, width, data in db.execute(query, some):
                    found[key] = np.frombuffer(data, dtype="<f4").reshape(-1, width)
        return [found.get(key) for key in keys]

    def put(self, entries: Mapping[bytes, Rows]) -> None:
        """Keep (rows, width) matrices: all or, when this fails, none. A key that is there stays."""
        lines = [
            (key, rows.shape[1], np.ascontiguousarray(rows, dtype="<f4").tobytes())
            for key, rows in entries.items()
        ]
        with self._open() as db, _transaction(db):
            db.executemany(
                "INSERT INTO embeddings (key, width, data) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO NOTHING",
                lines,
            )
            while _used_bytes(db) > self.max_bytes and _count(db):
                oldest = f"SELECT id FROM embeddings ORDER BY id LIMIT {_count(db) // 10 + 1}"
                db.execute(f"DELETE FROM embeddings WHERE id IN ({oldest})")

    def clear(self) -> None:
        """Forget everything and give the space back."""
        with self._open() as db:
            db.execute("DELETE FROM embeddings")
            db.execute("VACUUM")

    def __len__(self) -> int:
        with self._open() as db:
            return _count(db)

    def __bool__(self) -> bool:
        return True  # an empty cache is a cache

    @property
    def used_bytes(self) -> int:
        """What the entries take in the file."""
        with self._open() as db:
            return _used_bytes(db)

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        handle = self._handles.pop(os.getpid(), None)
        if handle is not None and handle.db is not None:
            handle.db.close()

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        handle = self._handles.setdefault(os.getpid(), _Handle())
        with handle.lock:
            try:
                if handle.db is None:
                    handle.db = _connect(self.path)
                    weakref.finalize(self, _close, handle.db, os.getpid())
                yield handle.db
            except (OSError, sqlite3.Error, ValueError) as error:
                raise CacheError(
                    f"the cache of embeddings {self.path} cannot be used: {error}. Delete that "
                    "file, or set LCR_CACHE to another folder, or to nothing for no cache"
                ) from error


class _Handle:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.db: sqlite3.Connection | None = None


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(db)
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(
            "CREATE TABLE IF NOT EXISTS embeddings (id INTEGER PRIMARY KEY, "
            "key BLOB NOT NULL UNIQUE, width INTEGER NOT NULL, data BLOB NOT NULL)"
        )
    except BaseException:
        db.close()
        raise
    return db


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch to WAL. SQLite waits for every other lock, but not for the one that several first
    opens of a new file fight for here."""
    patience = time.monotonic() + _PATIENCE_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > patience:
                raise
        time.sleep(0.01)


def _again(path: Path, max_bytes: int) -> EmbeddingCache:
    return EmbeddingCache(path, max_bytes=max_bytes)


def _close(db: sqlite3.Connection, owner: int) -> None:
    if owner == os.getpid():
        db.close()


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0])


def _used_bytes(db: sqlite3.Connection) -> int:
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
