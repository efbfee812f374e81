"""Tools give what their networks make of the words, at any rate, length and channel count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.systems.extractors import PromptExtractor
from baselines.audiosep.checkpoint import LoadedAudioSep
from baselines.audiosep.remixer import AudioSepExtractor
from baselines.composite.extraction import Extractor, Queries, Query, extract_and_mix
from baselines.lass.query import LoadedEncoder
from baselines.lass.remixer import LassExtractor, LoadedLass
from lcr.remixer import Audio, Oracle, Presence, Remix, SystemCard, Understood
from tests.baselines.audiosep.test_network import tiny_network
from tests.baselines.audiosep.test_remixer import DOG, RATE, Letters, remix
from tests.baselines.lass.test_remixer import LetterEncoder, lass, noise, remixed, tiny_extractor

WEIGHTS = {"tiny": "0" * 64}


def lass_tool() -> LassExtractor:
    encoder = LoadedEncoder(LetterEncoder(), {}, WEIGHTS)
    return LassExtractor(
        {k: LoadedLass(tiny_extractor(), encoder, k, WEIGHTS) for k in ("speech", "audio")}  # type: ignore[misc]
    )


TOOLS = {
    "lass": lass_tool,
    "audiosep": lambda: AudioSepExtractor(LoadedAudioSep(tiny_network(), Letters(), WEIGHTS)),
}


@pytest.mark.parametrize("shape", [(1, 1), (2, 3001)])
@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("name", TOOLS)
def test_any_shape_and_rate(name: str, rate: int, shape: tuple[int, int]) -> None:
    tool: Extractor = TOOLS[name]()
    mixture = noise(*shape)
    for kind in ("speech", "audio"):
        got = tool.extract(mixture, rate, "the rain", kind)  # type: ignore[arg-type]
        assert (got.shape, got.dtype) == (mixture.shape, np.float32)
        assert np.isfinite(got).all()
    assert tool.weights == WEIGHTS


def test_the_words_matter() -> None:
    tool, mixture = lass_tool(), noise(1, 4000)
    rain, dog = (tool.extract(mixture, 16_000, w, "audio") for w in ("the rain", "a dog"))
    assert np.abs(rain - dog).max() > 1e-4


def test_lass_gives_what_its_system_gives() -> None:
    """The query of the third source, as `lass-audio` asks for it."""
    from baselines.lass.query import query_of
    from tests.baselines.lass.test_remixer import DESCRIPTIONS

    mixture = noise(2, 4000)
    got = lass_tool().extract(mixture, 16_000, query_of(DESCRIPTIONS[2]), "audio")
    np.testing.assert_allclose(got, remixed(lass(), mixture, "0010"), atol=1e-6)


def test_audiosep_gives_what_its_system_gives() -> None:
    mixture = noise(2, 20_000)
    got = TOOLS["audiosep"]().extract(mixture, RATE, DOG, "audio")
    np.testing.assert_allclose(got, remix("0010", mixture).audio, atol=1e-6)


def test_remixers_are_asked_in_words() -> None:
    class Noting:
        card = SystemCard(name="noting", family="joint", sample_rate=16_000, weights=WEIGHTS)
        prompts: list[str] = []  # noqa: RUF012

        def remix(
            self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
        ) -> Remix:
            self.prompts.append(prompt)
            return Remix(audio=np.float32(0.5) * mixture)

    tool, mixture = PromptExtractor(Noting()), noise(1, 100)
    got = tool.extract(mixture, 16_000, "the man's voice", "speech")
    np.testing.assert_array_equal(got, np.float32(0.5) * mixture)
    assert Noting.prompts == ["Extract the man's voice."]
    assert (tool.sample_rate, tool.weights) == (16_000, WEIGHTS)


def test_what_a_remixer_does_not_find_is_silence() -> None:
    class Open:
        card = SystemCard(name="open", family="joint", sample_rate=None)

        def remix(
            self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
        ) -> Remix:
            known: dict[str, Presence] = {"dog": "heard", "cat": "absent", "owl": "not sure"}
            presence = next(known[word] for word in known if word in prompt)
            told = Understood(words="it", presence=presence)
            audio = mixture.copy() if presence == "absent" else mixture / 2
            return Remix(audio=audio, understood=(told,))

    tool, mixture = PromptExtractor(Open()), noise(1, 100)
    assert not tool.extract(mixture, 16_000, "the cat", "audio").any()
    np.testing.assert_array_equal(tool.extract(mixture, 16_000, "the dog", "audio"), mixture / 2)
    for word, warnings, left in (("dog", 0, 0.5), ("owl", 1, 0.5), ("cat", 1, 1)):
        asked = Queries((Query(f"the {word}", "audio", 0.0),), rest=1.0)
        done = extract_and_mix(mixture, 16_000, asked, tool)
        assert len(done.warnings) == warnings
        np.testing.assert_allclose(done.audio, left * mixture)


def test_missing_weights_say_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from agents.systems.extractors import load_extractor
    from baselines.audiosep.remixer import VARIABLE
    from lcr.base_weights import MissingWeightsError

    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(MissingWeightsError, match="AudioSep's weights are not on this machine"):
        load_extractor("audiosep")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "absent.ckpt"))
    with pytest.raises(MissingWeightsError):
        load_extractor("audiosep")
