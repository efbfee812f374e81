"""The generative planner: a small language model of GPT-2's architecture writes the plan's JSON
token by token. What it writes is checked and never mended: a malformed plan, or one about a source
that is not there, is an error, as it would be with any language model.

The folder of its weights is one of transformers': a local chat model (`local:FOLDER`) or what
`transformers serve` makes of it answers in the same words.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from agents.plan import HeardSource, PlanError, RemixPlan, parse_plan, resolve_plan
from agents.planners.generative.text import description_of, inventory_of, request
from agents.planners.generative.tokenizer import PLAN, USER
from baselines.composite.planning import Plan
from lcr.base_weights import MissingWeightsError, weights_sha256
from lcr.checkpoints import WEIGHTS_FILE, WeightsError, find_checkpoint, no_larger_than, read_state
from lcr.instruction import Description
from lcr.nn.reader.text_encoder import quiet
from lcr.remixer import Oracle, OracleUse, Step

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

WEIGHTS = Path(__file__).parents[2] / "weights"
DEFAULT_WEIGHTS = "generative-planner"
_SHOWN = 120


class UnheardSourceError(PlanError):
    """A plan that names a source which the inventory does not hold."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the model wrote for one request, as it came. `read` and `tokens` count tokens, what ends
    the text included; `seconds` is the request's share of its batch."""

    text: str
    read: int
    tokens: int
    seconds: float


class GenerativePlanner:
    """Plans by greedy decoding. With an inventory the plan names its ids, without one it describes
    the sources in words.

    `weights` names what it was loaded from and its SHA-256.
    """

    uses_oracle: frozenset[OracleUse] = frozenset()

    def __init__(
        self,
        model: GPT2LMHeadModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        weights: dict[str, str] | None = None,
    ) -> None:
        self._model: Any = model  # transformers types them as more than they are
        self._tokenizer: Any = tokenizer
        self._model.eval()  # type: ignore[no-untyped-call]
        self.weights = weights or {}

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """A gain for each source described, or, where there are none, for what the prompt names.

        A change of a source that is not there is left out and told as absent. Raises PlanError for
        a plan that is malformed, or about nothing that is there (UnheardSourceError), and
        ValueError for a prompt that is too long for the model.
        """
        inventory = inventory_of(described)
        written = self.write([prompt], [inventory])[0]
        planned, absent = read_plan(written.text, inventory)
        step = Step(
            name="write plan",
            detail=planned.words(),
            seconds=written.seconds,
            data={"tokens_in": written.read, "tokens_out": written.tokens},
        )
        return replace(in_gains(planned, inventory, steps=(step,)), absent=absent)

    @torch.inference_mode()
    def write(
        self, prompts: Sequence[str], inventories: Sequence[Sequence[HeardSource]]
    ) -> list[Written]:
        """The model's answers, in one batch. Raises ValueError for a prompt that is too long."""
        start = time.perf_counter()
        rows = [self._ids(p, some) for p, some in zip(prompts, inventories, strict=True)]
        padded = self._tokenizer.pad({"input_ids": rows}, return_tensors="pt")
        ids = self._model.generate(**padded)[:, padded["input_ids"].shape[1] :]
        seconds = (time.perf_counter() - start) / len(rows)
        found = []
        for row, answer in zip(rows, ids.tolist(), strict=True):
            end = self._model.config.eos_token_id
            count = answer.index(end) + 1 if end in answer else len(answer)
            text = self._tokenizer.decode(answer[:count], skip_special_tokens=True)
            found.append(Written(text=text, read=len(row), tokens=count, seconds=seconds))
        return found

    def _ids(self, prompt: str, inventory: Sequence[HeardSource]) -> list[int]:
        # A control token that somebody typed is text.
        text = self._tokenizer(request(prompt, inventory), split_special_tokens=True)["input_ids"]
        user, plan = self._tokenizer.convert_tokens_to_ids([USER, PLAN])
        ids = [user, *text, plan]
        longest = self._model.config.n_positions - self._model.generation_config.max_new_tokens
        if len(ids) > longest:
            raise ValueError(
                f"prompt and inventory have {len(ids)} tokens; the generative planner reads "
                f"{longest}: use a shorter prompt"
            )
        return ids


def read_plan(text: str, inventory: Sequence[HeardSource]) -> tuple[RemixPlan, tuple[str, ...]]:
    """The plan that a model wrote for this inventory, without the changes of what is not in it, and
    the names of that. An empty inventory holds everything. Raises PlanError; UnheardSourceError
    where every change is of something else."""
    try:
        planned = parse_plan(text)
    except PlanError as error:
        raise PlanError(f"{error}; the model wrote {text[:_SHOWN]!r}") from error
    there = {one.id.casefold() for one in inventory}
    known = [not inventory or c.source.casefold() in there for c in planned.changes]
    absent = tuple(
        c.source.strip() for c, is_there in zip(planned.changes, known, strict=True) if not is_there
    )
    if absent and not any(known):
        raise UnheardSourceError(
            f"the model's plan is about {absent[0]!r}; there are: {', '.join(sorted(there))}"
        )
    kept = tuple(c for c, is_there in zip(planned.changes, known, strict=True) if is_there)
    return planned.model_copy(update={"changes": kept}), absent


def in_gains(
    planned: RemixPlan, inventory: Sequence[HeardSource], *, steps: tuple[Step, ...] = ()
) -> Plan:
    """The plan's gains on the inventory, or, without one, on what it describes."""
    if inventory:
        found = resolve_plan(planned, inventory)
    else:
        found = Plan(
            descriptions=tuple(description_of(change.source) for change in planned.changes),
            gains=tuple(change.gain for change in planned.changes),
            rest=planned.others_gain,
        )
    return Plan(descriptions=found.descriptions, gains=found.gains, rest=found.rest, steps=steps)


def load_planner(*, weights: str | Path = DEFAULT_WEIGHTS) -> GenerativePlanner:
    """The shipped planner, or a folder that `experiments/training/train_generative.py` has written.

    Raises MissingWeightsError, WeightsError.
    """
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

    folder = find_checkpoint(weights, WEIGHTS)
    if not (folder / "config.json").is_file():
        raise MissingWeightsError(
            f"no generative planner in {folder}: config.json is missing; train one with "
            "experiments/training/train_generative.py"
        )
    try:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
        with quiet(), no_larger_than(read_state(folder / WEIGHTS_FILE)):
            model = GPT2LMHeadModel.from_pretrained(
                folder, local_files_only=True, dtype=torch.float32
            )
    except (OSError, ValueError, RuntimeError, KeyError) as error:
        raise WeightsError(f"{folder} holds no generative planner: {error}") from error
    return GenerativePlanner(model, tokenizer, weights={folder.name: weights_sha256(folder)})
