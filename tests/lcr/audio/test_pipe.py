"""WAVs through pipes: what is written reads back, also by libsndfile; broken ones are told."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from lcr.audio.pipe import (
    ENCODINGS,
    Encoding,
    PipeError,
    PipeFormat,
    read_chunks,
    read_header,
    write_header,
)
from lcr.remixer import Audio

SUBTYPES = {"s16le": "PCM_16", "s32le": "PCM_32", "f32le": "FLOAT"}
STEP = {"s16le": 2.0**-15, "s32le": 2.0**-24, "f32le": 0.0}


def noise(channels: int, samples: int) -> Audio:
    rng = np.random.default_rng(0)
    return (0.3 * rng.standard_normal((channels, samples))).clip(-0.9, 0.9).astype(np.float32)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(ENCODINGS), st.integers(1, 3), st.integers(1, 500), st.integers(1, 600))
def test_round_trip(encoding: Encoding, channels: int, samples: int, chunk: int) -> None:
    format = PipeFormat(sample_rate=44_100, channels=channels, encoding=encoding)
    audio, pipe = noise(channels, samples), io.BytesIO()
    write_header(pipe, format)
    pipe.write(format.encode(audio))
    pipe.seek(0)
    header = read_header(pipe)
    assert (header.format, header.length) == (format, None)
    got = np.concatenate(list(read_chunks(pipe, format, chunk)), 1)
    np.testing.assert_allclose(got, audio, atol=STEP[encoding])


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
def test_reads_what_libsndfile_writes(encoding: Encoding, kind: str) -> None:
    audio, file = noise(2, 300), io.BytesIO()
    soundfile.write(file, audio.T, 22_050, subtype=SUBTYPES[encoding], format=kind)
    file.seek(0)
    header = read_header(file)
    assert header.format == PipeFormat(sample_rate=22_050, channels=2, encoding=encoding)
    assert header.length == 300 * header.format.frame_bytes
    got = np.concatenate(list(read_chunks(file, header.format, 128, header.length)), 1)
    np.testing.assert_allclose(got, audio, atol=2 * STEP[encoding])


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_libsndfile_reads_what_is_written(encoding: Encoding) -> None:
    format = PipeFormat(sample_rate=8_000, channels=1, encoding=encoding)
    audio, pipe = noise(1, 200), io.BytesIO()
    write_header(pipe, format)
    pipe.write(format.encode(audio))
    pipe.seek(0)
    got, rate = soundfile.read(pipe, dtype="float32")
    assert rate == 8_000
    np.testing.assert_allclose(got, audio[0], atol=2 * STEP[encoding])


def test_integers_clip_and_do_not_wrap() -> None:
    format = PipeFormat(sample_rate=8_000, channels=1, encoding="s16le")
    loud = np.array([[1.5, -1.5, 1.0]], np.float32)
    assert np.frombuffer(format.encode(loud), "<i2").tolist() == [32767, -32768, 32767]


def test_half_a_frame_at_the_end_is_dropped() -> None:
    format = PipeFormat(sample_rate=8_000, channels=2, encoding="s16le")
    with pytest.raises(PipeError):
        list(read_chunks(io.BytesIO(bytes(4 * 5)), format, 2, 4 * 6))
    chunks = list(read_chunks(io.BytesIO(bytes(4 * 5 + 3)), format, 2))
    assert [c.shape[1] for c in chunks] == [2, 2, 1]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "ended before"),
        (b"OggS" + bytes(40), "no WAV"),
        (b"RIFF\0\0\0\0WAVEdata\1\0\0\0", "before their format"),
        (b"RIFF\0\0\0\0WAVEfmt \4\0\0\0\0\0\0\0", "has 4 bytes"),
        (
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8),
            "8 bits",
        ),
        (
            b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0" + struct.pack("<HHIIHH", 1, 0, 8000, 0, 0, 16),
            "0 channels",
        ),
    ],
)
def test_what_is_no_such_wav_is_told(content: bytes, words: str) -> None:
    with pytest.raises(PipeError, match=words):
        read_header(io.BytesIO(content))
