"""Tools: two-stroke engines, motors under load, blows and strokes."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *
from lcr.data.studio.vehicles import engine


def _load(rng: Rng, busy_s: tuple[float, float], rest_s: tuple[float, float]) -> Signal:
    """Curve (N,) between 0 (free running) and 1 (cutting) with soft changes."""
    load = np.zeros(N)
    at = uniform(rng, -1.0, 0.6)
    while at < 5.0:
        busy = uniform(rng, *busy_s)
        load[max(0, int(at * SAMPLE_RATE)) : max(0, int((at + busy) * SAMPLE_RATE))] = uniform(
            rng, 0.6, 1.0
        )
        at += busy + uniform(rng, *rest_s)
    return smooth(load, samples(uniform(rng, 0.08, 0.3)))


def chainsaw(rng: Rng) -> Signal:
    """A two-stroke rasp at 70 to 160 firings a second that bogs down in the wood and revs free."""
    load = _load(rng, (0.6, 2.5), (0.3, 1.5))
    top = log_uniform(rng, 75.0, 170.0)
    if chance(rng, 0.35):
        idle = uniform(rng, 0.35, 0.6)
        track = top * (idle + (1 - idle) * load)
        gain = 0.25 + 0.75 * load
    else:
        track = top * (1.0 - uniform(rng, 0.08, 0.3) * load)
        gain = 0.65 + 0.35 * load
    track = track * (1 + 0.012 * wander(rng, N, 5.0))
    x = unit(engine(rng, track, 1, 0.5))
    # Long-run spectrum of field recordings: flat to 2 kHz, then down about 5 dB an octave.
    shape = np.array([-1, 4, 3, 1, -2, -6, -10, -11, -18]) + rng.uniform(-5, 5, 9)
    freqs = [60, 180, 350, 700, 1400, 2500, 3500, 5000, 8000]
    flat = buzz_like(track, rng)
    tonal = equalise(flat, freqs, list(shape))
    rasp = shaped(rng, freqs, list(shape + rng.uniform(-3, 3, 9)))
    rasp *= 0.4 + 0.6 * np.clip(np.cos(phase(track)), 0, 1)
    chips = bandpass(impulses(rng, 800.0 * (0.1 + load), 5.0), 1500.0, 6500.0, 1)
    out = unit(tonal) + uniform(rng, 0.4, 1.4) * unit(rasp) + 0.2 * x
    return (out + uniform(rng, 0.05, 0.3) * unit(chips)) * gain * level(rng, N, 0.8, 8.0)


def buzz_like(track: Signal, rng: Rng) -> Signal:
    """Harmonic tone with uneven, hardly falling partials, as an unmuffled exhaust has."""
    count = int(7600.0 / float(track.max()))
    amps = np.exp(0.5 * rng.standard_normal(count)) * 0.985 ** np.arange(count)
    return unit(harmonics(track, amps * rng.choice((-1.0, 1.0), count)))


def electric_drill(rng: Rng) -> Signal:
    """A whining motor that spins up, sags under load and stops; gear tones and brush hiss."""
    on = np.zeros(N)
    at = uniform(rng, 0.0, 0.5)
    while at < 4.7:
        n = samples(uniform(rng, 0.8, 2.6))
        spin = np.minimum(points(n, [0, 0.12, 1], [0, 1, 1]), points(n, [0, 0.88, 1], [1, 1, 0]))
        place(on, spin, at)
        at += n / SAMPLE_RATE + uniform(rng, 0.15, 0.6)
    on = np.clip(on, 0, 1) ** 0.6
    load = np.clip(wander(rng, N, 1.5), 0, 1.5)
    speed = log_uniform(rng, 280.0, 600.0) * on * (1 - 0.12 * load) + 1.0
    amps = np.array([0.5, 0.8, 0.3, 1.0, 0.2, 0.5, 0.6, 0.2, 0.3, 0.2, 0.2, 0.1])
    whine = harmonics(speed, amps * np.exp(0.4 * rng.standard_normal(12)))
    gears = tone(np.minimum(speed * uniform(rng, 6.2, 9.4), 7000.0))
    bite = bandpass(white(rng), 1800.0, 6500.0) * (0.15 + load)
    return (unit(whine) + 0.3 * gears + 0.5 * bite) * on


def hammering(rng: Rng) -> Signal:
    """Blows on a nail in wood: a knock, a bright metallic ping, pauses between nails."""
    wood, metal = log_uniform(rng, 180.0, 420.0), log_uniform(rng, 1900.0, 3600.0)
    interval = uniform(rng, 0.28, 0.6)
    out = np.zeros(N)
    ring = uniform(rng, 0.15, 0.45)
    pause_at = uniform(rng, 1.5, 6.0)
    for at in steady(rng, interval, 0.07):
        if pause_at < at < pause_at + uniform(rng, 0.4, 1.0):
            continue
        n = samples(0.25)
        thud = resonate(
            white(rng, n) * decay(n, 0.03), [(wood, 60.0, 8.0), (wood * 2.7, 150.0, 4.0)]
        )
        drift = uniform(rng, 0.97, 1.03)
        ping = modal(rng, 0.5, metal * drift * np.array([1, 1.53, 2.18]), ring, [1.0, 0.7, 0.5])
        gain = uniform(rng, 0.55, 1.0)
        place(out, unit(thud), at, 0.7 * gain)
        place(out, ping, at, gain)
    return room(rng, out, uniform(rng, 0.35, 0.9), uniform(rng, 0.2, 0.5))


def hand_saw(rng: Rng) -> Signal:
    """Push and pull strokes: rasping bands whose teeth rate and pitch follow the blade's speed."""
    stroke = uniform(rng, 0.22, 0.5)
    centre = log_uniform(rng, 1300.0, 3200.0)
    out = np.zeros(N)
    for i, at in enumerate(steady(rng, stroke, 0.04, uniform(rng, -0.2, 0.2))):
        n = samples(stroke * uniform(rng, 0.8, 0.92))
        speed = np.sin(np.pi * np.linspace(0.02, 0.98, n)) ** 0.6
        teeth = 0.5 + 0.5 * np.sin(phase(uniform(rng, 110.0, 180.0) * speed + 10.0))
        push = i % 2 == 0
        c = centre * (1.0 if push else 1.25)
        noise = white(rng, n) * (0.3 + teeth)
        x = resonate(noise, [(c, c * 0.35, 1.0), (c * 0.4, c * 0.2, 0.5), (c * 2, c * 0.5, 0.5)])
        place(
            out, unit(x) * speed * arc(n, 0.03, 0.04), at, 1.0 if push else uniform(rng, 0.4, 0.8)
        )
    return out


def jackhammer(rng: Rng) -> Signal:
    """Blows 12 to 28 times a second, metallic and noisy, in runs of a second or more."""
    load = _load(rng, (1.0, 3.5), (0.2, 0.7))
    rate = uniform(rng, 12.0, 28.0)
    steel = log_uniform(rng, 500.0, 1200.0)
    out = np.zeros(N)
    n = samples(0.12)
    modes = [(steel * r, 90.0 * r, 6.0 / r) for r in (0.28, 1.0, 2.3, 3.9)]
    for at in steady(rng, 1.0 / rate, 0.05, 0.0):
        gain = load[min(N - 1, int(at * SAMPLE_RATE))]
        if gain > 0.1:
            hit = resonate(white(rng, n) * decay(n, 0.025), modes)
            place(out, hit, at, gain * uniform(rng, 0.7, 1.0))
    air = shaped(rng, [100, 500, 2000, 5000, 8000], [-12, -4, 0, -2, -10])
    return unit(out) + uniform(rng, 0.08, 0.35) * air * (0.3 + 0.7 * load)


def sandpaper_rubbing(rng: Rng) -> Signal:
    """Soft back-and-forth hiss, higher than sawing and without teeth."""
    stroke = uniform(rng, 0.16, 0.45)
    low = log_uniform(rng, 1500.0, 3000.0)
    forward = bandpass(white(rng), low, 7400.0)
    back = bandpass(white(rng), low * 0.7, 5500.0)
    motion = np.sin(phase(1.0 / (2 * stroke) * (1 + 0.06 * wander(rng, N, 1.0))))
    grit = 1 + 0.25 * np.abs(white(rng))
    rub = forward * np.clip(motion, 0, 1) ** 0.8 + 0.8 * back * np.clip(-motion, 0, 1) ** 0.8
    rests = gate(wander(rng, N, 0.6) > -0.9, 0.1)
    return rub * grit * rests * level(rng, N, 1.5, 1.0)


def lathe_spinning(rng: Rng) -> Signal:
    """A motor hum with belt flutter; the cutting tool screeches and chatters when it touches."""
    spin = uniform(rng, 14.0, 32.0)
    hum = harmonics(np.full(N, uniform(rng, 95.0, 125.0)), 0.7 ** np.arange(10))
    belt = shaped(rng, [80, 300, 900, 3000], [0, -2, -8, -24]) * (1 + 0.6 * np.sin(phase(spin, N)))
    load = _load(rng, (0.8, 2.5), (0.3, 1.2))
    freq = log_uniform(rng, 1100.0, 2600.0)
    screech = harmonics(freq * (1 + 0.01 * wander(rng, N, 4.0)), [1.0, 0.6, 0.35, 0.2])
    scrape = resonate(white(rng), [(freq, 250.0, 1.0), (freq * 1.9, 600.0, 0.8)])
    cut = (0.5 * screech * level(rng, N, 4.0, 8.0) + unit(scrape)) * load
    chatter = 1 + 0.5 * np.sin(phase(2 * spin, N))
    return 0.35 * unit(hum) + 0.35 * belt + uniform(rng, 0.5, 1.2) * cut * chatter
