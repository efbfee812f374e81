"""What does z hold? A linear layer that reads each source's action from z and its description.

The joint model reads a prompt into z and never says what it understood. The probe is trained on
prompts of our own generator, with the reader frozen; what it reads right of other people's prompts
is in z, in a form that a linear layer finds. A source is described to it as to the remixer: by the
columns of z's slots that it fits, and by the reader's own embedding of its name in words.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from baselines.composite.planning import Plan
from lcr.checkpoints import WEIGHTS, Checkpoint
from lcr.instruction import Action, AudioDescription, Description
from lcr.joint.remixer import JointRemixer, load_default
from lcr.nn.reader.slots import SlotVocabulary
from lcr.prompts.generator import write_prompt
from lcr.prompts.generator.examples import random_instruction
from lcr.remixer import Oracle, OracleUse

_ACTIONS = tuple(Action)
_BATCH = 64


class ReaderProbe:
    """A planner of a frozen PromptReader and one linear layer."""

    uses_oracle: frozenset[OracleUse] = frozenset()

    def __init__(self, joint: JointRemixer, vocabulary: SlotVocabulary) -> None:
        self._joint, self._vocabulary = joint, vocabulary
        self._masks: dict[Description, Tensor] = {}
        self._embeddings: dict[str, Tensor] = {}
        self.act: nn.Linear | None = None

    def fit(self, *, prompts: int, seed: int, steps: int = 60) -> float:
        """Train the layer on as many prompts of our own; the mean nats a source at the end."""
        rng = np.random.default_rng(seed)
        asked = [random_instruction(rng) for _ in range(prompts)]
        texts = [write_prompt(one, rng).text for one in asked]
        features = self._features(texts, [one.descriptions for one in asked])
        true = torch.tensor([_ACTIONS.index(a) for one in asked for a in one.actions])
        torch.manual_seed(seed)
        self.act = layer = nn.Linear(features.shape[-1], len(_ACTIONS))
        optimiser = torch.optim.LBFGS(
            layer.parameters(), max_iter=steps, line_search_fn="strong_wolfe"
        )

        def closure() -> Tensor:
            optimiser.zero_grad()
            nats = functional.cross_entropy(layer(features), true)
            loss = nats + 1e-4 * layer.weight.square().sum()
            loss.backward()  # type: ignore[no-untyped-call]
            return loss

        optimiser.step(closure)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            return float(functional.cross_entropy(layer(features), true))

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """Raises ValueError when nothing is described."""
        return self.plan_many([prompt], [described])[0]

    @torch.no_grad()
    def plan_many(
        self, prompts: Sequence[str], described: Sequence[Sequence[Description]]
    ) -> list[Plan]:
        """As `plan`, for several prompts. Raises RuntimeError before `fit`."""
        if self.act is None:
            raise RuntimeError("the probe is not trained: call fit first")
        if not all(described):
            raise ValueError("the probe needs the sources' descriptions")
        chosen = self.act(self._features(prompts, described)).argmax(-1).tolist()
        plans, at = [], 0
        for sources in described:
            actions = [_ACTIONS[i] for i in chosen[at : at + len(sources)]]
            at += len(sources)
            gains = tuple(action.gain for action in actions)
            rest = 0.0 if Action.REMOVE in actions and Action.KEEP not in actions else 1.0
            plans.append(Plan(descriptions=tuple(sources), gains=gains, rest=rest))
        return plans

    @torch.no_grad()
    def _features(
        self, prompts: Sequence[str], described: Sequence[Sequence[Description]]
    ) -> Tensor:
        """(sources of all prompts, features): z, and what of z concerns the source."""
        z = torch.cat(
            [
                self._joint.read(prompts[start : start + _BATCH])
                for start in range(0, len(prompts), _BATCH)
            ]
        )
        self._embed([d for sources in described for d in sources])
        count = len(_ACTIONS) * len(self._vocabulary.columns)
        rows = []
        for one, sources in zip(z, described, strict=True):
            table = one[:count].view(len(_ACTIONS), -1)
            embedding = one[count + 1 :]
            for source in sources:
                concerned = (table @ self._masks[source].T).flatten()
                near = embedding * self._embeddings[_words(source)]
                rows.append(torch.cat([one, concerned, concerned.clamp_max(1), near]))
        return torch.stack(rows)

    def _embed(self, described: Sequence[Description]) -> None:
        for source in described:
            if source not in self._masks:
                self._masks[source] = torch.from_numpy(_masks(self._vocabulary, source))
        new = sorted({_words(d) for d in described} - set(self._embeddings))
        first = len(_ACTIONS) * len(self._vocabulary.columns) + 1
        for start in range(0, len(new), _BATCH):
            names = new[start : start + _BATCH]
            for name, z in zip(names, self._joint.read(names), strict=True):
                self._embeddings[name] = z[first:]


def _masks(vocabulary: SlotVocabulary, source: Description) -> NDArray[np.float32]:
    """(groups, columns) of 0 and 1: names that fit the source, names that do not, kind, scopes."""
    fits, known = vocabulary.describe(source)
    columns = vocabulary.columns
    scopes = ("all_speech", "all_audio", "everything")
    is_scope = np.array([name in scopes for name in columns], dtype=np.float32)
    is_rest = np.array([name == "everything_else" for name in columns], dtype=np.float32)
    is_kind = np.array([name == "speech" for name in columns], dtype=np.float32)
    is_name = 1 - is_scope - is_rest - is_kind
    groups = [
        is_name * fits,
        is_name * (1 - fits) * known,
        is_kind * fits,
        is_scope * fits,
        is_rest,
    ]
    found: NDArray[np.float32] = np.stack(groups).astype(np.float32)
    return found


def _words(source: Description) -> str:
    """A source's description as a phrase."""
    if isinstance(source, AudioDescription):
        return f"the {source.label}"
    known = dict(source.known)
    noun = {"M": "man", "F": "woman"}.get(known.pop("gender", ""), "speaker")
    styles = " and ".join(f"{value} {name}" for name, value in known.items())
    return f"the {noun} with {styles}" if styles else f"the {noun}"


def fit_probe(*, weights: str = "lcr-g", prompts: int = 4000, seed: int = 0) -> ReaderProbe:
    """A probe of a shipped joint model's reader, trained here and now (a minute or two)."""
    start = time.perf_counter()
    labels = tuple(Checkpoint.read(WEIGHTS / weights).config["labels"])
    probe = ReaderProbe(load_default(weights=weights), SlotVocabulary(labels))
    nats = probe.fit(prompts=prompts, seed=seed)
    print(
        f"reader-probe: {prompts} prompts of our own, {nats:.3f} nats a source, "
        f"{time.perf_counter() - start:.0f} s",
        flush=True,
    )
    return probe
