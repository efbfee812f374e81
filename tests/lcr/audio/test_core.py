"""Files, resampling and levels."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.audio.core import (
    active_level,
    check_audio,
    read_audio,
    resample,
    resampled_length,
    rms_db,
    write_audio,
)
from lcr.audio.reader import AudioFile
from lcr.errors import AudioFileError


def noise(*shape: int, level: float = 0.1, seed: int = 0) -> np.ndarray:
    return (level * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2])
def test_wav_returns_every_sample_at_any_level(tmp_path: Path, channels: int) -> None:
    audio = noise(channels, 777, level=3.0)
    write_audio(tmp_path / "a.wav", audio, 44_100)
    clip = read_audio(tmp_path / "a.wav")
    np.testing.assert_array_equal(clip.audio, audio)
    assert (clip.sample_rate, clip.audio.dtype) == (44_100, np.float32)
    assert clip.duration_s == pytest.approx(777 / 44_100)
    assert os.listdir(tmp_path) == ["a.wav"]
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == 0o666 & ~mask


def test_flac_is_exact_to_24_bits_and_refuses_to_clip(tmp_path: Path) -> None:
    audio = np.clip(noise(2, 500, level=0.4), -1, 1)
    write_audio(tmp_path / "a.flac", audio, 16_000)
    np.testing.assert_allclose(read_audio(tmp_path / "a.flac").audio, audio, atol=2.0**-23)
    with pytest.raises(AudioFileError, match="beyond full scale"):
        write_audio(tmp_path / "b.flac", 4 * audio, 16_000)
    assert os.listdir(tmp_path) == ["a.flac"]


@pytest.mark.parametrize("suffix", ["ogg", "mp3", "flac", "wav", "aiff"])
def test_common_formats_are_read_at_their_own_rate(tmp_path: Path, suffix: str) -> None:
    times = np.arange(22_050) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * times)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([tone, -tone], axis=1), 44_100)
    clip = read_audio(path)
    assert clip.sample_rate == 44_100
    assert clip.audio.shape[0] == 2
    assert clip.audio.flags.c_contiguous
    middle = slice(5000, 15_000)
    np.testing.assert_allclose(clip.audio[0, middle], tone[middle], atol=0.02)
    np.testing.assert_allclose(clip.audio[1, middle], -tone[middle], atol=0.02)


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_blocks_are_the_whole(tmp_path: Path, suffix: str) -> None:
    times = np.arange(100_001) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 440 * times)
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.stack([tone, -tone], axis=1), 44_100)
    whole, _ = soundfile.read(path, dtype="float32")
    np.testing.assert_array_equal(read_audio(path).audio, whole.T)
    blocks = list(AudioFile.open(path).blocks(997))
    np.testing.assert_array_equal(np.concatenate(blocks, axis=1), whole.T)


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write_audio(path, noise(1, 500), 8_000)
    file = AudioFile.open(path)
    write_audio(path, noise(1, 600), 8_000)
    with pytest.raises(AudioFileError, match="has grown"):
        list(file.blocks())
    write_audio(path, noise(1, 400), 8_000)
    with pytest.raises(AudioFileError, match="400 of 500 samples"):
        list(file.blocks())


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "does not exist"), (b"", "it is empty"), (b"RIFF junk", "cannot be read")],
)
def test_unreadable_files_are_named(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "bad.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioFileError, match=words) as caught:
        read_audio(path)
    assert str(path) in str(caught.value)


def test_a_folder_an_empty_clip_and_nan_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError, match="not a file"):
        read_audio(tmp_path)
    soundfile.write(tmp_path / "empty.wav", np.zeros((0, 1)), 16_000)
    with pytest.raises(AudioFileError, match="no samples"):
        read_audio(tmp_path / "empty.wav")
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan, np.inf]), 16_000, subtype="FLOAT")
    with pytest.raises(AudioFileError, match="2 samples that are NaN or infinite"):
        read_audio(tmp_path / "nan.wav")


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
def test_a_file_cut_off_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, noise(48_000, 2), 48_000)
    assert read_audio(path).audio.shape == (2, 48_000)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(AudioFileError, match=r"cut off|cannot be read"):
        read_audio(path)


def test_a_big_endian_wav_and_one_with_chunks_around_its_data_are_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(101), 8_000, subtype="PCM_U8")
    plain = path.read_bytes()
    assert plain[36:40] == b"data"
    path.write_bytes(plain[:36] + b"note\3\0\0\0abc\0" + plain[36:] + b"LIST\4\0\0\0abcd")
    assert read_audio(path).audio.shape == (1, 101)
    soundfile.write(path, noise(101), 8_000, endian="BIG")
    assert path.read_bytes()[:4] == b"RIFX"
    assert read_audio(path).audio.shape == (1, 101)


@pytest.mark.parametrize("length", [0x7FFF_FFFF, 0xFFFF_FFFF])
def test_a_wav_from_a_pipe_that_could_not_know_its_length_is_read(
    tmp_path: Path, length: int
) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, noise(500), 8_000)
    content = bytearray(path.read_bytes())
    content[40:44] = length.to_bytes(4, "little")
    path.write_bytes(content)
    assert read_audio(path).audio.shape == (1, 500)


def test_a_flac_that_does_not_say_its_length_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, noise(5000), 8_000)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0  # STREAMINFO's 36-bit number of samples
    content[22:26] = bytes(4)
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match="does not say its length"):
        read_audio(path)


def test_samples_without_a_header_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(100))
    with pytest.raises(AudioFileError, match="cannot be read as audio"):
        read_audio(path)


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audio(tmp_path / "a.wav", noise(1, 10), 16_000)
    before = (tmp_path / "a.wav").read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AudioFileError, match="No space left"):
        write_audio(tmp_path / "a.wav", noise(1, 99), 16_000)
    assert os.listdir(tmp_path) == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_really_full_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode: opened(Path("/dev/full"), "wb"))
    with pytest.raises(AudioFileError, match="No space left"):
        write_audio(tmp_path / "a.wav", noise(1, 99), 16_000)
    assert os.listdir(tmp_path) == []


def test_a_missing_folder_or_unknown_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioFileError):
        write_audio(tmp_path / "absent" / "a.wav", noise(1, 5), 16_000)
    with pytest.raises(AudioFileError, match="unknown suffix"):
        write_audio(tmp_path / "a.mp4", noise(1, 5), 16_000)


@pytest.mark.parametrize(
    ("audio", "rate", "words"),
    [
        (np.zeros(5, np.float32), 16_000, "channels, samples"),
        (np.zeros((1, 0), np.float32), 16_000, "1 or more"),
        (np.zeros((0, 5), np.float32), 16_000, "1 or more"),
        (np.zeros((1, 5)), 16_000, "float32"),
        (np.full((1, 5), np.nan, np.float32), 16_000, "NaN"),
        (np.zeros((1, 5), np.float32), 0, "sample_rate"),
    ],
)
def test_unusable_audio_is_refused(audio: np.ndarray, rate: int, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_audio(audio, rate)


RATES = (8_000, 11_025, 16_000, 22_050, 44_100, 48_000)


@settings(deadline=None)
@given(samples=st.integers(1, 3000), pair=st.tuples(st.sampled_from(RATES), st.sampled_from(RATES)))
def test_resampled_length_is_exact(samples: int, pair: tuple[int, int]) -> None:
    out = resample(noise(2, samples), *pair)
    exact = samples * pair[1] / pair[0]
    assert out.shape == (2, resampled_length(samples, *pair))
    assert abs(out.shape[1] - exact) <= 0.5 or out.shape[1] == 1
    assert out.dtype == np.float32
    assert np.isfinite(out).all()


@pytest.mark.parametrize("rates", [(16_000, 44_100), (44_100, 16_000), (48_000, 16_000)])
def test_resampling_has_no_delay(rates: tuple[int, int]) -> None:
    def tone(rate: int) -> np.ndarray:
        times = np.arange(rate // 2) / rate
        envelope = np.sin(np.pi * times / 0.5) ** 2
        return (envelope * np.sin(2 * np.pi * 1234.5 * times)).astype(np.float32)[None]

    out, expected = resample(tone(rates[0]), *rates), tone(rates[1])
    np.testing.assert_allclose(out, expected, atol=2e-4)


def test_a_short_clip_is_resampled_as_the_start_of_a_long_one() -> None:
    clip = noise(1, 5)
    long = np.pad(clip, ((0, 0), (0, 5000)))
    np.testing.assert_array_equal(
        resample(clip, 16_000, 44_100), resample(long, 16_000, 44_100)[:, :14]
    )


def test_equal_rates_change_nothing() -> None:
    audio = noise(1, 9)
    assert resample(audio, 16_000, 16_000) is audio


def test_rms_of_known_signals() -> None:
    assert rms_db(np.ones((2, 10), np.float32)) == 0.0
    assert rms_db(np.full((1, 10), 0.1)) == pytest.approx(-20.0)
    assert rms_db(np.zeros((1, 10))) == -np.inf
    with pytest.raises(ValueError, match="no level"):
        rms_db(np.zeros((1, 0)))


def test_pauses_do_not_count_in_the_active_level() -> None:
    tone = np.full((1, 3200), 0.1, np.float32)
    paused = np.concatenate([tone, np.zeros((1, 9600), np.float32)], axis=1)
    found = active_level(paused, 16_000)
    assert found.level_db == pytest.approx(-20.0, abs=1e-4)
    assert found.share == pytest.approx(0.25)
    assert rms_db(paused) == pytest.approx(-26.02, abs=0.01)


def test_active_level_of_odd_inputs() -> None:
    assert active_level(np.zeros((1, 100)), 16_000).level_db == -np.inf
    assert active_level(np.zeros((1, 100)), 16_000).share == 0.0
    one = active_level(np.array([0.1], np.float32), 16_000)
    assert (one.level_db, one.share) == (pytest.approx(-20.0), 1.0)
    with pytest.raises(ValueError, match="no level"):
        active_level(np.zeros((1, 0)), 16_000)
