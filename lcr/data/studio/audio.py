"""Any class of the `studio` bank as sound: its generator, then the place it was recorded in."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from lcr.data.bank import Waveform
from lcr.data.studio.classes import FAMILY_OF, LABELS
from lcr.data.studio.dsp import *

_INDOOR_FAMILIES = frozenset({"people", "instruments", "household", "electronics", "alarms"})


def _record(rng: Rng, x: Signal, *, indoor: bool) -> Signal:
    """Put a dry sound in a place: reverberation, distance, microphone tilt, faint noise."""
    if chance(rng, 0.65 if indoor else 0.4):
        rt60 = log_uniform(rng, 0.15, 0.9) if indoor else log_uniform(rng, 0.3, 1.4)
        x = room(rng, x, rt60, uniform(rng, 0.05, 0.45 if indoor else 0.2))
    if chance(rng, 0.3):
        x = lowpass(x, log_uniform(rng, 3000.0, 7500.0), order=1)
    tilt = uniform(rng, -7.0, 5.0)
    x = equalise(x, [60.0, 1000.0, NYQUIST_HZ], [-0.6 * tilt + uniform(rng, -4.0, 3.0), 0.0, tilt])
    if chance(rng, 0.5):
        floor = shaped(
            rng, [40.0, 200.0, 1000.0, NYQUIST_HZ], [0.0, -3.0, -10.0, uniform(rng, -30.0, -8.0)]
        )
        x = x + np.abs(x).max() * 10.0 ** (uniform(rng, -66.0, -40.0) / 20.0) * floor
    return x


def renderer(label: str) -> Renderer:
    """The generator of a class, of (N,) float64 samples at no particular level: the function of
    its name, with underscores, in the module of its family. Raises KeyError for others."""
    if label not in FAMILY_OF:
        raise KeyError(f"unknown studio class {label!r}; one of: {', '.join(LABELS)}")
    module = import_module(f"lcr.data.studio.{FAMILY_OF[label]}")
    found: Renderer = getattr(module, label.replace(" ", "_"))
    return found


def render(label: str, rng: np.random.Generator) -> Waveform:
    """A new recording of a class: (80 000,) float32 at 16 kHz, finite, peak in [0.05, 1].

    The same generator state gives the same samples. Raises KeyError for a label that is not
    in `LABELS`.
    """
    draw = renderer(label)
    dry = draw(rng)
    while not dry.any():  # one draw in thousands rests for the whole clip: draw again
        dry = draw(rng)
    wet = _record(rng, dry, indoor=FAMILY_OF[label] in _INDOOR_FAMILIES)
    wet = wet[:N] - wet[:N].mean()
    peak = uniform(rng, 0.25, 0.95)
    return np.asarray(wet * (peak / np.abs(wet).max()), dtype=np.float32)
