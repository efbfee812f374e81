"""Changes to a source or to a whole mixture that leave true what it is called."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile
from numpy.typing import NDArray

from lcr.data.bank import SAMPLE_RATE, Waveform


@dataclass(frozen=True, kw_only=True)
class DegradeConfig:
    """How often, and how far, training clips are changed."""

    audio_speed: float = 0.15
    """Largest relative change of speed and pitch together, for sounds."""
    speech_speed: float = 0.03
    tilt: float = 0.5
    """Largest coefficient of a one-zero filter, either sign."""
    reversed: float = 0.03
    room: float = 0.25
    codec: float = 0.04
    layer: float = 0.12
    """Chance that a sound is two clips of its kind at once."""
    band_limit: float = 0.2
    """Chance that a whole mixture ends at 2 to 7 kHz."""
    noise: float = 0.5
    """Chance that a mixture has a noise floor."""
    noise_db: tuple[float, float] = (-45.0, -12.0)
    """Its level below the mixture's, from and to."""


def change_source(
    wave: Waveform, rng: np.random.Generator, config: DegradeConfig, *, is_speech: bool
) -> Waveform:
    """One source (samples,) at another speed, in another colour, room or codec."""
    span = config.speech_speed if is_speech else config.audio_speed
    if span and rng.random() < 0.7:
        wave = change_speed(wave, float(np.exp(rng.uniform(-span, span))))
    if not is_speech and rng.random() < config.reversed:
        wave = np.ascontiguousarray(wave[::-1])
    if config.tilt and rng.random() < 0.5 and len(wave) > 1:
        coefficient = np.float32(rng.uniform(-config.tilt, config.tilt))
        wave = np.concatenate([wave[:1], wave[1:] + coefficient * wave[:-1]])
    if rng.random() < config.room:
        wave = reverberate(wave, rng)
    if rng.random() < config.codec:
        wave = through_codec(wave, float(rng.uniform(0.5, 1.0)))
    return wave


def change_speed(wave: Waveform, factor: float) -> Waveform:
    """Speed and pitch times `factor`, by linear interpolation."""
    at = np.arange(0, len(wave) - 1, factor, dtype=np.float64)
    return np.interp(at, np.arange(len(wave)), wave).astype(np.float32)


def reverberate(wave: Waveform, rng: np.random.Generator) -> Waveform:
    """In a room of 0.1 to 0.6 s of reverberation: noise that decays exponentially, after the
    direct sound; the length stays."""
    seconds = rng.uniform(0.1, 0.6)
    count = int(seconds * SAMPLE_RATE)
    decay = np.exp(-6.9 * np.arange(count) / count)
    tail = rng.standard_normal(count) * decay
    tail[: int(rng.uniform(0.001, 0.01) * SAMPLE_RATE)] = 0
    response = tail * (rng.uniform(0.1, 0.8) / np.sqrt(np.square(tail).sum() + 1e-12))
    response[0] = 1.0
    size = 1 << (len(wave) + count - 1).bit_length()
    spectrum = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    return np.fft.irfft(spectrum, size)[: len(wave)].astype(np.float32)


def through_codec(wave: Waveform, compression: float) -> Waveform:
    """Encode as Ogg Vorbis and decode: (samples,) both. `compression` is libsndfile's, from 0 (best
    quality) to 1."""
    file = io.BytesIO()
    peak = max(float(np.abs(wave).max(initial=0)), 1e-9)
    soundfile.write(
        file, wave / peak * 0.9, SAMPLE_RATE, format="OGG", compression_level=compression
    )
    file.seek(0)
    decoded = soundfile.read(file, dtype="float32")[0][: len(wave)]
    out = np.zeros_like(wave)
    out[: len(decoded)] = decoded * np.float32(peak / 0.9)
    return out


def limit_band(waves: NDArray[np.float32], edge_hz: float) -> NDArray[np.float32]:
    """(..., samples) without what lies above `edge_hz`, with a slope of 300 Hz."""
    spectrum = np.fft.rfft(waves, axis=-1)
    hertz = np.fft.rfftfreq(waves.shape[-1], 1 / SAMPLE_RATE)
    keep = np.clip((edge_hz + 300 - hertz) / 300, 0, 1)
    return np.fft.irfft(spectrum * keep, waves.shape[-1], axis=-1).astype(np.float32)


def noise_floor(samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """(samples,) of stationary noise of RMS 1, white to brown, sometimes with mains hum."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum *= (np.maximum(hertz, 30.0) / 1000) ** -rng.uniform(0, 1)
    noise = np.fft.irfft(spectrum, samples)
    noise /= np.sqrt(np.mean(np.square(noise)))
    if rng.random() < 0.2:
        time = np.arange(samples) / SAMPLE_RATE
        base = (50.0, 60.0)[int(rng.integers(2))]
        for harmonic in range(1, 6):
            noise += rng.uniform(0, 1) / harmonic * np.sin(2 * np.pi * base * harmonic * time)
        noise /= np.sqrt(np.mean(np.square(noise)))
    return noise.astype(np.float32)
