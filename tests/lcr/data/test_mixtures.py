"""Mixtures: audible sources, stated levels, exact sums, the same in any process and order."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lcr.data.bank import Entry, Split, Waveform
from lcr.data.classes import WithoutClasses
from lcr.data.mixtures import MixtureConfig, MixtureSet, active_frames, place, set_level
from lcr.data.studio.classes import SEEN_LABELS, UNSEEN
from lcr.errors import LcrError
from lcr.instruction import AudioDescription, SpeechDescription, Task, tell_apart
from lcr.prompts.generator import implied_actions
from lcr.prompts.generator.labels import PARAPHRASES

CONFIG = MixtureConfig(duration_s=1.0)
OLDER_OPTIONS = (
    "active_range_db",
    "duration_s",
    "level_db",
    "min_active",
    "n_audio",
    "n_speech",
    "reference_level_db",
)


class ToyBank:
    """Noise bursts of known place; speech differs by gender and pitch."""

    name = "toy"
    digest = hashlib.sha256(b"toy").hexdigest()

    def entries(self, split: Split) -> Sequence[Entry]:
        speech = [
            Entry(
                id=f"speech-{g}-{p}-{i}",
                description=SpeechDescription(gender=g, pitch=p),
                split=split,
                group=f"{g}{i}",
            )
            for g in ("M", "F")
            for p in ("low", "high")
            for i in range(3)
        ]
        audio = [
            Entry(
                id=f"audio-{label}-{i}",
                description=AudioDescription(label=label),
                split=split,
                group=label,
            )
            for label in ("rain", "dog barking", "helicopter")
            for i in range(2)
        ]
        return [*speech, *audio]

    def load(self, entry: Entry) -> Waveform:
        seed = int.from_bytes(hashlib.sha256(entry.id.encode()).digest()[:4], "little")
        rng = np.random.default_rng(seed)
        wave = np.zeros(int(rng.integers(4000, 40000)), dtype=np.float32)
        at = int(rng.integers(0, len(wave) - 3200))
        wave[at : at + 3200] = 0.1 * rng.standard_normal(3200)
        return wave


def toys(**changes: object) -> MixtureSet:
    config = MixtureConfig(duration_s=1.0, **changes)  # type: ignore[arg-type]
    return MixtureSet(ToyBank(), split="test", config=config, seed=3, name="toys")


def test_every_example_keeps_its_promises() -> None:
    mixtures = toys()
    for index in range(32):
        example = mixtures.example(index)
        assert example.sources.shape == (4, 16000)
        assert example.sources.dtype == example.mixture.dtype == np.float32
        np.testing.assert_array_equal(example.mixture, example.sources.sum(0))
        gains = np.array(example.instruction.gains, dtype=np.float32)
        np.testing.assert_allclose(example.target, gains @ example.sources, atol=1e-6)
        assert example.instruction.task is list(Task)[index % 16]
        described = example.instruction.descriptions
        for i, a in enumerate(described):
            assert all(tell_apart(a, b) for b in described[:i])
        assert implied_actions(example.written, described) == example.instruction.actions
        for source in example.sources:
            active = active_frames(source, 30.0)
            assert active.mean() >= 0.9 * CONFIG.min_active


def test_levels_lie_within_three_db_on_the_active_part() -> None:
    levels = []
    mixtures = toys()
    for index in range(24):
        for source in mixtures.example(index).sources:
            frames = source.reshape(-1, 320)[active_frames(source, 30.0)]
            levels.append(10 * np.log10(np.mean(frames**2)) - CONFIG.reference_level_db)
    assert -3.01 <= min(levels) < -2
    assert 2 < max(levels) <= 3.01


def test_access_is_random_and_the_same_in_another_process() -> None:
    here = toys()
    backwards = [here.example(i).sha256 for i in (5, 2, 0)]
    assert backwards == [toys().example(i).sha256 for i in (5, 2, 0)]
    code = (
        "from tests.lcr.data.test_mixtures import toys\n"
        "example = toys().example(5)\n"
        "print(example.sha256, example.prompt)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert out.strip() == f"{backwards[0]} {here.example(5).prompt}"


def test_tasks_and_classes_are_drawn_evenly() -> None:
    mixtures = toys()
    examples = [mixtures.example(i) for i in range(64)]
    tasks = Counter(e.instruction.task for e in examples)
    assert set(tasks.values()) == {4}
    labels = Counter(
        d.label
        for e in examples
        for d in e.instruction.descriptions
        if isinstance(d, AudioDescription)
    )
    assert min(labels.values()) > 25


def test_seed_name_and_bank_change_the_digest_and_the_sound() -> None:
    a = toys()
    b = MixtureSet(ToyBank(), split="test", config=CONFIG, seed=4, name="toys")
    c = MixtureSet(ToyBank(), split="test", config=CONFIG, seed=3, name="other")
    assert len({a.digest, b.digest, c.digest}) == 3
    assert len({s.example(0).sha256 for s in (a, b, c)}) == 3


@settings(max_examples=60, deadline=None)
@given(
    length=st.integers(1, 60000),
    burst=st.integers(1, 4000),
    place_of_burst=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
@example(length=640, burst=1, place_of_burst=0.0, seed=0)  # shorter than the margins around a sound
@example(length=32000, burst=2, place_of_burst=1.0, seed=504)  # nothing quiet after it to fade in
@example(length=43229, burst=3904, place_of_burst=0.3, seed=22)  # pauses crowd it out
def test_place_reaches_the_active_share_from_any_clip(
    length: int, burst: int, place_of_burst: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    wave = np.zeros(max(length, 320), dtype=np.float32)
    at = int(place_of_burst * (len(wave) - min(burst, len(wave))))
    wave[at : at + burst] = rng.uniform(0.01, 1) * np.sign(
        rng.standard_normal(len(wave[at : at + burst]))
    )
    if not active_frames(wave, 30.0).any():
        return
    out = place(wave, CONFIG.samples, rng, CONFIG)
    assert out.shape == (CONFIG.samples,)
    assert np.isfinite(out).all()
    assert active_frames(set_level(out, 0.0, CONFIG), 30.0).mean() >= 0.9 * CONFIG.min_active


def test_silence_and_small_banks_are_refused_in_words() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(LcrError, match="no audible sound"):
        place(np.zeros(16000, dtype=np.float32), CONFIG.samples, rng, CONFIG)
    with pytest.raises(LcrError, match="classes of sounds"):
        MixtureSet(
            ToyBank(), split="test", config=MixtureConfig(n_audio=4), seed=0, name="too many"
        )
    with pytest.raises(LcrError, match="at least two sources"):
        MixtureConfig(n_speech=1, n_audio=0)
    with pytest.raises(IndexError):
        toys().example(-1)


@given(st.integers(3200, 9000), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_place_fills_durations_that_are_no_whole_number_of_frames(samples: int, seed: int) -> None:
    config = MixtureConfig(duration_s=samples / 16000)
    rng = np.random.default_rng(seed)
    wave = rng.standard_normal(int(rng.integers(640, 3 * samples))).astype(np.float32)
    assert place(wave, config.samples, rng, config).shape == (config.samples,)


@pytest.mark.parametrize("style", ["gender", "pitch", "multiple"])
def test_two_speakers_differ_as_asked_and_in_nothing_else(style: str) -> None:
    config = MixtureConfig(duration_s=1.0, n_speech=2, n_audio=0, differ_in=style, tasks=("TSE",))
    mixtures = MixtureSet(ToyBank(), split="test", config=config, seed=3, name="style")
    wanted = {"gender", "pitch"} if style == "multiple" else {style}
    assert mixtures.n_tasks == 1
    for index in range(12):
        found = mixtures.example(index)
        first, second = found.instruction.descriptions
        assert isinstance(first, SpeechDescription)
        assert isinstance(second, SpeechDescription)
        assert first.distinguishing(second) == wanted
        assert found.instruction.task is Task.TSE
        assert len(set(found.groups)) == 2


def test_what_is_absent_is_named_and_silent() -> None:
    mixtures = toys(absent=True)
    assert mixtures.n_tasks == 3
    for index in range(6):
        found = mixtures.example(index)
        (named,) = np.flatnonzero(np.array(found.instruction.gains) != 1)
        assert named >= 2
        assert not found.sources[named].any()
        assert np.square(found.sources).sum(1).all(where=np.arange(4) != named)
        assert np.array_equal(found.target, found.mixture)


def test_a_style_that_no_two_speakers_differ_in_is_named() -> None:
    config = MixtureConfig(duration_s=1.0, n_speech=2, n_audio=0, differ_in="emotion")
    with pytest.raises(LcrError, match="no two speakers of the bank differ in emotion"):
        MixtureSet(ToyBank(), split="test", config=config, seed=3, name="style").example(0)
    for options, words in (
        ({"differ_in": "accent"}, "one of gender"),
        ({"differ_in": "pitch", "n_speech": 1}, "n_speech = 1"),
        ({"tasks": ("TSR",), "n_audio": 0}, "no tasks TSR"),
        ({"absent": True, "tasks": ("TAE",)}, "no tasks TAE"),
        ({"absent": True, "n_audio": 1}, "n_audio = 1"),
    ):
        with pytest.raises(LcrError, match=words):
            MixtureConfig(**options)


def test_new_options_leave_the_digests_of_older_suites_alone() -> None:
    values = sorted((name, getattr(CONFIG, name)) for name in OLDER_OPTIONS)
    assert CONFIG.identity == str(values)
    changed = MixtureConfig(duration_s=1.0, n_audio=0, differ_in="pitch").identity
    assert "'differ_in', 'pitch'" in changed


def test_classes_can_be_left_out() -> None:
    bank = WithoutClasses(ToyBank(), ["rain"])
    kept = {e.description.label for e in bank.entries("test") if hasattr(e.description, "label")}
    assert kept == {"dog barking", "helicopter"}
    assert bank.digest != ToyBank.digest
    with pytest.raises(LcrError, match="no class hail"):
        WithoutClasses(ToyBank(), ["hail"])


def test_no_unseen_class_shares_a_wording_with_a_seen_one() -> None:
    def wordings(labels: Iterable[str]) -> set[str]:
        return {w.rstrip("+") for label in labels for w in (label, *PARAPHRASES[label])}

    assert not wordings(UNSEEN) & wordings(SEEN_LABELS)
