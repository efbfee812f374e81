"""What the commands that train planners and readers of text share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments.command import option
from experiments.comparison.errors import ConfigError, OutputError
from lcr.base_weights import MINILM
from lcr.checkpoints import write_checkpoint
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop

RUN_OPTIONS = (
    option("--run", type=Path, required=True, metavar="DIR", help="folder of the run's state"),
    option("--minutes", type=float, default=1e9, help="stop this call after so long"),
    option("--processor-minutes", type=float, help="train by processor time instead of --steps"),
)
ENCODER_OPTIONS = (
    *RUN_OPTIONS,
    option("--base", default=MINILM, help="encoder: a folder or a name (%(default)s)"),
    option("--threads", type=int, default=1),
    option("--bfloat16", action="store_true", help="matrix products on the CPU"),
    option("--ship", type=Path, metavar="OUT", help="write the checkpoint, train no more"),
)


def encoder_loop(options: argparse.Namespace, **settings: Any) -> LoopConfig:  # noqa: ANN401
    """AdamW on LoRA and heads of a frozen encoder; `settings` are further fields of LoopConfig."""
    return LoopConfig(
        steps=options.steps,
        minutes=options.processor_minutes,
        optimiser="adamw",
        betas=(0.9, 0.98),
        weight_decay=0.0,
        clip_norm=1.0,
        final_rate=0.02,
        ema=0.99,
        validate_every=10**9,
        **settings,
    )


def train(loop: Loop, minutes: float) -> dict[str, float]:
    """Train on for `minutes`, or to the end, and print how it goes; the last validation's
    figures."""
    start = f"resumed at step {loop.step}" if loop.resume() else "from the start"
    count = sum(parameter.numel() for parameter in loop.state.trained)
    print(f"{count / 1e6:.2f} M trained parameters, {start}", flush=True)
    return loop.run(budget_s=60 * minutes, report=_report)


def _report(step: int, total: int, figures: dict[str, float]) -> None:
    if step % 20 == 0:
        words = " ".join(f"{key} {value:.3f}" for key, value in figures.items())
        print(f"step {step}/{total} {words}", flush=True)


def averaged(loop: Loop, name: str) -> dict[str, Tensor]:
    """The averaged weights of a run's module, which tells by `trained_state` what ships of them, as
    16-bit floats. Raises ConfigError where nothing was trained."""
    loop.resume()
    if loop.step == 0:
        raise ConfigError(f"nothing was trained in {loop.folder} yet: train first")
    found = loop.averaged()[name]
    module: Any = loop.stage.modules[name]
    return {key: found[key].to(torch.float16).contiguous() for key in module.trained_state()}


def ship(loop: Loop, out: Path, tensors: Mapping[str, Tensor], config: Mapping[str, Any]) -> None:
    """Write the checkpoint of a run and say so; `config` is added to config.json. Raises
    OutputError."""
    told = {"schema": 1, "steps": loop.step, "seconds": round(loop.seconds), **config}
    try:
        write_checkpoint(out, dict(tensors), told)
    except OSError as error:
        raise OutputError.of(out, error) from error
    print(f"{out}: weights after {loop.step} steps, {loop.seconds:.0f} s")
