"""Train the offline planner and write its checkpoint:
`python experiments/training/train_planner.py --run DIR --minutes 30`.

It learns from prompts of its own generator alone (agents/offline_training), drawn anew every step.
Stop it at any time: the same command goes on where it was. `--ship OUT` writes config.json and
model.safetensors (fp16) of the averaged weights so far and trains no further.
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


import torch

from agents.planners.offline.network import PlannerConfig, PlannerNetwork
from agents.planners.offline.training.stage import PlannerStage, PlannerStageConfig
from experiments.comparison.errors import ConfigError, OutputError
from lcr.base_weights import MINILM
from lcr.checkpoints import write_checkpoint
from lcr.errors import LcrError
from lcr.training.config import LoopConfig
from lcr.training.loop import Loop


def loop_config(steps: int, processor_minutes: float | None = None) -> LoopConfig:
    """The recipe: AdamW on LoRA, learnt tokens and head, the rate falling over the last 60 %."""
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


def report(step: int, total: int, figures: dict[str, float]) -> None:
    if step % 20 == 0:
        words = " ".join(f"{key} {value:.3f}" for key, value in figures.items())
        print(f"step {step}/{total} {words}", flush=True)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    found.add_argument("--run", type=Path, required=True, help="folder of the run's state")
    found.add_argument("--minutes", type=float, default=1e9, help="stop this call after so long")
    found.add_argument("--base", default=MINILM, help="encoder: a folder or a name (%(default)s)")
    found.add_argument("--steps", type=int, default=1000, help="the rate falls towards this step")
    found.add_argument(
        "--processor-minutes", type=float, help="train by processor time instead of --steps"
    )
    found.add_argument("--threads", type=int, default=1)
    found.add_argument("--bfloat16", action="store_true", help="matrix products on the CPU")
    found.add_argument(
        "--ship", type=Path, metavar="OUT", help="write the checkpoint, train no more"
    )
    found.add_argument("--hints", action="store_true", help="shipped: let keywords help")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    try:
        stage = PlannerStage(
            PlannerNetwork(PlannerConfig(base=options.base)),
            PlannerStageConfig(cpu_bfloat16=options.bfloat16),
        )
        loop = Loop(stage, loop_config(options.steps, options.processor_minutes), options.run, {})
        resumed = loop.resume()
        if options.ship is not None:
            ship(loop, options.ship, hints=options.hints)
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
