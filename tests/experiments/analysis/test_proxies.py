"""CLAP similarity follows what is kept and removed, and is weighed against the truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.proxies import ClapSimilarity, judged, main, measure
from experiments.comparison.examples import Examples, build_bank
from experiments.comparison.suite import SuiteConfig
from lcr.data.mixtures import Example
from lcr.instruction import (
    Action,
    AudioDescription,
    Instruction,
    SpeechDescription,
    parse_pattern,
)
from tests.baselines.clap.test_assign import Known

pytestmark = pytest.mark.slow

DOG, RAIN = AudioDescription(label="dog barking"), AudioDescription(label="rain")
MAN = SpeechDescription(gender="M")


def heard_as(place: int) -> np.ndarray:
    """A clip that `Known` takes for the clip of this number."""
    clip = np.zeros((1, 16_000), np.float32)
    clip[0, place] = 1.0
    return clip


class Asked:
    """As much of an example as the measure looks at."""

    def __init__(self, pattern: str) -> None:
        self.instruction = Instruction(parse_pattern(pattern), (MAN, DOG, RAIN))


def test_it_is_what_is_kept_less_what_is_removed() -> None:
    audio = Known({DOG: (0.9, 0.2), RAIN: (0.1, 0.6)}, scale=10.0)
    speech = Known({MAN: (0.5, 0.3)}, scale=3.0)
    similarity = ClapSimilarity({"audio": audio, "speech": speech})
    asked = Asked("010")
    # `Known` gives rows of a table as embeddings of texts, and unit vectors as those of clips.
    first, second = (similarity(heard_as(n), 16_000, asked) for n in (0, 1))  # type: ignore[arg-type]
    assert first > second
    turned = ClapSimilarity({"audio": audio, "speech": speech})(heard_as(0), 16_000, Asked("101"))  # type: ignore[arg-type]
    assert turned == pytest.approx(-first)


def test_only_mixtures_with_something_kept_and_something_removed_are_judged() -> None:
    cases = {"010": True, "0U0": True, "000": False, "1U1": False}
    assert {p: judged(Asked(p)) for p in cases} == cases  # type: ignore[arg-type]


def test_a_proxy_that_is_the_truth_agrees_with_it() -> None:
    config = SuiteConfig(name="x", per_task=1, examples=0)
    examples = Examples(config, build_bank(config.bank))

    class Truth(ClapSimilarity):
        def __call__(self, audio: np.ndarray, sample_rate: int, example: Example) -> float:
            error = float(np.square(audio - example.target).sum())
            return -10 * np.log10(max(error, 1e-9) / float(np.square(example.target).sum()))

    found = measure(["mixture", "ideal-ratio-mask"], examples, Truth({}))
    ideal = found["ideal-ratio-mask"]
    assert ideal.agreement.r == pytest.approx(1.0)
    assert ideal.gain.mean == pytest.approx(ideal.snri_db.mean, abs=1e-3)
    assert found["mixture"].gain.mean == 0.0
    assert found["mixture"].agreement.reason == "all values alike"
    assert ideal.gain.n == sum(
        Action.REMOVE in examples[i].instruction.actions
        and set(examples[i].instruction.actions) != {Action.REMOVE}
        for i in examples.indices
    )


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--per-task", "1", "--systems", "ideal-ratio-mask", "--out", str(tmp_path)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    assert "| ideal-ratio-mask |" in text
    assert "DNSMOS: not run" in text
    told = json.loads((tmp_path / "proxies.json").read_text())["ideal-ratio-mask"]
    assert told["gain"]["mean"] > 0
    assert main([*arguments, "--clap-audio", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("proxies: ")
