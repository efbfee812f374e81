"""What a planner's training prints."""

from __future__ import annotations

from lcr.training.loop import Loop


def start_line(loop: Loop) -> str:
    """Resume a run where there is one, and say so with the number of trained parameters."""
    start = f"resumed at step {loop.step}" if loop.resume() else "from the start"
    count = sum(parameter.numel() for parameter in loop.state.trained)
    return f"{count / 1e6:.2f} M trained parameters, {start}"


def report_step(step: int, total: int, figures: dict[str, float]) -> None:
    """Print every twentieth step's figures."""
    if step % 20 == 0:
        words = " ".join(f"{key} {value:.3f}" for key, value in figures.items())
        print(f"step {step}/{total} {words}", flush=True)
