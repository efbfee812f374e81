"""The command that trains the open reader: stops, goes on, ships what the reader loads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from experiments.training.train_open_reader import begin_from, main
from lcr.nn.reader.shipped import load_halves
from lcr.nn.reader.tagger import SpanTagger, TaggerConfig, load_tagger
from lcr.prompts.reading import OpenReader
from tests.tiny_bert import tiny_bert


def test_train_and_ship(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = str(tiny_bert(tmp_path / "bert"))
    run = ["--run", str(tmp_path / "run"), "--base", base, "--steps", "2"]
    out = tmp_path / "reader"
    assert main([*run, "--ship", str(out)]) == 2
    assert "train first" in capsys.readouterr().err
    assert main([*run, "--minutes", "0"]) == 0
    assert main([*run, "--bfloat16"]) == 2
    assert "learning.cpu_bfloat16" in capsys.readouterr().err
    assert main(run) == 0
    assert "resumed at step 1" in capsys.readouterr().out
    assert main([*run, "--ship", str(out)]) == 0
    assert "after 2 steps" in capsys.readouterr().out
    halves = load_halves(out)
    (reading,) = OpenReader(halves.tagger, halves.meanings).read(["mute the dog"])
    assert reading.text == "mute the dog"
    wider = SpanTagger(TaggerConfig(base=base, lora_rank=24, lora_alpha=48.0)).eval()
    begin_from(wider, out)
    told = [
        tagger.logits(*map(torch.tensor, ([[1, 2, 3]], [[1, 1, 1]]))).border
        for tagger in (wider, load_tagger(out))
    ]
    torch.testing.assert_close(*told)
