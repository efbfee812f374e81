"""Speech in a described style: gender, pitch, tempo, energy and emotion as synthesis parameters.

Section III-A of the paper describes speakers by these five attributes. Energy must survive the
level normalisation of a mixture, so it is vocal effort (spectral tilt, breath, dynamics, pitch
range) besides volume.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from lcr.data.bank import SAMPLE_RATE, Waveform
from lcr.data.studio.espeak import Utterance, synthesize
from lcr.data.studio.sentences import sentence
from lcr.data.studio.vocal import Colour, render_colour
from lcr.data.studio.voices import Voice
from lcr.instruction import STYLE_VALUES, SpeechDescription

F0_HZ: dict[str, dict[str, float]] = {
    "M": {"low": 90.0, "normal": 116.0, "high": 150.0},
    "F": {"low": 164.0, "normal": 204.0, "high": 254.0},
}
"""Centre of the median F0 of each pitch value, relative to gender."""

RATE_WPM: dict[str, float] = {"low": 112.0, "normal": 168.0, "high": 252.0}
"""Centre of the speaking rate of each tempo value, words a minute of eSpeak's own clock."""

_F0_SPREAD_SEMITONES = 0.7
_RATE_SPREAD = 0.06
_RANGE_SEMITONES = 1.5
"""How far a doubled pitch range lifts the median F0."""


@dataclass(frozen=True, kw_only=True)
class _Effort:
    """What an energy value does: tilt in dB per octave about 500 Hz, levels in dB."""

    tilt_db: float
    breath_db: float
    dynamics: float
    drive: float
    pitch_range: float
    semitones: float
    level_db: float


@dataclass(frozen=True, kw_only=True)
class _Feeling:
    """What an emotion does. `contour` gives semitones at the sentence's start, middle and end;
    `bounce` alternates words by that many semitones; tremor and jitter are shares of F0.
    `semitones` and `rate` are set so that with everything else the median F0 moves by at most a
    semitone and the duration by an eighth: an emotion never passes for another pitch or tempo."""

    semitones: float = 0.0
    pitch_range: float = 1.0
    rate: float = 1.0
    tilt_db: float = 0.0
    contour: tuple[float, float, float] | None = None
    bounce: float = 0.0
    restless: float = 0.0
    tremor: float = 0.0
    tremor_hz: float = 5.5
    jitter: float = 0.0
    breath_db: float = -90.0
    dynamics: float = 1.0
    drive: float = 0.0
    nasal_db: float = 0.0
    pause: float = 0.0
    ending: str = "."


_STYLES: Any = json.loads(Path(__file__).with_name("styles.json").read_text(encoding="utf-8"))
_EFFORTS = {name: _Effort(**values) for name, values in _STYLES["efforts"].items()}
_FEELINGS = {name: _Feeling(**values) for name, values in _STYLES["feelings"].items()}


def complete(style: SpeechDescription, voice: Voice, rng: np.random.Generator) -> SpeechDescription:
    """`style` with every unknown attribute drawn; gender comes from the voice.

    Raises ValueError when the style's gender is not the voice's.
    """
    if style.gender not in (None, voice.gender):
        raise ValueError(
            f"voice {voice.name} is {voice.gender}; it cannot speak a style of "
            f"gender {style.gender}: choose a voice of that gender"
        )
    values = {
        name: getattr(style, name) or str(rng.choice(STYLE_VALUES[name]))
        for name in ("pitch", "tempo", "energy", "emotion")
    }
    return SpeechDescription(gender=voice.gender, **values)


def render_speech(
    voice: Voice, style: SpeechDescription, rng: np.random.Generator, *, text: str | None = None
) -> Waveform:
    """Speak one sentence (or `text`) in `style`: (samples,) at 16 kHz, about 1.5 to 5 s, peak < 1.

    Everything random, the sentence included, comes from `rng`. Raises ValueError when the gender
    contradicts the voice, EspeakError when eSpeak NG is missing or silent.
    """
    style = complete(style, voice, rng)
    known = style.known
    effort, feeling = _EFFORTS[known["energy"]], _FEELINGS[known["emotion"]]

    semitones = effort.semitones + feeling.semitones
    semitones += float(rng.uniform(-_F0_SPREAD_SEMITONES, _F0_SPREAD_SEMITONES))
    f0_hz = F0_HZ[known["gender"]][known["pitch"]] * 2 ** (semitones / 12)
    rate_wpm = RATE_WPM[known["tempo"]] * feeling.rate
    rate_wpm *= 1 + float(rng.uniform(-_RATE_SPREAD, _RATE_SPREAD))
    if text is None:
        words_a_second = rate_wpm / 60
        text = sentence(
            rng,
            min_words=int(np.clip(words_a_second * 1.6, 3, 7)),
            max_words=int(np.clip(words_a_second * float(rng.uniform(2.2, 4.6)), 7, 16)),
        )
    pitch_range = 50 * effort.pitch_range * feeling.pitch_range * float(rng.uniform(0.9, 1.1))
    # eSpeak's range opens upwards: without this a lively voice would also be a higher one.
    f0_hz *= 2 ** (-_RANGE_SEMITONES * (min(pitch_range, 99) / 50 - 1) / 12)

    spoken = synthesize(
        Utterance(
            text=_ssml(text, voice, feeling, f0_hz, rng),
            voice=voice.espeak_name,
            # The tract scaling below plays everything faster or slower by the same factor.
            rate_wpm=int(np.clip(round(rate_wpm / voice.tract), 80, 450)),
            pitch=voice.pitch_for(f0_hz),
            pitch_range=int(np.clip(round(pitch_range), 0, 99)),
            seed=int(rng.integers(1, 2**31)),
        )
    )
    colour = Colour(
        tilt_db=effort.tilt_db + feeling.tilt_db,
        breath_db=float(np.logaddexp2(effort.breath_db / 3, feeling.breath_db / 3) * 3),
        dynamics=effort.dynamics * feeling.dynamics,
        drive=effort.drive + feeling.drive,
        tremor=feeling.tremor,
        tremor_hz=feeling.tremor_hz * float(rng.uniform(0.9, 1.1)),
        jitter=feeling.jitter,
        nasal_db=feeling.nasal_db,
        level_db=effort.level_db + float(rng.uniform(-2, 2)),
    )
    return render_colour(
        spoken.samples,
        sample_rate=spoken.sample_rate * voice.tract,
        output_rate=SAMPLE_RATE,
        colour=colour,
        rng=rng,
    )


def _ssml(
    text: str, voice: Voice, feeling: _Feeling, f0_hz: float, rng: np.random.Generator
) -> str:
    """`text` with a pitch for each word and pauses, as the emotion asks."""
    words = [escape(word) for word in text.split()]
    position = np.linspace(0, 1, len(words))
    if feeling.contour is not None:
        semitones = np.interp(position, (0.0, 0.5, 1.0), feeling.contour)
        semitones = semitones + feeling.bounce * (-1.0) ** np.arange(len(words))
        semitones = semitones + feeling.restless * rng.uniform(-1, 1, len(words))
        # Centred: the emotion shapes the contour, the pitch attribute sets its middle.
        semitones = semitones - np.median(semitones)
        words = [
            f'<prosody pitch="{voice.pitch_for(f0_hz * 2 ** (s / 12))}">{word}</prosody>'
            for word, s in zip(words, semitones, strict=True)
        ]
    if len(words) > 3 and rng.random() < feeling.pause:
        place = int(rng.integers(1, len(words) - 1))
        words.insert(place, f'<break time="{int(rng.integers(80, 200))}ms"/>')
    return " ".join(words) + feeling.ending
