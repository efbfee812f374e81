"""Building blocks of procedural sound: noises, tones, envelopes, resonances, rhythms, rooms.

Everything works on float64 arrays of shape (samples,) at `SAMPLE_RATE`, and takes its
randomness from the generator passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, lfilter, sosfilt

from lcr.data.bank import SAMPLE_RATE as SAMPLE_RATE

Signal: TypeAlias = NDArray[np.float64]
Rng: TypeAlias = np.random.Generator
Renderer: TypeAlias = Callable[[Rng], Signal]

DURATION_S = 5.0
N = int(DURATION_S * SAMPLE_RATE)
"""Samples in a clip."""
NYQUIST_HZ = SAMPLE_RATE / 2


# --- draws ---------------------------------------------------------------------------------


def uniform(rng: Rng, low: float, high: float) -> float:
    """One draw, uniform in [low, high)."""
    return float(rng.uniform(low, high))


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """One draw, uniform in log scale: for frequencies, times and rates."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def chance(rng: Rng, probability: float) -> bool:
    """True with the given probability."""
    return bool(rng.random() < probability)


def samples(seconds: float) -> int:
    """Samples in a duration, at least one."""
    return max(1, round(seconds * SAMPLE_RATE))


# --- envelopes -----------------------------------------------------------------------------


def points(n: int, times: Sequence[float], values: Sequence[float]) -> Signal:
    """Piecewise-linear curve, shape (n,); `times` are fractions of the length, rising."""
    return np.interp(np.linspace(0.0, 1.0, n), times, values)


def glide(n: int, times: Sequence[float], values_hz: Sequence[float]) -> Signal:
    """As `points`, but linear in log frequency and rounded at the corners: a pitch track."""
    curve = points(n, times, list(np.log(values_hz)))
    return np.exp(smooth(curve, max(1, n // 12)))


def smooth(x: Signal, width: int) -> Signal:
    """Moving average over `width` samples, same length, edges held."""
    width = max(1, min(width, len(x)))
    left = width // 2
    padded = np.pad(x, (left, width - 1 - left), mode="edge")
    total = np.cumsum(np.concatenate(([0.0], padded)))
    return np.asarray((total[width:] - total[:-width]) / width)


def wander(rng: Rng, n: int, rate_hz: float) -> Signal:
    """Slow random curve, about zero mean and unit deviation, changing `rate_hz` times a second."""
    knots = rng.standard_normal(max(2, int(n / SAMPLE_RATE * rate_hz) + 3))
    x = np.linspace(0.0, len(knots) - 1.001, n)
    i = x.astype(np.int64)
    f = (1.0 - np.cos(np.pi * (x - i))) / 2.0
    return np.asarray(1.25 * (knots[i] * (1.0 - f) + knots[i + 1] * f))


def level(rng: Rng, n: int, depth_db: float, rate_hz: float) -> Signal:
    """Gain curve whose level wanders with a deviation of `depth_db`."""
    return np.asarray(10.0 ** (depth_db * wander(rng, n, rate_hz) / 20.0))


def gate(mask: NDArray[np.bool_], ramp_s: float) -> Signal:
    """1 where the mask holds, 0 elsewhere, with straight ramps of `ramp_s`."""
    return smooth(mask.astype(np.float64), samples(ramp_s))


def arc(n: int, attack_s: float, release_s: float) -> Signal:
    """Raised-cosine attack and release around a plateau of 1; shortened to fit n samples."""
    a, r = min(samples(attack_s), n // 2 or 1), min(samples(release_s), n // 2 or 1)
    env = np.ones(n)
    env[:a] *= 0.5 - 0.5 * np.cos(np.pi * (np.arange(a) + 0.5) / a)
    env[n - r :] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(r) + 0.5) / r)
    return env


def decay(n: int, rt60_s: float, attack_s: float = 0.001) -> Signal:
    """Exponential decay falling 60 dB in `rt60_s`, with a short linear attack."""
    env = np.exp(-6.908 / (rt60_s * SAMPLE_RATE) * np.arange(n))
    a = min(samples(attack_s), n)
    env[:a] *= np.arange(1, a + 1) / a
    fade = min(n, 160)
    env[n - fade :] *= np.linspace(1.0, 0.0, fade)
    return np.asarray(env)


# --- filters -------------------------------------------------------------------------------


def lowpass(x: Signal, cutoff_hz: float, order: int = 2) -> Signal:
    """Butterworth low-pass; the cut-off is kept below the Nyquist frequency."""
    sos = butter(order, min(cutoff_hz, 0.98 * NYQUIST_HZ), "lowpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(sos, x))


def highpass(x: Signal, cutoff_hz: float, order: int = 2) -> Signal:
    """Butterworth high-pass."""
    sos = butter(order, cutoff_hz, "highpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(sos, x))


def bandpass(x: Signal, low_hz: float, high_hz: float, order: int = 2) -> Signal:
    """Butterworth band-pass."""
    edges = (low_hz, min(high_hz, 0.98 * NYQUIST_HZ))
    sos = butter(order, edges, "bandpass", fs=SAMPLE_RATE, output="sos")
    return np.asarray(sosfilt(sos, x))


def resonate(x: Signal, modes: Sequence[tuple[float, float, float]]) -> Signal:
    """Parallel two-pole resonances (centre_hz, bandwidth_hz, gain), unit gain at each peak."""
    out = np.zeros_like(x)
    for centre, bandwidth, gain in modes:
        if centre >= 0.97 * NYQUIST_HZ:
            continue
        r = np.exp(-np.pi * bandwidth / SAMPLE_RATE)
        w = 2.0 * np.pi * centre / SAMPLE_RATE
        b = [gain * (1.0 - r), 0.0, -gain * (1.0 - r)]
        out += lfilter(b, [1.0, -2.0 * r * np.cos(w), r * r], x)
    return out


def equalise(x: Signal, freqs_hz: ArrayLike, gains_db: ArrayLike) -> Signal:
    """Zero-phase gain curve, linear in dB over log frequency between the given points."""
    size = next_fast_len(len(x), real=True)
    f = np.maximum(np.arange(size // 2 + 1) * (SAMPLE_RATE / size), 1.0)
    curve_db = np.interp(np.log(f), np.log(freqs_hz), np.asarray(gains_db, dtype=np.float64))
    gain = 10.0 ** (curve_db / 20.0)
    return np.asarray(irfft(rfft(x, size) * gain, size)[: len(x)])


# --- noises --------------------------------------------------------------------------------


def white(rng: Rng, n: int = N) -> Signal:
    """Gaussian noise of unit deviation."""
    return rng.standard_normal(n)


def shaped(rng: Rng, freqs_hz: ArrayLike, levels_db: ArrayLike, n: int = N) -> Signal:
    """Gaussian noise with the given spectral density (dB a bin), scaled to unit deviation."""
    x = equalise(white(rng, n), freqs_hz, levels_db)
    return np.asarray(x / (x.std() + 1e-12))


def sloped(rng: Rng, db_per_octave: float, n: int = N) -> Signal:
    """Coloured noise: 0 white, -3 pink, -6 brown (flat below 40 Hz); unit deviation."""
    octaves = np.log2(NYQUIST_HZ / 40.0)
    return shaped(rng, [40.0, NYQUIST_HZ], [0.0, db_per_octave * octaves], n)


def impulses(rng: Rng, rate_hz: float | Signal, spread_db: float = 6.0, n: int = N) -> Signal:
    """Poisson impulses of random sign; `rate_hz` may vary by sample; log-normal amplitudes."""
    hits = np.flatnonzero(rng.random(n) < np.asarray(rate_hz) / SAMPLE_RATE)
    out = np.zeros(n)
    amp = 10.0 ** (spread_db * rng.standard_normal(len(hits)) / 20.0)
    out[hits] = amp * rng.choice((-1.0, 1.0), len(hits))
    return out


# --- tones ---------------------------------------------------------------------------------


def phase(freq_hz: Signal | float, n: int | None = None) -> Signal:
    """Running phase in radians of a frequency track (samples,), or of a constant over n."""
    track = np.full(n, float(freq_hz)) if n is not None else np.asarray(freq_hz)
    return np.asarray(2.0 * np.pi / SAMPLE_RATE * np.cumsum(track))


def tone(freq_hz: Signal, start: float = 0.0) -> Signal:
    """Sine following a frequency track."""
    return np.asarray(np.sin(phase(freq_hz) + start))


def harmonics(freq_hz: Signal, amplitudes: ArrayLike) -> Signal:
    """Harmonic tone with amplitudes[k] on partial k + 1; partials above Nyquist are left out."""
    amps = np.asarray(amplitudes, dtype=np.float64)
    amps = amps[: max(1, int(0.97 * NYQUIST_HZ / max(float(freq_hz.max()), 1.0)))]
    base = np.exp(1j * phase(freq_hz))
    # Horner's rule: one complex multiplication a partial instead of one sine.
    total = np.full(len(freq_hz), amps[-1], dtype=np.complex128)
    for amp in amps[-2::-1]:
        total = total * base + amp
    return np.asarray((total * base).imag)


def buzz(freq_hz: Signal, brightness: float) -> Signal:
    """Band-limited pulse train: partial k has amplitude brightness**k (closed-form sum)."""
    count = max(1, int(0.97 * NYQUIST_HZ / max(float(freq_hz.max()), 1.0)))
    angle = phase(freq_hz)
    z = brightness * np.exp(1j * angle)
    total = z * (1.0 - brightness**count * np.exp(1j * count * angle)) / (1.0 - z)
    return np.asarray(total.imag * np.sqrt(1.0 - brightness**2))


def modal(
    rng: Rng, seconds: float, freqs_hz: ArrayLike, rt60_s: ArrayLike, amplitudes: ArrayLike
) -> Signal:
    """Struck object: sum of decaying sines with random phases; scalars broadcast."""
    n = samples(seconds)
    f, d, a = np.broadcast_arrays(np.atleast_1d(freqs_hz), rt60_s, amplitudes)
    keep = f < 0.97 * NYQUIST_HZ
    f, d, a = f[keep].astype(np.float64), d[keep].astype(np.float64), a[keep]
    out = np.zeros(n)
    for freq, rt60, amp, start in zip(f, d, a, rng.uniform(0, 2 * np.pi, len(f)), strict=True):
        m = min(n, samples(1.2 * rt60))
        w, r = 2 * np.pi * freq / SAMPLE_RATE, 10.0 ** (-3.0 / (rt60 * SAMPLE_RATE))
        # The impulse response of two poles is the decaying sine, without computing sines.
        out[:m] += lfilter(
            [amp * np.sin(start), amp * r * np.sin(w - start)],
            [1.0, -2.0 * r * np.cos(w), r * r],
            np.eye(1, m)[0],
        )
    return out * arc(n, 0.001, 0.01)


def pluck(rng: Rng, freq_hz: float, seconds: float, rt60_s: float, brightness: float) -> Signal:
    """Karplus-Strong string: a noise burst in a damped loop; brightness in (0, 1]."""
    n = samples(seconds)
    delay = SAMPLE_RATE / freq_hz - 0.5
    whole = int(delay)
    fraction = delay - whole
    loss = 10.0 ** (-3.0 / (rt60_s * freq_hz))
    a = np.zeros(whole + 3)
    a[0] = 1.0
    # The loop's two-point average (damping) times linear interpolation (fine tuning).
    a[whole : whole + 3] -= loss * np.convolve([1 - fraction, fraction], [0.5, 0.5])
    burst = np.zeros(n)
    m = min(n, whole + 1)
    burst[:m] = lfilter([brightness], [1.0, brightness - 1.0], rng.uniform(-1.0, 1.0, m))
    return np.asarray(lfilter([1.0], a, burst) * arc(n, 0.001, 0.03))


def voice(
    rng: Rng,
    freq_hz: Signal,
    formants: Sequence[tuple[float, float, float]],
    *,
    brightness: float = 0.85,
    breath: float = 0.05,
    jitter: float = 0.01,
) -> Signal:
    """Pulse train plus breath through parallel formants (centre_hz, bandwidth_hz, gain)."""
    n = len(freq_hz)
    track = freq_hz * (1.0 + jitter * wander(rng, n, 40.0))
    source = buzz(track, brightness) + breath * white(rng, n)
    return resonate(source, formants)


# --- arrangement ---------------------------------------------------------------------------


def place(out: Signal, event: Signal, at_s: float, gain: float = 1.0) -> None:
    """Add an event into a clip in place; what runs past either end is dropped."""
    start = round(at_s * SAMPLE_RATE)
    lo, hi = max(0, start), min(len(out), start + len(event))
    if hi > lo:
        out[lo:hi] += gain * event[lo - start : hi - start]


def steady(
    rng: Rng, interval_s: float, jitter: float = 0.05, start_s: float | None = None
) -> Signal:
    """Onset times of a steady rhythm through the clip, jittered by a share of the interval."""
    first = uniform(rng, 0.0, min(interval_s, 1.0)) if start_s is None else start_s
    times = np.arange(first, DURATION_S - 0.02, interval_s)
    return np.asarray(times + jitter * interval_s * rng.uniform(-1, 1, len(times)))


def scattered(
    rng: Rng, events: Sequence[Signal], gap_s: tuple[float, float], quietest: float = 1.0
) -> Signal:
    """A clip (N,) of events one after the other with random gaps, set at random in it, each with a
    gain of `quietest` to 1."""
    lengths = np.array([len(event) / SAMPLE_RATE for event in events])
    gaps = rng.uniform(*gap_s, len(lengths))
    starts = np.concatenate(([0.0], np.cumsum(lengths + gaps)[:-1]))
    slack = DURATION_S - (starts[-1] + lengths[-1])
    starts = starts + uniform(rng, 0.02, max(0.03, slack))
    gains = rng.uniform(quietest, 1, len(events)) if quietest < 1 else np.ones(len(events))
    out = np.zeros(N)
    for event, at, gain in zip(events, starts, gains, strict=True):
        place(out, event, float(at), float(gain))
    return out


def pass_by(rng: Rng, speed_mps: float, distance_m: float) -> tuple[Signal, Signal]:
    """Gain and Doppler ratio, each (N,), of something driving past at a random moment."""
    t = np.arange(N) / SAMPLE_RATE - uniform(rng, 1.2, 3.8)
    along = speed_mps * t
    r = np.hypot(distance_m, along)
    return distance_m / r, np.asarray(1.0 / (1.0 + speed_mps * along / r / 340.0))


def room(rng: Rng, x: Signal, rt60_s: float, wet: float) -> Signal:
    """Add a diffuse tail (decaying noise, duller with time), same length; wet is an RMS ratio."""
    n = samples(min(rt60_s, 1.5))
    tail = white(rng, n) * decay(n, rt60_s, attack_s=0.004)
    tail = lowpass(tail, log_uniform(rng, 2000.0, 6000.0), order=1)
    tail /= np.sqrt(np.sum(tail**2))
    size = next_fast_len(len(x) + n, real=True)
    wet_signal = irfft(rfft(x, size) * rfft(tail, size), size)[: len(x)]
    return np.asarray(x + wet * wet_signal)


def unit(x: Signal) -> Signal:
    """Scale to unit deviation (silence stays silence)."""
    return np.asarray(x / (x.std() + 1e-12))
