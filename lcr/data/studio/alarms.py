"""Alarms, bells and horns: swept, pulsed and struck tones."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *


def beeps(at: Signal, length_s: float, freqs_hz: Signal, amplitudes: Signal) -> Signal:
    """A clip (N,) of equal-length harmonic beeps at the given times, each with its own pitch."""
    out = np.zeros(N)
    n = samples(length_s)
    for start, freq in zip(at, np.broadcast_to(freqs_hz, at.shape), strict=True):
        beep = harmonics(np.full(n, float(freq)), amplitudes)
        place(out, beep * arc(n, 0.004, 0.008), float(start))
    return out


def police_siren(rng: Rng) -> Signal:
    """Wail (slow sweep), yelp (fast sweep) or two-tone, passing by or standing."""
    low = log_uniform(rng, 480.0, 750.0)
    high = low * uniform(rng, 1.7, 2.4)
    kind = int(rng.integers(0, 3))
    if kind == 2:
        rate = uniform(rng, 0.7, 1.4)
        high_on = np.sin(phase(rate, N) + uniform(rng, 0, 6)) > 0
        track = low * 1.33 ** gate(high_on, 0.012)
    else:
        rate = uniform(rng, 0.18, 0.4) if kind == 0 else uniform(rng, 2.0, 4.5)
        ramp = (np.arange(N) / SAMPLE_RATE * rate + rng.random()) % 1.0
        up = uniform(rng, 0.3, 0.6)
        sweep = np.where(ramp < up, ramp / up, (1 - ramp) / (1 - up))
        track = low * (high / low) ** smooth(sweep, 400)
    gain = np.ones(N)
    if chance(rng, 0.5):
        gain, doppler = pass_by(rng, uniform(rng, 8.0, 28.0), uniform(rng, 15.0, 50.0))
        track = track * doppler
    amps = np.array([1.0, 0.5, 0.6, 0.25, 0.3, 0.15, 0.12, 0.08]) * rng.uniform(0.4, 1.2, 8)
    x = harmonics(track, amps)
    x = x + 0.6 * resonate(x, [(log_uniform(rng, 900, 1800), 400.0, 1.0)])
    return x * gain * level(rng, N, 1.0, 3.0)


def smoke_alarm_beeping(rng: Rng) -> Signal:
    """Piercing beeps near 3 kHz: groups of three, or an even fast train."""
    freq = uniform(rng, 2700.0, 3500.0)
    length = uniform(rng, 0.1, 0.5)
    if chance(rng, 0.6):
        gap, pause = length * uniform(rng, 0.8, 1.2), uniform(rng, 0.5, 1.3)
        group = 3 * (length + gap) + pause
        starts = np.arange(uniform(rng, -1.0, 0.3), 5.0, group)
        at = (starts[:, None] + np.arange(3) * (length + gap)).ravel()
    else:
        at = steady(rng, length * uniform(rng, 1.3, 2.2), 0.0)
    amps = np.array([1.0, uniform(rng, 0.1, 0.4)])
    return beeps(at, length, np.array([freq]), amps)


def car_horn_honking(rng: Rng) -> Signal:
    """Honks of two reeds about a third apart, blown as one long or several short."""
    base = log_uniform(rng, 300.0, 480.0)
    ratio = uniform(rng, 1.18, 1.28)
    bright = uniform(rng, 0.85, 0.94)
    out = np.zeros(N)
    at = uniform(rng, 0.05, 0.8)
    while at < 4.6:
        n = samples(log_uniform(rng, 0.15, 1.6))
        reeds = [
            buzz(np.full(n, base * r) * (1 + 0.002 * wander(rng, n, 9.0)), bright)
            for r in (1.0, ratio)
        ]
        x = resonate(reeds[0] + reeds[1], [(700.0, 400.0, 0.7), (2400.0, 900.0, 1.0)])
        place(out, unit(x) * arc(n, 0.02, 0.04), at)
        at += n / SAMPLE_RATE + log_uniform(rng, 0.08, 1.2)
    return out


def church_bell_ringing(rng: Rng) -> Signal:
    """Great bells with hum, prime, minor third, fifth and nominal, ringing over one another."""
    base = log_uniform(rng, 150.0, 420.0)
    ratios = np.array([0.5, 1.0, 1.19, 1.5, 2.0, 2.52, 2.66, 3.01, 4.1, 5.4])
    rt60 = np.array([9, 6, 5, 3.5, 4, 2.2, 2, 1.6, 1.0, 0.7]) * uniform(rng, 0.6, 1.2)
    amps = np.array([0.5, 0.8, 0.7, 0.35, 1.0, 0.4, 0.35, 0.4, 0.3, 0.2])
    bells = 1 if chance(rng, 0.5) else int(rng.integers(2, 5))
    interval = uniform(rng, 0.9, 2.2) / (1 if bells == 1 else 1.8)
    tuning = base * 2 ** (np.sort(rng.choice([0, 2, 4, 5, 7, 9], bells, replace=False)) / 12)
    out = np.zeros(N)
    for i, at in enumerate(steady(rng, interval, 0.04, uniform(rng, 0.0, 0.5))):
        pitch = tuning[i % bells]
        detune = np.exp(0.003 * rng.standard_normal(10))
        ring = modal(rng, 5.0 - max(0.0, at), pitch * ratios * detune, rt60, amps)
        strike = np.zeros(len(ring))
        m = min(len(ring), 800)
        strike[:m] = resonate(white(rng, m), [(pitch * 5, pitch, 1.0)]) * np.linspace(1, 0, m) ** 3
        place(out, ring + 0.5 * strike, at, uniform(rng, 0.7, 1.0))
    return out


def telephone_ringing(rng: Rng) -> Signal:
    """A mechanical double bell, or an electronic warble; on for a second or two, then off."""
    ring_s, pause_s = uniform(rng, 0.7, 2.0), uniform(rng, 0.4, 2.0)
    t = np.arange(N) / SAMPLE_RATE + uniform(rng, 0.0, ring_s * 0.6)
    ringing = gate(t % (ring_s + pause_s) < ring_s, 0.008)
    rate = uniform(rng, 13.0, 25.0)
    if chance(rng, 0.5):
        out = np.zeros(N)
        base = uniform(rng, 950.0, 1500.0)
        for i, at in enumerate(np.arange(0.0, 5.0, 1.0 / rate)):
            if ringing[min(N - 1, int(at * SAMPLE_RATE))] > 0.5:
                bell = base * (1.0 if i % 2 else 1.19)
                ring = modal(
                    rng, 0.5, bell * np.array([1.0, 2.31, 3.9]), [0.6, 0.4, 0.25], [0.8, 1.0, 0.6]
                )
                place(out, ring, at, uniform(rng, 0.8, 1.0))
        return out
    low = uniform(rng, 650.0, 1300.0)
    warble = gate(np.sin(phase(rate, N)) > 0, 0.004)
    track = low * uniform(rng, 1.2, 1.45) ** warble
    return harmonics(track, [1.0, 0.2, 0.45, 0.1, 0.2]) * ringing


def truck_reversing_beeps(rng: Rng) -> Signal:
    """Square beeps near 1.2 kHz, half a second on, half a second off, over a rumbling engine."""
    freq = uniform(rng, 950.0, 1450.0)
    period = uniform(rng, 0.7, 1.15)
    amps = np.array([1.0, 0.08, 0.35, 0.04, 0.18])
    on = period * uniform(rng, 0.42, 0.58)
    out = beeps(steady(rng, period, 0.0), on, np.array([freq]), amps)
    diesel = shaped(rng, [30, 80, 200, 600, 3000], [0, 0, -8, -20, -40])
    pulse = 1 + np.sin(phase(uniform(rng, 12.0, 22.0), N))
    return np.asarray(out + uniform(rng, 0.02, 0.25) * diesel * pulse)


def foghorn(rng: Rng) -> Signal:
    """One or two blasts of a very low reed, 70 to 160 Hz, with a grunt at the end."""
    base = log_uniform(rng, 70.0, 160.0)
    out = np.zeros(N)
    at = uniform(rng, 0.0, 0.7)
    while at < 4.4:
        length = uniform(rng, 1.2, 3.0)
        n = samples(length)
        track = base * points(n, [0, 0.06, 0.9, 1], [0.9, 1, 1, uniform(rng, 0.6, 0.95)])
        x = buzz(track, 0.86) + uniform(rng, 0.2, 0.6) * buzz(track * 1.5, 0.8)
        x = resonate(x, [(base * 2.1, base, 1.0), (420.0, 150.0, 0.6), (900.0, 300.0, 0.2)])
        place(out, unit(x) * arc(n, 0.15, 0.25), at)
        at += length + uniform(rng, 0.5, 1.2)
    return out + 0.01 * lowpass(white(rng), 600.0)


def doorbell_ringing(rng: Rng) -> Signal:
    """Ding-dong of two struck bars, a longer chime melody, or an electric buzzer."""
    kind = rng.random()
    out = np.zeros(N)
    base = log_uniform(rng, 420.0, 800.0)
    at = uniform(rng, 0.1, 0.8)
    if kind < 0.2:
        while at < 4.3:
            n = samples(uniform(rng, 0.4, 1.2))
            x = buzz(np.full(n, uniform(rng, 98.0, 122.0)), 0.97)
            place(out, unit(resonate(x, [(1500.0, 700.0, 1.0), (500.0, 300.0, 0.5)])), at)
            at += n / SAMPLE_RATE + uniform(rng, 0.3, 1.0)
        return out
    steps = [4, 0] if kind < 0.7 else [int(s) for s in rng.choice([0, 4, 7, 12, -5], 6)]
    gap = uniform(rng, 0.45, 0.8) if len(steps) == 2 else uniform(rng, 0.3, 0.5)
    while at < 4.2:
        for step in steps:
            pitch = base * 2 ** (step / 12)
            rt60 = np.array([2.2, 1.2, 0.5, 0.25]) * uniform(rng, 0.8, 1.3)
            ding = modal(
                rng, 2.5, pitch * np.array([1, 2.76, 5.4, 8.9]), rt60, [1.0, 0.35, 0.2, 0.1]
            )
            place(out, ding, at)
            at += gap
        at += uniform(rng, 0.7, 1.6)
    return out
