"""Whole files, locks and digests."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import pytest
from filelock import FileLock

from lcr import files
from lcr.files import FolderInUseError, locked, sha256_of, write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_content_of_any_form_is_written(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.txt"
    for content in (b"same", "same", lambda file: file.write(b"same")):
        write_whole(path, content)
        assert path.read_bytes() == b"same"
        path.unlink()


def test_an_error_leaves_the_previous_file_and_no_fragment(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_whole(path, b"first")

    def broken(file: IO[bytes]) -> None:
        file.write(b"half")
        raise OSError(errno.ENOSPC, "full")

    with pytest.raises(OSError, match="full"):
        write_whole(path, broken)
    assert (path.read_bytes(), names(tmp_path)) == (b"first", ["a.txt"])


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"kept")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert (target.read_bytes(), link.read_bytes()) == (b"kept", b"new")
    assert not link.is_symlink()


def test_what_a_kill_left_goes_after_a_day(tmp_path: Path) -> None:
    old, young, other = (tmp_path / n for n in (".a.1.part", ".a.2.part", ".b.1.part"))
    for path in (old, young, other):
        path.write_bytes(b"half")
    for path in (old, other):
        os.utime(path, (0, 0))
    write_whole(tmp_path / "a", b"whole")
    assert names(tmp_path) == [".a.2.part", ".b.1.part", "a"]


def test_a_held_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with locked(folder):
        with pytest.raises(FolderInUseError) as error, locked(folder):
            pass
        assert (error.value.folder, error.value.holder) == (folder, str(os.getpid()))
    assert not folder.exists()
    with locked(folder):
        (folder / "kept").touch()
    assert names(folder) == ["kept"]


def test_two_writers_leave_the_whole_of_one(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def slowly(letter: bytes) -> None:
        def content(file: IO[bytes]) -> None:
            for _ in range(50):
                file.write(letter * 999)
                time.sleep(0.001)

        write_whole(path, content)

    threads = [threading.Thread(target=slowly, args=(letter,)) for letter in (b"a", b"b", b"c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in [letter * 49_950 for letter in (b"a", b"b", b"c")]
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are of Unix")
def test_a_pipe_a_device_and_a_folder_are_refused(tmp_path: Path) -> None:
    pipe, device = tmp_path / "pipe", tmp_path / "device"
    os.mkfifo(pipe)
    device.symlink_to("/dev/null")
    for path in (pipe, device, tmp_path):
        with pytest.raises(OSError, match="not a file"):
            write_whole(path, b"lost")
    assert (pipe.is_fifo(), device.is_symlink()) == (True, True)


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("\N{FACE WITH TEARS OF JOY}" * 62 + "abc.wav")
    write_whole(path, b"whole")
    assert path.read_bytes() == b"whole"


def test_the_number_of_a_holder_that_was_killed_is_not_told(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    with FileLock(tmp_path / ".lock"):
        (tmp_path / ".lock").write_text(f"{gone.pid}\n")
        writer = threading.Timer(0.2, (tmp_path / ".lock").write_text, [f"{os.getpid()}\n"])
        writer.start()
        with pytest.raises(FolderInUseError) as error, locked(tmp_path):
            pass
    writer.join()
    assert error.value.holder == str(os.getpid())


def test_a_digest_is_made_once_and_anew_for_a_changed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "1", tmp_path / "2"
    one.write_bytes(b"one")
    two.write_bytes(b"two")
    assert sha256_of(one, two) == hashlib.sha256(b"onetwo").hexdigest()
    before = files._sha256.cache_info().misses
    assert sha256_of(one, two) == hashlib.sha256(b"onetwo").hexdigest()
    assert files._sha256.cache_info().misses == before
    one.write_bytes(b"other")
    assert sha256_of(one) == hashlib.sha256(b"other").hexdigest()
