"""Animals: calls as pulse trains through formants, songs as whistles, wings and hooves."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *


def dog_barking(rng: Rng) -> Signal:
    """Short rising-falling barks, single or in bursts, with a rough start and gaps between."""
    f0 = log_uniform(rng, 260.0, 800.0)
    length = uniform(rng, 0.13, 0.3)
    peak = uniform(rng, 1.2, 1.9)
    formants = [
        (log_uniform(rng, 520.0, 900.0), 180.0, 1.0),
        (log_uniform(rng, 900.0, 1700.0), 260.0, uniform(rng, 0.4, 1.0)),
        (log_uniform(rng, 2000.0, 3200.0), 400.0, uniform(rng, 0.02, 0.12)),
    ]
    rough = uniform(rng, 0.1, 0.6)
    gap = (0.03, 0.12) if chance(rng, 0.35) else (0.12, uniform(rng, 0.25, 0.5))
    out = np.zeros(N)
    at, sounding, enough = uniform(rng, 0.02, 0.9), 0.0, uniform(rng, 1.3, 2.4)
    while sounding < enough and at < 4.8:
        for _ in range(int(rng.integers(1, 5))):
            n = samples(length * uniform(rng, 0.8, 1.25))
            pitch = f0 * uniform(rng, 0.92, 1.1)
            track = glide(n, [0, 0.3, 1], [pitch * 0.8, pitch * peak, pitch * 0.7])
            x = voice(rng, track, formants, brightness=0.85, breath=rough, jitter=0.03)
            env = points(n, [0, 0.1, 0.5, 0.8, 1], [0, 1, 0.7, 0.25, 0])
            place(out, unit(x) * env, at, uniform(rng, 0.6, 1.0))
            sounding += n / SAMPLE_RATE
            at += n / SAMPLE_RATE + uniform(rng, *gap)
        at += uniform(rng, 0.0, 0.6)
    return out


def cat_meowing(rng: Rng) -> Signal:
    """Meows: half a second to over a second, the vowel opening and closing."""
    f0 = log_uniform(rng, 380.0, 800.0)
    meows = []
    for _ in range(int(rng.integers(2, 5))):
        n = samples(uniform(rng, 0.5, 1.1))
        track = glide(n, [0, 0.3, 1], [f0 * 0.8, f0 * uniform(rng, 1.1, 1.4), f0 * 0.75])
        track = track * (1 + 0.015 * np.sin(phase(uniform(rng, 5, 8), n)))
        closed = [(500.0, 150.0, 1.0), (2300.0, 300.0, 0.5), (3400.0, 400.0, 0.3)]
        opened = [(1100.0, 200.0, 1.0), (1700.0, 250.0, 0.8), (3600.0, 400.0, 0.4)]
        mouth = points(n, [0, 0.15, 0.45, 1], [0, 0.3, 1, 0.1])
        x = (1 - mouth) * voice(rng, track, closed, brightness=0.88)
        x = x + mouth * voice(rng, track, opened, brightness=0.9)
        meows.append(unit(x) * arc(n, 0.12, 0.35))
    return scattered(rng, meows, (0.1, 0.7), 0.5)


def rooster_crowing(rng: Rng) -> Signal:
    """Cock-a-doodle-doo: short notes, then a long one that holds and falls; harmonics to 6 kHz."""
    f0 = log_uniform(rng, 450.0, 800.0)
    lengths = [uniform(rng, 0.15, 0.3), uniform(rng, 0.1, 0.2), uniform(rng, 0.15, 0.35)]
    lengths = [*lengths[: int(rng.integers(1, 4))], uniform(rng, 0.9, 1.6)]
    formants = [
        (f0 * 1.1, 250.0, uniform(rng, 0.1, 0.7)),
        (log_uniform(rng, 1000.0, 1700.0), 350.0, 1.0),
        (log_uniform(rng, 1900.0, 3000.0), 400.0, uniform(rng, 0.15, 0.5)),
        (log_uniform(rng, 3300.0, 4500.0), 600.0, uniform(rng, 0.05, 0.25)),
    ]
    rough = uniform(rng, 0.02, 0.2)
    out = np.zeros(N)
    at = uniform(rng, 0.05, 1.4)
    for _ in range(2 if chance(rng, 0.3) else 1):
        for i, length in enumerate(lengths):
            n = samples(length)
            if i == len(lengths) - 1:
                track = glide(
                    n, [0, 0.1, 0.6, 1], [f0, f0 * 1.12, f0 * 1.08, f0 * uniform(rng, 0.65, 0.9)]
                )
                env = arc(n, 0.03, 0.3 * length)
            else:
                track = glide(n, [0, 0.5, 1], [f0 * 0.85, f0 * uniform(rng, 0.95, 1.2), f0 * 0.95])
                env = arc(n, 0.03, 0.05)
            x = voice(rng, track, formants, brightness=0.93, breath=rough, jitter=0.008)
            place(out, unit(x) * env, at, 0.6 if i == 0 else 1.0)
            at += length + uniform(rng, 0.0, 0.06)
        at += uniform(rng, 0.3, 0.8)
    return out


def cow_mooing(rng: Rng) -> Signal:
    """Long low moos that swell, bend upwards and sag."""
    f0 = log_uniform(rng, 85.0, 160.0)
    moos = []
    for _ in range(int(rng.integers(1, 3))):
        n = samples(uniform(rng, 1.3, 2.4))
        track = glide(n, [0, 0.3, 0.7, 1], [f0 * 0.8, f0 * 1.1, f0 * 1.3, f0 * 0.8])
        dark = [(280.0, 90.0, 1.0), (650.0, 150.0, 0.3), (2000.0, 400.0, 0.05)]
        open_ = [(480.0, 110.0, 1.0), (950.0, 180.0, 0.6), (2300.0, 400.0, 0.15)]
        mouth = points(n, [0, 0.3, 0.7, 1], [0, 0.4, 1, 0.3])
        x = (1 - mouth) * voice(rng, track, dark, brightness=0.9, breath=0.08)
        x = x + mouth * voice(rng, track, open_, brightness=0.93, breath=0.1, jitter=0.02)
        moos.append(unit(x) * arc(n, 0.3, 0.4))
    return scattered(rng, moos, (0.1, 0.5))


def sheep_bleating(rng: Rng) -> Signal:
    """Nasal bleats shaken by a strong tremolo."""
    f0 = log_uniform(rng, 190.0, 420.0)
    shake = uniform(rng, 7.0, 12.0)
    bleats = []
    formants = [(700.0, 150.0, 0.7), (1300.0, 200.0, 1.0), (2700.0, 300.0, 0.6)]
    scale = uniform(rng, 0.85, 1.2)
    formants = [(f * scale, b, g) for f, b, g in formants]
    for _ in range(int(rng.integers(2, 5))):
        n = samples(uniform(rng, 0.5, 1.2))
        lfo = np.sin(phase(shake * uniform(rng, 0.95, 1.05), n))
        track = glide(n, [0, 0.2, 1], [f0, f0 * 1.1, f0 * 0.85]) * (1 + 0.05 * lfo)
        x = voice(rng, track, formants, brightness=0.94, breath=0.1)
        bleats.append(unit(x) * (0.6 + 0.4 * lfo) * arc(n, 0.04, 0.15))
    return scattered(rng, bleats, (0.1, 0.6), 0.5)


def duck_quacking(rng: Rng) -> Signal:
    """Series of quacks, each a reedy falling buzz, often getting quieter."""
    f0 = log_uniform(rng, 170.0, 320.0)
    out = np.zeros(N)
    at = uniform(rng, 0.05, 0.5)
    gap = uniform(rng, 0.08, 0.22)
    formants = [
        (log_uniform(rng, 1000.0, 1500.0), 150.0, 1.0),
        (log_uniform(rng, 2000.0, 2800.0), 250.0, 0.7),
        (3700.0, 400.0, 0.3),
    ]
    while at < 4.8:
        for i in range(int(rng.integers(2, 8))):
            n = samples(uniform(rng, 0.13, 0.25))
            track = glide(n, [0, 0.2, 1], [f0 * 0.9, f0 * 1.15, f0 * 0.75])
            x = voice(rng, track, formants, brightness=0.97, breath=0.2, jitter=0.03)
            place(out, unit(x) * arc(n, 0.015, 0.07), at, 0.92**i)
            at += n / SAMPLE_RATE + gap * uniform(rng, 0.7, 1.3)
        at += uniform(rng, 0.2, 0.8)
    return out


def crow_cawing(rng: Rng) -> Signal:
    """Harsh caws: a noisy pulse train, rattling at 50 to 100 Hz."""
    f0 = log_uniform(rng, 380.0, 620.0)
    caws = []
    formants = [
        (log_uniform(rng, 1150.0, 1800.0), 280.0, 1.0),
        (log_uniform(rng, 2200.0, 3200.0), 500.0, 0.4),
    ]
    length, rattle = uniform(rng, 0.3, 0.55), uniform(rng, 50.0, 100.0)
    for _ in range(int(rng.integers(4, 8))):
        n = samples(length * uniform(rng, 0.85, 1.15))
        track = glide(n, [0, 0.3, 1], [f0 * 0.9, f0 * 1.1, f0 * 0.8])
        x = voice(rng, track, formants, brightness=0.9, breath=0.9, jitter=0.06)
        x *= 0.6 + 0.4 * np.sin(phase(rattle, n))
        caws.append(unit(x) * arc(n, 0.03, 0.12))
    gap = (0.12, uniform(rng, 0.2, 0.45))
    return scattered(rng, caws, gap, 0.5)


def songbird_chirping(rng: Rng) -> Signal:
    """Whistled syllables between 2 and 7 kHz in repeated phrases and trills."""
    out = np.zeros(N)
    at = uniform(rng, 0.0, 0.4)
    base = log_uniform(rng, 2400.0, 4800.0)
    while at < 4.8:
        length, gap = log_uniform(rng, 0.035, 0.2), uniform(rng, 0.02, 0.1)
        shape = base * np.exp(rng.uniform(-0.3, 0.35, 3))
        n = samples(length)
        track = np.minimum(glide(n, [0, 0.5, 1], list(shape)), 7400.0)
        note = harmonics(track, [1.0, uniform(rng, 0.0, 0.15)])
        note *= arc(n, 0.25 * length, 0.4 * length)
        for _ in range(int(rng.integers(1, 3) if length > 0.12 else rng.integers(3, 12))):
            place(out, note, at, uniform(rng, 0.7, 1.0))
            at += length + gap
        at += uniform(rng, 0.05, 0.7)
    return out


def frog_croaking(rng: Rng) -> Signal:
    """Croaks: trains of short resonant pulses, repeated steadily, sometimes by two frogs."""
    out = np.zeros(N)
    for frog in range(2 if chance(rng, 0.4) else 1):
        pulse_hz = uniform(rng, 22.0, 60.0)
        centre = log_uniform(rng, 450.0, 2200.0)
        croak, gap = uniform(rng, 0.2, 0.7), uniform(rng, 0.15, 0.6)
        at = uniform(rng, 0.0, 0.5)
        while at < 4.9:
            n = samples(croak * uniform(rng, 0.9, 1.1))
            turns = np.floor(phase(pulse_hz, n) / (2 * np.pi))
            ticks = np.diff(turns, prepend=0.0)
            x = resonate(ticks, [(centre, 90.0, 1.0), (centre * 1.9, 150.0, 0.5)])
            x *= points(n, [0, 0.6, 0.9, 1], [0.3, 1, 1, 0])
            place(out, unit(x), at, 1.0 if frog == 0 else 0.4)
            at += n / SAMPLE_RATE + gap * uniform(rng, 0.8, 1.3)
    return out


def crickets_chirping(rng: Rng) -> Signal:
    """Pure chirps near 4 to 5.5 kHz, pulsed in groups; a few insects at different distances."""
    out = np.zeros(N)
    t = np.arange(N) / SAMPLE_RATE
    for i in range(int(rng.integers(1, 5))):
        carrier = uniform(rng, 3600.0, 5600.0) * (1 + 0.002 * wander(rng, N, 3.0))
        pulse_hz = uniform(rng, 25.0, 65.0)
        pulses = np.clip(np.sin(phase(pulse_hz, N)), 0, 1) ** 0.7
        if chance(rng, 0.7):
            chirp_hz = uniform(rng, 1.6, 4.5)
            share = min(0.8, float(rng.integers(2, 6)) / pulse_hz * chirp_hz)
            pulses *= gate((t * chirp_hz + rng.random()) % 1.0 < share, 0.008)
        out += tone(carrier) * pulses * level(rng, N, 1.0, 1.0) * (0.45**i)
    return out


def bee_buzzing(rng: Rng) -> Signal:
    """Wing buzz near 200 Hz whose pitch and level wander as the bee flies about."""
    f0 = log_uniform(rng, 150.0, 270.0)
    out = np.zeros(N)
    for i in range(1 + int(chance(rng, 0.3))):
        track = f0 * (1 + 0.06 * wander(rng, N, uniform(rng, 1.0, 4.0)))
        near = level(rng, N, uniform(rng, 4.0, 8.0), uniform(rng, 0.7, 2.0))
        x = buzz(track * (1 + 0.01 * wander(rng, N, 60.0)), uniform(rng, 0.82, 0.93))
        x = resonate(x, [(f0 * 1.1, 150.0, 1.0), (1100.0, 900.0, 0.8), (2800.0, 1200.0, 0.4)])
        out += unit(x) * near * (0.5**i)
        f0 *= uniform(rng, 1.05, 1.3)
    return out


def horse_galloping(rng: Rng) -> Signal:
    """Three-beat gallop of dull hoof-beats, with clicks on hard ground."""
    stride = uniform(rng, 0.38, 0.6)
    hard = uniform(rng, 0.0, 1.0)
    body = log_uniform(rng, 110.0, 320.0)
    beats = np.array([0.0, uniform(rng, 0.2, 0.27), uniform(rng, 0.42, 0.52)])
    out = np.zeros(N)
    accents = rng.uniform(0.5, 1.0, 3)
    for start in np.arange(uniform(rng, -0.3, 0.2), 5.0, stride):
        for beat, accent in zip(beats, accents, strict=True):
            n = samples(0.16)
            hit = white(rng, n) * decay(n, 0.08)
            x = resonate(hit, [(body * uniform(rng, 0.9, 1.1), 60.0, 4.0)])
            x += hard * resonate(hit, [(uniform(rng, 900, 1300), 250.0, 1.5), (2400.0, 500.0, 0.7)])
            x += 0.3 * lowpass(hit, 900.0)
            at = start + stride * beat + uniform(rng, -0.008, 0.008)
            place(out, x, at, accent * uniform(rng, 0.7, 1.0))
    swell = points(N, [0, uniform(rng, 0.2, 0.8), 1], list(rng.uniform(0.35, 1.0, 3)))
    return out * swell


def owl_hooting(rng: Rng) -> Signal:
    """Soft, nearly pure hoots: a short-short-long phrase or an even series."""
    f0 = log_uniform(rng, 240.0, 480.0)
    if chance(rng, 0.5):
        pattern = [(0.35, 0.25), (0.15, 0.1), (0.2, 0.35), (0.45, 0.3)]
    else:
        pattern = [(uniform(rng, 0.2, 0.5), uniform(rng, 0.15, 0.4))] * int(rng.integers(3, 7))
    stretch = uniform(rng, 0.9, 1.4)
    out = np.zeros(N)
    at = uniform(rng, 0.05, 0.6)
    while at < 4.7:
        for length, gap in pattern:
            n = samples(length * stretch)
            track = glide(n, [0, 0.3, 1], [f0 * 0.9, f0 * 1.05, f0 * 0.9])
            x = harmonics(track * (1 + 0.01 * np.sin(phase(6.0, n))), [1.0, 0.12, 0.05])
            x += 0.05 * bandpass(white(rng, n), f0 * 0.8, f0 * 2.5)
            place(out, x * arc(n, 0.3 * length, 0.4 * length), at, uniform(rng, 0.75, 1.0))
            at += (length + gap) * stretch
        at += uniform(rng, 0.5, 1.2)
    return out


def pig_grunting(rng: Rng) -> Signal:
    """Low snorting grunts in irregular groups, now and then a squeal."""
    grunts = []
    f0 = log_uniform(rng, 55.0, 110.0)
    centre = log_uniform(rng, 320.0, 650.0)
    for _ in range(int(rng.integers(5, 10))):
        n = samples(uniform(rng, 0.12, 0.4))
        if chance(rng, 0.08):
            track = glide(n, [0, 0.4, 1], [700.0, 1300.0, 900.0])
            x = voice(rng, track, [(1400.0, 400.0, 1.0), (3000.0, 600.0, 0.7)], breath=0.3)
        else:
            track = glide(n, [0, 0.5, 1], [f0, f0 * uniform(rng, 1.0, 1.4), f0 * 0.8])
            formants = [(centre, 180.0, 1.0), (centre * 2.4, 400.0, 0.5), (2600.0, 700.0, 0.15)]
            x = voice(rng, track, formants, brightness=0.95, breath=0.7, jitter=0.12)
        grunts.append(unit(x) * arc(n, 0.03, 0.08))
    return scattered(rng, grunts, (0.05, 0.35), 0.4)
