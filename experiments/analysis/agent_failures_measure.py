"""One example through the agent, with the truth in place of one stage after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from agents.listening.listener import Inventory, Listener
from agents.systems.execute import queries_for
from baselines.clap.assign import NONE
from baselines.composite.extraction import Extractor, extract_and_mix, mix
from baselines.composite.planning import Plan, Planner
from baselines.ideal import ideal_ratio_mask
from lcr.data.mixtures import Example
from lcr.errors import LcrError
from lcr.evaluation.metrics import score
from lcr.instruction import Action, Description, Instruction
from lcr.losses.pit import assignment, pairwise_cost
from lcr.remixer import Audio, Oracle

AGENT = "the agent"
TRUE_PLAN = "true plan"
TRUE_DESCRIPTIONS = "true descriptions"
TRUE_MATCHING = "true plan and matching"
IDEAL_MASKS = "ideal masks"
VARIANTS = (
    AGENT,
    TRUE_DESCRIPTIONS,
    TRUE_PLAN,
    TRUE_MATCHING,
    IDEAL_MASKS,
    f"{IDEAL_MASKS}, {TRUE_DESCRIPTIONS}",
    f"{IDEAL_MASKS}, {TRUE_PLAN}",
    f"{IDEAL_MASKS}, {TRUE_MATCHING}",
)
QUERY, QUERY_TRUE_PLAN = "query form", f"query form, {TRUE_PLAN}"

STAGES = ("reading", "listening", "matching")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """SNRi in dB of each variant; whether `read`, `heard` and `matched` were right; see `examine`.

    `failed` is the first stage that put the agent's gains wrong, "" where they are right;
    `refused` what a planner that gave no plan said.
    """

    index: int
    id: str
    task: str
    clips: tuple[str, ...]
    snri_db: Mapping[str, float]
    read: bool
    heard: bool | None
    matched: bool
    missing: int
    """Sources that no part is of."""
    failed: str
    refused: str = ""


@dataclass(frozen=True)
class Parts:
    """What the separator made of a mixture, with the true source (its number, NONE for none) of
    each part."""

    inventory: Inventory
    truth: tuple[int, ...]


@dataclass
class Examiner:
    """Runs an agent's listener and planner on examples, with the truth in place of one stage
    after another; also the query form, where there is an extractor."""

    listener: Listener
    planner: Planner
    extractor: Extractor | None = None
    refused: str = field(default="", init=False)

    def examine(self, example: Example) -> Finding | None:
        """None where SNRi is undefined.

        Reading is right where the planner's gains on the true descriptions are the true ones;
        matching where the true plan's gains reach the right parts by what is heard; listening,
        told only where reading is right, where the planner's gains on what is heard are.
        """
        self.refused = ""
        asked, mixture = example.instruction, example.mixture[None]
        with_descriptions = self._plan(example.prompt, asked.descriptions)
        true = Plan(
            descriptions=asked.descriptions,
            gains=asked.gains,
            rest=sum(asked.gains) / len(asked.gains),
        )
        remixes: dict[str, Audio] = {}
        own = parts_of(self.listener.listen(mixture, example.sample_rate), example.sources)
        ideal = ideal_parts(self.listener, example)
        gains: dict[str, list[float]] = {}
        for prefix, parts in (("", own), (f"{IDEAL_MASKS}, ", ideal)):
            heard = self._plan(example.prompt, parts.inventory.descriptions)
            everyone = tuple(range(len(parts.truth)))
            matched = self.listener.match(parts.inventory, asked.descriptions)
            for name, plan, entries in (
                (AGENT, heard, everyone),
                (TRUE_DESCRIPTIONS, with_descriptions, parts.truth),
                (TRUE_PLAN, true, matched),
                (TRUE_MATCHING, true, parts.truth),
            ):
                row = IDEAL_MASKS if prefix and name == AGENT else prefix + name
                if plan is None:
                    remixes[row] = mixture
                    gains[row] = [1.0] * len(entries)
                    continue
                gains[row] = [plan.rest if e == NONE else plan.gains[e] for e in entries]
                remixes[row] = mix(mixture, parts.inventory.audio, gains[row], plan.rest)
        if self.extractor is not None:
            heard = self._plan(example.prompt, own.inventory.descriptions)
            for name, plan in ((QUERY, heard), (QUERY_TRUE_PLAN, true)):
                remixes[name] = mixture if plan is None else self._extracted(example, plan)
        scores = {
            name: score(
                estimate=audio[0], reference=example.target, mixture=example.mixture
            ).snr_improvement_db
            for name, audio in remixes.items()
        }
        defined = {name: value for name, value in scores.items() if value is not None}
        if len(defined) < len(scores):
            return None
        read = with_descriptions is not None and _close(with_descriptions.gains, asked.gains)
        heard_right = self._right(gains[AGENT], own.truth, asked)
        matched_right = self._right(gains[TRUE_PLAN], own.truth, asked)
        failed = "" if heard_right else ("listening" if read else "reading")
        return Finding(
            index=example.index,
            id=example.id,
            task=asked.task.value,
            clips=example.clips,
            snri_db=defined,
            read=read,
            heard=heard_right if read else None,
            matched=matched_right,
            missing=len(asked.actions) - sum(e != NONE for e in own.truth),
            failed=failed,
            refused=self.refused,
        )

    def _plan(self, prompt: str, described: Sequence[Description]) -> Plan | None:
        """Plan for the described sources; None where the planner refuses or there are none."""
        if not described:
            return None
        try:
            return self.planner.plan(prompt, described)
        except (ValueError, LcrError) as error:
            self.refused = str(error)
            return None

    def _extracted(self, example: Example, plan: Plan) -> Audio:
        assert self.extractor is not None
        asked = queries_for(plan, complete=True)
        return extract_and_mix(example.mixture[None], example.sample_rate, asked, self.extractor)[0]

    @staticmethod
    def _right(gains: Sequence[float], truth: Sequence[int], asked: Instruction) -> bool:
        """Whether every part that is a source gets the gain asked for."""
        pairs = [(g, asked.gains[e]) for g, e in zip(gains, truth, strict=True) if e != NONE]
        return _close([g for g, _ in pairs], [g for _, g in pairs])


def _close(gains: Sequence[float], asked: Sequence[float]) -> bool:
    return bool(np.allclose(gains, asked, rtol=1e-3, atol=1e-6))


def parts_of(inventory: Inventory, sources: NDArray[np.float32]) -> Parts:
    """Assign each part to the source that it matches with the highest SNR; `sources` is (n,
    samples)."""
    if not inventory.heard:
        return Parts(inventory, ())
    cost = pairwise_cost(
        estimate=torch.from_numpy(inventory.audio.mean(1))[None],
        reference=torch.from_numpy(sources)[None],
    )
    return Parts(inventory, tuple(assignment(cost)[0].tolist()))


def ideal_parts(listener: Listener, example: Example) -> Parts:
    """Make the parts by the ideal ratio mask instead of the separator, and let the listener
    describe them."""
    count = len(example.sources)
    ideal = ideal_ratio_mask()
    stems = [
        ideal.remix(
            example.mixture[None],
            example.sample_rate,
            "",
            oracle=Oracle(
                instruction=Instruction(
                    tuple(Action.KEEP if j == i else Action.REMOVE for j in range(count)),
                    example.instruction.descriptions,
                ),
                sources=example.sources[:, None],
            ),
        ).audio
        for i in range(count)
    ]
    return Parts(listener.describe(np.stack(stems), example.sample_rate), tuple(range(count)))
