"""Listeners of known faults are measured for what they are."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from agents.listening.listener import Listener
from experiments.analysis.listener_accuracy import (
    APART,
    KIND,
    KIND_BY_CLAPS,
    SEPARATED,
    Answer,
    answers_of,
    best_nats,
    main,
    table,
    to_markdown,
)
from lcr.data.mixtures import Example
from lcr.instruction import instruction
from lcr.prompts.generator import write_prompt
from tests.agents.hearing import TRUTH, at_levels, listener
from tests.agents.listening.test_listener import tiny_weights
from tests.baselines.composite.test_remixer import BandOracle, banded_sources

pytestmark = pytest.mark.slow


def example(pattern: str) -> Example:
    sources = at_levels(banded_sources(8000), 0.0, -2.0, -4.0, -6.0)[:, 0]
    asked = instruction(pattern, TRUTH)
    gains = np.array(asked.gains, np.float32)
    return Example(
        id="bands",
        index=0,
        mixture=sources.sum(0),
        sources=sources,
        target=gains @ sources,
        instruction=asked,
        prompt="remove the man",
        written=write_prompt(asked, np.random.default_rng(0)),
        sample_rate=16_000,
        clips=tuple(f"clip{i}" for i in range(4)),
        groups=("a", "b", "c", "d"),
    )


class Deaf(Listener):
    """Hears the man as the woman and the other way round, and the dog as rain."""

    def embed(self, audio: np.ndarray, sample_rate: int) -> Any:
        found: dict[Any, Tensor] = super().embed(audio, sample_rate)
        return {kind: e[:, torch.tensor([1, 0, 3, 2])] for kind, e in found.items()}


def shares(answers: list[Answer]) -> dict[tuple[str, str], float]:
    return {(row["question"], row["of"]): row["right"]["mean"] for row in table(answers)}


def test_perfect_ears_hear_all() -> None:
    got = shares(list(answers_of(listener(), example("0111"))))
    assert got.keys() == {
        (question, of)
        for question in (KIND, KIND_BY_CLAPS, "gender", "label")
        for of in (SEPARATED, APART)
    } | {("found", SEPARATED)}
    assert set(got.values()) == {1.0}


def test_wrong_ears_are_wrong_where_they_are() -> None:
    """They exchange man and woman, dog and rain, and no kinds."""
    deaf = Deaf(BandOracle(), listener()._models)
    got = shares(list(answers_of(deaf, example("0111"))))
    for of in (SEPARATED, APART):
        assert (got["kind", of], got["gender", of], got["label", of]) == (1, 0, 0)


def test_the_separator_s_word_is_what_counts_where_it_tells_kinds() -> None:
    """It takes speakers for sounds; the CLAPs know better, and are told apart from it."""
    told = listener()
    told._kinds = ("audio", "audio", "audio", "audio")
    got = shares(list(answers_of(told, example("0111"))))
    assert (got[KIND, SEPARATED], got[KIND_BY_CLAPS, SEPARATED]) == (0.5, 1)
    assert got[KIND, APART] == got[KIND_BY_CLAPS, APART] == 1


def kind(odds: float, speech: bool) -> Answer:
    return Answer(
        question="kind",
        of=SEPARATED,
        index=0,
        clip="c",
        right=(odds >= 0) == speech,
        confidence=1.0,
        chance=0.5,
        odds=odds,
        speech=speech,
    )


def test_the_best_bias_is_found() -> None:
    speech = [kind(odds, True) for odds in (-4.0, -3.0, 2.0)]
    others = [kind(odds, False) for odds in (-9.0, -8.0, -6.0)]
    nats, share = best_nats(speech + others)
    assert (nats, share) == (pytest.approx(5.0), 1.0)
    kept, share = best_nats([kind(1.0, True), kind(-1.0, False)])
    assert (kept, share) == (pytest.approx(0.0), 1.0)


def test_it_runs_on_a_suite(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tiny_weights(tmp_path)
    out = tmp_path / "out"
    options = ["--suite", str(suite), "--split", "test", "--per-task", "1", "--out", str(out)]
    options += ["--separator", found["separator"], "--clap-speech", found["speech"]]
    assert main([*options, "--clap-audio", found["audio"]]) == 0
    assert "What the listener hears rightly" in capsys.readouterr().out
    whole = json.loads((out / "listener.json").read_text())
    questions = {row["question"] for row in whole["rows"]}
    assert questions == {"found", KIND, KIND_BY_CLAPS, "gender", "pitch", "label"}
    assert all(0 <= row["right"]["mean"] <= 1 for row in whole["rows"])
    assert math.isfinite(whole["best_speech_nats"])
    assert to_markdown(whole) == (out / "listener.md").read_text()
    assert np.isclose(
        next(row["chance"] for row in whole["rows"] if row["question"] == "gender"), 0.5
    )


def test_missing_weights_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--separator", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("listener_accuracy: ")
