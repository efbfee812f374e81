"""Weather, water and fire: shaped noise that breathes, drops, crackles and rumbles."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *


def rain(rng: Rng) -> Signal:
    """Continuous wash of fine drops, with heavier drops close by; level hardly moves."""
    tilt = uniform(rng, -9.0, 4.0)
    freqs = [40, 150, 400, 1000, 2500, 4500, 6500, 8000]
    base = np.array([5, -2, -4, -5, -8, -11, -12, -18]) + tilt * np.array(
        [-0.6, -0.5, 0, 0, 0.4, 0.8, 1.0, 1.1]
    )
    wash = shaped(rng, freqs, list(base + rng.uniform(-4, 4, 8)))
    fine = bandpass(impulses(rng, log_uniform(rng, 300.0, 3000.0), 4.0), 1000.0, 6000.0, 1)
    centre = log_uniform(rng, 500.0, 3000.0)
    near = resonate(
        impulses(rng, log_uniform(rng, 10.0, 120.0), 4.0),
        [(centre, centre * 0.5, 1.0), (centre * 2.2, centre, 0.7)],
    )
    out = wash + uniform(rng, 0.1, 0.6) * unit(fine) + uniform(rng, 0.1, 0.5) * unit(near)
    return out * level(rng, N, uniform(rng, 0.2, 1.2), 1.0)


def sea_waves(rng: Rng) -> Signal:
    """Waves: a dark roar always there, bright surges every few seconds, hissing as they ebb."""
    dark = shaped(
        rng,
        [40, 120, 300, 700, 1500, 3000, 8000],
        list(np.array([-1, 0, 1, 0, -4, -12, -24]) + rng.uniform(-3, 3, 7)),
    )
    bright = shaped(
        rng,
        [60, 200, 500, 1000, 2000, 4000, 8000],
        list(np.array([-8, -4, 0, 0, -3, -7, -14]) + rng.uniform(-3, 3, 7)),
    )
    surge = np.zeros(N)
    for at in steady(rng, uniform(rng, 1.8, 5.5), 0.2, uniform(rng, -2.5, 1.0)):
        n = samples(uniform(rng, 2.0, 5.0))
        crest = uniform(rng, 0.2, 0.5)
        wave = points(n, [0, crest * 0.6, crest, 0.7, 1], [0, 0.35, 1, 0.35, 0]) ** 1.4
        place(surge, wave, at, uniform(rng, 0.5, 1.0))
    surge = smooth(surge, 1600)
    foam = bandpass(impulses(rng, 1500.0, 5.0), 2500.0, 6500.0, 1)
    out = dark * (uniform(rng, 0.2, 0.6) + 0.5 * surge) + bright * surge * uniform(rng, 0.5, 1.2)
    return out * level(rng, N, 1.0, 3.0) + uniform(rng, 0.0, 0.25) * unit(foam) * surge


def wind_howling(rng: Rng) -> Signal:
    """Gusts: noise through resonances that slide up and down together with the level."""
    gust = wander(rng, N, uniform(rng, 0.5, 1.4))
    base = log_uniform(rng, 280.0, 650.0)
    source = white(rng)
    out = 0.4 * shaped(rng, [40, 150, 500, 2000, 8000], [0, -3, -12, -28, -45])
    # A sliding resonance as a cross-fade between fixed ones, a third of an octave apart.
    place_of = np.clip(2.5 + 1.6 * gust, 0, 5)
    for k in range(6):
        centre = base * 2 ** (k / 3)
        band = resonate(source, [(centre, centre * 0.08, 1.0), (centre * 2.02, centre * 0.2, 0.3)])
        out += unit(band) * np.clip(1 - np.abs(place_of - k), 0, 1)
    return out * 10 ** (uniform(rng, 4.0, 8.0) * (gust - 1) / 20)


def thunder(rng: Rng) -> Signal:
    """A crack or a dull boom, then rolling rumbles dying over seconds; often rain behind."""
    crack_at = uniform(rng, 0.1, 1.2)
    t = np.arange(N) / SAMPLE_RATE
    rolls = np.zeros(N)
    far = uniform(rng, 0.0, 1.0)
    for at in crack_at + np.concatenate(([0.0], np.cumsum(rng.uniform(0.15, 0.8, 6)))):
        n = samples(uniform(rng, 0.8, 2.5))
        hump = points(n, [0, 0.08 + 0.25 * far, 1], [0, 1, 0]) ** 1.5
        place(rolls, hump, at, np.exp(-(at - crack_at) / 1.8) * uniform(rng, 0.4, 1.0))
    rumble = shaped(rng, [20, 60, 150, 400, 1000, 4000, 8000], [-4, 0, -4, -16, -28, -50, -70])
    rip = shaped(rng, [40, 200, 800, 3000, 8000], [-4, 0, -5, -14, -26])
    fall = np.exp(-np.clip(t - crack_at, 0, None) / uniform(rng, 0.15, 0.5)) * (t > crack_at)
    crackle = bandpass(impulses(rng, 400.0 * fall, 8.0), 500.0, 6000.0, 1)
    out = rumble * rolls + (1 - far) * (rip * fall + 0.6 * unit(crackle))
    if chance(rng, 0.4):
        out += uniform(rng, 0.005, 0.03) * sloped(rng, -1.0)
    return np.asarray(out)


def fire_crackling(rng: Rng) -> Signal:
    """Sparse sharp cracks and finer snaps over a low flutter and faint hiss."""
    flutter = shaped(rng, [25, 60, 120, 250, 600, 2000], [4, 3, -2, -14, -24, -32])
    flutter *= level(rng, N, uniform(rng, 1.0, 3.0), 6.0)
    hiss = shaped(rng, [200, 1000, 3000, 6000, 8000], [-8, -4, 0, 0, -6])
    density = np.clip(wander(rng, N, 2.0) + 0.7, 0.1, None)
    low, high = log_uniform(rng, 900.0, 2500.0), uniform(rng, 5000.0, 7500.0)
    snaps = bandpass(impulses(rng, log_uniform(rng, 15.0, 90.0) * density, 8.0), low, high, 1)
    out = np.zeros(N)
    for at in rng.uniform(0, 5, int(rng.poisson(log_uniform(rng, 6.0, 45.0)))):
        n = samples(log_uniform(rng, 0.006, 0.04))
        pop = white(rng, n) * decay(n, n / SAMPLE_RATE, 0.0003)
        pop = pop + 1.5 * resonate(pop, [(log_uniform(rng, 500.0, 4000.0), 500.0, 2.0)])
        place(out, pop, at, 10 ** (uniform(rng, -26.0, 0.0) / 20))
    # Levels relative to the biggest cracks: field recordings have a crest factor near 30 dB.
    out += 0.12 * snaps / (np.abs(snaps).max() + 1e-9) * uniform(rng, 1.0, 4.0)
    out += 10 ** (uniform(rng, -44.0, -22.0) / 20) * flutter
    return out + 10 ** (uniform(rng, -48.0, -30.0) / 20) * hiss


def _bubbles(rng: Rng, rate_hz: float, low_hz: float, high_hz: float) -> Signal:
    """Air bubbles: short sines whose pitch rises as they near the surface."""
    out = np.zeros(N)
    for at in rng.uniform(-0.05, 5.0, int(rng.poisson(5 * rate_hz))):
        freq = log_uniform(rng, low_hz, high_hz)
        n = samples(min(0.12, 25.0 / freq))
        track = freq * (1 + uniform(rng, 0.0, 0.5) * np.linspace(0, 1, n) ** 2)
        place(out, tone(track) * decay(n, n / SAMPLE_RATE), at, uniform(rng, 0.1, 1.0) ** 2)
    return out


def stream_flowing(rng: Rng) -> Signal:
    """Babbling water: hundreds of bubbles between 400 Hz and 3 kHz over a smooth rush."""
    size = log_uniform(rng, 0.7, 1.5)
    bubbles = _bubbles(rng, uniform(rng, 60.0, 130.0), 350.0 * size, 2200.0 * size)
    rush = shaped(rng, [80, 300, 1000, 2500, 8000], [-18, -8, -1, 0, uniform(rng, -22, -10)])
    return unit(bubbles) * level(rng, N, 1.5, 2.0) + uniform(rng, 0.15, 0.7) * rush


def water_dripping(rng: Rng) -> Signal:
    """Single drops into water: a tick, then a rising plink that rings in a hard room."""
    out = np.zeros(N)
    interval = log_uniform(rng, 0.22, 0.8)
    base = log_uniform(rng, 600.0, 1800.0)
    for at in steady(rng, interval, 0.25):
        freq = base * float(np.exp(0.15 * rng.standard_normal()))
        n = samples(uniform(rng, 0.08, 0.2))
        track = glide(n, [0, 0.3, 1], [freq, freq * 1.1, freq * uniform(rng, 1.2, 1.9)])
        plink = tone(track) * decay(n, 0.8 * n / SAMPLE_RATE) * arc(n, 0.004, 0.01)
        tick = bandpass(white(rng, 160) * decay(160, 0.006), 2000.0, 6500.0)
        gain = uniform(rng, 0.5, 1.0)
        place(out, tick, at, 0.3 * gain)
        place(out, plink, at + uniform(rng, 0.008, 0.02), gain)
        if chance(rng, 0.3):
            place(out, plink[::2], at + uniform(rng, 0.05, 0.12), 0.4 * gain)
    return room(rng, out, uniform(rng, 0.4, 1.1), uniform(rng, 0.15, 0.6))


def hail_falling(rng: Rng) -> Signal:
    """Hard pellets rattling on metal or glass: dense clicks with small resonances, in bursts."""
    density = np.clip(1 + 0.6 * wander(rng, N, 1.0), 0.15, None)
    clicks = impulses(rng, log_uniform(rng, 60.0, 350.0) * density, 6.0)
    surface = log_uniform(rng, 1100.0, 2800.0)
    modes = [
        (surface * ratio, surface * uniform(rng, 0.03, 0.12), gain)
        for ratio, gain in ((1.0, 1.0), (1.47, 0.8), (2.09, 0.7), (2.9, 0.5))
    ]
    out = unit(resonate(clicks, modes)) + 0.5 * unit(bandpass(clicks, 2500.0, 7500.0, 1))
    return out + uniform(rng, 0.05, 0.25) * shaped(rng, [100, 1000, 4000, 8000], [-12, -4, 0, -4])
