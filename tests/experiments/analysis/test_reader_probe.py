"""The probe reads what is in z, and nothing where z is empty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from experiments.analysis import reader_probe
from experiments.analysis.reader_probe import ReaderProbe
from lcr.data.studio.classes import LABELS
from lcr.instruction import Instruction
from lcr.nn.reader.slots import SlotVocabulary
from lcr.prompts.generator import Prompt, write_prompt
from lcr.prompts.generator.examples import random_instruction

pytestmark = pytest.mark.slow

VOCABULARY = SlotVocabulary(LABELS)
WIDTH = 8


class Reader:
    """z with the true slots of every prompt that was written, or all zeros; no embedding."""

    def __init__(self, *, blind: bool) -> None:
        self.blind = blind
        self.slots: dict[str, np.ndarray] = {}

    def write(self, instruction: Instruction, rng: np.random.Generator) -> Prompt:
        prompt = write_prompt(instruction, rng)
        self.slots[prompt.text] = VOCABULARY.encode(prompt)
        return prompt

    def read(self, prompts: Sequence[str]) -> torch.Tensor:
        empty = np.zeros(VOCABULARY.size, dtype=np.float32)
        rows = [empty if self.blind else self.slots.get(p, empty) for p in prompts]
        return torch.cat([torch.from_numpy(np.stack(rows)), torch.zeros(len(rows), WIDTH)], -1)


@pytest.mark.parametrize("blind", [False, True])
def test_what_is_in_z_is_read(blind: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader(blind=blind)
    monkeypatch.setattr(reader_probe, "write_prompt", reader.write)
    probe = ReaderProbe(reader, VOCABULARY)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="fit"):
        probe.plan_many(["x"], [random_instruction(np.random.default_rng(0)).descriptions])
    probe.fit(prompts=300, seed=0)
    rng = np.random.default_rng(1)
    asked = [random_instruction(rng) for _ in range(100)]
    texts = [reader.write(one, rng).text for one in asked]
    plans = probe.plan_many(texts, [one.descriptions for one in asked])
    right = np.mean([p.gains == a.gains for p, a in zip(plans, asked, strict=True)])
    assert right < 0.2 if blind else right > 0.85
    with pytest.raises(ValueError, match="descriptions"):
        probe.plan("mute the dog", ())
