"""The cache of embeddings: exact, bounded, whole whatever is killed, shared by processes."""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lcr.nn.reader.embedding_cache import CacheError, EmbeddingCache, default_cache_path

ROOT = Path(__file__).resolve().parents[4]


def rows(value: float, height: int = 1, width: int = 4) -> np.ndarray:
    return np.full((height, width), value, np.float32)


def used_bytes(cache: EmbeddingCache) -> int:
    """What the entries take in the file: free pages are used again."""
    with contextlib.closing(sqlite3.connect(cache.path)) as db:
        pages, free, size = (
            db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
    return (pages - free) * size


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> EmbeddingCache:
    return EmbeddingCache(tmp_path_factory.mktemp("cache") / "c.sqlite")


@given(
    matrix=arrays.arrays(
        np.float32,
        st.tuples(st.integers(1, 5), st.integers(1, 7)),
        elements=st.floats(width=32, allow_nan=True, allow_infinity=True),
    )
)
def test_what_is_kept_comes_back_to_the_bit(shared: EmbeddingCache, matrix: np.ndarray) -> None:
    key = os.urandom(16)
    shared.put({key: matrix})
    found, absent = shared.get([key, b"other"])
    assert absent is None
    assert found is not None
    assert found.shape == matrix.shape
    assert found.tobytes() == matrix.tobytes()


def test_the_first_value_stays(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "deep" / "er" / "c.sqlite")
    assert bool(cache)
    assert len(cache) == 0
    cache.put({b"k": rows(1), b"l": rows(2, 3)})
    cache.put({b"k": rows(9)})
    first = cache.get([b"k"])[0]
    assert first is not None
    assert first[0, 0] == 1
    many = {bytes([i, j]): rows(i, 8, 64) for i in range(40) for j in range(40)}
    cache.put(many)
    assert [v is not None for v in cache.get(list(many))] == [True] * 1600  # several queries


def test_it_stays_below_its_bound_and_the_oldest_go(tmp_path: Path) -> None:
    bound = 200_000
    cache = EmbeddingCache(tmp_path / "c.sqlite", max_bytes=bound)
    for i in range(60):
        cache.put({i.to_bytes(4, "big"): rows(i, 8, 384)})  # 12 kB each
        assert used_bytes(cache) <= bound
    kept = [v is not None for v in cache.get([i.to_bytes(4, "big") for i in range(60)])]
    first = kept.index(True)
    assert not any(kept[:first])
    assert all(kept[first:])
    assert 5 < 60 - first < 17
    cache.put({b"too large": rows(0, 100, 1000)})
    assert used_bytes(cache) <= bound
    with pytest.raises(ValueError, match="needs room"):
        EmbeddingCache(tmp_path / "c.sqlite", max_bytes=0)


def test_a_failed_put_leaves_nothing(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite")
    unfit: dict = {b"a": rows(1), None: rows(2)}
    with pytest.raises(CacheError, match="cannot be used"):
        cache.put(unfit)
    assert len(cache) == 0
    cache.put({b"a": rows(1)})
    assert len(cache) == 1


def test_copies_threads_and_forks_share_the_file(tmp_path: Path) -> None:
    cache = EmbeddingCache(tmp_path / "c.sqlite")
    cache.put({b"before": rows(1)})
    for other in (copy.deepcopy(cache), pickle.loads(pickle.dumps(cache))):
        assert (other.path, other.max_bytes) == (cache.path, cache.max_bytes)
        assert len(other) == 1
    threads = [threading.Thread(target=cache.put, args=({bytes([i]): rows(i)},)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 9
    if "fork" in multiprocessing.get_all_start_methods():
        pid = os.fork() if threading.active_count() == 1 else None
        if pid == 0:  # no return into pytest from here
            status = 1
            try:
                cache.put({b"child": rows(7)})
                status = 0 if len(cache) == 10 else 2
            finally:
                os._exit(status)
        if pid is not None:
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
            assert len(cache) == 10


WRITER = """
import sys, numpy as np
from pathlib import Path
from lcr.nn.reader.embedding_cache import EmbeddingCache
cache = EmbeddingCache(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
first, count = int(sys.argv[2]), int(sys.argv[3])
for batch in range(first, first + count):
    keys = [f"{batch}/{i}".encode() for i in range(5)]
    cache.put({key: np.full((3, 500), batch, np.float32) for key in keys})
    print(batch, flush=True)
"""


def test_many_first_opens_of_a_new_file_at_once(tmp_path: Path) -> None:
    for round_ in range(10):
        path, together = tmp_path / f"{round_}.sqlite", threading.Barrier(8)

        def first_open(path: Path = path, together: threading.Barrier = together) -> int:
            cache = EmbeddingCache(path)
            together.wait()
            entries = len(cache)
            return entries

        with ThreadPoolExecutor(8) as pool:
            opens = [pool.submit(first_open) for _ in range(8)]
            assert [each.result() for each in opens] == [0] * 8


def writer(path: Path, first: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), str(first), str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def whole_batches(cache: EmbeddingCache, batches: range) -> list[int]:
    """Which batches are there; each must be there whole, with its own value, or not at all."""
    there = []
    for batch in batches:
        found = cache.get([f"{batch}/{i}".encode() for i in range(5)])
        assert len({v is None for v in found}) == 1
        if found[0] is not None:
            there.append(batch)
            assert all(v is not None and (v == batch).all() and v.shape == (3, 500) for v in found)
    return there


def test_writers_side_by_side_lose_nothing_and_a_killed_one_leaves_whole_batches(
    tmp_path: Path,
) -> None:
    path = tmp_path / "c.sqlite"
    # Two share their keys; the third is killed once it has told of 20 batches of its endless row.
    running = [writer(path, 0, 40), writer(path, 0, 40), writer(path, 1000, 10**6)]
    for each in running:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in running:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    doomed = running[2]
    assert doomed.stdout is not None
    told = [int(doomed.stdout.readline()) for _ in range(20)]
    doomed.send_signal(signal.SIGKILL)
    told += [int(line) for line in doomed.stdout if line.endswith("\n")]
    for each in running[:2]:
        each.communicate()
    doomed.communicate()
    assert [each.returncode for each in running] == [0, 0, -signal.SIGKILL]
    cache = EmbeddingCache(path)
    assert whole_batches(cache, range(40)) == list(range(40))
    kept = whole_batches(cache, range(1000, 1000 + len(told) + 2))
    assert set(told) <= set(kept)
    assert len(kept) <= len(told) + 1
    cache.put({b"after": rows(1)})


def test_a_file_that_is_no_cache_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    path.write_bytes(b"my own notes" * 1000)
    with pytest.raises(CacheError, match=r"c\.sqlite cannot be used: .*Delete that file"):
        EmbeddingCache(path).get([b"k"])
    assert path.read_bytes() == b"my own notes" * 1000
    with pytest.raises(CacheError, match="cannot be used"):
        EmbeddingCache(path / "below a file.sqlite").put({b"k": rows(1)})


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LCR_CACHE", str(tmp_path))
    assert default_cache_path() == tmp_path / "embeddings.sqlite"
    monkeypatch.setenv("LCR_CACHE", "")
    assert default_cache_path() is None
    monkeypatch.delenv("LCR_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert default_cache_path() == tmp_path / "x" / "lcr" / "embeddings.sqlite"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert default_cache_path() == Path.home() / ".cache" / "lcr" / "embeddings.sqlite"
