"""Instruments: short improvised phrases; only the way a note sounds differs between them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lcr.data.studio.dsp import *

Note = Callable[[float, float], Signal]
"""(pitch in Hz, length in s) -> the note's samples."""

_SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 2, 4, 7, 9), (0, 3, 5, 7, 10))


def phrase(
    rng: Rng,
    note: Note,
    low_hz: float,
    high_hz: float,
    *,
    beat_s: tuple[float, float] = (0.16, 0.45),
    chord: float = 0.0,
    legato: float = 1.0,
    rest: float = 0.1,
) -> Signal:
    """A random walk through a scale with a rhythm, rests and, at times, chords; shape (N,)."""
    scale = _SCALES[int(rng.integers(len(_SCALES)))]
    root = log_uniform(rng, low_hz, low_hz * 1.8)
    top = int(len(scale) * np.log2(high_hz / root))
    step = int(rng.integers(0, max(1, top)))
    beat = log_uniform(rng, *beat_s)
    out = np.zeros(N)
    at = uniform(rng, 0.0, 0.3)

    def pitch(degree: int) -> float:
        octave, index = divmod(degree, len(scale))
        return float(root * 2 ** (octave + scale[index] / 12))

    while at < 4.9:
        length = beat * float(rng.choice([0.5, 1.0, 1.0, 1.0, 2.0]))
        if chance(rng, rest):
            at += length
            continue
        step = int(np.clip(step + rng.integers(-3, 4), 0, max(0, top)))
        gain = uniform(rng, 0.55, 1.0)
        place(out, note(pitch(step), length * legato), at, gain)
        if chance(rng, chord):
            for extra in (2, 4)[: int(rng.integers(1, 3))]:
                place(out, note(pitch(step + extra), length * legato), at, 0.8 * gain)
        at += length
    return out


def playing_piano(rng: Rng) -> Signal:
    """Hammered, slightly stretched partials that die faster the higher they are; chords."""
    bright = uniform(rng, 0.5, 0.75)

    def note(freq: float, length: float) -> Signal:
        k = np.arange(1, 15)
        partials = freq * k * np.sqrt(1 + 0.0004 * k**2)
        rt60 = 4.0 * (260.0 / freq) ** 0.5 / (1 + 0.25 * k)
        seconds = min(length + 0.35, 2.5)
        x = modal(rng, seconds, partials, rt60, bright ** (k - 1) * rng.uniform(0.6, 1.2, 14))
        thump = lowpass(white(rng, 500) * decay(500, 0.02), 700.0)
        x[:500] += 0.4 * thump[: len(x)]
        return x * arc(len(x), 0.001, 0.3)

    return phrase(rng, note, 130.0, 1100.0, chord=0.4, legato=1.3)


def playing_acoustic_guitar(rng: Rng) -> Signal:
    """Plucked steel or nylon strings in a wooden body; picked notes and strummed chords."""
    bright = uniform(rng, 0.25, 0.8)

    def note(freq: float, length: float) -> Signal:
        return pluck(rng, freq, min(length + 0.6, 1.6), uniform(rng, 1.5, 3.0), bright)

    x = phrase(rng, note, 85.0, 500.0, chord=0.3)
    return x + 0.8 * resonate(x, [(105.0, 35.0, 1.0), (205.0, 50.0, 1.0), (400.0, 90.0, 0.6)])


def playing_flute(rng: Rng) -> Signal:
    """Few harmonics, breath noise around the tone, vibrato that grows."""
    breath = uniform(rng, 0.05, 0.3)
    vib_hz = uniform(rng, 4.5, 6.0)

    def note(freq: float, length: float) -> Signal:
        n = samples(length)
        lfo = np.sin(phase(vib_hz, n)) * points(n, [0, 0.4, 1], [0, 0.6, 1])
        x = harmonics(freq * (1 + 0.005 * lfo), [1.0, 0.35, 0.12, 0.05, 0.02]) * (1 + 0.15 * lfo)
        x += breath * resonate(white(rng, n), [(freq, 150.0, 1.5), (freq * 2, 500.0, 0.8)])
        return x * arc(n, 0.05, 0.06)

    return phrase(rng, note, 300.0, 1400.0, legato=0.98)


def playing_violin(rng: Rng) -> Signal:
    """Bowed saw-like tone with body resonances, vibrato and slides."""
    body = [(280.0, 60.0, 0.8), (480.0, 90.0, 1.0), (1100.0, 300.0, 0.6), (2600.0, 700.0, 1.0)]
    vib_hz, depth = uniform(rng, 5.0, 6.8), uniform(rng, 0.004, 0.013)

    def note(freq: float, length: float) -> Signal:
        n = samples(length)
        lfo = np.sin(phase(vib_hz, n)) * points(n, [0, 0.3, 1], [0, 1, 1])
        track = freq * points(n, [0, 0.1, 1], [0.97, 1, 1]) * (1 + depth * lfo)
        k = np.arange(1, 26)
        x = harmonics(track, 1.0 / k) + 0.02 * highpass(white(rng, n), 1500.0)
        return unit(0.4 * x + resonate(x, body)) * arc(n, 0.07, 0.07)

    return phrase(rng, note, 200.0, 1300.0, beat_s=(0.22, 0.7), rest=0.04)


def playing_trumpet(rng: Rng) -> Signal:
    """Brassy: the tone brightens as it gets louder; firm tongued attacks."""
    muted = chance(rng, 0.25)

    def note(freq: float, length: float) -> Signal:
        n = samples(length)
        track = freq * points(n, [0, 0.05, 1], [0.97, 1, 1])
        k = np.arange(1, 19)
        full = np.exp(-(((freq * k - 1300.0) / 1500.0) ** 2)) + 0.2 / k
        swell = points(n, [0, 0.12, 0.3, 1], [0.0, 1.0, 0.75, 0.6])
        x = harmonics(track, full) * swell + harmonics(track, [0.5, 0.25, 0.1]) * (1 - 0.5 * swell)
        if muted:
            x = bandpass(x, 1000.0, 3500.0, 1)
        return unit(x) * arc(n, 0.02, 0.05)

    return phrase(rng, note, 170.0, 900.0, legato=0.92, rest=0.15)


def playing_drum_kit(rng: Rng) -> Signal:
    """Bass drum, snare and cymbals in a sixteen-step beat with fills."""
    step = uniform(rng, 0.09, 0.17)
    kick_hz, snare_hz = uniform(rng, 45.0, 75.0), uniform(rng, 160.0, 260.0)
    n = samples(0.35)
    track = kick_hz * (1 + 3.0 * np.exp(-np.arange(n) / 400.0))
    kick = tone(track) * decay(n, 0.35) + 0.1 * white(rng, n) * decay(n, 0.01)
    rattle = highpass(white(rng, n), 1200.0) * decay(n, uniform(rng, 0.15, 0.3))
    snare = 0.6 * rattle + modal(rng, 0.35, snare_hz * np.array([1, 1.6]), 0.18, 0.5)[:n]
    short = highpass(white(rng, 1600), 5000.0) * decay(1600, uniform(rng, 0.04, 0.12))
    open_hat = highpass(white(rng, 8000), 4500.0) * decay(8000, 0.6)
    toms = [modal(rng, 0.4, f, 0.35, 1.0) for f in (90.0, 130.0, 180.0)]
    kicks = rng.random(16) < 0.18
    kicks[[0, 8]] = True
    out = np.zeros(N)
    hats_every = int(rng.choice([1, 2, 4]))
    for i, at in enumerate(np.arange(uniform(rng, 0.0, 0.2), 5.0, step)):
        beat = i % 16
        if kicks[beat]:
            place(out, kick, at, uniform(rng, 0.8, 1.0))
        if beat in (4, 12) or chance(rng, 0.05):
            place(out, snare, at, uniform(rng, 0.6, 0.9))
        if beat % hats_every == 0:
            place(out, open_hat if chance(rng, 0.08) else short, at, uniform(rng, 0.15, 0.4))
        if beat >= 13 and chance(rng, 0.3):
            place(out, toms[int(rng.integers(3))], at, 0.7)
    return out


def playing_marimba(rng: Rng) -> Signal:
    """Wooden bars: a strong fundamental, a weak partial two octaves up, a mallet knock."""

    def note(freq: float, length: float) -> Signal:
        rt60 = 0.9 * (400.0 / freq) ** 0.6
        x = modal(
            rng,
            1.1,
            freq * np.array([1.0, 3.93, 9.2]),
            rt60 * np.array([1, 0.35, 0.12]),
            [1.0, 0.28, 0.12],
        )
        x[:300] += 0.3 * bandpass(white(rng, 300) * decay(300, 0.012), 400.0, 2500.0)
        return x

    return phrase(rng, note, 180.0, 1300.0, beat_s=(0.1, 0.26), chord=0.15)


def playing_organ(rng: Rng) -> Signal:
    """Held chords of octave-spaced pipes or drawbars with a slow tremulant; no decay."""
    ranks = np.array([0.5, 1, 2, 3, 4, 6, 8])
    stops = rng.uniform(0.1, 1.0, 7) * np.array([0.8, 1, 0.8, 0.4, 0.6, 0.2, 0.3])
    trem = uniform(rng, 0.0, 0.25)

    def note(freq: float, length: float) -> Signal:
        n = samples(length)
        amps = np.zeros(16)
        amps[(ranks * 2).astype(int) - 1] = stops
        x = harmonics(np.full(n, freq / 2), amps) * (1 + trem * np.sin(phase(6.0, n)))
        chiff = resonate(white(rng, n), [(freq * 3, 200.0, 0.4)]) * decay(n, 0.1)
        return (x + chiff) * arc(n, 0.03, 0.08)

    return phrase(rng, note, 130.0, 520.0, beat_s=(0.5, 1.2), chord=0.9, rest=0.0, legato=1.02)


def playing_bass_guitar(rng: Rng) -> Signal:
    """Low plucked or slapped electric strings; a riff between 40 and 160 Hz."""
    bright = uniform(rng, 0.08, 0.4)

    def note(freq: float, length: float) -> Signal:
        x = pluck(rng, freq, length + 0.1, uniform(rng, 2.0, 4.0), bright)
        x = lowpass(x, 1400.0, 1) + 0.5 * tone(np.full(len(x), freq)) * decay(len(x), 1.5) * 0.3
        return x * arc(len(x), 0.003, 0.08)

    x = phrase(rng, note, 40.0, 170.0, beat_s=(0.2, 0.45), rest=0.15)
    return np.tanh(1.5 * unit(x)) * 0.7


def playing_synthesizer(rng: Rng) -> Signal:
    """Electronic arpeggio: detuned saws or squares through a filter that closes on each note."""
    square = chance(rng, 0.5)
    detune = uniform(rng, 1.003, 1.012)
    sweep = uniform(rng, 0.15, 0.6)

    def note(freq: float, length: float) -> Signal:
        n = samples(length)
        k = np.arange(1, 31)
        amps = np.where(square & (k % 2 == 0), 0.0, 1.0 / k)
        dull = amps * 0.75 ** (k - 1)
        mix = np.exp(-np.arange(n) / (sweep * n))
        track = np.full(n, freq)
        x = harmonics(track, amps) * mix + harmonics(track, dull) * (1 - mix)
        x += harmonics(track * detune, amps * 0.95**k)
        return np.asarray(x * arc(n, 0.005, 0.03))

    x = phrase(rng, note, 110.0, 900.0, beat_s=(0.1, 0.25), rest=0.03, legato=0.9)
    delay = samples(uniform(rng, 0.15, 0.35))
    out = x.copy()
    out[delay:] += uniform(rng, 0.0, 0.5) * x[:-delay]
    return out


def playing_harmonica(rng: Rng) -> Signal:
    """Reedy chords, two or three reeds beating together, with bends and a hand tremolo."""
    trem_hz = uniform(rng, 4.0, 7.0)

    def note(freq: float, length: float) -> Signal:
        n = samples(length)
        bend = glide(n, [0, 0.25, 1], [freq * uniform(rng, 0.94, 1.0), freq, freq])
        x = buzz(bend, 0.86) + 0.8 * buzz(bend * 1.004, 0.86) + 0.6 * buzz(bend * 1.26, 0.8)
        x = resonate(x, [(1000.0, 500.0, 0.7), (2300.0, 700.0, 1.0), (3600.0, 900.0, 0.5)])
        lfo = 1 + 0.3 * np.sin(phase(trem_hz, n))
        return unit(x + 0.03 * white(rng, n)) * lfo * arc(n, 0.04, 0.08)

    return phrase(rng, note, 260.0, 1000.0, beat_s=(0.25, 0.6), rest=0.08)


def playing_harp(rng: Rng) -> Signal:
    """Soft long-ringing plucks in arpeggios and sweeping glissandi."""
    bright = uniform(rng, 0.15, 0.35)

    def note(freq: float, length: float) -> Signal:
        x = pluck(rng, freq, 1.8, uniform(rng, 2.0, 4.0), bright)
        return lowpass(x, 3.0 * freq + 800.0, 1)

    x = phrase(rng, note, 100.0, 900.0, beat_s=(0.14, 0.3), chord=0.1)
    if chance(rng, 0.5):
        at, root = uniform(rng, 0.3, 3.0), log_uniform(rng, 200.0, 300.0)
        for i in range(15):
            octave, index = divmod(i, 7)
            place(x, note(root * 2 ** (octave + _SCALES[0][index] / 12), 1.0), at, 0.7)
            at += uniform(rng, 0.03, 0.06)
    return equalise(x, [60, 300, 1500, 8000], [-6, 0, 0, -8])
