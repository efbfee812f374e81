"""Audio files, resampling and levels, on arrays of (channels, samples) float32."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from lcr.audio.pipe import SLOWEST_HZ
from lcr.audio.reader import AudioFile, reason_of
from lcr.audio.writer import refuse_link
from lcr.errors import AudioFileError
from lcr.files import write_whole
from lcr.remixer import Audio

_SUBTYPES = {".wav": "FLOAT", ".flac": "PCM_24"}
"""What each suffix is written as: 32-bit float holds any level, 24 bits hold up to full scale."""


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
    """Read a file whole, at its own rate and channel count. Raises AudioFileError as `AudioFile`
    does."""
    file = AudioFile.open(path)
    return Clip(audio=np.concatenate(list(file.blocks()), axis=1), sample_rate=file.sample_rate)


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
    container = path.suffix[1:].upper()
    try:
        soundfile.write(encoded, audio.T, sample_rate, subtype=subtype, format=container)
    except soundfile.SoundFileError as error:
        problem = f"{audio.shape[0]} channels of {sample_rate} Hz cannot be written as {container}"
        raise AudioFileError(path, f"{problem} ({reason_of(error)})") from error
    if not path.parent.is_dir():
        raise AudioFileError(path, f"cannot be written (no folder {path.parent})")
    refuse_link(path)
    try:
        # Written by Python, not by libsndfile, which does not report a full disk.
        write_whole(path, encoded.getvalue())
    except OSError as error:
        raise AudioFileError(path, f"cannot be written ({error.strerror or error})") from error


def check_audio(audio: NDArray[np.floating], sample_rate: int) -> None:
    """Raise ValueError unless audio is finite float32 (channels >= 1, samples >= 1)."""
    if audio.ndim != 2 or 0 in audio.shape:
        raise ValueError(f"audio must be (channels, samples), 1 or more each; got {audio.shape}")
    if audio.dtype != np.float32:
        raise ValueError(f"audio must be float32; got {audio.dtype}")
    if not np.isfinite(audio).all():
        raise ValueError("audio holds NaN or infinite samples")
    if sample_rate < SLOWEST_HZ:
        raise ValueError(f"sample_rate must be {SLOWEST_HZ} Hz or more; got {sample_rate}")


def resample(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    """Resample (channels, samples), zero delay: output sample k is the input at k / to_hz seconds.

    The output has exactly round(samples * to_hz / from_hz) samples, at least 1; what lies
    before and after the input counts as silence. Equal rates return the input itself.
    """
    if from_hz == to_hz:
        return audio
    resampler = Resampler(audio.shape[0], from_hz, to_hz)
    parts = [resampler.push(audio), resampler.finish()]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


class Resampler:
    """`resample` block by block: the same samples, whatever the blocks' lengths."""

    def __init__(self, channels: int, from_hz: int, to_hz: int) -> None:
        if min(from_hz, to_hz) < SLOWEST_HZ:  # a second of it could become hours
            raise ValueError(f"no sound has {min(from_hz, to_hz)} samples a second")
        self._channels, self._from, self._to = channels, from_hz, to_hz
        self._stream = soxr.ResampleStream(from_hz, to_hz, channels, dtype="float32", quality="HQ")
        self._taken = self._given = 0

    def push(self, block: Audio) -> Audio:
        """Take (channels, any) and give what is ready, (channels, any or none)."""
        self._taken += block.shape[1]
        out: Audio = self._stream.resample_chunk(np.ascontiguousarray(block.T)).T
        self._given += out.shape[1]
        return out

    def finish(self) -> Audio:
        """Give the rest; nothing may be pushed after it."""
        # Silence, so that soxr, which rounds down and drops very short inputs, yields enough.
        spare = 64 + 2 * -(-self._from // self._to)
        end = np.zeros((spare, self._channels), np.float32)
        length = resampled_length(self._taken, self._from, self._to) - self._given
        out: Audio = self._stream.resample_chunk(end, last=True).T
        return out[:, :length]


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
    audio: NDArray[np.floating], sample_rate: int, *, frame_s: float = 0.02, range_db: float = 30.0
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
