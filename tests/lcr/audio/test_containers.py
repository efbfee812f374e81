"""A file is read whole or refused: cut, joined and with changed bytes, in every container."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lcr.audio.reader import AudioFile
from lcr.errors import AudioFileError

CASES = Path(__file__).parents[4] / "shared" / "cases" / "files"
KINDS = [
    ("wav", "WAV", "PCM_16", 16_000),
    ("wavex", "WAVEX", "PCM_24", 16_000),
    ("float.wav", "WAV", "FLOAT", 16_000),
    ("rf64", "RF64", "PCM_16", 16_000),
    ("w64", "W64", "PCM_16", 16_000),
    ("aiff", "AIFF", "PCM_16", 16_000),
    ("au", "AU", "PCM_16", 16_000),
    ("caf", "CAF", "PCM_16", 16_000),
    ("nist", "NIST", "PCM_16", 16_000),
    ("flac", "FLAC", "PCM_16", 16_000),
    ("24.flac", "FLAC", "PCM_24", 16_000),
    ("ogg", "OGG", "VORBIS", 16_000),
    ("opus", "OGG", "OPUS", 48_000),
    ("mp3", "MP3", "MPEG_LAYER_III", 44_100),
]
WIDTH = {"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4}
SAMPLES = 40_000

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs ffmpeg")


def encoded(container: str, subtype: str, rate: int, *, seed: int = 0) -> bytes:
    noise = 0.2 * np.random.default_rng(seed).standard_normal((SAMPLES, 1))
    file = io.BytesIO()
    soundfile.write(file, noise.clip(-1, 1), rate, format=container, subtype=subtype)
    return file.getvalue()


def mutations(whole: bytes, other: bytes, *, every: int) -> Iterator[tuple[str, bytes]]:
    """Cut, joined, and with single bytes of the header, the middle and the end changed."""
    for tenth in range(10):
        yield f"cut at {tenth}/10", whole[: max(50, len(whole) * tenth // 10)]
    yield "cut by a byte", whole[:-1]
    yield "joined with itself", whole + whole
    yield "joined with another", whole + other
    for place in [*range(4, 64, every), len(whole) // 2, len(whole) - 60]:
        changed = bytes([whole[place] ^ 0x5A])
        yield f"changed at {place}", whole[:place] + changed + whole[place + 1 :]


def bytes_of_sound(path: Path) -> int | None:
    """How much is read, 2 bytes a value where their width is not plain; None if it is refused."""
    try:
        file = AudioFile.open(path)
        return WIDTH.get(file.subtype, 2) * sum(block.size for block in file.blocks())
    except AudioFileError:
        return None


def heard_by_ffmpeg(path: Path) -> int:
    command = ["ffmpeg", "-v", "quiet", "-nostdin", "-i", path, "-f", "s16le", "-"]
    return len(subprocess.run(command, capture_output=True, check=False).stdout) // 2


def half_read(
    folder: Path, kind: tuple[str, str, str, int], *, every: int, beside_ffmpeg: bool = False
) -> tuple[int, list[str]]:
    """How many mutations of a file were tried, and which of them were read, and not whole."""
    name, container, subtype, rate = kind
    whole = encoded(container, subtype, rate)
    path = folder / f"a.{name}"
    path.write_bytes(whole)
    expected = bytes_of_sound(path)
    assert expected == WIDTH.get(subtype, 2) * SAMPLES
    count, found = 0, []
    for what, content in mutations(whole, encoded(container, subtype, rate, seed=1), every=every):
        count += 1
        path.write_bytes(content)
        read = bytes_of_sound(path)
        if read is None:
            continue
        if read < expected or what.startswith(("cut", "joined")):
            found.append(f"{name} {what}: {read} of {expected}")
        if beside_ffmpeg:
            heard = heard_by_ffmpeg(path)
            values = read // WIDTH.get(AudioFile.open(path).subtype, 2)
            if values < heard - 4608:  # what decoders of MP3 may leave at its ends
                found.append(f"{name} {what}: {values}, ffmpeg {heard}")
    return count, found


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind[0])
def test_whole_or_refused(tmp_path: Path, kind: tuple[str, str, str, int]) -> None:
    assert half_read(tmp_path, kind, every=12)[1] == []


@pytest.mark.rehearsal
@needs_ffmpeg
def test_400_mutations_beside_an_independent_reader(tmp_path: Path) -> None:
    tried = [half_read(tmp_path, kind, every=4, beside_ffmpeg=True) for kind in KINDS]
    assert [line for _, found in tried for line in found] == []
    assert sum(count for count, _ in tried) >= 400


@pytest.mark.skipif(not CASES.is_dir(), reason="needs ../shared/cases")
@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("aiff_cut.aiff", None),
        ("mp3_cut.mp3", None),
        ("rf64_cut.wav", None),
        ("ogg_chained.ogg", None),
        ("killed_blocks.wav", None),
        ("size0_riff36.wav", None),
        ("html.mp3", None),
        ("nan.wav", None),
        ("a.m4a", None),
        ("plain16.wav", 32_000),
        ("flac_as_wav.wav", 32_000),
        ("bwf.wav", 32_000),
        ("ext_51side.wav", 6 * 8000),
        ("id3_cover.mp3", 2 * 88_200),
        ("mp3_in_wav.wav", 2 * 88_200),
    ],
)
def test_handed_files(name: str, samples: int | None) -> None:
    found = bytes_of_sound(CASES / name)
    assert found == (None if samples is None else 2 * samples)


def wav_with(path: Path, *chunks: tuple[bytes, bytes]) -> AudioFile:
    soundfile.write(path, np.zeros(100), 16_000, subtype="PCM_16")
    content = path.read_bytes()
    for name, body in chunks:
        content += name + len(body).to_bytes(4, "little") + body
    path.write_bytes(content[:4] + (len(content) - 8).to_bytes(4, "little") + content[8:])
    return AudioFile.open(path)


def test_what_a_wav_holds_besides_its_sound_is_named(tmp_path: Path) -> None:
    info = b"INFO" + b"IENG" + (2).to_bytes(4, "little") + b"Me"
    file = wav_with(
        tmp_path / "a.wav",
        (b"bext", bytes(602)),
        (b"cue ", bytes(4)),
        (b"iXML", b"<BWFXML/>a"),
        (b"LIST", b"adtl"),
        (b"LIST", info),
        (b"junk", bytes(8)),
    )
    assert file.contents.extras == ("bext", "cue", "iXML", "adtl", "IENG")
    assert (file.samples, wav_with(tmp_path / "b.wav").contents.extras) == (100, ())


def test_a_picture_is_named_in_every_format(tmp_path: Path) -> None:
    mp3 = encoded("MP3", "MPEG_LAYER_III", 44_100)
    picture = b"APIC" + (4).to_bytes(4, "big") + b"\0\0" + b"\0abc"
    composer = b"TCOM" + (3).to_bytes(4, "big") + b"\0\0" + b"\0Me"
    (tmp_path / "a.mp3").write_bytes(b"ID3\3\0\0\0\0\0" + bytes([27]) + picture + composer + mp3)
    flac = encoded("FLAC", "PCM_16", 16_000)
    block = b"\6\0\0\x20" + bytes(32)
    (tmp_path / "a.flac").write_bytes(flac[:4] + b"\0" + flac[5:42] + block + flac[42:])
    assert AudioFile.open(tmp_path / "a.mp3").contents.extras == ("cover art", "TCOM")
    assert AudioFile.open(tmp_path / "a.flac").contents.extras == ("cover art",)


def test_samples_that_do_not_have_their_checksum_are_refused(tmp_path: Path) -> None:
    content = bytearray(encoded("FLAC", "PCM_16", 16_000))
    content[26] ^= 1  # in the MD5
    (tmp_path / "a.flac").write_bytes(content)
    file = AudioFile.open(tmp_path / "a.flac")
    with pytest.raises(AudioFileError):
        list(file.blocks())


@pytest.mark.parametrize("rate", [1, 4, 99])
def test_a_rate_that_no_sound_has_is_refused(tmp_path: Path, rate: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(100), rate)
    with pytest.raises(AudioFileError):
        AudioFile.open(tmp_path / "a.wav")


def test_a_name_that_is_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "caf\udce9.wav"
    shutil.copy(wav_with(tmp_path / "a.wav").path, path)
    assert bytes_of_sound(path) == 200


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codec"), [("a.m4a", "aac"), ("a.webm", "libopus"), ("a.wma", "wmav2")]
)
def test_through_ffmpeg_a_file_is_read_whole_or_refused(
    tmp_path: Path, name: str, codec: str
) -> None:
    tone = 0.3 * np.sin(np.arange(96_000) * 0.05)
    soundfile.write(tmp_path / "a.wav", tone, 48_000)
    path = tmp_path / name
    command = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-c:a", codec, path]
    subprocess.run(command, check=True)
    file = AudioFile.open(path)
    assert (file.sample_rate, file.channels) == (48_000, 1)
    assert abs(file.samples - 96_000) < 5000
    heard = np.concatenate(list(file.blocks()), axis=1)
    assert heard.shape == (1, file.samples)
    assert np.std(heard[0, 20_000:80_000]) == pytest.approx(np.std(tone), rel=0.05)
    content = path.read_bytes()
    for tenth in range(1, 10):
        path.write_bytes(content[: len(content) * tenth // 10])
        assert bytes_of_sound(path) is None


def test_without_ffmpeg_it_is_said_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    with pytest.raises(AudioFileError, match="ffmpeg"):
        AudioFile.open(tmp_path / "a.m4a")
