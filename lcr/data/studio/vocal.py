"""Colour of a voice after synthesis: effort, tremor, breath, nasality, room and microphone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
import soxr
from numpy.typing import NDArray

_EDGE_FADE_S = 0.005
_SILENCE = 10 ** (-45 / 20)


@dataclass(frozen=True, kw_only=True)
class Colour:
    """How a voice sounds.

    `tilt_db` per octave about 500 Hz; `breath_db` aspiration noise below the voice; `dynamics` an
    exponent on the envelope (below 1 is flatter); `drive` soft saturation, 0 is none; `tremor` and
    `jitter` shares of F0; `nasal_db` lifts the nasal resonances and cuts between them; `level_db`
    RMS of the active part in dB full scale.
    """

    tilt_db: float = 0.0
    breath_db: float = -80.0
    dynamics: float = 1.0
    drive: float = 0.0
    tremor: float = 0.0
    tremor_hz: float = 5.5
    jitter: float = 0.0
    nasal_db: float = 0.0
    level_db: float = -27.0


def render_colour(
    samples: NDArray[np.float32],
    *,
    sample_rate: float,
    output_rate: int,
    colour: Colour,
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Resample (samples,) to `output_rate` and colour it; silence at both ends is trimmed.

    The pitch modulation reads between samples, so it runs at twice the output rate and the last
    step halves the rate by leaving out the upper half of the spectrum.
    """
    x = soxr.resample(samples, sample_rate, 2 * output_rate, quality="MQ").astype(np.float32)
    x = _trim(x, 2 * output_rate)
    x /= max(float(np.sqrt(np.mean(x**2))), 1e-6)
    x = _modulate(x, 2 * output_rate, colour, rng)
    envelope = _envelope(x, 2 * output_rate)
    x = x * (envelope + 0.05) ** (colour.dynamics - 1)
    if colour.drive > 0:
        x = np.tanh(x * colour.drive / 4) * 4 / colour.drive
    breath = 10 ** (colour.breath_db / 20) * rng.standard_normal(x.size, dtype=np.float32)
    x = x + np.float32(3) * breath * envelope
    y = _filter_and_halve(x, 2 * output_rate, colour, rng)
    return _finish(y, output_rate, colour.level_db)


def _trim(x: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    loud = np.flatnonzero(np.abs(x) > _SILENCE * np.abs(x).max())
    if not loud.size:
        return x
    margin = rate // 50
    return x[max(loud[0] - margin, 0) : loud[-1] + margin]


def _envelope(x: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """RMS over 30 ms, as long as x."""
    power = scipy.ndimage.uniform_filter1d(x * x, int(0.03 * rate), mode="constant")
    return np.asarray(np.sqrt(np.maximum(power, 0)), dtype=np.float32)


def _slow_noise(n: int, rate: int, step_hz: float, rng: np.random.Generator) -> NDArray[np.float32]:
    """Noise of unit variance that changes about `step_hz` times a second, linear between."""
    points = rng.standard_normal(int(n / rate * step_hz) + 2)
    at = np.arange(n) * (step_hz / rate)
    return np.asarray(np.interp(at, np.arange(points.size), points), dtype=np.float32)


def _modulate(
    x: NDArray[np.float32], rate: int, colour: Colour, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Tremor (F0 and loudness), jitter and the slow drift that every voice has."""
    t = np.arange(x.size) / rate
    wobble = np.sin(2 * np.pi * (colour.tremor_hz * t + rng.uniform()))
    speed = 1 + 0.006 * _slow_noise(x.size, rate, 3.0, rng) + colour.tremor * wobble
    if colour.jitter > 0:
        speed = speed + colour.jitter * _slow_noise(x.size, rate, 70.0, rng)
    position = np.cumsum(speed)
    position *= (x.size - 1) / position[-1]
    loudness = 1 + 8 * colour.tremor * wobble
    return (np.interp(position, np.arange(x.size), x) * loudness).astype(np.float32)


def _filter_and_halve(
    x: NDArray[np.float32], rate: int, colour: Colour, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Tilt, nasality, microphone and room in one FFT; the output is at half the rate."""
    room_s = float(rng.uniform(0.05, 0.25))
    tail = int(0.6 * room_s * rate)
    n = scipy.fft.next_fast_len(x.size + tail, real=True)
    n += n % 2
    half = n // 4 + 1
    hz = np.arange(half) * (rate / n)
    octaves = np.log2(np.clip(hz, 100, 8000) / 500)
    gain_db = colour.tilt_db * octaves
    for centre, width, share in ((250.0, 0.5, 0.5), (950.0, 0.5, -1.0), (2500.0, 0.4, 0.6)):
        gain_db += share * colour.nasal_db * _bump(octaves, centre, width)
    for _ in range(3):
        centre = 500 * 2 ** float(rng.uniform(-1.5, 3.5))
        gain_db += float(rng.uniform(-2.0, 2.0)) * _bump(
            octaves, centre, float(rng.uniform(0.5, 1))
        )
    cut_hz = float(rng.uniform(50, 90))
    response = 10 ** (gain_db / 20) * (hz**2 / (hz**2 + cut_hz**2))

    late = rng.standard_normal(tail) * np.exp(-6.9 * np.arange(tail) / (room_s * rate))
    late *= 10 ** (float(rng.uniform(-26, -12)) / 20) / np.sqrt(np.sum(late**2))
    late[0] += 1.0
    spectrum = scipy.fft.rfft(x, n)[:half] * response
    spectrum *= scipy.fft.rfft(late, n)[:half]
    y = scipy.fft.irfft(spectrum, n // 2) / 2
    return np.asarray(y[: (x.size + tail) // 2], dtype=np.float32)


def _bump(octaves: NDArray[np.float64], centre_hz: float, width: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * ((octaves - np.log2(centre_hz / 500)) / width) ** 2))


def _finish(y: NDArray[np.float32], rate: int, level_db: float) -> NDArray[np.float32]:
    """Trim, fade the edges and set the RMS; the peak stays below 1."""
    y = _trim(y, rate)
    fade = min(int(_EDGE_FADE_S * rate), y.size // 2)
    if fade:
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        y[:fade] *= ramp
        y[-fade:] *= ramp[::-1]
    y = y * np.float32(10 ** (level_db / 20) / max(float(np.sqrt(np.mean(y**2))), 1e-6))
    peak = float(np.abs(y).max())
    return y if peak <= 0.95 else y * np.float32(0.95 / peak)
