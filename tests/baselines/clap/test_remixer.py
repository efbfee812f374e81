"""The cascade that listens: sources found by description, none of the true waveforms seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from baselines.clap.assign import ClapMatcher
from baselines.clap.checkpoint import save_clap
from baselines.clap.remixer import CARD, clap_cascade
from baselines.clap.wording import wordings
from baselines.composite.planning import OraclePlanner
from baselines.composite.remixer import Cascade
from baselines.pit.separation import save_separator
from lcr.base_weights import MissingWeightsError
from lcr.instruction import Description, instruction
from lcr.remixer import MissingOracleError, Oracle
from lcr.testing import CHECKS, Subject
from tests.baselines.clap.test_model import tiny_clap
from tests.baselines.composite.test_remixer import (
    BANDS_HZ,
    DESCRIPTIONS,
    BandOracle,
    banded_sources,
    gains_of,
)
from tests.baselines.pit.test_separation import tiny_separator


class BandListener:
    """A CLAP that knows which description is in which band of `banded_sources`."""

    sample_rate, width, scale = 16_000, 4, torch.tensor(20.0)

    def __init__(self, described: Sequence[Description] = DESCRIPTIONS) -> None:
        self._bands = {text: i for i, one in enumerate(described) for text in wordings(one)}

    def embed_audio(self, clips: Tensor) -> Tensor:
        power = torch.fft.rfft(clips).abs().square()
        hertz = torch.fft.rfftfreq(clips.shape[1], 1 / self.sample_rate)
        bands = [(hertz >= low) & (hertz <= high) for low, high in BANDS_HZ]
        return functional.normalize(torch.stack([power[:, b].sum(1) for b in bands], 1), dim=1)

    def embed_text(self, texts: Sequence[str]) -> Tensor:
        return torch.eye(4)[[self._bands[text] for text in texts]]


def listening_cascade() -> Cascade:
    matcher = ClapMatcher({"speech": BandListener(), "audio": BandListener()})
    return Cascade(BandOracle(), matcher, OraclePlanner(), CARD)


def save_tiny_parts(folder: Path) -> dict[str, str]:
    """A separator and two CLAPs, random and tiny, as options of the factory."""
    save_separator(tiny_separator("softmax", 4), folder / "separator")
    for kind in ("speech", "audio"):
        save_clap(tiny_clap(folder / f"bert-{kind}", kind), folder / f"clap-{kind}")  # type: ignore[arg-type]
    return {
        "weights": str(folder / "separator"),
        "clap_speech": str(folder / "clap-speech"),
        "clap_audio": str(folder / "clap-audio"),
    }


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Cascade]:
    parts = save_tiny_parts(tmp_path_factory.mktemp("parts"))
    return lambda: clap_cascade(**parts)


@pytest.mark.parametrize("check", CHECKS)
def test_it_is_a_remixer(factory: Callable[[], Cascade], check: str) -> None:
    CHECKS[check](Subject(factory))


@pytest.mark.parametrize("pattern", ["1000", "0111", "U1D0", "1UD1"])
@pytest.mark.parametrize("channels", [1, 2])
def test_good_ears_and_a_perfect_separator_give_the_target(pattern: str, channels: int) -> None:
    sources = banded_sources(16_000, channels=channels)
    oracle = Oracle(instruction=instruction(pattern, DESCRIPTIONS))  # and no sources
    got = listening_cascade().remix(sources.sum(0), 16_000, "", oracle=oracle)
    target = np.tensordot(gains_of(pattern), sources, axes=1)
    np.testing.assert_allclose(got.audio, target, atol=1e-5)
    (matched,) = [step for step in got.trace if step.name == "match"]
    for row in matched.data["source_of_output"]:  # type: ignore[attr-defined]
        assert sorted(row) == [0, 1, 2, 3]


def test_a_deaf_ear_confuses_sources_and_keeps_the_level() -> None:
    """Descriptions told the wrong way round swap the two speakers and nothing else."""
    man, woman, dog, rain = DESCRIPTIONS
    swapped = BandListener((woman, man, dog, rain))
    matcher = ClapMatcher({"speech": swapped, "audio": swapped})
    cascade = Cascade(BandOracle(), matcher, OraclePlanner(), CARD)
    sources = banded_sources(16_000)
    oracle = Oracle(instruction=instruction("U1D0", DESCRIPTIONS))
    got = cascade.remix(sources.sum(0), 16_000, "", oracle=oracle).audio
    np.testing.assert_allclose(got, np.tensordot(gains_of("1UD0"), sources, axes=1), atol=1e-5)


def test_the_card_names_all_weights_and_the_instruction_alone(
    factory: Callable[[], Cascade],
) -> None:
    card = factory().card
    assert card.uses_oracle == {"instruction"}
    assert set(card.weights) >= {"separator", "clap-speech", "clap-audio"}
    assert card.licence == "Apache-2.0"
    assert "ICASSP 2023" in card.reference


def test_the_instruction_is_asked_for(factory: Callable[[], Cascade]) -> None:
    sources = banded_sources(4000)
    for oracle in (None, Oracle(sources=sources)):
        with pytest.raises(MissingOracleError, match="true instruction"):
            factory().remix(sources.sum(0), 16_000, "", oracle=oracle)


@pytest.mark.parametrize("part", ["weights", "clap_speech", "clap_audio"])
def test_absent_weights_are_missed_by_name(part: str, tmp_path: Path) -> None:
    parts = save_tiny_parts(tmp_path) | {part: str(tmp_path / "nothing-here")}
    with pytest.raises(MissingWeightsError, match="nothing-here"):
        clap_cascade(**parts)
