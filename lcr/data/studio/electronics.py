"""Electronics: radio static, dial-up modems and arcade games."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *


def radio_static(rng: Rng) -> Signal:
    """Band-limited hiss with crackles, fading, and heterodyne whistles drifting past."""
    hiss = bandpass(white(rng), log_uniform(rng, 150.0, 500.0), uniform(rng, 3500.0, 7500.0), 1)
    crackle = bandpass(impulses(rng, uniform(rng, 10.0, 150.0), 9.0), 300.0, 6000.0, 1)
    out = unit(hiss) * level(rng, N, uniform(rng, 0.5, 4.0), 2.0)
    out += uniform(rng, 0.2, 0.8) * unit(crackle)
    if chance(rng, 0.6):
        centre = log_uniform(rng, 500.0, 2500.0)
        drift = np.clip(centre * 2 ** (0.8 * wander(rng, N, 0.7)), 80, 7000)
        out += uniform(rng, 0.05, 0.5) * tone(drift) * np.clip(wander(rng, N, 0.8), 0, None)
    cuts = gate(wander(rng, N, 5.0) > -uniform(rng, 1.2, 2.5), 0.004)
    return out * (0.15 + 0.85 * cuts)


_ROWS, _COLUMNS = (697.0, 770.0, 852.0, 941.0), (1209.0, 1336.0, 1477.0)


def modem_dialling(rng: Rng) -> Signal:
    """Touch-tone digits, an answer tone, two-tone warbles, then hissing carrier noise."""
    parts: list[Signal] = []
    if chance(rng, 0.75):
        n, gap = samples(uniform(rng, 0.07, 0.12)), np.zeros(samples(uniform(rng, 0.04, 0.08)))
        for _ in range(int(rng.integers(4, 11))):
            row, column = _ROWS[int(rng.integers(4))], _COLUMNS[int(rng.integers(3))]
            both = tone(np.full(n, row)) + tone(np.full(n, column))
            parts += [0.5 * both * arc(n, 0.003, 0.003), gap]
    n = samples(uniform(rng, 0.4, 1.0))
    answer = tone(np.full(n, float(rng.choice([2100.0, 2225.0]))))
    parts += [answer * 0.7, np.zeros(samples(0.06))]
    for _ in range(int(rng.integers(2, 5))):
        n = samples(uniform(rng, 0.2, 0.6))
        low = float(rng.choice([980.0, 1070.0, 1650.0, 2025.0]))
        bits = np.repeat(rng.integers(0, 2, n // 50 + 1), 50)[:n]
        parts.append(0.7 * tone(low + 200.0 * bits.astype(np.float64)))
    carrier = np.sin(phase(uniform(rng, 1600.0, 1900.0), N))
    symbols = np.repeat(rng.choice((-1.0, -0.4, 0.4, 1.0), N // 7 + 1), 7)[:N]
    scramble = bandpass(carrier * symbols + 0.3 * white(rng), 500.0, 3300.0)
    parts.append(0.8 * unit(scramble) * 0.6)
    start = int(uniform(rng, 0.0, 0.8) * SAMPLE_RATE)
    whole = np.concatenate(parts)[start : start + N]
    return np.asarray(np.pad(whole, (0, N - len(whole))))


def video_game_sounds(rng: Rng) -> Signal:
    """Square-wave blips, jumps, coin chimes, laser zaps and noisy explosions."""
    out = np.zeros(N)
    odd = np.where(np.arange(1, 24) % 2 == 1, 1.0 / np.arange(1, 24), 0.0)
    at = uniform(rng, 0.0, 0.3)
    while at < 4.9:
        kind = int(rng.integers(0, 5))
        base = log_uniform(rng, 220.0, 900.0)
        if kind == 0:
            n = samples(uniform(rng, 0.12, 0.3))
            x = harmonics(np.geomspace(base, base * uniform(rng, 2.0, 4.0), n), odd)
        elif kind == 1:
            n = samples(0.4)
            track = np.where(np.arange(n) < 1200, base * 2, base * 2.67)
            x = harmonics(track, odd) * np.linspace(1, 0, n)
        elif kind == 2:
            n = samples(uniform(rng, 0.15, 0.35))
            x = harmonics(np.geomspace(2400.0, base * 0.4, n), odd) * np.linspace(1, 0.2, n)
        elif kind == 3:
            n = samples(uniform(rng, 0.3, 0.7))
            held = np.repeat(white(rng, n // 6 + 1), 6)[:n]
            x = 0.6 * held * np.linspace(1, 0, n) ** 2
        else:
            steps = base * 2 ** (rng.choice([0, 4, 7, 12, 16], int(rng.integers(4, 9))) / 12)
            track = np.repeat(steps, samples(uniform(rng, 0.05, 0.1)))
            n, x = len(track), harmonics(track, odd)
        place(out, x * arc(n, 0.002, 0.01), at, uniform(rng, 0.6, 1.0))
        at += n / SAMPLE_RATE + uniform(rng, 0.0, 0.35)
    return out
