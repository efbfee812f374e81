"""What the commands that train planners and readers of text share."""

from __future__ import annotations

from pathlib import Path

from experiments.command import option
from lcr.training.loop import Loop

RUN_OPTIONS = (
    option("--run", type=Path, required=True, metavar="DIR", help="folder of the run's state"),
    option("--minutes", type=float, default=1e9, help="stop this call after so long"),
    option("--processor-minutes", type=float, help="train by processor time instead of --steps"),
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
