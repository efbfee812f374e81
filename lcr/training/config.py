"""What a training run is told: length, rates, schedule, optimiser, averaging, what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

OptimiserName = Literal["adam", "adamw", "muon"]
Precision = Literal["no", "bf16"]


@dataclass(frozen=True, kw_only=True)
class LoopConfig:
    """How long and how fast to learn.

    The rate warms up linearly over `warmup_steps`. Then, by `schedule`:

    - "decay": it stays, and falls linearly to `final_rate` of itself over the last `decay_share`
      of the training (of which the time budget may leave some for a later resume);
    - "plateau": it is halved whenever the validation figure `watch` has not improved `patience`
      times in a row (appendix A).

    The paper's settings are those of experiments/recipes/paper.
    """

    steps: int = 3000
    minutes: float | None = None
    """Where given, training ends after this time instead, over all calls, and the schedule follows
    the time: equal budgets for unequal networks. On a CPU it is the process's own time, all threads
    together, so that other work on the machine takes nothing from anyone's budget. Only runs told
    by `steps` are repeatable to the bit."""
    warmup_steps: int = 60
    schedule: Literal["decay", "plateau"] = "decay"
    decay_share: float = 0.4
    final_rate: float = 0.03
    patience: int = 3
    watch: str = "snri_without_ovc_db"
    """Validation figure of the plateau, higher is better; its mean over the validation sets.
    "snri_db" is the mean over all 16 tasks, OVC included, as the paper watches it."""
    optimiser: OptimiserName = "muon"
    rate: float = 1.5e-3
    muon_rate: float = 3e-3
    """Muon's own rate, in AdamW's scale (its updates are matched to AdamW's size)."""
    muon_parts: tuple[str, ...] = (
        *("features", "stem", "heard", "enter", "enter_matches", "enter_others"),
        *("blocks", "heads", "network"),
    )
    """Children of the trained modules whose matrices Muon trains; all else is AdamW's."""
    muon_except: tuple[str, ...] = ("named",)
    """Layers inside `muon_parts` that are tables of embeddings rather than maps."""
    betas: tuple[float, float] = (0.9, 0.99)
    module_rates: Mapping[str, float] | None = None
    """Learning rates by module name ("reader"), where they differ from `rate`."""
    weight_decay: float = 1e-2
    clip_norm: float = 5.0
    """Largest norm of a step's gradient; 0: any."""
    ema: float = 0.99
    """Decay of the averaged weights that are validated and shipped; 0 for none: the last ones."""
    accumulate: int = 1
    """Batches whose gradients are averaged for a step. They are those of as many processes: one
    process with 2 learns what two processes with 1 do, and a run may change from one to the
    other."""
    recompute: bool = False
    """Compute the layers of a language model again in the backward pass instead of keeping their
    activations (activation checkpointing)."""
    shard: bool = False
    """Of several processes each holds its part of the frozen weights of a language model with LoRA;
    a layer's are gathered while it is at work (FSDP). In a validation each holds all of them."""
    precision: Precision = "no"
    """Autocast on a GPU; on a CPU training is always in float32."""
    validate_every: int = 200
    save_every: int = 25
    samples: int = 0
    """Validation examples a set whose audio is written at every validation."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 0 or self.patience < 1:
            raise ValueError(
                f"samples must be at least 0 and patience at least 1; got {self.samples} and "
                f"{self.patience}"
            )
        if self.accumulate < 1:
            raise ValueError(f"accumulate must be at least 1; got {self.accumulate}")
        if self.minutes is not None and self.minutes <= 0:
            raise ValueError(f"minutes must be positive, got {self.minutes}")
        if not 0 <= self.ema < 1:
            raise ValueError(f"ema must be at least 0 and below 1; got {self.ema}")

    def done(self, step: int, seconds: float) -> float:
        """The share of the training, 0 to 1, that lies behind after `step` updates in `seconds`."""
        if self.minutes is None:
            return step / self.steps
        return min(1.0, seconds / (60 * self.minutes))

    def rate_at(self, step: int, seconds: float = 0.0) -> float:
        """Factor on the rate for update number `step`, from 0, after `seconds` of training; a
        plateau's own factor apart."""
        warm = min(1.0, (step + 1) / max(1, self.warmup_steps))
        left = 1 - self.done(step, seconds)
        if self.schedule == "plateau" or left >= self.decay_share:
            return warm
        return warm * max(self.final_rate, left / self.decay_share)
