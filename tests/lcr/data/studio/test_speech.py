"""Voices, sentences and styles: what is asked for can be measured in what is heard."""

from __future__ import annotations

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from lcr.data.bank import SAMPLE_RATE, SPLITS, Waveform
from lcr.data.studio import espeak
from lcr.data.studio.sentences import sentence
from lcr.data.studio.speech import render_speech
from lcr.data.studio.voices import VOICES, Voice, voices
from lcr.instruction import STYLE_VALUES, SpeechDescription

pytestmark = pytest.mark.slow

TEXT = "the young teacher found a heavy basket near the river"
PLAIN = {"pitch": "normal", "tempo": "normal", "energy": "normal", "emotion": "neutral"}


def f0_hz(wave: Waveform) -> NDArray[np.float64]:
    """F0 of the voiced frames: the first high peak of the normalised autocorrelation."""
    size, hop = int(0.04 * SAMPLE_RATE), int(0.02 * SAMPLE_RATE)
    frames = np.lib.stride_tricks.sliding_window_view(wave, size)[::hop] * np.hanning(size)
    energy = np.sum(frames**2, axis=1)
    frames = frames[energy > 0.02 * energy.max()]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(size), 2048)) ** 2)[:size]
    correlation = np.fft.irfft(np.abs(np.fft.rfft(frames, 2048)) ** 2)[:, :size]
    correlation = correlation / correlation[:, :1] / (window / window[0] + 1e-3)
    first, last = SAMPLE_RATE // 400, SAMPLE_RATE // 60
    found = []
    for row in correlation[:, first : last + 1]:
        peaks = np.flatnonzero((row[1:-1] > row[:-2]) & (row[1:-1] >= row[2:])) + 1
        peaks = peaks[row[peaks] > max(0.6, 0.9 * row.max())]
        if peaks.size:
            found.append(SAMPLE_RATE / (first + peaks[0]))
    return np.asarray(found)


def range_semitones(wave: Waveform) -> float:
    low, high = np.percentile(f0_hz(wave), (10, 90))
    return float(12 * np.log2(high / low))


def centroid_hz(wave: Waveform) -> float:
    magnitude = np.abs(np.fft.rfft(wave))
    hz = np.fft.rfftfreq(wave.size, 1 / SAMPLE_RATE)
    return float(np.sum(hz * magnitude) / np.sum(magnitude))


@cache
def spoken(voice: Voice, attribute: str = "emotion", value: str = "neutral") -> Waveform:
    style = SpeechDescription(**{**PLAIN, attribute: value})
    return render_speech(voice, style, np.random.default_rng(5), text=TEXT)


def sample(gender: str) -> tuple[Voice, ...]:
    """One voice a split and gender."""
    return tuple(voices(split, gender)[1] for split in SPLITS)


def test_at_least_60_voices_share_no_timbre_between_splits() -> None:
    assert len({voice.name for voice in VOICES}) == len(VOICES) >= 60
    timbres = [{v.espeak_name.split("+")[1] for v in VOICES if v.split == s} for s in SPLITS]
    assert sum(map(len, timbres)) == len(set.union(*timbres))


def test_splits_hold_about_60_15_25_percent_of_the_voices_and_both_genders() -> None:
    shares: Counter[str] = Counter(voice.split for voice in VOICES)
    for split, share in (("train", 0.60), ("valid", 0.15), ("test", 0.25)):
        assert shares[split] / len(VOICES) == pytest.approx(share, abs=0.05)
        assert {voice.gender for voice in VOICES if voice.split == split} == {"M", "F"}


def test_every_voice_speaks_at_a_plausible_f0_for_its_gender() -> None:
    limits = {"M": (80, 150), "F": (165, 260)}
    medians = {voice: float(np.median(f0_hz(spoken(voice)))) for voice in VOICES}
    wrong = {
        voice.name: round(median)
        for voice, median in medians.items()
        if not limits[voice.gender][0] <= median <= limits[voice.gender][1]
    }
    assert wrong == {}


@pytest.mark.parametrize("gender", ["M", "F"])
def test_pitch_values_order_f0_within_a_gender(gender: str) -> None:
    for voice in sample(gender):
        low, normal, high = (
            np.median(f0_hz(spoken(voice, "pitch", value))) for value in STYLE_VALUES["pitch"]
        )
        assert low * 1.12 < normal
        assert normal * 1.12 < high


@pytest.mark.parametrize("gender", ["M", "F"])
def test_tempo_values_order_duration(gender: str) -> None:
    for voice in sample(gender):
        low, normal, high = (spoken(voice, "tempo", v).size for v in STYLE_VALUES["tempo"])
        assert low > 1.2 * normal
        assert normal > 1.2 * high


@pytest.mark.parametrize("gender", ["M", "F"])
def test_energy_values_order_brightness_which_no_level_normalisation_removes(gender: str) -> None:
    for voice in sample(gender):
        waves = [spoken(voice, "energy", value) for value in STYLE_VALUES["energy"]]
        low, normal, high = (centroid_hz(wave) for wave in waves)
        assert low * 1.15 < normal
        assert normal * 1.15 < high
        assert waves[0].std() < waves[1].std() < waves[2].std()


@pytest.mark.parametrize("gender", ["M", "F"])
def test_emotions_change_prosody_and_colour_in_their_own_direction(gender: str) -> None:
    for voice in sample(gender):
        waves = {e: spoken(voice, "emotion", e) for e in STYLE_VALUES["emotion"]}
        assert len({wave.tobytes() for wave in waves.values()}) == len(waves)
        assert range_semitones(waves["happy"]) > 1.2 * range_semitones(waves["neutral"])
        assert range_semitones(waves["surprised"]) > range_semitones(waves["sad"])
        assert centroid_hz(waves["angry"]) > 1.1 * centroid_hz(waves["neutral"])
        assert centroid_hz(waves["sad"]) < centroid_hz(waves["happy"])
        track = f0_hz(waves["surprised"])
        assert np.median(track[-track.size // 5 :]) > np.median(track[: track.size // 2])


def test_an_emotion_does_not_pass_for_another_pitch_or_tempo() -> None:
    for gender in ("M", "F"):
        for emotion in STYLE_VALUES["emotion"]:
            ratios_f0, ratios_time = [], []
            for voice in sample(gender):
                plain, wave = spoken(voice), spoken(voice, "emotion", emotion)
                ratios_f0.append(np.median(f0_hz(wave)) / np.median(f0_hz(plain)))
                ratios_time.append(wave.size / plain.size)
            assert 1 / 1.12 < np.median(ratios_f0) < 1.12, (gender, emotion)
            assert 1 / 1.22 < np.median(ratios_time) < 1.22, (gender, emotion)


def test_draws_of_one_style_differ_and_one_draw_repeats() -> None:
    voice, style = sample("F")[0], SpeechDescription(**PLAIN)
    first, again, other = (
        render_speech(voice, style, np.random.default_rng(seed), text=TEXT) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert first.tobytes() != other.tobytes()


def test_clips_are_finite_mono_float32_of_1_to_6_seconds_below_full_scale() -> None:
    for number, voice in enumerate(VOICES[::9]):
        wave = render_speech(voice, SpeechDescription(), np.random.default_rng(number))
        assert wave.dtype == np.float32
        assert wave.ndim == 1
        assert np.isfinite(wave).all()
        assert 0 < np.abs(wave).max() < 1
        assert 1 < wave.size / SAMPLE_RATE < 6


def test_threads_speak_the_same_as_one_after_the_other() -> None:
    chosen = [*sample("M"), *sample("F")]

    def speak(voice: Voice) -> bytes:
        style = SpeechDescription(**PLAIN)
        return render_speech(voice, style, np.random.default_rng(5), text=TEXT).tobytes()

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(speak, chosen)) == [spoken(voice).tobytes() for voice in chosen]


def test_a_style_of_the_other_gender_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot speak a style of gender F"):
        render_speech(sample("M")[0], SpeechDescription(gender="F"), np.random.default_rng(0))


def test_unknown_voice_split_and_empty_text_are_refused() -> None:
    with pytest.raises(espeak.EspeakError, match="knows no voice 'xx\\+m1'"):
        espeak.synthesize(espeak.Utterance(text="hello", voice="xx+m1"))
    with pytest.raises(ValueError, match="nothing to say"):
        espeak.Utterance(text=" ", voice="gmw/en+m1")
    with pytest.raises(ValueError, match="rate_wpm must be 80 to 450; got 20"):
        espeak.Utterance(text="hello", voice="gmw/en+m1", rate_wpm=20)
    with pytest.raises(ValueError, match="no voice of gender 'X'"):
        voices("train", "X")


def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    monkeypatch.setattr(espeak, "_paths", None)
    with pytest.raises(espeak.EspeakError, match="pip install espeakng-loader"):
        espeak.synthesize(espeak.Utterance(text="hello", voice="gmw/en+m1"))


def test_sentences_are_many_and_of_the_asked_length() -> None:
    rng = np.random.default_rng(0)
    made = [sentence(rng, min_words=5, max_words=12) for _ in range(1500)]
    assert len(set(made)) > 1400
    assert all(5 <= len(text.split()) <= 12 for text in made)
    assert all(text.replace(" ", "").replace("'", "").isalpha() for text in made)


def test_impossible_sentence_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="got 12 to 16"):
        sentence(np.random.default_rng(0), min_words=12, max_words=16)
