"""Train the small generative planner: `python experiments/training/train_generative.py --run DIR`.

It may be stopped at any time; the same command goes on where it was. When its time is over,
`--out FOLDER` gets the planner in the format of transformers: weights of 16-bit floats, tokenizer
with chat template, and settings of generation.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from agents.planners.generative.data import draw_lesson
from agents.planners.generative.labels import plain_words
from agents.planners.generative.text import request
from agents.planners.generative.tokenizer import train_tokenizer
from agents.planners.generative.training import (
    GenerativeConfig,
    GenerativeStage,
    build_model,
    save_planner,
    start_from_words,
)
from experiments.command import command, option
from experiments.comparison.records import locked
from experiments.training.recipe import settings
from experiments.training.text_models import RUN_OPTIONS, train
from lcr.base_weights import minilm_folder
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

_TOKENIZER_TEXTS = 20_000
_COMMON = 12_000
"""Words that labels are invented from: the commonest that MiniLM's vocabulary has."""


def open_stage(run: Path, config: GenerativeConfig) -> GenerativeStage:
    """Open the stage of a run, with the tokenizer that it began with. Raises
    MissingWeightsError."""
    words = plain_words((minilm_folder() / "vocab.txt").read_text(encoding="utf-8").split("\n"))
    words = words[:_COMMON]
    tokenizer = _tokenizer(run / "tokenizer", words, config)
    torch.manual_seed(0)
    model = build_model(config, tokenizer)
    if not (run / "state.pt").exists():
        start_from_words(model, tokenizer)
    return GenerativeStage(model, tokenizer, words, config)


def _tokenizer(
    folder: Path, words: Sequence[str], config: GenerativeConfig
) -> PreTrainedTokenizerFast:
    from transformers import PreTrainedTokenizerFast

    if (folder / "tokenizer.json").exists():
        kept: PreTrainedTokenizerFast = PreTrainedTokenizerFast.from_pretrained(folder)
        return kept
    rng = np.random.default_rng(0)
    texts = (
        text
        for lesson in (draw_lesson(rng, words, config.lessons) for _ in range(_TOKENIZER_TEXTS))
        for text in (request(lesson.prompt, lesson.inventory),)
    )
    found = train_tokenizer(texts, words, size=config.vocabulary)
    found.save_pretrained(folder)
    return found


def loop_config(options: argparse.Namespace) -> LoopConfig:
    return LoopConfig(
        steps=options.steps,
        minutes=options.processor_minutes,
        rate=options.rate,
        muon_rate=2 * options.rate,
        muon_parts=("transformer",),
        muon_except=("wte", "wpe"),
        warmup_steps=50,
        decay_share=0.5,
        clip_norm=1.0,
        validate_every=100,
        save_every=25,
    )


@command(
    __doc__,
    *RUN_OPTIONS,
    option("--out", type=Path, metavar="FOLDER", help="for the finished planner"),
    option("--steps", type=int, default=700, help="of training (default 700)"),
    option("--rate", type=float, default=2e-3),
    option("--batch", type=int, default=GenerativeConfig.batch, help="prompts a step"),
    bad_input=(ValueError,),
    resumes=True,
)
def main(options: argparse.Namespace) -> None:
    """Train on; write the planner when its time is over."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    with locked(options.run):
        _train(options)


def _train(options: argparse.Namespace) -> None:
    config, looping = GenerativeConfig(batch=options.batch), loop_config(options)
    stage = open_stage(options.run, config)
    about = settings(loop=asdict(looping), planner=asdict(config))
    loop = Loop(stage, looping, options.run, {"held-out": ()}, about=about)
    for name, value in train(loop, options.minutes).items():
        print(f"{name:24} {value:.4f}")
    if options.out and loop.done < 1:
        print("not over yet: the same command goes on")
    elif options.out:
        loop.averaged()
        save_planner(stage.model, stage.tokenizer, options.out)
        print(f"planner in {options.out} after {loop.step} steps, {loop.seconds:.0f} s")


if __name__ == "__main__":
    raise SystemExit(main())
