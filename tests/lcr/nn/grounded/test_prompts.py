"""Where every part is found perfectly, the mask's arithmetic does exactly what a prompt asks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from lcr.instruction import (
    Action,
    AudioDescription,
    Description,
    Instruction,
    SpeechDescription,
    parse_pattern,
    patterns_by_task,
)
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from lcr.nn.reader.slots import SlotVocabulary
from lcr.prompts.generator import Prompt, denoted, write_prompt

DESCRIPTIONS: tuple[Description, ...] = (
    SpeechDescription(gender="M", pitch="low", tempo="normal", energy="high", emotion="happy"),
    SpeechDescription(gender="F", pitch="high", tempo="low", energy="low", emotion="sad"),
    AudioDescription(label="rain"),
    AudioDescription(label="dog barking"),
)
VOCABULARY = SlotVocabulary(("rain", "dog barking"))
COLUMNS = len(VOCABULARY.columns)
BINS = (8, 8, 8, 9)  # source i is all there is in band i


class Perfect(GroundedRemixer):
    """Finds exactly the sources that the phrases of `prompt` under an action denote."""

    prompt: Prompt

    def _ground(self, encoding: object, mixture: Tensor, condition: Tensor) -> Tensor:
        table = torch.from_numpy(VOCABULARY.encode(self.prompt))[: 4 * COLUMNS].view(4, COLUMNS)
        found = torch.zeros(len(condition), 1, sum(BINS))
        for group, named in enumerate(condition[:, :COLUMNS]):
            action = next(a for a, row in zip(Action, table, strict=True) if row.equal(named))
            for phrase in self.prompt.phrases:
                if phrase.action is action and phrase.scope != "everything_else":
                    for i in denoted(phrase, DESCRIPTIONS, self.prompt.phrases):
                        found[group, :, sum(BINS[:i]) : sum(BINS[: i + 1])] = 1
        return found


def asked(model: Perfect, prompt: Prompt) -> list[float]:
    """The mask in the band of each source."""
    model.prompt = prompt
    encoding = replace(model.encode(torch.zeros(1, 1)), spectrum=torch.zeros(1, sum(BINS), 1))
    z = torch.from_numpy(VOCABULARY.encode(prompt)).view(1, 1, -1)
    mask = model.mask(encoding, torch.nn.functional.pad(z, (0, 1)))[0, 0, 0]
    return [float(band.mean()) for band in torch.split(mask, list(BINS))]


@pytest.mark.parametrize("task", list(patterns_by_task(2, 2)), ids=lambda task: task.value)
def test_the_mask_is_the_gains_that_a_prompt_asks_for(task: object) -> None:
    small = {"channels": 4, "blocks": 1, "query_channels": 4, "band_bins": BINS}
    config = GroundedConfig(n_fft=64, hop=32, z_dim=VOCABULARY.size + 1, columns=COLUMNS, **small)
    model = Perfect(config).eval()
    rng = np.random.default_rng(0)
    patterns = patterns_by_task(2, 2)[task]  # type: ignore[index]
    with torch.no_grad():
        for i in range(60):
            pattern = patterns[i % len(patterns)]
            instruction = Instruction(parse_pattern(pattern), DESCRIPTIONS)
            prompt = write_prompt(instruction, rng)
            assert asked(model, prompt) == pytest.approx(instruction.gains), prompt.text
