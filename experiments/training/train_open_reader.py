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
from pathlib import Path

import numpy as np
import torch

from agents.planners.sentences.noise import roughen
from agents.planners.sentences.prompts import draw_prompt as draw_planner_prompt
from experiments.command import command, option
from experiments.comparison.errors import ConfigError
from experiments.comparison.records import locked
from experiments.training.recipe import settings
from experiments.training.text_models import RUN_OPTIONS, train
from lcr.base_weights import MINILM
from lcr.checkpoints import write_checkpoint
from lcr.lexicon import load_lexicon
from lcr.nn.reader.meanings import NAMES_FILE, embed_names, save_names
from lcr.nn.reader.tagger import SpanTagger, TaggerConfig, load_tagger
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.generator.phrases import Dice
from lcr.prompts.open_generator import TaggedPrompt, draw_prompt
from lcr.prompts.open_generator.converted import tagged
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop
from lcr.training.open_reader import OpenReaderConfig, OpenReaderStage

_PLANNERS, _SUITES = 0.26, 0.05


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


def begin_from(tagger: SpanTagger, folder: Path) -> None:
    """Give `tagger` the weights of the checkpoint in `folder`, whose LoRA may be of lower rank and
    in fewer layers. Raises what `load_tagger` raises."""
    ours = tagger.state_dict()
    for name, theirs in load_tagger(folder).trained_state().items():
        ours[name][tuple(map(slice, theirs.shape))] = theirs


def loop_config(steps: int, minutes: float | None, rate: float) -> LoopConfig:
    """AdamW on LoRA and heads, the rate falling over the last 70 %."""
    return LoopConfig(
        steps=steps,
        minutes=minutes,
        optimiser="adamw",
        rate=rate,
        betas=(0.9, 0.98),
        weight_decay=0.0,
        clip_norm=1.0,
        warmup_steps=60,
        decay_share=0.7,
        final_rate=0.02,
        ema=0.99,
        validate_every=10**9,
        save_every=50,
    )


def ship(loop: Loop, config: TaggerConfig, out: Path) -> None:
    """Write the averaged weights of a run as `load_tagger` reads them, and the table of names that
    the lexicon now has. Raises OSError, ConfigError where nothing was trained."""
    if not loop.resume():
        raise ConfigError(f"nothing was trained in {loop.folder} yet: train first")
    averaged = loop.averaged()["tagger"]
    tagger = SpanTagger(config)
    tensors = {key: averaged[key].half() for key in tagger.trained_state()}
    told = {"schema": 1, "steps": loop.step, "seconds": round(loop.seconds)}
    write_checkpoint(out, tensors, {**told, "tagger": asdict(config)})
    lexicon = load_lexicon()
    vectors, basis = embed_names(lexicon, tagger.reader().embed)
    save_names(out / NAMES_FILE, lexicon, vectors, basis)
    print(f"{out}: weights after {loop.step} steps, {loop.seconds:.0f} s")


@command(
    __doc__,
    *RUN_OPTIONS,
    option("--base", default=MINILM, help="encoder: a folder or a name (%(default)s)"),
    option(
        "--begin-from", type=Path, metavar="DIR", help="a checkpoint whose weights to begin with"
    ),
    option("--steps", type=int, default=2500, help="the rate falls towards this step"),
    option("--rate", type=float, default=1.5e-3, help="of learning (%(default)s)"),
    option("--threads", type=int, default=1),
    option("--bfloat16", action="store_true", help="matrix products on the CPU"),
    option("--ship", type=Path, metavar="OUT", help="write the checkpoint, train no more"),
    resumes=True,
)
def main(options: argparse.Namespace) -> None:
    """Train on, or ship what is trained."""
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    config = TaggerConfig(base=options.base)
    tagger = SpanTagger(config)
    if options.begin_from is not None:
        begin_from(tagger, options.begin_from)
    learning = OpenReaderConfig(cpu_bfloat16=options.bfloat16)
    looping = loop_config(options.steps, options.processor_minutes, options.rate)
    with locked(options.run):
        loop = Loop(
            OpenReaderStage(tagger, draw, learning),
            looping,
            options.run,
            {},
            about=settings(loop=asdict(looping), tagger=asdict(config), learning=asdict(learning)),
        )
        if options.ship is None:
            train(loop, options.minutes)
        else:
            ship(loop, config, options.ship)


if __name__ == "__main__":
    raise SystemExit(main())
