"""Any encoding that libsndfile reads and writes comes back as it was; nothing clips in silence."""

from __future__ import annotations

import errno
import io
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lcr.audio.reader import AudioFile
from lcr.audio.writer import AudioWriter, Encoding, encoding_like, is_misnamed
from lcr.errors import AudioFileError
from lcr.remixer import Audio

EXACT = [
    *(("WAV", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")),
    *(("FLAC", s) for s in ("PCM_S8", "PCM_16", "PCM_24")),
    *(("AIFF", s) for s in ("PCM_S8", "PCM_16", "PCM_24", "FLOAT", "ALAW")),
    *(("CAF", s) for s in ("PCM_16", "ALAC_16", "DOUBLE")),
    ("W64", "PCM_24"),
    ("RF64", "PCM_16"),
    ("WAVEX", "PCM_16"),
    ("AU", "PCM_32"),
]
LOSSY = [("OGG", "VORBIS", 44_100), ("OGG", "OPUS", 48_000), ("MP3", "MPEG_LAYER_III", 44_100)]
SUFFIX = {"RF64": "wav", "WAVEX": "wav"}


def tone(samples: int) -> np.ndarray:
    times = np.arange(samples) / 44_100
    return 0.5 * np.stack([np.sin(2 * np.pi * f * times) for f in (300, 500)], axis=1)


def read(file: AudioFile) -> Audio:
    return np.concatenate(list(file.blocks(997)), axis=1)


def copied(source: AudioFile, target: Path, gain: float = 1.0) -> AudioWriter:
    encoding = encoding_like(source, target)
    with (
        target.open("wb") as file,
        AudioWriter(
            file,
            encoding,
            sample_rate=source.sample_rate,
            channels=source.channels,
            tags=source.tags,
        ) as writer,
    ):
        for block in source.blocks(997):
            writer.write(block * np.float32(gain))
    return writer


@pytest.mark.parametrize(("container", "subtype"), EXACT)
def test_every_sample_comes_back(tmp_path: Path, container: str, subtype: str) -> None:
    suffix = SUFFIX.get(container, container.lower())
    noise = np.clip(0.5 * np.random.default_rng(0).standard_normal((5001, 3)), -1, 1)
    if subtype == "ALAC_16":
        noise = noise[:, :2]
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise, 44_100, format=container, subtype=subtype)
    source = AudioFile.open(path)
    writer = copied(source, tmp_path / f"b.{suffix}")
    target = AudioFile.open(tmp_path / f"b.{suffix}")
    np.testing.assert_array_equal(read(target), read(source))
    assert (target.container, target.subtype, target.endian) == (
        source.container,
        source.subtype,
        source.endian,
    )
    assert (writer.over, writer.lost_tags) == (0, ())


@pytest.mark.parametrize(("container", "subtype", "rate"), LOSSY)
def test_lossy_formats_keep_length_and_alignment(
    tmp_path: Path, container: str, subtype: str, rate: int
) -> None:
    suffix = container.lower()
    soundfile.write(tmp_path / f"a.{suffix}", tone(50_001), rate, format=container, subtype=subtype)
    source = AudioFile.open(tmp_path / f"a.{suffix}")
    assert source.samples == 50_001
    copied(source, tmp_path / f"b.{suffix}")
    target = AudioFile.open(tmp_path / f"b.{suffix}")
    assert (target.samples, target.sample_rate, target.subtype) == (50_001, rate, subtype)
    inner = slice(5000, 45_000)
    np.testing.assert_allclose(read(target)[:, inner], read(source)[:, inner], atol=0.05)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
def test_tags_are_kept(tmp_path: Path, suffix: str) -> None:
    with soundfile.SoundFile(tmp_path / f"a.{suffix}", "w", 44_100, 2) as file:
        file.title, file.artist, file.comment = "Straße", "Me", "rain 10%"
        file.write(tone(3000))
    source = AudioFile.open(tmp_path / f"a.{suffix}")
    assert source.tags["title"] == "Straße"
    writer = copied(source, tmp_path / f"b.{suffix}")
    assert writer.lost_tags == ()
    assert AudioFile.open(tmp_path / f"b.{suffix}").tags == source.tags


def test_tags_that_find_no_place_are_named(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "a.wav", "w", 44_100, 2) as file:
        file.title = "Street"
        file.write(tone(3000))
    assert copied(AudioFile.open(tmp_path / "a.wav"), tmp_path / "b.au").lost_tags == ("title",)


@pytest.mark.parametrize(
    ("subtype", "kept"), [("FLOAT", True), ("DOUBLE", True), ("PCM_16", False), ("ULAW", False)]
)
def test_beyond_full_scale(tmp_path: Path, subtype: str, kept: bool) -> None:
    soundfile.write(tmp_path / "a.wav", tone(4000), 44_100, subtype=subtype)
    source = AudioFile.open(tmp_path / "a.wav")
    loud = 4 * read(source)
    writer = copied(source, tmp_path / "b.wav", gain=4)
    assert writer.peak == pytest.approx(np.abs(loud).max())
    assert writer.over == np.count_nonzero(np.abs(loud) > 1) > 0
    found = read(AudioFile.open(tmp_path / "b.wav"))
    if kept:
        np.testing.assert_array_equal(found, loud)
    else:
        np.testing.assert_allclose(found, np.clip(loud, -1, 1), atol=0.03)


def opened(tmp_path: Path, name: str, **settings: str) -> AudioFile:
    soundfile.write(tmp_path / name, tone(100), 44_100, **settings)
    return AudioFile.open(tmp_path / name)


def test_another_suffix_names_another_format(tmp_path: Path) -> None:
    source = opened(tmp_path, "a.wav", subtype="PCM_24")
    assert encoding_like(source, Path("b.flac")) == Encoding(container="FLAC", subtype="PCM_24")
    assert encoding_like(source, Path("b.OGG")) == Encoding(container="OGG", subtype="VORBIS")
    flac = opened(tmp_path, "a.flac", subtype="PCM_16")
    assert encoding_like(flac, Path("b.wav")) == Encoding(container="WAV", subtype="PCM_16")
    ogg = opened(tmp_path, "a.ogg")
    assert encoding_like(ogg, Path("b.wav")) == Encoding(container="WAV", subtype="FLOAT")
    assert encoding_like(ogg, Path("b.flac")) == Encoding(container="FLAC", subtype="PCM_24")
    with pytest.raises(AudioFileError):
        encoding_like(source, Path("b.txt"))


def test_what_libsndfile_cannot_write_is_written_without_loss(tmp_path: Path) -> None:
    alac = opened(tmp_path, "a.caf", format="CAF", subtype="ALAC_24")
    assert encoding_like(alac, Path("b.caf")) == Encoding(container="CAF", subtype="FLOAT")
    mp3_in_wav = replace(opened(tmp_path, "a.wav"), subtype="MPEG_LAYER_III")
    assert encoding_like(mp3_in_wav, Path("b.wav")) == Encoding(container="WAV", subtype="FLOAT")


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"sample_rate": 200_001}, "b.ogg"),  # ends the process in libsndfile
        ({"channels": 256}, "b.ogg"),  # as well
        ({"sample_rate": 44_100}, "b.opus"),
        ({"sample_rate": 96_000}, "b.mp3"),
        ({"channels": 9}, "b.flac"),
        ({"through_ffmpeg": "mp4"}, "b.m4a"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_the_work(
    tmp_path: Path, changes: dict, target: str
) -> None:
    file = replace(opened(tmp_path, "a.wav"), path=tmp_path / "a.m4a", **changes)
    with pytest.raises(AudioFileError) as error:
        encoding_like(file, Path(target))
    assert error.value.path == Path(target)


def test_the_suffix_tells_the_container(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(100), 44_100, format="FLAC", subtype="PCM_16")
    flac = AudioFile.open(tmp_path / "a.wav")
    assert (flac.container, is_misnamed(flac)) == ("FLAC", True)
    assert encoding_like(flac, Path("b.wav")) == Encoding(container="WAV", subtype="PCM_16")
    opus = Encoding(container="OGG", subtype="OPUS")
    assert encoding_like(replace(flac, sample_rate=48_000), Path("b.opus")) == opus


def test_which_channel_is_for_which_loudspeaker_is_kept(tmp_path: Path) -> None:
    side = 0x60F  # 5.1 with side loudspeakers; libsndfile writes those at the back, 0x3F
    for name, container in (("a.wav", "WAVEX"), ("a.rf64", "RF64")):
        encoding = Encoding(container=container, subtype="PCM_16")
        with (
            (tmp_path / name).open("wb") as file,
            AudioWriter(
                file, encoding, sample_rate=8000, channels=6, tags={}, channel_mask=side
            ) as writer,
        ):
            writer.write(np.full((6, 100), 0.25, np.float32))
        found = AudioFile.open(tmp_path / name)
        assert (found.container, found.contents.channel_mask) == (container, side)
        np.testing.assert_array_equal(read(found), 0.25)


def test_beyond_4_gib_a_wav_becomes_rf64_and_an_aiff_is_refused(tmp_path: Path) -> None:
    long = replace(opened(tmp_path, "a.wav", subtype="PCM_16"), samples=2**30)
    assert encoding_like(long, Path("b.wav")) == Encoding(container="RF64", subtype="PCM_16")
    aiff = replace(opened(tmp_path, "a.aiff", subtype="PCM_16"), samples=2**30)
    with pytest.raises(AudioFileError, match="4 GiB"):
        encoding_like(aiff, Path("b.aiff"))


@pytest.mark.parametrize("after", [0, 3000])
def test_a_full_disk_is_an_oserror(tmp_path: Path, after: int) -> None:
    class Full(io.BytesIO):
        def write(self, data) -> int:
            if self.tell() + len(data) > after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(data)

    encoding = Encoding(container="WAV", subtype="PCM_16")

    def write() -> None:
        with AudioWriter(Full(), encoding, sample_rate=8000, channels=2, tags={}) as writer:
            for _ in range(9):
                writer.write(np.zeros((2, 5000), np.float32))

    with pytest.raises(OSError, match="No space"):
        write()
