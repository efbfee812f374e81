"""What frozen language models made of prompts, kept on disk: one SQLite file for all readers.

Keys are digests of the weights, the settings and the text, so an entry is never out of date.
SQLite makes every `put` whole or absent, with any number of writing processes and whenever one is
killed. The file is opened for each call: a connection must not be shared by threads or forks.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

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
    """Keeps float32 matrices by digest in the file `path`; drops the oldest above `max_bytes`."""

    def __init__(self, path: Path, *, max_bytes: int = 1 << 30) -> None:
        if max_bytes <= 0:
            raise ValueError(f"max_bytes is {max_bytes}; a cache needs room")
        self.path, self.max_bytes = path, max_bytes

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
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT INTO embeddings (key, width, data) VALUES (?, ?, ?) "
                "ON CONFLICT (key) DO NOTHING",
                lines,
            )
            while _used_bytes(db) > self.max_bytes and (count := _count(db)):
                oldest = f"SELECT id FROM embeddings ORDER BY id LIMIT {count // 10 + 1}"
                db.execute(f"DELETE FROM embeddings WHERE id IN ({oldest})")
            db.execute("COMMIT")

    def __len__(self) -> int:
        with self._open() as db:
            return _count(db)

    def __bool__(self) -> bool:
        return True  # an empty cache is a cache

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The file, closed at the end; what was begun and not committed is undone then."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = sqlite3.connect(self.path, timeout=_PATIENCE_S, isolation_level=None)
            with contextlib.closing(opened) as db:
                db.execute("PRAGMA synchronous = NORMAL")
                db.execute(
                    "CREATE TABLE IF NOT EXISTS embeddings (id INTEGER PRIMARY KEY, "
                    "key BLOB NOT NULL UNIQUE, width INTEGER NOT NULL, data BLOB NOT NULL)"
                )
                yield db
        except (OSError, sqlite3.Error, ValueError) as error:
            raise CacheError(
                f"the cache of embeddings {self.path} cannot be used: {error}. Delete that file, "
                "or set LCR_CACHE to another folder, or to nothing for no cache"
            ) from error


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT COUNT(*) FROM embeddings").fetchone()[0])


def _used_bytes(db: sqlite3.Connection) -> int:
    pages, free, size = (
        int(db.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
