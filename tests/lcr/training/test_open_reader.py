from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lcr.nn.reader.tagger import SpanTagger, TaggerConfig, is_trained
from lcr.prompts.open_generator import draw_prompt
from lcr.training.open_reader import OpenReaderConfig, OpenReaderStage
from tests.tiny_bert import tiny_bert


def test_the_loss_falls_and_only_what_is_trained_changes(tmp_path: Path):
    torch.manual_seed(0)
    tagger = SpanTagger(TaggerConfig(base=str(tiny_bert(tmp_path)), adapted_from=0))
    stage = OpenReaderStage(tagger, draw_prompt, OpenReaderConfig(batch=8, pool=16))
    before = {name: value.clone() for name, value in tagger.state_dict().items()}
    optimiser = torch.optim.Adam([p for p in tagger.parameters() if p.requires_grad], 1e-2)
    losses = []
    for _ in range(30):
        loss, figures = stage.loss(np.random.default_rng(0))
        assert figures["loss"] == float(loss.detach())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]
    for name, value in tagger.state_dict().items():
        assert torch.equal(value, before[name]) or is_trained(name)
