"""The saved state of a run: written whole, checked before it is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lcr.errors import LcrError, words_of
from lcr.files import write_whole
from lcr.identity import differences
from lcr.training.config import LoopConfig
from lcr.training.optimisers import build_optimisers
from lcr.training.schedule import Plateau

_KEYS = {
    *("step", "seconds", "trained", "average", "optimisers", "buffers", "plateau", "names"),
    "optimiser",
}


class StateError(LcrError):
    """A saved state cannot be read or belongs to another model or optimiser."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path}: {problem}; undo that change, or start anew in another run folder"
        )


@dataclass
class TrainingState:
    """All that a run needs to resume exactly: weights, averages, optimisers, plateau, time."""

    modules: nn.ModuleDict
    config: LoopConfig
    about: Mapping[str, object] | None = None
    """What else the run is made by, such as its recipe, as plain values; None: not told."""
    step: int = 0
    seconds: float = 0.0
    """Time trained so far, over all calls."""
    plateau: Plateau = field(default_factory=Plateau)

    def __post_init__(self) -> None:
        named = [(n, p) for n, p in self.modules.named_parameters() if p.requires_grad]
        self.names = [name for name, _ in named]
        self.trained = [parameter for _, parameter in named]
        self.optimisers = build_optimisers(self.modules, self.config)
        # Without averaging the average is the weights themselves, the same memory.
        self.average = [p.detach().clone() if self.config.ema else p.detach() for p in self.trained]

    def save(self, path: Path) -> None:
        """Raises OSError, on a full disk for one; the previous state then stays."""
        kept = {
            "step": self.step,
            "seconds": self.seconds,
            "trained": [p.detach() for p in self.trained],
            "average": self.average,
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "buffers": list(self.modules.buffers()),
            "plateau": asdict(self.plateau),
            "names": self.names,
            "optimiser": self.config.optimiser,
            "about": self.about,
        }
        write_whole(path, lambda file: torch.save(kept, file))

    def load(self, path: Path) -> None:
        """Take over a saved state. The config's rates, decay and betas hold, not those of the day
        the state was written. Raises StateError, and has then changed nothing."""
        try:
            kept = torch.load(path, map_location="cpu", weights_only=True)
            self._check(path, kept)
        except (StateError, OSError):
            raise
        except Exception as error:  # torch raises a dozen types for broken files
            reason = words_of(error).partition("\n")[0]
            problem = f"is no state of a run, or is damaged ({type(error).__name__}: {reason})"
            raise StateError(path, problem) from error
        self.step, self.seconds = int(kept["step"]), float(kept["seconds"])
        self.plateau = Plateau(**kept["plateau"])
        put(self.trained, kept["trained"])
        put(self.average, kept["average"] if self.config.ema else kept["trained"])
        put(list(self.modules.buffers()), kept["buffers"])
        for optimiser, state in zip(self.optimisers, kept["optimisers"], strict=True):
            told = [{k: v for k, v in g.items() if k != "params"} for g in optimiser.param_groups]
            optimiser.load_state_dict(state)
            for group, settings in zip(optimiser.param_groups, told, strict=True):
                group.update(settings)

    def _check(self, path: Path, kept: dict[str, Any]) -> None:
        if missing := _KEYS - set(kept):
            raise ValueError(f"it lacks {', '.join(sorted(missing))}")
        begun = kept.get("about") or {}  # of states that do not tell nothing is known
        if begun and (changed := differences(begun, self.about or {})):
            raise StateError(path, f"was begun otherwise ({'; '.join(changed)})")
        if kept["optimiser"] != self.config.optimiser:
            raise StateError(
                path,
                f"was written by optimiser {kept['optimiser']!r}, and is now "
                f"{self.config.optimiser!r}",
            )
        if kept["names"] != self.names:
            lost = sorted(set(kept["names"]) ^ set(self.names))
            raise StateError(path, f"was written by another model: {', '.join(lost[:3])} differ")
        for name, value, own in zip(self.names, kept["trained"], self.trained, strict=True):
            if value.shape != own.shape:
                raise StateError(
                    path,
                    f"was written by another model: {name} of shape {tuple(value.shape)}, now "
                    f"{tuple(own.shape)}",
                )
        if _sizes(kept["optimisers"]) != _sizes([o.state_dict() for o in self.optimisers]):
            raise StateError(
                path, "was written with other parameters under Muon (muon_parts, muon_except)"
            )


def _sizes(states: Sequence[dict[str, Any]]) -> list[list[int]]:
    """How many parameters each group of each optimiser holds."""
    return [[len(group["params"]) for group in state["param_groups"]] for state in states]


def put(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy values into parameters, in place."""
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)
