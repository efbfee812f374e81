"""Household: ticks, taps and blows, motors and blowers, water and steam."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *


def _click(rng: Rng, modes: list[tuple[float, float, float]], seconds: float) -> Signal:
    """A tiny impact exciting the given modes."""
    n = samples(seconds)
    return unit(resonate(white(rng, n) * decay(n, 0.008, 0.0003), modes)) * decay(n, seconds)


def clock_ticking(rng: Rng) -> Signal:
    """Tick and tock, one to five a second, hard cases ringing above 500 Hz, over room noise."""
    rate = float(rng.choice([1.0, 1.0, 2.0, 2.0, 3.3, 4.0, 5.0])) * uniform(rng, 0.95, 1.08)
    base = log_uniform(rng, 500.0, 2600.0)

    def mechanism(scale: float) -> list[tuple[float, float, float]]:
        return [
            (base * scale * r, base * r * uniform(rng, 0.04, 0.25), g)
            for r, g in ((0.4, uniform(rng, 0.1, 0.8)), (1.0, 1.0), (1.9, 0.8), (2.8, 0.7))
        ]

    seconds = uniform(rng, 0.06, 0.25)
    sounds = [_click(rng, mechanism(1.0), seconds), _click(rng, mechanism(0.88), seconds)]
    tock = uniform(rng, 0.35, 1.0)
    double, offset = chance(rng, 0.4), uniform(rng, 0.015, 0.09)
    out = np.zeros(N)
    for i, at in enumerate(steady(rng, 1.0 / rate, 0.003)):
        gain = (tock if i % 2 else 1.0) * uniform(rng, 0.85, 1.0)
        place(out, sounds[i % 2], at, gain)
        if double:
            place(out, sounds[1 - i % 2], at + offset, 0.45 * gain)
    out = room(rng, out, log_uniform(rng, 0.1, 0.6), uniform(rng, 0.1, 0.6))
    hum = shaped(rng, [40, 120, 500, 2000, 8000], [0, -4, -14, -22, -26])
    peak = np.abs(out).max()
    return np.asarray(out + peak * 10 ** (uniform(rng, -58.0, -30.0) / 20) * hum)


def vacuum_cleaner(rng: Rng) -> Signal:
    """A loud steady motor tone with harmonics inside rushing air; slow surges."""
    motor = log_uniform(rng, 150.0, 420.0)
    track = motor * (1 + 0.012 * wander(rng, N, 0.8))
    if chance(rng, 0.3):
        track = track * points(N, [0, uniform(rng, 0.1, 0.25), 1], [0.25, 1, 1])
    tonal = harmonics(track, 0.75 ** np.arange(16) * np.exp(0.5 * rng.standard_normal(16)))
    air = shaped(
        rng,
        [60, 200, 500, 1200, 2500, 5000, 8000],
        list(np.array([-12, -5, 0, 1, 0, -5, -12]) + rng.uniform(-4, 4, 7)),
    )
    whine = tone(np.minimum(track * uniform(rng, 7.0, 12.0), 7200.0))
    out = uniform(rng, 0.3, 0.8) * unit(tonal) + air + uniform(rng, 0.02, 0.2) * whine
    return np.asarray(out * level(rng, N, 0.8, 1.2) * (track / track.max()))


def typing_on_keyboard(rng: Rng) -> Signal:
    """Bursts of key clacks, each press with a softer release; deeper space bars, pauses."""
    body = log_uniform(rng, 900.0, 2600.0)
    out = np.zeros(N)
    at = uniform(rng, 0.0, 0.4)
    speed = uniform(rng, 0.07, 0.17)
    while at < 4.95:
        for _ in range(int(rng.integers(3, 14))):
            space = chance(rng, 0.15)
            scale = (0.6 if space else 1.0) * uniform(rng, 0.9, 1.1)
            modes = [
                (body * scale, 350.0, 1.0),
                (body * 2.1 * scale, 700.0, 0.8),
                (220.0, 90.0, 1.2 if space else 0.5),
            ]
            gain = uniform(rng, 0.4, 1.0)
            place(out, _click(rng, modes, 0.07), at, gain)
            place(out, _click(rng, modes[:2], 0.03), at + uniform(rng, 0.05, 0.09), 0.35 * gain)
            at += speed * uniform(rng, 0.6, 1.6)
        at += uniform(rng, 0.1, 0.5)
    return out


def knocking_on_door(rng: Rng) -> Signal:
    """Groups of two to five knuckle raps on a wooden door: dull thumps below 1 kHz."""
    base = log_uniform(rng, 110.0, 300.0)
    modes = [
        (base, 30.0, 1.0),
        (base * 1.8, 60.0, 0.8),
        (base * 3.3, 120.0, 0.6),
        (base * 6.1, 300.0, 0.3),
    ]
    gap = uniform(rng, 0.13, 0.3)
    out = np.zeros(N)
    at = uniform(rng, 0.05, 0.6)
    while at < 4.7:
        for _ in range(int(rng.integers(2, 6))):
            place(out, _click(rng, modes, uniform(rng, 0.2, 0.4)), at, uniform(rng, 0.6, 1.0))
            at += gap * uniform(rng, 0.9, 1.15)
        at += uniform(rng, 0.3, 0.8)
    return room(rng, out, uniform(rng, 0.35, 0.9), uniform(rng, 0.15, 0.4))


def toilet_flushing(rng: Rng) -> Signal:
    """Handle clunk, roaring flush that peaks early, gurgling drain, then the cistern's hiss."""
    at = uniform(rng, 0.0, 0.6)
    peak = uniform(rng, 0.2, 0.4)
    start = at / 5
    flow = points(N, [0, start, min(peak, start + 0.12), 0.6, 0.8, 1], [0, 0, 1, 0.7, 0.15, 0.05])
    rush = shaped(
        rng,
        [60, 200, 500, 1200, 3000, 8000],
        list(np.array([-6, 0, 0, -3, -8, -22]) + rng.uniform(-3, 3, 6)),
    )
    throat = np.clip(wander(rng, N, 9.0), -1, 2)
    gurgle = resonate(
        white(rng) * np.clip(throat, 0, None), [(260.0, 60.0, 1.0), (620.0, 120.0, 0.7)]
    )
    late = points(N, [0, 0.4, 0.65, 0.85, 1], [0, 0.1, 1, 0.5, 0.1])
    refill = shaped(rng, [500, 1500, 3500, 6000, 8000], [-18, -4, 0, -2, -12])
    out = rush * flow * level(rng, N, 1.5, 6.0) + uniform(rng, 0.4, 1.0) * unit(gurgle) * late
    out += uniform(rng, 0.05, 0.2) * refill * points(N, [0, start, start + 0.1, 1], [0, 0, 1, 1])
    place(out, _click(rng, [(350.0, 80.0, 1.0), (1500.0, 300.0, 0.6)], 0.1), at, 1.5)
    return out


def kettle_whistling(rng: Rng) -> Signal:
    """Boiling rumble under a whistle that climbs and then holds, slightly unsteady."""
    top = log_uniform(rng, 1700.0, 3200.0)
    rise = uniform(rng, 0.0, 0.7)
    track = top * points(N, [0, max(0.02, rise), 1], [uniform(rng, 0.55, 0.95), 1, 1])
    track *= 1 + 0.006 * wander(rng, N, 7.0)
    loud = points(N, [0, max(0.02, rise), 1], [uniform(rng, 0.05, 0.6), 1, 1])
    x = harmonics(track, [1.0, uniform(rng, 0.1, 0.5), 0.1]) * level(rng, N, 1.5, 9.0)
    if chance(rng, 0.5):
        x += uniform(rng, 0.2, 0.7) * tone(track * uniform(rng, 1.15, 1.35))
    steam = shaped(rng, [100, 800, 2500, 6000, 8000], [-14, -6, 0, -1, -8])
    boil = shaped(rng, [60, 200, 500, 1500], [0, 0, -6, -24]) * level(rng, N, 3.0, 12.0)
    return x * loud + uniform(rng, 0.08, 0.3) * steam * loud + uniform(rng, 0.1, 0.4) * boil


def microwave_beeping(rng: Rng) -> Signal:
    """A fan and mains hum that stops, then three to five clean beeps near 2 kHz."""
    end = uniform(rng, 0.3, 2.0)
    running = gate(np.arange(N) < samples(end), 0.05)
    hum = harmonics(np.full(N, float(rng.choice([50.0, 60.0]))) * 2, 0.6 ** np.arange(8))
    fan = shaped(rng, [60, 200, 600, 1500, 6000], [-2, 0, -5, -14, -30])
    out = running * (uniform(rng, 0.1, 0.25) * hum + uniform(rng, 0.06, 0.2) * fan)
    freq, length = uniform(rng, 1850.0, 2250.0), uniform(rng, 0.25, 0.6)
    at = end + uniform(rng, 0.02, 0.3)
    if chance(rng, 0.3):
        place(out, _click(rng, [(500.0, 150.0, 1.0), (2100.0, 500.0, 0.7)], 0.08), end, 0.4)
    n = samples(length)
    for _ in range(int(rng.integers(3, 6))):
        place(out, harmonics(np.full(n, freq), [1.0, 0.04, 0.12]) * arc(n, 0.003, 0.01), at)
        at += length + length * uniform(rng, 0.85, 0.95)
    return out


def washing_machine(rng: Rng) -> Signal:
    """A drum turning: low motor hum, sloshing with each turn, thuds of wet clothes."""
    turn_s = uniform(rng, 0.7, 1.6)
    turn = phase(1.0 / turn_s, N) + uniform(rng, 0, 6)
    motor = harmonics(uniform(rng, 45.0, 110.0) * (1 + 0.02 * np.sin(turn)), 0.8 ** np.arange(14))
    slosh = shaped(rng, [120, 400, 900, 2000, 8000], [-8, 0, -2, -10, -28])
    slosh *= np.clip(np.sin(turn), 0, 1) ** 1.5 * level(rng, N, 2.0, 7.0)
    out = uniform(rng, 0.4, 0.9) * unit(motor) + uniform(rng, 0.5, 1.2) * slosh
    for at in steady(rng, turn_s / 2, 0.1):
        thud = _click(rng, [(75.0, 25.0, 1.0), (190.0, 50.0, 0.7)], 0.25)
        place(out, thud, at, uniform(rng, 0.8, 2.5))
    return out


def glass_breaking(rng: Rng) -> Signal:
    """A smash: a broad burst, then shards with high ringing modes falling and settling."""
    out = np.zeros(N)
    at = uniform(rng, 0.1, 0.7)
    while at < 4.4:
        n = samples(0.4)
        crash = equalise(white(rng, n), [200, 1000, 3000, 8000], [-18, -6, 0, 0]) * decay(n, 0.25)
        place(out, crash, at, 0.8)
        spread = uniform(rng, 0.3, 0.8)
        for late in rng.exponential(spread, int(rng.integers(25, 60))):
            freq = log_uniform(rng, 1800.0, 7500.0)
            modes = freq * np.array([1.0, 1.37, 1.83])
            shard = modal(rng, 0.3, modes, log_uniform(rng, 0.04, 0.3), [1.0, 0.6, 0.4])
            place(out, shard, at + 0.02 + late, 0.4 * np.exp(-0.8 * late) * uniform(rng, 0.2, 1))
        at += uniform(rng, 1.4, 3.5)
    return out


def hair_dryer(rng: Rng) -> Signal:
    """A jet of air, bright and even, with a high motor whine; two speeds."""
    whine_hz = log_uniform(rng, 380.0, 1100.0)
    speed = np.ones(N)
    if chance(rng, 0.5):
        turn = uniform(rng, 0.3, 0.7)
        speed = points(
            N, [0, turn, turn + 0.06, 1], rng.permutation([0.72, 1.0]).repeat(2).tolist()
        )
    air = shaped(
        rng,
        [60, 250, 800, 1800, 3500, 6000, 8000],
        list(np.array([-26, -14, -5, 0, 0, -3, -8]) + rng.uniform(-3, 3, 7)),
    )
    track = whine_hz * speed * (1 + 0.002 * wander(rng, N, 1.0))
    whine = harmonics(track, [1.0, 0.5, 0.15, 0.25, 0.1])
    aim = level(rng, N, uniform(rng, 0.2, 2.0), 0.8)
    return (air + uniform(rng, 0.08, 0.4) * unit(whine)) * speed**2 * aim


def scissors_cutting(rng: Rng) -> Signal:
    """Snips: a rising scrape of blades that ends in a bright metallic snap, then the opening."""
    out = np.zeros(N)
    interval = uniform(rng, 0.3, 0.75)
    metal = log_uniform(rng, 2600.0, 4600.0)
    for at in steady(rng, interval, 0.1):
        length = interval * uniform(rng, 0.35, 0.55)
        n = samples(length)
        scrape = resonate(white(rng, n), [(metal, 900.0, 1.0), (metal * 1.5, 900.0, 0.8)])
        grain = 0.6 + 0.4 * np.abs(lowpass(white(rng, n), 120.0)) * 5
        place(out, unit(scrape) * grain * points(n, [0, 0.85, 1], [0.1, 1, 0]), at, 0.35)
        snap = modal(rng, 0.15, metal * np.array([0.9, 1.3, 1.62]), 0.08, [1.0, 0.8, 0.6])
        snap[:400] += bandpass(white(rng, 400) * decay(400, 0.01), 1500.0, 7000.0)
        place(out, snap, at + length * 0.92, uniform(rng, 0.7, 1.0))
        m = samples(length * 0.6)
        opening = bandpass(white(rng, m), 3000.0, 7000.0) * arc(m, 0.03, 0.05)
        place(out, opening, at + length * 1.2, 0.12)
    rustle = bandpass(impulses(rng, 200.0, 5.0), 2000.0, 7000.0)
    return out + uniform(rng, 0.0, 0.03) * unit(rustle)
