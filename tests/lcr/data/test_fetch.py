"""Corpora fetched from a server on this machine: whole, cut, killed, wrong and away."""

from __future__ import annotations

import gzip
import io
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from lcr.cli import main
from lcr.cli.status import EXIT_BAD_INPUT, EXIT_PARTIAL
from lcr.data import fetch as fetch_module
from lcr.data.corpora import CORPORA
from lcr.data.fetch import ARCHIVES, BY_HAND, KEPT, Archive, FetchError, Part, download, fetch
from tests.corpus_server import Files, hand_out, publish, serving, sha, tarred
from tests.corpus_trees import corpora

BODY = bytes(range(256)) * 40_000


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setattr(fetch_module, "_WAITS_S", (0, 0))
    with serving() as server:
        yield server


def part(served: Files, body: bytes = BODY, digest: str | None = None) -> Part:
    served.files["one"] = body
    return Part(url=f"{served.address}/one", digest=sha(body) if digest is None else digest)


def test_a_cut_connection_goes_on_where_it_ended(served: Files, tmp_path: Path) -> None:
    served.cuts, served.statuses = [3_000_000, 10], [503]
    assert download(part(served), tmp_path / "one").read_bytes() == BODY
    starts = [start for _, start in served.asked]
    assert starts == [None, None, "bytes=3000000-", "bytes=3000010-"]


def test_a_server_that_never_comes_back_is_told_and_what_came_is_kept(
    served: Files, tmp_path: Path
) -> None:
    served.cuts = [1_000]
    one = part(served)
    served.statuses = [503, 503, 503, 503]
    with pytest.raises(FetchError, match="503"):
        download(one, tmp_path / "one")
    assert len(served.asked) == 3


def test_a_server_without_ranges_sends_the_whole_again(served: Files, tmp_path: Path) -> None:
    served.ranges, served.cuts = False, [1_000]
    one = part(served)
    assert download(one, tmp_path / "one").read_bytes() == BODY
    served.cuts, served.asked = [1_000] * 9, []
    with pytest.raises(FetchError):
        download(one, tmp_path / "two")
    assert len(served.asked) == 3  # once, and twice more that came no further


def test_a_file_that_was_whole_before_the_stop_is_not_sent_again(
    served: Files, tmp_path: Path
) -> None:
    (tmp_path / "one.part").write_bytes(BODY)
    assert download(part(served), tmp_path / "one").read_bytes() == BODY
    assert len(served.asked) == 1


def test_a_longer_file_begun_elsewhere_is_thrown_away(served: Files, tmp_path: Path) -> None:
    (tmp_path / "one.part").write_bytes(BODY + b"more")
    assert download(part(served), tmp_path / "one").read_bytes() == BODY


@pytest.mark.parametrize(
    ("digest", "status", "asked"), [("md5:" + "0" * 32, None, 1), ("", 404, 1), ("", 403, 1)]
)
def test_a_wrong_digest_or_a_missing_file_is_an_error_at_once(
    served: Files, tmp_path: Path, digest: str, status: int | None, asked: int
) -> None:
    one = part(served, digest=digest)
    served.statuses = [status] if status else []
    with pytest.raises(FetchError) as raised:
        download(one, tmp_path / "one")
    assert raised.value.url == one.url
    assert not (tmp_path / "one").exists()
    assert len(served.asked) == asked
    assert download(replace(one, digest=""), tmp_path / "one").read_bytes() == BODY


@pytest.mark.rehearsal
def test_after_a_kill_the_rest_is_asked_for(served: Files, tmp_path: Path) -> None:
    served.stalls = Event()
    one = part(served)
    program = f"""
        from pathlib import Path
        from lcr.data.fetch import Part, download
        download(Part(url={one.url!r}, digest={one.digest!r}), Path({str(tmp_path / "one")!r}))
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)]) as child:
        here = tmp_path / "one.part"
        while not (here.exists() and here.stat().st_size >= len(BODY) // 4):
            assert child.poll() is None
        os.kill(child.pid, signal.SIGKILL)
    begun = here.stat().st_size
    assert 0 < begun < len(BODY)
    served.stalls.set()
    served.stalls = None
    assert download(one, tmp_path / "one").read_bytes() == BODY
    assert served.asked[-1] == ("one", f"bytes={begun}-")


@pytest.mark.slow
def test_what_is_fetched_lies_as_it_is_read(
    served: Files,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(fetch_module, "ARCHIVES", publish(served, corpora(tmp_path / "made")))
    root = tmp_path / "corpora"
    assert main(["data", "fetch", str(root), "ESC-50", "FUSS", "FSD50K"]) == 0
    assert "not checksummed" not in capsys.readouterr().out
    assert main(["data", "check", str(root), "--processes", "1"]) == 0
    for made in (tmp_path / "made").glob("[EF]*/**/*.*"):
        here = root / made.relative_to(tmp_path / "made")
        assert not made.is_file() or here.read_bytes() == made.read_bytes()
    assert not [path for path in root.glob(f"*/{KEPT}/*") if path.suffix != ".done"]
    before = len(served.asked)
    assert main(["data", "fetch", str(root), "ESC-50", "FSD50K"]) == 0
    assert len(served.asked) == before

    assert main(["data", "fetch", str(root), "TextrolSpeech", "VGGSound"]) == EXIT_PARTIAL
    said = capsys.readouterr().out
    assert "VCTK-Corpus.tar.gz: not checksummed" in said
    assert all(BY_HAND[corpus] in said for corpus in ("TextrolSpeech", "VGGSound"))
    hand_out(tmp_path / "made", root)
    assert main(["data", "check", str(root), "--processes", "1"]) == 0


def test_one_missing_archive_does_not_keep_the_others_away(
    served: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch_module, "ARCHIVES", publish(served, corpora(tmp_path / "made")))
    served.files["FSD50K.doc.zip"] = b"another"
    del served.files["FSD50K.metadata.zip"]
    assert main(["data", "fetch", str(tmp_path / "c"), "FSD50K"]) == EXIT_PARTIAL
    assert (tmp_path / "c" / "FSD50K" / "FSD50K.dev_audio").is_dir()
    served.files.clear()
    assert main(["data", "fetch", str(tmp_path / "d"), "ESC-50"]) == EXIT_BAD_INPUT
    assert main(["data", "fetch", str(tmp_path / "d"), "VGGSound"]) == EXIT_BAD_INPUT
    assert main(["data", "fetch", str(tmp_path / "d"), "ESC-51"]) == EXIT_BAD_INPUT


def test_what_does_not_unpack_is_told(served: Files, tmp_path: Path) -> None:
    whole = tarred(Path(__file__).parent, "x")
    for torn in (whole[: len(whole) // 2], gzip.compress(b"no tar" * 999), b"no gzip"):
        served.files["a.tar.gz"] = torn
        archive = Archive(parts=(Part(url=f"{served.address}/a.tar.gz"),))
        with pytest.raises(FetchError):
            fetch(archive, tmp_path)
        assert not (tmp_path / KEPT / "a.tar.gz").exists()
    served.files["a.tar.gz"] = whole
    assert fetch(archive, tmp_path)
    assert not fetch(archive, tmp_path)


def test_nothing_is_unpacked_outside_its_folder(served: Files, tmp_path: Path) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("x/../../../evil"))
    served.files["a.tar.gz"] = packed.getvalue()
    archive = Archive(parts=(Part(url=f"{served.address}/a.tar.gz"),), strip=True)
    with pytest.raises(FetchError):
        fetch(archive, tmp_path / "deep" / "corpus")
    assert not list(tmp_path.rglob("evil"))


def test_every_archive_belongs_to_a_corpus_and_has_a_digest_of_its_length() -> None:
    assert set(ARCHIVES) | set(BY_HAND) == set(CORPORA)
    for archive in (one for archives in ARCHIVES.values() for one in archives):
        for piece in archive.parts:
            algorithm, _, digest = piece.digest.partition(":")
            assert piece.digest == "" or len(digest) == {"md5": 32, "sha256": 64}[algorithm]
