"""Audio files, resampling and levels, on arrays of (channels, samples) float32."""

from __future__ import annotations

import io
import os
import struct
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from lcr.errors import AudioFileError
from lcr.remixer import Audio

_SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24"}
"""What each suffix is written as: 32-bit float holds any level, 24 bits hold up to full scale."""

_MOST_FRAMES = 2**48
_OGG_PAGE_BYTES = 65_307  # the longest page there can be


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What an audio file holds: `audio` (channels, samples) float32, `sample_rate` in Hz."""

    audio: Audio
    sample_rate: int

    @property
    def duration_s(self) -> float:
        return float(self.audio.shape[1] / self.sample_rate)


@dataclass(frozen=True, kw_only=True)
class ActiveLevel:
    """RMS level of the active frames in dB re full scale, and the share of frames active.

    `level_db` is -inf and `share` 0 for digital silence.
    """

    level_db: float
    share: float


def read_audio(path: str | Path) -> Clip:
    """Read a file of any format libsndfile knows, at its own rate and channel count.

    Raises AudioFileError when the file is missing, unreadable, cut off (as far as WAV, FLAC and
    Ogg tell), empty, headerless, or holds NaN or infinity.
    """
    path = Path(path)
    if not path.is_file():
        raise AudioFileError(path, "is not a file" if path.exists() else "does not exist")
    try:
        with soundfile.SoundFile(path) as file:
            frames = file.frames
            if frames > _MOST_FRAMES:  # FLAC from a pipe: libsndfile says 2^63 - 1
                raise AudioFileError(path, "does not say its length; encode it again from a file")
            samples = file.read(dtype="float32", always_2d=True)
            sample_rate, container = file.samplerate, file.format
        missing = _missing_bytes(path)
    except TypeError as error:  # soundfile's word for raw samples, whose rate it cannot know
        raise AudioFileError(path, f"has no header to read it by ({error})") from error
    except (soundfile.SoundFileError, OSError) as error:
        raise AudioFileError(path, f"cannot be read as audio ({error})") from error
    if missing:
        raise AudioFileError(path, f"is cut off: {missing} or more bytes are missing at its end")
    # An MP3's length is an estimate where its header names none.
    if container != "MP3" and len(samples) < frames:
        raise AudioFileError(path, f"is cut off: {len(samples)} of {frames} samples can be read")
    if samples.size == 0:
        raise AudioFileError(path, "holds no samples")
    if not np.isfinite(samples).all():
        bad = int(np.count_nonzero(~np.isfinite(samples)))
        raise AudioFileError(path, f"holds {bad} samples that are NaN or infinite")
    return Clip(audio=np.ascontiguousarray(samples.T), sample_rate=int(sample_rate))


def _missing_bytes(path: Path) -> int:
    """How many bytes a WAV's data chunk or an Ogg file's last page lacks; 0 for other formats.

    libsndfile takes what is there for the whole: a download cut short would pass unnoticed.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(4)
        if magic in (b"RIFF", b"RIFX"):
            return _missing_in_wav(file, size, "<I" if magic == b"RIFF" else ">I")
        if magic != b"OggS":
            return 0
        file.seek(max(0, size - _OGG_PAGE_BYTES))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    segments = page[26] if len(page) > 26 else 0
    return max(0, 27 + segments + sum(page[27 : 27 + segments]) - len(page))


def _missing_in_wav(file: BinaryIO, size: int, word: str) -> int:
    position = 12
    while position + 8 <= size:
        file.seek(position)
        name, length = file.read(4), struct.unpack(word, file.read(4))[0]
        position += 8
        if name == b"data":
            # Programs that write into a pipe leave a length near 2^31 or 2^32 instead of one.
            unknown = length >= 0x7FFF_F000
            return 0 if unknown else max(0, position + length - size)
        position += length + length % 2
    return 0


def write_audio(path: str | Path, audio: Audio, sample_rate: int) -> None:
    """Write (channels, samples) as .wav (32-bit float) or .flac (24 bits), whole or not at all.

    The level is never changed: audio beyond full scale is refused for .flac.
    Raises AudioFileError, also on a full disk, and then leaves neither file nor fragment;
    ValueError for audio that `check_audio` refuses.
    """
    check_audio(audio, sample_rate)
    path = Path(path)
    subtype = _SUBTYPES.get(path.suffix.lower())
    if subtype is None:
        raise AudioFileError(path, f"unknown suffix; write one of {', '.join(_SUBTYPES)}")
    peak = float(np.abs(audio).max())
    if subtype != "FLOAT" and peak > 1.0:
        raise AudioFileError(path, f"peak {peak:.3f} is beyond full scale; write .wav instead")
    encoded = io.BytesIO()
    soundfile.write(encoded, audio.T, sample_rate, subtype=subtype, format=path.suffix[1:].upper())
    temporary = path.parent / f".{path.stem}-{uuid.uuid4().hex}{path.suffix}"
    try:
        # Written by Python, not by libsndfile, which does not report a full disk.
        with temporary.open("xb") as file:
            file.write(encoded.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise AudioFileError(path, f"cannot be written ({error.strerror or error})") from error
    finally:
        temporary.unlink(missing_ok=True)


def check_audio(audio: NDArray[np.floating], sample_rate: int) -> None:
    """Raise ValueError unless audio is finite float32 (channels >= 1, samples >= 1)."""
    if audio.ndim != 2 or 0 in audio.shape:
        raise ValueError(f"audio must be (channels, samples), 1 or more each; got {audio.shape}")
    if audio.dtype != np.float32:
        raise ValueError(f"audio must be float32; got {audio.dtype}")
    if not np.isfinite(audio).all():
        raise ValueError("audio holds NaN or infinite samples")
    if sample_rate < 1:
        raise ValueError(f"sample_rate must be 1 Hz or more; got {sample_rate}")


def resample(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    """Resample (channels, samples), zero delay: output sample k is the input at k / to_hz seconds.

    The output has exactly round(samples * to_hz / from_hz) samples, at least 1; what lies
    before and after the input counts as silence. Equal rates return the input itself.
    """
    if from_hz == to_hz:
        return audio
    samples = resampled_length(audio.shape[1], from_hz, to_hz)
    # Silence appended so that soxr, which rounds down and drops very short inputs, yields enough.
    spare = 64 + 2 * -(-from_hz // to_hz)
    padded = np.pad(audio, ((0, 0), (0, spare)))
    out = soxr.resample(padded.T, from_hz, to_hz, quality="HQ").T[:, :samples]
    return np.ascontiguousarray(out, dtype=np.float32)


def resampled_length(samples: int, from_hz: int, to_hz: int) -> int:
    """round(samples * to_hz / from_hz) in exact arithmetic, halves up, at least 1."""
    return max(1, (2 * samples * to_hz + from_hz) // (2 * from_hz))


def rms_db(audio: NDArray[np.floating]) -> float:
    """Level of all samples together in dB re full scale; -inf for digital silence.

    Raises ValueError for an empty array, which has no level.
    """
    if audio.size == 0:
        raise ValueError("an empty array has no level")
    return _power_db(float(np.mean(np.square(audio, dtype=np.float64))))


def active_level(
    audio: NDArray[np.floating],
    sample_rate: int,
    *,
    frame_s: float = 0.02,
    range_db: float = 30.0,
) -> ActiveLevel:
    """Level over the frames within `range_db` of the loudest one, so that pauses do not count.

    `audio` is (..., samples); channels are averaged in power. The last, short frame counts by
    its own mean power. The idea of ITU-T P.56 with frames instead of an envelope.
    """
    if audio.size == 0:
        raise ValueError("an empty array has no level")
    channels = np.reshape(audio, (-1, audio.shape[-1]))
    power = np.mean(np.square(channels, dtype=np.float64), axis=0)
    frame = max(1, round(frame_s * sample_rate))
    starts = np.arange(0, power.size, frame)
    lengths = np.diff(np.append(starts, power.size))
    totals = np.add.reduceat(power, starts)
    means = totals / lengths
    if means.max() == 0.0:
        return ActiveLevel(level_db=-np.inf, share=0.0)
    active = means >= means.max() * 10 ** (-range_db / 10)
    level = _power_db(float(totals[active].sum() / lengths[active].sum()))
    return ActiveLevel(level_db=level, share=float(np.mean(active)))


def _power_db(power: float) -> float:
    return 10.0 * float(np.log10(power)) if power > 0.0 else -np.inf
