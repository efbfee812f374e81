"""Vehicles: firing pulses through exhausts, rotors, wheels on rails, and passing by."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *


def engine(rng: Rng, firing_hz: Signal, cylinders: int, roughness: float) -> Signal:
    """Firing pulses, uneven from cylinder to cylinder, with noise in every pulse; unit level."""
    cycle = firing_hz / cylinders
    amps = np.full(12 * cylinders, 0.12)
    amps[cylinders - 1 :: cylinders] = 1.0
    amps *= np.exp(0.35 * rng.standard_normal(len(amps))) * 0.96 ** np.arange(len(amps))
    tonal = harmonics(cycle * (1 + 0.01 * wander(rng, len(cycle), 12.0)), amps)
    puff = np.clip(np.cos(phase(firing_hz)), 0, 1) ** 4
    return unit(tonal) + roughness * unit(white(rng, len(cycle)) * puff)


def helicopter(rng: Rng) -> Signal:
    """Blade slaps 9 to 28 times a second over turbine whine and low wind noise."""
    blade = log_uniform(rng, 9.0, 28.0)
    track = blade * (1 + 0.01 * wander(rng, N, 0.6))
    sharp = uniform(rng, 1.5, 10.0)
    slap = ((1 + np.cos(phase(track))) / 2) ** sharp
    dark = uniform(rng, -8.0, 4.0)
    body = shaped(
        rng,
        [30, 90, 180, 400, 800, 1600, 3000, 5000, 8000],
        [-2, 3, 2, -1 + dark / 4, -6 + dark / 2, -14 + dark, -23 + dark, -27 + dark, -38 + dark],
    )
    depth = uniform(rng, 0.35, 0.95)
    out = body * (1 - depth + depth * slap)
    thump = harmonics(track, 0.92 ** np.arange(18) * np.exp(0.3 * rng.standard_normal(18)))
    out += uniform(rng, 0.05, 0.4) * unit(thump)
    if chance(rng, 0.5):
        whine = tone(uniform(rng, 500.0, 3500.0) * (1 + 0.003 * wander(rng, N, 1.0)))
        out += uniform(rng, 0.01, 0.08) * whine
    ends = [uniform(rng, 0.3, 1.0), 1.0, uniform(rng, 0.3, 1.0)]
    return out * points(N, [0, uniform(rng, 0.1, 0.9), 1], ends)


def car_engine_idling(rng: Rng) -> Signal:
    """A steady low purr of 20 to 40 firings a second, with belt and valve noise."""
    firing = uniform(rng, 18.0, 40.0) * (1 + 0.015 * wander(rng, N, 2.0))
    x = engine(rng, firing, int(rng.choice([3, 4, 4, 6])), uniform(rng, 0.2, 0.6))
    x = resonate(
        x, [(log_uniform(rng, 60, 110), 60.0, 1.0), (log_uniform(rng, 150, 350), 120.0, 0.6)]
    ) + 0.05 * lowpass(x, 1500.0, 1)
    rattle = bandpass(impulses(rng, 300.0 * (1 + np.cos(phase(firing))) / 2), 1500.0, 5000.0)
    hiss = shaped(rng, [100, 500, 2000, 8000], [-4, 0, -6, -18])
    return unit(x) + uniform(rng, 0.03, 0.12) * unit(rattle) + uniform(rng, 0.03, 0.12) * hiss


def motorcycle_revving(rng: Rng) -> Signal:
    """Throttle blips: the firing rate leaps from idle to several times that, and falls back."""
    idle = uniform(rng, 22.0, 40.0)
    times, values, at = [0.0], [idle], uniform(rng, 0.05, 0.6)
    while at < 4.8:
        rise, hold, fall = uniform(rng, 0.12, 0.5), uniform(rng, 0.05, 0.7), uniform(rng, 0.3, 0.9)
        peak = idle * uniform(rng, 2.5, 6.0)
        for step, value in ((0.0, idle), (rise, peak), (hold, peak * 0.95), (fall, idle)):
            at += step
            times.append(min(at / 5.0, 1.0 + len(times) * 1e-6))
            values.append(value)
        at += uniform(rng, 0.05, 0.8)
    track = smooth(points(N, times, values), 800)
    x = engine(rng, track, 2, uniform(rng, 0.3, 0.8))
    x = lowpass(x, 3500.0, 1) + resonate(
        x, [(log_uniform(rng, 90, 180), 80.0, 0.8), (log_uniform(rng, 350, 800), 200.0, 0.9)]
    )
    return np.asarray(x * (track / track.max()) ** uniform(rng, 0.6, 1.2))


def train_passing(rng: Rng) -> Signal:
    """Rumble and hiss of wheels, double clacks over rail joints, at times a horn."""
    gain, _ = pass_by(rng, uniform(rng, 6.0, 18.0), uniform(rng, 15.0, 30.0))
    rumble = shaped(rng, [30, 90, 250, 800, 2500, 8000], [-2, 0, -4, -10, -16, -28])
    screech = bandpass(white(rng), 2500.0, 4500.0) * level(rng, N, 6.0, 2.0)
    out = rumble + uniform(rng, 0.0, 0.25) * screech
    spacing, axle = uniform(rng, 0.45, 1.0), uniform(rng, 0.1, 0.17)
    for at in steady(rng, spacing, 0.02):
        for offset in (0.0, axle):
            n = samples(0.25)
            clack = resonate(
                white(rng, n) * decay(n, 0.07),
                [(180.0, 80.0, 8.0), (700.0, 200.0, 5.0), (1900.0, 500.0, 2.5)],
            )
            place(out, clack, at + offset, uniform(rng, 1.5, 3.0))
    out *= gain * level(rng, N, 1.5, 2.0)
    if chance(rng, 0.3):
        n = samples(uniform(rng, 0.7, 1.6))
        base = uniform(rng, 260.0, 340.0)
        horn = sum(buzz(np.full(n, base * r), 0.75) for r in (1.0, 1.26, 1.5))
        place(out, unit(np.asarray(horn)) * np.hanning(n) ** 0.3, uniform(rng, 0.0, 3.0), 0.6)
    return out


def airplane_flying_over(rng: Rng) -> Signal:
    """A broad roar that grows, drops in brightness as it passes overhead, and fades."""
    gain, doppler = pass_by(rng, uniform(rng, 70.0, 120.0), uniform(rng, 90.0, 220.0))
    dark = shaped(rng, [30, 120, 400, 1200, 4000, 8000], [0, 2, 0, -12, -32, -48])
    bright = shaped(rng, [30, 120, 600, 2000, 5000, 8000], [-6, -3, 0, -3, -12, -25])
    near = np.clip(gain, 0, 1)
    out = dark * (1 - 0.6 * near) + bright * near
    if chance(rng, 0.5):
        out += uniform(rng, 0.05, 0.2) * tone(uniform(rng, 900.0, 2200.0) * doppler) * near
    else:
        drone = harmonics(uniform(rng, 55.0, 110.0) * doppler, 0.8 ** np.arange(20))
        out += uniform(rng, 0.3, 1.0) * unit(drone)
    return out * (0.12 + gain) * level(rng, N, 1.2, 3.0)


def race_car_passing(rng: Rng) -> Signal:
    """High-revving scream passing at speed: strong Doppler fall; one or two cars."""
    out = 0.01 * shaped(rng, [50, 400, 2000, 8000], [0, 0, -8, -20])
    for _ in range(2 if chance(rng, 0.35) else 1):
        gain, doppler = pass_by(rng, uniform(rng, 45.0, 85.0), uniform(rng, 12.0, 35.0))
        firing = log_uniform(rng, 280.0, 650.0)
        x = engine(rng, firing * doppler, int(rng.choice([4, 6, 8])), uniform(rng, 0.1, 0.3))
        x = equalise(x, [100, 500, 1500, 4000, 8000], [-15, 0, uniform(rng, 0, 6), -3, -14])
        tyres = shaped(rng, [200, 800, 2500, 8000], [-8, 0, -4, -16])
        out += (unit(x) + uniform(rng, 0.1, 0.4) * tyres) * gain
    return out


def boat_motor_running(rng: Rng) -> Signal:
    """A slow diesel putter or an outboard drone, with water lapping against the hull."""
    if chance(rng, 0.5):
        firing = uniform(rng, 6.0, 13.0) * (1 + 0.02 * wander(rng, N, 1.5))
        cylinders, body = 2, log_uniform(rng, 120.0, 260.0)
    else:
        firing = uniform(rng, 55.0, 120.0) * (1 + 0.03 * wander(rng, N, 0.8))
        cylinders, body = 3, log_uniform(rng, 200.0, 450.0)
    x = engine(rng, firing, cylinders, uniform(rng, 0.5, 1.2))
    x = resonate(x, [(body, body * 0.4, 1.0), (body * 3.1, body * 0.8, 0.4)])
    lap = shaped(rng, [150, 500, 1200, 3000, 8000], [-14, 0, -3, -12, -30])
    lap *= np.clip(wander(rng, N, 2.5), 0, None)
    return unit(x) * level(rng, N, 1.5, 0.8) + uniform(rng, 0.3, 0.9) * lap


def bicycle_bell_ringing(rng: Rng) -> Signal:
    """Trilled rings of a small bell: two close inharmonic partials near 2 to 4 kHz."""
    base = log_uniform(rng, 1700.0, 3100.0)
    ratios = np.array([1.0, 1.006, 1.52, 1.53, 2.3, 2.74])
    out = np.zeros(N)
    at = uniform(rng, 0.05, 0.8)
    while at < 4.6:
        strikes = int(rng.choice([2, 6, 10, 14]))
        gap = uniform(rng, 0.12, 0.2) if strikes == 2 else uniform(rng, 0.035, 0.07)
        for _ in range(strikes):
            ring = modal(rng, 1.0, base * ratios, uniform(rng, 0.5, 1.0), 0.75 ** np.arange(6))
            place(out, ring, at, uniform(rng, 0.4, 1.0))
            at += gap * uniform(rng, 0.9, 1.1)
        at += uniform(rng, 0.5, 1.3)
    return out
