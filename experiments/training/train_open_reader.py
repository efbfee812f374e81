"""Train the open reader's tagger and write its checkpoint:
`python experiments/training/train_open_reader.py --run DIR --minutes 25 --bfloat16`.

It learns from prompts of three generators alone (`lcr.prompts.open_generator`, the offline
planner's and the suites'), drawn anew every step. Stop it at any time: the same command goes on
where it was. `--ship OUT` writes config.json and model.safetensors (fp16) of the averaged weights
so far and trains no further.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

import numpy as np
import torch

from agents.planners.sentences.noise import roughen
from agents.planners.sentences.prompts import draw_prompt as draw_planner_prompt
from experiments.command import command, option
from experiments.training.text_models import ENCODER_OPTIONS, averaged, encoder_loop, ship, train
from lcr.lexicon import load_lexicon
from lcr.nn.reader.meanings import NAMES_FILE, embed_names, save_names
from lcr.nn.reader.tagger import SpanTagger, TaggerConfig
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.generator.phrases import Dice
from lcr.prompts.open_generator import TaggedPrompt, draw_prompt
from lcr.prompts.open_generator.converted import tagged
from lcr.training.loop import Loop
from lcr.training.open_reader import OpenReaderConfig, OpenReaderStage

_PLANNERS, _SUITES = 0.33, 0.06


def draw(rng: np.random.Generator) -> TaggedPrompt:
    """A prompt of one of the generators."""
    share = rng.random()
    found = None
    if share < _PLANNERS:
        found = tagged(draw_planner_prompt(rng)[1])
        if found is not None and rng.random() < 0.3:
            found = _rough(found, Dice(rng))
    elif share < _PLANNERS + _SUITES:
        found = tagged(write_prompt(random_instruction(rng, unknown=0.1), rng))
    return found or draw_prompt(rng)


def _rough(prompt: TaggedPrompt, dice: Dice) -> TaggedPrompt:
    """Typed in haste, as far as every character stays where it is."""
    text = roughen(prompt.text, dice)
    return TaggedPrompt(text, prompt.tagging) if len(text) == len(prompt.text) else prompt


@command(
    __doc__,
    *ENCODER_OPTIONS,
    option("--steps", type=int, default=2500, help="the rate falls towards this step"),
    resumes=True,
)
def main(options: argparse.Namespace) -> None:
    """Train on, or ship what is trained, with the table of names that the lexicon now has."""
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    tagger = SpanTagger(TaggerConfig(base=options.base))
    stage = OpenReaderStage(tagger, draw, OpenReaderConfig(cpu_bfloat16=options.bfloat16))
    config = encoder_loop(options, rate=1.5e-3, warmup_steps=60, decay_share=0.7, save_every=50)
    loop = Loop(stage, config, options.run, {})
    if options.ship is None:
        train(loop, options.minutes)
        return
    tensors = averaged(loop, "tagger")
    ship(loop, options.ship, tensors, {"tagger": asdict(tagger.config)})
    lexicon = load_lexicon()
    untrained = SpanTagger(tagger.config)  # names are placed by the encoder as it came
    vectors, basis = embed_names(lexicon, lambda texts: untrained.embed(texts).numpy())
    save_names(options.ship / NAMES_FILE, lexicon, vectors, basis)


if __name__ == "__main__":
    raise SystemExit(main())
