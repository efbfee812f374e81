"""Listeners of known faults are measured for what they are."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from experiments.analysis.listener_accuracy import (
    APART,
    FOUND,
    JUST_THESE,
    KIND,
    NAME,
    SEPARATED,
    TOP_5,
    Answer,
    answers_of,
    calibrated,
    main,
    table,
    to_markdown,
)
from lcr.data.mixtures import Example
from lcr.instruction import instruction
from lcr.joint.query import Naming
from lcr.prompts.generator import write_prompt
from tests.agents.hearing import TRUTH, BandModel, at_levels, listener
from tests.agents.listening.test_listener import tiny_weights
from tests.baselines.composite.test_remixer import banded_sources

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


def shares(answers: list[Answer]) -> dict[tuple[str, str], float]:
    return {(row["question"], row["of"]): row["right"]["mean"] for row in table(answers)}


def test_perfect_ears_hear_all() -> None:
    got = shares(list(answers_of(listener(), example("0111"))))
    assert got.keys() == {
        *(
            (question, of)
            for question in (KIND, "gender", NAME, TOP_5)
            for of in (SEPARATED, APART)
        ),
        (FOUND, SEPARATED),
        (JUST_THESE, SEPARATED),
    }
    assert set(got.values()) == {1.0}


def test_wrong_ears_are_wrong_where_they_are() -> None:
    """They take the dog for rain and the rain for the dog."""
    deaf = listener(model=BandModel(("rain", "dog barking")))
    got = shares(list(answers_of(deaf, example("0111"))))
    for of in (SEPARATED, APART):
        assert (got[KIND, of], got["gender", of], got[NAME, of], got[TOP_5, of]) == (1, 1, 0, 1)
    assert got[JUST_THESE, SEPARATED] == 0


def test_calibration_finds_how_sure_the_names_are() -> None:
    """Names whose true shares follow from their likeness by another scale and bias."""
    rng = np.random.default_rng(0)
    names, recorded = [f"n{i}" for i in range(20)], [f"n{i}" for i in range(15)]
    bias = np.array([0.0] * 15 + [-1.5] * 5)
    answers = []
    for _ in range(600):
        likeness = rng.uniform(-1, 1, 20)
        now = np.exp(8 * likeness + np.where(bias < 0, -3, 0))
        truth = np.exp(4 * likeness + bias)
        true = names[rng.choice(20, p=truth / truth.sum())]
        labels = dict(zip(names, (now / now.sum()).tolist(), strict=True))
        answers.append(
            Answer(
                question=NAME, of=SEPARATED, index=0, clip="c", right=True, labels=labels, true=true
            )
        )
    found = calibrated(answers, Naming(scale=8, unrecorded=3), recorded)
    assert found.scale == pytest.approx(4, abs=0.6)
    assert found.unrecorded == pytest.approx(1.5, abs=0.5)


def test_it_runs_on_a_suite(
    suite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tiny_weights(tmp_path)
    out = tmp_path / "out"
    options = ["--suite", str(suite), "--split", "test", "--per-task", "1", "--out", str(out)]
    assert main([*options, "--separator", found["separator"]]) == 0
    assert "What the listener hears rightly" in capsys.readouterr().out
    whole = json.loads((out / "listener.json").read_text())
    assert {row["question"] for row in whole["rows"]} >= {FOUND, JUST_THESE, KIND, NAME, TOP_5}
    assert all(0 <= row["right"]["mean"] <= 1 for row in whole["rows"])
    assert to_markdown(whole) == (out / "listener.md").read_text()


def test_missing_weights_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--separator", "nowhere"]) == 2
    assert capsys.readouterr().err.startswith("listener_accuracy: ")
