"""Train the open reader's tagger and write its checkpoint:
`python experiments/training/train_open_reader.py --run DIR --minutes 25 --bfloat16`.

It learns from prompts of three generators alone (`lcr.prompts.open_generator`, the offline
planner's and the suites'), drawn anew every step. Stop it at any time: the same command goes on
where it was. `--ship OUT` writes config.json and model.safetensors (fp16) of the averaged weights
so far and trains no further.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

if __name__ == "__main__":  # run as a file: import the package, not modules that lie beside it
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parents[1]), *(p for p in sys.path if Path(p).resolve() != _HERE)]

import numpy as np
import torch

from agents.planners.sentences.noise import roughen
from agents.planners.sentences.prompts import draw_prompt as draw_planner_prompt
from experiments.comparison.errors import ConfigError, OutputError
from lcr.base_weights import MINILM
from lcr.checkpoints import write_checkpoint
from lcr.errors import LcrError
from lcr.lexicon import load_lexicon
from lcr.nn.reader.meanings import NAMES_FILE, embed_names, save_names
from lcr.nn.reader.tagger import SpanTagger, TaggerConfig
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.prompts.generator.phrases import Dice
from lcr.prompts.open_generator import TaggedPrompt, draw_prompt
from lcr.prompts.open_generator.converted import tagged
from lcr.training.config import LoopConfig
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


def loop_config(steps: int, minutes: float | None) -> LoopConfig:
    """The recipe: AdamW on LoRA and heads, the rate falling over the last 70 %."""
    return LoopConfig(
        steps=steps,
        minutes=minutes,
        optimiser="adamw",
        rate=1.5e-3,
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


def ship(loop: Loop, out: Path) -> None:
    """Write the averaged weights of a run as `load_tagger` reads them, and the table of names that
    the lexicon now has. Raises OutputError, ConfigError where nothing was trained."""
    if loop.step == 0:
        raise ConfigError(f"nothing was trained in {loop.folder} yet: train first")
    averaged = loop.averaged()["tagger"]
    stage = loop.stage
    assert isinstance(stage, OpenReaderStage)
    tagger = SpanTagger(stage.tagger.config)
    tensors = {key: averaged[key].half() for key in tagger.trained_state()}
    config = {
        "schema": 1,
        "steps": loop.step,
        "seconds": round(loop.seconds),
        "tagger": asdict(tagger.config),
    }
    lexicon = load_lexicon()
    vectors, basis = embed_names(lexicon, lambda texts: tagger.embed(texts).numpy())
    try:
        write_checkpoint(out, tensors, config)
        save_names(out / NAMES_FILE, lexicon, vectors, basis)
    except OSError as error:
        raise OutputError.of(out, error) from error


def report(step: int, total: int, figures: dict[str, float]) -> None:
    if step % 20 == 0:
        words = " ".join(f"{key} {value:.3f}" for key, value in figures.items())
        print(f"step {step}/{total} {words}", flush=True)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    found.add_argument("--run", type=Path, required=True, help="folder of the run's state")
    found.add_argument("--minutes", type=float, default=1e9, help="stop this call after so long")
    found.add_argument("--base", default=MINILM, help="encoder: a folder or a name (%(default)s)")
    found.add_argument("--steps", type=int, default=2500, help="the rate falls towards this step")
    found.add_argument(
        "--processor-minutes", type=float, help="train by processor time instead of --steps"
    )
    found.add_argument("--threads", type=int, default=1)
    found.add_argument("--bfloat16", action="store_true", help="matrix products on the CPU")
    found.add_argument(
        "--ship", type=Path, metavar="OUT", help="write the checkpoint, train no more"
    )
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    try:
        tagger = SpanTagger(TaggerConfig(base=options.base))
        stage = OpenReaderStage(tagger, draw, OpenReaderConfig(cpu_bfloat16=options.bfloat16))
        loop = Loop(stage, loop_config(options.steps, options.processor_minutes), options.run, {})
        resumed = loop.resume()
        if options.ship is not None:
            ship(loop, options.ship)
            print(f"{options.ship}: weights after {loop.step} steps, {loop.seconds:.0f} s")
            return 0
        count = sum(parameter.numel() for parameter in loop.state.trained)
        start = f"resumed at step {loop.step}" if resumed else "from the start"
        print(f"{count / 1e6:.2f} M trained parameters, {start}", flush=True)
        loop.run(budget_s=options.minutes * 60, report=report)
    except LcrError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
