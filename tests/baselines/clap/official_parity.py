"""Run where laion-clap is installed, with a folder to write to: a checkpoint of random weights in
LAION's format gives the same embeddings in laion-clap's own code and in ours, and the CLAP cascade
runs with it. Prints the largest differences."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch

from baselines.clap import official
from baselines.clap.checkpoint import load_clap
from baselines.clap.official import OfficialClap
from baselines.clap.remixer import clap_cascade
from baselines.pit.separation import build_separator, save_separator
from lcr.instruction import AudioDescription, SpeechDescription, instruction
from lcr.remixer import Oracle
from tests.baselines.clap.test_public import TEXT, TEXTS, save_tokenizer

TINY_TEXT = {**TEXT, "hidden_size": 768, "num_attention_heads": 12, "num_hidden_layers": 1}


def main(folder: Path) -> None:
    """Write the checkpoint, and compare."""
    torch.manual_seed(0)
    save_tokenizer(folder)
    words = official.load_tokenizer(folder)
    with official._nothing_fetched(TINY_TEXT, words):
        module = official._clap_module()(enable_fusion=False, device="cpu", amodel="HTSAT-tiny")
    state = {f"module.{name}": value for name, value in module.model.state_dict().items()}
    torch.save({"epoch": 1, "state_dict": state}, folder / "630k.pt")

    theirs = load_clap(folder / "630k.pt", encoder="laion-clap").model
    ours = load_clap(folder / "630k.pt").model
    assert isinstance(theirs, OfficialClap)
    clips = 0.1 * torch.randn(2, 60_000)
    long = 0.1 * torch.randn(1, 700_000)
    with torch.no_grad():
        for name, one, other in (
            ("text", theirs.embed_text(TEXTS), ours.embed_text(TEXTS)),
            ("short clips", theirs.embed_audio(clips), ours.embed_audio(clips)),
            ("a long clip", theirs.embed_audio(long), ours.embed_audio(long)),
        ):
            apart, most = float((one - other).abs().max()), float(one.abs().max())
            print(f"{name}: largest difference {apart:.1e} of values up to {most:.2f}")
            assert apart < 2e-3, name
    assert torch.equal(theirs.scale, ours.scale)

    bands = {"n_fft": 128, "hop": 64, "band_bins": (8, 24, 33), "channels": 8, "blocks": 1}
    separator = build_separator({"kind": "band-split", "sources": 2, **bands})
    save_separator(separator, folder / "separator")
    file = str(folder / "630k.pt")
    system = clap_cascade(
        weights=str(folder / "separator"), clap_speech=file, clap_audio=file, encoder="laion-clap"
    )
    asked = instruction("10", (SpeechDescription(gender="F"), AudioDescription(label="rain")))
    mixture = 0.1 * np.random.default_rng(0).standard_normal((1, 8000)).astype(np.float32)
    out = system.remix(mixture, 16_000, "remove the rain", oracle=Oracle(instruction=asked))
    assert out.audio.shape == mixture.shape
    assert "laion_clap" in system.card.reference
    print(f"cascade: {system.card.reference}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
