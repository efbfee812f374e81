"""Train the offline planner and write its checkpoint:
`python experiments/training/train_planner.py --run DIR --minutes 30`.

It learns from prompts of its own generator alone (agents/offline_training), drawn anew every step.
Stop it at any time: the same command goes on where it was. `--ship OUT` writes config.json and
model.safetensors (fp16) of the averaged weights so far and trains no further.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import torch

from agents.planners.offline.network import PlannerConfig, PlannerNetwork
from agents.planners.offline.training.stage import PlannerStage, PlannerStageConfig
from experiments.command import command, option
from experiments.comparison.errors import ConfigError, OutputError
from experiments.training.progress import report_step, start_line
from lcr.base_weights import MINILM
from lcr.checkpoints import write_checkpoint
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop


def loop_config(steps: int, processor_minutes: float | None = None) -> LoopConfig:
    """Set the loop: AdamW on LoRA, learnt tokens and head, the rate falling over the last 60 %."""
    return LoopConfig(
        steps=steps,
        minutes=processor_minutes,
        optimiser="adamw",
        rate=1e-3,
        betas=(0.9, 0.98),
        weight_decay=0.0,
        clip_norm=1.0,
        warmup_steps=40,
        decay_share=0.6,
        final_rate=0.02,
        ema=0.99,
        validate_every=10**9,
        save_every=25,
    )


def ship(loop: Loop, out: Path, *, hints: bool) -> None:
    """Write the averaged weights of a run as the planner's loader reads them. Raises OutputError,
    ConfigError where nothing was trained."""
    if loop.step == 0:
        raise ConfigError(f"nothing was trained in {loop.folder} yet: train first")
    averaged = loop.averaged()["planner"]
    stage = loop.stage
    assert isinstance(stage, PlannerStage)
    kept = stage.network.trained_state()
    tensors = {key: averaged[key].half().contiguous() for key in kept}
    config = {
        "schema": 1,
        "steps": loop.step,
        "seconds": round(loop.seconds),
        "hints": hints,
        "planner": asdict(stage.network.config),
    }
    try:
        write_checkpoint(out, tensors, config)
    except OSError as error:
        raise OutputError.of(out, error) from error


@command(
    __doc__,
    option("--run", type=Path, required=True, help="folder of the run's state"),
    option("--minutes", type=float, default=1e9, help="stop this call after so long"),
    option("--base", default=MINILM, help="encoder: a folder or a name (%(default)s)"),
    option("--steps", type=int, default=1000, help="the rate falls towards this step"),
    option("--processor-minutes", type=float, help="train by processor time instead of --steps"),
    option("--threads", type=int, default=1),
    option("--bfloat16", action="store_true", help="matrix products on the CPU"),
    option("--ship", type=Path, metavar="OUT", help="write the checkpoint, train no more"),
    option("--hints", action="store_true", help="shipped: let keywords help"),
    resumes=True,
)
def main(options: argparse.Namespace) -> None:
    """Train on, or ship what is trained."""
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    stage = PlannerStage(
        PlannerNetwork(PlannerConfig(base=options.base)),
        PlannerStageConfig(cpu_bfloat16=options.bfloat16),
    )
    loop = Loop(stage, loop_config(options.steps, options.processor_minutes), options.run, {})
    if options.ship is not None:
        loop.resume()
        ship(loop, options.ship, hints=options.hints)
        print(f"{options.ship}: weights after {loop.step} steps, {loop.seconds:.0f} s")
        return
    print(start_line(loop), flush=True)
    loop.run(budget_s=options.minutes * 60, report=report_step)


if __name__ == "__main__":
    raise SystemExit(main())
