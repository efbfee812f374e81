"""What a model sounds like while it learns: audio of a few fixed validation examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor

from lcr.audio.core import write_audio
from lcr.data.mixtures import Example


@runtime_checkable
class Estimating(Protocol):
    """A stage whose output is audio."""

    def estimate(self, examples: Sequence[Example]) -> Tensor:
        """(examples, samples) remixed mixtures, at the examples' sample rate."""
        ...


def write_samples(
    stage: Estimating, examples: Mapping[str, Sequence[Example]], folder: Path, step: int
) -> None:
    """FOLDER/<example>/: mixture.wav, target.wav, prompt.txt, and an estimate of this step.

    Levels are as computed (32-bit float files). Raises AudioFileError where a file cannot be
    written and ValueError for an estimate that is not finite.
    """
    for some in examples.values():
        if not some:
            continue
        estimates = stage.estimate(some).detach().float().cpu().numpy()
        for example, estimate in zip(some, estimates, strict=True):
            place = folder / example.id
            if not (place / "prompt.txt").exists():  # written last
                place.mkdir(parents=True, exist_ok=True)
                write_audio(place / "mixture.wav", example.mixture[None], example.sample_rate)
                write_audio(place / "target.wav", example.target[None], example.sample_rate)
                (place / "prompt.txt").write_text(example.prompt + "\n", encoding="utf-8")
            write_audio(place / f"step-{step:07d}.wav", estimate[None], example.sample_rate)
