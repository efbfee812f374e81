"""People: cries, sneezes, coughs, breath, steps, claps and crowds."""

from __future__ import annotations

import numpy as np

from lcr.data.studio.dsp import *


def baby_crying(rng: Rng) -> Signal:
    """Wails of about a second at 350 to 600 Hz, arched, breath drawn in between."""
    f0 = log_uniform(rng, 340.0, 560.0)
    length = uniform(rng, 0.45, 1.4)
    scale = uniform(rng, 0.9, 1.15)
    formants = [
        (1050.0 * scale, 300.0, 1.0),
        (1900.0 * scale, 500.0, uniform(rng, 0.2, 0.7)),
        (3300.0 * scale, 500.0, uniform(rng, 0.1, 0.5)),
        (4700.0 * scale, 700.0, uniform(rng, 0.05, 0.35)),
    ]
    harsh = uniform(rng, 0.02, 0.3)
    vibrato = uniform(rng, 0.0, 0.03)
    out = np.zeros(N)
    at = uniform(rng, -0.4, 0.5)
    while at < 4.8:
        n = samples(length * uniform(rng, 0.6, 1.3))
        top = f0 * uniform(rng, 1.05, 1.35)
        ends = [f0 * uniform(rng, 0.75, 1.0), top, top * 0.97, f0 * uniform(rng, 0.65, 0.95)]
        track = glide(n, [0, 0.25, 0.6, 1], ends)
        track *= 1 + vibrato * np.sin(phase(uniform(rng, 4, 8), n))
        x = voice(rng, track, formants, brightness=0.95, breath=harsh, jitter=0.008)
        gain = uniform(rng, 0.4, 1.0)
        place(out, unit(x) * arc(n, 0.07, 0.25), at, gain)
        at += n / SAMPLE_RATE + uniform(rng, 0.05, 0.2)
        if chance(rng, 0.6):
            m = samples(uniform(rng, 0.12, 0.3))
            breath = shaped(rng, [300, 1500, 3000, 7000], [-20, 0, 0, -15], m) * arc(m, 0.06, 0.06)
            place(out, breath, at, 0.12 * gain)
            at += m / SAMPLE_RATE
        at += uniform(rng, 0.0, 0.35)
    return out


def person_sneezing(rng: Rng) -> Signal:
    """An indrawn "ah", then a burst of hiss with a voiced kick: one to three times."""
    formant = log_uniform(rng, 380.0, 800.0)
    f0 = log_uniform(rng, 130.0, 420.0)
    hiss_hz = log_uniform(rng, 1200.0, 3500.0)
    events = []
    for _ in range(int(rng.choice([1, 2, 2, 3]))):
        parts = []
        for _ in range(int(rng.integers(1, 4))):
            n = samples(uniform(rng, 0.15, 0.4))
            track = glide(n, [0, 1], [f0 * 0.9, f0 * 1.25])
            ah = voice(rng, track, [(formant, 150.0, 1.0), (1300.0, 250.0, 0.5)], breath=0.8)
            parts.append(unit(ah) * points(n, [0, 0.7, 1], [0, 1, 0]) * uniform(rng, 0.08, 0.4))
        n = samples(uniform(rng, 0.5, 1.1))
        hiss = shaped(rng, [150, 400, hiss_hz, 7900], [-9, -2, 0, uniform(rng, -20, -6)], n)
        env = points(n, [0, 0.04, 0.25, 0.5, 0.8, 1], [0, 1, 0.45, 0.14, 0.05, 0])
        track = glide(n, [0, 0.15, 1], [f0 * 1.3, f0 * 1.7, f0 * 0.7])
        oo = voice(rng, track, [(formant, 160.0, 1.0), (1500.0, 300.0, 0.6)], breath=0.3)
        kick = points(n, [0, 0.05, 0.4, 0.75, 1], [0, 1, 0.6, 0.1, 0])
        parts.append(unit(hiss) * env + unit(oo) * kick * uniform(rng, 0.2, 0.9))
        events.append(np.concatenate(parts))
    return scattered(rng, events, (0.15, 0.9), 0.5)


def person_snoring(rng: Rng) -> Signal:
    """Slow breaths: a rattling inward snore, a softer hiss outward."""
    rattle = uniform(rng, 28.0, 70.0)
    cycle = uniform(rng, 1.6, 2.6)
    formants = [
        (log_uniform(rng, 200.0, 420.0), 120.0, 1.0),
        (log_uniform(rng, 700.0, 1300.0), 300.0, 0.5),
        (2300.0, 600.0, 0.12),
    ]
    out = np.zeros(N)
    for at in steady(rng, cycle, 0.04, uniform(rng, -0.8, 0.4)):
        n = samples(cycle * uniform(rng, 0.4, 0.5))
        track = glide(n, [0, 0.5, 1], [rattle * 0.8, rattle * 1.2, rattle])
        x = voice(rng, track, formants, brightness=0.97, breath=0.5, jitter=0.1)
        place(out, unit(x) * arc(n, 0.3, 0.2), at, uniform(rng, 0.7, 1.0))
        m = samples(cycle * 0.35)
        sigh = shaped(rng, [200, 900, 3000, 8000], [-10, 0, -8, -25], m) * arc(m, 0.2, 0.3)
        place(out, sigh, at + cycle * 0.52, uniform(rng, 0.08, 0.3))
    return out


def person_whistling(rng: Rng) -> Signal:
    """A human whistled tune: near-pure tones from 700 Hz to 2.5 kHz, slides and vibrato."""
    root = log_uniform(rng, 700.0, 1300.0)
    beat = uniform(rng, 0.16, 0.34)
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    out = np.zeros(N)
    at, step = uniform(rng, 0.0, 0.4), int(rng.integers(0, 8))
    last = root * 2 ** (scale[step] / 12)
    while at < 4.9:
        step = int(np.clip(step + rng.integers(-2, 3), 0, 7))
        freq = root * 2 ** (scale[step] / 12)
        length = beat * float(rng.choice([1.0, 1.0, 2.0, 3.0]))
        n = samples(length * 0.93)
        track = glide(n, [0, 0.15, 1], [last, freq, freq])
        vib = uniform(rng, 0.002, 0.012) * points(n, [0, 0.3, 1], [0, 1, 1])
        track *= 1 + vib * np.sin(phase(uniform(rng, 4.5, 6.5), n))
        x = harmonics(track, [1.0, 0.03, 0.01])
        x += 0.06 * resonate(white(rng, n), [(freq, 500.0, 1.0)])
        place(out, x * arc(n, 0.03, 0.05), at, uniform(rng, 0.7, 1.0))
        at += length + (uniform(rng, 0.1, 0.5) if chance(rng, 0.12) else 0.0)
        last = freq
    return out


def footsteps(rng: Rng) -> Signal:
    """Heel and toe on a floor: from hard shoes on stone to boots on gravel."""
    interval = uniform(rng, 0.36, 0.72)
    gravel = uniform(rng, 0.0, 1.0) ** 2
    body = log_uniform(rng, 90.0, 280.0)
    click = log_uniform(rng, 900.0, 2500.0)
    out = np.zeros(N)
    for i, at in enumerate(steady(rng, interval, 0.03)):
        for offset, gain in ((0.0, 1.0), (uniform(rng, 0.06, 0.11), uniform(rng, 0.3, 0.6))):
            n = samples(0.2)
            hit = white(rng, n) * decay(n, 0.05)
            x = resonate(hit, [(body, 70.0, 5.0), (click, 500.0, 2.0 * (1 - gravel))])
            place(out, x, at + offset, gain * (0.8 if i % 2 else 1.0) * uniform(rng, 0.75, 1.0))
        m = samples(uniform(rng, 0.12, 0.22))
        crunch = bandpass(impulses(rng, 900.0, 8.0, m), 700.0, 6500.0)
        place(out, crunch * arc(m, 0.03, 0.08), at, 4.0 * gravel)
    return out * points(N, [0, 1], [uniform(rng, 0.3, 1.0), uniform(rng, 0.3, 1.0)])


def hands_clapping(rng: Rng) -> Signal:
    """One to a few people clapping: sharp broad bursts around 1 to 2 kHz."""
    people = int(rng.choice([1, 1, 2, 4, 8]))
    tempo = uniform(rng, 0.18, 0.45)
    out = np.zeros(N)
    for person in range(people):
        centre = log_uniform(rng, 800.0, 2200.0)
        n = samples(0.12)
        times = steady(rng, tempo * uniform(rng, 0.85, 1.15), 0.06, uniform(rng, 0, 0.4))
        for at in times:
            x = resonate(
                white(rng, n) * decay(n, 0.06), [(centre, 500.0, 2.0), (3600.0, 1500.0, 1.0)]
            )
            place(out, x, at, uniform(rng, 0.6, 1.0) * (1.0 if person == 0 else 0.7))
    return out


def _babble(rng: Rng, talkers: int, low_hz: float, high_hz: float, syllable_s: float) -> Signal:
    """Many voices at once, each a chain of vowel-like syllables with pauses."""
    out = np.zeros(N)
    for _ in range(talkers):
        f0 = log_uniform(rng, low_hz, high_hz)
        track = f0 * np.exp(0.12 * wander(rng, N, 3.0))
        source = voice(
            rng,
            track,
            [
                (log_uniform(rng, 350, 800), 120.0, 1.0),
                (log_uniform(rng, 1000, 2200), 250.0, 0.5),
                (2800.0, 400.0, 0.2),
            ],
            brightness=0.9,
            breath=0.15,
        )
        # Each voice speaks twice, at other moments: half the cost of as many voices.
        for shift in (0, int(rng.integers(N))):
            talk = np.clip(wander(rng, N, 1.0 / syllable_s) + 0.3, 0, None)
            pauses = gate(wander(rng, N, 0.9) > -0.4, 0.08)
            out += np.roll(unit(source), shift) * talk * pauses * uniform(rng, 0.3, 1.0)
    return unit(out)


def crowd_cheering(rng: Rng) -> Signal:
    """A roar of shouted vowels, whistles and applause that swells and falls."""
    roar = shaped(rng, [100, 400, 1000, 2500, 8000], [-18, -4, 0, -6, -24])
    roar = unit(equalise(roar, [300, 900, 1800, 8000], rng.uniform(-4, 4, 4)))
    shouts = _babble(rng, 3, 220.0, 600.0, 0.5)
    claps = bandpass(impulses(rng, uniform(rng, 80.0, 500.0), 5.0), 900.0, 4000.0, 1)
    out = roar + uniform(rng, 0.4, 1.0) * shouts + uniform(rng, 0.1, 0.6) * unit(claps)
    for _ in range(int(rng.integers(0, 4))):
        n = samples(uniform(rng, 0.3, 0.8))
        base = uniform(rng, 1800, 2800)
        whistle = harmonics(glide(n, [0, 0.5, 1], [base, base * 1.3, base]), [1.0, 0.1])
        place(out, whistle * arc(n, 0.05, 0.1), uniform(rng, 0.0, 4.5), uniform(rng, 0.3, 1.2))
    swell = points(N, [0, uniform(rng, 0.2, 0.7), 1], list(rng.uniform(0.3, 1.0, 3)))
    return out * swell * level(rng, N, 1.5, 2.0)


def crowd_chattering(rng: Rng) -> Signal:
    """A room full of talk: overlapping voices, now and then a laugh or a cup."""
    out = _babble(rng, int(rng.integers(3, 5)), 90.0, 260.0, uniform(rng, 0.1, 0.16))
    out += 0.25 * shaped(rng, [80, 250, 600, 1500, 6000], [-10, 0, -2, -10, -30])
    for _ in range(int(rng.integers(0, 3))):
        f0, at = log_uniform(rng, 200, 400), uniform(rng, 0.2, 3.8)
        for i in range(int(rng.integers(3, 7))):
            n = samples(0.13)
            track = glide(n, [0, 1], [f0 * 1.1, f0 * 0.85])
            ha = voice(rng, track, [(800.0, 150.0, 1.0), (1300.0, 200.0, 0.6)], breath=0.4)
            place(out, unit(ha) * arc(n, 0.03, 0.06), at + 0.19 * i, 1.6 * 0.88**i)
    return out * level(rng, N, 1.5, 0.8)


def person_coughing(rng: Rng) -> Signal:
    """Coughs in twos and threes: a hard noisy burst, then a short voiced tail."""
    formant = log_uniform(rng, 450.0, 800.0)
    f0 = log_uniform(rng, 100.0, 260.0)
    out = np.zeros(N)
    at = uniform(rng, 0.05, 0.5)
    while at < 4.5:
        for _ in range(int(rng.integers(2, 5))):
            n = samples(uniform(rng, 0.2, 0.4))
            burst = resonate(
                white(rng, n),
                [(formant, 200.0, 1.0), (formant * 2.3, 400.0, 0.8), (3200.0, 900.0, 0.4)],
            )
            track = glide(n, [0, 0.3, 1], [f0, f0 * 1.2, f0 * 0.8])
            tail = voice(rng, track, [(formant, 140.0, 1.0), (1400.0, 250.0, 0.4)], breath=0.5)
            x = unit(burst) * points(n, [0, 0.04, 0.3, 1], [0, 1, 0.25, 0])
            x += unit(tail) * points(n, [0, 0.25, 0.5, 1], [0, 0.1, 0.5, 0]) * uniform(rng, 0.3, 1)
            place(out, x, at, uniform(rng, 0.5, 1.0))
            at += n / SAMPLE_RATE + uniform(rng, 0.03, 0.2)
        at += uniform(rng, 0.5, 1.3)
    return out
