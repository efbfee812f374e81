"""The offline planner: a small network reads the prompt; no key, no server, no network needed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import torch

from agents.planners.keyword import KeywordPlanner
from agents.planners.offline.network import ACTIONS, PlannerConfig, PlannerNetwork, Question
from baselines.composite.planning import Plan
from lcr.checkpoints import Checkpoint, find_checkpoint, load_tensors, must_fit
from lcr.instruction import Action, AudioDescription, Description
from lcr.remixer import Oracle, OracleUse, Step

WEIGHTS = Path(__file__).parents[2] / "weights"
DEFAULT_WEIGHTS = "offline-planner"
_ACTION_OF_GAIN = {action.gain: action for action in Action}


def keyword_hints(prompt: str, described: Sequence[Description]) -> tuple[Action, ...]:
    """What the keyword planner would do with each source; there must be one at least."""
    return tuple(_ACTION_OF_GAIN[g] for g in KeywordPlanner().plan(prompt, described).gains)


class OfflinePlanner:
    """Actions on an inventory, each the likeliest by a PlannerNetwork.

    `weights` names what it was loaded from and the SHA-256 of each.
    """

    uses_oracle: frozenset[OracleUse] = frozenset()

    def __init__(
        self, network: PlannerNetwork, *, hints: bool, weights: dict[str, str] | None = None
    ) -> None:
        self._network = network.eval()
        self._hints = hints
        self.weights = weights or {}

    @classmethod
    def from_checkpoint(cls, folder: Path, *, hints: bool | None = None) -> OfflinePlanner:
        """Load a folder with config.json and model.safetensors. `hints` says whether the keyword
        planner helps; None: as the checkpoint says. Raises MissingWeightsError or WeightsError."""
        checkpoint = Checkpoint.read(folder)
        with must_fit(folder, "does not fit this version"):
            config = PlannerConfig(**checkpoint.config["planner"])
            network = PlannerNetwork(config)
            load_tensors(network, checkpoint.tensors)
            network.merge()
            helped = bool(checkpoint.config["hints"]) if hints is None else hints
        weights = checkpoint.weights(config.base)
        return cls(network, hints=helped and config.hints, weights=weights)

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """A gain for each source that is described, and for all else (`rest`).

        What the prompt does not speak of stays, unless the prompt picks out what is to be kept.
        Raises ValueError when nothing is described: let a listener make an inventory first.
        """
        return self.plan_many([prompt], [described])[0]

    @torch.inference_mode()
    def plan_many(
        self, prompts: Sequence[str], described: Sequence[Sequence[Description]]
    ) -> list[Plan]:
        """As `plan`, for several prompts in one batch."""
        start = time.perf_counter()
        for sources in described:
            if not sources:
                raise ValueError("the offline planner needs an inventory of described sources")
        questions = [
            Question(
                prompt, tuple(sources), keyword_hints(prompt, sources) if self._hints else None
            )
            for prompt, sources in zip(prompts, described, strict=True)
        ]
        logits, _ = self._network(questions)
        rows = torch.softmax(logits.float(), -1).tolist()
        seconds = (time.perf_counter() - start) / len(questions)
        return [
            _plan(question.descriptions, row, seconds)
            for question, row in zip(questions, rows, strict=True)
        ]


def _plan(
    described: tuple[Description, ...], probabilities: list[list[float]], seconds: float
) -> Plan:
    likeliest = [max(range(len(ACTIONS)), key=row.__getitem__) for row in probabilities]
    chosen = [ACTIONS[i] for i in likeliest]
    sure = [round(row[i], 4) for row, i in zip(probabilities, likeliest, strict=True)]
    n = len(described)
    told = "; ".join(
        f"{action.name.lower()} {_name(source)}"
        for source, action in zip(described, chosen, strict=False)
    )
    step = Step(
        name="read prompt",
        detail=f"{told}; {chosen[n].name.lower()} all else",
        seconds=seconds,
        data={"probability": sure[:n], "probability_rest": sure[n]},
    )
    return Plan(
        descriptions=described,
        gains=tuple(action.gain for action in chosen[:n]),
        rest=chosen[n].gain,
        steps=(step,),
    )


def _name(description: Description) -> str:
    if isinstance(description, AudioDescription):
        return description.label
    return "speaker (" + ", ".join(f"{k} {v}" for k, v in description.known.items()) + ")"


def load_offline_planner(
    *, weights: str | Path = DEFAULT_WEIGHTS, hints: bool | None = None
) -> OfflinePlanner:
    """The shipped planner, or any checkpoint folder."""
    return OfflinePlanner.from_checkpoint(find_checkpoint(weights, WEIGHTS), hints=hints)
